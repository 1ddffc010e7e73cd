/*
 * matcher.h: conditions on strings, headers and query parameters, compiled from Envoy's matcher
 * messages into image memory.
 *
 * Invariant: a regular expression that hits its limits makes the whole condition fail, inverted or
 * not. Malformed or costly input never turns into "allowed".
 */
#ifndef NC_HTTP_MATCHER_H
#define NC_HTTP_MATCHER_H

#include "base/compile.h"
#include "base/regex.h"
#include "codec/headers.h"

struct Envoy__Type__Matcher__V3__StringMatcher;
struct Xds__Type__Matcher__V3__StringMatcher;
struct Envoy__Type__Matcher__V3__RegexMatcher;
struct Envoy__Type__Matcher__V3__RegexMatchAndSubstitute;
struct Envoy__Config__Route__V3__HeaderMatcher;
struct Envoy__Config__Route__V3__QueryParameterMatcher;
struct Envoy__Config__Route__V3__CookieMatcher;
struct Envoy__Config__Core__V3__RuntimeFractionalPercent;

typedef enum {
    NC_MATCH_EXACT,
    NC_MATCH_PREFIX,
    NC_MATCH_SUFFIX,
    NC_MATCH_CONTAINS,
    NC_MATCH_REGEX
} nc_match_kind_t;

typedef struct {
    nc_match_kind_t    kind;
    bool               ignore_case;             /* `text` is lower case then */
    nc_str_t           text;
    const nc_regex_t  *regex;                   /* NC_MATCH_REGEX */
} nc_string_matcher_t;

/* Compiles into *m. NC_ERROR: errors were added. */
nc_rc_t nc_string_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__StringMatcher *msg, nc_string_matcher_t *m);

/* The same for xds.type.matcher.v3. */
nc_rc_t nc_xds_string_matcher_compile(nc_compile_t *cc,
    const struct Xds__Type__Matcher__V3__StringMatcher *msg, nc_string_matcher_t *m);

/* NC_OK: holds. NC_DECLINED: does not. NC_ERROR: cannot be told (a regex limit was hit). */
nc_rc_t nc_string_matcher_exec(const nc_string_matcher_t *m, nc_str_t s);

/* The expression of a RegexMatcher. NULL: errors were added. */
const nc_regex_t *nc_regex_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__RegexMatcher *msg, nc_regex_mode_t mode);

/* pattern and substitution of a RegexMatchAndSubstitute. */
typedef struct {
    const nc_regex_t  *regex;
    nc_str_t           substitution;
} nc_regex_rewrite_t;

/* NULL: errors were added. */
const nc_regex_rewrite_t *nc_regex_rewrite_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__RegexMatchAndSubstitute *msg);

typedef struct {
    enum { NC_HM_STRING, NC_HM_RANGE, NC_HM_PRESENT } kind;
    bool                 invert;
    bool                 missing_as_empty;
    bool                 present;               /* NC_HM_PRESENT: what is asked for */
    nc_str_t             name;                  /* lower case */
    nc_header_id_t       id;                    /* of the name; NC_H_OTHER: look by name */
    nc_string_matcher_t  string;
    int64_t              start;                 /* range: start <= value < end */
    int64_t              end;
} nc_header_matcher_t;

/* Compiles a list; *n matchers are returned (NULL when there is none). NC_ERROR: errors added. */
nc_rc_t nc_header_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__HeaderMatcher *const *msgs, size_t n,
    const nc_header_matcher_t **out);

/* True when the condition holds. Values of a repeated header are joined by ',' in `pool`. */
bool nc_header_matcher_match(const nc_header_matcher_t *m, const nc_headers_t *h, nc_pool_t *pool);

/* True when all `n` conditions hold. */
bool nc_header_matchers_match(const nc_header_matcher_t *m, size_t n, const nc_headers_t *h,
    nc_pool_t *pool);

typedef struct {
    nc_str_t             name;
    bool                 by_value;              /* false: presence is what counts */
    bool                 present;
    nc_string_matcher_t  string;
} nc_query_matcher_t;

nc_rc_t nc_query_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__QueryParameterMatcher *const *msgs, size_t n,
    const nc_query_matcher_t **out);

/* True when all `n` conditions hold for the query of `path`. */
bool nc_query_matchers_match(const nc_query_matcher_t *m, size_t n, nc_str_t path);

/*
 * The first value of parameter `name` in the query of `path` ("/p?a=1&b" has "a" with "1" and "b"
 * with ""), as written. False when there is none.
 */
bool nc_query_param(nc_str_t path, nc_str_t name, nc_str_t *value);

/* A condition on a cookie of the request. */
typedef struct {
    nc_str_t             name;
    bool                 invert;                /* holds without the cookie, too */
    nc_string_matcher_t  string;
} nc_cookie_matcher_t;

nc_rc_t nc_cookie_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__CookieMatcher *const *msgs, size_t n,
    const nc_cookie_matcher_t **out);

/* True when the condition holds; the first cookie of the name counts. */
bool nc_cookie_matcher_match(const nc_cookie_matcher_t *m, const nc_headers_t *h);

/* The value of the first cookie `name`, quotes around it taken off. False: there is none. */
bool nc_cookie_value(const nc_headers_t *h, nc_str_t name, nc_str_t *value);

typedef struct {
    uint32_t  numerator;
    uint32_t  denominator;                      /* 100, 10000 or 1000000 */
} nc_fraction_t;

void nc_fraction_compile(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__RuntimeFractionalPercent *msg, nc_fraction_t *f);

static inline bool
nc_fraction_holds(const nc_fraction_t *f, uint64_t random)
{
    return random % f->denominator < f->numerator;
}

#endif
