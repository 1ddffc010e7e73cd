/*
 * h2_server.c: the HTTP/2 side of a downstream connection: requests run side by side, each a stream
 * of its own.
 *
 * Invariants:
 *  1. What the streams of a turn send leaves in one piece at its end.
 *  2. A stream that is held back keeps its window, not its neighbours'.
 *  3. A connection that drains says so twice (RFC 9113 section 6.8): first that it will, then,
 *     after the drain time, what it has taken; it ends with its last stream.
 */
#include "http/stream.h"

#include "codec/h2_mem.h"
#include "log/log.h"

#define SESSION_MAGIC   0x6e633273u
#define OUT_LIMIT       (128u * 1024)           /* output queued on the connection */
#define STREAM_BACKLOG  (64u * 1024)            /* response bytes queued on a stream */

typedef struct {
    uint32_t                   magic;
    bool                       draining;
    bool                       last_notice;     /* the final GOAWAY was queued */
    bool                       failed;          /* the session is over, the rest is sent */
    bool                       resting;         /* many streams began: reading waits a turn */
    nc_peer_t                  local;
    nc_conn_t                 *conn;
    nc_acceptor_t             *acceptor;
    const nc_listener_conf_t  *listener;        /* pinned */
    const nc_hcm_conf_t       *hcm;
    nc_h2_t                    h2;
    nc_post_t                  send;
    nc_list_t                  requests;        /* request_t.link, those not ended */
    uint32_t                   n_requests;
    uint64_t                   idle_ms;         /* when an idle connection ends; 0: never */
    uint64_t                   drain_ms;        /* when the final GOAWAY is due; 0: not */
    uint64_t                   flush_ms;        /* when unread responses are looked at; 0: not */
    uint32_t                   n_counted;       /* streams that the gauge has */
    uint64_t                   rx_counted;
    uint64_t                   tx_counted;
} session_t;

/* One request; lives as long as its HTTP/2 stream. */
typedef struct {
    nc_h2_stream_t   st;                        /* first: the session frees it */
    nc_list_t        link;
    session_t       *ss;
    nc_stream_t     *s;
    nc_timer_t       timer;
    unsigned         gates;
    bool             extended;                  /* extended CONNECT that became an upgrade */
    nc_headers_t     trailers;
} request_t;


static request_t *
request_of(const nc_stream_t *s)
{
    return s->codec_owner;
}


static void
count_streams(session_t *ss)
{
    if (ss->n_counted != ss->h2.n_streams) {
        nc_gauge_add(ss->hcm->h2_stats.streams_active,
                     (int64_t) ss->h2.n_streams - (int64_t) ss->n_counted);
        ss->n_counted = ss->h2.n_streams;
    }
}


static void
count_bytes(session_t *ss)
{
    nc_conn_t  *c = ss->conn;

    nc_counter_add(ss->hcm->stats.downstream_cx_rx_bytes_total, c->rx - ss->rx_counted);
    nc_counter_add(ss->hcm->stats.downstream_cx_tx_bytes_total, c->tx - ss->tx_counted);
    ss->rx_counted = c->rx;
    ss->tx_counted = c->tx;
}


/* ---- sending ---- */

static void
want_send(session_t *ss)
{
    nc_post(&ss->send);
}


