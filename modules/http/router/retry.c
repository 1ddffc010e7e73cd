/*
 * retry.c: another try or not. The route's policy and the request's x-envoy-retry-on and
 * x-envoy-max-retries decide; the retries breaker of the cluster bounds how many run at once.
 */
#include "router_priv.h"

#define MAX_FROM_HEADER     100u


static uint32_t
header_number(nc_stream_t *s, nc_header_id_t id, uint32_t otherwise)
{
    uint64_t  n;
    nc_str_t  v = nc_headers_value(&s->request, id);

    if (v.data == NULL || nc_str_to_u64(v, MAX_FROM_HEADER, &n)) {
        return otherwise;
    }

    return (uint32_t) n;
}


void
nc_router_retry_init(rq_t *r)
{
    nc_stream_t  *s = r->s;
    nc_str_t      on = nc_headers_value(&s->request, NC_H_X_ENVOY_RETRY_ON);

    r->policy = r->forward->retry;
    r->retry_on = r->policy ? r->policy->retry_on : 0;
    r->retries_left = r->policy ? r->policy->num_retries : 1;

    if (on.data) {
        r->retry_on |= nc_retry_on_parse(on, NULL);
    }

    r->retries_left = header_number(s, NC_H_X_ENVOY_MAX_RETRIES, r->retries_left);
    r->may_retry = r->retry_on != 0 && r->retries_left > 0 && !s->is_upgrade;

    nc_headers_del_id(&s->request, NC_H_X_ENVOY_RETRY_ON);
    nc_headers_del_id(&s->request, NC_H_X_ENVOY_MAX_RETRIES);
}


static bool
failure_asks(const rq_t *r, failure_t why)
{
    uint32_t  on = r->retry_on;

    if (why == FAILED_OVERFLOW) {
        return false;
    }

    if (on & (NC_RETRY_RESET | NC_RETRY_5XX | NC_RETRY_GATEWAY_ERROR)) {
        return true;
    }

    if (on & NC_RETRY_CONNECT_FAILURE && (why == FAILED_CONNECT || why == FAILED_CONNECT_TIMEOUT)) {
        return true;
    }

    if (on & NC_RETRY_REFUSED_STREAM && why == FAILED_REFUSED) {
        return true;
    }

    return (on & NC_RETRY_RESET_BEFORE_REQUEST) && !r->headers_sent;
}


static bool
status_asks(const rq_t *r, unsigned status)
{
    uint32_t  on = r->retry_on;

    if ((on & NC_RETRY_5XX && status >= 500)
        || (on & NC_RETRY_GATEWAY_ERROR && status >= 502 && status <= 504)
        || (on & NC_RETRY_RETRIABLE_4XX && status == 409))
    {
        return true;
    }

    if (!(on & NC_RETRY_RETRIABLE_STATUS_CODES) || r->policy == NULL) {
        return false;
    }

    for (uint32_t i = 0; i < r->policy->n_status_codes; i++) {
        if (r->policy->status_codes[i] == status) {
            return true;
        }
    }

    return false;
}


/* Between 0 and base * (2^n - 1), at most the maximum, by chance (Envoy's jittered back-off). */
static uint64_t
back_off_ms(const rq_t *r)
{
    uint64_t  base = r->policy ? r->policy->back_off_base_ms : 25;
    uint64_t  max = r->policy ? r->policy->back_off_max_ms : 250;
    uint64_t  span = base * ((1ull << NC_MIN(r->tries, 20u)) - 1);

    span = NC_MAX(NC_MIN(span, max), (uint64_t) 1);

    return nc_random() % span;
}


void
nc_router_retry_done(rq_t *r)
{
    if (r->retry_held) {
        r->retry_held = false;
        nc_breaker_release(r->entry->cluster->limits[NC_PRIORITY_DEFAULT].breaker,
                           NC_BREAKER_RETRIES);
    }
}


static retry_t
schedule(rq_t *r)
{
    const nc_cluster_t  *cl = r->entry->cluster;
    const nc_limits_t   *lim = &cl->limits[NC_PRIORITY_DEFAULT];
    uint64_t             wait;

    nc_router_retry_done(r);

    if (r->retries_left == 0) {
        nc_counter_inc(cl->stats.upstream_rq_retry_limit_exceeded);
        return RETRY_LIMIT;
    }

    if (!nc_breaker_try(lim->breaker, NC_BREAKER_RETRIES, lim->max_retries)) {
        nc_counter_inc(cl->stats.upstream_rq_retry_overflow);
        return RETRY_OVERFLOW;
    }

    r->retry_held = true;
    r->retries_left--;
    nc_counter_inc(cl->stats.upstream_rq_retry);
    nc_counter_inc(cl->stats.upstream_rq_retry_backoff_exponential);

    nc_stream_deadline(r->s, NC_DEADLINE_TRY, 0);
    wait = back_off_ms(r);
    nc_stream_deadline(r->s, NC_DEADLINE_BACK_OFF, NC_MAX(wait, (uint64_t) 1));

    return RETRY_YES;
}


static bool
still_possible(const rq_t *r)
{
    return r->retry_on != 0 && !r->responding && !r->s->response_started && !r->s->ended;
}


retry_t
nc_router_retry_failure(rq_t *r, failure_t why)
{
    if (!still_possible(r) || !failure_asks(r, why)) {
        return RETRY_NO;
    }

    if (!r->may_retry && r->retries_left > 0) {
        nc_counter_inc(r->entry->cluster->stats.retry_or_shadow_abandoned);
        return RETRY_NO;
    }

    return schedule(r);
}


retry_t
nc_router_retry_response(rq_t *r, unsigned status)
{
    if (!still_possible(r) || !status_asks(r, status)) {
        return RETRY_NO;
    }

    if (!r->may_retry && r->retries_left > 0) {
        nc_counter_inc(r->entry->cluster->stats.retry_or_shadow_abandoned);
        return RETRY_NO;
    }

    return schedule(r);
}
