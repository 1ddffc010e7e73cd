/* route_check.c: see route_check.h; what the command line and the admin interface share. */
#include "process/route_check.h"

#define HCM             "envoy.filters.network.http_connection_manager"
#define SOURCE_DEFAULT  NC_STR("192.0.2.1")


static nc_str_t
lower(nc_pool_t *pool, nc_str_t s)
{
    char  *p = nc_pool_alloc(pool, s.len + 1);

    for (size_t i = 0; i < s.len; i++) {
        p[i] = nc_lower(s.data[i]);
    }

    return nc_str(p, s.len);
}


/* "https://host/path" or "host:443" of a CONNECT. */
static nc_rc_t
add_target(nc_headers_t *h, nc_str_t method, nc_str_t target, nc_sb_t *why)
{
    ssize_t   at = nc_str_find(target, NC_STR("://"));
    nc_str_t  scheme, host, path;

    if (at < 0 && nc_str_eq(method, NC_STR("CONNECT")) && target.len > 0) {
        nc_headers_add_id(h, NC_H_AUTHORITY, target);
        return NC_OK;
    }

    scheme = at > 0 ? nc_str(target.data, (size_t) at) : NC_STR("");

    if (!nc_str_eq(scheme, NC_STR("http")) && !nc_str_eq(scheme, NC_STR("https"))) {
        nc_sb_printf(why, "\"" NC_STR_FMT "\" is no URL that begins with http:// or https://",
            NC_STR_ARG(target));
        return NC_ERROR;
    }

    host = nc_str_skip(target, (size_t) at + 3);
    path = host;

    for (host.len = 0; host.len < path.len && !strchr("/?#", host.data[host.len]); host.len++) {
        continue;
    }

    path = nc_str_skip(path, host.len);
    nc_headers_add_id(h, NC_H_SCHEME, scheme);
    nc_headers_add_id(h, NC_H_AUTHORITY, host);
    nc_headers_add_id(h, NC_H_PATH, path.len > 0 ? path : NC_STR("/"));
    nc_headers_add_id(h, NC_H_X_FORWARDED_PROTO, scheme);

    return NC_OK;
}


nc_rc_t
nc_check_request_parse(const nc_check_request_t *q, nc_pool_t *pool, nc_headers_t *h,
    nc_sb_t *why)
{
    ssize_t    blank = nc_str_chr(q->line, ' ');
    nc_str_t   method = blank > 0 ? nc_str(q->line.data, (size_t) blank) : NC_STR("GET");
    nc_str_t   target = blank > 0 ? nc_str_trim(nc_str_skip(q->line, (size_t) blank)) : q->line;
    nc_addr_t  a;

    nc_headers_init(h, pool);
    nc_headers_add_id(h, NC_H_METHOD, method);

    if (add_target(h, method, target, why) != NC_OK) {
        return NC_ERROR;
    }

    for (size_t i = 0; i < q->headers.n; i++) {
        nc_str_t  line = q->headers.items[i], name, value;
        ssize_t   colon = line.len > 0 ? nc_str_chr(nc_str_skip(line, 1), ':') : -1;

        name = colon < 0 ? NC_STR("") : lower(pool, nc_str(line.data, (size_t) colon + 1));
        value = colon < 0 ? NC_STR("") : nc_str_trim(nc_str_skip(line, name.len + 1));

        if (nc_str_eq(name, NC_STR("host"))) {
            nc_headers_set_id(h, NC_H_AUTHORITY, value);
        } else if (nc_header_name_valid(name) && nc_header_value_valid(value)) {
            nc_headers_add(h, name, value);
        } else {
            nc_sb_printf(why, "\"" NC_STR_FMT "\" is no header of the form \"name: value\"",
                NC_STR_ARG(line));
            return NC_ERROR;
        }
    }

    if (q->source.data != NULL && nc_addr_parse_ip(&a, q->source, 0) != NC_OK) {
        nc_sb_printf(why, "\"" NC_STR_FMT "\" is no IP address", NC_STR_ARG(q->source));
        return NC_ERROR;
    }

    return NC_OK;
}


