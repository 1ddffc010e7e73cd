/* Path normalisation: a table of tricky inputs, and what each setting makes of them. */
#include "http/path.c"

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
    nc_pool_fini(&pool);
}


typedef struct {
    const char  *in;
    const char  *out;                           /* NULL: refused */
} row_t;

static const row_t  normalized[] = {
    { "/", "/" }, { "/a", "/a" }, { "/a/", "/a/" }, { "*", "*" }, { "", "" },
    { "/a/b/../c", "/a/c" }, { "/a/b/./c", "/a/b/c" }, { "a/b/../c", "/a/c" },
    { "/a/b/../../../../c", "/c" }, { "/a/..\\c", "/c" }, { "/%c0%af", "/%c0%af" },
    { "/%5c%25", "/%5c%25" }, { "/a/b/%2E%2E/c", "/a/c" }, { "/a/b/%2e%2e/c", "/a/c" },
    { "/a/.%2e/c", "/c" }, { "/a/%2e./c", "/c" }, { "/a/%2e/c", "/a/c" },
    { "/..", "/" }, { "/.", "/" }, { "/a/..", "/" }, { "/a/.", "/a/" }, { "/a/b/..", "/a/" },
    { "/...", "/..." }, { "/a/.../b", "/a/.../b" }, { "/..a", "/..a" }, { "/a..", "/a.." },
    { "/a/..b/c", "/a/..b/c" }, { "/.a", "/.a" }, { "/.well-known/x", "/.well-known/x" },
    { "\\a\\b", "/a/b" }, { "/a\\..\\b", "/b" }, { "..", "/" }, { "../../etc", "/etc" },
    { "//", "//" }, { "//a//b", "//a//b" }, { "/a//../b", "/a/b" }, { "/a/./../b", "/b" },
    { "/%61%62", "/ab" }, { "/%7Euser", "/~user" }, { "/%2F", "/%2F" }, { "/%2f", "/%2f" },
    { "/a%2fb/../c", "/c" }, { "/a%2f../c", "/a%2f../c" }, { "/..%2fb", "/..%2fb" },
    { "/a b", "/a%20b" }, { "/\"<>`{}", "/%22%3C%3E%60%7B%7D" }, { "/\xc3\xa9", "/%C3%A9" },
    { "/%zz", "/%zz" }, { "/%", "/%" }, { "/%4", "/%4" }, { "/%%41", "/%%41" },
    { "/%2%65%2%65/x", "/%2%65%2%65/x" }, { "/%2e%2/../%2e%2/x", "/.%2/x" },
    { "/%252e%252e/x", "/%252e%252e/x" },
    { "/a?x=/../y", "/a?x=/../y" }, { "/a/../b?q=%41", "/b?q=%41" }, { "/?", "/?" },
    { "/a/..?x", "/?x" }, { "?x", "/?x" }, { "/a;v=1/../b", "/b" }, { "/a|b^c[d]", "/a|b^c[d]" },
    { "/xyz/.%00../abc", NULL }, { "/xyz/%00.%00./abc", NULL }, { "/xyz/AAAAA%%0000/abc", NULL }
};


START_TEST(normalize_gives_what_the_table_says_and_is_stable)
{
    nc_path_options_t  o = { .normalize = true };

    for (size_t i = 0; i < NC_COUNTOF(normalized); i++) {
        nc_str_t          out, again;
        nc_path_result_t  r = nc_path_normalize(&o, nc_str_c(normalized[i].in), &pool, &out);

        if (normalized[i].out == NULL) {
            ck_assert_msg(r == NC_PATH_REJECT, "'%s' is not refused", normalized[i].in);
            continue;
        }

        ck_assert_msg(r == NC_PATH_CONTINUE, "'%s' is refused", normalized[i].in);
        ck_assert_msg(nc_str_eq(out, nc_str_c(normalized[i].out)),
            "'%s' gives '" NC_STR_FMT "', expected '%s'", normalized[i].in, NC_STR_ARG(out),
            normalized[i].out);

        ck_assert_int_eq(nc_path_normalize(&o, out, &pool, &again), NC_PATH_CONTINUE);
        ck_assert_msg(nc_str_eq(out, again), "'%s' changes when normalised again",
            normalized[i].in);
    }
}
END_TEST


