/* h2_priv.h: what the files of the HTTP/2 codec share. */
#ifndef NC_CODEC_H2_PRIV_H
#define NC_CODEC_H2_PRIV_H

#include "codec/h2.h"

#include <nghttp2/nghttp2.h>

#define NC_H2_FIELD_OVERHEAD    32u             /* RFC 9113 section 6.5.2 */

/* The session's stream of this id, or NULL. */
static inline nc_h2_stream_t *
nc_h2_stream_of(nc_h2_t *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

/* The session is over for this reason; what a callback of nghttp2 then returns. */
static inline int
nc_h2_give_up(nc_h2_t *h2, nc_h2_fault_t fault)
{
    if (h2->fault == NC_H2_FAULT_NONE) {
        h2->fault = fault;
    }

    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* A stream begins: the session's list, and its output. */
void nc_h2_begin_stream(nc_h2_t *h2, nc_h2_stream_t *st, int32_t id);

/* Adds the callbacks of sending. */
void nc_h2_send_callbacks(nghttp2_session_callbacks *cb);

/* The guard: what a received frame, a closed stream and queued output may cost; 0 or give up. */
int nc_h2_guard_frame(nc_h2_t *h2, const nghttp2_frame *f);
int nc_h2_guard_close(nc_h2_t *h2, const nc_h2_stream_t *st, uint32_t code);
nc_rc_t nc_h2_guard_output(nc_h2_t *h2);

/* The output shrank since it was `before` bytes long: so did the frames in it. */
void nc_h2_guard_drained(nc_h2_t *h2, size_t before, size_t now);

/* Something was received; the ping was answered. */
void nc_h2_keepalive_heard(nc_h2_t *h2);
void nc_h2_keepalive_answered(nc_h2_t *h2);

/* nghttp2's way to h2_mem.h. */
nghttp2_mem *nc_h2_mem(void);

#endif
