/*
 * dns.c: the resolver. c-ares tells which sockets it wants to hear of; they are watched by an epoll
 * of their own, level-triggered as c-ares expects, which is itself one event of the loop.
 *
 * A query asks for one family after the other as its nc_dns_family_t says, and lives in one of two
 * lists:  waiting ─► asking ─► (posted) answer.  c-ares cannot take back a single lookup, so one
 * that is cancelled while asked only forgets whom to tell.
 */
#include "upstream/dns.h"

#include "event/loop.h"
#include "log/log.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <unistd.h>

#define TIMEOUT_MS      5000
#define TRIES           4
#define EVENTS          32

struct nc_dns_query_s {
    nc_list_t         link;
    char             *name;
    uint16_t          port;
    int               first;                    /* address families to ask for, in turn */
    int               second;                   /* AF_UNSPEC asks for both; -1: no second */
    nc_dns_fn        *fn;                       /* NULL: cancelled */
    void             *ctx;
    bool              asked;
};

static struct {
    ares_channel      channel;                  /* NULL: has to be made */
    int               epoll_fd;
    nc_event_t        event;
    nc_timer_t        timer;
    nc_post_t         post;                     /* starts what waits, answers what failed at once */
    nc_list_t         waiting;
    nc_list_t         asking;
    uint32_t          n_asking;
    bool              renew;                    /* servers refuse: read the system's list again */
    nc_dns_options_t  options;
    bool              up;
} dns = { .epoll_fd = -1 };


const char *
nc_dns_name_error(nc_str_t name)
{
    nc_str_t  label;

    if (name.len && name.data[name.len - 1] == '.') {
        name.len--;
    }

    if (name.len == 0 || name.len > 253) {
        return "it has from 1 to 253 characters";
    }

    while (nc_str_split(&name, '.', &label)) {
        if (label.len == 0 || label.len > 63) {
            return "the parts between dots have from 1 to 63 characters";
        }

        for (size_t i = 0; i < label.len; i++) {
            char  c = label.data[i];

            if (!nc_is_alpha(c) && !nc_is_digit(c) && c != '-' && c != '_') {
                return "only letters, digits, '-', '_' and dots are allowed";
            }
        }
    }

    return NULL;
}


static void
arm_timer(void)
{
    struct timeval  tv, *left;

    left = dns.channel ? ares_timeout(dns.channel, NULL, &tv) : NULL;

    if (left) {
        nc_timer_start(&dns.timer, (uint64_t) left->tv_sec * 1000
                                   + (uint64_t) (left->tv_usec + 999) / 1000);
    } else {
        nc_timer_stop(&dns.timer);
    }
}


static void
on_wish(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct epoll_event  ev = { .data.fd = fd };

    (void) ctx;

    ev.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);

    if (ev.events == 0) {
        (void) epoll_ctl(dns.epoll_fd, EPOLL_CTL_DEL, fd, NULL);

    } else if (epoll_ctl(dns.epoll_fd, EPOLL_CTL_MOD, fd, &ev) != 0 && errno == ENOENT) {
        (void) epoll_ctl(dns.epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    }
}


