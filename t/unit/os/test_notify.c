/* systemd: readiness is told, sockets are taken, and only when they are meant for us. */
#include "os/notify.c"

#include <check.h>


START_TEST(states_arrive_at_the_socket_that_was_named)
{
    char       path[] = "@nuncio-test-notify-XXXXXX", text[64], pid[16];
    nc_addr_t  a;
    int        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t    n;

    snprintf(path, sizeof(path), "@nuncio-test-%d", (int) getpid());
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    ck_assert_int_eq(nc_addr_parse_unix(&a, nc_str_c(path)), NC_OK);
    ck_assert_int_eq(bind(fd, &a.sa, a.len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    nc_notify_init();
    ck_assert(nc_notify_on());
    ck_assert_uint_eq(nc_notify_watchdog_us(), 30000000);
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    nc_notify("READY=1\nMAINPID=%d", 7);
    n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
    ck_assert(nc_str_eq(nc_str(text, (size_t) NC_MAX(n, 0)), NC_STR("READY=1\nMAINPID=7")));
    nc_notify_fini();
    ck_assert(!nc_notify_on());
    nc_notify("READY=1");
    ck_assert_int_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
    close(fd);
}
END_TEST


START_TEST(sockets_for_another_process_are_left_alone)
{
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_PID", "1", 1);
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    nc_notify_init();
    ck_assert_uint_eq(nc_notify_n_sockets(), 0);
    ck_assert_uint_eq(nc_notify_watchdog_us(), 0);
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
}
END_TEST


START_TEST(sockets_for_us_are_taken_once)
{
    char  pid[16];
    int   p[2];

    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(dup2(p[0], FIRST_FD), FIRST_FD);
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    nc_notify_init();
    ck_assert_uint_eq(nc_notify_n_sockets(), 1);
    ck_assert_int_eq(nc_notify_socket(0), FIRST_FD);
    ck_assert_int_ne(fcntl(FIRST_FD, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(nc_notify_take_socket(0), FIRST_FD);
    ck_assert_int_eq(nc_notify_take_socket(0), -1);
    nc_notify_fini();
    ck_assert_int_ne(fcntl(FIRST_FD, F_GETFD), -1);     /* whoever took it has it */
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("os/notify");
    TCase    *tc = tcase_create("notify");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, states_arrive_at_the_socket_that_was_named);
    tcase_add_test(tc, sockets_for_another_process_are_left_alone);
    tcase_add_test(tc, sockets_for_us_are_taken_once);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
