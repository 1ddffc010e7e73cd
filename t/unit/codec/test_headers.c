/* test_headers.c: the headers of one message. */
#include "codec/headers.c"

#include <check.h>

static nc_pool_t     pool;
static nc_headers_t  h;


static void
setup(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
    nc_headers_init(&h, &pool);
}


static void
teardown(void)
{
    nc_pool_fini(&pool);
}


/* Counts and first[] agree with the entries. */
static void
check(void)
{
    uint32_t  live = 0, bytes = 0;
    uint32_t  first[NC_H_MAX] = { 0 };

    for (uint32_t i = 0; i < h.n; i++) {
        nc_header_t  *e = &h.items[i];

        if (e->name.data == NULL) {
            continue;
        }

        live++;
        bytes += (uint32_t) (e->name.len + e->value.len);
        ck_assert_int_eq(e->id, nc_header_id(e->name));

        if (e->id != NC_H_OTHER && first[e->id] == 0) {
            first[e->id] = i + 1;
        }
    }

    ck_assert_uint_eq(h.live, live);
    ck_assert_uint_eq(h.bytes, bytes);

    for (int id = 1; id < NC_H_MAX; id++) {
        ck_assert_uint_eq(h.first[id], first[id]);
    }
}


static void
add(const char *name, const char *value)
{
    nc_headers_add(&h, nc_str_c(name), nc_str_c(value));
    check();
}


static const char *
joined(const char *name)
{
    nc_str_t  value;

    return nc_headers_joined(&h, nc_str_c(name), &pool, &value) ? nc_pool_str(&pool, value).data
                                                                : "(none)";
}


START_TEST(every_known_name_has_its_id_and_no_other)
{
    for (int id = 1; id < NC_H_MAX; id++) {
        nc_str_t  name = nc_header_names[id];
        char      other[64];

        ck_assert_int_eq(nc_header_id(name), id);
        memcpy(other, name.data, name.len);

        for (size_t i = 0; i < name.len; i++) {
            other[i] ^= 1;
            ck_assert_int_ne(nc_header_id(nc_str(other, name.len)), id);
            other[i] ^= 1;
        }

        ck_assert_int_ne(nc_header_id(nc_str(other, name.len - 1)), id);
    }

    ck_assert_int_eq(nc_header_id(NC_STR("")), NC_H_OTHER);
    ck_assert_int_eq(nc_header_id(NC_STR("a")), NC_H_OTHER);
    ck_assert_int_eq(nc_header_id(NC_STR("x-unknown-header")), NC_H_OTHER);
}
END_TEST


START_TEST(entries_are_found_by_id_and_by_name)
{
    uint32_t  at = 0;

    add("accept", "a");
    add("x-one", "1");
    add("x-two", "2");
    add("x-one", "3");
    ck_assert(nc_str_eq(nc_headers_value(&h, NC_H_ACCEPT), NC_STR("a")));
    ck_assert_ptr_null(nc_headers_get(&h, NC_H_COOKIE));
    ck_assert_str_eq(joined("x-one"), "1,3");
    ck_assert_str_eq(joined("x-two"), "2");
    ck_assert_str_eq(joined("x-three"), "(none)");
    ck_assert(nc_str_eq(nc_headers_find(&h, NC_STR("x-one"), &at)->value, NC_STR("1")));
    ck_assert(nc_str_eq(nc_headers_find(&h, NC_STR("x-one"), &at)->value, NC_STR("3")));
    ck_assert_ptr_null(nc_headers_find(&h, NC_STR("x-one"), &at));
    ck_assert_ptr_null(nc_headers_find(&h, NC_STR("x-one"), &at));
}
END_TEST


