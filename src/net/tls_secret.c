/*
 * tls_secret.c: certificates, keys and secrets as they are read while configuration is compiled.
 *
 * Invariant: what goes into the image is DER that the library has understood; a key has been
 * compared with its certificate.
 */
#include "net/tls_compile_priv.h"

#include "api/data_source.h"
#include "api/doc.h"
#include "api/validate.h"

#include "envoy/config/core/v3/config_source.pb-c.h"
#include "envoy/service/discovery/v3/discovery.pb-c.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#define SOURCE(kind)    ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_##kind
#define CONFIG(kind)  \
    ENVOY__CONFIG__CORE__V3__CONFIG_SOURCE__CONFIG_SOURCE_SPECIFIER_##kind
#define MIN_RSA_BITS    2048
#define MAX_CHAIN       32u


const char *
nc_tls_why(void)
{
    unsigned long   e = ERR_peek_last_error();
    const char     *reason = e ? ERR_reason_error_string(e) : NULL;

    ERR_clear_error();

    return reason ? reason : "no reason given";
}


/* What is compiled follows the folder of `path`; of what it is a link to, too. */
static void
follow(nc_compile_t *cc, const char *path)
{
    char  *real = realpath(path, NULL);

    for (int i = 0; cc->depends && i < 2; i++) {
        char  *folder = i == 0 ? nc_strdup(path) : real ? nc_strdup(real) : NULL;
        char  *slash = folder ? strrchr(folder, '/') : NULL;

        if (slash) {
            slash[slash == folder] = '\0';
            cc->depends(cc, path, folder);

        } else if (folder) {
            cc->depends(cc, path, ".");
        }

        free(folder);
    }

    free(real);
}


nc_rc_t
nc_tls_read(nc_compile_t *cc, const nc_source_msg_t *source, size_t max, nc_pool_t *pool,
    nc_str_t *out)
{
    if (source->specifier_case == SOURCE(FILENAME)) {
        follow(cc, source->filename);
    }

    return nc_data_source_read(cc, source, max, pool, out);
}


/* ---- secrets by name ---- */

/* The secret `name` of a DiscoveryResponse-like list of resources, or of a single Secret. */
static const nc_secret_msg_t *
find_in_file(nc_compile_t *cc, const nc_sds_msg_t *sds, const char *path, nc_doc_t *doc)
{
    const Envoy__Service__Discovery__V3__DiscoveryResponse  *r = (const void *) nc_doc_root(doc);
    const nc_secret_msg_t                                   *only = NULL;

    for (size_t i = 0; i < r->n_resources; i++) {
        const char              *why = NULL;
        const ProtobufCMessage  *m = nc_doc_any(doc, &r->resources[i]->base, nc_doc_pool(doc),
                                                &why);

        if (m == NULL || m->descriptor
            != &envoy__extensions__transport_sockets__tls__v3__secret__descriptor)
        {
            nc_compile_error(cc, &sds->base, "sds_config",
                             "\"%s\": resources[%zu] is no Secret%s%s", path, i,
                             why ? ": " : "", why ? why : "");
            return NULL;
        }

        only = (const void *) m;

        if (strcmp(only->name, sds->name) == 0) {
            return only;
        }
    }

    nc_compile_error(cc, &sds->base, "sds_config", "\"%s\" holds no secret \"%s\"", path,
                     sds->name);

    return NULL;
}


static void
destroy_doc(void *doc)
{
    nc_doc_destroy(doc);
}


