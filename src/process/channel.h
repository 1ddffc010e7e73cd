/*
 * channel.h: one end of a pair that carries messages.h. Sending never blocks: what the other side
 * does not take yet is queued (bounded; beyond that it counts as hung and the channel is broken).
 */
#ifndef NC_PROCESS_CHANNEL_H
#define NC_PROCESS_CHANNEL_H

#include "base/list.h"
#include "process/messages.h"

#define NC_CHANNEL_MAX_QUEUED   65536u          /* messages */

typedef struct {
    int        fd;                              /* -1: closed */
    nc_role_t  peer;
    bool       broken;                          /* sending failed: the other side is gone */
    unsigned   n_queued;
    nc_list_t  queue;                           /* of packets not sent yet */
} nc_channel_t;

/* Takes over `fd`. */
void nc_channel_init(nc_channel_t *c, int fd, nc_role_t peer);

/* Closes; what is queued is dropped. */
void nc_channel_fini(nc_channel_t *c);

/*
 * Sends or queues. `body` may be NULL for messages without one; `fd` -1: none (the caller keeps
 * its own). NC_ERROR: the channel is broken.
 */
nc_rc_t nc_channel_send(nc_channel_t *c, nc_msg_type_t type, const void *body, nc_str_t text,
    int fd);

/* Sends what is queued, now that the fd is writable. */
void nc_channel_flush(nc_channel_t *c);

static inline bool
nc_channel_wants_write(const nc_channel_t *c)
{
    return c->n_queued != 0;
}

/*
 * Takes one good message; bad ones are logged and skipped. m->text is good until the next call, in
 * this process, of any channel. NC_AGAIN: none there. NC_DECLINED: the other side is gone.
 */
nc_rc_t nc_channel_recv(nc_channel_t *c, nc_msg_t *m);

#endif
