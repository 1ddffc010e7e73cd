/* sock.c: sockets, and descriptors that travel over them. */
#include "os/sock.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>


void
nc_fd_close(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}


nc_rc_t
nc_fd_nonblock(int fd, bool on)
{
    int  flags = fcntl(fd, F_GETFL);

    if (flags == -1) {
        return NC_ERROR;
    }

    flags = on ? (flags | O_NONBLOCK) : (flags & ~O_NONBLOCK);

    return fcntl(fd, F_SETFL, flags) == -1 ? NC_ERROR : NC_OK;
}


/* Closes fd with errno kept; -1 for `return`. */
static int
close_failed(int fd)
{
    int  e = errno;

    close(fd);
    errno = e;

    return -1;
}


static bool
set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}


static bool
set_ip_options(int fd, int family, const nc_listen_options_t *o)
{
    if (family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !o->ipv4_compat)) {
        return false;
    }

    if (o->transparent) {
        if (!set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1)) {
            return false;
        }

        if (family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)) {
            return false;
        }
    }

    if (o->freebind) {
        if (!set_int(fd, IPPROTO_IP, IP_FREEBIND, 1)) {
            return false;
        }

        if (family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)) {
            return false;
        }
    }

    if (!set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        || (o->reuse_port && !set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        || !set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1))
    {
        return false;
    }

    if (o->fast_open) {
        (void) set_int(fd, IPPROTO_TCP, TCP_FASTOPEN, (int) o->fast_open);
    }

    return true;
}


/* A path that nobody listens at any more is removed. NC_ERROR with errno: somebody does. */
static nc_rc_t
clear_stale_path(const nc_addr_t *addr)
{
    struct stat  st;
    int          fd, rc, e;

    if (addr->un.sun_path[0] == '\0' || lstat(addr->un.sun_path, &st) == -1) {
        return NC_OK;
    }

    if (!S_ISSOCK(st.st_mode)) {
        errno = EADDRINUSE;

        return NC_ERROR;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return NC_ERROR;
    }

    rc = connect(fd, &addr->sa, addr->len);
    e = errno;
    close(fd);

    if (rc == -1 && e == ECONNREFUSED) {
        return unlink(addr->un.sun_path) == -1 ? NC_ERROR : NC_OK;
    }

    errno = (rc == 0 || e == EAGAIN || e == EPROTOTYPE) ? EADDRINUSE : e;

    return NC_ERROR;
}


int
nc_sock_listen(const nc_addr_t *addr, const nc_listen_options_t *o)
{
    int   family = addr->sa.sa_family;
    int   backlog = (int) NC_MIN(o->backlog ? o->backlog : NC_LISTEN_BACKLOG, (uint32_t) INT32_MAX);
    int   fd;
    bool  path = family == AF_UNIX && addr->un.sun_path[0] != '\0';

    if (family == AF_UNIX && clear_stale_path(addr) != NC_OK) {
        return -1;
    }

    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    if (family != AF_UNIX && !set_ip_options(fd, family, o)) {
        return close_failed(fd);
    }

    if (bind(fd, &addr->sa, addr->len) == -1) {
        return close_failed(fd);
    }

    if (path && o->mode && chmod(addr->un.sun_path, (mode_t) o->mode & 0777) == -1) {
        return close_failed(fd);
    }

    if (listen(fd, backlog) == -1) {
        return close_failed(fd);
    }

    return fd;
}


nc_rc_t
nc_sock_local(int fd, nc_addr_t *addr)
{
    socklen_t  len = sizeof(addr->un);

    memset(addr, 0, sizeof(*addr));

    if (getsockname(fd, &addr->sa, &len) == -1) {
        return NC_ERROR;
    }

    addr->len = len;

    return NC_OK;
}


nc_rc_t
nc_sock_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == -1
        ? NC_ERROR : NC_OK;
}


/*
 * Address of a Unix path. One that is too long is named through an open descriptor of its folder,
 * which must live until bind or connect is done (*dir_fd, else -1).
 */
