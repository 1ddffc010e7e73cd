/* log_replay.c: reading states and history out of the config log. */
#include "config/log_priv.h"

#include "base/vec.h"

typedef struct {
    uint64_t  at;                               /* offset in the file */
    size_t    len;
} place_t;


void
nc_clog_index_init(nc_clog_index_t *index)
{
    *index = (nc_clog_index_t) { .bytes = 0 };
    nc_map_init(&index->map);
}


void
nc_clog_index_fini(nc_clog_index_t *index)
{
    size_t    at = 0;
    nc_str_t  key;
    void     *place;

    while (nc_map_next(&index->map, &at, &key, &place)) {
        free(place);
    }

    nc_map_fini(&index->map);
}


/* Type and name as one key; the length keeps ("ab", "c") and ("a", "bc") apart. */
static nc_str_t
key_of(nc_sb_t *sb, const nc_clog_record_t *record)
{
    nc_sb_reset(sb);
    nc_sb_u64(sb, record->type.len);
    nc_sb_char(sb, ':');
    nc_sb_str_add(sb, record->type);
    nc_sb_str_add(sb, record->name);

    return nc_sb_str(sb);
}


void
nc_clog_index_add(nc_clog_index_t *index, const nc_clog_frame_t *frame, uint64_t at,
    nc_str_t payload)
{
    nc_str_t          rest = payload;
    nc_clog_record_t  record;
    nc_sb_t           key;

    nc_sb_init(&key);

    for (uint32_t i = 0; i < frame->txn.n_records; i++) {
        place_t  *place = NULL, *before;
        nc_str_t  start = rest;

        NC_CHECK(nc_clog_record_read(&rest, &record));

        if (record.removed) {
            before = nc_map_del(&index->map, key_of(&key, &record));

        } else {
            place = nc_malloc(sizeof(*place));
            *place = (place_t) { .at = at + (payload.len - start.len),
                                 .len = start.len - rest.len };
            before = nc_map_set(&index->map, key_of(&key, &record), place);
            index->bytes += place->len;
        }

        if (before) {
            index->bytes -= before->len;
            free(before);
        }
    }

    nc_sb_fini(&key);
}


static int
by_place(const void *a, const void *b)
{
    const place_t  *const *x = a, *const *y = b;

    return ((*x)->at > (*y)->at) - ((*x)->at < (*y)->at);
}


nc_rc_t
nc_clog_index_walk(nc_clog_t *log, const nc_clog_index_t *index, nc_clog_record_fn *fn,
    void *ctx, nc_errors_t *errors)
{
    NC_VEC(place_t *)  places = NC_VEC_INIT;
    nc_rc_t            rc = NC_OK;
    size_t             at = 0;
    nc_str_t           key;
    void              *value;
    nc_sb_t            sb;

    nc_sb_init(&sb);

    while (nc_map_next(&index->map, &at, &key, &value)) {
        nc_vec_push(&places, value);
    }

    if (places.n) {
        qsort(places.items, places.n, sizeof(place_t *), by_place);
    }

    for (size_t i = 0; i < places.n && rc == NC_OK; i++) {
        const place_t     *place = places.items[i];
        nc_clog_record_t   record;
        nc_str_t           bytes;

        nc_sb_reset(&sb);
        rc = nc_clog_read_at(log->fd, nc_sb_reserve(&sb, place->len), place->len, place->at);
        bytes = nc_str(sb.data, place->len);

        if (rc != NC_OK || !nc_clog_record_read(&bytes, &record) || bytes.len) {
            rc = nc_clog_fail(log, errors, "cannot read a record again");
            break;
        }

        rc = fn(ctx, &record);
    }

    nc_vec_fini(&places);
    nc_sb_fini(&sb);

    return rc;
}


typedef struct {
    nc_clog_index_t  index;
    uint64_t         last;                      /* generation to stop after */
} state_t;


/* NC_AGAIN: that is enough. */
static nc_rc_t
add_to_state(void *ctx, const nc_clog_frame_t *frame, uint64_t at, nc_str_t payload)
{
    state_t  *s = ctx;

    nc_clog_index_add(&s->index, frame, at, payload);

    return frame->txn.generation == s->last ? NC_AGAIN : NC_OK;
}


nc_rc_t
nc_clog_state(nc_clog_t *log, uint64_t generation, nc_clog_record_fn *fn, void *ctx,
    nc_errors_t *errors)
{
    state_t  s = { .last = generation ? generation : log->newest };
    nc_rc_t  rc;

    if (generation && (log->newest == 0 || generation < log->oldest || generation > log->newest)) {
        return NC_DECLINED;
    }

    nc_clog_index_init(&s.index);
    rc = nc_clog_scan(log, add_to_state, &s, errors);

    if (rc != NC_ERROR) {
        rc = nc_clog_index_walk(log, &s.index, fn, ctx, errors);
    }

    nc_clog_index_fini(&s.index);

    return rc;
}


typedef struct {
    uint64_t            from;
    nc_clog_txn_fn     *txn_fn;
    nc_clog_record_fn  *record_fn;
    void               *ctx;
} history_t;


static nc_rc_t
show_txn(void *ctx, const nc_clog_frame_t *frame, uint64_t at, nc_str_t payload)
{
    const history_t   *h = ctx;
    nc_clog_record_t   record;
    nc_rc_t            rc;

    (void) at;

    if (frame->txn.generation < h->from) {
        return NC_OK;
    }

    rc = h->txn_fn(h->ctx, &frame->txn);

    while (rc == NC_OK && h->record_fn && nc_clog_record_read(&payload, &record)) {
        rc = h->record_fn(h->ctx, &record);
    }

    return rc;
}


nc_rc_t
nc_clog_history(nc_clog_t *log, uint64_t from, nc_clog_txn_fn *txn_fn,
    nc_clog_record_fn *record_fn, void *ctx, nc_errors_t *errors)
{
    history_t  h = { .from = from, .txn_fn = txn_fn, .record_fn = record_fn, .ctx = ctx };

    return nc_clog_scan(log, show_txn, &h, errors);
}
