/*
 * route_check.h: what becomes of a request, said without sending it: for "nuncio route-check" and
 * for /route_check of the admin interface.
 */
#ifndef NC_PROCESS_ROUTE_CHECK_H
#define NC_PROCESS_ROUTE_CHECK_H

#include "base/vec.h"
#include "http/route_explain.h"

/* A request in words. */
typedef struct {
    nc_str_t              line;                 /* "GET https://host:port/path?query" */
    NC_VEC(nc_str_t)      headers;              /* "name: value" each */
    nc_str_t              listener;             /* data NULL: any */
    nc_str_t              source;               /* address of the client; data NULL: 192.0.2.1 */
    uint64_t              random;               /* for fractions and weights */
} nc_check_request_t;

/* One connection manager's answer. */
typedef struct {
    nc_str_t           listener;
    nc_str_t           chain;                   /* name of the filter chain; may be empty */
    nc_str_t           refused;                 /* it answers before a route is found; or NULL */
    nc_str_t           story;                   /* of nc_route_explain */
    nc_route_answer_t  answer;
} nc_check_answer_t;

/* Checks the form of the request. NC_ERROR: why not, in `why`. */
nc_rc_t nc_check_request_parse(const nc_check_request_t *q, nc_pool_t *pool, nc_headers_t *h,
    nc_sb_t *why);

/*
 * Asks every connection manager of the listener, unless q->listener names another one; `fn` gets
 * the answers, which lie in `pool`. The request must have been parsed without error.
 */
typedef void nc_check_answer_fn(void *ctx, const nc_check_answer_t *a);
void nc_check_listener(const nc_check_request_t *q, const nc_listener_conf_t *l, nc_pool_t *pool,
    nc_check_answer_fn *fn, void *ctx);

/* The answer for people, and as JSON object. */
void nc_check_answer_print(const nc_check_answer_t *a, nc_sb_t *out);
void nc_check_answer_json(const nc_check_answer_t *a, nc_sb_t *out);

/* "nuncio route-check ..." and "nuncio explain-flag ...": argv[0] is that word. The exit status. */
int nc_cli_route_check(int argc, char **argv);
int nc_cli_explain_flag(int argc, char **argv);

#endif
