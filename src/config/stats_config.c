/* stats_config.c: Bootstrap.stats_config: which stats are to be seen, and tags that all have. */
#include "config/loader_priv.h"
#include "http/matcher.h"
#include "stats/exposition.h"

typedef Envoy__Config__Metrics__V3__StatsConfig       config_msg_t;
typedef Envoy__Type__Matcher__V3__ListStringMatcher   list_msg_t;

#define CASE(name)  ENVOY__CONFIG__METRICS__V3__STATS_MATCHER__STATS_MATCHER_##name

/* In nc_loader.admin_pool, for as long as the helper lives. */
static struct {
    const nc_string_matcher_t  *patterns;
    size_t                      n;
    bool                        shown;          /* what one of them matches */
} seen;


static bool
is_shown(nc_str_t name)
{
    for (size_t i = 0; i < seen.n; i++) {
        if (nc_string_matcher_exec(&seen.patterns[i], name) == NC_OK) {
            return seen.shown;
        }
    }

    return !seen.shown;
}


static const nc_string_matcher_t *
compile_list(nc_compile_t *cc, const list_msg_t *list)
{
    nc_string_matcher_t  *patterns = nc_pool_array(cc->pool, list->n_patterns, sizeof(*patterns));

    for (size_t i = 0; i < list->n_patterns; i++) {
        (void) nc_string_matcher_compile(cc, list->patterns[i], &patterns[i]);
    }

    return patterns;
}


/* Fills `m`'s part of what is seen; false: everything is. */
static bool
compile_matcher(nc_compile_t *cc, const Envoy__Config__Metrics__V3__StatsMatcher *m)
{
    const list_msg_t  *list = NULL;
    bool               including = true;

    if (m == NULL) {
        return false;
    }

    switch (m->stats_matcher_case) {

    case CASE(INCLUSION_LIST):
        list = m->inclusion_list;
        break;

    case CASE(EXCLUSION_LIST):
        list = m->exclusion_list;
        including = false;
        break;

    default:
        including = m->reject_all;              /* nothing matches: nothing, or everything */
        break;
    }

    seen.patterns = list ? compile_list(cc, list) : NULL;
    seen.n = list ? list->n_patterns : 0;
    seen.shown = including;

    return true;
}


void
nc_stats_config_compile(nc_compile_t *cc, const nc_bootstrap_msg_t *b)
{
    const config_msg_t  *m = b->stats_config;
    nc_stats_tag_t      *tags;
    bool                 some;

    if (m == NULL) {
        return;
    }

    tags = nc_pool_array(cc->pool, m->n_stats_tags, sizeof(*tags));

    for (size_t i = 0; i < m->n_stats_tags; i++) {
        tags[i].name = nc_pool_str(cc->pool, nc_str_c(m->stats_tags[i]->tag_name));
        tags[i].value = nc_pool_str(cc->pool, nc_str_c(m->stats_tags[i]->fixed_value));
    }

    some = compile_matcher(cc, m->stats_matcher);

    if (!cc->check_only) {
        nc_stats_configure(tags, m->n_stats_tags, some ? is_shown : NULL);
    }
}
