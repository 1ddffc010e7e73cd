/*
 * retry.c: another try or not, when, and where. The route's policy and x-envoy-retry-on,
 * x-envoy-retry-grpc-on, x-envoy-max-retries, x-envoy-retriable-* of the request decide; the retries
 * breaker of the cluster, or its budget, bounds how many run at once.
 */
#include "router_priv.h"

#include <math.h>
#include <time.h>

#define MAX_FROM_HEADER     UINT32_MAX
#define MAX_TRIED           256u                /* hosts that are remembered */


/* ---- what is asked for ---- */

/* The words of a header, as values of a list in the pool. */
static void
take_names(rq_t *r, nc_str_t list)
{
    nc_str_t  *names, word, rest = list;
    uint32_t   n = 1;

    for (size_t i = 0; i < list.len; i++) {
        n += list.data[i] == ',';
    }

    names = nc_pool_array(&r->s->pool, n, sizeof(*names));

    while (nc_str_split(&rest, ',', &word)) {
        word = nc_str_trim(word);

        if (word.len > 0) {
            char  *lower = nc_pool_alloc(&r->s->pool, word.len);

            for (size_t i = 0; i < word.len; i++) {
                lower[i] = nc_lower(word.data[i]);
            }

            names[r->n_more_headers++] = nc_str(lower, word.len);
        }
    }

    r->more_headers = names;
}


static nc_str_t
value_of(const rq_t *r, nc_str_t name)
{
    uint32_t      at = 0;
    nc_header_t  *h = nc_headers_find(&r->s->request, name, &at);

    return h ? h->value : NC_STR_NULL;
}


static bool
request_asks(const rq_t *r)
{
    const nc_retry_policy_t  *p = r->policy;

    if (p == NULL || p->n_request_headers == 0) {
        return true;
    }

    for (uint32_t i = 0; i < p->n_request_headers; i++) {
        if (nc_header_matcher_match(&p->request_headers[i], &r->s->request, &r->s->pool)) {
            return true;
        }
    }

    return false;
}


static void
read_headers(rq_t *r)
{
    nc_stream_t  *s = r->s;
    uint64_t      n;
    nc_str_t      max = nc_headers_value(&s->request, NC_H_X_ENVOY_MAX_RETRIES);
    nc_str_t      on = nc_headers_value(&s->request, NC_H_X_ENVOY_RETRY_ON);
    nc_str_t      names = value_of(r, NC_STR("x-envoy-retriable-header-names"));

    r->retry_on |= nc_retry_on_parse(on, NULL) & ~NC_RETRY_GRPC;
    r->retry_on |= nc_retry_on_parse(value_of(r, NC_STR("x-envoy-retry-grpc-on")), NULL)
                   & NC_RETRY_GRPC;

    if (max.data && nc_str_to_u64(max, MAX_FROM_HEADER, &n) == NC_OK) {
        r->retries_left = (uint32_t) n;
    }

    r->more_codes = value_of(r, NC_STR("x-envoy-retriable-status-codes"));

    if (names.data) {
        take_names(r, names);
    }

    if (nc_str_eq(value_of(r, NC_STR("x-envoy-hedge-on-per-try-timeout")), NC_STR("true"))) {
        r->hedge = true;
    }
}


/*
 * Any of the headers that this file reads, and those of timeouts.c? One pass over the head, which
 * nearly always finds none, instead of one for each.
 */
static bool
has_own_headers(rq_t *r)
{
    bool  found = false;

    nc_headers_each(&r->s->request, it) {
        if (it->id == NC_H_X_ENVOY_RETRY_ON || it->id == NC_H_X_ENVOY_MAX_RETRIES) {
            found = true;

        } else if (it->id == NC_H_X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS) {
            r->times_in_head = true;

        } else if (it->id == NC_H_OTHER && nc_str_starts(it->name, NC_STR("x-envoy-"))) {
            r->times_in_head = found = true;
        }
    }

    return found;
}


