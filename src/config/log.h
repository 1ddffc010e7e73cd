/*
 * log.h: the config log: an append-only file of accepted resources, in checked transactions. What
 * it holds is a sequence of generations (one per transaction, counted from 1); the state as of a
 * generation is the last version of each resource, without those removed. The format and what
 * happens to damaged files is in log.c.
 *
 * One process writes a log. Errors are reported in the `errors` given; every function that returns
 * NC_ERROR has added one.
 */
#ifndef NC_CONFIG_LOG_H
#define NC_CONFIG_LOG_H

#include "base/error.h"

typedef struct nc_clog_s  nc_clog_t;

/* One accepted version of a resource, or its removal. Strings live during the callback only. */
typedef struct {
    nc_str_t  type;                             /* type URL */
    nc_str_t  name;                             /* unique within its type */
    nc_str_t  version;                          /* as the source gave it; may be empty */
    nc_str_t  origin;                           /* "file:/etc/x.yaml", "ads", ... */
    nc_str_t  bytes;                            /* the serialized message; empty when removed */
    uint64_t  time_us;                          /* accepted at, since the epoch */
    uint64_t  generation;                       /* accepted in */
    bool      removed;
} nc_clog_record_t;

/* One transaction, as nc_clog_history shows it. */
typedef struct {
    uint64_t  generation;
    uint64_t  time_us;
    uint32_t  n_records;
    bool      snapshot;                         /* the oldest kept: its records are a whole state */
} nc_clog_txn_t;

#define NC_CLOG_MAX_BYTES   (64u << 20)         /* default limits, see nc_clog_limits */
#define NC_CLOG_MAX_TXNS    1000u

/*
 * Opens the log at `path` for writing and creates it when it is not there. A damaged tail is cut
 * off, with a warning that names offset and reason; a file that is no config log is put aside as
 * PATH.damaged. NULL: reported (another process writes it, a newer format, input or output error).
 */
nc_clog_t *nc_clog_open(const char *path, nc_errors_t *errors);

/* Opens the log at `path` for reading only, also while it is being written. Changes nothing. */
nc_clog_t *nc_clog_open_read(const char *path, nc_errors_t *errors);

/*
 * Opens a log in the memfd `fd`, which the master made and keeps (it outlives helpers); an empty
 * one is initialised. `fd` stays the caller's and open as long as the log. NULL: reported.
 */
nc_clog_t *nc_clog_open_fd(int fd, nc_errors_t *errors);

/* Closes; an open transaction is dropped. NULL is fine. */
void nc_clog_close(nc_clog_t *log);

/*
 * When to compact: above `max_bytes` (and twice what the last compaction left, so that a state that
 * is larger is not rewritten at every turn) or above `max_txns` transactions. Compaction keeps as
 * much history as fits into half of both. The newest state is kept whatever it takes.
 */
void nc_clog_limits(nc_clog_t *log, uint64_t max_bytes, uint32_t max_txns);

/* Begins a transaction at wall-clock time `now_us`. One at a time. */
void nc_clog_begin(nc_clog_t *log, uint64_t now_us);

/* Adds a version of a resource; only type, name, version, origin and bytes are read, and copied. */
void nc_clog_put(nc_clog_t *log, const nc_clog_record_t *record);

/* Adds a removal; only type, name, version and origin are read. */
void nc_clog_remove(nc_clog_t *log, const nc_clog_record_t *record);

/*
 * Writes the transaction, and sees to it that it is on disk. An empty one is dropped, NC_OK.
 * NC_ERROR: reported (disk full, ...), nothing of it is in the log. Either way it is over. May
 * compact afterwards; that failing is a warning only.
 */
nc_rc_t nc_clog_commit(nc_clog_t *log, nc_errors_t *errors);

/* Drops the transaction. */
void nc_clog_abort(nc_clog_t *log);

/* Number of the newest generation, 0: the log is empty. */
uint64_t nc_clog_generation(const nc_clog_t *log);

/* The oldest generation whose state can still be read, 0: the log is empty. */
uint64_t nc_clog_oldest(const nc_clog_t *log);

/* Bytes of the log. */
uint64_t nc_clog_bytes(const nc_clog_t *log);

/* Gets each record; a return other than NC_OK ends the walk and becomes its result. */
typedef nc_rc_t nc_clog_record_fn(void *ctx, const nc_clog_record_t *record);

/* Gets each transaction, and then its records by the other function. */
typedef nc_rc_t nc_clog_txn_fn(void *ctx, const nc_clog_txn_t *txn);

/*
 * The state as of `generation` (0: the newest), each resource once, in the order in which they
 * were accepted. NC_DECLINED: that generation is not in the log (compacted, or still to come).
 */
nc_rc_t nc_clog_state(nc_clog_t *log, uint64_t generation, nc_clog_record_fn *fn, void *ctx,
    nc_errors_t *errors);

/*
 * All transactions from `from` on (0: the oldest), oldest first. `record_fn` may be NULL. Records
 * come without what they replace: compare states for that.
 */
nc_rc_t nc_clog_history(nc_clog_t *log, uint64_t from, nc_clog_txn_fn *txn_fn,
    nc_clog_record_fn *record_fn, void *ctx, nc_errors_t *errors);

/*
 * Rewrites the log within half of its limits: a snapshot of the oldest generation to keep, then the
 * transactions since. States and generation numbers stay as they were. NC_ERROR: reported, the
 * log is unchanged.
 */
nc_rc_t nc_clog_compact(nc_clog_t *log, nc_errors_t *errors);

#endif