static void
name_fault(session_t *ss)
{
    const nc_http2_codec_stats_t  *st = &ss->hcm->h2_stats;

    switch (ss->h2.fault) {
    case NC_H2_FAULT_EMPTY_FRAMES:     nc_counter_inc(st->inbound_empty_frames_flood);     break;
    case NC_H2_FAULT_PRIORITY_FRAMES:  nc_counter_inc(st->inbound_priority_frames_flood);  break;
    case NC_H2_FAULT_WINDOW_UPDATES:
        nc_counter_inc(st->inbound_window_update_frames_flood);
        break;
    case NC_H2_FAULT_CONTROL_FRAMES:   nc_counter_inc(st->outbound_control_flood);         break;
    case NC_H2_FAULT_OUTBOUND_FRAMES:  nc_counter_inc(st->outbound_flood);                 break;
    case NC_H2_FAULT_CONTINUATIONS:    nc_counter_inc(st->header_overflow);                break;
    case NC_H2_FAULT_RESETS:
        nc_counter_inc(ss->hcm->stats.downstream_rq_too_many_premature_resets);
        break;
    default:
        nc_counter_inc(st->rx_messaging_error);
    }

    nc_counter_inc(ss->hcm->stats.downstream_cx_protocol_error);
    nc_log(DEBUG, HTTP2, "connection %" PRIu64 ": closed for %s", ss->conn->id,
           nc_h2_fault_str(ss->h2.fault));
}


/* The session cannot go on: what is queued (GOAWAY) is sent, every stream breaks off. */
static void
fail(session_t *ss)
{
    if (ss->failed) {
        return;
    }

    ss->failed = true;
    name_fault(ss);
    (void) nc_h2_send(&ss->h2, &ss->conn->out, SIZE_MAX);
    nc_conn_touch(ss->conn);

    nc_list_each_safe(&ss->requests, it) {
        request_t  *r = nc_container_of(it, request_t, link);

        nc_stream_on_abort(r->s, NC_RF_DOWNSTREAM_PROTOCOL_ERROR,
                           nc_h2_fault_str(ss->h2.fault));
    }

    nc_conn_finish(ss->conn, NC_CLOSE_PROTOCOL, true, ss->hcm->delayed_close_ms);
}


static void  arm_at(session_t *ss, uint64_t due_ms);


static uint64_t
flush_patience_ms(const session_t *ss)
{
    return ss->hcm->stream_flush_ms;
}


/* Responses that are whole wait for their client: not forever. */
static void
watch_flush(session_t *ss)
{
    if (ss->flush_ms == 0 && ss->h2.n_streams > 0 && flush_patience_ms(ss)) {
        ss->flush_ms = nc_now_ms + flush_patience_ms(ss) / 2 + 1;
        arm_at(ss, ss->flush_ms);
    }
}


static void
send_now(nc_post_t *p)
{
    session_t  *ss = nc_container_of(p, session_t, send);
    nc_conn_t  *c = ss->conn;

    if (!nc_conn_is_open(c)) {
        return;
    }

    if (nc_h2_send(&ss->h2, &c->out, OUT_LIMIT) == NC_ERROR) {
        fail(ss);
        return;
    }

    if (c->out.len > 0) {
        nc_conn_touch(c);
    }

    if (ss->resting) {
        ss->resting = false;
        nc_conn_ungate(c, NC_GATE_PIPELINE);
    }

    count_streams(ss);
    watch_flush(ss);

    if (nc_h2_is_over(&ss->h2) || (ss->last_notice && ss->h2.n_streams == 0)) {
        nc_conn_finish(c, NC_CLOSE_DRAIN, true, ss->hcm->delayed_close_ms);
    }
}


/* ---- timers ---- */

static void
arm_at(session_t *ss, uint64_t due_ms)
{
    nc_timer_t  *t = &ss->conn->timer;

    if (due_ms && nc_conn_is_open(ss->conn) && (t->due_ms == 0 || due_ms < t->due_ms)) {
        nc_timer_at(t, due_ms);
    }
}


static void
become_idle(session_t *ss)
{
    ss->idle_ms = ss->hcm->idle_timeout_ms ? nc_now_ms + ss->hcm->idle_timeout_ms : 0;
    arm_at(ss, ss->idle_ms);
}


static void
drain(session_t *ss)
{
    if (ss->draining) {
        return;
    }

    ss->draining = true;
    nc_counter_inc(ss->hcm->stats.downstream_cx_drain_close);
    nc_counter_inc(ss->hcm->h2_stats.goaway_sent);
    nc_h2_goaway(&ss->h2, false, NC_H2_NO_ERROR);
    ss->drain_ms = nc_now_ms + NC_MAX(ss->hcm->drain_timeout_ms, (uint64_t) 1);
    arm_at(ss, ss->drain_ms);
    want_send(ss);
}


