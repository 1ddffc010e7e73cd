/* Byte queues against a plain array that does the same. */
#include "net/buf.c"

#include <check.h>

static size_t  used_before;


static void
setup(void)
{
    used_before = nc_block_bytes_used;
}


static void
teardown(void)
{
    ck_assert_uint_eq(nc_block_bytes_used, used_before);    /* every block was given back */
}


static char *
content(const nc_buf_t *b)
{
    char  *out = nc_malloc(b->len + 1);

    nc_buf_copy(b, out, b->len);
    out[b->len] = '\0';

    return out;
}


#define ck_assert_content(b, text)  \
    do { char  *is = content(b); ck_assert_str_eq(is, text); free(is); } while (0)


START_TEST(what_is_added_comes_out_in_order)
{
    nc_buf_t  b;

    nc_buf_init(&b);
    nc_buf_add_str(&b, NC_STR("one "));
    nc_buf_add_static(&b, NC_STR("two "));
    nc_buf_add_str(&b, NC_STR("three"));
    ck_assert_content(&b, "one two three");
    nc_buf_drain(&b, 4);
    ck_assert_content(&b, "two three");
    ck_assert_int_eq(memcmp(nc_buf_pullup(&b, 6), "two th", 6), 0);
    ck_assert_content(&b, "two three");
    nc_buf_fini(&b);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST


START_TEST(moving_large_slices_copies_nothing)
{
    nc_buf_t     a, b;
    nc_block_t  *block = nc_block_get(8000);

    memset(block->data, 'x', 8000);
    nc_buf_init(&a);
    nc_buf_init(&b);
    nc_buf_add_slice(&a, block, block->data, 8000);
    nc_buf_move(&b, &a, 5000);
    ck_assert_ptr_eq(nc_buf_first(&b)->block, block);
    ck_assert_ptr_eq(nc_buf_first(&a)->at, block->data + 5000);
    ck_assert_uint_eq(block->refs, 3);         /* ours, a's and b's */
    nc_buf_move_all(&b, &a);
    ck_assert_uint_eq(b.n, 1);                  /* the halves are one slice again */
    ck_assert_uint_eq(b.len, 8000);
    nc_buf_fini(&a);
    nc_buf_fini(&b);
    nc_block_unref(block);
}
END_TEST


START_TEST(shared_bytes_are_not_written_behind)
{
    nc_buf_t  a, b;

    nc_buf_init(&a);
    nc_buf_init(&b);
    nc_buf_add_str(&a, NC_STR("abc"));
    nc_buf_share(&b, &a);
    nc_buf_add_str(&a, NC_STR("def"));
    nc_buf_add_str(&b, NC_STR("xyz"));
    ck_assert_content(&a, "abcdef");
    ck_assert_content(&b, "abcxyz");
    nc_buf_fini(&a);
    nc_buf_fini(&b);
}
END_TEST


START_TEST(room_that_is_not_used_is_given_back)
{
    nc_buf_t  b;
    size_t    room;

    nc_buf_init(&b);
    nc_buf_reserve(&b, 100, &room);
    ck_assert_uint_ge(room, 100);
    nc_buf_commit(&b, 0);
    ck_assert_uint_eq(b.n, 0);
    nc_buf_fini(&b);
}
END_TEST


START_TEST(random_operations_agree_with_a_plain_array)
{
    static char  model[1 << 20], other[1 << 20], random[4000];
    size_t       n = 0, m = 0;
    uint64_t     seed = 7;
    nc_buf_t     a, b;

    nc_buf_init(&a);
    nc_buf_init(&b);

    for (size_t i = 0; i < sizeof(random); i++) {
        random[i] = (char) (i * 31 + i / 7);
    }

    for (unsigned round = 0; round < 20000; round++) {
        size_t  k;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        k = (seed >> 40) % sizeof(random);

        switch ((seed >> 33) % 6) {
        case 0:
        case 1:
            if (n + k < sizeof(model)) {
                nc_buf_add(&a, random, k);
                memcpy(model + n, random, k);
                n += k;
            }
            break;
        case 2:
            k = NC_MIN(k, n);
            nc_buf_drain(&a, k);
            memmove(model, model + k, n - k);
            n -= k;
            break;
        case 3:
            k = NC_MIN(k, n);
            if (m + k < sizeof(other)) {
                nc_buf_move(&b, &a, k);
                memcpy(other + m, model, k);
                m += k;
                memmove(model, model + k, n - k);
                n -= k;
            }
            break;
        case 4:
            if (n + m < sizeof(model)) {
                nc_buf_move_all(&a, &b);
                memcpy(model + n, other, m);
                n += m;
                m = 0;
            }
            break;
        default:
            if (n) {
                k = 1 + k % n;
                ck_assert_int_eq(memcmp(nc_buf_pullup(&a, k), model, k), 0);
            }
        }

        ck_assert_uint_eq(a.len, n);
        ck_assert_uint_eq(b.len, m);
    }

    nc_buf_copy(&a, random, NC_MIN(n, sizeof(random)));
    ck_assert_int_eq(memcmp(random, model, NC_MIN(n, sizeof(random))), 0);
    nc_buf_fini(&a);
    nc_buf_fini(&b);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("net/buf");
    TCase    *tc = tcase_create("queue");
    SRunner  *runner = srunner_create(suite);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_added_comes_out_in_order);
    tcase_add_test(tc, moving_large_slices_copies_nothing);
    tcase_add_test(tc, shared_bytes_are_not_written_behind);
    tcase_add_test(tc, room_that_is_not_used_is_given_back);
    tcase_add_test(tc, random_operations_agree_with_a_plain_array);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
