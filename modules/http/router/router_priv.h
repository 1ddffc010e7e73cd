/*
 * router_priv.h: the state of one request in the router.
 *
 *   HEADERS ─► TRYING ─► RESPONDING ─► DONE
 *                │ ▲
 *                ▼ │ back-off
 *              WAITING
 */
#ifndef NC_ROUTER_PRIV_H
#define NC_ROUTER_PRIV_H

#include "http/stream.h"
#include "upstream/pool.h"

typedef struct {
    bool  dynamic_stats;
    bool  suppress_envoy_headers;
} conf_t;

/* What ended a try. */
typedef enum {
    FAILED_CONNECT,
    FAILED_CONNECT_TIMEOUT,
    FAILED_OVERFLOW,
    FAILED_TERMINATED,
    FAILED_RESET,
    FAILED_PROTOCOL,
    FAILED_REMOTE_RESET,                        /* HTTP/2: RST_STREAM */
    FAILED_REFUSED,                             /* HTTP/2: refused, nothing was done */
    FAILED_TRY_TIMEOUT
} failure_t;

typedef struct {
    nc_stream_t               *s;
    const conf_t              *conf;
    const nc_route_forward_t  *forward;
    const nc_cluster_entry_t  *entry;           /* pinned by cluster_slot */
    uint32_t                   cluster_slot;
    bool                       pinned;
    nc_up_t                    up;
    const nc_host_t           *last_host;       /* of the try before, to be avoided */

    nc_buf_t                   pending;         /* body that waits for a connection */
    bool                       whole;           /* all of the request was passed to us */
    bool                       has_trailers;
    bool                       headers_sent;
    bool                       responding;      /* the response went on to the stream */
    bool                       done;            /* nothing more comes from the upstream */
    bool                       body_gated;

    nc_buf_t                   replay;          /* the body so far, for another try */
    bool                       may_retry;       /* the replay is complete so far */
    bool                       retry_held;      /* counts in the retries breaker */
    uint32_t                   retry_on;        /* NC_RETRY_* */
    uint32_t                   retries_left;
    uint32_t                   tries;
    const nc_retry_policy_t   *policy;          /* NULL: none on the route */

    uint64_t                   timeout_ms;
    uint64_t                   per_try_ms;
} rq_t;

/* Begins another try, now. */
void nc_router_try(rq_t *r);

/* retry.c: reads policy and headers of the request. */
void nc_router_retry_init(rq_t *r);

typedef enum {
    RETRY_NO,                                   /* not a case for another try */
    RETRY_YES,                                  /* scheduled */
    RETRY_LIMIT,                                /* would be, but the tries are used up */
    RETRY_OVERFLOW                              /* would be, but the breaker is open */
} retry_t;

/* Another try after a failure, or after a response with this status? Schedules it when yes. */
retry_t nc_router_retry_failure(rq_t *r, failure_t why);
retry_t nc_router_retry_response(rq_t *r, unsigned status);

/* The retry that was counted is over. */
void nc_router_retry_done(rq_t *r);

/* reply.c: the answer for a failure before the response began, or the reset after it. */
void nc_router_reply_failure(rq_t *r, failure_t why, const char *reason);
void nc_router_reply_timeout(rq_t *r, bool per_try);
void nc_router_reply_no_route(nc_stream_t *s);
void nc_router_reply_no_cluster(nc_stream_t *s, const nc_route_forward_t *forward);
void nc_router_reply_no_host(rq_t *r);
void nc_router_redirect(nc_stream_t *s);
void nc_router_direct(nc_stream_t *s);

/* Flags and counters of a failed try. */
void nc_router_note_failure(rq_t *r, failure_t why, const char *reason);

#endif
