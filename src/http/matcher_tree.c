/*
 * matcher_tree.c: see matcher_tree.h.
 *
 * Maps are hash tables; prefixes, ranges of addresses and names of hosts have one table for each
 * length that there is, asked from the longest to the shortest. A nested matcher without a result
 * lets its parent go on, as in Envoy.
 */
#include "http/matcher_tree.h"

#include "base/hash.h"
#include "http/cidr.h"
#include "http/matcher.h"

#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/wrappers.pb-c.h>
#include "xds/core/v3/cidr.pb-c.h"
#include "xds/core/v3/extension.pb-c.h"
#include "xds/type/matcher/v3/domain.pb-c.h"
#include "xds/type/matcher/v3/ip.pb-c.h"
#include "xds/type/matcher/v3/matcher.pb-c.h"

#define MATCHER(kind)   XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TYPE_##kind
#define ON(kind)        XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_##kind
#define TREE(kind)      XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__TREE_TYPE_##kind
#define PREDICATE(kind) XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__MATCH_TYPE_##kind
#define SINGLE(kind)  \
    XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_LIST__PREDICATE__SINGLE_PREDICATE__MATCHER_##kind

#define LENGTHS_MAX     65536u                  /* of keys */

typedef Xds__Type__Matcher__V3__Matcher                              matcher_msg_t;
typedef Xds__Type__Matcher__V3__Matcher__OnMatch                     on_msg_t;
typedef Xds__Type__Matcher__V3__Matcher__MatcherTree                 tree_msg_t;
typedef Xds__Type__Matcher__V3__Matcher__MatcherTree__MatchMap       map_msg_t;
typedef Xds__Type__Matcher__V3__Matcher__MatcherList__Predicate      predicate_msg_t;
typedef Xds__Type__Matcher__V3__Matcher__MatcherList__Predicate__SinglePredicate  single_msg_t;
typedef Xds__Core__V3__TypedExtensionConfig                          extension_msg_t;

typedef struct {
    const nc_match_input_ops_t  *ops;
    const void                  *conf;
} input_t;

typedef struct predicate_s  predicate_t;

struct predicate_s {
    enum { IS_STRING, IS_CUSTOM, IS_OR, IS_AND, IS_NOT } kind;
    input_t                        input;
    nc_string_matcher_t            string;
    const nc_input_matcher_ops_t  *ops;         /* IS_CUSTOM */
    const void                    *conf;
    const predicate_t             *parts;
    uint32_t                       n;
};

typedef struct {
    const nc_matcher_t  *matcher;               /* NULL: `action` */
    const void          *action;
    bool                 keep;
    bool                 exclusive;             /* no shorter range is tried */
} on_t;

typedef struct {
    predicate_t  predicate;
    on_t         on;
} field_t;

/* Keys of one length. */
typedef struct {
    size_t      len;
    nc_table_t  keys;                           /* to on_t */
} level_t;

struct nc_matcher_s {
    enum { EMPTY, LIST, EXACT, PREFIX, ADDRESS, DOMAIN } kind;
    input_t         input;
    const field_t  *fields;                     /* LIST */
    uint32_t        n_fields;
    nc_table_t      exact;                      /* EXACT, DOMAIN */
    const level_t  *levels;                     /* PREFIX, ADDRESS, DOMAIN: the longest first */
    uint32_t        n_levels;
    const on_t     *any;                        /* DOMAIN: "*" */
    const on_t     *otherwise;                  /* on_no_match */
};

typedef struct {
    nc_compile_t        *cc;
    nc_match_action_fn  *action;
    void                *ctx;
} build_t;

typedef struct {
    nc_str_t    key;
    const on_t  *on;
    const struct ProtobufCMessage  *message;
} entry_t;


static nc_matcher_t *compile(build_t *b, const matcher_msg_t *msg);


/* ---- compile ---- */

static bool
compile_input(build_t *b, const struct ProtobufCMessage *parent, const extension_msg_t *msg,
    input_t *in)
{
    const nc_module_t  *module = NULL;
    unsigned            before = b->cc->errors->n;

    if (msg == NULL) {
        nc_compile_error(b->cc, parent, "input", "is required");
        return false;
    }

    in->conf = b->cc->extension(b->cc, NC_MATCH_INPUT, msg->name,
        (const struct ProtobufCMessage *) msg->typed_config, &module);
    in->ops = module != NULL ? module->ops : NULL;

    return in->ops != NULL && b->cc->errors->n == before;
}


