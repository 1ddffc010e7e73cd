/*
 * discovery.c: keeps the names of a cluster resolved. Invariants:
 *  1. A failed lookup never takes a host away. "No such name" does for STRICT_DNS, where the answer
 *     is the list of hosts, and does not for LOGICAL_DNS, where it is one of many.
 *  2. After a success the next lookup follows in refresh_ms (or the TTL, if that is to be
 *     respected), after a failure with a wait that doubles up to failure_max_ms.
 */
#include "upstream/discovery.h"

#include "log/log.h"

#define MIN_TTL_MS      1000u


void
nc_discovery_init(nc_discovery_t *d, nc_endpoints_t *endpoints)
{
    memset(d, 0, sizeof(*d));
    d->endpoints = *endpoints;
    nc_endpoints_init(endpoints);
    d->targets = nc_calloc(d->endpoints.n * sizeof(*d->targets));

    for (uint32_t i = 0; i < d->endpoints.n; i++) {
        nc_target_t    *t = &d->targets[i];
        nc_endpoint_t  *e = &d->endpoints.endpoints[i];

        t->d = d;

        if (e->addr.len) {
            t->found = (nc_endpoint_addrs_t) { .addrs = &e->addr, .n = 1 };
            t->answered = t->known = true;

        } else {
            d->n_unanswered++;
        }
    }
}


static bool
is_literal(const nc_target_t *t)
{
    return t->d->endpoints.endpoints[t - t->d->targets].addr.len != 0;
}


static void
set_addrs(nc_target_t *t, const nc_addr_t *addrs, uint32_t n)
{
    nc_addr_t  *copy = nc_malloc(n * sizeof(*copy) + 1);

    for (uint32_t i = 0; i < n; i++) {
        copy[i] = addrs[i];
    }

    free((nc_addr_t *) (uintptr_t) t->found.addrs);
    t->found = (nc_endpoint_addrs_t) { .addrs = copy, .n = n };
    t->known = true;
}


/* The order in which a server tells its addresses says nothing: sets are compared. */
static bool
same_addrs(const nc_target_t *t, const nc_addr_t *addrs, uint32_t n)
{
    if (!t->known || t->found.n != n) {
        return false;
    }

    for (uint32_t i = 0; i < n; i++) {
        bool  there = false;

        for (uint32_t k = 0; k < n && !there; k++) {
            there = nc_addr_eq(&t->found.addrs[k], &addrs[i]);
        }

        if (!there) {
            return false;
        }
    }

    return true;
}


static void
look_again(nc_target_t *t, const nc_dns_answer_t *a)
{
    const nc_endpoints_t  *e = &t->d->endpoints;
    uint64_t               wait = e->refresh_ms;
    uint64_t               salt[2] = { nc_now_us, (uint64_t) (uintptr_t) t };

    if (a->status == NC_DNS_FOUND) {
        t->backoff_ms = 0;

        if (e->respect_ttl && a->ttl_s) {
            wait = NC_MAX((uint64_t) a->ttl_s * 1000, MIN_TTL_MS);
        }

    } else {
        wait = t->backoff_ms ? NC_MIN(t->backoff_ms * 2, e->failure_max_ms) : e->failure_base_ms;
        t->backoff_ms = wait;

        if (e->failure_max_ms > e->failure_base_ms) {
            wait -= nc_hash(nc_str((char *) salt, sizeof(salt))) % (wait / 2 + 1);
        }
    }

    nc_timer_start(&t->timer, NC_MAX(wait, 1));
}


/* True when hosts have changed. */
static bool
take_answer(nc_target_t *t, const nc_dns_answer_t *a)
{
    nc_discovery_t       *d = t->d;
    const nc_endpoint_t  *e = &d->endpoints.endpoints[t - d->targets];
    bool                  logical = d->endpoints.type == NC_CLUSTER_LOGICAL_DNS;
    uint32_t              n = logical ? NC_MIN(a->n, 1) : a->n;

    if (a->status == NC_DNS_FAILED) {
        nc_counter_inc(d->stats.update_failure);
        nc_log(DEBUG, DNS, "cluster " NC_STR_FMT ": " NC_STR_FMT ": %s",
               NC_STR_ARG(d->endpoints.cluster), NC_STR_ARG(e->name), a->error);
        return false;
    }

    nc_counter_inc(d->stats.update_success);

    if (a->status == NC_DNS_EMPTY) {
        nc_counter_inc(d->stats.update_empty);
        nc_log(DEBUG, DNS, "cluster " NC_STR_FMT ": " NC_STR_FMT ": %s",
               NC_STR_ARG(d->endpoints.cluster), NC_STR_ARG(e->name), a->error);

        if (logical) {
            return false;
        }
    }

    if (logical && t->known && t->found.n) {
        for (uint32_t i = 0; i < a->n; i++) {
            if (nc_addr_eq(&t->found.addrs[0], &a->addrs[i])) {
                nc_counter_inc(d->stats.update_no_rebuild);
                return false;
            }
        }
    }

    if (same_addrs(t, a->addrs, n)) {
        nc_counter_inc(d->stats.update_no_rebuild);
        return false;
    }

    set_addrs(t, a->addrs, n);

    return true;
}


