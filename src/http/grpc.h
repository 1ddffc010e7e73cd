/* grpc.h: what the connection manager knows of gRPC: status codes in and beside HTTP. */
#ifndef NC_HTTP_GRPC_H
#define NC_HTTP_GRPC_H

#include "http/info.h"

#define NC_GRPC_UNKNOWN             2u
#define NC_GRPC_DEADLINE_EXCEEDED   4u

/* True when the request is one of gRPC by its content-type. */
bool nc_grpc_is_request(const nc_headers_t *h);

/* The status for a response that says none (gRPC's "HTTP to gRPC Status Code Mapping"). */
unsigned nc_grpc_of_http(unsigned status);

/* grpc-status of trailers or headers, or that of the HTTP status; UNKNOWN without a response. */
uint64_t nc_grpc_status_of(const nc_http_view_t *view);

/* Appends a grpc-message: bytes outside of ' ' to '~', and '%', as escapes. */
void nc_grpc_message_print(nc_str_t text, nc_sb_t *out);

#endif
