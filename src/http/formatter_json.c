/*
 * formatter_json.c: JSON formats. The document is flattened into the same list of operations as a
 * text: what is fixed becomes literal text, what is not keeps the place of its value.
 */
#include "http/formatter_priv.h"

#include "http/metadata.h"
#include <google/protobuf/struct.pb-c.h>

#define VALUE(kind)     GOOGLE__PROTOBUF__VALUE__KIND_##kind

typedef struct {
    nc_format_builder_t  *b;
    bool                  typed;
    bool                  omit;
    bool                  sort;
} json_t;

static void add_value(json_t *j, const Google__Protobuf__Value *v);


static void
literal(json_t *j, const char *text)
{
    nc_format_builder_literal(j->b, nc_str_c(text));
}


/* True when `text` is one operator and nothing else: "%NAME(...)%". */
static bool
is_one_operator(nc_str_t text)
{
    size_t  at = 1;
    bool    in_argument = false;

    if (text.len < 3 || text.data[0] != '%' || text.data[1] == '%') {
        return false;
    }

    for (; at < text.len; at++) {
        if (text.data[at] == '(') {
            in_argument = true;
        } else if (text.data[at] == ')') {
            in_argument = false;
        } else if (text.data[at] == '%' && !in_argument) {
            return at == text.len - 1;
        }
    }

    return false;
}


static void
add_string(json_t *j, nc_str_t text)
{
    if (is_one_operator(text)) {
        nc_format_parse(j->b, text, j->typed ? NC_OUT_JSON_TYPED : NC_OUT_JSON_STRING, j->omit);
        return;
    }

    literal(j, "\"");
    nc_format_parse(j->b, text, NC_OUT_JSON_PART, j->omit);
    literal(j, "\"");
}


static int
by_key(const void *a, const void *b)
{
    const Google__Protobuf__Struct__FieldsEntry  *const *x = a, *const *y = b;

    return strcmp((*x)->key, (*y)->key);
}


/* What stands between fields: with omit only known when printing. */
static void
separator(json_t *j, bool first)
{
    if (j->omit) {
        nc_format_builder_op(j->b, NC_OP_COMMA);
    } else if (!first) {
        literal(j, ",");
    }
}


static void
add_field(json_t *j, const Google__Protobuf__Struct__FieldsEntry *field, bool first)
{
    size_t    before;
    nc_sb_t   key;
    nc_str_t  text;

    nc_sb_init(&key);
    nc_sb_json_str(&key, nc_str_c(field->key));
    nc_sb_char(&key, ':');

    if (j->omit && field->value != NULL && field->value->kind_case == VALUE(STRING_VALUE)
        && is_one_operator(nc_str_c(field->value->string_value)))
    {
        text = nc_str_c(field->value->string_value);
        before = j->b->n;
        nc_format_parse(j->b, text, NC_OUT_JSON_FIELD, true);
        if (j->b->n > before) {
            j->b->ops[j->b->n - 1].text = nc_pool_str(j->b->cc->pool, nc_sb_str(&key));
        }

    } else {
        separator(j, first);
        nc_format_builder_literal(j->b, nc_sb_str(&key));
        add_value(j, field->value);
    }

    nc_sb_fini(&key);
}


static void
add_struct(json_t *j, const Google__Protobuf__Struct *s)
{
    Google__Protobuf__Struct__FieldsEntry  **fields;

    literal(j, "{");

    if (s != NULL && s->n_fields > 0) {
        fields = nc_malloc(s->n_fields * sizeof(*fields));
        memcpy(fields, s->fields, s->n_fields * sizeof(*fields));

        if (j->sort) {
            qsort(fields, s->n_fields, sizeof(*fields), by_key);
        }

        for (size_t i = 0; i < s->n_fields; i++) {
            add_field(j, fields[i], i == 0);
        }

        free(fields);
    }

    literal(j, "}");
}


static void
add_list(json_t *j, const Google__Protobuf__ListValue *list)
{
    literal(j, "[");

    for (size_t i = 0; list != NULL && i < list->n_values; i++) {
        separator(j, i == 0);
        add_value(j, list->values[i]);
    }

    literal(j, "]");
}


static void
add_number(json_t *j, double number)
{
    char        memory[64];
    nc_sb_t     text;
    nc_value_t  value = { .kind = NC_VALUE_NUMBER, .number = number };

    nc_sb_fixed(&text, memory, sizeof(memory));
    nc_value_print(&value, false, &text);
    nc_format_builder_literal(j->b, nc_sb_str(&text));
}


static void
add_value(json_t *j, const Google__Protobuf__Value *v)
{
    if (v == NULL) {
        literal(j, "null");
        return;
    }

    switch (v->kind_case) {

    case VALUE(STRUCT_VALUE):
        add_struct(j, v->struct_value);
        break;

    case VALUE(LIST_VALUE):
        add_list(j, v->list_value);
        break;

    case VALUE(STRING_VALUE):
        add_string(j, nc_str_c(v->string_value));
        break;

    case VALUE(NUMBER_VALUE):
        add_number(j, v->number_value);
        break;

    case VALUE(BOOL_VALUE):
        literal(j, v->bool_value ? "true" : "false");
        break;

    default:
        literal(j, "null");
        break;
    }
}


void
nc_format_parse_json(nc_format_builder_t *b, const struct Google__Protobuf__Struct *json,
    bool typed, bool omit, bool sort)
{
    json_t  j = { b, typed, omit, sort };

    add_struct(&j, json);
    literal(&j, "\n");
}
