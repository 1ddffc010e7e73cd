/* route_index.c: see route_index.h. */
#include "http/route_index.h"

#include "base/hash.h"
#include "base/vec.h"
#include "http/uri_template.h"

#define MERGE_MAX   32u                         /* lists of expressions merged at a time */

/* Order numbers, ascending. */
typedef struct {
    uint32_t  n;
    uint32_t  sure;                             /* order of the one without other conditions */
    uint32_t  orders[];
} list_t;

typedef struct node_s  node_t;

/* What it points to but for the lists lies right behind it: a step down the trie is few misses. */
struct node_s {
    uint32_t        min;                        /* lowest order here and below */
    uint32_t        regex_min;                  /* as min, of expressions alone */
    uint32_t        n_children;
    uint32_t        label_len;                  /* bytes from the parent to here */
    const list_t   *prefix;                     /* NULL: none; so below */
    const list_t   *separated;
    const list_t   *regex;
    const node_t   *children[];                 /* then their first bytes, ascending; the label */
};

struct nc_route_index_s {
    nc_table_t     exact;                       /* path to list_t */
    const node_t  *root;                        /* NULL: neither prefixes nor expressions */
};

/* A route under its key, while the index is built. */
typedef struct {
    nc_str_t              key;
    uint32_t              order;
    nc_route_path_kind_t  kind;
} item_t;

typedef NC_VEC(item_t)  items_t;

typedef struct {
    nc_pool_t         *pool;
    const nc_route_t  *routes;
} build_t;


static int
by_key(const void *a, const void *b)
{
    const item_t  *x = a, *y = b;
    int            c = nc_str_cmp(x->key, y->key);

    return c != 0 ? c : x->order < y->order ? -1 : 1;
}


static bool
is_conditional(const nc_route_t *r)
{
    return r->n_headers > 0 || r->n_query > 0 || r->has_fraction || r->more != NULL;
}


/* The orders of one kind among items[0..n), which have one key and ascending orders. */
static const list_t *
make_list(const build_t *b, const item_t *items, size_t n, nc_route_path_kind_t kind)
{
    size_t   m = 0, last = n;
    list_t  *list;

    for (size_t i = 0; i < last; i++) {
        if (items[i].kind != kind) {
            continue;
        }

        m++;

        if (kind != NC_ROUTE_REGEX && !is_conditional(&b->routes[items[i].order])) {
            last = i + 1;
        }
    }

    if (m == 0) {
        return NULL;
    }

    list = nc_pool_alloc(b->pool, sizeof(*list) + m * sizeof(list->orders[0]));
    list->n = 0;
    list->sure = UINT32_MAX;

    for (size_t i = 0; i < last; i++) {
        if (items[i].kind == kind) {
            list->orders[list->n++] = items[i].order;

            if (!is_conditional(&b->routes[items[i].order])) {
                list->sure = NC_MIN(list->sure, items[i].order);
            }
        }
    }

    return list;
}


static uint32_t
first_of(const list_t *list)
{
    return list != NULL ? list->orders[0] : UINT32_MAX;
}


/* The bytes that choose a child, and the label. */
static inline const uint8_t *
bytes_of(const node_t *node)
{
    return (const uint8_t *) (node->children + node->n_children);
}


static inline nc_str_t
label_of(const node_t *node)
{
    return nc_str((const char *) bytes_of(node) + node->n_children, node->label_len);
}


static const node_t *build_node(const build_t *b, const item_t *items, size_t n, size_t depth);


/* How many children items[0..n) make, all of which are longer than `depth`. */
static uint32_t
count_children(const item_t *items, size_t n, size_t depth)
{
    uint32_t  m = 0;

    for (size_t i = 0; i < n; i++) {
        m += i == 0 || items[i].key.data[depth] != items[i - 1].key.data[depth];
    }

    return m;
}


