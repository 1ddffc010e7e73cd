/*
 * tree.c: a message as a tree of nodes, as it would stand in a file: the other way of decode.c.
 */
#include "api/doc_priv.h"

#include "api/message.h"
#include "api/print.h"

#include <math.h>

#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/struct.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>

typedef struct {
    nc_pool_t       *pool;
    const nc_doc_t  *doc;
    unsigned         flags;
    unsigned         depth;
} builder_t;

#define MEMBER(type, m, at)     ((type const *) (const void *) ((const char *) (m) + (at)))

static nc_node_t *build(builder_t *b, const ProtobufCMessage *m);

static nc_node_t *
plain(builder_t *b, const char *text)
{
    return nc_node_scalar(b->pool, nc_str_c(text), false);
}

/* What has been put together in `sb`, which is released. */
static nc_node_t *
take(builder_t *b, nc_sb_t *sb, bool quoted)
{
    nc_node_t  *node = nc_node_scalar(b->pool, nc_sb_str(sb), quoted);

    nc_sb_fini(sb);

    return node;
}

static nc_node_t *
from_unsigned(builder_t *b, uint64_t value, bool quoted)
{
    char  buf[20];

    return nc_node_scalar(b->pool, nc_str(buf, nc_u64_format(buf, value)), quoted);
}

static nc_node_t *
from_signed(builder_t *b, int64_t value, bool quoted)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_sb_i64(&sb, value);

    return take(b, &sb, quoted);
}

/* The shortest text that reads back as the same number. */
static nc_node_t *
from_real(builder_t *b, double value, bool single)
{
    char  buf[40];

    if (isnan(value)) {
        return nc_node_scalar(b->pool, NC_STR("NaN"), true);
    }

    if (isinf(value)) {
        return nc_node_scalar(b->pool, value < 0 ? NC_STR("-Infinity") : NC_STR("Infinity"), true);
    }

    if (value == floor(value) && fabs(value) < 1e15) {
        (void) snprintf(buf, sizeof(buf), "%.0f", value);
        return plain(b, buf);
    }

    for (int digits = 1; digits <= 17; digits++) {
        (void) snprintf(buf, sizeof(buf), "%.*g", digits, value);
        if (single ? strtof(buf, NULL) == (float) value : strtod(buf, NULL) == value) {
            break;
        }
    }

    return plain(b, buf);
}

static nc_node_t *
from_enum(builder_t *b, const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue  *v;

    if (strcmp(type->name, "google.protobuf.NullValue") == 0) {
        return plain(b, "null");
    }

    v = protobuf_c_enum_descriptor_get_value(type, value);

    return v ? nc_node_scalar(b->pool, nc_str_c(v->name), true) : from_signed(b, value, false);
}

static nc_node_t *
from_bytes(builder_t *b, const ProtobufCBinaryData *bytes)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_base64_encode(&sb, bytes->data, bytes->len);

    return take(b, &sb, true);
}

/* The value of field `f` at `at`. */
static nc_node_t *
from_value(builder_t *b, const ProtobufCFieldDescriptor *f, const void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return build(b, *MEMBER(ProtobufCMessage *, at, 0));
    case PROTOBUF_C_TYPE_STRING:
        return nc_node_scalar(b->pool, nc_str_c(*MEMBER(char *, at, 0)), true);
    case PROTOBUF_C_TYPE_BYTES:
        return from_bytes(b, at);
    case PROTOBUF_C_TYPE_BOOL:
        return plain(b, *MEMBER(protobuf_c_boolean, at, 0) ? "true" : "false");
    case PROTOBUF_C_TYPE_ENUM:
        return from_enum(b, f->descriptor, *MEMBER(int, at, 0));
    case PROTOBUF_C_TYPE_FLOAT:
        return from_real(b, (double) *MEMBER(float, at, 0), true);
    case PROTOBUF_C_TYPE_DOUBLE:
        return from_real(b, *MEMBER(double, at, 0), false);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return from_unsigned(b, *MEMBER(uint32_t, at, 0), false);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return from_unsigned(b, *MEMBER(uint64_t, at, 0), true);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return from_signed(b, *MEMBER(int32_t, at, 0), false);
    default:
        return from_signed(b, *MEMBER(int64_t, at, 0), true);
    }
}

