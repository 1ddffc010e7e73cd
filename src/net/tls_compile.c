/*
 * tls_compile.c: a TLS context of the configuration becomes a conf in the image. What the library
 * would refuse (ciphers, curves) is tried on a context of its own, so that a worker never meets it.
 */
#include "net/tls_compile_priv.h"

#include "api/message.h"
#include "net/tls_certs.h"

#include <openssl/err.h>

typedef Envoy__Extensions__TransportSockets__Tls__V3__UpstreamTlsContext    upstream_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext  downstream_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsParameters         params_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsKeyLog             key_log_t;

#define JOIN(a, b)      a##b
#define V3(rest)        JOIN(ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__, rest)
#define COMMON(kind)    V3(COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_##kind)
#define TICKETS(kind)   V3(DOWNSTREAM_TLS_CONTEXT__SESSION_TICKET_KEYS_TYPE_##kind)

#define DEFAULT_CIPHERS  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"  \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"  \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define DEFAULT_GROUPS  "X25519:P-256"
#define FIPS_CIPHERS  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"  \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define FIPS_GROUPS     "P-256:P-384"
#define FIPS_SIGALGS  \
    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512:ecdsa_secp256r1_sha256:"  \
    "ecdsa_secp384r1_sha384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512"

static SSL_CTX  *trial;                         /* what lists are tried on; one per process */


/* ---- versions and algorithms ---- */

static int
version_of(int protocol)
{
    static const int  versions[] = { 0, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
                                     TLS1_3_VERSION };

    return (unsigned) protocol < NC_COUNTOF(versions) ? versions[protocol] : 0;
}


static bool
cipher_is_good(const char *name)
{
    return SSL_CTX_set_cipher_list(trial, name) == 1;
}


static bool
group_is_good(const char *name)
{
    return SSL_CTX_set1_groups_list(trial, name) == 1;
}


/* rsa_pss_rsae_sha256 and so on are names that the library knows, too. */
static bool
sigalg_is_good(const char *name)
{
    return SSL_CTX_set1_sigalgs_list(trial, name) == 1;
}


/* Tries one name at a time, so that the error names the ones that are wrong. */
static void
join_names(nc_compile_t *cc, const params_t *m, const char *field, char *const *names, size_t n,
    bool (*is_good)(const char *name), const char **out)
{
    nc_sb_t   sb;
    nc_str_t  rest, piece;

    nc_sb_init(&sb);

    for (size_t i = 0; i < n; i++) {
        rest = nc_str_c(names[i]);

        while (rest.len && (nc_str_split(&rest, rest.data[0] == '[' ? ']' : ':', &piece))) {
            nc_str_t  one, group = piece;

            if (piece.len && piece.data[0] == '[') {        /* "[A|B]": of the same rank */
                group = nc_str_skip(piece, 1);
            }

            while (nc_str_split(&group, '|', &one)) {
                char  *text = nc_str_dup_c(nc_str_trim(one));

                ERR_clear_error();

                if (!is_good(text)) {
                    nc_compile_error(cc, &m->base, field, "\"%s\" is not known (%s)", text,
                                     nc_tls_why());

                } else {
                    nc_sb_printf(&sb, "%s%s", sb.len ? ":" : "", text);
                }

                free(text);
            }

            if (rest.len && rest.data[0] == ':') {
                rest = nc_str_skip(rest, 1);
            }
        }
    }

    *out = nc_pool_strdup(cc->pool, nc_sb_c(&sb));
    nc_sb_fini(&sb);
}


static void
compile_fips(nc_tls_conf_t *c)
{
    c->min_version = TLS1_2_VERSION;
    c->max_version = TLS1_3_VERSION;
    c->ciphers = FIPS_CIPHERS;
    c->groups = FIPS_GROUPS;
    c->sigalgs = FIPS_SIGALGS;
}


