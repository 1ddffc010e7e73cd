/*
 * arena.c: mapping of the arena, rows, reading and clearing of cells.
 *
 * Invariants: those of arena.h. The file is head, tables, strings, shared host words, rows; its
 * layout follows from the capacities alone, so a reader only compares one hash.
 */
#include "stats/arena_priv.h"

#include "os/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROW_BYTES       NC_ALIGN((size_t) NC_ROW_CELLS * sizeof(uint64_t), 4096)
#define WALK_CELLS      4096u

typedef struct {
    uint64_t  types;
    uint64_t  scopes;
    uint64_t  groups;
    uint64_t  host_keys;
    uint64_t  breaker_keys;
    uint64_t  hosts;
    uint64_t  breakers;
    uint64_t  strings;
    uint64_t  rows;
} layout_t;

/* Memory of the dummy cells until an arena is mapped. */
static uint64_t             scratch_row[NC_ARENA_DUMMY];
static nc_host_shared_t     scratch_host;
static nc_breaker_shared_t  scratch_breaker;

uint64_t             *nc_stats_row = scratch_row;
nc_host_shared_t     *nc_hosts_shared = &scratch_host;
nc_breaker_shared_t  *nc_breakers_shared = &scratch_breaker;

nc_arena_t            nc_arena = { .fd = -1 };

static nc_shm_t       mapping = { .fd = -1 };

static uint64_t
place(uint64_t *at, uint64_t bytes)
{
    uint64_t  here = *at;

    *at = NC_ALIGN(here + bytes, 4096);

    return here;
}

static layout_t
layout(void)
{
    uint64_t  at = NC_ALIGN(sizeof(nc_arena_head_t), 4096);
    layout_t  l;

    l.types = place(&at, NC_ARENA_TYPES * sizeof(nc_arena_type_t));
    l.scopes = place(&at, NC_ARENA_SCOPES * sizeof(nc_arena_scope_t));
    l.groups = place(&at, NC_ARENA_GROUPS * sizeof(nc_arena_group_t));
    l.host_keys = place(&at, NC_ARENA_HOSTS * sizeof(nc_arena_str_t));
    l.breaker_keys = place(&at, NC_ARENA_BREAKERS * sizeof(nc_arena_str_t));
    l.hosts = place(&at, NC_ARENA_HOSTS * sizeof(nc_host_shared_t));
    l.breakers = place(&at, NC_ARENA_BREAKERS * sizeof(nc_breaker_shared_t));
    l.strings = place(&at, (uint64_t) NC_ARENA_STRINGS * NC_ARENA_UNIT);
    l.rows = at;

    return l;
}

/* One number for everything that a reader of another build could get wrong. */
static uint64_t
layout_hash(void)
{
    layout_t        l = layout();
    uint64_t        facts[] = {
        NC_ZONE_COUNTERS, NC_ZONE_RARE_CODES, NC_ZONE_GAUGES, NC_ZONE_HISTOGRAMS, NC_ZONE_HOSTS,
        NC_ZONE_BREAKERS, NC_ROW_CELLS, NC_HISTOGRAM_CELLS, NC_HISTOGRAM_FIRST, ROW_BYTES,
        sizeof(nc_arena_head_t), sizeof(nc_arena_member_t)
    };
    uint64_t        h = 14695981039346656037ull;
    const uint64_t *p = (const uint64_t *) (const void *) &l;
    size_t          i;

    for (i = 0; i < sizeof(l) / sizeof(*p); i++) {
        h = (h ^ p[i]) * 1099511628211ull;
    }

    for (i = 0; i < NC_COUNTOF(facts); i++) {
        h = (h ^ facts[i]) * 1099511628211ull;
    }

    return h;
}

static void
set_tables(char *base, int fd, bool attached)
{
    layout_t  l = layout();

    nc_dict_reset();
    nc_hosts_reset();
    nc_stats_flush_reset();

    nc_arena = (nc_arena_t) {
        .head = (void *) base,
        .types = (void *) (base + l.types),
        .scopes = (void *) (base + l.scopes),
        .groups = (void *) (base + l.groups),
        .host_keys = (void *) (base + l.host_keys),
        .breaker_keys = (void *) (base + l.breaker_keys),
        .hosts = (void *) (base + l.hosts),
        .breakers = (void *) (base + l.breakers),
        .strings = base + l.strings,
        .rows = attached ? NULL : (void *) (base + l.rows),
        .rows_at = l.rows,
        .fd = fd,
        .attached = attached
    };
}

