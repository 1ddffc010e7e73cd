/* hcm.c: compiles an HttpConnectionManager message into an image object. */
#include "http/hcm_priv.h"

#include "upstream/h2_options.h"
#include "upstream/header_case.h"

typedef nc_hcm_message_t  message_t;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpFilter  filter_t;

#define ENUM(value)  NC_HCM_ENUM(value)


/* ---- filters ---- */

/* An optional filter of a type that is not built in is left out (HttpFilter.is_optional). */
static bool
left_out(nc_compile_t *cc, const filter_t *m)
{
    const char  *url = m->typed_config ? m->typed_config->type_url : "";
    const char  *slash = strrchr(url, '/');

    if (!m->is_optional
        || nc_module_by_type(NC_HTTP_FILTER, nc_str_c(slash ? slash + 1 : url)) != NULL)
    {
        return false;
    }

    nc_compile_warn(cc, &m->base, "", "optional filter %s is left out: %s is not built in",
                    m->name, slash ? slash + 1 : url);

    return true;
}


static void
compile_filter(nc_compile_t *cc, nc_hcm_conf_t *c, const filter_t *m)
{
    nc_http_filter_ref_t  *f = &c->filters[c->n_filters];
    unsigned               errors = cc->errors->n;

    if (left_out(cc, m)) {
        return;
    }

    f->conf = cc->extension(cc, NC_HTTP_FILTER, m->name,
                            (const ProtobufCMessage *) m->typed_config, &f->module);

    if (cc->errors->n > errors || f->module == NULL) {
        return;
    }

    f->name = nc_hcm_copy(cc, m->name);
    f->disabled = m->disabled;
    f->ctx_offset = c->filter_memory;
    c->filter_memory += (uint32_t) NC_ALIGN(f->module->http_filter->ctx_size, 16);
    c->response_filters = c->response_filters || f->module->http_filter->on_response_headers
                          || f->module->http_filter->on_response_data
                          || f->module->http_filter->on_response_trailers;
    c->n_filters++;
}


/* The last filter, and only the last, makes responses. */
static void
check_terminal(nc_compile_t *cc, const nc_hcm_conf_t *c, const message_t *m)
{
    for (uint32_t i = 0; i < c->n_filters; i++) {
        const nc_http_filter_ref_t  *f = &c->filters[i];
        bool                         last = i == c->n_filters - 1;
        bool                         terminal = f->module->http_filter->terminal;

        if (terminal && !last) {
            nc_compile_error(cc, &m->http_filters[i]->base, "",
                             "terminal filter %.*s must be the last of http_filters",
                             NC_STR_ARG(f->name));

        } else if (last && !terminal) {
            nc_compile_error(cc, &m->http_filters[i]->base, "",
                             "the last of http_filters must be a terminal filter such as "
                             "envoy.filters.http.router, %.*s is none", NC_STR_ARG(f->name));

        } else if (last && f->disabled) {
            nc_compile_error(cc, &m->http_filters[i]->base, "disabled",
                             "the terminal filter cannot be disabled");
        }
    }
}


static void
compile_filters(nc_compile_t *cc, nc_hcm_conf_t *c, const message_t *m)
{
    unsigned  errors = cc->errors->n;

    c->filters = nc_pool_array(cc->pool, m->n_http_filters, sizeof(*c->filters));

    for (size_t i = 0; i < m->n_http_filters; i++) {
        compile_filter(cc, c, m->http_filters[i]);
    }

    if (m->n_http_filters == 0) {
        nc_compile_error(cc, &m->base, "http_filters", "at least a terminal filter such as "
                         "envoy.filters.http.router is required");

    } else if (cc->errors->n == errors) {
        check_terminal(cc, c, m);
    }
}


