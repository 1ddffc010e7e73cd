/* previous_priorities.c: priorities that were tried before are left out. */
#include "http/policy.h"

#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb-c.h"

typedef struct {
    uint32_t  every;                            /* tries until the list is made anew */
} conf_t;


static void
avoid(const void *conf, const nc_tried_t *tried, uint32_t n, nc_priority_mask_t *out)
{
    const conf_t  *c = conf;

    for (uint32_t i = 0; i < n - n % c->every; i++) {
        uint32_t  p = NC_MIN(tried[i].priority, NC_PRIORITY_LIMIT - 1);

        out->bits[p / 64] |= 1ull << p % 64;
    }
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Retry__Priority__PreviousPriorities__V3__PreviousPrioritiesConfig
            *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->every = (uint32_t) NC_MAX(m->update_frequency, 1);

    return c;
}


static const nc_retry_priority_ops_t  ops = {
    .avoid = avoid
};

const nc_module_t  nc_retry_previous_priorities_module = {
    NC_MODULE_HEAD,
    .name = "envoy.retry_priorities.previous_priorities",
    .kind = NC_RETRY_PRIORITY,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__retry__priority__previous_priorities__v3__previous_priorities_config__descriptor,
    .compile = compile,
    .retry_priority = &ops
};
