/* buf.c: byte queues made of slices of reference-counted blocks. */
#include "net/buf.h"

#define COPY_MAX        512u                    /* smaller pieces are copied, not sliced */
#define SPARE_BYTES     (1u << 20)              /* kept per size of block */

typedef struct spare_s  spare_t;

struct spare_s {
    spare_t  *next;
};

/* Blocks of one size that nobody uses. */
typedef struct {
    size_t    size;
    spare_t  *first;
    size_t    bytes;
} shelf_t;

static shelf_t  shelves[] = {
    { .size = NC_BLOCK_SMALL }, { .size = NC_BLOCK_LARGE }, { .size = NC_BLOCK_HUGE }
};

size_t  nc_block_bytes_used;
size_t  nc_block_bytes_spare;


static void *
take_spare(shelf_t *shelf)
{
    spare_t  *s = shelf->first;

    if (s == NULL) {
        return nc_malloc(shelf->size);
    }

    shelf->first = s->next;
    shelf->bytes -= shelf->size;
    nc_block_bytes_spare -= shelf->size;

    return s;
}


nc_block_t *
nc_block_get(size_t size)
{
    size_t       total = size + sizeof(nc_block_t);
    nc_block_t  *b = NULL;

    NC_CHECK(size < UINT32_MAX - sizeof(nc_block_t));

    for (size_t i = 0; i < NC_COUNTOF(shelves) && b == NULL; i++) {
        if (total <= shelves[i].size) {
            total = shelves[i].size;
            b = take_spare(&shelves[i]);
        }
    }

    if (b == NULL) {
        b = nc_malloc(total);
    }

    nc_block_bytes_used += total;
    b->refs = 1;
    b->cap = (uint32_t) (total - sizeof(nc_block_t));

    return b;
}


void
nc_block_free(nc_block_t *b)
{
    size_t    total = b->cap + sizeof(nc_block_t);
    spare_t  *s = (spare_t *) (void *) b;

    nc_block_bytes_used -= total;

#ifdef NC_DEBUG
    memset(b->data, 0xa5, b->cap);
    free(s);
    return;
#endif

    for (size_t i = 0; i < NC_COUNTOF(shelves); i++) {
        if (total == shelves[i].size && shelves[i].bytes + total <= SPARE_BYTES) {
            s->next = shelves[i].first;
            shelves[i].first = s;
            shelves[i].bytes += total;
            nc_block_bytes_spare += total;
            return;
        }
    }

    free(s);
}


void
nc_block_drop_spare(void)
{
    for (size_t i = 0; i < NC_COUNTOF(shelves); i++) {
        shelf_t  *shelf = &shelves[i];

        while (shelf->first) {
            free(take_spare(shelf));
        }
    }
}


static void
drop_ring(nc_buf_t *b)
{
    if (b->cap > NC_BUF_FEW) {
        free(b->slices);
    }
}


void
nc_buf_fini(nc_buf_t *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        nc_slice_t  *s = nc_buf_at(b, i);

        if (s->block) {
            nc_block_unref(s->block);
        }
    }

    drop_ring(b);
    nc_buf_init(b);
}


/* A new last slice; the ring doubles when it is full. */
static nc_slice_t *
push_slice(nc_buf_t *b)
{
    if (b->n == b->cap) {
        uint32_t     cap = b->cap == NC_BUF_FEW ? 8 : b->cap * 2;
        nc_slice_t  *ring = nc_malloc(cap * sizeof(*ring));

        for (uint32_t i = 0; i < b->n; i++) {
            ring[i] = *nc_buf_at(b, i);
        }

        drop_ring(b);
        b->slices = ring;
        b->first = 0;
        b->cap = cap;
    }

    return &b->slices[(b->first + b->n++) & (b->cap - 1)];
}


/* Writable room behind the last slice, without taking a block. */
static size_t
tail_room(const nc_buf_t *b, nc_slice_t **last)
{
    nc_slice_t  *s;

    if (b->n == 0) {
        return 0;
    }

    s = nc_buf_at(b, b->n - 1);

    if (s->block == NULL || s->block->refs != 1) {
        return 0;
    }

    *last = s;

    return (size_t) (s->block->data + s->block->cap - (s->at + s->len));
}


char *
nc_buf_reserve(nc_buf_t *b, size_t n, size_t *room)
{
    nc_slice_t  *s = NULL;
    size_t       tail = tail_room(b, &s);

    if (tail < n || tail == 0) {
        nc_block_t  *block = nc_block_get(n);

        s = push_slice(b);
        *s = (nc_slice_t) { .block = block, .at = block->data, .len = 0 };
        tail = block->cap;
    }

    *room = tail;

    return s->at + s->len;
}


void
nc_buf_commit(nc_buf_t *b, size_t n)
{
    nc_slice_t  *s = nc_buf_at(b, b->n - 1);

    s->len += n;
    b->len += n;

    if (s->len == 0) {
        nc_block_unref(s->block);
        b->n--;
    }
}


