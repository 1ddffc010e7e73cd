/* admin_info.c: what runs, in which state, where it listens, what memory it holds. */
#include "process/admin_priv.h"
#include "event/loop.h"
#include "log/log.h"
#include "net/tls_certs.h"
#include "process/vitals.h"

#include "envoy/admin/v3/listeners.pb-c.h"
#include "envoy/admin/v3/memory.pb-c.h"
#include "envoy/admin/v3/server_info.pb-c.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb-c.h"
#include "api/print.h"
#include "nc_auto_config.h"

#define HOT_RESTART_VERSION  "disabled"

typedef Envoy__Admin__V3__ServerInfo          info_t;
typedef Envoy__Admin__V3__CommandLineOptions  cmdline_t;


void
nc_admin_ready(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_server_state_t  state = nc_vitals_state();

    (void) q;
    r->status = state == NC_SERVER_LIVE ? 200 : 503;
    nc_sb_printf(&r->body, "%s\n", nc_server_state_str(state));
}


static char *
text(const char *s)
{
    return (char *) (uintptr_t) (s ? s : "");
}


static Google__Protobuf__Duration *
duration(nc_pool_t *pool, uint64_t ms)
{
    Google__Protobuf__Duration  *d = nc_pool_new(pool, Google__Protobuf__Duration);

    google__protobuf__duration__init(d);
    d->seconds = (int64_t) (ms / 1000);
    d->nanos = (int32_t) (ms % 1000 * 1000000);

    return d;
}


static cmdline_t *
command_line(nc_pool_t *pool)
{
    const nc_options_t  *o = nc_admin_options;
    cmdline_t           *c = nc_pool_new(pool, cmdline_t);

    envoy__admin__v3__command_line_options__init(c);
    c->base_id = o->base_id;
    c->concurrency = o->concurrency;
    c->config_path = text(o->config_paths.n ? o->config_paths.items[0] : NULL);
    c->config_yaml = text(o->config_yaml.n ? o->config_yaml.items[0] : NULL);
    c->allow_unknown_static_fields = o->allow_unknown_static_fields;
    c->reject_unknown_dynamic_fields = o->reject_unknown_dynamic_fields;
    c->ignore_unknown_dynamic_fields = o->ignore_unknown_dynamic_fields;
    c->admin_address_path = text(o->admin_address_path);
    c->local_address_ip_version = o->local_address_ip_version
        && strcmp(o->local_address_ip_version, "v6") == 0
        ? ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__IP_VERSION__v6
        : ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__IP_VERSION__v4;
    c->log_level = text(o->log_level ? o->log_level : "info");
    c->component_log_level = text(o->component_log_level);
    c->log_format = text(o->log_format ? o->log_format : NC_LOG_DEFAULT_FORMAT);
    c->log_path = text(o->log_path);
    c->service_cluster = text(o->service_cluster);
    c->service_node = text(o->service_node);
    c->service_zone = text(o->service_zone);
    c->file_flush_interval = duration(pool, o->file_flush_interval_ms);
    c->drain_time = duration(pool, (uint64_t) o->drain_time_s * 1000);
    c->drain_strategy = o->drain_immediate
        ? ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__DRAIN_STRATEGY__Immediate
        : ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__DRAIN_STRATEGY__Gradual;
    c->parent_shutdown_time = duration(pool, (uint64_t) o->parent_shutdown_time_s * 1000);
    c->mode = o->mode == NC_RUN_INIT_ONLY
        ? ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__MODE__InitOnly
        : ENVOY__ADMIN__V3__COMMAND_LINE_OPTIONS__MODE__Serve;
    c->disable_hot_restart = true;
    c->restart_epoch = o->restart_epoch;

    return c;
}


void
nc_admin_server_info(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_loader_resource_t                      res;
    Envoy__Config__Bootstrap__V3__Bootstrap  *b;
    uint64_t                                  up_ms = nc_vitals_uptime_s() * 1000;
    info_t                                    info;

    envoy__admin__v3__server_info__init(&info);
    info.version = text("Nuncio/" NC_VERSION);
    info.state = (Envoy__Admin__V3__ServerInfo__State) nc_vitals_state();
    info.uptime_current_epoch = duration(q->pool, up_ms);
    info.uptime_all_epochs = duration(q->pool, up_ms);
    info.hot_restart_version = text(HOT_RESTART_VERSION);
    info.command_line_options = command_line(q->pool);

    if (nc_loader_bootstrap(&res)) {
        b = (void *) nc_loader_unpack(q->pool,
            &envoy__config__bootstrap__v3__bootstrap__descriptor, &res);
        info.node = b->node;
    }

    r->type = NC_ADMIN_JSON;
    nc_print_json(&r->body, &info.base, NC_PRINT_PRETTY | NC_PRINT_DEFAULTS);
    nc_sb_char(&r->body, '\n');
}


void
nc_admin_hot_restart_version(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_sb_c_add(&r->body, HOT_RESTART_VERSION "\n");
}


