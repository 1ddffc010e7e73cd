/* notify.c: systemd's protocols: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3). */
#include "os/notify.h"
#include "os/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FIRST_FD    3
#define MAX_FDS     4096u

static int        notify_fd = -1;
static nc_addr_t  notify_addr;
static uint64_t   watchdog_us;
static int       *sockets;
static unsigned   n_sockets;


static uint64_t
env_number(const char *name, uint64_t max)
{
    const char  *text = getenv(name);
    uint64_t     n = 0;

    if (text == NULL || nc_str_to_u64(nc_str_c(text), max, &n) != NC_OK) {
        return 0;
    }

    return n;
}


/* Variables that name a process mean us only when it is ours. */
static bool
meant_for_us(const char *name, bool or_unset)
{
    const char  *text = getenv(name);

    return text ? env_number(name, INT32_MAX) == (uint64_t) getpid() : or_unset;
}


static void
take_sockets(void)
{
    n_sockets = (unsigned) env_number("LISTEN_FDS", MAX_FDS);

    if (!meant_for_us("LISTEN_PID", false)) {
        n_sockets = 0;
    }

    if (n_sockets == 0) {
        return;
    }

    sockets = nc_calloc(n_sockets * sizeof(int));

    for (unsigned i = 0; i < n_sockets; i++) {
        sockets[i] = FIRST_FD + (int) i;

        if (fcntl(sockets[i], F_SETFD, FD_CLOEXEC) == -1) {
            sockets[i] = -1;
        } else {
            (void) nc_fd_nonblock(sockets[i], true);
        }
    }
}


void
nc_notify_init(void)
{
    const char  *path = getenv("NOTIFY_SOCKET");

    take_sockets();

    if (path && (path[0] == '/' || path[0] == '@')
        && nc_addr_parse_unix(&notify_addr, nc_str_c(path)) == NC_OK)
    {
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }

    if (meant_for_us("WATCHDOG_PID", true)) {
        watchdog_us = env_number("WATCHDOG_USEC", INT64_MAX);
    }

    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
}


bool
nc_notify_on(void)
{
    return notify_fd != -1;
}


uint64_t
nc_notify_watchdog_us(void)
{
    return notify_fd == -1 ? 0 : watchdog_us;
}


void
nc_notify(const char *fmt, ...)
{
    char      memory[1024];
    nc_sb_t   sb;
    va_list   args;

    if (notify_fd == -1) {
        return;
    }

    nc_sb_fixed(&sb, memory, sizeof(memory));
    va_start(args, fmt);
    nc_sb_vprintf(&sb, fmt, args);
    va_end(args);

    /* Nothing can be done about a manager that does not listen. */
    (void) sendto(notify_fd, sb.data, sb.len, MSG_NOSIGNAL, &notify_addr.sa, notify_addr.len);
}


void
nc_notify_fini(void)
{
    nc_fd_close(&notify_fd);

    for (unsigned i = 0; i < n_sockets; i++) {
        nc_fd_close(&sockets[i]);
    }

    free(sockets);
    sockets = NULL;
    n_sockets = 0;
}


unsigned
nc_notify_n_sockets(void)
{
    return n_sockets;
}


int
nc_notify_socket(unsigned i)
{
    return i < n_sockets ? sockets[i] : -1;
}


int
nc_notify_take_socket(unsigned i)
{
    int  fd = nc_notify_socket(i);

    if (fd != -1) {
        sockets[i] = -1;
    }

    return fd;
}
