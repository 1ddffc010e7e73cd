/* Runtime layers: which value a key has, and what it says in place of a field. */
#include "api/runtime.c"

#include "api/doc.h"
#include "envoy/config/core/v3/base.pb-c.h"

#include <check.h>

static nc_doc_t                        *doc;
static const Google__Protobuf__Struct  *layer;
static nc_compile_t                     cc;


static const ProtobufCMessage *
find(nc_compile_t *c, const char *key)
{
    const value_t  *v = nc_runtime_find(layer, nc_str_c(key));

    (void) c;

    return v ? &v->base : NULL;
}


static void
set_layer(const char *yaml)
{
    nc_errors_t  errors;
    nc_sb_t      text;

    nc_errors_init(&errors);
    nc_sb_init(&text);
    nc_sb_printf(&text, "metadata: %s\n", yaml);
    doc = nc_doc_create(&envoy__config__core__v3__node__descriptor, 0);
    ck_assert_int_eq(nc_doc_add_text(doc, "l.yaml", NC_DOC_YAML, nc_sb_str(&text), &errors), NC_OK);
    layer = ((const Envoy__Config__Core__V3__Node *) (const void *) nc_doc_root(doc))->metadata;
    cc.runtime = find;
    nc_sb_fini(&text);
    nc_errors_fini(&errors);
}


static void
teardown(void)
{
    nc_doc_destroy(doc);
}


START_TEST(dots_lead_into_structs)
{
    set_layer("{a: {b: {c: 1}, 'x.y': 2}, 'a.b.d': 3, 'a.b': {e: 4}}");
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.b.c", 9), 1);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.x.y", 9), 2);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.b.d", 9), 3);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.b.e", 9), 4);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.b", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a.b.c.d", 9), 9);
}
END_TEST


START_TEST(what_is_no_number_says_nothing)
{
    set_layer("{a: -1, b: 4294967296, c: true, d: '17', e: x, f: [1]}");
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "b", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "c", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "d", 9), 17);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "e", 9), 9);
    ck_assert_uint_eq(nc_runtime_u32(&cc, "f", 9), 9);
}
END_TEST


static void
check_share(const char *key, uint32_t numerator, uint32_t denominator)
{
    Envoy__Type__V3__FractionalPercent  unset = ENVOY__TYPE__V3__FRACTIONAL_PERCENT__INIT;
    uint32_t                            n, d;

    unset.numerator = 5;
    unset.denominator = ENVOY__TYPE__V3__FRACTIONAL_PERCENT__DENOMINATOR_TYPE__MILLION;
    nc_runtime_fraction(&cc, key, &unset, &n, &d);
    ck_assert_uint_eq(n, numerator);
    ck_assert_uint_eq(d, denominator);
}


START_TEST(a_share_is_a_number_of_hundred_or_a_fraction)
{
    set_layer("{a: 30, b: {numerator: 7, denominator: TEN_THOUSAND}, c: {numerator: 1}, "
              "d: {denominator: 2}, e: {f: 1}, g: {h: {numerator: 2, denominator: million}}}");
    check_share("a", 30, 100);
    check_share("b", 7, 10000);
    check_share("c", 1, 100);
    check_share("d", 0, 1000000);
    check_share("e", 5, 1000000);
    check_share("g.h", 2, 1000000);
    check_share("none", 5, 1000000);
}
END_TEST


START_TEST(without_layers_the_field_stands)
{
    uint32_t  n, d;

    set_layer("{}");
    cc.runtime = NULL;
    ck_assert_uint_eq(nc_runtime_u32(&cc, "a", 9), 9);
    nc_runtime_fraction(&cc, "a", NULL, &n, &d);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(d, 100);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("api/runtime");
    TCase    *tc = tcase_create("runtime");
    SRunner  *r;
    int       failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, dots_lead_into_structs);
    tcase_add_test(tc, what_is_no_number_says_nothing);
    tcase_add_test(tc, a_share_is_a_number_of_hundred_or_a_fraction);
    tcase_add_test(tc, without_layers_the_field_stands);
    suite_add_tcase(s, tc);

    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
