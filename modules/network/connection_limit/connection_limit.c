/* connection_limit.c: at most so many connections of a filter chain at a time. */
#include "net/acceptor.h"

#include "api/message.h"
#include "api/runtime.h"
#include "stats/hosts.h"

#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.pb-c.h"

typedef Envoy__Extensions__Filters__Network__ConnectionLimit__V3__ConnectionLimit  message_t;

/* connection_limit.<stat_prefix>. */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(limited_connections)  \
    GAUGE(active_connections)

NC_STATS_STRUCT(nc_connection_limit_stats, STATS)
NC_STATS_DEFINE(nc_connection_limit_stats, STATS)

/* An image object. */
typedef struct {
    uint64_t                     max;
    uint64_t                     delay_ms;
    nc_breaker_t                 breaker;       /* counts the connections of all workers */
    bool                         enabled;
    nc_connection_limit_stats_t  stats;
} conf_t;


/* The connection is gone: its place is free. */
static void
give_back(void *data)
{
    const conf_t  *conf = data;

    nc_breaker_release(conf->breaker, NC_BREAKER_CONNECTIONS);
    nc_gauge_dec(conf->stats.active_connections);
}


static void
on_delay_over(nc_timer_t *t)
{
    nc_conn_close(nc_container_of(t, nc_conn_t, timer), NC_CLOSE_OVERFLOW);
}


static nc_verdict_t
on_connection(nc_net_filter_t *f)
{
    const conf_t  *conf = f->conf;
    nc_conn_t     *c = f->c;

    if (!conf->enabled) {
        return NC_NEXT;
    }

    if (nc_breaker_try(conf->breaker, NC_BREAKER_CONNECTIONS, conf->max)) {
        nc_gauge_inc(conf->stats.active_connections);
        nc_pool_cleanup(&c->facts->pool, give_back, (void *) (uintptr_t) conf);
        return NC_NEXT;
    }

    nc_counter_inc(conf->stats.limited_connections);

    if (conf->delay_ms == 0) {
        nc_conn_close(c, NC_CLOSE_OVERFLOW);
        return NC_TAKEN;
    }

    c->timer.handler = on_delay_over;
    nc_timer_start(&c->timer, conf->delay_ms);

    return NC_WAIT;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    nc_sb_t           sb;

    c->max = m->max_connections ? m->max_connections->value : UINT64_MAX;
    c->delay_ms = nc_duration_ms(m->delay, 0);
    c->enabled = nc_runtime_flag(cc, m->runtime_enabled, true);

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "connection_limit.%s", m->stat_prefix);
    nc_connection_limit_stats_init(&c->stats, cc->stats, nc_sb_str(&sb));

    if (!cc->check_only) {
        nc_sb_printf(&sb, "|" NC_STR_FMT, NC_STR_ARG(cc->listener->name));
        c->breaker = nc_breaker_get(nc_sb_str(&sb));
    }

    nc_sb_fini(&sb);

    return c;
}


static const nc_network_filter_ops_t  ops = {
    .on_connection = on_connection
};

extern const nc_module_t  nc_network_connection_limit_module;

const nc_module_t  nc_network_connection_limit_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.connection_limit",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__connection_limit__v3__connection_limit__descriptor,
    .compile = compile,
    .network_filter = &ops
};
