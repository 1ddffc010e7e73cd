/*
 * cluster.h: clusters as workers see them: image objects compiled by the helper. The settings of a
 * cluster and its hosts are two objects, so that a change of hosts copies nothing else.
 *
 * Invariants:
 *  1. Everything here is read-only for workers; what a worker keeps of a cluster (pools, place in
 *     the rotation) is its own, found by local_id.
 *  2. local_id is unique among live clusters and stays with the name over updates that do not
 *     change how connections are made.
 *  3. entry->hosts is stored by the helper at any time; a worker loads it once per use.
 */
#ifndef NC_UPSTREAM_CLUSTER_H
#define NC_UPSTREAM_CLUSTER_H

#include "base/hash.h"
#include "base/module.h"
#include "codec/h2.h"
#include "os/addr.h"
#include "stats/hosts.h"
#include "stats/names.h"

#define NC_CLUSTERS_MAX  (64u << 10)             /* local ids are not above it */

typedef enum {
    NC_LB_ROUND_ROBIN,
    NC_LB_LEAST_REQUEST,
    NC_LB_RANDOM
} nc_lb_policy_t;

/* What is spoken to the hosts (HttpProtocolOptions of upstreams.http.v3). */
typedef enum {
    NC_UPSTREAM_HTTP1,
    NC_UPSTREAM_HTTP2,
    NC_UPSTREAM_DOWNSTREAM,                     /* use_downstream_protocol_config */
    NC_UPSTREAM_AUTO                            /* auto_config: by ALPN */
} nc_upstream_protocol_t;

typedef enum {
    NC_PRIORITY_DEFAULT,
    NC_PRIORITY_HIGH,
    NC_PRIORITIES
} nc_priority_t;

/* core.v3 limits of one priority; breaker holds the machine-wide totals. */
typedef struct {
    nc_breaker_t  breaker;
    uint32_t      max_connections;              /* 1024 */
    uint32_t      max_pending;                  /* 1024 */
    uint32_t      max_requests;                 /* 1024 */
    uint32_t      max_retries;                  /* 3 */
    bool          retry_budget;                 /* retries are bounded by it, not by max_retries */
    uint32_t      min_retries;                  /* retry_budget: always that many; 3 */
    double        budget_percent;               /* of active and pending requests; 20 */
    nc_gauge_t    cx_open;                      /* circuit_breakers.<priority>.* */
    nc_gauge_t    rq_pending_open;
    nc_gauge_t    rq_open;
    nc_gauge_t    rq_retry_open;
} nc_limits_t;

/* One endpoint. */
typedef struct nc_host_s {
    nc_addr_t     addr;
    nc_str_t      addr_text;                    /* "10.0.0.1:80" */
    nc_str_t      hostname;                     /* Endpoint.hostname or DNS name; may be empty */
    nc_host_id_t  id;                           /* row of the host table */
    uint32_t      weight;                       /* 1 when not given */
    uint64_t      weight_end;                   /* sum of the weights up to and with this one */
    uint32_t      priority;
    uint32_t      locality;                     /* index into the set's localities */
    uint32_t      target;                       /* which endpoint of the configuration it is of */
} nc_host_t;

typedef struct {
    nc_str_t  region, zone, sub_zone;
} nc_locality_t;

/* An image object: the endpoints at one time, by priority and then in order of configuration. */
typedef struct nc_host_set_s {
    uint32_t              slot;
    uint32_t              n;
    const nc_host_t      *hosts;
    uint32_t              total_weight;
    bool                  equal_weights;
    uint32_t              n_priorities;         /* the highest one plus 1; 0: no hosts */
    const nc_locality_t  *localities;           /* in order of configuration */
    uint32_t              n_localities;
} nc_host_set_t;

typedef struct nc_cluster_s {
    uint32_t            slot;
    uint32_t            local_id;               /* 1 .. NC_CLUSTERS_MAX */
    nc_str_t            name;
    nc_str_t            observability_name;     /* alt_stat_name or name */
    nc_lb_policy_t      lb_policy;
    uint64_t            connect_timeout_ms;     /* 5000 */
    uint64_t            idle_timeout_ms;        /* 3600000; 0: none */
    uint64_t            max_connection_ms;      /* max_connection_duration; 0: none */
    uint64_t            max_stream_ms;          /* max_stream_duration; 0: none */
    uint32_t            max_requests_per_cx;    /* 0: no limit */
    uint32_t            buffer_limit;           /* 1 MiB */
    uint32_t            max_response_headers;   /* fields; 100 */
    uint32_t            max_response_headers_kb;/* 60 */
    nc_upstream_protocol_t  protocol;
    nc_h2_options_t     h2;
    bool                keep_case;              /* header_key_format: stateful_formatter */
    bool                proper_case;            /* header_key_format: proper_case_words */
    bool                enable_trailers;        /* of responses and requests over HTTP/1 */
    bool                allow_chunked_length;   /* a response with both: its length is ignored */
    bool                full_url;               /* send_fully_qualified_url */
    bool                tcp_keepalive;
    uint32_t            keepalive_probes, keepalive_time_s, keepalive_interval_s; /* 0: kernel's */
    nc_addr_t           source;                 /* upstream_bind_config; len 0: none */
    const nc_module_t  *transport;              /* transport_socket; NULL: raw */
    const void         *transport_conf;
    uint64_t            config_hash;            /* of the message: the same bytes, the same hash */
    uint64_t            connect_hash;           /* of the part that connections are made by */
    nc_limits_t         limits[NC_PRIORITIES];
    nc_cluster_stats_t  stats;
    nc_http2_codec_stats_t  h2_stats;           /* cluster.<name>.http2. */
    nc_cluster_lb_stats_t  lb_stats;            /* cluster.<name>.lb_* */
    nc_codes_t          rq_codes;               /* cluster.<name>.upstream_rq_<code> */
    nc_codes_t          retry_codes;            /* cluster.<name>.retry.upstream_rq_<code> */
} nc_cluster_t;

/*
 * What the root knows of a cluster: its settings and its newest hosts. Lies in the cluster's
 * object; the hosts that it names last are not freed before the object is, so whoever pins the
 * cluster may keep the entry too.
 */
typedef struct nc_cluster_entry_s {
    const nc_cluster_t   *cluster;
    const nc_host_set_t  *hosts;                /* atomic: use nc_cluster_hosts */
} nc_cluster_entry_t;

/* Clusters by name; values are nc_cluster_entry_t. Part of the root. */
typedef struct nc_cluster_table_s {
    nc_table_t  by_name;
} nc_cluster_table_t;

/* The newest hosts; may be an empty set, never NULL. */
static inline const nc_host_set_t *
nc_cluster_hosts(const nc_cluster_entry_t *e)
{
    return __atomic_load_n(&e->hosts, __ATOMIC_ACQUIRE);
}

/* Worker: the table of the newest root (set at every root change). */
extern const nc_cluster_table_t  *nc_clusters;

/* Worker: the cluster of this name, or NULL. */
const nc_cluster_entry_t *nc_cluster_find(nc_str_t name);

#endif
