/*
 * manager_address.c: whose request it is: the client's address, x-forwarded-for, -proto and -port,
 * the scheme, and what an external client may not say of itself.
 *
 * A request is internal when its address is in internal_address_config and it came straight from
 * there: use_remote_address and no x-forwarded-for, or without it a single address in that header.
 */
#include "http/manager.h"
#include "http/manager_priv.h"

#define ENVOY_PREFIX    "x-envoy-"

/* Headers that only internal requests may carry. */
static const nc_str_t  internal_headers[] = {
    NC_STR_INIT("x-envoy-retriable-status-codes"), NC_STR_INIT("x-envoy-retriable-header-names"),
    NC_STR_INIT("x-envoy-retry-on"), NC_STR_INIT("x-envoy-retry-grpc-on"),
    NC_STR_INIT("x-envoy-max-retries"), NC_STR_INIT("x-envoy-upstream-alt-stat-name"),
    NC_STR_INIT("x-envoy-upstream-rq-timeout-ms"),
    NC_STR_INIT("x-envoy-upstream-rq-per-try-timeout-ms"),
    NC_STR_INIT("x-envoy-upstream-rq-timeout-alt-response"),
    NC_STR_INIT("x-envoy-expected-rq-timeout-ms"), NC_STR_INIT("x-envoy-force-trace"),
    NC_STR_INIT("x-envoy-ip-tags"), NC_STR_INIT("x-envoy-original-url"),
    NC_STR_INIT("x-envoy-hedge-on-per-try-timeout"), NC_STR_INIT("x-envoy-internal")
};

/* Headers that, besides, no client at the edge may send. */
static const nc_str_t  edge_headers[] = {
    NC_STR_INIT("x-envoy-decorator-operation"), NC_STR_INIT("x-envoy-downstream-service-cluster"),
    NC_STR_INIT("x-envoy-downstream-service-node"), NC_STR_INIT("x-envoy-original-path"),
    NC_STR_INIT("x-envoy-original-host")
};


nc_str_t
nc_list_from_end(nc_str_t list, uint32_t n)
{
    for (;;) {
        size_t  start = list.len;

        while (start > 0 && list.data[start - 1] != ',') {
            start--;
        }

        if (n-- == 0) {
            return nc_str_trim(nc_str_skip(list, start));
        }

        if (start == 0) {
            return NC_STR_NULL;
        }

        list.len = start - 1;
    }
}


bool
nc_xff_address(const nc_headers_t *request, uint32_t skip, nc_pool_t *pool, nc_peer_t *out,
    bool *alone)
{
    nc_str_t   xff, ip;
    nc_addr_t  a;

    if (!nc_headers_joined(request, nc_header_names[NC_H_X_FORWARDED_FOR], pool, &xff)) {
        return false;
    }

    ip = nc_list_from_end(xff, skip);

    if (ip.len == 0 || ip.data[0] == '[' || nc_addr_parse_ip(&a, ip, 0) != NC_OK) {
        return false;
    }

    nc_peer_from(out, &a.sa, a.len);

    if (alone) {
        *alone = skip == 0 && nc_str_chr(xff, ',') < 0;
    }

    return true;
}


static nc_str_t
peer_text(nc_stream_t *s, const nc_peer_t *p)
{
    char     *text = nc_pool_alloc(&s->pool, NC_ADDR_STRLEN);
    nc_sb_t   sb;

    nc_sb_fixed(&sb, text, NC_ADDR_STRLEN);

    if (s->hcm->mapped_ipv6 && p->sa.sa_family == AF_INET) {
        nc_sb_c_add(&sb, "::FFFF:");
    }

    nc_peer_print_ip(p, &sb);

    return nc_sb_str(&sb);
}


