/*
 * cli.c: the command line as one table of options: name, where the value goes, help. Every option
 * that is accepted works; one that Envoy has and Nuncio has not is refused with the reason.
 */
#include "process/cli.h"
#include "base/pool.h"
#include "log/log.h"
#include "os/cpu.h"
#include "os/file.h"
#include "process/cli_priv.h"

#include <errno.h>
#include <unistd.h>

#define MAX_WORKERS   1024u
#define MAX_SECONDS   (365u * 24 * 3600)

#define AT(field)     offsetof(nc_options_t, field)

const nc_cli_option_t  nc_cli_options[] = {
    { NC_CLI_GROUP, "Configuration", 0, NULL, 0, 0, NULL },
    { NC_CLI_STRINGS, "config-path", 'c', "PATH", AT(config_paths), 0,
      "a configuration file, or a folder of them; may be repeated, files are merged in order" },
    { NC_CLI_STRINGS, "config-yaml", 0, "TEXT", AT(config_yaml), 0,
      "configuration in the command line, merged over the files" },
    { NC_CLI_STRING, "prefix", 'p', "PATH", AT(prefix), 0,
      "the folder of the installation; relative paths in the configuration are taken from it" },
    { NC_CLI_STRING, "listen", 0, "[ADDR:]PORT", AT(listen), 0,
      "a proxy without a file: listen here ..." },
    { NC_CLI_STRING, "to", 0, "HOST:PORT", AT(to), 0, "... and pass everything on to this" },
    { NC_CLI_MODE, "print-config", 0, NULL, 0, NC_RUN_PRINT_CONFIG,
      "print the file that --listen and --to stand for, and exit" },
    { NC_CLI_FLAG, "allow-unknown-static-fields", 0, NULL, AT(allow_unknown_static_fields), 0,
      "unknown fields in files are warnings, not errors" },
    { NC_CLI_FLAG, "allow-unknown-fields", 0, NULL, AT(allow_unknown_static_fields), 0,
      "the older name of --allow-unknown-static-fields" },
    { NC_CLI_FLAG, "reject-unknown-dynamic-fields", 0, NULL, AT(reject_unknown_dynamic_fields), 0,
      "unknown fields in what a control plane sends are errors" },
    { NC_CLI_FLAG, "ignore-unknown-dynamic-fields", 0, NULL, AT(ignore_unknown_dynamic_fields), 0,
      "unknown fields in what a control plane sends are not even counted" },

    { NC_CLI_GROUP, "Checking and controlling", 0, NULL, 0, 0, NULL },
    { NC_CLI_MODE, "test", 't', NULL, 0, NC_RUN_VALIDATE,
      "check the configuration and exit: reads everything, binds, dials and writes nothing" },
    { NC_CLI_MODE, "dump", 'T', NULL, 0, NC_RUN_DUMP,
      "the same, and print the merged configuration with the origin of each part" },
    { NC_CLI_FLAG, "quiet", 'q', NULL, AT(quiet), 0, "with -t: print errors only" },
    { NC_CLI_NAMED_MODE, "mode", 0, "MODE", 0, 0,
      "serve, validate (as -t) or init_only (start, and stop when all is ready)" },
    { NC_CLI_SIGNAL, "signal", 's', "SIGNAL", AT(signal), 0,
      "tell the running master: stop, quit, reload (waits for the result) or reopen" },

    { NC_CLI_GROUP, "Running", 0, NULL, 0, 0, NULL },
    { NC_CLI_CONCURRENCY, "concurrency", 0, "N", AT(concurrency), MAX_WORKERS,
      "workers; by default the least of CPUs, CPU affinity and control-group quota" },
    { NC_CLI_CONCURRENCY, "workers", 0, "N", AT(concurrency), MAX_WORKERS,
      "another name of --concurrency" },
    { NC_CLI_FLAG, "daemon", 0, NULL, AT(daemon), 0,
      "go to the background when everything is ready" },
    { NC_CLI_STRING, "user", 0, "NAME", AT(user), 0,
      "whom helper and workers run as, when started as root" },
    { NC_CLI_STRING, "group", 0, "NAME", AT(group), 0, "the group; by default the user's own" },
    { NC_CLI_STRING, "pid-path", 0, "PATH", AT(pid_path), 0,
      "the pid file; the control socket lies beside it" },
    { NC_CLI_STRING, "state-path", 0, "PATH", AT(state_path), 0,
      "the folder of the configuration log" },
    { NC_CLI_NUMBER, "drain-time-s", 0, "SECONDS", AT(drain_time_s), MAX_SECONDS,
      "time for connections of listeners that go away (600)" },
    { NC_CLI_DRAIN, "drain-strategy", 0, "NAME", AT(drain_immediate), 0,
      "gradual or immediate: when connections are told to go (gradual)" },
    { NC_CLI_NUMBER, "stop-time-s", 0, "SECONDS", AT(stop_time_s), MAX_SECONDS,
      "time for connections after TERM, at most the drain time (30)" },
    { NC_CLI_NUMBER, "watchdog-s", 0, "SECONDS", AT(watchdog_s), MAX_SECONDS,
      "a worker that is silent for so long is replaced, 0: never (10)" },
    { NC_CLI_FLAG, "enable-core-dump", 0, NULL, AT(enable_core_dump), 0,
      "core dumps without limit" },
    { NC_CLI_NUMBER, "base-id", 0, "N", AT(base_id), 10000,
      "keeps several instances on a machine apart: its own pid file and state (0)" },
    { NC_CLI_FLAG, "use-dynamic-base-id", 0, NULL, AT(use_dynamic_base_id), 0,
      "take the first base id that is free" },
    { NC_CLI_STRING, "base-id-path", 0, "PATH", AT(base_id_path), 0,
      "write the base id to this file" },
    { NC_CLI_EPOCH, "restart-epoch", 0, "N", AT(restart_epoch), 0, "must be 0" },
    { NC_CLI_NUMBER, "parent-shutdown-time-s", 0, "SECONDS", AT(parent_shutdown_time_s),
      MAX_SECONDS, "time for the old program after a hot restart (900)" },
    { NC_CLI_ACCEPTED, "disable-hot-restart", 0, NULL, 0, 0,
      "accepted: there is no hot restart to disable" },
    { NC_CLI_STRING, "admin-address-path", 0, "PATH", AT(admin_address_path), 0,
      "write the address of the admin interface to this file" },
    { NC_CLI_IP_VERSION, "local-address-ip-version", 0, "v4|v6", AT(local_address_ip_version), 0,
      "accepted, and shown in /server_info; nothing else depends on it (v4)" },

    { NC_CLI_GROUP, "Logging", 0, NULL, 0, 0, NULL },
    { NC_CLI_LEVEL, "log-level", 'l', "LEVEL", AT(log_level), 0,
      "trace, debug, info, warning, error, critical or off (info)" },
    { NC_CLI_LEVELS, "component-log-level", 0, "LIST", AT(component_log_level), 0,
      "levels of single components: upstream:debug,http:info" },
    { NC_CLI_STRING, "log-path", 0, "PATH", AT(log_path), 0,
      "the error log; by default standard error" },
    { NC_CLI_FORMAT, "log-format", 0, "FORMAT", AT(log_format), 0, "the format of its lines" },
    { NC_CLI_FLAG, "log-format-escaped", 0, NULL, AT(log_format_escaped), 0,
      "escape messages as in C" },
    { NC_CLI_NUMBER, "file-flush-interval-msec", 0, "MS", AT(file_flush_interval_ms),
      24 * 3600 * 1000, "how often buffered access logs are written (10000)" },
    { NC_CLI_ACCEPTED, "skip-deprecated-logs", 0, NULL, 0, 0,
      "accepted: deprecated fields that work are not warned of" },

    { NC_CLI_GROUP, "Identity", 0, NULL, 0, 0, NULL },
    { NC_CLI_STRING, "service-cluster", 0, "NAME", AT(service_cluster), 0,
      "node.cluster, in place of what the configuration says" },
    { NC_CLI_STRING, "service-node", 0, "NAME", AT(service_node), 0, "node.id, likewise" },
    { NC_CLI_STRING, "service-zone", 0, "NAME", AT(service_zone), 0,
      "node.locality.zone, likewise" },

    { NC_CLI_GROUP, "Information", 0, NULL, 0, 0, NULL },
    { NC_CLI_MODE, "help", 'h', NULL, 0, NC_RUN_HELP, "this text" },
    { NC_CLI_MODE, "version", 'v', NULL, 0, NC_RUN_VERSION, "the version" },
    { NC_CLI_MODE, "build-info", 'V', NULL, 0, NC_RUN_VERSION_LONG,
      "version, compiler, arguments of configure, modules, libraries" },

    { NC_CLI_REFUSED, "hot-restart-version", 0, NULL, 0, 0,
      "hot restart is not part of this version" },
    { NC_CLI_REFUSED, "socket-path", 0, "PATH", 0, 0,
      "hot restart is not part of this version" },
    { NC_CLI_REFUSED, "socket-mode", 0, "MODE", 0, 0,
      "hot restart is not part of this version" },
    { NC_CLI_REFUSED, "skip-hot-restart-on-no-parent", 0, NULL, 0, 0,
      "hot restart is not part of this version" },
    { NC_CLI_REFUSED, "skip-hot-restart-parent-stats", 0, NULL, 0, 0,
      "hot restart is not part of this version" },
    { NC_CLI_REFUSED, "disable-extensions", 0, "LIST", 0, 0,
      "modules are chosen by configure, with --without-NAME" },
    { NC_CLI_REFUSED, "cpuset-threads", 0, NULL, 0, 0,
      "the number of workers follows the CPU set by default" },
    { NC_CLI_REFUSED, "stats-tag", 0, "TAG:VALUE", 0, 0,
      "stats_config.stats_tags in the configuration does the same" },
    { NC_CLI_REFUSED, "enable-mutex-tracing", 0, NULL, 0, 0, "there is no mutex to trace" },
    { NC_CLI_REFUSED, "enable-fine-grain-logging", 0, NULL, 0, 0,
      "levels are set by component, see --component-log-level" },
    { NC_CLI_END, NULL, 0, NULL, 0, 0, NULL },
};


