/* tls_select.c: what a server answers a client's hello with: certificate, protocol, OCSP staple. */
#include "net/tls_priv.h"

#include "event/loop.h"

#define MAX_NAME    255u


/* The choice for a name: itself, then with its first label replaced by "*". */
static const nc_tls_choice_t *
find_name(const nc_tls_conf_t *conf, const char *sni)
{
    char                    name[MAX_NAME + 1];
    const nc_tls_choice_t  *found;
    size_t                  n = strlen(sni);
    ssize_t                 dot;

    if (n > MAX_NAME) {
        return NULL;
    }

    for (size_t i = 0; i < n; i++) {
        name[i] = nc_lower(sni[i]);
    }

    found = nc_table_get(&conf->names, nc_str(name, n));
    dot = nc_str_chr(nc_str(name, n), '.');

    if (found || dot < 1) {
        return found;
    }

    name[dot - 1] = '*';

    return nc_table_get(&conf->names, nc_str(name + dot - 1, n - (size_t) dot + 1));
}


/*
 * Certificates for this client, when the names decide: the library then takes the one whose key
 * type the client can do.
 */
static int
on_choose(SSL *ssl, void *arg)
{
    nc_tls_t               *t = nc_tls_of(ssl);
    const nc_tls_conf_t    *conf = t->conf;
    const char             *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const nc_tls_choice_t  *choice = NULL;

    (void) arg;

    if (sni) {
        choice = find_name(conf, sni);
    }

    if (choice == NULL) {
        choice = conf->defaults;
    }

    SSL_certs_clear(ssl);

    for (uint32_t i = 0; i < choice->n; i++) {
        const nc_tls_loaded_t  *l;

        /* A name that no certificate has: the first one, unless all are to be looked through. */
        if (i > 0 && sni && choice == conf->defaults && !conf->full_scan) {
            break;
        }

        l = nc_tls_load(t->ctx, conf, choice->at[i]);

        if (l == NULL || !SSL_use_cert_and_key(ssl, l->leaf, l->key, l->rest, 1)) {
            return 0;
        }
    }

    return 1;
}


/* The first of our protocols that the client offers, too; none: go on without. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
    unsigned int inlen, void *arg)
{
    const nc_tls_conf_t  *conf = nc_tls_of(ssl)->conf;
    unsigned char        *chosen;

    (void) arg;

    if (SSL_select_next_proto(&chosen, outlen, (const unsigned char *) conf->alpn.data,
                              (unsigned) conf->alpn.len, in, inlen) != OPENSSL_NPN_NEGOTIATED)
    {
        return SSL_TLSEXT_ERR_NOACK;
    }

    *out = chosen;

    return SSL_TLSEXT_ERR_OK;
}


static const nc_tls_cert_t *
cert_in_use(nc_tls_t *t)
{
    const X509  *x = SSL_get_certificate(t->ssl);

    for (uint32_t i = 0; i < t->conf->n_certs; i++) {
        if (t->ctx->loaded[i].leaf == x) {
            return &t->conf->certs[i];
        }
    }

    return NULL;
}


/* The client asked for the state of our certificate. */
static int
on_status(SSL *ssl, void *arg)
{
    nc_tls_t             *t = nc_tls_of(ssl);
    const nc_tls_conf_t  *conf = t->conf;
    const nc_tls_cert_t  *cert = cert_in_use(t);
    bool                  good, fresh, must;
    void                 *copy;

    (void) arg;
    nc_counter_inc(conf->stats.ocsp_staple_requests);

    if (cert == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }

    good = cert->ocsp.len > 0;
    fresh = good && cert->ocsp_until > (int64_t) (nc_wall_us() / 1000000);
    must = cert->must_staple || conf->ocsp_policy == NC_OCSP_MUST;

    if (fresh) {
        copy = OPENSSL_memdup(cert->ocsp.data, cert->ocsp.len);
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long) cert->ocsp.len);
        nc_counter_inc(conf->stats.ocsp_staple_responses);
        return SSL_TLSEXT_ERR_OK;
    }

    if (must || (good && conf->ocsp_policy == NC_OCSP_STRICT)) {
        nc_counter_inc(conf->stats.ocsp_staple_failed);
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }

    nc_counter_inc(conf->stats.ocsp_staple_omitted);

    return SSL_TLSEXT_ERR_NOACK;
}


/* Names are looked at in on_choose; that they are accepted makes the library keep them. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
    (void) ssl;
    (void) alert;
    (void) arg;

    return SSL_TLSEXT_ERR_OK;
}


void
nc_tls_select_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf)
{
    bool  staples = conf->ocsp_policy == NC_OCSP_MUST;

    if (conf->client) {
        if (conf->alpn.len) {
            SSL_CTX_set_alpn_protos(ctx, (const unsigned char *) conf->alpn.data,
                                    (unsigned) conf->alpn.len);
        }

        return;
    }

    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);

    if (conf->alpn.len) {
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    }

    if (conf->by_name) {
        SSL_CTX_set_cert_cb(ctx, on_choose, NULL);
    }

    for (uint32_t i = 0; i < conf->n_certs; i++) {
        staples = staples || conf->certs[i].ocsp.len > 0 || conf->certs[i].must_staple;
    }

    if (staples) {
        SSL_CTX_set_tlsext_status_cb(ctx, on_status);
    }
}
