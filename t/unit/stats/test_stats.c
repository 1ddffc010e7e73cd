/* Names, ids, groups, and what several processes make of them. */
#include "stats/stats.c"

#include "stats/hosts.h"
#include "stats/names.h"

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `fn` in a child process that writes `row`; its exit code must be 0. */
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

static int64_t
value(const char *name)
{
    int64_t  v = -1;

    ck_assert_msg(nc_stats_find(nc_str_c(name), &v), "no stat %s", name);

    return v;
}

static bool
exists(const char *name)
{
    int64_t  v;

    return nc_stats_find(nc_str_c(name), &v);
}

START_TEST(before_the_arena_writing_the_dummy_is_harmless)
{
    nc_cluster_stats_t  s;
    nc_codes_t          codes = { 0, 0 };
    unsigned            code;

    nc_cluster_stats_init(&s, NULL, NC_STR("cluster.a"));
    ck_assert_uint_eq(s.upstream_cx_total.id, 0);

    nc_counter_inc(s.upstream_cx_total);
    nc_gauge_inc(s.upstream_cx_active);
    nc_histogram_record(s.upstream_rq_time, UINT64_MAX);

    for (code = 0; code < 1000; code++) {
        nc_stats_code_inc(codes, code);
    }

    ck_assert_ptr_null(nc_stats_owner_create());
    ck_assert_uint_eq(nc_counter_value(s.upstream_cx_total), 0);
}
END_TEST

START_TEST(a_name_has_one_id_whoever_asks)
{
    nc_stats_owner_t    *a, *b;
    nc_cluster_stats_t   s, again;

    nc_stats_create_private();
    a = nc_stats_owner_create();
    b = nc_stats_owner_create();
    nc_cluster_stats_init(&s, a, NC_STR("cluster.a"));
    nc_cluster_stats_init(&again, b, NC_STR("cluster.a."));
    ck_assert_mem_eq(&s, &again, sizeof(s));
    ck_assert_uint_eq(nc_stats_counter(b, NC_STR("cluster.a.upstream_cx_total")).id,
        s.upstream_cx_total.id);
    ck_assert_uint_eq(nc_stats_counter(b, NC_STR("x.y")).id, nc_stats_counter(a, NC_STR("x.y")).id);
    ck_assert_uint_ne(nc_stats_counter(b, NC_STR("x.y")).id, nc_stats_counter(a, NC_STR("x.z")).id);

    nc_counter_add(s.upstream_cx_total, 3);
    nc_gauge_add(s.upstream_cx_active, -2);
    nc_stats_owner_destroy(a);
    ck_assert_int_eq(value("cluster.a.upstream_cx_total"), 3);
    ck_assert_int_eq(value("cluster.a.upstream_cx_active"), -2);
    nc_stats_owner_destroy(b);
    ck_assert(!exists("cluster.a.upstream_cx_total"));
    nc_stats_destroy();
}
END_TEST

