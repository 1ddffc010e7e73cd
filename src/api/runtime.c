/* runtime.c: see runtime.h. */
#include "api/runtime.h"

#include <google/protobuf/struct.pb-c.h>
#include <strings.h>

#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/type/v3/percent.pb-c.h"

#define KIND(name)  GOOGLE__PROTOBUF__VALUE__KIND_##name##_VALUE

typedef Google__Protobuf__Struct  struct_t;
typedef Google__Protobuf__Value   value_t;


static const value_t *
field(const struct_t *s, nc_str_t name)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        if (nc_str_eq(nc_str_c(s->fields[i]->key), name)) {
            return s->fields[i]->value;
        }
    }

    return NULL;
}


static bool
is_fraction(const struct_t *s)
{
    return field(s, NC_STR("numerator")) || field(s, NC_STR("denominator"));
}


const value_t *
nc_runtime_find(const struct_t *layer, nc_str_t key)
{
    const value_t  *v = field(layer, key);

    if (v && (v->kind_case != KIND(STRUCT) || is_fraction(v->struct_value))) {
        return v;
    }

    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] != '.') {
            continue;
        }

        v = field(layer, nc_str(key.data, i));

        if (v && v->kind_case == KIND(STRUCT)) {
            v = nc_runtime_find(v->struct_value, nc_str_skip(key, i + 1));

            if (v) {
                return v;
            }
        }
    }

    return NULL;
}


static const value_t *
look_up(nc_compile_t *cc, const char *key)
{
    return cc->runtime && key[0] ? (const void *) cc->runtime(cc, key) : NULL;
}


/* Numbers may be written as texts. False: it is no number from 0 to 2^32 - 1. */
static bool
number_of(const value_t *v, uint32_t *out)
{
    uint64_t  n;

    if (v && v->kind_case == KIND(NUMBER) && v->number_value >= 0
        && v->number_value <= UINT32_MAX)
    {
        *out = (uint32_t) v->number_value;

        return true;
    }

    if (v && v->kind_case == KIND(STRING)
        && nc_str_to_u64(nc_str_c(v->string_value), UINT32_MAX, &n) == NC_OK)
    {
        *out = (uint32_t) n;

        return true;
    }

    return false;
}


uint32_t
nc_runtime_u32(nc_compile_t *cc, const char *key, uint32_t unset)
{
    uint32_t  n;

    return number_of(look_up(cc, key), &n) ? n : unset;
}


/* HUNDRED, TEN_THOUSAND, MILLION, or their numbers. */
static uint32_t
denominator_of(const value_t *v)
{
    static const uint32_t     values[] = { 100, 10000, 1000000 };
    static const char *const  names[] = { "HUNDRED", "TEN_THOUSAND", "MILLION" };

    for (unsigned i = 0; v && i < NC_COUNTOF(values); i++) {
        if ((v->kind_case == KIND(STRING) && strcasecmp(v->string_value, names[i]) == 0)
            || (v->kind_case == KIND(NUMBER) && (unsigned) v->number_value == i))
        {
            return values[i];
        }
    }

    return values[0];
}


void
nc_runtime_fraction(nc_compile_t *cc, const char *key,
    const struct Envoy__Type__V3__FractionalPercent *unset, uint32_t *numerator,
    uint32_t *denominator)
{
    static const uint32_t  denominators[] = { 100, 10000, 1000000 };
    const value_t         *v = look_up(cc, key);

    *numerator = unset ? unset->numerator : 0;
    *denominator = unset && (unsigned) unset->denominator < NC_COUNTOF(denominators)
                   ? denominators[unset->denominator] : 100;

    if (number_of(v, numerator)) {
        *denominator = 100;

    } else if (v && v->kind_case == KIND(STRUCT)) {
        *numerator = 0;
        (void) number_of(field(v->struct_value, NC_STR("numerator")), numerator);
        *denominator = denominator_of(field(v->struct_value, NC_STR("denominator")));
    }
}


bool
nc_runtime_flag(nc_compile_t *cc, const struct Envoy__Config__Core__V3__RuntimeFeatureFlag *flag,
    bool unset)
{
    const Google__Protobuf__Value  *v;

    if (flag == NULL) {
        return unset;
    }

    v = look_up(cc, flag->runtime_key);

    if (v && v->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE) {
        return v->bool_value;
    }

    return flag->default_value->value;
}
