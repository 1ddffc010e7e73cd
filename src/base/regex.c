/*
 * regex.c: PCRE2 kept to what RE2 means, to bounded cost, and to memory that is shared read-only.
 *
 * An expression is compiled on the heap and then copied as one block into the pool. The block holds
 * two kinds of pointers: to functions of this binary (its allocator) and to the constant character
 * tables of the PCRE2 library; both are the same in all processes forked from one master.
 *
 * The copy is never given to the JIT compiler, which would write into it. Each process makes a heap
 * copy of its own for that when an expression is first used. The cache of these is keyed by text
 * and mode, so an expression that comes back in a new configuration finds its machine code again.
 */
#include "base/regex.h"

#include "base/hash.h"

#define PCRE2_CODE_UNIT_WIDTH   8
#include <pcre2.h>

#define MATCH_LIMIT         200000u             /* steps of the interpreter or of machine code */
#define DEPTH_LIMIT         10000u
#define HEAP_LIMIT_KB       2048u
#define JIT_STACK_START     (32u << 10)
#define JIT_STACK_MAX       (256u << 10)
#define MAX_GROUPS          32u                 /* capturing groups; \9 is the last one usable */
#define CACHE_SIZE          2048u               /* machine codes; a power of two */
#define CACHE_WAYS          8u
#define CACHE_KEEP          (1u << 16)          /* look-ups for which an unused one is kept */

struct nc_regex_s {
    const pcre2_code  *code;
    nc_str_t           pattern;
    uint64_t           hash;                    /* of pattern and mode */
    nc_regex_mode_t    mode;
    uint32_t           n_groups;
};

/* Machine code of one expression; free when `code` and `pattern` are NULL. */
typedef struct {
    uint64_t           hash;
    uint64_t           used;                    /* look-up count at its last use */
    char              *pattern;                 /* heap */
    size_t             pattern_len;
    nc_regex_mode_t    mode;
    pcre2_code        *code;                    /* NULL: the JIT refused, use the interpreter */
} entry_t;

uint64_t  nc_regex_limit_hits;

static nc_pool_t            *copy_pool;         /* set while a code is copied into a pool */
static pcre2_match_data     *match_data;
static pcre2_match_context  *match_context;
static pcre2_jit_stack      *jit_stack;
static entry_t              *cache;
static uint64_t              lookups;


/* The allocator inside of every code: the pool while one is copied there, the heap otherwise. */
static void *
code_malloc(size_t size, void *data)
{
    (void) data;

    return copy_pool != NULL ? nc_pool_alloc(copy_pool, size) : nc_malloc(size);
}


static void
code_free(void *p, void *data)
{
    (void) data;
    free(p);
}


static pcre2_general_context *
general_context(void)
{
    static pcre2_general_context  *context;

    if (context == NULL) {
        context = pcre2_general_context_create(code_malloc, code_free, NULL);
        NC_CHECK(context != NULL);
    }

    return context;
}


static pcre2_compile_context *
compile_context(void)
{
    static pcre2_compile_context  *context;

    if (context == NULL) {
        context = pcre2_compile_context_create(general_context());
        NC_CHECK(context != NULL);
        pcre2_set_max_pattern_length(context, NC_REGEX_MAX_PATTERN);
        pcre2_set_parens_nest_limit(context, 100);
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    }

    return context;
}


static void
set_why(nc_sb_t *why, int error, size_t offset, nc_str_t pattern)
{
    PCRE2_UCHAR  text[256];

    pcre2_get_error_message(error, text, sizeof(text));
    nc_sb_printf(why, "%s", (char *) text);

    if (error > 0 && offset <= pattern.len) {
        nc_sb_printf(why, " at offset %zu of '" NC_STR_FMT "'", offset, NC_STR_ARG(pattern));
    }
}


/* What RE2 knows not and what could not be bounded is refused. */
static nc_rc_t
check_code(const pcre2_code *code, nc_str_t pattern, nc_sb_t *why)
{
    uint32_t  backref = 0, groups = 0;
    size_t    size = 0;

    pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &backref);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);

    if (backref > 0) {
        nc_sb_printf(why, "back-references are not supported in '" NC_STR_FMT "'",
            NC_STR_ARG(pattern));
        return NC_ERROR;
    }

    if (groups >= MAX_GROUPS) {
        nc_sb_printf(why, "%u groups, more than the %u supported (use (?:...))", groups,
            MAX_GROUPS - 1);
        return NC_ERROR;
    }

    if (size > NC_REGEX_MAX_CODE) {
        nc_sb_printf(why, "the compiled expression takes %zu bytes, more than the limit of %u",
            size, NC_REGEX_MAX_CODE);
        return NC_ERROR;
    }

    return NC_OK;
}


