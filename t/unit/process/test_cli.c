/* The command line: what each option sets, and what a wrong one is told. */
#include "process/cli.c"

#include <check.h>

#define MAX_ARGS  16

static nc_options_t  o;
static nc_sb_t       text;
static bool          parsed;


static void
done(void)
{
    if (parsed) {
        nc_cli_fini(&o);
        nc_sb_fini(&text);
        parsed = false;
    }
}


/* Parses "nuncio" and the words given, up to NULL. */
static nc_rc_t
parse(const char *first, ...)
{
    static char  words[MAX_ARGS][64], *argv[MAX_ARGS + 1];
    int          argc = 0;
    va_list      args;

    done();
    va_start(args, first);

    for (const char *a = "nuncio"; a; argc++) {
        snprintf(words[argc], sizeof(words[argc]), "%s", a);
        argv[argc] = words[argc];
        a = argc ? va_arg(args, const char *) : first;
    }

    va_end(args);
    argv[argc] = NULL;
    nc_sb_init(&text);
    parsed = true;

    return nc_cli_parse(&o, argc, argv, &text);
}


#define REFUSED(expected, ...)  \
    do {  \
        ck_assert_int_eq(parse(__VA_ARGS__, NULL), NC_ERROR);  \
        ck_assert_str_eq(nc_sb_c(&text), expected "\n");  \
    } while (0)


START_TEST(without_options_it_serves_the_default_file)
{
    ck_assert_int_eq(parse(NULL), NC_OK);
    ck_assert_int_eq(o.mode, NC_RUN_SERVE);
    ck_assert_uint_eq(o.config_paths.n, 1);
    ck_assert_str_eq(o.config_paths.items[0], NC_PREFIX "/" NC_CONF_PATH);
    ck_assert_str_eq(o.pid_path, NC_PREFIX "/" NC_PID_PATH);
    ck_assert_uint_eq(o.drain_time_s, 600);
    ck_assert_uint_eq(o.file_flush_interval_ms, 10000);
    ck_assert_uint_ge(o.concurrency, 1);
    ck_assert(!o.concurrency_given);
}
END_TEST


START_TEST(short_and_long_forms_mean_the_same)
{
    ck_assert_int_eq(parse("-c", "a", "--config-path", "b", "--config-path=c", "-cd", NULL),
        NC_OK);
    ck_assert_uint_eq(o.config_paths.n, 4);
    ck_assert_str_eq(o.config_paths.items[0], "a");
    ck_assert_str_eq(o.config_paths.items[3], "d");
    ck_assert_int_eq(parse("-tq", "-l", "debug", NULL), NC_OK);
    ck_assert_int_eq(o.mode, NC_RUN_VALIDATE);
    ck_assert(o.quiet);
    ck_assert_str_eq(o.log_level, "debug");
    ck_assert_int_eq(parse("--mode", "validate", NULL), NC_OK);
    ck_assert_int_eq(o.mode, NC_RUN_VALIDATE);
    ck_assert_int_eq(parse("--concurrency", "3", NULL), NC_OK);
    ck_assert_uint_eq(o.concurrency, 3);
}
END_TEST


START_TEST(the_prefix_moves_all_paths_and_the_base_id_tells_them_apart)
{
    ck_assert_int_eq(parse("-p", "/x/", "--base-id", "2", NULL), NC_OK);
    ck_assert_str_eq(o.config_paths.items[0], "/x/conf/nuncio.yaml");
    ck_assert_str_eq(o.pid_path, "/x/run/nuncio-2.pid");
    ck_assert_str_eq(o.state_path, "/x/state-2");
    nc_cli_set_base_id(&o, 0);
    ck_assert_str_eq(o.pid_path, "/x/run/nuncio.pid");
    ck_assert_int_eq(parse("-p", "/x", "--pid-path", "/y/z", "--base-id", "2", NULL), NC_OK);
    ck_assert_str_eq(o.pid_path, "/y/z");
}
END_TEST


START_TEST(a_daemon_logs_to_a_file)
{
    ck_assert_int_eq(parse("-p", "/x", "--daemon", NULL), NC_OK);
    ck_assert_str_eq(o.log_path, "/x/" NC_ERROR_LOG_PATH);
    ck_assert_int_eq(parse("-p", "/x", NULL), NC_OK);
    ck_assert_ptr_null(o.log_path);
}
END_TEST


START_TEST(mistakes_are_named_and_the_likely_word_is_offered)
{
    REFUSED("--concurency: unknown option, did you mean --concurrency?", "--concurency", "2");
    REFUSED("--frobnicate: unknown option, see --help", "--frobnicate");
    REFUSED("-z: unknown option, see --help", "-z");
    REFUSED("--config-path needs a value: PATH", "--config-path");
    REFUSED("-c needs a value: PATH", "-c");
    REFUSED("--daemon takes no value", "--daemon=yes");
    REFUSED("--concurrency x: it is a number up to 1024", "--concurrency", "x");
    REFUSED("--drain-time-s -1: it is a number up to 31536000", "--drain-time-s", "-1");
    REFUSED("-s dance: it is stop, quit, reload or reopen", "-s", "dance");
    REFUSED("--mode dance: it is serve, validate or init_only", "--mode", "dance");
    REFUSED("--local-address-ip-version v5: it is v4 or v6", "--local-address-ip-version", "v5");
    REFUSED("stray: there are no arguments but options; a configuration file is named by -c",
        "stray");
    REFUSED("--listen and --to go together", "--listen", "80");
}
END_TEST