static void
complain(nc_sb_t *text, const char *fmt, ...) NC_PRINTF(2, 3);

static void
complain(nc_sb_t *text, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    nc_sb_vprintf(text, fmt, args);
    va_end(args);
    nc_sb_char(text, '\n');
}


static bool
takes_value(const nc_cli_option_t *d)
{
    return d->value != NULL;
}


static void *
field(nc_options_t *o, const nc_cli_option_t *d)
{
    return (char *) o + d->at;
}


static const char *
one_of(const char *value, const char *const *names)
{
    for ( ; *names; names++) {
        if (strcmp(value, *names) == 0) {
            return *names;
        }
    }

    return NULL;
}


static void
set_mode(nc_options_t *o, const nc_cli_option_t *d, const char *value, nc_sb_t *text)
{
    static const char *const  names[] = { "serve", "validate", "init_only", NULL };
    nc_run_mode_t             mode = (nc_run_mode_t) d->number;

    if (d->kind == NC_CLI_NAMED_MODE) {
        const char  *name = one_of(value, names);

        if (name == NULL) {
            complain(text, "--mode %s: it is serve, validate or init_only", value);

            return;
        }

        mode = name == names[0] ? NC_RUN_SERVE
               : name == names[1] ? NC_RUN_VALIDATE : NC_RUN_INIT_ONLY;
    }

    /* -t -T together: the one that says more; --help before anything else. */
    o->mode = NC_MAX(o->mode, mode);
}


