/* route_rewrite.c: what a route does to requests and responses on their way. */
#include "http/route_priv.h"

#include "http/formatter.h"
#include "http/path.h"

#define SUBST_BYTES     2048u                   /* substitutions up to here are made on the stack */


void
nc_route_request_mutations(const nc_route_match_t *m, nc_headers_t *request,
    const nc_http_view_t *view, nc_pool_t *pool)
{
    const nc_mutations_t  *levels[4];

    if (m->route == NULL) {
        return;
    }

    levels[0] = m->weighted != NULL ? m->weighted->request_mutations : NULL;
    levels[1] = m->route->request_mutations;
    levels[2] = m->vhost->request_mutations;
    levels[3] = m->config->request_mutations;

    for (unsigned i = 0; i < NC_COUNTOF(levels); i++) {
        nc_mutations_apply(levels[m->config->most_specific_wins ? 3 - i : i], request, view, pool);
    }
}


void
nc_route_response_mutations(const nc_route_match_t *m, nc_headers_t *response,
    const nc_http_view_t *view, nc_pool_t *pool)
{
    const nc_mutations_t  *levels[4];

    if (m->route == NULL) {
        return;
    }

    levels[0] = m->weighted != NULL ? m->weighted->response_mutations : NULL;
    levels[1] = m->route->response_mutations;
    levels[2] = m->vhost->response_mutations;
    levels[3] = m->config->response_mutations;

    for (unsigned i = 0; i < NC_COUNTOF(levels); i++) {
        nc_mutations_apply(levels[m->config->most_specific_wins ? 3 - i : i], response, view,
            pool);
    }
}


static nc_str_t
join(nc_pool_t *pool, nc_str_t a, nc_str_t b)
{
    char  *p = nc_pool_alloc(pool, a.len + b.len + 1);

    if (a.len > 0) {
        memcpy(p, a.data, a.len);
    }
    if (b.len > 0) {
        memcpy(p + a.len, b.data, b.len);
    }

    return nc_str(p, a.len + b.len);
}


/* `subject` substituted, in `pool`; NC_DECLINED: nothing matched. */
static nc_rc_t
substitute(const nc_regex_rewrite_t *rw, nc_str_t subject, nc_pool_t *pool, nc_str_t *out)
{
    char     memory[SUBST_BYTES];
    nc_rc_t  rc;
    nc_sb_t  sb;

    nc_sb_fixed(&sb, memory, sizeof(memory));
    rc = nc_regex_subst(rw->regex, subject, rw->substitution, &sb);

    if (sb.truncated) {
        nc_sb_init(&sb);
        rc = nc_regex_subst(rw->regex, subject, rw->substitution, &sb);
    }

    if (rc == NC_OK) {
        *out = nc_pool_str(pool, nc_sb_str(&sb));
    }

    if (sb.heap) {
        nc_sb_fini(&sb);
    }

    return rc;
}


/*
 * `path` (with its query) with the prefix or the expression replaced; *out is `path` when there is
 * nothing to do. NC_ERROR: a limit was hit.
 */
static nc_rc_t
rewrite_path(const nc_route_t *r, nc_str_t prefix_rewrite, const nc_regex_rewrite_t *regex,
    nc_str_t path, nc_pool_t *pool, nc_str_t *out)
{
    size_t    matched;
    nc_rc_t   rc;
    nc_str_t  only = nc_path_only(path), fresh;

    *out = path;

    if (prefix_rewrite.data != NULL) {
        matched = r->path_kind == NC_ROUTE_PREFIX || r->path_kind == NC_ROUTE_SEPARATED_PREFIX
            ? r->path.len : only.len;
        *out = join(pool, prefix_rewrite, nc_str_skip(path, NC_MIN(matched, path.len)));
        return NC_OK;
    }

    if (regex == NULL) {
        return NC_OK;
    }

    rc = substitute(regex, only, pool, &fresh);
    if (rc == NC_ERROR) {
        return NC_ERROR;
    }

    if (rc == NC_OK) {
        *out = join(pool, fresh, nc_str_skip(path, only.len));
    }

    return NC_OK;
}