void
nc_admin_memory(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    Envoy__Admin__V3__Memory  m;
    nc_memory_t               now;

    (void) q;
    nc_vitals_memory(&now);
    envoy__admin__v3__memory__init(&m);
    m.allocated = now.allocated;
    m.heap_size = now.heap_size;
    m.pageheap_free = now.heap_size - NC_MIN(now.allocated, now.heap_size);
    m.total_physical_bytes = now.physical;
    r->type = NC_ADMIN_JSON;
    nc_print_json(&r->body, &m.base, NC_PRINT_PRETTY | NC_PRINT_DEFAULTS);
    nc_sb_char(&r->body, '\n');
}


/* ---- /certs ---- */

typedef struct {
    nc_sb_t  *out;
    bool      first;
} certs_t;


static bool
add_listener_certs(void *ctx, const nc_loader_resource_t *l)
{
    certs_t  *certs = ctx;

    for (uint32_t i = 0; l->listener && i <= l->listener->n_chains; i++) {
        const nc_filter_chain_t  *c = i < l->listener->n_chains ? &l->listener->chains[i]
                                                                : l->listener->default_chain;
        bool  again = i == l->listener->n_chains && c >= l->listener->chains
                      && c < l->listener->chains + l->listener->n_chains;

        if (c && !again && c->transport && c->transport->transport == &nc_tls_ops) {
            nc_tls_certs_print(c->transport_conf, (int64_t) (nc_wall_us() / 1000000), certs->out,
                               &certs->first);
        }
    }

    return true;
}


static bool
add_cluster_certs(void *ctx, const nc_loader_resource_t *r)
{
    certs_t             *certs = ctx;
    const nc_cluster_t  *c = r->cluster ? r->cluster->cluster : NULL;

    if (c && c->transport && c->transport->transport == &nc_tls_ops) {
        nc_tls_certs_print(c->transport_conf, (int64_t) (nc_wall_us() / 1000000), certs->out,
                           &certs->first);
    }

    return true;
}


void
nc_admin_certs(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    certs_t  certs = { .out = &r->body, .first = true };

    (void) q;
    r->type = NC_ADMIN_JSON;
    nc_sb_c_add(&r->body, "{\n \"certificates\": [");
    nc_loader_each_listener(add_listener_certs, &certs);
    nc_loader_each_cluster(add_cluster_certs, &certs);
    nc_sb_c_add(&r->body, certs.first ? "]\n}\n" : "\n ]\n}\n");
}


/* ---- /listeners ---- */

typedef struct {
    size_t  at;
    bool    json;
    bool    begun;
} listeners_t;


static void
add_listener_json(nc_sb_t *out, const nc_loader_resource_t *l)
{
    Envoy__Admin__V3__ListenerStatus        s;
    Envoy__Config__Core__V3__Address        a;
    Envoy__Config__Core__V3__SocketAddress  socket;
    Envoy__Config__Core__V3__Pipe           pipe;
    nc_peer_t                               peer;
    nc_sb_t                                 address;

    envoy__admin__v3__listener_status__init(&s);
    envoy__config__core__v3__address__init(&a);
    envoy__config__core__v3__socket_address__init(&socket);
    envoy__config__core__v3__pipe__init(&pipe);
    nc_sb_init(&address);
    s.name = text(l->name.data);
    s.local_address = &a;

    if (l->bound.sa.sa_family == AF_UNIX) {
        nc_addr_print(&l->bound, &address);
        a.address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE;
        a.pipe = &pipe;
        pipe.path = text(nc_sb_c(&address));
    } else {
        nc_peer_from(&peer, &l->bound.sa, l->bound.len);
        nc_peer_print_ip(&peer, &address);
        a.address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS;
        a.socket_address = &socket;
        socket.address = text(nc_sb_c(&address));
        socket.port_specifier_case =
            ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE;
        socket.port_value = nc_addr_port(&l->bound);
    }

    nc_print_json(out, &s.base, 0);
    nc_sb_fini(&address);
}


static bool
listeners_more(void *ctx, nc_sb_t *out, size_t max)
{
    listeners_t           *s = ctx;
    nc_loader_resource_t   l;

    while (out->len < max) {
        if (!nc_loader_next_listener(&s->at, &l)) {
            nc_sb_c_add(out, !s->json ? "" : s->begun ? "]}\n" : "{\"listener_statuses\":[]}\n");

            return false;
        }

        if (l.warming || l.listener == NULL) {
            continue;
        }

        if (s->json) {
            nc_sb_c_add(out, s->begun ? "," : "{\"listener_statuses\":[");
            add_listener_json(out, &l);
        } else {
            nc_sb_printf(out, NC_STR_FMT "::", NC_STR_ARG(l.name));
            nc_addr_print(&l.bound, out);
            nc_sb_char(out, '\n');
        }

        s->begun = true;
    }

    return true;
}


void
nc_admin_listeners(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    bool          bad, json = nc_admin_wants_json(q, r, &bad);
    listeners_t  *s;

    if (bad) {
        return;
    }

    s = nc_pool_new(q->pool, listeners_t);
    s->json = json;
    r->more = listeners_more;
    r->ctx = s;
}
