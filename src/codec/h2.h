/*
 * h2.h: HTTP/2 framing (RFC 9113) for both sides, on nghttp2: a session turns bytes into headers,
 * body and ends of streams, and the other way round. It knows neither connections nor routes.
 *
 * Invariants:
 *  1. Received body bytes are slices of the input blocks; sent ones are moved to the output: no copy.
 *  2. Windows are given back only for what the owner has consumed (nc_h2_consume), so a stream that
 *     is held back stops its sender and nobody else.
 *  3. What a peer may cost is bounded (nc_h2_options_t); the counter that caught it is named.
 *  4. After on_close of a stream nothing is called for it; its owner's pointer is forgotten.
 */
#ifndef NC_CODEC_H2_H
#define NC_CODEC_H2_H

#include "base/list.h"
#include "codec/headers.h"
#include "net/buf.h"

typedef struct nc_h2_s         nc_h2_t;
typedef struct nc_h2_stream_s  nc_h2_stream_t;

/* Settings of a side (core.v3.Http2ProtocolOptions); immutable, lives in the configuration. */
typedef struct {
    uint32_t  hpack_table_size;                 /* 4096 */
    uint32_t  max_concurrent_streams;           /* 1024 */
    uint32_t  stream_window;                    /* 16 MiB */
    uint32_t  connection_window;                /* 24 MiB */
    bool      allow_connect;                    /* extended CONNECT, RFC 8441 */
    uint32_t  max_outbound_frames;              /* 10000 */
    uint32_t  max_outbound_control_frames;      /* 1000 */
    uint32_t  max_empty_frames;                 /* in a row; 1 */
    uint32_t  max_priority_frames;              /* per stream opened; 100 */
    uint32_t  max_window_updates;               /* per DATA frame sent; 10 */
    uint32_t  max_header_bytes;                 /* of a message, 32 more per field */
    uint32_t  max_headers;                      /* fields of a message */
} nc_h2_options_t;

/* What can end a session; X(id, Envoy's response-code details or counter). */
#define NC_H2_FAULTS(X)  \
    X(NONE, "")  \
    X(PROTOCOL, "http2.protocol_error")  \
    X(EMPTY_FRAMES, "http2.inbound_empty_frames_flood")  \
    X(PRIORITY_FRAMES, "http2.inbound_priority_frames_flood")  \
    X(WINDOW_UPDATES, "http2.inbound_window_update_frames_flood")  \
    X(CONTROL_FRAMES, "http2.outbound_control_frames_flood")  \
    X(OUTBOUND_FRAMES, "http2.outbound_frames_flood")  \
    X(RESETS, "http2.rapid_reset_flood")

typedef enum {
#define X(id, text)  NC_H2_FAULT_##id,
    NC_H2_FAULTS(X)
#undef X
    NC_H2_FAULT_MAX
} nc_h2_fault_t;

const char *nc_h2_fault_str(nc_h2_fault_t fault);

/* Heap memory (often the head of a larger struct); the session frees it when the stream closes. */
struct nc_h2_stream_s {
    nc_list_t      link;                        /* in h2->streams */
    nc_h2_t       *h2;
    int32_t        id;
    void          *owner;                       /* NULL: the owner has let go of it */
    nc_headers_t  *headers;                     /* being received: head, then trailers */
    uint32_t       header_bytes;
    bool           overflow;                    /* the head passed a limit, the rest is dropped */
    bool           head_done;                   /* a final head was received */
    bool           end_received;
    bool           end_queued;                  /* our last byte is in `out` */
    bool           end_sent;
    bool           slow;                        /* `out` passed the backlog limit */
    nc_headers_t  *trailers_out;                /* copies, in `pool` */
    nc_pool_t      pool;
    nc_buf_t       out;                         /* body to be sent */
    size_t         unconsumed;                  /* received bytes whose window is held back */
};

typedef struct {
    /*
     * Server: a request begins. Returns its stream: zeroed heap memory with owner and (empty)
     * headers set; NULL refuses it.
     */
    nc_h2_stream_t *(*on_begin)(nc_h2_t *h2, int32_t id);

    /* Client: storage for the next head or the trailers of `st` (st->headers is to be set). */
    void  (*on_more_headers)(nc_h2_stream_t *st);

    /* The head (request; response, 1xx included) is complete. */
    void  (*on_headers)(nc_h2_stream_t *st, bool end);
    void  (*on_data)(nc_h2_stream_t *st, nc_buf_t *data, bool end);
    void  (*on_trailers)(nc_h2_stream_t *st);

    /* The stream is over: normally (0), or reset by either side (RFC 9113 section 7 code). */
    void  (*on_close)(nc_h2_stream_t *st, uint32_t code);

    /* `out` of the stream passed the backlog limit, or fell below half of it. */
    void  (*on_backlog)(nc_h2_stream_t *st, bool slow);

    void  (*on_goaway)(nc_h2_t *h2, uint32_t code);
    void  (*on_ping_ack)(nc_h2_t *h2);
    void  (*on_settings)(nc_h2_t *h2);
} nc_h2_ops_t;

