/*
 * client_hello.h: what a TLS ClientHello says, read from the first bytes of a connection without
 * taking part in the handshake (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
 *
 * Invariants:
 *  1. Every length is checked against the part that it lies in; nothing is read twice by two rules.
 *  2. Texts lie in the memory given by the caller; lists are bounded.
 */
#ifndef NC_NET_CLIENT_HELLO_H
#define NC_NET_CLIENT_HELLO_H

#include "base/str.h"

#define NC_HELLO_ALPN_MAX       16u             /* protocols that are looked at */
#define NC_HELLO_LIST_MAX       512u            /* entries of a list that count for a fingerprint */

typedef struct {
    uint16_t  items[NC_HELLO_LIST_MAX];
    uint32_t  n;
} nc_hello_list_t;

typedef struct {
    bool             too_large;                 /* NC_ERROR, and this is why */
    uint16_t         version;                   /* legacy_version */
    uint16_t         best_version;              /* of supported_versions; else version */
    nc_str_t         server_name;               /* as sent; data NULL: none */
    nc_str_t         alpn[NC_HELLO_ALPN_MAX];
    uint32_t         n_alpn;
    nc_hello_list_t  ciphers;
    nc_hello_list_t  extensions;                /* in order, as sent */
    nc_hello_list_t  groups;
    nc_hello_list_t  point_formats;
    nc_hello_list_t  signatures;
} nc_client_hello_t;

/*
 * Reads the ClientHello at the start of `data`, which may be cut over several TLS records; they are
 * put together in `room` (`cap` bytes), where the texts lie then. NC_OK. NC_AGAIN: more bytes are
 * needed. NC_DECLINED: it is not TLS. NC_ERROR: TLS, but malformed, or it does not fit.
 */
nc_rc_t nc_client_hello_parse(nc_client_hello_t *h, const uint8_t *data, size_t len, uint8_t *room,
    size_t cap);

/* JA3: MD5 of the hello's numbers, 32 hexadecimal digits at `out`. */
void nc_client_hello_ja3(const nc_client_hello_t *h, char out[33]);

/* JA4 of a TLS connection over TCP ("t13d1516h2_8daaf6152771_e5627efa2ab1"), at most 36 bytes. */
void nc_client_hello_ja4(const nc_client_hello_t *h, char out[40]);

#endif