START_TEST(released_ids_are_cleared_and_used_again)
{
    nc_stats_owner_t    *o;
    nc_cluster_stats_t   s, t;
    nc_codes_t           codes;
    uint64_t             sum;

    nc_stats_create_private();
    o = nc_stats_owner_create();
    nc_cluster_stats_init(&s, o, NC_STR("cluster.a"));
    codes = nc_stats_codes(o, NC_STR("cluster.a.upstream_rq"));
    nc_counter_inc(s.upstream_rq_total);
    nc_gauge_set(s.upstream_rq_active, 7);
    nc_histogram_record(s.upstream_rq_time, 12);
    nc_stats_code_inc(codes, 200);
    nc_stats_code_inc(codes, 418);
    ck_assert_int_eq(value("cluster.a.upstream_rq_418"), 1);
    nc_stats_owner_destroy(o);

    o = nc_stats_owner_create();
    nc_cluster_stats_init(&t, o, NC_STR("cluster.b"));
    ck_assert_mem_eq(&s, &t, sizeof(s));
    ck_assert_int_eq(value("cluster.b.upstream_rq_total"), 0);
    ck_assert_int_eq(value("cluster.b.upstream_rq_active"), 0);
    ck_assert_uint_eq(nc_histogram_count(t.upstream_rq_time, &sum), 0);
    ck_assert_uint_eq(sum, 0);
    codes = nc_stats_codes(o, NC_STR("cluster.b.upstream_rq"));
    ck_assert_int_eq(value("cluster.b.upstream_rq_200"), 0);
    ck_assert_int_eq(value("cluster.b.upstream_rq_2xx"), 0);
    ck_assert_int_eq(value("cluster.b.upstream_rq_418"), 0);
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

START_TEST(a_name_of_another_kind_is_refused_and_counted)
{
    nc_stats_owner_t  *o;

    nc_stats_create_private();
    o = nc_stats_owner_create();
    ck_assert_uint_ne(nc_stats_counter(o, NC_STR("a.b")).id, 0);
    nc_stats_refused = 0;
    ck_assert_uint_eq(nc_stats_gauge(o, NC_STR("a.b")).id, 0);
    ck_assert_uint_eq(nc_stats_text(o, NC_STR("a.b")).id, 0);
    ck_assert_uint_eq(nc_stats_histogram(o, NC_STR("a.b"), NC_UNIT_MS).id, 0);
    ck_assert_uint_eq(nc_stats_refused, 3);
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

START_TEST(names_are_cleaned_as_envoy_does)
{
    nc_stats_owner_t  *o;
    char               buf[NC_NAME_MAX];
    nc_str_t           out;
    char               long_name[NC_NAME_MAX + 2];

    nc_stats_create_private();
    o = nc_stats_owner_create();
    ck_assert(clean(NC_STR(".http://a:80/b\n."), buf, &out));
    ck_assert(nc_str_eq(out, NC_STR("http_a_80/b_")));
    ck_assert(clean(NC_STR("listener.[::1]:80"), buf, &out));
    ck_assert(nc_str_eq(out, NC_STR("listener.[__1]_80")));
    memset(long_name, 'x', sizeof(long_name));
    nc_stats_refused = 0;
    ck_assert_uint_eq(nc_stats_counter(o, nc_str(long_name, sizeof(long_name))).id, 0);
    ck_assert_uint_eq(nc_stats_counter(o, NC_STR("...")).id, 0);
    ck_assert_uint_eq(nc_stats_refused, 2);
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

START_TEST(codes_are_counted_by_class_and_by_code)
{
    nc_stats_owner_t  *o;
    nc_codes_t         c;
    unsigned           code;
    int64_t            v;

    nc_stats_create_private();
    o = nc_stats_owner_create();
    c = nc_stats_codes(o, NC_STR("cluster.a.upstream_rq"));

    for (code = 0; code < 1000; code++) {
        nc_stats_code_inc(c, code);
    }

    for (code = 100; code < 600; code++) {
        char  name[64];

        snprintf(name, sizeof(name), "cluster.a.upstream_rq_%u", code);
        ck_assert_msg(value(name) == 1, "%s", name);
    }

    ck_assert_int_eq(value("cluster.a.upstream_rq_1xx"), 100);
    ck_assert_int_eq(value("cluster.a.upstream_rq_5xx"), 100);
    ck_assert(!nc_stats_find(NC_STR("cluster.a.upstream_rq_600"), &v));
    ck_assert(!nc_stats_find(NC_STR("cluster.a.upstream_rq_2x0"), &v));
    ck_assert(!nc_stats_find(NC_STR("upstream_rq_200"), &v));
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

typedef struct {
    nc_cluster_stats_t  s;
    uint64_t            n;
} work_t;

static void
count(void *arg)
{
    work_t    *w = arg;
    uint64_t   i;

    for (i = 0; i < w->n; i++) {
        nc_counter_inc(w->s.upstream_rq_total);
        nc_gauge_inc(w->s.upstream_rq_active);
        nc_histogram_record(w->s.upstream_rq_time, i);
    }
}

START_TEST(rows_of_all_processes_add_up_and_a_dead_one_leaves_its_counters)
{
    nc_stats_owner_t  *o;
    work_t             w = { .n = 10000 };
    uint64_t           sum;

    nc_stats_create_private();
    o = nc_stats_owner_create();
    nc_cluster_stats_init(&w.s, o, NC_STR("cluster.a"));
    in_child(NC_ROW_WORKER, count, &w);
    w.n = 500;
    in_child(NC_ROW_WORKER + 1, count, &w);
    count(&w);

    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 11000);
    ck_assert_int_eq(value("cluster.a.upstream_rq_active"), 11000);
    ck_assert_uint_eq(nc_histogram_count(w.s.upstream_rq_time, &sum), 11000);
    ck_assert_uint_eq(sum, 9999ull * 10000 / 2 + 499 * 500);

    nc_stats_worker_died(0);
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 11000);
    ck_assert_int_eq(value("cluster.a.upstream_rq_active"), 1000);
    nc_stats_helper_died();
    ck_assert_int_eq(value("cluster.a.upstream_rq_active"), 500);

    /* The next process of the row counts on. */
    w.n = 1;
    in_child(NC_ROW_WORKER, count, &w);
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 11001);
    ck_assert_int_eq(value("cluster.a.upstream_rq_active"), 501);
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

static void
first_helper(void *arg)
{
    nc_stats_owner_t            *o = nc_stats_owner_create();
    nc_cluster_stats_t           s;
    nc_circuit_breaker_stats_t   b;
    nc_text_t                    t;

    (void) arg;
    nc_cluster_stats_init(&s, o, NC_STR("cluster.gone"));
    nc_cluster_stats_init(&s, o, NC_STR("cluster.kept"));
    nc_circuit_breaker_stats_init(&b, o, NC_STR("cluster.gone.circuit_breakers.default"));
    nc_stats_scope_tag(o, NC_STR("cluster.tag.ged"), NC_STR("envoy.cluster_name"),
        NC_STR("tag.ged"));
    nc_counter_add(s.upstream_rq_total, 42);
    nc_gauge_set(nc_stats_gauge(o, NC_STR("server.live")), 1);
    t = nc_stats_text(o, NC_STR("control_plane.identifier"));
    nc_text_set(t, NC_STR("one"));
    nc_text_set(t, NC_STR("two, which is somewhat longer than one"));
}

static void
second_helper(void *arg)
{
    nc_stats_owner_t    *o = nc_stats_owner_create(), *late;
    nc_cluster_stats_t   s, other;
    nc_text_t            t;

    (void) arg;
    nc_cluster_stats_init(&s, o, NC_STR("cluster.kept"));

    if (nc_counter_value(s.upstream_rq_total) != 42 || !exists("cluster.gone.upstream_rq_total")) {
        _exit(1);
    }

    t = nc_stats_text(o, NC_STR("control_plane.identifier"));

    if (!nc_str_eq(nc_arena_str((nc_arena_str_t) { nc_arena.groups[t.id].base[0],
        nc_arena.groups[t.id].base[1] }), NC_STR("two, which is somewhat longer than one")))
    {
        _exit(2);
    }

    /* What is new must not overlap with what the other one had, swept or not. */
    nc_cluster_stats_init(&other, o, NC_STR("cluster.new"));
    nc_counter_inc(other.upstream_rq_total);
    nc_stats_sweep();

    if (nc_counter_value(s.upstream_rq_total) != 42 || exists("cluster.gone.upstream_rq_total")
        || exists("server.live") || !exists("cluster.new.upstream_rq_total")
        || nc_dict_find_scope(NC_STR("cluster.tag.ged")))
    {
        _exit(3);
    }

    late = nc_stats_owner_create();
    nc_cluster_stats_init(&other, late, NC_STR("cluster.late"));

    if (nc_counter_value(other.upstream_rq_total) != 0) {
        _exit(4);
    }
}

START_TEST(a_new_helper_finds_the_ids_of_the_one_that_died)
{
    const char  *error;

    ck_assert_int_eq(nc_stats_create(2, &error), NC_OK);
    in_child(NC_ROW_HELPER, first_helper, NULL);
    nc_stats_helper_died();
    in_child(NC_ROW_HELPER, second_helper, NULL);
    nc_stats_destroy();
}
END_TEST

START_TEST(reset_makes_counters_start_over_and_leaves_gauges)
{
    nc_stats_owner_t    *o;
    nc_cluster_stats_t   s;
    nc_codes_t           c;

    nc_stats_create_private();
    o = nc_stats_owner_create();
    nc_cluster_stats_init(&s, o, NC_STR("cluster.a"));
    c = nc_stats_codes(o, NC_STR("cluster.a.upstream_rq"));
    nc_counter_add(s.upstream_rq_total, 5);
    nc_gauge_set(s.upstream_rq_active, 5);
    nc_stats_code_inc(c, 200);
    nc_stats_code_inc(c, 418);
    nc_stats_reset_counters();
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 0);
    ck_assert_int_eq(value("cluster.a.upstream_rq_418"), 0);
    ck_assert_int_eq(value("cluster.a.upstream_rq_active"), 5);
    nc_counter_add(s.upstream_rq_total, 2);
    nc_stats_code_inc(c, 418);
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 2);
    nc_stats_reset_counters();
    nc_counter_inc(s.upstream_rq_total);
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 1);
    ck_assert_int_eq(value("cluster.a.upstream_rq_418"), 0);
    nc_stats_owner_destroy(o);
    nc_stats_destroy();
}
END_TEST

