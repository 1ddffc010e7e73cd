/* route.c: which route a request takes, and what of its configuration holds for a filter. */
#include "http/route_priv.h"

#include "http/path.h"

#define PATH_ON_STACK   512u

/* What require_tls answers with: the same URL by https. */
static const nc_route_redirect_t  to_https = { .https = true, .status = 301 };

static const nc_route_t  tls_route = {
    .name = NC_STR_INIT(""),
    .kind = NC_ROUTE_REDIRECT,
    .redirect = &to_https,
    .path_kind = NC_ROUTE_PREFIX,
    .path = NC_STR_INIT("")
};


/* The conditions of a route beside its path. */
static bool
conditions_hold(const nc_route_t *r, const nc_route_request_t *rq)
{
    if (r->has_fraction && !nc_fraction_holds(&r->fraction, rq->random)) {
        return false;
    }

    return nc_header_matchers_match(r->headers, r->n_headers, rq->headers, rq->pool)
        && nc_query_matchers_match(r->query, r->n_query, nc_headers_value(rq->headers, NC_H_PATH));
}


/* `lower` is `path` in lower case. */
static bool
path_holds(const nc_route_t *r, nc_str_t path, nc_str_t lower)
{
    nc_str_t  s = r->ignore_case ? lower : path;

    switch (r->path_kind) {

    case NC_ROUTE_PREFIX:
        return nc_str_starts(s, r->path);

    case NC_ROUTE_PATH:
        return nc_str_eq(s, r->path);

    case NC_ROUTE_SEPARATED_PREFIX:
        return nc_str_starts(s, r->path)
            && (s.len == r->path.len || s.data[r->path.len] == '/');

    case NC_ROUTE_REGEX:
        return nc_regex_match(r->regex, path);

    case NC_ROUTE_CONNECT:
        return false;                           /* see find_connect */
    }

    return false;
}


static const nc_route_t *
find_by_walk(const nc_vhost_t *v, const nc_route_request_t *rq, nc_str_t path, nc_str_t lower)
{
    for (uint32_t i = 0; i < v->n_routes; i++) {
        if (path_holds(&v->routes[i], path, lower) && conditions_hold(&v->routes[i], rq)) {
            return &v->routes[i];
        }
    }

    return NULL;
}


static const nc_route_t *
find_by_index(const nc_vhost_t *v, const nc_route_request_t *rq, nc_str_t path, nc_str_t lower)
{
    uint32_t  best = v->n_routes;

    if (v->index != NULL) {
        best = nc_route_index_find(v->index, v->routes, path, conditions_hold, rq, best);
    }

    if (v->index_lower != NULL) {
        best = nc_route_index_find(v->index_lower, v->routes, lower, conditions_hold, rq, best);
    }

    return best < v->n_routes ? &v->routes[best] : NULL;
}


/* The route of a CONNECT: by connect_matcher, or by its path if it has one (HTTP/2). */
static const nc_route_t *
find_connect(const nc_vhost_t *v, const nc_route_request_t *rq, nc_str_t path, nc_str_t lower)
{
    for (uint32_t i = 0; i < v->n_routes; i++) {
        const nc_route_t  *r = &v->routes[i];

        if ((r->path_kind == NC_ROUTE_CONNECT
             || (path.data != NULL && path_holds(r, path, lower)))
            && conditions_hold(r, rq))
        {
            return r;
        }
    }

    return NULL;
}


static const nc_route_t *
find_route(const nc_vhost_t *v, const nc_route_request_t *rq, bool by_walk)
{
    char      memory[PATH_ON_STACK], *out = memory;
    nc_str_t  path = nc_headers_value(rq->headers, NC_H_PATH), lower;
    bool      connect;

    if (path.data == NULL) {
        return find_connect(v, rq, path, path);
    }

    path = nc_path_only(path);
    connect = nc_str_eq(nc_headers_value(rq->headers, NC_H_METHOD), NC_STR("CONNECT"));
    by_walk = by_walk || (v->index == NULL && v->index_lower == NULL);

    if (!by_walk && !connect && v->index_lower == NULL) {
        return find_by_index(v, rq, path, path);
    }

    if (path.len > sizeof(memory)) {
        out = nc_pool_alloc(rq->pool, path.len);
    }
    for (size_t i = 0; i < path.len; i++) {
        out[i] = nc_lower(path.data[i]);
    }
    lower = nc_str(out, path.len);

    if (connect) {
        return find_connect(v, rq, path, lower);
    }

    return by_walk ? find_by_walk(v, rq, path, lower) : find_by_index(v, rq, path, lower);
}


