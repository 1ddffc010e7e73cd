/*
 * conn.h: connections, downstream and upstream: reading, writing, back-pressure, close.
 *
 *            nc_conn_connect                 nc_conn_accept
 *                  │                               │
 *             CONNECTING ──on_connected──►  OPEN ◄─┘     (a transport's handshake is part of
 *                  │                         │            CONNECTING, or precedes on_read)
 *                  │                         │ nc_conn_finish
 *                  │ on_close                ▼
 *                  │                      FLUSHING (out goes, then our side is shut, input dropped)
 *                  ▼                         ▼
 *                CLOSED ◄──────on_close──────┘        memory goes at the end of the turn
 *
 * Invariants:
 *  1. on_close is called exactly once, and is the last call to the owner.
 *  2. Reading stops while any gate is held; a gate has a holder's name (nc_gate_t).
 *  3. Output is written at the end of the turn, once, whatever was queued during it.
 *  4. An idle connection holds no read or write memory.
 */
#ifndef NC_NET_CONN_H
#define NC_NET_CONN_H

#include "event/loop.h"
#include "net/transport.h"
#include "os/addr.h"

/* Why a connection ended: symbol, text for logs. */
#define NC_CLOSES(X)  \
    X(NONE, "not closed")  \
    X(LOCAL, "closed by us")  \
    X(PEER, "closed by peer")  \
    X(PEER_RESET, "reset by peer")  \
    X(CONNECT_FAILED, "connect failed")  \
    X(CONNECT_TIMEOUT, "connect timeout")  \
    X(IDLE, "idle timeout")  \
    X(PROTOCOL, "protocol error")  \
    X(DRAIN, "drained")  \
    X(MAX_DURATION, "maximum duration reached")  \
    X(DELAYED, "delayed close timeout")  \
    X(OVERFLOW, "too many connections")  \
    X(TRANSPORT, "transport failure")

typedef enum {
#define X(id, text)  NC_CLOSE_##id,
    NC_CLOSES(X)
#undef X
    NC_CLOSE_MAX
} nc_close_t;

const char *nc_close_str(nc_close_t why);

/* Who may hold the reading of a source (bits, so that a holder cannot hold twice). */
#define NC_GATES(X)  \
    X(DOWNSTREAM, "downstream-slow")  \
    X(UPSTREAM, "upstream-slow")  \
    X(FILTER, "filter-waits")  \
    X(PIPELINE, "next-request-waits")  \
    X(BUFFER, "buffer-full")

enum {
#define X(id, text)  NC_GATE_##id##_INDEX,
    NC_GATES(X)
#undef X
    NC_GATE_COUNT
};

typedef enum {
#define X(id, text)  NC_GATE_##id = 1 << NC_GATE_##id##_INDEX,
    NC_GATES(X)
#undef X
    NC_GATE_NONE = 0
} nc_gate_t;

/* Names of the holders, "," between them; "-" when the gate is open. */
void nc_gates_print(unsigned gates, nc_sb_t *out);

typedef struct nc_conn_s  nc_conn_t;

typedef struct {
    void  (*on_read)(nc_conn_t *c);             /* c->in grew, or c->eof became true */
    void  (*on_drained)(nc_conn_t *c);          /* c->out fell to the low mark; may be NULL */
    void  (*on_connected)(nc_conn_t *c);        /* outgoing ones; handshake of others done */
    void  (*on_close)(nc_conn_t *c, nc_close_t why);
    void  (*on_drain)(nc_conn_t *c);            /* please end when convenient; may be NULL */

    /*
     * Instead of reading: the socket has something, and the owner takes it itself (peeks, splices).
     * It clears c->readable when there is no more. May be NULL.
     */
    void  (*on_readable)(nc_conn_t *c);
    void  (*on_writable)(nc_conn_t *c);         /* instead of writing c->out; may be NULL */
} nc_conn_ops_t;

#define NC_CONN_MAGIC   0x6e63636eu

typedef enum {
    NC_CONN_CONNECTING,
    NC_CONN_OPEN,
    NC_CONN_FLUSHING,
    NC_CONN_CLOSED
} nc_conn_state_t;

