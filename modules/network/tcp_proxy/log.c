/* log.c: what access logs see of a session. */
#include "tcp_proxy.h"

#include "http/stream.h"


void
tcp_info_init(session_t *s)
{
    const nc_conn_t        *c = s->down;
    const nc_conn_facts_t  *facts = c->facts;
    nc_conn_info_t         *ci = &s->conn_info;

    ci->id = c->id;
    ci->remote = c->remote;
    ci->direct_remote = c->remote;
    ci->listener = s->listener->ctx.name;

    if (facts) {
        ci->requested_server_name = facts->server_name;

        if (facts->direct_remote.sa.sa_family) {
            ci->direct_remote = facts->direct_remote;
        }
    }

    if (s->conf->n_logs) {                      /* nobody else asks for it */
        nc_conn_local(c, &ci->local);
    }

    s->info.conn = ci;
    s->info.remote = c->remote;
    s->info.start_us = nc_now_us;
    s->info.start_wall_us = nc_wall_us();
}


void
tcp_info_fini(session_t *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->slots[i]) {
            nc_slot_unref(s->slots[i]);
            s->slots[i] = 0;
        }
    }
}


void
tcp_info_upstream(session_t *s)
{
    const nc_tcp_up_t  *u = &s->up;
    nc_http_info_t     *info = &s->info;

    tcp_info_fini(s);
    s->slots[0] = u->cluster->slot;
    s->slots[1] = u->hosts->slot;
    nc_slot_ref(s->slots[0]);
    nc_slot_ref(s->slots[1]);

    info->cluster_name = u->cluster->observability_name;
    info->upstream_host_name = u->host->hostname.len ? u->host->hostname : u->host->addr_text;
    info->upstream_remote = u->c->remote;
    info->upstream_connection_id = u->c->id;

    if (u->host->addr.sa.sa_family == AF_UNIX) {
        info->upstream_remote_path = u->host->addr_text;
    }

    if (s->conf->n_logs && u->connected) {
        nc_conn_local(u->c, &info->upstream_local);
    }
}


void
tcp_log(session_t *s, nc_log_type_t type)
{
    nc_http_info_t  *info = &s->info;
    nc_http_view_t   view = { .info = info };

    if (s->conf->n_logs == 0) {
        return;
    }

    info->end_us = nc_now_us;
    info->log_type = (uint8_t) type;

    if (s->down) {
        info->bytes_received = info->wire_received = s->down->rx;
        info->bytes_sent = info->wire_sent = s->down->tx;
    }

    if (s->up.c) {
        info->upstream_wire_sent = s->up.c->tx;
        info->upstream_wire_received = s->up.c->rx;
    }

    nc_access_logs_write(s->conf->logs, s->conf->n_logs, &view, nc_random());
}
