/*
 * text.c: pieces of text in the arena, and group types, which are nothing but text: the names of
 * their members.
 */
#include "stats/text_priv.h"

#include "base/hash.h"
#include "stats/dict_priv.h"

static nc_ranges_t  strings;                    /* which units are free */
static nc_map_t     types;                      /* id by name */

void
nc_text_init(void)
{
    nc_map_init(&types);
    nc_ranges_init(&strings, 0, NC_ARENA_STRINGS);
}

void
nc_text_reset(void)
{
    nc_map_fini(&types);
    nc_ranges_fini(&strings);
}

static uint32_t
units(uint32_t bytes)
{
    return (bytes + NC_ARENA_UNIT - 1) / NC_ARENA_UNIT;
}

nc_rc_t
nc_dict_store(nc_str_t s, nc_arena_str_t *out)
{
    uint32_t  at;

    *out = (nc_arena_str_t) { 0, 0 };

    if (s.len == 0) {
        return NC_OK;
    }

    at = s.len > UINT32_MAX / 2 ? NC_RANGES_FULL
        : nc_ranges_take(&strings, units((uint32_t) s.len));

    if (at == NC_RANGES_FULL) {
        return NC_DECLINED;
    }

    memcpy(nc_arena.strings + (size_t) at * NC_ARENA_UNIT, s.data, s.len);
    *out = (nc_arena_str_t) { at, (uint32_t) s.len };

    return NC_OK;
}

void
nc_dict_unstore(nc_arena_str_t s)
{
    if (s.len) {
        nc_ranges_give(&strings, s.at, units(s.len));
    }
}


const nc_arena_member_t *
nc_dict_members(uint32_t type, uint32_t *n)
{
    nc_str_t  bytes;

    *n = 0;

    if (type == 0 || type >= NC_ARENA_TYPES) {
        return NULL;
    }

    bytes = nc_arena_str(nc_arena.types[type].members);

    if (nc_arena.types[type].n > bytes.len / sizeof(nc_arena_member_t)) {
        return NULL;
    }

    *n = nc_arena.types[type].n;

    return (const void *) bytes.data;
}

static uint32_t
type_hash(const nc_stats_type_t *type)
{
    uint32_t    h = 2166136261u;
    const char *p;
    unsigned    i;

    for (i = 0; i < type->n; i++) {
        for (p = type->members[i].name; *p; p++) {
            h = (h ^ (unsigned char) *p) * 16777619u;
        }

        h = (h ^ type->members[i].kind) * 16777619u;
        h = (h ^ type->members[i].unit) * 16777619u;
    }

    return h;
}

/* Writes the members of a new type; false: no room for their names. */
static bool
store_members(const nc_stats_type_t *type, nc_arena_str_t *out)
{
    nc_arena_member_t  *members = nc_calloc((type->n + 1) * sizeof(*members));
    uint16_t            index[NC_STAT_CODES + 1] = { 0 };
    bool                ok = true;
    unsigned            i;

    for (i = 0; i < type->n && ok; i++) {
        const nc_stats_member_t  *m = &type->members[i];

        NC_CHECK(m->kind >= NC_STAT_COUNTER && m->kind <= NC_STAT_HISTOGRAM);
        members[i].kind = (uint8_t) m->kind;
        members[i].unit = (uint8_t) m->unit;
        members[i].index = index[m->kind]++;
        ok = nc_dict_store(nc_str_c(m->name), &members[i].name) == NC_OK;
    }

    ok = ok && nc_dict_store(nc_str((const void *) members, type->n * sizeof(*members)), out)
        == NC_OK;
    free(members);

    return ok;
}

uint32_t
nc_dict_type(const nc_stats_type_t *type)
{
    nc_arena_type_t  *t;
    uint32_t          id = (uint32_t) (uintptr_t) nc_map_get(&types,
        nc_str_c(type->name));

    if (id) {
        NC_CHECK(nc_arena.types[id].n == type->n && nc_arena.types[id].hash == type_hash(type));
        return id;
    }

    id = nc_arena.head->types;

    if (id >= NC_ARENA_TYPES || type->n > UINT16_MAX) {
        return 0;
    }

    t = &nc_arena.types[id];
    *t = (nc_arena_type_t) { .n = type->n, .hash = type_hash(type) };

    if (!store_members(type, &t->members)
        || nc_dict_store(nc_str_c(type->name), &t->name) != NC_OK)
    {
        return 0;
    }

    nc_map_set(&types, nc_str_c(type->name), (void *) (uintptr_t) id);
    __atomic_store_n(&nc_arena.head->types, id + 1, __ATOMIC_RELEASE);

    return id;
}

void
nc_used_add(nc_used_t *used, uint32_t at, uint32_t n)
{
    if (n) {
        nc_vec_push(used, ((nc_range_t) { at, n }));
    }
}

void
nc_text_use(nc_used_t *used, nc_arena_str_t s)
{
    nc_used_add(used, s.at, units(s.len));
}

static void
use_types(nc_used_t *text)
{
    const nc_arena_member_t  *m;
    uint32_t                  id, n, i;

    for (id = 1; id < NC_MIN(nc_arena.head->types, NC_ARENA_TYPES); id++) {
        nc_text_use(text, nc_arena.types[id].name);
        nc_text_use(text, nc_arena.types[id].members);
        nc_map_set(&types, nc_arena_str(nc_arena.types[id].name), (void *) (uintptr_t) id);
        m = nc_dict_members(id, &n);

        for (i = 0; i < n; i++) {
            nc_text_use(text, m[i].name);
        }
    }
}

void
nc_text_load(nc_used_t *used)
{
    use_types(used);
    nc_ranges_load(&strings, used->items, used->n);
}
