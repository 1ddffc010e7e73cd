/*
 * image.c: the shared configuration image: publication, pins, reclaiming.
 *
 * Two mappings, made by the master before it forks. `data` holds the objects; only the helper may
 * write it. `ctl` holds the publication, the owners of chunks and of groups of slots, the serials
 * (helper writes), and one row per worker and one for the helper: state (master writes), what the
 * worker has seen, and its pins per slot (worker writes). A row begins on its own page, so a worker
 * maps all of `ctl` read-only but its row.
 *
 * The published root is one pointer to a record { root, seq, ... } which lies in the image with the
 * root. Publishing is one release store of that pointer; everything else a helper knows can be lost
 * with it. So a helper may be killed between any two instructions.
 *
 * Why no worker reads freed memory. An object O is retired at R: the root of publication R and all
 * later ones do not reach it. It is freed when, in this order,
 *   (a) seen >= R was read from every live worker, then
 *   (b) zero was read from O's pins in every row, and nothing that uses O is left.
 *
 * 1. A worker stores seen = S (release) between turns, when of roots older than S it uses nothing
 *    but what it has pinned. So its reads of unpinned objects, and its stores of pins, come before
 *    the store of seen. The helper's acquire load in (a) makes them happen before (b) and before
 *    the free. A pin taken through an old root is therefore visible in (b).
 * 2. After seen >= R the worker reaches objects through root S >= R, which does not reach O, or by
 *    a pin it holds. Pins of O only go from 1 to 2 then, never from 0 to 1: zero is final. If zero
 *    is read, the unref that made it so (release) comes after the worker's reads of O, and the
 *    acquire load in (b) orders them before the free.
 * 3. A worker that goes from a pinned object X to O by a pointer, pins O before it unpins X. O has
 *    to be declared as used by X; pins of O are then read after those of X were found zero and X
 *    was freed, so the pin of O is seen by 1.
 * 4. A worker reads root and seq out of the record it got from the pointer, without having said so
 *    yet. The record belongs to the root object of publication S, retired at S + 1; this worker's
 *    seen is below that, so it is not freed by (a). The same keeps pointer comparison free of ABA.
 * 5. A worker that starts: the master stores LIVE with seen = 0, issues a full fence, forks; the
 *    worker loads the root. The helper stores the root, issues a full fence, and loads the state.
 *    At least one sees the other: either the helper finds it live at seen = 0 and frees nothing, or
 *    the worker finds a root not older than the one the helper goes by.
 * 6. A worker that died reads nothing any more. The master sets it DEAD and clears its pins; until
 *    the pins are cleared the helper keeps what they name, which is only late, never wrong.
 * 7. Helpers follow one another through the master's wait(): the next one sees what the dead one
 *    stored. It writes only chunks, and hands out only slots, that had no owner, so whatever the
 *    published root reaches stays as it is. What a dead generation owns counts as one object,
 *    retired when a later generation publishes first, with all its slots' pins.
 */
#include "config/image.h"

#include "base/vec.h"
#include "config/image_mem_priv.h"

#include <errno.h>

#define GROUP           1024u                   /* slots that a generation takes at once */
#define N_GROUPS        (NC_IMAGE_SLOTS / GROUP)
#define FIRST_BLOCK     256u
#define LARGEST_BLOCK   65536u                  /* larger ones only for single large allocations */
#define NEVER           UINT64_MAX

typedef struct {
    const void  *root;
    uint64_t     seq;
    uint64_t     first_seq;                     /* first publication of this generation */
    uint32_t     generation;
} publication_t;

typedef struct {
    const publication_t  *published;
    uint32_t              generation;           /* the newest taken */
    uint32_t              group_owners[N_GROUPS];
    uint32_t              chunk_owners[];
} head_t;

typedef enum { DEAD = 0, LIVE } state_t;

typedef struct {
    uint32_t  state;                            /* state_t; written by the master */
    uint64_t  seen;                             /* written by the worker, by the master when dead */
} row_t;

typedef NC_VEC(struct object_s *)  objects_t;

typedef struct object_s {
    nc_image_object_t  pub;
    nc_pool_source_t   source;
    nc_list_t          link;                    /* in `all` or in `retired` */
    objects_t          uses;
    uint32_t           n_users;                 /* objects not yet freed that use this one */
    uint64_t           retired_at;              /* 0: not retired */
    bool               full;                    /* parts are on the heap: must be aborted */
} object_t;

typedef struct {
    uint32_t  generation;
    uint64_t  retired_at;
} dead_t;

