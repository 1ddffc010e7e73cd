/* The error log. */
#include "log/log.c"

#include <check.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char  path[] = "/tmp/nc-test-log-XXXXXX";
static char  content[65536];

static void
setup(void)
{
    int  fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void
teardown(void)
{
    unlink(path);
}

static void
start(const char *format, nc_log_level_t level)
{
    nc_log_config_t  c = { .path = path, .format = format, .level = level };

    ck_assert_int_eq(nc_log_init(&c), NC_OK);
}

/* What the file holds. */
static const char *
logged(void)
{
    int      fd = open(path, O_RDONLY);
    ssize_t  n = read(fd, content, sizeof(content) - 1);

    close(fd);
    ck_assert_int_ge(n, 0);
    content[n] = '\0';

    return content;
}

START_TEST(a_line_has_envoys_prefix)
{
    int       pid, line, year, n = 0;
    char      text[64];

    start(NULL, NC_LOG_INFO);
    nc_log(INFO, UPSTREAM, "hello %d", 7);
    ck_assert_int_eq(sscanf(logged(), "[%d-%*2d-%*2d %*2d:%*2d:%*2d.%*3d][%d][info][upstream] "
        "[t/unit/log/test_log.c:%d] %63[^\n]%n", &year, &pid, &line, text, &n), 4);
    ck_assert_int_eq(pid, (int) getpid());
    ck_assert_str_eq(text, "hello 7");
    ck_assert_str_eq(content + n, "\n");
}
END_TEST

static int  evaluated;

static const char *
costly(void)
{
    evaluated++;

    return "x";
}

START_TEST(what_is_below_the_level_is_not_even_evaluated)
{
    start("%v", NC_LOG_WARNING);
    nc_log(INFO, HTTP, "%s", costly());
    ck_assert_int_eq(evaluated, 0);
    nc_log_set_level(NC_LOGC_HTTP, NC_LOG_TRACE);
    nc_log(DEBUG, HTTP, "%s", costly());
    nc_log(DEBUG, ROUTER, "%s", costly());
    nc_log_set_all_levels(NC_LOG_OFF);
    nc_log(CRITICAL, HTTP, "%s", costly());
    ck_assert_str_eq(logged(), "x\n");
    nc_log_alert(MAIN, "child %d crashed", 3);
    ck_assert_str_eq(logged(), "x\n[alert] child 3 crashed\n");
}
END_TEST

START_TEST(bytes_of_a_peer_are_escaped_and_stay_on_one_line)
{
    start("%v", NC_LOG_INFO);
    nc_log(INFO, HTTP, "bad: %s", "a\r\nb\x1b[31m\x7f\t\xc3\xa9");
    ck_assert_str_eq(logged(), "bad: a\\r\\nb\\x1b[31m\\x7f\\t\xc3\xa9\n");
}
END_TEST

START_TEST(a_message_that_is_too_long_is_cut_but_ends_its_line)
{
    static char  big[20000];
    size_t       n;

    memset(big, '\n', sizeof(big) - 1);
    start("%v%v", NC_LOG_INFO);
    nc_log(INFO, HTTP, "%s", big);
    nc_log(INFO, HTTP, "next");
    logged();
    n = strcspn(content, "\n");
    ck_assert_uint_eq(n, LINE_MAX_BYTES - 1);
    ck_assert_str_eq(content + n, "\nnextnext\n");
}
END_TEST

START_TEST(placeholders_and_padding)
{
    start("%l|%L|%n|%-8l|%8n|%=7L|%3!n|%%|%s|%N|%j|%q|%^%$%P", NC_LOG_INFO);
    nc_log_set_process("worker 3");
    nc_log(WARNING, DNS, "say \"hi\"\n");
    sprintf(content + 40000, "warning|W|dns|warning |     dns|   W   |dns|%%|test_log.c|worker 3|"
        "say \\\"hi\\\"\\n|%%q|%d\n", (int) getpid());
    ck_assert_str_eq(logged(), content + 40000);
}
END_TEST

START_TEST(formats_are_checked)
{
    nc_sb_t  error;

    nc_sb_init(&error);
    ck_assert_int_eq(nc_log_check_format(NC_LOG_DEFAULT_FORMAT, &error), NC_OK);
    ck_assert_int_eq(nc_log_check_format("%Y %-10l %=4!n %% %_ %j %+", &error), NC_OK);
    ck_assert_int_eq(nc_log_check_format("%v %", &error), NC_ERROR);
    nc_sb_reset(&error);
    ck_assert_int_eq(nc_log_check_format("%v %q", &error), NC_ERROR);
    ck_assert_str_eq(nc_sb_c(&error), "the log format has an unknown placeholder \"%q\"");
    nc_sb_fini(&error);
}
END_TEST

START_TEST(times_are_printed_by_every_placeholder)
{
    nc_log_record_t  r = { .now = { 1700000000, 123456789 }, .file = "a/b.c", .line = 5,
        .func = "f", .process = "master", .message = NC_STR("m"), .raw = NC_STR("m") };
    char             buf[256];
    nc_sb_t          out;

    setenv("TZ", "UTC", 1);
    tzset();
    nc_sb_fixed(&out, buf, sizeof(buf));
    nc_log_format("%Y-%m-%d %H:%M:%S.%e %f %F %T %D %p %z %E %s %g %# %@ %!", &r, &out);
    ck_assert_str_eq(nc_sb_c(&out), "2023-11-14 22:13:20.123 123456 123456789 22:13:20 11/14/23 "
        "PM +00:00 1700000000 b.c a/b.c 5 a/b.c:5 f");
}
END_TEST

START_TEST(levels_are_set_by_lists_all_or_nothing)
{
    nc_sb_t  error;

    nc_sb_init(&error);
    start("%v", NC_LOG_INFO);
    ck_assert_int_eq(nc_log_set_levels(NC_STR("http:debug,upstream:WARN"), &error), NC_OK);
    ck_assert_uint_eq(nc_log_levels[NC_LOGC_HTTP], NC_LOG_DEBUG);
    ck_assert_uint_eq(nc_log_levels[NC_LOGC_UPSTREAM], NC_LOG_WARNING);
    ck_assert_int_eq(nc_log_set_levels(NC_STR("http:trace,nope:info"), &error), NC_ERROR);
    ck_assert_str_eq(nc_sb_c(&error), "\"nope\": no such component");
    ck_assert_uint_eq(nc_log_levels[NC_LOGC_HTTP], NC_LOG_DEBUG);
    ck_assert_int_eq(nc_log_set_levels(NC_STR("http"), &error), NC_ERROR);
    ck_assert_int_eq(nc_log_set_levels(NC_STR("http:loud"), &error), NC_ERROR);
    ck_assert_int_eq(nc_log_set_levels(NC_STR(""), &error), NC_OK);
    nc_sb_reset(&error);
    nc_log_print_levels(&error);
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&error), "  http: debug\n"));
    nc_sb_fini(&error);
}
END_TEST

