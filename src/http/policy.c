/* policy.c: policies of routes (policy.h): compiled. */
#include "http/route_priv.h"

#include "api/message.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>

#define BACK_OFF_DEFAULT_MS     25u
#define RESET_MAX_MS            300000u

#define HASH(kind)  ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_##kind
#define MUTATION(kind)  \
    ENVOY__CONFIG__COMMON__MUTATION_RULES__V3__HEADER_MUTATION__ACTION_##kind

typedef Envoy__Config__Route__V3__RetryPolicy                         retry_msg_t;
typedef Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy    mirror_msg_t;
typedef Envoy__Config__Route__V3__RouteAction__HashPolicy             hash_msg_t;
typedef Envoy__Config__Common__MutationRules__V3__HeaderMutation      mutation_msg_t;


uint32_t
nc_retry_on_parse(nc_str_t list, bool *all_known)
{
    static const nc_str_t  names[] = {
#define X(id, name)  NC_STR_INIT(name),
        NC_RETRY_ON(X)
#undef X
    };
    uint32_t  bits = 0;
    nc_str_t  word;

    if (all_known != NULL) {
        *all_known = true;
    }

    while (nc_str_split(&list, ',', &word)) {
        unsigned  i = 0;

        word = nc_str_trim(word);
        while (i < NC_RETRY_COUNT && !nc_str_eq(names[i], word)) {
            i++;
        }

        if (i < NC_RETRY_COUNT) {
            bits |= NC_BIT(i);
        } else if (all_known != NULL && word.len > 0) {
            *all_known = false;
        }
    }

    return bits;
}


static uint32_t
to_u32(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t) value;
}


/* ---- retries ---- */

static void
compile_back_off(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__RetryPolicy__RetryBackOff *msg, nc_retry_policy_t *p)
{
    uint64_t  base = nc_duration_ms(msg->base_interval, BACK_OFF_DEFAULT_MS);
    uint64_t  max = nc_duration_ms(msg->max_interval, NC_MAX(base, 1) * 10);

    base = NC_MAX(base, 1);
    max = NC_MAX(max, 1);

    if (max < base) {
        nc_compile_error(rc->cc, &msg->base, "max_interval",
            "must not be less than base_interval");
    }

    p->back_off_base_ms = to_u32(base);
    p->back_off_max_ms = to_u32(max);
}


static void
compile_rate_limited(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__RetryPolicy__RateLimitedRetryBackOff *msg,
    nc_retry_policy_t *p)
{
    nc_reset_header_t  *h = nc_pool_array(rc->cc->pool, msg->n_reset_headers, sizeof(*h));

    for (size_t i = 0; i < msg->n_reset_headers; i++) {
        h[i].name = nc_route_text_lower(rc, msg->reset_headers[i]->name);
        h[i].unix_time = msg->reset_headers[i]->format
            == ENVOY__CONFIG__ROUTE__V3__RETRY_POLICY__RESET_HEADER_FORMAT__UNIX_TIMESTAMP;
    }

    p->reset_headers = h;
    p->n_reset_headers = (uint32_t) msg->n_reset_headers;
    p->reset_max_ms = nc_duration_ms(msg->max_interval, RESET_MAX_MS);
}


static void
compile_part(nc_route_compile_t *rc, nc_kind_t kind, const char *name,
    const struct Google__Protobuf__Any *any, nc_policy_part_t *part)
{
    part->conf = rc->cc->extension(rc->cc, kind, name, (const ProtobufCMessage *) any,
                                   &part->module);
}


