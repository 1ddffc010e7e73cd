/*
 * loader.c: the steps of a load, in time:
 *
 *     begin ─► (errors: answer, nothing has changed)
 *       │
 *       ├─► nothing is new: answer
 *       │
 *       └─► warming ─► all names answered, or NC_LOADER_WARM_MS ─► log, publish ─► seen ─► answer
 *
 * What was asked of the master and put into the image until then is given back when a load fails.
 */
#include "config/loader_priv.h"

#include "api/message.h"
#include "log/log.h"
#include "os/broker.h"

#define SEEN_POLL_MS    2u
#define SEEN_MAX_MS     10000u                  /* a worker that hangs does not hold the answer */

nc_loader_t  nc_loader;

static void take_effect(nc_load_t *load);


static void
add_count(nc_sb_t *out, uint32_t n, const char *what)
{
    nc_sb_printf(out, "%s%u %s", out->len ? ", " : "", n, what);
}


/* Counts first, then warnings; or errors alone. */
static void
make_text(const nc_load_t *load, bool ok, nc_sb_t *out)
{
    if (ok) {
        add_count(out, load->added, "added");
        add_count(out, load->modified, "modified");
        add_count(out, load->removed, "removed");
        add_count(out, load->unchanged, "unchanged");
    }

    for (const nc_error_t *e = load->errors.first; e; e = e->next) {
        if (ok || !e->warning || load->errors.n == 0) {
            if (out->len) {
                nc_sb_char(out, '\n');
            }

            nc_error_print(e, out);
        }
    }
}


static void
start_next(void)
{
    if ((nc_loader.waiting.n || nc_loader.refresh) && nc_loader.load == NULL) {
        nc_post(&nc_loader.post);
    }
}


/* Answers everybody who asked, and ends the load. */
static void
finish(nc_load_t *load, bool ok)
{
    nc_loader_result_t  result = {
        .ok = ok, .added = load->added, .modified = load->modified, .removed = load->removed,
        .unchanged = load->unchanged, .generation = nc_loader.generation, .errors = &load->errors,
    };
    nc_sb_t             text;

    nc_timer_fini(&load->timer);

    for (size_t i = 0; i < load->next.n; i++) {
        load->next.items[i]->message = NULL;
    }

    nc_sb_init(&text);
    make_text(load, ok, &text);
    result.text = nc_sb_str(&text);
    nc_loader.load = NULL;

    for (size_t i = 0; i < load->done.n; i++) {
        if (load->done.items[i].fn) {
            load->done.items[i].fn(load->done.items[i].ctx, &result);
        }
    }

    nc_sb_fini(&text);
    nc_load_fini(load);
    free(load);
    start_next();
}


static void
set_gauges(void)
{
    uint64_t  clusters = 0, listeners = 0;

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        clusters += nc_loader.current.items[i]->kind == NC_RES_CLUSTER;
        listeners += nc_loader.current.items[i]->kind == NC_RES_LISTENER;
    }

    nc_gauge_set(nc_loader.cm_stats.active_clusters, clusters);
    nc_gauge_set(nc_loader.cm_stats.warming_clusters, 0);
    nc_gauge_set(nc_loader.lm_stats.total_listeners_active, listeners);
    nc_gauge_set(nc_loader.lm_stats.total_listeners_warming, 0);
}


static void
count_fresh(const nc_load_t *load)
{
    for (size_t i = 0; i < load->fresh.n; i++) {
        const nc_res_t  *r = load->fresh.items[i];
        bool             old = nc_map_get(&nc_loader.by_name[r->kind], nc_str_c(r->name)) != NULL;

        if (r->kind == NC_RES_CLUSTER) {
            nc_counter_inc(old ? nc_loader.cm_stats.cluster_modified
                               : nc_loader.cm_stats.cluster_added);

        } else if (r->kind == NC_RES_LISTENER) {
            nc_counter_inc(old ? nc_loader.lm_stats.listener_modified
                               : nc_loader.lm_stats.listener_added);
        }
    }
}


/* ---- the log ---- */

static void
logged_key(nc_sb_t *key, nc_res_kind_t kind, nc_str_t name)
{
    nc_sb_reset(key);
    nc_sb_printf(key, "%d|" NC_STR_FMT, (int) kind, NC_STR_ARG(name));
}


