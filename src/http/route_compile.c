/* route_compile.c: route tables, virtual hosts and route matches: message to image. */
#include "http/route_priv.h"

#include "api/message.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/wrappers.pb-c.h>
#include "http/uri_template.h"

#define MAX_BODY_DEFAULT    4096u

/* Tables up to here are walked: that is cheaper than an index, which would be one node anyway. */
#ifndef SMALL_TABLE
#define SMALL_TABLE         4u
#endif

#define MATCH(kind)     ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_##kind
#define ACTION(kind)    ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_##kind
#define TLS(kind)       ENVOY__CONFIG__ROUTE__V3__VIRTUAL_HOST__TLS_REQUIREMENT_TYPE__##kind


nc_str_t
nc_route_text(nc_route_compile_t *rc, const char *text)
{
    return text != NULL && *text != '\0' ? nc_pool_str(rc->cc->pool, nc_str_c(text)) : NC_STR_NULL;
}


nc_str_t
nc_route_text_lower(nc_route_compile_t *rc, const char *text)
{
    char      *p;
    nc_str_t   s = nc_str_c(text);

    if (s.len == 0) {
        return NC_STR_NULL;
    }

    p = nc_pool_alloc(rc->cc->pool, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        p[i] = nc_lower(s.data[i]);
    }
    p[s.len] = '\0';

    return nc_str(p, s.len);
}


static bool
is_filter_config(const Google__Protobuf__Any *any)
{
    return nc_message_type_of_url(any->type_url)
        == &envoy__config__route__v3__filter_config__descriptor;
}


/* True when some module would take this configuration. */
static bool
is_known(const Google__Protobuf__Any *any)
{
    const ProtobufCMessageDescriptor  *type = nc_message_type_of_url(any->type_url);

    return type != NULL && nc_module_by_type(NC_HTTP_FILTER, nc_str_c(type->name)) != NULL;
}


/* A FilterConfig: switches, and perhaps a configuration inside. */
static void
compile_filter_config(nc_route_compile_t *rc, const struct ProtobufCMessage *message,
    const nc_filter_src_t *src, nc_filter_conf_t *f)
{
    nc_pool_t                               scratch;
    const char                             *why = NULL;
    const nc_module_t                      *module = NULL;
    ProtobufCMessage                       *unpacked;
    Envoy__Config__Route__V3__FilterConfig  *config;

    nc_pool_init(&scratch, &nc_pool_heap);
    unpacked = nc_message_unpack(&scratch, &envoy__config__route__v3__filter_config__descriptor,
        nc_str((const char *) src->config->value.data, src->config->value.len), &why, NULL);

    if (unpacked == NULL) {
        nc_compile_error(rc->cc, message, "typed_per_filter_config", "'%s': %s", src->name, why);
        nc_pool_fini(&scratch);
        return;
    }

    config = (Envoy__Config__Route__V3__FilterConfig *) (void *) unpacked;
    f->has_switch = true;
    f->disabled = config->disabled;

    if (config->config != NULL && config->config->type_url != NULL
        && config->config->type_url[0] != '\0')
    {
        if (!config->is_optional || is_known(config->config)) {
            f->conf = rc->cc->route_extension(rc->cc, NC_HTTP_FILTER, src->name,
                &config->config->base, &module);
        }
    }

    nc_pool_fini(&scratch);
}


