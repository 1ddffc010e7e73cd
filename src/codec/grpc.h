/*
 * grpc.h: gRPC's framing: messages in the body of a request or response, each behind five bytes
 * (compressed or not, length).
 */
#ifndef NC_CODEC_GRPC_H
#define NC_CODEC_GRPC_H

#include "net/buf.h"

#define NC_GRPC_FRAME_HEADER    5u
#define NC_GRPC_COMPRESSED      0x01u           /* flags of a frame */
#define NC_GRPC_TRAILERS        0x80u           /* gRPC-Web: the frame holds trailers */

/* Counts the messages in a body that passes by; zeroed at its start. */
typedef struct {
    uint64_t  messages;                         /* whose header was seen */
    uint32_t  left;                             /* bytes of the message being passed */
    uint8_t   head[NC_GRPC_FRAME_HEADER];
    uint8_t   n_head;
} nc_grpc_counter_t;

void nc_grpc_count(nc_grpc_counter_t *c, const nc_buf_t *data);

/* Appends the header of a message of `len` bytes. */
void nc_grpc_frame_header(nc_buf_t *out, uint8_t flags, uint32_t len);

/*
 * Takes the next whole frame off `in`; its message is moved to `message`, the flags to *flags.
 * NC_AGAIN: it is not whole yet; NC_ERROR: it is longer than `max`.
 */
nc_rc_t nc_grpc_next(nc_buf_t *in, nc_buf_t *message, uint8_t *flags, uint32_t max);

#endif
