/*
 * local_reply.h: the answers that Nuncio gives itself (HttpConnectionManager.local_reply_config):
 * mappers change status, body and headers, formats make the body; gRPC requests get theirs in
 * gRPC's way.
 */
#ifndef NC_HTTP_LOCAL_REPLY_H
#define NC_HTTP_LOCAL_REPLY_H

#include "base/compile.h"
#include "http/filter.h"

struct Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__LocalReplyConfig;

typedef struct nc_local_reply_s  nc_local_reply_t;

/* In cc->pool; `msg` NULL gives NULL. Errors are added to cc. */
const nc_local_reply_t *nc_local_reply_compile(nc_compile_t *cc,
    const struct Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__LocalReplyConfig
        *msg);

typedef void (*nc_reply_edit_t)(nc_stream_t *s, nc_headers_t *h, void *data);

/*
 * Headers of the answer; *body becomes what is to be sent, in the stream's memory. `edit` may add
 * headers before the mappers see them; NULL: nothing.
 */
nc_headers_t *nc_local_reply_make(nc_stream_t *s, unsigned status, nc_str_t *body,
    nc_reply_edit_t edit, void *data);

#endif
