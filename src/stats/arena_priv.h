/*
 * arena_priv.h: what lies in the arena in front of the rows, and how rows are read. All of it has
 * one writer, the helper, but for the head's constants (master, before the fork).
 */
#ifndef NC_STATS_ARENA_PRIV_H
#define NC_STATS_ARENA_PRIV_H

#include "stats/hosts.h"
#include "stats/stats.h"

#define NC_ARENA_MAGIC      0x616e6572616e636eull       /* "ncnarena" */

#define NC_ARENA_TYPES      512u
#define NC_ARENA_SCOPES     (256u << 10)
#define NC_ARENA_GROUPS     (512u << 10)
#define NC_ARENA_STRINGS    (8u << 20)                  /* units of 16 bytes */
#define NC_ARENA_UNIT       16u

/* A piece of text in the arena: in units of 16 bytes from the start of the strings. */
typedef struct {
    uint32_t  at;
    uint32_t  len;                              /* bytes */
} nc_arena_str_t;

typedef struct {
    uint64_t  magic;
    uint64_t  layout;                           /* a hash of all capacities and record sizes */
    uint32_t  max_workers;
    uint32_t  master_pid;
    uint64_t  started_s;                        /* Unix time */

    /* How far each table is in use: a reader looks no further. */
    uint32_t  types;
    uint32_t  scopes;
    uint32_t  groups;
    uint32_t  hosts;
    uint32_t  breakers;
    uint32_t  counters;                         /* cells, from the start of the zone */
    uint32_t  rare_codes;                       /* families */
    uint32_t  gauges;
    uint32_t  histograms;
} nc_arena_head_t;

/* A group type: its members are nc_arena_member_t, side by side in the strings. */
typedef struct {
    nc_arena_str_t  name;
    nc_arena_str_t  members;
    uint32_t        n;
    uint32_t        hash;                       /* of names, kinds, units */
} nc_arena_type_t;

typedef struct {
    nc_arena_str_t  name;
    uint8_t         kind;                       /* nc_stat_kind_t */
    uint8_t         unit;                       /* nc_stats_unit_t */
    uint16_t        index;                      /* among the members of its kind */
    uint32_t        unused;
} nc_arena_member_t;

typedef struct {
    nc_arena_str_t  name;
    nc_arena_str_t  tag;                        /* declared with nc_stats_scope_tag; len 0: none */
    uint32_t        value_at;                   /* the tag's value is name[value_at..] */
    uint32_t        live;                       /* written last */
} nc_arena_scope_t;

/* One stat, or the stats of one type in one scope. */
typedef struct {
    uint32_t        scope;
    uint16_t        type;                       /* 0: a single stat, named by suffix */
    uint8_t         kind;                       /* of a single stat */
    uint8_t         unit;
    nc_arena_str_t  suffix;                     /* of a single stat */

    /*
     * First cells: counters, gauges, histograms. Single: base[0] is the id; codes: base[0] common,
     * base[1] rare; text: (base[0], base[1]) is its value as nc_arena_str_t.
     */
    uint32_t        base[3];
    uint32_t        live;                       /* written last */
} nc_arena_group_t;

_Static_assert(sizeof(nc_arena_group_t) == 32, "");
_Static_assert(sizeof(nc_arena_scope_t) == 24, "");
_Static_assert(sizeof(nc_arena_member_t) == 16, "");

/* The tables of the mapped arena; `head` is NULL without one. */
typedef struct {
    nc_arena_head_t       *head;
    nc_arena_type_t       *types;               /* from 1 */
    nc_arena_scope_t      *scopes;              /* from 1 */
    nc_arena_group_t      *groups;              /* from 1 */
    nc_arena_str_t        *host_keys;           /* from 1; len 0: free */
    nc_arena_str_t        *breaker_keys;
    nc_host_shared_t      *hosts;
    nc_breaker_shared_t   *breakers;
    char                  *strings;
    uint64_t              *rows;                /* NULL for an attached reader */
    uint64_t               rows_at;             /* file offset */
    int                    fd;
    bool                   attached;
} nc_arena_t;

extern nc_arena_t  nc_arena;

/* Rows of processes and behind them the one of the values at the last reset of counters. */
static inline unsigned
nc_arena_process_rows(void)
{
    return NC_ROW_WORKER + nc_arena.head->max_workers;
}

static inline unsigned
nc_arena_reset_row(void)
{
    return nc_arena_process_rows();
}

/* A piece of text, empty when it does not lie in the strings (a reader of a dying process). */
static inline nc_str_t
nc_arena_str(nc_arena_str_t s)
{
    uint64_t  at = (uint64_t) s.at * NC_ARENA_UNIT;

    if (s.len == 0 || at + s.len > (uint64_t) NC_ARENA_STRINGS * NC_ARENA_UNIT) {
        return NC_STR_NULL;
    }

    return nc_str(nc_arena.strings + at, s.len);
}

/* The cells of a row, for writing. */
uint64_t *nc_arena_row(unsigned row);

/* Copies `n` cells of a row without touching untouched memory; what cannot be read is 0. */
void nc_arena_read(unsigned row, uint32_t cell, uint32_t n, uint64_t *out);

/* The sum of a cell over the rows of all processes. */
uint64_t nc_arena_sum(uint32_t cell);

/*
 * Calls fn for every stretch of cells of [from, to) of a row that was touched, a chunk at a time,
 * with a copy of the cells.
 */
void nc_arena_walk(unsigned row, uint32_t from, uint32_t to,
    void (*fn)(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values), void *ctx);

/* Makes cells zero in all rows and gives whole pages back. */
void nc_arena_clear(uint32_t cell, uint32_t n);

/* Subtracts what a dead process held of breakers; clears its hosts' active numbers (hosts.c). */
void nc_hosts_row_died(unsigned row);

/* Drop process-local knowledge of the tables (dict.c, hosts.c): another arena comes. */
void nc_dict_reset(void);
void nc_hosts_reset(void);
void nc_stats_flush_reset(void);

#endif
