/*
 * stream.h: one request and its response, whatever the protocol on either side.
 *
 *     HEADERS ──► BODY ──► REQUEST_DONE            request side (nc_stream_t.request_state)
 *     NONE ──► STARTED ──► COMPLETE                response side (nc_stream_t.response_state)
 *
 * A stream ends (nc_stream_end) when the response is COMPLETE and written to the codec, or by a
 * reset from either side. Then it is logged, counted, and its memory goes.
 *
 * Invariants:
 *  1. The stream keeps the configuration it started with: the listener's slot is pinned.
 *  2. Nothing calls into filters after `ended` or, but for the response chain, after `replied`.
 *  3. One timer per stream: the earliest of its deadlines, armed through the codec.
 */
#ifndef NC_HTTP_STREAM_H
#define NC_HTTP_STREAM_H

#include "http/hcm.h"

#define NC_STREAM_MAGIC     0x6e637374u

/* What the downstream codec does for a stream. */
typedef struct nc_stream_codec_s {
    void  (*informational)(nc_stream_t *s, const nc_headers_t *h);
    void  (*headers)(nc_stream_t *s, nc_headers_t *h, bool end);
    void  (*data)(nc_stream_t *s, nc_buf_t *data, bool end);
    void  (*trailers)(nc_stream_t *s, const nc_headers_t *t);
    void  (*reset)(nc_stream_t *s);             /* break it off, the stream has ended */
    void  (*gate)(nc_stream_t *s, nc_gate_t who, bool hold);    /* reading of the request */
    void  (*arm)(nc_stream_t *s, uint64_t due_ms);
    void  (*done)(nc_stream_t *s);              /* the stream has ended in good order */
} nc_stream_codec_t;

typedef enum {
    NC_DEADLINE_IDLE,
    NC_DEADLINE_HEADERS,                        /* the whole head of the request */
    NC_DEADLINE_REQUEST,                        /* the whole request */
    NC_DEADLINE_DURATION,
    NC_DEADLINE_LOG,                            /* the next periodic line of the access logs */
    NC_DEADLINE_ROUTE,                          /* the router's: whole response */
    NC_DEADLINE_TRY,                            /* the router's: this try */
    NC_DEADLINE_BACK_OFF,                       /* the router's: until the next try */
    NC_DEADLINE_UPSTREAM,                       /* the router's: the cluster's max_stream_duration */
    NC_DEADLINES
} nc_deadline_t;

typedef enum {
    NC_DIR_REQUEST,
    NC_DIR_RESPONSE,
    NC_DIRS
} nc_dir_t;

/* Where one filter stands in one direction. */
typedef struct {
    nc_buf_t  hold;                             /* body that waits here */
    size_t    seen;                             /* bytes of hold that the filter has seen */
    uint8_t   wait;                             /* 0, NC_WAIT or NC_WAIT_BUFFER */
    bool      headers_held;                     /* headers wait here */
    bool      end_held;                         /* the end of the message waits here */
    bool      trailers_held;
    bool      trailers_seen;                    /* the filter held them back itself */
} nc_filter_dir_t;

typedef struct {
    nc_filter_dir_t  dir[NC_DIRS];
    bool             off;                       /* switched off for this stream */
} nc_filter_state_t;

struct nc_stream_s {
    uint32_t                   magic;
    bool                       ended;
    bool                       replied;         /* a local reply was begun */
    bool                       request_done;    /* the whole request was received */
    bool                       response_started;
    bool                       response_done;   /* the whole response went to the codec */
    bool                       is_head;
    bool                       is_upgrade;      /* asks for an upgrade that is allowed */
    bool                       upgraded;        /* bytes flow both ways without framing */
    bool                       expect_continue; /* forwarded to the upstream */
    bool                       no_reuse;        /* the connection must end after this stream */
    bool                       request_gated;
    bool                       in_response;     /* direction of the running callback */
    bool                       internal;        /* sent by an internal client */
    bool                       edge;            /* external, and we are the first to see it */
    uint8_t                    reply_grpc;      /* gRPC status of a local reply; 0: by the status */
    nc_filter_at_t             self;            /* filter whose callback is running */
    uint32_t                   slot;            /* pinned: the listener's */

    nc_pool_t                  pool;
    const nc_hcm_conf_t       *hcm;
    const nc_stream_codec_t   *codec;
    void                      *codec_owner;     /* the codec's session */
    nc_filter_state_t         *filters;         /* hcm->n_filters of them */
    char                      *filter_memory;

