/*
 * hooks.h: what the process layer calls of the floors below, as one table, so that supervision can
 * be tested with none of them. hooks.c fills it with the real functions.
 */
#ifndef NC_PROCESS_HOOKS_H
#define NC_PROCESS_HOOKS_H

#include "base/error.h"
#include "os/options.h"

typedef struct {
    /* Master, before any fork: shared memory, modules. NC_ERROR: reported. */
    nc_rc_t (*prepare)(const nc_options_t *options, nc_errors_t *errors);

    /* Master, around the life of worker `index` and of the helper. */
    void    (*worker_starts)(unsigned index);
    void    (*worker_died)(unsigned index);
    void    (*helper_died)(void);

    /*
     * Helper, after the fork, on its loop. `boot` reads, compiles and publishes, and calls
     * nc_helper_booted when the first root is out, maybe later. `first`: nobody is served yet, so
     * that errors end the start. NC_ERROR: errors were printed.
     */
    nc_rc_t (*helper_init)(const nc_options_t *options, int clog_fd, nc_errors_t *errors);
    nc_rc_t (*helper_boot)(bool first);

    /* Reads the configuration again. Calls nc_helper_reload_done with the result, maybe later. */
    void    (*helper_reload)(void);

    /* A log file the helper may write too (admin access log). The fd is the callee's. */
    void    (*helper_log_fd)(uint32_t key, int fd);

    /* The socket of the admin interface, which is the callee's now; -1: close it. */
    void    (*helper_listener_fd)(uint32_t key, int fd);

    /* Worker, after the fork, on its loop. */
    nc_rc_t (*worker_init)(const nc_options_t *options, unsigned index, nc_errors_t *errors);
    const void *(*worker_root)(uint64_t *seq);  /* newest root, NULL: none yet */
    void    (*worker_root_changed)(const void *root);
    void    (*worker_root_seen)(uint64_t seq);
    void    (*worker_listener_fd)(uint32_t key, int fd);    /* -1: drain its queue and close */
    void    (*worker_log_fd)(uint32_t key, int fd);         /* -1: close it */
    void    (*worker_stop_accepting)(void);
    void    (*worker_drain)(uint64_t deadline_ms);          /* nc_now_ms time; UINT64_MAX: none */
    bool    (*worker_idle)(void);               /* nothing is in flight any more */
    void    (*worker_fini)(void);               /* writes out what is buffered */
} nc_hooks_t;

extern const nc_hooks_t  nc_hooks;

#endif
