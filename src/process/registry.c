/* registry.c: listening sockets and log files that all workers share. */
#include "process/registry.h"
#include "os/file.h"
#include "os/notify.h"
#include "os/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>


void
nc_registry_init(nc_registry_t *r, unsigned n_workers, const nc_priv_t *priv)
{
    nc_list_init(&r->entries);
    r->last_key = 0;
    r->n_workers = n_workers;
    r->priv = priv;
}


void
nc_registry_fini(nc_registry_t *r, bool unlink_paths)
{
    nc_list_each_safe(&r->entries, it) {
        nc_registry_drop(nc_container_of(it, nc_shared_t, link), unlink_paths);
    }
}


static nc_shared_t *
entry_new(const char *name, unsigned n_fds)
{
    nc_shared_t  *e = nc_calloc(sizeof(*e));

    e->name = nc_strdup(name);
    e->n_fds = n_fds;
    e->fds = nc_malloc(n_fds * sizeof(int));
    nc_list_init(&e->link);

    for (unsigned i = 0; i < n_fds; i++) {
        e->fds[i] = -1;
    }

    return e;
}


static int
backlog(const nc_listen_options_t *o)
{
    return (int) NC_MIN(o->backlog ? o->backlog : NC_LISTEN_BACKLOG, (uint32_t) INT32_MAX);
}


static bool
is_path(const nc_addr_t *a)
{
    return a->sa.sa_family == AF_UNIX && a->un.sun_path[0] != '\0';
}


void
nc_registry_drop(nc_shared_t *e, bool unlink_path)
{
    for (unsigned i = 0; i < e->n_fds; i++) {
        nc_fd_close(&e->fds[i]);
    }

    if (unlink_path && !e->is_log && e->bound.len && is_path(&e->bound)) {
        unlink(e->bound.un.sun_path);
    }

    nc_list_del(&e->link);
    free(e->fds);
    free(e->name);
    free(e);
}


int
nc_shared_fd(const nc_shared_t *e, unsigned index)
{
    return e->fds[e->n_fds == 1 ? 0 : index];
}


nc_shared_t *
nc_registry_find(nc_registry_t *r, uint32_t key)
{
    nc_list_each(&r->entries, it) {
        nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);

        if (e->key == key) {
            return e;
        }
    }

    return NULL;
}


/* The sockets at this address, when they may serve for what is asked now. */
static nc_shared_t *
find_listener(nc_registry_t *r, const char *name, const nc_addr_t *addr,
    const nc_listen_options_t *o)
{
    nc_list_each(&r->entries, it) {
        nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);

        if (!e->is_log && nc_addr_eq(&e->asked, addr)
            && e->options.reuse_port == o->reuse_port && e->options.transparent == o->transparent
            && e->options.ipv4_compat == o->ipv4_compat
            && e->options.for_helper == o->for_helper
            && (addr->sa.sa_family == AF_UNIX || nc_addr_port(addr) || !strcmp(e->name, name)))
        {
            return e;
        }
    }

    return NULL;
}


/* A socket from the service manager that is bound to this address; -1: none. */
static int
take_activated(const nc_addr_t *addr)
{
    for (unsigned i = 0; i < nc_notify_n_sockets(); i++) {
        nc_addr_t  a;
        int        fd = nc_notify_socket(i);

        if (fd != -1 && nc_sock_local(fd, &a) == NC_OK && nc_addr_eq(&a, addr)) {
            return nc_notify_take_socket(i);
        }
    }

    return -1;
}


/*
 * Binds e->fds; the first one decides the port. Sockets that a service manager handed over come
 * first: as many as workers when it made them so, or a single one, which all workers share.
 */
static nc_rc_t
bind_all(nc_shared_t *e)
{
    bool  activated = false;

    for (unsigned i = 0; i < e->n_fds; i++) {
        e->fds[i] = take_activated(&e->asked);

        if (e->fds[i] != -1) {
            activated = true;
            (void) listen(e->fds[i], backlog(&e->options));
        } else {
            e->fds[i] = nc_sock_listen(i ? &e->bound : &e->asked, &e->options);
        }

        if (e->fds[i] == -1 && i == 1 && activated && errno == EADDRINUSE) {
            e->n_fds = 1;

            return NC_OK;
        }

        if (e->fds[i] == -1 || (i == 0 && nc_sock_local(e->fds[0], &e->bound) != NC_OK)) {
            return NC_ERROR;
        }
    }

    return NC_OK;
}


