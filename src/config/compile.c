/*
 * compile.c: a resource becomes an image object. Implements what base/compile.h promises to compile
 * functions: places of errors, log files, extensions by their type, names of stats.
 *
 * Invariant: what a compiled object holds outside its memory (stat names, breakers, log files, its
 * local id) is noted in compiled_t and given back when the memory goes.
 */
#include "config/loader_priv.h"

#include "api/message.h"
#include "api/runtime.h"
#include "log/log.h"
#include "os/broker.h"

#include <errno.h>
#include <sys/stat.h>

/* Beside every image object, on the heap. */
typedef struct {
    nc_stats_owner_t   *stats;
    nc_cluster_t       *cluster;                /* in the object; NULL: not a cluster */
    uint32_t            local_id;
    NC_VEC(uint32_t)    files;                  /* keys of log files, one close each */
    bool                draining;               /* a listener that connections still use */
} compiled_t;

/* cc->owner. */
typedef struct {
    nc_load_t   *load;
    nc_res_t    *res;
    compiled_t  *compiled;                      /* NULL: check only */
} context_t;

/* The configuration of a module that has none. */
static const char  no_config;


static void
locate(nc_compile_t *cc, const ProtobufCMessage *message, const char *field, const char **file,
    unsigned *line, unsigned *column, const char **path)
{
    context_t       *x = cc->owner;
    nc_doc_place_t   place;

    nc_doc_locate(x->load->doc, message, field, &place);
    *file = place.file;
    *line = place.line;
    *column = place.column;
    *path = place.path;
}


/* -t says what can be said without opening the file: that there is a place for it. */
static uint32_t
check_log_file(nc_compile_t *cc, const char *path)
{
    context_t    *x = cc->owner;
    char         *folder = nc_strdup(path);
    char         *slash = strrchr(folder, '/');
    struct stat   st;
    uint32_t      key = 1;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        nc_compile_error(cc, x->res->message, "", "log file \"%s\": it is a folder", path);
        key = 0;
    }

    if (slash && slash != folder) {
        *slash = '\0';

        if (stat(folder, &st) != 0) {
            nc_compile_error(cc, x->res->message, "", "log file \"%s\": %s", path,
                             strerror(errno));
            key = 0;
        }
    }

    free(folder);

    return key;
}


static uint32_t
log_file(nc_compile_t *cc, const char *path)
{
    context_t  *x = cc->owner;
    char        error[NC_BROKER_TEXT];
    uint32_t    key;

    if (cc->check_only) {
        return check_log_file(cc, path);
    }

    if (nc_broker->open_log(path, &key, error) != NC_OK) {
        nc_compile_error(cc, x->res->message, "", "log file \"%s\": %s", path, error);
        return 0;
    }

    nc_vec_push(&x->compiled->files, key);

    return key;
}


static bool
has_cluster(nc_compile_t *cc, nc_str_t name)
{
    context_t  *x = cc->owner;

    return nc_map_get(&x->load->by_name[NC_RES_CLUSTER], name) != NULL;
}


static void
depends(nc_compile_t *cc, const char *path, const char *folder)
{
    context_t  *x = cc->owner;

    if (x->compiled) {
        nc_depends_on_file(&x->res->depends, path, folder);
    }
}


static const ProtobufCMessage *
secret(nc_compile_t *cc, const char *name)
{
    context_t       *x = cc->owner;
    const nc_res_t  *r = nc_map_get(&x->load->by_name[NC_RES_SECRET], nc_str_c(name));

    if (x->compiled) {
        nc_depends_on_secret(&x->res->depends, name, r ? r->hash : 0);
    }

    return r ? r->message : NULL;
}


static const nc_bootstrap_msg_t *
bootstrap_of(const nc_load_t *load)
{
    const nc_res_t  *r = nc_map_get(&load->by_name[NC_RES_BOOTSTRAP], NC_STR("bootstrap"));

    return r ? (const void *) r->message : NULL;
}


static const ProtobufCMessage *
runtime(nc_compile_t *cc, const char *key)
{
    context_t                                           *x = cc->owner;
    const nc_bootstrap_msg_t                            *b = bootstrap_of(x->load);
    const Envoy__Config__Bootstrap__V3__LayeredRuntime  *l = b ? b->layered_runtime : NULL;
    const Google__Protobuf__Value                       *v = NULL;

    for (size_t i = l ? l->n_layers : 0; i > 0 && v == NULL; i--) {
        v = nc_runtime_find(l->layers[i - 1]->static_layer, nc_str_c(key));
    }

    return v ? &v->base : NULL;
}


