/* test_h1_body.c: bodies of HTTP/1 messages. */
#include "codec/h1_body.c"
#include "codec/h1_cases.h"

#include <check.h>

static const nc_h1_options_t  strict = { 0 };
static const nc_h1_head_t     chunked = { .body = NC_H1_BODY_CHUNKED };

typedef struct {
    nc_h1_body_t   body;
    nc_buf_t       in, out;
    nc_pool_t      pool;
    nc_headers_t   trailers;
} fixture_t;


static void
init(fixture_t *f, const nc_h1_head_t *head, const nc_h1_options_t *options)
{
    nc_buf_init(&f->in);
    nc_buf_init(&f->out);
    nc_pool_init(&f->pool, &nc_pool_heap);
    nc_headers_init(&f->trailers, &f->pool);
    nc_h1_body_init(&f->body, head, options);
}


static void
fini(fixture_t *f)
{
    nc_buf_fini(&f->in);
    nc_buf_fini(&f->out);
    nc_pool_fini(&f->pool);
}


static nc_rc_t
give(fixture_t *f, const char *data, size_t len, size_t max)
{
    /* Blocks of their own, so that pieces do not merge. */
    if (len > 0) {
        nc_block_t  *b = nc_block_get(len);

        memcpy(b->data, data, len);
        nc_buf_add_slice(&f->in, b, b->data, len);
        nc_block_unref(b);
    }

    return nc_h1_body_decode(&f->body, &f->in, &f->out, max, &f->trailers);
}


static void
text_of(fixture_t *f, nc_rc_t rc, nc_sb_t *sb)
{
    nc_sb_reset(sb);
    nc_sb_printf(sb, "rc %d error %d left %zu data ", rc, (int) f->body.error,
                 rc == NC_OK ? f->in.len : 0);

    if (rc == NC_OK && f->out.len > 0) {
        nc_sb_add(sb, nc_buf_pullup(&f->out, f->out.len), f->out.len);
    }

    nc_headers_each(&f->trailers, it) {
        nc_sb_printf(sb, "\n" NC_STR_FMT ": " NC_STR_FMT, NC_STR_ARG(it->name),
                     NC_STR_ARG(it->value));
    }
}


/* Whole, cut in two at each byte, and byte by byte. */
static void
expect(const nc_h1_case_t *cases, size_t n, bool with_trailers)
{
    nc_h1_options_t  options = { .enable_trailers = with_trailers };

    for (size_t i = 0; i < n; i++) {
        const nc_h1_case_t  *c = &cases[i];
        nc_sb_t              whole, cut;
        fixture_t            f;
        nc_rc_t              rc;

        nc_sb_init(&whole);
        nc_sb_init(&cut);
        init(&f, &chunked, &options);
        rc = give(&f, c->data, c->len, SIZE_MAX);
        text_of(&f, rc, &whole);
        ck_assert_msg(c->error ? rc == NC_ERROR && f.body.error == c->error : rc == NC_OK,
                      "case %zu: rc %d, got \"%s\", expected \"%s\"", i, rc,
                      nc_h1_error_str(f.body.error), nc_h1_error_str(c->error));
        fini(&f);

        for (size_t at = 0; at <= c->len; at++) {
            init(&f, &chunked, &options);
            rc = give(&f, c->data, at, SIZE_MAX);

            if (rc == NC_AGAIN) {
                rc = give(&f, c->data + at, c->len - at, SIZE_MAX);
                text_of(&f, rc, &cut);
                ck_assert_str_eq(nc_sb_c(&cut), nc_sb_c(&whole));
            }

            ck_assert_int_eq(f.body.error, c->error);
            fini(&f);
        }

        init(&f, &chunked, &options);
        rc = NC_AGAIN;

        for (size_t at = 0; at < c->len && rc == NC_AGAIN; at++) {
            rc = give(&f, c->data + at, 1, SIZE_MAX);
        }

        text_of(&f, rc, &cut);
        ck_assert_str_eq(nc_sb_c(&cut), nc_sb_c(&whole));
        fini(&f);
        nc_sb_fini(&whole);
        nc_sb_fini(&cut);
    }
}


START_TEST(malformed_chunks_are_refused_however_they_are_cut)
{
    expect(nc_h1_bad_bodies, NC_COUNTOF(nc_h1_bad_bodies), false);
    expect(nc_h1_bad_bodies, NC_COUNTOF(nc_h1_bad_bodies), true);
}
END_TEST


