/*
 * facts.h: what is known of a downstream connection beyond its socket: found out by listener filters
 * and transport sockets before the filter chain is chosen, or set by network filters. Most
 * connections need none; the first to say something makes them.
 *
 * Invariant: everything in here lives until the end of the turn in which the connection is closed.
 */
#ifndef NC_NET_FACTS_H
#define NC_NET_FACTS_H

#include "base/pool.h"
#include "os/addr.h"

struct nc_conn_s;

/* A value under a key: filter state, or a string of dynamic metadata. */
typedef struct nc_fact_s {
    struct nc_fact_s  *next;
    nc_str_t           space;                   /* metadata namespace; data NULL: filter state */
    nc_str_t           key;
    nc_str_t           value;
    bool               read_only;
    bool               for_upstream;            /* shared with upstream connections */
} nc_fact_t;

typedef struct nc_conn_facts_s {
    nc_pool_t        pool;
    nc_peer_t        local;                     /* where it was headed; family 0: the socket's own */
    bool             restored;                  /* local is not the address that we listen on */
    nc_peer_t        direct_remote;             /* of the socket; family 0: as nc_conn_t.remote */
    nc_str_t         server_name;               /* SNI, lower case; data NULL: none */
    nc_str_t         transport;                 /* "tls", "raw_buffer"; data NULL: not looked */
    const nc_str_t  *alpn;                      /* what the client offers */
    uint32_t         n_alpn;
    nc_str_t         ja3;                       /* MD5 in hexadecimal; data NULL: none */
    nc_str_t         ja4;
    nc_fact_t       *first;                     /* filter state and metadata, newest first */
    void            *run;                       /* network filters at work (chain_run.c) */
} nc_conn_facts_t;

/* The connection's facts, made when there are none yet. */
nc_conn_facts_t *nc_conn_facts(struct nc_conn_s *c);

/* For the connection's end. */
void nc_conn_facts_free(struct nc_conn_s *c);

/*
 * Filter state (`space` data NULL) or metadata; all bytes are copied. NC_DECLINED: there is one
 * that may only be read.
 */
nc_rc_t nc_conn_fact_set(struct nc_conn_s *c, nc_str_t space, nc_str_t key, nc_str_t value,
    bool read_only, bool for_upstream);

/* The value, or data NULL. */
nc_str_t nc_conn_fact(const struct nc_conn_s *c, nc_str_t space, nc_str_t key);

#endif
