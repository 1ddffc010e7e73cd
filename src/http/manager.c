/*
 * manager.c: what the connection manager does to every request before the filters see it, and to
 * every response before the codec does. The steps of their own stand in manager_*.c.
 *
 * Order for requests, as in Envoy: host and path are made canonical, then headers are mutated, then
 * the route is found; whatever looks at the request later sees the same bytes. A path that an early
 * mutation made is made canonical, too.
 */
#include "http/manager.h"
#include "http/manager_priv.h"

#include <time.h>

static const nc_route_redirect_t  https_redirect = { .https = true, .status = 301 };


void
nc_manager_refuse(nc_stream_t *s, unsigned status, const char *details)
{
    nc_stream_reply(s, status, NC_STR_NULL, details, NULL, NULL);
}


/* ---- route, upgrade, 100-continue ---- */

/* VirtualHost.require_tls: a request that came without is sent to https, whatever its route. */
static void
require_tls(nc_stream_t *s)
{
    const nc_vhost_t  *v = s->match.vhost;
    nc_route_t        *r;

    if (nc_str_eq(nc_headers_value(&s->request, NC_H_X_FORWARDED_PROTO), NC_STR("https"))
        || (v->require_tls == NC_VHOST_TLS_EXTERNAL_ONLY && s->internal))
    {
        return;
    }

    r = nc_pool_new(&s->pool, nc_route_t);
    r->kind = NC_ROUTE_REDIRECT;
    r->redirect = &https_redirect;
    r->vhost = v;
    s->match.route = r;
    s->match.weighted = NULL;
    s->has_route = true;
}


/* How long the stream may last, by its route: max_stream_duration, grpc-timeout. */
static void
bound_stream(nc_stream_t *s, const nc_stream_bounds_t *b)
{
    uint64_t  ms, spent = (nc_now_us - s->info.start_us) / 1000;

    if (b->has_grpc_max
        && nc_grpc_timeout(nc_headers_value(&s->request, NC_H_GRPC_TIMEOUT), &ms))
    {
        if (b->grpc_max_ms) {
            ms = NC_MIN(ms, b->grpc_max_ms);
        }

        if (b->grpc_offset_ms < ms) {
            ms -= b->grpc_offset_ms;
        }

    } else if (b->has_max) {
        ms = b->max_ms;

        if (ms == 0) {
            nc_stream_deadline(s, NC_DEADLINE_DURATION, 0);
            return;
        }

    } else {
        return;
    }

    nc_stream_deadline(s, NC_DEADLINE_DURATION, ms > spent ? ms - spent : 1);
}


/* What a route says of time and size of the stream. */
static void
apply_times(nc_stream_t *s, const nc_route_forward_t *f)
{
    if (f->idle_timeout_set) {
        s->idle_ms = f->idle_timeout_ms;
        nc_stream_deadline(s, NC_DEADLINE_IDLE, s->idle_ms);
    }

    if (f->bounds) {
        bound_stream(s, f->bounds);
    }

    if (f->body_limit.set) {
        s->request_limit = f->body_limit.bytes;
    }
}


static void
find_route(nc_stream_t *s)
{
    nc_route_request_t  rq = {
        .headers = &s->request,
        .random = s->random,
        .is_tls = s->conn_info.is_tls,
        .info = &s->info,
        .pool = &s->pool
    };

    s->has_route = nc_route_find(s->hcm->routes, &rq, &s->match) == NC_OK;
    s->no_route_details = "route_not_found";

    if (s->match.vhost) {
        s->info.vhost_name = s->match.vhost->name;

        if (s->match.vhost->require_tls) {
            require_tls(s);
        }
    }

    if (!s->has_route) {
        return;
    }

    s->info.route = s->match.route;
    s->info.route_name = s->match.route->name;

    if (s->match.route->forward) {
        apply_times(s, s->match.route->forward);
    }
}


/* Which filters take part: the route's word counts before the chain's. */
static void
switch_filters(nc_stream_t *s)
{
    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        const nc_http_filter_ref_t  *f = &s->hcm->filters[i];
        const nc_filter_conf_t      *c = NULL;

        if (s->has_route) {
            c = nc_route_filter_conf(&s->match, f->name);
        }

        s->filters[i].off = c && c->has_switch ? c->disabled : f->disabled;
    }
}


static const nc_upgrade_t *
find_upgrade(const nc_upgrade_t *list, uint32_t n, nc_str_t type)
{
    for (uint32_t i = 0; i < n; i++) {
        if (nc_str_caseeq(list[i].type, type)) {
            return &list[i];
        }
    }

    return NULL;
}


