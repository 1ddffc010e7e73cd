/* route_explain.c: see route_explain.h. */
#include "http/route_explain.h"

#include "http/dynamic_metadata.h"
#include "http/filter_state.h"
#include "http/grpc.h"
#include "http/manager_priv.h"
#include "http/path.h"
#include "http/uri_template.h"
#include "net/tls.h"

#define SHOWN_MAX   12u                         /* routes that fail by their path, in full */


static void
add_quoted(nc_sb_t *out, nc_str_t s)
{
    nc_sb_char(out, '"');
    nc_sb_str_add(out, nc_str(s.data, NC_MIN(s.len, 200u)));
    nc_sb_c_add(out, s.len > 200 ? "...\"" : "\"");
}


static void
add_string_matcher(nc_sb_t *out, const nc_string_matcher_t *m)
{
    static const char *const  words[] = {
        [NC_MATCH_EXACT] = "", [NC_MATCH_PREFIX] = "a text that begins with ",
        [NC_MATCH_SUFFIX] = "a text that ends with ", [NC_MATCH_CONTAINS] = "a text with ",
        [NC_MATCH_REGEX] = "a text that matches "
    };

    nc_sb_c_add(out, words[m->kind]);
    add_quoted(out, m->kind == NC_MATCH_REGEX ? nc_regex_pattern(m->regex) : m->text);
    nc_sb_c_add(out, m->ignore_case ? " in any case" : "");
}


static void
add_header_wanted(nc_sb_t *out, const nc_header_matcher_t *m)
{
    nc_sb_c_add(out, m->invert ? ", expected anything but " : ", expected ");

    switch (m->kind) {
    case NC_HM_STRING:
        add_string_matcher(out, &m->string);
        break;
    case NC_HM_RANGE:
        nc_sb_printf(out, "a number from %" PRId64 " to below %" PRId64, m->start, m->end);
        break;
    case NC_HM_PRESENT:
        nc_sb_c_add(out, m->present ? "it to be there" : "it not to be there");
        break;
    }
}


static bool
header_fails(const nc_header_matcher_t *m, const nc_route_request_t *rq, nc_sb_t *why)
{
    nc_str_t  value;

    if (nc_header_matcher_match(m, rq->headers, rq->pool)) {
        return false;
    }

    nc_sb_printf(why, "header " NC_STR_FMT " is ", NC_STR_ARG(m->name));

    if (nc_headers_joined(rq->headers, m->name, rq->pool, &value)) {
        add_quoted(why, value);
    } else {
        nc_sb_c_add(why, "not there");
    }

    add_header_wanted(why, m);

    return true;
}


static bool
query_fails(const nc_query_matcher_t *m, const nc_route_request_t *rq, nc_sb_t *why)
{
    nc_str_t  path = nc_headers_value(rq->headers, NC_H_PATH), value;

    if (nc_query_matchers_match(m, 1, path)) {
        return false;
    }

    nc_sb_printf(why, "query parameter " NC_STR_FMT " is ", NC_STR_ARG(m->name));

    if (nc_query_param(path, m->name, &value)) {
        add_quoted(why, value);
    } else {
        nc_sb_c_add(why, "not there");
    }

    nc_sb_c_add(why, ", expected ");

    if (m->by_value) {
        add_string_matcher(why, &m->string);
    } else {
        nc_sb_c_add(why, m->present ? "it to be there" : "it not to be there");
    }

    return true;
}


static bool
cookie_fails(const nc_cookie_matcher_t *m, const nc_route_request_t *rq, nc_sb_t *why)
{
    nc_str_t  value;

    if (nc_cookie_matcher_match(m, rq->headers)) {
        return false;
    }

    nc_sb_printf(why, "cookie " NC_STR_FMT " is ", NC_STR_ARG(m->name));

    if (nc_cookie_value(rq->headers, m->name, &value)) {
        add_quoted(why, value);
    } else {
        nc_sb_c_add(why, "not there");
    }

    nc_sb_c_add(why, m->invert ? ", expected anything but " : ", expected ");
    add_string_matcher(why, &m->string);

    return true;
}


