/* node.c: what plain scalars mean, and look-up in the tree between text and message. */
#include "api/node_priv.h"

#include <math.h>

nc_node_t *
nc_node_new(nc_pool_t *pool, nc_node_kind_t kind)
{
    nc_node_t  *node = nc_pool_new(pool, nc_node_t);

    node->kind = kind;

    return node;
}

nc_node_t *
nc_node_scalar(nc_pool_t *pool, nc_str_t text, bool quoted)
{
    nc_node_t  *node = nc_node_new(pool, NC_NODE_SCALAR);

    node->quoted = quoted;
    node->text = nc_pool_str(pool, text);

    return node;
}

/* The word in lower case, Capitalised or UPPER case, as YAML 1.1 has it. */
static bool
is_word(nc_str_t s, const char *word)
{
    nc_str_t  w = nc_str_c(word);
    bool      upper_rest;

    if (!nc_str_caseeq(s, w)) {
        return false;
    }

    if (s.data[0] == word[0]) {
        return nc_str_eq(s, w);
    }

    upper_rest = s.len > 1 && s.data[1] != word[1];

    for (size_t i = 1; i < s.len; i++) {
        if ((s.data[i] != word[i]) != upper_rest) {
            return false;
        }
    }

    return true;
}

static bool
radix_number(nc_str_t s, unsigned radix, double *value)
{
    double  v = 0;

    if (s.len == 0) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        int  digit = nc_hex_value(s.data[i]);

        if (digit < 0 || (unsigned) digit >= radix) {
            return false;
        }

        v = v * radix + digit;
    }

    *value = v;

    return true;
}

/* Digits, with a point and an exponent perhaps: what strtod reads, without its words and hex. */
static bool
decimal_number(nc_str_t s, double *value)
{
    size_t  i = 0;
    size_t  digits = 0;
    char    buf[64];

    while (i < s.len && nc_is_digit(s.data[i])) {
        i++, digits++;
    }

    if (i < s.len && s.data[i] == '.') {
        i++;
        while (i < s.len && nc_is_digit(s.data[i])) {
            i++, digits++;
        }
    }

    if (digits == 0) {
        return false;
    }

    if (i < s.len && (s.data[i] == 'e' || s.data[i] == 'E')) {
        i++;
        if (i < s.len && (s.data[i] == '+' || s.data[i] == '-')) {
            i++;
        }
        if (i == s.len) {
            return false;
        }
        while (i < s.len && nc_is_digit(s.data[i])) {
            i++;
        }
    }

    if (i != s.len || s.len >= sizeof(buf)) {
        return false;
    }

    memcpy(buf, s.data, s.len);
    buf[s.len] = '\0';
    *value = strtod(buf, NULL);

    return isfinite(*value);
}

static bool
text_number(nc_str_t s, double *value)
{
    bool  negative = false;
    bool  ok;

    if (s.len > 1 && (s.data[0] == '-' || s.data[0] == '+')) {
        negative = s.data[0] == '-';
        s = nc_str_skip(s, 1);
    }

    if (s.len == 4 && s.data[0] == '.' && is_word(nc_str_skip(s, 1), "inf")) {
        *value = HUGE_VAL;
        ok = true;
    } else if (nc_str_caseeq(s, NC_STR(".nan"))) {
        *value = NAN;
        ok = true;
    } else if (nc_str_starts(s, NC_STR("0x")) || nc_str_starts(s, NC_STR("0X"))) {
        ok = radix_number(nc_str_skip(s, 2), 16, value);
    } else if (nc_str_starts(s, NC_STR("0o"))) {
        ok = radix_number(nc_str_skip(s, 2), 8, value);
    } else if (s.len > 1 && s.data[0] == '0' && radix_number(nc_str_skip(s, 1), 8, value)) {
        ok = true;
    } else {
        ok = decimal_number(s, value);
    }

    if (ok && negative) {
        *value = -*value;
    }

    return ok;
}

static bool
text_bool(nc_str_t s, bool *value, bool *plain)
{
    static const struct {
        const char  *word;
        bool         value;
        bool         plain;
    } words[] = {
        { "true", true, true }, { "false", false, true },
        { "yes", true, false }, { "no", false, false },
        { "on", true, false }, { "off", false, false },
        { "y", true, false }, { "n", false, false },
    };

    for (size_t i = 0; i < NC_COUNTOF(words); i++) {
        if (is_word(s, words[i].word)) {
            *value = words[i].value;
            *plain = words[i].plain;
            return true;
        }
    }

    return false;
}

