/* What a Cluster message becomes: defaults, options, limits, endpoints. */
#include "upstream/cluster_compile.c"

#include <check.h>

static nc_doc_t            *doc;
static nc_errors_t          errors;
static nc_pool_t            pool;
static nc_endpoints_t       endpoints;
static nc_stats_owner_t    *owner;
static nc_cluster_entry_t  *entry;


static void
setup(void)
{
    nc_stats_create_private();
    nc_errors_init(&errors);
    nc_pool_init(&pool, &nc_pool_heap);
    nc_endpoints_init(&endpoints);
    owner = nc_stats_owner_create();
    doc = nc_doc_create(&envoy__config__cluster__v3__cluster__descriptor, 0);
    entry = NULL;
}


static void
teardown(void)
{
    if (entry) {
        nc_cluster_release((nc_cluster_t *) (uintptr_t) entry->cluster);
    }

    nc_doc_destroy(doc);
    nc_stats_owner_destroy(owner);
    nc_endpoints_fini(&endpoints);
    nc_pool_fini(&pool);
    nc_errors_fini(&errors);
    nc_stats_destroy();
}


static const nc_cluster_t *
compile(const char *yaml)
{
    nc_compile_t  cc = { .pool = &pool, .errors = &errors, .stats = owner, .slot = 7 };

    ck_assert_int_eq(nc_doc_add_text(doc, "c", NC_DOC_YAML, nc_str_c(yaml), &errors), NC_OK);
    entry = nc_cluster_compile(&cc, (void *) nc_doc_root(doc), &endpoints);

    return entry ? entry->cluster : NULL;
}


START_TEST(what_is_not_said_is_as_envoy_documents_it)
{
    const nc_cluster_t  *c = compile("name: a");

    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->slot, 7);
    ck_assert_uint_eq(c->connect_timeout_ms, 5000);
    ck_assert_uint_eq(c->idle_timeout_ms, 3600000);
    ck_assert_uint_eq(c->buffer_limit, 1 << 20);
    ck_assert_uint_eq(c->max_response_headers, 100);
    ck_assert_uint_eq(c->max_response_headers_kb, 60);
    ck_assert_uint_eq(c->max_requests_per_cx, 0);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_HIGH].max_connections, 1024);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_HIGH].max_retries, 3);
    ck_assert_uint_ne(c->limits[NC_PRIORITY_DEFAULT].breaker.id, 0);
    ck_assert_uint_ne(c->limits[NC_PRIORITY_HIGH].breaker.id,
                      c->limits[NC_PRIORITY_DEFAULT].breaker.id);
    ck_assert_int_eq(endpoints.type, NC_CLUSTER_STATIC);
    ck_assert_uint_eq(endpoints.n, 0);
}
END_TEST


START_TEST(the_first_thresholds_of_a_priority_count)
{
    const nc_cluster_t  *c = compile("name: a\ncircuit_breakers: {thresholds: ["
        "{priority: HIGH, max_retries: 9}, {max_connections: 5, max_requests: 0}, "
        "{max_connections: 6}]}");

    ck_assert_uint_eq(c->limits[NC_PRIORITY_DEFAULT].max_connections, 5);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_DEFAULT].max_requests, 0);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_DEFAULT].max_retries, 3);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_HIGH].max_retries, 9);
    ck_assert_uint_eq(c->limits[NC_PRIORITY_HIGH].max_connections, 1024);
}
END_TEST


#define OPTIONS  \
    "typed_extension_protocol_options:\n"  \
    "  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n"  \
    "    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n"


START_TEST(typed_options_replace_those_of_the_cluster)
{
    const nc_cluster_t  *c = compile("name: a\n"
        "common_http_protocol_options: {idle_timeout: 1s, max_headers_count: 7}\n" OPTIONS
        "    common_http_protocol_options: {idle_timeout: 0s, max_requests_per_connection: 3}\n"
        "    explicit_http_config:\n"
        "      http_protocol_options: {enable_trailers: true, header_key_format: "
        "{proper_case_words: {}}}\n");

    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->idle_timeout_ms, 0);
    ck_assert_uint_eq(c->max_response_headers, 100);
    ck_assert_uint_eq(c->max_requests_per_cx, 3);
    ck_assert(c->enable_trailers);
    ck_assert(c->proper_case);
}
END_TEST


START_TEST(options_of_another_kind_are_an_error)
{
    ck_assert_ptr_null(compile("name: a\ntyped_extension_protocol_options: {x: {\"@type\": "
        "type.googleapis.com/google.protobuf.Duration, value: 1s}}"));
    ck_assert_uint_eq(errors.n, 1);
}
END_TEST