static bool
compile_on(build_t *b, const on_msg_t *msg, on_t *on)
{
    const struct ProtobufCMessage  *inner;

    on->keep = msg->keep_matching;

    switch (msg->on_match_case) {

    case ON(MATCHER):
        on->matcher = compile(b, msg->matcher);
        return on->matcher != NULL;

    case ON(ACTION):
        inner = b->cc->unpack(b->cc, msg->action->name,
            (const struct ProtobufCMessage *) msg->action->typed_config);
        on->action = inner ? b->action(b->cc, b->ctx, msg->action->name, inner) : NULL;
        return on->action != NULL;

    default:
        nc_compile_error(b->cc, &msg->base, "", "one of matcher, action is required");
        return false;
    }
}


static const on_t *
new_on(build_t *b, const struct ProtobufCMessage *parent, const on_msg_t *msg)
{
    on_t  *on = nc_pool_new(b->cc->pool, on_t);

    if (msg == NULL) {
        nc_compile_error(b->cc, parent, "on_match", "is required");
        return NULL;
    }

    return compile_on(b, msg, on) ? on : NULL;
}


static bool
compile_single(build_t *b, const single_msg_t *msg, predicate_t *p)
{
    bool                ok = compile_input(b, &msg->base, msg->input, &p->input);
    const nc_module_t  *module = NULL;
    unsigned            before = b->cc->errors->n;

    switch (msg->matcher_case) {

    case SINGLE(VALUE_MATCH):
        p->kind = IS_STRING;
        return nc_xds_string_matcher_compile(b->cc, msg->value_match, &p->string) == NC_OK && ok;

    case SINGLE(CUSTOM_MATCH):
        p->kind = IS_CUSTOM;
        p->conf = b->cc->extension(b->cc, NC_INPUT_MATCHER, msg->custom_match->name,
            (const struct ProtobufCMessage *) msg->custom_match->typed_config, &module);
        p->ops = module != NULL ? module->ops : NULL;
        return p->ops != NULL && b->cc->errors->n == before && ok;

    default:
        nc_compile_error(b->cc, &msg->base, "", "one of value_match, custom_match is required");
        return false;
    }
}


static bool
compile_predicate(build_t *b, const predicate_msg_t *msg, predicate_t *p)
{
    bool                    ok = true;
    predicate_t            *parts;
    predicate_msg_t *const *msgs = NULL;

    switch (msg->match_type_case) {

    case PREDICATE(SINGLE_PREDICATE):
        return compile_single(b, msg->single_predicate, p);

    case PREDICATE(OR_MATCHER):
        p->kind = IS_OR;
        p->n = (uint32_t) msg->or_matcher->n_predicate;
        msgs = msg->or_matcher->predicate;
        break;

    case PREDICATE(AND_MATCHER):
        p->kind = IS_AND;
        p->n = (uint32_t) msg->and_matcher->n_predicate;
        msgs = msg->and_matcher->predicate;
        break;

    case PREDICATE(NOT_MATCHER):
        p->kind = IS_NOT;
        p->n = 1;
        msgs = &msg->not_matcher;
        break;

    default:
        nc_compile_error(b->cc, &msg->base, "",
            "one of single_predicate, or_matcher, and_matcher, not_matcher is required");
        return false;
    }

    parts = nc_pool_array(b->cc->pool, p->n, sizeof(*parts));

    for (uint32_t i = 0; i < p->n; i++) {
        ok = compile_predicate(b, msgs[i], &parts[i]) && ok;
    }

    p->parts = parts;

    return ok;
}


static bool
compile_list(build_t *b, const Xds__Type__Matcher__V3__Matcher__MatcherList *msg, nc_matcher_t *m)
{
    bool      ok = true;
    field_t  *fields = nc_pool_array(b->cc->pool, msg->n_matchers, sizeof(*fields));

    for (size_t i = 0; i < msg->n_matchers; i++) {
        if (msg->matchers[i]->predicate == NULL || msg->matchers[i]->on_match == NULL) {
            nc_compile_error(b->cc, &msg->matchers[i]->base, "",
                "predicate and on_match are required");
            ok = false;
            continue;
        }

        ok = compile_predicate(b, msg->matchers[i]->predicate, &fields[i].predicate) && ok;
        ok = compile_on(b, msg->matchers[i]->on_match, &fields[i].on) && ok;
    }

    m->kind = LIST;
    m->fields = fields;
    m->n_fields = (uint32_t) msg->n_matchers;

    return ok;
}


