/*
 * route.h: route tables: RouteConfiguration compiled into image memory, look-up, and what a route
 * does to requests and responses.
 *
 * Invariants:
 *  1. The route found is the first in the order of the configuration that matches, whatever index
 *     was used to find it.
 *  2. A table is immutable; workers read it in place. Whoever keeps a match pins the object that
 *     the table was compiled into.
 */
#ifndef NC_HTTP_ROUTE_H
#define NC_HTTP_ROUTE_H

#include "base/module.h"
#include "http/matcher_tree.h"
#include "http/matcher_value.h"
#include "http/mutations.h"
#include "http/policy.h"
#include "stats/names.h"

struct Envoy__Config__Route__V3__RouteConfiguration;

typedef struct nc_route_config_s  nc_route_config_t;
typedef struct nc_vhost_s         nc_vhost_t;
typedef struct nc_route_s         nc_route_t;

typedef enum {
    NC_ROUTE_FORWARD,                           /* route: `forward` is set */
    NC_ROUTE_REDIRECT,                          /* redirect: use nc_route_redirect */
    NC_ROUTE_DIRECT_RESPONSE,                   /* direct_response: `direct` is set */
    NC_ROUTE_NON_FORWARDING                     /* non_forwarding_action */
} nc_route_kind_t;

typedef struct {
    nc_str_t               name;                /* cluster; data NULL: from cluster_header */
    nc_str_t               cluster_header;      /* lower case; data NULL: none */
    nc_str_t               host_rewrite;        /* host_rewrite_literal; data NULL: none */
    uint64_t               end;                 /* sum of the weights up to and with this one */
    const nc_mutations_t  *request_mutations;   /* NULL: none; so below */
    const nc_mutations_t  *response_mutations;
    const struct nc_filter_confs_s  *filters;
} nc_weighted_cluster_t;

typedef struct {
    nc_str_t  type;                             /* "websocket", lower case */
    bool      enabled;
    bool      terminate;                        /* connect_config: CONNECT ends here */
    bool      allow_post;                       /* so does POST */
} nc_upgrade_t;

typedef enum {
    NC_HOST_KEEP,
    NC_HOST_LITERAL,                            /* host_rewrite_literal: `host` */
    NC_HOST_AUTO,                               /* auto_host_rewrite: name of the chosen host */
    NC_HOST_HEADER,                             /* host_rewrite_header: `host` is the name */
    NC_HOST_PATH_REGEX                          /* host_rewrite_path_regex: `host_regex` */
} nc_host_rewrite_t;

/* request_body_buffer_limit and per_request_buffer_limit_bytes. */
typedef struct {
    bool      set, bounded;
    uint64_t  bytes;                            /* when set: instead of the connection's limit */
    uint64_t  bound;                            /* when bounded: at most this */
} nc_body_limit_t;

/* VirtualCluster: the first whose headers match counts the request. */
typedef struct {
    nc_str_t                    name;
    const nc_header_matcher_t  *headers;
    uint32_t                    n_headers;
    nc_route_stats_t            stats;
} nc_vcluster_t;