static void
last_notice(session_t *ss)
{
    ss->draining = true;
    ss->last_notice = true;
    ss->drain_ms = 0;
    nc_h2_goaway(&ss->h2, true, NC_H2_NO_ERROR);
    want_send(ss);
}


/* True: the connection was closed because its peer does not answer. */
static bool
keep_alive(session_t *ss)
{
    switch (nc_h2_keepalive(&ss->h2)) {
    case NC_OK:
        want_send(ss);
        return false;

    case NC_ERROR:
        nc_counter_inc(ss->hcm->h2_stats.keepalive_timeout);
        nc_conn_close(ss->conn, NC_CLOSE_IDLE);
        return true;

    default:
        return false;
    }
}


static void
check_flush(session_t *ss)
{
    unsigned  n;

    if (ss->flush_ms == 0 || ss->flush_ms > nc_now_ms) {
        return;
    }

    n = nc_h2_reset_stuck(&ss->h2, NC_H2_CANCEL);
    ss->flush_ms = 0;

    if (n > 0) {
        nc_counter_add(ss->hcm->h2_stats.tx_flush_timeout, n);
        nc_counter_add(ss->hcm->h2_stats.tx_reset, n);
    }

    want_send(ss);                              /* goes on with the watch when there is a need */
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);
    session_t  *ss = c->owner;
    uint64_t    age = ss->hcm->max_connection_ms;

    if (keep_alive(ss)) {
        return;
    }

    check_flush(ss);

    if (ss->h2.n_streams == 0 && ss->idle_ms && ss->idle_ms <= nc_now_ms && !ss->last_notice) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_idle_timeout);
        last_notice(ss);
    }

    if (age && c->opened_ms + age <= nc_now_ms && !ss->draining) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_max_duration_reached);
        drain(ss);
    }

    if (ss->drain_ms && ss->drain_ms <= nc_now_ms) {
        last_notice(ss);
    }

    arm_at(ss, ss->h2.n_streams == 0 && !ss->last_notice ? ss->idle_ms : 0);
    arm_at(ss, age && !ss->draining ? c->opened_ms + age : 0);
    arm_at(ss, ss->drain_ms);
    arm_at(ss, ss->h2.ping_ms);
    arm_at(ss, ss->flush_ms);
}


/* ---- responses ---- */

static void
send_informational(nc_stream_t *s, const nc_headers_t *h)
{
    request_t  *r = request_of(s);

    (void) nc_h2_send_headers(&r->st, h, false);
    want_send(r->ss);
}


static void
send_headers(nc_stream_t *s, nc_headers_t *h, bool end)
{
    request_t  *r = request_of(s);
    session_t  *ss = r->ss;

    if (r->extended && s->upgraded) {           /* RFC 8441: 200 says what 101 said */
        nc_headers_set_id(h, NC_H_STATUS, NC_STR("200"));
    }

    nc_headers_del_id(h, NC_H_CONNECTION);
    nc_headers_del_id(h, NC_H_UPGRADE);
    nc_headers_del_id(h, NC_H_KEEP_ALIVE);
    nc_headers_del_id(h, NC_H_PROXY_CONNECTION);
    nc_headers_del_id(h, NC_H_TRANSFER_ENCODING);

    if (ss->acceptor->draining || nc_http_draining) {
        drain(ss);
    }

    if (nc_h2_send_headers(&r->st, h, end)) {
        nc_h2_reset(&r->st, NC_H2_INTERNAL_ERROR);
    }

    want_send(r->ss);
}