static void
compile_params(nc_compile_t *cc, nc_tls_conf_t *c, const params_t *m)
{
    c->min_version = TLS1_2_VERSION;
    c->max_version = TLS1_3_VERSION;
    c->ciphers = DEFAULT_CIPHERS;
    c->groups = DEFAULT_GROUPS;

    if (m == NULL) {
        return;
    }

    if (m->tls_minimum_protocol_version) {
        c->min_version = version_of(m->tls_minimum_protocol_version);
    }

    if (m->tls_maximum_protocol_version) {
        c->max_version = version_of(m->tls_maximum_protocol_version);
    }

    if (c->min_version > c->max_version) {
        nc_compile_error(cc, &m->base, "tls_maximum_protocol_version",
                         "is below tls_minimum_protocol_version");
    }

    if (m->n_cipher_suites) {
        join_names(cc, m, "cipher_suites", m->cipher_suites, m->n_cipher_suites, cipher_is_good,
                   &c->ciphers);
    }

    if (m->n_ecdh_curves) {
        join_names(cc, m, "ecdh_curves", m->ecdh_curves, m->n_ecdh_curves, group_is_good,
                   &c->groups);
    }

    if (m->n_signature_algorithms) {
        join_names(cc, m, "signature_algorithms", m->signature_algorithms,
                   m->n_signature_algorithms, sigalg_is_good, &c->sigalgs);
    }

    if (m->n_compliance_policies) {
        compile_fips(c);
    }
}


static void
compile_alpn(nc_compile_t *cc, nc_tls_conf_t *c, const nc_common_msg_t *m)
{
    nc_sb_t  sb;

    nc_sb_init(&sb);

    for (size_t i = 0; i < m->n_alpn_protocols; i++) {
        nc_str_t  rest = nc_str_c(m->alpn_protocols[i]), name;

        while (nc_str_split(&rest, ',', &name)) {
            if (name.len == 0 || name.len > 255) {
                nc_compile_error(cc, &m->base, "alpn_protocols",
                                 "names of protocols have 1 to 255 bytes");
                continue;
            }

            nc_sb_char(&sb, (char) name.len);
            nc_sb_str_add(&sb, name);
        }
    }

    if (sb.len > 65535) {
        nc_compile_error(cc, &m->base, "alpn_protocols", "is too long");
    }

    c->alpn = nc_pool_str(cc->pool, nc_sb_str(&sb));
    nc_sb_fini(&sb);
}


/* ---- certificates ---- */

static const nc_tls_choice_t *
first_of_each_type(nc_pool_t *pool, const nc_tls_conf_t *c, const uint32_t *at, uint32_t n)
{
    nc_tls_choice_t  *choice = nc_pool_calloc(pool, sizeof(*choice) + n * sizeof(uint32_t));

    for (uint32_t i = 0; i < n; i++) {
        bool  seen = false;

        for (uint32_t j = 0; j < choice->n; j++) {
            seen = seen || c->certs[choice->at[j]].key_type == c->certs[at[i]].key_type;
        }

        if (!seen) {
            choice->at[choice->n++] = at[i];
        }
    }

    return choice;
}


/* The table of names, when there is something to choose: see nc_tls_conf_t.names. */
static void
index_names(nc_compile_t *cc, nc_tls_conf_t *c)
{
    typedef NC_VEC(uint32_t)  list_t;
    uint32_t  *all = nc_pool_array(cc->pool, c->n_certs + 1, sizeof(*all));
    nc_pool_t  scratch;
    nc_map_t   map;
    nc_str_t   key;
    size_t     at = 0, n = 0;
    void      *value;

    for (uint32_t i = 0; i < c->n_certs; i++) {
        all[i] = i;
    }

    c->defaults = first_of_each_type(cc->pool, c, all, c->n_certs);
    c->by_name = c->n_certs > c->defaults->n;

    if (!c->by_name) {
        return;
    }

    nc_pool_init(&scratch, &nc_pool_heap);
    nc_map_init(&map);

    for (uint32_t i = 0; i < c->n_certs; i++) {
        nc_str_t  *names;
        uint32_t   n_names;

        nc_tls_cert_names(&c->certs[i], &scratch, &names, &n_names);

        for (uint32_t j = 0; j < n_names; j++) {
            list_t  *list = nc_map_get(&map, names[j]);

            if (list == NULL) {
                list = nc_calloc(sizeof(*list));
                nc_map_set(&map, names[j], list);
                n++;
            }

            nc_vec_push(list, i);
        }
    }

    nc_table_init(&c->names, cc->pool, n);

    while (nc_map_next(&map, &at, &key, &value)) {
        list_t  *list = value;

        nc_table_add(&c->names, nc_pool_str(cc->pool, key),
                     first_of_each_type(cc->pool, c, list->items, (uint32_t) list->n));
        nc_vec_fini(list);
        free(list);
    }

    nc_map_fini(&map);
    nc_pool_fini(&scratch);
}


