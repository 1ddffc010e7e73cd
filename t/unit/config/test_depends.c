/* What a resource was made of: noted, looked at again, watched. */
#include "config/depends.c"

#include <check.h>
#include <fcntl.h>

static char          dir[64];
static nc_depends_t  d;
static uint64_t      secret_now;
static unsigned      calls;


static const char *
path_of(const char *name)
{
    static char  paths[4][128];
    static int   at;
    char        *path = paths[at++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);

    return path;
}


static void
put_file(const char *name, const char *text)
{
    FILE  *f = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}


static uint64_t
secret(void *ctx, nc_str_t name)
{
    (void) ctx;
    ck_assert(nc_str_eq(name, NC_STR("s")));

    return secret_now;
}


static bool
changed(void)
{
    return nc_depends_changed(&d, secret, NULL);
}


static void
on_changed(void)
{
    calls++;
}


static void
setup(void)
{
    strcpy(dir, "/tmp/nuncio-test-depends-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    memset(&d, 0, sizeof(d));
    nc_watch_init(on_changed);
    calls = 0;
}


static void
teardown(void)
{
    nc_watch_fini();
    nc_depends_fini(&d);
    nc_loop_fini();
    (void) unlink(path_of("a"));
    (void) unlink(path_of("b"));
    ck_assert_int_eq(rmdir(dir), 0);
}


START_TEST(a_file_has_changed_when_its_bytes_have)
{
    put_file("a", "one");
    nc_depends_on_file(&d, path_of("a"), NULL);
    ck_assert(!changed());

    put_file("a", "two");
    ck_assert(changed());
    put_file("a", "one");
    ck_assert(!changed());
}
END_TEST


START_TEST(a_file_that_comes_or_goes_has_changed)
{
    nc_depends_on_file(&d, path_of("a"), NULL);
    ck_assert(!changed());
    put_file("a", "");
    ck_assert(changed());

    nc_depends_on_file(&d, path_of("a"), NULL);
    ck_assert_uint_eq(d.on.n, 1);
    nc_depends_fini(&d);
    nc_depends_on_file(&d, path_of("a"), NULL);
    ck_assert(!changed());
    ck_assert_int_eq(unlink(path_of("a")), 0);
    ck_assert(changed());
}
END_TEST


START_TEST(a_folder_in_place_of_a_file_is_no_content)
{
    nc_depends_on_file(&d, dir, NULL);
    ck_assert_uint_eq(d.on.items[0].digest, 0);
    ck_assert(!changed());
}
END_TEST


START_TEST(a_secret_has_changed_when_its_digest_has)
{
    secret_now = 7;
    nc_depends_on_secret(&d, "s", 7);
    nc_depends_on_secret(&d, "s", 8);
    ck_assert_uint_eq(d.on.n, 1);
    ck_assert(!changed());
    secret_now = 0;
    ck_assert(changed());
}
END_TEST


START_TEST(a_folder_is_noted_once)
{
    nc_depends_on_file(&d, "", dir);
    nc_depends_on_file(&d, "", dir);
    nc_depends_on_file(&d, path_of("a"), NULL);
    ck_assert_uint_eq(d.folders.n, 1);
    ck_assert_uint_eq(d.on.n, 1);
}
END_TEST


static void
watch_only(const char *folder)
{
    nc_watch_begin();

    if (folder) {
        nc_watch_add(folder);
    }

    nc_watch_end();
}


/* Turns until `n` calls, or until nothing has happened for far longer than the quiet time. */
static void
turn_until(unsigned n)
{
    for (unsigned i = 0; i < 20 && calls < n; i++) {
        nc_loop_turn(NC_DEPENDS_QUIET_MS);
    }
}


START_TEST(changes_in_a_watched_folder_are_told_once)
{
    put_file("a", "1");
    put_file("b", "2");
    watch_only(dir);
    turn_until(1);
    ck_assert_uint_eq(calls, 0);

    ck_assert_int_eq(rename(path_of("b"), path_of("a")), 0);
    put_file("b", "3");
    ck_assert_int_eq(rename(path_of("b"), path_of("a")), 0);
    turn_until(2);
    ck_assert_uint_eq(calls, 1);
}
END_TEST


START_TEST(what_nobody_asks_for_any_more_is_not_watched)
{
    watch_only(dir);
    watch_only(dir);
    watch_only(NULL);
    put_file("b", "2");
    ck_assert_int_eq(rename(path_of("b"), path_of("a")), 0);
    turn_until(1);
    ck_assert_uint_eq(calls, 0);
    ck_assert_uint_eq(watch.folders.n, 0);
}
END_TEST


START_TEST(a_folder_that_is_not_there_is_no_trouble)
{
    watch_only("/nowhere/at/all");
    ck_assert_uint_eq(watch.folders.n, 0);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("config/depends");
    TCase    *t = tcase_create("depends");
    SRunner  *r;
    int       failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_file_has_changed_when_its_bytes_have);
    tcase_add_test(t, a_file_that_comes_or_goes_has_changed);
    tcase_add_test(t, a_folder_in_place_of_a_file_is_no_content);
    tcase_add_test(t, a_secret_has_changed_when_its_digest_has);
    tcase_add_test(t, a_folder_is_noted_once);
    tcase_add_test(t, changes_in_a_watched_folder_are_told_once);
    tcase_add_test(t, what_nobody_asks_for_any_more_is_not_watched);
    tcase_add_test(t, a_folder_that_is_not_there_is_no_trouble);
    suite_add_tcase(s, t);

    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
