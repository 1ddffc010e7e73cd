/* route.c: which route a request takes, and what of its configuration holds for a filter. */
#include "http/route_priv.h"

#include "http/path.h"

/* What require_tls answers with: the same URL by https. */
static const nc_route_redirect_t  to_https = { .https = true, .status = 301 };

static const nc_route_t  tls_route = {
    .name = NC_STR_INIT(""),
    .kind = NC_ROUTE_REDIRECT,
    .redirect = &to_https,
    .path_kind = NC_ROUTE_PREFIX,
    .path = NC_STR_INIT("")
};


bool
nc_route_conditions_hold(const nc_route_t *r, const nc_route_request_t *rq)
{
    if (r->has_fraction && !nc_fraction_holds(&r->fraction, rq->random)) {
        return false;
    }

    return nc_header_matchers_match(r->headers, r->n_headers, rq->headers, rq->pool)
        && nc_query_matchers_match(r->query, r->n_query, nc_headers_value(rq->headers, NC_H_PATH))
        && (r->more == NULL || nc_route_more_holds(r->more, rq));
}


bool
nc_route_path_holds(const nc_route_t *r, const nc_route_path_t *p)
{
    nc_str_t  s = r->ignore_case ? p->lower : p->path;

    if (r->path_kind == NC_ROUTE_CONNECT) {
        return p->connect;
    }

    if (s.data == NULL) {
        return false;
    }

    switch (r->path_kind) {

    case NC_ROUTE_PREFIX:
        return nc_str_starts(s, r->path);

    case NC_ROUTE_PATH:
        return nc_str_eq(s, r->path);

    case NC_ROUTE_SEPARATED_PREFIX:
        return nc_str_starts(s, r->path)
            && (s.len == r->path.len || s.data[r->path.len] == '/');

    default:
        return nc_regex_match(r->regex, p->path);
    }
}


void
nc_route_path(const nc_route_config_t *rc, const nc_route_request_t *rq, bool lower,
    nc_route_path_t *out)
{
    char      *p;
    ssize_t    semicolon;
    nc_str_t   path = nc_headers_value(rq->headers, NC_H_PATH);

    *out = (nc_route_path_t) {
        .connect = nc_str_eq(nc_headers_value(rq->headers, NC_H_METHOD), NC_STR("CONNECT"))
    };

    if (path.data == NULL) {
        return;
    }

    path = nc_path_only(path);

    if (rc->ignore_path_parameters) {
        semicolon = nc_str_chr(path, ';');
        path.len = semicolon >= 0 ? (size_t) semicolon : path.len;
    }

    out->path = path;

    if (lower) {
        p = nc_pool_alloc(rq->pool, path.len + 1);
        for (size_t i = 0; i < path.len; i++) {
            p[i] = nc_lower(path.data[i]);
        }
        out->lower = nc_str(p, path.len);
    }
}


static const nc_route_t *
find_by_walk(const nc_route_t *routes, uint32_t n, const nc_route_request_t *rq,
    const nc_route_path_t *p)
{
    for (uint32_t i = 0; i < n; i++) {
        if (nc_route_path_holds(&routes[i], p) && nc_route_conditions_hold(&routes[i], rq)) {
            return &routes[i];
        }
    }

    return NULL;
}


static const nc_route_t *
find_by_index(const nc_vhost_t *v, const nc_route_request_t *rq, const nc_route_path_t *p)
{
    uint32_t  best = v->n_routes;

    if (v->index != NULL) {
        best = nc_route_index_find(v->index, v->routes, p->path, nc_route_conditions_hold, rq,
            best);
    }

    if (v->index_lower != NULL) {
        best = nc_route_index_find(v->index_lower, v->routes, p->lower, nc_route_conditions_hold,
            rq, best);
    }

    return best < v->n_routes ? &v->routes[best] : NULL;
}


nc_rc_t
nc_route_candidates(const nc_vhost_t *v, const nc_route_request_t *rq, nc_route_list_t *out)
{
    nc_rc_t          rc;
    nc_http_view_t   view = { .info = rq->info, .request = rq->headers };
    nc_match_data_t  data = { .view = &view, .random = rq->random, .pool = rq->pool };
    const void      *action;

    if (v->matcher == NULL) {
        *out = (nc_route_list_t) { v->routes, v->n_routes };
        return NC_OK;
    }

    *out = (nc_route_list_t) { NULL, 0 };
    rc = nc_matcher_exec(v->matcher, &data, &action);

    if (rc == NC_OK) {
        *out = *(const nc_route_list_t *) action;
    }

    return rc;
}


static const nc_route_t *
find_route(const nc_vhost_t *v, const nc_route_request_t *rq, bool by_walk)
{
    nc_route_list_t  list;
    nc_route_path_t  p;

    by_walk = by_walk || v->matcher != NULL || (v->index == NULL && v->index_lower == NULL);
    nc_route_path(v->config, rq, by_walk || v->index_lower != NULL, &p);

    if (!by_walk && !p.connect && p.path.data != NULL) {
        return find_by_index(v, rq, &p);
    }

    if (v->index_lower == NULL && !by_walk && p.path.data != NULL) {
        nc_route_path(v->config, rq, true, &p);
    }

    return nc_route_candidates(v, rq, &list) == NC_OK
        ? find_by_walk(list.routes, list.n, rq, &p) : NULL;
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


nc_str_t
nc_route_host(const nc_route_config_t *rc, const nc_headers_t *request)
{
    return rc->vhost_header.data == NULL ? nc_headers_value(request, NC_H_AUTHORITY)
                                         : header_value(request, rc->vhost_header);
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

    if (f->weight_by_hash && f->hash != NULL && rq->info != NULL) {
        nc_str_t  cookie;
        uint64_t  hash;

        if (nc_route_hash(f->hash, rq->headers, rq->info, rq->pool, &hash, &cookie)
            && cookie.data == NULL)
        {
            random = hash;
        }
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

    out->vhost = nc_route_vhost(rc, nc_route_host(rc, rq->headers), rq->pool);
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