static void
drop_own_headers(nc_headers_t *h)
{
    nc_headers_del_id(h, NC_H_X_ENVOY_RETRY_ON);
    nc_headers_del_id(h, NC_H_X_ENVOY_MAX_RETRIES);
    nc_headers_del(h, NC_STR("x-envoy-retry-grpc-on"));
    nc_headers_del(h, NC_STR("x-envoy-retriable-status-codes"));
    nc_headers_del(h, NC_STR("x-envoy-retriable-header-names"));
    nc_headers_del(h, NC_STR("x-envoy-hedge-on-per-try-timeout"));
    nc_headers_del(h, NC_STR("x-envoy-upstream-alt-stat-name"));
}


void
nc_router_retry_init(rq_t *r)
{
    nc_stream_t  *s = r->s;

    r->policy = r->forward->retry;
    r->retry_on = r->policy ? r->policy->retry_on : 0;
    r->retries_left = r->policy ? r->policy->num_retries : 1;
    r->hedge = r->forward->hedge;

    if (has_own_headers(r)) {
        read_headers(r);
        drop_own_headers(&s->request);
    }

    if (r->retry_on && (s->is_upgrade || r->raw || !request_asks(r))) {
        r->retry_on = 0;
    }

    r->keeps = (r->retry_on && r->retries_left > 0) || (r->forward->internal && !s->is_upgrade);
}


void
nc_router_retry_give_up(rq_t *r)
{
    r->keeps = false;
    r->retry_on = 0;
    nc_buf_drain(&r->replay, r->replay.len);
}


/* ---- is it a case for another try? ---- */

static bool
failure_asks(const rq_t *r, const try_t *t, failure_t why)
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

    return (on & NC_RETRY_RESET_BEFORE_REQUEST) && !t->headers_sent;
}


static bool
code_is_listed(const rq_t *r, unsigned status)
{
    nc_str_t  rest = r->more_codes, word;
    uint64_t  n;

    for (uint32_t i = 0; r->policy && i < r->policy->n_status_codes; i++) {
        if (r->policy->status_codes[i] == status) {
            return true;
        }
    }

    while (rest.data && nc_str_split(&rest, ',', &word)) {
        if (nc_str_to_u64(nc_str_trim(word), 999, &n) == NC_OK && n == status) {
            return true;
        }
    }

    return false;
}


static bool
header_is_listed(const rq_t *r, const nc_headers_t *h)
{
    for (uint32_t i = 0; r->policy && i < r->policy->n_headers; i++) {
        if (nc_header_matcher_match(&r->policy->headers[i], h, &r->s->pool)) {
            return true;
        }
    }

    for (uint32_t i = 0; i < r->n_more_headers; i++) {
        uint32_t  at = 0;

        if (nc_headers_find(h, r->more_headers[i], &at)) {
            return true;
        }
    }

    return false;
}


static bool
grpc_asks(uint32_t on, const nc_headers_t *h)
{
    static const struct {
        uint32_t  on;
        uint64_t  status;
    } codes[] = {
        { NC_RETRY_GRPC_CANCELLED, 1 }, { NC_RETRY_GRPC_DEADLINE_EXCEEDED, 4 },
        { NC_RETRY_GRPC_RESOURCE_EXHAUSTED, 8 }, { NC_RETRY_GRPC_INTERNAL, 13 },
        { NC_RETRY_GRPC_UNAVAILABLE, 14 }
    };
    nc_str_t  value = nc_headers_value(h, NC_H_GRPC_STATUS);
    uint64_t  status;

    if (value.data == NULL || nc_str_to_u64(value, 16, &status)) {
        return false;
    }

    for (unsigned i = 0; i < NC_COUNTOF(codes); i++) {
        if (on & codes[i].on && status == codes[i].status) {
            return true;
        }
    }

    return false;
}


