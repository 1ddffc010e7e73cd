/* h2.c: HTTP/2 framing on nghttp2, and the guard against peers that make it costly. */
#include "codec/h2.h"

#include <nghttp2/nghttp2.h>

#define FIELD_OVERHEAD      32u                 /* RFC 9113 section 6.5.2 */
#define MAX_FIELDS          512u                /* of a head that we send */
#define RESETS_ALWAYS_FINE  100u                /* rapid reset: judged above this many streams */
#define FRAME_HEADER        9u


const char *
nc_h2_fault_str(nc_h2_fault_t fault)
{
    static const char *const  texts[] = {
#define X(id, text)  text,
        NC_H2_FAULTS(X)
#undef X
    };

    return fault < NC_H2_FAULT_MAX ? texts[fault] : "?";
}


static int
give_up(nc_h2_t *h2, nc_h2_fault_t fault)
{
    h2->fault = fault;

    return NGHTTP2_ERR_CALLBACK_FAILURE;
}


static nc_h2_stream_t *
stream_of(nc_h2_t *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}


/* ---- receiving ---- */

static void
begin_stream(nc_h2_t *h2, nc_h2_stream_t *st, int32_t id)
{
    st->h2 = h2;
    st->id = id;
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
    free(st);
}


static bool
is_message_start(const nghttp2_frame *f)
{
    return f->hd.type == NGHTTP2_HEADERS;
}


static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = stream_of(h2, f->hd.stream_id);

    if (!is_message_start(f)) {
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

    begin_stream(h2, st, f->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, st->id, st);

    return 0;
}


static int
on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = stream_of(h2, f->hd.stream_id);
    nc_str_t         n, v;
    nc_header_id_t   id;

    (void) session;
    (void) flags;

    if (st == NULL || st->owner == NULL || st->overflow || st->headers == NULL) {
        return 0;
    }

    st->header_bytes += (uint32_t) (name_len + value_len) + FIELD_OVERHEAD;

    if (st->header_bytes > h2->options->max_header_bytes
        || st->headers->live >= h2->options->max_headers)
    {
        st->overflow = true;
        return 0;
    }

    n = nc_str((const char *) name, name_len);
    v = nc_pool_str(st->headers->pool, nc_str((const char *) value, value_len));
    id = nc_header_id(n);

    if (id != NC_H_OTHER) {
        nc_headers_add_id(st->headers, id, v);
    } else {
        nc_headers_add(st->headers, nc_pool_str(st->headers->pool, n), v);
    }

    return 0;
}


static void
headers_are_whole(nc_h2_t *h2, const nghttp2_frame *f)
{
    nc_h2_stream_t  *st = stream_of(h2, f->hd.stream_id);
    bool             end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (st == NULL || st->owner == NULL) {
        return;
    }

    st->end_received = end;

    if (st->head_done) {
        h2->ops->on_trailers(st);
        return;
    }

    /* A 1xx head is followed by another one. */
    st->head_done = h2->server || f->headers.cat != NGHTTP2_HCAT_HEADERS
                    || !nc_str_starts(nc_headers_value(st->headers, NC_H_STATUS), NC_STR("1"));

    if (!h2->server && f->headers.cat == NGHTTP2_HCAT_RESPONSE
        && nc_str_starts(nc_headers_value(st->headers, NC_H_STATUS), NC_STR("1")))
    {
        st->head_done = false;
    }

    h2->ops->on_headers(st, end);
}


/* Frames that carry nothing: a few are legal, a stream of them is an attack. */
static int
guard_empty(nc_h2_t *h2, const nghttp2_frame *f)
{
    bool  end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if ((f->hd.type != NGHTTP2_DATA && f->hd.type != NGHTTP2_HEADERS)
        || f->hd.length > 0 || end)
    {
        if (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) {
            h2->n_empty = 0;
        }
        return 0;
    }

    return ++h2->n_empty > h2->options->max_empty_frames ? give_up(h2, NC_H2_FAULT_EMPTY_FRAMES)
                                                         : 0;
}


static int
guard(nc_h2_t *h2, const nghttp2_frame *f)
{
    const nc_h2_options_t  *o = h2->options;

    switch (f->hd.type) {
    case NGHTTP2_PRIORITY:
        if (++h2->n_priority > (uint64_t) o->max_priority_frames * (1 + h2->n_opened)) {
            return give_up(h2, NC_H2_FAULT_PRIORITY_FRAMES);
        }
        return 0;

    case NGHTTP2_WINDOW_UPDATE:
        if (++h2->n_window_updates > 5 + 2 * (h2->n_opened
                                              + (uint64_t) o->max_window_updates * h2->n_data_sent))
        {
            return give_up(h2, NC_H2_FAULT_WINDOW_UPDATES);
        }
        return 0;

    default:
        return guard_empty(h2, f);
    }
}