START_TEST(good_chunks_give_the_same_data_however_they_are_cut)
{
    expect(nc_h1_good_bodies, NC_COUNTOF(nc_h1_good_bodies), false);
    expect(nc_h1_good_bodies, NC_COUNTOF(nc_h1_good_bodies), true);
}
END_TEST


START_TEST(trailers_are_kept_when_enabled_but_for_forbidden_ones)
{
    static const char  text[] = "0\r\nX-A: 1\r\nContent-Length: 2\r\nHost: h\r\nGrpc-Status: 0\r\n"
        "X-Forwarded-For: 1.2.3.4\r\nX-A: 3\r\n\r\nGET";
    nc_h1_options_t    o = { .enable_trailers = true };
    fixture_t          f;

    init(&f, &chunked, &o);
    ck_assert_int_eq(give(&f, text, sizeof(text) - 1, SIZE_MAX), NC_OK);
    ck_assert_uint_eq(f.trailers.live, 3);
    ck_assert(nc_str_eq(nc_headers_value(&f.trailers, NC_H_GRPC_STATUS), NC_STR("0")));
    ck_assert_uint_eq(f.in.len, 3);
    fini(&f);

    init(&f, &chunked, &strict);
    ck_assert_int_eq(give(&f, text, sizeof(text) - 1, SIZE_MAX), NC_OK);
    ck_assert_uint_eq(f.trailers.live, 0);
    fini(&f);
}
END_TEST


START_TEST(trailers_are_bounded_in_bytes_and_number)
{
    nc_h1_options_t  o = { .max_bytes = 20, .max_headers = 2 };
    fixture_t        f;

    init(&f, &chunked, &o);
    ck_assert_int_eq(give(&f, "0\r\naaaaaaaaaaaaaaaaaaaaaaaaaaa", 30, SIZE_MAX), NC_ERROR);
    ck_assert_int_eq(f.body.error, NC_H1_ERR_TOO_LARGE);
    fini(&f);

    init(&f, &chunked, &o);
    ck_assert_int_eq(give(&f, "0\r\na:\r\nb:\r\nc:\r\n\r\n", 17, SIZE_MAX), NC_ERROR);
    ck_assert_int_eq(f.body.error, NC_H1_ERR_TOO_MANY);
    fini(&f);
}
END_TEST


START_TEST(no_more_than_asked_for_is_moved)
{
    fixture_t  f;

    init(&f, &chunked, &strict);
    ck_assert_int_eq(give(&f, "5\r\nhello\r\n0\r\n\r\n", 15, 2), NC_AGAIN);
    ck_assert_uint_eq(f.out.len, 2);
    ck_assert_int_eq(give(&f, "", 0, 3), NC_OK);
    ck_assert_uint_eq(f.out.len, 5);
    fini(&f);

    init(&f, &chunked, &strict);
    ck_assert_int_eq(give(&f, "5\r\nhello\r\n1\r\nx\r\n0\r\n\r\n", 21, 5), NC_AGAIN);
    ck_assert_int_eq(give(&f, "", 0, 0), NC_AGAIN);
    ck_assert_uint_eq(f.out.len, 5);
    ck_assert_int_eq(give(&f, "", 0, 1), NC_OK);
    fini(&f);
}
END_TEST


START_TEST(a_body_of_known_length_ends_there)
{
    nc_h1_head_t  head = { .body = NC_H1_BODY_LENGTH, .content_length = 5 };
    fixture_t     f;

    init(&f, &head, &strict);
    ck_assert(!nc_h1_body_may_end(&f.body));
    ck_assert_int_eq(give(&f, "hel", 3, SIZE_MAX), NC_AGAIN);
    ck_assert_int_eq(give(&f, "loGET", 5, SIZE_MAX), NC_OK);
    ck_assert_uint_eq(f.out.len, 5);
    ck_assert_uint_eq(f.in.len, 3);
    ck_assert(nc_h1_body_may_end(&f.body));
    fini(&f);
}
END_TEST


