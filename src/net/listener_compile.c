/* listener_compile.c: compiles a Listener message into an image object. */
#include "net/acceptor.h"

#include "api/message.h"
#include "api/runtime.h"
#include "os/family.h"

#include "envoy/config/listener/v3/listener.pb-c.h"

typedef Envoy__Config__Listener__V3__Listener     listener_t;
typedef Envoy__Config__Listener__V3__FilterChain  chain_t;


static void
compile_address(nc_compile_t *cc, const ProtobufCMessage *at, const Envoy__Config__Core__V3__Address *m,
    nc_listener_addr_t *to)
{
    const Envoy__Config__Core__V3__SocketAddress  *s;

    if (m == NULL) {
        nc_compile_error(cc, at, "address", "a listener needs an address");
        return;
    }

    if (m->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE) {
        to->unix_mode = m->pipe->mode;

        if (nc_addr_parse_unix(&to->addr, nc_str_c(m->pipe->path))) {
            nc_compile_error(cc, at, "address.pipe.path", "must be a path of 1 to 107 bytes");
        }
        return;
    }

    s = m->socket_address;
    to->ipv4_compat = s->ipv4_compat;

    if (nc_addr_parse_ip(&to->addr, nc_str_c(s->address), (uint16_t) s->port_value)) {
        nc_compile_error(cc, at, "address.socket_address.address",
                         "\"%s\" is not an IP address; a listener binds to one (0.0.0.0 or :: "
                         "for all)", s->address);
    }
}


static void
compile_addresses(nc_compile_t *cc, nc_listener_conf_t *l, const listener_t *m)
{
    nc_listener_addr_t  first = { .unix_mode = 0 };

    compile_address(cc, &m->base, m->address, &first);
    l->addr = first.addr;
    l->unix_mode = first.unix_mode;
    l->ipv4_compat = first.ipv4_compat;

    l->more = nc_pool_array(cc->pool, m->n_additional_addresses, sizeof(*l->more));
    l->n_more = (uint32_t) m->n_additional_addresses;

    for (uint32_t i = 0; i < l->n_more; i++) {
        compile_address(cc, &m->additional_addresses[i]->base, m->additional_addresses[i]->address,
                        &l->more[i]);
    }
}


static bool
is_set(const Google__Protobuf__BoolValue *v)
{
    return v && v->value;
}


static void
compile_socket(nc_listener_conf_t *l, const listener_t *m)
{
    const Envoy__Config__Core__V3__TcpKeepalive  *k = m->tcp_keepalive;

    l->transparent = is_set(m->transparent);
    l->freebind = is_set(m->freebind);
    l->use_original_dst = is_set(m->use_original_dst);
    l->fast_open = m->tcp_fast_open_queue_length ? m->tcp_fast_open_queue_length->value : 0;
    l->exact_balance = m->connection_balance_config != NULL;
    l->reuse_port = l->reuse_port && !l->exact_balance;         /* one queue for all workers */

    if (k) {
        l->keepalive = true;
        l->keepalive_probes = k->keepalive_probes ? k->keepalive_probes->value : 0;
        l->keepalive_time_s = k->keepalive_time ? k->keepalive_time->value : 0;
        l->keepalive_interval_s = k->keepalive_interval ? k->keepalive_interval->value : 0;
    }
}


/* Limits are runtime keys of static layers; the counts are the machine's. */
static void
compile_limits(nc_compile_t *cc, nc_listener_conf_t *l, const listener_t *m)
{
    nc_sb_t   sb;
    uint32_t  max;

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "envoy.resource_limits.listener.%s.connection_limit", m->name);
    max = nc_runtime_u32(cc, nc_sb_c(&sb), UINT32_MAX);
    l->max_connections = max == UINT32_MAX ? UINT64_MAX : max;
    max = nc_runtime_u32(cc, "overload.global_downstream_max_connections", UINT32_MAX);
    l->max_global_connections = max == UINT32_MAX || m->ignore_global_conn_limit ? UINT64_MAX : max;

    if (!cc->check_only) {
        nc_sb_reset(&sb);
        nc_sb_printf(&sb, "listener|%s", m->name);
        l->counted = nc_breaker_get(nc_sb_str(&sb));

        if (!m->ignore_global_conn_limit) {
            l->counted_globally = nc_breaker_get(NC_STR("listeners|all"));
        }
    }

    nc_sb_fini(&sb);
}


