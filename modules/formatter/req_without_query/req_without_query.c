/* req_without_query.c: the operator REQ_WITHOUT_QUERY. */
#include "base/module.h"
#include "http/formatter.h"

#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb-c.h"

typedef struct {
    nc_str_t  names[2];                         /* lower case; the second may be empty */
} op_t;


static bool
set_name(nc_compile_t *cc, nc_str_t text, nc_str_t *out)
{
    char      *p = nc_pool_alloc(cc->pool, text.len + 1);
    nc_str_t   token = text.len > 1 && text.data[0] == ':' ? nc_str_skip(text, 1) : text;

    for (size_t i = 0; i < text.len; i++) {
        p[i] = nc_lower(text.data[i]);
    }

    *out = nc_str(p, text.len);

    return nc_header_name_valid(token);
}


static nc_rc_t
parse(const void *conf, nc_compile_t *cc, nc_str_t name, nc_str_t arg, const void **op,
    const char **why)
{
    op_t     *o;
    ssize_t   mark;
    bool      ok;

    (void) conf;

    if (!nc_str_eq(name, NC_STR("REQ_WITHOUT_QUERY"))) {
        return NC_DECLINED;
    }

    o = nc_pool_new(cc->pool, op_t);
    mark = nc_str_chr(arg, '?');
    ok = set_name(cc, mark < 0 ? arg : nc_str(arg.data, (size_t) mark), &o->names[0]);

    if (mark >= 0) {
        ok = set_name(cc, nc_str_skip(arg, (size_t) mark + 1), &o->names[1]) && ok;
    }

    *op = o;
    *why = "expected a header name, or two as X?Y";

    return ok ? NC_OK : NC_ERROR;
}


static void
value(const void *op, const nc_http_view_t *view, nc_sb_t *scratch, nc_format_value_t *v)
{
    const op_t  *o = op;

    (void) scratch;

    for (unsigned i = 0; i < 2 && view->request != NULL; i++) {
        uint32_t      at = 0;
        ssize_t       mark;
        nc_header_t  *h = o->names[i].len ? nc_headers_find(view->request, o->names[i], &at)
                                          : NULL;

        if (h != NULL) {
            mark = nc_str_chr(h->value, '?');
            v->type = NC_FV_STR;
            v->str = mark < 0 ? h->value : nc_str(h->value.data, (size_t) mark);
            return;
        }
    }
}


static const nc_formatter_ops_t  ops = { .parse = parse, .value = value };

const nc_module_t  nc_formatter_req_without_query_module = {
    NC_MODULE_HEAD,
    .name = "envoy.formatter.req_without_query",
    .kind = NC_FORMATTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__formatter__req_without_query__v3__req_without_query__descriptor,
    .ops = &ops
};