static void
on_event(nc_event_t *event, uint32_t events)
{
    struct epoll_event  ready[EVENTS];
    int                 n = epoll_wait(dns.epoll_fd, ready, EVENTS, 0);

    (void) event;
    (void) events;

    for (int i = 0; i < n && dns.channel; i++) {
        int   fd = ready[i].data.fd;
        bool  in = (ready[i].events & ~(uint32_t) EPOLLOUT) != 0;
        bool  out = (ready[i].events & EPOLLOUT) != 0;

        ares_process_fd(dns.channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    }

    arm_timer();
}


static void
on_timer(nc_timer_t *t)
{
    (void) t;

    if (dns.channel) {
        ares_process_fd(dns.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }

    arm_timer();
}


static nc_rc_t
open_channel(void)
{
    struct ares_options  o = { .sock_state_cb = on_wish };
    int                  mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    int                  rc;

    o.timeout = dns.options.timeout_ms ? (int) dns.options.timeout_ms : TIMEOUT_MS;
    o.tries = dns.options.tries ? (int) dns.options.tries : TRIES;

    rc = ares_init_options(&dns.channel, &o, mask);

    if (rc == ARES_SUCCESS && dns.options.servers) {
        rc = ares_set_servers_ports_csv(dns.channel, dns.options.servers);
    }

    if (rc != ARES_SUCCESS) {
        nc_log(ERROR, DNS, "cannot prepare the resolver: %s", ares_strerror(rc));

        if (dns.channel) {
            ares_destroy(dns.channel);
            dns.channel = NULL;
        }

        return NC_ERROR;
    }

    return NC_OK;
}


static void
free_query(nc_dns_query_t *q)
{
    nc_list_del(&q->link);
    free(q->name);
    free(q);
}


static void
answer(nc_dns_query_t *q, const nc_dns_answer_t *a)
{
    nc_dns_fn  *fn = q->fn;
    void       *ctx = q->ctx;

    free_query(q);

    if (fn) {
        fn(ctx, a);
    }
}


static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found);


static void
ask(nc_dns_query_t *q, int family)
{
    struct ares_addrinfo_hints  hints = { .ai_flags = ARES_AI_NOSORT, .ai_family = family };

    hints.ai_socktype = SOCK_STREAM;
    dns.n_asking++;
    q->asked = true;
    ares_getaddrinfo(dns.channel, q->name, NULL, &hints, on_found, q);
}


static void
on_post(nc_post_t *post)
{
    nc_list_t  *first;

    (void) post;

    if (dns.renew && dns.n_asking == 0 && dns.channel) {
        ares_destroy(dns.channel);
        dns.channel = NULL;
        dns.renew = false;
    }

    while (dns.n_asking < NC_DNS_PARALLEL && (first = nc_list_first(&dns.waiting)) != NULL) {
        nc_dns_query_t  *q = nc_container_of(first, nc_dns_query_t, link);

        nc_list_del(first);
        nc_list_append(&dns.asking, first);

        if (dns.channel == NULL && open_channel() != NC_OK) {
            answer(q, &(nc_dns_answer_t) { .status = NC_DNS_FAILED,
                                           .error = "the resolver cannot be prepared" });
            continue;
        }

        ask(q, q->first);
    }

    arm_timer();
}


static uint32_t
collect(const nc_dns_query_t *q, const struct ares_addrinfo *found, nc_addr_t *addrs,
    uint32_t *ttl_s)
{
    uint32_t  n = 0;

    for (const struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next) {
        nc_addr_t  *a = &addrs[n];
        bool        seen = false;

        if (n == NC_DNS_MAX_ADDRS || node->ai_addrlen > sizeof(struct sockaddr_in6)) {
            break;
        }

        memset(a, 0, sizeof(*a));
        memcpy(&a->sa, node->ai_addr, node->ai_addrlen);
        a->len = (socklen_t) node->ai_addrlen;

        if (a->sa.sa_family == AF_INET) {
            a->in.sin_port = htons(q->port);

        } else if (a->sa.sa_family == AF_INET6) {
            a->in6.sin6_port = htons(q->port);

        } else {
            continue;
        }

        for (uint32_t i = 0; i < n && !seen; i++) {
            seen = nc_addr_eq(&addrs[i], a);
        }

        n += !seen;

        if (node->ai_ttl > 0 && (*ttl_s == 0 || (uint32_t) node->ai_ttl < *ttl_s)) {
            *ttl_s = (uint32_t) node->ai_ttl;
        }
    }

    return n;
}


/*
 * "localhost" and what is below it are this machine (RFC 6761, 6.3), even where neither a hosts file
 * nor a server says so. Returns the number of addresses.
 */
static uint32_t
localhost(const nc_dns_query_t *q, nc_addr_t *addr)
{
    nc_str_t  name = nc_str_c(q->name);

    if (nc_str_ends(name, NC_STR("."))) {
        name.len--;
    }

    if (!nc_str_caseeq(name, NC_STR("localhost"))
        && !(name.len > 10
             && nc_str_caseeq(nc_str_skip(name, name.len - 10), NC_STR(".localhost"))))
    {
        return 0;
    }

    if (q->first == AF_INET6 && q->second >= 0) {
        return 0;                               /* IPv4, which is next, is the one that is there */
    }

    return nc_addr_parse_ip(addr, q->first == AF_INET6 ? NC_STR("::1") : NC_STR("127.0.0.1"),
                            q->port) == NC_OK;
}


/* There is no such name, or it has no address: an answer, unlike a server that says nothing. */
static bool
is_empty(int status)
{
    return status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
}


static void
on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    nc_dns_query_t   *q = arg;
    nc_dns_answer_t   a = { .status = NC_DNS_FAILED };
    nc_addr_t        *addrs = NULL;

    (void) timeouts;

    dns.n_asking--;

    if (status == ARES_EDESTRUCTION) {
        free_query(q);
        return;
    }

    if (status == ARES_ECONNREFUSED) {
        dns.renew = true;
    }

    if (status == ARES_SUCCESS && found) {
        addrs = nc_malloc(NC_DNS_MAX_ADDRS * sizeof(*addrs));
        a.addrs = addrs;
        a.n = collect(q, found, addrs, &a.ttl_s);
        a.status = a.n ? NC_DNS_FOUND : NC_DNS_EMPTY;

    } else {
        addrs = nc_malloc(sizeof(*addrs));
        a.addrs = addrs;
        a.n = localhost(q, addrs);
        a.status = a.n ? NC_DNS_FOUND : NC_DNS_FAILED;
    }

    if (found) {
        ares_freeaddrinfo(found);
    }

    if (a.status != NC_DNS_FOUND && q->second >= 0 && q->fn) {
        q->first = q->second;
        q->second = -1;
        nc_list_del(&q->link);
        nc_list_add(&dns.waiting, &q->link);

    } else {
        a.status = a.n ? NC_DNS_FOUND : is_empty(status) ? NC_DNS_EMPTY : NC_DNS_FAILED;
        a.error = status == ARES_SUCCESS ? "no address" : ares_strerror(status);
        answer(q, &a);
    }

    free(addrs);
    nc_post(&dns.post);
}


