/* Packing, unpacking of hostile bytes, cloning, merging, maps. */
#include "api/message.c"

#include <check.h>

#include <envoy/config/bootstrap/v3/bootstrap.pb-c.h>
#include <google/protobuf/struct.pb-c.h>

typedef Envoy__Config__Core__V3__Node  node_t;

static nc_pool_t  pool;

static void
setup(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
}

static void
teardown(void)
{
    nc_pool_fini(&pool);
}

static ProtobufCMessage *
read_node(const char *yaml)
{
    nc_doc_t          *doc = nc_doc_create(&envoy__config__core__v3__node__descriptor, 0);
    nc_errors_t        errors;
    ProtobufCMessage  *m;

    nc_errors_init(&errors);
    ck_assert_int_eq(nc_doc_add_text(doc, "n", NC_DOC_YAML, nc_str_c(yaml), &errors), NC_OK);
    m = nc_message_clone(&pool, nc_doc_root(doc));
    nc_doc_destroy(doc);                        /* a clone shares nothing with it */
    nc_errors_fini(&errors);

    return m;
}

/* Bytes that are no Node. */
static const struct {
    nc_str_t     bytes;
    const char  *why;
} hostile[] = {
    { NC_STR_INIT("\x0a"), "malformed protobuf" },                  /* a tag alone */
    { NC_STR_INIT("\x0a\x05" "ab"), "malformed protobuf" },         /* shorter than it says */
    { NC_STR_INIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "malformed protobuf" },
    { NC_STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "malformed protobuf" },
    { NC_STR_INIT("\x00\x00"), "malformed protobuf" },              /* field number 0 */
    { NC_STR_INIT("\x0b"), "malformed protobuf" },                  /* a group */
    { NC_STR_INIT("\x0e"), "malformed protobuf" },                  /* wire type 6 */
    { NC_STR_INIT("\x08\x01"), "malformed protobuf" },              /* a number for a text */
    { NC_STR_INIT("\x0a\x01\xff"), "a string that is not UTF-8, or with a NUL in it" },
    { NC_STR_INIT("\x0a\x02" "a\0"), "a string that is not UTF-8, or with a NUL in it" },
    { NC_STR_INIT("\x22\x03\x0a\x05" "a"), "malformed protobuf" },  /* inside the locality */
};

START_TEST(hostile_bytes_are_refused)
{
    const char  *why;

    ck_assert_ptr_null(nc_message_unpack(&pool, &envoy__config__core__v3__node__descriptor,
        hostile[_i].bytes, &why, NULL));
    ck_assert_str_eq(why, hostile[_i].why);
}
END_TEST

START_TEST(deeply_nested_bytes_are_refused)
{
    nc_str_t     inner = NC_STR("");
    const char  *why;

    /* ListValue { Value { ListValue { ... } } }: field 1, then field 6. */
    for (int i = 0; i < 1000; i++) {
        char    *p = nc_pool_alloc(&pool, inner.len + 8);
        size_t   n = 0;

        p[n++] = i % 2 == 0 ? 0x0a : 0x32;
        if (inner.len >= 128) {
            p[n++] = (char) (0x80 | (inner.len & 0x7f));
            p[n++] = (char) (inner.len >> 7);
        } else {
            p[n++] = (char) inner.len;
        }
        if (inner.len > 0) {
            memcpy(p + n, inner.data, inner.len);
        }
        inner = nc_str(p, n + inner.len);
    }

    ck_assert_ptr_null(nc_message_unpack(&pool, &google__protobuf__value__descriptor, inner, &why,
        NULL));
    ck_assert_str_eq(why, "messages nested too deep");
}
END_TEST

START_TEST(unknown_field_is_named)
{
    const char  *why;
    const char  *unknown;

    ck_assert_ptr_nonnull(nc_message_unpack(&pool, &envoy__config__core__v3__node__descriptor,
        NC_STR("\x0a\x01" "a\x22\x03\xf8\x07\x01"), &why, &unknown));
    ck_assert_str_eq(unknown, "locality.#127");
}
END_TEST

START_TEST(maps_are_sorted_and_the_last_of_equal_keys_stays)
{
    /* metadata { fields { key: "b" value: 1 } fields { key: "a" } fields { key: "b" value: 2 } } */
    static const char  bytes[] =
        "\x1a\x25"
        "\x0a\x0e\x0a\x01" "b\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"
        "\x0a\x03\x0a\x01" "a"
        "\x0a\x0e\x0a\x01" "b\x12\x09\x11\x00\x00\x00\x00\x00\x00\x00\x40";
    const char        *why;
    node_t            *node;

    node = (node_t *) (void *) nc_message_unpack(&pool, &envoy__config__core__v3__node__descriptor,
        nc_str(bytes, sizeof(bytes) - 1), &why, NULL);
    ck_assert_ptr_nonnull(node);
    ck_assert_uint_eq(node->metadata->n_fields, 2);
    ck_assert_str_eq(node->metadata->fields[0]->key, "a");
    ck_assert_ptr_nonnull(node->metadata->fields[0]->value);      /* missing on the wire */
    ck_assert_str_eq(node->metadata->fields[1]->key, "b");
    ck_assert_double_eq(node->metadata->fields[1]->value->number_value, 2);
}
END_TEST