static nc_rc_t
unix_address(const char *path, nc_addr_t *addr, int *dir_fd)
{
    char         *copy;
    const char   *base = strrchr(path, '/');
    int           n;

    memset(addr, 0, sizeof(*addr));
    addr->un.sun_family = AF_UNIX;
    addr->len = sizeof(addr->un);
    *dir_fd = -1;

    if (strlen(path) < sizeof(addr->un.sun_path)) {
        strcpy(addr->un.sun_path, path);

        return NC_OK;
    }

    copy = nc_strdup(path);
    *dir_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(copy);

    if (*dir_fd == -1) {
        return NC_ERROR;
    }

    n = snprintf(addr->un.sun_path, sizeof(addr->un.sun_path), "/proc/self/fd/%d/%s", *dir_fd,
        base ? base + 1 : path);

    if (n < 0 || (size_t) n >= sizeof(addr->un.sun_path)) {
        nc_fd_close(dir_fd);
        errno = ENAMETOOLONG;

        return NC_ERROR;
    }

    return NC_OK;
}


int
nc_sock_serve(const char *path)
{
    nc_addr_t  addr;
    mode_t     old;
    int        fd, dir_fd, rc;

    if (unix_address(path, &addr, &dir_fd) != NC_OK) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        nc_fd_close(&dir_fd);

        return -1;
    }

    unlink(path);
    old = umask(0177);
    rc = bind(fd, &addr.sa, addr.len);
    umask(old);

    if (rc == -1 || listen(fd, 16) == -1) {
        int  e = errno;

        nc_fd_close(&dir_fd);
        errno = e;

        return close_failed(fd);
    }

    nc_fd_close(&dir_fd);

    return fd;
}


int
nc_sock_dial(const char *path)
{
    nc_addr_t  addr;
    int        fd, dir_fd, rc, e;

    if (unix_address(path, &addr, &dir_fd) != NC_OK) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        nc_fd_close(&dir_fd);

        return -1;
    }

    rc = connect(fd, &addr.sa, addr.len);
    e = errno;
    nc_fd_close(&dir_fd);
    errno = e;

    return rc == -1 ? close_failed(fd) : fd;
}


nc_rc_t
nc_sock_peer(int fd, uid_t *uid, pid_t *pid)
{
    struct ucred  cred;
    socklen_t     len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
        return NC_ERROR;
    }

    *uid = cred.uid;
    *pid = cred.pid;

    return NC_OK;
}


nc_rc_t
nc_sock_send(int fd, const void *data, size_t len, const int *fds, unsigned n_fds)
{
    union {
        struct cmsghdr  head;
        char            room[CMSG_SPACE(NC_SOCK_MAX_FDS * sizeof(int))];
    } control;
    struct iovec   iov = { (void *) (uintptr_t) data, len };
    struct msghdr  msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t        n;

    NC_CHECK(n_fds <= NC_SOCK_MAX_FDS);

    if (n_fds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
    }

    do {
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) ? NC_AGAIN : NC_ERROR;
    }

    return NC_OK;
}


/* Descriptors out of the control data. */
static unsigned
take_fds(struct msghdr *msg, int *fds)
{
    unsigned  n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t  in;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        in = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < in; i++) {
            int  fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));

            if (n < NC_SOCK_MAX_FDS) {
                fds[n++] = fd;
            } else {
                close(fd);
            }
        }
    }

    return n;
}


nc_rc_t
nc_sock_recv(int fd, void *data, size_t cap, size_t *len, int *fds, unsigned *n_fds)
{
    union {
        struct cmsghdr  head;
        char            room[CMSG_SPACE(NC_SOCK_MAX_FDS * sizeof(int))];
    } control;
    struct iovec   iov = { data, cap };
    struct msghdr  msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.room, .msg_controllen = sizeof(control.room),
    };
    ssize_t        n;

    *n_fds = 0;

    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return (errno == EAGAIN) ? NC_AGAIN : (errno == ECONNRESET) ? NC_DECLINED : NC_ERROR;
    }

    *n_fds = take_fds(&msg, fds);

    if (n == 0) {                               /* nobody here sends empty packets */
        while (*n_fds) {
            close(fds[--*n_fds]);
        }

        return NC_DECLINED;
    }

    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        while (*n_fds) {
            close(fds[--*n_fds]);
        }

        errno = EMSGSIZE;

        return NC_ERROR;
    }

    *len = (size_t) n;

    return NC_OK;
}
