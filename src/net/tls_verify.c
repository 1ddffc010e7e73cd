/*
 * tls_verify.c: whether a peer's certificate is believed: the chain to a trusted authority, lists
 * of revoked certificates, hashes, names.
 *
 * Invariant: what cannot be judged (malformed names, a regular expression at its limit) does not
 * match, and no match is a refusal.
 */
#include "net/tls_priv.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>


/* ---- names ---- */

/* A name of a certificate, "*" standing for its whole first label, against a wanted one. */
static bool
dns_match(nc_str_t wanted, nc_str_t name)
{
    ssize_t  dot;

    if (nc_str_caseeq(wanted, name)) {
        return true;
    }

    if (!nc_str_starts(name, NC_STR("*.")) || name.len < 4) {
        return false;
    }

    dot = nc_str_chr(wanted, '.');

    return dot > 0 && nc_str_caseeq(nc_str_skip(wanted, (size_t) dot), nc_str_skip(name, 1));
}


static bool
contains_fold(nc_str_t s, nc_str_t part)
{
    for (size_t i = 0; i + part.len <= s.len; i++) {
        if (nc_str_caseeq(nc_str(s.data + i, part.len), part)) {
            return true;
        }
    }

    return false;
}


static bool
text_match(const nc_san_matcher_t *m, nc_str_t s)
{
    switch (m->how) {
    case NC_SAN_EXACT:
        if (m->type == NC_SAN_DNS) {
            return dns_match(m->text, s);
        }

        return m->ignore_case ? nc_str_caseeq(s, m->text) : nc_str_eq(s, m->text);

    case NC_SAN_PREFIX:
        return m->ignore_case ? nc_str_casestarts(s, m->text) : nc_str_starts(s, m->text);

    case NC_SAN_SUFFIX:
        return m->ignore_case ? nc_str_caseends(s, m->text) : nc_str_ends(s, m->text);

    case NC_SAN_CONTAINS:
        return m->ignore_case ? contains_fold(s, m->text) : nc_str_find(s, m->text) >= 0;

    case NC_SAN_REGEX:
        return nc_regex_match(m->regex, s);
    }

    return false;
}


static nc_str_t
string_of(const ASN1_STRING *s)
{
    nc_str_t  out = NC_STR_NULL;

    if (s) {
        out = nc_str((const char *) ASN1_STRING_get0_data(s), (size_t) ASN1_STRING_length(s));

        if (out.len && memchr(out.data, '\0', out.len)) {
            out = NC_STR_NULL;                  /* a name with a NUL in it is no name */
        }
    }

    return out;
}


nc_str_t
nc_tls_san_text(const GENERAL_NAME *g, char *memory, size_t size)
{
    const ASN1_TYPE  *value;

    switch (g->type) {
    case GEN_DNS:
        return string_of(g->d.dNSName);

    case GEN_URI:
        return string_of(g->d.uniformResourceIdentifier);

    case GEN_EMAIL:
        return string_of(g->d.rfc822Name);

    case GEN_IPADD:
        if (g->d.iPAddress->length != 4 && g->d.iPAddress->length != 16) {
            return NC_STR_NULL;
        }

        inet_ntop(g->d.iPAddress->length == 4 ? AF_INET : AF_INET6, g->d.iPAddress->data, memory,
                  (socklen_t) size);
        return nc_str_c(memory);

    case GEN_OTHERNAME:
        value = g->d.otherName->value;

        switch (value->type) {
        case V_ASN1_UTF8STRING:
        case V_ASN1_IA5STRING:
        case V_ASN1_PRINTABLESTRING:
        case V_ASN1_T61STRING:
        case V_ASN1_VISIBLESTRING:
        case V_ASN1_OCTET_STRING:
            return string_of(value->value.asn1_string);
        default:
            return NC_STR_NULL;
        }

    default:
        return NC_STR_NULL;
    }
}


static int
general_type(nc_san_t type)
{
    static const int  types[] = { [NC_SAN_EMAIL] = GEN_EMAIL, [NC_SAN_DNS] = GEN_DNS,
                                  [NC_SAN_URI] = GEN_URI, [NC_SAN_IP] = GEN_IPADD,
                                  [NC_SAN_OTHER] = GEN_OTHERNAME };

    return types[type];
}


static bool
oid_match(const GENERAL_NAME *g, nc_str_t oid)
{
    char  text[128];
    int   n = OBJ_obj2txt(text, sizeof(text), g->d.otherName->type_id, 1);

    return n > 0 && (size_t) n < sizeof(text) && nc_str_eq(nc_str(text, (size_t) n), oid);
}


static bool
sans_match(X509 *x, const nc_san_matcher_t *m, uint32_t n)
{
    GENERAL_NAMES  *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    char            memory[64];
    bool            found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME  *g = sk_GENERAL_NAME_value(sans, i);
        nc_str_t             text = nc_tls_san_text(g, memory, sizeof(memory));

        for (uint32_t j = 0; !found && text.data && j < n; j++) {
            found = general_type(m[j].type) == g->type
                    && (m[j].type != NC_SAN_OTHER || oid_match(g, m[j].oid))
                    && text_match(&m[j], text);
        }
    }

    GENERAL_NAMES_free(sans);

    return found;
}


/* ---- hashes ---- */

static bool
among(const nc_str_t *list, uint32_t n, const unsigned char *digest)
{
    for (uint32_t i = 0; i < n; i++) {
        if (memcmp(list[i].data, digest, 32) == 0) {
            return true;
        }
    }

    return false;
}


