/*
 * walk.c: all stats in the order of their full names, without a list of a million names: groups are
 * sorted by scope once, each group is a sorted stream of names, and the few streams whose names can
 * interleave at a moment (those of a scope and of the scopes above it) are merged.
 *
 * Invariant: every name of a stream that is not open yet is behind `lower bound` of that stream, so
 * the smallest open name may go out when it is not behind the bound of the next one.
 */
#include "stats/print_priv.h"

typedef struct {
    uint32_t  group;
    nc_str_t  scope;
    nc_str_t  suffix;                           /* of a single stat, else empty */
} source_t;

typedef struct {
    const nc_arena_group_t  *group;
    unsigned                 step;              /* the member, or the step of a code family */
    nc_stat_kind_t           kind;
    uint32_t                 cell;
    nc_sb_t                  name;
} stream_t;

struct nc_walk_s {
    unsigned             mask;
    source_t            *sources;
    size_t               n;
    size_t               next;                  /* the first source that is not open */
    NC_VEC(stream_t *)   open;
    stream_t            *shown;                 /* given out by the last call */
    nc_sb_t              bound;
    uint16_t            *order[NC_ARENA_TYPES]; /* members of a type by name */
};

/* Compares "scope.suffix" as one text each. */
static int
by_name(const void *a, const void *b)
{
    const source_t  *x = a, *y = b;
    nc_str_t         xs[3] = { x->scope, x->scope.len ? NC_STR(".") : NC_STR(""), x->suffix };
    nc_str_t         ys[3] = { y->scope, y->scope.len ? NC_STR(".") : NC_STR(""), y->suffix };
    unsigned         i = 0, k = 0;

    for (;;) {
        size_t  n;
        int     c;

        while (i < 3 && xs[i].len == 0) {
            i++;
        }

        while (k < 3 && ys[k].len == 0) {
            k++;
        }

        if (i == 3 || k == 3) {
            return (i != 3) - (k != 3);
        }

        n = NC_MIN(xs[i].len, ys[k].len);
        c = memcmp(xs[i].data, ys[k].data, n);

        if (c) {
            return c;
        }

        xs[i] = nc_str_skip(xs[i], n);
        ys[k] = nc_str_skip(ys[k], n);
    }
}

uint32_t
nc_codes_cell(const nc_arena_group_t *g, unsigned step, char text[4])
{
    unsigned  class = step / 101, i = step % 101, code;

    text[0] = (char) ('1' + class);
    text[3] = '\0';

    if (i == 100) {
        text[1] = text[2] = 'x';
        return g->base[0] + class;
    }

    text[1] = (char) ('0' + i / 10);
    text[2] = (char) ('0' + i % 10);
    code = class * 100 + i;

    return nc_stats_code_place[code] ? g->base[0] + nc_stats_code_place[code]
        : g->base[1] + code;
}

uint64_t
nc_codes_value(const nc_sums_t *sums, uint32_t cell, bool *used)
{
    uint64_t  v;

    if (cell < NC_ZONE_RARE_CODES) {
        return nc_sums_counter(sums, cell, used);
    }

    v = nc_sums_rare(sums, cell);
    *used = v != 0;

    return v;
}

nc_walk_t *
nc_walk_create(unsigned mask)
{
    nc_walk_t  *w = nc_calloc(sizeof(*w));
    uint32_t    id, groups;

    w->mask = mask;
    nc_sb_init(&w->bound);

    if (nc_arena.head == NULL) {
        return w;
    }

    nc_dict_load();
    groups = NC_MIN(nc_arena.head->groups, NC_ARENA_GROUPS);
    w->sources = nc_malloc((groups + 1) * sizeof(*w->sources));

    for (id = 1; id < groups; id++) {
        const nc_arena_group_t  *g = &nc_arena.groups[id];
        unsigned                 kind = g->kind == NC_STAT_CODES ? NC_STAT_COUNTER : g->kind;

        if (!g->live || g->scope >= NC_ARENA_SCOPES || (g->type == 0 && !(mask & NC_BIT(kind)))) {
            continue;
        }

        w->sources[w->n++] = (source_t) { id, nc_arena_str(nc_arena.scopes[g->scope].name),
            g->type == 0 ? nc_arena_str(g->suffix) : NC_STR("") };
    }

    qsort(w->sources, w->n, sizeof(*w->sources), by_name);

    return w;
}

static void
close_stream(stream_t *s)
{
    nc_sb_fini(&s->name);
    free(s);
}

void
nc_walk_destroy(nc_walk_t *w)
{
    size_t  i;

    if (w == NULL) {
        return;
    }

    for (i = 0; i < w->open.n; i++) {
        close_stream(w->open.items[i]);
    }

    for (i = 0; i < NC_ARENA_TYPES; i++) {
        free(w->order[i]);
    }

    nc_vec_fini(&w->open);
    nc_sb_fini(&w->bound);
    free(w->sources);
    free(w);
}

