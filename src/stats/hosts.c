/*
 * hosts.c: the host table and the circuit breakers: ids by key, references, sums, repair.
 *
 * Two tables of the same kind: a key text per id in the arena, found by a map that the helper keeps
 * for itself and rebuilds from the keys after a crash.
 */
#include "stats/arena_priv.h"
#include "stats/dict_priv.h"

#include "base/hash.h"
#include "base/vec.h"

typedef struct {
    nc_map_t             ids;                   /* key to id */
    NC_VEC(uint32_t)     refs;                  /* by id */
    NC_VEC(uint32_t)     free;
    bool                 loaded;
} table_t;

static table_t  hosts;
static table_t  breakers;

static void
table_reset(table_t *t)
{
    if (t->loaded) {
        nc_map_fini(&t->ids);
        nc_vec_fini(&t->refs);
        nc_vec_fini(&t->free);
    }

    memset(t, 0, sizeof(*t));
}

void
nc_hosts_reset(void)
{
    table_reset(&hosts);
    table_reset(&breakers);
}

/* Makes the map of a table from the keys in the arena. */
static void
table_load(table_t *t, const nc_arena_str_t *keys, uint32_t n)
{
    uint32_t  id;

    if (t->loaded) {
        return;
    }

    nc_map_init(&t->ids);
    nc_vec_push(&t->refs, 0);

    for (id = 1; id < n; id++) {
        nc_str_t  key = nc_arena_str(keys[id]);

        nc_vec_push(&t->refs, 0);

        if (key.len == 0) {
            nc_vec_push(&t->free, id);
        } else {
            nc_map_set(&t->ids, key, (void *) (uintptr_t) id);
        }
    }

    t->loaded = true;
}

/* The id of `key`, made when there is none; one more reference. 0: the table is full. */
static uint32_t
table_get(table_t *t, nc_arena_str_t *keys, uint32_t *top, uint32_t max, nc_str_t key)
{
    uint32_t        id = (uint32_t) (uintptr_t) nc_map_get(&t->ids, key);
    nc_arena_str_t  text;

    if (id) {
        t->refs.items[id]++;
        return id;
    }

    if (key.len == 0 || (t->free.n == 0 && *top >= max) || nc_dict_store(key, &text) != NC_OK) {
        nc_stats_refused++;
        return 0;
    }

    if (t->free.n) {
        id = t->free.items[--t->free.n];
    } else {
        id = *top;
        nc_vec_push(&t->refs, 0);
    }

    keys[id].at = text.at;
    __atomic_store_n(&keys[id].len, text.len, __ATOMIC_RELEASE);

    if (id == *top) {
        __atomic_store_n(top, id + 1, __ATOMIC_RELEASE);
    }

    nc_map_set(&t->ids, key, (void *) (uintptr_t) id);
    t->refs.items[id] = 1;

    return id;
}

static void
table_free(table_t *t, nc_arena_str_t *keys, uint32_t id)
{
    nc_arena_str_t  text = keys[id];

    nc_map_del(&t->ids, nc_arena_str(text));
    __atomic_store_n(&keys[id].len, 0, __ATOMIC_RELEASE);
    nc_dict_unstore(text);
    nc_vec_push(&t->free, id);
}

/* True: that was the last reference. */
static bool
table_put(table_t *t, uint32_t id)
{
    if (id == 0 || NC_BUG_ON(!t->loaded || id >= t->refs.n || t->refs.items[id] == 0)) {
        return false;
    }

    return --t->refs.items[id] == 0;
}

static void
load_hosts(void)
{
    nc_dict_load();
    table_load(&hosts, nc_arena.host_keys, nc_arena.head->hosts);
}

static void
load_breakers(void)
{
    nc_dict_load();
    table_load(&breakers, nc_arena.breaker_keys, nc_arena.head->breakers);
}

nc_host_id_t
nc_host_get(nc_str_t key)
{
    if (nc_arena.rows == NULL) {
        return (nc_host_id_t) { 0 };
    }

    load_hosts();

    return (nc_host_id_t) { table_get(&hosts, nc_arena.host_keys, &nc_arena.head->hosts,
        NC_ARENA_HOSTS, key) };
}

