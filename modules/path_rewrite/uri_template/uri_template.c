/* uri_template.c: templates as RouteAction.path_rewrite_policy. */
#include "base/module.h"
#include "http/uri_template.h"

#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb-c.h"


static const void *
compile(nc_compile_t *cc, const struct ProtobufCMessage *message)
{
    const Envoy__Extensions__Path__Rewrite__UriTemplate__V3__UriTemplateRewriteConfig  *m
        = (const void *) message;
    const char         *why;
    nc_path_rewrite_t  *r = nc_pool_new(cc->pool, nc_path_rewrite_t);

    if (nc_uri_rewrite_check(nc_str_c(m->path_template_rewrite), &why) != NC_OK) {
        nc_compile_error(cc, message, "path_template_rewrite", "'%s' is no template: %s",
                         m->path_template_rewrite, why);
        return NULL;
    }

    r->text = nc_pool_str(cc->pool, nc_str_c(m->path_template_rewrite));

    return r;
}


const nc_module_t  nc_path_rewrite_uri_template_module = {
    NC_MODULE_HEAD,
    .name = "envoy.path.rewrite.uri_template.uri_template_rewriter",
    .kind = NC_PATH_REWRITE,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM_AND_UPSTREAM,
    .config = &envoy__extensions__path__rewrite__uri_template__v3__uri_template_rewrite_config__descriptor,
    .compile = compile
};
