/* router.c: the terminal filter: what a request asks for, and the way of its body. */
#include "router_priv.h"

#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "http/grpc.h"


static rq_t *
rq_of(nc_stream_t *s)
{
    return s->router;
}


static void
on_destroy(nc_stream_t *s, const void *conf)
{
    rq_t  *r = rq_of(s);

    (void) conf;

    if (r == NULL) {
        return;
    }

    nc_router_retry_done(r);
    nc_router_end_tries(r, NULL);
    nc_router_mirror_end(r);
    nc_up_release(&r->first.up);
    nc_buf_fini(&r->first.pending);
    nc_buf_fini(&r->replay);
    nc_slot_unref(r->cluster_slot);
    s->router = NULL;
}


static void
on_gate(nc_stream_t *s, bool hold)
{
    rq_t  *r = rq_of(s);

    if (r && r->final) {
        nc_up_gate(&r->final->up, NC_GATE_DOWNSTREAM, hold);
    }
}


/* ---- the head of the request ---- */

/* CONNECT (or POST, if so allowed) that ends at a route of connect_config. */
static bool
is_raw(const nc_stream_t *s, const nc_route_forward_t *f)
{
    nc_str_t  method = nc_headers_value(&s->request, NC_H_METHOD);

    for (uint32_t i = 0; i < f->n_upgrades; i++) {
        const nc_upgrade_t  *u = &f->upgrades[i];

        if (u->terminate && u->enabled) {
            return nc_str_eq(method, NC_STR("CONNECT"))
                   || (u->allow_post && nc_str_eq(method, NC_STR("POST")));
        }
    }

    return false;
}


static void
find_vcluster(rq_t *r)
{
    nc_stream_t       *s = r->s;
    const nc_vhost_t  *v = s->match.vhost;

    for (uint32_t i = 0; i < v->n_vclusters; i++) {
        if (nc_header_matchers_match(v->vclusters[i].headers, v->vclusters[i].n_headers,
                                     &s->request, &s->pool))
        {
            r->vcluster = &v->vclusters[i];
            s->info.vcluster_name = r->vcluster->name;
            break;
        }
    }
}


static void
set_limit(rq_t *r)
{
    const nc_body_limit_t  *limit = &r->forward->body_limit;

    r->replay_limit = limit->set ? limit->bytes : r->s->request_limit;

    if (limit->bounded) {
        r->replay_limit = NC_MIN(r->replay_limit, limit->bound);
    }
}


static rq_t *
create(nc_stream_t *s, const conf_t *conf, const nc_route_forward_t *forward,
    const nc_cluster_entry_t *entry)
{
    rq_t  *r = nc_pool_new(&s->pool, rq_t);

    r->s = s;
    r->conf = conf;
    r->forward = forward;
    r->entry = entry;
    r->priority = forward->priority;
    r->cluster_slot = entry->cluster->slot;
    nc_slot_ref(r->cluster_slot);
    nc_buf_init(&r->first.pending);
    nc_buf_init(&r->replay);
    set_limit(r);

    s->router = r;
    s->on_deadline = nc_router_on_deadline;
    s->on_gate = on_gate;

    return r;
}


/* What the route changes of the request. False: it could not, and the request was answered. */
static bool
change_request(rq_t *r)
{
    nc_stream_t     *s = r->s;
    nc_http_view_t   view = nc_stream_view(s);

    nc_route_request_mutations(&s->match, &s->request, &view, &s->pool);

    if (nc_route_rewrite_request(&s->match, &s->request, &s->pool,
                                 r->conf->suppress_envoy_headers))
    {
        nc_stream_reply(s, 500, NC_STR_NULL, "path_rewrite_failed", NULL, NULL);
        return false;
    }

    return true;
}


/* All of the request is here: the time for the answer begins to run. */
static void
request_is_whole(rq_t *r)
{
    nc_stream_t  *s = r->s;

    r->whole = true;

    if (r->timeout_ms && !s->is_upgrade) {
        nc_stream_deadline(s, NC_DEADLINE_ROUTE, r->timeout_ms);
    }

    for (try_t *t = r->live; t; t = t->next) {
        if (t->up.state == NC_UP_OPEN) {
            nc_router_start_try_time(t);
        }
    }
}


