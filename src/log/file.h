/*
 * file.h: the buffered writer of access logs: whole lines, collected up to 64 KiB or until the
 * caller's flush timer, then one write(2) to an O_APPEND fd that several processes share.
 *
 * Invariants:
 *  1. A write begins at the start of a line and ends at the end of one; after a partial write the
 *     rest of the line that was cut follows before anything else of this process.
 *  2. Nothing here blocks or fails the caller: what cannot be written is dropped by whole lines
 *     and counted.
 *  3. Memory is bounded: one buffer of 64 KiB, or the line itself when it is longer (at most 1 MiB,
 *     longer ones are dropped).
 */
#ifndef NC_LOG_FILE_H
#define NC_LOG_FILE_H

#include "base/str.h"

#define NC_LOG_FILE_BUFFER      (64u * 1024)
#define NC_LOG_FILE_FLUSH_MS    10000u          /* default of --file-flush-interval-msec */

/* What happens, for the filesystem.* stats (one hook for all files of a process). */
typedef enum {
    NC_LOG_FILE_BUFFERED,                       /* write_buffered: lines taken */
    NC_LOG_FILE_COMPLETED,                      /* write_completed: writes done */
    NC_LOG_FILE_FAILED,                         /* write_failed: writes failed, lines dropped */
    NC_LOG_FILE_BY_TIMER,                       /* flushed_by_timer */
    NC_LOG_FILE_TOTAL                           /* write_total_buffered: change in bytes */
} nc_log_file_event_t;

extern void (*nc_log_file_hook)(nc_log_file_event_t event, int64_t n);

typedef struct nc_log_file_s  nc_log_file_t;

struct nc_log_file_s {
    int        fd;                              /* -1: closed, lines are dropped */
    bool       own_fd;                          /* close it on fini and set_fd */
    bool       regular;                         /* else written in pieces that pipes keep whole */
    bool       cut;                             /* data begins inside a line */
    char      *data;                            /* NULL until the first line */
    size_t     len;
    size_t     cap;
    uint64_t   dropped;                         /* lines lost so far */
};

/* A writer over `fd` (O_APPEND, opened by the process layer; any fd for stdout). */
void nc_log_file_init(nc_log_file_t *f, int fd, bool own_fd);

/* Flushes what it can, frees, closes an owned fd. */
void nc_log_file_fini(nc_log_file_t *f);

/*
 * Appends one line; a '\n' is added when it has none. The bytes are taken as they are: escaping is
 * the formatter's. Flushes when the buffer is full. NC_OK, or NC_DECLINED: the line was dropped.
 */
nc_rc_t nc_log_file_line(nc_log_file_t *f, nc_str_t line);

/*
 * For formatting in place: room for a line of up to `max` bytes and its '\n', or NULL (nothing is
 * lost yet); then nc_log_file_commit with the bytes used.
 */
char *nc_log_file_reserve(nc_log_file_t *f, size_t max);
void nc_log_file_commit(nc_log_file_t *f, size_t len);

/* Writes what is buffered. NC_OK: all; NC_AGAIN: the fd would block, the rest is kept. */
nc_rc_t nc_log_file_flush(nc_log_file_t *f);

/* As nc_log_file_flush, for the timer: counted as flushed_by_timer when there was something. */
nc_rc_t nc_log_file_flush_timer(nc_log_file_t *f);

/* Goes on with another fd (reopen): the old one is flushed first. */
void nc_log_file_set_fd(nc_log_file_t *f, int fd, bool own_fd);

static inline size_t
nc_log_file_pending(const nc_log_file_t *f)
{
    return f->len;
}

#endif
