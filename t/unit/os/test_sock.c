/* Sockets: options that accepted sockets inherit, packets with descriptors, long paths. */
#include "os/sock.c"

#include <check.h>

static nc_listen_options_t  plain;


static int
get_int(int fd, int level, int name)
{
    int        value = -1;
    socklen_t  len = sizeof(value);

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);

    return value;
}


START_TEST(an_accepted_socket_has_no_delay)
{
    nc_addr_t  a;
    int        fd, client, got;

    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("127.0.0.1"), 0), NC_OK);
    fd = nc_sock_listen(&a, &plain);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(nc_sock_local(fd, &a), NC_OK);
    ck_assert_uint_ne(nc_addr_port(&a), 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, &a.sa, a.len), 0);
    got = accept(fd, NULL, NULL);
    ck_assert_int_ge(got, 0);
    ck_assert_int_ne(get_int(got, IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(got);
    close(client);
    close(fd);
}
END_TEST


START_TEST(ipv6_takes_ipv4_only_when_told_to)
{
    nc_listen_options_t  both = { .ipv4_compat = true };
    nc_addr_t            a;
    int                  fd;

    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("::"), 0), NC_OK);
    fd = nc_sock_listen(&a, &plain);

    if (fd == -1) {
        ck_assert_int_eq(errno, EAFNOSUPPORT);  /* a machine without IPv6 */
        return;
    }

    ck_assert_int_eq(get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    close(fd);
    fd = nc_sock_listen(&a, &both);
    ck_assert_int_eq(get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    close(fd);
}
END_TEST


START_TEST(a_packet_that_does_not_fit_is_dropped_with_its_descriptors)
{
    char      big[64] = "", small[16];
    int       pair[2], in[NC_SOCK_MAX_FDS], p[2];
    unsigned  n;
    size_t    len;

    ck_assert_int_eq(nc_sock_pair(pair), NC_OK);
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(nc_sock_send(pair[0], big, sizeof(big), &p[1], 1), NC_OK);
    ck_assert_int_eq(nc_sock_send(pair[0], "ok", 2, NULL, 0), NC_OK);
    close(p[1]);
    ck_assert_int_eq(nc_sock_recv(pair[1], small, sizeof(small), &len, in, &n), NC_ERROR);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_int_eq(read(p[0], small, 1), 0);      /* the other end is closed everywhere */
    ck_assert_int_eq(nc_sock_recv(pair[1], small, sizeof(small), &len, in, &n), NC_OK);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(nc_sock_recv(pair[1], small, sizeof(small), &len, in, &n), NC_AGAIN);
    close(pair[0]);
    ck_assert_int_eq(nc_sock_recv(pair[1], small, sizeof(small), &len, in, &n), NC_DECLINED);
    ck_assert_int_eq(nc_sock_send(pair[1], "x", 1, NULL, 0), NC_ERROR);
    close(pair[1]);
    close(p[0]);
}
END_TEST


START_TEST(a_path_too_long_for_an_address_is_served_all_the_same)
{
    char          dir[] = "/tmp/nuncio-test-XXXXXX", deep[256], path[300];
    int           server, client;
    uid_t         uid;
    pid_t         pid;
    struct stat   st;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(deep, sizeof(deep), "%s/%0150d", dir, 0);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    snprintf(path, sizeof(path), "%s/s", deep);
    server = nc_sock_serve(path);
    ck_assert_int_ge(server, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    client = nc_sock_dial(path);
    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(nc_sock_peer(client, &uid, &pid), NC_OK);
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_int_eq(pid, getpid());
    close(client);
    close(server);
    unlink(path);
    rmdir(deep);
    rmdir(dir);
}
END_TEST


START_TEST(a_file_in_the_place_of_a_unix_socket_is_not_removed)
{
    char       path[] = "/tmp/nuncio-test-XXXXXX";
    nc_addr_t  a;
    int        fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(nc_addr_parse_unix(&a, nc_str_c(path)), NC_OK);
    ck_assert_int_eq(nc_sock_listen(&a, &plain), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(fd);
    unlink(path);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("os/sock");
    TCase    *tc = tcase_create("sock");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, an_accepted_socket_has_no_delay);
    tcase_add_test(tc, ipv6_takes_ipv4_only_when_told_to);
    tcase_add_test(tc, a_packet_that_does_not_fit_is_dropped_with_its_descriptors);
    tcase_add_test(tc, a_path_too_long_for_an_address_is_served_all_the_same);
    tcase_add_test(tc, a_file_in_the_place_of_a_unix_socket_is_not_removed);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
