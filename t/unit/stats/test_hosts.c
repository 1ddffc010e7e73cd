/* The host table and circuit breakers. */
#include "stats/hosts.c"

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

static void
in_child(unsigned row, void (*fn)(void *arg), void *arg)
{
    pid_t  pid = fork();
    int    status;

    ck_assert_int_ge(pid, 0);

    if (pid == 0) {
        nc_stats_use_row(row);
        fn(arg);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(a_host_keeps_its_row_as_long_as_anybody_refers_to_it)
{
    nc_host_id_t        a, b, c;
    nc_host_counters_t  sum;

    nc_stats_create_private();
    a = nc_host_get(NC_STR("one|127.0.0.1:80"));
    b = nc_host_get(NC_STR("two|127.0.0.1:80"));
    ck_assert_uint_ne(a.id, 0);
    ck_assert_uint_ne(a.id, b.id);
    ck_assert_uint_eq(nc_host_get(NC_STR("one|127.0.0.1:80")).id, a.id);

    nc_host_counters(a)->rq_total += 5;
    nc_host_set_flags(a, NC_HOST_FAILED_ACTIVE_HC | NC_HOST_FAILED_EDS, 0);
    nc_host_set_weight(a, 3);
    nc_host_put(a);
    nc_host_sum(a, &sum);
    ck_assert_uint_eq(sum.rq_total, 5);
    ck_assert_uint_eq(nc_host_weight(a), 3);

    nc_host_put(a);
    c = nc_host_get(NC_STR("three|127.0.0.1:80"));
    ck_assert_uint_eq(c.id, a.id);
    nc_host_sum(c, &sum);
    ck_assert_uint_eq(sum.rq_total, 0);
    ck_assert_uint_eq(nc_host_flags(c), 0);
    nc_host_put(b);
    nc_host_put(c);
    nc_stats_destroy();
}
END_TEST

START_TEST(flags_are_printed_as_envoy_spells_them)
{
    char     buf[128];
    nc_sb_t  out;

    nc_sb_fixed(&out, buf, sizeof(buf));
    nc_host_flags_str(0, &out);
    ck_assert_str_eq(nc_sb_c(&out), "healthy");
    nc_sb_reset(&out);
    nc_host_flags_str(NC_HOST_FAILED_ACTIVE_HC | NC_HOST_FAILED_EDS, &out);
    ck_assert_str_eq(nc_sb_c(&out), "/failed_active_hc/failed_eds_health");
}
END_TEST

static void
busy_worker(void *arg)
{
    nc_host_id_t  *h = arg;

    nc_host_counters(*h)->cx_total += 4;
    nc_host_counters(*h)->cx_active += 3;
    nc_host_counters(*h)->rq_total += 2;
    nc_host_counters(*h)->rq_active += 1;
}

START_TEST(a_dead_worker_leaves_totals_but_nothing_active)
{
    nc_host_id_t        h;
    nc_host_counters_t  sum;

    nc_stats_create_private();
    h = nc_host_get(NC_STR("a|b"));
    in_child(NC_ROW_WORKER + 1, busy_worker, &h);
    busy_worker(&h);
    nc_stats_worker_died(1);
    nc_host_sum(h, &sum);
    ck_assert_uint_eq(sum.cx_total, 8);
    ck_assert_uint_eq(sum.cx_active, 3);
    ck_assert_uint_eq(sum.rq_total, 4);
    ck_assert_uint_eq(sum.rq_active, 1);
    nc_host_put(h);
    nc_stats_destroy();
}
END_TEST

static void
make_hosts(void *arg)
{
    (void) arg;
    nc_host_get(NC_STR("a|1"));
    nc_host_get(NC_STR("a|2"));
    nc_breaker_get(NC_STR("a|default"));
    nc_breaker_get(NC_STR("a|high"));
}

START_TEST(a_new_helper_finds_hosts_and_drops_the_others)
{
    nc_host_id_t  h;
    const char   *error;

    ck_assert_int_eq(nc_stats_create(2, &error), NC_OK);
    in_child(NC_ROW_HELPER, make_hosts, NULL);
    nc_stats_use_row(NC_ROW_HELPER);
    h = nc_host_get(NC_STR("a|2"));
    ck_assert_uint_eq(h.id, 2);
    ck_assert_uint_eq(nc_breaker_get(NC_STR("a|high")).id, 2);
    nc_hosts_sweep();
    ck_assert_uint_eq(nc_arena.host_keys[1].len, 0);
    ck_assert_uint_ne(nc_arena.host_keys[2].len, 0);
    ck_assert_uint_eq(nc_arena.breaker_keys[1].len, 0);
    ck_assert_uint_eq(nc_host_get(NC_STR("b|1")).id, 1);
    nc_stats_destroy();
}
END_TEST

static void
take_three(void *arg)
{
    nc_breaker_t  *b = arg;
    unsigned       i;

    for (i = 0; i < 3; i++) {
        if (!nc_breaker_try(*b, NC_BREAKER_REQUESTS, 100)) {
            _exit(1);
        }
    }
}

START_TEST(a_breaker_counts_over_processes_and_gets_back_what_the_dead_held)
{
    nc_breaker_t  b;

    nc_stats_create_private();
    b = nc_breaker_get(NC_STR("a|default"));
    in_child(NC_ROW_WORKER, take_three, &b);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_REQUESTS), 3);
    ck_assert(!nc_breaker_try(b, NC_BREAKER_REQUESTS, 3));
    ck_assert(nc_breaker_try(b, NC_BREAKER_REQUESTS, 4));
    ck_assert(nc_breaker_try(b, NC_BREAKER_CONNECTIONS, 1));
    ck_assert(!nc_breaker_try(b, NC_BREAKER_CONNECTIONS, 1));
    ck_assert(!nc_breaker_try(b, NC_BREAKER_RETRIES, 0));
    nc_stats_worker_died(0);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_REQUESTS), 1);
    nc_breaker_release(b, NC_BREAKER_REQUESTS);
    nc_breaker_release(b, NC_BREAKER_CONNECTIONS);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_REQUESTS), 0);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_CONNECTIONS), 0);
    nc_breaker_put(b);
    nc_stats_destroy();
}
END_TEST

