/* Headers to add and to remove. */
#include "http/mutations.c"

#include <check.h>

#include "envoy/config/route/v3/route.pb-c.h"
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


static nc_rc_t
compile(const char *yaml, const nc_mutations_t **m)
{
    const Envoy__Config__Route__V3__RouteConfiguration  *msg;

    msg = (const void *) nc_test_message(&t,
        &envoy__config__route__v3__route_configuration__descriptor, yaml);

    return nc_mutations_compile(&t.cc, &(nc_mutations_src_t) {
        &msg->base, "request_headers_to_add", msg->request_headers_to_add,
        msg->n_request_headers_to_add, "request_headers_to_remove",
        msg->request_headers_to_remove, msg->n_request_headers_to_remove }, m);
}


static const char *
apply(const char *yaml, const char *lines)
{
    nc_headers_t           h;
    nc_http_info_t         info = { .status = 200, .local_reply_body = NC_STR("a\r\nset: x") };
    nc_http_view_t         view = { .info = &info, .request = &h };
    const nc_mutations_t  *m;

    ck_assert_int_eq(compile(yaml, &m), NC_OK);
    nc_test_headers(&h, &t.pool, lines);
    nc_mutations_apply(m, &h, &view, &t.pool);

    return nc_test_headers_text(&h, &t.pool);
}


#define ADD(name, value, more)  \
    "request_headers_to_add: [{header: {key: " name ", value: \"" value "\"}" more "}]"


