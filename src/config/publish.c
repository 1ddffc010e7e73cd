/*
 * publish.c: from resources to roots. A root is small: it points to the listeners and to a table of
 * clusters, which is an object of its own and stays as long as no cluster comes or goes. So new
 * hosts of a cluster among thousands cost their own set and a root.
 *
 * Invariants:
 *  1. entry->hosts is stored before the root is published that makes it safe to free the set that
 *     was there.
 *  2. A cluster that is given back "uses" the hosts that its entry names: a worker that pins it may
 *     follow that pointer.
 */
#include "config/loader_priv.h"

#include "log/log.h"
#include "os/broker.h"

#define RETRY_MS            1000u
#define RECLAIM_MIN_MS      5u
#define RECLAIM_MAX_MS      1000u


static void
on_hosts_free(nc_image_object_t *obj)
{
    if (obj->data) {
        nc_host_set_release(obj->data);
    }
}


nc_rc_t
nc_publish_hosts(nc_res_t *r)
{
    nc_image_object_t  *obj = nc_image_object_begin("hosts", r->name);
    nc_host_set_t      *set;

    obj->on_free = on_hosts_free;
    set = nc_discovery_hosts(&r->discovery, &obj->pool, obj->slot);
    obj->data = set;

    if (nc_image_object_seal(obj) != NC_OK) {
        nc_image_object_abort(obj);
        return NC_ERROR;
    }

    if (r->hosts) {
        nc_counter_inc(r->discovery.stats.membership_change);
        nc_counter_inc(nc_loader.cm_stats.cluster_updated);
        nc_vec_push(&nc_loader.replaced, r->hosts);

    } else if (set->n) {
        nc_counter_inc(r->discovery.stats.membership_change);
    }

    __atomic_store_n(&r->entry->hosts, set, __ATOMIC_RELEASE);
    r->hosts = obj;
    r->hosts_stale = false;

    return NC_OK;
}


static bool
clusters_change(const nc_load_t *load)
{
    for (size_t i = 0; i < load->fresh.n; i++) {
        if (load->fresh.items[i]->kind == NC_RES_CLUSTER) {
            return true;
        }
    }

    return load->removed > 0 || nc_loader.table_obj == NULL;
}


static nc_rc_t
build_table(const nc_res_vec_t *next)
{
    nc_image_object_t  *obj = nc_image_object_begin("clusters", "");
    size_t              n = 0;

    for (size_t i = 0; i < next->n; i++) {
        n += next->items[i]->kind == NC_RES_CLUSTER;
    }

    nc_table_init(&nc_loader.next_table, &obj->pool, n);

    for (size_t i = 0; i < next->n; i++) {
        nc_res_t  *r = next->items[i];

        if (r->kind == NC_RES_CLUSTER) {
            NC_CHECK(nc_table_add(&nc_loader.next_table, r->entry->cluster->name, r->entry)
                     == NC_OK);
        }
    }

    if (nc_image_object_seal(obj) != NC_OK) {
        nc_image_object_abort(obj);
        return NC_ERROR;
    }

    nc_loader.next_table_obj = obj;

    return NC_OK;
}


nc_rc_t
nc_publish_prepare(nc_load_t *load)
{
    nc_rc_t  rc = NC_OK;

    for (size_t i = 0; i < load->fresh.n && rc == NC_OK; i++) {
        if (load->fresh.items[i]->kind == NC_RES_CLUSTER) {
            rc = nc_publish_hosts(load->fresh.items[i]);
        }
    }

    if (rc == NC_OK && clusters_change(load)) {
        rc = build_table(&load->next);
    }

    if (rc != NC_OK) {
        nc_errors_add(&load->errors, NULL, 0, 0, "", "no room in the configuration image");
    }

    return rc;
}


void
nc_publish_adopt(void)
{
    if (nc_loader.next_table_obj == NULL) {
        return;
    }

    if (nc_loader.table_obj) {
        nc_vec_push(&nc_loader.replaced, nc_loader.table_obj);
    }

    nc_loader.table_obj = nc_loader.next_table_obj;
    nc_loader.table = nc_loader.next_table;
    nc_loader.next_table_obj = NULL;
}


void
nc_publish_forget(void)
{
    if (nc_loader.next_table_obj) {
        nc_image_object_abort(nc_loader.next_table_obj);
        nc_loader.next_table_obj = NULL;
    }
}


static void
set_node(nc_root_t *root, nc_pool_t *pool)
{
    nc_loader_resource_t  b;
    nc_bootstrap_msg_t   *m;
    nc_pool_t             scratch;

    if (!nc_loader_bootstrap(&b)) {
        return;
    }

    nc_pool_init(&scratch, &nc_pool_heap);
    m = (void *) nc_loader_unpack(&scratch, nc_res_type(NC_RES_BOOTSTRAP), &b);

    if (m->node) {
        root->node_id = nc_pool_str(pool, nc_str_c(m->node->id));
        root->node_cluster = nc_pool_str(pool, nc_str_c(m->node->cluster));
    }

    nc_pool_fini(&scratch);
}