static const nc_secret_msg_t *
from_file(nc_compile_t *cc, const nc_sds_msg_t *sds, nc_pool_t *scratch)
{
    const Envoy__Config__Core__V3__ConfigSource  *c = sds->sds_config;
    const char                                   *path, *folder = NULL;
    nc_errors_t                                   errors;
    nc_doc_t                                     *doc;
    const nc_secret_msg_t                        *found = NULL;

    if (c->config_source_specifier_case == CONFIG(PATH_CONFIG_SOURCE)) {
        path = c->path_config_source->path;
        folder = c->path_config_source->watched_directory
                 ? c->path_config_source->watched_directory->path : NULL;

    } else {
        path = c->path;
    }

    if (cc->depends) {
        cc->depends(cc, path, folder);
    }

    follow(cc, path);
    doc = nc_doc_create(&envoy__service__discovery__v3__discovery_response__descriptor, 0);
    nc_pool_cleanup(scratch, destroy_doc, doc);
    nc_errors_init(&errors);

    if (nc_doc_add_file(doc, path, &errors) == NC_OK
        && nc_validate(doc, nc_doc_root(doc), &errors) == NC_OK)
    {
        found = find_in_file(cc, sds, path, doc);
    }

    for (const nc_error_t *e = errors.first; e; e = e->next) {
        nc_compile_error(cc, &sds->base, "sds_config", "%s:%u: %s: %s", e->file ? e->file : path,
                         e->line, e->path ? e->path : "", e->message);
    }

    nc_errors_fini(&errors);

    return found;
}


const nc_secret_msg_t *
nc_tls_secret(nc_compile_t *cc, const nc_sds_msg_t *sds, int kind, nc_pool_t *scratch)
{
    const nc_secret_msg_t  *s;

    if (sds->sds_config) {
        s = from_file(cc, sds, scratch);

    } else {
        s = cc->secret ? (const void *) cc->secret(cc, sds->name) : NULL;

        if (s == NULL) {
            nc_compile_error(cc, &sds->base, "name",
                             "there is no secret \"%s\" in static_resources.secrets", sds->name);
        }
    }

    if (s && (int) s->type_case != kind) {
        nc_compile_error(cc, &sds->base, "name", "secret \"%s\" is of another type", sds->name);
        return NULL;
    }

    return s;
}


/* ---- one certificate ---- */

static nc_str_t
der_of(nc_pool_t *pool, int (*encode)(const void *object, unsigned char **out), const void *object)
{
    unsigned char  *der = NULL;
    int             n = encode(object, &der);
    nc_str_t        s = NC_STR_NULL;

    if (n > 0) {
        s = nc_pool_str(pool, nc_str((const char *) der, (size_t) n));
        OPENSSL_free(der);
    }

    return s;
}


static int
encode_x509(const void *object, unsigned char **out)
{
    return i2d_X509(object, out);
}


static int
encode_key(const void *object, unsigned char **out)
{
    return i2d_PrivateKey(object, out);
}


/* What is being put together. */
typedef struct {
    STACK_OF(X509)  *chain;                     /* the leaf first */
    EVP_PKEY        *key;
} pair_t;


static void
pair_fini(pair_t *p)
{
    sk_X509_pop_free(p->chain, X509_free);
    EVP_PKEY_free(p->key);
}


static int
give_password(char *buf, int size, int rwflag, void *data)
{
    const nc_str_t  *password = data;

    (void) rwflag;

    if (password == NULL || password->len > (size_t) size) {
        return -1;
    }

    memcpy(buf, password->data, password->len);

    return (int) password->len;
}


