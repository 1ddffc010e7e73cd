/*
 * loader_show.c: what is there, for people: -t, -T, and the walks of the admin interface.
 */
#include "config/loader_priv.h"

#include "api/message.h"
#include "api/print.h"


static nc_rc_t
check(const nc_options_t *options, nc_loader_each_fn *look, void *ctx, nc_sb_t *out,
    nc_errors_t *errors)
{
    nc_load_t  load;
    uint32_t   n[NC_RES_KINDS] = { 0 };
    nc_rc_t    rc = NC_ERROR;

    nc_load_init(&load);
    load.check_only = true;
    load.look = look;
    load.look_ctx = ctx;
    load.doc = nc_loader_read(options, &load.errors);

    if (load.doc && nc_load_split(&load) == NC_OK) {
        rc = nc_load_compile(&load);
    }

    for (const nc_error_t *e = load.errors.first; e; e = e->next) {
        (e->warning ? (void) nc_errors_warn(errors, e->file, e->line, e->column, e->path, "%s",
                                            e->message)
                    : (void) nc_errors_add(errors, e->file, e->line, e->column, e->path, "%s",
                                           e->message));
    }

    for (size_t i = 0; i < load.next.n; i++) {
        n[load.next.items[i]->kind]++;
        load.next.items[i]->has_socket = false;
    }

    if (rc == NC_OK && out) {
        nc_sb_printf(out, "%u listener%s, %u cluster%s", n[NC_RES_LISTENER],
                     n[NC_RES_LISTENER] == 1 ? "" : "s", n[NC_RES_CLUSTER],
                     n[NC_RES_CLUSTER] == 1 ? "" : "s");
    }

    nc_load_fini(&load);

    return rc;
}


nc_rc_t
nc_loader_check(const nc_options_t *options, nc_sb_t *out, nc_errors_t *errors)
{
    return check(options, NULL, NULL, out, errors);
}


nc_rc_t
nc_loader_look(const nc_options_t *options, nc_loader_each_fn *look, void *ctx,
    nc_errors_t *errors)
{
    return check(options, look, ctx, NULL, errors);
}


nc_rc_t
nc_loader_print(const nc_options_t *options, bool origins, nc_sb_t *out, nc_errors_t *errors)
{
    nc_doc_t  *doc = nc_loader_read(options, errors);

    if (doc == NULL) {
        return NC_ERROR;
    }

    nc_print_yaml(out, nc_doc_root(doc), doc, origins ? NC_PRINT_ORIGINS : 0);
    nc_doc_destroy(doc);

    return NC_OK;
}


static void
describe(const nc_res_t *r, bool warming, nc_loader_resource_t *out)
{
    *out = (nc_loader_resource_t) {
        .name = nc_str_c(r->name), .bytes = r->bytes, .origin = r->origin ? r->origin : "",
        .updated_us = r->updated_us, .generation = r->generation, .warming = warming,
        .cluster = r->entry, .listener = r->listener, .bound = r->bound,
    };
}


/* The next one of `kind` at *at or behind it, first those in use, then those that warm. */
static bool
next(nc_res_kind_t kind, size_t *at, nc_loader_resource_t *r)
{
    const nc_load_t  *load = nc_loader.load;
    size_t            n = nc_loader.current.n;
    size_t            all = n + (load && load->warming ? load->fresh.n : 0);

    while (*at < all) {
        size_t           i = (*at)++;
        const nc_res_t  *res = i < n ? nc_loader.current.items[i] : load->fresh.items[i - n];

        if (res->kind == kind) {
            describe(res, i >= n, r);

            return true;
        }
    }

    return false;
}


bool
nc_loader_next_cluster(size_t *at, nc_loader_resource_t *r)
{
    return next(NC_RES_CLUSTER, at, r);
}


bool
nc_loader_next_listener(size_t *at, nc_loader_resource_t *r)
{
    return next(NC_RES_LISTENER, at, r);
}


static void
each(nc_res_kind_t kind, nc_loader_each_fn *fn, void *ctx)
{
    nc_loader_resource_t  r;
    size_t                at = 0;

    while (next(kind, &at, &r) && fn(ctx, &r)) {
        continue;
    }
}


void
nc_loader_each_cluster(nc_loader_each_fn *fn, void *ctx)
{
    each(NC_RES_CLUSTER, fn, ctx);
}


void
nc_loader_each_listener(nc_loader_each_fn *fn, void *ctx)
{
    each(NC_RES_LISTENER, fn, ctx);
}


const nc_admin_conf_t *
nc_loader_admin(void)
{
    return nc_loader.admin;
}


bool
nc_loader_bootstrap(nc_loader_resource_t *r)
{
    const nc_res_t  *b = nc_map_get(&nc_loader.by_name[NC_RES_BOOTSTRAP], NC_STR("bootstrap"));

    if (b) {
        describe(b, false, r);
    }

    return b != NULL;
}


ProtobufCMessage *
nc_loader_unpack(nc_pool_t *pool, const ProtobufCMessageDescriptor *type,
    const nc_loader_resource_t *r)
{
    const char        *why = NULL;
    ProtobufCMessage  *m = nc_message_unpack(pool, type, r->bytes, &why, NULL);

    NC_CHECK(m);

    return m;
}