static void
build_children(const build_t *b, node_t *node, const item_t *items, size_t n, size_t depth)
{
    size_t    from = 0;
    uint8_t  *bytes = (uint8_t *) (node->children + node->n_children);
    uint32_t  at = 0;

    for (size_t i = 1; i <= n; i++) {
        const node_t  *child;

        if (i < n && items[i].key.data[depth] == items[from].key.data[depth]) {
            continue;
        }

        child = build_node(b, items + from, i - from, depth);
        bytes[at] = (uint8_t) items[from].key.data[depth];
        node->children[at++] = child;
        node->min = NC_MIN(node->min, child->min);
        node->regex_min = NC_MIN(node->regex_min, child->regex_min);
        from = i;
    }
}


/* The trie of sorted items[0..n), n > 0, which agree in their first `depth` bytes. */
static const node_t *
build_node(const build_t *b, const item_t *items, size_t n, size_t depth)
{
    size_t     end = depth, here = 0;
    node_t    *node;
    uint32_t   m;
    nc_str_t   low = items[0].key, high = items[n - 1].key;

    while (end < low.len && end < high.len && low.data[end] == high.data[end]) {
        end++;
    }

    while (here < n && items[here].key.len == end) {
        here++;
    }

    m = count_children(items + here, n - here, end);
    node = nc_pool_calloc(b->pool, sizeof(*node) + m * (sizeof(node->children[0]) + 1)
        + (end - depth));
    node->n_children = m;
    node->label_len = (uint32_t) (end - depth);

    if (end > depth) {
        memcpy((char *) (node->children + m) + m, low.data + depth, end - depth);
    }

    node->prefix = make_list(b, items, here, NC_ROUTE_PREFIX);
    node->separated = make_list(b, items, here, NC_ROUTE_SEPARATED_PREFIX);
    node->regex = make_list(b, items, here, NC_ROUTE_REGEX);
    node->regex_min = first_of(node->regex);
    node->min = NC_MIN(first_of(node->prefix), first_of(node->separated));
    node->min = NC_MIN(node->min, node->regex_min);

    if (m > 0) {
        build_children(b, node, items + here, n - here, end);
    }

    return node;
}


static void
build_exact(const build_t *b, nc_table_t *table, const item_t *items, size_t n)
{
    size_t  from = 0;

    nc_table_init(table, b->pool, n);

    for (size_t i = 1; i <= n; i++) {
        if (i < n && nc_str_eq(items[i].key, items[from].key)) {
            continue;
        }

        nc_table_add(table, b->routes[items[from].order].path,
            make_list(b, items + from, i - from, NC_ROUTE_PATH));
        from = i;
    }
}


const nc_route_index_t *
nc_route_index_build(nc_pool_t *pool, const nc_route_t *routes, size_t n, bool lower)
{
    build_t            b = { pool, routes };
    items_t            exact = NC_VEC_INIT, trie = NC_VEC_INIT;
    nc_pool_t          scratch;
    nc_route_index_t  *ix = NULL;

    nc_pool_init(&scratch, &nc_pool_heap);

    for (size_t i = 0; i < n; i++) {
        const nc_route_t  *r = &routes[i];
        item_t             item = { r->path, (uint32_t) i, r->path_kind };

        if (r->ignore_case != lower || r->path_kind == NC_ROUTE_CONNECT) {
            continue;
        }

        if (r->path_kind == NC_ROUTE_PATH) {
            nc_vec_push(&exact, item);
            continue;
        }

        if (r->path_kind == NC_ROUTE_REGEX) {
            item.key = nc_regex_literal_prefix(&scratch,
                r->pattern != NULL ? r->pattern->regex : r->path);
        }
        nc_vec_push(&trie, item);
    }

    if (exact.n + trie.n > 0) {
        ix = nc_pool_new(pool, nc_route_index_t);
    }

    if (exact.n > 0) {
        qsort(exact.items, exact.n, sizeof(item_t), by_key);
        build_exact(&b, &ix->exact, exact.items, exact.n);
    }

    if (trie.n > 0) {
        qsort(trie.items, trie.n, sizeof(item_t), by_key);
        ix->root = build_node(&b, trie.items, trie.n, 0);
    }

    nc_vec_fini(&exact);
    nc_vec_fini(&trie);
    nc_pool_fini(&scratch);

    return ix;
}


