/*
 * fuzz_h1_response.c: heads of responses. Whatever comes: whole and in pieces give the same; what
 * is accepted holds clean bytes only and can be written again.
 */
#include "t/fuzz/h1_fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_h1_options_t  options;
    nc_fuzz_head_t   whole, cut;
    int              answers;

    if (size < 4 || size > 8192) {
        return 0;
    }

    answers = data[2] % 3;
    options = nc_fuzz_options(data[0]);
    nc_fuzz_head_init(&whole);
    nc_fuzz_head_init(&cut);
    nc_fuzz_head_give(&whole, &options, answers, data + 4, size - 4);
    nc_fuzz_head_pieces(&cut, &options, answers, data + 4, size - 4, 1u + data[1] % 64,
                        whole.rc == NC_ERROR);
    nc_fuzz_heads_same(&whole, &cut);

    if (whole.rc == NC_OK) {
        nc_h1_encode_t  how = { .body = NC_H1_BODY_NONE, .proper_case = data[3] & 1 };
        nc_buf_t        out;

        NC_CHECK(whole.head.status >= 100 && whole.head.status <= 999);
        NC_CHECK(answers != NC_H1_FOR_HEAD || whole.head.body == NC_H1_BODY_NONE
                 || whole.head.status == 101);
        nc_fuzz_headers_check(&whole.headers);

        nc_buf_init(&out);
        NC_CHECK(nc_h1_encode_response(&out, &whole.headers, &how) == NC_OK);
        nc_fuzz_head_fini(&cut);
        nc_fuzz_head_init(&cut);
        options = (nc_h1_options_t) { .max_bytes = 1u << 20, .max_headers = 200 };
        NC_CHECK(nc_fuzz_head_give(&cut, &options, NC_H1_FOR_HEAD,
                                   (const uint8_t *) nc_buf_pullup(&out, out.len), out.len)
                 == NC_OK);
        NC_CHECK(cut.consumed == out.len && cut.head.status == whole.head.status);
        nc_buf_fini(&out);
    }

    nc_fuzz_head_fini(&whole);
    nc_fuzz_head_fini(&cut);

    return 0;
}
