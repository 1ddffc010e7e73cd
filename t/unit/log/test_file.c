/* The buffered writer of whole lines. */
#include "log/file.c"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char     path[] = "/tmp/nc-test-file-XXXXXX";
static int64_t  events[NC_LOG_FILE_TOTAL + 1];

static void
on_event(nc_log_file_event_t event, int64_t n)
{
    events[event] += n;
}

static void
setup(void)
{
    int  fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    nc_log_file_hook = on_event;
    signal(SIGPIPE, SIG_IGN);
}

static void
teardown(void)
{
    unlink(path);
}

static int
open_append(void)
{
    int  fd = open(path, O_WRONLY | O_APPEND);

    ck_assert_int_ge(fd, 0);

    return fd;
}

/* The file as a heap string; the caller frees it. */
static char *
read_all(size_t *len)
{
    int          fd = open(path, O_RDONLY);
    struct stat  st;
    char        *p;

    ck_assert_int_eq(fstat(fd, &st), 0);
    p = nc_malloc((size_t) st.st_size + 1);
    ck_assert_int_eq(read(fd, p, (size_t) st.st_size), st.st_size);
    p[st.st_size] = '\0';
    *len = (size_t) st.st_size;
    close(fd);

    return p;
}

static void
file_is(const char *expected)
{
    size_t  n;
    char   *p = read_all(&n);

    ck_assert_str_eq(p, expected);
    free(p);
}

START_TEST(lines_wait_for_the_flush)
{
    nc_log_file_t  f;
    char          *room;

    nc_log_file_init(&f, open_append(), true);
    ck_assert_int_eq(nc_log_file_line(&f, NC_STR("one")), NC_OK);
    ck_assert_int_eq(nc_log_file_line(&f, NC_STR("two\n")), NC_OK);
    room = nc_log_file_reserve(&f, 100);
    memcpy(room, "three", 5);
    nc_log_file_commit(&f, 5);
    file_is("");
    ck_assert_int_eq(events[NC_LOG_FILE_TOTAL], 14);
    ck_assert_int_eq(nc_log_file_flush_timer(&f), NC_OK);
    ck_assert_int_eq(nc_log_file_flush_timer(&f), NC_OK);
    file_is("one\ntwo\nthree\n");
    ck_assert_int_eq(events[NC_LOG_FILE_BUFFERED], 3);
    ck_assert_int_eq(events[NC_LOG_FILE_COMPLETED], 1);
    ck_assert_int_eq(events[NC_LOG_FILE_BY_TIMER], 1);
    ck_assert_int_eq(events[NC_LOG_FILE_TOTAL], 0);
    nc_log_file_fini(&f);
}
END_TEST

START_TEST(a_full_buffer_is_written_at_once)
{
    nc_log_file_t  f;
    unsigned       i;
    size_t         n;
    char          *all, *big = nc_calloc(300000);

    nc_log_file_init(&f, open_append(), true);

    for (i = 0; i < 2000; i++) {
        ck_assert_int_eq(nc_log_file_line(&f, NC_STR("0123456789012345678901234567890123456789")),
            NC_OK);
        ck_assert_uint_lt(nc_log_file_pending(&f), NC_LOG_FILE_BUFFER);
    }

    ck_assert_int_eq(events[NC_LOG_FILE_COMPLETED], 1);
    memset(big, 'x', 300000);
    ck_assert_int_eq(nc_log_file_line(&f, nc_str(big, 300000)), NC_OK);
    ck_assert_int_eq(nc_log_file_line(&f, NC_STR("end")), NC_OK);
    nc_log_file_fini(&f);
    all = read_all(&n);
    ck_assert_uint_eq(n, 2000 * 41 + 300001 + 4);
    ck_assert_str_eq(all + n - 5, "\nend\n");
    free(all);
    free(big);
}
END_TEST

START_TEST(what_is_too_long_or_has_no_file_is_dropped_and_counted)
{
    nc_log_file_t  f;
    char          *big = nc_calloc(LINE_MAX_BYTES + 1);

    nc_log_file_init(&f, open_append(), true);
    ck_assert_int_eq(nc_log_file_line(&f, nc_str(big, LINE_MAX_BYTES)), NC_DECLINED);
    ck_assert_ptr_null(nc_log_file_reserve(&f, LINE_MAX_BYTES));
    ck_assert_uint_eq(f.dropped, 1);
    nc_log_file_set_fd(&f, -1, false);
    ck_assert_int_eq(nc_log_file_line(&f, NC_STR("x")), NC_DECLINED);
    ck_assert_uint_eq(f.dropped, 2);
    nc_log_file_fini(&f);
    free(big);
}
END_TEST

