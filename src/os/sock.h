/*
 * sock.h: sockets: listening ones as configuration asks for them, pairs, Unix servers and clients,
 * and descriptors that travel over them. Every fd is close-on-exec and non-blocking unless said.
 * Functions that return -1 or NC_ERROR leave errno.
 */
#ifndef NC_OS_SOCK_H
#define NC_OS_SOCK_H

#include "os/addr.h"
#include "os/broker.h"

#define NC_SOCK_MAX_FDS     16u                 /* in one message */

/*
 * A bound, listening socket. TCP_NODELAY is set on it, which accepted sockets inherit. A stale Unix
 * path (nobody listens) is replaced; "Address already in use" when somebody does.
 */
int nc_sock_listen(const nc_addr_t *addr, const nc_listen_options_t *options);

/* The address the socket is bound to. */
nc_rc_t nc_sock_local(int fd, nc_addr_t *addr);

/* Two connected SOCK_SEQPACKET sockets. */
nc_rc_t nc_sock_pair(int fds[2]);

/*
 * SOCK_SEQPACKET server and client at a Unix path; a path too long for an address is reached
 * through its folder. The server's path is replaced, its mode is 0600. The client blocks.
 */
int nc_sock_serve(const char *path);
int nc_sock_dial(const char *path);

/* Who is at the other end of a Unix socket. */
nc_rc_t nc_sock_peer(int fd, uid_t *uid, pid_t *pid);

/*
 * Sends one packet with `n_fds` descriptors (the caller keeps its own). NC_AGAIN: the other end is
 * behind. NC_ERROR: gone.
 */
nc_rc_t nc_sock_send(int fd, const void *data, size_t len, const int *fds, unsigned n_fds);

/*
 * Takes one packet: *len bytes of at most `cap`, *n_fds descriptors of at most NC_SOCK_MAX_FDS,
 * which are the caller's now. NC_AGAIN: none there. NC_DECLINED: the other end has closed.
 * NC_ERROR: broken, or a packet that does not fit (then it is dropped, its descriptors closed).
 */
nc_rc_t nc_sock_recv(int fd, void *data, size_t cap, size_t *len, int *fds, unsigned *n_fds);

nc_rc_t nc_fd_nonblock(int fd, bool on);

/* Closes *fd when it is not -1, and makes it -1. */
void nc_fd_close(int *fd);

#endif
