/*
 * matcher_tree.h: trees of conditions (xds.type.matcher.v3.Matcher) compiled into image memory, for
 * routes and whatever else chooses by them. What stands at a leaf is the user's own.
 *
 * Invariant: what cannot be told (a limit of an expression) is neither a match nor none: the look-up
 * ends there with NC_ERROR, and the caller refuses.
 */
#ifndef NC_HTTP_MATCHER_TREE_H
#define NC_HTTP_MATCHER_TREE_H

#include "base/module.h"
#include "http/info.h"
#include "http/metadata.h"

struct Xds__Type__Matcher__V3__Matcher;

typedef struct nc_matcher_s  nc_matcher_t;

/* What a look-up goes by. */
typedef struct nc_match_data_s {
    const nc_http_view_t  *view;
    uint64_t               random;              /* the stream's */
    nc_pool_t             *pool;                /* scratch */

    /* Called for actions with keep_matching, which do not end the look-up; may be NULL. */
    void                 (*kept)(void *ctx, const void *action);
    void                  *ctx;
} nc_match_data_t;

/* A value that an input gives; all empty: there is none. */
typedef struct {
    nc_str_t           text;                    /* data NULL: none */
    const nc_peer_t   *address;                 /* of inputs that are addresses */
    const nc_value_t  *value;                   /* of inputs that are metadata */
} nc_match_value_t;

/* Operations of NC_MATCH_INPUT; *v is zeroed. */
typedef struct nc_match_input_ops_s {
    void (*get)(const void *conf, const nc_match_data_t *d, nc_match_value_t *v);
} nc_match_input_ops_t;

/* Operations of NC_INPUT_MATCHER: NC_OK holds, NC_DECLINED does not, NC_ERROR cannot be told. */
typedef struct nc_input_matcher_ops_s {
    nc_rc_t (*match)(const void *conf, const nc_match_data_t *d, const nc_match_value_t *v);
} nc_input_matcher_ops_t;

/* Makes of an action's message what is to stand at the leaf. NULL: errors were added. */
typedef const void *nc_match_action_fn(nc_compile_t *cc, void *ctx, const char *name,
    const struct ProtobufCMessage *message);

/* NULL: errors were added. */
const nc_matcher_t *nc_matcher_compile(nc_compile_t *cc,
    const struct Xds__Type__Matcher__V3__Matcher *msg, nc_match_action_fn *action, void *ctx);

/* NC_OK: *action is what was found. NC_DECLINED: nothing. NC_ERROR: cannot be told. */
nc_rc_t nc_matcher_exec(const nc_matcher_t *m, const nc_match_data_t *d, const void **action);

#endif