const nc_regex_t *
nc_regex_compile(nc_pool_t *pool, nc_str_t pattern, nc_regex_mode_t mode, nc_sb_t *why)
{
    int          error;
    uint32_t     options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP
        | PCRE2_MATCH_INVALID_UTF | PCRE2_UTF;
    size_t       offset;
    nc_regex_t  *re;
    pcre2_code  *code;

    if (mode == NC_REGEX_WHOLE) {
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    }

    code = pcre2_compile((PCRE2_SPTR) (pattern.data ? pattern.data : ""), pattern.len, options,
        &error, &offset, compile_context());

    if (code == NULL) {
        set_why(why, error, offset, pattern);
        return NULL;
    }

    if (check_code(code, pattern, why) != NC_OK) {
        pcre2_code_free(code);
        return NULL;
    }

    re = nc_pool_new(pool, nc_regex_t);
    re->pattern = nc_pool_str(pool, pattern);
    re->hash = nc_hash(pattern) + (mode == NC_REGEX_SEARCH ? 1 : 0);
    re->mode = mode;
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &re->n_groups);

    copy_pool = pool;
    re->code = pcre2_code_copy(code);
    copy_pool = NULL;

    NC_CHECK(re->code != NULL);
    pcre2_code_free(code);

    return re;
}


nc_str_t
nc_regex_pattern(const nc_regex_t *re)
{
    return re->pattern;
}


/* This process's match data and, where there is one, its machine-code stack. */
static void
prepare(void)
{
    pcre2_general_context  *general = general_context();

    match_data = pcre2_match_data_create(MAX_GROUPS, general);
    match_context = pcre2_match_context_create(general);
    NC_CHECK(match_data != NULL && match_context != NULL);

    pcre2_set_match_limit(match_context, MATCH_LIMIT);
    pcre2_set_depth_limit(match_context, DEPTH_LIMIT);
    pcre2_set_heap_limit(match_context, HEAP_LIMIT_KB);

    jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, general);
    if (jit_stack != NULL) {
        pcre2_jit_stack_assign(match_context, NULL, jit_stack);
    }

    cache = nc_calloc(CACHE_SIZE * sizeof(entry_t));
}


static void
entry_clear(entry_t *e)
{
    if (e->code != NULL) {
        pcre2_code_free(e->code);
    }

    free(e->pattern);
    *e = (entry_t) { 0 };
}


static void
entry_fill(entry_t *e, const nc_regex_t *re)
{
    e->hash = re->hash;
    e->mode = re->mode;
    e->pattern = nc_str_dup_c(re->pattern);
    e->pattern_len = re->pattern.len;
    e->code = pcre2_code_copy(re->code);

    if (e->code != NULL && pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE) != 0) {
        pcre2_code_free(e->code);
        e->code = NULL;
    }
}


/*
 * The code to match with: this process's machine code, or the shared one for the interpreter. Each
 * expression has CACHE_WAYS places; a place is given away when it was not used for a long time, so
 * that a long list of expressions, walked for every request, does not evict itself all the time.
 */
static const pcre2_code *
find_code(const nc_regex_t *re)
{
    entry_t  *set = &cache[(re->hash >> 7) & (CACHE_SIZE - CACHE_WAYS)];
    entry_t  *oldest = &set[0];

    lookups++;

    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        entry_t  *e = &set[i];

        if (e->hash == re->hash && e->mode == re->mode && e->pattern != NULL
            && nc_str_eq(nc_str(e->pattern, e->pattern_len), re->pattern))
        {
            e->used = lookups;
            return e->code != NULL ? e->code : re->code;
        }

        if (e->used < oldest->used) {
            oldest = e;
        }
    }

    if (oldest->pattern != NULL && lookups - oldest->used < CACHE_KEEP) {
        return re->code;
    }

    entry_clear(oldest);
    entry_fill(oldest, re);
    oldest->used = lookups;

    return oldest->code != NULL ? oldest->code : re->code;
}


static nc_rc_t
run(const pcre2_code *code, nc_str_t subject, size_t from, uint32_t options)
{
    int  n;

    n = pcre2_match(code, (PCRE2_SPTR) (subject.data ? subject.data : ""), subject.len, from,
        options, match_data, match_context);

    if (n >= 0) {
        return NC_OK;
    }

    if (n == PCRE2_ERROR_NOMATCH) {
        return NC_DECLINED;
    }

    nc_regex_limit_hits++;

    return NC_ERROR;
}


nc_rc_t
nc_regex_exec(const nc_regex_t *re, nc_str_t subject)
{
    if (NC_UNLIKELY(match_data == NULL)) {
        prepare();
    }

    return run(find_code(re), subject, 0, 0);
}


nc_rc_t
nc_regex_check_subst(const nc_regex_t *re, nc_str_t substitution, nc_sb_t *why)
{
    for (size_t i = 0; i < substitution.len; i++) {
        char  c;

        if (substitution.data[i] != '\\') {
            continue;
        }

        if (++i == substitution.len) {
            nc_sb_c_add(why, "a backslash at the end of the substitution");
            return NC_ERROR;
        }

        c = substitution.data[i];

        if (c == '\\') {
            continue;
        }

        if (!nc_is_digit(c)) {
            nc_sb_printf(why, "\\%c in the substitution; \\0 to \\9 and \\\\ are known", c);
            return NC_ERROR;
        }

        if ((uint32_t) (c - '0') > re->n_groups) {
            nc_sb_printf(why, "\\%c in the substitution, but the expression has %u group%s", c,
                re->n_groups, re->n_groups == 1 ? "" : "s");
            return NC_ERROR;
        }
    }

    return NC_OK;
}


