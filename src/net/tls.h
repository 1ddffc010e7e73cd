/*
 * tls.h: what other floors may know of TLS: facts about a connection, keys of tickets, certificates
 * of the configuration.
 *
 * Invariant: an info outlives its connection while it is referenced.
 */
#ifndef NC_NET_TLS_H
#define NC_NET_TLS_H

#include "net/conn.h"

/* Facts about a TLS connection and its peer; made when first asked for. */
typedef struct nc_tls_info_s  nc_tls_info_t;

/*
 * Of a connection whose handshake is done; NULL: it is not TLS. The connection holds a reference;
 * whoever keeps it longer takes another.
 */
nc_tls_info_t *nc_tls_info(nc_conn_t *c);

nc_tls_info_t *nc_tls_info_ref(nc_tls_info_t *i);
void nc_tls_info_unref(nc_tls_info_t *i);

/*
 * The facts. Texts live as long as the info; data NULL: there is none. Lists are separated by ",",
 * certificates are PEM.
 */
#define NC_TLS_FACTS(X)  \
    X(VERSION)              /* "TLSv1.3" */  \
    X(CIPHER)               /* "TLS_AES_128_GCM_SHA256" */  \
    X(SERVER_NAME)          /* SNI that was received or sent */  \
    X(ALPN)  \
    X(SESSION_ID)           /* hexadecimal */  \
    X(PEER_SUBJECT)         /* RFC 2253 */  \
    X(PEER_ISSUER)  \
    X(PEER_SERIAL)          /* hexadecimal */  \
    X(PEER_FINGERPRINT_256)  \
    X(PEER_FINGERPRINT_1)  \
    X(PEER_CHAIN_FINGERPRINTS_256)  \
    X(PEER_CHAIN_FINGERPRINTS_1)  \
    X(PEER_CHAIN_SERIALS)  \
    X(PEER_CERT)            /* PEM, URL-encoded */  \
    X(PEER_CHAIN)           /* PEM of the chain, URL-encoded */  \
    X(PEER_URI_SAN)  \
    X(PEER_DNS_SAN)  \
    X(PEER_IP_SAN)  \
    X(PEER_EMAIL_SAN)  \
    X(PEER_OTHERNAME_SAN)  \
    X(LOCAL_SUBJECT)  \
    X(LOCAL_URI_SAN)  \
    X(LOCAL_DNS_SAN)  \
    X(LOCAL_IP_SAN)  \
    X(LOCAL_EMAIL_SAN)  \
    X(LOCAL_OTHERNAME_SAN)

typedef enum {
#define X(name)  NC_TLS_FACT_##name,
    NC_TLS_FACTS(X)
#undef X
    NC_TLS_FACT_MAX
} nc_tls_fact_t;

nc_str_t nc_tls_fact(nc_tls_info_t *i, nc_tls_fact_t what);

/*
 * Calls look(san, ctx) for each subject alternative name of the peer that is of the kind of `what`
 * (NC_TLS_FACT_PEER_URI_SAN, _DNS_SAN), until it returns true; returns that.
 */
bool nc_tls_peer_any_san(const nc_tls_info_t *i, nc_tls_fact_t what,
    bool (*look)(nc_str_t san, void *ctx), void *ctx);

/* The peer showed a certificate; it was checked against a configured context, and is good. */
bool nc_tls_peer_presented(const nc_tls_info_t *i);
bool nc_tls_peer_validated(const nc_tls_info_t *i);

/* First and last second of the peer's certificate, Unix time; false: there is none. */
bool nc_tls_peer_validity(const nc_tls_info_t *i, int64_t *from, int64_t *until);


/* ---- keys of session tickets, shared by all workers ---- */

/* Master, before the fork: the page for them. NC_ERROR with errno. */
nc_rc_t nc_tls_keys_create(void);

/* Helper: makes keys when there are none, and renews them from now on. */
void nc_tls_keys_start(void);


/* ---- in a worker ---- */

/* Forgets contexts of configuration that is gone: at every root change. */
void nc_tls_root_changed(void);

#endif
