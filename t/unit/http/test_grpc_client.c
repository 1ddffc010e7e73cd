/* Calls over a pool that this file plays: what is sent, and what becomes of what comes back. */
#include "http/grpc.h"
#include "http/stream.h"
#include "upstream/pool.h"

static nc_rc_t          play_start(nc_up_t *u, const nc_cluster_entry_t *e,
                            const nc_host_set_t *hosts, const nc_host_t *h, nc_priority_t p);
static void             play_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade);
static void             play_data(nc_up_t *u, nc_buf_t *data, bool end);
static void             play_cancel(nc_up_t *u);
static void             play_release(nc_up_t *u);
static bool             play_backed_up(const nc_up_t *u);
static const nc_host_t *play_pick(const nc_cluster_entry_t *e, const nc_host_set_t *hosts,
                            uint64_t random, const nc_priority_mask_t *avoid);
static const nc_cluster_entry_t  *play_find(nc_str_t name);

#define nc_up_start         play_start
#define nc_up_headers       play_headers
#define nc_up_data          play_data
#define nc_up_cancel        play_cancel
#define nc_up_release       play_release
#define nc_up_backed_up     play_backed_up
#define nc_lb_pick          play_pick
#define nc_cluster_find     play_find

#include "http/grpc_client.c"

#include "base/slot.h"

#include <check.h>

static nc_cluster_t        cluster;
static nc_host_set_t       no_hosts;
static nc_host_t           host;
static nc_cluster_entry_t  entry = { .cluster = &cluster, .hosts = &no_hosts };
static nc_rc_t             start_rc;
static nc_up_t            *up;
static nc_buf_t            sent;
static bool                sent_end;
static unsigned            n_messages, n_done, status;
static size_t              message_bytes;
static char                text[100];


static nc_rc_t
play_start(nc_up_t *u, const nc_cluster_entry_t *e, const nc_host_set_t *hosts,
    const nc_host_t *h, nc_priority_t p)
{
    (void) e;
    (void) hosts;
    (void) h;
    (void) p;
    up = u;
    u->state = start_rc == NC_OK ? NC_UP_OPEN : NC_UP_PENDING;

    return start_rc;
}


static void
play_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade)
{
    (void) u;
    ck_assert(!end && !upgrade);
    ck_assert(nc_str_eq(nc_headers_value(h, NC_H_METHOD), NC_STR("POST")));
    ck_assert(nc_str_eq(nc_headers_value(h, NC_H_PATH), NC_STR("/a.B/C")));
    ck_assert(nc_str_eq(nc_headers_value(h, NC_H_GRPC_TIMEOUT), NC_STR("1500m")));
    ck_assert(nc_str_eq(nc_headers_value(h, NC_H_TE), NC_STR("trailers")));
}


static void
play_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    u->request_sent = end;
    sent_end = end;
    nc_buf_move_all(&sent, data);
}


static void
play_cancel(nc_up_t *u)
{
    u->state = NC_UP_IDLE;
}


static void
play_release(nc_up_t *u)
{
    u->state = NC_UP_IDLE;
}


static bool
play_backed_up(const nc_up_t *u)
{
    (void) u;

    return false;
}


static const nc_host_t *
play_pick(const nc_cluster_entry_t *e, const nc_host_set_t *hosts, uint64_t random,
    const nc_priority_mask_t *avoid)
{
    (void) e;
    (void) hosts;
    (void) random;
    (void) avoid;

    return &host;
}


static const nc_cluster_entry_t *
play_find(nc_str_t name)
{
    return nc_str_eq(name, NC_STR("there")) ? &entry : NULL;
}


static void
on_message(nc_grpc_call_t *c, nc_buf_t *message)
{
    (void) c;
    n_messages++;
    message_bytes += message->len;
}


static void
on_done(nc_grpc_call_t *c, unsigned code, nc_str_t message, const nc_headers_t *t)
{
    (void) t;
    n_done++;
    status = code;
    snprintf(text, sizeof(text), "%.*s", NC_STR_ARG(message));
    nc_grpc_free(c);
}


static const nc_grpc_ops_t  ops = { .on_message = on_message, .on_done = on_done };


static void
setup(void)
{
    static uint32_t  row[4];

    nc_slot_row = row;
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    nc_buf_init(&sent);
    start_rc = NC_OK;
    n_messages = n_done = status = 0;
    message_bytes = 0;
    sent_end = false;
    text[0] = '\0';
}


static void
teardown(void)
{
    nc_loop_turn(0);                            /* what was freed goes */
    ck_assert_uint_eq(nc_slot_row[0], 0);
    nc_buf_fini(&sent);
    nc_loop_fini();
}


static nc_grpc_call_t *
begin(void)
{
    nc_grpc_params_t   p = {
        .ops = &ops, .cluster = NC_STR("there"), .path = NC_STR("/a.B/C"), .timeout_ms = 1500,
        .max_message = 100
    };
    const char        *why = NULL;
    nc_grpc_call_t    *c = nc_grpc_start(&p, &why);

    ck_assert_msg(c != NULL, "%s", why);

    return c;
}


