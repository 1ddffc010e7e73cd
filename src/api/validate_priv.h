/*
 * validate_priv.h: between the walk over a message (validate.c) and the rules of single values
 * (rules.c).
 */
#ifndef NC_API_VALIDATE_PRIV_H
#define NC_API_VALIDATE_PRIV_H

#include "api/doc_priv.h"
#include "api/schema.h"

typedef struct {
    const nc_doc_t  *doc;
    nc_errors_t     *errors;
    nc_pool_t        pool;                      /* of Anys unpacked on the way */
    bool             failed;
    unsigned         depth;
} nc_checker_t;

/* One value under its rules: field, or item, key or value at `index`. */
typedef struct {
    nc_checker_t                       *c;
    const ProtobufCMessage          *message;
    const ProtobufCFieldDescriptor  *field;     /* of the message, for the path */
    const ProtobufCFieldDescriptor  *type;      /* what the value is; the wrapper's inside */
    const void                      *at;
    int64_t                          index;     /* -1: not an element */
    const char                      *key;       /* of a map, or NULL */
    const nc_rule_t                 *rules;     /* of one field and scope */
    unsigned                         n;
} nc_value_t;

/* What lies at an offset of a message or value. */
#define NC_MEMBER(type, m, at)  ((type const *) (const void *) ((const char *) (m) + (at)))

/* Adds an error at the value. */
void nc_value_complain(const nc_value_t *v, const char *fmt, ...) NC_PRINTF(2, 3);

/* True when the value has this rule. */
bool nc_value_has_rule(const nc_value_t *v, nc_rule_op_t op);

/* Checks a value that is there against its rules; does not go below messages. */
void nc_value_check(nc_value_t *v);

#endif
