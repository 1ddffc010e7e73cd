/* Documents: leniency, merging, places, what is inside Anys, bounds. */
#include "api/doc.c"

#include "api/validate.h"

#include <check.h>

#include <envoy/config/bootstrap/v3/bootstrap.pb-c.h>
#include <envoy/extensions/filters/http/buffer/v3/buffer.pb-c.h>
#include <sys/stat.h>

typedef Envoy__Config__Bootstrap__V3__Bootstrap  bootstrap_t;
typedef Envoy__Config__Cluster__V3__Cluster      cluster_t;

static nc_doc_t     *doc;
static nc_errors_t   errors;

static void
setup(void)
{
    nc_errors_init(&errors);
    doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
}

static void
teardown(void)
{
    nc_doc_destroy(doc);
    nc_errors_fini(&errors);
}

static const char *
first_said(void)
{
    static char  buf[1024];
    nc_sb_t      sb;

    if (errors.first == NULL) {
        return "";
    }

    nc_sb_fixed(&sb, buf, sizeof(buf));
    nc_error_print(errors.first, &sb);

    return nc_sb_c(&sb);
}

/* Adds YAML that must be right; returns the root. */
static bootstrap_t *
add(const char *name, const char *text)
{
    nc_rc_t  rc = nc_doc_add_text(doc, name, NC_DOC_YAML, nc_str_c(text), &errors);

    ck_assert_msg(rc == NC_OK, "%s", first_said());

    return (bootstrap_t *) (void *) nc_doc_root(doc);
}

static cluster_t *
add_cluster(const char *fields)
{
    nc_sb_t       sb;
    bootstrap_t  *b;

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "static_resources: {clusters: [{name: a, %s}]}", fields);
    b = add("c.yaml", nc_sb_c(&sb));
    nc_sb_fini(&sb);

    return b->static_resources->clusters[0];
}

START_TEST(one_value_stands_for_a_list)
{
    bootstrap_t  *b = add("a", "static_resources: {clusters: {name: a}}");

    ck_assert_uint_eq(b->static_resources->n_clusters, 1);
    ck_assert_str_eq(b->static_resources->clusters[0]->name, "a");
}
END_TEST

START_TEST(enum_is_read_in_any_case_and_as_a_number)
{
    ck_assert_int_eq(add_cluster("type: strict_dns")->type, 1);
    teardown();
    setup();
    ck_assert_int_eq(add_cluster("type: 2")->type, 2);
    teardown();
    setup();
    ck_assert_int_eq(add_cluster("type: Logical_DNS")->type, 2);
}
END_TEST

START_TEST(camel_case_is_read)
{
    cluster_t  *c = add_cluster("connectTimeout: 1s, dnsLookupFamily: v4_only");

    ck_assert_int_eq(c->connect_timeout->seconds, 1);
    ck_assert_int_eq(c->dns_lookup_family, 1);
}
END_TEST

START_TEST(empty_key_is_unset)
{
    bootstrap_t  *b = add("a", "static_resources:\n  clusters:\n  listeners: ~\nnode: null\n");

    ck_assert_uint_eq(b->static_resources->n_clusters, 0);
    ck_assert_uint_eq(b->static_resources->n_listeners, 0);
    ck_assert_ptr_null(b->node);
}
END_TEST

START_TEST(nothing_at_all_is_an_empty_message)
{
    (void) add("a", "");
    (void) add("b", "# only a comment\n");
    (void) add("c", "---\n...\n");
    (void) add("d", "~");
    ck_assert_ptr_null(add("e", "{}")->node);
    ck_assert_int_eq(nc_doc_add_text(doc, "f", NC_DOC_JSON, NC_STR(" \n"), &errors), NC_OK);
    ck_assert_int_eq(nc_doc_add_text(doc, "g", NC_DOC_JSON, NC_STR("null"), &errors), NC_OK);
    ck_assert_int_eq(nc_doc_add_text(doc, "h", NC_DOC_JSON, NC_STR("\xef\xbb\xbf{}"), &errors),
        NC_OK);
    ck_assert_int_eq(nc_doc_add_text(doc, "i", NC_DOC_YAML, NC_STR("\xef\xbb\xbf{}"), &errors),
        NC_OK);
}
END_TEST