static void
compile_hosts(nc_route_compile_t *rc, const retry_msg_t *msg, nc_retry_policy_t *p)
{
    nc_policy_part_t  *parts = nc_pool_array(rc->cc->pool, msg->n_retry_host_predicate,
                                             sizeof(*parts));

    for (size_t i = 0; i < msg->n_retry_host_predicate; i++) {
        compile_part(rc, NC_RETRY_HOST_PREDICATE, msg->retry_host_predicate[i]->name,
                     msg->retry_host_predicate[i]->typed_config, &parts[i]);
    }

    p->hosts = parts;
    p->n_hosts = (uint32_t) msg->n_retry_host_predicate;
    p->host_attempts = 1;

    if (msg->host_selection_retry_max_attempts > 0) {
        p->host_attempts = to_u32((uint64_t) msg->host_selection_retry_max_attempts);
    }

    if (msg->retry_priority != NULL) {
        compile_part(rc, NC_RETRY_PRIORITY, msg->retry_priority->name,
                     msg->retry_priority->typed_config, &p->priority);
    }
}


static void
compile_codes(nc_route_compile_t *rc, const retry_msg_t *msg, nc_retry_policy_t *p)
{
    uint16_t  *codes = nc_pool_array(rc->cc->pool, msg->n_retriable_status_codes, sizeof(*codes));

    for (size_t i = 0; i < msg->n_retriable_status_codes; i++) {
        if (msg->retriable_status_codes[i] > 999) {
            nc_compile_error(rc->cc, &msg->base, "retriable_status_codes",
                "%u is not a status code", msg->retriable_status_codes[i]);
        }
        codes[i] = (uint16_t) msg->retriable_status_codes[i];
    }

    p->status_codes = codes;
    p->n_status_codes = (uint32_t) msg->n_retriable_status_codes;
}


const nc_retry_policy_t *
nc_route_compile_retry(nc_route_compile_t *rc, const retry_msg_t *msg)
{
    bool                all_known;
    nc_retry_policy_t  *p = nc_pool_new(rc->cc->pool, nc_retry_policy_t);

    p->retry_on = nc_retry_on_parse(nc_str_c(msg->retry_on), &all_known);
    if (!all_known) {
        nc_compile_warn(rc->cc, &msg->base, "retry_on",
            "'%s' has a word that is not a retry condition; it is ignored", msg->retry_on);
    }

    p->num_retries = msg->num_retries != NULL ? msg->num_retries->value : 1;
    p->per_try_timeout_ms = to_u32(nc_duration_ms(msg->per_try_timeout, 0));
    p->per_try_idle_ms = to_u32(nc_duration_ms(msg->per_try_idle_timeout, 0));
    p->back_off_base_ms = BACK_OFF_DEFAULT_MS;
    p->back_off_max_ms = BACK_OFF_DEFAULT_MS * 10;

    if (msg->retry_back_off != NULL) {
        compile_back_off(rc, msg->retry_back_off, p);
    }

    if (msg->rate_limited_retry_back_off != NULL) {
        compile_rate_limited(rc, msg->rate_limited_retry_back_off, p);
    }

    compile_codes(rc, msg, p);
    compile_hosts(rc, msg, p);
    nc_header_matchers_compile(rc->cc, msg->retriable_headers, msg->n_retriable_headers,
                               &p->headers);
    p->n_headers = (uint32_t) msg->n_retriable_headers;
    nc_header_matchers_compile(rc->cc, msg->retriable_request_headers,
                               msg->n_retriable_request_headers, &p->request_headers);
    p->n_request_headers = (uint32_t) msg->n_retriable_request_headers;

    return p;
}


/* ---- mirrors ---- */

/* Each change by itself: their order is part of what they say. */
static void
compile_mutations(nc_route_compile_t *rc, const mirror_msg_t *msg, nc_mirror_t *m)
{
    const nc_mutations_t  **list = nc_pool_array(rc->cc->pool, msg->n_request_headers_mutations,
                                                 sizeof(*list));

    for (size_t i = 0; i < msg->n_request_headers_mutations; i++) {
        mutation_msg_t      *one = msg->request_headers_mutations[i];
        nc_mutations_src_t   src = { .message = &one->base, .add_field = "append",
                                     .remove_field = "remove" };

        if (one->action_case == MUTATION(REMOVE)) {
            src.remove = &one->remove;
            src.n_remove = 1;
        } else if (one->action_case == MUTATION(APPEND)) {
            src.add = &one->append;
            src.n_add = 1;
        }

        nc_mutations_compile(rc->cc, &src, &list[i]);
    }

    m->mutations = list;
    m->n_mutations = (uint32_t) msg->n_request_headers_mutations;
}


