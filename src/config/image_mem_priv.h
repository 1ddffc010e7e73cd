/*
 * image_mem_priv.h: blocks of the configuration image. Known to image.c only; lives in the helper,
 * whose heap holds all bookkeeping but the owner of each chunk.
 */
#ifndef NC_CONFIG_IMAGE_MEM_PRIV_H
#define NC_CONFIG_IMAGE_MEM_PRIV_H

#include "base/list.h"
#include "os/shm.h"

#define NC_IMAGE_UNIT       64u                 /* sizes and addresses are multiples of this */
#define NC_IMAGE_CHUNK      (4u << 20)          /* what a generation takes and gives back */
#define NC_IMAGE_ORDERS     17u                 /* UNIT << 16 is CHUNK */

typedef struct {
    nc_shm_t   *shm;                            /* the range; chunk i at i * NC_IMAGE_CHUNK */
    uint32_t   *owners;                         /* shared: generation that owns chunk i, 0: free */
    uint32_t    n_chunks;
    uint32_t    generation;                     /* ours */
    uint64_t  **maps;                           /* per chunk: its free blocks; NULL: not ours */
    nc_list_t   free[NC_IMAGE_ORDERS];          /* free blocks; the nodes lie in the blocks */
    uint32_t    n_whole;                        /* chunks that are one free block */
    uint32_t    n_owned;
    size_t      held;                           /* bytes handed out */
    bool        poison;                         /* fill what comes back with 0xA5 */
} nc_image_mem_t;

/* An allocator for `generation` (not 0) that owns nothing yet. */
void nc_image_mem_init(nc_image_mem_t *mem, nc_shm_t *shm, uint32_t *owners, uint32_t n_chunks,
    uint32_t generation);

/* Frees the bookkeeping; the chunks stay owned by the generation. */
void nc_image_mem_fini(nc_image_mem_t *mem);

/* `size` bytes, a multiple of NC_IMAGE_UNIT; NULL: the range is full. */
void *nc_image_mem_get(nc_image_mem_t *mem, size_t size);

/* Gives back any part of what was got: address and size are multiples of NC_IMAGE_UNIT. */
void nc_image_mem_put(nc_image_mem_t *mem, void *p, size_t size);

/* Gives back all chunks of a dead generation; returns how many. */
uint32_t nc_image_mem_release(nc_image_mem_t *mem, uint32_t generation);

#endif
