/* hash.c: hash functions, the heap map and the frozen table (both open addressing, linear). */
#include "base/hash.h"

uint64_t  nc_hash_seed = 0x9e3779b97f4a7c15u;


/* 64x64 -> 128 bit multiply, folded: the mixing step of the multiply-mix family of hashes. */
static uint64_t
mix(uint64_t a, uint64_t b)
{
    __uint128_t  product = (__uint128_t) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


static uint64_t
load(const char *p, size_t n)
{
    uint64_t  v = 0;

    memcpy(&v, p, n);

    return v;
}


static uint64_t
lower8(uint64_t v)
{
    uint64_t  ascii = ~v & 0x8080808080808080u;
    uint64_t  low7 = v & 0x7f7f7f7f7f7f7f7fu;
    uint64_t  ge_a = low7 + 0x3f3f3f3f3f3f3f3fu;    /* bit 7 set where byte >= 'A' */
    uint64_t  gt_z = low7 + 0x2525252525252525u;    /* bit 7 set where byte > 'Z' */

    return v | ((ge_a & ~gt_z & ascii) >> 2);
}


static uint64_t
hash_bytes(nc_str_t s, bool lower)
{
    const char  *p = s.data;
    size_t       left = s.len;
    uint64_t     h = nc_hash_seed ^ mix(s.len ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);

    while (left > 0) {
        size_t    n = NC_MIN(left, (size_t) 8);
        uint64_t  v = load(p, n);

        h = mix(h ^ (lower ? lower8(v) : v), 0x8ebc6af09c88c6e3u ^ n);
        p += n;
        left -= n;
    }

    return mix(h, 0x589965cc75374cc3u);
}


uint64_t
nc_hash(nc_str_t s)
{
    return hash_bytes(s, false);
}


uint64_t
nc_hash_lower(nc_str_t s)
{
    return hash_bytes(s, true);
}


void
nc_map_init(nc_map_t *m)
{
    *m = (nc_map_t) { 0 };
}


void
nc_map_fini(nc_map_t *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        free(m->entries[i].key);
    }

    free(m->entries);
    nc_map_init(m);
}


/* The entry that holds `key`, or the free one where it would go. The map has a free entry. */
static nc_map_entry_t *
map_find(const nc_map_t *m, nc_str_t key, uint64_t hash)
{
    size_t  i = hash & (m->cap - 1);

    for (;;) {
        nc_map_entry_t  *e = &m->entries[i];

        if (e->key == NULL
            || (e->hash == hash && nc_str_eq(nc_str(e->key, e->key_len), key)))
        {
            return e;
        }

        i = (i + 1) & (m->cap - 1);
    }
}


static void
map_resize(nc_map_t *m, size_t cap)
{
    nc_map_t  old = *m;

    m->entries = nc_calloc(cap * sizeof(*m->entries));
    m->cap = cap;

    for (size_t i = 0; i < old.cap; i++) {
        nc_map_entry_t  *e = &old.entries[i];

        if (e->key) {
            *map_find(m, nc_str(e->key, e->key_len), e->hash) = *e;
        }
    }

    free(old.entries);
}


void *
nc_map_get(const nc_map_t *m, nc_str_t key)
{
    return m->cap ? map_find(m, key, nc_hash(key))->value : NULL;
}


void *
nc_map_set(nc_map_t *m, nc_str_t key, void *value)
{
    uint64_t         hash = nc_hash(key);
    nc_map_entry_t  *e;
    void            *old;

    NC_CHECK(value != NULL);

    if ((m->n + 1) * 4 > m->cap * 3) {
        map_resize(m, m->cap ? m->cap * 2 : 16);
    }

    e = map_find(m, key, hash);
    old = e->value;

    if (e->key == NULL) {
        e->key = nc_str_dup_c(key);
        e->key_len = key.len;
        e->hash = hash;
        m->n++;
    }

    e->value = value;

    return old;
}


void *
nc_map_del(nc_map_t *m, nc_str_t key)
{
    nc_map_entry_t  *e;
    void            *old;
    size_t           hole, i;

    if (m->cap == 0) {
        return NULL;
    }

    e = map_find(m, key, nc_hash(key));

    if (e->key == NULL) {
        return NULL;
    }

    old = e->value;
    free(e->key);
    m->n--;

    hole = (size_t) (e - m->entries);

    for (i = (hole + 1) & (m->cap - 1); m->entries[i].key; i = (i + 1) & (m->cap - 1)) {
        size_t  home = m->entries[i].hash & (m->cap - 1);

        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->entries[hole] = m->entries[i];   /* its probe run crosses the hole */
            hole = i;
        }
    }

    m->entries[hole] = (nc_map_entry_t) { 0 };

    return old;
}


bool
nc_map_next(const nc_map_t *m, size_t *at, nc_str_t *key, void **value)
{
    while (*at < m->cap) {
        nc_map_entry_t  *e = &m->entries[(*at)++];

        if (e->key) {
            *key = nc_str(e->key, e->key_len);
            *value = e->value;
            return true;
        }
    }

    return false;
}


void
nc_table_init(nc_table_t *t, nc_pool_t *pool, size_t n)
{
    size_t  cap = 4;

    NC_CHECK(n < UINT32_MAX / 4);

    while (cap < n * 2) {
        cap *= 2;
    }

    t->slots = nc_pool_array(pool, cap, sizeof(*t->slots));
    t->mask = (uint32_t) cap - 1;
    t->n = 0;
}


static nc_table_slot_t *
table_find(const nc_table_t *t, nc_str_t key, uint32_t hash)
{
    for (uint32_t i = hash & t->mask; ; i = (i + 1) & t->mask) {
        nc_table_slot_t  *s = &t->slots[i];

        if (s->key.data == NULL || (s->hash == hash && nc_str_eq(s->key, key))) {
            return s;
        }
    }
}


nc_rc_t
nc_table_add(nc_table_t *t, nc_str_t key, const void *value)
{
    uint32_t          hash = (uint32_t) nc_hash(key);
    nc_table_slot_t  *s = table_find(t, key, hash);

    NC_CHECK(key.data != NULL && t->n < t->mask);

    if (s->key.data) {
        return NC_DECLINED;
    }

    *s = (nc_table_slot_t) { .key = key, .hash = hash, .value = value };
    t->n++;

    return NC_OK;
}


const void *
nc_table_get(const nc_table_t *t, nc_str_t key)
{
    return t->n ? table_find(t, key, (uint32_t) nc_hash(key))->value : NULL;
}
