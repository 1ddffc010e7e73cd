/* cidr.c: see cidr.h. IPv4 addresses are in IPv4 ranges only, as in Envoy. */
#include "http/cidr.h"

#include "envoy/config/core/v3/address.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>


static void
clear_tail(uint8_t *bytes, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned  keep = bits > i * 8 ? NC_MIN(bits - i * 8, 8u) : 0;

        bytes[i] = (uint8_t) (bytes[i] & (0xff00u >> keep));
    }
}


nc_rc_t
nc_cidrs_compile(nc_compile_t *cc, Envoy__Config__Core__V3__CidrRange *const *msgs, size_t n,
    nc_cidrs_t *out)
{
    nc_cidr_t  *items = nc_pool_array(cc->pool, n, sizeof(*items));
    nc_rc_t     rc = NC_OK;

    for (size_t i = 0; i < n; i++) {
        nc_cidr_t  *c = &items[i];
        nc_addr_t   a;
        unsigned    most;

        if (nc_addr_parse_ip(&a, nc_str_c(msgs[i]->address_prefix), 0) != NC_OK) {
            rc = nc_compile_error(cc, &msgs[i]->base, "address_prefix",
                                  "'%s' is not an IP address", msgs[i]->address_prefix);
            continue;
        }

        c->is_v6 = a.sa.sa_family == AF_INET6;
        most = c->is_v6 ? 128 : 32;
        c->bits = (uint8_t) NC_MIN(msgs[i]->prefix_len ? msgs[i]->prefix_len->value : 0, most);

        if (c->is_v6) {
            memcpy(c->prefix, &a.in6.sin6_addr, 16);
        } else {
            memcpy(c->prefix, &a.in.sin_addr, 4);
        }

        clear_tail(c->prefix, c->bits);
    }

    *out = (nc_cidrs_t) { items, (uint32_t) n };

    return rc;
}


static bool
has_prefix(const nc_cidr_t *c, const uint8_t *bytes)
{
    unsigned  whole = c->bits / 8, rest = c->bits % 8;

    return memcmp(c->prefix, bytes, whole) == 0
           && (rest == 0 || (bytes[whole] & (0xff00u >> rest) & 0xff) == c->prefix[whole]);
}


bool
nc_cidrs_have(const nc_cidrs_t *list, const nc_peer_t *p)
{
    bool            is_v6 = p->sa.sa_family == AF_INET6;
    const uint8_t  *bytes = is_v6 ? (const void *) &p->in6.sin6_addr
                                  : (const void *) &p->in.sin_addr;

    if (!is_v6 && p->sa.sa_family != AF_INET) {
        return false;
    }

    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].is_v6 == is_v6 && has_prefix(&list->items[i], bytes)) {
            return true;
        }
    }

    return false;
}
