/*
 * h2.c: HTTP/2 framing on nghttp2: what comes in, and the life of a session. What goes out is in
 * h2_send.c, the guard against costly peers in h2_guard.c.
 */
#include "codec/h2_priv.h"

#include "codec/h2_mem.h"
#include "codec/headers_priv.h"
#include "event/loop.h"

#define BEGINS_PER_TURN     64u                 /* then other connections have their turn */


/* ---- receiving ---- */

void
nc_h2_begin_stream(nc_h2_t *h2, nc_h2_stream_t *st, int32_t id)
{
    st->h2 = h2;
    st->id = id;
    st->opened_ms = nc_now_ms;
    nc_buf_init(&st->out);
    nc_pool_init(&st->pool, &nc_pool_heap);
    nc_list_append(&h2->streams, &st->link);
    h2->n_streams++;
    h2->n_opened++;
}


static void
free_stream(nc_h2_stream_t *st)
{
    nc_list_del(&st->link);
    st->h2->n_streams--;
    nc_buf_fini(&st->out);
    nc_pool_fini(&st->pool);
    nc_h2_mem_put(st);
}


static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = nc_h2_stream_of(h2, f->hd.stream_id);

    if (f->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }

    if (st) {                                   /* trailers, or a response's head */
        st->header_bytes = 0;
        h2->ops->on_more_headers(st);
        return 0;
    }

    if (!h2->server || f->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }

    st = h2->ops->on_begin(h2, f->hd.stream_id);

    if (st == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    nc_h2_begin_stream(h2, st, f->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, st->id, st);
    h2->last_id = NC_MAX(h2->last_id, st->id);
    h2->n_begun++;

    return 0;
}


/* A field for the owner, unless the head passed a limit. */
static void
add_field(nc_h2_stream_t *st, nc_str_t name, nc_str_t value)
{
    nc_headers_t    *h = st->headers;
    nc_header_id_t   id;

    st->header_bytes += (uint32_t) (name.len + value.len) + NC_H2_FIELD_OVERHEAD;

    if (st->header_bytes > st->h2->options->max_header_bytes
        || h->live >= st->h2->options->max_headers)
    {
        st->overflow = true;
        return;
    }

    value = nc_pool_str(h->pool, value);
    id = nc_header_id_fast(name.data, name.len);
    nc_headers_push(h, id, id != NC_H_OTHER ? nc_header_names[id] : nc_pool_str(h->pool, name),
                    value);
}


static int
on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = nc_h2_stream_of(h2, f->hd.stream_id);

    (void) session;
    (void) flags;

    if (st && st->owner && !st->overflow && st->headers) {
        add_field(st, nc_str((const char *) name, name_len),
                  nc_str((const char *) value, value_len));
    }

    if (h2->n_begun >= BEGINS_PER_TURN) {
        h2->paused = true;
        return NGHTTP2_ERR_PAUSE;
    }

    return 0;
}


/* Bytes that HTTP forbids; nghttp2 would leave the field out, we refuse the message. */
static int
on_invalid_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
    nc_h2_t  *h2 = data;

    (void) session;
    (void) f;
    (void) name;
    (void) name_len;
    (void) value;
    (void) value_len;
    (void) flags;

    return h2->stream_errors ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                             : nc_h2_give_up(h2, NC_H2_FAULT_MESSAGING);
}


static bool
is_informational(const nc_h2_stream_t *st)
{
    return nc_str_starts(nc_headers_value(st->headers, NC_H_STATUS), NC_STR("1"));
}


static void
headers_are_whole(nc_h2_t *h2, const nghttp2_frame *f)
{
    nc_h2_stream_t  *st = nc_h2_stream_of(h2, f->hd.stream_id);
    bool             end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (st == NULL || st->owner == NULL) {
        return;
    }

    st->end_received = end;

    if (st->head_done) {
        h2->ops->on_trailers(st);
        return;
    }

    st->head_done = h2->server || !is_informational(st);    /* a 1xx head is followed by another */
    h2->ops->on_headers(st, end);
}


static int
on_frame(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st;
    nc_buf_t         none;
    int              rc = nc_h2_guard_frame(h2, f);

    (void) session;

    if (rc) {
        return rc;
    }

    switch (f->hd.type) {
    case NGHTTP2_HEADERS:
        headers_are_whole(h2, f);
        break;

    case NGHTTP2_DATA:
        st = nc_h2_stream_of(h2, f->hd.stream_id);

        if ((f->hd.flags & NGHTTP2_FLAG_END_STREAM) && st && st->owner && !st->end_received) {
            st->end_received = true;
            nc_buf_init(&none);
            h2->ops->on_data(st, &none, true);
        }
        break;

    case NGHTTP2_GOAWAY:
        h2->goaway_received = true;
        h2->ops->on_goaway(h2, f->goaway.error_code);
        break;

    case NGHTTP2_PING:
        if (f->hd.flags & NGHTTP2_FLAG_ACK) {
            nc_h2_keepalive_answered(h2);
        }
        break;

    case NGHTTP2_SETTINGS:
        if (!(f->hd.flags & NGHTTP2_FLAG_ACK)) {
            h2->ops->on_settings(h2);
        }
        break;

    default:
        break;
    }

    return 0;
}


