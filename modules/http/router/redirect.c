/*
 * redirect.c: redirects of the upstream that are followed here (internal_redirect_policy): the
 * stream begins anew with the URL of Location; the client sees only what comes of that.
 */
#include "router_priv.h"

#define NC_STR_HTTP     NC_STR("http")
#define NC_STR_HTTPS    NC_STR("https")

typedef struct {
    nc_str_t  scheme, host, path;
} url_t;


/* An absolute URL of http or https; its fragment is left out. */
static bool
parse(nc_str_t text, nc_pool_t *pool, url_t *url)
{
    ssize_t  end = nc_str_find(text, NC_STR("://"));
    size_t   at = 0;
    ssize_t  hash;

    if (end < 0) {
        return false;
    }

    url->scheme = nc_str(text.data, (size_t) end);
    text = nc_str_skip(text, (size_t) end + 3);

    if (nc_str_caseeq(url->scheme, NC_STR_HTTPS)) {
        url->scheme = NC_STR_HTTPS;
    } else if (nc_str_caseeq(url->scheme, NC_STR_HTTP)) {
        url->scheme = NC_STR_HTTP;
    } else {
        return false;
    }

    while (at < text.len && text.data[at] != '/' && text.data[at] != '?' && text.data[at] != '#') {
        char  c = text.data[at++];

        if (c == '@' || c == '\\' || c <= ' ' || c == 0x7f) {
            return false;
        }
    }

    url->host = nc_pool_str(pool, nc_str(text.data, at));
    text = nc_str_skip(text, at);
    hash = nc_str_chr(text, '#');

    if (hash >= 0) {
        text.len = (size_t) hash;
    }

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.data[i] <= ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }

    if (text.len > 0 && text.data[0] == '/') {
        url->path = nc_pool_str(pool, text);

    } else {
        nc_sb_t  sb;

        nc_sb_fixed(&sb, nc_pool_alloc(pool, text.len + 1), text.len + 1);
        nc_sb_char(&sb, '/');
        nc_sb_str_add(&sb, text);
        url->path = nc_sb_str(&sb);
    }

    return url->host.len > 0;
}


static bool
is_listed(const nc_internal_redirect_t *p, unsigned status)
{
    for (uint32_t i = 0; i < p->n_codes; i++) {
        if (p->codes[i] == status) {
            return true;
        }
    }

    return false;
}


static bool
is_accepted(rq_t *r, const nc_route_t *to, bool from_https, bool to_https)
{
    nc_stream_t                   *s = r->s;
    const nc_internal_redirect_t  *p = r->forward->internal;
    nc_redirect_step_t             step = {
        .from = s->match.route, .to = to, .pairs = s->redirects, .n_before = s->n_redirects,
        .from_https = from_https, .to_https = to_https
    };

    for (uint32_t i = 0; i < p->n_predicates; i++) {
        if (!p->predicates[i].module->redirect_predicate->accepts(p->predicates[i].conf, &step)) {
            return false;
        }
    }

    return true;
}


/* x-envoy-original-url: what the client asked for. */
static void
keep_original(nc_stream_t *s, nc_str_t scheme, nc_str_t host, nc_str_t path)
{
    size_t   cap = scheme.len + 3 + host.len + path.len;
    nc_sb_t  sb;

    nc_sb_fixed(&sb, nc_pool_alloc(&s->pool, cap), cap);
    nc_sb_str_add(&sb, scheme);
    nc_sb_c_add(&sb, "://");
    nc_sb_str_add(&sb, host);
    nc_sb_str_add(&sb, path);
    nc_headers_set(&s->request, NC_STR("x-envoy-original-url"), nc_sb_str(&sb));
}


static void
copy_headers(rq_t *r, const nc_headers_t *response)
{
    const nc_internal_redirect_t  *p = r->forward->internal;
    nc_stream_t                   *s = r->s;

    for (uint32_t i = 0; i < p->n_copy; i++) {
        nc_str_t  value;

        if (nc_headers_joined(response, p->copy[i], &s->pool, &value)) {
            nc_headers_set(&s->request, p->copy[i], nc_pool_str(&s->pool, value));
        } else {
            nc_headers_del(&s->request, p->copy[i]);
        }
    }
}


static void
remember(nc_stream_t *s, const nc_route_t *to)
{
    const nc_route_t  **pairs = nc_pool_array(&s->pool, (s->n_redirects + 1) * 2, sizeof(*pairs));

    if (s->n_redirects) {
        memcpy(pairs, s->redirects, s->n_redirects * 2 * sizeof(*pairs));
    }

    pairs[2 * s->n_redirects] = s->match.route;
    pairs[2 * s->n_redirects + 1] = to;
    s->redirects = pairs;
    s->n_redirects++;
}


