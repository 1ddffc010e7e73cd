/* conn.c: connections. The picture of states and the invariants stand in conn.h. */
#include "net/conn.h"
#include "net/facts.h"

#include "base/pool.h"
#include "base/slab.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_IOV         64
#define APPEND_MIN      512                     /* room worth reading into behind other bytes */
#define SMALL_READS     4                       /* in a row, before reads become smaller */
#define TRIM_PEAK       (1u << 20)              /* smaller peaks are not worth a trim */
#define TRIM_AFTER_MS   1000
#define FLUSH_NOW       32768                   /* output that does not wait for the turn's end */
#define STALLED_MS      60000                   /* a flush that makes no progress ends after it */
#define READS_PER_TURN  4                       /* a busy peer must not starve the others, */
#define BYTES_PER_TURN  65536                   /* and what is read leaves while it is cached */

/* Sizes to read by hint: what came last decides (see learn_size). */
static const size_t  read_sizes[] = {
    NC_BLOCK_SMALL - sizeof(nc_block_t),
    NC_BLOCK_LARGE - sizeof(nc_block_t),
    NC_BLOCK_HUGE - sizeof(nc_block_t)
};

uint64_t  nc_conn_count;

static nc_conn_t  **dirty;
static size_t       n_dirty, cap_dirty;
static uint64_t     last_id;
static size_t       peak_bytes;                 /* of buffers, since the last trim */
static nc_timer_t   trim_timer;
static nc_slab_t    slab = NC_SLAB_INIT(nc_conn_t);

static void on_event(nc_event_t *ev, uint32_t events);
static void on_again(nc_post_t *p);
static void on_timer(nc_timer_t *t);
static void flush_all(void);
static void on_trim_timer(nc_timer_t *t);


const char *
nc_close_str(nc_close_t why)
{
    static const char *const  texts[] = {
#define X(id, text)  text,
        NC_CLOSES(X)
#undef X
    };

    return why < NC_CLOSE_MAX ? texts[why] : "?";
}


void
nc_gates_print(unsigned gates, nc_sb_t *out)
{
    static const char *const  names[] = {
#define X(id, text)  text,
        NC_GATES(X)
#undef X
    };
    bool  first = true;

    for (unsigned i = 0; i < NC_GATE_COUNT; i++) {
        if (gates & NC_BIT(i)) {
            nc_sb_c_add(out, first ? "" : ",");
            nc_sb_c_add(out, names[i]);
            first = false;
        }
    }

    if (first) {
        nc_sb_char(out, '-');
    }
}


void
nc_conn_init(void)
{
    n_dirty = 0;
    peak_bytes = 0;
    nc_timer_init(&trim_timer, on_trim_timer);
    nc_loop_on_flush(flush_all);
}


static nc_conn_t *
create(int fd, const nc_conn_ops_t *ops, void *owner)
{
    nc_conn_t  *c = nc_slab_get(&slab);

    c->magic = NC_CONN_MAGIC;
    c->ops = ops;
    c->owner = owner;
    c->id = ++last_id;
    c->opened_ms = nc_now_ms;
    nc_buf_init(&c->in);
    nc_buf_init(&c->out);
    nc_post_init(&c->again, on_again);
    nc_timer_init(&c->timer, on_timer);
    nc_list_init(&c->link);

    if (nc_event_add(&c->ev, fd, on_event)) {
        int  saved = errno;

        close(fd);
        nc_slab_put(&slab, c);
        errno = saved;
        return NULL;
    }

    nc_conn_count++;

    return c;
}


nc_conn_t *
nc_conn_accept(int fd, const nc_peer_t *remote, const nc_conn_ops_t *ops, void *owner)
{
    nc_conn_t  *c = create(fd, ops, owner);

    if (c) {
        c->state = NC_CONN_OPEN;
        c->remote = *remote;
        c->early_close = true;
    }

    return c;
}


