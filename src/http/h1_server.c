/*
 * h1_server.c: the HTTP/1 side of a downstream connection: requests are taken one after the other
 * from the bytes that come, responses are framed.
 *
 *      IDLE ──bytes──► HEAD ──parsed──► BODY ──whole──► WAIT ──response done──► IDLE
 *                       │                                ▲
 *                       ├──no body───────────────────────┤
 *                       └──upgrade──► UPGRADE ──101──► TUNNEL
 *
 * Invariants:
 *  1. One request at a time; what comes behind it stays in the connection's input, which is gated
 *     when that grows.
 *  2. No byte behind an upgrade request is forwarded before the 101.
 *  3. The connection uses the newest configuration at the start of each request.
 */
#include "http/stream.h"

#include "base/slab.h"

#include "log/log.h"
#include "os/family.h"

#define PIPELINE_MAX    16384u                  /* bytes of later requests kept in memory */
#define SESSION_MAGIC   0x6e633173u

typedef enum {
    IDLE,
    HEAD,
    BODY,
    WAIT,
    UPGRADE,
    TUNNEL
} phase_t;

typedef struct {
    uint32_t                   magic;
    uint32_t                   n_requests;
    uint8_t                    phase;
    bool                       close;           /* end the connection after this response */
    bool                       draining;
    bool                       soft_drain;      /* grew too old, ends behind the next response */
    bool                       http_10;         /* version of the current request */
    bool                       keep_alive;      /* what its sender wants */
    bool                       chunked;         /* framing of the current response */
    bool                       have_local;
    bool                       backlog;         /* the stream was told that the client is slow */
    nc_peer_t                  local;
    nc_conn_t                 *conn;
    nc_acceptor_t             *acceptor;
    const nc_listener_conf_t  *listener;        /* pinned */
    const nc_hcm_conf_t       *hcm;
    nc_stream_t               *stream;
    uint64_t                   idle_ms;         /* when an idle connection ends; 0: never */
    uint64_t                   drain_ms;        /* when a draining idle one ends; 0: not */
    uint64_t                   flush_ms;        /* when a client must have taken all; 0: none */
    uint64_t                   flush_tx;        /* c->tx when flush_ms was set */
    uint64_t                   rx_counted;      /* bytes that stats have seen */
    uint64_t                   tx_counted;
    union {
        nc_h1_parser_t         parser;          /* HEAD */
        nc_h1_body_t           body;            /* BODY, TUNNEL */
    };
} session_t;

static void  serve(session_t *ss);


static nc_slab_t  slab = NC_SLAB_INIT(session_t);


static void
free_session(void *p)
{
    nc_slab_put(&slab, p);
}


static session_t *
session_of(const nc_stream_t *s)
{
    session_t  *ss = s->codec_owner;

    NC_OBJ_CHECK(ss, SESSION_MAGIC);

    return ss;
}


/* Bytes that moved since the last call go to the stats. */
static void
count_bytes(session_t *ss)
{
    nc_conn_t  *c = ss->conn;
    uint64_t    tx = c->tx + c->out.len;        /* what is queued leaves within this turn */

    nc_counter_add(ss->hcm->stats.downstream_cx_rx_bytes_total, c->rx - ss->rx_counted);
    nc_counter_add(ss->hcm->stats.downstream_cx_tx_bytes_total, tx - ss->tx_counted);
    ss->rx_counted = c->rx;
    ss->tx_counted = tx;
}


/* ---- timers: one for the connection, armed for the earliest reason ---- */

static void
arm_at(session_t *ss, uint64_t due_ms)
{
    nc_timer_t  *t = &ss->conn->timer;

    if (due_ms && nc_conn_is_open(ss->conn) && (t->due_ms == 0 || due_ms < t->due_ms)) {
        nc_timer_at(t, due_ms);
    }
}


static uint64_t
max_age_ms(const session_t *ss)
{
    return ss->hcm->max_connection_ms ? ss->conn->opened_ms + ss->hcm->max_connection_ms : 0;
}


