/*
 * Route tables: virtual hosts, first match, actions, rewrites, redirects, errors. The index is
 * compared with a walk over all routes on random tables; it is built even for the smallest here.
 */
#define SMALL_TABLE     0

#include "http/route_action.c"
#undef CLUSTER
#undef HOST
#undef RANDOM
#undef SCHEME
#include "http/route_compile.c"

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


static const nc_route_config_t *
compile(const char *yaml)
{
    return nc_route_config_compile(&t.cc, (const void *) nc_test_message(&t,
        &envoy__config__route__v3__route_configuration__descriptor, yaml));
}


/* A table of one virtual host for all names. */
#define VHOST(routes)   "virtual_hosts: [{name: v, domains: ['*'], routes: [" routes "]}]"

static const nc_route_config_t *
must_compile(const char *yaml)
{
    const nc_route_config_t  *rc = compile(yaml);

    ck_assert_msg(rc != NULL, "%s\nin %s", nc_test_errors(&t), yaml);

    return rc;
}


typedef struct {
    nc_headers_t      headers;
    nc_route_match_t  match;
    nc_rc_t           rc;
} found_t;

static found_t  f;


static const found_t *
find(const nc_route_config_t *rc, const char *lines, uint64_t random)
{
    nc_route_match_t    slow;
    nc_route_request_t  rq = { &f.headers, random, false, &t.pool, NULL };

    nc_test_headers(&f.headers, &t.pool, lines);
    f.rc = nc_route_find(rc, &rq, &f.match);
    ck_assert_int_eq(nc_route_find_slowly(rc, &rq, &slow), f.rc);
    ck_assert_ptr_eq(slow.route, f.match.route);

    return &f;
}


/* Cluster or name of the route that this path takes; "" for none. */
static const char *
cluster_of(const nc_route_config_t *rc, const char *path)
{
    char  lines[256];

    snprintf(lines, sizeof(lines), ":authority: h\n:path: %s\n", path);
    find(rc, lines, 0);

    return f.rc != NC_OK ? "" : f.match.cluster.data;
}


START_TEST(the_most_specific_domain_wins)
{
    static const struct { const char *host, *vhost; }  rows[] = {
        { "foo.com", "exact" }, { "FOO.com", "exact" }, { "a.foo.com", "suffix" },
        { "b.a.foo.com", "longer" }, { "x-bar.foo.com", "dash" }, { "-bar.foo.com", "suffix" },
        { ".foo.com", "any" }, { "foo.org", "prefix" }, { "foo.", "any" },
        { "foo.x.y", "prefix" }, { "foo.x.org", "longprefix" }, { "other", "any" },
        { "foo.com:80", "prefix" }, { "", "any" }
    };
    const nc_route_config_t  *rc = must_compile(
        "virtual_hosts:\n"
        "- {name: any, domains: ['*']}\n"
        "- {name: prefix, domains: ['foo.*']}\n"
        "- {name: longprefix, domains: ['foo.x.o*']}\n"
        "- {name: suffix, domains: ['*.foo.com']}\n"
        "- {name: longer, domains: ['*.a.foo.com']}\n"
        "- {name: dash, domains: ['*-bar.foo.com']}\n"
        "- {name: exact, domains: ['other.com', 'Foo.com']}\n");

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        const nc_vhost_t  *v = nc_route_vhost(rc, nc_str_c(rows[i].host), &t.pool);

        ck_assert_msg(v != NULL && nc_str_eq(v->name, nc_str_c(rows[i].vhost)),
            "'%s' goes to '%s'", rows[i].host, v ? v->name.data : "none");
    }
}
END_TEST


START_TEST(ports_are_ignored_when_told)
{
    const nc_route_config_t  *rc = must_compile("ignore_port_in_host_matching: true\n"
        "virtual_hosts: [{name: a, domains: [foo.com]}, {name: b, domains: ['[::1]']}]");

    ck_assert_ptr_nonnull(nc_route_vhost(rc, NC_STR("foo.com:8080"), &t.pool));
    ck_assert_ptr_nonnull(nc_route_vhost(rc, NC_STR("foo.com"), &t.pool));
    ck_assert_ptr_nonnull(nc_route_vhost(rc, NC_STR("[::1]:8080"), &t.pool));
    ck_assert_ptr_nonnull(nc_route_vhost(rc, NC_STR("[::1]"), &t.pool));
    ck_assert_ptr_null(nc_route_vhost(rc, NC_STR("foo.com:"), &t.pool));
    ck_assert_ptr_null(nc_route_vhost(rc, NC_STR("bar:80"), &t.pool));
}
END_TEST


