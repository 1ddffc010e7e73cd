/*
 * loader_split.c: a load's resources: taken out of the bootstrap document or out of the log, named,
 * and compared with what is there.
 */
#include "config/loader_priv.h"

#include "api/message.h"
#include "api/validate.h"

#define URL     "type.googleapis.com/"

static const char *const  type_urls[NC_RES_KINDS] = {
    [NC_RES_BOOTSTRAP] = URL "envoy.config.bootstrap.v3.Bootstrap",
    [NC_RES_SECRET] = URL "envoy.extensions.transport_sockets.tls.v3.Secret",
    [NC_RES_CLUSTER] = URL "envoy.config.cluster.v3.Cluster",
    [NC_RES_LISTENER] = URL "envoy.config.listener.v3.Listener",
};


const char *
nc_res_type_url(nc_res_kind_t kind)
{
    return type_urls[kind];
}


nc_res_kind_t
nc_res_kind(nc_str_t type_url)
{
    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        if (nc_str_eq(type_url, nc_str_c(type_urls[i]))) {
            return (nc_res_kind_t) i;
        }
    }

    return NC_RES_KINDS;
}


const ProtobufCMessageDescriptor *
nc_res_type(nc_res_kind_t kind)
{
    return nc_message_type_of_url(type_urls[kind]);
}


void
nc_load_init(nc_load_t *load)
{
    memset(load, 0, sizeof(*load));
    nc_pool_init(&load->pool, &nc_pool_heap);
    nc_errors_init(&load->errors);

    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        nc_map_init(&load->by_name[i]);
    }
}


/* What is still in `fresh` was not published, and is aborted with all that it holds. */
void
nc_load_fini(nc_load_t *load)
{
    for (size_t i = 0; i < load->fresh.n; i++) {
        nc_res_abort(load->fresh.items[i]);
    }

    for (unsigned i = 0; i < NC_RES_KINDS; i++) {
        nc_map_fini(&load->by_name[i]);
    }

    nc_vec_fini(&load->next);
    nc_vec_fini(&load->fresh);
    nc_vec_fini(&load->gone);
    nc_vec_fini(&load->done);
    nc_errors_fini(&load->errors);
    nc_pool_fini(&load->pool);
    nc_doc_destroy(load->doc);
}


/* Frees the resource; image objects and sockets have been given back. */
void
nc_res_free(nc_res_t *r)
{
    if (r->discovering) {
        nc_discovery_fini(&r->discovery);
    }

    nc_stats_owner_destroy(r->stats);
    nc_depends_fini(&r->depends);
    free(r->name);
    free((char *) (uintptr_t) r->bytes.data);
    free(r->origin);
    free(r);
}


static nc_res_t *
new_res(nc_load_t *load, nc_res_kind_t kind, const char *name, nc_str_t bytes,
    const ProtobufCMessage *message)
{
    nc_res_t  *r = nc_calloc(sizeof(*r));

    r->kind = kind;
    r->name = nc_strdup(name);
    r->bytes = nc_str(nc_str_dup_c(bytes), bytes.len);
    r->hash = nc_message_hash((ProtobufCMessage *) (uintptr_t) message);
    r->message = message;

    nc_vec_push(&load->next, r);
    nc_vec_push(&load->fresh, r);
    nc_map_set(&load->by_name[kind], nc_str_c(r->name), r);

    return r;
}


/* The message under which the document knows the place of a resource. */
static const ProtobufCMessage *
place_of(const nc_load_t *load, const nc_res_t *r)
{
    return r->kind == NC_RES_BOOTSTRAP && load->doc ? nc_doc_root(load->doc) : r->message;
}


static void
set_origin(nc_load_t *load, nc_res_t *r)
{
    nc_doc_place_t  place;
    nc_sb_t         sb;

    nc_sb_init(&sb);
    nc_doc_locate(load->doc, place_of(load, r), "", &place);

    if (place.file) {
        nc_sb_printf(&sb, "file:%s:%u", place.file, place.line);
    }

    r->origin = nc_strdup(nc_sb_c(&sb));
    nc_sb_fini(&sb);
}


/* A second resource of the name is an error that names both places. */
static void
add_named(nc_load_t *load, nc_res_kind_t kind, const char *name, ProtobufCMessage *message)
{
    static const char *const  kinds[NC_RES_KINDS] = {
        "bootstrap", "secret", "cluster", "listener"
    };
    nc_res_t        *other = nc_map_get(&load->by_name[kind], nc_str_c(name));
    nc_doc_place_t   place;
    nc_res_t        *r;

    if (other) {
        nc_doc_locate(load->doc, other->message, "", &place);
        nc_doc_error(load->doc, message, "name", &load->errors,
                     "there is a %s of the name \"%s\" already, at %s:%u",
                     kinds[kind], name, place.file ? place.file : "?", place.line);
        return;
    }

    r = new_res(load, kind, name, nc_message_pack(&load->pool, message), message);
    set_origin(load, r);
}


