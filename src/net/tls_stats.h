/* tls_stats.h: Envoy's stats of TLS: listener.<address>.ssl. and cluster.<name>.ssl. */
#ifndef NC_NET_TLS_STATS_H
#define NC_NET_TLS_STATS_H

#include "stats/stats.h"

#define NC_TLS_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(connection_error)  \
    COUNTER(fail_verify_cert_hash)  \
    COUNTER(fail_verify_error)  \
    COUNTER(fail_verify_no_cert)  \
    COUNTER(fail_verify_san)  \
    COUNTER(handshake)  \
    COUNTER(no_certificate)  \
    COUNTER(ocsp_staple_failed)  \
    COUNTER(ocsp_staple_omitted)  \
    COUNTER(ocsp_staple_requests)  \
    COUNTER(ocsp_staple_responses)  \
    COUNTER(session_reused)  \
    COUNTER(was_key_usage_invalid)

NC_STATS_STRUCT(nc_tls_stats, NC_TLS_STATS)

/* What handshakes agreed on: protocol number, and the stat's name. */
#define NC_TLS_VERSIONS(X)  \
    X(0x0301, "versions.TLSv1")  \
    X(0x0302, "versions.TLSv1.1")  \
    X(0x0303, "versions.TLSv1.2")  \
    X(0x0304, "versions.TLSv1.3")

/* Numbers of the registry of cipher suites. */
#define NC_TLS_CIPHERS(X)  \
    X(0x1301, "ciphers.TLS_AES_128_GCM_SHA256")  \
    X(0x1302, "ciphers.TLS_AES_256_GCM_SHA384")  \
    X(0x1303, "ciphers.TLS_CHACHA20_POLY1305_SHA256")  \
    X(0xc02b, "ciphers.ECDHE-ECDSA-AES128-GCM-SHA256")  \
    X(0xc02c, "ciphers.ECDHE-ECDSA-AES256-GCM-SHA384")  \
    X(0xcca9, "ciphers.ECDHE-ECDSA-CHACHA20-POLY1305")  \
    X(0xc02f, "ciphers.ECDHE-RSA-AES128-GCM-SHA256")  \
    X(0xc030, "ciphers.ECDHE-RSA-AES256-GCM-SHA384")  \
    X(0xcca8, "ciphers.ECDHE-RSA-CHACHA20-POLY1305")  \
    X(0xc009, "ciphers.ECDHE-ECDSA-AES128-SHA")  \
    X(0xc00a, "ciphers.ECDHE-ECDSA-AES256-SHA")  \
    X(0xc013, "ciphers.ECDHE-RSA-AES128-SHA")  \
    X(0xc014, "ciphers.ECDHE-RSA-AES256-SHA")  \
    X(0x009c, "ciphers.AES128-GCM-SHA256")  \
    X(0x009d, "ciphers.AES256-GCM-SHA384")  \
    X(0x002f, "ciphers.AES128-SHA")  \
    X(0x0035, "ciphers.AES256-SHA")  \
    X(0, "ciphers.other")

/* The library's numbers of groups (NIDs). */
#define NC_TLS_CURVES(X)  \
    X(1034, "curves.X25519")  \
    X(415, "curves.P-256")  \
    X(715, "curves.P-384")  \
    X(716, "curves.P-521")  \
    X(1035, "curves.X448")  \
    X(0, "curves.other")

/* What the peer signed with: type and digest as the library numbers them. */
#define NC_TLS_SIGALGS(X)  \
    X(6, 672, "sigalgs.rsa_pkcs1_sha256")  \
    X(6, 673, "sigalgs.rsa_pkcs1_sha384")  \
    X(6, 674, "sigalgs.rsa_pkcs1_sha512")  \
    X(408, 672, "sigalgs.ecdsa_secp256r1_sha256")  \
    X(408, 673, "sigalgs.ecdsa_secp384r1_sha384")  \
    X(408, 674, "sigalgs.ecdsa_secp521r1_sha512")  \
    X(912, 672, "sigalgs.rsa_pss_rsae_sha256")  \
    X(912, 673, "sigalgs.rsa_pss_rsae_sha384")  \
    X(912, 674, "sigalgs.rsa_pss_rsae_sha512")  \
    X(1087, 0, "sigalgs.ed25519")

#define NC_TLS_COUNT1(a, name)          + 1
#define NC_TLS_COUNT2(a, b, name)       + 1

enum {
    NC_TLS_N_VERSIONS = 0 NC_TLS_VERSIONS(NC_TLS_COUNT1),
    NC_TLS_N_CIPHERS = 0 NC_TLS_CIPHERS(NC_TLS_COUNT1),
    NC_TLS_N_CURVES = 0 NC_TLS_CURVES(NC_TLS_COUNT1),
    NC_TLS_N_SIGALGS = 0 NC_TLS_SIGALGS(NC_TLS_COUNT2)
};

/* A group, in this order. */
typedef struct {
    nc_counter_t  versions[NC_TLS_N_VERSIONS];
    nc_counter_t  ciphers[NC_TLS_N_CIPHERS];
    nc_counter_t  curves[NC_TLS_N_CURVES];
    nc_counter_t  sigalgs[NC_TLS_N_SIGALGS];
} nc_tls_used_stats_t;

void nc_tls_used_stats_init(nc_tls_used_stats_t *s, nc_stats_owner_t *owner, nc_str_t prefix);

#endif
