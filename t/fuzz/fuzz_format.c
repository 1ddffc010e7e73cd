/*
 * fuzz_format.c: format strings. Up to the first newline: the format; behind it: the bytes that the
 * client sent (path, agent). Whatever is accepted prints within the memory given, in text and as a
 * JSON value, and the JSON can be read back.
 */
#include "http/formatter.h"
#include "http/formatter_priv.h"

#include <google/protobuf/struct.pb-c.h>
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static nc_http_info_t  info = {
    .start_wall_us = 1609459199123456, .start_us = 1, .end_us = 5000, .status = 200,
    .protocol = NC_PROTOCOL_HTTP11, .details = "via upstream", .attempts = 1
};


static void
print(const nc_format_t *f, const nc_http_view_t *view, bool json)
{
    char     memory[64];
    nc_sb_t  sb;
    json_t  *value;

    nc_sb_fixed(&sb, memory, sizeof(memory));
    nc_format_print(f, view, &sb);
    NC_CHECK(sb.len <= sizeof(memory));

    nc_sb_init(&sb);
    nc_format_print(f, view, &sb);

    if (json) {
        value = json_loadb(sb.data, sb.len, JSON_ALLOW_NUL, NULL);
        NC_CHECK(value != NULL);
        json_decref(value);
    }

    nc_sb_fini(&sb);
}


static void
print_json(nc_compile_t *cc, char *text, const nc_http_view_t *view)
{
    Google__Protobuf__Value                 value = GOOGLE__PROTOBUF__VALUE__INIT;
    Google__Protobuf__Struct                object = GOOGLE__PROTOBUF__STRUCT__INIT;
    Google__Protobuf__Struct__FieldsEntry   entry = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT;
    Google__Protobuf__Struct__FieldsEntry  *entries[1] = { &entry };
    const nc_format_t                      *f;

    value.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
    value.string_value = text;
    entry.key = text;
    entry.value = &value;
    object.n_fields = 1;
    object.fields = entries;

    for (unsigned how = 0; how < 4; how++) {
        nc_format_builder_t  b;

        nc_format_builder_init(&b, cc, NULL, "");
        nc_format_parse_json(&b, &object, how & 1, how & 2, false);
        f = nc_format_builder_done(&b);

        if (f != NULL) {
            print(f, view, true);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *text;
    ssize_t             at;
    nc_str_t            in = nc_str((const char *) data, size), sent = NC_STR("");
    nc_pool_t           pool;
    nc_errors_t         errors;
    nc_headers_t        request;
    nc_compile_t        cc = { .pool = &pool, .errors = &errors };
    nc_http_view_t      view = { .info = &info, .request = &request };
    const nc_format_t  *f;

    at = nc_str_chr(in, '\n');
    if (at >= 0) {
        sent = nc_str_skip(in, (size_t) at + 1);
        in.len = (size_t) at;
    }

    nc_pool_init(&pool, &nc_pool_heap);
    nc_errors_init(&errors);
    nc_headers_init(&request, &pool);
    nc_headers_add_id(&request, NC_H_PATH, sent);
    nc_headers_add_id(&request, NC_H_USER_AGENT, sent);
    nc_headers_add_id(&request, NC_H_CONTENT_TYPE, NC_STR("application/grpc"));

    text = nc_str_dup_c(in);
    f = nc_format_compile(&cc, NULL, "", nc_str_c(text), 0);
    if (f != NULL) {
        print(f, &view, false);
    }
    print_json(&cc, text, &view);

    free(text);
    nc_errors_fini(&errors);
    nc_pool_fini(&pool);

    return 0;
}