static const ProtobufCMessage *
unpack(nc_compile_t *cc, const char *name, const ProtobufCMessage *any)
{
    context_t               *x = cc->owner;
    const ProtobufCMessage  *message;
    const char              *why = NULL;

    message = nc_doc_any(x->load->doc, any, &x->load->pool, &why);

    if (any == NULL) {
        nc_compile_error(cc, x->res->message, "", "extension \"%s\" needs a typed_config",
                         name ? name : "");
        return NULL;
    }

    if (message == NULL) {
        nc_compile_error(cc, any, "", "%s", why ? why : "\"@type\" is needed");
    }

    return message;
}


/* The message inside typed_config, and its module; NULL: errors were added, or neither is there. */
static const ProtobufCMessage *
find_module(nc_compile_t *cc, nc_kind_t kind, const char *name, const ProtobufCMessage *any,
    bool per_route, const nc_module_t **module)
{
    const ProtobufCMessage  *message = unpack(cc, name, any);
    nc_str_t                 type;

    *module = NULL;

    if (message == NULL) {
        return NULL;
    }

    type = nc_str_c(message->descriptor->name);

    if (!per_route) {
        *module = nc_module_by_type(kind, type);

    } else {
        for (size_t i = 0; nc_modules[i] && !*module; i++) {
            const nc_module_t  *m = nc_modules[i];

            if (m->kind == kind && m->route_config == message->descriptor) {
                *module = m;
            }
        }
    }

    if (*module == NULL) {
        nc_compile_error(cc, any, "", "%s is no configuration of an extension of %s%s",
                         message->descriptor->name, nc_kind_str(kind),
                         per_route ? " for a route" : "");
    }

    return message;
}


static const void *
extension(nc_compile_t *cc, int kind, const char *name, const ProtobufCMessage *any,
    const nc_module_t **module)
{
    const ProtobufCMessage  *message = find_module(cc, (nc_kind_t) kind, name, any, false, module);

    if (message == NULL || *module == NULL) {
        return NULL;
    }

    return (*module)->compile ? (*module)->compile(cc, message) : &no_config;
}


static const void *
route_extension(nc_compile_t *cc, int kind, const char *name, const ProtobufCMessage *any,
    const nc_module_t **module)
{
    const ProtobufCMessage  *message = find_module(cc, (nc_kind_t) kind, name, any, true, module);

    if (message == NULL || *module == NULL) {
        return NULL;
    }

    return (*module)->route_compile ? (*module)->route_compile(cc, message) : &no_config;
}


static void
on_free(nc_image_object_t *obj)
{
    compiled_t  *compiled = obj->data;

    if (compiled->cluster) {
        nc_cluster_release(compiled->cluster);
    }

    if (compiled->local_id && nc_loader.id_uses) {      /* objects outlive the loader in tests */
        nc_loader.id_uses[compiled->local_id]--;
    }

    for (size_t i = 0; i < compiled->files.n; i++) {
        nc_broker->close_log(compiled->files.items[i]);
    }

    if (compiled->draining) {
        nc_gauge_dec(nc_loader.lm_stats.total_listeners_draining);
    }

    nc_stats_owner_destroy(compiled->stats);
    nc_vec_fini(&compiled->files);
    free(compiled);
}


void
nc_compile_retired(nc_res_t *r)
{
    compiled_t  *compiled = r->obj->data;

    if (r->kind == NC_RES_LISTENER) {
        compiled->draining = true;
        nc_gauge_inc(nc_loader.lm_stats.total_listeners_draining);
    }
}


/* The cluster of this name as the helper before us published it, or NULL. */
static const nc_cluster_entry_t *
inherited(nc_str_t name)
{
    uint64_t          seq;
    const nc_root_t  *root = nc_loader.live ? NULL : nc_image_root(&seq);

    return root ? nc_table_get(&root->clusters.by_name, name) : NULL;
}


/* Local ids are given out in turn, so that one is not used again soon. */
static uint32_t
free_id(void)
{
    for (uint32_t i = 0; i < NC_CLUSTERS_MAX; i++) {
        nc_loader.last_id = nc_loader.last_id % NC_CLUSTERS_MAX + 1;

        if (nc_loader.id_uses[nc_loader.last_id] == 0) {
            return nc_loader.last_id;
        }
    }

    return 0;
}


