/* acceptor.c: the worker's side of a listener. */
#include "net/acceptor.h"
#include "net/facts.h"
#include "net/listener_filter.h"

#include "log/log.h"
#include "os/family.h"

#include <errno.h>
#include <unistd.h>

#define ACCEPTS_PER_EVENT   64
#define NO_FD_PAUSE_MS      100
#define DEFERRAL_MS         1
#define MAX_DEFERRALS       20

/* A pause of an acceptor that ran out of descriptors. */
typedef struct {
    nc_timer_t      timer;
    nc_acceptor_t  *a;
} rest_t;

static nc_list_t  acceptors = { &acceptors, &acceptors };      /* of this process; a->link */

static void on_closed(nc_conn_t *c, nc_close_t why);
static void enlist(nc_acceptor_t *a, nc_conn_t *c);
static void serve(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener);

static const nc_conn_ops_t  no_owner = { .on_close = on_closed };


/* What the match may ask about the connection. */
static void
fill_input(const nc_listener_conf_t *conf, const nc_conn_t *c, nc_chain_input_t *in)
{
    const nc_conn_facts_t  *facts = c->facts;

    memset(in, 0, sizeof(*in));
    in->remote = in->direct_remote = c->remote;
    in->transport = NC_STR("raw_buffer");

    if (facts) {
        in->server_name = facts->server_name;
        in->alpn = facts->alpn;
        in->n_alpn = facts->n_alpn;

        if (facts->transport.data) {
            in->transport = facts->transport;
        }

        if (facts->direct_remote.sa.sa_family) {
            in->direct_remote = facts->direct_remote;
        }
    }

    if (conf->match.needs_local) {
        nc_conn_local(c, &in->local);
    }
}


const nc_filter_chain_t *
nc_listener_chain(const nc_listener_conf_t *conf, const nc_conn_t *c)
{
    const nc_filter_chain_t  *chain = NULL;
    nc_chain_input_t          in;

    if (conf->match.root && conf->match.root->level == NC_CHAIN_LEAF) {
        return conf->match.root->chain;         /* nothing is asked */
    }

    if (conf->match.root) {
        fill_input(conf, c, &in);
        chain = nc_chain_match_find(&conf->match, &in);
    }

    return chain ? chain : conf->default_chain;
}


static void
on_closed(nc_conn_t *c, nc_close_t why)
{
    (void) c;
    (void) why;
}


static void
release(nc_acceptor_t *a)
{
    if (--a->refs == 0) {
        nc_slot_unref(a->conf->slot);
        nc_defer_free(a);
    }
}


void
nc_acceptor_let_go(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    if (c->counted) {
        nc_breaker_release(a->counted, NC_BREAKER_CONNECTIONS);
    }

    if (c->counted_globally) {
        nc_breaker_release(a->counted_globally, NC_BREAKER_CONNECTIONS);
    }

    nc_list_del(&c->link);
    a->n_conns--;
    nc_slot_unref(listener->slot);
    release(a);
}


/* This worker's part of the listener's stats; NULL outside of workers. */
static const nc_listener_worker_stats_t *
worker_stats(const nc_listener_conf_t *l)
{
    ptrdiff_t  i = nc_words - nc_family_words(1);

    return i >= 0 && i < (ptrdiff_t) l->n_workers ? &l->workers[i] : NULL;
}


void
nc_acceptor_conn_closed(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    const nc_listener_stats_t         *st = &listener->stats;
    const nc_listener_worker_stats_t  *ws = worker_stats(listener);

    if (ws) {
        nc_gauge_dec(ws->downstream_cx_active);
    }

    nc_gauge_dec(st->downstream_cx_active);
    nc_counter_inc(st->downstream_cx_destroy);
    nc_histogram_record(st->downstream_cx_length_ms, nc_now_ms - c->opened_ms);
    nc_acceptor_let_go(a, c, listener);
}


/* ---- connections whose transport shakes hands ---- */

/* Owner of a connection until then. */
typedef struct {
    nc_acceptor_t             *a;
    const nc_listener_conf_t  *conf;            /* pinned by the connection */
    const nc_filter_chain_t   *chain;           /* part of conf */
} newcomer_t;


static void
on_newcomer_closed(nc_conn_t *c, nc_close_t why)
{
    newcomer_t  *n = c->owner;

    (void) why;
    nc_acceptor_conn_closed(n->a, c, n->conf);
    nc_defer_free(n);
}


