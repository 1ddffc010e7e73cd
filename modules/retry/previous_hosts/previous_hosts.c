/* previous_hosts.c: hosts that were tried before are rejected. */
#include "http/policy.h"

#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb-c.h"


static bool
rejects(const void *conf, const nc_host_t *h, const nc_tried_t *tried, uint32_t n)
{
    (void) conf;

    for (uint32_t i = 0; i < n; i++) {
        if (tried[i].host.id == h->id.id) {
            return true;
        }
    }

    return false;
}


static const nc_retry_host_ops_t  ops = {
    .rejects = rejects
};

const nc_module_t  nc_retry_previous_hosts_module = {
    NC_MODULE_HEAD,
    .name = "envoy.retry_host_predicates.previous_hosts",
    .kind = NC_RETRY_HOST_PREDICATE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__retry__host__previous_hosts__v3__previous_hosts_predicate__descriptor,
    .retry_host = &ops
};
