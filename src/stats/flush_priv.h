/*
 * flush_priv.h: what histograms recorded in the last interval. Kept by the helper on its heap, by
 * histogram index, for the buckets that hold something.
 */
#ifndef NC_STATS_FLUSH_PRIV_H
#define NC_STATS_FLUSH_PRIV_H

#include "stats/sums_priv.h"

/* Forgets a histogram: its index is given to another one. */
void nc_flush_forget(uint32_t index);

/* What the histogram recorded in the last whole interval; false: there is no interval yet. */
bool nc_flush_interval(uint32_t index, nc_hist_t *out);

#endif
