/* str.c: byte strings and the bounded builder. */
#include "base/str.h"

#include <sys/types.h>


int
nc_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = nc_lower(c);

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


bool
nc_str_caseeq(nc_str_t a, nc_str_t b)
{
    return a.len == b.len && nc_str_casestarts(a, b);
}


int
nc_str_cmp(nc_str_t a, nc_str_t b)
{
    size_t  n = NC_MIN(a.len, b.len);
    int     order = n ? memcmp(a.data, b.data, n) : 0;

    if (order == 0 && a.len != b.len) {
        order = a.len < b.len ? -1 : 1;
    }

    return order;
}


bool
nc_str_starts(nc_str_t s, nc_str_t prefix)
{
    return s.len >= prefix.len
           && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}


bool
nc_str_ends(nc_str_t s, nc_str_t suffix)
{
    return s.len >= suffix.len
           && nc_str_eq(nc_str_skip(s, s.len - suffix.len), suffix);
}


bool
nc_str_casestarts(nc_str_t s, nc_str_t prefix)
{
    if (s.len < prefix.len) {
        return false;
    }

    for (size_t i = 0; i < prefix.len; i++) {
        if (nc_lower(s.data[i]) != nc_lower(prefix.data[i])) {
            return false;
        }
    }

    return true;
}


bool
nc_str_caseends(nc_str_t s, nc_str_t suffix)
{
    return s.len >= suffix.len && nc_str_caseeq(nc_str_skip(s, s.len - suffix.len), suffix);
}


ssize_t
nc_str_find(nc_str_t s, nc_str_t needle)
{
    const char  *at;

    if (needle.len == 0) {
        return 0;
    }

    if (s.len < needle.len) {
        return -1;
    }

    at = memmem(s.data, s.len, needle.data, needle.len);

    return at ? at - s.data : -1;
}


ssize_t
nc_str_chr(nc_str_t s, char c)
{
    const char  *at = s.len ? memchr(s.data, c, s.len) : NULL;

    return at ? at - s.data : -1;
}


static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}


