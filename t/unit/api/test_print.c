/* Messages as text, and whole bootstraps that come back as they were. */
#include "api/print.c"

#include "api/message.h"
#include "api/validate.h"

#include <check.h>

#include <envoy/admin/v3/server_info.pb-c.h>
#include <envoy/config/bootstrap/v3/bootstrap.pb-c.h>
#include <google/protobuf/any.pb-c.h>

/* One value as node.id, printed as YAML. */
static const struct {
    const char  *value;
    const char  *printed;
} texts[] = {
    { "plain", "id: plain\n" },
    { "two words", "id: two words\n" },
    { "", NULL },
    { "yes", "id: \"yes\"\n" },
    { "null", "id: \"null\"\n" },
    { "1.5", "id: \"1.5\"\n" },
    { "0x1", "id: \"0x1\"\n" },
    { "127.0.0.1:80", "id: 127.0.0.1:80\n" },
    { "a: b", "id: \"a: b\"\n" },
    { "a:", "id: \"a:\"\n" },
    { "a #b", "id: \"a #b\"\n" },
    { "a#b", "id: a#b\n" },
    { "- a", "id: \"- a\"\n" },
    { "*", "id: \"*\"\n" },
    { "@x", "id: \"@x\"\n" },
    { " a", "id: \" a\"\n" },
    { "a ", "id: \"a \"\n" },
    { "a\nb", "id: \"a\\nb\"\n" },
    { "\"", "id: \"\\\"\"\n" },
    { "\xc3\xa4", "id: \"\xc3\xa4\"\n" },
    { "a\x7f" "b", "id: \"a\\u007fb\"\n" },
    { "\xc2\x85", "id: \"\\u0085\"\n" },
    { "x\xe2\x80\xa8y", "id: \"x\\u2028y\"\n" },
    { "\xef\xbb\xbf", "id: \"\\ufeff\"\n" },
    { "\xef\xbf\xbf", "id: \"\\uffff\"\n" },
};

START_TEST(yaml_text_is_quoted_where_needed)
{
    Envoy__Config__Core__V3__Node  node = ENVOY__CONFIG__CORE__V3__NODE__INIT;
    nc_doc_t                      *again;
    nc_errors_t                    errors;
    nc_sb_t                        sb;

    node.id = (char *) (uintptr_t) texts[_i].value;
    nc_sb_init(&sb);
    nc_print_yaml(&sb, &node.base, NULL, 0);
    ck_assert_str_eq(nc_sb_c(&sb), texts[_i].printed ? texts[_i].printed : "{}\n");

    nc_errors_init(&errors);
    again = nc_doc_create(&envoy__config__core__v3__node__descriptor, 0);
    ck_assert_int_eq(nc_doc_add_text(again, "a", NC_DOC_YAML, nc_sb_str(&sb), &errors), NC_OK);
    ck_assert_str_eq(((Envoy__Config__Core__V3__Node *) (void *) nc_doc_root(again))->id,
        texts[_i].value);
    nc_doc_destroy(again);
    nc_errors_fini(&errors);
    nc_sb_fini(&sb);
}
END_TEST