static int
open_socket(const nc_addr_t *to, const nc_addr_t *source)
{
    int  on = 1;
    int  fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    if (to->sa.sa_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    if (source && source->len && bind(fd, &source->sa, source->len) == -1) {
        close(fd);
        return -1;
    }

    return fd;
}


nc_conn_t *
nc_conn_connect(const nc_addr_t *to, const nc_addr_t *source, uint64_t timeout_ms,
    const nc_conn_ops_t *ops, void *owner)
{
    int         fd = open_socket(to, source);
    nc_conn_t  *c;

    if (fd == -1) {
        return NULL;
    }

    c = create(fd, ops, owner);

    if (c == NULL) {
        return NULL;
    }

    c->state = NC_CONN_CONNECTING;
    nc_peer_from(&c->remote, &to->sa, to->len);
    nc_timer_start(&c->timer, timeout_ms);

    if (connect(fd, &to->sa, to->len) == -1 && errno != EINPROGRESS && errno != EAGAIN) {
        c->error = errno;
        nc_post(&c->again);                     /* tells the owner, but not during this call */
    }

    return c;
}


static void
mark_dirty(nc_conn_t *c)
{
    if (n_dirty == cap_dirty) {
        cap_dirty = cap_dirty ? cap_dirty * 2 : 256;
        dirty = nc_realloc(dirty, cap_dirty * sizeof(*dirty));
    }

    c->dirty = true;
    dirty[n_dirty++] = c;
}


void
nc_conn_touch(nc_conn_t *c)
{
    if (c->state == NC_CONN_CLOSED) {
        return;
    }

    if (c->out.len >= FLUSH_NOW && c->state == NC_CONN_OPEN && !c->blocked) {
        nc_conn_flush(c);                       /* bulk leaves while it is in the cache */
    }

    if (c->state == NC_CONN_CLOSED) {
        return;
    }

    if (c->high_mark && c->out.len > c->high_mark) {
        c->over_high = true;
    }

    if (!c->dirty && (c->out.len > 0 || c->shut_wanted || c->state == NC_CONN_FLUSHING)) {
        mark_dirty(c);
    }
}


void
nc_conn_write(nc_conn_t *c, nc_buf_t *data)
{
    if (c->state == NC_CONN_CLOSED || c->write_dead) {
        nc_buf_drain(data, data->len);
        return;
    }

    nc_buf_move_all(&c->out, data);
    nc_conn_touch(c);
}


nc_rc_t
nc_conn_set_transport(nc_conn_t *c, const nc_transport_ops_t *transport, const void *conf,
    const nc_transport_options_t *o, const char **why)
{
    void  *state = transport->create(c, conf, o, why);

    if (state == NULL) {
        return NC_ERROR;
    }

    c->transport = transport;
    c->transport_state = state;
    c->handshaking = true;

    return NC_OK;
}


nc_str_t
nc_conn_alpn(const nc_conn_t *c)
{
    return c->transport && c->transport->alpn ? c->transport->alpn(c->transport_state)
                                              : NC_STR_NULL;
}


const char *
nc_conn_transport_failure(const nc_conn_t *c)
{
    return c->transport ? c->transport->failure(c->transport_state) : NULL;
}


static void
destroy(void *p)
{
    nc_conn_t  *c = p;

    if (c->transport) {
        c->transport->destroy(c, c->transport_state);
    }

    nc_buf_fini(&c->in);
    nc_buf_fini(&c->out);
    nc_conn_facts_free(c);
    c->magic = 0;
    nc_slab_put(&slab, c);
}


void
nc_conn_close(nc_conn_t *c, nc_close_t why)
{
    NC_OBJ_CHECK(c, NC_CONN_MAGIC);

    if (c->state == NC_CONN_CLOSED) {
        return;
    }

    if (c->transport && c->transport->shutdown && c->state != NC_CONN_CONNECTING
        && !c->handshaking && !c->write_dead && why != NC_CLOSE_PEER_RESET)
    {
        c->transport->shutdown(c, c->transport_state);
    }

    c->state = NC_CONN_CLOSED;
    nc_timer_fini(&c->timer);
    nc_post_cancel(&c->again);
    close(c->ev.fd);
    nc_event_forget(&c->ev);
    nc_conn_count--;

    c->ops->on_close(c, why);
    nc_list_del(&c->link);
    nc_defer(destroy, c);
}


/* What a write error means: nothing can be sent; what the peer sent before may still be read. */
static void
write_failed(nc_conn_t *c)
{
    c->error = errno;
    c->write_dead = true;
    nc_buf_drain(&c->out, c->out.len);

    if (c->state == NC_CONN_FLUSHING) {
        nc_conn_close(c, NC_CLOSE_PEER_RESET);
        return;
    }

    c->readable = true;
    c->hung_up = true;
    nc_post(&c->again);
}


/* The transport keeps bytes that the socket did not take. */
static bool
has_unsent(const nc_conn_t *c)
{
    return c->transport && c->transport->unsent && c->transport->unsent(c->transport_state);
}


static void
out_is_empty(nc_conn_t *c)
{
    if (c->shut_wanted && !c->shut) {
        if (c->transport && c->transport->shutdown) {
            c->transport->shutdown(c, c->transport_state);

            if (has_unsent(c)) {
                c->blocked = true;              /* the goodbye first */
                return;
            }
        }

        shutdown(c->ev.fd, SHUT_WR);
        c->shut = true;
    }

    if (c->state == NC_CONN_FLUSHING && (!c->linger || c->eof)) {
        nc_conn_close(c, NC_CLOSE_LOCAL);
    }
}


/* One write of at most MAX_IOV slices; *tried is how many bytes were offered. */
static ssize_t
send_out(nc_conn_t *c, size_t *tried)
{
    struct iovec   iov[MAX_IOV];
    struct msghdr  msg = { .msg_iov = iov };

    if (c->out.n == 1 && c->transport == NULL) {
        nc_slice_t  *s = nc_buf_first(&c->out);

        *tried = s->len;

        return send(c->ev.fd, s->at, s->len, MSG_NOSIGNAL);
    }

    msg.msg_iovlen = (size_t) nc_buf_iov(&c->out, iov, MAX_IOV, tried);

    if (c->transport) {
        return c->transport->write(c, c->transport_state, iov, (int) msg.msg_iovlen);
    }

    return sendmsg(c->ev.fd, &msg, MSG_NOSIGNAL);
}


/* Bytes left: drops them from the queue and tells the owner at the low mark. */
static void
sent(nc_conn_t *c, size_t n)
{
    c->tx += n;
    nc_buf_drain(&c->out, n);

    if (c->state == NC_CONN_FLUSHING) {
        nc_timer_start(&c->timer, c->delay_ms); /* the peer takes our bytes: it lives */
    }

    if (c->over_high && c->out.len <= c->high_mark / 2) {
        c->over_high = false;

        if (c->ops->on_drained && c->state == NC_CONN_OPEN) {
            c->ops->on_drained(c);
        }
    }
}


/* False: the transport's own bytes wait for the socket, or the connection is over. */
static bool
flush_unsent(nc_conn_t *c)
{
    if (!has_unsent(c) || c->transport->flush(c, c->transport_state)) {
        return true;
    }

    if (errno == EAGAIN) {
        c->blocked = true;

    } else {
        write_failed(c);
    }

    return false;
}


void
nc_conn_flush(nc_conn_t *c)
{
    while (c->out.len > 0 || has_unsent(c)) {
        size_t   tried;
        ssize_t  n;

        if (c->state == NC_CONN_CLOSED || c->state == NC_CONN_CONNECTING || c->blocked
            || c->handshaking || !flush_unsent(c))
        {
            return;
        }

        if (c->out.len == 0) {
            break;
        }

        n = send_out(c, &tried);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }

            if (errno == EAGAIN) {
                c->blocked = true;
                return;
            }

            write_failed(c);
            return;
        }

        c->blocked = c->transport && c->transport->unsent ? has_unsent(c) : (size_t) n < tried;
        sent(c, (size_t) n);
    }

    if (c->state != NC_CONN_CLOSED) {
        out_is_empty(c);
    }
}


