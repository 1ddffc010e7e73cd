/* sums.c: adding up rows, and what can be said of a histogram. */
#include "stats/sums_priv.h"

#include <math.h>

const double  nc_hist_bounds[NC_HIST_BOUNDS] = {
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000,
    1800000, 3600000
};

static void
add_counters(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    nc_sums_t  *s = ctx;
    uint32_t    i;

    for (i = 0; i < n; i++) {
        s->counters[cell - NC_ZONE_COUNTERS + i] += values[i];
    }
}

static void
subtract_counters(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    nc_sums_t  *s = ctx;
    uint32_t    i;

    for (i = 0; i < n; i++) {
        s->counters[cell - NC_ZONE_COUNTERS + i] -= values[i];
    }
}

static uint64_t *
rare_cell(nc_sums_t *s, uint32_t cell)
{
    uint32_t   family = (cell - NC_ZONE_RARE_CODES) / NC_RARE_CODE_CELLS;
    uint32_t   code = (cell - NC_ZONE_RARE_CODES) % NC_RARE_CODE_CELLS;

    if (s->rare[family] == NULL) {
        s->rare[family] = nc_calloc(NC_RARE_CODE_CELLS * sizeof(uint64_t));
    }

    return &s->rare[family][code];
}

static void
add_rare(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (values[i]) {
            *rare_cell(ctx, cell + i) += values[i];
        }
    }
}

static void
subtract_rare(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (values[i]) {
            *rare_cell(ctx, cell + i) -= values[i];
        }
    }
}

static void
add_gauges(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    nc_sums_t  *s = ctx;
    uint32_t    i;

    for (i = 0; i < n; i++) {
        uint32_t  at = cell - NC_ZONE_GAUGES + i;

        s->gauges[at] += (uint64_t) ((int64_t) values[i] >> 1);

        if (values[i]) {
            nc_bit_set(s->gauge_used, at);
        }
    }
}

static void
mark_histograms(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (values[i]) {
            nc_bit_set(ctx, nc_hist_index(cell + i));
        }
    }
}

void
nc_hist_touched(uint8_t *touched, uint32_t n)
{
    unsigned  row;

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_walk(row, NC_ZONE_HISTOGRAMS, NC_ZONE_HISTOGRAMS + n * NC_HISTOGRAM_CELLS,
            mark_histograms, touched);
    }
}

void
nc_sums_take(nc_sums_t *s)
{
    nc_arena_head_t  *head = nc_arena.head;
    unsigned          row;
    uint32_t          i;

    memset(s, 0, sizeof(*s));

    if (head == NULL) {
        return;
    }

    s->n_counters = NC_MIN(head->counters, NC_ARENA_COUNTERS);
    s->n_gauges = NC_MIN(head->gauges, NC_ARENA_GAUGES);
    s->n_rare = NC_MIN(head->rare_codes, NC_ARENA_RARE_CODES);
    s->n_histograms = NC_MIN(head->histograms, NC_ARENA_HISTOGRAMS);
    s->counters = nc_calloc((s->n_counters + 1) * sizeof(uint64_t));
    s->gauges = nc_calloc((s->n_gauges + 1) * sizeof(uint64_t));
    s->rare = nc_calloc((s->n_rare + 1) * sizeof(uint64_t *));
    s->counter_used = nc_calloc(s->n_counters / 8 + 1);
    s->gauge_used = nc_calloc(s->n_gauges / 8 + 1);
    s->touched = nc_calloc(s->n_histograms / 8 + 1);

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_walk(row, NC_ZONE_COUNTERS, NC_ZONE_COUNTERS + s->n_counters, add_counters, s);
        nc_arena_walk(row, NC_ZONE_GAUGES, NC_ZONE_GAUGES + s->n_gauges, add_gauges, s);
        nc_arena_walk(row, NC_ZONE_RARE_CODES,
            NC_ZONE_RARE_CODES + s->n_rare * NC_RARE_CODE_CELLS, add_rare, s);
    }

    for (i = 0; i < s->n_counters; i++) {
        if (s->counters[i]) {
            nc_bit_set(s->counter_used, i);
        }
    }

    nc_arena_walk(nc_arena_reset_row(), NC_ZONE_COUNTERS, NC_ZONE_COUNTERS + s->n_counters,
        subtract_counters, s);
    nc_arena_walk(nc_arena_reset_row(), NC_ZONE_RARE_CODES,
        NC_ZONE_RARE_CODES + s->n_rare * NC_RARE_CODE_CELLS, subtract_rare, s);
    nc_hist_touched(s->touched, s->n_histograms);
}

