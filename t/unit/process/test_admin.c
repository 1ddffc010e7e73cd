/* Which handler answers, what is said when none does, and that the table can be trusted. */
#include "process/admin.c"

#include <check.h>

static nc_pool_t         pool;
static nc_admin_reply_t  r;


static void
answer(const char *method, const char *target)
{
    nc_sb_fini(&r.body);
    memset(&r, 0, sizeof(r));
    r.status = 200;
    r.type = NC_ADMIN_TEXT;
    nc_sb_init(&r.body);
    nc_admin_answer(nc_str_c(method), nc_str_c(target), &pool, &r);
}


static void
set_up(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
    nc_sb_init(&r.body);
}


static void
tear_down(void)
{
    nc_sb_fini(&r.body);
    nc_pool_fini(&pool);
}


START_TEST(every_path_stands_in_the_help_and_on_the_index)
{
    for (size_t i = 0; i < NC_COUNTOF(entries); i++) {
        answer("GET", "/help");
        ck_assert_ptr_nonnull(strstr(nc_sb_c(&r.body), entries[i].path));
        answer("GET", "/");
        ck_assert_ptr_nonnull(strstr(nc_sb_c(&r.body), entries[i].help));
    }

    ck_assert_str_eq(r.type, NC_ADMIN_HTML);
}
END_TEST


START_TEST(paths_are_sorted_and_unique)
{
    for (size_t i = 1; i < NC_COUNTOF(entries); i++) {
        ck_assert_msg(strcmp(entries[i - 1].path, entries[i].path) < 0, "%s", entries[i].path);
    }
}
END_TEST


START_TEST(an_unknown_path_is_a_404_with_the_help)
{
    answer("GET", "/nothing");
    ck_assert_uint_eq(r.status, 404);
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&r.body), "invalid path"));
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&r.body), "/config_dump"));
    answer("GET", "/stats/");
    ck_assert_uint_eq(r.status, 404);
    answer("GET", "");
    ck_assert_uint_eq(r.status, 404);
}
END_TEST


START_TEST(what_changes_something_wants_post)
{
    for (size_t i = 0; i < NC_COUNTOF(entries); i++) {
        if (entries[i].changes) {
            answer("GET", entries[i].path);
            ck_assert_uint_eq(r.status, 405);
            ck_assert_str_eq(r.allow, "POST");
            answer("HEAD", entries[i].path);
            ck_assert_uint_eq(r.status, 405);
        }
    }
}
END_TEST


START_TEST(reading_takes_get_head_and_post_only)
{
    static const char *const  good[] = { "GET", "HEAD", "POST" };
    static const char *const  bad[] = { "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "" };

    for (size_t i = 0; i < NC_COUNTOF(good); i++) {
        answer(good[i], "/help");
        ck_assert_uint_eq(r.status, 200);
    }

    for (size_t i = 0; i < NC_COUNTOF(bad); i++) {
        answer(bad[i], "/help");
        ck_assert_uint_eq(r.status, 405);
        ck_assert_ptr_nonnull(strstr(r.allow, "GET"));
    }
}
END_TEST


START_TEST(a_malformed_target_is_a_400)
{
    answer("GET", "/help?a=%zz");
    ck_assert_uint_eq(r.status, 400);
}
END_TEST


START_TEST(loopback_and_unix_sockets_are_local)
{
    nc_addr_t  a;

    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("127.0.0.1"), 1), NC_OK);
    ck_assert(is_local(&a));
    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("::1"), 1), NC_OK);
    ck_assert(is_local(&a));
    ck_assert_int_eq(nc_addr_parse_unix(&a, NC_STR("/run/x.sock")), NC_OK);
    ck_assert(is_local(&a));
    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("0.0.0.0"), 1), NC_OK);
    ck_assert(!is_local(&a));
    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("::"), 1), NC_OK);
    ck_assert(!is_local(&a));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("process/admin");
    TCase    *t = tcase_create("all");
    SRunner  *sr = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, every_path_stands_in_the_help_and_on_the_index);
    tcase_add_test(t, paths_are_sorted_and_unique);
    tcase_add_test(t, an_unknown_path_is_a_404_with_the_help);
    tcase_add_test(t, what_changes_something_wants_post);
    tcase_add_test(t, reading_takes_get_head_and_post_only);
    tcase_add_test(t, a_malformed_target_is_a_400);
    tcase_add_test(t, loopback_and_unix_sockets_are_local);
    suite_add_tcase(s, t);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? 1 : 0;
}
