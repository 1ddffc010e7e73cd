/* rbac.c: closes connections that the rules do not allow. */
#include "rules.h"

#include "api/message.h"
#include "log/log.h"

#include "envoy/extensions/filters/network/rbac/v3/rbac.pb-c.h"

typedef Envoy__Extensions__Filters__Network__Rbac__V3__RBAC  message_t;

/* <stat_prefix>.rbac. */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(allowed)  \
    COUNTER(denied)

/* <stat_prefix>.rbac.[<shadow_rules_stat_prefix>] */
#define SHADOW_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(shadow_allowed)  \
    COUNTER(shadow_denied)

NC_STATS_STRUCT(nc_network_rbac_stats, STATS)
NC_STATS_DEFINE(nc_network_rbac_stats, STATS)
NC_STATS_STRUCT(nc_network_rbac_shadow_stats, SHADOW_STATS)
NC_STATS_DEFINE(nc_network_rbac_shadow_stats, SHADOW_STATS)

/* An image object. */
typedef struct {
    const rbac_rules_t              *rules;     /* NULL: everything is allowed */
    const rbac_rules_t              *shadow;
    bool                             continuous;
    uint64_t                         delay_ms;
    nc_network_rbac_stats_t          stats;
    nc_network_rbac_shadow_stats_t   shadow_stats;
} conf_t;

/* A denied connection that waits for its end. */
typedef struct {
    nc_timer_t  timer;
    nc_conn_t  *c;
} delay_t;


static void
on_delay_over(nc_timer_t *t)
{
    nc_conn_close(nc_container_of(t, delay_t, timer)->c, NC_CLOSE_LOCAL);
}


static void
end_delay(void *data)
{
    nc_timer_fini(&((delay_t *) data)->timer);
}


static nc_verdict_t
deny(const conf_t *conf, nc_net_filter_t *f)
{
    nc_conn_t  *c = f->c;
    delay_t    *d;

    if (conf->delay_ms == 0) {
        nc_conn_close(c, NC_CLOSE_LOCAL);
        return NC_TAKEN;
    }

    d = nc_pool_new(&c->facts->pool, delay_t);
    d->c = c;
    nc_timer_init(&d->timer, on_delay_over);
    nc_timer_start(&d->timer, conf->delay_ms);
    nc_pool_cleanup(&c->facts->pool, end_delay, d);
    f->ctx = d;

    return NC_WAIT;
}


static nc_verdict_t
on_data(nc_net_filter_t *f)
{
    const conf_t  *conf = f->conf;
    nc_str_t       policy;

    if (f->ctx) {
        return NC_WAIT;                         /* denied before */
    }

    if (conf->shadow) {
        nc_counter_inc(rbac_rules_allow(conf->shadow, f->c, &policy)
                       ? conf->shadow_stats.shadow_allowed : conf->shadow_stats.shadow_denied);
    }

    if (conf->rules && !rbac_rules_allow(conf->rules, f->c, &policy)) {
        nc_counter_inc(conf->stats.denied);
        nc_log(DEBUG, FILTER, "connection %" PRIu64 " denied, policy \"" NC_STR_FMT "\"", f->c->id,
               NC_STR_ARG(policy));
        return deny(conf, f);
    }

    if (conf->rules) {
        nc_counter_inc(conf->stats.allowed);
    }

    f->done = !conf->continuous;

    return NC_NEXT;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    unsigned          errors = cc->errors->n;
    nc_sb_t           sb;

    c->rules = m->rules ? rbac_rules_compile(cc, m->rules) : NULL;
    c->shadow = m->shadow_rules ? rbac_rules_compile(cc, m->shadow_rules) : NULL;
    c->continuous = m->enforcement_type
                    == ENVOY__EXTENSIONS__FILTERS__NETWORK__RBAC__V3__RBAC__ENFORCEMENT_TYPE__CONTINUOUS;
    c->delay_ms = nc_duration_ms(m->delay_deny, 0);

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, m->stat_prefix);
    nc_sb_c_add(&sb, nc_str_ends(nc_sb_str(&sb), NC_STR(".")) ? "rbac" : ".rbac");
    nc_network_rbac_stats_init(&c->stats, cc->stats, nc_sb_str(&sb));

    if (m->shadow_rules_stat_prefix[0]) {
        nc_sb_printf(&sb, ".%s", m->shadow_rules_stat_prefix);
    }

    nc_network_rbac_shadow_stats_init(&c->shadow_stats, cc->stats, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return cc->errors->n > errors ? NULL : c;
}


static const nc_network_filter_ops_t  ops = {
    .on_data = on_data
};

extern const nc_module_t  nc_network_rbac_module;

const nc_module_t  nc_network_rbac_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.rbac",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__rbac__v3__rbac__descriptor,
    .compile = compile,
    .network_filter = &ops
};
