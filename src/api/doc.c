/* doc.c: documents: reading texts into one message, and what is inside their Anys. */
#include "api/doc.h"

#include "api/doc_priv.h"
#include "api/message.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <google/protobuf/any.pb-c.h>
#include <udpa/type/v1/typed_struct.pb-c.h>
#include <xds/type/v3/typed_struct.pb-c.h>

#define MIN_VISITS          1000000u            /* nodes that may be walked in any text */
#define VISITS_PER_BYTE     8u                  /* and in a large one; without aliases about 0.2 */

nc_doc_t *
nc_doc_create(const ProtobufCMessageDescriptor *type, unsigned flags)
{
    nc_doc_t  *doc = nc_calloc(sizeof(nc_doc_t));

    nc_pool_init(&doc->pool, &nc_pool_heap);
    doc->root = nc_message_new(&doc->pool, type);
    doc->flags = flags;

    return doc;
}

void
nc_doc_destroy(nc_doc_t *doc)
{
    if (doc == NULL) {
        return;
    }

    nc_ptrs_fini(&doc->origins);
    nc_ptrs_fini(&doc->anys);
    nc_pool_fini(&doc->pool);
    free(doc);
}

ProtobufCMessage *
nc_doc_root(const nc_doc_t *doc)
{
    return doc->root;
}

nc_pool_t *
nc_doc_pool(nc_doc_t *doc)
{
    return &doc->pool;
}

static nc_rc_t
add_binary(nc_doc_t *doc, const char *name, nc_str_t text, nc_errors_t *errors)
{
    const char        *why;
    const char        *unknown;
    ProtobufCMessage  *m;

    m = nc_message_unpack(&doc->pool, doc->root->descriptor, text, &why, &unknown);
    if (m == NULL) {
        return nc_errors_add(errors, name, 0, 0, "", "%s", why);
    }

    if (unknown != NULL) {
        if ((doc->flags & NC_DOC_ALLOW_UNKNOWN) == 0) {
            return nc_errors_add(errors, name, 0, 0, unknown, "unknown field");
        }
        nc_errors_warn(errors, name, 0, 0, unknown, "unknown field");
    }

    nc_message_merge(&doc->pool, doc->root, m);

    return NC_OK;
}

nc_rc_t
nc_doc_add_text(nc_doc_t *doc, const char *name, nc_doc_format_t format, nc_str_t text,
    nc_errors_t *errors)
{
    nc_at_t       at = { .index = -1 };
    nc_decoder_t  d = { .doc = doc, .pool = &doc->pool, .errors = errors };
    nc_node_t    *root;
    nc_rc_t       rc;

    d.file = name ? nc_pool_strdup(&doc->pool, name) : NULL;
    d.max_visits = NC_MAX(MIN_VISITS, text.len * VISITS_PER_BYTE);

    if (text.len > NC_DOC_MAX_BYTES) {
        return nc_errors_add(errors, name, 0, 0, "", "larger than %u MiB", NC_DOC_MAX_BYTES >> 20);
    }

    if (format == NC_DOC_BINARY) {
        return add_binary(doc, name, text, errors);
    }

    rc = format == NC_DOC_JSON ? nc_json_read(&doc->pool, d.file, text, errors, &root)
        : nc_yaml_read(&doc->pool, d.file, text, errors, &root);

    if (rc != NC_OK || root == NULL) {
        return rc;
    }

    nc_decode_submessage(&d, at, doc->root->descriptor, root, &doc->root);
    nc_message_normalize(doc->root);

    return d.failed ? NC_ERROR : NC_OK;
}

/* All bytes behind `fd`, into `out`. NC_ERROR with errno; EFBIG when it is too large. */
static nc_rc_t
read_all(int fd, nc_sb_t *out)
{
    for ( ;; ) {
        char     *room = nc_sb_reserve(out, 65536);
        ssize_t   n = read(fd, room, 65536);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return NC_ERROR;
        }

        if (n == 0) {
            return NC_OK;
        }

        out->len += (size_t) n;

        if (out->len > NC_DOC_MAX_BYTES) {
            errno = EFBIG;
            return NC_ERROR;
        }
    }
}

nc_rc_t
nc_doc_add_file(nc_doc_t *doc, const char *path, nc_errors_t *errors)
{
    bool             is_stdin = strcmp(path, "-") == 0;
    nc_str_t         name = nc_str_c(path);
    nc_doc_format_t  format = NC_DOC_YAML;
    nc_sb_t          text;
    nc_rc_t          rc;
    int              fd;

    if (nc_str_ends(name, NC_STR(".json"))) {
        format = NC_DOC_JSON;
    } else if (nc_str_ends(name, NC_STR(".pb"))) {
        format = NC_DOC_BINARY;
    }

    fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd == -1) {
        return nc_errors_add(errors, path, 0, 0, "", "cannot be opened: %s", strerror(errno));
    }

    nc_sb_init(&text);

    if (read_all(fd, &text) == NC_OK) {
        rc = nc_doc_add_text(doc, is_stdin ? "<stdin>" : path, format, nc_sb_str(&text), errors);
    } else {
        rc = nc_errors_add(errors, path, 0, 0, "", "cannot be read: %s", strerror(errno));
    }

    nc_sb_fini(&text);

    if (!is_stdin) {
        (void) close(fd);
    }

    return rc;
}

