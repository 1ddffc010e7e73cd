/* load.c - bounded HTTP/1.1 load: closed loop or open loop, plain or TLS 1.3; one thread, epoll.
 *
 *   load -p PORT [options]      prints one JSON object when done
 *     -c N     connections (64)              -d SEC   how long new requests are issued (2)
 *     -u PATH  request path (/1k)            -H HOST  Host header (bench.local)
 *     -n N -m host|path   spread requests over N routes: Host hNNNNN.bench.local / path /rNNNNN/1k
 *     -b N     POST with N body bytes        -x       new connection per request (Connection: close)
 *     -r RATE  open loop: requests per second on a fixed schedule; latency counts from the time a
 *              request was DUE, so a stalled proxy cannot hide (no coordinated omission)
 *     -t       TLS 1.3 (X25519, AES-128-GCM, no certificate check)   -R  resume the last session ticket
 *     -i       idle mode: one request on each of N connections, print READY, hold them until stdin ends
 *     -B       busy: never sleep in epoll_wait (for tests where a wakeup across CPUs would cost more than the request)
 *     -k       keep going over errors: reconnect and retry (for reload tests); otherwise errors are only counted
 *
 * Errors are told apart: "race" = a reused keep-alive connection was closed by the peer before any
 * response byte (a client may retry that safely), "fail" = anything else that lost a request
 * (reset or EOF on a fresh connection, truncated response, status other than 200), "refused" = connect failed.
 * Bodies on plain connections are discarded with MSG_TRUNC: the client does not pay for copying them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HB = 2048, RB = 65536 };
enum { S_DOWN, S_CONNECT, S_IDLE, S_SENT, S_BODY, S_EOF }; /* S_EOF: -x, response complete, waiting for the peer's close */

struct conn {
    int fd, st, fresh, eventsout;
    SSL *ssl; SSL_SESSION *sess;
    int64_t due; uint64_t left;
    const char *req; size_t rlen, roff;
    int hlen; char hb[HB];
};

static int port, nconn = 64, oclose, tls, resume_on, idle, keepon, nroute, routemode, postlen, busy;
static double dur = 2, rate;
static const char *path = "/1k", *host = "bench.local";
static struct { char *p; size_t n; } *reqs; static unsigned nreq; static uint64_t rnd = 88172645463325252ull;
static int ep; static SSL_CTX *ctx; static char rb[RB];
static uint64_t done, bytes, race, fail, refused, reconn, resumed, badstatus, handshakes, outstanding;
static int64_t tend; static int stopping;
static struct conn *conns, **stack; static int nstack;
static int64_t *dueq; static uint64_t dqh, dqt; enum { DQ = 1 << 20 };

static int64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ll + t.tv_nsec; }

/* log-linear latency histogram, 64 steps per power of two: 1.6 % resolution */
static uint64_t hist[64 * 64], lat_n, lat_sum, lat_max;
static void lat(int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : ns;
    int e = v < 128 ? 0 : 57 - __builtin_clzll(v);
    hist[e * 64 + (v >> e)]++; /* for e > 0, v>>e lies in 64..127, so each power of two gets its own run of 64 */
    lat_n++; lat_sum += v; if (v > lat_max) lat_max = v;
}
static double pct(double p)
{
    uint64_t want = (uint64_t)ceil(lat_n * p), s = 0;
    for (int i = 0; i < 64 * 64; i++) if ((s += hist[i]) >= want && s) { int e = i < 128 ? 0 : i / 64 - 1; return (double)((uint64_t)(i - e * 64) << e) / 1000; }
    return 0;
}

