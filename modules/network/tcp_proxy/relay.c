/*
 * relay.c: bytes between two open connections, each way for itself.
 *
 *   by queue    source ─recv─► in ─moved─► out ─send─► target        (how every way begins)
 *   by pipe     source ─splice─► pipe ─splice─► target               (bulk; both sides plain)
 *
 * A way goes over to its pipe after SPLICE_AFTER bytes, when the source still fills whole reads, and
 * back when little comes: splicing copies nothing, but needs a system call more to find the end.
 *
 * Invariants:
 *  1. While a way is spliced, the target's queue is empty; bytes never overtake each other.
 *  2. A source is gated while its target does not take bytes.
 *  3. A pipe is given back empty, or closed.
 */
#include "tcp_proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SPLICE_AFTER    (256u << 10)            /* bytes of a way before it may be spliced */
#define SPLICE_FULL     (32u << 10)             /* a read of at least this much is bulk */
#define PIPE_BYTES      (1u << 20)              /* measured best; what one user may have of it ends */
#define PIPE_LEAST      (64u << 10)             /* a smaller one costs more than copying */
#define SPARE_PIPES     16u
#define SPLICES_A_TURN  8
#define POOR_TURNS      4u

static const nc_conn_ops_t  down_splice_ops, up_splice_ops;

static int       spare[SPARE_PIPES][2];
static unsigned  n_spare;


static nc_conn_t *
source_of(const session_t *s, way_t way)
{
    return way == TO_UP ? s->down : s->up.c;
}


static nc_conn_t *
target_of(const session_t *s, way_t way)
{
    return way == TO_UP ? s->up.c : s->down;
}


/* Who holds the source of a way when its target is slow. */
static nc_gate_t
gate_of(way_t way)
{
    return way == TO_UP ? NC_GATE_UPSTREAM : NC_GATE_DOWNSTREAM;
}


static void
hold(session_t *s, way_t way)
{
    nc_conn_t  *from = source_of(s, way);

    if (from->gates & gate_of(way)) {
        return;
    }

    nc_conn_gate(from, gate_of(way));

    if (way == TO_UP) {
        nc_counter_inc(s->conf->stats.downstream_flow_control_paused_reading_total);
        nc_counter_inc(s->up.cluster->stats.upstream_flow_control_backed_up_total);

    } else {
        nc_counter_inc(s->up.cluster->stats.upstream_flow_control_paused_reading_total);
    }
}


static void
let_go(session_t *s, way_t way)
{
    nc_conn_t  *from = source_of(s, way);

    if (from == NULL || !(from->gates & gate_of(way))) {
        return;
    }

    if (way == TO_UP) {
        nc_counter_inc(s->conf->stats.downstream_flow_control_resumed_reading_total);
        nc_counter_inc(s->up.cluster->stats.upstream_flow_control_drained_total);

    } else {
        nc_counter_inc(s->up.cluster->stats.upstream_flow_control_resumed_reading_total);
    }

    nc_conn_ungate(from, gate_of(way));
}


static void
count(session_t *s)
{
    const nc_conn_t  *c = s->down;

    nc_counter_add(s->conf->stats.downstream_cx_rx_bytes_total, c->rx - s->rx_counted);
    nc_counter_add(s->conf->stats.downstream_cx_tx_bytes_total, c->tx - s->tx_counted);
    s->rx_counted = c->rx;
    s->tx_counted = c->tx;
    nc_tcp_up_count_bytes(&s->up);
}


/* The end of the bytes of a way is passed on; at the end of both the session is over. */
static void
pass_end(session_t *s, way_t way)
{
    s->ways[way].eof = true;
    nc_conn_shut(target_of(s, way));

    if (s->ways[TO_UP].eof && s->ways[TO_DOWN].eof) {
        tcp_session_end(s);
    }
}


/* ---- pipes ---- */

static bool
get_pipe(pipe_t *p)
{
    if (p->fds[0] != -1) {
        return true;
    }

    if (n_spare > 0) {
        n_spare--;
        p->fds[0] = spare[n_spare][0];
        p->fds[1] = spare[n_spare][1];
        return true;
    }

    if (pipe2(p->fds, O_NONBLOCK | O_CLOEXEC) == -1) {
        p->fds[0] = -1;
        return false;
    }

    if (fcntl(p->fds[1], F_SETPIPE_SZ, PIPE_BYTES) == -1
        && fcntl(p->fds[1], F_GETPIPE_SZ) < (int) PIPE_LEAST)
    {
        close(p->fds[0]);
        close(p->fds[1]);
        p->fds[0] = -1;
        return false;
    }

    return true;
}


