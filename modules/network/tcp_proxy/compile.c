/* compile.c: a TcpProxy message becomes an image object. */
#include "tcp_proxy.h"

#include "api/message.h"

#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"

typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy  message_t;
typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster__ClusterWeight
    weight_t;

#define SPECIFIER(name)  \
    ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__CLUSTER_SPECIFIER_##name

NC_STATS_DEFINE(nc_tcp_stats, NC_TCP_STATS)


static void
check_cluster(nc_compile_t *cc, const ProtobufCMessage *m, const char *field, nc_str_t name)
{
    if (cc->has_cluster && !cc->has_cluster(cc, name)) {
        nc_compile_warn(cc, m, field, "there is no cluster \"%.*s\"; connections are closed until "
                        "there is one", NC_STR_ARG(name));
    }
}


static void
compile_targets(nc_compile_t *cc, conf_t *c, const message_t *m)
{
    bool       one = m->cluster_specifier_case == SPECIFIER(CLUSTER);
    size_t     n = one ? 1 : m->weighted_clusters->n_clusters;
    target_t  *targets = nc_pool_array(cc->pool, n, sizeof(*targets));
    uint64_t   sum = 0;

    c->targets = targets;
    c->n_targets = (uint32_t) n;

    if (one) {
        targets[0].name = nc_pool_str(cc->pool, nc_str_c(m->cluster));
        targets[0].weight_end = 1;
        check_cluster(cc, &m->base, "cluster", targets[0].name);
        return;
    }

    for (size_t i = 0; i < n; i++) {
        const weight_t  *w = m->weighted_clusters->clusters[i];

        sum += w->weight;
        targets[i].name = nc_pool_str(cc->pool, nc_str_c(w->name));
        targets[i].weight_end = sum;
        check_cluster(cc, &w->base, "name", targets[i].name);
    }
}


static void
compile_logs(nc_compile_t *cc, conf_t *c, const message_t *m)
{
    c->n_logs = nc_access_logs_compile(cc, m->access_log, m->n_access_log, &c->logs);
    c->log_interval_ms = nc_duration_ms(m->access_log_flush_interval, 0);
    c->log_on_connected = m->flush_access_log_on_connected;

    if (m->access_log_options) {
        c->log_interval_ms = nc_duration_ms(m->access_log_options->access_log_flush_interval,
                                            c->log_interval_ms);
        c->log_on_connected = c->log_on_connected
                              || m->access_log_options->flush_access_log_on_connected;
    }
}


static void
compile_tries(nc_compile_t *cc, conf_t *c, const message_t *m)
{
    const Envoy__Config__Core__V3__BackoffStrategy  *b = m->backoff_options;

    c->max_attempts = m->max_connect_attempts ? m->max_connect_attempts->value : 1;

    if (b == NULL) {
        return;
    }

    c->backoff_base_ms = nc_duration_ms(b->base_interval, 0);
    c->backoff_max_ms = nc_duration_ms(b->max_interval, c->backoff_base_ms * 10);

    if (c->backoff_max_ms < c->backoff_base_ms) {
        nc_compile_error(cc, &b->base, "max_interval", "must not be less than base_interval");
    }
}


const void *
tcp_proxy_compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    unsigned          errors = cc->errors->n;
    nc_sb_t           sb;

    c->stat_prefix = nc_pool_str(cc->pool, nc_str_c(m->stat_prefix));
    c->idle_ms = nc_duration_ms(m->idle_timeout, 3600000);
    c->max_duration_ms = nc_duration_ms(m->max_downstream_connection_duration, 0);
    c->jitter = m->max_downstream_connection_duration_jitter_percentage
                ? m->max_downstream_connection_duration_jitter_percentage->value / 100 : 0;
    c->connect_mode = (connect_mode_t) m->upstream_connect_mode;
    c->max_early_bytes = m->max_early_data_bytes ? m->max_early_data_bytes->value : 0;

    if (c->connect_mode == CONNECT_ON_DATA && m->max_early_data_bytes == NULL) {
        nc_compile_error(cc, &m->base, "max_early_data_bytes", "is required with "
                         "upstream_connect_mode ON_DOWNSTREAM_DATA");
    }

    compile_targets(cc, c, m);
    compile_tries(cc, c, m);
    compile_logs(cc, c, m);

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "tcp.%s", m->stat_prefix);
    nc_stats_scope_tag(cc->stats, nc_sb_str(&sb), NC_STR("envoy.tcp_prefix"), c->stat_prefix);
    nc_tcp_stats_init(&c->stats, cc->stats, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return cc->errors->n > errors ? NULL : c;
}
