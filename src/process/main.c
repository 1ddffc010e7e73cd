/*
 * main.c: the command line decides what this run is: a check, a message to the running master, a
 * text, or the master itself.
 *
 * Exit status: 0 all well; 1 the configuration or the start failed; 2 a wrong command line.
 */
#include "base/hash.h"
#include "config/loader.h"
#include "log/log.h"
#include "os/notify.h"
#include "os/title.h"
#include "process/cli.h"
#include "process/control.h"
#include "process/hooks.h"
#include "process/master.h"
#include "process/route_check.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>


static void
print(FILE *out, nc_sb_t *text)
{
    (void) fwrite(text->data, 1, text->len, out);
    nc_sb_reset(text);
}


/* Errors, and unless --quiet warnings, a line each. */
static void
print_errors(const nc_options_t *o, const nc_errors_t *errors)
{
    nc_sb_t  line;

    nc_sb_init(&line);

    for (const nc_error_t *e = errors->first; e; e = e->next) {
        if (e->warning && o->quiet) {
            continue;
        }

        if (e->warning) {
            nc_sb_c_add(&line, "warning: ");
        }

        nc_error_print(e, &line);
        nc_sb_char(&line, '\n');
        print(stderr, &line);
    }

    nc_sb_fini(&line);
}


/* What -t names: its files, or where else the configuration comes from. */
static void
add_sources(const nc_options_t *o, nc_sb_t *out)
{
    for (size_t i = 0; i < o->config_paths.n; i++) {
        nc_sb_printf(out, "%s%s", i ? ", " : "", o->config_paths.items[i]);
    }

    if (o->config_paths.n == 0) {
        nc_sb_c_add(out, o->listen ? "of --listen and --to" : "of --config-yaml");
    }
}


static int
check(const nc_options_t *o)
{
    nc_errors_t  errors;
    nc_sb_t      summary, line;
    nc_rc_t      rc;

    nc_errors_init(&errors);
    nc_sb_init(&summary);
    nc_sb_init(&line);
    rc = nc_loader_check(o, &summary, &errors);
    print_errors(o, &errors);
    nc_sb_c_add(&line, "nuncio: the configuration ");
    add_sources(o, &line);

    if (rc != NC_OK) {
        nc_sb_printf(&line, " has %u error%s\n", errors.n, errors.n == 1 ? "" : "s");
        print(stderr, &line);
    } else if (!o->quiet) {
        nc_sb_c_add(&line, " is ok");

        if (summary.len) {
            nc_sb_c_add(&line, ": ");
            nc_sb_str_add(&line, nc_str_trim(nc_sb_str(&summary)));
        }

        nc_sb_char(&line, '\n');
        print(stderr, &line);
    }

    nc_sb_fini(&line);
    nc_sb_fini(&summary);
    nc_errors_fini(&errors);

    return rc == NC_OK ? 0 : 1;
}


static int
dump(const nc_options_t *o)
{
    nc_errors_t  errors;
    nc_sb_t      out;
    nc_rc_t      rc;

    nc_errors_init(&errors);
    nc_sb_init(&out);
    rc = nc_loader_check(o, NULL, &errors);

    if (rc == NC_OK) {
        rc = nc_loader_print(o, true, &out, &errors);
    }

    print_errors(o, &errors);

    if (rc == NC_OK) {
        print(stdout, &out);
    }

    nc_sb_fini(&out);
    nc_errors_fini(&errors);

    return rc == NC_OK ? 0 : 1;
}


static int
serve(nc_options_t *o)
{
    nc_log_config_t  config = {
        .path = o->log_path,
        .format = o->log_format,
        .level = NC_LOG_INFO,
        .escape = o->log_format_escaped,
    };
    nc_sb_t          why;

    if (o->log_level) {
        (void) nc_log_level_parse(nc_str_c(o->log_level), &config.level);   /* checked before */
    }

    if (nc_log_init(&config) != NC_OK) {
        fprintf(stderr, "nuncio: cannot open the log %s: %s\n", o->log_path ? o->log_path : "",
            strerror(errno));

        return 1;
    }

    nc_sb_init(&why);

    if (o->component_log_level) {
        (void) nc_log_set_levels(nc_str_c(o->component_log_level), &why);
    }

    nc_sb_fini(&why);

    return nc_master_run(o, &nc_hooks);
}


/* What reads the configuration. */
static int
run_configured(nc_options_t *o)
{
    if (o->work_dir && chdir(o->work_dir) != 0) {
        fprintf(stderr, "nuncio: cannot go to the folder %s: %s\n", o->work_dir, strerror(errno));

        return 1;
    }

    switch (o->mode) {

    case NC_RUN_VALIDATE:
        return check(o);

    case NC_RUN_DUMP:
        return dump(o);

    default:
        return serve(o);
    }
}


static int
run(nc_options_t *o, nc_sb_t *text)
{
    switch (o->mode) {

    case NC_RUN_HELP:
        nc_cli_help(text);
        break;

    case NC_RUN_VERSION:
        nc_cli_version(text);
        break;

    case NC_RUN_VERSION_LONG:
        nc_cli_version_long(text);
        break;

    case NC_RUN_PRINT_CONFIG:
        nc_sb_c_add(text, o->config_yaml.items[o->config_yaml.n - 1]);
        break;

    case NC_RUN_SIGNAL:
        return nc_control_client(o);

    default:
        return run_configured(o);
    }

    print(stdout, text);

    return 0;
}


int
main(int argc, char **argv)
{
    nc_options_t  options;
    nc_sb_t       text;
    int           status = 2;

    if (getrandom(&nc_hash_seed, sizeof(nc_hash_seed), 0) != (ssize_t) sizeof(nc_hash_seed)) {
        nc_fatal("no random numbers: %s", strerror(errno));
    }

    if (argc > 1 && strcmp(argv[1], "route-check") == 0) {
        return nc_cli_route_check(argc - 1, argv + 1);
    }

    if (argc > 1 && strcmp(argv[1], "explain-flag") == 0) {
        return nc_cli_explain_flag(argc - 1, argv + 1);
    }

    nc_title_init(argc, argv);
    nc_notify_init();
    nc_sb_init(&text);

    if (nc_cli_parse(&options, argc, argv, &text) == NC_OK) {
        nc_sb_reset(&text);
        status = run(&options, &text);
    } else {
        nc_str_t  rest = nc_sb_str(&text), line;

        while (nc_str_split(&rest, '\n', &line)) {
            if (line.len) {
                fprintf(stderr, "nuncio: " NC_STR_FMT "\n", NC_STR_ARG(line));
            }
        }
    }

    nc_sb_fini(&text);
    nc_cli_fini(&options);

    return status;
}
