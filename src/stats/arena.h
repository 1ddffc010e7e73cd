/*
 * arena.h: the shared memory of numbers: one sparse memfd, mapped by the master before it forks, so
 * that every process sees it at the same address. Rows are processes, columns are ids; a row is
 *
 *     dummy | counters | rare codes | gauges | histograms | hosts | breakers
 *
 * and an id is the index of its first cell in the row.
 *
 * Invariants:
 *  1. A row is written by its own process only; the master and the helper may clear cells of a
 *     process that died and of ids that nobody uses.
 *  2. Readers never touch a row's memory (a read would allocate the page): they use pread and
 *     SEEK_DATA on the file, so only what was written costs memory.
 *  3. Id 0 is the dummy: writing a counter, gauge, histogram, code family, host or breaker of id 0
 *     harms nothing and is never shown.
 */
#ifndef NC_STATS_ARENA_H
#define NC_STATS_ARENA_H

#include "base/str.h"

/* Capacities. All of it is address space; memory is used by the page when written. */
#define NC_ARENA_DUMMY        1024u
#define NC_ARENA_COUNTERS     (4u << 20)
#define NC_ARENA_RARE_CODES   (32u << 10)       /* code families */
#define NC_ARENA_GAUGES       (1u << 20)
#define NC_ARENA_HISTOGRAMS   (64u << 10)
#define NC_ARENA_HOSTS        (256u << 10)
#define NC_ARENA_BREAKERS     (32u << 10)

#define NC_RARE_CODE_CELLS    512u              /* codes 100..599, one page */
#define NC_HISTOGRAM_CELLS    320u
#define NC_HOST_CELLS         8u
#define NC_BREAKER_CELLS      4u

/* First cell of each zone of a row. */
#define NC_ZONE_COUNTERS      NC_ARENA_DUMMY
#define NC_ZONE_RARE_CODES    (NC_ZONE_COUNTERS + NC_ARENA_COUNTERS)
#define NC_ZONE_GAUGES        (NC_ZONE_RARE_CODES + NC_ARENA_RARE_CODES * NC_RARE_CODE_CELLS)
#define NC_ZONE_HISTOGRAMS    (NC_ZONE_GAUGES + NC_ARENA_GAUGES)
#define NC_ZONE_HOSTS         (NC_ZONE_HISTOGRAMS + NC_ARENA_HISTOGRAMS * NC_HISTOGRAM_CELLS)
#define NC_ZONE_BREAKERS      (NC_ZONE_HOSTS + NC_ARENA_HOSTS * NC_HOST_CELLS)
#define NC_ROW_CELLS          (NC_ZONE_BREAKERS + NC_ARENA_BREAKERS * NC_BREAKER_CELLS)

/* Rows by process; worker i has NC_ROW_WORKER + i. */
#define NC_ROW_MASTER         0u
#define NC_ROW_HELPER         1u
#define NC_ROW_WORKER         2u

/* This process's row. Before the arena is mapped: private memory that holds the dummy cells. */
extern uint64_t  *nc_stats_row;

/*
 * Creates and maps the arena for at most `max_workers` workers and takes the master's row. Called
 * once, by the master, before the fork. NC_ERROR: no memory, *error says why (static text + errno).
 */
nc_rc_t nc_stats_create(unsigned max_workers, const char **error);

/* An arena for tests and for `-t`-like runs that want numbers: two workers, the helper's row. */
void nc_stats_create_private(void);

/* Unmaps the arena and forgets all names (tests). */
void nc_stats_destroy(void);

/*
 * Maps an arena file read-only (nuncio top, post-mortem); every reading function works on it. `fd`
 * stays the caller's. NC_ERROR: not an arena, or of another layout.
 */
nc_rc_t nc_stats_attach(int fd, const char **error);

/* True when an arena is mapped. */
bool nc_stats_mapped(void);

/* The memfd, for passing on; -1 without an arena. */
int nc_stats_fd(void);

/* Rows of processes: 2 + max_workers. */
unsigned nc_stats_rows(void);

/* Chooses the row this process writes: NC_ROW_MASTER, NC_ROW_HELPER or NC_ROW_WORKER + i. */
void nc_stats_use_row(unsigned row);

/*
 * Called by the master when a process died: its gauges and active host numbers become 0, what it
 * held of circuit breakers is given back; counters and histograms stay.
 */
void nc_stats_row_died(unsigned row);
void nc_stats_worker_died(unsigned worker);
void nc_stats_helper_died(void);

/* Bytes of memory the arena occupies now (pages that were touched). */
uint64_t nc_stats_memory(void);

#endif