static void
compile_mirror(nc_route_compile_t *rc, const mirror_msg_t *msg, nc_mirror_t *m)
{
    nc_compile_t  *cc = rc->cc;

    m->cluster = nc_route_text(rc, msg->cluster);
    m->cluster_header = nc_route_text_lower(rc, msg->cluster_header);
    m->keep_host = msg->disable_shadow_host_suffix_append;
    m->host = nc_route_text(rc, msg->host_rewrite_literal);

    if ((m->cluster.data != NULL) == (m->cluster_header.data != NULL)) {
        nc_compile_error(cc, &msg->base, "cluster",
                         "exactly one of cluster and cluster_header is needed");

    } else if (m->cluster.data && rc->check_clusters && cc->has_cluster != NULL
               && !cc->has_cluster(cc, m->cluster))
    {
        nc_compile_error(cc, &msg->base, "cluster", "unknown cluster '%s'", msg->cluster);
    }

    if (msg->runtime_fraction != NULL) {
        m->has_fraction = true;
        nc_fraction_compile(cc, msg->runtime_fraction, &m->fraction);
    }

    compile_mutations(rc, msg, m);
}


const nc_mirrors_t *
nc_route_compile_mirrors(nc_route_compile_t *rc, mirror_msg_t *const *msgs, size_t n)
{
    nc_mirrors_t  *list;
    nc_mirror_t   *items;

    if (n == 0) {
        return NULL;
    }

    list = nc_pool_new(rc->cc->pool, nc_mirrors_t);
    items = nc_pool_array(rc->cc->pool, n, sizeof(*items));

    for (size_t i = 0; i < n; i++) {
        compile_mirror(rc, msgs[i], &items[i]);
    }

    list->items = items;
    list->n = (uint32_t) n;

    return list;
}


/* ---- internal redirects ---- */

static void
compile_redirect_codes(const Envoy__Config__Route__V3__InternalRedirectPolicy *msg,
    nc_internal_redirect_t *p)
{
    static const uint16_t  allowed[] = { 301, 302, 303, 307, 308 };

    if (msg->n_redirect_response_codes == 0) {
        p->codes[p->n_codes++] = 302;
        return;
    }

    /* Others are ignored, as in Envoy. */
    for (size_t i = 0; i < NC_COUNTOF(allowed); i++) {
        for (size_t k = 0; k < msg->n_redirect_response_codes; k++) {
            if (msg->redirect_response_codes[k] == allowed[i]) {
                p->codes[p->n_codes++] = allowed[i];
                break;
            }
        }
    }
}


const nc_internal_redirect_t *
nc_route_compile_internal(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__InternalRedirectPolicy *msg)
{
    nc_internal_redirect_t  *p = nc_pool_new(rc->cc->pool, nc_internal_redirect_t);
    nc_policy_part_t        *parts = nc_pool_array(rc->cc->pool, msg->n_predicates, sizeof(*parts));
    nc_str_t                *copy = nc_pool_array(rc->cc->pool, msg->n_response_headers_to_copy,
                                                  sizeof(*copy));

    p->max = msg->max_internal_redirects != NULL ? msg->max_internal_redirects->value : 1;
    p->cross_scheme = msg->allow_cross_scheme_redirect;
    compile_redirect_codes(msg, p);

    for (size_t i = 0; i < msg->n_predicates; i++) {
        compile_part(rc, NC_INTERNAL_REDIRECT_PREDICATE, msg->predicates[i]->name,
                     msg->predicates[i]->typed_config, &parts[i]);
    }

    for (size_t i = 0; i < msg->n_response_headers_to_copy; i++) {
        copy[i] = nc_route_text_lower(rc, msg->response_headers_to_copy[i]);
    }

    p->predicates = parts;
    p->n_predicates = (uint32_t) msg->n_predicates;
    p->copy = copy;
    p->n_copy = (uint32_t) msg->n_response_headers_to_copy;

    return p;
}


