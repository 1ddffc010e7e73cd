/* Format strings: operators, text, JSON, times, errors. */
#include "http/formatter.c"

#include <check.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#include "http/http_help.h"

#define REQUEST  \
    ":method: GET\n:path: /p%20q?a=1%202&b=%0ax\n:authority: example.org\nuser-agent: curl/8\n"  \
    "x-two: first\nx-two: second\nx-quote: a\"b\n"

static nc_test_compile_t  t;
static nc_http_info_t     info;
static nc_conn_info_t     conn;
static nc_headers_t       request;
static nc_headers_t       response;
static nc_headers_t       trailers;


static void
set_peer(nc_peer_t *p, const char *ip, uint16_t port)
{
    *p = (nc_peer_t) { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
    inet_pton(AF_INET, ip, &p->in.sin_addr);
}


static void
setup(void)
{
    nc_test_compile_init(&t);
    nc_test_headers(&request, &t.pool, REQUEST);
    nc_test_headers(&response, &t.pool, ":status: 200\nx-up: 12\nx-empty:\n");
    nc_test_headers(&trailers, &t.pool, "x-sum: abc\n");

    conn = (nc_conn_info_t) { .id = 42 };
    set_peer(&conn.direct_remote, "10.0.0.9", 5000);
    set_peer(&conn.local, "10.0.0.1", 80);
    conn.remote = conn.direct_remote;

    info = (nc_http_info_t) {
        .start_wall_us = 1609459199123456, .start_us = 1000000, .request_end_us = 1002500,
        .upstream_tx_first_us = 1001000, .upstream_tx_last_us = 1003000,
        .upstream_rx_first_us = 1010000, .upstream_rx_last_us = 1020000,
        .downstream_tx_first_us = 1011000, .downstream_tx_last_us = 1021000, .end_us = 1030999,
        .log_type = NC_LOG_DOWNSTREAM_END,
        .bytes_received = 3, .bytes_sent = 1024, .wire_received = 400, .wire_sent = 1300,
        .upstream_wire_sent = 390, .upstream_wire_received = 1290, .request_header_bytes = 80,
        .response_header_bytes = 90, .response_trailer_bytes = 8,
        .flags = NC_RF_UPSTREAM_CONNECT_FAILURE | NC_RF_RETRY_LIMIT_EXCEEDED,
        .status = 200, .attempts = 2, .protocol = NC_PROTOCOL_HTTP11,
        .upstream_protocol = NC_PROTOCOL_HTTP11, .details = "via upstream",
        .upstream_failure = "delayed connect error: 111", .conn = &conn,
        .route_name = NC_STR("r"), .cluster_name = NC_STR("c"),
        .upstream_host_name = NC_STR("up.example:8080"), .request_id = NC_STR("id-1"),
        .upstream_connection_id = 7
    };
    set_peer(&info.remote, "1.2.3.4", 4000);
    set_peer(&info.upstream_remote, "10.1.1.1", 8080);
    set_peer(&info.upstream_local, "10.0.0.1", 33000);
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


static const char *
print(const nc_format_t *f)
{
    nc_sb_t         sb;
    nc_str_t        s;
    nc_http_view_t  view = { &info, &request, &response, NULL, &trailers };

    ck_assert_msg(f != NULL, "%s", nc_test_errors(&t));
    nc_sb_init(&sb);
    nc_format_print(f, &view, &sb);
    s = nc_pool_str(&t.pool, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return s.data;
}


static const char *
text(const char *format, unsigned flags)
{
    return print(nc_format_compile(&t.cc, NULL, "f", nc_str_c(format), flags));
}


static const nc_format_t *
compile_message(const char *yaml)
{
    return nc_format_compile_message(&t.cc, (const void *) nc_test_message(&t,
        &envoy__config__core__v3__substitution_format_string__descriptor, yaml));
}


START_TEST(operators_give_what_the_table_says)
{
    static const struct { const char *format, *out; }  rows[] = {
        { "plain 100%%", "plain 100%" }, { "", "" },
        { "%REQ(:METHOD)%", "GET" }, { "%REQUEST_HEADER(user-agent):4%", "curl" },
        { "%REQ(X-NONE?USER-AGENT)%", "curl/8" }, { "%REQ(X-NONE)%", "-" },
        { "%REQ(X-TWO)%", "first" }, { "%REQ(HOST)%", "example.org" },
        { "%REQ(X-NONE?X-NONE2):3%|", "-|" },
        { "%RESP(X-UP)%", "12" }, { "%RESP(X-EMPTY)%", "" },
        { "%RESPONSE_HEADER(:STATUS)%", "200" },
        { "%TRAILER(X-SUM):2%", "ab" }, { "%RESPONSE_TRAILER(X-SUM)%", "abc" },
        { "%BYTES_RECEIVED% %BYTES_SENT%", "3 1024" },
        { "%DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT%", "400 1300" },
        { "%UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT%", "1290 390" },
        { "%REQUEST_HEADERS_BYTES% %RESPONSE_HEADERS_BYTES% %RESPONSE_TRAILERS_BYTES%", "80 90 8" },
        { "%RESPONSE_CODE%", "200" }, { "%RESPONSE_CODE_DETAILS%", "via_upstream" },
        { "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", "via upstream" },
        { "%RESPONSE_FLAGS%", "UF,URX" },
        { "%RESPONSE_FLAGS_LONG%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded" },
        { "%CONNECTION_TERMINATION_DETAILS%", "-" },
        { "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "delayed_connect_error:_111" },
        { "%PROTOCOL% %UPSTREAM_PROTOCOL%", "HTTP/1.1 HTTP/1.1" },
        { "%DURATION%", "30" }, { "%REQUEST_DURATION%", "2" }, { "%REQUEST_TX_DURATION%", "3" },
        { "%RESPONSE_DURATION%", "10" }, { "%RESPONSE_TX_DURATION%", "11" },
        { "%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)%", "10000" },
        { "%COMMON_DURATION(US_TX_BEG:DS_TX_END:ms)%", "20" },
        { "%COMMON_DURATION(US_RX_BEG:US_RX_END:ns)%", "10000000" },
        { "%COMMON_DURATION(DS_TX_END:DS_RX_BEG:ns)%", "-" },
        { "%ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%", "r c c" },
        { "%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS%", "10.1.1.1:8080 10.1.1.1:8080" },
        { "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%", "10.1.1.1 8080" },
        { "%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%", "up.example:8080 up.example" },
        { "%UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT%",
          "10.0.0.1:33000 10.0.0.1 33000" },
        { "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_CONNECTION_ID% %CONNECTION_ID%", "2 7 42" },
        { "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% "
          "%DOWNSTREAM_REMOTE_PORT%", "1.2.3.4:4000 1.2.3.4 4000" },
        { "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% "
          "%DOWNSTREAM_DIRECT_REMOTE_PORT%", "10.0.0.9:5000 10.0.0.9 5000" },
        { "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% "
          "%DOWNSTREAM_LOCAL_PORT%", "10.0.0.1:80 10.0.0.1 80" },
        { "%REQUESTED_SERVER_NAME% %DOWNSTREAM_PEER_URI_SAN% %TRACE_ID%", "- - -" },
        { "%STREAM_ID% %ACCESS_LOG_TYPE%", "id-1 DownstreamEnd" },
        { "%PATH%", "/p%20q?a=1%202&b=%0ax" }, { "%PATH(NQ)%", "/p%20q" },
        { "%PATH(NQ:ORIG)%", "-" }, { "%PATH(WQ:PATH):4%", "/p%2" },
        { "%QUERY_PARAM(a)%", "1 2" }, { "%QUERY_PARAM(b)%", "%0ax" }, { "%QUERY_PARAM(c)%", "-" },
        { "%GRPC_STATUS% %GRPC_STATUS_NUMBER%", "- -" }, { "%LOCAL_REPLY_BODY%", "" },
        { "%ENVIRONMENT(NC_TEST_NOT_SET)%", "-" },
        { "%START_TIME%", "2020-12-31T23:59:59.123Z" },
        { "%START_TIME(%Y/%m/%d %H:%M:%S.%3f %s %f %6f)%",
          "2020/12/31 23:59:59.123 1609459199 123456000 123456" },
        { "%START_TIME(%F %T %E2S %E*S %E1f %E*f %Ez %E4Y %ET %a %b %%)%",
          "2020-12-31 23:59:59 59.12 59.123456 1 123456 +00:00 2020 T Thu Dec %" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        ck_assert_str_eq(text(rows[i].format, 0), rows[i].out);
    }
}
END_TEST


START_TEST(the_host_name_is_this_machines)
{
    char  name[256] = "";

    gethostname(name, sizeof(name) - 1);
    ck_assert_str_eq(text("%HOSTNAME%", 0), name);
}
END_TEST


START_TEST(the_default_line_is_envoys)
{
    info.flags = 0;

    ck_assert_str_eq(print(nc_format_compile(&t.cc, NULL, "", nc_format_default, 0)),
        "[2020-12-31T23:59:59.123Z] \"GET /p%20q?a=1%202&b=%0ax HTTP/1.1\" 200 - 3 1024 30 - "
        "\"-\" \"curl/8\" \"-\" \"example.org\" \"10.1.1.1:8080\"\n");
}
END_TEST


START_TEST(grpc_status_comes_from_trailers_headers_or_http)
{
    nc_headers_add(&request, NC_STR("content-type"), NC_STR("application/grpc+proto"));
    ck_assert_str_eq(text("%GRPC_STATUS%", 0), "Unknown");

    info.status = 503;
    ck_assert_str_eq(text("%GRPC_STATUS(SNAKE_STRING)%", 0), "UNAVAILABLE");

    nc_headers_add(&response, NC_STR("grpc-status"), NC_STR("5"));
    ck_assert_str_eq(text("%GRPC_STATUS(CAMEL_STRING)% %GRPC_STATUS(NUMBER)%", 0), "NotFound 5");

    nc_headers_add(&trailers, NC_STR("grpc-status"), NC_STR("x"));
    ck_assert_str_eq(text("%GRPC_STATUS% %GRPC_STATUS_NUMBER%", 0), "InvalidCode -1");
}
END_TEST


START_TEST(what_has_not_happened_is_a_dash_or_nothing)
{
    info = (nc_http_info_t) { .status = 0 };

    ck_assert_str_eq(text("%RESPONSE_CODE%", 0), "200");    /* of the headers being made */
    nc_headers_del_id(&response, NC_H_STATUS);

    ck_assert_str_eq(text("%DURATION%|%UPSTREAM_HOST%|%ROUTE_NAME%|%CONNECTION_ID%|%PROTOCOL%|"
        "%RESPONSE_CODE%|%RESPONSE_FLAGS%|%RESPONSE_CODE_DETAILS%", 0), "-|-|-|-|-|0|-|-");
    ck_assert_str_eq(text("%DURATION%|%UPSTREAM_HOST%|%REQ(X-NONE)%", NC_FORMAT_OMIT_EMPTY), "||");
}
END_TEST


START_TEST(local_time_and_emit_time_print)
{
    setenv("TZ", "XXX-05:30", 1);
    tzset();
    ck_assert_str_eq(text("%START_TIME_LOCAL(%F %T %Ez %z)%", 0),
        "2021-01-01 05:29:59 +05:30 +0530");
    ck_assert_int_eq(strncmp(text("%EMIT_TIME%", 0), "20", 2), 0);
    ck_assert_int_eq(strncmp(text("%EMIT_TIME_LOCAL(%Y)%", 0), "20", 2), 0);
}
END_TEST


START_TEST(json_keeps_types)
{
    ck_assert_str_eq(print(compile_message(
        "json_format:\n"
        "  agent: '%REQ(USER-AGENT)%'\n"
        "  empty: {}\n"
        "  fixed: a\"b 100%%\n"
        "  mixed: '<%RESPONSE_CODE%|%REQ(X-NONE)%|%REQ(X-QUOTE)%>'\n"
        "  nested: {list: ['%PROTOCOL%', 3, {a: b}], z: '%DURATION%'}\n"
        "  none: '%REQ(X-NONE)%'\n"
        "  nothing: null\n"
        "  number: 1.5\n"
        "  quote: '%REQ(X-QUOTE)%'\n"
        "  status: '%RESPONSE_CODE%'\n"
        "  yes: true\n")),
        "{\"agent\":\"curl/8\",\"empty\":{},\"fixed\":\"a\\\"b 100%\","
        "\"mixed\":\"<200|-|a\\\"b>\",\"nested\":{\"list\":[\"HTTP/1.1\",3,{\"a\":\"b\"}],"
        "\"z\":30},\"none\":null,\"nothing\":null,\"number\":1.5,\"quote\":\"a\\\"b\","
        "\"status\":200,\"yes\":true}\n");
}
END_TEST


START_TEST(json_leaves_out_empty_values_and_sorts_when_told)
{
    ck_assert_str_eq(print(compile_message(
        "omit_empty_values: true\n"
        "json_format_options: {sort_properties: true}\n"
        "json_format:\n"
        "  z: '%REQ(X-NONE)%'\n"
        "  y: '%RESPONSE_CODE%'\n"
        "  b: {c: '%REQ(X-NONE)%', a: '%REQ(X-NONE)%x'}\n"
        "  a: '%REQ(X-NONE)%'\n"
        "  x: [1, 2]\n")),
        "{\"b\":{\"a\":\"x\"},\"x\":[1,2],\"y\":200}\n");
}
END_TEST


START_TEST(untyped_json_is_all_strings)
{
    const Envoy__Config__Core__V3__SubstitutionFormatString  *m;

    m = (const void *) nc_test_message(&t,
        &envoy__config__core__v3__substitution_format_string__descriptor,
        "json_format: {m: '%REQ(:METHOD)%!', n: '%REQ(X-NONE)%', s: '%RESPONSE_CODE%'}");

    ck_assert_str_eq(print(nc_format_compile_json(&t.cc, NULL, "", m->json_format, false)),
        "{\"m\":\"GET!\",\"n\":\"-\",\"s\":\"200\"}\n");
}
END_TEST


START_TEST(json_stays_json_whatever_the_client_sends)
{
    nc_headers_add(&request, NC_STR("x-bad"), NC_STR("\xff\"\\\xc3\xa9"));

    ck_assert_str_eq(print(compile_message(
        "json_format: {a: '%REQ(X-BAD)%', b: '%REQ(X-BAD):1%'}")),
        "{\"a\":\"\\u00ff\\\"\\\\\xc3\xa9\",\"b\":\"\\u00ff\"}\n");
}
END_TEST


START_TEST(text_comes_from_a_source_too)
{
    const nc_format_t  *f;

    f = compile_message("{text_format_source: {inline_string: 'x%PROTOCOL%'}, content_type: a/b}");
    ck_assert_str_eq(print(f), "xHTTP/1.1");
    ck_assert(nc_str_eq(nc_format_content_type(f), NC_STR("a/b")));

    f = compile_message("{text_format: 'fixed'}");
    ck_assert(nc_str_eq(nc_format_literal(f), NC_STR("fixed")));
    ck_assert(nc_str_eq(nc_format_content_type(f), NC_STR("text/plain")));
    ck_assert(nc_str_eq(nc_format_content_type(compile_message("{json_format: {}}")),
        NC_STR("application/json")));

    ck_assert_ptr_null(compile_message("{text_format_source: {filename: /nc-none}}"));
    ck_assert_str_eq(nc_test_errors(&t),
        "filename: cannot read '/nc-none': No such file or directory\n");
}
END_TEST


START_TEST(wrong_formats_are_errors)
{
    static const struct { const char *format, *error; }  rows[] = {
        { "%NOPE%", "unknown operator %NOPE%" },
        { "%PROTOCAL%", "unknown operator %PROTOCAL%, did you mean %PROTOCOL%?" },
        { "%CUSTOM_FLAGS%", "operator %CUSTOM_FLAGS% exists in Envoy, not in this version of "
          "Nuncio" },
        { "%DYNAMIC_METADATA(a::b)%", "%DYNAMIC_METADATA(a::b)%: expected NAMESPACE:KEY:..." },
        { "%FILTER_STATE(a:FIELD:b)%", "%FILTER_STATE(a:FIELD:b)%: expected KEY, KEY:PLAIN or "
          "KEY:TYPED" },
        { "%REQ%", "%REQ% needs an argument: %REQ(...)%" },
        { "%REQ()%", "%REQ% needs an argument: %REQ(...)%" },
        { "%REQ(a b)%", "%REQ(a b)%: expected a header name, or two as X?Y" },
        { "%REQ(a?)%", "%REQ(a?)%: expected a header name, or two as X?Y" },
        { "%PROTOCOL(x)%", "%PROTOCOL% takes no argument" },
        { "%PROTOCOL:3%", "%PROTOCOL% takes no length" },
        { "%START_TIME(%Q)%", "%START_TIME(%Q)%: an unknown specifier in the time format" },
        { "%START_TIME(a%)%", "%START_TIME(a%)%: a lone % at the end of the time format" },
        { "%GRPC_STATUS(X)%", "%GRPC_STATUS(X)%: expected CAMEL_STRING, SNAKE_STRING or NUMBER" },
        { "%PATH(X)%", "%PATH(X)%: expected WQ or NQ, then ORIG, PATH or ORIG_OR_PATH, as in "
          "NQ:PATH" },
        { "%RESPONSE_CODE_DETAILS(X)%", "%RESPONSE_CODE_DETAILS(X)%: expected ALLOW_WHITESPACES "
          "or nothing" }
    };
    static const char *const  malformed[] = {
        "50%", "%", "%REQ(x%", "%req(x)%", "%REQ(x):%", "%REQ(x):0%", "%REQ(x):a%",
        "%REQ(x)y%", "%REQ(x):99999999999%", "% %"
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char  expected[256];

        snprintf(expected, sizeof(expected), "f: %s\n", rows[i].error);
        ck_assert_ptr_null(nc_format_compile(&t.cc, NULL, "f", nc_str_c(rows[i].format), 0));
        ck_assert_str_eq(nc_test_errors(&t), expected);
    }

    for (size_t i = 0; i < NC_COUNTOF(malformed); i++) {
        ck_assert_ptr_null(nc_format_compile(&t.cc, NULL, "f", nc_str_c(malformed[i]), 0));
        ck_assert_ptr_nonnull(strstr(nc_test_errors(&t), "no operator at position"));
    }
}
END_TEST


START_TEST(a_builder_that_is_full_is_never_overrun)
{
    char                memory[9];
    nc_sb_t             sb;
    nc_http_view_t      view = { &info, &request, &response, NULL, NULL };
    const nc_format_t  *f = nc_format_compile(&t.cc, NULL, "", nc_format_default, 0);

    for (size_t n = 0; n < sizeof(memory); n++) {
        memset(memory, '#', sizeof(memory));
        nc_sb_fixed(&sb, memory, n);
        nc_format_print(f, &view, &sb);
        ck_assert(sb.truncated);
        ck_assert_int_eq(memory[n], '#');
    }
}
END_TEST


static nc_rc_t
parse_own(const void *conf, nc_compile_t *cc, nc_str_t name, nc_str_t arg, const void **op,
    const char **why)
{
    if (!nc_str_eq(name, NC_STR("OWN"))) {
        return NC_DECLINED;
    }

    if (arg.len == 0) {
        *why = "say something";
        return NC_ERROR;
    }

    (void) conf;
    *op = nc_pool_str(cc->pool, arg).data;

    return NC_OK;
}


static void
own_value(const void *op, const nc_http_view_t *view, nc_sb_t *scratch, nc_format_value_t *value)
{
    nc_sb_printf(scratch, "%s-%u", (const char *) op, view->info->status);
    value->type = NC_FV_STR;
    value->str = nc_sb_str(scratch);
}


static const nc_formatter_ops_t  own_ops = { parse_own, own_value };
static const nc_module_t         own = { .kind = NC_FORMATTER, .ops = &own_ops };


static const void *
extension(nc_compile_t *cc, int kind, const char *name,
    const struct ProtobufCMessage *typed_config, const nc_module_t **module)
{
    (void) cc;
    (void) name;
    (void) typed_config;
    ck_assert_int_eq(kind, NC_FORMATTER);
    *module = &own;

    return NULL;
}


START_TEST(a_formatter_module_adds_operators)
{
    t.cc.extension = extension;

    ck_assert_str_eq(print(compile_message("{text_format: '%OWN(x)% %PROTOCOL%', formatters: "
        "[{name: own, typed_config: {'@type': type.googleapis.com/envoy.type.v3.Percent}}]}")),
        "x-200 HTTP/1.1");
    ck_assert_ptr_null(compile_message("{text_format: '%OWN%', formatters: "
        "[{name: own, typed_config: {'@type': type.googleapis.com/envoy.type.v3.Percent}}]}"));
    ck_assert_str_eq(nc_test_errors(&t), "text_format: %OWN()%: say something\n");
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("formatter");
    TCase    *c = tcase_create("formatter");
    SRunner  *r;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, operators_give_what_the_table_says);
    tcase_add_test(c, the_host_name_is_this_machines);
    tcase_add_test(c, the_default_line_is_envoys);
    tcase_add_test(c, grpc_status_comes_from_trailers_headers_or_http);
    tcase_add_test(c, what_has_not_happened_is_a_dash_or_nothing);
    tcase_add_test(c, local_time_and_emit_time_print);
    tcase_add_test(c, json_keeps_types);
    tcase_add_test(c, json_leaves_out_empty_values_and_sorts_when_told);
    tcase_add_test(c, untyped_json_is_all_strings);
    tcase_add_test(c, json_stays_json_whatever_the_client_sends);
    tcase_add_test(c, text_comes_from_a_source_too);
    tcase_add_test(c, wrong_formats_are_errors);
    tcase_add_test(c, a_builder_that_is_full_is_never_overrun);
    tcase_add_test(c, a_formatter_module_adds_operators);
    suite_add_tcase(s, c);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
