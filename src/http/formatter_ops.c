/* formatter_ops.c: the operators and what their arguments mean, when a format is compiled. */
#include "http/formatter_priv.h"

#include <limits.h>
#include <unistd.h>

typedef enum { NONE, OPTIONAL, REQUIRED } arg_t;

typedef struct {
    nc_str_t    name;
    nc_op_id_t  id;
    arg_t       arg;
    bool        length;                         /* ":N" may follow */
} operator_t;

static const operator_t  operators[] = {
#define X(name, arg, length)  { NC_STR_INIT(#name), NC_OP_##name, arg, length },
    NC_OPERATORS(X)
#undef X
#define X(name, upstream, fact)  { NC_STR_INIT(#name), NC_OP_##name, NONE, true },
    NC_TLS_OPERATORS(X)
#undef X
#define X(name)  { NC_STR_INIT(#name), NC_OP_ABSENT, OPTIONAL, true },
    NC_ABSENT_OPERATORS(X)
#undef X
};

static const nc_str_t  foreign[] = {
#define X(name)  NC_STR_INIT(#name),
    NC_FOREIGN_OPERATORS(X)
#undef X
};

static const nc_str_t  time_points[] = {
#define X(name, field)  NC_STR_INIT(#name),
    NC_TIME_POINTS(X)
#undef X
};


static const operator_t *
find_operator(nc_str_t name)
{
    for (size_t i = 0; i < NC_COUNTOF(operators); i++) {
        if (nc_str_eq(operators[i].name, name)) {
            return &operators[i];
        }
    }

    return NULL;
}


/* The formatter modules are asked first: they may know what the core does not. */
static bool
module_operator(nc_format_builder_t *b, nc_str_t name, nc_str_t arg, nc_format_op_t *op)
{
    for (size_t i = 0; i < b->n_formatters; i++) {
        const char                *why = "the argument is wrong";
        const void                *object = NULL;
        const nc_formatter_ref_t  *ref = &b->formatters[i];

        switch (ref->ops->parse(ref->conf, b->cc, name, arg, &object, &why)) {

        case NC_OK:
            op->id = NC_OP_MODULE;
            op->module.ops = ref->ops;
            op->module.op = object;
            return true;

        case NC_DECLINED:
            break;

        default:
            nc_format_error(b, "%%" NC_STR_FMT "(" NC_STR_FMT ")%%: %s", NC_STR_ARG(name),
                NC_STR_ARG(arg), why);
            return true;
        }
    }

    return false;
}


static void
unknown_operator(nc_format_builder_t *b, nc_str_t name)
{
    unsigned  best = 4;
    nc_str_t  near = NC_STR_NULL;

    for (size_t i = 0; i < NC_COUNTOF(foreign); i++) {
        if (nc_str_eq(foreign[i], name)) {
            nc_format_error(b, "operator %%" NC_STR_FMT "%% exists in Envoy, not in this version "
                "of Nuncio", NC_STR_ARG(name));
            return;
        }
    }

    for (size_t i = 0; i < NC_COUNTOF(operators); i++) {
        unsigned  distance = nc_str_distance(operators[i].name, name, best);

        if (distance < best) {
            best = distance;
            near = operators[i].name;
        }
    }

    if (near.data != NULL) {
        nc_format_error(b, "unknown operator %%" NC_STR_FMT "%%, did you mean %%" NC_STR_FMT
            "%%?", NC_STR_ARG(name), NC_STR_ARG(near));
    } else {
        nc_format_error(b, "unknown operator %%" NC_STR_FMT "%%", NC_STR_ARG(name));
    }
}


/* A header name as argument; false when it cannot be one. */
static bool
set_header(nc_format_builder_t *b, nc_str_t name, nc_op_header_t *h)
{
    char      *lower;
    nc_str_t   token = name;

    if (token.len > 1 && token.data[0] == ':') {
        token = nc_str_skip(token, 1);
    }

    if (!nc_header_name_valid(token)) {
        return false;
    }

    lower = nc_pool_alloc(b->cc->pool, name.len);
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = nc_lower(name.data[i]);
    }

    h->name = nc_str(lower, name.len);
    h->id = nc_header_id(h->name);

    if (h->id == NC_H_HOST) {
        h->id = NC_H_AUTHORITY;                 /* where the host of a request stands */
        h->name = nc_header_names[h->id];
    }

    return true;
}


/* "X" or "X?Y". */
static bool
set_headers(nc_format_builder_t *b, nc_str_t arg, nc_format_op_t *op)
{
    ssize_t  mark = nc_str_chr(arg, '?');

    if (mark < 0) {
        return set_header(b, arg, &op->first);
    }

    return set_header(b, nc_str(arg.data, (size_t) mark), &op->first)
        && set_header(b, nc_str_skip(arg, (size_t) mark + 1), &op->second);
}


