/*
 * node_priv.h: the tree between text and message. YAML and JSON become nodes; messages are decoded
 * from nodes and printed through nodes.
 *
 * Invariants:
 *  1. A node and all below it lie in one pool. An alias is the same node, so a tree may be a DAG,
 *     never a cycle.
 *  2. Text is valid UTF-8 without NUL, and ends in a NUL that is not counted.
 */
#ifndef NC_API_NODE_PRIV_H
#define NC_API_NODE_PRIV_H

#include "base/error.h"

typedef enum {
    NC_NODE_SCALAR,
    NC_NODE_LIST,
    NC_NODE_MAP
} nc_node_kind_t;

typedef struct nc_node_s  nc_node_t;
typedef struct nc_pair_s  nc_pair_t;

struct nc_node_s {
    uint8_t      kind;                          /* nc_node_kind_t */
    bool         quoted;                        /* scalar: a string, whatever it looks like */
    bool         ignored;                       /* tagged !ignore: drops its key or list item */
    bool         open;                          /* still being read (an alias to it is a cycle) */
    uint32_t     line;                          /* from 1 */
    uint32_t     column;                        /* from 1 */
    uint32_t     n;                             /* items or pairs */
    union {
        nc_str_t     text;
        nc_node_t  **items;
        nc_pair_t   *pairs;
    };
    const struct nc_origin_s  *origin;          /* made from a message: where that came from */
};

struct nc_pair_s {
    nc_node_t  *key;                            /* a scalar */
    nc_node_t  *value;
};

/* What a plain scalar means. */
typedef enum {
    NC_PLAIN_STRING,
    NC_PLAIN_NULL,
    NC_PLAIN_BOOL,                              /* true or false */
    NC_PLAIN_WORD_BOOL,                         /* yes, no, on, off, y, n */
    NC_PLAIN_NUMBER
} nc_plain_t;

/*
 * Text to tree. *root is NULL for a text without content. NC_ERROR: errors added; *root is NULL.
 */
nc_rc_t nc_yaml_read(nc_pool_t *pool, const char *file, nc_str_t text, nc_errors_t *errors,
    nc_node_t **root);
nc_rc_t nc_json_read(nc_pool_t *pool, const char *file, nc_str_t text, nc_errors_t *errors,
    nc_node_t **root);

/* New nodes, for trees made from messages. */
nc_node_t *nc_node_new(nc_pool_t *pool, nc_node_kind_t kind);
nc_node_t *nc_node_scalar(nc_pool_t *pool, nc_str_t text, bool quoted);

/* Meaning of a scalar; a quoted one is a string. */
nc_plain_t nc_node_plain(const nc_node_t *node);

/* True for a null: ~, null, or nothing at all. */
bool nc_node_is_null(const nc_node_t *node);

/* True and *value set when the scalar is a boolean word (as nc_node_plain tells). */
bool nc_node_bool(const nc_node_t *node, bool *value);

/* The number that a scalar spells (decimal, hexadecimal, octal, float, .inf); false: none. */
bool nc_node_number(const nc_node_t *node, double *value);

/* The pair of `map` under key `name`, snake_case or lowerCamelCase, or NULL. */
const nc_pair_t *nc_node_find(const nc_node_t *map, nc_str_t name);

/* "a list", "a mapping", "nothing", or the scalar itself, shortened; valid until the next call. */
const char *nc_node_describe(const nc_node_t *node);

/* True when `key` is snake_case `name`, or the same in lowerCamelCase. */
bool nc_name_matches(const char *name, nc_str_t key);

/* True for valid UTF-8 without NUL. */
bool nc_text_ok(nc_str_t text);

#endif
