/*
 * runtime.h: what runtime layers say in place of what a field says (RuntimeFractionalPercent,
 * RuntimeUInt32, ...). Layers do not change while a configuration is in use, so that this is
 * settled when configuration is compiled.
 */
#ifndef NC_API_RUNTIME_H
#define NC_API_RUNTIME_H

#include "base/compile.h"

struct Google__Protobuf__Struct;
struct Google__Protobuf__Value;
struct Envoy__Type__V3__FractionalPercent;

/*
 * The value of `key` ("a.b": also b in the struct a), or NULL. A struct that has a numerator or a
 * denominator is a value, others are parts of keys.
 */
const struct Google__Protobuf__Value *nc_runtime_find(const struct Google__Protobuf__Struct *layer,
    nc_str_t key);

/* The number under `key` when it is there and fits, else `unset`. An empty key is never there. */
uint32_t nc_runtime_u32(nc_compile_t *cc, const char *key, uint32_t unset);

/* What a RuntimeFeatureFlag says: the value under its key when that is a bool, else its default. */
struct Envoy__Config__Core__V3__RuntimeFeatureFlag;
bool nc_runtime_flag(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__RuntimeFeatureFlag *flag, bool unset);

/* The share under `key`, a number of hundred being one, else `unset` (NULL: none). */
void nc_runtime_fraction(nc_compile_t *cc, const char *key,
    const struct Envoy__Type__V3__FractionalPercent *unset, uint32_t *numerator,
    uint32_t *denominator);

#endif
