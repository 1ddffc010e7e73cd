/* pool.c: keep-alive pools: finding, making, lending and closing upstream connections. */
#include "upstream/pool_priv.h"

#include "base/slab.h"
#include "base/slot.h"
#include "log/log.h"

#include <errno.h>

static nc_host_pool_t  **by_host;               /* by host row id */
static uint32_t          n_by_host;
static nc_list_t         all_pools;

static nc_slab_t         slab = NC_SLAB_INIT(nc_up_conn_t);

static const nc_conn_ops_t  conn_ops;


static void
free_conn(void *p)
{
    nc_slab_put(&slab, p);
}


void
nc_upstream_init(void)
{
    nc_list_init(&all_pools);
}


static nc_host_pool_t *
pool_of(nc_host_id_t host)
{
    nc_host_pool_t  *p;

    if (host.id >= n_by_host) {
        uint32_t  n = NC_MAX(n_by_host * 2, NC_MAX(host.id + 1, 64u));

        by_host = nc_realloc(by_host, n * sizeof(*by_host));
        memset(by_host + n_by_host, 0, (n - n_by_host) * sizeof(*by_host));
        n_by_host = n;
    }

    p = by_host[host.id];

    if (p == NULL) {
        p = by_host[host.id] = nc_calloc(sizeof(*p));
        p->host = host;
        nc_list_init(&p->idle);
        nc_list_init(&p->waiting);
        nc_list_init(&p->shared);
        nc_list_append(&all_pools, &p->link);
    }

    return p;
}


static const nc_limits_t *
limits_of(const nc_cluster_t *cluster, nc_priority_t priority)
{
    return &cluster->limits[priority];
}


void
nc_up_count_bytes(nc_up_conn_t *uc)
{
    nc_counter_add(uc->cluster->stats.upstream_cx_rx_bytes_total, uc->c->rx - uc->rx_counted);
    nc_counter_add(uc->cluster->stats.upstream_cx_tx_bytes_total, uc->c->tx - uc->tx_counted);
    uc->rx_counted = uc->c->rx;
    uc->tx_counted = uc->c->tx;
}


/* ---- requests ---- */

/* The pins and the head of a try; the owner's fields stay. */
static void
unpin(nc_up_t *u)
{
    if (u->cluster) {
        nc_slot_unref(u->cluster->slot);
        nc_slot_unref(u->hosts->slot);
        u->cluster = NULL;
        u->hosts = NULL;
    }
}


void
nc_up_release(nc_up_t *u)
{
    nc_up_cancel(u);
    unpin(u);

    if (u->head_block) {
        nc_block_unref(u->head_block);
        u->head_block = NULL;
    }
}


static void
leave_queue(nc_up_t *u)
{
    const nc_limits_t  *lim = limits_of(u->cluster, u->priority);

    nc_list_del(&u->link);
    nc_breaker_release(lim->breaker, NC_BREAKER_PENDING);
    nc_gauge_dec(u->cluster->stats.upstream_rq_pending_active);
    u->state = NC_UP_IDLE;
}


/* False: the limit of requests is reached. */
static bool
attach(nc_up_t *u, nc_up_conn_t *uc)
{
    const nc_limits_t   *lim = limits_of(u->cluster, u->priority);
    nc_host_counters_t  *host = nc_host_counters(u->host->id);

    if (!nc_breaker_try(lim->breaker, NC_BREAKER_REQUESTS, lim->max_requests)) {
        nc_counter_inc(u->cluster->stats.upstream_rq_pending_overflow);
        return false;
    }

    u->conn = uc;
    u->state = NC_UP_OPEN;
    u->reused = uc->n_requests > 0;
    u->started_us = nc_now_us;
    u->request_sent = u->response_started = u->chunked = u->no_reuse = false;
    uc->n_requests++;
    uc->n_active++;
    uc->idle_ms = 0;

    if (uc->h2) {
        nc_h2_client_attach(uc, u);

    } else {
        nc_list_del(&uc->link);
        uc->u = u;
        uc->phase = NC_UPC_HEAD;
        uc->upgrade = false;
        nc_h1_parser_init(&uc->parser);

        if (u->raw) {
            uc->phase = NC_UPC_TUNNEL;
            u->no_reuse = u->response_started = true;
        }
    }

    nc_counter_inc(u->cluster->stats.upstream_rq_total);
    nc_gauge_inc(u->cluster->stats.upstream_rq_active);
    host->rq_total++;
    host->rq_active++;

    return true;
}