static void
forward(nc_stream_t *s, const conf_t *conf, bool end)
{
    const nc_route_forward_t  *f = s->match.route->forward;
    const nc_cluster_entry_t  *entry = s->match.cluster.data ? nc_cluster_find(s->match.cluster)
                                                             : NULL;
    rq_t                      *r;

    if (entry == NULL) {
        nc_router_reply_no_cluster(s, f);
        return;
    }

    nc_counter_inc(s->hcm->router_stats.rq_total);
    s->info.cluster_name = entry->cluster->observability_name;

    if (conf->strict && !nc_router_strict(s, conf)) {
        return;
    }

    r = create(s, conf, f, entry);
    r->is_grpc = nc_grpc_is_request(&s->request);
    r->raw = f->n_upgrades > 0 && is_raw(s, f);

    if (s->match.vhost->n_vclusters > 0) {
        find_vcluster(r);
    }

    nc_router_retry_init(r);
    nc_router_set_timeouts(r);

    if (f->hash) {
        s->has_hash = nc_route_hash(f->hash, &s->request, &s->info, &s->pool, &s->hash,
                                    &r->cookie);
    }

    if (!change_request(r)) {
        return;
    }

    if (f->mirrors && !s->is_upgrade) {
        nc_router_mirror(r, end);
    }

    if (end) {
        request_is_whole(r);
    }

    nc_router_try(r);
}


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    (void) h;

    if (!s->has_route) {
        nc_router_reply_no_route(s);
        return NC_TAKEN;
    }

    switch (s->match.route->kind) {
    case NC_ROUTE_FORWARD:          forward(s, conf, end);        break;
    case NC_ROUTE_REDIRECT:         nc_router_redirect(s);        break;
    case NC_ROUTE_DIRECT_RESPONSE:  nc_router_direct(s);          break;
    default:                        nc_router_reply_no_route(s);  break;
    }

    return NC_TAKEN;
}


/* ---- its body ---- */

/* Keeps the body for another try, unless it grows too large. False: answered. */
static bool
keep(rq_t *r, const nc_buf_t *data)
{
    if (!r->keeps || r->final) {
        return true;
    }

    if (r->replay.len + data->len <= r->replay_limit) {
        nc_buf_share(&r->replay, data);
        return true;
    }

    nc_counter_inc(r->entry->cluster->stats.retry_or_shadow_abandoned);

    if (r->live == NULL) {                      /* it was for this that the body was kept */
        nc_router_over(r);
        nc_router_reply_too_large(r);
        return false;
    }

    nc_router_retry_give_up(r);

    return true;
}


static nc_verdict_t
on_request_data(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end)
{
    rq_t  *r = rq_of(s);

    (void) conf;

    if (r == NULL || r->done) {
        nc_buf_drain(data, data->len);
        return NC_TAKEN;
    }

    if (!keep(r, data)) {
        return NC_TAKEN;
    }

    if (r->shadows) {
        nc_router_mirror_data(r, data, end);
    }

    if (end) {
        r->whole = true;
    }

    nc_router_body(r, data, end);

    if (end && !r->done) {
        request_is_whole(r);
    }

    return NC_TAKEN;
}


static nc_verdict_t
on_request_trailers(nc_stream_t *s, const void *conf, nc_headers_t *t)
{
    rq_t  *r = rq_of(s);

    (void) conf;
    (void) t;

    if (r == NULL || r->done) {
        return NC_TAKEN;
    }

    r->has_trailers = r->whole = true;

    if (r->shadows) {
        nc_router_mirror_trailers(r);
    }

    nc_router_trailers(r);

    if (!r->done) {
        request_is_whole(r);
    }

    return NC_TAKEN;
}


/* ---- the module ---- */

static const char *const  strict_names[] = {
    "x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-retry-grpc-on"
};


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Filters__Http__Router__V3__Router  *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->dynamic_stats = m->dynamic_stats ? m->dynamic_stats->value : true;
    c->suppress_envoy_headers = m->suppress_envoy_headers;
    c->respect_expected_timeout = m->respect_expected_rq_timeout;
    c->suppress_grpc_codes = m->suppress_grpc_request_failure_code_stats;

    for (size_t i = 0; i < m->n_strict_check_headers; i++) {
        for (unsigned k = 0; k < NC_COUNTOF(strict_names); k++) {
            if (strcmp(m->strict_check_headers[i], strict_names[k]) == 0) {
                c->strict |= NC_BIT(k);
            }
        }
    }

    return c;
}


static const nc_http_filter_ops_t  ops = {
    .on_request_headers = on_request_headers,
    .on_request_data = on_request_data,
    .on_request_trailers = on_request_trailers,
    .on_destroy = on_destroy,
    .terminal = true
};

const nc_module_t  nc_http_router_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.http.router",
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__router__v3__router__descriptor,
    .compile = compile,
    .http_filter = &ops
};
