/* Connections over socket pairs and the loopback, turn by turn. */
#include "net/conn.c"

#include <check.h>
#include <fcntl.h>

typedef struct {
    nc_conn_t   *c;
    unsigned     reads, drained, connected, closed;
    nc_close_t   why;
    nc_buf_t     got;
} owner_t;

static owner_t    owner;
static int        peer;
static nc_conn_t *conn;


static void
on_read(nc_conn_t *c)
{
    owner_t  *o = c->owner;

    o->reads++;
    nc_buf_move_all(&o->got, &c->in);
}


static void on_drained(nc_conn_t *c) { ((owner_t *) c->owner)->drained++; }
static void on_connected_(nc_conn_t *c) { ((owner_t *) c->owner)->connected++; }


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    owner_t  *o = c->owner;

    o->closed++;
    o->why = why;
}


static const nc_conn_ops_t  ops = {
    .on_read = on_read, .on_drained = on_drained, .on_connected = on_connected_,
    .on_close = on_close
};


static void
setup(void)
{
    int        fds[2];
    nc_peer_t  remote = { .sa = { .sa_family = AF_UNIX } };

    ck_assert_int_eq(nc_loop_init(), NC_OK);
    nc_conn_init();
    owner = (owner_t) { 0 };
    nc_buf_init(&owner.got);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    conn = nc_conn_accept(fds[0], &remote, &ops, &owner);
    ck_assert_ptr_nonnull(conn);
}


static void
teardown(void)
{
    if (!owner.closed) {
        nc_conn_close(conn, NC_CLOSE_LOCAL);
    }

    nc_loop_turn(0);
    nc_buf_fini(&owner.got);
    ck_assert_uint_eq(nc_conn_count, 0);
    nc_loop_fini();

    if (peer != -1) {
        close(peer);
    }
}


START_TEST(bytes_arrive_and_an_idle_connection_holds_no_memory)
{
    ck_assert_int_eq(write(peer, "hello", 5), 5);
    nc_loop_turn(1000);
    ck_assert_uint_eq(owner.got.len, 5);
    ck_assert_uint_eq(conn->in.n, 0);
    nc_buf_drain(&owner.got, 5);
    ck_assert_uint_eq(nc_block_bytes_used, 0);
}
END_TEST


START_TEST(a_gate_holds_reading_and_its_opening_delivers_what_came)
{
    nc_conn_gate(conn, NC_GATE_UPSTREAM);
    nc_conn_gate(conn, NC_GATE_FILTER);
    ck_assert_int_eq(write(peer, "hello", 5), 5);
    nc_loop_turn(0);
    nc_loop_turn(0);
    ck_assert_uint_eq(owner.reads, 0);
    nc_conn_ungate(conn, NC_GATE_UPSTREAM);
    nc_loop_turn(0);
    ck_assert_uint_eq(owner.reads, 0);          /* the other holder still holds */
    nc_conn_ungate(conn, NC_GATE_FILTER);
    nc_loop_turn(0);
    ck_assert_uint_eq(owner.got.len, 5);
}
END_TEST


START_TEST(output_of_a_turn_leaves_at_its_end_in_one_piece)
{
    char      text[32];
    nc_buf_t  b;

    nc_buf_init(&b);
    nc_buf_add_str(&b, NC_STR("one "));
    nc_conn_write(conn, &b);
    nc_buf_add_str(&b, NC_STR("two"));
    nc_conn_write(conn, &b);
    ck_assert_int_eq(read(peer, text, sizeof(text)), -1);
    nc_loop_turn(0);
    ck_assert_int_eq(read(peer, text, sizeof(text)), 7);
    ck_assert_uint_eq(conn->tx, 7);
}
END_TEST


START_TEST(a_slow_peer_is_reported_once_when_it_has_caught_up)
{
    static char  big[1 << 20], sink[1 << 16];
    nc_buf_t     b;

    conn->high_mark = 100000;
    nc_buf_init(&b);
    nc_buf_add(&b, big, sizeof(big));
    nc_conn_write(conn, &b);
    ck_assert(conn->over_high);
    nc_loop_turn(0);
    ck_assert(conn->blocked);

    for (int i = 0; i < 1000 && conn->tx < sizeof(big); i++) {
        while (read(peer, sink, sizeof(sink)) > 0) {
            continue;
        }
        nc_loop_turn(0);
    }

    ck_assert_uint_eq(conn->tx, sizeof(big));
    ck_assert_uint_eq(owner.drained, 1);
}
END_TEST


