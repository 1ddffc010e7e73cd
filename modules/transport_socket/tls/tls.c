/* tls.c: the TLS transport socket; what it does stands in src/net/tls_*.c. */
#include "base/module.h"
#include "net/tls_conf.h"

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"

extern const nc_module_t  nc_transport_tls_module;
extern const nc_module_t  nc_transport_tls_upstream_module;


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    return nc_tls_compile(cc, message);
}


const nc_module_t  nc_transport_tls_module = {
    NC_MODULE_HEAD,
    .name = "envoy.transport_sockets.tls",
    .kind = NC_TRANSPORT_SOCKET,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor,
    .compile = compile,
    .transport = &nc_tls_ops
};

/* The same towards the hosts of clusters, whose configuration is of another type. */
const nc_module_t  nc_transport_tls_upstream_module = {
    NC_MODULE_HEAD,
    .name = "envoy.transport_sockets.tls",
    .kind = NC_TRANSPORT_SOCKET,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__transport_sockets__tls__v3__upstream_tls_context__descriptor,
    .compile = compile,
    .transport = &nc_tls_ops
};