START_TEST(numbers_may_be_quoted)
{
    cluster_t  *c = add_cluster("per_connection_buffer_limit_bytes: \"32768\"");

    ck_assert_uint_eq(c->per_connection_buffer_limit_bytes->value, 32768);
}
END_TEST

START_TEST(wrapper_may_be_written_out)
{
    cluster_t  *c = add_cluster("per_connection_buffer_limit_bytes: {value: 1e3}");

    ck_assert_uint_eq(c->per_connection_buffer_limit_bytes->value, 1000);
}
END_TEST

START_TEST(duration_may_be_written_out)
{
    cluster_t  *c = add_cluster("connect_timeout: {seconds: 30, nanos: 5}");

    ck_assert_int_eq(c->connect_timeout->seconds, 30);
    ck_assert_int_eq(c->connect_timeout->nanos, 5);
}
END_TEST

START_TEST(boolean_words_are_read)
{
    ck_assert(add_cluster("respect_dns_ttl: yes")->respect_dns_ttl);
    teardown();
    setup();
    ck_assert(add_cluster("respect_dns_ttl: \"true\"")->respect_dns_ttl);
    teardown();
    setup();
    ck_assert(!add_cluster("respect_dns_ttl: Off")->respect_dns_ttl);
}
END_TEST

START_TEST(tag_ignore_drops_a_key_and_keeps_its_anchors)
{
    bootstrap_t  *b = add("a",
        "templates: !ignore\n"
        "  common: &common {zone: z}\n"
        "node: {id: i, locality: *common}\n");

    ck_assert_str_eq(b->node->locality->zone, "z");
}
END_TEST

START_TEST(alias_gives_each_place_its_own_message)
{
    bootstrap_t  *b = add("a",
        "static_resources:\n"
        "  clusters:\n"
        "  - &c {name: a}\n"
        "  - *c\n");

    ck_assert_uint_eq(b->static_resources->n_clusters, 2);
    ck_assert_ptr_ne(b->static_resources->clusters[0], b->static_resources->clusters[1]);
    ck_assert_str_eq(b->static_resources->clusters[1]->name, "a");
}
END_TEST

START_TEST(later_text_is_merged_in)
{
    bootstrap_t  *b;

    (void) add("1.yaml",
        "node: {id: one, cluster: c, metadata: {a: 1, b: 1}}\n"
        "admin: {address: {pipe: {path: /a}}}\n"
        "static_resources: {clusters: [{name: first}]}\n");
    b = add("2.yaml",
        "node: {id: two, metadata: {b: 2, c: 3}}\n"
        "admin: {address: {socket_address: {address: '::1', port_value: 1}}}\n"
        "static_resources: {clusters: [{name: second}]}\n");

    ck_assert_str_eq(b->node->id, "two");
    ck_assert_str_eq(b->node->cluster, "c");
    ck_assert_uint_eq(b->node->metadata->n_fields, 3);
    ck_assert_double_eq(b->node->metadata->fields[1]->value->number_value, 2);
    ck_assert_int_eq(b->admin->address->address_case,
        ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS);
    ck_assert_uint_eq(b->static_resources->n_clusters, 2);
    ck_assert_str_eq(b->static_resources->clusters[0]->name, "first");
    ck_assert_str_eq(b->static_resources->clusters[1]->name, "second");
}
END_TEST