static nc_up_t *
first_waiting(nc_host_pool_t *p)
{
    nc_list_t  *it = nc_list_first(&p->waiting);

    return it ? nc_container_of(it, nc_up_t, link) : NULL;
}


/* As first_waiting, of those who can use this connection: raw bytes want a fresh one. */
static nc_up_t *
first_for(const nc_up_conn_t *uc)
{
    nc_list_each(&uc->pool->waiting, it) {
        nc_up_t  *u = nc_container_of(it, nc_up_t, link);

        if (!u->raw || uc->n_requests == 0) {
            return u;
        }
    }

    return NULL;
}


/* A connection is free: to who waits first, else to the idle ones. */
static void
offer(nc_up_conn_t *uc)
{
    nc_host_pool_t  *p = uc->pool;
    nc_up_t         *u;

    while ((u = first_for(uc)) != NULL) {
        leave_queue(u);

        if (attach(u, uc)) {
            u->ops->on_ready(u);
            return;
        }

        u->ops->on_fail(u, NC_UP_OVERFLOW, NULL);
    }

    uc->phase = NC_UPC_IDLE;
    uc->idle_ms = uc->cluster->idle_timeout_ms ? nc_now_ms + uc->cluster->idle_timeout_ms : 0;
    nc_list_add(&p->idle, &uc->link);

    if (uc->idle_ms) {
        nc_timer_at(&uc->c->timer, uc->idle_ms);
    }
}


/* An HTTP/2 connection goes to those who wait, as far as it has room. */
void
nc_up_offer_shared(nc_up_conn_t *uc)
{
    nc_host_pool_t  *p = uc->pool;
    nc_up_t         *u;

    while (nc_conn_is_open(uc->c) && nc_h2_client_room(uc) > 0
           && (u = first_waiting(p)) != NULL)
    {
        leave_queue(u);

        if (attach(u, uc)) {
            u->ops->on_ready(u);

        } else {
            u->ops->on_fail(u, NC_UP_OVERFLOW, NULL);
        }
    }

    if (uc->n_active == 0 && nc_conn_is_open(uc->c)) {
        uc->idle_ms = uc->cluster->idle_timeout_ms ? nc_now_ms + uc->cluster->idle_timeout_ms : 0;

        if (uc->idle_ms) {
            nc_timer_at(&uc->c->timer, uc->idle_ms);
        }
    }
}


/* True when a connection that has just become free must not be used again. */
static bool
worn_out(nc_up_conn_t *uc)
{
    const nc_cluster_t  *cl = uc->cluster;

    if (cl->max_requests_per_cx && uc->n_requests >= cl->max_requests_per_cx) {
        nc_counter_inc(cl->stats.upstream_cx_max_requests);
        return true;
    }

    if (cl->max_connection_ms && nc_now_ms - uc->c->opened_ms >= cl->max_connection_ms) {
        nc_counter_inc(cl->stats.upstream_cx_max_duration_reached);
        return true;
    }

    return false;
}


void
nc_up_detach(nc_up_t *u, bool reuse)
{
    nc_up_conn_t        *uc = u->conn;
    const nc_limits_t   *lim = limits_of(u->cluster, u->priority);
    nc_host_counters_t  *host = nc_host_counters(u->host->id);

    if (uc->h2) {
        nc_h2_client_leave(u);
    }

    u->conn = NULL;
    u->state = NC_UP_IDLE;
    uc->u = NULL;
    uc->n_active--;
    nc_breaker_release(lim->breaker, NC_BREAKER_REQUESTS);
    nc_gauge_dec(u->cluster->stats.upstream_rq_active);
    host->rq_active--;
    nc_up_count_bytes(uc);

    if (!nc_conn_is_open(uc->c)) {
        return;
    }

    if (uc->h2) {
        if (worn_out(uc)) {
            nc_h2_client_drain(uc);
        }

        nc_up_offer_shared(uc);
        return;
    }

    uc->c->gates = 0;

    if (!reuse || uc->c->eof || uc->c->in.len > 0 || worn_out(uc)) {
        nc_conn_close(uc->c, NC_CLOSE_LOCAL);
        return;
    }

    offer(uc);
}


