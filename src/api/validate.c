/*
 * validate.c: the rules of the schema, checked on a message and all below it.
 *
 * Invariants:
 *  1. All violations are reported; a field that could not even be read is not complained of twice.
 *  2. A wrapper (UInt32Value, ...) is checked as the value inside, and only when it is there.
 */
#include "api/validate.h"

#include "api/doc_priv.h"
#include "api/message.h"
#include "api/schema.h"

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>

#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/duration.pb-c.h>

#define MAX_ERRORS  1000u

typedef struct {
    const nc_doc_t  *doc;
    nc_errors_t     *errors;
    nc_pool_t        pool;                      /* of Anys unpacked on the way */
    bool             failed;
    unsigned         depth;
} checker_t;

/* One value under its rules: field, or item, key or value at `index`. */
typedef struct {
    checker_t                       *c;
    const ProtobufCMessage          *message;
    const ProtobufCFieldDescriptor  *field;     /* of the message, for the path */
    const ProtobufCFieldDescriptor  *type;      /* what the value is; the wrapper's inside */
    const void                      *at;
    int64_t                          index;     /* -1: not an element */
    const char                      *key;       /* of a map, or NULL */
    const nc_rule_t                 *rules;     /* of one field and scope */
    unsigned                         n;
} value_t;

#define MEMBER(type, m, at)     ((type const *) (const void *) ((const char *) (m) + (at)))

static void check_message(checker_t *c, const ProtobufCMessage *m);

/* The same place has an error already: what could not be read is not checked. */
static bool
already_reported(const checker_t *c, const nc_doc_place_t *place)
{
    for (const nc_error_t *e = c->errors->first; e != NULL; e = e->next) {
        if (!e->warning && e->line == place->line && e->column == place->column && e->line > 0
            && e->file != NULL && place->file != NULL && strcmp(e->file, place->file) == 0
            && strcmp(e->path, place->path) == 0)
        {
            return true;
        }
    }

    return false;
}

static void
add(checker_t *c, const ProtobufCMessage *m, const char *field, const char *text)
{
    nc_doc_place_t  place;

    c->failed = true;

    if (c->errors->n >= MAX_ERRORS) {
        return;
    }

    nc_doc_locate(c->doc, m, field, &place);

    if (!already_reported(c, &place)) {
        nc_errors_add(c->errors, place.file, place.line, place.column, place.path, "%s", text);
    }
}

static void
complain(const value_t *v, const char *fmt, ...) NC_PRINTF(2, 3);

static void
complain(const value_t *v, const char *fmt, ...)
{
    nc_sb_t  field;
    nc_sb_t  text;
    va_list  args;

    nc_sb_init(&field);
    nc_sb_init(&text);
    nc_sb_c_add(&field, v->field->name);

    if (v->key != NULL) {
        nc_sb_char(&field, '[');
        nc_sb_json_str(&field, nc_str_c(v->key));
        nc_sb_char(&field, ']');
    } else if (v->index >= 0) {
        nc_sb_printf(&field, "[%" PRId64 "]", v->index);
    }

    va_start(args, fmt);
    nc_sb_vprintf(&text, fmt, args);
    va_end(args);

    add(v->c, v->message, nc_sb_c(&field), nc_sb_c(&text));

    nc_sb_fini(&field);
    nc_sb_fini(&text);
}

static bool
has_rule(const value_t *v, nc_rule_op_t op)
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
integer_bits(const value_t *v)
{
    if (nc_field_size(v->type) == 8) {
        return *MEMBER(uint64_t, v->at, 0);
    }

    return is_signed(v->type) ? (uint64_t) (int64_t) *MEMBER(int32_t, v->at, 0)
        : *MEMBER(uint32_t, v->at, 0);
}

static int
integer_order(const value_t *v, int64_t bound)
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
check_membership(const value_t *v, const nc_rule_t *r, nc_str_t text)
{
    bool  is_in = in_list(r->text, text);

    if (r->op == NC_RULE_IN && !is_in) {
        complain(v, "must be one of %s", list_text(r->text));
    } else if (r->op == NC_RULE_NOT_IN && is_in) {
        complain(v, "must not be %.*s", (int) NC_MIN(text.len, 60), text.data);
    }
}