static bool
text_null(nc_str_t s)
{
    return s.len == 0 || nc_str_eq(s, NC_STR("~")) || is_word(s, "null");
}

nc_plain_t
nc_node_plain(const nc_node_t *node)
{
    bool    value;
    bool    plain;
    double  number;

    if (node->kind != NC_NODE_SCALAR || node->quoted) {
        return NC_PLAIN_STRING;
    }

    if (text_null(node->text)) {
        return NC_PLAIN_NULL;
    }

    if (text_bool(node->text, &value, &plain)) {
        return plain ? NC_PLAIN_BOOL : NC_PLAIN_WORD_BOOL;
    }

    return text_number(node->text, &number) ? NC_PLAIN_NUMBER : NC_PLAIN_STRING;
}

bool
nc_node_is_null(const nc_node_t *node)
{
    return node->kind == NC_NODE_SCALAR && !node->quoted && text_null(node->text);
}

bool
nc_node_bool(const nc_node_t *node, bool *value)
{
    bool  plain;

    return node->kind == NC_NODE_SCALAR && text_bool(node->text, value, &plain)
        && (plain || !node->quoted);
}

bool
nc_node_number(const nc_node_t *node, double *value)
{
    return node->kind == NC_NODE_SCALAR && text_number(node->text, value);
}

bool
nc_name_matches(const char *name, nc_str_t key)
{
    bool    upper = false;
    size_t  i = 0;

    if (nc_str_eq(nc_str_c(name), key)) {
        return true;
    }

    for (; *name != '\0'; name++) {
        char  c = *name;

        if (c == '_') {
            upper = true;
            continue;
        }

        if (upper && c >= 'a' && c <= 'z') {
            c = (char) (c - 'a' + 'A');
        }

        upper = false;

        if (i == key.len || key.data[i++] != c) {
            return false;
        }
    }

    return i == key.len;
}

const nc_pair_t *
nc_node_find(const nc_node_t *map, nc_str_t name)
{
    char  buf[256];

    if (map == NULL || map->kind != NC_NODE_MAP || name.len >= sizeof(buf)) {
        return NULL;
    }

    memcpy(buf, name.data, name.len);
    buf[name.len] = '\0';

    for (uint32_t i = 0; i < map->n; i++) {
        if (nc_name_matches(buf, map->pairs[i].key->text)) {
            return &map->pairs[i];
        }
    }

    return NULL;
}

const char *
nc_node_describe(const nc_node_t *node)
{
    static char  buf[128];
    nc_sb_t      sb;
    size_t       len;

    if (node->kind == NC_NODE_LIST) {
        return "a list";
    }

    if (node->kind == NC_NODE_MAP) {
        return "a mapping";
    }

    if (nc_node_is_null(node)) {
        return "nothing";
    }

    /* Cut between characters, not inside one. */
    len = NC_MIN(node->text.len, 40);
    while (len < node->text.len && len > 0 && (node->text.data[len] & 0xc0) == 0x80) {
        len--;
    }

    nc_sb_fixed(&sb, buf, sizeof(buf));
    nc_sb_char(&sb, node->quoted ? '"' : '\'');
    nc_sb_json_escaped(&sb, nc_str(node->text.data, len));
    nc_sb_c_add(&sb, len < node->text.len ? "..." : "");
    nc_sb_char(&sb, node->quoted ? '"' : '\'');

    return nc_sb_c(&sb);
}

bool
nc_text_ok(nc_str_t text)
{
    const unsigned char  *p = (const unsigned char *) (text.data ? text.data : "");
    const unsigned char  *end = p + text.len;

    while (p < end) {
        unsigned  c = *p++;
        unsigned  more;
        uint32_t  code;

        if (c < 0x80) {
            if (c == 0) {
                return false;
            }
            continue;
        }

        if (c >= 0xc2 && c <= 0xdf) {
            more = 1, code = c & 0x1f;
        } else if (c >= 0xe0 && c <= 0xef) {
            more = 2, code = c & 0x0f;
        } else if (c >= 0xf0 && c <= 0xf4) {
            more = 3, code = c & 0x07;
        } else {
            return false;
        }

        if ((size_t) (end - p) < more) {
            return false;
        }

        for (unsigned i = 0; i < more; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (p[i] & 0x3f);
        }

        p += more;

        if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10ffff))
            || (code >= 0xd800 && code <= 0xdfff))
        {
            return false;
        }
    }

    return true;
}
