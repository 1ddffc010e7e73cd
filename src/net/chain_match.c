/*
 * chain_match.c: builds and walks the tree of filter chain matches. Invariants: see the header.
 *
 * A level is built by grouping the chains by the values they ask for; a chain with several values
 * is in several groups. Each group is built one level down.
 */
#include "net/chain_match.h"
#include "net/listener.h"

#include "envoy/config/listener/v3/listener_components.pb-c.h"

typedef Envoy__Config__Listener__V3__FilterChain       chain_message_t;
typedef Envoy__Config__Listener__V3__FilterChainMatch  match_message_t;
typedef Envoy__Config__Core__V3__CidrRange             cidr_message_t;

#define SOURCE_TYPE(name)  \
    ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN_MATCH__CONNECTION_SOURCE_TYPE__##name

/* What one chain asks for at one level; keys are the bytes that groups are made by. */
typedef struct {
    nc_str_t  *keys;
    size_t     n;                               /* 0: anything */
} wants_t;

/* One chain while the tree is built. */
typedef struct {
    const chain_message_t    *message;
    const nc_filter_chain_t  *chain;
    size_t                    index;
    wants_t                   wants[NC_CHAIN_LEAF];
    bool                      reported;         /* as a duplicate */
} spec_t;

/* The chains that asked for one value, with `key`. */
typedef struct {
    nc_str_t   key;
    spec_t   **specs;
    size_t     n;
    size_t     cap;
} group_t;

typedef struct {
    nc_compile_t  *cc;
    nc_pool_t      temp;
    bool           needs_local;
} builder_t;

static const nc_chain_node_t *build(builder_t *b, nc_chain_level_t level, spec_t **specs, size_t n);


/* ---- what the messages ask for ---- */

static void
add_key(builder_t *b, wants_t *w, size_t cap, const void *data, size_t len)
{
    nc_str_t  key = nc_pool_str(&b->temp, nc_str(data, len));

    if (w->keys == NULL) {
        w->keys = nc_pool_array(&b->temp, cap, sizeof(*w->keys));
    }

    for (size_t i = 0; i < w->n; i++) {         /* said twice */
        if (cap <= 64 && nc_str_eq(w->keys[i], key)) {
            return;
        }
    }

    w->keys[w->n++] = key;
}


static void
want_cidrs(builder_t *b, wants_t *w, cidr_message_t *const *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nc_ip_prefix_t  cidr;

        memset(&cidr, 0, sizeof(cidr));         /* padding is part of the key */

        if (nc_ip_prefix_compile(b->cc, messages[i], &cidr) == NC_OK) {
            add_key(b, w, n, &cidr, sizeof(cidr));
        }
    }
}


static void
want_port(builder_t *b, wants_t *w, size_t cap, uint32_t port)
{
    uint16_t  p = (uint16_t) port;

    add_key(b, w, cap, &p, sizeof(p));
}


/* "*.example.com" becomes ".example.com", which no server name is equal to. */
static void
want_names(builder_t *b, wants_t *w, const match_message_t *m)
{
    for (size_t i = 0; i < m->n_server_names; i++) {
        nc_str_t  name = nc_str_c(m->server_names[i]);
        char      *lower;

        if (nc_str_starts(name, NC_STR("*.")) && name.len > 2) {
            name = nc_str_skip(name, 1);
        }

        if (nc_str_chr(name, '*') >= 0 || name.len == 0) {
            nc_compile_error(b->cc, &m->base, "server_names", "\"%s\": a name is whole or begins "
                             "with \"*.\", other wildcards are not supported", m->server_names[i]);
            continue;
        }

        lower = nc_pool_strdup(&b->temp, name.data);

        for (char *p = lower; *p; p++) {
            *p = nc_lower(*p);
        }

        add_key(b, w, m->n_server_names, lower, name.len);
    }
}


static void
read_match(builder_t *b, spec_t *s, const match_message_t *m)
{
    wants_t  *w = s->wants;

    if (m == NULL) {
        return;
    }

    if (m->destination_port) {
        want_port(b, &w[NC_CHAIN_PORT], 1, m->destination_port->value);
    }

    want_cidrs(b, &w[NC_CHAIN_PREFIX], m->prefix_ranges, m->n_prefix_ranges);
    want_names(b, &w[NC_CHAIN_NAME], m);

    if (m->transport_protocol[0]) {
        add_key(b, &w[NC_CHAIN_TRANSPORT], 1, m->transport_protocol,
                strlen(m->transport_protocol));
    }

    for (size_t i = 0; i < m->n_application_protocols; i++) {
        add_key(b, &w[NC_CHAIN_ALPN], m->n_application_protocols, m->application_protocols[i],
                strlen(m->application_protocols[i]));
    }

    want_cidrs(b, &w[NC_CHAIN_DIRECT], m->direct_source_prefix_ranges,
               m->n_direct_source_prefix_ranges);

    if (m->source_type != SOURCE_TYPE(ANY)) {
        add_key(b, &w[NC_CHAIN_TYPE], 1,
                m->source_type == SOURCE_TYPE(SAME_IP_OR_LOOPBACK) ? "0" : "1", 1);
    }

    want_cidrs(b, &w[NC_CHAIN_SOURCE], m->source_prefix_ranges, m->n_source_prefix_ranges);

    for (size_t i = 0; i < m->n_source_ports; i++) {
        want_port(b, &w[NC_CHAIN_SOURCE_PORT], m->n_source_ports, m->source_ports[i]);
    }
}


