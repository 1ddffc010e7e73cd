/*
 * prometheus.c: stats in Prometheus' text format 0.0.4. A metric is a scope's name without the
 * values of its tags, plus the stat's own name; all of its samples must stand together under one
 * TYPE line, so metrics are listed first and then printed by name.
 *
 * Invariants:
 *  1. One entry per metric and source (group type or single stat); entries sorted by metric.
 *  2. Labels of a scope are made once, not once per sample.
 */
#include "stats/print_priv.h"

#include "base/hash.h"

#include <math.h>

/* A group with its place in the world of metrics. */
typedef struct {
    nc_str_t  base;                             /* "envoy_cluster" */
    nc_str_t  labels;                           /* envoy_cluster_name="a", fixed tags too */
    uint32_t  group;
} record_t;

/* A metric of the records [from, to), which share a base. */
typedef struct {
    nc_str_t  metric;
    uint32_t  from;
    uint32_t  to;
    uint32_t  group;                            /* of a single stat */
    uint16_t  type;
    uint16_t  member;
    uint8_t   kind;                             /* nc_stat_kind_t */
    char      class;                            /* of "..._rq_2xx", or 0 */
    bool      code_class;                       /* a code family's classes, not its codes */
} entry_t;

struct nc_prom_s {
    nc_pool_t          pool;
    record_t          *records;
    size_t             n_records;
    NC_VEC(entry_t)    entries;
    size_t             entry;                   /* the one being printed */
    uint32_t           at;                      /* the record being printed */
    bool               started;                 /* `at` is set */
    nc_str_t           typed;                   /* the metric that has its TYPE line */
    nc_sb_t            name;                    /* full stat name, for the filter */
    nc_sb_t            labels;
};

static void
add_metric_name(nc_sb_t *out, nc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        char  c = s.data[i];

        nc_sb_char(out, nc_is_alpha(c) || nc_is_digit(c) ? c : '_');
    }
}

