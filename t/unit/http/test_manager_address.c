/* Addresses in x-forwarded-for and address ranges. */
#include "http/manager_address.c"

#include "http/http_help.h"

#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb-c.h"

#include <check.h>
#include <stdlib.h>

static nc_test_compile_t  t;


static void
setup(void)
{
    nc_test_compile_init(&t);
}


static void
teardown(void)
{
    nc_test_compile_fini(&t);
}


/* The address, with "!" behind it when it is the only one; "-": none. */
static const char *
xff(const char *lines, uint32_t skip)
{
    nc_headers_t  h;
    nc_peer_t     p = { 0 };
    bool          alone = false;
    nc_sb_t       sb;

    nc_headers_init(&h, &t.pool);
    nc_test_headers(&h, &t.pool, lines);

    if (!nc_xff_address(&h, skip, &t.pool, &p, &alone)) {
        return "-";
    }

    nc_sb_fixed(&sb, nc_pool_alloc(&t.pool, NC_ADDR_STRLEN), NC_ADDR_STRLEN);
    nc_peer_print_ip(&p, &sb);

    if (alone) {
        nc_sb_char(&sb, '!');
    }

    return nc_sb_c(&sb);
}


START_TEST(addresses_are_counted_from_the_end)
{
    const char  *three = "x-forwarded-for: 1.1.1.1 , 2.2.2.2\nx-forwarded-for: ::3\n";

    ck_assert_str_eq(xff(three, 0), "::3");
    ck_assert_str_eq(xff(three, 1), "2.2.2.2");
    ck_assert_str_eq(xff(three, 2), "1.1.1.1");
    ck_assert_str_eq(xff(three, 3), "-");
    ck_assert_str_eq(xff(three, UINT32_MAX), "-");
    ck_assert_str_eq(xff("x-forwarded-for: 1.1.1.1\n", 0), "1.1.1.1!");
    ck_assert_str_eq(xff("a: b\n", 0), "-");
}
END_TEST


START_TEST(what_is_no_address_is_none)
{
    static const char *const  wrong[] = {
        "", ",", "1.1.1.1,", "1.1.1.1:80", "[::1]", "[::1]:80", "unknown", "1.1.1", "1.1.1.1.1",
        "fe80::1%eth0", "1.1.1.1;2.2.2.2", "0x7f000001", "127.1"
    };
    char  line[128];

    for (size_t i = 0; i < NC_COUNTOF(wrong); i++) {
        snprintf(line, sizeof(line), "x-forwarded-for: %s\n", wrong[i]);
        ck_assert_msg(strcmp(xff(line, 0), "-") == 0, "%s", wrong[i]);
    }
}
END_TEST


static bool
in(const char *ranges, const char *address)
{
    const Envoy__Extensions__Http__OriginalIpDetection__Xff__V3__XffTrustedCidrs  *m
        = (const void *) nc_test_message(&t,
            &envoy__extensions__http__original_ip_detection__xff__v3__xff_trusted_cidrs__descriptor,
            ranges);
    nc_cidrs_t  list;
    nc_addr_t   a;
    nc_peer_t   p = { 0 };

    ck_assert_int_eq(nc_cidrs_compile(&t.cc, m->cidrs, m->n_cidrs, &list), NC_OK);

    if (nc_addr_parse_ip(&a, nc_str_c(address), 1) == NC_OK) {
        nc_peer_from(&p, &a.sa, a.len);
    }

    return nc_cidrs_have(&list, &p);
}


#define RANGE(address, bits)  "cidrs: [{address_prefix: '" address "', prefix_len: " bits "}]"

START_TEST(ranges_go_by_their_first_bits)
{
    ck_assert(in(RANGE("10.1.2.3", "8"), "10.255.0.1"));
    ck_assert(!in(RANGE("10.1.2.3", "8"), "11.0.0.0"));
    ck_assert(in(RANGE("172.16.0.0", "12"), "172.31.255.255"));
    ck_assert(!in(RANGE("172.16.0.0", "12"), "172.32.0.0"));
    ck_assert(in(RANGE("127.0.0.1", "32"), "127.0.0.1"));
    ck_assert(!in(RANGE("127.0.0.1", "32"), "127.0.0.0"));
    ck_assert(in(RANGE("127.0.0.1", "128"), "127.0.0.1"));
    ck_assert(in(RANGE("1.2.3.4", "0"), "9.9.9.9"));
    ck_assert(!in(RANGE("0.0.0.0", "0"), "::1"));
    ck_assert(in(RANGE("fd00::", "9"), "fd7f::1"));
    ck_assert(!in(RANGE("fd00::", "9"), "fd80::1"));
    ck_assert(in(RANGE("::1", "128"), "::1"));
    ck_assert(!in(RANGE("::", "0"), "1.2.3.4"));
    ck_assert(!in(RANGE("0.0.0.0", "0"), "no address"));
    ck_assert(!in("cidrs: []", "1.2.3.4"));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("manager_address");
    TCase    *c = tcase_create("addresses");
    SRunner  *r;
    int       failed;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, addresses_are_counted_from_the_end);
    tcase_add_test(c, what_is_no_address_is_none);
    tcase_add_test(c, ranges_go_by_their_first_bits);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