static bool
metadata_fails(const nc_metadata_matcher_t *m, const nc_http_info_t *info, nc_sb_t *why)
{
    const nc_value_t  *v;

    if (nc_metadata_matcher_holds(m, info)) {
        return false;
    }

    nc_sb_printf(why, "dynamic metadata " NC_STR_FMT, NC_STR_ARG(m->filter));

    for (uint32_t i = 0; i < m->n_path; i++) {
        nc_sb_printf(why, ":" NC_STR_FMT, NC_STR_ARG(m->path[i]));
    }

    v = nc_dynamic_metadata_get(info, m->filter, m->path, m->n_path);
    nc_sb_c_add(why, " is ");

    if (v != NULL) {
        nc_value_print(v, false, why);
        nc_sb_c_add(why, ", which does not meet the condition");
    } else {
        nc_sb_c_add(why, "not there");
    }

    return true;
}


static bool
state_fails(const nc_filter_state_matcher_t *m, const nc_http_info_t *info, nc_sb_t *why)
{
    nc_str_t  value;

    if (nc_filter_state_matcher_holds(m, info)) {
        return false;
    }

    value = nc_filter_state_get(info, m->key);
    nc_sb_printf(why, "filter state " NC_STR_FMT " is ", NC_STR_ARG(m->key));

    if (value.data != NULL) {
        add_quoted(why, value);
        nc_sb_c_add(why, ", which does not meet the condition");
    } else {
        nc_sb_c_add(why, "not there");
    }

    return true;
}


static bool
more_fails(const nc_route_more_t *m, const nc_route_request_t *rq, nc_sb_t *why)
{
    static const nc_http_info_t  none;
    const nc_http_info_t        *info = rq->info != NULL ? rq->info : &none;
    const nc_tls_info_t         *tls = info->conn != NULL ? info->conn->tls : NULL;

    if (m->grpc && !nc_grpc_is_request(rq->headers)) {
        nc_sb_c_add(why, "it is no gRPC request");
        return true;
    }

    for (uint32_t i = 0; i < m->n_cookies; i++) {
        if (cookie_fails(&m->cookies[i], rq, why)) {
            return true;
        }
    }

    for (uint32_t i = 0; i < m->n_metadata; i++) {
        if (metadata_fails(&m->metadata[i], info, why)) {
            return true;
        }
    }

    for (uint32_t i = 0; i < m->n_state; i++) {
        if (state_fails(&m->state[i], info, why)) {
            return true;
        }
    }

    if (m->has_presented && (tls != NULL && nc_tls_peer_presented(tls)) != m->presented) {
        nc_sb_printf(why, "the client showed %s certificate", m->presented ? "no" : "a");
        return true;
    }

    if (m->has_validated && (tls != NULL && nc_tls_peer_validated(tls)) != m->validated) {
        nc_sb_printf(why, "the client's certificate is %s", m->validated ? "not validated"
                                                                          : "validated");
        return true;
    }

    return false;
}


static bool
path_fails(const nc_route_t *r, const nc_route_request_t *rq, nc_sb_t *why)
{
    nc_route_path_t  p;

    nc_route_path(r->vhost->config, rq, true, &p);

    if (nc_route_path_holds(r, &p)) {
        return false;
    }

    if (r->path_kind == NC_ROUTE_CONNECT) {
        nc_sb_c_add(why, "it is no CONNECT");
        return true;
    }

    nc_sb_c_add(why, "path ");
    add_quoted(why, p.path.data != NULL ? p.path : NC_STR(""));
    nc_sb_c_add(why, r->path_kind == NC_ROUTE_PREFIX ? " does not begin with "
        : r->path_kind == NC_ROUTE_PATH ? " is not "
        : r->path_kind == NC_ROUTE_SEPARATED_PREFIX ? " is not below "
        : r->pattern != NULL ? " does not match the template, which is " : " does not match ");
    add_quoted(why, r->path);
    nc_sb_c_add(why, r->ignore_case ? " in any case" : "");

    return true;
}