START_TEST(ten_thousand_clusters_cost_little_until_they_are_used)
{
    nc_stats_owner_t             *o;
    nc_cluster_stats_t            s;
    nc_cluster_membership_stats_t m;
    nc_circuit_breaker_stats_t    b;
    uint64_t                      before;
    unsigned                      i;

    nc_stats_create_private();
    o = nc_stats_owner_create();

    for (i = 0; i < 10000; i++) {
        char  name[64];
        int   n = snprintf(name, sizeof(name), "cluster.backend-%05u", i);

        nc_cluster_stats_init(&s, o, nc_str(name, (size_t) n));
        nc_cluster_membership_stats_init(&m, o, nc_str(name, (size_t) n));
        snprintf(name + n, sizeof(name) - (size_t) n, ".circuit_breakers.default");
        nc_circuit_breaker_stats_init(&b, o, nc_str_c(name));
        snprintf(name + n, sizeof(name) - (size_t) n, ".upstream_rq");
        nc_stats_codes(o, nc_str_c(name));
        ck_assert_uint_ne(b.cx_open.id, 0);
    }

    ck_assert_uint_lt(nc_stats_memory(), 6u << 20);
    before = nc_stats_memory();
    nc_histogram_record(s.upstream_rq_time, 3);
    nc_counter_inc(s.upstream_rq_total);
    ck_assert_uint_le(nc_stats_memory() - before, 4 * 4096);
    ck_assert_int_eq(value("cluster.backend-09999.upstream_rq_total"), 1);
    nc_stats_owner_destroy(o);
    ck_assert_uint_eq(nc_arena.head->counters, 0);
    ck_assert_uint_eq(nc_arena.head->histograms, 0);
    nc_stats_destroy();
}
END_TEST

