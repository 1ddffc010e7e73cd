/*
 * log.c: the config log: opening, checking, appending. Reading states is in log_replay.c,
 * compaction in log_compact.c, the bytes are in log_format.c.
 *
 * Invariants:
 *  1. [start, end) of the file is a sequence of whole, checked transactions; `end` moves only when
 *     a transaction was written in full and is on disk.
 *  2. What lies behind `end` (a write that failed, a process that died in it) is never read as a
 *     transaction: it is cut off at once, or else before the next write, or when opened again.
 *  3. A file is replaced as a whole: on disk by rename, in a memfd by switching the head that
 *     counts after the new content is complete. Dying in between leaves the old content.
 *
 * What opening does to damage, wherever it is: the transactions before it count, it and all behind
 * it is cut off, and a warning names offset and reason. An error of the disk while reading is no
 * damage: nothing is cut then, opening fails. A second process cannot open a file for writing
 * (flock); of a memfd the master sees to that, it reaps one helper before it starts the next.
 *
 * A failed write to a file beyond RLIMIT_FSIZE is an error like any other only where SIGXFSZ is
 * ignored.
 */
#include "config/log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Where a scan ended, and why before the end. */
typedef struct {
    uint64_t     end;
    const char  *why;                           /* NULL: there was no more */
} stop_t;


nc_rc_t
nc_clog_fail(const nc_clog_t *log, nc_errors_t *errors, const char *what)
{
    return nc_errors_add(errors, log->path, 0, 0, "", "config log: %s: %s", what,
                         strerror(errno));
}


nc_rc_t
nc_clog_read_at(int fd, void *data, size_t len, uint64_t at)
{
    char  *p = data;

    while (len) {
        ssize_t  n = pread(fd, p, len, (off_t) at);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return NC_ERROR;
        }

        p += n;
        at += (uint64_t) n;
        len -= (size_t) n;
    }

    return NC_OK;
}


nc_rc_t
nc_clog_write_at(int fd, nc_str_t a, nc_str_t b, uint64_t at)
{
    while (a.len + b.len) {
        struct iovec  iov[2] = {
            { .iov_base = (void *) (uintptr_t) a.data, .iov_len = a.len },
            { .iov_base = (void *) (uintptr_t) b.data, .iov_len = b.len },
        };
        ssize_t       n = pwritev(fd, iov, 2, (off_t) at);
        size_t        of_a;

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return NC_ERROR;
        }

        of_a = NC_MIN((size_t) n, a.len);
        a = nc_str_skip(a, of_a);
        b = nc_str_skip(b, (size_t) n - of_a);
        at += (uint64_t) n;
    }

    return NC_OK;
}


/* Reads and checks the frame at `at`; *why is set when it is damaged. NC_ERROR: reported. */
static nc_rc_t
read_frame(nc_clog_t *log, uint64_t at, uint64_t to, nc_clog_frame_t *frame, nc_sb_t *payload,
    const char **why, nc_errors_t *errors)
{
    char  head[NC_CLOG_FRAME_BYTES];

    if (to - at < sizeof(head)) {
        *why = "transaction cut short";
        return NC_OK;
    }

    if (nc_clog_read_at(log->fd, head, sizeof(head), at) != NC_OK) {
        return nc_clog_fail(log, errors, "cannot read");
    }

    *why = nc_clog_frame_read(head, frame);

    if (*why) {
        return NC_OK;
    }

    if (frame->len > to - at - sizeof(head)) {
        *why = "transaction cut short";
        return NC_OK;
    }

    nc_sb_reset(payload);

    if (nc_clog_read_at(log->fd, nc_sb_reserve(payload, frame->len), frame->len, at + sizeof(head))
        != NC_OK)
    {
        return nc_clog_fail(log, errors, "cannot read");
    }

    payload->len = frame->len;
    *why = nc_clog_payload_check(frame, nc_sb_str(payload));

    return NC_OK;
}


/*
 * Walks the transactions in [head.start, to) and tells in *stop where the whole ones end. NC_ERROR:
 * reported; otherwise what `fn` returned last.
 */
static nc_rc_t
scan(nc_clog_t *log, uint64_t to, nc_clog_scan_fn *fn, void *ctx, stop_t *stop, nc_errors_t *errors)
{
    nc_rc_t          rc = NC_OK;
    nc_sb_t          payload;
    nc_clog_frame_t  frame;
    uint64_t         expected = 0;

    nc_sb_init(&payload);
    *stop = (stop_t) { .end = log->head.start };

    while (stop->end < to && rc == NC_OK) {
        rc = read_frame(log, stop->end, to, &frame, &payload, &stop->why, errors);

        if (rc != NC_OK || stop->why) {
            break;
        }

        if (expected ? frame.txn.generation != expected || frame.txn.snapshot
                     : frame.txn.generation != 1 && !frame.txn.snapshot)
        {
            stop->why = "transaction out of order";
            break;
        }

        expected = frame.txn.generation + 1;
        rc = fn(ctx, &frame, stop->end + NC_CLOG_FRAME_BYTES, nc_sb_str(&payload));
        stop->end += NC_CLOG_FRAME_BYTES + frame.len;
    }

    nc_sb_fini(&payload);

    return rc;
}