static void
compile_upgrades(nc_compile_t *cc, nc_hcm_conf_t *c, const message_t *m)
{
    c->upgrades = nc_pool_array(cc->pool, m->n_upgrade_configs, sizeof(*c->upgrades));
    c->n_upgrades = (uint32_t) m->n_upgrade_configs;

    for (size_t i = 0; i < m->n_upgrade_configs; i++) {
        c->upgrades[i].type = nc_hcm_copy(cc, m->upgrade_configs[i]->upgrade_type);
        c->upgrades[i].enabled = nc_bool_or(m->upgrade_configs[i]->enabled, true);
    }
}


/* ---- options ---- */

static void
compile_limits(nc_hcm_conf_t *c, const message_t *m)
{
    const Envoy__Config__Core__V3__HttpProtocolOptions  *o = m->common_http_protocol_options;

    c->idle_timeout_ms = nc_duration_ms(o ? o->idle_timeout : NULL, 3600000);
    c->max_connection_ms = nc_duration_ms(o ? o->max_connection_duration : NULL, 0);
    c->max_stream_ms = nc_duration_ms(o ? o->max_stream_duration : NULL, 0);
    c->safe_max_connection = m->http1_safe_max_connection_duration;
    c->max_requests = o ? nc_u32_or(o->max_requests_per_connection, 0) : 0;
    c->stream_idle_timeout_ms = nc_duration_ms(m->stream_idle_timeout, 300000);
    c->stream_flush_ms = nc_duration_ms(m->stream_flush_timeout, c->stream_idle_timeout_ms);
    c->request_timeout_ms = nc_duration_ms(m->request_timeout, 0);
    c->request_headers_timeout_ms = nc_duration_ms(m->request_headers_timeout, 0);
    c->drain_timeout_ms = nc_duration_ms(m->drain_timeout, 5000);
    c->delayed_close_ms = nc_duration_ms(m->delayed_close_timeout, 1000);

    c->h1.max_bytes = nc_u32_or(m->max_request_headers_kb, 60) * 1024;
    c->h1.max_headers = o ? nc_u32_or(o->max_headers_count, 100) : 100;
    c->h1.underscores = o ? (nc_h1_underscores_t) o->headers_with_underscores_action
                          : NC_H1_UNDERSCORES_ALLOW;
}


static void
compile_h1(nc_compile_t *cc, nc_hcm_conf_t *c, const message_t *m)
{
    const Envoy__Config__Core__V3__Http1ProtocolOptions  *o = m->http_protocol_options;
    nc_string_matcher_t                                  *ignored;

    c->keep_after_error = nc_bool_or(m->stream_error_on_invalid_http_message, false);

    if (o == NULL) {
        return;
    }

    c->keep_after_error = nc_bool_or(o->override_stream_error_on_invalid_http_message,
                                     c->keep_after_error);
    c->h1.accept_http_10 = o->accept_http_10;
    c->h1.default_host = nc_hcm_copy(cc, o->default_host_for_http_10);
    c->h1.no_absolute_url = !nc_bool_or(o->allow_absolute_url, true);
    c->h1.allow_chunked_length = o->allow_chunked_length;
    c->h1.allow_custom_methods = o->allow_custom_methods;
    c->h1.enable_trailers = o->enable_trailers;
    nc_header_case_compile(cc, o->header_key_format, &c->proper_case, &c->h1.keep_case);

    ignored = nc_pool_array(cc->pool, o->n_ignore_http_11_upgrade, sizeof(*ignored));
    c->ignored_upgrades = ignored;
    c->n_ignored_upgrades = (uint32_t) o->n_ignore_http_11_upgrade;

    for (size_t i = 0; i < o->n_ignore_http_11_upgrade; i++) {
        (void) nc_string_matcher_compile(cc, o->ignore_http_11_upgrade[i], &ignored[i]);
    }
}