START_TEST(place_of_a_field_is_known_after_a_merge)
{
    bootstrap_t     *b;
    nc_doc_place_t   at;

    (void) add("1.yaml", "node:\n  id: one\n  cluster: c\n");
    b = add("2.yaml", "\n\nnode: {id: two}\n");

    nc_doc_locate(doc, &b->node->base, "id", &at);
    ck_assert_str_eq(at.file, "2.yaml");
    ck_assert_uint_eq(at.line, 3);
    ck_assert_uint_eq(at.column, 12);
    ck_assert_str_eq(at.path, "node.id");

    nc_doc_locate(doc, &b->node->base, "cluster", &at);
    ck_assert_str_eq(at.file, "1.yaml");
    ck_assert_uint_eq(at.line, 3);

    nc_doc_locate(doc, &b->base, "node.cluster", &at);
    ck_assert_str_eq(at.path, "node.cluster");

    nc_doc_locate(doc, &b->node->base, "locality.zone", &at);
    ck_assert_str_eq(at.path, "node.locality.zone");
    ck_assert_str_eq(at.file, "2.yaml");
    ck_assert_uint_eq(at.line, 3);
    ck_assert_uint_eq(at.column, 7);
}
END_TEST

START_TEST(place_of_an_element_is_known_by_its_index_and_key)
{
    bootstrap_t     *b;
    nc_doc_place_t   at;

    b = add("c.yaml",
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "  - name: b\n"
        "    metadata:\n"
        "      filterMetadata:\n"
        "        x.y: {}\n");

    nc_doc_locate(doc, &b->base, "static_resources.clusters[1].name", &at);
    ck_assert_uint_eq(at.line, 4);

    nc_doc_locate(doc, &b->static_resources->clusters[1]->base, "", &at);
    ck_assert_str_eq(at.path, "static_resources.clusters[1]");
    ck_assert_uint_eq(at.line, 4);
    ck_assert_uint_eq(at.column, 5);

    nc_doc_locate(doc, &b->static_resources->clusters[1]->base,
        "metadata.filter_metadata[\"x.y\"]", &at);
    ck_assert_uint_eq(at.line, 7);
    ck_assert_uint_eq(at.column, 14);
}
END_TEST

START_TEST(message_without_a_document_has_only_its_path)
{
    Envoy__Config__Core__V3__Node  node = ENVOY__CONFIG__CORE__V3__NODE__INIT;
    nc_doc_place_t                 at;

    nc_doc_locate(NULL, &node.base, "locality.zone", &at);
    ck_assert_ptr_null(at.file);
    ck_assert_uint_eq(at.line, 0);
    ck_assert_str_eq(at.path, "locality.zone");

    nc_doc_locate(doc, &node.base, "", &at);
    ck_assert_str_eq(at.path, "");
}
END_TEST

static const char  listener[] =
    "static_resources:\n"
    "  listeners:\n"
    "  - name: a\n"
    "    filter_chains:\n"
    "    - filters:\n"
    "      - name: f\n"
    "        typed_config:\n";

static Google__Protobuf__Any *
add_filter(const char *typed_config)
{
    nc_sb_t       sb;
    bootstrap_t  *b;

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "%s%s", listener, typed_config);
    b = add("c.yaml", nc_sb_c(&sb));
    nc_sb_fini(&sb);

    return b->static_resources->listeners[0]->filter_chains[0]->filters[0]->typed_config;
}

START_TEST(any_of_a_file_is_decoded_with_places)
{
    Google__Protobuf__Any   *any = add_filter(
        "          \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n"
        "          max_request_bytes: 5\n");
    const char              *why;
    const ProtobufCMessage  *m = nc_doc_any(doc, &any->base, nc_doc_pool(doc), &why);
    nc_doc_place_t           at;

    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_eq(m->descriptor,
        &envoy__extensions__filters__http__buffer__v3__buffer__descriptor);
    nc_doc_locate(doc, m, "max_request_bytes", &at);
    ck_assert_uint_eq(at.line, 9);
    ck_assert_str_eq(at.path,
        "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.max_request_bytes");
    ck_assert_uint_gt(any->value.len, 0);
}
END_TEST

START_TEST(any_without_a_document_is_unpacked)
{
    Google__Protobuf__Any   *any = add_filter(
        "          \"@type\": x/envoy.extensions.filters.http.buffer.v3.Buffer\n"
        "          max_request_bytes: 5\n");
    const char              *why;
    const ProtobufCMessage  *m = nc_doc_any(NULL, &any->base, nc_doc_pool(doc), &why);

    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(((const Envoy__Extensions__Filters__Http__Buffer__V3__Buffer *)
        (const void *) m)->max_request_bytes->value, 5);
    ck_assert_str_eq(any->type_url,
        "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer");
}
END_TEST

