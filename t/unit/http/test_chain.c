/*
 * The filter chain with two filters whose verdicts the test sets, a terminal one that keeps what
 * reaches it, and a codec that keeps what goes to the client.
 */
#include "http/chain.c"

#include <check.h>

typedef struct {
    nc_verdict_t  headers, data, trailers;      /* what it says */
    bool          reply;                        /* answers in the headers callback */
} script_t;

static nc_pool_t      image;
static nc_hcm_conf_t  hcm;
static nc_stream_t   *s;
static script_t       scripts[2][NC_DIRS];
static char           trace[512];               /* callbacks of the filters, in order */
static char           got[512];                 /* what the terminal filter got */
static char           sent[512];                /* what the codec got */
static bool           gated;


static void
note(char *where, const char *fmt, ...)
{
    size_t   n = strlen(where);
    va_list  args;

    va_start(args, fmt);
    vsnprintf(where + n, 512 - n, fmt, args);
    va_end(args);
}


static void
note_data(char *where, const char *what, const nc_buf_t *data, bool end)
{
    char  text[128];

    nc_buf_copy(data, text, data->len);
    note(where, "%s(%.*s)%s ", what, (int) data->len, text, end ? "." : "");
}


/* ---- the filters ---- */

static unsigned
self(void)
{
    return nc_stream_self(s);
}


static nc_verdict_t
headers(nc_dir_t dir, bool end)
{
    script_t  *x = &scripts[self()][dir];

    note(trace, "%c%c%s ", 'A' + self(), dir ? 'h' : 'H', end ? "." : "");

    if (x->reply) {
        x->reply = false;
        nc_stream_reply(s, 403, NC_STR("no"), "denied", NULL, NULL);
        return NC_TAKEN;
    }

    return x->headers;
}


static nc_verdict_t
data_of(nc_dir_t dir, nc_buf_t *data, bool end)
{
    char  name[3] = { (char) ('A' + self()), dir ? 'd' : 'D', '\0' };

    note_data(trace, name, data, end);

    return scripts[self()][dir].data;
}


static nc_verdict_t
trailers(nc_dir_t dir)
{
    note(trace, "%c%c ", 'A' + self(), dir ? 't' : 'T');

    return scripts[self()][dir].trailers;
}


static nc_verdict_t
rq_headers(nc_stream_t *x, const void *c, nc_headers_t *h, bool end)
{
    (void) x, (void) c, (void) h;

    return headers(NC_DIR_REQUEST, end);
}


static nc_verdict_t
rq_data(nc_stream_t *x, const void *c, nc_buf_t *data, bool end)
{
    (void) x, (void) c;

    return data_of(NC_DIR_REQUEST, data, end);
}


static nc_verdict_t
rq_trailers(nc_stream_t *x, const void *c, nc_headers_t *t)
{
    (void) x, (void) c, (void) t;

    return trailers(NC_DIR_REQUEST);
}


static nc_verdict_t
rs_headers(nc_stream_t *x, const void *c, nc_headers_t *h, bool end)
{
    (void) x, (void) c, (void) h;

    return headers(NC_DIR_RESPONSE, end);
}


static nc_verdict_t
rs_data(nc_stream_t *x, const void *c, nc_buf_t *data, bool end)
{
    (void) x, (void) c;

    return data_of(NC_DIR_RESPONSE, data, end);
}


static nc_verdict_t
rs_trailers(nc_stream_t *x, const void *c, nc_headers_t *t)
{
    (void) x, (void) c, (void) t;

    return trailers(NC_DIR_RESPONSE);
}


static const nc_http_filter_ops_t  filter_ops = {
    .on_request_headers = rq_headers, .on_request_data = rq_data,
    .on_request_trailers = rq_trailers, .on_response_headers = rs_headers,
    .on_response_data = rs_data, .on_response_trailers = rs_trailers
};


/* ---- the terminal filter ---- */

static nc_verdict_t
end_headers(nc_stream_t *x, const void *c, nc_headers_t *h, bool end)
{
    (void) x, (void) c, (void) h;
    note(got, "H%s ", end ? "." : "");

    return NC_TAKEN;
}


