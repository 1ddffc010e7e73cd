/*
 * bucket.h: token buckets that all processes of the machine draw from: one atomic word each, in the
 * arena's row of a breaker (nc_breaker_get with a key of its own; id 0 is always full).
 *
 * The word is the time at which the bucket would be full again if nothing were taken any more, so
 * that refilling needs no timer and a process that dies leaves nothing to repair.
 */
#ifndef NC_STATS_BUCKET_H
#define NC_STATS_BUCKET_H

#include "stats/hosts.h"

typedef struct {
    nc_breaker_t  row;
    uint32_t      max_tokens;
    uint64_t      token_ns;                     /* how long one token takes to come back */
} nc_bucket_t;

/* Takes a token at monotonic time `now_us`; false: there is none. */
static inline bool
nc_bucket_take(const nc_bucket_t *b, uint64_t now_us)
{
    int64_t  *word = &nc_breakers_shared[b->row.id].bucket;
    int64_t   now = (int64_t) (now_us * 1000);
    int64_t   was = __atomic_load_n(word, __ATOMIC_RELAXED), full;

    if (b->row.id == 0) {
        return true;
    }

    do {
        full = NC_MAX(was, now) + (int64_t) b->token_ns;

        if (full - now > (int64_t) (b->token_ns * b->max_tokens)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(word, &was, full, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));

    return true;
}

#endif
