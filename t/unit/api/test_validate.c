/* Each rule by itself; what the schema asks for today is in test_errors.c. */
#include "api/rules.c"
#include "api/validate.c"

#include <check.h>
#include <math.h>

#include <envoy/config/core/v3/base.pb-c.h>
#include <envoy/config/core/v3/address.pb-c.h>
#include <google/protobuf/struct.pb-c.h>

/* A text under one rule. */
static const struct {
    nc_rule_op_t  op;
    int64_t       num;
    const char   *text;
    const char   *value;
    const char   *said;                         /* NULL: the rule is kept */
} texts[] = {
    { NC_RULE_LEN, 3, NULL, "abc", NULL },
    { NC_RULE_LEN, 3, NULL, "abcd", "must have 3 characters, not 4" },
    { NC_RULE_MIN_LEN, 1, NULL, "", "must not be empty" },
    { NC_RULE_MIN_LEN, 2, NULL, "\xc3\xa4", "must have at least 2 characters, not 1" },
    { NC_RULE_MAX_LEN, 1, NULL, "\xc3\xa4", NULL },
    { NC_RULE_MAX_LEN, 1, NULL, "ab", "must have at most 1 character, not 2" },
    { NC_RULE_MIN_BYTES, 2, NULL, "\xc3\xa4", NULL },
    { NC_RULE_MAX_BYTES, 1, NULL, "\xc3\xa4", "must have at most 1 byte, not 2" },
    { NC_RULE_PATTERN, 0, "^a+$", "aaa", NULL },
    { NC_RULE_PATTERN, 0, "^a+$", "aab", "must match the pattern ^a+$" },
    { NC_RULE_PATTERN, 0, "^a+$", "aa\n", "must match the pattern ^a+$" },
    { NC_RULE_PREFIX, 0, "%", "%x", NULL },
    { NC_RULE_PREFIX, 0, "%", "x%", "must begin with %" },
    { NC_RULE_SUFFIX, 0, "%", "x%", NULL },
    { NC_RULE_SUFFIX, 0, "%", "%x", "must end with %" },
    { NC_RULE_CONTAINS, 0, "b", "abc", NULL },
    { NC_RULE_CONTAINS, 0, "x", "abc", "must contain x" },
    { NC_RULE_NOT_CONTAINS, 0, "x", "abc", NULL },
    { NC_RULE_NOT_CONTAINS, 0, "b", "abc", "must not contain b" },
    { NC_RULE_IN, 0, "http\nhttps", "https", NULL },
    { NC_RULE_IN, 0, "http\nhttps", "ftp", "must be one of http, https" },
    { NC_RULE_NOT_IN, 0, "http\nhttps", "ftp", NULL },
    { NC_RULE_NOT_IN, 0, "http\nhttps", "http", "must not be http" },
    { NC_RULE_HTTP_HEADER_NAME, 0, NULL, "x-a_b.c", NULL },
    { NC_RULE_HTTP_HEADER_NAME, 0, NULL, ":path", NULL },
    { NC_RULE_HTTP_HEADER_NAME, 0, NULL, ":", "is not a header name" },
    { NC_RULE_HTTP_HEADER_NAME, 0, NULL, "a b", "is not a header name" },
    { NC_RULE_HTTP_HEADER_NAME, 0, NULL, "a:b", "is not a header name" },
    { NC_RULE_HTTP_HEADER_VALUE, 0, NULL, "a\tb \xc3\xa4", NULL },
    { NC_RULE_HTTP_HEADER_VALUE, 0, NULL, "a\x01", "must not contain control characters" },
    { NC_RULE_HTTP_HEADER_VALUE, 0, NULL, "a\x7f", "must not contain control characters" },
};

static nc_errors_t  errors;
static nc_checker_t    checker;

static void
setup(void)
{
    nc_errors_init(&errors);
    memset(&checker, 0, sizeof(checker));
    checker.errors = &errors;
}

static void
teardown(void)
{
    nc_errors_fini(&errors);
}

static const ProtobufCFieldDescriptor *
field(const ProtobufCMessageDescriptor *type, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(type, name);
}

