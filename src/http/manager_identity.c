/* manager_identity.c: what says who sent a request and which one it is. */
#include "http/manager.h"
#include "http/manager_priv.h"

#define UUID_LEN        36u
#define UUID_VERSION    14u                     /* place of the version digit */

nc_str_t  nc_http_service_cluster = { "", 0 };
nc_str_t  nc_http_service_node = { "", 0 };


static nc_str_t
make_uuid(nc_pool_t *pool)
{
    static const char  digits[] = "0123456789abcdef";
    uint64_t           bits[2] = { nc_random(), nc_random() };
    uint8_t           *bytes = (uint8_t *) bits;
    char              *text = nc_pool_alloc(pool, UUID_LEN);
    size_t             n = 0;

    bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x40);    /* RFC 9562 section 5.4: version 4 */
    bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[n++] = '-';
        }

        text[n++] = digits[bytes[i] >> 4];
        text[n++] = digits[bytes[i] & 15];
    }

    return nc_str(text, n);
}


/* An id from outside is kept, but does not decide on tracing: the digit that says so is reset. */
static void
unpack(nc_stream_t *s)
{
    nc_header_t  *h = nc_headers_get(&s->request, NC_H_X_REQUEST_ID);
    nc_str_t      id;

    if (!s->hcm->pack_trace_reason || h->value.len != UUID_LEN
        || h->value.data[UUID_VERSION] == '4')
    {
        return;
    }

    id = nc_pool_str(&s->pool, h->value);
    ((char *) id.data)[UUID_VERSION] = '4';
    h->value = id;
}


static void
set_request_id(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    bool                  has = nc_headers_get(&s->request, NC_H_X_REQUEST_ID) != NULL;

    if (hcm->generate_request_id) {
        if (!has || (s->edge && !hcm->preserve_request_id)) {
            nc_headers_set_id(&s->request, NC_H_X_REQUEST_ID, make_uuid(&s->pool));

        } else if (s->edge) {
            unpack(s);
        }
    }

    s->info.request_id = nc_headers_value(&s->request, NC_H_X_REQUEST_ID);
}


void
nc_manager_append_via(nc_headers_t *h, nc_str_t via, nc_pool_t *pool)
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

    if (nc_headers_value(h, NC_H_USER_AGENT).len == 0) {
        nc_headers_set_id(h, NC_H_USER_AGENT, nc_http_service_cluster);
    }

    if (nc_http_service_node.len > 0) {
        nc_headers_set(h, NC_STR("x-envoy-downstream-service-node"), nc_http_service_node);
    }
}


void
nc_manager_identity(nc_stream_t *s)
{
    set_user_agent(s);
    nc_manager_append_via(&s->request, s->hcm->via, &s->pool);
    set_request_id(s);
    nc_manager_xfcc(s);
}
