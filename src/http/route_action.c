/* route_action.c: what routes do (RouteAction, RedirectAction, DirectResponseAction): compiled. */
#include "http/route_priv.h"

#include "api/message.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>
#include "api/data_source.h"
#include "http/formatter.h"
#include "http/uri_template.h"
#include "api/runtime.h"

#define TIMEOUT_DEFAULT_MS      15000u

#define CLUSTER(kind)   ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_##kind
#define HOST(kind)      ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_##kind
#define WEIGHT_HOST(kind)  \
    ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__HOST_REWRITE_SPECIFIER_##kind
#define RANDOM(kind)  \
    ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__RANDOM_VALUE_SPECIFIER_##kind
#define SCHEME(kind)  \
    ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_##kind
#define REDIRECT_PATH(kind)  \
    ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_##kind


static void
check_cluster(nc_route_compile_t *rc, const struct ProtobufCMessage *message, const char *field,
    const char *name)
{
    nc_compile_t  *cc = rc->cc;

    if (rc->check_clusters && cc->has_cluster != NULL && !cc->has_cluster(cc, nc_str_c(name))) {
        nc_compile_error(cc, message, field, "unknown cluster '%s'", name);
    }
}


/* A path that a request line could not carry is refused. */
static void
check_path(nc_route_compile_t *rc, const struct ProtobufCMessage *message, const char *field,
    nc_str_t path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char  c = (unsigned char) path.data[i];

        if (c <= ' ' || c == 0x7f) {
            nc_compile_error(rc->cc, message, field,
                "byte 0x%02x at position %zu must not stand in a path", c, i);
            return;
        }
    }
}


static const nc_regex_rewrite_t *
compile_path_rewrite(nc_route_compile_t *rc, const struct ProtobufCMessage *message,
    const Envoy__Type__Matcher__V3__RegexMatchAndSubstitute *msg)
{
    const nc_regex_rewrite_t  *rewrite = nc_regex_rewrite_compile(rc->cc, msg);

    if (rewrite != NULL) {
        check_path(rc, message, "regex_rewrite.substitution", rewrite->substitution);
    }

    return rewrite;
}


static void
compile_weight(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *msg, nc_weighted_cluster_t *w)
{
    nc_mutations_src_t  request = NC_ROUTE_MUTATIONS(msg, request);
    nc_mutations_src_t  response = NC_ROUTE_MUTATIONS(msg, response);

    w->name = nc_route_text(rc, msg->name);
    w->cluster_header = nc_route_text_lower(rc, msg->cluster_header);

    if ((w->name.data == NULL) == (w->cluster_header.data == NULL)) {
        nc_compile_error(rc->cc, &msg->base, "name",
            "one of name and cluster_header is required, and only one");
    } else if (w->name.data != NULL) {
        check_cluster(rc, &msg->base, "name", msg->name);
    }

    if (msg->host_rewrite_specifier_case == WEIGHT_HOST(HOST_REWRITE_LITERAL)) {
        w->host_rewrite = nc_route_text(rc, msg->host_rewrite_literal);
    }

    nc_mutations_compile(rc->cc, &request, &w->request_mutations);
    nc_mutations_compile(rc->cc, &response, &w->response_mutations);
    NC_ROUTE_FILTERS(rc, msg, w->filters);
}


/* A runtime key "prefix.name" says the weight in place of the configuration. */
static uint32_t
weight_of(nc_route_compile_t *rc, const char *prefix,
    const Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *msg)
{
    uint32_t  weight = msg->weight != NULL ? msg->weight->value : 0;
    nc_sb_t   key;

    if (prefix[0] == '\0') {
        return weight;
    }

    nc_sb_init(&key);
    nc_sb_printf(&key, "%s.%s", prefix, msg->name);
    weight = nc_runtime_u32(rc->cc, nc_sb_c(&key), weight);
    nc_sb_fini(&key);

    return weight;
}