nc_rc_t
nc_clog_scan(nc_clog_t *log, nc_clog_scan_fn *fn, void *ctx, nc_errors_t *errors)
{
    stop_t   stop;
    nc_rc_t  rc = scan(log, log->end, fn, ctx, &stop, errors);

    if (rc == NC_OK && stop.why) {
        return nc_errors_add(errors, log->path, 0, 0, "",
                             "config log: damaged at offset %" PRIu64 " since it was opened: %s",
                             stop.end, stop.why);
    }

    return rc;
}


nc_rc_t
nc_clog_sync_folder(const char *path)
{
    char     *copy = nc_strdup(path);
    int       fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    nc_rc_t   rc = fd >= 0 && fsync(fd) == 0 ? NC_OK : NC_ERROR;

    if (fd >= 0) {
        close(fd);
    }

    free(copy);

    return rc;
}


static nc_clog_t *
new_log(const char *path, int fd, bool read_only)
{
    nc_clog_t  *log = nc_calloc(sizeof(*log));

    log->path = path ? nc_strdup(path) : NULL;
    log->fd = fd;
    log->read_only = read_only;
    nc_sb_init(&log->payload);
    nc_clog_limits(log, NC_CLOG_MAX_BYTES, NC_CLOG_MAX_TXNS);

    return log;
}


void
nc_clog_close(nc_clog_t *log)
{
    if (log == NULL) {
        return;
    }

    if (log->path && log->fd >= 0) {
        close(log->fd);
    }

    nc_sb_fini(&log->payload);
    free(log->path);
    free(log);
}


void
nc_clog_limits(nc_clog_t *log, uint64_t max_bytes, uint32_t max_txns)
{
    log->max_bytes = max_bytes;
    log->max_txns = NC_MAX(max_txns, 1);
}


nc_rc_t
nc_clog_write_heads(int fd, const nc_clog_head_t *head)
{
    char  bytes[NC_CLOG_START];

    nc_clog_head_write(bytes, head);
    nc_clog_head_write(bytes + NC_CLOG_HEAD_BYTES, head);

    return nc_clog_write_at(fd, nc_str(bytes, sizeof(bytes)), NC_STR(""), 0);
}


/* Makes an empty log of whatever the file holds. */
static nc_rc_t
initialise(nc_clog_t *log, nc_errors_t *errors)
{
    log->head = (nc_clog_head_t) { .seq = 1, .start = NC_CLOG_START };
    log->end = NC_CLOG_START;

    if (ftruncate(log->fd, 0) != 0 || nc_clog_write_heads(log->fd, &log->head) != NC_OK) {
        goto failed;
    }

    if (log->path && (fsync(log->fd) != 0 || nc_clog_sync_folder(log->path) != NC_OK)) {
        goto failed;
    }

    return NC_OK;

failed:

    return nc_clog_fail(log, errors, "cannot initialise");
}


/*
 * Finds the head that counts, and makes it both heads unless the other is the one before it.
 * NC_DECLINED: none is whole. NC_ERROR: reported.
 */
static nc_rc_t
read_heads(nc_clog_t *log, uint64_t size, nc_errors_t *errors)
{
    char            bytes[NC_CLOG_START] = { 0 };
    nc_clog_head_t  heads[2];
    unsigned        n = 0;
    bool            newer;

    if (nc_clog_read_at(log->fd, bytes, NC_MIN(size, sizeof(bytes)), 0) != NC_OK) {
        return nc_clog_fail(log, errors, "cannot read");
    }

    for (unsigned i = 0; i < 2; i++) {
        nc_rc_t  rc = nc_clog_head_read(bytes + i * NC_CLOG_HEAD_BYTES, &heads[n]);

        if (rc == NC_DECLINED) {
            return nc_errors_add(errors, log->path, 0, 0, "",
                                 "config log: written by a newer version of Nuncio");
        }

        n += rc == NC_OK && heads[n].start <= NC_MAX(size, NC_CLOG_START);
    }

    if (n == 0) {
        return NC_DECLINED;
    }

    newer = n == 2 && heads[1].seq > heads[0].seq;
    log->head = heads[newer];

    if (n == 2 && log->head.seq - heads[!newer].seq <= 1 && log->head.seq <= UINT32_MAX) {
        return NC_OK;
    }

    log->head.seq = 1;

    if (!log->read_only && nc_clog_write_heads(log->fd, &log->head) != NC_OK) {
        return nc_clog_fail(log, errors, "cannot mend the head");
    }

    return NC_OK;
}


