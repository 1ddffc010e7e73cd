/* Regular expressions: RE2's meaning, limits, substitution, the cache of machine code. */
#include "base/regex.c"

#include <check.h>

static nc_pool_t  pool;


static void
setup(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
}


static void
teardown(void)
{
    nc_regex_fini();
    nc_pool_fini(&pool);
}


static const nc_regex_t *
compile(const char *pattern, nc_regex_mode_t mode)
{
    char               memory[256];
    nc_sb_t            why;
    const nc_regex_t  *re;

    nc_sb_fixed(&why, memory, sizeof(memory) - 1);
    re = nc_regex_compile(&pool, nc_str_c(pattern), mode, &why);
    ck_assert_msg(re != NULL, "%s: %s", pattern, nc_sb_c(&why));

    return re;
}


START_TEST(the_whole_subject_must_match)
{
    static const struct { const char *pattern, *subject; bool match; }  rows[] = {
        { "abc", "abc", true }, { "abc", "abcd", false }, { "abc", "xabc", false },
        { "a|ab", "ab", true },                 /* backs up to reach the end */
        { "/v[0-9]+/.*", "/v12/x", true }, { "/v[0-9]+/.*", "/v/x", false },
        { "(?i)ABC", "aBc", true }, { "a$", "a\n", false }, { "a.c", "a\nc", false },
        { "", "", true }, { ".*", "", true }, { "\\d{3}", "123", true },
        { "\\d{3}", "1234", false }, { "(?P<name>a)b", "ab", true },
        { "a.b", "a\xc3\xa9" "b", true },       /* one character, two bytes */
        { "a.b", "a\xff" "b", false },          /* no character at all */
        { "\\w+", "\xc3\xa9", false }           /* classes are ASCII */
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        ck_assert_msg(nc_regex_match(compile(rows[i].pattern, NC_REGEX_WHOLE),
            nc_str_c(rows[i].subject)) == rows[i].match, "'%s' on '%s'", rows[i].pattern,
            rows[i].subject);
    }
}
END_TEST