/* "QUERY", "QUERY:SOURCE". */
static bool
set_path(nc_str_t arg, nc_format_op_t *op)
{
    nc_str_t  rest = arg, part;

    if (nc_str_split(&rest, ':', &part) && part.len > 0) {
        if (nc_str_eq(part, NC_STR("NQ"))) {
            op->mode |= NC_PATH_NO_QUERY;
        } else if (!nc_str_eq(part, NC_STR("WQ"))) {
            return false;
        }
    }

    if (nc_str_split(&rest, ':', &part) && part.len > 0) {
        if (nc_str_eq(part, NC_STR("ORIG"))) {
            op->mode |= NC_PATH_ORIG;
        } else if (nc_str_eq(part, NC_STR("PATH"))) {
            op->mode |= NC_PATH_PATH;
        } else if (!nc_str_eq(part, NC_STR("ORIG_OR_PATH"))) {
            return false;
        }
    }

    return rest.len == 0;
}


static bool
find_point(nc_str_t name, uint8_t *point)
{
    for (size_t i = 0; i < NC_COUNTOF(time_points); i++) {
        if (nc_str_eq(time_points[i], name)) {
            *point = (uint8_t) i;
            return true;
        }
    }

    return false;
}


/* "START:END:PRECISION". */
static bool
set_points(nc_str_t arg, nc_format_op_t *op)
{
    nc_str_t  rest = arg, from, to, precision;

    if (!nc_str_split(&rest, ':', &from) || !nc_str_split(&rest, ':', &to)
        || !nc_str_split(&rest, ':', &precision) || rest.len > 0
        || !find_point(from, &op->points.from) || !find_point(to, &op->points.to))
    {
        return false;
    }

    if (nc_str_eq(precision, NC_STR("ms"))) {
        op->points.per_ms = 1;
    } else if (nc_str_eq(precision, NC_STR("us"))) {
        op->points.per_ms = 1000;
    } else if (nc_str_eq(precision, NC_STR("ns"))) {
        op->points.per_ms = 1000000;
    } else {
        return false;
    }

    return true;
}


/* "namespace:key:key", quotes around a part taken off. */
static const char *
set_metadata_path(nc_format_builder_t *b, nc_str_t arg, nc_format_op_t *op)
{
    nc_str_t   rest = arg, part, *parts;
    uint32_t   n = 1;

    for (size_t i = 0; i < arg.len; i++) {
        n += arg.data[i] == ':';
    }

    parts = nc_pool_array(b->cc->pool, n, sizeof(*parts));
    op->path.n = 0;

    while (nc_str_split(&rest, ':', &part)) {
        if (part.len > 1 && part.data[0] == '"' && part.data[part.len - 1] == '"') {
            part = nc_str(part.data + 1, part.len - 2);
        }
        if (part.len == 0) {
            return "expected NAMESPACE:KEY:...";
        }
        parts[op->path.n++] = nc_pool_str(b->cc->pool, part);
    }

    op->path.parts = parts;

    return NULL;
}


/* "key", "key:PLAIN" or "key:TYPED". */
static const char *
set_state(nc_format_builder_t *b, nc_str_t arg, nc_format_op_t *op)
{
    nc_str_t  rest = arg, key = NC_STR(""), how = NC_STR("");

    (void) nc_str_split(&rest, ':', &key);
    (void) nc_str_split(&rest, ':', &how);

    if (key.len == 0 || rest.len > 0
        || (how.len > 0 && !nc_str_eq(how, NC_STR("PLAIN")) && !nc_str_eq(how, NC_STR("TYPED"))))
    {
        return "expected KEY, KEY:PLAIN or KEY:TYPED";
    }

    op->mode = nc_str_eq(how, NC_STR("PLAIN"));
    op->first.name = nc_pool_str(b->cc->pool, key);

    return NULL;
}


