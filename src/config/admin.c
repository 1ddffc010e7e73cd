/* admin.c: Bootstrap.admin: its address, its socket, its access logs. */
#include "config/loader_priv.h"
#include "http/access_log.h"
#include "os/broker.h"

typedef Envoy__Config__Bootstrap__V3__Admin  admin_msg_t;


static void
compile_address(nc_compile_t *cc, nc_admin_conf_t *c, const admin_msg_t *m,
    nc_listen_options_t *options)
{
    const Envoy__Config__Core__V3__SocketAddress  *s;

    if (m->address->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE) {
        options->mode = m->address->pipe->mode;

        if (nc_addr_parse_unix(&c->addr, nc_str_c(m->address->pipe->path))) {
            nc_compile_error(cc, &m->base, "address.pipe.path",
                             "must be a path of 1 to 107 bytes");
        }

        return;
    }

    s = m->address->socket_address;
    options->ipv4_compat = s->ipv4_compat;

    if (nc_addr_parse_ip(&c->addr, nc_str_c(s->address), (uint16_t) s->port_value)) {
        nc_compile_error(cc, &m->base, "address.socket_address.address",
                         "\"%s\" is not an IP address", s->address);
    }
}


static void
compile_logs(nc_compile_t *cc, nc_admin_conf_t *c, const admin_msg_t *m)
{
    c->access_logs = nc_pool_array(cc->pool, m->n_access_log, sizeof(*c->access_logs));

    for (size_t i = 0; i < m->n_access_log; i++) {
        nc_access_log_ref_t  *log = &c->access_logs[c->n_access_logs];

        log->name = nc_pool_str(cc->pool, nc_str_c(m->access_log[i]->name));
        log->conf = cc->extension(cc, NC_ACCESS_LOG, m->access_log[i]->name,
                                  (const ProtobufCMessage *) m->access_log[i]->typed_config,
                                  &log->module);

        if (m->access_log[i]->filter) {
            log->filter = nc_log_filter_compile(cc, m->access_log[i]->filter);
        }

        if (log->conf && log->module) {
            c->n_access_logs++;
        }
    }

    if (m->access_log_path[0]) {
        c->lines = nc_access_log_lines_compile(cc, &m->base, "access_log_path",
            m->access_log_path, nc_format_compile(cc, &m->base, "access_log_path",
                                                  nc_format_default, 0));
    }
}


nc_admin_conf_t *
nc_admin_conf_compile(nc_compile_t *cc, const nc_bootstrap_msg_t *b)
{
    const admin_msg_t    *m = b->admin;
    nc_listen_options_t   options = { .for_helper = true };
    unsigned              errors = cc->errors->n;
    char                  error[NC_BROKER_TEXT];
    nc_admin_conf_t      *c;

    if (m == NULL || m->address == NULL) {
        return NULL;
    }

    c = nc_pool_new(cc->pool, nc_admin_conf_t);
    compile_address(cc, c, m, &options);
    compile_logs(cc, c, m);

    if (cc->errors->n > errors) {
        return NULL;
    }

    if (!cc->check_only
        && nc_broker->listen("admin", &c->addr, &options, &c->socket_key, &c->bound, error)
           != NC_OK)
    {
        nc_compile_error(cc, &m->base, "address", "%s", error);

        return NULL;
    }

    return c;
}
