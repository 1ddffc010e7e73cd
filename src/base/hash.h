/*
 * hash.h: hash functions and two tables: a growing heap map for processes, and a frozen table that
 * lives in a pool (image objects) and is only read.
 */
#ifndef NC_BASE_HASH_H
#define NC_BASE_HASH_H

#include "base/pool.h"

/* 64-bit hash of bytes, keyed by nc_hash_seed; fast, for tables of this process family. */
uint64_t nc_hash(nc_str_t s);

/* As nc_hash over the ASCII-lowercased bytes. */
uint64_t nc_hash_lower(nc_str_t s);

/* Key of nc_hash. Set once by the master before anything is hashed or forked. */
extern uint64_t  nc_hash_seed;

/* Heap map from byte string to pointer. Keys are copied. */
typedef struct {
    struct nc_map_entry_s  *entries;
    size_t                  n;
    size_t                  cap;                /* a power of two, or 0 */
} nc_map_t;

typedef struct nc_map_entry_s {
    char      *key;                             /* NULL: free */
    size_t     key_len;
    uint64_t   hash;
    void      *value;
} nc_map_entry_t;

void nc_map_init(nc_map_t *m);

/* Frees keys and table; values are the caller's. */
void nc_map_fini(nc_map_t *m);

/* The value under `key`, or NULL. */
void *nc_map_get(const nc_map_t *m, nc_str_t key);

/* Puts `value` (not NULL) under `key`; returns the value that was there before, or NULL. */
void *nc_map_set(nc_map_t *m, nc_str_t key, void *value);

/* Takes `key` out; returns the value that was there, or NULL. */
void *nc_map_del(nc_map_t *m, nc_str_t key);

/* Walks the map: start with *at = 0; false at the end. No change to the map meanwhile. */
bool nc_map_next(const nc_map_t *m, size_t *at, nc_str_t *key, void **value);

/* A frozen table in a pool: built once, then only read; all memory is the pool's. */
typedef struct {
    struct nc_table_slot_s  *slots;
    uint32_t                 mask;
    uint32_t                 n;
} nc_table_t;

typedef struct nc_table_slot_s {
    nc_str_t     key;                           /* key.data NULL: free */
    uint32_t     hash;
    const void  *value;
} nc_table_slot_t;

/* Makes room for `n` keys at the most. */
void nc_table_init(nc_table_t *t, nc_pool_t *pool, size_t n);

/* Adds `key` (bytes stay the caller's, normally the same pool's). NC_DECLINED: is there already. */
nc_rc_t nc_table_add(nc_table_t *t, nc_str_t key, const void *value);

/* The value under `key`, or NULL. */
const void *nc_table_get(const nc_table_t *t, nc_str_t key);

#endif
