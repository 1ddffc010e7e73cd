/*
 * listener_filter.h: what happens to a connection between accept and the choice of its filter chain.
 * Filters look at the first bytes without taking them from the socket, so that whoever serves the
 * connection finds them there (the PROXY protocol's are taken: they are nobody else's).
 *
 * Invariants:
 *  1. Filters run one after the other, each until it is done.
 *  2. The whole phase has one deadline, listener_filters_timeout.
 *  3. A connection in this phase holds no buffer of its own.
 */
#ifndef NC_NET_LISTENER_FILTER_H
#define NC_NET_LISTENER_FILTER_H

#include "net/acceptor.h"
#include "net/facts.h"

#define NC_PEEK_MAX     ((64u << 10) + 64)      /* bytes a filter can ask to see */

/* One filter on one connection; valid during the call. */
typedef struct {
    nc_conn_t                 *c;
    const nc_listener_conf_t  *listener;
    const void                *conf;
    const uint8_t             *data;            /* the first bytes; NULL in on_accept */
    size_t                     len;
    size_t                     consume;         /* set by on_data: bytes to take from the socket */
} nc_listener_filter_t;

typedef struct nc_listener_filter_ops_s {
    /*
     * Before any byte. NC_OK: done with it. NC_AGAIN: on_data is needed. NC_DECLINED: close it.
     * NC_ERROR: close it as an error. May be NULL, which is NC_AGAIN.
     */
    nc_rc_t  (*on_accept)(nc_listener_filter_t *f);

    /* There are bytes. NC_OK: done. NC_AGAIN: more than `len` are needed. NC_ERROR: close it. */
    nc_rc_t  (*on_data)(nc_listener_filter_t *f);

    /* How many bytes on_data may need to see, at most NC_PEEK_MAX. */
    size_t   (*max_bytes)(const void *conf);
} nc_listener_filter_ops_t;

/* Begins; ends in nc_acceptor_serve or with the connection closed. */
void nc_listener_filters_run(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener);

#endif
