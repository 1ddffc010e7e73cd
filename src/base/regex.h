/*
 * regex.h: regular expressions with the meaning they have in Envoy's configuration (RE2 syntax,
 * leftmost-first), by PCRE2. Compiled ones lie in a pool, normally the image, and are only read.
 *
 * Invariants:
 *  1. A match allocates nothing and its cost is bounded; one that hits the bound is an error, which
 *     is neither "matches" nor "does not match".
 *  2. Machine code is made lazily in each process, found by the text of the expression, and bounded
 *     in number; without it the interpreter does the same work.
 */
#ifndef NC_BASE_REGEX_H
#define NC_BASE_REGEX_H

#include "base/pool.h"

#define NC_REGEX_MAX_PATTERN    16384u          /* bytes of an expression */
#define NC_REGEX_MAX_CODE       (512u << 10)    /* bytes of a compiled one */

typedef struct nc_regex_s  nc_regex_t;

typedef enum {
    NC_REGEX_WHOLE,                             /* must match the whole subject */
    NC_REGEX_SEARCH                             /* anywhere; for nc_regex_subst */
} nc_regex_mode_t;

/* Compiles into `pool`. NULL: refused, and why (with the offset) was added to `why`. */
const nc_regex_t *nc_regex_compile(nc_pool_t *pool, nc_str_t pattern, nc_regex_mode_t mode,
    nc_sb_t *why);

/* NC_OK: matches. NC_DECLINED: does not. NC_ERROR: a limit was hit; treat as refused. */
nc_rc_t nc_regex_exec(const nc_regex_t *re, nc_str_t subject);

/* True when it matches; a limit that was hit counts as no match (so do not negate the result). */
static inline bool
nc_regex_match(const nc_regex_t *re, nc_str_t subject)
{
    return nc_regex_exec(re, subject) == NC_OK;
}

/* Checks a substitution: \0 to \9 name groups that exist, \\ is a backslash. Why not, in `why`. */
nc_rc_t nc_regex_check_subst(const nc_regex_t *re, nc_str_t substitution, nc_sb_t *why);

/*
 * Appends `subject` with all matches replaced (RE2's GlobalReplace). `re` is of mode SEARCH, the
 * substitution was checked. NC_OK: something was replaced. NC_DECLINED: nothing matched, `subject`
 * was appended as it is. NC_ERROR: a limit was hit, `out` is as it was.
 */
nc_rc_t nc_regex_subst(const nc_regex_t *re, nc_str_t subject, nc_str_t substitution,
    nc_sb_t *out);

/* The expression as it was written. */
nc_str_t nc_regex_pattern(const nc_regex_t *re);

/*
 * Bytes that every match of a WHOLE expression begins with, as far as a look at its text tells;
 * the result is in `pool` or empty.
 */
nc_str_t nc_regex_literal_prefix(nc_pool_t *pool, nc_str_t pattern);

/* How many matches hit a limit in this process. */
extern uint64_t  nc_regex_limit_hits;

/* Frees this process's machine code and match data (tests, end of the process). */
void nc_regex_fini(void);

#endif
