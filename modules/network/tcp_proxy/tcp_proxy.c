/*
 * tcp_proxy.c: the life of a session; the picture stands in tcp_proxy.h.
 *
 * Invariants:
 *  1. A session lives until both connections are gone; it pins its listener itself, since an
 *     upstream may still take bytes when the downstream connection is over.
 *  2. The downstream connection's timer serves all deadlines of the session.
 */
#include "tcp_proxy.h"

#include "http/stream.h"
#include "log/log.h"
#include "upstream/pool.h"

#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"

#include <errno.h>

#define LINGER_MS   1000u                       /* for a client that still talks at the end */

static const nc_conn_ops_t  early_ops;

static void try_connect(session_t *s);


static void
maybe_free(session_t *s)
{
    if (s->magic == 0 || s->down || s->up.c) {
        return;
    }

    if (s->flushing) {
        nc_gauge_dec(s->conf->stats.upstream_flush_active);
    }

    tcp_relay_fini(s);
    tcp_info_fini(s);
    nc_slot_unref(s->listener->slot);
    s->magic = 0;
    nc_defer_free(s);
}


/* ---- deadlines ---- */

static uint64_t
sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}


static void
arm(session_t *s)
{
    uint64_t  due = sooner(sooner(s->idle_ms, s->age_ms), sooner(s->log_ms, s->retry_ms));

    if (s->down && nc_conn_is_open(s->down)) {
        nc_timer_at(&s->down->timer, due);
    }
}


static uint64_t
bytes_moved(const session_t *s)
{
    return s->down->rx + s->down->tx + (s->up.c ? s->up.c->rx + s->up.c->tx : 0);
}


/* True: nothing has moved for the time of idle_timeout. */
static bool
is_idle(session_t *s)
{
    uint64_t  moved = bytes_moved(s);

    if (moved != s->moved) {                    /* looked at only now and then */
        s->moved = moved;
        s->idle_ms = nc_now_ms + s->conf->idle_ms;
        return false;
    }

    return true;
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);

    if (s->age_ms && s->age_ms <= nc_now_ms) {
        nc_counter_inc(s->conf->stats.max_downstream_connection_duration);
        s->info.flags |= NC_RF_DURATION_TIMEOUT;
        s->info.termination_details = "max_connection_duration_reached";
        nc_conn_close(c, NC_CLOSE_MAX_DURATION);
        return;
    }

    if (s->idle_ms && s->idle_ms <= nc_now_ms && is_idle(s)) {
        nc_counter_inc(s->conf->stats.idle_timeout);
        s->info.termination_details = "tcp_session_idle_timeout";
        nc_conn_close(c, NC_CLOSE_IDLE);
        return;
    }

    if (s->log_ms && s->log_ms <= nc_now_ms) {
        s->log_ms = nc_now_ms + s->conf->log_interval_ms;
        tcp_log(s, NC_LOG_TCP_PERIODIC);
    }

    if (s->retry_ms && s->retry_ms <= nc_now_ms) {
        s->retry_ms = 0;
        try_connect(s);
    }

    arm(s);
}


/* ---- connecting ---- */

static void
give_up(session_t *s, uint32_t flag)
{
    s->info.flags |= flag;
    nc_conn_close(s->down, NC_CLOSE_LOCAL);
}


static nc_str_t
choose_cluster(session_t *s)
{
    const conf_t  *conf = s->conf;
    nc_str_t       named = nc_conn_fact(s->down, NC_STR_NULL, NC_STR(NC_TCP_CLUSTER_KEY));
    uint64_t       at;

    if (named.data) {
        return named;
    }

    if (conf->n_targets == 1) {
        return conf->targets[0].name;
    }

    at = nc_random() % conf->targets[conf->n_targets - 1].weight_end;

    for (uint32_t i = 0; i < conf->n_targets - 1; i++) {
        if (at < conf->targets[i].weight_end) {
            return conf->targets[i].name;
        }
    }

    return conf->targets[conf->n_targets - 1].name;
}


/* A try has failed: the next one now, or after a while. */
static void
try_again(session_t *s)
{
    const conf_t  *conf = s->conf;
    uint64_t       most = conf->backoff_base_ms;

    if (most == 0 || s->attempts >= conf->max_attempts) {
        try_connect(s);
        return;
    }

    for (uint32_t i = 1; i < s->attempts && most < conf->backoff_max_ms; i++) {
        most *= 2;
    }

    most = NC_MIN(most, conf->backoff_max_ms);
    s->retry_ms = nc_now_ms + nc_random() % most + 1;
    arm(s);
}


static void
explain(session_t *s, const char *what, const char *why)
{
    snprintf(s->failure, sizeof(s->failure), "%s%s", what, why);
    s->info.upstream_failure = s->failure;
}


