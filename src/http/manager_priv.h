/* manager_priv.h: the steps of nc_manager_request and nc_manager_response; called by manager.c. */
#ifndef NC_HTTP_MANAGER_PRIV_H
#define NC_HTTP_MANAGER_PRIV_H

#include "http/stream.h"

/* Answers and is false for callers that say so. */
void nc_manager_refuse(nc_stream_t *s, unsigned status, const char *details);

/* manager_target.c: path and host made canonical. False: answered. */
bool nc_manager_path(nc_stream_t *s);
void nc_manager_host(nc_stream_t *s);

/*
 * manager_address.c: the client's address, x-forwarded-*, scheme, internal or external, headers
 * that only internal requests may carry. False: answered.
 */
bool nc_manager_addresses(nc_stream_t *s);

/* manager_identity.c: x-request-id, via, user-agent, x-forwarded-client-cert. */
/* manager_xfcc.c */
void nc_manager_xfcc(nc_stream_t *s);

void nc_manager_identity(nc_stream_t *s);
void nc_manager_append_via(nc_headers_t *h, nc_str_t via, nc_pool_t *pool);

/* proxy_status.c: RFC 9209; may change the status. */
void nc_manager_proxy_status(nc_stream_t *s, nc_headers_t *h);

#endif
