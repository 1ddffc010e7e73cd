/*
 * pool.h: memory that is given back as a whole. Connections and streams use pools over the heap;
 * image objects use the same pool over blocks of the shared image (see config/image.h).
 *
 * Invariants:
 *  1. Allocation never returns NULL. Nothing is freed singly.
 *  2. Cleanups run in reverse order of their registration, before the memory goes.
 *  3. Under --with-debug every allocation is its own block, so that sanitizers see each one.
 */
#ifndef NC_BASE_POOL_H
#define NC_BASE_POOL_H

#include "base/str.h"

typedef struct nc_pool_s        nc_pool_t;
typedef struct nc_pool_block_s  nc_pool_block_t;

/* Where a pool takes its blocks from and gives them back to. */
typedef struct {
    /* At least `min` bytes, 16-aligned; the size given is stored in *size. Never NULL. */
    void *(*get)(void *ctx, size_t min, size_t *size);
    void  (*put)(void *ctx, void *block, size_t size);
    void   *ctx;
} nc_pool_source_t;

struct nc_pool_block_s {
    nc_pool_block_t  *next;
    size_t            size;                     /* of the whole block, this header included */
};

typedef struct nc_pool_cleanup_s  nc_pool_cleanup_t;

struct nc_pool_s {
    char                    *at;                /* free part of the newest block */
    char                    *end;
    nc_pool_block_t         *blocks;            /* newest first */
    nc_pool_cleanup_t       *cleanups;
    const nc_pool_source_t  *source;
    size_t                   used;              /* bytes handed out */
    size_t                   held;              /* bytes of all blocks */
};

/* The heap, with blocks of 4 KiB kept on a small per-process free list. */
extern const nc_pool_source_t  nc_pool_heap;

/* Frees the blocks on that list (after a peak, before malloc_trim). */
void nc_pool_drop_spare(void);

/* An empty pool; takes its first block at the first allocation. `source` outlives the pool. */
void nc_pool_init(nc_pool_t *pool, const nc_pool_source_t *source);

/* Runs the cleanups and gives all blocks back; the pool is empty and usable again. */
void nc_pool_fini(nc_pool_t *pool);

/* `size` bytes, aligned to 16; not cleared. */
void *nc_pool_slow(nc_pool_t *pool, size_t size);

static inline void *
nc_pool_alloc(nc_pool_t *pool, size_t size)
{
#ifndef NC_DEBUG
    size_t  n = NC_ALIGN(size, 16);

    if (NC_LIKELY(n >= size && n <= (size_t) (pool->end - pool->at))) {
        void  *p = pool->at;

        pool->at += n;
        pool->used += n;

        return p;
    }
#endif

    return nc_pool_slow(pool, size);
}

/* `size` bytes set to zero. */
void *nc_pool_calloc(nc_pool_t *pool, size_t size);

/* `n` elements of `size` bytes set to zero; ends the process on overflow. */
void *nc_pool_array(nc_pool_t *pool, size_t n, size_t size);

/* A copy of the bytes of `s`, followed by a NUL that is not counted. */
nc_str_t nc_pool_str(nc_pool_t *pool, nc_str_t s);

/* A copy of the C string `s`. */
char *nc_pool_strdup(nc_pool_t *pool, const char *s);

/* Calls fn(data) when the pool goes. Not for image pools (nobody would be there to call). */
void nc_pool_cleanup(nc_pool_t *pool, void (*fn)(void *data), void *data);

#define nc_pool_new(pool, type)     ((type *) nc_pool_calloc((pool), sizeof(type)))

#endif