static bool
same_targets(const nc_endpoints_t *a, const nc_endpoints_t *b)
{
    if (a->n != b->n || a->type != b->type || a->family != b->family) {
        return false;
    }

    for (uint32_t i = 0; i < a->n; i++) {
        if (!nc_str_eq(a->endpoints[i].name, b->endpoints[i].name)
            || a->endpoints[i].port != b->endpoints[i].port)
        {
            return false;
        }
    }

    return true;
}


/* Identity and hosts, as far as there was such a cluster before. */
static void
take_over(nc_res_t *r, compiled_t *compiled)
{
    nc_cluster_t              *c = compiled->cluster;
    nc_res_t                  *old = nc_map_get(&nc_loader.by_name[NC_RES_CLUSTER], c->name);
    const nc_cluster_entry_t  *before = old ? old->entry : inherited(c->name);

    if (before && before->cluster->connect_hash == c->connect_hash) {
        compiled->local_id = before->cluster->local_id;

    } else {
        compiled->local_id = free_id();
    }

    c->local_id = compiled->local_id;
    nc_loader.id_uses[c->local_id] += c->local_id != 0;

    if (old && old->hosts && same_targets(&old->discovery.endpoints, &r->discovery.endpoints)) {
        nc_discovery_seed(&r->discovery, old->entry->hosts);

    } else if (!old && before && before->hosts && before->cluster->config_hash == r->hash) {
        nc_discovery_seed(&r->discovery, before->hosts);
    }
}


static void
compile_cluster(nc_compile_t *cc, nc_res_t *r, compiled_t *compiled)
{
    const nc_cluster_msg_t  *m = (const void *) r->message;
    nc_endpoints_t           endpoints;
    nc_sb_t                  prefix;
    nc_cluster_entry_t      *e;
    nc_cluster_t            *c;

    nc_endpoints_init(&endpoints);
    e = nc_cluster_compile(cc, m, &endpoints);

    if (e == NULL || compiled == NULL) {
        nc_endpoints_fini(&endpoints);
        return;
    }

    c = (nc_cluster_t *) (uintptr_t) e->cluster;
    c->config_hash = r->hash;
    c->connect_hash = nc_cluster_connect_hash(m);
    compiled->cluster = c;
    r->entry = e;

    nc_discovery_init(&r->discovery, &endpoints);
    r->discovery.owner = r;
    r->discovery.changed = nc_loader_hosts_changed;
    r->discovering = true;
    r->stats = nc_stats_owner_create();

    nc_sb_init(&prefix);
    nc_cluster_stats_prefix(&prefix, c->observability_name);
    nc_cluster_membership_stats_init(&r->discovery.stats, r->stats, nc_sb_str(&prefix));
    nc_sb_fini(&prefix);

    take_over(r, compiled);

    if (c->local_id == 0) {
        nc_compile_error(cc, &m->base, "name", "there are more than %u clusters",
                         NC_CLUSTERS_MAX);
    }
}


/* additional_addresses. */
static void
open_more(nc_compile_t *cc, nc_res_t *r, nc_listen_options_t o)
{
    const nc_listener_msg_t  *m = (const void *) r->message;
    nc_listener_conf_t       *l = r->listener;
    char                      error[NC_BROKER_TEXT];
    nc_addr_t                 bound;

    for (uint32_t i = 0; i < l->n_more; i++) {
        nc_listener_addr_t  *a = &l->more[i];

        o.mode = a->unix_mode;
        o.ipv4_compat = a->ipv4_compat;

        if (nc_broker->listen(r->name, &a->addr, &o, &a->socket_key, &bound, error) != NC_OK) {
            nc_compile_error(cc, &m->additional_addresses[i]->base, "address", "%s", error);
            continue;
        }

        nc_vec_push(&r->more_keys, a->socket_key);
    }
}


static void
open_socket(nc_compile_t *cc, nc_res_t *r)
{
    const nc_listener_msg_t  *m = (const void *) r->message;
    nc_listener_conf_t       *l = r->listener;
    nc_listen_options_t       o = { .backlog = l->backlog, .mode = l->unix_mode,
                                    .reuse_port = l->reuse_port, .fast_open = l->fast_open,
                                    .transparent = l->transparent, .freebind = l->freebind,
                                    .ipv4_compat = l->ipv4_compat };
    char                      error[NC_BROKER_TEXT];

    r->bound = l->addr;

    if (!l->bind_to_port) {
        return;
    }

    if (nc_broker->listen(r->name, &l->addr, &o, &r->socket_key, &r->bound, error) != NC_OK) {
        nc_compile_error(cc, &m->base, "address", "%s", error);
        return;
    }

    l->socket_key = r->socket_key;
    r->has_socket = true;
    open_more(cc, r, o);
}