/* Bootstraps as people write them. */
static const char *const  bootstraps[] = {
    /* a proxy to one host by name, with the admin interface */
    "admin:\n"
    "  address:\n"
    "    socket_address: { address: 127.0.0.1, port_value: 9901 }\n"
    "static_resources:\n"
    "  listeners:\n"
    "  - name: listener_0\n"
    "    address:\n"
    "      socket_address:\n"
    "        address: 0.0.0.0\n"
    "        port_value: 10000\n"
    "    filter_chains:\n"
    "    - filters:\n"
    "      - name: envoy.filters.network.http_connection_manager\n"
    "        typed_config:\n"
    "          \"@type\": type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager\n"
    "          stat_prefix: ingress_http\n"
    "          access_log:\n"
    "          - name: envoy.access_loggers.stdout\n"
    "            typed_config:\n"
    "              \"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3."
    "StdoutAccessLog\n"
    "          http_filters:\n"
    "          - name: envoy.filters.http.router\n"
    "            typed_config:\n"
    "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3."
    "Router\n"
    "          route_config:\n"
    "            name: local_route\n"
    "            virtual_hosts:\n"
    "            - name: local_service\n"
    "              domains: [\"*\"]\n"
    "              routes:\n"
    "              - match:\n"
    "                  prefix: \"/\"\n"
    "                route:\n"
    "                  host_rewrite_literal: www.example.com\n"
    "                  cluster: service_example\n"
    "  clusters:\n"
    "  - name: service_example\n"
    "    type: LOGICAL_DNS\n"
    "    dns_lookup_family: V4_ONLY\n"
    "    load_assignment:\n"
    "      cluster_name: service_example\n"
    "      endpoints:\n"
    "      - lb_endpoints:\n"
    "        - endpoint:\n"
    "            address:\n"
    "              socket_address:\n"
    "                address: www.example.com\n"
    "                port_value: 443\n",

    /* clusters alone: breakers, weights, localities, options of the protocol */
    "node: { id: n-1, cluster: front, locality: { region: r, zone: z }, metadata: { a: [1, b] } }\n"
    "static_resources:\n"
    "  clusters:\n"
    "  - name: some_service\n"
    "    connect_timeout: 0.25s\n"
    "    type: STATIC\n"
    "    lb_policy: ROUND_ROBIN\n"
    "    circuit_breakers: { thresholds: [ { max_connections: 1, max_retries: 0 } ] }\n"
    "    upstream_connection_options: { tcp_keepalive: { keepalive_time: 60 } }\n"
    "    typed_extension_protocol_options:\n"
    "      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n"
    "        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3."
    "HttpProtocolOptions\n"
    "        common_http_protocol_options: { idle_timeout: 1s }\n"
    "        explicit_http_config: { http_protocol_options: {} }\n"
    "    load_assignment:\n"
    "      cluster_name: some_service\n"
    "      endpoints:\n"
    "      - locality: { zone: a }\n"
    "        priority: 1\n"
    "        lb_endpoints:\n"
    "        - endpoint: { address: { pipe: { path: /run/s.sock } } }\n"
    "          load_balancing_weight: 3\n"
    "          health_status: DRAINING\n",

    /* routes of every kind, in camelCase JSON style */
    "{ \"staticResources\": { \"listeners\": [ { \"name\": \"l\", \"filterChains\": [ {\n"
    "  \"filters\": [ { \"name\": \"h\", \"typedConfig\": {\n"
    "    \"@type\": \"type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager\",\n"
    "    \"statPrefix\": \"s\", \"codecType\": \"HTTP1\",\n"
    "    \"routeConfig\": { \"virtualHosts\": [ { \"name\": \"v\", \"domains\": [ \"a.b\" ],\n"
    "      \"routes\": [\n"
    "        { \"match\": { \"path\": \"/\", \"caseSensitive\": false },\n"
    "          \"redirect\": { \"httpsRedirect\": true, \"responseCode\": \"FOUND\" } },\n"
    "        { \"match\": { \"safeRegex\": { \"regex\": \"^/\\\\d+$\" },\n"
    "            \"headers\": [ { \"name\": \"x\", \"rangeMatch\": { \"end\": \"10\" } } ] },\n"
    "          \"directResponse\": { \"status\": 200, "
    "\"body\": { \"inlineBytes\": \"/+4=\" } } },\n"
    "        { \"match\": { \"prefix\": \"/\" }, \"route\": { \"timeout\": \"0s\",\n"
    "            \"weightedClusters\": { \"clusters\": [ { \"name\": \"a\", "
    "\"weight\": 0 } ] } },\n"
    "          \"typedPerFilterConfig\": { \"envoy.filters.http.buffer\": {\n"
    "            \"@type\": \"type.googleapis.com/envoy.extensions.filters.http.buffer.v3."
    "BufferPerRoute\", \"disabled\": true } } } ] } ] },\n"
    "    \"httpFilters\": [ { \"name\": \"r\", \"typedConfig\": {\n"
    "      \"@type\": \"type.googleapis.com/udpa.type.v1.TypedStruct\",\n"
    "      \"type_url\": \"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\",\n"
    "      \"value\": { \"suppress_envoy_headers\": true } } } ] } } ] } ] } ] } }\n",
};

static void
read_back(nc_doc_t *doc, nc_doc_format_t format, unsigned flags)
{
    nc_doc_t     *again = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
    nc_errors_t   errors;
    nc_sb_t       sb;

    nc_errors_init(&errors);
    nc_sb_init(&sb);

    if (format == NC_DOC_JSON) {
        nc_print_json(&sb, nc_doc_root(doc), flags);
    } else {
        nc_print_yaml(&sb, nc_doc_root(doc), doc, flags);
    }

    ck_assert_int_eq(nc_doc_add_text(again, "again", format, nc_sb_str(&sb), &errors), NC_OK);
    ck_assert(nc_message_eq(nc_doc_root(doc), nc_doc_root(again)));
    ck_assert_uint_eq(nc_message_hash(nc_doc_root(doc)), nc_message_hash(nc_doc_root(again)));

    nc_sb_fini(&sb);
    nc_errors_fini(&errors);
    nc_doc_destroy(again);
}