START_TEST(typed_struct_becomes_the_type_it_names)
{
    static const char *const  kinds[] = { "udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct" };
    nc_sb_t                   sb;
    const char               *why;

    nc_sb_init(&sb);
    nc_sb_printf(&sb,
        "          \"@type\": type.googleapis.com/%s\n"
        "          type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n"
        "          value: {max_request_bytes: 7}\n", kinds[_i]);

    {
        Google__Protobuf__Any  *any = add_filter(nc_sb_c(&sb));
        const void             *file = nc_doc_any(doc, &any->base, nc_doc_pool(doc), &why);
        const void             *wire = nc_doc_any(NULL, &any->base, nc_doc_pool(doc), &why);
        nc_doc_place_t          at;

        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(wire);
        ck_assert_uint_eq(((const Envoy__Extensions__Filters__Http__Buffer__V3__Buffer *)
            file)->max_request_bytes->value, 7);
        ck_assert_uint_eq(((const Envoy__Extensions__Filters__Http__Buffer__V3__Buffer *)
            wire)->max_request_bytes->value, 7);

        nc_doc_locate(doc, file, "max_request_bytes", &at);
        ck_assert_uint_eq(at.line, 10);
        ck_assert_uint_eq(at.column, 38);
    }

    nc_sb_fini(&sb);
}
END_TEST

START_TEST(typed_struct_with_a_wrong_field_is_refused_from_the_wire)
{
    Google__Protobuf__Any        any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Struct    *s;
    Xds__Type__V3__TypedStruct   ts = XDS__TYPE__V3__TYPED_STRUCT__INIT;
    char                         url[] = "a/envoy.extensions.filters.http.buffer.v3.Buffer";
    char                         any_url[] = "a/xds.type.v3.TypedStruct";
    const char                  *why;
    nc_str_t                     bytes;

    s = add("a", "node: {metadata: {max_request_bites: 7}}")->node->metadata;
    ts.type_url = url;
    ts.value = s;
    bytes = nc_message_pack(nc_doc_pool(doc), &ts.base);
    any.type_url = any_url;
    any.value.data = (uint8_t *) (uintptr_t) bytes.data;
    any.value.len = bytes.len;

    ck_assert_ptr_null(nc_doc_any(NULL, &any.base, nc_doc_pool(doc), &why));
    ck_assert_str_eq(why, "max_request_bites: no such field in "
        "envoy.extensions.filters.http.buffer.v3.Buffer; did you mean 'max_request_bytes'?");

    any.value.len--;
    ck_assert_ptr_null(nc_doc_any(NULL, &any.base, nc_doc_pool(doc), &why));
    ck_assert_str_eq(why, "malformed protobuf");

    any_url[2] = 'y';
    ck_assert_ptr_null(nc_doc_any(NULL, &any.base, nc_doc_pool(doc), &why));
    ck_assert_str_eq(why, "no such type 'yds.type.v3.TypedStruct'; did you mean "
        "'xds.type.v3.TypedStruct'?");
}
END_TEST

START_TEST(unknown_fields_can_be_let_through)
{
    nc_doc_t  *lax = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor,
        NC_DOC_ALLOW_UNKNOWN);

    ck_assert_int_eq(nc_doc_add_text(lax, "a", NC_DOC_YAML, NC_STR("{foo: 1, node: {id: x}}"),
        &errors), NC_OK);
    ck_assert_uint_eq(errors.n, 0);
    ck_assert_uint_eq(errors.n_warnings, 1);
    ck_assert_str_eq(((bootstrap_t *) (void *) nc_doc_root(lax))->node->id, "x");
    nc_doc_destroy(lax);
}
END_TEST