/* True when the virtual host wants TLS and the request did not come so. */
static bool
must_redirect(const nc_vhost_t *v, const nc_route_request_t *rq)
{
    bool      is_https = rq->is_tls;
    nc_str_t  proto;

    if (v->require_tls == NC_VHOST_TLS_NONE) {
        return false;
    }

    proto = nc_headers_value(rq->headers, NC_H_X_FORWARDED_PROTO);
    if (proto.data != NULL) {
        is_https = nc_str_caseeq(proto, NC_STR("https"));
    }

    if (is_https) {
        return false;
    }

    return v->require_tls == NC_VHOST_TLS_ALL
        || !nc_str_eq(nc_headers_value(rq->headers, NC_H_X_ENVOY_INTERNAL), NC_STR("true"));
}


static nc_str_t
header_value(const nc_headers_t *h, nc_str_t name)
{
    uint32_t      at = 0;
    nc_header_t  *found;

    if (nc_str_eq(name, NC_STR("host"))) {
        return nc_headers_value(h, NC_H_AUTHORITY);
    }

    found = nc_headers_find(h, name, &at);

    return found != NULL ? found->value : NC_STR_NULL;
}


/* By weight: the first cluster whose sum of weights is above the random number. */
static const nc_weighted_cluster_t *
choose(const nc_route_forward_t *f, const nc_route_request_t *rq)
{
    uint32_t  low = 0, high = f->n_weighted - 1;
    uint64_t  random = rq->random, from_header;

    if (f->weight_header.data != NULL
        && nc_str_to_u64(header_value(rq->headers, f->weight_header), UINT64_MAX, &from_header)
            == NC_OK)
    {
        random = from_header;
    }

    random %= f->total_weight;

    while (low < high) {
        uint32_t  middle = low + (high - low) / 2;

        if (f->weighted[middle].end > random) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return &f->weighted[low];
}


static void
choose_cluster(const nc_route_request_t *rq, nc_route_match_t *out)
{
    const nc_route_forward_t  *f = out->route->forward;

    if (f->cluster.data != NULL) {
        out->cluster = f->cluster;

    } else if (f->n_weighted > 0) {
        out->weighted = choose(f, rq);
        out->cluster = out->weighted->name.data != NULL ? out->weighted->name
            : header_value(rq->headers, out->weighted->cluster_header);

    } else {
        out->cluster = header_value(rq->headers, f->cluster_header);
    }

    if (out->cluster.len == 0) {
        out->cluster = NC_STR_NULL;
    }
}


static nc_rc_t
find(const nc_route_config_t *rc, const nc_route_request_t *rq, bool by_walk,
    nc_route_match_t *out)
{
    *out = (nc_route_match_t) { .config = rc };

    out->vhost = nc_route_vhost(rc, nc_headers_value(rq->headers, NC_H_AUTHORITY), rq->pool);
    if (out->vhost == NULL) {
        return NC_DECLINED;
    }

    if (must_redirect(out->vhost, rq)) {
        out->route = &tls_route;
        return NC_OK;
    }

    out->route = find_route(out->vhost, rq, by_walk);
    if (out->route == NULL) {
        return NC_DECLINED;
    }

    if (out->route->kind == NC_ROUTE_FORWARD) {
        choose_cluster(rq, out);
    }

    return NC_OK;
}


nc_rc_t
nc_route_find(const nc_route_config_t *rc, const nc_route_request_t *rq, nc_route_match_t *out)
{
    return find(rc, rq, false, out);
}


nc_rc_t
nc_route_find_slowly(const nc_route_config_t *rc, const nc_route_request_t *rq,
    nc_route_match_t *out)
{
    return find(rc, rq, true, out);
}


static const nc_filter_conf_t *
find_conf(const nc_filter_confs_t *confs, nc_str_t name)
{
    for (uint32_t i = 0; confs != NULL && i < confs->n; i++) {
        if (nc_str_eq(confs->items[i].name, name)) {
            return &confs->items[i];
        }
    }

    return NULL;
}


const nc_filter_conf_t *
nc_route_filter_conf(const nc_route_match_t *m, nc_str_t name)
{
    const nc_filter_conf_t  *found = NULL;

    if (m->route == NULL) {
        return NULL;
    }

    if (m->weighted != NULL) {
        found = find_conf(m->weighted->filters, name);
    }
    if (found == NULL) {
        found = find_conf(m->route->filters, name);
    }
    if (found == NULL) {
        found = find_conf(m->vhost->filters, name);
    }

    return found != NULL ? found : find_conf(m->config->filters, name);
}
