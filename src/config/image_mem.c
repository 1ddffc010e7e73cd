/*
 * image_mem.c: blocks of the configuration image: a buddy system over chunks of 4 MiB.
 *
 * A block of order k has NC_IMAGE_UNIT << k bytes and lies at a multiple of its size within its
 * chunk. Any run of units can be handed out or given back: it is cut into such blocks. So nothing
 * is rounded up but to the unit, and a pool can give back the unused end of its last block.
 *
 * Invariants:
 *  1. A block is in free[k] if and only if its bit in its chunk's map is set. Bits are numbered
 *     like a heap: the whole chunk is 1, the halves of n are 2n and 2n + 1.
 *  2. No two buddies are free at once: they have become one block.
 *  3. A chunk is entered in `owners` before it is used and left there until its pages were given
 *     back. So what a killed helper owned can be told from the shared table alone.
 *  4. At most one wholly free chunk is kept: memory follows the size of the configuration.
 */
#include "config/image_mem_priv.h"

#define TOP         (NC_IMAGE_ORDERS - 1)
#define MAP_BYTES   ((2u << TOP) / 8)
#define POISON      0xA5


static uint32_t
chunk_of(const nc_image_mem_t *mem, const void *p)
{
    return (uint32_t) ((size_t) ((const char *) p - mem->shm->base) / NC_IMAGE_CHUNK);
}


/* Number of the bit of the block of `order` at `p` in its chunk's map. */
static uint32_t
bit_of(const nc_image_mem_t *mem, const void *p, unsigned order)
{
    size_t  at = (size_t) ((const char *) p - mem->shm->base) % NC_IMAGE_CHUNK;

    return (1u << (TOP - order)) + (uint32_t) ((at / NC_IMAGE_UNIT) >> order);
}


static bool
is_free(const uint64_t *map, uint32_t bit)
{
    return map[bit / 64] >> (bit % 64) & 1;
}


static void
enter_free(nc_image_mem_t *mem, void *p, unsigned order)
{
    uint32_t  bit = bit_of(mem, p, order);

    mem->maps[chunk_of(mem, p)][bit / 64] |= 1ull << (bit % 64);
    nc_list_add(&mem->free[order], p);

    if (order == TOP) {
        mem->n_whole++;
    }
}


static void
leave_free(nc_image_mem_t *mem, void *p, unsigned order)
{
    uint32_t  bit = bit_of(mem, p, order);

    mem->maps[chunk_of(mem, p)][bit / 64] &= ~(1ull << (bit % 64));
    nc_list_del(p);

    if (order == TOP) {
        mem->n_whole--;
    }
}


void
nc_image_mem_init(nc_image_mem_t *mem, nc_shm_t *shm, uint32_t *owners, uint32_t n_chunks,
    uint32_t generation)
{
    NC_CHECK(generation != 0 && (size_t) n_chunks * NC_IMAGE_CHUNK <= shm->size);

    *mem = (nc_image_mem_t) { .shm = shm, .owners = owners, .n_chunks = n_chunks,
                              .generation = generation };
    mem->maps = nc_calloc(n_chunks * sizeof(*mem->maps));

    for (unsigned i = 0; i < NC_IMAGE_ORDERS; i++) {
        nc_list_init(&mem->free[i]);
    }

#ifdef NC_DEBUG
    mem->poison = true;
#endif
}


void
nc_image_mem_fini(nc_image_mem_t *mem)
{
    for (uint32_t i = 0; mem->maps && i < mem->n_chunks; i++) {
        free(mem->maps[i]);
    }

    free(mem->maps);
    *mem = (nc_image_mem_t) { 0 };
}


/* Takes `n` neighbouring free chunks, nothing in them marked free. NULL: there are none. */
static void *
take_chunks(nc_image_mem_t *mem, uint32_t n)
{
    uint32_t  run = 0;

    for (uint32_t i = 0; i < mem->n_chunks; i++) {
        run = mem->owners[i] == 0 ? run + 1 : 0;

        if (run < n) {
            continue;
        }

        for (uint32_t at = i + 1 - n; at <= i; at++) {
            __atomic_store_n(&mem->owners[at], mem->generation, __ATOMIC_RELEASE);
            mem->maps[at] = nc_calloc(MAP_BYTES);
        }

        mem->n_owned += n;

        return mem->shm->base + (size_t) (i + 1 - n) * NC_IMAGE_CHUNK;
    }

    return NULL;
}


