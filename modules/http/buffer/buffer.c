/* buffer.c: holds a request until its body is whole. */
#include "base/module.h"
#include "http/filter.h"

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb-c.h"

typedef struct {
    uint64_t  max_bytes;
    bool      disabled;                         /* per route only */
} conf_t;

typedef struct {
    bool      holding;
    uint64_t  bytes;
} ctx_t;


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t  *c = nc_stream_route_conf(s);
    ctx_t         *ctx = nc_stream_ctx(s);

    (void) h;

    if (c == NULL) {
        c = conf;
    }

    if (end || c->disabled) {
        return NC_NEXT;
    }

    ctx->holding = true;
    nc_stream_set_request_limit(s, c->max_bytes);

    return NC_WAIT_BUFFER;                      /* the core answers 413 above the limit */
}


static nc_verdict_t
on_request_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    ctx_t         *ctx = nc_stream_ctx(s);
    nc_headers_t  *h = nc_stream_request_headers(s);
    char          *digits;
    size_t         n;

    (void) conf;

    if (!ctx->holding || !end || nc_headers_get(h, NC_H_CONTENT_LENGTH)) {
        return NC_NEXT;
    }

    digits = nc_pool_alloc(nc_stream_pool(s), 24);
    n = nc_u64_format(digits, data->len);
    nc_headers_add_id(h, NC_H_CONTENT_LENGTH, nc_str(digits, n));

    return NC_NEXT;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Filters__Http__Buffer__V3__Buffer  *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->max_bytes = m->max_request_bytes->value;

    return c;
}


static const void *
route_compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Filters__Http__Buffer__V3__BufferPerRoute  *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    if (m->override_case
        == ENVOY__EXTENSIONS__FILTERS__HTTP__BUFFER__V3__BUFFER_PER_ROUTE__OVERRIDE_BUFFER)
    {
        c->max_bytes = m->buffer->max_request_bytes->value;
    } else {
        c->disabled = m->disabled;
    }

    return c;
}


static const nc_http_filter_ops_t  ops = {
    .ctx_size = sizeof(ctx_t),
    .on_request_headers = on_request_headers,
    .on_request_data = on_request_data
};

const nc_module_t  nc_http_buffer_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.buffer",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__buffer__v3__buffer__descriptor,
    .route_config = &envoy__extensions__filters__http__buffer__v3__buffer_per_route__descriptor,
    .compile = compile,
    .route_compile = route_compile,
    .http_filter = &ops
};