static int
on_frame(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st;
    nc_buf_t         none;
    int              rc = guard(h2, f);

    (void) session;

    if (rc) {
        return rc;
    }

    switch (f->hd.type) {
    case NGHTTP2_HEADERS:
        headers_are_whole(h2, f);
        break;

    case NGHTTP2_DATA:
        st = stream_of(h2, f->hd.stream_id);

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
            h2->ops->on_ping_ack(h2);
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


static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
    size_t len, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = stream_of(h2, id);
    nc_buf_t         body;

    (void) session;
    (void) flags;

    if (st == NULL || st->owner == NULL) {
        nghttp2_session_consume(h2->session, id, len);
        return 0;
    }

    nghttp2_session_consume_connection(h2->session, len);
    st->unconsumed += len;
    nc_buf_init(&body);
    nc_buf_add_slice(&body, h2->in_block, (char *) (uintptr_t) bytes, len);
    h2->ops->on_data(st, &body, false);
    nc_buf_fini(&body);

    return 0;
}


/* A client that opens streams only to reset them costs the upstreams dear (CVE-2023-44487). */
static bool
resets_rapidly(const nc_h2_t *h2)
{
    return h2->server && h2->n_reset_early > RESETS_ALWAYS_FINE
           && h2->n_reset_early * 2 > h2->n_opened;
}


static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = stream_of(h2, id);

    (void) session;

    if (st == NULL) {
        return 0;
    }

    if (code != NGHTTP2_NO_ERROR && !st->end_sent && st->owner) {
        h2->n_reset_early++;
    }

    if (st->owner) {
        h2->ops->on_close(st, code);
    }

    free_stream(st);

    return resets_rapidly(h2) ? give_up(h2, NC_H2_FAULT_RESETS) : 0;
}


nc_rc_t
nc_h2_receive(nc_h2_t *h2, nc_buf_t *in)
{
    while (in->len > 0) {
        nc_slice_t  *s = nc_buf_first(in);
        size_t       len = s->len;
        ssize_t      n;

        h2->in_block = s->block;
        n = nghttp2_session_mem_recv(h2->session, (const uint8_t *) s->at, len);

        if (n < 0) {
            if (h2->fault == NC_H2_FAULT_NONE) {
                h2->fault = NC_H2_FAULT_PROTOCOL;
            }

            nghttp2_session_terminate_session(h2->session,
                                              h2->fault == NC_H2_FAULT_PROTOCOL
                                              ? NGHTTP2_PROTOCOL_ERROR
                                              : NGHTTP2_ENHANCE_YOUR_CALM);
            nc_buf_drain(in, in->len);
            return NC_ERROR;
        }

        nc_buf_drain(in, (size_t) n);
    }

    return NC_OK;
}


/* ---- sending ---- */

static void
note_backlog(nc_h2_stream_t *st)
{
    bool  slow = st->out.len > st->h2->backlog;

    if (st->owner == NULL) {
        return;
    }

    if (slow && !st->slow) {
        st->slow = true;
        st->h2->ops->on_backlog(st, true);

    } else if (st->slow && st->out.len <= st->h2->backlog / 2) {
        st->slow = false;
        st->h2->ops->on_backlog(st, false);
    }
}


static void
fill(nghttp2_nv *nv, size_t *n, const nc_headers_t *h)
{
    nc_headers_each(h, it) {
        if (*n == MAX_FIELDS) {
            return;
        }

        nv[(*n)++] = (nghttp2_nv) {
            .name = (uint8_t *) (uintptr_t) it->name.data, .namelen = it->name.len,
            .value = (uint8_t *) (uintptr_t) it->value.data, .valuelen = it->value.len,
            .flags = NGHTTP2_NV_FLAG_NONE
        };
    }
}


static bool
is_pseudo(const nghttp2_nv *nv)
{
    return nv->namelen > 0 && nv->name[0] == ':';
}


/* Pseudo-headers first (RFC 9113 section 8.3), the order else kept. */
static void
pseudo_first(nghttp2_nv *nv, size_t n)
{
    size_t  at = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_pseudo(&nv[i])) {
            nghttp2_nv  it = nv[i];

            memmove(&nv[at + 1], &nv[at], (i - at) * sizeof(*nv));
            nv[at++] = it;
        }
    }
}


static ssize_t
on_want_data(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len, uint32_t *flags,
    nghttp2_data_source *source, void *data)
{
    nc_h2_stream_t  *st = source->ptr;
    size_t           n = NC_MIN(len, st->out.len);
    nghttp2_nv       nv[MAX_FIELDS];
    size_t           n_nv = 0;

    (void) bytes;
    (void) data;

    if (n == 0 && !st->end_queued) {
        return NGHTTP2_ERR_DEFERRED;
    }

    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;

    if (n == st->out.len && st->end_queued) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        st->end_sent = true;

        if (st->trailers_out && st->trailers_out->live > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            fill(nv, &n_nv, st->trailers_out);
            nghttp2_submit_trailer(session, id, nv, n_nv);
        }
    }

    return (ssize_t) n;
}


static int
on_send_data(nghttp2_session *session, nghttp2_frame *f, const uint8_t *header, size_t len,
    nghttp2_data_source *source, void *data)
{
    nc_h2_t         *h2 = data;
    nc_h2_stream_t  *st = source->ptr;

    (void) session;
    (void) f;
    nc_buf_add(h2->sink, header, FRAME_HEADER);
    nc_buf_move(h2->sink, &st->out, len);
    h2->n_data_sent++;
    note_backlog(st);

    return 0;
}


