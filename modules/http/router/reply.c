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
    [FAILED_TRY_TIMEOUT] = { "local reset", NC_RF_UPSTREAM_TIMEOUT, 504 }
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


static void
add_overloaded(nc_stream_t *s, nc_headers_t *h, void *data)
{
    const rq_t  *r = data;

    (void) s;

    if (!r->conf->suppress_envoy_headers) {
        nc_headers_set_id(h, NC_H_X_ENVOY_OVERLOADED, NC_STR("true"));
    }
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
                    why == FAILED_OVERFLOW ? add_overloaded : NULL, r);
}


void
nc_router_reply_timeout(rq_t *r, bool per_try)
{
    nc_stream_t  *s = r->s;
    const char   *why = per_try ? "upstream_per_try_timeout" : "upstream_response_timeout";

    s->info.flags |= NC_RF_UPSTREAM_TIMEOUT;

    if (s->response_started) {
        nc_stream_reset(s, why);
        return;
    }

    nc_stream_reply(s, 504, NC_STR("upstream request timeout"), why, NULL, NULL);
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
    nc_stream_reply(s, 503, NC_STR("no healthy upstream"), "no_healthy_upstream", NULL, NULL);
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


void
nc_router_redirect(nc_stream_t *s)
{
    uint16_t  status;
    nc_str_t  location = nc_route_redirect(&s->match, &s->request, &s->pool, false, &status);

    nc_counter_inc(s->hcm->router_stats.rq_redirect);
    nc_stream_reply(s, status, NC_STR_NULL, "direct_response", edit_route_response, &location);
}


void
nc_router_direct(nc_stream_t *s)
{
    const nc_route_direct_t  *direct = s->match.route->direct;

    nc_counter_inc(s->hcm->router_stats.rq_direct_response);
    nc_stream_reply(s, direct->status, direct->body, "direct_response", edit_route_response, NULL);
}