/* Defaults as Envoy documents them for Http2ProtocolOptions. */
static void
compile_h2(nc_hcm_conf_t *c, const message_t *m)
{
    static const Envoy__Config__Core__V3__Http2ProtocolOptions  none
        = ENVOY__CONFIG__CORE__V3__HTTP2_PROTOCOL_OPTIONS__INIT;
    const Envoy__Config__Core__V3__Http2ProtocolOptions  *o = m->http2_protocol_options;

    o = o ? o : &none;
    c->codec = m->codec_type == ENUM(CODEC_TYPE__HTTP1) ? NC_CODEC_HTTP1
               : m->codec_type == ENUM(CODEC_TYPE__HTTP2) ? NC_CODEC_HTTP2 : NC_CODEC_AUTO;
    nc_h2_options_compile(&c->h2, o);
    c->h2.max_header_bytes = c->h1.max_bytes;
    c->h2.max_headers = c->h1.max_headers;
}


static nc_escaped_slashes_t
escaped_slashes(const message_t *m)
{
    switch (m->path_with_escaped_slashes_action) {
    case ENUM(PATH_WITH_ESCAPED_SLASHES_ACTION__REJECT_REQUEST):
        return NC_SLASHES_REJECT;
    case ENUM(PATH_WITH_ESCAPED_SLASHES_ACTION__UNESCAPE_AND_REDIRECT):
        return NC_SLASHES_REDIRECT;
    case ENUM(PATH_WITH_ESCAPED_SLASHES_ACTION__UNESCAPE_AND_FORWARD):
        return NC_SLASHES_FORWARD;
    default:
        return NC_SLASHES_KEEP;
    }
}


static void
compile_target(nc_compile_t *cc, nc_hcm_conf_t *c, const message_t *m)
{
    c->proxy_100_continue = m->proxy_100_continue;
    c->strip_any_port = m->strip_any_host_port;
    c->strip_matching_port = m->strip_matching_host_port;
    c->strip_dot = m->strip_trailing_host_dot;
    c->path.normalize = nc_bool_or(m->normalize_path, false);
    c->path.merge_slashes = m->merge_slashes;
    c->path.escaped_slashes = escaped_slashes(m);

    if (m->strip_matching_host_port && m->strip_any_host_port) {
        nc_compile_error(cc, &m->base, "strip_matching_host_port",
                         "cannot be set together with strip_any_host_port");
    }
}


static void
compile_stats(nc_compile_t *cc, nc_hcm_conf_t *c, const message_t *m)
{
    nc_sb_t  prefix;

    c->stat_prefix = nc_hcm_copy(cc, m->stat_prefix);

    nc_sb_init(&prefix);
    nc_sb_printf(&prefix, "http.%s", m->stat_prefix);
    nc_stats_scope_tag(cc->stats, nc_sb_str(&prefix), NC_STR("envoy.http_conn_manager_prefix"),
                       c->stat_prefix);
    nc_hcm_stats_init(&c->stats, cc->stats, nc_sb_str(&prefix));
    nc_router_stats_init(&c->router_stats, cc->stats, nc_sb_str(&prefix));

    if (cc->listener) {
        nc_sb_reset(&prefix);
        nc_sb_printf(&prefix, "listener.%.*s.http.%s", NC_STR_ARG(cc->listener->stat_name),
                     m->stat_prefix);
        nc_listener_http_stats_init(&c->listener_stats, cc->stats, nc_sb_str(&prefix));
    }

    nc_http1_codec_stats_init(&c->h1_stats, cc->stats, NC_STR("http1"));
    nc_http2_codec_stats_init(&c->h2_stats, cc->stats, NC_STR("http2"));
    nc_sb_fini(&prefix);
}


const nc_hcm_conf_t *
nc_hcm_compile(nc_compile_t *cc, const message_t *m)
{
    nc_hcm_conf_t  *c = nc_pool_new(cc->pool, nc_hcm_conf_t);
    unsigned        errors = cc->errors->n;

    compile_stats(cc, c, m);
    compile_limits(c, m);
    compile_h2(c, m);
    compile_h1(cc, c, m);
    compile_target(cc, c, m);
    nc_hcm_compile_edge(cc, c, m);
    compile_upgrades(cc, c, m);
    compile_filters(cc, c, m);
    nc_hcm_compile_logs(cc, c, m);
    c->routes = nc_route_config_compile(cc, (const void *) m->route_config);

    return cc->errors->n > errors ? NULL : c;
}
