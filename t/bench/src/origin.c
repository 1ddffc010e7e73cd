/* origin.c - the cheapest useful origin server: one thread, one epoll set, no allocation per request.
 *
 *   origin H1PORT H2PORT [busy]     (both on 127.0.0.1; end it with SIGTERM)
 *
 * H1PORT speaks HTTP/1.1: keep-alive, pipelining, Content-Length and chunked request bodies (swallowed).
 *   The last path segment picks the response size: /0k /1k /64k /1m /256m, anything else means 1k.
 *   Bodies up to 64 KiB leave in one send() together with the header; larger ones go out by sendfile()
 *   from a memfd, so the origin does not copy and stays much cheaper than a proxy that does.
 * H2PORT speaks HTTP/2 by prior knowledge, just enough for a proxy's upstream side: it never decodes
 *   HPACK (the reply does not depend on the request), answers each finished request stream with a
 *   gRPC-shaped reply: HEADERS, DATA (5-byte gRPC prefix + 1 KiB), trailers grpc-status: 0.
 *   All replies produced by one read are sent with one send(); the connection send window is honoured.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INBUF = 32768, SMALL = 65536, FILESZ = 1 << 20 };
enum { K_LISTEN1, K_LISTEN2, K_H1, K_H2 };

struct canned { uint64_t size; char *buf; size_t len; };

struct conn {
    int fd, kind, closing, wantout;
    size_t ilen;
    /* pending output: first memory (optr/oleft), then file bytes */
    const char *optr; size_t oleft; uint64_t fleft;
    /* h1: reply owed once the request body is swallowed */
    struct canned *reply;
    uint64_t body; int chunk;          /* chunk: 0 none, 1 size line, 2 data, 3 CRLF after data, 4 trailer lines */
    /* h2 */
    int preface; int64_t win; uint32_t cont, got; char *ob; size_t ocap, olen;
    unsigned qh, qt;
    uint32_t q[4096];                   /* h2 streams waiting for connection window (ring); not zeroed */
    char in[INBUF];                     /* not zeroed either */
};

static int ep, memfd, ncanned;
static struct canned canned[32];

