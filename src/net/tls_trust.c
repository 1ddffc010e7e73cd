/* tls_trust.c: compiles CertificateValidationContext: whom to believe. */
#include "net/tls_compile_priv.h"

#include "envoy/type/matcher/v3/string.pb-c.h"

#include <openssl/err.h>
#include <openssl/pem.h>

typedef Envoy__Extensions__TransportSockets__Tls__V3__SubjectAltNameMatcher  san_msg_t;
typedef Envoy__Type__Matcher__V3__StringMatcher                              string_msg_t;

#define STRING(kind)    ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_##kind

typedef NC_VEC(nc_str_t)  strs_t;


static nc_str_t
keep(nc_compile_t *cc, unsigned char *der, int n)
{
    nc_str_t  s = nc_pool_str(cc->pool, nc_str((const char *) der, (size_t) NC_MAX(n, 0)));

    OPENSSL_free(der);

    return s;
}


static const nc_str_t *
freeze(nc_compile_t *cc, strs_t *v, uint32_t *n)
{
    nc_str_t  *items = nc_pool_array(cc->pool, v->n + 1, sizeof(*items));

    if (v->n) {
        memcpy(items, v->items, v->n * sizeof(*items));
    }

    *n = (uint32_t) v->n;
    nc_vec_fini(v);

    return items;
}


/* A bundle may hold lists of revoked certificates beside certificates. */
static void
read_bundle(nc_compile_t *cc, const nc_trust_msg_t *m, const char *field,
    const nc_source_msg_t *source, strs_t *certs, strs_t *crls)
{
    nc_pool_t         scratch;
    nc_str_t          pem;
    BIO              *bio;
    STACK_OF(X509_INFO)  *items;
    size_t            before = certs->n + crls->n;

    nc_pool_init(&scratch, &nc_pool_heap);

    if (nc_tls_read(cc, source, NC_TLS_CA_MAX, &scratch, &pem) != NC_OK) {
        nc_pool_fini(&scratch);
        return;
    }

    ERR_clear_error();
    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    items = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);

    for (int i = 0; i < sk_X509_INFO_num(items); i++) {
        const X509_INFO  *info = sk_X509_INFO_value(items, i);
        unsigned char    *der = NULL;
        int               n;

        if (info->x509) {
            n = i2d_X509(info->x509, &der);
            nc_vec_push(certs, keep(cc, der, n));
        }

        if (info->crl) {
            der = NULL;
            n = i2d_X509_CRL(info->crl, &der);
            nc_vec_push(crls, keep(cc, der, n));
        }
    }

    if (items == NULL || certs->n + crls->n == before) {
        nc_compile_error(cc, &m->base, field, "holds nothing readable in PEM (%s)", nc_tls_why());
    }

    ERR_clear_error();
    sk_X509_INFO_pop_free(items, X509_INFO_free);
    BIO_free(bio);
    nc_pool_fini(&scratch);
}


static void
read_hashes(nc_compile_t *cc, const nc_trust_msg_t *m, nc_tls_trust_t *t)
{
    nc_str_t  *hashes = nc_pool_array(cc->pool, m->n_verify_certificate_hash + 1, sizeof(*hashes));
    nc_str_t  *spkis = nc_pool_array(cc->pool, m->n_verify_certificate_spki + 1, sizeof(*spkis));

    for (size_t i = 0; i < m->n_verify_certificate_hash; i++) {
        char    *out = nc_pool_alloc(cc->pool, 32);
        size_t   n = 0;
        bool     bad = false;

        for (const char *p = m->verify_certificate_hash[i]; *p && !bad; p++) {
            int  d = nc_hex_value(*p);

            if (*p == ':' && n % 2 == 0) {
                continue;
            }

            bad = d < 0 || n == 64;

            if (!bad) {
                out[n / 2] = (char) (n % 2 ? (out[n / 2] | d) : d << 4);
                n++;
            }
        }

        if (bad || n != 64) {
            nc_compile_error(cc, &m->base, "verify_certificate_hash",
                             "\"%s\" is no SHA-256 in hexadecimal", m->verify_certificate_hash[i]);
        }

        hashes[t->n_hashes++] = nc_str(out, 32);
    }

    for (size_t i = 0; i < m->n_verify_certificate_spki; i++) {
        unsigned char  *out = nc_pool_alloc(cc->pool, 64);
        const char     *text = m->verify_certificate_spki[i];

        if (strlen(text) != 44
            || EVP_DecodeBlock(out, (const unsigned char *) text, 44) != 33 || text[43] != '='
            || text[42] == '=')
        {
            nc_compile_error(cc, &m->base, "verify_certificate_spki",
                             "\"%s\" is no SHA-256 in base64", text);
        }

        spkis[t->n_spkis++] = nc_str((const char *) out, 32);
    }

    t->hashes = hashes;
    t->spkis = spkis;
}


static void
set_text(nc_compile_t *cc, nc_san_matcher_t *s, nc_san_how_t how, const char *text, bool fold)
{
    s->how = how;
    s->ignore_case = fold;
    s->text = nc_pool_str(cc->pool, nc_str_c(text));
}


