/* allow_listed_routes.c: internal redirects lead to the routes named here only. */
#include "http/route.h"

#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb-c.h"

typedef struct {
    nc_str_t  *names;
    size_t     n;
} conf_t;


static bool
accepts(const void *conf, const nc_redirect_step_t *step)
{
    const conf_t  *c = conf;

    for (size_t i = 0; i < c->n; i++) {
        if (nc_str_eq(c->names[i], step->to->name)) {
            return true;
        }
    }

    return false;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__InternalRedirect__AllowListedRoutes__V3__AllowListedRoutesConfig
            *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->names = nc_pool_array(cc->pool, m->n_allowed_route_names, sizeof(*c->names));
    c->n = m->n_allowed_route_names;

    for (size_t i = 0; i < c->n; i++) {
        c->names[i] = nc_pool_str(cc->pool, nc_str_c(m->allowed_route_names[i]));
    }

    return c;
}


static const nc_redirect_predicate_ops_t  ops = {
    .accepts = accepts
};

const nc_module_t  nc_redirect_allow_listed_routes_module = {
    NC_MODULE_HEAD,
    .name = "envoy.internal_redirect_predicates.allow_listed_routes",
    .kind = NC_INTERNAL_REDIRECT_PREDICATE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__internal_redirect__allow_listed_routes__v3__allow_listed_routes_config__descriptor,
    .compile = compile,
    .redirect_predicate = &ops
};
