/* The resolver, against a name server on the loopback. */
#include "upstream/dns.c"

#include "upstream/dns_server.h"

#include <check.h>

static dns_server_t  *server;

static struct {
    unsigned         n;
    nc_dns_status_t  status;
    uint32_t         n_addrs, ttl_s;
    char             addrs[256];
} got;


static void
setup(void)
{
    static nc_dns_options_t  options;

    server = dns_server_start();
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    options = (nc_dns_options_t) { .servers = server->servers, .timeout_ms = 100, .tries = 2 };
    nc_dns_init(&options);
    memset(&got, 0, sizeof(got));
}


static void
teardown(void)
{
    nc_dns_fini();
    nc_loop_fini();
    dns_server_stop(server);
}


static void
on_test_answer(void *ctx, const nc_dns_answer_t *a)
{
    nc_sb_t  sb;

    (void) ctx;

    got.n++;
    got.status = a->status;
    got.n_addrs = a->n;
    got.ttl_s = a->ttl_s;
    nc_sb_fixed(&sb, got.addrs, sizeof(got.addrs));

    for (uint32_t i = 0; i < a->n; i++) {
        if (i) {
            nc_sb_char(&sb, ' ');
        }

        nc_addr_print(&a->addrs[i], &sb);
    }

    (void) nc_sb_c(&sb);
    ck_assert(a->status == NC_DNS_FOUND || a->error);
}


static void
turn_until(unsigned n)
{
    for (unsigned i = 0; i < 1000 && got.n < n; i++) {
        nc_loop_turn(10);
    }

    ck_assert_uint_eq(got.n, n);
}


static void
resolve(const char *name, nc_dns_family_t family)
{
    memset(&got, 0, sizeof(got));
    nc_dns_resolve(nc_str_c(name), 80, family, on_test_answer, NULL);
    ck_assert_uint_eq(got.n, 0);
    turn_until(1);
}


static dns_record_t *
record(unsigned i, const char *name, const char *v4, const char *v6)
{
    dns_record_t  *r = &server->records[i];

    strcpy(r->name, name);
    strcpy(r->v4[0], v4);
    strcpy(r->v6[0], v6);
    r->ttl = 60;

    return r;
}