static void
fill_info(const nc_check_request_t *q, const nc_listener_conf_t *l, const nc_headers_t *h,
    nc_conn_info_t *conn, nc_http_info_t *info)
{
    nc_addr_t  source;

    (void) nc_addr_parse_ip(&source, q->source.data ? q->source : SOURCE_DEFAULT, 40000);
    *conn = (nc_conn_info_t) {
        .id = 1,
        .listener = l->ctx.name,
        .is_tls = nc_str_eq(nc_headers_value(h, NC_H_SCHEME), NC_STR("https"))
    };
    nc_peer_from(&conn->remote, &source.sa, source.len);
    conn->direct_remote = conn->remote;
    nc_peer_from(&conn->local, &l->addr.sa, l->addr.len);

    if (conn->is_tls) {
        nc_str_t  host = nc_headers_value(h, NC_H_AUTHORITY);
        ssize_t   colon = nc_str_chr(host, ':');

        conn->requested_server_name = colon < 0 ? host : nc_str(host.data, (size_t) colon);
    }

    *info = (nc_http_info_t) { .remote = conn->remote, .conn = conn };
}


static void
ask(const nc_check_request_t *q, const nc_listener_conf_t *l, const nc_filter_chain_t *chain,
    const nc_hcm_conf_t *hcm, nc_pool_t *pool, nc_check_answer_fn *fn, void *ctx)
{
    nc_sb_t             text;
    nc_headers_t        h;
    nc_conn_info_t      conn;
    nc_http_info_t      info;
    nc_check_answer_t   a = { .listener = l->ctx.name, .chain = chain->name };
    nc_route_request_t  rq = { &h, q->random, false, pool, &info };

    nc_sb_init(&text);
    (void) nc_check_request_parse(q, pool, &h, &text);
    fill_info(q, l, &h, &conn, &info);
    rq.is_tls = conn.is_tls;

    if (!nc_route_prepare(hcm, &conn, &h, pool, &text)) {
        a.refused = nc_pool_str(pool, nc_sb_str(&text));
        a.answer.action = "none";

    } else {
        nc_route_explain(hcm->routes, &rq, &text);
        a.story = nc_pool_str(pool, nc_sb_str(&text));
        nc_route_answer(hcm->routes, &rq, &h, &a.answer);
    }

    nc_sb_fini(&text);
    fn(ctx, &a);
}


static void
ask_chain(const nc_check_request_t *q, const nc_listener_conf_t *l, const nc_filter_chain_t *chain,
    nc_pool_t *pool, nc_check_answer_fn *fn, void *ctx)
{
    for (uint32_t i = 0; i < chain->n_filters; i++) {
        const nc_filter_ref_t  *f = &chain->filters[i];

        if (f->module != NULL && strcmp(f->module->name, HCM) == 0) {
            const nc_hcm_conf_t  *hcm = f->conf;

            if (hcm->routes != NULL) {
                ask(q, l, chain, hcm, pool, fn, ctx);
            }
        }
    }
}


void
nc_check_listener(const nc_check_request_t *q, const nc_listener_conf_t *l, nc_pool_t *pool,
    nc_check_answer_fn *fn, void *ctx)
{
    bool  seen_default = false;

    if (q->listener.data != NULL && !nc_str_eq(q->listener, l->ctx.name)) {
        return;
    }

    for (uint32_t i = 0; i < l->n_chains; i++) {
        ask_chain(q, l, &l->chains[i], pool, fn, ctx);
        seen_default = seen_default || l->default_chain == &l->chains[i];
    }

    if (l->default_chain != NULL && !seen_default) {
        ask_chain(q, l, l->default_chain, pool, fn, ctx);
    }
}


void
nc_check_answer_print(const nc_check_answer_t *a, nc_sb_t *out)
{
    nc_sb_printf(out, "listener \"" NC_STR_FMT "\"", NC_STR_ARG(a->listener));

    if (a->chain.len > 0) {
        nc_sb_printf(out, ", filter chain \"" NC_STR_FMT "\"", NC_STR_ARG(a->chain));
    }

    nc_sb_char(out, '\n');

    if (a->refused.data != NULL) {
        nc_sb_printf(out, "  answers " NC_STR_FMT "\n", NC_STR_ARG(a->refused));
        return;
    }

    nc_sb_str_add(out, a->story);
    nc_route_answer_print(&a->answer, out);
}


void
nc_check_answer_json(const nc_check_answer_t *a, nc_sb_t *out)
{
    nc_sb_c_add(out, "{\"listener\":");
    nc_sb_json_str(out, a->listener);
    nc_sb_c_add(out, ",\"filter_chain\":");
    nc_sb_json_str(out, a->chain);

    if (a->refused.data != NULL) {
        nc_sb_c_add(out, ",\"refused\":");
        nc_sb_json_str(out, a->refused);
        nc_sb_char(out, '}');
        return;
    }

    nc_sb_c_add(out, ",\"story\":");
    nc_sb_json_str(out, a->story);
    nc_sb_c_add(out, ",\"answer\":");
    nc_route_answer_json(&a->answer, out);
    nc_sb_char(out, '}');
}