START_TEST(no_virtual_host_and_no_route_are_told_apart)
{
    const nc_route_config_t  *rc = must_compile(
        "virtual_hosts: [{name: v, domains: [a], routes: [{match: {path: /x}, route: {cluster: "
        "c}}]}]");

    ck_assert_int_eq(find(rc, ":authority: b\n:path: /x\n", 0)->rc, NC_DECLINED);
    ck_assert_ptr_null(f.match.vhost);
    ck_assert_int_eq(find(rc, ":authority: a\n:path: /y\n", 0)->rc, NC_DECLINED);
    ck_assert_ptr_nonnull(f.match.vhost);
    ck_assert_int_eq(find(rc, ":authority: a\n:path: /x\n", 0)->rc, NC_OK);
    ck_assert_int_eq(find(rc, ":authority: a\n:method: CONNECT\n", 0)->rc, NC_DECLINED);
}
END_TEST


START_TEST(paths_match_in_the_order_of_the_table)
{
    static const struct { const char *path, *cluster; }  rows[] = {
        { "/exact", "exact" }, { "/exact?q", "exact" }, { "/exact/", "root" },
        { "/pre", "root" }, { "/pre/x", "pre" }, { "/pre/x/y", "pre" },
        { "/sep", "sep" }, { "/sep/x", "sep" }, { "/separate", "root" }, { "/sep?x", "sep" },
        { "/re/12", "regex" }, { "/re/12/", "root" }, { "/re/12?/x", "regex" }, { "/re/", "root" },
        { "/CASE/x", "nocase" }, { "/case", "nocase" }, { "/Later", "root" },
        { "/nocaseexact", "nce" }, { "/NoCaseExact", "nce" }
    };
    const nc_route_config_t  *rc = must_compile(VHOST(
        "{match: {path: /exact}, route: {cluster: exact}},"
        "{match: {prefix: /pre/}, route: {cluster: pre}},"
        "{match: {prefix: /pre/x/}, route: {cluster: shadowed}},"
        "{match: {path_separated_prefix: /sep}, route: {cluster: sep}},"
        "{match: {safe_regex: {regex: '/re/\\d+'}}, route: {cluster: regex}},"
        "{match: {prefix: /case, case_sensitive: false}, route: {cluster: nocase}},"
        "{match: {path: /NOCASEEXACT, case_sensitive: false}, route: {cluster: nce}},"
        "{match: {prefix: /}, route: {cluster: root}},"
        "{match: {path: /Later}, route: {cluster: never}}"));

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        ck_assert_str_eq(cluster_of(rc, rows[i].path), rows[i].cluster);
    }
}
END_TEST


START_TEST(other_conditions_must_hold_too)
{
    const nc_route_config_t  *rc = must_compile(VHOST(
        "{match: {prefix: /, headers: [{name: x-a, exact_match: '1'}]}, route: {cluster: h}},"
        "{match: {prefix: /, query_parameters: [{name: q, present_match: true}]}, "
        "route: {cluster: q}},"
        "{match: {prefix: /, runtime_fraction: {default_value: {numerator: 30}}}, "
        "route: {cluster: f}},"
        "{match: {prefix: /}, route: {cluster: rest}}"));

    find(rc, ":authority: h\n:path: /\nx-a: 1\n", 99);
    ck_assert_str_eq(f.match.cluster.data, "h");
    find(rc, ":authority: h\n:path: /?q\nx-a: 2\n", 99);
    ck_assert_str_eq(f.match.cluster.data, "q");
    find(rc, ":authority: h\n:path: /\n", 129);
    ck_assert_str_eq(f.match.cluster.data, "f");
    find(rc, ":authority: h\n:path: /\n", 130);
    ck_assert_str_eq(f.match.cluster.data, "rest");
}
END_TEST


START_TEST(clusters_are_chosen_by_weight_header_or_name)
{
    static const struct { uint64_t random; const char *cluster; }  rows[] = {
        { 0, "a" }, { 9, "a" }, { 10, "b" }, { 29, "b" }, { 30, "c" }, { 99, "c" }, { 100, "a" }
    };
    const nc_route_config_t  *rc = must_compile(VHOST(
        "{match: {prefix: /w}, route: {weighted_clusters: {clusters: [{name: a, weight: 10}, "
        "{name: none, weight: 0}, {name: b, weight: 20}, {cluster_header: x-c, weight: 70}]}}},"
        "{match: {prefix: /r}, route: {weighted_clusters: {header_name: x-r, clusters: "
        "[{name: a, weight: 1}, {name: b, weight: 1}]}}},"
        "{match: {prefix: /h}, route: {cluster_header: X-C}}"));

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        find(rc, ":authority: h\n:path: /w\nx-c: c\n", rows[i].random);
        ck_assert_str_eq(f.match.cluster.data, rows[i].cluster);
        ck_assert_ptr_nonnull(f.match.weighted);
    }

    find(rc, ":authority: h\n:path: /r\nx-r: 7\n", 0);
    ck_assert_str_eq(f.match.cluster.data, "b");
    find(rc, ":authority: h\n:path: /r\nx-r: x\n", 0);
    ck_assert_str_eq(f.match.cluster.data, "a");
    find(rc, ":authority: h\n:path: /h\nx-c: by-header\n", 0);
    ck_assert_str_eq(f.match.cluster.data, "by-header");
    find(rc, ":authority: h\n:path: /h\n", 0);
    ck_assert_ptr_null(f.match.cluster.data);
    ck_assert_int_eq(f.rc, NC_OK);
}
END_TEST


