/* cidr.h: lists of address ranges (core.v3.CidrRange) in image memory. */
#ifndef NC_HTTP_CIDR_H
#define NC_HTTP_CIDR_H

#include "base/compile.h"
#include "os/addr.h"

struct Envoy__Config__Core__V3__CidrRange;
struct Xds__Core__V3__CidrRange;

typedef struct {
    uint8_t   prefix[16];                       /* bits behind the prefix are 0 */
    uint8_t   bits;
    bool      is_v6;
} nc_cidr_t;

typedef struct {
    const nc_cidr_t  *items;
    uint32_t          n;
} nc_cidrs_t;

/* Compiles a list into *out. NC_ERROR: errors were added. */
nc_rc_t nc_cidrs_compile(nc_compile_t *cc, struct Envoy__Config__Core__V3__CidrRange *const *msgs,
    size_t n, nc_cidrs_t *out);

/* The same for xds.core.v3.CidrRange. */
nc_rc_t nc_xds_cidrs_compile(nc_compile_t *cc, struct Xds__Core__V3__CidrRange *const *msgs,
    size_t n, nc_cidrs_t *out);

/* True when one range has the address; a peer without an IP address is in none. */
bool nc_cidrs_have(const nc_cidrs_t *list, const nc_peer_t *p);

#endif
