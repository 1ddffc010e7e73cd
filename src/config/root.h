/*
 * root.h: the root of the configuration image: what a worker reaches everything else from. Each
 * publication has a new one; see config/image.h for how long it lives.
 */
#ifndef NC_CONFIG_ROOT_H
#define NC_CONFIG_ROOT_H

#include "net/listener.h"
#include "upstream/cluster.h"

/* Why responses end their connections. */
typedef enum {
    NC_DRAINING_FAILED = 1,                         /* /healthcheck/fail */
    NC_DRAINING_LISTENERS = 2                       /* /drain_listeners?graceful */
} nc_draining_t;

typedef struct nc_root_s {
    uint64_t                          generation;   /* of the config log */
    const nc_listener_conf_t *const  *listeners;    /* in order of configuration */
    uint32_t                          n_listeners;
    nc_cluster_table_t                clusters;
    nc_str_t                          node_id;
    nc_str_t                          node_cluster;
    uint32_t                          draining;     /* why: nc_draining_t bits; 0: it does not */
    uint64_t                          log_flush_ms; /* --file-flush-interval-msec */
    nc_filesystem_stats_t             filesystem;   /* filesystem.* */
    nc_listener_manager_stats_t       listener_manager;
    nc_server_stats_t                 server;       /* of memory: each process its share */
} nc_root_t;

#endif
