/* floor.c - the least a user-space proxy can do: accept, connect, forward bytes, parse nothing.
 *
 *   floor copy|splice LPORT UPORT      (127.0.0.1, one thread, one epoll set)
 *
 * Every downstream connection gets its own upstream connection, so for HTTP keep-alive traffic it pays
 * exactly 2 recv + 2 send per request plus its share of epoll_wait: what any socket-API proxy must pay.
 * "splice" moves page references through a pipe instead of copying (worth it for bulk only).
 * Half-close is passed on; a connection pair ends when both directions have ended or either side fails.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUF = 65536 };
struct pair;
struct side { struct pair *p; int fd, eof, out; char *buf; size_t off, len; int pipe[2]; }; /* buf/pipe: bytes read from this side, not yet written to the other */
struct pair { struct side s[2]; int dead; struct pair *next; };

static int ep, do_splice;
static char shared[BUF];
static struct pair *graveyard; /* freed after the event batch: both fds of a pair may be in one batch */

static void arm(struct side *s)
{
    struct side *o = &s->p->s[s == &s->p->s[0]];
    /* read from s only while nothing read from s is waiting; write to s while the other side left bytes */
    struct epoll_event e = { .events = (s->len || s->eof ? 0 : EPOLLIN) | (o->len || s->out ? EPOLLOUT : 0), .data.ptr = s };
    epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &e);
}
static void end(struct pair *p)
{
    if (p->dead) return;
    p->dead = 1;
    for (int i = 0; i < 2; i++) {
        close(p->s[i].fd); free(p->s[i].buf);
        if (do_splice) { close(p->s[i].pipe[0]); close(p->s[i].pipe[1]); }
    }
    p->next = graveyard; graveyard = p;
}
/* write what was read from s to the other side o; 1 drained, 0 blocked, -1 dead */
static int drain(struct side *s, struct side *o)
{
    while (s->len) {
        ssize_t n = do_splice ? splice(s->pipe[0], NULL, o->fd, NULL, s->len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                              : send(o->fd, s->buf + s->off, s->len, MSG_NOSIGNAL);
        if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
        s->off += n; s->len -= n;
    }
    s->off = 0;
    return 1;
}
static void readable(struct side *s, struct side *o)
{
    ssize_t n;
    if (do_splice) n = splice(s->fd, NULL, s->pipe[1], NULL, 1 << 20, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    else n = recv(s->fd, shared, BUF, 0);
    if (n < 0) { if (errno != EAGAIN) end(s->p); return; }
    if (n == 0) {
        s->eof = 1; shutdown(o->fd, SHUT_WR);
        if (o->eof) end(s->p); else arm(s);
        return;
    }
    if (do_splice) {
        s->len += n;
        int r = drain(s, o);
        if (r < 0) end(s->p); else if (!r) { arm(s); arm(o); }
        return;
    }
    ssize_t w = send(o->fd, shared, n, MSG_NOSIGNAL);      /* the usual case: straight through, no state */
    if (w < 0) { if (errno != EAGAIN && errno != ENOTCONN) { end(s->p); return; } w = 0; }
    if (w < n) {
        if (!s->buf) s->buf = malloc(BUF);
        memcpy(s->buf, shared + w, n - w); s->off = 0; s->len = n - w;
        arm(s); arm(o);
    }
}
static void event(struct side *s, unsigned ev)
{
    struct pair *p = s->p;
    struct side *o = &p->s[s == &p->s[0]];
    if (p->dead) return;
    if (ev & EPOLLERR) { end(p); return; }
    if (ev & EPOLLOUT) {
        s->out = 0;
        int r = drain(o, s);
        if (r < 0) { end(p); return; }
        arm(s); arm(o);
    }
    if (ev & (EPOLLIN | EPOLLHUP) && !s->eof && !s->len) readable(s, o);
}

int main(int ac, char **av)
{
    if (ac < 4) return fprintf(stderr, "floor copy|splice LPORT UPORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    do_splice = !strcmp(av[1], "splice");
    int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(av[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in u = a; u.sin_port = htons(atoi(av[3]));
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) return perror("listen"), 1;
    ep = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN };
    epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    for (;;) {
        struct epoll_event ev[256];
        int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr) { event(ev[i].data.ptr, ev[i].events); continue; }
            int fd;
            while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                struct pair *p = calloc(1, sizeof *p);
                p->s[0].fd = fd;
                p->s[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                connect(p->s[1].fd, (void *)&u, sizeof u);
                for (int k = 0; k < 2; k++) {
                    p->s[k].p = p;
                    setsockopt(p->s[k].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    if (do_splice) { if (pipe2(p->s[k].pipe, O_NONBLOCK)) return 1; fcntl(p->s[k].pipe[1], F_SETPIPE_SZ, 1 << 20); }
                    struct epoll_event x = { .events = EPOLLIN, .data.ptr = &p->s[k] };
                    epoll_ctl(ep, EPOLL_CTL_ADD, p->s[k].fd, &x);
                }
            }
        }
        while (graveyard) { struct pair *p = graveyard; graveyard = p->next; free(p); }
    }
}
