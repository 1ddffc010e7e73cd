/*
 * exposition.c: queries, and stats as text and JSON. Three passes over the names: text readouts,
 * then counters and gauges, then histograms, each by name, as Envoy orders them.
 */
#include "stats/print_priv.h"

#define PHASES  3

typedef struct {
    nc_pool_t          pool;
    const nc_regex_t  *regex;
} filter_t;

static const unsigned  phase_masks[PHASES] = {
    NC_BIT(NC_STAT_TEXT), NC_BIT(NC_STAT_COUNTER) | NC_BIT(NC_STAT_GAUGE),
    NC_BIT(NC_STAT_HISTOGRAM)
};

static const nc_stats_tag_t  *all_tags;
static size_t                 n_all_tags;
static bool                 (*is_shown)(nc_str_t name);

void
nc_stats_configure(const nc_stats_tag_t *tags, size_t n_tags, bool (*shown)(nc_str_t name))
{
    all_tags = tags;
    n_all_tags = n_tags;
    is_shown = shown;
}

void
nc_stats_query_init(nc_stats_query_t *q)
{
    memset(q, 0, sizeof(*q));
    q->tags = all_tags;
    q->n_tags = n_all_tags;
}

void
nc_stats_query_fini(nc_stats_query_t *q)
{
    filter_t  *f = q->filter;

    if (f) {
        nc_pool_fini(&f->pool);
        free(f);
        q->filter = NULL;
    }
}

static nc_rc_t
set_filter(nc_stats_query_t *q, nc_str_t value, nc_sb_t *error)
{
    filter_t  *f;

    nc_stats_query_fini(q);

    if (value.len == 0) {
        return NC_OK;
    }

    f = nc_calloc(sizeof(*f));
    nc_pool_init(&f->pool, &nc_pool_heap);
    q->filter = f;
    f->regex = nc_regex_compile(&f->pool, value, NC_REGEX_SEARCH, error);

    if (f->regex == NULL) {
        nc_stats_query_fini(q);
        return NC_ERROR;
    }

    return NC_OK;
}

typedef struct {
    const char  *name;
    int          value;
} word_t;

static bool
find_word(const word_t *words, size_t n, nc_str_t value, int *out)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (nc_str_eq(nc_str_c(words[i].name), value)) {
            *out = words[i].value;
            return true;
        }
    }

    return false;
}

static nc_rc_t
bad(nc_sb_t *error, const char *what)
{
    nc_sb_c_add(error, what);

    return NC_ERROR;
}

/* True for a flag that is given without a value, or as anything but "false", "0", "no". */
static bool
flag(nc_str_t value)
{
    return !nc_str_eq(value, NC_STR("false")) && !nc_str_eq(value, NC_STR("0"))
        && !nc_str_eq(value, NC_STR("no"));
}

static const word_t  formats[] = {
    { "", NC_STATS_TEXT }, { "text", NC_STATS_TEXT }, { "json", NC_STATS_JSON },
    { "prometheus", NC_STATS_PROMETHEUS }
};

static const word_t  kinds[] = {
    { "", 0 }, { "All", 0 }, { "Counters", NC_STAT_COUNTER }, { "Gauges", NC_STAT_GAUGE },
    { "Histograms", NC_STAT_HISTOGRAM }, { "TextReadouts", NC_STAT_TEXT }
};

static const word_t  bucket_modes[] = {
    { "", NC_BUCKETS_DEFAULT }, { "none", NC_BUCKETS_DEFAULT }, { "summary", NC_BUCKETS_SUMMARY },
    { "cumulative", NC_BUCKETS_CUMULATIVE }, { "disjoint", NC_BUCKETS_DISJOINT },
    { "detailed", NC_BUCKETS_DETAILED }
};

nc_rc_t
nc_stats_query_param(nc_stats_query_t *q, nc_str_t name, nc_str_t value, nc_sb_t *error)
{
    int  v;

    if (nc_str_eq(name, NC_STR("usedonly"))) {
        q->used_only = flag(value);

    } else if (nc_str_eq(name, NC_STR("text_readouts"))) {
        q->text_readouts = flag(value);

    } else if (nc_str_eq(name, NC_STR("filter"))) {
        return set_filter(q, value, error);

    } else if (nc_str_eq(name, NC_STR("type"))) {
        if (!find_word(kinds, NC_COUNTOF(kinds), value, &v)) {
            return bad(error, "invalid &type= param");
        }
        q->kind = (nc_stat_kind_t) v;

    } else if (nc_str_eq(name, NC_STR("histogram_buckets"))) {
        if (!find_word(bucket_modes, NC_COUNTOF(bucket_modes), value, &v)) {
            return bad(error, "usage: /stats?histogram_buckets=(summary|cumulative|disjoint|"
                "detailed|none)\n");
        }
        q->buckets = (nc_stats_buckets_t) v;

    } else if (nc_str_eq(name, NC_STR("format"))) {
        if (nc_str_eq(value, NC_STR("html")) || nc_str_eq(value, NC_STR("active-html"))) {
            return NC_DECLINED;
        }
        if (!find_word(formats, NC_COUNTOF(formats), value, &v)) {
            return bad(error, "usage: /stats?format=(html|json|prometheus|text)\n");
        }
        q->format = (nc_stats_format_t) v;

    } else {
        return NC_DECLINED;
    }

    return NC_OK;
}

const char *
nc_stats_content_type(const nc_stats_query_t *q)
{
    switch (q->format) {
    case NC_STATS_JSON:
        return "application/json";
    case NC_STATS_PROMETHEUS:
        return "text/plain; version=0.0.4; charset=UTF-8";
    default:
        return "text/plain; charset=UTF-8";
    }
}

