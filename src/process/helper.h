/* helper.h: the process that reads, compiles and publishes configuration. */
#ifndef NC_PROCESS_HELPER_H
#define NC_PROCESS_HELPER_H

#include "process/child.h"

/* Runs the helper; does not return. `first`: its boot decides whether the program starts. */
void nc_helper_run(const nc_child_t *child, bool first, int clog_fd) NC_NORETURN;

/* The hooks say: the first root is published. Once. */
void nc_helper_booted(void);

/* The hooks say: the boot that went on after helper_boot has failed; errors are printed. */
void nc_helper_boot_failed(void);

/* The hooks say: the reload is over; `text` are its errors, or what was done. */
void nc_helper_reload_done(bool ok, nc_str_t text);

#endif