/* ---- the tree ---- */

static void
print_chain(const spec_t *s, nc_sb_t *out)
{
    nc_sb_printf(out, "filter_chains[%zu]", s->index);

    if (s->message->name[0]) {
        nc_sb_printf(out, " \"%s\"", s->message->name);
    }
}


static const nc_chain_node_t *
leaf(builder_t *b, spec_t **specs, size_t n)
{
    nc_chain_node_t  *node = nc_pool_new(b->cc->pool, nc_chain_node_t);

    node->level = NC_CHAIN_LEAF;
    node->chain = specs[0]->chain;

    for (size_t i = 1; i < n; i++) {
        nc_sb_t  one, other;

        if (specs[i]->reported || specs[i] == specs[0]) {
            continue;
        }

        specs[i]->reported = true;
        nc_sb_init(&one);
        nc_sb_init(&other);
        print_chain(specs[i], &one);
        print_chain(specs[0], &other);
        nc_compile_error(b->cc, &specs[i]->message->base, "", "%s has the same matching rules as "
                         "%s: no connection could tell them apart", nc_sb_c(&one), nc_sb_c(&other));
        nc_sb_fini(&one);
        nc_sb_fini(&other);
    }

    return node;
}


static void
add_to_group(group_t *g, nc_pool_t *temp, spec_t *s)
{
    if (g->n > 0 && g->specs[g->n - 1] == s) {
        return;
    }

    if (g->n == g->cap) {
        size_t    cap = g->cap ? g->cap * 2 : 2;
        spec_t  **more = nc_pool_array(temp, cap, sizeof(*more));

        if (g->n) {
            memcpy(more, g->specs, g->n * sizeof(*more));
        }

        g->specs = more;
        g->cap = cap;
    }

    g->specs[g->n++] = s;
}


/* Groups by value in the order they were first asked for; `any` gets those that ask for nothing. */
static group_t **
make_groups(builder_t *b, nc_chain_level_t level, spec_t **specs, size_t n, group_t *any,
    size_t *n_groups)
{
    nc_map_t   map;
    group_t  **groups;
    size_t     cap = 0;

    for (size_t i = 0; i < n; i++) {
        cap += specs[i]->wants[level].n;
    }

    groups = nc_pool_array(&b->temp, cap + 1, sizeof(*groups));
    *n_groups = 0;
    nc_map_init(&map);

    for (size_t i = 0; i < n; i++) {
        const wants_t  *w = &specs[i]->wants[level];

        if (w->n == 0) {
            add_to_group(any, &b->temp, specs[i]);
        }

        for (size_t k = 0; k < w->n; k++) {
            group_t  *g = nc_map_get(&map, w->keys[k]);

            if (g == NULL) {
                g = groups[(*n_groups)++] = nc_pool_new(&b->temp, group_t);
                g->key = w->keys[k];
                nc_map_set(&map, g->key, g);
            }

            add_to_group(g, &b->temp, specs[i]);
        }
    }

    nc_map_fini(&map);

    return groups;
}


static void
fill_ip(builder_t *b, nc_chain_node_t *node, group_t **groups, size_t n)
{
    nc_ip_prefix_t    *cidrs = nc_pool_array(&b->temp, n, sizeof(*cidrs));
    const void  **values = nc_pool_array(&b->temp, n, sizeof(*values));

    for (size_t i = 0; i < n; i++) {
        memcpy(&cidrs[i], groups[i]->key.data, sizeof(cidrs[i]));
        values[i] = build(b, node->level + 1, groups[i]->specs, groups[i]->n);
    }

    nc_ip_map_init(&node->ip, b->cc->pool, cidrs, values, n);
}


static void
fill_table(builder_t *b, nc_chain_node_t *node, group_t **groups, size_t n)
{
    nc_table_init(&node->table, b->cc->pool, n);

    for (size_t i = 0; i < n; i++) {
        NC_CHECK(nc_table_add(&node->table, nc_pool_str(b->cc->pool, groups[i]->key),
                              build(b, node->level + 1, groups[i]->specs, groups[i]->n)) == NC_OK);
    }
}


