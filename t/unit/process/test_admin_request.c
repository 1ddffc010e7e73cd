/* Targets and parameters of admin requests: decoded, bounded, named when wrong. */
#include "process/admin_request.c"

#include <check.h>

static nc_pool_t           pool;
static nc_admin_request_t  q;
static nc_sb_t             why;


static nc_rc_t
parse(const char *target)
{
    nc_sb_reset(&why);
    q.pool = &pool;

    return nc_admin_request_parse(&q, nc_str_c(target), &why);
}


static void
set_up(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
    nc_sb_init(&why);
}


static void
tear_down(void)
{
    nc_pool_fini(&pool);
    nc_sb_fini(&why);
}


static void
assert_str(nc_str_t got, const char *want)
{
    ck_assert_msg(nc_str_eq(got, nc_str_c(want)), "\"" NC_STR_FMT "\", not \"%s\"",
        NC_STR_ARG(got), want);
}


START_TEST(a_target_is_split_into_path_and_parameters)
{
    ck_assert_int_eq(parse("/stats?filter=a.b&usedonly&format=json"), NC_OK);
    assert_str(q.path, "/stats");
    ck_assert_uint_eq(q.n_params, 3);
    assert_str(nc_admin_param(&q, "filter"), "a.b");
    assert_str(nc_admin_param(&q, "usedonly"), "");
    ck_assert_ptr_nonnull(nc_admin_param(&q, "usedonly").data);
    ck_assert_ptr_null(nc_admin_param(&q, "type").data);
}
END_TEST


START_TEST(a_target_without_a_query_has_no_parameters)
{
    ck_assert_int_eq(parse("/ready"), NC_OK);
    ck_assert_uint_eq(q.n_params, 0);
    ck_assert_int_eq(parse("/ready?"), NC_OK);
    ck_assert_uint_eq(q.n_params, 0);
    ck_assert_int_eq(parse("/ready?&&="), NC_OK);
    ck_assert_uint_eq(q.n_params, 0);
}
END_TEST


START_TEST(escapes_are_decoded_and_a_plus_stays)
{
    ck_assert_int_eq(parse("/st%61ts?fil%74er=%5Ea+%26b%3d%25"), NC_OK);
    assert_str(q.path, "/stats");
    assert_str(nc_admin_param(&q, "filter"), "^a+&b=%");
}
END_TEST


START_TEST(malformed_escapes_are_refused_and_named)
{
    static const char *const  wrong[] = { "/%", "/%4", "/%zz", "/a%00b", "/x?a=%", "/x?a=%2",
        "/x?%=1", "/x?a=%g0" };

    for (size_t i = 0; i < NC_COUNTOF(wrong); i++) {
        ck_assert_msg(parse(wrong[i]) == NC_ERROR, "%s", wrong[i]);
        ck_assert_uint_gt(why.len, 0);
    }

    ck_assert_int_eq(parse("/x?good=1&bad=%"), NC_ERROR);
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&why), "\"bad\""));
}
END_TEST


START_TEST(a_value_keeps_its_equals_signs)
{
    ck_assert_int_eq(parse("/x?filter=a=b=c"), NC_OK);
    assert_str(nc_admin_param(&q, "filter"), "a=b=c");
}
END_TEST


START_TEST(the_number_of_parameters_is_bounded)
{
    nc_sb_t  target;

    nc_sb_init(&target);
    nc_sb_c_add(&target, "/x?");

    for (unsigned i = 0; i < NC_ADMIN_MAX_PARAMS; i++) {
        nc_sb_printf(&target, "p%u=%u&", i, i);
    }

    ck_assert_int_eq(parse(nc_sb_c(&target)), NC_OK);
    ck_assert_uint_eq(q.n_params, NC_ADMIN_MAX_PARAMS);
    nc_sb_c_add(&target, "one=more");
    ck_assert_int_eq(parse(nc_sb_c(&target)), NC_ERROR);
    nc_sb_fini(&target);
}
END_TEST


START_TEST(a_flag_is_set_by_its_name_and_unset_by_false)
{
    ck_assert_int_eq(parse("/x?a&b=false&c=0&d=true&e="), NC_OK);
    ck_assert(nc_admin_flag(&q, "a"));
    ck_assert(!nc_admin_flag(&q, "b"));
    ck_assert(!nc_admin_flag(&q, "c"));
    ck_assert(nc_admin_flag(&q, "d"));
    ck_assert(nc_admin_flag(&q, "e"));
    ck_assert(!nc_admin_flag(&q, "f"));
}
END_TEST


START_TEST(an_unknown_format_is_a_400_that_names_it)
{
    nc_admin_reply_t  r = { .status = 200, .type = NC_ADMIN_TEXT };
    bool              bad;

    nc_sb_init(&r.body);
    ck_assert_int_eq(parse("/x?format=json"), NC_OK);
    ck_assert(nc_admin_wants_json(&q, &r, &bad));
    ck_assert(!bad);
    ck_assert_str_eq(r.type, NC_ADMIN_JSON);
    ck_assert_int_eq(parse("/x?format=dance"), NC_OK);
    ck_assert(!nc_admin_wants_json(&q, &r, &bad));
    ck_assert(bad);
    ck_assert_uint_eq(r.status, 400);
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&r.body), "format"));
    nc_sb_fini(&r.body);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("process/admin_request");
    TCase    *t = tcase_create("all");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_target_is_split_into_path_and_parameters);
    tcase_add_test(t, a_target_without_a_query_has_no_parameters);
    tcase_add_test(t, escapes_are_decoded_and_a_plus_stays);
    tcase_add_test(t, malformed_escapes_are_refused_and_named);
    tcase_add_test(t, a_value_keeps_its_equals_signs);
    tcase_add_test(t, the_number_of_parameters_is_bounded);
    tcase_add_test(t, a_flag_is_set_by_its_name_and_unset_by_false);
    tcase_add_test(t, an_unknown_format_is_a_400_that_names_it);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
