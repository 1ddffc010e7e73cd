/* Shared memory: the same bytes at the same address in all processes, only touched pages held. */
#include "os/shm.c"

#include <check.h>
#include <signal.h>
#include <sys/wait.h>

#define MIB  (1ull << 20)


/* Runs `fn` in a child with a limit set; its exit code, or 100 + the signal. */
static int
in_child(int (*fn)(nc_shm_t *shm), nc_shm_t *shm)
{
    int    status;
    pid_t  pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(fn(shm));
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);

    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}


static int
write_a_word(nc_shm_t *shm)
{
    shm->base[4096] = 'x';

    return 0;
}


static int
protect_and_write(nc_shm_t *shm)
{
    if (nc_shm_protect(shm, 0, shm->size, NC_SHM_READ) != NC_OK) {
        return 1;
    }

    shm->base[4096] = 'y';

    return 0;
}


static int
create_under_address_limit(nc_shm_t *shm)
{
    struct rlimit  limit = { .rlim_cur = 2048 * MIB, .rlim_max = 2048 * MIB };
    nc_shm_t       other;

    (void) shm;

    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return 1;
    }

    if (nc_shm_create(&other, "test", 16384 * MIB, 4 * MIB, NC_SHM_WRITE) != NC_OK) {
        return 2;
    }

    return other.size >= 256 * MIB && other.size <= 2048 * MIB ? 0 : 3;
}


static int
create_under_file_limit(nc_shm_t *shm)
{
    struct rlimit  limit = { .rlim_cur = 64 * MIB, .rlim_max = 64 * MIB };
    nc_shm_t       other;

    (void) shm;

    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }

    if (nc_shm_create(&other, "test", 16384 * MIB, 4 * MIB, NC_SHM_WRITE) != NC_OK) {
        return 2;
    }

    if (other.size != 64 * MIB) {
        return 3;
    }

    if (nc_shm_create(&other, "test", 128 * MIB, 128 * MIB, NC_SHM_WRITE) != NC_ERROR
        || errno != EFBIG || other.base)
    {
        return 4;
    }

    return 0;
}


START_TEST(what_a_child_writes_is_seen_by_the_parent)
{
    nc_shm_t  shm;

    ck_assert_int_eq(nc_shm_create(&shm, "test", 16384 * MIB, MIB, NC_SHM_WRITE), NC_OK);
    ck_assert_uint_eq(shm.size, 16384 * MIB);
    ck_assert_int_eq(in_child(write_a_word, &shm), 0);
    ck_assert_int_eq(shm.base[4096], 'x');

    nc_shm_destroy(&shm);
    nc_shm_destroy(&shm);
    ck_assert_ptr_null(shm.base);
}
END_TEST


START_TEST(writing_to_a_protected_range_is_a_fault_in_that_process_only)
{
    nc_shm_t  shm;

    ck_assert_int_eq(nc_shm_create(&shm, "test", MIB, MIB, NC_SHM_WRITE), NC_OK);
    ck_assert_int_ne(in_child(protect_and_write, &shm), 0);
    shm.base[4096] = 'z';
    ck_assert_int_eq(in_child(write_a_word, &shm), 0);
    ck_assert_int_eq(shm.base[4096], 'x');

    nc_shm_destroy(&shm);
}
END_TEST


START_TEST(only_touched_pages_cost_memory_and_punching_gives_them_back)
{
    nc_shm_t  shm;

    ck_assert_int_eq(nc_shm_create(&shm, "test", 1024 * MIB, MIB, NC_SHM_WRITE), NC_OK);
    ck_assert_uint_eq(nc_shm_resident(&shm), 0);

    memset(shm.base + 512 * MIB, 0xa5, MIB);
    ck_assert_uint_ge(nc_shm_resident(&shm), MIB);
    ck_assert_uint_le(nc_shm_resident(&shm), 4 * MIB);

    ck_assert_int_eq(nc_shm_punch(&shm, 512 * MIB, MIB), NC_OK);
    ck_assert_uint_eq(nc_shm_resident(&shm), 0);
    ck_assert_int_eq(shm.base[512 * MIB], 0);

    nc_shm_drop_fd(&shm);
    ck_assert_uint_eq(nc_shm_resident(&shm), 0);
    ck_assert_int_eq(nc_shm_punch(&shm, 512 * MIB, MIB), NC_OK);

    nc_shm_destroy(&shm);
}
END_TEST


START_TEST(limits_of_the_process_make_the_range_smaller)
{
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_eq(in_child(create_under_address_limit, NULL), 0);
#else
    (void) create_under_address_limit;              /* the sanitizer needs all address space */
#endif
    ck_assert_int_eq(in_child(create_under_file_limit, NULL), 0);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("os/shm");
    TCase    *tc = tcase_create("shm");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, what_a_child_writes_is_seen_by_the_parent);
    tcase_add_test(tc, writing_to_a_protected_range_is_a_fault_in_that_process_only);
    tcase_add_test(tc, only_touched_pages_cost_memory_and_punching_gives_them_back);
    tcase_add_test(tc, limits_of_the_process_make_the_range_smaller);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
