/*
 * image.h: the shared configuration image. The helper compiles resources into objects, publishes a
 * root that reaches them, and frees them when no worker can reach them any more; workers read them
 * in place. The memory model, and why no worker ever reads freed memory, is in image.c.
 *
 * Who may call what: "master", "helper" and "worker" below are the processes of design.md
 * section 2. Each function is for the process named.
 */
#ifndef NC_CONFIG_IMAGE_H
#define NC_CONFIG_IMAGE_H

#include "base/error.h"
#include "base/slot.h"

#define NC_IMAGE_DEFAULT_BYTES  (16ull << 30)   /* address range, not memory */
#define NC_IMAGE_MIN_BYTES      (64ull << 20)
#define NC_IMAGE_SLOTS          (1u << 20)      /* slots are below this; slot 0 is no object's */

typedef struct nc_image_object_s  nc_image_object_t;

/* An object under construction or published: on the helper's heap, its pool in the image. */
struct nc_image_object_s {
    nc_pool_t   pool;                           /* what is compiled goes here */
    uint32_t    slot;                           /* 0: no slot was left, seal will fail */
    char       *kind;                           /* "cluster", "listener", ... ; ours */
    char       *name;                           /* ours */
    void       *data;                           /* the owner's, for on_free */

    /*
     * Called just before the memory goes, when no worker can reach the object any more, or when it
     * is aborted: the place to release stat ids and host rows. May be NULL. Must not call image
     * functions.
     */
    void      (*on_free)(nc_image_object_t *obj);
};

typedef struct {
    size_t    used;                             /* bytes handed out to live objects */
    size_t    held;                             /* bytes of their blocks */
    size_t    mapped;                           /* bytes of the chunks the blocks come from */
    size_t    range;                            /* bytes of address range */
    uint32_t  objects;                          /* published or under construction */
    uint32_t  retired;                          /* of these: waiting for workers to let go */
    uint32_t  old_generations;                  /* helpers that died and are still pinned */
    uint32_t  generation;                       /* of this helper, from 1 */
    uint64_t  seq;                              /* newest publication, 0: none yet */
} nc_image_stats_t;


/*
 * Master, before the first fork: reserves `bytes` of address range (0: the default; less is taken
 * when limits do not allow it) and rows for `n_workers` workers (indices 0 .. n_workers - 1).
 * NC_ERROR: reported in `errors`.
 */
nc_rc_t nc_image_create(size_t bytes, unsigned n_workers, nc_errors_t *errors);

/* Unmaps everything: for tests and for `-t`, never while children live. */
void nc_image_destroy(void);

/*
 * Master, right before it forks worker `index`: from here on nothing that this worker may find is
 * freed. When the fork fails, call nc_image_worker_died.
 */
void nc_image_worker_starts(unsigned index);

/* Master, after it has reaped worker `index`: clears its pins and what it has seen. */
void nc_image_worker_died(unsigned index);

/* Worker `index`, after the fork: nc_slot_row becomes its row, everything else is read-only. */
nc_rc_t nc_image_attach_worker(unsigned index, nc_errors_t *errors);

/*
 * Helper, after the fork (the one before it is dead and reaped): takes a generation of its own.
 * What is published stays published until the first nc_image_publish. NC_ERROR: reported.
 */
nc_rc_t nc_image_attach_helper(nc_errors_t *errors);


/*
 * Worker: the newest root and its sequence number; NULL and 0 before the first publication. The
 * pointer is good until this worker's nc_image_seen with a higher number.
 */
const void *nc_image_root(uint64_t *seq);

/*
 * Worker: says that it uses the root of publication `seq` and no older one. Call between loop
 * turns only, when nothing but pinned objects of older roots is in use any more.
 */
void nc_image_seen(uint64_t seq);


/*
 * Helper: begins an object. Never NULL. When the image is full the object is made on the heap and
 * nc_image_object_seal says so. `kind` and `name` are copied; they are for logs.
 */
nc_image_object_t *nc_image_object_begin(const char *kind, const char *name);

/*
 * Helper: the object is complete; gives the unused rest of its memory back. May be called again.
 * NC_ERROR: the image is full; the caller reports that and aborts the object.
 */
nc_rc_t nc_image_object_seal(nc_image_object_t *obj);

/* Helper: frees an object that no published root has ever reached; calls on_free. */
void nc_image_object_abort(nc_image_object_t *obj);

/*
 * Helper: `obj` holds pointers into `used`: `used` is not freed before `obj` is. Needed only where
 * a worker that pins `obj` follows such a pointer without pinning `used` as well. `used` may be
 * retired, but not freed. The relation has no cycles.
 */
void nc_image_object_uses(nc_image_object_t *obj, nc_image_object_t *used);

/*
 * Helper: `obj` is not reachable from the newest published root, nor from any later one: call it
 * *after* the nc_image_publish that left it out. `obj` is the image's from here on.
 */
void nc_image_object_retire(nc_image_object_t *obj);

/*
 * Helper: seals `obj`, which holds `root`, and publishes it: one atomic store. The root object of
 * this helper's publication before is retired. Everything reachable from `root` is sealed and
 * immutable from here on. Returns the sequence number (from 1, ever growing, across helpers too);
 * 0: the image is full, nothing was published, `obj` is still the caller's.
 */
uint64_t nc_image_publish(nc_image_object_t *obj, const void *root);

/*
 * Helper: frees every retired object that no worker can reach any more, and the memory of dead
 * helpers. Returns how many objects were freed. Cheap when there is nothing to free; call it after
 * each publication and from a timer while nc_image_reclaim_pending.
 */
unsigned nc_image_reclaim(void);

/* Helper: something waits to be freed. */
bool nc_image_reclaim_pending(void);

/* Any process: every live worker has seen publication `seq` or a newer one. */
bool nc_image_all_seen(uint64_t seq);

/* Any process: what worker `index` has seen last; 0: nothing yet, or it does not live. */
uint64_t nc_image_worker_seen(unsigned index);

/* Helper: what the image holds. */
void nc_image_stats(nc_image_stats_t *stats);

/* True when `p` points into the image: for asserts and tests. */
bool nc_image_holds(const void *p);

/* Any process: bytes of memory in use by the image and its rows (all processes together). */
size_t nc_image_resident(void);

#endif
