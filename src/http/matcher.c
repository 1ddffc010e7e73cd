/* matcher.c: see matcher.h. */
#include "http/matcher.h"
#include "api/runtime.h"

#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include "envoy/type/matcher/v3/regex.pb-c.h"
#include "envoy/type/matcher/v3/string.pb-c.h"
#include "xds/type/matcher/v3/string.pb-c.h"

#define REGEX_WHY_MAX   512u

/* Names of the generated oneof members are long; these stand for them in this file. */
#define STRING(kind)    ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_##kind
#define XDS_STRING(kind)  XDS__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_##kind
#define HEADER(kind)    ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__HEADER_MATCH_SPECIFIER_##kind
#define QUERY(kind)  \
    ENVOY__CONFIG__ROUTE__V3__QUERY_PARAMETER_MATCHER__QUERY_PARAMETER_MATCH_SPECIFIER_##kind


static nc_str_t
lower_str(nc_pool_t *pool, nc_str_t s)
{
    char  *p = nc_pool_alloc(pool, s.len + 1);

    for (size_t i = 0; i < s.len; i++) {
        p[i] = nc_lower(s.data[i]);
    }
    p[s.len] = '\0';

    return nc_str(p, s.len);
}


static const nc_regex_t *
compile_regex(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *text,
    nc_regex_mode_t mode)
{
    char               memory[REGEX_WHY_MAX];
    nc_sb_t            why;
    const nc_regex_t  *re;

    nc_sb_fixed(&why, memory, sizeof(memory));
    re = nc_regex_compile(cc->pool, nc_str_c(text), mode, &why);

    if (re == NULL) {
        nc_compile_error(cc, message, "regex", "not a regular expression: " NC_STR_FMT,
            NC_STR_ARG(nc_sb_str(&why)));
    }

    return re;
}


const nc_regex_t *
nc_regex_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__RegexMatcher *msg, nc_regex_mode_t mode)
{
    return compile_regex(cc, &msg->base, msg->regex, mode);
}


const nc_regex_rewrite_t *
nc_regex_rewrite_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__RegexMatchAndSubstitute *msg)
{
    char                 memory[REGEX_WHY_MAX];
    nc_sb_t              why;
    nc_regex_rewrite_t  *r = nc_pool_new(cc->pool, nc_regex_rewrite_t);

    if (msg->pattern == NULL) {
        nc_compile_error(cc, &msg->base, "pattern", "is required");
        return NULL;
    }

    r->regex = nc_regex_matcher_compile(cc, msg->pattern, NC_REGEX_SEARCH);
    if (r->regex == NULL) {
        return NULL;
    }

    r->substitution = nc_pool_str(cc->pool, nc_str_c(msg->substitution));
    nc_sb_fixed(&why, memory, sizeof(memory));

    if (nc_regex_check_subst(r->regex, r->substitution, &why) != NC_OK) {
        nc_compile_error(cc, &msg->base, "substitution", NC_STR_FMT,
            NC_STR_ARG(nc_sb_str(&why)));
        return NULL;
    }

    return r;
}


/* A matcher on text; `ignore_case` as in StringMatcher. */
static void
set_text(nc_compile_t *cc, nc_string_matcher_t *m, nc_match_kind_t kind, const char *text,
    bool ignore_case)
{
    m->kind = kind;
    m->ignore_case = ignore_case;
    m->text = ignore_case ? lower_str(cc->pool, nc_str_c(text))
                          : nc_pool_str(cc->pool, nc_str_c(text));
}


static nc_rc_t
set_regex(nc_compile_t *cc, nc_string_matcher_t *m,
    const struct Envoy__Type__Matcher__V3__RegexMatcher *msg)
{
    m->kind = NC_MATCH_REGEX;
    m->regex = nc_regex_matcher_compile(cc, msg, NC_REGEX_WHOLE);

    return m->regex != NULL ? NC_OK : NC_ERROR;
}