static const nc_chain_node_t *
build(builder_t *b, nc_chain_level_t level, spec_t **specs, size_t n)
{
    group_t           any = { 0 };
    group_t         **groups = NULL;
    size_t            n_groups = 0;
    nc_chain_node_t  *node;

    for (; level < NC_CHAIN_LEAF; level++) {
        groups = make_groups(b, level, specs, n, &any, &n_groups);

        if (n_groups > 0) {
            break;
        }

        any = (group_t) { 0 };
    }

    if (level == NC_CHAIN_LEAF) {
        return leaf(b, specs, n);
    }

    node = nc_pool_new(b->cc->pool, nc_chain_node_t);
    node->level = level;

    switch (level) {
    case NC_CHAIN_PREFIX:
    case NC_CHAIN_DIRECT:
    case NC_CHAIN_SOURCE:
        fill_ip(b, node, groups, n_groups);
        break;

    case NC_CHAIN_TYPE:
        for (size_t i = 0; i < n_groups; i++) {
            node->type[groups[i]->key.data[0] - '0'] = build(b, level + 1, groups[i]->specs,
                                                             groups[i]->n);
        }
        break;

    default:
        fill_table(b, node, groups, n_groups);
        break;
    }

    node->any = any.n ? build(b, level + 1, any.specs, any.n) : NULL;
    b->needs_local = b->needs_local || level == NC_CHAIN_PORT || level == NC_CHAIN_PREFIX
                     || level == NC_CHAIN_TYPE;

    return node;
}


void
nc_chain_match_compile(nc_compile_t *cc, nc_chain_match_t *match, chain_message_t *const *messages,
    const nc_filter_chain_t *chains, size_t n)
{
    builder_t   b = { .cc = cc };
    spec_t     *all;
    spec_t    **specs;

    if (n == 0) {
        return;
    }

    nc_pool_init(&b.temp, &nc_pool_heap);
    all = nc_pool_array(&b.temp, n, sizeof(*all));
    specs = nc_pool_array(&b.temp, n, sizeof(*specs));

    for (size_t i = 0; i < n; i++) {
        all[i].message = messages[i];
        all[i].chain = &chains[i];
        all[i].index = i;
        read_match(&b, &all[i], messages[i]->filter_chain_match);
        specs[i] = &all[i];
    }

    match->root = build(&b, NC_CHAIN_PORT, specs, n);
    match->needs_local = b.needs_local;
    nc_pool_fini(&b.temp);
}


/* ---- looking up ---- */

static const nc_chain_node_t *
by_port(const nc_table_t *table, const nc_peer_t *p)
{
    uint16_t  port = nc_peer_port(p);

    return nc_table_get(table, nc_str((const char *) &port, sizeof(port)));
}


/* The whole name, then what follows its dots from left to right. */
static const nc_chain_node_t *
by_name(const nc_table_t *table, nc_str_t name)
{
    const nc_chain_node_t  *found = name.len ? nc_table_get(table, name) : NULL;

    for (size_t i = 1; found == NULL && i + 1 < name.len; i++) {
        if (name.data[i] == '.') {
            found = nc_table_get(table, nc_str_skip(name, i));
        }
    }

    return found;
}


static const nc_chain_node_t *
by_alpn(const nc_table_t *table, const nc_chain_input_t *in)
{
    const nc_chain_node_t  *found = NULL;

    for (uint32_t i = 0; found == NULL && i < in->n_alpn; i++) {
        found = nc_table_get(table, in->alpn[i]);
    }

    return found;
}


static bool
is_same_or_loopback(const nc_chain_input_t *in)
{
    return (in->remote.sa.sa_family != AF_INET && in->remote.sa.sa_family != AF_INET6)
           || nc_peer_is_loopback(&in->remote) || nc_ip_same(&in->remote, &in->local);
}


static const nc_chain_node_t *
step(const nc_chain_node_t *node, const nc_chain_input_t *in)
{
    switch (node->level) {
    case NC_CHAIN_PORT:         return by_port(&node->table, &in->local);
    case NC_CHAIN_PREFIX:       return nc_ip_map_get(&node->ip, &in->local);
    case NC_CHAIN_NAME:         return by_name(&node->table, in->server_name);
    case NC_CHAIN_TRANSPORT:    return nc_table_get(&node->table, in->transport);
    case NC_CHAIN_ALPN:         return by_alpn(&node->table, in);
    case NC_CHAIN_DIRECT:       return nc_ip_map_get(&node->ip, &in->direct_remote);
    case NC_CHAIN_TYPE:         return node->type[is_same_or_loopback(in) ? 0 : 1];
    case NC_CHAIN_SOURCE:       return nc_ip_map_get(&node->ip, &in->remote);
    case NC_CHAIN_SOURCE_PORT:  return by_port(&node->table, &in->remote);
    case NC_CHAIN_LEAF:         break;
    }

    return NULL;
}


const nc_filter_chain_t *
nc_chain_match_find(const nc_chain_match_t *match, const nc_chain_input_t *in)
{
    const nc_chain_node_t  *node = match->root;

    while (node && node->level != NC_CHAIN_LEAF) {
        const nc_chain_node_t  *next = step(node, in);

        node = next ? next : node->any;
    }

    return node ? node->chain : NULL;
}
