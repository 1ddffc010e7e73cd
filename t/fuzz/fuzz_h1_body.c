/*
 * fuzz_h1_body.c: bodies. Whatever comes: whole and in pieces, with and without a limit for each
 * call, give the same data, trailers and end; what is decoded, framed again, decodes to the same.
 */
#include "t/fuzz/h1_fuzz.h"

typedef struct {
    nc_h1_body_t   body;
    nc_buf_t       in, out;
    nc_pool_t      pool;
    nc_headers_t   trailers;
    nc_rc_t        rc;
} decoder_t;


static void
init(decoder_t *d, const nc_h1_head_t *head, const nc_h1_options_t *options)
{
    nc_buf_init(&d->in);
    nc_buf_init(&d->out);
    nc_pool_init(&d->pool, &nc_pool_heap);
    nc_headers_init(&d->trailers, &d->pool);
    nc_h1_body_init(&d->body, head, options);
    d->rc = NC_AGAIN;
}


static void
fini(decoder_t *d)
{
    nc_buf_fini(&d->in);
    nc_buf_fini(&d->out);
    nc_pool_fini(&d->pool);
}


/* Gives a piece in a block of its own, then decodes until nothing moves any more. */
static void
give(decoder_t *d, const uint8_t *bytes, size_t len, size_t max)
{
    size_t  before;

    if (len > 0) {
        nc_block_t  *b = nc_block_get(len);

        memcpy(b->data, bytes, len);
        nc_buf_add_slice(&d->in, b, b->data, len);
        nc_block_unref(b);
    }

    do {
        before = d->in.len;
        d->rc = nc_h1_body_decode(&d->body, &d->in, &d->out, max, &d->trailers);
    } while (d->rc == NC_AGAIN && d->in.len < before);
}


static void
same_bytes(nc_buf_t *a, nc_buf_t *b)
{
    NC_CHECK(a->len == b->len);

    if (a->len > 0) {
        NC_CHECK(memcmp(nc_buf_pullup(a, a->len), nc_buf_pullup(b, b->len), a->len) == 0);
    }
}


/* Frames the data again, in two chunks, and decodes that. */
static void
round_trip(decoder_t *d, size_t cut)
{
    static const nc_h1_options_t  options = {
        .enable_trailers = true, .max_bytes = 1u << 20, .max_headers = 200
    };
    static const nc_h1_head_t     chunked = { .body = NC_H1_BODY_CHUNKED };

    decoder_t  again;
    nc_buf_t   data, part;

    nc_buf_init(&data);
    nc_buf_init(&part);
    init(&again, &chunked, &options);
    nc_buf_share(&data, &d->out);
    nc_buf_move(&part, &data, data.len ? cut % data.len : 0);
    nc_h1_encode_chunk(&again.in, &part);
    nc_h1_encode_chunk(&again.in, &data);
    nc_h1_encode_last(&again.in, &d->trailers);
    give(&again, NULL, 0, SIZE_MAX);
    NC_CHECK(again.rc == NC_OK && again.in.len == 0);
    same_bytes(&again.out, &d->out);
    nc_fuzz_headers_same(&again.trailers, &d->trailers);
    nc_buf_fini(&data);
    nc_buf_fini(&part);
    fini(&again);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_h1_head_t     head = { .body = NC_H1_BODY_CHUNKED };
    nc_h1_options_t  options;
    decoder_t        whole, cut;
    size_t           at = 4;

    if (size < 4 || size > 8192) {
        return 0;
    }

    if (data[2] % 8 == 0) {
        head.body = NC_H1_BODY_LENGTH;
        head.content_length = 1u + data[3];
    }

    options = nc_fuzz_options(data[0]);
    init(&whole, &head, &options);
    init(&cut, &head, &options);
    give(&whole, data + 4, size - 4, SIZE_MAX);

    while (cut.rc == NC_AGAIN && at < size) {
        size_t  n = NC_MIN(1u + data[1] % 64, size - at);

        give(&cut, data + at, n, 1u + data[3] % 16);
        at += n;
    }

    NC_CHECK(whole.rc == cut.rc || size == 4);
    NC_CHECK(whole.body.error == cut.body.error);

    if (whole.rc == NC_OK) {
        same_bytes(&whole.out, &cut.out);
        NC_CHECK(whole.in.len == cut.in.len + (size - at));
        nc_fuzz_headers_check(&whole.trailers);
        nc_fuzz_headers_same(&whole.trailers, &cut.trailers);
        round_trip(&whole, data[3]);
    }

    fini(&whole);
    fini(&cut);

    return 0;
}