START_TEST(actions_have_envoys_defaults)
{
    const nc_route_forward_t  *a;
    const nc_route_config_t   *rc = must_compile(VHOST(
        "{name: one, match: {prefix: /a}, route: {cluster: c}},"
        "{match: {prefix: /b}, route: {cluster: c, timeout: 0s, idle_timeout: 1.5s, "
        "cluster_not_found_response_code: NOT_FOUND, upgrade_configs: [{upgrade_type: WebSocket}, "
        "{upgrade_type: x, enabled: false}], retry_policy: {retry_on: '5xx, gateway-error,"
        "retriable-status-codes,cancelled', num_retries: 3, per_try_timeout: 2s, "
        "retriable_status_codes: [409, 425], retry_back_off: {base_interval: 0.1s}}}}"));

    cluster_of(rc, "/a");
    a = f.match.route->forward;
    ck_assert(nc_str_eq(f.match.route->name, NC_STR("one")));
    ck_assert_uint_eq(a->timeout_ms, 15000);
    ck_assert(!a->idle_timeout_set);
    ck_assert_uint_eq(a->cluster_not_found_status, 503);
    ck_assert_ptr_null(a->retry);

    cluster_of(rc, "/b");
    a = f.match.route->forward;
    ck_assert_uint_eq(a->timeout_ms, 0);
    ck_assert(a->idle_timeout_set);
    ck_assert_uint_eq(a->idle_timeout_ms, 1500);
    ck_assert_uint_eq(a->cluster_not_found_status, 404);
    ck_assert_uint_eq(a->n_upgrades, 2);
    ck_assert_str_eq(a->upgrades[0].type.data, "websocket");
    ck_assert(a->upgrades[0].enabled && !a->upgrades[1].enabled);
    ck_assert_uint_eq(a->retry->retry_on, NC_RETRY_5XX | NC_RETRY_GATEWAY_ERROR
        | NC_RETRY_RETRIABLE_STATUS_CODES | NC_RETRY_GRPC_CANCELLED);
    ck_assert_uint_eq(a->retry->num_retries, 3);
    ck_assert_uint_eq(a->retry->per_try_timeout_ms, 2000);
    ck_assert_uint_eq(a->retry->back_off_base_ms, 100);
    ck_assert_uint_eq(a->retry->back_off_max_ms, 1000);
    ck_assert_uint_eq(a->retry->n_status_codes, 2);
    ck_assert_uint_eq(a->retry->status_codes[1], 425);
}
END_TEST


START_TEST(the_retry_policy_of_the_virtual_host_is_the_fallback)
{
    const nc_route_config_t  *rc = must_compile(
        "virtual_hosts: [{name: v, domains: ['*'], retry_policy: {retry_on: reset}, routes: ["
        "{match: {prefix: /a}, route: {cluster: c}},"
        "{match: {prefix: /b}, route: {cluster: c, retry_policy: {retry_on: 5xx}}}]}]");

    cluster_of(rc, "/a");
    ck_assert_uint_eq(f.match.route->forward->retry->retry_on, NC_RETRY_RESET);
    ck_assert_uint_eq(f.match.route->forward->retry->num_retries, 1);
    ck_assert_uint_eq(f.match.route->forward->retry->back_off_base_ms, 25);
    ck_assert_uint_eq(f.match.route->forward->retry->back_off_max_ms, 250);
    cluster_of(rc, "/b");
    ck_assert_uint_eq(f.match.route->forward->retry->retry_on, NC_RETRY_5XX);
}
END_TEST


typedef struct {
    const char  *route;                         /* fields of the RouteAction */
    const char  *match;
    const char  *path;
    const char  *headers;                       /* afterwards, without :method */
} rewrite_t;