/* This process's view; the second half is the helper's alone. */
static struct {
    nc_shm_t         data;
    nc_shm_t         ctl;
    head_t          *head;
    uint32_t        *serials;
    size_t           rows_at;                   /* offset of the first row in ctl */
    size_t           row_size;
    unsigned         n_workers;

    uint32_t         generation;                /* 0: not a helper */
    nc_image_mem_t   mem;
    uint64_t         first_seq;
    object_t        *root;                      /* of our newest publication */
    nc_list_t        all;                       /* objects that are not retired */
    nc_list_t        retired;
    uint32_t         n_objects;
    uint32_t         n_retired;
    NC_VEC(uint32_t) free_slots;
    NC_VEC(dead_t)   dead;
} image;


/* The row of worker `index`; the helper's has index n_workers. */
static row_t *
row_of(unsigned index)
{
    NC_CHECK(image.ctl.base && index <= image.n_workers);

    return (row_t *) (void *) (image.ctl.base + image.rows_at + index * image.row_size);
}


static uint32_t *
pins_of(unsigned index)
{
    return (uint32_t *) (void *) ((char *) row_of(index) + nc_shm_page());
}


static nc_rc_t
failed(nc_errors_t *errors, const char *what)
{
    return nc_errors_add(errors, NULL, 0, 0, "", "configuration image: %s: %s", what,
                         strerror(errno));
}


nc_rc_t
nc_image_create(size_t bytes, unsigned n_workers, nc_errors_t *errors)
{
    size_t  page = nc_shm_page();
    size_t  chunks, head;

    NC_CHECK(image.ctl.base == NULL && n_workers > 0);

    bytes = bytes ? bytes : NC_IMAGE_DEFAULT_BYTES;
    bytes = NC_MAX(bytes, 2 * NC_IMAGE_CHUNK);

    if (nc_shm_create(&image.data, "nuncio-image", bytes, NC_MIN(bytes, NC_IMAGE_MIN_BYTES),
                      NC_SHM_READ) != NC_OK)
    {
        return failed(errors, "no address range");
    }

    chunks = image.data.size / NC_IMAGE_CHUNK;
    head = NC_ALIGN(sizeof(head_t) + chunks * sizeof(uint32_t), page);

    image.n_workers = n_workers;
    image.rows_at = NC_ALIGN(head + NC_IMAGE_SLOTS * sizeof(uint32_t), page);
    image.row_size = page + NC_ALIGN(NC_IMAGE_SLOTS * sizeof(uint32_t), page);
    bytes = image.rows_at + (n_workers + 1) * image.row_size;

    if (nc_shm_create(&image.ctl, "nuncio-image-rows", bytes, bytes, NC_SHM_WRITE) != NC_OK) {
        nc_shm_destroy(&image.data);
        return failed(errors, "no memory for rows");
    }

    image.head = (head_t *) (void *) image.ctl.base;
    image.serials = (uint32_t *) (void *) (image.ctl.base + head);
    nc_slot_serials = image.serials;

    return NC_OK;
}


static void
clear_row(unsigned index)
{
    size_t  at = image.rows_at + index * image.row_size + nc_shm_page();
    size_t  len = image.row_size - nc_shm_page();

    if (nc_shm_punch(&image.ctl, at, len) != NC_OK) {
        memset(image.ctl.base + at, 0, len);
    }
}


void
nc_image_worker_starts(unsigned index)
{
    row_t  *row = row_of(index);

    NC_CHECK(index < image.n_workers && row->state == DEAD);

    __atomic_store_n(&row->seen, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&row->state, LIVE, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);            /* point 5 in the head of this file */
}


void
nc_image_worker_died(unsigned index)
{
    row_t  *row = row_of(index);

    NC_CHECK(index < image.n_workers);

    __atomic_store_n(&row->state, DEAD, __ATOMIC_RELEASE);
    __atomic_store_n(&row->seen, 0, __ATOMIC_RELAXED);
    clear_row(index);
}


nc_rc_t
nc_image_attach_worker(unsigned index, nc_errors_t *errors)
{
    size_t  row = (size_t) ((char *) row_of(index) - image.ctl.base);

    NC_CHECK(index < image.n_workers);

    if (nc_shm_protect(&image.data, 0, image.data.size, NC_SHM_READ) != NC_OK
        || nc_shm_protect(&image.ctl, 0, image.ctl.size, NC_SHM_READ) != NC_OK
        || nc_shm_protect(&image.ctl, row, image.row_size, NC_SHM_WRITE) != NC_OK)
    {
        return failed(errors, "cannot protect it");
    }

    nc_slot_row = pins_of(index);
    nc_shm_drop_fd(&image.data);
    nc_shm_drop_fd(&image.ctl);

    return NC_OK;
}


