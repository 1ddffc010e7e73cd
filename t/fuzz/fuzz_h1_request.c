/*
 * fuzz_h1_request.c: heads of requests. Whatever comes: whole and in pieces give the same; what is
 * accepted holds clean bytes only, and, written again, parses to the same under strict options.
 */
#include "t/fuzz/h1_fuzz.h"


static void
round_trip(const nc_fuzz_head_t *f)
{
    static const nc_h1_options_t  options = {
        .accept_http_10 = true, .allow_custom_methods = true, .max_bytes = 1u << 20,
        .max_headers = 200
    };

    nc_h1_encode_t  how = {
        .body = f->head.body == NC_H1_BODY_CLOSE ? NC_H1_BODY_NONE : f->head.body,
        .length = f->head.content_length,
        .connection = f->head.upgrade ? NC_H1_CONN_UPGRADE
                    : f->head.keep_alive ? NC_H1_CONN_DEFAULT : NC_H1_CONN_CLOSE
    };
    nc_buf_t        out;
    nc_fuzz_head_t  again;

    nc_buf_init(&out);
    nc_fuzz_head_init(&again);
    NC_CHECK(nc_h1_encode_request(&out, &f->headers, &how) == NC_OK);
    NC_CHECK(nc_fuzz_head_give(&again, &options, -1,
                               (const uint8_t *) nc_buf_pullup(&out, out.len), out.len) == NC_OK);
    NC_CHECK(again.consumed == out.len);
    NC_CHECK(again.head.body == f->head.body && again.head.upgrade == f->head.upgrade);
    NC_CHECK(again.head.content_length == f->head.content_length);
    NC_CHECK(nc_str_eq(nc_headers_value(&again.headers, NC_H_PATH),
                       nc_headers_value(&f->headers, NC_H_PATH)));
    NC_CHECK(nc_str_eq(nc_headers_value(&again.headers, NC_H_AUTHORITY),
                       nc_headers_value(&f->headers, NC_H_AUTHORITY)));
    nc_buf_fini(&out);
    nc_fuzz_head_fini(&again);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_h1_options_t  options;
    nc_fuzz_head_t   whole, cut;

    if (size < 4 || size > 8192) {
        return 0;
    }

    options = nc_fuzz_options(data[0]);
    nc_fuzz_head_init(&whole);
    nc_fuzz_head_init(&cut);
    nc_fuzz_head_give(&whole, &options, -1, data + 4, size - 4);
    nc_fuzz_head_pieces(&cut, &options, -1, data + 4, size - 4, 1u + data[1] % 64,
                        whole.rc == NC_ERROR);
    nc_fuzz_heads_same(&whole, &cut);

    if (whole.rc == NC_OK) {
        NC_CHECK(whole.consumed <= size - 4);
        nc_fuzz_headers_check(&whole.headers);
        round_trip(&whole);
    }

    nc_fuzz_head_fini(&whole);
    nc_fuzz_head_fini(&cut);

    return 0;
}