/* Members of a type in the order of their names. */
static const uint16_t *
order_of(nc_walk_t *w, uint32_t type, const nc_arena_member_t *m, uint32_t n)
{
    uint16_t  *order = w->order[type];
    uint32_t   i, k;

    if (order) {
        return order;
    }

    order = nc_malloc((n + 1) * sizeof(*order));

    for (i = 0; i < n; i++) {
        for (k = i; k > 0 && nc_str_cmp(nc_arena_str(m[order[k - 1]].name),
            nc_arena_str(m[i].name)) > 0; k--)
        {
            order[k] = order[k - 1];
        }

        order[k] = (uint16_t) i;
    }

    w->order[type] = order;

    return order;
}

static void
set_name(stream_t *s, nc_str_t suffix, const char *code)
{
    nc_str_t  scope = nc_arena_str(nc_arena.scopes[s->group->scope].name);

    nc_sb_reset(&s->name);

    if (scope.len) {
        nc_sb_str_add(&s->name, scope);
        nc_sb_char(&s->name, '.');
    }

    nc_sb_str_add(&s->name, suffix);

    if (code) {
        nc_sb_char(&s->name, '_');
        nc_sb_c_add(&s->name, code);
    }
}

static bool
advance_codes(stream_t *s, const nc_sums_t *sums)
{
    while (s->step < NC_CODES_STEPS) {
        char      text[4];
        uint32_t  cell = nc_codes_cell(s->group, s->step++, text);
        bool      used;

        nc_codes_value(sums, cell, &used);

        if (used) {
            s->kind = NC_STAT_COUNTER;
            s->cell = cell;
            set_name(s, nc_arena_str(s->group->suffix), text);
            return true;
        }
    }

    return false;
}

static bool
advance_members(nc_walk_t *w, stream_t *s)
{
    uint32_t                  n;
    const nc_arena_member_t  *m = nc_dict_members(s->group->type, &n);
    const uint16_t           *order;

    if (n == 0) {
        return false;
    }

    order = order_of(w, s->group->type, m, n);

    while (s->step < n) {
        const nc_arena_member_t  *one = &m[order[s->step++]];

        if (w->mask & NC_BIT(one->kind)) {
            s->kind = one->kind;
            s->cell = nc_dict_cell(s->group, one);
            set_name(s, nc_arena_str(one->name), NULL);
            return true;
        }
    }

    return false;
}

/* Moves a stream to its next name; false: it has no more. */
static bool
advance(nc_walk_t *w, stream_t *s, const nc_sums_t *sums)
{
    if (s->group->type) {
        return advance_members(w, s);
    }

    if (s->group->kind == NC_STAT_CODES) {
        return advance_codes(s, sums);
    }

    if (s->step++) {
        return false;
    }

    s->kind = s->group->kind;
    s->cell = s->group->base[0];
    set_name(s, nc_arena_str(s->group->suffix), NULL);

    return true;
}

static void
open_next(nc_walk_t *w, const nc_sums_t *sums)
{
    stream_t  *s = nc_calloc(sizeof(*s));

    s->group = &nc_arena.groups[w->sources[w->next++].group];
    nc_sb_init(&s->name);

    if (advance(w, s, sums)) {
        nc_vec_push(&w->open, s);
    } else {
        close_stream(s);
    }
}

/* Index of the open stream with the smallest name; w->open.n when none is open. */
static size_t
smallest(const nc_walk_t *w)
{
    size_t  i, best = 0;

    for (i = 1; i < w->open.n; i++) {
        if (nc_str_cmp(nc_sb_str(&w->open.items[i]->name),
            nc_sb_str(&w->open.items[best]->name)) < 0)
        {
            best = i;
        }
    }

    return w->open.n ? best : w->open.n;
}

/* True when the next source may hold a name before `name`. */
static bool
must_open(nc_walk_t *w, nc_str_t name)
{
    const source_t  *s = &w->sources[w->next];

    nc_sb_reset(&w->bound);
    nc_sb_str_add(&w->bound, s->scope);

    if (s->scope.len) {
        nc_sb_char(&w->bound, '.');
    }

    nc_sb_str_add(&w->bound, s->suffix);

    return nc_str_cmp(nc_sb_str(&w->bound), name) <= 0;
}

static void
drop_shown(nc_walk_t *w, const nc_sums_t *sums)
{
    size_t  i;

    if (w->shown == NULL || advance(w, w->shown, sums)) {
        return;
    }

    for (i = 0; w->open.items[i] != w->shown; i++) {
    }

    w->open.items[i] = w->open.items[--w->open.n];
    close_stream(w->shown);
}

bool
nc_walk_next(nc_walk_t *w, const nc_sums_t *sums, nc_item_t *item)
{
    stream_t  *s;
    size_t     at;

    drop_shown(w, sums);
    w->shown = NULL;

    for (;;) {
        at = smallest(w);

        if (w->next < w->n
            && (at == w->open.n || must_open(w, nc_sb_str(&w->open.items[at]->name))))
        {
            open_next(w, sums);
            continue;
        }

        break;
    }

    if (at == w->open.n) {
        return false;
    }

    s = w->open.items[at];
    w->shown = s;
    *item = (nc_item_t) { s->kind, s->cell, s->group->scope, s->group, nc_sb_str(&s->name) };

    return true;
}
