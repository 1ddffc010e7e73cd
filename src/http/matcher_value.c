/* matcher_value.c: see matcher_value.h. */
#include "http/matcher_value.h"

#include "http/dynamic_metadata.h"
#include "http/filter_state.h"

#include "envoy/config/core/v3/address.pb-c.h"
#include "envoy/type/matcher/v3/filter_state.pb-c.h"
#include "envoy/type/matcher/v3/metadata.pb-c.h"
#include <google/protobuf/wrappers.pb-c.h>

#define VALUE(kind)     ENVOY__TYPE__MATCHER__V3__VALUE_MATCHER__MATCH_PATTERN_##kind
#define NUMBER(kind)    ENVOY__TYPE__MATCHER__V3__DOUBLE_MATCHER__MATCH_PATTERN_##kind
#define LIST(kind)      ENVOY__TYPE__MATCHER__V3__LIST_MATCHER__MATCH_PATTERN_##kind
#define STATE(kind)     ENVOY__TYPE__MATCHER__V3__FILTER_STATE_MATCHER__MATCHER_##kind

typedef Envoy__Type__Matcher__V3__ValueMatcher  value_msg_t;


static nc_rc_t
compile_parts(nc_compile_t *cc, value_msg_t *const *msgs, size_t n, nc_value_matcher_t *m)
{
    nc_rc_t              rc = NC_OK;
    nc_value_matcher_t  *parts = nc_pool_array(cc->pool, n, sizeof(*parts));

    for (size_t i = 0; i < n; i++) {
        if (nc_value_matcher_compile(cc, msgs[i], &parts[i]) != NC_OK) {
            rc = NC_ERROR;
        }
    }

    m->parts = parts;
    m->n = (uint32_t) n;

    return rc;
}


static nc_rc_t
compile_number(nc_compile_t *cc, const Envoy__Type__Matcher__V3__DoubleMatcher *msg,
    nc_value_matcher_t *m)
{
    switch (msg->match_pattern_case) {

    case NUMBER(RANGE):
        m->kind = NC_VM_RANGE;
        m->start = msg->range->start;
        m->end = msg->range->end;
        return NC_OK;

    case NUMBER(EXACT):
        m->kind = NC_VM_NUMBER;
        m->start = msg->exact;
        return NC_OK;

    default:
        return nc_compile_error(cc, &msg->base, "", "one of range, exact is required");
    }
}


nc_rc_t
nc_value_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__ValueMatcher *msg, nc_value_matcher_t *m)
{
    value_msg_t  *one;

    *m = (nc_value_matcher_t) { .kind = NC_VM_NULL };

    switch (msg->match_pattern_case) {

    case VALUE(NULL_MATCH):
        return NC_OK;

    case VALUE(DOUBLE_MATCH):
        return compile_number(cc, msg->double_match, m);

    case VALUE(STRING_MATCH):
        m->kind = NC_VM_STRING;
        return nc_string_matcher_compile(cc, msg->string_match, &m->string);

    case VALUE(BOOL_MATCH):
        m->kind = NC_VM_BOOL;
        m->yes = msg->bool_match;
        return NC_OK;

    case VALUE(PRESENT_MATCH):
        m->kind = NC_VM_PRESENT;
        m->yes = msg->present_match;
        return NC_OK;

    case VALUE(LIST_MATCH):
        m->kind = NC_VM_LIST;
        if (msg->list_match->match_pattern_case != LIST(ONE_OF)) {
            return nc_compile_error(cc, &msg->list_match->base, "", "one_of is required");
        }
        one = msg->list_match->one_of;
        return compile_parts(cc, &one, 1, m);

    case VALUE(OR_MATCH):
        m->kind = NC_VM_OR;
        return compile_parts(cc, msg->or_match->value_matchers, msg->or_match->n_value_matchers,
            m);

    default:
        return nc_compile_error(cc, &msg->base, "", "one of null_match, double_match, "
            "string_match, bool_match, present_match, list_match, or_match is required");
    }
}


/* Any of the conditions holds for any of the values. */
static nc_rc_t
any(const nc_value_matcher_t *parts, uint32_t n_parts, const nc_value_t *values, uint32_t n_values)
{
    nc_rc_t  worst = NC_DECLINED;

    for (uint32_t i = 0; i < n_parts * n_values; i++) {
        nc_rc_t  rc = nc_value_matcher_exec(&parts[i % n_parts], &values[i / n_parts]);

        if (rc == NC_OK) {
            return NC_OK;
        }
        worst = rc == NC_ERROR ? NC_ERROR : worst;
    }

    return worst;
}


