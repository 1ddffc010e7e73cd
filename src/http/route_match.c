/* route_match.c: conditions of RouteMatch that few routes have. */
#include "http/route_priv.h"

#include "http/grpc.h"
#include "net/tls.h"

#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>

typedef Envoy__Config__Route__V3__RouteMatch  match_msg_t;


static void
compile_metadata(nc_route_compile_t *rc, const match_msg_t *msg, nc_route_more_t *m)
{
    nc_metadata_matcher_t  *items = nc_pool_array(rc->cc->pool, msg->n_dynamic_metadata,
                                                  sizeof(*items));

    for (size_t i = 0; i < msg->n_dynamic_metadata; i++) {
        nc_metadata_matcher_compile(rc->cc, msg->dynamic_metadata[i], &items[i]);
    }

    m->metadata = items;
    m->n_metadata = (uint32_t) msg->n_dynamic_metadata;
}


static void
compile_state(nc_route_compile_t *rc, const match_msg_t *msg, nc_route_more_t *m)
{
    nc_filter_state_matcher_t  *items = nc_pool_array(rc->cc->pool, msg->n_filter_state,
                                                      sizeof(*items));

    for (size_t i = 0; i < msg->n_filter_state; i++) {
        nc_filter_state_matcher_compile(rc->cc, msg->filter_state[i], &items[i]);
    }

    m->state = items;
    m->n_state = (uint32_t) msg->n_filter_state;
}


const nc_route_more_t *
nc_route_compile_more(nc_route_compile_t *rc, const match_msg_t *msg)
{
    nc_route_more_t                                                *m;
    const Envoy__Config__Route__V3__RouteMatch__TlsContextMatchOptions  *tls = msg->tls_context;

    if (msg->n_cookies + msg->n_dynamic_metadata + msg->n_filter_state == 0 && msg->grpc == NULL
        && tls == NULL)
    {
        return NULL;
    }

    m = nc_pool_new(rc->cc->pool, nc_route_more_t);
    nc_cookie_matchers_compile(rc->cc, msg->cookies, msg->n_cookies, &m->cookies);
    m->n_cookies = (uint32_t) msg->n_cookies;
    compile_metadata(rc, msg, m);
    compile_state(rc, msg, m);
    m->grpc = msg->grpc != NULL;

    if (tls != NULL) {
        m->has_presented = tls->presented != NULL;
        m->presented = tls->presented != NULL && tls->presented->value;
        m->has_validated = tls->validated != NULL;
        m->validated = tls->validated != NULL && tls->validated->value;
    }

    return m;
}


static bool
tls_holds(const nc_route_more_t *m, const nc_http_info_t *info)
{
    const nc_tls_info_t  *tls = info != NULL && info->conn != NULL ? info->conn->tls : NULL;

    return (!m->has_presented || (tls != NULL && nc_tls_peer_presented(tls)) == m->presented)
        && (!m->has_validated || (tls != NULL && nc_tls_peer_validated(tls)) == m->validated);
}


bool
nc_route_more_holds(const nc_route_more_t *m, const nc_route_request_t *rq)
{
    static const nc_http_info_t  none;
    const nc_http_info_t        *info = rq->info != NULL ? rq->info : &none;

    if (m->grpc && !nc_grpc_is_request(rq->headers)) {
        return false;
    }

    for (uint32_t i = 0; i < m->n_cookies; i++) {
        if (!nc_cookie_matcher_match(&m->cookies[i], rq->headers)) {
            return false;
        }
    }

    for (uint32_t i = 0; i < m->n_metadata; i++) {
        if (!nc_metadata_matcher_holds(&m->metadata[i], info)) {
            return false;
        }
    }

    for (uint32_t i = 0; i < m->n_state; i++) {
        if (!nc_filter_state_matcher_holds(&m->state[i], info)) {
            return false;
        }
    }

    return tls_holds(m, info);
}
