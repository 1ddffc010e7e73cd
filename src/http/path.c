/*
 * path.c: see path.h. Common paths need nothing and are told so by one scan over a table of byte
 * classes; the rest is rewritten segment by segment.
 */
#include "http/path.h"

enum {
    PLAIN = 0,                                  /* stays as it is */
    ESCAPE,                                     /* must be percent-encoded in a path */
    UNRESERVED,                                 /* stays; its escape is taken back */
    REFUSED                                     /* NUL: neither raw nor escaped */
};

/* What the URL canonicalisation that Envoy uses does with each byte of a path. */
static const uint8_t  classes[256] = {
    [0x00] = REFUSED,
    [0x01 ... 0x20] = ESCAPE,
    ['"'] = ESCAPE, ['#'] = ESCAPE, ['%'] = ESCAPE, ['<'] = ESCAPE, ['>'] = ESCAPE,
    ['?'] = ESCAPE, ['`'] = ESCAPE, ['{'] = ESCAPE, ['}'] = ESCAPE,
    ['-'] = UNRESERVED, ['.'] = UNRESERVED, ['_'] = UNRESERVED, ['~'] = UNRESERVED,
    ['0' ... '9'] = UNRESERVED, ['A' ... 'Z'] = UNRESERVED, ['a' ... 'z'] = UNRESERVED,
    [0x7F ... 0xFF] = ESCAPE
};


static bool
is_slash(char c)
{
    return c == '/' || c == '\\';
}


/* The byte of the escape at s[i] ("%41"), or -1 when there is no well-formed one. */
static int
escaped_byte(nc_str_t s, size_t i)
{
    int  high, low;

    if (i + 2 >= s.len || s.data[i] != '%') {
        return -1;
    }

    high = nc_hex_value(s.data[i + 1]);
    low = nc_hex_value(s.data[i + 2]);

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}


/* How many bytes at s[i] are a dot, raw or escaped; 0: none. */
static size_t
dot_at(nc_str_t s, size_t i)
{
    if (i < s.len && s.data[i] == '.') {
        return 1;
    }

    return escaped_byte(s, i) == '.' ? 3 : 0;
}


/* True when nothing of what normalize does would change the path. */
static bool
is_normal(nc_str_t s)
{
    if (s.len == 0 || s.data[0] != '/') {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        uint8_t  c = (uint8_t) s.data[i];

        if (c == '.' ? s.data[i - 1] == '/' : c == '\\') {
            return false;
        }

        if (classes[c] == ESCAPE || classes[c] == REFUSED) {
            return false;
        }
    }

    return true;
}


/* Takes the last segment of `out` away, up to and without the slash before it. */
static size_t
back_up(const char *out, size_t n)
{
    NC_ASSERT(n > 0 && out[n - 1] == '/');

    if (n > 1) {
        for (n--; out[n - 1] != '/'; n--) { /* void */ }
    }

    return n;
}


/*
 * When a segment of one or two dots begins at s[i], moves *i behind it and its slash, changes *n
 * accordingly and returns true.
 */
static bool
take_dots(nc_str_t s, size_t *i, const char *out, size_t *n)
{
    size_t  first = dot_at(s, *i);
    size_t  at, second;

    if (first == 0 || *n == 0 || out[*n - 1] != '/') {
        return false;
    }

    at = *i + first;
    second = dot_at(s, at);

    if (at < s.len && !is_slash(s.data[at]) && second == 0) {
        return false;
    }

    if (second > 0) {
        at += second;
        if (at < s.len && !is_slash(s.data[at])) {
            return false;
        }
        *n = back_up(out, *n);
    }

    *i = at < s.len ? at + 1 : at;

    return true;
}


static size_t
put_escaped(char *out, size_t n, uint8_t byte)
{
    static const char  digits[] = "0123456789ABCDEF";

    out[n] = '%';
    out[n + 1] = digits[byte >> 4];
    out[n + 2] = digits[byte & 15];

    return n + 3;
}