/* Notes a generation found in the tables of owners, once, with when it can go. */
static void
add_dead(uint32_t generation)
{
    const publication_t  *p = image.head->published;
    dead_t                dead = { .generation = generation };

    if (generation == 0) {
        return;
    }

    for (size_t i = 0; i < image.dead.n; i++) {
        if (image.dead.items[i].generation == generation) {
            return;
        }
    }

    if (p && generation == p->generation) {
        dead.retired_at = NEVER;                        /* until we publish */

    } else if (p && generation < p->generation) {
        dead.retired_at = p->first_seq;
    }

    nc_vec_push(&image.dead, dead);
}


nc_rc_t
nc_image_attach_helper(nc_errors_t *errors)
{
    head_t    *head = image.head;
    uint32_t   n_chunks = (uint32_t) (image.data.size / NC_IMAGE_CHUNK);

    NC_CHECK(head && image.generation == 0);

    if (nc_shm_protect(&image.data, 0, image.data.size, NC_SHM_WRITE) != NC_OK) {
        return failed(errors, "cannot write it");
    }

    for (uint32_t i = 0; i < n_chunks; i++) {
        add_dead(head->chunk_owners[i]);
    }

    for (uint32_t i = 0; i < N_GROUPS; i++) {
        add_dead(head->group_owners[i]);
    }

    image.generation = ++head->generation;
    nc_image_mem_init(&image.mem, &image.data, head->chunk_owners, n_chunks, image.generation);
    nc_list_init(&image.all);
    nc_list_init(&image.retired);

    clear_row(image.n_workers);
    nc_slot_row = pins_of(image.n_workers);

    return NC_OK;
}


const void *
nc_image_root(uint64_t *seq)
{
    const publication_t  *p = __atomic_load_n(&image.head->published, __ATOMIC_ACQUIRE);

    *seq = p ? p->seq : 0;

    return p ? p->root : NULL;
}


void
nc_image_seen(uint64_t seq)
{
    row_t  *row = (row_t *) (void *) ((char *) nc_slot_row - nc_shm_page());

    NC_ASSERT(seq >= row->seen);
    __atomic_store_n(&row->seen, seq, __ATOMIC_RELEASE);
}


/* A slot of a group that we own; 0: none left. */
static uint32_t
take_slot(void)
{
    if (image.free_slots.n) {
        return image.free_slots.items[--image.free_slots.n];
    }

    for (uint32_t group = 0; group < N_GROUPS; group++) {
        if (image.head->group_owners[group] != 0) {
            continue;
        }

        __atomic_store_n(&image.head->group_owners[group], image.generation, __ATOMIC_RELEASE);

        for (uint32_t i = GROUP; i > (group ? 0 : 1); i--) {
            nc_vec_push(&image.free_slots, group * GROUP + i - 1);
        }

        return image.free_slots.items[--image.free_slots.n];
    }

    return 0;
}


/* Whatever a worker keeps under this slot is out of date from now on. */
static void
advance_serial(uint32_t slot)
{
    __atomic_store_n(&image.serials[slot], image.serials[slot] + 1, __ATOMIC_RELEASE);
}


/* Gives what is left of the block the pool allocates from back to the image. */
static void
trim(nc_pool_t *pool)
{
    for (nc_pool_block_t *b = pool->blocks; b; b = b->next) {
        char    *start = (char *) b;
        size_t   keep;

        if (start + b->size != pool->end || !nc_image_holds(start)) {
            continue;
        }

        keep = NC_ALIGN((size_t) (pool->at - start), NC_IMAGE_UNIT);

        if (keep < b->size) {
            nc_image_mem_put(&image.mem, start + keep, b->size - keep);
            pool->held -= b->size - keep;
            pool->end = start + keep;
            b->size = keep;
        }

        return;
    }
}


/* Block source of an object's pool: small at first, doubling what the object has. */
static void *
get_block(void *ctx, size_t min, size_t *size)
{
    object_t   *o = ctx;
    nc_pool_t  *pool = &o->pub.pool;
    size_t      want = FIRST_BLOCK;
    void       *p;

#ifdef NC_DEBUG
    want = 0;                                           /* one allocation per block then */
#else
    while (want < LARGEST_BLOCK && want * 2 <= pool->held) {
        want *= 2;
    }
#endif

    want = NC_MAX(want, min);
    NC_CHECK(want <= SIZE_MAX - NC_IMAGE_UNIT);
    want = NC_ALIGN(want, NC_IMAGE_UNIT);

    if (want - min >= (size_t) (pool->end - pool->at)) {
        trim(pool);                                     /* the pool goes on in the new block */
    }

    p = o->full ? NULL : nc_image_mem_get(&image.mem, want);

    if (p == NULL) {
        o->full = true;
        p = nc_malloc(want);
    }

    *size = want;

    return p;
}


