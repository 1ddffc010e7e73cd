/*
 * endpoints.c: the endpoints of a cluster: read from its message, and made into host sets.
 */
#include "upstream/cluster_compile.h"

#include "api/message.h"
#include "upstream/dns.h"

typedef Envoy__Config__Cluster__V3__Cluster                cluster_msg_t;
typedef Envoy__Config__Endpoint__V3__LocalityLbEndpoints   locality_msg_t;
typedef Envoy__Config__Endpoint__V3__LbEndpoint            endpoint_msg_t;

#define REFRESH_MS      5000u


void
nc_endpoints_init(nc_endpoints_t *e)
{
    memset(e, 0, sizeof(*e));
    nc_pool_init(&e->pool, &nc_pool_heap);
}


void
nc_endpoints_fini(nc_endpoints_t *e)
{
    nc_pool_fini(&e->pool);
    memset(e, 0, sizeof(*e));
}


static uint32_t
health_flags(int status)
{
    switch (status) {

    case ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__UNHEALTHY:
    case ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__TIMEOUT:
        return NC_HOST_FAILED_EDS;

    case ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__DRAINING:
        return NC_HOST_FAILED_EDS | NC_HOST_EDS_DRAINING;

    case ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__DEGRADED:
        return NC_HOST_DEGRADED_EDS;

    default:
        return 0;
    }
}


static void
read_socket_address(nc_compile_t *cc, nc_endpoints_t *all, nc_endpoint_t *e,
    const Envoy__Config__Core__V3__SocketAddress *sa)
{
    const char  *why;

    e->port = (uint16_t) sa->port_value;
    e->name = nc_pool_str(&all->pool, nc_str_c(sa->address));

    if (nc_addr_parse_ip(&e->addr, e->name, e->port) == NC_OK) {
        return;
    }

    e->addr.len = 0;

    if (all->type == NC_CLUSTER_STATIC) {
        nc_compile_error(cc, &sa->base, "address", "\"%s\" is not an IP address; a name needs a "
                         "cluster of type STRICT_DNS or LOGICAL_DNS", sa->address);
        return;
    }

    why = nc_dns_name_error(e->name);

    if (why) {
        nc_compile_error(cc, &sa->base, "address", "not a host name: %s", why);
    }
}


static void
read_endpoint(nc_compile_t *cc, nc_endpoints_t *all, nc_endpoint_t *e, const endpoint_msg_t *m)
{
    const Envoy__Config__Core__V3__Address  *a = m->endpoint ? m->endpoint->address : NULL;

    e->weight = m->load_balancing_weight ? m->load_balancing_weight->value : 1;
    e->flags = health_flags(m->health_status);

    if (a && a->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS) {
        read_socket_address(cc, all, e, a->socket_address);

    } else if (a && a->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE) {
        if (all->type != NC_CLUSTER_STATIC) {
            nc_compile_error(cc, &m->base, "endpoint.address.pipe",
                             "a Unix socket needs a cluster of type STATIC");

        } else if (nc_addr_parse_unix(&e->addr, nc_str_c(a->pipe->path)) != NC_OK) {
            nc_compile_error(cc, &a->pipe->base, "path", "a Unix socket path has from 1 to %zu "
                             "bytes", sizeof(e->addr.un.sun_path) - 1);
        }

    } else {
        nc_compile_error(cc, &m->base, "endpoint.address", "an endpoint needs an address");
    }

    if (m->endpoint && m->endpoint->hostname[0]) {
        e->hostname = nc_pool_str(&all->pool, nc_str_c(m->endpoint->hostname));

    } else if (e->addr.len == 0) {
        e->hostname = e->name;
    }
}


static void
read_locality(nc_endpoints_t *all, nc_locality_t *l, const locality_msg_t *m)
{
    if (m->locality) {
        l->region = nc_pool_str(&all->pool, nc_str_c(m->locality->region));
        l->zone = nc_pool_str(&all->pool, nc_str_c(m->locality->zone));
        l->sub_zone = nc_pool_str(&all->pool, nc_str_c(m->locality->sub_zone));
    }
}


/* Localities in the order of their priorities, else as they stand. */
static void
read_localities(nc_compile_t *cc, nc_endpoints_t *all, locality_msg_t *const *m, size_t n)
{
    uint32_t  priority = 0, next;

    for (size_t i = 0; i < n; i++) {
        read_locality(all, &all->localities[i], m[i]);
    }

    for (bool more = n > 0; more; priority = next) {
        more = false;
        next = UINT32_MAX;

        for (size_t i = 0; i < n; i++) {
            if (m[i]->priority > priority) {
                more = true;
                next = NC_MIN(next, m[i]->priority);
            }

            for (size_t k = 0; m[i]->priority == priority && k < m[i]->n_lb_endpoints; k++) {
                nc_endpoint_t  *e = &all->endpoints[all->n++];

                e->priority = priority;
                e->locality = (uint32_t) i;
                read_endpoint(cc, all, e, m[i]->lb_endpoints[k]);
            }
        }
    }
}


