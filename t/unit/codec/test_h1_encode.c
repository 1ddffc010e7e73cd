/* test_h1_encode.c: writing of HTTP/1 heads and chunks. */
#include "codec/h1_encode.c"
#include "codec/h1_help.h"

#include <check.h>

static const nc_h1_options_t  strict = { 0 };


static const char *
text_of(nc_buf_t *b)
{
    static char  text[4096];

    ck_assert_uint_lt(b->len, sizeof(text));
    nc_buf_copy(b, text, b->len);
    text[b->len] = '\0';

    return text;
}


START_TEST(a_request_is_written_with_host_first_and_its_own_framing)
{
    nc_h1_encode_t  how = { .body = NC_H1_BODY_CHUNKED, .connection = NC_H1_CONN_CLOSE };
    nc_t_h1_t       t;
    nc_buf_t        b;

    nc_buf_init(&b);
    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "POST /a?b HTTP/1.1\r\nAccept: */*\r\nHost: h\r\n"
                     "X-A:\r\nContent-Length: 5\r\nKeep-Alive: 1\r\n\r\n"), NC_OK);
    nc_headers_add_id(&t.headers, NC_H_SCHEME, NC_STR("http"));
    nc_headers_add_id(&t.headers, NC_H_CONNECTION, NC_STR("x-a"));
    nc_headers_add_id(&t.headers, NC_H_TRANSFER_ENCODING, NC_STR("gzip"));
    nc_headers_add_id(&t.headers, NC_H_UPGRADE, NC_STR("x"));
    nc_headers_add_id(&t.headers, NC_H_HOST, NC_STR("evil"));
    ck_assert_int_eq(nc_h1_encode_request(&b, &t.headers, &how), NC_OK);
    ck_assert_str_eq(text_of(&b), "POST /a?b HTTP/1.1\r\nhost: h\r\naccept: */*\r\nx-a: \r\n"
                     "transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    nc_buf_fini(&b);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(a_response_is_written_with_its_reason)
{
    nc_h1_encode_t  how = { .body = NC_H1_BODY_LENGTH, .length = 1234567890123u,
                            .connection = NC_H1_CONN_KEEP_ALIVE, .http_10 = true };
    nc_pool_t       pool;
    nc_headers_t    h;
    nc_buf_t        b;

    nc_buf_init(&b);
    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);
    nc_headers_add_id(&h, NC_H_STATUS, NC_STR("503"));
    nc_headers_add(&h, NC_STR("x-a"), NC_STR("b"));
    ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_OK);
    ck_assert_str_eq(text_of(&b), "HTTP/1.0 503 Service Unavailable\r\nx-a: b\r\n"
                     "content-length: 1234567890123\r\nconnection: keep-alive\r\n\r\n");
    nc_buf_fini(&b);

    nc_headers_set_id(&h, NC_H_STATUS, NC_STR("799"));
    how = (nc_h1_encode_t) { .body = NC_H1_BODY_NONE, .proper_case = true };
    nc_headers_add(&h, NC_STR("x-envoy_b1c"), NC_STR("d"));
    ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_OK);
    ck_assert_str_eq(text_of(&b), "HTTP/1.1 799 Unknown\r\nX-A: b\r\nX-Envoy_B1c: d\r\n\r\n");
    nc_buf_fini(&b);
    nc_pool_fini(&pool);
}
END_TEST


START_TEST(an_upgrade_is_written_only_when_told)
{
    nc_h1_encode_t  how = { .connection = NC_H1_CONN_UPGRADE };
    nc_t_h1_t       t;
    nc_buf_t        b;

    nc_buf_init(&b);
    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "GET / HTTP/1.1\r\nHost: h\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), NC_OK);
    ck_assert_int_eq(nc_h1_encode_request(&b, &t.headers, &how), NC_OK);
    ck_assert_str_eq(text_of(&b), "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\n"
                     "upgrade: websocket\r\n\r\n");
    nc_buf_fini(&b);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(connect_is_written_with_its_authority)
{
    nc_h1_encode_t  how = { 0 };
    nc_t_h1_t       t;
    nc_buf_t        b;

    nc_buf_init(&b);
    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "CONNECT b:1 HTTP/1.1\r\nHost: h\r\n\r\n"),
                     NC_OK);
    ck_assert_int_eq(nc_h1_encode_request(&b, &t.headers, &how), NC_OK);
    ck_assert_str_eq(text_of(&b), "CONNECT b:1 HTTP/1.1\r\nhost: b:1\r\n\r\n");
    nc_buf_fini(&b);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(incomplete_messages_are_not_written)
{
    nc_h1_encode_t  how = { 0 };
    nc_pool_t       pool;
    nc_headers_t    h;
    nc_buf_t        b;

    nc_buf_init(&b);
    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);
    ck_assert_int_eq(nc_h1_encode_request(&b, &h, &how), NC_ERROR);
    ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_ERROR);
    nc_headers_set_id(&h, NC_H_METHOD, NC_STR("GET"));
    ck_assert_int_eq(nc_h1_encode_request(&b, &h, &how), NC_ERROR);
    nc_headers_set_id(&h, NC_H_STATUS, NC_STR("099"));
    ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_ERROR);
    nc_headers_set_id(&h, NC_H_STATUS, NC_STR("20x"));
    ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_ERROR);
    ck_assert_uint_eq(b.len, 0);
    nc_pool_fini(&pool);
    nc_buf_fini(&b);
}
END_TEST


