/*
 * admin_message.c: messages before they are shown: cut down to a field mask, and without secrets.
 * What lies in an Any is unpacked, changed, and packed again.
 */
#include "process/admin_priv.h"
#include "api/message.h"

#include <google/protobuf/any.pb-c.h>

/* Fields that hold secrets: the `sensitive` ones of Envoy's API. */
static const struct {
    const char  *message;
    const char  *field;
} secrets[] = {
    { "envoy.extensions.transport_sockets.tls.v3.TlsCertificate", "private_key" },
    { "envoy.extensions.transport_sockets.tls.v3.TlsCertificate", "pkcs12" },
    { "envoy.extensions.transport_sockets.tls.v3.TlsCertificate", "password" },
    { "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys", "keys" },
    { "envoy.extensions.transport_sockets.tls.v3.GenericSecret", "secret" },
    { "envoy.extensions.transport_sockets.tls.v3.PrivateKeyProvider", "typed_config" },
    { "envoy.extensions.filters.http.basic_auth.v3.BasicAuth", "users" },
    { "envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute", "users" },
    { "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth", "credentials" },
    { "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", "credentials" },
    { "envoy.config.core.v3.GrpcService.GoogleGrpc.SslCredentials", "private_key" },
};

#define REDACTED  "[redacted]"


static size_t
scalar_size(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {

    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;

    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);

    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);

    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);

    default:
        return 4;
    }
}


static void *
at(const ProtobufCMessage *m, unsigned offset)
{
    return (char *) (uintptr_t) m + offset;
}


/* Number of values of the field, and the first; messages and strings as pointers to them. */
static size_t
values(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, void **first)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        *first = *(void **) at(m, f->offset);

        return *(size_t *) at(m, f->quantifier_offset);
    }

    *first = at(m, f->offset);

    return nc_message_has(m, f) ? 1 : 0;
}


static void
copy_field(ProtobufCMessage *to, const ProtobufCMessage *from, const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(at(to, f->offset), at(from, f->offset), sizeof(void *));
        memcpy(at(to, f->quantifier_offset), at(from, f->quantifier_offset), sizeof(size_t));

        return;
    }

    memcpy(at(to, f->offset), at(from, f->offset), scalar_size(f));

    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        memcpy(at(to, f->quantifier_offset), at(from, f->quantifier_offset), sizeof(int));

    } else if (f->quantifier_offset) {
        memcpy(at(to, f->quantifier_offset), at(from, f->quantifier_offset),
            sizeof(protobuf_c_boolean));
    }
}


static bool
is_any(const ProtobufCMessage *m)
{
    return m->descriptor == &google__protobuf__any__descriptor;
}


/* The message in an Any; NULL: its type is not known here. */
static ProtobufCMessage *
unpack_any(nc_pool_t *pool, const ProtobufCMessage *m)
{
    const Google__Protobuf__Any       *any = (const void *) m;
    const ProtobufCMessageDescriptor  *type = nc_message_type_of_url(any->type_url);
    const char                        *why;

    return type ? nc_message_unpack(pool, type, nc_str((const char *) any->value.data,
                                                       any->value.len), &why, NULL)
                : NULL;
}


void
nc_admin_mask(nc_admin_mask_t *mask, nc_pool_t *pool, nc_str_t text)
{
    nc_str_t  rest = text, path;
    unsigned  n = 1;

    for (size_t i = 0; i < text.len; i++) {
        n += text.data[i] == ',';
    }

    mask->paths = nc_pool_array(pool, n, sizeof(*mask->paths));
    mask->n = 0;

    while (nc_str_split(&rest, ',', &path)) {
        path = nc_str_trim(path);

        if (path.len) {
            mask->paths[mask->n++] = path;
        }
    }
}


bool
nc_admin_mask_below(const nc_admin_mask_t *mask, nc_pool_t *pool, nc_str_t name,
    nc_admin_mask_t *below)
{
    below->paths = nc_pool_array(pool, mask->n ? mask->n : 1, sizeof(*below->paths));
    below->n = 0;

    for (unsigned i = 0; i < mask->n; i++) {
        nc_str_t  p = mask->paths[i];

        if (nc_str_eq(p, name)) {
            return true;
        }

        if (p.len > name.len && p.data[name.len] == '.' && nc_str_starts(p, name)) {
            below->paths[below->n++] = nc_str_skip(p, name.len + 1);
        }
    }

    return false;
}