nc_rc_t
nc_string_matcher_compile(nc_compile_t *cc,
    const struct Envoy__Type__Matcher__V3__StringMatcher *msg, nc_string_matcher_t *m)
{
    *m = (nc_string_matcher_t) { .kind = NC_MATCH_EXACT };

    switch (msg->match_pattern_case) {

    case STRING(EXACT):
        set_text(cc, m, NC_MATCH_EXACT, msg->exact, msg->ignore_case);
        return NC_OK;

    case STRING(PREFIX):
        set_text(cc, m, NC_MATCH_PREFIX, msg->prefix, msg->ignore_case);
        return NC_OK;

    case STRING(SUFFIX):
        set_text(cc, m, NC_MATCH_SUFFIX, msg->suffix, msg->ignore_case);
        return NC_OK;

    case STRING(CONTAINS):
        set_text(cc, m, NC_MATCH_CONTAINS, msg->contains, msg->ignore_case);
        return NC_OK;

    case STRING(SAFE_REGEX):
        return set_regex(cc, m, msg->safe_regex);

    default:
        return nc_compile_error(cc, &msg->base, "",
            "one of exact, prefix, suffix, contains, safe_regex is required");
    }
}


nc_rc_t
nc_xds_string_matcher_compile(nc_compile_t *cc,
    const struct Xds__Type__Matcher__V3__StringMatcher *msg, nc_string_matcher_t *m)
{
    *m = (nc_string_matcher_t) { .kind = NC_MATCH_EXACT };

    switch (msg->match_pattern_case) {

    case XDS_STRING(EXACT):
        set_text(cc, m, NC_MATCH_EXACT, msg->exact, msg->ignore_case);
        return NC_OK;

    case XDS_STRING(PREFIX):
        set_text(cc, m, NC_MATCH_PREFIX, msg->prefix, msg->ignore_case);
        return NC_OK;

    case XDS_STRING(SUFFIX):
        set_text(cc, m, NC_MATCH_SUFFIX, msg->suffix, msg->ignore_case);
        return NC_OK;

    case XDS_STRING(CONTAINS):
        set_text(cc, m, NC_MATCH_CONTAINS, msg->contains, msg->ignore_case);
        return NC_OK;

    case XDS_STRING(SAFE_REGEX):
        m->kind = NC_MATCH_REGEX;
        m->regex = compile_regex(cc, &msg->safe_regex->base, msg->safe_regex->regex,
            NC_REGEX_WHOLE);
        return m->regex != NULL ? NC_OK : NC_ERROR;

    default:
        return nc_compile_error(cc, &msg->base, "",
            "one of exact, prefix, suffix, contains, safe_regex is required");
    }
}


static bool
contains_lower(nc_str_t s, nc_str_t needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (nc_str_caseeq(nc_str(s.data + i, needle.len), needle)) {
            return true;
        }
    }

    return false;
}


nc_rc_t
nc_string_matcher_exec(const nc_string_matcher_t *m, nc_str_t s)
{
    bool  holds = false;

    switch (m->kind) {

    case NC_MATCH_EXACT:
        holds = m->ignore_case ? nc_str_caseeq(s, m->text) : nc_str_eq(s, m->text);
        break;

    case NC_MATCH_PREFIX:
        holds = m->ignore_case ? nc_str_casestarts(s, m->text) : nc_str_starts(s, m->text);
        break;

    case NC_MATCH_SUFFIX:
        holds = m->ignore_case ? nc_str_caseends(s, m->text) : nc_str_ends(s, m->text);
        break;

    case NC_MATCH_CONTAINS:
        holds = m->ignore_case ? contains_lower(s, m->text) : nc_str_find(s, m->text) >= 0;
        break;

    case NC_MATCH_REGEX:
        return nc_regex_exec(m->regex, s);
    }

    return holds ? NC_OK : NC_DECLINED;
}