/* RouteAction. */
typedef struct {
    nc_str_t                      cluster;      /* data NULL: not by name */
    nc_str_t                      cluster_header;   /* lower case; data NULL: not by header */
    const nc_weighted_cluster_t  *weighted;     /* NULL: not by weight */
    uint32_t                      n_weighted;
    uint64_t                      total_weight;
    nc_str_t                      weight_header;    /* header with the random value, or NULL */
    bool                          weight_by_hash;   /* use_hash_policy, when there is a hash */
    uint16_t                      cluster_not_found_status; /* 503, 404 or 500 */
    uint64_t                      timeout_ms;   /* default 15000; 0: none */
    uint64_t                      idle_timeout_ms;  /* 0: none; only when idle_timeout_set */
    bool                          idle_timeout_set; /* false: the connection manager's holds */
    bool                          append_x_forwarded_host;
    nc_host_rewrite_t             host_rewrite;
    nc_str_t                      host;
    const nc_regex_rewrite_t     *host_regex;
    nc_str_t                      prefix_rewrite;   /* data NULL: none */
    const nc_regex_rewrite_t     *regex_rewrite;    /* NULL: none */
    const nc_retry_policy_t      *retry;        /* the route's or the vhost's; NULL: none */
    bool                          hedge;        /* hedge_policy.hedge_on_per_try_timeout */
    nc_priority_t                 priority;
    const nc_mirrors_t           *mirrors;      /* the route's, the vhost's or the table's, or NULL */
    const nc_hash_policies_t     *hash;         /* NULL: none; so below */
    const nc_internal_redirect_t *internal;
    const nc_stream_bounds_t     *bounds;       /* max_stream_duration; then `timeout` is not used */
    bool                          has_grpc_max; /* max_grpc_timeout */
    uint64_t                      grpc_max_ms;  /* 0: as the header says */
    uint64_t                      grpc_offset_ms;   /* grpc_timeout_offset */
    nc_body_limit_t               body_limit;   /* of what is kept for another try */
    const nc_route_stats_t       *stats;        /* stat_prefix; NULL: none */
    const nc_upgrade_t           *upgrades;     /* upgrade_configs */
    uint32_t                      n_upgrades;
} nc_route_forward_t;

/* RedirectAction; see nc_route_redirect. */
typedef struct {
    bool                       https;
    nc_str_t                   scheme;          /* data NULL: none; so below */
    nc_str_t                   host;
    uint16_t                   port;            /* 0: none */
    nc_str_t                   path;
    bool                       path_has_query;
    nc_str_t                   prefix_rewrite;
    const nc_regex_rewrite_t  *regex_rewrite;
    bool                       strip_query;
    uint16_t                   status;
} nc_route_redirect_t;

/* DirectResponseAction. */
typedef struct {
    uint16_t                  status;
    nc_str_t                  body;             /* may be empty */
    const struct nc_format_s *format;           /* body_format; NULL: none */
} nc_route_direct_t;

/* Configuration of one HTTP filter on one level. */
typedef struct {
    nc_str_t      name;                         /* of the filter, as in http_filters */
    const void   *conf;                         /* route_compile's object; NULL: only switches */
    bool          disabled;                     /* FilterConfig.disabled */
    bool          has_switch;                   /* a FilterConfig: `disabled` was said, yes or no */
} nc_filter_conf_t;

typedef struct nc_filter_confs_s {
    const nc_filter_conf_t  *items;
    uint32_t                 n;
} nc_filter_confs_t;

typedef enum {
    NC_ROUTE_PREFIX,
    NC_ROUTE_PATH,
    NC_ROUTE_SEPARATED_PREFIX,
    NC_ROUTE_REGEX,
    NC_ROUTE_CONNECT                            /* CONNECT, whatever its path */
} nc_route_path_kind_t;

/* Conditions that few routes have. */
typedef struct {
    const nc_cookie_matcher_t        *cookies;
    uint32_t                          n_cookies;
    const nc_metadata_matcher_t      *metadata; /* dynamic_metadata */
    uint32_t                          n_metadata;
    const nc_filter_state_matcher_t  *state;    /* filter_state */
    uint32_t                          n_state;
    bool                              grpc;
    bool                              has_presented, presented;     /* tls_context */
    bool                              has_validated, validated;
} nc_route_more_t;

/* Where a route was written. */
typedef struct {
    const char  *file;                          /* NULL: not known */
    uint32_t     line;
} nc_route_place_t;

struct nc_route_s {
    nc_str_t                    name;           /* may be empty */
    nc_route_kind_t             kind;
    uint32_t                    order;          /* index in its virtual host */
    const nc_vhost_t           *vhost;
    const nc_route_forward_t   *forward;        /* FORWARD */
    const nc_route_redirect_t  *redirect;       /* REDIRECT */
    const nc_route_direct_t    *direct;         /* DIRECT_RESPONSE */
    const nc_mutations_t       *request_mutations;
    const nc_mutations_t       *response_mutations;
    const nc_filter_confs_t    *filters;
    const nc_metadata_t        *metadata;

