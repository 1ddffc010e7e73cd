/* admin_control.c: what changes something: levels, logs, draining, the end. */
#include "process/admin_priv.h"
#include "event/loop.h"
#include "log/log.h"
#include "os/broker.h"
#include "process/vitals.h"

#include "envoy/config/core/v3/base.pb-c.h"

static nc_timer_t  drain_timer;
static bool        drain_timed;
static bool        drain_inbound_only;


static void
ok(nc_admin_reply_t *r)
{
    nc_sb_c_add(&r->body, "OK\n");
}


void
nc_admin_healthcheck_fail(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_log(INFO, ADMIN, "health checks fail from now on, as asked for");
    nc_vitals_fail(true);
    ok(r);
}


void
nc_admin_healthcheck_ok(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_log(INFO, ADMIN, "health checks pass from now on, as asked for");
    nc_vitals_fail(false);
    ok(r);
}


void
nc_admin_quit(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_log(INFO, ADMIN, "the end was asked for");
    nc_broker->quit();
    ok(r);
}


void
nc_admin_reopen_logs(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_broker->reopen_logs();
    ok(r);
}


/* ---- /drain_listeners ---- */

static void
close_listeners(bool inbound_only)
{
    nc_loader_resource_t  r;
    size_t                at = 0;
    unsigned              n = 0;

    while (nc_loader_next_listener(&at, &r)) {
        bool  inbound = r.listener && r.listener->ctx.traffic_direction
                        == ENVOY__CONFIG__CORE__V3__TRAFFIC_DIRECTION__INBOUND;

        if (r.listener == NULL || r.warming || (inbound_only && !inbound)) {
            continue;
        }

        if (inbound_only && r.listener->socket_key) {
            nc_broker->unlisten(r.listener->socket_key);
        }

        n++;
    }

    if (!inbound_only) {
        nc_broker->drain();
    }

    nc_vitals_listeners_stopped(n);
}


static void
on_drain_time_over(nc_timer_t *t)
{
    (void) t;
    close_listeners(drain_inbound_only);
}


void
nc_admin_drain_listeners(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    bool  graceful = nc_admin_flag(q, "graceful"), skip_exit = nc_admin_flag(q, "skip_exit");
    bool  inbound_only = nc_admin_flag(q, "inboundonly");

    if (skip_exit && !graceful) {
        nc_admin_bad(r, "skip_exit requires graceful");

        return;
    }

    nc_log(INFO, ADMIN, "listeners drain, as asked for");

    if (!graceful) {
        close_listeners(inbound_only);
        ok(r);

        return;
    }

    nc_vitals_drain();

    if (!drain_timed && !skip_exit) {
        drain_timed = true;
        drain_inbound_only = inbound_only;
        nc_timer_init(&drain_timer, on_drain_time_over);
        nc_timer_start(&drain_timer, (uint64_t) nc_admin_options->drain_time_s * 1000);
    }

    ok(r);
}


/* ---- /logging ---- */

/* `level` for all, `paths` for some, or logger=level. NC_ERROR: the answer is a 400 already. */
static nc_rc_t
set_levels(const nc_admin_param_t *p, nc_admin_reply_t *r)
{
    nc_log_component_t  component;
    nc_log_level_t      level;
    nc_sb_t             why;
    nc_rc_t             rc;

    if (nc_str_eq(p->name, NC_STR("paths"))) {
        nc_sb_init(&why);
        rc = nc_log_set_levels(p->value, &why);

        if (rc != NC_OK) {
            nc_admin_bad(r, "paths: %s", nc_sb_c(&why));
        }

        nc_sb_fini(&why);

        return rc;
    }

    if (nc_log_level_parse(p->value, &level) != NC_OK) {
        nc_admin_bad(r, NC_STR_FMT ": unknown logger level \"" NC_STR_FMT "\"",
            NC_STR_ARG(p->name), NC_STR_ARG(p->value));

        return NC_ERROR;
    }

    if (nc_str_eq(p->name, NC_STR("level"))) {
        nc_log_set_all_levels(level);

        return NC_OK;
    }

    if (nc_log_component_parse(p->name, &component) != NC_OK) {
        nc_admin_bad(r, NC_STR_FMT ": unknown logger", NC_STR_ARG(p->name));

        return NC_ERROR;
    }

    nc_log_set_level(component, level);

    return NC_OK;
}


void
nc_admin_logging(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    for (unsigned i = 0; i < q->n_params; i++) {
        if (q->params[i].value.len && set_levels(&q->params[i], r) != NC_OK) {
            return;
        }
    }

    nc_sb_c_add(&r->body, "active loggers:\n");
    nc_log_print_levels(&r->body);
}
