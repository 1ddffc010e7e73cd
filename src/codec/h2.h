/*
 * h2.h: HTTP/2 framing (RFC 9113) for both sides, on nghttp2: a session turns bytes into headers,
 * body and ends of streams, and the other way round. It knows neither connections nor routes.
 *
 * Invariants:
 *  1. Received body bytes are slices of the input blocks; sent ones are moved to the output.
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

#define NC_H2_CUSTOM_MAX    16u                 /* custom_settings_parameters that are taken */

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
    bool      stream_errors;                    /* an invalid message ends its stream alone */
    bool      stream_errors_set;                /* ... is what the configuration says */
    uint64_t  ping_interval_ms;                 /* connection_keepalive; 0: no pings */
    uint64_t  ping_timeout_ms;
    uint32_t  ping_jitter_percent;              /* of the interval, added by chance; 15 */
    uint64_t  ping_idle_ms;                     /* silence before a new stream that asks; 0: none */
    uint32_t  n_custom;
    struct {
        uint16_t  id;
        uint32_t  value;
    } custom[NC_H2_CUSTOM_MAX];
} nc_h2_options_t;

/* What can end a session; X(id, Envoy's response-code details or counter). */
#define NC_H2_FAULTS(X)  \
    X(NONE, "")  \
    X(PROTOCOL, "http2.protocol_error")  \
    X(STREAM_CLOSED, "http2.stream_closed")  \
    X(MESSAGING, "http2.violation.of.messaging.rule")  \
    X(CONTINUATIONS, "http2.too_many_continuations")  \
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

/* Of nc_h2_mem_zeroed, often the head of a larger struct; the session frees it when it closes. */
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
    bool           cut;                         /* server: reset it when our end was sent */
    bool           slow;                        /* `out` passed the backlog limit */
    nc_headers_t  *trailers_out;                /* copies, in `pool` */
    nc_pool_t      pool;
    nc_buf_t       out;                         /* body to be sent */
    size_t         unconsumed;                  /* received bytes whose window is held back */
    uint64_t       sent;                        /* body bytes given to the connection */
    uint64_t       opened_ms;
    uint64_t       sent_before;                 /* of nc_h2_reset_stuck */
    uint32_t       n_stuck;
    bool           given_up;
};

typedef struct {
    /*
     * Server: a request begins. Returns its stream: memory of nc_h2_mem_zeroed with owner and
     * (empty) headers set; NULL refuses it.
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
    bool                    reset_sent;         /* a RST_STREAM was sent */
    int32_t                 last_id;            /* server: of the newest stream */
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
    uint32_t                n_begun;            /* streams begun since the last nc_h2_receive */
    bool                    paused;             /* they were many: NC_AGAIN */
    bool                    stream_errors;      /* as in the options, or as the owner says */
    bool                    ping_out;           /* an answer is awaited */
    uint64_t                ping_ms;            /* when a ping, or its answer, is due; 0: never */
    uint64_t                heard_ms;           /* when the peer last sent something */
    uint64_t                n_control_in;       /* guard: PING and SETTINGS, less what time gave */
    uint64_t                control_ms;         /* when it last did */
    size_t                  unconsumed;         /* received bytes of all streams that are held */
    size_t                  owed;               /* ... and held of the connection's window */
    nc_block_t             *in_block;           /* block of the bytes being parsed */
    nc_buf_t               *sink;               /* output while sending */
    size_t                  out_len;            /* of the output after the last nc_h2_send */
    uint32_t                n_outbound;         /* frames in the output, about */
    uint32_t                n_control;          /* ... of them PING, SETTINGS and RST_STREAM */
};

/* Begins a session; SETTINGS are queued. `options` outlives it. */
void nc_h2_init(nc_h2_t *h2, bool server, const nc_h2_options_t *options, const nc_h2_ops_t *ops,
    void *owner, uint32_t backlog);

/* Ends it; on_close is not called for the streams that are left. */
void nc_h2_fini(nc_h2_t *h2);

/*
 * Takes all of `in`. NC_AGAIN: many streams have begun, call again in another turn for the rest of
 * it. NC_ERROR: the session is over; h2->fault says why (send what is queued).
 */
nc_rc_t nc_h2_receive(nc_h2_t *h2, nc_buf_t *in);

/*
 * Writes what is queued to `out`, until it holds more than `limit` bytes. NC_OK: nothing is left;
 * NC_AGAIN: the limit stopped it; NC_ERROR: the session is over.
 */
nc_rc_t nc_h2_send(nc_h2_t *h2, nc_buf_t *out, size_t limit);

/* Nothing is queued and nothing is expected: the connection may be closed. */
bool nc_h2_is_over(const nc_h2_t *h2);

/*
 * A head to be sent: request (client; gives st->id and begins the stream, which is memory of
 * nc_h2_mem_zeroed with h2 and owner set, still the caller's on NC_ERROR), response, or 1xx.
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

/*
 * Resets the streams without an owner of which nothing was sent during the last two calls; returns
 * how many. To be called twice in the time that a peer has to take what is left of a response.
 */
unsigned nc_h2_reset_stuck(nc_h2_t *h2, uint32_t code);

/* The owner has passed on `n` received bytes: their window goes back to the peer. */
void nc_h2_consume(nc_h2_stream_t *st, size_t n);

/* Says that no new stream is taken: a first notice (all ids), then the final one. */
void nc_h2_goaway(nc_h2_t *h2, bool final, uint32_t code);

/*
 * Keep-alive, when h2->ping_ms has come: NC_OK: a ping is queued; NC_ERROR: the peer does not
 * answer; NC_DECLINED: it has not come. The owner arms its timer for h2->ping_ms (0: never).
 */
nc_rc_t nc_h2_keepalive(nc_h2_t *h2);

/* Client: a stream is about to begin after long silence; true: a ping is queued, arm the timer. */
bool nc_h2_keepalive_before_stream(nc_h2_t *h2);

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
