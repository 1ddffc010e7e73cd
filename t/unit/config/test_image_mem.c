/* Blocks of the configuration image: what is got never overlaps, what is given back joins. */
#include "config/image_mem.c"

#include <check.h>

#define N_CHUNKS  16u

static nc_shm_t        shm;
static uint32_t        owners[N_CHUNKS];
static nc_image_mem_t  mem;


static void
setup(void)
{
    memset(owners, 0, sizeof(owners));
    ck_assert_int_eq(nc_shm_create(&shm, "test", N_CHUNKS * NC_IMAGE_CHUNK, NC_IMAGE_CHUNK,
                                   NC_SHM_WRITE), NC_OK);
    nc_image_mem_init(&mem, &shm, owners, N_CHUNKS, 1);
}


static void
teardown(void)
{
    nc_image_mem_fini(&mem);
    nc_shm_destroy(&shm);
}


static unsigned
owned(uint32_t generation)
{
    unsigned  n = 0;

    for (uint32_t i = 0; i < N_CHUNKS; i++) {
        n += owners[i] == generation;
    }

    return n;
}


START_TEST(blocks_take_what_was_asked_for_and_no_more)
{
    char  *a = nc_image_mem_get(&mem, 192);
    char  *b = nc_image_mem_get(&mem, 64);

    ck_assert_ptr_eq(a, shm.base);
    ck_assert_ptr_eq(b, shm.base + 192);
    ck_assert_uint_eq(mem.held, 256);
    ck_assert_uint_eq(owned(1), 1);

    nc_image_mem_put(&mem, a, 192);
    nc_image_mem_put(&mem, b, 64);
    ck_assert_uint_eq(mem.held, 0);
    ck_assert_uint_eq(mem.n_whole, 1);
}
END_TEST


START_TEST(large_blocks_span_chunks_and_leave_their_end_to_others)
{
    size_t   size = 2 * NC_IMAGE_CHUNK + 4096;
    char    *a = nc_image_mem_get(&mem, size);
    char    *b;

    ck_assert_ptr_eq(a, shm.base);
    ck_assert_uint_eq(owned(1), 3);
    memset(a, 1, size);

    b = nc_image_mem_get(&mem, NC_IMAGE_CHUNK / 2);
    ck_assert(b >= a + size && b < shm.base + 3 * NC_IMAGE_CHUNK);

    nc_image_mem_put(&mem, a + NC_IMAGE_CHUNK, size - NC_IMAGE_CHUNK);
    nc_image_mem_put(&mem, a, NC_IMAGE_CHUNK);
    nc_image_mem_put(&mem, b, NC_IMAGE_CHUNK / 2);
    ck_assert_uint_eq(mem.held, 0);
    ck_assert_uint_eq(owned(1), 1);
}
END_TEST


START_TEST(a_full_range_gives_null_and_goes_on_after_something_came_back)
{
    char  *all[N_CHUNKS];

    ck_assert_ptr_null(nc_image_mem_get(&mem, (N_CHUNKS + 1) * NC_IMAGE_CHUNK));

    for (unsigned i = 0; i < N_CHUNKS; i++) {
        all[i] = nc_image_mem_get(&mem, NC_IMAGE_CHUNK);
        ck_assert_ptr_nonnull(all[i]);
    }

    ck_assert_ptr_null(nc_image_mem_get(&mem, 64));
    nc_image_mem_put(&mem, all[3] + 640, 64);
    ck_assert_ptr_eq(nc_image_mem_get(&mem, 64), all[3] + 640);
    ck_assert_ptr_null(nc_image_mem_get(&mem, 64));

    for (unsigned i = 0; i < N_CHUNKS; i++) {
        nc_image_mem_put(&mem, all[i], NC_IMAGE_CHUNK);
    }

    ck_assert_uint_eq(owned(1), 1);
}
END_TEST


START_TEST(memory_of_empty_chunks_goes_back_to_the_system)
{
    char  *a = nc_image_mem_get(&mem, 8 * NC_IMAGE_CHUNK);

    memset(a, 7, 8 * NC_IMAGE_CHUNK);
    ck_assert_uint_ge(nc_shm_resident(&shm), 8 * NC_IMAGE_CHUNK);
    nc_image_mem_put(&mem, a, 8 * NC_IMAGE_CHUNK);
    ck_assert_uint_le(nc_shm_resident(&shm), NC_IMAGE_CHUNK);
}
END_TEST


START_TEST(the_chunks_of_a_dead_generation_are_untouched_until_released)
{
    nc_image_mem_t   next;
    char            *a = nc_image_mem_get(&mem, 128), *b;

    memset(a, 'a', 128);
    nc_image_mem_init(&next, &shm, owners, N_CHUNKS, 2);
    b = nc_image_mem_get(&next, 128);
    memset(b, 'b', 128);

    ck_assert_uint_eq(owned(1), 1);
    ck_assert_uint_eq(owned(2), 1);
    ck_assert_int_eq(a[127], 'a');

    ck_assert_uint_eq(nc_image_mem_release(&next, 1), 1);
    ck_assert_uint_eq(owned(1), 0);
    ck_assert_int_eq(a[127], 0);
    ck_assert_int_eq(b[127], 'b');

    nc_image_mem_fini(&next);
}
END_TEST


/* Every live block carries its own byte; an overlap or a lost join shows. */
START_TEST(random_use_keeps_blocks_apart_and_ends_with_nothing_held)
{
    enum { N = 400, STEPS = 20000 };
    static struct { unsigned char *p; size_t size; unsigned char tag; }  live[N];

    mem.poison = true;
    srand(4711);

    for (unsigned step = 0; step < STEPS; step++) {
        unsigned  i = (unsigned) rand() % N;

        if (live[i].p == NULL) {
            live[i].size = 64u * (1 + (unsigned) rand() % (rand() % 50 == 0 ? 3000 : 60));
            live[i].p = nc_image_mem_get(&mem, live[i].size);
            live[i].tag = (unsigned char) (step % 160);
            ck_assert_ptr_nonnull(live[i].p);
            memset(live[i].p, live[i].tag, live[i].size);
            continue;
        }

        for (size_t at = 0; at < live[i].size; at += 509) {
            ck_assert_uint_eq(live[i].p[at], live[i].tag);
        }

        if (live[i].size > 64 && rand() % 2) {          /* only its end */
            size_t  keep = 64u * (1 + (size_t) rand() % (live[i].size / 64 - 1));

            nc_image_mem_put(&mem, live[i].p + keep, live[i].size - keep);
            live[i].size = keep;

        } else {
            nc_image_mem_put(&mem, live[i].p, live[i].size);
            live[i].p = NULL;
        }
    }

    for (unsigned i = 0; i < N; i++) {
        if (live[i].p) {
            nc_image_mem_put(&mem, live[i].p, live[i].size);
        }
    }

    ck_assert_uint_eq(mem.held, 0);
    ck_assert_uint_eq(owned(1), 1);
    ck_assert_uint_eq(mem.n_whole, 1);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("config/image_mem");
    TCase    *tc = tcase_create("image_mem");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, blocks_take_what_was_asked_for_and_no_more);
    tcase_add_test(tc, large_blocks_span_chunks_and_leave_their_end_to_others);
    tcase_add_test(tc, a_full_range_gives_null_and_goes_on_after_something_came_back);
    tcase_add_test(tc, memory_of_empty_chunks_goes_back_to_the_system);
    tcase_add_test(tc, the_chunks_of_a_dead_generation_are_untouched_until_released);
    tcase_add_test(tc, random_use_keeps_blocks_apart_and_ends_with_nothing_held);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
