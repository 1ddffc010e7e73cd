/*
 * manager.c: what the connection manager does to every request before the filters see it, and to
 * every response before the codec does: checks, path, addresses, x-forwarded-*, request id, route,
 * upgrade; server, date, via.
 *
 * Order for requests, as in Envoy: host and path are made canonical, then headers are mutated, then
 * the route is found; whatever looks at the request later sees the same bytes.
 */
#include "http/stream.h"

#include <time.h>

nc_str_t  nc_http_service_cluster = { "", 0 };
nc_str_t  nc_http_service_node = { "", 0 };

/* Headers that only trusted parties may send; an edge takes them out of external requests. */
static const nc_str_t  internal_headers[] = {
    NC_STR_INIT("x-envoy-retriable-status-codes"), NC_STR_INIT("x-envoy-retriable-header-names"),
    NC_STR_INIT("x-envoy-retry-on"), NC_STR_INIT("x-envoy-retry-grpc-on"),
    NC_STR_INIT("x-envoy-max-retries"), NC_STR_INIT("x-envoy-upstream-alt-stat-name"),
    NC_STR_INIT("x-envoy-upstream-rq-timeout-ms"),
    NC_STR_INIT("x-envoy-upstream-rq-per-try-timeout-ms"),
    NC_STR_INIT("x-envoy-upstream-rq-timeout-alt-response"),
    NC_STR_INIT("x-envoy-expected-rq-timeout-ms"), NC_STR_INIT("x-envoy-force-trace"),
    NC_STR_INIT("x-envoy-ip-tags"), NC_STR_INIT("x-envoy-original-url"),
    NC_STR_INIT("x-envoy-hedge-on-per-try-timeout"), NC_STR_INIT("x-envoy-decorator-operation"),
    NC_STR_INIT("x-envoy-internal"), NC_STR_INIT("x-envoy-external-address")
};


static void
refuse(nc_stream_t *s, unsigned status, nc_str_t body, const char *details)
{
    nc_stream_reply(s, status, body, details, NULL, NULL);
}


/* ---- host and path ---- */

static void
strip_port(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_header_t          *h = nc_headers_get(&s->request, NC_H_AUTHORITY);
    ssize_t               colon = -1;
    uint64_t              port;

    if (h == NULL || !(hcm->strip_any_port || hcm->strip_matching_port)) {
        return;
    }

    for (size_t i = h->value.len; i > 0 && h->value.data[i - 1] != ']'; i--) {
        if (h->value.data[i - 1] == ':') {
            colon = (ssize_t) i - 1;
            break;
        }
    }

    if (colon < 0 || nc_str_to_u64(nc_str_skip(h->value, (size_t) colon + 1), 65535, &port)) {
        return;
    }

    if (hcm->strip_any_port || port == nc_peer_port(&s->conn_info.local)) {
        h->value.len = (size_t) colon;
    }
}


static void
redirect_edit(nc_stream_t *s, nc_headers_t *h, void *data)
{
    (void) s;
    nc_headers_add_id(h, NC_H_LOCATION, *(nc_str_t *) data);
}


/* False: answered. */
static bool
normalize_path(nc_stream_t *s)
{
    nc_header_t  *h = nc_headers_get(&s->request, NC_H_PATH);
    nc_str_t      out;

    if (h == NULL || h->value.len == 0 || h->value.data[0] == '*') {
        return true;
    }

    if (h->value.data[0] != '/') {
        nc_counter_inc(s->hcm->stats.downstream_rq_non_relative_path);
        refuse(s, 404, NC_STR_NULL, "absolute_path_rejected");
        return false;
    }

    switch (nc_path_normalize(&s->hcm->path, h->value, &s->pool, &out)) {
    case NC_PATH_CONTINUE:
        if (out.data != h->value.data || out.len != h->value.len) {
            nc_headers_set_id(&s->request, NC_H_PATH, out);
        }
        return true;

    case NC_PATH_REDIRECT:
        nc_counter_inc(s->hcm->stats.downstream_rq_redirected_with_normalized_path);
        nc_stream_reply(s, 307, NC_STR_NULL, "path_normalization_failed", redirect_edit, &out);
        return false;

    case NC_PATH_REJECT_FRAGMENT:
        refuse(s, 400, NC_STR_NULL, "path_with_fragment_rejected");
        return false;

    default:
        nc_counter_inc(s->hcm->stats.downstream_rq_failed_path_normalization);
        refuse(s, 400, NC_STR_NULL, "path_normalization_failed");
        return false;
    }
}