/* A peak of buffers is over: its pages go back to the kernel. */
static void
on_trim_timer(nc_timer_t *t)
{
    (void) t;

    if (nc_block_bytes_used < peak_bytes / 4) {
        nc_block_drop_spare();
        nc_pool_drop_spare();
        malloc_trim(0);
    }

    peak_bytes = nc_block_bytes_used;
}


static void
watch_peak(void)
{
    if (nc_block_bytes_used > peak_bytes) {
        peak_bytes = nc_block_bytes_used;

    } else if (peak_bytes > TRIM_PEAK && nc_block_bytes_used < peak_bytes / 4
               && !nc_timer_running(&trim_timer))
    {
        nc_timer_start(&trim_timer, TRIM_AFTER_MS);
    }
}


static void
flush_all(void)
{
    for (size_t i = 0; i < n_dirty; i++) {      /* flushing may make others dirty */
        nc_conn_t  *c = dirty[i];

        c->dirty = false;

        if (c->state != NC_CONN_CLOSED) {
            nc_conn_flush(c);
        }
    }

    n_dirty = 0;
    watch_peak();
}


/* Big reads for a peer that fills them, small ones again when it does not. */
static void
learn_size(nc_conn_t *c, size_t got, size_t room)
{
    if (got == room) {
        c->small_reads = 0;

        if (c->read_hint < NC_COUNTOF(read_sizes) - 1) {
            c->read_hint++;
        }

    } else if (c->read_hint > 0 && got < read_sizes[c->read_hint - 1]) {
        if (++c->small_reads >= SMALL_READS) {
            c->read_hint--;
            c->small_reads = 0;
        }
    }
}