static void
set_number(nc_options_t *o, const nc_cli_option_t *d, const char *value, nc_sb_t *text)
{
    uint64_t  n;

    if (nc_str_to_u64(nc_str_c(value), d->number, &n) != NC_OK) {
        complain(text, "--%s %s: it is a number up to %u", d->name, value, d->number);

        return;
    }

    if (d->kind == NC_CLI_CONCURRENCY) {
        o->concurrency_given = n != 0;
    }

    *(uint32_t *) field(o, d) = (uint32_t) n;
}


/* Values that are checked by others: levels, formats, names. */
static void
set_checked(nc_options_t *o, const nc_cli_option_t *d, const char *value, nc_sb_t *text)
{
    static const char *const  signals[] = { "stop", "quit", "reload", "reopen", NULL };
    static const char *const  drains[] = { "gradual", "immediate", NULL };
    static const char *const  families[] = { "v4", "v6", NULL };
    nc_log_level_t            level;
    nc_sb_t                   why;

    nc_sb_init(&why);

    switch (d->kind) {

    case NC_CLI_SIGNAL:
        if (one_of(value, signals) == NULL) {
            complain(text, "-s %s: it is stop, quit, reload or reopen", value);
        }

        o->mode = NC_MAX(o->mode, NC_RUN_SIGNAL);
        o->signal = value;
        break;

    case NC_CLI_DRAIN:
        if (one_of(value, drains) == NULL) {
            complain(text, "--drain-strategy %s: it is gradual or immediate", value);
        }

        o->drain_immediate = strcmp(value, "immediate") == 0;
        break;

    case NC_CLI_IP_VERSION:
        if (one_of(value, families) == NULL) {
            complain(text, "--local-address-ip-version %s: it is v4 or v6", value);
        }

        o->local_address_ip_version = value;
        break;

    case NC_CLI_LEVEL:
        if (nc_log_level_parse(nc_str_c(value), &level) != NC_OK) {
            complain(text, "--log-level %s: it is trace, debug, info, warning, error, critical "
                "or off", value);
        }

        o->log_level = value;
        break;

    case NC_CLI_LEVELS:
        if (nc_log_set_levels(nc_str_c(value), &why) != NC_OK) {
            complain(text, "--component-log-level %s: %s", value, nc_sb_c(&why));
        }

        o->component_log_level = value;
        break;

    case NC_CLI_FORMAT:
        if (nc_log_check_format(value, &why) != NC_OK) {
            complain(text, "--log-format %s: %s", value, nc_sb_c(&why));
        }

        o->log_format = value;
        break;

    default:                                    /* NC_CLI_EPOCH */
        if (strcmp(value, "0") != 0) {
            complain(text, "--restart-epoch %s: hot restart is not part of this version, only 0 "
                "is accepted", value);
        }

        break;
    }

    nc_sb_fini(&why);
}


