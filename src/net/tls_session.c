/*
 * tls_session.c: taking up sessions again. Downstream by tickets, whose keys all workers share;
 * upstream by sessions that the context keeps for its hosts.
 *
 * Invariant: a session is taken up only under the session id context of the conf that it was made
 * under (nc_tls_conf_t.session_id), and not when its client's certificate has expired meanwhile.
 */
#include "net/tls_keys.h"
#include "net/tls_priv.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#define NAME_BYTES      16u
#define HMAC_BYTES      32u
#define TIMEOUT_S       7200
#define CACHE_SESSIONS  1024                    /* sessions by id, per context and worker */


/* ---- tickets ---- */

/* Key `i`: the first one encrypts. NULL: there are no more. */
static const uint8_t *
key_at(const nc_tls_conf_t *conf, const nc_tls_keys_t *machine, unsigned i)
{
    if (conf->n_ticket_keys) {
        return i < conf->n_ticket_keys ? (const uint8_t *) conf->ticket_keys[i].data : NULL;
    }

    return i < machine->n ? machine->keys[i] : NULL;
}


static bool
use_key(const uint8_t *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal)
{
    OSSL_PARAM  params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *) (uintptr_t)
                                          (key + NAME_BYTES), HMAC_BYTES),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) (uintptr_t) "sha256", 0),
        OSSL_PARAM_construct_end()
    };
    const uint8_t  *aes = key + NAME_BYTES + HMAC_BYTES;

    return EVP_MAC_CTX_set_params(mac, params)
           && (seal ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, aes, iv)
                    : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, aes, iv));
}


static int
on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int seal)
{
    const nc_tls_conf_t  *conf = nc_tls_of(ssl)->conf;
    nc_tls_keys_t         machine;
    const uint8_t        *key;

    nc_tls_keys_read(&machine);

    if (seal) {
        key = key_at(conf, &machine, 0);

        if (key == NULL || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) {
            return -1;
        }

        memcpy(name, key, NAME_BYTES);

        return use_key(key, iv, cipher, mac, true) ? 1 : -1;
    }

    for (unsigned i = 0; (key = key_at(conf, &machine, i)) != NULL; i++) {
        if (memcmp(key, name, NAME_BYTES) == 0) {
            if (!use_key(key, iv, cipher, mac, false)) {
                return -1;
            }

            return i == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
        }
    }

    return 0;
}


static int
on_ticket_made(SSL *ssl, void *arg)
{
    (void) ssl;
    (void) arg;

    return 1;
}


/* A certificate that has expired since then calls for a full handshake. */
static SSL_TICKET_RETURN
on_ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t len,
    SSL_TICKET_STATUS status, void *arg)
{
    const nc_tls_conf_t  *conf = nc_tls_of(ssl)->conf;
    X509                 *peer = session ? SSL_SESSION_get0_peer(session) : NULL;

    (void) name;
    (void) len;
    (void) arg;

    switch (status) {
    case SSL_TICKET_SUCCESS:
    case SSL_TICKET_SUCCESS_RENEW:
        if (peer && conf->trust.given && !conf->trust.allow_expired
            && X509_cmp_current_time(X509_get0_notAfter(peer)) < 0)
        {
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        }

        return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;

    case SSL_TICKET_EMPTY:
    case SSL_TICKET_NO_DECRYPT:
        return SSL_TICKET_RETURN_IGNORE_RENEW;

    default:
        return SSL_TICKET_RETURN_ABORT;
    }
}


/* ---- upstream: sessions that are kept ---- */

static void
drop(nc_tls_ctx_t *x, nc_tls_kept_t *k)
{
    nc_list_del(&k->link);
    x->n_sessions--;
    SSL_SESSION_free(k->session);
    free(k);
}


void
nc_tls_sessions_drop(nc_tls_ctx_t *x)
{
    nc_list_each_safe(&x->sessions, it) {
        drop(x, nc_container_of(it, nc_tls_kept_t, link));
    }
}


/* Takes the session over (return value 1), unless none are kept. */
static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
    nc_tls_ctx_t   *x = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), nc_tls_ctx_index);
    const char     *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t          len = sni ? strlen(sni) : 0;
    nc_tls_kept_t  *k;

    if (x->max_sessions == 0) {
        return 0;
    }

    if (x->n_sessions >= x->max_sessions) {
        drop(x, nc_container_of(x->sessions.prev, nc_tls_kept_t, link));
    }

    k = nc_malloc(sizeof(*k) + len + 1);
    k->session = session;
    memcpy(k + 1, sni ? sni : "", len + 1);
    k->sni = nc_str((const char *) (k + 1), len);
    nc_list_init(&k->link);
    nc_list_add(&x->sessions, &k->link);
    x->n_sessions++;

    return 1;
}


/* The newest session for the name. Those of TLS 1.3 are for one use (RFC 8446 appendix C.4). */
void
nc_tls_session_offer(nc_tls_t *t)
{
    const char  *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    nc_str_t     name = nc_str_c(sni ? sni : "");

    nc_list_each_safe(&t->ctx->sessions, it) {
        nc_tls_kept_t  *k = nc_container_of(it, nc_tls_kept_t, link);

        if (!nc_str_eq(k->sni, name)) {
            continue;
        }

        if (!SSL_SESSION_is_resumable(k->session)) {
            drop(t->ctx, k);
            continue;
        }

        SSL_set_session(t->ssl, k->session);

        if (SSL_SESSION_get_protocol_version(k->session) == TLS1_3_VERSION) {
            drop(t->ctx, k);
        }

        return;
    }
}


void
nc_tls_session_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf)
{
    SSL_CTX_set_timeout(ctx, conf->session_timeout_s ? conf->session_timeout_s : TIMEOUT_S);

    if (conf->client) {
        SSL_CTX_set_session_cache_mode(ctx, conf->max_sessions
                                       ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                       : SSL_SESS_CACHE_OFF);
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
        return;
    }

    SSL_CTX_set_session_id_context(ctx, conf->session_id, sizeof(conf->session_id));
    SSL_CTX_sess_set_cache_size(ctx, CACHE_SESSIONS);
    SSL_CTX_set_session_cache_mode(ctx, conf->no_session_ids ? SSL_SESS_CACHE_OFF
                                                             : SSL_SESS_CACHE_SERVER);

    if (conf->no_tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);

        if (conf->no_session_ids) {
            SSL_CTX_set_num_tickets(ctx, 0);
        }

    } else {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
        SSL_CTX_set_session_ticket_cb(ctx, on_ticket_made, on_ticket_opened, NULL);
    }
}
