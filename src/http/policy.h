/*
 * policy.h: what routes say about tries, time and copies of a request: retries, hedging, mirrors,
 * internal redirects, hashing, the bounds of a stream. Compiled into image memory, read by the
 * router and its extensions.
 */
#ifndef NC_HTTP_POLICY_H
#define NC_HTTP_POLICY_H

#include "http/matcher.h"
#include "http/mutations.h"
#include "upstream/pool.h"

struct nc_route_s;

/* Reasons to try again, by Envoy's names (retry_on and x-envoy-retry-on, x-envoy-retry-grpc-on). */
#define NC_RETRY_ON(X)  \
    X(5XX, "5xx")  \
    X(GATEWAY_ERROR, "gateway-error")  \
    X(RESET, "reset")  \
    X(RESET_BEFORE_REQUEST, "reset-before-request")  \
    X(CONNECT_FAILURE, "connect-failure")  \
    X(ENVOY_RATELIMITED, "envoy-ratelimited")  \
    X(RETRIABLE_4XX, "retriable-4xx")  \
    X(REFUSED_STREAM, "refused-stream")  \
    X(RETRIABLE_STATUS_CODES, "retriable-status-codes")  \
    X(RETRIABLE_HEADERS, "retriable-headers")  \
    X(HTTP3_POST_CONNECT_FAILURE, "http3-post-connect-failure")  \
    X(GRPC_CANCELLED, "cancelled")  \
    X(GRPC_DEADLINE_EXCEEDED, "deadline-exceeded")  \
    X(GRPC_INTERNAL, "internal")  \
    X(GRPC_RESOURCE_EXHAUSTED, "resource-exhausted")  \
    X(GRPC_UNAVAILABLE, "unavailable")

enum {
#define X(id, name)  NC_RETRY_##id##_INDEX,
    NC_RETRY_ON(X)
#undef X
    NC_RETRY_COUNT
};

enum {
#define X(id, name)  NC_RETRY_##id = 1u << NC_RETRY_##id##_INDEX,
    NC_RETRY_ON(X)
#undef X
    NC_RETRY_NONE = 0
};

/* Those that look at grpc-status, which x-envoy-retry-grpc-on may name; the other header the rest. */
#define NC_RETRY_GRPC  \
    (NC_RETRY_GRPC_CANCELLED | NC_RETRY_GRPC_DEADLINE_EXCEEDED | NC_RETRY_GRPC_INTERNAL  \
     | NC_RETRY_GRPC_RESOURCE_EXHAUSTED | NC_RETRY_GRPC_UNAVAILABLE)

/* Bits of a comma-separated list; *all_known (may be NULL) is false when a word is unknown. */
uint32_t nc_retry_on_parse(nc_str_t list, bool *all_known);

/* A host that a request was sent to. */
typedef struct {
    nc_host_id_t  host;
    uint32_t      priority;
} nc_tried_t;

/* Operations of envoy.retry_host_predicates: may the host serve another try? */
typedef struct nc_retry_host_ops_s {
    bool  (*rejects)(const void *conf, const nc_host_t *h, const nc_tried_t *tried, uint32_t n);
} nc_retry_host_ops_t;

/* Operations of envoy.retry_priorities: adds to *out the priorities to be left out. */
typedef struct nc_retry_priority_ops_s {
    void  (*avoid)(const void *conf, const nc_tried_t *tried, uint32_t n, nc_priority_mask_t *out);
} nc_retry_priority_ops_t;

/* What an internal redirect leads from and to. */
typedef struct {
    const struct nc_route_s        *from;
    const struct nc_route_s        *to;
    const struct nc_route_s *const *pairs;      /* from, to of the redirects before, 2 * n_before */
    uint32_t                        n_before;
    bool                            from_https;
    bool                            to_https;
} nc_redirect_step_t;

/* Operations of envoy.internal_redirect_predicates. */
typedef struct nc_redirect_predicate_ops_s {
    bool  (*accepts)(const void *conf, const nc_redirect_step_t *step);
} nc_redirect_predicate_ops_t;

/* A module and what it compiled. */
typedef struct {
    const nc_module_t  *module;
    const void         *conf;
} nc_policy_part_t;

typedef struct {
    nc_str_t  name;                             /* lower case */
    bool      unix_time;                        /* else seconds from now */
} nc_reset_header_t;