/* Appends the host that was asked for, unless it was the last to be appended. */
static void
append_forwarded_host(nc_headers_t *request, nc_str_t host, nc_pool_t *pool)
{
    nc_str_t  old = NC_STR_NULL, last;
    size_t    i;

    if (!nc_headers_joined(request, nc_header_names[NC_H_X_FORWARDED_HOST], pool, &old)
        || old.len == 0)
    {
        nc_headers_set_id(request, NC_H_X_FORWARDED_HOST, host);
        return;
    }

    for (i = old.len; i > 0 && old.data[i - 1] != ','; i--) { /* void */ }

    last = nc_str_trim(nc_str_skip(old, i));
    if (!nc_str_eq(last, host)) {
        nc_headers_set_id(request, NC_H_X_FORWARDED_HOST,
            join(pool, join(pool, old, NC_STR(",")), host));
    }
}


void
nc_route_set_host(const nc_route_match_t *m, nc_headers_t *request, nc_str_t host,
    nc_pool_t *pool, bool suppress_envoy_headers)
{
    nc_str_t  old = nc_headers_value(request, NC_H_AUTHORITY);

    if (old.len > 0) {
        if (m->route->forward->append_x_forwarded_host) {
            append_forwarded_host(request, old, pool);
        }
        if (!suppress_envoy_headers) {
            nc_headers_set_id(request, NC_H_X_ENVOY_ORIGINAL_HOST, old);
        }
    }

    nc_headers_set_id(request, NC_H_AUTHORITY, host);
}


/* The host the route asks for; data NULL: no change. NC_ERROR: a limit was hit. */
static nc_rc_t
new_host(const nc_route_match_t *m, const nc_headers_t *request, nc_pool_t *pool, nc_str_t *host)
{
    nc_rc_t                    rc;
    nc_str_t                   path;
    uint32_t                   at = 0;
    nc_header_t               *header;
    const nc_route_forward_t  *f = m->route->forward;

    *host = NC_STR_NULL;

    switch (f->host_rewrite) {

    case NC_HOST_KEEP:
    case NC_HOST_AUTO:
        break;

    case NC_HOST_LITERAL:
        *host = f->host;
        break;

    case NC_HOST_HEADER:
        header = nc_headers_find(request, f->host, &at);
        if (header != NULL && header->value.len > 0) {
            *host = header->value;
        }
        break;

    case NC_HOST_PATH_REGEX:
        path = nc_path_only(nc_headers_value(request, NC_H_PATH));
        rc = substitute(f->host_regex, path, pool, host);
        if (rc == NC_ERROR) {
            return NC_ERROR;
        }
        break;
    }

    if (host->data == NULL && m->weighted != NULL) {
        *host = m->weighted->host_rewrite;
    }

    return NC_OK;
}


nc_rc_t
nc_route_rewrite_request(const nc_route_match_t *m, nc_headers_t *request, nc_pool_t *pool,
    bool suppress_envoy_headers)
{
    nc_str_t                   host, path, old = nc_headers_value(request, NC_H_PATH);
    const nc_route_forward_t  *f;

    if (m->route == NULL || m->route->kind != NC_ROUTE_FORWARD) {
        return NC_OK;
    }

    f = m->route->forward;

    if (new_host(m, request, pool, &host) != NC_OK
        || rewrite_path(m->route, f->prefix_rewrite, f->regex_rewrite, old, pool, &path) != NC_OK)
    {
        return NC_ERROR;
    }

    if (host.len > 0) {
        nc_route_set_host(m, request, host, pool, suppress_envoy_headers);
    }

    if (path.data != old.data) {
        if (!suppress_envoy_headers) {
            nc_headers_set_id(request, NC_H_X_ENVOY_ORIGINAL_PATH, old);
        }
        nc_headers_set_id(request, NC_H_PATH, path);
    }

    return NC_OK;
}