static nc_rc_t
read_chain(nc_compile_t *cc, const nc_cert_msg_t *m, nc_pool_t *scratch, pair_t *p)
{
    nc_str_t   pem;
    BIO       *bio;
    X509      *x;

    if (nc_tls_read(cc, m->certificate_chain, NC_TLS_FILE_MAX, scratch, &pem) != NC_OK) {
        return NC_ERROR;
    }

    ERR_clear_error();
    bio = BIO_new_mem_buf(pem.data, (int) pem.len);

    while ((x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(p->chain, x);
    }

    BIO_free(bio);

    if (sk_X509_num(p->chain) == 0 || sk_X509_num(p->chain) > (int) MAX_CHAIN
        || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    {
        return nc_compile_error(cc, &m->base, "certificate_chain",
                                sk_X509_num(p->chain) == 0
                                ? "holds no certificate in PEM (%s)"
                                : "one of its certificates cannot be read (%s)", nc_tls_why());
    }

    ERR_clear_error();

    return NC_OK;
}


static nc_rc_t
read_key(nc_compile_t *cc, const nc_cert_msg_t *m, nc_str_t *password, nc_pool_t *scratch,
    pair_t *p)
{
    nc_str_t   pem;
    BIO       *bio;

    if (m->private_key == NULL) {
        return nc_compile_error(cc, &m->base, "", "a certificate needs its private_key");
    }

    if (nc_tls_read(cc, m->private_key, NC_TLS_FILE_MAX, scratch, &pem) != NC_OK) {
        return NC_ERROR;
    }

    ERR_clear_error();
    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    p->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, password);
    BIO_free(bio);
    OPENSSL_cleanse((char *) (uintptr_t) pem.data, pem.len);

    if (p->key == NULL) {
        return nc_compile_error(cc, &m->base, "private_key",
                                password ? "cannot be read with this password (%s)"
                                         : "cannot be read: not PEM, or it needs a password (%s)",
                                nc_tls_why());
    }

    return NC_OK;
}


static nc_rc_t
read_pkcs12(nc_compile_t *cc, const nc_cert_msg_t *m, const nc_str_t *password,
    nc_pool_t *scratch, pair_t *p)
{
    nc_str_t              bytes;
    const unsigned char  *at;
    PKCS12               *p12;
    X509                 *leaf = NULL;
    STACK_OF(X509)       *rest = NULL;

    if (m->certificate_chain || m->private_key) {
        return nc_compile_error(cc, &m->base, "pkcs12",
                                "certificate_chain and private_key cannot stand beside it");
    }

    if (nc_tls_read(cc, m->pkcs12, NC_TLS_FILE_MAX, scratch, &bytes) != NC_OK) {
        return NC_ERROR;
    }

    at = (const unsigned char *) bytes.data;
    p12 = d2i_PKCS12(NULL, &at, (long) bytes.len);

    if (p12 == NULL || !PKCS12_parse(p12, password ? password->data : NULL, &p->key, &leaf, &rest)
        || leaf == NULL || p->key == NULL)
    {
        nc_compile_error(cc, &m->base, "pkcs12", p12 ? "cannot be opened with this password, or "
                         "lacks a certificate or key (%s)" : "is no PKCS#12 (%s)", nc_tls_why());
        PKCS12_free(p12);
        X509_free(leaf);
        sk_X509_pop_free(rest, X509_free);
        return NC_ERROR;
    }

    PKCS12_free(p12);
    sk_X509_push(p->chain, leaf);

    while (sk_X509_num(rest) > 0) {
        sk_X509_push(p->chain, sk_X509_shift(rest));
    }

    sk_X509_free(rest);

    return NC_OK;
}


/* False: an error was added. What Envoy's documentation says of keys. */
static bool
check_pair(nc_compile_t *cc, const nc_cert_msg_t *m, const pair_t *p)
{
    const char  *field = m->pkcs12 ? "pkcs12" : "private_key";
    int          type = EVP_PKEY_base_id(p->key);

    ERR_clear_error();

    if (X509_check_private_key(sk_X509_value(p->chain, 0), p->key) != 1) {
        nc_compile_error(cc, &m->base, field, "does not belong to the certificate (%s)",
                         nc_tls_why());
        return false;
    }

    if (type == EVP_PKEY_RSA && EVP_PKEY_bits(p->key) < MIN_RSA_BITS) {
        nc_compile_error(cc, &m->base, field, "an RSA key needs at least %d bits, it has %d",
                         MIN_RSA_BITS, EVP_PKEY_bits(p->key));
        return false;
    }

    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC && type != EVP_PKEY_ED25519) {
        nc_compile_error(cc, &m->base, field, "keys are RSA, ECDSA or Ed25519");
        return false;
    }

    return true;
}