static void
check_integer(const value_t *v)
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
            complain(v, "must be %s %" PRId64 ", not %s", bound, r->num, nc_sb_c(&text));
        } else if (r->op == NC_RULE_IN || r->op == NC_RULE_NOT_IN) {
            check_membership(v, r, nc_sb_str(&text));
        } else if (r->op == NC_RULE_CONST && bits != (uint64_t) r->num) {
            if (v->type->type == PROTOBUF_C_TYPE_BOOL) {
                complain(v, "must be %s when it is there", r->num ? "true" : "false");
            } else {
                complain(v, "must be %" PRId64, r->num);
            }
        } else if (r->op == NC_RULE_DEFINED_ONLY && v->type->type == PROTOBUF_C_TYPE_ENUM
            && protobuf_c_enum_descriptor_get_value(v->type->descriptor, (int) bits) == NULL)
        {
            complain(v, "no value of %s has the number %d",
                ((const ProtobufCEnumDescriptor *) v->type->descriptor)->name, (int) bits);
        }
    }
}

static void
check_real(const value_t *v)
{
    double  value = v->type->type == PROTOBUF_C_TYPE_FLOAT ? (double) *MEMBER(float, v->at, 0)
        : *MEMBER(double, v->at, 0);

    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];
        const char       *bound;

        /* A NaN keeps no bound. */
        bound = broken_bound(r->op, value > r->real ? 1 : value < r->real ? -1
            : value == r->real ? 0 : (r->op == NC_RULE_GT || r->op == NC_RULE_GTE) ? -1 : 1);

        if (bound != NULL) {
            complain(v, "must be %s %g, not %g", bound, r->real, value);
        }
    }
}

/* Letters, digits and the marks of RFC 9110 section 5.6.2; a ':' may come first (pseudo-headers). */
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
check_length(const value_t *v, const nc_rule_t *r, size_t n, const char *unit)
{
    if (r->op == NC_RULE_MIN_LEN || r->op == NC_RULE_MIN_BYTES) {
        if (n == 0 && r->num == 1) {
            complain(v, "must not be empty");
        } else if (n < (size_t) r->num) {
            complain(v, "must have at least %" PRId64 " %s%s, not %zu", r->num, unit,
                plural(r->num), n);
        }
    } else if (r->op == NC_RULE_MAX_LEN || r->op == NC_RULE_MAX_BYTES) {
        if (n > (size_t) r->num) {
            complain(v, "must have at most %" PRId64 " %s%s, not %zu", r->num, unit,
                plural(r->num), n);
        }
    } else if (n != (size_t) r->num) {
        complain(v, "must have %" PRId64 " %s%s, not %zu", r->num, unit, plural(r->num), n);
    }
}

static void
check_header(const value_t *v, nc_rule_op_t op, nc_str_t s)
{
    if (has_rule(v, NC_RULE_LOOSE)) {
        if (has_line_break(s)) {
            complain(v, "must not contain a line break");
        }
    } else if (op == NC_RULE_HTTP_HEADER_NAME ? !is_header_name(s) : !is_header_value(s)) {
        complain(v, op == NC_RULE_HTTP_HEADER_NAME ? "is not a header name"
            : "must not contain control characters");
    }
}

static void
check_text_rule(const value_t *v, const nc_rule_t *r, nc_str_t s)
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
            complain(v, "must match the pattern %s", r->text);
        }
        break;
    case NC_RULE_PREFIX:
        if (!nc_str_starts(s, nc_str_c(r->text))) {
            complain(v, "must begin with %s", r->text);
        }
        break;
    case NC_RULE_SUFFIX:
        if (!nc_str_ends(s, nc_str_c(r->text))) {
            complain(v, "must end with %s", r->text);
        }
        break;
    case NC_RULE_CONTAINS:
    case NC_RULE_NOT_CONTAINS:
        if ((nc_str_find(s, nc_str_c(r->text)) >= 0) != (r->op == NC_RULE_CONTAINS)) {
            complain(v, "must %scontain %s", r->op == NC_RULE_CONTAINS ? "" : "not ", r->text);
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
check_text(const value_t *v)
{
    nc_str_t  s;

    if (v->type->type == PROTOBUF_C_TYPE_STRING) {
        s = nc_str_c(*MEMBER(char *, v->at, 0));
        s.data = s.data ? s.data : "";
    } else {
        const ProtobufCBinaryData  *b = MEMBER(ProtobufCBinaryData, v->at, 0);

        s = nc_str(b->len > 0 ? (const char *) b->data : "", b->len);
    }

    if (s.len == 0 && has_rule(v, NC_RULE_IGNORE_EMPTY)) {
        return;
    }

    for (unsigned i = 0; i < v->n; i++) {
        check_text_rule(v, &v->rules[i], s);
    }
}

static void
check_duration(const value_t *v, const Google__Protobuf__Duration *d)
{
    int64_t  ns;

    if (d->seconds > INT64_C(315576000000) || d->seconds < -INT64_C(315576000000)
        || d->nanos > 999999999 || d->nanos < -999999999
        || (d->seconds > 0 && d->nanos < 0) || (d->seconds < 0 && d->nanos > 0))
    {
        complain(v, "is not a valid duration");
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
            complain(v, "must be %s %s, not %s", bound, duration_text(r->num), nc_sb_c(&is));
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

/* A value that is there. Does not go below messages. */
static void
check_value(value_t *v)
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
        const ProtobufCMessage            *m = *MEMBER(ProtobufCMessage *, v->at, 0);
        const ProtobufCMessageDescriptor  *type = m->descriptor;

        if (type == &google__protobuf__duration__descriptor) {
            check_duration(v, (const Google__Protobuf__Duration *) (const void *) m);
        } else if (is_wrapper(type) && v->n > 0) {
            v->type = &type->fields[0];
            v->at = (const char *) m + v->type->offset;
            check_value(v);
        }
        break;
    }
    default:
        check_integer(v);
        break;
    }
}

