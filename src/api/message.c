/*
 * message.c: messages of any type, by their descriptors: make, copy, merge, pack, compare.
 *
 * Invariant: recursion is as deep as the message, which nobody can make deeper than
 * NC_MESSAGE_MAX_DEPTH from outside.
 */
#include "api/message.h"

#include "api/doc_priv.h"

#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/duration.pb-c.h>

#define MEMBER(type, m, at)     ((type *) (void *) ((char *) (uintptr_t) (m) + (at)))

static void *
pool_alloc(void *pool, size_t size)
{
    return nc_pool_alloc(pool, size);
}

static void
pool_free(void *pool NC_UNUSED, void *p NC_UNUSED)
{
}

ProtobufCMessage *
nc_message_new(nc_pool_t *pool, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage  *m = nc_pool_calloc(pool, type->sizeof_message);

    protobuf_c_message_init(type, m);

    return m;
}

bool
nc_message_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f)
{
    const ProtobufCMessageDescriptor  *entry = f->descriptor;
    size_t                             len;

    if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE
        || entry->n_fields != 2 || entry->fields[0].id != 1 || entry->fields[1].id != 2
        || strcmp(entry->fields[0].name, "key") != 0
        || strcmp(entry->fields[1].name, "value") != 0)
    {
        return false;
    }

    /* The compiler names the entries of map foo_bar of X: X.FooBarEntry. */
    len = strlen(parent->name);

    return strncmp(entry->name, parent->name, len) == 0 && entry->name[len] == '.'
        && nc_str_ends(nc_str_c(entry->name), NC_STR("Entry"));
}

static bool
oneof_is(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return *MEMBER(const uint32_t, m, f->quantifier_offset) == f->id;
}

/* True when the scalar of a field without presence is not its zero. */
static bool
not_zero(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char  *s = *MEMBER(char *const, m, f->offset);

        return s != NULL && *s != '\0';
    }
    case PROTOBUF_C_TYPE_BYTES:
        return MEMBER(const ProtobufCBinaryData, m, f->offset)->len > 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *MEMBER(void *const, m, f->offset) != NULL;
    case PROTOBUF_C_TYPE_BOOL:
        return *MEMBER(const protobuf_c_boolean, m, f->offset) != 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return *MEMBER(const uint64_t, m, f->offset) != 0;
    default:
        return *MEMBER(const uint32_t, m, f->offset) != 0;
    }
}

bool
nc_message_has(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return oneof_is(m, f);
    }

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        return *MEMBER(const size_t, m, f->quantifier_offset) > 0;
    }

    if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE) {
        return f->type == PROTOBUF_C_TYPE_STRING ? *MEMBER(char *const, m, f->offset) != NULL
            : *MEMBER(const protobuf_c_boolean, m, f->quantifier_offset) != 0;
    }

    return not_zero(m, f);
}

size_t
nc_field_size(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default:
        return 4;
    }
}

/* Replaces what `value` (an element of field `f`) points to by a copy. */
static void
copy_pointee(nc_pool_t *pool, const ProtobufCFieldDescriptor *f, void *value)
{
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        char  **s = value;

        /* That very pointer means "unset" to protobuf-c, any other empty text in a oneof is set. */
        if (*s != NULL && *s != (const char *) protobuf_c_empty_string) {
            *s = nc_pool_strdup(pool, *s);
        }
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData  *b = value;

        if (b->len > 0) {
            b->data = memcpy(nc_pool_alloc(pool, b->len), b->data, b->len);
        } else {
            b->data = NULL;
        }
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage  **m = value;

        if (*m != NULL) {
            *m = nc_message_clone(pool, *m);
        }
    }
}

ProtobufCMessage *
nc_message_clone(nc_pool_t *pool, const ProtobufCMessage *from)
{
    const ProtobufCMessageDescriptor  *type = from->descriptor;
    ProtobufCMessage                  *m = nc_pool_alloc(pool, type->sizeof_message);

    memcpy(m, from, type->sizeof_message);

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t    n = *MEMBER(const size_t, from, f->quantifier_offset);
            size_t    size = nc_field_size(f);
            char    **items = MEMBER(char *, m, f->offset);
            char     *copy = nc_pool_array(pool, n, size);

            if (n > 0) {
                memcpy(copy, *items, n * size);
            }

            for (size_t j = 0; j < n; j++) {
                copy_pointee(pool, f, copy + j * size);
            }

            *items = n > 0 ? copy : NULL;
        } else if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || oneof_is(from, f)) {
            copy_pointee(pool, f, (char *) m + f->offset);
        }
    }

    if (m->n_unknown_fields > 0) {
        size_t  size = m->n_unknown_fields * sizeof(*m->unknown_fields);

        m->unknown_fields = memcpy(nc_pool_alloc(pool, size), m->unknown_fields, size);

        for (unsigned i = 0; i < m->n_unknown_fields; i++) {
            ProtobufCMessageUnknownField  *u = &m->unknown_fields[i];

            u->data = memcpy(nc_pool_alloc(pool, u->len), u->data, u->len);
        }
    }

    return m;
}