static void
compile_weighted(nc_route_compile_t *rc, const Envoy__Config__Route__V3__WeightedCluster *msg,
    nc_route_forward_t *f)
{
    uint64_t                total = 0;
    nc_weighted_cluster_t  *w = nc_pool_array(rc->cc->pool, msg->n_clusters, sizeof(*w));

    for (size_t i = 0; i < msg->n_clusters; i++) {
        compile_weight(rc, msg->clusters[i], &w[i]);
        total += weight_of(rc, msg->runtime_key_prefix, msg->clusters[i]);
        w[i].end = total;
    }

    if (total == 0 || total > UINT32_MAX) {
        nc_compile_error(rc->cc, &msg->base, "clusters",
            "the sum of the weights is %" PRIu64 ", expected 1 to %u", total, UINT32_MAX);
    }

    if (msg->total_weight != NULL && msg->total_weight->value != total) {
        nc_compile_warn(rc->cc, &msg->base, "total_weight",
            "is %u, but the weights add up to %" PRIu64 "; the sum is used",
            msg->total_weight->value, total);
    }

    if (msg->random_value_specifier_case == RANDOM(HEADER_NAME)) {
        f->weight_header = nc_route_text_lower(rc, msg->header_name);
    } else if (msg->random_value_specifier_case == RANDOM(USE_HASH_POLICY)) {
        f->weight_by_hash = msg->use_hash_policy->value;
    }

    f->weighted = w;
    f->n_weighted = (uint32_t) msg->n_clusters;
    f->total_weight = total;
}


static void
compile_host_rewrite(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteAction *msg,
    nc_route_forward_t *f)
{
    switch (msg->host_rewrite_specifier_case) {

    case HOST(HOST_REWRITE_LITERAL):
        f->host = nc_route_text(rc, msg->host_rewrite_literal);
        f->host_rewrite = f->host.data != NULL ? NC_HOST_LITERAL : NC_HOST_KEEP;
        break;

    case HOST(AUTO_HOST_REWRITE):
        f->host_rewrite = msg->auto_host_rewrite->value ? NC_HOST_AUTO : NC_HOST_KEEP;
        break;

    case HOST(HOST_REWRITE_HEADER):
        f->host = nc_route_text_lower(rc, msg->host_rewrite_header);
        f->host_rewrite = f->host.data != NULL ? NC_HOST_HEADER : NC_HOST_KEEP;
        break;

    case HOST(HOST_REWRITE_PATH_REGEX):
        f->host_regex = nc_regex_rewrite_compile(rc->cc, msg->host_rewrite_path_regex);
        f->host_rewrite = NC_HOST_PATH_REGEX;
        break;

    default:
        f->host_rewrite = NC_HOST_KEEP;
        break;
    }
}


static void
compile_connect(nc_route_compile_t *rc,
    const Envoy__Config__Route__V3__RouteAction__UpgradeConfig *msg, nc_upgrade_t *u)
{
    if (msg->connect_config == NULL) {
        return;
    }

    if (!nc_str_eq(u->type, NC_STR("connect"))) {
        nc_compile_error(rc->cc, &msg->base, "connect_config",
            "is for the upgrade type CONNECT, not for '%s'", msg->upgrade_type);
    }

    u->terminate = true;
    u->allow_post = msg->connect_config->allow_post;
}


static void
compile_upgrades(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteAction *msg,
    nc_route_forward_t *f)
{
    nc_upgrade_t  *u = nc_pool_array(rc->cc->pool, msg->n_upgrade_configs, sizeof(*u));

    for (size_t i = 0; i < msg->n_upgrade_configs; i++) {
        u[i].type = nc_route_text_lower(rc, msg->upgrade_configs[i]->upgrade_type);
        u[i].enabled = msg->upgrade_configs[i]->enabled == NULL
            || msg->upgrade_configs[i]->enabled->value;
        compile_connect(rc, msg->upgrade_configs[i], &u[i]);

        for (size_t j = 0; j < i; j++) {
            if (nc_str_eq(u[i].type, u[j].type)) {
                nc_compile_error(rc->cc, &msg->upgrade_configs[i]->base, "upgrade_type",
                    "'%s' stands here twice", msg->upgrade_configs[i]->upgrade_type);
                break;
            }
        }
    }

    f->upgrades = u;
    f->n_upgrades = (uint32_t) msg->n_upgrade_configs;
}