/* Headers "name: value" pairs, ended by NULL. */
static void
head(nc_headers_t *h, nc_pool_t *pool, const char *const *pairs)
{
    nc_headers_init(h, pool);

    for (; *pairs; pairs += 2) {
        nc_str_t        name = nc_str_c(pairs[0]);
        nc_header_id_t  id = nc_header_id(name);

        if (id != NC_H_OTHER) {
            nc_headers_add_id(h, id, nc_str_c(pairs[1]));
        } else {
            nc_headers_add(h, name, nc_str_c(pairs[1]));
        }
    }
}


static void
come(nc_pool_t *pool, const char *const *pairs, bool end)
{
    nc_headers_t  h;

    head(&h, pool, pairs);
    up->ops->on_headers(up, &h, end);
}


static void
data(const char *bytes, size_t len, bool end)
{
    nc_buf_t  b;

    nc_buf_init(&b);
    nc_buf_add(&b, bytes, len);
    up->ops->on_data(up, &b, end);
    nc_buf_fini(&b);
}


static const char *const  good[] = { ":status", "200", "content-type", "application/grpc", NULL };


START_TEST(a_unary_call_sends_a_frame_and_gets_one)
{
    static const char *const  ok[] = { "grpc-status", "0", NULL };
    nc_grpc_call_t           *c = begin();
    nc_pool_t                 pool;
    nc_headers_t              t;
    char                      bytes[7];

    nc_pool_init(&pool, &nc_pool_heap);
    nc_grpc_send(c, "hi", 2, true);
    ck_assert_uint_eq(sent.len, 7);
    ck_assert(sent_end);
    nc_buf_copy(&sent, bytes, 7);
    ck_assert_mem_eq(bytes, "\0\0\0\0\2hi", 7);

    come(&pool, good, false);
    data("\0\0\0\0\3a", 6, false);
    ck_assert_uint_eq(n_messages, 0);
    data("bc\0\0\0\0\0", 7, false);
    ck_assert_uint_eq(n_messages, 2);
    ck_assert_uint_eq(message_bytes, 3);
    head(&t, &pool, ok);
    up->ops->on_trailers(up, &t);
    ck_assert_uint_eq(n_done, 1);
    ck_assert_uint_eq(status, 0);
    nc_pool_fini(&pool);
}
END_TEST


START_TEST(messages_wait_for_the_connection)
{
    nc_grpc_call_t  *c;

    start_rc = NC_AGAIN;
    c = begin();
    nc_grpc_send(c, "a", 1, false);
    nc_grpc_send(c, "b", 1, false);
    ck_assert_uint_eq(sent.len, 0);
    up->state = NC_UP_OPEN;
    up->ops->on_ready(up);
    ck_assert_uint_eq(sent.len, 12);
    ck_assert(!sent_end);
    nc_grpc_end(c);
    ck_assert(sent_end);
    nc_grpc_free(c);
    ck_assert_uint_eq(n_done, 0);
}
END_TEST


START_TEST(failures_have_their_codes)
{
    static const char *const  only[] = { ":status", "200", "content-type", "application/grpc",
                                         "grpc-status", "5", "grpc-message", "no%20%C3%BC", NULL };
    static const char *const  http[] = { ":status", "503", "content-type", "text/plain", NULL };
    nc_pool_t                 pool;

    nc_pool_init(&pool, &nc_pool_heap);

    begin();
    come(&pool, only, true);
    ck_assert_uint_eq(status, 5);
    ck_assert_str_eq(text, "no \xc3\xbc");

    begin();
    come(&pool, http, false);
    ck_assert_uint_eq(status, NC_GRPC_UNAVAILABLE);

    begin();
    up->ops->on_reset(up, NC_UP_TERMINATED, NULL);
    ck_assert_uint_eq(status, NC_GRPC_UNAVAILABLE);

    begin();
    come(&pool, good, false);
    data("\0\0\0\0\145", 5, false);                 /* 101 bytes are one too many */
    ck_assert_uint_eq(status, NC_GRPC_RESOURCE_EXHAUSTED);

    begin();
    come(&pool, good, false);
    data("", 0, true);
    ck_assert_uint_eq(status, NC_GRPC_UNKNOWN);
    ck_assert_uint_eq(n_done, 5);
    nc_pool_fini(&pool);
}
END_TEST


START_TEST(the_deadline_ends_a_call)
{
    nc_grpc_call_t  *c = begin();

    c->timer.handler(&c->timer);
    ck_assert_uint_eq(status, NC_GRPC_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(n_done, 1);
}
END_TEST


START_TEST(a_call_to_nobody_is_refused)
{
    nc_grpc_params_t   p = { .ops = &ops, .cluster = NC_STR("away"), .path = NC_STR("/a.B/C") };
    const char        *why = NULL;

    ck_assert_ptr_null(nc_grpc_start(&p, &why));
    ck_assert_str_eq(why, "there is no such cluster");
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("http/grpc_client");
    TCase    *tc = tcase_create("grpc_client");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_unary_call_sends_a_frame_and_gets_one);
    tcase_add_test(tc, messages_wait_for_the_connection);
    tcase_add_test(tc, failures_have_their_codes);
    tcase_add_test(tc, the_deadline_ends_a_call);
    tcase_add_test(tc, a_call_to_nobody_is_refused);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
