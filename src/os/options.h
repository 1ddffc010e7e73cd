/*
 * options.h: what the command line said. Filled by process/cli.c, read by everybody; immutable
 * afterwards. Strings live as long as the process.
 */
#ifndef NC_OS_OPTIONS_H
#define NC_OS_OPTIONS_H

#include "base/vec.h"

typedef enum {
    NC_RUN_SERVE,
    NC_RUN_VALIDATE,                            /* -t, --mode validate: no side effects at all */
    NC_RUN_DUMP,                                /* -T: validate, and print the merged file */
    NC_RUN_INIT_ONLY,                           /* --mode init_only: start, and stop when ready */
    NC_RUN_SIGNAL,                              /* -s */
    NC_RUN_PRINT_CONFIG,                        /* --print-config */
    NC_RUN_HELP,
    NC_RUN_VERSION,                             /* -v */
    NC_RUN_VERSION_LONG                         /* -V */
} nc_run_mode_t;

typedef struct nc_options_s {
    nc_run_mode_t  mode;

    NC_VEC(const char *)  config_paths;         /* -c, in order; files or folders */
    NC_VEC(const char *)  config_yaml;          /* --config-yaml, and what --listen stands for */
    const char    *prefix;                      /* -p, or NC_PREFIX; no '/' at its end */
    const char    *work_dir;                    /* where to go before files are read; NULL: stay */
    const char    *signal;                      /* -s: "stop", "quit", "reload", "reopen" */
    const char    *listen;                      /* --listen */
    const char    *to;                          /* --to */

    unsigned       concurrency;                 /* workers, at least 1 */
    bool           concurrency_given;
    bool           daemon;
    bool           quiet;                       /* -q: -t prints errors only */

    const char    *log_level;                   /* NULL: "info" */
    const char    *component_log_level;         /* NULL: none */
    const char    *log_path;                    /* NULL: standard error */
    const char    *log_format;                  /* NULL: Envoy's default */
    bool           log_format_escaped;
    uint32_t       file_flush_interval_ms;      /* 10000 */

    const char    *service_cluster;             /* NULL: not given */
    const char    *service_node;
    const char    *service_zone;
    const char    *admin_address_path;          /* NULL: not given */
    const char    *local_address_ip_version;    /* "v4" or "v6" */

    bool           allow_unknown_static_fields;
    bool           reject_unknown_dynamic_fields;
    bool           ignore_unknown_dynamic_fields;

    uint32_t       drain_time_s;                /* 600; of listeners that go away */
    bool           drain_immediate;             /* --drain-strategy immediate */
    uint32_t       parent_shutdown_time_s;      /* 900 */
    uint32_t       stop_time_s;                 /* 30: a TERM ends after that; never more than
                                                   drain_time_s */
    uint32_t       watchdog_s;                  /* 10: silence of a worker; 0: no watchdog */

    uint32_t       base_id;
    bool           use_dynamic_base_id;
    const char    *base_id_path;
    uint32_t       restart_epoch;               /* 0 */

    const char    *user;                        /* --user; NULL: NC_USER */
    const char    *group;                       /* --group; NULL: NC_GROUP, or the user's own */
    const char    *pid_path;                    /* absolute; with the base id in it */
    bool           pid_path_given;
    const char    *state_path;                  /* absolute; NULL once found unusable */
    bool           state_path_given;
    bool           enable_core_dump;
    uint64_t       image_bytes;                 /* address range of the image; 0: its default */

    int            argc;                        /* the command line as it was */
    char         **argv;
} nc_options_t;

#endif
