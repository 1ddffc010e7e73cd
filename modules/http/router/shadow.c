/*
 * shadow.c: copies of a request for other clusters. Their answers count for nothing: they are read
 * and dropped.
 *
 * Invariants:
 *  1. A shadow owns its memory; body bytes are shared with the request, not copied.
 *  2. A shadow never slows the request down: when more waits for it than its cluster's buffer limit
 *     it is given up and counted (retry_or_shadow_abandoned).
 *  3. A shadow whose request is whole outlives the stream, for the route's timeout at most.
 */
#include "router_priv.h"

#define NO_TIMEOUT_MS   300000u                 /* patience when the route has no timeout */

struct shadow_s {
    nc_pool_t                  pool;
    rq_t                      *r;               /* NULL: the request is whole, or gone */
    shadow_t                  *next;
    const nc_cluster_entry_t  *entry;           /* pinned by slot */
    uint32_t                   slot;
    uint64_t                   timeout_ms;
    bool                       whole;
    bool                       dead;            /* nothing calls it any more */
    bool                       count_codes;
    nc_headers_t               head;
    nc_headers_t              *trailers;        /* NULL: none */
    nc_buf_t                   pending;
    nc_up_t                    up;
    nc_timer_t                 timer;
};

static const nc_up_ops_t  up_ops;


static void
release(void *p)
{
    shadow_t   *sh = p;
    nc_pool_t   pool = sh->pool;

    nc_pool_fini(&pool);
}


static void
leave(shadow_t *sh)
{
    shadow_t  **at;

    if (sh->r == NULL) {
        return;
    }

    at = &sh->r->shadows;

    while (*at != sh) {
        at = &(*at)->next;
    }

    *at = sh->next;
    sh->r = NULL;
}


static void
destroy(shadow_t *sh)
{
    if (sh->dead) {
        return;
    }

    sh->dead = true;
    leave(sh);
    nc_up_release(&sh->up);
    nc_timer_fini(&sh->timer);
    nc_buf_fini(&sh->pending);
    nc_slot_unref(sh->slot);
    nc_defer(release, sh);
}


static void
on_timeout(nc_timer_t *t)
{
    shadow_t  *sh = nc_container_of(t, shadow_t, timer);

    nc_counter_inc(sh->entry->cluster->stats.upstream_rq_timeout);

    if (sh->up.host) {
        nc_host_counters(sh->up.host->id)->rq_timeout++;
    }

    destroy(sh);
}


static void
count_code(shadow_t *sh, unsigned status)
{
    if (sh->count_codes) {
        nc_stats_code_inc(sh->entry->cluster->rq_codes, status);
    }
}


/* ---- the copy goes out ---- */

/* All of it is here: it stands alone from now on. */
static void
is_whole(shadow_t *sh)
{
    sh->whole = true;
    leave(sh);
    nc_timer_start(&sh->timer, sh->timeout_ms);
}


static void
send_head(shadow_t *sh)
{
    bool  end = sh->whole && sh->pending.len == 0 && sh->trailers == NULL;

    nc_up_headers(&sh->up, &sh->head, end, false);

    if (!end && (sh->pending.len > 0 || (sh->whole && sh->trailers == NULL))) {
        nc_up_data(&sh->up, &sh->pending, sh->whole && sh->trailers == NULL);
    }

    if (sh->trailers && !sh->dead) {
        nc_up_trailers(&sh->up, sh->trailers);
    }
}


static bool
is_slow(const shadow_t *sh)
{
    return sh->pending.len > sh->entry->cluster->buffer_limit || nc_up_backed_up(&sh->up);
}


static void
give_up(shadow_t *sh)
{
    nc_counter_inc(sh->entry->cluster->stats.retry_or_shadow_abandoned);
    destroy(sh);
}