static void
set(nc_options_t *o, const nc_cli_option_t *d, const char *value, nc_sb_t *text)
{
    switch (d->kind) {

    case NC_CLI_FLAG:
        *(bool *) field(o, d) = true;
        break;

    case NC_CLI_STRING:
        *(const char **) field(o, d) = value;
        break;

    case NC_CLI_STRINGS:
        if (d->at == AT(config_paths)) {
            nc_vec_push(&o->config_paths, value);
        } else {
            nc_vec_push(&o->config_yaml, value);
        }

        break;

    case NC_CLI_MODE:
    case NC_CLI_NAMED_MODE:
        set_mode(o, d, value, text);
        break;

    case NC_CLI_NUMBER:
    case NC_CLI_CONCURRENCY:
        set_number(o, d, value, text);
        break;

    case NC_CLI_REFUSED:
        complain(text, "--%s: not supported: %s", d->name, d->help);
        break;

    case NC_CLI_ACCEPTED:
        break;

    default:
        set_checked(o, d, value, text);
        break;
    }
}


static const nc_cli_option_t *
find_long(nc_str_t name)
{
    for (const nc_cli_option_t *d = nc_cli_options; d->kind != NC_CLI_END; d++) {
        if (d->kind != NC_CLI_GROUP && nc_str_eq(name, nc_str_c(d->name))) {
            return d;
        }
    }

    return NULL;
}


static const nc_cli_option_t *
find_short(char letter)
{
    for (const nc_cli_option_t *d = nc_cli_options; d->kind != NC_CLI_END; d++) {
        if (d->letter == letter && letter) {
            return d;
        }
    }

    return NULL;
}


