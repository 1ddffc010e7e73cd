/* fuzz_h2_server.c: a client's bytes, in pieces, to the server's side of HTTP/2. */
#include "t/fuzz/h2_fuzz.h"


static nc_h2_stream_t *
on_begin(nc_h2_t *h2, int32_t id)
{
    (void) h2;
    (void) id;

    return fuzz_mood == 0xff ? NULL : &fuzz_stream_new()->st;
}


static void
on_headers(nc_h2_stream_t *st, bool end)
{
    fuzz_stream_t  *s = st->owner;
    nc_pool_t       pool;
    nc_headers_t    h;

    (void) end;
    fuzz_check_headers(&s->head);
    NC_CHECK(st->overflow || nc_headers_get(&s->head, NC_H_METHOD));
    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);
    nc_headers_add_id(&h, NC_H_STATUS, (fuzz_mood & 3) ? NC_STR("200") : NC_STR("103"));
    nc_headers_add_id(&h, NC_H_SERVER, NC_STR("fuzz"));

    if (nc_h2_send_headers(st, &h, (fuzz_mood & 7) == 7) == NC_OK) {
        s->answered = (fuzz_mood & 3) != 0;
    }

    nc_pool_fini(&pool);

    if (fuzz_mood & 64) {
        fuzz_act(s);
    }
}


static const nc_h2_ops_t  ops = {
    .on_begin = on_begin,
    .on_more_headers = fuzz_on_more_headers,
    .on_headers = on_headers,
    .on_data = fuzz_on_data,
    .on_trailers = fuzz_on_trailers,
    .on_close = fuzz_on_close,
    .on_backlog = fuzz_on_backlog,
    .on_goaway = fuzz_on_goaway,
    .on_settings = fuzz_on_settings
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char  preface[] = NC_H2_PREFACE "\0\0\0\4\0\0\0\0\0";
    nc_buf_t           in;

    if (size < 2 || size > 16384) {
        return 0;
    }

    nc_now_ms = 1000;
    nc_list_init(&fuzz_streams);
    nc_h2_init(&fuzz_h2, true, &fuzz_options, &ops, NULL, 1000);
    fuzz_h2.stream_errors = data[0] & 1;

    if (!(data[0] & 2)) {                       /* mostly a good start */
        nc_buf_init(&in);
        nc_buf_add(&in, preface, sizeof(preface) - 1);
        NC_CHECK(nc_h2_receive(&fuzz_h2, &in) == NC_OK);
        nc_buf_fini(&in);
    }

    fuzz_run(data + 1, size - 1);

    return 0;
}
