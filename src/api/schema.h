/*
 * schema.h: tables made at build time from the .proto files (schema.awk) and from the list of names
 * that Envoy knows (envoy_names.awk). All sorted by name.
 */
#ifndef NC_API_SCHEMA_H
#define NC_API_SCHEMA_H

#include "base/str.h"

#include <protobuf-c/protobuf-c.h>

/* What a rule is about: the field, or each item of a list, or each key or value of a map. */
typedef enum {
    NC_RULE_SELF,
    NC_RULE_ITEMS,
    NC_RULE_KEYS,
    NC_RULE_VALUES
} nc_rule_scope_t;

typedef enum {
    NC_RULE_REQUIRED,                           /* a message field must be there */
    NC_RULE_SKIP,                               /* nothing below the field is checked */
    NC_RULE_ONEOF,                              /* a member of oneof `text` must be there */
    NC_RULE_GT,                                 /* num (integers, durations: ns) or real (floats) */
    NC_RULE_GTE,
    NC_RULE_LT,
    NC_RULE_LTE,
    NC_RULE_CONST,                              /* num */
    NC_RULE_IN,                                 /* text: values, one per line */
    NC_RULE_NOT_IN,
    NC_RULE_LEN,                                /* num: characters of a string, bytes of bytes */
    NC_RULE_MIN_LEN,
    NC_RULE_MAX_LEN,
    NC_RULE_MIN_BYTES,                          /* num: bytes of a string */
    NC_RULE_MAX_BYTES,
    NC_RULE_PATTERN,                            /* text: regular expression, found anywhere */
    NC_RULE_PREFIX,                             /* text */
    NC_RULE_SUFFIX,
    NC_RULE_CONTAINS,
    NC_RULE_NOT_CONTAINS,
    NC_RULE_HTTP_HEADER_NAME,                   /* a token, or a pseudo-header such as :path */
    NC_RULE_HTTP_HEADER_VALUE,                  /* no control characters */
    NC_RULE_LOOSE,                              /* the header rule refuses only NUL, CR and LF */
    NC_RULE_IGNORE_EMPTY,                       /* the other rules do not apply to the zero value */
    NC_RULE_DEFINED_ONLY,                       /* an enum value must have a name */
    NC_RULE_MIN_ITEMS,
    NC_RULE_MAX_ITEMS,
    NC_RULE_UNIQUE,
    NC_RULE_MIN_PAIRS,
    NC_RULE_MAX_PAIRS
} nc_rule_op_t;

typedef struct {
    uint32_t         field;                     /* number */
    nc_rule_scope_t  scope;
    nc_rule_op_t     op;
    int64_t          num;
    double           real;
    const char      *text;
} nc_rule_t;

typedef struct {
    const ProtobufCMessageDescriptor  *type;
    const nc_rule_t                   *rules;   /* those of a field and scope stand together */
    unsigned                           n_rules;
} nc_schema_t;

extern const nc_schema_t  nc_schema[];
extern const size_t       nc_schema_n;

/* The entry of this full name, or NULL. */
const nc_schema_t *nc_schema_find(nc_str_t name);

/* A message or enum of Envoy's API. */
typedef struct {
    const char  *name;                          /* full name */
    const char  *members;                       /* fields or values, between spaces */
} nc_envoy_name_t;

extern const nc_envoy_name_t  nc_envoy_names[];
extern const size_t           nc_envoy_names_n;

/* The message or enum of this full name in Envoy's API, or NULL. */
const nc_envoy_name_t *nc_envoy_find(nc_str_t name);

/* True when message or enum `name` of Envoy's API has this field (snake_case) or value. */
bool nc_envoy_has(nc_str_t name, nc_str_t member);

#endif