/* Its handshake takes too long. */
static void
on_newcomer_timer(nc_timer_t *t)
{
    nc_conn_t   *c = nc_container_of(t, nc_conn_t, timer);
    newcomer_t  *n = c->owner;

    nc_counter_inc(n->conf->stats.downstream_cx_transport_socket_connect_timeout);
    nc_conn_close(c, NC_CLOSE_TRANSPORT);
}


static void
on_newcomer_ready(nc_conn_t *c)
{
    newcomer_t  n = *(newcomer_t *) c->owner;

    nc_defer_free(c->owner);
    nc_timer_stop(&c->timer);
    nc_chain_run(n.a, c, n.conf, n.chain);

    if (n.a->draining && c->state == NC_CONN_OPEN && c->ops->on_drain) {
        c->ops->on_drain(c);
    }
}


static void
on_newcomer_drain(nc_conn_t *c)
{
    nc_conn_close(c, NC_CLOSE_DRAIN);
}


static const nc_conn_ops_t  newcomer_ops = {
    .on_connected = on_newcomer_ready,
    .on_close = on_newcomer_closed,
    .on_drain = on_newcomer_drain
};


static void
begin_handshake(nc_conn_t *c, nc_acceptor_t *a, const nc_listener_conf_t *conf,
    const nc_filter_chain_t *chain)
{
    newcomer_t  *n = nc_malloc(sizeof(*n));
    const char  *why;

    *n = (newcomer_t) { .a = a, .conf = conf, .chain = chain };
    c->ops = &newcomer_ops;
    c->owner = n;
    c->timer.handler = on_newcomer_timer;

    if (nc_conn_set_transport(c, chain->transport->transport, chain->transport_conf, NULL,
                              &why) != NC_OK)
    {
        nc_log_limited(ERROR, LISTENER, "listener %s: %s", conf->ctx.name.data, why);
        nc_conn_close(c, NC_CLOSE_TRANSPORT);
        return;
    }

    nc_timer_start(&c->timer, chain->transport_timeout_ms ? chain->transport_timeout_ms
                                                          : NC_HANDSHAKE_MS);
}


/* ---- new connections ---- */

static bool
is_any_address(const nc_peer_t *p)
{
    return p->sa.sa_family == AF_INET ? p->in.sin_addr.s_addr == INADDR_ANY
           : p->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&p->in6.sin6_addr);
}


static bool
listens_at(const nc_listener_conf_t *l, const nc_peer_t *p, bool exactly)
{
    nc_peer_t  own;

    nc_peer_from(&own, &l->addr.sa, l->addr.len);

    return own.sa.sa_family == p->sa.sa_family && nc_peer_port(&own) == nc_peer_port(p)
           && (exactly ? nc_ip_same(&own, p) : is_any_address(&own));
}


/* The listener for a restored destination: at this very address, else at this port of any. */
static nc_acceptor_t *
find_acceptor(const nc_acceptor_t *not_this, const nc_peer_t *p)
{
    for (int exactly = 1; exactly >= 0; exactly--) {
        nc_list_each(&acceptors, it) {
            nc_acceptor_t  *a = nc_container_of(it, nc_acceptor_t, link);

            if (a != not_this && listens_at(a->conf, p, exactly)) {
                return a;
            }
        }
    }

    return NULL;
}


/* use_original_dst: the connection goes on at the listener that it was headed for. */
static bool
hand_over(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    nc_acceptor_t  *to;

    if (!listener->use_original_dst || c->facts == NULL || !c->facts->restored) {
        return false;
    }

    to = find_acceptor(a, &c->facts->local);

    if (to == NULL) {
        return false;
    }

    c->facts->restored = false;                 /* it goes no further than there */
    c->ops = &no_owner;
    nc_acceptor_let_go(a, c, listener);
    c->counted = c->counted_globally = false;
    enlist(to, c);

    return true;
}


void
nc_acceptor_serve(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    if (hand_over(a, c, listener)) {
        return;
    }

    serve(a, c, listener);
}


static void
serve(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener)
{
    const nc_listener_worker_stats_t  *ws = worker_stats(listener);
    const nc_filter_chain_t           *chain = nc_listener_chain(listener, c);

    c->ops = &no_owner;
    c->owner = NULL;

    if (chain == NULL) {
        nc_counter_inc(listener->stats.no_filter_chain_match);
        nc_conn_close(c, NC_CLOSE_LOCAL);
        nc_acceptor_let_go(a, c, listener);
        return;
    }

    nc_counter_inc(listener->stats.downstream_cx_total);
    nc_gauge_inc(listener->stats.downstream_cx_active);

    if (ws) {
        nc_counter_inc(ws->downstream_cx_total);
        nc_gauge_inc(ws->downstream_cx_active);
    }

    if (chain->transport) {
        begin_handshake(c, a, listener, chain);

    } else {
        nc_chain_run(a, c, listener, chain);
    }
}