static nc_rc_t
count_txn(void *ctx, const nc_clog_frame_t *frame, uint64_t at, nc_str_t payload)
{
    nc_clog_t  *log = ctx;

    (void) at;
    (void) payload;

    log->oldest = log->n_txns ? log->oldest : frame->txn.generation;
    log->newest = frame->txn.generation;
    log->n_txns++;

    return NC_OK;
}


/* Makes `end` the end of the file. */
static nc_rc_t
cut_off(nc_clog_t *log)
{
    log->dirty = ftruncate(log->fd, (off_t) log->end) != 0;

    return log->dirty ? NC_ERROR : NC_OK;
}


/* Reads what is there. NC_DECLINED: no config log at all. NC_ERROR: reported. */
static nc_rc_t
load(nc_clog_t *log, nc_errors_t *errors)
{
    struct stat  st;
    uint64_t     size;
    stop_t       stop;
    nc_rc_t      rc;

    if (fstat(log->fd, &st) != 0) {
        return nc_clog_fail(log, errors, "cannot read");
    }

    if (!S_ISREG(st.st_mode)) {
        return nc_errors_add(errors, log->path, 0, 0, "", "config log: not a regular file");
    }

    size = (uint64_t) st.st_size;

    if (size == 0 && !log->read_only) {
        return initialise(log, errors);
    }

    rc = read_heads(log, size, errors);

    if (rc != NC_OK) {
        return rc;
    }

    rc = scan(log, size, count_txn, log, &stop, errors);

    if (rc != NC_OK) {
        return rc;
    }

    log->end = stop.end;

    if (log->read_only) {
        return NC_OK;                           /* the end may be being written just now */
    }

    if (stop.why) {
        nc_errors_warn(errors, log->path, 0, 0, "", "config log: cut off at offset %" PRIu64
                       " of %" PRIu64 ": %s", stop.end, size, stop.why);
    }

    if (size != log->end && cut_off(log) != NC_OK) {
        return nc_clog_fail(log, errors, "cannot cut off what is damaged");
    }

    return NC_OK;
}


/* Opens and locks the file that is at `path` now; -1: reported. */
static int
open_locked(const char *path, nc_errors_t *errors)
{
    struct stat  ours, there;
    int          fd;

    for ( ;; ) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0) {
            nc_errors_add(errors, path, 0, 0, "", "config log: cannot open: %s", strerror(errno));
            return -1;
        }

        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            nc_errors_add(errors, path, 0, 0, "", "config log: %s", errno == EWOULDBLOCK
                          ? "another process writes it" : strerror(errno));
            close(fd);
            return -1;
        }

        /* Compaction may have put another file in its place meanwhile. */
        if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev
            && ours.st_ino == there.st_ino)
        {
            return fd;
        }

        close(fd);
    }
}


/* Keeps what is no config log as PATH.damaged. */
static nc_rc_t
put_aside(const char *path, nc_errors_t *errors)
{
    nc_sb_t  aside;
    nc_rc_t  rc = NC_OK;

    nc_sb_init(&aside);
    nc_sb_printf(&aside, "%s.damaged", path);

    if (rename(path, nc_sb_c(&aside)) != 0) {
        rc = nc_errors_add(errors, path, 0, 0, "",
                           "config log: its head is damaged, and it cannot be put aside: %s",
                           strerror(errno));

    } else {
        nc_errors_warn(errors, path, 0, 0, "",
                       "config log: its head is damaged: kept as %s, a new one is begun",
                       nc_sb_c(&aside));
    }

    nc_sb_fini(&aside);

    return rc;
}


nc_clog_t *
nc_clog_open(const char *path, nc_errors_t *errors)
{
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        int         fd = open_locked(path, errors);
        nc_clog_t  *log;
        nc_rc_t     rc;

        if (fd < 0) {
            return NULL;
        }

        log = new_log(path, fd, false);
        rc = load(log, errors);

        if (rc == NC_OK) {
            return log;
        }

        if (rc == NC_DECLINED) {
            rc = put_aside(path, errors);
        }

        nc_clog_close(log);

        if (rc != NC_OK) {
            return NULL;
        }
    }

    nc_errors_add(errors, path, 0, 0, "", "config log: its head is damaged again and again");

    return NULL;
}


nc_clog_t *
nc_clog_open_read(const char *path, nc_errors_t *errors)
{
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    nc_clog_t  *log;
    nc_rc_t     rc;

    if (fd < 0) {
        nc_errors_add(errors, path, 0, 0, "", "config log: cannot open: %s", strerror(errno));
        return NULL;
    }

    log = new_log(path, fd, true);
    rc = load(log, errors);

    if (rc == NC_OK) {
        return log;
    }

    if (rc == NC_DECLINED) {
        nc_errors_add(errors, path, 0, 0, "", "config log: this is no config log");
    }

    nc_clog_close(log);

    return NULL;
}


