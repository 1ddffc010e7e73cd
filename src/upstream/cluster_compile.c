/*
 * cluster_compile.c: a Cluster message becomes a cluster that workers use and the list of endpoints
 * that the helper resolves. Defaults are those of Envoy's documentation.
 */
#include "upstream/cluster_compile.h"
#include "upstream/header_case.h"

#include "api/doc.h"
#include "api/message.h"
#include "upstream/h2_options.h"

#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb-c.h"

typedef Envoy__Config__Cluster__V3__Cluster                          cluster_msg_t;
typedef Envoy__Config__Cluster__V3__CircuitBreakers__Thresholds      thresholds_msg_t;
typedef Envoy__Config__Core__V3__HttpProtocolOptions                 common_msg_t;
typedef Envoy__Config__Core__V3__Http1ProtocolOptions                http1_msg_t;
typedef Envoy__Config__Core__V3__Http2ProtocolOptions                http2_msg_t;
typedef Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions  options_msg_t;
typedef Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions__ExplicitHttpConfig
    explicit_msg_t;

/* Of the oneofs of HttpProtocolOptions; their constants are longer than a line. */
#define EXPLICIT                3
#define DOWNSTREAM              4
#define EXPLICIT_HTTP2          2

#define CONNECT_TIMEOUT_MS      5000u
#define IDLE_TIMEOUT_MS         3600000u
#define BUFFER_LIMIT            (1u << 20)
#define HEADERS_COUNT           100u
#define HEADERS_KB              60u

/* cluster.<name>.circuit_breakers.<default|high>. */
#define OPEN_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    GAUGE(cx_open)  \
    GAUGE(rq_pending_open)  \
    GAUGE(rq_open)  \
    GAUGE(rq_retry_open)

NC_STATS_STRUCT(nc_breaker_open, OPEN_STATS)
NC_STATS_DEFINE(nc_breaker_open, OPEN_STATS)

static const char *const  priority_names[NC_PRIORITIES] = { "default", "high" };


static uint32_t
u32(const Google__Protobuf__UInt32Value *v, uint32_t unset)
{
    return v ? v->value : unset;
}


void
nc_cluster_stats_prefix(nc_sb_t *out, nc_str_t name)
{
    nc_sb_c_add(out, "cluster.");

    for (size_t i = 0; i < name.len; i++) {
        char  c = name.data[i];

        if (c == ':' && i + 2 < name.len && memcmp(&name.data[i], "://", 3) == 0) {
            i += 2;
            c = '_';

        } else if (c == ':' && i + 1 < name.len && name.data[i + 1] == '/') {
            i++;
            c = '_';

        } else if (c == ':' || c == '\0') {
            c = '_';
        }

        nc_sb_char(out, c);
    }
}


static void
compile_stats(nc_compile_t *cc, nc_cluster_t *c)
{
    nc_sb_t   prefix;
    nc_str_t  tag;
    size_t    len;

    nc_sb_init(&prefix);
    nc_cluster_stats_prefix(&prefix, c->observability_name);
    len = prefix.len;

    tag = nc_str_skip(nc_sb_str(&prefix), sizeof("cluster.") - 1);

    if (nc_str_chr(tag, '.') >= 0) {
        nc_stats_scope_tag(cc->stats, nc_sb_str(&prefix), NC_STR("envoy.cluster_name"), tag);
    }

    nc_cluster_stats_init(&c->stats, cc->stats, nc_sb_str(&prefix));
    nc_sb_c_add(&prefix, ".http2");
    nc_http2_codec_stats_init(&c->h2_stats, cc->stats, nc_sb_str(&prefix));
    prefix.len = len;

    nc_sb_c_add(&prefix, ".upstream_rq");
    c->rq_codes = nc_stats_codes(cc->stats, nc_sb_str(&prefix));
    prefix.len = len;
    nc_sb_c_add(&prefix, ".retry.upstream_rq");
    c->retry_codes = nc_stats_codes(cc->stats, nc_sb_str(&prefix));

    for (unsigned p = 0; p < NC_PRIORITIES; p++) {
        nc_limits_t        *limits = &c->limits[p];
        nc_breaker_open_t   open;

        prefix.len = len;
        nc_sb_printf(&prefix, ".circuit_breakers.%s", priority_names[p]);
        nc_breaker_open_init(&open, cc->stats, nc_sb_str(&prefix));

        limits->cx_open = open.cx_open;
        limits->rq_pending_open = open.rq_pending_open;
        limits->rq_open = open.rq_open;
        limits->rq_retry_open = open.rq_retry_open;
    }

    nc_sb_fini(&prefix);
}


