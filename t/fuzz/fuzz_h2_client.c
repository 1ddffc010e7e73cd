/* fuzz_h2_client.c: an upstream's bytes, in pieces, to the client's side of HTTP/2. */
#include "t/fuzz/h2_fuzz.h"


static void
on_headers(nc_h2_stream_t *st, bool end)
{
    fuzz_stream_t  *s = st->owner;
    nc_headers_t   *h = st->headers;

    (void) end;
    fuzz_check_headers(h);
    NC_CHECK(st->overflow || nc_headers_get(h, NC_H_STATUS));

    if (fuzz_mood & 64) {
        fuzz_act(s);
    }
}


static const nc_h2_ops_t  ops = {
    .on_more_headers = fuzz_on_more_headers,
    .on_headers = on_headers,
    .on_data = fuzz_on_data,
    .on_trailers = fuzz_on_trailers,
    .on_close = fuzz_on_close,
    .on_backlog = fuzz_on_backlog,
    .on_goaway = fuzz_on_goaway,
    .on_settings = fuzz_on_settings
};


static void
send_request(nc_str_t method, bool end)
{
    fuzz_stream_t  *s = fuzz_stream_new();

    s->st.h2 = &fuzz_h2;
    nc_headers_add_id(&s->head, NC_H_METHOD, method);
    nc_headers_add_id(&s->head, NC_H_SCHEME, NC_STR("http"));
    nc_headers_add_id(&s->head, NC_H_PATH, NC_STR("/"));
    nc_headers_add_id(&s->head, NC_H_AUTHORITY, NC_STR("fuzz"));
    NC_CHECK(nc_h2_send_headers(&s->st, &s->head, end) == NC_OK);
    s->answered = !end;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 16384) {
        return 0;
    }

    nc_now_ms = 1000;
    nc_list_init(&fuzz_streams);
    nc_h2_init(&fuzz_h2, false, &fuzz_options, &ops, NULL, 1000);
    fuzz_h2.stream_errors = data[0] & 1;
    send_request(NC_STR("GET"), true);
    send_request(NC_STR("POST"), false);
    send_request(NC_STR("HEAD"), true);
    fuzz_run(data + 1, size - 1);

    return 0;
}
