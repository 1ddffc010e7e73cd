/*
 * addr.h: socket addresses. nc_addr_t is any address that configuration can name; nc_peer_t is the
 * compact form kept in every connection (a Unix peer has no name there).
 */
#ifndef NC_OS_ADDR_H
#define NC_OS_ADDR_H

#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NC_ADDR_STRLEN  128u                    /* longest printed address, NUL included */

typedef struct {
    union {
        struct sockaddr      sa;
        struct sockaddr_in   in;
        struct sockaddr_in6  in6;
        struct sockaddr_un   un;
    };
    socklen_t  len;                             /* 0: no address */
} nc_addr_t;

typedef union {
    struct sockaddr      sa;                    /* sa_family 0: unknown */
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;
} nc_peer_t;

/* IPv4 or IPv6 literal (brackets allowed around IPv6, scope ids refused). NC_DECLINED: neither. */
nc_rc_t nc_addr_parse_ip(nc_addr_t *a, nc_str_t ip, uint16_t port);

/* Unix socket path; a leading '@' means the abstract namespace. NC_ERROR: too long or empty. */
nc_rc_t nc_addr_parse_unix(nc_addr_t *a, nc_str_t path);

/* As Envoy prints them: "1.2.3.4:80", "[::1]:80", "/path", "@abstract". */
void nc_addr_print(const nc_addr_t *a, nc_sb_t *out);

bool nc_addr_eq(const nc_addr_t *a, const nc_addr_t *b);

/* Host byte order; 0 for Unix addresses. */
uint16_t nc_addr_port(const nc_addr_t *a);

/* As nc_addr_print; an unknown or Unix peer prints as "@". */
void nc_peer_print(const nc_peer_t *p, nc_sb_t *out);

/* Address without port and brackets. */
void nc_peer_print_ip(const nc_peer_t *p, nc_sb_t *out);

uint16_t nc_peer_port(const nc_peer_t *p);

/* Takes over an IP address; anything else becomes a Unix peer. */
void nc_peer_from(nc_peer_t *p, const struct sockaddr *sa, socklen_t len);

/* RFC 1918, RFC 4193, link-local and loopback, as Envoy's "internal" addresses. */
bool nc_peer_is_internal(const nc_peer_t *p);

bool nc_peer_is_loopback(const nc_peer_t *p);

#endif
