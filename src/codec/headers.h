/*
 * headers.h: the headers of one message, in order, repeated ones kept. Request pseudo-headers
 * (:method, :path, :authority, :scheme) and :status are entries like the others, as in Envoy.
 *
 * Invariants:
 *  1. Names are lower case. Known names carry their id; a known name never stands without it.
 *  2. Bytes belong to the message's pool, to a block that the message holds, or are static.
 *  3. first[id] is the index + 1 of the first live entry with that id; 0 when there is none.
 *  4. A removed entry stays as a hole (name.data == NULL); walk with nc_headers_each.
 */
#ifndef NC_CODEC_HEADERS_H
#define NC_CODEC_HEADERS_H

#include "base/pool.h"

/* Known header names: id, name. Ids are internal and may change from build to build. */
#define NC_HEADER_IDS(X)  \
    X(METHOD, ":method") X(PATH, ":path") X(AUTHORITY, ":authority") X(SCHEME, ":scheme")  \
    X(STATUS, ":status") X(PROTOCOL, ":protocol")  \
    X(CONNECTION, "connection") X(KEEP_ALIVE, "keep-alive")  \
    X(PROXY_CONNECTION, "proxy-connection") X(TRANSFER_ENCODING, "transfer-encoding")  \
    X(UPGRADE, "upgrade") X(TE, "te") X(TRAILER, "trailer") X(HTTP2_SETTINGS, "http2-settings")  \
    X(CONTENT_LENGTH, "content-length") X(CONTENT_TYPE, "content-type")  \
    X(CONTENT_ENCODING, "content-encoding") X(HOST, "host") X(EXPECT, "expect")  \
    X(DATE, "date") X(SERVER, "server") X(USER_AGENT, "user-agent") X(REFERER, "referer")  \
    X(ACCEPT, "accept") X(ACCEPT_ENCODING, "accept-encoding") X(COOKIE, "cookie")  \
    X(SET_COOKIE, "set-cookie") X(LOCATION, "location") X(VIA, "via") X(ORIGIN, "origin")  \
    X(AUTHORIZATION, "authorization") X(CACHE_CONTROL, "cache-control") X(ETAG, "etag")  \
    X(LAST_MODIFIED, "last-modified") X(VARY, "vary") X(RETRY_AFTER, "retry-after")  \
    X(GRPC_STATUS, "grpc-status") X(GRPC_MESSAGE, "grpc-message")  \
    X(GRPC_TIMEOUT, "grpc-timeout")  \
    X(X_FORWARDED_FOR, "x-forwarded-for") X(X_FORWARDED_PROTO, "x-forwarded-proto")  \
    X(X_FORWARDED_HOST, "x-forwarded-host") X(X_FORWARDED_PORT, "x-forwarded-port")  \
    X(X_REQUEST_ID, "x-request-id")  \
    X(X_ENVOY_EXTERNAL_ADDRESS, "x-envoy-external-address")  \
    X(X_ENVOY_INTERNAL, "x-envoy-internal")  \
    X(X_ENVOY_ORIGINAL_PATH, "x-envoy-original-path")  \
    X(X_ENVOY_ORIGINAL_HOST, "x-envoy-original-host")  \
    X(X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, "x-envoy-expected-rq-timeout-ms")  \
    X(X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS, "x-envoy-upstream-rq-timeout-ms")  \
    X(X_ENVOY_UPSTREAM_SERVICE_TIME, "x-envoy-upstream-service-time")  \
    X(X_ENVOY_ATTEMPT_COUNT, "x-envoy-attempt-count")  \
    X(X_ENVOY_RETRY_ON, "x-envoy-retry-on") X(X_ENVOY_MAX_RETRIES, "x-envoy-max-retries")  \
    X(X_ENVOY_OVERLOADED, "x-envoy-overloaded")

typedef enum {
    NC_H_OTHER = 0,
#define X(id, name)  NC_H_##id,
    NC_HEADER_IDS(X)
#undef X
    NC_H_MAX
} nc_header_id_t;