bool
nc_route_why_not(const nc_route_t *r, const nc_route_request_t *rq, nc_sb_t *why)
{
    if (path_fails(r, rq, why)) {
        return true;
    }

    if (r->has_fraction && !nc_fraction_holds(&r->fraction, rq->random)) {
        nc_sb_printf(why, "it is for %u of %u requests (runtime_fraction), and the random number "
            "is %" PRIu64, r->fraction.numerator, r->fraction.denominator,
            rq->random % r->fraction.denominator);
        return true;
    }

    for (uint32_t i = 0; i < r->n_headers; i++) {
        if (header_fails(&r->headers[i], rq, why)) {
            return true;
        }
    }

    for (uint32_t i = 0; i < r->n_query; i++) {
        if (query_fails(&r->query[i], rq, why)) {
            return true;
        }
    }

    return r->more != NULL && more_fails(r->more, rq, why);
}


static void
add_place(nc_sb_t *out, const nc_route_place_t *p)
{
    if (p->file != NULL) {
        nc_sb_printf(out, " (%s:%u)", p->file, p->line);
    }
}


static void
add_route_name(nc_sb_t *out, const nc_route_t *r)
{
    nc_sb_printf(out, "route %u", r->order);

    if (r->name.len > 0) {
        nc_sb_c_add(out, " ");
        add_quoted(out, r->name);
    }

    add_place(out, &r->place);
}


/* The routes before `won` (or all), each with the reason; many that fail by the path are counted. */
static void
add_passed_over(nc_sb_t *out, const nc_route_list_t *list, const nc_route_t *won,
    const nc_route_request_t *rq)
{
    nc_sb_t   why;
    uint32_t  shown = 0, hidden = 0;

    nc_sb_init(&why);

    for (uint32_t i = 0; i < list->n && &list->routes[i] != won; i++) {
        bool  by_path;

        nc_sb_reset(&why);
        by_path = path_fails(&list->routes[i], rq, &why);

        if (by_path && ++shown > SHOWN_MAX) {
            hidden++;
            continue;
        }

        if (!by_path && !nc_route_why_not(&list->routes[i], rq, &why)) {
            continue;
        }

        nc_sb_c_add(out, "    not ");
        add_route_name(out, &list->routes[i]);
        nc_sb_printf(out, ": " NC_STR_FMT "\n", NC_STR_ARG(nc_sb_str(&why)));
    }

    if (hidden > 0) {
        nc_sb_printf(out, "    not %u more: their paths do not match\n", hidden);
    }

    nc_sb_fini(&why);
}


bool
nc_route_prepare(const nc_hcm_conf_t *hcm, const nc_conn_info_t *conn, nc_headers_t *request,
    nc_pool_t *pool, nc_sb_t *why)
{
    nc_str_t      path = nc_headers_value(request, NC_H_PATH), out;
    nc_stream_t  *s = nc_pool_new(pool, nc_stream_t);

    s->hcm = hcm;
    s->pool = *pool;
    s->conn_info = *conn;
    s->request = *request;
    nc_manager_host(s);
    *request = s->request;
    *pool = s->pool;

    if (path.len == 0 || path.data[0] != '/') {
        return true;
    }

    switch (nc_path_normalize(&hcm->path, path, pool, &out)) {

    case NC_PATH_CONTINUE:
        nc_headers_set_id(request, NC_H_PATH, out);
        return true;

    case NC_PATH_REDIRECT:
        nc_sb_printf(why, "307 to \"" NC_STR_FMT "\": the path has escaped slashes",
            NC_STR_ARG(out));
        return false;

    default:
        nc_sb_c_add(why, "400: the path is not one that the connection manager lets pass");
        return false;
    }
}


static void
add_vhost(nc_sb_t *out, const nc_route_config_t *rc, const nc_route_match_t *m, nc_str_t host)
{
    nc_sb_c_add(out, "  host ");
    add_quoted(out, host.data != NULL ? host : NC_STR(""));

    if (m->vhost == NULL) {
        nc_sb_printf(out, ": none of the %u virtual hosts has a domain for it\n", rc->n_vhosts);
        return;
    }

    nc_sb_c_add(out, ": virtual host ");
    add_quoted(out, m->vhost->name);
    add_place(out, &m->vhost->place);
    nc_sb_c_add(out, "\n");
}