void
nc_router_mirror_data(rq_t *r, const nc_buf_t *data, bool end)
{
    for (shadow_t *sh = r->shadows, *next; sh; sh = next) {
        nc_buf_t  mine;

        next = sh->next;
        nc_buf_init(&mine);
        nc_buf_share(&mine, data);

        if (sh->up.state == NC_UP_OPEN) {
            nc_up_data(&sh->up, &mine, end);
        } else {
            nc_buf_move_all(&sh->pending, &mine);
        }

        nc_buf_fini(&mine);

        if (!sh->dead && is_slow(sh)) {
            give_up(sh);

        } else if (!sh->dead && end) {
            is_whole(sh);
        }
    }
}


void
nc_router_mirror_trailers(rq_t *r)
{
    for (shadow_t *sh = r->shadows, *next; sh; sh = next) {
        next = sh->next;
        sh->trailers = nc_pool_new(&sh->pool, nc_headers_t);
        nc_headers_init(sh->trailers, &sh->pool);

        nc_headers_each(r->s->request_trailers, h) {
            nc_headers_add(sh->trailers, nc_pool_str(&sh->pool, h->name),
                           nc_pool_str(&sh->pool, h->value));
        }

        if (sh->up.state == NC_UP_OPEN) {
            nc_up_trailers(&sh->up, sh->trailers);
        }

        if (!sh->dead) {
            is_whole(sh);
        }
    }
}


void
nc_router_mirror_end(rq_t *r)
{
    while (r->shadows) {
        destroy(r->shadows);
    }
}


/* ---- making one ---- */

/* "host-shadow", "host-shadow:port". */
static void
set_host(shadow_t *sh, const nc_mirror_t *m)
{
    nc_str_t  host = nc_headers_value(&sh->head, NC_H_AUTHORITY);
    size_t    at = host.len, cap = host.len + 8;
    nc_sb_t   sb;

    if (m->host.data) {
        nc_headers_set_id(&sh->head, NC_H_AUTHORITY, m->host);
        return;
    }

    if (m->keep_host || host.len == 0) {
        return;
    }

    while (at > 0 && nc_is_digit(host.data[at - 1])) {
        at--;
    }

    at = at > 0 && at < host.len && host.data[at - 1] == ':' ? at - 1 : host.len;
    nc_sb_fixed(&sb, nc_pool_alloc(&sh->pool, cap), cap);
    nc_sb_add(&sb, host.data, at);
    nc_sb_c_add(&sb, "-shadow");
    nc_sb_add(&sb, host.data + at, host.len - at);
    nc_headers_set_id(&sh->head, NC_H_AUTHORITY, nc_sb_str(&sb));
}


static void
copy_head(shadow_t *sh, rq_t *r, const nc_mirror_t *m)
{
    nc_http_view_t  view = nc_stream_view(r->s);

    nc_headers_init(&sh->head, &sh->pool);

    nc_headers_each(&r->s->request, h) {
        if (h->id == NC_H_OTHER) {
            nc_headers_add(&sh->head, nc_pool_str(&sh->pool, h->name),
                           nc_pool_str(&sh->pool, h->value));
        } else {
            nc_headers_add_id(&sh->head, h->id, nc_pool_str(&sh->pool, h->value));
        }
    }

    view.request = &sh->head;

    for (uint32_t i = 0; i < m->n_mutations; i++) {
        nc_mutations_apply(m->mutations[i], &sh->head, &view, &sh->pool);
    }

    set_host(sh, m);
}


static const nc_cluster_entry_t *
cluster_of(rq_t *r, const nc_mirror_t *m)
{
    uint32_t      at = 0;
    nc_header_t  *h;

    if (m->cluster.data) {
        return nc_cluster_find(m->cluster);
    }

    h = nc_headers_find(&r->s->request, m->cluster_header, &at);

    return h && h->value.len ? nc_cluster_find(h->value) : NULL;
}