void
nc_res_unlisten(nc_res_t *r)
{
    if (r->has_socket && r->socket_key) {
        nc_broker->unlisten(r->socket_key);
    }

    for (size_t i = 0; i < r->more_keys.n; i++) {
        nc_broker->unlisten(r->more_keys.items[i]);
    }

    nc_vec_fini(&r->more_keys);
}


static void
compile_listener(nc_compile_t *cc, nc_res_t *r)
{
    nc_listener_conf_t  *l = nc_listener_compile(cc, (const void *) r->message);

    if (l == NULL) {
        return;
    }

    if (l->ctx.name.len == 0) {
        l->ctx.name = nc_pool_str(cc->pool, nc_str_c(r->name));
    }

    r->listener = l;
}


/* Compiles into `pool`; with `compiled` NULL for the errors only. */
static void
compile_into(nc_load_t *load, nc_res_t *r, nc_pool_t *pool, uint32_t slot, compiled_t *compiled)
{
    context_t     x = { .load = load, .res = r, .compiled = compiled };
    nc_compile_t  cc = {
        .pool = pool, .errors = &load->errors, .slot = slot, .check_only = compiled == NULL,
        .stats = compiled ? compiled->stats : NULL, .locate = locate, .log_file = log_file,
        .has_cluster = has_cluster, .extension = extension, .route_extension = route_extension,
        .unpack = unpack,
        .secret = secret, .depends = depends, .runtime = runtime, .owner = &x,
    };

    if (r->kind == NC_RES_CLUSTER) {
        compile_cluster(&cc, r, compiled);

    } else {
        compile_listener(&cc, r);
    }
}


static void
compile_fresh(nc_load_t *load, nc_res_t *r)
{
    compiled_t  *compiled = nc_calloc(sizeof(*compiled));

    r->obj = nc_image_object_begin(r->kind == NC_RES_CLUSTER ? "cluster" : "listener", r->name);
    r->obj->data = compiled;
    r->obj->on_free = on_free;
    compiled->stats = nc_stats_owner_create();

    compile_into(load, r, &r->obj->pool, r->obj->slot, compiled);

    if (nc_image_object_seal(r->obj) != NC_OK) {
        nc_errors_add(&load->errors, NULL, 0, 0, r->name, "no room in the configuration image");
    }
}


static void
compile_for_errors(nc_load_t *load, nc_res_t *r)
{
    nc_listener_conf_t  *listener = r->listener;
    nc_pool_t            pool;

    nc_pool_init(&pool, &nc_pool_heap);
    compile_into(load, r, &pool, 0, NULL);

    if (load->check_only && r->listener) {
        /* What the check of addresses wants; the rest goes with the pool. */
        r->bound = r->listener->addr;
        r->has_socket = r->listener->bind_to_port;
    }

    if (load->look && r->listener && load->errors.n == 0) {
        load->look(load->look_ctx, &(nc_loader_resource_t) {
            .name = nc_str_c(r->name), .listener = r->listener
        });
    }

    r->listener = listener;
    nc_pool_fini(&pool);
}


/* The admin interface is the one listener that is not in the list. */
static void
check_admin_address(nc_load_t *load, const nc_map_t *seen)
{
    const nc_bootstrap_msg_t                       *b = bootstrap_of(load);
    const Envoy__Config__Core__V3__SocketAddress   *sa;
    const nc_res_t                                 *other;
    nc_addr_t                                       addr;
    nc_sb_t                                         text;

    if (b == NULL || b->admin == NULL || b->admin->address == NULL
        || b->admin->address->address_case
           != ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS)
    {
        return;
    }

    sa = b->admin->address->socket_address;

    if (nc_addr_parse_ip(&addr, nc_str_c(sa->address), (uint16_t) sa->port_value) != NC_OK) {
        nc_doc_error(load->doc, &sa->base, "address", &load->errors,
                     "\"%s\" is not an IP address", sa->address);
        return;
    }

    nc_sb_init(&text);
    nc_addr_print(&addr, &text);
    other = nc_map_get(seen, nc_sb_str(&text));

    if (other) {
        nc_doc_error(load->doc, &b->admin->base, "address", &load->errors,
                     "listener \"%s\" has this address already", other->name);
    }

    nc_sb_fini(&text);
}


static void
check_bootstrap(nc_load_t *load)
{
    const nc_bootstrap_msg_t  *b = bootstrap_of(load);
    const char                *local = b && b->cluster_manager
                                       ? b->cluster_manager->local_cluster_name : "";

    if (local[0] && nc_map_get(&load->by_name[NC_RES_CLUSTER], nc_str_c(local)) == NULL) {
        nc_doc_error(load->doc, &b->cluster_manager->base, "local_cluster_name", &load->errors,
                     "unknown cluster '%s'", local);
    }
}


