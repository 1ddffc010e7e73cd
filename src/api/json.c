/*
 * json.c: JSON text to a tree of nodes. Own code, because positions of values are needed and YAML's
 * rules differ from JSON's in escapes and white space. RFC 8259, and as real files ask for it: a
 * comma before a closing bracket is passed over.
 *
 * Invariant: recursion is as deep as the text is nested, at most NC_DOC_MAX_DEPTH.
 */
#include "api/node_priv.h"

#include "api/doc.h"
#include "base/hash.h"
#include "base/vec.h"

typedef struct {
    const char   *at;
    const char   *end;
    const char   *line_start;
    unsigned      line;
    nc_pool_t    *pool;
    nc_errors_t  *errors;
    const char   *file;
    unsigned      depth;
    nc_sb_t       text;                         /* of the string being read */
} reader_t;

static nc_node_t *read_value(reader_t *r);

static void
report_at(reader_t *r, const char *at, const char *text)
{
    nc_errors_add(r->errors, r->file, r->line, (unsigned) (at - r->line_start) + 1, "",
        "not JSON: %s", text);
}

static void
skip_space(reader_t *r)
{
    for ( ; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            break;
        }
    }
}

static bool
take(reader_t *r, char c)
{
    skip_space(r);

    if (r->at < r->end && *r->at == c) {
        r->at++;
        return true;
    }

    return false;
}

