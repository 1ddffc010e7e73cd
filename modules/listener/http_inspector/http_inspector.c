/* http_inspector.c: finds out whether plain bytes begin as HTTP does. */
#include "net/listener_filter.h"

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb-c.h"

#define LINE_MAX_BYTES  NC_PEEK_MAX
#define METHOD_MAX      32u

/* http_inspector. */
#define STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(http10_found)  \
    COUNTER(http11_found)  \
    COUNTER(http2_found)  \
    COUNTER(http_not_found)

NC_STATS_STRUCT(nc_http_inspector_stats, STATS)
NC_STATS_DEFINE(nc_http_inspector_stats, STATS)

static const nc_str_t  preface = NC_STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
static const nc_str_t  h2c = NC_STR_INIT("h2c");
static const nc_str_t  http10 = NC_STR_INIT("http/1.0");
static const nc_str_t  http11 = NC_STR_INIT("http/1.1");


static size_t
max_bytes(const void *conf)
{
    (void) conf;

    return LINE_MAX_BYTES;
}


/*
 * The protocol that the bytes are of. NC_DECLINED: none. NC_AGAIN: not to be told yet. A method is
 * letters; the version stands at the end of the line.
 */
static nc_rc_t
look(nc_str_t data, const nc_str_t **protocol)
{
    ssize_t   end;
    size_t    n = 0;
    nc_str_t  line;

    if (memcmp(data.data, preface.data, NC_MIN(data.len, preface.len)) == 0) {
        *protocol = &h2c;
        return data.len < preface.len ? NC_AGAIN : NC_OK;
    }

    while (n < data.len && n <= METHOD_MAX && (nc_is_alpha(data.data[n]) || data.data[n] == '-')) {
        n++;
    }

    if (n < data.len && (n == 0 || data.data[n] != ' ')) {
        return NC_DECLINED;
    }

    end = nc_str_chr(data, '\n');

    if (end < 0) {
        return NC_AGAIN;
    }

    line = nc_str(data.data, (size_t) end);
    line.len -= line.len > 0 && line.data[line.len - 1] == '\r';

    if (line.len < n + 1 + 1 + 9) {
        return NC_DECLINED;                     /* method, space, target, " HTTP/1.x" */
    }

    *protocol = nc_str_ends(line, NC_STR(" HTTP/1.1")) ? &http11
                : nc_str_ends(line, NC_STR(" HTTP/1.0")) ? &http10 : NULL;

    return *protocol ? NC_OK : NC_DECLINED;
}


static nc_rc_t
on_accept(nc_listener_filter_t *f)
{
    const nc_conn_facts_t  *facts = f->c->facts;

    return facts && nc_str_eq(facts->transport, NC_STR("tls")) ? NC_OK : NC_AGAIN;
}


static nc_rc_t
on_data(nc_listener_filter_t *f)
{
    const nc_http_inspector_stats_t  *st = f->conf;
    const nc_str_t                   *protocol;
    nc_conn_facts_t                  *facts;

    switch (look(nc_str((const char *) f->data, f->len), &protocol)) {
    case NC_AGAIN:
        if (f->len < LINE_MAX_BYTES) {
            return NC_AGAIN;
        }
        nc_counter_inc(st->http_not_found);
        return NC_OK;

    case NC_OK:
        break;

    default:
        nc_counter_inc(st->http_not_found);
        return NC_OK;
    }

    facts = nc_conn_facts(f->c);
    facts->alpn = protocol;
    facts->n_alpn = 1;
    nc_counter_inc(protocol == &h2c ? st->http2_found
                   : protocol == &http11 ? st->http11_found : st->http10_found);

    return NC_OK;
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    nc_http_inspector_stats_t  *st = nc_pool_new(cc->pool, nc_http_inspector_stats_t);

    (void) message;
    nc_http_inspector_stats_init(st, cc->stats, NC_STR("http_inspector"));

    return st;
}


static const nc_listener_filter_ops_t  ops = {
    .on_accept = on_accept,
    .on_data = on_data,
    .max_bytes = max_bytes
};

extern const nc_module_t  nc_listener_http_inspector_module;

const nc_module_t  nc_listener_http_inspector_module = {
    NC_MODULE_HEAD,
    .name = "envoy.filters.listener.http_inspector",
    .kind = NC_LISTENER_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &envoy__extensions__filters__listener__http_inspector__v3__http_inspector__descriptor,
    .compile = compile,
    .listener_filter = &ops
};
