/* test_h1_parse.c: heads of HTTP/1 messages. */
#include "codec/h1_parse.c"
#include "codec/h1_help.h"

#include <check.h>

static const nc_h1_options_t  strict = { 0 };


/* Names the case that failed. */
static void
expect(const nc_h1_case_t *c, const nc_t_h1_t *t, size_t at)
{
    nc_sb_t  text;

    nc_sb_init(&text);
    nc_sb_json_str(&text, nc_str(c->data, c->len));

    ck_assert_msg(c->error ? t->rc == NC_ERROR && t->head.error == c->error : t->rc == NC_OK,
                  "%s cut at %zu: rc %d, got \"%s\", expected \"%s\"", nc_sb_c(&text), at, t->rc,
                  t->rc == NC_ERROR ? nc_h1_error_str(t->head.error) : "",
                  nc_h1_error_str(c->error));
    nc_sb_fini(&text);
}


static void
expect_whole(const nc_h1_case_t *cases, size_t n, bool response)
{
    for (size_t i = 0; i < n; i++) {
        nc_t_h1_t  t;

        nc_t_h1_init(&t);
        nc_t_h1_give(&t, &strict, &cases[i], response, cases[i].len);
        expect(&cases[i], &t, cases[i].len);
        nc_t_h1_fini(&t);
    }
}


/* Each case cut in two at each byte, and byte by byte, gives what it gives whole. */
static void
expect_cut(const nc_h1_case_t *cases, size_t n, bool response)
{
    for (size_t i = 0; i < n; i++) {
        const nc_h1_case_t  *c = &cases[i];
        nc_sb_t              whole, cut;
        nc_t_h1_t            t;

        nc_sb_init(&whole);
        nc_sb_init(&cut);
        nc_t_h1_init(&t);
        nc_t_h1_give(&t, &strict, c, response, c->len);
        nc_t_h1_print(&t, &whole);
        nc_t_h1_fini(&t);

        for (size_t at = 0; at <= c->len; at++) {
            nc_t_h1_init(&t);

            if (nc_t_h1_give(&t, &strict, c, response, at) == NC_AGAIN) {
                nc_t_h1_give(&t, &strict, c, response, c->len);
            }

            expect(c, &t, at);
            nc_sb_reset(&cut);
            nc_t_h1_print(&t, &cut);
            ck_assert_str_eq(nc_sb_c(&cut), nc_sb_c(&whole));
            nc_t_h1_fini(&t);
        }

        nc_t_h1_init(&t);

        for (size_t at = 0; at <= c->len; at++) {
            if (nc_t_h1_give(&t, &strict, c, response, at) != NC_AGAIN) {
                break;
            }
        }

        expect(c, &t, 1);
        nc_sb_reset(&cut);
        nc_t_h1_print(&t, &cut);
        ck_assert_str_eq(nc_sb_c(&cut), nc_sb_c(&whole));
        nc_t_h1_fini(&t);
        nc_sb_fini(&whole);
        nc_sb_fini(&cut);
    }
}

#define ALL(cases)  (cases), NC_COUNTOF(cases)


START_TEST(every_malformed_request_is_refused_with_its_error)
{
    expect_whole(ALL(nc_h1_bad_requests), false);
}
END_TEST


START_TEST(every_malformed_response_is_refused_with_its_error)
{
    expect_whole(ALL(nc_h1_bad_responses), true);
}
END_TEST


START_TEST(malformed_heads_give_the_same_error_however_they_are_cut)
{
    expect_cut(ALL(nc_h1_bad_requests), false);
    expect_cut(ALL(nc_h1_bad_responses), true);
}
END_TEST


START_TEST(good_heads_give_the_same_result_however_they_are_cut)
{
    expect_cut(ALL(nc_h1_good_requests), false);
    expect_cut(ALL(nc_h1_good_responses), true);
}
END_TEST


START_TEST(the_tables_have_more_than_150_malformed_messages)
{
    ck_assert_uint_ge(NC_COUNTOF(nc_h1_bad_requests) + NC_COUNTOF(nc_h1_bad_responses), 150);
}
END_TEST


