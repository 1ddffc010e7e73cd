/*
 * dynamic_metadata.h: what filters note about a stream, by namespace and key, for matchers, formats
 * and logs (Envoy's dynamic metadata).
 *
 * Invariants:
 *  1. A value is never changed once it is set: another one takes its place. Whoever holds one may
 *     keep it as long as the stream lives.
 *  2. Values and names are not copied: they lie in the stream's pool, in the configuration that the
 *     stream pins, or are static.
 */
#ifndef NC_HTTP_DYNAMIC_METADATA_H
#define NC_HTTP_DYNAMIC_METADATA_H

#include "http/info.h"
#include "http/metadata.h"

/* Sets `key` of `space`; what was there is replaced. Memory comes from `pool`, the stream's. */
void nc_dynamic_metadata_set(nc_http_info_t *info, nc_pool_t *pool, nc_str_t space, nc_str_t key,
    const nc_value_t *value);

/*
 * Merges a STRUCT into `space`: lists are appended to, structs merged key by key, everything else
 * is replaced.
 */
void nc_dynamic_metadata_merge(nc_http_info_t *info, nc_pool_t *pool, nc_str_t space,
    const nc_value_t *value);

/* True when something was set in `space`. */
bool nc_dynamic_metadata_has(const nc_http_info_t *info, nc_str_t space);

/* The value below `space` and the path of `n` keys, or NULL. */
const nc_value_t *nc_dynamic_metadata_get(const nc_http_info_t *info, nc_str_t space,
    const nc_str_t *path, size_t n);

#endif