    /* RouteMatch; read by the look-up, and by whoever explains it */
    nc_route_path_kind_t        path_kind;
    bool                        ignore_case;
    bool                        has_fraction;
    nc_str_t                    path;           /* lower case when ignore_case; regex: its text */
    const nc_regex_t           *regex;
    nc_fraction_t               fraction;
    const nc_header_matcher_t  *headers;
    uint32_t                    n_headers;
    const nc_query_matcher_t   *query;
    uint32_t                    n_query;
    const nc_route_more_t      *more;           /* NULL: none */
    const struct nc_path_pattern_s  *pattern;   /* path_match_policy; path_kind is REGEX then */
    nc_route_place_t            place;
};

/* An action of VirtualHost.matcher: a Route, or a RouteList. */
typedef struct {
    const nc_route_t  *routes;
    uint32_t           n;
} nc_route_list_t;

typedef enum {
    NC_VHOST_TLS_NONE,
    NC_VHOST_TLS_EXTERNAL_ONLY,
    NC_VHOST_TLS_ALL
} nc_vhost_tls_t;

struct nc_vhost_s {
    nc_str_t                          name;
    const nc_route_config_t          *config;
    const nc_route_t                 *routes;   /* in order */
    uint32_t                          n_routes;
    nc_vhost_tls_t                    require_tls;
    bool                              attempt_count_in_request;
    bool                              attempt_count_in_response;
    const nc_mutations_t             *request_mutations;
    const nc_mutations_t             *response_mutations;
    const nc_filter_confs_t          *filters;
    const nc_retry_policy_t          *retry;
    bool                              hedge;
    const nc_mirrors_t               *mirrors;
    nc_body_limit_t                   body_limit;
    bool                              timeout_retry_header; /* x-envoy-is-timeout-retry */
    const nc_vcluster_t              *vclusters;
    uint32_t                          n_vclusters;
    const nc_route_stats_t           *other;    /* requests of no virtual cluster; NULL: none */
    const nc_metadata_t              *metadata;
    nc_route_place_t                  place;
    const nc_matcher_t               *matcher;  /* leads to nc_route_list_t; NULL: `routes` */
    const struct nc_route_index_s    *index;    /* of `routes`; see route_index.h */
    const struct nc_route_index_s    *index_lower;  /* of case-insensitive ones; NULL: none */
};

struct nc_route_config_s {
    nc_str_t                          name;
    const nc_vhost_t                 *vhosts;
    uint32_t                          n_vhosts;
    const nc_mutations_t             *request_mutations;
    const nc_mutations_t             *response_mutations;
    const nc_filter_confs_t          *filters;
    const nc_mirrors_t               *mirrors;
    const nc_str_t                   *internal_only_headers;    /* lower case */
    uint32_t                          n_internal_only_headers;
    bool                              most_specific_wins;
    bool                              ignore_path_parameters;
    nc_str_t                          vhost_header;     /* lower case; data NULL: :authority */
    const nc_metadata_t              *metadata;
    const struct nc_vhost_index_s    *index;
    uint32_t                          slot;     /* of the object that this table belongs to */
};

/* What a look-up goes by. */
typedef struct {
    const nc_headers_t  *headers;               /* :path, :authority and all others */
    uint64_t             random;                /* the stream's; the same at every look-up */
    bool                 is_tls;                /* downstream; used without x-forwarded-proto */
    nc_pool_t           *pool;                  /* scratch, and memory of what is in the match */
    const nc_http_info_t  *info;                /* connection, metadata, state; NULL: none of it */
} nc_route_request_t;

typedef struct {
    const nc_route_config_t      *config;
    const nc_vhost_t             *vhost;        /* NULL: no virtual host of this name */
    const nc_route_t             *route;        /* NULL: none of its routes matches */
    const nc_weighted_cluster_t  *weighted;     /* the one chosen, or NULL */
    nc_str_t                      cluster;      /* FORWARD: the name; data NULL: no such header */
} nc_route_match_t;

/*
 * Compiles a route table into cc->pool. NULL: errors were added. Cluster names are checked by
 * cc->has_cluster unless validate_clusters is false.
 */