static void
read_dns(nc_endpoints_t *all, const cluster_msg_t *m)
{
    const Envoy__Config__Cluster__V3__Cluster__RefreshRate  *rate = m->dns_failure_refresh_rate;

    all->family = (nc_dns_family_t) m->dns_lookup_family;
    all->refresh_ms = nc_duration_ms(m->dns_refresh_rate, REFRESH_MS);
    all->respect_ttl = m->respect_dns_ttl;
    all->failure_base_ms = all->refresh_ms;
    all->failure_max_ms = all->refresh_ms;

    if (rate) {
        all->failure_base_ms = nc_duration_ms(rate->base_interval, all->refresh_ms);
        all->failure_max_ms = nc_duration_ms(rate->max_interval, all->failure_base_ms * 10);
    }
}


void
nc_endpoints_read(nc_compile_t *cc, const cluster_msg_t *m, nc_endpoints_t *all)
{
    const Envoy__Config__Endpoint__V3__ClusterLoadAssignment  *la = m->load_assignment;
    const Envoy__Config__Cluster__V3__Cluster__RefreshRate    *rate = m->dns_failure_refresh_rate;
    size_t                                                     n = 0;

    all->cluster = nc_pool_str(&all->pool, nc_str_c(m->name));
    all->type = NC_CLUSTER_STATIC;

    if (m->cluster_discovery_type_case
        == ENVOY__CONFIG__CLUSTER__V3__CLUSTER__CLUSTER_DISCOVERY_TYPE_TYPE)
    {
        all->type = (nc_cluster_type_t) m->type;
    }

    read_dns(all, m);

    if (rate && rate->max_interval && all->failure_max_ms < all->failure_base_ms) {
        nc_compile_error(cc, &rate->base, "max_interval", "must not be less than base_interval");
    }

    for (size_t i = 0; la && i < la->n_endpoints; i++) {
        n += la->endpoints[i]->n_lb_endpoints;
    }

    if (all->type == NC_CLUSTER_LOGICAL_DNS && n != 1) {
        nc_compile_error(cc, &m->base, "load_assignment", "a LOGICAL_DNS cluster has exactly one "
                         "endpoint, this one has %zu", n);
    }

    if (la) {
        all->endpoints = nc_pool_array(&all->pool, n, sizeof(nc_endpoint_t));
        all->localities = nc_pool_array(&all->pool, la->n_endpoints, sizeof(nc_locality_t));
        all->n_localities = (uint32_t) la->n_endpoints;
        read_localities(cc, all, la->endpoints, la->n_endpoints);
    }
}


static nc_str_t
copy_str(nc_pool_t *pool, nc_str_t s)
{
    return s.len ? nc_pool_str(pool, s) : NC_STR_NULL;
}


static void
make_host(nc_pool_t *pool, nc_host_t *h, const nc_endpoints_t *all, uint32_t target,
    const nc_addr_t *addr)
{
    const nc_endpoint_t  *e = &all->endpoints[target];
    nc_sb_t               key;

    *h = (nc_host_t) {
        .addr = *addr, .weight = e->weight, .priority = e->priority, .locality = e->locality,
        .target = target, .hostname = copy_str(pool, e->hostname),
    };

    nc_sb_init(&key);
    nc_sb_str_add(&key, all->cluster);
    nc_sb_char(&key, '|');
    nc_addr_print(addr, &key);

    h->addr_text = nc_pool_str(pool, nc_str_skip(nc_sb_str(&key), all->cluster.len + 1));
    h->id = nc_host_get(nc_sb_str(&key));
    nc_sb_fini(&key);

    nc_host_set_flags(h->id, e->flags,
                      (NC_HOST_FAILED_EDS | NC_HOST_EDS_DRAINING | NC_HOST_DEGRADED_EDS)
                      & ~e->flags);
    nc_host_set_weight(h->id, e->weight);
}


nc_host_set_t *
nc_host_set_make(nc_pool_t *pool, uint32_t slot, const nc_endpoints_t *all,
    const nc_endpoint_addrs_t *found)
{
    nc_host_set_t  *set = nc_pool_new(pool, nc_host_set_t);
    nc_locality_t  *localities = nc_pool_array(pool, all->n_localities, sizeof(*localities));
    nc_host_t      *hosts;
    uint64_t        weight = 0;
    size_t          n = 0;

    for (uint32_t i = 0; i < all->n; i++) {
        n += found[i].n;
    }

    hosts = nc_pool_array(pool, n, sizeof(*hosts));
    set->slot = slot;
    set->hosts = hosts;
    set->equal_weights = true;
    set->localities = localities;
    set->n_localities = all->n_localities;

    for (uint32_t i = 0; i < all->n_localities; i++) {
        localities[i].region = copy_str(pool, all->localities[i].region);
        localities[i].zone = copy_str(pool, all->localities[i].zone);
        localities[i].sub_zone = copy_str(pool, all->localities[i].sub_zone);
    }

    for (uint32_t i = 0; i < all->n; i++) {
        for (uint32_t k = 0; k < found[i].n; k++) {
            nc_host_t  *h = &hosts[set->n++];

            make_host(pool, h, all, i, &found[i].addrs[k]);
            weight += h->weight;
            h->weight_end = weight;
            set->equal_weights &= h->weight == hosts[0].weight;
            set->n_priorities = NC_MAX(set->n_priorities, h->priority + 1);
        }
    }

    set->total_weight = (uint32_t) NC_MIN(weight, UINT32_MAX);

    return set;
}


void
nc_host_set_release(nc_host_set_t *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        nc_host_put(set->hosts[i].id);
    }
}
