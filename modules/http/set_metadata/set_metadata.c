/* set_metadata.c: writes fixed values into the dynamic metadata of every stream. */
#include "base/module.h"
#include "http/dynamic_metadata.h"
#include "http/filter.h"

#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb-c.h"

typedef Envoy__Extensions__Filters__Http__SetMetadata__V3__Config  message_t;

typedef struct {
    nc_str_t           space;
    const nc_value_t  *value;
    bool               overwrite;
} item_t;

typedef struct {
    const item_t  *items;
    uint32_t       n;
} conf_t;


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t    *c = conf;
    nc_http_info_t  *info = nc_stream_info(s);

    (void) h;
    (void) end;

    for (uint32_t i = 0; i < c->n; i++) {
        if (c->items[i].overwrite || !nc_dynamic_metadata_has(info, c->items[i].space)) {
            nc_dynamic_metadata_merge(info, nc_stream_pool(s), c->items[i].space,
                                      c->items[i].value);
        }
    }

    return NC_NEXT;
}


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    bool              old = m->metadata_namespace[0] != '\0';
    item_t           *items = nc_pool_array(cc->pool, m->n_metadata + 1, sizeof(*items));
    conf_t           *c = nc_pool_new(cc->pool, conf_t);

    if (old) {
        items[c->n++] = (item_t) {
            .space = nc_pool_str(cc->pool, nc_str_c(m->metadata_namespace)),
            .value = nc_value_compile(cc->pool, m->value),
            .overwrite = true
        };
    }

    for (size_t i = 0; i < m->n_metadata; i++) {
        items[c->n++] = (item_t) {
            .space = nc_pool_str(cc->pool, nc_str_c(m->metadata[i]->metadata_namespace)),
            .value = nc_value_compile(cc->pool, m->metadata[i]->value),
            .overwrite = m->metadata[i]->allow_overwrite
        };
    }

    c->items = items;

    return c;
}


static const nc_http_filter_ops_t  ops = { .on_request_headers = on_request_headers };

const nc_module_t  nc_http_set_metadata_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.set_metadata",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__set_metadata__v3__config__descriptor,
    .compile = compile,
    .http_filter = &ops
};
