/* data_source.h: core.v3.DataSource, read while configuration is compiled. */
#ifndef NC_API_DATA_SOURCE_H
#define NC_API_DATA_SOURCE_H

#include "base/compile.h"

struct Envoy__Config__Core__V3__DataSource;

/*
 * The bytes of the source, copied to `pool`. NC_ERROR: an error was added: the file or variable is
 * not there, cannot be read, or has more than `max` bytes.
 */
nc_rc_t nc_data_source_read(nc_compile_t *cc, const struct Envoy__Config__Core__V3__DataSource *msg,
    size_t max, nc_pool_t *pool, nc_str_t *out);

#endif
