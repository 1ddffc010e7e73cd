/* log_priv.h: what the files of the config log share: the open log, and walking it. */
#ifndef NC_CONFIG_LOG_PRIV_H
#define NC_CONFIG_LOG_PRIV_H

#include "base/hash.h"
#include "config/log_format_priv.h"

struct nc_clog_s {
    char            *path;                      /* NULL: a memfd */
    int              fd;
    bool             read_only;
    bool             dirty;                     /* something behind `end` could not be cut off */
    nc_clog_head_t   head;
    uint64_t         end;                       /* of the last whole transaction */
    uint64_t         oldest;                    /* generations; 0: none */
    uint64_t         newest;
    uint32_t         n_txns;

    uint64_t         max_bytes;
    uint32_t         max_txns;
    uint64_t         compacted_bytes;           /* what the last compaction left */

    bool             open;                      /* between begin and commit */
    uint64_t         now_us;                    /* of the open transaction, like the rest */
    uint32_t         n_records;
    nc_sb_t          payload;
};

/* Gets each whole frame; `at` is the offset of its payload. Other than NC_OK ends the scan. */
typedef nc_rc_t nc_clog_scan_fn(void *ctx, const nc_clog_frame_t *frame, uint64_t at,
    nc_str_t payload);

/*
 * Walks the transactions that opening has found whole. NC_ERROR: reported (damage is an error
 * here); otherwise what `fn` returned last.
 */
nc_rc_t nc_clog_scan(nc_clog_t *log, nc_clog_scan_fn *fn, void *ctx, nc_errors_t *errors);

/* Adds the error `what` with errno. Returns NC_ERROR. */
nc_rc_t nc_clog_fail(const nc_clog_t *log, nc_errors_t *errors, const char *what);

/* All of [at, at + len), or NC_ERROR with errno; a file that ends before is EIO. */
nc_rc_t nc_clog_read_at(int fd, void *data, size_t len, uint64_t at);

/* Both parts, one behind the other, normally by one call; NC_ERROR with errno. */
nc_rc_t nc_clog_write_at(int fd, nc_str_t a, nc_str_t b, uint64_t at);

/* Writes one frame at *at and moves *at behind it; NC_ERROR with errno. */
nc_rc_t nc_clog_write_frame(int fd, const nc_clog_txn_t *txn, nc_str_t payload, uint64_t *at);

/* Writes the head into both places; NC_ERROR with errno. */
nc_rc_t nc_clog_write_heads(int fd, const nc_clog_head_t *head);

/* Makes a rename or a new file in the folder of `path` last; NC_ERROR with errno. */
nc_rc_t nc_clog_sync_folder(const char *path);


/* Where the current version of each resource lies. */
typedef struct {
    nc_map_t  map;                              /* type and name to the place of the record */
    uint64_t  bytes;                            /* of these records */
} nc_clog_index_t;

void nc_clog_index_init(nc_clog_index_t *index);
void nc_clog_index_fini(nc_clog_index_t *index);

/* Applies the records of a frame whose payload is at `at`. */
void nc_clog_index_add(nc_clog_index_t *index, const nc_clog_frame_t *frame, uint64_t at,
    nc_str_t payload);

/* Reads the records that the index names, in the order in which they were accepted. */
nc_rc_t nc_clog_index_walk(nc_clog_t *log, const nc_clog_index_t *index, nc_clog_record_fn *fn,
    void *ctx, nc_errors_t *errors);

#endif