START_TEST(errors_carry_status_and_details)
{
    ck_assert_uint_eq(nc_h1_error_status(NC_H1_ERR_LOW_VERSION), 426);
    ck_assert_str_eq(nc_h1_error_details(NC_H1_ERR_LOW_VERSION), "low_version");
    ck_assert_uint_eq(nc_h1_error_status(NC_H1_ERR_TOO_LARGE), 431);
    ck_assert_uint_eq(nc_h1_error_status(NC_H1_ERR_CODING), 501);
    ck_assert_uint_eq(nc_h1_error_status(NC_H1_ERR_VERSION_UNKNOWN), 505);

    for (int e = NC_H1_ERR_NONE + 1; e < NC_H1_ERR_MAX; e++) {
        ck_assert_uint_ge(nc_h1_error_status((nc_h1_error_t) e), 400);
        ck_assert(*nc_h1_error_details((nc_h1_error_t) e) != '\0');
    }
}
END_TEST


START_TEST(host_becomes_authority_and_names_are_lower_case)
{
    nc_t_h1_t  t;

    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "POST /a?b HTTP/1.1\r\nHOST: x:1\r\n"
                     "X-Long-Header-Name-Of-Many-Bytes:\t v \t\r\nContent-LENGTH: 7\r\n\r\nabc"),
                     NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, ":method"), "POST");
    ck_assert_str_eq(nc_t_h1_value(&t, ":path"), "/a?b");
    ck_assert_str_eq(nc_t_h1_value(&t, ":authority"), "x:1");
    ck_assert_str_eq(nc_t_h1_value(&t, "host"), "(none)");
    ck_assert_str_eq(nc_t_h1_value(&t, "x-long-header-name-of-many-bytes"), "v");
    ck_assert_str_eq(nc_t_h1_value(&t, "content-length"), "7");
    ck_assert_uint_eq(t.head.content_length, 7);
    ck_assert_int_eq(t.head.body, NC_H1_BODY_LENGTH);
    ck_assert_uint_eq(t.consumed + 3, strlen("POST /a?b HTTP/1.1\r\nHOST: x:1\r\n"
                      "X-Long-Header-Name-Of-Many-Bytes:\t v \t\r\nContent-LENGTH: 7\r\n\r\nabc"));
    ck_assert(t.head.keep_alive);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(the_host_of_an_absolute_target_wins)
{
    static const struct {
        const char  *target, *scheme, *authority, *path;
    } want[] = {
        { "http://b:8/x?y", "http", "b:8", "/x?y" },
        { "HTTPS://b/", "https", "b", "/" },
        { "http://b", "http", "b", "/" },
        { "http://b?q", "http", "b", "/?q" },
        { "http://[::1]:8?q", "http", "[::1]:8", "/?q" },
        { "http://b#f", "http", "b", "/#f" },
        { "http://b//c", "http", "b", "//c" }
    };

    for (size_t i = 0; i < NC_COUNTOF(want); i++) {
        char       text[200];
        nc_t_h1_t  t;

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: other\r\n\r\n", want[i].target);
        ck_assert_int_eq(nc_t_h1_request(&t, &strict, text), NC_OK);
        ck_assert_str_eq(nc_t_h1_value(&t, ":authority"), want[i].authority);
        ck_assert_str_eq(nc_t_h1_value(&t, ":path"), want[i].path);
        ck_assert(nc_str_eq(t.head.scheme, nc_str_c(want[i].scheme)));
        ck_assert_int_eq(t.head.target, NC_H1_TARGET_ABSOLUTE);
        nc_t_h1_fini(&t);
    }
}
END_TEST


