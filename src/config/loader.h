/*
 * loader.h: from files to what workers read, in the helper. A load is one transaction:
 *
 *     read ─► validate ─► split, diff ─► compile what changed ─► sockets, files ─► log ─► warm
 *          ─► publish ─► all workers have seen it ─► done
 *
 * Until it is logged every error leaves all as it was. One load at a time; those asked for meanwhile
 * are done afterwards, as one.
 *
 * Invariants:
 *  1. An object is compiled anew only when the bytes of its message changed.
 *  2. A listener is published together with or after the clusters that its routes name, and not
 *     before each of them had its first answer from DNS, or NC_LOADER_WARM_MS have passed.
 *  3. The loader makes no system call that needs rights: the process that runs it asks the master,
 *     through nc_loader_ops_t.
 */
#ifndef NC_CONFIG_LOADER_H
#define NC_CONFIG_LOADER_H

#include "config/log.h"
#include "config/root.h"

#include <protobuf-c/protobuf-c.h>

#define NC_LOADER_WARM_MS       5000u           /* how long a load waits for names to resolve */
#define NC_LOADER_PUBLISH_MS    10u             /* at most one publication in this time */

/* What the command line says of the configuration; all of it is copied. */
typedef struct {
    const char *const  *paths;                  /* -c: files or directories, in order */
    unsigned            n_paths;
    const char         *yaml;                   /* --config-yaml, merged last; NULL: none */
    const char         *listen;                 /* --listen: "8080", "127.0.0.1:8080"; NULL: none */
    const char         *to;                     /* --to: "127.0.0.1:3000", "name:80" */
    bool                allow_unknown;          /* --allow-unknown-static-fields */
    const char         *node_id;                /* --service-node and so on; NULL: as in the file */
    const char         *node_cluster;
    const char         *node_zone;
    uint64_t            log_flush_ms;           /* --file-flush-interval-msec */
} nc_loader_options_t;


/* ---- in the process that starts everything: no image, no sockets, nothing is written ---- */

/*
 * -t: everything that a start would find wrong is in `errors`. NC_ERROR: there is an error. The
 * summary ("2 listeners, 3 clusters") is appended to `out`, which may be NULL.
 */
nc_rc_t nc_loader_check(const nc_loader_options_t *options, nc_sb_t *out, nc_errors_t *errors);

/* -T: the merged configuration as YAML, with origins. --print-config: without them. */
nc_rc_t nc_loader_print(const nc_loader_options_t *options, bool origins, nc_sb_t *out,
    nc_errors_t *errors);


/* ---- in the helper ---- */

/* A listening socket that is asked for. The key is a function of the address alone. */
typedef struct {
    uint32_t    key;                            /* nc_listener_conf_t.socket_key; never 0 */
    nc_addr_t   addr;
    const char *name;                           /* of the listener, for messages */
    uint32_t    backlog;                        /* 0: the system's */
    bool        reuse_port;                     /* one socket per worker */
    uint32_t    unix_mode;                      /* 0: leave */
} nc_loader_socket_t;

/* What the loader needs of its process. Requests are answered by the functions named. */
typedef struct {
    /* Answer: nc_loader_socket_done. Asking for a key that is open is fine: options are updated. */
    void (*listen)(const nc_loader_socket_t *socket);
    void (*unlisten)(uint32_t key);             /* no answer; workers have let go of it */

    /* Answer: nc_loader_file_done. The master opens `path` for appending and keeps it as `key`. */
    void (*open_file)(uint32_t key, const char *path);
    void (*close_file)(uint32_t key);           /* no answer */

    void (*published)(uint64_t seq);            /* wakes the workers */
} nc_loader_ops_t;

typedef struct {
    bool                ok;
    uint32_t            added;                  /* listeners, clusters and bootstrap together */
    uint32_t            modified;
    uint32_t            removed;
    uint32_t            unchanged;
    uint64_t            generation;             /* of the config log, after the load */
    const nc_errors_t  *errors;                 /* errors and warnings; NULL: none */
    nc_str_t            text;                   /* the same for people: one line, or all errors */
} nc_loader_result_t;

/* What is in `result` lives during the call only. */
typedef void nc_loader_done_fn(void *ctx, const nc_loader_result_t *result);

/*
 * After nc_image_attach_helper, stats row and loop are ready. The loader closes nothing of `log`,
 * which may be NULL (then a new helper reads the files again). `ops` outlives the loader.
 */
void nc_loader_init(const nc_loader_options_t *options, const nc_loader_ops_t *ops,
    nc_clog_t *log);

/* Frees everything; for tests and debug builds. */
void nc_loader_fini(void);

/* Reads the files and makes them so: at the start and at a reload. `done` may be NULL. */
void nc_loader_reload(nc_loader_done_fn *done, void *ctx);

/*
 * Instead of the first nc_loader_reload when the helper before this one died: makes the newest state
 * of the log so, without reading a file. An empty log is a reload.
 */
void nc_loader_recover(nc_loader_done_fn *done, void *ctx);

/* Answer to listen: `error` NULL when the sockets are there; `bound` is the address they got. */
void nc_loader_socket_done(uint32_t key, const char *error, const nc_addr_t *bound);

/* Answer to open_file. */
void nc_loader_file_done(uint32_t key, const char *error);

/* Whatever makes /drain_listeners and /healthcheck/fail show in the root: published anew. */
void nc_loader_set_draining(bool draining);

/* True once the first configuration was published (server state LIVE). */
bool nc_loader_is_live(void);


/* ---- what is there, for the admin interface (helper) ---- */

typedef struct {
    nc_str_t     name;
    nc_str_t     bytes;                         /* of the message, packed */
    const char  *origin;                        /* file it was written in; "" when not known */
    uint64_t     updated_us;                    /* when it became so, Unix time */
    uint64_t     generation;                    /* of the config log; 0: no log */
    bool         warming;                       /* not published yet */

    const nc_cluster_entry_t    *cluster;       /* of a cluster */
    const nc_listener_conf_t    *listener;      /* of a listener */
    const nc_addr_t             *bound;         /* of a listener: the address it really has */
} nc_loader_resource_t;

/* A return of false ends the walk. Strings and pointers live until the loop turn ends. */
typedef bool nc_loader_each_fn(void *ctx, const nc_loader_resource_t *r);

/* In order of configuration; those published first, then those that warm. */
void nc_loader_each_cluster(nc_loader_each_fn *fn, void *ctx);
void nc_loader_each_listener(nc_loader_each_fn *fn, void *ctx);

/* The bootstrap without listeners and clusters; false: there is none yet. */
bool nc_loader_bootstrap(nc_loader_resource_t *r);

/* The message in `bytes`, in `pool`; NULL never for what the functions above hand out. */
ProtobufCMessage *nc_loader_unpack(nc_pool_t *pool, const ProtobufCMessageDescriptor *type,
    const nc_loader_resource_t *r);

/* Name and path of every log file that workers write. */
void nc_loader_each_file(void (*fn)(void *ctx, uint32_t key, const char *path), void *ctx);

#endif