/* Checks field `name` of `m` under `rules`; returns what was said, or NULL. */
static const char *
check_field(ProtobufCMessage *m, const char *name, const nc_rule_t *rules, unsigned n)
{
    const ProtobufCFieldDescriptor  *f = field(m->descriptor, name);
    nc_value_t                          v = {
        .c = &checker,
        .message = m,
        .field = f,
        .type = f,
        .at = (const char *) m + f->offset,
        .index = -1,
        .rules = rules,
        .n = n,
    };

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        check_count(&v, *NC_MEMBER(size_t, m, f->quantifier_offset),
            *NC_MEMBER(char *, m, f->offset), nc_message_is_map(m->descriptor, f));
    } else {
        nc_value_check(&v);
    }

    return errors.first ? errors.first->message : NULL;
}

static void
assert_said(const char *said, const char *expected)
{
    if (expected == NULL) {
        ck_assert_msg(said == NULL, "said: %s", said);
    } else {
        ck_assert_ptr_nonnull(said);
        ck_assert_str_eq(said, expected);
    }
}

START_TEST(text_rule_says_this)
{
    Envoy__Config__Core__V3__Locality  l = ENVOY__CONFIG__CORE__V3__LOCALITY__INIT;
    nc_rule_t                          rule = {
        .op = texts[_i].op, .num = texts[_i].num, .text = texts[_i].text
    };

    l.zone = (char *) (uintptr_t) texts[_i].value;
    assert_said(check_field(&l.base, "zone", &rule, 1), texts[_i].said);
}
END_TEST

START_TEST(loose_header_rule_refuses_only_line_breaks)
{
    Envoy__Config__Core__V3__Locality  l = ENVOY__CONFIG__CORE__V3__LOCALITY__INIT;
    static const nc_rule_t             rules[] = {
        { .op = NC_RULE_HTTP_HEADER_NAME }, { .op = NC_RULE_LOOSE }
    };
    char                               odd[] = "a b\x01";
    char                               broken[] = "a\r";

    l.zone = odd;
    assert_said(check_field(&l.base, "zone", rules, 2), NULL);
    l.zone = broken;
    assert_said(check_field(&l.base, "zone", rules, 2), "must not contain a line break");
}
END_TEST

START_TEST(empty_text_may_be_let_off)
{
    Envoy__Config__Core__V3__Locality  l = ENVOY__CONFIG__CORE__V3__LOCALITY__INIT;
    static const nc_rule_t             rules[] = {
        { .op = NC_RULE_MIN_LEN, .num = 3 }, { .op = NC_RULE_IGNORE_EMPTY }
    };
    char                               text[] = "ab";

    assert_said(check_field(&l.base, "zone", rules, 2), NULL);
    l.zone = text;
    assert_said(check_field(&l.base, "zone", rules, 2), "must have at least 3 characters, not 2");
}
END_TEST

static const struct {
    nc_rule_op_t  op;
    int64_t       num;
    const char   *text;
    uint32_t      value;
    const char   *said;
} numbers[] = {
    { NC_RULE_GT, 4, NULL, 5, NULL }, { NC_RULE_GT, 5, NULL, 5, "must be greater than 5, not 5" },
    { NC_RULE_GTE, 5, NULL, 5, NULL }, { NC_RULE_GTE, 6, NULL, 5, "must be at least 6, not 5" },
    { NC_RULE_LT, 6, NULL, 5, NULL }, { NC_RULE_LT, 5, NULL, 5, "must be less than 5, not 5" },
    { NC_RULE_LTE, 5, NULL, 5, NULL }, { NC_RULE_LTE, 4, NULL, 5, "must be at most 4, not 5" },
    { NC_RULE_GTE, -1, NULL, 0, NULL },
    { NC_RULE_LTE, 5, NULL, UINT32_MAX, "must be at most 5, not 4294967295" },
    { NC_RULE_CONST, 7, NULL, 7, NULL }, { NC_RULE_CONST, 7, NULL, 8, "must be 7" },
    { NC_RULE_IN, 0, "1\n2", 2, NULL }, { NC_RULE_IN, 0, "1\n2", 3, "must be one of 1, 2" },
    { NC_RULE_NOT_IN, 0, "0\n2", 1, NULL }, { NC_RULE_NOT_IN, 0, "0\n2", 0, "must not be 0" },
};