static void
compile_certs(nc_compile_t *cc, nc_tls_conf_t *c, const nc_common_msg_t *m, nc_pool_t *scratch)
{
    size_t          n = m->n_tls_certificates + m->n_tls_certificate_sds_secret_configs;
    nc_tls_cert_t  *certs = nc_pool_array(cc->pool, n + 1, sizeof(*certs));
    unsigned        errors = cc->errors->n;

    c->certs = certs;

    for (size_t i = 0; i < m->n_tls_certificates; i++) {
        (void) nc_tls_cert_compile(cc, m->tls_certificates[i], NULL, &certs[c->n_certs++]);
    }

    for (size_t i = 0; i < m->n_tls_certificate_sds_secret_configs; i++) {
        const nc_secret_msg_t  *s = nc_tls_secret(cc, m->tls_certificate_sds_secret_configs[i],
                                                  NC_SECRET(TLS_CERTIFICATE), scratch);

        if (s) {
            (void) nc_tls_cert_compile(cc, s->tls_certificate, s->name,
                                       &certs[c->n_certs++]);
        }
    }

    if (cc->errors->n == errors) {
        index_names(cc, c);
    }
}


static void
compile_trust(nc_compile_t *cc, nc_tls_conf_t *c, const nc_common_msg_t *m, nc_pool_t *scratch)
{
    const nc_sds_msg_t     *sds = NULL;
    const nc_trust_msg_t   *trust = NULL, *base = NULL;
    nc_trust_msg_t         *merged;

    switch (m->validation_context_type_case) {
    case COMMON(VALIDATION_CONTEXT):
        trust = m->validation_context;
        break;

    case COMMON(VALIDATION_CONTEXT_SDS_SECRET_CONFIG):
        sds = m->validation_context_sds_secret_config;
        break;

    case COMMON(COMBINED_VALIDATION_CONTEXT):
        base = m->combined_validation_context->default_validation_context;
        sds = m->combined_validation_context->validation_context_sds_secret_config;
        break;

    default:
        break;
    }

    if (sds) {
        const nc_secret_msg_t  *s = nc_tls_secret(cc, sds, NC_SECRET(VALIDATION_CONTEXT), scratch);

        if (s == NULL) {
            return;
        }

        trust = s->validation_context;
    }

    if (base) {
        merged = (nc_trust_msg_t *) (void *) nc_message_clone(scratch, &base->base);
        nc_message_merge(scratch, &merged->base, &trust->base);
        trust = merged;
    }

    if (trust) {
        (void) nc_tls_trust_compile(cc, trust, &c->trust);
    }
}


/* ---- key log ---- */

static const nc_tls_range_t *
compile_ranges(nc_compile_t *cc, Envoy__Config__Core__V3__CidrRange *const *m, size_t n)
{
    nc_tls_range_t  *ranges = nc_pool_array(cc->pool, n + 1, sizeof(*ranges));

    for (size_t i = 0; i < n; i++) {
        uint32_t  max;

        if (nc_addr_parse_ip(&ranges[i].addr, nc_str_c(m[i]->address_prefix), 0) != NC_OK) {
            nc_compile_error(cc, &m[i]->base, "address_prefix", "\"%s\" is not an IP address",
                             m[i]->address_prefix);
            continue;
        }

        max = ranges[i].addr.sa.sa_family == AF_INET ? 32 : 128;
        ranges[i].bits = m[i]->prefix_len ? m[i]->prefix_len->value : 0;

        if (ranges[i].bits > max) {
            nc_compile_error(cc, &m[i]->base, "prefix_len", "an address of this kind has %u bits",
                             max);
        }
    }

    return ranges;
}


