/*
 * timeouts.c: how long a request, a try and the silence of a try may last.
 *
 * The stream has one deadline for the tries (NC_DEADLINE_TRY): the earliest of theirs. A try's own
 * times are moved without touching it; it is looked at again when it fires.
 */
#include "router_priv.h"

#include "http/grpc.h"


/* A number in a header of the request, which is taken out. */
static bool
take_ms(nc_stream_t *s, nc_str_t name, uint64_t *ms)
{
    uint32_t      at = 0;
    nc_header_t  *h = nc_headers_find(&s->request, name, &at);
    bool          ok;

    if (h == NULL) {
        return false;
    }

    ok = nc_str_to_u64(h->value, UINT32_MAX, ms) == NC_OK;
    nc_headers_del(&s->request, name);

    return ok;
}


/* The timeout of the route: grpc-timeout may shorten it (max_grpc_timeout). */
static uint64_t
route_timeout(const rq_t *r)
{
    const nc_route_forward_t  *f = r->forward;
    uint64_t                   ms = 0;

    if (f->bounds) {
        return 0;                               /* max_stream_duration takes its place */
    }

    if (!f->has_grpc_max || !r->is_grpc) {
        return f->timeout_ms;
    }

    (void) nc_grpc_timeout(nc_headers_value(&r->s->request, NC_H_GRPC_TIMEOUT), &ms);

    if (f->grpc_offset_ms < ms) {
        ms -= f->grpc_offset_ms;
    }

    if (f->grpc_max_ms && (ms == 0 || ms > f->grpc_max_ms)) {
        ms = f->grpc_max_ms;
    }

    return ms;
}


static void
tell(rq_t *r, uint64_t elapsed_ms)
{
    nc_stream_t  *s = r->s;
    uint64_t      expected = r->per_try_ms;
    char         *digits;
    size_t        n;

    if (r->hedge || expected == 0) {
        expected = r->timeout_ms;
    }

    if (expected == 0) {
        return;
    }

    if (r->timeout_ms) {
        expected = elapsed_ms >= r->timeout_ms
                   ? 1 : NC_MIN(expected, r->timeout_ms - elapsed_ms);
    }

    digits = nc_pool_alloc(&s->pool, 24);
    n = nc_u64_format(digits, expected);

    if (!r->conf->suppress_envoy_headers) {
        nc_headers_set_id(&s->request, NC_H_X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, nc_str(digits, n));
    }

    if (r->is_grpc && r->forward->bounds == NULL && r->forward->has_grpc_max) {
        digits[n] = 'm';
        nc_headers_set_id(&s->request, NC_H_GRPC_TIMEOUT, nc_str(digits, n + 1));
    }
}


void
nc_router_tell_timeouts(rq_t *r)
{
    tell(r, (nc_now_us - r->s->info.start_us) / 1000);
}


void
nc_router_set_timeouts(rq_t *r)
{
    nc_stream_t  *s = r->s;
    nc_str_t      expected = NC_STR_NULL;

    r->timeout_ms = route_timeout(r);
    r->per_try_ms = r->policy ? r->policy->per_try_timeout_ms : 0;
    r->per_try_idle_ms = r->policy ? r->policy->per_try_idle_ms : 0;

    if (r->conf->respect_expected_timeout) {
        expected = nc_headers_value(&s->request, NC_H_X_ENVOY_EXPECTED_RQ_TIMEOUT_MS);
    }

    if (expected.data) {
        (void) nc_str_to_u64(expected, UINT32_MAX, &r->timeout_ms);

    } else if (r->times_in_head) {
        (void) take_ms(s, NC_STR("x-envoy-upstream-rq-timeout-ms"), &r->timeout_ms);
    }

    if (r->times_in_head) {
        (void) take_ms(s, NC_STR("x-envoy-upstream-rq-per-try-timeout-ms"), &r->per_try_ms);
        r->alt_timeout = nc_headers_del(&s->request,
                                        NC_STR("x-envoy-upstream-rq-timeout-alt-response")) > 0;
    }

    if (r->timeout_ms && r->per_try_ms >= r->timeout_ms) {
        r->per_try_ms = 0;
    }

    tell(r, 0);
}


/* ---- tries ---- */

