/*
 * listener.h: listeners. Compiled by the helper (nc_listener_compile), opened by the worker on the
 * socket that the master made for it.
 */
#ifndef NC_NET_LISTENER_H
#define NC_NET_LISTENER_H

#include "base/module.h"
#include "net/chain_match.h"
#include "os/addr.h"
#include "stats/hosts.h"
#include "stats/names.h"

/* No honest client needs longer, and one that is silent holds no connection for ever. */
#define NC_HANDSHAKE_MS     60000u

struct nc_conn_s;
struct Envoy__Config__Listener__V3__Listener;

/* A filter or an access log: a module and what it made of its configuration. */
typedef struct {
    const nc_module_t  *module;
    const void         *conf;
    nc_str_t            name;
} nc_filter_ref_t;

typedef struct nc_filter_chain_s {
    nc_str_t            name;
    nc_filter_ref_t    *filters;                /* the last one is terminal */
    uint32_t            n_filters;
    const nc_module_t  *transport;              /* NULL: raw */
    const void         *transport_conf;
    uint64_t            transport_timeout_ms;   /* of its handshake; 0: NC_HANDSHAKE_MS */
} nc_filter_chain_t;

/* One of additional_addresses. */
typedef struct {
    nc_addr_t  addr;
    uint32_t   socket_key;
    uint32_t   unix_mode;
    bool       ipv4_compat;
} nc_listener_addr_t;

/* An image object. */
typedef struct nc_listener_conf_s {
    uint32_t                  slot;
    uint32_t                  socket_key;       /* under which the master's sockets are known */
    nc_listener_addr_t       *more;             /* additional_addresses */
    uint32_t                  n_more;
    nc_listener_ctx_t         ctx;              /* name, stat name, direction, buffer limit */
    nc_addr_t                 addr;             /* as configured; port 0: see the socket */
    uint32_t                  backlog;          /* 0: the system's */
    bool                      reuse_port;       /* a socket per worker (default) */
    bool                      bind_to_port;
    uint32_t                  unix_mode;        /* of a Unix socket; 0: leave */
    bool                      ipv4_compat;      /* [::] takes IPv4 too */
    bool                      transparent;
    bool                      freebind;
    uint32_t                  fast_open;        /* queue length; 0: off */
    bool                      use_original_dst; /* restored destinations go to their listener */
    bool                      exact_balance;    /* connections are shared out evenly to workers */
    bool                      keepalive;        /* tcp_keepalive; 0 is the kernel's */
    uint32_t                  keepalive_probes, keepalive_time_s, keepalive_interval_s;
    nc_breaker_t              counted;          /* connections of all workers */
    nc_breaker_t              counted_globally; /* of all listeners; id 0: not this one's */
    uint64_t                  max_connections;          /* UINT64_MAX: no limit */
    uint64_t                  max_global_connections;
    nc_listener_worker_stats_t  *workers;       /* by worker; listener.<name>.worker_<i>. */
    uint32_t                  n_workers;
    uint32_t                  max_accepts;      /* per socket event; 0: no limit of ours */
    nc_filter_chain_t        *chains;           /* in order of configuration */
    uint32_t                  n_chains;
    nc_chain_match_t          match;            /* which of them a connection gets */
    const nc_filter_chain_t  *default_chain;    /* default_filter_chain; NULL: none */
    nc_filter_ref_t          *filters;          /* listener filters */
    uint32_t                  n_filters;
    uint64_t                  filters_timeout_ms;       /* 15000; 0: none */
    bool                      continue_on_timeout;
    nc_listener_stats_t       stats;
} nc_listener_conf_t;

/*
 * Message to image object in cc->pool; socket_key is the caller's to set afterwards. NULL: errors
 * were added.
 */
nc_listener_conf_t *nc_listener_compile(nc_compile_t *cc,
    const struct Envoy__Config__Listener__V3__Listener *message);

#endif
