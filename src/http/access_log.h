/*
 * access_log.h: what an access log module does, and lines to a file for those that write lines.
 * A module's compile makes `conf` in the image.
 */
#ifndef NC_HTTP_ACCESS_LOG_H
#define NC_HTTP_ACCESS_LOG_H

#include "base/module.h"
#include "http/formatter.h"
#include "http/info.h"
#include "http/log_filter.h"

typedef struct nc_access_log_ops_s {
    /* Logs one finished stream. Nothing of `view` is kept. Never fails and never waits. */
    void (*log)(const void *conf, const nc_http_view_t *view);
} nc_access_log_ops_t;

/* One access log as configured, and which requests it is for (NULL: all). */
typedef struct nc_access_log_ref_s {
    const nc_module_t      *module;
    const void             *conf;
    nc_str_t                name;
    const nc_log_filter_t  *filter;
} nc_access_log_ref_t;

struct Envoy__Config__Accesslog__V3__AccessLog;

/* Compiles a list into *logs; logs that are wrong are left out, errors were added. Returns how many. */
uint32_t nc_access_logs_compile(nc_compile_t *cc,
    struct Envoy__Config__Accesslog__V3__AccessLog *const *messages, size_t n,
    nc_access_log_ref_t **logs);

/* Writes to those whose filter holds. `random` as nc_log_filter_holds has it. */
void nc_access_logs_write(const nc_access_log_ref_t *logs, uint32_t n, const nc_http_view_t *view,
    uint64_t random);

/* A log that writes lines of a format to a file. */
typedef struct nc_access_log_lines_s {
    uint32_t            file;                   /* key of nc_log_shared */
    const nc_format_t  *format;
} nc_access_log_lines_t;

/* The image object; `format` NULL: errors were added already. NULL: errors were added. */
const nc_access_log_lines_t *nc_access_log_lines_compile(nc_compile_t *cc,
    const struct ProtobufCMessage *message, const char *field, const char *path,
    const nc_format_t *format);

/* nc_access_log_ops_t.log for a conf that is an nc_access_log_lines_t. */
void nc_access_log_lines_log(const void *conf, const nc_http_view_t *view);

#endif
