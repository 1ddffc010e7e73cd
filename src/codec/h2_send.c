/* h2_send.c: HTTP/2 framing on nghttp2: what goes out. */
#include "codec/h2_priv.h"

#define MAX_FIELDS      512u                    /* of a head that we send */
#define FRAME_HEADER    9u
#define SHARED_BACKLOG  (4u * 1024 * 1024)      /* of all streams of a session */
#define LEAST_BACKLOG   4096u


/* Many streams have less room each, so that a peer that reads none of them costs little. */
static size_t
backlog_limit(const nc_h2_t *h2)
{
    size_t  share = SHARED_BACKLOG / NC_MAX(h2->n_streams, 1u);

    return NC_MIN(h2->backlog, NC_MAX(share, LEAST_BACKLOG));
}


static void
note_backlog(nc_h2_stream_t *st)
{
    size_t  limit;

    if (st->owner == NULL || (!st->slow && st->out.len <= LEAST_BACKLOG)) {
        return;
    }

    limit = backlog_limit(st->h2);

    if (!st->slow && st->out.len > limit) {
        st->slow = true;
        st->h2->ops->on_backlog(st, true);

    } else if (st->slow && st->out.len <= limit / 2) {
        st->slow = false;
        st->h2->ops->on_backlog(st, false);
    }
}


static bool
is_pseudo(nc_header_id_t id)
{
    return id >= NC_H_METHOD && id <= NC_H_PROTOCOL;
}


static void
add_nv(nghttp2_nv *nv, const nc_header_t *h)
{
    *nv = (nghttp2_nv) {
        .name = (uint8_t *) (uintptr_t) h->name.data, .namelen = h->name.len,
        .value = (uint8_t *) (uintptr_t) h->value.data, .valuelen = h->value.len,
        .flags = NGHTTP2_NV_FLAG_NONE
    };
}


/* Pseudo-headers first (RFC 9113 section 8.3), the order else kept. False: too many. */
static bool
fill(nghttp2_nv *nv, size_t *n, const nc_headers_t *h)
{
    if (h->live > MAX_FIELDS) {
        return false;
    }

    nc_headers_each(h, it) {
        if (is_pseudo(it->id)) {
            add_nv(&nv[(*n)++], it);
        }
    }

    nc_headers_each(h, it) {
        if (!is_pseudo(it->id)) {
            add_nv(&nv[(*n)++], it);
        }
    }

    return true;
}


/* Fields that have no place in trailers (RFC 9113 sections 8.1 and 8.2.2). */
static bool
of_connection(nc_header_id_t id)
{
    return is_pseudo(id) || (id >= NC_H_CONNECTION && id <= NC_H_UPGRADE);
}


static void
submit_trailers(nc_h2_stream_t *st)
{
    nghttp2_nv  nv[MAX_FIELDS];
    size_t      n = 0;

    (void) fill(nv, &n, st->trailers_out);
    nghttp2_submit_trailer(st->h2->session, st->id, nv, n);
}


static ssize_t
on_want_data(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len, uint32_t *flags,
    nghttp2_data_source *source, void *data)
{
    nc_h2_stream_t  *st = source->ptr;
    size_t           n = NC_MIN(len, st->out.len);

    (void) session;
    (void) id;
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
            submit_trailers(st);
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
    st->sent += len;
    h2->n_data_sent++;
    note_backlog(st);

    return 0;
}


/* The response is whole before the request: what is left of that is not wanted (RFC 9113, 8.1). */
static void
cut_request(nc_h2_t *h2, const nghttp2_frame *f)
{
    nc_h2_stream_t  *st;

    if (!(f->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        return;
    }

    st = nc_h2_stream_of(h2, f->hd.stream_id);

    if (st && st->cut) {
        nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
    }
}


static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *f, void *data)
{
    nc_h2_t  *h2 = data;

    (void) session;
    h2->n_outbound++;

    switch (f->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        cut_request(h2, f);
        break;

    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_RST_STREAM:
        h2->reset_sent = h2->reset_sent || f->hd.type == NGHTTP2_RST_STREAM;
        h2->n_control++;
        break;

    case NGHTTP2_GOAWAY:
        h2->goaway_sent = true;

        if (f->goaway.error_code != NGHTTP2_NO_ERROR && h2->fault == NC_H2_FAULT_NONE) {
            h2->fault = NC_H2_FAULT_PROTOCOL;   /* nghttp2 found the peer wrong */
        }
        break;

    default:
        break;
    }

    return 0;
}


void
nc_h2_send_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
}


static nc_rc_t
write_frames(nc_h2_t *h2, nc_buf_t *out, size_t limit)
{
    for (;;) {
        const uint8_t  *bytes;
        ssize_t         n;

        if (out->len > limit) {
            return nghttp2_session_want_write(h2->session) ? NC_AGAIN : NC_OK;
        }

        n = nghttp2_session_mem_send(h2->session, &bytes);

        if (n < 0) {
            (void) nc_h2_give_up(h2, NC_H2_FAULT_PROTOCOL);
            return NC_ERROR;
        }

        if (n == 0) {
            return NC_OK;
        }

        nc_buf_add(out, bytes, (size_t) n);
    }
}


nc_rc_t
nc_h2_send(nc_h2_t *h2, nc_buf_t *out, size_t limit)
{
    nc_rc_t  rc;

    nc_h2_guard_drained(h2, h2->out_len, out->len);
    h2->sink = out;
    rc = write_frames(h2, out, limit);
    h2->out_len = out->len;

    if (h2->fault != NC_H2_FAULT_NONE || rc == NC_ERROR) {
        return NC_ERROR;
    }

    return nc_h2_guard_output(h2) == NC_OK ? rc : NC_ERROR;
}


nc_rc_t
nc_h2_send_headers(nc_h2_stream_t *st, const nc_headers_t *h, bool end)
{
    nc_h2_t                *h2 = st->h2;
    nghttp2_data_provider   body = { .source.ptr = st, .read_callback = on_want_data };
    nghttp2_nv              nv[MAX_FIELDS];
    size_t                  n = 0;
    int                     rc;

    if (!fill(nv, &n, h)) {
        return NC_ERROR;
    }

    if (!h2->server) {
        rc = nghttp2_submit_request(h2->session, NULL, nv, n, end ? NULL : &body, st);

        if (rc < 0) {
            return NC_ERROR;
        }

        nc_h2_begin_stream(h2, st, rc);
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
        if (st->trailers_out->live < MAX_FIELDS && !of_connection(it->id)) {
            nc_headers_add(st->trailers_out, nc_pool_str(&st->pool, it->name),
                           nc_pool_str(&st->pool, it->value));
        }
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


unsigned
nc_h2_reset_stuck(nc_h2_t *h2, uint32_t code)
{
    unsigned  n = 0;

    nc_list_each_safe(&h2->streams, it) {
        nc_h2_stream_t  *st = nc_container_of(it, nc_h2_stream_t, link);

        if (st->owner || st->given_up) {
            continue;
        }

        if (st->sent != st->sent_before) {
            st->sent_before = st->sent;
            st->n_stuck = 0;

        } else if (++st->n_stuck > 2) {
            st->given_up = true;
            nc_h2_reset(st, code);
            n++;
        }
    }

    return n;
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
