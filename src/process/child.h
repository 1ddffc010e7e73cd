/* child.h: what helper and workers have in common right after the fork. */
#ifndef NC_PROCESS_CHILD_H
#define NC_PROCESS_CHILD_H

#include "os/priv.h"
#include "process/channel.h"
#include "process/hooks.h"

typedef struct {
    const nc_options_t  *options;
    const nc_hooks_t    *hooks;
    const nc_priv_t     *priv;
    const int           *wake_fds;              /* an eventfd per worker, then the helper's */
    unsigned             n_workers;
    nc_role_t            role;
    unsigned             index;                 /* of a worker; 0 for the helper */
    int                  fd;                    /* the channel to the master */
} nc_child_t;

/*
 * Title, log name, signals (ignored: the master says what to do), crash handler, slot in the family
 * page, stats row, privileges, loop. Ends the process when something of it fails.
 */
void nc_child_init(const nc_child_t *child, const char *title);

/* Standard input, output and error become /dev/null (of a daemon). */
void nc_child_detach_output(void);

/* Takes the wake-ups out of an eventfd; wakes whoever waits for one. */
void nc_child_drain_wake(int fd);
void nc_wake(int fd);

#endif