static int
longest_first(const void *a, const void *b)
{
    const entry_t  *x = a, *y = b;

    return x->key.len != y->key.len ? (x->key.len > y->key.len ? -1 : 1)
                                    : nc_str_cmp(x->key, y->key);
}


/* One table for each length among the entries, which are sorted here. */
static bool
make_levels(build_t *b, entry_t *entries, size_t n, nc_matcher_t *m)
{
    size_t    from = 0;
    level_t  *levels = nc_pool_array(b->cc->pool, n, sizeof(*levels));

    if (n > 1) {
        qsort(entries, n, sizeof(*entries), longest_first);
    }

    for (size_t i = 1; i <= n; i++) {
        level_t  *l = &levels[m->n_levels];

        if (i < n && entries[i].key.len == entries[from].key.len) {
            continue;
        }

        l->len = entries[from].key.len;
        nc_table_init(&l->keys, b->cc->pool, i - from);

        for (; from < i; from++) {
            if (nc_table_add(&l->keys, entries[from].key, entries[from].on) != NC_OK) {
                nc_compile_error(b->cc, entries[from].message, "", "stands there twice");
                return false;
            }
        }
        m->n_levels++;
    }

    m->levels = levels;

    return true;
}


static bool
compile_map(build_t *b, const map_msg_t *msg, bool exact, nc_matcher_t *m)
{
    bool      ok = true;
    entry_t  *entries = nc_calloc((msg->n_map + 1) * sizeof(*entries));

    m->kind = exact ? EXACT : PREFIX;

    for (size_t i = 0; i < msg->n_map; i++) {
        entries[i].key = nc_pool_str(b->cc->pool, nc_str_c(msg->map[i]->key));
        entries[i].on = new_on(b, &msg->base, msg->map[i]->value);
        entries[i].message = &msg->base;
        ok = entries[i].on != NULL && ok;
    }

    if (ok && exact) {
        nc_table_init(&m->exact, b->cc->pool, msg->n_map);
        for (size_t i = 0; i < msg->n_map; i++) {
            nc_table_add(&m->exact, entries[i].key, entries[i].on);
        }
    } else if (ok) {
        ok = make_levels(b, entries, msg->n_map, m);
    }

    free(entries);

    return ok;
}


/*
 * Key of a range: its bits in whole bytes, with the family and the number of bits behind them, so
 * that longer ranges have longer keys or are told apart by the last byte.
 */
static nc_str_t
range_key(nc_pool_t *pool, const uint8_t *bytes, bool is_v6, unsigned bits)
{
    unsigned  whole = (bits + 7) / 8;
    uint8_t  *key = nc_pool_alloc(pool, 18);

    memcpy(key, bytes, whole);
    key[whole] = is_v6 ? 6 : 4;
    if (bits % 8 != 0) {
        key[whole - 1] = (uint8_t) (key[whole - 1] & (0xff00u >> (bits % 8)));
    }

    return nc_str((char *) key, whole + 1);
}


typedef struct {
    unsigned    bits;
    bool        is_v6;
    entry_t     entry;
} range_t;


static int
most_bits_first(const void *a, const void *b)
{
    const range_t  *x = a, *y = b;

    return x->bits != y->bits ? (x->bits > y->bits ? -1 : 1) : (int) x->is_v6 - (int) y->is_v6;
}


/* One level for each number of bits; level.len is that number. */
static void
make_range_levels(build_t *b, range_t *ranges, size_t n, nc_matcher_t *m)
{
    size_t    from = 0;
    level_t  *levels = nc_pool_array(b->cc->pool, n, sizeof(*levels));

    if (n > 1) {
        qsort(ranges, n, sizeof(*ranges), most_bits_first);
    }

    for (size_t i = 1; i <= n; i++) {
        level_t  *l = &levels[m->n_levels];

        if (i < n && ranges[i].bits == ranges[from].bits) {
            continue;
        }

        l->len = ranges[from].bits;
        nc_table_init(&l->keys, b->cc->pool, i - from);
        for (; from < i; from++) {
            nc_table_add(&l->keys, ranges[from].entry.key, ranges[from].entry.on);
        }
        m->n_levels++;
    }

    m->levels = levels;
}


