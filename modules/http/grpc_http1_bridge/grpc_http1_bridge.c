/* grpc_http1_bridge.c: gRPC for clients that speak HTTP/1.1 and see no trailers. */
#include "base/module.h"
#include "codec/grpc.h"
#include "http/filter.h"
#include "http/grpc.h"

#include "envoy/extensions/filters/http/grpc_http1_bridge/v3/config.pb-c.h"

#define PROTOBUF    "application/x-protobuf"

typedef struct {
    bool  upgrade;
    bool  ignore_query;
} conf_t;

typedef struct {
    bool  bridging;                             /* trailers become headers */
    bool  framing;                              /* bodies are bare messages on the client's side */
} ctx_t;


static void
set_length(nc_stream_t *s, nc_headers_t *h, size_t bytes)
{
    char  *digits = nc_pool_alloc(nc_stream_pool(s), 24);

    nc_headers_set_id(h, NC_H_CONTENT_LENGTH, nc_str(digits, nc_u64_format(digits, bytes)));
}


/* A bare protobuf message goes on as a gRPC request. */
static void
upgrade(nc_stream_t *s, const conf_t *c, nc_headers_t *h)
{
    ctx_t         *ctx = nc_stream_ctx(s);
    nc_header_t   *path = nc_headers_get(h, NC_H_PATH);
    const char    *query;

    ctx->framing = true;
    nc_headers_set_id(h, NC_H_CONTENT_TYPE, NC_STR("application/grpc"));
    nc_headers_del_id(h, NC_H_CONTENT_LENGTH);

    if (c->ignore_query && path && (query = memchr(path->value.data, '?', path->value.len))) {
        nc_headers_set_id(h, NC_H_PATH, nc_str(path->value.data,
                                               (size_t) (query - path->value.data)));
    }
}


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t   *c = conf;
    ctx_t          *ctx = nc_stream_ctx(s);
    nc_protocol_t   protocol = nc_stream_info(s)->protocol;

    if (c->upgrade && nc_str_eq(nc_headers_value(h, NC_H_CONTENT_TYPE), NC_STR(PROTOBUF))) {
        upgrade(s, c, h);
    }

    ctx->bridging = nc_grpc_is_request(h)
                    && (protocol == NC_PROTOCOL_HTTP10 || protocol == NC_PROTOCOL_HTTP11);

    if (ctx->framing || ctx->bridging) {        /* HTTP/1 clients rarely say it, servers insist */
        nc_headers_set_id(h, NC_H_TE, NC_STR("trailers"));
    }

    return ctx->framing && !end ? NC_WAIT_BUFFER : NC_NEXT;
}


static nc_verdict_t
on_request_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    ctx_t     *ctx = nc_stream_ctx(s);
    nc_buf_t   message;

    (void) conf;
    (void) end;

    if (!ctx->framing) {
        return NC_NEXT;
    }

    nc_buf_init(&message);
    nc_buf_move_all(&message, data);
    nc_grpc_frame_header(data, 0, (uint32_t) message.len);
    nc_buf_move_all(data, &message);
    nc_buf_fini(&message);

    return NC_NEXT;
}


static nc_verdict_t
on_response_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    ctx_t  *ctx = nc_stream_ctx(s);

    (void) conf;
    (void) h;

    return ctx->bridging && !end ? NC_WAIT_BUFFER : NC_NEXT;
}


/* The whole body is there, and the trailers when there are some. */
static nc_verdict_t
on_response_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    ctx_t               *ctx = nc_stream_ctx(s);
    nc_headers_t        *h = nc_stream_response_headers(s);
    const nc_headers_t  *t = nc_stream_view(s).response_trailers;
    nc_str_t             status;

    (void) conf;
    (void) end;

    if (!ctx->bridging) {
        return NC_NEXT;
    }

    status = t ? nc_headers_value(t, NC_H_GRPC_STATUS) : NC_STR_NULL;

    if (status.data) {
        if (!nc_str_eq(status, NC_STR("0"))) {
            nc_headers_set_id(h, NC_H_STATUS, NC_STR("503"));
        }

        nc_headers_set_id(h, NC_H_GRPC_STATUS, status);

        if (nc_headers_get(t, NC_H_GRPC_MESSAGE)) {
            nc_headers_set_id(h, NC_H_GRPC_MESSAGE, nc_headers_value(t, NC_H_GRPC_MESSAGE));
        }
    }

    if (ctx->framing) {
        nc_headers_set_id(h, NC_H_CONTENT_TYPE, NC_STR(PROTOBUF));
        nc_buf_drain(data, NC_MIN(data->len, (size_t) NC_GRPC_FRAME_HEADER));
    }

    set_length(s, h, data->len);

    return NC_NEXT;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Filters__Http__GrpcHttp1Bridge__V3__Config  *m
        = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->upgrade = m->upgrade_protobuf_to_grpc;
    c->ignore_query = m->ignore_query_parameters;

    return c;
}


static const nc_http_filter_ops_t  ops = {
    .ctx_size = sizeof(ctx_t),
    .on_request_headers = on_request_headers,
    .on_request_data = on_request_data,
    .on_response_headers = on_response_headers,
    .on_response_data = on_response_data
};

const nc_module_t  nc_http_grpc_http1_bridge_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.grpc_http1_bridge",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__grpc_http1_bridge__v3__config__descriptor,
    .compile = compile,
    .http_filter = &ops
};
