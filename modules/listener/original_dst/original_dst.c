/* original_dst.c: the destination that a connection had before the kernel redirected it. */
#include "net/listener_filter.h"

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb-c.h"

#define ORIGINAL_DST    80                      /* SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST */


static nc_rc_t
on_accept(nc_listener_filter_t *f)
{
    struct sockaddr_storage  ss;
    socklen_t                len = sizeof(ss);
    nc_conn_t               *c = f->c;
    nc_peer_t                own, was;
    bool                     v6;

    nc_conn_local(c, &own);
    v6 = own.sa.sa_family == AF_INET6;

    if ((own.sa.sa_family != AF_INET && !v6)
        || getsockopt(c->ev.fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, ORIGINAL_DST, &ss, &len) == -1)
    {
        return NC_OK;
    }

    nc_peer_from(&was, (struct sockaddr *) &ss, len);

    if (!nc_ip_same(&was, &own) || nc_peer_port(&was) != nc_peer_port(&own)) {
        nc_conn_facts_t  *facts = nc_conn_facts(c);

        facts->local = was;
        facts->restored = true;
    }

    return NC_OK;
}


static const nc_listener_filter_ops_t  ops = {
    .on_accept = on_accept
};

extern const nc_module_t  nc_listener_original_dst_module;

const nc_module_t  nc_listener_original_dst_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.listener.original_dst",
    .kind = NC_LISTENER_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__listener__original_dst__v3__original_dst__descriptor,
    .listener_filter = &ops
};