static void
become_idle(session_t *ss)
{
    ss->phase = IDLE;
    arm_at(ss, ss->drain_ms);
    ss->idle_ms = ss->hcm->idle_timeout_ms ? nc_now_ms + ss->hcm->idle_timeout_ms : 0;
    ss->flush_ms = ss->hcm->stream_flush_ms ? nc_now_ms + ss->hcm->stream_flush_ms : 0;
    ss->flush_tx = ss->conn->tx;
    arm_at(ss, ss->idle_ms);
    arm_at(ss, ss->flush_ms);
}


/* The client takes nothing of the rest of a response. True: closed. */
static bool
is_stuck(session_t *ss)
{
    nc_conn_t  *c = ss->conn;

    if (c->out.len == 0) {
        ss->flush_ms = 0;
        return false;
    }

    if (ss->flush_ms == 0 || ss->flush_ms > nc_now_ms) {
        return false;
    }

    if (c->tx != ss->flush_tx) {
        ss->flush_tx = c->tx;
        ss->flush_ms = nc_now_ms + ss->hcm->stream_flush_ms;
        return false;
    }

    nc_conn_close(c, NC_CLOSE_IDLE);

    return true;
}


/* An idle connection whose time is over. True: it ends. */
static bool
end_idle(session_t *ss)
{
    nc_conn_t  *c = ss->conn;

    if (ss->drain_ms && ss->drain_ms <= nc_now_ms) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_drain_close);
        nc_conn_finish(c, NC_CLOSE_DRAIN, true, ss->hcm->delayed_close_ms);
        return true;
    }

    if (ss->idle_ms && ss->idle_ms <= nc_now_ms) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_idle_timeout);
        nc_conn_finish(c, NC_CLOSE_IDLE, true, ss->hcm->delayed_close_ms);
        return true;
    }

    return is_stuck(ss);
}


/*
 * max_connection_duration is over. The next response is the last; an idle connection waits for one
 * as long as it drains, or, with http1_safe_max_connection_duration, as long as it may be idle.
 */
static void
grow_old(session_t *ss)
{
    const nc_hcm_conf_t  *hcm = ss->hcm;

    ss->draining = true;
    nc_counter_inc(hcm->stats.downstream_cx_max_duration_reached);

    if (hcm->safe_max_connection) {
        ss->soft_drain = true;
        nc_gauge_inc(hcm->stats.downstream_cx_http1_soft_drain);

    } else {
        ss->drain_ms = nc_now_ms + NC_MAX(hcm->drain_timeout_ms, (uint64_t) 1);
    }
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);
    session_t  *ss = c->owner;
    uint64_t    age = max_age_ms(ss);

    nc_words_conn(c->id);

    if (ss->stream) {
        nc_stream_on_timer(ss->stream);

    } else if (end_idle(ss)) {
        return;
    }

    if (!nc_conn_is_open(c)) {
        return;
    }

    if (age && age <= nc_now_ms && !ss->draining) {
        grow_old(ss);
    }

    if (ss->stream == NULL) {
        arm_at(ss, ss->idle_ms);
        arm_at(ss, ss->drain_ms);
        arm_at(ss, c->out.len ? ss->flush_ms : 0);
    }

    arm_at(ss, ss->draining ? 0 : age);
}


/* ---- responses ---- */

static bool
ends_connection(session_t *ss, const nc_stream_t *s)
{
    const nc_hcm_stats_t  *st = &ss->hcm->stats;

    if (ss->draining || ss->acceptor->draining || nc_http_draining) {
        nc_counter_inc(st->downstream_cx_drain_close);
        return true;
    }

    if (ss->hcm->max_requests && ss->n_requests >= ss->hcm->max_requests) {
        nc_counter_inc(st->downstream_cx_max_requests_reached);
        return true;
    }

    return !ss->keep_alive || s->no_reuse || !s->request_done;
}


static bool
status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}


static void
frame_response(session_t *ss, nc_stream_t *s, nc_headers_t *h, bool end, nc_h1_encode_t *how)
{
    nc_str_t  length = nc_headers_value(h, NC_H_CONTENT_LENGTH);
    bool      has_body = status_has_body(s->info.status) && !s->is_head;

    ss->chunked = false;
    how->body = NC_H1_BODY_NONE;

    if (length.data && nc_str_to_u64(length, UINT64_MAX, &how->length) == NC_OK
        && (has_body || s->is_head || s->info.status == 304))
    {
        how->body = NC_H1_BODY_LENGTH;
        return;
    }

    if (!has_body) {
        return;
    }

    if (end) {
        how->body = NC_H1_BODY_LENGTH;
        how->length = 0;

    } else if (ss->http_10) {
        how->body = NC_H1_BODY_CLOSE;
        ss->close = true;

    } else {
        how->body = NC_H1_BODY_CHUNKED;
        ss->chunked = true;
    }
}


