/* cli_priv.h: the table of options, for the parser and for --help. */
#ifndef NC_PROCESS_CLI_PRIV_H
#define NC_PROCESS_CLI_PRIV_H

#include "base/base.h"

typedef enum {
    NC_CLI_END,
    NC_CLI_GROUP,                               /* a heading of --help */
    NC_CLI_FLAG,
    NC_CLI_STRING,
    NC_CLI_STRINGS,                             /* may be repeated */
    NC_CLI_NUMBER,                              /* 0 .. number */
    NC_CLI_CONCURRENCY,
    NC_CLI_MODE,                                /* number is an nc_run_mode_t */
    NC_CLI_NAMED_MODE,
    NC_CLI_SIGNAL,
    NC_CLI_DRAIN,
    NC_CLI_IP_VERSION,
    NC_CLI_LEVEL,
    NC_CLI_LEVELS,
    NC_CLI_FORMAT,
    NC_CLI_EPOCH,
    NC_CLI_ACCEPTED,                            /* true already */
    NC_CLI_REFUSED                              /* Envoy's; help says why not here */
} nc_cli_kind_t;

typedef struct {
    nc_cli_kind_t   kind;
    const char     *name;
    char            letter;                     /* 0: none */
    const char     *value;                      /* what it takes, for people; NULL: nothing */
    size_t          at;                         /* offset in nc_options_t */
    uint32_t        number;
    const char     *help;
} nc_cli_option_t;

extern const nc_cli_option_t  nc_cli_options[];

#endif