static void
on_answer(void *ctx, const nc_dns_answer_t *a)
{
    nc_target_t     *t = ctx;
    nc_discovery_t  *d = t->d;
    bool             changed;

    t->query = NULL;
    changed = take_answer(t, a);
    look_again(t, a);

    if (!t->answered) {
        t->answered = true;
        d->n_unanswered--;
        changed |= d->n_unanswered == 0;
    }

    if (changed) {
        d->changed(d);
    }
}


static void
look_up(nc_target_t *t)
{
    nc_discovery_t       *d = t->d;
    const nc_endpoint_t  *e = &d->endpoints.endpoints[t - d->targets];

    nc_counter_inc(d->stats.update_attempt);
    t->query = nc_dns_resolve(e->name, e->port, d->endpoints.family, on_answer, t);
}


static void
on_timer(nc_timer_t *timer)
{
    look_up(nc_container_of(timer, nc_target_t, timer));
}


void
nc_discovery_start(nc_discovery_t *d)
{
    for (uint32_t i = 0; i < d->endpoints.n; i++) {
        nc_target_t  *t = &d->targets[i];

        if (!is_literal(t)) {
            nc_timer_init(&t->timer, on_timer);
            look_up(t);
        }
    }
}


void
nc_discovery_seed(nc_discovery_t *d, const nc_host_set_t *set)
{
    for (uint32_t i = 0; i < d->endpoints.n; i++) {
        nc_target_t  *t = &d->targets[i];
        nc_addr_t    *addrs;
        uint32_t      n = 0;

        if (t->known) {
            continue;
        }

        addrs = nc_malloc(set->n * sizeof(*addrs) + 1);

        for (uint32_t k = 0; k < set->n; k++) {
            if (set->hosts[k].target == i) {
                addrs[n++] = set->hosts[k].addr;
            }
        }

        if (n) {
            set_addrs(t, addrs, n);
        }

        if (n && !t->answered) {
            t->answered = true;
            d->n_unanswered--;
        }

        free(addrs);
    }
}


nc_host_set_t *
nc_discovery_hosts(nc_discovery_t *d, nc_pool_t *pool, uint32_t slot)
{
    nc_endpoint_addrs_t  *found = nc_malloc(d->endpoints.n * sizeof(*found) + 1);
    nc_host_set_t        *set;
    uint64_t              healthy = 0, degraded = 0, max_weight = 0;

    for (uint32_t i = 0; i < d->endpoints.n; i++) {
        found[i] = d->targets[i].found;
    }

    set = nc_host_set_make(pool, slot, &d->endpoints, found);
    free(found);

    for (uint32_t i = 0; i < set->n; i++) {
        uint32_t  flags = nc_host_flags(set->hosts[i].id);

        healthy += (flags & (NC_HOST_UNHEALTHY | NC_HOST_DEGRADED)) == 0;
        degraded += (flags & NC_HOST_UNHEALTHY) == 0 && (flags & NC_HOST_DEGRADED);
        max_weight = NC_MAX(max_weight, set->hosts[i].weight);
    }

    nc_gauge_set(d->stats.membership_total, set->n);
    nc_gauge_set(d->stats.membership_healthy, healthy);
    nc_gauge_set(d->stats.membership_degraded, degraded);
    nc_gauge_set(d->stats.membership_excluded, 0);
    nc_gauge_set(d->stats.max_host_weight, max_weight);

    return set;
}


void
nc_discovery_fini(nc_discovery_t *d)
{
    for (uint32_t i = 0; i < d->endpoints.n; i++) {
        nc_target_t  *t = &d->targets[i];

        if (is_literal(t)) {
            continue;
        }

        if (t->query) {
            nc_dns_cancel(t->query);
        }

        if (t->timer.handler) {
            nc_timer_fini(&t->timer);
        }

        free((nc_addr_t *) (uintptr_t) t->found.addrs);
    }

    free(d->targets);
    nc_endpoints_fini(&d->endpoints);
    d->targets = NULL;
}