static void
drop_pages(nc_image_mem_t *mem, uint32_t chunk)
{
    /* When the pages cannot be given back they are used again later: nobody expects zeros. */
    (void) nc_shm_punch(mem->shm, (size_t) chunk * NC_IMAGE_CHUNK, NC_IMAGE_CHUNK);
    __atomic_store_n(&mem->owners[chunk], 0, __ATOMIC_RELEASE);
}


static void
give_chunk_back(nc_image_mem_t *mem, uint32_t chunk)
{
    free(mem->maps[chunk]);
    mem->maps[chunk] = NULL;
    mem->n_owned--;
    drop_pages(mem, chunk);
}


/* Gives one block of `order` back, joined with its buddy as far up as that one is free. */
static void
free_block(nc_image_mem_t *mem, char *p, unsigned order)
{
    uint32_t   chunk = chunk_of(mem, p);
    uint64_t  *map = mem->maps[chunk];
    uint32_t   bit = bit_of(mem, p, order);

    NC_CHECK(map && !is_free(map, bit));

    while (order < TOP && is_free(map, bit ^ 1)) {
        size_t   size = (size_t) NC_IMAGE_UNIT << order;
        char    *buddy = (bit & 1) ? p - size : p + size;

        leave_free(mem, buddy, order);

        p = NC_MIN(p, buddy);
        bit /= 2;
        order++;
    }

    if (order == TOP && mem->n_whole > 0) {
        give_chunk_back(mem, chunk);
        return;
    }

    enter_free(mem, p, order);
}


/* Cuts [p, p + size) into the largest blocks that fit, and frees them. */
static void
free_run(nc_image_mem_t *mem, char *p, size_t size)
{
    while (size) {
        size_t    units = (size_t) (p - mem->shm->base) / NC_IMAGE_UNIT;
        unsigned  order = units ? (unsigned) __builtin_ctzll(units) : TOP;

        order = NC_MIN(order, TOP);

        while (((size_t) NC_IMAGE_UNIT << order) > size) {
            order--;
        }

        free_block(mem, p, order);
        p += (size_t) NC_IMAGE_UNIT << order;
        size -= (size_t) NC_IMAGE_UNIT << order;
    }
}


/* A block of `order`, split off the smallest free one that is large enough; NULL: full. */
static char *
get_block(nc_image_mem_t *mem, unsigned order)
{
    unsigned  k = order;
    char     *p;

    while (k < NC_IMAGE_ORDERS && nc_list_empty(&mem->free[k])) {
        k++;
    }

    if (k == NC_IMAGE_ORDERS) {
        p = take_chunks(mem, 1);
        k = TOP;

    } else {
        p = (char *) nc_list_first(&mem->free[k]);
        leave_free(mem, p, k);
    }

    while (p && k > order) {
        k--;
        enter_free(mem, p + ((size_t) NC_IMAGE_UNIT << k), k);
    }

    return p;
}


void *
nc_image_mem_get(nc_image_mem_t *mem, size_t size)
{
    char    *p;
    size_t   whole;

    NC_CHECK(size != 0 && size % NC_IMAGE_UNIT == 0);

    if (size > (size_t) mem->n_chunks * NC_IMAGE_CHUNK) {
        return NULL;
    }

    if (size > NC_IMAGE_CHUNK) {
        whole = NC_ALIGN(size, NC_IMAGE_CHUNK);
        p = take_chunks(mem, (uint32_t) (whole / NC_IMAGE_CHUNK));

    } else {
        unsigned  order = 0;

        while (((size_t) NC_IMAGE_UNIT << order) < size) {
            order++;
        }

        whole = (size_t) NC_IMAGE_UNIT << order;
        p = get_block(mem, order);
    }

    if (p) {
        mem->held += size;
        free_run(mem, p + size, whole - size);
    }

    return p;
}


void
nc_image_mem_put(nc_image_mem_t *mem, void *p, size_t size)
{
    NC_CHECK(size % NC_IMAGE_UNIT == 0 && size <= mem->held);
    NC_CHECK((size_t) ((char *) p - mem->shm->base) % NC_IMAGE_UNIT == 0);

    if (mem->poison) {
        memset(p, POISON, size);
    }

    mem->held -= size;
    free_run(mem, p, size);
}


uint32_t
nc_image_mem_release(nc_image_mem_t *mem, uint32_t generation)
{
    uint32_t  n = 0;

    NC_CHECK(generation != 0 && generation != mem->generation);

    for (uint32_t i = 0; i < mem->n_chunks; i++) {
        if (mem->owners[i] == generation) {
            drop_pages(mem, i);
            n++;
        }
    }

    return n;
}