START_TEST(removal_leaves_the_others_and_moves_first_on)
{
    add("cookie", "1");
    add("x", "2");
    add("cookie", "3");
    add("accept", "4");
    nc_headers_del_at(&h, nc_headers_get(&h, NC_H_COOKIE));
    check();
    ck_assert_str_eq(joined("cookie"), "3");
    ck_assert_uint_eq(nc_headers_del_id(&h, NC_H_COOKIE), 1);
    check();
    ck_assert_uint_eq(nc_headers_del_id(&h, NC_H_COOKIE), 0);
    ck_assert_uint_eq(nc_headers_del(&h, NC_STR("x")), 1);
    check();
    ck_assert_uint_eq(nc_headers_del(&h, NC_STR("accept")), 1);
    check();
    ck_assert_uint_eq(h.live, 0);
    add("x", "5");
    ck_assert_str_eq(joined("x"), "5");
}
END_TEST


START_TEST(setting_replaces_all_entries_by_one)
{
    add("via", "1");
    add("x", "2");
    add("via", "3");
    add("x", "4");
    nc_headers_set_id(&h, NC_H_VIA, NC_STR("longer"));
    check();
    nc_headers_set(&h, NC_STR("x"), NC_STR(""));
    check();
    ck_assert_uint_eq(h.live, 2);
    ck_assert_str_eq(joined("via"), "longer");
    ck_assert_str_eq(joined("x"), "");
    nc_headers_set(&h, NC_STR("y"), NC_STR("z"));
    nc_headers_set_id(&h, NC_H_DATE, NC_STR("d"));
    check();
    ck_assert_str_eq(joined("y"), "z");
    ck_assert_str_eq(joined("date"), "d");
}
END_TEST


START_TEST(there_may_be_many_entries)
{
    for (int i = 0; i < 1000; i++) {
        nc_headers_add(&h, NC_STR("x"), NC_STR("1"));
    }

    add("etag", "e");
    ck_assert(nc_str_eq(nc_headers_value(&h, NC_H_ETAG), NC_STR("e")));
    ck_assert_uint_eq(nc_headers_del(&h, NC_STR("x")), 1000);
    check();
    ck_assert(nc_str_eq(nc_headers_value(&h, NC_H_ETAG), NC_STR("e")));
}
END_TEST


START_TEST(random_changes_keep_counts_right)
{
    static const char *const  names[] = { "accept", "x-a", "cookie", "x-b", ":path", "te" };
    uint32_t                  seed = 1;

    for (int i = 0; i < 20000; i++) {
        nc_str_t  name, value = NC_STR("some value");

        seed = seed * 1664525u + 1013904223u;
        name = nc_str_c(names[(seed >> 8) % NC_COUNTOF(names)]);
        value.len = (seed >> 16) % 11;

        switch (seed >> 29) {

        case 0:
            nc_headers_set(&h, name, value);
            break;

        case 1:
        case 2:
            nc_headers_del(&h, name);
            break;

        case 3:
            if (h.n > 0) {
                nc_headers_del_at(&h, &h.items[(seed >> 4) % h.n]);
            }

            break;

        default:
            nc_headers_add(&h, name, value);
        }

        check();

        if (h.n > 400) {
            nc_headers_init(&h, &pool);
        }
    }
}
END_TEST


START_TEST(names_and_values_are_checked_byte_by_byte)
{
    for (int c = 0; c < 256; c++) {
        char  s[3] = { 'a', (char) c, 'b' };
        bool  token = c > 0 && (strchr("!#$%&'*+-.^_`|~", c) != NULL
                      || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                      || (c >= 'A' && c <= 'Z'));
        bool  text = c == '\t' || (c >= ' ' && c != 0x7f);

        ck_assert_int_eq(nc_header_name_valid(nc_str(s, 3)), token);
        ck_assert_int_eq(nc_header_value_valid(nc_str(s, 3)), text);
    }

    ck_assert(!nc_header_name_valid(NC_STR("")));
    ck_assert(nc_header_value_valid(NC_STR("")));
    ck_assert(!nc_header_value_valid(NC_STR(" a")));
    ck_assert(!nc_header_value_valid(NC_STR("a\t")));
}
END_TEST