/* A listener without a name is known by its address. */
static const char *
listener_name(nc_load_t *load, const nc_listener_msg_t *m)
{
    const Envoy__Config__Core__V3__Address  *a = m->address;
    nc_sb_t                                  sb;
    const char                              *name;

    if (m->name[0]) {
        return m->name;
    }

    nc_sb_init(&sb);

    if (a && a->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS) {
        nc_sb_printf(&sb, "%s:%u", a->socket_address->address, a->socket_address->port_value);

    } else if (a && a->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE) {
        nc_sb_c_add(&sb, a->pipe->path);

    } else {
        nc_sb_c_add(&sb, "listener");
    }

    name = nc_pool_strdup(&load->pool, nc_sb_c(&sb));
    nc_sb_fini(&sb);

    return name;
}


nc_rc_t
nc_load_split(nc_load_t *load)
{
    nc_bootstrap_msg_t                                   *b = (void *) nc_doc_root(load->doc);
    Envoy__Config__Bootstrap__V3__Bootstrap__StaticResources  *sr = b->static_resources;
    nc_bootstrap_msg_t                                   *rest;

    if (nc_validate(load->doc, &b->base, &load->errors) != NC_OK) {
        return NC_ERROR;
    }

    rest = nc_pool_alloc(&load->pool, sizeof(*rest));
    *rest = *b;
    rest->static_resources = NULL;
    set_origin(load, new_res(load, NC_RES_BOOTSTRAP, "bootstrap",
                             nc_message_pack(&load->pool, &rest->base), &rest->base));

    for (size_t i = 0; sr && i < sr->n_secrets; i++) {
        add_named(load, NC_RES_SECRET, sr->secrets[i]->name, &sr->secrets[i]->base);
    }

    for (size_t i = 0; sr && i < sr->n_clusters; i++) {
        add_named(load, NC_RES_CLUSTER, sr->clusters[i]->name, &sr->clusters[i]->base);
    }

    for (size_t i = 0; sr && i < sr->n_listeners; i++) {
        add_named(load, NC_RES_LISTENER, listener_name(load, sr->listeners[i]),
                  &sr->listeners[i]->base);
    }

    return load->errors.n ? NC_ERROR : NC_OK;
}


static nc_rc_t
replay_record(void *ctx, const nc_clog_record_t *record)
{
    nc_load_t         *load = ctx;
    nc_res_kind_t      kind = nc_res_kind(record->type);
    const char        *why = NULL;
    ProtobufCMessage  *message;
    nc_res_t          *r;
    char              *name;

    if (kind == NC_RES_KINDS) {
        return NC_OK;                           /* another version's; it stays in the log */
    }

    name = nc_str_dup_c(record->name);
    message = nc_message_unpack(&load->pool, nc_res_type(kind), record->bytes, &why, NULL);

    if (message == NULL) {
        nc_errors_add(&load->errors, NULL, 0, 0, name, "in the config log: %s", why);

    } else if (nc_validate(NULL, message, &load->errors) == NC_OK) {
        r = new_res(load, kind, name, record->bytes, message);
        r->origin = nc_str_dup_c(record->origin);
        r->updated_us = record->time_us;
        r->generation = record->generation;
    }

    free(name);

    return NC_OK;
}


/* Listeners come last whatever the order in the log: they name clusters. */
nc_rc_t
nc_load_replay(nc_load_t *load)
{
    nc_res_vec_t  sorted = NC_VEC_INIT;
    nc_rc_t       rc;

    rc = nc_clog_state(nc_loader.log, 0, replay_record, load, &load->errors);

    for (unsigned kind = 0; kind < NC_RES_KINDS; kind++) {
        for (size_t i = 0; i < load->next.n; i++) {
            if (load->next.items[i]->kind == kind) {
                nc_vec_push(&sorted, load->next.items[i]);
            }
        }
    }

    nc_vec_fini(&load->next);
    load->next.items = sorted.items;
    load->next.n = sorted.n;
    load->next.cap = sorted.cap;

    return rc == NC_ERROR || load->errors.n ? NC_ERROR : NC_OK;
}


/*
 * The bootstrap has parts that a running process cannot change: they stay as they are, and the
 * answer names them.
 */
