/* CRC-32C against the published values. */
#include "base/crc32c.c"

#include <check.h>


START_TEST(known_values_come_out)
{
    uint8_t  b[32];

    ck_assert_uint_eq(nc_crc32c(0, "", 0), 0);
    ck_assert_uint_eq(nc_crc32c(0, "123456789", 9), 0xe3069283);

    memset(b, 0, sizeof(b));                        /* RFC 3720 appendix B.4 */
    ck_assert_uint_eq(nc_crc32c(0, b, sizeof(b)), 0x8a9136aa);
    memset(b, 0xff, sizeof(b));
    ck_assert_uint_eq(nc_crc32c(0, b, sizeof(b)), 0x62a8ab43);

    for (unsigned i = 0; i < sizeof(b); i++) {
        b[i] = (uint8_t) i;
    }

    ck_assert_uint_eq(nc_crc32c(0, b, sizeof(b)), 0x46dd794e);
}
END_TEST


START_TEST(pieces_give_the_sum_of_the_whole)
{
    char  text[100];

    for (unsigned i = 0; i < sizeof(text); i++) {
        text[i] = (char) (i * 37);
    }

    for (unsigned cut = 0; cut <= sizeof(text); cut++) {
        ck_assert_uint_eq(nc_crc32c(nc_crc32c(0, text, cut), text + cut, sizeof(text) - cut),
                          nc_crc32c(0, text, sizeof(text)));
    }
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("base/crc32c");
    TCase    *tc = tcase_create("crc32c");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, known_values_come_out);
    tcase_add_test(tc, pieces_give_the_sum_of_the_whole);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
