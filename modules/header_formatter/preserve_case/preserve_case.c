/* preserve_case.c: names the formatter; src/codec keeps the case. */
#include "base/module.h"

#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb-c.h"

#define MESSAGE(name)  \
    envoy__extensions__http__header_formatters__preserve_case__v3__##name

const nc_module_t  nc_header_formatter_preserve_case_module = {
    NC_MODULE_HEAD,
    .name = "envoy.http.stateful_header_formatters.preserve_case",
    .kind = NC_HEADER_CASE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &MESSAGE(preserve_case_formatter_config__descriptor)
};
