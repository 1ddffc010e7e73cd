/* pool.c: memory that is given back as a whole. */
#include "base/pool.h"

#define BLOCK_SIZE      4096u
#define SPARE_BLOCKS    128u                    /* 512 KiB at the most lie idle */

struct nc_pool_cleanup_s {
    nc_pool_cleanup_t  *next;
    void              (*fn)(void *data);
    void               *data;
};

static nc_pool_block_t  *spare;
static unsigned          n_spare;


static void *
heap_get(void *ctx, size_t min, size_t *size)
{
    (void) ctx;

#ifndef NC_DEBUG
    if (min <= BLOCK_SIZE) {
        nc_pool_block_t  *block = spare;

        *size = BLOCK_SIZE;

        if (block) {
            spare = block->next;
            n_spare--;
            return block;
        }

        return nc_malloc(BLOCK_SIZE);
    }
#endif

    *size = min;

    return nc_malloc(min);
}


static void
heap_put(void *ctx, void *memory, size_t size)
{
    nc_pool_block_t  *block = memory;

    (void) ctx;

    if (size == BLOCK_SIZE && n_spare < SPARE_BLOCKS) {
        block->next = spare;
        spare = block;
        n_spare++;
        return;
    }

    free(block);
}


void
nc_pool_drop_spare(void)
{
    while (spare) {
        nc_pool_block_t  *block = spare;

        spare = block->next;
        n_spare--;
        free(block);
    }
}


const nc_pool_source_t  nc_pool_heap = { .get = heap_get, .put = heap_put };


void
nc_pool_init(nc_pool_t *pool, const nc_pool_source_t *source)
{
    *pool = (nc_pool_t) { .source = source };
}


void
nc_pool_fini(nc_pool_t *pool)
{
    nc_pool_block_t         *block, *next;
    const nc_pool_source_t  *source = pool->source;

    while (pool->cleanups) {
        nc_pool_cleanup_t  *c = pool->cleanups;

        pool->cleanups = c->next;
        c->fn(c->data);
    }

    for (block = pool->blocks; block; block = next) {
        next = block->next;
        source->put(source->ctx, block, block->size);
    }

    nc_pool_init(pool, source);
}


void *
nc_pool_slow(nc_pool_t *pool, size_t size)
{
    size_t            n = NC_ALIGN(size, 16);
    size_t            header = NC_ALIGN(sizeof(nc_pool_block_t), 16);
    size_t            got;
    nc_pool_block_t  *block;
    char             *p;

    NC_CHECK(n >= size && n <= SIZE_MAX - header);

    block = pool->source->get(pool->source->ctx, n + header, &got);
    block->size = got;
    block->next = pool->blocks;
    pool->blocks = block;
    pool->held += got;
    pool->used += n;

    p = (char *) block + header;

    if (got - header - n >= (size_t) (pool->end - pool->at)) {
        pool->at = p + n;                       /* go on in the block with more room left */
        pool->end = (char *) block + got;
    }

    return p;
}


void *
nc_pool_calloc(nc_pool_t *pool, size_t size)
{
    size = NC_MAX(size, (size_t) 1);            /* none is room too, never NULL */

    return memset(nc_pool_alloc(pool, size), 0, size);
}


void *
nc_pool_array(nc_pool_t *pool, size_t n, size_t size)
{
    size_t  total;

    NC_CHECK(!__builtin_mul_overflow(n, size, &total));

    return nc_pool_calloc(pool, total);
}


nc_str_t
nc_pool_str(nc_pool_t *pool, nc_str_t s)
{
    char  *copy = nc_pool_alloc(pool, s.len + 1);

    if (s.len) {
        memcpy(copy, s.data, s.len);
    }

    copy[s.len] = '\0';

    return nc_str(copy, s.len);
}


char *
nc_pool_strdup(nc_pool_t *pool, const char *s)
{
    return (char *) nc_pool_str(pool, nc_str_c(s)).data;
}


void
nc_pool_cleanup(nc_pool_t *pool, void (*fn)(void *data), void *data)
{
    nc_pool_cleanup_t  *c = nc_pool_alloc(pool, sizeof(*c));

    *c = (nc_pool_cleanup_t) { .next = pool->cleanups, .fn = fn, .data = data };
    pool->cleanups = c;
}
