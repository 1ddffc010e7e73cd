/* Files: whole reads and writes, folders, and a pid file that only one living process can have. */
#include "os/file.c"

#include <check.h>
#include <sys/wait.h>

static char  dir[64], path[128];


static void
setup(void)
{
    strcpy(dir, "/tmp/nuncio-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/f", dir);
}


static void
teardown(void)
{
    unlink(path);
    rmdir(dir);
}


START_TEST(a_file_that_was_replaced_reads_as_it_was_written)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    ck_assert_int_eq(nc_file_replace(path, 0600, NC_STR("first")), NC_OK);
    ck_assert_int_eq(nc_file_replace(path, 0600, NC_STR("second")), NC_OK);
    ck_assert_int_eq(nc_file_read(path, 100, &sb), NC_OK);
    ck_assert(nc_str_eq(nc_sb_str(&sb), NC_STR("second")));
    ck_assert_int_eq(nc_file_read(path, 5, &sb), NC_ERROR);
    ck_assert_int_eq(errno, EFBIG);
    ck_assert_int_eq(nc_file_read("/nonexistent", 5, &sb), NC_ERROR);
    ck_assert_int_eq(errno, ENOENT);
    nc_sb_fini(&sb);
}
END_TEST


START_TEST(folders_are_made_with_all_above_them)
{
    char  deep[160], b[160];

    snprintf(deep, sizeof(deep), "%s/a/b/", dir);
    ck_assert_int_eq(nc_dir_make(deep, 0755), NC_OK);
    ck_assert_int_eq(nc_dir_make(deep, 0755), NC_OK);
    ck_assert_int_eq(access(deep, X_OK), 0);
    ck_assert_int_eq(nc_file_replace(path, 0600, NC_STR("x")), NC_OK);
    snprintf(b, sizeof(b), "%s/sub", path);
    ck_assert_int_eq(nc_dir_make(b, 0755), NC_ERROR);
    rmdir(deep);
    snprintf(deep, sizeof(deep), "%s/a", dir);
    rmdir(deep);
}
END_TEST


START_TEST(a_pid_file_belongs_to_one_living_process)
{
    pid_t  owner = -1, child;
    int    fd = nc_pid_file_open(path, 4711, &owner), status;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(nc_pid_file_owner(path), 4711);
    child = fork();

    if (child == 0) {
        close(fd);                              /* as every child of the master does */
        _exit(nc_pid_file_open(path, 1, &owner) == -1 && errno == EAGAIN && owner == 4711);
    }

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
    close(fd);                                  /* as if killed: the file stays */
    ck_assert_int_eq(nc_pid_file_owner(path), 0);
    fd = nc_pid_file_open(path, 4712, &owner);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(nc_pid_file_owner(path), 4712);
    nc_pid_file_close(path, &fd);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_int_eq(fd, -1);
}
END_TEST


START_TEST(a_pid_file_is_not_written_through_a_symbolic_link)
{
    pid_t  owner;
    char   link_path[160];

    snprintf(link_path, sizeof(link_path), "%s/l", dir);
    ck_assert_int_eq(nc_file_replace(path, 0600, NC_STR("precious")), NC_OK);
    ck_assert_int_eq(symlink(path, link_path), 0);
    ck_assert_int_eq(nc_pid_file_open(link_path, 1, &owner), -1);
    ck_assert_int_eq(errno, ELOOP);
    unlink(link_path);
}
END_TEST


START_TEST(paths_are_joined_unless_absolute)
{
    char  *a = nc_path_join("/x", "y/z"), *b = nc_path_join("/x", "/y");

    ck_assert_str_eq(a, "/x/y/z");
    ck_assert_str_eq(b, "/y");
    free(a);
    free(b);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("os/file");
    TCase    *tc = tcase_create("file");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_file_that_was_replaced_reads_as_it_was_written);
    tcase_add_test(tc, folders_are_made_with_all_above_them);
    tcase_add_test(tc, a_pid_file_belongs_to_one_living_process);
    tcase_add_test(tc, a_pid_file_is_not_written_through_a_symbolic_link);
    tcase_add_test(tc, paths_are_joined_unless_absolute);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
