/* mutations.c: see mutations.h. */
#include "http/mutations.h"

#include "envoy/config/core/v3/base.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>
#include "http/formatter.h"

#define VALUE_BYTES     4096u                   /* values up to here are printed on the stack */
#define ON_STACK        32u                     /* so many evaluated values are kept there */

#define ACTION(name)  \
    ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__##name

typedef enum {
    APPEND,                                     /* APPEND_IF_EXISTS_OR_ADD */
    ADD_IF_ABSENT,
    OVERWRITE,                                  /* OVERWRITE_IF_EXISTS_OR_ADD */
    OVERWRITE_IF_EXISTS
} action_t;

typedef struct {
    nc_str_t            name;                   /* lower case */
    nc_header_id_t      id;
    action_t            action;
    bool                keep_empty;
    nc_str_t            value;                  /* when there is no format */
    const nc_format_t  *format;                 /* NULL: the value is fixed */
} addition_t;

typedef struct {
    nc_str_t        name;
    nc_header_id_t  id;
} removal_t;

struct nc_mutations_s {
    const addition_t  *add;
    const removal_t   *remove;
    uint32_t           n_add;
    uint32_t           n_remove;
};


/* A name as it stands in headers, or data NULL after an error: not a name, or not to be touched. */
static nc_str_t
compile_name(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    nc_str_t name, const char *verb)
{
    char  *lower;

    if (name.len > 0 && (name.data[0] == ':' || nc_str_caseeq(name, NC_STR("host")))) {
        nc_compile_error(cc, message, field, "'" NC_STR_FMT "': :-prefixed or host headers may "
            "not be %s", NC_STR_ARG(name), verb);
        return NC_STR_NULL;
    }

    if (!nc_header_name_valid(name)) {
        nc_compile_error(cc, message, field, "'" NC_STR_FMT "' is not a header name",
            NC_STR_ARG(name));
        return NC_STR_NULL;
    }

    lower = nc_pool_alloc(cc->pool, name.len);
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = nc_lower(name.data[i]);
    }

    return nc_str(lower, name.len);
}


static nc_rc_t
compile_action(nc_compile_t *cc, const Envoy__Config__Core__V3__HeaderValueOption *msg,
    addition_t *a)
{
    if (msg->append != NULL) {
        if (msg->append_action != ACTION(APPEND_IF_EXISTS_OR_ADD)) {
            return nc_compile_error(cc, &msg->base, "append",
                "append and append_action must not both be set");
        }

        a->action = msg->append->value ? APPEND : OVERWRITE;
        return NC_OK;
    }

    switch (msg->append_action) {
    case ACTION(ADD_IF_ABSENT):
        a->action = ADD_IF_ABSENT;
        break;
    case ACTION(OVERWRITE_IF_EXISTS_OR_ADD):
        a->action = OVERWRITE;
        break;
    case ACTION(OVERWRITE_IF_EXISTS):
        a->action = OVERWRITE_IF_EXISTS;
        break;
    default:
        a->action = APPEND;
        break;
    }

    return NC_OK;
}


static nc_rc_t
compile_value(nc_compile_t *cc, const Envoy__Config__Core__V3__HeaderValue *msg, addition_t *a)
{
    nc_str_t            text = nc_str_c(msg->value);
    const char         *field = "value";
    const nc_format_t  *format;

    if (msg->raw_value.len > 0) {
        if (text.len > 0) {
            return nc_compile_error(cc, &msg->base, "raw_value",
                "value and raw_value must not both be set");
        }
        field = "raw_value";
        text = nc_str((const char *) msg->raw_value.data, msg->raw_value.len);
    }

    text = nc_str_trim(text);
    if (!nc_header_value_valid(text)) {
        return nc_compile_error(cc, &msg->base, field,
            "has bytes that a header value must not have");
    }

    format = nc_format_compile(cc, &msg->base, field, text, NC_FORMAT_OMIT_EMPTY);
    if (format == NULL) {
        return NC_ERROR;
    }

    a->value = nc_format_literal(format);
    a->format = a->value.data == NULL ? format : NULL;

    return NC_OK;
}


static nc_rc_t
compile_addition(nc_compile_t *cc, const Envoy__Config__Core__V3__HeaderValueOption *msg,
    addition_t *a)
{
    nc_rc_t  rc = NC_OK;

    if (msg->header == NULL) {
        return nc_compile_error(cc, &msg->base, "header", "is required");
    }

    a->keep_empty = msg->keep_empty_value;
    a->name = compile_name(cc, &msg->header->base, "key", nc_str_c(msg->header->key), "modified");

    if (a->name.data == NULL) {
        rc = NC_ERROR;
    } else {
        a->id = nc_header_id(a->name);
    }

    if (compile_action(cc, msg, a) != NC_OK || compile_value(cc, msg->header, a) != NC_OK) {
        rc = NC_ERROR;
    }

    return rc;
}


