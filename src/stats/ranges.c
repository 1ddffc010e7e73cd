/* ranges.c: a sorted list of gaps below a top. Frees merge with their neighbours. */
#include "stats/ranges_priv.h"

void
nc_ranges_init(nc_ranges_t *r, uint32_t first, uint32_t max)
{
    *r = (nc_ranges_t) { .gaps = NC_VEC_INIT, .top = first, .max = max };
}

void
nc_ranges_fini(nc_ranges_t *r)
{
    nc_vec_fini(&r->gaps);
}

static void
remove_gap(nc_ranges_t *r, size_t i)
{
    memmove(&r->gaps.items[i], &r->gaps.items[i + 1],
        (r->gaps.n - i - 1) * sizeof(nc_range_t));
    r->gaps.n--;
}

uint32_t
nc_ranges_take(nc_ranges_t *r, uint32_t n)
{
    size_t    i;
    uint32_t  at;

    for (i = 0; i < r->gaps.n; i++) {
        nc_range_t  *g = &r->gaps.items[i];

        if (g->n < n) {
            continue;
        }

        at = g->at;
        g->at += n;
        g->n -= n;

        if (g->n == 0) {
            remove_gap(r, i);
        }

        return at;
    }

    if (n > r->max - r->top) {
        return NC_RANGES_FULL;
    }

    at = r->top;
    r->top += n;

    return at;
}

/* Index of the first gap that begins behind `at`. */
static size_t
gap_behind(const nc_ranges_t *r, uint32_t at)
{
    size_t  lo = 0, hi = r->gaps.n;

    while (lo < hi) {
        size_t  mid = lo + (hi - lo) / 2;

        if (r->gaps.items[mid].at > at) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }

    return lo;
}

void
nc_ranges_give(nc_ranges_t *r, uint32_t at, uint32_t n)
{
    size_t       i = gap_behind(r, at);
    nc_range_t  *g = r->gaps.items;
    bool         joins_left = i > 0 && g[i - 1].at + g[i - 1].n == at;
    bool         joins_right = i < r->gaps.n && at + n == g[i].at;

    if (joins_left && joins_right) {
        g[i - 1].n += n + g[i].n;
        remove_gap(r, i);
        i--;

    } else if (joins_left) {
        g[--i].n += n;

    } else if (joins_right) {
        g[i].at = at;
        g[i].n += n;

    } else {
        nc_vec_push(&r->gaps, ((nc_range_t) { at, n }));
        g = r->gaps.items;
        memmove(&g[i + 1], &g[i], (r->gaps.n - 1 - i) * sizeof(nc_range_t));
        g[i] = (nc_range_t) { at, n };
    }

    if (r->gaps.items[i].at + r->gaps.items[i].n == r->top) {
        r->top = r->gaps.items[i].at;
        remove_gap(r, i);
    }
}

static int
by_start(const void *a, const void *b)
{
    const nc_range_t  *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

void
nc_ranges_load(nc_ranges_t *r, nc_range_t *used, size_t n)
{
    size_t  i;

    if (n > 1) {
        qsort(used, n, sizeof(*used), by_start);
    }

    for (i = 0; i < n; i++) {
        if (used[i].at > r->max || used[i].n > r->max - used[i].at) {
            continue;
        }

        if (used[i].at > r->top) {
            nc_vec_push(&r->gaps, ((nc_range_t) { r->top, used[i].at - r->top }));
        }

        r->top = NC_MAX(r->top, used[i].at + used[i].n);
    }
}
