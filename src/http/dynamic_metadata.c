/* dynamic_metadata.c: see dynamic_metadata.h. */
#include "http/dynamic_metadata.h"

struct nc_dynamic_metadata_s {
    nc_metadata_t  all;                         /* `filters` is `root`, so that it reads as one */
    nc_value_t     root;                        /* STRUCT: namespace to STRUCT */
};


static nc_value_field_t *
find(const nc_value_t *v, nc_str_t name)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (nc_str_eq(v->fields[i].name, name)) {
            return (nc_value_field_t *) &v->fields[i];
        }
    }

    return NULL;
}


/* A copy of the fields of `v` with room for `more`. */
static nc_value_field_t *
copy_fields(nc_pool_t *pool, const nc_value_t *v, uint32_t more)
{
    nc_value_field_t  *fields = nc_pool_array(pool, v->n + more, sizeof(*fields));

    if (v->n > 0) {
        memcpy(fields, v->fields, v->n * sizeof(*fields));
    }

    return fields;
}


static const nc_value_t *
append(nc_pool_t *pool, const nc_value_t *a, const nc_value_t *b)
{
    nc_value_t  *v = nc_pool_new(pool, nc_value_t);
    nc_value_t  *items = nc_pool_array(pool, a->n + b->n, sizeof(*items));

    if (a->n > 0) {
        memcpy(items, a->items, a->n * sizeof(*items));
    }
    if (b->n > 0) {
        memcpy(items + a->n, b->items, b->n * sizeof(*items));
    }

    *v = (nc_value_t) { .kind = NC_VALUE_LIST, .n = a->n + b->n, .items = items };

    return v;
}


/* What `a` becomes when `b` is merged into it; neither is changed. */
static const nc_value_t *
merge(nc_pool_t *pool, const nc_value_t *a, const nc_value_t *b)
{
    nc_value_t        *v;
    nc_value_field_t  *fields, *old;

    if (a == NULL || a->kind != b->kind) {
        return b;
    }

    if (b->kind == NC_VALUE_LIST) {
        return append(pool, a, b);
    }

    if (b->kind != NC_VALUE_STRUCT) {
        return b;
    }

    v = nc_pool_new(pool, nc_value_t);
    fields = copy_fields(pool, a, b->n);
    *v = (nc_value_t) { .kind = NC_VALUE_STRUCT, .n = a->n, .fields = fields };

    for (uint32_t i = 0; i < b->n; i++) {
        old = find(v, b->fields[i].name);

        if (old != NULL) {
            old->value = merge(pool, old->value, b->fields[i].value);
        } else {
            fields[v->n++] = b->fields[i];
        }
    }

    return v;
}


void
nc_dynamic_metadata_merge(nc_http_info_t *info, nc_pool_t *pool, nc_str_t space,
    const nc_value_t *value)
{
    nc_value_field_t       *old, *fields;
    nc_dynamic_metadata_t  *m = info->metadata;

    if (m == NULL) {
        m = info->metadata = nc_pool_new(pool, nc_dynamic_metadata_t);
        m->root.kind = NC_VALUE_STRUCT;
        m->all.filters = &m->root;
    }

    old = find(&m->root, space);
    if (old != NULL) {
        old->value = merge(pool, old->value, value);
        return;
    }

    fields = copy_fields(pool, &m->root, 1);
    fields[m->root.n++] = (nc_value_field_t) { space, value };
    m->root.fields = fields;
}


void
nc_dynamic_metadata_set(nc_http_info_t *info, nc_pool_t *pool, nc_str_t space, nc_str_t key,
    const nc_value_t *value)
{
    nc_value_t        *v = nc_pool_new(pool, nc_value_t);
    nc_value_field_t  *fields, *at, *old;

    old = info->metadata != NULL ? find(&info->metadata->root, space) : NULL;

    if (old == NULL) {
        fields = nc_pool_new(pool, nc_value_field_t);
        *fields = (nc_value_field_t) { key, value };
        *v = (nc_value_t) { .kind = NC_VALUE_STRUCT, .n = 1, .fields = fields };
        nc_dynamic_metadata_merge(info, pool, space, v);
        return;
    }

    fields = copy_fields(pool, old->value, 1);
    *v = (nc_value_t) { .kind = NC_VALUE_STRUCT, .n = old->value->n, .fields = fields };
    at = find(v, key);

    if (at == NULL) {
        at = &fields[v->n++];
        at->name = key;
    }

    at->value = value;
    old->value = v;
}


bool
nc_dynamic_metadata_has(const nc_http_info_t *info, nc_str_t space)
{
    return info->metadata != NULL && find(&info->metadata->root, space) != NULL;
}


const nc_value_t *
nc_dynamic_metadata_get(const nc_http_info_t *info, nc_str_t space, const nc_str_t *path,
    size_t n)
{
    return info->metadata != NULL ? nc_metadata_get(&info->metadata->all, space, path, n) : NULL;
}
