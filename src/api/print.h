/*
 * print.h: messages as JSON and YAML, for the admin interface, -T and --print-config. Field names
 * are those of the schema (snake_case); well-known types have their JSON form; an Any of an unknown
 * type is printed as type_url and value (base64).
 */
#ifndef NC_API_PRINT_H
#define NC_API_PRINT_H

#include "api/doc.h"

#define NC_PRINT_PRETTY     NC_BIT(0)           /* JSON on many lines, indented by one space */
#define NC_PRINT_DEFAULTS   NC_BIT(1)           /* scalars and lists that are unset, too */
#define NC_PRINT_ORIGINS    NC_BIT(2)           /* YAML: "# file:line" where a part came from */

/* Appends `message` as JSON; no newline at the end. */
void nc_print_json(nc_sb_t *out, const ProtobufCMessage *message, unsigned flags);

/* Appends `message` as block YAML, newline at the end. `doc` (may be NULL) knows the origins. */
void nc_print_yaml(nc_sb_t *out, const ProtobufCMessage *message, const nc_doc_t *doc,
    unsigned flags);

#endif