static nc_root_t *
build_root(nc_pool_t *pool)
{
    nc_root_t                  *root = nc_pool_new(pool, nc_root_t);
    const nc_listener_conf_t  **listeners;
    uint32_t                    n = 0;

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        n += nc_loader.current.items[i]->kind == NC_RES_LISTENER;
    }

    listeners = nc_pool_array(pool, n, sizeof(*listeners));

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        if (nc_loader.current.items[i]->kind == NC_RES_LISTENER) {
            listeners[root->n_listeners++] = nc_loader.current.items[i]->listener;
        }
    }

    root->generation = nc_loader.generation;
    root->listeners = listeners;
    root->clusters.by_name = nc_loader.table;
    root->draining = nc_loader.draining;
    root->log_flush_ms = nc_loader.options->file_flush_interval_ms;
    root->filesystem = nc_loader.fs_stats;
    root->listener_manager = nc_loader.lm_stats;
    root->server = nc_loader.server_stats;
    set_node(root, pool);

    return root;
}


uint64_t
nc_publish_now(void)
{
    nc_image_object_t  *obj;
    uint64_t            seq;

    nc_timer_stop(&nc_loader.publish_timer);

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        nc_res_t  *r = nc_loader.current.items[i];

        if (r->hosts_stale && nc_publish_hosts(r) != NC_OK) {
            nc_log_limited(ERROR, CONFIG, "cluster %s keeps its old hosts: no room in the "
                           "configuration image", r->name);
        }
    }

    obj = nc_image_object_begin("root", "");
    seq = nc_image_publish(obj, build_root(&obj->pool));

    if (seq == 0) {
        nc_log_limited(ERROR, CONFIG, "no root published: no room in the configuration image");
        nc_image_object_abort(obj);
        nc_timer_start(&nc_loader.publish_timer, RETRY_MS);
        return 0;
    }

    nc_loader.live = true;
    nc_loader.published_ms = nc_now_ms;

    for (size_t i = 0; i < nc_loader.replaced.n; i++) {
        nc_image_object_retire(nc_loader.replaced.items[i]);
    }

    nc_loader.replaced.n = 0;
    nc_broker->wake_workers();

    nc_loader.reclaim_ms = RECLAIM_MIN_MS;
    nc_timer_start(&nc_loader.reclaim_timer, RECLAIM_MIN_MS);

    return seq;
}


void
nc_publish_soon(void)
{
    uint64_t  due = nc_loader.published_ms + NC_LOADER_PUBLISH_MS;

    if (!nc_timer_running(&nc_loader.publish_timer)) {
        nc_timer_start(&nc_loader.publish_timer, due > nc_now_ms ? due - nc_now_ms : 1);
    }
}


static void
on_publish_timer(nc_timer_t *t)
{
    (void) t;
    nc_publish_now();
}


/*
 * Frees what workers have let go of. Once nothing of the helper before us is in use any more, the
 * names that it had and we have not asked for go, too.
 */
static void
on_reclaim_timer(nc_timer_t *t)
{
    nc_image_stats_t  stats;

    nc_image_reclaim();

    if (nc_loader.sweep && nc_loader.live) {
        nc_image_stats(&stats);

        if (stats.old_generations == 0) {
            nc_stats_sweep();
            nc_hosts_sweep();
            nc_loader.sweep = false;
        }
    }

    if (nc_image_reclaim_pending()) {
        nc_loader.reclaim_ms = NC_MIN(nc_loader.reclaim_ms * 2, RECLAIM_MAX_MS);
        nc_timer_start(t, nc_loader.reclaim_ms);
    }
}


void
nc_publish_retire(nc_res_t *r)
{
    if (r->obj && r->hosts) {
        nc_image_object_uses(r->obj, r->hosts);
    }

    if (r->obj) {
        nc_compile_retired(r);
        nc_image_object_retire(r->obj);
    }

    if (r->hosts) {
        nc_image_object_retire(r->hosts);
    }

    r->obj = r->hosts = NULL;
    r->entry = NULL;
    r->listener = NULL;
}


void
nc_publish_init(void)
{
    nc_timer_init(&nc_loader.publish_timer, on_publish_timer);
    nc_timer_init(&nc_loader.reclaim_timer, on_reclaim_timer);
}


void
nc_publish_fini(void)
{
    nc_timer_fini(&nc_loader.publish_timer);
    nc_timer_fini(&nc_loader.reclaim_timer);

    nc_publish_forget();
    nc_vec_fini(&nc_loader.replaced);
}
