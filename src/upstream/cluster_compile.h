/*
 * cluster_compile.h: from a Cluster message to what workers use, and to what the helper keeps to
 * find its hosts. Helper only.
 */
#ifndef NC_UPSTREAM_CLUSTER_COMPILE_H
#define NC_UPSTREAM_CLUSTER_COMPILE_H

#include "upstream/cluster.h"

#include "envoy/config/cluster/v3/cluster.pb-c.h"

typedef enum {
    NC_CLUSTER_STATIC,
    NC_CLUSTER_STRICT_DNS,
    NC_CLUSTER_LOGICAL_DNS
} nc_cluster_type_t;

/* Cluster.dns_lookup_family; what AUTO means is told at the field. */
typedef enum {
    NC_DNS_AUTO,                                /* IPv6; IPv4 when there is none */
    NC_DNS_V4_ONLY,
    NC_DNS_V6_ONLY,
    NC_DNS_V4_PREFERRED,                        /* IPv4; IPv6 when there is none */
    NC_DNS_ALL                                  /* both */
} nc_dns_family_t;

/* An endpoint as it stands in the configuration. */
typedef struct {
    nc_addr_t  addr;                            /* len 0: `name` has to be resolved */
    nc_str_t   name;                            /* host name */
    uint16_t   port;
    nc_str_t   hostname;                        /* Endpoint.hostname, or the name; may be empty */
    uint32_t   weight;
    uint32_t   priority;
    uint32_t   locality;                        /* index into localities */
    uint32_t   flags;                           /* nc_host_flag_t, from health_status */
} nc_endpoint_t;

/* Where a cluster has its hosts from. Lives on the helper's heap. */
typedef struct {
    nc_pool_t           pool;
    nc_str_t            cluster;                /* name of the cluster */
    nc_cluster_type_t   type;
    nc_endpoint_t      *endpoints;              /* by priority, then as in the configuration */
    uint32_t            n;
    nc_locality_t      *localities;
    uint32_t            n_localities;
    nc_dns_family_t     family;
    uint64_t            refresh_ms;             /* dns_refresh_rate, 5000 */
    uint64_t            failure_base_ms;        /* dns_failure_refresh_rate, or refresh_ms */
    uint64_t            failure_max_ms;
    bool                respect_ttl;
} nc_endpoints_t;

void nc_endpoints_init(nc_endpoints_t *e);
void nc_endpoints_fini(nc_endpoints_t *e);

/*
 * Compiles the message into cc->pool; local_id, hashes and hosts are the caller's to set. Fills
 * `endpoints`, which the caller has initialised. NULL: errors were added. What was got from the
 * host table is given back by nc_cluster_release.
 */
nc_cluster_entry_t *nc_cluster_compile(nc_compile_t *cc,
    const Envoy__Config__Cluster__V3__Cluster *m, nc_endpoints_t *endpoints);

/* Its part: what hosts the message names, and how they are found. Errors are added. */
void nc_endpoints_read(nc_compile_t *cc, const Envoy__Config__Cluster__V3__Cluster *m,
    nc_endpoints_t *endpoints);

/* Before the memory of a compiled cluster goes. */
void nc_cluster_release(nc_cluster_t *c);

/* Hash of what connections of the cluster are made by; see nc_cluster_t.local_id. */
uint64_t nc_cluster_connect_hash(const Envoy__Config__Cluster__V3__Cluster *m);

/* "cluster.<name>" as stats have it: characters that stats use themselves are replaced. */
void nc_cluster_stats_prefix(nc_sb_t *out, nc_str_t name);

/* What an endpoint resolves to at the moment; for a literal this is its address. */
typedef struct {
    const nc_addr_t  *addrs;
    uint32_t          n;
} nc_endpoint_addrs_t;

/*
 * The set of all endpoints' addresses, in `pool`; found[i] belongs to endpoint i. Each host gets
 * its row of the host table, with flags and weight; nc_host_set_release gives the rows back.
 */
nc_host_set_t *nc_host_set_make(nc_pool_t *pool, uint32_t slot, const nc_endpoints_t *endpoints,
    const nc_endpoint_addrs_t *found);
void nc_host_set_release(nc_host_set_t *set);

#endif
