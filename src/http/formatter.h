/*
 * formatter.h: Envoy's substitution format strings ("%REQ(X?Y):10% ..."), text and JSON. Compiled
 * into a list of operations in image memory; printing walks the list.
 *
 * Invariants:
 *  1. Printing never fails, allocates nothing of its own and writes only through the builder.
 *  2. What is printed inside JSON is valid JSON whatever bytes the peers sent.
 */
#ifndef NC_HTTP_FORMATTER_H
#define NC_HTTP_FORMATTER_H

#include "base/compile.h"
#include "http/info.h"

struct Envoy__Config__Core__V3__SubstitutionFormatString;
struct Google__Protobuf__Struct;

typedef struct nc_format_s  nc_format_t;

/* A value that an operator gives. */
typedef struct {
    enum { NC_FV_NONE, NC_FV_STR, NC_FV_INT, NC_FV_NEG, NC_FV_BOOL, NC_FV_JSON } type;
    nc_str_t  str;                              /* NC_FV_STR; NC_FV_JSON: a JSON text */
    uint64_t  number;                           /* INT; NEG: the magnitude; BOOL: 0 or 1 */
} nc_format_value_t;

/* What a formatter module (kind NC_FORMATTER) does. */
typedef struct nc_formatter_ops_s {
    /*
     * Compiles operator `name` with argument `arg` (data NULL: none); *op is an image object.
     * NC_DECLINED: not one of its own. NC_ERROR: *why (static text) says what is wrong.
     */
    nc_rc_t (*parse)(const void *conf, nc_compile_t *cc, nc_str_t name, nc_str_t arg,
        const void **op, const char **why);

    /* The value of `op`; `scratch` may hold the bytes of a string. */
    void (*value)(const void *op, const nc_http_view_t *view, nc_sb_t *scratch,
        nc_format_value_t *value);
} nc_formatter_ops_t;

struct nc_value_s;

/* *out becomes the value, texts as they are, lists and structs as JSON; NULL and null: none. */
void nc_format_value_of(const struct nc_value_s *value, nc_sb_t *scratch, nc_format_value_t *out);

typedef enum {
    NC_FORMAT_OMIT_EMPTY = NC_BIT(0)            /* absent values print as "" instead of "-" */
} nc_format_flags_t;

/* The text of Envoy's default access log line, newline included. */
extern const nc_str_t  nc_format_default;

/*
 * Compiles a text format; errors are placed at `field` of `message`. NULL: errors were added.
 */
const nc_format_t *nc_format_compile(nc_compile_t *cc, const struct ProtobufCMessage *message,
    const char *field, nc_str_t text, unsigned flags);

/* Compiles a SubstitutionFormatString. */
const nc_format_t *nc_format_compile_message(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__SubstitutionFormatString *msg);

/* Compiles a JSON format; `typed`: a value that is one operator keeps its type. */
const nc_format_t *nc_format_compile_json(nc_compile_t *cc,
    const struct ProtobufCMessage *message, const char *field,
    const struct Google__Protobuf__Struct *json, bool typed);

/* Prints `f`; a JSON format ends in a newline. */
void nc_format_print(const nc_format_t *f, const nc_http_view_t *view, nc_sb_t *out);

/* The text, when the format has no operator at all; else data NULL. */
nc_str_t nc_format_literal(const nc_format_t *f);

/* content_type of the message, or the default of its kind (text/plain, application/json). */
nc_str_t nc_format_content_type(const nc_format_t *f);

#endif
