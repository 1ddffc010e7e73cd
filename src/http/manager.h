/*
 * manager.h: what modules can do to a request before the connection manager's own work: find the
 * client's address, change headers; and the shape of a request id.
 */
#ifndef NC_HTTP_MANAGER_H
#define NC_HTTP_MANAGER_H

#include "base/module.h"
#include "http/info.h"

/* What an original IP detection made of a request. */
typedef struct {
    nc_peer_t  remote;                          /* family 0: nothing found */
    bool       alone;                           /* the address may make the request internal */
    bool       append_xff;                      /* our peer is to be added to x-forwarded-for */
    uint16_t   reject;                          /* status to answer; 0: go on */
} nc_detected_ip_t;

/* Operations of NC_IP_DETECTION; *out is zeroed. */
typedef struct nc_ip_detection_ops_s {
    void (*detect)(const void *conf, const nc_headers_t *request, const nc_conn_info_t *conn,
        nc_pool_t *pool, nc_detected_ip_t *out);
} nc_ip_detection_ops_t;

/* Operations of NC_EARLY_MUTATION. */
typedef struct nc_early_mutation_ops_s {
    void (*mutate)(const void *conf, nc_headers_t *request, const nc_http_view_t *view,
        nc_pool_t *pool);
} nc_early_mutation_ops_t;

/* What a module of kind NC_REQUEST_ID compiles to. */
typedef struct nc_request_id_conf_s {
    bool  pack_trace_reason;                    /* the version digit tells why it is traced */
} nc_request_id_conf_t;

/*
 * The address `skip` places from the end of x-forwarded-for (0: the last); *alone (may be NULL)
 * tells whether the header has no other. False: there is none, or it is no IP address.
 */
bool nc_xff_address(const nc_headers_t *request, uint32_t skip, nc_pool_t *pool, nc_peer_t *out,
    bool *alone);

/* The n-th element of a comma-separated list from its end, trimmed; data NULL: it has none. */
nc_str_t nc_list_from_end(nc_str_t list, uint32_t n);

#endif
