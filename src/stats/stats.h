/*
 * stats.h: counters, gauges and histograms. Writing is a relaxed load and store in the process's
 * own row of the arena: no lock prefix, no shared cache line, no name. Names and ids are given out
 * by the config helper when it compiles configuration.
 *
 * Invariants:
 *  1. Only the helper calls the functions with an owner; a name has one id while anybody owns it.
 *  2. Ids of a released name are cleared in all rows and given out again, so an owner is destroyed
 *     only when no process can write its ids any more.
 *  3. A NULL owner gives id 0, the dummy: compile functions need no special case for `-t`.
 */
#ifndef NC_STATS_STATS_H
#define NC_STATS_STATS_H

#include "stats/arena.h"

typedef struct { uint32_t id; }  nc_counter_t;
typedef struct { uint32_t id; }  nc_gauge_t;
typedef struct { uint32_t id; }  nc_histogram_t;
typedef struct { uint32_t id; }  nc_text_t;     /* text readout, written by the helper only */

/* Counters per response code: `<prefix>_200`, and per class: `<prefix>_2xx`. Shown when used. */
typedef struct {
    uint32_t  common;                           /* classes and usual codes, side by side */
    uint32_t  rare;                             /* all codes, one page that is seldom touched */
} nc_codes_t;

typedef struct nc_stats_owner_s  nc_stats_owner_t;


/* Writing. */