nc_str_t
nc_str_trim(nc_str_t s)
{
    while (s.len && is_blank(s.data[0])) {
        s = nc_str_skip(s, 1);
    }

    while (s.len && is_blank(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


bool
nc_str_split(nc_str_t *rest, char sep, nc_str_t *piece)
{
    ssize_t  at;

    if (rest->data == NULL) {
        return false;
    }

    at = nc_str_chr(*rest, sep);

    if (at < 0) {
        *piece = *rest;
        *rest = NC_STR_NULL;
        return piece->len > 0 || piece->data != NULL;
    }

    *piece = nc_str(rest->data, (size_t) at);
    *rest = nc_str_skip(*rest, (size_t) at + 1);

    return true;
}


nc_rc_t
nc_str_to_u64(nc_str_t s, uint64_t max, uint64_t *value)
{
    uint64_t  v = 0;

    if (s.len == 0) {
        return NC_ERROR;
    }

    for (size_t i = 0; i < s.len; i++) {
        uint64_t  digit = (uint64_t) (uint8_t) s.data[i] - '0';

        if (digit > 9 || v > (UINT64_MAX - digit) / 10) {
            return NC_ERROR;
        }

        v = v * 10 + digit;
    }

    if (v > max) {
        return NC_ERROR;
    }

    *value = v;

    return NC_OK;
}


nc_rc_t
nc_str_to_i64(nc_str_t s, int64_t *value)
{
    bool      negative = s.len && s.data[0] == '-';
    uint64_t  v;
    uint64_t  max = (uint64_t) INT64_MAX + (negative ? 1 : 0);

    if (nc_str_to_u64(negative ? nc_str_skip(s, 1) : s, max, &v)) {
        return NC_ERROR;
    }

    *value = negative ? (int64_t) (0 - v) : (int64_t) v;

    return NC_OK;
}


char *
nc_str_dup_c(nc_str_t s)
{
    char  *copy = nc_malloc(s.len + 1);

    if (s.len) {
        memcpy(copy, s.data, s.len);
    }

    copy[s.len] = '\0';

    return copy;
}


unsigned
nc_str_distance(nc_str_t a, nc_str_t b, unsigned limit)
{
    unsigned  row[65];

    if (a.len > 64 || b.len > 64) {
        return limit + 1;
    }

    for (unsigned j = 0; j <= b.len; j++) {
        row[j] = j;
    }

    for (unsigned i = 1; i <= a.len; i++) {
        unsigned  diagonal = row[0];

        row[0] = i;

        for (unsigned j = 1; j <= b.len; j++) {
            unsigned  cost = diagonal + (a.data[i - 1] == b.data[j - 1] ? 0 : 1);

            diagonal = row[j];
            row[j] = NC_MIN(cost, NC_MIN(row[j], row[j - 1]) + 1);
        }
    }

    return NC_MIN(row[b.len], limit + 1);
}


void
nc_sb_init(nc_sb_t *sb)
{
    *sb = (nc_sb_t) { .heap = true };
}


void
nc_sb_fixed(nc_sb_t *sb, void *memory, size_t cap)
{
    *sb = (nc_sb_t) { .data = memory, .cap = cap };
}


void
nc_sb_fini(nc_sb_t *sb)
{
    if (sb->heap) {
        free(sb->data);
    }

    *sb = (nc_sb_t) { .heap = true };
}


char *
nc_sb_reserve(nc_sb_t *sb, size_t n)
{
    if (sb->cap - sb->len < n || (sb->heap && sb->data == NULL)) {
        size_t  cap;

        if (!sb->heap) {
            sb->truncated = true;
            return NULL;
        }

        cap = NC_MAX(sb->cap * 2, (size_t) 64);

        while (cap - sb->len < n) {
            NC_CHECK(cap <= SIZE_MAX / 4);
            cap *= 2;
        }

        sb->data = nc_realloc(sb->data, cap);
        sb->cap = cap;
    }

    return sb->data + sb->len;
}


const char *
nc_sb_c(nc_sb_t *sb)
{
    if (nc_sb_reserve(sb, 1) == NULL) {
        if (sb->cap == 0) {
            return "";
        }

        sb->len = sb->cap - 1;
    }

    sb->data[sb->len] = '\0';

    return sb->data;
}


void
nc_sb_add(nc_sb_t *sb, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (nc_sb_reserve(sb, len) == NULL) {
        len = sb->cap - sb->len;
    }

    memcpy(sb->data + sb->len, data, len);
    sb->len += len;
}


void
nc_sb_str_add(nc_sb_t *sb, nc_str_t s)
{
    nc_sb_add(sb, s.data, s.len);
}


void
nc_sb_c_add(nc_sb_t *sb, const char *s)
{
    nc_sb_add(sb, s, strlen(s));
}


void
nc_sb_char(nc_sb_t *sb, char c)
{
    nc_sb_add(sb, &c, 1);
}


size_t
nc_u64_format(char *out, uint64_t value)
{
    char    digits[20];
    size_t  n = 0;

    do {
        digits[n++] = (char) ('0' + value % 10);
        value /= 10;
    } while (value);

    for (size_t i = 0; i < n; i++) {
        out[i] = digits[n - 1 - i];
    }

    return n;
}


void
nc_sb_u64(nc_sb_t *sb, uint64_t value)
{
    char  digits[20];

    nc_sb_add(sb, digits, nc_u64_format(digits, value));
}


void
nc_sb_i64(nc_sb_t *sb, int64_t value)
{
    if (value < 0) {
        nc_sb_char(sb, '-');
        nc_sb_u64(sb, 0 - (uint64_t) value);
        return;
    }

    nc_sb_u64(sb, (uint64_t) value);
}


void
nc_sb_vprintf(nc_sb_t *sb, const char *fmt, va_list args)
{
    va_list  again;
    int      n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    NC_CHECK(n >= 0);

    if (nc_sb_reserve(sb, (size_t) n + 1)) {
        vsnprintf(sb->data + sb->len, (size_t) n + 1, fmt, args);
        sb->len += (size_t) n;
        return;
    }

    if (sb->cap > sb->len) {                    /* fixed memory: as much as fits, less the NUL */
        vsnprintf(sb->data + sb->len, sb->cap - sb->len, fmt, args);
        sb->truncated = sb->cap - sb->len < (size_t) n;
        sb->len = NC_MIN(sb->cap - 1, sb->len + (size_t) n);
    }
}


void
nc_sb_printf(nc_sb_t *sb, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    nc_sb_vprintf(sb, fmt, args);
    va_end(args);
}


/* Length of the valid UTF-8 sequence at `p` (1-4), or 0 when it is not one (RFC 3629). */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
    size_t    n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    uint32_t  code = n > 1 ? (uint32_t) p[0] & (0x7fu >> n) : p[0];

    if (n > left) {
        return 0;
    }

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    if ((n == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000)))
        || (n == 4 && (code < 0x10000 || code > 0x10ffff)))
    {
        return 0;
    }

    return n;
}


void
nc_sb_json_escaped(nc_sb_t *sb, nc_str_t s)
{
    const uint8_t  *p = (const uint8_t *) s.data;
    const uint8_t  *end = p + s.len;

    while (p < end) {
        size_t  n = utf8_len(p, (size_t) (end - p));

        if (n == 0 || *p < 0x20 || *p == 0x7f) {
            switch (*p) {
            case '\n': nc_sb_c_add(sb, "\\n"); break;
            case '\r': nc_sb_c_add(sb, "\\r"); break;
            case '\t': nc_sb_c_add(sb, "\\t"); break;
            default:   nc_sb_printf(sb, "\\u%04x", *p);
            }
            p++;
            continue;
        }

        if (*p == '"' || *p == '\\') {
            nc_sb_char(sb, '\\');
        }

        nc_sb_add(sb, p, n);
        p += n;
    }
}


void
nc_sb_json_str(nc_sb_t *sb, nc_str_t s)
{
    nc_sb_char(sb, '"');
    nc_sb_json_escaped(sb, s);
    nc_sb_char(sb, '"');
}