struct nc_h2_s {
    void                   *session;            /* nghttp2's */
    const nc_h2_ops_t      *ops;
    const nc_h2_options_t  *options;
    void                   *owner;
    bool                    server;
    bool                    goaway_sent;
    bool                    goaway_received;
    nc_h2_fault_t           fault;
    nc_list_t               streams;            /* nc_h2_stream_t.link */
    uint32_t                n_streams;          /* open ones */
    uint32_t                n_empty;            /* guard: empty frames in a row */
    uint32_t                n_priority;         /* guard: PRIORITY frames */
    uint64_t                n_window_updates;
    uint64_t                n_data_sent;
    uint64_t                n_opened;
    uint64_t                n_reset_early;      /* guard: reset by the peer before an answer */
    uint32_t                backlog;            /* limit of a stream's `out` */
    nc_block_t             *in_block;           /* block of the bytes being parsed */
    nc_buf_t               *sink;               /* output while sending */
    uint32_t                n_outbound;         /* frames written since the output was empty */
    uint32_t                n_control;
};

/* Begins a session; SETTINGS are queued. `options` outlives it. */
void nc_h2_init(nc_h2_t *h2, bool server, const nc_h2_options_t *options, const nc_h2_ops_t *ops,
    void *owner, uint32_t backlog);

/* Ends it; on_close is not called for the streams that are left. */
void nc_h2_fini(nc_h2_t *h2);

/* Takes all of `in`. NC_ERROR: the session is over; h2->fault says why (send what is queued). */
nc_rc_t nc_h2_receive(nc_h2_t *h2, nc_buf_t *in);

/*
 * Writes what is queued to `out`, until it holds more than `limit` bytes. NC_OK: nothing is left;
 * NC_AGAIN: the limit stopped it; NC_ERROR: the session is over.
 */
nc_rc_t nc_h2_send(nc_h2_t *h2, nc_buf_t *out, size_t limit);

/* Nothing is queued and nothing is expected: the connection may be closed. */
bool nc_h2_is_over(const nc_h2_t *h2);

/*
 * A head to be sent: request (client; gives st->id and begins the stream, which is zeroed heap
 * memory with h2 and owner set, still the caller's on NC_ERROR), response, or 1xx.
 */
nc_rc_t nc_h2_send_headers(nc_h2_stream_t *st, const nc_headers_t *h, bool end);

/* Body to be sent: moved. */
void nc_h2_send_data(nc_h2_stream_t *st, nc_buf_t *data, bool end);

/* The end, with trailers (copied). */
void nc_h2_send_trailers(nc_h2_stream_t *st, const nc_headers_t *t);

/* Resets it (RFC 9113 section 7 code); on_close is not called. The owner lets go of `st`. */
void nc_h2_reset(nc_h2_stream_t *st, uint32_t code);

/* The owner lets go: nothing is called any more, what is queued is still sent. */
void nc_h2_let_go(nc_h2_stream_t *st);

/* The owner has passed on `n` received bytes: their window goes back to the peer. */
void nc_h2_consume(nc_h2_stream_t *st, size_t n);

/* Says that no new stream is taken: a first notice (all ids), then the final one. */
void nc_h2_goaway(nc_h2_t *h2, bool final, uint32_t code);

void nc_h2_ping(nc_h2_t *h2);

/* Client: how many more streams the peer allows now. */
uint32_t nc_h2_streams_left(const nc_h2_t *h2);

/* Client: the peer allows extended CONNECT. */
bool nc_h2_peer_allows_connect(const nc_h2_t *h2);

#define NC_H2_PREFACE   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
    NC_H2_NO_ERROR = 0,
    NC_H2_PROTOCOL_ERROR = 1,
    NC_H2_INTERNAL_ERROR = 2,
    NC_H2_REFUSED_STREAM = 7,
    NC_H2_CANCEL = 8,
    NC_H2_ENHANCE_YOUR_CALM = 11
};

#endif