static bool
compile_ranges(build_t *b, const Xds__Type__Matcher__V3__IPMatcher *msg, nc_matcher_t *m)
{
    bool      ok = true;
    size_t    n = 0, at = 0;
    range_t  *ranges;

    for (size_t i = 0; i < msg->n_range_matchers; i++) {
        n += msg->range_matchers[i]->n_ranges;
    }

    ranges = nc_calloc((n + 1) * sizeof(*ranges));
    m->kind = ADDRESS;

    for (size_t i = 0; i < msg->n_range_matchers; i++) {
        const Xds__Type__Matcher__V3__IPMatcher__IPRangeMatcher  *r = msg->range_matchers[i];
        nc_cidrs_t                                                list;
        on_t                                                     *on;

        on = (on_t *) new_on(b, &r->base, r->on_match);
        ok = nc_xds_cidrs_compile(b->cc, r->ranges, r->n_ranges, &list) == NC_OK && on && ok;

        if (on != NULL) {
            on->exclusive = r->exclusive;
        }

        for (uint32_t j = 0; ok && j < list.n; j++, at++) {
            ranges[at].bits = list.items[j].bits;
            ranges[at].is_v6 = list.items[j].is_v6;
            ranges[at].entry.on = on;
            ranges[at].entry.key = range_key(b->cc->pool, list.items[j].prefix,
                list.items[j].is_v6, list.items[j].bits);
        }
    }

    if (ok) {
        make_range_levels(b, ranges, at, m);
    }

    free(ranges);

    return ok;
}


static nc_str_t
lower(nc_pool_t *pool, nc_str_t s)
{
    char  *p = nc_pool_alloc(pool, s.len + 1);

    for (size_t i = 0; i < s.len; i++) {
        p[i] = nc_lower(s.data[i]);
    }

    return nc_str(p, s.len);
}


static bool
compile_domains(build_t *b, const Xds__Type__Matcher__V3__ServerNameMatcher *msg, nc_matcher_t *m)
{
    bool      ok = true;
    size_t    n = 0, n_wild = 0;
    entry_t  *wild;

    for (size_t i = 0; i < msg->n_domain_matchers; i++) {
        n += msg->domain_matchers[i]->n_domains;
    }

    wild = nc_calloc((n + 1) * sizeof(*wild));
    nc_table_init(&m->exact, b->cc->pool, n);
    m->kind = DOMAIN;

    for (size_t i = 0; i < msg->n_domain_matchers; i++) {
        const Xds__Type__Matcher__V3__ServerNameMatcher__DomainMatcher  *d
            = msg->domain_matchers[i];
        const on_t  *on = new_on(b, &d->base, d->on_match);

        ok = on != NULL && ok;

        for (size_t j = 0; on != NULL && j < d->n_domains; j++) {
            nc_str_t  name = lower(b->cc->pool, nc_str_c(d->domains[j]));
            bool      twice = false;

            if (nc_str_eq(name, NC_STR("*"))) {
                twice = m->any != NULL;
                m->any = on;
            } else if (nc_str_starts(name, NC_STR("*."))) {
                wild[n_wild++] = (entry_t) { nc_str_skip(name, 1), on, &d->base };
            } else {
                twice = nc_table_add(&m->exact, name, on) != NC_OK;
            }

            if (twice) {
                nc_compile_error(b->cc, &d->base, "domains", "'%s' stands there twice",
                    d->domains[j]);
                ok = false;
            }
        }
    }

    ok = make_levels(b, wild, n_wild, m) && ok;
    free(wild);

    return ok;
}


