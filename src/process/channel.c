/* channel.c: messages over a SOCK_SEQPACKET socket, with a queue so that sending never blocks. */
#include "process/channel.h"
#include "log/log.h"
#include "os/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct {
    nc_list_t  link;
    int        fd;                              /* a copy of our own, -1: none */
    size_t     len;
    char       data[];
} queued_t;

static char  out_packet[NC_MSG_MAX];
static char  in_packet[NC_MSG_MAX];


void
nc_channel_init(nc_channel_t *c, int fd, nc_role_t peer)
{
    c->fd = fd;
    c->peer = peer;
    c->broken = false;
    c->n_queued = 0;
    nc_list_init(&c->queue);
}


static void
drop_queued(nc_channel_t *c, queued_t *q)
{
    nc_list_del(&q->link);
    nc_fd_close(&q->fd);
    free(q);
    c->n_queued--;
}


void
nc_channel_fini(nc_channel_t *c)
{
    nc_list_each_safe(&c->queue, it) {
        drop_queued(c, nc_container_of(it, queued_t, link));
    }

    nc_fd_close(&c->fd);
}


static nc_rc_t
enqueue(nc_channel_t *c, size_t len, int fd)
{
    queued_t  *q;

    if (c->n_queued == NC_CHANNEL_MAX_QUEUED) {
        c->broken = true;

        return NC_ERROR;
    }

    q = nc_malloc(sizeof(*q) + len);
    q->len = len;
    q->fd = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    memcpy(q->data, out_packet, len);
    nc_list_append(&c->queue, &q->link);
    c->n_queued++;

    if (fd != -1 && q->fd == -1) {
        nc_log(ERROR, PROCESS, "cannot keep a descriptor for a message: %s", strerror(errno));
        drop_queued(c, q);

        return NC_ERROR;
    }

    return NC_OK;
}


nc_rc_t
nc_channel_send(nc_channel_t *c, nc_msg_type_t type, const void *body, nc_str_t text, int fd)
{
    size_t   len;
    nc_rc_t  rc;

    if (c->fd == -1 || c->broken) {
        return NC_ERROR;
    }

    len = nc_msg_build(out_packet, type, body, text);

    if (c->n_queued) {
        return enqueue(c, len, fd);             /* order is kept */
    }

    rc = nc_sock_send(c->fd, out_packet, len, &fd, fd != -1);

    if (rc == NC_AGAIN) {
        return enqueue(c, len, fd);
    }

    if (rc == NC_ERROR) {
        c->broken = true;
    }

    return rc;
}


void
nc_channel_flush(nc_channel_t *c)
{
    nc_list_each_safe(&c->queue, it) {
        queued_t  *q = nc_container_of(it, queued_t, link);
        nc_rc_t    rc = nc_sock_send(c->fd, q->data, q->len, &q->fd, q->fd != -1);

        if (rc == NC_AGAIN) {
            return;
        }

        if (rc == NC_ERROR) {
            c->broken = true;

            return;
        }

        drop_queued(c, q);
    }
}


nc_rc_t
nc_channel_recv(nc_channel_t *c, nc_msg_t *m)
{
    for ( ;; ) {
        const char  *why = "too long";
        int          fds[NC_SOCK_MAX_FDS];
        unsigned     n_fds;
        size_t       len;
        nc_rc_t      rc = nc_sock_recv(c->fd, in_packet, sizeof(in_packet), &len, fds, &n_fds);

        if (rc == NC_AGAIN || rc == NC_DECLINED) {
            return rc;
        }

        if (rc == NC_ERROR && errno != EMSGSIZE) {
            return NC_DECLINED;
        }

        if (rc == NC_OK && nc_msg_parse(m, c->peer, in_packet, len, n_fds, &why) == NC_OK) {
            m->fd = n_fds ? fds[0] : -1;

            return NC_OK;
        }

        while (rc == NC_OK && n_fds) {
            close(fds[--n_fds]);
        }

        nc_log_limited(WARNING, PROCESS, "a message on the channel is dropped: it is %s", why);
    }
}
