/* Channels: messages and descriptors in order, a queue for a slow reader, EOF at death. */
#include "process/channel.c"

#include <check.h>
#include <sys/stat.h>

static nc_channel_t  a, b;                      /* a is the master's end, b the helper's */


static void
open_pair(void)
{
    int  fds[2];

    ck_assert_int_eq(nc_sock_pair(fds), NC_OK);
    nc_channel_init(&a, fds[0], NC_ROLE_HELPER);
    nc_channel_init(&b, fds[1], NC_ROLE_MASTER);
}


static void
close_pair(void)
{
    nc_channel_fini(&a);
    nc_channel_fini(&b);
}


static bool
same_file(int x, int y)
{
    struct stat  sx, sy;

    return fstat(x, &sx) == 0 && fstat(y, &sy) == 0 && sx.st_ino == sy.st_ino
        && sx.st_dev == sy.st_dev;
}


START_TEST(a_descriptor_travels_with_its_key)
{
    nc_msg_key_t  body = { .key = 42 };
    nc_msg_t      m;
    int           fds[2];

    open_pair();
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(nc_channel_send(&a, NC_MSG_LOG_FILE, &body, NC_STR_NULL, fds[1]), NC_OK);
    ck_assert_int_eq(nc_channel_recv(&b, &m), NC_OK);
    ck_assert_int_eq(m.type, NC_MSG_LOG_FILE);
    ck_assert_uint_eq(m.body.key.key, 42);
    ck_assert_int_ne(m.fd, fds[1]);
    ck_assert(same_file(m.fd, fds[1]));
    ck_assert_int_ne(fcntl(m.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(nc_channel_recv(&b, &m), NC_AGAIN);
    close_pair();
}
END_TEST


START_TEST(what_a_slow_reader_does_not_take_is_queued_and_keeps_its_order)
{
    unsigned  sent = 0, got = 0;
    nc_msg_t  m;

    open_pair();

    while (a.n_queued < 100) {
        nc_msg_key_t  body = { .key = sent++ };

        ck_assert_int_eq(nc_channel_send(&a, NC_MSG_SOCKET, &body, NC_STR_NULL, 0), NC_OK);
    }

    while (got < sent) {
        nc_rc_t  rc = nc_channel_recv(&b, &m);

        if (rc == NC_AGAIN) {
            nc_channel_flush(&a);
            continue;
        }

        ck_assert_int_eq(rc, NC_OK);
        ck_assert_uint_eq(m.body.key.key, got++);
        close(m.fd);
    }

    ck_assert(!nc_channel_wants_write(&a));
    close_pair();
}
END_TEST


START_TEST(the_other_sides_end_shows_when_all_is_read)
{
    nc_msg_t  m;

    open_pair();
    nc_channel_send(&a, NC_MSG_RELOAD, NULL, NC_STR_NULL, -1);
    nc_channel_fini(&a);
    ck_assert_int_eq(nc_channel_recv(&b, &m), NC_OK);
    ck_assert_int_eq(nc_channel_recv(&b, &m), NC_DECLINED);
    ck_assert_int_eq(nc_channel_send(&b, NC_MSG_READY, NULL, NC_STR_NULL, -1), NC_ERROR);
    ck_assert(b.broken);
    close_pair();
}
END_TEST


START_TEST(bad_packets_are_skipped_and_their_descriptors_closed)
{
    nc_msg_t  m;
    int       lost[2], probe;
    char      c;

    open_pair();
    ck_assert_int_eq(pipe(lost), 0);
    probe = lost[1];
    ck_assert_int_eq(nc_sock_send(a.fd, "nonsense!", 9, &probe, 1), NC_OK);
    close(lost[1]);
    nc_channel_send(&a, NC_MSG_START, NULL, NC_STR_NULL, -1);
    ck_assert_int_eq(nc_channel_recv(&b, &m), NC_OK);
    ck_assert_int_eq(m.type, NC_MSG_START);
    ck_assert_int_eq(read(lost[0], &c, 1), 0);      /* nobody holds the other end any more */
    close_pair();
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/channel");
    TCase    *tc = tcase_create("channel");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, a_descriptor_travels_with_its_key);
    tcase_add_test(tc, what_a_slow_reader_does_not_take_is_queued_and_keeps_its_order);
    tcase_add_test(tc, the_other_sides_end_shows_when_all_is_read);
    tcase_add_test(tc, bad_packets_are_skipped_and_their_descriptors_closed);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
