/*
 * filter.h: what HTTP filters see: their operations, the verdicts, and what they may do with a
 * stream. The core behind it is stream.c and chain.c.
 *
 *   request:   codec ─► filter 0 ─► filter 1 ─► ... ─► router (terminal)
 *   response:  codec ◄─ filter 0 ◄─ filter 1 ◄─ ... ◄─ router
 *
 * Invariants:
 *  1. After a local reply, a reset or the end of the stream no callback but on_destroy is called.
 *  2. A callback that waits is resumed by nc_stream_resume_*, from any later turn or the same one.
 *  3. What a waiting filter holds is counted; above the limit reading from the source stops, or,
 *     under NC_WAIT_BUFFER, the answer is 413 (request) or 500 (response).
 */
#ifndef NC_HTTP_FILTER_H
#define NC_HTTP_FILTER_H

#include "base/module.h"
#include "codec/headers.h"
#include "http/info.h"
#include "net/buf.h"

typedef struct nc_stream_s  nc_stream_t;

/* Operations; those left out mean "pass on" and cost nothing. `conf` is what compile returned. */
typedef struct nc_http_filter_ops_s {
    size_t         ctx_size;                    /* zeroed memory per stream: nc_stream_ctx */
    nc_verdict_t (*on_request_headers)(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end);
    nc_verdict_t (*on_request_data)(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end);
    nc_verdict_t (*on_request_trailers)(nc_stream_t *s, const void *conf, nc_headers_t *t);
    nc_verdict_t (*on_response_headers)(nc_stream_t *s, const void *conf, nc_headers_t *h,
        bool end);
    nc_verdict_t (*on_response_data)(nc_stream_t *s, const void *conf, nc_buf_t *data, bool end);
    nc_verdict_t (*on_response_trailers)(nc_stream_t *s, const void *conf, nc_headers_t *t);
    void         (*on_destroy)(nc_stream_t *s, const void *conf);
    bool           terminal;                    /* takes requests and makes responses */
} nc_http_filter_ops_t;

/* Position of a filter in its stream's chain; kept by whoever resumes later. */
typedef uint32_t  nc_filter_at_t;

/* The filter whose callback is running. */
nc_filter_at_t nc_stream_self(const nc_stream_t *s);

/* Its per-stream memory (ctx_size bytes). */
void *nc_stream_ctx(nc_stream_t *s);

/* Memory that lives as long as the stream. */
nc_pool_t *nc_stream_pool(nc_stream_t *s);

/* What is known of the stream; filters may set flags and details. */
nc_http_info_t *nc_stream_info(nc_stream_t *s);

nc_headers_t *nc_stream_request_headers(nc_stream_t *s);
nc_headers_t *nc_stream_response_headers(nc_stream_t *s);   /* NULL: none yet */

/* Everything a formatter or matcher may look at. */
nc_http_view_t nc_stream_view(const nc_stream_t *s);

/*
 * Per-route configuration of the running filter (what its route_compile returned), most specific
 * first; NULL: none.
 */
const void *nc_stream_route_conf(nc_stream_t *s);

/* Limit of what may be held of the request (response) body; the connection's by default. */
void nc_stream_set_request_limit(nc_stream_t *s, uint64_t bytes);
void nc_stream_set_response_limit(nc_stream_t *s, uint64_t bytes);

/* Goes on after NC_WAIT or NC_WAIT_BUFFER of filter `at`; no-op when it does not wait. */
void nc_stream_resume_request(nc_stream_t *s, nc_filter_at_t at);
void nc_stream_resume_response(nc_stream_t *s, nc_filter_at_t at);

/*
 * Gives body bytes of filter `at`'s own to the filters behind it; with `end` in the place of
 * trailers that it takes (NC_TAKEN).
 */
void nc_stream_pass_response_data(nc_stream_t *s, nc_filter_at_t at, nc_buf_t *data, bool end);

/*
 * Answers the request here: the response passes the response filters. `body` is copied; `details`
 * is static text (Envoy's response-code details). `edit` may add headers; may be NULL. The request
 * goes no further. Return NC_TAKEN from the callback afterwards.
 */
void nc_stream_reply(nc_stream_t *s, unsigned status, nc_str_t body, const char *details,
    void (*edit)(nc_stream_t *s, nc_headers_t *h, void *data), void *data);

/* Ends the stream without a (whole) response: the client sees a broken connection or RST_STREAM. */
void nc_stream_reset(nc_stream_t *s, const char *details);

/* Holds or frees the reading of the request body (for the terminal filter: slow upstream). */
void nc_stream_gate_request(nc_stream_t *s, bool hold);

/* For the terminal filter: the response, in order, through the response filters. */
void nc_stream_respond_informational(nc_stream_t *s, nc_headers_t *h);
void nc_stream_respond_headers(nc_stream_t *s, nc_headers_t *h, bool end);
void nc_stream_respond_data(nc_stream_t *s, nc_buf_t *data, bool end);
void nc_stream_respond_trailers(nc_stream_t *s, nc_headers_t *t);

#endif
