/* router.c: the way of a request to an upstream host and of its response back. */
#include "router_priv.h"

#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "log/log.h"

static const nc_up_ops_t  up_ops;


static rq_t *
rq_of(nc_stream_t *s)
{
    return s->router;
}


/* ---- the end of a try and of the request ---- */

static void
unpin(rq_t *r)
{
    if (r->pinned) {
        r->pinned = false;
        nc_slot_unref(r->cluster_slot);
    }
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
    nc_up_release(&r->up);
    nc_buf_fini(&r->pending);
    nc_buf_fini(&r->replay);
    unpin(r);
    s->router = NULL;
}


/* The response is whole, or will never be. */
static void
try_is_over(rq_t *r)
{
    r->done = true;
    r->s->info.upstream_rx_last_us = nc_now_us;
    nc_stream_deadline(r->s, NC_DEADLINE_TRY, 0);
    nc_stream_deadline(r->s, NC_DEADLINE_ROUTE, 0);
    nc_stream_deadline(r->s, NC_DEADLINE_UPSTREAM, 0);
    nc_router_retry_done(r);
}


static void
response_is_whole(rq_t *r)
{
    const nc_cluster_t  *cl = r->entry->cluster;

    nc_histogram_record(cl->stats.upstream_rq_time, (nc_now_us - r->s->info.start_us) / 1000);
    try_is_over(r);
}


static void
failed(rq_t *r, failure_t why, const char *reason)
{
    nc_stream_t         *s = r->s;
    const nc_cluster_t  *cl = r->entry->cluster;
    retry_t              again;

    r->last_host = r->up.host;
    r->headers_sent = r->headers_sent && why != FAILED_CONNECT && why != FAILED_CONNECT_TIMEOUT;

    if (why == FAILED_TERMINATED || why == FAILED_RESET || why == FAILED_PROTOCOL) {
        nc_counter_inc(cl->stats.upstream_rq_rx_reset);
    }

    if (r->up.host && why != FAILED_OVERFLOW) {
        nc_host_counters(r->up.host->id)->rq_error++;
    }

    again = nc_router_retry_failure(r, why);
    nc_up_release(&r->up);

    if (again == RETRY_YES) {
        return;
    }

    if (again == RETRY_LIMIT) {
        s->info.flags |= NC_RF_RETRY_LIMIT_EXCEEDED;

    } else if (again == RETRY_OVERFLOW) {
        s->info.flags |= NC_RF_UPSTREAM_OVERFLOW;
    }

    if (r->conf->dynamic_stats && !r->responding) {
        nc_stats_code_inc(cl->rq_codes, why == FAILED_PROTOCOL ? 502 : 503);
    }

    try_is_over(r);
    nc_router_note_failure(r, why, reason);
    nc_router_reply_failure(r, why, reason);
}


/* ---- the request goes out ---- */

static void
gate_body(rq_t *r, bool hold)
{
    if (r->body_gated != hold) {
        r->body_gated = hold;
        nc_stream_gate_request(r->s, hold);
    }
}


static void
send_pending(rq_t *r)
{
    bool  end = r->whole && !r->has_trailers;

    if (r->pending.len > 0 || end) {
        nc_up_data(&r->up, &r->pending, end);
    }

    if (r->up.state == NC_UP_OPEN && r->has_trailers) {
        nc_up_trailers(&r->up, r->s->request_trailers);
    }

    if (!nc_up_backed_up(&r->up)) {
        gate_body(r, false);
    }
}


static void
note_host(rq_t *r)
{
    nc_stream_t      *s = r->s;
    const nc_host_t  *h = r->up.host;

    s->info.upstream_host_name = h->hostname.len ? h->hostname : h->addr_text;
    nc_peer_from(&s->info.upstream_remote, &h->addr.sa, h->addr.len);

    if (h->addr.sa.sa_family == AF_UNIX) {
        s->info.upstream_remote_path = h->addr_text;
    }
}


/* There is a connection: the head goes out, and the body that waited. */
static void
send_request(rq_t *r)
{
    nc_stream_t  *s = r->s;
    bool          end = r->whole && r->pending.len == 0 && !r->has_trailers;

    nc_up_addresses(&r->up, &s->info.upstream_remote, &s->info.upstream_local,
                    &s->info.upstream_connection_id);
    s->info.upstream_protocol = nc_up_is_h2(&r->up) ? NC_PROTOCOL_HTTP2 : NC_PROTOCOL_HTTP11;
    s->info.upstream_tx_first_us = nc_now_us;
    r->headers_sent = true;

    if (r->forward->host_rewrite == NC_HOST_AUTO && r->up.host->hostname.len > 0) {
        nc_route_set_host(&s->match, &s->request, r->up.host->hostname, &s->pool,
                          r->conf->suppress_envoy_headers);
    }

    nc_up_headers(&r->up, &s->request, end, s->is_upgrade);

    if (!end) {
        send_pending(r);
    }

    if (r->whole) {
        s->info.upstream_tx_last_us = nc_now_us;
    }
}


