/* log_filter.c: see log_filter.h; a tree in image memory, walked for each line. */
#include "http/log_filter.h"

#include "api/runtime.h"
#include "event/loop.h"
#include "http/grpc.h"
#include "http/matcher.h"

#include "envoy/config/accesslog/v3/accesslog.pb-c.h"

typedef Envoy__Config__Accesslog__V3__AccessLogFilter   message_t;
typedef Envoy__Config__Accesslog__V3__ComparisonFilter  comparison_t;

#define CASE(name)  ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__FILTER_SPECIFIER_##name
#define OP(name)    ENVOY__CONFIG__ACCESSLOG__V3__COMPARISON_FILTER__OP__##name

typedef enum {
    STATUS,
    DURATION,
    NOT_HEALTH_CHECK,
    TRACEABLE,
    SHARE,                                      /* runtime_filter */
    AND,
    OR,
    HEADER,
    FLAGS,
    GRPC,
    LOG_TYPE
} kind_t;

struct nc_log_filter_s {
    kind_t                       kind;
    bool                         exclude;       /* GRPC, LOG_TYPE: everything but `bits` */
    bool                         independent;   /* SHARE: not by the request's id */
    uint32_t                     op;            /* STATUS, DURATION */
    uint32_t                     value;         /* what to compare with; SHARE: numerator */
    uint32_t                     denominator;   /* SHARE */
    uint32_t                     bits;          /* FLAGS, GRPC, LOG_TYPE */
    uint32_t                     n;             /* AND, OR */
    const nc_log_filter_t      **parts;
    const nc_header_matcher_t   *header;
};


static void
compile_comparison(nc_compile_t *cc, nc_log_filter_t *f, const comparison_t *m)
{
    f->op = m->op;
    f->value = nc_runtime_u32(cc, m->value->runtime_key, m->value->default_value);
}


static bool
compile_parts(nc_compile_t *cc, nc_log_filter_t *f, message_t *const *parts, size_t n)
{
    bool  ok = true;

    f->parts = nc_pool_array(cc->pool, n, sizeof(*f->parts));
    f->n = (uint32_t) n;

    for (size_t i = 0; i < n; i++) {
        f->parts[i] = nc_log_filter_compile(cc, parts[i]);
        ok = ok && f->parts[i] != NULL;
    }

    return ok;
}


static void
compile_share(nc_compile_t *cc, nc_log_filter_t *f,
    const Envoy__Config__Accesslog__V3__RuntimeFilter *m)
{
    f->independent = m->use_independent_randomness;
    nc_runtime_fraction(cc, m->runtime_key, m->percent_sampled, &f->value, &f->denominator);
}


static uint32_t
flag_bits(char *const *names, size_t n)
{
    static const char *const  known[NC_RF_COUNT] = {
#define X(id, abbr, name)  abbr,
        NC_RESPONSE_FLAGS(X)
#undef X
    };
    uint32_t  bits = 0;

    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < NC_RF_COUNT; k++) {
            bits |= strcmp(names[i], known[k]) == 0 ? NC_BIT(k) : 0;
        }
    }

    return n ? bits : UINT32_MAX;               /* none named: any flag */
}


static bool
compile_leaf(nc_compile_t *cc, nc_log_filter_t *f, const message_t *m)
{
    switch (m->filter_specifier_case) {
    case CASE(STATUS_CODE_FILTER):
        f->kind = STATUS;
        compile_comparison(cc, f, m->status_code_filter->comparison);
        return true;

    case CASE(DURATION_FILTER):
        f->kind = DURATION;
        compile_comparison(cc, f, m->duration_filter->comparison);
        return true;

    case CASE(NOT_HEALTH_CHECK_FILTER):
        f->kind = NOT_HEALTH_CHECK;
        return true;

    case CASE(TRACEABLE_FILTER):
        f->kind = TRACEABLE;
        return true;

    case CASE(RUNTIME_FILTER):
        f->kind = SHARE;
        compile_share(cc, f, m->runtime_filter);
        return true;

    case CASE(HEADER_FILTER):
        f->kind = HEADER;
        return nc_header_matchers_compile(cc, &m->header_filter->header, 1, &f->header) == NC_OK;

    case CASE(RESPONSE_FLAG_FILTER):
        f->kind = FLAGS;
        f->bits = flag_bits(m->response_flag_filter->flags, m->response_flag_filter->n_flags);
        return true;

    case CASE(GRPC_STATUS_FILTER):
        f->kind = GRPC;
        f->exclude = m->grpc_status_filter->exclude;
        for (size_t i = 0; i < m->grpc_status_filter->n_statuses; i++) {
            f->bits |= NC_BIT(m->grpc_status_filter->statuses[i]);
        }
        return true;

    case CASE(LOG_TYPE_FILTER):
        f->kind = LOG_TYPE;
        f->exclude = m->log_type_filter->exclude;
        for (size_t i = 0; i < m->log_type_filter->n_types; i++) {
            f->bits |= NC_BIT(m->log_type_filter->types[i]);
        }
        return true;

    default:
        nc_compile_error(cc, &m->base, "", "a filter is required");
        return false;
    }
}