START_TEST(order_of_map_entries_does_not_count)
{
    ProtobufCMessage  *a = read_node("{metadata: {x: 1, y: {p: 1, q: 2}, z: 3}}");
    ProtobufCMessage  *b = read_node("{metadata: {z: 3, y: {q: 2, p: 1}, x: 1}}");
    ProtobufCMessage  *c = read_node("{metadata: {z: 3, y: {q: 2, p: 1}, x: 2}}");

    ck_assert(nc_message_eq(a, b));
    ck_assert(!nc_message_eq(a, c));
    ck_assert_uint_eq(nc_message_hash(a), nc_message_hash(b));
    ck_assert_uint_ne(nc_message_hash(a), nc_message_hash(c));
}
END_TEST

START_TEST(hash_is_the_same_everywhere)
{
    ck_assert_uint_eq(nc_message_hash(read_node("{}")), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(nc_message_hash(read_node("{id: a}")), UINT64_C(0x2fe85b189d1c0a8f));
}
END_TEST

START_TEST(clone_has_everything)
{
    ProtobufCMessage  *a = read_node(
        "{id: i, locality: {zone: z}, user_agent_build_version: {version: {patch: 3}},\n"
        " metadata: {a: [1, x, \"\", {b: ~}], c: true}}");

    ck_assert(nc_message_eq(a, nc_message_clone(&pool, a)));
}
END_TEST

START_TEST(merge_follows_protobuf)
{
    node_t  *to = (node_t *) (void *) read_node(
        "{id: i, cluster: c, locality: {zone: z, region: r}, user_agent_version: v,\n"
        " metadata: {a: 1, b: 1}}");
    node_t  *from = (node_t *) (void *) read_node(
        "{id: j, locality: {zone: y}, user_agent_build_version: {version: {patch: 3}},\n"
        " metadata: {b: 2, c: 3}}");

    nc_message_merge(&pool, &to->base, &from->base);
    ck_assert(nc_message_eq(&to->base, read_node(
        "{id: j, cluster: c, locality: {zone: y, region: r},\n"
        " user_agent_build_version: {version: {patch: 3}}, metadata: {a: 1, b: 2, c: 3}}")));
    ck_assert_ptr_ne(to->id, from->id);
    ck_assert_ptr_ne(to->user_agent_build_version, from->user_agent_build_version);
}
END_TEST

START_TEST(any_carries_its_type_and_bytes)
{
    ProtobufCMessage       *node = read_node("{id: a}");
    Google__Protobuf__Any  *any = (Google__Protobuf__Any *) (void *) nc_message_any(&pool, node);
    const char             *why;
    const ProtobufCMessage *back;

    ck_assert_str_eq(any->type_url, "type.googleapis.com/envoy.config.core.v3.Node");
    back = nc_doc_any(NULL, &any->base, &pool, &why);
    ck_assert_ptr_nonnull(back);
    ck_assert_str_eq(((const node_t *) (const void *) back)->id, "a");
}
END_TEST

START_TEST(every_type_is_found_by_its_name)
{
    ck_assert_ptr_eq(nc_message_type(NC_STR("envoy.config.core.v3.Node")),
        &envoy__config__core__v3__node__descriptor);
    ck_assert_ptr_eq(nc_message_type_of_url("type.googleapis.com/google.protobuf.Any"),
        &google__protobuf__any__descriptor);
    ck_assert_ptr_null(nc_message_type(NC_STR("envoy.config.core.v3.Nod")));
    ck_assert_ptr_null(nc_message_type(NC_STR("")));
    ck_assert_ptr_null(nc_message_type_of_url(NULL));
}
END_TEST

START_TEST(durations_become_milliseconds)
{
    Google__Protobuf__Duration  d = GOOGLE__PROTOBUF__DURATION__INIT;

    ck_assert_uint_eq(nc_duration_ms(NULL, 42), 42);
    ck_assert_uint_eq(nc_duration_ms(&d, 42), 0);
    d.nanos = 1;
    ck_assert_uint_eq(nc_duration_ms(&d, 42), 1);
    d.seconds = 2;
    d.nanos = 500000000;
    ck_assert_uint_eq(nc_duration_ms(&d, 42), 2500);
    d.seconds = -2;
    ck_assert_uint_eq(nc_duration_ms(&d, 42), 0);
    d.seconds = INT64_MAX;
    ck_assert_uint_eq(nc_duration_ms(&d, 42), UINT64_C(315576000000000));
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("message");
    TCase    *tc = tcase_create("message");
    SRunner  *sr;
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, hostile_bytes_are_refused, 0, (int) NC_COUNTOF(hostile));
    tcase_add_test(tc, deeply_nested_bytes_are_refused);
    tcase_add_test(tc, unknown_field_is_named);
    tcase_add_test(tc, maps_are_sorted_and_the_last_of_equal_keys_stays);
    tcase_add_test(tc, order_of_map_entries_does_not_count);
    tcase_add_test(tc, hash_is_the_same_everywhere);
    tcase_add_test(tc, clone_has_everything);
    tcase_add_test(tc, merge_follows_protobuf);
    tcase_add_test(tc, any_carries_its_type_and_bytes);
    tcase_add_test(tc, every_type_is_found_by_its_name);
    tcase_add_test(tc, durations_become_milliseconds);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
