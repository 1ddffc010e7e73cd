/*
 * ranges_priv.h: which parts of an index space are free. Kept by the helper outside the arena and
 * rebuilt from the records in it.
 */
#ifndef NC_STATS_RANGES_PRIV_H
#define NC_STATS_RANGES_PRIV_H

#include "base/vec.h"

#define NC_RANGES_FULL  UINT32_MAX

typedef struct {
    uint32_t  at;
    uint32_t  n;
} nc_range_t;

typedef struct {
    NC_VEC(nc_range_t)  gaps;                   /* sorted, apart from each other, all below top */
    uint32_t            top;                    /* everything from here on is free */
    uint32_t            max;
} nc_ranges_t;

/* All of [first, max) is free. */
void nc_ranges_init(nc_ranges_t *r, uint32_t first, uint32_t max);
void nc_ranges_fini(nc_ranges_t *r);

/* Takes `n` in a row: the first gap that is long enough, or from the top. NC_RANGES_FULL: none. */
uint32_t nc_ranges_take(nc_ranges_t *r, uint32_t n);

/* Gives a range back that was taken, whole or in part. */
void nc_ranges_give(nc_ranges_t *r, uint32_t at, uint32_t n);

/*
 * Takes exactly [at, at + n) out of an empty allocator; `used` is sorted in place. Ranges that
 * overlap or do not fit (a damaged record) are taken as far as they are free.
 */
void nc_ranges_load(nc_ranges_t *r, nc_range_t *used, size_t n);

#endif
