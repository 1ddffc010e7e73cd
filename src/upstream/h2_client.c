/*
 * h2_client.c: HTTP/2 towards the upstream: the requests of a worker to one host share connections.
 *
 * Invariants:
 *  1. A request has a stream from nc_h2_client_attach (made when its head is sent) to
 *     nc_h2_client_leave; what is left of the stream afterwards is nobody's.
 *  2. A connection that was told GOAWAY, or that drains, takes no new requests and ends with its
 *     last.
 */
#include "upstream/pool_priv.h"

#include "codec/h2_mem.h"
#include "log/log.h"

#define OUT_LIMIT       (128u * 1024)
#define STREAM_BACKLOG  (64u * 1024)

struct nc_h2_client_s {
    nc_h2_t        h2;
    nc_up_conn_t  *uc;
    nc_post_t      send;
    nc_list_t      requests;                    /* nc_h2_request_t.link */
    bool           draining;
    bool           failed;
    bool           settled;                     /* the peer's SETTINGS have come */
    unsigned       n_dead;                      /* requests whose head could not be sent */
};

typedef struct nc_h2_client_s   client_t;
typedef struct nc_h2_request_s  request_t;

struct nc_h2_request_s {
    nc_list_t        link;
    client_t        *client;
    nc_up_t         *u;
    struct stream_s *stream;                    /* NULL: none yet, or closed */
    unsigned         gates;
    nc_str_t         upgrade;                   /* of an extended CONNECT; data NULL: none */
    nc_headers_t    *late;                      /* a head that waits for the peer's SETTINGS */
    nc_buf_t         early;                     /* ... and what came behind it */
    bool             dead;                      /* to be broken off at the end of the turn */
};

/* What the session frees. */
typedef struct stream_s {
    nc_h2_stream_t  st;                         /* first */
} stream_t;


static void
want_send(client_t *cl)
{
    nc_post(&cl->send);
}


static void
arm_ping(client_t *cl)
{
    nc_timer_t  *t = &cl->uc->c->timer;

    if (cl->h2.ping_ms && (t->due_ms == 0 || cl->h2.ping_ms < t->due_ms)) {
        nc_timer_at(t, cl->h2.ping_ms);
    }
}


/* ---- the end of a request ---- */

void
nc_h2_client_leave(nc_up_t *u)
{
    request_t  *r = u->h2;
    client_t   *cl = r->client;

    nc_list_del(&r->link);
    nc_buf_fini(&r->early);
    cl->n_dead -= r->dead;
    nc_gauge_dec(u->cluster->h2_stats.streams_active);

    if (r->stream) {
        if (r->stream->st.end_received && r->stream->st.end_queued) {
            nc_h2_let_go(&r->stream->st);

        } else {
            nc_counter_inc(u->cluster->h2_stats.tx_reset);
            nc_h2_reset(&r->stream->st, r->stream->st.end_received ? NC_H2_NO_ERROR
                                                                   : NC_H2_CANCEL);
        }

        want_send(cl);
    }

    u->h2 = NULL;
    nc_defer(nc_h2_mem_put, r);
}


static void
break_off(request_t *r, nc_up_reset_t why, const char *reason)
{
    nc_up_t  *u = r->u;

    nc_up_detach(u, false);
    u->ops->on_reset(u, why, reason);
}


void
nc_h2_client_broken(nc_up_conn_t *uc, nc_up_reset_t why)
{
    client_t  *cl = uc->h2;

    nc_list_each_safe(&cl->requests, it) {
        request_t  *r = nc_container_of(it, request_t, link);

        if (r->stream) {
            r->stream->st.owner = NULL;
            r->stream = NULL;
        }

        break_off(r, why, NULL);
    }
}


static void
free_client(void *p)
{
    client_t  *cl = p;

    nc_h2_fini(&cl->h2);
    free(cl);
}


void
nc_h2_client_end(nc_up_conn_t *uc)
{
    nc_post_cancel(&uc->h2->send);
    nc_defer(free_client, uc->h2);
}


/* ---- sending ---- */

static void
name_fault(client_t *cl)
{
    const nc_http2_codec_stats_t  *st = &cl->uc->cluster->h2_stats;

    switch (cl->h2.fault) {
    case NC_H2_FAULT_EMPTY_FRAMES:     nc_counter_inc(st->inbound_empty_frames_flood);     break;
    case NC_H2_FAULT_PRIORITY_FRAMES:  nc_counter_inc(st->inbound_priority_frames_flood);  break;
    case NC_H2_FAULT_WINDOW_UPDATES:
        nc_counter_inc(st->inbound_window_update_frames_flood);
        break;
    case NC_H2_FAULT_CONTROL_FRAMES:   nc_counter_inc(st->outbound_control_flood);         break;
    case NC_H2_FAULT_OUTBOUND_FRAMES:  nc_counter_inc(st->outbound_flood);                 break;
    case NC_H2_FAULT_CONTINUATIONS:    nc_counter_inc(st->header_overflow);                break;
    default:                           nc_counter_inc(st->rx_messaging_error);
    }

    nc_counter_inc(cl->uc->cluster->stats.upstream_cx_protocol_error);
    nc_log(DEBUG, HTTP2, "upstream connection %" PRIu64 ": closed for %s", cl->uc->c->id,
           nc_h2_fault_str(cl->h2.fault));
}