/* False: a limit of connections is reached. */
static bool
count(nc_acceptor_t *a, nc_conn_t *c)
{
    const nc_listener_conf_t  *l = a->conf;

    if (a->counted.id) {
        c->counted = nc_breaker_try(a->counted, NC_BREAKER_CONNECTIONS, l->max_connections);

        if (!c->counted) {
            nc_counter_inc(l->stats.downstream_cx_overflow);
            return false;
        }
    }

    if (a->counted_globally.id) {
        c->counted_globally = nc_breaker_try(a->counted_globally, NC_BREAKER_CONNECTIONS,
                                             l->max_global_connections);

        if (!c->counted_globally) {
            nc_counter_inc(l->stats.downstream_global_cx_overflow);
            return false;
        }
    }

    return true;
}


static void
take(nc_acceptor_t *a, int fd, const nc_peer_t *remote)
{
    nc_conn_t  *c = nc_conn_accept(fd, remote, &no_owner, NULL);

    if (c == NULL) {
        nc_log_limited(WARNING, LISTENER, "listener %s: cannot watch a connection: %s",
                       a->conf->ctx.name.data, strerror(errno));
        return;
    }

    enlist(a, c);
}


/* The connection becomes one of the listener's. */
static void
enlist(nc_acceptor_t *a, nc_conn_t *c)
{
    const nc_listener_conf_t  *conf = a->conf;

    c->high_mark = conf->ctx.buffer_limit;
    nc_slot_ref(conf->slot);
    a->refs++;
    a->n_conns++;
    nc_list_append(&a->conns, &c->link);

    if (!count(a, c)) {
        nc_conn_close(c, NC_CLOSE_OVERFLOW);
        nc_acceptor_let_go(a, c, conf);
        return;
    }

    if (conf->keepalive) {
        nc_conn_keepalive(c, conf->keepalive_probes, conf->keepalive_time_s,
                          conf->keepalive_interval_s);
    }

    if (conf->n_filters) {
        nc_listener_filters_run(a, c, conf);

    } else {
        serve(a, c, conf);
    }
}


/* Out of descriptors: the event would fire for ever, so it rests a moment. */
static void
on_rest_over(nc_timer_t *t)
{
    nc_acceptor_t  *a = nc_container_of(t, rest_t, timer)->a;

    if (a->accepting) {
        nc_event_enable(&a->ev, true);
    }

    release(a);
    nc_defer_free(t);
}


static void
rest(nc_acceptor_t *a)
{
    rest_t  *r = nc_malloc(sizeof(*r));

    nc_event_enable(&a->ev, false);
    nc_timer_init(&r->timer, on_rest_over);
    r->a = a;
    a->refs++;
    nc_timer_start(&r->timer, NO_FD_PAUSE_MS);
}


/* False: the queue is empty, or nothing can be taken now. */
static bool
accept_one(nc_acceptor_t *a)
{
    struct sockaddr_storage  ss;
    socklen_t                len = sizeof(ss);
    nc_peer_t                remote;
    int                      fd;

    fd = accept4(a->ev.fd, (struct sockaddr *) &ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd == -1) {
        if (errno == ECONNABORTED || errno == EINTR) {
            return true;
        }

        if (errno != EAGAIN) {
            nc_counter_inc(a->conf->stats.downstream_cx_overflow);
            nc_log_limited(WARNING, LISTENER, "listener %s: accept: %s", a->conf->ctx.name.data,
                           strerror(errno));
            rest(a);
        }

        return false;
    }

    nc_peer_from(&remote, (struct sockaddr *) &ss, len);
    take(a, fd, &remote);

    return true;
}


/* ---- exact_balance: all workers share a queue; who has less than its share may take ---- */

/* This worker has no more connections of the listener than the mean of the workers. */
static bool
has_room(const nc_acceptor_t *a)
{
    uint64_t  own = nc_stats_row[nc_breaker_cell(a->counted, NC_BREAKER_CONNECTIONS)];
    int64_t   all = nc_breaker_total(a->counted, NC_BREAKER_CONNECTIONS);

    return (int64_t) (own * NC_MAX(nc_family->workers_ready, 1u)) <= all;
}