static bool
compile_custom(build_t *b, const extension_msg_t *msg, nc_matcher_t *m)
{
    const struct ProtobufCMessage  *inner = b->cc->unpack(b->cc, msg->name,
        (const struct ProtobufCMessage *) msg->typed_config);

    if (inner == NULL) {
        return false;
    }

    if (inner->descriptor == &xds__type__matcher__v3__ipmatcher__descriptor) {
        return compile_ranges(b, (const void *) inner, m);
    }

    if (inner->descriptor == &xds__type__matcher__v3__server_name_matcher__descriptor) {
        return compile_domains(b, (const void *) inner, m);
    }

    nc_compile_error(b->cc, &msg->base, "typed_config", "%s is no tree; IPMatcher and "
        "ServerNameMatcher are", inner->descriptor->name);

    return false;
}


static bool
compile_tree(build_t *b, const tree_msg_t *msg, nc_matcher_t *m)
{
    bool  ok = compile_input(b, &msg->base, msg->input, &m->input);

    switch (msg->tree_type_case) {

    case TREE(EXACT_MATCH_MAP):
        return compile_map(b, msg->exact_match_map, true, m) && ok;

    case TREE(PREFIX_MATCH_MAP):
        return compile_map(b, msg->prefix_match_map, false, m) && ok;

    case TREE(CUSTOM_MATCH):
        return compile_custom(b, msg->custom_match, m) && ok;

    default:
        nc_compile_error(b->cc, &msg->base, "",
            "one of exact_match_map, prefix_match_map, custom_match is required");
        return false;
    }
}


static nc_matcher_t *
compile(build_t *b, const matcher_msg_t *msg)
{
    bool           ok = true;
    nc_matcher_t  *m = nc_pool_new(b->cc->pool, nc_matcher_t);

    switch (msg->matcher_type_case) {

    case MATCHER(MATCHER_LIST):
        ok = compile_list(b, msg->matcher_list, m);
        break;

    case MATCHER(MATCHER_TREE):
        ok = compile_tree(b, msg->matcher_tree, m);
        break;

    default:
        m->kind = EMPTY;
        break;
    }

    if (msg->on_no_match != NULL) {
        m->otherwise = new_on(b, &msg->base, msg->on_no_match);
        ok = m->otherwise != NULL && ok;
    }

    return ok ? m : NULL;
}


const nc_matcher_t *
nc_matcher_compile(nc_compile_t *cc, const struct Xds__Type__Matcher__V3__Matcher *msg,
    nc_match_action_fn *action, void *ctx)
{
    build_t  b = { cc, action, ctx };

    return compile(&b, msg);
}


/* ---- look-up ---- */

static nc_match_value_t
get(const input_t *in, const nc_match_data_t *d)
{
    nc_match_value_t  v = { .text = NC_STR_NULL };

    in->ops->get(in->conf, d, &v);

    return v;
}


static nc_rc_t
holds(const predicate_t *p, const nc_match_data_t *d)
{
    nc_rc_t           rc, end = p->kind == IS_OR ? NC_DECLINED : NC_OK;
    nc_match_value_t  v;

    switch (p->kind) {

    case IS_STRING:
        v = get(&p->input, d);
        return v.text.data != NULL ? nc_string_matcher_exec(&p->string, v.text) : NC_DECLINED;

    case IS_CUSTOM:
        v = get(&p->input, d);
        return p->ops->match(p->conf, d, &v);

    case IS_NOT:
        rc = holds(p->parts, d);
        return rc == NC_ERROR ? NC_ERROR : rc == NC_OK ? NC_DECLINED : NC_OK;

    default:
        for (uint32_t i = 0; i < p->n; i++) {
            rc = holds(&p->parts[i], d);

            if (rc == (p->kind == IS_OR ? NC_OK : NC_DECLINED)) {
                return rc;
            }
            end = rc == NC_ERROR ? NC_ERROR : end;
        }
        return end;
    }
}


/* NC_DECLINED: there is no result, go on. */
static nc_rc_t
take(const on_t *on, const nc_match_data_t *d, const void **action)
{
    nc_rc_t  rc;

    *action = on->action;

    if (on->matcher != NULL) {
        rc = nc_matcher_exec(on->matcher, d, action);
        if (rc != NC_OK) {
            return rc;
        }
    }

    if (!on->keep) {
        return NC_OK;
    }

    if (d->kept != NULL) {
        d->kept(d->ctx, *action);
    }

    return NC_DECLINED;
}


