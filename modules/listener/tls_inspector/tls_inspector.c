/* tls_inspector.c: finds out whether a connection speaks TLS, for which server, and what in it. */
#include "net/client_hello.h"
#include "net/listener_filter.h"

#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb-c.h"

#define HELLO_MAX       16384u                  /* max_client_hello_size */
#define RECORD_HEADS    1024u                   /* for a hello that is cut into small records */

typedef Envoy__Extensions__Filters__Listener__TlsInspector__V3__TlsInspector  message_t;

/* tls_inspector. */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(alpn_found)  \
    COUNTER(alpn_not_found)  \
    COUNTER(client_hello_too_large)  \
    COUNTER(sni_found)  \
    COUNTER(sni_not_found)  \
    COUNTER(tls_found)  \
    COUNTER(tls_not_found)  \
    HISTOGRAM(bytes_processed, NC_UNIT_BYTES)

NC_STATS_STRUCT(nc_tls_inspector_stats, STATS)
NC_STATS_DEFINE(nc_tls_inspector_stats, STATS)

/* An image object. */
typedef struct {
    uint32_t                  max_hello;
    bool                      ja3;
    bool                      ja4;
    bool                      close_on_error;
    nc_tls_inspector_stats_t  stats;
} conf_t;

static nc_client_hello_t  hello;                /* one connection is looked at at a time */
static uint8_t            room[4 + HELLO_MAX];


static size_t
max_bytes(const void *data)
{
    return ((const conf_t *) data)->max_hello + RECORD_HEADS;
}


/* A name with bytes that no host name has is none; chains are not chosen by it. */
static nc_str_t
clean_name(nc_pool_t *pool, nc_str_t name)
{
    char  *copy = nc_pool_alloc(pool, name.len + 1);

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] == 0x7f) {
            return NC_STR_NULL;
        }
        copy[i] = nc_lower(name.data[i]);
    }

    copy[name.len] = '\0';

    return nc_str(copy, name.len);
}


static void
keep(const conf_t *conf, nc_conn_t *c)
{
    nc_conn_facts_t  *facts = nc_conn_facts(c);
    nc_str_t         *alpn = nc_pool_array(&facts->pool, hello.n_alpn, sizeof(*alpn));
    char              text[40];

    facts->transport = NC_STR("tls");
    facts->server_name = hello.server_name.data ? clean_name(&facts->pool, hello.server_name)
                                                : NC_STR_NULL;

    for (uint32_t i = 0; i < hello.n_alpn; i++) {
        alpn[i] = nc_pool_str(&facts->pool, hello.alpn[i]);
    }

    facts->alpn = alpn;
    facts->n_alpn = hello.n_alpn;

    if (conf->ja3) {
        nc_client_hello_ja3(&hello, text);
        facts->ja3 = nc_pool_str(&facts->pool, nc_str_c(text));
    }

    if (conf->ja4) {
        nc_client_hello_ja4(&hello, text);
        facts->ja4 = nc_pool_str(&facts->pool, nc_str_c(text));
    }

    nc_counter_inc(conf->stats.tls_found);
    nc_counter_inc(facts->server_name.data ? conf->stats.sni_found : conf->stats.sni_not_found);
    nc_counter_inc(hello.n_alpn ? conf->stats.alpn_found : conf->stats.alpn_not_found);
}


static nc_rc_t
on_data(nc_listener_filter_t *f)
{
    const conf_t  *conf = f->conf;
    nc_rc_t        rc;

    hello.too_large = false;
    rc = nc_client_hello_parse(&hello, f->data, f->len, room, 4 + conf->max_hello);

    if (rc == NC_AGAIN) {
        return NC_AGAIN;
    }

    nc_histogram_record(conf->stats.bytes_processed, f->len);

    if (rc == NC_OK) {
        keep(conf, f->c);
        return NC_OK;
    }

    if (rc == NC_ERROR && hello.too_large) {
        nc_counter_inc(conf->stats.client_hello_too_large);
        return NC_ERROR;
    }

    nc_counter_inc(conf->stats.tls_not_found);

    return rc == NC_ERROR && conf->close_on_error ? NC_ERROR : NC_OK;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    conf_t           *c = nc_pool_new(cc->pool, conf_t);

    c->max_hello = m->max_client_hello_size ? m->max_client_hello_size->value : HELLO_MAX;
    c->ja3 = m->enable_ja3_fingerprinting && m->enable_ja3_fingerprinting->value;
    c->ja4 = m->enable_ja4_fingerprinting && m->enable_ja4_fingerprinting->value;
    c->close_on_error = m->close_connection_on_client_hello_parsing_errors;
    nc_tls_inspector_stats_init(&c->stats, cc->stats, NC_STR("tls_inspector"));

    return c;
}


static const nc_listener_filter_ops_t  ops = {
    .on_data = on_data,
    .max_bytes = max_bytes
};

extern const nc_module_t  nc_listener_tls_inspector_module;

const nc_module_t  nc_listener_tls_inspector_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.listener.tls_inspector",
    .kind = NC_LISTENER_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__listener__tls_inspector__v3__tls_inspector__descriptor,
    .compile = compile,
    .listener_filter = &ops
};
