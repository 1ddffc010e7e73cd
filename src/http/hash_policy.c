/* hash_policy.c: what requests are hashed by, and grpc-timeout: the worker's part of policy.h. */
#include "http/policy.h"

#define P1  0x9e3779b185ebca87u
#define P2  0xc2b2ae3d27d4eb4fu
#define P3  0x165667b19e3779f9u
#define P4  0x85ebca77c2b2ae63u
#define P5  0x27d4eb2f165667c5u


/* ---- XXH64 (the algorithm's specification is public: xxhash.com) ---- */

static inline uint64_t
rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}


static inline uint64_t
read64(const char *p)
{
    uint64_t  v;

    memcpy(&v, p, 8);

    return le64toh(v);
}


static inline uint64_t
read32(const char *p)
{
    uint32_t  v;

    memcpy(&v, p, 4);

    return le32toh(v);
}


static inline uint64_t
round64(uint64_t acc, uint64_t lane)
{
    return rotl(acc + lane * P2, 31) * P1;
}


static inline uint64_t
merge(uint64_t acc, uint64_t lane)
{
    return (acc ^ round64(0, lane)) * P1 + P4;
}


static uint64_t
stripes(const char **at, const char *end, uint64_t seed)
{
    uint64_t     a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1, h;
    const char  *p = *at;

    for (; end - p >= 32; p += 32) {
        a = round64(a, read64(p));
        b = round64(b, read64(p + 8));
        c = round64(c, read64(p + 16));
        d = round64(d, read64(p + 24));
    }

    *at = p;
    h = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);

    return merge(merge(merge(merge(h, a), b), c), d);
}


uint64_t
nc_xxh64(nc_str_t s, uint64_t seed)
{
    const char  *p = s.data, *end = s.data + s.len;
    uint64_t     h = s.len >= 32 ? stripes(&p, end, seed) : seed + P5;

    h += s.len;

    for (; end - p >= 8; p += 8) {
        h = rotl(h ^ round64(0, read64(p)), 27) * P1 + P4;
    }

    if (end - p >= 4) {
        h = rotl(h ^ read32(p) * P1, 23) * P2 + P3;
        p += 4;
    }

    for (; p < end; p++) {
        h = rotl(h ^ (unsigned char) *p * P5, 11) * P1;
    }

    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;

    return h ^ h >> 32;
}


/* ---- hash policies ---- */

static int
compare(const void *a, const void *b)
{
    return nc_str_cmp(*(const nc_str_t *) a, *(const nc_str_t *) b);
}


static nc_str_t
rewritten(const nc_regex_rewrite_t *rewrite, nc_str_t value, nc_pool_t *pool)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);

    if (nc_regex_subst(rewrite->regex, value, rewrite->substitution, &sb) == NC_OK) {
        value = nc_pool_str(pool, nc_sb_str(&sb));
    }

    nc_sb_fini(&sb);

    return value;
}


/* Values of a repeated header count in sorted order, so that their order on the wire does not. */
static bool
hash_header(const nc_hash_policy_t *p, const nc_headers_t *request, nc_pool_t *pool,
    uint64_t *hash)
{
    uint32_t      at = 0, n = 0;
    nc_str_t     *values;
    nc_header_t  *h;

    while (nc_headers_find(request, p->name, &at)) {
        n++;
    }

    if (n == 0) {
        return false;
    }

    values = nc_pool_array(pool, n, sizeof(*values));
    at = n = 0;

    while ((h = nc_headers_find(request, p->name, &at)) != NULL) {
        values[n] = h->value;

        if (p->rewrite) {
            values[n] = rewritten(p->rewrite, h->value, pool);
        }
        n++;
    }

    qsort(values, n, sizeof(*values), compare);
    *hash = 0;

    for (uint32_t i = 0; i < n; i++) {
        *hash = nc_xxh64(values[i], *hash);
    }

    return true;
}


