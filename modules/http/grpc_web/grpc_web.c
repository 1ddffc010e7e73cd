/*
 * grpc_web.c: browsers' gRPC-Web to gRPC and back: content types, base64 of the text form, and
 * trailers as the last frame of the body.
 */
#include "base/module.h"
#include "codec/grpc.h"
#include "http/filter.h"
#include "http/grpc.h"

#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb-c.h"

#define WEB         "application/grpc-web"
#define WEB_TEXT    "application/grpc-web-text"

/* Bytes that wait for the rest of their group. */
typedef struct {
    uint8_t  bytes[4];
    uint8_t  n;
} group_t;

typedef struct {
    bool     web;
    bool     text;                              /* the request's body is base64 */
    bool     text_back;                         /* so is the response's */
    bool     translating;                       /* the response is one of gRPC */
    group_t  in;
    group_t  out;
} ctx_t;

static const char  alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


static int
value_of(uint8_t c)
{
    const char  *p = c ? memchr(alphabet, c, 64) : NULL;

    return p ? (int) (p - alphabet) : -1;
}


/* Four characters to at most three bytes. */
static nc_rc_t
decode_group(const uint8_t *g, nc_buf_t *out)
{
    int      v[4] = { value_of(g[0]), value_of(g[1]), value_of(g[2]), value_of(g[3]) };
    unsigned n = g[3] != '=' ? 3 : g[2] != '=' ? 2 : 1;
    uint8_t  bytes[3];

    if (v[0] < 0 || v[1] < 0 || (n > 1 && v[2] < 0) || (n > 2 && v[3] < 0)) {
        return NC_ERROR;
    }

    bytes[0] = (uint8_t) (v[0] << 2 | v[1] >> 4);
    bytes[1] = n > 1 ? (uint8_t) (v[1] << 4 | v[2] >> 2) : 0;
    bytes[2] = n > 2 ? (uint8_t) (v[2] << 6 | v[3]) : 0;
    nc_buf_add(out, bytes, n);

    return NC_OK;
}


static nc_rc_t
decode(group_t *g, nc_buf_t *data)
{
    nc_buf_t  out;
    nc_rc_t   rc = NC_OK;

    nc_buf_init(&out);

    for (uint32_t i = 0; i < data->n && rc == NC_OK; i++) {
        const nc_slice_t  *s = nc_buf_at(data, i);

        for (size_t k = 0; k < s->len && rc == NC_OK; k++) {
            g->bytes[g->n++] = (uint8_t) s->at[k];

            if (g->n == 4) {
                g->n = 0;
                rc = decode_group(g->bytes, &out);
            }
        }
    }

    nc_buf_drain(data, data->len);
    nc_buf_move_all(data, &out);
    nc_buf_fini(&out);

    return rc;
}


static void
encode_group(const uint8_t *b, unsigned n, nc_buf_t *out)
{
    char  text[4] = {
        alphabet[b[0] >> 2],
        alphabet[(b[0] & 3) << 4 | (n > 1 ? b[1] >> 4 : 0)],
        n > 1 ? alphabet[(b[1] & 15) << 2 | (n > 2 ? b[2] >> 6 : 0)] : '=',
        n > 2 ? alphabet[b[2] & 63] : '='
    };

    nc_buf_add(out, text, sizeof(text));
}


/* `end`: the last group is padded. */
static void
encode(group_t *g, nc_buf_t *data, bool end)
{
    nc_buf_t  out;

    nc_buf_init(&out);

    for (uint32_t i = 0; i < data->n; i++) {
        const nc_slice_t  *s = nc_buf_at(data, i);

        for (size_t k = 0; k < s->len; k++) {
            g->bytes[g->n++] = (uint8_t) s->at[k];

            if (g->n == 3) {
                encode_group(g->bytes, 3, &out);
                g->n = 0;
            }
        }
    }

    if (end && g->n > 0) {
        encode_group(g->bytes, g->n, &out);
        g->n = 0;
    }

    nc_buf_drain(data, data->len);
    nc_buf_move_all(data, &out);
    nc_buf_fini(&out);
}


/* ---- requests ---- */