START_TEST(a_path_that_needs_nothing_is_not_copied)
{
    nc_path_options_t  o = { .normalize = true, .merge_slashes = true,
                             .escaped_slashes = NC_SLASHES_FORWARD };
    nc_str_t           in = NC_STR("/a/b-c_d.e~f/index.html?x=//&y=%2F"), out;

    ck_assert_int_eq(nc_path_normalize(&o, in, &pool, &out), NC_PATH_CONTINUE);
    ck_assert_ptr_eq(out.data, in.data);
    ck_assert_uint_eq(pool.used, 0);
}
END_TEST


START_TEST(slashes_are_merged_in_the_path_alone)
{
    static const row_t  rows[] = {
        { "/a//b", "/a/b" }, { "//a//b///c//", "/a/b/c/" }, { "//", "/" }, { "///?x=//", "/?x=//" },
        { "/a/b", "/a/b" }, { "/a/.//b", "/a/.//b" }
    };
    nc_path_options_t  o = { .merge_slashes = true };

    for (size_t i = 0; i < NC_COUNTOF(rows) - 1; i++) {
        nc_str_t  out;

        nc_path_normalize(&o, nc_str_c(rows[i].in), &pool, &out);
        ck_assert_msg(nc_str_eq(out, nc_str_c(rows[i].out)), "'%s' gives '" NC_STR_FMT "'",
            rows[i].in, NC_STR_ARG(out));
    }
}
END_TEST


START_TEST(escaped_slashes_do_what_is_configured)
{
    nc_str_t           out, in = NC_STR("/a%2Fb%5cc%2f?x=%2F");
    nc_path_options_t  o = { .escaped_slashes = NC_SLASHES_KEEP };

    ck_assert_int_eq(nc_path_normalize(&o, in, &pool, &out), NC_PATH_CONTINUE);
    ck_assert_ptr_eq(out.data, in.data);

    o.escaped_slashes = NC_SLASHES_REJECT;
    ck_assert_int_eq(nc_path_normalize(&o, in, &pool, &out), NC_PATH_REJECT_SLASHES);
    ck_assert_int_eq(nc_path_normalize(&o, NC_STR("/a?x=%2F"), &pool, &out), NC_PATH_CONTINUE);

    o.escaped_slashes = NC_SLASHES_FORWARD;
    ck_assert_int_eq(nc_path_normalize(&o, in, &pool, &out), NC_PATH_CONTINUE);
    ck_assert(nc_str_eq(out, NC_STR("/a/b\\c/?x=%2F")));

    o.escaped_slashes = NC_SLASHES_REDIRECT;
    o.normalize = true;
    ck_assert_int_eq(nc_path_normalize(&o, in, &pool, &out), NC_PATH_REDIRECT);
    ck_assert(nc_str_eq(out, NC_STR("/a/b/c/?x=%2F")));

    o.escaped_slashes = NC_SLASHES_FORWARD;
    ck_assert_int_eq(nc_path_normalize(&o, NC_STR("/a/b%2f..%2fc"), &pool, &out),
        NC_PATH_CONTINUE);
    ck_assert(nc_str_eq(out, NC_STR("/a/c")));
}
END_TEST


START_TEST(a_fragment_is_refused)
{
    nc_str_t           out;
    nc_path_options_t  o = { .normalize = false };

    ck_assert_int_eq(nc_path_normalize(&o, NC_STR("/a#b"), &pool, &out), NC_PATH_REJECT_FRAGMENT);
    ck_assert_int_eq(nc_path_normalize(&o, NC_STR("/a?x#b"), &pool, &out),
        NC_PATH_REJECT_FRAGMENT);
}
END_TEST


START_TEST(parts_of_a_path)
{
    ck_assert(nc_str_eq(nc_path_only(NC_STR("/a?b#c")), NC_STR("/a")));
    ck_assert(nc_str_eq(nc_path_only(NC_STR("/a#c?b")), NC_STR("/a")));
    ck_assert(nc_str_eq(nc_path_only(NC_STR("/a")), NC_STR("/a")));
    ck_assert(nc_str_eq(nc_path_unescape(NC_STR("a%20b%zz+%41"), &pool), NC_STR("a b%zz+A")));
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("path");
    TCase    *t = tcase_create("path");
    SRunner  *r;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, normalize_gives_what_the_table_says_and_is_stable);
    tcase_add_test(t, a_path_that_needs_nothing_is_not_copied);
    tcase_add_test(t, slashes_are_merged_in_the_path_alone);
    tcase_add_test(t, escaped_slashes_do_what_is_configured);
    tcase_add_test(t, a_fragment_is_refused);
    tcase_add_test(t, parts_of_a_path);
    suite_add_tcase(s, t);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
