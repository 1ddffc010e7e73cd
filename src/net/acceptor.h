/*
 * acceptor.h: the worker's side of a listener: takes connections from the socket and gives them to
 * the filter chain. Also the interface of network filters.
 *
 * Invariants:
 *  1. A connection keeps the configuration it was accepted under (a pin of its slot) until it moves
 *     to the newest one between two requests, or ends.
 *  2. An acceptor outlives its connections.
 */
#ifndef NC_NET_ACCEPTOR_H
#define NC_NET_ACCEPTOR_H

#include "base/slot.h"
#include "net/conn.h"
#include "net/listener.h"

typedef struct nc_acceptor_s {
    nc_event_t                 ev;
    const nc_listener_conf_t  *conf;            /* the newest, pinned */
    nc_list_t                  conns;           /* nc_conn_t.link */
    uint32_t                   n_conns;
    uint32_t                   refs;            /* one while open, one per connection */
    bool                       accepting;
    bool                       draining;        /* connections are asked to end */
    nc_list_t                  link;            /* the worker's list */
} nc_acceptor_t;

/* Operations of a network filter; only terminal ones exist so far, each the owner of its connection. */
typedef struct nc_network_filter_ops_s {
    /*
     * A new connection for the filter configured by `conf`. It must set c->ops and c->owner (or
     * close c). `listener` is pinned for the connection by the acceptor.
     */
    void  (*on_new)(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
        const nc_listener_conf_t *listener);
    bool    terminal;
} nc_network_filter_ops_t;

/* Begins to accept from `fd`, which stays the caller's. NULL with errno: it cannot be watched. */
nc_acceptor_t *nc_acceptor_open(const nc_listener_conf_t *conf, int fd);

/* New configuration for the same socket. */
void nc_acceptor_update(nc_acceptor_t *a, const nc_listener_conf_t *conf);

/*
 * Stops accepting, but first takes what is in the queue of the socket when `empty_queue`. The fd may
 * be closed afterwards.
 */
void nc_acceptor_stop(nc_acceptor_t *a, bool empty_queue);

/* Asks all connections to end when convenient (Connection: close, idle ones at once). */
void nc_acceptor_drain(nc_acceptor_t *a);

/* Gives up the opener's reference; connections live on. Stops first. */
void nc_acceptor_close(nc_acceptor_t *a);

/* For on_close of a connection: listener stats, pins and references. */
void nc_acceptor_conn_closed(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener);

/*
 * The newest configuration for a connection that used `listener`, when it is another one: its pin
 * moves. Returns the configuration to use.
 */
const nc_listener_conf_t *nc_acceptor_renew(nc_acceptor_t *a, const nc_listener_conf_t *listener);

/* The filter chain for a connection. NULL: none matches. */
const nc_filter_chain_t *nc_listener_chain(const nc_listener_conf_t *conf, const nc_conn_t *c);

#endif
