/* Names of certificates against what is asked for. */
#include "net/tls_verify.c"

#include <check.h>


static bool
matches(nc_san_t type, nc_san_how_t how, const char *text, const char *name, bool fold)
{
    nc_san_matcher_t  m = { .type = type, .how = how, .text = nc_str_c(text),
                            .ignore_case = fold };

    return text_match(&m, nc_str_c(name));
}


START_TEST(a_star_stands_for_one_whole_label)
{
    ck_assert(dns_match(NC_STR("a.example.com"), NC_STR("*.example.com")));
    ck_assert(dns_match(NC_STR("A.Example.COM"), NC_STR("*.example.com")));
    ck_assert(!dns_match(NC_STR("a.b.example.com"), NC_STR("*.example.com")));
    ck_assert(!dns_match(NC_STR("example.com"), NC_STR("*.example.com")));
    ck_assert(!dns_match(NC_STR(".example.com"), NC_STR("*.example.com")));
    ck_assert(!dns_match(NC_STR("a.example.com"), NC_STR("a*.example.com")));
    ck_assert(!dns_match(NC_STR("a"), NC_STR("*")));
    ck_assert(!dns_match(NC_STR("a."), NC_STR("*.")));
    ck_assert(!dns_match(NC_STR(""), NC_STR("*.example.com")));
}
END_TEST


START_TEST(only_names_of_hosts_know_stars)
{
    ck_assert(matches(NC_SAN_DNS, NC_SAN_EXACT, "a.b", "*.b", false) == false);
    ck_assert(matches(NC_SAN_DNS, NC_SAN_EXACT, "a.b.c", "*.b.c", false));
    ck_assert(!matches(NC_SAN_URI, NC_SAN_EXACT, "a.b.c", "*.b.c", false));
    ck_assert(!matches(NC_SAN_DNS, NC_SAN_SUFFIX, "a.b.c", "*.b.c", false));
}
END_TEST


START_TEST(case_counts_unless_said_otherwise)
{
    ck_assert(!matches(NC_SAN_URI, NC_SAN_PREFIX, "SPIFFE://", "spiffe://a", false));
    ck_assert(matches(NC_SAN_URI, NC_SAN_PREFIX, "SPIFFE://", "spiffe://a", true));
    ck_assert(matches(NC_SAN_EMAIL, NC_SAN_CONTAINS, "@B.", "a@b.c", true));
    ck_assert(!matches(NC_SAN_EMAIL, NC_SAN_CONTAINS, "@B.", "a@b.c", false));
    ck_assert(!matches(NC_SAN_EMAIL, NC_SAN_CONTAINS, "longer than it", "a@b", true));
}
END_TEST


START_TEST(a_name_with_a_nul_is_no_name)
{
    ASN1_STRING  *s = ASN1_STRING_new();

    ck_assert(ASN1_STRING_set(s, "good.test\0.evil.test", 20));
    ck_assert_ptr_null(string_of(s).data);
    ck_assert(ASN1_STRING_set(s, "good.test", 9));
    ck_assert_uint_eq(string_of(s).len, 9);
    ASN1_STRING_free(s);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("tls_verify");
    TCase    *tc = tcase_create("names");
    SRunner  *runner = srunner_create(suite);
    int       failed;

    tcase_add_test(tc, a_star_stands_for_one_whole_label);
    tcase_add_test(tc, only_names_of_hosts_know_stars);
    tcase_add_test(tc, case_counts_unless_said_otherwise);
    tcase_add_test(tc, a_name_with_a_nul_is_no_name);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