/* Two listeners at one address: the second would take half of the first one's connections. */
static void
check_addresses(nc_load_t *load)
{
    nc_map_t  seen;
    nc_sb_t   text;

    nc_map_init(&seen);
    nc_sb_init(&text);

    for (size_t i = 0; i < load->next.n; i++) {
        nc_res_t         *r = load->next.items[i], *other;
        const nc_addr_t  *a = r->listener ? &r->listener->addr : &r->bound;

        if (r->kind != NC_RES_LISTENER || a->len == 0
            || (r->listener ? !r->listener->bind_to_port : !r->has_socket)
            || (a->sa.sa_family != AF_UNIX && nc_addr_port(a) == 0))
        {
            continue;
        }

        nc_sb_reset(&text);
        nc_addr_print(a, &text);
        other = nc_map_set(&seen, nc_sb_str(&text), r);

        if (other) {
            nc_doc_error(load->doc, r->message, "address", &load->errors,
                         "listener \"%s\" has this address already", other->name);
        }
    }

    check_admin_address(load, &seen);
    nc_sb_fini(&text);
    nc_map_fini(&seen);
}


/*
 * Listeners that stay as they are name clusters, too: they are looked at again when a cluster goes.
 */
static void
check_unchanged(nc_load_t *load)
{
    for (size_t i = 0; i < load->next.n && load->removed; i++) {
        nc_res_t  *r = load->next.items[i];

        if (r->kind == NC_RES_LISTENER && r->obj) {
            compile_for_errors(load, r);
        }
    }
}


/* Of the bootstrap, the admin interface alone is compiled: once, as a reload does not change it. */
static void
compile_bootstrap(nc_load_t *load, nc_res_t *r)
{
    context_t     x = { .load = load, .res = r, .compiled = nc_calloc(sizeof(compiled_t)) };
    nc_pool_t     pool;
    nc_compile_t  cc = {
        .pool = &nc_loader.admin_pool, .errors = &load->errors,
        .check_only = load->check_only, .locate = locate, .log_file = log_file,
        .has_cluster = has_cluster, .extension = extension, .route_extension = route_extension,
        .unpack = unpack, .runtime = runtime, .owner = &x,
    };

    nc_pool_init(&pool, &nc_pool_heap);

    if (load->check_only) {
        cc.pool = &pool;
        (void) nc_admin_conf_compile(&cc, (const void *) r->message);
        nc_stats_config_compile(&cc, (const void *) r->message);

    } else if (!nc_loader.live && nc_loader.admin == NULL) {
        nc_stats_config_compile(&cc, (const void *) r->message);
        nc_loader.admin = nc_admin_conf_compile(&cc, (const void *) r->message);
    }

    nc_pool_fini(&pool);
    nc_vec_fini(&x.compiled->files);            /* the keys stay ours until the helper ends */
    free(x.compiled);
}


nc_rc_t
nc_load_compile(nc_load_t *load)
{
    if (!load->check_only) {
        check_unchanged(load);                  /* those with an object: before there are more */
    }

    for (size_t i = 0; i < load->fresh.n; i++) {
        nc_res_t  *r = load->fresh.items[i];

        if (r->kind == NC_RES_BOOTSTRAP) {
            compile_bootstrap(load, r);

        } else if (r->kind == NC_RES_SECRET) {
            continue;                           /* those who use it read it */

        } else if (load->check_only) {
            compile_for_errors(load, r);

        } else {
            compile_fresh(load, r);
        }
    }

    check_bootstrap(load);
    check_addresses(load);

    for (size_t i = 0; i < load->fresh.n && load->errors.n == 0 && !load->check_only; i++) {
        nc_res_t      *r = load->fresh.items[i];
        context_t      x = { .load = load, .res = r };
        nc_compile_t   cc = { .errors = &load->errors, .locate = locate, .owner = &x };

        if (r->kind == NC_RES_LISTENER) {
            open_socket(&cc, r);
        }
    }

    return load->errors.n ? NC_ERROR : NC_OK;
}


/* Frees a resource that was never published, and what it asked for. */
void
nc_res_abort(nc_res_t *r)
{
    nc_res_unlisten(r);

    if (r->hosts) {
        nc_image_object_abort(r->hosts);
    }

    if (r->obj) {
        nc_image_object_abort(r->obj);
    }

    nc_res_free(r);
}