/* The extension "TLS feature" with status_request in it (RFC 7633). */
static bool
asks_for_staple(X509 *x)
{
    TLS_FEATURE  *f = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);
    bool          found = false;

    for (int i = 0; f && i < sk_ASN1_INTEGER_num(f); i++) {
        found = found || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(f, i)) == 5;
    }

    TLS_FEATURE_free(f);

    return found;
}


int64_t
nc_tls_unix_time(const ASN1_TIME *t)
{
    ASN1_TIME  *epoch = ASN1_TIME_set(NULL, 0);
    int         days = 0, seconds = 0;
    bool        ok = t && ASN1_TIME_diff(&days, &seconds, epoch, t);

    ASN1_TIME_free(epoch);

    return ok ? (int64_t) days * 86400 + seconds : 0;
}


static nc_rc_t
read_ocsp(nc_compile_t *cc, const nc_cert_msg_t *m, X509 *leaf, nc_tls_cert_t *cert)
{
    const unsigned char     *at;
    OCSP_RESPONSE           *r;
    OCSP_BASICRESP          *basic = NULL;
    OCSP_SINGLERESP         *single;
    ASN1_INTEGER            *serial = NULL;
    ASN1_GENERALIZEDTIME    *this_update, *next = NULL;
    nc_rc_t                  rc = NC_ERROR;

    if (nc_tls_read(cc, m->ocsp_staple, NC_TLS_FILE_MAX, cc->pool, &cert->ocsp) != NC_OK) {
        return NC_ERROR;
    }

    at = (const unsigned char *) cert->ocsp.data;
    r = d2i_OCSP_RESPONSE(NULL, &at, (long) cert->ocsp.len);

    if (r == NULL || OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL
        || (basic = OCSP_response_get1_basic(r)) == NULL || OCSP_resp_count(basic) != 1)
    {
        nc_compile_error(cc, &m->base, "ocsp_staple",
                         "is no successful OCSP response in DER about one certificate (%s)",
                         nc_tls_why());
        goto done;
    }

    single = OCSP_resp_get0(basic, 0);
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *) (uintptr_t)
                      OCSP_SINGLERESP_get0_id(single));

    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) {
        nc_compile_error(cc, &m->base, "ocsp_staple",
                         "OCSP response does not match its TLS certificate");
        goto done;
    }

    OCSP_single_get0_status(single, NULL, NULL, &this_update, &next);
    cert->ocsp_until = next ? nc_tls_unix_time(next) : INT64_MAX;
    rc = NC_OK;

done:

    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(r);

    return rc;
}


static void
store(nc_compile_t *cc, const pair_t *p, nc_tls_cert_t *cert)
{
    nc_str_t  *chain = nc_pool_array(cc->pool, (size_t) sk_X509_num(p->chain), sizeof(*chain));

    for (int i = 0; i < sk_X509_num(p->chain); i++) {
        chain[i] = der_of(cc->pool, encode_x509, sk_X509_value(p->chain, i));
    }

    cert->chain = chain;
    cert->n_chain = (uint32_t) sk_X509_num(p->chain);
    cert->key = der_of(cc->pool, encode_key, p->key);
    cert->key_type = EVP_PKEY_base_id(p->key);
    cert->must_staple = asks_for_staple(sk_X509_value(p->chain, 0));
}


nc_str_t
nc_tls_path(const nc_source_msg_t *source, nc_pool_t *pool)
{
    return source->specifier_case == SOURCE(FILENAME)
           ? nc_pool_str(pool, nc_str_c(source->filename)) : NC_STR("<inline>");
}


/* A certificate without a secret is called by the beginning of its SHA-256. */
static void
set_name(nc_compile_t *cc, nc_tls_cert_t *cert, const char *name)
{
    unsigned char  digest[EVP_MAX_MD_SIZE];
    char           hex[17];

    if (name) {
        cert->name = nc_pool_str(cc->pool, nc_str_c(name));
        return;
    }

    EVP_Digest(cert->chain[0].data, cert->chain[0].len, digest, NULL, EVP_sha256(), NULL);

    for (unsigned i = 0; i < 8; i++) {
        snprintf(hex + i * 2, 3, "%02x", digest[i]);
    }

    cert->name = nc_pool_str(cc->pool, nc_str_c(hex));
}