/* header (+ body when small) for one size, built once */
static struct canned *can(uint64_t size)
{
    for (int i = 0; i < ncanned; i++) if (canned[i].size == size) return &canned[i];
    if (ncanned == 32) return &canned[0];
    struct canned *c = &canned[ncanned++];
    c->size = size;
    c->buf = malloc(512 + SMALL);
    c->len = sprintf(c->buf, "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: application/octet-stream\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)size);
    if (size <= SMALL) { memset(c->buf + c->len, 'x', size); c->len += size; }
    return c;
}

static void want(struct conn *c, int out)
{
    if (c->wantout == out) return;
    c->wantout = out;
    struct epoll_event e = { .events = out ? EPOLLOUT : EPOLLIN, .data.ptr = c };
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void drop(struct conn *c) { close(c->fd); free(c->ob); free(c); }

/* send what is pending; 1 done, 0 blocked, -1 dead */
static int flush(struct conn *c)
{
    while (c->oleft) {
        ssize_t n = send(c->fd, c->optr, c->oleft, MSG_NOSIGNAL | (c->fleft ? MSG_MORE : 0));
        if (n < 0) { if (errno == EAGAIN) { want(c, 1); return 0; } return -1; }
        c->optr += n; c->oleft -= n;
    }
    while (c->fleft) {
        off_t off = 0;
        ssize_t n = sendfile(c->fd, memfd, &off, c->fleft < FILESZ ? c->fleft : FILESZ);
        if (n <= 0) { if (n < 0 && errno == EAGAIN) { want(c, 1); return 0; } return -1; }
        c->fleft -= n;
    }
    want(c, 0);
    return c->closing ? -1 : 1;
}

static uint64_t size_of_path(const char *p, const char *end)
{
    const char *s = p;
    for (const char *q = p; q < end && *q != ' ' && *q != '?'; q++) if (*q == '/') s = q + 1;
    if (s >= end || *s < '0' || *s > '9') return 1024;
    uint64_t v = 0;
    while (s < end && *s >= '0' && *s <= '9') v = v * 10 + (*s++ - '0');
    if (s < end && *s == 'k') v <<= 10;
    else if (s < end && *s == 'm') v <<= 20;
    return v;
}

/* consume as much of the request body as is there; returns bytes used */
static size_t eat_body(struct conn *c, const char *p, size_t n)
{
    size_t used = 0;
    while (used < n) {
        if (c->chunk == 0 || c->chunk == 2) {
            size_t k = n - used < c->body ? n - used : c->body;
            c->body -= k; used += k;
            if (c->body) break;
            if (c->chunk == 0) break;
            c->chunk = 3;
            continue;
        }
        const char *nl = memchr(p + used, '\n', n - used);
        if (!nl) break;
        const char *line = p + used;
        used = nl - p + 1;
        if (c->chunk == 1) { c->body = strtoull(line, NULL, 16); c->chunk = c->body ? 2 : 4; }
        else if (c->chunk == 3) c->chunk = 1;
        else if (line[0] == '\r' || line[0] == '\n') { c->chunk = 0; c->body = 0; break; }
    }
    return used;
}

static int h1_input(struct conn *c)
{
    size_t pos = 0;
    while (pos < c->ilen && !c->oleft && !c->fleft) {
        char *p = c->in + pos; size_t n = c->ilen - pos;
        if (!c->reply) {
            char *e = memmem(p, n, "\r\n\r\n", 4);
            if (!e) { if (n == INBUF) return -1; break; }
            char *sp = memchr(p, ' ', e - p);
            c->reply = can(size_of_path(sp ? sp + 1 : p, e));
            /* a look at the header fields that matter, line by line */
            for (char *l = memchr(p, '\n', e - p); l; l = memchr(l, '\n', e - l)) {
                l++;
                if ((*l | 32) == 'c') {
                    if (!strncasecmp(l, "content-length:", 15)) c->body = strtoull(l + 15, NULL, 10);
                    else if (!strncasecmp(l, "connection: close", 17)) c->closing = 1;
                } else if ((*l | 32) == 't' && !strncasecmp(l, "transfer-encoding: chunked", 26)) c->chunk = 1;
            }
            pos += e + 4 - p;
        }
        if (c->body || c->chunk) {
            pos += eat_body(c, c->in + pos, c->ilen - pos);
            if (c->body || c->chunk) break;
        }
        c->optr = c->reply->buf; c->oleft = c->reply->len; c->fleft = c->reply->size > SMALL ? c->reply->size : 0;
        c->reply = NULL;
        if (flush(c) < 0) return -1;
    }
    if (pos) { memmove(c->in, c->in + pos, c->ilen - pos); c->ilen -= pos; }
    return 0;
}

/* ---- HTTP/2 ---- */
static char h2resp[2048]; static size_t h2len; static uint32_t h2data;
static char *h2sid[3];

static char *frame(char *p, uint32_t len, int type, int flags, uint32_t sid)
{
    *p++ = len >> 16; *p++ = len >> 8; *p++ = len; *p++ = type; *p++ = flags;
    *p++ = sid >> 24; *p++ = sid >> 16; *p++ = sid >> 8; *p++ = sid;
    return p;
}
static char *lit(char *p, const char *k, const char *v) /* HPACK literal, not indexed, no Huffman */
{
    *p++ = 0; *p++ = strlen(k); p = stpcpy(p, k); *p++ = strlen(v); return stpcpy(p, v);
}
static void h2_build(void)
{
    char hb[256], *e = hb, *p = h2resp;
    *e++ = (char)0x88;                          /* :status 200, static index 8 */
    e = lit(e, "content-type", "application/grpc"); e = lit(e, "server", "origin");
    h2sid[0] = p + 5; p = frame(p, e - hb, 1, 4, 0); memcpy(p, hb, e - hb); p += e - hb;
    h2data = 5 + 1024;
    h2sid[1] = p + 5; p = frame(p, h2data, 0, 0, 0);
    memset(p, 'x', h2data); memcpy(p, "\0\0\0\4\0", 5); p += h2data;
    e = lit(hb, "grpc-status", "0");
    h2sid[2] = p + 5; p = frame(p, e - hb, 1, 5, 0); memcpy(p, hb, e - hb); p += e - hb;
    h2len = p - h2resp;
}
static char *room(struct conn *c, size_t n) /* only called while nothing is pending on the socket */
{
    if (c->olen + n > c->ocap) c->ob = realloc(c->ob, c->ocap = (c->olen + n) * 2);
    c->olen += n;
    return c->ob + c->olen - n;
}
static void h2_reply(struct conn *c, uint32_t sid)
{
    if (c->win < h2data) { c->q[c->qt++ & 4095] = sid; return; }
    c->win -= h2data;
    uint32_t be = htonl(sid);
    for (int i = 0; i < 3; i++) memcpy(h2sid[i], &be, 4);
    memcpy(room(c, h2len), h2resp, h2len);
}
static int h2_input(struct conn *c)
{
    unsigned char *b = (unsigned char *)c->in; size_t pos = 0;
    if (!c->preface) {
        if (c->ilen < 24) return 0;
        if (memcmp(b, "PRI * HTTP/2.0", 14)) return -1;
        pos = 24; c->preface = 1; c->win = 65535;
        char *p = frame(room(c, 9 + 12 + 9 + 4), 12, 4, 0, 0);
        memcpy(p, "\0\3\0\0\3\350" "\0\4\1\0\0\0", 12); p += 12; /* 1000 streams, 16 MiB stream window */
        p = frame(p, 4, 8, 0, 0); memcpy(p, "\77\377\0\0", 4);   /* ~1 GiB connection window */
    }
    while (c->ilen - pos >= 9) {
        unsigned char *f = b + pos;
        uint32_t len = f[0] << 16 | f[1] << 8 | f[2], sid = (f[5] & 127) << 24 | f[6] << 16 | f[7] << 8 | f[8];
        if (len > INBUF - 9) return -1;
        if (c->ilen - pos < 9 + len) break;
        switch (f[3]) {
        case 0:
            c->got += len;
            if (c->got > 1 << 28) { char *p = frame(room(c, 13), 4, 8, 0, 0); uint32_t w = htonl(c->got); memcpy(p, &w, 4); c->got = 0; }
            if (f[4] & 1) h2_reply(c, sid);
            break;
        case 1:
            if ((f[4] & 5) == 5) h2_reply(c, sid); else if (f[4] & 1) c->cont = sid;
            break;
        case 9: if ((f[4] & 4) && c->cont == sid) { c->cont = 0; h2_reply(c, sid); } break;
        case 4: if (!(f[4] & 1)) frame(room(c, 9), 0, 4, 1, 0); break;
        case 6: if (!(f[4] & 1)) { char *p = frame(room(c, 17), 8, 6, 1, 0); memcpy(p, f + 9, 8); } break;
        case 8:
            if (!sid) {
                c->win += (f[9] & 127) << 24 | f[10] << 16 | f[11] << 8 | f[12];
                unsigned end = c->qt;
                while (c->qh != end && c->win >= h2data) h2_reply(c, c->q[c->qh++ & 4095]);
            }
            break;
        }
        pos += 9 + len;
    }
    if (pos) { memmove(c->in, c->in + pos, c->ilen - pos); c->ilen -= pos; }
    c->optr = c->ob; c->oleft = c->olen; c->olen = 0;
    return c->oleft && flush(c) < 0 ? -1 : 0;
}

static int lsn(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&a, sizeof a) || listen(fd, 4096)) { perror("listen"); exit(1); }
    return fd;
}

