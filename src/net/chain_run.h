/*
 * chain_run.h: the network filters of one connection, and their interface.
 *
 *   on_connection of each filter in order ─► on_new of the terminal one, the owner from here on
 *   bytes ─► on_data of each filter in order ─► the terminal one's on_read
 *
 * Invariants:
 *  1. A chain that is only a terminal filter has no run and costs nothing.
 *  2. Filters look at c->in and leave the bytes there; the terminal filter takes them.
 *  3. Once no filter wants to see data, the terminal filter is called by the connection directly.
 *  4. The configuration that the filters were made by is pinned until the connection is gone.
 */
#ifndef NC_NET_CHAIN_RUN_H
#define NC_NET_CHAIN_RUN_H

#include "net/conn.h"
#include "net/facts.h"
#include "net/listener.h"

typedef struct nc_acceptor_s  nc_acceptor_t;

/* One filter on one connection. */
typedef struct nc_net_filter_s {
    nc_conn_t                          *c;
    const struct nc_network_filter_ops_s  *ops;
    const void                         *conf;
    const nc_listener_conf_t           *listener;
    void                               *ctx;    /* the filter's own; in the facts' pool */
    bool                                done;   /* set by the filter: it need not see more data */
} nc_net_filter_t;

typedef void  nc_network_begin_t(nc_conn_t *c, const void *conf, nc_acceptor_t *a,
    const nc_listener_conf_t *listener);

typedef struct nc_network_filter_ops_s {
    /*
     * Terminal filters: a new connection for the filter configured by `conf`. It must set c->ops and
     * c->owner (or close c). `listener` is pinned for the connection by the acceptor; on_close has
     * to call nc_acceptor_conn_closed.
     */
    nc_network_begin_t  *on_new;

    /*
     * Others: a new connection; may be NULL. NC_NEXT goes on, NC_WAIT holds it until
     * nc_net_filter_resume, NC_TAKEN: it was closed.
     */
    nc_verdict_t (*on_connection)(nc_net_filter_t *f);

    /* There are bytes in c->in, or the end of them (c->eof); the same verdicts. May be NULL. */
    nc_verdict_t (*on_data)(nc_net_filter_t *f);

    bool    terminal;
} nc_network_filter_ops_t;

/* The connection gets the chain's filters. */
void nc_chain_run(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener,
    const nc_filter_chain_t *chain);

/* Goes on behind a filter that said NC_WAIT. */
void nc_net_filter_resume(nc_net_filter_t *f);

/* For a terminal filter that changes its operations while other filters may watch. */
void nc_chain_set_ops(nc_conn_t *c, const nc_conn_ops_t *ops);

/* Some filter still looks at the data of the connection. */
bool nc_chain_is_watched(const nc_conn_t *c);

#endif
