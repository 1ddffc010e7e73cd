/*
 * tcp.h: a raw connection to an upstream host, for one downstream connection: counted and limited as
 * all upstream connections are, never pooled.
 *
 *   nc_tcp_up_connect ─► CONNECTING ─on_connected─► OPEN ─on_close─► over
 *                             └──────────on_close──────────────────────┘
 *
 * Invariants:
 *  1. The owner's nc_conn_ops_t get the connection's events directly; on_connected begins with
 *     nc_tcp_up_connected, on_close with nc_tcp_up_closed.
 *  2. Between a successful connect and nc_tcp_up_closed the cluster and its hosts are pinned.
 */
#ifndef NC_UPSTREAM_TCP_H
#define NC_UPSTREAM_TCP_H

#include "net/conn.h"
#include "upstream/cluster.h"

/* In the owner's memory, zeroed before its first use. */
typedef struct {
    nc_conn_t            *c;                    /* NULL: none */
    const nc_cluster_t   *cluster;              /* pinned while c is there, as hosts */
    const nc_host_set_t  *hosts;
    const nc_host_t      *host;
    nc_priority_t         priority;
    bool                  connected;
    uint64_t              rx_counted;
    uint64_t              tx_counted;
} nc_tcp_up_t;

/*
 * Begins to connect to `host` of `hosts` (the entry's newest). NC_OK: on_connected or on_close of
 * `ops` follows, never during this call. `o` is for the cluster's transport socket. NC_DECLINED:
 * a circuit breaker is open. NC_ERROR: no socket could be made (errno) or the transport failed
 * (*why, static text; else NULL).
 */
nc_rc_t nc_tcp_up_connect(nc_tcp_up_t *u, const nc_cluster_entry_t *entry,
    const nc_host_set_t *hosts, const nc_host_t *host, nc_priority_t priority,
    const nc_transport_options_t *o, const nc_conn_ops_t *ops, void *owner, const char **why);

void nc_tcp_up_connected(nc_tcp_up_t *u);

/* Releases what is held; u->c is NULL afterwards and u may connect again. */
void nc_tcp_up_closed(nc_tcp_up_t *u, nc_close_t why);

/* Bytes that moved since the last call go to the cluster's stats. */
void nc_tcp_up_count_bytes(nc_tcp_up_t *u);

#endif
