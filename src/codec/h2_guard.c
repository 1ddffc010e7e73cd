/*
 * h2_guard.c: the guard against peers that make HTTP/2 costly: frames that are legal one by one and
 * an attack in numbers. Each limit has a name (NC_H2_FAULTS), each name a counter.
 */
#include "codec/h2_priv.h"

#include "event/loop.h"

#define RESETS_ALWAYS_FINE  100u                /* rapid reset: judged above this many streams */
#define EARLY_MS            1000u               /* a stream given up within it is one too early */
#define CONTROL_PER_LIMIT   10u                 /* control frames at once, in units of the limit */


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


/* Frames that carry nothing: a few are legal, a stream of them is an attack. */
static int
guard_empty(nc_h2_t *h2, const nghttp2_frame *f)
{
    size_t  padding = f->hd.type == NGHTTP2_DATA ? f->data.padlen : f->headers.padlen;
    bool    end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (f->hd.length > padding || end) {
        h2->n_empty = 0;
        return 0;
    }

    return ++h2->n_empty > h2->options->max_empty_frames
           ? nc_h2_give_up(h2, NC_H2_FAULT_EMPTY_FRAMES) : 0;
}


/* Frames that ask for an answer and bring nothing on: a budget that time refills. */
static int
guard_control(nc_h2_t *h2)
{
    uint64_t  limit = h2->options->max_outbound_control_frames;
    uint64_t  refill = (nc_now_ms - h2->control_ms) * limit / 10000;

    if (refill > 0) {
        h2->n_control_in -= NC_MIN(refill, h2->n_control_in);
        h2->control_ms = nc_now_ms;
    }

    return ++h2->n_control_in > limit * CONTROL_PER_LIMIT
           ? nc_h2_give_up(h2, NC_H2_FAULT_CONTROL_FRAMES) : 0;
}


int
nc_h2_guard_frame(nc_h2_t *h2, const nghttp2_frame *f)
{
    const nc_h2_options_t  *o = h2->options;

    switch (f->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        return guard_empty(h2, f);

    case NGHTTP2_PRIORITY:
        return ++h2->n_priority > (uint64_t) o->max_priority_frames * (1 + h2->n_opened)
               ? nc_h2_give_up(h2, NC_H2_FAULT_PRIORITY_FRAMES) : 0;

    case NGHTTP2_WINDOW_UPDATE:
        return ++h2->n_window_updates > 5 + 2 * (h2->n_opened + (uint64_t) o->max_window_updates
                                                                * h2->n_data_sent)
               ? nc_h2_give_up(h2, NC_H2_FAULT_WINDOW_UPDATES) : 0;

    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        return f->hd.flags & NGHTTP2_FLAG_ACK ? 0 : guard_control(h2);

    default:
        return 0;
    }
}


/*
 * A client that opens streams only to give them up, or to have them reset for errors, costs the
 * upstreams dear (CVE-2023-44487, CVE-2025-8671).
 */
int
nc_h2_guard_close(nc_h2_t *h2, const nc_h2_stream_t *st, uint32_t code)
{
    if (!h2->server || code == NGHTTP2_NO_ERROR || st->end_sent || st->owner == NULL
        || nc_now_ms - st->opened_ms > EARLY_MS)
    {
        return 0;
    }

    h2->n_reset_early++;

    return h2->n_reset_early > RESETS_ALWAYS_FINE && h2->n_reset_early * 2 > h2->n_opened
           ? nc_h2_give_up(h2, NC_H2_FAULT_RESETS) : 0;
}


nc_rc_t
nc_h2_guard_output(nc_h2_t *h2)
{
    const nc_h2_options_t  *o = h2->options;

    if (h2->n_control > o->max_outbound_control_frames) {
        (void) nc_h2_give_up(h2, NC_H2_FAULT_CONTROL_FRAMES);
        return NC_ERROR;
    }

    if (h2->n_outbound + nghttp2_session_get_outbound_queue_size(h2->session)
        > o->max_outbound_frames)
    {
        (void) nc_h2_give_up(h2, NC_H2_FAULT_OUTBOUND_FRAMES);
        return NC_ERROR;
    }

    return NC_OK;
}


void
nc_h2_guard_drained(nc_h2_t *h2, size_t before, size_t now)
{
    if (now == 0 || now > before) {
        h2->n_outbound = now == 0 ? 0 : h2->n_outbound;
        h2->n_control = now == 0 ? 0 : h2->n_control;
        return;
    }

    h2->n_outbound = (uint32_t) ((uint64_t) h2->n_outbound * now / before);
    h2->n_control = (uint32_t) ((uint64_t) h2->n_control * now / before);
}