static void
fail(client_t *cl)
{
    if (cl->failed) {
        return;
    }

    cl->failed = true;
    name_fault(cl);
    nc_h2_client_broken(cl->uc, NC_UP_PROTOCOL_ERROR);
    (void) nc_h2_send(&cl->h2, &cl->uc->c->out, SIZE_MAX);
    nc_conn_finish(cl->uc->c, NC_CLOSE_PROTOCOL, false, 1000);
}


/* Heads that cannot be sent end their requests. */
static void
break_dead(client_t *cl)
{
    nc_list_each_safe(&cl->requests, it) {
        request_t  *r = nc_container_of(it, request_t, link);

        if (r->dead) {
            break_off(r, NC_UP_PROTOCOL_ERROR, "http2.request_cannot_be_sent");
        }
    }
}


static void
send_now(nc_post_t *p)
{
    client_t   *cl = nc_container_of(p, client_t, send);
    nc_conn_t  *c = cl->uc->c;

    if (!nc_conn_is_open(c)) {
        return;
    }

    if (cl->n_dead > 0) {
        break_dead(cl);
    }

    if (nc_h2_send(&cl->h2, &c->out, OUT_LIMIT) == NC_ERROR) {
        fail(cl);
        return;
    }

    if (c->out.len > 0) {
        nc_conn_touch(c);
    }

    if (nc_h2_is_over(&cl->h2) || (cl->draining && cl->uc->n_active == 0)) {
        nc_conn_finish(c, NC_CLOSE_DRAIN, false, 1000);
    }
}


void
nc_h2_client_drained(nc_up_conn_t *uc)
{
    want_send(uc->h2);
}


void
nc_h2_client_drain(nc_up_conn_t *uc)
{
    client_t  *cl = uc->h2;

    if (!cl->draining) {
        cl->draining = true;
        nc_counter_inc(uc->cluster->h2_stats.goaway_sent);
        nc_h2_goaway(&cl->h2, true, NC_H2_NO_ERROR);
        want_send(cl);
    }
}


/* ---- requests ---- */

uint32_t
nc_h2_client_room(const nc_up_conn_t *uc)
{
    const client_t  *cl = uc->h2;

    if (cl->draining || cl->failed || !nc_conn_is_open(uc->c)) {
        return 0;
    }

    if (uc->cluster->max_requests_per_cx && uc->n_requests >= uc->cluster->max_requests_per_cx) {
        return 0;
    }

    return nc_h2_streams_left(&cl->h2);
}


void
nc_h2_client_attach(nc_up_conn_t *uc, nc_up_t *u)
{
    request_t  *r = nc_h2_mem_zeroed(sizeof(*r));

    nc_buf_init(&r->early);
    r->client = uc->h2;
    r->u = u;
    u->h2 = r;
    nc_list_append(&uc->h2->requests, &r->link);
    nc_gauge_inc(u->cluster->h2_stats.streams_active);
}


static nc_headers_t *
new_headers(nc_up_t *u)
{
    nc_headers_t  *h = nc_pool_new(u->pool, nc_headers_t);

    nc_headers_init(h, u->pool);

    return h;
}


/* The request's head as HTTP/2 wants it: no hop-by-hop fields; an upgrade is extended CONNECT. */
static nc_headers_t *
translate(request_t *r, const nc_headers_t *h, bool upgrade)
{
    nc_headers_t  *out = new_headers(r->u);
    bool           connect = nc_str_eq(nc_headers_value(h, NC_H_METHOD), NC_STR("CONNECT"));

    if (upgrade && !connect) {
        r->upgrade = nc_headers_value(h, NC_H_UPGRADE);
    }

    nc_headers_each(h, it) {
        switch (it->id) {
        case NC_H_CONNECTION:
        case NC_H_KEEP_ALIVE:
        case NC_H_PROXY_CONNECTION:
        case NC_H_TRANSFER_ENCODING:
        case NC_H_UPGRADE:
        case NC_H_HTTP2_SETTINGS:
        case NC_H_HOST:
            continue;

        case NC_H_METHOD:
            nc_headers_add_id(out, NC_H_METHOD, r->upgrade.data ? NC_STR("CONNECT") : it->value);
            continue;

        case NC_H_TE:                           /* RFC 9113 section 8.2.2 */
            if (nc_header_has_token(it->value, NC_STR("trailers"))) {
                nc_headers_add_id(out, NC_H_TE, NC_STR("trailers"));
            }
            continue;

        case NC_H_SCHEME:
        case NC_H_PATH:
            if (connect) {
                continue;
            }
            break;

        default:
            break;
        }

        if (it->id != NC_H_OTHER) {
            nc_headers_add_id(out, it->id, it->value);
        } else {
            nc_headers_add(out, it->name, it->value);
        }
    }

    if (r->upgrade.data) {
        nc_headers_add_id(out, NC_H_PROTOCOL, r->upgrade);
    }

    return out;
}