/* What a look-up carries along. */
typedef struct {
    const nc_route_t          *routes;
    const nc_route_request_t  *rq;
    bool                     (*holds)(const nc_route_t *r, const nc_route_request_t *rq);
    nc_str_t                   path;
    uint32_t                   best;
} find_t;


static void
try_list(find_t *f, const list_t *list)
{
    if (list == NULL) {
        return;
    }

    for (uint32_t i = 0; i < list->n && list->orders[i] < f->best; i++) {
        if (list->orders[i] == list->sure || f->holds(&f->routes[list->orders[i]], f->rq)) {
            f->best = list->orders[i];
            return;
        }
    }
}


/* The next node along the path, or NULL; *at is moved over its label. */
static const node_t *
step(const node_t *node, nc_str_t path, size_t *at)
{
    const uint8_t  *byte;
    const node_t   *child;

    if (node->n_children == 0 || *at == path.len) {
        return NULL;
    }

    byte = memchr(bytes_of(node), (uint8_t) path.data[*at], node->n_children);
    if (byte == NULL) {
        return NULL;
    }

    child = node->children[byte - bytes_of(node)];
    if (!nc_str_starts(nc_str_skip(path, *at), label_of(child))) {
        return NULL;
    }

    *at += child->label_len;

    return child;
}


static const node_t *
first_node(const node_t *root, nc_str_t path, size_t *at)
{
    if (root == NULL || !nc_str_starts(path, label_of(root))) {
        return NULL;
    }

    *at = root->label_len;

    return root;
}


static void
try_prefixes(find_t *f, const node_t *root)
{
    size_t  at = 0;

    for (const node_t *node = first_node(root, f->path, &at); node != NULL && node->min < f->best;
        node = step(node, f->path, &at))
    {
        try_list(f, node->prefix);

        if (at == f->path.len || f->path.data[at] == '/') {
            try_list(f, node->separated);
        }
    }
}


/* Tries the expressions of `n` lists in the order of the routes, until one holds. */
static void
merge(find_t *f, const list_t *const *lists, unsigned n)
{
    uint32_t  at[MERGE_MAX] = { 0 };

    for (;;) {
        unsigned           which = n;
        uint32_t           lowest = f->best;
        const nc_route_t  *r;

        for (unsigned i = 0; i < n; i++) {
            if (at[i] < lists[i]->n && lists[i]->orders[at[i]] < lowest) {
                lowest = lists[i]->orders[at[i]];
                which = i;
            }
        }

        if (which == n) {
            return;
        }

        at[which]++;
        r = &f->routes[lowest];

        if (nc_regex_match(r->regex, f->path) && f->holds(r, f->rq)) {
            f->best = lowest;
            return;
        }
    }
}


static void
try_regexes(find_t *f, const node_t *root)
{
    size_t         at = 0;
    unsigned       n = 0;
    const list_t  *lists[MERGE_MAX];

    for (const node_t *node = first_node(root, f->path, &at);
        node != NULL && node->regex_min < f->best; node = step(node, f->path, &at))
    {
        if (node->regex != NULL) {
            lists[n++] = node->regex;
        }

        if (n == MERGE_MAX) {
            merge(f, lists, n);
            n = 0;
        }
    }

    merge(f, lists, n);
}


uint32_t
nc_route_index_find(const nc_route_index_t *ix, const nc_route_t *routes, nc_str_t path,
    bool (*holds)(const nc_route_t *r, const nc_route_request_t *rq),
    const nc_route_request_t *rq, uint32_t best)
{
    find_t  f = { routes, rq, holds, path, best };

    if (ix->exact.n > 0) {
        try_list(&f, nc_table_get(&ix->exact, path));
    }

    try_prefixes(&f, ix->root);
    try_regexes(&f, ix->root);

    return f.best;
}