START_TEST(an_outside_reader_needs_only_the_file)
{
    nc_stats_owner_t    *o;
    nc_cluster_stats_t   s;
    const char          *error;
    int                  fd, zero[2];

    nc_stats_create_private();
    o = nc_stats_owner_create();
    nc_cluster_stats_init(&s, o, NC_STR("cluster.a"));
    nc_counter_add(s.upstream_rq_total, 9);
    fd = dup(nc_stats_fd());
    nc_stats_owner_destroy(NULL);

    /* The arena goes from this process; the file stays. */
    nc_stats_destroy();
    ck_assert_int_eq(nc_stats_attach(fd, &error), NC_OK);
    ck_assert_int_eq(value("cluster.a.upstream_rq_total"), 9);
    ck_assert_ptr_null(nc_stats_owner_create());
    nc_stats_destroy();

    ck_assert_int_eq(pipe(zero), 0);
    ck_assert_int_eq(nc_stats_attach(zero[0], &error), NC_ERROR);
    ck_assert_str_eq(error, "not a stats arena");
    close(zero[0]);
    close(zero[1]);
    close(fd);
    free(o->groups.items);
    free(o);
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("stats/stats");
    TCase    *tc = tcase_create("stats");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, before_the_arena_writing_the_dummy_is_harmless);
    tcase_add_test(tc, a_name_has_one_id_whoever_asks);
    tcase_add_test(tc, released_ids_are_cleared_and_used_again);
    tcase_add_test(tc, a_name_of_another_kind_is_refused_and_counted);
    tcase_add_test(tc, names_are_cleaned_as_envoy_does);
    tcase_add_test(tc, codes_are_counted_by_class_and_by_code);
    tcase_add_test(tc, rows_of_all_processes_add_up_and_a_dead_one_leaves_its_counters);
    tcase_add_test(tc, a_new_helper_finds_the_ids_of_the_one_that_died);
    tcase_add_test(tc, reset_makes_counters_start_over_and_leaves_gauges);
    tcase_add_test(tc, ten_thousand_clusters_cost_little_until_they_are_used);
    tcase_add_test(tc, an_outside_reader_needs_only_the_file);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