static void
put_block(void *ctx, void *block, size_t size)
{
    (void) ctx;

    if (nc_image_holds(block)) {
        nc_image_mem_put(&image.mem, block, size);
        return;
    }

    free(block);
}


nc_image_object_t *
nc_image_object_begin(const char *kind, const char *name)
{
    object_t  *o = nc_calloc(sizeof(*o));

    NC_CHECK(image.generation);

    o->source = (nc_pool_source_t) { .get = get_block, .put = put_block, .ctx = o };
    nc_pool_init(&o->pub.pool, &o->source);
    o->pub.kind = nc_strdup(kind);
    o->pub.name = nc_strdup(name);
    o->pub.slot = take_slot();
    o->full = o->pub.slot == 0;
    nc_list_append(&image.all, &o->link);
    image.n_objects++;

    return &o->pub;
}


static object_t *
object_of(nc_image_object_t *obj)
{
    return nc_container_of(obj, object_t, pub);
}


nc_rc_t
nc_image_object_seal(nc_image_object_t *obj)
{
    trim(&obj->pool);

    return object_of(obj)->full ? NC_ERROR : NC_OK;
}


static void
free_object(object_t *o)
{
    NC_CHECK(o->n_users == 0);

    if (o->pub.on_free) {
        o->pub.on_free(&o->pub);
    }

    for (size_t i = 0; i < o->uses.n; i++) {
        o->uses.items[i]->n_users--;
    }

    if (o->pub.slot) {
        advance_serial(o->pub.slot);
        nc_vec_push(&image.free_slots, o->pub.slot);
    }

    nc_list_del(&o->link);
    image.n_objects--;

    nc_pool_fini(&o->pub.pool);
    nc_vec_fini(&o->uses);
    free(o->pub.kind);
    free(o->pub.name);
    free(o);
}


void
nc_image_object_abort(nc_image_object_t *obj)
{
    object_t  *o = object_of(obj);

    NC_CHECK(o->retired_at == 0 && o != image.root);
    free_object(o);
}


void
nc_image_object_uses(nc_image_object_t *obj, nc_image_object_t *used)
{
    NC_CHECK(obj != used);
    nc_vec_push(&object_of(obj)->uses, object_of(used));
    object_of(used)->n_users++;
}


static uint64_t
newest_seq(void)
{
    return image.head->published ? image.head->published->seq : 0;
}


static void
retire(object_t *o)
{
    NC_CHECK(o->retired_at == 0);

    /* Before the first publication of all no worker can have found anything: 1 is early enough. */
    o->retired_at = NC_MAX(newest_seq(), 1);
    nc_list_del(&o->link);
    nc_list_append(&image.retired, &o->link);
    image.n_retired++;
}


void
nc_image_object_retire(nc_image_object_t *obj)
{
    NC_CHECK(object_of(obj) != image.root);
    retire(object_of(obj));
}


uint64_t
nc_image_publish(nc_image_object_t *obj, const void *root)
{
    uint64_t        seq = newest_seq() + 1;
    object_t       *before = image.root;
    publication_t  *p;

    NC_CHECK(object_of(obj) != before);

    p = nc_pool_new(&obj->pool, publication_t);

    if (nc_image_object_seal(obj) != NC_OK) {
        return 0;
    }

    image.first_seq = image.first_seq ? image.first_seq : seq;
    *p = (publication_t) { .root = root, .seq = seq, .first_seq = image.first_seq,
                           .generation = image.generation };

    __atomic_store_n(&image.head->published, p, __ATOMIC_RELEASE);

    image.root = object_of(obj);

    if (before) {
        retire(before);
    }

    for (size_t i = 0; i < image.dead.n; i++) {
        image.dead.items[i].retired_at = NC_MIN(image.dead.items[i].retired_at, image.first_seq);
    }

    return seq;
}


/* What every live worker has seen at least (a); NEVER when none lives. */
static uint64_t
seen_by_all(void)
{
    uint64_t  least = NEVER, seen;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);            /* point 5 in the head of this file */

    for (unsigned i = 0; i < image.n_workers; i++) {
        if (__atomic_load_n(&row_of(i)->state, __ATOMIC_ACQUIRE) == LIVE) {
            seen = nc_image_worker_seen(i);
            least = NC_MIN(least, seen);
        }
    }

    return least;
}