/*
 * HEADERS on a stream that is over break the rules (RFC 9113 section 5.1), unless our own reset may
 * have crossed them.
 */
static int
on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *data)
{
    nc_h2_t  *h2 = data;

    (void) session;

    if (hd->type == NGHTTP2_HEADERS && h2->server && hd->stream_id > 0
        && hd->stream_id <= h2->last_id && !h2->reset_sent
        && nghttp2_session_find_stream(h2->session, hd->stream_id) == NULL)
    {
        return nc_h2_give_up(h2, NC_H2_FAULT_STREAM_CLOSED);
    }

    return 0;
}


/* A message that breaks HTTP's rules: nghttp2 resets its stream; the connection may end too. */
static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *f, int why, void *data)
{
    nc_h2_t  *h2 = data;

    (void) session;
    (void) f;

    if (why != NGHTTP2_ERR_HTTP_HEADER && why != NGHTTP2_ERR_HTTP_MESSAGING) {
        return 0;
    }

    return h2->stream_errors ? 0 : nc_h2_give_up(h2, NC_H2_FAULT_MESSAGING);
}


/* What has been received but not consumed holds the connection's window only above half of it. */
static void
give_window(nc_h2_t *h2)
{
    if (h2->owed > 0 && h2->unconsumed <= h2->options->connection_window / 2) {
        nghttp2_session_consume_connection(h2->session, h2->owed);
        h2->owed = 0;
    }
}


static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
    size_t len, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = nc_h2_stream_of(h2, id);
    nc_buf_t         body;

    (void) session;
    (void) flags;

    if (st == NULL || st->owner == NULL) {
        nghttp2_session_consume(h2->session, id, len);
        return 0;
    }

    h2->owed += len;
    h2->unconsumed += len;
    st->unconsumed += len;
    nc_buf_init(&body);
    nc_buf_add_slice(&body, h2->in_block, (char *) (uintptr_t) bytes, len);
    h2->ops->on_data(st, &body, false);
    nc_buf_fini(&body);
    give_window(h2);

    return 0;
}


static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = nc_h2_stream_of(h2, id);
    int              rc;

    (void) session;

    if (st == NULL) {
        return 0;
    }

    rc = nc_h2_guard_close(h2, st, code);
    h2->unconsumed -= st->unconsumed;

    if (st->owner) {
        h2->ops->on_close(st, code);
    }

    free_stream(st);
    give_window(h2);

    return rc;
}


/* The session cannot go on; nghttp2 gets to say why in its GOAWAY. */
static void
end_session(nc_h2_t *h2, ssize_t rc)
{
    if (h2->fault == NC_H2_FAULT_NONE) {
        h2->fault = rc == NGHTTP2_ERR_FLOODED ? NC_H2_FAULT_CONTROL_FRAMES
                    : rc == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS ? NC_H2_FAULT_CONTINUATIONS
                    : NC_H2_FAULT_PROTOCOL;
    }

    nghttp2_session_terminate_session(h2->session,
                                      h2->fault == NC_H2_FAULT_STREAM_CLOSED
                                      ? NGHTTP2_STREAM_CLOSED
                                      : h2->fault <= NC_H2_FAULT_MESSAGING
                                      ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
}


nc_rc_t
nc_h2_receive(nc_h2_t *h2, nc_buf_t *in)
{
    h2->n_begun = 0;
    h2->paused = false;

    if (in->len > 0) {
        nc_h2_keepalive_heard(h2);
    }

    while (in->len > 0) {
        nc_slice_t  *s = nc_buf_first(in);
        ssize_t      n;

        h2->in_block = s->block;
        n = nghttp2_session_mem_recv(h2->session, (const uint8_t *) s->at, s->len);

        if (n < 0) {
            end_session(h2, n);
            nc_buf_drain(in, in->len);
            return NC_ERROR;
        }

        nc_buf_drain(in, (size_t) n);

        if (h2->paused) {
            return NC_AGAIN;
        }
    }

    return NC_OK;
}


void
nc_h2_let_go(nc_h2_stream_t *st)
{
    st->owner = NULL;
    nc_h2_consume(st, st->unconsumed);
}


void
nc_h2_consume(nc_h2_stream_t *st, size_t n)
{
    n = NC_MIN(n, st->unconsumed);

    if (n > 0) {
        st->unconsumed -= n;
        st->h2->unconsumed -= n;
        nghttp2_session_consume_stream(st->h2->session, st->id, n);
        give_window(st->h2);
    }
}


/* ---- keep-alive ---- */

/* The interval and a part of it by chance, so that connections do not ping in step. */
static uint64_t
interval_ms(const nc_h2_t *h2)
{
    const nc_h2_options_t  *o = h2->options;
    uint64_t                span = o->ping_interval_ms * o->ping_jitter_percent / 100;
    uint64_t                chance = (nc_now_us ^ (uintptr_t) h2) * 0x9e3779b97f4a7c15u >> 20;

    return o->ping_interval_ms + (span ? chance % span : 0);
}


static void
keepalive_rest(nc_h2_t *h2)
{
    h2->ping_out = false;
    h2->ping_ms = h2->options->ping_interval_ms ? nc_now_ms + interval_ms(h2) : 0;
}


static void
keepalive_ask(nc_h2_t *h2)
{
    h2->ping_out = true;
    h2->ping_ms = nc_now_ms + h2->options->ping_timeout_ms;
    nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL);
}


