/*
 * loader.h: from files to what workers read, in the helper. A load is one transaction:
 *
 *     read ─► validate ─► split, diff ─► compile what changed ─► sockets, files ─► warm ─► log
 *          ─► publish ─► all workers have seen it ─► done
 *
 * Until it is logged every error leaves all as it was. One load at a time; those asked for
 * meanwhile are done afterwards, as one. Sockets and log files are the master's, asked for by
 * os/broker.h.
 *
 * Invariants:
 *  1. An object is compiled anew only when the bytes of its message, or of what it was made of
 *     (files, secrets), changed.
 *  2. A load is published as a whole, when each of its clusters has had its first answer from DNS,
 *     or NC_LOADER_WARM_MS have passed: no worker sees a listener without its clusters.
 *  3. What the helper before this one published stays in use until the first publication.
 */
#ifndef NC_CONFIG_LOADER_H
#define NC_CONFIG_LOADER_H

#include "config/log.h"
#include "config/root.h"
#include "os/options.h"

#include <protobuf-c/protobuf-c.h>

#define NC_LOADER_WARM_MS       5000u           /* how long a load waits for names to resolve */
#define NC_LOADER_PUBLISH_MS    10u             /* at most one publication in this time */


/* ---- in the process that starts everything: no image, no sockets, nothing is written ---- */

/*
 * -t: everything that a start would find wrong is in `errors`. NC_ERROR: there is an error. The
 * summary ("2 listeners, 3 clusters") is appended to `out`, which may be NULL.
 */
nc_rc_t nc_loader_check(const nc_options_t *options, nc_sb_t *out, nc_errors_t *errors);

struct nc_loader_resource_s;

/* A return of false ends a walk. Strings and pointers live until the loop turn ends. */
typedef bool nc_loader_each_fn(void *ctx, const struct nc_loader_resource_s *r);

/*
 * As nc_loader_check; every listener without an error is shown to `look` (name and listener are
 * set), which must not keep anything of it.
 */
nc_rc_t nc_loader_look(const nc_options_t *options, nc_loader_each_fn *look, void *ctx,
    nc_errors_t *errors);

/* -T: the merged configuration as YAML, with origins. --print-config: without them. */
nc_rc_t nc_loader_print(const nc_options_t *options, bool origins, nc_sb_t *out,
    nc_errors_t *errors);


/* ---- in the helper ---- */

typedef struct {
    bool                ok;
    uint32_t            added;                  /* listeners, clusters and secrets together */
    uint32_t            modified;
    uint32_t            removed;
    uint32_t            unchanged;
    uint64_t            generation;             /* of the config log, after the load; 0: no log */
    const nc_errors_t  *errors;                 /* errors and warnings */
    nc_str_t            text;                   /* the same for people: counts, or all errors */
} nc_loader_result_t;

/* What is in `result` lives during the call only. */
typedef void nc_loader_done_fn(void *ctx, const nc_loader_result_t *result);

/*
 * After nc_image_attach_helper, when the stats row and the loop are ready and nc_broker is set.
 * `log` stays the caller's; NULL: there is none, and a helper that takes over reads the files.
 */
void nc_loader_init(const nc_options_t *options, nc_clog_t *log);

/* Frees everything; for tests and debug builds. */
void nc_loader_fini(void);

/* Reads the files and makes them so: at the start and at a reload. `done` may be NULL. */
void nc_loader_reload(nc_loader_done_fn *done, void *ctx);

/*
 * Instead of the first nc_loader_reload when the helper before this one died: makes the newest
 * state of the log so, without reading a file. An empty log is a reload. When the log cannot be
 * used any more the result is an error, and nc_loader_reload may follow. The caller sweeps the
 * broker.
 */
void nc_loader_recover(nc_loader_done_fn *done, void *ctx);

/* For /drain_listeners and /healthcheck/fail: nc_root_t.draining, published soon. */
void nc_loader_set_draining(uint32_t reasons);

/* True once the first configuration was published (server state LIVE). */
bool nc_loader_is_live(void);


/* ---- what is there, for the admin interface (helper) ---- */

typedef struct nc_loader_resource_s {
    nc_str_t     name;
    nc_str_t     bytes;                         /* of the message, packed */
    const char  *origin;                        /* "file:/etc/x.yaml:12", "" when not known */
    uint64_t     updated_us;                    /* when it became so, Unix time */
    uint64_t     generation;                    /* of the config log; 0: no log */
    bool         warming;                       /* not published yet */

    const nc_cluster_entry_t    *cluster;       /* of a cluster; its hosts may be NULL in warming */
    const nc_listener_conf_t    *listener;      /* of a listener */
    nc_addr_t                    bound;         /* of a listener: the address it really has */
} nc_loader_resource_t;

/* In order of configuration; those that are published first, then those that warm. */
void nc_loader_each_cluster(nc_loader_each_fn *fn, void *ctx);
void nc_loader_each_listener(nc_loader_each_fn *fn, void *ctx);

/*
 * The same one by one, for walks that take more than a turn: start with *at = 0, false at the end.
 * A load in between may make the walk miss some or see some twice.
 */
bool nc_loader_next_cluster(size_t *at, nc_loader_resource_t *r);
bool nc_loader_next_listener(size_t *at, nc_loader_resource_t *r);

/* Bootstrap.admin, as it was at the start: a reload does not change it. Heap, for good. */
typedef struct {
    nc_addr_t         addr;                     /* as configured */
    nc_addr_t         bound;                    /* with the port that the kernel chose */
    uint32_t          socket_key;               /* under which the helper gets its socket */
    struct nc_access_log_ref_s  *access_logs;
    uint32_t          n_access_logs;
    const struct nc_access_log_lines_s  *lines; /* access_log_path; NULL: not given */
} nc_admin_conf_t;

/* From the first load's warming on; NULL: there is no admin interface. */
const nc_admin_conf_t *nc_loader_admin(void);

/* The bootstrap in effect, without listeners and clusters; false: there is none yet. */
bool nc_loader_bootstrap(nc_loader_resource_t *r);

/* The message in r->bytes, unpacked into `pool`. Never NULL. */
ProtobufCMessage *nc_loader_unpack(nc_pool_t *pool, const ProtobufCMessageDescriptor *type,
    const nc_loader_resource_t *r);

#endif