/* ---- hashing ---- */

static void
compile_cookie(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__RouteAction__HashPolicy__Cookie *msg, nc_hash_policy_t *p)
{
    nc_sb_t   sb;
    uint64_t  seconds = nc_duration_ms(msg->ttl, 0) / 1000;

    p->name = nc_route_text(rc, msg->name);
    p->has_ttl = msg->ttl != NULL;

    nc_sb_init(&sb);

    if (seconds > 0) {
        nc_sb_printf(&sb, "; Max-Age=%" PRIu64, seconds);
    }
    if (msg->path[0] != '\0') {
        nc_sb_printf(&sb, "; Path=%s", msg->path);
    }
    for (size_t i = 0; i < msg->n_attributes; i++) {
        const char  *value = msg->attributes[i]->value;

        nc_sb_printf(&sb, "; %s%s%s", msg->attributes[i]->name, *value ? "=" : "", value);
    }
    nc_sb_c_add(&sb, "; HttpOnly");

    p->cookie_end = nc_pool_str(rc->cc->pool, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    if (!nc_header_value_valid(p->cookie_end) || !nc_header_name_valid(p->name)) {
        nc_compile_error(rc->cc, &msg->base, "", "this does not make a cookie");
    }
}


/* False: it says nothing (source_ip: false). */
static bool
compile_hash(nc_route_compile_t *rc, const hash_msg_t *msg, nc_hash_policy_t *p)
{
    p->terminal = msg->terminal;

    switch (msg->policy_specifier_case) {

    case HASH(HEADER):
        p->kind = NC_HASH_HEADER;
        p->name = nc_route_text_lower(rc, msg->header->header_name);
        if (msg->header->regex_rewrite != NULL) {
            p->rewrite = nc_regex_rewrite_compile(rc->cc, msg->header->regex_rewrite);
        }
        return true;

    case HASH(COOKIE):
        p->kind = NC_HASH_COOKIE;
        compile_cookie(rc, msg->cookie, p);
        return true;

    case HASH(CONNECTION_PROPERTIES):
        p->kind = NC_HASH_SOURCE_IP;
        return msg->connection_properties->source_ip;

    case HASH(QUERY_PARAMETER):
        p->kind = NC_HASH_QUERY;
        p->name = nc_route_text(rc, msg->query_parameter->name);
        return true;

    default:
        return false;
    }
}


const nc_hash_policies_t *
nc_route_compile_hash(nc_route_compile_t *rc, hash_msg_t *const *msgs, size_t n)
{
    nc_hash_policies_t  *list;
    nc_hash_policy_t    *items;

    if (n == 0) {
        return NULL;
    }

    list = nc_pool_new(rc->cc->pool, nc_hash_policies_t);
    items = nc_pool_array(rc->cc->pool, n, sizeof(*items));

    for (size_t i = 0; i < n; i++) {
        list->n += compile_hash(rc, msgs[i], &items[list->n]);
    }

    list->items = items;

    return list;
}


/* ---- time ---- */

const nc_stream_bounds_t *
nc_route_compile_bounds(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__RouteAction__MaxStreamDuration *msg)
{
    nc_stream_bounds_t  *b = nc_pool_new(rc->cc->pool, nc_stream_bounds_t);

    b->has_max = msg->max_stream_duration != NULL;
    b->max_ms = nc_duration_ms(msg->max_stream_duration, 0);
    b->has_grpc_max = msg->grpc_timeout_header_max != NULL;
    b->grpc_max_ms = nc_duration_ms(msg->grpc_timeout_header_max, 0);
    b->grpc_offset_ms = nc_duration_ms(msg->grpc_timeout_header_offset, 0);

    return b;
}


/* ---- virtual hosts and routes ---- */

static void
compile_limit(const Google__Protobuf__UInt64Value *whole, const Google__Protobuf__UInt32Value *part,
    nc_body_limit_t *limit)
{
    if (whole != NULL) {
        *limit = (nc_body_limit_t) { .set = true, .bytes = whole->value };

    } else if (part != NULL) {
        *limit = (nc_body_limit_t) { .bounded = true, .bound = part->value };
    }
}


/* Stats "vhost.<vhost>.<kind>.<name>". */
static void
make_stats(nc_route_compile_t *rc, nc_str_t vhost, const char *kind, const char *name,
    nc_route_stats_t *stats)
{
    nc_sb_t  prefix;

    if (rc->cc->stats == NULL) {
        return;
    }

    nc_sb_init(&prefix);
    nc_sb_printf(&prefix, "vhost." NC_STR_FMT ".%s.%s", NC_STR_ARG(vhost), kind, name);
    nc_route_stats_init(stats, rc->cc->stats, nc_sb_str(&prefix));
    nc_sb_fini(&prefix);
}


static void
compile_vclusters(nc_route_compile_t *rc, const Envoy__Config__Route__V3__VirtualHost *msg,
    nc_vhost_t *v)
{
    nc_vcluster_t     *list = nc_pool_array(rc->cc->pool, msg->n_virtual_clusters, sizeof(*list));
    nc_route_stats_t  *other;

    if (msg->n_virtual_clusters == 0) {
        return;
    }

    for (size_t i = 0; i < msg->n_virtual_clusters; i++) {
        const Envoy__Config__Route__V3__VirtualCluster  *m = msg->virtual_clusters[i];

        if (m->n_headers == 0) {
            nc_compile_error(rc->cc, &m->base, "headers", "at least one is needed");
        }

        nc_header_matchers_compile(rc->cc, m->headers, m->n_headers, &list[i].headers);
        list[i].n_headers = (uint32_t) m->n_headers;
        list[i].name = nc_route_text(rc, m->name);
        make_stats(rc, v->name, "vcluster", m->name, &list[i].stats);
    }

    other = nc_pool_new(rc->cc->pool, nc_route_stats_t);
    make_stats(rc, v->name, "vcluster", "other", other);
    v->vclusters = list;
    v->n_vclusters = (uint32_t) msg->n_virtual_clusters;
    v->other = other;
}


void
nc_route_compile_vhost_policies(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__VirtualHost *msg, nc_vhost_t *v)
{
    if (msg->retry_policy != NULL) {
        v->retry = nc_route_compile_retry(rc, msg->retry_policy);
    }

    v->hedge = msg->hedge_policy != NULL && msg->hedge_policy->hedge_on_per_try_timeout;
    v->mirrors = nc_route_compile_mirrors(rc, msg->request_mirror_policies,
                                          msg->n_request_mirror_policies);
    v->timeout_retry_header = msg->include_is_timeout_retry_header;
    compile_limit(msg->request_body_buffer_limit, msg->per_request_buffer_limit_bytes,
                  &v->body_limit);
    compile_vclusters(rc, msg, v);
}


void
nc_route_compile_route_policies(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__Route *msg, const nc_vhost_t *v, nc_route_forward_t *f)
{
    nc_route_stats_t  *stats;

    compile_limit(msg->request_body_buffer_limit, msg->per_request_buffer_limit_bytes,
                  &f->body_limit);

    if (msg->stat_prefix[0] != '\0') {
        stats = nc_pool_new(rc->cc->pool, nc_route_stats_t);
        make_stats(rc, v->name, "route", msg->stat_prefix, stats);
        f->stats = stats;
    }
}