const nc_route_config_t *nc_route_config_compile(nc_compile_t *cc,
    const struct Envoy__Config__Route__V3__RouteConfiguration *msg);

/* Fills *out. NC_DECLINED: no route; out->vhost tells whether there was a virtual host at least. */
nc_rc_t nc_route_find(const nc_route_config_t *rc, const nc_route_request_t *rq,
    nc_route_match_t *out);

/* As nc_route_find, by a walk over all routes: the definition that the index is tested against. */
nc_rc_t nc_route_find_slowly(const nc_route_config_t *rc, const nc_route_request_t *rq,
    nc_route_match_t *out);

/* The virtual host of this :authority, or NULL. */
const nc_vhost_t *nc_route_vhost(const nc_route_config_t *rc, nc_str_t host, nc_pool_t *pool);

/*
 * The routes that a look-up in virtual host `v` chooses from: its own, or those that its matcher
 * leads to. NC_DECLINED: its matcher leads to none. NC_ERROR: it cannot be told.
 */
nc_rc_t nc_route_candidates(const nc_vhost_t *v, const nc_route_request_t *rq,
    nc_route_list_t *out);

/* What path conditions look at. */
typedef struct {
    nc_str_t  path;                             /* data NULL: a CONNECT without one */
    nc_str_t  lower;                            /* the same in lower case, if it was asked for */
    bool      connect;                          /* the method is CONNECT */
} nc_route_path_t;

/* Without query and, if so told, without parameters. `lower`: in lower case, too, in the pool. */
void nc_route_path(const nc_route_config_t *rc, const nc_route_request_t *rq, bool lower,
    nc_route_path_t *out);

/* The host that chooses the virtual host; data NULL: there is none. */
nc_str_t nc_route_host(const nc_route_config_t *rc, const nc_headers_t *request);

/* True when the conditions of a route beside its path hold. */
bool nc_route_conditions_hold(const nc_route_t *r, const nc_route_request_t *rq);

/* True when its path condition holds; `p` has both cases. */
bool nc_route_path_holds(const nc_route_t *r, const nc_route_path_t *p);

/* The body of a DIRECT_RESPONSE route in `pool`; *type is its content type, or data NULL. */
nc_str_t nc_route_direct_body(const nc_route_match_t *m, const nc_http_view_t *view,
    nc_pool_t *pool, nc_str_t *type);

/* Most specific configuration of filter `name` (weight, route, vhost, table); NULL: none. */
const nc_filter_conf_t *nc_route_filter_conf(const nc_route_match_t *m, nc_str_t name);

/*
 * Header mutations of all levels in Envoy's order. Requests: call before nc_route_rewrite_request
 * (the router does both). Responses: also for redirects, direct responses and local replies.
 */
void nc_route_request_mutations(const nc_route_match_t *m, nc_headers_t *request,
    const nc_http_view_t *view, nc_pool_t *pool);
void nc_route_response_mutations(const nc_route_match_t *m, nc_headers_t *response,
    const nc_http_view_t *view, nc_pool_t *pool);

/*
 * Path and host rewrites of a FORWARD route: sets :path, :authority, x-forwarded-host, and, unless
 * `suppress_envoy_headers`, x-envoy-original-path and x-envoy-original-host. Not NC_HOST_AUTO: see
 * nc_route_set_host. NC_ERROR: a regex limit was hit; answer 500.
 */
nc_rc_t nc_route_rewrite_request(const nc_route_match_t *m, nc_headers_t *request,
    nc_pool_t *pool, bool suppress_envoy_headers);

/* For auto_host_rewrite, when the upstream host is chosen: sets :authority as above. */
void nc_route_set_host(const nc_route_match_t *m, nc_headers_t *request, nc_str_t host,
    nc_pool_t *pool, bool suppress_envoy_headers);

/* Location of a REDIRECT route, in `pool`; *status is 301, 302, 303, 307 or 308. */
nc_str_t nc_route_redirect(const nc_route_match_t *m, const nc_headers_t *request,
    nc_pool_t *pool, bool is_tls, uint16_t *status);

#endif
