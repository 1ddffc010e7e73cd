/* route_vhosts.c: which virtual host serves a host name. */
#include "http/route_priv.h"

#include "base/vec.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"

#define HOST_ON_STACK   256u

typedef struct {
    nc_str_t           key;                     /* fixed part, lower case */
    const nc_vhost_t  *vhost;
    size_t             vhost_index;             /* where it stands, for errors */
    size_t             domain_index;
} domain_t;

typedef NC_VEC(domain_t)  domains_t;

typedef struct {
    nc_route_compile_t                                        *rc;
    const Envoy__Config__Route__V3__RouteConfiguration        *msg;
} build_t;


static void
duplicate(const build_t *b, const domain_t *d)
{
    char                                           field[64];
    const Envoy__Config__Route__V3__VirtualHost  *vhost = b->msg->virtual_hosts[d->vhost_index];

    snprintf(field, sizeof(field), "domains[%zu]", d->domain_index);
    nc_compile_error(b->rc->cc, &vhost->base, field,
        "domain '%s' stands in this route configuration twice", vhost->domains[d->domain_index]);
}


static int
longest_first(const void *a, const void *b)
{
    const domain_t  *x = a, *y = b;

    if (x->key.len != y->key.len) {
        return x->key.len > y->key.len ? -1 : 1;
    }

    /* In the order of the configuration, so that the second of two is the duplicate. */
    if (x->vhost_index != y->vhost_index) {
        return x->vhost_index < y->vhost_index ? -1 : 1;
    }

    return x->domain_index < y->domain_index ? -1 : 1;
}


static void
fill_table(const build_t *b, nc_table_t *table, const domain_t *items, size_t n)
{
    nc_table_init(table, b->rc->cc->pool, n);

    for (size_t i = 0; i < n; i++) {
        if (nc_table_add(table, items[i].key, items[i].vhost) != NC_OK) {
            duplicate(b, &items[i]);
        }
    }
}


/* One table per length of the fixed part. */
static const nc_vhost_wildcards_t *
build_wildcards(const build_t *b, domains_t *domains, uint32_t *n_out)
{
    size_t                 from = 0, lengths = 0;
    nc_vhost_wildcards_t  *w;

    *n_out = 0;
    if (domains->n == 0) {
        return NULL;
    }

    qsort(domains->items, domains->n, sizeof(domain_t), longest_first);

    for (size_t i = 0; i < domains->n; i++) {
        lengths += i == 0 || domains->items[i].key.len != domains->items[i - 1].key.len;
    }

    w = nc_pool_array(b->rc->cc->pool, lengths, sizeof(*w));

    for (size_t i = 1; i <= domains->n; i++) {
        if (i < domains->n && domains->items[i].key.len == domains->items[from].key.len) {
            continue;
        }

        w[*n_out].len = domains->items[from].key.len;
        fill_table(b, &w[(*n_out)++].hosts, domains->items + from, i - from);
        from = i;
    }

    return w;
}


const nc_vhost_index_t *
nc_vhost_index_build(nc_route_compile_t *rc, const nc_vhost_t *vhosts,
    const struct Envoy__Config__Route__V3__RouteConfiguration *msg)
{
    build_t            b = { rc, msg };
    domains_t          exact = NC_VEC_INIT, suffixes = NC_VEC_INIT, prefixes = NC_VEC_INIT;
    nc_vhost_index_t  *ix = nc_pool_new(rc->cc->pool, nc_vhost_index_t);

    for (size_t i = 0; i < msg->n_virtual_hosts; i++) {
        for (size_t j = 0; j < msg->virtual_hosts[i]->n_domains; j++) {
            nc_str_t  name = nc_route_text_lower(rc, msg->virtual_hosts[i]->domains[j]);
            domain_t  d = { name, &vhosts[i], i, j };

            if (name.data == NULL) {
                d.key = NC_STR("");
                nc_vec_push(&exact, d);

            } else if (nc_str_eq(name, NC_STR("*"))) {
                if (ix->any != NULL) {
                    duplicate(&b, &d);
                }
                ix->any = &vhosts[i];

            } else if (name.data[0] == '*') {
                d.key = nc_str_skip(name, 1);
                nc_vec_push(&suffixes, d);

            } else if (name.data[name.len - 1] == '*') {
                d.key.len--;
                nc_vec_push(&prefixes, d);

            } else {
                nc_vec_push(&exact, d);
            }
        }
    }

    fill_table(&b, &ix->exact, exact.items, exact.n);
    ix->suffixes = build_wildcards(&b, &suffixes, &ix->n_suffixes);
    ix->prefixes = build_wildcards(&b, &prefixes, &ix->n_prefixes);
    ix->only_any = exact.n + suffixes.n + prefixes.n == 0;
    ix->ignore_port = msg->ignore_port_in_host_matching;

    nc_vec_fini(&exact);
    nc_vec_fini(&suffixes);
    nc_vec_fini(&prefixes);

    return ix;
}


/* `host` without its port; brackets of IPv6 stay. */
static nc_str_t
without_port(nc_str_t host)
{
    size_t  i = host.len;

    while (i > 0 && nc_is_digit(host.data[i - 1])) {
        i--;
    }

    if (i > 0 && i < host.len && host.data[i - 1] == ':'
        && (nc_str_chr(host, ':') == (ssize_t) i - 1 || (i > 1 && host.data[i - 2] == ']')))
    {
        host.len = i - 1;
    }

    return host;
}


const nc_vhost_t *
nc_route_vhost(const nc_route_config_t *rc, nc_str_t host, nc_pool_t *pool)
{
    char                    memory[HOST_ON_STACK], *lower = memory;
    nc_str_t                name;
    const nc_vhost_t       *found;
    const nc_vhost_index_t  *ix = rc->index;

    if (ix->only_any) {
        return ix->any;
    }

    if (host.data == NULL) {
        return NULL;
    }

    if (ix->ignore_port) {
        host = without_port(host);
    }

    if (host.len > sizeof(memory)) {
        lower = nc_pool_alloc(pool, host.len);
    }
    for (size_t i = 0; i < host.len; i++) {
        lower[i] = nc_lower(host.data[i]);
    }
    name = nc_str(lower, host.len);

    found = nc_table_get(&ix->exact, name);

    /* What '*' stands for is never empty. */
    for (uint32_t i = 0; found == NULL && i < ix->n_suffixes; i++) {
        if (ix->suffixes[i].len < name.len) {
            found = nc_table_get(&ix->suffixes[i].hosts,
                nc_str_skip(name, name.len - ix->suffixes[i].len));
        }
    }

    for (uint32_t i = 0; found == NULL && i < ix->n_prefixes; i++) {
        if (ix->prefixes[i].len < name.len) {
            found = nc_table_get(&ix->prefixes[i].hosts, nc_str(name.data, ix->prefixes[i].len));
        }
    }

    return found != NULL ? found : ix->any;
}
