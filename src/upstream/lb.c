/*
 * lb.c: choosing a host: round robin (weighted by a low-discrepancy sequence), least request of two
 * random choices, random. Positions are the worker's own and start at random, so that workers do
 * not march in step.
 */
#include "upstream/pool.h"

static uint64_t  *positions;                    /* by cluster local_id */
static uint32_t   n_positions;

const nc_cluster_table_t  *nc_clusters;


const nc_cluster_entry_t *
nc_cluster_find(nc_str_t name)
{
    return nc_clusters ? nc_table_get(&nc_clusters->by_name, name) : NULL;
}


static uint64_t *
position_of(uint32_t local_id, uint64_t random)
{
    if (local_id >= n_positions) {
        uint32_t  n = NC_MAX(n_positions * 2, NC_MAX(local_id + 1, 64u));

        positions = nc_realloc(positions, n * sizeof(*positions));
        memset(positions + n_positions, 0, (n - n_positions) * sizeof(*positions));
        n_positions = n;
    }

    if (positions[local_id] == 0) {
        positions[local_id] = random | 1;
    }

    return &positions[local_id];
}


static bool
usable(const nc_host_t *h)
{
    return (nc_host_flags(h->id) & NC_HOST_UNHEALTHY) == 0;
}


/* The host in whose share of the total weight `at` lies (0 <= at < total_weight). */
static uint32_t
by_weight(const nc_host_set_t *set, uint64_t at)
{
    uint32_t  low = 0, high = set->n - 1;

    while (low < high) {
        uint32_t  mid = (low + high) / 2;

        if (at < set->hosts[mid].weight_end) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }

    return low;
}


static uint32_t
round_robin(const nc_cluster_t *cl, const nc_host_set_t *set, uint64_t random)
{
    uint64_t  k = (*position_of(cl->local_id, random))++;

    if (set->equal_weights) {
        return (uint32_t) (k % set->n);
    }

    /* Fractional parts of k times the golden ratio fill [0,1) evenly from the start. */
    return by_weight(set, (uint64_t) (((__uint128_t) (k * 0x9e3779b97f4a7c15u)
                                       * set->total_weight) >> 64));
}


static uint32_t
random_host(const nc_host_set_t *set, uint64_t random)
{
    return by_weight(set, (uint64_t) (((__uint128_t) random * set->total_weight) >> 64));
}


static uint32_t
least_request(const nc_host_set_t *set, uint64_t random)
{
    uint32_t  a = random_host(set, random);
    uint32_t  b = random_host(set, random * 0xd1342543de82ef95u + 1);

    return nc_host_rq_active_here(set->hosts[a].id) <= nc_host_rq_active_here(set->hosts[b].id)
           ? a : b;
}


/* The nearest host from `from` on that passes: healthy and of this priority. */
static const nc_host_t *
first_usable(const nc_host_set_t *set, uint32_t from, uint32_t priority)
{
    for (uint32_t i = 0; i < set->n; i++) {
        const nc_host_t  *h = &set->hosts[(from + i) % set->n];

        if (h->priority == priority && usable(h)) {
            return h;
        }
    }

    return NULL;
}


static bool
is_avoided(const nc_priority_mask_t *mask, uint32_t priority)
{
    uint32_t  p = NC_MIN(priority, NC_PRIORITY_LIMIT - 1);

    return (mask->bits[p / 64] >> p % 64 & 1) != 0;
}


/* The host of the first priority that has a healthy one. */
static const nc_host_t *
by_priority(const nc_host_set_t *set, uint32_t from, const nc_priority_mask_t *avoid)
{
    for (uint32_t p = 0; p < set->n_priorities; p++) {
        const nc_host_t  *h = NULL;

        if (avoid == NULL || !is_avoided(avoid, p)) {
            h = first_usable(set, from, p);
        }

        if (h) {
            return h;
        }
    }

    return NULL;
}


const nc_host_t *
nc_lb_pick(const nc_cluster_entry_t *entry, const nc_host_set_t *set, uint64_t random,
    const nc_priority_mask_t *avoid)
{
    const nc_cluster_t  *cl = entry->cluster;
    const nc_host_t     *h;
    uint32_t             at;

    if (set->n == 0) {
        return NULL;
    }

    switch (cl->lb_policy) {
    case NC_LB_RANDOM:         at = random_host(set, random);     break;
    case NC_LB_LEAST_REQUEST:  at = least_request(set, random);   break;
    default:                   at = round_robin(cl, set, random); break;
    }

    h = by_priority(set, at, avoid);

    if (h == NULL && avoid) {
        h = by_priority(set, at, NULL);         /* all of them are to be avoided */
    }

    if (h) {
        return h;
    }

    nc_counter_inc(cl->lb_stats.lb_healthy_panic);

    return &set->hosts[at];
}
