/* hooks.c: the process layer's table of what it calls of the floors below. */
#include "process/hooks.h"
#include "config/image.h"
#include "config/loader.h"
#include "log/log.h"
#include "net/tls.h"
#include "os/broker.h"
#include "process/admin.h"
#include "process/data.h"
#include "process/helper.h"
#include "process/vitals.h"
#include "stats/arena.h"

#include <errno.h>

static bool  first_boot;


static nc_rc_t
prepare(const nc_options_t *o, nc_errors_t *errors)
{
    const char  *why;

    if (nc_stats_create(o->concurrency, &why) != NC_OK) {
        return nc_errors_add(errors, NULL, 0, 0, NULL, "%s: %s", why, strerror(errno));
    }

    if (nc_tls_keys_create() != NC_OK) {
        return nc_errors_add(errors, NULL, 0, 0, NULL, "shared memory for ticket keys: %s",
                             strerror(errno));
    }

    return nc_image_create(o->image_bytes, o->concurrency, errors);
}


static void
worker_died(unsigned index)
{
    nc_image_worker_died(index);
    nc_stats_worker_died(index);
}


/* The log in the state folder, or the one in memory, which outlives helpers. NULL: reported. */
static nc_clog_t *
open_config_log(const nc_options_t *o, int clog_fd, nc_errors_t *errors)
{
    nc_errors_t   first;
    nc_sb_t       path;
    nc_clog_t    *log = NULL;

    if (o->state_path) {
        nc_errors_init(&first);
        nc_sb_init(&path);
        nc_sb_printf(&path, "%s/config.log", o->state_path);
        log = nc_clog_open(nc_sb_c(&path), &first);

        for (const nc_error_t *e = first.first; e; e = e->next) {
            nc_log(WARNING, CONFIG, "%s: %s", nc_sb_c(&path), e->message);
        }

        nc_sb_fini(&path);
        nc_errors_fini(&first);
    }

    return log ? log : nc_clog_open_fd(clog_fd, errors);
}


static nc_rc_t
helper_init(const nc_options_t *o, int clog_fd, nc_errors_t *errors)
{
    nc_clog_t  *log;

    nc_stats_use_row(NC_ROW_HELPER);

    if (nc_data_init(o, errors) != NC_OK || nc_image_attach_helper(errors) != NC_OK) {
        return NC_ERROR;
    }

    log = open_config_log(o, clog_fd, errors);

    if (log == NULL) {
        return NC_ERROR;
    }

    nc_tls_keys_start();
    nc_loader_init(o, log);
    nc_vitals_init(o);
    nc_admin_init(o);

    return NC_OK;
}


static void
on_booted(void *ctx, const nc_loader_result_t *result)
{
    bool  from_log = ctx != NULL;

    if (result->ok) {
        nc_log(INFO, CONFIG, "configuration loaded: " NC_STR_FMT,
            NC_STR_ARG(nc_str_trim(result->text)));
        nc_helper_booted();

        if (!first_boot) {
            nc_broker->sweep();
        }

    } else if (from_log) {
        nc_log(ERROR, CONFIG, "the configuration log cannot be used, the files are read: "
            NC_STR_FMT, NC_STR_ARG(nc_str_trim(result->text)));
        nc_loader_reload(on_booted, NULL);

    } else {
        fprintf(stderr, NC_STR_FMT "\n", NC_STR_ARG(nc_str_trim(result->text)));
        nc_helper_boot_failed();
    }
}


static nc_rc_t
helper_boot(bool first)
{
    first_boot = first;

    if (first) {
        nc_loader_reload(on_booted, NULL);
    } else {
        nc_loader_recover(on_booted, &first_boot);
    }

    return NC_OK;
}


static void
on_reloaded(void *ctx, const nc_loader_result_t *result)
{
    (void) ctx;
    nc_helper_reload_done(result->ok, result->text);
}


static void
helper_reload(void)
{
    nc_loader_reload(on_reloaded, NULL);
}


static nc_rc_t
worker_init(const nc_options_t *o, unsigned index, nc_errors_t *errors)
{
    nc_stats_use_row(NC_ROW_WORKER + index);

    if (nc_image_attach_worker(index, errors) != NC_OK) {
        return NC_ERROR;
    }

    return nc_data_init(o, errors);
}


static void
worker_root_changed(const void *root)
{
    nc_data_root_changed(root);
}


const nc_hooks_t  nc_hooks = {
    .prepare = prepare,
    .worker_starts = nc_image_worker_starts,
    .worker_died = worker_died,
    .helper_died = nc_stats_helper_died,
    .helper_init = helper_init,
    .helper_boot = helper_boot,
    .helper_reload = helper_reload,
    .helper_log_fd = nc_data_log_fd,
    .helper_listener_fd = nc_admin_listener_fd,
    .worker_init = worker_init,
    .worker_root = nc_image_root,
    .worker_root_changed = worker_root_changed,
    .worker_root_seen = nc_image_seen,
    .worker_listener_fd = nc_data_listener_fd,
    .worker_log_fd = nc_data_log_fd,
    .worker_stop_accepting = nc_data_stop_accepting,
    .worker_drain = nc_data_drain,
    .worker_idle = nc_data_idle,
    .worker_fini = nc_data_fini,
};
