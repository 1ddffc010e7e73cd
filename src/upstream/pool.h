/*
 * pool.h: a request to an upstream host: connections are taken from per-worker keep-alive pools,
 * one pool per host; HTTP/1 is spoken on them (h1_client.c).
 *
 *   nc_up_start ─► (PENDING) ─on_ready─► OPEN ─on_headers─► ... ─end─► DONE
 *                       │                  │
 *                       └─on_fail          └─on_reset
 *
 * Invariants:
 *  1. Exactly one of on_fail, on_reset or the end of the response ends a request; after nc_up_cancel
 *     nothing is called any more.
 *  2. No callback runs inside nc_up_start; a ready connection shows by its return value.
 *  3. Connection, request and pending counts are the machine's (circuit breakers of the arena).
 *  4. A connection goes back to the pool only after a response that was framed and read whole.
 */
#ifndef NC_UPSTREAM_POOL_H
#define NC_UPSTREAM_POOL_H

#include "codec/h1.h"
#include "net/conn.h"
#include "upstream/cluster.h"

typedef struct nc_up_s       nc_up_t;
typedef struct nc_up_conn_s  nc_up_conn_t;

/* Why there is no connection. */
typedef enum {
    NC_UP_OVERFLOW,                             /* a circuit breaker */
    NC_UP_CONNECT_FAILED,
    NC_UP_CONNECT_TIMEOUT
} nc_up_failure_t;

/* Why a request broke off. */
typedef enum {
    NC_UP_TERMINATED,                           /* connection closed by the upstream */
    NC_UP_RESET,                                /* connection reset by the upstream */
    NC_UP_PROTOCOL_ERROR,                       /* malformed response */
    NC_UP_REMOTE_RESET,                         /* HTTP/2: the stream was reset */
    NC_UP_REFUSED                               /* HTTP/2: the stream was refused unprocessed */
} nc_up_reset_t;

typedef struct {
    void  (*on_ready)(nc_up_t *u);              /* write the request now */
    void  (*on_fail)(nc_up_t *u, nc_up_failure_t why, const char *reason);
    void  (*on_informational)(nc_up_t *u, nc_headers_t *h);
    void  (*on_headers)(nc_up_t *u, nc_headers_t *h, bool end);     /* 101: an upgrade */
    void  (*on_data)(nc_up_t *u, nc_buf_t *data, bool end);
    void  (*on_trailers)(nc_up_t *u, nc_headers_t *t);
    void  (*on_reset)(nc_up_t *u, nc_up_reset_t why, const char *reason);
    void  (*on_backlog)(nc_up_t *u, bool slow); /* the upstream takes our bytes slowly, or again */
} nc_up_ops_t;

typedef enum {
    NC_UP_IDLE,                                 /* not started, or over */
    NC_UP_PENDING,
    NC_UP_OPEN
} nc_up_state_t;

/* One try of one request; the owner's memory, zeroed before its first use. */
struct nc_up_s {
    /* set by the owner before nc_up_start */
    const nc_up_ops_t   *ops;
    void                *owner;
    nc_pool_t           *pool;                  /* for the response's headers */
    nc_h1_for_t          answers;               /* HEAD and CONNECT have no body */
    bool                 raw;                   /* bytes as they are, on a connection of its own:
                                                   no nc_up_headers, no on_headers */
    bool                 downstream_h2;         /* for clusters that speak what downstream does */

    /* read by the owner */
    nc_up_state_t        state;
    const nc_cluster_t  *cluster;               /* pinned until the end */
    const nc_host_t     *host;                  /* part of the pinned host set */
    nc_priority_t        priority;
    nc_up_conn_t        *conn;                  /* when OPEN */
    bool                 request_sent;          /* its last byte is with the connection */
    bool                 response_started;
    bool                 reused;                /* the connection had served before */
    uint64_t             started_us;            /* when the connection was there */

    /* private */
    const nc_host_set_t *hosts;                 /* pinned */
    nc_list_t            link;                  /* in the pool's queue while PENDING */
    bool                 chunked;
    bool                 no_reuse;
    nc_headers_t        *response;
    nc_headers_t        *trailers;
    struct nc_h2_request_s  *h2;                /* HTTP/2: its stream */
    nc_block_t          *head_block;            /* the bytes of the response's headers live here */
};

/* Once per worker. */
void nc_upstream_init(void);

/*
 * Begins a try on `host` of `hosts` (both the entry's newest). NC_OK: there is a connection, write
 * the request. NC_AGAIN: on_ready or on_fail follows. NC_DECLINED: a circuit breaker is open.
 * NC_ERROR: no socket could be made (errno). Nothing is held after the last two.
 */
nc_rc_t nc_up_start(nc_up_t *u, const nc_cluster_entry_t *entry, const nc_host_set_t *hosts,
    const nc_host_t *host, nc_priority_t priority);

/* The request's head; `end`: there is no body. With `upgrade` bytes flow unframed after a 101. */
void nc_up_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade);
void nc_up_data(nc_up_t *u, nc_buf_t *data, bool end);
void nc_up_trailers(nc_up_t *u, const nc_headers_t *t);

/* Ends the try now; the connection is closed unless the response was whole. Fine when over. */
void nc_up_cancel(nc_up_t *u);

/* Releases what a try that is over still holds (header blocks, pins); then it may start again. */
void nc_up_release(nc_up_t *u);

/* Holds or frees the reading of the response (slow client). */
void nc_up_gate(nc_up_t *u, nc_gate_t who, bool hold);

/* Addresses and id of the connection of an OPEN try. */
void nc_up_addresses(const nc_up_t *u, nc_peer_t *remote, nc_peer_t *local, uint64_t *id);

/* The connection of an OPEN try, for what it says of itself; never written or closed by callers. */
nc_conn_t *nc_up_socket(const nc_up_t *u);

/* The protocol of an OPEN try's connection is HTTP/2. */
bool nc_up_is_h2(const nc_up_t *u);

/* The upstream takes our bytes slowly: more than its buffer limit waits. */
bool nc_up_backed_up(const nc_up_t *u);

/* At every root change: idle connections to hosts and clusters that are gone are closed. */
void nc_upstream_root_changed(void);

/* Closes all idle connections (drain, orderly exit). */
void nc_upstream_close_idle(void);


/* ---- balancing (lb.c) ---- */

/* Priorities that are to be left out, one bit each; the last bit is for all from there on. */
#define NC_PRIORITY_LIMIT   129u

typedef struct {
    uint64_t  bits[3];
} nc_priority_mask_t;

/*
 * The next host by the cluster's policy. NULL: there is none. Hosts that are not healthy are passed
 * over unless all are (panic). Priorities in `avoid` (may be NULL) are used only when no other one
 * has a healthy host.
 */
const nc_host_t *nc_lb_pick(const nc_cluster_entry_t *entry, const nc_host_set_t *hosts,
    uint64_t random, const nc_priority_mask_t *avoid);

#endif
