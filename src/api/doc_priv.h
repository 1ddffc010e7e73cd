/*
 * doc_priv.h: inside of a document: origins of messages, and the decoder's state.
 *
 * Invariant: a message has one origin per text that it was merged from, the newest first.
 * Durations, timestamps, wrappers, Structs and Values have none: their place is that of the field
 * they are in.
 */
#ifndef NC_API_DOC_PRIV_H
#define NC_API_DOC_PRIV_H

#include "api/base64.h"
#include "api/doc.h"
#include "api/node_priv.h"

typedef struct nc_origin_s  nc_origin_t;

struct nc_origin_s {
    const ProtobufCMessage  *message;
    const nc_node_t         *node;              /* a mapping */
    const char              *file;
    const nc_origin_t       *parent;            /* of the message around it; NULL: the root */
    const char              *field;             /* in the parent; "" for what is inside an Any */
    const char              *key;               /* in a map, else NULL */
    int32_t                  index;             /* in a list, else -1 */
    nc_origin_t             *older;             /* same message, earlier text */
};

/* A table from pointer to pointer. */
typedef struct {
    struct {
        const void  *key;
        void        *value;
    }       *slots;
    size_t   n;
    size_t   cap;                               /* a power of two, or 0 */
} nc_ptrs_t;

struct nc_doc_s {
    nc_pool_t          pool;
    ProtobufCMessage  *root;
    nc_ptrs_t          origins;                 /* message -> nc_origin_t */
    nc_ptrs_t          anys;                    /* google.protobuf.Any -> message inside */
    unsigned           flags;
};

/* State of one run over one tree. The tree lies in `pool`: messages share its texts. */
typedef struct {
    nc_doc_t     *doc;                          /* NULL: nothing is remembered */
    nc_pool_t    *pool;
    nc_errors_t  *errors;
    const char   *file;
    unsigned      depth;                        /* of messages and Struct values */
    size_t        visits;                       /* nodes walked so far */
    size_t        max_visits;
    bool          failed;
} nc_decoder_t;

/* Where a value goes: the message's origin, the field in it, list index or map key. */
typedef struct {
    const nc_origin_t  *parent;                 /* NULL: the root itself */
    const char         *field;
    const char         *key;
    int32_t             index;
} nc_at_t;

/* Decodes mapping `node` into `message`, which may hold something. Errors go to d->errors. */
void nc_decode_message(nc_decoder_t *d, nc_at_t at, ProtobufCMessage *message,
    const nc_node_t *node);

/* A value of message type `type` in `*slot` (NULL, or a message to merge into). */
void nc_decode_submessage(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot);

/*
 * Well-known types: true when `type` is one, and the value is decoded (or an error added).
 */
bool nc_decode_well_known(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot);

/* True when null is a value of this type rather than "unset". */
bool nc_decode_takes_null(const ProtobufCFieldDescriptor *f);

/* A scalar into the memory of field `f`'s type at `to`. False: an error was added. */
bool nc_decode_scalar(nc_decoder_t *d, nc_at_t at, const ProtobufCFieldDescriptor *f,
    const nc_node_t *node, void *to);

/* Counts a walked node; false (and an error, once) when the document is too much. */
bool nc_decode_visit(nc_decoder_t *d, nc_at_t at, const nc_node_t *node);

/* Adds an error at `node`; the path is that of `at`. */
void nc_decode_error(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, const char *fmt, ...)
    NC_PRINTF(4, 5);

/* As nc_decode_error, but a warning. */
void nc_decode_warn(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, const char *fmt, ...)
    NC_PRINTF(4, 5);

/* What to say of a field, value or type that is not there: static text or text in `pool`. */
const char *nc_explain_field(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t key);
const char *nc_explain_value(nc_pool_t *pool, const ProtobufCEnumDescriptor *type, nc_str_t name);
const char *nc_explain_type(nc_pool_t *pool, nc_str_t name);

/* Remembers where `message` comes from; returns the origin (NULL without a document). */
const nc_origin_t *nc_origin_add(nc_decoder_t *d, nc_at_t at, const ProtobufCMessage *message,
    const nc_node_t *node);

/* The newest origin of `message`, or NULL. */
const nc_origin_t *nc_origin_of(const nc_doc_t *doc, const ProtobufCMessage *message);

/* Appends the path of `at` from the root. */
void nc_at_path(nc_at_t at, nc_sb_t *out);

void *nc_ptrs_get(const nc_ptrs_t *t, const void *key);
void nc_ptrs_set(nc_ptrs_t *t, const void *key, void *value);
void nc_ptrs_fini(nc_ptrs_t *t);

/* Sorts the maps of `m` and of all below it by key; of equal keys the last stays. */
void nc_message_normalize(ProtobufCMessage *m);

/* Bytes of one value of the field in memory. */
size_t nc_field_size(const ProtobufCFieldDescriptor *f);

/* True for xds.type.v3.TypedStruct and udpa.type.v1.TypedStruct. */
bool nc_is_typed_struct(const ProtobufCMessageDescriptor *type);

/* A message as a tree, as a file would have it; `doc` (or NULL) gives nodes their origin. */
nc_node_t *nc_message_tree(nc_pool_t *pool, const ProtobufCMessage *message, const nc_doc_t *doc,
    unsigned flags);

/*
 * Why these bytes must not be unpacked as `type` (static text), or NULL. The path of the first
 * unknown field goes to *unknown when that is asked for, in `pool`.
 */
const char *nc_wire_check(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t bytes,
    const char **unknown);

/* Seconds and nanoseconds of "1.5s"; "2006-01-02T15:04:05.9Z". */
bool nc_parse_duration(nc_str_t s, int64_t *seconds, int32_t *nanos);
bool nc_parse_timestamp(nc_str_t s, int64_t *seconds, int32_t *nanos);
void nc_format_duration(nc_sb_t *out, int64_t seconds, int32_t nanos);
void nc_format_timestamp(nc_sb_t *out, int64_t seconds, int32_t nanos);


#endif
