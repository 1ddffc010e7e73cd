/*
 * doc.h: configuration documents. One or several YAML or JSON texts become one message of a given
 * type, and every part of it keeps the place where it was written.
 *
 * Invariants:
 *  1. Everything a document hands out (messages, names, positions) lives as long as the document.
 *  2. Later texts are merged into what is there: a scalar replaces, a list is appended to, a
 *     message is merged field by field, an Any and a map entry are replaced, a oneof keeps the
 *     later member.
 *  3. An Any of a known type is decoded at once, with positions; its packed bytes are in it too.
 *  4. Nesting, size and the growth by aliases are bounded; a key that stands twice is an error.
 */
#ifndef NC_API_DOC_H
#define NC_API_DOC_H

#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

typedef struct nc_doc_s  nc_doc_t;

typedef enum {
    NC_DOC_YAML,                                /* block or flow YAML 1.1, anchors included */
    NC_DOC_JSON,                                /* RFC 8259, trailing commas forgiven */
    NC_DOC_BINARY                               /* a packed message (".pb") */
} nc_doc_format_t;

#define NC_DOC_MAX_BYTES    (256u << 20)        /* of one text */
#define NC_DOC_MAX_DEPTH    200u                /* of nested lists, mappings and messages */

/* What is not an error but asked for: bits of nc_doc_create's flags. */
#define NC_DOC_ALLOW_UNKNOWN    NC_BIT(0)       /* unknown fields are warned of and dropped */

/* An empty document whose root is a message of `type`. Release with nc_doc_destroy. */
nc_doc_t *nc_doc_create(const ProtobufCMessageDescriptor *type, unsigned flags);
void nc_doc_destroy(nc_doc_t *doc);

/*
 * Reads the file and merges it; the format follows from the name (.json, .pb, else YAML). "-" is
 * standard input. NC_ERROR: errors were added to `errors`, all that were found; the document then
 * holds what could be understood.
 */
nc_rc_t nc_doc_add_file(nc_doc_t *doc, const char *path, nc_errors_t *errors);

/* As nc_doc_add_file, for text; `name` stands where the file name would, and may be NULL. */
nc_rc_t nc_doc_add_text(nc_doc_t *doc, const char *name, nc_doc_format_t format, nc_str_t text,
    nc_errors_t *errors);

/* The root message; the document's own. Whoever changes it loses nothing but exact positions. */
ProtobufCMessage *nc_doc_root(const nc_doc_t *doc);

/* Memory that lives as long as the document. */
nc_pool_t *nc_doc_pool(nc_doc_t *doc);

typedef struct {
    const char  *file;                          /* NULL: not from a text of this document */
    unsigned     line;                          /* from 1; 0: unknown */
    unsigned     column;                        /* from 1; 0: unknown */
    const char  *path;                          /* from the root: "static_resources.clusters[0]" */
} nc_doc_place_t;

/*
 * Where field `field` of `message` was written ("" for the message itself; a path such as
 * "header.key" or "clusters[1].name" reaches below it). A field that is not there is placed at the
 * nearest part that is. `doc` may be NULL and `message` unknown to it: then only the path is set.
 * place->path is valid until the next call.
 */
void nc_doc_locate(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_doc_place_t *place);

/* Adds an error (or a warning) at field `field` of `message`. Returns NC_ERROR. */
nc_rc_t nc_doc_error(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_errors_t *errors, const char *fmt, ...) NC_PRINTF(5, 6);
void nc_doc_warn(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_errors_t *errors, const char *fmt, ...) NC_PRINTF(5, 6);

/*
 * The message inside `any` (a google.protobuf.Any); TypedStruct, both kinds, is turned into the
 * type that it names. With a document that decoded this Any it is the very message that was decoded
 * (positions are known); else it is unpacked into `pool`. NULL: unknown type or malformed bytes,
 * and `*why` is a text in `pool` that says so; *why is NULL when `any` is NULL or has no type.
 */
const ProtobufCMessage *nc_doc_any(const nc_doc_t *doc, const ProtobufCMessage *any,
    nc_pool_t *pool, const char **why);

#endif
