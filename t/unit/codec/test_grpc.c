/* gRPC's framing: messages counted and taken whatever pieces they come in. */
#include "codec/grpc.c"

#include <check.h>

#define TEXT    "\0\0\0\0\5hello\1\0\0\0\0\0\0\0\0\3abc"


START_TEST(messages_are_counted_in_any_pieces)
{
    for (size_t piece = 1; piece <= sizeof(TEXT) - 1; piece++) {
        nc_grpc_counter_t  c = { 0 };

        for (size_t at = 0; at < sizeof(TEXT) - 1; at += piece) {
            nc_buf_t  b;

            nc_buf_init(&b);
            nc_buf_add(&b, TEXT + at, NC_MIN(piece, sizeof(TEXT) - 1 - at));
            nc_grpc_count(&c, &b);
            nc_buf_fini(&b);
        }

        ck_assert_uint_eq(c.messages, 3);
        ck_assert_uint_eq(c.left, 0);
    }
}
END_TEST


START_TEST(frames_are_taken_when_they_are_whole)
{
    nc_buf_t  in, message;
    uint8_t   flags;
    char      text[8];

    nc_buf_init(&in);
    nc_buf_init(&message);

    for (size_t i = 0; i < 9; i++) {
        nc_buf_add(&in, TEXT + i, 1);
        ck_assert_int_eq(nc_grpc_next(&in, &message, &flags, 100), NC_AGAIN);
    }

    nc_buf_add(&in, TEXT + 9, sizeof(TEXT) - 10);
    ck_assert_int_eq(nc_grpc_next(&in, &message, &flags, 100), NC_OK);
    ck_assert_uint_eq(message.len, 5);
    nc_buf_copy(&message, text, 5);
    ck_assert_mem_eq(text, "hello", 5);
    ck_assert_uint_eq(flags, 0);
    nc_buf_drain(&message, message.len);
    ck_assert_int_eq(nc_grpc_next(&in, &message, &flags, 100), NC_OK);
    ck_assert_uint_eq(message.len, 0);
    ck_assert_uint_eq(flags, NC_GRPC_COMPRESSED);
    ck_assert_int_eq(nc_grpc_next(&in, &message, &flags, 2), NC_ERROR);
    ck_assert_int_eq(nc_grpc_next(&in, &message, &flags, 3), NC_OK);
    ck_assert_uint_eq(message.len, 3);
    nc_buf_fini(&in);
    nc_buf_fini(&message);
}
END_TEST


START_TEST(a_header_says_flags_and_length)
{
    nc_buf_t  b;
    char      head[5];

    nc_buf_init(&b);
    nc_grpc_frame_header(&b, NC_GRPC_TRAILERS, 0x01020304);
    nc_buf_copy(&b, head, 5);
    ck_assert_mem_eq(head, "\x80\1\2\3\4", 5);
    nc_buf_fini(&b);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/grpc");
    TCase    *tc = tcase_create("grpc");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_test(tc, messages_are_counted_in_any_pieces);
    tcase_add_test(tc, frames_are_taken_when_they_are_whole);
    tcase_add_test(tc, a_header_says_flags_and_length);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
