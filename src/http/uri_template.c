/* uri_template.c: see uri_template.h. */
#include "http/uri_template.h"

/* Bytes of a segment that stand for themselves (RFC 3986 pchar without '*'). */
#define LITERAL     "a-zA-Z0-9._~%!$&'()+,;:@=-"

#define NAME_MAX_LEN    16u
#define TEXT_MAX        256u

typedef struct {
    nc_str_t            text;
    size_t              at;
    nc_sb_t             out;
    nc_path_pattern_t  *pattern;
    nc_pool_t          *pool;
    bool                glob;                   /* there was a '**': no operator may follow */
    const char         *why;
} parse_t;


static bool
is_literal(char c)
{
    return nc_is_alpha(c) || nc_is_digit(c) || (c != '\0' && strchr("-._~%!$&'()+,;:@=", c));
}


static bool
fail(parse_t *p, const char *why)
{
    p->why = why;

    return false;
}


static void
add_literal(parse_t *p, char c)
{
    if (!nc_is_alpha(c) && !nc_is_digit(c) && c != '/') {
        nc_sb_char(&p->out, '\\');
    }
    nc_sb_char(&p->out, c);
}


/* '*' or '**' at the place. */
static bool
add_glob(parse_t *p)
{
    if (p->glob) {
        return fail(p, "'**' must be the last operator");
    }

    p->at++;

    if (p->at < p->text.len && p->text.data[p->at] == '*') {
        p->at++;
        p->glob = true;
        nc_sb_c_add(&p->out, "[/" LITERAL "]*");
    } else {
        nc_sb_c_add(&p->out, "[" LITERAL "]+");
    }

    return true;
}


/* Name of a variable at the place. */
static bool
read_name(parse_t *p, nc_str_t *name)
{
    size_t  begin = p->at;

    while (p->at < p->text.len && (nc_is_alpha(p->text.data[p->at]) || p->text.data[p->at] == '_'
        || (p->at > begin && nc_is_digit(p->text.data[p->at]))))
    {
        p->at++;
    }

    *name = nc_str(p->text.data + begin, p->at - begin);

    if (name->len == 0 || name->len > NAME_MAX_LEN) {
        return fail(p, "a variable has a name of 1 to 16 letters, digits and '_'");
    }

    return true;
}


/* The pattern of a variable behind its '=': segments of literals, '*', '**'. */
static bool
add_inner(parse_t *p)
{
    bool  operator_before = false;

    for (; p->at < p->text.len && p->text.data[p->at] != '}'; ) {
        char  c = p->text.data[p->at];

        if (c == '*') {
            if (operator_before) {
                return fail(p, "two operators stand side by side");
            }
            operator_before = true;
            if (!add_glob(p)) {
                return false;
            }
            continue;
        }

        if (c != '/' && !is_literal(c)) {
            return fail(p, "a byte must not stand in a path");
        }

        operator_before = false;
        add_literal(p, c);
        p->at++;
    }

    return true;
}


static bool
add_variable(parse_t *p)
{
    nc_str_t  name;

    p->at++;

    if (p->pattern->n_names == NC_PATH_NAMES_MAX) {
        return fail(p, "there are more than 5 variables");
    }

    if (p->glob) {
        return fail(p, "'**' must be the last operator");
    }

    if (!read_name(p, &name)) {
        return false;
    }

    for (uint32_t i = 0; i < p->pattern->n_names; i++) {
        if (nc_str_eq(p->pattern->names[i], name)) {
            return fail(p, "a variable stands there twice");
        }
    }

    p->pattern->names[p->pattern->n_names++] = nc_pool_str(p->pool, name);
    nc_sb_char(&p->out, '(');

    if (p->at < p->text.len && p->text.data[p->at] == '=') {
        size_t  begin = ++p->at;

        if (!add_inner(p)) {
            return false;
        }
        if (p->at == begin) {
            return fail(p, "a variable has an empty pattern");
        }
    } else {
        nc_sb_c_add(&p->out, "[" LITERAL "]+");
    }

    if (p->at >= p->text.len || p->text.data[p->at] != '}') {
        return fail(p, "a variable does not end with '}'");
    }

    p->at++;
    nc_sb_char(&p->out, ')');

    return true;
}


