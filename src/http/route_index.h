/*
 * route_index.h: finds the first route whose path condition and other conditions hold, without a
 * look at the routes that cannot match.
 *
 * Exact paths stand in a table, prefixes in a radix trie; an expression stands in the trie at the
 * literal bytes that it begins with. Each place keeps the order numbers of its routes, ascending,
 * and ends after the first one that has no other condition: behind that no route of this place can
 * be the first. A look-up visits the table once and the nodes along the path, and keeps the lowest
 * order that holds; expressions are tried last, in ascending order, up to what was found by then.
 *
 * Invariant: the result is the same as that of trying all routes in order.
 */
#ifndef NC_HTTP_ROUTE_INDEX_H
#define NC_HTTP_ROUTE_INDEX_H

#include "http/route.h"

typedef struct nc_route_index_s  nc_route_index_t;

/*
 * Index in `pool` of those of the `n` routes whose ignore_case is `lower`, NULL when there is none.
 * With `lower` the paths to look up are to be lower case.
 */
const nc_route_index_t *nc_route_index_build(nc_pool_t *pool, const nc_route_t *routes, size_t n,
    bool lower);

/*
 * The lowest order below `best` of a route whose path condition holds for `path` (without query)
 * and for which `holds` says yes; `best` when there is none.
 */
uint32_t nc_route_index_find(const nc_route_index_t *ix, const nc_route_t *routes, nc_str_t path,
    bool (*holds)(const nc_route_t *r, const nc_route_request_t *rq),
    const nc_route_request_t *rq, uint32_t best);

#endif
