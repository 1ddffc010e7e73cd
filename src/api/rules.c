/* rules.c: the rules of single values: texts, numbers, durations. */
#include "api/validate_priv.h"

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>

#include <google/protobuf/duration.pb-c.h>

bool
nc_value_has_rule(const nc_value_t *v, nc_rule_op_t op)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (v->rules[i].op == op) {
            return true;
        }
    }

    return false;
}

/* "0.25s" out of nanoseconds; valid until the next call. */
static const char *
duration_text(int64_t ns)
{
    static char  buf[48];
    nc_sb_t      sb;

    nc_sb_fixed(&sb, buf, sizeof(buf));
    nc_format_duration(&sb, ns / 1000000000, (int32_t) (ns % 1000000000));

    return nc_sb_c(&sb);
}

/* "greater than", ... of a bound that `order` (value against bound: <0, 0, >0) does not keep. */
static const char *
broken_bound(nc_rule_op_t op, int order)
{
    switch (op) {
    case NC_RULE_GT:
        return order > 0 ? NULL : "greater than";
    case NC_RULE_GTE:
        return order >= 0 ? NULL : "at least";
    case NC_RULE_LT:
        return order < 0 ? NULL : "less than";
    case NC_RULE_LTE:
        return order <= 0 ? NULL : "at most";
    default:
        return NULL;
    }
}

static bool
is_signed(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_BOOL:
        return false;
    default:
        return true;
    }
}

/* The bits of an integer, an enum or a bool. */
static uint64_t
integer_bits(const nc_value_t *v)
{
    if (nc_field_size(v->type) == 8) {
        return *NC_MEMBER(uint64_t, v->at, 0);
    }

    return is_signed(v->type) ? (uint64_t) (int64_t) *NC_MEMBER(int32_t, v->at, 0)
        : *NC_MEMBER(uint32_t, v->at, 0);
}

static int
integer_order(const nc_value_t *v, int64_t bound)
{
    uint64_t  bits = integer_bits(v);

    if (is_signed(v->type)) {
        return ((int64_t) bits > bound) - ((int64_t) bits < bound);
    }

    return bound < 0 ? 1 : (bits > (uint64_t) bound) - (bits < (uint64_t) bound);
}

/* True when `text` is a line of `list`. */
static bool
in_list(const char *list, nc_str_t text)
{
    nc_str_t  rest = nc_str_c(list);
    nc_str_t  line;

    while (nc_str_split(&rest, '\n', &line)) {
        if (nc_str_eq(line, text)) {
            return true;
        }
    }

    return list[0] == '\0' && text.len == 0;
}

/* The lines of `list` as "a, b, c". */
static const char *
list_text(const char *list)
{
    static char  buf[512];
    nc_sb_t      sb;

    nc_sb_fixed(&sb, buf, sizeof(buf));

    for ( ; *list != '\0'; list++) {
        if (*list == '\n') {
            nc_sb_c_add(&sb, ", ");
        } else {
            nc_sb_char(&sb, *list);
        }
    }

    return nc_sb_c(&sb);
}

static void
check_membership(const nc_value_t *v, const nc_rule_t *r, nc_str_t text)
{
    bool  is_in = in_list(r->text, text);

    if (r->op == NC_RULE_IN && !is_in) {
        nc_value_complain(v, "must be one of %s", list_text(r->text));
    } else if (r->op == NC_RULE_NOT_IN && is_in) {
        nc_value_complain(v, "must not be %.*s", (int) NC_MIN(text.len, 60), text.data);
    }
}

static void
check_integer(const nc_value_t *v)
{
    uint64_t  bits = integer_bits(v);
    char      buf[24];
    nc_sb_t   text;

    nc_sb_fixed(&text, buf, sizeof(buf));
    if (is_signed(v->type)) {
        nc_sb_i64(&text, (int64_t) bits);
    } else {
        nc_sb_u64(&text, bits);
    }

    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];
        const char       *bound = broken_bound(r->op, integer_order(v, r->num));

        if (bound != NULL) {
            nc_value_complain(v, "must be %s %" PRId64 ", not %s", bound, r->num, nc_sb_c(&text));
        } else if (r->op == NC_RULE_IN || r->op == NC_RULE_NOT_IN) {
            check_membership(v, r, nc_sb_str(&text));
        } else if (r->op == NC_RULE_CONST && bits != (uint64_t) r->num) {
            if (v->type->type == PROTOBUF_C_TYPE_BOOL) {
                nc_value_complain(v, "must be %s when it is there", r->num ? "true" : "false");
            } else {
                nc_value_complain(v, "must be %" PRId64, r->num);
            }
        } else if (r->op == NC_RULE_DEFINED_ONLY && v->type->type == PROTOBUF_C_TYPE_ENUM
            && protobuf_c_enum_descriptor_get_value(v->type->descriptor, (int) bits) == NULL)
        {
            nc_value_complain(v, "no value of %s has the number %d",
                ((const ProtobufCEnumDescriptor *) v->type->descriptor)->name, (int) bits);
        }
    }
}

