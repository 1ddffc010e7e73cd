/*
 * stats.c: owners of stats, names to ids, and reading of single values.
 *
 * Invariant: an owner holds one reference per stat or group that it asked for, and one per scope
 * that it tagged.
 */
#include "stats/dict_priv.h"
#include "stats/sums_priv.h"

#include "base/vec.h"

/* Places of the usual codes among the common cells; 0..4 are the classes. */
#define AT(code, at)  [(code) - 100] = (at)

const uint8_t  nc_stats_code_place[500] = {
    AT(200, 5), AT(201, 6), AT(202, 7), AT(204, 8), AT(206, 9), AT(301, 10), AT(302, 11),
    AT(303, 12), AT(304, 13), AT(307, 14), AT(308, 15), AT(400, 16), AT(401, 17), AT(403, 18),
    AT(404, 19), AT(405, 20), AT(408, 21), AT(409, 22), AT(413, 23), AT(429, 24), AT(499, 25),
    AT(500, 26), AT(501, 27), AT(502, 28), AT(503, 29), AT(504, 30), AT(101, 31)
};

uint64_t  nc_stats_refused;

struct nc_stats_owner_s {
    NC_VEC(uint32_t)  groups;
    NC_VEC(uint32_t)  scopes;
};

nc_stats_owner_t *
nc_stats_owner_create(void)
{
    if (nc_arena.rows == NULL) {
        return NULL;
    }

    nc_dict_load();

    return nc_calloc(sizeof(nc_stats_owner_t));
}

void
nc_stats_owner_destroy(nc_stats_owner_t *owner)
{
    size_t  i;

    if (owner == NULL) {
        return;
    }

    for (i = 0; i < owner->groups.n; i++) {
        nc_dict_group_unref(owner->groups.items[i]);
    }

    for (i = 0; i < owner->scopes.n; i++) {
        nc_dict_scope_unref(owner->scopes.items[i]);
    }

    nc_vec_fini(&owner->groups);
    nc_vec_fini(&owner->scopes);
    free(owner);
}

void
nc_stats_sweep(void)
{
    if (nc_arena.rows != NULL) {
        nc_dict_load();
        nc_dict_sweep();
    }
}

/*
 * Cleans a name as Envoy does: no '.' at the ends, "://", ":/", ':' and bytes that no stat name
 * may hold become '_'. False: too long.
 */
static bool
clean(nc_str_t name, char *buf, nc_str_t *out)
{
    size_t  i, n = 0;

    while (name.len && name.data[name.len - 1] == '.') {
        name.len--;
    }

    while (name.len && name.data[0] == '.') {
        name = nc_str_skip(name, 1);
    }

    if (name.len > NC_NAME_MAX) {
        return false;
    }

    for (i = 0; i < name.len; i++) {
        unsigned char  c = (unsigned char) name.data[i];

        buf[n++] = (c == ':' || c < 0x20 || c == 0x7f) ? '_' : (char) c;

        if (c == ':' && i + 1 < name.len && name.data[i + 1] == '/') {
            i += i + 2 < name.len && name.data[i + 2] == '/' ? 2 : 1;
        }
    }

    *out = nc_str(buf, n);

    return true;
}

/* Splits "a.b.c" into scope "a.b" and suffix "c". */
static void
split(nc_str_t name, nc_str_t *scope, nc_str_t *suffix)
{
    size_t  i = name.len;

    while (i > 0 && name.data[i - 1] != '.') {
        i--;
    }

    *suffix = nc_str_skip(name, i);
    *scope = i ? nc_str(name.data, i - 1) : NC_STR("");
}

/* The group of one stat, with a reference that the owner keeps; 0: refused. */
static uint32_t
single(nc_stats_owner_t *owner, nc_str_t name, nc_stat_kind_t kind, nc_stats_unit_t unit,
    uint32_t *member)
{
    char      buf[NC_NAME_MAX];
    nc_str_t  full, prefix, suffix;
    uint32_t  scope, id;

    *member = 0;

    if (owner == NULL) {
        return 0;
    }

    if (!clean(name, buf, &full) || full.len == 0) {
        nc_stats_refused++;
        return 0;
    }

    split(full, &prefix, &suffix);
    scope = nc_dict_scope(prefix);

    if (scope == 0) {
        nc_stats_refused++;
        return 0;
    }

    nc_dict_scope_ref(scope);
    id = kind == NC_STAT_CODES ? 0 : nc_dict_find(scope, suffix, member);

    if (id) {
        nc_dict_group_ref(id);
    } else {
        id = nc_dict_single(scope, suffix, kind, unit);
        nc_stats_refused += id == 0;
    }

    nc_dict_scope_unref(scope);

    if (id) {
        nc_vec_push(&owner->groups, id);
    }

    return id;
}