/* What is written parses again to the same headers (framing and Connection aside). */
START_TEST(every_good_request_survives_a_round_trip)
{
    nc_h1_options_t  o = { .accept_http_10 = true };

    for (size_t i = 0; i < NC_COUNTOF(nc_h1_good_requests); i++) {
        const nc_h1_case_t  *c = &nc_h1_good_requests[i];
        nc_t_h1_t            t, again;
        nc_buf_t             b;
        nc_h1_case_t         written;
        nc_h1_encode_t       how;

        nc_buf_init(&b);
        nc_t_h1_init(&t);
        nc_t_h1_init(&again);
        ck_assert_int_eq(nc_t_h1_give(&t, &o, c, false, c->len), NC_OK);
        how = (nc_h1_encode_t) {
            .body = t.head.body, .length = t.head.content_length,
            .connection = t.head.upgrade ? NC_H1_CONN_UPGRADE
                        : t.head.keep_alive ? NC_H1_CONN_DEFAULT : NC_H1_CONN_CLOSE,
            .proper_case = i & 1
        };
        ck_assert_int_eq(nc_h1_encode_request(&b, &t.headers, &how), NC_OK);
        written = (nc_h1_case_t) { nc_buf_pullup(&b, b.len), b.len, 0, 0 };
        ck_assert_int_eq(nc_t_h1_give(&again, &o, &written, false, written.len), NC_OK);
        ck_assert_uint_eq(again.consumed, b.len);
        ck_assert_int_eq(again.head.body, t.head.body);
        ck_assert_int_eq(again.head.upgrade, t.head.upgrade);
        ck_assert_int_eq(again.head.keep_alive, t.head.keep_alive);

        nc_headers_each(&t.headers, it) {
            uint32_t      at = 0;
            nc_header_t  *e = nc_headers_find(&again.headers, it->name, &at);

            if (it->id != NC_H_CONTENT_LENGTH) {
                ck_assert_msg(e != NULL, "case %zu lost " NC_STR_FMT, i, NC_STR_ARG(it->name));
                ck_assert(nc_str_eq(e->value, it->value));
            }
        }

        nc_t_h1_fini(&t);
        nc_t_h1_fini(&again);
        nc_buf_fini(&b);
    }
}
END_TEST


START_TEST(data_is_framed_in_chunks_without_a_copy)
{
    nc_pool_t     pool;
    nc_headers_t  h;
    nc_buf_t      b, data;
    nc_block_t   *block = nc_block_get(5000);

    nc_buf_init(&b);
    nc_buf_init(&data);
    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);

    nc_h1_encode_chunk(&b, &data);
    ck_assert_uint_eq(b.len, 0);
    nc_buf_add(&data, "hello", 5);
    nc_h1_encode_chunk(&b, &data);
    ck_assert_uint_eq(data.len, 0);
    nc_buf_add(&data, "0123456789abcdefghij", 20);
    nc_h1_encode_chunk(&b, &data);
    nc_headers_add(&h, NC_STR("x-sum"), NC_STR("1"));
    nc_headers_add_id(&h, NC_H_CONTENT_LENGTH, NC_STR("2"));
    nc_h1_encode_last(&b, &h);
    ck_assert_str_eq(text_of(&b), "5\r\nhello\r\n14\r\n0123456789abcdefghij\r\n"
                     "0\r\nx-sum: 1\r\n\r\n");
    nc_buf_fini(&b);

    memset(block->data, 'x', 5000);
    nc_buf_add_slice(&data, block, block->data, 5000);
    nc_h1_encode_chunk(&b, &data);
    nc_h1_encode_last(&b, NULL);
    ck_assert_uint_eq(b.len, 6 + 5000 + 2 + 5);
    ck_assert_ptr_eq(nc_buf_at(&b, 1)->at, block->data);
    nc_block_unref(block);
    nc_buf_fini(&b);
    nc_buf_fini(&data);
    nc_pool_fini(&pool);
}
END_TEST


START_TEST(a_head_of_any_size_fits_its_room)
{
    static char     value[40000];
    nc_h1_encode_t  how = { .body = NC_H1_BODY_LENGTH, .length = UINT64_MAX,
                            .connection = NC_H1_CONN_KEEP_ALIVE, .proper_case = true };
    nc_pool_t       pool;
    nc_headers_t    h;
    nc_buf_t        b;

    memset(value, 'v', sizeof(value));

    for (size_t n = 0; n <= sizeof(value); n = n * 3 + 1) {
        nc_buf_init(&b);
        nc_pool_init(&pool, &nc_pool_heap);
        nc_headers_init(&h, &pool);
        nc_headers_add_id(&h, NC_H_METHOD, NC_STR("CONNECT"));
        nc_headers_add_id(&h, NC_H_AUTHORITY, nc_str(value, n + 1));

        for (int i = 0; i < 50; i++) {
            nc_headers_add(&h, nc_str(value, 1 + (n & 63)), nc_str(value, n & 31));
        }

        ck_assert_int_eq(nc_h1_encode_request(&b, &h, &how), NC_OK);
        nc_headers_add_id(&h, NC_H_STATUS, NC_STR("203"));
        ck_assert_int_eq(nc_h1_encode_response(&b, &h, &how), NC_OK);
        nc_pool_fini(&pool);
        nc_buf_fini(&b);
    }
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/h1_encode");
    TCase    *tc = tcase_create("encode");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_test(tc, a_request_is_written_with_host_first_and_its_own_framing);
    tcase_add_test(tc, a_response_is_written_with_its_reason);
    tcase_add_test(tc, an_upgrade_is_written_only_when_told);
    tcase_add_test(tc, connect_is_written_with_its_authority);
    tcase_add_test(tc, incomplete_messages_are_not_written);
    tcase_add_test(tc, every_good_request_survives_a_round_trip);
    tcase_add_test(tc, data_is_framed_in_chunks_without_a_copy);
    tcase_add_test(tc, a_head_of_any_size_fits_its_room);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
