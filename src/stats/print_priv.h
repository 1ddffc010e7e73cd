/*
 * print_priv.h: what the printers share: walking all stats in the order of their names, tags, and
 * the formatting of numbers.
 */
#ifndef NC_STATS_PRINT_PRIV_H
#define NC_STATS_PRINT_PRIV_H

#include "base/regex.h"
#include "base/vec.h"
#include "stats/dict_priv.h"
#include "stats/exposition.h"
#include "stats/flush_priv.h"
#include "stats/sums_priv.h"

/* One stat on its way out. */
typedef struct {
    nc_stat_kind_t            kind;             /* counter, gauge, histogram, text */
    uint32_t                  cell;             /* of a counter, gauge, histogram */
    uint32_t                  scope;
    const nc_arena_group_t   *group;
    nc_str_t                  name;             /* in full */
} nc_item_t;

/* Walks the stats of the kinds in `mask` (bits 1 << kind) in the order of their full names. */
typedef struct nc_walk_s  nc_walk_t;

nc_walk_t *nc_walk_create(unsigned mask);
void nc_walk_destroy(nc_walk_t *w);

/* The next one; `item` is good until the next call. False: no more. */
bool nc_walk_next(nc_walk_t *w, const nc_sums_t *sums, nc_item_t *item);

/*
 * Steps through the cells of a code family: class or code by its place in the order of names
 * ("_100" .. "_199", "_1xx", "_200" ..). `text` gets "200" or "2xx".
 */
#define NC_CODES_STEPS  505u
uint32_t nc_codes_cell(const nc_arena_group_t *g, unsigned step, char text[4]);
uint64_t nc_codes_value(const nc_sums_t *sums, uint32_t cell, bool *used);

/* Tags found in a scope's name. */
#define NC_TAGS_MAX  6u

typedef struct {
    nc_str_t  name[NC_TAGS_MAX];
    nc_str_t  value[NC_TAGS_MAX];
    unsigned  n;
} nc_tags_t;

/* Appends the scope's name without its tags' values to `out`; fills `tags`. */
void nc_tags_of_scope(uint32_t scope, nc_sb_t *out, nc_tags_t *tags);

/*
 * The class in a suffix "..._rq_2xx", 0: it has none. The metric is named "..._rq_xx" then and has
 * the tag envoy.response_code_class.
 */
char nc_tags_code_class(nc_str_t suffix);

/* A number as Envoy prints it: shortest that reads back the same, "nan" when there is none. */
void nc_print_double(nc_sb_t *out, double v);

struct nc_stats_print_s {
    nc_stats_query_t      q;
    nc_sums_t             sums;
    nc_walk_t            *walk;                 /* text, JSON */
    unsigned              phase;
    bool                  some;                 /* JSON: something stands before this */
    bool                  in_histograms;        /* JSON: the histogram object is open */
    bool                  done;
    struct nc_prom_s     *prom;
};

/* True when the stat is to be seen; nc_print_all_wanted: all are, without a look at names. */
bool nc_print_all_wanted(const nc_stats_query_t *q);
bool nc_print_wanted(const nc_stats_query_t *q, nc_str_t name);

/* prometheus.c */
struct nc_prom_s *nc_prom_create(nc_stats_print_t *p);
void nc_prom_destroy(struct nc_prom_s *prom);
bool nc_prom_more(nc_stats_print_t *p, nc_sb_t *out, size_t max);

/* histogram.c: one histogram as text behind "name: ", and as JSON. */
void nc_hist_text(nc_stats_print_t *p, const nc_item_t *item, nc_sb_t *out);
void nc_hist_json_head(nc_stats_print_t *p, nc_sb_t *out);
void nc_hist_json(nc_stats_print_t *p, const nc_item_t *item, nc_sb_t *out);
void nc_hist_json_tail(nc_stats_print_t *p, nc_sb_t *out);

#endif