static void
explain(const char *what, const char *name, char error[NC_BROKER_TEXT])
{
    snprintf(error, NC_BROKER_TEXT, "cannot %s %s: %s", what, name, strerror(errno));
}


nc_shared_t *
nc_registry_listen(nc_registry_t *r, const char *name, const nc_addr_t *addr,
    const nc_listen_options_t *options, bool *is_new, char error[NC_BROKER_TEXT])
{
    nc_shared_t  *e = find_listener(r, name, addr, options);
    bool          each = options->reuse_port && addr->sa.sa_family != AF_UNIX
                         && !options->for_helper;

    *is_new = e == NULL;

    if (e) {
        if (e->options.backlog != options->backlog) {
            for (unsigned i = 0; i < e->n_fds; i++) {
                (void) listen(e->fds[i], backlog(options));
            }
        }

        e->options = *options;
        e->claims++;

        return e;
    }

    e = entry_new(name, each ? r->n_workers : 1);
    e->asked = *addr;
    e->options = *options;

    if (bind_all(e) != NC_OK) {
        char     memory[NC_ADDR_STRLEN];
        nc_sb_t  sb;
        int      saved = errno;

        nc_sb_fixed(&sb, memory, sizeof(memory));
        nc_addr_print(addr, &sb);
        errno = saved;
        explain("bind", nc_sb_c(&sb), error);
        nc_registry_drop(e, false);

        return NULL;
    }

    e->key = ++r->last_key;
    e->claims = 1;
    nc_list_append(&r->entries, &e->link);

    return e;
}


/* 1 or 2 for the names of standard output and error, else -1. */
static int
standard_fd(const char *path)
{
    static const struct {
        const char  *path;
        int          fd;
    } names[] = {
        { "/dev/stdout", 1 }, { "/proc/self/fd/1", 1 }, { "/dev/fd/1", 1 },
        { "/dev/stderr", 2 }, { "/proc/self/fd/2", 2 }, { "/dev/fd/2", 2 },
    };

    for (size_t i = 0; i < NC_COUNTOF(names); i++) {
        if (strcmp(path, names[i].path) == 0) {
            return names[i].fd;
        }
    }

    return -1;
}


/* -1 with errno. */
static int
open_log(const nc_registry_t *r, const char *path)
{
    struct stat  st;
    int          fd = standard_fd(path);

    if (fd != -1) {
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }

    /* O_NONBLOCK: a FIFO that nobody reads must not stop the master. */
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

    if (fd == -1) {
        return -1;
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        (void) nc_fd_nonblock(fd, false);

        if (r->priv && r->priv->drop && st.st_size == 0 && st.st_uid == 0) {
            if (fchown(fd, r->priv->uid, r->priv->gid) == -1) {
                return fd;                      /* workers write by the fd, not by the name */
            }
        }
    }

    return fd;
}


nc_shared_t *
nc_registry_open_log(nc_registry_t *r, const char *path, bool *is_new, char error[NC_BROKER_TEXT])
{
    nc_shared_t  *e;

    *is_new = false;

    nc_list_each(&r->entries, it) {
        e = nc_container_of(it, nc_shared_t, link);

        if (e->is_log && strcmp(e->name, path) == 0) {
            e->claims++;

            return e;
        }
    }

    e = entry_new(path, 1);
    e->is_log = true;
    e->fds[0] = open_log(r, path);

    if (e->fds[0] == -1) {
        explain("open", path, error);
        nc_registry_drop(e, false);

        return NULL;
    }

    e->key = ++r->last_key;
    e->claims = 1;
    nc_list_append(&r->entries, &e->link);
    *is_new = true;

    return e;
}


nc_rc_t
nc_registry_reopen(nc_registry_t *r, nc_shared_t *e, char error[NC_BROKER_TEXT])
{
    int  fd = open_log(r, e->name);

    if (fd == -1) {
        explain("reopen", e->name, error);

        return NC_ERROR;
    }

    nc_fd_close(&e->fds[0]);
    e->fds[0] = fd;

    return NC_OK;
}


bool
nc_registry_release(nc_shared_t *e)
{
    if (e->claims > 0) {
        e->claims--;
    }

    return e->claims == 0;
}


void
nc_registry_unclaim(nc_registry_t *r)
{
    nc_list_each(&r->entries, it) {
        nc_container_of(it, nc_shared_t, link)->claims = 0;
    }
}