/* The cell of one counter, gauge or histogram. */
static uint32_t
single_cell(nc_stats_owner_t *owner, nc_str_t name, nc_stat_kind_t kind, nc_stats_unit_t unit)
{
    const nc_arena_member_t  *m;
    const nc_arena_group_t   *g;
    uint32_t                  member, n, id = single(owner, name, kind, unit, &member);

    if (id == 0) {
        return 0;
    }

    g = &nc_arena.groups[id];

    if (g->type == 0) {
        if (g->kind == kind) {
            return g->base[0];
        }
    } else {
        m = nc_dict_members(g->type, &n);

        if (m[member].kind == kind) {
            return nc_dict_cell(g, &m[member]);
        }
    }

    nc_stats_refused++;                         /* that name is of another kind */

    return 0;
}

nc_counter_t
nc_stats_counter(nc_stats_owner_t *owner, nc_str_t name)
{
    return (nc_counter_t) { single_cell(owner, name, NC_STAT_COUNTER, NC_UNIT_NONE) };
}

nc_gauge_t
nc_stats_gauge(nc_stats_owner_t *owner, nc_str_t name)
{
    return (nc_gauge_t) { single_cell(owner, name, NC_STAT_GAUGE, NC_UNIT_NONE) };
}

nc_histogram_t
nc_stats_histogram(nc_stats_owner_t *owner, nc_str_t name, nc_stats_unit_t unit)
{
    return (nc_histogram_t) { single_cell(owner, name, NC_STAT_HISTOGRAM, unit) };
}

nc_text_t
nc_stats_text(nc_stats_owner_t *owner, nc_str_t name)
{
    uint32_t  member, id = single(owner, name, NC_STAT_TEXT, NC_UNIT_NONE, &member);

    if (id && (nc_arena.groups[id].type || nc_arena.groups[id].kind != NC_STAT_TEXT)) {
        nc_stats_refused++;
        id = 0;
    }

    return (nc_text_t) { id };
}

nc_codes_t
nc_stats_codes(nc_stats_owner_t *owner, nc_str_t name)
{
    uint32_t  member, id = single(owner, name, NC_STAT_CODES, NC_UNIT_NONE, &member);

    if (id == 0 || nc_arena.groups[id].kind != NC_STAT_CODES) {
        nc_stats_refused += id != 0;
        return (nc_codes_t) { 0, 0 };
    }

    return (nc_codes_t) { nc_arena.groups[id].base[0], nc_arena.groups[id].base[1] };
}

nc_rc_t
nc_text_set(nc_text_t t, nc_str_t value)
{
    nc_arena_group_t  *g;
    nc_arena_str_t     old, new;

    if (t.id == 0 || nc_arena.rows == NULL) {
        return NC_DECLINED;
    }

    g = &nc_arena.groups[t.id];
    old = (nc_arena_str_t) { g->base[0], g->base[1] };
    value.len = NC_MIN(value.len, (size_t) 1024);

    if (nc_str_eq(nc_arena_str(old), value)) {
        return NC_OK;
    }

    if (nc_dict_store(value, &new) != NC_OK) {
        return NC_DECLINED;
    }

    __atomic_store_n(&g->base[1], 0, __ATOMIC_RELEASE);
    __atomic_store_n(&g->base[0], new.at, __ATOMIC_RELEASE);
    __atomic_store_n(&g->base[1], new.len, __ATOMIC_RELEASE);
    nc_dict_unstore(old);

    return NC_OK;
}

void
nc_stats_group(nc_stats_owner_t *owner, const nc_stats_type_t *type, nc_str_t prefix,
    uint32_t *ids)
{
    const nc_arena_member_t  *m;
    char                      buf[NC_NAME_MAX];
    nc_str_t                  name;
    uint32_t                  t, scope = 0, id = 0, n, i;

    memset(ids, 0, type->n * sizeof(*ids));

    if (owner == NULL) {
        return;
    }

    t = nc_dict_type(type);

    if (t && clean(prefix, buf, &name)) {
        scope = nc_dict_scope(name);
    }

    if (scope) {
        nc_dict_scope_ref(scope);
        id = nc_dict_group(scope, t);
        nc_dict_scope_unref(scope);
    }

    if (id == 0) {
        nc_stats_refused++;
        return;
    }

    nc_vec_push(&owner->groups, id);
    m = nc_dict_members(t, &n);

    for (i = 0; i < n; i++) {
        ids[i] = nc_dict_cell(&nc_arena.groups[id], &m[i]);
    }
}

void
nc_stats_scope_tag(nc_stats_owner_t *owner, nc_str_t prefix, nc_str_t tag, nc_str_t value)
{
    char               buf[NC_NAME_MAX], value_buf[NC_NAME_MAX];
    nc_str_t           name, v;
    nc_arena_scope_t  *s;
    uint32_t           id;

    if (owner == NULL || !clean(prefix, buf, &name) || !clean(value, value_buf, &v)
        || !nc_str_ends(name, v) || tag.len == 0)
    {
        return;
    }

    id = nc_dict_scope(name);

    if (id == 0) {
        nc_stats_refused++;
        return;
    }

    nc_dict_scope_ref(id);
    nc_vec_push(&owner->scopes, id);
    s = &nc_arena.scopes[id];

    if (s->tag.len == 0) {
        s->value_at = (uint32_t) (name.len - v.len);

        if (nc_dict_store(tag, &s->tag) != NC_OK) {
            nc_stats_refused++;
        }
    }
}