static nc_verdict_t
end_data(nc_stream_t *x, const void *c, nc_buf_t *data, bool end)
{
    (void) x, (void) c;
    note_data(got, "D", data, end);

    return NC_TAKEN;
}


static nc_verdict_t
end_trailers(nc_stream_t *x, const void *c, nc_headers_t *t)
{
    (void) x, (void) c, (void) t;
    note(got, "T ");

    return NC_TAKEN;
}


static const nc_http_filter_ops_t  end_ops = {
    .on_request_headers = end_headers, .on_request_data = end_data,
    .on_request_trailers = end_trailers, .terminal = true
};

static const nc_module_t  filter_module = {
    NC_MODULE_HEAD, .name = "filter", .kind = NC_HTTP_FILTER, .http_filter = &filter_ops
};
static const nc_module_t  end_module = {
    NC_MODULE_HEAD, .name = "end", .kind = NC_HTTP_FILTER, .http_filter = &end_ops
};


/* ---- the codec ---- */

static void
codec_headers(nc_stream_t *x, nc_headers_t *h, bool end)
{
    (void) x;
    note(sent, NC_STR_FMT "%s ", NC_STR_ARG(nc_headers_value(h, NC_H_STATUS)), end ? "." : "");
}


static void
codec_data(nc_stream_t *x, nc_buf_t *data, bool end)
{
    (void) x;
    note_data(sent, "", data, end);
}


static void
codec_trailers(nc_stream_t *x, const nc_headers_t *t)
{
    (void) x, (void) t;
    note(sent, "T ");
}


static void
codec_reset(nc_stream_t *x)
{
    (void) x;
    note(sent, "reset ");
}


static void
codec_gate(nc_stream_t *x, nc_gate_t who, bool hold)
{
    (void) x;

    if (who == NC_GATE_FILTER) {
        gated = hold;
    }
}


static void
codec_arm(nc_stream_t *x, uint64_t due)
{
    (void) x, (void) due;
}


static void
codec_done(nc_stream_t *x)
{
    (void) x;
}


static const nc_stream_codec_t  codec = {
    .headers = codec_headers, .data = codec_data, .trailers = codec_trailers,
    .reset = codec_reset, .gate = codec_gate, .arm = codec_arm, .done = codec_done
};


/* ---- the test's side ---- */

static void
setup(void)
{
    static nc_http_filter_ref_t  refs[3];
    nc_conn_info_t               conn = { .id = 1 };

    nc_stats_create_private();
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    nc_pool_init(&image, &nc_pool_heap);
    refs[0].module = refs[1].module = &filter_module;
    refs[2].module = &end_module;
    hcm = (nc_hcm_conf_t) { .filters = refs, .n_filters = 3, .response_filters = true,
                            .server_header = NC_SERVER_PASS_THROUGH };
    memset(scripts, 0, sizeof(scripts));        /* NC_NEXT everywhere */
    trace[0] = got[0] = sent[0] = '\0';
    gated = false;
    s = nc_stream_create(&hcm, 0, &codec, NULL, &conn);
    s->request_limit = s->response_limit = 10;
    nc_headers_add_id(&s->request, NC_H_METHOD, NC_STR("POST"));
}


static void
teardown(void)
{
    nc_stream_end(s);
    nc_loop_turn(0);
    nc_pool_fini(&image);
    nc_loop_fini();
    nc_stats_destroy();
}


static void
give_headers(nc_dir_t dir, bool end)
{
    nc_headers_t  *h;

    if (dir == NC_DIR_REQUEST) {
        s->request_done = end;
        nc_chain_headers(s, dir, end);
        return;
    }

    h = nc_pool_new(&s->pool, nc_headers_t);
    nc_headers_init(h, &s->pool);
    nc_headers_add_id(h, NC_H_STATUS, NC_STR("200"));
    nc_stream_respond_headers(s, h, end);
}


static void
give_data(nc_dir_t dir, const char *text, bool end)
{
    nc_buf_t  data;

    nc_buf_init(&data);
    nc_buf_add(&data, text, strlen(text));

    if (dir == NC_DIR_REQUEST) {
        nc_stream_on_data(s, &data, end);
    } else {
        nc_stream_respond_data(s, &data, end);
    }

    nc_buf_fini(&data);
}


