/* local_ratelimit.c: new connections take a token each. */
#include "net/listener_filter.h"

#include "api/message.h"
#include "api/runtime.h"
#include "stats/bucket.h"

#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb-c.h"

#define FILL_MIN_MS     50u                     /* Envoy's limit */

typedef Envoy__Extensions__Filters__Listener__LocalRatelimit__V3__LocalRateLimit  message_t;
typedef Envoy__Type__V3__TokenBucket  bucket_message_t;

/* listener_local_ratelimit.<stat_prefix>. */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(rate_limited)

NC_STATS_STRUCT(nc_listener_ratelimit_stats, STATS)
NC_STATS_DEFINE(nc_listener_ratelimit_stats, STATS)

/* An image object. */
typedef struct {
    nc_bucket_t  bucket;
    bool         enabled;
    nc_listener_ratelimit_stats_t  stats;
} conf_t;


static nc_rc_t
on_accept(nc_listener_filter_t *f)
{
    const conf_t  *conf = f->conf;

    if (!conf->enabled || nc_bucket_take(&conf->bucket, nc_now_us)) {
        return NC_OK;
    }

    nc_counter_inc(conf->stats.rate_limited);

    return NC_DECLINED;
}


static void
compile_bucket(nc_compile_t *cc, nc_bucket_t *b, const message_t *m)
{
    const bucket_message_t  *t = m->token_bucket;
    uint64_t                 ms = nc_duration_ms(t->fill_interval, 0);
    uint32_t                 per_fill = t->tokens_per_fill ? t->tokens_per_fill->value : 1;
    nc_sb_t                  sb;

    if (ms < FILL_MIN_MS) {
        nc_compile_error(cc, &t->base, "fill_interval", "must be at least 50ms");
        return;
    }

    b->max_tokens = t->max_tokens;
    b->token_ns = NC_MAX(ms * 1000000 / per_fill, 1u);

    if (cc->check_only) {
        return;
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "listener_local_ratelimit|" NC_STR_FMT "|%s|%" PRIx64,
                 NC_STR_ARG(cc->listener->name), m->stat_prefix,
                 nc_message_hash((ProtobufCMessage *) (uintptr_t) m));

    b->row = nc_breaker_get(nc_sb_str(&sb));
    nc_sb_fini(&sb);
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    unsigned          errors = cc->errors->n;
    nc_sb_t           sb;

    c->enabled = nc_runtime_flag(cc, m->runtime_enabled, true);
    compile_bucket(cc, &c->bucket, m);

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "listener_local_ratelimit.%s", m->stat_prefix);
    nc_listener_ratelimit_stats_init(&c->stats, cc->stats, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return cc->errors->n > errors ? NULL : c;
}


static const nc_listener_filter_ops_t  ops = {
    .on_accept = on_accept
};

extern const nc_module_t  nc_listener_local_ratelimit_module;

const nc_module_t  nc_listener_local_ratelimit_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.listener.local_ratelimit",
    .kind = NC_LISTENER_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__listener__local_ratelimit__v3__local_rate_limit__descriptor,
    .compile = compile,
    .listener_filter = &ops
};