START_TEST(endpoints_stand_by_priority_with_their_attributes)
{
    nc_endpoint_addrs_t   found[3];
    nc_host_set_t        *set;

    ck_assert_ptr_nonnull(compile("name: a\nload_assignment:\n  cluster_name: a\n  endpoints:\n"
        "  - priority: 1\n    lb_endpoints: [{endpoint: {address: {socket_address: "
        "{address: 10.0.0.1, port_value: 1}}}}]\n"
        "  - locality: {zone: z}\n    lb_endpoints:\n"
        "    - {load_balancing_weight: 4, health_status: DRAINING, endpoint: {hostname: h, "
        "address: {socket_address: {address: \"::1\", port_value: 2}}}}\n"
        "    - {endpoint: {address: {pipe: {path: /tmp/x}}}}\n"));
    ck_assert_uint_eq(endpoints.n, 3);

    for (unsigned i = 0; i < 3; i++) {
        found[i] = (nc_endpoint_addrs_t) { &endpoints.endpoints[i].addr, 1 };
    }

    set = nc_host_set_make(&pool, 1, &endpoints, found);
    ck_assert_uint_eq(set->n, 3);
    ck_assert_uint_eq(set->n_priorities, 2);
    ck_assert_uint_eq(set->total_weight, 6);
    ck_assert(!set->equal_weights);
    ck_assert(nc_str_eq(set->hosts[0].addr_text, NC_STR("[::1]:2")));
    ck_assert(nc_str_eq(set->hosts[0].hostname, NC_STR("h")));
    ck_assert(nc_str_eq(set->localities[set->hosts[0].locality].zone, NC_STR("z")));
    ck_assert_uint_ne(nc_host_flags(set->hosts[0].id) & NC_HOST_UNHEALTHY, 0);
    ck_assert_uint_eq(nc_host_flags(set->hosts[1].id), 0);
    ck_assert(nc_str_eq(set->hosts[1].addr_text, NC_STR("/tmp/x")));
    ck_assert_uint_eq(set->hosts[2].priority, 1);
    nc_host_set_release(set);
}
END_TEST


START_TEST(names_need_dns_and_dns_needs_names)
{
    ck_assert_ptr_null(compile("name: a\nload_assignment: {cluster_name: a, endpoints: "
        "[{lb_endpoints: [{endpoint: {address: {socket_address: {address: example.com, "
        "port_value: 1}}}}]}]}"));
    ck_assert_uint_eq(errors.n, 1);
    ck_assert_ptr_nonnull(strstr(errors.first->message, "STRICT_DNS"));
}
END_TEST


START_TEST(a_logical_dns_cluster_has_one_endpoint)
{
    ck_assert_ptr_null(compile("name: a\ntype: LOGICAL_DNS\n"));
    ck_assert_ptr_nonnull(strstr(errors.first->message, "exactly one"));
}
END_TEST


START_TEST(stat_names_keep_colons_out)
{
    int64_t              value;
    const nc_cluster_t  *c = compile("name: a\nalt_stat_name: \"http://b:80\"\n");

    ck_assert(nc_str_eq(c->observability_name, NC_STR("http://b:80")));
    ck_assert(nc_stats_find(NC_STR("cluster.http_b_80.upstream_cx_total"), &value));
    ck_assert(nc_stats_find(NC_STR("cluster.http_b_80.circuit_breakers.high.rq_open"), &value));
}
END_TEST


START_TEST(the_connect_hash_is_of_connections_alone)
{
    cluster_msg_t                  a, b;
    Google__Protobuf__Duration     timeout;
    Google__Protobuf__UInt32Value  limit;

    envoy__config__cluster__v3__cluster__init(&a);
    envoy__config__cluster__v3__cluster__init(&b);
    google__protobuf__duration__init(&timeout);
    google__protobuf__uint32_value__init(&limit);
    timeout.seconds = limit.value = 3;

    b.connect_timeout = &timeout;
    ck_assert(nc_cluster_connect_hash(&a) == nc_cluster_connect_hash(&b));
    b.per_connection_buffer_limit_bytes = &limit;
    ck_assert(nc_cluster_connect_hash(&a) != nc_cluster_connect_hash(&b));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("upstream/cluster_compile");
    TCase    *tc = tcase_create("compile");
    SRunner  *sr = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_not_said_is_as_envoy_documents_it);
    tcase_add_test(tc, the_first_thresholds_of_a_priority_count);
    tcase_add_test(tc, typed_options_replace_those_of_the_cluster);
    tcase_add_test(tc, options_of_another_kind_are_an_error);
    tcase_add_test(tc, endpoints_stand_by_priority_with_their_attributes);
    tcase_add_test(tc, names_need_dns_and_dns_needs_names);
    tcase_add_test(tc, a_logical_dns_cluster_has_one_endpoint);
    tcase_add_test(tc, stat_names_keep_colons_out);
    tcase_add_test(tc, the_connect_hash_is_of_connections_alone);
    suite_add_tcase(s, tc);

    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