static void
free_host(uint32_t id)
{
    nc_arena_clear(NC_ZONE_HOSTS + id * NC_HOST_CELLS, NC_HOST_CELLS);
    nc_arena.hosts[id] = (nc_host_shared_t) { 0 };
    table_free(&hosts, nc_arena.host_keys, id);
}

void
nc_host_put(nc_host_id_t host)
{
    if (table_put(&hosts, host.id)) {
        free_host(host.id);
    }
}

nc_breaker_t
nc_breaker_get(nc_str_t key)
{
    if (nc_arena.rows == NULL) {
        return (nc_breaker_t) { 0 };
    }

    load_breakers();

    return (nc_breaker_t) { table_get(&breakers, nc_arena.breaker_keys, &nc_arena.head->breakers,
        NC_ARENA_BREAKERS, key) };
}

static void
free_breaker(uint32_t id)
{
    nc_arena_clear(NC_ZONE_BREAKERS + id * NC_BREAKER_CELLS, NC_BREAKER_CELLS);
    nc_arena.breakers[id] = (nc_breaker_shared_t) { .total = { 0 } };
    table_free(&breakers, nc_arena.breaker_keys, id);
}

void
nc_breaker_put(nc_breaker_t b)
{
    if (table_put(&breakers, b.id)) {
        free_breaker(b.id);
    }
}

void
nc_hosts_sweep(void)
{
    uint32_t  id;

    if (nc_arena.rows == NULL) {
        return;
    }

    load_hosts();
    load_breakers();

    for (id = 1; id < nc_arena.head->hosts; id++) {
        if (hosts.refs.items[id] == 0 && nc_arena.host_keys[id].len) {
            free_host(id);
        }
    }

    for (id = 1; id < nc_arena.head->breakers; id++) {
        if (breakers.refs.items[id] == 0 && nc_arena.breaker_keys[id].len) {
            free_breaker(id);
        }
    }
}

void
nc_host_set_flags(nc_host_id_t host, uint32_t set, uint32_t clear)
{
    uint32_t  *flags = &nc_hosts_shared[host.id].flags;

    if (host.id) {
        __atomic_store_n(flags, (*flags & ~clear) | set, __ATOMIC_RELAXED);
    }
}

void
nc_host_set_weight(nc_host_id_t host, uint32_t weight)
{
    if (host.id) {
        __atomic_store_n(&nc_hosts_shared[host.id].weight, weight, __ATOMIC_RELAXED);
    }
}

void
nc_host_flags_str(uint32_t flags, nc_sb_t *out)
{
    if (flags == 0) {
        nc_sb_c_add(out, "healthy");
        return;
    }

#define X(name, bit, text)  if (flags & (1u << bit)) { nc_sb_c_add(out, text); }
    NC_HOST_FLAGS(X)
#undef X
}

void
nc_host_sum(nc_host_id_t host, nc_host_counters_t *sum)
{
    uint64_t  cells[NC_HOST_CELLS], total[NC_HOST_CELLS] = { 0 };
    unsigned  row, i;

    memset(sum, 0, sizeof(*sum));

    if (nc_arena.head == NULL || host.id == 0 || host.id >= NC_ARENA_HOSTS) {
        return;
    }

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_read(row, NC_ZONE_HOSTS + host.id * NC_HOST_CELLS, NC_HOST_CELLS, cells);

        for (i = 0; i < NC_HOST_CELLS; i++) {
            total[i] += cells[i];
        }
    }

    memcpy(sum, total, sizeof(*sum));
}

/* Which of a host's cells are numbers of the moment. */
#define HOST_CX_ACTIVE  (offsetof(nc_host_counters_t, cx_active) / sizeof(uint64_t))
#define HOST_RQ_ACTIVE  (offsetof(nc_host_counters_t, rq_active) / sizeof(uint64_t))

static void
clear_active(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint64_t  *row = ctx;
    uint32_t   i;

    for (i = 0; i < n; i++) {
        uint32_t  of_host = (cell + i - NC_ZONE_HOSTS) % NC_HOST_CELLS;

        if (values[i] && (of_host == HOST_CX_ACTIVE || of_host == HOST_RQ_ACTIVE)) {
            __atomic_store_n(&row[cell + i], 0, __ATOMIC_RELAXED);
        }
    }
}

