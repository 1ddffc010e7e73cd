/* header_to_metadata.c: what headers and cookies say becomes dynamic metadata. */
#include "api/base64.h"
#include "api/message.h"
#include "base/module.h"
#include "http/dynamic_metadata.h"
#include "http/filter.h"
#include "http/matcher.h"

#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb-c.h"
#include <google/protobuf/struct.pb-c.h>

#define NAME        "envoy.filters.http.header_to_metadata"
#define MAX_VALUE   8192u

#define ENUM(name)  ENVOY__EXTENSIONS__FILTERS__HTTP__HEADER_TO_METADATA__V3__CONFIG__##name

typedef Envoy__Extensions__Filters__Http__HeaderToMetadata__V3__Config                message_t;
typedef Envoy__Extensions__Filters__Http__HeaderToMetadata__V3__Config__Rule          rule_msg_t;
typedef Envoy__Extensions__Filters__Http__HeaderToMetadata__V3__Config__KeyValuePair  pair_msg_t;

typedef enum { TEXT, NUMBER, MESSAGE } type_t;

typedef struct {
    bool                       set;
    nc_str_t                   space;
    nc_str_t                   key;
    nc_str_t                   value;           /* len 0: the header's */
    const nc_regex_rewrite_t  *rewrite;         /* NULL: none */
    type_t                     type;
    bool                       base64;
} pair_t;

typedef struct {
    nc_str_t  header;                           /* lower case; len 0: `cookie` */
    nc_str_t  cookie;
    pair_t    present;
    pair_t    missing;
    bool      remove;
} rule_t;

typedef struct {
    const rule_t  *request;
    const rule_t  *response;
    uint32_t       n_request;
    uint32_t       n_response;
} conf_t;


/* The text as a value of the pair's type; NULL: it is none. */
static const nc_value_t *
make(nc_pool_t *pool, const pair_t *p, nc_str_t text)
{
    char              *end;
    uint8_t           *bytes;
    size_t             len = text.len;
    const char        *why;
    ProtobufCMessage  *m;
    nc_value_t        *v = nc_pool_new(pool, nc_value_t);

    if (text.len == 0 || text.len > MAX_VALUE) {
        return NULL;
    }

    if (p->base64) {
        bytes = nc_pool_alloc(pool, text.len + 4);
        if (!nc_base64_decode(text, bytes, &len)) {
            return NULL;
        }
        text = nc_str((const char *) bytes, len);
    }

    switch (p->type) {

    case NUMBER:
        text = nc_pool_str(pool, text);         /* ends in NUL */
        v->kind = NC_VALUE_NUMBER;
        v->number = strtod(text.data, &end);
        return end == text.data + text.len ? v : NULL;

    case MESSAGE:
        m = nc_message_unpack(pool, &google__protobuf__value__descriptor, text, &why, NULL);
        return m != NULL ? nc_value_of(pool, (const void *) m) : NULL;

    default:
        v->kind = NC_VALUE_STRING;
        v->string = nc_pool_str(pool, text);
        return v;
    }
}


static void
write_pair(nc_stream_t *s, const pair_t *p, nc_str_t value)
{
    nc_sb_t            text;
    nc_pool_t         *pool = nc_stream_pool(s);
    const nc_value_t  *v;

    if (p->value.len > 0) {
        value = p->value;

    } else if (p->rewrite != NULL) {
        nc_sb_init(&text);
        if (nc_regex_subst(p->rewrite->regex, value, p->rewrite->substitution, &text)
            == NC_ERROR)
        {
            nc_sb_reset(&text);
        }
        value = nc_pool_str(pool, nc_sb_str(&text));
        nc_sb_fini(&text);
    }

    v = make(pool, p, value);

    if (v != NULL) {
        nc_dynamic_metadata_set(nc_stream_info(s), pool, p->space, p->key, v);
    }
}


static void
apply(nc_stream_t *s, const rule_t *rules, uint32_t n, nc_headers_t *h)
{
    for (uint32_t i = 0; i < n; i++) {
        const rule_t  *r = &rules[i];
        nc_str_t       value = NC_STR_NULL;
        bool           found;

        found = r->header.len > 0 ? nc_headers_joined(h, r->header, nc_stream_pool(s), &value)
                                  : nc_cookie_value(h, r->cookie, &value);

        if (found && r->present.set) {
            write_pair(s, &r->present, value);
        } else if (!found && r->missing.set) {
            write_pair(s, &r->missing, r->missing.value);
        }

        if (found && r->remove) {
            nc_headers_del(h, r->header);
        }
    }
}