static void
compile_key_log(nc_compile_t *cc, nc_tls_conf_t *c, const key_log_t *m)
{
    if (m == NULL) {
        return;
    }

    c->key_log = cc->log_file ? cc->log_file(cc, m->path) : 0;
    c->log_local = compile_ranges(cc, m->local_address_range, m->n_local_address_range);
    c->n_log_local = (uint32_t) m->n_local_address_range;
    c->log_remote = compile_ranges(cc, m->remote_address_range, m->n_remote_address_range);
    c->n_log_remote = (uint32_t) m->n_remote_address_range;
}


/* ---- either side ---- */

static void
compile_common(nc_compile_t *cc, nc_tls_conf_t *c, const nc_common_msg_t *m)
{
    nc_pool_t  scratch;

    nc_pool_init(&scratch, &nc_pool_heap);
    compile_params(cc, c, m ? m->tls_params : NULL);

    if (m) {
        compile_alpn(cc, c, m);
        compile_certs(cc, c, m, &scratch);
        compile_trust(cc, c, m, &scratch);
        compile_key_log(cc, c, m->key_log);
    }

    nc_pool_fini(&scratch);
}


static void
compile_ticket_keys(nc_compile_t *cc, nc_tls_conf_t *c, const nc_keys_msg_t *m)
{
    nc_str_t  *keys = nc_pool_array(cc->pool, m->n_keys, sizeof(*keys));

    for (size_t i = 0; i < m->n_keys; i++) {
        if (nc_tls_read(cc, m->keys[i], NC_TLS_FILE_MAX, cc->pool, &keys[i]) == NC_OK
            && keys[i].len != NC_TLS_TICKET_KEY)
        {
            nc_compile_error(cc, &m->keys[i]->base, "", "a session ticket key has %u bytes, "
                             "this one has %zu", NC_TLS_TICKET_KEY, keys[i].len);
        }
    }

    c->ticket_keys = keys;
    c->n_ticket_keys = (uint32_t) m->n_keys;
}


static void
compile_tickets(nc_compile_t *cc, nc_tls_conf_t *c, const downstream_t *m)
{
    const nc_secret_msg_t  *s;
    nc_pool_t               scratch;

    switch (m->session_ticket_keys_type_case) {
    case TICKETS(SESSION_TICKET_KEYS):
        compile_ticket_keys(cc, c, m->session_ticket_keys);
        break;

    case TICKETS(SESSION_TICKET_KEYS_SDS_SECRET_CONFIG):
        nc_pool_init(&scratch, &nc_pool_heap);
        s = nc_tls_secret(cc, m->session_ticket_keys_sds_secret_config,
                          NC_SECRET(SESSION_TICKET_KEYS), &scratch);

        if (s) {
            compile_ticket_keys(cc, c, s->session_ticket_keys);
        }

        nc_pool_fini(&scratch);
        break;

    case TICKETS(DISABLE_STATELESS_SESSION_RESUMPTION):
        c->no_tickets = m->disable_stateless_session_resumption;
        break;

    default:
        break;
    }

    c->no_session_ids = m->disable_stateful_session_resumption;
    c->session_timeout_s = (uint32_t) NC_MIN(nc_duration_ms(m->session_timeout, 0) / 1000,
                                             (uint64_t) INT32_MAX);
}


/* What the policy demands of every certificate; a certificate may demand a staple itself. */
static void
check_ocsp(nc_compile_t *cc, const nc_tls_conf_t *c, const downstream_t *m)
{
    for (uint32_t i = 0; i < c->n_certs; i++) {
        if (c->certs[i].ocsp.len) {
            continue;
        }

        if (c->certs[i].must_staple) {
            nc_compile_error(cc, &m->base, "common_tls_context.tls_certificates",
                             "OCSP response is required for must-staple certificate");

        } else if (c->ocsp_policy == NC_OCSP_MUST) {
            nc_compile_error(cc, &m->base, "ocsp_staple_policy",
                             "Required OCSP response is missing from TLS context");
        }
    }
}


