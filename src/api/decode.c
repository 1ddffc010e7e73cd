/*
 * decode.c: a tree of nodes into a message, driven by the message's descriptor.
 *
 * Invariants:
 *  1. What a message held before stays unless the tree says otherwise (doc.h, invariant 2).
 *  2. An error ends one field, never the run: all errors of a text are found.
 *  3. Walking is bounded by max_visits, so that aliases of aliases cannot grow without end.
 */
#include "api/doc_priv.h"

#include "api/message.h"

#define MAX_ERRORS  1000u                       /* more are not shown */
#define MAX_FIELDS  1024                        /* of one message; Envoy's largest has about 60 */

static void
report(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, bool warning, const char *fmt,
    va_list args)
{
    nc_sb_t  path;
    nc_sb_t  text;

    d->failed |= !warning;

    if (d->errors->n >= MAX_ERRORS) {
        return;
    }

    nc_sb_init(&path);
    nc_sb_init(&text);
    nc_at_path(at, &path);
    nc_sb_vprintf(&text, fmt, args);

    if (warning) {
        nc_errors_warn(d->errors, d->file, node->line, node->column, nc_sb_c(&path), "%s",
            nc_sb_c(&text));
    } else {
        nc_errors_add(d->errors, d->file, node->line, node->column, nc_sb_c(&path), "%s",
            nc_sb_c(&text));
    }

    nc_sb_fini(&path);
    nc_sb_fini(&text);
}

void
nc_decode_error(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    report(d, at, node, false, fmt, args);
    va_end(args);
}

void
nc_decode_warn(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    report(d, at, node, true, fmt, args);
    va_end(args);
}

bool
nc_decode_visit(nc_decoder_t *d, nc_at_t at, const nc_node_t *node)
{
    if (d->visits > d->max_visits) {
        return false;
    }

    if (++d->visits > d->max_visits) {
        nc_decode_error(d, at, node, "aliases make this too large");
        return false;
    }

    return true;
}

bool
nc_decode_takes_null(const ProtobufCFieldDescriptor *f)
{
    const char  *name;

    if (f->type == PROTOBUF_C_TYPE_ENUM) {
        name = ((const ProtobufCEnumDescriptor *) f->descriptor)->name;
        return strcmp(name, "google.protobuf.NullValue") == 0;
    }

    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        name = ((const ProtobufCMessageDescriptor *) f->descriptor)->name;
        return strcmp(name, "google.protobuf.Value") == 0;
    }

    return false;
}

/* One value of field `f` at `to`, which is zero or holds what is to be merged into. */
static bool
decode_value(nc_decoder_t *d, nc_at_t at, const ProtobufCFieldDescriptor *f, const nc_node_t *node,
    void *to)
{
    if (!nc_decode_visit(d, at, node)) {
        return false;
    }

    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        return nc_decode_scalar(d, at, f, node, to);
    }

    nc_decode_submessage(d, at, f->descriptor, node, to);

    return true;
}

/* Makes room for `more` elements behind those of repeated field `f`; returns the first new one. */
static char *
grow_list(nc_decoder_t *d, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t more)
{
    size_t   *n = (size_t *) (void *) ((char *) m + f->quantifier_offset);
    void    **items = (void **) (void *) ((char *) m + f->offset);
    size_t    size = nc_field_size(f);
    char     *grown = nc_pool_array(d->pool, *n + more, size);

    if (*n > 0) {
        memcpy(grown, *items, *n * size);
    }

    *items = grown;

    return grown + *n * size;
}