static void
compile_string(nc_compile_t *cc, nc_san_matcher_t *s, const string_msg_t *m)
{
    nc_sb_t  why;

    switch (m->match_pattern_case) {
    case STRING(EXACT):
        set_text(cc, s, NC_SAN_EXACT, m->exact, m->ignore_case);
        break;

    case STRING(PREFIX):
        set_text(cc, s, NC_SAN_PREFIX, m->prefix, m->ignore_case);
        break;

    case STRING(SUFFIX):
        set_text(cc, s, NC_SAN_SUFFIX, m->suffix, m->ignore_case);
        break;

    case STRING(CONTAINS):
        set_text(cc, s, NC_SAN_CONTAINS, m->contains, m->ignore_case);
        break;

    case STRING(SAFE_REGEX):
        nc_sb_init(&why);
        set_text(cc, s, NC_SAN_REGEX, m->safe_regex->regex, false);
        s->regex = nc_regex_compile(cc->pool, s->text, NC_REGEX_WHOLE, &why);

        if (s->regex == NULL) {
            nc_compile_error(cc, &m->base, "safe_regex.regex", "not a regular expression: "
                             NC_STR_FMT, NC_STR_ARG(nc_sb_str(&why)));
        }

        nc_sb_fini(&why);
        break;

    default:
        nc_compile_error(cc, &m->base, "", "a pattern is required");
        break;
    }
}


static void
compile_sans(nc_compile_t *cc, const nc_trust_msg_t *m, nc_tls_trust_t *t)
{
    size_t             n = m->n_match_typed_subject_alt_names + m->n_match_subject_alt_names * 4;
    nc_san_matcher_t  *sans = nc_pool_array(cc->pool, n + 1, sizeof(*sans));

    t->sans = sans;

    for (size_t i = 0; i < m->n_match_typed_subject_alt_names; i++) {
        const san_msg_t   *s = m->match_typed_subject_alt_names[i];
        nc_san_matcher_t  *to = &sans[t->n_sans++];
        ASN1_OBJECT       *oid;

        to->type = (nc_san_t) s->san_type;
        to->oid = nc_pool_str(cc->pool, nc_str_c(s->oid));
        compile_string(cc, to, s->matcher);

        if (to->type == NC_SAN_OTHER) {
            oid = OBJ_txt2obj(s->oid, 1);

            if (oid == NULL) {
                nc_compile_error(cc, &s->base, "oid", s->oid[0] ? "\"%s\" is no object identifier"
                                 : "is required for OTHER_NAME%s", s->oid);
            }

            ASN1_OBJECT_free(oid);
        }
    }

    /* The older list says nothing of types: names, URIs, addresses and mail addresses are tried. */
    for (size_t i = 0; i < m->n_match_subject_alt_names; i++) {
        for (int type = NC_SAN_EMAIL; type <= NC_SAN_IP; type++) {
            nc_san_matcher_t  *to = &sans[t->n_sans++];

            to->type = (nc_san_t) type;
            compile_string(cc, to, m->match_subject_alt_names[i]);
        }
    }
}


nc_rc_t
nc_tls_trust_compile(nc_compile_t *cc, const nc_trust_msg_t *m, nc_tls_trust_t *t)
{
    strs_t    certs = NC_VEC_INIT, crls = NC_VEC_INIT;
    unsigned  errors = cc->errors->n;
    bool      has_ca = m->trusted_ca || m->system_root_certs;

    t->given = true;
    t->system_roots = m->system_root_certs != NULL;
    t->allow_expired = m->allow_expired_certificate;
    t->accept_untrusted = m->trust_chain_verification != 0;
    t->leaf_crl_only = m->only_verify_leaf_cert_crl;
    t->max_depth = m->max_verify_depth ? (int) m->max_verify_depth->value : -1;

    if (m->trusted_ca) {
        t->ca_path = nc_tls_path(m->trusted_ca, cc->pool);
        read_bundle(cc, m, "trusted_ca", m->trusted_ca, &certs, &crls);
    }

    if (m->crl) {
        read_bundle(cc, m, "crl", m->crl, &certs, &crls);
    }

    t->ca = freeze(cc, &certs, &t->n_ca);
    t->crls = freeze(cc, &crls, &t->n_crls);
    read_hashes(cc, m, t);
    compile_sans(cc, m, t);

    if (m->watched_directory && cc->depends) {
        cc->depends(cc, "", m->watched_directory->path);
    }

    if (t->n_sans && !has_ca) {
        nc_compile_error(cc, &m->base, "match_typed_subject_alt_names",
                         "SAN-based verification of peer certificates without trusted CA is "
                         "insecure and not allowed");
    }

    if (t->allow_expired && !has_ca) {
        nc_compile_error(cc, &m->base, "allow_expired_certificate",
                         "Certificate validity period is always ignored without trusted CA");
    }

    if (m->crl && !has_ca) {
        nc_compile_error(cc, &m->base, "crl", "needs trusted_ca");
    }

    return cc->errors->n > errors ? NC_ERROR : NC_OK;
}
