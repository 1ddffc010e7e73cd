/*
 * control.h: the master's control socket, beside the pid file: `nuncio -s` talks to it and gets the
 * result. Only root and the user the master runs as are heard.
 */
#ifndef NC_PROCESS_CONTROL_H
#define NC_PROCESS_CONTROL_H

#include "os/options.h"

/* "/run/nuncio.pid" -> "/run/nuncio.sock"; heap, the caller frees. */
char *nc_control_path(const char *pid_path);

/* -s: sends the command to the running master, waits for the answer, prints it. Exit status. */
int nc_control_client(const nc_options_t *options);

#endif
