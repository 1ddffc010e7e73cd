/*
 * filter_state.h: named objects that filters leave on a stream for other filters, matchers, formats
 * and logs (Envoy's filter state). Objects are texts here; what needs an address parses it.
 *
 * Invariant: a read-only object is never replaced.
 */
#ifndef NC_HTTP_FILTER_STATE_H
#define NC_HTTP_FILTER_STATE_H

#include "http/info.h"

/*
 * Sets the object under `key`; bytes are not copied (they live as long as the stream). Memory comes
 * from `pool`, the stream's. NC_DECLINED: there is a read-only one.
 */
nc_rc_t nc_filter_state_set(nc_http_info_t *info, nc_pool_t *pool, nc_str_t key, nc_str_t value,
    bool read_only);

/* The object under `key`; data NULL: there is none. */
nc_str_t nc_filter_state_get(const nc_http_info_t *info, nc_str_t key);

#endif
