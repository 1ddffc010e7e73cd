/* Hosts by name: how lists follow the name server, and what a failure leaves alone. */
#include "upstream/discovery.c"

#include "upstream/dns_server.h"

#include <check.h>

static dns_server_t    *server;
static nc_discovery_t   d;
static nc_errors_t      errors;
static nc_stats_owner_t *owner;
static unsigned         changes;
static nc_pool_t        pool;


static void
setup(void)
{
    static nc_dns_options_t  options;

    nc_stats_create_private();
    server = dns_server_start();
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    options = (nc_dns_options_t) { .servers = server->servers, .timeout_ms = 100, .tries = 1 };
    nc_dns_init(&options);
    nc_errors_init(&errors);
    nc_pool_init(&pool, &nc_pool_heap);
    owner = nc_stats_owner_create();
    changes = 0;
    strcpy(server->records[0].name, "a.test");
    strcpy(server->records[0].v4[0], "10.0.0.1");
    strcpy(server->records[0].v4[1], "10.0.0.2");
}


static void
teardown(void)
{
    nc_discovery_fini(&d);
    nc_dns_fini();
    nc_loop_fini();
    nc_stats_owner_destroy(owner);
    dns_server_stop(server);
    nc_pool_fini(&pool);
    nc_errors_fini(&errors);
    nc_stats_destroy();
}


static void
on_changed(nc_discovery_t *which)
{
    ck_assert_ptr_eq(which, &d);
    changes++;
}


/* A cluster with one endpoint, "a.test:80", looked up every 30 ms. */
static void
start(nc_cluster_type_t type)
{
    nc_endpoints_t  e;

    nc_endpoints_init(&e);
    e.cluster = NC_STR("c");
    e.type = type;
    e.n = 1;
    e.endpoints = nc_pool_array(&e.pool, 1, sizeof(nc_endpoint_t));
    e.endpoints[0] = (nc_endpoint_t) { .name = NC_STR("a.test"), .port = 80, .weight = 3,
                                       .hostname = NC_STR("a.test") };
    e.family = NC_DNS_V4_ONLY;
    e.refresh_ms = 30;
    e.failure_base_ms = 10;
    e.failure_max_ms = 40;

    nc_discovery_init(&d, &e);
    d.changed = on_changed;
    nc_cluster_membership_stats_init(&d.stats, owner, NC_STR("cluster.c"));
    nc_discovery_start(&d);
}


static void
until_changes(unsigned n)
{
    for (unsigned i = 0; i < 1000 && changes < n; i++) {
        nc_loop_turn(10);
    }

    ck_assert_uint_eq(changes, n);
}


/* Until the name was looked up `n` times more, with whatever result. */
static void
until_attempts(uint64_t n)
{
    n += nc_counter_value(d.stats.update_attempt);

    for (unsigned i = 0; i < 1000 && nc_counter_value(d.stats.update_attempt) < n; i++) {
        nc_loop_turn(10);
    }

    ck_assert_uint_ge(nc_counter_value(d.stats.update_attempt), n);
}


static const char *
hosts(void)
{
    static char     text[256];
    nc_host_set_t  *set = nc_discovery_hosts(&d, &pool, 1);
    nc_sb_t         sb;

    nc_sb_fixed(&sb, text, sizeof(text));

    for (uint32_t i = 0; i < set->n; i++) {
        nc_sb_printf(&sb, "%s" NC_STR_FMT, i ? " " : "", NC_STR_ARG(set->hosts[i].addr_text));
    }

    nc_host_set_release(set);

    return nc_sb_c(&sb);
}


START_TEST(strict_dns_takes_every_address)
{
    nc_host_set_t  *set;

    start(NC_CLUSTER_STRICT_DNS);
    ck_assert(!nc_discovery_ready(&d));
    until_changes(1);
    ck_assert(nc_discovery_ready(&d));
    ck_assert_str_eq(hosts(), "10.0.0.1:80 10.0.0.2:80");

    set = nc_discovery_hosts(&d, &pool, 1);
    ck_assert_uint_eq(set->total_weight, 6);
    ck_assert(set->equal_weights);
    ck_assert_uint_eq(set->hosts[0].weight, 3);
    ck_assert_uint_ne(set->hosts[0].id.id, set->hosts[1].id.id);
    ck_assert(nc_str_eq(set->hosts[0].hostname, NC_STR("a.test")));
    ck_assert_int_eq(nc_gauge_value(d.stats.membership_total), 2);
    ck_assert_int_eq(nc_gauge_value(d.stats.membership_healthy), 2);
    nc_host_set_release(set);
}
END_TEST


START_TEST(strict_dns_follows_the_list_and_ignores_its_order)
{
    start(NC_CLUSTER_STRICT_DNS);
    until_changes(1);

    strcpy(server->records[0].v4[0], "10.0.0.2");
    strcpy(server->records[0].v4[1], "10.0.0.1");
    until_attempts(3);
    ck_assert_uint_eq(changes, 1);
    ck_assert_uint_ge(nc_counter_value(d.stats.update_no_rebuild), 1);

    server->records[0].v4[1][0] = '\0';
    until_changes(2);
    ck_assert_str_eq(hosts(), "10.0.0.2:80");
}
END_TEST