START_TEST(the_peers_end_is_seen_after_its_last_bytes)
{
    ck_assert_int_eq(write(peer, "bye", 3), 3);
    close(peer);
    peer = -1;
    nc_loop_turn(1000);
    nc_loop_turn(0);
    ck_assert_uint_eq(owner.got.len, 3);
    ck_assert(conn->eof);
    ck_assert_uint_eq(owner.closed, 0);         /* closing is the owner's decision */
}
END_TEST


START_TEST(a_gated_early_close_connection_ends_with_its_peer)
{
    nc_conn_gate(conn, NC_GATE_UPSTREAM);
    close(peer);
    peer = -1;
    nc_loop_turn(1000);
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_int_eq(owner.why, NC_CLOSE_PEER);
}
END_TEST


START_TEST(finish_writes_the_rest_shuts_and_waits_for_the_peer)
{
    char      text[32];
    nc_buf_t  b;

    nc_buf_init(&b);
    nc_buf_add_str(&b, NC_STR("last"));
    nc_conn_write(conn, &b);
    nc_conn_finish(conn, NC_CLOSE_LOCAL, true, 60000);
    nc_loop_turn(0);
    ck_assert_int_eq(read(peer, text, sizeof(text)), 4);
    ck_assert_int_eq(read(peer, text, sizeof(text)), 0);    /* our side is shut */
    ck_assert_uint_eq(owner.closed, 0);
    ck_assert_int_eq(write(peer, "ignored", 7), 7);
    nc_loop_turn(100);
    ck_assert_uint_eq(owner.reads, 0);
    close(peer);
    peer = -1;
    nc_loop_turn(1000);
    ck_assert_uint_eq(owner.closed, 1);
}
END_TEST


START_TEST(a_refused_connect_is_told_later_with_its_reason)
{
    owner_t            o = { 0 };
    nc_addr_t          to;
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t          len = sizeof(in);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *) &in, len), 0);    /* bound, but not listening */
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &in, &len), 0);
    ck_assert_int_eq(nc_addr_parse_ip(&to, NC_STR("127.0.0.1"), ntohs(in.sin_port)), NC_OK);
    ck_assert_ptr_nonnull(nc_conn_connect(&to, NULL, 1000, &ops, &o));
    ck_assert_uint_eq(o.closed, 0);

    for (int i = 0; i < 100 && !o.closed; i++) {
        nc_loop_turn(100);
    }

    ck_assert_uint_eq(o.closed, 1);
    ck_assert_int_eq(o.why, NC_CLOSE_CONNECT_FAILED);
    ck_assert_uint_eq(o.connected, 0);
    close(fd);
}
END_TEST


START_TEST(closing_twice_or_after_an_event_is_harmless)
{
    ck_assert_int_eq(write(peer, "x", 1), 1);
    nc_conn_close(conn, NC_CLOSE_LOCAL);
    nc_conn_close(conn, NC_CLOSE_IDLE);
    nc_conn_finish(conn, NC_CLOSE_IDLE, true, 10);
    nc_loop_turn(0);
    ck_assert_uint_eq(owner.closed, 1);
    ck_assert_int_eq(owner.why, NC_CLOSE_LOCAL);
    ck_assert_uint_eq(owner.reads, 0);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("net/conn");
    TCase    *tc = tcase_create("connection");
    SRunner  *runner = srunner_create(suite);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, bytes_arrive_and_an_idle_connection_holds_no_memory);
    tcase_add_test(tc, a_gate_holds_reading_and_its_opening_delivers_what_came);
    tcase_add_test(tc, output_of_a_turn_leaves_at_its_end_in_one_piece);
    tcase_add_test(tc, a_slow_peer_is_reported_once_when_it_has_caught_up);
    tcase_add_test(tc, the_peers_end_is_seen_after_its_last_bytes);
    tcase_add_test(tc, a_gated_early_close_connection_ends_with_its_peer);
    tcase_add_test(tc, finish_writes_the_rest_shuts_and_waits_for_the_peer);
    tcase_add_test(tc, a_refused_connect_is_told_later_with_its_reason);
    tcase_add_test(tc, closing_twice_or_after_an_event_is_harmless);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