bool
nc_print_all_wanted(const nc_stats_query_t *q)
{
    return is_shown == NULL && q->filter == NULL;
}

bool
nc_print_wanted(const nc_stats_query_t *q, nc_str_t name)
{
    const filter_t  *f = q->filter;

    return (is_shown == NULL || is_shown(name)) && (f == NULL || nc_regex_match(f->regex, name));
}

nc_stats_print_t *
nc_stats_print_create(const nc_stats_query_t *q)
{
    nc_stats_print_t  *p = nc_calloc(sizeof(*p));

    p->q = *q;
    nc_dict_load();
    nc_sums_take(&p->sums);
    nc_dict_pin();

    if (q->format == NC_STATS_PROMETHEUS) {
        p->prom = nc_prom_create(p);
    }

    return p;
}

void
nc_stats_print_destroy(nc_stats_print_t *p)
{
    if (p == NULL) {
        return;
    }

    if (p->prom) {
        nc_prom_destroy(p->prom);
    }

    nc_walk_destroy(p->walk);
    nc_sums_drop(&p->sums);
    nc_dict_unpin();
    free(p);
}

/* True when a stat that is not a histogram is to be shown; fills its value. */
static bool
value_of(nc_stats_print_t *p, const nc_item_t *item, nc_str_t *text, int64_t *value)
{
    bool  used = true;

    switch (item->kind) {
    case NC_STAT_COUNTER:
        *value = (int64_t) nc_codes_value(&p->sums, item->cell, &used);
        break;
    case NC_STAT_GAUGE:
        *value = nc_sums_gauge(&p->sums, item->cell, &used);
        break;
    case NC_STAT_TEXT:
        *text = nc_arena_str((nc_arena_str_t) { item->group->base[0], item->group->base[1] });
        used = text->len > 0;
        break;
    default:
        used = nc_hist_index(item->cell) < p->sums.n_histograms
            && nc_bit_get(p->sums.touched, nc_hist_index(item->cell));
        break;
    }

    return used || !p->q.used_only;
}

static void
print_text(nc_stats_print_t *p, const nc_item_t *item, nc_str_t text, int64_t value, nc_sb_t *out)
{
    if (item->kind == NC_STAT_HISTOGRAM) {
        nc_hist_text(p, item, out);
        return;
    }

    nc_sb_str_add(out, item->name);
    nc_sb_c_add(out, ": ");

    if (item->kind == NC_STAT_TEXT) {
        nc_sb_json_str(out, text);
    } else if (item->kind == NC_STAT_COUNTER) {
        nc_sb_u64(out, (uint64_t) value);
    } else {
        nc_sb_i64(out, value);
    }

    nc_sb_char(out, '\n');
}

static void
print_json(nc_stats_print_t *p, const nc_item_t *item, nc_str_t text, int64_t value, nc_sb_t *out)
{
    if (p->some) {
        nc_sb_char(out, ',');
    }

    p->some = true;

    if (item->kind == NC_STAT_HISTOGRAM) {
        if (!p->in_histograms) {
            nc_hist_json_head(p, out);
            p->in_histograms = true;
        }
        nc_hist_json(p, item, out);
        return;
    }

    nc_sb_c_add(out, "{\"name\":");
    nc_sb_json_str(out, item->name);
    nc_sb_c_add(out, ",\"value\":");

    if (item->kind == NC_STAT_TEXT) {
        nc_sb_json_str(out, text);
    } else if (item->kind == NC_STAT_COUNTER) {
        nc_sb_u64(out, (uint64_t) value);
    } else {
        nc_sb_i64(out, value);
    }

    nc_sb_char(out, '}');
}

/* Goes on to the next pass that may hold something; false: there is none. */
static bool
next_phase(nc_stats_print_t *p)
{
    nc_walk_destroy(p->walk);
    p->walk = NULL;

    while (p->phase < PHASES) {
        unsigned  mask = phase_masks[p->phase++];

        if (p->q.kind) {
            mask &= NC_BIT(p->q.kind);
        }

        if (mask) {
            p->walk = nc_walk_create(mask);
            return true;
        }
    }

    return false;
}

static void
finish(nc_stats_print_t *p, nc_sb_t *out)
{
    p->done = true;

    if (p->q.format == NC_STATS_JSON) {
        if (p->in_histograms) {
            nc_hist_json_tail(p, out);
        }
        nc_sb_c_add(out, "]}");
    }
}

bool
nc_stats_print_more(nc_stats_print_t *p, nc_sb_t *out, size_t max)
{
    size_t  start = out->len;

    if (p->prom) {
        return nc_prom_more(p, out, max);
    }

    if (p->done) {
        return false;
    }

    if (p->phase == 0 && p->q.format == NC_STATS_JSON) {
        nc_sb_c_add(out, "{\"stats\":[");
    }

    while (p->walk || next_phase(p)) {
        nc_item_t  item;
        nc_str_t   text = NC_STR_NULL;
        int64_t    value = 0;

        if (!nc_walk_next(p->walk, &p->sums, &item)) {
            if (!next_phase(p)) {
                break;
            }
            continue;
        }

        if (!nc_print_wanted(&p->q, item.name) || !value_of(p, &item, &text, &value)) {
            continue;
        }

        if (p->q.format == NC_STATS_JSON) {
            print_json(p, &item, text, value, out);
        } else {
            print_text(p, &item, text, value, out);
        }

        if (max && out->len - start >= max) {
            return true;
        }
    }

    finish(p, out);

    return false;
}