static nc_rc_t
note_logged(void *ctx, const nc_clog_record_t *record)
{
    nc_res_kind_t   kind = nc_res_kind(record->type);
    nc_logged_t    *l;
    nc_pool_t       pool;
    const char     *why;
    nc_sb_t         key;

    (void) ctx;

    if (kind != NC_RES_KINDS) {
        ProtobufCMessage  *m;

        nc_pool_init(&pool, &nc_pool_heap);
        nc_sb_init(&key);
        m = nc_message_unpack(&pool, nc_res_type(kind), record->bytes, &why, NULL);
        l = nc_calloc(sizeof(*l));
        *l = (nc_logged_t) { m ? nc_message_hash(m) : 0, record->time_us, record->generation };
        logged_key(&key, kind, record->name);
        free(nc_map_set(&nc_loader.logged, nc_sb_str(&key), l));
        nc_sb_fini(&key);
        nc_pool_fini(&pool);
    }

    return NC_OK;
}


static void
put_record(nc_res_t *r, const nc_sb_t *key)
{
    nc_logged_t       *l = nc_calloc(sizeof(*l));
    nc_clog_record_t   record = {
        .type = nc_str_c(nc_res_type_url(r->kind)), .name = nc_str_c(r->name),
        .version = NC_STR(""), .origin = nc_str_c(r->origin), .bytes = r->bytes,
    };

    nc_clog_put(nc_loader.log, &record);
    *l = (nc_logged_t) { r->hash, nc_wall_us(), nc_clog_generation(nc_loader.log) + 1 };
    free(nc_map_set(&nc_loader.logged, nc_sb_str(key), l));
}


/* Removes from the log what is not in the load any more. */
static void
remove_records(nc_load_t *load)
{
    NC_VEC(char *)  gone = NC_VEC_INIT;
    size_t          at = 0;
    nc_str_t        key;
    void           *value;

    while (nc_map_next(&nc_loader.logged, &at, &key, &value)) {
        nc_res_kind_t  kind = (nc_res_kind_t) (key.data[0] - '0');

        if (nc_map_get(&load->by_name[kind], nc_str_skip(key, 2)) == NULL) {
            nc_clog_record_t  record = {
                .type = nc_str_c(nc_res_type_url(kind)), .name = nc_str_skip(key, 2),
                .version = NC_STR(""), .origin = NC_STR(""),
            };

            nc_clog_remove(nc_loader.log, &record);
            nc_vec_push(&gone, nc_str_dup_c(key));
        }
    }

    for (size_t i = 0; i < gone.n; i++) {
        free(nc_map_del(&nc_loader.logged, nc_str_c(gone.items[i])));
        free(gone.items[i]);
    }

    nc_vec_fini(&gone);
}


static void
forget_logged(void)
{
    size_t    at = 0;
    nc_str_t  key;
    void     *value;

    while (nc_map_next(&nc_loader.logged, &at, &key, &value)) {
        free(value);
    }

    nc_map_fini(&nc_loader.logged);
    nc_map_init(&nc_loader.logged);
}


static void
read_logged(void)
{
    nc_errors_t  errors;

    forget_logged();
    nc_errors_init(&errors);

    if (nc_loader.log && nc_clog_generation(nc_loader.log)
        && nc_clog_state(nc_loader.log, 0, note_logged, NULL, &errors) == NC_ERROR)
    {
        nc_log(ERROR, CONFIG, "the config log cannot be read: %s",
               errors.first ? errors.first->message : "?");
    }

    nc_errors_fini(&errors);
}


/*
 * Writes what differs from the log. The first load does not fail for it: serving without a record
 * is better than not serving.
 */