START_TEST(a_full_disk_drops_whole_lines_and_ends_the_cut_one)
{
    struct rlimit  r = { 10, RLIM_INFINITY };
    nc_log_file_t  f;

    signal(SIGXFSZ, SIG_IGN);
    nc_log_file_init(&f, open_append(), true);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
    nc_log_file_line(&f, NC_STR("12345"));
    nc_log_file_line(&f, NC_STR("67890"));
    nc_log_file_line(&f, NC_STR("lost"));

    /* Ten bytes fit: the second line is cut. */
    ck_assert_int_eq(nc_log_file_flush(&f), NC_DECLINED);
    ck_assert_uint_eq(f.dropped, 1);
    ck_assert_int_eq(events[NC_LOG_FILE_FAILED], 1);
    nc_log_file_line(&f, NC_STR("lost too"));
    ck_assert_int_eq(nc_log_file_flush(&f), NC_DECLINED);
    ck_assert_uint_eq(f.dropped, 2);

    r.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &r);
    nc_log_file_line(&f, NC_STR("again"));
    ck_assert_int_eq(nc_log_file_flush(&f), NC_OK);
    file_is("12345\n67890\nagain\n");
    ck_assert_int_eq(events[NC_LOG_FILE_TOTAL], 0);
    nc_log_file_fini(&f);
}
END_TEST

START_TEST(a_pipe_that_nobody_reads_never_blocks_and_keeps_lines_whole)
{
    nc_log_file_t  f;
    int            p[2];
    unsigned       i, n = 0, lines = 0;
    char           buf[8192];
    ssize_t        got;

    ck_assert_int_eq(pipe(p), 0);
    nc_log_file_init(&f, p[1], true);
    alarm(10);

    for (i = 0; i < 10000; i++) {
        n += nc_log_file_line(&f, NC_STR("a line of some thirty characters")) == NC_OK;
    }

    ck_assert_uint_lt(n, 10000);
    ck_assert_uint_eq(f.dropped, 10000 - n);
    ck_assert_int_eq(nc_log_file_flush(&f), NC_AGAIN);
    fcntl(p[0], F_SETFL, O_NONBLOCK);

    while ((got = read(p[0], buf, sizeof(buf))) > 0 || nc_log_file_flush(&f) == NC_AGAIN
        || nc_log_file_pending(&f) || lines < n)
    {
        for (i = 0; got > 0 && i < got; i++) {
            lines += buf[i] == '\n';
        }
    }

    ck_assert_uint_eq(lines, n);
    close(p[0]);
    nc_log_file_line(&f, NC_STR("x"));
    ck_assert_int_eq(nc_log_file_flush(&f), NC_DECLINED);
    nc_log_file_fini(&f);
}
END_TEST

START_TEST(lines_of_several_processes_stay_whole)
{
    enum { WRITERS = 4, LINES = 20000 };
    pid_t          pids[WRITERS];
    nc_log_file_t  f;
    unsigned       i, k, seen[WRITERS] = { 0 };
    size_t         n;
    char          *all, *p, line[64];
    int            status;

    for (i = 0; i < WRITERS; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            nc_log_file_init(&f, open_append(), true);
            for (k = 0; k < LINES; k++) {
                int  len = snprintf(line, sizeof(line), "%u %u some filling text\n", i, k);

                nc_log_file_line(&f, nc_str(line, (size_t) len));
            }
            nc_log_file_fini(&f);
            _exit(0);
        }
    }

    for (i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
    }

    all = read_all(&n);

    for (p = all; *p; p = strchr(p, '\n') + 1) {
        int  len = 0;

        ck_assert_int_eq(sscanf(p, "%u %u some filling text%n", &i, &k, &len), 2);
        ck_assert(p[len] == '\n');
        ck_assert_uint_eq(k, seen[i]++);
    }

    for (i = 0; i < WRITERS; i++) {
        ck_assert_uint_eq(seen[i], LINES);
    }

    free(all);
}
END_TEST

START_TEST(reopening_flushes_the_old_file_first)
{
    nc_log_file_t  f;
    char           moved[64];
    int            fd;

    nc_log_file_init(&f, open_append(), true);
    nc_log_file_line(&f, NC_STR("old"));
    snprintf(moved, sizeof(moved), "%s.1", path);
    ck_assert_int_eq(rename(path, moved), 0);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    nc_log_file_set_fd(&f, fd, true);
    nc_log_file_line(&f, NC_STR("new"));
    nc_log_file_fini(&f);
    file_is("new\n");
    ck_assert_int_eq(rename(moved, path), 0);
    file_is("old\n");
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("log/file");
    TCase    *tc = tcase_create("file");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, lines_wait_for_the_flush);
    tcase_add_test(tc, a_full_buffer_is_written_at_once);
    tcase_add_test(tc, what_is_too_long_or_has_no_file_is_dropped_and_counted);
    tcase_add_test(tc, a_full_disk_drops_whole_lines_and_ends_the_cut_one);
    tcase_add_test(tc, a_pipe_that_nobody_reads_never_blocks_and_keeps_lines_whole);
    tcase_add_test(tc, lines_of_several_processes_stay_whole);
    tcase_add_test(tc, reopening_flushes_the_old_file_first);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
