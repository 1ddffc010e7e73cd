/* pool_priv.h: what the pool and the HTTP/1 client share. */
#ifndef NC_UPSTREAM_POOL_PRIV_H
#define NC_UPSTREAM_POOL_PRIV_H

#include "upstream/pool.h"

#define NC_UP_CONN_MAGIC    0x6e637563u

/* The keep-alive connections of this worker to one host. */
typedef struct nc_host_pool_s {
    nc_list_t     link;                         /* all pools */
    nc_list_t     idle;                         /* nc_up_conn_t.link, the last used first */
    nc_list_t     waiting;                      /* nc_up_t.link, the first come first */
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
    nc_up_t             *u;                     /* the request on it, or NULL */
    const nc_cluster_t  *cluster;               /* pinned */
    nc_priority_t        priority;              /* whose breaker counts it */
    nc_list_t            link;
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

/* Bytes that moved since the last call go to the stats. */
void nc_up_count_bytes(nc_up_conn_t *uc);

#endif
