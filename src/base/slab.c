/*
 * slab.c: objects of one size. A chunk is aligned to its size, so that an object finds its chunk by
 * masking its address. Under --with-debug and --with-sanitize each object is an allocation of its own.
 */
#include "base/slab.h"

#define CHUNK_SIZE  ((size_t) 64 * 1024)

typedef struct object_s  object_t;

struct object_s {
    object_t  *next;
};

typedef struct {
    nc_list_t   link;                           /* in slab->partial while there is room */
    object_t   *free;
    uint32_t    live;
    uint32_t    fresh;                          /* objects never given out lie behind this one */
} chunk_t;

#define FIRST   NC_ALIGN(sizeof(chunk_t), 16)


static chunk_t *
chunk_of(void *object)
{
    return (chunk_t *) (void *) ((uintptr_t) object & ~(uintptr_t) (CHUNK_SIZE - 1));
}


static void
prepare(nc_slab_t *slab)
{
    slab->size = NC_ALIGN(slab->size, 16);
    slab->per_chunk = (uint32_t) ((CHUNK_SIZE - FIRST) / slab->size);
    nc_list_init(&slab->partial);
    slab->ready = true;
    NC_CHECK(slab->per_chunk > 0);
}


static chunk_t *
new_chunk(nc_slab_t *slab)
{
    chunk_t  *c = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);

    if (c == NULL) {
        nc_fatal("out of memory: cannot allocate %zu bytes", CHUNK_SIZE);
    }

    *c = (chunk_t) { .free = NULL };
    nc_list_add(&slab->partial, &c->link);
    slab->n_empty++;

    return c;
}


void *
nc_slab_get(nc_slab_t *slab)
{
    chunk_t   *c;
    object_t  *o;

#if defined(NC_DEBUG) || defined(NC_SANITIZE)
    return nc_calloc(slab->size);
#endif

    if (NC_UNLIKELY(!slab->ready)) {
        prepare(slab);
    }

    c = nc_list_empty(&slab->partial) ? new_chunk(slab)
                                      : nc_container_of(slab->partial.next, chunk_t, link);
    o = c->free;

    if (o) {
        c->free = o->next;
    } else {
        o = (object_t *) (void *) ((char *) c + FIRST + c->fresh++ * slab->size);
    }

    if (c->live++ == 0) {
        slab->n_empty--;
    }

    if (c->live == slab->per_chunk) {
        nc_list_del(&c->link);
    }

    return memset(o, 0, slab->size);
}


void
nc_slab_put(nc_slab_t *slab, void *object)
{
    chunk_t   *c = chunk_of(object);
    object_t  *o = object;

#if defined(NC_DEBUG) || defined(NC_SANITIZE)
    free(object);
    return;
#endif

    if (c->live == slab->per_chunk) {
        nc_list_add(&slab->partial, &c->link);
    }

    o->next = c->free;
    c->free = o;

    if (--c->live > 0) {
        return;
    }

    if (slab->n_empty > 0) {
        nc_list_del(&c->link);
        free(c);
        return;
    }

    slab->n_empty++;
}
