/*
 * buf.h: byte queues made of slices of reference-counted blocks. Bytes move between queues by moving
 * slices; they are copied only where it is cheaper than a slice.
 *
 * Invariants:
 *  1. A slice with a block holds one reference of it; a slice without one points at static bytes.
 *  2. len is the sum of the slices' lengths; no slice in a queue is empty.
 *  3. Bytes behind the last slice of a block whose only holder is that slice may be written.
 */
#ifndef NC_NET_BUF_H
#define NC_NET_BUF_H

#include "base/str.h"

#include <sys/uio.h>

#define NC_BLOCK_SMALL  2048u                   /* sizes of the block free lists, header included */
#define NC_BLOCK_LARGE  16384u
#define NC_BLOCK_HUGE   65536u

typedef struct nc_block_s {
    uint32_t  refs;
    uint32_t  cap;                              /* bytes at data */
    char      data[];
} nc_block_t;

typedef struct {
    nc_block_t  *block;                         /* NULL: static bytes */
    char        *at;
    size_t       len;
} nc_slice_t;

#define NC_BUF_FEW  2u                          /* a head and a body need no memory for a ring */

typedef struct {
    nc_slice_t  *slices;                        /* ring of cap; `few` when that is enough */
    uint32_t     first;
    uint32_t     n;
    uint32_t     cap;
    size_t       len;                           /* bytes in the queue */
    nc_slice_t   few[NC_BUF_FEW];
} nc_buf_t;

/* A block with at least `size` bytes of data and one reference. */
nc_block_t *nc_block_get(size_t size);

static inline nc_block_t *
nc_block_ref(nc_block_t *b)
{
    b->refs++;

    return b;
}

void nc_block_free(nc_block_t *b);

static inline void
nc_block_unref(nc_block_t *b)
{
    if (--b->refs == 0) {
        nc_block_free(b);
    }
}

/* Frees the blocks that are kept for reuse (after a peak, before malloc_trim). */
void nc_block_drop_spare(void);

/* Bytes held by all blocks in use in this process, and on the free lists (for /memory). */
extern size_t  nc_block_bytes_used;
extern size_t  nc_block_bytes_spare;

/* An empty queue; needs no memory until more than NC_BUF_FEW slices are in it. */
static inline void
nc_buf_init(nc_buf_t *b)
{
    b->slices = b->few;
    b->first = b->n = 0;
    b->cap = NC_BUF_FEW;
    b->len = 0;
}

/* Gives everything back; the queue is empty and usable. A queue must not be copied by assignment. */
void nc_buf_fini(nc_buf_t *b);

/* Appends a copy of the bytes (into the room of the last block when there is some). */
void nc_buf_add(nc_buf_t *b, const void *data, size_t len);

static inline void
nc_buf_add_str(nc_buf_t *b, nc_str_t s)
{
    nc_buf_add(b, s.data, s.len);
}

/* Appends bytes that live forever, without a copy. */
void nc_buf_add_static(nc_buf_t *b, nc_str_t s);

/* Appends the slice [at, at + len) of `block`; takes a reference of its own. */
void nc_buf_add_slice(nc_buf_t *b, nc_block_t *block, char *at, size_t len);

/* Writable contiguous room of at least `n` bytes at the end; *room tells how many. */
char *nc_buf_reserve(nc_buf_t *b, size_t n, size_t *room);

/* Makes the first `n` bytes of the room of the last nc_buf_reserve part of the queue. */
void nc_buf_commit(nc_buf_t *b, size_t n);

/* Moves the first `n` bytes (at most b's length) of `from` to the end of `to`. */
void nc_buf_move(nc_buf_t *to, nc_buf_t *from, size_t n);

static inline void
nc_buf_move_all(nc_buf_t *to, nc_buf_t *from)
{
    nc_buf_move(to, from, from->len);
}

/* Drops the first `n` bytes (n <= len). */
void nc_buf_drain(nc_buf_t *b, size_t n);

/* The first slice (b->n > 0). */
static inline nc_slice_t *
nc_buf_first(const nc_buf_t *b)
{
    return &b->slices[b->first];
}

/* The i-th slice, 0 <= i < b->n. */
static inline nc_slice_t *
nc_buf_at(const nc_buf_t *b, uint32_t i)
{
    return &b->slices[(b->first + i) & (b->cap - 1)];
}

/* Makes the first `n` bytes (n <= len) contiguous; returns their first byte. Copies if needed. */
char *nc_buf_pullup(nc_buf_t *b, size_t n);

/* Copies the first `n` bytes (n <= len) to `out`; the queue stays. */
void nc_buf_copy(const nc_buf_t *b, void *out, size_t n);

/* Appends references of all of `from`'s bytes to `to`; `from` stays as it is. */
void nc_buf_share(nc_buf_t *to, const nc_buf_t *from);

/* Fills at most `max` iovecs with the first slices; returns how many, *bytes their sum. */
int nc_buf_iov(const nc_buf_t *b, struct iovec *iov, int max, size_t *bytes);

#endif
