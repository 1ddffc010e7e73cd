/* headers_priv.h: the fast ways into nc_headers_t, for the codecs. */
#ifndef NC_CODEC_HEADERS_PRIV_H
#define NC_CODEC_HEADERS_PRIV_H

#include "codec/headers.h"

/* Names are found by a hash without collisions; the table is made at program start. */
#define NC_ID_BITS      10

extern uint8_t   nc_header_id_table[1u << NC_ID_BITS];
extern uint32_t  nc_header_id_factor;

static inline uint32_t
nc_load32(const char *p)
{
    uint32_t  v;

    memcpy(&v, p, 4);

    return v;
}

static inline uint64_t
nc_load64(const char *p)
{
    uint64_t  v;

    memcpy(&v, p, 8);

    return v;
}

/* As memcmp == 0, for the few bytes of a name. */
static inline bool
nc_same_bytes(const char *a, const char *b, size_t n)
{
    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8) {
            if (nc_load64(a + i) != nc_load64(b + i)) {
                return false;
            }
        }

        return nc_load64(a + n - 8) == nc_load64(b + n - 8);
    }

    if (n >= 4) {
        return nc_load32(a) == nc_load32(b) && nc_load32(a + n - 4) == nc_load32(b + n - 4);
    }

    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }

    return true;
}

/* Slot of a name of at least 2 bytes: its ends, middle and length tell known names apart. */
static inline uint32_t
nc_header_id_slot(const char *name, size_t len, uint32_t factor)
{
    uint32_t  key;

    if (len >= 4) {
        uint32_t  middle = nc_load32(name + (len - 4) / 2);
        uint32_t  tail = nc_load32(name + len - 4);

        key = nc_load32(name) + (middle << 15 | middle >> 17) + (tail << 7 | tail >> 25);

    } else {
        key = (uint32_t) (uint8_t) name[0] | (uint32_t) (uint8_t) name[len - 1] << 8;
    }

    return ((key ^ (uint32_t) len * 0x9e3779b1u) * factor) >> (32 - NC_ID_BITS);
}

static inline nc_header_id_t
nc_header_id_fast(const char *name, size_t len)
{
    nc_header_id_t  id;

    if (len < 2) {
        return NC_H_OTHER;
    }

    id = (nc_header_id_t) nc_header_id_table[nc_header_id_slot(name, len, nc_header_id_factor)];

    if (nc_header_names[id].len == len && nc_same_bytes(nc_header_names[id].data, name, len)) {
        return id;
    }

    return NC_H_OTHER;
}

void nc_headers_grow(nc_headers_t *h);

/* Appends an entry whose id is known already. */
static inline nc_header_t *
nc_headers_push(nc_headers_t *h, nc_header_id_t id, nc_str_t name, nc_str_t value)
{
    nc_header_t  *e;

    if (NC_UNLIKELY(h->n == h->cap)) {
        nc_headers_grow(h);
    }

    e = &h->items[h->n++];
    e->name = name;
    e->value = value;
    e->id = id;
    h->bytes += (uint32_t) (name.len + value.len);
    h->live++;

    if (id != NC_H_OTHER && h->first[id] == 0) {
        h->first[id] = (uint16_t) h->n;
    }

    return e;
}

#endif
