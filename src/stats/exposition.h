/*
 * exposition.h: stats as text, JSON and Prometheus text, as Envoy's admin shows them. Output comes
 * in pieces, so that a million stats neither block the helper nor fill its memory.
 *
 * Invariants:
 *  1. Numbers are those of the moment when the printer was made.
 *  2. While a printer lives, released names stay readable.
 *  3. Helper only (attached readers too, which have no interval values).
 */
#ifndef NC_STATS_EXPOSITION_H
#define NC_STATS_EXPOSITION_H

#include "stats/stats.h"

typedef enum {
    NC_STATS_TEXT,                              /* "name: value", by name; histograms last */
    NC_STATS_JSON,
    NC_STATS_PROMETHEUS                         /* text format 0.0.4 */
} nc_stats_format_t;

typedef enum {
    NC_BUCKETS_DEFAULT,                         /* summary; Prometheus: cumulative */
    NC_BUCKETS_SUMMARY,                         /* quantiles */
    NC_BUCKETS_CUMULATIVE,
    NC_BUCKETS_DISJOINT,
    NC_BUCKETS_DETAILED
} nc_stats_buckets_t;

typedef struct {
    nc_str_t  name;
    nc_str_t  value;
} nc_stats_tag_t;

typedef struct {
    nc_stats_format_t      format;
    nc_stats_buckets_t     buckets;
    nc_stat_kind_t         kind;                /* only this kind; 0: all */
    bool                   used_only;           /* only what was ever written */
    bool                   text_readouts;       /* Prometheus: text readouts as gauges of 0 */
    void                  *filter;              /* compiled `filter`, or NULL */
    const nc_stats_tag_t  *tags;                /* of all stats; see nc_stats_configure */
    size_t                 n_tags;
} nc_stats_query_t;

/*
 * StatsConfig, told once: tags that all stats have in Prometheus text, and which stats there are to
 * see (NULL: all). What is hidden is counted all the same. Kept by the caller, for good.
 */
void nc_stats_configure(const nc_stats_tag_t *tags, size_t n_tags,
    bool (*shown)(nc_str_t name));

/* Everything that is configured to be seen, as text. */
void nc_stats_query_init(nc_stats_query_t *q);
void nc_stats_query_fini(nc_stats_query_t *q);

/*
 * Takes one decoded query parameter of /stats: format, type, usedonly, filter, histogram_buckets,
 * text_readouts. NC_DECLINED: not one of these. NC_ERROR: bad value, `error` says what is
 * wrong (the body of the 400 answer). The formats html and active-html are the admin's own and
 * declined here.
 */
nc_rc_t nc_stats_query_param(nc_stats_query_t *q, nc_str_t name, nc_str_t value, nc_sb_t *error);

/* Content type of the answer. */
const char *nc_stats_content_type(const nc_stats_query_t *q);

typedef struct nc_stats_print_s  nc_stats_print_t;

/* Takes the numbers; `q` is copied but for its tags and filter, which outlive the printer. */
nc_stats_print_t *nc_stats_print_create(const nc_stats_query_t *q);

/* Appends about `max` bytes to `out` (0: all of it). False: that was the end. */
bool nc_stats_print_more(nc_stats_print_t *p, nc_sb_t *out, size_t max);

void nc_stats_print_destroy(nc_stats_print_t *p);

/*
 * Ends the interval of histograms: the interval values shown until the next call are those of the
 * time between the last two calls. Called by the helper every stats_flush_interval.
 */
void nc_stats_flush(void);

#endif
