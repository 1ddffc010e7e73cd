/* custom_header.c: the client's address from a header of its own. */
#include "http/manager.h"

#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb-c.h"

#define MESSAGE(name)  \
    envoy__extensions__http__original_ip_detection__custom_header__v3__##name

typedef struct {
    nc_str_t  name;                             /* lower case */
    bool      trusted;                          /* the address may make a request internal */
    uint16_t  reject;                           /* status when there is no address; 0: go on */
} conf_t;


static void
detect(const void *conf, const nc_headers_t *request, const nc_conn_info_t *conn,
    nc_pool_t *pool, nc_detected_ip_t *out)
{
    const conf_t  *c = conf;
    nc_header_t   *h;
    nc_addr_t      a;
    uint32_t       at = 0;

    (void) conn;
    (void) pool;
    h = nc_headers_find(request, c->name, &at);

    if (h == NULL || h->value.len == 0 || h->value.data[0] == '['
        || nc_addr_parse_ip(&a, h->value, 0) != NC_OK)
    {
        out->reject = c->reject;
        return;
    }

    nc_peer_from(&out->remote, &a.sa, a.len);
    out->alone = c->trusted;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Http__OriginalIpDetection__CustomHeader__V3__CustomHeaderConfig  *m
        = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);
    char    *lower;

    c->name = nc_pool_str(cc->pool, nc_str_c(m->header_name));
    lower = (char *) c->name.data;

    for (size_t i = 0; i < c->name.len; i++) {
        lower[i] = nc_lower(lower[i]);
    }

    c->trusted = m->allow_extension_to_set_address_as_trusted;

    if (m->reject_with_status) {
        int  code = (int) m->reject_with_status->code;

        c->reject = code >= 400 && code < 600 ? (uint16_t) code : 403;
    }

    return c;
}


static const nc_ip_detection_ops_t  ops = { .detect = detect };

const nc_module_t  nc_original_ip_detection_custom_header_module = {
    NC_MODULE_HEAD,
    .name = "envoy.http.original_ip_detection.custom_header",
    .kind = NC_IP_DETECTION,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &MESSAGE(custom_header_config__descriptor),
    .compile = compile,
    .ops = &ops
};