/* False: answered. The route's word counts before the connection manager's. */
static bool
check_upgrade(nc_stream_t *s)
{
    nc_str_t             type = nc_headers_value(&s->request, NC_H_UPGRADE);
    nc_str_t             method = nc_headers_value(&s->request, NC_H_METHOD);
    const nc_upgrade_t  *u = NULL;

    if (nc_str_eq(method, NC_STR("CONNECT"))) {
        type = NC_STR("CONNECT");

    } else if (!s->is_upgrade) {
        return true;
    }

    if (s->has_route && s->match.route->forward) {
        u = find_upgrade(s->match.route->forward->upgrades, s->match.route->forward->n_upgrades,
                         type);
    }

    if (u == NULL) {
        u = find_upgrade(s->hcm->upgrades, s->hcm->n_upgrades, type);
    }

    if (u && u->enabled) {
        s->is_upgrade = true;
        return true;
    }

    nc_counter_inc(s->hcm->stats.downstream_rq_ws_on_non_ws_route);
    s->no_reuse = true;
    nc_manager_refuse(s, 403, "upgrade_failed");

    return false;
}


static void
continue_100(nc_stream_t *s)
{
    nc_headers_t  *h;

    if (!s->expect_continue || s->hcm->proxy_100_continue) {
        return;
    }

    h = nc_pool_new(&s->pool, nc_headers_t);
    nc_headers_init(h, &s->pool);
    nc_headers_add_id(h, NC_H_STATUS, NC_STR("100"));
    nc_headers_del_id(&s->request, NC_H_EXPECT);
    s->expect_continue = false;
    nc_counter_inc(s->hcm->stats.downstream_rq_1xx);
    nc_stream_respond_informational(s, h);
}


/* False: answered. */
static bool
mutate_early(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_http_view_t        view;

    if (hcm->n_early_mutations == 0) {
        return true;
    }

    view = nc_stream_view(s);

    for (uint32_t i = 0; i < hcm->n_early_mutations; i++) {
        const nc_early_mutation_ops_t  *ops = hcm->early_mutations[i].module->ops;

        ops->mutate(hcm->early_mutations[i].conf, &s->request, &view, &s->pool);
    }

    return nc_manager_path(s);
}


bool
nc_stream_look_up(nc_stream_t *s, nc_route_match_t *match)
{
    nc_route_request_t  rq = {
        .headers = &s->request,
        .random = s->random,
        .is_tls = s->conn_info.is_tls,
        .info = &s->info,
        .pool = &s->pool
    };

    return s->hcm->routes != NULL && nc_route_find(s->hcm->routes, &rq, match) == NC_OK;
}


void
nc_manager_reroute(nc_stream_t *s)
{
    find_route(s);
    switch_filters(s);
}


bool
nc_manager_request(nc_stream_t *s)
{
    if (nc_headers_get(&s->request, NC_H_AUTHORITY) == NULL) {
        nc_manager_refuse(s, 400, "missing_host_header");
        return false;
    }

    if (!nc_manager_path(s)) {
        return false;
    }

    nc_manager_host(s);

    if (!mutate_early(s) || !nc_manager_addresses(s)) {
        return false;
    }

    nc_manager_identity(s);
    find_route(s);
    switch_filters(s);

    if (s->hcm->log_new_requests) {
        nc_stream_log(s, NC_LOG_DOWNSTREAM_START);
    }

    if (!check_upgrade(s)) {
        return false;
    }

    continue_100(s);

    return true;
}


/* The Date field of this second (RFC 9110 section 5.6.7); one formatting per second. */
static nc_str_t
date_now(void)
{
    static char    text[32];
    static time_t  made;
    static size_t  len;
    time_t         now = (time_t) (nc_wall_us() / 1000000);

    if (now != made) {
        struct tm  tm;

        gmtime_r(&now, &tm);
        len = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        made = now;
    }

    return nc_str(text, len);
}


void
nc_manager_response(nc_stream_t *s, nc_headers_t *h)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    uint32_t              at = 0;

    if (hcm->proxy_status && s->info.flags) {
        nc_manager_proxy_status(s, h);
    }

    if (hcm->server_header == NC_SERVER_OVERWRITE) {
        nc_headers_set_id(h, NC_H_SERVER, hcm->server_name);

    } else if (hcm->server_header == NC_SERVER_APPEND_IF_ABSENT
               && nc_headers_get(h, NC_H_SERVER) == NULL)
    {
        nc_headers_add_id(h, NC_H_SERVER, hcm->server_name);
    }

    if (nc_headers_get(h, NC_H_DATE) == NULL) {
        nc_headers_add_id(h, NC_H_DATE, date_now());
    }

    nc_manager_append_via(h, hcm->via, &s->pool);

    if (s->info.request_id.len > 0
        && (hcm->request_id_in_response
            || (s->internal
                && nc_headers_find(&s->request, NC_STR("x-envoy-force-trace"), &at))))
    {
        nc_headers_set_id(h, NC_H_X_REQUEST_ID, s->info.request_id);
    }
}
