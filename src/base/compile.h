/*
 * compile.h: what a compile function gets: configuration message in, image object out. The contract
 * between the config helper and everything that has configuration; opaque pointers keep it on the
 * lowest floor.
 *
 * Invariants:
 *  1. What is compiled lies in cc->pool (the image) entirely: no pointer out of the image but to
 *     static data and functions of the binary, no library handle.
 *  2. Errors are added with nc_compile_error and compile functions go on to find more of them.
 */
#ifndef NC_BASE_COMPILE_H
#define NC_BASE_COMPILE_H

#include "base/error.h"

struct ProtobufCMessage;
struct nc_stats_owner_s;
struct nc_listener_ctx_s;
struct nc_module_s;

typedef struct nc_compile_s  nc_compile_t;

struct nc_compile_s {
    nc_pool_t                *pool;             /* of the object being compiled, in the image */
    nc_errors_t              *errors;
    struct nc_stats_owner_s  *stats;            /* owner of the stat ids that the object acquires */
    uint32_t                  slot;             /* of the object being compiled */
    bool                      check_only;       /* -t: no fd, no side effect, pool is on the heap */

    /*
     * Where a message came from: fills file/line/column of field `field` (dotted path below
     * `message`, "" for itself). Set by the loader; may be NULL.
     */
    void (*locate)(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
        const char **file, unsigned *line, unsigned *column, const char **path);

    /*
     * Asks for a file that all workers write (access log): returns its key, a small stable number
     * under which workers find the fd; 0 and an error added when it cannot be written.
     */
    uint32_t (*log_file)(nc_compile_t *cc, const char *path);

    /* True when a cluster has this name (references are checked when all clusters are known). */
    bool (*has_cluster)(nc_compile_t *cc, nc_str_t name);

    /*
     * Compiles the message in the Any `typed_config` by the module registered for its type (kind:
     * enum nc_kind of base/module.h). Fills *module, returns the compiled object; NULL with errors
     * added when the type is unknown, of another kind, or its configuration is wrong. TypedStruct
     * is re-typed. A module whose configuration needs no memory may return its static object.
     */
    const void *(*extension)(nc_compile_t *cc, int kind, const char *name,
        const struct ProtobufCMessage *typed_config, const struct nc_module_s **module);

    /* As `extension`, for a per-route configuration (module->route_compile). */
    const void *(*route_extension)(nc_compile_t *cc, int kind, const char *name,
        const struct ProtobufCMessage *typed_config, const struct nc_module_s **module);

    /*
     * The message inside the Any `typed_config`, for what is no module's (an action of a matcher).
     * NULL: errors were added.
     */
    const struct ProtobufCMessage *(*unpack)(nc_compile_t *cc, const char *name,
        const struct ProtobufCMessage *typed_config);

    /*
     * The static secret of this name (tls.v3.Secret), or NULL; the object depends on it from here
     * on. May itself be NULL: there are none.
     */
    const struct ProtobufCMessage *(*secret)(nc_compile_t *cc, const char *name);

    /*
     * Says that what is compiled follows from the file `path`: when its bytes change, or it is
     * replaced, the object is compiled again. `folder` (may be NULL) is watched too. May be NULL.
     */
    void (*depends)(nc_compile_t *cc, const char *path, const char *folder);

    /*
     * The value of a runtime key (google.protobuf.Value) in the last layer that has it, or NULL.
     * May itself be NULL. See api/runtime.h.
     */
    const struct ProtobufCMessage *(*runtime)(nc_compile_t *cc, const char *key);

    nc_str_t                         scope;     /* prefix of stats: "cluster.a"; may be empty */
    const struct nc_listener_ctx_s  *listener;  /* when compiling inside a listener; else NULL */
    void                            *owner;     /* the loader's own */
};

/* What a filter's compile may know of the listener it stands in. */
typedef struct nc_listener_ctx_s {
    nc_str_t   name;                            /* Listener.name */
    nc_str_t   stat_name;                       /* stat_prefix, or the address with '_' for ':' */
    int        traffic_direction;               /* core.v3.TrafficDirection */
    uint32_t   buffer_limit;                    /* per_connection_buffer_limit_bytes */
} nc_listener_ctx_t;

/* Adds an error at field `field` of `message` ("" for itself). Returns NC_ERROR. */
nc_rc_t nc_compile_error(nc_compile_t *cc, const struct ProtobufCMessage *message,
    const char *field, const char *fmt, ...) NC_PRINTF(4, 5);

/* As nc_compile_error, but only a warning. */
void nc_compile_warn(nc_compile_t *cc, const struct ProtobufCMessage *message,
    const char *field, const char *fmt, ...) NC_PRINTF(4, 5);

#endif
