/* Free ranges of an index space. */
#include "stats/ranges.c"

#include <check.h>

START_TEST(ranges_are_given_out_side_by_side_until_full)
{
    nc_ranges_t  r;

    nc_ranges_init(&r, 10, 20);
    ck_assert_uint_eq(nc_ranges_take(&r, 4), 10);
    ck_assert_uint_eq(nc_ranges_take(&r, 6), 14);
    ck_assert_uint_eq(nc_ranges_take(&r, 1), NC_RANGES_FULL);
    nc_ranges_fini(&r);
}
END_TEST

START_TEST(a_gap_is_used_again_and_neighbours_merge)
{
    nc_ranges_t  r;
    uint32_t     a, b, c, d;

    nc_ranges_init(&r, 0, 100);
    a = nc_ranges_take(&r, 10);
    b = nc_ranges_take(&r, 10);
    c = nc_ranges_take(&r, 10);
    d = nc_ranges_take(&r, 10);

    nc_ranges_give(&r, a, 10);
    nc_ranges_give(&r, c, 10);
    ck_assert_uint_eq(r.gaps.n, 2);
    nc_ranges_give(&r, b, 10);
    ck_assert_uint_eq(r.gaps.n, 1);
    ck_assert_uint_eq(nc_ranges_take(&r, 25), 0);
    ck_assert_uint_eq(nc_ranges_take(&r, 5), 25);
    ck_assert_uint_eq(r.gaps.n, 0);

    nc_ranges_give(&r, d, 10);
    ck_assert_uint_eq(r.top, 30);
    nc_ranges_fini(&r);
}
END_TEST

START_TEST(giving_all_back_leaves_nothing_behind)
{
    nc_ranges_t  r;
    uint32_t     at[64];
    unsigned     i;

    nc_ranges_init(&r, 0, 1000);

    for (i = 0; i < 64; i++) {
        at[i] = nc_ranges_take(&r, 1 + i % 7);
    }

    for (i = 0; i < 64; i++) {
        unsigned  k = (i * 29) % 64;

        nc_ranges_give(&r, at[k], 1 + k % 7);
    }

    ck_assert_uint_eq(r.gaps.n, 0);
    ck_assert_uint_eq(r.top, 0);
    nc_ranges_fini(&r);
}
END_TEST

START_TEST(loading_finds_the_gaps_and_takes_damaged_records)
{
    nc_ranges_t  r;
    nc_range_t   used[] = { { 20, 5 }, { 0, 5 }, { 22, 10 }, { 500, 1 }, { 95, 50 } };

    nc_ranges_init(&r, 0, 100);
    nc_ranges_load(&r, used, NC_COUNTOF(used));
    ck_assert_uint_eq(r.top, 32);
    ck_assert_uint_eq(r.gaps.n, 1);
    ck_assert_uint_eq(r.gaps.items[0].at, 5);
    ck_assert_uint_eq(r.gaps.items[0].n, 15);
    nc_ranges_fini(&r);
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("stats/ranges");
    TCase    *tc = tcase_create("ranges");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, ranges_are_given_out_side_by_side_until_full);
    tcase_add_test(tc, a_gap_is_used_again_and_neighbours_merge);
    tcase_add_test(tc, giving_all_back_leaves_nothing_behind);
    tcase_add_test(tc, loading_finds_the_gaps_and_takes_damaged_records);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
