/* Conditions of access logs and mappers. */
#include "http/log_filter.c"

#include "http/http_help.h"

#include <check.h>
#include <stdlib.h>

static nc_test_compile_t  t;
static nc_headers_t       request, response, trailers;
static nc_http_info_t     info;


static void
setup(void)
{
    nc_test_compile_init(&t);
    nc_headers_init(&request, &t.pool);
    nc_headers_init(&response, &t.pool);
    nc_headers_init(&trailers, &t.pool);
    info = (nc_http_info_t) { .start_us = 1000000, .end_us = 1250000 };
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


static bool
holds(const char *yaml, uint64_t random)
{
    const ProtobufCMessage  *m = nc_test_message(
        &t, &envoy__config__accesslog__v3__access_log_filter__descriptor, yaml);
    const nc_log_filter_t   *f = nc_log_filter_compile(&t.cc, (const void *) m);
    nc_http_view_t           view = {
        .info = &info, .request = &request, .response = &response, .response_trailers = &trailers
    };

    ck_assert_msg(f != NULL, "%s: %s", yaml, nc_test_errors(&t));

    return nc_log_filter_holds(f, &view, random, &t.pool);
}


#define COMPARE(kind, op, n)  \
    kind ": {comparison: {op: " op ", value: {default_value: " n ", runtime_key: k}}}"

START_TEST(comparisons_of_status_and_duration)
{
    info.status = 404;
    ck_assert(holds(COMPARE("status_code_filter", "EQ", "404"), 0));
    ck_assert(!holds(COMPARE("status_code_filter", "NE", "404"), 0));
    ck_assert(holds(COMPARE("status_code_filter", "GE", "404"), 0));
    ck_assert(!holds(COMPARE("status_code_filter", "GE", "405"), 0));
    ck_assert(holds(COMPARE("status_code_filter", "LE", "404"), 0));
    ck_assert(!holds(COMPARE("status_code_filter", "LE", "403"), 0));
    ck_assert(holds(COMPARE("duration_filter", "EQ", "250"), 0));
    ck_assert(!holds(COMPARE("duration_filter", "GE", "251"), 0));
}
END_TEST


START_TEST(a_request_without_response_has_status_0)
{
    ck_assert(holds(COMPARE("status_code_filter", "EQ", "0"), 0));
}
END_TEST


START_TEST(a_health_check_is_told_by_the_stream)
{
    ck_assert(holds("not_health_check_filter: {}", 0));
    info.health_check = true;
    ck_assert(!holds("not_health_check_filter: {}", 0));
}
END_TEST


START_TEST(only_what_is_traced_is_traceable_and_no_health_check)
{
    ck_assert(!holds("traceable_filter: {}", 0));
    info.traced = true;
    ck_assert(holds("traceable_filter: {}", 0));
    info.health_check = true;
    ck_assert(!holds("traceable_filter: {}", 0));
}
END_TEST


START_TEST(a_share_goes_by_the_id_or_by_chance)
{
    const char  *half = "runtime_filter: {runtime_key: k, percent_sampled: {numerator: 50}}";

    ck_assert(holds(half, 49));
    ck_assert(!holds(half, 50));

    info.request_id = NC_STR("00000031-x");     /* 0x31 = 49 */
    ck_assert(holds(half, 50));
    info.request_id = NC_STR("00000032-x");
    ck_assert(!holds(half, 49));
    ck_assert(holds("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 50}, "
                    "use_independent_randomness: true}", 49));

    info.request_id = NC_STR("not-hex-at-all");
    ck_assert(holds(half, 49));
    ck_assert(holds("runtime_filter: {runtime_key: k, percent_sampled: "
                    "{numerator: 5000, denominator: TEN_THOUSAND}}", 4999));
}
END_TEST


START_TEST(each_flag_has_its_name)
{
    char  yaml[64];

    static const char *const  names[] = {
#define X(id, abbr, name)  abbr,
        NC_RESPONSE_FLAGS(X)
#undef X
    };

    for (unsigned i = 0; i < NC_RF_COUNT; i++) {
        teardown();
        setup();
        info.flags = NC_BIT(i);
        snprintf(yaml, sizeof(yaml), "response_flag_filter: {flags: [%s]}", names[i]);
        ck_assert(holds(yaml, 0));
        info.flags = ~NC_BIT(i);
        ck_assert(!holds(yaml, 0));
    }

    info.flags = 0;
    ck_assert(!holds("response_flag_filter: {}", 0));
    info.flags = NC_RF_NO_ROUTE;
    ck_assert(holds("response_flag_filter: {}", 0));
}
END_TEST


START_TEST(the_grpc_status_is_looked_for_in_trailers_headers_and_the_http_status)
{
    info.status = 503;
    ck_assert(holds("grpc_status_filter: {statuses: [UNAVAILABLE]}", 0));
    nc_headers_add_id(&response, NC_H_GRPC_STATUS, NC_STR("5"));
    ck_assert(holds("grpc_status_filter: {statuses: [NOT_FOUND]}", 0));
    nc_headers_add_id(&trailers, NC_H_GRPC_STATUS, NC_STR("0"));
    ck_assert(holds("grpc_status_filter: {statuses: [OK]}", 0));
    ck_assert(!holds("grpc_status_filter: {statuses: [OK], exclude: true}", 0));
    nc_headers_set_id(&trailers, NC_H_GRPC_STATUS, NC_STR("99"));
    ck_assert(holds("grpc_status_filter: {statuses: [OK], exclude: true}", 0));
    ck_assert(!holds("grpc_status_filter: {statuses: [OK]}", 0));
}
END_TEST


START_TEST(occasions)
{
    info.log_type = NC_LOG_DOWNSTREAM_PERIODIC;
    ck_assert(holds("log_type_filter: {types: [DownstreamPeriodic]}", 0));
    ck_assert(!holds("log_type_filter: {types: [DownstreamEnd]}", 0));
    ck_assert(holds("log_type_filter: {types: [DownstreamEnd], exclude: true}", 0));
}
END_TEST


START_TEST(and_needs_all_or_needs_one)
{
    info.status = 404;
    info.flags = NC_RF_NO_ROUTE;
    ck_assert(holds("and_filter: {filters: [{response_flag_filter: {}}, {"
                    COMPARE("status_code_filter", "EQ", "404") "}]}", 0));
    ck_assert(!holds("and_filter: {filters: [{response_flag_filter: {}}, {"
                     COMPARE("status_code_filter", "EQ", "405") "}]}", 0));
    ck_assert(holds("or_filter: {filters: [{response_flag_filter: {}}, {"
                    COMPARE("status_code_filter", "EQ", "405") "}]}", 0));
    ck_assert(!holds("or_filter: {filters: [{traceable_filter: {}}, {"
                     COMPARE("status_code_filter", "EQ", "405") "}]}", 0));
}
END_TEST


START_TEST(a_header_of_the_request)
{
    nc_test_headers(&request, &t.pool, "x-a: 1\nx-a: 2\n");
    ck_assert(holds("header_filter: {header: {name: x-a, string_match: {exact: '1,2'}}}", 0));
    ck_assert(!holds("header_filter: {header: {name: x-b, present_match: true}}", 0));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("log_filter");
    TCase    *c = tcase_create("filters");
    SRunner  *r;
    int       failed;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, comparisons_of_status_and_duration);
    tcase_add_test(c, a_request_without_response_has_status_0);
    tcase_add_test(c, a_health_check_is_told_by_the_stream);
    tcase_add_test(c, only_what_is_traced_is_traceable_and_no_health_check);
    tcase_add_test(c, a_share_goes_by_the_id_or_by_chance);
    tcase_add_test(c, each_flag_has_its_name);
    tcase_add_test(c, the_grpc_status_is_looked_for_in_trailers_headers_and_the_http_status);
    tcase_add_test(c, occasions);
    tcase_add_test(c, and_needs_all_or_needs_one);
    tcase_add_test(c, a_header_of_the_request);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