/* The first thresholds of a priority count; each stands for itself, there is no fallback. */
static void
compile_limits(nc_compile_t *cc, nc_cluster_t *c, const cluster_msg_t *m)
{
    for (unsigned p = 0; p < NC_PRIORITIES; p++) {
        nc_limits_t             *limits = &c->limits[p];
        const thresholds_msg_t  *t = NULL;

        for (size_t i = 0; m->circuit_breakers && i < m->circuit_breakers->n_thresholds; i++) {
            if ((unsigned) m->circuit_breakers->thresholds[i]->priority == p) {
                t = m->circuit_breakers->thresholds[i];
                break;
            }
        }

        limits->max_connections = u32(t ? t->max_connections : NULL, 1024);
        limits->max_pending = u32(t ? t->max_pending_requests : NULL, 1024);
        limits->max_requests = u32(t ? t->max_requests : NULL, 1024);
        limits->max_retries = u32(t ? t->max_retries : NULL, 3);

        if (t && t->retry_budget) {
            limits->retry_budget = true;
            limits->min_retries = u32(t->retry_budget->min_retry_concurrency, 3);
            limits->budget_percent = t->retry_budget->budget_percent
                                     ? t->retry_budget->budget_percent->value : 20.0;
        }

        if (!cc->check_only) {
            nc_sb_t  key;

            nc_sb_init(&key);
            nc_sb_printf(&key, NC_STR_FMT "|%s", NC_STR_ARG(c->name), priority_names[p]);
            limits->breaker = nc_breaker_get(nc_sb_str(&key));
            nc_sb_fini(&key);
        }
    }
}


static void
compile_common(nc_cluster_t *c, const common_msg_t *m)
{
    c->idle_timeout_ms = nc_duration_ms(m ? m->idle_timeout : NULL, IDLE_TIMEOUT_MS);
    c->max_connection_ms = nc_duration_ms(m ? m->max_connection_duration : NULL, 0);
    c->max_stream_ms = nc_duration_ms(m ? m->max_stream_duration : NULL, 0);
    c->max_response_headers = u32(m ? m->max_headers_count : NULL, HEADERS_COUNT);
    c->max_response_headers_kb = u32(m ? m->max_response_headers_kb : NULL, HEADERS_KB);

    if (m && m->max_requests_per_connection) {
        c->max_requests_per_cx = m->max_requests_per_connection->value;
    }
}


static void
compile_http1(nc_compile_t *cc, nc_cluster_t *c, const http1_msg_t *m)
{
    if (m == NULL) {
        return;
    }

    nc_header_case_compile(cc, m->header_key_format, &c->proper_case, &c->keep_case);
    c->enable_trailers = m->enable_trailers;
    c->allow_chunked_length = m->allow_chunked_length;
    c->full_url = m->send_fully_qualified_url;
}


static void
compile_http2(nc_cluster_t *c, const http2_msg_t *m)
{
    static const http2_msg_t  none = ENVOY__CONFIG__CORE__V3__HTTP2_PROTOCOL_OPTIONS__INIT;

    nc_h2_options_compile(&c->h2, m ? m : &none);
    c->h2.max_header_bytes = c->max_response_headers_kb * 1024;
    c->h2.max_headers = c->max_response_headers;
}


/* Which protocol the typed options ask for, and its settings. */
static void
compile_protocol(nc_compile_t *cc, nc_cluster_t *c, const options_msg_t *o)
{
    const explicit_msg_t  *e;

    compile_http2(c, NULL);

    if (o->upstream_protocol_options_case == DOWNSTREAM) {
        c->protocol = NC_UPSTREAM_DOWNSTREAM;
        compile_http1(cc, c, o->use_downstream_protocol_config->http_protocol_options);
        compile_http2(c, o->use_downstream_protocol_config->http2_protocol_options);
        return;
    }

    e = o->upstream_protocol_options_case == EXPLICIT ? o->explicit_http_config : NULL;

    if (e && e->protocol_config_case == EXPLICIT_HTTP2) {
        c->protocol = NC_UPSTREAM_HTTP2;
        compile_http2(c, e->http2_protocol_options);

    } else if (e) {
        compile_http1(cc, c, e->http_protocol_options);
    }
}


/* HttpProtocolOptions among the typed options; NULL: not there, or errors were added. */
static const options_msg_t *
find_options(nc_compile_t *cc, const cluster_msg_t *m, nc_pool_t *scratch)
{
    const options_msg_t  *found = NULL;

    for (size_t i = 0; i < m->n_typed_extension_protocol_options; i++) {
        const Envoy__Config__Cluster__V3__Cluster__TypedExtensionProtocolOptionsEntry
                                *e = m->typed_extension_protocol_options[i];
        const ProtobufCMessage  *options;
        const char              *why = NULL;

        options = nc_doc_any(NULL, e->value ? &e->value->base : NULL, scratch, &why);

        if (options == NULL) {
            nc_compile_error(cc, &m->base, "typed_extension_protocol_options", "\"%s\": %s", e->key,
                             why ? why : "it needs a value with \"@type\"");

        } else if (options->descriptor
                   == &envoy__extensions__upstreams__http__v3__http_protocol_options__descriptor)
        {
            found = (const options_msg_t *) (const void *) options;

        } else {
            nc_compile_error(cc, &m->base, "typed_extension_protocol_options",
                             "\"%s\": options of type %s do not belong into a cluster", e->key,
                             options->descriptor->name);
        }
    }

    return found;
}