void
nc_up_break(nc_up_conn_t *uc, nc_up_reset_t why, const char *reason)
{
    nc_up_t  *u = uc->u;

    nc_up_detach(u, false);
    u->ops->on_reset(u, why, reason);
}


void
nc_up_cancel(nc_up_t *u)
{
    if (u->state == NC_UP_PENDING) {
        nc_counter_inc(u->cluster->stats.upstream_rq_cancelled);
        leave_queue(u);

    } else if (u->state == NC_UP_OPEN) {
        nc_counter_inc(u->cluster->stats.upstream_rq_tx_reset);
        nc_up_detach(u, false);
    }
}


/* ---- connections ---- */

static void
set_options(nc_up_conn_t *uc)
{
    const nc_cluster_t  *cl = uc->cluster;

    uc->options = (nc_h1_options_t) {
        .max_bytes = cl->max_response_headers_kb * 1024,
        .max_headers = cl->max_response_headers,
        .accept_http_10 = true,
        .keep_case = cl->keep_case,
        .enable_trailers = cl->enable_trailers,
        .allow_chunked_length = cl->allow_chunked_length
    };
}


/* The cluster's transport under a new connection. False: it cannot be made, errno is EPROTO. */
static bool
set_transport(nc_up_conn_t *uc, const nc_cluster_t *cl, const nc_host_t *host, bool h2)
{
    nc_transport_options_t  o = {
        .host = host->hostname, .alpn = h2 ? NC_STR("\2h2") : NC_STR("\10http/1.1")
    };
    const char             *why = "";

    if (cl->transport == NULL
        || nc_conn_set_transport(uc->c, cl->transport->transport, cl->transport_conf, &o, &why)
           == NC_OK)
    {
        return true;
    }

    nc_log_limited(ERROR, UPSTREAM, "cluster %s: %s", cl->name.data, why);
    errno = EPROTO;

    return false;
}


/* A new connection to `host`; NULL with errno when no socket can be made. */
static nc_up_conn_t *
connect_to(nc_host_pool_t *p, const nc_cluster_t *cl, const nc_host_t *host, nc_priority_t priority,
    bool h2)
{
    nc_up_conn_t  *uc = nc_slab_get(&slab);

    uc->c = nc_conn_connect(&host->addr, &cl->source, cl->connect_timeout_ms, &conn_ops, uc);

    if (uc->c == NULL) {
        nc_counter_inc(cl->stats.upstream_cx_connect_fail);
        nc_host_counters(host->id)->cx_connect_fail++;
        nc_slab_put(&slab, uc);
        return NULL;
    }

    uc->magic = NC_UP_CONN_MAGIC;
    uc->pool = p;
    uc->cluster = cl;
    uc->priority = priority;
    uc->phase = NC_UPC_CONNECTING;
    uc->wants_h2 = h2;
    uc->c->high_mark = cl->buffer_limit;
    nc_list_init(&uc->link);
    set_options(uc);
    nc_slot_ref(cl->slot);

    p->n_conns++;
    p->n_connecting++;
    nc_breaker_take(limits_of(cl, priority)->breaker, NC_BREAKER_CONNECTIONS);
    nc_counter_inc(cl->stats.upstream_cx_total);
    nc_counter_inc(h2 ? cl->stats.upstream_cx_http2_total : cl->stats.upstream_cx_http1_total);
    nc_gauge_inc(cl->stats.upstream_cx_active);
    nc_host_counters(p->host)->cx_total++;
    nc_host_counters(p->host)->cx_active++;

    if (cl->tcp_keepalive) {
        nc_conn_keepalive(uc->c, cl->keepalive_probes, cl->keepalive_time_s,
                          cl->keepalive_interval_s);
    }

    if (!set_transport(uc, cl, host, h2)) {
        uc->c->error = EPROTO;
        nc_post(&uc->c->again);                 /* fails as any connection does, but not in here */
    }

    return uc;
}


/* More requests wait than connections are on their way: false when the limit forbids another. */
static bool
may_connect(const nc_host_pool_t *p, const nc_cluster_t *cl, nc_priority_t priority)
{
    const nc_limits_t  *lim = limits_of(cl, priority);

    if (nc_breaker_total(lim->breaker, NC_BREAKER_CONNECTIONS) < (int64_t) lim->max_connections) {
        return true;
    }

    nc_counter_inc(cl->stats.upstream_cx_overflow);

    return p->n_conns == 0;                     /* a host without any gets one, as in Envoy */
}