/* Order of two entries of a map. */
static int
entry_order(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    const ProtobufCFieldDescriptor  *key = &a->descriptor->fields[0];

    if (key->type == PROTOBUF_C_TYPE_STRING) {
        return strcmp(*MEMBER(char *const, a, key->offset), *MEMBER(char *const, b, key->offset));
    }

    if (nc_field_size(key) == 8) {
        int64_t  x = *MEMBER(const int64_t, a, key->offset);
        int64_t  y = *MEMBER(const int64_t, b, key->offset);

        return (x > y) - (x < y);
    }

    {
        int32_t  x = *MEMBER(const int32_t, a, key->offset);
        int32_t  y = *MEMBER(const int32_t, b, key->offset);

        return (x > y) - (x < y);
    }
}

/* A stable merge sort; `spare` has room for n. */
static void
sort_entries(ProtobufCMessage **entries, ProtobufCMessage **spare, size_t n)
{
    size_t  half = n / 2;
    size_t  i = 0;
    size_t  j = half;

    if (n < 2) {
        return;
    }

    sort_entries(entries, spare, half);
    sort_entries(entries + half, spare, n - half);

    for (size_t k = 0; k < n; k++) {
        if (j == n || (i < half && entry_order(entries[i], entries[j]) <= 0)) {
            spare[k] = entries[i++];
        } else {
            spare[k] = entries[j++];
        }
    }

    memcpy(entries, spare, n * sizeof(*entries));
}

/* Sorts a map by key; of several entries with one key the last stays. */
static size_t
normalize_map(ProtobufCMessage **entries, size_t n)
{
    ProtobufCMessage  **spare;
    size_t              kept = 0;
    bool                sorted = true;

    for (size_t i = 1; i < n && sorted; i++) {
        sorted = entry_order(entries[i - 1], entries[i]) < 0;
    }

    if (sorted) {
        return n;
    }

    spare = nc_malloc(n * sizeof(*spare));
    sort_entries(entries, spare, n);
    free(spare);

    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || entry_order(entries[i], entries[i + 1]) != 0) {
            entries[kept++] = entries[i];
        }
    }

    return kept;
}

void
nc_message_normalize(ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];

        if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t             *n = MEMBER(size_t, m, f->quantifier_offset);
            ProtobufCMessage  **items = *MEMBER(ProtobufCMessage **, m, f->offset);

            if (*n > 1 && nc_message_is_map(type, f)) {
                *n = normalize_map(items, *n);
            }

            for (size_t j = 0; j < *n; j++) {
                nc_message_normalize(items[j]);
            }
        } else if (nc_message_has(m, f)) {
            nc_message_normalize(*MEMBER(ProtobufCMessage *, m, f->offset));
        }
    }
}

/* On the wire the value of a map entry may be missing; here every entry has one. */
static void
complete_entry(nc_pool_t *pool, ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor  *v = &entry->descriptor->fields[1];

    if (v->type == PROTOBUF_C_TYPE_MESSAGE && !nc_message_has(entry, v)) {
        *MEMBER(ProtobufCMessage *, entry, v->offset) = nc_message_new(pool, v->descriptor);
    }
}

static void
complete_maps(nc_pool_t *pool, ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor  *type = m->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];
        bool                             is_map = nc_message_is_map(type, f);
        size_t                           n = 1;
        ProtobufCMessage               **items = MEMBER(ProtobufCMessage *, m, f->offset);

        if (f->type != PROTOBUF_C_TYPE_MESSAGE || !nc_message_has(m, f)) {
            continue;
        }

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            n = *MEMBER(size_t, m, f->quantifier_offset);
            items = *MEMBER(ProtobufCMessage **, m, f->offset);
        }

        for (size_t j = 0; j < n; j++) {
            if (is_map) {
                complete_entry(pool, items[j]);
            }

            complete_maps(pool, items[j]);
        }
    }
}

nc_str_t
nc_message_pack(nc_pool_t *pool, ProtobufCMessage *m)
{
    size_t    size;
    uint8_t  *bytes;

    nc_message_normalize(m);
    size = protobuf_c_message_get_packed_size(m);
    bytes = nc_pool_alloc(pool, size + 1);
    (void) protobuf_c_message_pack(m, bytes);

    return nc_str((const char *) bytes, size);
}

