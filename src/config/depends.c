/*
 * depends.c: see depends.h. A folder is watched for renames into it: that is how a file, or the
 * symbolic link beside it that a whole set of files hangs on, is replaced without a moment in which
 * half of it is there.
 */
#include "config/depends.h"

#include "base/hash.h"
#include "event/loop.h"
#include "log/log.h"
#include "os/file.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES   (64u << 20)                 /* of a file; the rest is not looked at */

/* Renames into the folder, edits in place, links that are made anew. */
#define EVENTS      (IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE)

typedef struct {
    int   wd;
    bool  wanted;                               /* by the set that is being told */
} watch_t;

static struct {
    void           (*changed)(void);
    nc_event_t       event;
    nc_timer_t       timer;
    nc_map_t         folders;                   /* path to watch_t */
} watch = { .event.fd = -1 };


/* Keyed by the process: a new helper compiles everything anew. */
static uint64_t
digest_of_file(const char *path)
{
    struct stat  st;
    uint64_t     digest = 0;
    nc_sb_t      content;

    nc_sb_init(&content);

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)
        && nc_file_read(path, MAX_BYTES, &content) == NC_OK)
    {
        digest = nc_hash(nc_sb_str(&content));
        digest = digest ? digest : 1;
    }

    nc_sb_fini(&content);

    return digest;
}


static void
note(nc_depends_t *d, const char *name, bool secret, uint64_t digest)
{
    nc_vec_push(&d->on, ((struct nc_depend_s) { nc_strdup(name), secret, digest }));
}


static bool
has(const nc_depends_t *d, const char *name, bool secret)
{
    for (size_t i = 0; i < d->on.n; i++) {
        if (d->on.items[i].secret == secret && strcmp(d->on.items[i].name, name) == 0) {
            return true;
        }
    }

    return false;
}


void
nc_depends_on_file(nc_depends_t *d, const char *path, const char *folder)
{
    if (path[0] && !has(d, path, false)) {
        note(d, path, false, digest_of_file(path));
    }

    if (folder == NULL || folder[0] == '\0') {
        return;
    }

    for (size_t i = 0; i < d->folders.n; i++) {
        if (strcmp(d->folders.items[i], folder) == 0) {
            return;
        }
    }

    nc_vec_push(&d->folders, nc_strdup(folder));
}


void
nc_depends_on_secret(nc_depends_t *d, const char *name, uint64_t digest)
{
    if (!has(d, name, true)) {
        note(d, name, true, digest);
    }
}


bool
nc_depends_changed(const nc_depends_t *d, nc_depends_secret_fn *secret, void *ctx)
{
    for (size_t i = 0; i < d->on.n; i++) {
        const struct nc_depend_s  *on = &d->on.items[i];
        uint64_t                   now = on->secret ? secret(ctx, nc_str_c(on->name))
                                                    : digest_of_file(on->name);

        if (now != on->digest) {
            return true;
        }
    }

    return false;
}


void
nc_depends_fini(nc_depends_t *d)
{
    for (size_t i = 0; i < d->on.n; i++) {
        free(d->on.items[i].name);
    }

    for (size_t i = 0; i < d->folders.n; i++) {
        free(d->folders.items[i]);
    }

    nc_vec_fini(&d->on);
    nc_vec_fini(&d->folders);
}


/* ---- watching ---- */

static void
on_quiet(nc_timer_t *t)
{
    (void) t;
    watch.changed();
}


/* Which file it was does not matter: digests tell. Events that were lost count as one. */
static void
on_events(nc_event_t *ev, uint32_t events)
{
    char                  buffer[4096];
    struct inotify_event  e;
    ssize_t               n;

    (void) events;

    do {
        n = read(ev->fd, buffer, sizeof(buffer));

        for (ssize_t at = 0; at < n; at += (ssize_t) (sizeof(e) + e.len)) {
            memcpy(&e, buffer + at, sizeof(e));

            if ((e.mask & (EVENTS | IN_Q_OVERFLOW)) && !nc_timer_running(&watch.timer)) {
                nc_timer_start(&watch.timer, NC_DEPENDS_QUIET_MS);
            }
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
}


void
nc_watch_init(void (*changed)(void))
{
    watch.changed = changed;
    nc_map_init(&watch.folders);
    nc_timer_init(&watch.timer, on_quiet);
}


void
nc_watch_fini(void)
{
    size_t    at = 0;
    nc_str_t  folder;
    void     *w;

    while (nc_map_next(&watch.folders, &at, &folder, &w)) {
        free(w);
    }

    nc_map_fini(&watch.folders);
    nc_timer_fini(&watch.timer);

    if (watch.event.fd >= 0) {
        int  fd = watch.event.fd;

        nc_event_del(&watch.event);
        close(fd);
    }
}


void
nc_watch_begin(void)
{
    size_t    at = 0;
    nc_str_t  folder;
    void     *w;

    while (nc_map_next(&watch.folders, &at, &folder, &w)) {
        ((watch_t *) w)->wanted = false;
    }
}


static bool
open_watch(void)
{
    int  fd;

    if (watch.event.fd >= 0) {
        return true;
    }

    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd >= 0 && nc_event_add(&watch.event, fd, on_events) == NC_OK) {
        return true;
    }

    if (fd >= 0) {
        close(fd);
    }

    return false;
}


void
nc_watch_add(const char *folder)
{
    watch_t  *w = nc_map_get(&watch.folders, nc_str_c(folder));
    int       wd;

    if (w && w->wanted) {
        return;
    }

    /* One that is watched already is told again: another folder may have its place. */
    wd = open_watch() ? inotify_add_watch(watch.event.fd, folder, EVENTS | IN_ONLYDIR) : -1;

    if (wd < 0) {
        nc_log(WARNING, CONFIG, "the folder %s cannot be watched: %s", folder, strerror(errno));
        return;
    }

    if (w == NULL) {
        w = nc_calloc(sizeof(*w));
        nc_map_set(&watch.folders, nc_str_c(folder), w);
    }

    *w = (watch_t) { wd, true };
}


/* Two paths may lead to one folder, which the kernel knows by one number. */
static bool
still_wanted(int wd)
{
    size_t    at = 0;
    nc_str_t  folder;
    void     *w;

    while (nc_map_next(&watch.folders, &at, &folder, &w)) {
        if (((watch_t *) w)->wd == wd && ((watch_t *) w)->wanted) {
            return true;
        }
    }

    return false;
}


void
nc_watch_end(void)
{
    NC_VEC(char *)  gone = NC_VEC_INIT;
    size_t          at = 0;
    nc_str_t        folder;
    void           *w;

    while (nc_map_next(&watch.folders, &at, &folder, &w)) {
        if (!((watch_t *) w)->wanted) {
            nc_vec_push(&gone, nc_str_dup_c(folder));
        }
    }

    for (size_t i = 0; i < gone.n; i++) {
        watch_t  *old = nc_map_del(&watch.folders, nc_str_c(gone.items[i]));

        if (!still_wanted(old->wd)) {
            (void) inotify_rm_watch(watch.event.fd, old->wd);
        }

        free(old);
        free(gone.items[i]);
    }

    nc_vec_fini(&gone);
}