static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t  *h2 = data;

    (void) session;
    h2->n_outbound++;

    switch (f->hd.type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_RST_STREAM:
        h2->n_control++;
        break;

    case NGHTTP2_GOAWAY:
        h2->goaway_sent = true;
        break;

    default:
        break;
    }

    return 0;
}


nc_rc_t
nc_h2_send(nc_h2_t *h2, nc_buf_t *out, size_t limit)
{
    if (out->len == 0) {
        h2->n_outbound = h2->n_control = 0;
    }

    h2->sink = out;

    for (;;) {
        const uint8_t  *bytes;
        ssize_t         n;

        if (h2->n_control > h2->options->max_outbound_control_frames) {
            h2->fault = NC_H2_FAULT_CONTROL_FRAMES;
            return NC_ERROR;
        }

        if (h2->n_outbound > h2->options->max_outbound_frames) {
            h2->fault = NC_H2_FAULT_OUTBOUND_FRAMES;
            return NC_ERROR;
        }

        if (out->len > limit) {
            return nghttp2_session_want_write(h2->session) ? NC_AGAIN : NC_OK;
        }

        n = nghttp2_session_mem_send(h2->session, &bytes);

        if (n < 0) {
            h2->fault = h2->fault ? h2->fault : NC_H2_FAULT_PROTOCOL;
            return NC_ERROR;
        }

        if (n == 0) {
            return NC_OK;
        }

        nc_buf_add(out, bytes, (size_t) n);
    }
}


nc_rc_t
nc_h2_send_headers(nc_h2_stream_t *st, const nc_headers_t *h, bool end)
{
    nc_h2_t                *h2 = st->h2;
    nghttp2_data_provider   body = { .source.ptr = st, .read_callback = on_want_data };
    nghttp2_nv              nv[MAX_FIELDS];
    size_t                  n = 0;
    int                     rc;

    fill(nv, &n, h);
    pseudo_first(nv, n);

    if (!h2->server) {
        rc = nghttp2_submit_request(h2->session, NULL, nv, n, end ? NULL : &body, st);

        if (rc < 0) {
            return NC_ERROR;
        }

        begin_stream(h2, st, rc);
        st->end_queued = st->end_sent = end;
        return NC_OK;
    }

    if (nc_str_starts(nc_headers_value(h, NC_H_STATUS), NC_STR("1"))) {
        rc = nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, st->id, NULL, nv, n, NULL);
        return rc ? NC_ERROR : NC_OK;
    }

    st->end_queued = st->end_sent = end;
    rc = nghttp2_submit_response(h2->session, st->id, nv, n, end ? NULL : &body);

    return rc ? NC_ERROR : NC_OK;
}


void
nc_h2_send_data(nc_h2_stream_t *st, nc_buf_t *data, bool end)
{
    nc_buf_move_all(&st->out, data);
    st->end_queued = st->end_queued || end;
    nghttp2_session_resume_data(st->h2->session, st->id);
    note_backlog(st);
}


void
nc_h2_send_trailers(nc_h2_stream_t *st, const nc_headers_t *t)
{
    st->trailers_out = nc_pool_new(&st->pool, nc_headers_t);
    nc_headers_init(st->trailers_out, &st->pool);

    nc_headers_each(t, it) {
        nc_headers_add(st->trailers_out, nc_pool_str(&st->pool, it->name),
                       nc_pool_str(&st->pool, it->value));
    }

    st->end_queued = true;
    nghttp2_session_resume_data(st->h2->session, st->id);
}


void
nc_h2_reset(nc_h2_stream_t *st, uint32_t code)
{
    st->owner = NULL;
    st->trailers_out = NULL;
    nc_buf_drain(&st->out, st->out.len);
    nghttp2_submit_rst_stream(st->h2->session, NGHTTP2_FLAG_NONE, st->id, code);
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
        nghttp2_session_consume_stream(st->h2->session, st->id, n);
    }
}


void
nc_h2_goaway(nc_h2_t *h2, bool final, uint32_t code)
{
    if (!final) {
        nghttp2_submit_shutdown_notice(h2->session);
        return;
    }

    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h2->session), code, NULL, 0);
}


void
nc_h2_ping(nc_h2_t *h2)
{
    nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL);
}


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
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
        nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    }

    return cb;
}


static void
submit_settings(nc_h2_t *h2)
{
    const nc_h2_options_t   *o = h2->options;
    nghttp2_settings_entry   e[6];
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
                      .backlog = backlog };
    nc_list_init(&h2->streams);

    NC_CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, options->max_outbound_control_frames);
    nghttp2_option_set_peer_max_concurrent_streams(option, options->max_concurrent_streams);

    if (server) {
        NC_CHECK(nghttp2_session_server_new2(&session, callbacks(), h2, option) == 0);
    } else {
        NC_CHECK(nghttp2_session_client_new2(&session, callbacks(), h2, option) == 0);
    }

    nghttp2_option_del(option);
    h2->session = session;
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