void
nc_buf_add(nc_buf_t *b, const void *data, size_t len)
{
    const char  *p = data;

    while (len > 0) {
        nc_slice_t  *s = NULL;
        size_t       room = tail_room(b, &s);
        size_t       n;

        if (room == 0) {
            nc_buf_reserve(b, NC_MIN(len, NC_BLOCK_LARGE - sizeof(nc_block_t)), &room);
            s = nc_buf_at(b, b->n - 1);
        }

        n = NC_MIN(room, len);
        memcpy(s->at + s->len, p, n);
        s->len += n;
        b->len += n;
        p += n;
        len -= n;
    }
}


void
nc_buf_add_static(nc_buf_t *b, nc_str_t s)
{
    nc_slice_t  *slice;

    if (s.len == 0) {
        return;
    }

    slice = push_slice(b);
    slice->block = NULL;
    slice->at = (char *) (uintptr_t) s.data;    /* never written: tail_room needs a block */
    slice->len = s.len;
    b->len += s.len;
}


/* Takes over the slice and its reference; one that goes on where the last one ended joins it. */
static void
append_slice(nc_buf_t *b, nc_slice_t s)
{
    b->len += s.len;

    if (b->n > 0 && s.block) {
        nc_slice_t  *last = nc_buf_at(b, b->n - 1);

        if (last->block == s.block && last->at + last->len == s.at) {
            last->len += s.len;
            nc_block_unref(s.block);
            return;
        }
    }

    *push_slice(b) = s;
}


void
nc_buf_add_slice(nc_buf_t *b, nc_block_t *block, char *at, size_t len)
{
    if (len > 0) {
        append_slice(b, (nc_slice_t) { .block = nc_block_ref(block), .at = at, .len = len });
    }
}


static void
pop_slice(nc_buf_t *b)
{
    b->first = (b->first + 1) & (b->cap - 1);
    b->n--;
}


void
nc_buf_move(nc_buf_t *to, nc_buf_t *from, size_t n)
{
    NC_CHECK(n <= from->len);

    while (n > 0) {
        nc_slice_t   s = *nc_buf_first(from);
        nc_slice_t  *room;

        if (s.len > n || s.len <= COPY_MAX) {
            size_t  part = NC_MIN(s.len, n);

            if (s.block && (part > COPY_MAX || tail_room(to, &room) < part)) {
                nc_buf_add_slice(to, s.block, s.at, part);

            } else if (s.block == NULL && part > COPY_MAX) {
                nc_buf_add_static(to, nc_str(s.at, part));

            } else {
                nc_buf_add(to, s.at, part);
            }

            nc_buf_drain(from, part);
            n -= part;
            continue;
        }

        pop_slice(from);
        from->len -= s.len;
        n -= s.len;
        append_slice(to, s);
    }
}


void
nc_buf_drain(nc_buf_t *b, size_t n)
{
    NC_CHECK(n <= b->len);
    b->len -= n;

    while (n > 0) {
        nc_slice_t  *s = nc_buf_first(b);

        if (s->len > n) {
            s->at += n;
            s->len -= n;
            return;
        }

        n -= s->len;

        if (s->block) {
            nc_block_unref(s->block);
        }

        pop_slice(b);
    }

    if (b->n == 0 && b->cap > NC_BUF_FEW) {
        drop_ring(b);                           /* an idle queue holds no memory */
        nc_buf_init(b);
    }
}


char *
nc_buf_pullup(nc_buf_t *b, size_t n)
{
    nc_slice_t  *first = nc_buf_first(b);
    nc_block_t  *block;

    NC_CHECK(n <= b->len && n > 0);

    if (first->len >= n) {
        return first->at;
    }

    block = nc_block_get(n + n / 2);            /* room to grow: appending stays linear */
    nc_buf_copy(b, block->data, n);
    nc_buf_drain(b, n);

    if (b->n == b->cap) {
        push_slice(b);                          /* doubles the ring; taken back at once */
        b->n--;
    }

    b->first = (b->first - 1) & (b->cap - 1);
    b->n++;
    *nc_buf_first(b) = (nc_slice_t) { .block = block, .at = block->data, .len = n };
    b->len += n;

    return block->data;
}


void
nc_buf_copy(const nc_buf_t *b, void *out, size_t n)
{
    char  *p = out;

    NC_CHECK(n <= b->len);

    for (uint32_t i = 0; n > 0; i++) {
        nc_slice_t  *s = nc_buf_at(b, i);
        size_t       part = NC_MIN(s->len, n);

        memcpy(p, s->at, part);
        p += part;
        n -= part;
    }
}


void
nc_buf_share(nc_buf_t *to, const nc_buf_t *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        nc_slice_t  *s = nc_buf_at(from, i);

        if (s->block) {
            nc_buf_add_slice(to, s->block, s->at, s->len);

        } else {
            nc_buf_add_static(to, nc_str(s->at, s->len));
        }
    }
}


int
nc_buf_iov(const nc_buf_t *b, struct iovec *iov, int max, size_t *bytes)
{
    int  n = 0;

    *bytes = 0;

    for (uint32_t i = 0; i < b->n && n < max; i++, n++) {
        nc_slice_t  *s = nc_buf_at(b, i);

        iov[n].iov_base = s->at;
        iov[n].iov_len = s->len;
        *bytes += s->len;
    }

    return n;
}
