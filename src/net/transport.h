/*
 * transport.h: transport sockets: what stands between a connection and its bytes (TLS, PROXY
 * protocol). A connection without one is raw: recv and send.
 *
 * Invariants:
 *  1. read and write behave as recv and send do on a non-blocking socket, with errno. They never
 *     block, and never call the connection's owner.
 *  2. Until `handshake` has returned NC_OK, the owner sees neither on_read nor on_connected, and
 *     what it writes stays queued.
 *  3. What the transport keeps back (decrypted bytes that nobody has read) shows in `pending`, since
 *     the kernel will not report it again.
 */
#ifndef NC_NET_TRANSPORT_H
#define NC_NET_TRANSPORT_H

#include "base/module.h"
#include "net/buf.h"

struct nc_conn_s;

typedef struct nc_transport_ops_s {
    /*
     * State for one connection, before its first byte. `client`: we connected. `host` is the name
     * of the upstream host for client ones (may be empty). NULL: failed, *why is static text.
     */
    void     *(*create)(struct nc_conn_s *c, const void *conf, bool client, nc_str_t host,
        const char **why);
    void      (*destroy)(struct nc_conn_s *c, void *state);

    /* Goes on with the handshake. NC_AGAIN: waits for the socket. NC_ERROR: failure() says why. */
    nc_rc_t   (*handshake)(struct nc_conn_s *c, void *state);

    ssize_t   (*read)(struct nc_conn_s *c, void *state, void *data, size_t n);
    ssize_t   (*write)(struct nc_conn_s *c, void *state, const struct iovec *iov, int n);
    bool      (*pending)(const void *state);

    /* Says goodbye (TLS close_notify) before the sending side is shut; may be NULL. */
    void      (*shutdown)(struct nc_conn_s *c, void *state);

    /* Why it failed, for logs and %UPSTREAM_TRANSPORT_FAILURE_REASON%; static or state memory. */
    const char *(*failure)(const void *state);

    /* The protocol agreed by ALPN; empty: none. */
    nc_str_t  (*alpn)(const void *state);

    /* Envoy's transport_protocol name ("tls"). */
    const char  *protocol;
} nc_transport_ops_t;

#endif