static void
connect_to(session_t *s, const nc_cluster_entry_t *entry, const nc_host_set_t *hosts,
    const nc_host_t *host)
{
    nc_transport_options_t   o = { .host = host->hostname, .remote = &s->down->remote };
    nc_peer_t                local;
    const char              *why;

    if (entry->cluster->transport) {            /* PROXY protocol tells it */
        nc_conn_local(s->down, &local);
        o.local = &local;
    }

    s->attempts++;
    s->info.attempts = (uint16_t) NC_MIN(s->attempts, (uint32_t) UINT16_MAX);

    switch (nc_tcp_up_connect(&s->up, entry, hosts, host, NC_PRIORITY_DEFAULT, &o, &early_ops, s,
                              &why))
    {
    case NC_OK:
        tcp_info_upstream(s);
        break;

    case NC_DECLINED:
        give_up(s, NC_RF_UPSTREAM_OVERFLOW);
        break;

    default:
        s->info.flags |= NC_RF_UPSTREAM_CONNECT_FAILURE;
        explain(s, "immediate connect error: ", why ? why : strerror(errno));
        try_again(s);
        break;
    }
}


static void
try_connect(session_t *s)
{
    const nc_cluster_entry_t  *entry = nc_cluster_find(s->cluster);
    const nc_host_set_t       *hosts;
    const nc_host_t           *host;

    s->phase = CONNECTING;

    if (entry == NULL) {
        nc_counter_inc(s->conf->stats.downstream_cx_no_route);
        give_up(s, NC_RF_NO_CLUSTER);
        return;
    }

    if (s->attempts >= s->conf->max_attempts) {
        nc_counter_inc(entry->cluster->stats.upstream_cx_connect_attempts_exceeded);
        give_up(s, NC_RF_RETRY_LIMIT_EXCEEDED);
        return;
    }

    hosts = nc_cluster_hosts(entry);
    host = nc_lb_pick(entry, hosts, nc_random(), NULL);

    if (host == NULL) {
        s->info.cluster_name = s->cluster;
        nc_counter_inc(entry->cluster->stats.upstream_cx_none_healthy);
        give_up(s, NC_RF_NO_HEALTHY_UPSTREAM);
        return;
    }

    connect_to(s, entry, hosts, host);
}


static void
on_up_connected(nc_conn_t *c)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);
    nc_tcp_up_connected(&s->up);
    tcp_info_upstream(s);
    s->phase = RELAYING;

    if (s->conf->idle_ms) {
        s->moved = bytes_moved(s);
        s->idle_ms = nc_now_ms + s->conf->idle_ms;
    }

    if (s->conf->log_on_connected) {
        tcp_log(s, NC_LOG_TCP_CONNECTED);
    }

    arm(s);
    tcp_relay_init(s);
}


/* The upstream side before there is a connection. */
static void
on_up_failed(nc_conn_t *c, nc_close_t why)
{
    session_t   *s = c->owner;
    const char  *text = nc_conn_transport_failure(c);

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);

    if (text) {
        explain(s, "", text);

    } else if (why != NC_CLOSE_CONNECT_TIMEOUT) {
        explain(s, "delayed connect error: ", strerror(c->error));
    }

    nc_tcp_up_closed(&s->up, why);

    if (s->down && s->down->state == NC_CONN_OPEN) {
        s->info.flags |= NC_RF_UPSTREAM_CONNECT_FAILURE;
        try_again(s);
    }

    maybe_free(s);
}


static void
on_up_early(nc_conn_t *c)
{
    (void) c;                                   /* not open yet: there is nothing to read */
}


static const nc_conn_ops_t  early_ops = {
    .on_read = on_up_early,
    .on_connected = on_up_connected,
    .on_close = on_up_failed
};


/* ---- the downstream side before there is an upstream one ---- */

/* Early data waits in down->in; more than may wait stays in the kernel. */
static void
on_down_early(nc_conn_t *c)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);

    if (c->in.len == 0 && c->eof && s->phase == WAITING) {
        nc_conn_close(c, NC_CLOSE_PEER);
        return;
    }

    if (c->in.len > 0 && c->in.len == c->rx) {
        nc_counter_inc(s->conf->stats.early_data_received_count_total);
    }

    if (c->in.len >= s->conf->max_early_bytes || c->eof) {
        nc_conn_gate(c, NC_GATE_UPSTREAM);
    }

    if (s->phase == WAITING && s->conf->connect_mode == CONNECT_ON_DATA) {
        try_connect(s);
    }
}


