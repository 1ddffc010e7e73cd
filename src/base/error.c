/* error.c: a list of located errors. */
#include "base/error.h"


void
nc_errors_init(nc_errors_t *errors)
{
    *errors = (nc_errors_t) { 0 };
    nc_pool_init(&errors->pool, &nc_pool_heap);
    errors->last = &errors->first;
}


void
nc_errors_fini(nc_errors_t *errors)
{
    nc_pool_fini(&errors->pool);
    errors->first = NULL;
    errors->last = &errors->first;
    errors->n = errors->n_warnings = 0;
}


static void
add(nc_errors_t *errors, nc_error_t e, const char *fmt, va_list args)
{
    nc_error_t  *copy = nc_pool_alloc(&errors->pool, sizeof(*copy));
    nc_sb_t      text;

    nc_sb_init(&text);
    nc_sb_vprintf(&text, fmt, args);

    *copy = e;
    copy->next = NULL;
    copy->file = e.file ? nc_pool_strdup(&errors->pool, e.file) : NULL;
    copy->path = nc_pool_strdup(&errors->pool, e.path ? e.path : "");
    copy->message = nc_pool_str(&errors->pool, nc_sb_str(&text)).data;
    *errors->last = copy;
    errors->last = &copy->next;

    nc_sb_fini(&text);
}


nc_rc_t
nc_errors_add(nc_errors_t *errors, const char *file, unsigned line, unsigned column,
    const char *path, const char *fmt, ...)
{
    va_list     args;
    nc_error_t  e = { .file = file, .line = line, .column = column, .path = path };

    va_start(args, fmt);
    add(errors, e, fmt, args);
    va_end(args);
    errors->n++;

    return NC_ERROR;
}


void
nc_errors_warn(nc_errors_t *errors, const char *file, unsigned line, unsigned column,
    const char *path, const char *fmt, ...)
{
    va_list     args;
    nc_error_t  e = { .file = file, .line = line, .column = column, .path = path,
                      .warning = true };

    va_start(args, fmt);
    add(errors, e, fmt, args);
    va_end(args);
    errors->n_warnings++;
}


void
nc_error_print(const nc_error_t *e, nc_sb_t *out)
{
    if (e->file) {
        nc_sb_c_add(out, e->file);

        if (e->line) {
            nc_sb_printf(out, ":%u:%u", e->line, e->column);
        }

        nc_sb_c_add(out, ": ");
    }

    if (e->path[0]) {
        nc_sb_printf(out, "%s: ", e->path);
    }

    if (e->warning) {
        nc_sb_c_add(out, "warning: ");
    }

    nc_sb_c_add(out, e->message);
}