static void
give_back(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint64_t  *row = ctx;
    uint32_t   i;

    for (i = 0; i < n; i++) {
        uint32_t  at = cell + i - NC_ZONE_BREAKERS;

        if (values[i]) {
            __atomic_fetch_sub(
                &nc_breakers_shared[at / NC_BREAKER_CELLS].total[at % NC_BREAKER_CELLS],
                (int64_t) values[i], __ATOMIC_RELAXED);
            __atomic_store_n(&row[cell + i], 0, __ATOMIC_RELAXED);
        }
    }
}

void
nc_hosts_row_died(unsigned row)
{
    uint64_t  *cells = nc_arena_row(row);
    uint32_t   n_hosts = __atomic_load_n(&nc_arena.head->hosts, __ATOMIC_ACQUIRE);
    uint32_t   n_breakers = __atomic_load_n(&nc_arena.head->breakers, __ATOMIC_ACQUIRE);

    nc_arena_walk(row, NC_ZONE_HOSTS, NC_ZONE_HOSTS + n_hosts * NC_HOST_CELLS, clear_active,
        cells);
    nc_arena_walk(row, NC_ZONE_BREAKERS, NC_ZONE_BREAKERS + n_breakers * NC_BREAKER_CELLS,
        give_back, cells);
}

/* What the rows say that all processes hold. */
static void
held(uint32_t id, int64_t *sums)
{
    uint64_t  cells[NC_BREAKER_CELLS];
    unsigned  row, kind;

    memset(sums, 0, NC_BREAKER_CELLS * sizeof(*sums));

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_read(row, NC_ZONE_BREAKERS + id * NC_BREAKER_CELLS, NC_BREAKER_CELLS, cells);

        for (kind = 0; kind < NC_BREAKER_KINDS; kind++) {
            sums[kind] += (int64_t) cells[kind];
        }
    }
}

/* How far totals are from what the rows say; 0 for one that moves at this moment. */
static void
drift_of(uint32_t id, int64_t *drift)
{
    int64_t   before[NC_BREAKER_CELLS], first[NC_BREAKER_CELLS], second[NC_BREAKER_CELLS];
    unsigned  kind;

    for (kind = 0; kind < NC_BREAKER_KINDS; kind++) {
        before[kind] = nc_breaker_total((nc_breaker_t) { id }, kind);
    }

    held(id, first);
    held(id, second);

    for (kind = 0; kind < NC_BREAKER_KINDS; kind++) {
        bool  still = first[kind] == second[kind]
            && before[kind] == nc_breaker_total((nc_breaker_t) { id }, kind);

        drift[kind] = still ? first[kind] - before[kind] : 0;
    }
}

/* Nobody holds any as far as the totals tell: the usual case, without a system call. */
static bool
at_rest(const nc_breaker_shared_t *b)
{
    unsigned  kind;

    for (kind = 0; kind < NC_BREAKER_KINDS; kind++) {
        if (__atomic_load_n(&b->total[kind], __ATOMIC_RELAXED) != 0 || b->drift[kind] != 0) {
            return false;
        }
    }

    return true;
}

unsigned
nc_breakers_repair(void)
{
    int64_t   drift[NC_BREAKER_CELLS];
    uint32_t  id;
    unsigned  kind, n = 0;

    for (id = 1; nc_arena.rows != NULL && id < nc_arena.head->breakers; id++) {
        nc_breaker_shared_t  *b = &nc_breakers_shared[id];

        if (at_rest(b)) {
            continue;
        }

        drift_of(id, drift);

        for (kind = 0; kind < NC_BREAKER_KINDS; kind++) {
            if (drift[kind] != 0 && drift[kind] == b->drift[kind]) {
                __atomic_fetch_add(&b->total[kind], drift[kind], __ATOMIC_RELAXED);
                drift[kind] = 0;
                n++;
            }

            b->drift[kind] = drift[kind];
        }
    }

    return n;
}
