/* network_inputs.c: facts about the connection and the stream for matcher trees. */
#include "http/dynamic_metadata.h"
#include "http/filter_state.h"
#include "http/matcher_tree.h"
#include "net/tls.h"

#include "envoy/extensions/matching/common_inputs/environment_variable/v3/input.pb-c.h"
#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb-c.h"
#include "envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs.pb-c.h"

typedef Envoy__Extensions__Matching__CommonInputs__Network__V3__DynamicMetadataInput
    metadata_msg_t;

typedef struct {
    nc_str_t         name;                      /* key, filter, or the value itself */
    const nc_str_t  *path;
    uint32_t         n_path;
} conf_t;


static const nc_conn_info_t *
conn_of(const nc_match_data_t *d)
{
    return d->view->info != NULL ? d->view->info->conn : NULL;
}


static void
set_address(const nc_peer_t *p, const nc_match_data_t *d, nc_match_value_t *v)
{
    char     memory[NC_ADDR_STRLEN];
    nc_sb_t  text;

    if (p == NULL || (p->sa.sa_family != AF_INET && p->sa.sa_family != AF_INET6)) {
        return;
    }

    nc_sb_fixed(&text, memory, sizeof(memory));
    nc_peer_print_ip(p, &text);
    v->text = nc_pool_str(d->pool, nc_sb_str(&text));
    v->address = p;
}


static void
set_port(const nc_peer_t *p, const nc_match_data_t *d, nc_match_value_t *v)
{
    char  *digits;

    if (p == NULL || (p->sa.sa_family != AF_INET && p->sa.sa_family != AF_INET6)) {
        return;
    }

    digits = nc_pool_alloc(d->pool, 24);
    v->text = nc_str(digits, nc_u64_format(digits, nc_peer_port(p)));
}


static void
get_destination_ip(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    (void) conf;
    set_address(c != NULL ? &c->local : NULL, d, v);
}


static void
get_destination_port(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    (void) conf;
    set_port(c != NULL ? &c->local : NULL, d, v);
}


static void
get_source_ip(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_address(d->view->info != NULL ? &d->view->info->remote : NULL, d, v);
}


static void
get_source_port(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_port(d->view->info != NULL ? &d->view->info->remote : NULL, d, v);
}


static void
get_direct_source_ip(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    (void) conf;
    set_address(c != NULL ? &c->direct_remote : NULL, d, v);
}


static void
get_source_type(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);
    nc_match_value_t       local = { .text = NC_STR_NULL }, remote = { .text = NC_STR_NULL };

    (void) conf;

    if (c == NULL) {
        return;
    }

    set_address(&c->local, d, &local);
    set_address(&c->remote, d, &remote);

    if (nc_peer_is_loopback(&c->remote)
        || (local.text.data != NULL && nc_str_eq(local.text, remote.text)))
    {
        v->text = NC_STR("local");
    }
}


static void
get_server_name(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    (void) conf;

    if (c != NULL && c->requested_server_name.len > 0) {
        v->text = c->requested_server_name;
    }
}


static void
get_transport_protocol(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    (void) conf;

    if (c != NULL) {
        v->text = c->is_tls ? NC_STR("tls") : NC_STR("raw_buffer");
    }
}


static void
set_fact(const nc_match_data_t *d, nc_tls_fact_t what, nc_match_value_t *v)
{
    const nc_conn_info_t  *c = conn_of(d);

    if (c != NULL && c->tls != NULL) {
        v->text = nc_tls_fact(c->tls, what);
    }
}


static void
get_application_protocol(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_fact(d, NC_TLS_FACT_ALPN, v);
}


static void
get_uri_san(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_fact(d, NC_TLS_FACT_PEER_URI_SAN, v);
}


static void
get_dns_san(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_fact(d, NC_TLS_FACT_PEER_DNS_SAN, v);
}


static void
get_subject(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;
    set_fact(d, NC_TLS_FACT_PEER_SUBJECT, v);
}


