/* local_reply.c: see local_reply.h. The first mapper whose filter holds is the one that counts. */
#include "http/local_reply.h"

#include "api/data_source.h"
#include "http/formatter.h"
#include "http/grpc.h"
#include "http/hcm_priv.h"
#include "http/log_filter.h"
#include "http/mutations.h"
#include "http/stream.h"

#define MAX_BODY    4096u                       /* of ResponseMapper.body, as in Envoy's docs */

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__LocalReplyConfig
    config_t;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__ResponseMapper
    mapper_msg_t;

typedef struct {
    const nc_log_filter_t  *filter;
    uint32_t                status;             /* 0: stays */
    nc_str_t                body;               /* data NULL: stays */
    const nc_format_t      *format;             /* NULL: the common one */
    const nc_mutations_t   *headers;
} mapper_t;

struct nc_local_reply_s {
    mapper_t           *mappers;
    uint32_t            n_mappers;
    const nc_format_t  *format;                 /* NULL: the body as it is */
};


static void
compile_mapper(nc_compile_t *cc, mapper_t *m, const mapper_msg_t *msg)
{
    nc_mutations_src_t  src = {
        .message = &msg->base,
        .add_field = "headers_to_add",
        .add = msg->headers_to_add,
        .n_add = msg->n_headers_to_add
    };

    m->filter = nc_log_filter_compile(cc, msg->filter);
    m->status = msg->status_code ? msg->status_code->value : 0;

    if (msg->body) {
        (void) nc_data_source_read(cc, msg->body, MAX_BODY, cc->pool, &m->body);
    }

    if (msg->body_format_override) {
        m->format = nc_format_compile_message(cc, msg->body_format_override);
    }

    (void) nc_mutations_compile(cc, &src, &m->headers);
}


const nc_local_reply_t *
nc_local_reply_compile(nc_compile_t *cc, const config_t *msg)
{
    nc_local_reply_t  *l;

    if (msg == NULL) {
        return NULL;
    }

    l = nc_pool_new(cc->pool, nc_local_reply_t);
    l->mappers = nc_pool_array(cc->pool, msg->n_mappers, sizeof(*l->mappers));
    l->n_mappers = (uint32_t) msg->n_mappers;

    for (uint32_t i = 0; i < l->n_mappers; i++) {
        compile_mapper(cc, &l->mappers[i], msg->mappers[i]);
    }

    if (msg->body_format) {
        l->format = nc_format_compile_message(cc, msg->body_format);
    }

    return l;
}


static void
set_status(nc_stream_t *s, nc_headers_t *h, unsigned status)
{
    char  *digits = nc_pool_alloc(&s->pool, 24);

    nc_headers_set_id(h, NC_H_STATUS, nc_str(digits, nc_u64_format(digits, status)));
    s->info.status = (uint16_t) status;
}


/* What the configuration makes of the answer; returns the body's content-type. */
static nc_str_t
rewrite(nc_stream_t *s, nc_headers_t *h, nc_str_t *body)
{
    const nc_local_reply_t  *l = s->hcm->local_reply;
    const nc_format_t       *format;
    nc_http_view_t           view = nc_stream_view(s);
    nc_sb_t                  sb;

    view.response = h;
    s->info.local_reply_body = *body;

    if (l == NULL) {
        return NC_STR("text/plain");
    }

    format = l->format;

    for (uint32_t i = 0; i < l->n_mappers; i++) {
        const mapper_t  *m = &l->mappers[i];

        if (!nc_log_filter_holds(m->filter, &view, s->random, &s->pool)) {
            continue;
        }

        if (m->body.data) {
            *body = s->info.local_reply_body = m->body;
        }

        nc_mutations_apply(m->headers, h, &view, &s->pool);

        if (m->status) {
            set_status(s, h, m->status);
        }

        format = m->format ? m->format : format;
        break;
    }

    if (format == NULL) {
        return NC_STR("text/plain");
    }

    nc_sb_init(&sb);
    nc_format_print(format, &view, &sb);
    *body = nc_pool_str(&s->pool, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return nc_format_content_type(format);
}


/* gRPC's form: status 200, the outcome in grpc-status, the text in grpc-message, no body. */
static void
make_grpc(nc_stream_t *s, nc_headers_t *h, nc_str_t *body)
{
    unsigned   status = s->reply_grpc ? s->reply_grpc : nc_grpc_of_http(s->info.status);
    char      *digits = nc_pool_alloc(&s->pool, 24);
    nc_str_t   text = *body;
    nc_sb_t    sb;

    if (nc_headers_get(h, NC_H_GRPC_STATUS) == NULL) {
        nc_headers_add_id(h, NC_H_GRPC_STATUS, nc_str(digits, nc_u64_format(digits, status)));
    }

    set_status(s, h, 200);
    nc_headers_set_id(h, NC_H_CONTENT_TYPE, NC_STR("application/grpc"));

    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    if (text.len > 0) {
        nc_sb_init(&sb);
        nc_grpc_message_print(text, &sb);
        nc_headers_set_id(h, NC_H_GRPC_MESSAGE, nc_pool_str(&s->pool, nc_sb_str(&sb)));
        nc_sb_fini(&sb);
    }

    *body = NC_STR("");
}


nc_headers_t *
nc_local_reply_make(nc_stream_t *s, unsigned status, nc_str_t *body, nc_reply_edit_t edit,
    void *data)
{
    nc_headers_t  *h = nc_pool_new(&s->pool, nc_headers_t);
    nc_header_t   *type;
    nc_str_t       content_type;
    char          *digits;

    *body = nc_pool_str(&s->pool, *body);
    nc_headers_init(h, &s->pool);
    set_status(s, h, status);

    if (edit) {
        edit(s, h, data);
    }

    content_type = rewrite(s, h, body);

    if (nc_grpc_is_request(&s->request)) {
        make_grpc(s, h, body);
        return h;
    }

    if (body->len == 0) {
        nc_headers_del_id(h, NC_H_CONTENT_LENGTH);
        nc_headers_del_id(h, NC_H_CONTENT_TYPE);
        return h;
    }

    digits = nc_pool_alloc(&s->pool, 24);
    nc_headers_set_id(h, NC_H_CONTENT_LENGTH, nc_str(digits, nc_u64_format(digits, body->len)));
    type = nc_headers_get(h, NC_H_CONTENT_TYPE);

    if (type == NULL || nc_str_eq(type->value, NC_STR("text/plain"))) {
        nc_headers_set_id(h, NC_H_CONTENT_TYPE, content_type);
    }

    return h;
}
