/*
 * slab.h: objects of one size, packed side by side in chunks of their own. For what lives long and
 * in large numbers (connections): it does not pin the heap between the blocks that come and go.
 *
 * Invariant: a chunk with no live object is given back, but for one that is kept.
 */
#ifndef NC_BASE_SLAB_H
#define NC_BASE_SLAB_H

#include "base/list.h"

typedef struct {
    size_t     size;                            /* of an object; set by NC_SLAB_INIT */
    nc_list_t  partial;                         /* chunks with room */
    uint32_t   per_chunk;
    uint32_t   n_empty;                         /* chunks without a live object */
    bool       ready;
} nc_slab_t;

#define NC_SLAB_INIT(type)  { .size = sizeof(type) }

/* A zeroed object. Never NULL. */
void *nc_slab_get(nc_slab_t *slab);

/* Gives an object of this slab back. */
void nc_slab_put(nc_slab_t *slab, void *object);

#endif