/* The rules of `f` at `scope` within those of the message. */
static void
select_rules(value_t *v, const nc_schema_t *s, nc_rule_scope_t scope)
{
    v->rules = NULL;
    v->n = 0;

    for (unsigned i = 0; s != NULL && i < s->n_rules; i++) {
        if (s->rules[i].field == v->field->id && s->rules[i].scope == scope) {
            v->rules = v->rules ? v->rules : &s->rules[i];
            v->n = (unsigned) (&s->rules[i] - v->rules) + 1;
        }
    }
}

static bool
same_value(const ProtobufCFieldDescriptor *f, const void *a, const void *b)
{
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        return strcmp(*MEMBER(char *, a, 0), *MEMBER(char *, b, 0)) == 0;
    }

    if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_BYTES) {
        return false;                           /* Envoy has no such rule */
    }

    return memcmp(a, b, nc_field_size(f)) == 0;
}

/* How many there are, and whether they differ. */
static void
check_count(value_t *v, size_t n, const char *items, bool is_map)
{
    size_t       size = nc_field_size(v->field);
    const char  *unit = is_map ? "entry" : "item";

    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];

        if ((r->op == NC_RULE_MIN_ITEMS || r->op == NC_RULE_MIN_PAIRS) && n < (size_t) r->num) {
            if (r->num == 1) {
                complain(v, "must not be empty");
            } else {
                complain(v, "must have at least %" PRId64 " %s, not %zu", r->num,
                    is_map ? "entries" : "items", n);
            }
        } else if ((r->op == NC_RULE_MAX_ITEMS || r->op == NC_RULE_MAX_PAIRS)
            && n > (size_t) r->num)
        {
            complain(v, "must have at most %" PRId64 " %s%s, not %zu", r->num, unit,
                plural(r->num), n);
        } else if (r->op == NC_RULE_UNIQUE) {
            for (size_t j = 1; j < n && j < 10000; j++) {
                for (size_t k = 0; k < j; k++) {
                    if (same_value(v->field, items + j * size, items + k * size)) {
                        v->index = (int64_t) j;
                        complain(v, "is there already, as item %zu", k);
                        v->index = -1;
                        break;
                    }
                }
            }
        }
    }
}

static void
check_entry(value_t *v, const nc_schema_t *s, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor  *fields = entry->descriptor->fields;
    char                             number[24];
    nc_sb_t                          sb;

    if (fields[0].type == PROTOBUF_C_TYPE_STRING) {
        v->key = *MEMBER(char *, entry, fields[0].offset);
    } else {
        nc_sb_fixed(&sb, number, sizeof(number));
        nc_sb_i64(&sb, nc_field_size(&fields[0]) == 8 ? *MEMBER(int64_t, entry, fields[0].offset)
            : *MEMBER(int32_t, entry, fields[0].offset));
        v->key = nc_sb_c(&sb);
    }

    v->type = &fields[0];
    v->at = (const char *) entry + fields[0].offset;
    select_rules(v, s, NC_RULE_KEYS);
    check_value(v);

    v->type = &fields[1];
    v->at = (const char *) entry + fields[1].offset;
    select_rules(v, s, NC_RULE_VALUES);

    if (v->type->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage  *m = *MEMBER(ProtobufCMessage *, v->at, 0);

        if (m != NULL) {
            check_value(v);
            check_message(v->c, m);
        }
    } else {
        check_value(v);
    }

    v->key = NULL;
}

static void
check_repeated(value_t *v, const nc_schema_t *s)
{
    const ProtobufCFieldDescriptor  *f = v->field;
    size_t                           n = *MEMBER(size_t, v->message, f->quantifier_offset);
    const char                      *items = *MEMBER(char *, v->message, f->offset);
    bool                             is_map = nc_message_is_map(v->message->descriptor, f);

    select_rules(v, s, NC_RULE_SELF);
    check_count(v, n, items, is_map);

    for (size_t i = 0; i < n; i++) {
        v->at = items + i * nc_field_size(f);

        if (is_map) {
            check_entry(v, s, *MEMBER(ProtobufCMessage *, v->at, 0));
            continue;
        }

        v->type = f;
        v->index = (int64_t) i;
        select_rules(v, s, NC_RULE_ITEMS);
        check_value(v);

        if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            check_message(v->c, *MEMBER(ProtobufCMessage *, v->at, 0));
        } else if (v->n == 0) {
            break;                              /* nothing to check in any of them */
        }
    }
}

