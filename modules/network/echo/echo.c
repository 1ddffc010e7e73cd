/* echo.c: the terminal filter that sends back what it gets. */
#include "net/acceptor.h"

#include "envoy/extensions/filters/network/echo/v3/echo.pb-c.h"

#define ECHO_MAGIC  0x6e636563u

typedef struct {
    uint32_t                   magic;
    nc_acceptor_t             *a;
    const nc_listener_conf_t  *listener;        /* pinned by the acceptor */
} session_t;


static void
on_read(nc_conn_t *c)
{
    NC_OBJ_CHECK((session_t *) c->owner, ECHO_MAGIC);
    nc_buf_move_all(&c->out, &c->in);
    nc_conn_touch(c);

    if (c->high_mark && c->out.len > c->high_mark) {
        c->over_high = true;
        nc_conn_gate(c, NC_GATE_DOWNSTREAM);
    }

    if (c->eof) {
        nc_conn_finish(c, NC_CLOSE_PEER, false, 0);
    }
}


static void
on_drained(nc_conn_t *c)
{
    nc_conn_ungate(c, NC_GATE_DOWNSTREAM);
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    session_t  *s = c->owner;

    (void) why;
    nc_acceptor_conn_closed(s->a, c, s->listener);
    s->magic = 0;
    nc_defer_free(s);
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_close = on_close
};


static void
begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a, const nc_listener_conf_t *listener)
{
    session_t  *s = nc_malloc(sizeof(*s));

    (void) conf;
    *s = (session_t) { .magic = ECHO_MAGIC, .a = a, .listener = listener };
    c->ops = &conn_ops;
    c->owner = s;
    c->early_close = false;
}


static const nc_network_filter_ops_t  ops = {
    .on_new = begin,
    .terminal = true
};

extern const nc_module_t  nc_network_echo_module;

const nc_module_t  nc_network_echo_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.echo",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__echo__v3__echo__descriptor,
    .network_filter = &ops
};