nc_rc_t
nc_value_matcher_exec(const nc_value_matcher_t *m, const nc_value_t *v)
{
    bool  holds = false;

    if (v == NULL) {
        return NC_DECLINED;
    }

    switch (m->kind) {

    case NC_VM_NULL:
        holds = v->kind == NC_VALUE_NULL;
        break;

    case NC_VM_RANGE:
        holds = v->kind == NC_VALUE_NUMBER && v->number >= m->start && v->number < m->end;
        break;

    case NC_VM_NUMBER:
        holds = v->kind == NC_VALUE_NUMBER && v->number == m->start;
        break;

    case NC_VM_STRING:
        return v->kind == NC_VALUE_STRING ? nc_string_matcher_exec(&m->string, v->string)
                                          : NC_DECLINED;

    case NC_VM_BOOL:
        holds = v->kind == NC_VALUE_BOOL && v->boolean == m->yes;
        break;

    case NC_VM_PRESENT:
        holds = m->yes;
        break;

    case NC_VM_LIST:
        return v->kind == NC_VALUE_LIST ? any(m->parts, 1, v->items, v->n) : NC_DECLINED;

    case NC_VM_OR:
        return any(m->parts, m->n, v, 1);
    }

    return holds ? NC_OK : NC_DECLINED;
}


nc_rc_t
nc_metadata_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__MetadataMatcher *msg, nc_metadata_matcher_t *m)
{
    nc_str_t  *path = nc_pool_array(cc->pool, msg->n_path, sizeof(*path));

    for (size_t i = 0; i < msg->n_path; i++) {
        path[i] = nc_pool_str(cc->pool, nc_str_c(msg->path[i]->key));
    }

    *m = (nc_metadata_matcher_t) {
        .filter = nc_pool_str(cc->pool, nc_str_c(msg->filter)),
        .path = path,
        .n_path = (uint32_t) msg->n_path,
        .invert = msg->invert
    };

    if (msg->value == NULL) {
        return nc_compile_error(cc, &msg->base, "value", "is required");
    }

    return nc_value_matcher_compile(cc, msg->value, &m->value);
}


bool
nc_metadata_matcher_holds_for(const nc_metadata_matcher_t *m, const nc_value_t *v)
{
    nc_rc_t  rc = nc_value_matcher_exec(&m->value, v);

    return rc != NC_ERROR && (rc == NC_OK) != m->invert;
}


bool
nc_metadata_matcher_holds(const nc_metadata_matcher_t *m, const nc_http_info_t *info)
{
    return nc_metadata_matcher_holds_for(m,
        nc_dynamic_metadata_get(info, m->filter, m->path, m->n_path));
}


nc_rc_t
nc_filter_state_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__FilterStateMatcher *msg, nc_filter_state_matcher_t *m)
{
    *m = (nc_filter_state_matcher_t) { .key = nc_pool_str(cc->pool, nc_str_c(msg->key)) };

    switch (msg->matcher_case) {

    case STATE(STRING_MATCH):
        return nc_string_matcher_compile(cc, msg->string_match, &m->string);

    case STATE(ADDRESS_MATCH):
        m->by_address = true;
        m->invert = msg->address_match->invert_match;
        return nc_xds_cidrs_compile(cc, msg->address_match->ranges, msg->address_match->n_ranges,
            &m->ranges);

    default:
        return nc_compile_error(cc, &msg->base, "", "one of string_match, address_match is "
            "required");
    }
}


bool
nc_filter_state_matcher_holds(const nc_filter_state_matcher_t *m, const nc_http_info_t *info)
{
    nc_str_t   value = nc_filter_state_get(info, m->key);
    nc_addr_t  a;
    nc_peer_t  p;

    if (value.data == NULL) {
        return false;
    }

    if (!m->by_address) {
        return nc_string_matcher_exec(&m->string, value) == NC_OK;
    }

    if (nc_addr_parse_ip(&a, value, 0) != NC_OK) {
        return false;
    }

    nc_peer_from(&p, &a.sa, a.len);

    return nc_cidrs_have(&m->ranges, &p) != m->invert;
}