static nc_rc_t
header_matcher_compile(nc_compile_t *cc, const struct Envoy__Config__Route__V3__HeaderMatcher *msg,
    nc_header_matcher_t *m)
{
    m->name = lower_str(cc->pool, nc_str_c(msg->name));
    if (nc_str_eq(m->name, NC_STR("host"))) {
        m->name = NC_STR(":authority");         /* where the host of a request stands */
    }

    m->id = nc_header_id(m->name);
    m->invert = msg->invert_match;
    m->missing_as_empty = msg->treat_missing_header_as_empty;
    m->kind = NC_HM_STRING;

    switch (msg->header_match_specifier_case) {

    case HEADER(EXACT_MATCH):
        set_text(cc, &m->string, NC_MATCH_EXACT, msg->exact_match, false);
        return NC_OK;

    case HEADER(PREFIX_MATCH):
        set_text(cc, &m->string, NC_MATCH_PREFIX, msg->prefix_match, false);
        return NC_OK;

    case HEADER(SUFFIX_MATCH):
        set_text(cc, &m->string, NC_MATCH_SUFFIX, msg->suffix_match, false);
        return NC_OK;

    case HEADER(CONTAINS_MATCH):
        set_text(cc, &m->string, NC_MATCH_CONTAINS, msg->contains_match, false);
        return NC_OK;

    case HEADER(SAFE_REGEX_MATCH):
        return set_regex(cc, &m->string, msg->safe_regex_match);

    case HEADER(STRING_MATCH):
        return nc_string_matcher_compile(cc, msg->string_match, &m->string);

    case HEADER(RANGE_MATCH):
        m->kind = NC_HM_RANGE;
        m->start = msg->range_match->start;
        m->end = msg->range_match->end;
        return NC_OK;

    case HEADER(PRESENT_MATCH):
        m->kind = NC_HM_PRESENT;
        m->present = msg->present_match;
        return NC_OK;

    default:
        m->kind = NC_HM_PRESENT;
        m->present = true;
        return NC_OK;
    }
}


nc_rc_t
nc_header_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__HeaderMatcher *const *msgs, size_t n,
    const nc_header_matcher_t **out)
{
    nc_rc_t               rc = NC_OK;
    nc_header_matcher_t  *m;

    *out = NULL;
    if (n == 0) {
        return NC_OK;
    }

    m = nc_pool_array(cc->pool, n, sizeof(*m));

    for (size_t i = 0; i < n; i++) {
        if (header_matcher_compile(cc, msgs[i], &m[i]) != NC_OK) {
            rc = NC_ERROR;
        }
    }

    *out = m;

    return rc;
}


bool
nc_header_matcher_match(const nc_header_matcher_t *m, const nc_headers_t *h, nc_pool_t *pool)
{
    bool      found;
    int64_t   number;
    nc_rc_t   rc = NC_DECLINED;
    nc_str_t  value;

    found = nc_headers_joined(h, m->name, pool, &value);

    if (!found) {
        if (!m->missing_as_empty) {
            return m->kind == NC_HM_PRESENT && m->present == m->invert;
        }

        value = NC_STR("");
    }

    switch (m->kind) {

    case NC_HM_STRING:
        rc = nc_string_matcher_exec(&m->string, value);
        break;

    case NC_HM_RANGE:
        if (nc_str_to_i64(nc_str_trim(value), &number) == NC_OK && number >= m->start
            && number < m->end)
        {
            rc = NC_OK;
        }
        break;

    case NC_HM_PRESENT:
        rc = m->present ? NC_OK : NC_DECLINED;
        break;
    }

    return rc != NC_ERROR && (rc == NC_OK) != m->invert;
}


bool
nc_header_matchers_match(const nc_header_matcher_t *m, size_t n, const nc_headers_t *h,
    nc_pool_t *pool)
{
    for (size_t i = 0; i < n; i++) {
        if (!nc_header_matcher_match(&m[i], h, pool)) {
            return false;
        }
    }

    return true;
}


nc_rc_t
nc_query_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__QueryParameterMatcher *const *msgs, size_t n,
    const nc_query_matcher_t **out)
{
    nc_rc_t              rc = NC_OK;
    nc_query_matcher_t  *m;

    *out = NULL;
    if (n == 0) {
        return NC_OK;
    }

    m = nc_pool_array(cc->pool, n, sizeof(*m));

    for (size_t i = 0; i < n; i++) {
        m[i].name = nc_pool_str(cc->pool, nc_str_c(msgs[i]->name));
        m[i].present = true;

        switch (msgs[i]->query_parameter_match_specifier_case) {

        case QUERY(STRING_MATCH):
            m[i].by_value = true;
            if (nc_string_matcher_compile(cc, msgs[i]->string_match, &m[i].string) != NC_OK) {
                rc = NC_ERROR;
            }
            break;

        case QUERY(PRESENT_MATCH):
            m[i].present = msgs[i]->present_match;
            break;

        default:
            break;
        }
    }

    *out = m;

    return rc;
}