START_TEST(requests_are_rewritten)
{
    static const rewrite_t  rows[] = {
        { "prefix_rewrite: /new", "prefix: /old", "/old/x?q=/old",
          ":authority: h:1\n:path: /new/x?q=/old\nx-envoy-original-path: /old/x?q=/old\n" },
        { "prefix_rewrite: /new", "path: /old", "/old?q",
          ":authority: h:1\n:path: /new?q\nx-envoy-original-path: /old?q\n" },
        { "prefix_rewrite: /", "path_separated_prefix: /old", "/old",
          ":authority: h:1\n:path: /\nx-envoy-original-path: /old\n" },
        { "prefix_rewrite: /new", "safe_regex: {regex: '/o.*'}", "/old/x?q",
          ":authority: h:1\n:path: /new?q\nx-envoy-original-path: /old/x?q\n" },
        { "prefix_rewrite: /new", "{prefix: /OLD, case_sensitive: false}", "/Old/x",
          ":authority: h:1\n:path: /new/x\nx-envoy-original-path: /Old/x\n" },
        { "regex_rewrite: {pattern: {regex: '^/(\\w+)/'}, substitution: '/b/\\1/'}", "prefix: /",
          "/old/x?old", ":authority: h:1\n:path: /b/old/x?old\nx-envoy-original-path: "
          "/old/x?old\n" },
        { "regex_rewrite: {pattern: {regex: 'none'}, substitution: 'x'}", "prefix: /", "/old",
          ":authority: h:1\n:path: /old\n" },
        { "host_rewrite_literal: new.host", "prefix: /", "/x",
          ":authority: new.host\n:path: /x\nx-envoy-original-host: h:1\n" },
        { "append_x_forwarded_host: true, host_rewrite_literal: new.host", "prefix: /", "/x",
          ":authority: new.host\n:path: /x\nx-forwarded-host: h:1\nx-envoy-original-host: h:1\n" },
        { "host_rewrite_header: X-Host", "prefix: /", "/x",
          ":authority: h:1\n:path: /x\n" },
        { "host_rewrite_header: ':path'", "prefix: /", "/x",
          ":authority: /x\n:path: /x\nx-envoy-original-host: h:1\n" },
        { "host_rewrite_path_regex: {pattern: {regex: '^/(.+)/.+$'}, substitution: '\\1'}",
          "prefix: /", "/abc/x?y/z",
          ":authority: abc\n:path: /abc/x?y/z\nx-envoy-original-host: h:1\n" },
        { "host_rewrite_path_regex: {pattern: {regex: 'none'}, substitution: '\\0'}",
          "prefix: /", "/abc", ":authority: h:1\n:path: /abc\n" },
        { "auto_host_rewrite: true", "prefix: /", "/x", ":authority: h:1\n:path: /x\n" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char                      yaml[512], lines[128];
        const char               *text;
        const nc_route_config_t  *rc;

        snprintf(yaml, sizeof(yaml), rows[i].match[0] == '{'
            ? VHOST("{match: %s, route: {cluster: c, %s}}")
            : VHOST("{match: {%s}, route: {cluster: c, %s}}"), rows[i].match, rows[i].route);
        snprintf(lines, sizeof(lines), ":authority: h:1\n:path: %s\n", rows[i].path);
        rc = must_compile(yaml);
        find(rc, lines, 0);
        ck_assert_int_eq(nc_route_rewrite_request(&f.match, &f.headers, &t.pool, false), NC_OK);
        text = nc_test_headers_text(&f.headers, &t.pool);
        ck_assert_msg(strcmp(text, rows[i].headers) == 0, "%s gives '%s'", rows[i].route, text);
        nc_test_compile_fini(&t);
        nc_test_compile_init(&t);
    }
}
END_TEST


START_TEST(envoy_headers_can_be_suppressed_and_hosts_are_appended_once)
{
    const nc_route_config_t  *rc = must_compile(VHOST("{match: {prefix: /}, route: {cluster: c, "
        "prefix_rewrite: /n/, auto_host_rewrite: true, append_x_forwarded_host: true}}"));

    find(rc, ":authority: h\n:path: /x\nx-forwarded-host: a\n", 0);
    ck_assert_int_eq(nc_route_rewrite_request(&f.match, &f.headers, &t.pool, true), NC_OK);
    ck_assert_int_eq(f.match.route->forward->host_rewrite, NC_HOST_AUTO);
    nc_route_set_host(&f.match, &f.headers, NC_STR("up"), &t.pool, true);
    ck_assert_str_eq(nc_test_headers_text(&f.headers, &t.pool),
        ":authority: up\n:path: /n/x\nx-forwarded-host: a,h\n");

    find(rc, ":authority: h\n:path: /x\nx-forwarded-host: a, h\n", 0);
    nc_route_set_host(&f.match, &f.headers, NC_STR("up"), &t.pool, true);
    ck_assert_str_eq(nc_test_headers_text(&f.headers, &t.pool),
        ":authority: up\n:path: /x\nx-forwarded-host: a, h\n");
}
END_TEST


START_TEST(redirects_say_where)
{
    static const struct { const char *redirect, *host, *path, *location; unsigned status; }
    rows[] = {
        { "https_redirect: true", "h", "/x?q", "https://h/x?q", 301 },
        { "https_redirect: true", "h:80", "/", "https://h/", 301 },
        { "https_redirect: true", "h:8080", "/", "https://h:8080/", 301 },
        { "https_redirect: true", "[::1]:80", "/", "https://[::1]/", 301 },
        { "https_redirect: true, port_redirect: 8443", "h:8080", "/", "https://h:8443/", 301 },
        { "scheme_redirect: ftp", "h", "/", "ftp://h/", 301 },
        { "host_redirect: new", "h:80", "/x", "http://new/x", 301 },
        { "host_redirect: 'new:81'", "h:80", "/x", "http://new:81/x", 301 },
        { "path_redirect: /p", "h", "/x?q", "http://h/p?q", 301 },
        { "path_redirect: '/p?r'", "h", "/x?q", "http://h/p?r", 301 },
        { "path_redirect: /p, strip_query: true", "h", "/x?q", "http://h/p", 301 },
        { "path_redirect: '/p?r', strip_query: true", "h", "/x?q", "http://h/p?r", 301 },
        { "strip_query: true, response_code: FOUND", "h", "/x?q", "http://h/x", 302 },
        { "prefix_rewrite: /new, response_code: SEE_OTHER", "h", "/x/y?q", "http://h/new/y?q",
          303 },
        { "regex_rewrite: {pattern: {regex: '/x/(.*)'}, substitution: '/\\1/x'}, response_code: "
          "TEMPORARY_REDIRECT", "h", "/x/y?q", "http://h/y/x?q", 307 },
        { "prefix_rewrite: /new, strip_query: true, response_code: PERMANENT_REDIRECT", "h",
          "/x?q", "http://h/new", 308 }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char                      yaml[512], lines[128];
        uint16_t                  status;
        nc_str_t                  location;
        const nc_route_config_t  *rc;

        snprintf(yaml, sizeof(yaml), VHOST("{match: {prefix: %s}, redirect: {%s}}"),
            strncmp(rows[i].path, "/x", 2) == 0 ? "/x" : "/", rows[i].redirect);
        snprintf(lines, sizeof(lines), ":authority: %s\n:path: %s\nx-forwarded-proto: http\n",
            rows[i].host, rows[i].path);
        rc = must_compile(yaml);
        find(rc, lines, 0);
        ck_assert_int_eq(f.match.route->kind, NC_ROUTE_REDIRECT);
        location = nc_route_redirect(&f.match, &f.headers, &t.pool, false, &status);
        ck_assert_msg(nc_str_eq(location, nc_str_c(rows[i].location)), "%s gives '" NC_STR_FMT "'",
            rows[i].redirect, NC_STR_ARG(location));
        ck_assert_uint_eq(status, rows[i].status);
        nc_test_compile_fini(&t);
        nc_test_compile_init(&t);
    }
}
END_TEST


START_TEST(a_virtual_host_can_require_tls)
{
    uint16_t                  status;
    nc_str_t                  location;
    const nc_route_config_t  *rc = must_compile(
        "virtual_hosts: [{name: all, domains: [all], require_tls: ALL, routes: [{match: {prefix: "
        "/}, route: {cluster: c}}]}, {name: ext, domains: [ext], require_tls: EXTERNAL_ONLY, "
        "routes: [{match: {prefix: /}, route: {cluster: c}}]}]");

    find(rc, ":authority: all\n:path: /x?q\nx-forwarded-proto: http\n", 0);
    ck_assert_int_eq(f.match.route->kind, NC_ROUTE_REDIRECT);
    location = nc_route_redirect(&f.match, &f.headers, &t.pool, false, &status);
    ck_assert(nc_str_eq(location, NC_STR("https://all/x?q")));
    ck_assert_uint_eq(status, 301);

    find(rc, ":authority: all\n:path: /x\nx-forwarded-proto: https\n", 0);
    ck_assert_int_eq(f.match.route->kind, NC_ROUTE_FORWARD);
    find(rc, ":authority: ext\n:path: /x\nx-forwarded-proto: http\nx-envoy-internal: true\n", 0);
    ck_assert_int_eq(f.match.route->kind, NC_ROUTE_FORWARD);
    find(rc, ":authority: ext\n:path: /x\nx-forwarded-proto: http\n", 0);
    ck_assert_int_eq(f.match.route->kind, NC_ROUTE_REDIRECT);
}
END_TEST


START_TEST(direct_responses_have_their_body)
{
    const nc_route_config_t  *rc = must_compile(VHOST(
        "{match: {prefix: /a}, direct_response: {status: 403}},"
        "{match: {prefix: /b}, direct_response: {status: 200, body: {inline_string: hello}}}"));

    cluster_of(rc, "/a");
    ck_assert_int_eq(f.match.route->kind, NC_ROUTE_DIRECT_RESPONSE);
    ck_assert_uint_eq(f.match.route->direct->status, 403);
    ck_assert_uint_eq(f.match.route->direct->body.len, 0);
    cluster_of(rc, "/b");
    ck_assert(nc_str_eq(f.match.route->direct->body, NC_STR("hello")));
}
END_TEST


#define LEVEL(n)  "request_headers_to_add: [{header: {key: x, value: " n "}, append: false}]"

START_TEST(mutations_of_all_levels_come_in_envoys_order)
{
    static const struct { const char *first, *x; }  rows[] = {
        { "", "config" }, { "most_specific_header_mutations_wins: true\n", "weight" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char                      yaml[1024];
        nc_http_info_t            info = { .status = 0 };
        nc_http_view_t            view = { .info = &info, .request = &f.headers };
        const nc_route_config_t  *rc;

        snprintf(yaml, sizeof(yaml), "%s" LEVEL("config") "\n"
            "virtual_hosts: [{name: v, domains: ['*'], " LEVEL("vhost") ", routes: [{match: "
            "{prefix: /}, " LEVEL("route") ", response_headers_to_add: [{header: {key: y, value: "
            "'%%RESPONSE_CODE%%'}}], route: {weighted_clusters: {clusters: [{name: c, weight: 1, "
            LEVEL("weight") "}]}}}]}]", rows[i].first);
        rc = must_compile(yaml);
        find(rc, ":authority: h\n:path: /\n", 0);
        nc_route_request_mutations(&f.match, &f.headers, &view, &t.pool);
        nc_route_response_mutations(&f.match, &f.headers, &view, &t.pool);
        ck_assert_msg(strstr(nc_test_headers_text(&f.headers, &t.pool), rows[i].x) != NULL, "%s",
            nc_test_headers_text(&f.headers, &t.pool));
        ck_assert_msg(strstr(nc_test_headers_text(&f.headers, &t.pool), "y: 0\n") != NULL, "%s",
            nc_test_headers_text(&f.headers, &t.pool));
    }
}
END_TEST


#define ANY(type)  "{'@type': type.googleapis.com/" type "}"
#define PER_ROUTE  "envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
#define OWN(name)  "typed_per_filter_config: {" name ": {'@type': type.googleapis.com/" PER_ROUTE \
    ", disabled: true}}"

START_TEST(the_most_specific_filter_configuration_is_found)
{
    const nc_filter_conf_t   *c;
    const nc_route_config_t  *rc = must_compile(OWN("config") "\n"
        "virtual_hosts: [{name: v, domains: ['*'], " OWN("vhost") ", routes: ["
        "{match: {prefix: /a}, " OWN("route") ", route: {weighted_clusters: {clusters: [{name: c, "
        "weight: 1, " OWN("weight") "}]}}},"
        "{match: {prefix: /b}, route: {cluster: c}, typed_per_filter_config: {vhost: {'@type': "
        "type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}, config: "
        "{'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {'@type': "
        "type.googleapis.com/" PER_ROUTE ", disabled: true}}}}]}]");

    ck_assert_uint_eq(t.extensions, 5);
    cluster_of(rc, "/a");
    ck_assert_str_eq(nc_route_filter_conf(&f.match, NC_STR("config"))->conf, "config");
    ck_assert_str_eq(nc_route_filter_conf(&f.match, NC_STR("vhost"))->conf, "vhost");
    ck_assert_str_eq(nc_route_filter_conf(&f.match, NC_STR("route"))->conf, "route");
    ck_assert_str_eq(nc_route_filter_conf(&f.match, NC_STR("weight"))->conf, "weight");
    ck_assert_ptr_null(nc_route_filter_conf(&f.match, NC_STR("other")));

    cluster_of(rc, "/b");
    c = nc_route_filter_conf(&f.match, NC_STR("vhost"));
    ck_assert(c->disabled && c->has_switch && c->conf == NULL);
    c = nc_route_filter_conf(&f.match, NC_STR("config"));
    ck_assert(!c->disabled && c->has_switch);
    ck_assert_str_eq(c->conf, "config");
}
END_TEST


START_TEST(metadata_is_kept)
{
    nc_str_t                  path[2] = { NC_STR("a"), NC_STR("b") };
    const nc_route_config_t  *rc = must_compile(VHOST("{match: {prefix: /}, route: {cluster: c}, "
        "metadata: {filter_metadata: {f: {a: {b: 5}, s: x}}}}"));

    cluster_of(rc, "/");
    ck_assert(nc_metadata_get(f.match.route->metadata, NC_STR("f"), path, 2)->number == 5.0);
    ck_assert_ptr_null(nc_metadata_get(f.match.route->metadata, NC_STR("f"), path + 1, 1));
    ck_assert_ptr_null(nc_metadata_get(f.match.route->metadata, NC_STR("g"), path, 1));
    ck_assert_ptr_null(nc_metadata_get(NULL, NC_STR("g"), path, 1));
}
END_TEST


START_TEST(wrong_tables_are_errors)
{
    static const struct { const char *yaml, *errors; }  rows[] = {
        { "virtual_hosts: [{name: a, domains: [x.com]}, {name: b, domains: [y.com, X.com]}]",
          "domains[1]: domain 'X.com' stands in this route configuration twice\n" },
        { "virtual_hosts: [{name: a, domains: ['*']}, {name: b, domains: ['*']}]",
          "domains[0]: domain '*' stands in this route configuration twice\n" },
        { "virtual_hosts: [{name: a, domains: ['*.x', '*.x']}]",
          "domains[1]: domain '*.x' stands in this route configuration twice\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: nope}}"),
          "cluster: unknown cluster 'nope'\n" },
        { VHOST("{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: nope, weight: "
          "1}]}}}"), "name: unknown cluster 'nope'\n" },
        { VHOST("{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c}]}}}"),
          "clusters: the sum of the weights is 0, expected 1 to 4294967295\n" },
        { VHOST("{match: {prefix: /}, route: {weighted_clusters: {clusters: [{weight: 1}]}}}"),
          "name: one of name and cluster_header is required, and only one\n" },
        { VHOST("{match: {safe_regex: {regex: '('}}, route: {cluster: c}}"),
          "regex: not a regular expression: missing closing parenthesis at offset 1 of '('\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, prefix_rewrite: /a, regex_rewrite: "
          "{pattern: {regex: a}, substitution: b}}}"),
          "regex_rewrite: prefix_rewrite and regex_rewrite must not both be set\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, prefix_rewrite: '/a b'}}"),
          "prefix_rewrite: byte 0x20 at position 2 must not stand in a path\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: a}, "
          "substitution: '\\1'}}}"), "substitution: \\1 in the substitution, but the expression "
          "has 0 groups\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, retry_policy: {retry_back_off: "
          "{base_interval: 1s, max_interval: 0.5s}}}}"),
          "max_interval: must not be less than base_interval\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, upgrade_configs: [{upgrade_type: a}, "
          "{upgrade_type: A}]}}"), "upgrade_type: 'A' stands here twice\n" },
        { VHOST("{match: {prefix: /}, redirect: {port_redirect: 70000}}"),
          "port_redirect: 70000 is not a port\n" },
        { "max_direct_response_body_size_bytes: 3\n"
          VHOST("{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "
          "four}}}"), "inline_string: has 4 bytes, more than the 3 allowed here\n" },
        { VHOST("{match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: '5xx,often'}}}"),
          "warning: retry_on: '5xx,often' has a word that is not a retry condition; it is "
          "ignored\n" },
        { "validate_clusters: false\n" VHOST("{match: {prefix: /}, route: {cluster: nope}}"), "" }
    };

    t.clusters = ",c,";

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        bool                      fine = rows[i].errors[0] == 'w' || rows[i].errors[0] == '\0';
        const nc_route_config_t  *rc;

        while (t.n_docs > 8) {
            nc_test_compile_fini(&t);
            nc_test_compile_init(&t);
            t.clusters = ",c,";
        }

        rc = compile(rows[i].yaml);
        ck_assert_str_eq(nc_test_errors(&t), rows[i].errors);
        ck_assert((rc != NULL) == fine);
    }
}
END_TEST