ProtobufCMessage *
nc_message_unpack(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t bytes,
    const char **why, const char **unknown)
{
    ProtobufCAllocator   allocator = { pool_alloc, pool_free, pool };
    ProtobufCMessage    *m;

    *why = nc_wire_check(pool, type, bytes, unknown);
    if (*why != NULL) {
        return NULL;
    }

    m = protobuf_c_message_unpack(type, &allocator, bytes.len,
        (const uint8_t *) (bytes.data ? bytes.data : ""));
    if (m == NULL) {
        *why = "malformed protobuf";
        return NULL;
    }

    complete_maps(pool, m);
    nc_message_normalize(m);

    return m;
}

static void
merge_list(nc_pool_t *pool, ProtobufCMessage *to, const ProtobufCMessage *from,
    const ProtobufCFieldDescriptor *f)
{
    size_t   *n = MEMBER(size_t, to, f->quantifier_offset);
    size_t    more = *MEMBER(const size_t, from, f->quantifier_offset);
    size_t    size = nc_field_size(f);
    char    **items = MEMBER(char *, to, f->offset);
    char     *grown = nc_pool_array(pool, *n + more, size);
    char     *added = grown + *n * size;

    if (*n > 0) {
        memcpy(grown, *items, *n * size);
    }

    memcpy(added, *MEMBER(char *const, from, f->offset), more * size);

    for (size_t i = 0; i < more; i++) {
        copy_pointee(pool, f, added + i * size);
    }

    *items = grown;
    *n += more;

    if (nc_message_is_map(to->descriptor, f)) {
        *n = normalize_map((ProtobufCMessage **) (void *) grown, *n);
    }
}

void
nc_message_merge(nc_pool_t *pool, ProtobufCMessage *to, const ProtobufCMessage *from)
{
    const ProtobufCMessageDescriptor  *type = from->descriptor;

    NC_CHECK(to->descriptor == type);

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &type->fields[i];
        bool                             is_oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        char                            *dest = (char *) to + f->offset;

        if (!nc_message_has(from, f)) {
            continue;
        }

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            merge_list(pool, to, from, f);
            continue;
        }

        if (f->type == PROTOBUF_C_TYPE_MESSAGE && nc_message_has(to, f)) {
            nc_message_merge(pool, *MEMBER(ProtobufCMessage *, to, f->offset),
                *MEMBER(ProtobufCMessage *const, from, f->offset));
            continue;
        }

        memcpy(dest, (const char *) from + f->offset, nc_field_size(f));
        copy_pointee(pool, f, dest);

        if (is_oneof) {
            *MEMBER(uint32_t, to, f->quantifier_offset) = f->id;
        } else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE
            && f->type != PROTOBUF_C_TYPE_STRING)
        {
            *MEMBER(protobuf_c_boolean, to, f->quantifier_offset) = 1;
        }
    }
}

bool
nc_message_eq(ProtobufCMessage *a, ProtobufCMessage *b)
{
    nc_pool_t  pool;
    bool       eq;

    if (a->descriptor != b->descriptor) {
        return false;
    }

    nc_pool_init(&pool, &nc_pool_heap);
    eq = nc_str_eq(nc_message_pack(&pool, a), nc_message_pack(&pool, b));
    nc_pool_fini(&pool);

    return eq;
}

uint64_t
nc_message_hash(ProtobufCMessage *m)
{
    uint64_t   h = UINT64_C(0xcbf29ce484222325);            /* FNV-1a, 64 bits */
    nc_pool_t  pool;
    nc_str_t   bytes;

    nc_pool_init(&pool, &nc_pool_heap);
    bytes = nc_message_pack(&pool, m);

    for (size_t i = 0; i < bytes.len; i++) {
        h = (h ^ (unsigned char) bytes.data[i]) * UINT64_C(0x100000001b3);
    }

    nc_pool_fini(&pool);

    return h;
}

ProtobufCMessage *
nc_message_any(nc_pool_t *pool, ProtobufCMessage *m)
{
    Google__Protobuf__Any  *any;
    nc_str_t                bytes = nc_message_pack(pool, m);
    nc_sb_t                 url;

    any = (Google__Protobuf__Any *) (void *) nc_message_new(pool,
        &google__protobuf__any__descriptor);

    nc_sb_init(&url);
    nc_sb_printf(&url, "type.googleapis.com/%s", m->descriptor->name);
    any->type_url = nc_pool_strdup(pool, nc_sb_c(&url));
    nc_sb_fini(&url);
    any->value.data = (uint8_t *) (uintptr_t) bytes.data;
    any->value.len = bytes.len;

    return &any->base;
}

uint64_t
nc_duration_ms(const Google__Protobuf__Duration *d, uint64_t unset)
{
    if (d == NULL) {
        return unset;
    }

    if (d->seconds < 0 || d->nanos < 0) {
        return 0;
    }

    if (d->seconds > INT64_C(315576000000)) {
        return UINT64_C(315576000000000);
    }

    return (uint64_t) d->seconds * 1000 + ((uint64_t) d->nanos + 999999) / 1000000;
}