typedef struct {
    nc_str_t        name;                       /* data NULL: removed */
    nc_str_t        value;
    nc_header_id_t  id;
} nc_header_t;

/* Names as they were received, of those that were not all lower case. */
typedef struct nc_header_cases_s {
    nc_str_t  *names;
    uint32_t   n;
    uint32_t   cap;
} nc_header_cases_t;

typedef struct {
    nc_header_t  *items;
    uint32_t      n;                            /* holes included */
    uint32_t      cap;
    uint32_t      bytes;                        /* names + values of live entries */
    uint32_t      live;                         /* entries that are not holes */
    nc_pool_t    *pool;
    nc_header_cases_t  *cases;                  /* NULL: not kept (nc_h1_options_t.keep_case) */
    uint16_t      first[NC_H_MAX];
} nc_headers_t;

/* Canonical (lower-case) name of a known id. */
extern const nc_str_t  nc_header_names[NC_H_MAX];

/* Id of a lower-case name; NC_H_OTHER when it is not a known one. */
nc_header_id_t nc_header_id(nc_str_t lower_name);

/* Empty headers whose entries are taken from `pool`. */
void nc_headers_init(nc_headers_t *h, nc_pool_t *pool);

/* Appends; bytes are not copied (see invariant 2). `name` is lower case. */
void nc_headers_add(nc_headers_t *h, nc_str_t name, nc_str_t value);

/* Appends a known name; the value's bytes are not copied. */
void nc_headers_add_id(nc_headers_t *h, nc_header_id_t id, nc_str_t value);

/* First value of a known name as entry, or NULL. The pointer holds until the next addition. */
static inline nc_header_t *
nc_headers_get(const nc_headers_t *h, nc_header_id_t id)
{
    return h->first[id] ? &h->items[h->first[id] - 1] : NULL;
}

/* Value of the first entry of a known name; data NULL when there is none. */
static inline nc_str_t
nc_headers_value(const nc_headers_t *h, nc_header_id_t id)
{
    return h->first[id] ? h->items[h->first[id] - 1].value : NC_STR_NULL;
}

/*
 * First entry with this lower-case name at index >= *at, or NULL; *at becomes its index + 1. To see
 * every value of a repeated header start with *at = 0 and call until NULL.
 */
nc_header_t *nc_headers_find(const nc_headers_t *h, nc_str_t name, uint32_t *at);

/*
 * All values of a name as one, joined with ',' as Envoy's header matchers see it. One value: its
 * own bytes; several: joined in the pool. False when there is none.
 */
bool nc_headers_joined(const nc_headers_t *h, nc_str_t name, nc_pool_t *pool, nc_str_t *value);

/* Replaces all entries of the name by one with this value. */
void nc_headers_set_id(nc_headers_t *h, nc_header_id_t id, nc_str_t value);
void nc_headers_set(nc_headers_t *h, nc_str_t name, nc_str_t value);

/* Removes all entries of the name; returns how many there were. */
unsigned nc_headers_del_id(nc_headers_t *h, nc_header_id_t id);
unsigned nc_headers_del(nc_headers_t *h, nc_str_t name);

/* Removes this one entry. */
void nc_headers_del_at(nc_headers_t *h, nc_header_t *entry);

#define nc_headers_each(h, it)  \
    for (nc_header_t *it = (h)->items; it < (h)->items + (h)->n; it++)  \
        if (it->name.data != NULL)

/* RFC 9110 section 5.1: token bytes only, not empty. */
bool nc_header_name_valid(nc_str_t name);

/* RFC 9110 section 5.5: no control bytes but HTAB; obs-text allowed; no blank at the ends. */
bool nc_header_value_valid(nc_str_t value);

/* Keeps a copy of a name as it was received, when it is not in lower case. */
void nc_headers_keep_case(nc_headers_t *h, nc_str_t name);

/* The name as it was received, of the same length; data NULL: not kept. */
nc_str_t nc_headers_case(const nc_headers_t *h, nc_str_t name);

/* True when the comma-separated list `value` has `token` (ASCII case-insensitive, OWS trimmed). */
bool nc_header_has_token(nc_str_t value, nc_str_t token);

#endif