START_TEST(a_body_until_close_never_completes_and_no_body_is_complete_at_once)
{
    nc_h1_head_t  head = { .body = NC_H1_BODY_CLOSE };
    fixture_t     f;

    init(&f, &head, &strict);
    ck_assert_int_eq(give(&f, "0\r\n\r\n", 5, SIZE_MAX), NC_AGAIN);
    ck_assert_uint_eq(f.out.len, 5);
    ck_assert(nc_h1_body_may_end(&f.body));
    fini(&f);

    head.body = NC_H1_BODY_NONE;
    init(&f, &head, &strict);
    ck_assert_int_eq(give(&f, "GET", 3, SIZE_MAX), NC_OK);
    ck_assert_uint_eq(f.in.len, 3);
    fini(&f);
}
END_TEST


START_TEST(a_chunked_body_may_not_end_early)
{
    fixture_t  f;

    init(&f, &chunked, &strict);
    ck_assert_int_eq(give(&f, "5\r\nhello\r\n", 10, SIZE_MAX), NC_AGAIN);
    ck_assert(!nc_h1_body_may_end(&f.body));
    fini(&f);
}
END_TEST


START_TEST(chunks_of_one_byte_are_fine_but_framing_without_data_is_not)
{
    fixture_t  f;
    nc_rc_t    rc = NC_AGAIN;
    char       flood[240];
    int        n = 0;

    init(&f, &chunked, &strict);

    for (int i = 0; i < 100000; i++) {
        ck_assert_int_eq(give(&f, "1\r\na\r\n", 6, SIZE_MAX), NC_AGAIN);
    }

    ck_assert_uint_eq(f.body.bytes, 100000);
    ck_assert_uint_eq(f.body.overhead, 500000);
    fini(&f);

    memset(flood, 'x', sizeof(flood));
    memcpy(flood, "1;", 2);
    memcpy(flood + sizeof(flood) - 5, "\r\na\r\n", 5);
    init(&f, &chunked, &strict);

    while (rc == NC_AGAIN && n < 10000) {
        rc = give(&f, flood, sizeof(flood), SIZE_MAX);
        n++;
    }

    ck_assert_int_eq(rc, NC_ERROR);
    ck_assert_int_eq(f.body.error, NC_H1_ERR_CHUNK_OVERHEAD);
    ck_assert_int_lt(n, 1000);
    fini(&f);
}
END_TEST


START_TEST(chunk_extensions_are_bounded)
{
    char       text[400] = "1;";
    fixture_t  f;

    memset(text + 2, 'x', sizeof(text) - 2);
    init(&f, &chunked, &strict);
    ck_assert_int_eq(give(&f, text, sizeof(text), SIZE_MAX), NC_ERROR);
    ck_assert_int_eq(f.body.error, NC_H1_ERR_CHUNK_EXTENSION);
    fini(&f);
}
END_TEST


START_TEST(large_data_moves_without_a_copy)
{
    static char  data[20000];
    fixture_t    f;
    nc_block_t  *b = nc_block_get(sizeof(data) + 6);

    init(&f, &chunked, &strict);
    memcpy(b->data, "4e20\r\n", 6);
    memset(b->data + 6, 'd', sizeof(data));
    nc_buf_add_slice(&f.in, b, b->data, sizeof(data) + 6);
    ck_assert_int_eq(give(&f, "", 0, SIZE_MAX), NC_AGAIN);
    ck_assert_uint_eq(f.out.len, sizeof(data));
    ck_assert_ptr_eq(nc_buf_first(&f.out)->block, b);
    nc_block_unref(b);
    fini(&f);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/h1_body");
    TCase    *tc = tcase_create("bodies");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, malformed_chunks_are_refused_however_they_are_cut);
    tcase_add_test(tc, good_chunks_give_the_same_data_however_they_are_cut);
    tcase_add_test(tc, trailers_are_kept_when_enabled_but_for_forbidden_ones);
    tcase_add_test(tc, trailers_are_bounded_in_bytes_and_number);
    tcase_add_test(tc, no_more_than_asked_for_is_moved);
    tcase_add_test(tc, a_body_of_known_length_ends_there);
    tcase_add_test(tc, a_body_until_close_never_completes_and_no_body_is_complete_at_once);
    tcase_add_test(tc, a_chunked_body_may_not_end_early);
    tcase_add_test(tc, chunks_of_one_byte_are_fine_but_framing_without_data_is_not);
    tcase_add_test(tc, chunk_extensions_are_bounded);
    tcase_add_test(tc, large_data_moves_without_a_copy);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