static nc_rc_t
add_located(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_errors_t *errors, bool warning, const char *fmt, va_list args)
{
    nc_doc_place_t  place;
    nc_sb_t         text;

    nc_doc_locate(doc, message, field, &place);
    nc_sb_init(&text);
    nc_sb_vprintf(&text, fmt, args);

    if (warning) {
        nc_errors_warn(errors, place.file, place.line, place.column, place.path, "%s",
            nc_sb_c(&text));
    } else {
        nc_errors_add(errors, place.file, place.line, place.column, place.path, "%s",
            nc_sb_c(&text));
    }

    nc_sb_fini(&text);

    return NC_ERROR;
}

nc_rc_t
nc_doc_error(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_errors_t *errors, const char *fmt, ...)
{
    va_list  args;
    nc_rc_t  rc;

    va_start(args, fmt);
    rc = add_located(doc, message, field, errors, false, fmt, args);
    va_end(args);

    return rc;
}

void
nc_doc_warn(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_errors_t *errors, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) add_located(doc, message, field, errors, true, fmt, args);
    va_end(args);
}

bool
nc_is_typed_struct(const ProtobufCMessageDescriptor *type)
{
    return type == &xds__type__v3__typed_struct__descriptor
        || type == &udpa__type__v1__typed_struct__descriptor;
}

/* The errors of decoding a TypedStruct, as one text. */
static const char *
first_error(nc_pool_t *pool, const nc_errors_t *errors)
{
    const nc_error_t  *e = errors->first;
    nc_sb_t            text;
    const char        *why;

    nc_sb_init(&text);
    nc_sb_printf(&text, "%s%s%s", e->path, e->path[0] != '\0' ? ": " : "", e->message);
    why = nc_pool_strdup(pool, nc_sb_c(&text));
    nc_sb_fini(&text);

    return why;
}

/* A TypedStruct (both kinds have the same layout) as a message of the type it names. */
static ProtobufCMessage *
retype(nc_pool_t *pool, const ProtobufCMessage *message, const char **why)
{
    const Xds__Type__V3__TypedStruct  *ts = (const Xds__Type__V3__TypedStruct *)
        (const void *) message;
    nc_errors_t                        errors;
    nc_decoder_t                       d = { .pool = pool, .errors = &errors };
    const ProtobufCMessageDescriptor  *type = nc_message_type_of_url(ts->type_url);
    const char                        *slash = strrchr(ts->type_url, '/');
    ProtobufCMessage                  *m = NULL;

    if (type == NULL) {
        *why = nc_explain_type(pool, nc_str_c(slash ? slash + 1 : ts->type_url));
        return NULL;
    }

    m = nc_message_new(pool, type);
    if (ts->value == NULL) {
        return m;
    }

    d.max_visits = SIZE_MAX - 1;                /* no aliases here: as large as the message is */
    nc_errors_init(&errors);
    nc_decode_submessage(&d, (nc_at_t) { .index = -1, .field = "" }, type,
        nc_message_tree(pool, &ts->value->base, NULL, 0), &m);

    if (d.failed) {
        *why = first_error(pool, &errors);
        m = NULL;
    }

    nc_errors_fini(&errors);

    return m;
}

const ProtobufCMessage *
nc_doc_any(const nc_doc_t *doc, const ProtobufCMessage *message, nc_pool_t *pool, const char **why)
{
    const Google__Protobuf__Any       *any = (const Google__Protobuf__Any *) (const void *) message;
    const ProtobufCMessageDescriptor  *type;
    const char                        *slash;
    ProtobufCMessage                  *m;

    *why = NULL;

    if (any == NULL || any->type_url == NULL || any->type_url[0] == '\0') {
        return NULL;
    }

    m = doc ? nc_ptrs_get(&doc->anys, any) : NULL;
    if (m != NULL) {
        return m;
    }

    type = nc_message_type_of_url(any->type_url);
    if (type == NULL) {
        slash = strrchr(any->type_url, '/');
        *why = nc_explain_type(pool, nc_str_c(slash ? slash + 1 : any->type_url));
        return NULL;
    }

    m = nc_message_unpack(pool, type, nc_str((const char *) any->value.data, any->value.len), why,
        NULL);

    if (m != NULL && nc_is_typed_struct(type)) {
        m = retype(pool, m, why);
    }

    return m;
}
