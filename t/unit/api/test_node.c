/* What plain scalars mean, names in both spellings, UTF-8. */
#include "api/node.c"

#include <check.h>

static nc_node_t
scalar(const char *text)
{
    return (nc_node_t) { .kind = NC_NODE_SCALAR, .text = nc_str_c(text) };
}

static const struct {
    const char  *text;
    nc_plain_t   meaning;
} meanings[] = {
    { "", NC_PLAIN_NULL }, { "~", NC_PLAIN_NULL }, { "null", NC_PLAIN_NULL },
    { "Null", NC_PLAIN_NULL }, { "NULL", NC_PLAIN_NULL }, { "nULL", NC_PLAIN_STRING },
    { "true", NC_PLAIN_BOOL }, { "False", NC_PLAIN_BOOL }, { "TRUE", NC_PLAIN_BOOL },
    { "tRue", NC_PLAIN_STRING }, { "yes", NC_PLAIN_WORD_BOOL }, { "Off", NC_PLAIN_WORD_BOOL },
    { "n", NC_PLAIN_WORD_BOOL }, { "Y", NC_PLAIN_WORD_BOOL }, { "oN", NC_PLAIN_STRING },
    { "0", NC_PLAIN_NUMBER }, { "-17", NC_PLAIN_NUMBER }, { "+1", NC_PLAIN_NUMBER },
    { "1.5", NC_PLAIN_NUMBER }, { ".5", NC_PLAIN_NUMBER }, { "5.", NC_PLAIN_NUMBER },
    { "1e3", NC_PLAIN_NUMBER }, { "1e", NC_PLAIN_STRING }, { "1e+", NC_PLAIN_STRING },
    { "0x1F", NC_PLAIN_NUMBER }, { "0x", NC_PLAIN_STRING }, { "0o17", NC_PLAIN_NUMBER },
    { ".inf", NC_PLAIN_NUMBER }, { "-.Inf", NC_PLAIN_NUMBER }, { ".NaN", NC_PLAIN_NUMBER },
    { "inf", NC_PLAIN_STRING }, { "nan", NC_PLAIN_STRING }, { "1e999", NC_PLAIN_STRING },
    { "-", NC_PLAIN_STRING }, { "1.2.3", NC_PLAIN_STRING }, { "127.0.0.1", NC_PLAIN_STRING },
    { "12:30", NC_PLAIN_STRING }, { "1_000", NC_PLAIN_STRING }, { "0x1G", NC_PLAIN_STRING },
    { "5s", NC_PLAIN_STRING }, { "2026-01-31", NC_PLAIN_STRING },
};

START_TEST(plain_scalar_has_its_yaml_meaning)
{
    nc_node_t  node = scalar(meanings[_i].text);

    ck_assert_msg(nc_node_plain(&node) == meanings[_i].meaning, "'%s' is %d", meanings[_i].text,
        nc_node_plain(&node));

    node.quoted = true;
    ck_assert_int_eq(nc_node_plain(&node), NC_PLAIN_STRING);
}
END_TEST

static const struct {
    const char  *text;
    double       value;
} numbers[] = {
    { "0", 0 }, { "010", 8 }, { "0600", 384 }, { "08", 8 }, { "0x10", 16 }, { "-0x10", -16 },
    { "0o17", 15 }, { "1e3", 1000 }, { "-1.25", -1.25 }, { "4294967296", 4294967296.0 },
};

START_TEST(number_has_this_value)
{
    nc_node_t  node = scalar(numbers[_i].text);
    double     value;

    ck_assert(nc_node_number(&node, &value));
    ck_assert_double_eq(value, numbers[_i].value);
}
END_TEST

START_TEST(name_matches_in_both_spellings)
{
    ck_assert(nc_name_matches("per_try_timeout", NC_STR("per_try_timeout")));
    ck_assert(nc_name_matches("per_try_timeout", NC_STR("perTryTimeout")));
    ck_assert(!nc_name_matches("per_try_timeout", NC_STR("perTryTimeou")));
    ck_assert(!nc_name_matches("per_try_timeout", NC_STR("perTryTimeouts")));
    ck_assert(!nc_name_matches("per_try_timeout", NC_STR("PerTryTimeout")));
    ck_assert(!nc_name_matches("per_try_timeout", NC_STR("pertrytimeout")));
    ck_assert(!nc_name_matches("per_try_timeout", NC_STR("")));
    ck_assert(nc_name_matches("http2_options", NC_STR("http2Options")));
    ck_assert(nc_name_matches("a_1", NC_STR("a1")));
}
END_TEST

static const struct {
    nc_str_t  text;
    bool      ok;
} texts[] = {
    { NC_STR_INIT(""), true }, { NC_STR_INIT("abc"), true }, { NC_STR_INIT("a\0b"), false },
    { NC_STR_INIT("\xc3\xa4"), true }, { NC_STR_INIT("\xe2\x82\xac"), true },
    { NC_STR_INIT("\xf0\x9f\x98\x80"), true }, { NC_STR_INIT("\x80"), false },
    { NC_STR_INIT("\xc3"), false }, { NC_STR_INIT("\xc0\x80"), false },
    { NC_STR_INIT("\xe0\x80\x80"), false }, { NC_STR_INIT("\xed\xa0\x80"), false },
    { NC_STR_INIT("\xf4\x90\x80\x80"), false }, { NC_STR_INIT("\xf0\x80\x80\x80"), false },
    { NC_STR_INIT("\xff"), false }, { NC_STR_INIT("\xe2\x82"), false },
};

START_TEST(text_is_utf8_or_not)
{
    ck_assert_int_eq(nc_text_ok(texts[_i].text), texts[_i].ok);
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
    nc_node_t    node = scalar("123456789012345678901234567890123456789\xe2\x82\xac and more");
    const char  *said = nc_node_describe(&node);

    ck_assert_str_eq(said, "'123456789012345678901234567890123456789...'");
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("node");
    TCase    *tc = tcase_create("node");
    SRunner  *sr;
    int       failed;

    tcase_add_loop_test(tc, plain_scalar_has_its_yaml_meaning, 0, (int) NC_COUNTOF(meanings));
    tcase_add_loop_test(tc, number_has_this_value, 0, (int) NC_COUNTOF(numbers));
    tcase_add_test(tc, name_matches_in_both_spellings);
    tcase_add_loop_test(tc, text_is_utf8_or_not, 0, (int) NC_COUNTOF(texts));
    tcase_add_test(tc, long_text_is_cut_between_characters);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
