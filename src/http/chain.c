/*
 * chain.c: the way of a message through the HTTP filters, in both directions.
 *
 * A filter that waits keeps what comes behind it in its own nc_filter_dir_t: headers (only a mark:
 * they are the stream's), body bytes, the end. Bytes that it has seen already go on to the next
 * filter when it is resumed, the others are shown to it first.
 *
 * Invariant: what one filter holds never overtakes what another one holds behind it.
 */
#include "http/stream.h"

#include "os/family.h"


static int
step(nc_dir_t dir)
{
    return dir == NC_DIR_REQUEST ? 1 : -1;
}


static bool
in_chain(const nc_stream_t *s, int i)
{
    return i >= 0 && i < (int) s->hcm->n_filters;
}


/* False: the stream, or this direction of it, is over. */
static bool
goes_on(const nc_stream_t *s, nc_dir_t dir)
{
    return !s->ended && (dir == NC_DIR_RESPONSE || !s->replied);
}


static const nc_http_filter_ops_t *
ops_of(const nc_stream_t *s, int i)
{
    return s->hcm->filters[i].module->http_filter;
}


static void
enter(nc_stream_t *s, nc_dir_t dir, int i)
{
    s->self = (nc_filter_at_t) i;
    s->in_response = dir == NC_DIR_RESPONSE;

    nc_words_conn(s->conn_info.id);
    nc_words_stream(s->id, s->words.data, s->words.len);
    nc_words_filter(s->hcm->filters[i].module->name);
}


static nc_verdict_t
call_headers(nc_stream_t *s, nc_dir_t dir, int i, bool end)
{
    const nc_http_filter_ops_t  *ops = ops_of(s, i);
    const void                  *conf = s->hcm->filters[i].conf;

    enter(s, dir, i);

    if (dir == NC_DIR_REQUEST) {
        return ops->on_request_headers ? ops->on_request_headers(s, conf, &s->request, end)
                                       : NC_NEXT;
    }

    return ops->on_response_headers ? ops->on_response_headers(s, conf, s->response, end)
                                    : NC_NEXT;
}


static nc_verdict_t
call_data(nc_stream_t *s, nc_dir_t dir, int i, nc_buf_t *data, bool end)
{
    const nc_http_filter_ops_t  *ops = ops_of(s, i);
    const void                  *conf = s->hcm->filters[i].conf;

    enter(s, dir, i);

    if (dir == NC_DIR_REQUEST) {
        return ops->on_request_data ? ops->on_request_data(s, conf, data, end) : NC_NEXT;
    }

    return ops->on_response_data ? ops->on_response_data(s, conf, data, end) : NC_NEXT;
}


static nc_verdict_t
call_trailers(nc_stream_t *s, nc_dir_t dir, int i)
{
    const nc_http_filter_ops_t  *ops = ops_of(s, i);
    const void                  *conf = s->hcm->filters[i].conf;

    enter(s, dir, i);

    if (dir == NC_DIR_REQUEST) {
        return ops->on_request_trailers ? ops->on_request_trailers(s, conf, s->request_trailers)
                                        : NC_NEXT;
    }

    return ops->on_response_trailers ? ops->on_response_trailers(s, conf, s->response_trailers)
                                     : NC_NEXT;
}


static void  pass_data(nc_stream_t *s, nc_dir_t dir, int i, nc_buf_t *data, bool end);
static void  resume(nc_stream_t *s, nc_dir_t dir, int i);


static uint64_t
limit_of(const nc_stream_t *s, nc_dir_t dir)
{
    return dir == NC_DIR_REQUEST ? s->request_limit : s->response_limit;
}


/* The body grew beyond what may be held whole. */
static void
too_large(nc_stream_t *s, nc_dir_t dir)
{
    if (dir == NC_DIR_REQUEST) {
        nc_counter_inc(s->hcm->stats.downstream_rq_too_large);
        nc_stream_reply(s, 413, NC_STR("Payload Too Large"), "request_payload_too_large", NULL,
                        NULL);
        return;
    }

    nc_counter_inc(s->hcm->stats.rs_too_large);

    if (s->response_started) {
        nc_stream_reset(s, "response_payload_too_large");
        return;
    }

    nc_stream_reply(s, 500, NC_STR("Internal Server Error"), "response_payload_too_large", NULL,
                    NULL);
}