const nc_filter_confs_t *
nc_route_compile_filters(nc_route_compile_t *rc, const struct ProtobufCMessage *message,
    const nc_filter_src_t *src, size_t n)
{
    nc_filter_conf_t   *items;
    nc_filter_confs_t  *confs;

    if (n == 0) {
        return NULL;
    }

    confs = nc_pool_new(rc->cc->pool, nc_filter_confs_t);
    items = nc_pool_array(rc->cc->pool, n, sizeof(*items));

    for (size_t i = 0; i < n; i++) {
        const nc_module_t  *module = NULL;

        items[i].name = nc_pool_str(rc->cc->pool, nc_str_c(src[i].name));

        if (src[i].config == NULL) {
            nc_compile_error(rc->cc, message, "typed_per_filter_config",
                "'%s' has no configuration", src[i].name);

        } else if (is_filter_config(src[i].config)) {
            compile_filter_config(rc, message, &src[i], &items[i]);

        } else {
            items[i].conf = rc->cc->route_extension(rc->cc, NC_HTTP_FILTER, src[i].name,
                &src[i].config->base, &module);
        }
    }

    confs->items = items;
    confs->n = (uint32_t) n;

    return confs;
}


nc_route_place_t
nc_route_place(nc_route_compile_t *rc, const struct ProtobufCMessage *message)
{
    unsigned     line = 0, column;
    const char  *file = NULL, *path;

    if (rc->cc->locate != NULL) {
        rc->cc->locate(rc->cc, message, "", &file, &line, &column, &path);
    }

    if (file != NULL && (rc->file == NULL || strcmp(rc->file, file) != 0)) {
        rc->file = nc_pool_strdup(rc->cc->pool, file);
    }

    return (nc_route_place_t) { file != NULL ? rc->file : NULL, line };
}


/* path_match_policy: the pattern becomes an expression. */
static const char *
compile_pattern(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteMatch *msg,
    nc_route_t *r)
{
    char                memory[256];
    nc_sb_t             why;
    const nc_module_t  *module = NULL;

    r->path_kind = NC_ROUTE_REGEX;
    r->ignore_case = false;
    r->pattern = rc->cc->extension(rc->cc, NC_PATH_MATCH, msg->path_match_policy->name,
        (const struct ProtobufCMessage *) msg->path_match_policy->typed_config, &module);

    if (r->pattern == NULL || module == NULL) {
        r->pattern = NULL;
        return "";
    }

    nc_sb_fixed(&why, memory, sizeof(memory));
    r->regex = nc_regex_compile(rc->cc->pool, r->pattern->regex, NC_REGEX_WHOLE, &why);

    if (r->regex == NULL) {
        nc_compile_error(rc->cc, &msg->base, "path_match_policy", NC_STR_FMT,
            NC_STR_ARG(nc_sb_str(&why)));
    }

    return r->pattern->regex.data;
}


static void
compile_path(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteMatch *msg,
    nc_route_t *r)
{
    const char  *text = "";

    r->ignore_case = msg->case_sensitive != NULL && !msg->case_sensitive->value;

    switch (msg->path_specifier_case) {

    case MATCH(PREFIX):
        r->path_kind = NC_ROUTE_PREFIX;
        text = msg->prefix;
        break;

    case MATCH(PATH):
        r->path_kind = NC_ROUTE_PATH;
        text = msg->path;
        break;

    case MATCH(PATH_SEPARATED_PREFIX):
        r->path_kind = NC_ROUTE_SEPARATED_PREFIX;
        text = msg->path_separated_prefix;
        break;

    case MATCH(SAFE_REGEX):
        r->path_kind = NC_ROUTE_REGEX;
        r->ignore_case = false;                 /* an expression says itself what it ignores */
        text = msg->safe_regex->regex;
        r->regex = nc_regex_matcher_compile(rc->cc, msg->safe_regex, NC_REGEX_WHOLE);
        break;

    case MATCH(CONNECT_MATCHER):
        r->path_kind = NC_ROUTE_CONNECT;
        r->ignore_case = false;
        break;

    case MATCH(PATH_MATCH_POLICY):
        text = compile_pattern(rc, msg, r);
        break;

    default:
        nc_compile_error(rc->cc, &msg->base, "", "one of prefix, path, safe_regex, "
            "connect_matcher, path_separated_prefix, path_match_policy is required");
        break;
    }

    r->path = r->ignore_case ? nc_route_text_lower(rc, text)
                             : nc_pool_str(rc->cc->pool, nc_str_c(text));
    if (r->path.data == NULL) {
        r->path = NC_STR("");
    }
}