bool
nc_query_param(nc_str_t path, nc_str_t name, nc_str_t *value)
{
    ssize_t   at = nc_str_chr(path, '?');
    nc_str_t  rest, pair;

    if (at < 0) {
        return false;
    }

    rest = nc_str_skip(path, (size_t) at + 1);
    at = nc_str_chr(rest, '#');
    if (at >= 0) {
        rest.len = (size_t) at;
    }

    while (nc_str_split(&rest, '&', &pair)) {
        ssize_t   eq = nc_str_chr(pair, '=');
        nc_str_t  key = pair;

        if (eq >= 0) {
            key.len = (size_t) eq;
        }

        if (nc_str_eq(key, name)) {
            *value = eq >= 0 ? nc_str_skip(pair, (size_t) eq + 1) : NC_STR("");
            return true;
        }
    }

    return false;
}


bool
nc_query_matchers_match(const nc_query_matcher_t *m, size_t n, nc_str_t path)
{
    for (size_t i = 0; i < n; i++) {
        nc_str_t  value;
        bool      found = nc_query_param(path, m[i].name, &value);

        if (!m[i].by_value) {
            if (found != m[i].present) {
                return false;
            }

        } else if (!found || nc_string_matcher_exec(&m[i].string, value) != NC_OK) {
            return false;
        }
    }

    return true;
}


nc_rc_t
nc_cookie_matchers_compile(nc_compile_t *cc,
    struct Envoy__Config__Route__V3__CookieMatcher *const *msgs, size_t n,
    const nc_cookie_matcher_t **out)
{
    nc_rc_t               rc = NC_OK;
    nc_cookie_matcher_t  *m = nc_pool_array(cc->pool, n, sizeof(*m));

    for (size_t i = 0; i < n; i++) {
        m[i].name = nc_pool_str(cc->pool, nc_str_c(msgs[i]->name));
        m[i].invert = msgs[i]->invert_match;

        if (msgs[i]->string_match == NULL) {
            rc = nc_compile_error(cc, &msgs[i]->base, "string_match", "is required");
        } else if (nc_string_matcher_compile(cc, msgs[i]->string_match, &m[i].string) != NC_OK) {
            rc = NC_ERROR;
        }
    }

    *out = n > 0 ? m : NULL;

    return rc;
}


bool
nc_cookie_value(const nc_headers_t *h, nc_str_t name, nc_str_t *value)
{
    uint32_t      at = 0;
    nc_str_t      rest, pair;
    nc_header_t  *header;

    while ((header = nc_headers_find(h, nc_header_names[NC_H_COOKIE], &at)) != NULL) {
        for (rest = header->value; nc_str_split(&rest, ';', &pair); ) {
            ssize_t  eq = nc_str_chr(pair, '=');

            if (eq < 0 || !nc_str_eq(nc_str_trim(nc_str(pair.data, (size_t) eq)), name)) {
                continue;
            }

            *value = nc_str_trim(nc_str_skip(pair, (size_t) eq + 1));

            if (value->len > 1 && value->data[0] == '"' && value->data[value->len - 1] == '"') {
                *value = nc_str(value->data + 1, value->len - 2);
            }

            return true;
        }
    }

    return false;
}


bool
nc_cookie_matcher_match(const nc_cookie_matcher_t *m, const nc_headers_t *h)
{
    nc_rc_t   rc;
    nc_str_t  value;

    if (!nc_cookie_value(h, m->name, &value)) {
        return m->invert;
    }

    rc = nc_string_matcher_exec(&m->string, value);

    return rc != NC_ERROR && (rc == NC_OK) != m->invert;
}


void
nc_fraction_compile(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__RuntimeFractionalPercent *msg, nc_fraction_t *f)
{
    nc_runtime_fraction(cc, msg->runtime_key, msg->default_value, &f->numerator, &f->denominator);
}