static const void *
compile_state(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Extensions__Matching__CommonInputs__Network__V3__FilterStateInput  *m
        = (const void *) message;
    conf_t  *c = nc_pool_new(cc->pool, conf_t);

    c->name = nc_pool_str(cc->pool, nc_str_c(m->key));

    return c;
}


static void
get_filter_state(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const conf_t  *c = conf;

    if (d->view->info != NULL) {
        v->text = nc_filter_state_get(d->view->info, c->name);
    }
}


static const void *
compile_metadata(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const metadata_msg_t  *m = (const void *) message;
    conf_t                *c = nc_pool_new(cc->pool, conf_t);
    nc_str_t              *path = nc_pool_array(cc->pool, m->n_path, sizeof(*path));

    for (size_t i = 0; i < m->n_path; i++) {
        path[i] = nc_pool_str(cc->pool, nc_str_c(m->path[i]->key));
    }

    c->name = nc_pool_str(cc->pool, nc_str_c(m->filter));
    c->path = path;
    c->n_path = (uint32_t) m->n_path;

    return c;
}


static void
get_dynamic_metadata(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const conf_t  *c = conf;

    if (d->view->info == NULL) {
        return;
    }

    v->value = nc_dynamic_metadata_get(d->view->info, c->name, c->path, c->n_path);

    if (v->value != NULL && v->value->kind == NC_VALUE_STRING) {
        v->text = v->value->string.data != NULL ? v->value->string : NC_STR("");
    }
}


static const void *
compile_environment(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Extensions__Matching__CommonInputs__EnvironmentVariable__V3__Config  *m
        = (const void *) message;
    conf_t      *c = nc_pool_new(cc->pool, conf_t);
    const char  *value = getenv(m->name);

    c->name = value != NULL ? nc_pool_str(cc->pool, nc_str_c(value)) : NC_STR_NULL;

    return c;
}


static void
get_environment(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    const conf_t  *c = conf;

    (void) d;
    v->text = c->name;
}


#define INPUT(symbol, extension, type, compile_fn)  \
    static const nc_match_input_ops_t  symbol##_ops = { .get = get_##symbol };  \
    const nc_module_t  nc_input_##symbol##_module = {  \
        NC_MODULE_HEAD,  \
        .name = "envoy.matching." extension,  \
        .kind = NC_MATCH_INPUT,  \
        .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,  \
        .config = &envoy__extensions__matching__common_inputs__##type##__descriptor,  \
        .compile = compile_fn,  \
        .ops = &symbol##_ops  \
    }

INPUT(destination_ip, "inputs.destination_ip", network__v3__destination_ipinput, NULL);
INPUT(destination_port, "inputs.destination_port", network__v3__destination_port_input, NULL);
INPUT(source_ip, "inputs.source_ip", network__v3__source_ipinput, NULL);
INPUT(source_port, "inputs.source_port", network__v3__source_port_input, NULL);
INPUT(direct_source_ip, "inputs.direct_source_ip", network__v3__direct_source_ipinput, NULL);
INPUT(source_type, "inputs.source_type", network__v3__source_type_input, NULL);
INPUT(server_name, "inputs.server_name", network__v3__server_name_input, NULL);
INPUT(transport_protocol, "inputs.transport_protocol", network__v3__transport_protocol_input, NULL);
INPUT(application_protocol, "inputs.application_protocol", network__v3__application_protocol_input, NULL);
INPUT(filter_state, "inputs.filter_state", network__v3__filter_state_input, compile_state);
INPUT(dynamic_metadata, "inputs.dynamic_metadata", network__v3__dynamic_metadata_input, compile_metadata);
INPUT(uri_san, "inputs.uri_san", ssl__v3__uri_san_input, NULL);
INPUT(dns_san, "inputs.dns_san", ssl__v3__dns_san_input, NULL);
INPUT(subject, "inputs.subject", ssl__v3__subject_input, NULL);
INPUT(environment, "common_inputs.environment_variable", environment_variable__v3__config,
    compile_environment);
