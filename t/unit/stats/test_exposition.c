/* Stats as text, JSON and Prometheus text. */
#include "stats/exposition.c"

#include "stats/names.h"

#include <check.h>

static nc_stats_owner_t  *owner;

static void
setup(void)
{
    nc_stats_create_private();
    owner = nc_stats_owner_create();
}

static void
teardown(void)
{
    nc_stats_owner_destroy(owner);
    nc_stats_destroy();
}

/* What a query ("format=json&usedonly") prints, in pieces of `max` bytes; the caller frees it. */
static char *
show_in(const char *query, size_t max)
{
    nc_stats_query_t   q;
    nc_stats_print_t  *p;
    nc_sb_t            out, error;
    nc_str_t           rest = nc_str_c(query), piece;
    char              *text;

    nc_stats_query_init(&q);
    nc_sb_init(&out);
    nc_sb_init(&error);

    while (rest.len && nc_str_split(&rest, '&', &piece)) {
        ssize_t   eq = nc_str_chr(piece, '=');
        nc_str_t  name = eq < 0 ? piece : nc_str(piece.data, (size_t) eq);
        nc_str_t  value = eq < 0 ? NC_STR("") : nc_str_skip(piece, (size_t) eq + 1);

        ck_assert_msg(nc_stats_query_param(&q, name, value, &error) == NC_OK, "%s: %s", query,
            nc_sb_c(&error));
    }

    p = nc_stats_print_create(&q);

    while (nc_stats_print_more(p, &out, max)) {
    }

    nc_stats_print_destroy(p);
    nc_stats_query_fini(&q);
    text = nc_strdup(nc_sb_c(&out));
    nc_sb_fini(&out);
    nc_sb_fini(&error);

    return text;
}

static void
shows(const char *query, const char *expected)
{
    char  *whole = show_in(query, 0), *pieces = show_in(query, 1);

    ck_assert_str_eq(whole, expected);
    ck_assert_str_eq(pieces, expected);
    free(whole);
    free(pieces);
}

static nc_counter_t
counter(const char *name, uint64_t value)
{
    nc_counter_t  c = nc_stats_counter(owner, nc_str_c(name));

    nc_counter_add(c, value);

    return c;
}

START_TEST(text_is_sorted_by_full_name_across_scopes)
{
    counter("b.z", 1);
    counter("b.c.d", 2);
    counter("b-x.a", 3);
    counter("b.a", 4);
    counter("a", 5);
    counter("b.c-d", 6);
    counter("b.zz.a", 7);
    nc_gauge_set(nc_stats_gauge(owner, NC_STR("b.b")), 8);
    nc_text_set(nc_stats_text(owner, NC_STR("z.text")), NC_STR("say \"hi\"\n"));

    shows("",
        "z.text: \"say \\\"hi\\\"\\n\"\n"
        "a: 5\n"
        "b-x.a: 3\n"
        "b.a: 4\n"
        "b.b: 8\n"
        "b.c-d: 6\n"
        "b.c.d: 2\n"
        "b.z: 1\n"
        "b.zz.a: 7\n");
}
END_TEST

START_TEST(groups_and_single_stats_interleave)
{
    nc_router_stats_t  r;

    nc_router_stats_init(&r, owner, NC_STR("http.in"));
    counter("http.in.no_d", 1);
    counter("http.in.rq.x", 2);
    nc_counter_add(r.rq_total, 9);

    shows("filter=^http",
        "http.in.no_cluster: 0\n"
        "http.in.no_d: 1\n"
        "http.in.no_route: 0\n"
        "http.in.passthrough_internal_redirect_bad_location: 0\n"
        "http.in.passthrough_internal_redirect_no_route: 0\n"
        "http.in.passthrough_internal_redirect_predicate: 0\n"
        "http.in.passthrough_internal_redirect_too_many_redirects: 0\n"
        "http.in.passthrough_internal_redirect_unsafe_scheme: 0\n"
        "http.in.rq.x: 2\n"
        "http.in.rq_direct_response: 0\n"
        "http.in.rq_redirect: 0\n"
        "http.in.rq_reset_after_downstream_response_started: 0\n"
        "http.in.rq_total: 9\n");
    shows("usedonly", "http.in.no_d: 1\nhttp.in.rq.x: 2\nhttp.in.rq_total: 9\n");
}
END_TEST

START_TEST(used_is_what_was_ever_written)
{
    nc_gauge_t  g = nc_stats_gauge(owner, NC_STR("g.was"));

    nc_stats_gauge(owner, NC_STR("g.never"));
    nc_gauge_inc(g);
    nc_gauge_dec(g);
    nc_gauge_set(nc_stats_gauge(owner, NC_STR("g.zero")), 0);
    nc_gauge_add(nc_stats_gauge(owner, NC_STR("g.below")), -3);
    shows("usedonly", "g.below: -3\ng.was: 0\ng.zero: 0\n");
    nc_stats_helper_died();
    shows("usedonly", "g.below: 0\ng.was: 0\ng.zero: 0\n");
}
END_TEST