nc_rc_t
nc_tls_cert_compile(nc_compile_t *cc, const nc_cert_msg_t *m, const char *name,
    nc_tls_cert_t *cert)
{
    nc_pool_t   scratch;
    nc_str_t    text, *password = NULL;
    pair_t      p = { sk_X509_new_null(), NULL };
    nc_rc_t     rc = NC_OK;

    nc_pool_init(&scratch, &nc_pool_heap);

    if (m->password) {
        password = &text;
        rc = nc_tls_read(cc, m->password, 4096, &scratch, password);

        while (rc == NC_OK && m->password->specifier_case == SOURCE(FILENAME) && text.len
               && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        {
            ((char *) (uintptr_t) text.data)[--text.len] = '\0';
        }
    }

    if (rc == NC_OK && m->pkcs12) {
        rc = read_pkcs12(cc, m, password, &scratch, &p);

    } else if (rc == NC_OK && m->certificate_chain == NULL) {
        rc = nc_compile_error(cc, &m->base, "", "certificate_chain or pkcs12 is required");

    } else if (rc == NC_OK) {
        rc = read_chain(cc, m, &scratch, &p);
        rc = rc == NC_OK ? read_key(cc, m, password, &scratch, &p) : rc;
    }

    if (rc == NC_OK && !check_pair(cc, m, &p)) {
        rc = NC_ERROR;
    }

    if (rc == NC_OK) {
        store(cc, &p, cert);
        set_name(cc, cert, name);
        cert->path = nc_tls_path(m->pkcs12 ? m->pkcs12 : m->certificate_chain, cc->pool);
        rc = m->ocsp_staple ? read_ocsp(cc, m, sk_X509_value(p.chain, 0), cert) : NC_OK;
    }

    if (m->watched_directory && cc->depends) {
        cc->depends(cc, "", m->watched_directory->path);
    }

    pair_fini(&p);
    nc_pool_fini(&scratch);

    return rc;
}


static nc_str_t
lower(nc_pool_t *pool, const unsigned char *data, int n)
{
    nc_str_t  s = nc_pool_str(pool, nc_str((const char *) data, (size_t) n));

    for (size_t i = 0; i < s.len; i++) {
        ((char *) (uintptr_t) s.data)[i] = nc_lower(s.data[i]);
    }

    return s;
}


void
nc_tls_cert_names(const nc_tls_cert_t *cert, nc_pool_t *pool, nc_str_t **names, uint32_t *n)
{
    const unsigned char  *at = (const unsigned char *) cert->chain[0].data;
    X509                 *x = d2i_X509(NULL, &at, (long) cert->chain[0].len);
    GENERAL_NAMES        *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int                   cn = X509_NAME_get_index_by_NID(X509_get_subject_name(x),
                                                          NID_commonName, -1);

    *n = 0;
    *names = nc_pool_array(pool, (size_t) NC_MAX(sk_GENERAL_NAME_num(sans), 0) + 1,
                           sizeof(**names));

    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME  *g = sk_GENERAL_NAME_value(sans, i);

        if (g->type == GEN_DNS) {
            (*names)[(*n)++] = lower(pool, ASN1_STRING_get0_data(g->d.dNSName),
                                     ASN1_STRING_length(g->d.dNSName));
        }
    }

    if (*n == 0 && cn >= 0) {
        const ASN1_STRING  *s = X509_NAME_ENTRY_get_data(
                                    X509_NAME_get_entry(X509_get_subject_name(x), cn));

        (*names)[(*n)++] = lower(pool, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
    }

    GENERAL_NAMES_free(sans);
    X509_free(x);
}
