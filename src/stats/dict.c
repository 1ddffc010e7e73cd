/*
 * dict.c: scopes and groups of stats; text and types are in text.c.
 *
 * Invariants:
 *  1. A record is live when its `live` word says so; that word is written last when it is made and
 *     first when it goes, so a helper that dies in between leaves no half.
 *  2. Cells of a free range are zero: they are cleared when they are given back, and once more in
 *     all gaps when a helper reads the tables of another one.
 */
#include "stats/dict_priv.h"

#include "base/hash.h"
#include "base/vec.h"
#include "stats/flush_priv.h"
#include "stats/ranges_priv.h"
#include "stats/text_priv.h"

typedef struct {
    uint32_t  refs;
    uint32_t  next;                             /* in the same scope */
} group_state_t;

typedef struct {
    uint32_t  refs;                             /* groups and declared tags */
    uint32_t  first;                            /* group */
} scope_state_t;

static struct {
    bool                   loaded;
    nc_map_t               scopes;              /* by name */
    nc_map_t               groups;              /* by scope, type, suffix */
    NC_VEC(group_state_t)  group_states;
    NC_VEC(scope_state_t)  scope_states;
    NC_VEC(uint32_t)       free_groups;
    NC_VEC(uint32_t)       free_scopes;
    NC_VEC(uint32_t)       leaving;             /* groups released while pinned */
    nc_ranges_t            counters;
    nc_ranges_t            rare_codes;
    nc_ranges_t            gauges;
    nc_ranges_t            histograms;
    unsigned               pins;
} dict;

void
nc_dict_reset(void)
{
    if (!dict.loaded) {
        return;
    }

    nc_text_reset();
    nc_map_fini(&dict.scopes);
    nc_map_fini(&dict.groups);
    nc_vec_fini(&dict.group_states);
    nc_vec_fini(&dict.scope_states);
    nc_vec_fini(&dict.free_groups);
    nc_vec_fini(&dict.free_scopes);
    nc_vec_fini(&dict.leaving);
    nc_ranges_fini(&dict.counters);
    nc_ranges_fini(&dict.rare_codes);
    nc_ranges_fini(&dict.gauges);
    nc_ranges_fini(&dict.histograms);
    memset(&dict, 0, sizeof(dict));
}

static inline void *
as_value(uint32_t id)
{
    return (void *) (uintptr_t) id;
}

static inline uint32_t
as_id(const void *value)
{
    return (uint32_t) (uintptr_t) value;
}

/* Key of a group among all: scope, type and, for a single stat, its suffix. */
static nc_str_t
group_key(char *buf, uint32_t scope, uint32_t type, nc_str_t suffix)
{
    memcpy(buf, &scope, 4);
    memcpy(buf + 4, &type, 4);
    memcpy(buf + 8, suffix.data ? suffix.data : "", suffix.len);

    return nc_str(buf, 8 + suffix.len);
}


/* Scopes. */

uint32_t
nc_dict_find_scope(nc_str_t name)
{
    return as_id(nc_map_get(&dict.scopes, name));
}

uint32_t
nc_dict_scope(nc_str_t name)
{
    nc_arena_scope_t  *s;
    nc_arena_str_t     text;
    uint32_t           id = nc_dict_find_scope(name);

    if (id) {
        return id;
    }

    if ((dict.free_scopes.n == 0 && nc_arena.head->scopes >= NC_ARENA_SCOPES)
        || nc_dict_store(name, &text) != NC_OK)
    {
        return 0;
    }

    if (dict.free_scopes.n) {
        id = dict.free_scopes.items[--dict.free_scopes.n];
    } else {
        id = nc_arena.head->scopes;
        nc_vec_push(&dict.scope_states, ((scope_state_t) { 0, 0 }));
    }

    s = &nc_arena.scopes[id];
    *s = (nc_arena_scope_t) { .name = text };
    __atomic_store_n(&s->live, 1, __ATOMIC_RELEASE);

    if (id == nc_arena.head->scopes) {
        __atomic_store_n(&nc_arena.head->scopes, id + 1, __ATOMIC_RELEASE);
    }

    nc_map_set(&dict.scopes, name, as_value(id));

    return id;
}

