/* ip_map.c: prefixes cut into ranges, and looked up. */
#include "net/ip_map.h"

#include "envoy/config/core/v3/address.pb-c.h"

#include <arpa/inet.h>


bool
nc_ip_num(const nc_peer_t *p, nc_ip_num_t *num, bool *v6)
{
    const uint8_t  *b;
    nc_ip_num_t     n = 0;

    if (p->sa.sa_family == AF_INET) {
        *num = ntohl(p->in.sin_addr.s_addr);
        *v6 = false;
        return true;
    }

    if (p->sa.sa_family != AF_INET6) {
        return false;
    }

    b = p->in6.sin6_addr.s6_addr;

    for (int i = 0; i < 16; i++) {
        n = n << 8 | b[i];
    }

    *v6 = n >> 32 != 0xffff;
    *num = *v6 ? n : (uint32_t) n;

    return true;
}


/* The bits of an address that a prefix of `len` leaves open. */
static nc_ip_num_t
open_bits(unsigned len, bool v6)
{
    unsigned  n = (v6 ? 128 : 32) - len;

    return n == 128 ? ~(nc_ip_num_t) 0 : ((nc_ip_num_t) 1 << n) - 1;
}


nc_rc_t
nc_ip_prefix_compile(nc_compile_t *cc, const struct Envoy__Config__Core__V3__CidrRange *m,
    nc_ip_prefix_t *cidr)
{
    nc_addr_t    a;
    nc_peer_t    p;
    nc_ip_num_t  num;
    unsigned     len = m->prefix_len ? m->prefix_len->value : 0;

    if (nc_addr_parse_ip(&a, nc_str_c(m->address_prefix), 0) != NC_OK) {
        return nc_compile_error(cc, &m->base, "address_prefix", "\"%s\" is not an IP address",
                                m->address_prefix);
    }

    nc_peer_from(&p, &a.sa, a.len);
    (void) nc_ip_num(&p, &num, &cidr->v6);

    if (!cidr->v6 && a.sa.sa_family == AF_INET6) {
        len = len >= 96 ? len - 96 : 0;         /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
    }

    if (len > (cidr->v6 ? 128u : 32u)) {
        return nc_compile_error(cc, &m->base, "prefix_len", "%u bits are more than the address "
                                "has", len);
    }

    cidr->len = (uint8_t) len;
    cidr->first = num & ~open_bits(len, cidr->v6);

    return NC_OK;
}


bool
nc_ip_prefix_eq(const nc_ip_prefix_t *a, const nc_ip_prefix_t *b)
{
    return a->first == b->first && a->len == b->len && a->v6 == b->v6;
}


bool
nc_ip_prefix_has(const nc_ip_prefix_t *cidr, const nc_peer_t *p)
{
    nc_ip_num_t  num;
    bool         v6;

    return nc_ip_num(p, &num, &v6) && v6 == cidr->v6
           && (num & ~open_bits(cidr->len, v6)) == cidr->first;
}


bool
nc_ip_same(const nc_peer_t *a, const nc_peer_t *b)
{
    nc_ip_num_t  x, y;
    bool         x6, y6;

    return nc_ip_num(a, &x, &x6) && nc_ip_num(b, &y, &y6) && x6 == y6 && x == y;
}


/* ---- building ---- */

typedef struct {
    nc_ip_prefix_t    cidr;
    const void  *value;
} entry_t;


/* Outer prefixes come before the ones within them. */
static int
by_place(const void *a, const void *b)
{
    const nc_ip_prefix_t  *x = &((const entry_t *) a)->cidr, *y = &((const entry_t *) b)->cidr;

    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }

    return (int) x->len - (int) y->len;
}


/* Adds a range, or changes the one that begins at the same place. */
static void
put(nc_ip_range_t *out, uint32_t *n, nc_ip_num_t first, const void *value)
{
    if (*n > 0 && out[*n - 1].first == first) {
        out[*n - 1].value = value;
        return;
    }

    out[*n] = (nc_ip_range_t) { .first = first, .value = value };
    (*n)++;
}


/*
 * Walks the prefixes from left to right with a stack of those that are open: one that begins takes
 * over, one that ends gives back to the one around it.
 */
static const nc_ip_range_t *
cut(nc_pool_t *pool, const entry_t *e, size_t n, bool v6, uint32_t *n_out)
{
    const entry_t  *stack[129];
    unsigned        depth = 0;
    nc_ip_range_t  *out = nc_pool_array(pool, 2 * n + 1, sizeof(*out));
    nc_ip_num_t     last;

    *n_out = 0;
    put(out, n_out, 0, NULL);

    for (size_t i = 0; i <= n; i++) {
        while (depth > 0) {
            const entry_t  *top = stack[depth - 1];

            last = top->cidr.first | open_bits(top->cidr.len, v6);

            if (i < n && e[i].cidr.first <= last) {
                break;
            }

            depth--;

            if (last != open_bits(0, v6)) {
                put(out, n_out, last + 1, depth ? stack[depth - 1]->value : NULL);
            }
        }

        if (i < n) {
            put(out, n_out, e[i].cidr.first, e[i].value);
            stack[depth++] = &e[i];
        }
    }

    return out;
}


void
nc_ip_map_init(nc_ip_map_t *map, nc_pool_t *pool, const nc_ip_prefix_t *cidrs,
    const void *const *values, size_t n)
{
    entry_t  *e = nc_calloc((n + 1) * sizeof(*e));
    size_t    n4 = 0, n6 = n;

    for (size_t i = 0; i < n; i++) {            /* IPv4 from the front, IPv6 from the back */
        entry_t  *to = cidrs[i].v6 ? &e[--n6] : &e[n4++];

        to->cidr = cidrs[i];
        to->value = values[i];
    }

    qsort(e, n4, sizeof(*e), by_place);
    qsort(e + n6, n - n6, sizeof(*e), by_place);
    map->v4 = cut(pool, e, n4, false, &map->n_v4);
    map->v6 = cut(pool, e + n6, n - n6, true, &map->n_v6);
    free(e);
}


const void *
nc_ip_map_get(const nc_ip_map_t *map, const nc_peer_t *p)
{
    const nc_ip_range_t  *r;
    nc_ip_num_t           num;
    uint32_t              low = 0, high;
    bool                  v6;

    if (!nc_ip_num(p, &num, &v6)) {
        return NULL;
    }

    r = v6 ? map->v6 : map->v4;
    high = v6 ? map->n_v6 : map->n_v4;

    while (high - low > 1) {                    /* r[low].first <= num < r[high].first */
        uint32_t  mid = low + (high - low) / 2;

        if (r[mid].first <= num) {
            low = mid;
        } else {
            high = mid;
        }
    }

    return r[low].value;
}
