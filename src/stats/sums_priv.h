/* sums_priv.h: the numbers of one moment: all rows added up. */
#ifndef NC_STATS_SUMS_PRIV_H
#define NC_STATS_SUMS_PRIV_H

#include "stats/arena_priv.h"

/* The state of one histogram. */
typedef struct {
    uint64_t  sum;
    uint64_t  count;
    uint64_t  buckets[NC_HISTOGRAM_BUCKETS];
} nc_hist_t;

/* All counters and gauges, and which histograms hold something. */
typedef struct {
    uint32_t    n_counters;
    uint32_t    n_gauges;
    uint32_t    n_rare;
    uint32_t    n_histograms;
    uint64_t   *counters;                       /* since the last reset */
    uint64_t   *gauges;                         /* int64_t by value */
    uint64_t  **rare;                           /* by family; NULL: untouched */
    uint8_t    *counter_used;                   /* bit by cell */
    uint8_t    *gauge_used;
    uint8_t    *touched;                        /* bit by histogram */
} nc_sums_t;

void nc_sums_take(nc_sums_t *s);
void nc_sums_drop(nc_sums_t *s);

/* Value of a counter's or gauge's cell; cells outside of what was taken are 0 and unused. */
uint64_t nc_sums_counter(const nc_sums_t *s, uint32_t cell, bool *used);
int64_t nc_sums_gauge(const nc_sums_t *s, uint32_t cell, bool *used);

/* Value of a cell of the rare codes. */
uint64_t nc_sums_rare(const nc_sums_t *s, uint32_t cell);

/* Adds up a histogram over all rows. */
void nc_hist_read(uint32_t cell, nc_hist_t *out);

/* Which histograms of [0, n) were touched in any row; bits are set in `touched`. */
void nc_hist_touched(uint8_t *touched, uint32_t n);

/* Smallest value of a bucket, and the one behind its largest. */
uint64_t nc_hist_low(uint32_t bucket);
uint64_t nc_hist_high(uint32_t bucket);

/* The value below which `q` (0..1) of the recorded ones lie; NAN when there are none. */
double nc_hist_quantile(const nc_hist_t *h, double q);

/* How many recorded values are <= bound. */
uint64_t nc_hist_at_most(const nc_hist_t *h, double bound);

/* Envoy's default bounds of histogram buckets. */
#define NC_HIST_BOUNDS  19
extern const double  nc_hist_bounds[NC_HIST_BOUNDS];

static inline uint32_t
nc_hist_index(uint32_t cell)
{
    return (cell - NC_ZONE_HISTOGRAMS) / NC_HISTOGRAM_CELLS;
}

static inline bool
nc_bit_get(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (i % 8)) & 1;
}

static inline void
nc_bit_set(uint8_t *bits, uint32_t i)
{
    bits[i / 8] = (uint8_t) (bits[i / 8] | (1u << (i % 8)));
}

#endif