/* RetryPolicy. */
typedef struct nc_retry_policy_s {
    uint32_t                    retry_on;       /* NC_RETRY_* bits */
    uint32_t                    num_retries;    /* default 1 */
    uint32_t                    per_try_timeout_ms;     /* 0: the route's timeout alone */
    uint32_t                    per_try_idle_ms;        /* 0: none */
    uint32_t                    back_off_base_ms;       /* default 25 */
    uint32_t                    back_off_max_ms;        /* default 10 x base */
    const uint16_t             *status_codes;   /* retriable_status_codes */
    uint32_t                    n_status_codes;
    const nc_header_matcher_t  *headers;        /* retriable_headers: any of them */
    uint32_t                    n_headers;
    const nc_header_matcher_t  *request_headers;    /* retriable_request_headers: any of them */
    uint32_t                    n_request_headers;
    const nc_reset_header_t    *reset_headers;  /* rate_limited_retry_back_off */
    uint32_t                    n_reset_headers;
    uint64_t                    reset_max_ms;   /* default 300000 */
    const nc_policy_part_t     *hosts;          /* retry_host_predicate */
    uint32_t                    n_hosts;
    uint32_t                    host_attempts;  /* choices beyond the first; default 1 */
    nc_policy_part_t            priority;       /* module NULL: none */
} nc_retry_policy_t;

/* RequestMirrorPolicy. */
typedef struct nc_mirror_s {
    nc_str_t                      cluster;      /* data NULL: by header */
    nc_str_t                      cluster_header;   /* lower case */
    bool                          has_fraction;
    nc_fraction_t                 fraction;
    bool                          keep_host;    /* no "-shadow" */
    nc_str_t                      host;         /* host_rewrite_literal; data NULL: none */
    const nc_mutations_t *const  *mutations;    /* one after the other */
    uint32_t                      n_mutations;
} nc_mirror_t;

typedef struct {
    const nc_mirror_t  *items;
    uint32_t            n;
} nc_mirrors_t;

/* InternalRedirectPolicy. */
typedef struct nc_internal_redirect_s {
    uint32_t                 max;               /* default 1 */
    uint16_t                 codes[5];
    uint32_t                 n_codes;
    const nc_policy_part_t  *predicates;
    uint32_t                 n_predicates;
    bool                     cross_scheme;
    const nc_str_t          *copy;              /* response_headers_to_copy; lower case */
    uint32_t                 n_copy;
} nc_internal_redirect_t;

/* MaxStreamDuration. */
typedef struct nc_stream_bounds_s {
    bool      has_max, has_grpc_max;
    uint64_t  max_ms;                           /* 0: none */
    uint64_t  grpc_max_ms;                      /* 0: as the header says */
    uint64_t  grpc_offset_ms;
} nc_stream_bounds_t;

typedef struct {
    enum { NC_HASH_HEADER, NC_HASH_COOKIE, NC_HASH_SOURCE_IP, NC_HASH_QUERY } kind;
    bool                       terminal;
    bool                       has_ttl;         /* COOKIE: made when there is none */
    nc_str_t                   name;            /* of header, cookie or parameter */
    const nc_regex_rewrite_t  *rewrite;         /* HEADER; NULL: none */
    nc_str_t                   cookie_end;      /* of a made one: "; Max-Age=3; Path=/x; HttpOnly" */
} nc_hash_policy_t;

typedef struct {
    const nc_hash_policy_t  *items;
    uint32_t                 n;
} nc_hash_policies_t;

/* XXH64 of the bytes, as Envoy hashes what balancing goes by. */
uint64_t nc_xxh64(nc_str_t s, uint64_t seed);

/*
 * The request's hash by the policies; false: none of them had anything to go by. A cookie that has
 * to be made is returned as a whole Set-Cookie value in *cookie (else data NULL). Memory: pool.
 */
bool nc_route_hash(const nc_hash_policies_t *p, const nc_headers_t *request,
    const nc_http_info_t *info, nc_pool_t *pool, uint64_t *hash, nc_str_t *cookie);

/*
 * Milliseconds of a grpc-timeout value ("100m": digits and one of H M S m u n; a part of a
 * millisecond counts as one). False: malformed.
 */
bool nc_grpc_timeout(nc_str_t value, uint64_t *ms);

#endif