START_TEST(number_rule_says_this)
{
    Envoy__Config__Core__V3__RuntimeUInt32  r = ENVOY__CONFIG__CORE__V3__RUNTIME_UINT32__INIT;
    nc_rule_t                               rule = {
        .op = numbers[_i].op, .num = numbers[_i].num, .text = numbers[_i].text
    };

    r.default_value = numbers[_i].value;
    assert_said(check_field(&r.base, "default_value", &rule, 1), numbers[_i].said);
}
END_TEST

START_TEST(bounds_of_floats_refuse_what_is_no_number)
{
    Google__Protobuf__DoubleValue  d = GOOGLE__PROTOBUF__DOUBLE_VALUE__INIT;
    static const nc_rule_t         rules[] = {
        { .op = NC_RULE_GTE, .real = 0 }, { .op = NC_RULE_LTE, .real = 0.5 }
    };

    d.value = 0.5;
    assert_said(check_field(&d.base, "value", rules, 2), NULL);
    d.value = (double) NAN;
    assert_said(check_field(&d.base, "value", rules, 2), "must be at least 0, not nan");
    ck_assert_str_eq(errors.first->next->message, "must be at most 0.5, not nan");
}
END_TEST

START_TEST(constant_of_a_boolean_is_named)
{
    Envoy__Config__Core__V3__SocketAddress  a = ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__INIT;
    static const nc_rule_t                  rule = { .op = NC_RULE_CONST, .num = 1 };

    assert_said(check_field(&a.base, "ipv4_compat", &rule, 1), "must be true when it is there");
}
END_TEST

START_TEST(lists_are_counted)
{
    Google__Protobuf__ListValue  l = GOOGLE__PROTOBUF__LIST_VALUE__INIT;
    static const nc_rule_t       few = { .op = NC_RULE_MIN_ITEMS, .num = 1 };
    static const nc_rule_t       more = { .op = NC_RULE_MIN_ITEMS, .num = 2 };

    assert_said(check_field(&l.base, "values", &few, 1), "must not be empty");
    assert_said(check_field(&l.base, "values", &more, 1), "must not be empty");
    ck_assert_str_eq(errors.first->next->message, "must have at least 2 items, not 0");
}
END_TEST

START_TEST(message_without_positions_is_checked_too)
{
    Envoy__Config__Core__V3__Address        a = ENVOY__CONFIG__CORE__V3__ADDRESS__INIT;
    Envoy__Config__Core__V3__SocketAddress  s = ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__INIT;

    ck_assert_int_eq(nc_validate(NULL, &a.base, &errors), NC_ERROR);
    ck_assert_str_eq(errors.first->message, "needs one of socket_address, pipe");
    ck_assert_str_eq(errors.first->path, "");

    a.address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS;
    a.socket_address = &s;
    ck_assert_int_eq(nc_validate(NULL, &a.base, &errors), NC_ERROR);
    ck_assert_str_eq(errors.first->next->message, "must not be empty");
    ck_assert_str_eq(errors.first->next->path, "address");
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("validate");
    TCase    *tc = tcase_create("validate");
    SRunner  *sr;
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, text_rule_says_this, 0, (int) NC_COUNTOF(texts));
    tcase_add_test(tc, loose_header_rule_refuses_only_line_breaks);
    tcase_add_test(tc, empty_text_may_be_let_off);
    tcase_add_loop_test(tc, number_rule_says_this, 0, (int) NC_COUNTOF(numbers));
    tcase_add_test(tc, bounds_of_floats_refuse_what_is_no_number);
    tcase_add_test(tc, constant_of_a_boolean_is_named);
    tcase_add_test(tc, lists_are_counted);
    tcase_add_test(tc, message_without_positions_is_checked_too);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