static void
give_up(request_t *r)
{
    if (!r->dead) {
        r->dead = true;
        r->client->n_dead++;
        want_send(r->client);
    }
}


static void
send_head(request_t *r, const nc_headers_t *h, bool end)
{
    client_t  *cl = r->client;
    stream_t  *stream = nc_h2_mem_zeroed(sizeof(*stream));

    stream->st.h2 = &cl->h2;
    stream->st.owner = r;

    if (nc_h2_keepalive_before_stream(&cl->h2)) {
        arm_ping(cl);
    }

    if (nc_h2_send_headers(&stream->st, h, end)) {
        nc_h2_mem_put(stream);
        give_up(r);
        return;
    }

    r->stream = stream;
    want_send(cl);
}


/* SETTINGS are there: extended CONNECT may be used, or may not (RFC 8441 section 3). */
static void
send_late(request_t *r)
{
    nc_headers_t  *h = r->late;

    r->late = NULL;

    if (!nc_h2_peer_allows_connect(&r->client->h2)) {
        give_up(r);
        return;
    }

    send_head(r, h, false);

    if (r->stream && (r->early.len > 0 || r->u->request_sent)) {
        nc_h2_send_data(&r->stream->st, &r->early, r->u->request_sent);
    }
}


void
nc_h2_client_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade)
{
    request_t     *r = u->h2;
    nc_headers_t  *out = translate(r, h, upgrade);

    u->request_sent = end;

    if (r->upgrade.data == NULL) {
        send_head(r, out, end);
        return;
    }

    r->late = out;

    if (r->client->settled) {
        send_late(r);
    }
}


void
nc_h2_client_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    request_t  *r = u->h2;

    u->request_sent = end;

    if (r->late) {
        nc_buf_move_all(&r->early, data);
        return;
    }

    if (r->stream == NULL) {
        nc_buf_drain(data, data->len);
        return;
    }

    nc_h2_send_data(&r->stream->st, data, end);
    want_send(r->client);
}


void
nc_h2_client_trailers(nc_up_t *u, const nc_headers_t *t)
{
    request_t  *r = u->h2;

    u->request_sent = true;

    if (r->stream) {
        nc_counter_inc(u->cluster->h2_stats.trailers);
        nc_h2_send_trailers(&r->stream->st, t);
        want_send(r->client);
    }
}


void
nc_h2_client_gate(nc_up_t *u, nc_gate_t who, bool hold)
{
    request_t  *r = u->h2;

    if (hold) {
        nc_counter_inc(u->cluster->stats.upstream_flow_control_paused_reading_total);
        r->gates |= who;
        return;
    }

    if (!(r->gates & who)) {
        return;
    }

    nc_counter_inc(u->cluster->stats.upstream_flow_control_resumed_reading_total);
    r->gates &= ~(unsigned) who;

    if (r->gates == 0 && r->stream && r->stream->st.unconsumed > 0) {
        nc_h2_consume(&r->stream->st, r->stream->st.unconsumed);
        want_send(r->client);
    }
}


bool
nc_h2_client_backed_up(const nc_up_t *u)
{
    return u->h2->stream && u->h2->stream->st.slow;
}


/* ---- responses ---- */

static void
on_more_headers(nc_h2_stream_t *st)
{
    request_t  *r = st->owner;

    if (r == NULL) {
        st->headers = NULL;
        return;
    }

    st->headers = new_headers(r->u);
}


static bool
is_informational(const nc_headers_t *h)
{
    return nc_str_starts(nc_headers_value(h, NC_H_STATUS), NC_STR("1"));
}


/* 200 to an extended CONNECT is what 101 is to an upgrade (RFC 8441 section 5). */
static void
settle_upgrade(request_t *r, nc_headers_t *h)
{
    if (r->upgrade.data && nc_str_eq(nc_headers_value(h, NC_H_STATUS), NC_STR("200"))) {
        nc_headers_set_id(h, NC_H_STATUS, NC_STR("101"));
        nc_headers_set_id(h, NC_H_CONNECTION, NC_STR("upgrade"));
        nc_headers_set_id(h, NC_H_UPGRADE, r->upgrade);
    }
}