static void
send_data(nc_stream_t *s, nc_buf_t *data, bool end)
{
    request_t  *r = request_of(s);

    if (s->is_head) {
        nc_buf_drain(data, data->len);
    }

    nc_h2_send_data(&r->st, data, end);
    want_send(r->ss);
}


static void
send_trailers(nc_stream_t *s, const nc_headers_t *t)
{
    request_t  *r = request_of(s);

    nc_counter_inc(s->hcm->h2_stats.trailers);
    nc_h2_send_trailers(&r->st, t);
    want_send(r->ss);
}


static void
on_reset(nc_stream_t *s)
{
    request_t  *r = request_of(s);

    nc_counter_inc(s->hcm->h2_stats.tx_reset);
    nc_h2_reset(&r->st, NC_H2_INTERNAL_ERROR);
    want_send(r->ss);
}


static void
gate(nc_stream_t *s, nc_gate_t who, bool on)
{
    request_t  *r = request_of(s);

    if (on) {
        r->gates |= who;
        return;
    }

    r->gates &= ~(unsigned) who;

    if (r->gates == 0 && r->st.unconsumed > 0) {
        nc_h2_consume(&r->st, r->st.unconsumed);
        want_send(r->ss);
    }
}


static void
arm(nc_stream_t *s, uint64_t due_ms)
{
    request_t  *r = request_of(s);

    if (r->timer.due_ms == 0 || due_ms < r->timer.due_ms) {
        nc_timer_at(&r->timer, due_ms);
    }
}


static void
on_request_timer(nc_timer_t *t)
{
    request_t  *r = nc_container_of(t, request_t, timer);

    nc_stream_on_timer(r->s);
}


/* The stream has ended: its HTTP/2 stream goes on alone until all is sent. */
static void
done(nc_stream_t *s)
{
    request_t  *r = request_of(s);
    session_t  *ss = r->ss;

    nc_timer_fini(&r->timer);
    nc_list_del(&r->link);
    s->info.wire_sent = s->info.bytes_sent + s->info.response_header_bytes;
    s->info.wire_received = s->info.bytes_received + s->info.request_header_bytes;

    if (r->st.owner) {
        if (!s->response_done) {
            nc_h2_reset(&r->st, NC_H2_INTERNAL_ERROR);

        } else {
            r->st.cut = !r->st.end_received;
            nc_h2_let_go(&r->st);
        }

        want_send(ss);
    }

    if (nc_list_empty(&ss->requests)) {
        become_idle(ss);
    }

    if (ss->hcm->max_requests && ss->n_requests >= ss->hcm->max_requests && !ss->draining) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_max_requests_reached);
        drain(ss);
    }
}


static const nc_stream_codec_t  codec = {
    .informational = send_informational,
    .headers = send_headers,
    .data = send_data,
    .trailers = send_trailers,
    .reset = on_reset,
    .gate = gate,
    .arm = arm,
    .done = done
};


/* ---- requests ---- */

/* Whether an invalid message ends its stream alone. */
static void
settle_errors(session_t *ss)
{
    ss->h2.stream_errors = ss->hcm->h2.stream_errors_set ? ss->hcm->h2.stream_errors
                                                           : ss->hcm->keep_after_error;
}


/* The newest configuration for the request that begins. */
static void
renew(session_t *ss)
{
    const nc_hcm_conf_t  *hcm = nc_acceptor_renew(ss->acceptor, ss->conn, &ss->listener,
                                                  nc_http_begin);

    if (hcm) {
        nc_gauge_dec(ss->hcm->stats.downstream_cx_active);
        nc_gauge_dec(ss->hcm->stats.downstream_cx_http2_active);
        ss->hcm = hcm;
        ss->h2.options = &hcm->h2;
        nc_gauge_inc(hcm->stats.downstream_cx_active);
        nc_gauge_inc(hcm->stats.downstream_cx_http2_active);
        settle_errors(ss);
    }
}


