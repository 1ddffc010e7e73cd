/* header_mutation.c: adds and removes request headers before anything else looks at them. */
#include "http/manager.h"
#include "http/mutations.h"

#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb-c.h"

#define MESSAGE(name)  \
    envoy__extensions__http__early_header_mutation__header_mutation__v3__##name

typedef Envoy__Config__Common__MutationRules__V3__HeaderMutation  mutation_t;

#define REMOVE  ENVOY__CONFIG__COMMON__MUTATION_RULES__V3__HEADER_MUTATION__ACTION_REMOVE

/* One after the other, so that a later one sees what an earlier one did. */
typedef struct {
    const nc_mutations_t  **items;
    uint32_t                n;
} conf_t;


static void
mutate(const void *conf, nc_headers_t *request, const nc_http_view_t *view, nc_pool_t *pool)
{
    const conf_t  *c = conf;

    for (uint32_t i = 0; i < c->n; i++) {
        nc_mutations_apply(c->items[i], request, view, pool);
    }
}


static nc_rc_t
compile_one(nc_compile_t *cc, const mutation_t *m, const nc_mutations_t **out)
{
    nc_mutations_src_t  src = {
        .message = &m->base,
        .add_field = "append",
        .remove_field = "remove"
    };
    Envoy__Config__Core__V3__HeaderValueOption  *add = m->append;
    char                                        *remove = m->remove;

    if (m->action_case == REMOVE) {
        src.remove = &remove;
        src.n_remove = 1;

    } else {
        src.add = &add;
        src.n_add = 1;
    }

    return nc_mutations_compile(cc, &src, out);
}


static const void *
compile(nc_compile_t *cc, const ProtobufCMessage *message)
{
    const Envoy__Extensions__Http__EarlyHeaderMutation__HeaderMutation__V3__HeaderMutation  *m
        = (const void *) message;
    conf_t   *c = nc_pool_new(cc->pool, conf_t);
    nc_rc_t   rc = NC_OK;

    c->items = nc_pool_array(cc->pool, m->n_mutations, sizeof(*c->items));
    c->n = (uint32_t) m->n_mutations;

    for (uint32_t i = 0; i < c->n; i++) {
        if (compile_one(cc, m->mutations[i], &c->items[i])) {
            rc = NC_ERROR;
        }
    }

    return rc == NC_OK ? c : NULL;
}


static const nc_early_mutation_ops_t  ops = { .mutate = mutate };

const nc_module_t  nc_early_header_mutation_header_mutation_module = {
    NC_MODULE_HEAD,
    .name = "envoy.http.early_header_mutation.header_mutation",
    .kind = NC_EARLY_MUTATION,
    .posture = NC_ROBUST_TO_UNTRUSTED_DOWNSTREAM,
    .config = &MESSAGE(header_mutation__descriptor),
    .compile = compile,
    .ops = &ops
};