/* Bytes of the UTF-8 sequence at s, 0: it is not one. */
static size_t
utf8_len(nc_str_t s)
{
    unsigned char  c = (unsigned char) s.data[0];
    size_t         n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3
        : c >= 0xf0 && c < 0xf5 ? 4 : 0, i;

    if (n > s.len) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if (((unsigned char) s.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}

static void
add_label(nc_sb_t *out, nc_str_t name, nc_str_t value)
{
    if (out->len) {
        nc_sb_char(out, ',');
    }

    add_metric_name(out, name);
    nc_sb_c_add(out, "=\"");

    while (value.len) {
        size_t  n = utf8_len(value);

        if (n == 0) {
            nc_sb_char(out, '_');
            n = 1;
        } else if (value.data[0] == '\n') {
            nc_sb_c_add(out, "\\n");
        } else {
            if (value.data[0] == '"' || value.data[0] == '\\') {
                nc_sb_char(out, '\\');
            }
            nc_sb_add(out, value.data, n);
        }

        value = nc_str_skip(value, n);
    }

    nc_sb_char(out, '"');
}

/* Base and labels of a scope, made once. */
typedef struct {
    nc_str_t  base;
    nc_str_t  labels;
    bool      done;
} place_t;

static void
make_place(nc_stats_print_t *p, nc_pool_t *pool, uint32_t scope, place_t *place)
{
    nc_tags_t  tags;
    nc_sb_t    extracted, text;
    unsigned   i;

    nc_sb_init(&extracted);
    nc_sb_init(&text);
    nc_tags_of_scope(scope, &extracted, &tags);

    nc_sb_c_add(&text, "envoy");

    if (extracted.len) {
        nc_sb_char(&text, '_');
        add_metric_name(&text, nc_sb_str(&extracted));
    }

    place->base = nc_pool_str(pool, nc_sb_str(&text));
    nc_sb_reset(&text);

    for (i = 0; i < tags.n; i++) {
        add_label(&text, tags.name[i], tags.value[i]);
    }

    for (i = 0; i < p->q.n_tags; i++) {
        add_label(&text, p->q.tags[i].name, p->q.tags[i].value);
    }

    place->labels = nc_pool_str(pool, nc_sb_str(&text));
    place->done = true;
    nc_sb_fini(&extracted);
    nc_sb_fini(&text);
}

static int
by_base(const void *a, const void *b)
{
    const record_t  *x = a, *y = b;
    int              c = nc_str_cmp(x->base, y->base);

    return c ? c : (x->group > y->group) - (x->group < y->group);
}

static void
list_records(nc_stats_print_t *p, struct nc_prom_s *prom)
{
    uint32_t   groups = NC_MIN(nc_arena.head->groups, NC_ARENA_GROUPS), id;
    uint32_t   scopes = NC_MIN(nc_arena.head->scopes, NC_ARENA_SCOPES);
    place_t   *places = nc_calloc((scopes + 1) * sizeof(*places));

    prom->records = nc_malloc((groups + 1) * sizeof(*prom->records));

    for (id = 1; id < groups; id++) {
        const nc_arena_group_t  *g = &nc_arena.groups[id];

        if (!g->live || g->scope >= scopes) {
            continue;
        }

        if (!places[g->scope].done) {
            make_place(p, &prom->pool, g->scope, &places[g->scope]);
        }

        prom->records[prom->n_records++] = (record_t) { places[g->scope].base,
            places[g->scope].labels, id };
    }

    free(places);
    qsort(prom->records, prom->n_records, sizeof(*prom->records), by_base);
}

/* Adds the metric `suffix` of the records [from, to). */
static void
add_entry(struct nc_prom_s *prom, entry_t e, nc_str_t suffix)
{
    nc_sb_t  name;

    nc_sb_init(&name);
    nc_sb_str_add(&name, prom->records[e.from].base);
    nc_sb_char(&name, '_');

    e.class = e.kind == NC_STAT_COUNTER ? nc_tags_code_class(suffix) : 0;

    if (e.class) {
        add_metric_name(&name, nc_str(suffix.data, suffix.len - 3));
        nc_sb_c_add(&name, "xx");
    } else {
        add_metric_name(&name, suffix);
    }

    if (e.code_class) {
        nc_sb_c_add(&name, "_xx");
    }

    e.metric = nc_pool_str(&prom->pool, nc_sb_str(&name));
    nc_sb_fini(&name);
    nc_vec_push(&prom->entries, e);
}

static bool
kind_wanted(const nc_stats_query_t *q, unsigned kind)
{
    if (kind == NC_STAT_TEXT && !q->text_readouts) {
        return false;
    }

    return q->kind == 0 || q->kind == (kind == NC_STAT_CODES ? NC_STAT_COUNTER : kind);
}

static void
list_single(nc_stats_print_t *p, struct nc_prom_s *prom, uint32_t from, uint32_t to, uint32_t id)
{
    const nc_arena_group_t  *g = &nc_arena.groups[id];
    entry_t                  e = { .from = from, .to = to, .group = id, .kind = g->kind };

    if (!kind_wanted(&p->q, g->kind)) {
        return;
    }

    add_entry(prom, e, nc_arena_str(g->suffix));

    if (g->kind == NC_STAT_CODES) {
        e.code_class = true;
        add_entry(prom, e, nc_arena_str(g->suffix));
    }
}

static void
list_type(nc_stats_print_t *p, struct nc_prom_s *prom, uint32_t from, uint32_t to, uint16_t type)
{
    uint32_t                  n, i;
    const nc_arena_member_t  *m = nc_dict_members(type, &n);

    for (i = 0; i < n; i++) {
        if (kind_wanted(&p->q, m[i].kind)) {
            add_entry(prom, (entry_t) { .from = from, .to = to, .type = type,
                .member = (uint16_t) i, .kind = m[i].kind }, nc_arena_str(m[i].name));
        }
    }
}

/* Key of what makes one entry: the same stat in the scopes of one base. */
static nc_str_t
source_key(const nc_arena_group_t *g, char *buf)
{
    nc_str_t  suffix = nc_arena_str(g->suffix);

    memcpy(buf, &g->type, 2);
    buf[2] = (char) g->kind;
    memcpy(buf + 3, suffix.data ? suffix.data : "", suffix.len);

    return nc_str(buf, 3 + suffix.len);
}

static void
list_range(nc_stats_print_t *p, struct nc_prom_s *prom, uint32_t from, uint32_t to)
{
    nc_map_t  seen;
    uint32_t  i;

    nc_map_init(&seen);

    for (i = from; i < to; i++) {
        uint32_t                 id = prom->records[i].group;
        const nc_arena_group_t  *g = &nc_arena.groups[id];
        char                     buf[3 + NC_NAME_MAX];
        nc_str_t                 key = source_key(g, buf);

        if (nc_map_get(&seen, key)) {
            continue;
        }

        nc_map_set(&seen, key, prom);

        if (g->type) {
            list_type(p, prom, from, to, g->type);
        } else {
            list_single(p, prom, from, to, id);
        }
    }

    nc_map_fini(&seen);
}

static int
by_metric(const void *a, const void *b)
{
    const entry_t  *x = a, *y = b;
    int             c = nc_str_cmp(x->metric, y->metric);

    if (c) {
        return c;
    }

    if (x->kind != y->kind) {
        return x->kind - y->kind;
    }

    return x->from != y->from ? (x->from > y->from) - (x->from < y->from)
        : x->member - y->member;
}

struct nc_prom_s *
nc_prom_create(nc_stats_print_t *p)
{
    struct nc_prom_s  *prom = nc_calloc(sizeof(*prom));
    uint32_t           from, to;

    nc_pool_init(&prom->pool, &nc_pool_heap);
    nc_sb_init(&prom->name);
    nc_sb_init(&prom->labels);

    if (nc_arena.head == NULL) {
        return prom;
    }

    list_records(p, prom);

    for (from = 0; from < prom->n_records; from = to) {
        to = from + 1;

        while (to < prom->n_records
            && nc_str_eq(prom->records[to].base, prom->records[from].base))
        {
            to++;
        }

        list_range(p, prom, from, to);
    }

    if (prom->entries.n) {
        qsort(prom->entries.items, prom->entries.n, sizeof(entry_t), by_metric);
    }

    return prom;
}

void
nc_prom_destroy(struct nc_prom_s *prom)
{
    nc_pool_fini(&prom->pool);
    nc_vec_fini(&prom->entries);
    nc_sb_fini(&prom->name);
    nc_sb_fini(&prom->labels);
    free(prom->records);
    free(prom);
}

/* Writes the TYPE line before the first sample of a metric. */
static void
type_line(nc_stats_print_t *p, const entry_t *e, nc_sb_t *out)
{
    const char  *type = "gauge";

    if (nc_str_eq(p->prom->typed, e->metric)) {
        return;
    }

    if (e->kind == NC_STAT_COUNTER || e->kind == NC_STAT_CODES) {
        type = "counter";
    } else if (e->kind == NC_STAT_HISTOGRAM) {
        type = p->q.buckets == NC_BUCKETS_SUMMARY ? "summary" : "histogram";
    }

    nc_sb_c_add(out, "# TYPE ");
    nc_sb_str_add(out, e->metric);
    nc_sb_char(out, ' ');
    nc_sb_c_add(out, type);
    nc_sb_char(out, '\n');
    p->prom->typed = e->metric;
}

/* "metric_suffix{labels,extra} " */
static void
sample_head(const entry_t *e, const char *suffix, nc_str_t labels, nc_sb_t *out)
{
    nc_sb_str_add(out, e->metric);
    nc_sb_c_add(out, suffix);
    nc_sb_char(out, '{');
    nc_sb_str_add(out, labels);
    nc_sb_c_add(out, "} ");
}

/* Labels of a sample: `extra` first, as Envoy orders them, then those of the scope. */
static nc_str_t
labels_with(struct nc_prom_s *prom, const record_t *r, nc_str_t name, nc_str_t value)
{
    nc_sb_reset(&prom->labels);
    add_label(&prom->labels, name, value);

    if (r->labels.len) {
        nc_sb_char(&prom->labels, ',');
        nc_sb_str_add(&prom->labels, r->labels);
    }

    return nc_sb_str(&prom->labels);
}

/* Prometheus' own labels stand last. */
static nc_str_t
labels_then(struct nc_prom_s *prom, const record_t *r, const char *name, const char *value)
{
    nc_sb_reset(&prom->labels);
    nc_sb_str_add(&prom->labels, r->labels);
    add_label(&prom->labels, nc_str_c(name), nc_str_c(value));

    return nc_sb_str(&prom->labels);
}

static void
print_number(nc_sb_t *out, double v)
{
    if (isnan(v)) {
        nc_sb_c_add(out, "NaN");
    } else {
        nc_print_double(out, v);
    }
}

static void
print_summary(nc_stats_print_t *p, const entry_t *e, const record_t *r, uint32_t cell,
    nc_sb_t *out)
{
    static const double  q[] = { 0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1 };
    nc_hist_t            interval;
    unsigned             i;

    nc_flush_interval(nc_hist_index(cell), &interval);

    for (i = 0; i < NC_COUNTOF(q); i++) {
        char  text[32];

        snprintf(text, sizeof(text), "%g", q[i]);
        sample_head(e, "", labels_then(p->prom, r, "quantile", text), out);
        print_number(out, nc_hist_quantile(&interval, q[i]));
        nc_sb_char(out, '\n');
    }
}

static void
print_histogram(nc_stats_print_t *p, const entry_t *e, const record_t *r, uint32_t cell,
    nc_sb_t *out)
{
    uint32_t   index = nc_hist_index(cell);
    bool       used = index < p->sums.n_histograms && nc_bit_get(p->sums.touched, index);
    nc_hist_t  h = { .count = 0 };
    unsigned   i;

    if (!used && p->q.used_only) {
        return;
    }

    if (used) {
        nc_hist_read(cell, &h);
    }

    type_line(p, e, out);

    if (p->q.buckets == NC_BUCKETS_SUMMARY) {
        print_summary(p, e, r, cell, out);
    } else {
        for (i = 0; i < NC_HIST_BOUNDS; i++) {
            char  text[32];

            snprintf(text, sizeof(text), "%.15g", nc_hist_bounds[i]);
            sample_head(e, "_bucket", labels_then(p->prom, r, "le", text), out);
            nc_sb_u64(out, nc_hist_at_most(&h, nc_hist_bounds[i]));
            nc_sb_char(out, '\n');
        }

        sample_head(e, "_bucket", labels_then(p->prom, r, "le", "+Inf"), out);
        nc_sb_u64(out, h.count);
        nc_sb_char(out, '\n');
    }

    sample_head(e, "_sum", r->labels, out);
    nc_sb_u64(out, h.sum);
    nc_sb_char(out, '\n');
    sample_head(e, "_count", r->labels, out);
    nc_sb_u64(out, h.count);
    nc_sb_char(out, '\n');
}

static bool
wanted(nc_stats_print_t *p, const nc_arena_group_t *g, nc_str_t suffix, const char *code)
{
    nc_sb_t   *name = &p->prom->name;
    nc_str_t   scope = nc_arena_str(nc_arena.scopes[g->scope].name);

    if (nc_print_all_wanted(&p->q)) {
        return true;
    }

    nc_sb_reset(name);
    nc_sb_str_add(name, scope);

    if (scope.len) {
        nc_sb_char(name, '.');
    }

    nc_sb_str_add(name, suffix);

    if (code) {
        nc_sb_char(name, '_');
        nc_sb_c_add(name, code);
    }

    return nc_print_wanted(&p->q, nc_sb_str(name));
}

static void
print_codes(nc_stats_print_t *p, const entry_t *e, const record_t *r, nc_sb_t *out)
{
    const nc_arena_group_t  *g = &nc_arena.groups[r->group];
    unsigned                 step;

    for (step = 0; step < NC_CODES_STEPS; step++) {
        char      text[4];
        bool      used;
        uint32_t  cell = nc_codes_cell(g, step, text);
        uint64_t  v = nc_codes_value(&p->sums, cell, &used);

        if (!used || (text[1] == 'x') != e->code_class
            || !wanted(p, g, nc_arena_str(g->suffix), text))
        {
            continue;
        }

        type_line(p, e, out);
        sample_head(e, "", e->code_class
            ? labels_with(p->prom, r, NC_STR("envoy.response_code_class"), nc_str(text, 1))
            : labels_with(p->prom, r, NC_STR("envoy.response_code"), nc_str(text, 3)), out);
        nc_sb_u64(out, v);
        nc_sb_char(out, '\n');
    }
}

static void
print_value(nc_stats_print_t *p, const entry_t *e, const record_t *r, uint32_t cell,
    nc_sb_t *out)
{
    bool      used;
    int64_t   v;

    v = e->kind == NC_STAT_COUNTER ? (int64_t) nc_sums_counter(&p->sums, cell, &used)
        : nc_sums_gauge(&p->sums, cell, &used);

    if (!used && p->q.used_only) {
        return;
    }

    type_line(p, e, out);
    sample_head(e, "", e->class
        ? labels_with(p->prom, r, NC_STR("envoy.response_code_class"), nc_str(&e->class, 1))
        : r->labels, out);

    if (e->kind == NC_STAT_COUNTER) {
        nc_sb_u64(out, (uint64_t) v);
    } else {
        nc_sb_i64(out, v);
    }

    nc_sb_char(out, '\n');
}

static void
print_readout(nc_stats_print_t *p, const entry_t *e, const record_t *r,
    const nc_arena_group_t *g, nc_sb_t *out)
{
    nc_str_t  text = nc_arena_str((nc_arena_str_t) { g->base[0], g->base[1] });

    if (text.len == 0 && p->q.used_only) {
        return;
    }

    type_line(p, e, out);
    sample_head(e, "", labels_with(p->prom, r, NC_STR("text_value"), text), out);
    nc_sb_c_add(out, "0\n");
}

/* True when a record has the stat that an entry is about. */
static bool
has(const entry_t *e, const nc_arena_group_t *g)
{
    const nc_arena_group_t  *one = &nc_arena.groups[e->group];

    if (e->type) {
        return g->type == e->type;
    }

    return g->type == 0 && g->kind == one->kind
        && nc_str_eq(nc_arena_str(g->suffix), nc_arena_str(one->suffix));
}

static void
print_sample(nc_stats_print_t *p, const entry_t *e, const record_t *r, nc_sb_t *out)
{
    const nc_arena_group_t   *g = &nc_arena.groups[r->group];
    const nc_arena_member_t  *m;
    nc_str_t                  suffix = nc_arena_str(g->suffix);
    uint32_t                  n, cell = g->base[0];

    if (!has(e, g)) {
        return;
    }

    if (e->kind == NC_STAT_CODES) {
        print_codes(p, e, r, out);
        return;
    }

    if (e->type) {
        m = nc_dict_members(e->type, &n);
        suffix = nc_arena_str(m[e->member].name);
        cell = nc_dict_cell(g, &m[e->member]);
    }

    if (!wanted(p, g, suffix, NULL)) {
        return;
    }

    if (e->kind == NC_STAT_HISTOGRAM) {
        print_histogram(p, e, r, cell, out);
    } else if (e->kind == NC_STAT_TEXT) {
        print_readout(p, e, r, g, out);
    } else {
        print_value(p, e, r, cell, out);
    }
}

bool
nc_prom_more(nc_stats_print_t *p, nc_sb_t *out, size_t max)
{
    struct nc_prom_s  *prom = p->prom;
    size_t             start = out->len;

    while (prom->entry < prom->entries.n) {
        const entry_t  *e = &prom->entries.items[prom->entry];

        if (!prom->started) {
            prom->at = e->from;
            prom->started = true;
        }

        while (prom->at < e->to) {
            print_sample(p, e, &prom->records[prom->at++], out);

            if (max && out->len - start >= max) {
                return true;
            }
        }

        prom->entry++;
        prom->started = false;
    }

    return false;
}
