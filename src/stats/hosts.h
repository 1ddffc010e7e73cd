/*
 * hosts.h: the host table and the circuit breakers of the arena.
 *
 * A host (one endpoint of one cluster) keeps its row id over all updates of the endpoint list. The
 * helper writes health and weight, each process counts in its own row, readers sum.
 *
 * Invariant: breaker totals are the only words with several writers; what each process holds stands
 * in its own row, so totals are repaired when a process dies.
 */
#ifndef NC_STATS_HOSTS_H
#define NC_STATS_HOSTS_H

#include "stats/arena.h"

/* Why a host is not healthy, and what else the helper says of it (nc_host_shared_t.flags). */
#define NC_HOST_FLAGS(X)  \
    X(NC_HOST_FAILED_ACTIVE_HC,     0, "/failed_active_hc")  \
    X(NC_HOST_FAILED_OUTLIER,       1, "/failed_outlier_check")  \
    X(NC_HOST_FAILED_EDS,           2, "/failed_eds_health")  \
    X(NC_HOST_DEGRADED_ACTIVE_HC,   3, "/degraded_active_hc")  \
    X(NC_HOST_DEGRADED_EDS,         4, "/degraded_eds_health")  \
    X(NC_HOST_PENDING_REMOVAL,      5, "/pending_dynamic_removal")  \
    X(NC_HOST_PENDING_ACTIVE_HC,    6, "/pending_active_hc")  \
    X(NC_HOST_EXCLUDED,             7, "/excluded_via_immediate_hc_fail")  \
    X(NC_HOST_ACTIVE_HC_TIMEOUT,    8, "/active_hc_timeout")  \
    X(NC_HOST_EDS_DRAINING,         9, "/eds_status_draining")  \
    X(NC_HOST_DEGRADED_OUTLIER,    10, "/degraded_outlier_detection")

typedef enum {
#define X(name, bit, text)  name = 1 << bit,
    NC_HOST_FLAGS(X)
#undef X
} nc_host_flag_t;

/* Any of these: the host gets no traffic but in panic mode. */
#define NC_HOST_UNHEALTHY  \
    (NC_HOST_FAILED_ACTIVE_HC | NC_HOST_FAILED_OUTLIER | NC_HOST_FAILED_EDS)
#define NC_HOST_DEGRADED  \
    (NC_HOST_DEGRADED_ACTIVE_HC | NC_HOST_DEGRADED_EDS | NC_HOST_DEGRADED_OUTLIER)

/* "healthy", or the flags in Envoy's spelling ("/failed_active_hc/failed_eds_health"). */
void nc_host_flags_str(uint32_t flags, nc_sb_t *out);

typedef struct { uint32_t id; }  nc_host_id_t;  /* 0: none; counts into the dummy */

/* What all processes read of a host; written by the helper. */
typedef struct {
    uint32_t  flags;                            /* nc_host_flag_t; 0 is healthy */
    uint32_t  weight;
} nc_host_shared_t;

/* What one process counts of a host; written by that process only. */
typedef struct {
    uint64_t  cx_total;
    uint64_t  cx_active;
    uint64_t  cx_connect_fail;
    uint64_t  rq_total;
    uint64_t  rq_success;
    uint64_t  rq_error;
    uint64_t  rq_timeout;
    uint64_t  rq_active;
} nc_host_counters_t;

_Static_assert(sizeof(nc_host_counters_t) == NC_HOST_CELLS * sizeof(uint64_t), "one cache line");

/* By id; before the arena is mapped only id 0 may be used. */
extern nc_host_shared_t  *nc_hosts_shared;

/* This process's numbers of a host; plain increments are right (single writer, aligned words). */
static inline nc_host_counters_t *
nc_host_counters(nc_host_id_t host)
{
    uint32_t  cell = host.id ? NC_ZONE_HOSTS + host.id * NC_HOST_CELLS : 0;

    return (nc_host_counters_t *) (void *) (nc_stats_row + cell);
}

static inline uint32_t
nc_host_flags(nc_host_id_t host)
{
    return __atomic_load_n(&nc_hosts_shared[host.id].flags, __ATOMIC_RELAXED);
}