/* The source rests while a waiting filter holds more than the limit. */
static void
gate_source(nc_stream_t *s, nc_dir_t dir, bool hold)
{
    if (dir == NC_DIR_REQUEST) {
        s->codec->gate(s, NC_GATE_FILTER, hold);

    } else if (s->on_gate) {
        s->on_gate(s, hold);
    }
}


/* WAIT_BUFFER is fulfilled: the filter sees the whole body, then its verdict counts. */
static void
body_is_whole(nc_stream_t *s, nc_dir_t dir, int i)
{
    nc_filter_dir_t  *d = &s->filters[i].dir[dir];
    nc_verdict_t      v = call_data(s, dir, i, &d->hold, !d->trailers_held);

    if (!goes_on(s, dir) || v == NC_TAKEN) {
        return;
    }

    d->wait = NC_WAIT;
    d->seen = d->hold.len;

    if (v == NC_NEXT) {
        resume(s, dir, i);
    }
}


/* Puts bytes that arrive at a waiting filter aside. */
static void
hold(nc_stream_t *s, nc_dir_t dir, int i, nc_buf_t *data, bool end)
{
    nc_filter_dir_t  *d = &s->filters[i].dir[dir];

    nc_buf_move_all(&d->hold, data);
    d->end_held = d->end_held || end;

    if (d->wait == NC_WAIT_BUFFER) {
        if (d->hold.len > limit_of(s, dir)) {
            too_large(s, dir);

        } else if (end) {
            body_is_whole(s, dir, i);
        }

    } else if (d->hold.len > limit_of(s, dir)) {
        gate_source(s, dir, true);
    }
}


static void
pass_headers(nc_stream_t *s, nc_dir_t dir, int i, bool end)
{
    for (; in_chain(s, i); i += step(dir)) {
        nc_filter_dir_t  *d = &s->filters[i].dir[dir];
        nc_verdict_t      v;

        if (s->filters[i].off) {
            continue;
        }

        v = call_headers(s, dir, i, end);

        if (!goes_on(s, dir) || v == NC_TAKEN) {
            return;
        }

        if (v == NC_WAIT || (v == NC_WAIT_BUFFER && !end)) {
            d->wait = (uint8_t) v;
            d->headers_held = true;
            d->end_held = end;
            return;
        }
    }

    if (dir == NC_DIR_RESPONSE) {
        nc_stream_send_headers(s, end);
    }
}


static void
pass_data(nc_stream_t *s, nc_dir_t dir, int i, nc_buf_t *data, bool end)
{
    for (; in_chain(s, i); i += step(dir)) {
        nc_filter_dir_t  *d = &s->filters[i].dir[dir];
        nc_verdict_t      v;

        if (s->filters[i].off) {
            continue;
        }

        if (d->wait) {
            hold(s, dir, i, data, end);
            return;
        }

        v = call_data(s, dir, i, data, end);

        if (!goes_on(s, dir) || v == NC_TAKEN) {
            return;
        }

        if (v == NC_WAIT || (v == NC_WAIT_BUFFER && !end)) {
            d->wait = (uint8_t) v;
            hold(s, dir, i, data, end);
            d->seen = v == NC_WAIT ? d->hold.len : 0;
            return;
        }
    }

    if (dir == NC_DIR_RESPONSE) {
        nc_stream_send_data(s, data, end);
    }
}