bool
nc_router_would_retry(rq_t *r, const nc_headers_t *h, unsigned status)
{
    uint32_t  on = r->retry_on, at = 0;

    if (nc_headers_find(h, NC_STR("x-envoy-ratelimited"), &at)) {
        return (on & NC_RETRY_ENVOY_RATELIMITED) != 0;
    }

    return (on & NC_RETRY_5XX && status >= 500)
           || (on & NC_RETRY_GATEWAY_ERROR && status >= 502 && status <= 504)
           || (on & NC_RETRY_RETRIABLE_4XX && status == 409)
           || (on & NC_RETRY_RETRIABLE_STATUS_CODES && code_is_listed(r, status))
           || (on & NC_RETRY_RETRIABLE_HEADERS && header_is_listed(r, h))
           || (on & NC_RETRY_GRPC && grpc_asks(on, h));
}


/* ---- when ---- */

/* Seconds, or a date (RFC 9110 section 10.2.3), or a Unix time: milliseconds from now. */
static bool
reset_wait(const nc_reset_header_t *how, nc_str_t value, uint64_t *ms)
{
    uint64_t   n, now = nc_wall_us() / 1000000;
    char       text[64];
    struct tm  tm = { 0 };

    if (nc_str_to_u64(value, INT64_MAX / 2000, &n) == NC_OK) {
        if (how->unix_time && n <= now) {
            return false;
        }

        *ms = (how->unix_time ? n - now : n) * 1000;
        return true;
    }

    if (how->unix_time || value.len >= sizeof(text)) {
        return false;
    }

    memcpy(text, value.data, value.len);
    text[value.len] = '\0';

    if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL || timegm(&tm) <= (time_t) now) {
        return false;
    }

    *ms = (uint64_t) (timegm(&tm) - (time_t) now) * 1000;

    return true;
}