static nc_h2_stream_t *
on_begin(nc_h2_t *h2, int32_t id)
{
    session_t       *ss = h2->owner;
    request_t       *r = nc_h2_mem_zeroed(sizeof(*r));
    nc_conn_info_t   info = {
        .id = ss->conn->id, .remote = ss->conn->remote, .direct_remote = ss->conn->remote,
        .local = ss->local
    };

    (void) id;
    renew(ss);
    info.listener = ss->listener->ctx.name;
    nc_conn_info_tls(&info, ss->conn);
    r->ss = ss;
    nc_timer_init(&r->timer, on_request_timer);
    nc_list_append(&ss->requests, &r->link);
    r->s = nc_stream_create(ss->hcm, ss->listener->slot, &codec, r, &info);
    r->s->request_limit = r->s->response_limit = ss->listener->ctx.buffer_limit;
    r->st.owner = r;
    r->st.headers = &r->s->request;
    ss->idle_ms = 0;
    ss->n_requests++;

    nc_counter_inc(ss->hcm->stats.downstream_rq_total);
    nc_counter_inc(ss->hcm->stats.downstream_rq_http2_total);
    nc_gauge_inc(ss->hcm->stats.downstream_rq_active);

    if (ss->hcm->request_headers_timeout_ms) {
        nc_stream_deadline(r->s, NC_DEADLINE_REQUEST, ss->hcm->request_headers_timeout_ms);
    }

    return &r->st;
}


/* Cookie crumbs become one field again (RFC 9113 section 8.2.3). */
static void
join_cookies(nc_stream_t *s)
{
    nc_str_t      name = nc_header_names[NC_H_COOKIE];
    uint32_t      at = 0;
    unsigned      n = 0;
    size_t        bytes = 0;
    nc_header_t  *h;
    nc_sb_t       sb;

    while ((h = nc_headers_find(&s->request, name, &at)) != NULL) {
        bytes += h->value.len + 2;
        n++;
    }

    if (n < 2) {
        return;
    }

    nc_sb_fixed(&sb, nc_pool_alloc(&s->pool, bytes), bytes);

    for (at = 0; (h = nc_headers_find(&s->request, name, &at)) != NULL; ) {
        if (sb.len > 0) {
            nc_sb_c_add(&sb, "; ");
        }
        nc_sb_str_add(&sb, h->value);
    }

    nc_headers_set_id(&s->request, NC_H_COOKIE, nc_sb_str(&sb));
}


/* One name for the host (RFC 9113 section 8.3.1): :authority; host only where that is missing. */
static void
settle_authority(nc_stream_t *s)
{
    nc_header_t  *host = nc_headers_get(&s->request, NC_H_HOST);

    if (host == NULL) {
        return;
    }

    if (nc_headers_get(&s->request, NC_H_AUTHORITY) == NULL) {
        nc_headers_add_id(&s->request, NC_H_AUTHORITY, host->value);
    }

    nc_headers_del_id(&s->request, NC_H_HOST);
}


/* An extended CONNECT (RFC 8441) becomes what the rest of the program knows: an upgrade. */
static void
settle_connect(request_t *r)
{
    nc_stream_t  *s = r->s;
    nc_str_t      protocol = nc_headers_value(&s->request, NC_H_PROTOCOL);

    if (protocol.data == NULL) {
        return;
    }

    r->extended = true;
    s->is_upgrade = true;
    nc_headers_set_id(&s->request, NC_H_METHOD, NC_STR("GET"));
    nc_headers_add_id(&s->request, NC_H_CONNECTION, NC_STR("upgrade"));
    nc_headers_add_id(&s->request, NC_H_UPGRADE, protocol);
    nc_headers_del_id(&s->request, NC_H_PROTOCOL);
}


