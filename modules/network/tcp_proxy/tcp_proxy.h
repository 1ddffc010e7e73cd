/* tcp_proxy.h: what the files of this folder share: the configuration and one session. */
#ifndef NC_TCP_PROXY_H
#define NC_TCP_PROXY_H

#include "http/access_log.h"
#include "net/acceptor.h"
#include "upstream/tcp.h"

/* tcp.<stat_prefix>. */
#define NC_TCP_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(downstream_cx_no_route)  \
    COUNTER(downstream_cx_rx_bytes_total)  \
    COUNTER(downstream_cx_total)  \
    COUNTER(downstream_cx_tx_bytes_total)  \
    COUNTER(downstream_flow_control_paused_reading_total)  \
    COUNTER(downstream_flow_control_resumed_reading_total)  \
    COUNTER(early_data_received_count_total)  \
    COUNTER(idle_timeout)  \
    COUNTER(max_downstream_connection_duration)  \
    COUNTER(upstream_flush_total)  \
    GAUGE(upstream_flush_active)

NC_STATS_STRUCT(nc_tcp_stats, NC_TCP_STATS)

/* The state under which sni_cluster and others name the cluster of a connection. */
#define NC_TCP_CLUSTER_KEY      "envoy.tcp_proxy.cluster"

typedef enum {
    CONNECT_AT_ONCE,
    CONNECT_ON_DATA,
    CONNECT_ON_TLS                              /* when the downstream handshake is done */
} connect_mode_t;

typedef struct {
    nc_str_t  name;
    uint64_t  weight_end;                       /* sum of the weights up to and with this one */
} target_t;

/* An image object. */
typedef struct {
    nc_str_t          stat_prefix;
    const target_t   *targets;
    uint32_t          n_targets;
    uint64_t          idle_ms;                  /* 3600000; 0: none */
    uint64_t          max_duration_ms;          /* 0: none */
    double            jitter;                   /* of max_duration, 0 .. 1 */
    uint32_t          max_attempts;             /* 1 */
    uint64_t          backoff_base_ms;          /* 0: next try at once */
    uint64_t          backoff_max_ms;
    connect_mode_t    connect_mode;
    uint32_t          max_early_bytes;
    nc_access_log_ref_t  *logs;
    uint32_t          n_logs;
    uint64_t          log_interval_ms;          /* 0: only at the end */
    bool              log_on_connected;
    nc_tcp_stats_t    stats;
} conf_t;

#define TCP_SESSION_MAGIC   0x6e637470u

/*
 * One downstream connection with its upstream one.
 *
 *   WAITING ──data, handshake──► CONNECTING ──connected──► RELAYING ──one side gone──► ENDING
 *                                  │    ▲
 *                                  └────┘ failed, tries left
 */
typedef enum {
    WAITING,                                    /* for what upstream_connect_mode says */
    CONNECTING,                                 /* or waiting for the next try */
    RELAYING,
    ENDING
} phase_t;

/* One of the two directions of a session. */
typedef enum {
    TO_UP,
    TO_DOWN
} way_t;

/* Bytes of one direction on their way through a pipe (relay.c). */
typedef struct {
    int       fds[2];                           /* -1: none */
    size_t    len;                              /* bytes in it */
    uint64_t  total;                            /* bytes that went this way by queues */
    uint8_t   poor;                             /* turns in a row that moved little */
    bool      on;                               /* the source is spliced, not read */
    bool      eof;                              /* the end was passed on */
} pipe_t;

typedef struct session_s {
    uint32_t                   magic;
    uint8_t                    phase;           /* phase_t */
    bool                       flushing;        /* upstream gets its last bytes, downstream is gone */
    nc_conn_t                 *down;            /* NULL: closed */
    nc_tcp_up_t                up;
    const conf_t              *conf;            /* of the listener, which is pinned */
    const nc_listener_conf_t  *listener;
    nc_acceptor_t             *acceptor;
    nc_str_t                   cluster;         /* image memory, or the connection's facts */
    uint32_t                   attempts;
    uint64_t                   retry_ms;        /* when something is due; 0: never */
    uint64_t                   idle_ms;
    uint64_t                   age_ms;
    uint64_t                   log_ms;
    uint64_t                   moved;           /* bytes moved when idle_ms was set */
    uint64_t                   rx_counted;
    uint64_t                   tx_counted;
    pipe_t                     ways[2];         /* by way_t */
    uint32_t                   slots[2];        /* pins behind info's texts; 0: none */
    nc_conn_info_t             conn_info;
    nc_http_info_t             info;
    char                       failure[128];    /* text behind info.upstream_failure */
} session_t;

/* compile.c */
const void *tcp_proxy_compile(nc_compile_t *cc, const struct ProtobufCMessage *message);

/* log.c: the facts of a session, and its lines. */
void tcp_info_init(session_t *s);
void tcp_info_upstream(session_t *s);
void tcp_info_fini(session_t *s);
void tcp_log(session_t *s, nc_log_type_t type);


/* relay.c: bytes between two open connections. */
void tcp_relay_init(session_t *s);

/* Gives pipes back. */
void tcp_relay_fini(session_t *s);

/* Passes on what the source of `way` has, by queue. */
void tcp_relay_pump(session_t *s, way_t way);

/* Both sides' operations while they relay. */
extern const nc_conn_ops_t  tcp_down_ops, tcp_up_ops;

/* What is in the pipe of `way` goes to the queue of its target, which is about to be flushed. */
void tcp_relay_empty(session_t *s, way_t way);

/* tcp_proxy.c: one side has ended. */
void tcp_down_closed(nc_conn_t *c, nc_close_t why);
void tcp_up_closed(nc_conn_t *c, nc_close_t why);

/* Both sides have said all; the session ends when it is written. */
void tcp_session_end(session_t *s);

#endif