static void
compile_downstream(nc_compile_t *cc, nc_tls_conf_t *c, const downstream_t *m)
{
    unsigned  errors = cc->errors->n;

    compile_common(cc, c, m->common_tls_context);
    compile_tickets(cc, c, m);
    c->require_client_cert = m->require_client_certificate && m->require_client_certificate->value;
    c->full_scan = m->full_scan_certs_on_sni_mismatch
                   && m->full_scan_certs_on_sni_mismatch->value;
    c->prefer_client_ciphers = m->prefer_client_ciphers;
    c->ocsp_policy = (nc_ocsp_policy_t) m->ocsp_staple_policy;

    if (cc->errors->n == errors && c->n_certs == 0) {
        nc_compile_error(cc, &m->base, "common_tls_context",
                         "No TLS certificates found for server context");
    }

    if (cc->errors->n == errors) {
        check_ocsp(cc, c, m);
    }
}


static void
compile_upstream(nc_compile_t *cc, nc_tls_conf_t *c, const upstream_t *m)
{
    c->client = true;
    compile_common(cc, c, m->common_tls_context);
    c->sni = m->sni[0] ? nc_pool_strdup(cc->pool, m->sni) : NULL;
    c->auto_host_sni = m->auto_host_sni;
    c->auto_sni_san = m->auto_sni_san_validation;
    c->allow_renegotiation = m->allow_renegotiation;
    c->rsa_key_usage = m->enforce_rsa_key_usage ? m->enforce_rsa_key_usage->value : true;
    c->max_sessions = m->max_session_keys ? m->max_session_keys->value : 1;

    if (c->n_certs > 1) {
        nc_compile_error(cc, &m->base, "common_tls_context.tls_certificates",
                         "Multiple TLS certificates are not supported for client contexts");
    }

    if (c->auto_sni_san && !c->trust.given) {
        nc_compile_error(cc, &m->base, "auto_sni_san_validation",
                         "was configured without a validation context");
    }
}


static void
compile_stats(nc_compile_t *cc, nc_tls_conf_t *c)
{
    nc_sb_t  prefix;

    nc_sb_init(&prefix);
    nc_sb_printf(&prefix, NC_STR_FMT "%sssl", NC_STR_ARG(cc->scope), cc->scope.len ? "." : "");
    nc_tls_stats_init(&c->stats, cc->stats, nc_sb_str(&prefix));
    nc_tls_used_stats_init(&c->used, cc->stats, nc_sb_str(&prefix));
    nc_sb_fini(&prefix);
}


/* ---- digests ---- */

static void
add_bytes(EVP_MD_CTX *h, const void *data, size_t n)
{
    uint64_t  len = n;

    EVP_DigestUpdate(h, &len, sizeof(len));
    EVP_DigestUpdate(h, data, n);
}


static void
add_strs(EVP_MD_CTX *h, const nc_str_t *s, uint32_t n)
{
    EVP_DigestUpdate(h, &n, sizeof(n));

    for (uint32_t i = 0; i < n; i++) {
        add_bytes(h, s[i].data, s[i].len);
    }
}


static void
add_text(EVP_MD_CTX *h, const char *s)
{
    add_bytes(h, s ? s : "", s ? strlen(s) : 0);
}


static void
add_trust(EVP_MD_CTX *h, const nc_tls_trust_t *t)
{
    int  flags[] = { t->given, t->system_roots, t->allow_expired, t->accept_untrusted,
                     t->leaf_crl_only, t->max_depth };

    add_bytes(h, flags, sizeof(flags));
    add_strs(h, t->ca, t->n_ca);
    add_strs(h, t->crls, t->n_crls);
    add_strs(h, t->hashes, t->n_hashes);
    add_strs(h, t->spkis, t->n_spkis);

    for (uint32_t i = 0; i < t->n_sans; i++) {
        const nc_san_matcher_t  *s = &t->sans[i];
        int                      what[] = { (int) s->type, (int) s->how, s->ignore_case };

        add_bytes(h, what, sizeof(what));
        add_bytes(h, s->text.data, s->text.len);
        add_bytes(h, s->oid.data, s->oid.len);
    }
}


