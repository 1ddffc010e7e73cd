/*
 * master.h: the process that owns sockets, pid file, shared memory and children. It parses nothing
 * from the network and has no configuration but the command line.
 */
#ifndef NC_PROCESS_MASTER_H
#define NC_PROCESS_MASTER_H

#include "process/hooks.h"

/* Runs until it is told to stop. Returns the exit status of the program. */
int nc_master_run(nc_options_t *options, const nc_hooks_t *hooks);

#endif