static void
decode_list(nc_decoder_t *d, nc_at_t at, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    const nc_node_t *node)
{
    nc_node_t *const  one = (nc_node_t *) (uintptr_t) node;
    nc_node_t *const *items = node->kind == NC_NODE_LIST ? node->items : &one;
    size_t            n_items = node->kind == NC_NODE_LIST ? node->n : 1;
    size_t           *n = (size_t *) (void *) ((char *) m + f->quantifier_offset);
    size_t            size = nc_field_size(f);
    char             *to;

    if (n_items == 0) {
        return;
    }

    to = grow_list(d, m, f, n_items);

    for (size_t i = 0; i < n_items; i++) {
        at.index = (int32_t) *n;

        if (nc_node_is_null(items[i]) && !nc_decode_takes_null(f)) {
            nc_decode_error(d, at, items[i], "an empty item in a list");
            continue;
        }

        if (!decode_value(d, at, f, items[i], to)) {
            continue;
        }

        /* A message that failed may be missing: a list has no holes. */
        if (f->type == PROTOBUF_C_TYPE_MESSAGE && *(void **) (void *) to == NULL) {
            continue;
        }

        to += size;
        ++*n;
    }
}

/* The entry under the key that is in `entry` already, or NULL. */
static ProtobufCMessage **
find_entry(ProtobufCMessage **entries, size_t n, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor  *key = &entry->descriptor->fields[0];
    const void                      *a = (const char *) entry + key->offset;

    for (size_t i = 0; i < n; i++) {
        const void  *b = (const char *) entries[i] + key->offset;

        if (key->type == PROTOBUF_C_TYPE_STRING) {
            if (strcmp(*(char *const *) a, *(char *const *) b) == 0) {
                return &entries[i];
            }
        } else if (memcmp(a, b, nc_field_size(key)) == 0) {
            return &entries[i];
        }
    }

    return NULL;
}

static void
decode_map(nc_decoder_t *d, nc_at_t at, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    const nc_node_t *node)
{
    const ProtobufCMessageDescriptor  *type = f->descriptor;
    size_t                            *n = (size_t *) (void *) ((char *) m + f->quantifier_offset);
    size_t                             before = *n;
    ProtobufCMessage                 **entries;

    if (node->kind != NC_NODE_MAP) {
        nc_decode_error(d, at, node, "expected a mapping, got %s", nc_node_describe(node));
        return;
    }

    (void) grow_list(d, m, f, node->n);
    entries = *(ProtobufCMessage ***) (void *) ((char *) m + f->offset);

    for (uint32_t i = 0; i < node->n; i++) {
        ProtobufCMessage   *entry = nc_message_new(d->pool, type);
        void               *key_at = (char *) entry + type->fields[0].offset;
        void               *value_at = (char *) entry + type->fields[1].offset;
        nc_node_t           key = *node->pairs[i].key;
        const nc_node_t    *value = node->pairs[i].value;
        ProtobufCMessage  **there;

        at.key = key.text.data;
        key.quoted = true;

        if (!nc_decode_scalar(d, at, &type->fields[0], &key, key_at)) {
            continue;
        }

        if (nc_node_is_null(value) && !nc_decode_takes_null(&type->fields[1])) {
            nc_decode_error(d, at, value, "nothing where a value is expected");
            continue;
        }

        if (!decode_value(d, at, &type->fields[1], value, value_at)) {
            continue;
        }

        there = find_entry(entries, before, entry);
        if (there != NULL) {
            *there = entry;
        } else {
            entries[(*n)++] = entry;
        }
    }
}

static void
decode_singular(nc_decoder_t *d, nc_at_t at, ProtobufCMessage *m,
    const ProtobufCFieldDescriptor *f, const nc_node_t *node)
{
    char      *to = (char *) m + f->offset;
    uint32_t  *quantifier = (uint32_t *) (void *) ((char *) m + f->quantifier_offset);
    bool       is_oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;

    if (is_oneof && *quantifier != f->id) {
        *quantifier = 0;
        memset(to, 0, nc_field_size(f));
    }

    if (!decode_value(d, at, f, node, to)) {
        return;
    }

    if (is_oneof) {
        if (f->type != PROTOBUF_C_TYPE_MESSAGE || *(void **) (void *) to != NULL) {
            *quantifier = f->id;
        }
    } else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE
        && f->type != PROTOBUF_C_TYPE_STRING)
    {
        *(protobuf_c_boolean *) (void *) quantifier = 1;
    }
}