static void
on_down_handshake(nc_conn_t *c)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);

    if (s->phase == WAITING && s->conf->connect_mode == CONNECT_ON_TLS) {
        try_connect(s);
    }
}


void
tcp_down_closed(nc_conn_t *c, nc_close_t why)
{
    session_t  *s = c->owner;
    phase_t     was = s->phase;
    bool        remote = why == NC_CLOSE_PEER || why == NC_CLOSE_PEER_RESET;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);
    s->phase = ENDING;
    tcp_log(s, NC_LOG_TCP_END);
    nc_counter_add(s->conf->stats.downstream_cx_rx_bytes_total, c->rx - s->rx_counted);
    nc_counter_add(s->conf->stats.downstream_cx_tx_bytes_total, c->tx - s->tx_counted);
    nc_acceptor_conn_closed(s->acceptor, c, s->listener);
    s->down = NULL;

    if (s->up.c && was != ENDING) {
        if (was == RELAYING && remote) {
            tcp_relay_empty(s, TO_UP);
        }

        if (was == RELAYING && remote && s->up.c->out.len > 0) {
            s->flushing = true;
            nc_counter_inc(s->conf->stats.upstream_flush_total);
            nc_gauge_inc(s->conf->stats.upstream_flush_active);
            nc_conn_finish(s->up.c, NC_CLOSE_LOCAL, false, 0);

        } else {
            nc_conn_close(s->up.c, NC_CLOSE_LOCAL);
        }
    }

    maybe_free(s);
}


void
tcp_up_closed(nc_conn_t *c, nc_close_t why)
{
    session_t  *s = c->owner;

    NC_OBJ_CHECK(s, TCP_SESSION_MAGIC);
    s->info.upstream_wire_sent = c->tx;
    s->info.upstream_wire_received = c->rx;

    if (s->down && s->phase == RELAYING) {
        s->phase = ENDING;
        tcp_relay_empty(s, TO_DOWN);
        nc_tcp_up_closed(&s->up, why);
        nc_conn_finish(s->down, NC_CLOSE_LOCAL, true, LINGER_MS);

    } else {
        nc_tcp_up_closed(&s->up, why);
    }

    maybe_free(s);
}


void
tcp_session_end(session_t *s)
{
    s->phase = ENDING;
    nc_conn_finish(s->up.c, NC_CLOSE_LOCAL, false, 0);

    if (s->down) {
        nc_conn_finish(s->down, NC_CLOSE_LOCAL, false, 0);
    }
}


static void
on_drain(nc_conn_t *c)
{
    (void) c;                                   /* bytes have no end that could be waited for */
}


static const nc_conn_ops_t  waiting_ops = {
    .on_read = on_down_early,
    .on_connected = on_down_handshake,
    .on_close = tcp_down_closed,
    .on_drain = on_drain
};


static void
begin(nc_conn_t *c, const void *conf, nc_acceptor_t *a, const nc_listener_conf_t *listener)
{
    session_t  *s = nc_calloc(sizeof(*s));

    s->magic = TCP_SESSION_MAGIC;
    s->conf = conf;
    s->acceptor = a;
    s->listener = listener;
    s->down = c;
    s->ways[TO_UP].fds[0] = s->ways[TO_DOWN].fds[0] = -1;
    nc_slot_ref(listener->slot);
    c->ops = &waiting_ops;
    c->owner = s;
    c->early_close = false;                     /* a half-closed client still wants its answer */
    c->timer.handler = on_timer;
    nc_counter_inc(s->conf->stats.downstream_cx_total);
    tcp_info_init(s);
    s->cluster = choose_cluster(s);

    if (s->conf->max_duration_ms) {
        double  more = (double) (nc_random() >> 11) / (double) (1ull << 53) * s->conf->jitter;

        s->age_ms = nc_now_ms + (uint64_t) ((double) s->conf->max_duration_ms * (1 + more));
    }

    if (s->conf->log_interval_ms && s->conf->n_logs) {
        s->log_ms = nc_now_ms + s->conf->log_interval_ms;
    }

    arm(s);

    if (s->conf->max_early_bytes == 0) {
        nc_conn_gate(c, NC_GATE_UPSTREAM);
    }

    if (s->conf->connect_mode == CONNECT_AT_ONCE
        || (s->conf->connect_mode == CONNECT_ON_TLS && !c->handshaking))
    {
        try_connect(s);
    }
}


static const nc_network_filter_ops_t  ops = {
    .on_new = begin,
    .terminal = true
};

extern const nc_module_t  nc_network_tcp_proxy_module;

const nc_module_t  nc_network_tcp_proxy_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.tcp_proxy",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__descriptor,
    .compile = tcp_proxy_compile,
    .network_filter = &ops
};
