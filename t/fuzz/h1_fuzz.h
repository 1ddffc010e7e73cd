/*
 * h1_fuzz.h: what the fuzzers of HTTP/1 share. The first 4 bytes of the input choose options and
 * where the message is cut; the rest is the message.
 */
#ifndef NC_T_FUZZ_H1_FUZZ_H
#define NC_T_FUZZ_H1_FUZZ_H

#include "codec/h1.h"

typedef struct {
    nc_pool_t       pool;
    nc_headers_t    headers;
    nc_h1_parser_t  parser;
    nc_h1_head_t    head;
    size_t          consumed;
    nc_rc_t         rc;
    char           *data;
} nc_fuzz_head_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static inline nc_h1_options_t
nc_fuzz_options(uint8_t bits)
{
    return (nc_h1_options_t) {
        .accept_http_10       = bits & 1,
        .no_absolute_url      = (bits & 6) == 6,
        .allow_chunked_length = bits & 8,
        .allow_custom_methods = bits & 16,
        .enable_trailers      = bits & 32,
        .underscores          = (nc_h1_underscores_t) ((bits >> 6) % 3),
        .default_host         = bits & 2 ? NC_STR("default") : NC_STR_NULL,
        .max_bytes            = bits & 4 ? 200 : 0,
        .max_headers          = bits & 8 ? 7 : 0
    };
}


static inline void
nc_fuzz_head_init(nc_fuzz_head_t *f)
{
    memset(f, 0, sizeof(*f));
    nc_pool_init(&f->pool, &nc_pool_heap);
    nc_headers_init(&f->headers, &f->pool);
}


static inline void
nc_fuzz_head_fini(nc_fuzz_head_t *f)
{
    nc_pool_fini(&f->pool);
    free(f->data);
}


/*
 * Gives the first `len` bytes in a block of just that size. What the parser has seen is taken from
 * the block before, where names may be lower case already. `to` < 0: a request.
 */
static inline nc_rc_t
nc_fuzz_head_give(nc_fuzz_head_t *f, const nc_h1_options_t *o, int to, const uint8_t *bytes,
    size_t len)
{
    char    *data = nc_malloc(len ? len : 1);
    size_t   old = f->data ? f->parser.seen : 0;

    memset(&f->head, 0xa5, sizeof(f->head));    /* nothing may be kept here between calls */

    if (old > 0) {
        memcpy(data, f->data, old);
    }

    memcpy(data + old, bytes + old, len - old);

    f->rc = to < 0 ? nc_h1_parse_request(&f->parser, o, data, len, &f->headers, &f->head,
                                         &f->consumed)
                   : nc_h1_parse_response(&f->parser, o, (nc_h1_for_t) to, data, len, &f->headers,
                                          &f->head, &f->consumed);
    free(f->data);
    f->data = data;

    return f->rc;
}


/*
 * In pieces of 1..`step` bytes. `wrong`: it is known that there is an error. If it stands in a line
 * without end it may have been seen in one piece and not in several, until the end comes.
 */
static inline void
nc_fuzz_head_pieces(nc_fuzz_head_t *f, const nc_h1_options_t *o, int to, const uint8_t *bytes,
    size_t size, unsigned step, bool wrong)
{
    size_t    at = 0;
    uint32_t  seed = step;
    uint8_t  *more;

    do {
        seed = seed * 1664525u + 1013904223u;
        at += 1 + (seed >> 16) % step;
        at = NC_MIN(at, size);
    } while (nc_fuzz_head_give(f, o, to, bytes, at) == NC_AGAIN && at < size);

    if (wrong && f->rc == NC_AGAIN) {
        more = nc_malloc(size + 1);
        memcpy(more, bytes, size);
        more[size] = '\n';
        nc_fuzz_head_give(f, o, to, more, size + 1);
        free(more);
    }
}


/* What must hold of headers that were accepted. */
static inline void
nc_fuzz_headers_check(const nc_headers_t *h)
{
    uint32_t  live = 0, bytes = 0;

    nc_headers_each(h, it) {
        nc_str_t  name = it->name;

        NC_CHECK(nc_header_id(name) == it->id);
        NC_CHECK(it->id == NC_H_OTHER || h->first[it->id] != 0);
        NC_CHECK(nc_header_value_valid(it->value));

        if (name.data[0] == ':') {
            name = nc_str_skip(name, 1);
        }

        NC_CHECK(nc_header_name_valid(name));

        for (size_t i = 0; i < name.len; i++) {
            NC_CHECK(name.data[i] < 'A' || name.data[i] > 'Z');
        }

        live++;
        bytes += (uint32_t) (it->name.len + it->value.len);
    }

    NC_CHECK(live == h->live && bytes == h->bytes);
}


/* Both hold the same entries in the same order. */
static inline void
nc_fuzz_headers_same(const nc_headers_t *a, const nc_headers_t *b)
{
    uint32_t  j = 0;

    NC_CHECK(a->live == b->live);

    nc_headers_each(a, it) {
        while (b->items[j].name.data == NULL) {
            j++;
        }

        NC_CHECK(nc_str_eq(it->name, b->items[j].name) && nc_str_eq(it->value, b->items[j].value));
        j++;
    }
}


/* `a` came whole, `b` in pieces: it may have met the limit before the end of a wrong line. */
static inline void
nc_fuzz_heads_same(const nc_fuzz_head_t *a, const nc_fuzz_head_t *b)
{
    NC_CHECK(a->rc == b->rc);
    NC_CHECK(a->rc != NC_ERROR || a->head.error == b->head.error
             || b->head.error == NC_H1_ERR_TOO_LARGE);

    if (a->rc == NC_OK) {
        NC_CHECK(a->consumed == b->consumed);
        NC_CHECK(a->head.body == b->head.body && a->head.status == b->head.status);
        NC_CHECK(a->head.content_length == b->head.content_length);
        NC_CHECK(a->head.keep_alive == b->head.keep_alive && a->head.upgrade == b->head.upgrade);
        NC_CHECK(a->head.has_fragment == b->head.has_fragment);
        NC_CHECK(nc_str_eq(a->head.method, b->head.method));
        NC_CHECK(nc_str_eq(a->head.scheme, b->head.scheme));
        nc_fuzz_headers_same(&a->headers, &b->headers);
    }
}

#endif