nc_rc_t
nc_stats_create(unsigned max_workers, const char **error)
{
    size_t  rows = NC_ROW_WORKER + (size_t) max_workers + 1;
    size_t  size = layout().rows + rows * ROW_BYTES;

    nc_stats_destroy();

    if (nc_shm_create(&mapping, "nuncio-stats", size, size, NC_SHM_WRITE) != NC_OK) {
        *error = "cannot map the stats arena";
        return NC_ERROR;
    }

    set_tables(mapping.base, mapping.fd, false);

    *nc_arena.head = (nc_arena_head_t) {
        .magic = NC_ARENA_MAGIC,
        .layout = layout_hash(),
        .max_workers = max_workers,
        .master_pid = (uint32_t) getpid(),
        .started_s = (uint64_t) time(NULL),
        .types = 1, .scopes = 1, .groups = 1, .hosts = 1, .breakers = 1
    };

    nc_hosts_shared = nc_arena.hosts;
    nc_breakers_shared = nc_arena.breakers;
    nc_stats_use_row(NC_ROW_MASTER);

    return NC_OK;
}

void
nc_stats_create_private(void)
{
    const char  *error;

    if (nc_stats_create(2, &error) != NC_OK) {
        nc_fatal("%s: errno %d", error, errno);
    }

    nc_stats_use_row(NC_ROW_HELPER);
}

void
nc_stats_destroy(void)
{
    if (nc_arena.head == NULL) {
        return;
    }

    nc_dict_reset();
    nc_hosts_reset();
    nc_stats_flush_reset();

    if (nc_arena.attached) {
        munmap(nc_arena.head, nc_arena.rows_at);
    } else {
        nc_shm_destroy(&mapping);
    }

    nc_arena = (nc_arena_t) { .fd = -1 };
    nc_stats_row = scratch_row;
    nc_hosts_shared = &scratch_host;
    nc_breakers_shared = &scratch_breaker;
}

nc_rc_t
nc_stats_attach(int fd, const char **error)
{
    nc_arena_head_t  head;
    struct stat      st;
    void            *base;
    uint64_t         rows_at = layout().rows;

    nc_stats_destroy();

    if (pread(fd, &head, sizeof(head), 0) != (ssize_t) sizeof(head) || fstat(fd, &st) != 0
        || head.magic != NC_ARENA_MAGIC)
    {
        *error = "not a stats arena";
        return NC_ERROR;
    }

    if (head.layout != layout_hash()
        || (uint64_t) st.st_size
            < rows_at + (NC_ROW_WORKER + (uint64_t) head.max_workers + 1) * ROW_BYTES)
    {
        *error = "the stats arena of another version";
        return NC_ERROR;
    }

    base = mmap(NULL, rows_at, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        *error = "cannot map the stats arena";
        return NC_ERROR;
    }

    set_tables(base, fd, true);

    return NC_OK;
}

bool
nc_stats_mapped(void)
{
    return nc_arena.head != NULL;
}

int
nc_stats_fd(void)
{
    return nc_arena.fd;
}

unsigned
nc_stats_rows(void)
{
    return nc_arena.head ? nc_arena_process_rows() : 0;
}

uint64_t *
nc_arena_row(unsigned row)
{
    return nc_arena.rows + (size_t) row * (ROW_BYTES / sizeof(uint64_t));
}

void
nc_stats_use_row(unsigned row)
{
    NC_CHECK(nc_arena.rows != NULL && row < nc_arena_process_rows());
    nc_stats_row = nc_arena_row(row);
}

static uint64_t
cell_offset(unsigned row, uint32_t cell)
{
    return nc_arena.rows_at + (uint64_t) row * ROW_BYTES + (uint64_t) cell * sizeof(uint64_t);
}

void
nc_arena_read(unsigned row, uint32_t cell, uint32_t n, uint64_t *out)
{
    size_t  done = 0, want = (size_t) n * sizeof(uint64_t);

    while (done < want) {
        ssize_t  got = pread(nc_arena.fd, (char *) out + done, want - done,
            (off_t) (cell_offset(row, cell) + done));

        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }

            memset((char *) out + done, 0, want - done);
            return;
        }

        done += (size_t) got;
    }
}

