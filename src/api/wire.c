/*
 * wire.c: packed bytes are walked before protobuf-c unpacks them, because that library limits
 * neither nesting nor the bytes of strings.
 */
#include "api/doc_priv.h"

#include "api/message.h"

typedef struct {
    nc_pool_t    *pool;
    const char  **unknown;                      /* where to leave the first unknown field */
    nc_sb_t       path;
} check_t;

static bool
read_varint(nc_str_t *s, uint64_t *value)
{
    uint64_t  v = 0;

    for (unsigned i = 0; i < 10; i++) {
        unsigned char  c;

        if (i == s->len) {
            return false;
        }

        c = (unsigned char) s->data[i];
        v |= (uint64_t) (c & 0x7f) << (7 * i);

        if (c < 0x80) {
            *s = nc_str_skip(*s, i + 1);
            *value = v;
            return true;
        }
    }

    return false;
}

/* Takes the bytes of one value off `*s`; `*inside` is the content when it has a length. */
static bool
read_value(nc_str_t *s, unsigned wire, nc_str_t *inside)
{
    uint64_t  n = 0;

    switch (wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(s, &n);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        n = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!read_varint(s, &n)) {
            return false;
        }
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        n = 4;
        break;
    default:
        return false;
    }

    if (n > s->len) {
        return false;
    }

    *inside = nc_str(s->data, n);
    *s = nc_str_skip(*s, n);

    return true;
}

static void
note_unknown(check_t *c, uint64_t number)
{
    size_t  len = c->path.len;

    if (c->unknown == NULL || *c->unknown != NULL) {
        return;
    }

    nc_sb_printf(&c->path, "%s#%" PRIu64, len > 0 ? "." : "", number);
    *c->unknown = nc_pool_strdup(c->pool, nc_sb_c(&c->path));
    c->path.len = len;
}

static const char *check_message(check_t *c, const ProtobufCMessageDescriptor *type, nc_str_t s,
    unsigned depth);

static const char *
check_field(check_t *c, const ProtobufCFieldDescriptor *f, unsigned wire, nc_str_t inside,
    unsigned depth)
{
    const char  *why;
    size_t       len = c->path.len;

    if (wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        return NULL;
    }

    if (f->type == PROTOBUF_C_TYPE_STRING && !nc_text_ok(inside)) {
        return "a string that is not UTF-8, or with a NUL in it";
    }

    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        return NULL;
    }

    nc_sb_printf(&c->path, "%s%s", len > 0 ? "." : "", f->name);
    why = check_message(c, f->descriptor, inside, depth + 1);
    c->path.len = len;

    return why;
}

static const char *
check_message(check_t *c, const ProtobufCMessageDescriptor *type, nc_str_t s, unsigned depth)
{
    if (depth > NC_MESSAGE_MAX_DEPTH) {
        return "messages nested too deep";
    }

    while (s.len > 0) {
        const ProtobufCFieldDescriptor  *f;
        uint64_t                         tag;
        nc_str_t                         inside = NC_STR("");
        const char                      *why;

        if (!read_varint(&s, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911
            || !read_value(&s, tag & 7, &inside))
        {
            return "malformed protobuf";
        }

        f = protobuf_c_message_descriptor_get_field(type, (unsigned) (tag >> 3));
        if (f == NULL) {
            note_unknown(c, tag >> 3);
            continue;
        }

        why = check_field(c, f, tag & 7, inside, depth);
        if (why != NULL) {
            return why;
        }
    }

    return NULL;
}

const char *
nc_wire_check(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t bytes,
    const char **unknown)
{
    check_t      c = { .pool = pool, .unknown = unknown };
    const char  *why;

    if (unknown != NULL) {
        *unknown = NULL;
    }

    nc_sb_init(&c.path);
    why = check_message(&c, type, bytes, 0);
    nc_sb_fini(&c.path);

    return why;
}
