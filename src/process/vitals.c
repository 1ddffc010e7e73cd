/* vitals.c: state, server.* stats, and periodic work. */
#include "process/vitals.h"
#include "config/image.h"
#include "config/loader.h"
#include "event/loop.h"
#include "log/file.h"
#include "net/tls_conf.h"
#include "os/family.h"
#include "stats/exposition.h"

#include "envoy/config/bootstrap/v3/bootstrap.pb-c.h"
#include "api/message.h"

#include "nc_auto_config.h"

#include <malloc.h>
#include <unistd.h>

#define TICK_MS         1000u                   /* breakers, and looking whether we are live */
#define FLUSH_MS        5000u                   /* default of stats_flush_interval */

static nc_stats_owner_t             *owner;
static nc_server_stats_t             stats;
static nc_listener_manager_stats_t   lm_stats;  /* the loader's: same names, same ids */
static nc_filesystem_stats_t         file_stats;
static nc_timer_t                    tick_timer;
static nc_timer_t                    flush_timer;
static uint64_t                      flush_ms;
static unsigned                      concurrency;
static uint32_t                      draining;  /* nc_draining_t bits */
static bool                          taken_over;    /* a helper before us had published */
static bool                          workers_up;


const char *
nc_server_state_str(nc_server_state_t state)
{
    static const char *const  names[] = {
#define X(id, text)  [NC_SERVER_##id] = text,
        NC_SERVER_STATES(X)
#undef X
    };

    return state < NC_SERVER_STATE_MAX ? names[state] : "?";
}


nc_server_state_t
nc_vitals_state(void)
{
    nc_loader_resource_t  b;

    if ((draining & NC_DRAINING_FAILED) || nc_family->stopping) {
        return NC_SERVER_DRAINING;
    }

    workers_up = workers_up || nc_family->workers_ready >= nc_family->n_workers;

    if (taken_over || (workers_up && nc_loader_is_live())) {
        return NC_SERVER_LIVE;
    }

    return nc_loader_admin() || nc_loader_bootstrap(&b) ? NC_SERVER_INITIALIZING
                                                        : NC_SERVER_PRE_INITIALIZING;
}


uint64_t
nc_vitals_uptime_s(void)
{
    return (nc_now_us - NC_MIN(nc_family->started_us, nc_now_us)) / 1000000;
}


/* Resident pages of /proc/self/statm that are not shared, in bytes. */
static uint64_t
own_memory(void)
{
    unsigned long  size, resident, shared, pages = 0;
    FILE          *f = fopen("/proc/self/statm", "re");

    if (f) {
        if (fscanf(f, "%lu %lu %lu", &size, &resident, &shared) == 3 && resident > shared) {
            pages = resident - shared;
        }

        fclose(f);
    }

    return (uint64_t) pages * (uint64_t) sysconf(_SC_PAGESIZE);
}


void
nc_vitals_report_memory(const nc_server_stats_t *st, uint64_t shared)
{
    struct mallinfo2  info = mallinfo2();

    nc_gauge_set(st->memory_allocated, info.uordblks + info.hblkhd);
    nc_gauge_set(st->memory_heap_size, info.arena + info.hblkhd);
    nc_gauge_set(st->memory_physical_size, own_memory() + shared);
}


void
nc_vitals_memory(nc_memory_t *m)
{
    nc_vitals_report_memory(&stats, nc_image_resident() + nc_stats_memory());
    m->allocated = (uint64_t) nc_gauge_value(stats.memory_allocated);
    m->heap_size = (uint64_t) nc_gauge_value(stats.memory_heap_size);
    m->physical = (uint64_t) nc_gauge_value(stats.memory_physical_size);
}


static void
count_file_event(nc_log_file_event_t event, int64_t n)
{
    switch (event) {

    case NC_LOG_FILE_BUFFERED:
        nc_counter_add(file_stats.write_buffered, (uint64_t) n);
        break;

    case NC_LOG_FILE_COMPLETED:
        nc_counter_add(file_stats.write_completed, (uint64_t) n);
        break;

    case NC_LOG_FILE_FAILED:
        nc_counter_add(file_stats.write_failed, (uint64_t) n);
        break;

    case NC_LOG_FILE_BY_TIMER:
        nc_counter_add(file_stats.flushed_by_timer, (uint64_t) n);
        break;

    case NC_LOG_FILE_TOTAL:
        nc_gauge_add(file_stats.write_total_buffered, n);
        break;
    }
}


void
nc_vitals_count_files(const nc_filesystem_stats_t *st)
{
    file_stats = *st;
    nc_log_file_hook = count_file_event;
}


void
nc_vitals_listeners_stopped(unsigned n)
{
    nc_counter_add(lm_stats.listener_stopped, n);
}


static bool
add_active(void *ctx, const nc_loader_resource_t *r)
{
    int64_t  *sum = ctx;

    if (r->listener && !r->warming) {
        *sum += nc_gauge_value(r->listener->stats.downstream_cx_active);
    }

    return true;
}