static void
send_headers(nc_stream_t *s, nc_headers_t *h, bool end)
{
    session_t       *ss = session_of(s);
    nc_h1_encode_t   how = { .proper_case = ss->hcm->proper_case };

    ss->close = ss->close || ends_connection(ss, s);
    frame_response(ss, s, h, end, &how);

    if (s->upgraded) {
        how.connection = s->info.status == 101 ? NC_H1_CONN_UPGRADE : NC_H1_CONN_DEFAULT;
        how.body = NC_H1_BODY_NONE;
        ss->chunked = false;
        ss->phase = TUNNEL;
        nc_conn_kick(ss->conn);                 /* bytes that came behind the request */

    } else if (ss->close) {
        how.connection = NC_H1_CONN_CLOSE;

    } else if (ss->http_10) {
        how.connection = NC_H1_CONN_KEEP_ALIVE;
    }

    NC_CHECK(nc_h1_encode_response(&ss->conn->out, h, &how) == NC_OK);
    nc_conn_touch(ss->conn);
}


static void
send_informational(nc_stream_t *s, const nc_headers_t *h)
{
    session_t       *ss = session_of(s);
    nc_h1_encode_t   how = { .body = NC_H1_BODY_NONE };

    if (!ss->http_10 && nc_h1_encode_response(&ss->conn->out, h, &how) == NC_OK) {
        nc_conn_touch(ss->conn);
    }
}


/* Tells the stream when the client takes its bytes too slowly. */
static void
check_backlog(session_t *ss)
{
    if (ss->conn->over_high && !ss->backlog) {
        ss->backlog = true;
        nc_stream_on_backlog(ss->stream, true);
    }
}


static void
send_data(nc_stream_t *s, nc_buf_t *data, bool end)
{
    session_t  *ss = session_of(s);
    nc_conn_t  *c = ss->conn;

    if (s->is_head) {
        nc_buf_drain(data, data->len);

    } else if (ss->chunked) {
        nc_h1_encode_chunk(&c->out, data);

        if (end) {
            nc_h1_encode_last(&c->out, NULL);
        }

    } else {
        nc_buf_move_all(&c->out, data);
    }

    nc_conn_touch(c);
    check_backlog(ss);
}


static void
send_trailers(nc_stream_t *s, const nc_headers_t *t)
{
    session_t  *ss = session_of(s);

    if (ss->chunked) {
        nc_h1_encode_last(&ss->conn->out, ss->hcm->h1.enable_trailers ? t : NULL);
        nc_conn_touch(ss->conn);
    }
}


static void
on_reset(nc_stream_t *s)
{
    session_of(s)->close = true;                /* `done` closes at once: see below */
    s->no_reuse = true;
}


static void
gate(nc_stream_t *s, nc_gate_t who, bool on)
{
    session_t  *ss = session_of(s);

    if (on) {
        nc_conn_gate(ss->conn, who);

    } else if (ss->conn->gates & who) {
        nc_conn_ungate(ss->conn, who);
    }
}


static void
arm(nc_stream_t *s, uint64_t due_ms)
{
    arm_at(session_of(s), due_ms);
}