/* Dot segments, backslashes and escapes. NC_ERROR: a NUL. */
static nc_rc_t
normalize(nc_str_t s, nc_pool_t *pool, nc_str_t *result)
{
    char   *out = nc_pool_alloc(pool, 3 * s.len + 2);
    size_t  n = 0, i = 0, bare = 0;             /* end of the last '%' that begins no escape */

    if (s.len == 0 || !is_slash(s.data[0])) {
        out[n++] = '/';
    }

    while (i < s.len) {
        uint8_t  c = (uint8_t) s.data[i];
        int      byte;

        if (take_dots(s, &i, out, &n)) {
            bare = bare > n ? 0 : bare;         /* it went with its segment */
            continue;
        }

        if (is_slash((char) c)) {
            out[n++] = '/';
            i++;

        } else if (c == '%') {
            byte = escaped_byte(s, i);

            if (byte < 0) {
                out[n++] = '%';                 /* passed through, as Envoy does */
                bare = n;
                i++;
                continue;
            }

            if (classes[byte] == REFUSED) {
                return NC_ERROR;
            }

            if (classes[byte] == UNRESERVED && (bare == 0 || n > bare + 1)) {
                out[n++] = (char) byte;         /* never made the rest of an escape: "%2%65" */
            } else {
                memcpy(out + n, s.data + i, 3);
                n += 3;
            }
            i += 3;

        } else {
            if (classes[c] == REFUSED) {
                return NC_ERROR;
            }

            if (classes[c] == ESCAPE) {
                n = put_escaped(out, n, c);
            } else {
                out[n++] = (char) c;
            }
            i++;
        }
    }

    *result = nc_str(out, n);

    return NC_OK;
}


/* Takes %2F and %5C back in the path part; true when there was one. */
static bool
unescape_slashes(nc_str_t s, nc_pool_t *pool, nc_str_t *result)
{
    char   *out = NULL;
    size_t  n = 0;

    for (size_t i = 0; i < s.len; i++) {
        int  byte = escaped_byte(s, i);

        if (byte == '/' || byte == '\\') {
            if (out == NULL) {
                out = nc_pool_alloc(pool, s.len);
                memcpy(out, s.data, i);
                n = i;
            }
            out[n++] = (char) byte;
            i += 2;

        } else if (out != NULL) {
            out[n++] = s.data[i];
        }
    }

    if (out != NULL) {
        *result = nc_str(out, n);
    }

    return out != NULL;
}


static nc_str_t
merge_slashes(nc_str_t s, nc_pool_t *pool)
{
    char   *out;
    size_t  n = 0;

    if (nc_str_find(s, NC_STR("//")) < 0) {
        return s;
    }

    out = nc_pool_alloc(pool, s.len);

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '/' || n == 0 || out[n - 1] != '/') {
            out[n++] = s.data[i];
        }
    }

    return nc_str(out, n);
}


nc_path_result_t
nc_path_normalize(const nc_path_options_t *options, nc_str_t path, nc_pool_t *pool, nc_str_t *out)
{
    char              *whole;
    ssize_t            at;
    nc_str_t           only = path, query;
    nc_path_result_t   result = NC_PATH_CONTINUE;

    *out = path;

    if (path.len == 0 || nc_str_eq(path, NC_STR("*"))) {
        return NC_PATH_CONTINUE;
    }

    if (nc_str_chr(path, '#') >= 0) {
        return NC_PATH_REJECT_FRAGMENT;
    }

    at = nc_str_chr(path, '?');
    if (at >= 0) {
        only.len = (size_t) at;
    }
    query = nc_str_skip(path, only.len);

    if (options->escaped_slashes != NC_SLASHES_KEEP && unescape_slashes(only, pool, &only)) {
        if (options->escaped_slashes == NC_SLASHES_REJECT) {
            return NC_PATH_REJECT_SLASHES;
        }
        if (options->escaped_slashes == NC_SLASHES_REDIRECT) {
            result = NC_PATH_REDIRECT;
        }
    }

    if (options->normalize && !is_normal(only) && normalize(only, pool, &only) != NC_OK) {
        return NC_PATH_REJECT;
    }

    if (options->merge_slashes) {
        only = merge_slashes(only, pool);
    }

    if (only.data == path.data) {
        return result;
    }

    whole = nc_pool_alloc(pool, only.len + query.len);
    memcpy(whole, only.data, only.len);
    memcpy(whole + only.len, query.data, query.len);
    *out = nc_str(whole, only.len + query.len);

    return result;
}


nc_str_t
nc_path_only(nc_str_t path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '?' || path.data[i] == '#') {
            path.len = i;
            break;
        }
    }

    return path;
}


nc_str_t
nc_path_unescape(nc_str_t s, nc_pool_t *pool)
{
    char   *out;
    size_t  n = 0;

    if (nc_str_chr(s, '%') < 0) {
        return s;
    }

    out = nc_pool_alloc(pool, s.len);

    for (size_t i = 0; i < s.len; i++) {
        int  byte = escaped_byte(s, i);

        if (byte >= 0) {
            out[n++] = (char) byte;
            i += 2;
        } else {
            out[n++] = s.data[i];
        }
    }

    return nc_str(out, n);
}