static const ProtobufCFieldDescriptor *
find_field(const ProtobufCMessageDescriptor *type, nc_str_t key)
{
    const ProtobufCFieldDescriptor  *f;

    f = protobuf_c_message_descriptor_get_field_by_name(type, key.data);
    if (f != NULL) {
        return f;
    }

    for (unsigned i = 0; i < type->n_fields; i++) {
        if (nc_name_matches(type->fields[i].name, key)) {
            return &type->fields[i];
        }
    }

    return NULL;
}

/* The field of the same oneof that was there before in this mapping, or NULL. */
static const ProtobufCFieldDescriptor *
oneof_rival(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f,
    const uint8_t *seen)
{
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
        return NULL;
    }

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *g = &type->fields[i];

        if (seen[i] && g != f && (g->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0
            && g->quantifier_offset == f->quantifier_offset)
        {
            return g;
        }
    }

    return NULL;
}

/* The value of field `f`, whatever its label. */
static void
decode_field(nc_decoder_t *d, nc_at_t at, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    const nc_node_t *node)
{
    if (nc_node_is_null(node)
        && (f->label == PROTOBUF_C_LABEL_REPEATED || !nc_decode_takes_null(f)))
    {
        return;
    }

    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        decode_singular(d, at, m, f, node);
    } else if (nc_message_is_map(m->descriptor, f)) {
        decode_map(d, at, m, f, node);
    } else {
        decode_list(d, at, m, f, node);
    }
}

void
nc_decode_message(nc_decoder_t *d, nc_at_t where, ProtobufCMessage *m, const nc_node_t *node)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;
    const nc_origin_t                 *origin = nc_origin_add(d, where, m, node);
    bool                               in_any = false;
    uint8_t                            seen[MAX_FIELDS];

    NC_CHECK(type->n_fields <= MAX_FIELDS);
    memset(seen, 0, type->n_fields);

    in_any = where.field != NULL && where.field[0] == '\0';

    for (uint32_t i = 0; i < node->n; i++) {
        const nc_node_t                 *key = node->pairs[i].key;
        const nc_node_t                 *value = node->pairs[i].value;
        nc_at_t                          at = { .parent = origin, .index = -1 };
        const ProtobufCFieldDescriptor  *f;
        const ProtobufCFieldDescriptor  *rival;

        if (in_any && nc_str_eq(key->text, NC_STR("@type"))) {
            continue;
        }

        at.field = key->text.data;
        f = find_field(type, key->text);

        if (f == NULL) {
            if (d->doc != NULL && (d->doc->flags & NC_DOC_ALLOW_UNKNOWN) != 0) {
                nc_decode_warn(d, at, key, "%s", nc_explain_field(d->pool, type, key->text));
            } else {
                nc_decode_error(d, at, key, "%s", nc_explain_field(d->pool, type, key->text));
            }
            continue;
        }

        at.field = f->name;

        if (seen[f - type->fields]) {
            nc_decode_error(d, at, key, "is there already under its other spelling");
            continue;
        }

        if (!nc_node_is_null(value)) {
            seen[f - type->fields] = 1;
            rival = oneof_rival(type, f, seen);
            if (rival != NULL) {
                nc_decode_error(d, at, key, "cannot stand beside '%s': only one of them",
                    rival->name);
                continue;
            }
        }

        decode_field(d, at, m, f, value);
    }
}

void
nc_decode_submessage(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot)
{
    if (d->depth == NC_DOC_MAX_DEPTH) {
        nc_decode_error(d, at, node, "nested more than 200 deep");
        return;
    }

    d->depth++;

    if (strncmp(type->name, "google.protobuf.", 16) == 0
        && nc_decode_well_known(d, at, type, node, slot))
    {
        d->depth--;
        return;
    }

    if (node->kind != NC_NODE_MAP) {
        nc_decode_error(d, at, node, "expected a mapping, got %s", nc_node_describe(node));
    } else {
        if (*slot == NULL) {
            *slot = nc_message_new(d->pool, type);
        }
        nc_decode_message(d, at, *slot, node);
    }

    d->depth--;
}