static void
on_headers(nc_h2_stream_t *st, bool end)
{
    request_t     *r = st->owner;
    nc_up_t       *u = r->u;
    nc_headers_t  *h = st->headers;

    if (is_informational(h)) {
        u->ops->on_informational(u, h);
        return;
    }

    if (st->overflow) {
        nc_counter_inc(u->cluster->h2_stats.header_overflow);
        break_off(r, NC_UP_PROTOCOL_ERROR, "http2.header_overflow");
        return;
    }

    u->response_started = true;
    settle_upgrade(r, h);

    if (end) {
        nc_up_detach(u, true);
    }

    u->ops->on_headers(u, h, end);
}


static void
on_data(nc_h2_stream_t *st, nc_buf_t *data, bool end)
{
    request_t  *r = st->owner;
    nc_up_t    *u = r->u;

    if (end) {
        nc_up_detach(u, true);
        u->ops->on_data(u, data, true);
        return;
    }

    u->ops->on_data(u, data, false);

    if (st->owner == r && r->gates == 0 && st->unconsumed > 0) {
        nc_h2_consume(st, st->unconsumed);
        want_send(r->client);
    }
}


static void
on_trailers(nc_h2_stream_t *st)
{
    request_t     *r = st->owner;
    nc_up_t       *u = r->u;
    nc_headers_t  *t = st->headers;

    nc_counter_inc(u->cluster->h2_stats.trailers);
    nc_up_detach(u, true);
    u->ops->on_trailers(u, t);
}


static void
on_close(nc_h2_stream_t *st, uint32_t code)
{
    request_t  *r = st->owner;
    nc_up_t    *u = r->u;

    r->stream = NULL;
    nc_counter_inc(u->cluster->h2_stats.rx_reset);

    if (code == NC_H2_REFUSED_STREAM) {
        nc_counter_inc(u->cluster->h2_stats.stream_refused_errors);
    }

    break_off(r, code == NC_H2_REFUSED_STREAM ? NC_UP_REFUSED
                 : code == NC_H2_PROTOCOL_ERROR ? NC_UP_PROTOCOL_ERROR : NC_UP_REMOTE_RESET, NULL);
}


static void
on_backlog(nc_h2_stream_t *st, bool slow)
{
    request_t  *r = st->owner;
    nc_up_t    *u = r->u;

    nc_counter_inc(slow ? u->cluster->stats.upstream_flow_control_backed_up_total
                        : u->cluster->stats.upstream_flow_control_drained_total);
    u->ops->on_backlog(u, slow);
}


static void
on_goaway(nc_h2_t *h2, uint32_t code)
{
    client_t  *cl = h2->owner;

    (void) code;
    nc_counter_inc(cl->uc->cluster->stats.upstream_cx_close_notify);
    cl->draining = true;
    want_send(cl);
}


static void
on_settings(nc_h2_t *h2)
{
    client_t  *cl = h2->owner;

    cl->settled = true;

    nc_list_each_safe(&cl->requests, it) {
        request_t  *r = nc_container_of(it, request_t, link);

        if (r->late) {
            send_late(r);
        }
    }

    want_send(cl);
    nc_up_offer_shared(cl->uc);
}


static const nc_h2_ops_t  ops = {
    .on_more_headers = on_more_headers,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_close = on_close,
    .on_backlog = on_backlog,
    .on_goaway = on_goaway,
    .on_settings = on_settings
};


/* ---- the connection ---- */

void
nc_h2_client_timer(nc_up_conn_t *uc)
{
    client_t  *cl = uc->h2;

    switch (nc_h2_keepalive(&cl->h2)) {
    case NC_OK:
        want_send(cl);
        break;

    case NC_ERROR:
        nc_counter_inc(uc->cluster->h2_stats.keepalive_timeout);
        nc_conn_close(uc->c, NC_CLOSE_IDLE);
        return;

    default:
        break;
    }

    arm_ping(cl);
}


void
nc_h2_client_connected(nc_up_conn_t *uc)
{
    client_t  *cl = nc_calloc(sizeof(*cl));

    cl->uc = uc;
    uc->h2 = cl;
    uc->c->high_mark = OUT_LIMIT;
    nc_list_init(&cl->requests);
    nc_post_init(&cl->send, send_now);
    nc_h2_init(&cl->h2, false, &uc->cluster->h2, &ops, cl, STREAM_BACKLOG);

    arm_ping(cl);
    want_send(cl);
}


void
nc_h2_client_read(nc_up_conn_t *uc)
{
    client_t  *cl = uc->h2;

    if (nc_h2_receive(&cl->h2, &uc->c->in) == NC_ERROR) {
        fail(cl);
        return;
    }

    want_send(cl);

    if (uc->c->eof && nc_conn_is_open(uc->c)) {
        nc_conn_close(uc->c, NC_CLOSE_PEER);
    }
}
