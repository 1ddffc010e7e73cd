/* The rarer conditions of routes, each alone, and what of them a request without them meets. */
#include "http/route_match.c"

#include <check.h>

#include "envoy/config/route/v3/route.pb-c.h"
#include "http/dynamic_metadata.h"
#include "http/filter_state.h"
#include "http/http_help.h"

static nc_test_compile_t  t;
static nc_http_info_t     info;
static nc_headers_t       headers;
static nc_route_match_t   match;


static void
setup(void)
{
    nc_test_compile_init(&t);
    info = (nc_http_info_t) { .status = 0 };
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


static const nc_route_config_t *
try_compile(const char *yaml)
{
    return nc_route_config_compile(&t.cc, (const void *) nc_test_message(&t,
        &envoy__config__route__v3__route_configuration__descriptor, yaml));
}


static const nc_route_config_t *
compile(const char *yaml)
{
    const nc_route_config_t  *rc = try_compile(yaml);

    ck_assert_msg(rc != NULL, "%s\nin %s", nc_test_errors(&t), yaml);

    return rc;
}


/* Name of the route that a request takes; "" for none. */
static const char *
route_of(const nc_route_config_t *rc, const char *lines)
{
    nc_route_match_t    slow;
    nc_route_request_t  rq = { &headers, 17, false, &t.pool, &info };

    nc_test_headers(&headers, &t.pool, lines);

    if (nc_route_find(rc, &rq, &match) != NC_OK) {
        return "";
    }

    ck_assert_int_eq(nc_route_find_slowly(rc, &rq, &slow), NC_OK);
    ck_assert_ptr_eq(slow.route, match.route);

    return match.route->name.data;
}


/* A table with one condition, `n` routes that never match before it, and one for the rest. */
static const nc_route_config_t *
one(const char *condition)
{
    char  yaml[4096];

    snprintf(yaml, sizeof(yaml), "virtual_hosts: [{name: v, domains: ['*'], routes: ["
        "{match: {path: /1}, route: {cluster: c}}, {match: {path: /2}, route: {cluster: c}},"
        "{match: {path: /3}, route: {cluster: c}}, {match: {path: /4}, route: {cluster: c}},"
        "{name: yes, match: {prefix: /, %s}, route: {cluster: c}},"
        "{name: no, match: {prefix: /}, route: {cluster: c}}]}]", condition);

    return compile(yaml);
}

#define REQUEST     ":authority: h\n:path: /x\n"


START_TEST(cookies)
{
    static const struct { const char *condition, *lines, *want; }  rows[] = {
        { "{name: a, string_match: {exact: '1'}}", "cookie: a=1\n", "yes" },
        { "{name: a, string_match: {exact: '1'}}", "cookie: b=2; a=1; c\n", "yes" },
        { "{name: a, string_match: {exact: '1'}}", "cookie: b=1\ncookie: a=\"1\"\n", "yes" },
        { "{name: a, string_match: {exact: '1'}}", "cookie: a=2; a=1\n", "no" },
        { "{name: a, string_match: {exact: '1'}}", "", "no" },
        { "{name: a, string_match: {prefix: '1'}, invert_match: true}", "cookie: a=12\n", "no" },
        { "{name: a, string_match: {prefix: '1'}, invert_match: true}", "cookie: a=2\n", "yes" },
        { "{name: a, string_match: {prefix: '1'}, invert_match: true}", "", "yes" },
        { "{name: a, string_match: {exact: '1'}}, {name: b, string_match: {exact: '2'}}",
          "cookie: a=1\n", "no" },
        { "{name: a, string_match: {exact: '1'}}, {name: b, string_match: {exact: '2'}}",
          "cookie: a=1;b=2\n", "yes" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char  condition[512], lines[256];

        snprintf(condition, sizeof(condition), "cookies: [%s]", rows[i].condition);
        snprintf(lines, sizeof(lines), REQUEST "%s", rows[i].lines);
        ck_assert_msg(strcmp(route_of(one(condition), lines), rows[i].want) == 0, "%s with %s",
            rows[i].condition, rows[i].lines);
        teardown();
        setup();
    }
}
END_TEST


START_TEST(grpc)
{
    const nc_route_config_t  *rc = one("grpc: {}");

    ck_assert_str_eq(route_of(rc, REQUEST "content-type: application/grpc\n"), "yes");
    ck_assert_str_eq(route_of(rc, REQUEST "content-type: application/grpc+proto\n"), "yes");
    ck_assert_str_eq(route_of(rc, REQUEST "content-type: application/grpc-web\n"), "no");
    ck_assert_str_eq(route_of(rc, REQUEST), "no");
}
END_TEST


START_TEST(dynamic_metadata)
{
    nc_value_t                yes = { .kind = NC_VALUE_STRING, .string = NC_STR_INIT("gold") };
    nc_value_t                no = { .kind = NC_VALUE_STRING, .string = NC_STR_INIT("tin") };
    const nc_route_config_t  *rc = one("dynamic_metadata: [{filter: ns, path: [{key: tier}], "
        "value: {string_match: {exact: gold}}}]");
    const nc_route_config_t  *inverted = one("dynamic_metadata: [{filter: ns, path: [{key: tier}],"
        " invert: true, value: {string_match: {exact: gold}}}]");

    ck_assert_str_eq(route_of(rc, REQUEST), "no");
    ck_assert_str_eq(route_of(inverted, REQUEST), "yes");
    nc_dynamic_metadata_set(&info, &t.pool, NC_STR("ns"), NC_STR("tier"), &yes);
    ck_assert_str_eq(route_of(rc, REQUEST), "yes");
    ck_assert_str_eq(route_of(inverted, REQUEST), "no");
    nc_dynamic_metadata_set(&info, &t.pool, NC_STR("ns"), NC_STR("tier"), &no);
    ck_assert_str_eq(route_of(rc, REQUEST), "no");
}
END_TEST


START_TEST(filter_state)
{
    const nc_route_config_t  *by_text = one("filter_state: [{key: k, string_match: {prefix: a}}]");
    const nc_route_config_t  *by_address = one("filter_state: [{key: k, address_match: {ranges: "
        "[{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: '::1', prefix_len: 128}]}}]");
    const nc_route_config_t  *outside = one("filter_state: [{key: k, address_match: {ranges: "
        "[{address_prefix: 10.0.0.0, prefix_len: 8}], invert_match: true}}]");

    ck_assert_str_eq(route_of(by_text, REQUEST), "no");
    ck_assert_str_eq(route_of(outside, REQUEST), "no");
    ck_assert_int_eq(nc_filter_state_set(&info, &t.pool, NC_STR("k"), NC_STR("ab"), false), NC_OK);
    ck_assert_str_eq(route_of(by_text, REQUEST), "yes");
    ck_assert_str_eq(route_of(by_address, REQUEST), "no");
    nc_filter_state_set(&info, &t.pool, NC_STR("k"), NC_STR("10.1.2.3"), false);
    ck_assert_str_eq(route_of(by_text, REQUEST), "no");
    ck_assert_str_eq(route_of(by_address, REQUEST), "yes");
    ck_assert_str_eq(route_of(outside, REQUEST), "no");
    nc_filter_state_set(&info, &t.pool, NC_STR("k"), NC_STR("11.1.2.3"), true);
    ck_assert_str_eq(route_of(outside, REQUEST), "yes");
    ck_assert_int_eq(nc_filter_state_set(&info, &t.pool, NC_STR("k"), NC_STR("x"), false),
        NC_DECLINED);
    ck_assert_str_eq(route_of(outside, REQUEST), "yes");
}
END_TEST


START_TEST(without_tls_nothing_was_presented)
{
    ck_assert_str_eq(route_of(one("tls_context: {presented: true}"), REQUEST), "no");
    ck_assert_str_eq(route_of(one("tls_context: {presented: false}"), REQUEST), "yes");
    ck_assert_str_eq(route_of(one("tls_context: {validated: true}"), REQUEST), "no");
    ck_assert_str_eq(route_of(one("tls_context: {validated: false}"), REQUEST), "yes");
    ck_assert_str_eq(route_of(one("tls_context: {}"), REQUEST), "yes");
}
END_TEST


#define TEMPLATE  \
    "path_match_policy: {name: t, typed_config: {'@type': type.googleapis.com/"  \
    "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: '%s'}}"
#define REWRITE  \
    "path_rewrite_policy: {name: r, typed_config: {'@type': type.googleapis.com/"  \
    "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, "  \
    "path_template_rewrite: '%s'}}"

static const char *
with_template(const char *template, const char *rewrite)
{
    static char  yaml[2048];

    snprintf(yaml, sizeof(yaml), "virtual_hosts: [{name: v, domains: ['*'], routes: ["
        "{name: a, match: {" TEMPLATE "}, route: {cluster: c, " REWRITE "}},"
        "{name: b, match: {prefix: /}, route: {cluster: c}}]}]", template, rewrite);

    return yaml;
}


START_TEST(templates_match_and_rewrite_paths)
{
    const nc_route_config_t  *rc = compile(with_template("/users/{id}/{rest=**}", "/{rest}/{id}"));

    ck_assert_str_eq(route_of(rc, ":authority: h\n:path: /users/7/a/b?q=1\n"), "a");
    ck_assert_int_eq(nc_route_rewrite_request(&match, &headers, &t.pool, false), NC_OK);
    ck_assert(nc_str_eq(nc_headers_value(&headers, NC_H_PATH), NC_STR("/a/b/7?q=1")));
    ck_assert_str_eq(route_of(rc, ":authority: h\n:path: /users/7\n"), "b");
}
END_TEST


START_TEST(wrong_templates_are_named)
{
    ck_assert_ptr_null(try_compile(with_template("/users/{id", "/x")));
    ck_assert_ptr_nonnull(strstr(nc_test_errors(&t), "'/users/{id' is no template"));
    ck_assert_ptr_null(try_compile(with_template("/users/{id}", "/{name}")));
    ck_assert_ptr_nonnull(strstr(nc_test_errors(&t), "a variable is not in the path_template"));
    ck_assert_ptr_null(try_compile("virtual_hosts: [{name: v, domains: ['*'], routes: [{match: "
        "{prefix: /}, route: {cluster: c, path_rewrite_policy: {name: r, typed_config: {'@type': "
        "type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3."
        "UriTemplateRewriteConfig, path_template_rewrite: /x}}}}]}]"));
    ck_assert_ptr_nonnull(strstr(nc_test_errors(&t), "needs a path_match_policy"));
}
END_TEST


START_TEST(path_parameters_are_ignored_when_told)
{
    static const char *const  table = "virtual_hosts: [{name: v, domains: ['*'], routes: ["
        "{name: exact, match: {path: /a}, route: {cluster: c}},"
        "{name: regex, match: {safe_regex: {regex: '/b+'}}, route: {cluster: c}},"
        "{name: rest, match: {prefix: /}, route: {cluster: c}}]}]";
    char                      yaml[1024];
    const nc_route_config_t  *rc;

    rc = compile(table);
    ck_assert_str_eq(route_of(rc, ":authority: h\n:path: /a;v=1?q\n"), "rest");
    snprintf(yaml, sizeof(yaml), "ignore_path_parameters_in_path_matching: true\n%s", table);
    rc = compile(yaml);
    ck_assert_str_eq(route_of(rc, ":authority: h\n:path: /a;v=1?q\n"), "exact");
    ck_assert_str_eq(route_of(rc, ":authority: h\n:path: /bb;v=1\n"), "regex");
}
END_TEST


START_TEST(a_header_can_choose_the_virtual_host)
{
    const nc_route_config_t  *rc = compile("vhost_header: X-Host\n"
        "virtual_hosts: [{name: a, domains: [a], routes: [{name: ra, match: {prefix: /}, "
        "route: {cluster: c}}]}, {name: b, domains: [b], routes: [{name: rb, match: {prefix: /}, "
        "route: {cluster: c}}]}]");

    ck_assert_str_eq(route_of(rc, ":authority: a\n:path: /\nx-host: b\n"), "rb");
    ck_assert_str_eq(route_of(rc, ":authority: a\n:path: /\n"), "");
}
END_TEST


START_TEST(weights_can_go_by_the_hash)
{
    char                      first[32] = "";
    const nc_route_config_t  *rc = compile("virtual_hosts: [{name: v, domains: ['*'], routes: ["
        "{match: {prefix: /}, route: {hash_policy: [{header: {header_name: x-user}}], "
        "weighted_clusters: {use_hash_policy: true, clusters: [{name: a, weight: 50}, "
        "{name: b, weight: 50}]}}}]}]");
    unsigned                  seen_a = 0;

    for (unsigned user = 0; user < 64; user++) {
        char                lines[128];
        nc_route_request_t  rq = { &headers, user, false, &t.pool, &info };

        snprintf(lines, sizeof(lines), REQUEST "x-user: u%u\n", user);
        nc_test_headers(&headers, &t.pool, lines);
        nc_route_find(rc, &rq, &match);
        snprintf(first, sizeof(first), "%.*s", (int) match.cluster.len, match.cluster.data);
        seen_a += first[0] == 'a';

        for (rq.random = 0; rq.random < 8; rq.random++) {
            nc_route_find(rc, &rq, &match);
            ck_assert_int_eq(match.cluster.data[0], first[0]);
        }
    }

    ck_assert_uint_gt(seen_a, 8);
    ck_assert_uint_lt(seen_a, 56);
}
END_TEST


START_TEST(bodies_of_direct_responses_are_formatted)
{
    nc_str_t                  type, body;
    nc_http_view_t            view = { .info = &info, .request = &headers };
    const nc_route_config_t  *rc = compile("virtual_hosts: [{name: v, domains: ['*'], routes: ["
        "{match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}, "
        "body_format: {text_format: '%RESPONSE_CODE% %LOCAL_REPLY_BODY% %REQ(:PATH)%', "
        "content_type: text/html}}}]}]");

    route_of(rc, REQUEST);
    body = nc_route_direct_body(&match, &view, &t.pool, &type);
    ck_assert(nc_str_eq(body, NC_STR("418 tea /x")));
    ck_assert(nc_str_eq(type, NC_STR("text/html")));
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("route_match");
    TCase    *c = tcase_create("all");
    SRunner  *r = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, cookies);
    tcase_add_test(c, grpc);
    tcase_add_test(c, dynamic_metadata);
    tcase_add_test(c, filter_state);
    tcase_add_test(c, without_tls_nothing_was_presented);
    tcase_add_test(c, templates_match_and_rewrite_paths);
    tcase_add_test(c, wrong_templates_are_named);
    tcase_add_test(c, path_parameters_are_ignored_when_told);
    tcase_add_test(c, a_header_can_choose_the_virtual_host);
    tcase_add_test(c, weights_can_go_by_the_hash);
    tcase_add_test(c, bodies_of_direct_responses_are_formatted);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
