/* uri_template.c: templates as RouteMatch.path_match_policy. */
#include "base/module.h"
#include "http/uri_template.h"

#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb-c.h"


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Extensions__Path__Match__UriTemplate__V3__UriTemplateMatchConfig  *m
        = (const void *) message;
    const char         *why;
    nc_path_pattern_t  *p = nc_pool_new(cc->pool, nc_path_pattern_t);

    if (nc_uri_template_compile(cc->pool, nc_str_c(m->path_template), p, &why) != NC_OK) {
        nc_compile_error(cc, message, "path_template", "'%s' is no template: %s",
                         m->path_template, why);
        return NULL;
    }

    return p;
}


const nc_module_t  nc_path_match_uri_template_module = {
    NC_MODULE_HEAD,
    .name = "envoy.path.match.uri_template.uri_template_matcher",
    .kind = NC_PATH_MATCH,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__path__match__uri_template__v3__uri_template_match_config__descriptor,
    .compile = compile
};