static void
check_real(const nc_value_t *v)
{
    double  value = v->type->type == PROTOBUF_C_TYPE_FLOAT ? (double) *NC_MEMBER(float, v->at, 0)
        : *NC_MEMBER(double, v->at, 0);

    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];
        const char       *bound;

        /* A NaN keeps no bound. */
        bound = broken_bound(r->op, value > r->real ? 1 : value < r->real ? -1
            : value == r->real ? 0 : (r->op == NC_RULE_GT || r->op == NC_RULE_GTE) ? -1 : 1);

        if (bound != NULL) {
            nc_value_complain(v, "must be %s %g, not %g", bound, r->real, value);
        }
    }
}

/* Letters, digits, marks of RFC 9110 section 5.6.2; a ':' may come first (pseudo-headers). */
static bool
is_header_name(nc_str_t s)
{
    static const char  marks[] = "!#$%&'*+-.^_|~`";

    if (s.len > 0 && s.data[0] == ':') {
        s = nc_str_skip(s, 1);
    }

    for (size_t i = 0; i < s.len; i++) {
        char  c = s.data[i];

        if (!nc_is_alpha(c) && !nc_is_digit(c) && memchr(marks, c, sizeof(marks) - 1) == NULL) {
            return false;
        }
    }

    return s.len > 0;
}

/* No control characters but the tab. */
static bool
is_header_value(nc_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char  c = (unsigned char) s.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }

    return true;
}

static bool
has_line_break(nc_str_t s)
{
    return nc_str_chr(s, '\r') >= 0 || nc_str_chr(s, '\n') >= 0 || nc_str_chr(s, '\0') >= 0;
}

static bool
pattern_found(const char *pattern, nc_str_t text)
{
    int                code;
    size_t             offset;
    pcre2_code        *re;
    pcre2_match_data  *match;
    bool               found;

    re = pcre2_compile((PCRE2_SPTR) pattern, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &offset, NULL);
    NC_CHECK(re != NULL);

    match = pcre2_match_data_create(1, NULL);
    NC_CHECK(match != NULL);
    found = pcre2_match(re, (PCRE2_SPTR) text.data, text.len, 0, 0, match, NULL) >= 0;
    pcre2_match_data_free(match);
    pcre2_code_free(re);

    return found;
}

static size_t
characters(nc_str_t s)
{
    size_t  n = 0;

    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char) s.data[i] & 0xc0) != 0x80;
    }

    return n;
}

static const char *
plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* Lengths; `unit` is what is counted. */
static void
check_length(const nc_value_t *v, const nc_rule_t *r, size_t n, const char *unit)
{
    if (r->op == NC_RULE_MIN_LEN || r->op == NC_RULE_MIN_BYTES) {
        if (n == 0 && r->num == 1) {
            nc_value_complain(v, "must not be empty");
        } else if (n < (size_t) r->num) {
            nc_value_complain(v, "must have at least %" PRId64 " %s%s, not %zu", r->num, unit,
                plural(r->num), n);
        }
    } else if (r->op == NC_RULE_MAX_LEN || r->op == NC_RULE_MAX_BYTES) {
        if (n > (size_t) r->num) {
            nc_value_complain(v, "must have at most %" PRId64 " %s%s, not %zu", r->num, unit,
                plural(r->num), n);
        }
    } else if (n != (size_t) r->num) {
        nc_value_complain(v, "must have %" PRId64 " %s%s, not %zu", r->num, unit,
            plural(r->num), n);
    }
}

static void
check_header(const nc_value_t *v, nc_rule_op_t op, nc_str_t s)
{
    if (nc_value_has_rule(v, NC_RULE_LOOSE)) {
        if (has_line_break(s)) {
            nc_value_complain(v, "must not contain a line break");
        }
    } else if (op == NC_RULE_HTTP_HEADER_NAME ? !is_header_name(s) : !is_header_value(s)) {
        nc_value_complain(v, op == NC_RULE_HTTP_HEADER_NAME ? "is not a header name"
            : "must not contain control characters");
    }
}

