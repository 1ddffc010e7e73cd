/*
 * h2_fuzz.h: one side of HTTP/2 given to a fuzzer: a session whose owner answers, resets, holds
 * back and lets go as the input says, while frames come in pieces.
 */
#ifndef NC_T_FUZZ_H2_FUZZ_H
#define NC_T_FUZZ_H2_FUZZ_H

#include "codec/h2.h"
#include "codec/h2_mem.h"
#include "event/loop.h"

#include <stdint.h>

typedef struct {
    nc_h2_stream_t  st;                         /* first */
    nc_list_t       link;
    nc_pool_t       pool;
    nc_headers_t    head;
    nc_headers_t    more;
    bool            answered;
} fuzz_stream_t;

static nc_h2_t    fuzz_h2;
static nc_list_t  fuzz_streams;                 /* those that have an owner */
static uint8_t    fuzz_mood;                    /* what the owner does next */

static const nc_h2_options_t  fuzz_options = {
    .hpack_table_size = 4096, .max_concurrent_streams = 32, .stream_window = 65535,
    .connection_window = 131070, .allow_connect = true, .max_outbound_frames = 1000,
    .max_outbound_control_frames = 100, .max_empty_frames = 3, .max_priority_frames = 10,
    .max_window_updates = 10, .max_header_bytes = 8192, .max_headers = 50,
    .ping_interval_ms = 1000, .ping_timeout_ms = 1000, .ping_jitter_percent = 15,
    .ping_idle_ms = 10
};


/* The owner is done with it: nothing may be called for it any more. */
static void
fuzz_end(fuzz_stream_t *s)
{
    nc_list_del(&s->link);
    nc_pool_fini(&s->pool);
}


static fuzz_stream_t *
fuzz_stream_new(void)
{
    fuzz_stream_t  *s = nc_h2_mem_zeroed(sizeof(*s));

    nc_pool_init(&s->pool, &nc_pool_heap);
    nc_headers_init(&s->head, &s->pool);
    nc_list_append(&fuzz_streams, &s->link);
    s->st.owner = s;
    s->st.headers = &s->head;

    return s;
}


static void
fuzz_check_headers(const nc_headers_t *h)
{
    uint32_t  bytes = 0;

    NC_CHECK(h->live <= fuzz_options.max_headers);

    nc_headers_each(h, it) {
        bytes += (uint32_t) (it->name.len + it->value.len);
        NC_CHECK(it->name.len > 0);
        NC_CHECK(it->value.len == 0 || nc_header_value_valid(it->value));

        for (size_t i = 0; i < it->name.len; i++) {
            NC_CHECK(it->name.data[i] < 'A' || it->name.data[i] > 'Z');
        }
    }

    NC_CHECK(bytes <= fuzz_options.max_header_bytes);
}


static void
fuzz_on_more_headers(nc_h2_stream_t *st)
{
    fuzz_stream_t  *s = st->owner;

    if (s) {
        nc_headers_init(&s->more, &s->pool);
        st->headers = &s->more;
    }
}


static void
fuzz_on_close(nc_h2_stream_t *st, uint32_t code)
{
    (void) code;
    fuzz_end(st->owner);
    st->owner = NULL;
}


static void
fuzz_on_backlog(nc_h2_stream_t *st, bool slow)
{
    NC_CHECK(st->owner);
    (void) slow;
}


static void
fuzz_on_goaway(nc_h2_t *h2, uint32_t code)
{
    (void) h2;
    (void) code;
}


static void
fuzz_on_settings(nc_h2_t *h2)
{
    (void) h2;
}


/* What an owner may do to a stream at any time. */
static void
fuzz_act(fuzz_stream_t *s)
{
    nc_buf_t  data;

    switch (fuzz_mood & 7) {
    case 0:
        fuzz_end(s);
        nc_h2_reset(&s->st, NC_H2_CANCEL);
        return;

    case 1:
        fuzz_end(s);
        s->st.cut = true;
        nc_h2_let_go(&s->st);
        return;

    case 2:
        nc_h2_consume(&s->st, s->st.unconsumed / 2);
        return;

    default:
        break;
    }

    if (s->answered && !s->st.end_queued) {
        nc_buf_init(&data);
        nc_buf_add(&data, "0123456789", 10);

        if (fuzz_mood & 8) {
            nc_h2_send_trailers(&s->st, &s->head);
        } else {
            nc_h2_send_data(&s->st, &data, (fuzz_mood & 16) != 0);
        }
        nc_buf_fini(&data);
    }

    nc_h2_consume(&s->st, s->st.unconsumed);
}


static void
fuzz_on_data(nc_h2_stream_t *st, nc_buf_t *data, bool end)
{
    NC_CHECK(!end || st->end_received);
    nc_buf_drain(data, data->len);
    fuzz_act(st->owner);
}


static void
fuzz_on_trailers(nc_h2_stream_t *st)
{
    fuzz_stream_t  *s = st->owner;

    fuzz_check_headers(&s->more);
    fuzz_act(s);
}


/* Gives the input in pieces whose sizes it says itself; sends in between. */
static void
fuzz_run(const uint8_t *data, size_t size)
{
    nc_buf_t  in, out;
    size_t    at = 0;
    nc_rc_t   rc = NC_OK;

    nc_buf_init(&in);
    nc_buf_init(&out);

    while (at < size && rc != NC_ERROR) {
        size_t  n = NC_MIN((size_t) 1 + data[at], size - at);

        fuzz_mood = data[at];
        nc_now_ms += data[at] & 3;
        nc_buf_add(&in, data + at, n);
        at += n;

        do {
            rc = nc_h2_receive(&fuzz_h2, &in);
        } while (rc == NC_AGAIN);

        (void) nc_h2_keepalive(&fuzz_h2);

        if (rc == NC_OK) {
            rc = nc_h2_send(&fuzz_h2, &out, 4096);
            rc = rc == NC_AGAIN ? NC_OK : rc;
        }

        if (!(fuzz_mood & 32)) {
            nc_buf_drain(&out, out.len);
        }

        if ((fuzz_mood & 0xc0) == 0xc0) {
            (void) nc_h2_reset_stuck(&fuzz_h2, NC_H2_CANCEL);
        }
    }

    (void) nc_h2_send(&fuzz_h2, &out, SIZE_MAX);

    nc_list_each_safe(&fuzz_streams, it) {
        fuzz_stream_t  *s = nc_container_of(it, fuzz_stream_t, link);

        s->st.owner = NULL;
        fuzz_end(s);
    }

    nc_h2_fini(&fuzz_h2);
    nc_buf_fini(&in);
    nc_buf_fini(&out);
}

#endif