static bool
parse(parse_t *p)
{
    bool  operator_before = false;

    if (p->text.len == 0 || p->text.data[0] != '/') {
        return fail(p, "it does not begin with '/'");
    }

    while (p->at < p->text.len) {
        char  c = p->text.data[p->at];

        if (c == '*' || c == '{') {
            if (operator_before) {
                return fail(p, "two operators stand side by side");
            }
            operator_before = true;
            if (!(c == '*' ? add_glob(p) : add_variable(p))) {
                return false;
            }
            continue;
        }

        if (c == '/' && p->at + 1 < p->text.len && p->text.data[p->at + 1] == '/') {
            return fail(p, "a segment is empty");
        }

        if (c != '/' && !is_literal(c)) {
            return fail(p, "a byte must not stand in a path");
        }

        if (c == '/' && p->glob) {
            return fail(p, "'**' must be in the last segment");
        }

        operator_before = false;
        add_literal(p, c);
        p->at++;
    }

    return true;
}


nc_rc_t
nc_uri_template_compile(nc_pool_t *pool, nc_str_t text, nc_path_pattern_t *out, const char **why)
{
    parse_t  p = { .text = text, .pattern = out, .pool = pool };
    nc_rc_t  rc = NC_ERROR;

    *out = (nc_path_pattern_t) { .n_names = 0 };
    nc_sb_init(&p.out);

    if (text.len > TEXT_MAX) {
        p.why = "it is longer than 256 bytes";

    } else if (parse(&p)) {
        out->regex = nc_pool_str(pool, nc_sb_str(&p.out));
        rc = NC_OK;
    }

    nc_sb_fini(&p.out);
    *why = p.why;

    return rc;
}


/* The next part of a rewrite: literal bytes, or {name}, in *part. False: malformed, or the end. */
static bool
next_part(nc_str_t text, size_t *at, nc_str_t *part, bool *variable, const char **why)
{
    size_t  begin = *at;

    *variable = *at < text.len && text.data[*at] == '{';

    if (!*variable) {
        while (*at < text.len && (text.data[*at] == '/' || is_literal(text.data[*at]))) {
            ++*at;
        }

        *part = nc_str(text.data + begin, *at - begin);
        *why = part->len == 0 && begin < text.len ? "a byte must not stand in a path" : NULL;

        return part->len > 0;
    }

    while (*at < text.len && text.data[*at] != '}') {
        ++*at;
    }

    if (*at == text.len || *at == begin + 1) {
        *why = "a variable is not of the form {name}";
        return false;
    }

    *part = nc_str(text.data + begin + 1, *at - begin - 1);
    ++*at;
    *why = NULL;

    return true;
}


nc_rc_t
nc_uri_rewrite_check(nc_str_t text, const char **why)
{
    size_t    at = 0;
    bool      variable;
    nc_str_t  part;

    if (text.len == 0 || text.data[0] != '/') {
        *why = "it does not begin with '/'";
        return NC_ERROR;
    }

    while (next_part(text, &at, &part, &variable, why)) {
        continue;
    }

    return *why == NULL ? NC_OK : NC_ERROR;
}


nc_rc_t
nc_uri_rewrite_subst(nc_pool_t *pool, const nc_path_pattern_t *pattern, nc_str_t text,
    nc_str_t *subst, const char **why)
{
    size_t    at = 0;
    bool      variable;
    nc_sb_t   out;
    nc_str_t  part;

    nc_sb_init(&out);

    while (next_part(text, &at, &part, &variable, why)) {
        uint32_t  i = 0;

        if (!variable) {
            nc_sb_str_add(&out, part);          /* has no '\\' */
            continue;
        }

        while (i < pattern->n_names && !nc_str_eq(pattern->names[i], part)) {
            i++;
        }

        if (i == pattern->n_names) {
            *why = "a variable is not in the path_template";
            break;
        }

        nc_sb_printf(&out, "\\%u", i + 1);
    }

    *subst = nc_pool_str(pool, nc_sb_str(&out));
    nc_sb_fini(&out);

    return *why == NULL ? NC_OK : NC_ERROR;
}