static nc_rc_t
write_log(nc_load_t *load)
{
    nc_sb_t   key;
    nc_rc_t   rc;

    if (nc_loader.log == NULL) {
        nc_loader.generation++;

        for (size_t i = 0; i < load->fresh.n; i++) {
            load->fresh.items[i]->updated_us = nc_wall_us();
        }

        return NC_OK;
    }

    if (load->from == NC_LOAD_LOG) {
        nc_loader.generation = nc_clog_generation(nc_loader.log);
        return NC_OK;
    }

    nc_clog_begin(nc_loader.log, nc_wall_us());
    nc_sb_init(&key);

    for (size_t i = 0; i < load->next.n; i++) {
        nc_res_t           *r = load->next.items[i];
        const nc_logged_t  *l;

        logged_key(&key, r->kind, nc_str_c(r->name));
        l = nc_map_get(&nc_loader.logged, nc_sb_str(&key));

        if (l == NULL || l->hash != r->hash) {
            put_record(r, &key);
            l = nc_map_get(&nc_loader.logged, nc_sb_str(&key));
        }

        r->updated_us = l->time_us;
        r->generation = l->generation;
    }

    remove_records(load);
    nc_sb_fini(&key);

    rc = nc_clog_commit(nc_loader.log, &load->errors);

    if (rc != NC_OK) {
        read_logged();
    }

    nc_loader.generation = nc_clog_generation(nc_loader.log);

    return rc;
}


/* ---- warming and publishing ---- */

static bool
all_answered(const nc_load_t *load)
{
    for (size_t i = 0; i < load->fresh.n; i++) {
        const nc_res_t  *r = load->fresh.items[i];

        if (r->discovering && !nc_discovery_ready(&r->discovery)) {
            return false;
        }
    }

    return true;
}


static void
end_seen(nc_load_t *load)
{
    for (size_t i = 0; i < load->gone.n; i++) {
        nc_res_t  *r = load->gone.items[i];

        nc_res_unlisten(r);

        nc_res_free(r);
    }

    load->gone.n = 0;
    finish(load, true);
}


static void
retire_gone(nc_load_t *load)
{
    for (size_t i = 0; i < load->gone.n; i++) {
        nc_publish_retire(load->gone.items[i]);
    }
}


static void
on_seen_timer(nc_timer_t *t)
{
    nc_load_t  *load = nc_container_of(t, nc_load_t, timer);

    if (load->seq == 0) {
        load->seq = nc_publish_now();

        if (load->seq) {
            retire_gone(load);
        }
    }

    if (load->seq && nc_image_all_seen(load->seq)) {
        end_seen(load);
        return;
    }

    if (load->seq && nc_now_ms >= load->give_up_ms) {
        nc_errors_warn(&load->errors, NULL, 0, 0, "", "not every worker uses it yet");
        end_seen(load);
        return;
    }

    nc_timer_start(t, SEEN_POLL_MS);
}


static void
watch_folders(void)
{
    nc_watch_begin();

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        const nc_depends_t  *d = &nc_loader.current.items[i]->depends;

        for (size_t k = 0; k < d->folders.n; k++) {
            nc_watch_add(d->folders.items[k]);
        }
    }

    nc_watch_end();
}


/* What was current and is not in `next` goes; `next` becomes current. */
static void
swap_state(nc_load_t *load)
{
    for (size_t i = 0; i < nc_loader.current.n; i++) {
        nc_res_t  *r = nc_loader.current.items[i];
        nc_res_t  *now = nc_map_get(&load->by_name[r->kind], nc_str_c(r->name));

        if (now != r) {
            nc_vec_push(&load->gone, r);

            if (now == NULL && r->kind == NC_RES_CLUSTER) {
                nc_counter_inc(nc_loader.cm_stats.cluster_removed);

            } else if (now == NULL && r->kind == NC_RES_LISTENER) {
                nc_counter_inc(nc_loader.lm_stats.listener_removed);
            }
        }
    }

    count_fresh(load);
    nc_loader.current.n = 0;

    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        nc_map_fini(&nc_loader.by_name[i]);
        nc_map_init(&nc_loader.by_name[i]);
    }

    for (size_t i = 0; i < load->next.n; i++) {
        nc_res_t  *r = load->next.items[i];

        nc_vec_push(&nc_loader.current, r);
        nc_map_set(&nc_loader.by_name[r->kind], nc_str_c(r->name), r);
    }

    load->fresh.n = 0;                          /* no longer the load's to abort */
    set_gauges();
    watch_folders();
}