/* What the cluster speaks with a host for this request. */
static bool
speaks_h2(const nc_up_t *u)
{
    if (u->raw) {
        return false;
    }

    return u->cluster->protocol == NC_UPSTREAM_HTTP2
           || (u->cluster->protocol == NC_UPSTREAM_DOWNSTREAM && u->downstream_h2);
}


/* HTTP/2: the requests that wait fit on the connections that are on their way. */
static bool
room_is_coming(const nc_host_pool_t *p, const nc_up_t *u)
{
    return p->n_connecting > 0 && speaks_h2(u);
}


static nc_rc_t
enqueue(nc_up_t *u, nc_host_pool_t *p)
{
    const nc_cluster_t  *cl = u->cluster;
    const nc_limits_t   *lim = limits_of(cl, u->priority);

    if (!nc_breaker_try(lim->breaker, NC_BREAKER_PENDING, lim->max_pending)) {
        nc_counter_inc(cl->stats.upstream_rq_pending_overflow);
        return NC_DECLINED;
    }

    if (!room_is_coming(p, u) && may_connect(p, cl, u->priority)
        && connect_to(p, cl, u->host, u->priority, speaks_h2(u)) == NULL)
    {
        nc_breaker_release(lim->breaker, NC_BREAKER_PENDING);
        return NC_ERROR;
    }

    nc_counter_inc(cl->stats.upstream_rq_pending_total);
    nc_gauge_inc(cl->stats.upstream_rq_pending_active);
    nc_list_append(&p->waiting, &u->link);
    u->state = NC_UP_PENDING;

    return NC_AGAIN;
}


/* A connection that can take the request at once, or NULL. */
static nc_up_conn_t *
usable(const nc_host_pool_t *p, const nc_up_t *u)
{
    nc_list_t  *it;

    if (u->raw) {
        return NULL;
    }

    if (!speaks_h2(u)) {
        it = nc_list_first(&p->idle);
        return it ? nc_container_of(it, nc_up_conn_t, link) : NULL;
    }

    nc_list_each(&p->shared, i) {
        nc_up_conn_t  *uc = nc_container_of(i, nc_up_conn_t, link);

        if (nc_h2_client_room(uc) > 0) {
            return uc;
        }
    }

    return NULL;
}


nc_rc_t
nc_up_start(nc_up_t *u, const nc_cluster_entry_t *entry, const nc_host_set_t *hosts,
    const nc_host_t *host, nc_priority_t priority)
{
    nc_host_pool_t  *p = pool_of(host->id);
    nc_up_conn_t    *uc;
    nc_rc_t          rc;

    u->cluster = entry->cluster;
    u->hosts = hosts;
    u->host = host;
    u->priority = priority;
    nc_slot_ref(u->cluster->slot);
    nc_slot_ref(hosts->slot);

    uc = usable(p, u);

    if (uc) {
        rc = attach(u, uc) ? NC_OK : NC_DECLINED;

    } else {
        rc = enqueue(u, p);
    }

    if (rc == NC_DECLINED || rc == NC_ERROR) {
        unpin(u);
    }

    return rc;
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t     *c = nc_container_of(t, nc_conn_t, timer);
    nc_up_conn_t  *uc = c->owner;

    if (uc->h2) {
        nc_h2_client_timer(uc);
    }

    if (uc->idle_ms == 0 || !nc_conn_is_open(c)) {
        return;
    }

    if (uc->idle_ms > nc_now_ms) {
        nc_timer_at(t, uc->idle_ms);
        return;
    }

    nc_counter_inc(uc->cluster->stats.upstream_cx_idle_timeout);
    nc_conn_close(c, NC_CLOSE_IDLE);
}


static void
on_connected(nc_conn_t *c)
{
    nc_up_conn_t  *uc = c->owner;

    NC_OBJ_CHECK(uc, NC_UP_CONN_MAGIC);
    uc->pool->n_connecting--;
    c->timer.handler = on_timer;
    nc_histogram_record(uc->cluster->stats.upstream_cx_connect_ms, nc_now_ms - c->opened_ms);

    if (uc->wants_h2) {
        uc->phase = NC_UPC_IDLE;
        nc_h2_client_connected(uc);
        nc_list_append(&uc->pool->shared, &uc->link);
        nc_up_offer_shared(uc);
        return;
    }

    offer(uc);
}


