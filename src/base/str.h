/*
 * str.h: byte strings with a length (nothing on the wire is a C string) and the one bounded
 * builder that all output goes through.
 *
 * Invariants:
 *  1. An nc_str_t does not own its bytes and need not end in NUL.
 *  2. A builder over fixed memory never writes past it: what does not fit sets `truncated`.
 */
#ifndef NC_BASE_STR_H
#define NC_BASE_STR_H

#include "base/base.h"

#include <stdarg.h>

typedef struct {
    const char  *data;
    size_t       len;
} nc_str_t;

#define NC_STR(lit)         ((nc_str_t) { (lit), sizeof(lit) - 1 })
#define NC_STR_INIT(lit)    { (lit), sizeof(lit) - 1 }
#define NC_STR_NULL         ((nc_str_t) { NULL, 0 })
#define NC_STR_FMT          "%.*s"
#define NC_STR_ARG(s)       (int) (s).len, (s).data ? (s).data : ""

static inline nc_str_t
nc_str(const char *data, size_t len)
{
    return (nc_str_t) { data, len };
}

/* The C string `s` as nc_str_t; NULL becomes the empty string. */
static inline nc_str_t
nc_str_c(const char *s)
{
    return (nc_str_t) { s, s ? strlen(s) : 0 };
}

static inline bool
nc_str_eq(nc_str_t a, nc_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline char
nc_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c | 0x20) : c;
}

static inline bool nc_is_digit(char c) { return c >= '0' && c <= '9'; }

static inline bool
nc_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Value of a hexadecimal digit, or -1. */
int nc_hex_value(char c);

/* ASCII case-insensitive equality. */
bool nc_str_caseeq(nc_str_t a, nc_str_t b);

/* Order as memcmp, shorter first among equals. */
int nc_str_cmp(nc_str_t a, nc_str_t b);

bool nc_str_starts(nc_str_t s, nc_str_t prefix);
bool nc_str_ends(nc_str_t s, nc_str_t suffix);
bool nc_str_casestarts(nc_str_t s, nc_str_t prefix);
bool nc_str_caseends(nc_str_t s, nc_str_t suffix);

/* Offset of the first `needle` in `s`, or -1. */
ssize_t nc_str_find(nc_str_t s, nc_str_t needle);

/* Offset of the first byte `c` in `s`, or -1. */
ssize_t nc_str_chr(nc_str_t s, char c);

/* `s` without the first `n` bytes (n <= s.len). */
static inline nc_str_t
nc_str_skip(nc_str_t s, size_t n)
{
    return (nc_str_t) { s.data + n, s.len - n };
}

/* `s` without spaces and tabs at both ends (OWS of RFC 9110 section 5.6.3). */
nc_str_t nc_str_trim(nc_str_t s);

/*
 * Takes the next piece of `*rest` up to `sep` (not included) and moves `*rest` behind it. Returns
 * false when nothing is left. "a,,b" gives "a", "", "b"; "" gives nothing; "a," gives "a", "".
 */
bool nc_str_split(nc_str_t *rest, char sep, nc_str_t *piece);

/* Decimal digits only, whole string, no sign. NC_ERROR: empty, other bytes, or above `max`. */
nc_rc_t nc_str_to_u64(nc_str_t s, uint64_t max, uint64_t *value);

/* Optional '-' and decimal digits, whole string. NC_ERROR: malformed or out of range. */
nc_rc_t nc_str_to_i64(nc_str_t s, int64_t *value);

/* Heap copy that ends in NUL; the caller frees it. */
char *nc_str_dup_c(nc_str_t s);

/* Levenshtein distance of two names, at most `limit` + 1; for "did you mean". */
unsigned nc_str_distance(nc_str_t a, nc_str_t b, unsigned limit);


/* The builder: grows on the heap (nc_sb_init) or stays within given memory (nc_sb_fixed). */
typedef struct {
    char    *data;
    size_t   len;
    size_t   cap;
    bool     heap;                              /* data is ours and may grow */
    bool     truncated;                         /* something did not fit in fixed memory */
} nc_sb_t;

/* Empty growing builder; release with nc_sb_fini. */
void nc_sb_init(nc_sb_t *sb);

/* Builder over `cap` bytes at `memory`, which the caller keeps. */
void nc_sb_fixed(nc_sb_t *sb, void *memory, size_t cap);

/* Frees what the builder owns; the builder is empty again. */
void nc_sb_fini(nc_sb_t *sb);

static inline void
nc_sb_reset(nc_sb_t *sb)
{
    sb->len = 0;
    sb->truncated = false;
}

static inline nc_str_t
nc_sb_str(const nc_sb_t *sb)
{
    return (nc_str_t) { sb->data, sb->len };
}

/* Ends the content with a NUL that is not counted and returns it as a C string. */
const char *nc_sb_c(nc_sb_t *sb);

/* Room for `n` bytes at the end, or NULL (fixed memory is full); commit by adding to sb->len. */
char *nc_sb_reserve(nc_sb_t *sb, size_t n);

void nc_sb_add(nc_sb_t *sb, const void *data, size_t len);
void nc_sb_str_add(nc_sb_t *sb, nc_str_t s);
void nc_sb_c_add(nc_sb_t *sb, const char *s);
void nc_sb_char(nc_sb_t *sb, char c);
void nc_sb_u64(nc_sb_t *sb, uint64_t value);
void nc_sb_i64(nc_sb_t *sb, int64_t value);
void nc_sb_printf(nc_sb_t *sb, const char *fmt, ...) NC_PRINTF(2, 3);
void nc_sb_vprintf(nc_sb_t *sb, const char *fmt, va_list args) NC_PRINTF(2, 0);

/* JSON string content without the quotes: ", \, control bytes, invalid UTF-8 as \u00XX. */
void nc_sb_json_escaped(nc_sb_t *sb, nc_str_t s);

/* A whole JSON string with its quotes. */
void nc_sb_json_str(nc_sb_t *sb, nc_str_t s);

/* Decimal digits of `value` at `out` (room for 20 bytes); returns how many. */
size_t nc_u64_format(char *out, uint64_t value);

#endif