static void
unknown_long(nc_str_t name, nc_sb_t *text)
{
    const char  *best = NULL;
    unsigned     least = 4;

    for (const nc_cli_option_t *d = nc_cli_options; d->kind != NC_CLI_END; d++) {
        unsigned  far;

        if (d->kind == NC_CLI_GROUP || d->kind == NC_CLI_REFUSED) {
            continue;
        }

        far = nc_str_distance(name, nc_str_c(d->name), least);

        if (far < least && far < name.len) {
            least = far;
            best = d->name;
        }
    }

    if (best) {
        complain(text, "--" NC_STR_FMT ": unknown option, did you mean --%s?", NC_STR_ARG(name),
            best);
    } else {
        complain(text, "--" NC_STR_FMT ": unknown option, see --help", NC_STR_ARG(name));
    }
}


/* "--name", "--name=value", "--name value". Moves *i over what it takes. */
static void
parse_long(nc_options_t *o, int *i, int argc, char **argv, nc_sb_t *text)
{
    const char             *arg = argv[*i] + 2;
    const char             *equals = strchr(arg, '=');
    nc_str_t                name = nc_str(arg, equals ? (size_t) (equals - arg) : strlen(arg));
    const nc_cli_option_t  *d = find_long(name);

    if (d == NULL) {
        unknown_long(name, text);
        *i += !equals && *i + 1 < argc && argv[*i + 1][0] != '-';   /* probably its value */

    } else if (!takes_value(d)) {
        if (equals) {
            complain(text, "--%s takes no value", d->name);
        } else {
            set(o, d, NULL, text);
        }

    } else if (equals) {
        set(o, d, equals + 1, text);

    } else if (*i + 1 < argc) {
        set(o, d, argv[++*i], text);

    } else {
        complain(text, "--%s needs a value: %s", d->name, d->value);
    }
}


/* "-tq", "-c value", "-cvalue". */
static void
parse_short(nc_options_t *o, int *i, int argc, char **argv, nc_sb_t *text)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const nc_cli_option_t  *d = find_short(*p);

        if (d == NULL) {
            complain(text, "-%c: unknown option, see --help", *p);

            return;
        }

        if (!takes_value(d)) {
            set(o, d, NULL, text);
            continue;
        }

        if (p[1]) {
            set(o, d, p + 1, text);
        } else if (*i + 1 < argc) {
            set(o, d, argv[++*i], text);
        } else {
            complain(text, "-%c needs a value: %s", *p, d->value);
        }

        return;
    }
}


/* What was made of the command line; lives until nc_cli_fini. */
static nc_pool_t  strings;


/* A heap string becomes one that lives as long as the options. */
static char *
keep(char *s)
{
    char  *kept = nc_pool_strdup(&strings, s);

    free(s);

    return kept;
}


/* "run/nuncio.pid" with id 2 is "run/nuncio-2.pid"; a folder "state" is "state-2". */
static char *
with_id(const char *prefix, const char *path, uint32_t id)
{
    char        *whole = nc_path_join(prefix, path);
    const char  *slash = strrchr(whole, '/'), *dot = strrchr(whole, '.');
    nc_sb_t      sb;

    if (id == 0) {
        return keep(whole);
    }

    if (dot == NULL || dot < slash) {
        dot = whole + strlen(whole);
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "%.*s-%u%s", (int) (dot - whole), whole, id, dot);
    (void) nc_sb_c(&sb);
    free(whole);

    return keep(sb.data);
}


void
nc_cli_set_base_id(nc_options_t *o, uint32_t id)
{
    o->base_id = id;

    if (!o->pid_path_given) {
        o->pid_path = with_id(o->prefix, NC_PID_PATH, id);
    }

    if (!o->state_path_given) {
        o->state_path = with_id(o->prefix, NC_STATE_PATH, id);
    }
}


/* The folder of relative paths in the command line: where we are. */
static char *
absolute(const char *path)
{
    char    here[4096];

    return keep(nc_path_join(getcwd(here, sizeof(here)) ? here : ".", path));
}


static char *
without_slash(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) {
        path[n - 1] = '\0';
    }

    return path;
}


/*
 * With -p, or without -c, files that the configuration names are found from the prefix; otherwise
 * from where we are. Paths of the command line are always those of where we are.
 */