static void
arm(rq_t *r)
{
    uint64_t  due = 0;

    for (const try_t *t = r->live; t; t = t->next) {
        if (t->due_ms && (due == 0 || t->due_ms < due)) {
            due = t->due_ms;
        }
        if (t->idle_due_ms && (due == 0 || t->idle_due_ms < due)) {
            due = t->idle_due_ms;
        }
    }

    if (due) {
        nc_stream_deadline(r->s, NC_DEADLINE_TRY, due > nc_now_ms ? due - nc_now_ms : 1);
    }
}


void
nc_router_start_try_time(try_t *t)
{
    rq_t  *r = t->r;

    if (!r->whole || t->answered || (r->per_try_ms == 0 && r->per_try_idle_ms == 0)) {
        return;
    }

    t->due_ms = r->per_try_ms ? nc_now_ms + r->per_try_ms : 0;
    t->idle_due_ms = r->per_try_idle_ms ? nc_now_ms + r->per_try_idle_ms : 0;
    arm(r);
}


void
nc_router_touch_try(try_t *t)
{
    if (t->idle_due_ms) {
        t->idle_due_ms = nc_now_ms + t->r->per_try_idle_ms;
    }
}


static void
count_timeout(const try_t *t)
{
    if (t->up.host) {
        nc_host_counters(t->up.host->id)->rq_timeout++;
    }
}


/* Hedging: the try goes on, another one is made beside it. */
static void
hedge(try_t *t)
{
    rq_t     *r = t->r;
    retry_t   again;

    t->due_ms = t->idle_due_ms = 0;

    if (r->final) {
        return;
    }

    again = nc_router_retry_hedge(r);
    t->hedged = again == RETRY_YES;
    nc_router_retry_flag(r, again);
}


static void
try_is_late(try_t *t, bool idle)
{
    rq_t                *r = t->r;
    const nc_cluster_t  *cl = r->entry->cluster;

    if (r->hedge) {
        hedge(t);
        return;
    }

    nc_counter_inc(idle ? cl->stats.upstream_rq_per_try_idle_timeout
                        : cl->stats.upstream_rq_per_try_timeout);
    count_timeout(t);
    nc_router_failed(t, idle ? FAILED_TRY_IDLE : FAILED_TRY_TIMEOUT, NULL);
}


static void
on_try_deadline(rq_t *r)
{
    nc_stream_t  *s = r->s;

    for (try_t *t = r->live, *next; t && s->router == r && !r->done; t = next) {
        next = t->next;

        if (t->due_ms && t->due_ms <= nc_now_ms) {
            try_is_late(t, false);

        } else if (t->idle_due_ms && t->idle_due_ms <= nc_now_ms) {
            try_is_late(t, true);
        }
    }

    if (s->router == r && !r->done && !s->ended) {
        arm(r);
    }
}


/* ---- the whole request ---- */

static void
on_upstream_deadline(rq_t *r)
{
    nc_stream_t  *s = r->s;

    nc_counter_inc(r->entry->cluster->stats.upstream_rq_max_duration_reached);
    s->info.flags |= NC_RF_UPSTREAM_MAX_DURATION;
    nc_router_end_tries(r, NULL);
    nc_router_over(r);

    if (s->response_started) {
        nc_stream_reset(s, "upstream_max_stream_duration_reached");
    } else {
        nc_stream_reply(s, 504, NC_STR("upstream max stream duration reached"),
                        "upstream_max_stream_duration_reached", NULL, NULL);
    }
}


static void
on_route_deadline(rq_t *r)
{
    for (const try_t *t = r->live; t; t = t->next) {
        NC_ROUTER_COUNT(r, upstream_rq_timeout);
        count_timeout(t);

        if (!t->answered) {
            nc_router_count_code(r, r->alt_timeout ? 204 : 504);
        }
    }

    nc_router_end_tries(r, NULL);
    nc_router_over(r);
    nc_router_reply_timeout(r, "upstream_response_timeout");
}


void
nc_router_on_deadline(nc_stream_t *s, nc_deadline_t which)
{
    rq_t  *r = s->router;

    switch (which) {
    case NC_DEADLINE_BACK_OFF:
        r->waiting = false;
        nc_router_try(r);
        break;

    case NC_DEADLINE_TRY:
        on_try_deadline(r);
        break;

    case NC_DEADLINE_UPSTREAM:
        on_upstream_deadline(r);
        break;

    default:
        on_route_deadline(r);
        break;
    }
}