static void
take_effect(nc_load_t *load)
{
    load->warming = false;
    nc_timer_stop(&load->timer);

    if (nc_publish_prepare(load) != NC_OK || (write_log(load) != NC_OK && nc_loader.live)) {
        nc_publish_forget();
        finish(load, false);
        return;
    }

    swap_state(load);
    nc_publish_adopt();
    load->seq = nc_publish_now();

    if (load->seq) {
        retire_gone(load);
    }

    load->give_up_ms = nc_now_ms + SEEN_MAX_MS;
    nc_timer_fini(&load->timer);
    nc_timer_init(&load->timer, on_seen_timer);
    nc_timer_start(&load->timer, SEEN_POLL_MS);
}


static void
on_warm_timer(nc_timer_t *t)
{
    nc_load_t  *load = nc_container_of(t, nc_load_t, timer);

    if (!all_answered(load)) {
        nc_log(WARNING, CONFIG, "some names did not resolve in time; going on without them");
    }

    take_effect(load);
}


void
nc_loader_hosts_changed(nc_discovery_t *d)
{
    nc_res_t   *r = d->owner;
    nc_load_t  *load = nc_loader.load;

    if (r->hosts) {
        r->hosts_stale = true;
        nc_publish_soon();
    }

    if (load && load->warming && r->hosts == NULL && all_answered(load)) {
        nc_timer_start(&load->timer, 1);
    }
}


static void
warm(nc_load_t *load)
{
    uint64_t  clusters = 0, listeners = 0;

    for (size_t i = 0; i < load->fresh.n; i++) {
        nc_res_t  *r = load->fresh.items[i];

        if (r->discovering) {
            nc_discovery_start(&r->discovery);
        }

        clusters += r->kind == NC_RES_CLUSTER;
        listeners += r->kind == NC_RES_LISTENER;
    }

    nc_gauge_set(nc_loader.cm_stats.warming_clusters, clusters);
    nc_gauge_set(nc_loader.lm_stats.total_listeners_warming, listeners);

    nc_timer_init(&load->timer, on_warm_timer);
    load->warming = true;

    if (all_answered(load)) {
        take_effect(load);
        return;
    }

    nc_timer_start(&load->timer, NC_LOADER_WARM_MS);
}


/* ---- beginning ---- */

static nc_rc_t
read_resources(nc_load_t *load)
{
    if (load->from == NC_LOAD_CURRENT) {
        nc_load_refresh(load);

        return NC_OK;
    }

    if (load->from == NC_LOAD_LOG) {
        if (nc_load_replay(load) != NC_OK) {
            return NC_ERROR;
        }

    } else {
        load->doc = nc_loader_read(nc_loader.options, &load->errors);

        if (load->doc == NULL || nc_load_split(load) != NC_OK) {
            return NC_ERROR;
        }
    }

    nc_load_diff(load);

    return NC_OK;
}


static void
begin(nc_load_from_t from)
{
    nc_load_t           *load = nc_calloc(sizeof(*load));
    nc_load_done_vec_t   none = NC_VEC_INIT;
    nc_rc_t              rc;

    nc_load_init(load);
    load->done = nc_loader.waiting;
    nc_loader.waiting = none;
    nc_loader.load = load;
    load->from = from;
    nc_loader.refresh = false;                  /* every load looks at what it depends on */
    nc_timer_init(&load->timer, on_warm_timer);
    rc = read_resources(load);

    if (rc == NC_OK) {
        if (load->fresh.n == 0 && load->removed == 0 && nc_loader.live) {
            finish(load, true);
            return;
        }

        rc = nc_load_compile(load);
    }

    if (rc == NC_OK) {
        warm(load);

    } else {
        finish(load, false);
    }
}


static void
on_refreshed(void *ctx, const nc_loader_result_t *result)
{
    (void) ctx;

    if (!result->ok) {
        nc_log(ERROR, CONFIG, "a file has changed and cannot be used: " NC_STR_FMT,
               NC_STR_ARG(result->text));

    } else if (result->modified) {
        nc_log(INFO, CONFIG, "files have changed: " NC_STR_FMT, NC_STR_ARG(result->text));
    }
}


static void
on_post(nc_post_t *p)
{
    (void) p;

    if (nc_loader.load == NULL && nc_loader.waiting.n) {
        begin(NC_LOAD_FILES);

    } else if (nc_loader.load == NULL && nc_loader.refresh) {
        nc_vec_push(&nc_loader.waiting, ((nc_load_done_t) { on_refreshed, NULL }));
        begin(NC_LOAD_CURRENT);
    }
}