static void
compile_match(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteMatch *msg,
    nc_route_t *r)
{
    compile_path(rc, msg, r);

    if (msg->runtime_fraction != NULL) {
        r->has_fraction = true;
        nc_fraction_compile(rc->cc, msg->runtime_fraction, &r->fraction);
    }

    nc_header_matchers_compile(rc->cc, msg->headers, msg->n_headers, &r->headers);
    r->n_headers = (uint32_t) msg->n_headers;
    nc_query_matchers_compile(rc->cc, msg->query_parameters, msg->n_query_parameters, &r->query);
    r->n_query = (uint32_t) msg->n_query_parameters;
    r->more = nc_route_compile_more(rc, msg);
}


void
nc_route_compile_one(nc_route_compile_t *rc, const struct Envoy__Config__Route__V3__Route *msg,
    const nc_vhost_t *vhost, nc_route_t *r)
{
    nc_mutations_src_t   request = NC_ROUTE_MUTATIONS(msg, request);
    nc_mutations_src_t   response = NC_ROUTE_MUTATIONS(msg, response);
    nc_route_forward_t  *forward;

    r->name = nc_pool_str(rc->cc->pool, nc_str_c(msg->name));
    r->vhost = vhost;
    r->place = nc_route_place(rc, &msg->base);

    if (msg->match == NULL) {
        nc_compile_error(rc->cc, &msg->base, "match", "is required");
    } else {
        compile_match(rc, msg->match, r);
    }

    switch (msg->action_case) {

    case ACTION(ROUTE):
        r->kind = NC_ROUTE_FORWARD;
        forward = nc_route_compile_forward(rc, msg->route, vhost, r);
        nc_route_compile_route_policies(rc, msg, vhost, forward);
        r->forward = forward;
        break;

    case ACTION(REDIRECT):
        r->kind = NC_ROUTE_REDIRECT;
        r->redirect = nc_route_compile_redirect(rc, msg->redirect);
        break;

    case ACTION(DIRECT_RESPONSE):
        r->kind = NC_ROUTE_DIRECT_RESPONSE;
        r->direct = nc_route_compile_direct(rc, msg->direct_response);
        break;

    default:
        nc_compile_error(rc->cc, &msg->base, "",
            "one of route, redirect, direct_response is required");
        break;
    }

    nc_mutations_compile(rc->cc, &request, &r->request_mutations);
    nc_mutations_compile(rc->cc, &response, &r->response_mutations);
    NC_ROUTE_FILTERS(rc, msg, r->filters);
    r->metadata = nc_metadata_compile(rc->cc, msg->metadata);
}


static nc_vhost_tls_t
tls_requirement(int value)
{
    return value == TLS(ALL) ? NC_VHOST_TLS_ALL
        : value == TLS(EXTERNAL_ONLY) ? NC_VHOST_TLS_EXTERNAL_ONLY : NC_VHOST_TLS_NONE;
}


