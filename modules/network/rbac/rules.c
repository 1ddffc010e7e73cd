/*
 * rules.c: policies. A permission or a principal is a tree of conditions (node_t).
 *
 * Invariant: a condition that cannot be told (a regex limit, a name that is not there) does not
 * hold; under a "not" neither does the negation of a regex that hit its limit.
 */
#include "rules.h"

#include "net/tls.h"

#include "envoy/config/rbac/v3/rbac.pb-c.h"

#define DEPTH_MAX   32u                         /* of conditions within conditions */

typedef Envoy__Config__Rbac__V3__RBAC        rbac_message_t;
typedef Envoy__Config__Rbac__V3__Permission  permission_t;
typedef Envoy__Config__Rbac__V3__Principal   principal_t;

#define RULE(name)  ENVOY__CONFIG__RBAC__V3__PERMISSION__RULE_##name
#define ID(name)    ENVOY__CONFIG__RBAC__V3__PRINCIPAL__IDENTIFIER_##name

typedef enum {
    ANY,
    AND,
    OR,
    NOT,
    DESTINATION_IP,
    DESTINATION_PORTS,
    SERVER_NAME,
    AUTHENTICATED,
    DIRECT_IP,
    REMOTE_IP
} kind_t;

typedef struct node_s {
    kind_t                kind;
    uint32_t              n;                    /* AND, OR, NOT (1) */
    const struct node_s  *parts;
    nc_ip_prefix_t        ip;
    int32_t               from;                 /* ports: from <= port < until */
    int32_t               until;
    bool                  by_name;              /* AUTHENTICATED with a principal_name */
    nc_string_matcher_t   name;
} node_t;

typedef struct {
    nc_str_t  name;
    node_t    permission;                       /* an OR */
    node_t    principal;
} policy_t;

struct rbac_rules_s {
    int              action;
    const policy_t  *policies;                  /* by name */
    uint32_t         n;
};

/* What is asked about a connection. */
typedef struct {
    nc_conn_t  *c;
    nc_peer_t   local;
    nc_peer_t   direct;
    nc_str_t    server_name;
} facts_t;


/* ---- compiling ---- */

static void compile_permission(nc_compile_t *cc, node_t *n, const permission_t *m, unsigned depth);
static void compile_principal(nc_compile_t *cc, node_t *n, const principal_t *m, unsigned depth);


static bool
too_deep(nc_compile_t *cc, const ProtobufCMessage *m, unsigned depth)
{
    if (depth >= DEPTH_MAX) {
        nc_compile_error(cc, m, "", "more than %u conditions within each other", DEPTH_MAX);
    }

    return depth >= DEPTH_MAX;
}


static void
compile_permissions(nc_compile_t *cc, node_t *n, kind_t kind, permission_t *const *list, size_t count,
    unsigned depth)
{
    node_t  *parts = nc_pool_array(cc->pool, count, sizeof(*parts));

    n->kind = kind;
    n->n = (uint32_t) count;
    n->parts = parts;

    for (size_t i = 0; i < count; i++) {
        compile_permission(cc, &parts[i], list[i], depth + 1);
    }
}


static void
compile_permission(nc_compile_t *cc, node_t *n, const permission_t *m, unsigned depth)
{
    if (too_deep(cc, &m->base, depth)) {
        return;
    }

    switch (m->rule_case) {
    case RULE(AND_RULES):
        compile_permissions(cc, n, AND, m->and_rules->rules, m->and_rules->n_rules, depth);
        break;

    case RULE(OR_RULES):
        compile_permissions(cc, n, OR, m->or_rules->rules, m->or_rules->n_rules, depth);
        break;

    case RULE(NOT_RULE):
        compile_permissions(cc, n, NOT, (permission_t *const *) &m->not_rule, 1, depth);
        break;

    case RULE(ANY):
        n->kind = ANY;
        break;

    case RULE(DESTINATION_IP):
        n->kind = DESTINATION_IP;
        (void) nc_ip_prefix_compile(cc, m->destination_ip, &n->ip);
        break;

    case RULE(DESTINATION_PORT):
        n->kind = DESTINATION_PORTS;
        n->from = (int32_t) m->destination_port;
        n->until = n->from + 1;
        break;

    case RULE(DESTINATION_PORT_RANGE):
        n->kind = DESTINATION_PORTS;
        n->from = m->destination_port_range->start;
        n->until = m->destination_port_range->end;

        if (n->from >= n->until) {
            nc_compile_error(cc, &m->base, "destination_port_range", "start must be below end");
        }
        break;

    case RULE(REQUESTED_SERVER_NAME):
        n->kind = SERVER_NAME;
        (void) nc_string_matcher_compile(cc, m->requested_server_name, &n->name);
        break;

    default:
        nc_compile_error(cc, &m->base, "", "this rule is for requests, not for connections");
        break;
    }
}