static inline uint32_t
nc_host_weight(nc_host_id_t host)
{
    return __atomic_load_n(&nc_hosts_shared[host.id].weight, __ATOMIC_RELAXED);
}

/* This process's active requests on the host (least-request balancing, local view). */
static inline uint64_t
nc_host_rq_active_here(nc_host_id_t host)
{
    return nc_host_counters(host)->rq_active;
}

/* Helper: the host of this key ("cluster|address"), found or made; one reference. 0: table full. */
nc_host_id_t nc_host_get(nc_str_t key);

/* Helper: gives a reference back; the row is cleared and used again after the last one. */
void nc_host_put(nc_host_id_t host);

/* Helper: frees the hosts and breakers that a helper which took over did not ask for again. */
void nc_hosts_sweep(void);

/* Helper: sets or clears flags; sets the weight. */
void nc_host_set_flags(nc_host_id_t host, uint32_t set, uint32_t clear);
void nc_host_set_weight(nc_host_id_t host, uint32_t weight);

/* Sums the rows of all processes. */
void nc_host_sum(nc_host_id_t host, nc_host_counters_t *sum);


/* Circuit breakers: one per cluster and priority; ids as of hosts, key "cluster|default". */

typedef enum {
    NC_BREAKER_CONNECTIONS,
    NC_BREAKER_PENDING,
    NC_BREAKER_REQUESTS,
    NC_BREAKER_RETRIES,
    NC_BREAKER_KINDS
} nc_breaker_kind_t;

typedef struct { uint32_t id; }  nc_breaker_t;  /* 0: none; never trips */

typedef struct {
    int64_t  total[NC_BREAKER_KINDS];           /* atomic; what all processes hold */
    int64_t  drift[NC_BREAKER_KINDS];           /* the helper's note of the last repair pass */
    int64_t  bucket;                            /* atomic; of a token bucket (bucket.h) */
} nc_breaker_shared_t;

extern nc_breaker_shared_t  *nc_breakers_shared;

static inline int64_t
nc_breaker_total(nc_breaker_t b, nc_breaker_kind_t kind)
{
    return __atomic_load_n(&nc_breakers_shared[b.id].total[kind], __ATOMIC_RELAXED);
}

static inline uint32_t
nc_breaker_cell(nc_breaker_t b, nc_breaker_kind_t kind)
{
    return NC_ZONE_BREAKERS + b.id * NC_BREAKER_CELLS + (uint32_t) kind;
}

/*
 * Takes one of `max`; false: none left. Checked, then added: an overshoot of one per process is
 * accepted. Pair with nc_breaker_release.
 */
static inline bool
nc_breaker_try(nc_breaker_t b, nc_breaker_kind_t kind, uint64_t max)
{
    uint64_t  *own = &nc_stats_row[nc_breaker_cell(b, kind)];

    if (b.id == 0) {
        return true;
    }

    if (nc_breaker_total(b, kind) >= (int64_t) NC_MIN(max, (uint64_t) INT64_MAX)) {
        return false;
    }

    __atomic_store_n(own, *own + 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&nc_breakers_shared[b.id].total[kind], 1, __ATOMIC_RELAXED);

    return true;
}

/* Takes one without a limit (what Envoy counts but does not refuse). */
static inline void
nc_breaker_take(nc_breaker_t b, nc_breaker_kind_t kind)
{
    (void) nc_breaker_try(b, kind, UINT64_MAX);
}

static inline void
nc_breaker_release(nc_breaker_t b, nc_breaker_kind_t kind)
{
    uint64_t  *own = &nc_stats_row[nc_breaker_cell(b, kind)];

    if (b.id == 0) {
        return;
    }

    __atomic_fetch_sub(&nc_breakers_shared[b.id].total[kind], 1, __ATOMIC_RELAXED);
    __atomic_store_n(own, *own - 1, __ATOMIC_RELAXED);
}

/* Helper: the breaker of this key, found or made; one reference. 0: table full. */
nc_breaker_t nc_breaker_get(nc_str_t key);
void nc_breaker_put(nc_breaker_t b);

/*
 * Helper, from time to time: sets right a total that two calls in a row found off by the same
 * amount (a process died between its two stores). Returns how many were set right.
 */
unsigned nc_breakers_repair(void);

#endif