static void
check_text_rule(const nc_value_t *v, const nc_rule_t *r, nc_str_t s)
{
    bool  is_text = v->type->type == PROTOBUF_C_TYPE_STRING;

    switch (r->op) {
    case NC_RULE_LEN:
    case NC_RULE_MIN_LEN:
    case NC_RULE_MAX_LEN:
        check_length(v, r, is_text ? characters(s) : s.len, is_text ? "character" : "byte");
        break;
    case NC_RULE_MIN_BYTES:
    case NC_RULE_MAX_BYTES:
        check_length(v, r, s.len, "byte");
        break;
    case NC_RULE_PATTERN:
        if (!pattern_found(r->text, s)) {
            nc_value_complain(v, "must match the pattern %s", r->text);
        }
        break;
    case NC_RULE_PREFIX:
        if (!nc_str_starts(s, nc_str_c(r->text))) {
            nc_value_complain(v, "must begin with %s", r->text);
        }
        break;
    case NC_RULE_SUFFIX:
        if (!nc_str_ends(s, nc_str_c(r->text))) {
            nc_value_complain(v, "must end with %s", r->text);
        }
        break;
    case NC_RULE_CONTAINS:
    case NC_RULE_NOT_CONTAINS:
        if ((nc_str_find(s, nc_str_c(r->text)) >= 0) != (r->op == NC_RULE_CONTAINS)) {
            nc_value_complain(v, "must %scontain %s",
                r->op == NC_RULE_CONTAINS ? "" : "not ", r->text);
        }
        break;
    case NC_RULE_HTTP_HEADER_NAME:
    case NC_RULE_HTTP_HEADER_VALUE:
        check_header(v, r->op, s);
        break;
    case NC_RULE_IN:
    case NC_RULE_NOT_IN:
        check_membership(v, r, s);
        break;
    default:
        break;
    }
}

static void
check_text(const nc_value_t *v)
{
    nc_str_t  s;

    if (v->type->type == PROTOBUF_C_TYPE_STRING) {
        s = nc_str_c(*NC_MEMBER(char *, v->at, 0));
        s.data = s.data ? s.data : "";
    } else {
        const ProtobufCBinaryData  *b = NC_MEMBER(ProtobufCBinaryData, v->at, 0);

        s = nc_str(b->len > 0 ? (const char *) b->data : "", b->len);
    }

    if (s.len == 0 && nc_value_has_rule(v, NC_RULE_IGNORE_EMPTY)) {
        return;
    }

    for (unsigned i = 0; i < v->n; i++) {
        check_text_rule(v, &v->rules[i], s);
    }
}

static void
check_duration(const nc_value_t *v, const Google__Protobuf__Duration *d)
{
    int64_t  ns;

    if (d->seconds > INT64_C(315576000000) || d->seconds < -INT64_C(315576000000)
        || d->nanos > 999999999 || d->nanos < -999999999
        || (d->seconds > 0 && d->nanos < 0) || (d->seconds < 0 && d->nanos > 0))
    {
        nc_value_complain(v, "is not a valid duration");
        return;
    }

    /* Beyond 292 years nanoseconds overflow; any bound is far below. */
    if (__builtin_mul_overflow(d->seconds, INT64_C(1000000000), &ns)) {
        ns = d->seconds > 0 ? INT64_MAX : INT64_MIN;
    } else {
        (void) __builtin_add_overflow(ns, (int64_t) d->nanos, &ns);
    }

    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];
        const char       *bound = broken_bound(r->op, (ns > r->num) - (ns < r->num));

        if (bound != NULL) {
            nc_sb_t  is;

            nc_sb_init(&is);
            nc_format_duration(&is, d->seconds, d->nanos);
            nc_value_complain(v, "must be %s %s, not %s", bound, duration_text(r->num),
                nc_sb_c(&is));
            nc_sb_fini(&is);
        }
    }
}

static bool
is_wrapper(const ProtobufCMessageDescriptor *type)
{
    return strncmp(type->name, "google.protobuf.", 16) == 0 && type->n_fields == 1
        && nc_str_ends(nc_str_c(type->name), NC_STR("Value"))
        && strcmp(type->fields[0].name, "value") == 0;
}

void
nc_value_check(nc_value_t *v)
{
    if (v->n == 0 && v->type->type != PROTOBUF_C_TYPE_MESSAGE) {
        return;
    }

    switch (v->type->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        check_text(v);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        check_real(v);
        break;
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage            *m = *NC_MEMBER(ProtobufCMessage *, v->at, 0);
        const ProtobufCMessageDescriptor  *type = m->descriptor;

        if (type == &google__protobuf__duration__descriptor) {
            check_duration(v, (const Google__Protobuf__Duration *) (const void *) m);
        } else if (is_wrapper(type) && v->n > 0) {
            v->type = &type->fields[0];
            v->at = (const char *) m + v->type->offset;
            nc_value_check(v);
        }
        break;
    }
    default:
        check_integer(v);
        break;
    }
}