static bool
type_is(nc_str_t type, nc_str_t wanted)
{
    return nc_str_starts(type, wanted)
           && (type.len == wanted.len || type.data[wanted.len] == '+'
               || type.data[wanted.len] == ';');
}


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    ctx_t         *ctx = nc_stream_ctx(s);
    nc_str_t       type = nc_headers_value(h, NC_H_CONTENT_TYPE);
    uint32_t       at = 0;
    nc_header_t   *accept;

    (void) conf;
    (void) end;
    ctx->text = type_is(type, NC_STR(WEB_TEXT));
    ctx->web = ctx->text || type_is(type, NC_STR(WEB));

    if (!ctx->web) {
        return NC_NEXT;
    }

    while ((accept = nc_headers_find(h, nc_header_names[NC_H_ACCEPT], &at)) != NULL) {
        ctx->text_back = ctx->text_back || nc_str_starts(accept->value, NC_STR(WEB_TEXT));
    }

    ctx->text_back = ctx->text_back || ctx->text;
    nc_headers_del_id(h, NC_H_CONTENT_LENGTH);
    nc_headers_set_id(h, NC_H_CONTENT_TYPE, NC_STR("application/grpc"));
    nc_headers_set_id(h, NC_H_TE, NC_STR("trailers"));
    nc_headers_set(h, NC_STR("grpc-accept-encoding"), NC_STR("identity"));

    return NC_NEXT;
}


static nc_verdict_t
on_request_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    ctx_t  *ctx = nc_stream_ctx(s);

    (void) conf;

    if (!ctx->text) {
        return NC_NEXT;
    }

    if (decode(&ctx->in, data) || (end && ctx->in.n > 0)) {
        nc_stream_reply(s, 400, NC_STR("Bad gRPC-web request, invalid base64 data."),
                        "grpc_base_64_decode_failed", NULL, NULL);
        return NC_TAKEN;
    }

    return NC_NEXT;
}


/* ---- responses ---- */

static nc_verdict_t
on_response_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    ctx_t  *ctx = nc_stream_ctx(s);

    (void) conf;

    if (!ctx->web || !nc_grpc_is_request(h)) {
        return NC_NEXT;
    }

    ctx->translating = !end;
    nc_headers_del_id(h, NC_H_CONTENT_LENGTH);
    nc_headers_set_id(h, NC_H_CONTENT_TYPE,
                      ctx->text_back ? NC_STR(WEB_TEXT "+proto") : NC_STR(WEB "+proto"));

    return NC_NEXT;
}


static nc_verdict_t
on_response_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    ctx_t  *ctx = nc_stream_ctx(s);

    (void) conf;

    if (ctx->translating && ctx->text_back) {
        encode(&ctx->out, data, end);
    }

    return NC_NEXT;
}


/* Trailers as a frame of their own: "name:value" lines (gRPC-Web, "Message framing"). */
static nc_verdict_t
on_response_trailers(nc_stream_t *s, const void *conf, nc_headers_t *t)
{
    ctx_t     *ctx = nc_stream_ctx(s);
    nc_buf_t   frame;
    size_t     len = 0;

    (void) conf;

    if (!ctx->translating) {
        return NC_NEXT;
    }

    nc_headers_each(t, it) {
        len += it->name.len + it->value.len + 3;
    }

    nc_buf_init(&frame);
    nc_grpc_frame_header(&frame, NC_GRPC_TRAILERS, (uint32_t) len);

    nc_headers_each(t, it) {
        nc_buf_add_str(&frame, it->name);
        nc_buf_add(&frame, ":", 1);
        nc_buf_add_str(&frame, it->value);
        nc_buf_add(&frame, "\r\n", 2);
    }

    if (ctx->text_back) {
        encode(&ctx->out, &frame, true);
    }

    nc_stream_pass_response_data(s, nc_stream_self(s), &frame, true);
    nc_buf_fini(&frame);

    return NC_TAKEN;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    (void) message;

    return nc_pool_alloc(cc->pool, 1);
}


static const nc_http_filter_ops_t  ops = {
    .ctx_size = sizeof(ctx_t),
    .on_request_headers = on_request_headers,
    .on_request_data = on_request_data,
    .on_response_headers = on_response_headers,
    .on_response_data = on_response_data,
    .on_response_trailers = on_response_trailers
};

const nc_module_t  nc_http_grpc_web_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.grpc_web",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__grpc_web__v3__grpc_web__descriptor,
    .compile = compile,
    .http_filter = &ops
};
