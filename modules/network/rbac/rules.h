/* rules.h: policies of config.rbac.v3 as image objects, judged for connections. */
#ifndef NC_RBAC_RULES_H
#define NC_RBAC_RULES_H

#include "http/matcher.h"
#include "net/acceptor.h"
#include "net/ip_map.h"

struct Envoy__Config__Rbac__V3__RBAC;

typedef struct rbac_rules_s  rbac_rules_t;

/* In cc->pool; NULL: errors were added. */
const rbac_rules_t *rbac_rules_compile(nc_compile_t *cc,
    const struct Envoy__Config__Rbac__V3__RBAC *message);

/* True: the connection is allowed. *policy is the name of the policy that matched, or data NULL. */
bool rbac_rules_allow(const rbac_rules_t *rules, nc_conn_t *c, nc_str_t *policy);

#endif