START_TEST(a_level_set_in_one_process_holds_in_all)
{
    pid_t  pid;
    int    status;

    start("%v", NC_LOG_INFO);
    pid = fork();

    if (pid == 0) {
        nc_log_set_level(NC_LOGC_POOL, NC_LOG_TRACE);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(nc_log_on(NC_LOGC_POOL, NC_LOG_TRACE));
}
END_TEST

START_TEST(reopening_goes_on_in_a_new_file)
{
    char  moved[64];

    start("%v", NC_LOG_INFO);
    nc_log(INFO, MAIN, "one");
    snprintf(moved, sizeof(moved), "%s.1", path);
    ck_assert_int_eq(rename(path, moved), 0);
    nc_log(INFO, MAIN, "two");
    ck_assert_int_eq(nc_log_reopen(), NC_OK);
    nc_log(INFO, MAIN, "three");
    ck_assert_str_eq(logged(), "three\n");
    unlink(moved);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_leaves_stderr)
{
    nc_log_config_t  c = { .path = "/nonexistent/dir/log", .level = NC_LOG_OFF };

    ck_assert_int_eq(nc_log_init(&c), NC_ERROR);
    ck_assert_int_eq(nc_log_fd(), STDERR_FILENO);
    ck_assert_int_eq(nc_log_reopen(), NC_ERROR);
}
END_TEST

START_TEST(repeats_are_limited_and_counted)
{
    nc_log_limit_t  limit = { .n = 0 };
    unsigned        i, passed = 0;

    start("%v", NC_LOG_INFO);

    for (i = 0; i < 1000; i++) {
        passed += nc_log_limit_pass(&limit);
    }

    ck_assert_uint_le(passed, 20);
    ck_assert_uint_eq(limit.dropped, 1000 - passed);
    limit.dropped = 980;
    limit.window_s = 0;
    ck_assert(nc_log_limit_pass(&limit));
    nc_log_write_limited(&limit, NC_LOG_ERROR, NC_LOGC_IO, "f", 1, "g", "disk %s", "full");
    ck_assert_str_eq(logged(), "disk full (980 such lines left out)\n");
    ck_assert_uint_eq(limit.dropped, 0);
    nc_log_limited(ERROR, IO, "plain");
    ck_assert_str_eq(logged(), "disk full (980 such lines left out)\nplain\n");
}
END_TEST

START_TEST(a_bug_is_an_alert)
{
    start("%v", NC_LOG_OFF);
    nc_bug_hook("boom");
    ck_assert_str_eq(logged(), "[alert] boom\n");
}
END_TEST

int
main(void)
{
    Suite    *suite = suite_create("log/log");
    TCase    *tc = tcase_create("log");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_line_has_envoys_prefix);
    tcase_add_test(tc, what_is_below_the_level_is_not_even_evaluated);
    tcase_add_test(tc, bytes_of_a_peer_are_escaped_and_stay_on_one_line);
    tcase_add_test(tc, a_message_that_is_too_long_is_cut_but_ends_its_line);
    tcase_add_test(tc, placeholders_and_padding);
    tcase_add_test(tc, formats_are_checked);
    tcase_add_test(tc, times_are_printed_by_every_placeholder);
    tcase_add_test(tc, levels_are_set_by_lists_all_or_nothing);
    tcase_add_test(tc, a_level_set_in_one_process_holds_in_all);
    tcase_add_test(tc, reopening_goes_on_in_a_new_file);
    tcase_add_test(tc, a_file_that_cannot_be_opened_leaves_stderr);
    tcase_add_test(tc, repeats_are_limited_and_counted);
    tcase_add_test(tc, a_bug_is_an_alert);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
