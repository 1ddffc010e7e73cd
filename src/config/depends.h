/*
 * depends.h: what else than its own message a resource was made of: files and secrets. Says at a
 * load whether one of them has changed, and watches the folders that configuration asks to watch.
 *
 * Invariants:
 *  1. A file is noted before it is read, so that a change in between is found at the next look.
 *  2. A folder is watched as long as a resource in use asks for it.
 */
#ifndef NC_CONFIG_DEPENDS_H
#define NC_CONFIG_DEPENDS_H

#include "base/str.h"
#include "base/vec.h"

/* What one resource depends on. Zeroed is empty. */
typedef struct {
    NC_VEC(struct nc_depend_s)  on;
    NC_VEC(char *)              folders;        /* to be watched */
} nc_depends_t;

struct nc_depend_s {
    char      *name;                            /* path of a file, or name of a secret */
    bool       secret;
    uint64_t   digest;                          /* of its content; 0: it is not there */
};

/* Notes the file ("": none) and the folder (may be NULL); what is noted already is not again. */
void nc_depends_on_file(nc_depends_t *d, const char *path, const char *folder);

/* `digest` 0: there is no such secret. */
void nc_depends_on_secret(nc_depends_t *d, const char *name, uint64_t digest);

/* Digest of a secret now. */
typedef uint64_t nc_depends_secret_fn(void *ctx, nc_str_t name);

/* True when a file or a secret is not what it was when it was noted. */
bool nc_depends_changed(const nc_depends_t *d, nc_depends_secret_fn *secret, void *ctx);

void nc_depends_fini(nc_depends_t *d);


/*
 * Watching: `changed` is called soon after something was renamed into a watched folder, or written
 * or made in it, once for all that comes in NC_DEPENDS_QUIET_MS. One watch in a process.
 */
#define NC_DEPENDS_QUIET_MS     20u

void nc_watch_init(void (*changed)(void));
void nc_watch_fini(void);

/* The folders to watch from now on: begin, add each (again and again is fine), end. */
void nc_watch_begin(void);
void nc_watch_add(const char *folder);
void nc_watch_end(void);

#endif