nc_dns_query_t *
nc_dns_resolve(nc_str_t name, uint16_t port, nc_dns_family_t family, nc_dns_fn *fn, void *ctx)
{
    static const struct { int first, second; }  order[] = {
        [NC_DNS_AUTO] = { AF_INET6, AF_INET },
        [NC_DNS_V4_ONLY] = { AF_INET, -1 },
        [NC_DNS_V6_ONLY] = { AF_INET6, -1 },
        [NC_DNS_V4_PREFERRED] = { AF_INET, AF_INET6 },
        [NC_DNS_ALL] = { AF_UNSPEC, -1 },
    };
    nc_dns_query_t  *q = nc_calloc(sizeof(*q));

    NC_CHECK(dns.up && (unsigned) family < NC_COUNTOF(order));

    q->name = nc_str_dup_c(name);
    q->port = port;
    q->first = order[family].first;
    q->second = order[family].second;
    q->fn = fn;
    q->ctx = ctx;

    nc_list_append(&dns.waiting, &q->link);
    nc_post(&dns.post);

    return q;
}


void
nc_dns_cancel(nc_dns_query_t *q)
{
    q->fn = NULL;

    if (!q->asked) {
        free_query(q);
    }
}


void
nc_dns_init(const nc_dns_options_t *options)
{
    NC_CHECK(!dns.up);

    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        nc_fatal("c-ares cannot be initialised");
    }

    dns.options = options ? *options : (nc_dns_options_t) { 0 };
    dns.options.servers = dns.options.servers ? nc_strdup(dns.options.servers) : NULL;
    dns.epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (dns.epoll_fd < 0 || nc_event_add_level(&dns.event, dns.epoll_fd, on_event) != NC_OK) {
        nc_fatal("no epoll for the resolver: %s", strerror(errno));
    }

    nc_list_init(&dns.waiting);
    nc_list_init(&dns.asking);
    nc_timer_init(&dns.timer, on_timer);
    nc_post_init(&dns.post, on_post);
    dns.n_asking = 0;
    dns.renew = false;
    dns.up = true;
}


void
nc_dns_fini(void)
{
    if (!dns.up) {
        return;
    }

    if (dns.channel) {
        ares_destroy(dns.channel);              /* calls back with ARES_EDESTRUCTION */
        dns.channel = NULL;
    }

    while (!nc_list_empty(&dns.waiting)) {
        free_query(nc_container_of(nc_list_first(&dns.waiting), nc_dns_query_t, link));
    }

    nc_post_cancel(&dns.post);
    nc_timer_fini(&dns.timer);
    nc_event_del(&dns.event);
    close(dns.epoll_fd);
    free((char *) (uintptr_t) dns.options.servers);
    ares_library_cleanup();
    dns.epoll_fd = -1;
    dns.up = false;
}