void
nc_h2_keepalive_answered(nc_h2_t *h2)
{
    if (h2->ping_out) {
        keepalive_rest(h2);
    }
}


void
nc_h2_keepalive_heard(nc_h2_t *h2)
{
    h2->heard_ms = nc_now_ms;

    if (h2->ping_out) {
        h2->ping_ms = nc_now_ms + h2->options->ping_timeout_ms;
    }
}


nc_rc_t
nc_h2_keepalive(nc_h2_t *h2)
{
    if (h2->ping_ms == 0 || h2->ping_ms > nc_now_ms) {
        return NC_DECLINED;
    }

    if (h2->ping_out) {
        return NC_ERROR;
    }

    keepalive_ask(h2);

    return NC_OK;
}


bool
nc_h2_keepalive_before_stream(nc_h2_t *h2)
{
    uint64_t  idle = h2->options->ping_idle_ms;

    if (idle == 0 || h2->ping_out || nc_now_ms - h2->heard_ms < idle) {
        return false;
    }

    keepalive_ask(h2);

    return true;
}


/* ---- the peer's side ---- */

uint32_t
nc_h2_streams_left(const nc_h2_t *h2)
{
    uint32_t  max = nghttp2_session_get_remote_settings(h2->session,
                                                        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    max = NC_MIN(max, h2->options->max_concurrent_streams);

    if (h2->goaway_received || h2->goaway_sent
        || !nghttp2_session_check_request_allowed(h2->session))
    {
        return 0;
    }

    return max > h2->n_streams ? max - h2->n_streams : 0;
}


bool
nc_h2_peer_allows_connect(const nc_h2_t *h2)
{
    return nghttp2_session_get_remote_settings(h2->session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}


bool
nc_h2_is_over(const nc_h2_t *h2)
{
    return !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
}


/* ---- life ---- */

static nghttp2_session_callbacks *
callbacks(void)
{
    static nghttp2_session_callbacks  *cb;

    if (cb == NULL) {
        NC_CHECK(nghttp2_session_callbacks_new(&cb) == 0);
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
        nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
        nc_h2_send_callbacks(cb);
    }

    return cb;
}


static void
submit_settings(nc_h2_t *h2)
{
    const nc_h2_options_t   *o = h2->options;
    nghttp2_settings_entry   e[6 + NC_H2_CUSTOM_MAX];
    size_t                   n = 0;

    e[n++] = (nghttp2_settings_entry) { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, o->hpack_table_size };
    e[n++] = (nghttp2_settings_entry) { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o->stream_window };

    if (h2->server) {
        e[n++] = (nghttp2_settings_entry) { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                            o->max_concurrent_streams };

        if (o->allow_connect) {
            e[n++] = (nghttp2_settings_entry) { NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 };
        }

    } else {
        e[n++] = (nghttp2_settings_entry) { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
    }

    for (uint32_t i = 0; i < o->n_custom; i++) {
        e[n++] = (nghttp2_settings_entry) { o->custom[i].id, o->custom[i].value };
    }

    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, e, n);
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                          (int32_t) o->connection_window);
}


void
nc_h2_init(nc_h2_t *h2, bool server, const nc_h2_options_t *options, const nc_h2_ops_t *ops,
    void *owner, uint32_t backlog)
{
    nghttp2_option   *option;
    nghttp2_session  *session;

    *h2 = (nc_h2_t) { .ops = ops, .options = options, .owner = owner, .server = server,
                      .backlog = backlog, .stream_errors = options->stream_errors };
    nc_list_init(&h2->streams);

    NC_CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, options->max_outbound_control_frames);
    nghttp2_option_set_peer_max_concurrent_streams(option, options->max_concurrent_streams);

    if (server) {
        NC_CHECK(nghttp2_session_server_new3(&session, callbacks(), h2, option, nc_h2_mem()) == 0);
    } else {
        NC_CHECK(nghttp2_session_client_new3(&session, callbacks(), h2, option, nc_h2_mem()) == 0);
    }

    nghttp2_option_del(option);
    h2->session = session;
    h2->control_ms = h2->heard_ms = nc_now_ms;
    keepalive_rest(h2);
    submit_settings(h2);
}


void
nc_h2_fini(nc_h2_t *h2)
{
    nghttp2_session_del(h2->session);
    h2->session = NULL;

    nc_list_each_safe(&h2->streams, it) {
        free_stream(nc_container_of(it, nc_h2_stream_t, link));
    }
}