/* One read. False: there is nothing more to do now. */
static bool
read_once(nc_conn_t *c)
{
    size_t   room;
    size_t   want = c->in.len ? APPEND_MIN : read_sizes[c->read_hint];
    char    *p = nc_buf_reserve(&c->in, want, &room);
    ssize_t  n;

    do {
        n = c->transport ? c->transport->read(c, c->transport_state, p, room)
                         : recv(c->ev.fd, p, room, 0);
    } while (n < 0 && errno == EINTR);

    nc_buf_commit(&c->in, n > 0 ? (size_t) n : 0);

    if (n < 0) {
        if (errno == EAGAIN) {
            c->readable = false;

            if (c->write_dead) {                /* nothing was left to read */
                nc_conn_close(c, NC_CLOSE_PEER_RESET);
            }

            return false;
        }

        c->error = errno;
        nc_conn_close(c, c->transport && errno == EPIPE ? NC_CLOSE_PEER
                         : c->transport && errno == EPROTO ? NC_CLOSE_TRANSPORT
                                                           : NC_CLOSE_PEER_RESET);
        return false;
    }

    if (n == 0) {
        c->eof = true;
        c->readable = false;
        return true;
    }

    c->rx += (uint64_t) n;
    learn_size(c, (size_t) n, room);

    if ((size_t) n < room && !c->hung_up
        && !(c->transport && c->transport->pending(c->transport_state)))
    {
        c->readable = false;                    /* drained; the next bytes make a new edge */
    }

    return true;
}


/* FLUSHING: what still comes is dropped. */
static void
drop_input(nc_conn_t *c)
{
    nc_buf_drain(&c->in, c->in.len);

    if (c->eof && c->out.len == 0) {
        nc_conn_close(c, NC_CLOSE_LOCAL);
    }
}