void
nc_dict_scope_ref(uint32_t scope)
{
    dict.scope_states.items[scope].refs++;
}

void
nc_dict_scope_unref(uint32_t scope)
{
    nc_arena_scope_t  *s = &nc_arena.scopes[scope];

    if (NC_BUG_ON(dict.scope_states.items[scope].refs == 0)
        || --dict.scope_states.items[scope].refs > 0)
    {
        return;
    }

    nc_map_del(&dict.scopes, nc_arena_str(s->name));
    __atomic_store_n(&s->live, 0, __ATOMIC_RELEASE);
    nc_dict_unstore(s->tag);
    nc_dict_unstore(s->name);
    nc_vec_push(&dict.free_scopes, scope);
}


/* Groups. */

/* How many cells of each kind a group has. */
typedef struct {
    uint32_t  counters;
    uint32_t  rare_codes;
    uint32_t  gauges;
    uint32_t  histograms;
} need_t;

static void
need_one(need_t *need, unsigned kind)
{
    switch (kind) {
    case NC_STAT_COUNTER:
        need->counters++;
        break;
    case NC_STAT_GAUGE:
        need->gauges++;
        break;
    case NC_STAT_HISTOGRAM:
        need->histograms++;
        break;
    case NC_STAT_CODES:
        need->counters += NC_CODES_COMMON;
        need->rare_codes++;
        break;
    default:
        break;
    }
}

static need_t
need_of(const nc_arena_group_t *g)
{
    const nc_arena_member_t  *m;
    need_t                    need = { 0 };
    uint32_t                  n, i;

    if (g->type == 0) {
        need_one(&need, g->kind);
        return need;
    }

    m = nc_dict_members(g->type, &n);

    for (i = 0; i < n; i++) {
        need_one(&need, m[i].kind);
    }

    return need;
}

/* Where the cells of a group lie, as indices into their zones. */
typedef struct {
    nc_ranges_t  *ranges;
    uint32_t     *base;                         /* in the group's record */
    uint32_t      zone;
    uint32_t      cells;                        /* per index */
    uint32_t      n;
} part_t;

#define PARTS  4

static void
parts_of(nc_arena_group_t *g, part_t *parts)
{
    need_t  need = need_of(g);
    bool    single = g->type == 0;

    parts[0] = (part_t) { &dict.counters, &g->base[0], NC_ZONE_COUNTERS, 1, need.counters };
    parts[1] = (part_t) { &dict.gauges, &g->base[single ? 0 : 1], NC_ZONE_GAUGES, 1,
        need.gauges };
    parts[2] = (part_t) { &dict.histograms, &g->base[single ? 0 : 2], NC_ZONE_HISTOGRAMS,
        NC_HISTOGRAM_CELLS, need.histograms };
    parts[3] = (part_t) { &dict.rare_codes, &g->base[1], NC_ZONE_RARE_CODES, NC_RARE_CODE_CELLS,
        need.rare_codes };
}

/* Tells readers how far the zones are in use. */
static void
note_tops(void)
{
    __atomic_store_n(&nc_arena.head->counters, dict.counters.top, __ATOMIC_RELEASE);
    __atomic_store_n(&nc_arena.head->gauges, dict.gauges.top, __ATOMIC_RELEASE);
    __atomic_store_n(&nc_arena.head->histograms, dict.histograms.top, __ATOMIC_RELEASE);
    __atomic_store_n(&nc_arena.head->rare_codes, dict.rare_codes.top, __ATOMIC_RELEASE);
}

static void
give_cells(nc_arena_group_t *g, unsigned n_parts)
{
    part_t    parts[PARTS];
    unsigned  i;
    uint32_t  k;

    parts_of(g, parts);

    for (i = 0; i < n_parts; i++) {
        part_t   *p = &parts[i];
        uint32_t  at = (*p->base - p->zone) / p->cells;

        if (p->n == 0) {
            continue;
        }

        nc_arena_clear(*p->base, p->n * p->cells);
        nc_ranges_give(p->ranges, at, p->n);

        for (k = 0; p->zone == NC_ZONE_HISTOGRAMS && k < p->n; k++) {
            nc_flush_forget(at + k);
        }
    }

    note_tops();
}

