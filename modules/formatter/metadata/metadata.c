/* metadata.c: the operator METADATA. */
#include "base/module.h"
#include "http/dynamic_metadata.h"
#include "http/formatter.h"
#include "http/route.h"

#include "envoy/extensions/formatter/metadata/v3/metadata.pb-c.h"

#define PARTS_MAX   32u

typedef struct {
    enum { DYNAMIC, ROUTE, VIRTUAL_HOST } of;
    nc_str_t  parts[PARTS_MAX];                 /* namespace, then keys */
    uint32_t  n;
} op_t;


static nc_rc_t
parse(const void *conf, nc_compile_t *cc, nc_str_t name, nc_str_t arg, const void **op,
    const char **why)
{
    op_t      *o;
    nc_str_t   part, rest = arg;

    (void) conf;

    if (!nc_str_eq(name, NC_STR("METADATA"))) {
        return NC_DECLINED;
    }

    o = nc_pool_new(cc->pool, op_t);
    *op = o;
    *why = "expected TYPE:NAMESPACE:KEY:..., TYPE being DYNAMIC, ROUTE or VIRTUAL_HOST";

    if (!nc_str_split(&rest, ':', &part)) {
        return NC_ERROR;
    }

    if (nc_str_eq(part, NC_STR("ROUTE"))) {
        o->of = ROUTE;
    } else if (nc_str_eq(part, NC_STR("VIRTUAL_HOST"))) {
        o->of = VIRTUAL_HOST;
    } else if (!nc_str_eq(part, NC_STR("DYNAMIC"))) {
        return NC_ERROR;
    }

    while (nc_str_split(&rest, ':', &part)) {
        if (part.len == 0 || o->n == PARTS_MAX) {
            return NC_ERROR;
        }
        o->parts[o->n++] = nc_pool_str(cc->pool, part);
    }

    return o->n > 0 ? NC_OK : NC_ERROR;
}


static void
value(const void *op, const nc_http_view_t *view, nc_sb_t *scratch, nc_format_value_t *v)
{
    const op_t           *o = op;
    const nc_route_t     *r = view->info->route;
    const nc_value_t     *found;
    const nc_metadata_t  *m = NULL;

    if (o->of == DYNAMIC) {
        found = nc_dynamic_metadata_get(view->info, o->parts[0], o->parts + 1, o->n - 1);
    } else {
        if (r != NULL) {
            m = o->of == ROUTE ? r->metadata : r->vhost != NULL ? r->vhost->metadata : NULL;
        }
        found = nc_metadata_get(m, o->parts[0], o->parts + 1, o->n - 1);
    }

    nc_format_value_of(found, scratch, v);
}


static const nc_formatter_ops_t  ops = { .parse = parse, .value = value };

const nc_module_t  nc_formatter_metadata_module = {
    NC_MODULE_HEAD,
    .name = "envoy.formatter.metadata",
    .kind = NC_FORMATTER,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__formatter__metadata__v3__metadata__descriptor,
    .ops = &ops
};