static void
read_reset(rq_t *r, const nc_headers_t *h)
{
    const nc_retry_policy_t  *p = r->policy;

    for (uint32_t i = 0; p && i < p->n_reset_headers; i++) {
        uint32_t      at = 0;
        uint64_t      ms;
        nc_header_t  *it = nc_headers_find(h, p->reset_headers[i].name, &at);

        if (it && reset_wait(&p->reset_headers[i], it->value, &ms) && ms <= p->reset_max_ms) {
            r->reset_ms = ms;
            return;
        }
    }
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


/* What was asked for and up to half as much again, so that not all come at once. */
static uint64_t
wait_ms(rq_t *r)
{
    const nc_cluster_t  *cl = r->entry->cluster;
    uint64_t             ms = r->reset_ms;

    r->reset_ms = 0;

    if (ms > 1) {
        nc_counter_inc(cl->stats.upstream_rq_retry_backoff_ratelimited);
        return ms + nc_random() % (ms / 2);
    }

    nc_counter_inc(cl->stats.upstream_rq_retry_backoff_exponential);

    return back_off_ms(r);
}


/* ---- the limits ---- */

/* How many retries may run at once: the limit, or a part of the requests that there are. */
static uint32_t
concurrent_retries(const nc_limits_t *lim)
{
    double  active;

    if (!lim->retry_budget) {
        return lim->max_retries;
    }

    active = (double) (nc_breaker_total(lim->breaker, NC_BREAKER_REQUESTS)
                       + nc_breaker_total(lim->breaker, NC_BREAKER_PENDING));
    active = floor(active * lim->budget_percent / 100.0);

    return active > lim->min_retries ? (uint32_t) NC_MIN(active, (double) UINT32_MAX)
                                     : lim->min_retries;
}


void
nc_router_retry_done(rq_t *r)
{
    if (r->retry_held) {
        r->retry_held = false;
        nc_breaker_release(r->entry->cluster->limits[r->priority].breaker, NC_BREAKER_RETRIES);
    }
}


static retry_t
schedule(rq_t *r)
{
    const nc_limits_t  *lim = &r->entry->cluster->limits[r->priority];
    uint64_t            wait;

    nc_router_retry_done(r);

    if (r->retries_left == 0) {
        NC_ROUTER_COUNT(r, upstream_rq_retry_limit_exceeded);
        return RETRY_LIMIT;
    }

    if (!nc_breaker_try(lim->breaker, NC_BREAKER_RETRIES, concurrent_retries(lim))) {
        NC_ROUTER_COUNT(r, upstream_rq_retry_overflow);
        return RETRY_OVERFLOW;
    }

    r->retry_held = r->waiting = r->retried = true;
    r->retries_left--;
    NC_ROUTER_COUNT(r, upstream_rq_retry);

    wait = wait_ms(r);
    nc_stream_deadline(r->s, NC_DEADLINE_BACK_OFF, NC_MAX(wait, (uint64_t) 1));

    return RETRY_YES;
}


/* A retry that waits already serves this one too. */
static bool
still_possible(const rq_t *r)
{
    return r->retry_on != 0 && r->final == NULL && !r->waiting && !r->s->response_started
           && !r->s->ended;
}


retry_t
nc_router_retry_failure(rq_t *r, const try_t *t, failure_t why)
{
    if (!still_possible(r) || !failure_asks(r, t, why)) {
        return RETRY_NO;
    }

    r->timed_out = why == FAILED_TRY_TIMEOUT || why == FAILED_TRY_IDLE;

    return schedule(r);
}


retry_t
nc_router_retry_hedge(rq_t *r)
{
    if (!still_possible(r)) {
        return RETRY_NO;
    }

    r->timed_out = true;

    return schedule(r);
}


retry_t
nc_router_retry_response(rq_t *r, const nc_headers_t *h, unsigned status)
{
    if (!still_possible(r)) {
        return RETRY_NO;
    }

    if (!nc_router_would_retry(r, h, status)) {
        if (r->retried) {
            NC_ROUTER_COUNT(r, upstream_rq_retry_success);
        }

        return RETRY_NO;
    }

    read_reset(r, h);
    r->timed_out = false;

    return schedule(r);
}


void
nc_router_retry_flag(rq_t *r, retry_t what)
{
    if (what == RETRY_LIMIT) {
        r->s->info.flags |= NC_RF_RETRY_LIMIT_EXCEEDED;

    } else if (what == RETRY_OVERFLOW) {
        r->s->info.flags |= NC_RF_UPSTREAM_OVERFLOW;
    }
}


/* ---- where ---- */

void
nc_router_remember(rq_t *r, const nc_host_t *h)
{
    nc_tried_t  *more;

    if (r->policy == NULL || (r->policy->n_hosts == 0 && r->policy->priority.module == NULL)
        || r->n_tried == MAX_TRIED)
    {
        return;
    }

    if (r->n_tried == r->cap_tried) {
        r->cap_tried = r->cap_tried ? r->cap_tried * 2 : 4;
        more = nc_pool_array(&r->s->pool, r->cap_tried, sizeof(*more));

        if (r->n_tried) {
            memcpy(more, r->tried, r->n_tried * sizeof(*more));
        }

        r->tried = more;
    }

    r->tried[r->n_tried++] = (nc_tried_t) { .host = h->id, .priority = h->priority };
}


static bool
is_rejected(const rq_t *r, const nc_host_t *h)
{
    for (uint32_t i = 0; i < r->policy->n_hosts; i++) {
        const nc_policy_part_t  *p = &r->policy->hosts[i];

        if (p->module->retry_host->rejects(p->conf, h, r->tried, r->n_tried)) {
            return true;
        }
    }

    return false;
}


const nc_host_t *
nc_router_pick(rq_t *r, const nc_host_set_t *hosts)
{
    nc_priority_mask_t        mask = { { 0 } };
    const nc_retry_policy_t  *p = r->policy;
    const nc_host_t          *h;

    if (r->tries == 0 || p == NULL) {
        h = nc_lb_pick(r->entry, hosts, nc_random(), NULL);

    } else {
        if (p->priority.module) {
            p->priority.module->retry_priority->avoid(p->priority.conf, r->tried, r->n_tried,
                                                      &mask);
        }

        h = nc_lb_pick(r->entry, hosts, nc_random(), &mask);

        for (uint32_t i = 0; h && i < p->host_attempts && is_rejected(r, h); i++) {
            h = nc_lb_pick(r->entry, hosts, nc_random(), &mask);
        }
    }

    if (h) {
        nc_router_remember(r, h);
    }

    return h;
}