static void
on_read(nc_conn_t *c)
{
    nc_up_conn_t  *uc = c->owner;

    NC_OBJ_CHECK(uc, NC_UP_CONN_MAGIC);

    if (uc->h2) {
        nc_h2_client_read(uc);

    } else {
        nc_h1_client_read(uc);
    }
}


static void
on_drained(nc_conn_t *c)
{
    nc_up_conn_t  *uc = c->owner;

    if (uc->h2) {
        nc_h2_client_drained(uc);

    } else if (uc->u) {
        nc_counter_inc(uc->cluster->stats.upstream_flow_control_drained_total);
        uc->u->ops->on_backlog(uc->u, false);
    }
}


static void
count_close(nc_up_conn_t *uc, nc_close_t why)
{
    const nc_cluster_stats_t  *st = &uc->cluster->stats;
    bool                       remote = why == NC_CLOSE_PEER || why == NC_CLOSE_PEER_RESET;

    nc_breaker_release(limits_of(uc->cluster, uc->priority)->breaker, NC_BREAKER_CONNECTIONS);
    nc_gauge_dec(st->upstream_cx_active);
    nc_counter_inc(st->upstream_cx_destroy);
    nc_counter_inc(remote ? st->upstream_cx_destroy_remote : st->upstream_cx_destroy_local);
    nc_histogram_record(st->upstream_cx_length_ms, nc_now_ms - uc->c->opened_ms);
    nc_histogram_record(st->upstream_rq_per_cx, uc->n_requests);
    nc_host_counters(uc->pool->host)->cx_active--;

    if (uc->n_active > 0) {
        nc_counter_inc(st->upstream_cx_destroy_with_active_rq);
        nc_counter_inc(remote ? st->upstream_cx_destroy_remote_with_active_rq
                              : st->upstream_cx_destroy_local_with_active_rq);
    }
}


/* The first request in the queue shares the fate of the connection that was made for it. */
static void
connect_failed(nc_up_conn_t *uc, nc_close_t why)
{
    const nc_cluster_t  *cl = uc->cluster;
    nc_up_t             *u = first_waiting(uc->pool);
    const char          *failure = nc_conn_transport_failure(uc->c);
    char                 text[256];

    uc->pool->n_connecting--;
    nc_counter_inc(cl->stats.upstream_cx_connect_fail);
    nc_host_counters(uc->pool->host)->cx_connect_fail++;

    if (why == NC_CLOSE_CONNECT_TIMEOUT) {
        nc_counter_inc(cl->stats.upstream_cx_connect_timeout);
    }

    if (u == NULL) {
        return;
    }

    if (failure) {
        snprintf(text, sizeof(text), "%s", failure);

    } else {
        snprintf(text, sizeof(text), "delayed connect error: %s", strerror(uc->c->error));
    }

    nc_counter_inc(cl->stats.upstream_rq_pending_failure_eject);
    leave_queue(u);
    u->ops->on_fail(u, why == NC_CLOSE_CONNECT_TIMEOUT ? NC_UP_CONNECT_TIMEOUT
                                                       : NC_UP_CONNECT_FAILED,
                    why == NC_CLOSE_CONNECT_TIMEOUT ? NULL : nc_pool_strdup(u->pool, text));
}


/* Who still waits, and nothing is on its way for them. */
static void
feed_waiting(nc_host_pool_t *p)
{
    nc_up_t  *u = first_waiting(p);

    if (u == NULL || p->n_conns > 0) {
        return;
    }

    if (connect_to(p, u->cluster, u->host, u->priority, speaks_h2(u)) == NULL) {
        leave_queue(u);
        u->ops->on_fail(u, NC_UP_CONNECT_FAILED, nc_pool_strdup(u->pool, strerror(errno)));
        feed_waiting(p);
    }
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    nc_up_conn_t    *uc = c->owner;
    nc_host_pool_t  *p = uc->pool;

    NC_OBJ_CHECK(uc, NC_UP_CONN_MAGIC);
    nc_list_del(&uc->link);
    p->n_conns--;
    count_close(uc, why);

    if (uc->phase == NC_UPC_CONNECTING) {
        connect_failed(uc, why);

    } else if (uc->h2) {
        nc_h2_client_broken(uc, why == NC_CLOSE_PEER_RESET ? NC_UP_RESET : NC_UP_TERMINATED);
        nc_h2_client_end(uc);

    } else if (uc->u) {
        nc_up_break(uc, why == NC_CLOSE_PEER_RESET ? NC_UP_RESET : NC_UP_TERMINATED, NULL);
    }

    nc_up_count_bytes(uc);
    nc_slot_unref(uc->cluster->slot);
    uc->magic = 0;
    nc_defer(free_conn, uc);
    feed_waiting(p);
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_connected = on_connected,
    .on_close = on_close
};


