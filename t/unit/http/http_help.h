/* http_help.h: a compile context, messages from YAML, headers from text, for tests of src/http. */
#ifndef NC_T_HTTP_HELP_H
#define NC_T_HTTP_HELP_H

#include "base/compile.h"
#include "http/info.h"

#include <protobuf-c/protobuf-c.h>

typedef struct {
    nc_pool_t     pool;                         /* what stands for the image */
    nc_errors_t   errors;
    nc_compile_t  cc;
    nc_sb_t       text;                         /* of nc_test_errors */
    const char   *clusters;                     /* those that there are: ",a,b,"; NULL: all */
    unsigned      extensions;                   /* calls of route_extension */
    struct nc_doc_s  *docs[16];
    unsigned      n_docs;
} nc_test_compile_t;

void nc_test_compile_init(nc_test_compile_t *t);
void nc_test_compile_fini(nc_test_compile_t *t);

/* A message from YAML; fails the test when it cannot be read. */
const ProtobufCMessage *nc_test_message(nc_test_compile_t *t,
    const ProtobufCMessageDescriptor *type, const char *yaml);

/* All errors so far, "path: message\n" each; the list is cleared. */
const char *nc_test_errors(nc_test_compile_t *t);

/* Headers from lines "name: value\n"; a pseudo-header begins with ':'. */
void nc_test_headers(nc_headers_t *h, nc_pool_t *pool, const char *lines);

/* The live headers as "name: value\n", in order. */
const char *nc_test_headers_text(const nc_headers_t *h, nc_pool_t *pool);

/* A small random number generator, the same everywhere. */
uint64_t nc_test_random(uint64_t *state);

#endif