/* Appends the substitution for the match in match_data. */
static void
expand(nc_str_t subject, nc_str_t substitution, nc_sb_t *out)
{
    uint32_t           n = pcre2_get_ovector_count(match_data);
    const PCRE2_SIZE  *at = pcre2_get_ovector_pointer(match_data);

    for (size_t i = 0; i < substitution.len; i++) {
        char      c = substitution.data[i];
        uint32_t  group;

        if (c != '\\' || ++i == substitution.len) {
            nc_sb_char(out, c);
            continue;
        }

        group = (uint32_t) (substitution.data[i] - '0');

        if (substitution.data[i] == '\\') {
            nc_sb_char(out, '\\');

        } else if (group < n && at[2 * group] != PCRE2_UNSET) {
            nc_sb_add(out, subject.data + at[2 * group], at[2 * group + 1] - at[2 * group]);
        }
    }
}


static size_t
next_character(nc_str_t s, size_t at)
{
    do {
        at++;
    } while (at < s.len && (s.data[at] & 0xC0) == 0x80);

    return at;
}


nc_rc_t
nc_regex_subst(const nc_regex_t *re, nc_str_t subject, nc_str_t substitution, nc_sb_t *out)
{
    bool               any = false;
    size_t             at = 0, copied = 0, start = out->len, begin, end;
    nc_rc_t            rc;
    const pcre2_code  *code;

    if (NC_UNLIKELY(match_data == NULL)) {
        prepare();
    }

    code = find_code(re);

    while (at <= subject.len) {
        rc = run(code, subject, at, 0);

        if (rc == NC_ERROR) {
            out->len = start;
            return NC_ERROR;
        }

        if (rc == NC_DECLINED) {
            break;
        }

        begin = pcre2_get_ovector_pointer(match_data)[0];
        end = pcre2_get_ovector_pointer(match_data)[1];

        if (begin == end && any && begin == copied) {
            at = next_character(subject, begin);    /* an empty match right behind the last */
            continue;
        }

        nc_sb_add(out, subject.data + copied, begin - copied);
        expand(subject, substitution, out);
        any = true;
        copied = end;
        at = end;
    }

    nc_sb_add(out, subject.data + copied, subject.len - copied);

    return any ? NC_OK : NC_DECLINED;
}


/* True when the expression has a '|' outside of all groups and classes. */
static bool
has_alternatives(nc_str_t p)
{
    int   depth = 0;
    bool  in_class = false;

    for (size_t i = 0; i < p.len; i++) {
        char  c = p.data[i];

        if (c == '\\') {
            if (i + 1 < p.len && p.data[i + 1] == 'Q') {
                return true;                    /* quoted text: not worth a parser of its own */
            }
            i++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
            i += i + 1 < p.len && p.data[i + 1] == '^' ? 1 : 0;
            i += i + 1 < p.len && p.data[i + 1] == ']' ? 1 : 0;
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            depth--;
        } else if (c == '|' && depth <= 0) {
            return true;
        }
    }

    return false;
}


nc_str_t
nc_regex_literal_prefix(nc_pool_t *pool, nc_str_t p)
{
    char    *out;
    size_t   n = 0, i = 0;

    if (p.len == 0 || has_alternatives(p)) {
        return NC_STR_NULL;
    }

    out = nc_pool_alloc(pool, p.len);

    if (p.data[0] == '^') {
        i++;
    }

    while (i < p.len) {
        char  c = p.data[i];

        if (c == '\\') {
            if (i + 1 == p.len || strchr("./-_~!#%&,:;=@+*?()[]{}|$^\\", p.data[i + 1]) == NULL) {
                break;
            }
            c = p.data[++i];

        } else if (strchr(".[](){}*+?|$^", c) != NULL) {
            break;
        }

        i++;

        if (i < p.len && strchr("*?{", p.data[i]) != NULL) {
            break;                              /* the byte may be missing */
        }

        out[n++] = c;
    }

    /* Bytes of one character must not be torn apart: a quantifier takes all of them. */
    while (n > 0 && (out[n - 1] & 0x80) != 0) {
        n--;
    }

    return nc_str(out, n);
}


void
nc_regex_fini(void)
{
    if (match_data == NULL) {
        return;
    }

    for (unsigned i = 0; i < CACHE_SIZE; i++) {
        entry_clear(&cache[i]);
    }

    free(cache);
    cache = NULL;
    pcre2_jit_stack_free(jit_stack);
    pcre2_match_context_free(match_context);
    pcre2_match_data_free(match_data);
    jit_stack = NULL;
    match_context = NULL;
    match_data = NULL;
}
