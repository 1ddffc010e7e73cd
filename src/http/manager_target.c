/*
 * manager_target.c: path and host of a request made canonical, once, before any policy or route
 * looks at them.
 */
#include "http/manager_priv.h"


static void
redirect_edit(nc_stream_t *s, nc_headers_t *h, void *data)
{
    (void) s;
    nc_headers_add_id(h, NC_H_LOCATION, *(nc_str_t *) data);
}


bool
nc_manager_path(nc_stream_t *s)
{
    nc_header_t  *h = nc_headers_get(&s->request, NC_H_PATH);
    nc_str_t      out;

    if (h == NULL || h->value.len == 0 || h->value.data[0] == '*') {
        return true;
    }

    if (h->value.data[0] != '/') {
        nc_counter_inc(s->hcm->stats.downstream_rq_non_relative_path);
        nc_manager_refuse(s, 404, "absolute_path_rejected");
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
        nc_manager_refuse(s, 400, "path_with_fragment_rejected");
        return false;

    default:
        nc_counter_inc(s->hcm->stats.downstream_rq_failed_path_normalization);
        nc_manager_refuse(s, 400, "path_normalization_failed");
        return false;
    }
}


/* Where the colon of a port stands; -1: there is none. */
static ssize_t
port_colon(nc_str_t host)
{
    for (size_t i = host.len; i > 0 && host.data[i - 1] != ']'; i--) {
        if (host.data[i - 1] == ':') {
            return (ssize_t) i - 1;
        }
    }

    return -1;
}


/* "a.example.:80" becomes "a.example:80". */
static void
strip_dot(nc_stream_t *s, nc_header_t *h)
{
    ssize_t   colon = port_colon(h->value);
    size_t    end = colon < 0 ? h->value.len : (size_t) colon;
    char     *out;

    if (end < 2 || h->value.data[end - 1] != '.') {
        return;
    }

    if (colon < 0) {
        h->value.len--;
        return;
    }

    out = nc_pool_alloc(&s->pool, h->value.len - 1);
    memcpy(out, h->value.data, end - 1);
    memcpy(out + end - 1, h->value.data + end, h->value.len - end);
    h->value = nc_str(out, h->value.len - 1);
}


static void
strip_port(nc_stream_t *s, nc_header_t *h)
{
    ssize_t   colon = port_colon(h->value);
    uint64_t  port;

    if (colon < 0 || nc_str_to_u64(nc_str_skip(h->value, (size_t) colon + 1), 65535, &port)) {
        return;
    }

    if (s->hcm->strip_any_port || port == nc_peer_port(&s->conn_info.local)) {
        h->value.len = (size_t) colon;
    }
}


void
nc_manager_host(nc_stream_t *s)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_header_t          *h = nc_headers_get(&s->request, NC_H_AUTHORITY);

    if (hcm->strip_dot) {
        strip_dot(s, h);
    }

    if (hcm->strip_any_port || hcm->strip_matching_port) {
        strip_port(s, h);
    }
}