/* A path of few different pieces, so that random routes and requests meet. */
static void
random_path(uint64_t *state, char *out, unsigned max)
{
    static const char *const  pieces[] = {
        "/", "/a", "/b", "/ab", "a", "b", "/A", "B", "/a/", "1"
    };
    unsigned                  n = (unsigned) (nc_test_random(state) % max);

    strcpy(out, "/");
    for (unsigned i = 0; i < n; i++) {
        strcat(out, pieces[nc_test_random(state) % NC_COUNTOF(pieces)]);
    }
}


static void
random_route(uint64_t *state, nc_sb_t *yaml)
{
    static const char *const  regexes[] = {
        "/a.*", "/(a|b)/?.*", ".*b", "/a+b*", "(?i)/AB.*", "/ab?", "/[ab]/a", "/a/.*|/b.*"
    };
    char                      path[64];
    unsigned                  kind = (unsigned) (nc_test_random(state) % 8);
    unsigned                  more = (unsigned) (nc_test_random(state) % 8);
    size_t                    len;

    random_path(state, path, 5);
    nc_sb_c_add(yaml, "{match: {");

    if (kind < 3) {
        nc_sb_printf(yaml, "prefix: '%s'", path);
    } else if (kind < 5) {
        nc_sb_printf(yaml, "path: '%s'", path);
    } else if (kind < 6) {
        for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--) {
            path[len - 1] = '\0';
        }
        nc_sb_printf(yaml, "path_separated_prefix: '%s'", len > 1 ? path : "/a");
    } else {
        nc_sb_printf(yaml, "safe_regex: {regex: '%s'}",
            regexes[nc_test_random(state) % NC_COUNTOF(regexes)]);
    }

    if (nc_test_random(state) % 4 == 0) {
        nc_sb_c_add(yaml, ", case_sensitive: false");
    }
    if (more == 0) {
        nc_sb_c_add(yaml, ", headers: [{name: x-a, exact_match: '1'}]");
    } else if (more == 1) {
        nc_sb_c_add(yaml, ", query_parameters: [{name: q}]");
    } else if (more == 2) {
        nc_sb_c_add(yaml, ", runtime_fraction: {default_value: {numerator: 50}}");
    }

    nc_sb_c_add(yaml, "}, route: {cluster: c}}");
}


