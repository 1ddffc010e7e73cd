/*
 * validate.h: the rules that stand beside the fields in the .proto files (//@ comments), checked.
 * What is checked and how it is written is told in README.
 */
#ifndef NC_API_VALIDATE_H
#define NC_API_VALIDATE_H

#include "api/doc.h"

/*
 * Checks `message` and all below it, the contents of known Anys included. `doc` gives positions and
 * may be NULL. All violations are added; NC_ERROR when there was one. Anys of unknown types are
 * passed over: whoever uses them reports that.
 */
nc_rc_t nc_validate(const nc_doc_t *doc, const ProtobufCMessage *message, nc_errors_t *errors);

#endif