const nc_log_filter_t *
nc_log_filter_compile(nc_compile_t *cc, const message_t *m)
{
    nc_log_filter_t  *f = nc_pool_new(cc->pool, nc_log_filter_t);
    bool              ok;

    switch (m->filter_specifier_case) {
    case CASE(AND_FILTER):
        f->kind = AND;
        ok = compile_parts(cc, f, m->and_filter->filters, m->and_filter->n_filters);
        break;

    case CASE(OR_FILTER):
        f->kind = OR;
        ok = compile_parts(cc, f, m->or_filter->filters, m->or_filter->n_filters);
        break;

    default:
        ok = compile_leaf(cc, f, m);
    }

    return ok ? f : NULL;
}


static bool
compare(const nc_log_filter_t *f, uint64_t value)
{
    switch (f->op) {
    case OP(EQ):  return value == f->value;
    case OP(GE):  return value >= f->value;
    case OP(LE):  return value <= f->value;
    default:      return value != f->value;
    }
}


/*
 * The first 32 bits of a request id that is a UUID, so that all proxies of a mesh choose the same
 * requests; else the stream's own random number.
 */
static uint64_t
share_random(const nc_log_filter_t *f, const nc_http_info_t *info, uint64_t random)
{
    uint64_t  bits = 0;

    if (f->independent || info->request_id.len < 8) {
        return random;
    }

    for (unsigned i = 0; i < 8; i++) {
        int  digit = nc_hex_value(info->request_id.data[i]);

        if (digit < 0) {
            return random;
        }

        bits = bits << 4 | (unsigned) digit;
    }

    return bits;
}


static bool
all_or_one(const nc_log_filter_t *f, const nc_http_view_t *view, uint64_t random, nc_pool_t *pool)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (nc_log_filter_holds(f->parts[i], view, random, pool) == (f->kind == OR)) {
            return f->kind == OR;
        }
    }

    return f->kind == AND;
}


static bool
grpc_holds(const nc_log_filter_t *f, const nc_http_view_t *view)
{
    uint64_t  status = nc_grpc_status_of(view);

    return (status < 32 && (f->bits & NC_BIT(status))) != f->exclude;
}


bool
nc_log_filter_holds(const nc_log_filter_t *f, const nc_http_view_t *view, uint64_t random,
    nc_pool_t *pool)
{
    const nc_http_info_t  *info = view->info;

    if (f == NULL) {
        return true;
    }

    switch (f->kind) {
    case STATUS:
        return compare(f, info->status);
    case DURATION:
        return compare(f, ((info->end_us ? info->end_us : nc_now_us) - info->start_us) / 1000);
    case NOT_HEALTH_CHECK:
        return !info->health_check;
    case TRACEABLE:
        return info->traced && !info->health_check;
    case SHARE:
        return share_random(f, info, random) % f->denominator < f->value;
    case AND:
    case OR:
        return all_or_one(f, view, random, pool);
    case HEADER:
        return view->request && nc_header_matcher_match(f->header, view->request, pool);
    case FLAGS:
        return (info->flags & f->bits) != 0;
    case GRPC:
        return grpc_holds(f, view);
    default:
        return ((f->bits & NC_BIT(info->log_type)) != 0) != f->exclude;
    }
}