static void
compile_principals(nc_compile_t *cc, node_t *n, kind_t kind, principal_t *const *list, size_t count,
    unsigned depth)
{
    node_t  *parts = nc_pool_array(cc->pool, count, sizeof(*parts));

    n->kind = kind;
    n->n = (uint32_t) count;
    n->parts = parts;

    for (size_t i = 0; i < count; i++) {
        compile_principal(cc, &parts[i], list[i], depth + 1);
    }
}


static void
compile_ip(nc_compile_t *cc, node_t *n, kind_t kind, const Envoy__Config__Core__V3__CidrRange *m)
{
    n->kind = kind;
    (void) nc_ip_prefix_compile(cc, m, &n->ip);
}


static void
compile_principal(nc_compile_t *cc, node_t *n, const principal_t *m, unsigned depth)
{
    if (too_deep(cc, &m->base, depth)) {
        return;
    }

    switch (m->identifier_case) {
    case ID(AND_IDS):
        compile_principals(cc, n, AND, m->and_ids->ids, m->and_ids->n_ids, depth);
        break;

    case ID(OR_IDS):
        compile_principals(cc, n, OR, m->or_ids->ids, m->or_ids->n_ids, depth);
        break;

    case ID(NOT_ID):
        compile_principals(cc, n, NOT, (principal_t *const *) &m->not_id, 1, depth);
        break;

    case ID(ANY):
        n->kind = ANY;
        break;

    case ID(AUTHENTICATED):
        n->kind = AUTHENTICATED;
        n->by_name = m->authenticated->principal_name != NULL;

        if (n->by_name) {
            (void) nc_string_matcher_compile(cc, m->authenticated->principal_name, &n->name);
        }
        break;

    case ID(SOURCE_IP):
        compile_ip(cc, n, DIRECT_IP, m->source_ip);
        break;

    case ID(DIRECT_REMOTE_IP):
        compile_ip(cc, n, DIRECT_IP, m->direct_remote_ip);
        break;

    case ID(REMOTE_IP):
        compile_ip(cc, n, REMOTE_IP, m->remote_ip);
        break;

    default:
        nc_compile_error(cc, &m->base, "", "this identifier is for requests, not for connections");
        break;
    }
}


static int
by_name(const void *a, const void *b)
{
    return nc_str_cmp(((const policy_t *) a)->name, ((const policy_t *) b)->name);
}


const rbac_rules_t *
rbac_rules_compile(nc_compile_t *cc, const rbac_message_t *m)
{
    rbac_rules_t  *r = nc_pool_new(cc->pool, rbac_rules_t);
    policy_t      *policies = nc_pool_array(cc->pool, m->n_policies, sizeof(*policies));
    unsigned       errors = cc->errors->n;

    r->action = (int) m->action;
    r->policies = policies;
    r->n = (uint32_t) m->n_policies;

    for (size_t i = 0; i < m->n_policies; i++) {
        const Envoy__Config__Rbac__V3__Policy  *p = m->policies[i]->value;

        policies[i].name = nc_pool_str(cc->pool, nc_str_c(m->policies[i]->key));
        compile_permissions(cc, &policies[i].permission, OR, p->permissions, p->n_permissions, 0);
        compile_principals(cc, &policies[i].principal, OR, p->principals, p->n_principals, 0);
    }

    qsort(policies, r->n, sizeof(*policies), by_name);

    return cc->errors->n > errors ? NULL : r;
}


/* ---- judging: NC_OK holds, NC_DECLINED does not, NC_ERROR cannot be told ---- */

static nc_rc_t
yes_if(bool holds)
{
    return holds ? NC_OK : NC_DECLINED;
}


typedef struct {
    const node_t  *node;
    bool           seen;                        /* there was a name */
    nc_rc_t        rc;
} look_t;