/*
 * Sessions are taken up only where a full handshake would ask the same of the client, and the
 * server is the same to it.
 */
static void
make_session_id(nc_tls_conf_t *c)
{
    EVP_MD_CTX  *h = EVP_MD_CTX_new();
    int          flags[] = { c->client, c->require_client_cert };
    nc_pool_t    scratch;

    nc_pool_init(&scratch, &nc_pool_heap);
    EVP_DigestInit_ex(h, EVP_sha256(), NULL);
    add_bytes(h, flags, sizeof(flags));
    add_trust(h, &c->trust);

    for (uint32_t i = 0; i < c->n_certs; i++) {
        nc_str_t  *names;
        uint32_t   n;

        nc_tls_cert_names(&c->certs[i], &scratch, &names, &n);
        add_strs(h, names, n);
    }

    EVP_DigestFinal_ex(h, c->session_id, NULL);
    EVP_MD_CTX_free(h);
    nc_pool_fini(&scratch);
}


static void
add_ranges(EVP_MD_CTX *h, const nc_tls_range_t *r, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        add_bytes(h, &r[i].addr.un, r[i].addr.len);
        add_bytes(h, &r[i].bits, sizeof(r[i].bits));
    }
}


static void
make_digest(nc_tls_conf_t *c)
{
    EVP_MD_CTX  *h = EVP_MD_CTX_new();
    int          flags[] = { c->client, c->min_version, c->max_version, c->require_client_cert,
                             c->no_tickets, c->no_session_ids, c->full_scan,
                             c->prefer_client_ciphers, (int) c->ocsp_policy,
                             (int) c->session_timeout_s, c->auto_host_sni, c->auto_sni_san,
                             c->allow_renegotiation, c->rsa_key_usage, (int) c->max_sessions,
                             (int) c->key_log };

    EVP_DigestInit_ex(h, EVP_sha256(), NULL);
    add_bytes(h, flags, sizeof(flags));
    add_bytes(h, c->session_id, sizeof(c->session_id));
    add_text(h, c->ciphers);
    add_text(h, c->groups);
    add_text(h, c->sigalgs);
    add_text(h, c->sni);
    add_bytes(h, c->alpn.data, c->alpn.len);
    add_strs(h, c->ticket_keys, c->n_ticket_keys);
    add_ranges(h, c->log_local, c->n_log_local);
    add_ranges(h, c->log_remote, c->n_log_remote);

    for (uint32_t i = 0; i < c->n_certs; i++) {
        add_strs(h, c->certs[i].chain, c->certs[i].n_chain);
        add_bytes(h, c->certs[i].key.data, c->certs[i].key.len);
        add_bytes(h, c->certs[i].ocsp.data, c->certs[i].ocsp.len);
    }

    EVP_DigestFinal_ex(h, c->digest, NULL);
    EVP_MD_CTX_free(h);
}


const nc_tls_conf_t *
nc_tls_compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    nc_tls_conf_t  *c = nc_pool_new(cc->pool, nc_tls_conf_t);
    unsigned        errors = cc->errors->n;

    if (trial == NULL) {
        trial = SSL_CTX_new(TLS_method());
        NC_CHECK(trial != NULL);
    }

    c->slot = cc->slot;
    c->trust.max_depth = -1;

    if (message->descriptor
        == &envoy__extensions__transport_sockets__tls__v3__upstream_tls_context__descriptor)
    {
        compile_upstream(cc, c, (const void *) message);

    } else {
        compile_downstream(cc, c, (const void *) message);
    }

    if (cc->errors->n > errors) {
        return NULL;
    }

    make_session_id(c);
    make_digest(c);
    compile_stats(cc, c);
    nc_tls_expiry_gauges(cc, c);
    c->first_expiry = nc_tls_first_expiry(c);

    return c;
}
