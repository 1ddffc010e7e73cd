/*
 * acceptor.h: the worker's side of a listener: takes connections from the socket and gives them to
 * the filter chain.
 *
 *   accept ─► listener filters (listener_filter.h) ─► chain match ─► transport ─► network filters
 *                                                                                  (chain_run.h)
 *
 * Invariants:
 *  1. A connection keeps the configuration it was accepted under (a pin of its slot) until it moves
 *     to the newest one between two requests, or ends.
 *  2. An acceptor outlives its connections.
 *  3. A connection is in `conns` from its first moment on, and leaves by nc_acceptor_conn_closed or,
 *     when it got no chain, by nc_acceptor_let_go.
 */
#ifndef NC_NET_ACCEPTOR_H
#define NC_NET_ACCEPTOR_H

#include "base/slot.h"
#include "net/chain_run.h"
#include "net/conn.h"
#include "net/listener.h"

struct nc_acceptor_s {
    nc_event_t                 ev;
    const nc_listener_conf_t  *conf;            /* the newest, pinned */
    nc_list_t                  conns;           /* nc_conn_t.link */
    uint32_t                   n_conns;
    uint32_t                   refs;            /* one while open, one per connection */
    nc_breaker_t               counted;         /* rows of the limits; the same in every conf */
    nc_breaker_t               counted_globally;
    uint32_t                   n_deferred;      /* exact_balance: left to others in a row */
    nc_timer_t                 deferral;
    bool                       accepting;
    bool                       draining;        /* connections are asked to end */
    nc_list_t                  link;            /* all that take connections */
};

/*
 * Begins to accept from `fd`, which stays the caller's; -1: it only gets connections that other
 * listeners hand over (bind_to_port false). NULL with errno: fd cannot be watched.
 */
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
 * The listener filters have had their say: the connection gets its chain, or is closed when none
 * matches.
 */
void nc_acceptor_serve(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener);

/* As nc_acceptor_conn_closed for a connection that never had a chain. */
void nc_acceptor_let_go(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener);

/*
 * For the terminal filter of a connection that began with its on_new `begin` under *listener: when
 * there is a newer configuration and the connection's chain there ends in the same module,
 * *listener becomes the newer one (pins and gauges of the listener move too) and what the module
 * made of its configuration there is returned. NULL: everything stays as it is.
 */
const void *nc_acceptor_renew(nc_acceptor_t *a, const nc_conn_t *c,
    const nc_listener_conf_t **listener, nc_network_begin_t *begin);

/* The filter chain for a connection. NULL: none matches. */
const nc_filter_chain_t *nc_listener_chain(const nc_listener_conf_t *conf, const nc_conn_t *c);

#endif