START_TEST(aliases_of_aliases_cannot_grow_without_end)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "node:\n  metadata:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        nc_sb_printf(&sb, "    a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++) {
            nc_sb_printf(&sb, "%s*a%d", j ? ", " : "", i - 1);
        }
        nc_sb_c_add(&sb, "]\n");
    }

    ck_assert_int_eq(nc_doc_add_text(doc, "a", NC_DOC_YAML, nc_sb_str(&sb), &errors), NC_ERROR);
    ck_assert_uint_eq(errors.n, 1);
    ck_assert_str_eq(errors.first->message, "aliases make this too large");
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(deep_nesting_is_an_error_in_every_format)
{
    static const nc_doc_format_t  formats[] = { NC_DOC_YAML, NC_DOC_JSON };
    nc_sb_t                       sb;

    nc_sb_init(&sb);
    for (int i = 0; i < 100000; i++) {
        nc_sb_c_add(&sb, "[");
    }

    ck_assert_int_eq(nc_doc_add_text(doc, "a", formats[_i], nc_sb_str(&sb), &errors), NC_ERROR);
    ck_assert_uint_eq(errors.n, 1);
    ck_assert_ptr_nonnull(strstr(errors.first->message, "nested more than 200 deep"));
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(deep_values_are_an_error_and_no_crash)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "node: {metadata: {a: ");
    for (int i = 0; i < 150; i++) {
        nc_sb_c_add(&sb, "[");
    }
    for (int i = 0; i < 150; i++) {
        nc_sb_c_add(&sb, "]");
    }
    nc_sb_c_add(&sb, "}}");

    ck_assert_int_eq(nc_doc_add_text(doc, "a", NC_DOC_YAML, nc_sb_str(&sb), &errors), NC_ERROR);
    ck_assert_str_eq(errors.first->message, "nested too deep");
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(number_of_errors_is_bounded)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "static_resources:\n  clusters:\n");
    for (int i = 0; i < 5000; i++) {
        nc_sb_c_add(&sb, "  - {nme: x}\n");
    }

    ck_assert_int_eq(nc_doc_add_text(doc, "a", NC_DOC_YAML, nc_sb_str(&sb), &errors), NC_ERROR);
    ck_assert_uint_eq(errors.n, 1000);
    ck_assert_int_eq(nc_validate(doc, nc_doc_root(doc), &errors), NC_ERROR);
    ck_assert_uint_eq(errors.n, 1000);
    nc_sb_fini(&sb);
}
END_TEST

START_TEST(json_strings_keep_all_their_characters)
{
    bootstrap_t  *b;

    ck_assert_int_eq(nc_doc_add_text(doc, "a", NC_DOC_JSON,
        NC_STR("{\"node\":{\"id\":\"\\ud83d\\ude00\\/\\\"\\n\\u00e4\",\t\"cluster\":\"b\",},}"),
        &errors), NC_OK);
    b = (bootstrap_t *) (void *) nc_doc_root(doc);
    ck_assert_str_eq(b->node->id, "\xf0\x9f\x98\x80/\"\n\xc3\xa4");
    ck_assert_str_eq(b->node->cluster, "b");
}
END_TEST

START_TEST(struct_values_keep_their_kinds)
{
    bootstrap_t                *b = add("a",
        "node: {metadata: {l: [~, yes, 1.5, '1', 0x10, {a: b}], e: {}}}");
    Google__Protobuf__Value   **v = b->node->metadata->fields[1]->value->list_value->values;

    ck_assert_int_eq(v[0]->kind_case, GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE);
    ck_assert_int_eq(v[1]->kind_case, GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE);
    ck_assert_double_eq(v[2]->number_value, 1.5);
    ck_assert_str_eq(v[3]->string_value, "1");
    ck_assert_double_eq(v[4]->number_value, 16);
    ck_assert_int_eq(v[5]->kind_case, GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE);
}
END_TEST