START_TEST(a_failure_keeps_the_hosts)
{
    start(NC_CLUSTER_STRICT_DNS);
    until_changes(1);
    server->records[0].rcode = 2;
    until_attempts(4);
    ck_assert_uint_ge(nc_counter_value(d.stats.update_failure), 2);
    ck_assert_uint_eq(changes, 1);
    ck_assert_str_eq(hosts(), "10.0.0.1:80 10.0.0.2:80");
}
END_TEST


START_TEST(a_name_that_is_gone_has_no_hosts_in_strict_dns)
{
    start(NC_CLUSTER_STRICT_DNS);
    until_changes(1);
    server->records[0].rcode = 3;
    until_changes(2);
    ck_assert_str_eq(hosts(), "");
    ck_assert_uint_ge(nc_counter_value(d.stats.update_empty), 1);
}
END_TEST


START_TEST(a_first_failure_ends_the_wait_and_a_later_success_brings_hosts)
{
    server->records[0].rcode = 2;
    start(NC_CLUSTER_STRICT_DNS);
    until_changes(1);
    ck_assert(nc_discovery_ready(&d));
    ck_assert_str_eq(hosts(), "");

    server->records[0].rcode = 0;
    until_changes(2);
    ck_assert_str_eq(hosts(), "10.0.0.1:80 10.0.0.2:80");
}
END_TEST


START_TEST(logical_dns_has_one_host_and_keeps_it_while_it_is_named)
{
    start(NC_CLUSTER_LOGICAL_DNS);
    until_changes(1);
    ck_assert_str_eq(hosts(), "10.0.0.1:80");

    strcpy(server->records[0].v4[0], "10.0.0.3");
    strcpy(server->records[0].v4[1], "10.0.0.1");
    until_attempts(3);
    ck_assert_uint_eq(changes, 1);
    ck_assert_str_eq(hosts(), "10.0.0.1:80");

    server->records[0].rcode = 3;
    until_attempts(3);
    ck_assert_str_eq(hosts(), "10.0.0.1:80");

    server->records[0].rcode = 0;
    server->records[0].v4[1][0] = '\0';
    until_changes(2);
    ck_assert_str_eq(hosts(), "10.0.0.3:80");
}
END_TEST


START_TEST(known_hosts_of_before_need_no_wait)
{
    nc_host_t      host = { .target = 0, .weight = 1 };
    nc_host_set_t  before = { .n = 1, .hosts = &host };

    ck_assert_int_eq(nc_addr_parse_ip(&host.addr, NC_STR("10.9.9.9"), 80), NC_OK);
    server->records[0].silent = true;
    start(NC_CLUSTER_STRICT_DNS);
    nc_discovery_seed(&d, &before);
    ck_assert(nc_discovery_ready(&d));
    ck_assert_str_eq(hosts(), "10.9.9.9:80");

    server->records[0].silent = false;
    until_changes(1);
    ck_assert_str_eq(hosts(), "10.0.0.1:80 10.0.0.2:80");
}
END_TEST


START_TEST(failures_wait_longer_and_longer_up_to_the_limit)
{
    nc_dns_answer_t  failed = { .status = NC_DNS_FAILED, .error = "x" };
    nc_dns_answer_t  found = { .status = NC_DNS_FOUND, .ttl_s = 300 };
    nc_target_t     *t;

    start(NC_CLUSTER_STRICT_DNS);
    until_changes(1);
    t = &d.targets[0];

    for (unsigned i = 0; i < 4; i++) {
        uint64_t  most = NC_MIN(10u << i, 40u);

        look_again(t, &failed);
        ck_assert_uint_le(t->timer.due_ms - nc_now_ms, most);
        ck_assert_uint_ge(t->timer.due_ms - nc_now_ms, most / 2);
    }

    look_again(t, &found);
    ck_assert_uint_eq(t->timer.due_ms - nc_now_ms, 30);
    d.endpoints.respect_ttl = true;
    look_again(t, &found);
    ck_assert_uint_eq(t->timer.due_ms - nc_now_ms, 300000);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("upstream/discovery");
    TCase    *tc = tcase_create("discovery");
    SRunner  *sr = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, strict_dns_takes_every_address);
    tcase_add_test(tc, strict_dns_follows_the_list_and_ignores_its_order);
    tcase_add_test(tc, a_failure_keeps_the_hosts);
    tcase_add_test(tc, a_name_that_is_gone_has_no_hosts_in_strict_dns);
    tcase_add_test(tc, a_first_failure_ends_the_wait_and_a_later_success_brings_hosts);
    tcase_add_test(tc, logical_dns_has_one_host_and_keeps_it_while_it_is_named);
    tcase_add_test(tc, known_hosts_of_before_need_no_wait);
    tcase_add_test(tc, failures_wait_longer_and_longer_up_to_the_limit);
    suite_add_tcase(s, tc);

    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
