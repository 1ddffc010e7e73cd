/*
 * tls_ctx.c: contexts of the library, one for each conf of this process, made at first use.
 *
 * Invariants:
 *  1. A context is found by the conf's digest, so a reload that changes nothing of TLS keeps
 *     contexts and sessions.
 *  2. Nothing in a context points at the conf it was made of: the image may let that go.
 */
#include "net/tls_priv.h"

#include "base/slot.h"
#include "log/log.h"

#include <openssl/pem.h>

int  nc_tls_ctx_index = -1;
int  nc_tls_ssl_index = -1;

static nc_map_t   contexts;
static nc_list_t  all = { &all, &all };


static void
init_once(void)
{
    if (nc_tls_ctx_index == -1) {
        nc_tls_ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        nc_tls_ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        nc_map_init(&contexts);
    }
}


nc_tls_t *
nc_tls_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, nc_tls_ssl_index);
}


static X509 *
x509_of(nc_str_t der)
{
    const unsigned char  *at = (const unsigned char *) der.data;

    return d2i_X509(NULL, &at, (long) der.len);
}


const nc_tls_loaded_t *
nc_tls_load(nc_tls_ctx_t *x, const nc_tls_conf_t *conf, uint32_t i)
{
    nc_tls_loaded_t      *l = &x->loaded[i];
    const nc_tls_cert_t  *cert = &conf->certs[i];
    const unsigned char  *at = (const unsigned char *) cert->key.data;

    if (l->leaf) {
        return l;
    }

    l->key = d2i_PrivateKey(cert->key_type, NULL, &at, (long) cert->key.len);
    l->leaf = l->key ? x509_of(cert->chain[0]) : NULL;

    if (l->leaf == NULL) {
        EVP_PKEY_free(l->key);
        l->key = NULL;
        nc_log_limited(ERROR, CONFIG, "TLS: a certificate of the configuration cannot be used");
        return NULL;
    }

    l->rest = sk_X509_new_null();

    for (uint32_t j = 1; j < cert->n_chain; j++) {
        sk_X509_push(l->rest, x509_of(cert->chain[j]));
    }

    return l;
}


static void
destroy(nc_tls_ctx_t *x)
{
    nc_tls_sessions_drop(x);
    SSL_CTX_free(x->ssl_ctx);

    for (uint32_t i = 0; i < x->n_loaded; i++) {
        X509_free(x->loaded[i].leaf);
        EVP_PKEY_free(x->loaded[i].key);
        sk_X509_pop_free(x->loaded[i].rest, X509_free);
    }

    free(x->loaded);
    free(x);
}


void
nc_tls_ctx_unref(nc_tls_ctx_t *x)
{
    if (--x->refs == 0) {
        destroy(x);
    }
}


/* Versions, algorithms, and how the library is to behave. */
static bool
set_params(SSL_CTX *ctx, const nc_tls_conf_t *conf)
{
    uint64_t  options = SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION
                        | SSL_OP_IGNORE_UNEXPECTED_EOF; /* tls_bio.c knows: see cut_off */

    if (conf->client) {
        options &= ~(uint64_t) SSL_OP_NO_RENEGOTIATION;
        options |= conf->allow_renegotiation ? 0 : SSL_OP_NO_RENEGOTIATION;

    } else if (!conf->prefer_client_ciphers) {
        options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
    }

    SSL_CTX_set_options(ctx, options);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                     | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);

    /* SHA-1, which TLS 1.0 and 1.1 cannot do without, is below the library's usual level. */
    if (conf->min_version && conf->min_version < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(ctx, 0);
    }

    return SSL_CTX_set_min_proto_version(ctx, conf->min_version)
           && SSL_CTX_set_max_proto_version(ctx, conf->max_version)
           && SSL_CTX_set_cipher_list(ctx, conf->ciphers)
           && SSL_CTX_set1_groups_list(ctx, conf->groups)
           && (conf->sigalgs == NULL || SSL_CTX_set1_sigalgs_list(ctx, conf->sigalgs));
}


/* With one certificate of each type at most, the library chooses among them itself. */
static bool
set_certs(nc_tls_ctx_t *x, const nc_tls_conf_t *conf)
{
    if (conf->n_certs == 0 || conf->by_name) {
        return true;
    }

    for (uint32_t i = 0; i < conf->n_certs; i++) {
        const nc_tls_loaded_t  *l = nc_tls_load(x, conf, i);

        if (l == NULL || !SSL_CTX_use_cert_and_key(x->ssl_ctx, l->leaf, l->key, l->rest, 1)) {
            return false;
        }
    }

    return true;
}


static nc_tls_ctx_t *
make(const nc_tls_conf_t *conf, const char **why)
{
    nc_tls_ctx_t  *x = nc_calloc(sizeof(*x));

    x->ssl_ctx = SSL_CTX_new(conf->client ? TLS_client_method() : TLS_server_method());
    x->n_loaded = conf->n_certs;
    x->loaded = nc_calloc((conf->n_certs + 1) * sizeof(*x->loaded));
    x->refs = 1;
    x->max_sessions = conf->max_sessions;
    nc_list_init(&x->sessions);
    nc_list_init(&x->link);
    NC_CHECK(x->ssl_ctx != NULL);
    ERR_clear_error();

    if (!SSL_CTX_set_ex_data(x->ssl_ctx, nc_tls_ctx_index, x) || !set_params(x->ssl_ctx, conf)
        || !set_certs(x, conf) || nc_tls_verify_setup(x->ssl_ctx, conf) != NC_OK)
    {
        *why = ERR_reason_error_string(ERR_peek_last_error());
        *why = *why ? *why : "the TLS context cannot be made";
        ERR_clear_error();
        destroy(x);
        return NULL;
    }

    nc_tls_select_setup(x->ssl_ctx, conf);
    nc_tls_session_setup(x->ssl_ctx, conf);

    if (conf->key_log) {
        nc_tls_key_log_setup(x->ssl_ctx);
    }

    return x;
}


nc_tls_ctx_t *
nc_tls_ctx_get(const nc_tls_conf_t *conf, const char **why)
{
    nc_str_t       key = nc_str((const char *) conf->digest, sizeof(conf->digest));
    nc_tls_ctx_t  *x;

    init_once();
    x = nc_map_get(&contexts, key);

    if (x == NULL) {
        x = make(conf, why);

        if (x == NULL) {
            return NULL;
        }

        memcpy(x->digest, conf->digest, sizeof(x->digest));
        nc_map_set(&contexts, key, x);
        nc_list_append(&all, &x->link);
    }

    x->slot = conf->slot;
    x->serial = nc_slot_serial(conf->slot);
    x->refs++;

    return x;
}


void
nc_tls_root_changed(void)
{
    nc_list_each_safe(&all, it) {
        nc_tls_ctx_t  *x = nc_container_of(it, nc_tls_ctx_t, link);

        if (nc_slot_serial(x->slot) != x->serial) {
            nc_map_del(&contexts, nc_str((const char *) x->digest, sizeof(x->digest)));
            nc_list_del(&x->link);
            nc_tls_ctx_unref(x);
        }
    }
}
