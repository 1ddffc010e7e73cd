/*
 * hcm.h: configuration of an HTTP connection manager as image object, and the entry points of the
 * core: a connection begins, configuration is compiled.
 */
#ifndef NC_HTTP_HCM_H
#define NC_HTTP_HCM_H

#include "codec/h1.h"
#include "codec/h2.h"
#include "http/access_log.h"
#include "http/cidr.h"
#include "http/filter.h"
#include "http/local_reply.h"
#include "http/path.h"
#include "http/route.h"
#include "net/acceptor.h"

/* One HTTP filter of the chain. */
typedef struct {
    const nc_module_t  *module;
    const void         *conf;
    nc_str_t            name;
    uint32_t            ctx_offset;             /* of its memory in the stream's filter memory */
    bool                disabled;               /* off, unless the route switches it on */
} nc_http_filter_ref_t;

typedef enum {
    NC_CODEC_AUTO,                              /* by ALPN, or by the first bytes */
    NC_CODEC_HTTP1,
    NC_CODEC_HTTP2
} nc_codec_type_t;

typedef enum {
    NC_SERVER_OVERWRITE,
    NC_SERVER_APPEND_IF_ABSENT,
    NC_SERVER_PASS_THROUGH
} nc_server_header_t;

/* x-forwarded-client-cert (ForwardClientCertDetails). */
typedef enum {
    NC_XFCC_SANITIZE,
    NC_XFCC_FORWARD_ONLY,
    NC_XFCC_APPEND_FORWARD,
    NC_XFCC_SANITIZE_SET,
    NC_XFCC_ALWAYS_FORWARD_ONLY
} nc_xfcc_t;

/* What of the client's certificate goes there (SetCurrentClientCertDetails). */
typedef struct {
    bool  subject;
    bool  cert;
    bool  chain;
    bool  dns;
    bool  uri;
} nc_xfcc_details_t;

/* ProxyStatusConfig. */
typedef struct {
    nc_str_t  name;
    bool      use_node_id;
    bool      remove_details;
    bool      remove_termination_details;
    bool      remove_flags;
    bool      set_status;                       /* set_recommended_response_code */
} nc_proxy_status_t;

typedef struct nc_hcm_conf_s {
    nc_str_t                    stat_prefix;
    const nc_route_config_t    *routes;
    nc_http_filter_ref_t       *filters;
    uint32_t                    n_filters;
    uint32_t                    filter_memory;  /* bytes of all filters' per-stream memory */
    bool                        response_filters;   /* some filter looks at responses */
    nc_access_log_ref_t        *access_logs;
    uint32_t                    n_access_logs;
    nc_upgrade_t               *upgrades;
    uint32_t                    n_upgrades;
    nc_codec_type_t             codec;
    nc_h1_options_t             h1;
    nc_h2_options_t             h2;
    nc_path_options_t           path;
    bool                        proper_case;

    uint64_t                    idle_timeout_ms;            /* 3600000; 0: none */
    uint64_t                    stream_idle_timeout_ms;     /* 300000; 0: none */
    uint64_t                    stream_flush_ms;            /* as stream_idle_timeout; 0: none */
    uint64_t                    request_timeout_ms;         /* 0: none */
    uint64_t                    request_headers_timeout_ms; /* 0: none */
    uint64_t                    max_stream_ms;              /* 0: none */
    uint64_t                    max_connection_ms;          /* 0: none */
    uint64_t                    drain_timeout_ms;           /* 5000 */
    uint64_t                    delayed_close_ms;           /* 1000; 0: at once */
    uint32_t                    max_requests;               /* per connection; 0: no limit */
    uint32_t                    max_headers_kb;
    bool                        safe_max_connection;        /* http1_safe_max_connection_duration */

    nc_server_header_t          server_header;
    nc_str_t                    server_name;
    nc_str_t                    via;                        /* len 0: none */
    bool                        use_remote_address;
    uint32_t                    xff_trusted_hops;
    bool                        skip_xff_append;
    bool                        add_user_agent;
    bool                        generate_request_id;
    bool                        preserve_request_id;
    bool                        request_id_in_response;
    bool                        proxy_100_continue;
    bool                        strip_any_port;
    bool                        strip_matching_port;
    bool                        strip_dot;                  /* strip_trailing_host_dot */
    bool                        append_port;                /* append_x_forwarded_port */
    bool                        mapped_ipv6;                /* IPv4 addresses as ::FFFF:a.b.c.d */
    bool                        pack_trace_reason;
    bool                        keep_after_error;           /* stream_error_on_invalid_... */
    bool                        log_new_requests;           /* access_log_options; so below */
    bool                        log_tunnels;
    uint64_t                    log_interval_ms;            /* 0: none */
    nc_str_t                    scheme;                     /* scheme_to_overwrite; len 0: none */
    bool                        internal_unix;
    nc_cidrs_t                  internal;                   /* internal_address_config */
    nc_xfcc_t                   client_cert;
    nc_xfcc_details_t           client_cert_details;
    const nc_proxy_status_t    *proxy_status;               /* NULL: none */
    const nc_local_reply_t     *local_reply;                /* NULL: none */
    nc_filter_ref_t            *ip_detections;
    uint32_t                    n_ip_detections;
    nc_filter_ref_t            *early_mutations;
    uint32_t                    n_early_mutations;
    const nc_string_matcher_t  *ignored_upgrades;           /* ignore_http_11_upgrade */
    uint32_t                    n_ignored_upgrades;

    nc_hcm_stats_t              stats;
    nc_router_stats_t           router_stats;
    nc_listener_http_stats_t    listener_stats;
    nc_http1_codec_stats_t      h1_stats;
    nc_http2_codec_stats_t      h2_stats;
} nc_hcm_conf_t;

struct Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager;

/* Message to image object in cc->pool. NULL: errors were added. */
const nc_hcm_conf_t *nc_hcm_compile(nc_compile_t *cc,
    const struct Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager
        *message);

/*
 * A new downstream connection (nc_network_filter_ops_t.on_new): HTTP/1 or HTTP/2, as codec_type,
 * ALPN or the first bytes say.
 */
void nc_http_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener);

void nc_h1_server_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener);

void nc_h2_server_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener);

/* Node identity for add_user_agent and x-envoy-downstream headers (set at every root change). */
extern nc_str_t  nc_http_service_cluster;
extern nc_str_t  nc_http_service_node;

/* The server drains: every response says that its connection ends (set at every root change). */
extern bool  nc_http_draining;

#endif
