/* HTTP/2 in memory: a client's session and a server's, their outputs each other's inputs. */
#include "codec/h2.c"

#include <check.h>

typedef struct {
    nc_h2_stream_t  st;                         /* first */
    nc_pool_t       pool;
    nc_headers_t    head;
    nc_headers_t    more;
    size_t          got;
    bool            end;
    bool            trailers;
    bool            hold;                       /* received bytes are not consumed */
    unsigned        slow;
} stream_t;

static nc_h2_t          client, server;
static nc_buf_t         up, down;
static nc_h2_options_t  options;
static stream_t        *last;                   /* the server's newest */
static stream_t         seen;                   /* of the stream that was closed last */
static unsigned         closed;
static uint32_t         close_code;
static bool             hold;


static stream_t *
new_stream(void)
{
    stream_t  *s = nc_h2_mem_zeroed(sizeof(*s));

    nc_pool_init(&s->pool, &nc_pool_heap);
    nc_headers_init(&s->head, &s->pool);
    s->st.owner = s;
    s->st.headers = &s->head;
    s->hold = hold;

    return s;
}


static nc_h2_stream_t *
on_begin(nc_h2_t *h2, int32_t id)
{
    (void) h2;
    (void) id;
    last = new_stream();

    return &last->st;
}


static void
on_more_headers(nc_h2_stream_t *st)
{
    stream_t  *s = st->owner;

    nc_headers_init(&s->more, &s->pool);
    st->headers = &s->more;
}


static void
on_headers(nc_h2_stream_t *st, bool end)
{
    ((stream_t *) st->owner)->end = end;
}


static void
on_data(nc_h2_stream_t *st, nc_buf_t *data, bool end)
{
    stream_t  *s = st->owner;

    s->got += data->len;
    s->end = end;

    if (!s->hold) {
        nc_h2_consume(st, st->unconsumed);
    }
}


static void
on_trailers(nc_h2_stream_t *st)
{
    ((stream_t *) st->owner)->trailers = true;
}


static void
on_close(nc_h2_stream_t *st, uint32_t code)
{
    stream_t  *s = st->owner;

    closed++;
    close_code = code;
    seen = *s;
    nc_pool_fini(&s->pool);
    st->owner = NULL;
}


static void
on_backlog(nc_h2_stream_t *st, bool slow)
{
    ((stream_t *) st->owner)->slow += slow;
}


static void
on_goaway(nc_h2_t *h2, uint32_t code)
{
    (void) h2;
    (void) code;
}


static void
on_settings(nc_h2_t *h2)
{
    (void) h2;
}


static const nc_h2_ops_t  ops = {
    .on_begin = on_begin, .on_more_headers = on_more_headers, .on_headers = on_headers,
    .on_data = on_data, .on_trailers = on_trailers, .on_close = on_close,
    .on_backlog = on_backlog, .on_goaway = on_goaway, .on_settings = on_settings
};


static void
setup(void)
{
    options = (nc_h2_options_t) {
        .hpack_table_size = 4096, .max_concurrent_streams = 100, .stream_window = 65535,
        .connection_window = 1 << 20, .max_outbound_frames = 10000,
        .max_outbound_control_frames = 1000, .max_empty_frames = 1, .max_priority_frames = 100,
        .max_window_updates = 10, .max_header_bytes = 4096, .max_headers = 50
    };
    nc_now_ms = 1000;
    closed = 0;
    hold = false;
    last = NULL;
    nc_buf_init(&up);
    nc_buf_init(&down);
    nc_h2_init(&client, false, &options, &ops, NULL, 10000);
    nc_h2_init(&server, true, &options, &ops, NULL, 10000);
}


static void
drop_owners(nc_h2_t *h2)
{
    nc_list_each(&h2->streams, it) {
        stream_t  *s = nc_container_of(it, stream_t, st.link);

        if (s->st.owner) {
            s->st.owner = NULL;
            nc_pool_fini(&s->pool);
        }
    }
}


static void
teardown(void)
{
    drop_owners(&client);
    drop_owners(&server);
    nc_h2_fini(&client);
    nc_h2_fini(&server);
    nc_buf_fini(&up);
    nc_buf_fini(&down);
}