static void
settle_work_dir(nc_options_t *o)
{
    char  *here = absolute("");

    if (strcmp(without_slash(here), o->prefix) == 0) {
        return;
    }

    o->work_dir = o->prefix;
    o->base_id_path = o->base_id_path ? absolute(o->base_id_path) : NULL;
    o->admin_address_path = o->admin_address_path ? absolute(o->admin_address_path) : NULL;

    for (size_t i = 0; i < o->config_paths.n; i++) {
        o->config_paths.items[i] = absolute(o->config_paths.items[i]);
    }
}


static void
settle_paths(nc_options_t *o)
{
    bool   given = o->prefix != NULL;
    char  *prefix = absolute(given ? o->prefix : NC_PREFIX);

    o->prefix = without_slash(prefix);
    o->pid_path_given = o->pid_path != NULL;
    o->state_path_given = o->state_path != NULL;
    o->pid_path = o->pid_path ? absolute(o->pid_path) : NULL;
    o->state_path = o->state_path ? absolute(o->state_path) : NULL;
    nc_cli_set_base_id(o, o->base_id);
    o->log_path = o->log_path ? absolute(o->log_path) : NULL;

    if (o->daemon && o->log_path == NULL) {
        o->log_path = keep(nc_path_join(o->prefix, NC_ERROR_LOG_PATH));
    }

    if (o->config_paths.n == 0 && o->config_yaml.n == 0 && o->listen == NULL) {
        const char  *path = keep(nc_path_join(o->prefix, NC_CONF_PATH));

        nc_vec_push(&o->config_paths, path);
        given = true;
    }

    if (given) {
        settle_work_dir(o);
    }
}


/* --listen and --to become a --config-yaml of their own. */
static void
settle_quick(nc_options_t *o, nc_sb_t *text)
{
    nc_sb_t  yaml, error;

    if (o->listen == NULL && o->to == NULL) {
        if (o->mode == NC_RUN_PRINT_CONFIG) {
            complain(text, "--print-config goes with --listen and --to; see -T for a file");
        }

        return;
    }

    if (o->listen == NULL || o->to == NULL) {
        complain(text, "--listen and --to go together");

        return;
    }

    nc_sb_init(&yaml);
    nc_sb_init(&error);

    if (nc_cli_quick_config(o->listen, o->to, &yaml, &error) == NC_OK) {
        const char  *copy = nc_pool_strdup(&strings, nc_sb_c(&yaml));

        nc_vec_push(&o->config_yaml, copy);
    } else {
        complain(text, "%s", nc_sb_c(&error));
    }

    nc_sb_fini(&yaml);
    nc_sb_fini(&error);
}


nc_rc_t
nc_cli_parse(nc_options_t *o, int argc, char **argv, nc_sb_t *text)
{
    nc_pool_init(&strings, &nc_pool_heap);
    memset(o, 0, sizeof(*o));
    o->argc = argc;
    o->argv = argv;
    o->drain_time_s = 600;
    o->parent_shutdown_time_s = 900;
    o->stop_time_s = 30;
    o->watchdog_s = 10;
    o->file_flush_interval_ms = 10000;
    o->local_address_ip_version = "v4";

    for (int i = 1; i < argc; i++) {
        const char  *a = argv[i];

        if (a[0] == '-' && a[1] == '-' && a[2]) {
            parse_long(o, &i, argc, argv, text);
        } else if (a[0] == '-' && a[1] && a[1] != '-') {
            parse_short(o, &i, argc, argv, text);
        } else {
            complain(text, "%s: there are no arguments but options; a configuration file is named "
                "by -c", a);
        }
    }

    if (o->mode != NC_RUN_HELP) {
        settle_quick(o, text);
    }

    if (text->len && o->mode != NC_RUN_HELP) {
        return NC_ERROR;
    }

    nc_sb_reset(text);
    settle_paths(o);

    if (!o->concurrency_given) {
        o->concurrency = NC_MIN(nc_cpu_count(), MAX_WORKERS);
    }

    return NC_OK;
}


void
nc_cli_fini(nc_options_t *o)
{
    nc_vec_fini(&o->config_paths);
    nc_vec_fini(&o->config_yaml);
    nc_pool_fini(&strings);
}
