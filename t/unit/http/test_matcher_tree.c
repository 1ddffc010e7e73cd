/* Trees of conditions as VirtualHost.matcher uses them: lists, maps, ranges, names, inputs. */
#include "http/matcher_tree.c"

#include <check.h>

#include "envoy/config/route/v3/route.pb-c.h"
#include "http/dynamic_metadata.h"
#include "http/filter_state.h"
#include "http/http_help.h"
#include "http/route.h"

static nc_test_compile_t  t;
static nc_conn_info_t     conn;
static nc_http_info_t     info;


static void
setup(void)
{
    nc_test_compile_init(&t);
    conn = (nc_conn_info_t) { .id = 1 };
    info = (nc_http_info_t) { .conn = &conn };
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


/* Short forms: @name stands for an action that leads to a route of this name, and so on. */
#define TYPE(type)      "'@type': type.googleapis.com/" type
#define R(name)  \
    "{action: {name: a, typed_config: {" TYPE("envoy.config.route.v3.Route") ", name: " name  \
    ", match: {prefix: /}, route: {cluster: c}}}}"
#define KEEP(name)  \
    "{keep_matching: true, action: {name: a, typed_config: {"  \
    TYPE("envoy.config.route.v3.Route") ", name: " name ", match: {prefix: /}, route: "  \
    "{cluster: c}}}}"
#define IN(type, fields)  "input: {name: i, typed_config: {" TYPE(type) fields "}}"
#define HEADER_IN(name)  \
    IN("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", ", header_name: " name)
#define NET(name)   "envoy.extensions.matching.common_inputs.network.v3." name

static const nc_route_config_t *
try_compile(const char *matcher)
{
    char  yaml[8192];

    snprintf(yaml, sizeof(yaml), "virtual_hosts: [{name: v, domains: ['*'], matcher: {%s}}]",
        matcher);

    return nc_route_config_compile(&t.cc, (const void *) nc_test_message(&t,
        &envoy__config__route__v3__route_configuration__descriptor, yaml));
}


static const nc_route_config_t *
table(const char *matcher)
{
    const nc_route_config_t  *rc = try_compile(matcher);

    ck_assert_msg(rc != NULL, "%s\nin %s", nc_test_errors(&t), matcher);

    return rc;
}


/* Name of the route; "" for none. */
static const char *
route_of(const nc_route_config_t *rc, const char *lines)
{
    char                text[512];
    nc_headers_t        h;
    nc_route_match_t    m;
    nc_route_request_t  rq = { &h, 17, false, &t.pool, &info };

    snprintf(text, sizeof(text), ":authority: h\n:path: /x?p=%%41&q=2\n%s", lines);
    nc_test_headers(&h, &t.pool, text);

    return nc_route_find(rc, &rq, &m) == NC_OK ? m.route->name.data : "";
}


static void
set_peer(nc_peer_t *p, const char *ip, uint16_t port)
{
    nc_addr_t  a;

    ck_assert_int_eq(nc_addr_parse_ip(&a, nc_str_c(ip), port), NC_OK);
    nc_peer_from(p, &a.sa, a.len);
}


#define SINGLE_ON(header, condition)  \
    "single_predicate: {" HEADER_IN(header) ", value_match: {" condition "}}"

START_TEST(lists_take_the_first_that_holds)
{
    const nc_route_config_t  *rc = table("matcher_list: {matchers: ["
        "{predicate: {" SINGLE_ON("x-a", "exact: '1'") "}, on_match: " R("one") "},"
        "{predicate: {" SINGLE_ON("x-a", "prefix: '1'") "}, on_match: " R("prefix") "},"
        "{predicate: {" SINGLE_ON("x-a", "suffix: '2'") "}, on_match: " R("suffix") "},"
        "{predicate: {" SINGLE_ON("x-a", "contains: MID, ignore_case: true") "}, on_match: "
            R("contains") "},"
        "{predicate: {" SINGLE_ON("x-a", "safe_regex: {google_re2: {}, regex: '[a-c]+'}") "}, "
            "on_match: " R("regex") "}"
        "]}, on_no_match: " R("none"));

    ck_assert_str_eq(route_of(rc, "x-a: 1\n"), "one");
    ck_assert_str_eq(route_of(rc, "x-a: 12\n"), "prefix");
    ck_assert_str_eq(route_of(rc, "x-a: 32\n"), "suffix");
    ck_assert_str_eq(route_of(rc, "x-a: xmidx\n"), "contains");
    ck_assert_str_eq(route_of(rc, "x-a: abc\n"), "regex");
    ck_assert_str_eq(route_of(rc, "x-a: abcd\n"), "none");
    ck_assert_str_eq(route_of(rc, ""), "none");
}
END_TEST


START_TEST(predicates_combine)
{
    const nc_route_config_t  *rc = table("matcher_list: {matchers: ["
        "{predicate: {and_matcher: {predicate: [{" SINGLE_ON("x-a", "exact: '1'") "}, {"
            SINGLE_ON("x-b", "exact: '2'") "}]}}, on_match: " R("both") "},"
        "{predicate: {or_matcher: {predicate: [{" SINGLE_ON("x-a", "exact: '3'") "}, {"
            SINGLE_ON("x-b", "exact: '4'") "}]}}, on_match: " R("either") "},"
        "{predicate: {not_matcher: {" SINGLE_ON("x-c", "exact: '5'") "}}, on_match: "
            R("not") "}]}");

    ck_assert_str_eq(route_of(rc, "x-a: 1\nx-b: 2\nx-c: 5\n"), "both");
    ck_assert_str_eq(route_of(rc, "x-a: 1\nx-c: 5\n"), "");
    ck_assert_str_eq(route_of(rc, "x-a: 3\nx-c: 5\n"), "either");
    ck_assert_str_eq(route_of(rc, "x-b: 4\nx-c: 5\n"), "either");
    ck_assert_str_eq(route_of(rc, "x-a: 1\n"), "not");
}
END_TEST


START_TEST(maps_are_exact_or_take_the_longest_prefix)
{
    const nc_route_config_t  *exact = table("matcher_tree: {" HEADER_IN("x-a")
        ", exact_match_map: {map: {one: " R("one") ", two: " R("two") "}}}, on_no_match: "
        R("none"));
    const nc_route_config_t  *prefix = table("matcher_tree: {" HEADER_IN("x-a")
        ", prefix_match_map: {map: {a: " R("a") ", abc: " R("abc") ", '': " R("empty") "}}}");

    ck_assert_str_eq(route_of(exact, "x-a: one\n"), "one");
    ck_assert_str_eq(route_of(exact, "x-a: two\n"), "two");
    ck_assert_str_eq(route_of(exact, "x-a: on\n"), "none");
    ck_assert_str_eq(route_of(exact, ""), "none");
    ck_assert_str_eq(route_of(prefix, "x-a: abcd\n"), "abc");
    ck_assert_str_eq(route_of(prefix, "x-a: abd\n"), "a");
    ck_assert_str_eq(route_of(prefix, "x-a: b\n"), "empty");
    ck_assert_str_eq(route_of(prefix, ""), "");
}
END_TEST


START_TEST(a_nested_tree_without_result_lets_its_parent_go_on)
{
    const nc_route_config_t  *rc = table("matcher_tree: {" HEADER_IN("x-a")
        ", prefix_match_map: {map: {abc: {matcher: {matcher_tree: {" HEADER_IN("x-b")
        ", exact_match_map: {map: {'1': " R("inner") "}}}}}, a: " R("shorter") "}}}");

    ck_assert_str_eq(route_of(rc, "x-a: abc\nx-b: 1\n"), "inner");
    ck_assert_str_eq(route_of(rc, "x-a: abc\nx-b: 2\n"), "shorter");
}
END_TEST


START_TEST(keep_matching_goes_on)
{
    const nc_route_config_t  *rc = table("matcher_list: {matchers: ["
        "{predicate: {" SINGLE_ON("x-a", "exact: '1'") "}, on_match: " KEEP("kept") "},"
        "{predicate: {" SINGLE_ON("x-b", "exact: '1'") "}, on_match: " R("next") "}]}, "
        "on_no_match: " R("none"));

    ck_assert_str_eq(route_of(rc, "x-a: 1\nx-b: 1\n"), "next");
    ck_assert_str_eq(route_of(rc, "x-a: 1\n"), "none");
}
END_TEST


START_TEST(ranges_take_the_longest)
{
    const nc_route_config_t  *rc = table("matcher_tree: {" IN(NET("SourceIPInput"), "")
        ", custom_match: {name: ip, typed_config: {" TYPE("xds.type.matcher.v3.IPMatcher")
        ", range_matchers: ["
        "{ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}], on_match: " R("eight") "},"
        "{ranges: [{address_prefix: 10.1.0.0, prefix_len: 16}], on_match: {matcher: "
            "{matcher_tree: {" HEADER_IN("x-b") ", exact_match_map: {map: {'1': " R("sixteen")
            "}}}}}},"
        "{exclusive: true, ranges: [{address_prefix: 10.2.0.0, prefix_len: 15}], on_match: "
            "{matcher: {matcher_tree: {" HEADER_IN("x-b") ", exact_match_map: {map: {'1': "
            R("exclusive") "}}}}}},"
        "{ranges: [{address_prefix: '2001:db8::', prefix_len: 32}], on_match: " R("six") "},"
        "{ranges: [{address_prefix: 0.0.0.0}], on_match: " R("any4") "}]}}}, on_no_match: "
        R("none"));
    static const struct { const char *ip, *lines, *want; }  rows[] = {
        { "10.9.9.9", "", "eight" }, { "10.1.2.3", "x-b: 1\n", "sixteen" },
        { "10.1.2.3", "", "eight" }, { "10.3.2.1", "x-b: 1\n", "exclusive" },
        { "10.3.2.1", "", "none" }, { "2001:db8:1::1", "", "six" }, { "2001:db9::1", "", "none" },
        { "11.0.0.1", "", "any4" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        set_peer(&info.remote, rows[i].ip, 1);
        ck_assert_msg(strcmp(route_of(rc, rows[i].lines), rows[i].want) == 0, "%s %s: %s",
            rows[i].ip, rows[i].lines, route_of(rc, rows[i].lines));
    }
}
END_TEST


START_TEST(names_of_servers_take_the_most_specific)
{
    const nc_route_config_t  *rc = table("matcher_tree: {" IN(NET("ServerNameInput"), "")
        ", custom_match: {name: d, typed_config: {" TYPE("xds.type.matcher.v3.ServerNameMatcher")
        ", domain_matchers: [{domains: ['*'], on_match: " R("any") "},"
        "{domains: ['*.a.com', b.com], on_match: " R("wild") "},"
        "{domains: [www.a.com], on_match: " R("exact") "}]}}}, on_no_match: " R("none"));

    ck_assert_str_eq(route_of(rc, ""), "none");
    conn.requested_server_name = NC_STR("WWW.a.com");
    ck_assert_str_eq(route_of(rc, ""), "exact");
    conn.requested_server_name = NC_STR("x.y.a.com");
    ck_assert_str_eq(route_of(rc, ""), "wild");
    conn.requested_server_name = NC_STR("b.com");
    ck_assert_str_eq(route_of(rc, ""), "wild");
    conn.requested_server_name = NC_STR("a.com");
    ck_assert_str_eq(route_of(rc, ""), "any");
}
END_TEST


/* The value that an input gives, found by a map that has it. */
static void
check_input(const char *input, const char *value)
{
    char                      matcher[2048];
    const nc_route_config_t  *rc;

    snprintf(matcher, sizeof(matcher), "matcher_tree: {%s, exact_match_map: {map: {'%s': "
        R("yes") "}}}, on_no_match: " R("no"), input, value);
    rc = table(matcher);
    ck_assert_msg(strcmp(route_of(rc, "x-a: 1\nx-a: 2\n"), "yes") == 0, "%s is not '%s'", input,
        value);
    teardown();
    nc_test_compile_init(&t);
}


START_TEST(inputs_give_their_values)
{
    nc_value_t  v = { .kind = NC_VALUE_STRING, .string = NC_STR_INIT("mv") };
    nc_pool_t   pool;

    nc_pool_init(&pool, &nc_pool_heap);
    set_peer(&conn.local, "127.0.0.1", 8080);
    set_peer(&conn.remote, "127.0.0.9", 99);
    set_peer(&conn.direct_remote, "10.0.0.3", 99);
    set_peer(&info.remote, "10.0.0.4", 4321);
    conn.requested_server_name = NC_STR("sni.example");
    setenv("NC_TEST_INPUT", "from-env", 1);
    nc_filter_state_set(&info, &pool, NC_STR("sk"), NC_STR("sv"), false);
    nc_dynamic_metadata_set(&info, &pool, NC_STR("f"), NC_STR("k"), &v);

    check_input(HEADER_IN("X-A"), "1,2");
    check_input(HEADER_IN("host"), "h");
    check_input(IN("envoy.type.matcher.v3.HttpRequestQueryParamMatchInput", ", query_param: p"),
        "A");
    check_input(IN(NET("DestinationIPInput"), ""), "127.0.0.1");
    check_input(IN(NET("DestinationPortInput"), ""), "8080");
    check_input(IN(NET("SourceIPInput"), ""), "10.0.0.4");
    check_input(IN(NET("SourcePortInput"), ""), "4321");
    check_input(IN(NET("DirectSourceIPInput"), ""), "10.0.0.3");
    check_input(IN(NET("SourceTypeInput"), ""), "local");
    check_input(IN(NET("ServerNameInput"), ""), "sni.example");
    check_input(IN(NET("TransportProtocolInput"), ""), "raw_buffer");
    check_input(IN(NET("FilterStateInput"), ", key: sk"), "sv");
    check_input(IN(NET("DynamicMetadataInput"), ", filter: f, path: [{key: k}]"), "mv");
    check_input(IN("envoy.extensions.matching.common_inputs.environment_variable.v3.Config",
        ", name: NC_TEST_INPUT"), "from-env");
    nc_pool_fini(&pool);
}
END_TEST


static const char *
custom(const char *input, const char *config, const char *lines)
{
    char                      matcher[2048];
    const char               *found;

    snprintf(matcher, sizeof(matcher), "matcher_list: {matchers: [{predicate: {single_predicate: "
        "{%s, custom_match: {name: c, typed_config: {'@type': type.googleapis.com/envoy."
        "extensions.matching.input_matchers.%s}}}}, on_match: " R("yes") "}]}, on_no_match: "
        R("no"), input, config);
    found = route_of(table(matcher), lines);
    found = strcmp(found, "yes") == 0 ? "yes" : "no";
    teardown();
    nc_test_compile_init(&t);

    return found;
}


START_TEST(custom_conditions)
{
    static const char *const  source = IN(NET("SourceIPInput"), "");
    static const char *const  meta = IN(NET("DynamicMetadataInput"), ", filter: f, path: "
                                        "[{key: n}]");
    nc_pool_t                 pool;
    nc_value_t                v = { .kind = NC_VALUE_NUMBER, .number = 7 };
    unsigned                  half = 0, hashed = 0;

    nc_pool_init(&pool, &nc_pool_heap);
    set_peer(&info.remote, "10.0.0.4", 1);
    nc_dynamic_metadata_set(&info, &pool, NC_STR("f"), NC_STR("n"), &v);

    ck_assert_str_eq(custom(source, "ip.v3.Ip, stat_prefix: s, cidr_ranges: [{address_prefix: "
        "10.0.0.0, prefix_len: 24}]", ""), "yes");
    ck_assert_str_eq(custom(source, "ip.v3.Ip, stat_prefix: s, cidr_ranges: [{address_prefix: "
        "10.0.1.0, prefix_len: 24}]", ""), "no");
    ck_assert_str_eq(custom(HEADER_IN("x-ip"), "ip.v3.Ip, stat_prefix: s, cidr_ranges: "
        "[{address_prefix: '::1', prefix_len: 128}]", "x-ip: ::1\n"), "yes");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {double_match: {exact: 7}}", ""),
        "yes");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, invert: true, value: {double_match: "
        "{exact: 7}}", ""), "no");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {double_match: {range: {start: 7, "
        "end: 8}}}", ""), "yes");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {or_match: {value_matchers: "
        "[{null_match: {}}, {double_match: {exact: 7}}]}}", ""), "yes");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {string_match: {exact: '7'}}", ""),
        "no");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {present_match: true}", ""), "yes");
    ck_assert_str_eq(custom(meta, "metadata.v3.Metadata, value: {bool_match: true}", ""), "no");

    for (unsigned i = 0; i < 64; i++) {
        char  line[32];

        snprintf(line, sizeof(line), "x-u: %u\n", i);
        half += *custom(HEADER_IN("x-u"), "runtime_fraction.v3.RuntimeFraction, seed: 3, "
            "runtime_fraction: {default_value: {numerator: 50}}", line) == 'y';
        hashed += *custom(HEADER_IN("x-u"), "consistent_hashing.v3.ConsistentHashing, "
            "threshold: 75, modulo: 100, seed: 1", line) == 'y';
    }

    ck_assert(half > 16 && half < 48);
    ck_assert(hashed > 4 && hashed < 30);
    nc_pool_fini(&pool);
}
END_TEST


