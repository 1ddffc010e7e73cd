/* Last words: what a crashing process leaves, whatever its pointers are worth. */
#include "process/crash.c"

#include "base/module.h"

#include <check.h>
#include <sys/wait.h>

static nc_sb_t  said;


/* A child that says what `words` does and then crashes; what its parent makes of it. */
static const char *
last_words(void (*words)(void))
{
    pid_t  pid;
    int    status;

    ck_assert_int_eq(nc_family_create(1), NC_OK);
    pid = fork();

    if (pid == 0) {
        nc_family_use(1);
        nc_crash_init();
        words();
        raise(SIGSEGV);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    nc_sb_init(&said);
    nc_crash_print(nc_family_words(1), &said);

    return nc_sb_c(&said);
}


static void
at_work(void)
{
    nc_words_conn(12);
    nc_words_stream(34, "GET /\x01 HTTP/1.1", 15);
    nc_words_filter(nc_modules[0] ? nc_modules[0]->name : NULL);
}


static void
with_bad_pointers(void)
{
    nc_words_conn(12);
    nc_words_stream(34, (const char *) 0x10, 100);
    nc_words_filter((const char *) 0x20);
}


static void
with_a_wild_slot(void)
{
    memset(nc_words, 0xff, sizeof(*nc_words));
}


START_TEST(connection_stream_request_and_filter_are_told)
{
    const char  *text = last_words(at_work);

    ck_assert_ptr_nonnull(strstr(text, "connection 12, stream 34"));

    if (nc_modules[0]) {
        ck_assert_ptr_nonnull(strstr(text, nc_modules[0]->name));
    }

#ifndef __SANITIZE_ADDRESS__
    ck_assert_ptr_nonnull(strstr(text, "request \"GET /\\u0001 HTTP/1.1\""));
    ck_assert_ptr_nonnull(strstr(text, "  at "));
#endif
    nc_sb_fini(&said);
}
END_TEST


START_TEST(bad_pointers_hurt_neither_the_dying_nor_the_master)
{
    const char  *text = last_words(with_bad_pointers);

    ck_assert_ptr_nonnull(strstr(text, "connection 12, stream 34"));
    ck_assert_ptr_null(strstr(text, "request"));
    ck_assert_ptr_null(strstr(text, "filter"));
    nc_sb_fini(&said);
    nc_family_destroy();
    (void) last_words(with_a_wild_slot);
    nc_sb_fini(&said);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/crash");
    TCase    *tc = tcase_create("crash");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, connection_stream_request_and_filter_are_told);
    tcase_add_test(tc, bad_pointers_hurt_neither_the_dying_nor_the_master);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
