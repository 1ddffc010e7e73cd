/* cli.h: the command line. */
#ifndef NC_PROCESS_CLI_H
#define NC_PROCESS_CLI_H

#include "base/str.h"
#include "nc_auto_config.h"
#include "os/options.h"

/*
 * Fills `o` with defaults and what argv says. NC_ERROR: `text` says what is wrong (all of it, a
 * line each). NC_OK with text: notes for the user, to be printed as they are. Reads no file but
 * what counts CPUs.
 */
nc_rc_t nc_cli_parse(nc_options_t *o, int argc, char **argv, nc_sb_t *text);

/* Another base id: the pid file and the state folder move, unless they were named. */
void nc_cli_set_base_id(nc_options_t *o, uint32_t id);

#define NC_CLI_DEFAULT_USER     NC_USER         /* of configure */

/* Frees what the options point to. */
void nc_cli_fini(nc_options_t *o);

/* --help, -v, -V. */
void nc_cli_help(nc_sb_t *out);
void nc_cli_version(nc_sb_t *out);
void nc_cli_version_long(nc_sb_t *out);

/* The bootstrap file that `--listen L --to T` stands for. NC_ERROR: `error` says why not. */
nc_rc_t nc_cli_quick_config(const char *l, const char *to, nc_sb_t *yaml, nc_sb_t *error);

#endif
