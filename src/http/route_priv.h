/* route_priv.h: shared by the files of the route tables. */
#ifndef NC_HTTP_ROUTE_PRIV_H
#define NC_HTTP_ROUTE_PRIV_H

#include "base/hash.h"
#include "http/route.h"
#include "http/route_index.h"

struct Envoy__Config__Route__V3__RouteAction;
struct Envoy__Config__Route__V3__RedirectAction;
struct Envoy__Config__Route__V3__DirectResponseAction;
struct Envoy__Config__Route__V3__RetryPolicy;
struct Envoy__Config__Route__V3__InternalRedirectPolicy;
struct Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy;
struct Envoy__Config__Route__V3__RouteAction__HashPolicy;
struct Envoy__Config__Route__V3__RouteAction__MaxStreamDuration;
struct Envoy__Config__Route__V3__RouteMatch;
struct Envoy__Config__Route__V3__VirtualHost;
struct Envoy__Config__Route__V3__Route;
struct Google__Protobuf__Any;

/* Domains "*.foo.com" or "foo.*" whose fixed part has this length. */
typedef struct {
    size_t      len;
    nc_table_t  hosts;                          /* fixed part to nc_vhost_t */
} nc_vhost_wildcards_t;

typedef struct nc_vhost_index_s {
    nc_table_t                   exact;         /* lower-case domain to nc_vhost_t */
    const nc_vhost_wildcards_t  *suffixes;      /* "*.foo.com", longest first */
    const nc_vhost_wildcards_t  *prefixes;      /* "foo.*", longest first */
    uint32_t                     n_suffixes;
    uint32_t                     n_prefixes;
    const nc_vhost_t            *any;           /* "*", or NULL */
    bool                         only_any;      /* there is no other domain */
    bool                         ignore_port;
} nc_vhost_index_t;

/* While a table is compiled. */
typedef struct {
    nc_compile_t  *cc;
    bool           check_clusters;
    size_t         max_body;                    /* of direct responses */
    const char    *file;                        /* the last one that was copied into the image */
} nc_route_compile_t;

/* A name and an Any, as they stand in typed_per_filter_config. */
typedef struct {
    const char                          *name;
    const struct Google__Protobuf__Any  *config;
} nc_filter_src_t;

/* Conditions of a match beside path, headers, query and fraction; NULL: none (route_match.c). */
const nc_route_more_t *nc_route_compile_more(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RouteMatch *msg);
bool nc_route_more_holds(const nc_route_more_t *m, const nc_route_request_t *rq);

/* VirtualHost.matcher (route_matcher.c). NULL: errors were added. */
const nc_matcher_t *nc_route_compile_matcher(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__VirtualHost *msg, const nc_vhost_t *vhost);

/* One route, with its match and its action. */
void nc_route_compile_one(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__Route *msg, const nc_vhost_t *vhost, nc_route_t *r);

/* Where `message` was written. */
nc_route_place_t nc_route_place(nc_route_compile_t *rc, const struct ProtobufCMessage *message);

/* The actions; errors are added, what is returned is then incomplete. */
nc_route_forward_t *nc_route_compile_forward(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RouteAction *msg, const nc_vhost_t *vhost,
    const nc_route_t *r);
const nc_route_redirect_t *nc_route_compile_redirect(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RedirectAction *msg);
const nc_route_direct_t *nc_route_compile_direct(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__DirectResponseAction *msg);
const nc_retry_policy_t *nc_route_compile_retry(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RetryPolicy *msg);

/* The other policies (policy.c). NULL when there is none. */
const nc_mirrors_t *nc_route_compile_mirrors(nc_route_compile_t *rc,
    struct Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy *const *msgs, size_t n);
const nc_internal_redirect_t *nc_route_compile_internal(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__InternalRedirectPolicy *msg);
const nc_hash_policies_t *nc_route_compile_hash(nc_route_compile_t *rc,
    struct Envoy__Config__Route__V3__RouteAction__HashPolicy *const *msgs, size_t n);
const nc_stream_bounds_t *nc_route_compile_bounds(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RouteAction__MaxStreamDuration *msg);

/* What virtual hosts and routes say of policies and stats. */
void nc_route_compile_vhost_policies(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__VirtualHost *msg, nc_vhost_t *v);
void nc_route_compile_route_policies(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__Route *msg, const nc_vhost_t *v, nc_route_forward_t *f);

/* typed_per_filter_config of `message`; NULL when there is none. */
const nc_filter_confs_t *nc_route_compile_filters(nc_route_compile_t *rc,
    const struct ProtobufCMessage *message, const nc_filter_src_t *src, size_t n);

/* A copy in the image; data NULL when the text is empty. */
nc_str_t nc_route_text(nc_route_compile_t *rc, const char *text);
nc_str_t nc_route_text_lower(nc_route_compile_t *rc, const char *text);

/* The index of the domains. Adds errors. */
const nc_vhost_index_t *nc_vhost_index_build(nc_route_compile_t *rc, const nc_vhost_t *vhosts,
    const struct Envoy__Config__Route__V3__RouteConfiguration *msg);

/* Sources of both kinds of header mutations of any message that has them. */
#define NC_ROUTE_MUTATIONS(msg, kind)  \
    ((nc_mutations_src_t) { &(msg)->base, #kind "_headers_to_add", (msg)->kind##_headers_to_add, \
        (msg)->n_##kind##_headers_to_add, #kind "_headers_to_remove", \
        (msg)->kind##_headers_to_remove, (msg)->n_##kind##_headers_to_remove })

/* Compiles typed_per_filter_config of any message that has it into `out`. */
#define NC_ROUTE_FILTERS(rc, msg, out)  \
    do {  \
        size_t            n_ = (msg)->n_typed_per_filter_config;  \
        nc_filter_src_t  *src_ = nc_calloc((n_ + 1) * sizeof(*src_));  \
        for (size_t i_ = 0; i_ < n_; i_++) {  \
            src_[i_].name = (msg)->typed_per_filter_config[i_]->key;  \
            src_[i_].config = (msg)->typed_per_filter_config[i_]->value;  \
        }  \
        (out) = nc_route_compile_filters((rc), &(msg)->base, src_, n_);  \
        free(src_);  \
    } while (0)

#endif