nc_rc_t
nc_mutations_compile(nc_compile_t *cc, const nc_mutations_src_t *src, const nc_mutations_t **out)
{
    char             field[128];
    nc_rc_t          rc = NC_OK;
    removal_t       *remove;
    addition_t      *add;
    nc_mutations_t  *m;

    *out = NULL;
    if (src->n_add == 0 && src->n_remove == 0) {
        return NC_OK;
    }

    m = nc_pool_new(cc->pool, nc_mutations_t);
    add = nc_pool_array(cc->pool, src->n_add, sizeof(*add));
    remove = nc_pool_array(cc->pool, src->n_remove, sizeof(*remove));

    for (size_t i = 0; i < src->n_add; i++) {
        if (compile_addition(cc, src->add[i], &add[i]) != NC_OK) {
            rc = NC_ERROR;
        }
    }

    for (size_t i = 0; i < src->n_remove; i++) {
        snprintf(field, sizeof(field), "%s[%zu]", src->remove_field, i);
        remove[i].name = compile_name(cc, src->message, field, nc_str_c(src->remove[i]),
            "removed");
        if (remove[i].name.data == NULL) {
            rc = NC_ERROR;
        } else {
            remove[i].id = nc_header_id(remove[i].name);
        }
    }

    m->add = add;
    m->n_add = (uint32_t) src->n_add;
    m->remove = remove;
    m->n_remove = (uint32_t) src->n_remove;
    *out = m;

    return rc;
}


/* The value of a formatted header in `pool`; data NULL when it would not be a legal one. */
static nc_str_t
print_value(const nc_format_t *format, const nc_http_view_t *view, nc_pool_t *pool)
{
    char      memory[VALUE_BYTES];
    nc_sb_t   sb;
    nc_str_t  value;

    nc_sb_fixed(&sb, memory, sizeof(memory));
    nc_format_print(format, view, &sb);

    if (sb.truncated) {
        nc_sb_init(&sb);
        nc_format_print(format, view, &sb);
    }

    value = nc_str_trim(nc_sb_str(&sb));
    value = nc_header_value_valid(value) ? nc_pool_str(pool, value) : NC_STR_NULL;

    if (sb.heap) {
        nc_sb_fini(&sb);
    }

    return value;
}


static bool
has_value(const addition_t *a, const nc_headers_t *h)
{
    uint32_t      at = 0;
    nc_header_t  *found;

    found = a->id != NC_H_OTHER ? nc_headers_get(h, a->id) : nc_headers_find(h, a->name, &at);

    return found != NULL;
}


/* True when the addition is to be done on headers as they are now. */
static bool
wanted(const addition_t *a, nc_str_t value, const nc_headers_t *h)
{
    if (value.data == NULL || (value.len == 0 && !a->keep_empty)) {
        return false;
    }

    switch (a->action) {
    case ADD_IF_ABSENT:
        return !has_value(a, h);
    case OVERWRITE_IF_EXISTS:
        return has_value(a, h);
    default:
        return true;
    }
}


void
nc_mutations_apply(const nc_mutations_t *m, nc_headers_t *h, const nc_http_view_t *view,
    nc_pool_t *pool)
{
    nc_str_t   on_stack[ON_STACK];
    nc_str_t  *values = on_stack;

    if (m == NULL) {
        return;
    }

    for (uint32_t i = 0; i < m->n_remove; i++) {
        if (m->remove[i].id != NC_H_OTHER) {
            nc_headers_del_id(h, m->remove[i].id);
        } else {
            nc_headers_del(h, m->remove[i].name);
        }
    }

    if (m->n_add > ON_STACK) {
        values = nc_pool_array(pool, m->n_add, sizeof(*values));
    }

    for (uint32_t i = 0; i < m->n_add; i++) {
        const addition_t  *a = &m->add[i];

        values[i] = a->format != NULL ? print_value(a->format, view, pool) : a->value;
        if (!wanted(a, values[i], h)) {
            values[i] = NC_STR_NULL;
        }
    }

    for (uint32_t i = 0; i < m->n_add; i++) {
        if (values[i].data != NULL && m->add[i].action >= OVERWRITE) {
            nc_headers_set(h, m->add[i].name, values[i]);
        }
    }

    for (uint32_t i = 0; i < m->n_add; i++) {
        if (values[i].data != NULL && m->add[i].action < OVERWRITE) {
            nc_headers_add(h, m->add[i].name, values[i]);
        }
    }
}
