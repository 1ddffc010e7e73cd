/*
 * info.h: what is known of a stream while it runs and when it is logged (Envoy's StreamInfo). Filled
 * by the connection manager and the router, read by formatters, access logs and matchers.
 */
#ifndef NC_HTTP_INFO_H
#define NC_HTTP_INFO_H

#include "codec/headers.h"
#include "os/addr.h"

/* Response flags in Envoy's order: symbol, short and long name. */
#define NC_RESPONSE_FLAGS(X)  \
    X(LOCAL_HEALTH, "LH", "FailedLocalHealthCheck")  \
    X(NO_HEALTHY_UPSTREAM, "UH", "NoHealthyUpstream")  \
    X(UPSTREAM_TIMEOUT, "UT", "UpstreamRequestTimeout")  \
    X(LOCAL_RESET, "LR", "LocalReset")  \
    X(UPSTREAM_REMOTE_RESET, "UR", "UpstreamRemoteReset")  \
    X(UPSTREAM_CONNECT_FAILURE, "UF", "UpstreamConnectionFailure")  \
    X(UPSTREAM_TERMINATION, "UC", "UpstreamConnectionTermination")  \
    X(UPSTREAM_OVERFLOW, "UO", "UpstreamOverflow")  \
    X(NO_ROUTE, "NR", "NoRouteFound")  \
    X(DELAY_INJECTED, "DI", "DelayInjected")  \
    X(FAULT_INJECTED, "FI", "FaultInjected")  \
    X(RATE_LIMITED, "RL", "RateLimited")  \
    X(UNAUTHORIZED, "UAEX", "UnauthorizedExternalService")  \
    X(RATE_LIMIT_ERROR, "RLSE", "RateLimitServiceError")  \
    X(DOWNSTREAM_TERMINATION, "DC", "DownstreamConnectionTermination")  \
    X(RETRY_LIMIT_EXCEEDED, "URX", "UpstreamRetryLimitExceeded")  \
    X(STREAM_IDLE_TIMEOUT, "SI", "StreamIdleTimeout")  \
    X(INVALID_HEADERS, "IH", "InvalidEnvoyRequestHeaders")  \
    X(DOWNSTREAM_PROTOCOL_ERROR, "DPE", "DownstreamProtocolError")  \
    X(UPSTREAM_MAX_DURATION, "UMSDR", "UpstreamMaxStreamDurationReached")  \
    X(CACHE_FILTER, "RFCF", "ResponseFromCacheFilter")  \
    X(NO_FILTER_CONFIG, "NFCF", "NoFilterConfigFound")  \
    X(DURATION_TIMEOUT, "DT", "DurationTimeout")  \
    X(UPSTREAM_PROTOCOL_ERROR, "UPE", "UpstreamProtocolError")  \
    X(NO_CLUSTER, "NC", "NoClusterFound")  \
    X(OVERLOAD_MANAGER, "OM", "OverloadManagerTerminated")  \
    X(DNS_FAILURE, "DF", "DnsResolutionFailed")  \
    X(DROP_OVERLOAD, "DO", "DropOverLoad")  \
    X(DOWNSTREAM_REMOTE_RESET, "DR", "DownstreamRemoteReset")  \
    X(DROP_UNCONDITIONAL, "UDO", "UnconditionalDropOverload")

enum {
#define X(id, abbr, name)  NC_RF_##id##_INDEX,
    NC_RESPONSE_FLAGS(X)
#undef X
    NC_RF_COUNT
};

enum {
#define X(id, abbr, name)  NC_RF_##id = 1u << NC_RF_##id##_INDEX,
    NC_RESPONSE_FLAGS(X)
#undef X
    NC_RF_NONE = 0
};

/* Comma-separated short names, "-" when there is none. */
void nc_response_flags_print(uint32_t flags, nc_sb_t *out);

/* Comma-separated long names, "-" when there is none. */
void nc_response_flags_print_long(uint32_t flags, nc_sb_t *out);

typedef enum {
    NC_PROTOCOL_NONE = 0,
    NC_PROTOCOL_HTTP10,
    NC_PROTOCOL_HTTP11,
    NC_PROTOCOL_HTTP2,
    NC_PROTOCOL_HTTP3
} nc_protocol_t;

/* The occasion of a log line; numbers are those of data.accesslog.v3.AccessLogType. */
typedef enum {
    NC_LOG_NOT_SET = 0,
    NC_LOG_TCP_CONNECTED = 1,
    NC_LOG_TCP_PERIODIC = 2,
    NC_LOG_TCP_END = 3,
    NC_LOG_DOWNSTREAM_START = 4,
    NC_LOG_DOWNSTREAM_PERIODIC = 5,
    NC_LOG_DOWNSTREAM_END = 6,
    NC_LOG_DOWNSTREAM_TUNNEL = 10
} nc_log_type_t;