START_TEST(route_lists_take_the_first_that_matches)
{
    const nc_route_config_t  *rc = table("on_no_match: {action: {name: l, typed_config: {"
        TYPE("envoy.config.route.v3.RouteList") ", routes: ["
        "{name: a, match: {path: /y}, route: {cluster: c}},"
        "{name: b, match: {prefix: /, headers: [{name: x-b}]}, route: {cluster: c}},"
        "{name: c, match: {path: /x}, route: {cluster: c}}]}}}");

    ck_assert_str_eq(route_of(rc, "x-b: 1\n"), "b");
    ck_assert_str_eq(route_of(rc, ""), "c");
}
END_TEST


START_TEST(a_route_whose_match_fails_is_none)
{
    const nc_route_config_t  *rc = table("on_no_match: {action: {name: l, typed_config: {"
        TYPE("envoy.config.route.v3.Route") ", name: a, match: {path: /y}, route: {cluster: c}}}}");

    ck_assert_str_eq(route_of(rc, ""), "");
}
END_TEST


START_TEST(wrong_trees_are_named)
{
    static const struct { const char *matcher, *error; }  rows[] = {
        { "on_no_match: {action: {name: l, typed_config: {"
          TYPE("envoy.type.matcher.v3.HttpRequestHeaderMatchInput") ", header_name: a}}}",
          "RouteList is expected" },
        { "matcher_tree: {" HEADER_IN("a") ", custom_match: {name: l, typed_config: {"
          TYPE("envoy.config.route.v3.RouteList") "}}}", "is no tree" },
        { "matcher_tree: {" HEADER_IN("a") ", custom_match: {name: d, typed_config: {"
          TYPE("xds.type.matcher.v3.ServerNameMatcher") ", domain_matchers: [{domains: [a, a], "
          "on_match: " R("x") "}]}}}", "'a' stands there twice" },
        { "matcher_list: {matchers: [{predicate: {single_predicate: {" HEADER_IN("a")
          ", value_match: {safe_regex: {google_re2: {}, regex: '('}}}}, on_match: " R("x") "}]}",
          "not a regular expression" },
        { "matcher_list: {matchers: [{predicate: {single_predicate: {" HEADER_IN("a")
          ", custom_match: {name: c, typed_config: {" TYPE("envoy.extensions.matching."
          "input_matchers.consistent_hashing.v3.ConsistentHashing")
          ", threshold: 9, modulo: 3}}}}, on_match: " R("x") "}]}", "must not be above modulo" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        const char  *errors;

        ck_assert_ptr_null(try_compile(rows[i].matcher));
        errors = nc_test_errors(&t);
        ck_assert_msg(strstr(errors, rows[i].error) != NULL, "%s", errors);
        teardown();
        setup();
    }
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("matcher_tree");
    TCase    *c = tcase_create("all");
    SRunner  *r = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, lists_take_the_first_that_holds);
    tcase_add_test(c, predicates_combine);
    tcase_add_test(c, maps_are_exact_or_take_the_longest_prefix);
    tcase_add_test(c, a_nested_tree_without_result_lets_its_parent_go_on);
    tcase_add_test(c, keep_matching_goes_on);
    tcase_add_test(c, ranges_take_the_longest);
    tcase_add_test(c, names_of_servers_take_the_most_specific);
    tcase_add_test(c, inputs_give_their_values);
    tcase_add_test(c, custom_conditions);
    tcase_add_test(c, route_lists_take_the_first_that_matches);
    tcase_add_test(c, a_route_whose_match_fails_is_none);
    tcase_add_test(c, wrong_trees_are_named);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