/* Our peer at the end of x-forwarded-for; one without an IP address has no place there. */
static void
append_xff(nc_stream_t *s)
{
    nc_str_t  old, self;
    nc_sb_t   sb;

    if (s->conn_info.remote.sa.sa_family != AF_INET
        && s->conn_info.remote.sa.sa_family != AF_INET6)
    {
        return;
    }

    self = peer_text(s, &s->conn_info.remote);

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


/* By the extensions, in order, until one finds an address. False: answered. */
static bool
detect(nc_stream_t *s, bool *alone)
{
    const nc_hcm_conf_t  *hcm = s->hcm;

    for (uint32_t i = 0; i < hcm->n_ip_detections; i++) {
        const nc_ip_detection_ops_t  *ops = hcm->ip_detections[i].module->ops;
        nc_detected_ip_t              found = { 0 };

        ops->detect(hcm->ip_detections[i].conf, &s->request, &s->conn_info, &s->pool, &found);

        if (found.reject) {
            nc_counter_inc(hcm->stats.downstream_rq_rejected_via_ip_detection);
            nc_manager_refuse(s, found.reject, "rejecting_because_detection_failed");
            return false;
        }

        if (found.remote.sa.sa_family) {
            s->info.remote = found.remote;
            *alone = found.alone;

            if (found.append_xff) {
                append_xff(s);
            }
            break;
        }
    }

    return true;
}


/* Finds the client's address; *alone: it may be an internal one. False: answered. */
static bool
find_remote(nc_stream_t *s, bool *alone)
{
    const nc_hcm_conf_t  *hcm = s->hcm;

    if (hcm->n_ip_detections > 0) {
        return detect(s, alone);
    }

    if (!hcm->use_remote_address) {
        (void) nc_xff_address(&s->request, hcm->xff_trusted_hops, &s->pool, &s->info.remote,
                              alone);
        return true;
    }

    *alone = nc_headers_get(&s->request, NC_H_X_FORWARDED_FOR) == NULL;

    if (hcm->xff_trusted_hops > 0) {
        (void) nc_xff_address(&s->request, hcm->xff_trusted_hops - 1, &s->pool, &s->info.remote,
                              NULL);
    }

    if (!hcm->skip_xff_append) {
        append_xff(s);
    }

    return true;
}


static bool
is_internal(const nc_hcm_conf_t *hcm, const nc_peer_t *p)
{
    if (p->sa.sa_family == AF_INET || p->sa.sa_family == AF_INET6) {
        return nc_cidrs_have(&hcm->internal, p);
    }

    return hcm->internal_unix;
}


static bool
is_one_of(nc_str_t name, const nc_str_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (nc_str_eq(name, list[i])) {
            return true;
        }
    }

    return false;
}


static void
clean_external(nc_stream_t *s, bool edge)
{
    const nc_route_config_t  *rc = s->hcm->routes;
    const size_t              prefix = sizeof(ENVOY_PREFIX) - 1;

    nc_headers_each (&s->request, h) {
        if (h->name.len > prefix && h->name.data[0] == 'x'
            && memcmp(h->name.data, ENVOY_PREFIX, prefix) == 0
            && (is_one_of(h->name, internal_headers, NC_COUNTOF(internal_headers))
                || (edge && is_one_of(h->name, edge_headers, NC_COUNTOF(edge_headers)))))
        {
            nc_headers_del_at(&s->request, h);
        }
    }

    for (uint32_t i = 0; rc && i < rc->n_internal_only_headers; i++) {
        nc_headers_del(&s->request, rc->internal_only_headers[i]);
    }
}


static void
set_port(nc_stream_t *s)
{
    uint16_t   port = nc_peer_port(&s->conn_info.local);
    char      *digits;

    if (port) {
        digits = nc_pool_alloc(&s->pool, 24);
        nc_headers_set_id(&s->request, NC_H_X_FORWARDED_PORT,
                          nc_str(digits, nc_u64_format(digits, port)));
    }
}


/* x-forwarded-proto and -port, which only a trusted proxy before us may have set; the scheme. */
static void
set_forwarded(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_headers_t         *h = &s->request;
    nc_str_t              proto;
    bool                  untrusted = hcm->use_remote_address && hcm->xff_trusted_hops == 0;

    proto = untrusted ? NC_STR_NULL : nc_headers_value(h, NC_H_X_FORWARDED_PROTO);

    if (proto.data == NULL) {
        proto = s->conn_info.is_tls ? NC_STR("https") : NC_STR("http");
        nc_headers_set_id(h, NC_H_X_FORWARDED_PROTO, proto);
    }

    if (hcm->append_port && (untrusted || nc_headers_get(h, NC_H_X_FORWARDED_PORT) == NULL)) {
        set_port(s);
    }

    if (hcm->scheme.len > 0) {
        nc_headers_set_id(h, NC_H_SCHEME, hcm->scheme);
        nc_headers_set_id(h, NC_H_X_FORWARDED_PROTO, hcm->scheme);

    } else if (nc_str_eq(proto, NC_STR("http")) || nc_str_eq(proto, NC_STR("https"))) {
        nc_headers_set_id(h, NC_H_SCHEME, proto);
    }
}


bool
nc_manager_addresses(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    bool                  alone = false;

    if (!find_remote(s, &alone)) {
        return false;
    }

    set_forwarded(s);
    s->internal = alone && is_internal(hcm, &s->info.remote);
    s->edge = !s->internal && hcm->use_remote_address;

    if (s->internal) {
        nc_headers_set_id(&s->request, NC_H_X_ENVOY_INTERNAL, NC_STR("true"));
        return true;
    }

    clean_external(s, s->edge);

    if (s->edge && s->info.remote.sa.sa_family != AF_UNIX && s->info.remote.sa.sa_family) {
        nc_headers_set_id(&s->request, NC_H_X_ENVOY_EXTERNAL_ADDRESS,
                          peer_text(s, &s->info.remote));
    }

    return true;
}
