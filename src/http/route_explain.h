/*
 * route_explain.h: what becomes of a request, and why no nearer route takes it, in words: for
 * "nuncio route-check" and the admin interface. Never on the data path.
 */
#ifndef NC_HTTP_ROUTE_EXPLAIN_H
#define NC_HTTP_ROUTE_EXPLAIN_H

#include "http/hcm.h"

/* What a route table makes of a request. Texts lie in the request's pool or in the table. */
typedef struct {
    nc_route_match_t  match;
    const char       *action;                   /* "route", "redirect", "direct_response", "none" */
    nc_str_t          vhost;                    /* "" : none; so below */
    nc_str_t          route;                    /* its name */
    nc_str_t          cluster;
    nc_str_t          host;                     /* as the upstream sees it; "" : no forwarding */
    nc_str_t          path;
    nc_str_t          location;                 /* of a redirect */
    uint16_t          status;                   /* of our own answers; 0: the upstream's */
    bool              cannot_rewrite;           /* an expression of a rewrite hit its limit */
} nc_route_answer_t;

/*
 * Makes host and path of a request what the connection manager makes of them before it looks for a
 * route. False: it answers instead, and what it answers is appended to `why`.
 */
bool nc_route_prepare(const nc_hcm_conf_t *hcm, const nc_conn_info_t *conn, nc_headers_t *request,
    nc_pool_t *pool, nc_sb_t *why);

/* rq->headers may be changed: they are rewritten as for the upstream, and are `headers`. */
void nc_route_answer(const nc_route_config_t *rc, const nc_route_request_t *rq,
    nc_headers_t *headers, nc_route_answer_t *out);

/* Why route `r` does not take the request. False: it does. */
bool nc_route_why_not(const nc_route_t *r, const nc_route_request_t *rq, nc_sb_t *why);

/*
 * The whole story, a line each: virtual host, routes that were passed over and why, the one that
 * wins and where it was written. To be called before nc_route_answer changes the headers.
 */
void nc_route_explain(const nc_route_config_t *rc, const nc_route_request_t *rq, nc_sb_t *out);

/* What the answer means for the request: cluster, times, tries, rewrites; lines, or JSON. */
void nc_route_answer_print(const nc_route_answer_t *a, nc_sb_t *out);
void nc_route_answer_json(const nc_route_answer_t *a, nc_sb_t *out);

#endif
