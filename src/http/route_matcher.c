/* route_matcher.c: VirtualHost.matcher: a tree that leads to a Route or to a RouteList. */
#include "http/route_priv.h"

#include <protobuf-c/protobuf-c.h>

#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include "xds/type/matcher/v3/matcher.pb-c.h"

typedef struct {
    nc_route_compile_t  *rc;
    const nc_vhost_t    *vhost;
    uint32_t             n;                     /* routes so far */
} context_t;


static const void *
compile_action(nc_compile_t *cc, void *ctx, const char *name,
    const struct ProtobufCMessage *message)
{
    context_t                                      *x = ctx;
    nc_route_t                                     *routes;
    nc_route_list_t                                *list = nc_pool_new(cc->pool, nc_route_list_t);
    const Envoy__Config__Route__V3__RouteList      *many = (const void *) message;
    const Envoy__Config__Route__V3__Route          *one = (const void *) message;
    Envoy__Config__Route__V3__Route *const         *msgs;

    if (message->descriptor == &envoy__config__route__v3__route__descriptor) {
        msgs = (Envoy__Config__Route__V3__Route *const *) &one;
        list->n = 1;

    } else if (message->descriptor == &envoy__config__route__v3__route_list__descriptor) {
        msgs = many->routes;
        list->n = (uint32_t) many->n_routes;

    } else {
        nc_compile_error(cc, message, "", "action '%s' is a %s; envoy.config.route.v3.Route or "
            "RouteList is expected", name, message->descriptor->name);
        return NULL;
    }

    routes = nc_pool_array(cc->pool, list->n, sizeof(*routes));
    list->routes = routes;

    for (uint32_t i = 0; i < list->n; i++) {
        routes[i].order = x->n++;
        nc_route_compile_one(x->rc, msgs[i], x->vhost, &routes[i]);
    }

    return list;
}


const nc_matcher_t *
nc_route_compile_matcher(nc_route_compile_t *rc,
    const struct Envoy__Config__Route__V3__VirtualHost *msg, const nc_vhost_t *vhost)
{
    context_t  x = { .rc = rc, .vhost = vhost };

    if (msg->n_routes > 0) {
        nc_compile_error(rc->cc, &msg->base, "matcher", "routes and matcher exclude each other");
        return NULL;
    }

    return nc_matcher_compile(rc->cc, msg->matcher, compile_action, &x);
}