nc_clog_t *
nc_clog_open_fd(int fd, nc_errors_t *errors)
{
    nc_clog_t  *log = new_log(NULL, fd, false);
    nc_rc_t     rc = load(log, errors);

    if (rc == NC_DECLINED) {
        nc_errors_warn(errors, NULL, 0, 0, "",
                       "config log: its head is damaged: a new one is begun");
        rc = initialise(log, errors);
    }

    if (rc == NC_OK) {
        return log;
    }

    nc_clog_close(log);

    return NULL;
}


void
nc_clog_begin(nc_clog_t *log, uint64_t now_us)
{
    NC_CHECK(!log->open && !log->read_only);

    log->open = true;
    log->now_us = now_us;
    log->n_records = 0;
    nc_sb_reset(&log->payload);
}


static void
add_record(nc_clog_t *log, const nc_clog_record_t *record, bool removed)
{
    nc_clog_record_t  r = *record;

    NC_CHECK(log->open);

    r.time_us = log->now_us;
    r.generation = log->newest + 1;
    r.removed = removed;

    if (removed) {
        r.bytes = NC_STR_NULL;
    }

    nc_clog_record_write(&log->payload, &r);
    log->n_records++;
}


void
nc_clog_put(nc_clog_t *log, const nc_clog_record_t *record)
{
    add_record(log, record, false);
}


void
nc_clog_remove(nc_clog_t *log, const nc_clog_record_t *record)
{
    add_record(log, record, true);
}


void
nc_clog_abort(nc_clog_t *log)
{
    log->open = false;
    nc_sb_fini(&log->payload);
    nc_sb_init(&log->payload);
}


nc_rc_t
nc_clog_write_frame(int fd, const nc_clog_txn_t *txn, nc_str_t payload, uint64_t *at)
{
    char             head[NC_CLOG_FRAME_BYTES];
    nc_clog_frame_t  frame = { .txn = *txn, .len = payload.len };

    frame.crc = nc_clog_payload_crc(payload);
    nc_clog_frame_write(head, &frame);

    if (nc_clog_write_at(fd, nc_str(head, sizeof(head)), payload, *at) != NC_OK) {
        return NC_ERROR;
    }

    *at += sizeof(head) + payload.len;

    return NC_OK;
}


static nc_rc_t
append(nc_clog_t *log, nc_errors_t *errors)
{
    nc_clog_txn_t  txn = { .generation = log->newest + 1, .time_us = log->now_us,
                           .n_records = log->n_records };
    uint64_t       end = log->end;
    int            saved;

    if ((log->dirty && cut_off(log) != NC_OK)
        || nc_clog_write_frame(log->fd, &txn, nc_sb_str(&log->payload), &end) != NC_OK
        || (log->path && fdatasync(log->fd) != 0))
    {
        saved = errno;
        (void) cut_off(log);                    /* if that fails: before the next write */
        errno = saved;

        return nc_clog_fail(log, errors, "cannot write, nothing was changed");
    }

    log->end = end;
    log->oldest = log->n_txns ? log->oldest : txn.generation;
    log->newest = txn.generation;
    log->n_txns++;

    return NC_OK;
}


static bool
too_large(const nc_clog_t *log)
{
    uint64_t  bytes = nc_clog_bytes(log);

    return log->n_txns > log->max_txns
        || (bytes > log->max_bytes && bytes / 2 > log->compacted_bytes);
}


/* What is wrong with it is a warning only: the transaction is in the log. */
static void
compact(nc_clog_t *log, nc_errors_t *errors)
{
    nc_errors_t  found;

    nc_errors_init(&found);
    (void) nc_clog_compact(log, &found);

    for (const nc_error_t *e = found.first; e; e = e->next) {
        nc_errors_warn(errors, e->file, 0, 0, "", "%s", e->message);
    }

    nc_errors_fini(&found);
}


nc_rc_t
nc_clog_commit(nc_clog_t *log, nc_errors_t *errors)
{
    nc_rc_t  rc = NC_OK;

    NC_CHECK(log->open);

    if (log->n_records) {
        rc = append(log, errors);
    }

    nc_clog_abort(log);                         /* the buffer; the transaction is over */

    if (rc == NC_OK && too_large(log)) {
        compact(log, errors);
    }

    return rc;
}


uint64_t
nc_clog_generation(const nc_clog_t *log)
{
    return log->newest;
}


uint64_t
nc_clog_oldest(const nc_clog_t *log)
{
    return log->oldest;
}


uint64_t
nc_clog_bytes(const nc_clog_t *log)
{
    return log->end - (log->path ? 0 : log->head.start - NC_CLOG_START);
}
