/* Histograms: buckets, quantiles, counts below a bound. */
#include "stats/sums.c"

#include <check.h>

START_TEST(every_value_falls_into_a_bucket_that_holds_it)
{
    uint64_t  v;
    uint32_t  last = 0, b;

    for (v = 0; v < 100000; v++) {
        b = nc_histogram_bucket(v);
        ck_assert_uint_le(nc_hist_low(b), v);
        ck_assert_uint_gt(nc_hist_high(b), v);
        ck_assert(b == last || b == last + 1);
        last = b;
    }

    for (v = 16; v < (1ull << 41); v = v * 9 / 8) {
        b = nc_histogram_bucket(v);
        ck_assert_uint_le(nc_hist_low(b), v);
        ck_assert_uint_gt(nc_hist_high(b), v);
        ck_assert_uint_le((nc_hist_high(b) - nc_hist_low(b)) * 8, nc_hist_low(b));
    }

    ck_assert_uint_eq(nc_histogram_bucket((1ull << 41) - 1), NC_HISTOGRAM_BUCKETS - 1);
    ck_assert_uint_eq(nc_histogram_bucket(UINT64_MAX), NC_HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(quantiles_are_within_the_bound)
{
    nc_hist_t  h = { .count = 0 };
    unsigned   i;

    for (i = 1; i <= 10000; i++) {
        h.buckets[nc_histogram_bucket(i)]++;
        h.count++;
    }

    for (i = 1; i < 100; i++) {
        double  q = nc_hist_quantile(&h, i / 100.0), exact = i * 100.0;

        ck_assert_msg(q > exact * 0.875 && q < exact * 1.125, "P%u: %g", i, q);
    }

    ck_assert_double_eq(nc_hist_quantile(&h, 0), 1);
    ck_assert_double_ge(nc_hist_quantile(&h, 1), 10000);
    ck_assert_double_lt(nc_hist_quantile(&h, 1), 11250);
    memset(&h, 0, sizeof(h));
    ck_assert_double_nan(nc_hist_quantile(&h, 0.5));
}
END_TEST

START_TEST(counts_below_a_bound_grow_and_end_at_all)
{
    nc_hist_t  h = { .count = 0 };
    uint64_t   n, before = 0;
    unsigned   i;

    for (i = 0; i < 5000; i++) {
        h.buckets[nc_histogram_bucket(i)]++;
        h.count++;
    }

    for (i = 0; i < NC_HIST_BOUNDS; i++) {
        n = nc_hist_at_most(&h, nc_hist_bounds[i]);
        ck_assert_uint_ge(n, before);

        if (nc_hist_bounds[i] < 5000) {
            ck_assert_double_ge((double) n, floor(nc_hist_bounds[i]) * 0.9);
            ck_assert_double_le((double) n, (floor(nc_hist_bounds[i]) + 1) * 1.1);
        } else {
            ck_assert_uint_eq(n, i >= 12 ? 5000 : n);
        }

        before = n;
    }
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("stats/sums");
    TCase    *tc = tcase_create("sums");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, every_value_falls_into_a_bucket_that_holds_it);
    tcase_add_test(tc, quantiles_are_within_the_bound);
    tcase_add_test(tc, counts_below_a_bound_grow_and_end_at_all);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