static bool
take_cells(nc_arena_group_t *g)
{
    part_t    parts[PARTS];
    unsigned  i;

    parts_of(g, parts);

    for (i = 0; i < PARTS; i++) {
        part_t   *p = &parts[i];
        uint32_t  at = p->n ? nc_ranges_take(p->ranges, p->n) : 0;

        if (at == NC_RANGES_FULL) {
            give_cells(g, i);
            return false;
        }

        if (p->n) {
            *p->base = p->zone + at * p->cells;
        }
    }

    note_tops();

    return true;
}

uint32_t
nc_dict_cell(const nc_arena_group_t *g, const nc_arena_member_t *m)
{
    switch (m->kind) {
    case NC_STAT_COUNTER:
        return g->base[0] + m->index;
    case NC_STAT_GAUGE:
        return g->base[1] + m->index;
    case NC_STAT_HISTOGRAM:
        return g->base[2] + m->index * NC_HISTOGRAM_CELLS;
    default:
        return 0;
    }
}

static void
link_group(uint32_t id)
{
    scope_state_t  *s = &dict.scope_states.items[nc_arena.groups[id].scope];

    dict.group_states.items[id].next = s->first;
    s->first = id;
    s->refs++;
}

static void
unlink_group(uint32_t id)
{
    scope_state_t  *s = &dict.scope_states.items[nc_arena.groups[id].scope];
    uint32_t       *at = &s->first;

    while (*at != id) {
        at = &dict.group_states.items[*at].next;
    }

    *at = dict.group_states.items[id].next;
}

/* Makes a group; `record` lacks cells and suffix text. 0: no room. */
static uint32_t
make_group(nc_arena_group_t record, nc_str_t suffix)
{
    char      key[8 + NC_NAME_MAX];
    uint32_t  id = dict.free_groups.n ? dict.free_groups.items[dict.free_groups.n - 1]
        : nc_arena.head->groups;

    if (id >= NC_ARENA_GROUPS || nc_dict_store(suffix, &record.suffix) != NC_OK) {
        return 0;
    }

    if (!take_cells(&record)) {
        nc_dict_unstore(record.suffix);
        return 0;
    }

    if (dict.free_groups.n) {
        dict.free_groups.n--;
    } else {
        nc_vec_push(&dict.group_states, ((group_state_t) { 0, 0 }));
    }

    nc_arena.groups[id] = record;
    __atomic_store_n(&nc_arena.groups[id].live, 1, __ATOMIC_RELEASE);

    if (id == nc_arena.head->groups) {
        __atomic_store_n(&nc_arena.head->groups, id + 1, __ATOMIC_RELEASE);
    }

    nc_map_set(&dict.groups, group_key(key, record.scope, record.type, suffix), as_value(id));
    link_group(id);

    return id;
}

static uint32_t
get_group(uint32_t scope, uint32_t type, nc_str_t suffix, nc_stat_kind_t kind,
    nc_stats_unit_t unit)
{
    char      key[8 + NC_NAME_MAX];
    uint32_t  id;

    if (suffix.len > NC_NAME_MAX) {
        return 0;
    }

    id = as_id(nc_map_get(&dict.groups, group_key(key, scope, type, suffix)));

    if (id == 0) {
        id = make_group((nc_arena_group_t) { .scope = scope, .type = (uint16_t) type,
            .kind = (uint8_t) kind, .unit = (uint8_t) unit }, suffix);
    }

    if (id) {
        dict.group_states.items[id].refs++;
    }

    return id;
}

uint32_t
nc_dict_group(uint32_t scope, uint32_t type)
{
    return get_group(scope, type, NC_STR_NULL, 0, 0);
}

uint32_t
nc_dict_single(uint32_t scope, nc_str_t suffix, nc_stat_kind_t kind, nc_stats_unit_t unit)
{
    return get_group(scope, 0, suffix, kind, unit);
}

