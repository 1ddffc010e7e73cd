/* set_filter_state.c: names filter state when a connection begins. */
#include "http/formatter.h"
#include "net/acceptor.h"

#include "envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.pb-c.h"

typedef Envoy__Extensions__Filters__Network__SetFilterState__V3__Config            message_t;
typedef Envoy__Extensions__Filters__Common__SetFilterState__V3__FilterStateValue  value_t;

typedef struct {
    nc_str_t            key;
    const nc_format_t  *format;
    bool                read_only;
    bool                skip_if_empty;
} object_t;

/* An image object. */
typedef struct {
    object_t  *objects;
    size_t     n;
} conf_t;


static nc_verdict_t
on_connection(nc_net_filter_t *f)
{
    const conf_t     *conf = f->conf;
    nc_conn_t        *c = f->c;
    nc_conn_info_t    ci = { .id = c->id, .remote = c->remote, .listener = f->listener->ctx.name };
    nc_http_info_t    info = { .conn = &ci, .remote = c->remote, .start_us = nc_now_us,
                               .start_wall_us = nc_wall_us() };
    nc_http_view_t    view = { .info = &info };
    nc_sb_t           sb;

    ci.direct_remote = c->facts->direct_remote.sa.sa_family ? c->facts->direct_remote : c->remote;
    ci.requested_server_name = c->facts->server_name;
    nc_conn_local(c, &ci.local);
    nc_sb_init(&sb);

    for (size_t i = 0; i < conf->n; i++) {
        nc_sb_reset(&sb);
        nc_format_print(conf->objects[i].format, &view, &sb);

        if (sb.len > 0 || !conf->objects[i].skip_if_empty) {
            (void) nc_conn_fact_set(c, NC_STR_NULL, conf->objects[i].key,
                                    nc_str(sb.data ? sb.data : "", sb.len),
                                    conf->objects[i].read_only, false);
        }
    }

    nc_sb_fini(&sb);

    return NC_NEXT;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    unsigned          errors = cc->errors->n;

    c->n = m->n_on_new_connection;
    c->objects = nc_pool_array(cc->pool, c->n, sizeof(*c->objects));

    for (size_t i = 0; i < c->n; i++) {
        const value_t  *v = m->on_new_connection[i];
        object_t       *o = &c->objects[i];

        o->key = nc_pool_str(cc->pool, nc_str_c(v->object_key));
        o->format = nc_format_compile_message(cc, v->format_string);
        o->read_only = v->read_only;
        o->skip_if_empty = v->skip_if_empty;
    }

    return cc->errors->n > errors ? NULL : c;
}


static const nc_network_filter_ops_t  ops = {
    .on_connection = on_connection
};

extern const nc_module_t  nc_network_set_filter_state_module;

const nc_module_t  nc_network_set_filter_state_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.set_filter_state",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__set_filter_state__v3__config__descriptor,
    .compile = compile,
    .network_filter = &ops
};