static void
name_worker_stats(nc_compile_t *cc, nc_listener_conf_t *l, nc_sb_t *prefix)
{
    size_t  len = prefix->len;

    l->n_workers = nc_family->n_workers;
    l->workers = nc_pool_array(cc->pool, l->n_workers, sizeof(*l->workers));

    for (uint32_t i = 0; i < l->n_workers; i++) {
        prefix->len = len;
        nc_sb_printf(prefix, ".worker_%u", i);
        nc_listener_worker_stats_init(&l->workers[i], cc->stats, nc_sb_str(prefix));
    }

    prefix->len = len;
}


/* stat_prefix, or the address with what does not belong into a name replaced (Envoy's rule). */
static void
name_stats(nc_compile_t *cc, nc_listener_conf_t *l, const listener_t *m)
{
    nc_sb_t   sb;
    char     *text;

    if (m->stat_prefix[0]) {
        l->ctx.stat_name = nc_pool_str(cc->pool, nc_str_c(m->stat_prefix));

    } else {
        nc_sb_init(&sb);
        nc_addr_print(&l->addr, &sb);
        text = nc_pool_strdup(cc->pool, nc_sb_c(&sb));
        nc_sb_fini(&sb);

        for (char *p = text; *p; p++) {
            *p = *p == ':' ? '_' : *p;
        }

        l->ctx.stat_name = nc_str_c(text);
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "listener.%.*s", NC_STR_ARG(l->ctx.stat_name));
    nc_stats_scope_tag(cc->stats, nc_sb_str(&sb), NC_STR("envoy.listener_address"),
                       l->ctx.stat_name);
    nc_listener_stats_init(&l->stats, cc->stats, nc_sb_str(&sb));
    name_worker_stats(cc, l, &sb);
    nc_sb_fini(&sb);
}


/* A socket of plain bytes is none. */
static void
compile_transport(nc_compile_t *cc, nc_filter_chain_t *c, const chain_t *m)
{
    nc_str_t  outer = cc->scope;
    nc_sb_t   sb;

    c->transport_timeout_ms = nc_duration_ms(m->transport_socket_connect_timeout, 0);

    if (m->transport_socket == NULL) {
        return;
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "listener." NC_STR_FMT, NC_STR_ARG(cc->listener->stat_name));
    cc->scope = nc_sb_str(&sb);
    c->transport_conf = cc->extension(cc, NC_TRANSPORT_SOCKET, m->transport_socket->name,
                                      (const ProtobufCMessage *) m->transport_socket->typed_config,
                                      &c->transport);
    cc->scope = outer;
    nc_sb_fini(&sb);

    if (c->transport && c->transport->transport == NULL) {
        c->transport = NULL;                    /* raw_buffer: bytes as they are */

    } else if (c->transport && c->transport->transport->upstream_only) {
        nc_compile_error(cc, &m->transport_socket->base, "typed_config",
                         "%s is for clusters, not for filter chains", c->transport->name);
    }
}


static void
compile_chain(nc_compile_t *cc, nc_filter_chain_t *c, const chain_t *m)
{
    unsigned  errors = cc->errors->n;

    c->name = nc_pool_str(cc->pool, nc_str_c(m->name));
    c->filters = nc_pool_array(cc->pool, m->n_filters, sizeof(*c->filters));
    compile_transport(cc, c, m);

    if (m->n_filters == 0) {
        nc_compile_error(cc, &m->base, "filters", "at least one network filter is required");
    }

    for (size_t i = 0; i < m->n_filters; i++) {
        nc_filter_ref_t  *f = &c->filters[c->n_filters];

        f->name = nc_pool_str(cc->pool, nc_str_c(m->filters[i]->name));
        f->conf = cc->extension(cc, NC_NETWORK_FILTER, m->filters[i]->name,
                                (const ProtobufCMessage *) m->filters[i]->typed_config,
                                &f->module);

        if (cc->errors->n > errors) {
            continue;
        }

        if (f->module->network_filter->terminal && i != m->n_filters - 1) {
            nc_compile_error(cc, &m->filters[i]->base, "",
                             "terminal filter %s must be the last of filters",
                             m->filters[i]->name);

        } else if (!f->module->network_filter->terminal && i == m->n_filters - 1) {
            nc_compile_error(cc, &m->filters[i]->base, "",
                             "the last of filters must be a terminal filter, %s is none",
                             m->filters[i]->name);
        }

        c->n_filters++;
    }
}


