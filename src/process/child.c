/* child.c: what helper and workers do right after the fork. */
#include "process/child.h"
#include "event/loop.h"
#include "log/log.h"
#include "os/family.h"
#include "os/title.h"
#include "process/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>


/* The terminal's and the user's signals are for the master, which tells its children. */
static void
ignore_signals(void)
{
    static const int  ignored[] = {
        SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH
    };
    sigset_t          none;

    for (size_t i = 0; i < NC_COUNTOF(ignored); i++) {
        (void) signal(ignored[i], SIG_IGN);
    }

    sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}


void
nc_child_init(const nc_child_t *child, const char *title)
{
    nc_title_set(title);
    nc_log_set_process(title);
    ignore_signals();
    nc_family_use(child->role == NC_ROLE_HELPER ? 0 : 1 + child->index);
    nc_crash_init();
    nc_priv_drop(child->priv, child->role == NC_ROLE_HELPER);

    if (child->options->enable_core_dump) {
        nc_priv_enable_core();
    }

    if (nc_loop_init() != NC_OK) {
        nc_fatal("cannot make an event loop: %s", strerror(errno));
    }
}


void
nc_child_detach_output(void)
{
    int  fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd != -1) {
        (void) dup2(fd, STDIN_FILENO);
        (void) dup2(fd, STDOUT_FILENO);
        (void) dup2(fd, STDERR_FILENO);
        close(fd);
    }
}


void
nc_child_drain_wake(int fd)
{
    uint64_t  n;

    (void) !read(fd, &n, sizeof(n));
}


void
nc_wake(int fd)
{
    uint64_t  one = 1;

    (void) !write(fd, &one, sizeof(one));       /* full means that it is awake anyway */
}
