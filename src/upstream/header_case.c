/* header_case.c: see header_case.h. */
#include "upstream/header_case.h"

#include "base/module.h"

#include "envoy/config/core/v3/protocol.pb-c.h"

#define FORMAT(name)  \
    ENVOY__CONFIG__CORE__V3__HTTP1_PROTOCOL_OPTIONS__HEADER_KEY_FORMAT__HEADER_FORMAT_##name


void
nc_header_case_compile(nc_compile_t *cc,
    const Envoy__Config__Core__V3__Http1ProtocolOptions__HeaderKeyFormat *msg, bool *proper,
    bool *keep)
{
    const nc_module_t  *module = NULL;

    if (msg == NULL) {
        return;
    }

    *proper = msg->header_format_case == FORMAT(PROPER_CASE_WORDS);

    if (msg->header_format_case == FORMAT(STATEFUL_FORMATTER)) {
        (void) cc->extension(cc, NC_HEADER_CASE, msg->stateful_formatter->name,
                             (const ProtobufCMessage *) msg->stateful_formatter->typed_config,
                             &module);
        *keep = module != NULL;
    }
}