START_TEST(file_format_follows_from_the_name)
{
    char          dir[] = "/tmp/nc-doc-XXXXXX";
    char          path[64];
    FILE         *f;
    bootstrap_t  *b;

    ck_assert_ptr_nonnull(mkdtemp(dir));

    (void) snprintf(path, sizeof(path), "%s/a.json", dir);
    f = fopen(path, "w");
    fputs("{\"node\":\t{\"id\": \"j\"}}", f);       /* a tab that YAML would refuse */
    fclose(f);
    ck_assert_int_eq(nc_doc_add_file(doc, path, &errors), NC_OK);
    ck_assert_int_eq(unlink(path), 0);

    (void) snprintf(path, sizeof(path), "%s/a.pb", dir);
    f = fopen(path, "w");
    fputs("\x0a\x03\x12\x01" "c", f);             /* node { cluster: "c" } */
    fclose(f);
    ck_assert_int_eq(nc_doc_add_file(doc, path, &errors), NC_OK);
    ck_assert_int_eq(unlink(path), 0);

    b = (bootstrap_t *) (void *) nc_doc_root(doc);
    ck_assert_str_eq(b->node->id, "j");
    ck_assert_str_eq(b->node->cluster, "c");

    ck_assert_int_eq(nc_doc_add_file(doc, path, &errors), NC_ERROR);
    ck_assert_str_eq(errors.first->message, "cannot be opened: No such file or directory");
    ck_assert_int_eq(nc_doc_add_file(doc, dir, &errors), NC_ERROR);
    ck_assert_str_eq(errors.first->next->message, "cannot be read: Is a directory");
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(packed_file_with_an_unknown_field_is_refused)
{
    ck_assert_int_eq(nc_doc_add_text(doc, "a.pb", NC_DOC_BINARY, NC_STR("\x0a\x05\xfa\x06\x02hi"),
        &errors), NC_ERROR);
    ck_assert_str_eq(first_said(), "a.pb: node.#111: unknown field");
}
END_TEST

static TCase *
leniency(void)
{
    TCase  *tc = tcase_create("leniency");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_value_stands_for_a_list);
    tcase_add_test(tc, enum_is_read_in_any_case_and_as_a_number);
    tcase_add_test(tc, camel_case_is_read);
    tcase_add_test(tc, empty_key_is_unset);
    tcase_add_test(tc, nothing_at_all_is_an_empty_message);
    tcase_add_test(tc, numbers_may_be_quoted);
    tcase_add_test(tc, wrapper_may_be_written_out);
    tcase_add_test(tc, duration_may_be_written_out);
    tcase_add_test(tc, boolean_words_are_read);
    tcase_add_test(tc, tag_ignore_drops_a_key_and_keeps_its_anchors);
    tcase_add_test(tc, alias_gives_each_place_its_own_message);
    tcase_add_test(tc, json_strings_keep_all_their_characters);
    tcase_add_test(tc, struct_values_keep_their_kinds);

    return tc;
}

static TCase *
places(void)
{
    TCase  *tc = tcase_create("places");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, later_text_is_merged_in);
    tcase_add_test(tc, place_of_a_field_is_known_after_a_merge);
    tcase_add_test(tc, place_of_an_element_is_known_by_its_index_and_key);
    tcase_add_test(tc, message_without_a_document_has_only_its_path);
    tcase_add_test(tc, any_of_a_file_is_decoded_with_places);
    tcase_add_test(tc, any_without_a_document_is_unpacked);
    tcase_add_loop_test(tc, typed_struct_becomes_the_type_it_names, 0, 2);
    tcase_add_test(tc, typed_struct_with_a_wrong_field_is_refused_from_the_wire);

    return tc;
}

static TCase *
bounds(void)
{
    TCase  *tc = tcase_create("bounds");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, unknown_fields_can_be_let_through);
    tcase_add_test(tc, aliases_of_aliases_cannot_grow_without_end);
    tcase_add_loop_test(tc, deep_nesting_is_an_error_in_every_format, 0, 2);
    tcase_add_test(tc, deep_values_are_an_error_and_no_crash);
    tcase_add_test(tc, number_of_errors_is_bounded);
    tcase_add_test(tc, file_format_follows_from_the_name);
    tcase_add_test(tc, packed_file_with_an_unknown_field_is_refused);

    return tc;
}

int
main(void)
{
    Suite    *s = suite_create("doc");
    SRunner  *sr;
    int       failed;

    suite_add_tcase(s, leniency());
    suite_add_tcase(s, places());
    suite_add_tcase(s, bounds());
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
