/*
 * proxy_header.h: the PROXY protocol's header before the bytes of a connection, version 1 (text) and
 * 2 (binary).
 *
 * Invariants:
 *  1. At most NC_PROXY_HEADER_MAX bytes are looked at; a header that says it is longer is refused.
 *  2. Every length is checked against what it lies in: addresses and TLVs against the header's
 *     length, never against the bytes that happen to be there.
 *  3. LOCAL, an unspecified or an unknown family leave the addresses as they are.
 */
#ifndef NC_NET_PROXY_HEADER_H
#define NC_NET_PROXY_HEADER_H

#include "base/str.h"
#include "os/addr.h"

#define NC_PROXY_HEADER_MAX     (16u + 65535u)
#define NC_PROXY_V1_MAX         108u            /* its line, CRLF included */

typedef struct {
    unsigned        version;                    /* 1 or 2 */
    size_t          len;                        /* bytes of the whole header */
    bool            has_addresses;
    nc_peer_t       source;
    nc_peer_t       destination;
    const uint8_t  *tlvs;                       /* version 2: what follows the addresses */
    size_t          tlvs_len;
} nc_proxy_header_t;

/*
 * NC_OK: *h is filled; texts lie in `data`. NC_AGAIN: more bytes are needed. NC_DECLINED: the bytes
 * do not begin as a header does. NC_ERROR: a malformed header.
 */
nc_rc_t nc_proxy_header_parse(nc_proxy_header_t *h, const uint8_t *data, size_t len);

/* Walks the TLVs: start with *at = 0. NC_DECLINED: no more. NC_ERROR: malformed. */
nc_rc_t nc_proxy_tlv_next(const nc_proxy_header_t *h, size_t *at, uint8_t *type, nc_str_t *value);

#endif
