/*
 * router_priv.h: the state of one request in the router.
 *
 *   HEADERS ─► TRYING ─► RESPONDING ─► DONE
 *                │ ▲
 *                ▼ │ back-off
 *              WAITING
 *
 * With hedging TRYING and WAITING may overlap: several tries are under way, and the first response
 * that asks for no retry becomes `final`.
 */
#ifndef NC_ROUTER_PRIV_H
#define NC_ROUTER_PRIV_H

#include "http/stream.h"
#include "upstream/pool.h"

typedef struct {
    bool      dynamic_stats;
    bool      suppress_envoy_headers;
    bool      respect_expected_timeout;
    bool      suppress_grpc_codes;              /* suppress_grpc_request_failure_code_stats */
    uint32_t  strict;                           /* headers of strict_check_headers, by bit */
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
    FAILED_TRY_TIMEOUT,
    FAILED_TRY_IDLE
} failure_t;

typedef struct rq_s      rq_t;
typedef struct try_s     try_t;
typedef struct shadow_s  shadow_t;

/* One request to one host. */
struct try_s {
    rq_t      *r;
    try_t     *next;                            /* of those under way */
    nc_up_t    up;
    nc_buf_t   pending;                         /* body that waits for a connection */
    uint64_t   due_ms;                          /* per_try_timeout; 0: not running */
    uint64_t   idle_due_ms;                     /* per_try_idle_timeout; 0: not running */
    bool       live;                            /* in the list */
    bool       headers_sent;
    bool       answered;                        /* its response has begun */
    bool       hedged;                          /* its time was over: another try was asked for */
};

struct rq_s {
    nc_stream_t               *s;
    const conf_t              *conf;
    const nc_route_forward_t  *forward;
    const nc_cluster_entry_t  *entry;           /* pinned by cluster_slot */
    uint32_t                   cluster_slot;
    nc_priority_t              priority;
    try_t                     *live;            /* tries under way, the newest first */
    try_t                     *final;           /* the one whose response goes on, or NULL */
    try_t                      first;

    bool                       whole;           /* all of the request was passed to us */
    bool                       has_trailers;
    bool                       done;            /* nothing more comes from the upstream */
    bool                       body_gated;
    bool                       is_grpc;
    bool                       alt_timeout;     /* x-envoy-upstream-rq-timeout-alt-response */
    bool                       raw;             /* CONNECT ends here: bytes, not HTTP */
    bool                       times_in_head;   /* perhaps: x-envoy-upstream-rq-* */
    bool                       host_was_set;    /* auto_host_rewrite was told about */

    nc_buf_t                   replay;          /* the body so far */
    uint64_t                   replay_limit;
    bool                       keeps;           /* the body is kept, for another try or redirect */

    const nc_retry_policy_t   *policy;          /* NULL: none on the route */
    uint32_t                   retry_on;        /* NC_RETRY_* */
    uint32_t                   retries_left;
    uint32_t                   tries;
    const nc_str_t            *more_headers;    /* x-envoy-retriable-header-names */
    uint32_t                   n_more_headers;
    nc_str_t                   more_codes;      /* x-envoy-retriable-status-codes */
    uint64_t                   reset_ms;        /* the wait that the upstream asked for; 0: none */
    nc_tried_t                *tried;
    uint32_t                   n_tried;
    uint32_t                   cap_tried;
    bool                       hedge;
    bool                       waiting;         /* a back-off runs */
    bool                       retry_held;      /* counts in the retries breaker */
    bool                       retried;         /* a retry was made since the last judgement */
    bool                       timed_out;       /* the retry to come is because of a timeout */

    uint64_t                   timeout_ms;
    uint64_t                   per_try_ms;
    uint64_t                   per_try_idle_ms;

    nc_str_t                   cookie;          /* Set-Cookie of a hash policy; data NULL: none */
    const nc_vcluster_t       *vcluster;
    shadow_t                  *shadows;         /* copies whose body is still to come */
};


/* ---- try.c ---- */

/* Begins another try, now. */
void nc_router_try(rq_t *r);

/* The rest of the body for all tries under way; `data` is emptied. */
void nc_router_body(rq_t *r, nc_buf_t *data, bool end);
void nc_router_trailers(rq_t *r);

/* Ends one try, and all of them. */
void nc_router_end_try(try_t *t);
void nc_router_end_tries(rq_t *r, const try_t *except);

/* A try failed before its response was whole: another one, or the answer to that. */
void nc_router_failed(try_t *t, failure_t why, const char *reason);