void
nc_route_explain(const nc_route_config_t *rc, const nc_route_request_t *rq, nc_sb_t *out)
{
    nc_rc_t           rc_list;
    nc_route_list_t   list;
    nc_route_match_t  m;

    (void) nc_route_find(rc, rq, &m);
    add_vhost(out, rc, &m, nc_route_host(rc, rq->headers));

    if (m.vhost == NULL) {
        return;
    }

    if (m.route != NULL && m.route->vhost == NULL) {
        nc_sb_c_add(out, "    the virtual host requires TLS (require_tls), and the request came "
            "without\n");
        return;
    }

    rc_list = nc_route_candidates(m.vhost, rq, &list);

    if (rc_list != NC_OK) {
        nc_sb_c_add(out, rc_list == NC_ERROR
            ? "    an expression of the virtual host's matcher hit its limit\n"
            : "    the virtual host's matcher leads to no route\n");
        return;
    }

    if (m.vhost->matcher != NULL) {
        nc_sb_printf(out, "    the virtual host's matcher leads to %u route%s\n", list.n,
            list.n == 1 ? "" : "s");
    }

    add_passed_over(out, &list, m.route, rq);

    if (m.route == NULL) {
        nc_sb_c_add(out, "    no route matches\n");
        return;
    }

    nc_sb_c_add(out, "    takes ");
    add_route_name(out, m.route);
    nc_sb_c_add(out, "\n");
}


void
nc_route_answer(const nc_route_config_t *rc, const nc_route_request_t *rq, nc_headers_t *headers,
    nc_route_answer_t *out)
{
    const nc_route_match_t  *m = &out->match;

    *out = (nc_route_answer_t) { .action = "none", .status = 404 };

    if (nc_route_find(rc, rq, &out->match) == NC_OK) {
        out->route = m->route->name;

        switch (m->route->kind) {

        case NC_ROUTE_FORWARD:
            out->action = "route";
            out->cluster = m->cluster;
            out->status = 0;
            out->cannot_rewrite = nc_route_rewrite_request(m, headers, rq->pool, false) != NC_OK;
            out->host = nc_headers_value(headers, NC_H_AUTHORITY);
            out->path = nc_headers_value(headers, NC_H_PATH);
            break;

        case NC_ROUTE_REDIRECT:
            out->action = "redirect";
            out->location = nc_route_redirect(m, headers, rq->pool, rq->is_tls, &out->status);
            break;

        case NC_ROUTE_DIRECT_RESPONSE:
            out->action = "direct_response";
            out->status = m->route->direct->status;
            break;

        case NC_ROUTE_NON_FORWARDING:
            break;
        }
    }

    out->vhost = m->vhost != NULL ? m->vhost->name : NC_STR_NULL;
}


static void
add_time(nc_sb_t *out, const char *what, uint64_t ms)
{
    if (ms == 0) {
        nc_sb_printf(out, "    %s none\n", what);
    } else {
        nc_sb_printf(out, "    %s %" PRIu64 " ms\n", what, ms);
    }
}


static void
add_cluster(nc_sb_t *out, const nc_route_answer_t *a)
{
    const nc_route_forward_t     *f = a->match.route->forward;
    const nc_weighted_cluster_t  *w = a->match.weighted;

    nc_sb_c_add(out, "  forwards to ");

    if (a->cluster.data == NULL) {
        nc_sb_printf(out, "no cluster: the request has no header " NC_STR_FMT "; the answer is "
            "%u\n", NC_STR_ARG(f->cluster_header), f->cluster_not_found_status);
        return;
    }

    nc_sb_c_add(out, "cluster ");
    add_quoted(out, a->cluster);

    if (w != NULL) {
        uint64_t  before = w > f->weighted ? w[-1].end : 0;

        nc_sb_printf(out, ", %" PRIu64 " of %" PRIu64 " by weight", w->end - before,
            f->total_weight);
    } else if (f->cluster.data == NULL) {
        nc_sb_printf(out, ", as header " NC_STR_FMT " says", NC_STR_ARG(f->cluster_header));
    }

    nc_sb_char(out, '\n');
}


