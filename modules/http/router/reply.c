/* reply.c: answers that the router gives itself, with Envoy's bodies, flags and details. */
#include "router_priv.h"

#include "log/log.h"

typedef struct {
    const char  *reason;                        /* Envoy's name of the reset reason */
    uint32_t     flag;
    unsigned     status;
} failure_text_t;

static const failure_text_t  failures[] = {
    [FAILED_CONNECT] = { "remote connection failure", NC_RF_UPSTREAM_CONNECT_FAILURE, 503 },
    [FAILED_CONNECT_TIMEOUT] = { "connection timeout", NC_RF_UPSTREAM_CONNECT_FAILURE, 503 },
    [FAILED_OVERFLOW] = { "overflow", NC_RF_UPSTREAM_OVERFLOW, 503 },
    [FAILED_TERMINATED] = { "connection termination", NC_RF_UPSTREAM_TERMINATION, 503 },
    [FAILED_RESET] = { "connection termination", NC_RF_UPSTREAM_TERMINATION, 503 },
    [FAILED_PROTOCOL] = { "protocol error", NC_RF_UPSTREAM_PROTOCOL_ERROR, 502 },
    [FAILED_REMOTE_RESET] = { "remote reset", NC_RF_UPSTREAM_REMOTE_RESET, 503 },
    [FAILED_REFUSED] = { "remote refused stream reset", NC_RF_UPSTREAM_REMOTE_RESET, 503 },
    [FAILED_TRY_TIMEOUT] = { "local reset", NC_RF_UPSTREAM_TIMEOUT, 504 },
    [FAILED_TRY_IDLE] = { "local reset", NC_RF_UPSTREAM_TIMEOUT, 504 }
};


/* Details as Envoy writes them: no blanks. */
static const char *
details(nc_stream_t *s, const char *what, const char *reason, const char *failure)
{
    nc_sb_t  sb;
    char    *text = nc_pool_alloc(&s->pool, 256);

    nc_sb_fixed(&sb, text, 256);
    nc_sb_printf(&sb, "%s{%s", what, reason);

    if (failure) {
        nc_sb_printf(&sb, "|%s", failure);
    }

    nc_sb_char(&sb, '}');
    (void) nc_sb_c(&sb);

    for (char *p = text; *p; p++) {
        if (*p == ' ') {
            *p = '_';
        }
    }

    return text;
}


void
nc_router_response_headers(rq_t *r, nc_headers_t *h)
{
    nc_stream_t  *s = r->s;
    uint64_t      since = s->info.request_end_us ? s->info.request_end_us : s->info.start_us;
    char         *digits = nc_pool_alloc(&s->pool, 48);
    size_t        n;

    if (!r->conf->suppress_envoy_headers && r->final && !r->raw) {
        n = nc_u64_format(digits, (nc_now_us - since) / 1000);
        nc_headers_set_id(h, NC_H_X_ENVOY_UPSTREAM_SERVICE_TIME, nc_str(digits, n));
    }

    if (s->match.vhost->attempt_count_in_response && r->tries > 0) {
        n = nc_u64_format(digits + 24, r->tries);
        nc_headers_set_id(h, NC_H_X_ENVOY_ATTEMPT_COUNT, nc_str(digits + 24, n));
    }

    if (r->cookie.data) {
        nc_headers_add_id(h, NC_H_SET_COOKIE, r->cookie);
    }
}


static void
edit_failure(nc_stream_t *s, nc_headers_t *h, void *data)
{
    nc_router_response_headers(data, h);
    (void) s;
}


static void
edit_overload(nc_stream_t *s, nc_headers_t *h, void *data)
{
    const rq_t  *r = data;

    if (!r->conf->suppress_envoy_headers) {
        nc_headers_set_id(h, NC_H_X_ENVOY_OVERLOADED, NC_STR("true"));
    }

    edit_failure(s, h, data);
}


void
nc_router_note_failure(rq_t *r, failure_t why, const char *reason)
{
    nc_stream_t  *s = r->s;

    s->info.flags |= failures[why].flag;

    if (reason) {
        s->info.upstream_failure = reason;
    }
}


void
nc_router_reply_failure(rq_t *r, failure_t why, const char *reason)
{
    nc_stream_t           *s = r->s;
    const failure_text_t  *f = &failures[why];
    nc_sb_t                body;
    char                   text[384];

    if (s->response_started) {
        nc_counter_inc(s->hcm->router_stats.rq_reset_after_downstream_response_started);
        nc_stream_reset(s, details(s, "upstream_reset_after_response_started", f->reason, reason));
        return;
    }

    nc_log(DEBUG, ROUTER, "cluster %.*s: %s%s%s", NC_STR_ARG(s->info.cluster_name), f->reason,
           reason ? ": " : "", reason ? reason : "");

    nc_sb_fixed(&body, text, sizeof(text));
    nc_sb_printf(&body, "upstream connect error or disconnect/reset before headers. "
                 "%sreset reason: %s", r->tries > 1 ? "retried and the latest " : "", f->reason);

    if (reason) {
        nc_sb_printf(&body, ", transport failure reason: %s", reason);
    }

    nc_stream_reply(s, f->status, nc_sb_str(&body),
                    details(s, "upstream_reset_before_response_started", f->reason, reason),
                    why == FAILED_OVERFLOW ? edit_overload : edit_failure, r);
}


