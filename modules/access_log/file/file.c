/* file.c: access log to a file. */
#include "base/module.h"
#include "http/access_log.h"

#include "envoy/extensions/access_loggers/file/v3/file.pb-c.h"

#define FORMAT(kind)  \
    ENVOY__EXTENSIONS__ACCESS_LOGGERS__FILE__V3__FILE_ACCESS_LOG__ACCESS_LOG_FORMAT_##kind


static const nc_format_t *
compile_format(nc_compile_t *cc,
    const Envoy__Extensions__AccessLoggers__File__V3__FileAccessLog *m)
{
    switch (m->access_log_format_case) {

    case FORMAT(FORMAT):
        return nc_format_compile(cc, &m->base, "format",
            *m->format != '\0' ? nc_str_c(m->format) : nc_format_default, 0);

    case FORMAT(JSON_FORMAT):
        return nc_format_compile_json(cc, &m->base, "json_format", m->json_format, false);

    case FORMAT(TYPED_JSON_FORMAT):
        return nc_format_compile_json(cc, &m->base, "typed_json_format", m->typed_json_format,
            true);

    case FORMAT(LOG_FORMAT):
        return nc_format_compile_message(cc, m->log_format);

    default:
        return nc_format_compile(cc, &m->base, "", nc_format_default, 0);
    }
}


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Extensions__AccessLoggers__File__V3__FileAccessLog  *m = (const void *) message;

    return nc_access_log_lines_compile(cc, message, "path", m->path, compile_format(cc, m));
}


static const nc_access_log_ops_t  ops = {
    .log = nc_access_log_lines_log
};

const nc_module_t  nc_access_log_file_module = {
    NC_MODULE_HEAD,
    .name = "envoy.access_loggers.file",
    .kind = NC_ACCESS_LOG,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__access_loggers__file__v3__file_access_log__descriptor,
    .compile = compile,
    .access_log = &ops
};