static void
compile_chains(nc_compile_t *cc, nc_listener_conf_t *l, const listener_t *m)
{
    if (m->n_filter_chains == 0 && m->default_filter_chain == NULL) {
        nc_compile_error(cc, &m->base, "filter_chains", "at least one filter chain is required");
        return;
    }

    l->chains = nc_pool_array(cc->pool, m->n_filter_chains + 1, sizeof(*l->chains));
    l->n_chains = (uint32_t) m->n_filter_chains;

    for (size_t i = 0; i < m->n_filter_chains; i++) {
        compile_chain(cc, &l->chains[i], m->filter_chains[i]);
    }

    if (m->default_filter_chain) {
        compile_chain(cc, &l->chains[m->n_filter_chains], m->default_filter_chain);
        l->default_chain = &l->chains[m->n_filter_chains];
    }

    nc_chain_match_compile(cc, &l->match, m->filter_chains, l->chains, m->n_filter_chains);
}


static void
compile_listener_filters(nc_compile_t *cc, nc_listener_conf_t *l, const listener_t *m)
{
    l->filters = nc_pool_array(cc->pool, m->n_listener_filters, sizeof(*l->filters));
    l->filters_timeout_ms = nc_duration_ms(m->listener_filters_timeout, 15000);
    l->continue_on_timeout = m->continue_on_listener_filters_timeout;

    for (size_t i = 0; i < m->n_listener_filters; i++) {
        nc_filter_ref_t  *f = &l->filters[l->n_filters];
        unsigned          errors = cc->errors->n;

        f->name = nc_pool_str(cc->pool, nc_str_c(m->listener_filters[i]->name));
        f->conf = cc->extension(cc, NC_LISTENER_FILTER, m->listener_filters[i]->name,
                                (const ProtobufCMessage *) m->listener_filters[i]->typed_config,
                                &f->module);

        if (cc->errors->n == errors && f->module) {
            l->n_filters++;
        }
    }
}


nc_listener_conf_t *
nc_listener_compile(nc_compile_t *cc, const listener_t *m)
{
    nc_listener_conf_t       *l = nc_pool_new(cc->pool, nc_listener_conf_t);
    const nc_listener_ctx_t  *outer = cc->listener;
    unsigned                  errors = cc->errors->n;

    l->slot = cc->slot;
    l->ctx.name = nc_pool_str(cc->pool, nc_str_c(m->name));
    l->ctx.traffic_direction = (int) m->traffic_direction;
    l->ctx.buffer_limit = m->per_connection_buffer_limit_bytes
                          ? m->per_connection_buffer_limit_bytes->value : 1024 * 1024;
    l->reuse_port = m->enable_reuse_port ? m->enable_reuse_port->value : true;
    l->bind_to_port = m->bind_to_port ? m->bind_to_port->value : true;
    l->backlog = m->tcp_backlog_size ? m->tcp_backlog_size->value : 0;
    l->max_accepts = m->max_connections_to_accept_per_socket_event
                     ? m->max_connections_to_accept_per_socket_event->value : 0;

    compile_addresses(cc, l, m);
    compile_socket(l, m);
    compile_limits(cc, l, m);
    name_stats(cc, l, m);

    cc->listener = &l->ctx;
    compile_listener_filters(cc, l, m);
    compile_chains(cc, l, m);
    cc->listener = outer;

    return cc->errors->n > errors ? NULL : l;
}
