/*
 * The config log from arbitrary bytes: opening never fails but for a newer version, what it finds
 * can be read, appended to, opened again without a warning, and compacted without a change.
 *
 * The first byte says which checksums are put right before, so that mutations reach what lies
 * behind them: 1 heads, 2 heads of transactions, 4 their payloads, 8 their generations.
 */
#include "base/crc32c.h"
#include "config/log_format_priv.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
put(char *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (char) (v >> (8 * i));
    }
}


static uint64_t
get(const char *p, unsigned bytes)
{
    uint64_t  v = 0;

    for (unsigned i = bytes; i-- > 0; ) {
        v = v << 8 | (uint8_t) p[i];
    }

    return v;
}


static void
put_right(char *bytes, size_t size, uint8_t what)
{
    uint64_t  generation = 0;

    for (size_t at = 0; (what & 1) && at < NC_CLOG_START && at + 64 <= size; at += 64) {
        put(bytes + at + 60, nc_crc32c(0, bytes + at, 60), 4);
    }

    for (size_t at = NC_CLOG_START; at + NC_CLOG_FRAME_BYTES <= size; ) {
        char      *frame = bytes + at;
        uint64_t   len = get(frame + 24, 8);

        at += NC_CLOG_FRAME_BYTES;
        len = NC_MIN(len, size - at);

        if (what & 8) {
            generation = generation ? generation + 1 : get(frame + 8, 8);
            put(frame + 8, generation, 8);
        }

        if (what & 4) {
            put(frame + 36, nc_crc32c(0, bytes + at, len), 4);
        }

        if (what & 2) {
            put(frame + 24, len, 8);
            put(frame + 44, nc_crc32c(0, frame, 44), 4);
        }

        at += len;
    }
}


static nc_rc_t
add_to_sum(void *ctx, const nc_clog_record_t *r)
{
    const nc_str_t  *strings[] = { &r->type, &r->name, &r->version, &r->origin, &r->bytes };
    uint32_t        *sum = ctx;

    for (unsigned i = 0; i < NC_COUNTOF(strings); i++) {
        *sum = nc_crc32c(*sum, &strings[i]->len, sizeof(size_t));
        *sum = nc_crc32c(*sum, strings[i]->data, strings[i]->len);
    }

    *sum = nc_crc32c(*sum, &r->time_us, sizeof(r->time_us));
    *sum = nc_crc32c(*sum, &r->generation, sizeof(r->generation));

    return NC_OK;
}


static uint32_t
sum_of(nc_clog_t *log, nc_errors_t *errors)
{
    uint32_t  sum = 0;

    NC_CHECK(nc_clog_state(log, 0, add_to_sum, &sum, errors) == NC_OK);

    return sum;
}


static nc_rc_t
ignore_txn(void *ctx, const nc_clog_txn_t *txn)
{
    (void) ctx;
    (void) txn;

    return NC_OK;
}


static void
use(nc_clog_t *log, int fd, nc_errors_t *errors)
{
    nc_clog_record_t  record = { .type = NC_STR("t"), .name = NC_STR("f"), .bytes = NC_STR("x") };
    uint64_t          newest = nc_clog_generation(log);
    uint32_t          sum = sum_of(log, errors), history = 0;

    NC_CHECK(nc_clog_history(log, 0, ignore_txn, add_to_sum, &history, errors) == NC_OK);
    nc_clog_close(log);

    nc_errors_fini(errors);
    nc_errors_init(errors);
    log = nc_clog_open_fd(fd, errors);
    NC_CHECK(log && errors->n_warnings == 0);
    NC_CHECK(nc_clog_generation(log) == newest && sum_of(log, errors) == sum);

    if (newest == UINT64_MAX / 4) {                     /* cannot be reached by counting */
        nc_clog_close(log);
        return;
    }

    nc_clog_begin(log, 1);
    nc_clog_put(log, &record);
    NC_CHECK(nc_clog_commit(log, errors) == NC_OK);
    sum = sum_of(log, errors);

    nc_clog_limits(log, 1, 1);
    NC_CHECK(nc_clog_compact(log, errors) == NC_OK);
    NC_CHECK(nc_clog_oldest(log) == newest + 1 && sum_of(log, errors) == sum);
    nc_clog_close(log);

    log = nc_clog_open_fd(fd, errors);
    NC_CHECK(log && errors->n_warnings == 0 && sum_of(log, errors) == sum);
    nc_clog_close(log);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_errors_t   errors;
    nc_clog_t    *log;
    char         *bytes;
    int           fd;

    if (size == 0 || size > 65536) {
        return 0;
    }

    bytes = nc_malloc(size);
    memcpy(bytes, data + 1, size - 1);
    put_right(bytes, size - 1, data[0]);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    NC_CHECK(fd >= 0 && write(fd, bytes, size - 1) == (ssize_t) size - 1);
    free(bytes);

    nc_errors_init(&errors);
    log = nc_clog_open_fd(fd, &errors);

    if (log) {
        use(log, fd, &errors);

    } else {
        NC_CHECK(errors.n == 1 && strstr(errors.first->message, "newer version"));
    }

    nc_errors_fini(&errors);
    close(fd);

    return 0;
}