START_TEST(code_counters_appear_when_used)
{
    nc_codes_t  c = nc_stats_codes(owner, NC_STR("cluster.a.upstream_rq"));

    shows("", "");
    nc_stats_code_inc(c, 200);
    nc_stats_code_inc(c, 204);
    nc_stats_code_inc(c, 418);
    shows("",
        "cluster.a.upstream_rq_200: 1\n"
        "cluster.a.upstream_rq_204: 1\n"
        "cluster.a.upstream_rq_2xx: 2\n"
        "cluster.a.upstream_rq_418: 1\n"
        "cluster.a.upstream_rq_4xx: 1\n");
    shows("format=prometheus",
        "# TYPE envoy_cluster_upstream_rq counter\n"
        "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n"
        "envoy_cluster_upstream_rq{envoy_response_code=\"204\",envoy_cluster_name=\"a\"} 1\n"
        "envoy_cluster_upstream_rq{envoy_response_code=\"418\",envoy_cluster_name=\"a\"} 1\n"
        "# TYPE envoy_cluster_upstream_rq_xx counter\n"
        "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"a\"} 2\n"
        "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"4\",envoy_cluster_name=\"a\"} 1\n"
        );
}
END_TEST

START_TEST(histograms_show_interval_and_all_time)
{
    nc_histogram_t  h = nc_stats_histogram(owner, NC_STR("a.time"), NC_UNIT_MS);

    shows("", "a.time: No recorded values\n");
    nc_histogram_record(h, 4);
    shows("", "a.time: P0(nan,4) P25(nan,4) P50(nan,4) P75(nan,4) P90(nan,4) P95(nan,4) "
        "P99(nan,4) P99.5(nan,4) P99.9(nan,4) P100(nan,4)\n");
    nc_stats_flush();
    shows("", "a.time: P0(4,4) P25(4,4) P50(4,4) P75(4,4) P90(4,4) P95(4,4) P99(4,4) "
        "P99.5(4,4) P99.9(4,4) P100(4,4)\n");
    nc_histogram_record(h, 8);
    nc_stats_flush();
    shows("histogram_buckets=cumulative", "a.time: B0.5(0,0) B1(0,0) B5(0,1) B10(1,2) B25(1,2) "
        "B50(1,2) B100(1,2) B250(1,2) B500(1,2) B1000(1,2) B2500(1,2) B5000(1,2) B10000(1,2) "
        "B30000(1,2) B60000(1,2) B300000(1,2) B600000(1,2) B1.8e+06(1,2) B3.6e+06(1,2)\n");
    shows("histogram_buckets=disjoint", "a.time: B0.5(0,0) B1(0,0) B5(0,1) B10(1,1) B25(0,0) "
        "B50(0,0) B100(0,0) B250(0,0) B500(0,0) B1000(0,0) B2500(0,0) B5000(0,0) B10000(0,0) "
        "B30000(0,0) B60000(0,0) B300000(0,0) B600000(0,0) B1.8e+06(0,0) B3.6e+06(0,0)\n");
    shows("histogram_buckets=detailed", "a.time:\n  totals=4,1:1, 8,1:1\n  intervals=8,1:1\n"
        "  summary=P0(8,4) P25(8,4) P50(8,4) P75(8,8) P90(8,8) P95(8,8) P99(8,8) P99.5(8,8) "
        "P99.9(8,8) P100(8,8)\n");
    nc_stats_flush();
    shows("usedonly&filter=a", "a.time: P0(nan,4) P25(nan,4) P50(nan,4) P75(nan,8) P90(nan,8) "
        "P95(nan,8) P99(nan,8) P99.5(nan,8) P99.9(nan,8) P100(nan,8)\n");
}
END_TEST