static nc_rc_t
try_list(const nc_matcher_t *m, const nc_match_data_t *d, const void **action)
{
    for (uint32_t i = 0; i < m->n_fields; i++) {
        nc_rc_t  rc = holds(&m->fields[i].predicate, d);

        if (rc == NC_OK) {
            rc = take(&m->fields[i].on, d, action);
        }

        if (rc != NC_DECLINED) {
            return rc;
        }
    }

    return NC_DECLINED;
}


static nc_rc_t
try_found(const on_t *on, const nc_match_data_t *d, const void **action)
{
    return on != NULL ? take(on, d, action) : NC_DECLINED;
}


static nc_rc_t
try_prefixes(const nc_matcher_t *m, const nc_match_data_t *d, nc_str_t text, const void **action)
{
    for (uint32_t i = 0; i < m->n_levels; i++) {
        nc_rc_t  rc = NC_DECLINED;

        if (m->levels[i].len <= text.len) {
            rc = try_found(nc_table_get(&m->levels[i].keys, nc_str(text.data, m->levels[i].len)),
                d, action);
        }

        if (rc != NC_DECLINED) {
            return rc;
        }
    }

    return NC_DECLINED;
}


static nc_rc_t
try_ranges(const nc_matcher_t *m, const nc_match_data_t *d, const nc_match_value_t *v,
    const void **action)
{
    bool            is_v6;
    nc_addr_t       a;
    nc_peer_t       parsed;
    const uint8_t  *bytes;
    const nc_peer_t  *p = v->address;

    if (p == NULL) {
        if (v->text.data == NULL || nc_addr_parse_ip(&a, v->text, 0) != NC_OK) {
            return NC_DECLINED;
        }
        nc_peer_from(&parsed, &a.sa, a.len);
        p = &parsed;
    }

    is_v6 = p->sa.sa_family == AF_INET6;
    if (!is_v6 && p->sa.sa_family != AF_INET) {
        return NC_DECLINED;
    }

    bytes = is_v6 ? (const void *) &p->in6.sin6_addr : (const void *) &p->in.sin_addr;

    for (uint32_t i = 0; i < m->n_levels; i++) {
        nc_rc_t      rc;
        const on_t  *on;

        if (m->levels[i].len > (is_v6 ? 128 : 32)) {
            continue;
        }

        on = nc_table_get(&m->levels[i].keys,
            range_key(d->pool, bytes, is_v6, (unsigned) m->levels[i].len));
        rc = try_found(on, d, action);

        if (rc != NC_DECLINED || (on != NULL && on->exclusive)) {
            return rc;
        }
    }

    return NC_DECLINED;
}


static nc_rc_t
try_domains(const nc_matcher_t *m, const nc_match_data_t *d, nc_str_t text, const void **action)
{
    nc_str_t  name = lower(d->pool, text);
    nc_rc_t   rc = try_found(nc_table_get(&m->exact, name), d, action);

    for (uint32_t i = 0; rc == NC_DECLINED && i < m->n_levels; i++) {
        if (m->levels[i].len < name.len) {
            rc = try_found(nc_table_get(&m->levels[i].keys,
                nc_str_skip(name, name.len - m->levels[i].len)), d, action);
        }
    }

    return rc == NC_DECLINED ? try_found(m->any, d, action) : rc;
}


nc_rc_t
nc_matcher_exec(const nc_matcher_t *m, const nc_match_data_t *d, const void **action)
{
    nc_rc_t           rc = NC_DECLINED;
    nc_match_value_t  v = { .text = NC_STR_NULL };

    *action = NULL;

    if (m->input.ops != NULL) {
        v = get(&m->input, d);
    }

    switch (m->kind) {

    case EMPTY:
        break;

    case LIST:
        rc = try_list(m, d, action);
        break;

    case EXACT:
        rc = v.text.data != NULL ? try_found(nc_table_get(&m->exact, v.text), d, action) : rc;
        break;

    case PREFIX:
        rc = v.text.data != NULL ? try_prefixes(m, d, v.text, action) : rc;
        break;

    case ADDRESS:
        rc = try_ranges(m, d, &v, action);
        break;

    case DOMAIN:
        rc = v.text.data != NULL ? try_domains(m, d, v.text, action) : rc;
        break;
    }

    if (rc == NC_DECLINED && m->otherwise != NULL) {
        rc = take(m->otherwise, d, action);
    }

    return rc;
}
