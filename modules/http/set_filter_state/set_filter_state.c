/* set_filter_state.c: leaves formatted texts on the stream, for matchers, formats and filters. */
#include "base/module.h"
#include "http/filter_state.h"
#include "http/formatter.h"
#include "http/stream.h"

#include "envoy/config/core/v3/substitution_format_string.pb-c.h"
#include "envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.pb-c.h"

typedef Envoy__Extensions__Filters__Http__SetFilterState__V3__Config             message_t;
typedef Envoy__Extensions__Filters__Common__SetFilterState__V3__FilterStateValue  value_msg_t;

typedef struct {
    nc_str_t            key;
    const nc_format_t  *format;
    bool                read_only;
    bool                skip_if_empty;
} item_t;

typedef struct {
    const item_t  *items;
    uint32_t       n;
    bool           clear_route;
} conf_t;


static void
set(nc_stream_t *s, const conf_t *c)
{
    nc_sb_t         text;
    nc_http_view_t  view = nc_stream_view(s);

    nc_sb_init(&text);

    for (uint32_t i = 0; i < c->n; i++) {
        const item_t  *item = &c->items[i];

        nc_sb_reset(&text);
        nc_format_print(item->format, &view, &text);

        if (text.len > 0 || !item->skip_if_empty) {
            (void) nc_filter_state_set(nc_stream_info(s), nc_stream_pool(s), item->key,
                                       nc_pool_str(nc_stream_pool(s), nc_sb_str(&text)),
                                       item->read_only);
        }
    }

    nc_sb_fini(&text);
}


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t  *c = conf, *of_route = nc_stream_route_conf(s);

    (void) h;
    (void) end;
    set(s, c);

    if (of_route != NULL) {
        set(s, of_route);
    }

    if (c->clear_route || (of_route != NULL && of_route->clear_route)) {
        nc_manager_reroute(s);
    }

    return NC_NEXT;
}


static bool
compile_item(nc_compile_t *cc, const value_msg_t *m, item_t *item)
{
    item->key = nc_pool_str(cc->pool, nc_str_c(m->object_key));
    item->read_only = m->read_only;
    item->skip_if_empty = m->skip_if_empty;
    item->format = m->format_string ? nc_format_compile_message(cc, m->format_string) : NULL;

    if (m->format_string == NULL) {
        nc_compile_error(cc, &m->base, "format_string", "is required");
    }

    return item->format != NULL;
}


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    bool              ok = true;
    item_t           *items = nc_pool_array(cc->pool, m->n_on_request_headers, sizeof(*items));
    conf_t           *c = nc_pool_new(cc->pool, conf_t);

    for (size_t i = 0; i < m->n_on_request_headers; i++) {
        ok = compile_item(cc, m->on_request_headers[i], &items[i]) && ok;
    }

    c->items = items;
    c->n = (uint32_t) m->n_on_request_headers;
    c->clear_route = m->clear_route_cache;

    return ok ? c : NULL;
}


static const nc_http_filter_ops_t  ops = { .on_request_headers = on_request_headers };

const nc_module_t  nc_http_set_filter_state_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.set_filter_state",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__set_filter_state__v3__config__descriptor,
    .route_config = &envoy__extensions__filters__http__set_filter_state__v3__config__descriptor,
    .compile = compile,
    .route_compile = compile,
    .http_filter = &ops
};
