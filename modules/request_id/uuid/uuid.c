/* uuid.c: request ids that are UUIDs; src/http/manager_identity.c makes them. */
#include "http/manager.h"

#include "envoy/extensions/request_id/uuid/v3/uuid.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__RequestId__Uuid__V3__UuidRequestIdConfig  *m = (const void *) message;
    nc_request_id_conf_t  *c = nc_pool_new(cc->pool, nc_request_id_conf_t);

    c->pack_trace_reason = m->pack_trace_reason == NULL || m->pack_trace_reason->value;

    return c;
}


const nc_module_t  nc_request_id_uuid_module = {
    NC_MODULE_HEAD,
    .name = "envoy.request_id.uuid",
    .kind = NC_REQUEST_ID,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__request_id__uuid__v3__uuid_request_id_config__descriptor,
    .compile = compile
};