static bool
look_at(nc_str_t san, void *data)
{
    look_t  *l = data;

    l->seen = true;
    l->rc = nc_string_matcher_exec(&l->node->name, san);

    return l->rc != NC_DECLINED;
}


static nc_rc_t
judge_authenticated(const node_t *n, const facts_t *f)
{
    nc_tls_info_t  *tls = nc_tls_info(f->c);
    look_t          l = { .node = n, .rc = NC_DECLINED };

    if (tls == NULL || !nc_tls_peer_validated(tls)) {
        return NC_DECLINED;
    }

    if (!n->by_name) {
        return NC_OK;
    }

    (void) nc_tls_peer_any_san(tls, NC_TLS_FACT_PEER_URI_SAN, look_at, &l);

    if (!l.seen) {
        (void) nc_tls_peer_any_san(tls, NC_TLS_FACT_PEER_DNS_SAN, look_at, &l);
    }

    if (!l.seen) {
        (void) look_at(nc_tls_fact(tls, NC_TLS_FACT_PEER_SUBJECT), &l);
    }

    return l.rc;
}


static nc_rc_t
judge(const node_t *n, const facts_t *f)
{
    nc_rc_t  rc, all;

    switch (n->kind) {
    case ANY:
        return NC_OK;

    case AND:
        for (uint32_t i = 0; i < n->n; i++) {
            if ((rc = judge(&n->parts[i], f)) != NC_OK) {
                return rc;
            }
        }
        return NC_OK;

    case OR:
        all = NC_DECLINED;
        for (uint32_t i = 0; i < n->n; i++) {
            if ((rc = judge(&n->parts[i], f)) == NC_OK) {
                return NC_OK;
            }
            all = rc == NC_ERROR ? NC_ERROR : all;
        }
        return all;

    case NOT:
        rc = judge(&n->parts[0], f);
        return rc == NC_ERROR ? NC_ERROR : yes_if(rc == NC_DECLINED);

    case DESTINATION_IP:
        return yes_if(nc_ip_prefix_has(&n->ip, &f->local));

    case DESTINATION_PORTS:
        return yes_if(nc_peer_port(&f->local) >= n->from && nc_peer_port(&f->local) < n->until);

    case SERVER_NAME:
        return nc_string_matcher_exec(&n->name, f->server_name);

    case AUTHENTICATED:
        return judge_authenticated(n, f);

    case DIRECT_IP:
        return yes_if(nc_ip_prefix_has(&n->ip, &f->direct));

    case REMOTE_IP:
        return yes_if(nc_ip_prefix_has(&n->ip, &f->c->remote));
    }

    return NC_ERROR;
}


static void
fill(facts_t *f, nc_conn_t *c)
{
    const nc_conn_facts_t  *facts = c->facts;
    nc_tls_info_t          *tls = nc_tls_info(c);

    f->c = c;
    nc_conn_local(c, &f->local);
    f->direct = facts && facts->direct_remote.sa.sa_family ? facts->direct_remote : c->remote;
    f->server_name = facts && facts->server_name.data ? facts->server_name
                     : tls ? nc_tls_fact(tls, NC_TLS_FACT_SERVER_NAME) : NC_STR("");

    if (f->server_name.data == NULL) {
        f->server_name = NC_STR("");
    }
}


bool
rbac_rules_allow(const rbac_rules_t *r, nc_conn_t *c, nc_str_t *policy)
{
    facts_t  f;
    bool     matched = false, doubt = false;

    fill(&f, c);
    *policy = NC_STR_NULL;

    for (uint32_t i = 0; i < r->n && !matched; i++) {
        const policy_t  *p = &r->policies[i];
        nc_rc_t          what = judge(&p->permission, &f);
        nc_rc_t          who = what == NC_DECLINED ? NC_DECLINED : judge(&p->principal, &f);

        matched = what == NC_OK && who == NC_OK;
        doubt = doubt || (!matched && what != NC_DECLINED && who != NC_DECLINED);

        if (matched) {
            *policy = p->name;
        }
    }

    switch (r->action) {
    case ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__ALLOW:
        return matched;

    case ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__DENY:
        return !matched && !doubt;              /* what cannot be told is never let in */

    default:
        return true;
    }
}
