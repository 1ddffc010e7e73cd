/* Fingerprints against published ones; what a hello may and may not be. */
#include "net/client_hello.c"

#include <check.h>

static nc_client_hello_t  h;


static void
fill(nc_hello_list_t *l, const uint16_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add(l, v[i]);
    }
}


START_TEST(ja4_is_the_published_one)
{
    /* The example of the JA4 specification. */
    static const uint16_t  ciphers[] = {
        0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035
    };
    static const uint16_t  extensions[] = {
        0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
        0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015
    };
    static const uint16_t  signatures[] = {
        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601
    };
    char  out[40];

    memset(&h, 0, sizeof(h));
    h.best_version = 0x0304;
    h.server_name = NC_STR("example.com");
    h.alpn[0] = NC_STR("h2");
    h.n_alpn = 1;
    fill(&h.ciphers, ciphers, NC_COUNTOF(ciphers));
    fill(&h.extensions, extensions, NC_COUNTOF(extensions));
    fill(&h.signatures, signatures, NC_COUNTOF(signatures));
    nc_client_hello_ja4(&h, out);
    ck_assert_str_eq(out, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}
END_TEST


START_TEST(ja3_is_the_published_one)
{
    /* "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0" of its README. */
    static const uint16_t  ciphers[] = {
        47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4
    };
    static const uint16_t  extensions[] = { 0, 10, 11 }, groups[] = { 23, 24, 25 }, formats[] = { 0 };
    char                   out[33];

    memset(&h, 0, sizeof(h));
    h.version = 769;
    fill(&h.ciphers, ciphers, NC_COUNTOF(ciphers));
    fill(&h.extensions, extensions, NC_COUNTOF(extensions));
    fill(&h.groups, groups, NC_COUNTOF(groups));
    fill(&h.point_formats, formats, NC_COUNTOF(formats));
    nc_client_hello_ja3(&h, out);
    ck_assert_str_eq(out, "ada70206e40642a3e4461f35503241d5");
}
END_TEST


/* A hello of TLS 1.0 without extensions, in one record. */
static const uint8_t  small[] =
    "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01"
    "0123456789abcdef0123456789abcdef\x00\x00\x02\x00\x2f\x01\x00";
#define SMALL   (sizeof(small) - 1)

static uint8_t  room[1000];


START_TEST(a_hello_without_extensions_is_one)
{
    ck_assert_int_eq(nc_client_hello_parse(&h, small, SMALL, room, sizeof(room)), NC_OK);
    ck_assert_uint_eq(h.version, 0x0301);
    ck_assert_uint_eq(h.ciphers.n, 1);
    ck_assert_uint_eq(h.ciphers.items[0], 0x2f);
    ck_assert_ptr_null(h.server_name.data);
}
END_TEST


START_TEST(a_part_of_it_asks_for_more)
{
    for (size_t n = 0; n < SMALL; n++) {
        ck_assert_int_eq(nc_client_hello_parse(&h, small, n, room, sizeof(room)), NC_AGAIN);
    }
}
END_TEST


START_TEST(other_bytes_are_declined)
{
    ck_assert_int_eq(nc_client_hello_parse(&h, (const uint8_t *) "GET ", 4, room, sizeof(room)),
                     NC_DECLINED);
    ck_assert_int_eq(nc_client_hello_parse(&h, (const uint8_t *) "\x16\x02", 2, room, 100),
                     NC_DECLINED);
}
END_TEST


START_TEST(one_that_does_not_fit_is_told)
{
    h.too_large = false;
    ck_assert_int_eq(nc_client_hello_parse(&h, small, SMALL, room, 20), NC_ERROR);
    ck_assert(h.too_large);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("net/client_hello");
    TCase    *t = tcase_create("all");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_test(t, ja4_is_the_published_one);
    tcase_add_test(t, ja3_is_the_published_one);
    tcase_add_test(t, a_hello_without_extensions_is_one);
    tcase_add_test(t, a_part_of_it_asks_for_more);
    tcase_add_test(t, other_bytes_are_declined);
    tcase_add_test(t, one_that_does_not_fit_is_told);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