/* Some process pins one of the slots [slot, slot + n) (b). */
static bool
pinned(uint32_t slot, uint32_t n)
{
    for (unsigned i = 0; i <= image.n_workers; i++) {
        const uint32_t  *pins = pins_of(i);

        for (uint32_t s = slot; s < slot + n; s++) {
            if (__atomic_load_n(&pins[s], __ATOMIC_ACQUIRE)) {
                return true;
            }
        }
    }

    return false;
}


static bool
generation_pinned(uint32_t generation)
{
    for (uint32_t i = 0; i < N_GROUPS; i++) {
        if (image.head->group_owners[i] == generation && pinned(i * GROUP, GROUP)) {
            return true;
        }
    }

    return false;
}


static void
release_generation(uint32_t generation)
{
    nc_image_mem_release(&image.mem, generation);

    for (uint32_t i = 0; i < N_GROUPS; i++) {
        if (image.head->group_owners[i] != generation) {
            continue;
        }

        for (uint32_t slot = i * GROUP; slot < (i + 1) * GROUP; slot++) {
            advance_serial(slot);
        }

        __atomic_store_n(&image.head->group_owners[i], 0, __ATOMIC_RELEASE);
    }
}


static void
reclaim_generations(uint64_t seen)
{
    size_t  left = 0;

    for (size_t i = 0; i < image.dead.n; i++) {
        dead_t  dead = image.dead.items[i];

        if (dead.retired_at == NEVER || seen < dead.retired_at
            || generation_pinned(dead.generation))
        {
            image.dead.items[left++] = dead;
            continue;
        }

        release_generation(dead.generation);
    }

    image.dead.n = left;
}


unsigned
nc_image_reclaim(void)
{
    uint64_t  seen;
    unsigned  freed = 0;
    bool      again;

    if (!nc_image_reclaim_pending()) {
        return 0;
    }

    seen = seen_by_all();

    do {
        again = false;

        nc_list_each_safe(&image.retired, it) {
            object_t  *o = nc_container_of(it, object_t, link);

            if (seen >= o->retired_at && o->n_users == 0
                && (o->pub.slot == 0 || !pinned(o->pub.slot, 1)))
            {
                again |= o->uses.n > 0;                 /* what it used may go now */
                image.n_retired--;
                free_object(o);
                freed++;
            }
        }

    } while (again);

    reclaim_generations(seen);

    return freed;
}


bool
nc_image_reclaim_pending(void)
{
    return image.n_retired || image.dead.n;
}


bool
nc_image_all_seen(uint64_t seq)
{
    return seen_by_all() >= seq;
}


uint64_t
nc_image_worker_seen(unsigned index)
{
    return __atomic_load_n(&row_of(index)->seen, __ATOMIC_ACQUIRE);
}


void
nc_image_stats(nc_image_stats_t *stats)
{
    nc_list_t  *lists[] = { &image.all, &image.retired };

    *stats = (nc_image_stats_t) {
        .held = image.mem.held,
        .mapped = (size_t) image.mem.n_owned * NC_IMAGE_CHUNK,
        .range = image.data.size,
        .objects = image.n_objects,
        .retired = image.n_retired,
        .old_generations = (uint32_t) image.dead.n,
        .generation = image.generation,
        .seq = newest_seq(),
    };

    for (unsigned i = 0; i < NC_COUNTOF(lists); i++) {
        nc_list_each(lists[i], it) {
            stats->used += nc_container_of(it, object_t, link)->pub.pool.used;
        }
    }
}


bool
nc_image_holds(const void *p)
{
    const char  *c = p;

    return c >= image.data.base && c < image.data.base + image.data.size;
}


size_t
nc_image_resident(void)
{
    return nc_shm_resident(&image.data) + nc_shm_resident(&image.ctl);
}


void
nc_image_destroy(void)
{
    static const uint32_t  no_serials[1];
    static uint32_t        no_pins[1];
    nc_list_t             *lists[] = { &image.all, &image.retired };

    for (unsigned i = 0; image.generation && i < NC_COUNTOF(lists); i++) {
        while (!nc_list_empty(lists[i])) {
            object_t  *o = nc_container_of(nc_list_first(lists[i]), object_t, link);

            nc_vec_fini(&o->uses);
            o->n_users = 0;
            free_object(o);
        }
    }

    if (image.generation) {
        nc_image_mem_fini(&image.mem);
        nc_vec_fini(&image.free_slots);
        nc_vec_fini(&image.dead);
    }

    nc_shm_destroy(&image.data);
    nc_shm_destroy(&image.ctl);
    memset(&image, 0, sizeof(image));

    nc_slot_row = no_pins;
    nc_slot_serials = no_serials;
}