/* Everything moves until nothing does. */
static void
run(void)
{
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_ne(nc_h2_send(&client, &up, SIZE_MAX), NC_ERROR);
        ck_assert_int_ne(nc_h2_receive(&server, &up), NC_ERROR);
        ck_assert_int_ne(nc_h2_send(&server, &down, SIZE_MAX), NC_ERROR);

        if (down.len == 0 && up.len == 0) {
            return;
        }

        ck_assert_int_ne(nc_h2_receive(&client, &down), NC_ERROR);
    }
}


static stream_t *
ask(nc_str_t method, bool end)
{
    stream_t  *s = new_stream();

    s->st.h2 = &client;
    nc_headers_add_id(&s->head, NC_H_METHOD, method);
    nc_headers_add_id(&s->head, NC_H_SCHEME, NC_STR("http"));
    nc_headers_add_id(&s->head, NC_H_PATH, NC_STR("/"));
    nc_headers_add_id(&s->head, NC_H_AUTHORITY, NC_STR("a"));
    ck_assert_int_eq(nc_h2_send_headers(&s->st, &s->head, end), NC_OK);
    run();

    return s;
}


static void
answer(stream_t *s, bool end)
{
    nc_pool_t     pool;
    nc_headers_t  h;

    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);
    nc_headers_add(&h, NC_STR("x-first"), NC_STR("1"));
    nc_headers_add_id(&h, NC_H_STATUS, NC_STR("200"));      /* goes first all the same */
    ck_assert_int_eq(nc_h2_send_headers(&s->st, &h, end), NC_OK);
    nc_pool_fini(&pool);
}


static void
send_bytes(stream_t *s, size_t n, bool end)
{
    char      *bytes = nc_calloc(n);
    nc_buf_t   b;

    nc_buf_init(&b);
    nc_buf_add(&b, bytes, n);
    nc_h2_send_data(&s->st, &b, end);
    nc_buf_fini(&b);
    free(bytes);
}


START_TEST(a_request_and_its_response_pass)
{
    ask(NC_STR("GET"), true);
    ck_assert(last && last->end);
    ck_assert(nc_str_eq(nc_headers_value(&last->head, NC_H_PATH), NC_STR("/")));
    answer(last, false);
    send_bytes(last, 100, true);
    run();
    ck_assert_uint_eq(closed, 2);
    ck_assert_uint_eq(close_code, NC_H2_NO_ERROR);
    ck_assert_uint_eq(client.n_streams + server.n_streams, 0);
}
END_TEST


START_TEST(trailers_end_a_body)
{
    stream_t      *c = ask(NC_STR("POST"), false);
    nc_headers_t   t;

    send_bytes(c, 10, false);
    nc_headers_init(&t, &c->pool);
    nc_headers_add(&t, NC_STR("x-sum"), NC_STR("1"));
    nc_headers_add_id(&t, NC_H_CONNECTION, NC_STR("close"));    /* has no place there */
    nc_h2_send_trailers(&c->st, &t);
    run();
    ck_assert_uint_eq(last->got, 10);
    ck_assert(last->trailers);
    ck_assert_uint_eq(last->more.live, 1);
}
END_TEST


START_TEST(what_is_held_keeps_the_streams_window)
{
    stream_t  *c;

    hold = true;
    c = ask(NC_STR("POST"), false);
    send_bytes(c, 200000, true);
    run();
    ck_assert_uint_eq(last->got, 65535);
    ck_assert_uint_eq(server.unconsumed, 65535);
    last->hold = false;
    nc_h2_consume(&last->st, last->st.unconsumed);
    run();
    ck_assert_uint_eq(last->got, 200000);
    ck_assert(last->end);
    ck_assert_uint_eq(server.unconsumed, 0);
}
END_TEST


START_TEST(held_streams_cannot_take_more_than_the_connections_window)
{
    options.connection_window = 200000;
    teardown();
    nc_buf_init(&up);
    nc_buf_init(&down);
    nc_h2_init(&client, false, &options, &ops, NULL, 10000);
    nc_h2_init(&server, true, &options, &ops, NULL, 10000);
    hold = true;

    for (unsigned i = 0; i < 20; i++) {
        send_bytes(ask(NC_STR("POST"), false), 65535, true);
        run();
    }

    ck_assert_uint_le(server.unconsumed, 200000 + 100000);
}
END_TEST