/* True when the file has the key, so that what is missing was reported when it was read. */
static bool
is_written(const checker_t *c, const ProtobufCMessage *m, const char *field)
{
    for (const nc_origin_t *o = nc_origin_of(c->doc, m); o != NULL; o = o->older) {
        const nc_pair_t  *pair = nc_node_find(o->node, nc_str_c(field));

        if (pair != NULL && !nc_node_is_null(pair->value)) {
            return true;
        }
    }

    return false;
}

static void
check_oneof(checker_t *c, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    nc_sb_t   text;
    unsigned  n = 0;
    bool      written = false;

    if (*MEMBER(uint32_t, m, f->quantifier_offset) != 0) {
        return;
    }

    nc_sb_init(&text);

    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor  *g = &m->descriptor->fields[i];

        if ((g->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0
            && g->quantifier_offset == f->quantifier_offset)
        {
            nc_sb_printf(&text, "%s%s", n++ == 0 ? "" : ", ", g->name);
            written |= is_written(c, m, g->name);
        }
    }

    if (written) {
        c->failed = true;
    } else {
        nc_sb_t  whole;

        nc_sb_init(&whole);
        nc_sb_printf(&whole, "needs %s%s", n == 1 ? "" : "one of ", nc_sb_c(&text));
        add(c, m, "", nc_sb_c(&whole));
        nc_sb_fini(&whole);
    }

    nc_sb_fini(&text);
}

static void
check_singular(value_t *v, const nc_schema_t *s)
{
    const ProtobufCFieldDescriptor  *f = v->field;
    bool                             is_oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    bool                             has = nc_message_has(v->message, f);
    const ProtobufCMessage          *m;

    select_rules(v, s, NC_RULE_SELF);

    for (unsigned i = 0; i < v->n; i++) {
        if (v->rules[i].op == NC_RULE_ONEOF) {
            check_oneof(v->c, v->message, f);
        }
    }

    if (!has && (is_oneof || f->label == PROTOBUF_C_LABEL_OPTIONAL)
        && f->type != PROTOBUF_C_TYPE_MESSAGE)
    {
        return;
    }

    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        check_value(v);
        return;
    }

    if (!has) {
        if (!is_oneof && has_rule(v, NC_RULE_REQUIRED)
            && !is_written(v->c, v->message, f->name))
        {
            complain(v, "is required");
        }
        return;
    }

    m = *MEMBER(ProtobufCMessage *, v->at, 0);
    if (m == NULL || has_rule(v, NC_RULE_SKIP)) {
        return;
    }

    check_value(v);
    check_message(v->c, m);
}

/* The message in an Any whose type is known. */
static void
check_any(checker_t *c, const ProtobufCMessage *any)
{
    const char              *why;
    const ProtobufCMessage  *m = nc_doc_any(c->doc, any, &c->pool, &why);

    if (m != NULL) {
        check_message(c, m);
    }
}

static void
check_message(checker_t *c, const ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;
    const nc_schema_t                 *s;

    if (c->depth > NC_MESSAGE_MAX_DEPTH) {
        return;
    }

    if (strncmp(type->name, "google.protobuf.", 16) == 0) {
        if (type == &google__protobuf__any__descriptor) {
            c->depth++;
            check_any(c, m);
            c->depth--;
        }
        return;
    }

    c->depth++;
    s = nc_schema_find(nc_str_c(type->name));

    for (unsigned i = 0; i < type->n_fields; i++) {
        value_t  v = {
            .c = c,
            .message = m,
            .field = &type->fields[i],
            .type = &type->fields[i],
            .at = (const char *) m + type->fields[i].offset,
            .index = -1,
        };

        if (v.field->label == PROTOBUF_C_LABEL_REPEATED) {
            check_repeated(&v, s);
        } else {
            check_singular(&v, s);
        }
    }

    c->depth--;
}

nc_rc_t
nc_validate(const nc_doc_t *doc, const ProtobufCMessage *message, nc_errors_t *errors)
{
    checker_t  c = { .doc = doc, .errors = errors };

    nc_pool_init(&c.pool, &nc_pool_heap);
    check_message(&c, message);
    nc_pool_fini(&c.pool);

    return c.failed ? NC_ERROR : NC_OK;
}