static void
add_policies(nc_sb_t *out, const nc_route_forward_t *f)
{
    add_time(out, "timeout", f->timeout_ms);

    if (f->idle_timeout_set) {
        add_time(out, "idle timeout", f->idle_timeout_ms);
    }

    if (f->bounds != NULL && f->bounds->has_max) {
        add_time(out, "longest stream", f->bounds->max_ms);
    }

    if (f->retry != NULL && f->retry->retry_on != 0) {
        nc_sb_printf(out, "    retries up to %u", f->retry->num_retries);
        if (f->retry->per_try_timeout_ms > 0) {
            nc_sb_printf(out, ", each try %u ms", f->retry->per_try_timeout_ms);
        }
        nc_sb_char(out, '\n');
    } else {
        nc_sb_c_add(out, "    retries none\n");
    }

    if (f->mirrors != NULL) {
        nc_sb_printf(out, "    mirrors %u\n", f->mirrors->n);
    }

    if (f->hash != NULL) {
        nc_sb_printf(out, "    hash policies %u\n", f->hash->n);
    }
}


void
nc_route_answer_print(const nc_route_answer_t *a, nc_sb_t *out)
{
    const nc_route_t  *r = a->match.route;

    if (r == NULL) {
        nc_sb_printf(out, "  answers %u: no route (response flag NR)\n", a->status);
        return;
    }

    switch (r->kind) {

    case NC_ROUTE_FORWARD:
        add_cluster(out, a);
        nc_sb_printf(out, "    host \"" NC_STR_FMT "\"%s\n    path \"" NC_STR_FMT "\"\n",
            NC_STR_ARG(a->host), r->forward->host_rewrite == NC_HOST_AUTO
            ? ", replaced by the name of the chosen endpoint" : "", NC_STR_ARG(a->path));
        if (a->cannot_rewrite) {
            nc_sb_c_add(out, "    an expression of the rewrite hits its limit: the answer is "
                "500\n");
        }
        add_policies(out, r->forward);
        break;

    case NC_ROUTE_REDIRECT:
        nc_sb_printf(out, "  answers %u, location \"" NC_STR_FMT "\"\n", a->status,
            NC_STR_ARG(a->location));
        break;

    default:
        nc_sb_printf(out, "  answers %u, a body of %zu bytes\n", a->status, r->direct->body.len);
        break;
    }
}


static void
add_member(nc_sb_t *out, const char *name, nc_str_t value)
{
    nc_sb_printf(out, ",\"%s\":", name);

    if (value.data != NULL) {
        nc_sb_json_str(out, value);
    } else {
        nc_sb_c_add(out, "null");
    }
}


void
nc_route_answer_json(const nc_route_answer_t *a, nc_sb_t *out)
{
    const nc_route_t  *r = a->match.route;

    nc_sb_printf(out, "{\"action\":\"%s\",\"status\":%u", a->action, a->status);
    add_member(out, "virtual_host", a->vhost);
    add_member(out, "route", a->route);
    add_member(out, "cluster", a->cluster);
    add_member(out, "host", a->host);
    add_member(out, "path", a->path);
    add_member(out, "location", a->location);
    add_member(out, "file", r != NULL && r->place.file != NULL ? nc_str_c(r->place.file)
                                                               : NC_STR_NULL);

    if (r != NULL) {
        nc_sb_printf(out, ",\"line\":%u,\"index\":%u", r->place.line, r->order);
    }

    if (r != NULL && r->forward != NULL) {
        nc_sb_printf(out, ",\"timeout_ms\":%" PRIu64 ",\"num_retries\":%u", r->forward->timeout_ms,
            r->forward->retry != NULL ? r->forward->retry->num_retries : 0);
    }

    nc_sb_char(out, '}');
}