/* ---- addresses ---- */

/* The `n`-th address from the end of x-forwarded-for (0: the last); data NULL: there is none. */
static nc_str_t
forwarded_address(nc_str_t xff, uint32_t n)
{
    while (xff.len > 0) {
        size_t  start = xff.len;

        while (start > 0 && xff.data[start - 1] != ',') {
            start--;
        }

        if (n-- == 0) {
            return nc_str_trim(nc_str_skip(xff, start));
        }

        xff.len = start ? start - 1 : 0;
    }

    return NC_STR_NULL;
}


static nc_str_t
peer_text(nc_stream_t *s, const nc_peer_t *p)
{
    char     *text = nc_pool_alloc(&s->pool, NC_ADDR_STRLEN);
    nc_sb_t   sb;

    nc_sb_fixed(&sb, text, NC_ADDR_STRLEN);
    nc_peer_print_ip(p, &sb);

    return nc_sb_str(&sb);
}


static void
append_xff(nc_stream_t *s)
{
    nc_str_t  old, self = peer_text(s, &s->conn_info.remote);
    nc_sb_t   sb;

    if (!nc_headers_joined(&s->request, nc_header_names[NC_H_X_FORWARDED_FOR], &s->pool, &old)) {
        nc_headers_add_id(&s->request, NC_H_X_FORWARDED_FOR, self);
        return;
    }

    nc_sb_fixed(&sb, nc_pool_alloc(&s->pool, old.len + self.len + 1), old.len + self.len + 1);
    nc_sb_str_add(&sb, old);
    nc_sb_char(&sb, ',');
    nc_sb_str_add(&sb, self);
    nc_headers_set_id(&s->request, NC_H_X_FORWARDED_FOR, nc_sb_str(&sb));
}


/* The peer that x-forwarded-for names `hops` places from its end becomes the remote address. */
static void
trust_xff(nc_stream_t *s, uint32_t hops)
{
    nc_str_t   xff, ip;
    nc_addr_t  a;

    if (!nc_headers_joined(&s->request, nc_header_names[NC_H_X_FORWARDED_FOR], &s->pool, &xff)) {
        return;
    }

    ip = forwarded_address(xff, hops);

    if (ip.data && nc_addr_parse_ip(&a, ip, 0) == NC_OK) {
        nc_peer_from(&s->info.remote, &a.sa, a.len);
    }
}


/* Finds the client's address; true when the request is an internal one. */
static bool
find_remote(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_str_t              xff = nc_headers_value(&s->request, NC_H_X_FORWARDED_FOR);
    bool                  alone = xff.data == NULL;

    if (hcm->use_remote_address) {
        if (hcm->xff_trusted_hops > 0) {
            trust_xff(s, hcm->xff_trusted_hops - 1);
        }

        if (!hcm->skip_xff_append) {
            append_xff(s);
        }

        return alone && nc_peer_is_internal(&s->info.remote);
    }

    trust_xff(s, hcm->xff_trusted_hops);

    return xff.data && nc_str_chr(xff, ',') < 0 && nc_peer_is_internal(&s->info.remote);
}


static void
clean_external(nc_stream_t *s)
{
    const nc_route_config_t  *rc = s->hcm->routes;

    for (size_t i = 0; i < NC_COUNTOF(internal_headers); i++) {
        nc_headers_del(&s->request, internal_headers[i]);
    }

    for (uint32_t i = 0; rc && i < rc->n_internal_only_headers; i++) {
        nc_headers_del(&s->request, rc->internal_only_headers[i]);
    }
}


