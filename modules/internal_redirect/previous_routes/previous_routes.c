/* previous_routes.c: from one route to another one an internal redirect leads once. */
#include "http/route.h"

#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb-c.h"


static bool
accepts(const void *conf, const nc_redirect_step_t *step)
{
    (void) conf;

    for (uint32_t i = 0; i < step->n_before; i++) {
        if (step->pairs[2 * i] == step->from && step->pairs[2 * i + 1] == step->to) {
            return false;
        }
    }

    return true;
}


static const nc_redirect_predicate_ops_t  ops = {
    .accepts = accepts
};

const nc_module_t  nc_redirect_previous_routes_module = {
    NC_MODULE_HEAD,
    .name = "envoy.internal_redirect_predicates.previous_routes",
    .kind = NC_INTERNAL_REDIRECT_PREDICATE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__internal_redirect__previous_routes__v3__previous_routes_config__descriptor,
    .redirect_predicate = &ops
};