static void
compile_vhost(nc_route_compile_t *rc, const Envoy__Config__Route__V3__VirtualHost *msg,
    const nc_route_config_t *config, nc_vhost_t *v)
{
    nc_pool_t           *pool = rc->cc->pool;
    nc_route_t          *routes = nc_pool_array(pool, msg->n_routes, sizeof(*routes));
    nc_mutations_src_t   request = NC_ROUTE_MUTATIONS(msg, request);
    nc_mutations_src_t   response = NC_ROUTE_MUTATIONS(msg, response);

    v->name = nc_pool_str(pool, nc_str_c(msg->name));
    v->config = config;
    v->place = nc_route_place(rc, &msg->base);
    v->require_tls = tls_requirement((int) msg->require_tls);
    v->attempt_count_in_request = msg->include_request_attempt_count;
    v->attempt_count_in_response = msg->include_attempt_count_in_response;

    nc_route_compile_vhost_policies(rc, msg, v);

    for (size_t i = 0; i < msg->n_routes; i++) {
        routes[i].order = (uint32_t) i;
        nc_route_compile_one(rc, msg->routes[i], v, &routes[i]);
    }

    v->routes = routes;
    v->n_routes = (uint32_t) msg->n_routes;

    if (v->n_routes > SMALL_TABLE) {
        v->index = nc_route_index_build(pool, routes, msg->n_routes, false);
        v->index_lower = nc_route_index_build(pool, routes, msg->n_routes, true);
    }

    nc_mutations_compile(rc->cc, &request, &v->request_mutations);
    nc_mutations_compile(rc->cc, &response, &v->response_mutations);
    NC_ROUTE_FILTERS(rc, msg, v->filters);
    v->metadata = nc_metadata_compile(rc->cc, msg->metadata);

    if (msg->matcher != NULL) {
        v->matcher = nc_route_compile_matcher(rc, msg, v);
    }
}


static void
compile_vhosts(nc_route_compile_t *rc, const Envoy__Config__Route__V3__RouteConfiguration *msg,
    nc_route_config_t *config)
{
    nc_vhost_t  *vhosts = nc_pool_array(rc->cc->pool, msg->n_virtual_hosts, sizeof(*vhosts));

    for (size_t i = 0; i < msg->n_virtual_hosts; i++) {
        compile_vhost(rc, msg->virtual_hosts[i], config, &vhosts[i]);
    }

    config->vhosts = vhosts;
    config->n_vhosts = (uint32_t) msg->n_virtual_hosts;
    config->index = nc_vhost_index_build(rc, vhosts, msg);
}


const nc_route_config_t *
nc_route_config_compile(nc_compile_t *cc,
    const struct Envoy__Config__Route__V3__RouteConfiguration *msg)
{
    unsigned             before = cc->errors->n;
    nc_str_t            *internal;
    nc_mutations_src_t   request = NC_ROUTE_MUTATIONS(msg, request);
    nc_mutations_src_t   response = NC_ROUTE_MUTATIONS(msg, response);
    nc_route_config_t   *config = nc_pool_new(cc->pool, nc_route_config_t);
    nc_route_compile_t   rc = { cc, true, MAX_BODY_DEFAULT, NULL };

    if (msg->validate_clusters != NULL) {
        rc.check_clusters = msg->validate_clusters->value;
    }

    if (msg->max_direct_response_body_size_bytes != NULL) {
        rc.max_body = msg->max_direct_response_body_size_bytes->value;
    }

    config->name = nc_pool_str(cc->pool, nc_str_c(msg->name));
    config->most_specific_wins = msg->most_specific_header_mutations_wins;
    config->slot = cc->slot;
    config->ignore_path_parameters = msg->ignore_path_parameters_in_path_matching;
    config->vhost_header = nc_route_text_lower(&rc, msg->vhost_header);
    config->metadata = nc_metadata_compile(cc, msg->metadata);

    internal = nc_pool_array(cc->pool, msg->n_internal_only_headers, sizeof(*internal));
    for (size_t i = 0; i < msg->n_internal_only_headers; i++) {
        internal[i] = nc_route_text_lower(&rc, msg->internal_only_headers[i]);
    }
    config->internal_only_headers = internal;
    config->n_internal_only_headers = (uint32_t) msg->n_internal_only_headers;

    nc_mutations_compile(cc, &request, &config->request_mutations);
    nc_mutations_compile(cc, &response, &config->response_mutations);
    NC_ROUTE_FILTERS(&rc, msg, config->filters);
    config->mirrors = nc_route_compile_mirrors(&rc, msg->request_mirror_policies,
                                               msg->n_request_mirror_policies);
    compile_vhosts(&rc, msg, config);

    return cc->errors->n == before ? config : NULL;
}
