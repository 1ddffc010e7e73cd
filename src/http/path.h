/*
 * path.h: normalisation of request paths, done once, before any policy or route looks at them.
 *
 * The path is what stands before '?'; the query is never changed. Dot segments, backslashes and
 * escapes of unreserved bytes are handled as Envoy's normalize_path does; other escapes keep their
 * case and stay escapes, so that the result is stable when it is normalised again.
 */
#ifndef NC_HTTP_PATH_H
#define NC_HTTP_PATH_H

#include "base/pool.h"

typedef enum {
    NC_SLASHES_KEEP,                            /* %2F and %5C stay */
    NC_SLASHES_REJECT,                          /* answer 400 */
    NC_SLASHES_REDIRECT,                        /* unescape, answer 307 to the result */
    NC_SLASHES_FORWARD                          /* unescape and go on */
} nc_escaped_slashes_t;

typedef struct {
    bool                  normalize;            /* HttpConnectionManager.normalize_path */
    bool                  merge_slashes;
    nc_escaped_slashes_t  escaped_slashes;
} nc_path_options_t;

typedef enum {
    NC_PATH_CONTINUE,                           /* go on with *out */
    NC_PATH_REDIRECT,                           /* answer 307 with Location: *out */
    NC_PATH_REJECT_FRAGMENT,                    /* answer 400: the path has a '#' */
    NC_PATH_REJECT_SLASHES,                     /* answer 400: escaped slashes are not allowed */
    NC_PATH_REJECT                              /* answer 400: cannot be normalised */
} nc_path_result_t;

/*
 * Normalises `path` (with its query). *out is `path` itself when nothing had to change, else memory
 * of `pool`. "*" and the empty path are passed on as they are.
 */
nc_path_result_t nc_path_normalize(const nc_path_options_t *options, nc_str_t path,
    nc_pool_t *pool, nc_str_t *out);

/* `path` without query and fragment. */
nc_str_t nc_path_only(nc_str_t path);

/* Percent-encoding of RFC 3986 taken back, '+' left alone; malformed escapes stay. */
nc_str_t nc_path_unescape(nc_str_t s, nc_pool_t *pool);

#endif