START_TEST(bootstrap_comes_back_from_every_format)
{
    nc_doc_t          *doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
    nc_errors_t        errors;
    nc_pool_t          pool;
    const char        *why;
    const char        *unknown;
    ProtobufCMessage  *m;

    nc_errors_init(&errors);
    nc_pool_init(&pool, &nc_pool_heap);
    ck_assert_int_eq(nc_doc_add_text(doc, "b.yaml", NC_DOC_YAML, nc_str_c(bootstraps[_i]), &errors),
        NC_OK);
    ck_assert_int_eq(nc_validate(doc, nc_doc_root(doc), &errors), NC_OK);

    read_back(doc, NC_DOC_JSON, 0);
    read_back(doc, NC_DOC_JSON, NC_PRINT_PRETTY);
    read_back(doc, NC_DOC_JSON, NC_PRINT_DEFAULTS);
    read_back(doc, NC_DOC_YAML, 0);
    read_back(doc, NC_DOC_YAML, NC_PRINT_ORIGINS);
    read_back(doc, NC_DOC_YAML, NC_PRINT_DEFAULTS);

    m = nc_message_unpack(&pool, nc_doc_root(doc)->descriptor,
        nc_message_pack(&pool, nc_doc_root(doc)), &why, &unknown);
    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_null(unknown);
    ck_assert(nc_message_eq(m, nc_doc_root(doc)));

    nc_pool_fini(&pool);
    nc_errors_fini(&errors);
    nc_doc_destroy(doc);
}
END_TEST

START_TEST(origins_name_every_file)
{
    nc_doc_t     *doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
    nc_errors_t   errors;
    nc_sb_t       sb;

    nc_errors_init(&errors);
    nc_sb_init(&sb);
    (void) nc_doc_add_text(doc, "a.yaml", NC_DOC_YAML, NC_STR(
        "node: {id: x, locality: {zone: z}}\n"
        "static_resources: {clusters: [{name: a}]}\n"), &errors);
    (void) nc_doc_add_text(doc, "b.yaml", NC_DOC_YAML, NC_STR(
        "\nadmin: {}\nstatic_resources:\n  clusters:\n  - name: b\n"), &errors);
    nc_print_yaml(&sb, nc_doc_root(doc), doc, NC_PRINT_ORIGINS);

    ck_assert_str_eq(nc_sb_c(&sb),
        "node:  # a.yaml:1\n"
        "  id: x\n"
        "  locality:\n"
        "    zone: z\n"
        "static_resources:  # b.yaml:4 a.yaml:2\n"
        "  clusters:\n"
        "  - # a.yaml:2\n"
        "    name: a\n"
        "  - # b.yaml:5\n"
        "    name: b\n"
        "admin: {}  # b.yaml:2\n");

    nc_sb_fini(&sb);
    nc_errors_fini(&errors);
    nc_doc_destroy(doc);
}
END_TEST

START_TEST(unset_scalars_are_shown_when_asked_for)
{
    Envoy__Admin__V3__ServerInfo  info = ENVOY__ADMIN__V3__SERVER_INFO__INIT;
    nc_sb_t                       sb;

    nc_sb_init(&sb);
    nc_print_json(&sb, &info.base, 0);
    ck_assert_str_eq(nc_sb_c(&sb), "{}");

    nc_sb_reset(&sb);
    nc_print_json(&sb, &info.base, NC_PRINT_DEFAULTS | NC_PRINT_PRETTY);
    ck_assert_str_eq(nc_sb_c(&sb),
        "{\n \"version\": \"\",\n \"state\": \"LIVE\",\n \"hot_restart_version\": \"\"\n}");
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(any_of_an_unknown_type_is_shown_as_bytes)
{
    Google__Protobuf__Any  any = GOOGLE__PROTOBUF__ANY__INIT;
    char                   url[] = "a/b.C";
    uint8_t                bytes[] = { 1, 2, 3 };
    nc_sb_t                sb;

    any.type_url = url;
    any.value.data = bytes;
    any.value.len = sizeof(bytes);

    nc_sb_init(&sb);
    nc_print_json(&sb, &any.base, 0);
    ck_assert_str_eq(nc_sb_c(&sb), "{\"type_url\":\"a/b.C\",\"value\":\"AQID\"}");
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(long_key_is_written_so_that_yaml_takes_it)
{
    nc_doc_t     *doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
    nc_errors_t   errors;
    nc_sb_t       sb;

    nc_errors_init(&errors);
    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "{\"node\":{\"metadata\":{\"");
    for (int i = 0; i < 5000; i++) {
        nc_sb_char(&sb, 'k');
    }
    nc_sb_c_add(&sb, "\":{\"a\":[1]}}}}");
    ck_assert_int_eq(nc_doc_add_text(doc, "a", NC_DOC_JSON, nc_sb_str(&sb), &errors), NC_OK);
    read_back(doc, NC_DOC_YAML, 0);

    nc_sb_fini(&sb);
    nc_errors_fini(&errors);
    nc_doc_destroy(doc);
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("print");
    TCase    *tc = tcase_create("print");
    SRunner  *sr;
    int       failed;

    tcase_add_loop_test(tc, yaml_text_is_quoted_where_needed, 0, (int) NC_COUNTOF(texts));
    tcase_add_loop_test(tc, bootstrap_comes_back_from_every_format, 0,
        (int) NC_COUNTOF(bootstraps));
    tcase_add_test(tc, origins_name_every_file);
    tcase_add_test(tc, unset_scalars_are_shown_when_asked_for);
    tcase_add_test(tc, any_of_an_unknown_type_is_shown_as_bytes);
    tcase_add_test(tc, long_key_is_written_so_that_yaml_takes_it);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