/* Its name in Envoy's enum. */
const char *nc_log_type_str(nc_log_type_t type);

/* "HTTP/1.1" and so on; "-" for none. */
const char *nc_protocol_str(nc_protocol_t p);

struct nc_route_s;
struct nc_cluster_s;
struct nc_metadata_s;
typedef struct nc_dynamic_metadata_s  nc_dynamic_metadata_t;
typedef struct nc_state_object_s  nc_state_object_t;

/* Of the downstream connection; shared by its streams. */
typedef struct nc_conn_info_s {
    uint64_t   id;
    nc_peer_t  remote;                          /* as PROXY protocol or XFF-less peer says */
    nc_peer_t  direct_remote;                   /* of the socket */
    nc_peer_t  local;
    nc_str_t   listener;                        /* name; image memory */
    bool       is_tls;
    nc_str_t   requested_server_name;           /* SNI; data NULL: none */
    struct nc_tls_info_s  *tls;                 /* the connection's; NULL: it is not TLS */
} nc_conn_info_t;

typedef struct nc_http_info_s {
    uint64_t               start_wall_us;       /* Unix time */
    uint64_t               start_us;            /* monotonic, as all below; 0: has not happened */
    uint64_t               request_end_us;      /* last byte of the request received */
    uint64_t               upstream_tx_first_us;
    uint64_t               upstream_tx_last_us;
    uint64_t               upstream_rx_first_us;
    uint64_t               upstream_rx_last_us;
    uint64_t               downstream_tx_first_us;
    uint64_t               downstream_tx_last_us;
    uint64_t               end_us;              /* stream done */

    uint64_t               bytes_received;      /* body, decoded */
    uint64_t               bytes_sent;
    uint64_t               wire_received;       /* with heads and framing */
    uint64_t               wire_sent;
    uint64_t               upstream_wire_sent;
    uint64_t               upstream_wire_received;
    uint32_t               request_header_bytes;
    uint32_t               response_header_bytes;
    uint32_t               response_trailer_bytes;

    uint32_t               flags;               /* NC_RF_* */
    uint16_t               status;              /* 0: none sent */
    uint16_t               attempts;            /* upstream tries, 1 when no retry */
    nc_protocol_t          protocol;
    nc_protocol_t          upstream_protocol;
    uint8_t                log_type;            /* nc_log_type_t of the line being written */
    bool                   health_check;        /* a health checker's request */
    bool                   traced;              /* chosen for tracing */
    const char            *details;             /* response code details; static or pool */
    const char            *termination_details; /* connection termination details, or NULL */
    const char            *upstream_failure;    /* transport failure reason, or NULL */

    nc_peer_t              remote;              /* after XFF evaluation */
    const nc_conn_info_t  *conn;
    nc_str_t               route_name;
    nc_str_t               vhost_name;
    nc_str_t               vcluster_name;       /* virtual cluster; data NULL: none */
    const struct nc_route_s    *route;          /* the one found; NULL: none */
    nc_dynamic_metadata_t  *metadata;           /* see dynamic_metadata.h; NULL: none yet */
    nc_state_object_t      *state;              /* see filter_state.h; NULL: none yet */
    nc_str_t               cluster_name;        /* observability name; data NULL: none */
    nc_str_t               upstream_host_name;  /* hostname as configured, or the address */
    nc_str_t               request_id;          /* x-request-id as it is forwarded */
    nc_str_t               local_reply_body;
    nc_peer_t              upstream_remote;     /* family 0: none */
    nc_peer_t              upstream_local;
    nc_str_t               upstream_remote_path;/* Unix path of the upstream host */
    uint64_t               upstream_connection_id;
    struct nc_tls_info_s  *upstream_tls;        /* with a reference; NULL: none */
} nc_http_info_t;

struct nc_conn_s;

/* Fills what TLS says of the connection. */
void nc_conn_info_tls(nc_conn_info_t *info, struct nc_conn_s *c);

/* As upstream_tls comes the connection's, or NULL; what was there before is given back. */
void nc_http_info_upstream_tls(nc_http_info_t *info, struct nc_conn_s *c);

/* What a formatter, a log or a matcher may look at. Any header pointer may be NULL. */
typedef struct nc_http_view_s {
    const nc_http_info_t  *info;
    const nc_headers_t    *request;
    const nc_headers_t    *response;
    const nc_headers_t    *request_trailers;
    const nc_headers_t    *response_trailers;
} nc_http_view_t;

#endif