static void
read_some(nc_conn_t *c)
{
    uint64_t  before = c->rx;

    if (c->in_read) {
        return;
    }

    if (c->ops->on_readable && c->state == NC_CONN_OPEN) {
        if (!c->gates) {
            c->ops->on_readable(c);
        }
        return;
    }

    c->in_read = true;

    for (int i = 0; c->readable && i < READS_PER_TURN && c->rx - before < BYTES_PER_TURN; i++) {
        if ((c->gates && c->state == NC_CONN_OPEN) || !read_once(c)) {
            break;
        }

        if (c->state == NC_CONN_FLUSHING) {
            drop_input(c);

        } else {
            c->ops->on_read(c);
        }

        if (c->state == NC_CONN_CLOSED || c->ops->on_readable) {
            break;
        }
    }

    c->in_read = false;

    if (c->state == NC_CONN_CLOSED) {
        return;
    }

    if (c->readable && (!c->gates || c->state == NC_CONN_FLUSHING)) {
        nc_post(&c->again);
    }
}


/* The transport gets what the socket has. False: it is not ready yet, or has failed. */
static bool
shake_hands(nc_conn_t *c)
{
    switch (c->transport->handshake(c, c->transport_state)) {
    case NC_OK:
        c->handshaking = false;
        return true;

    case NC_AGAIN:
        return false;

    default:
        nc_conn_close(c, NC_CLOSE_TRANSPORT);
        return false;
    }
}


/* The handshake of an accepted connection goes on. False: it is not over, or c is closed. */
static bool
become_ready(nc_conn_t *c)
{
    if (!shake_hands(c)) {
        return false;
    }

    nc_conn_touch(c);

    if (c->ops->on_connected) {
        c->ops->on_connected(c);
    }

    return c->state != NC_CONN_CLOSED;
}


static void
become_open(nc_conn_t *c)
{
    c->state = NC_CONN_OPEN;
    nc_timer_stop(&c->timer);
    c->ops->on_connected(c);

    if (c->state != NC_CONN_CLOSED && c->out.len > 0) {
        nc_conn_touch(c);
    }
}


static void
connect_done(nc_conn_t *c)
{
    socklen_t  len = sizeof(c->error);

    if (c->error == 0) {
        getsockopt(c->ev.fd, SOL_SOCKET, SO_ERROR, &c->error, &len);
    }

    if (c->error) {
        nc_conn_close(c, NC_CLOSE_CONNECT_FAILED);
        return;
    }

    if (!c->handshaking || shake_hands(c)) {
        become_open(c);
    }
}


static void
on_event(nc_event_t *ev, uint32_t events)
{
    nc_conn_t  *c = nc_container_of(ev, nc_conn_t, ev);

    NC_OBJ_CHECK(c, NC_CONN_MAGIC);

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        c->drained = false;
        c->hung_up = c->hung_up || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }

    if (c->state == NC_CONN_CONNECTING) {
        if (!c->handshaking && !(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
            return;
        }

        connect_done(c);

        if (c->state != NC_CONN_OPEN) {
            return;
        }

        events |= c->transport ? EPOLLIN : 0;   /* it may have read ahead */
    }

    if (c->handshaking && c->state == NC_CONN_OPEN) {
        if (!become_ready(c)) {
            return;
        }

        events |= EPOLLIN;                      /* the transport may have read ahead */
    }

    if (events & EPOLLOUT && c->blocked) {
        c->blocked = false;

        if (c->ops->on_writable && c->out.len == 0 && c->state == NC_CONN_OPEN) {
            c->ops->on_writable(c);

            if (c->state == NC_CONN_CLOSED) {
                return;
            }

        } else {
            nc_conn_touch(c);
        }
    }

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        c->readable = true;

        if (c->hung_up && c->early_close && c->gates && c->state == NC_CONN_OPEN) {
            nc_conn_close(c, events & EPOLLERR ? NC_CLOSE_PEER_RESET : NC_CLOSE_PEER);
            return;
        }

        read_some(c);
    }
}