/* Typed options replace those beside them, as Envoy has it. */
static void
compile_http(nc_compile_t *cc, nc_cluster_t *c, const cluster_msg_t *m)
{
    const options_msg_t  *options;
    nc_pool_t             scratch;

    nc_pool_init(&scratch, &nc_pool_heap);
    c->max_requests_per_cx = u32(m->max_requests_per_connection, 0);

    options = find_options(cc, m, &scratch);

    if (options) {
        compile_common(c, options->common_http_protocol_options);
        compile_protocol(cc, c, options);

    } else {
        compile_common(c, m->common_http_protocol_options);
        compile_http1(cc, c, m->http_protocol_options);
        compile_http2(c, m->http2_protocol_options);
        c->protocol = m->http2_protocol_options ? NC_UPSTREAM_HTTP2 : NC_UPSTREAM_HTTP1;
    }

    nc_pool_fini(&scratch);
}


static void
compile_transport(nc_compile_t *cc, nc_cluster_t *c,
    const Envoy__Config__Core__V3__TransportSocket *m)
{
    nc_str_t  outer = cc->scope;
    nc_sb_t   scope;

    nc_sb_init(&scope);
    nc_cluster_stats_prefix(&scope, c->observability_name);
    cc->scope = nc_sb_str(&scope);
    c->transport_conf = cc->extension(cc, NC_TRANSPORT_SOCKET, m->name, &m->typed_config->base,
                                      &c->transport);
    cc->scope = outer;
    nc_sb_fini(&scope);

    if (c->transport && c->transport->transport == NULL) {
        c->transport = NULL;                    /* raw_buffer: bytes as they are */
    }
}


static void
compile_connection(nc_compile_t *cc, nc_cluster_t *c, const cluster_msg_t *m)
{
    const Envoy__Config__Core__V3__TransportSocket  *ts = m->transport_socket;
    const Envoy__Config__Core__V3__TcpKeepalive     *ka;

    c->connect_timeout_ms = nc_duration_ms(m->connect_timeout, CONNECT_TIMEOUT_MS);
    c->buffer_limit = u32(m->per_connection_buffer_limit_bytes, BUFFER_LIMIT);

    ka = m->upstream_connection_options ? m->upstream_connection_options->tcp_keepalive : NULL;

    if (ka) {
        c->tcp_keepalive = true;
        c->keepalive_probes = u32(ka->keepalive_probes, 0);
        c->keepalive_time_s = u32(ka->keepalive_time, 0);
        c->keepalive_interval_s = u32(ka->keepalive_interval, 0);
    }

    if (ts && ts->typed_config == NULL) {
        nc_compile_error(cc, &m->base, "transport_socket", "\"%s\" needs typed_config", ts->name);

    } else if (ts) {
        compile_transport(cc, c, ts);
    }
}


nc_cluster_entry_t *
nc_cluster_compile(nc_compile_t *cc, const cluster_msg_t *m, nc_endpoints_t *endpoints)
{
    nc_cluster_entry_t  *e = nc_pool_new(cc->pool, nc_cluster_entry_t);
    nc_cluster_t        *c = nc_pool_new(cc->pool, nc_cluster_t);
    unsigned             errors = cc->errors->n;

    e->cluster = c;
    c->slot = cc->slot;
    c->name = nc_pool_str(cc->pool, nc_str_c(m->name));
    c->observability_name = m->alt_stat_name[0]
                            ? nc_pool_str(cc->pool, nc_str_c(m->alt_stat_name)) : c->name;
    c->lb_policy = NC_LB_ROUND_ROBIN;

    compile_connection(cc, c, m);
    compile_http(cc, c, m);
    nc_endpoints_read(cc, m, endpoints);

    if (cc->errors->n != errors) {
        return NULL;
    }

    compile_limits(cc, c, m);
    compile_stats(cc, c);

    return e;
}


void
nc_cluster_release(nc_cluster_t *c)
{
    for (unsigned p = 0; p < NC_PRIORITIES; p++) {
        if (c->limits[p].breaker.id) {
            nc_breaker_put(c->limits[p].breaker);
        }
    }
}


/*
 * What pooled connections and their limits follow from: all but who the hosts are, how one is
 * chosen, how many requests are let through, and what only stands in names and dumps.
 */
uint64_t
nc_cluster_connect_hash(const cluster_msg_t *m)
{
    cluster_msg_t  part = *m;

    part.load_assignment = NULL;
    part.circuit_breakers = NULL;
    part.metadata = NULL;
    part.connect_timeout = NULL;
    part.dns_refresh_rate = NULL;
    part.dns_failure_refresh_rate = NULL;
    part.respect_dns_ttl = false;
    part.dns_lookup_family = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__AUTO;
    part.cluster_discovery_type_case
        = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__CLUSTER_DISCOVERY_TYPE__NOT_SET;

    return nc_message_hash(&part.base);
}