static inline void
nc_stats_cell_add(uint32_t id, uint64_t n)
{
    uint64_t  *cell = &nc_stats_row[id];

    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void
nc_counter_inc(nc_counter_t c)
{
    nc_stats_cell_add(c.id, 1);
}

static inline void
nc_counter_add(nc_counter_t c, uint64_t n)
{
    nc_stats_cell_add(c.id, n);
}

/*
 * A gauge's cell is its value times two, plus one once it was written: so "used" is known without
 * a second word. A process that died has its value cleared and the mark kept.
 */
static inline void
nc_gauge_add(nc_gauge_t g, int64_t d)
{
    uint64_t  *cell = &nc_stats_row[g.id];
    uint64_t   v = __atomic_load_n(cell, __ATOMIC_RELAXED) + ((uint64_t) d << 1);

    __atomic_store_n(cell, v | 1, __ATOMIC_RELAXED);
}

static inline void nc_gauge_inc(nc_gauge_t g) { nc_gauge_add(g, 1); }
static inline void nc_gauge_dec(nc_gauge_t g) { nc_gauge_add(g, -1); }

/* Sets this process's share of the gauge; a reader sees the sum of the shares. */
static inline void
nc_gauge_set(nc_gauge_t g, uint64_t v)
{
    __atomic_store_n(&nc_stats_row[g.id], (v << 1) | 1, __ATOMIC_RELAXED);
}

/*
 * Histograms are log-linear: 0..15 exact, then 8 buckets per power of two, so a bucket is at most
 * 1/8 of its value wide and a quantile (interpolated) is off by less than 12.5 %. Values from 2^41
 * on count in the last bucket. Cells: the sum, 7 in reserve, the buckets.
 */
#define NC_HISTOGRAM_FIRST    8u
#define NC_HISTOGRAM_BUCKETS  (NC_HISTOGRAM_CELLS - NC_HISTOGRAM_FIRST)

static inline uint32_t
nc_histogram_bucket(uint64_t v)
{
    uint32_t  shift;

    if (v < 16) {
        return (uint32_t) v;
    }

    if (NC_UNLIKELY(v >> 41)) {
        return NC_HISTOGRAM_BUCKETS - 1;
    }

    shift = 60u - (uint32_t) __builtin_clzll(v);        /* leaves 8..15 */

    return shift * 8 + (uint32_t) (v >> shift);
}

static inline void
nc_histogram_record(nc_histogram_t h, uint64_t v)
{
    nc_stats_cell_add(h.id, v);
    nc_stats_cell_add(h.id + NC_HISTOGRAM_FIRST + nc_histogram_bucket(v), 1);
}

/* Place of a code among the common cells, 0: it is a rare one. */
extern const uint8_t  nc_stats_code_place[500];

/* Counts a response by its class and its code; codes outside 100..599 are not counted. */
static inline void
nc_stats_code_inc(nc_codes_t f, unsigned code)
{
    unsigned  i = code - 100, place;

    if (NC_UNLIKELY(i >= 500)) {
        return;
    }

    nc_stats_cell_add(f.common + i / 100, 1);
    place = nc_stats_code_place[i];
    nc_stats_cell_add(place ? f.common + place : f.rare + i, 1);
}

/* Sets a text readout (cut at 1024 bytes); NC_DECLINED: id 0. */
nc_rc_t nc_text_set(nc_text_t t, nc_str_t value);


/* Names: helper only. A trailing '.' of a prefix is ignored; ':' and control bytes become '_'. */

nc_stats_owner_t *nc_stats_owner_create(void);

/* Releases all names of the owner; NULL is fine. */
void nc_stats_owner_destroy(nc_stats_owner_t *owner);

typedef enum {
    NC_UNIT_NONE,
    NC_UNIT_MS,
    NC_UNIT_US,
    NC_UNIT_BYTES
} nc_stats_unit_t;

/*
 * One stat by its full name. The same name gives the same id, whoever asks and whether it was made
 * singly or in a group. The arena is full, or the name is in use for another kind: id 0, and
 * nc_stats_refused counts it.
 */
nc_counter_t nc_stats_counter(nc_stats_owner_t *owner, nc_str_t name);
nc_gauge_t nc_stats_gauge(nc_stats_owner_t *owner, nc_str_t name);
nc_histogram_t nc_stats_histogram(nc_stats_owner_t *owner, nc_str_t name, nc_stats_unit_t unit);
nc_text_t nc_stats_text(nc_stats_owner_t *owner, nc_str_t name);

/* The counters `<name>_<code>` and `<name>_<class>xx`; name as "cluster.a.upstream_rq". */
nc_codes_t nc_stats_codes(nc_stats_owner_t *owner, nc_str_t name);

extern uint64_t  nc_stats_refused;

/*
 * Says that the stats under `prefix` belong to `value` of the tag `tag` ("envoy.cluster_name"), the
 * last part of the prefix; needed when the value holds dots: ("cluster.a.b", "envoy.cluster_name",
 * "a.b"). Prefixes below inherit it. Others get their tags by Envoy's default rules.
 */
void nc_stats_scope_tag(nc_stats_owner_t *owner, nc_str_t prefix, nc_str_t tag, nc_str_t value);

/*
 * The helper that took over after a crash finds the old ids by name. Names that it has not asked
 * for again are released by this call; made when no process can use the old image any more.
 */
void nc_stats_sweep(void);


/*
 * Groups: the stats of a scope as one struct, written as an X-list and laid side by side:
 *
 *     #define NC_FOO_STATS(COUNTER, GAUGE, HISTOGRAM)  \
 *         COUNTER(rq_total) GAUGE(rq_active) HISTOGRAM(rq_time, NC_UNIT_MS)
 *
 *     NC_STATS_STRUCT(nc_foo_stats, NC_FOO_STATS)      in a header: type nc_foo_stats_t and
 *                                                      nc_foo_stats_init(&s, owner, prefix)
 *     NC_STATS_DEFINE(nc_foo_stats, NC_FOO_STATS)      in one .c
 *
 * 10,000 scopes of 100 stats cost 10,000 small records and their prefixes, not a million names.
 */
typedef enum {
    NC_STAT_COUNTER = 1,
    NC_STAT_GAUGE,
    NC_STAT_HISTOGRAM,
    NC_STAT_TEXT,
    NC_STAT_CODES
} nc_stat_kind_t;

typedef struct {
    const char       *name;
    nc_stat_kind_t    kind;
    nc_stats_unit_t   unit;
} nc_stats_member_t;

typedef struct {
    const char               *name;             /* of the struct; unique */
    const nc_stats_member_t  *members;
    unsigned                  n;
} nc_stats_type_t;

/* Gives the ids of all members below `prefix` into ids[type->n], in the order of the list. */
void nc_stats_group(nc_stats_owner_t *owner, const nc_stats_type_t *type, nc_str_t prefix,
    uint32_t *ids);

#define NC_STATS_FIELD_COUNTER(name)          nc_counter_t    name;
#define NC_STATS_FIELD_GAUGE(name)            nc_gauge_t      name;
#define NC_STATS_FIELD_HISTOGRAM(name, unit)  nc_histogram_t  name;

#define NC_STATS_MEMBER_COUNTER(name)          { #name, NC_STAT_COUNTER, NC_UNIT_NONE },
#define NC_STATS_MEMBER_GAUGE(name)            { #name, NC_STAT_GAUGE, NC_UNIT_NONE },
#define NC_STATS_MEMBER_HISTOGRAM(name, unit)  { #name, NC_STAT_HISTOGRAM, unit },

#define NC_STATS_STRUCT(type, LIST)  \
    typedef struct {  \
        LIST(NC_STATS_FIELD_COUNTER, NC_STATS_FIELD_GAUGE, NC_STATS_FIELD_HISTOGRAM)  \
    } type##_t;  \
    extern const nc_stats_type_t  type##_type;  \
    static inline void  \
    type##_init(type##_t *s, nc_stats_owner_t *owner, nc_str_t prefix)  \
    {  \
        nc_stats_group(owner, &type##_type, prefix, (uint32_t *) (void *) s);  \
    }

#define NC_STATS_DEFINE(type, LIST)  \
    static const nc_stats_member_t  type##_members[] = {  \
        LIST(NC_STATS_MEMBER_COUNTER, NC_STATS_MEMBER_GAUGE, NC_STATS_MEMBER_HISTOGRAM)  \
    };  \
    const nc_stats_type_t  type##_type = {  \
        #type, type##_members, NC_COUNTOF(type##_members)  \
    };  \
    _Static_assert(sizeof(type##_t) == sizeof(uint32_t) * NC_COUNTOF(type##_members),  \
        "a group is an array of ids");


/* Reading: sums over all rows. Any process; a few system calls each. */

uint64_t nc_counter_value(nc_counter_t c);
int64_t nc_gauge_value(nc_gauge_t g);

/* Number and sum of the recorded values. */
uint64_t nc_histogram_count(nc_histogram_t h, uint64_t *sum);

/* Value of a counter or gauge by its full name; false: there is none. Helper only. */
bool nc_stats_find(nc_str_t name, int64_t *value);

/* Makes all counters read 0 from now on (admin /reset_counters). Helper only. */
void nc_stats_reset_counters(void);

#endif