static bool
readable(uint32_t cell)
{
    return nc_arena.head != NULL && cell >= NC_ARENA_DUMMY && cell < NC_ROW_CELLS;
}

uint64_t
nc_counter_value(nc_counter_t c)
{
    uint64_t  reset;

    if (!readable(c.id)) {
        return 0;
    }

    nc_arena_read(nc_arena_reset_row(), c.id, 1, &reset);

    return nc_arena_sum(c.id) - reset;
}

int64_t
nc_gauge_value(nc_gauge_t g)
{
    int64_t   sum = 0;
    uint64_t  v;
    unsigned  row;

    for (row = 0; readable(g.id) && row < nc_arena_process_rows(); row++) {
        nc_arena_read(row, g.id, 1, &v);
        sum += (int64_t) v >> 1;
    }

    return sum;
}

uint64_t
nc_histogram_count(nc_histogram_t h, uint64_t *sum)
{
    nc_hist_t  hist = { .count = 0 };

    if (readable(h.id)) {
        nc_hist_read(h.id, &hist);
    }

    if (sum) {
        *sum = hist.sum;
    }

    return hist.count;
}

/* A code counter "<family>_200" or "<family>_2xx" in `scope`. */
static bool
find_code(uint32_t scope, nc_str_t suffix, int64_t *value)
{
    uint32_t                 id, cell;
    const nc_arena_group_t  *g;
    unsigned                 code;
    const char              *c = suffix.data + suffix.len - 3;

    if (suffix.len < 5 || c[-1] != '_' || c[0] < '1' || c[0] > '5') {
        return false;
    }

    id = nc_dict_find_codes(scope, nc_str(suffix.data, suffix.len - 4));

    if (id == 0) {
        return false;
    }

    g = &nc_arena.groups[id];

    if (c[1] == 'x' && c[2] == 'x') {
        cell = g->base[0] + (uint32_t) (c[0] - '1');

    } else if (nc_is_digit(c[1]) && nc_is_digit(c[2])) {
        code = (unsigned) ((c[0] - '1') * 100 + (c[1] - '0') * 10 + (c[2] - '0'));
        cell = nc_stats_code_place[code] ? g->base[0] + nc_stats_code_place[code]
            : g->base[1] + code;

    } else {
        return false;
    }

    *value = (int64_t) nc_counter_value((nc_counter_t) { cell });

    return true;
}

bool
nc_stats_find(nc_str_t name, int64_t *value)
{
    nc_str_t                  prefix, suffix;
    const nc_arena_group_t   *g;
    const nc_arena_member_t  *m;
    uint32_t                  scope, id, member, n, cell, kind;

    nc_dict_load();

    if (nc_arena.head == NULL || name.len == 0) {
        return false;
    }

    split(name, &prefix, &suffix);
    scope = nc_dict_find_scope(prefix);
    id = scope ? nc_dict_find(scope, suffix, &member) : 0;

    if (id == 0) {
        return scope && find_code(scope, suffix, value);
    }

    g = &nc_arena.groups[id];

    if (g->type) {
        m = nc_dict_members(g->type, &n);
        cell = nc_dict_cell(g, &m[member]);
        kind = m[member].kind;
    } else {
        cell = g->base[0];
        kind = g->kind;
    }

    if (kind == NC_STAT_COUNTER) {
        *value = (int64_t) nc_counter_value((nc_counter_t) { cell });
        return true;
    }

    if (kind == NC_STAT_GAUGE) {
        *value = nc_gauge_value((nc_gauge_t) { cell });
        return true;
    }

    return false;
}

/* Adds to what counters had at the last reset what they count since. */
void
nc_stats_reset_counters(void)
{
    nc_sums_t  s;
    uint64_t  *row;
    uint32_t   i, k;

    if (nc_arena.rows == NULL) {
        return;
    }

    nc_sums_take(&s);
    row = nc_arena_row(nc_arena_reset_row());

    for (i = 0; i < s.n_counters; i++) {
        if (s.counters[i]) {
            row[NC_ZONE_COUNTERS + i] += s.counters[i];
        }
    }

    for (i = 0; i < s.n_rare; i++) {
        for (k = 0; s.rare[i] && k < NC_RARE_CODE_CELLS; k++) {
            if (s.rare[i][k]) {
                row[NC_ZONE_RARE_CODES + i * NC_RARE_CODE_CELLS + k] += s.rare[i][k];
            }
        }
    }

    nc_sums_drop(&s);
}