START_TEST(no_breaker_never_trips)
{
    nc_breaker_t  none = { 0 };

    nc_stats_create_private();
    ck_assert(nc_breaker_try(none, NC_BREAKER_REQUESTS, 0));
    nc_breaker_release(none, NC_BREAKER_REQUESTS);
    ck_assert_int_eq(nc_breaker_total(none, NC_BREAKER_REQUESTS), 0);
    nc_stats_destroy();
}
END_TEST

static void
die_between_the_stores(void *arg)
{
    nc_breaker_t  *b = arg;

    nc_stats_row[nc_breaker_cell(*b, NC_BREAKER_PENDING)] += 1;
}

START_TEST(a_total_that_a_crash_left_wrong_is_repaired_at_the_second_look)
{
    nc_breaker_t  b;

    nc_stats_create_private();
    b = nc_breaker_get(NC_STR("a|default"));
    in_child(NC_ROW_WORKER, die_between_the_stores, &b);
    nc_stats_worker_died(0);
    nc_breaker_take(b, NC_BREAKER_REQUESTS);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_PENDING), -1);
    ck_assert_uint_eq(nc_breakers_repair(), 0);
    ck_assert_uint_eq(nc_breakers_repair(), 1);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_PENDING), 0);
    ck_assert_int_eq(nc_breaker_total(b, NC_BREAKER_REQUESTS), 1);
    ck_assert_uint_eq(nc_breakers_repair(), 0);
    nc_stats_destroy();
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("stats/hosts");
    TCase    *tc = tcase_create("hosts");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, a_host_keeps_its_row_as_long_as_anybody_refers_to_it);
    tcase_add_test(tc, flags_are_printed_as_envoy_spells_them);
    tcase_add_test(tc, a_dead_worker_leaves_totals_but_nothing_active);
    tcase_add_test(tc, a_new_helper_finds_hosts_and_drops_the_others);
    tcase_add_test(tc, a_breaker_counts_over_processes_and_gets_back_what_the_dead_held);
    tcase_add_test(tc, no_breaker_never_trips);
    tcase_add_test(tc, a_total_that_a_crash_left_wrong_is_repaired_at_the_second_look);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
