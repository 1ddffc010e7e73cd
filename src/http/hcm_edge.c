/*
 * hcm_edge.c: compiles what a connection manager makes of the two ends of a request: whose it is,
 * how it is named, what it may say of itself, and what our own answers look like.
 */
#include "http/hcm_priv.h"
#include "http/manager.h"

typedef Envoy__Config__Core__V3__TypedExtensionConfig  extension_t;

#define PROXY_NAME(name)  NC_HCM_ENUM(PROXY_STATUS_CONFIG__PROXY_NAME_##name)
#define SCHEME(name)  \
    ENVOY__CONFIG__CORE__V3__SCHEME_HEADER_TRANSFORMATION__TRANSFORMATION_##name


static nc_filter_ref_t *
compile_extensions(nc_compile_t *cc, nc_kind_t kind, extension_t *const *msgs, size_t n,
    uint32_t *n_out)
{
    nc_filter_ref_t  *refs = nc_pool_array(cc->pool, n, sizeof(*refs));

    for (size_t i = 0; i < n; i++) {
        nc_filter_ref_t  *r = &refs[*n_out];

        r->name = nc_hcm_copy(cc, msgs[i]->name);
        r->conf = cc->extension(cc, kind, msgs[i]->name,
                                (const ProtobufCMessage *) msgs[i]->typed_config, &r->module);

        if (r->module && r->conf) {
            ++*n_out;
        }
    }

    return refs;
}


static void
compile_addresses(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    c->use_remote_address = nc_bool_or(m->use_remote_address, false);
    c->xff_trusted_hops = m->xff_num_trusted_hops;
    c->skip_xff_append = m->skip_xff_append;
    c->append_port = m->append_x_forwarded_port;
    c->mapped_ipv6 = m->represent_ipv4_remote_address_as_ipv4_mapped_ipv6;

    c->ip_detections = compile_extensions(cc, NC_IP_DETECTION,
                                          m->original_ip_detection_extensions,
                                          m->n_original_ip_detection_extensions,
                                          &c->n_ip_detections);

    if (m->n_original_ip_detection_extensions > 0
        && (c->use_remote_address || c->xff_trusted_hops > 0))
    {
        nc_compile_error(cc, &m->base, "original_ip_detection_extensions",
                         "cannot be set together with use_remote_address or "
                         "xff_num_trusted_hops");
    }

    if (m->internal_address_config) {
        c->internal_unix = m->internal_address_config->unix_sockets;
        (void) nc_cidrs_compile(cc, m->internal_address_config->cidr_ranges,
                                m->internal_address_config->n_cidr_ranges, &c->internal);
    }
}


static void
compile_request_id(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    const nc_request_id_conf_t  *conf;
    const nc_module_t           *module = NULL;

    c->generate_request_id = nc_bool_or(m->generate_request_id, true);
    c->preserve_request_id = m->preserve_external_request_id;
    c->request_id_in_response = m->always_set_request_id_in_response;
    c->pack_trace_reason = true;

    if (m->request_id_extension == NULL || m->request_id_extension->typed_config == NULL) {
        return;
    }

    conf = cc->extension(cc, NC_REQUEST_ID, "request_id_extension",
                         (const ProtobufCMessage *) m->request_id_extension->typed_config,
                         &module);

    if (conf) {
        c->pack_trace_reason = conf->pack_trace_reason;
    }
}


static void
compile_client_cert(nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    c->client_cert = (nc_xfcc_t) m->forward_client_cert_details;

    if (m->set_current_client_cert_details) {
        c->client_cert_details = (nc_xfcc_details_t) {
            .subject = nc_bool_or(m->set_current_client_cert_details->subject, false),
            .cert = m->set_current_client_cert_details->cert,
            .chain = m->set_current_client_cert_details->chain,
            .dns = m->set_current_client_cert_details->dns,
            .uri = m->set_current_client_cert_details->uri
        };
    }
}


static void
compile_proxy_status(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    nc_proxy_status_t  *p;

    if (m->proxy_status_config == NULL) {
        return;
    }

    p = nc_pool_new(cc->pool, nc_proxy_status_t);
    p->remove_details = m->proxy_status_config->remove_details;
    p->remove_termination_details = m->proxy_status_config->remove_connection_termination_details;
    p->remove_flags = m->proxy_status_config->remove_response_flags;
    p->set_status = m->proxy_status_config->set_recommended_response_code;
    p->name = c->server_name;

    switch (m->proxy_status_config->proxy_name_case) {
    case PROXY_NAME(USE_NODE_ID):
        p->use_node_id = m->proxy_status_config->use_node_id;
        break;
    case PROXY_NAME(LITERAL_PROXY_NAME):
        p->name = nc_hcm_copy(cc, m->proxy_status_config->literal_proxy_name);
        break;
    default:
        break;
    }

    c->proxy_status = p;
}


static void
compile_scheme(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    if (m->scheme_header_transformation
        && m->scheme_header_transformation->transformation_case == SCHEME(SCHEME_TO_OVERWRITE))
    {
        c->scheme = nc_hcm_copy(cc, m->scheme_header_transformation->scheme_to_overwrite);
    }
}


void
nc_hcm_compile_edge(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    c->server_name = m->server_name[0] ? nc_hcm_copy(cc, m->server_name) : NC_STR("envoy");
    c->server_header = (nc_server_header_t) m->server_header_transformation;
    c->via = nc_hcm_copy(cc, m->via);
    c->add_user_agent = nc_bool_or(m->add_user_agent, false);

    compile_addresses(cc, c, m);
    compile_request_id(cc, c, m);
    compile_client_cert(c, m);
    compile_proxy_status(cc, c, m);
    compile_scheme(cc, c, m);

    c->early_mutations = compile_extensions(cc, NC_EARLY_MUTATION,
                                            m->early_header_mutation_extensions,
                                            m->n_early_header_mutation_extensions,
                                            &c->n_early_mutations);
    c->local_reply = nc_local_reply_compile(cc, m->local_reply_config);
}
