/* base.c: the two ways a process ends itself, and allocation that does not fail. */
#include "base/base.h"

#include <stdarg.h>

uint64_t  nc_bugs;
void    (*nc_bug_hook)(const char *message);


static void
report(const char *message)
{
    if (nc_bug_hook) {
        nc_bug_hook(message);
        return;
    }

    fprintf(stderr, "nuncio: %s\n", message);
}


void
nc_abort_at(const char *file, int line, const char *what)
{
    char  message[512];

    snprintf(message, sizeof(message), "check failed at %s:%d: %s", file, line, what);
    report(message);
    abort();
}


void
nc_fatal(const char *fmt, ...)
{
    char     message[512];
    va_list  args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    report(message);
    abort();
}


bool
nc_bug_at(const char *file, int line, const char *what)
{
    static struct { const char *file; int line; }  seen[64];
    static unsigned                                n_seen;

    nc_bugs++;

#ifdef NC_DEBUG
    nc_abort_at(file, line, what);
#endif

    for (unsigned i = 0; i < n_seen; i++) {
        if (seen[i].file == file && seen[i].line == line) {
            return true;
        }
    }

    if (n_seen < NC_COUNTOF(seen)) {
        char  message[512];

        seen[n_seen].file = file;
        seen[n_seen++].line = line;
        snprintf(message, sizeof(message), "bug at %s:%d: %s", file, line, what);
        report(message);
    }

    return true;
}


void *
nc_malloc(size_t size)
{
    void  *p = malloc(size ? size : 1);

    if (p == NULL) {
        nc_fatal("out of memory: cannot allocate %zu bytes", size);
    }

    return p;
}


void *
nc_calloc(size_t size)
{
    void  *p = calloc(1, size ? size : 1);

    if (p == NULL) {
        nc_fatal("out of memory: cannot allocate %zu bytes", size);
    }

    return p;
}


void *
nc_realloc(void *old, size_t size)
{
    void  *p = realloc(old, size ? size : 1);

    if (p == NULL) {
        nc_fatal("out of memory: cannot allocate %zu bytes", size);
    }

    return p;
}


char *
nc_strdup(const char *s)
{
    size_t  len = strlen(s) + 1;

    return memcpy(nc_malloc(len), s, len);
}