static void
trim_field(nc_pool_t *pool, ProtobufCMessage *to, const ProtobufCMessage *from,
    const ProtobufCFieldDescriptor *f, const nc_admin_mask_t *below)
{
    ProtobufCMessage  **items;
    void               *first;
    size_t              n = values(from, f, &first);

    copy_field(to, from, f);

    if (f->type != PROTOBUF_C_TYPE_MESSAGE || n == 0) {
        return;
    }

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        items = nc_pool_array(pool, n, sizeof(*items));
        *(ProtobufCMessage ***) at(to, f->offset) = items;
    } else {
        items = at(to, f->offset);
    }

    for (size_t i = 0; i < n; i++) {
        items[i] = nc_admin_trim(pool, ((ProtobufCMessage **) first)[i], below);
    }
}


ProtobufCMessage *
nc_admin_trim(nc_pool_t *pool, const ProtobufCMessage *m, const nc_admin_mask_t *mask)
{
    ProtobufCMessage  *out, *inner;
    nc_admin_mask_t    below;

    if (is_any(m)) {
        inner = unpack_any(pool, m);

        return inner ? nc_message_any(pool, nc_admin_trim(pool, inner, mask))
                     : nc_message_clone(pool, m);
    }

    out = nc_message_new(pool, m->descriptor);

    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &m->descriptor->fields[i];
        void                            *first;

        if (values(m, f, &first) == 0) {
            continue;
        }

        if (nc_admin_mask_below(mask, pool, nc_str_c(f->name), &below)) {
            copy_field(out, m, f);

        } else if (below.n && f->type == PROTOBUF_C_TYPE_MESSAGE) {
            trim_field(pool, out, m, f, &below);
        }
    }

    return out;
}


static bool
is_secret(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    for (size_t i = 0; i < NC_COUNTOF(secrets); i++) {
        if (strcmp(m->descriptor->name, secrets[i].message) == 0
            && strcmp(f->name, secrets[i].field) == 0)
        {
            return true;
        }
    }

    return false;
}


static bool redact(nc_pool_t *pool, ProtobufCMessage *m, bool secret);


/* Values of one field; `secret`: all of them. */
static bool
redact_field(nc_pool_t *pool, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    bool secret)
{
    void    *first;
    size_t   n = values(m, f, &first);
    bool     changed = false;

    for (size_t i = 0; i < n; i++) {
        if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            changed |= redact(pool, ((ProtobufCMessage **) first)[i], secret);

        } else if (!secret) {
            continue;

        } else if (f->type == PROTOBUF_C_TYPE_STRING) {
            ((char **) first)[i] = nc_pool_strdup(pool, REDACTED);
            changed = true;

        } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
            ((ProtobufCBinaryData *) first)[i] = (ProtobufCBinaryData) {
                sizeof(REDACTED) - 1, (uint8_t *) nc_pool_strdup(pool, REDACTED)
            };
            changed = true;

        } else {
            memset((char *) first + i * scalar_size(f), 0, scalar_size(f));
            changed = true;
        }
    }

    return changed;
}


static bool
redact(nc_pool_t *pool, ProtobufCMessage *m, bool secret)
{
    bool  changed = false;

    if (is_any(m)) {
        ProtobufCMessage  *inner = unpack_any(pool, m);
        nc_str_t           bytes;

        if (inner == NULL) {
            return secret ? redact_field(pool, m, protobuf_c_message_descriptor_get_field_by_name(
                m->descriptor, "value"), true) : false;
        }

        if (!redact(pool, inner, secret)) {
            return false;
        }

        bytes = nc_message_pack(pool, inner);
        ((Google__Protobuf__Any *) (void *) m)->value = (ProtobufCBinaryData) {
            bytes.len, (uint8_t *) (uintptr_t) bytes.data
        };

        return true;
    }

    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor  *f = &m->descriptor->fields[i];

        if (f->type == PROTOBUF_C_TYPE_MESSAGE || secret || is_secret(m, f)) {
            changed |= redact_field(pool, m, f, secret || is_secret(m, f));
        }
    }

    return changed;
}


bool
nc_admin_redact(nc_pool_t *pool, ProtobufCMessage *m)
{
    return redact(pool, m, false);
}
