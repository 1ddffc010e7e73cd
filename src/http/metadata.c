/* metadata.c: see metadata.h. */
#include "http/metadata.h"

#include <math.h>

#include "envoy/config/core/v3/base.pb-c.h"
#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/struct.pb-c.h>

#define VALUE(kind)     GOOGLE__PROTOBUF__VALUE__KIND_##kind

static void fill(nc_pool_t *pool, const Google__Protobuf__Value *msg, nc_value_t *v);


static void
fill_struct(nc_pool_t *pool, const Google__Protobuf__Struct *msg, nc_value_t *v)
{
    nc_value_t        *values;
    nc_value_field_t  *fields;

    v->kind = NC_VALUE_STRUCT;
    if (msg == NULL || msg->n_fields == 0) {
        return;
    }

    values = nc_pool_array(pool, msg->n_fields, sizeof(*values));
    fields = nc_pool_array(pool, msg->n_fields, sizeof(*fields));

    for (size_t i = 0; i < msg->n_fields; i++) {
        fields[i].name = nc_pool_str(pool, nc_str_c(msg->fields[i]->key));
        fields[i].value = &values[i];
        fill(pool, msg->fields[i]->value, &values[i]);
    }

    v->n = (uint32_t) msg->n_fields;
    v->fields = fields;
}


static void
fill(nc_pool_t *pool, const Google__Protobuf__Value *msg, nc_value_t *v)
{
    nc_value_t  *items;

    v->kind = NC_VALUE_NULL;
    if (msg == NULL) {
        return;
    }

    switch (msg->kind_case) {

    case VALUE(BOOL_VALUE):
        v->kind = NC_VALUE_BOOL;
        v->boolean = msg->bool_value;
        break;

    case VALUE(NUMBER_VALUE):
        v->kind = NC_VALUE_NUMBER;
        v->number = msg->number_value;
        break;

    case VALUE(STRING_VALUE):
        v->kind = NC_VALUE_STRING;
        v->string = nc_pool_str(pool, nc_str_c(msg->string_value));
        break;

    case VALUE(STRUCT_VALUE):
        fill_struct(pool, msg->struct_value, v);
        break;

    case VALUE(LIST_VALUE):
        v->kind = NC_VALUE_LIST;
        v->n = (uint32_t) msg->list_value->n_values;
        items = nc_pool_array(pool, v->n, sizeof(*items));
        for (uint32_t i = 0; i < v->n; i++) {
            fill(pool, msg->list_value->values[i], &items[i]);
        }
        v->items = items;
        break;

    default:
        break;
    }
}


const nc_value_t *
nc_value_compile(nc_pool_t *pool, const struct Google__Protobuf__Struct *msg)
{
    nc_value_t  *v = nc_pool_new(pool, nc_value_t);

    fill_struct(pool, msg, v);

    return v;
}


const nc_value_t *
nc_value_of(nc_pool_t *pool, const struct Google__Protobuf__Value *msg)
{
    nc_value_t  *v = nc_pool_new(pool, nc_value_t);

    fill(pool, msg, v);

    return v;
}


const nc_metadata_t *
nc_metadata_compile(nc_compile_t *cc, const struct Envoy__Config__Core__V3__Metadata *msg)
{
    nc_value_t           *filters, *values;
    nc_metadata_t        *m;
    nc_value_field_t     *fields;
    nc_typed_metadata_t  *typed;

    if (msg == NULL || msg->n_filter_metadata + msg->n_typed_filter_metadata == 0) {
        return NULL;
    }

    m = nc_pool_new(cc->pool, nc_metadata_t);
    filters = nc_pool_new(cc->pool, nc_value_t);
    values = nc_pool_array(cc->pool, msg->n_filter_metadata, sizeof(*values));
    fields = nc_pool_array(cc->pool, msg->n_filter_metadata, sizeof(*fields));

    for (size_t i = 0; i < msg->n_filter_metadata; i++) {
        fields[i].name = nc_pool_str(cc->pool, nc_str_c(msg->filter_metadata[i]->key));
        fields[i].value = &values[i];
        fill_struct(cc->pool, msg->filter_metadata[i]->value, &values[i]);
    }

    filters->kind = NC_VALUE_STRUCT;
    filters->n = (uint32_t) msg->n_filter_metadata;
    filters->fields = fields;
    m->filters = filters;

    typed = nc_pool_array(cc->pool, msg->n_typed_filter_metadata, sizeof(*typed));

    for (size_t i = 0; i < msg->n_typed_filter_metadata; i++) {
        const Google__Protobuf__Any  *any = msg->typed_filter_metadata[i]->value;

        typed[i].filter = nc_pool_str(cc->pool, nc_str_c(msg->typed_filter_metadata[i]->key));
        if (any != NULL) {
            typed[i].type_url = nc_pool_str(cc->pool, nc_str_c(any->type_url));
            typed[i].bytes = nc_pool_str(cc->pool,
                nc_str((const char *) any->value.data, any->value.len));
        }
    }

    m->typed = typed;
    m->n_typed = (uint32_t) msg->n_typed_filter_metadata;

    return m;
}


static const nc_value_t *
field(const nc_value_t *v, nc_str_t name)
{
    if (v == NULL || v->kind != NC_VALUE_STRUCT) {
        return NULL;
    }

    for (uint32_t i = 0; i < v->n; i++) {
        if (nc_str_eq(v->fields[i].name, name)) {
            return v->fields[i].value;
        }
    }

    return NULL;
}


const nc_value_t *
nc_metadata_get(const nc_metadata_t *m, nc_str_t filter, const nc_str_t *path, size_t n)
{
    const nc_value_t  *v;

    if (m == NULL) {
        return NULL;
    }

    v = field(m->filters, filter);

    for (size_t i = 0; i < n && v != NULL; i++) {
        v = field(v, path[i]);
    }

    return v;
}


static void
print_number(double d, nc_sb_t *out)
{
    if (!isfinite(d)) {
        nc_sb_c_add(out, "null");               /* JSON has no name for it */
    } else if (d == floor(d) && fabs(d) < 1e15) {
        nc_sb_i64(out, (int64_t) d);
    } else {
        nc_sb_printf(out, "%.17g", d);
    }
}


void
nc_value_print(const nc_value_t *v, bool bare, nc_sb_t *out)
{
    switch (v->kind) {

    case NC_VALUE_NULL:
        nc_sb_c_add(out, "null");
        break;

    case NC_VALUE_BOOL:
        nc_sb_c_add(out, v->boolean ? "true" : "false");
        break;

    case NC_VALUE_NUMBER:
        print_number(v->number, out);
        break;

    case NC_VALUE_STRING:
        if (bare) {
            nc_sb_str_add(out, v->string);
        } else {
            nc_sb_json_str(out, v->string);
        }
        break;

    case NC_VALUE_LIST:
        nc_sb_char(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i > 0) {
                nc_sb_char(out, ',');
            }
            nc_value_print(&v->items[i], false, out);
        }
        nc_sb_char(out, ']');
        break;

    case NC_VALUE_STRUCT:
        nc_sb_char(out, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i > 0) {
                nc_sb_char(out, ',');
            }
            nc_sb_json_str(out, v->fields[i].name);
            nc_sb_char(out, ':');
            nc_value_print(v->fields[i].value, false, out);
        }
        nc_sb_char(out, '}');
        break;
    }
}