struct nc_conn_s {
    uint32_t              magic;
    uint8_t               state;                /* nc_conn_state_t */
    uint8_t               gates;                /* nc_gate_t bits that are held */
    uint8_t               read_hint;            /* size class of the next read */
    uint8_t               small_reads;          /* reads in a row that would fit a smaller one */
    bool                  eof : 1;              /* peer will send no more */
    bool                  readable : 1;         /* the kernel may have more */
    bool                  hung_up : 1;          /* RDHUP, HUP or ERR was reported */
    bool                  blocked : 1;          /* the kernel takes no more output now */
    bool                  dirty : 1;            /* in the list of what to flush */
    bool                  over_high : 1;        /* out passed the high mark, not yet the low one */
    bool                  early_close : 1;      /* a peer that closes while gated ends it at once */
    bool                  write_dead : 1;       /* the peer takes nothing any more */
    bool                  shut : 1;             /* our side is shut */
    bool                  shut_wanted : 1;      /* shut it when out is empty */
    bool                  linger : 1;           /* FLUSHING: wait for the peer's end */
    bool                  in_read : 1;          /* inside the reading loop */
    bool                  handshaking : 1;      /* the transport is not ready yet */
    bool                  counted : 1;          /* by its listener's and the global limit */
    bool                  counted_globally : 1;
    bool                  drained : 1;          /* transports: the socket gave all it had */
    nc_event_t            ev;
    const nc_conn_ops_t  *ops;
    void                 *owner;
    const nc_transport_ops_t  *transport;       /* NULL: raw */
    void                 *transport_state;
    nc_buf_t              in;
    nc_buf_t              out;
    nc_post_t             again;                /* goes on reading in the next turn */
    nc_timer_t            timer;                /* the owner's; ours while connecting and flushing */
    nc_list_t             link;                 /* the owner's */
    uint64_t              id;                   /* unique in this process */
    uint64_t              rx;                   /* bytes so far */
    uint64_t              tx;
    uint64_t              opened_ms;
    uint32_t              high_mark;            /* of out; low is half of it; 0: none */
    uint32_t              delay_ms;             /* FLUSHING: patience with a silent peer */
    int                   error;                /* errno of the failure, or 0 */
    struct nc_conn_facts_s  *facts;             /* facts.h; NULL: nothing beyond the socket */
    nc_peer_t             remote;
};

/* Prepares flushing; call once per process after nc_loop_init. */
void nc_conn_init(void);

/*
 * Takes over an accepted, non-blocking socket. NULL: the kernel refused to watch it (fd is closed).
 * The caller sets timer.handler if it wants the timer.
 */
nc_conn_t *nc_conn_accept(int fd, const nc_peer_t *remote, const nc_conn_ops_t *ops, void *owner);

/*
 * Begins to connect; the outcome comes as on_connected or on_close, never during this call. NULL:
 * no socket could be made (errno). `source` may be NULL or empty. Bytes may be written at once.
 */
nc_conn_t *nc_conn_connect(const nc_addr_t *to, const nc_addr_t *source, uint64_t timeout_ms,
    const nc_conn_ops_t *ops, void *owner);

/*
 * Puts a transport under a connection that has not been read or written yet: an accepted one before
 * the owner's first callback, or a connecting one. NC_ERROR: *why is static text; c is as it was.
 */
nc_rc_t nc_conn_set_transport(nc_conn_t *c, const nc_transport_ops_t *transport, const void *conf,
    const nc_transport_options_t *o, const char **why);

/* Protocol that the transport agreed on ("h2"); len 0: none. */
nc_str_t nc_conn_alpn(const nc_conn_t *c);

/* Why the transport failed, or NULL. */
const char *nc_conn_transport_failure(const nc_conn_t *c);

/* Queues what is in `data` (moved); written at the end of the turn. */
void nc_conn_write(nc_conn_t *c, nc_buf_t *data);

/* Says that c->out was added to directly. */
void nc_conn_touch(nc_conn_t *c);

/* Calls on_read in this turn's posted work when there is unread input. */
void nc_conn_kick(nc_conn_t *c);

/* Writes now what can be written (for before a close). */
void nc_conn_flush(nc_conn_t *c);

/* Holds reading in the name of `who`. */
static inline void
nc_conn_gate(nc_conn_t *c, nc_gate_t who)
{
    c->gates |= (uint8_t) who;
}

/* Lets go; reading goes on (in this turn's posted work) when nobody else holds it. */
void nc_conn_ungate(nc_conn_t *c, nc_gate_t who);

/* Closes at once: what is queued is lost. No-op on a closed one. */
void nc_conn_close(nc_conn_t *c, nc_close_t why);

/*
 * Ends in good order: writes out what is queued, then closes. With `linger` the sending side is
 * shut first and input is dropped until the peer closes or `delay_ms` is over (0: not at all), so
 * that the peer is sure to read our last bytes. The owner gets only on_close from here on.
 */
void nc_conn_finish(nc_conn_t *c, nc_close_t why, bool linger, uint64_t delay_ms);

/* Shuts the sending side when all output is written (half-close). */
void nc_conn_shut(nc_conn_t *c);

static inline bool
nc_conn_is_open(const nc_conn_t *c)
{
    return c->state <= NC_CONN_OPEN;
}

/* Where the client connected to: what facts say, else the socket's address (one system call). */
void nc_conn_local(const nc_conn_t *c, nc_peer_t *local);

/* Connections that exist in this process. */
extern uint64_t  nc_conn_count;

/* Keep-alive probes on a socket; 0 leaves the kernel's value. */
void nc_conn_keepalive(nc_conn_t *c, unsigned probes, unsigned time_s, unsigned interval_s);

#endif