uint32_t
nc_dict_find(uint32_t scope, nc_str_t suffix, uint32_t *member)
{
    const nc_arena_member_t  *m;
    uint32_t                  id, n, i;

    for (id = dict.scope_states.items[scope].first; id; id = dict.group_states.items[id].next) {
        const nc_arena_group_t  *g = &nc_arena.groups[id];

        *member = 0;

        if (g->type == 0) {
            if (g->kind != NC_STAT_CODES && nc_str_eq(nc_arena_str(g->suffix), suffix)) {
                return id;
            }

            continue;
        }

        m = nc_dict_members(g->type, &n);

        for (i = 0; i < n; i++) {
            if (nc_str_eq(nc_arena_str(m[i].name), suffix)) {
                *member = i;
                return id;
            }
        }
    }

    return 0;
}

uint32_t
nc_dict_find_codes(uint32_t scope, nc_str_t suffix)
{
    uint32_t  id;

    for (id = dict.scope_states.items[scope].first; id; id = dict.group_states.items[id].next) {
        const nc_arena_group_t  *g = &nc_arena.groups[id];

        if (g->type == 0 && g->kind == NC_STAT_CODES
            && nc_str_eq(nc_arena_str(g->suffix), suffix))
        {
            return id;
        }
    }

    return 0;
}

static void
free_group(uint32_t id)
{
    char               key[8 + NC_NAME_MAX];
    nc_arena_group_t  *g = &nc_arena.groups[id];

    __atomic_store_n(&g->live, 0, __ATOMIC_RELEASE);
    nc_map_del(&dict.groups, group_key(key, g->scope, g->type, nc_arena_str(g->suffix)));
    unlink_group(id);
    give_cells(g, PARTS);

    if (g->type == 0 && g->kind == NC_STAT_TEXT) {
        nc_dict_unstore((nc_arena_str_t) { g->base[0], g->base[1] });
    }

    nc_dict_unstore(g->suffix);
    nc_dict_scope_unref(g->scope);
    nc_vec_push(&dict.free_groups, id);
}

void
nc_dict_group_ref(uint32_t group)
{
    dict.group_states.items[group].refs++;
}

void
nc_dict_group_unref(uint32_t group)
{
    group_state_t  *s = &dict.group_states.items[group];

    if (NC_BUG_ON(s->refs == 0) || --s->refs > 0) {
        return;
    }

    if (dict.pins) {
        nc_vec_push(&dict.leaving, group);
    } else {
        free_group(group);
    }
}

void
nc_dict_sweep(void)
{
    uint32_t  id;

    for (id = 1; id < nc_arena.head->groups; id++) {
        if (!nc_arena.groups[id].live || dict.group_states.items[id].refs) {
            continue;
        }

        if (dict.pins) {
            nc_vec_push(&dict.leaving, id);
        } else {
            free_group(id);
        }
    }

    for (id = 1; id < nc_arena.head->scopes; id++) {
        if (nc_arena.scopes[id].live && dict.scope_states.items[id].refs == 0) {
            nc_dict_scope_ref(id);
            nc_dict_scope_unref(id);
        }
    }
}

void
nc_dict_pin(void)
{
    dict.pins++;
}

void
nc_dict_unpin(void)
{
    size_t  i;

    if (NC_BUG_ON(dict.pins == 0) || --dict.pins > 0) {
        return;
    }

    for (i = 0; i < dict.leaving.n; i++) {
        uint32_t  id = dict.leaving.items[i];

        if (nc_arena.groups[id].live && dict.group_states.items[id].refs == 0) {
            free_group(id);
        }
    }

    dict.leaving.n = 0;
}


/* Loading. */

static void
load_scopes(nc_used_t *text)
{
    uint32_t  id;

    nc_vec_push(&dict.scope_states, ((scope_state_t) { 0, 0 }));

    for (id = 1; id < NC_MIN(nc_arena.head->scopes, NC_ARENA_SCOPES); id++) {
        nc_arena_scope_t  *s = &nc_arena.scopes[id];

        nc_vec_push(&dict.scope_states, ((scope_state_t) { 0, 0 }));

        if (__atomic_load_n(&s->live, __ATOMIC_ACQUIRE)) {
            nc_text_use(text, s->name);
            nc_text_use(text, s->tag);
            nc_map_set(&dict.scopes, nc_arena_str(s->name), as_value(id));
        } else {
            nc_vec_push(&dict.free_scopes, id);
        }
    }
}