START_TEST(what_envoy_has_and_this_has_not_is_refused_with_the_reason)
{
    REFUSED("--restart-epoch 1: hot restart is not part of this version, only 0 is accepted",
        "--restart-epoch", "1");
    REFUSED("--enable-mutex-tracing: not supported: there is no mutex to trace",
        "--enable-mutex-tracing");
    ck_assert_int_eq(parse("--restart-epoch", "0", "--disable-hot-restart", NULL), NC_OK);
}
END_TEST


START_TEST(all_mistakes_are_told_at_once)
{
    ck_assert_int_eq(parse("--mode", "x", "-s", "y", "stray", NULL), NC_ERROR);
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&text), "--mode x"));
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&text), "-s y"));
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&text), "stray"));
}
END_TEST


START_TEST(listen_and_to_become_a_configuration)
{
    ck_assert_int_eq(parse("--listen", "[::1]:8080", "--to", "10.0.0.1:3000", NULL), NC_OK);
    ck_assert_uint_eq(o.config_paths.n, 0);
    ck_assert_uint_eq(o.config_yaml.n, 1);
    ck_assert_ptr_nonnull(strstr(o.config_yaml.items[0], "address: \"::1\", port_value: 8080"));
    ck_assert_ptr_nonnull(strstr(o.config_yaml.items[0], "type: STATIC"));
    ck_assert_ptr_nonnull(strstr(o.config_yaml.items[0],
        "address: \"10.0.0.1\", port_value: 3000"));
    ck_assert_int_eq(parse("--listen", "80", "--to", "localhost:1", "--print-config", NULL), NC_OK);
    ck_assert_int_eq(o.mode, NC_RUN_PRINT_CONFIG);
    ck_assert_ptr_nonnull(strstr(o.config_yaml.items[0], "type: STRICT_DNS"));
    ck_assert_int_eq(parse("--listen", "80", "--to", "x\": {}", NULL), NC_ERROR);
    ck_assert_int_eq(parse("--listen", "host:80", "--to", "a:1", NULL), NC_ERROR);
    ck_assert_int_eq(parse("--listen", "80", "--to", "a:0", NULL), NC_ERROR);
    ck_assert_int_eq(parse("--listen", "80", "--to", "a", NULL), NC_ERROR);
}
END_TEST


START_TEST(help_fits_the_screen_and_names_every_option)
{
    nc_sb_t   help;
    nc_str_t  rest, line;

    nc_sb_init(&help);
    nc_cli_help(&help);
    rest = nc_sb_str(&help);

    while (nc_str_split(&rest, '\n', &line)) {
        ck_assert_uint_le(line.len, 100);
    }

    for (const nc_cli_option_t *d = nc_cli_options; d->kind != NC_CLI_END; d++) {
        if (d->kind != NC_CLI_REFUSED) {
            ck_assert_ptr_nonnull(strstr(nc_sb_c(&help), d->name));
        }
    }

    nc_sb_fini(&help);
}
END_TEST


START_TEST(files_of_the_configuration_are_found_from_the_prefix_when_it_is_given)
{
    char  here[4096];

    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));

    ck_assert_int_eq(parse("-c", "a.yaml", NULL), NC_OK);
    ck_assert_ptr_null(o.work_dir);
    ck_assert_str_eq(o.config_paths.items[0], "a.yaml");

    ck_assert_int_eq(parse("-p", "/", "-c", "a.yaml", "--base-id-path", "b", NULL), NC_OK);
    ck_assert_str_eq(o.work_dir, "/");
    ck_assert_str_eq(o.config_paths.items[0] + strlen(here), "/a.yaml");
    ck_assert_str_eq(o.base_id_path + strlen(here), "/b");

    ck_assert_int_eq(parse(NULL), NC_OK);
    ck_assert_str_eq(o.work_dir, NC_PREFIX);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/cli");
    TCase    *tc = tcase_create("cli");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, NULL, done);
    tcase_add_test(tc, without_options_it_serves_the_default_file);
    tcase_add_test(tc, short_and_long_forms_mean_the_same);
    tcase_add_test(tc, the_prefix_moves_all_paths_and_the_base_id_tells_them_apart);
    tcase_add_test(tc, a_daemon_logs_to_a_file);
    tcase_add_test(tc, mistakes_are_named_and_the_likely_word_is_offered);
    tcase_add_test(tc, what_envoy_has_and_this_has_not_is_refused_with_the_reason);
    tcase_add_test(tc, all_mistakes_are_told_at_once);
    tcase_add_test(tc, listen_and_to_become_a_configuration);
    tcase_add_test(tc, help_fits_the_screen_and_names_every_option);
    tcase_add_test(tc, files_of_the_configuration_are_found_from_the_prefix_when_it_is_given);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
