/*
 * log_compact.c: compaction of the config log: a snapshot of the oldest generation that is kept,
 * then the transactions since, byte for byte.
 *
 * On disk the new content is written to PATH.new, which then takes the place of PATH. In a memfd
 * it is written behind the old content, then the other head is made to count, then the old
 * content's pages are given back.
 */
#include "config/log_priv.h"

#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define COPY_BYTES  65536u
#define PAGE        4096u

typedef struct {
    nc_clog_txn_t  txn;
    uint64_t       end;                         /* offset behind it */
    uint64_t       state_bytes;                 /* of a snapshot of this generation */
} point_t;

typedef NC_VEC(point_t)  points_t;

typedef struct {
    nc_clog_index_t  index;
    points_t         points;
} survey_t;

typedef struct {
    nc_clog_index_t  index;
    uint64_t         last;
    nc_sb_t          payload;
    uint32_t         n_records;
} snapshot_t;


static nc_rc_t
survey(void *ctx, const nc_clog_frame_t *frame, uint64_t at, nc_str_t payload)
{
    survey_t  *s = ctx;
    point_t    point = { .txn = frame->txn, .end = at + frame->len };

    nc_clog_index_add(&s->index, frame, at, payload);
    point.state_bytes = s->index.bytes + NC_CLOG_FRAME_BYTES;
    nc_vec_push(&s->points, point);

    return NC_OK;
}


/* The oldest point from which on the history fits; the newest one when nothing does. */
static size_t
choose(const nc_clog_t *log, const points_t *points)
{
    for (size_t i = 0; i + 1 < points->n; i++) {
        const point_t  *p = &points->items[i];

        if (p->state_bytes + (log->end - p->end) + NC_CLOG_START <= log->max_bytes / 2
            && points->n - i <= NC_MAX(log->max_txns / 2, 1))
        {
            return i;
        }
    }

    return points->n - 1;
}


static nc_rc_t
add_until(void *ctx, const nc_clog_frame_t *frame, uint64_t at, nc_str_t payload)
{
    snapshot_t  *s = ctx;

    nc_clog_index_add(&s->index, frame, at, payload);

    return frame->txn.generation == s->last ? NC_AGAIN : NC_OK;
}


static nc_rc_t
copy_record(void *ctx, const nc_clog_record_t *record)
{
    snapshot_t  *s = ctx;

    nc_clog_record_write(&s->payload, record);
    s->n_records++;

    return NC_OK;
}


/* Copies [from, to) of the log to *at of `fd`, and moves *at. NC_ERROR with errno. */
static nc_rc_t
copy_range(nc_clog_t *log, uint64_t from, uint64_t to, int fd, uint64_t *at)
{
    char     *buffer = nc_malloc(COPY_BYTES);
    nc_rc_t   rc = NC_OK;

    while (from < to && rc == NC_OK) {
        size_t  n = (size_t) NC_MIN(to - from, COPY_BYTES);

        rc = nc_clog_read_at(log->fd, buffer, n, from);

        if (rc == NC_OK) {
            rc = nc_clog_write_at(fd, nc_str(buffer, n), NC_STR(""), *at);
        }

        from += n;
        *at += n;
    }

    free(buffer);

    return rc;
}


/* Writes snapshot and later transactions at *at of `fd`. NC_ERROR: reported. */
static nc_rc_t
write_content(nc_clog_t *log, const point_t *point, int fd, uint64_t *at, nc_errors_t *errors)
{
    snapshot_t     s = { .last = point->txn.generation };
    nc_clog_txn_t  txn = point->txn;
    nc_rc_t        rc;

    nc_clog_index_init(&s.index);
    nc_sb_init(&s.payload);

    rc = nc_clog_scan(log, add_until, &s, errors);

    if (rc != NC_ERROR) {
        rc = nc_clog_index_walk(log, &s.index, copy_record, &s, errors);
    }

    if (rc == NC_OK) {
        txn.snapshot = true;
        txn.n_records = s.n_records;
        rc = nc_clog_write_frame(fd, &txn, nc_sb_str(&s.payload), at);

        if (rc == NC_OK) {
            rc = copy_range(log, point->end, log->end, fd, at);
        }

        if (rc != NC_OK) {
            nc_clog_fail(log, errors, "cannot compact");
        }
    }

    nc_sb_fini(&s.payload);
    nc_clog_index_fini(&s.index);

    return rc;
}


