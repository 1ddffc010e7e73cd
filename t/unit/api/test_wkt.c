/* Text forms of durations, timestamps and bytes. */
#include "api/wkt.c"

#include <check.h>

static const struct {
    const char  *text;
    bool         ok;
    int64_t      seconds;
    int32_t      nanos;
    const char  *printed;
} durations[] = {
    { "0s", true, 0, 0, "0s" },
    { "1.5s", true, 1, 500000000, "1.500s" },
    { "0.25s", true, 0, 250000000, "0.250s" },
    { "-0.25s", true, 0, -250000000, "-0.250s" },
    { "-1s", true, -1, 0, "-1s" },
    { "3.000001s", true, 3, 1000, "3.000001s" },
    { "3.000000001s", true, 3, 1, "3.000000001s" },
    { "315576000000s", true, INT64_C(315576000000), 0, "315576000000s" },
    { "315576000001s", false, 0, 0, NULL },
    { "", false, 0, 0, NULL },
    { "s", false, 0, 0, NULL },
    { "-s", false, 0, 0, NULL },
    { "1", false, 0, 0, NULL },
    { "1ms", false, 0, 0, NULL },
    { "1m", false, 0, 0, NULL },
    { "1.s", false, 0, 0, NULL },
    { ".5s", false, 0, 0, NULL },
    { "+1s", false, 0, 0, NULL },
    { "1.0000000001s", false, 0, 0, NULL },
    { "1,5s", false, 0, 0, NULL },
    { " 1s", false, 0, 0, NULL },
};

START_TEST(duration_has_this_form)
{
    int64_t  seconds;
    int32_t  nanos;
    nc_sb_t  sb;

    ck_assert_int_eq(nc_parse_duration(nc_str_c(durations[_i].text), &seconds, &nanos),
        durations[_i].ok);

    if (durations[_i].ok) {
        ck_assert_int_eq(seconds, durations[_i].seconds);
        ck_assert_int_eq(nanos, durations[_i].nanos);

        nc_sb_init(&sb);
        nc_format_duration(&sb, seconds, nanos);
        ck_assert_str_eq(nc_sb_c(&sb), durations[_i].printed);
        nc_sb_fini(&sb);
    }
}
END_TEST

static const struct {
    const char  *text;
    bool         ok;
    int64_t      seconds;
    int32_t      nanos;
    const char  *printed;
} times[] = {
    { "1970-01-01T00:00:00Z", true, 0, 0, "1970-01-01T00:00:00Z" },
    { "2026-01-31T12:34:56Z", true, 1769862896, 0, "2026-01-31T12:34:56Z" },
    { "2024-02-29T23:59:59.5Z", true, 1709251199, 500000000, "2024-02-29T23:59:59.500Z" },
    { "1969-12-31T23:59:59.25Z", true, -1, 250000000, "1969-12-31T23:59:59.250Z" },
    { "2026-01-31T12:34:56+01:00", true, 1769859296, 0, "2026-01-31T11:34:56Z" },
    { "2026-01-31T12:34:56-01:30", true, 1769868296, 0, "2026-01-31T14:04:56Z" },
    { "0001-01-01T00:00:00Z", true, INT64_C(-62135596800), 0, "0001-01-01T00:00:00Z" },
    { "9999-12-31T23:59:59.999999999Z", true, INT64_C(253402300799), 999999999,
        "9999-12-31T23:59:59.999999999Z" },
    { "0001-01-01T00:00:00+01:00", false, 0, 0, NULL },
    { "2026-01-31", false, 0, 0, NULL },
    { "2026-01-31T12:34:56", false, 0, 0, NULL },
    { "2026-01-31 12:34:56Z", false, 0, 0, NULL },
    { "2026-13-31T12:34:56Z", false, 0, 0, NULL },
    { "2026-01-31T24:00:00Z", false, 0, 0, NULL },
    { "2026-01-31T12:34:56.Z", false, 0, 0, NULL },
    { "2026-01-31T12:34:56+0100", false, 0, 0, NULL },
    { "", false, 0, 0, NULL },
};

START_TEST(timestamp_has_this_form)
{
    int64_t  seconds;
    int32_t  nanos;
    nc_sb_t  sb;

    ck_assert_int_eq(nc_parse_timestamp(nc_str_c(times[_i].text), &seconds, &nanos), times[_i].ok);

    if (times[_i].ok) {
        ck_assert_int_eq(seconds, times[_i].seconds);
        ck_assert_int_eq(nanos, times[_i].nanos);

        nc_sb_init(&sb);
        nc_format_timestamp(&sb, seconds, nanos);
        ck_assert_str_eq(nc_sb_c(&sb), times[_i].printed);
        nc_sb_fini(&sb);
    }
}
END_TEST

static const struct {
    const char  *text;
    const char  *bytes;                         /* NULL: refused */
    const char  *printed;
} base64[] = {
    { "", "", "" }, { "Zg==", "f", "Zg==" }, { "Zm8=", "fo", "Zm8=" }, { "Zm9v", "foo", "Zm9v" },
    { "Zm9vYg", "foob", "Zm9vYg==" }, { "_-4", "\xff\xee", "/+4=" }, { "/+4=", "\xff\xee", "/+4=" },
    { "Z", NULL, NULL }, { "Zg=", NULL, NULL }, { "Zh==", NULL, NULL }, { "Z*==", NULL, NULL },
    { "Zm9v====", NULL, NULL }, { "Zm 9v", NULL, NULL },
};

START_TEST(base64_is_read_in_both_alphabets)
{
    uint8_t  out[64];
    size_t   len = 0;
    nc_sb_t  sb;
    bool     ok = nc_base64_decode(nc_str_c(base64[_i].text), out, &len);

    ck_assert_int_eq(ok, base64[_i].bytes != NULL);

    if (ok) {
        ck_assert_uint_eq(len, strlen(base64[_i].bytes));
        ck_assert_mem_eq(out, base64[_i].bytes, len);

        nc_sb_init(&sb);
        nc_base64_encode(&sb, out, len);
        ck_assert_str_eq(nc_sb_c(&sb), base64[_i].printed);
        nc_sb_fini(&sb);
    }
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("wkt");
    TCase    *tc = tcase_create("wkt");
    SRunner  *sr;
    int       failed;

    tcase_add_loop_test(tc, duration_has_this_form, 0, (int) NC_COUNTOF(durations));
    tcase_add_loop_test(tc, timestamp_has_this_form, 0, (int) NC_COUNTOF(times));
    tcase_add_loop_test(tc, base64_is_read_in_both_alphabets, 0, (int) NC_COUNTOF(base64));
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
