/*
 * error.h: a list of located errors. Configuration is checked as a whole: every error is added,
 * and shown as `file:line:column: path.to.field: what is wrong`.
 */
#ifndef NC_BASE_ERROR_H
#define NC_BASE_ERROR_H

#include "base/pool.h"

typedef struct nc_error_s  nc_error_t;

struct nc_error_s {
    nc_error_t  *next;
    const char  *file;                          /* NULL: not from a file */
    unsigned     line;                          /* from 1; 0: unknown */
    unsigned     column;                        /* from 1; 0: unknown */
    const char  *path;                          /* field path, "" for the whole */
    const char  *message;
    bool         warning;                       /* does not make the configuration invalid */
};

typedef struct {
    nc_pool_t    pool;                          /* of the list and its texts */
    nc_error_t  *first;
    nc_error_t **last;
    unsigned     n;                             /* errors, warnings not counted */
    unsigned     n_warnings;
} nc_errors_t;

void nc_errors_init(nc_errors_t *errors);
void nc_errors_fini(nc_errors_t *errors);

/* Adds an error; file and path may be NULL. Texts are copied. Returns NC_ERROR for `return`. */
nc_rc_t nc_errors_add(nc_errors_t *errors, const char *file, unsigned line, unsigned column,
    const char *path, const char *fmt, ...) NC_PRINTF(6, 7);

/* As nc_errors_add, but only a warning. */
void nc_errors_warn(nc_errors_t *errors, const char *file, unsigned line, unsigned column,
    const char *path, const char *fmt, ...) NC_PRINTF(6, 7);

/* One error as one line without the newline. */
void nc_error_print(const nc_error_t *e, nc_sb_t *out);

#endif