void
nc_sums_drop(nc_sums_t *s)
{
    uint32_t  i;

    for (i = 0; i < s->n_rare; i++) {
        free(s->rare[i]);
    }

    free(s->counters);
    free(s->gauges);
    free(s->rare);
    free(s->counter_used);
    free(s->gauge_used);
    free(s->touched);
    memset(s, 0, sizeof(*s));
}

uint64_t
nc_sums_counter(const nc_sums_t *s, uint32_t cell, bool *used)
{
    uint32_t  at = cell - NC_ZONE_COUNTERS;

    *used = at < s->n_counters && nc_bit_get(s->counter_used, at);

    return at < s->n_counters ? s->counters[at] : 0;
}

int64_t
nc_sums_gauge(const nc_sums_t *s, uint32_t cell, bool *used)
{
    uint32_t  at = cell - NC_ZONE_GAUGES;

    *used = at < s->n_gauges && nc_bit_get(s->gauge_used, at);

    return at < s->n_gauges ? (int64_t) s->gauges[at] : 0;
}

uint64_t
nc_sums_rare(const nc_sums_t *s, uint32_t cell)
{
    uint32_t  family = (cell - NC_ZONE_RARE_CODES) / NC_RARE_CODE_CELLS;
    uint32_t  code = (cell - NC_ZONE_RARE_CODES) % NC_RARE_CODE_CELLS;

    return family < s->n_rare && s->rare[family] ? s->rare[family][code] : 0;
}

void
nc_hist_read(uint32_t cell, nc_hist_t *out)
{
    uint64_t  cells[NC_HISTOGRAM_CELLS];
    unsigned  row, i;

    memset(out, 0, sizeof(*out));

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_read(row, cell, NC_HISTOGRAM_CELLS, cells);
        out->sum += cells[0];

        for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
            out->buckets[i] += cells[NC_HISTOGRAM_FIRST + i];
            out->count += cells[NC_HISTOGRAM_FIRST + i];
        }
    }
}

uint64_t
nc_hist_low(uint32_t bucket)
{
    uint32_t  shift = bucket / 8;

    return bucket < 16 ? bucket : (uint64_t) (8 + bucket % 8) << (shift - 1);
}

uint64_t
nc_hist_high(uint32_t bucket)
{
    return nc_hist_low(bucket + 1);
}

double
nc_hist_quantile(const nc_hist_t *h, double q)
{
    double    rank = q * (double) h->count, below = 0;
    uint32_t  i, last = 0;

    if (h->count == 0) {
        return NAN;
    }

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        double    n = (double) h->buckets[i];
        uint64_t  low = nc_hist_low(i), width = nc_hist_high(i) - low;

        if (h->buckets[i] == 0) {
            continue;
        }

        last = i;

        if (below + n >= rank) {
            /* Values are whole numbers: a bucket of one value is that value. */
            return (double) low + (double) (width - 1) * (rank - below) / n;
        }

        below += n;
    }

    return (double) (nc_hist_high(last) - 1);
}

uint64_t
nc_hist_at_most(const nc_hist_t *h, double bound)
{
    uint64_t  n = 0;
    uint32_t  i;

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        double  low = (double) nc_hist_low(i), width = (double) nc_hist_high(i) - low;

        if (low > bound) {
            break;
        }

        if (low + width - 1 <= bound) {
            n += h->buckets[i];
        } else {
            n += (uint64_t) ((double) h->buckets[i] * (floor(bound) - low + 1) / width);
        }
    }

    return n;
}
