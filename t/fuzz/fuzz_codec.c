/*
 * fuzz_codec.c: configuration texts and packed messages. The first byte chooses what the rest is:
 * YAML, JSON, packed bytes, or packed bytes of an Any. What is read without an error must survive
 * being printed and read again, and being packed and unpacked.
 */
#include "api/doc.h"
#include "api/message.h"
#include "api/print.h"
#include "api/validate.h"

#include <envoy/config/bootstrap/v3/bootstrap.pb-c.h>
#include <google/protobuf/any.pb-c.h>

static const ProtobufCMessageDescriptor *const  root_type =
    &envoy__config__bootstrap__v3__bootstrap__descriptor;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Packed and unpacked again it is the same. */
static void
check_wire(ProtobufCMessage *m)
{
    nc_pool_t          pool;
    const char        *why;
    ProtobufCMessage  *again;

    nc_pool_init(&pool, &nc_pool_heap);
    again = nc_message_unpack(&pool, m->descriptor, nc_message_pack(&pool, m), &why, NULL);
    NC_CHECK(again != NULL);
    NC_CHECK(nc_message_eq(m, again));
    NC_CHECK(nc_message_eq(m, nc_message_clone(&pool, again)));
    nc_pool_fini(&pool);
}

/* Printed and read again it is the same. */
static void
check_text(nc_doc_t *doc, nc_doc_format_t format, unsigned flags)
{
    nc_doc_t     *again = nc_doc_create(root_type, 0);
    nc_errors_t   errors;
    nc_sb_t       text;

    nc_errors_init(&errors);
    nc_sb_init(&text);

    if (format == NC_DOC_JSON) {
        nc_print_json(&text, nc_doc_root(doc), flags);
    } else {
        nc_print_yaml(&text, nc_doc_root(doc), doc, flags);
    }

    NC_CHECK(nc_doc_add_text(again, "again", format, nc_sb_str(&text), &errors) == NC_OK);
    NC_CHECK(nc_message_eq(nc_doc_root(doc), nc_doc_root(again)));

    nc_sb_fini(&text);
    nc_errors_fini(&errors);
    nc_doc_destroy(again);
}

static void
check_packed(nc_str_t bytes, const ProtobufCMessageDescriptor *type)
{
    nc_pool_t          pool;
    nc_errors_t        errors;
    nc_sb_t            text;
    const char        *why;
    const char        *unknown;
    ProtobufCMessage  *m;

    nc_pool_init(&pool, &nc_pool_heap);
    nc_errors_init(&errors);
    nc_sb_init(&text);

    m = nc_message_unpack(&pool, type, bytes, &why, &unknown);
    NC_CHECK((m == NULL) == (why != NULL));

    if (m != NULL) {
        (void) nc_validate(NULL, m, &errors);
        nc_print_json(&text, m, NC_PRINT_PRETTY | NC_PRINT_DEFAULTS);
        nc_print_yaml(&text, m, NULL, NC_PRINT_ORIGINS);
        check_wire(m);
    }

    if (m != NULL && type == &google__protobuf__any__descriptor) {
        (void) nc_doc_any(NULL, m, &pool, &why);
    }

    nc_sb_fini(&text);
    nc_errors_fini(&errors);
    nc_pool_fini(&pool);
}

static void
check_file(nc_str_t text, nc_doc_format_t format)
{
    nc_doc_t     *doc = nc_doc_create(root_type, 0);
    nc_errors_t   errors;
    nc_rc_t       rc;

    nc_errors_init(&errors);
    rc = nc_doc_add_text(doc, "fuzz", format, text, &errors);
    NC_CHECK((rc == NC_OK) == (errors.n == 0));
    (void) nc_validate(doc, nc_doc_root(doc), &errors);

    if (rc == NC_OK) {
        check_wire(nc_doc_root(doc));
        check_text(doc, NC_DOC_JSON, 0);
        check_text(doc, NC_DOC_JSON, NC_PRINT_PRETTY | NC_PRINT_DEFAULTS);
        check_text(doc, NC_DOC_YAML, 0);
        check_text(doc, NC_DOC_YAML, NC_PRINT_ORIGINS);
    }

    nc_errors_fini(&errors);
    nc_doc_destroy(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_str_t  rest;

    if (size == 0 || size > 65536) {
        return 0;
    }

    rest = nc_str((const char *) data + 1, size - 1);

    switch (data[0]) {
    case 'j':
        check_file(rest, NC_DOC_JSON);
        break;
    case 'b':
        check_packed(rest, root_type);
        break;
    case 'a':
        check_packed(rest, &google__protobuf__any__descriptor);
        break;
    default:
        check_file(rest, NC_DOC_YAML);
        break;
    }

    return 0;
}
