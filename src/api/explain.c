/* explain.c: what to say of names that are not in the schema: Envoy has them, or a near miss. */
#include "api/doc_priv.h"

#include "api/schema.h"

#define MAX_LISTED  12

/* lowerCamelCase to snake_case; others are left as they are. */
static nc_str_t
snake(nc_str_t key, nc_sb_t *out)
{
    for (size_t i = 0; i < key.len; i++) {
        char  c = key.data[i];

        if (c >= 'A' && c <= 'Z' && i > 0) {
            nc_sb_char(out, '_');
        }
        nc_sb_char(out, nc_lower(c));
    }

    return nc_sb_str(out);
}

/* Keeps the best of the candidates for `name`. */
typedef struct {
    nc_str_t     name;
    const char  *best;
    unsigned     distance;
} search_t;

static void
consider(search_t *s, const char *candidate)
{
    unsigned  distance = nc_str_distance(s->name, nc_str_c(candidate), s->distance);

    if (distance < s->distance) {
        s->best = candidate;
        s->distance = distance;
    }
}

/* Only what is near: one edit in a short name, two (a swap) in a middle one, three in a long. */
static search_t
search_start(nc_str_t name)
{
    unsigned  limit = name.len < 4 ? 1 : name.len < 9 ? 2 : 3;

    return (search_t) { .name = name, .distance = limit + 1 };
}

/* The field of `type` whose message has a field `name`, or NULL: a key one level too high. */
static const char *
holder_of(const ProtobufCMessageDescriptor *type, const char *name)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];

        if (f->type == PROTOBUF_C_TYPE_MESSAGE
            && protobuf_c_message_descriptor_get_field_by_name(f->descriptor, name) != NULL)
        {
            return f->name;
        }
    }

    return NULL;
}

static const char *
format(nc_pool_t *pool, const char *fmt, ...) NC_PRINTF(2, 3);

static const char *
format(nc_pool_t *pool, const char *fmt, ...)
{
    nc_sb_t      sb;
    va_list      args;
    const char  *text;

    nc_sb_init(&sb);
    va_start(args, fmt);
    nc_sb_vprintf(&sb, fmt, args);
    va_end(args);
    text = nc_pool_strdup(pool, nc_sb_c(&sb));
    nc_sb_fini(&sb);

    return text;
}

const char *
nc_explain_field(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t key)
{
    char         buf[128];
    const char  *holder;
    nc_sb_t      sb;
    nc_str_t     name;
    search_t     s;

    nc_sb_fixed(&sb, buf, sizeof(buf));
    name = snake(key, &sb);

    if (nc_envoy_has(nc_str_c(type->name), name) || nc_envoy_has(nc_str_c(type->name), key)) {
        return "exists in Envoy, not in this version of Nuncio";
    }

    if (nc_str_eq(key, NC_STR("<<"))) {
        return "merge keys are not supported; use an alias for the whole value";
    }

    s = search_start(name);
    for (unsigned i = 0; i < type->n_fields; i++) {
        consider(&s, type->fields[i].name);
    }

    if (s.best != NULL) {
        return format(pool, "no such field in %s; did you mean '%s'?", type->name, s.best);
    }

    holder = name.len + 1 < sizeof(buf) ? holder_of(type, nc_sb_c(&sb)) : NULL;

    if (holder != NULL) {
        return format(pool, "no such field in %s; did you mean '%s.%s'?", type->name, holder,
            nc_sb_c(&sb));
    }

    return format(pool, "no such field in %s", type->name);
}

const char *
nc_explain_value(nc_pool_t *pool, const ProtobufCEnumDescriptor *type, nc_str_t name)
{
    char         buf[128];
    nc_sb_t      sb;
    search_t     s;
    const char  *text;

    /* Names of values are capitals; a file may have written them otherwise. */
    nc_sb_fixed(&sb, buf, sizeof(buf));
    for (size_t i = 0; i < name.len; i++) {
        char  c = name.data[i];

        nc_sb_char(&sb, c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c);
    }
    name = nc_sb_str(&sb);

    if (nc_envoy_has(nc_str_c(type->name), name)) {
        return format(pool, "'" NC_STR_FMT "' exists in Envoy, not in this version of Nuncio",
            NC_STR_ARG(name));
    }

    s = search_start(name);
    for (unsigned i = 0; i < type->n_value_names; i++) {
        consider(&s, type->values_by_name[i].name);
    }

    if (s.best != NULL) {
        return format(pool, "no such value '" NC_STR_FMT "'; did you mean '%s'?", NC_STR_ARG(name),
            s.best);
    }

    if (type->n_values > MAX_LISTED) {
        return format(pool, "no such value '" NC_STR_FMT "' in %s", NC_STR_ARG(name), type->name);
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "no such value '" NC_STR_FMT "'; expected ", NC_STR_ARG(name));
    for (unsigned i = 0; i < type->n_values; i++) {
        nc_sb_c_add(&sb, i == 0 ? "" : i + 1 == type->n_values ? " or " : ", ");
        nc_sb_c_add(&sb, type->values[i].name);
    }
    text = nc_pool_strdup(pool, nc_sb_c(&sb));
    nc_sb_fini(&sb);

    return text;
}

const char *
nc_explain_type(nc_pool_t *pool, nc_str_t name)
{
    search_t  s;

    if (nc_envoy_find(name) != NULL) {
        return format(pool, NC_STR_FMT " exists in Envoy, not in this version of Nuncio",
            NC_STR_ARG(name));
    }

    s = search_start(name);
    for (size_t i = 0; i < nc_schema_n; i++) {
        consider(&s, nc_schema[i].type->name);
    }

    if (s.best != NULL) {
        return format(pool, "no such type '%.*s'; did you mean '%s'?",
            (int) NC_MIN(name.len, (size_t) 200), name.data, s.best);
    }

    return format(pool, "no such type '%.*s'", (int) NC_MIN(name.len, (size_t) 200), name.data);
}
