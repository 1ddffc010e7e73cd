/*
 * validate.c: the rules of the schema, checked on a message and all below it.
 *
 * Invariants:
 *  1. All violations are reported; a field that could not even be read is not complained of twice.
 *  2. A wrapper (UInt32Value, ...) is checked as the value inside, and only when it is there.
 */
#include "api/validate.h"

#include "api/message.h"
#include "api/validate_priv.h"

#include <google/protobuf/any.pb-c.h>

#define MAX_ERRORS    1000u                     /* more are not shown */
#define MAX_COMPARED  10000u                    /* items of a list that must differ */

static void check_message(nc_checker_t *c, const ProtobufCMessage *m);

/* The same place has an error already: what could not be read is not checked. */
static bool
already_reported(const nc_checker_t *c, const nc_doc_place_t *place)
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
add(nc_checker_t *c, const ProtobufCMessage *m, const char *field, const char *text)
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

void
nc_value_complain(const nc_value_t *v, const char *fmt, ...)
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

/* The rules of `f` at `scope` within those of the message. */
static void
select_rules(nc_value_t *v, const nc_schema_t *s, nc_rule_scope_t scope)
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
        return strcmp(*NC_MEMBER(char *, a, 0), *NC_MEMBER(char *, b, 0)) == 0;
    }

    if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_BYTES) {
        return false;                           /* Envoy has no such rule */
    }

    return memcmp(a, b, nc_field_size(f)) == 0;
}

/* "item", "entries", ... */
static const char *
counted(bool is_map, int64_t n)
{
    if (is_map) {
        return n == 1 ? "entry" : "entries";
    }

    return n == 1 ? "item" : "items";
}

static void
check_unique(nc_value_t *v, size_t n, const char *items)
{
    size_t  size = nc_field_size(v->field);

    for (size_t j = 1; j < n && j < MAX_COMPARED; j++) {
        for (size_t k = 0; k < j; k++) {
            if (same_value(v->field, items + j * size, items + k * size)) {
                v->index = (int64_t) j;
                nc_value_complain(v, "is there already, as item %zu", k);
                v->index = -1;
                break;
            }
        }
    }
}

/* How many there are, and whether they differ. */
static void
check_count(nc_value_t *v, size_t n, const char *items, bool is_map)
{
    for (unsigned i = 0; i < v->n; i++) {
        const nc_rule_t  *r = &v->rules[i];
        bool              is_min = r->op == NC_RULE_MIN_ITEMS || r->op == NC_RULE_MIN_PAIRS;
        bool              is_max = r->op == NC_RULE_MAX_ITEMS || r->op == NC_RULE_MAX_PAIRS;

        if (is_min && n == 0 && r->num == 1) {
            nc_value_complain(v, "must not be empty");
        } else if ((is_min && n < (size_t) r->num) || (is_max && n > (size_t) r->num)) {
            nc_value_complain(v, "must have at %s %" PRId64 " %s, not %zu",
                is_min ? "least" : "most", r->num, counted(is_map, r->num), n);
        } else if (r->op == NC_RULE_UNIQUE) {
            check_unique(v, n, items);
        }
    }
}

static void
check_entry(nc_value_t *v, const nc_schema_t *s, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor  *fields = entry->descriptor->fields;
    char                             number[24];
    nc_sb_t                          sb;

    if (fields[0].type == PROTOBUF_C_TYPE_STRING) {
        v->key = *NC_MEMBER(char *, entry, fields[0].offset);
    } else {
        nc_sb_fixed(&sb, number, sizeof(number));
        nc_sb_i64(&sb, nc_field_size(&fields[0]) == 8 ? *NC_MEMBER(int64_t, entry, fields[0].offset)
            : *NC_MEMBER(int32_t, entry, fields[0].offset));
        v->key = nc_sb_c(&sb);
    }

    v->type = &fields[0];
    v->at = (const char *) entry + fields[0].offset;
    select_rules(v, s, NC_RULE_KEYS);
    nc_value_check(v);

    v->type = &fields[1];
    v->at = (const char *) entry + fields[1].offset;
    select_rules(v, s, NC_RULE_VALUES);

    if (v->type->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage  *m = *NC_MEMBER(ProtobufCMessage *, v->at, 0);

        if (m != NULL) {
            nc_value_check(v);
            check_message(v->c, m);
        }
    } else {
        nc_value_check(v);
    }

    v->key = NULL;
}

static void
check_repeated(nc_value_t *v, const nc_schema_t *s)
{
    const ProtobufCFieldDescriptor  *f = v->field;
    size_t                           n = *NC_MEMBER(size_t, v->message, f->quantifier_offset);
    const char                      *items = *NC_MEMBER(char *, v->message, f->offset);
    bool                             is_map = nc_message_is_map(v->message->descriptor, f);

    select_rules(v, s, NC_RULE_SELF);
    check_count(v, n, items, is_map);

    for (size_t i = 0; i < n; i++) {
        v->at = items + i * nc_field_size(f);

        if (is_map) {
            check_entry(v, s, *NC_MEMBER(ProtobufCMessage *, v->at, 0));
            continue;
        }

        v->type = f;
        v->index = (int64_t) i;
        select_rules(v, s, NC_RULE_ITEMS);
        nc_value_check(v);

        if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            check_message(v->c, *NC_MEMBER(ProtobufCMessage *, v->at, 0));
        } else if (v->n == 0) {
            break;                              /* nothing to check in any of them */
        }
    }
}

/* True when the file has the key, so that what is missing was reported when it was read. */
static bool
is_written(const nc_checker_t *c, const ProtobufCMessage *m, const char *field)
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
check_oneof(nc_checker_t *c, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    nc_sb_t   text;
    unsigned  n = 0;
    bool      written = false;

    if (*NC_MEMBER(uint32_t, m, f->quantifier_offset) != 0) {
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
check_singular(nc_value_t *v, const nc_schema_t *s)
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
        nc_value_check(v);
        return;
    }

    if (!has) {
        if (!is_oneof && nc_value_has_rule(v, NC_RULE_REQUIRED)
            && !is_written(v->c, v->message, f->name))
        {
            nc_value_complain(v, "is required");
        }
        return;
    }

    m = *NC_MEMBER(ProtobufCMessage *, v->at, 0);
    if (m == NULL || nc_value_has_rule(v, NC_RULE_SKIP)) {
        return;
    }

    nc_value_check(v);
    check_message(v->c, m);
}

/* The message in an Any whose type is known. */
static void
check_any(nc_checker_t *c, const ProtobufCMessage *any)
{
    const char              *why;
    const ProtobufCMessage  *m = nc_doc_any(c->doc, any, &c->pool, &why);

    if (m != NULL) {
        check_message(c, m);
    }
}

static void
check_message(nc_checker_t *c, const ProtobufCMessage *m)
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
        nc_value_t  v = {
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
    nc_checker_t  c = { .doc = doc, .errors = errors };

    nc_pool_init(&c.pool, &nc_pool_heap);
    check_message(&c, message);
    nc_pool_fini(&c.pool);

    return c.failed ? NC_ERROR : NC_OK;
}
