/* proxy_protocol.c: the header of the PROXY protocol before a connection's bytes. */
#include "net/listener_filter.h"
#include "net/proxy_header.h"

#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb-c.h"

#define PROXY_NAMESPACE "envoy.filters.listener.proxy_protocol"

typedef Envoy__Extensions__Filters__Listener__ProxyProtocol__V3__ProxyProtocol  message_t;

/* proxy_proto.[<stat_prefix>.] */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(not_found_allowed)  \
    COUNTER(not_found_disallowed)

/* proxy_proto.[<stat_prefix>.]versions.v<n>. */
#define VERSION_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(disallowed)  \
    COUNTER(error)  \
    COUNTER(found)

NC_STATS_STRUCT(nc_proxy_protocol_stats, STATS)
NC_STATS_DEFINE(nc_proxy_protocol_stats, STATS)
NC_STATS_STRUCT(nc_proxy_protocol_version_stats, VERSION_STATS)
NC_STATS_DEFINE(nc_proxy_protocol_version_stats, VERSION_STATS)

typedef struct {
    uint8_t   type;
    nc_str_t  space;
    nc_str_t  key;
} rule_t;

/* An image object. */
typedef struct {
    rule_t                             *rules;
    uint32_t                            n_rules;
    bool                                optional;
    bool                                disallowed[2];      /* by version - 1 */
    nc_proxy_protocol_stats_t           stats;
    nc_proxy_protocol_version_stats_t   versions[2];
} conf_t;


static size_t
max_bytes(const void *conf)
{
    (void) conf;

    return NC_PEEK_MAX;
}


static void
keep_tlvs(const conf_t *conf, nc_conn_t *c, const nc_proxy_header_t *h)
{
    size_t    at = 0;
    uint8_t   type;
    nc_str_t  value;

    while (nc_proxy_tlv_next(h, &at, &type, &value) == NC_OK) {
        for (uint32_t i = 0; i < conf->n_rules; i++) {
            if (conf->rules[i].type == type) {
                (void) nc_conn_fact_set(c, conf->rules[i].space, conf->rules[i].key, value, false,
                                        false);
            }
        }
    }
}


static void
take_addresses(nc_conn_t *c, const nc_proxy_header_t *h)
{
    nc_conn_facts_t  *facts = nc_conn_facts(c);
    nc_peer_t         own;

    nc_conn_local(c, &own);
    facts->direct_remote = c->remote;
    c->remote = h->source;
    facts->local = h->destination;
    facts->restored = !nc_ip_same(&own, &h->destination)
                      || nc_peer_port(&own) != nc_peer_port(&h->destination);
}


/* Which version malformed bytes meant to be. */
static unsigned
version_of(const nc_listener_filter_t *f)
{
    return f->len > 0 && f->data[0] == 'P' ? 0 : 1;
}


static nc_rc_t
on_data(nc_listener_filter_t *f)
{
    const conf_t       *conf = f->conf;
    nc_proxy_header_t   h;

    switch (nc_proxy_header_parse(&h, f->data, f->len)) {
    case NC_OK:
        break;

    case NC_AGAIN:
        return NC_AGAIN;

    case NC_DECLINED:
        nc_counter_inc(conf->optional ? conf->stats.not_found_allowed
                                      : conf->stats.not_found_disallowed);
        return conf->optional ? NC_OK : NC_ERROR;

    default:
        nc_counter_inc(conf->versions[version_of(f)].error);
        return NC_ERROR;
    }

    if (conf->disallowed[h.version - 1]) {
        nc_counter_inc(conf->versions[h.version - 1].disallowed);
        return NC_ERROR;
    }

    nc_counter_inc(conf->versions[h.version - 1].found);

    if (h.has_addresses) {
        take_addresses(f->c, &h);
    }

    keep_tlvs(conf, f->c, &h);
    f->consume = h.len;

    return NC_OK;
}


static void
compile_rules(nc_compile_t *cc, conf_t *c, const message_t *m)
{
    c->rules = nc_pool_array(cc->pool, m->n_rules, sizeof(*c->rules));

    for (size_t i = 0; i < m->n_rules; i++) {
        rule_t  *r = &c->rules[c->n_rules];

        if (m->rules[i]->on_tlv_present == NULL) {
            continue;
        }

        r->type = (uint8_t) m->rules[i]->tlv_type;
        r->key = nc_pool_str(cc->pool, nc_str_c(m->rules[i]->on_tlv_present->key));
        r->space = nc_pool_str(cc->pool,
                               nc_str_c(m->rules[i]->on_tlv_present->metadata_namespace));

        if (r->space.len == 0) {
            r->space = NC_STR(PROXY_NAMESPACE);
        }

        c->n_rules++;
    }
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);
    nc_sb_t           sb;
    size_t            prefix;

    c->optional = m->allow_requests_without_proxy_protocol;
    compile_rules(cc, c, m);

    for (size_t i = 0; i < m->n_disallowed_versions; i++) {
        c->disallowed[m->disallowed_versions[i] != 0] = true;
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "proxy_proto%s%s", m->stat_prefix[0] ? "." : "", m->stat_prefix);
    nc_proxy_protocol_stats_init(&c->stats, cc->stats, nc_sb_str(&sb));
    prefix = sb.len;

    for (unsigned i = 0; i < 2; i++) {
        sb.len = prefix;
        nc_sb_printf(&sb, ".versions.v%u", i + 1);
        nc_proxy_protocol_version_stats_init(&c->versions[i], cc->stats, nc_sb_str(&sb));
    }

    nc_sb_fini(&sb);

    return c;
}


static const nc_listener_filter_ops_t  ops = {
    .on_data = on_data,
    .max_bytes = max_bytes
};

extern const nc_module_t  nc_listener_proxy_protocol_module;

const nc_module_t  nc_listener_proxy_protocol_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.listener.proxy_protocol",
    .kind = NC_LISTENER_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__listener__proxy_protocol__v3__proxy_protocol__descriptor,
    .compile = compile,
    .listener_filter = &ops
};