START_TEST(all_addresses_come_with_port_and_shortest_ttl)
{
    dns_record_t  *r = record(0, "two.test", "10.0.0.1", "");

    strcpy(r->v4[1], "10.0.0.2");
    r->ttl = 7;
    resolve("two.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FOUND);
    ck_assert_str_eq(got.addrs, "10.0.0.1:80 10.0.0.2:80");
    ck_assert_uint_eq(got.ttl_s, 7);
}
END_TEST


START_TEST(the_family_chooses_what_is_asked_for)
{
    record(0, "both.test", "10.0.0.1", "fd00::1");
    record(1, "four.test", "10.0.0.4", "");
    record(2, "six.test", "", "fd00::6");

    resolve("both.test", NC_DNS_AUTO);
    ck_assert_str_eq(got.addrs, "[fd00::1]:80");
    resolve("four.test", NC_DNS_AUTO);
    ck_assert_str_eq(got.addrs, "10.0.0.4:80");
    resolve("both.test", NC_DNS_V4_PREFERRED);
    ck_assert_str_eq(got.addrs, "10.0.0.1:80");
    resolve("six.test", NC_DNS_V4_PREFERRED);
    ck_assert_str_eq(got.addrs, "[fd00::6]:80");
    resolve("both.test", NC_DNS_V6_ONLY);
    ck_assert_str_eq(got.addrs, "[fd00::1]:80");
    resolve("six.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_EMPTY);
    resolve("both.test", NC_DNS_ALL);
    ck_assert_uint_eq(got.n_addrs, 2);
}
END_TEST


START_TEST(no_such_name_is_an_answer_and_a_server_in_trouble_is_none)
{
    record(0, "broken.test", "10.0.0.1", "")->rcode = 2;
    record(1, "silent.test", "10.0.0.1", "")->silent = true;

    resolve("none.test", NC_DNS_AUTO);
    ck_assert_int_eq(got.status, NC_DNS_EMPTY);
    resolve("broken.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FAILED);
    resolve("silent.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FAILED);
}
END_TEST


START_TEST(a_truncated_answer_is_asked_for_by_tcp)
{
    record(0, "big.test", "10.0.0.1", "")->truncate = true;
    resolve("big.test", NC_DNS_V4_ONLY);
    ck_assert_str_eq(got.addrs, "10.0.0.1:80");
}
END_TEST


START_TEST(localhost_needs_no_server)
{
    dns_server_stop(server);
    server = dns_server_start();                /* another port: nobody listens at the first */
    resolve("localhost", NC_DNS_V4_ONLY);
    ck_assert_str_eq(got.addrs, "127.0.0.1:80");
    resolve("a.LocalHost.", NC_DNS_AUTO);
    ck_assert_str_eq(got.addrs, "127.0.0.1:80");
    resolve("nolocalhost", NC_DNS_V4_ONLY);
    ck_assert_str_eq(got.addrs, "");
}
END_TEST


START_TEST(refused_servers_are_a_failure_and_the_resolver_goes_on)
{
    uint16_t  port = server->port;

    record(0, "a.test", "10.0.0.1", "");
    resolve("a.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FOUND);

    dns_server_stop(server);
    resolve("a.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FAILED);

    server = dns_server_start();
    ck_assert_uint_ne(server->port, port);
    resolve("a.test", NC_DNS_V4_ONLY);
    ck_assert_int_eq(got.status, NC_DNS_FAILED);
}
END_TEST


START_TEST(more_lookups_than_go_at_once_are_all_answered)
{
    record(0, "a.test", "10.0.0.1", "fd00::1");

    for (unsigned i = 0; i < 3 * NC_DNS_PARALLEL; i++) {
        nc_dns_resolve(NC_STR("a.test"), 80, NC_DNS_ALL, on_test_answer, NULL);
    }

    turn_until(3 * NC_DNS_PARALLEL);
    ck_assert_uint_eq(dns.n_asking, 0);
}
END_TEST


START_TEST(who_cancels_is_not_called)
{
    nc_dns_query_t  *waiting, *asked;

    record(0, "a.test", "10.0.0.1", "");
    asked = nc_dns_resolve(NC_STR("a.test"), 80, NC_DNS_AUTO, on_test_answer, NULL);
    nc_loop_turn(0);
    waiting = nc_dns_resolve(NC_STR("a.test"), 80, NC_DNS_AUTO, on_test_answer, NULL);
    nc_dns_cancel(waiting);
    nc_dns_cancel(asked);

    for (unsigned i = 0; i < 500 && dns.n_asking; i++) {
        nc_loop_turn(10);
    }

    ck_assert_uint_eq(got.n, 0);
    ck_assert_uint_eq(dns.n_asking, 0);
}
END_TEST


START_TEST(names_that_cannot_be_names_are_told)
{
    char  long_label[70], long_name[300];

    memset(long_label, 'a', 64);
    long_label[64] = '\0';
    memset(long_name, 'a', 254);
    long_name[254] = '\0';

    for (unsigned i = 50; i < 254; i += 50) {
        long_name[i] = '.';
    }

    ck_assert_ptr_null(nc_dns_name_error(NC_STR("a.example.com.")));
    ck_assert_ptr_null(nc_dns_name_error(NC_STR("my_service")));
    ck_assert_ptr_nonnull(nc_dns_name_error(NC_STR("")));
    ck_assert_ptr_nonnull(nc_dns_name_error(NC_STR(".")));
    ck_assert_ptr_nonnull(nc_dns_name_error(NC_STR("a..b")));
    ck_assert_ptr_nonnull(nc_dns_name_error(NC_STR("a b")));
    ck_assert_ptr_nonnull(nc_dns_name_error(NC_STR("a\0b")));
    ck_assert_ptr_nonnull(nc_dns_name_error(nc_str_c(long_label)));
    ck_assert_ptr_nonnull(nc_dns_name_error(nc_str_c(long_name)));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("upstream/dns");
    TCase    *tc = tcase_create("dns");
    SRunner  *sr = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, all_addresses_come_with_port_and_shortest_ttl);
    tcase_add_test(tc, the_family_chooses_what_is_asked_for);
    tcase_add_test(tc, no_such_name_is_an_answer_and_a_server_in_trouble_is_none);
    tcase_add_test(tc, a_truncated_answer_is_asked_for_by_tcp);
    tcase_add_test(tc, localhost_needs_no_server);
    tcase_add_test(tc, refused_servers_are_a_failure_and_the_resolver_goes_on);
    tcase_add_test(tc, more_lookups_than_go_at_once_are_all_answered);
    tcase_add_test(tc, who_cancels_is_not_called);
    tcase_add_test(tc, names_that_cannot_be_names_are_told);
    suite_add_tcase(s, tc);

    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