START_TEST(absolute_targets_can_be_refused)
{
    nc_h1_options_t  o = { .no_absolute_url = true };
    nc_t_h1_t        t;

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
                     NC_ERROR);
    ck_assert_int_eq(t.head.error, NC_H1_ERR_ABSOLUTE_URL);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(connect_has_an_authority_and_no_path)
{
    nc_t_h1_t  t;

    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
                     NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, ":authority"), "b:443");
    ck_assert_str_eq(nc_t_h1_value(&t, ":path"), "(none)");
    ck_assert(t.head.is_connect);
    ck_assert_int_eq(t.head.body, NC_H1_BODY_CLOSE);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(a_fragment_is_reported)
{
    nc_t_h1_t  t;

    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), NC_OK);
    ck_assert(t.head.has_fragment);
    nc_t_h1_fini(&t);
    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "GET /a HTTP/1.1\r\nHost: a\r\nx: #\r\n\r\n"),
                     NC_OK);
    ck_assert(!t.head.has_fragment);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(http_10_is_accepted_when_configured)
{
    nc_h1_options_t  o = { .accept_http_10 = true };
    nc_t_h1_t        t;

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"), NC_OK);
    ck_assert_uint_eq(t.head.version, 10);
    ck_assert(!t.head.keep_alive);
    nc_t_h1_fini(&t);

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.0\r\nHost: a\r\n"
                     "Connection: Keep-Alive\r\nUpgrade: x\r\n\r\n"), NC_OK);
    ck_assert(t.head.keep_alive);
    ck_assert_str_eq(nc_t_h1_value(&t, "upgrade"), "(none)");
    nc_t_h1_fini(&t);

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.0\r\n\r\n"), NC_ERROR);
    ck_assert_int_eq(t.head.error, NC_H1_ERR_HOST_MISSING);
    nc_t_h1_fini(&t);

    o.default_host = NC_STR("dflt");
    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.0\r\n\r\n"), NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, ":authority"), "dflt");
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(chunked_wins_over_length_when_configured_and_ends_the_connection)
{
    nc_h1_options_t  o = { .allow_chunked_length = true };
    nc_t_h1_t        t;

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"), NC_OK);
    ck_assert_int_eq(t.head.body, NC_H1_BODY_CHUNKED);
    ck_assert_str_eq(nc_t_h1_value(&t, "content-length"), "(none)");
    ck_assert_str_eq(nc_t_h1_value(&t, "transfer-encoding"), "(none)");
    ck_assert(!t.head.has_length);
    ck_assert(!t.head.keep_alive);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(names_with_underscores_are_kept_dropped_or_refused)
{
    static const char  text[] = "GET / HTTP/1.1\r\nHost: a\r\nx_y: 1\r\nContent_Length: 5\r\n"
        "a-very-long-name-with_an_underscore: 2\r\n\r\n";
    nc_h1_options_t    o = { 0 };
    nc_t_h1_t          t;

    ck_assert_int_eq(nc_t_h1_request(&t, &o, text), NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, "x_y"), "1");
    ck_assert_uint_eq(t.head.n_dropped, 0);
    nc_t_h1_fini(&t);

    o.underscores = NC_H1_UNDERSCORES_DROP;
    ck_assert_int_eq(nc_t_h1_request(&t, &o, text), NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, "x_y"), "(none)");
    ck_assert_uint_eq(t.head.n_dropped, 3);
    ck_assert_uint_eq(t.headers.live, 3);
    nc_t_h1_fini(&t);

    o.underscores = NC_H1_UNDERSCORES_REJECT;
    ck_assert_int_eq(nc_t_h1_request(&t, &o, text), NC_ERROR);
    ck_assert_int_eq(t.head.error, NC_H1_ERR_UNDERSCORE);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(custom_methods_are_accepted_when_configured)
{
    nc_h1_options_t  o = { .allow_custom_methods = true };
    nc_t_h1_t        t;

    ck_assert_int_eq(nc_t_h1_request(&t, &o, "Foo-1 / HTTP/1.1\r\nHost: a\r\n\r\n"), NC_OK);
    ck_assert_str_eq(nc_t_h1_value(&t, ":method"), "Foo-1");
    nc_t_h1_fini(&t);
    ck_assert_int_eq(nc_t_h1_request(&t, &o, "Foo, / HTTP/1.1\r\nHost: a\r\n\r\n"), NC_ERROR);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(heads_beyond_the_limit_of_bytes_are_refused)
{
    nc_h1_options_t  o = { .max_bytes = 40 };
    nc_t_h1_t        t;

    /* 16 + 11 + 12 + 2 bytes. */
    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.1\r\nHost: abc\r\nx: 3456789\r\n\r\n"),
                     NC_ERROR);
    ck_assert_int_eq(t.head.error, NC_H1_ERR_TOO_LARGE);
    nc_t_h1_fini(&t);
    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET / HTTP/1.1\r\nHost: abc\r\nx: 345678\r\n\r\n"),
                     NC_OK);
    ck_assert_uint_eq(t.consumed, 40);
    nc_t_h1_fini(&t);
    ck_assert_int_eq(nc_t_h1_request(&t, &o, "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                     NC_ERROR);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(heads_beyond_the_limit_of_fields_are_refused)
{
    nc_sb_t    sb;
    nc_t_h1_t  t;

    for (int n = 99; n <= 100; n++) {
        nc_sb_init(&sb);
        nc_sb_c_add(&sb, "GET / HTTP/1.1\r\nHost: a\r\n");

        for (int i = 0; i < n; i++) {
            nc_sb_printf(&sb, "x%d: %d\r\n", i, i);
        }

        nc_sb_c_add(&sb, "\r\n");
        ck_assert_int_eq(nc_t_h1_request(&t, &strict, nc_sb_c(&sb)), n == 99 ? NC_OK : NC_ERROR);
        ck_assert_int_eq(t.head.error, n == 99 ? NC_H1_ERR_NONE : NC_H1_ERR_TOO_MANY);
        nc_t_h1_fini(&t);
        nc_sb_fini(&sb);
    }
}
END_TEST


START_TEST(no_configuration_allows_more_fields_than_there_is_room_for)
{
    nc_h1_options_t  o = { .max_headers = UINT32_MAX, .max_bytes = UINT32_MAX };
    nc_sb_t          sb;
    nc_t_h1_t        t;

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "GET / HTTP/1.1\r\nHost: a\r\n");

    for (int i = 0; i < 70000; i++) {
        nc_sb_c_add(&sb, "x:\r\n");
    }

    ck_assert_int_eq(nc_t_h1_request(&t, &o, nc_sb_c(&sb)), NC_ERROR);
    ck_assert_int_eq(t.head.error, NC_H1_ERR_TOO_MANY);
    nc_t_h1_fini(&t);
    nc_sb_fini(&sb);
}
END_TEST


START_TEST(hop_by_hop_fields_and_what_connection_names_are_taken_out)
{
    nc_t_h1_t  t;

    ck_assert_int_eq(nc_t_h1_request(&t, &strict, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n"
                     "Connection: close, X-A\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n"
                     "Upgrade: websocket\r\nTE: gzip, Trailers\r\nX-B: 2\r\nx-a: 3\r\n"
                     "connection: te, x-c\r\nX-C: 4\r\n\r\n"), NC_OK);
    ck_assert(!t.head.keep_alive);
    ck_assert(t.head.te_trailers);
    ck_assert(!t.head.upgrade);
    ck_assert_str_eq(nc_t_h1_value(&t, "te"), "trailers");
    ck_assert_str_eq(nc_t_h1_value(&t, "x-b"), "2");
    ck_assert_uint_eq(t.headers.live, 5);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(an_upgrade_needs_both_fields_and_no_body)
{
    static const struct {
        const char  *fields;
        bool         upgrade;
    } want[] = {
        { "Connection: Upgrade\r\nUpgrade: websocket\r\n", true },
        { "Connection: keep-alive, x, upgrade\r\nUpgrade: a, b\r\n", true },
        { "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", true },
        { "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", false },
        { "Connection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", false },
        { "Connection: Upgrade\r\n", false },
        { "Upgrade: websocket\r\n", false },
        { "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n", false }
    };

    for (size_t i = 0; i < NC_COUNTOF(want); i++) {
        char       text[300];
        nc_t_h1_t  t;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", want[i].fields);
        ck_assert_int_eq(nc_t_h1_request(&t, &strict, text), NC_OK);
        ck_assert_int_eq(t.head.upgrade, want[i].upgrade);
        ck_assert_str_eq(nc_t_h1_value(&t, "connection"), want[i].upgrade ? "upgrade" : "(none)");
        ck_assert_int_eq(t.headers.first[NC_H_UPGRADE] != 0, want[i].upgrade);
        nc_t_h1_fini(&t);
    }
}
END_TEST


START_TEST(the_body_of_a_response_follows_from_request_status_and_fields)
{
    static const struct {
        nc_h1_for_t         to;
        const char         *text;
        nc_h1_body_kind_t   body;
        bool                keep_alive;
    } want[] = {
        { NC_H1_FOR_OTHER, "1.1 200 OK\r\n\r\n", NC_H1_BODY_CLOSE, false },
        { NC_H1_FOR_OTHER, "1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_OTHER, "1.1 200 OK\r\nContent-Length: 1\r\n\r\n", NC_H1_BODY_LENGTH, true },
        { NC_H1_FOR_OTHER, "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
          NC_H1_BODY_CHUNKED, true },
        { NC_H1_FOR_HEAD, "1.1 200 OK\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_HEAD, "1.1 200 OK\r\nContent-Length: 9\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_HEAD, "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
          NC_H1_BODY_NONE, true },
        { NC_H1_FOR_OTHER, "1.1 304 x\r\nContent-Length: 9\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_OTHER, "1.1 204 x\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_OTHER, "1.1 100 x\r\n\r\n", NC_H1_BODY_NONE, true },
        { NC_H1_FOR_CONNECT, "1.1 200 x\r\n\r\n", NC_H1_BODY_CLOSE, false },
        { NC_H1_FOR_CONNECT, "1.1 403 x\r\nContent-Length: 3\r\n\r\n", NC_H1_BODY_LENGTH, true },
        { NC_H1_FOR_OTHER, "1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
          NC_H1_BODY_CLOSE, true },
        { NC_H1_FOR_OTHER, "1.0 200 OK\r\nContent-Length: 1\r\n\r\n", NC_H1_BODY_LENGTH, false },
        { NC_H1_FOR_OTHER, "1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
          NC_H1_BODY_LENGTH, true },
        { NC_H1_FOR_OTHER, "1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
          NC_H1_BODY_LENGTH, false }
    };

    for (size_t i = 0; i < NC_COUNTOF(want); i++) {
        char       text[200];
        nc_t_h1_t  t;

        snprintf(text, sizeof(text), "HTTP/%s", want[i].text);
        ck_assert_int_eq(nc_t_h1_response(&t, &strict, want[i].to, text), NC_OK);
        ck_assert_msg(t.head.body == want[i].body, "%s: body %d", text, (int) t.head.body);
        ck_assert_msg(t.head.keep_alive == want[i].keep_alive, "%s: keep-alive", text);
        nc_t_h1_fini(&t);
    }
}
END_TEST


START_TEST(a_response_keeps_its_fields)
{
    nc_t_h1_t  t;

    ck_assert_int_eq(nc_t_h1_response(&t, &strict, NC_H1_FOR_OTHER, "HTTP/1.1 299 Whatever\r\n"
                     "Set-Cookie: a\r\nSET-COOKIE: b\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
                     NC_OK);
    ck_assert_uint_eq(t.head.status, 299);
    ck_assert_str_eq(nc_t_h1_value(&t, ":status"), "299");
    ck_assert_str_eq(nc_t_h1_value(&t, "set-cookie"), "a,b");
    ck_assert_str_eq(nc_t_h1_value(&t, "host"), "h");
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(bytes_of_a_line_that_is_not_whole_are_not_looked_at_again)
{
    enum { LINE = 20000 };

    static const char  head[] = "GET / HTTP/1.1\r\nHost: a\r\nx: ";
    size_t             len = sizeof(head) - 1, start = len;
    char              *data = nc_malloc(len + LINE + 8);
    nc_t_h1_t          t;

    memcpy(data, head, len);
    nc_t_h1_init(&t);

    for (int i = 0; i < LINE; i++) {
        data[len++] = 'v';
        ck_assert_int_eq(nc_h1_parse_request(&t.parser, &strict, data, len, &t.headers, &t.head,
                                             &t.consumed), NC_AGAIN);
        data[len - 1] = '\1';                   /* would be refused if it were read again */
    }

    memset(data + start, 'v', LINE);
    memcpy(data + len, "\r\n\r\n", 4);
    ck_assert_int_eq(nc_h1_parse_request(&t.parser, &strict, data, len + 4, &t.headers, &t.head,
                                         &t.consumed), NC_OK);
    ck_assert_uint_eq(nc_headers_value(&t.headers, NC_H_AUTHORITY).len, 1);
    ck_assert_uint_eq(t.headers.items[t.headers.n - 1].value.len, LINE);
    free(data);
    nc_t_h1_fini(&t);
}
END_TEST


START_TEST(the_case_of_names_is_kept_wherever_the_reads_end)
{
    static const char      text[] = "GET / HTTP/1.1\r\nHoSt: h\r\nX-MiXeD: a\r\nlow: b\r\n\r\n";
    const size_t           len = sizeof(text) - 1;
    const nc_h1_options_t  options = { .keep_case = true };

    for (size_t split = 1; split < len; split++) {
        char            data[sizeof(text)];
        nc_pool_t       pool;
        nc_headers_t    h;
        nc_h1_parser_t  parser;
        nc_h1_head_t    head;
        size_t          consumed;

        memcpy(data, text, sizeof(text));
        nc_pool_init(&pool, &nc_pool_heap);
        nc_headers_init(&h, &pool);
        nc_h1_parser_init(&parser);
        ck_assert_int_eq(nc_h1_parse_request(&parser, &options, data, split, &h, &head,
                                             &consumed), NC_AGAIN);
        ck_assert_int_eq(nc_h1_parse_request(&parser, &options, data, len, &h, &head, &consumed),
                         NC_OK);
        ck_assert(nc_str_eq(nc_headers_case(&h, NC_STR("host")), NC_STR("HoSt")));
        ck_assert(nc_str_eq(nc_headers_case(&h, NC_STR("x-mixed")), NC_STR("X-MiXeD")));
        ck_assert(nc_headers_case(&h, NC_STR("low")).data == NULL);
        nc_pool_fini(&pool);
    }
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/h1_parse");
    TCase    *tc = tcase_create("heads");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_case_of_names_is_kept_wherever_the_reads_end);
    tcase_add_test(tc, every_malformed_request_is_refused_with_its_error);
    tcase_add_test(tc, every_malformed_response_is_refused_with_its_error);
    tcase_add_test(tc, malformed_heads_give_the_same_error_however_they_are_cut);
    tcase_add_test(tc, good_heads_give_the_same_result_however_they_are_cut);
    tcase_add_test(tc, the_tables_have_more_than_150_malformed_messages);
    tcase_add_test(tc, errors_carry_status_and_details);
    tcase_add_test(tc, host_becomes_authority_and_names_are_lower_case);
    tcase_add_test(tc, the_host_of_an_absolute_target_wins);
    tcase_add_test(tc, absolute_targets_can_be_refused);
    tcase_add_test(tc, connect_has_an_authority_and_no_path);
    tcase_add_test(tc, a_fragment_is_reported);
    tcase_add_test(tc, http_10_is_accepted_when_configured);
    tcase_add_test(tc, chunked_wins_over_length_when_configured_and_ends_the_connection);
    tcase_add_test(tc, names_with_underscores_are_kept_dropped_or_refused);
    tcase_add_test(tc, custom_methods_are_accepted_when_configured);
    tcase_add_test(tc, heads_beyond_the_limit_of_bytes_are_refused);
    tcase_add_test(tc, heads_beyond_the_limit_of_fields_are_refused);
    tcase_add_test(tc, no_configuration_allows_more_fields_than_there_is_room_for);
    tcase_add_test(tc, hop_by_hop_fields_and_what_connection_names_are_taken_out);
    tcase_add_test(tc, an_upgrade_needs_both_fields_and_no_body);
    tcase_add_test(tc, the_body_of_a_response_follows_from_request_status_and_fields);
    tcase_add_test(tc, a_response_keeps_its_fields);
    tcase_add_test(tc, bytes_of_a_line_that_is_not_whole_are_not_looked_at_again);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