static void
on_headers(nc_h2_stream_t *st, bool end)
{
    request_t    *r = st->owner;
    session_t    *ss = r->ss;
    nc_stream_t  *s = r->s;
    nc_str_t      method = nc_headers_value(&s->request, NC_H_METHOD);

    s->info.protocol = NC_PROTOCOL_HTTP2;
    s->info.request_header_bytes = s->request.bytes;
    s->is_head = nc_str_eq(method, NC_STR("HEAD"));
    nc_stream_deadline(s, NC_DEADLINE_REQUEST, 0);

    if (st->overflow) {
        nc_counter_inc(ss->hcm->h2_stats.header_overflow);
        nc_stream_reply_malformed(s, 431, nc_h1_reason(431), "http2.too_many_headers");
        return;
    }

    s->expect_continue = nc_header_has_token(nc_headers_value(&s->request, NC_H_EXPECT),
                                             NC_STR("100-continue"));
    settle_authority(s);
    settle_connect(r);
    join_cookies(s);
    nc_stream_on_headers(s, end);
    want_send(ss);
}


static void
on_data(nc_h2_stream_t *st, nc_buf_t *data, bool end)
{
    request_t  *r = st->owner;
    session_t  *ss = r->ss;

    nc_stream_on_data(r->s, data, end);

    if (st->owner && r->gates == 0 && st->unconsumed > 0) {
        nc_h2_consume(st, st->unconsumed);
        want_send(ss);
    }
}


static void
on_more_headers(nc_h2_stream_t *st)
{
    request_t  *r = st->owner;

    if (r) {
        nc_headers_init(&r->trailers, &r->s->pool);
        st->headers = &r->trailers;
    }
}


static void
on_trailers(nc_h2_stream_t *st)
{
    request_t  *r = st->owner;

    nc_counter_inc(r->ss->hcm->h2_stats.trailers);
    r->s->request_trailers = nc_pool_new(&r->s->pool, nc_headers_t);
    *r->s->request_trailers = r->trailers;
    nc_stream_on_trailers(r->s, r->s->request_trailers);
}


/* The client gave the stream up, or broke the rules on it. */
static void
on_stream_close(nc_h2_stream_t *st, uint32_t code)
{
    request_t              *r = st->owner;
    nc_stream_t            *s = r->s;
    const nc_hcm_conf_t    *hcm = r->ss->hcm;

    st->owner = NULL;

    if (code == NC_H2_PROTOCOL_ERROR) {         /* nghttp2 found the message wrong */
        nc_counter_inc(hcm->h2_stats.rx_messaging_error);
        nc_stream_on_abort(s, NC_RF_DOWNSTREAM_PROTOCOL_ERROR, "http2.violation.of.messaging.rule");
        return;
    }

    nc_counter_inc(hcm->h2_stats.rx_reset);
    nc_counter_inc(hcm->stats.downstream_rq_rx_reset);
    nc_stream_on_abort(s, NC_RF_DOWNSTREAM_REMOTE_RESET, code == NC_H2_REFUSED_STREAM
                       ? "http2.remote_refuse" : "http2.remote_reset");
}


static void
on_backlog(nc_h2_stream_t *st, bool slow)
{
    request_t  *r = st->owner;

    nc_stream_on_backlog(r->s, slow);
}


static void
on_goaway(nc_h2_t *h2, uint32_t code)
{
    session_t  *ss = h2->owner;

    (void) code;

    if (!ss->draining) {
        last_notice(ss);
    }
}


static void
on_settings(nc_h2_t *h2)
{
    want_send(h2->owner);
}


static const nc_h2_ops_t  h2_ops = {
    .on_begin = on_begin,
    .on_more_headers = on_more_headers,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_close = on_stream_close,
    .on_backlog = on_backlog,
    .on_goaway = on_goaway,
    .on_settings = on_settings
};


/* ---- the connection ---- */

