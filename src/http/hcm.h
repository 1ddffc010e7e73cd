/*
 * hcm.h: configuration of an HTTP connection manager as image object, and the entry points of the
 * core: a connection begins, configuration is compiled.
 */
#ifndef NC_HTTP_HCM_H
#define NC_HTTP_HCM_H

#include "codec/h1.h"
#include "codec/h2.h"
#include "http/filter.h"
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

typedef struct nc_hcm_conf_s {
    nc_str_t                    stat_prefix;
    const nc_route_config_t    *routes;
    nc_http_filter_ref_t       *filters;
    uint32_t                    n_filters;
    uint32_t                    filter_memory;  /* bytes of all filters' per-stream memory */
    bool                        response_filters;   /* some filter looks at responses */
    nc_filter_ref_t            *access_logs;
    uint32_t                    n_access_logs;
    nc_upgrade_t               *upgrades;
    uint32_t                    n_upgrades;
    nc_codec_type_t             codec;
    nc_h1_options_t             h1;
    nc_h2_options_t             h2;
    uint64_t                    h2_ping_interval_ms;        /* 0: no keep-alive pings */
    uint64_t                    h2_ping_timeout_ms;
    nc_path_options_t           path;
    bool                        proper_case;

    uint64_t                    idle_timeout_ms;            /* 3600000; 0: none */
    uint64_t                    stream_idle_timeout_ms;     /* 300000; 0: none */
    uint64_t                    request_timeout_ms;         /* 0: none */
    uint64_t                    request_headers_timeout_ms; /* 0: none */
    uint64_t                    max_stream_ms;              /* 0: none */
    uint64_t                    max_connection_ms;          /* 0: none */
    uint64_t                    drain_timeout_ms;           /* 5000 */
    uint64_t                    delayed_close_ms;           /* 1000; 0: at once */
    uint32_t                    max_requests;               /* per connection; 0: no limit */
    uint32_t                    max_headers_kb;

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
 * A new downstream connection (nc_network_filter_ops_t.on_new): HTTP/1 or HTTP/2, as codec_type, ALPN
 * or the first bytes say.
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

#endif