static void
set_addresses(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_headers_t         *h = &s->request;
    nc_header_t          *proto;
    bool                  internal = find_remote(s);
    bool                  edge = !internal && hcm->use_remote_address;

    if (hcm->use_remote_address && hcm->xff_trusted_hops == 0) {
        nc_headers_set_id(h, NC_H_X_FORWARDED_PROTO, NC_STR("http"));

    } else if (nc_headers_get(h, NC_H_X_FORWARDED_PROTO) == NULL) {
        nc_headers_add_id(h, NC_H_X_FORWARDED_PROTO, nc_headers_value(h, NC_H_SCHEME));
    }

    proto = nc_headers_get(h, NC_H_X_FORWARDED_PROTO);

    if (proto && (nc_str_eq(proto->value, NC_STR("http"))
                  || nc_str_eq(proto->value, NC_STR("https"))))
    {
        nc_headers_set_id(h, NC_H_SCHEME, proto->value);
    }

    if (edge) {
        clean_external(s);
        nc_headers_set_id(h, NC_H_X_ENVOY_EXTERNAL_ADDRESS, peer_text(s, &s->info.remote));

    } else if (internal) {
        nc_headers_set_id(h, NC_H_X_ENVOY_INTERNAL, NC_STR("true"));
    }

    /* The id of an external client is not believed, unless configured so. */
    if (edge && hcm->generate_request_id && !hcm->preserve_request_id) {
        nc_headers_del_id(h, NC_H_X_REQUEST_ID);
    }
}


/* ---- identity ---- */

static void
set_request_id(nc_stream_t *s)
{
    static const char  digits[] = "0123456789abcdef";
    uint64_t           bits[2];
    uint8_t           *bytes = (uint8_t *) bits;
    char              *text;
    size_t             n = 0;

    if (!s->hcm->generate_request_id || nc_headers_get(&s->request, NC_H_X_REQUEST_ID)) {
        s->info.request_id = nc_headers_value(&s->request, NC_H_X_REQUEST_ID);
        return;
    }

    bits[0] = nc_random();
    bits[1] = nc_random();
    bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x40);    /* RFC 9562 section 5.4: version 4 */
    bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);
    text = nc_pool_alloc(&s->pool, 36);

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[n++] = '-';
        }

        text[n++] = digits[bytes[i] >> 4];
        text[n++] = digits[bytes[i] & 15];
    }

    s->info.request_id = nc_str(text, n);
    nc_headers_add_id(&s->request, NC_H_X_REQUEST_ID, s->info.request_id);
}


static void
append_via(nc_headers_t *h, nc_str_t via, nc_pool_t *pool)
{
    nc_str_t  old;
    nc_sb_t   sb;

    if (via.len == 0) {
        return;
    }

    if (!nc_headers_joined(h, nc_header_names[NC_H_VIA], pool, &old)) {
        nc_headers_add_id(h, NC_H_VIA, via);
        return;
    }

    nc_sb_fixed(&sb, nc_pool_alloc(pool, old.len + via.len + 2), old.len + via.len + 2);
    nc_sb_str_add(&sb, old);
    nc_sb_c_add(&sb, ", ");
    nc_sb_str_add(&sb, via);
    nc_headers_set_id(h, NC_H_VIA, nc_sb_str(&sb));
}


static void
set_user_agent(nc_stream_t *s)
{
    nc_headers_t  *h = &s->request;

    if (!s->hcm->add_user_agent) {
        return;
    }

    nc_headers_set(h, NC_STR("x-envoy-downstream-service-cluster"), nc_http_service_cluster);

    if (nc_headers_get(h, NC_H_USER_AGENT) == NULL) {
        nc_headers_add_id(h, NC_H_USER_AGENT, nc_http_service_cluster);
    }

    if (nc_http_service_node.len > 0) {
        nc_headers_set(h, NC_STR("x-envoy-downstream-service-node"), nc_http_service_node);
    }
}


/* ---- route, upgrade, 100-continue ---- */

static void
find_route(nc_stream_t *s)
{
    nc_route_request_t  rq = {
        .headers = &s->request,
        .random = s->random,
        .pool = &s->pool
    };

    s->has_route = nc_route_find(s->hcm->routes, &rq, &s->match) == NC_OK;
    s->no_route_details = "route_not_found";

    if (s->match.vhost) {
        s->info.vhost_name = s->match.vhost->name;
    }

    if (!s->has_route) {
        return;
    }

    s->info.route_name = s->match.route->name;

    if (s->match.route->forward && s->match.route->forward->idle_timeout_set) {
        nc_stream_deadline(s, NC_DEADLINE_IDLE, s->match.route->forward->idle_timeout_ms);
    }
}


