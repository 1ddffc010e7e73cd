/* http_inputs.c: values of requests and responses for matcher trees. */
#include "http/matcher.h"
#include "http/matcher_tree.h"
#include "http/path.h"

#include "envoy/type/matcher/v3/http_inputs.pb-c.h"
#include "envoy/type/matcher/v3/status_code_input.pb-c.h"

typedef struct {
    nc_str_t  name;
} conf_t;


static const void *
compile_name(nc_compile_t *cc, const char *name, bool lower)
{
    conf_t  *c = nc_pool_new(cc->pool, conf_t);
    char    *p = nc_pool_strdup(cc->pool, name);

    for (char *q = p; lower && *q != '\0'; q++) {
        *q = nc_lower(*q);
    }

    c->name = nc_str_c(p);

    if (lower && nc_str_eq(c->name, NC_STR("host"))) {
        c->name = NC_STR(":authority");         /* where the host of a request stands */
    }

    return c;
}


/* The four messages have the same single field. */
static const void *
compile_header(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Type__Matcher__V3__HttpRequestHeaderMatchInput  *m = (const void *) message;

    return compile_name(cc, m->header_name, true);
}


static const void *
compile_param(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Type__Matcher__V3__HttpRequestQueryParamMatchInput  *m = (const void *) message;

    return compile_name(cc, m->query_param, false);
}


static void
get_from(const conf_t *c, const nc_headers_t *h, const nc_match_data_t *d, nc_match_value_t *v)
{
    nc_str_t  value;

    if (h != NULL && nc_headers_joined(h, c->name, d->pool, &value)) {
        v->text = value.data != NULL ? value : NC_STR("");
    }
}


static void
get_request_header(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    get_from(conf, d->view->request, d, v);
}


static void
get_request_trailer(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    get_from(conf, d->view->request_trailers, d, v);
}


static void
get_response_header(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    get_from(conf, d->view->response, d, v);
}


static void
get_response_trailer(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    get_from(conf, d->view->response_trailers, d, v);
}


static void
get_param(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    nc_str_t       value;
    const conf_t  *c = conf;

    if (d->view->request != NULL
        && nc_query_param(nc_headers_value(d->view->request, NC_H_PATH), c->name, &value))
    {
        v->text = nc_path_unescape(value, d->pool);
        v->text = v->text.data != NULL ? v->text : NC_STR("");
    }
}


static void
get_status(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    (void) conf;

    if (d->view->response != NULL) {
        v->text = nc_headers_value(d->view->response, NC_H_STATUS);
    }
}


static void
get_class(const void *conf, const nc_match_data_t *d, nc_match_value_t *v)
{
    static const nc_str_t  classes[] = {
        NC_STR_INIT("1xx"), NC_STR_INIT("2xx"), NC_STR_INIT("3xx"), NC_STR_INIT("4xx"),
        NC_STR_INIT("5xx")
    };

    get_status(conf, d, v);

    if (v->text.len == 3 && v->text.data[0] >= '1' && v->text.data[0] <= '5') {
        v->text = classes[v->text.data[0] - '1'];
    } else {
        v->text = NC_STR_NULL;
    }
}


#define INPUT(symbol, extension, type, compile_fn, get_fn)  \
    static const nc_match_input_ops_t  symbol##_ops = { .get = get_fn };  \
    const nc_module_t  nc_input_##symbol##_module = {  \
        NC_MODULE_HEAD,  \
        .name = "envoy.matching.inputs." extension,  \
        .kind = NC_MATCH_INPUT,  \
        .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,  \
        .config = &envoy__type__matcher__v3__##type##__descriptor,  \
        .compile = compile_fn,  \
        .ops = &symbol##_ops  \
    }

INPUT(request_headers, "request_headers", http_request_header_match_input, compile_header,
    get_request_header);
INPUT(request_trailers, "request_trailers", http_request_trailer_match_input, compile_header,
    get_request_trailer);
INPUT(response_headers, "response_headers", http_response_header_match_input, compile_header,
    get_response_header);
INPUT(response_trailers, "response_trailers", http_response_trailer_match_input, compile_header,
    get_response_trailer);
INPUT(query_params, "query_params", http_request_query_param_match_input, compile_param, get_param);
INPUT(status_code, "status_code_input", http_response_status_code_match_input, NULL, get_status);
INPUT(status_class, "status_code_class_input", http_response_status_code_class_match_input, NULL,
    get_class);
