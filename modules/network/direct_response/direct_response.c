/* direct_response.c: the terminal filter that sends a text and closes. */
#include "api/data_source.h"
#include "net/acceptor.h"

#include "envoy/extensions/filters/network/direct_response/v3/config.pb-c.h"

#define RESPONSE_MAX    (1u << 20)
#define LINGER_MS       1000u
#define SESSION_MAGIC   0x6e636472u

typedef Envoy__Extensions__Filters__Network__DirectResponse__V3__Config  message_t;

typedef struct {
    uint32_t                   magic;
    nc_acceptor_t             *a;
    const nc_listener_conf_t  *listener;        /* pinned by the acceptor */
} session_t;


static void
on_read(nc_conn_t *c)
{
    nc_buf_drain(&c->in, c->in.len);
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, SESSION_MAGIC);
    (void) why;
    nc_acceptor_conn_closed(s->a, c, s->listener);
    s->magic = 0;
    nc_defer_free(s);
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_close = on_close
};


static void
begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a, const nc_listener_conf_t *listener)
{
    const nc_str_t  *text = conf;
    session_t       *s = nc_malloc(sizeof(*s));

    *s = (session_t) { .magic = SESSION_MAGIC, .a = a, .listener = listener };
    c->ops = &conn_ops;
    c->owner = s;

    if (text->len) {
        nc_buf_add_str(&c->out, *text);
        nc_conn_touch(c);
    }

    nc_conn_finish(c, NC_CLOSE_LOCAL, true, LINGER_MS);
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    nc_str_t         *text = nc_pool_new(cc->pool, nc_str_t);

    if (m->response
        && nc_data_source_read(cc, m->response, RESPONSE_MAX, cc->pool, text) != NC_OK)
    {
        return NULL;
    }

    return text;
}


static const nc_network_filter_ops_t  ops = {
    .on_new = begin,
    .terminal = true
};

extern const nc_module_t  nc_network_direct_response_module;

const nc_module_t  nc_network_direct_response_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.direct_response",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__direct_response__v3__config__descriptor,
    .compile = compile,
    .network_filter = &ops
};
