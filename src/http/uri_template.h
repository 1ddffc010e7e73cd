/*
 * uri_template.h: path templates such as "/a/{name}/x-*.{kind=js}/{rest=**}", and what modules for
 * matching and rewriting paths compile to.
 *
 * A template becomes a regular expression, so that routes with one stand in the same index as those
 * with safe_regex, and a rewrite becomes a substitution for it.
 */
#ifndef NC_HTTP_URI_TEMPLATE_H
#define NC_HTTP_URI_TEMPLATE_H

#include "base/compile.h"

#define NC_PATH_NAMES_MAX   5u                  /* variables of a template */

/* What a module of kind NC_PATH_MATCH compiles to. */
typedef struct nc_path_pattern_s {
    nc_str_t  regex;                            /* of the whole path; group i + 1 is names[i] */
    nc_str_t  names[NC_PATH_NAMES_MAX];
    uint32_t  n_names;
} nc_path_pattern_t;

/* What a module of kind NC_PATH_REWRITE compiles to. */
typedef struct nc_path_rewrite_s {
    nc_str_t  text;                             /* "/x/{name}": checked but for the names */
} nc_path_rewrite_t;

/*
 * Compiles a template: '*' is a part of a segment, '**' anything (the last operator), {name},
 * {name=*}, {name=**} and the like are variables. NC_ERROR: *why is a static text.
 */
nc_rc_t nc_uri_template_compile(nc_pool_t *pool, nc_str_t text, nc_path_pattern_t *out,
    const char **why);

/* Checks the form of a rewrite: '/', literal bytes, {name}. NC_ERROR: *why is a static text. */
nc_rc_t nc_uri_rewrite_check(nc_str_t text, const char **why);

/* The substitution for the pattern's expression (base/regex.h). NC_ERROR: a name is not there. */
nc_rc_t nc_uri_rewrite_subst(nc_pool_t *pool, const nc_path_pattern_t *pattern, nc_str_t text,
    nc_str_t *subst, const char **why);

#endif
