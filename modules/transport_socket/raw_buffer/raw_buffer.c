/* raw_buffer.c: the transport socket that leaves bytes as they are. */
#include "base/module.h"

#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb-c.h"

extern const nc_module_t  nc_transport_raw_buffer_module;

const nc_module_t  nc_transport_raw_buffer_module = {
    NC_MODULE_HEAD,
    .name = "envoy.transport_sockets.raw_buffer",
    .kind = NC_TRANSPORT_SOCKET,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__transport_sockets__raw_buffer__v3__raw_buffer__descriptor,
};