static void
pass_trailers(nc_stream_t *s, nc_dir_t dir, int i)
{
    for (; in_chain(s, i); i += step(dir)) {
        nc_filter_dir_t  *d = &s->filters[i].dir[dir];
        nc_verdict_t      v;

        if (s->filters[i].off) {
            continue;
        }

        if (d->wait) {
            d->trailers_held = true;

            if (d->wait == NC_WAIT_BUFFER) {
                body_is_whole(s, dir, i);
            }
            return;
        }

        v = call_trailers(s, dir, i);

        if (!goes_on(s, dir) || v == NC_TAKEN) {
            return;
        }

        if (v == NC_WAIT || v == NC_WAIT_BUFFER) {
            d->wait = NC_WAIT;
            d->trailers_held = d->trailers_seen = true;
            return;
        }
    }

    if (dir == NC_DIR_RESPONSE) {
        nc_stream_send_trailers(s);
    }
}


/* Everything filter `i` held goes on. */
static void
resume(nc_stream_t *s, nc_dir_t dir, int i)
{
    nc_filter_dir_t  *d = &s->filters[i].dir[dir];
    nc_filter_dir_t   was = { .seen = d->seen, .headers_held = d->headers_held,
                              .end_held = d->end_held, .trailers_held = d->trailers_held,
                              .trailers_seen = d->trailers_seen };
    nc_buf_t          data, known;
    bool              end = was.end_held && !was.trailers_held;

    if (d->wait == 0 || !goes_on(s, dir)) {
        return;
    }

    nc_buf_init(&data);
    nc_buf_init(&known);
    nc_buf_move_all(&data, &d->hold);
    d->wait = 0;
    d->seen = 0;
    d->headers_held = d->end_held = d->trailers_held = d->trailers_seen = false;
    gate_source(s, dir, false);

    if (was.headers_held) {
        pass_headers(s, dir, i + step(dir), end && data.len == 0);
        end = end && data.len > 0;
    }

    if (goes_on(s, dir) && was.seen > 0) {
        nc_buf_move(&known, &data, was.seen);
        pass_data(s, dir, i + step(dir), &known, end && data.len == 0);
        end = end && data.len > 0;
    }

    if (goes_on(s, dir) && (data.len > 0 || end)) {
        pass_data(s, dir, i, &data, end);
    }

    if (goes_on(s, dir) && was.trailers_held) {
        pass_trailers(s, dir, was.trailers_seen ? i + step(dir) : i);
    }

    nc_buf_fini(&data);
    nc_buf_fini(&known);
}


void
nc_stream_resume_request(nc_stream_t *s, nc_filter_at_t at)
{
    NC_OBJ_CHECK(s, NC_STREAM_MAGIC);
    resume(s, NC_DIR_REQUEST, (int) at);
}


void
nc_stream_resume_response(nc_stream_t *s, nc_filter_at_t at)
{
    NC_OBJ_CHECK(s, NC_STREAM_MAGIC);
    resume(s, NC_DIR_RESPONSE, (int) at);
}


void
nc_stream_pass_response_data(nc_stream_t *s, nc_filter_at_t at, nc_buf_t *data, bool end)
{
    NC_OBJ_CHECK(s, NC_STREAM_MAGIC);

    if (goes_on(s, NC_DIR_RESPONSE)) {
        pass_data(s, NC_DIR_RESPONSE, (int) at + step(NC_DIR_RESPONSE), data, end);
    }
}


static int
first_of(const nc_stream_t *s, nc_dir_t dir)
{
    if (dir == NC_DIR_REQUEST) {
        return 0;
    }

    return s->hcm->response_filters ? (int) s->hcm->n_filters - 1 : -1;
}


void
nc_chain_headers(nc_stream_t *s, nc_dir_t dir, bool end)
{
    if (goes_on(s, dir)) {
        pass_headers(s, dir, first_of(s, dir), end);
    }
}


void
nc_chain_data(nc_stream_t *s, nc_dir_t dir, nc_buf_t *data, bool end)
{
    if (goes_on(s, dir)) {
        pass_data(s, dir, first_of(s, dir), data, end);
    }
}


void
nc_chain_trailers(nc_stream_t *s, nc_dir_t dir)
{
    if (goes_on(s, dir)) {
        pass_trailers(s, dir, first_of(s, dir));
    }
}
