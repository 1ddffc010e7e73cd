/* names.c: the groups of names.h. */
#include "stats/names.h"

NC_STATS_DEFINE(nc_listener_stats, NC_LISTENER_STATS)
NC_STATS_DEFINE(nc_listener_worker_stats, NC_LISTENER_WORKER_STATS)
NC_STATS_DEFINE(nc_listener_http_stats, NC_LISTENER_HTTP_STATS)
NC_STATS_DEFINE(nc_hcm_stats, NC_HCM_STATS)
NC_STATS_DEFINE(nc_router_stats, NC_ROUTER_STATS)
NC_STATS_DEFINE(nc_http1_codec_stats, NC_HTTP1_CODEC_STATS)
NC_STATS_DEFINE(nc_http2_codec_stats, NC_HTTP2_CODEC_STATS)
NC_STATS_DEFINE(nc_cluster_stats, NC_CLUSTER_STATS)
NC_STATS_DEFINE(nc_cluster_membership_stats, NC_CLUSTER_MEMBERSHIP_STATS)
NC_STATS_DEFINE(nc_cluster_lb_stats, NC_CLUSTER_LB_STATS)
NC_STATS_DEFINE(nc_circuit_breaker_stats, NC_CIRCUIT_BREAKER_STATS)
NC_STATS_DEFINE(nc_server_stats, NC_SERVER_STATS)
NC_STATS_DEFINE(nc_listener_manager_stats, NC_LISTENER_MANAGER_STATS)
NC_STATS_DEFINE(nc_cluster_manager_stats, NC_CLUSTER_MANAGER_STATS)
NC_STATS_DEFINE(nc_filesystem_stats, NC_FILESYSTEM_STATS)
NC_STATS_DEFINE(nc_route_stats, NC_ROUTE_STATS)
