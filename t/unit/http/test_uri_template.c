/* Templates of paths: what they match, what they capture, which are refused. */
#include "http/uri_template.c"

#include <check.h>

#include "base/regex.h"

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


/* `path` made anew by `rewrite`; "-" when the template does not match. */
static const char *
rewritten(const char *text, const char *path, const char *rewrite)
{
    nc_sb_t            sb, why_not;
    nc_str_t           subst;
    const char        *why, *result;
    const nc_regex_t  *re;
    nc_path_pattern_t  p;
    char               anchored[1024];

    ck_assert_msg(nc_uri_template_compile(&pool, nc_str_c(text), &p, &why) == NC_OK, "%s: %s",
        text, why);
    ck_assert_int_eq(nc_uri_rewrite_check(nc_str_c(rewrite), &why), NC_OK);
    ck_assert_int_eq(nc_uri_rewrite_subst(&pool, &p, nc_str_c(rewrite), &subst, &why), NC_OK);
    snprintf(anchored, sizeof(anchored), "^%.*s$", (int) p.regex.len, p.regex.data);
    nc_sb_init(&why_not);
    re = nc_regex_compile(&pool, nc_str_c(anchored), NC_REGEX_SEARCH, &why_not);
    ck_assert_msg(re != NULL, "%s", nc_sb_c(&why_not));
    nc_sb_init(&sb);

    result = nc_regex_subst(re, nc_str_c(path), subst, &sb) == NC_OK
             ? nc_pool_str(&pool, nc_sb_str(&sb)).data : "-";
    nc_sb_fini(&sb);
    nc_sb_fini(&why_not);

    return result;
}


START_TEST(templates_match_and_capture)
{
    static const struct { const char *text, *path, *rewrite, *want; }  rows[] = {
        { "/a/{x}", "/a/b", "/{x}/a", "/b/a" },
        { "/a/{x}", "/a/b/c", "/{x}", "-" },
        { "/a/{x}", "/a/", "/{x}", "-" },
        { "/a/*/c", "/a/b/c", "/y", "/y" },
        { "/a/**", "/a/b/c", "/y", "/y" },
        { "/a/**", "/a/", "/y", "/y" },
        { "/{v=a/*/b}/{rest=**}", "/a/1/b/c/d", "/{rest}/{v}", "/c/d/a/1/b" },
        { "/{x=*}.{kind=js}", "/app.js", "/{kind}/{x}", "/js/app" },
        { "/{x}-{y}", "/q-r", "/{y}{x}", "/rq" },
        { "/**.mpd", "/content/1/m.mpd", "/z", "/z" },
        { "/**.mpd", "/content/1/m.mp4", "/z", "-" },
        { "/a.b", "/axb", "/z", "-" },
        { "/a+b", "/a+b", "/z", "/z" }
    };

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        ck_assert_str_eq(rewritten(rows[i].text, rows[i].path, rows[i].rewrite), rows[i].want);
    }
}
END_TEST


START_TEST(what_is_no_template_is_refused)
{
    static const char *const  bad[] = {
        "", "a", "/a//b", "/**/x", "/**/*", "/{a}{b}", "/*{b}", "/***", "/{", "/{a", "/{a=}",
        "/{1a}", "/{a}/{a}", "/{a}/{b}/{c}/{d}/{e}/{f}", "/a b", "/a?b", "/{averyverylongname}",
        "/{a=b c}", "/{r=**}/{x}", "/a}"
    };

    for (size_t i = 0; i < NC_COUNTOF(bad); i++) {
        nc_path_pattern_t  p;
        const char        *why = NULL;

        ck_assert_msg(nc_uri_template_compile(&pool, nc_str_c(bad[i]), &p, &why) == NC_ERROR
            && why != NULL, "'%s' was taken", bad[i]);
    }
}
END_TEST


START_TEST(rewrites_are_checked)
{
    static const char *const  bad[] = { "", "x", "/{", "/{}", "/a b", "/{x", "/a?b", "/}" };
    const char               *why;
    nc_str_t                  subst;
    nc_path_pattern_t         p;

    for (size_t i = 0; i < NC_COUNTOF(bad); i++) {
        ck_assert_msg(nc_uri_rewrite_check(nc_str_c(bad[i]), &why) == NC_ERROR, "'%s'", bad[i]);
    }

    nc_uri_template_compile(&pool, NC_STR("/{a}"), &p, &why);
    ck_assert_int_eq(nc_uri_rewrite_subst(&pool, &p, NC_STR("/{b}"), &subst, &why), NC_ERROR);
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("uri_template");
    TCase    *c = tcase_create("all");
    SRunner  *r = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, templates_match_and_capture);
    tcase_add_test(c, what_is_no_template_is_refused);
    tcase_add_test(c, rewrites_are_checked);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