static void
keep_fixed_parts(nc_load_t *load, nc_res_t *fresh, const nc_res_t *old)
{
    static const char *const  fixed[] = { "admin", "cluster_manager",
                                          "layered_runtime", "stats_config",
                                          "stats_flush_interval" };
    nc_bootstrap_msg_t       *now, *was, *b = (void *) (uintptr_t) fresh->message;
    nc_str_t                  bytes;
    const char               *why;

    was = (void *) nc_message_unpack(&load->pool, nc_res_type(NC_RES_BOOTSTRAP), old->bytes, &why,
                                     NULL);
    now = nc_pool_alloc(&load->pool, sizeof(*now));
    *now = *b;
    now->node = NULL;
    was->node = NULL;

    if (nc_message_eq(&now->base, &was->base)) {
        return;
    }

    for (size_t i = 0; i < NC_COUNTOF(fixed); i++) {
        const ProtobufCFieldDescriptor  *f = protobuf_c_message_descriptor_get_field_by_name(
                                                 b->base.descriptor, fixed[i]);
        nc_bootstrap_msg_t               a, c;

        /* All of these are singular pointers: a message with this one field alone on each side. */
        envoy__config__bootstrap__v3__bootstrap__init(&a);
        envoy__config__bootstrap__v3__bootstrap__init(&c);
        memcpy((char *) &a + f->offset, (char *) now + f->offset, sizeof(void *));
        memcpy((char *) &c + f->offset, (char *) was + f->offset, sizeof(void *));

        if (!nc_message_eq(&a.base, &c.base)) {
            nc_doc_warn(load->doc, place_of(load, fresh), fixed[i], &load->errors,
                        "has changed, which a reload does not take over: it needs a restart");
            memcpy((char *) now + f->offset, (char *) was + f->offset, sizeof(void *));
        }
    }

    now->node = b->node;
    bytes = nc_message_pack(&load->pool, &now->base);
    free((char *) (uintptr_t) fresh->bytes.data);
    fresh->bytes = nc_str(nc_str_dup_c(bytes), bytes.len);
    fresh->hash = nc_message_hash(&now->base);
    fresh->message = &now->base;
}


static uint64_t
secret_digest(void *ctx, nc_str_t name)
{
    const nc_load_t  *load = ctx;
    const nc_res_t   *r = nc_map_get(&load->by_name[NC_RES_SECRET], name);

    return r ? r->hash : 0;
}


void
nc_load_diff(nc_load_t *load)
{
    load->fresh.n = 0;

    for (size_t i = 0; i < load->next.n; i++) {
        nc_res_t  *r = load->next.items[i];
        nc_res_t  *old = nc_map_get(&nc_loader.by_name[r->kind], nc_str_c(r->name));

        if (old && r->kind == NC_RES_BOOTSTRAP) {
            keep_fixed_parts(load, r, old);
        }

        if (old && nc_str_eq(old->bytes, r->bytes)
            && !nc_depends_changed(&old->depends, secret_digest, load))
        {
            load->unchanged += r->kind != NC_RES_BOOTSTRAP;
            old->message = r->message;
            load->next.items[i] = old;
            nc_map_set(&load->by_name[r->kind], nc_str_c(r->name), old);
            nc_res_free(r);
            continue;
        }

        nc_vec_push(&load->fresh, r);

        if (r->kind == NC_RES_BOOTSTRAP) {
            load->bootstrap_changed = true;
        }

        load->modified += r->kind != NC_RES_BOOTSTRAP && old;
        load->added += r->kind != NC_RES_BOOTSTRAP && !old;
    }

    for (size_t i = 0; i < nc_loader.current.n; i++) {
        nc_res_t  *r = nc_loader.current.items[i];

        if (nc_map_get(&load->by_name[r->kind], nc_str_c(r->name)) == NULL) {
            load->removed++;
        }
    }
}


void
nc_load_refresh(nc_load_t *load)
{
    for (size_t i = 0; i < nc_loader.current.n; i++) {
        nc_res_t    *old = nc_loader.current.items[i], *r;
        bool         changed = nc_depends_changed(&old->depends, secret_digest, load);
        const char  *why;

        /* Of what stays, only those that others are compiled from. */
        if (changed || old->kind == NC_RES_BOOTSTRAP || old->kind == NC_RES_SECRET) {
            old->message = nc_message_unpack(&load->pool, nc_res_type(old->kind), old->bytes,
                                             &why, NULL);
        }

        if (changed) {
            r = new_res(load, old->kind, old->name, old->bytes, old->message);
            r->origin = nc_strdup(old->origin ? old->origin : "");
            load->modified++;

        } else {
            nc_vec_push(&load->next, old);
            nc_map_set(&load->by_name[old->kind], nc_str_c(old->name), old);
            load->unchanged += old->kind != NC_RES_BOOTSTRAP;
        }
    }
}
