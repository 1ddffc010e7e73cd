/*
 * loader_priv.h: what the files of the loader share: resources, a load, and the loader's state.
 *
 *   loader_read.c   files and texts to one document
 *   loader_split.c  document, or log, to resources; what is new, changed, the same, gone
 *   compile.c       a resource to an image object
 *   depends.c       what else it was made of
 *   publish.c       roots, host sets, giving back
 *   loader.c        the steps of a load, in time
 *   loader_show.c   what is there, for -t, -T and the admin interface
 */
#ifndef NC_CONFIG_LOADER_PRIV_H
#define NC_CONFIG_LOADER_PRIV_H

#include "api/doc.h"
#include "base/vec.h"
#include "config/depends.h"
#include "config/image.h"
#include "config/loader.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb-c.h"
#include "upstream/discovery.h"

typedef Envoy__Config__Bootstrap__V3__Bootstrap  nc_bootstrap_msg_t;
typedef Envoy__Config__Cluster__V3__Cluster      nc_cluster_msg_t;
typedef Envoy__Config__Listener__V3__Listener    nc_listener_msg_t;

typedef enum {
    NC_RES_BOOTSTRAP,
    NC_RES_SECRET,                              /* nothing is compiled of it */
    NC_RES_CLUSTER,
    NC_RES_LISTENER,
    NC_RES_KINDS
} nc_res_kind_t;

/* One resource: its message and what was made of it. Lives on the helper's heap. */
typedef struct nc_res_s {
    nc_res_kind_t            kind;
    char                    *name;
    nc_str_t                 bytes;             /* heap */
    uint64_t                 hash;              /* of bytes, stable over processes */
    char                    *origin;
    uint64_t                 updated_us;
    uint64_t                 generation;
    const ProtobufCMessage  *message;           /* during a load; else NULL */
    nc_image_object_t       *obj;               /* NULL: nothing was compiled */
    nc_depends_t             depends;           /* what else it was compiled from */

    /* Of a cluster. */
    nc_cluster_entry_t      *entry;             /* in obj */
    nc_discovery_t           discovery;
    bool                     discovering;
    nc_stats_owner_t        *stats;             /* of discovery.stats */
    nc_image_object_t       *hosts;             /* entry->hosts lies in it */
    bool                     hosts_stale;       /* discovery knows better */

    /* Of a listener. */
    nc_listener_conf_t      *listener;          /* in obj */
    nc_addr_t                bound;
    uint32_t                 socket_key;
    bool                     has_socket;        /* one unlisten is due */
    NC_VEC(uint32_t)         more_keys;         /* of additional addresses; an unlisten each */
} nc_res_t;

typedef NC_VEC(nc_res_t *)  nc_res_vec_t;

typedef struct {
    nc_loader_done_fn  *fn;
    void               *ctx;
} nc_load_done_t;

typedef NC_VEC(nc_load_done_t)  nc_load_done_vec_t;

/* Where the resources of a load come from. */
typedef enum {
    NC_LOAD_FILES,
    NC_LOAD_LOG,                                /* of the helper before us; no document */
    NC_LOAD_CURRENT                             /* what they depend on has changed; no document */
} nc_load_from_t;

/* A load under way. */
typedef struct nc_load_s {
    bool                check_only;
    nc_loader_each_fn  *look;                   /* check_only: sees compiled listeners; or NULL */
    void               *look_ctx;
    nc_load_from_t      from;
    nc_doc_t           *doc;                    /* NULL: none */
    nc_pool_t           pool;                   /* of messages that are not the document's */
    nc_errors_t         errors;
    nc_res_vec_t        next;                   /* the state to come: new, and those that stay */
    nc_map_t            by_name[NC_RES_KINDS];  /* of next */
    nc_res_vec_t        fresh;                  /* of next: new or changed */
    uint32_t            added, modified, removed, unchanged;
    bool                bootstrap_changed;
    bool                warming;
    nc_timer_t          timer;                  /* ends warming; then asks who has seen it */
    uint64_t            give_up_ms;
    uint64_t            seq;                    /* of the publication; 0: not published */
    nc_res_vec_t        gone;                   /* published without them: to be given back */
    nc_load_done_vec_t  done;
} nc_load_t;

/* What the log says of a resource. */
typedef struct {
    uint64_t  hash;
    uint64_t  time_us;
    uint64_t  generation;
} nc_logged_t;

