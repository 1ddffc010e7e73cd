/*
 * log_filter.h: conditions on a request and its response: which access logs write a line
 * (AccessLog.filter), which local replies a mapper changes (ResponseMapper.filter).
 */
#ifndef NC_HTTP_LOG_FILTER_H
#define NC_HTTP_LOG_FILTER_H

#include "base/compile.h"
#include "http/info.h"

struct Envoy__Config__Accesslog__V3__AccessLogFilter;

typedef struct nc_log_filter_s  nc_log_filter_t;

/* In cc->pool. NULL: errors were added. */
const nc_log_filter_t *nc_log_filter_compile(nc_compile_t *cc,
    const struct Envoy__Config__Accesslog__V3__AccessLogFilter *msg);

/*
 * True when the condition holds; a NULL filter always does. `random` is the stream's, `pool` is
 * scratch for joined header values.
 */
bool nc_log_filter_holds(const nc_log_filter_t *f, const nc_http_view_t *view, uint64_t random,
    nc_pool_t *pool);

#endif
