/* The machine's keys of session tickets. */
#include "net/tls_keys.c"

#include <check.h>


START_TEST(without_a_shared_page_a_process_has_keys_of_its_own)
{
    nc_tls_keys_t  a, b;

    nc_tls_keys_read(&a);
    nc_tls_keys_read(&b);
    ck_assert_uint_eq(a.n, NC_TLS_KEYS);
    ck_assert_mem_eq(&a, &b, sizeof(a));
    ck_assert_mem_ne(a.keys[0], a.keys[1], NC_TLS_TICKET_KEY);
}
END_TEST


START_TEST(the_next_key_becomes_current_and_the_current_one_previous)
{
    nc_tls_keys_t  a, b;

    nc_tls_keys_read(&a);
    nc_tls_keys_rotate();
    nc_tls_keys_read(&b);
    ck_assert_mem_eq(b.keys[0], a.keys[1], NC_TLS_TICKET_KEY);
    ck_assert_mem_eq(b.keys[2], a.keys[0], NC_TLS_TICKET_KEY);
    ck_assert_mem_ne(b.keys[1], a.keys[2], NC_TLS_TICKET_KEY);
}
END_TEST


START_TEST(a_change_that_was_never_finished_gives_no_keys_until_the_next_helper)
{
    nc_tls_keys_t  k;

    ck_assert_int_eq(nc_tls_keys_create(), NC_OK);
    first_keys();
    page->seq |= 1;
    nc_tls_keys_read(&k);
    ck_assert_uint_eq(k.n, 0);
    first_keys();
    nc_tls_keys_read(&k);
    ck_assert_uint_eq(k.n, NC_TLS_KEYS);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("tls_keys");
    TCase    *tc = tcase_create("keys");
    SRunner  *runner = srunner_create(suite);
    int       failed;

    tcase_add_test(tc, without_a_shared_page_a_process_has_keys_of_its_own);
    tcase_add_test(tc, the_next_key_becomes_current_and_the_current_one_previous);
    tcase_add_test(tc, a_change_that_was_never_finished_gives_no_keys_until_the_next_helper);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
