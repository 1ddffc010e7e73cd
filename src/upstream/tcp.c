/* tcp.c: raw upstream connections. */
#include "upstream/tcp.h"

#include "base/slot.h"

static void
ignore_close(nc_conn_t *c, nc_close_t why)
{
    (void) c;
    (void) why;
}


static const nc_conn_ops_t  nobody = { .on_close = ignore_close };


static const nc_limits_t *
limits_of(const nc_tcp_up_t *u)
{
    return &u->cluster->limits[u->priority];
}


/* Envoy counts a connection that is on its way as a pending request, an open one as a request. */
static void
begin_pending(nc_tcp_up_t *u)
{
    const nc_cluster_stats_t  *st = &u->cluster->stats;
    nc_host_counters_t        *host = nc_host_counters(u->host->id);

    nc_breaker_take(limits_of(u)->breaker, NC_BREAKER_CONNECTIONS);
    nc_counter_inc(st->upstream_cx_total);
    nc_gauge_inc(st->upstream_cx_active);
    nc_counter_inc(st->upstream_rq_pending_total);
    nc_gauge_inc(st->upstream_rq_pending_active);
    host->cx_total++;
    host->cx_active++;
}


static nc_rc_t
open_conn(nc_tcp_up_t *u, const nc_transport_options_t *o, const nc_conn_ops_t *ops, void *owner,
    const char **why)
{
    const nc_cluster_t  *cl = u->cluster;

    u->c = nc_conn_connect(&u->host->addr, &cl->source, cl->connect_timeout_ms, ops, owner);

    if (u->c == NULL) {
        return NC_ERROR;
    }

    u->c->high_mark = cl->buffer_limit;

    if (cl->tcp_keepalive) {
        nc_conn_keepalive(u->c, cl->keepalive_probes, cl->keepalive_time_s,
                          cl->keepalive_interval_s);
    }

    if (cl->transport && cl->transport->transport
        && nc_conn_set_transport(u->c, cl->transport->transport, cl->transport_conf, o, why)
           != NC_OK)
    {
        u->c->ops = &nobody;
        nc_conn_close(u->c, NC_CLOSE_TRANSPORT);
        u->c = NULL;
        return NC_ERROR;
    }

    return NC_OK;
}


nc_rc_t
nc_tcp_up_connect(nc_tcp_up_t *u, const nc_cluster_entry_t *entry, const nc_host_set_t *hosts,
    const nc_host_t *host, nc_priority_t priority, const nc_transport_options_t *o,
    const nc_conn_ops_t *ops, void *owner, const char **why)
{
    const nc_cluster_t  *cl = entry->cluster;
    const nc_limits_t   *lim = &cl->limits[priority];

    *why = NULL;

    if (nc_breaker_total(lim->breaker, NC_BREAKER_CONNECTIONS) >= (int64_t) lim->max_connections) {
        nc_counter_inc(cl->stats.upstream_cx_overflow);
        return NC_DECLINED;
    }

    if (!nc_breaker_try(lim->breaker, NC_BREAKER_PENDING, lim->max_pending)) {
        nc_counter_inc(cl->stats.upstream_rq_pending_overflow);
        return NC_DECLINED;
    }

    *u = (nc_tcp_up_t) { .cluster = cl, .hosts = hosts, .host = host, .priority = priority };

    if (open_conn(u, o, ops, owner, why) != NC_OK) {
        nc_breaker_release(lim->breaker, NC_BREAKER_PENDING);
        nc_counter_inc(cl->stats.upstream_cx_connect_fail);
        nc_host_counters(host->id)->cx_connect_fail++;
        return NC_ERROR;
    }

    nc_slot_ref(cl->slot);
    nc_slot_ref(hosts->slot);
    begin_pending(u);

    return NC_OK;
}


static void
end_pending(nc_tcp_up_t *u)
{
    nc_breaker_release(limits_of(u)->breaker, NC_BREAKER_PENDING);
    nc_gauge_dec(u->cluster->stats.upstream_rq_pending_active);
}


void
nc_tcp_up_connected(nc_tcp_up_t *u)
{
    const nc_cluster_stats_t  *st = &u->cluster->stats;
    nc_host_counters_t        *host = nc_host_counters(u->host->id);

    end_pending(u);
    u->connected = true;
    nc_histogram_record(st->upstream_cx_connect_ms, nc_now_ms - u->c->opened_ms);
    nc_counter_inc(st->upstream_rq_total);
    nc_gauge_inc(st->upstream_rq_active);
    host->rq_total++;
    host->rq_active++;
}


void
nc_tcp_up_count_bytes(nc_tcp_up_t *u)
{
    nc_counter_add(u->cluster->stats.upstream_cx_rx_bytes_total, u->c->rx - u->rx_counted);
    nc_counter_add(u->cluster->stats.upstream_cx_tx_bytes_total, u->c->tx - u->tx_counted);
    u->rx_counted = u->c->rx;
    u->tx_counted = u->c->tx;
}


static void
count_outcome(nc_tcp_up_t *u, bool remote, nc_close_t why)
{
    const nc_cluster_stats_t  *st = &u->cluster->stats;
    nc_host_counters_t        *host = nc_host_counters(u->host->id);

    if (!u->connected) {
        end_pending(u);
        nc_counter_inc(st->upstream_cx_connect_fail);
        nc_counter_inc(st->upstream_rq_pending_failure_eject);
        host->cx_connect_fail++;

        if (why == NC_CLOSE_CONNECT_TIMEOUT) {
            nc_counter_inc(st->upstream_cx_connect_timeout);
        }
        return;
    }

    nc_gauge_dec(st->upstream_rq_active);
    host->rq_active--;
    nc_counter_inc(st->upstream_cx_destroy_with_active_rq);
    nc_counter_inc(remote ? st->upstream_cx_destroy_remote_with_active_rq
                          : st->upstream_cx_destroy_local_with_active_rq);
}


void
nc_tcp_up_closed(nc_tcp_up_t *u, nc_close_t why)
{
    const nc_cluster_stats_t  *st = &u->cluster->stats;
    bool                       remote = why == NC_CLOSE_PEER || why == NC_CLOSE_PEER_RESET;

    nc_tcp_up_count_bytes(u);
    count_outcome(u, remote, why);
    nc_breaker_release(limits_of(u)->breaker, NC_BREAKER_CONNECTIONS);
    nc_gauge_dec(st->upstream_cx_active);
    nc_counter_inc(st->upstream_cx_destroy);
    nc_counter_inc(remote ? st->upstream_cx_destroy_remote : st->upstream_cx_destroy_local);
    nc_histogram_record(st->upstream_cx_length_ms, nc_now_ms - u->c->opened_ms);
    nc_host_counters(u->host->id)->cx_active--;
    nc_slot_unref(u->cluster->slot);
    nc_slot_unref(u->hosts->slot);
    u->c = NULL;
}
