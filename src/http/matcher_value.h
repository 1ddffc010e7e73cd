/*
 * matcher_value.h: conditions on values of any kind, on dynamic metadata, on filter state and on
 * addresses, compiled from Envoy's matcher messages into image memory.
 *
 * Invariant: as in matcher.h: what cannot be told never holds, inverted or not.
 */
#ifndef NC_HTTP_MATCHER_VALUE_H
#define NC_HTTP_MATCHER_VALUE_H

#include "http/cidr.h"
#include "http/info.h"
#include "http/matcher.h"
#include "http/metadata.h"

struct Envoy__Type__Matcher__V3__ValueMatcher;
struct Envoy__Type__Matcher__V3__MetadataMatcher;
struct Envoy__Type__Matcher__V3__FilterStateMatcher;

typedef struct nc_value_matcher_s {
    enum {
        NC_VM_NULL, NC_VM_RANGE, NC_VM_NUMBER, NC_VM_STRING, NC_VM_BOOL, NC_VM_PRESENT,
        NC_VM_LIST, NC_VM_OR
    } kind;
    bool                              yes;      /* BOOL, PRESENT: what is asked for */
    double                            start;    /* RANGE: start <= value < end; NUMBER: equal */
    double                            end;
    nc_string_matcher_t               string;
    const struct nc_value_matcher_s  *parts;    /* LIST: one, for any item; OR: any of them */
    uint32_t                          n;
} nc_value_matcher_t;

/* Compiles into *m. NC_ERROR: errors were added. */
nc_rc_t nc_value_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__ValueMatcher *msg, nc_value_matcher_t *m);

/* As nc_string_matcher_exec. `v` NULL: there is no value. */
nc_rc_t nc_value_matcher_exec(const nc_value_matcher_t *m, const nc_value_t *v);

typedef struct {
    nc_str_t            filter;
    const nc_str_t     *path;
    uint32_t            n_path;
    nc_value_matcher_t  value;
    bool                invert;
} nc_metadata_matcher_t;

nc_rc_t nc_metadata_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__MetadataMatcher *msg, nc_metadata_matcher_t *m);

/* True when the stream's dynamic metadata meets it. */
bool nc_metadata_matcher_holds(const nc_metadata_matcher_t *m, const nc_http_info_t *info);

/* The same for a value that was already found; NULL: there is none. */
bool nc_metadata_matcher_holds_for(const nc_metadata_matcher_t *m, const nc_value_t *v);

typedef struct {
    nc_str_t             key;
    bool                 by_address;
    bool                 invert;                /* of the addresses */
    nc_string_matcher_t  string;
    nc_cidrs_t           ranges;
} nc_filter_state_matcher_t;

nc_rc_t nc_filter_state_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__FilterStateMatcher *msg, nc_filter_state_matcher_t *m);

/* True when the object is there and meets it. */
bool nc_filter_state_matcher_holds(const nc_filter_state_matcher_t *m,
    const nc_http_info_t *info);

#endif
