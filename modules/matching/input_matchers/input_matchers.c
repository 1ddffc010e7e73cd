/* input_matchers.c: conditions on what inputs give, for matcher trees. */
#include "http/matcher.h"
#include "http/matcher_tree.h"
#include "http/matcher_value.h"
#include "http/policy.h"

#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing.pb-c.h"
#include "envoy/extensions/matching/input_matchers/ip/v3/ip.pb-c.h"
#include "envoy/extensions/matching/input_matchers/metadata/v3/metadata.pb-c.h"
#include "envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction.pb-c.h"

#define MSG(name)   Envoy__Extensions__Matching__InputMatchers__##name

typedef struct {
    nc_cidrs_t          ranges;
    nc_value_matcher_t  value;
    bool                invert;
    nc_fraction_t       fraction;
    uint32_t            threshold;
    uint32_t            modulo;
    uint64_t            seed;
} conf_t;


static const void *
compile_ip(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const MSG(Ip__V3__Ip)  *m = (const void *) message;
    conf_t                 *c = nc_pool_new(cc->pool, conf_t);

    return nc_cidrs_compile(cc, m->cidr_ranges, m->n_cidr_ranges, &c->ranges) == NC_OK ? c : NULL;
}


static nc_rc_t
match_ip(const void *conf, const nc_match_data_t *d, const nc_match_value_t *v)
{
    const conf_t  *c = conf;
    nc_addr_t      a;
    nc_peer_t      p;

    (void) d;

    if (v->address != NULL) {
        return nc_cidrs_have(&c->ranges, v->address) ? NC_OK : NC_DECLINED;
    }

    if (v->text.data == NULL || nc_addr_parse_ip(&a, v->text, 0) != NC_OK) {
        return NC_DECLINED;
    }

    nc_peer_from(&p, &a.sa, a.len);

    return nc_cidrs_have(&c->ranges, &p) ? NC_OK : NC_DECLINED;
}


static const void *
compile_metadata(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const MSG(Metadata__V3__Metadata)  *m = (const void *) message;
    conf_t                             *c = nc_pool_new(cc->pool, conf_t);

    c->invert = m->invert;

    return nc_value_matcher_compile(cc, m->value, &c->value) == NC_OK ? c : NULL;
}


static nc_rc_t
match_metadata(const void *conf, const nc_match_data_t *d, const nc_match_value_t *v)
{
    const conf_t  *c = conf;
    nc_rc_t        rc = nc_value_matcher_exec(&c->value, v->value);

    (void) d;

    return rc == NC_ERROR ? NC_ERROR : (rc == NC_OK) != c->invert ? NC_OK : NC_DECLINED;
}


static const void *
compile_fraction(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const MSG(RuntimeFraction__V3__RuntimeFraction)  *m = (const void *) message;
    conf_t                                           *c = nc_pool_new(cc->pool, conf_t);

    nc_fraction_compile(cc, m->runtime_fraction, &c->fraction);
    c->seed = m->seed;

    return c;
}


static nc_rc_t
match_fraction(const void *conf, const nc_match_data_t *d, const nc_match_value_t *v)
{
    const conf_t  *c = conf;

    (void) d;

    return v->text.data != NULL && nc_fraction_holds(&c->fraction, nc_xxh64(v->text, c->seed))
        ? NC_OK : NC_DECLINED;
}


static const void *
compile_hashing(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const MSG(ConsistentHashing__V3__ConsistentHashing)  *m = (const void *) message;
    conf_t                                               *c = nc_pool_new(cc->pool, conf_t);

    c->threshold = m->threshold;
    c->modulo = m->modulo;
    c->seed = m->seed;

    if (m->threshold > m->modulo) {
        nc_compile_error(cc, message, "threshold", "must not be above modulo");
        return NULL;
    }

    return c;
}


static nc_rc_t
match_hashing(const void *conf, const nc_match_data_t *d, const nc_match_value_t *v)
{
    const conf_t  *c = conf;

    (void) d;

    return v->text.data != NULL && nc_xxh64(v->text, c->seed) % c->modulo >= c->threshold
        ? NC_OK : NC_DECLINED;
}


#define MATCHER(symbol, extension, type)  \
    static const nc_input_matcher_ops_t  symbol##_ops = { .match = match_##symbol };  \
    const nc_module_t  nc_matcher_##symbol##_module = {  \
        NC_MODULE_HEAD,  \
        .name = "envoy.matching.matchers." extension,  \
        .kind = NC_INPUT_MATCHER,  \
        .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,  \
        .config = &envoy__extensions__matching__input_matchers__##type##__descriptor,  \
        .compile = compile_##symbol,  \
        .ops = &symbol##_ops  \
    }

MATCHER(ip, "ip", ip__v3__ip);
MATCHER(metadata, "metadata_matcher", metadata__v3__metadata);
MATCHER(fraction, "runtime_fraction", runtime_fraction__v3__runtime_fraction);
MATCHER(hashing, "consistent_hashing", consistent_hashing__v3__consistent_hashing);