static void
put(nc_node_t *map, nc_node_t *key, nc_node_t *value)
{
    map->pairs[map->n].key = key;
    map->pairs[map->n].value = value;
    map->n++;
}

static nc_node_t *
name_node(builder_t *b, const char *name)
{
    nc_node_t  *node = nc_node_new(b->pool, NC_NODE_SCALAR);

    node->quoted = true;
    node->text = nc_str_c(name);                /* of the descriptor: static */

    return node;
}

static nc_node_t *
from_list(builder_t *b, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    size_t       n = *MEMBER(size_t, m, f->quantifier_offset);
    size_t       size = nc_field_size(f);
    const char  *items = *MEMBER(char *, m, f->offset);
    nc_node_t   *list = nc_node_new(b->pool, NC_NODE_LIST);

    list->items = nc_pool_array(b->pool, n, sizeof(nc_node_t *));
    list->n = (uint32_t) n;

    for (size_t i = 0; i < n; i++) {
        list->items[i] = from_value(b, f, items + i * size);
    }

    return list;
}

static nc_node_t *
from_map(builder_t *b, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    size_t                    n = *MEMBER(size_t, m, f->quantifier_offset);
    ProtobufCMessage *const  *entries = *MEMBER(ProtobufCMessage **, m, f->offset);
    nc_node_t                *map = nc_node_new(b->pool, NC_NODE_MAP);

    map->pairs = nc_pool_array(b->pool, n, sizeof(nc_pair_t));

    for (size_t i = 0; i < n; i++) {
        const ProtobufCFieldDescriptor  *fields = entries[i]->descriptor->fields;
        nc_node_t                       *key;
        nc_node_t                       *value;

        key = from_value(b, &fields[0], (const char *) entries[i] + fields[0].offset);
        key->quoted = true;

        if (fields[1].type == PROTOBUF_C_TYPE_MESSAGE
            && *MEMBER(void *, entries[i], fields[1].offset) == NULL)
        {
            value = nc_node_new(b->pool, NC_NODE_MAP);
        } else {
            value = from_value(b, &fields[1], (const char *) entries[i] + fields[1].offset);
        }

        put(map, key, value);
    }

    return map;
}

/* True for what NC_PRINT_DEFAULTS adds: scalars and lists that could be there and are not. */
static bool
shown_unset(const builder_t *b, const ProtobufCFieldDescriptor *f)
{
    return (b->flags & NC_PRINT_DEFAULTS) != 0 && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0
        && (f->label == PROTOBUF_C_LABEL_REPEATED
            || (f->label == PROTOBUF_C_LABEL_NONE && f->type != PROTOBUF_C_TYPE_MESSAGE));
}

/* The fields of `m` as pairs behind those that `map` has room for. */
static void
add_fields(builder_t *b, const ProtobufCMessage *m, nc_node_t *map)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];
        nc_node_t                       *value;

        if (!nc_message_has(m, f) && !shown_unset(b, f)) {
            continue;
        }

        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            value = from_value(b, f, (const char *) m + f->offset);
        } else if (nc_message_is_map(type, f)) {
            value = from_map(b, m, f);
        } else {
            value = from_list(b, m, f);
        }

        put(map, name_node(b, f->name), value);
    }
}

static nc_node_t *
from_fields(builder_t *b, const ProtobufCMessage *m, unsigned extra)
{
    nc_node_t  *map = nc_node_new(b->pool, NC_NODE_MAP);

    map->pairs = nc_pool_array(b->pool, m->descriptor->n_fields + extra, sizeof(nc_pair_t));
    map->origin = nc_origin_of(b->doc, m);

    return map;
}

/* An Any of unknown type, or with bytes that cannot be read. */
static nc_node_t *
from_opaque(builder_t *b, const Google__Protobuf__Any *any)
{
    nc_node_t  *map = nc_node_new(b->pool, NC_NODE_MAP);

    map->pairs = nc_pool_array(b->pool, 2, sizeof(nc_pair_t));
    put(map, name_node(b, "type_url"), nc_node_scalar(b->pool, nc_str_c(any->type_url), true));

    if (any->value.len > 0) {
        put(map, name_node(b, "value"), from_bytes(b, &any->value));
    }

    return map;
}