/* The file PATH.new, locked before anybody can find it as PATH; -1: reported. */
static int
create_new(const nc_clog_t *log, const char *path, nc_errors_t *errors)
{
    int  fd;

    (void) unlink(path);                        /* of a process that died here */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        nc_clog_fail(log, errors, "cannot create the compacted file");

        if (fd >= 0) {
            close(fd);
        }

        return -1;
    }

    return fd;
}


static nc_rc_t
compact_file(nc_clog_t *log, const point_t *point, nc_errors_t *errors)
{
    nc_clog_head_t  head = { .seq = 1, .start = NC_CLOG_START };
    uint64_t        end = NC_CLOG_START;
    nc_sb_t         path;
    nc_rc_t         rc = NC_ERROR;
    int             fd;

    nc_sb_init(&path);
    nc_sb_printf(&path, "%s.new", log->path);
    fd = create_new(log, nc_sb_c(&path), errors);

    if (fd < 0) {
        goto done;
    }

    if (write_content(log, point, fd, &end, errors) != NC_OK) {
        goto undo;
    }

    if (nc_clog_write_heads(fd, &head) != NC_OK || fsync(fd) != 0
        || rename(nc_sb_c(&path), log->path) != 0)
    {
        nc_clog_fail(log, errors, "cannot compact");
        goto undo;
    }

    close(log->fd);
    log->fd = fd;
    log->head = head;
    log->end = end;
    log->dirty = false;
    rc = NC_OK;

    if (nc_clog_sync_folder(log->path) != NC_OK) {
        nc_errors_warn(errors, log->path, 0, 0, "", "config log: the old file may come back after "
                       "a power cut: %s", strerror(errno));
    }

    goto done;

undo:

    (void) unlink(nc_sb_c(&path));
    close(fd);

done:

    nc_sb_fini(&path);

    return rc;
}


static nc_rc_t
compact_memfd(nc_clog_t *log, const point_t *point, nc_errors_t *errors)
{
    uint64_t        start = NC_ALIGN(log->end, PAGE);
    uint64_t        end = start, old;
    nc_clog_head_t  head = { .seq = log->head.seq + 1, .start = start };
    char            bytes[NC_CLOG_HEAD_BYTES];

    if (write_content(log, point, log->fd, &end, errors) != NC_OK) {
        goto undo;
    }

    nc_clog_head_write(bytes, &head);

    if (nc_clog_write_at(log->fd, nc_str(bytes, sizeof(bytes)), NC_STR(""),
                         head.seq % 2 * NC_CLOG_HEAD_BYTES) != NC_OK)
    {
        nc_clog_fail(log, errors, "cannot compact");
        goto undo;
    }

    old = NC_ALIGN(log->head.start, PAGE);

    if (old < start) {
        (void) fallocate(log->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) old,
                         (off_t) (start - old));
    }

    log->head = head;
    log->end = end;
    log->dirty = false;

    return NC_OK;

undo:

    log->dirty = ftruncate(log->fd, (off_t) log->end) != 0;

    return NC_ERROR;
}


nc_rc_t
nc_clog_compact(nc_clog_t *log, nc_errors_t *errors)
{
    survey_t  s = { .points = NC_VEC_INIT };
    nc_rc_t   rc = NC_OK;
    size_t    first;

    NC_CHECK(!log->open && !log->read_only);

    if (log->n_txns == 0) {
        return NC_OK;
    }

    nc_clog_index_init(&s.index);
    rc = nc_clog_scan(log, survey, &s, errors);

    if (rc == NC_OK) {
        first = choose(log, &s.points);

        if (first > 0) {
            rc = log->path ? compact_file(log, &s.points.items[first], errors)
                           : compact_memfd(log, &s.points.items[first], errors);
        }

        if (rc == NC_OK) {
            log->oldest = s.points.items[first].txn.generation;
            log->n_txns = (uint32_t) (s.points.n - first);
            log->compacted_bytes = nc_clog_bytes(log);
        }
    }

    nc_vec_fini(&s.points);
    nc_clog_index_fini(&s.index);

    return rc;
}
