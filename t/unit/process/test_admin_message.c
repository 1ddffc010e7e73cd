/* Messages before they are shown: field masks, through lists and Any; secrets. */
#include "process/admin_message.c"

#include "api/doc.h"
#include "api/print.h"
#include "envoy/admin/v3/config_dump_shared.pb-c.h"
#include "envoy/config/cluster/v3/cluster.pb-c.h"

#include <check.h>

static nc_pool_t  pool;
static nc_sb_t    text;


static void
set_up(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
    nc_sb_init(&text);
}


static void
tear_down(void)
{
    nc_pool_fini(&pool);
    nc_sb_fini(&text);
}


/* A cluster with a few fields, as it stands in a dump. */
static ProtobufCMessage *
dumped_cluster(void)
{
    Envoy__Admin__V3__ClustersConfigDump__StaticCluster  *out;
    Envoy__Config__Cluster__V3__Cluster                  *c;
    Google__Protobuf__Duration                           *d;

    c = (void *) nc_message_new(&pool, &envoy__config__cluster__v3__cluster__descriptor);
    c->name = nc_pool_strdup(&pool, "up");
    c->alt_stat_name = nc_pool_strdup(&pool, "other");
    d = (void *) nc_message_new(&pool, &google__protobuf__duration__descriptor);
    d->seconds = 3;
    c->connect_timeout = d;
    c->dns_lookup_family = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DNS_LOOKUP_FAMILY__V4_ONLY;
    out = (void *) nc_message_new(&pool,
        &envoy__admin__v3__clusters_config_dump__static_cluster__descriptor);
    out->cluster = (void *) nc_message_any(&pool, &c->base);

    return &out->base;
}


static const char *
trimmed(const char *mask_text)
{
    nc_admin_mask_t  mask;

    nc_admin_mask(&mask, &pool, nc_str_c(mask_text));
    nc_sb_reset(&text);
    nc_print_json(&text, nc_admin_trim(&pool, dumped_cluster(), &mask), 0);

    return nc_sb_c(&text);
}


#define TYPE  "\"@type\":\"type.googleapis.com/envoy.config.cluster.v3.Cluster\""

START_TEST(a_mask_reaches_into_any)
{
    ck_assert_str_eq(trimmed("cluster.name"), "{\"cluster\":{" TYPE ",\"name\":\"up\"}}");
}
END_TEST


START_TEST(a_mask_may_name_several_fields)
{
    ck_assert_str_eq(trimmed("cluster.name, cluster.dns_lookup_family"),
        "{\"cluster\":{" TYPE ",\"name\":\"up\",\"dns_lookup_family\":\"V4_ONLY\"}}");
}
END_TEST


START_TEST(a_field_named_is_shown_whole)
{
    ck_assert_ptr_nonnull(strstr(trimmed("cluster"), "\"alt_stat_name\":\"other\""));
    ck_assert_str_eq(trimmed("cluster.connect_timeout"),
        "{\"cluster\":{" TYPE ",\"connect_timeout\":\"3s\"}}");
}
END_TEST


START_TEST(what_is_not_there_is_not_shown)
{
    ck_assert_str_eq(trimmed("cluster.nothing"), "{\"cluster\":{" TYPE "}}");
    ck_assert_str_eq(trimmed("nothing"), "{}");
    ck_assert_str_eq(trimmed("clus"), "{}");
}
END_TEST


START_TEST(below_a_list_the_rest_of_the_path_is_left)
{
    nc_admin_mask_t  mask, below;

    nc_admin_mask(&mask, &pool, NC_STR("static_clusters.cluster.name,bootstrap,static_clusters.x"));
    ck_assert_uint_eq(mask.n, 3);
    ck_assert(!nc_admin_mask_below(&mask, &pool, NC_STR("static_clusters"), &below));
    ck_assert_uint_eq(below.n, 2);
    ck_assert(nc_str_eq(below.paths[0], NC_STR("cluster.name")));
    ck_assert(nc_admin_mask_below(&mask, &pool, NC_STR("bootstrap"), &below));
    ck_assert(!nc_admin_mask_below(&mask, &pool, NC_STR("static"), &below));
    ck_assert_uint_eq(below.n, 0);
}
END_TEST


START_TEST(a_message_without_secrets_is_left_alone)
{
    ProtobufCMessage  *m = dumped_cluster();

    ck_assert(!nc_admin_redact(&pool, m));
    ck_assert(nc_message_eq(m, dumped_cluster()));
}
END_TEST


static const char  certificate[] =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.TlsCertificate";

/* TlsCertificate where the schema has it; its private key lies in an Any of a list. */
START_TEST(secrets_are_blotted_out_wherever_they_are)
{
    Google__Protobuf__Any  any = GOOGLE__PROTOBUF__ANY__INIT;
    Envoy__Admin__V3__ClustersConfigDump__StaticCluster
        outer = ENVOY__ADMIN__V3__CLUSTERS_CONFIG_DUMP__STATIC_CLUSTER__INIT;
    static uint8_t         bytes[] =            /* private_key { inline_string: "hidden" } */
        { 0x12, 8, 0x1a, 6, 'h', 'i', 'd', 'd', 'e', 'n' };

    if (nc_message_type_of_url(certificate) == NULL) {
        return;
    }

    any.type_url = nc_pool_strdup(&pool, certificate);
    any.value = (ProtobufCBinaryData) { sizeof(bytes), bytes };
    outer.cluster = &any;
    ck_assert(nc_admin_redact(&pool, &outer.base));
    nc_print_json(&text, &outer.base, 0);
    ck_assert_ptr_null(strstr(nc_sb_c(&text), "hidden"));
    ck_assert_ptr_nonnull(strstr(nc_sb_c(&text), "\"inline_string\":\"[redacted]\""));
}
END_TEST


START_TEST(an_any_of_an_unknown_type_is_kept)
{
    Google__Protobuf__Any  any = GOOGLE__PROTOBUF__ANY__INIT;
    nc_admin_mask_t        mask;

    any.type_url = nc_pool_strdup(&pool, "type.googleapis.com/no.such.Type");
    nc_admin_mask(&mask, &pool, NC_STR("a.b"));
    ck_assert(nc_message_eq(nc_admin_trim(&pool, &any.base, &mask), &any.base));
    ck_assert(!nc_admin_redact(&pool, &any.base));
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("process/admin_message");
    TCase    *t = tcase_create("all");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_mask_reaches_into_any);
    tcase_add_test(t, a_mask_may_name_several_fields);
    tcase_add_test(t, a_field_named_is_shown_whole);
    tcase_add_test(t, what_is_not_there_is_not_shown);
    tcase_add_test(t, below_a_list_the_rest_of_the_path_is_left);
    tcase_add_test(t, a_message_without_secrets_is_left_alone);
    tcase_add_test(t, secrets_are_blotted_out_wherever_they_are);
    tcase_add_test(t, an_any_of_an_unknown_type_is_kept);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? 1 : 0;
}