static nc_node_t *
from_any(builder_t *b, const Google__Protobuf__Any *any)
{
    const ProtobufCMessageDescriptor  *type = nc_message_type_of_url(any->type_url);
    const char                        *why;
    const ProtobufCMessage            *m = NULL;
    nc_node_t                         *map;

    if (any->type_url == NULL || any->type_url[0] == '\0') {
        return nc_node_new(b->pool, NC_NODE_MAP);
    }

    if (type != NULL && b->doc != NULL && !nc_is_typed_struct(type)) {
        m = nc_ptrs_get(&b->doc->anys, any);
    }

    if (type != NULL && m == NULL) {
        m = nc_message_unpack(b->pool, type,
            nc_str((const char *) any->value.data, any->value.len), &why, NULL);
    }

    if (m == NULL || b->depth > NC_MESSAGE_MAX_DEPTH) {
        return from_opaque(b, any);
    }

    map = from_fields(b, m, 2);
    put(map, name_node(b, "@type"), nc_node_scalar(b->pool, nc_str_c(any->type_url), true));

    if (strncmp(type->name, "google.protobuf.", 16) == 0
        && strcmp(type->name, "google.protobuf.Empty") != 0)
    {
        put(map, name_node(b, "value"), build(b, m));
    } else {
        add_fields(b, m, map);
    }

    return map;
}

static nc_node_t *
from_dynamic(builder_t *b, const Google__Protobuf__Value *v)
{
    switch (v->kind_case) {
    case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
        return from_real(b, v->number_value, false);
    case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
        return nc_node_scalar(b->pool, nc_str_c(v->string_value), true);
    case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
        return plain(b, v->bool_value ? "true" : "false");
    case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
        return build(b, &v->struct_value->base);
    case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
        return build(b, &v->list_value->base);
    default:
        return plain(b, "null");
    }
}

static nc_node_t *
from_well_known(builder_t *b, const ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;
    const char                        *name = type->name + sizeof("google.protobuf.") - 1;
    size_t                             len = strlen(name);
    nc_sb_t                            sb;

    if (type == &google__protobuf__any__descriptor) {
        return from_any(b, (const Google__Protobuf__Any *) (const void *) m);
    }

    if (type == &google__protobuf__value__descriptor) {
        return from_dynamic(b, (const Google__Protobuf__Value *) (const void *) m);
    }

    if (type == &google__protobuf__struct__descriptor) {
        return from_map(b, m, &type->fields[0]);
    }

    if (type == &google__protobuf__list_value__descriptor) {
        return from_list(b, m, &type->fields[0]);
    }

    if (type == &google__protobuf__duration__descriptor) {
        const Google__Protobuf__Duration  *d = (const void *) m;

        nc_sb_init(&sb);
        nc_format_duration(&sb, d->seconds, d->nanos);
        return take(b, &sb, true);
    }

    if (type == &google__protobuf__timestamp__descriptor) {
        const Google__Protobuf__Timestamp  *t = (const void *) m;

        nc_sb_init(&sb);
        nc_format_timestamp(&sb, t->seconds, t->nanos);
        return take(b, &sb, true);
    }

    if (len > 5 && strcmp(name + len - 5, "Value") == 0) {
        return from_value(b, &type->fields[0], (const char *) m + type->fields[0].offset);
    }

    return NULL;
}

static nc_node_t *
build(builder_t *b, const ProtobufCMessage *m)
{
    nc_node_t  *node = NULL;

    b->depth++;

    if (strncmp(m->descriptor->name, "google.protobuf.", 16) == 0) {
        node = from_well_known(b, m);
    }

    if (node == NULL) {
        node = from_fields(b, m, 0);
        add_fields(b, m, node);
    }

    b->depth--;

    return node;
}

nc_node_t *
nc_message_tree(nc_pool_t *pool, const ProtobufCMessage *message, const nc_doc_t *doc,
    unsigned flags)
{
    builder_t  b = { .pool = pool, .doc = doc, .flags = flags };

    return build(&b, message);
}
