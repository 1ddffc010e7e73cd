/*
 * try.c: one request to one host: chosen, connected, sent, answered or failed.
 *
 * Invariant: what the upstream calls back with belongs to a live try; nc_router_end_try ends that.
 */
#include "router_priv.h"

#include "log/log.h"

static const nc_up_ops_t  up_ops;


unsigned
nc_router_awaiting(const rq_t *r)
{
    unsigned  n = 0;

    for (const try_t *t = r->live; t; t = t->next) {
        n += !t->answered;
    }

    return n;
}


void
nc_router_count_code(rq_t *r, unsigned status)
{
    if (r->conf->dynamic_stats && !(r->conf->suppress_grpc_codes && r->is_grpc)) {
        nc_stats_code_inc(r->entry->cluster->rq_codes, status);
    }
}


/* ---- the end of a try and of the request ---- */

void
nc_router_end_try(try_t *t)
{
    rq_t   *r = t->r;
    try_t **at = &r->live;

    while (*at != t) {
        at = &(*at)->next;
    }

    *at = t->next;
    t->live = false;
    t->due_ms = t->idle_due_ms = 0;
    nc_up_release(&t->up);
    nc_buf_drain(&t->pending, t->pending.len);
}


void
nc_router_end_tries(rq_t *r, const try_t *except)
{
    for (try_t *t = r->live, *next; t; t = next) {
        next = t->next;

        if (t != except) {
            nc_router_end_try(t);
        }
    }
}


void
nc_router_over(rq_t *r)
{
    nc_stream_t  *s = r->s;

    r->done = true;
    r->waiting = false;
    s->info.upstream_rx_last_us = nc_now_us;
    nc_stream_deadline(s, NC_DEADLINE_TRY, 0);
    nc_stream_deadline(s, NC_DEADLINE_ROUTE, 0);
    nc_stream_deadline(s, NC_DEADLINE_BACK_OFF, 0);
    nc_stream_deadline(s, NC_DEADLINE_UPSTREAM, 0);
    nc_router_retry_done(r);
}


static void
response_is_whole(rq_t *r)
{
    nc_histogram_record(r->entry->cluster->stats.upstream_rq_time,
                        (nc_now_us - r->s->info.start_us) / 1000);
    nc_router_over(r);
}