nc_str_t
nc_route_direct_body(const nc_route_match_t *m, const nc_http_view_t *view, nc_pool_t *pool,
    nc_str_t *type)
{
    nc_sb_t                   out;
    nc_str_t                  body;
    nc_http_info_t            info = *view->info;
    nc_http_view_t            with_body = *view;
    const nc_route_direct_t  *direct = m->route->direct;

    *type = NC_STR_NULL;

    if (direct->format == NULL) {
        return direct->body;
    }

    info.local_reply_body = direct->body;
    info.status = direct->status;
    with_body.info = &info;
    nc_sb_init(&out);
    nc_format_print(direct->format, &with_body, &out);
    body = nc_pool_str(pool, nc_sb_str(&out));
    nc_sb_fini(&out);
    *type = nc_format_content_type(direct->format);

    return body;
}


/* Offset of ":port" in a host, or its length. */
static size_t
port_offset(nc_str_t host)
{
    size_t  i = host.len;

    while (i > 0 && nc_is_digit(host.data[i - 1])) {
        i--;
    }

    if (i < 2 || i == host.len || host.data[i - 1] != ':') {
        return host.len;
    }

    /* More than one colon without brackets is an IPv6 address, not a port. */
    return host.data[i - 2] == ']' || nc_str_chr(host, ':') == (ssize_t) i - 1 ? i - 1 : host.len;
}


/* The host of the request, without a port that would be wrong in the new URL. */
static nc_str_t
redirect_host(nc_str_t host, nc_str_t old_scheme, nc_str_t new_scheme, bool new_port)
{
    size_t    at = port_offset(host);
    bool      drop = new_port;
    nc_str_t  port = nc_str_skip(host, at);

    if (!nc_str_caseeq(old_scheme, new_scheme)) {
        drop = drop || (nc_str_eq(old_scheme, NC_STR("https")) && nc_str_eq(port, NC_STR(":443")))
            || (nc_str_eq(old_scheme, NC_STR("http")) && nc_str_eq(port, NC_STR(":80")));
    }

    return drop ? nc_str(host.data, at) : host;
}


/* The path of the new URL, query included. */
static nc_str_t
redirect_path(const nc_route_match_t *m, nc_str_t path, nc_pool_t *pool)
{
    nc_str_t                    query = nc_str_skip(path, nc_path_only(path).len);
    nc_str_t                    fresh;
    const nc_route_redirect_t  *r = m->route->redirect;

    if (r->path.data != NULL) {
        return r->path_has_query || r->strip_query ? r->path : join(pool, r->path, query);
    }

    if (rewrite_path(m->route, r->prefix_rewrite, r->regex_rewrite, path, pool, &fresh) != NC_OK) {
        fresh = path;
    }

    return r->strip_query ? nc_path_only(fresh) : fresh;
}


nc_str_t
nc_route_redirect(const nc_route_match_t *m, const nc_headers_t *request, nc_pool_t *pool,
    bool is_tls, uint16_t *status)
{
    char                        port[8];
    nc_str_t                    scheme, old, host, url;
    const nc_route_redirect_t  *r = m->route->redirect;

    old = nc_headers_value(request, NC_H_X_FORWARDED_PROTO);
    if (!nc_str_eq(old, NC_STR("http")) && !nc_str_eq(old, NC_STR("https"))) {
        old = is_tls ? NC_STR("https") : NC_STR("http");
    }

    scheme = r->scheme.data != NULL ? r->scheme : r->https ? NC_STR("https") : old;
    host = r->host.data != NULL ? r->host
        : redirect_host(nc_headers_value(request, NC_H_AUTHORITY), old, scheme, r->port > 0);

    url = join(pool, scheme, NC_STR("://"));
    url = join(pool, url, host);

    if (r->port > 0) {
        snprintf(port, sizeof(port), ":%u", (unsigned) r->port);
        url = join(pool, url, nc_str_c(port));
    }

    *status = r->status;

    return join(pool, url, redirect_path(m, nc_headers_value(request, NC_H_PATH), pool));
}