static bool
hash_match(X509 *x, const nc_tls_trust_t *trust)
{
    unsigned char   digest[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned        len;
    int             n;
    bool            found = false;

    if (trust->n_hashes && X509_digest(x, EVP_sha256(), digest, &len)
        && among(trust->hashes, trust->n_hashes, digest))
    {
        return true;
    }

    n = trust->n_spkis ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : 0;

    if (n > 0) {
        found = EVP_Digest(der, (size_t) n, digest, &len, EVP_sha256(), NULL)
                && among(trust->spkis, trust->n_spkis, digest);
        OPENSSL_free(der);
    }

    return found;
}


/* ---- the verdict ---- */

/* With accept_untrusted nothing is refused, but a peer that would have been is not "validated". */
static int
refuse(nc_tls_t *t, X509_STORE_CTX *store, int error, nc_counter_t counter, const char *why)
{
    if (t->conf->trust.accept_untrusted) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }

    nc_counter_inc(counter);
    t->verify_error = why;
    X509_STORE_CTX_set_error(store, error);

    return 0;
}


/* The key of a server's RSA certificate must be one for what the handshake used it for. */
static bool
key_usage_is_wrong(const nc_tls_t *t, X509 *x)
{
    const EVP_PKEY  *key = X509_get0_pubkey(x);

    return t->client && key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA
           && X509_get_extension_flags(x) & EXFLAG_KUSAGE
           && !(X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE);
}


static int
verify(X509_STORE_CTX *store, void *arg)
{
    SSL                   *ssl = X509_STORE_CTX_get_ex_data(store,
                                     SSL_get_ex_data_X509_STORE_CTX_idx());
    nc_tls_t              *t = nc_tls_of(ssl);
    const nc_tls_conf_t   *conf = t->conf;
    const nc_tls_trust_t  *trust = &conf->trust;
    const char            *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509                  *x = X509_STORE_CTX_get0_cert(store);

    (void) arg;
    t->validated = false;

    if (key_usage_is_wrong(t, x)) {
        nc_counter_inc(conf->stats.was_key_usage_invalid);

        if (conf->rsa_key_usage) {
            t->verify_error = "KEY_USAGE_BIT_INCORRECT";
            X509_STORE_CTX_set_error(store, X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE);
            return 0;
        }
    }

    if ((trust->n_ca || trust->system_roots) && X509_verify_cert(store) != 1) {
        return refuse(t, store, X509_STORE_CTX_get_error(store), conf->stats.fail_verify_error,
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    }

    if ((trust->n_hashes || trust->n_spkis) && !hash_match(x, trust)) {
        return refuse(t, store, X509_V_ERR_APPLICATION_VERIFICATION,
                      conf->stats.fail_verify_cert_hash, "cert hash is not in the list");
    }

    if (t->check_sni && sni) {
        nc_san_matcher_t  m = { .type = NC_SAN_DNS, .how = NC_SAN_EXACT, .text = nc_str_c(sni) };

        if (!sans_match(x, &m, 1)) {
            return refuse(t, store, X509_V_ERR_HOSTNAME_MISMATCH, conf->stats.fail_verify_san,
                          "SAN matcher");
        }

    } else if (trust->n_sans && !sans_match(x, trust->sans, trust->n_sans)) {
        return refuse(t, store, X509_V_ERR_HOSTNAME_MISMATCH, conf->stats.fail_verify_san,
                      "SAN matcher");
    }

    t->validated = trust->n_ca || trust->system_roots || trust->n_hashes || trust->n_spkis;
    X509_STORE_CTX_set_error(store, X509_V_OK);

    return 1;
}


static bool
fill_store(X509_STORE *store, STACK_OF(X509_NAME) *names, const nc_tls_trust_t *trust)
{
    bool  ok = true;

    for (uint32_t i = 0; ok && i < trust->n_ca; i++) {
        const unsigned char  *at = (const unsigned char *) trust->ca[i].data;
        X509                 *x = d2i_X509(NULL, &at, (long) trust->ca[i].len);

        ok = x && X509_STORE_add_cert(store, x);

        if (ok && names) {
            sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(x)));
        }

        X509_free(x);
    }

    for (uint32_t i = 0; ok && i < trust->n_crls; i++) {
        const unsigned char  *at = (const unsigned char *) trust->crls[i].data;
        X509_CRL             *crl = d2i_X509_CRL(NULL, &at, (long) trust->crls[i].len);

        ok = crl && X509_STORE_add_crl(store, crl);
        X509_CRL_free(crl);
    }

    return ok;
}


nc_rc_t
nc_tls_verify_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf)
{
    const nc_tls_trust_t  *trust = &conf->trust;
    X509_STORE            *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509_NAME)   *names = conf->client ? NULL : sk_X509_NAME_new_null();
    unsigned long          flags = X509_V_FLAG_PARTIAL_CHAIN;
    int                    mode = SSL_VERIFY_NONE;

    if (trust->system_roots && !X509_STORE_set_default_paths(store)) {
        sk_X509_NAME_free(names);
        return NC_ERROR;
    }

    if (!fill_store(store, names, trust)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return NC_ERROR;
    }

    if (trust->n_crls) {
        flags |= X509_V_FLAG_CRL_CHECK | (trust->leaf_crl_only ? 0 : X509_V_FLAG_CRL_CHECK_ALL);
    }

    flags |= trust->allow_expired ? X509_V_FLAG_NO_CHECK_TIME : 0;
    X509_STORE_set_flags(store, flags);

    if (trust->max_depth >= 0) {
        SSL_CTX_set_verify_depth(ctx, trust->max_depth);
    }

    if (conf->client || conf->require_client_cert || trust->given) {
        mode = SSL_VERIFY_PEER;
    }

    if (conf->require_client_cert) {
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }

    SSL_CTX_set_verify(ctx, mode, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);

    if (names) {
        SSL_CTX_set_client_CA_list(ctx, names);
    }

    return NC_OK;
}