static void
on_read(nc_conn_t *c)
{
    session_t  *ss = c->owner;

    NC_OBJ_CHECK(ss, SESSION_MAGIC);

    switch (nc_h2_receive(&ss->h2, &c->in)) {
    case NC_ERROR:
        fail(ss);
        return;

    case NC_AGAIN:                              /* others have their turn, then the rest */
        ss->resting = true;
        nc_conn_gate(c, NC_GATE_PIPELINE);
        want_send(ss);
        return;

    default:
        want_send(ss);
    }

    if (c->eof && nc_conn_is_open(c)) {
        nc_conn_close(c, NC_CLOSE_PEER);
    }
}


static void
on_drained(nc_conn_t *c)
{
    want_send(c->owner);
}


static void
count_close(session_t *ss, nc_close_t why)
{
    const nc_hcm_stats_t  *st = &ss->hcm->stats;
    bool                   remote = why == NC_CLOSE_PEER || why == NC_CLOSE_PEER_RESET;

    nc_counter_inc(st->downstream_cx_destroy);
    nc_counter_inc(remote ? st->downstream_cx_destroy_remote : st->downstream_cx_destroy_local);
    nc_gauge_dec(st->downstream_cx_active);
    nc_gauge_dec(st->downstream_cx_http2_active);
    nc_histogram_record(st->downstream_cx_length_ms, nc_now_ms - ss->conn->opened_ms);

    if (!nc_list_empty(&ss->requests)) {
        nc_counter_inc(st->downstream_cx_destroy_active_rq);
        nc_counter_inc(remote ? st->downstream_cx_destroy_remote_active_rq
                              : st->downstream_cx_destroy_local_active_rq);
    }

    if (why == NC_CLOSE_DELAYED) {
        nc_counter_inc(st->downstream_cx_delayed_close_timeout);
    }
}


static void
free_session(void *p)
{
    session_t  *ss = p;

    nc_h2_fini(&ss->h2);
    ss->magic = 0;
    free(ss);
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    session_t  *ss = c->owner;

    NC_OBJ_CHECK(ss, SESSION_MAGIC);
    count_close(ss, why);

    nc_list_each_safe(&ss->requests, it) {
        request_t  *r = nc_container_of(it, request_t, link);

        r->st.owner = NULL;
        nc_stream_on_abort(r->s, NC_RF_DOWNSTREAM_TERMINATION, "downstream_remote_disconnect");
    }

    count_bytes(ss);
    nc_gauge_add(ss->hcm->h2_stats.streams_active, -(int64_t) ss->n_counted);
    nc_post_cancel(&ss->send);
    nc_acceptor_conn_closed(ss->acceptor, c, ss->listener);
    nc_defer(free_session, ss);
}


static void
on_drain(nc_conn_t *c)
{
    drain(c->owner);
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_close = on_close,
    .on_drain = on_drain
};


void
nc_h2_server_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener)
{
    const nc_hcm_conf_t  *hcm = conf;
    session_t            *ss = nc_calloc(sizeof(*ss));

    ss->magic = SESSION_MAGIC;
    ss->conn = c;
    ss->acceptor = a;
    ss->listener = listener;
    ss->hcm = hcm;
    nc_conn_local(c, &ss->local);
    nc_list_init(&ss->requests);
    nc_post_init(&ss->send, send_now);
    nc_h2_init(&ss->h2, true, &hcm->h2, &h2_ops, ss, STREAM_BACKLOG);
    settle_errors(ss);

    c->ops = &conn_ops;
    c->owner = ss;
    c->high_mark = OUT_LIMIT;
    nc_timer_fini(&c->timer);
    nc_timer_init(&c->timer, on_timer);

    nc_counter_inc(hcm->stats.downstream_cx_total);
    nc_counter_inc(hcm->stats.downstream_cx_http2_total);
    nc_gauge_inc(hcm->stats.downstream_cx_active);
    nc_gauge_inc(hcm->stats.downstream_cx_http2_active);

    become_idle(ss);
    arm_at(ss, hcm->max_connection_ms ? c->opened_ms + hcm->max_connection_ms : 0);
    arm_at(ss, ss->h2.ping_ms);
    want_send(ss);
}
