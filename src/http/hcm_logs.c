/* hcm_logs.c: compiles the access logs of a connection manager. */
#include "http/hcm_priv.h"


static void
compile_options(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    bool  old = m->access_log_flush_interval || m->flush_access_log_on_new_request;

    if (m->access_log_options == NULL) {
        c->log_interval_ms = nc_duration_ms(m->access_log_flush_interval, 0);
        c->log_new_requests = m->flush_access_log_on_new_request;
        return;
    }

    c->log_interval_ms = nc_duration_ms(m->access_log_options->access_log_flush_interval, 0);
    c->log_new_requests = m->access_log_options->flush_access_log_on_new_request;
    c->log_tunnels = m->access_log_options->flush_log_on_tunnel_successfully_established;

    if (old) {
        nc_compile_error(cc, &m->base, "access_log_options",
                         "cannot be set together with access_log_flush_interval or "
                         "flush_access_log_on_new_request");
    }
}


void
nc_hcm_compile_logs(nc_compile_t *cc, nc_hcm_conf_t *c, const nc_hcm_message_t *m)
{
    c->access_logs = nc_pool_array(cc->pool, m->n_access_log, sizeof(*c->access_logs));

    for (size_t i = 0; i < m->n_access_log; i++) {
        nc_access_log_ref_t  *log = &c->access_logs[c->n_access_logs];

        log->name = nc_hcm_copy(cc, m->access_log[i]->name);
        log->conf = cc->extension(cc, NC_ACCESS_LOG, m->access_log[i]->name,
                                  (const ProtobufCMessage *) m->access_log[i]->typed_config,
                                  &log->module);

        if (m->access_log[i]->filter) {
            log->filter = nc_log_filter_compile(cc, m->access_log[i]->filter);
        }

        if (log->module && log->conf) {
            c->n_access_logs++;
        }
    }

    compile_options(cc, c, m);
}