START_TEST(append_actions)
{
    static const struct { const char *yaml, *before, *after; }  rows[] = {
        { ADD("X-A", "2", ""), "x-a: 1\n", "x-a: 1\nx-a: 2\n" },
        { ADD("x-a", "2", ", append_action: APPEND_IF_EXISTS_OR_ADD"), "", "x-a: 2\n" },
        { ADD("x-a", "2", ", append_action: ADD_IF_ABSENT"), "x-a: 1\n", "x-a: 1\n" },
        { ADD("x-a", "2", ", append_action: ADD_IF_ABSENT"), "", "x-a: 2\n" },
        { ADD("x-a", "2", ", append_action: OVERWRITE_IF_EXISTS_OR_ADD"),
          "x-a: 1\nx-b: 1\nx-a: 3\n", "x-a: 2\nx-b: 1\n" },
        { ADD("x-a", "2", ", append_action: OVERWRITE_IF_EXISTS_OR_ADD"), "", "x-a: 2\n" },
        { ADD("x-a", "2", ", append_action: OVERWRITE_IF_EXISTS"), "", "" },
        { ADD("x-a", "2", ", append_action: OVERWRITE_IF_EXISTS"), "x-a: 1\n", "x-a: 2\n" },
        { ADD("x-a", "2", ", append: false"), "x-a: 1\n", "x-a: 2\n" },
        { ADD("x-a", "2", ", append: true"), "x-a: 1\n", "x-a: 1\nx-a: 2\n" },
        { ADD("x-a", "", ""), "", "" },
        { ADD("x-a", "", ", keep_empty_value: true"), "", "x-a: \n" },
        { ADD("x-a", "", ", append_action: OVERWRITE_IF_EXISTS_OR_ADD"), "x-a: 1\n", "x-a: 1\n" },
        { ADD("x-a", "%REQ(x-b)%", ""), "x-b: 7\n", "x-b: 7\nx-a: 7\n" },
        { ADD("x-a", "%REQ(x-b)%", ""), "", "" },
        { ADD("x-a", "%REQ(x-b)%", ", keep_empty_value: true"), "", "x-a: \n" },
        { ADD("x-a", "<%REQ(x-b):2%> 100%%", ""), "x-b: 789\n", "x-b: 789\nx-a: <78> 100%\n" },
        { ADD("x-a", "%LOCAL_REPLY_BODY%", ""), "", "" },
        { ADD("x-a", " v ", ""), "", "x-a: v\n" },
        { "request_headers_to_remove: [X-A, x-none]", "x-a: 1\nx-b: 2\nx-a: 3\n", "x-b: 2\n" },
        { "request_headers_to_remove: [x-a]\n" ADD("x-a", "%REQ(x-a)%2", ""), "x-a: 1\n",
          "x-a: 2\n" },
        { "request_headers_to_add: [{header: {key: x-a, value: '1'}}, {header: {key: x-b, "
          "value: '%REQ(x-a)%'}}, {header: {key: x-a, value: '0'}, append: false}]",
          "x-a: old\n", "x-a: 0\nx-a: 1\nx-b: old\n" },
        { "request_headers_to_add: [{header: {key: x-a, raw_value: 'NyA4'}}]", "", "x-a: 7 8\n" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        const char  *after = apply(rows[i].yaml, rows[i].before);

        ck_assert_msg(strcmp(after, rows[i].after) == 0, "%s on '%s' gives '%s', expected '%s'",
            rows[i].yaml, rows[i].before, after, rows[i].after);
        nc_test_compile_fini(&t);
        nc_test_compile_init(&t);
    }
}
END_TEST


START_TEST(wrong_mutations_are_errors)
{
    static const struct { const char *yaml, *errors; }  rows[] = {
        { ADD("':path'", "x", ""),
          "key: ':path': :-prefixed or host headers may not be modified\n" },
        { ADD("Host", "x", ""), "key: 'Host': :-prefixed or host headers may not be modified\n" },
        { ADD("'a b'", "x", ""), "key: 'a b' is not a header name\n" },
        { ADD("a", "x\\ny", ""), "value: has bytes that a header value must not have\n" },
        { ADD("a", "%NOPE%", ""), "value: unknown operator %NOPE%\n" },
        { ADD("a", "%CUSTOM_FLAGS%", ""), "value: operator %CUSTOM_FLAGS% exists in Envoy, not in "
          "this version of Nuncio\n" },
        { ADD("a", "x", ", append: true, append_action: ADD_IF_ABSENT"),
          "append: append and append_action must not both be set\n" },
        { "request_headers_to_add: [{header: {key: a, value: x, raw_value: eA==}}]",
          "raw_value: value and raw_value must not both be set\n" },
        { "request_headers_to_remove: [ok, ':method', host]",
          "request_headers_to_remove[1]: ':method': :-prefixed or host headers may not be "
          "removed\nrequest_headers_to_remove[2]: 'host': :-prefixed or host headers may not be "
          "removed\n" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        const nc_mutations_t  *m;

        ck_assert_int_eq(compile(rows[i].yaml, &m), NC_ERROR);
        ck_assert_str_eq(nc_test_errors(&t), rows[i].errors);
    }
}
END_TEST


START_TEST(no_lists_give_no_object)
{
    const nc_mutations_t  *m;

    ck_assert_int_eq(compile("{}", &m), NC_OK);
    ck_assert_ptr_null(m);
    nc_mutations_apply(NULL, NULL, NULL, NULL);
}
END_TEST


START_TEST(a_value_longer_than_the_stack_buffer_is_whole)
{
    char           *line = nc_malloc(3 * VALUE_BYTES);
    nc_headers_t    h;
    nc_http_info_t  info = { .status = 200 };
    nc_http_view_t  view = { .info = &info, .request = &h };
    const nc_mutations_t  *m;

    memset(line, 'v', 3 * VALUE_BYTES);
    memcpy(line, "x-b: ", 5);
    line[3 * VALUE_BYTES - 2] = '\n';
    line[3 * VALUE_BYTES - 1] = '\0';

    ck_assert_int_eq(compile(ADD("x-a", "%REQ(x-b)%.", ""), &m), NC_OK);
    nc_test_headers(&h, &t.pool, line);
    nc_mutations_apply(m, &h, &view, &t.pool);
    ck_assert_uint_eq(h.items[1].value.len, 3 * VALUE_BYTES - 2 - 5 + 1);
    free(line);
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("mutations");
    TCase    *c = tcase_create("mutations");
    SRunner  *r;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, append_actions);
    tcase_add_test(c, wrong_mutations_are_errors);
    tcase_add_test(c, no_lists_give_no_object);
    tcase_add_test(c, a_value_longer_than_the_stack_buffer_is_whole);
    suite_add_tcase(s, c);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