static void
arm_try(rq_t *r)
{
    if (r->whole && r->per_try_ms) {
        nc_stream_deadline(r->s, NC_DEADLINE_TRY, r->per_try_ms);
    }
}


static void
set_attempt_count(rq_t *r)
{
    char    *digits;
    size_t   n;

    if (!r->s->match.vhost->attempt_count_in_request) {
        return;
    }

    digits = nc_pool_alloc(&r->s->pool, 24);
    n = nc_u64_format(digits, r->tries);
    nc_headers_set_id(&r->s->request, NC_H_X_ENVOY_ATTEMPT_COUNT, nc_str(digits, n));
}


void
nc_router_try(rq_t *r)
{
    nc_stream_t          *s = r->s;
    const nc_host_set_t  *hosts = nc_cluster_hosts(r->entry);
    const nc_host_t      *host = nc_lb_pick(r->entry, hosts, nc_random(), r->last_host);

    r->tries++;
    s->info.attempts = (uint16_t) r->tries;

    if (host == NULL) {
        try_is_over(r);
        nc_router_reply_no_host(r);
        return;
    }

    set_attempt_count(r);
    arm_try(r);

    r->up.ops = &up_ops;
    r->up.owner = r;
    r->up.pool = &s->pool;
    r->up.response = r->up.trailers = NULL;
    r->up.downstream_h2 = s->info.protocol == NC_PROTOCOL_HTTP2;
    r->up.answers = s->is_head ? NC_H1_FOR_HEAD : NC_H1_FOR_OTHER;

    if (s->is_upgrade
        && nc_str_eq(nc_headers_value(&s->request, NC_H_METHOD), NC_STR("CONNECT")))
    {
        r->up.answers = NC_H1_FOR_CONNECT;
    }

    if (r->entry->cluster->max_stream_ms) {
        nc_stream_deadline(s, NC_DEADLINE_UPSTREAM, r->entry->cluster->max_stream_ms);
    }

    switch (nc_up_start(&r->up, r->entry, hosts, host, NC_PRIORITY_DEFAULT)) {
    case NC_OK:
        note_host(r);
        send_request(r);
        break;

    case NC_AGAIN:
        note_host(r);
        break;

    case NC_DECLINED:
        failed(r, FAILED_OVERFLOW, NULL);
        break;

    default:
        failed(r, FAILED_CONNECT, NULL);
    }
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

    arm_try(r);
}


/* ---- filter operations ---- */

static uint64_t
header_ms(nc_stream_t *s, nc_str_t name, uint64_t otherwise)
{
    uint32_t      at = 0;
    uint64_t      ms = otherwise;
    nc_header_t  *h = nc_headers_find(&s->request, name, &at);

    if (h) {
        (void) nc_str_to_u64(h->value, UINT32_MAX, &ms);
        nc_headers_del(&s->request, name);
    }

    return ms;
}