static void
put_pipe(pipe_t *p)
{
    if (p->fds[0] == -1) {
        return;
    }

    if (p->len == 0 && n_spare < SPARE_PIPES) {
        spare[n_spare][0] = p->fds[0];
        spare[n_spare][1] = p->fds[1];
        n_spare++;

    } else {
        close(p->fds[0]);
        close(p->fds[1]);
    }

    p->fds[0] = -1;
    p->len = 0;
}


void
tcp_relay_empty(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *to = target_of(s, way);

    while (p->len > 0 && to) {
        size_t   room;
        char    *at = nc_buf_reserve(&to->out, 1, &room);
        ssize_t  n = read(p->fds[0], at, NC_MIN(room, p->len));

        nc_buf_commit(&to->out, n > 0 ? (size_t) n : 0);

        if (n <= 0) {
            break;
        }

        p->len -= (size_t) n;
    }

    if (to && to->out.len > 0) {
        nc_conn_touch(to);
    }
}


static void
leave_pipe(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *from = source_of(s, way);

    tcp_relay_empty(s, way);
    put_pipe(p);
    p->on = false;
    p->total = 0;
    from->ops = way == TO_UP ? &tcp_down_ops : &tcp_up_ops;
    nc_conn_kick(from);
}


static bool
is_bulk(const session_t *s, way_t way, size_t got)
{
    const nc_conn_t  *from = source_of(s, way), *to = target_of(s, way);

    return got >= SPLICE_FULL && s->ways[way].total >= SPLICE_AFTER && !from->eof
           && from->transport == NULL && to->transport == NULL && !nc_chain_is_watched(s->down);
}


/* Fills the pipe. False: nothing more comes now, or the source was closed. */
static bool
fill(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *from = source_of(s, way);
    ssize_t     n;

    do {
        n = splice(from->ev.fd, NULL, p->fds[1], NULL, PIPE_BYTES,
                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        p->len += (size_t) n;
        from->rx += (uint64_t) n;
        return true;
    }

    if (n == 0) {
        from->eof = true;
        from->readable = false;
        return false;
    }

    if (errno == EAGAIN) {
        from->readable = p->len > 0;            /* a full pipe says the same */
        return false;
    }

    from->error = errno;
    nc_conn_close(from, NC_CLOSE_PEER_RESET);

    return false;
}


/* Empties the pipe. False: the target takes no more now, or was closed. */
static bool
drain(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *to = target_of(s, way);

    while (p->len > 0) {
        ssize_t  n = splice(p->fds[0], NULL, to->ev.fd, NULL, p->len,
                            SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (n > 0) {
            p->len -= (size_t) n;
            to->tx += (uint64_t) n;
            continue;
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1 && errno == EAGAIN) {
            to->blocked = true;
            hold(s, way);
            return false;
        }

        to->error = errno;
        nc_conn_close(to, NC_CLOSE_PEER_RESET);
        return false;
    }

    return true;
}


static void
splice_some(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *from = source_of(s, way), *to = target_of(s, way);
    uint64_t    before = from->rx;

    if (to->out.len > 0) {
        nc_conn_flush(to);

        if (s->phase != RELAYING || to->state != NC_CONN_OPEN) {
            return;
        }

        if (to->out.len > 0) {                  /* bytes may not overtake each other */
            leave_pipe(s, way);
            return;
        }
    }

    for (int i = 0; i < SPLICES_A_TURN; i++) {
        bool  more = fill(s, way);

        if (s->phase != RELAYING || !drain(s, way) || s->phase != RELAYING) {
            break;
        }

        if (!more && !from->readable) {
            break;
        }
    }

    if (s->phase != RELAYING || s->down == NULL || s->up.c == NULL) {
        return;
    }

    count(s);

    if (from->eof && p->len == 0 && !p->eof) {
        pass_end(s, way);
        return;
    }

    p->poor = from->rx - before < SPLICE_FULL ? p->poor + 1 : 0;

    if (p->poor >= POOR_TURNS && p->len == 0) {
        leave_pipe(s, way);

    } else if (from->readable && !from->gates) {
        nc_post(&from->again);
    }
}


/* ---- queues ---- */

void
tcp_relay_pump(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *from = source_of(s, way), *to = target_of(s, way);
    size_t      n = from->in.len;

    if (n > 0) {
        nc_buf_move_all(&to->out, &from->in);
        nc_conn_touch(to);
        p->total += n;

        if (to->high_mark && to->out.len > to->high_mark) {
            to->over_high = true;
            hold(s, way);
        }
    }

    count(s);

    if (from->eof && !p->eof) {
        pass_end(s, way);

    } else if (is_bulk(s, way, n) && get_pipe(p)) {
        p->on = true;
        p->poor = 0;
        from->ops = way == TO_UP ? &down_splice_ops : &up_splice_ops;
    }
}


/* ---- operations ---- */

static session_t *
session_of(const nc_conn_t *c)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);

    return s;
}


