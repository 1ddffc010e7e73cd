/*
 * mutations.h: headers to add and to remove, as they stand on route tables, virtual hosts, routes,
 * weighted clusters and elsewhere.
 *
 * Order: first all removals, then the values are computed, then overwrites, then additions.
 */
#ifndef NC_HTTP_MUTATIONS_H
#define NC_HTTP_MUTATIONS_H

#include "base/compile.h"
#include "http/info.h"

struct Envoy__Config__Core__V3__HeaderValueOption;

typedef struct nc_mutations_s  nc_mutations_t;

/* One pair of lists of a message, and how its fields are called (for errors). */
typedef struct {
    const struct ProtobufCMessage                             *message;
    const char                                                *add_field;
    struct Envoy__Config__Core__V3__HeaderValueOption *const  *add;
    size_t                                                     n_add;
    const char                                                *remove_field;
    char *const                                               *remove;
    size_t                                                     n_remove;
} nc_mutations_src_t;

/*
 * Compiles into *out; *out is NULL when both lists are empty. NC_ERROR: errors were added (names
 * that begin with ':', Host, bad bytes, unknown operators, append together with append_action).
 */
nc_rc_t nc_mutations_compile(nc_compile_t *cc, const nc_mutations_src_t *src,
    const nc_mutations_t **out);

/*
 * Changes `h`. Values come from `view`; new bytes lie in `pool` or in the image object, which the
 * caller pins as long as the headers live. `m` may be NULL.
 */
void nc_mutations_apply(const nc_mutations_t *m, nc_headers_t *h, const nc_http_view_t *view,
    nc_pool_t *pool);

#endif