static void
on_deferral_over(nc_timer_t *t)
{
    nc_acceptor_t  *a = nc_container_of(t, nc_acceptor_t, deferral);

    if (a->accepting) {
        nc_event_enable(&a->ev, true);
    }
}


/*
 * True: another worker is to take what is in the queue. When nobody has after some times, this one
 * does, so that a worker that hangs stops no connection.
 */
static bool
defer_to_others(nc_acceptor_t *a)
{
    if (!a->conf->exact_balance || a->counted.id == 0 || has_room(a)
        || a->n_deferred >= MAX_DEFERRALS)
    {
        a->n_deferred = 0;
        return false;
    }

    a->n_deferred++;
    nc_event_enable(&a->ev, false);
    nc_timer_start(&a->deferral, DEFERRAL_MS);

    return true;
}


static void
on_accept(nc_event_t *ev, uint32_t events)
{
    nc_acceptor_t  *a = nc_container_of(ev, nc_acceptor_t, ev);
    uint32_t        max = a->conf->max_accepts ? a->conf->max_accepts : ACCEPTS_PER_EVENT;
    uint32_t        n = 0;

    (void) events;

    while (n < max && !defer_to_others(a) && accept_one(a)) {
        n++;
    }

    nc_histogram_record(a->conf->stats.connections_accepted_per_socket_event, n);
}


nc_acceptor_t *
nc_acceptor_open(const nc_listener_conf_t *conf, int fd)
{
    nc_acceptor_t  *a = nc_calloc(sizeof(*a));

    if (fd == -1) {
        a->ev.fd = -1;

    } else if (nc_event_add_level(&a->ev, fd, on_accept)) {
        free(a);
        return NULL;
    }

    a->conf = conf;
    a->counted = conf->counted;
    a->counted_globally = conf->counted_globally;
    nc_timer_init(&a->deferral, on_deferral_over);
    a->refs = 1;
    a->accepting = fd != -1;
    nc_slot_ref(conf->slot);
    nc_list_init(&a->conns);
    nc_list_append(&acceptors, &a->link);

    return a;
}


void
nc_acceptor_update(nc_acceptor_t *a, const nc_listener_conf_t *conf)
{
    if (conf == a->conf) {
        return;
    }

    nc_slot_ref(conf->slot);
    nc_slot_unref(a->conf->slot);
    a->conf = conf;
}


void
nc_acceptor_stop(nc_acceptor_t *a, bool empty_queue)
{
    if (!a->accepting) {
        nc_list_del(&a->link);
        return;
    }

    while (empty_queue && accept_one(a)) {
        continue;
    }

    a->accepting = false;
    nc_list_del(&a->link);
    nc_timer_fini(&a->deferral);
    nc_event_del(&a->ev);
}


void
nc_acceptor_drain(nc_acceptor_t *a)
{
    a->draining = true;

    nc_list_each_safe(&a->conns, it) {
        nc_conn_t  *c = nc_container_of(it, nc_conn_t, link);

        if (c->ops->on_drain) {
            c->ops->on_drain(c);
        }
    }
}


void
nc_acceptor_close(nc_acceptor_t *a)
{
    nc_acceptor_stop(a, false);
    nc_list_del(&a->link);
    release(a);
}


const void *
nc_acceptor_renew(nc_acceptor_t *a, const nc_conn_t *c, const nc_listener_conf_t **listener,
    nc_network_begin_t *begin)
{
    const nc_listener_conf_t  *old = *listener, *now = a->conf;
    const nc_filter_chain_t   *chain;
    const nc_filter_ref_t     *last;

    if (now == old) {
        return NULL;
    }

    chain = nc_listener_chain(now, c);
    last = chain ? &chain->filters[chain->n_filters - 1] : NULL;

    if (last == NULL || last->module->network_filter->on_new != begin) {
        return NULL;
    }

    nc_slot_ref(now->slot);
    nc_gauge_inc(now->stats.downstream_cx_active);
    nc_gauge_dec(old->stats.downstream_cx_active);

    if (worker_stats(now) && worker_stats(old)) {
        nc_gauge_inc(worker_stats(now)->downstream_cx_active);
        nc_gauge_dec(worker_stats(old)->downstream_cx_active);
    }

    nc_slot_unref(old->slot);
    *listener = now;

    return last->conf;
}
