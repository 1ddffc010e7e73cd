/* h2_options.h: Http2ProtocolOptions as both sides, listeners and clusters, compile them. */
#ifndef NC_UPSTREAM_H2_OPTIONS_H
#define NC_UPSTREAM_H2_OPTIONS_H

#include "codec/h2.h"

struct Envoy__Config__Core__V3__Http2ProtocolOptions;

/* Fills everything but the limits of headers, which stand elsewhere in the configuration. */
void nc_h2_options_compile(nc_h2_options_t *o,
    const struct Envoy__Config__Core__V3__Http2ProtocolOptions *m);

#endif
