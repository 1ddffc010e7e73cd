/* access_log.c: access log lines to a file, printed right into its buffer. */
#include "http/access_log.h"

#include "log/shared.h"

#include "envoy/config/accesslog/v3/accesslog.pb-c.h"

#define LINE_GUESS      1024u                   /* lines up to here are printed in place */


const nc_access_log_lines_t *
nc_access_log_lines_compile(nc_compile_t *cc, const struct ProtobufCMessage *message,
    const char *field, const char *path, const nc_format_t *format)
{
    nc_access_log_lines_t  *conf;

    if (format == NULL) {
        return NULL;
    }

    conf = nc_pool_new(cc->pool, nc_access_log_lines_t);
    conf->format = format;

    if (path == NULL || *path == '\0') {
        nc_compile_error(cc, message, field, "is required");
        return NULL;
    }

    conf->file = cc->log_file(cc, path);

    return conf->file != 0 ? conf : NULL;
}


void
nc_access_log_lines_log(const void *conf, const nc_http_view_t *view)
{
    char                         *room;
    nc_sb_t                       line;
    nc_log_file_t                *file;
    const nc_access_log_lines_t  *log = conf;

    file = nc_log_shared(log->file);
    room = nc_log_file_reserve(file, LINE_GUESS);

    if (room != NULL) {
        nc_sb_fixed(&line, room, LINE_GUESS);
        nc_format_print(log->format, view, &line);

        if (!line.truncated) {
            nc_log_file_commit(file, line.len);
            return;
        }
    }

    nc_sb_init(&line);
    nc_format_print(log->format, view, &line);
    nc_log_file_line(file, nc_sb_str(&line));
    nc_sb_fini(&line);
}


uint32_t
nc_access_logs_compile(nc_compile_t *cc,
    struct Envoy__Config__Accesslog__V3__AccessLog *const *messages, size_t n,
    nc_access_log_ref_t **logs)
{
    uint32_t  count = 0;

    *logs = nc_pool_array(cc->pool, n, sizeof(**logs));

    for (size_t i = 0; i < n; i++) {
        nc_access_log_ref_t  *log = &(*logs)[count];

        log->name = nc_pool_str(cc->pool, nc_str_c(messages[i]->name));
        log->conf = cc->extension(cc, NC_ACCESS_LOG, messages[i]->name,
                                  (const ProtobufCMessage *) messages[i]->typed_config,
                                  &log->module);

        if (messages[i]->filter) {
            log->filter = nc_log_filter_compile(cc, messages[i]->filter);
        }

        count += log->module && log->conf;
    }

    return count;
}


void
nc_access_logs_write(const nc_access_log_ref_t *logs, uint32_t n, const nc_http_view_t *view,
    uint64_t random)
{
    nc_pool_t  scratch;

    nc_pool_init(&scratch, &nc_pool_heap);

    for (uint32_t i = 0; i < n; i++) {
        if (nc_log_filter_holds(logs[i].filter, view, random, &scratch)) {
            logs[i].module->access_log->log(logs[i].conf, view);
        }
    }

    nc_pool_fini(&scratch);
}
