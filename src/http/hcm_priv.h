/* hcm_priv.h: the parts of compiling a connection manager; called by hcm.c. */
#ifndef NC_HTTP_HCM_PRIV_H
#define NC_HTTP_HCM_PRIV_H

#include "api/message.h"
#include "http/hcm.h"

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager
    nc_hcm_message_t;

#define NC_HCM_ENUM(v)  \
  ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##v

static inline bool
nc_bool_or(const Google__Protobuf__BoolValue *v, bool otherwise)
{
    return v ? v->value : otherwise;
}

static inline uint32_t
nc_u32_or(const Google__Protobuf__UInt32Value *v, uint32_t otherwise)
{
    return v ? v->value : otherwise;
}

static inline nc_str_t
nc_hcm_copy(nc_compile_t *cc, const char *text)
{
    return nc_pool_str(cc->pool, nc_str_c(text));
}

/* hcm_edge.c: addresses, identity, certificates, ids, what local replies look like. */
void nc_hcm_compile_edge(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m);

/* hcm_logs.c: the access logs, their filters and occasions. */
void nc_hcm_compile_logs(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m);

#endif