START_TEST(the_index_finds_what_a_walk_finds)
{
    uint64_t  state = 4711 + (uint64_t) _i;
    unsigned  found = 0;

    for (unsigned table = 0; table < 40; table++) {
        nc_sb_t                   yaml;
        unsigned                  n = 1 + (unsigned) (nc_test_random(&state) % 40);
        const nc_route_config_t  *rc;

        nc_sb_init(&yaml);
        nc_sb_c_add(&yaml, "virtual_hosts: [{name: v, domains: ['*'], routes: [");
        for (unsigned i = 0; i < n; i++) {
            if (i > 0) {
                nc_sb_char(&yaml, ',');
            }
            random_route(&state, &yaml);
        }
        nc_sb_c_add(&yaml, "]}]");
        rc = must_compile(nc_sb_c(&yaml));

        for (unsigned i = 0; i < 150; i++) {
            char                path[64], lines[160];
            nc_route_match_t    fast, slow;
            nc_route_request_t  rq = { &f.headers, nc_test_random(&state), false,
                &t.pool, NULL };

            random_path(&state, path, 7);
            snprintf(lines, sizeof(lines), ":authority: h\n:path: %s%s\n%s", path,
                i % 3 == 0 ? "?q=1" : "", i % 2 == 0 ? "x-a: 1\n" : "");
            nc_test_headers(&f.headers, &t.pool, lines);
            nc_route_find(rc, &rq, &fast);
            nc_route_find_slowly(rc, &rq, &slow);
            found += slow.route != NULL;

            ck_assert_msg(fast.route == slow.route, "%s: index %d, walk %d in %s", path,
                fast.route ? (int) fast.route->order : -1,
                slow.route ? (int) slow.route->order : -1, nc_sb_c(&yaml));
        }

        nc_sb_fini(&yaml);
        nc_test_compile_fini(&t);
        nc_test_compile_init(&t);
    }

    ck_assert_uint_gt(found, 2000);
}
END_TEST