void
nc_router_reply_timeout(rq_t *r, const char *why)
{
    nc_stream_t  *s = r->s;

    s->info.flags |= NC_RF_UPSTREAM_TIMEOUT;

    if (s->response_started) {
        nc_counter_inc(s->hcm->router_stats.rq_reset_after_downstream_response_started);
        nc_stream_reset(s, why);
        return;
    }

    nc_stream_reply(s, r->alt_timeout ? 204 : 504,
                    r->alt_timeout ? NC_STR_NULL : NC_STR("upstream request timeout"), why,
                    edit_failure, r);
}


/* A body that was kept for another try outgrew its limit, and there is no try to send it to. */
void
nc_router_reply_too_large(rq_t *r)
{
    nc_stream_reply(r->s, 507, NC_STR("exceeded request buffer limit while retrying upstream"),
                    "request_payload_exceeded_retry_buffer_limit", edit_failure, r);
}


void
nc_router_reply_no_route(nc_stream_t *s)
{
    nc_counter_inc(s->hcm->router_stats.no_route);
    s->info.flags |= NC_RF_NO_ROUTE;
    nc_stream_reply(s, 404, NC_STR_NULL, "route_not_found", NULL, NULL);
}


void
nc_router_reply_no_cluster(nc_stream_t *s, const nc_route_forward_t *forward)
{
    nc_counter_inc(s->hcm->router_stats.no_cluster);
    s->info.flags |= NC_RF_NO_CLUSTER;
    nc_stream_reply(s, forward->cluster_not_found_status, NC_STR_NULL, "cluster_not_found", NULL,
                    NULL);
}


void
nc_router_reply_no_host(rq_t *r)
{
    nc_stream_t  *s = r->s;

    nc_counter_inc(r->entry->cluster->stats.upstream_cx_none_healthy);
    s->info.flags |= NC_RF_NO_HEALTHY_UPSTREAM;
    nc_log_limited(INFO, UPSTREAM, "cluster %.*s: no healthy upstream: it has no hosts",
                   NC_STR_ARG(s->info.cluster_name));
    nc_stream_reply(s, 503, NC_STR("no healthy upstream"), "no_healthy_upstream", edit_failure, r);
}


static void
edit_route_response(nc_stream_t *s, nc_headers_t *h, void *data)
{
    nc_str_t        *location = data;
    nc_http_view_t   view = nc_stream_view(s);

    view.response = h;

    if (location) {
        nc_headers_add_id(h, NC_H_LOCATION, *location);
    }

    nc_route_response_mutations(&s->match, h, &view, &s->pool);
}


static void
edit_typed_response(nc_stream_t *s, nc_headers_t *h, void *data)
{
    nc_headers_set_id(h, NC_H_CONTENT_TYPE, *(nc_str_t *) data);
    edit_route_response(s, h, NULL);
}


void
nc_router_redirect(nc_stream_t *s)
{
    uint16_t  status;
    nc_str_t  location = nc_route_redirect(&s->match, &s->request, &s->pool,
                                         s->conn_info.is_tls, &status);

    nc_counter_inc(s->hcm->router_stats.rq_redirect);
    nc_stream_reply(s, status, NC_STR_NULL, "direct_response", edit_route_response, &location);
}


void
nc_router_direct(nc_stream_t *s)
{
    nc_str_t        type;
    nc_http_view_t  view = nc_stream_view(s);
    nc_str_t        body = nc_route_direct_body(&s->match, &view, &s->pool, &type);

    nc_counter_inc(s->hcm->router_stats.rq_direct_response);
    nc_stream_reply(s, s->match.route->direct->status, body, "direct_response",
                    type.data ? edit_typed_response : edit_route_response,
                    type.data ? &type : NULL);
}


/* ---- strict_check_headers ---- */

static const nc_str_t  strict_names[] = {
    NC_STR_INIT("x-envoy-upstream-rq-timeout-ms"),
    NC_STR_INIT("x-envoy-upstream-rq-per-try-timeout-ms"),
    NC_STR_INIT("x-envoy-max-retries"),
    NC_STR_INIT("x-envoy-retry-on"),
    NC_STR_INIT("x-envoy-retry-grpc-on")
};


static bool
value_is_fine(unsigned which, nc_str_t value)
{
    uint64_t  n;
    bool      known;
    uint32_t  bits;

    if (which < 3) {
        return nc_str_to_u64(value, UINT32_MAX, &n) == NC_OK;
    }

    bits = nc_retry_on_parse(value, &known);

    return known && (bits & (which == 3 ? NC_RETRY_GRPC : ~NC_RETRY_GRPC)) == 0;
}


bool
nc_router_strict(nc_stream_t *s, const conf_t *conf)
{
    nc_sb_t  body, details;

    for (unsigned i = 0; i < NC_COUNTOF(strict_names); i++) {
        uint32_t      at = 0;
        nc_header_t  *h;

        if ((conf->strict & NC_BIT(i)) == 0) {
            continue;
        }

        h = nc_headers_find(&s->request, strict_names[i], &at);

        if (h == NULL || value_is_fine(i, h->value)) {
            continue;
        }

        nc_sb_init(&body);
        nc_sb_printf(&body, "invalid header '" NC_STR_FMT "' with value '" NC_STR_FMT "'",
                     NC_STR_ARG(h->name), NC_STR_ARG(h->value));
        nc_sb_fixed(&details, nc_pool_alloc(&s->pool, 128), 128);
        nc_sb_printf(&details, "request_headers_failed_strict_check{" NC_STR_FMT "}",
                     NC_STR_ARG(h->name));
        s->info.flags |= NC_RF_INVALID_HEADERS;
        nc_stream_reply(s, 400, nc_sb_str(&body), nc_sb_c(&details), NULL, NULL);
        nc_sb_fini(&body);

        return false;
    }

    return true;
}