START_TEST(json_has_envoys_shape)
{
    nc_histogram_t  h = nc_stats_histogram(owner, NC_STR("a.time"), NC_UNIT_MS);

    shows("format=json&type=Counters", "{\"stats\":[]}");
    counter("a.b", 18446744073709551615u);
    nc_text_set(nc_stats_text(owner, NC_STR("a.t")), NC_STR("v\"1\""));
    nc_histogram_record(h, 2);
    shows("format=json",
        "{\"stats\":[{\"name\":\"a.t\",\"value\":\"v\\\"1\\\"\"},"
        "{\"name\":\"a.b\",\"value\":18446744073709551615},"
        "{\"histograms\":{\"supported_quantiles\":[0,25,50,75,90,95,99,99.5,99.9,100],"
        "\"computed_quantiles\":[{\"name\":\"a.time\",\"values\":["
        "{\"interval\":null,\"cumulative\":2},{\"interval\":null,\"cumulative\":2},"
        "{\"interval\":null,\"cumulative\":2},{\"interval\":null,\"cumulative\":2},"
        "{\"interval\":null,\"cumulative\":2},{\"interval\":null,\"cumulative\":2},"
        "{\"interval\":null,\"cumulative\":2},{\"interval\":null,\"cumulative\":2},"
        "{\"interval\":null,\"cumulative\":2},{\"interval\":null,\"cumulative\":2}]}]}}]}");
    shows("format=json&type=Gauges", "{\"stats\":[]}");
}
END_TEST

START_TEST(prometheus_has_one_type_line_per_metric_and_tags)
{
    nc_listener_worker_stats_t  w;
    nc_listener_http_stats_t    h;
    nc_circuit_breaker_stats_t  b;

    nc_listener_worker_stats_init(&w, owner, NC_STR("listener.127.0.0.1_80.worker_0"));
    nc_counter_inc(w.downstream_cx_total);
    nc_listener_worker_stats_init(&w, owner, NC_STR("listener.[::1]:80.worker_1"));
    nc_listener_worker_stats_init(&w, owner, NC_STR("listener.named.worker_1"));
    shows("format=prometheus&type=Counters",
        "# TYPE envoy_listener_named_worker_downstream_cx_total counter\n"
        "envoy_listener_named_worker_downstream_cx_total{envoy_worker_id=\"1\"} 0\n"
        "# TYPE envoy_listener_worker_downstream_cx_total counter\n"
        "envoy_listener_worker_downstream_cx_total{envoy_listener_address=\"127.0.0.1_80\","
        "envoy_worker_id=\"0\"} 1\n"
        "envoy_listener_worker_downstream_cx_total{envoy_listener_address=\"[__1]_80\","
        "envoy_worker_id=\"1\"} 0\n");
    nc_listener_http_stats_init(&h, owner, NC_STR("listener.0.0.0.0_80.http.in"));
    nc_counter_inc(h.downstream_rq_2xx);
    shows("format=prometheus&filter=^listener.0.*xx$&usedonly",
        "# TYPE envoy_listener_http_downstream_rq_xx counter\n"
        "envoy_listener_http_downstream_rq_xx{envoy_response_code_class=\"2\","
        "envoy_listener_address=\"0.0.0.0_80\",envoy_http_conn_manager_prefix=\"in\"} 1\n");
    nc_circuit_breaker_stats_init(&b, owner, NC_STR("cluster.x.circuit_breakers.default"));
    nc_gauge_set(b.cx_open, 1);
    shows("format=prometheus&type=Gauges&filter=cx_open",
        "# TYPE envoy_cluster_circuit_breakers_default_cx_open gauge\n"
        "envoy_cluster_circuit_breakers_default_cx_open{envoy_cluster_name=\"x\"} 1\n");
}
END_TEST

START_TEST(a_declared_tag_keeps_the_dots_of_its_value)
{
    nc_cluster_lb_stats_t  lb;

    nc_stats_scope_tag(owner, NC_STR("cluster.out|80||a.b.svc"), NC_STR("envoy.cluster_name"),
        NC_STR("out|80||a.b.svc"));
    nc_cluster_lb_stats_init(&lb, owner, NC_STR("cluster.out|80||a.b.svc"));
    counter("cluster.out|80||a.b.svc.http1.response_flood", 1);
    counter("cluster.q\"\\\xff.x", 1);
    shows("format=prometheus",
        "# TYPE envoy_cluster_http1_response_flood counter\n"
        "envoy_cluster_http1_response_flood{envoy_cluster_name=\"out|80||a.b.svc\"} 1\n"
        "# TYPE envoy_cluster_lb_healthy_panic counter\n"
        "envoy_cluster_lb_healthy_panic{envoy_cluster_name=\"out|80||a.b.svc\"} 0\n"
        "# TYPE envoy_cluster_x counter\n"
        "envoy_cluster_x{envoy_cluster_name=\"q\\\"\\\\_\"} 1\n");
}
END_TEST