void
nc_router_failed(try_t *t, failure_t why, const char *reason)
{
    rq_t                *r = t->r;
    const nc_cluster_t  *cl = r->entry->cluster;
    retry_t              again = RETRY_NO;
    bool                 local = why == FAILED_TRY_TIMEOUT || why == FAILED_TRY_IDLE;

    if (why == FAILED_TERMINATED || why == FAILED_RESET || why == FAILED_PROTOCOL
        || why == FAILED_REMOTE_RESET || why == FAILED_REFUSED)
    {
        nc_counter_inc(cl->stats.upstream_rq_rx_reset);
    }

    if (t->up.host && why != FAILED_OVERFLOW && !local) {
        nc_host_counters(t->up.host->id)->rq_error++;
    }

    if (!t->hedged) {
        again = nc_router_retry_failure(r, t, why);
    }

    nc_router_end_try(t);

    if (again == RETRY_YES) {
        return;
    }

    nc_router_retry_flag(r, again);

    if (r->final == NULL) {
        nc_router_count_code(r, why == FAILED_PROTOCOL ? 502
                                : local ? (r->alt_timeout ? 204 : 504) : 503);

        if (r->waiting || nc_router_awaiting(r) > 0) {
            return;                             /* another one may still answer */
        }
    }

    nc_router_over(r);

    if (local) {
        nc_router_reply_timeout(r, why == FAILED_TRY_IDLE ? "upstream_per_try_idle_timeout"
                                                          : "upstream_per_try_timeout");
        return;
    }

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


/* The body is held while any try takes it slowly or waits with a lot of it. */
static void
regulate(rq_t *r)
{
    bool  hold = false;

    for (const try_t *t = r->live; t; t = t->next) {
        hold = hold || nc_up_backed_up(&t->up) || t->pending.len > r->s->request_limit;
    }

    gate_body(r, hold);
}


static void
send_pending(try_t *t)
{
    rq_t  *r = t->r;
    bool   end = r->whole && !r->has_trailers;

    if (t->pending.len > 0 || end) {
        nc_up_data(&t->up, &t->pending, end);
    }

    if (t->up.state == NC_UP_OPEN && r->has_trailers) {
        nc_up_trailers(&t->up, r->s->request_trailers);
    }
}


void
nc_router_body(rq_t *r, nc_buf_t *data, bool end)
{
    for (try_t *t = r->live, *next; t; t = next) {
        nc_buf_t  mine;

        next = t->next;
        nc_buf_init(&mine);

        if (next) {
            nc_buf_share(&mine, data);
        } else {
            nc_buf_move_all(&mine, data);
        }

        if (t->up.state == NC_UP_OPEN) {
            nc_up_data(&t->up, &mine, end);
        } else {
            nc_buf_move_all(&t->pending, &mine);
        }

        nc_buf_fini(&mine);
    }

    nc_buf_drain(data, data->len);
    regulate(r);

    if (end && r->live && r->live->up.state == NC_UP_OPEN) {
        r->s->info.upstream_tx_last_us = nc_now_us;
    }
}


void
nc_router_trailers(rq_t *r)
{
    for (try_t *t = r->live, *next; t; t = next) {
        next = t->next;

        if (t->up.state == NC_UP_OPEN) {
            nc_up_trailers(&t->up, r->s->request_trailers);
        }
    }
}


static void
note_host(try_t *t)
{
    nc_stream_t      *s = t->r->s;
    const nc_host_t  *h = t->up.host;

    s->info.upstream_host_name = h->hostname.len ? h->hostname : h->addr_text;
    nc_peer_from(&s->info.upstream_remote, &h->addr.sa, h->addr.len);

    if (h->addr.sa.sa_family == AF_UNIX) {
        s->info.upstream_remote_path = h->addr_text;
    }
}


/* auto_host_rewrite: what the client said is told upstream once, whatever host is tried later. */
static void
rewrite_host(try_t *t)
{
    rq_t         *r = t->r;
    nc_stream_t  *s = r->s;
    nc_str_t      name = t->up.host->hostname;

    if (r->forward->host_rewrite != NC_HOST_AUTO || name.len == 0) {
        return;
    }

    if (r->host_was_set) {
        nc_headers_set_id(&s->request, NC_H_AUTHORITY, name);
        return;
    }

    r->host_was_set = true;
    nc_route_set_host(&s->match, &s->request, name, &s->pool, r->conf->suppress_envoy_headers);
}


/* CONNECT ends here: the bytes go both ways as soon as there is a connection. */
static void
accept_tunnel(try_t *t)
{
    rq_t          *r = t->r;
    nc_stream_t   *s = r->s;
    nc_headers_t  *h = nc_pool_new(&s->pool, nc_headers_t);

    nc_headers_init(h, &s->pool);
    nc_headers_add_id(h, NC_H_STATUS, NC_STR("200"));
    t->up.ops->on_headers(&t->up, h, false);
}


/* There is a connection: the head goes out, and the body that waited. */
static void
send_request(try_t *t)
{
    rq_t         *r = t->r;
    nc_stream_t  *s = r->s;
    bool          end = r->whole && t->pending.len == 0 && !r->has_trailers;

    nc_up_addresses(&t->up, &s->info.upstream_remote, &s->info.upstream_local,
                    &s->info.upstream_connection_id);
    nc_http_info_upstream_tls(&s->info, nc_up_socket(&t->up));
    s->info.upstream_protocol = r->raw ? NC_PROTOCOL_NONE
                                : nc_up_is_h2(&t->up) ? NC_PROTOCOL_HTTP2 : NC_PROTOCOL_HTTP11;
    s->info.upstream_tx_first_us = nc_now_us;
    t->headers_sent = true;

    if (!r->raw) {
        rewrite_host(t);
        nc_up_headers(&t->up, &s->request, end, s->is_upgrade);
    }

    if (!end || r->raw) {
        send_pending(t);
    }

    regulate(r);

    if (r->whole) {
        s->info.upstream_tx_last_us = nc_now_us;
        nc_router_start_try_time(t);
    }

    if (r->raw && t->live && t->up.state == NC_UP_OPEN) {
        accept_tunnel(t);
    }
}


static void
set_number(nc_stream_t *s, nc_header_id_t id, uint64_t n)
{
    char  *digits = nc_pool_alloc(&s->pool, 24);

    nc_headers_set_id(&s->request, id, nc_str(digits, nc_u64_format(digits, n)));
}


/* What differs from try to try in the head of the request. */
static void
prepare_head(rq_t *r)
{
    nc_stream_t  *s = r->s;

    if (s->match.vhost->attempt_count_in_request) {
        set_number(s, NC_H_X_ENVOY_ATTEMPT_COUNT, r->tries);
    }

    if (r->tries > 1) {
        nc_router_tell_timeouts(r);

        if (s->match.vhost->timeout_retry_header) {
            nc_headers_set(&s->request, NC_STR("x-envoy-is-timeout-retry"),
                           r->timed_out ? NC_STR("true") : NC_STR("false"));
        }
    }
}


static try_t *
new_try(rq_t *r)
{
    try_t  *t = &r->first;

    if (t->live) {
        t = nc_pool_new(&r->s->pool, try_t);
        nc_buf_init(&t->pending);
    }

    t->r = r;
    t->next = r->live;
    t->live = true;
    t->headers_sent = t->answered = t->hedged = false;
    t->due_ms = t->idle_due_ms = 0;
    t->up.ops = &up_ops;
    t->up.owner = t;
    t->up.pool = &r->s->pool;
    t->up.response = t->up.trailers = NULL;
    t->up.raw = r->raw;
    t->up.downstream_h2 = r->s->info.protocol == NC_PROTOCOL_HTTP2;
    t->up.answers = r->s->is_head ? NC_H1_FOR_HEAD : NC_H1_FOR_OTHER;
    r->live = t;

    if (r->s->is_upgrade
        && nc_str_eq(nc_headers_value(&r->s->request, NC_H_METHOD), NC_STR("CONNECT")))
    {
        t->up.answers = NC_H1_FOR_CONNECT;
    }

    if (r->replay.len > 0) {
        nc_buf_share(&t->pending, &r->replay);  /* the body, from its start */
    }

    return t;
}


void
nc_router_try(rq_t *r)
{
    nc_stream_t          *s = r->s;
    const nc_host_set_t  *hosts = nc_cluster_hosts(r->entry);
    const nc_host_t      *host = nc_router_pick(r, hosts);
    try_t                *t;

    r->tries++;
    s->info.attempts = (uint16_t) r->tries;

    if (host == NULL) {
        if (nc_router_awaiting(r) == 0) {
            nc_router_over(r);
            nc_router_reply_no_host(r);
        }
        return;
    }

    prepare_head(r);
    NC_ROUTER_COUNT_BESIDE(r, upstream_rq_total);
    t = new_try(r);

    if (r->entry->cluster->max_stream_ms && r->tries == 1) {
        nc_stream_deadline(s, NC_DEADLINE_UPSTREAM, r->entry->cluster->max_stream_ms);
    }

    switch (nc_up_start(&t->up, r->entry, hosts, host, r->priority)) {
    case NC_OK:
        note_host(t);
        send_request(t);
        break;

    case NC_AGAIN:
        note_host(t);
        break;

    case NC_DECLINED:
        nc_router_failed(t, FAILED_OVERFLOW, NULL);
        break;

    default:
        nc_router_failed(t, FAILED_CONNECT, NULL);
    }
}


/* ---- the upstream answers ---- */

static void
on_ready(nc_up_t *u)
{
    send_request(u->owner);
}


static void
on_fail(nc_up_t *u, nc_up_failure_t why, const char *reason)
{
    static const failure_t  failures[] = {
        [NC_UP_OVERFLOW] = FAILED_OVERFLOW,
        [NC_UP_CONNECT_FAILED] = FAILED_CONNECT,
        [NC_UP_CONNECT_TIMEOUT] = FAILED_CONNECT_TIMEOUT
    };

    nc_router_failed(u->owner, failures[why], reason);
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

    nc_router_failed(u->owner, failures[why], reason);
}


static void
on_informational(nc_up_t *u, nc_headers_t *h)
{
    try_t  *t = u->owner;
    rq_t   *r = t->r;

    nc_router_touch_try(t);

    if (!nc_str_eq(nc_headers_value(h, NC_H_STATUS), NC_STR("100"))
        || r->s->hcm->proxy_100_continue)
    {
        nc_stream_respond_informational(r->s, h);
    }
}


/* An upgrade that was granted becomes a tunnel; one that was not is an ordinary exchange. */
static void
settle_upgrade(try_t *t, unsigned status, bool end)
{
    nc_stream_t  *s = t->r->s;

    if (!s->is_upgrade) {
        return;
    }

    if (!end && (status == 101 || (t->up.answers == NC_H1_FOR_CONNECT && status / 100 == 2))) {
        s->upgraded = true;
        nc_stream_deadline(s, NC_DEADLINE_ROUTE, 0);
        nc_counter_inc(s->hcm->stats.downstream_cx_upgrades_total);
        nc_gauge_inc(s->hcm->stats.downstream_cx_upgrades_active);
        return;
    }

    s->is_upgrade = false;
    s->request_done = true;
}


/* The response of `t` is the one that goes on: the other tries are not needed any more. */
static void
become_final(try_t *t)
{
    rq_t  *r = t->r;

    r->final = t;
    r->keeps = r->waiting = false;
    nc_router_end_tries(r, t);
    nc_router_retry_done(r);
    nc_buf_drain(&r->replay, r->replay.len);
    nc_stream_deadline(r->s, NC_DEADLINE_BACK_OFF, 0);
    t->due_ms = 0;                              /* an idle time stays */
}


static void
respond(try_t *t, nc_headers_t *h, unsigned status, bool end)
{
    rq_t                *r = t->r;
    nc_stream_t         *s = r->s;
    nc_host_counters_t  *host = nc_host_counters(t->up.host->id);
    nc_http_view_t       view;

    if (status >= 500) {
        host->rq_error++;
    } else {
        host->rq_success++;
    }

    become_final(t);
    settle_upgrade(t, status, end);
    note_host(t);
    nc_router_response_headers(r, h);
    view = nc_stream_view(s);
    view.response = h;
    nc_route_response_mutations(&s->match, h, &view, &s->pool);
    s->info.details = "via_upstream";

    if (end) {
        response_is_whole(r);
    }

    nc_stream_respond_headers(s, h, end);
}


/* A response that asks for another try, but there is none: others may do better. */
static bool
leave_to_others(try_t *t, bool bad)
{
    rq_t  *r = t->r;

    if (!bad || !(r->waiting || nc_router_awaiting(r) > 0)) {
        return false;
    }

    nc_host_counters(t->up.host->id)->rq_error++;
    nc_router_end_try(t);

    return true;
}


static void
on_headers(nc_up_t *u, nc_headers_t *h, bool end)
{
    try_t               *t = u->owner;
    rq_t                *r = t->r;
    nc_stream_t         *s = r->s;
    const nc_cluster_t  *cl = r->entry->cluster;
    uint64_t             status = 0;
    retry_t              again;
    bool                 bad = false;

    (void) nc_str_to_u64(nc_headers_value(h, NC_H_STATUS), 999, &status);
    s->info.upstream_rx_first_us = nc_now_us;
    t->answered = true;
    nc_router_touch_try(t);

    if (t->hedged) {
        bad = nc_router_would_retry(r, h, (unsigned) status);

    } else if (r->retry_on) {
        again = nc_router_retry_response(r, h, (unsigned) status);

        if (again == RETRY_YES) {
            nc_counter_inc(cl->stats.upstream_rq_completed);
            nc_host_counters(u->host->id)->rq_error++;

            if (r->conf->dynamic_stats) {
                nc_stats_code_inc(cl->retry_codes, (unsigned) status);
            }

            nc_router_end_try(t);
            return;
        }

        nc_router_retry_flag(r, again);
        bad = again != RETRY_NO;
    }

    nc_counter_inc(cl->stats.upstream_rq_completed);
    nc_router_count_code(r, (unsigned) status);

    if (r->forward->internal && nc_router_follow(t, h, (unsigned) status)) {
        return;
    }

    if (!leave_to_others(t, bad)) {
        respond(t, h, (unsigned) status, end);
    }
}


static void
on_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    try_t        *t = u->owner;
    rq_t         *r = t->r;
    nc_stream_t  *s = r->s;

    nc_router_touch_try(t);

    if (end) {
        response_is_whole(r);
    }

    nc_stream_respond_data(s, data, end);
}


static void
on_trailers(nc_up_t *u, nc_headers_t *h)
{
    try_t        *t = u->owner;
    nc_stream_t  *s = t->r->s;

    response_is_whole(t->r);
    nc_stream_respond_trailers(s, h);
}


static void
on_backlog(nc_up_t *u, bool slow)
{
    (void) slow;
    regulate(((try_t *) u->owner)->r);
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