static void build(void)
{
    nreq = nroute ? nroute : 1;
    reqs = calloc(nreq, sizeof *reqs);
    for (unsigned i = 0; i < nreq; i++) {
        char h[128], u[256], cl[64] = "";
        snprintf(h, sizeof h, "%s", host); snprintf(u, sizeof u, "%s", path);
        if (nroute && routemode == 0) snprintf(h, sizeof h, "h%05u.bench.local", i);
        if (nroute && routemode == 1) snprintf(u, sizeof u, "/r%05u%s", i, path);
        if (postlen) snprintf(cl, sizeof cl, "Content-Length: %d\r\n", postlen);
        char *b = malloc(1024 + postlen);
        int n = sprintf(b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load/1\r\nAccept: */*\r\n%s%s\r\n",
            postlen ? "POST" : "GET", u, h, cl, oclose ? "Connection: close\r\n" : "");
        memset(b + n, 'b', postlen);
        reqs[i].p = b; reqs[i].n = n + postlen;
    }
}

static int on_ticket(SSL *s, SSL_SESSION *se)
{
    struct conn *c = SSL_get_app_data(s);
    if (!resume_on) return 0;
    if (c->sess) SSL_SESSION_free(c->sess);
    c->sess = se; return 1;
}

static void mod(struct conn *c, int out)
{
    if (c->eventsout == out) return;
    c->eventsout = out;
    struct epoll_event e = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c };
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void shut(struct conn *c)
{
    if (c->ssl) { SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); SSL_free(c->ssl); c->ssl = NULL; }
    if (c->fd >= 0) close(c->fd);
    c->fd = -1; c->st = S_DOWN;
}

static void issue(struct conn *c);
static int dial(struct conn *c)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) { perror("socket"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS) { refused++; shut(c); return -1; }
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    c->eventsout = 0; c->fresh = 1; c->hlen = 0;
    if (tls) {
        c->ssl = SSL_new(ctx); SSL_set_fd(c->ssl, c->fd); SSL_set_app_data(c->ssl, c); SSL_set_connect_state(c->ssl);
        SSL_set_tlsext_host_name(c->ssl, host);
        if (c->sess) SSL_set_session(c->ssl, c->sess);
    }
    c->st = S_CONNECT;
    return 0;
}

/* push the request (and, first, the handshake) as far as it goes; -1 when the connection is dead */
static int push(struct conn *c)
{
    if (c->ssl && !SSL_is_init_finished(c->ssl)) {
        int r = SSL_do_handshake(c->ssl);
        if (r <= 0) { int e = SSL_get_error(c->ssl, r); if (e == SSL_ERROR_WANT_READ) { mod(c, 0); return 0; } if (e == SSL_ERROR_WANT_WRITE) { mod(c, 1); return 0; } return -1; }
        handshakes++; resumed += SSL_session_reused(c->ssl);
    }
    if (c->st == S_CONNECT) { /* connected (or will fail on send): is there a request waiting? */
        if (!c->req) { c->st = S_IDLE; mod(c, 0); return 0; }
        c->st = S_SENT;
    }
    if (!c->req) return 0;
    while (c->roff < c->rlen) {
        ssize_t n;
        if (c->ssl) { n = SSL_write(c->ssl, c->req + c->roff, c->rlen - c->roff); if (n <= 0) { int e = SSL_get_error(c->ssl, n); if (e == SSL_ERROR_WANT_WRITE) { mod(c, 1); return 0; } if (e == SSL_ERROR_WANT_READ) return 0; return -1; } }
        else { n = send(c->fd, c->req + c->roff, c->rlen - c->roff, MSG_NOSIGNAL); if (n < 0) { if (errno == EAGAIN || errno == ENOTCONN) { mod(c, 1); return 0; } return -1; } }
        c->roff += n;
    }
    mod(c, 0);
    return 0;
}

static void lost(struct conn *c);
static void next(struct conn *c) /* the connection is free: give it work or park it */
{
    if (idle) { c->st = S_IDLE; c->req = NULL; return; }
    if (rate > 0) {
        if (dqh != dqt) { c->due = dueq[dqh++ & (DQ - 1)]; issue(c); }
        else { c->req = NULL; if (c->fd >= 0) c->st = S_IDLE; stack[nstack++] = c; }
        return;
    }
    int64_t t = now();
    if (t >= tend) { c->req = NULL; if (c->fd >= 0) c->st = S_IDLE; return; }
    c->due = t; issue(c);
}
static void issue(struct conn *c)
{
    unsigned k = 0;
    if (nreq > 1) { rnd ^= rnd << 13; rnd ^= rnd >> 7; rnd ^= rnd << 17; k = rnd % nreq; }
    c->req = reqs[k].p; c->rlen = reqs[k].n; c->roff = 0; c->hlen = 0; c->left = 0;
    outstanding++;
    if (c->fd < 0) { if (dial(c) < 0) { lost(c); return; } }
    else c->st = S_SENT;
    if (push(c) < 0) lost(c);
}
static void lost(struct conn *c) /* the request in flight on c is gone */
{
    int retry = 0;
    if (c->fd >= 0) { if (!c->fresh && c->st == S_SENT && !c->hlen) { race++; retry = 1; } else fail++; }
    shut(c); outstanding--; reconn++;
    if (!keepon && race + fail + refused > 1000) { fprintf(stderr, "load: too many errors\n"); tend = 0; }
    struct timespec ts = { 0, 1000000 }; nanosleep(&ts, NULL); /* bounded retry speed */
    int64_t due = c->due; c->req = NULL;
    if (retry && now() < tend + 500000000ll) { c->due = due; issue(c); return; }
    next(c);
}
static void complete(struct conn *c)
{
    done++; outstanding--; lat(now() - c->due);
    c->fresh = 0; c->req = NULL;
    if (oclose) { c->st = S_EOF; return; }
    next(c);
}

/* feed n received bytes (header bytes are in p; skipped bytes have p == NULL) */
static int feed(struct conn *c, const char *p, size_t n)
{
    bytes += n;
    if (c->st == S_SENT) {
        if (!p || c->hlen + n > HB + RB) return -1;
        const char *h = p; size_t hn = n;
        if (c->hlen) { if (c->hlen + n >= HB) return -1; memcpy(c->hb + c->hlen, p, n); c->hlen += n; h = c->hb; hn = c->hlen; }
        const char *e = memmem(h, hn, "\r\n\r\n", 4);
        if (!e) { if (!c->hlen) { if (n >= HB) return -1; memcpy(c->hb, p, n); c->hlen = n; } return 0; }
        if (hn < 13 || memcmp(h + 9, "200", 3)) { badstatus++; return -1; }
        int64_t cl = -1;
        for (const char *l = memchr(h, '\n', e - h); l; l = memchr(l + 1, '\n', e - l - 1))
            if ((l[1] | 32) == 'c' && !strncasecmp(l + 1, "content-length:", 15)) { cl = atoll(l + 16); break; }
        if (cl < 0) return -1;
        uint64_t have = hn - (e + 4 - h);
        if (have > (uint64_t)cl) return -1;
        c->left = cl - have; c->st = S_BODY;
    } else if (c->st == S_BODY) {
        if (n > c->left) return -1;
        c->left -= n;
    } else return c->st == S_EOF ? 0 : -1;
    if (!c->left) complete(c);
    return 0;
}
static void readable(struct conn *c)
{
    for (;;) {
        int skip = !c->ssl && c->st == S_BODY, st0 = c->st; ssize_t n; size_t asked = RB;
        if (c->ssl) {
            n = SSL_read(c->ssl, rb, RB);
            if (n <= 0) { int e = SSL_get_error(c->ssl, n); if (e == SSL_ERROR_WANT_READ) return; if (e == SSL_ERROR_WANT_WRITE) { mod(c, 1); return; } n = 0; }
        } else {
            if (skip && (asked = c->left) > 1 << 20) asked = 1 << 20;
            n = recv(c->fd, rb, asked, skip ? MSG_TRUNC : 0);
            if (n < 0 && errno == EAGAIN) return;
        }
        if (n <= 0) { /* end of connection */
            if (c->st == S_EOF) { shut(c); next(c); }
            else if (c->req) lost(c);
            else { shut(c); reconn++; if (st0 == S_CONNECT) fail++; }
            return;
        }
        int fd = c->fd; uint64_t d0 = done;
        if (feed(c, skip ? NULL : rb, n) < 0) { lost(c); return; }
        if (c->fd != fd || c->fd < 0) return;
        if (!c->ssl && ((size_t)n < asked || done != d0)) return;   /* short read, or a fresh request: nothing more is there yet */
        if (c->ssl && !SSL_pending(c->ssl) && c->st != S_BODY && c->st != S_EOF) return;
    }
}

int main(int ac, char **av)
{
    for (int o; (o = getopt(ac, av, "p:c:d:u:H:n:m:b:xr:tRikB")) >= 0;) switch (o) {
        case 'p': port = atoi(optarg); break;   case 'c': nconn = atoi(optarg); break;
        case 'd': dur = atof(optarg); break;    case 'u': path = optarg; break;
        case 'H': host = optarg; break;         case 'n': nroute = atoi(optarg); break;
        case 'm': routemode = !strcmp(optarg, "path"); break;
        case 'b': postlen = atoi(optarg); break; case 'x': oclose = 1; break;
        case 'r': rate = atof(optarg); break;   case 't': tls = 1; break;
        case 'R': resume_on = 1; break;         case 'i': idle = 1; break;
        case 'k': keepon = 1; break; case 'B': busy = 1; break;            default: return 2;
    }
    if (!port || dur > 120) return fprintf(stderr, "load: -p PORT needed, -d at most 120\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1ul);      /* open loop: wake when due, not 50 us later */
    struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    if (tls) {
        ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
        SSL_CTX_set1_groups_list(ctx, "X25519");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, on_ticket);
    }
    build();
    ep = epoll_create1(0);
    conns = calloc(nconn, sizeof *conns); stack = calloc(nconn, sizeof *stack); dueq = malloc(sizeof *dueq * DQ);
    for (int i = 0; i < nconn; i++) conns[i].fd = -1;
    int64_t t0 = now(), issued = 0; tend = t0 + (int64_t)(dur * 1e9);
    int64_t grace = tend + 3000000000ll;
    int opened = 0, settled = rate <= 0 || oclose;
    if (idle) tend = INT64_MAX, grace = INT64_MAX;
    for (;;) {
        /* connections are opened 64 per turn, so that a listen queue is never overrun */
        for (int k = 0; k < 64 && opened < nconn; k++, opened++) {
            struct conn *c = &conns[opened];
            if (rate > 0) { if (!oclose && dial(c) == 0) { c->req = NULL; push(c); } stack[nstack++] = c; }
            else { c->due = now(); issue(c); }
        }
        int64_t t = now();
        struct timespec to = { 0, 20000000 };
        if (opened < nconn) to.tv_nsec = 0;
        else if (!settled && t - t0 > 100000000ll) { settled = 1; t0 = t; tend = t0 + (int64_t)(dur * 1e9); grace = tend + 3000000000ll; } /* all connected: the schedule starts now */
        if (rate > 0 && settled && t < tend) {
            while (t0 + (int64_t)(issued * 1e9 / rate) <= t) {
                int64_t due = t0 + (int64_t)(issued * 1e9 / rate); issued++;
                struct conn *c = NULL;
                /* oldest-parked first (ring would be fairer; a stack keeps caches warm): take one that is ready */
                while (nstack) { struct conn *k = stack[--nstack]; c = k; break; }
                if (c) { c->due = due; issue(c); }
                else if (dqt - dqh < DQ) dueq[dqt++ & (DQ - 1)] = due;
                else fail++;
            }
            int64_t w = t0 + (int64_t)(issued * 1e9 / rate) - now();
            if (w < 0) w = 0;
            if (w < to.tv_nsec) to.tv_nsec = w;
        }
        if (t >= tend && !stopping) { stopping = 1; }
        if (stopping && ((!outstanding && dqh == dqt) || t > grace)) break;
        if (idle && opened == nconn && !outstanding) {
            printf("READY %llu %llu\n", (unsigned long long)done, (unsigned long long)(fail + race + refused)); fflush(stdout);
            char b[64]; while (read(0, b, sizeof b) > 0) ;
            int alive = 0;                          /* how many are still open? */
            for (int i = 0; i < nconn; i++) { char x; if (conns[i].fd >= 0 && !(recv(conns[i].fd, &x, 1, MSG_PEEK | MSG_DONTWAIT) == 0)) alive++; }
            printf("{\"idle_alive\": %d}\n", alive);
            return 0;
        }
        struct epoll_event ev[256];
        if (busy) to.tv_nsec = 0;
        int n = epoll_pwait2(ep, ev, 256, &to, NULL);
        if (!n && busy) sched_yield();
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (c->fd < 0) continue;
            if (c->st == S_CONNECT || (ev[i].events & EPOLLOUT) || (c->ssl && !SSL_is_init_finished(c->ssl))) {
                if (ev[i].events & EPOLLERR && !c->ssl) { if (c->req) lost(c); else { refused++; shut(c); } continue; }
                int was = c->st;
                if (push(c) < 0) { if (c->req) lost(c); else { fail++; shut(c); } continue; }
                if (was == S_CONNECT && c->st == S_CONNECT) continue;
            }
            if (c->fd >= 0 && ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
    }
    double el = (now() - t0) / 1e9;
    struct rusage ru; getrusage(RUSAGE_SELF, &ru);
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"rps\": %.1f, \"bytes\": %llu, \"race\": %llu, \"fail\": %llu, \"bad_status\": %llu, \"refused\": %llu, "
        "\"unfinished\": %llu, \"reconnects\": %llu, \"handshakes\": %llu, \"resumed\": %llu, \"lat_us\": {\"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}, "
        "\"client_cpu_s\": %.4f}\n",
        (unsigned long long)done, el, done / el, (unsigned long long)bytes, (unsigned long long)race, (unsigned long long)fail, (unsigned long long)badstatus,
        (unsigned long long)refused, (unsigned long long)(outstanding + dqt - dqh), (unsigned long long)reconn, (unsigned long long)handshakes, (unsigned long long)resumed,
        lat_n ? lat_sum / 1000.0 / lat_n : 0, pct(.5), pct(.9), pct(.99), pct(.999), lat_max / 1000.0,
        ru.ru_utime.tv_sec + ru.ru_utime.tv_usec / 1e6 + ru.ru_stime.tv_sec + ru.ru_stime.tv_usec / 1e6);
    return 0;
}
