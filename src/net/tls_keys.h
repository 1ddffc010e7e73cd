/*
 * tls_keys.h: the machine's keys of session tickets, in a page that is shared from before the fork.
 *
 * Invariants:
 *  1. The helper writes, all others read. A reader never sees half of a change.
 *  2. A ticket can be opened for at least NC_TLS_KEYS_ROTATE_MS after it was made.
 */
#ifndef NC_NET_TLS_KEYS_H
#define NC_NET_TLS_KEYS_H

#include "net/tls_conf.h"

#define NC_TLS_KEYS             3u              /* current, next, previous */
#define NC_TLS_KEYS_ROTATE_MS   (12u * 3600u * 1000u)

typedef struct {
    uint32_t  n;                                /* 0: there are none yet */
    uint8_t   keys[NC_TLS_KEYS][NC_TLS_TICKET_KEY];     /* the first one encrypts */
} nc_tls_keys_t;

/* What is there now; without a shared page the process makes keys of its own. */
void nc_tls_keys_read(nc_tls_keys_t *out);

/* The next key becomes the current one, the current one the previous. Helper only. */
void nc_tls_keys_rotate(void);

#endif
