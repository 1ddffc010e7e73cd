/*
 * flush.c: the interval values of histograms.
 *
 * Invariant: a record holds what its histogram had at the last flush, in increasing order of
 * buckets; buckets that never held anything take no memory.
 */
#include "stats/flush_priv.h"

#include "stats/exposition.h"

typedef struct {
    uint32_t  bucket;
    uint64_t  before;                           /* at the last flush */
    uint64_t  interval;                         /* recorded between the last two */
} entry_t;

typedef struct {
    uint64_t  sum_before;
    uint64_t  sum_interval;
    uint32_t  n;
    entry_t   entries[];
} record_t;

static record_t  **records;                     /* by histogram index */
static uint32_t    n_records;
static bool        flushed;                     /* there was a flush, so there is an interval */

void
nc_stats_flush_reset(void)
{
    uint32_t  i;

    for (i = 0; i < n_records; i++) {
        free(records[i]);
    }

    free(records);
    records = NULL;
    n_records = 0;
    flushed = false;
}

void
nc_flush_forget(uint32_t index)
{
    if (index < n_records) {
        free(records[index]);
        records[index] = NULL;
    }
}

static void
reserve(uint32_t n)
{
    if (n > n_records) {
        records = nc_realloc(records, n * sizeof(*records));
        memset(records + n_records, 0, (n - n_records) * sizeof(*records));
        n_records = n;
    }
}

/* What the old record says of a bucket; `at` moves along with the increasing buckets. */
static uint64_t
value_before(const record_t *old, uint32_t *at, uint32_t bucket)
{
    while (old && *at < old->n && old->entries[*at].bucket < bucket) {
        (*at)++;
    }

    return old && *at < old->n && old->entries[*at].bucket == bucket ? old->entries[*at].before
        : 0;
}

static void
flush_one(uint32_t index)
{
    nc_hist_t  h;
    record_t  *old = records[index], *new;
    uint32_t   i, n = 0, at = 0;

    nc_hist_read(NC_ZONE_HISTOGRAMS + index * NC_HISTOGRAM_CELLS, &h);

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        n += h.buckets[i] != 0;
    }

    new = nc_malloc(sizeof(*new) + n * sizeof(entry_t));
    new->n = 0;
    new->sum_before = h.sum;
    new->sum_interval = h.sum - (old ? old->sum_before : 0);

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        if (h.buckets[i]) {
            new->entries[new->n++] = (entry_t) { i, h.buckets[i],
                h.buckets[i] - value_before(old, &at, i) };
        }
    }

    free(old);
    records[index] = new;
}

void
nc_stats_flush(void)
{
    uint8_t   *touched;
    uint32_t   n, i;

    if (nc_arena.head == NULL) {
        return;
    }

    n = NC_MIN(nc_arena.head->histograms, NC_ARENA_HISTOGRAMS);
    touched = nc_calloc(n / 8 + 1);
    reserve(n);
    nc_hist_touched(touched, n);

    for (i = 0; i < n; i++) {
        if (nc_bit_get(touched, i)) {
            flush_one(i);
        }
    }

    free(touched);
    flushed = true;
}

bool
nc_flush_interval(uint32_t index, nc_hist_t *out)
{
    const record_t  *r = index < n_records ? records[index] : NULL;
    uint32_t         i;

    memset(out, 0, sizeof(*out));

    if (r == NULL) {
        return flushed;
    }

    out->sum = r->sum_interval;

    for (i = 0; i < r->n; i++) {
        out->buckets[r->entries[i].bucket] = r->entries[i].interval;
        out->count += r->entries[i].interval;
    }

    return true;
}