    nc_headers_t               request;
    nc_headers_t              *request_trailers;
    nc_headers_t              *response;        /* NULL: none yet */
    nc_headers_t              *response_trailers;
    nc_route_match_t           match;
    bool                       has_route;
    const char                *no_route_details;
    uint64_t                   request_limit;
    uint64_t                   response_limit;
    uint64_t                   id;              /* of this process's streams */
    nc_str_t                   words;           /* request line, for the worker's last words */
    uint64_t                   random;          /* for weighted choices; fixed for the stream */
    uint64_t                   idle_ms;         /* stream_idle_timeout, or the route's idle_timeout */
    bool                       has_hash;        /* a hash_policy of the route found something */
    uint64_t                   hash;
    const nc_route_t *const   *redirects;       /* followed here: from, to, from, to, ... */
    uint32_t                   n_redirects;

    uint64_t                   deadlines[NC_DEADLINES];     /* nc_now_ms; 0: off */
    uint64_t                   armed_ms;
    void                     (*on_deadline)(nc_stream_t *s, nc_deadline_t which);   /* router's */

    void                     (*on_gate)(nc_stream_t *s, bool hold); /* slow client: the router's */
    void                      *router;          /* the terminal filter's own */

    nc_block_t                *blocks[4];       /* header bytes of the request live here */
    uint32_t                   n_blocks;
    nc_conn_info_t             conn_info;
    nc_http_info_t             info;
};

/* A stream of `codec_owner` with its memory; headers are to be filled by the codec. */
nc_stream_t *nc_stream_create(const nc_hcm_conf_t *hcm, uint32_t slot,
    const nc_stream_codec_t *codec, void *codec_owner, const nc_conn_info_t *conn);

/* Frees a stream that never got its headers. */
void nc_stream_discard(nc_stream_t *s);

/* Logs and counts the stream and lets its memory go at the end of the turn. */
void nc_stream_end(nc_stream_t *s);

/* Keeps the block that header bytes lie in until the stream's end. */
void nc_stream_hold_block(nc_stream_t *s, nc_block_t *block);

/* The codec's input: the request. `end`: nothing follows. */
void nc_stream_on_headers(nc_stream_t *s, bool end);
void nc_stream_on_data(nc_stream_t *s, nc_buf_t *data, bool end);
void nc_stream_on_trailers(nc_stream_t *s, nc_headers_t *t);

/* The client is gone or broke the protocol; the codec is not called any more. */
void nc_stream_on_abort(nc_stream_t *s, uint32_t flags, const char *details);

/* The client takes output slowly (true) or again (false). */
void nc_stream_on_backlog(nc_stream_t *s, bool slow);

/* The armed time has come (spurious calls are fine). */
void nc_stream_on_timer(nc_stream_t *s);

/* Sets a deadline `ms` from now (0: off). */
void nc_stream_deadline(nc_stream_t *s, nc_deadline_t which, uint64_t ms);

/* Bytes moved in either direction: the idle time starts anew. */
static inline void
nc_stream_touch(nc_stream_t *s)
{
    if (s->deadlines[NC_DEADLINE_IDLE]) {
        s->deadlines[NC_DEADLINE_IDLE] = nc_now_ms + s->idle_ms;
    }
}

/* Writes the access logs whose filters hold, now. */
void nc_stream_log(nc_stream_t *s, nc_log_type_t type);

/*
 * Begins anew with the same request, whose URL the caller has changed, and this body (emptied): the
 * filters are left and entered again, the route is found anew. What was so far is logged with
 * `status` and `details`. Only while no response has begun; trailers are those of the stream.
 */
void nc_stream_restart(nc_stream_t *s, nc_buf_t *body, unsigned status, const char *details);

/* The route that the request would take as it is now; false: none. */
bool nc_stream_look_up(nc_stream_t *s, nc_route_match_t *match);

/* Finds route and filters of the request anew (manager.c). */
void nc_manager_reroute(nc_stream_t *s);

/* Through the filters (chain.c). */
void nc_chain_headers(nc_stream_t *s, nc_dir_t dir, bool end);
void nc_chain_data(nc_stream_t *s, nc_dir_t dir, nc_buf_t *data, bool end);
void nc_chain_trailers(nc_stream_t *s, nc_dir_t dir);

/* The end of the response chain (stream.c): to the codec. */
void nc_stream_send_headers(nc_stream_t *s, bool end);
void nc_stream_send_data(nc_stream_t *s, nc_buf_t *data, bool end);
void nc_stream_send_trailers(nc_stream_t *s);

/*
 * What the connection manager does to a request before the filters see it (manager.c). False: the
 * request was answered.
 */
bool nc_manager_request(nc_stream_t *s);

/* What it does to every response. */
void nc_manager_response(nc_stream_t *s, nc_headers_t *h);

/* An answer to a request that could not even be parsed: no filters, no route. */
void nc_stream_reply_malformed(nc_stream_t *s, unsigned status, nc_str_t body,
    const char *details);

/* A fast, worker-local random number (not for secrets). */
uint64_t nc_random(void);

#endif