static void
set_timeouts(rq_t *r)
{
    nc_stream_t  *s = r->s;
    uint64_t      expected;
    char         *digits;
    size_t        n;

    r->timeout_ms = header_ms(s, NC_STR("x-envoy-upstream-rq-timeout-ms"), r->forward->timeout_ms);
    r->per_try_ms = header_ms(s, NC_STR("x-envoy-upstream-rq-per-try-timeout-ms"),
                              r->policy ? r->policy->per_try_timeout_ms : 0);

    if (r->timeout_ms && r->per_try_ms >= r->timeout_ms) {
        r->per_try_ms = 0;
    }

    if (r->conf->suppress_envoy_headers) {
        return;
    }

    expected = r->per_try_ms ? r->per_try_ms : r->timeout_ms;

    if (expected) {
        digits = nc_pool_alloc(&s->pool, 24);
        n = nc_u64_format(digits, expected);
        nc_headers_set_id(&s->request, NC_H_X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, nc_str(digits, n));
    }
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


static void
on_deadline(nc_stream_t *s, nc_deadline_t which)
{
    rq_t                *r = rq_of(s);
    const nc_cluster_t  *cl = r->entry->cluster;

    switch (which) {
    case NC_DEADLINE_BACK_OFF:
        nc_buf_drain(&r->pending, r->pending.len);
        nc_buf_share(&r->pending, &r->replay);  /* the body, from its start */
        nc_router_try(r);
        return;

    case NC_DEADLINE_TRY:
        nc_counter_inc(cl->stats.upstream_rq_per_try_timeout);

        if (r->up.host) {
            nc_host_counters(r->up.host->id)->rq_timeout++;
        }

        if (nc_router_retry_failure(r, FAILED_TRY_TIMEOUT) == RETRY_YES) {
            r->last_host = r->up.host;
            nc_up_release(&r->up);
            return;
        }

        nc_up_cancel(&r->up);
        try_is_over(r);
        nc_router_reply_timeout(r, true);
        return;

    case NC_DEADLINE_UPSTREAM:
        nc_counter_inc(cl->stats.upstream_rq_max_duration_reached);
        s->info.flags |= NC_RF_UPSTREAM_MAX_DURATION;
        nc_up_cancel(&r->up);
        try_is_over(r);

        if (s->response_started) {
            nc_stream_reset(s, "upstream_max_stream_duration_reached");
        } else {
            nc_stream_reply(s, 504, NC_STR("upstream max stream duration reached"),
                            "upstream_max_stream_duration_reached", NULL, NULL);
        }
        return;

    default:
        break;
    }

    nc_counter_inc(cl->stats.upstream_rq_timeout);

    if (r->up.host) {
        nc_host_counters(r->up.host->id)->rq_timeout++;
    }

    if (r->conf->dynamic_stats && !s->response_started) {
        nc_stats_code_inc(cl->rq_codes, 504);
    }

    nc_up_cancel(&r->up);
    try_is_over(r);
    nc_router_reply_timeout(r, false);
}


static void
on_gate(nc_stream_t *s, bool hold)
{
    rq_t  *r = rq_of(s);

    if (r) {
        nc_up_gate(&r->up, NC_GATE_DOWNSTREAM, hold);
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
    r->cluster_slot = entry->cluster->slot;
    r->pinned = true;
    nc_slot_ref(r->cluster_slot);
    nc_buf_init(&r->pending);
    nc_buf_init(&r->replay);

    s->router = r;
    s->on_deadline = on_deadline;
    s->on_gate = on_gate;

    return r;
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
    r = create(s, conf, f, entry);

    nc_router_retry_init(r);
    set_timeouts(r);

    if (!change_request(r)) {
        return;
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


/* Keeps the body for another try, unless it grows too large. */
static void
keep_for_retry(rq_t *r, const nc_buf_t *data)
{
    if (!r->may_retry || r->responding) {
        return;
    }

    if (r->replay.len + data->len > r->s->request_limit) {
        r->may_retry = false;
        nc_buf_drain(&r->replay, r->replay.len);
        return;
    }

    nc_buf_share(&r->replay, data);
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

    keep_for_retry(r, data);

    if (end) {
        request_is_whole(r);
    }

    if (r->up.state != NC_UP_OPEN) {
        nc_buf_move_all(&r->pending, data);

        if (r->pending.len > s->request_limit) {
            gate_body(r, true);
        }

        return NC_TAKEN;
    }

    nc_up_data(&r->up, data, end);

    if (end) {
        s->info.upstream_tx_last_us = nc_now_us;
    }

    return NC_TAKEN;
}


static nc_verdict_t
on_request_trailers(nc_stream_t *s, const void *conf, nc_headers_t *t)
{
    rq_t  *r = rq_of(s);

    (void) conf;

    if (r == NULL || r->done) {
        return NC_TAKEN;
    }

    r->has_trailers = true;
    request_is_whole(r);

    if (r->up.state == NC_UP_OPEN) {
        nc_up_trailers(&r->up, t);
    }

    return NC_TAKEN;
}


/* ---- the response comes back ---- */

static void
on_ready(nc_up_t *u)
{
    send_request(u->owner);
}


static void
on_fail(nc_up_t *u, nc_up_failure_t why, const char *reason)
{
    failed(u->owner, why == NC_UP_OVERFLOW ? FAILED_OVERFLOW
                     : why == NC_UP_CONNECT_TIMEOUT ? FAILED_CONNECT_TIMEOUT : FAILED_CONNECT,
           reason);
}


static void
on_reset(nc_up_t *u, nc_up_reset_t why, const char *reason)
{
    static const failure_t  failures[] = {
        [NC_UP_TERMINATED] = FAILED_TERMINATED,
        [NC_UP_RESET] = FAILED_RESET,
        [NC_UP_PROTOCOL_ERROR] = FAILED_PROTOCOL,
        [NC_UP_REMOTE_RESET] = FAILED_REMOTE_RESET,
        [NC_UP_REFUSED] = FAILED_REFUSED
    };

    failed(u->owner, failures[why], reason);
}


static void
on_informational(nc_up_t *u, nc_headers_t *h)
{
    rq_t  *r = u->owner;

    if (!nc_str_eq(nc_headers_value(h, NC_H_STATUS), NC_STR("100"))
        || r->s->hcm->proxy_100_continue)
    {
        nc_stream_respond_informational(r->s, h);
    }
}


static void
count_response(rq_t *r, unsigned status)
{
    const nc_cluster_t  *cl = r->entry->cluster;
    nc_host_counters_t  *host = nc_host_counters(r->up.host->id);

    nc_counter_inc(cl->stats.upstream_rq_completed);

    if (r->conf->dynamic_stats) {
        nc_stats_code_inc(cl->rq_codes, status);
    }

    if (status >= 500) {
        host->rq_error++;
    } else {
        host->rq_success++;
    }

    if (r->tries > 1 && status < 500) {
        nc_counter_inc(cl->stats.upstream_rq_retry_success);
    }
}


static void
add_envoy_headers(rq_t *r, nc_headers_t *h)
{
    nc_stream_t  *s = r->s;
    uint64_t      since = s->info.request_end_us ? s->info.request_end_us : s->info.start_us;
    char         *digits = nc_pool_alloc(&s->pool, 48);
    size_t        n;

    if (!r->conf->suppress_envoy_headers) {
        n = nc_u64_format(digits, (nc_now_us - since) / 1000);
        nc_headers_set_id(h, NC_H_X_ENVOY_UPSTREAM_SERVICE_TIME, nc_str(digits, n));
    }

    if (s->match.vhost->attempt_count_in_response) {
        n = nc_u64_format(digits + 24, r->tries);
        nc_headers_set_id(h, NC_H_X_ENVOY_ATTEMPT_COUNT, nc_str(digits + 24, n));
    }
}


/* An upgrade that was granted becomes a tunnel; one that was not is an ordinary exchange. */
static void
settle_upgrade(rq_t *r, unsigned status, bool end)
{
    nc_stream_t  *s = r->s;

    if (!s->is_upgrade) {
        return;
    }

    if (!end && (status == 101 || (r->up.answers == NC_H1_FOR_CONNECT && status / 100 == 2))) {
        s->upgraded = true;
        nc_stream_deadline(s, NC_DEADLINE_ROUTE, 0);
        nc_counter_inc(s->hcm->stats.downstream_cx_upgrades_total);
        nc_gauge_inc(s->hcm->stats.downstream_cx_upgrades_active);
        return;
    }

    s->is_upgrade = false;
    s->request_done = true;
}


static void
on_headers(nc_up_t *u, nc_headers_t *h, bool end)
{
    rq_t            *r = u->owner;
    nc_stream_t     *s = r->s;
    nc_http_view_t   view;
    uint64_t         status = 0;

    (void) nc_str_to_u64(nc_headers_value(h, NC_H_STATUS), 999, &status);
    s->info.upstream_rx_first_us = nc_now_us;
    count_response(r, (unsigned) status);

    switch (nc_router_retry_response(r, (unsigned) status)) {
    case RETRY_YES:
        r->last_host = u->host;
        nc_up_release(u);
        return;

    case RETRY_LIMIT:
        s->info.flags |= NC_RF_RETRY_LIMIT_EXCEEDED;
        break;

    case RETRY_OVERFLOW:
        s->info.flags |= NC_RF_UPSTREAM_OVERFLOW;
        break;

    default:
        break;
    }

    r->responding = true;
    nc_buf_drain(&r->replay, r->replay.len);
    nc_stream_deadline(s, NC_DEADLINE_TRY, 0);
    settle_upgrade(r, (unsigned) status, end);
    add_envoy_headers(r, h);
    view = nc_stream_view(s);
    view.response = h;
    nc_route_response_mutations(&s->match, h, &view, &s->pool);
    s->info.details = "via_upstream";

    if (end) {
        response_is_whole(r);
    }

    nc_stream_respond_headers(s, h, end);
}


static void
on_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    rq_t         *r = u->owner;
    nc_stream_t  *s = r->s;

    if (end) {
        response_is_whole(r);
    }

    nc_stream_respond_data(s, data, end);
}


static void
on_trailers(nc_up_t *u, nc_headers_t *t)
{
    rq_t         *r = u->owner;
    nc_stream_t  *s = r->s;

    response_is_whole(r);
    nc_stream_respond_trailers(s, t);
}


static void
on_backlog(nc_up_t *u, bool slow)
{
    gate_body(u->owner, slow);
}


static const nc_up_ops_t  up_ops = {
    .on_ready = on_ready,
    .on_fail = on_fail,
    .on_informational = on_informational,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_backlog = on_backlog
};


/* ---- the module ---- */

static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Filters__Http__Router__V3__Router  *m = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->dynamic_stats = m->dynamic_stats ? m->dynamic_stats->value : true;
    c->suppress_envoy_headers = m->suppress_envoy_headers;

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