START_TEST(short_names_are_recognised_wherever_they_end)
{
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 40; at++) {
            char    s[40], low[NC_SHORT_NAME];
            bool    plain = nc_is_alpha((char) c) || nc_is_digit((char) c) || c == '-';
            size_t  len;

            memset(s, 'A', sizeof(s));
            s[at] = (char) c;
            s[NC_MIN(at + 1, sizeof(s) - 1)] = ':';
            len = nc_scan_short_name(s, s + sizeof(s), low);

#ifdef NC_SSE2
            ck_assert_uint_eq(len, c == ':' && at < 32 ? at : plain && at < 31 ? at + 1 : 0);
#else
            ck_assert_uint_eq(len, 0);
            (void) plain;
#endif

            for (size_t i = 0; i < len; i++) {
                ck_assert_int_eq(low[i], i == at ? nc_lower((char) c) : 'a');
            }

            ck_assert_uint_eq(nc_scan_short_name(s, s + 15, low), 0);
        }
    }
}
END_TEST


/* The 16-byte steps and the table agree for each byte at each place. */
START_TEST(scanners_stop_at_the_same_byte_wherever_it_stands)
{
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 40; at++) {
            char    s[40], *p;
            bool    hash = false, underscore = false;
            size_t  stop = nc_char_is((char) c, NC_C_VALUE) ? sizeof(s) : at;

            memset(s, 'A', sizeof(s));
            s[at] = (char) c;
            ck_assert_ptr_eq(nc_scan_value(s, s + sizeof(s)), s + stop);

            stop = nc_char_is((char) c, NC_C_TARGET) ? sizeof(s) : at;
            ck_assert_ptr_eq(nc_scan_target(s, s + sizeof(s), &hash), s + stop);
            ck_assert_int_eq(hash, c == '#');

            stop = nc_char_is((char) c, NC_C_TOKEN) ? sizeof(s) : at;
            p = nc_scan_name(s, s + sizeof(s), &underscore);
            ck_assert_ptr_eq(p, s + stop);
            ck_assert_int_eq(underscore, c == '_');

            for (size_t i = 0; i < sizeof(s); i++) {
                ck_assert_int_eq(s[i], i == at ? (i < stop ? nc_lower((char) c) : (char) c)
                                               : i < stop ? 'a' : 'A');
            }
        }
    }
}
END_TEST


START_TEST(tokens_are_found_in_lists)
{
    ck_assert(nc_header_has_token(NC_STR("close"), NC_STR("close")));
    ck_assert(nc_header_has_token(NC_STR("a, \tCLOSE ,b"), NC_STR("close")));
    ck_assert(nc_header_has_token(NC_STR(",,close"), NC_STR("close")));
    ck_assert(!nc_header_has_token(NC_STR("closed, aclose, clo se"), NC_STR("close")));
    ck_assert(!nc_header_has_token(NC_STR(""), NC_STR("close")));
    ck_assert(!nc_header_has_token(NC_STR_NULL, NC_STR("close")));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("codec/headers");
    TCase    *tc = tcase_create("headers");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_known_name_has_its_id_and_no_other);
    tcase_add_test(tc, entries_are_found_by_id_and_by_name);
    tcase_add_test(tc, removal_leaves_the_others_and_moves_first_on);
    tcase_add_test(tc, setting_replaces_all_entries_by_one);
    tcase_add_test(tc, there_may_be_many_entries);
    tcase_add_test(tc, random_changes_keep_counts_right);
    tcase_add_test(tc, names_and_values_are_checked_byte_by_byte);
    tcase_add_test(tc, short_names_are_recognised_wherever_they_end);
    tcase_add_test(tc, scanners_stop_at_the_same_byte_wherever_it_stands);
    tcase_add_test(tc, tokens_are_found_in_lists);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed == 0 ? 0 : 1;
}