int main(int ac, char **av)
{
    if (ac < 3) return fprintf(stderr, "origin H1PORT H2PORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    int busy = ac > 3;          /* never sleep: a sender on another CPU then never has to wake us (see README) */
    memfd = memfd_create("body", MFD_CLOEXEC);
    char *z = malloc(FILESZ); memset(z, 'x', FILESZ);
    if (write(memfd, z, FILESZ) != FILESZ) return 1;
    free(z);
    can(1024); h2_build();
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct conn l[2] = { { .kind = K_LISTEN1 }, { .kind = K_LISTEN2 } };
    for (int i = 0; i < 2; i++) {
        l[i].fd = lsn(atoi(av[1 + i]));
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = &l[i] };
        epoll_ctl(ep, EPOLL_CTL_ADD, l[i].fd, &e);
    }
    for (;;) {
        struct epoll_event ev[256];
        int n = epoll_wait(ep, ev, 256, busy ? 0 : -1);
        if (!n) sched_yield();
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (c->kind <= K_LISTEN2) {
                int fd;
                while ((fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    int on = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    struct conn *k = malloc(sizeof *k);
                    memset(k, 0, offsetof(struct conn, q));
                    k->fd = fd; k->kind = c->kind + 2;
                    struct epoll_event e = { .events = EPOLLIN, .data.ptr = k };
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            int dead = 0;
            if (c->wantout) {
                int r = flush(c);
                dead = r < 0 || (r == 1 && c->kind == K_H1 && c->ilen && h1_input(c) < 0);
            } else {
                ssize_t g = recv(c->fd, c->in + c->ilen, INBUF - c->ilen, 0);
                if (g <= 0) dead = !(g < 0 && errno == EAGAIN);
                else { c->ilen += g; dead = (c->kind == K_H1 ? h1_input(c) : h2_input(c)) < 0; }
            }
            if (dead) drop(c);
        }
    }
}