static const nc_counter_t *
refusal(rq_t *r, const nc_headers_t *h, url_t *url, nc_str_t scheme)
{
    nc_stream_t                   *s = r->s;
    const nc_router_stats_t       *st = &s->hcm->router_stats;
    const nc_internal_redirect_t  *p = r->forward->internal;
    nc_str_t                       location = nc_headers_value(h, NC_H_LOCATION);

    if (location.len == 0 || !parse(location, &s->pool, url)) {
        return &st->passthrough_internal_redirect_bad_location;
    }

    if (!p->cross_scheme && !nc_str_eq(scheme, url->scheme)) {
        return &st->passthrough_internal_redirect_unsafe_scheme;
    }

    if (s->n_redirects >= p->max) {
        return &st->passthrough_internal_redirect_too_many_redirects;
    }

    return NULL;
}


/* Puts the new URL into the request and asks whether a route takes it. */
static const nc_counter_t *
refusal_of_route(rq_t *r, const url_t *url, bool from_https, const nc_route_t **to)
{
    nc_stream_t              *s = r->s;
    const nc_router_stats_t  *st = &s->hcm->router_stats;
    nc_route_match_t          match;

    nc_headers_set_id(&s->request, NC_H_SCHEME, url->scheme);
    nc_headers_set_id(&s->request, NC_H_AUTHORITY, url->host);
    nc_headers_set_id(&s->request, NC_H_PATH, url->path);

    if (!nc_stream_look_up(s, &match)) {
        return &st->passthrough_internal_redirect_no_route;
    }

    *to = match.route;

    if (!is_accepted(r, match.route, from_https, nc_str_eq(url->scheme, NC_STR_HTTPS))) {
        return &st->passthrough_internal_redirect_predicate;
    }

    return NULL;
}


static bool
may_follow(const rq_t *r, unsigned status)
{
    return is_listed(r->forward->internal, status) && r->s->ended == false;
}


bool
nc_router_follow(try_t *t, nc_headers_t *h, unsigned status)
{
    rq_t                *r = t->r;
    nc_stream_t         *s = r->s;
    const nc_cluster_stats_t  *st = &r->entry->cluster->stats;
    nc_str_t             scheme = nc_headers_value(&s->request, NC_H_SCHEME);
    nc_str_t             host = nc_headers_value(&s->request, NC_H_AUTHORITY);
    nc_str_t             path = nc_headers_value(&s->request, NC_H_PATH);
    bool                 from_https = nc_str_eq(scheme, NC_STR_HTTPS);
    const nc_counter_t  *why;
    const nc_route_t    *to = NULL;
    url_t                url;
    nc_buf_t             body;

    if (!may_follow(r, status)) {
        return false;
    }

    if (!r->whole || !r->keeps) {               /* not all of the body can be sent again */
        nc_counter_inc(st->upstream_internal_redirect_failed_total);
        return false;
    }

    why = refusal(r, h, &url, scheme);

    if (why == NULL) {
        why = refusal_of_route(r, &url, from_https, &to);

        if (why) {
            nc_headers_set_id(&s->request, NC_H_SCHEME, scheme);
            nc_headers_set_id(&s->request, NC_H_AUTHORITY, host);
            nc_headers_set_id(&s->request, NC_H_PATH, path);
        }
    }

    if (why) {
        nc_counter_inc(*why);
        nc_counter_inc(st->upstream_internal_redirect_failed_total);
        return false;
    }

    nc_buf_init(&body);
    nc_buf_move_all(&body, &r->replay);

    if (status == 303 && !s->is_head
        && !nc_str_eq(nc_headers_value(&s->request, NC_H_METHOD), NC_STR("GET")))
    {
        nc_headers_set_id(&s->request, NC_H_METHOD, NC_STR("GET"));
        nc_headers_del_id(&s->request, NC_H_CONTENT_LENGTH);
        nc_buf_drain(&body, body.len);
        s->request_trailers = NULL;
    }

    keep_original(s, scheme, host, path);
    copy_headers(r, h);
    remember(s, to);
    nc_counter_inc(st->upstream_internal_redirect_succeeded_total);
    nc_router_over(r);
    nc_stream_restart(s, &body, status, "internal_redirect");
    nc_buf_fini(&body);

    return true;
}
