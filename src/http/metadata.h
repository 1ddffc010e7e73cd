/*
 * metadata.h: core.v3.Metadata in image memory: a tree of values per filter name, read in place by
 * workers.
 */
#ifndef NC_HTTP_METADATA_H
#define NC_HTTP_METADATA_H

#include "base/compile.h"

struct Envoy__Config__Core__V3__Metadata;
struct Google__Protobuf__Struct;
struct Google__Protobuf__Value;

typedef enum {
    NC_VALUE_NULL,
    NC_VALUE_BOOL,
    NC_VALUE_NUMBER,
    NC_VALUE_STRING,
    NC_VALUE_LIST,
    NC_VALUE_STRUCT
} nc_value_kind_t;

typedef struct nc_value_s  nc_value_t;

typedef struct {
    nc_str_t           name;
    const nc_value_t  *value;
} nc_value_field_t;

struct nc_value_s {
    nc_value_kind_t  kind;
    bool             boolean;
    double           number;
    nc_str_t         string;
    uint32_t         n;                         /* of items or fields */
    union {
        const nc_value_t        *items;         /* LIST */
        const nc_value_field_t  *fields;        /* STRUCT */
    };
};

typedef struct {
    nc_str_t   filter;                          /* key of typed_filter_metadata */
    nc_str_t   type_url;
    nc_str_t   bytes;                           /* packed message */
} nc_typed_metadata_t;

typedef struct nc_metadata_s {
    const nc_value_t           *filters;        /* a STRUCT whose fields are the filter names */
    const nc_typed_metadata_t  *typed;
    uint32_t                    n_typed;
} nc_metadata_t;

/* NULL when `msg` is NULL or empty. */
const nc_metadata_t *nc_metadata_compile(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__Metadata *msg);

/* The Struct as a value of kind STRUCT. */
const nc_value_t *nc_value_compile(nc_pool_t *pool, const struct Google__Protobuf__Struct *msg);

/* Any value; NULL is null. */
const nc_value_t *nc_value_of(nc_pool_t *pool, const struct Google__Protobuf__Value *msg);

/* The value under `filter` and the path of `n` keys below it, or NULL. `m` may be NULL. */
const nc_value_t *nc_metadata_get(const nc_metadata_t *m, nc_str_t filter, const nc_str_t *path,
    size_t n);

/* Prints as JSON; a string alone prints without quotes when `bare`. */
void nc_value_print(const nc_value_t *v, bool bare, nc_sb_t *out);

#endif