static void
start(rq_t *r, const nc_mirror_t *m, const nc_cluster_entry_t *entry, bool end)
{
    const nc_host_set_t  *hosts = nc_cluster_hosts(entry);
    const nc_host_t      *host = nc_lb_pick(entry, hosts, nc_random(), NULL);
    nc_pool_t             pool;
    shadow_t             *sh;

    if (host == NULL) {
        nc_counter_inc(entry->cluster->stats.upstream_cx_none_healthy);
        return;
    }

    nc_pool_init(&pool, &nc_pool_heap);
    sh = nc_pool_new(&pool, shadow_t);
    sh->pool = pool;
    sh->r = r;
    sh->next = r->shadows;
    r->shadows = sh;
    sh->entry = entry;
    sh->slot = entry->cluster->slot;
    nc_slot_ref(sh->slot);
    sh->count_codes = r->conf->dynamic_stats;
    sh->timeout_ms = r->timeout_ms ? r->timeout_ms : NO_TIMEOUT_MS;
    nc_buf_init(&sh->pending);
    nc_timer_init(&sh->timer, on_timeout);
    copy_head(sh, r, m);

    sh->up.ops = &up_ops;
    sh->up.owner = sh;
    sh->up.pool = &sh->pool;
    sh->up.downstream_h2 = r->s->info.protocol == NC_PROTOCOL_HTTP2;
    sh->up.answers = r->s->is_head ? NC_H1_FOR_HEAD : NC_H1_FOR_OTHER;

    if (end) {
        is_whole(sh);
    }

    switch (nc_up_start(&sh->up, entry, hosts, host, r->priority)) {
    case NC_OK:
        send_head(sh);
        break;

    case NC_AGAIN:
        break;

    default:
        count_code(sh, 503);
        destroy(sh);
    }
}


void
nc_router_mirror(rq_t *r, bool end)
{
    const nc_mirrors_t  *list = r->forward->mirrors;

    for (uint32_t i = 0; i < list->n; i++) {
        const nc_mirror_t         *m = &list->items[i];
        const nc_cluster_entry_t  *entry;

        if (m->has_fraction && !nc_fraction_holds(&m->fraction, nc_random())) {
            continue;
        }

        entry = cluster_of(r, m);

        if (entry) {
            start(r, m, entry, end);
        }
    }
}


/* ---- its answer ---- */

static void
on_ready(nc_up_t *u)
{
    send_head(u->owner);
}


static void
on_fail(nc_up_t *u, nc_up_failure_t why, const char *reason)
{
    (void) why;
    (void) reason;
    count_code(u->owner, 503);
    destroy(u->owner);
}


static void
on_reset(nc_up_t *u, nc_up_reset_t why, const char *reason)
{
    shadow_t  *sh = u->owner;

    (void) why;
    (void) reason;
    nc_counter_inc(sh->entry->cluster->stats.upstream_rq_rx_reset);

    if (u->host) {
        nc_host_counters(u->host->id)->rq_error++;
    }

    count_code(sh, 503);
    destroy(sh);
}


static void
on_informational(nc_up_t *u, nc_headers_t *h)
{
    (void) u;
    (void) h;
}


static void
on_headers(nc_up_t *u, nc_headers_t *h, bool end)
{
    shadow_t            *sh = u->owner;
    nc_host_counters_t  *host = nc_host_counters(u->host->id);
    uint64_t             status = 0;

    (void) nc_str_to_u64(nc_headers_value(h, NC_H_STATUS), 999, &status);
    nc_counter_inc(sh->entry->cluster->stats.upstream_rq_completed);
    count_code(sh, (unsigned) status);

    if (status >= 500) {
        host->rq_error++;
    } else {
        host->rq_success++;
    }

    if (end) {
        destroy(sh);
    }
}


static void
on_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    nc_buf_drain(data, data->len);

    if (end) {
        destroy(u->owner);
    }
}


static void
on_trailers(nc_up_t *u, nc_headers_t *t)
{
    (void) t;
    destroy(u->owner);
}


static void
on_backlog(nc_up_t *u, bool slow)
{
    (void) u;
    (void) slow;                                /* nc_router_mirror_data looks for itself */
}


static const nc_up_ops_t  up_ops = {
    .on_ready = on_ready,
    .on_fail = on_fail,
    .on_informational = on_informational,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_backlog = on_backlog
};
