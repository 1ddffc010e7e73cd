/* dns_server.h: a name server on the loopback for tests, in a process of its own. */
#ifndef T_UPSTREAM_DNS_SERVER_H
#define T_UPSTREAM_DNS_SERVER_H

#include "base/base.h"

#include <sys/types.h>

/* What it does about a name; changed by the test at any time. */
typedef struct {
    char      name[64];
    char      v4[4][16];                        /* addresses, "" ends */
    char      v6[4][46];
    uint32_t  ttl;
    int       rcode;                            /* 0, 2: server failure, 3: no such name */
    bool      silent;                           /* no answer at all */
    bool      truncate;                         /* by UDP; the answer comes by TCP */
    uint32_t  asked;                            /* times */
} dns_record_t;

typedef struct {
    dns_record_t  records[8];                   /* shared memory; unknown names do not exist */
    uint16_t      port;
    char          servers[32];                  /* "127.0.0.1:PORT" */
    pid_t         pid;
} dns_server_t;

dns_server_t *dns_server_start(void);
void dns_server_stop(dns_server_t *s);

#endif