static nc_str_t
cookie_value(const nc_headers_t *request, nc_str_t name)
{
    uint32_t      at = 0;
    nc_header_t  *h;

    while ((h = nc_headers_find(request, NC_STR("cookie"), &at)) != NULL) {
        nc_str_t  rest = h->value, pair;

        while (nc_str_split(&rest, ';', &pair)) {
            nc_str_t  v;
            ssize_t   eq;

            pair = nc_str_trim(pair);
            eq = nc_str_chr(pair, '=');

            if (eq < 0 || !nc_str_eq(nc_str(pair.data, (size_t) eq), name)) {
                continue;
            }

            v = nc_str_skip(pair, (size_t) eq + 1);

            if (v.len >= 2 && v.data[0] == '"' && v.data[v.len - 1] == '"') {
                v = nc_str(v.data + 1, v.len - 2);
            }

            return v;
        }
    }

    return NC_STR_NULL;
}


/* A cookie that the client shall send from now on: from its address and ours, as in Envoy. */
static nc_str_t
make_cookie(const nc_hash_policy_t *p, const nc_http_info_t *info, nc_pool_t *pool,
    nc_str_t *value)
{
    char     text[2 * NC_ADDR_STRLEN];
    nc_sb_t  sb;
    size_t   cap = p->name.len + p->cookie_end.len + 24;

    nc_sb_fixed(&sb, text, sizeof(text));
    nc_peer_print(&info->conn->remote, &sb);
    nc_peer_print(&info->conn->local, &sb);
    {
        uint64_t  h = nc_xxh64(nc_sb_str(&sb), 0);

        nc_sb_fixed(&sb, nc_pool_alloc(pool, cap), cap);
        nc_sb_printf(&sb, NC_STR_FMT "=\"%016" PRIx64 "\"" NC_STR_FMT, NC_STR_ARG(p->name), h,
                     NC_STR_ARG(p->cookie_end));
    }
    *value = nc_str(nc_sb_str(&sb).data + p->name.len + 2, 16);

    return nc_sb_str(&sb);
}


static bool
hash_one(const nc_hash_policy_t *p, const nc_headers_t *request, const nc_http_info_t *info,
    nc_pool_t *pool, uint64_t *hash, nc_str_t *cookie)
{
    char      text[NC_ADDR_STRLEN];
    nc_sb_t   sb;
    nc_str_t  value;

    switch (p->kind) {

    case NC_HASH_HEADER:
        return hash_header(p, request, pool, hash);

    case NC_HASH_COOKIE:
        value = cookie_value(request, p->name);
        if (value.len == 0 && p->has_ttl) {
            *cookie = make_cookie(p, info, pool, &value);
        }
        break;

    case NC_HASH_QUERY:
        if (!nc_query_param(nc_headers_value(request, NC_H_PATH), p->name, &value)) {
            return false;
        }
        break;

    default:
        nc_sb_fixed(&sb, text, sizeof(text));
        nc_peer_print_ip(&info->remote, &sb);
        value = nc_sb_str(&sb);
        break;
    }

    if (value.len == 0) {
        return false;
    }

    *hash = nc_xxh64(value, 0);

    return true;
}


bool
nc_route_hash(const nc_hash_policies_t *p, const nc_headers_t *request,
    const nc_http_info_t *info, nc_pool_t *pool, uint64_t *hash, nc_str_t *cookie)
{
    bool      found = false;
    uint64_t  one;

    *hash = 0;
    *cookie = NC_STR_NULL;

    for (uint32_t i = 0; i < p->n; i++) {
        if (hash_one(&p->items[i], request, info, pool, &one, cookie)) {
            *hash = (found ? rotl(*hash, 1) : 0) ^ one;
            found = true;
        }

        if (found && p->items[i].terminal) {
            break;
        }
    }

    return found;
}


/* ---- grpc-timeout ---- */

bool
nc_grpc_timeout(nc_str_t value, uint64_t *ms)
{
    uint64_t  n;

    if (value.len < 2 || value.len > 9
        || nc_str_to_u64(nc_str(value.data, value.len - 1), 99999999, &n))
    {
        return false;
    }

    switch (value.data[value.len - 1]) {
    case 'H':  *ms = n * 3600000;             return true;
    case 'M':  *ms = n * 60000;               return true;
    case 'S':  *ms = n * 1000;                return true;
    case 'm':  *ms = n;                       return true;
    case 'u':  *ms = (n + 999) / 1000;        return true;
    case 'n':  *ms = (n + 999999) / 1000000;  return true;
    default:   return false;
    }
}