static void
add_utf8(nc_sb_t *sb, uint32_t code)
{
    if (code < 0x80) {
        nc_sb_char(sb, (char) code);
    } else if (code < 0x800) {
        nc_sb_char(sb, (char) (0xc0 | code >> 6));
        nc_sb_char(sb, (char) (0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        nc_sb_char(sb, (char) (0xe0 | code >> 12));
        nc_sb_char(sb, (char) (0x80 | (code >> 6 & 0x3f)));
        nc_sb_char(sb, (char) (0x80 | (code & 0x3f)));
    } else {
        nc_sb_char(sb, (char) (0xf0 | code >> 18));
        nc_sb_char(sb, (char) (0x80 | (code >> 12 & 0x3f)));
        nc_sb_char(sb, (char) (0x80 | (code >> 6 & 0x3f)));
        nc_sb_char(sb, (char) (0x80 | (code & 0x3f)));
    }
}

/* Four hexadecimal digits behind \u. */
static bool
read_hex4(reader_t *r, uint32_t *code)
{
    uint32_t  v = 0;

    if (r->end - r->at < 4) {
        return false;
    }

    for (unsigned i = 0; i < 4; i++) {
        int  digit = nc_hex_value(r->at[i]);

        if (digit < 0) {
            return false;
        }

        v = v << 4 | (uint32_t) digit;
    }

    r->at += 4;
    *code = v;

    return true;
}

/* \uXXXX, a surrogate pair taken together. */
static bool
read_unicode(reader_t *r)
{
    uint32_t  code;
    uint32_t  low;

    if (!read_hex4(r, &code) || code == 0) {
        return false;
    }

    if (code >= 0xd800 && code <= 0xdbff) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') {
            return false;
        }
        r->at += 2;
        if (!read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return false;
    }

    add_utf8(&r->text, code);

    return true;
}

static bool
read_escape(reader_t *r)
{
    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";
    const char        *p;

    if (r->at == r->end) {
        return false;
    }

    if (*r->at == 'u') {
        r->at++;
        return read_unicode(r);
    }

    p = memchr(from, *r->at, sizeof(from) - 1);
    if (p == NULL) {
        return false;
    }

    nc_sb_char(&r->text, to[p - from]);
    r->at++;

    return true;
}

/* The rest of a string behind its opening quote, into r->text. */
static bool
read_string(reader_t *r, const char *start)
{
    nc_sb_reset(&r->text);

    while (r->at < r->end) {
        const char  *run = r->at;

        while (r->at < r->end && *r->at != '"' && *r->at != '\\'
            && (unsigned char) *r->at >= 0x20)
        {
            r->at++;
        }

        nc_sb_add(&r->text, run, (size_t) (r->at - run));

        if (r->at == r->end || (unsigned char) *r->at < 0x20) {
            break;
        }

        if (*r->at++ == '"') {
            if (!nc_text_ok(nc_sb_str(&r->text))) {
                report_at(r, start, "a string that is not UTF-8");
                return false;
            }
            return true;
        }

        run = r->at - 1;
        if (!read_escape(r)) {
            report_at(r, run, "an escape sequence that does not exist");
            return false;
        }
    }

    report_at(r, start, r->at < r->end ? "a control character in a string"
        : "a string without its closing quote");

    return false;
}

static nc_node_t *
start_node(reader_t *r, nc_node_kind_t kind)
{
    nc_node_t  *node = nc_node_new(r->pool, kind);

    node->line = r->line;
    node->column = (uint32_t) (r->at - r->line_start) + 1;

    return node;
}

static nc_node_t *
read_string_node(reader_t *r)
{
    nc_node_t   *node = start_node(r, NC_NODE_SCALAR);
    const char  *start = r->at++;

    if (!read_string(r, start)) {
        return NULL;
    }

    node->quoted = true;
    node->text = nc_pool_str(r->pool, nc_sb_str(&r->text));

    return node;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool
is_json_number(nc_str_t s)
{
    const char  *p = s.data;
    const char  *end = p + s.len;
    const char  *digits;

    p += p < end && *p == '-';

    for (digits = p; p < end && nc_is_digit(*p); p++) { /* void */ }

    if (p == digits || (*digits == '0' && p - digits > 1)) {
        return false;
    }

    if (p < end && *p == '.') {
        for (digits = ++p; p < end && nc_is_digit(*p); p++) { /* void */ }
        if (p == digits) {
            return false;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        for (digits = p; p < end && nc_is_digit(*p); p++) { /* void */ }
        if (p == digits) {
            return false;
        }
    }

    return p == end;
}

/* true, false, null or a number. */
static nc_node_t *
read_word(reader_t *r)
{
    nc_node_t   *node = start_node(r, NC_NODE_SCALAR);
    const char  *start = r->at;
    nc_str_t     word;

    while (r->at < r->end && (nc_is_alpha(*r->at) || nc_is_digit(*r->at) || *r->at == '-'
        || *r->at == '+' || *r->at == '.'))
    {
        r->at++;
    }

    word = nc_str(start, (size_t) (r->at - start));

    if (!nc_str_eq(word, NC_STR("true")) && !nc_str_eq(word, NC_STR("false"))
        && !nc_str_eq(word, NC_STR("null")) && !is_json_number(word))
    {
        report_at(r, start, word.len == 0 ? "a value is expected here"
            : "neither a number nor true, false or null");
        return NULL;
    }

    node->text = nc_pool_str(r->pool, word);

    return node;
}

static nc_node_t *
read_list(reader_t *r)
{
    nc_node_t            *node = start_node(r, NC_NODE_LIST);
    NC_VEC(nc_node_t *)   items = NC_VEC_INIT;

    r->at++;

    while (!take(r, ']')) {
        nc_node_t  *item = read_value(r);

        if (item == NULL) {
            goto fail;
        }

        nc_vec_push(&items, item);

        if (!take(r, ',')) {
            if (take(r, ']')) {
                break;
            }
            report_at(r, r->at, "',' or ']' is expected here");
            goto fail;
        }
    }

    node->n = (uint32_t) items.n;
    node->items = nc_pool_array(r->pool, items.n, sizeof(nc_node_t *));
    if (items.n > 0) {
        memcpy(node->items, items.items, items.n * sizeof(nc_node_t *));
    }
    nc_vec_fini(&items);

    return node;

fail:

    nc_vec_fini(&items);

    return NULL;
}

/* One `"key": value`, its key not in `seen` yet. */
static bool
read_pair(reader_t *r, nc_map_t *seen, nc_pair_t *pair)
{
    nc_node_t  *first;

    skip_space(r);

    if (r->at == r->end || *r->at != '"') {
        report_at(r, r->at, "a key in double quotes is expected here");
        return false;
    }

    pair->key = read_string_node(r);
    if (pair->key == NULL) {
        return false;
    }

    first = nc_map_set(seen, pair->key->text, pair->key);
    if (first != NULL) {
        nc_errors_add(r->errors, r->file, pair->key->line, pair->key->column, "",
            "the key %s is there already, in line %u", nc_node_describe(pair->key), first->line);
        return false;
    }

    if (!take(r, ':')) {
        report_at(r, r->at, "':' is expected here");
        return false;
    }

    pair->value = read_value(r);

    return pair->value != NULL;
}

static nc_node_t *
read_map(reader_t *r)
{
    nc_node_t          *node = start_node(r, NC_NODE_MAP);
    NC_VEC(nc_pair_t)   pairs = NC_VEC_INIT;
    nc_map_t            seen;

    nc_map_init(&seen);
    r->at++;

    while (!take(r, '}')) {
        nc_pair_t  pair;

        if (!read_pair(r, &seen, &pair)) {
            goto fail;
        }

        nc_vec_push(&pairs, pair);

        if (!take(r, ',')) {
            if (take(r, '}')) {
                break;
            }
            report_at(r, r->at, "',' or '}' is expected here");
            goto fail;
        }
    }

    node->n = (uint32_t) pairs.n;
    node->pairs = nc_pool_array(r->pool, pairs.n, sizeof(nc_pair_t));
    if (pairs.n > 0) {
        memcpy(node->pairs, pairs.items, pairs.n * sizeof(nc_pair_t));
    }
    nc_vec_fini(&pairs);
    nc_map_fini(&seen);

    return node;

fail:

    nc_vec_fini(&pairs);
    nc_map_fini(&seen);

    return NULL;
}

static nc_node_t *
read_value(reader_t *r)
{
    nc_node_t  *node;

    skip_space(r);

    if (r->depth == NC_DOC_MAX_DEPTH) {
        report_at(r, r->at, "nested more than 200 deep");
        return NULL;
    }

    r->depth++;

    if (r->at < r->end && *r->at == '{') {
        node = read_map(r);
    } else if (r->at < r->end && *r->at == '[') {
        node = read_list(r);
    } else if (r->at < r->end && *r->at == '"') {
        node = read_string_node(r);
    } else {
        node = read_word(r);
    }

    r->depth--;

    return node;
}

nc_rc_t
nc_json_read(nc_pool_t *pool, const char *file, nc_str_t text, nc_errors_t *errors,
    nc_node_t **root)
{
    reader_t  r = {
        .at = text.data ? text.data : "",
        .pool = pool,
        .errors = errors,
        .file = file,
        .line = 1,
    };

    *root = NULL;
    r.end = r.at + text.len;

    if (nc_str_starts(text, NC_STR("\xef\xbb\xbf"))) {         /* a byte order mark */
        r.at += 3;
    }

    r.line_start = r.at;

    skip_space(&r);
    if (r.at == r.end) {
        return NC_OK;
    }

    nc_sb_init(&r.text);
    *root = read_value(&r);
    nc_sb_fini(&r.text);

    if (*root == NULL) {
        return NC_ERROR;
    }

    skip_space(&r);
    if (r.at < r.end) {
        report_at(&r, r.at, "something behind the end");
        *root = NULL;
        return NC_ERROR;
    }

    if (nc_node_is_null(*root)) {
        *root = NULL;
    }

    return NC_OK;
}