/* The stream has ended; the connection goes on, ends in good order, or breaks off. */
static void
done(nc_stream_t *s)
{
    session_t  *ss = session_of(s);
    nc_conn_t  *c = ss->conn;
    bool        broken = s->response_started && !s->response_done;

    ss->stream = NULL;
    ss->backlog = false;
    s->info.wire_sent = c->tx - ss->tx_counted + c->out.len;
    s->info.wire_received = c->rx - ss->rx_counted;
    count_bytes(ss);

    if (!nc_conn_is_open(c)) {
        return;
    }

    if (s->upgraded && s->response_done) {
        nc_conn_finish(c, NC_CLOSE_LOCAL, !c->eof, ss->hcm->delayed_close_ms);
        return;
    }

    if (broken || !s->response_started) {
        nc_conn_flush(c);
        nc_conn_close(c, NC_CLOSE_LOCAL);
        return;
    }

    if (ss->close || s->no_reuse) {
        /* Input that nobody will read would turn our close into a reset of what we sent. */
        bool  linger = !s->request_done || c->in.len > 0 || c->readable;

        nc_conn_finish(c, NC_CLOSE_LOCAL, linger, ss->hcm->delayed_close_ms);
        return;
    }

    become_idle(ss);
    nc_conn_ungate(c, NC_GATE_PIPELINE | NC_GATE_FILTER | NC_GATE_UPSTREAM);
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


/* The connection is not ours any more. */
static void
uncount(session_t *ss)
{
    nc_gauge_dec(ss->hcm->stats.downstream_cx_active);
    nc_gauge_dec(ss->hcm->stats.downstream_cx_http1_active);
    nc_counter_add(ss->hcm->stats.downstream_cx_total, (uint64_t) -1);
    nc_counter_add(ss->hcm->stats.downstream_cx_http1_total, (uint64_t) -1);
}


/* ---- requests ---- */

/* The newest configuration for the request that begins. */
static void
renew(session_t *ss)
{
    const nc_hcm_conf_t  *hcm = nc_acceptor_renew(ss->acceptor, ss->conn, &ss->listener,
                                                  nc_http_begin);

    if (hcm) {
        nc_gauge_dec(ss->hcm->stats.downstream_cx_active);
        nc_gauge_dec(ss->hcm->stats.downstream_cx_http1_active);
        ss->hcm = hcm;
        nc_gauge_inc(hcm->stats.downstream_cx_active);
        nc_gauge_inc(hcm->stats.downstream_cx_http1_active);
    }
}


static void
fill_conn_info(session_t *ss, nc_conn_info_t *info)
{
    if (!ss->have_local) {
        nc_conn_local(ss->conn, &ss->local);
        ss->have_local = true;
    }

    *info = (nc_conn_info_t) {
        .id = ss->conn->id,
        .remote = ss->conn->remote,
        .direct_remote = ss->conn->remote,
        .local = ss->local,
        .listener = ss->listener->ctx.name
    };
    nc_conn_info_tls(info, ss->conn);
}


static void
begin_request(session_t *ss)
{
    nc_conn_info_t  info;
    nc_stream_t    *s;

    renew(ss);
    fill_conn_info(ss, &info);
    s = nc_stream_create(ss->hcm, ss->listener->slot, &codec, ss, &info);
    s->request_limit = s->response_limit = ss->listener->ctx.buffer_limit;

    nc_counter_inc(ss->hcm->stats.downstream_rq_total);
    nc_counter_inc(ss->hcm->stats.downstream_rq_http1_total);
    nc_gauge_inc(ss->hcm->stats.downstream_rq_active);

    if (ss->hcm->request_headers_timeout_ms) {
        nc_stream_deadline(s, NC_DEADLINE_HEADERS, ss->hcm->request_headers_timeout_ms);
    }

    if (ss->hcm->request_timeout_ms) {
        nc_stream_deadline(s, NC_DEADLINE_REQUEST, ss->hcm->request_timeout_ms);
    }

    ss->stream = s;
    ss->phase = HEAD;
    ss->n_requests++;
    ss->http_10 = false;
    ss->keep_alive = true;
    nc_h1_parser_init(&ss->parser);
}


/* A wrong request that was read whole does not end the connection, when configured so. */
static bool
may_go_on(const session_t *ss, const nc_h1_head_t *head)
{
    return ss->hcm->keep_after_error && head->error == NC_H1_ERR_HOST_MISSING
           && head->version == 11 && head->body == NC_H1_BODY_NONE && head->keep_alive;
}


static void
malformed(session_t *ss, const nc_h1_head_t *head, size_t consumed)
{
    nc_stream_t  *s = ss->stream;
    unsigned      status = nc_h1_error_status(head->error);
    bool          close = !may_go_on(ss, head);

    nc_counter_inc(ss->hcm->stats.downstream_cx_protocol_error);

    if (head->error == NC_H1_ERR_UNDERSCORE) {
        nc_counter_inc(ss->hcm->h1_stats.requests_rejected_with_underscores_in_headers);
    }

    nc_log(DEBUG, HTTP1, "connection %" PRIu64 ": malformed request: %s", ss->conn->id,
           nc_h1_error_str(head->error));

    if (!close) {
        nc_buf_drain(&ss->conn->in, consumed);
    }

    ss->phase = WAIT;
    ss->close = close;
    ss->http_10 = head->version == 10;
    s->no_reuse = close;
    s->info.protocol = NC_PROTOCOL_HTTP11;
    nc_stream_reply_malformed(s, status, nc_h1_reason(status), nc_h1_error_details(head->error));
}


static void
count_head(session_t *ss, const nc_h1_head_t *head)
{
    if (head->n_dropped) {
        nc_counter_add(ss->hcm->h1_stats.dropped_headers_with_underscores, head->n_dropped);
    }

    ss->http_10 = head->version == 10;
    ss->keep_alive = head->keep_alive;
}


/* ignore_http_11_upgrade: a request to go over to a protocol that is ignored is a plain one. */
static void
ignore_upgrade(session_t *ss, nc_stream_t *s, nc_h1_head_t *head)
{
    const nc_hcm_conf_t  *hcm = ss->hcm;
    nc_str_t              type = nc_headers_value(&s->request, NC_H_UPGRADE);

    for (uint32_t i = 0; i < hcm->n_ignored_upgrades; i++) {
        if (nc_string_matcher_exec(&hcm->ignored_upgrades[i], type) == NC_OK) {
            nc_headers_del_id(&s->request, NC_H_UPGRADE);
            nc_headers_del_id(&s->request, NC_H_CONNECTION);
            head->upgrade = false;
            return;
        }
    }
}


/* The head is parsed: the phase that follows, and off to the filters. */
static void
head_is_parsed(session_t *ss, nc_h1_head_t *head)
{
    nc_stream_t  *s = ss->stream;
    bool          end;

    if (head->upgrade && ss->hcm->n_ignored_upgrades) {
        ignore_upgrade(ss, s, head);
    }

    end = head->body == NC_H1_BODY_NONE && !head->upgrade && !head->is_connect;
    count_head(ss, head);
    s->is_head = head->is_head;
    s->is_upgrade = head->upgrade;
    s->expect_continue = head->expect_continue;
    s->info.protocol = head->version == 10 ? NC_PROTOCOL_HTTP10 : NC_PROTOCOL_HTTP11;
    s->info.request_header_bytes = s->request.bytes;
    nc_stream_deadline(s, NC_DEADLINE_HEADERS, 0);

    nc_headers_add_id(&s->request, NC_H_SCHEME,
                      head->scheme.data ? head->scheme
                      : s->conn_info.is_tls ? NC_STR("https") : NC_STR("http"));

    if (end) {
        ss->phase = WAIT;

    } else if (head->upgrade || head->is_connect) {
        ss->phase = UPGRADE;

    } else {
        ss->phase = BODY;
        nc_h1_body_init(&ss->body, head, &ss->hcm->h1);
    }

    nc_stream_on_headers(s, end);
}


/* False: more bytes are needed, or the request was refused. */
static bool
parse_head(session_t *ss)
{
    nc_conn_t     *c = ss->conn;
    nc_stream_t   *s = ss->stream;
    char          *data = nc_buf_pullup(&c->in, c->in.len);
    nc_h1_head_t   head = { 0 };
    size_t         consumed = 0;

    switch (nc_h1_parse_request(&ss->parser, &ss->hcm->h1, data, c->in.len, &s->request, &head,
                                &consumed))
    {
    case NC_AGAIN:
        return false;

    case NC_OK:
        if (nc_buf_first(&c->in)->block) {
            nc_stream_hold_block(s, nc_buf_first(&c->in)->block);
        }
        nc_buf_drain(&c->in, consumed);
        head_is_parsed(ss, &head);
        return true;

    default:
        nc_stream_hold_block(s, nc_buf_first(&c->in)->block);
        malformed(ss, &head, consumed);
        return ss->phase == IDLE;
    }
}


static void
body_malformed(session_t *ss)
{
    nc_stream_t  *s = ss->stream;

    nc_counter_inc(ss->hcm->stats.downstream_cx_protocol_error);
    nc_log(DEBUG, HTTP1, "connection %" PRIu64 ": malformed body: %s", ss->conn->id,
           nc_h1_error_str(ss->body.error));
    s->info.flags |= NC_RF_DOWNSTREAM_PROTOCOL_ERROR;
    s->no_reuse = true;
    ss->close = true;
    nc_stream_reply(s, 400, NC_STR("Bad Request"), nc_h1_error_details(ss->body.error), NULL,
                    NULL);
}


/* False: nothing more can be done with the bytes that are there. */
static bool
read_body(session_t *ss)
{
    nc_stream_t  *s = ss->stream;
    nc_buf_t      data;
    nc_rc_t       rc;
    bool          has_trailers, end;

    if (ss->body.kind == NC_H1_BODY_CHUNKED && s->request_trailers == NULL) {
        s->request_trailers = nc_pool_new(&s->pool, nc_headers_t);
        nc_headers_init(s->request_trailers, &s->pool);
    }

    nc_buf_init(&data);
    rc = nc_h1_body_decode(&ss->body, &ss->conn->in, &data, SIZE_MAX, s->request_trailers);
    has_trailers = s->request_trailers && s->request_trailers->live > 0;

    if (rc == NC_ERROR) {
        nc_buf_fini(&data);
        body_malformed(ss);
        return false;
    }

    if (rc == NC_OK) {
        ss->phase = WAIT;
    }

    end = rc == NC_OK && !has_trailers;

    if (data.len > 0 || end) {
        nc_stream_on_data(s, &data, end);
    }

    nc_buf_fini(&data);

    if (rc == NC_OK && has_trailers && ss->stream == s) {
        nc_stream_on_trailers(s, s->request_trailers);
    }

    return rc == NC_OK;
}


static void
read_tunnel(session_t *ss)
{
    nc_conn_t  *c = ss->conn;
    nc_buf_t    data;

    nc_buf_init(&data);
    nc_buf_move_all(&data, &c->in);
    nc_stream_on_data(ss->stream, &data, c->eof);
    nc_buf_fini(&data);
}


/* Bytes behind the current request: kept, up to a limit. */
static void
wait_turn(session_t *ss)
{
    if (ss->conn->in.len >= PIPELINE_MAX) {
        nc_conn_gate(ss->conn, NC_GATE_PIPELINE);
    }
}


/*
 * A client that begins with the preface of HTTP/2 (codec_type AUTO; RFC 9113 section 3.3) is handed
 * over. True: it was, or more bytes are needed to know.
 */
static bool
is_http2(session_t *ss)
{
    nc_conn_t   *c = ss->conn;
    size_t       n = NC_MIN(c->in.len, sizeof(NC_H2_PREFACE) - 1);
    const char  *first;

    if (ss->hcm->codec != NC_CODEC_AUTO) {
        return false;
    }

    first = nc_buf_pullup(&c->in, n);

    if (first[0] != 'P' || memcmp(first, NC_H2_PREFACE, n) != 0) {
        return false;
    }

    if (n < sizeof(NC_H2_PREFACE) - 1) {
        return true;
    }

    uncount(ss);
    nc_h2_server_begin(c, ss->hcm, ss->acceptor, ss->listener);
    ss->magic = 0;
    nc_defer(free_session, ss);
    nc_conn_kick(c);

    return true;
}


/* Takes from the input what the phase can take. */
static void
serve(session_t *ss)
{
    nc_conn_t  *c = ss->conn;

    while (c->state == NC_CONN_OPEN) {
        switch ((phase_t) ss->phase) {
        case IDLE:
            if (c->in.len == 0 || (ss->n_requests == 0 && is_http2(ss))) {
                return;
            }
            begin_request(ss);
            break;

        case HEAD:
            if (!parse_head(ss)) {
                return;
            }
            break;

        case BODY:
            if (c->gates || c->in.len == 0 || !read_body(ss)) {
                return;
            }
            break;

        case TUNNEL:
            if (ss->stream && (c->in.len > 0 || c->eof) && !ss->stream->request_done) {
                read_tunnel(ss);
            }
            return;

        case WAIT:
        case UPGRADE:
            wait_turn(ss);
            return;
        }
    }
}


/* ---- the connection ---- */

static void
on_read(nc_conn_t *c)
{
    session_t  *ss = c->owner;

    NC_OBJ_CHECK(ss, SESSION_MAGIC);
    nc_words_conn(c->id);
    serve(ss);
    nc_words_conn(0);

    if (c->owner != ss) {
        return;                                 /* HTTP/2 has it now */
    }

    /* A client that closes its side gives up; in a tunnel it was passed on as the end of data. */
    if (c->eof && c->state == NC_CONN_OPEN && ss->phase != TUNNEL) {
        nc_conn_close(c, NC_CLOSE_PEER);
    }
}


static void
on_drained(nc_conn_t *c)
{
    session_t  *ss = c->owner;

    if (ss->stream && ss->backlog) {
        ss->backlog = false;
        nc_stream_on_backlog(ss->stream, false);
    }
}


static void
count_close(session_t *ss, nc_close_t why, bool active)
{
    const nc_hcm_stats_t  *st = &ss->hcm->stats;
    bool                   remote = why == NC_CLOSE_PEER || why == NC_CLOSE_PEER_RESET;

    nc_counter_inc(st->downstream_cx_destroy);
    nc_counter_inc(remote ? st->downstream_cx_destroy_remote : st->downstream_cx_destroy_local);
    nc_gauge_dec(st->downstream_cx_active);
    nc_gauge_dec(st->downstream_cx_http1_active);

    if (ss->soft_drain) {
        nc_gauge_dec(st->downstream_cx_http1_soft_drain);
    }

    nc_histogram_record(st->downstream_cx_length_ms, nc_now_ms - ss->conn->opened_ms);

    if (active) {
        nc_counter_inc(st->downstream_cx_destroy_active_rq);
        nc_counter_inc(remote ? st->downstream_cx_destroy_remote_active_rq
                              : st->downstream_cx_destroy_local_active_rq);
    }

    if (why == NC_CLOSE_DELAYED) {
        nc_counter_inc(st->downstream_cx_delayed_close_timeout);
    }
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    session_t    *ss = c->owner;
    nc_stream_t  *s = ss->stream;

    NC_OBJ_CHECK(ss, SESSION_MAGIC);
    count_close(ss, why, s != NULL);

    if (s) {
        nc_stream_on_abort(s, NC_RF_DOWNSTREAM_TERMINATION,
                           why == NC_CLOSE_MAX_DURATION ? "downstream_local_disconnect"
                                                        : "downstream_remote_disconnect");
    }

    count_bytes(ss);
    nc_acceptor_conn_closed(ss->acceptor, c, ss->listener);
    ss->magic = 0;
    nc_defer(free_session, ss);
}


static void
on_drain(nc_conn_t *c)
{
    session_t  *ss = c->owner;

    ss->draining = true;

    if (ss->stream == NULL && c->in.len == 0) {
        nc_counter_inc(ss->hcm->stats.downstream_cx_drain_close);
        nc_conn_finish(c, NC_CLOSE_DRAIN, true, ss->hcm->delayed_close_ms);
    }
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_close = on_close,
    .on_drain = on_drain
};


void
nc_http_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener)
{
    const nc_hcm_conf_t  *hcm = conf;

    if (hcm->codec == NC_CODEC_HTTP2) {
        nc_h2_server_begin(c, conf, a, listener);

    } else {
        nc_h1_server_begin(c, conf, a, listener);
    }
}


void
nc_h1_server_begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener)
{
    const nc_hcm_conf_t  *hcm = conf;
    session_t            *ss = nc_slab_get(&slab);

    ss->magic = SESSION_MAGIC;
    ss->conn = c;
    ss->acceptor = a;
    ss->listener = listener;
    ss->hcm = hcm;
    c->ops = &conn_ops;
    c->owner = ss;
    c->timer.handler = on_timer;

    nc_counter_inc(hcm->stats.downstream_cx_total);
    nc_counter_inc(hcm->stats.downstream_cx_http1_total);
    nc_gauge_inc(hcm->stats.downstream_cx_active);
    nc_gauge_inc(hcm->stats.downstream_cx_http1_active);

    become_idle(ss);
    arm_at(ss, max_age_ms(ss));
}
