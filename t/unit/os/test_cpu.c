/* CPUs: quotas of control groups, from small trees of files that look like a system's. */
#include "os/cpu.c"

#include <check.h>
#include <ftw.h>
#include <sys/stat.h>

static char  root[64];


static void
make_root(void)
{
    strcpy(root, "/tmp/nuncio-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void) st;
    (void) type;
    (void) at;

    return remove(path);
}


static void
remove_root(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}


static void
put(const char *path, const char *content)
{
    char  whole[512];

    snprintf(whole, sizeof(whole), "%s%s", root, path);
    ck_assert_int_eq(nc_dir_make_parent(whole, 0755), NC_OK);
    ck_assert_int_eq(nc_file_replace(whole, 0644, nc_str_c(content)), NC_OK);
}


static void
v2_system(const char *group)
{
    char  line[256];

    put("/proc/self/mountinfo",
        "22 27 0:20 / /proc rw,nosuid - proc proc rw\n"
        "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    snprintf(line, sizeof(line), "0::%s\n", group);
    put("/proc/self/cgroup", line);
}


START_TEST(a_v2_quota_is_rounded_up)
{
    make_root();
    v2_system("/a/b");
    put("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 2);
    put("/sys/fs/cgroup/a/b/cpu.max", "1000 100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 1);
    remove_root();
}
END_TEST


START_TEST(max_is_no_quota)
{
    make_root();
    v2_system("/a");
    put("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    remove_root();
}
END_TEST


START_TEST(the_least_quota_on_the_way_up_counts)
{
    make_root();
    v2_system("/a/b/c");
    put("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 3);
    remove_root();
}
END_TEST


START_TEST(v1_has_its_quota_in_two_files)
{
    make_root();
    put("/proc/self/mountinfo",
        "33 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n"
        "34 25 0:29 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory\n");
    put("/proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/g\n");
    put("/sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 3);
    put("/sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us", "-1\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    remove_root();
}
END_TEST


START_TEST(a_container_sees_its_own_group_at_the_mount)
{
    make_root();
    put("/proc/self/mountinfo",
        "33 25 0:28 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    put("/proc/self/cgroup", "3:cpu:/docker/abc\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 4);
    remove_root();
}
END_TEST


START_TEST(nonsense_and_missing_files_are_no_quota)
{
    make_root();
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    v2_system("/a");
    put("/sys/fs/cgroup/a/cpu.max", "");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    put("/sys/fs/cgroup/a/cpu.max", "99999999999999999999 0\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    put("/sys/fs/cgroup/a/cpu.max", "100000 0\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    put("/proc/self/mountinfo", "- - -\n1 2 3 - cgroup2\n\n");
    ck_assert_uint_eq(nc_cpu_quota(root), 0);
    remove_root();
}
END_TEST


START_TEST(there_is_at_least_one_cpu_and_no_more_than_online)
{
    ck_assert_uint_ge(nc_cpu_count(), 1);
    ck_assert_uint_le(nc_cpu_count(), (unsigned) sysconf(_SC_NPROCESSORS_ONLN));
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("os/cpu");
    TCase    *tc = tcase_create("cpu");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, a_v2_quota_is_rounded_up);
    tcase_add_test(tc, max_is_no_quota);
    tcase_add_test(tc, the_least_quota_on_the_way_up_counts);
    tcase_add_test(tc, v1_has_its_quota_in_two_files);
    tcase_add_test(tc, a_container_sees_its_own_group_at_the_mount);
    tcase_add_test(tc, nonsense_and_missing_files_are_no_quota);
    tcase_add_test(tc, there_is_at_least_one_cpu_and_no_more_than_online);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