static void
compile_cluster(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteAction *msg,
    nc_route_forward_t *f)
{
    static const uint16_t  statuses[] = { 503, 404, 500 };
    unsigned               status = (unsigned) msg->cluster_not_found_response_code;

    switch (msg->cluster_specifier_case) {

    case CLUSTER(CLUSTER):
        f->cluster = nc_route_text(rc, msg->cluster);
        check_cluster(rc, &msg->base, "cluster", msg->cluster);
        break;

    case CLUSTER(CLUSTER_HEADER):
        f->cluster_header = nc_route_text_lower(rc, msg->cluster_header);
        break;

    case CLUSTER(WEIGHTED_CLUSTERS):
        compile_weighted(rc, msg->weighted_clusters, f);
        break;

    default:
        nc_compile_error(rc->cc, &msg->base, "",
            "one of cluster, cluster_header, weighted_clusters is required");
        break;
    }

    f->cluster_not_found_status = statuses[status < NC_COUNTOF(statuses) ? status : 0];
}


/* The most specific one of each policy counts. */
static void
compile_policies(nc_route_compile_t *rc, const struct Envoy__Config__Route__V3__RouteAction *msg,
    const nc_vhost_t *vhost, nc_route_forward_t *f)
{
    f->retry = msg->retry_policy != NULL ? nc_route_compile_retry(rc, msg->retry_policy)
                                         : vhost->retry;
    f->hedge = msg->hedge_policy != NULL ? msg->hedge_policy->hedge_on_per_try_timeout
                                         : vhost->hedge;
    f->priority = (nc_priority_t) msg->priority;
    f->hash = nc_route_compile_hash(rc, msg->hash_policy, msg->n_hash_policy);
    f->mirrors = nc_route_compile_mirrors(rc, msg->request_mirror_policies,
                                          msg->n_request_mirror_policies);
    f->mirrors = f->mirrors ? f->mirrors : vhost->mirrors ? vhost->mirrors
                                                          : vhost->config->mirrors;
    f->has_grpc_max = msg->max_grpc_timeout != NULL;
    f->grpc_max_ms = nc_duration_ms(msg->max_grpc_timeout, 0);
    f->grpc_offset_ms = nc_duration_ms(msg->grpc_timeout_offset, 0);
    f->body_limit = vhost->body_limit;

    if (msg->internal_redirect_policy != NULL) {
        f->internal = nc_route_compile_internal(rc, msg->internal_redirect_policy);
    }

    if (msg->max_stream_duration != NULL) {
        f->bounds = nc_route_compile_bounds(rc, msg->max_stream_duration);
    }
}


/* path_rewrite_policy: with the route's pattern it becomes a substitution. */
static const nc_regex_rewrite_t *
compile_template(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteAction *msg,
    const nc_route_t *r)
{
    char                      memory[256];
    nc_sb_t                   text, reason;
    const char               *why = NULL;
    const nc_module_t        *module = NULL;
    nc_regex_rewrite_t       *rewrite = nc_pool_new(rc->cc->pool, nc_regex_rewrite_t);
    const nc_path_rewrite_t  *form;

    form = rc->cc->extension(rc->cc, NC_PATH_REWRITE, msg->path_rewrite_policy->name,
        (const struct ProtobufCMessage *) msg->path_rewrite_policy->typed_config, &module);

    if (form == NULL || module == NULL) {
        return NULL;
    }

    if (r->pattern == NULL) {
        nc_compile_error(rc->cc, &msg->base, "path_rewrite_policy",
            "needs a path_match_policy in the route's match");
        return NULL;
    }

    if (nc_uri_rewrite_subst(rc->cc->pool, r->pattern, form->text, &rewrite->substitution, &why)
        != NC_OK)
    {
        nc_compile_error(rc->cc, &msg->base, "path_rewrite_policy", "'" NC_STR_FMT "': %s",
            NC_STR_ARG(form->text), why);
        return NULL;
    }

    nc_sb_init(&text);
    nc_sb_printf(&text, "^" NC_STR_FMT "$", NC_STR_ARG(r->pattern->regex));
    nc_sb_fixed(&reason, memory, sizeof(memory));
    rewrite->regex = nc_regex_compile(rc->cc->pool, nc_sb_str(&text), NC_REGEX_SEARCH, &reason);
    nc_sb_fini(&text);
    NC_CHECK(rewrite->regex != NULL);           /* the same was compiled for the match */

    return rewrite;
}


