/* stdout.c: access log to standard output. */
#include "base/module.h"
#include "http/access_log.h"

#include "envoy/extensions/access_loggers/stream/v3/stream.pb-c.h"

typedef Envoy__Extensions__AccessLoggers__Stream__V3__StdoutAccessLog  message_t;


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const message_t    *m = (const void *) message;
    const nc_format_t  *format;

    format = m->log_format != NULL
        ? nc_format_compile_message(cc, m->log_format)
        : nc_format_compile(cc, message, "", nc_format_default, 0);

    return nc_access_log_lines_compile(cc, message, "", "/dev/stdout", format);
}


static const nc_access_log_ops_t  ops = {
    .log = nc_access_log_lines_log
};

const nc_module_t  nc_access_log_stdout_module = {
    NC_MODULE_HEAD,
    .name = "envoy.access_loggers.stdout",
    .kind = NC_ACCESS_LOG,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__access_loggers__stream__v3__stdout_access_log__descriptor,
    .compile = compile,
    .access_log = &ops
};
