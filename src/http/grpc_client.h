/*
 * grpc_client.h: gRPC calls that Nuncio makes itself, unary or streaming, over any cluster that
 * speaks HTTP/2. For control planes, authorization, log and rate limit services.
 *
 *   nc_grpc_start ─► on_message ... ─► on_done
 *
 * Invariants:
 *  1. on_done is called once, and last; after nc_grpc_cancel nothing is called any more. No
 *     callback runs inside nc_grpc_start.
 *  2. Received messages are bounded (max_message); what waits for a connection is bounded by its
 *     sender: nc_grpc_backed_up.
 *  3. Runs in every process that has a loop, the pools of upstream/pool.h and nc_clusters.
 */
#ifndef NC_HTTP_GRPC_CLIENT_H
#define NC_HTTP_GRPC_CLIENT_H

#include "codec/headers.h"
#include "event/loop.h"
#include "http/grpc.h"
#include "net/buf.h"

typedef struct nc_grpc_call_s  nc_grpc_call_t;

/* Status codes of gRPC that are made here, beside those of http/grpc.h. */
enum {
    NC_GRPC_OK = 0,
    NC_GRPC_RESOURCE_EXHAUSTED = 8,
    NC_GRPC_UNIMPLEMENTED = 12,
    NC_GRPC_INTERNAL = 13,
    NC_GRPC_UNAVAILABLE = 14
};

typedef struct {
    /* Initial metadata; may be NULL. */
    void  (*on_headers)(nc_grpc_call_t *c, const nc_headers_t *h);

    /* A whole message; what is left in `message` is dropped. */
    void  (*on_message)(nc_grpc_call_t *c, nc_buf_t *message);

    /*
     * The end. `message` is grpc-message, decoded, or what went wrong here; `trailers` may be NULL.
     * Both live until the call is freed, which may happen in here.
     */
    void  (*on_done)(nc_grpc_call_t *c, unsigned status, nc_str_t message,
        const nc_headers_t *trailers);

    /* What was sent waits (true), or goes on (false); may be NULL. */
    void  (*on_backlog)(nc_grpc_call_t *c, bool slow);
} nc_grpc_ops_t;

/* What a call is made with; copied as far as it is needed longer. */
typedef struct {
    const nc_grpc_ops_t  *ops;
    void                 *owner;
    nc_str_t              cluster;
    nc_str_t              path;                 /* "/package.Service/Method" */
    nc_str_t              authority;            /* data NULL: the cluster's name */
    const nc_headers_t   *metadata;             /* initial metadata; NULL: none */
    uint64_t              timeout_ms;           /* of the whole call, and grpc-timeout; 0: none */
    uint32_t              max_message;          /* bytes of a received one; 0: 4 MiB */
} nc_grpc_params_t;

/*
 * Begins a call; NULL: it cannot be made now, *why is static text. The call is freed by
 * nc_grpc_free, never by itself.
 */
nc_grpc_call_t *nc_grpc_start(const nc_grpc_params_t *params, const char **why);

void *nc_grpc_owner(const nc_grpc_call_t *c);

/* One message; `end`: it is the last one. Dropped when the call is over. */
void nc_grpc_send(nc_grpc_call_t *c, const void *data, size_t len, bool end);

/* There are no more messages. */
void nc_grpc_end(nc_grpc_call_t *c);

/* More than a little of what was sent waits. */
bool nc_grpc_backed_up(const nc_grpc_call_t *c);

/* Ends the call now; fine when it is over. */
void nc_grpc_cancel(nc_grpc_call_t *c);

/* Cancels it if it runs; its memory goes at the end of the turn. NULL is fine. */
void nc_grpc_free(nc_grpc_call_t *c);

#endif
