/* listener_filter.c: the phase between accept and the filter chain. */
#include "net/listener_filter.h"

#include "log/log.h"

#include <errno.h>

#define PRE_MAGIC   0x6e637072u

/* A connection in the phase. */
typedef struct {
    uint32_t                   magic;
    uint32_t                   at;              /* the filter at work */
    bool                       began;           /* its on_accept was called */
    nc_conn_t                 *c;
    nc_acceptor_t             *a;
    const nc_listener_conf_t  *listener;        /* pinned by the acceptor */
} pre_t;

static uint8_t  peeked[NC_PEEK_MAX];


/* The phase is over; c->owner is whoever comes next. */
static void
leave(pre_t *p)
{
    nc_gauge_dec(p->listener->stats.downstream_pre_cx_active);
    nc_timer_stop(&p->c->timer);
    p->magic = 0;
    nc_defer_free(p);
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    pre_t  *p = c->owner;

    NC_OBJ_CHECK(p, PRE_MAGIC);
    (void) why;
    nc_acceptor_let_go(p->a, c, p->listener);
    leave(p);
}


static void
on_read(nc_conn_t *c)
{
    (void) c;                                   /* on_readable is there instead */
}


static void
finish(pre_t *p)
{
    nc_conn_t                 *c = p->c;
    nc_acceptor_t             *a = p->a;
    const nc_listener_conf_t  *listener = p->listener;

    leave(p);
    nc_acceptor_serve(a, c, listener);

    if (c->state == NC_CONN_OPEN) {
        c->readable = true;                     /* what was peeked makes no event any more */
        nc_conn_kick(c);
    }
}


static void
fail(pre_t *p)
{
    nc_counter_inc(p->listener->stats.downstream_listener_filter_error);
    nc_conn_close(p->c, NC_CLOSE_PROTOCOL);
}


/* What is there now, up to `max` bytes. -1: nothing, or the connection was closed. */
static ssize_t
peek(pre_t *p, size_t max)
{
    nc_conn_t  *c = p->c;
    ssize_t     n;

    do {
        n = recv(c->ev.fd, peeked, NC_MIN(max, sizeof(peeked)), MSG_PEEK);
    } while (n == -1 && errno == EINTR);

    c->readable = false;

    if (n > 0 || (n == -1 && errno == EAGAIN)) {
        return n;
    }

    nc_counter_inc(p->listener->stats.downstream_listener_filter_remote_close);
    nc_conn_close(c, n == 0 ? NC_CLOSE_PEER : NC_CLOSE_PEER_RESET);

    return -1;
}


/* What a filter took is taken from the socket; it was peeked, so it is there. */
static bool
take(nc_conn_t *c, size_t n)
{
    while (n > 0) {
        ssize_t  got = recv(c->ev.fd, peeked, n, 0);

        if (got <= 0) {
            return false;
        }

        c->rx += (uint64_t) got;
        n -= (size_t) got;
    }

    return true;
}


/* One call of the filter's on_data. NC_AGAIN: wait for bytes. */
static nc_rc_t
show(pre_t *p, const nc_filter_ref_t *ref, nc_listener_filter_t *f)
{
    const nc_listener_filter_ops_t  *ops = ref->module->listener_filter;
    size_t                           max = ops->max_bytes(ref->conf);
    ssize_t                          n = peek(p, max);
    nc_rc_t                          rc;

    if (n == -1) {
        return NC_AGAIN;
    }

    f->data = peeked;
    f->len = (size_t) n;
    f->consume = 0;
    rc = ops->on_data(f);

    if (rc == NC_AGAIN) {
        bool  full = f->len >= max;             /* it will never see more */

        if (!full && p->c->hung_up) {
            nc_counter_inc(p->listener->stats.downstream_listener_filter_remote_close);
            nc_conn_close(p->c, NC_CLOSE_PEER);
            return NC_AGAIN;
        }

        return full ? NC_ERROR : NC_AGAIN;
    }

    if (rc == NC_OK && !take(p->c, f->consume)) {
        return NC_ERROR;
    }

    return rc;
}


/* Goes on as far as the bytes allow. */
static void
walk(pre_t *p)
{
    const nc_listener_conf_t  *l = p->listener;

    while (p->at < l->n_filters) {
        const nc_filter_ref_t           *ref = &l->filters[p->at];
        const nc_listener_filter_ops_t  *ops = ref->module->listener_filter;
        nc_listener_filter_t             f = { .c = p->c, .listener = l, .conf = ref->conf };
        nc_rc_t                          rc = NC_AGAIN;

        if (!p->began && ops->on_accept) {
            rc = ops->on_accept(&f);
        }

        p->began = true;

        if (rc == NC_AGAIN) {
            rc = show(p, ref, &f);
        }

        if (rc == NC_AGAIN) {
            return;
        }

        if (rc == NC_DECLINED) {
            nc_conn_close(p->c, NC_CLOSE_OVERFLOW);
            return;
        }

        if (rc != NC_OK) {
            fail(p);
            return;
        }

        p->at++;
        p->began = false;
    }

    finish(p);
}


static void
on_readable(nc_conn_t *c)
{
    pre_t  *p = c->owner;

    NC_OBJ_CHECK(p, PRE_MAGIC);
    walk(p);
}


static void
on_timeout(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);
    pre_t      *p = c->owner;

    NC_OBJ_CHECK(p, PRE_MAGIC);
    nc_counter_inc(p->listener->stats.downstream_pre_cx_timeout);

    if (p->listener->continue_on_timeout) {
        finish(p);

    } else {
        nc_conn_close(c, NC_CLOSE_IDLE);
    }
}


static void
on_drain(nc_conn_t *c)
{
    nc_conn_close(c, NC_CLOSE_DRAIN);
}


static const nc_conn_ops_t  ops = {
    .on_read = on_read,
    .on_close = on_close,
    .on_drain = on_drain,
    .on_readable = on_readable
};


void
nc_listener_filters_run(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    pre_t  *p = nc_calloc(sizeof(*p));

    p->magic = PRE_MAGIC;
    p->c = c;
    p->a = a;
    p->listener = listener;
    c->ops = &ops;
    c->owner = p;
    c->timer.handler = on_timeout;
    nc_gauge_inc(listener->stats.downstream_pre_cx_active);

    if (listener->filters_timeout_ms) {
        nc_timer_start(&c->timer, listener->filters_timeout_ms);
    }

    walk(p);
}
