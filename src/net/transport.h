/*
 * transport.h: transport sockets: what stands between a connection and its bytes (TLS, PROXY
 * protocol). A connection without one is raw: recv and send.
 *
 * Invariants:
 *  1. read and write behave as recv and send do on a non-blocking socket, with errno; EPIPE of read
 *     is an end that came too early, EPROTO a failure of the transport itself. They never block, and
 *     never call the connection's owner. A read that gives less than was asked for has found no
 *     more, or `pending` is true.
 *  2. Until `handshake` has returned NC_OK, the owner sees neither on_read nor on_connected, and
 *     what it writes stays queued.
 *  3. What the transport keeps back (decrypted bytes that nobody has read) shows in `pending`, since
 *     the kernel will not report it again.
 */
#ifndef NC_NET_TRANSPORT_H
#define NC_NET_TRANSPORT_H

#include "base/module.h"
#include "net/buf.h"
#include "os/addr.h"

struct nc_conn_s;

/* What a connection to an upstream host is made for; bytes live during the call. */
typedef struct {
    nc_str_t          host;                     /* name of the host; may be empty */
    nc_str_t          sni;                      /* instead of the configured one; data NULL: none */
    nc_str_t          alpn;                     /* when none is configured; as on the wire */
    bool              check_sni;                /* the certificate must be for `sni` */
    const nc_peer_t  *remote;                   /* of the downstream connection, or NULL */
    const nc_peer_t  *local;
} nc_transport_options_t;

typedef struct nc_transport_ops_s {
    /*
     * State for one connection, before its first byte. `o`: we connected; NULL: we accepted it.
     * NULL: failed, *why is static text.
     */
    void     *(*create)(struct nc_conn_s *c, const void *conf, const nc_transport_options_t *o,
        const char **why);
    void      (*destroy)(struct nc_conn_s *c, void *state);

    /* Goes on with the handshake. NC_AGAIN: waits for the socket. NC_ERROR: failure() says why. */
    nc_rc_t   (*handshake)(struct nc_conn_s *c, void *state);

    ssize_t   (*read)(struct nc_conn_s *c, void *state, void *data, size_t n);
    ssize_t   (*write)(struct nc_conn_s *c, void *state, const struct iovec *iov, int n);
    bool      (*pending)(const void *state);

    /*
     * What `write` took and the socket did not: true while there is some; flush sends it (false:
     * errno says why some is left). NULL: `write` takes no more than the socket does.
     */
    bool      (*unsent)(const void *state);
    bool      (*flush)(struct nc_conn_s *c, void *state);

    /* Says goodbye (TLS close_notify) before the sending side is shut; may be NULL. */
    void      (*shutdown)(struct nc_conn_s *c, void *state);

    /* Why it failed, for logs and %UPSTREAM_TRANSPORT_FAILURE_REASON%; static or state memory. */
    const char *(*failure)(const void *state);

    /* The protocol agreed by ALPN; empty: none. */
    nc_str_t  (*alpn)(const void *state);

    /* Envoy's transport_protocol name ("tls"). */
    const char  *protocol;

    bool         upstream_only;                 /* makes no sense on accepted connections */
} nc_transport_ops_t;

#endif