/* The argument's meaning, by operator; what is wrong with it, or NULL. */
static const char *
set_argument(nc_format_builder_t *b, nc_str_t arg, nc_format_op_t *op)
{
    char         host[HOST_NAME_MAX + 1] = "";
    bool         local = op->id == NC_OP_START_TIME_LOCAL || op->id == NC_OP_EMIT_TIME_LOCAL;
    char        *name;
    const char  *why = "the argument is wrong";

    switch (op->id) {

    case NC_OP_REQ:
    case NC_OP_REQUEST_HEADER:
    case NC_OP_RESP:
    case NC_OP_RESPONSE_HEADER:
    case NC_OP_TRAILER:
    case NC_OP_RESPONSE_TRAILER:
        return set_headers(b, arg, op) ? NULL : "expected a header name, or two as X?Y";

    case NC_OP_START_TIME:
    case NC_OP_START_TIME_LOCAL:
    case NC_OP_EMIT_TIME:
    case NC_OP_EMIT_TIME_LOCAL:
    case NC_OP_DOWNSTREAM_PEER_CERT_V_START:
    case NC_OP_DOWNSTREAM_PEER_CERT_V_END:
    case NC_OP_UPSTREAM_PEER_CERT_V_START:
    case NC_OP_UPSTREAM_PEER_CERT_V_END:
        op->time = nc_time_format_compile(b->cc->pool,
            arg.len > 0 ? arg : NC_STR(NC_TIME_DEFAULT), local, &why);
        return op->time != NULL ? NULL : why;

    case NC_OP_PATH:
        return set_path(arg, op) ? NULL
            : "expected WQ or NQ, then ORIG, PATH or ORIG_OR_PATH, as in NQ:PATH";

    case NC_OP_COMMON_DURATION:
        return set_points(arg, op) ? NULL : "expected START:END:PRECISION of DS_RX_BEG, "
            "DS_RX_END, US_TX_BEG, US_TX_END, US_RX_BEG, US_RX_END, DS_TX_BEG, DS_TX_END and ms, "
            "us, ns";

    case NC_OP_DYNAMIC_METADATA:
        return set_metadata_path(b, arg, op);

    case NC_OP_FILTER_STATE:
        return set_state(b, arg, op);

    case NC_OP_QUERY_PARAM:
        op->first.name = nc_pool_str(b->cc->pool, arg);
        return NULL;

    case NC_OP_ENVIRONMENT:
        name = nc_str_dup_c(arg);
        if (getenv(name) != NULL) {
            op->first.name = nc_pool_str(b->cc->pool, nc_str_c(getenv(name)));
        }
        free(name);
        return NULL;

    case NC_OP_HOSTNAME:
        gethostname(host, sizeof(host) - 1);
        op->first.name = nc_pool_str(b->cc->pool, nc_str_c(host));
        return NULL;

    case NC_OP_GRPC_STATUS:
        if (nc_str_eq(arg, NC_STR("SNAKE_STRING"))) {
            op->mode = NC_GRPC_SNAKE;
        } else if (nc_str_eq(arg, NC_STR("NUMBER"))) {
            op->mode = NC_GRPC_NUMBER;
        } else if (arg.len > 0 && !nc_str_eq(arg, NC_STR("CAMEL_STRING"))) {
            return "expected CAMEL_STRING, SNAKE_STRING or NUMBER";
        }
        return NULL;

    case NC_OP_RESPONSE_CODE_DETAILS:
        op->mode = nc_str_eq(arg, NC_STR("ALLOW_WHITESPACES"));
        return arg.len == 0 || op->mode ? NULL : "expected ALLOW_WHITESPACES or nothing";

    default:
        return NULL;
    }
}


void
nc_format_operator(nc_format_builder_t *b, nc_str_t name, nc_str_t arg, uint32_t max_len,
    nc_op_out_t out, bool omit)
{
    const char        *why;
    nc_format_op_t    *op = nc_format_builder_op(b, NC_OP_ABSENT);
    const operator_t  *known;

    op->out = (uint8_t) out;
    op->omit = omit;
    op->max_len = max_len;

    if (module_operator(b, name, arg, op)) {
        return;
    }

    known = find_operator(name);
    if (known == NULL) {
        unknown_operator(b, name);
        return;
    }

    if (arg.data != NULL && known->arg == NONE) {
        nc_format_error(b, "%%" NC_STR_FMT "%% takes no argument", NC_STR_ARG(name));
        return;
    }

    if (arg.len == 0 && known->arg == REQUIRED) {
        nc_format_error(b, "%%" NC_STR_FMT "%% needs an argument: %%" NC_STR_FMT "(...)%%",
            NC_STR_ARG(name), NC_STR_ARG(name));
        return;
    }

    if (max_len > 0 && !known->length) {
        nc_format_error(b, "%%" NC_STR_FMT "%% takes no length", NC_STR_ARG(name));
        return;
    }

    op->id = (uint8_t) known->id;
    why = set_argument(b, arg, op);

    if (why != NULL) {
        nc_format_error(b, "%%" NC_STR_FMT "(" NC_STR_FMT ")%%: %s", NC_STR_ARG(name),
            NC_STR_ARG(arg), why);
    }
}
