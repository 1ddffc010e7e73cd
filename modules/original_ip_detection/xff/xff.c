/* xff.c: the client's address from x-forwarded-for, by the number or the addresses of proxies. */
#include "http/cidr.h"
#include "http/manager.h"

#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb-c.h"

typedef struct {
    uint32_t    hops;
    bool        append;
    nc_cidrs_t  trusted;
} conf_t;


/* The last address that is no trusted proxy's; the first one when all are. */
static void
detect_untrusted(const conf_t *c, const nc_headers_t *request, nc_pool_t *pool, nc_peer_t *out)
{
    nc_str_t   xff;
    nc_addr_t  a;

    if (!nc_headers_joined(request, nc_header_names[NC_H_X_FORWARDED_FOR], pool, &xff)) {
        return;
    }

    for (;;) {
        nc_str_t  ip = nc_list_from_end(xff, 0);

        if (ip.len == 0 || ip.data[0] == '[' || nc_addr_parse_ip(&a, ip, 0) != NC_OK) {
            return;                             /* what stands before it cannot be trusted */
        }

        nc_peer_from(out, &a.sa, a.len);

        if (!nc_cidrs_have(&c->trusted, out)) {
            return;
        }

        while (xff.len > 0 && xff.data[xff.len - 1] != ',') {
            xff.len--;
        }

        if (xff.len == 0) {
            return;
        }
        xff.len--;
    }
}


static void
detect(const void *conf, const nc_headers_t *request, const nc_conn_info_t *conn,
    nc_pool_t *pool, nc_detected_ip_t *out)
{
    const conf_t  *c = conf;

    out->append_xff = c->append;

    if (c->trusted.n == 0) {
        (void) nc_xff_address(request, c->hops, pool, &out->remote, &out->alone);

    } else if (nc_cidrs_have(&c->trusted, &conn->remote)) {
        detect_untrusted(c, request, pool, &out->remote);
    }
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Http__OriginalIpDetection__Xff__V3__XffConfig  *m
        = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->hops = m->xff_num_trusted_hops;
    c->append = m->skip_xff_append && !m->skip_xff_append->value;

    if (m->xff_trusted_cidrs) {
        if (c->hops > 0) {
            nc_compile_error(cc, message, "xff_trusted_cidrs",
                             "cannot be set together with xff_num_trusted_hops");
            return NULL;
        }

        if (nc_cidrs_compile(cc, m->xff_trusted_cidrs->cidrs, m->xff_trusted_cidrs->n_cidrs,
                             &c->trusted))
        {
            return NULL;
        }
    }

    return c;
}


static const nc_ip_detection_ops_t  ops = { .detect = detect };

const nc_module_t  nc_original_ip_detection_xff_module = {
    NC_MODULE_HEAD,
    .name = "envoy.http.original_ip_detection.xff",
    .kind = NC_IP_DETECTION,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__http__original_ip_detection__xff__v3__xff_config__descriptor,
    .compile = compile,
    .ops = &ops
};
