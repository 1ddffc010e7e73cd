/*
 * ip_map.h: from IP prefixes to values, the longest prefix first. Built once in a pool, then only
 * read: what the prefixes cover is cut into ranges that do not overlap, so a look-up is one binary
 * search, however the prefixes lie within each other.
 */
#ifndef NC_NET_IP_MAP_H
#define NC_NET_IP_MAP_H

#include "base/compile.h"
#include "os/addr.h"

struct Envoy__Config__Core__V3__CidrRange;

typedef unsigned __int128  nc_ip_num_t;         /* an address as a number; IPv4 in the low 32 bits */

/* A prefix; bits behind `len` are zero. */
typedef struct {
    nc_ip_num_t  first;
    uint8_t      len;
    bool         v6;
} nc_ip_prefix_t;

/* From `first` up to the next range's first. */
typedef struct {
    nc_ip_num_t  first;
    const void  *value;                         /* NULL: no prefix covers it */
} nc_ip_range_t;

typedef struct {
    const nc_ip_range_t  *v4;
    const nc_ip_range_t  *v6;
    uint32_t              n_v4;
    uint32_t              n_v6;
} nc_ip_map_t;

/*
 * What configuration wrote: prefix_len unset is 0, as Envoy has it. NC_ERROR: an error was added at
 * `message`.
 */
nc_rc_t nc_ip_prefix_compile(nc_compile_t *cc, const struct Envoy__Config__Core__V3__CidrRange *message,
    nc_ip_prefix_t *cidr);

bool nc_ip_prefix_eq(const nc_ip_prefix_t *a, const nc_ip_prefix_t *b);

/* The address as a number; false: not an IP address. An IPv4-mapped IPv6 address is an IPv4 one. */
bool nc_ip_num(const nc_peer_t *p, nc_ip_num_t *num, bool *v6);

bool nc_ip_prefix_has(const nc_ip_prefix_t *cidr, const nc_peer_t *p);

/* Same address, whatever the ports. */
bool nc_ip_same(const nc_peer_t *a, const nc_peer_t *b);

/* Builds the map of `n` prefixes, no two the same, to values that are not NULL. */
void nc_ip_map_init(nc_ip_map_t *map, nc_pool_t *pool, const nc_ip_prefix_t *cidrs,
    const void *const *values, size_t n);

/* The value of the longest prefix that `p` is in, or NULL. */
const void *nc_ip_map_get(const nc_ip_map_t *map, const nc_peer_t *p);

#endif