void
nc_up_gate(nc_up_t *u, nc_gate_t who, bool on)
{
    if (u->state != NC_UP_OPEN) {
        return;
    }

    if (u->h2) {
        nc_h2_client_gate(u, who, on);
        return;
    }

    if (on) {
        nc_counter_inc(u->cluster->stats.upstream_flow_control_paused_reading_total);
        nc_conn_gate(u->conn->c, who);

    } else if (u->conn->c->gates & who) {
        nc_counter_inc(u->cluster->stats.upstream_flow_control_resumed_reading_total);
        nc_conn_ungate(u->conn->c, who);
    }
}


void
nc_up_addresses(const nc_up_t *u, nc_peer_t *remote, nc_peer_t *local, uint64_t *id)
{
    *remote = u->conn->c->remote;
    *id = u->conn->c->id;

    if (!u->conn->have_local) {
        nc_conn_local(u->conn->c, &u->conn->local);
        u->conn->have_local = true;
    }

    *local = u->conn->local;
}


nc_conn_t *
nc_up_socket(const nc_up_t *u)
{
    return u->conn->c;
}


bool
nc_up_backed_up(const nc_up_t *u)
{
    if (u->state != NC_UP_OPEN) {
        return false;
    }

    return u->h2 ? nc_h2_client_backed_up(u) : u->conn->c->over_high;
}


bool
nc_up_is_h2(const nc_up_t *u)
{
    return u->h2 != NULL;
}


/* ---- changes of configuration ---- */

static bool
host_is_there(const nc_cluster_entry_t *e, nc_host_id_t id)
{
    const nc_host_set_t  *set = nc_cluster_hosts(e);

    for (uint32_t i = 0; i < set->n; i++) {
        if (set->hosts[i].id.id == id.id) {
            return true;
        }
    }

    return false;
}


/* An idle connection moves to the newest settings of its cluster, or is closed. */
static void
renew_idle(nc_up_conn_t *uc)
{
    const nc_cluster_entry_t  *e = nc_cluster_find(uc->cluster->name);

    if (e == NULL || e->cluster->local_id != uc->cluster->local_id
        || !host_is_there(e, uc->pool->host))
    {
        if (uc->h2) {
            nc_h2_client_drain(uc);
        } else {
            nc_conn_close(uc->c, NC_CLOSE_DRAIN);
        }
        return;
    }

    if (e->cluster != uc->cluster && uc->h2 == NULL) {
        nc_slot_ref(e->cluster->slot);
        nc_slot_unref(uc->cluster->slot);
        uc->cluster = e->cluster;
        set_options(uc);
    }
}


void
nc_upstream_root_changed(void)
{
    nc_list_each(&all_pools, it) {
        nc_host_pool_t  *p = nc_container_of(it, nc_host_pool_t, link);

        nc_list_each_safe(&p->idle, i) {
            renew_idle(nc_container_of(i, nc_up_conn_t, link));
        }

        nc_list_each_safe(&p->shared, i) {
            renew_idle(nc_container_of(i, nc_up_conn_t, link));
        }
    }
}


void
nc_upstream_close_idle(void)
{
    nc_list_each(&all_pools, it) {
        nc_host_pool_t  *p = nc_container_of(it, nc_host_pool_t, link);

        nc_list_each_safe(&p->idle, i) {
            nc_conn_close(nc_container_of(i, nc_up_conn_t, link)->c, NC_CLOSE_DRAIN);
        }

        nc_list_each_safe(&p->shared, i) {
            nc_h2_client_drain(nc_container_of(i, nc_up_conn_t, link));
        }
    }
}
