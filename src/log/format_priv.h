/* format_priv.h: one log line from a --log-format. */
#ifndef NC_LOG_FORMAT_PRIV_H
#define NC_LOG_FORMAT_PRIV_H

#include "log/log.h"

#include <time.h>

typedef struct {
    struct timespec      now;
    nc_log_level_t       level;
    nc_log_component_t   component;
    const char          *file;
    int                  line;
    const char          *func;
    const char          *process;
    int                  pid;
    nc_str_t             message;               /* printable already */
    nc_str_t             raw;                   /* as it was written */
} nc_log_record_t;

/* Appends the line without its '\n'. */
void nc_log_format(const char *format, const nc_log_record_t *r, nc_sb_t *out);

/* Appends `s` with control bytes and DEL as \n, \t, \r, \xNN; with `all` also '\' and '"'. */
void nc_log_escape(nc_str_t s, bool all, nc_sb_t *out);

#endif
