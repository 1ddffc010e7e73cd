/*
 * registry.h: the shared descriptors, kept by the master: listening sockets (one per worker, or one
 * for all) and log files, each under a key that is never used twice. As the master keeps them open,
 * a new worker gets the very sockets of the dead one, and no connection in a queue is lost.
 *
 * Invariant: `claims` counts what the living helper holds. When a helper dies, claims become 0 but
 * entries stay until the next one sweeps.
 */
#ifndef NC_PROCESS_REGISTRY_H
#define NC_PROCESS_REGISTRY_H

#include "base/list.h"
#include "os/broker.h"
#include "os/priv.h"

typedef struct {
    nc_list_t             link;
    uint32_t              key;
    uint32_t              claims;
    char                 *name;                 /* of the listener, or the path of the log */
    bool                  is_log;
    nc_addr_t             asked;
    nc_addr_t             bound;
    nc_listen_options_t   options;
    unsigned              n_fds;                /* 1: shared by all workers */
    int                  *fds;
} nc_shared_t;

typedef struct {
    nc_list_t         entries;
    uint32_t          last_key;
    unsigned          n_workers;
    const nc_priv_t  *priv;                     /* log files become this user's; NULL: nobody's */
} nc_registry_t;

void nc_registry_init(nc_registry_t *r, unsigned n_workers, const nc_priv_t *priv);

/* Closes everything; `unlink_paths`: Unix sockets are removed too (master's exit, not children). */
void nc_registry_fini(nc_registry_t *r, bool unlink_paths);

/*
 * The entry for this address, made or found; claimed once more. *is_new: workers have to be told.
 * NULL: `error` says why.
 */
nc_shared_t *nc_registry_listen(nc_registry_t *r, const char *name, const nc_addr_t *addr,
    const nc_listen_options_t *options, bool *is_new, char error[NC_BROKER_TEXT]);

nc_shared_t *nc_registry_open_log(nc_registry_t *r, const char *path, bool *is_new,
    char error[NC_BROKER_TEXT]);

nc_shared_t *nc_registry_find(nc_registry_t *r, uint32_t key);

/* One claim less; true: that was the last, tell the workers and drop it. */
bool nc_registry_release(nc_shared_t *e);

/* Closes and forgets the entry. */
void nc_registry_drop(nc_shared_t *e, bool unlink_path);

/* Opens the log file anew. NC_ERROR: the old one stays, `error` says why. */
nc_rc_t nc_registry_reopen(nc_registry_t *r, nc_shared_t *e, char error[NC_BROKER_TEXT]);

/* The helper died: nothing is claimed until the next one asks. */
void nc_registry_unclaim(nc_registry_t *r);

/* The descriptor for worker `index`. */
int nc_shared_fd(const nc_shared_t *e, unsigned index);

#endif
