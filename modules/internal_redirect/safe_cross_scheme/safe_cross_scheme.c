/* safe_cross_scheme.c: no internal redirect from http to https. */
#include "http/policy.h"

#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb-c.h"


static bool
accepts(const void *conf, const nc_redirect_step_t *step)
{
    (void) conf;

    return step->from_https || !step->to_https;
}


static const nc_redirect_predicate_ops_t  ops = {
    .accepts = accepts
};

const nc_module_t  nc_redirect_safe_cross_scheme_module = {
    NC_MODULE_HEAD,
    .name = "envoy.internal_redirect_predicates.safe_cross_scheme",
    .kind = NC_INTERNAL_REDIRECT_PREDICATE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__internal_redirect__safe_cross_scheme__v3__safe_cross_scheme_config__descriptor,
    .redirect_predicate = &ops
};
