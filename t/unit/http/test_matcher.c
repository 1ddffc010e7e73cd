/* Conditions on strings, headers and query parameters. */
#include "http/matcher.c"

#include <check.h>

#include "http/http_help.h"

static nc_test_compile_t  t;


static void
setup(void)
{
    nc_test_compile_init(&t);
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


/* True when the header matcher of this YAML holds for these headers. */
static bool
header_holds(const char *yaml, const char *lines)
{
    nc_headers_t                                   h;
    const nc_header_matcher_t                     *m;
    const ProtobufCMessage                        *msg;
    struct Envoy__Config__Route__V3__HeaderMatcher *list[1];

    msg = nc_test_message(&t, &envoy__config__route__v3__header_matcher__descriptor, yaml);
    list[0] = (void *) (uintptr_t) msg;
    ck_assert_int_eq(nc_header_matchers_compile(&t.cc, list, 1, &m), NC_OK);
    nc_test_headers(&h, &t.pool, lines);

    return nc_header_matchers_match(m, 1, &h, &t.pool);
}


typedef struct {
    const char  *matcher;
    const char  *headers;
    bool         holds;
} row_t;


START_TEST(header_matchers)
{
    static const row_t  rows[] = {
        { "{name: X-A}", "x-a: 1\n", true },
        { "{name: x-a}", "x-b: 1\n", false },
        { "{name: x-a, invert_match: true}", "x-b: 1\n", true },
        { "{name: x-a, invert_match: true}", "x-a: 1\n", false },
        { "{name: x-a, present_match: true}", "x-a:\n", true },
        { "{name: x-a, present_match: false}", "x-a: 1\n", false },
        { "{name: x-a, present_match: false}", "x-b: 1\n", true },
        { "{name: x-a, present_match: false, invert_match: true}", "x-b: 1\n", false },
        { "{name: x-a, present_match: true, treat_missing_header_as_empty: true}", "", true },
        { "{name: x-a, exact_match: v}", "x-a: v\n", true },
        { "{name: x-a, exact_match: v}", "x-a: V\n", false },
        { "{name: x-a, exact_match: v, invert_match: true}", "x-a: w\n", true },
        { "{name: x-a, exact_match: v, invert_match: true}", "", false },
        { "{name: x-a, exact_match: v, invert_match: true, treat_missing_header_as_empty: true}",
          "", true },
        { "{name: x-a, exact_match: '', treat_missing_header_as_empty: true}", "", true },
        { "{name: x-a, prefix_match: ab}", "x-a: abc\n", true },
        { "{name: x-a, suffix_match: bc}", "x-a: abc\n", true },
        { "{name: x-a, contains_match: b}", "x-a: abc\n", true },
        { "{name: x-a, contains_match: d}", "x-a: abc\n", false },
        { "{name: x-a, safe_regex_match: {regex: '[a-c]+'}}", "x-a: abc\n", true },
        { "{name: x-a, safe_regex_match: {regex: '[a-b]+'}}", "x-a: abc\n", false },
        { "{name: x-a, range_match: {start: -10, end: 0}}", "x-a: -1\n", true },
        { "{name: x-a, range_match: {start: -10, end: 0}}", "x-a: -10\n", true },
        { "{name: x-a, range_match: {start: -10, end: 0}}", "x-a: 0\n", false },
        { "{name: x-a, range_match: {start: -10, end: 0}}", "x-a: -1somestring\n", false },
        { "{name: x-a, range_match: {start: -10, end: 0}, invert_match: true}", "x-a: 5\n", true },
        { "{name: x-a, string_match: {exact: V, ignore_case: true}}", "x-a: v\n", true },
        { "{name: x-a, string_match: {prefix: AB, ignore_case: true}}", "x-a: abc\n", true },
        { "{name: x-a, string_match: {suffix: BC, ignore_case: true}}", "x-a: abc\n", true },
        { "{name: x-a, string_match: {contains: bC, ignore_case: true}}", "x-a: ABCD\n", true },
        { "{name: x-a, string_match: {contains: bd, ignore_case: true}}", "x-a: ABCD\n", false },
        { "{name: x-a, string_match: {safe_regex: {regex: 'a.*'}}}", "x-a: abc\n", true },
        { "{name: x-a, exact_match: '1,2'}", "x-a: 1\nx-a: 2\n", true },
        { "{name: x-a, exact_match: '1'}", "x-a: 1\nx-a: 2\n", false },
        { "{name: host, exact_match: h}", ":authority: h\n", true },
        { "{name: ':method', exact_match: GET}", ":method: GET\n", true }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        ck_assert_msg(header_holds(rows[i].matcher, rows[i].headers) == rows[i].holds, "%s on %s",
            rows[i].matcher, rows[i].headers);
        nc_test_compile_fini(&t);
        nc_test_compile_init(&t);
    }
}
END_TEST


START_TEST(a_regex_at_its_limit_matches_neither_way)
{
    char  line[128] = "x-a: ";

    memset(line + 5, 'a', 60);
    strcpy(line + 65, "c\n");

    ck_assert(!header_holds("{name: x-a, safe_regex_match: {regex: '(a+)+[bd]'}}", line));
    ck_assert(!header_holds("{name: x-a, safe_regex_match: {regex: '(a+)+[bd]'}, "
        "invert_match: true}", line));
}
END_TEST


START_TEST(a_wrong_regex_is_an_error_with_its_place)
{
    const nc_header_matcher_t                      *m;
    struct Envoy__Config__Route__V3__HeaderMatcher *list[1];

    list[0] = (void *) (uintptr_t) nc_test_message(&t,
        &envoy__config__route__v3__header_matcher__descriptor,
        "{name: x-a, safe_regex_match: {regex: 'a('}}");

    ck_assert_int_eq(nc_header_matchers_compile(&t.cc, list, 1, &m), NC_ERROR);
    ck_assert_str_eq(nc_test_errors(&t), "regex: not a regular expression: missing closing "
        "parenthesis at offset 2 of 'a('\n");
}
END_TEST


START_TEST(query_matchers)
{
    static const row_t  rows[] = {
        { "{name: a, string_match: {exact: '1'}}", "/p?a=1", true },
        { "{name: a, string_match: {exact: '1'}}", "/p?b=1&a=1&a=2", true },
        { "{name: a, string_match: {exact: '2'}}", "/p?a=1&a=2", false },
        { "{name: a, string_match: {exact: ''}}", "/p?a", true },
        { "{name: a, string_match: {exact: ''}}", "/p?a=", true },
        { "{name: a, string_match: {exact: ''}}", "/p", false },
        { "{name: a, string_match: {exact: 'x=y'}}", "/p?a=x=y", true },
        { "{name: a, present_match: true}", "/p?a", true },
        { "{name: a, present_match: true}", "/p?ab", false },
        { "{name: a, present_match: false}", "/p?ab", true },
        { "{name: a, present_match: false}", "/p?a=3", false },
        { "{name: a}", "/p?x&a=3", true },
        { "{name: a}", "/p?x&a%20=3", false },
        { "{name: a}", "/a=3", false }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        const nc_query_matcher_t                               *m;
        struct Envoy__Config__Route__V3__QueryParameterMatcher  *list[1];

        list[0] = (void *) (uintptr_t) nc_test_message(&t,
            &envoy__config__route__v3__query_parameter_matcher__descriptor, rows[i].matcher);
        ck_assert_int_eq(nc_query_matchers_compile(&t.cc, list, 1, &m), NC_OK);
        ck_assert_msg(nc_query_matchers_match(m, 1, nc_str_c(rows[i].headers)) == rows[i].holds,
            "%s on %s", rows[i].matcher, rows[i].headers);
    }
}
END_TEST


START_TEST(a_fraction_is_of_the_random_number)
{
    nc_fraction_t  f;

    nc_fraction_compile(&t.cc, (const void *) nc_test_message(&t,
        &envoy__config__core__v3__runtime_fractional_percent__descriptor,
        "{default_value: {numerator: 25, denominator: TEN_THOUSAND}, runtime_key: k}"), &f);

    ck_assert(nc_fraction_holds(&f, 24));
    ck_assert(!nc_fraction_holds(&f, 25));
    ck_assert(nc_fraction_holds(&f, 10003));
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("matcher");
    TCase    *c = tcase_create("matcher");
    SRunner  *r;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, header_matchers);
    tcase_add_test(c, a_regex_at_its_limit_matches_neither_way);
    tcase_add_test(c, a_wrong_regex_is_an_error_with_its_place);
    tcase_add_test(c, query_matchers);
    tcase_add_test(c, a_fraction_is_of_the_random_number);
    suite_add_tcase(s, c);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