nc_route_forward_t *
nc_route_compile_forward(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RouteAction *msg, const nc_vhost_t *vhost,
    const nc_route_t *r)
{
    nc_route_forward_t  *f = nc_pool_new(rc->cc->pool, nc_route_forward_t);

    compile_cluster(rc, msg, f);
    compile_host_rewrite(rc, msg, f);
    compile_upgrades(rc, msg, f);

    f->timeout_ms = nc_duration_ms(msg->timeout, TIMEOUT_DEFAULT_MS);
    f->idle_timeout_set = msg->idle_timeout != NULL;
    f->idle_timeout_ms = nc_duration_ms(msg->idle_timeout, 0);
    f->append_x_forwarded_host = msg->append_x_forwarded_host;

    f->prefix_rewrite = nc_route_text(rc, msg->prefix_rewrite);
    check_path(rc, &msg->base, "prefix_rewrite", f->prefix_rewrite);

    if (msg->regex_rewrite != NULL) {
        f->regex_rewrite = compile_path_rewrite(rc, &msg->base, msg->regex_rewrite);

        if (f->prefix_rewrite.data != NULL) {
            nc_compile_error(rc->cc, &msg->base, "regex_rewrite",
                "prefix_rewrite and regex_rewrite must not both be set");
        }
    }

    if (msg->path_rewrite_policy != NULL) {
        if (f->prefix_rewrite.data != NULL || msg->regex_rewrite != NULL) {
            nc_compile_error(rc->cc, &msg->base, "path_rewrite_policy",
                "prefix_rewrite, regex_rewrite and path_rewrite_policy exclude each other");
        }
        f->regex_rewrite = compile_template(rc, msg, r);
    }

    compile_policies(rc, msg, vhost, f);

    return f;
}


const nc_route_redirect_t *
nc_route_compile_redirect(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__RedirectAction *msg)
{
    static const uint16_t  statuses[] = { 301, 302, 303, 307, 308 };
    unsigned               code = (unsigned) msg->response_code;
    nc_route_redirect_t   *r = nc_pool_new(rc->cc->pool, nc_route_redirect_t);

    if (msg->scheme_rewrite_specifier_case == SCHEME(HTTPS_REDIRECT)) {
        r->https = msg->https_redirect;
    } else if (msg->scheme_rewrite_specifier_case == SCHEME(SCHEME_REDIRECT)) {
        r->scheme = nc_route_text_lower(rc, msg->scheme_redirect);
    }

    r->host = nc_route_text(rc, msg->host_redirect);
    if (msg->port_redirect > UINT16_MAX) {
        nc_compile_error(rc->cc, &msg->base, "port_redirect", "%u is not a port",
            msg->port_redirect);
    }
    r->port = (uint16_t) msg->port_redirect;

    switch (msg->path_rewrite_specifier_case) {

    case REDIRECT_PATH(PATH_REDIRECT):
        r->path = nc_route_text(rc, msg->path_redirect);
        r->path_has_query = r->path.data != NULL && nc_str_chr(r->path, '?') >= 0;
        check_path(rc, &msg->base, "path_redirect", r->path);
        break;

    case REDIRECT_PATH(PREFIX_REWRITE):
        r->prefix_rewrite = nc_route_text(rc, msg->prefix_rewrite);
        check_path(rc, &msg->base, "prefix_rewrite", r->prefix_rewrite);
        break;

    case REDIRECT_PATH(REGEX_REWRITE):
        r->regex_rewrite = compile_path_rewrite(rc, &msg->base, msg->regex_rewrite);
        break;

    default:
        break;
    }

    r->status = statuses[code < NC_COUNTOF(statuses) ? code : 0];
    r->strip_query = msg->strip_query;

    return r;
}


const nc_route_direct_t *
nc_route_compile_direct(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__DirectResponseAction *msg)
{
    nc_route_direct_t  *d = nc_pool_new(rc->cc->pool, nc_route_direct_t);

    d->status = (uint16_t) msg->status;
    d->body = NC_STR("");

    if (msg->body != NULL) {
        nc_data_source_read(rc->cc, msg->body, rc->max_body, rc->cc->pool, &d->body);
    }

    if (msg->body_format != NULL) {
        d->format = nc_format_compile_message(rc->cc, msg->body_format);
    }

    return d;
}
