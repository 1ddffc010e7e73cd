/*
 * tls_conf.h: what a TLS context of the configuration becomes in the image. Bytes and settings
 * only: what the library makes of them (SSL_CTX, keys) is each worker's own, made at first use and
 * found by `digest` (tls_ctx.c).
 *
 * Invariant: two confs with the same digest are the same in all that makes connections.
 */
#ifndef NC_NET_TLS_CONF_H
#define NC_NET_TLS_CONF_H

#include "base/compile.h"
#include "base/hash.h"
#include "base/regex.h"
#include "os/addr.h"
#include "net/tls_stats.h"

#define NC_TLS_DIGEST           32u             /* bytes of SHA-256 */
#define NC_TLS_TICKET_KEY       80u             /* name 16, HMAC key 32, AES-256 key 32 */

/* One certificate with its key. */
typedef struct {
    const nc_str_t  *chain;                     /* DER, the leaf first */
    uint32_t         n_chain;
    nc_str_t         key;                       /* DER */
    int              key_type;                  /* EVP_PKEY_RSA, EVP_PKEY_EC, ... */
    nc_str_t         ocsp;                      /* DER response; len 0: none */
    int64_t          ocsp_until;                /* Unix time of its nextUpdate */
    bool             must_staple;               /* the certificate asks for it (RFC 7633) */
    nc_str_t         path;                      /* its file, or "<inline>" */
    nc_str_t         name;                      /* in stats: of its secret, or made of its digest */
} nc_tls_cert_t;

/* Certificates for one name, in order of configuration: indices into certs. */
typedef struct {
    uint32_t  n;
    uint32_t  at[];
} nc_tls_choice_t;

/* SubjectAltNameMatcher.SanType. */
typedef enum {
    NC_SAN_EMAIL = 1,
    NC_SAN_DNS,
    NC_SAN_URI,
    NC_SAN_IP,
    NC_SAN_OTHER
} nc_san_t;

typedef enum {
    NC_SAN_EXACT,
    NC_SAN_PREFIX,
    NC_SAN_SUFFIX,
    NC_SAN_CONTAINS,
    NC_SAN_REGEX
} nc_san_how_t;

typedef struct {
    nc_san_t           type;
    nc_san_how_t       how;
    bool               ignore_case;
    nc_str_t           text;
    const nc_regex_t  *regex;
    nc_str_t           oid;                     /* NC_SAN_OTHER: dotted numbers */
} nc_san_matcher_t;

/* When a peer's certificate is believed. */
typedef struct {
    const nc_str_t          *ca;                /* DER */
    uint32_t                 n_ca;
    nc_str_t                 ca_path;           /* their file, or "<inline>" */
    const nc_str_t          *crls;              /* DER */
    uint32_t                 n_crls;
    const nc_str_t          *hashes;            /* SHA-256 of the leaf */
    uint32_t                 n_hashes;
    const nc_str_t          *spkis;             /* SHA-256 of its public key info */
    uint32_t                 n_spkis;
    const nc_san_matcher_t  *sans;              /* one of them must match; none: any will do */
    uint32_t                 n_sans;
    bool                     given;             /* there is a context at all */
    bool                     system_roots;
    bool                     allow_expired;
    bool                     accept_untrusted;
    bool                     leaf_crl_only;
    int                      max_depth;         /* -1: the library's */
} nc_tls_trust_t;

typedef enum {
    NC_OCSP_LENIENT,
    NC_OCSP_STRICT,
    NC_OCSP_MUST
} nc_ocsp_policy_t;

typedef struct {
    nc_addr_t  addr;
    uint32_t   bits;
} nc_tls_range_t;

typedef struct nc_tls_conf_s {
    uint32_t                slot;               /* of the object that this is part of */
    bool                    client;
    uint8_t                 digest[NC_TLS_DIGEST];
    int64_t                 first_expiry;       /* nc_tls_first_expiry */
    uint8_t                 session_id[NC_TLS_DIGEST];  /* sessions are resumed only under it */
    int                     min_version;        /* TLS1_2_VERSION and so on; 0: the library's */
    int                     max_version;
    const char             *ciphers;            /* up to TLS 1.2; NULL: default */
    const char             *groups;
    const char             *sigalgs;
    nc_str_t                alpn;               /* as on the wire: length, name, ... */
    const nc_tls_cert_t    *certs;
    uint32_t                n_certs;
    nc_table_t              names;              /* lower case, "*.x" too, to nc_tls_choice_t */
    const nc_tls_choice_t  *defaults;           /* the first of each key type */
    bool                    by_name;            /* several certificates of a key type */
    nc_tls_trust_t          trust;

    /* downstream */
    bool                    require_client_cert;
    bool                    no_tickets;
    bool                    no_session_ids;
    bool                    full_scan;
    bool                    prefer_client_ciphers;
    nc_ocsp_policy_t        ocsp_policy;
    const nc_str_t         *ticket_keys;        /* configured ones; none: the machine's */
    uint32_t                n_ticket_keys;
    uint32_t                session_timeout_s;  /* 0: 7200 */

    /* upstream */
    const char             *sni;                /* NULL: none */
    bool                    auto_host_sni;
    bool                    auto_sni_san;
    bool                    allow_renegotiation;
    bool                    rsa_key_usage;
    uint32_t                max_sessions;       /* 1; 0: none are kept */

    uint32_t                key_log;            /* log file key; 0: none */
    const nc_tls_range_t   *log_local;
    uint32_t                n_log_local;
    const nc_tls_range_t   *log_remote;
    uint32_t                n_log_remote;

    nc_tls_stats_t          stats;
    nc_tls_used_stats_t     used;               /* versions, ciphers, ... that were agreed on */
} nc_tls_conf_t;

struct nc_transport_ops_s;

/* The operations of the module of TLS. */
extern const struct nc_transport_ops_s  nc_tls_ops;

/*
 * DownstreamTlsContext or UpstreamTlsContext (by its descriptor) to an image object in cc->pool.
 * Certificates and keys are read and checked. NULL: errors were added. Helper only.
 */
const nc_tls_conf_t *nc_tls_compile(nc_compile_t *cc, const struct ProtobufCMessage *message);

#endif
