/* header_case.h: Http1ProtocolOptions.header_key_format, for both sides of the proxy. */
#ifndef NC_UPSTREAM_HEADER_CASE_H
#define NC_UPSTREAM_HEADER_CASE_H

#include "base/compile.h"

struct Envoy__Config__Core__V3__Http1ProtocolOptions__HeaderKeyFormat;

/* *proper: Names-Like-This; *keep: as they came. Errors are added; `msg` may be NULL. */
void nc_header_case_compile(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__Http1ProtocolOptions__HeaderKeyFormat *msg,
    bool *proper, bool *keep);

#endif
