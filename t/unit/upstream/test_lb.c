/* Who gets the request: turns, weights, priorities, health. */
#include "upstream/lb.c"

#include <check.h>

#define N  6u

static nc_stats_owner_t   *owner;
static nc_host_t           hosts[N];
static nc_host_set_t       set;
static nc_cluster_t        cluster;
static nc_cluster_entry_t  entry;


static void
setup(void)
{
    nc_stats_create_private();
    owner = nc_stats_owner_create();
    memset(hosts, 0, sizeof(hosts));
    cluster = (nc_cluster_t) { .local_id = 1, .lb_policy = NC_LB_ROUND_ROBIN };
    nc_cluster_lb_stats_init(&cluster.lb_stats, owner, NC_STR("cluster.a"));
    entry = (nc_cluster_entry_t) { &cluster, &set };

    for (uint32_t i = 0; i < N; i++) {
        char  key[8] = { 'a', '|', (char) ('0' + i), '\0' };

        hosts[i].id = nc_host_get(nc_str_c(key));
        hosts[i].weight = 1;
        hosts[i].weight_end = i + 1;
    }

    set = (nc_host_set_t) { .n = N, .hosts = hosts, .total_weight = N, .equal_weights = true,
                            .n_priorities = 1 };
}


static void
teardown(void)
{
    nc_stats_owner_destroy(owner);
    nc_stats_destroy();
}


static uint32_t
pick(const nc_priority_mask_t *avoid)
{
    static uint64_t   random = 1;
    const nc_host_t  *h = nc_lb_pick(&entry, &set, random += 0x9e3779b97f4a7c15u, avoid);

    return h ? (uint32_t) (h - hosts) : UINT32_MAX;
}


static void
make_unhealthy(uint32_t i)
{
    nc_host_set_flags(hosts[i].id, NC_HOST_FAILED_EDS, 0);
}


/* Hosts from 3 on are of priority 1, the last one of 2. */
static void
use_priorities(void)
{
    hosts[3].priority = hosts[4].priority = 1;
    hosts[5].priority = 2;
    set.n_priorities = 3;
}


START_TEST(an_empty_set_has_no_host)
{
    set.n = 0;
    ck_assert_uint_eq(pick(NULL), UINT32_MAX);
}
END_TEST


START_TEST(hosts_take_turns)
{
    unsigned  n[N] = { 0 };

    for (unsigned i = 0; i < 10 * N; i++) {
        n[pick(NULL)]++;
    }

    for (unsigned i = 0; i < N; i++) {
        ck_assert_uint_eq(n[i], 10);
    }
}
END_TEST


START_TEST(unhealthy_hosts_are_passed_over)
{
    make_unhealthy(0);
    make_unhealthy(2);

    for (unsigned i = 0; i < 100; i++) {
        uint32_t  got = pick(NULL);

        ck_assert(got != 0 && got != 2);
    }
}
END_TEST


START_TEST(when_none_is_healthy_all_are_used)
{
    unsigned  n[N] = { 0 };

    for (uint32_t i = 0; i < N; i++) {
        make_unhealthy(i);
    }

    for (unsigned i = 0; i < 10 * N; i++) {
        n[pick(NULL)]++;
    }

    for (unsigned i = 0; i < N; i++) {
        ck_assert_uint_eq(n[i], 10);
    }

    ck_assert_uint_eq(nc_counter_value(cluster.lb_stats.lb_healthy_panic), 10 * N);
}
END_TEST


START_TEST(the_first_priority_with_a_healthy_host_serves)
{
    use_priorities();

    for (unsigned i = 0; i < 50; i++) {
        ck_assert_uint_lt(pick(NULL), 3);
    }

    make_unhealthy(0);
    make_unhealthy(1);
    make_unhealthy(2);

    for (unsigned i = 0; i < 50; i++) {
        uint32_t  got = pick(NULL);

        ck_assert(got == 3 || got == 4);
    }
}
END_TEST


START_TEST(priorities_to_be_avoided_are_avoided)
{
    nc_priority_mask_t  mask = { { 1 } };

    use_priorities();

    for (unsigned i = 0; i < 50; i++) {
        uint32_t  got = pick(&mask);

        ck_assert(got == 3 || got == 4);
    }

    mask.bits[0] = 3;
    ck_assert_uint_eq(pick(&mask), 5);
    mask.bits[0] = 7;                           /* nothing is left: none of it counts */
    ck_assert_uint_lt(pick(&mask), 3);
}
END_TEST


START_TEST(least_request_prefers_the_idle_host)
{
    unsigned  n[2] = { 0 };

    cluster.lb_policy = NC_LB_LEAST_REQUEST;
    set.n = set.total_weight = 2;
    nc_host_counters(hosts[0].id)->rq_active = 5;

    for (unsigned i = 0; i < 400; i++) {
        n[pick(NULL)]++;
    }

    ck_assert_uint_gt(n[1], 250);               /* 3 of 4 pairs have the idle one */
    ck_assert_uint_gt(n[0], 50);
    nc_host_counters(hosts[0].id)->rq_active = 0;
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("lb");
    TCase    *t = tcase_create("lb");
    SRunner  *r;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_empty_set_has_no_host);
    tcase_add_test(t, hosts_take_turns);
    tcase_add_test(t, unhealthy_hosts_are_passed_over);
    tcase_add_test(t, when_none_is_healthy_all_are_used);
    tcase_add_test(t, the_first_priority_with_a_healthy_host_serves);
    tcase_add_test(t, priorities_to_be_avoided_are_avoided);
    tcase_add_test(t, least_request_prefers_the_idle_host);
    suite_add_tcase(s, t);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