START_TEST(what_cannot_be_compiled_is_refused_with_a_reason)
{
    static const struct { const char *pattern, *why; }  rows[] = {
        { "a(b", "missing closing parenthesis at offset 3 of 'a(b'" },
        { "[z-a]", "range out of order in character class at offset 3 of '[z-a]'" },
        { "(a)\\1", "back-references are not supported in '(a)\\1'" },
        { "\\C", "using \\C is disabled by the application at offset 2 of '\\C'" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        char     memory[256];
        nc_sb_t  why;

        nc_sb_fixed(&why, memory, sizeof(memory) - 1);
        ck_assert_ptr_null(nc_regex_compile(&pool, nc_str_c(rows[i].pattern), NC_REGEX_WHOLE,
            &why));
        ck_assert_str_eq(nc_sb_c(&why), rows[i].why);
    }
}
END_TEST


START_TEST(what_is_too_large_is_refused)
{
    char     memory[256];
    char    *long_text = nc_malloc(NC_REGEX_MAX_PATTERN + 1);
    nc_sb_t  why;

    memset(long_text, 'a', NC_REGEX_MAX_PATTERN + 1);
    nc_sb_fixed(&why, memory, sizeof(memory) - 1);
    ck_assert_ptr_null(nc_regex_compile(&pool, nc_str(long_text, NC_REGEX_MAX_PATTERN + 1),
        NC_REGEX_WHOLE, &why));

    nc_sb_reset(&why);
    ck_assert_ptr_null(nc_regex_compile(&pool, NC_STR("((((a{100}){100}){10}){10})"),
        NC_REGEX_WHOLE, &why));

    free(long_text);
}
END_TEST


START_TEST(a_costly_match_is_an_error_and_counted)
{
    const nc_regex_t  *re = compile("(a+)+[bd]", NC_REGEX_WHOLE);
    char               subject[64];
    uint64_t           before = nc_regex_limit_hits;

    memset(subject, 'a', sizeof(subject));
    subject[sizeof(subject) - 1] = 'c';

    ck_assert_int_eq(nc_regex_exec(re, nc_str(subject, sizeof(subject))), NC_ERROR);
    ck_assert(!nc_regex_match(re, nc_str(subject, sizeof(subject))));
    ck_assert_uint_eq(nc_regex_limit_hits, before + 2);
}
END_TEST


START_TEST(substitution_replaces_all_matches)
{
    static const struct { const char *pattern, *subst, *subject, *result; nc_rc_t rc; }  rows[] = {
        { "b", "x", "abcb", "axcx", NC_OK },
        { "^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "/service/foo/v1/api",
          "/v1/api/instance/foo", NC_OK },
        { "one", "two", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz", NC_OK },
        { "^(.*?)one(.*)$", "\\1two\\2", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/one/zzz", NC_OK },
        { "(?i)/xXx/", "/yyy/", "/aaa/XxX/bbb", "/aaa/yyy/bbb", NC_OK },
        { "no", "x", "abc", "abc", NC_DECLINED },
        { "", "-", "ab", "-a-b-", NC_OK },
        { "b*", "-", "abb", "-a-", NC_OK },
        { "x*", "-", "\xc3\xa9", "-\xc3\xa9-", NC_OK },
        { "a(b)?", "[\\1]", "aab", "[][b]", NC_OK },
        { "a", "\\0\\0\\\\", "a", "aa\\", NC_OK }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        nc_sb_t            out, why;
        char               memory[128];
        const nc_regex_t  *re = compile(rows[i].pattern, NC_REGEX_SEARCH);

        nc_sb_fixed(&why, memory, sizeof(memory));
        ck_assert_int_eq(nc_regex_check_subst(re, nc_str_c(rows[i].subst), &why), NC_OK);
        nc_sb_init(&out);
        ck_assert_int_eq(nc_regex_subst(re, nc_str_c(rows[i].subject), nc_str_c(rows[i].subst),
            &out), rows[i].rc);
        ck_assert_str_eq(nc_sb_c(&out), rows[i].result);
        nc_sb_fini(&out);
    }
}
END_TEST


START_TEST(a_wrong_substitution_is_refused)
{
    static const char *const  wrong[] = { "\\2", "\\x", "a\\" };
    const nc_regex_t         *re = compile("(a)", NC_REGEX_SEARCH);

    for (size_t i = 0; i < NC_COUNTOF(wrong); i++) {
        char     memory[128];
        nc_sb_t  why;

        nc_sb_fixed(&why, memory, sizeof(memory));
        ck_assert_int_eq(nc_regex_check_subst(re, nc_str_c(wrong[i]), &why), NC_ERROR);
        ck_assert_uint_gt(why.len, 0);
    }
}
END_TEST


START_TEST(the_literal_prefix_is_what_every_match_begins_with)
{
    static const struct { const char *pattern, *prefix; }  rows[] = {
        { "/api/v1/.*", "/api/v1/" }, { "^/api/.*", "/api/" }, { "/a|/b", "" },
        { "/(a|b)", "/" }, { "/ab?c", "/a" }, { "/ab*", "/a" }, { "/ab+", "/ab" },
        { "/ab{2}", "/a" }, { "/a\\.b\\d", "/a.b" }, { ".*", "" }, { "", "" },
        { "(?i)/api", "" }, { "/x[|]y", "/x" }, { "/\\Qa|b\\E", "" }, { "/x\\|y|z", "" },
        { "/\xc3\xa9*", "/" }, { "/a$", "/a" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        nc_str_t  p = nc_regex_literal_prefix(&pool, nc_str_c(rows[i].pattern));

        ck_assert_msg(nc_str_eq(p, nc_str_c(rows[i].prefix)), "'%s' gives '" NC_STR_FMT "'",
            rows[i].pattern, NC_STR_ARG(p));
    }
}
END_TEST


START_TEST(machine_code_is_bounded_and_shared_by_equal_expressions)
{
    unsigned  used = 0;

    for (unsigned i = 0; i < 2 * CACHE_SIZE; i++) {
        char               text[32];
        const nc_regex_t  *re;

        snprintf(text, sizeof(text), "/path%u/[a-z]+", i);
        re = compile(text, NC_REGEX_WHOLE);
        ck_assert(!nc_regex_match(re, NC_STR("/path/x")));
        snprintf(text, sizeof(text), "/path%u/x", i);
        ck_assert(nc_regex_match(re, nc_str_c(text)));
        ck_assert(nc_regex_match(compile(re->pattern.data, NC_REGEX_WHOLE), nc_str_c(text)));
    }

    for (unsigned i = 0; i < CACHE_SIZE; i++) {
        used += cache[i].pattern != NULL;

        for (unsigned j = i + 1; cache[i].pattern && j < CACHE_SIZE && j < i + CACHE_WAYS; j++) {
            ck_assert(cache[j].pattern == NULL
                || strcmp(cache[i].pattern, cache[j].pattern) != 0);
        }
    }

    ck_assert_uint_gt(used, CACHE_SIZE / 2);
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("regex");
    TCase    *t = tcase_create("regex");
    SRunner  *r;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_whole_subject_must_match);
    tcase_add_test(t, what_cannot_be_compiled_is_refused_with_a_reason);
    tcase_add_test(t, what_is_too_large_is_refused);
    tcase_add_test(t, a_costly_match_is_an_error_and_counted);
    tcase_add_test(t, substitution_replaces_all_matches);
    tcase_add_test(t, a_wrong_substitution_is_refused);
    tcase_add_test(t, the_literal_prefix_is_what_every_match_begins_with);
    tcase_add_test(t, machine_code_is_bounded_and_shared_by_equal_expressions);
    suite_add_tcase(s, t);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