typedef struct {
    const nc_options_t              *options;
    nc_clog_t                       *log;
    nc_map_t                         logged;    /* "kind|name" to nc_logged_t */
    nc_res_vec_t                     current;   /* bootstrap, clusters, listeners, in order */
    nc_map_t                         by_name[NC_RES_KINDS];
    nc_load_t                       *load;      /* NULL: none under way */
    nc_load_done_vec_t               waiting;   /* for the load after this one */
    nc_post_t                        post;      /* starts it */
    bool                             refresh;   /* a watched folder has changed */
    uint64_t                         generation;
    bool                             up;
    bool                             live;
    uint32_t                         draining;  /* nc_draining_t bits */
    bool                             sweep;     /* names of the helper before us are still there */
    nc_stats_owner_t                *stats;
    nc_cluster_manager_stats_t       cm_stats;
    nc_listener_manager_stats_t      lm_stats;
    nc_filesystem_stats_t            fs_stats;
    nc_server_stats_t                server_stats;
    nc_admin_conf_t                 *admin;     /* NULL: none, or not compiled yet */
    nc_pool_t                        admin_pool;

    /* publish.c */
    nc_image_object_t               *table_obj; /* the slots of `table` lie in it */
    nc_table_t                       table;
    nc_image_object_t               *next_table_obj;        /* until nc_publish_adopt */
    nc_table_t                       next_table;
    nc_timer_t                       publish_timer;
    nc_timer_t                       reclaim_timer;
    uint64_t                         published_ms;
    uint64_t                         reclaim_ms;            /* wait of reclaim_timer */
    NC_VEC(nc_image_object_t *)      replaced;  /* left out by the next publication */

    /* compile.c: uses of each local id of clusters */
    uint32_t                        *id_uses;
    uint32_t                         last_id;
} nc_loader_t;

extern nc_loader_t  nc_loader;

/* Type URL of a kind, and the kind of a type URL (NC_RES_KINDS: none). */
const char *nc_res_type_url(nc_res_kind_t kind);
nc_res_kind_t nc_res_kind(nc_str_t type_url);
const ProtobufCMessageDescriptor *nc_res_type(nc_res_kind_t kind);


/* loader_read.c: everything that the options name, merged into a document. NULL: errors. */
nc_doc_t *nc_loader_read(const nc_options_t *options, nc_errors_t *errors);


/* loader_split.c */
void nc_load_init(nc_load_t *load);
void nc_load_fini(nc_load_t *load);

/* Fills next from load->doc, or from the log. NC_ERROR: errors were added. */
nc_rc_t nc_load_split(nc_load_t *load);
nc_rc_t nc_load_replay(nc_load_t *load);

/* Fills next with what is there; fresh with those of it that depend on something that changed. */
void nc_load_refresh(nc_load_t *load);

/* Replaces what did not change by what is there, fills fresh, and counts. */
void nc_load_diff(nc_load_t *load);

/* Gives the sockets of a listener back. */
void nc_res_unlisten(nc_res_t *r);

/* Frees a resource and what it holds; its image object was never published. */
void nc_res_abort(nc_res_t *r);
void nc_res_free(nc_res_t *r);


/*
 * admin.c: Bootstrap.admin in cc->pool, socket and all unless cc->check_only. NULL: there is none,
 * or errors were added.
 */
nc_admin_conf_t *nc_admin_conf_compile(nc_compile_t *cc, const nc_bootstrap_msg_t *b);


/* stats_config.c: Bootstrap.stats_config, in effect from here on unless cc->check_only. */
void nc_stats_config_compile(nc_compile_t *cc, const nc_bootstrap_msg_t *b);


/* compile.c: all of load->fresh, references of the others; sockets, too. */
nc_rc_t nc_load_compile(nc_load_t *load);

/* Says that no root reaches r->obj any more: a listener drains until its memory goes. */
void nc_compile_retired(nc_res_t *r);


/* publish.c */

/*
 * Builds what a publication of load->next takes: hosts of its new clusters, and the table of
 * clusters, which becomes the current one at nc_publish_adopt. NC_ERROR: the image is full, added.
 */
nc_rc_t nc_publish_prepare(nc_load_t *load);
void nc_publish_adopt(void);

/* Drops the prepared table; the hosts go with their clusters. */
void nc_publish_forget(void);

/* Publishes the current state at once; 0: the image is full, it is tried again in a while. */
uint64_t nc_publish_now(void);

/* Publishes soon, NC_LOADER_PUBLISH_MS after the publication before at the earliest. */
void nc_publish_soon(void);

void nc_publish_init(void);
void nc_publish_fini(void);

/* The hosts of a cluster: made anew, stored. NC_ERROR: the image is full. */
nc_rc_t nc_publish_hosts(nc_res_t *r);

/* Gives the objects of a resource back: call after the publication without it. */
void nc_publish_retire(nc_res_t *r);


/* loader.c */
void nc_loader_hosts_changed(nc_discovery_t *d);

#endif
