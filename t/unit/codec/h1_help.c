/* h1_help.c: parsing a message in pieces, and its result as text, for the tests of HTTP/1. */
#include "codec/h1_help.h"


void
nc_t_h1_init(nc_t_h1_t *t)
{
    memset(t, 0, sizeof(*t));
    nc_pool_init(&t->pool, &nc_pool_heap);
    nc_headers_init(&t->headers, &t->pool);
    nc_h1_parser_init(&t->parser);
}


void
nc_t_h1_fini(nc_t_h1_t *t)
{
    nc_pool_fini(&t->pool);
    free(t->data);
    t->data = NULL;
}


nc_rc_t
nc_t_h1_give(nc_t_h1_t *t, const nc_h1_options_t *options, const nc_h1_case_t *c, bool response,
    size_t len)
{
    char          *data = nc_malloc(len ? len : 1);
    nc_h1_head_t   head = { .version = 99 };    /* nothing may be kept here between calls */

    /* What was lowered or moved in place stays so: the parser goes on with its own bytes. */
    if (t->data != NULL) {
        memcpy(data, t->data, NC_MIN(t->parser.seen, len));
    }

    memcpy(data + NC_MIN(t->parser.seen, len), c->data + NC_MIN(t->parser.seen, len),
           len - NC_MIN(t->parser.seen, len));

    t->rc = response
          ? nc_h1_parse_response(&t->parser, options, c->answers, data, len, &t->headers, &head,
                                 &t->consumed)
          : nc_h1_parse_request(&t->parser, options, data, len, &t->headers, &head,
                                &t->consumed);
    t->head = head;

    free(t->data);
    t->data = data;

    return t->rc;
}


void
nc_t_h1_print(const nc_t_h1_t *t, nc_sb_t *sb)
{
    const nc_h1_head_t  *h = &t->head;

    nc_sb_printf(sb, "rc %d error %d\n", t->rc, t->rc == NC_ERROR ? (int) h->error : 0);

    if (t->rc == NC_OK) {
        nc_sb_printf(sb, "method " NC_STR_FMT " scheme " NC_STR_FMT " consumed %zu\n",
                     NC_STR_ARG(h->method), NC_STR_ARG(h->scheme), t->consumed);
        nc_sb_printf(sb, "length %" PRIu64 " target %d body %d status %u version %u dropped %u\n",
                     h->content_length, (int) h->target, (int) h->body, h->status, h->version,
                     h->n_dropped);
        nc_sb_printf(sb, "flags %d%d%d%d%d%d%d%d%d\n", h->is_head, h->is_connect, h->keep_alive,
                     h->chunked, h->has_length, h->upgrade, h->expect_continue, h->te_trailers,
                     h->has_fragment);

        nc_headers_each(&t->headers, it) {
            nc_sb_printf(sb, "%d ", (int) it->id);
            nc_sb_str_add(sb, it->name);
            nc_sb_c_add(sb, ": ");
            nc_sb_str_add(sb, it->value);
            nc_sb_char(sb, '\n');
        }
    }
}


nc_rc_t
nc_t_h1_request(nc_t_h1_t *t, const nc_h1_options_t *options, const char *text)
{
    nc_h1_case_t  c = { text, strlen(text), NC_H1_ERR_NONE, NC_H1_FOR_OTHER };

    nc_t_h1_init(t);

    return nc_t_h1_give(t, options, &c, false, c.len);
}


nc_rc_t
nc_t_h1_response(nc_t_h1_t *t, const nc_h1_options_t *options, nc_h1_for_t answers,
    const char *text)
{
    nc_h1_case_t  c = { text, strlen(text), NC_H1_ERR_NONE, answers };

    nc_t_h1_init(t);

    return nc_t_h1_give(t, options, &c, true, c.len);
}


const char *
nc_t_h1_value(nc_t_h1_t *t, const char *name)
{
    nc_str_t  value;

    if (!nc_headers_joined(&t->headers, nc_str_c(name), &t->pool, &value)) {
        return "(none)";
    }

    return nc_pool_str(&t->pool, value).data;
}