static void
on_down_read(nc_conn_t *c)
{
    session_t  *s = session_of(c);

    if (s->phase == RELAYING) {
        tcp_relay_pump(s, TO_UP);
    }
}


static void
on_up_read(nc_conn_t *c)
{
    session_t  *s = session_of(c);

    if (s->phase == RELAYING && s->down) {
        tcp_relay_pump(s, TO_DOWN);
    }
}


static void
on_down_drained(nc_conn_t *c)
{
    let_go(session_of(c), TO_DOWN);
}


static void
on_up_drained(nc_conn_t *c)
{
    let_go(session_of(c), TO_UP);
}


static void
on_down_readable(nc_conn_t *c)
{
    session_t  *s = session_of(c);

    if (s->phase == RELAYING) {
        splice_some(s, TO_UP);
    }
}


static void
on_up_readable(nc_conn_t *c)
{
    session_t  *s = session_of(c);

    if (s->phase == RELAYING && s->down) {
        splice_some(s, TO_DOWN);
    }
}


/* The target takes bytes again: first those in the pipe. */
static void
go_on(session_t *s, way_t way)
{
    pipe_t     *p = &s->ways[way];
    nc_conn_t  *from = source_of(s, way);

    if (s->phase != RELAYING || from == NULL || !p->on) {
        return;
    }

    if (drain(s, way) && s->phase == RELAYING) {
        if (from->eof && !p->eof) {
            pass_end(s, way);

        } else {
            let_go(s, way);
        }
    }
}


static void
on_down_writable(nc_conn_t *c)
{
    go_on(session_of(c), TO_DOWN);
}


static void
on_up_writable(nc_conn_t *c)
{
    go_on(session_of(c), TO_UP);
}


static void
on_drain(nc_conn_t *c)
{
    (void) c;                                   /* bytes have no end that could be waited for */
}


const nc_conn_ops_t  tcp_down_ops = {
    .on_read = on_down_read,
    .on_drained = on_down_drained,
    .on_close = tcp_down_closed,
    .on_drain = on_drain,
    .on_writable = on_down_writable
};

const nc_conn_ops_t  tcp_up_ops = {
    .on_read = on_up_read,
    .on_drained = on_up_drained,
    .on_close = tcp_up_closed,
    .on_writable = on_up_writable
};

static const nc_conn_ops_t  down_splice_ops = {
    .on_read = on_down_read,
    .on_drained = on_down_drained,
    .on_close = tcp_down_closed,
    .on_drain = on_drain,
    .on_readable = on_down_readable,
    .on_writable = on_down_writable
};

static const nc_conn_ops_t  up_splice_ops = {
    .on_read = on_up_read,
    .on_drained = on_up_drained,
    .on_close = tcp_up_closed,
    .on_readable = on_up_readable,
    .on_writable = on_up_writable
};


void
tcp_relay_init(session_t *s)
{
    nc_conn_t  *down = s->down;

    nc_chain_set_ops(down, &tcp_down_ops);
    s->up.c->ops = &tcp_up_ops;

    if (down->in.len > 0 || down->eof) {
        tcp_relay_pump(s, TO_UP);
    }

    if (s->phase == RELAYING) {
        nc_conn_ungate(down, NC_GATE_UPSTREAM);
    }
}


void
tcp_relay_fini(session_t *s)
{
    put_pipe(&s->ways[TO_UP]);
    put_pipe(&s->ways[TO_DOWN]);
}