/* Something was renamed into a watched folder. */
static void
on_folder(void)
{
    nc_loader.refresh = true;
    start_next();
}


void
nc_loader_reload(nc_loader_done_fn *done, void *ctx)
{
    nc_vec_push(&nc_loader.waiting, ((nc_load_done_t) { done, ctx }));

    if (nc_loader.load == NULL) {
        begin(NC_LOAD_FILES);
    }
}


void
nc_loader_recover(nc_loader_done_fn *done, void *ctx)
{
    NC_CHECK(nc_loader.load == NULL && nc_loader.current.n == 0);

    nc_vec_push(&nc_loader.waiting, ((nc_load_done_t) { done, ctx }));
    begin(nc_loader.log && nc_clog_generation(nc_loader.log) > 0 ? NC_LOAD_LOG : NC_LOAD_FILES);
}


void
nc_loader_set_draining(uint32_t reasons)
{
    if (nc_loader.draining != reasons) {
        nc_loader.draining = reasons;

        if (nc_loader.live) {
            nc_publish_soon();
        }
    }
}


bool
nc_loader_is_live(void)
{
    return nc_loader.live;
}


/* Ids that workers know of the helper before us are not given to other clusters soon. */
static void
inherit_ids(void)
{
    uint64_t          seq;
    const nc_root_t  *root = nc_image_root(&seq);

    for (uint32_t i = 0; root && root->clusters.by_name.slots
                         && i <= root->clusters.by_name.mask; i++)
    {
        const nc_table_slot_t  *slot = &root->clusters.by_name.slots[i];

        if (slot->key.data) {
            const nc_cluster_entry_t  *e = slot->value;

            nc_loader.last_id = NC_MAX(nc_loader.last_id, e->cluster->local_id);
        }
    }

    nc_loader.sweep = root != NULL;
}


void
nc_loader_init(const nc_options_t *options, nc_clog_t *log)
{
    NC_CHECK(!nc_loader.up && nc_broker);

    nc_loader.options = options;
    nc_loader.log = log;
    nc_loader.up = true;
    nc_loader.id_uses = nc_calloc((NC_CLUSTERS_MAX + 1) * sizeof(uint32_t));
    nc_map_init(&nc_loader.logged);
    nc_pool_init(&nc_loader.admin_pool, &nc_pool_heap);

    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        nc_map_init(&nc_loader.by_name[i]);
    }

    nc_loader.stats = nc_stats_owner_create();
    nc_cluster_manager_stats_init(&nc_loader.cm_stats, nc_loader.stats, NC_STR("cluster_manager"));
    nc_listener_manager_stats_init(&nc_loader.lm_stats, nc_loader.stats,
                                   NC_STR("listener_manager"));
    nc_filesystem_stats_init(&nc_loader.fs_stats, nc_loader.stats, NC_STR("filesystem"));
    nc_server_stats_init(&nc_loader.server_stats, nc_loader.stats, NC_STR("server"));

    nc_post_init(&nc_loader.post, on_post);
    nc_publish_init();
    nc_watch_init(on_folder);
    nc_dns_init(NULL);
    inherit_ids();
    read_logged();
}


void
nc_loader_fini(void)
{
    if (!nc_loader.up) {
        return;
    }

    if (nc_loader.load) {
        nc_load_t  *load = nc_loader.load;

        nc_timer_fini(&load->timer);

        for (size_t i = 0; i < load->gone.n; i++) {
            nc_res_free(load->gone.items[i]);
        }

        nc_load_fini(load);
        free(load);
    }

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        nc_res_free(nc_loader.current.items[i]);
    }

    nc_publish_fini();
    nc_watch_fini();
    nc_dns_fini();
    nc_post_cancel(&nc_loader.post);
    nc_vec_fini(&nc_loader.current);
    nc_vec_fini(&nc_loader.waiting);
    forget_logged();

    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        nc_map_fini(&nc_loader.by_name[i]);
    }

    nc_pool_fini(&nc_loader.admin_pool);
    nc_stats_owner_destroy(nc_loader.stats);
    free(nc_loader.id_uses);
    memset(&nc_loader, 0, sizeof(nc_loader));
}