static void
give_trailers(nc_dir_t dir)
{
    nc_headers_t  *t = nc_pool_new(&s->pool, nc_headers_t);

    nc_headers_init(t, &s->pool);
    nc_headers_add(t, NC_STR("x-t"), NC_STR("1"));

    if (dir == NC_DIR_REQUEST) {
        nc_stream_on_trailers(s, t);
    } else {
        nc_stream_respond_trailers(s, t);
    }
}


static void
go_on(nc_dir_t dir, unsigned at)
{
    if (dir == NC_DIR_REQUEST) {
        nc_stream_resume_request(s, at);
    } else {
        nc_stream_resume_response(s, at);
    }
}


/* The request of a response test is over. */
static void
whole_request(void)
{
    give_headers(NC_DIR_REQUEST, true);
    trace[0] = '\0';
}


START_TEST(next_passes_everything_in_order)
{
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", false);
    give_trailers(NC_DIR_REQUEST);
    ck_assert_str_eq(trace, "AH BH AD(ab) BD(ab) AT BT ");
    ck_assert_str_eq(got, "H D(ab) T ");
}
END_TEST


START_TEST(responses_go_the_other_way)
{
    whole_request();
    give_headers(NC_DIR_RESPONSE, false);
    give_data(NC_DIR_RESPONSE, "ab", false);
    give_trailers(NC_DIR_RESPONSE);
    ck_assert_str_eq(trace, "Bh Ah Bd(ab) Ad(ab) Bt At ");
    ck_assert_str_eq(sent, "200 (ab) T ");
}
END_TEST


/* Both directions, the first filter on the way. */
START_TEST(what_waits_goes_on_in_order_when_resumed)
{
    nc_dir_t     dir = _i ? NC_DIR_RESPONSE : NC_DIR_REQUEST;
    unsigned     at = _i ? 1 : 0;
    const char  *out = _i ? sent : got;

    if (_i) {
        whole_request();
        got[0] = '\0';
    }

    scripts[at][dir].headers = NC_WAIT;
    give_headers(dir, false);
    give_data(dir, "ab", false);
    give_data(dir, "cd", false);
    give_trailers(dir);
    ck_assert_str_eq(out, "");

    scripts[at][dir].headers = NC_NEXT;
    go_on(dir, at);
    ck_assert_str_eq(out, _i ? "200 (abcd) T " : "H D(abcd) T ");
    go_on(dir, at);                             /* no-op */
    ck_assert_str_eq(out, _i ? "200 (abcd) T " : "H D(abcd) T ");
}
END_TEST


START_TEST(data_that_was_seen_is_not_shown_again)
{
    scripts[0][NC_DIR_REQUEST].data = NC_WAIT;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", false);
    give_data(NC_DIR_REQUEST, "cd", true);
    ck_assert_str_eq(got, "H ");

    trace[0] = '\0';
    scripts[0][NC_DIR_REQUEST].data = NC_NEXT;
    go_on(NC_DIR_REQUEST, 0);
    ck_assert_str_eq(trace, "BD(ab) AD(cd). BD(cd). ");
    ck_assert_str_eq(got, "H D(ab) D(cd). ");
}
END_TEST


START_TEST(two_waiting_filters_are_resumed_one_by_one)
{
    scripts[0][NC_DIR_REQUEST].headers = scripts[1][NC_DIR_REQUEST].headers = NC_WAIT;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", true);
    go_on(NC_DIR_REQUEST, 1);                   /* waits for nothing yet */
    ck_assert_str_eq(got, "");
    go_on(NC_DIR_REQUEST, 0);
    ck_assert_str_eq(got, "");
    scripts[1][NC_DIR_REQUEST].headers = NC_NEXT;
    go_on(NC_DIR_REQUEST, 1);
    ck_assert_str_eq(got, "H D(ab). ");
}
END_TEST