START_TEST(prometheus_histograms_are_cumulative_with_envoys_bounds)
{
    nc_histogram_t  h = nc_stats_histogram(owner, NC_STR("cluster.a.t"), NC_UNIT_MS);

    nc_histogram_record(h, 1);
    nc_histogram_record(h, 7);
    nc_histogram_record(h, 4000000);
    shows("format=prometheus",
        "# TYPE envoy_cluster_t histogram\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"0.5\"} 0\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"1\"} 1\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"5\"} 1\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"10\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"25\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"50\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"100\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"250\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"500\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"1000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"2500\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"5000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"10000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"30000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"60000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"300000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"600000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"1800000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"3600000\"} 2\n"
        "envoy_cluster_t_bucket{envoy_cluster_name=\"a\",le=\"+Inf\"} 3\n"
        "envoy_cluster_t_sum{envoy_cluster_name=\"a\"} 4000008\n"
        "envoy_cluster_t_count{envoy_cluster_name=\"a\"} 3\n");
    shows("format=prometheus&type=Counters", "");
}
END_TEST

START_TEST(fixed_tags_and_text_readouts_are_options)
{
    nc_stats_query_t      q;
    nc_stats_tag_t        tag = { NC_STR_INIT("my.tag"), NC_STR_INIT("v\n1") };
    nc_stats_print_t     *p;
    nc_sb_t               out, error;

    nc_sb_init(&out);
    nc_sb_init(&error);
    nc_stats_query_init(&q);
    counter("server.x", 1);
    nc_text_set(nc_stats_text(owner, NC_STR("control_plane.identifier")), NC_STR("cp"));
    q.tags = &tag;
    q.n_tags = 1;
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("format"), NC_STR("prometheus"), &error),
        NC_OK);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("text_readouts"), NC_STR(""), &error), NC_OK);
    p = nc_stats_print_create(&q);
    nc_stats_print_more(p, &out, 0);
    ck_assert_str_eq(nc_sb_c(&out),
        "# TYPE envoy_control_plane_identifier gauge\n"
        "envoy_control_plane_identifier{text_value=\"cp\",my_tag=\"v\\n1\"} 0\n"
        "# TYPE envoy_server_x counter\n"
        "envoy_server_x{my_tag=\"v\\n1\"} 1\n");
    nc_stats_print_destroy(p);
    nc_sb_fini(&out);
    nc_sb_fini(&error);
}
END_TEST

START_TEST(bad_parameters_are_told)
{
    nc_stats_query_t  q;
    nc_sb_t           error;

    nc_sb_init(&error);
    nc_stats_query_init(&q);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("type"), NC_STR("Bananas"), &error),
        NC_ERROR);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("format"), NC_STR("xml"), &error), NC_ERROR);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("format"), NC_STR("html"), &error),
        NC_DECLINED);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("what"), NC_STR(""), &error), NC_DECLINED);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("histogram_buckets"), NC_STR("x"), &error),
        NC_ERROR);
    nc_sb_reset(&error);
    ck_assert_int_eq(nc_stats_query_param(&q, NC_STR("filter"), NC_STR("(["), &error), NC_ERROR);
    ck_assert_uint_gt(error.len, 0);
    nc_stats_query_fini(&q);
    nc_sb_fini(&error);
}
END_TEST

START_TEST(names_released_while_a_printer_lives_stay_readable)
{
    nc_stats_query_t     q;
    nc_stats_print_t    *p;
    nc_sb_t              out;
    nc_stats_owner_t    *o = nc_stats_owner_create();
    nc_router_stats_t    r;

    nc_router_stats_init(&r, o, NC_STR("http.gone"));
    nc_counter_inc(r.rq_total);
    nc_stats_query_init(&q);
    q.used_only = true;
    p = nc_stats_print_create(&q);
    nc_stats_owner_destroy(o);
    counter("new.one", 1);
    nc_sb_init(&out);
    nc_stats_print_more(p, &out, 0);
    ck_assert_str_eq(nc_sb_c(&out), "http.gone.rq_total: 1\n");
    nc_stats_print_destroy(p);
    nc_sb_fini(&out);
    shows("usedonly", "new.one: 1\n");
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("stats/exposition");
    TCase    *tc = tcase_create("exposition");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, text_is_sorted_by_full_name_across_scopes);
    tcase_add_test(tc, groups_and_single_stats_interleave);
    tcase_add_test(tc, used_is_what_was_ever_written);
    tcase_add_test(tc, code_counters_appear_when_used);
    tcase_add_test(tc, histograms_show_interval_and_all_time);
    tcase_add_test(tc, json_has_envoys_shape);
    tcase_add_test(tc, prometheus_has_one_type_line_per_metric_and_tags);
    tcase_add_test(tc, a_declared_tag_keeps_the_dots_of_its_value);
    tcase_add_test(tc, prometheus_histograms_are_cumulative_with_envoys_bounds);
    tcase_add_test(tc, fixed_tags_and_text_readouts_are_options);
    tcase_add_test(tc, bad_parameters_are_told);
    tcase_add_test(tc, names_released_while_a_printer_lives_stay_readable);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
