/*
 * h2_mem.c: free lists by size, per process. What is above the largest size, or more than a list
 * may keep, is malloc's. Debug builds use malloc alone, so that sanitizers see every piece.
 */
#include "codec/h2_mem.h"

#include "codec/h2_priv.h"

#include <nghttp2/nghttp2.h>

#define STEP            64u
#define CLASSES         33u                     /* up to 2 KiB */
#define KEPT_BYTES      (256u * 1024)           /* of each size */

/* Precedes what is handed out; 16 bytes, so that this stays aligned. */
typedef union piece_u {
    union piece_u  *next;                       /* on its list */
    struct {
        uint32_t    class;                      /* 0: malloc's own */
        uint32_t    size;                       /* that can be used */
    };
    char            room[16];
} piece_t;

static piece_t   *lists[CLASSES];
static uint32_t   kept[CLASSES];


static uint32_t
class_of(size_t size)
{
#ifdef NC_DEBUG
    (void) size;

    return 0;
#else
    size_t  class = (size + STEP - 1) / STEP;

    return class < CLASSES ? (uint32_t) NC_MAX(class, (size_t) 1) : 0;
#endif
}


void *
nc_h2_mem_get(size_t size)
{
    uint32_t   class = class_of(size);
    piece_t   *p;

    NC_CHECK(size < UINT32_MAX);

    if (class && lists[class]) {
        p = lists[class];
        lists[class] = p->next;
        kept[class]--;

    } else {
        p = nc_malloc(sizeof(*p) + (class ? class * STEP : size));
    }

    p->class = class;
    p->size = class ? class * STEP : (uint32_t) size;

    return p + 1;
}


void *
nc_h2_mem_zeroed(size_t size)
{
    void  *p = nc_h2_mem_get(size);

    memset(p, 0, size);

    return p;
}


void
nc_h2_mem_put(void *memory)
{
    piece_t   *p = memory;
    uint32_t   class;

    if (p == NULL) {
        return;
    }

    p--;
    class = p->class;

    if (class == 0 || kept[class] * class * STEP >= KEPT_BYTES) {
        free(p);
        return;
    }

    p->next = lists[class];
    lists[class] = p;
    kept[class]++;
}


/* ---- as nghttp2 wants it ---- */

static void *
on_malloc(size_t size, void *data)
{
    (void) data;

    return nc_h2_mem_get(size);
}


static void
on_free(void *p, void *data)
{
    (void) data;
    nc_h2_mem_put(p);
}


static void *
on_calloc(size_t n, size_t size, void *data)
{
    (void) data;
    NC_CHECK(size == 0 || n <= UINT32_MAX / size);

    return nc_h2_mem_zeroed(n * size);
}


static void *
on_realloc(void *old, size_t size, void *data)
{
    size_t   had = old ? ((piece_t *) old - 1)->size : 0;
    void    *p;

    (void) data;

    if (old && had >= size) {
        return old;
    }

    p = nc_h2_mem_get(size);

    if (old) {
        memcpy(p, old, had);
        nc_h2_mem_put(old);
    }

    return p;
}


nghttp2_mem *
nc_h2_mem(void)
{
    static nghttp2_mem  mem = {
        .malloc = on_malloc, .free = on_free, .calloc = on_calloc, .realloc = on_realloc
    };

    return &mem;
}
