/*
 * discovery.h: the hosts of one cluster as the helper finds them: literals at once, names by DNS,
 * again and again. Helper only.
 */
#ifndef NC_UPSTREAM_DISCOVERY_H
#define NC_UPSTREAM_DISCOVERY_H

#include "event/loop.h"
#include "upstream/dns.h"

typedef struct nc_discovery_s  nc_discovery_t;
typedef struct nc_target_s     nc_target_t;

/* One endpoint of the configuration. */
struct nc_target_s {
    nc_discovery_t       *d;
    nc_timer_t            timer;                /* until the next lookup */
    nc_dns_query_t       *query;                /* on the way; NULL: none */
    nc_endpoint_addrs_t   found;                /* heap, or the endpoint's own address */
    uint64_t              backoff_ms;           /* wait after the next failure; 0: none before */
    bool                  answered;             /* well or badly, since the start */
    bool                  known;                /* `found` holds an answer */
};

struct nc_discovery_s {
    nc_endpoints_t                  endpoints;
    nc_target_t                    *targets;    /* one per endpoint */
    uint32_t                        n_unanswered;
    nc_cluster_membership_stats_t   stats;

    /* Addresses have changed, or the first answers are complete. Never from within start. */
    void                          (*changed)(nc_discovery_t *d);
    void                           *owner;
};

/* Takes `endpoints` over, which is empty afterwards. Nothing is asked yet. */
void nc_discovery_init(nc_discovery_t *d, nc_endpoints_t *endpoints);
void nc_discovery_fini(nc_discovery_t *d);

/*
 * Takes addresses for what is not known yet from a set that was made of the same configuration: by
 * the helper before this one, or of the cluster before an update. Nobody has to wait for those.
 */
void nc_discovery_seed(nc_discovery_t *d, const nc_host_set_t *set);

/* Looks all names up and goes on doing so. */
void nc_discovery_start(nc_discovery_t *d);

/* Every name was answered once, well or badly. True at once when there is no name. */
static inline bool
nc_discovery_ready(const nc_discovery_t *d)
{
    return d->n_unanswered == 0;
}

/* The hosts known now; see nc_host_set_make. Sets the membership gauges. */
nc_host_set_t *nc_discovery_hosts(nc_discovery_t *d, nc_pool_t *pool, uint32_t slot);

#endif
