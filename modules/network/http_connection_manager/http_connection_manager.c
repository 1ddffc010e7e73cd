/* http_connection_manager.c: the connection manager as a network filter. */
#include "http/hcm.h"

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    return nc_hcm_compile(cc, (const void *) message);
}


static const nc_network_filter_ops_t  ops = {
    .on_new = nc_http_begin,
    .terminal = true
};

const nc_module_t  nc_network_http_connection_manager_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.http_connection_manager",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__descriptor,
    .compile = compile,
    .network_filter = &ops
};