START_TEST(wait_buffer_shows_the_whole_body_once)
{
    nc_dir_t     dir = _i ? NC_DIR_RESPONSE : NC_DIR_REQUEST;
    unsigned     at = _i ? 1 : 0;
    const char  *out = _i ? sent : got;

    if (_i) {
        whole_request();
        got[0] = '\0';
    }

    scripts[at][dir].headers = NC_WAIT_BUFFER;
    give_headers(dir, false);
    give_data(dir, "ab", false);
    give_data(dir, "cd", true);
    ck_assert_str_eq(trace, _i ? "Bh Bd(abcd). Ah Ad(abcd). " : "AH AD(abcd). BH BD(abcd). ");
    ck_assert_str_eq(out, _i ? "200 (abcd). " : "H D(abcd). ");
}
END_TEST


START_TEST(wait_buffer_ends_with_trailers_too)
{
    scripts[0][NC_DIR_REQUEST].headers = NC_WAIT_BUFFER;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", false);
    give_trailers(NC_DIR_REQUEST);
    ck_assert_str_eq(got, "H D(ab) T ");
}
END_TEST


START_TEST(wait_buffer_without_a_body_does_not_wait)
{
    scripts[0][NC_DIR_REQUEST].headers = NC_WAIT_BUFFER;
    give_headers(NC_DIR_REQUEST, true);
    ck_assert_str_eq(got, "H. ");
}
END_TEST


START_TEST(taken_data_goes_no_further)
{
    scripts[1][NC_DIR_REQUEST].data = NC_TAKEN;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", true);
    ck_assert_str_eq(got, "H ");
}
END_TEST


START_TEST(trailers_can_wait)
{
    scripts[0][NC_DIR_REQUEST].trailers = NC_WAIT;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", false);
    give_trailers(NC_DIR_REQUEST);
    ck_assert_str_eq(got, "H D(ab) ");
    go_on(NC_DIR_REQUEST, 0);
    ck_assert_str_eq(got, "H D(ab) T ");
    ck_assert_str_eq(trace, "AH BH AD(ab) BD(ab) AT BT ");
}
END_TEST


START_TEST(a_request_too_large_to_hold_is_answered_with_413)
{
    scripts[0][NC_DIR_REQUEST].headers = NC_WAIT_BUFFER;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "0123456789", false);
    ck_assert_str_eq(sent, "");
    give_data(NC_DIR_REQUEST, "a", false);
    ck_assert_str_eq(sent, "413 (Payload Too Large). ");
    ck_assert_str_eq(got, "");
    ck_assert_str_eq(s->info.details, "request_payload_too_large");
}
END_TEST


START_TEST(a_response_too_large_to_hold_becomes_500)
{
    whole_request();
    scripts[1][NC_DIR_RESPONSE].headers = NC_WAIT_BUFFER;
    give_headers(NC_DIR_RESPONSE, false);
    scripts[1][NC_DIR_RESPONSE].headers = NC_NEXT;
    give_data(NC_DIR_RESPONSE, "0123456789a", false);
    ck_assert_str_eq(sent, "500 (Internal Server Error). ");
    ck_assert_str_eq(s->info.details, "response_payload_too_large");
}
END_TEST


START_TEST(a_response_too_large_behind_its_headers_is_broken_off)
{
    whole_request();
    give_headers(NC_DIR_RESPONSE, false);
    scripts[1][NC_DIR_RESPONSE].data = NC_WAIT_BUFFER;
    give_data(NC_DIR_RESPONSE, "0123456789a", false);
    ck_assert_str_eq(sent, "200 reset ");
    ck_assert(s->ended);
}
END_TEST


START_TEST(a_waiting_filter_holds_the_source_above_the_limit)
{
    scripts[0][NC_DIR_REQUEST].headers = NC_WAIT;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "0123456789", false);
    ck_assert(!gated);
    give_data(NC_DIR_REQUEST, "a", false);
    ck_assert(gated);
    scripts[0][NC_DIR_REQUEST].headers = NC_NEXT;
    go_on(NC_DIR_REQUEST, 0);
    ck_assert(!gated);
    ck_assert_str_eq(got, "H D(0123456789a) ");
}
END_TEST


/* The answer passes all response filters, from wherever it is given. */
START_TEST(a_local_reply_from_request_headers)
{
    scripts[_i][NC_DIR_REQUEST].reply = true;
    give_headers(NC_DIR_REQUEST, false);
    ck_assert_str_eq(trace, _i ? "AH BH Bh Ah Bd(no). Ad(no). " : "AH Bh Ah Bd(no). Ad(no). ");
    ck_assert_str_eq(sent, "403 (no). ");
    ck_assert_str_eq(got, "");

    trace[0] = '\0';
    give_data(NC_DIR_REQUEST, "late", true);    /* nobody hears of it */
    ck_assert_str_eq(trace, "");
}
END_TEST


