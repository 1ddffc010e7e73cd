/* What requests are hashed by, and the values of grpc-timeout. */
#include "http/hash_policy.c"

#include "http/http_help.h"

#include <check.h>

static nc_pool_t       pool;
static nc_conn_info_t  conn;
static nc_http_info_t  info;


static void
setup(void)
{
    nc_addr_t  a;

    nc_pool_init(&pool, &nc_pool_heap);
    conn = (nc_conn_info_t) { .id = 1 };
    info = (nc_http_info_t) { .conn = &conn };
    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("10.1.2.3"), 1234), NC_OK);
    nc_peer_from(&conn.remote, &a.sa, a.len);
    info.remote = conn.remote;
    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("10.0.0.1"), 80), NC_OK);
    nc_peer_from(&conn.local, &a.sa, a.len);
}


static void
teardown(void)
{
    nc_pool_fini(&pool);
}


/* Vectors of the XXH64 specification and of its reference implementation. */
START_TEST(xxh64_is_that_of_its_specification)
{
    ck_assert_uint_eq(nc_xxh64(NC_STR(""), 0), 0xef46db3751d8e999u);
    ck_assert_uint_eq(nc_xxh64(NC_STR("a"), 0), 0xd24ec4f1a98c6e5bu);
    ck_assert_uint_eq(nc_xxh64(NC_STR("abc"), 0), 0x44bc2cf5ad770999u);
    ck_assert_uint_eq(nc_xxh64(NC_STR("Nobody inspects the spammish repetition"), 0),
                      0xfbcea83c8a378bf1u);
}
END_TEST


static uint64_t
hash(const nc_hash_policy_t *items, uint32_t n, const char *lines, nc_str_t *cookie)
{
    nc_hash_policies_t  list = { items, n };
    nc_headers_t        h;
    uint64_t            value;

    nc_headers_init(&h, &pool);
    nc_test_headers(&h, &pool, lines);

    return nc_route_hash(&list, &h, &info, &pool, &value, cookie) ? value : 0;
}

#define HEADER(text)  { .kind = NC_HASH_HEADER, .name = NC_STR_INIT(text) }


START_TEST(each_policy_has_its_source)
{
    nc_str_t          cookie;
    nc_hash_policy_t  header = HEADER("x-user");
    nc_hash_policy_t  of_cookie = { .kind = NC_HASH_COOKIE, .name = NC_STR_INIT("id") };
    nc_hash_policy_t  query = { .kind = NC_HASH_QUERY, .name = NC_STR_INIT("u") };
    nc_hash_policy_t  ip = { .kind = NC_HASH_SOURCE_IP };

    ck_assert_uint_eq(hash(&header, 1, "x-user: joe\n", &cookie), nc_xxh64(NC_STR("joe"), 0));
    ck_assert_uint_eq(hash(&header, 1, "x-other: joe\n", &cookie), 0);
    ck_assert_uint_eq(hash(&of_cookie, 1, "cookie: a=b; id=\"joe\"\n", &cookie),
                      nc_xxh64(NC_STR("joe"), 0));
    ck_assert_uint_eq(hash(&of_cookie, 1, "cookie: a=b\n", &cookie), 0);
    ck_assert_ptr_null(cookie.data);
    ck_assert_uint_eq(hash(&query, 1, ":path: /x?a=1&u=joe\n", &cookie),
                      nc_xxh64(NC_STR("joe"), 0));
    ck_assert_uint_eq(hash(&query, 1, ":path: /x\n", &cookie), 0);
    ck_assert_uint_eq(hash(&ip, 1, "", &cookie), nc_xxh64(NC_STR("10.1.2.3"), 0));
}
END_TEST


START_TEST(the_order_of_repeated_headers_does_not_count)
{
    nc_str_t          cookie;
    nc_hash_policy_t  p = HEADER("x-user");
    uint64_t          one = hash(&p, 1, "x-user: a\nx-user: b\n", &cookie);

    ck_assert_uint_eq(one, hash(&p, 1, "x-user: b\nx-user: a\n", &cookie));
    ck_assert_uint_eq(one, nc_xxh64(NC_STR("b"), nc_xxh64(NC_STR("a"), 0)));
}
END_TEST


START_TEST(policies_are_combined_until_a_terminal_one)
{
    nc_str_t          cookie;
    nc_hash_policy_t  p[] = { HEADER("x-a"), HEADER("x-b"), HEADER("x-c") };
    uint64_t          a = nc_xxh64(NC_STR("1"), 0), b = nc_xxh64(NC_STR("2"), 0);

    ck_assert_uint_eq(hash(p, 3, "x-a: 1\nx-b: 2\n", &cookie), (a << 1 | a >> 63) ^ b);
    p[1].terminal = true;
    ck_assert_uint_eq(hash(p, 3, "x-b: 2\nx-c: 3\n", &cookie), b);
    ck_assert_uint_eq(hash(p, 3, "x-a: 1\nx-c: 3\n", &cookie), a);      /* it ends with x-b */
    ck_assert_uint_eq(hash(p, 3, "x-c: 2\n", &cookie), b);
}
END_TEST


START_TEST(a_cookie_is_made_when_there_is_none)
{
    nc_str_t          cookie;
    nc_hash_policy_t  p = { .kind = NC_HASH_COOKIE, .name = NC_STR_INIT("id"), .has_ttl = true,
                            .cookie_end = NC_STR_INIT("; Max-Age=3; HttpOnly") };
    uint64_t          h = hash(&p, 1, "", &cookie);

    ck_assert_uint_eq(cookie.len, strlen("id=\"0123456789abcdef\"; Max-Age=3; HttpOnly"));
    ck_assert_uint_eq(h, nc_xxh64(nc_str(cookie.data + 4, 16), 0));
    ck_assert_uint_eq(h, hash(&p, 1, "", &cookie));
}
END_TEST


START_TEST(grpc_timeouts_have_units)
{
    static const struct {
        const char  *text;
        int64_t      ms;                        /* -1: malformed */
    } rows[] = {
        { "1H", 3600000 }, { "2M", 120000 }, { "3S", 3000 }, { "4m", 4 }, { "5u", 1 },
        { "5000u", 5 }, { "1n", 1 }, { "1000001n", 2 }, { "0m", 0 }, { "99999999m", 99999999 },
        { "", -1 }, { "m", -1 }, { "1", -1 }, { "1x", -1 }, { "-1m", -1 }, { "999999999m", -1 }
    };
    uint64_t  ms;

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        bool  ok = nc_grpc_timeout(nc_str_c(rows[i].text), &ms);

        ck_assert_msg(ok == (rows[i].ms >= 0), "%s", rows[i].text);
        if (ok) {
            ck_assert_uint_eq(ms, (uint64_t) rows[i].ms);
        }
    }
}
END_TEST


int
main(void)
{
    int       failed;
    Suite    *s = suite_create("hash_policy");
    TCase    *t = tcase_create("hash_policy");
    SRunner  *r;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, xxh64_is_that_of_its_specification);
    tcase_add_test(t, each_policy_has_its_source);
    tcase_add_test(t, the_order_of_repeated_headers_does_not_count);
    tcase_add_test(t, policies_are_combined_until_a_terminal_one);
    tcase_add_test(t, a_cookie_is_made_when_there_is_none);
    tcase_add_test(t, grpc_timeouts_have_units);
    suite_add_tcase(s, t);

    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
