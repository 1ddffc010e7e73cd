/*
 * module.h: what a module is: one struct. `configure` writes the table of the modules built in
 * (nc_modules); dynamic modules carry the same struct with ABI number and size.
 *
 * Invariant: src never names a module; it finds them in nc_modules by Envoy's extension name or by
 * the type of their configuration message.
 */
#ifndef NC_BASE_MODULE_H
#define NC_BASE_MODULE_H

#include "base/compile.h"

#define NC_MODULE_ABI   1u

struct ProtobufCMessageDescriptor;
struct nc_http_filter_ops_s;
struct nc_network_filter_ops_s;
struct nc_listener_filter_ops_s;
struct nc_access_log_ops_s;
struct nc_transport_ops_s;
struct nc_retry_host_ops_s;
struct nc_retry_priority_ops_s;
struct nc_redirect_predicate_ops_s;

/* Kinds of modules; the second column is Envoy's extension category. */
#define NC_KINDS(X)  \
    X(NC_HTTP_FILTER,       "envoy.filters.http")  \
    X(NC_NETWORK_FILTER,    "envoy.filters.network")  \
    X(NC_LISTENER_FILTER,   "envoy.filters.listener")  \
    X(NC_TRANSPORT_SOCKET,  "envoy.transport_sockets")  \
    X(NC_ACCESS_LOG,        "envoy.access_loggers")  \
    X(NC_FORMATTER,         "envoy.formatter")  \
    X(NC_UPSTREAM_OPTIONS,  "envoy.upstream_options")  \
    X(NC_RETRY_HOST_PREDICATE, "envoy.retry_host_predicates")  \
    X(NC_RETRY_PRIORITY,    "envoy.retry_priorities")  \
    X(NC_INTERNAL_REDIRECT_PREDICATE, "envoy.internal_redirect_predicates")  \
    X(NC_IP_DETECTION,      "envoy.http.original_ip_detection")  \
    X(NC_EARLY_MUTATION,    "envoy.http.early_header_mutation")  \
    X(NC_REQUEST_ID,        "envoy.request_id")  \
    X(NC_HEADER_CASE,       "envoy.http.stateful_header_formatters")  \
    X(NC_PATH_MATCH,        "envoy.path.match")  \
    X(NC_PATH_REWRITE,      "envoy.path.rewrite")  \
    X(NC_MATCH_INPUT,       "envoy.matching.http.input")  \
    X(NC_INPUT_MATCHER,     "envoy.matching.input_matchers")

typedef enum {
#define X(name, category)  name,
    NC_KINDS(X)
#undef X
    NC_KIND_MAX
} nc_kind_t;

/* Envoy's category name of a kind. */
const char *nc_kind_str(nc_kind_t kind);

/* What a callback of the data path says. */
typedef enum {
    NC_NEXT,                                    /* pass on */
    NC_WAIT,                                    /* hold; the source pauses above the watermark */
    NC_WAIT_BUFFER,                             /* hold until the body is whole */
    NC_TAKEN                                    /* consumed, or replied */
} nc_verdict_t;

typedef enum {
    NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    NC_REQUIRES_TRUSTED_DOWNSTREAM_AND_UPSTREAM,
    NC_DATA_PLANE_AGNOSTIC
} nc_posture_t;

typedef struct nc_module_s {
    uint32_t      abi;                          /* NC_MODULE_ABI */
    uint32_t      size;                         /* sizeof(nc_module_t) */
    const char   *name;                         /* Envoy's extension name */
    nc_kind_t     kind;
    nc_posture_t  posture;

    /* Descriptor of its configuration message, and of the per-route one (NULL: none). */
    const struct ProtobufCMessageDescriptor  *config;
    const struct ProtobufCMessageDescriptor  *route_config;

    /*
     * Message (checked against its field rules) to image object in cc->pool. NULL: failed, errors
     * added. A module without `compile` has no configuration object (NULL is passed as conf).
     */
    const void *(*compile)(nc_compile_t *cc, const struct ProtobufCMessage *message);
    const void *(*route_compile)(nc_compile_t *cc, const struct ProtobufCMessage *message);

    union {                                     /* the operations of its kind */
        const struct nc_http_filter_ops_s      *http_filter;
        const struct nc_network_filter_ops_s   *network_filter;
        const struct nc_listener_filter_ops_s  *listener_filter;
        const struct nc_access_log_ops_s       *access_log;
        const struct nc_transport_ops_s        *transport;
        const struct nc_retry_host_ops_s       *retry_host;
        const struct nc_retry_priority_ops_s   *retry_priority;
        const struct nc_redirect_predicate_ops_s  *redirect_predicate;
        const void                             *ops;
    };
} nc_module_t;

#define NC_MODULE_HEAD  .abi = NC_MODULE_ABI, .size = sizeof(nc_module_t)

/* The modules built in, ended by NULL; written by configure. */
extern const nc_module_t *const  nc_modules[];

/* The module of `kind` with this configuration type ("envoy.extensions...v3.Buffer"), or NULL. */
const nc_module_t *nc_module_by_type(nc_kind_t kind, nc_str_t type);

/* The module of `kind` with this extension name, or NULL. */
const nc_module_t *nc_module_by_name(nc_kind_t kind, nc_str_t name);

#endif