static void
load_group(uint32_t id, nc_used_t *text, nc_used_t *cells)
{
    nc_arena_group_t  *g = &nc_arena.groups[id];
    nc_str_t           suffix = nc_arena_str(g->suffix);
    char               key[8 + NC_NAME_MAX];
    part_t             parts[PARTS];
    unsigned           i;

    if (suffix.len > NC_NAME_MAX || g->scope >= dict.scope_states.n) {
        return;
    }

    nc_text_use(text, g->suffix);

    if (g->type == 0 && g->kind == NC_STAT_TEXT) {
        nc_text_use(text, (nc_arena_str_t) { g->base[0], g->base[1] });
    }

    parts_of(g, parts);

    for (i = 0; i < PARTS; i++) {
        if (parts[i].n) {
            nc_used_add(&cells[i], (*parts[i].base - parts[i].zone) / parts[i].cells, parts[i].n);
        }
    }

    nc_map_set(&dict.groups, group_key(key, g->scope, g->type, suffix), as_value(id));
    link_group(id);
}

/* Makes the free cells zero: the helper before us may have died over it. */
static void
clear_gaps(const nc_ranges_t *r, uint32_t zone, uint32_t cells, uint32_t old_top)
{
    size_t  i;

    for (i = 0; i < r->gaps.n; i++) {
        nc_arena_clear(zone + r->gaps.items[i].at * cells, r->gaps.items[i].n * cells);
    }

    if (old_top > r->top) {
        nc_arena_clear(zone + r->top * cells, (old_top - r->top) * cells);
    }
}

static void
load_groups(nc_used_t *text)
{
    nc_used_t            cells[PARTS] = { NC_VEC_INIT, NC_VEC_INIT, NC_VEC_INIT, NC_VEC_INIT };
    nc_arena_group_t  none = { .kind = NC_STAT_CODES };
    nc_arena_head_t   old = *nc_arena.head;
    uint32_t          tops[PARTS] = { old.counters, old.gauges, old.histograms, old.rare_codes };
    part_t            parts[PARTS];
    uint32_t          id;
    unsigned          i;

    nc_vec_push(&dict.group_states, ((group_state_t) { 0, 0 }));

    for (id = 1; id < NC_MIN(old.groups, NC_ARENA_GROUPS); id++) {
        nc_vec_push(&dict.group_states, ((group_state_t) { 0, 0 }));

        if (__atomic_load_n(&nc_arena.groups[id].live, __ATOMIC_ACQUIRE)) {
            load_group(id, text, cells);
        } else {
            nc_vec_push(&dict.free_groups, id);
        }
    }

    parts_of(&none, parts);

    for (i = 0; i < PARTS; i++) {
        nc_ranges_load(parts[i].ranges, cells[i].items, cells[i].n);
        nc_vec_fini(&cells[i]);

        if (!nc_arena.attached) {
            clear_gaps(parts[i].ranges, parts[i].zone, parts[i].cells, tops[i]);
        }
    }

    if (!nc_arena.attached) {
        note_tops();
    }
}

void
nc_dict_load(void)
{
    nc_used_t    text = NC_VEC_INIT;
    uint32_t  id;

    if (dict.loaded || nc_arena.head == NULL) {
        return;
    }

    nc_text_init();
    nc_map_init(&dict.scopes);
    nc_map_init(&dict.groups);
    nc_ranges_init(&dict.counters, 0, NC_ARENA_COUNTERS);
    nc_ranges_init(&dict.rare_codes, 0, NC_ARENA_RARE_CODES);
    nc_ranges_init(&dict.gauges, 0, NC_ARENA_GAUGES);
    nc_ranges_init(&dict.histograms, 0, NC_ARENA_HISTOGRAMS);
    dict.loaded = true;

    load_scopes(&text);
    load_groups(&text);

    for (id = 1; id < NC_MIN(nc_arena.head->hosts, NC_ARENA_HOSTS); id++) {
        nc_text_use(&text, nc_arena.host_keys[id]);
    }

    for (id = 1; id < NC_MIN(nc_arena.head->breakers, NC_ARENA_BREAKERS); id++) {
        nc_text_use(&text, nc_arena.breaker_keys[id]);
    }

    nc_text_load(&text);
    nc_vec_fini(&text);
}