static void
on_again(nc_post_t *p)
{
    nc_conn_t  *c = nc_container_of(p, nc_conn_t, again);

    NC_OBJ_CHECK(c, NC_CONN_MAGIC);

    if (c->state == NC_CONN_CONNECTING) {
        connect_done(c);
        return;
    }

    if (c->handshaking) {                       /* its first bytes came before the transport */
        if (c->state != NC_CONN_OPEN || !become_ready(c)) {
            return;
        }

        c->readable = true;
    }

    if (c->state == NC_CONN_OPEN && c->gates == 0 && c->ops->on_readable == NULL
        && (c->in.len > 0 || c->eof))
    {
        c->ops->on_read(c);                     /* what was left when the gate was shut */
    }

    if (c->state != NC_CONN_CLOSED) {
        read_some(c);
    }
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);

    NC_OBJ_CHECK(c, NC_CONN_MAGIC);
    nc_conn_close(c, c->state == NC_CONN_CONNECTING ? NC_CLOSE_CONNECT_TIMEOUT
                                                    : NC_CLOSE_DELAYED);
}


void
nc_conn_kick(nc_conn_t *c)
{
    if (c->gates == 0 && c->state == NC_CONN_OPEN
        && (c->readable || c->in.len > 0 || c->eof))
    {
        nc_post(&c->again);
    }
}


void
nc_conn_ungate(nc_conn_t *c, nc_gate_t who)
{
    c->gates &= (uint8_t) ~(unsigned) who;
    nc_conn_kick(c);
}


void
nc_conn_finish(nc_conn_t *c, nc_close_t why, bool linger, uint64_t delay_ms)
{
    if (c->state >= NC_CONN_FLUSHING) {
        return;
    }

    if (c->state == NC_CONN_CONNECTING || c->write_dead
        || (c->out.len == 0 && (c->eof || !linger || delay_ms == 0)))
    {
        nc_conn_close(c, why);
        return;
    }

    c->state = NC_CONN_FLUSHING;
    c->gates = 0;
    c->linger = linger && delay_ms > 0 && !c->eof;
    c->shut_wanted = c->linger;
    nc_timer_fini(&c->timer);
    nc_timer_init(&c->timer, on_timer);
    c->delay_ms = delay_ms ? (uint32_t) delay_ms : STALLED_MS;
    nc_timer_start(&c->timer, c->delay_ms);
    nc_buf_drain(&c->in, c->in.len);
    nc_conn_touch(c);

    if (c->readable) {
        nc_post(&c->again);
    }
}


void
nc_conn_shut(nc_conn_t *c)
{
    c->shut_wanted = true;
    nc_conn_touch(c);
}


void
nc_conn_local(const nc_conn_t *c, nc_peer_t *local)
{
    struct sockaddr_storage  ss;
    socklen_t                len = sizeof(ss);

    if (c->facts && c->facts->local.sa.sa_family) {
        *local = c->facts->local;
        return;
    }

    if (c->ev.fd == -1 || getsockname(c->ev.fd, (struct sockaddr *) &ss, &len) == -1) {
        memset(local, 0, sizeof(*local));
        return;
    }

    nc_peer_from(local, (struct sockaddr *) &ss, len);
}


void
nc_conn_keepalive(nc_conn_t *c, unsigned probes, unsigned time_s, unsigned interval_s)
{
    int  on = 1;

    setsockopt(c->ev.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));

    if (probes) {
        setsockopt(c->ev.fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    }

    if (time_s) {
        setsockopt(c->ev.fd, IPPROTO_TCP, TCP_KEEPIDLE, &time_s, sizeof(time_s));
    }

    if (interval_s) {
        setsockopt(c->ev.fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    }
}
