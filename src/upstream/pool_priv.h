/* pool_priv.h: what the pool and the clients of both protocols share. */
#ifndef NC_UPSTREAM_POOL_PRIV_H
#define NC_UPSTREAM_POOL_PRIV_H

#include "upstream/pool.h"

#define NC_UP_CONN_MAGIC    0x6e637563u

/* The keep-alive connections of this worker to one host. */
typedef struct nc_host_pool_s {
    nc_list_t     link;                         /* all pools */
    nc_list_t     idle;                         /* nc_up_conn_t.link, the last used first */
    nc_list_t     waiting;                      /* nc_up_t.link, the first come first */
    nc_list_t     shared;                       /* HTTP/2 ones, nc_up_conn_t.link, idle or not */
    nc_host_id_t  host;
    uint32_t      n_conns;                      /* connecting, idle and busy */
    uint32_t      n_connecting;
} nc_host_pool_t;

typedef enum {
    NC_UPC_CONNECTING,
    NC_UPC_IDLE,
    NC_UPC_HEAD,                                /* a request is out, its response has not begun */
    NC_UPC_BODY,
    NC_UPC_TUNNEL
} nc_upc_phase_t;

struct nc_up_conn_s {
    uint32_t             magic;
    uint8_t              phase;                 /* nc_upc_phase_t */
    bool                 upgrade;               /* the request asks for one */
    bool                 keep_alive;            /* the response allows reuse */
    uint32_t             n_requests;
    nc_conn_t           *c;
    nc_host_pool_t      *pool;
    nc_up_t             *u;                     /* HTTP/1: the request on it, or NULL */
    struct nc_h2_client_s  *h2;                 /* HTTP/2: its session; NULL: HTTP/1 */
    bool                 wants_h2;              /* it will speak HTTP/2 when it is connected */
    uint32_t             n_active;              /* requests on it */
    const nc_cluster_t  *cluster;               /* pinned */
    nc_priority_t        priority;              /* whose breaker counts it */
    nc_list_t            link;
    bool                 have_local;
    nc_peer_t            local;
    uint64_t             idle_ms;               /* when it is closed if idle until then; 0: never */
    uint64_t             rx_counted;
    uint64_t             tx_counted;
    union {
        nc_h1_parser_t   parser;
        nc_h1_body_t     body;
    };
    nc_h1_options_t      options;               /* of parsing, from the cluster */
};

/* Input for the request on the connection, or for an idle one (h1_client.c). */
void nc_h1_client_read(nc_up_conn_t *uc);

/*
 * The response is whole, or broken off: the request leaves the connection, which goes back to the
 * pool when `reuse`, else it is closed.
 */
void nc_up_detach(nc_up_t *u, bool reuse);

/* The request on the connection broke off: told to its owner, the connection is closed. */
void nc_up_break(nc_up_conn_t *uc, nc_up_reset_t why, const char *reason);

/*
 * HTTP/2 (h2_client.c). `connected` begins the session; `room` is how many more requests it takes;
 * `attach` makes a stream for a request; `leave` forgets it (reset when it is not over); `broken`
 * tells every request that the connection is gone; `end` frees the session, at the end of the turn.
 */
void nc_h2_client_connected(nc_up_conn_t *uc);
uint32_t nc_h2_client_room(const nc_up_conn_t *uc);
void nc_h2_client_attach(nc_up_conn_t *uc, nc_up_t *u);
void nc_h2_client_leave(nc_up_t *u);
void nc_h2_client_read(nc_up_conn_t *uc);
void nc_h2_client_drained(nc_up_conn_t *uc);
void nc_h2_client_drain(nc_up_conn_t *uc);
void nc_h2_client_timer(nc_up_conn_t *uc);
void nc_h2_client_broken(nc_up_conn_t *uc, nc_up_reset_t why);
void nc_h2_client_end(nc_up_conn_t *uc);

/* Its side of nc_up_headers and so on. */
void nc_h2_client_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade);
void nc_h2_client_data(nc_up_t *u, nc_buf_t *data, bool end);
void nc_h2_client_trailers(nc_up_t *u, const nc_headers_t *t);
void nc_h2_client_gate(nc_up_t *u, nc_gate_t who, bool hold);
bool nc_h2_client_backed_up(const nc_up_t *u);

/* A shared connection has room again, or became idle (pool.c). */
void nc_up_offer_shared(nc_up_conn_t *uc);

/* Bytes that moved since the last call go to the stats. */
void nc_up_count_bytes(nc_up_conn_t *uc);

#endif