uint64_t
nc_arena_sum(uint32_t cell)
{
    uint64_t  sum = 0, v;
    unsigned  row;

    for (row = 0; row < nc_arena_process_rows(); row++) {
        nc_arena_read(row, cell, 1, &v);
        sum += v;
    }

    return sum;
}

/* The first touched cell from `cell` on, or `to`; a file that cannot tell is touched everywhere. */
static uint32_t
next_touched(unsigned row, uint32_t cell, uint32_t to)
{
    uint64_t  zero = cell_offset(row, 0);
    off_t     at = lseek(nc_arena.fd, (off_t) cell_offset(row, cell), SEEK_DATA);

    if (at < 0) {
        return errno == ENXIO ? to : cell;
    }

    if ((uint64_t) at >= cell_offset(row, to)) {
        return to;
    }

    return (uint32_t) (((uint64_t) at - zero) / sizeof(uint64_t));
}

static uint32_t
next_hole(unsigned row, uint32_t cell, uint32_t to)
{
    uint64_t  zero = cell_offset(row, 0);
    off_t     at = lseek(nc_arena.fd, (off_t) cell_offset(row, cell), SEEK_HOLE);

    if (at < 0 || (uint64_t) at >= cell_offset(row, to)) {
        return to;
    }

    return (uint32_t) (((uint64_t) at - zero) / sizeof(uint64_t));
}

void
nc_arena_walk(unsigned row, uint32_t from, uint32_t to,
    void (*fn)(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values), void *ctx)
{
    uint64_t  values[WALK_CELLS];
    uint32_t  cell = from;

    while (cell < to) {
        uint32_t  end;

        cell = next_touched(row, cell, to);
        end = cell < to ? next_hole(row, cell, to) : to;

        if (end <= cell && cell < to) {
            end = to;                           /* the page went away in between */
        }

        while (cell < end) {
            uint32_t  n = NC_MIN(end - cell, WALK_CELLS);

            nc_arena_read(row, cell, n, values);
            fn(ctx, cell, n, values);
            cell += n;
        }
    }
}

void
nc_arena_clear(uint32_t cell, uint32_t n)
{
    unsigned  row;

    for (row = 0; n > 0 && row <= nc_arena_reset_row(); row++) {
        int  rc;

        do {
            rc = fallocate(nc_arena.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                (off_t) cell_offset(row, cell), (off_t) ((uint64_t) n * sizeof(uint64_t)));
        } while (rc != 0 && errno == EINTR);

        if (rc != 0) {
            memset(nc_arena_row(row) + cell, 0, (size_t) n * sizeof(uint64_t));
        }
    }
}

/* Leaves the mark that a gauge was used and takes its value away. */
static void
clear_gauges(void *ctx, uint32_t cell, uint32_t n, const uint64_t *values)
{
    uint64_t  *row = ctx;
    uint32_t   i;

    for (i = 0; i < n; i++) {
        if (values[i] > 1) {
            __atomic_store_n(&row[cell + i], 1, __ATOMIC_RELAXED);
        }
    }
}

void
nc_stats_row_died(unsigned row)
{
    uint32_t  gauges;

    if (nc_arena.rows == NULL || row >= nc_arena_process_rows()) {
        return;
    }

    gauges = __atomic_load_n(&nc_arena.head->gauges, __ATOMIC_ACQUIRE);
    nc_arena_walk(row, NC_ZONE_GAUGES, NC_ZONE_GAUGES + gauges, clear_gauges, nc_arena_row(row));
    nc_hosts_row_died(row);
}

void
nc_stats_worker_died(unsigned worker)
{
    nc_stats_row_died(NC_ROW_WORKER + worker);
}

void
nc_stats_helper_died(void)
{
    nc_stats_row_died(NC_ROW_HELPER);
}

uint64_t
nc_stats_memory(void)
{
    struct stat  st;

    if (nc_arena.fd < 0 || fstat(nc_arena.fd, &st) != 0) {
        return 0;
    }

    return (uint64_t) st.st_blocks * 512;
}