static const conf_t *
conf_of(nc_stream_t *s, const void *conf)
{
    const conf_t  *of_route = nc_stream_route_conf(s);

    return of_route != NULL ? of_route : conf;
}


static nc_verdict_t
on_request_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t  *c = conf_of(s, conf);

    (void) end;
    apply(s, c->request, c->n_request, h);

    return NC_NEXT;
}


static nc_verdict_t
on_response_headers(nc_stream_t *s, const void *conf, nc_headers_t *h, bool end)
{
    const conf_t  *c = conf_of(s, conf);

    (void) end;
    apply(s, c->response, c->n_response, h);

    return NC_NEXT;
}


static bool
compile_pair(nc_compile_t *cc, const pair_msg_t *m, pair_t *p)
{
    if (m == NULL) {
        return true;
    }

    p->set = true;
    p->space = nc_pool_str(cc->pool, m->metadata_namespace[0] ? nc_str_c(m->metadata_namespace)
                                                              : NC_STR(NAME));
    p->key = nc_pool_str(cc->pool, nc_str_c(m->key));
    p->value = nc_pool_str(cc->pool, nc_str_c(m->value));
    p->type = m->type == ENUM(VALUE_TYPE__NUMBER) ? NUMBER
        : m->type == ENUM(VALUE_TYPE__PROTOBUF_VALUE) ? MESSAGE : TEXT;
    p->base64 = m->encode == ENUM(VALUE_ENCODE__BASE64);

    if (m->regex_value_rewrite == NULL) {
        return true;
    }

    if (p->value.len > 0) {
        nc_compile_error(cc, &m->base, "regex_value_rewrite",
                         "value and regex_value_rewrite exclude each other");
        return false;
    }

    p->rewrite = nc_regex_rewrite_compile(cc, m->regex_value_rewrite);

    return p->rewrite != NULL;
}


static bool
compile_rule(nc_compile_t *cc, const rule_msg_t *m, rule_t *r)
{
    char  *name = nc_pool_strdup(cc->pool, m->header);
    bool   ok = compile_pair(cc, m->on_header_present, &r->present);

    ok = compile_pair(cc, m->on_header_missing, &r->missing) && ok;

    for (char *p = name; *p != '\0'; p++) {
        *p = nc_lower(*p);
    }

    r->header = nc_str_c(name);
    r->cookie = nc_pool_str(cc->pool, nc_str_c(m->cookie));
    r->remove = m->remove;

    if ((r->header.len == 0) == (r->cookie.len == 0)) {
        nc_compile_error(cc, &m->base, "", "one of header and cookie is required, and only one");
        ok = false;
    }

    if (!r->present.set && !r->missing.set) {
        nc_compile_error(cc, &m->base, "", "on_header_present or on_header_missing is required");
        ok = false;
    }

    if (r->missing.set && r->missing.value.len == 0) {
        nc_compile_error(cc, &m->base, "on_header_missing", "needs a value");
        ok = false;
    }

    if (r->remove && r->cookie.len > 0) {
        nc_compile_error(cc, &m->base, "remove", "a cookie cannot be removed");
        ok = false;
    }

    return ok;
}


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const message_t  *m = (const void *) message;
    bool              ok = true;
    rule_t           *rules = nc_pool_array(cc->pool, m->n_request_rules + m->n_response_rules,
                                            sizeof(*rules));
    conf_t           *c = nc_pool_new(cc->pool, conf_t);

    for (size_t i = 0; i < m->n_request_rules; i++) {
        ok = compile_rule(cc, m->request_rules[i], &rules[i]) && ok;
    }

    for (size_t i = 0; i < m->n_response_rules; i++) {
        ok = compile_rule(cc, m->response_rules[i], &rules[m->n_request_rules + i]) && ok;
    }

    c->request = rules;
    c->n_request = (uint32_t) m->n_request_rules;
    c->response = rules + m->n_request_rules;
    c->n_response = (uint32_t) m->n_response_rules;

    return ok ? c : NULL;
}


static const nc_http_filter_ops_t  ops = {
    .on_request_headers = on_request_headers,
    .on_response_headers = on_response_headers
};

const nc_module_t  nc_http_header_to_metadata_module = {
    NC_MODULE_HEAD,
    .name = NAME,
    .kind = NC_HTTP_FILTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__filters__http__header_to_metadata__v3__config__descriptor,
    .route_config = &envoy__extensions__filters__http__header_to_metadata__v3__config__descriptor,
    .compile = compile,
    .route_compile = compile,
    .http_filter = &ops
};