START_TEST(a_full_output_is_told_and_its_end_too)
{
    ask(NC_STR("GET"), true);
    answer(last, false);
    send_bytes(last, 20000, false);
    ck_assert_uint_eq(last->slow, 1);
    ck_assert(last->st.slow);
    run();
    ck_assert(!last->st.slow);
}
END_TEST


START_TEST(a_head_beyond_the_limit_is_marked)
{
    stream_t  *s = new_stream();
    char       big[5000];

    memset(big, 'v', sizeof(big));
    s->st.h2 = &client;
    nc_headers_add_id(&s->head, NC_H_METHOD, NC_STR("GET"));
    nc_headers_add_id(&s->head, NC_H_SCHEME, NC_STR("http"));
    nc_headers_add_id(&s->head, NC_H_PATH, NC_STR("/"));
    nc_headers_add_id(&s->head, NC_H_AUTHORITY, NC_STR("a"));
    nc_headers_add(&s->head, NC_STR("big"), nc_str(big, sizeof(big)));
    ck_assert_int_eq(nc_h2_send_headers(&s->st, &s->head, true), NC_OK);
    run();
    ck_assert(last->st.overflow);
    ck_assert_uint_eq(last->head.live, 4);
}
END_TEST


START_TEST(streams_that_nobody_reads_are_reset)
{
    ask(NC_STR("GET"), true);
    hold = true;
    answer(last, false);
    send_bytes(last, 200000, true);
    nc_pool_fini(&last->pool);
    nc_h2_let_go(&last->st);
    (void) nc_h2_send(&server, &down, SIZE_MAX);                /* the client takes nothing */
    ck_assert_uint_eq(nc_h2_reset_stuck(&server, NC_H2_CANCEL), 0);
    ck_assert_uint_eq(nc_h2_reset_stuck(&server, NC_H2_CANCEL), 0);
    ck_assert_uint_eq(nc_h2_reset_stuck(&server, NC_H2_CANCEL), 0);
    ck_assert_uint_eq(nc_h2_reset_stuck(&server, NC_H2_CANCEL), 1);
}
END_TEST


START_TEST(keep_alive_asks_and_gives_up)
{
    options.ping_interval_ms = 100;
    options.ping_timeout_ms = 50;
    teardown();
    setup();
    options.ping_interval_ms = 100;
    options.ping_timeout_ms = 50;
    nc_h2_keepalive_answered(&client);
    client.ping_ms = nc_now_ms + 100;
    ck_assert_int_eq(nc_h2_keepalive(&client), NC_DECLINED);
    nc_now_ms += 100;
    ck_assert_int_eq(nc_h2_keepalive(&client), NC_OK);
    run();
    ck_assert(!client.ping_out);
    nc_now_ms += 100;
    ck_assert_int_eq(nc_h2_keepalive(&client), NC_OK);
    nc_now_ms += 50;
    ck_assert_int_eq(nc_h2_keepalive(&client), NC_ERROR);
}
END_TEST


START_TEST(memory_is_used_again)
{
    for (size_t size = 1; size < 5000; size += 37) {
        void  *a = nc_h2_mem_get(size);
        void  *b;

        memset(a, 0xee, size);
        nc_h2_mem_put(a);
        b = nc_h2_mem_zeroed(size);
        ck_assert_int_eq(((char *) b)[size - 1], 0);
        nc_h2_mem_put(b);
    }

    nc_h2_mem_put(NULL);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/h2");
    TCase    *tc = tcase_create("h2");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_request_and_its_response_pass);
    tcase_add_test(tc, trailers_end_a_body);
    tcase_add_test(tc, what_is_held_keeps_the_streams_window);
    tcase_add_test(tc, held_streams_cannot_take_more_than_the_connections_window);
    tcase_add_test(tc, a_full_output_is_told_and_its_end_too);
    tcase_add_test(tc, a_head_beyond_the_limit_is_marked);
    tcase_add_test(tc, streams_that_nobody_reads_are_reset);
    tcase_add_test(tc, keep_alive_asks_and_gives_up);
    tcase_add_test(tc, memory_is_used_again);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