static void
look_at_expiry(const nc_module_t *transport, const void *conf, int64_t *first)
{
    if (transport && transport->transport == &nc_tls_ops) {
        *first = NC_MIN(*first, ((const nc_tls_conf_t *) conf)->first_expiry);
    }
}


static bool
add_expiry(void *ctx, const nc_loader_resource_t *r)
{
    const nc_listener_conf_t  *l = r->listener;

    for (uint32_t i = 0; l && i < l->n_chains; i++) {
        look_at_expiry(l->chains[i].transport, l->chains[i].transport_conf, ctx);
    }

    if (l && l->default_chain) {
        look_at_expiry(l->default_chain->transport, l->default_chain->transport_conf, ctx);
    }

    if (r->cluster) {
        look_at_expiry(r->cluster->cluster->transport, r->cluster->cluster->transport_conf, ctx);
    }

    return true;
}


/* Whole days until the first certificate of the configuration expires; 0: it has, or none is. */
static uint64_t
days_until_expiry(void)
{
    int64_t  first = INT64_MAX, now = (int64_t) (nc_wall_us() / 1000000);

    nc_loader_each_listener(add_expiry, &first);
    nc_loader_each_cluster(add_expiry, &first);

    return first == INT64_MAX || first < now ? 0 : (uint64_t) (first - now) / 86400;
}


void
nc_vitals_update(void)
{
    nc_server_state_t  state = nc_vitals_state();
    int64_t            active = 0;

    nc_vitals_report_memory(&stats, nc_image_resident() + nc_stats_memory());
    nc_loader_each_listener(add_active, &active);
    nc_gauge_set(stats.state, state);
    nc_gauge_set(stats.live, state == NC_SERVER_LIVE);
    nc_gauge_set(stats.uptime, nc_vitals_uptime_s());
    nc_gauge_set(stats.concurrency, concurrency);
    nc_gauge_set(stats.days_until_first_cert_expiring, days_until_expiry());
    nc_gauge_set(stats.total_connections, (uint64_t) NC_MAX(active, 0));
    nc_gauge_set(lm_stats.workers_started, workers_up || taken_over);
}


void
nc_vitals_fail(bool fail)
{
    draining = fail ? draining | NC_DRAINING_FAILED : draining & ~(uint32_t) NC_DRAINING_FAILED;
    nc_loader_set_draining(draining);
}


void
nc_vitals_drain(void)
{
    draining |= NC_DRAINING_LISTENERS;
    nc_loader_set_draining(draining);
}


static void
on_tick(nc_timer_t *t)
{
    (void) nc_breakers_repair();
    (void) nc_vitals_state();
    nc_timer_start(t, TICK_MS);
}


/* stats_flush_interval of the bootstrap; a reload does not change it. */
static uint64_t
flush_interval(void)
{
    nc_loader_resource_t                      r;
    Envoy__Config__Bootstrap__V3__Bootstrap  *b;
    nc_pool_t                                 pool;
    uint64_t                                  ms;

    if (!nc_loader_bootstrap(&r)) {
        return 0;
    }

    nc_pool_init(&pool, &nc_pool_heap);
    b = (void *) nc_loader_unpack(&pool, &envoy__config__bootstrap__v3__bootstrap__descriptor, &r);
    ms = nc_duration_ms(b->stats_flush_interval, FLUSH_MS);
    nc_pool_fini(&pool);

    return NC_MAX(ms, 1u);
}


static void
on_flush(nc_timer_t *t)
{
    if (flush_ms == 0) {
        flush_ms = flush_interval();
    }

    nc_vitals_update();
    nc_stats_flush();
    nc_timer_start(t, flush_ms ? flush_ms : FLUSH_MS);
}


/* "1.2.3" as 0x010203: the gauge is a number that grows with the version. */
static uint64_t
version_number(void)
{
    unsigned  a = 0, b = 0, c = 0;

    (void) sscanf(NC_VERSION, "%u.%u.%u", &a, &b, &c);

    return a << 16 | b << 8 | c;
}


void
nc_vitals_init(const nc_options_t *options)
{
    uint64_t               seq;
    const nc_root_t       *root = nc_image_root(&seq);
    nc_filesystem_stats_t  files;

    taken_over = root != NULL;
    concurrency = options->concurrency;
    owner = nc_stats_owner_create();
    nc_server_stats_init(&stats, owner, NC_STR("server"));
    nc_listener_manager_stats_init(&lm_stats, owner, NC_STR("listener_manager"));
    nc_filesystem_stats_init(&files, owner, NC_STR("filesystem"));
    nc_vitals_count_files(&files);
    nc_gauge_set(stats.version, version_number());
    nc_gauge_set(stats.hot_restart_epoch, options->restart_epoch);

    if (root) {                                 /* what the helper before us was told */
        draining = root->draining;
        nc_loader_set_draining(draining);
    }

    nc_timer_init(&tick_timer, on_tick);
    nc_timer_init(&flush_timer, on_flush);
    nc_timer_start(&tick_timer, TICK_MS);
    nc_timer_start(&flush_timer, 1);
}
