/* cidr.c: see cidr.h. IPv4 addresses are in IPv4 ranges only, as in Envoy. */
#include "http/cidr.h"

#include "envoy/config/core/v3/address.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>
#include "xds/core/v3/cidr.pb-c.h"


static void
clear_tail(uint8_t *bytes, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned  keep = bits > i * 8 ? NC_MIN(bits - i * 8, 8u) : 0;

        bytes[i] = (uint8_t) (bytes[i] & (0xff00u >> keep));
    }
}


static nc_rc_t
compile_one(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *prefix,
    const Google__Protobuf__UInt32Value *len, nc_cidr_t *c)
{
    nc_addr_t  a;
    unsigned   most;

    if (nc_addr_parse_ip(&a, nc_str_c(prefix), 0) != NC_OK) {
        return nc_compile_error(cc, message, "address_prefix", "'%s' is not an IP address",
                                prefix);
    }

    c->is_v6 = a.sa.sa_family == AF_INET6;
    most = c->is_v6 ? 128 : 32;
    c->bits = (uint8_t) NC_MIN(len ? len->value : 0, most);

    if (c->is_v6) {
        memcpy(c->prefix, &a.in6.sin6_addr, 16);
    } else {
        memcpy(c->prefix, &a.in.sin_addr, 4);
    }

    clear_tail(c->prefix, c->bits);

    return NC_OK;
}


nc_rc_t
nc_cidrs_compile(nc_compile_t *cc, Envoy__Config__Core__V3__CidrRange *const *msgs, size_t n,
    nc_cidrs_t *out)
{
    nc_cidr_t  *items = nc_pool_array(cc->pool, n, sizeof(*items));
    nc_rc_t     rc = NC_OK;

    for (size_t i = 0; i < n; i++) {
        if (compile_one(cc, &msgs[i]->base, msgs[i]->address_prefix, msgs[i]->prefix_len,
                        &items[i]) != NC_OK)
        {
            rc = NC_ERROR;
        }
    }

    *out = (nc_cidrs_t) { items, (uint32_t) n };

    return rc;
}


nc_rc_t
nc_xds_cidrs_compile(nc_compile_t *cc, Xds__Core__V3__CidrRange *const *msgs, size_t n,
    nc_cidrs_t *out)
{
    nc_cidr_t  *items = nc_pool_array(cc->pool, n, sizeof(*items));
    nc_rc_t     rc = NC_OK;

    for (size_t i = 0; i < n; i++) {
        if (compile_one(cc, &msgs[i]->base, msgs[i]->address_prefix, msgs[i]->prefix_len,
                        &items[i]) != NC_OK)
        {
            rc = NC_ERROR;
        }
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