START_TEST(many_expressions_on_one_path_are_merged_in_order)
{
    nc_sb_t                   yaml;
    const nc_route_config_t  *rc;

    nc_sb_init(&yaml);
    nc_sb_c_add(&yaml, "virtual_hosts: [{name: v, domains: ['*'], routes: [");

    /* One literal prefix each, longest first: more lists on the path than are merged at once. */
    for (unsigned i = 0; i < 100; i++) {
        nc_sb_printf(&yaml, "%s{match: {safe_regex: {regex: '/%.*s(x|y)?%s'}}, route: {cluster: "
            "c%u}}", i > 0 ? "," : "", (int) (100 - i), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i % 2 ? ".*" : "", i);
    }
    nc_sb_c_add(&yaml, "]}]");
    rc = must_compile(nc_sb_c(&yaml));

    ck_assert_str_eq(cluster_of(rc, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaz"), "c1");
    ck_assert_str_eq(cluster_of(rc, "/aaax"), "c97");
    ck_assert_str_eq(cluster_of(rc, "/b"), "");
    nc_sb_fini(&yaml);
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("route");
    TCase    *c = tcase_create("route");
    SRunner  *r;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_most_specific_domain_wins);
    tcase_add_test(c, ports_are_ignored_when_told);
    tcase_add_test(c, no_virtual_host_and_no_route_are_told_apart);
    tcase_add_test(c, paths_match_in_the_order_of_the_table);
    tcase_add_test(c, other_conditions_must_hold_too);
    tcase_add_test(c, clusters_are_chosen_by_weight_header_or_name);
    tcase_add_test(c, actions_have_envoys_defaults);
    tcase_add_test(c, the_retry_policy_of_the_virtual_host_is_the_fallback);
    tcase_add_test(c, requests_are_rewritten);
    tcase_add_test(c, envoy_headers_can_be_suppressed_and_hosts_are_appended_once);
    tcase_add_test(c, redirects_say_where);
    tcase_add_test(c, a_virtual_host_can_require_tls);
    tcase_add_test(c, direct_responses_have_their_body);
    tcase_add_test(c, mutations_of_all_levels_come_in_envoys_order);
    tcase_add_test(c, the_most_specific_filter_configuration_is_found);
    tcase_add_test(c, metadata_is_kept);
    tcase_add_test(c, wrong_tables_are_errors);
    tcase_add_loop_test(c, the_index_finds_what_a_walk_finds, 0, 5);
    tcase_add_test(c, many_expressions_on_one_path_are_merged_in_order);
    suite_add_tcase(s, c);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