/* Which filters take part: the route's word counts before the chain's. */
static void
switch_filters(nc_stream_t *s)
{
    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        const nc_http_filter_ref_t  *f = &s->hcm->filters[i];
        const nc_filter_conf_t      *c = NULL;

        if (s->has_route) {
            c = nc_route_filter_conf(&s->match, f->name);
        }

        s->filters[i].off = c && c->has_switch ? c->disabled : f->disabled;
    }
}


static const nc_upgrade_t *
find_upgrade(const nc_upgrade_t *list, uint32_t n, nc_str_t type)
{
    for (uint32_t i = 0; i < n; i++) {
        if (nc_str_caseeq(list[i].type, type)) {
            return &list[i];
        }
    }

    return NULL;
}


/* False: answered. The route's word counts before the connection manager's. */
static bool
check_upgrade(nc_stream_t *s)
{
    nc_str_t             type = nc_headers_value(&s->request, NC_H_UPGRADE);
    nc_str_t             method = nc_headers_value(&s->request, NC_H_METHOD);
    const nc_upgrade_t  *u = NULL;

    if (nc_str_eq(method, NC_STR("CONNECT"))) {
        type = NC_STR("CONNECT");

    } else if (!s->is_upgrade) {
        return true;
    }

    if (s->has_route && s->match.route->forward) {
        u = find_upgrade(s->match.route->forward->upgrades, s->match.route->forward->n_upgrades,
                         type);
    }

    if (u == NULL) {
        u = find_upgrade(s->hcm->upgrades, s->hcm->n_upgrades, type);
    }

    if (u && u->enabled) {
        s->is_upgrade = true;
        return true;
    }

    nc_counter_inc(s->hcm->stats.downstream_rq_ws_on_non_ws_route);
    s->no_reuse = true;
    refuse(s, 403, NC_STR_NULL, "upgrade_failed");

    return false;
}


static void
continue_100(nc_stream_t *s)
{
    nc_headers_t  *h;

    if (!s->expect_continue || s->hcm->proxy_100_continue) {
        return;
    }

    h = nc_pool_new(&s->pool, nc_headers_t);
    nc_headers_init(h, &s->pool);
    nc_headers_add_id(h, NC_H_STATUS, NC_STR("100"));
    nc_headers_del_id(&s->request, NC_H_EXPECT);
    s->expect_continue = false;
    nc_counter_inc(s->hcm->stats.downstream_rq_1xx);
    nc_stream_respond_informational(s, h);
}


bool
nc_manager_request(nc_stream_t *s)
{
    if (nc_headers_get(&s->request, NC_H_AUTHORITY) == NULL) {
        refuse(s, 400, NC_STR_NULL, "missing_host_header");
        return false;
    }

    strip_port(s);

    if (!normalize_path(s)) {
        return false;
    }

    set_addresses(s);
    set_request_id(s);
    append_via(&s->request, s->hcm->via, &s->pool);
    set_user_agent(s);
    find_route(s);
    switch_filters(s);

    if (!check_upgrade(s)) {
        return false;
    }

    continue_100(s);

    return true;
}


/* The Date field of this second (RFC 9110 section 5.6.7); one formatting per second. */
static nc_str_t
date_now(void)
{
    static char    text[32];
    static time_t  made;
    static size_t  len;
    time_t         now = (time_t) (nc_wall_us() / 1000000);

    if (now != made) {
        struct tm  tm;

        gmtime_r(&now, &tm);
        len = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        made = now;
    }

    return nc_str(text, len);
}


void
nc_manager_response(nc_stream_t *s, nc_headers_t *h)
{
    const nc_hcm_conf_t  *hcm = s->hcm;

    if (hcm->server_header == NC_SERVER_OVERWRITE) {
        nc_headers_set_id(h, NC_H_SERVER, hcm->server_name);

    } else if (hcm->server_header == NC_SERVER_APPEND_IF_ABSENT
               && nc_headers_get(h, NC_H_SERVER) == NULL)
    {
        nc_headers_add_id(h, NC_H_SERVER, hcm->server_name);
    }

    if (nc_headers_get(h, NC_H_DATE) == NULL) {
        nc_headers_add_id(h, NC_H_DATE, date_now());
    }

    append_via(h, hcm->via, &s->pool);

    if (hcm->request_id_in_response && s->info.request_id.len > 0) {
        nc_headers_set_id(h, NC_H_X_REQUEST_ID, s->info.request_id);
    }
}
