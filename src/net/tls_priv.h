/*
 * tls_priv.h: TLS in a worker: contexts of the library made of confs, state of a connection.
 *
 *   tls_ctx.c      a conf becomes an SSL_CTX at its first use
 *   tls_select.c   which certificate for a client; OCSP staples; ALPN
 *   tls_verify.c   whether a peer's certificate is believed
 *   tls_session.c  tickets, and sessions kept for upstream hosts
 *   tls_bio.c      the library's reads and writes become ours
 *   tls_conn.c     the transport's operations
 *   tls_info.c     what logs and headers may ask of a connection
 */
#ifndef NC_NET_TLS_PRIV_H
#define NC_NET_TLS_PRIV_H

#include "net/conn.h"
#include "net/tls.h"
#include "net/tls_conf.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define NC_TLS_RECORD       16384u              /* plain bytes of a full record */

/* What the library made of a certificate, at its first use. */
typedef struct {
    X509            *leaf;                      /* NULL: not used yet */
    EVP_PKEY        *key;
    STACK_OF(X509)  *rest;
} nc_tls_loaded_t;

/* A session for the hosts of a cluster. */
typedef struct {
    nc_list_t     link;
    SSL_SESSION  *session;
    nc_str_t      sni;                          /* ours; a session is for one name */
} nc_tls_kept_t;

/* Of one conf, or of all that are equal to it. Goes when no conf and no connection uses it. */
typedef struct nc_tls_ctx_s {
    SSL_CTX          *ssl_ctx;
    nc_tls_loaded_t  *loaded;                   /* as many as the conf has certificates */
    uint32_t          n_loaded;
    uint32_t          refs;                     /* connections, and one of the table */
    uint32_t          slot;                     /* of the conf that used it last */
    uint32_t          serial;                   /* of that slot then */
    uint8_t           digest[NC_TLS_DIGEST];
    nc_list_t         sessions;                 /* upstream: nc_tls_kept_t, the newest first */
    uint32_t          n_sessions;
    uint32_t          max_sessions;
    nc_list_t         link;                     /* all of this process */
} nc_tls_ctx_t;

typedef struct nc_tls_s {
    SSL                  *ssl;
    nc_conn_t            *c;
    nc_tls_ctx_t         *ctx;
    const nc_tls_conf_t  *conf;                 /* pinned while `pinned`, else not to be used */
    nc_tls_info_t        *info;                 /* NULL: nobody has asked yet */
    char                 *tail;                 /* encrypted bytes that the socket did not take */
    uint32_t              tail_at;
    uint32_t              tail_len;
    bool                  pinned : 1;
    bool                  client : 1;
    bool                  up : 1;               /* the handshake is done */
    bool                  at_end : 1;           /* the peer said goodbye */
    bool                  cut_off : 1;          /* it went without */
    bool                  broken : 1;           /* the library must not be called any more */
    bool                  check_sni : 1;        /* the peer's certificate must be for the SNI */
    bool                  validated : 1;        /* its certificate was checked and is good */
    const char           *verify_error;         /* static, or NULL */
    char                 *why;                  /* of a failure; NULL: none */
} nc_tls_t;

/* The context of `conf`, with a reference. NULL: the library refuses, *why is static text. */
nc_tls_ctx_t *nc_tls_ctx_get(const nc_tls_conf_t *conf, const char **why);
void nc_tls_ctx_unref(nc_tls_ctx_t *x);

/* Certificate `i` of the conf, for the library. NULL: it refuses (logged). */
const nc_tls_loaded_t *nc_tls_load(nc_tls_ctx_t *x, const nc_tls_conf_t *conf, uint32_t i);

/* The connection that the library works for. */
nc_tls_t *nc_tls_of(const SSL *ssl);

/* tls_select.c */
void nc_tls_select_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf);

/* tls_verify.c: sets how peers are verified. NC_ERROR: the library refuses. */
nc_rc_t nc_tls_verify_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf);

/* Text of a subject alternative name, in `memory` or the name's own; data NULL: it has none. */
nc_str_t nc_tls_san_text(const GENERAL_NAME *g, char *memory, size_t size);

/* tls_session.c */
void nc_tls_session_setup(SSL_CTX *ctx, const nc_tls_conf_t *conf);
void nc_tls_session_offer(nc_tls_t *t);
void nc_tls_sessions_drop(nc_tls_ctx_t *x);

/* tls_bio.c: what is written between begin and end leaves in one system call. */
BIO *nc_tls_bio_new(nc_tls_t *t);
void nc_tls_out_begin(nc_tls_t *t);
void nc_tls_out_end(nc_tls_t *t);

/* Sends the tail. False: some is left, or the socket is dead (errno). */
bool nc_tls_tail_flush(nc_tls_t *t);

/* tls_key_log.c */
void nc_tls_key_log_setup(SSL_CTX *ctx);

/* Index of the context in an SSL_CTX, and of the connection in an SSL. */
extern int  nc_tls_ctx_index;
extern int  nc_tls_ssl_index;

#endif
