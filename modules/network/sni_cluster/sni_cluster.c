/* sni_cluster.c: the server name chooses the cluster of tcp_proxy. */
#include "net/acceptor.h"
#include "net/tls.h"

#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb-c.h"


static nc_verdict_t
on_connection(nc_net_filter_t *f)
{
    nc_str_t        name = f->c->facts->server_name;
    nc_tls_info_t  *tls = nc_tls_info(f->c);

    if (name.len == 0 && tls) {
        name = nc_tls_fact(tls, NC_TLS_FACT_SERVER_NAME);
    }

    if (name.len) {
        (void) nc_conn_fact_set(f->c, NC_STR_NULL, NC_STR("envoy.tcp_proxy.cluster"), name, false,
                                false);
    }

    return NC_NEXT;
}


static const nc_network_filter_ops_t  ops = {
    .on_connection = on_connection
};

extern const nc_module_t  nc_network_sni_cluster_module;

const nc_module_t  nc_network_sni_cluster_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.network.sni_cluster",
    .kind = NC_NETWORK_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__network__sni_cluster__v3__sni_cluster__descriptor,
    .network_filter = &ops
};