START_TEST(a_local_reply_while_the_request_waits)
{
    scripts[0][NC_DIR_REQUEST].headers = NC_WAIT;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", true);
    nc_stream_reply(s, 503, NC_STR_NULL, "elsewhere", NULL, NULL);
    ck_assert_str_eq(sent, "503. ");
    go_on(NC_DIR_REQUEST, 0);                   /* too late */
    ck_assert_str_eq(got, "");
}
END_TEST


START_TEST(a_local_reply_from_the_terminal_filter)
{
    whole_request();
    nc_stream_reply(s, 404, NC_STR("x"), "no_route", NULL, NULL);
    ck_assert_str_eq(trace, "Bh Ah Bd(x). Ad(x). ");
    ck_assert_str_eq(sent, "404 (x). ");
}
END_TEST


START_TEST(a_local_reply_in_place_of_a_response)
{
    whole_request();
    scripts[1][NC_DIR_RESPONSE].reply = true;
    give_headers(NC_DIR_RESPONSE, false);
    ck_assert_str_eq(sent, "403 (no). ");
}
END_TEST


START_TEST(a_local_reply_to_head_has_no_body)
{
    s->is_head = true;
    whole_request();
    nc_stream_reply(s, 404, NC_STR("x"), "no_route", NULL, NULL);
    ck_assert_str_eq(sent, "404. ");
}
END_TEST


START_TEST(a_reply_after_the_response_began_breaks_it_off)
{
    whole_request();
    give_headers(NC_DIR_RESPONSE, false);
    nc_stream_reply(s, 500, NC_STR("x"), "late", NULL, NULL);
    ck_assert_str_eq(sent, "200 reset ");
}
END_TEST


START_TEST(a_filter_that_is_off_is_passed_over)
{
    s->filters[0].off = true;
    give_headers(NC_DIR_REQUEST, false);
    give_data(NC_DIR_REQUEST, "ab", true);
    give_headers(NC_DIR_RESPONSE, true);
    ck_assert_str_eq(trace, "BH BD(ab). Bh. ");
    ck_assert_str_eq(sent, "200. ");
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *suite = suite_create("chain");
    TCase    *t = tcase_create("chain");
    SRunner  *r;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, next_passes_everything_in_order);
    tcase_add_test(t, responses_go_the_other_way);
    tcase_add_loop_test(t, what_waits_goes_on_in_order_when_resumed, 0, 2);
    tcase_add_test(t, data_that_was_seen_is_not_shown_again);
    tcase_add_test(t, two_waiting_filters_are_resumed_one_by_one);
    tcase_add_loop_test(t, wait_buffer_shows_the_whole_body_once, 0, 2);
    tcase_add_test(t, wait_buffer_ends_with_trailers_too);
    tcase_add_test(t, wait_buffer_without_a_body_does_not_wait);
    tcase_add_test(t, taken_data_goes_no_further);
    tcase_add_test(t, trailers_can_wait);
    tcase_add_test(t, a_request_too_large_to_hold_is_answered_with_413);
    tcase_add_test(t, a_response_too_large_to_hold_becomes_500);
    tcase_add_test(t, a_response_too_large_behind_its_headers_is_broken_off);
    tcase_add_test(t, a_waiting_filter_holds_the_source_above_the_limit);
    tcase_add_loop_test(t, a_local_reply_from_request_headers, 0, 2);
    tcase_add_test(t, a_local_reply_while_the_request_waits);
    tcase_add_test(t, a_local_reply_from_the_terminal_filter);
    tcase_add_test(t, a_local_reply_in_place_of_a_response);
    tcase_add_test(t, a_local_reply_to_head_has_no_body);
    tcase_add_test(t, a_reply_after_the_response_began_breaks_it_off);
    tcase_add_test(t, a_filter_that_is_off_is_passed_over);
    suite_add_tcase(suite, t);

    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