/* The response is whole, or will never be. */
void nc_router_over(rq_t *r);

/* Tries whose response has not begun. */
unsigned nc_router_awaiting(const rq_t *r);

/* Counts a status code of the cluster, unless told not to. */
void nc_router_count_code(rq_t *r, unsigned status);


/* ---- timeouts.c ---- */

void nc_router_set_timeouts(rq_t *r);

/* x-envoy-expected-rq-timeout-ms, and grpc-timeout, as they are now. */
void nc_router_tell_timeouts(rq_t *r);

/* The times of a try begin to run; its response moved. */
void nc_router_start_try_time(try_t *t);
void nc_router_touch_try(try_t *t);

void nc_router_on_deadline(nc_stream_t *s, nc_deadline_t which);


/* ---- retry.c ---- */

/* Reads policy and headers of the request. */
void nc_router_retry_init(rq_t *r);

typedef enum {
    RETRY_NO,                                   /* not a case for another try */
    RETRY_YES,                                  /* scheduled */
    RETRY_LIMIT,                                /* would be, but the tries are used up */
    RETRY_OVERFLOW                              /* would be, but the breaker is open */
} retry_t;

/* Another try after a failure, a time that was over, a response? Schedules it when yes. */
retry_t nc_router_retry_failure(rq_t *r, const try_t *t, failure_t why);
retry_t nc_router_retry_hedge(rq_t *r);
retry_t nc_router_retry_response(rq_t *r, const nc_headers_t *h, unsigned status);

/* Would the response ask for another try? */
bool nc_router_would_retry(rq_t *r, const nc_headers_t *h, unsigned status);

/* Sets the flag that belongs to it. */
void nc_router_retry_flag(rq_t *r, retry_t what);

/* The retry that was counted is over. */
void nc_router_retry_done(rq_t *r);

/* No more tries: the body is not kept any longer. */
void nc_router_retry_give_up(rq_t *r);

/* The host for the next try, or NULL. */
const nc_host_t *nc_router_pick(rq_t *r, const nc_host_set_t *hosts);
void nc_router_remember(rq_t *r, const nc_host_t *h);

/* Counts beside the cluster: for the virtual cluster, or those of none, and for the route. */
#define NC_ROUTER_COUNT_BESIDE(r, name)  \
    do {  \
        if ((r)->vcluster) {  \
            nc_counter_inc((r)->vcluster->stats.name);  \
        } else if ((r)->s->match.vhost->other) {  \
            nc_counter_inc((r)->s->match.vhost->other->name);  \
        }  \
        if ((r)->forward->stats) {  \
            nc_counter_inc((r)->forward->stats->name);  \
        }  \
    } while (0)

#define NC_ROUTER_COUNT(r, name)  \
    do {  \
        nc_counter_inc((r)->entry->cluster->stats.name);  \
        NC_ROUTER_COUNT_BESIDE((r), name);  \
    } while (0)


/* ---- shadow.c ---- */

/* Copies of a request whose head is final. */
void nc_router_mirror(rq_t *r, bool end);
void nc_router_mirror_data(rq_t *r, const nc_buf_t *data, bool end);
void nc_router_mirror_trailers(rq_t *r);

/* The request ends: copies that are not whole are given up. */
void nc_router_mirror_end(rq_t *r);


/* ---- redirect.c ---- */

/* The response is a redirect that is followed here: true when the stream began anew (r is gone). */
bool nc_router_follow(try_t *t, nc_headers_t *h, unsigned status);


/* ---- reply.c ---- */

/* The answer for a failure before the response began, or the reset after it. */
void nc_router_reply_failure(rq_t *r, failure_t why, const char *reason);
void nc_router_reply_timeout(rq_t *r, const char *details);
void nc_router_reply_no_route(nc_stream_t *s);
void nc_router_reply_no_cluster(nc_stream_t *s, const nc_route_forward_t *forward);
void nc_router_reply_no_host(rq_t *r);
void nc_router_reply_too_large(rq_t *r);
void nc_router_redirect(nc_stream_t *s);
void nc_router_direct(nc_stream_t *s);

/* Flags and counters of a failed try. */
void nc_router_note_failure(rq_t *r, failure_t why, const char *reason);

/* Checks the headers of strict_check_headers; false: answered with 400. */
bool nc_router_strict(nc_stream_t *s, const conf_t *conf);

/* What every response of this request gets, its own ones too. */
void nc_router_response_headers(rq_t *r, nc_headers_t *h);

#endif
