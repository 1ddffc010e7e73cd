/* log_format.c: the bytes of the config log; the layout is in log_format_priv.h. */
#include "config/log_format_priv.h"

#include "base/crc32c.h"

#include <endian.h>

#define FRAME_MAGIC     0x0a4e5854u             /* "TXN\n" */
#define FLAG_SNAPSHOT   0x1u
#define MAX_NUMBER      (UINT64_MAX / 4)        /* of generations, offsets, heads */

static const char  file_magic[8] = "NCCLOG\r\n";

typedef enum { OP_PUT = 1, OP_REMOVE = 2 } op_t;


static void
put32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, 4);
}


static void
put64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, 8);
}


static uint32_t
get32(const char *p)
{
    uint32_t  v;

    memcpy(&v, p, 4);

    return le32toh(v);
}


static uint64_t
get64(const char *p)
{
    uint64_t  v;

    memcpy(&v, p, 8);

    return le64toh(v);
}


void
nc_clog_head_write(char out[NC_CLOG_HEAD_BYTES], const nc_clog_head_t *head)
{
    memset(out, 0, NC_CLOG_HEAD_BYTES);
    memcpy(out, file_magic, 8);
    put32(out + 8, NC_CLOG_VERSION);
    put64(out + 16, head->seq);
    put64(out + 24, head->start);
    put32(out + 60, nc_crc32c(0, out, 60));
}


nc_rc_t
nc_clog_head_read(const char in[NC_CLOG_HEAD_BYTES], nc_clog_head_t *head)
{
    if (memcmp(in, file_magic, 8) != 0 || get32(in + 60) != nc_crc32c(0, in, 60)) {
        return NC_ERROR;
    }

    if (get32(in + 8) != NC_CLOG_VERSION) {
        return NC_DECLINED;
    }

    head->seq = get64(in + 16);
    head->start = get64(in + 24);

    /* Numbers so large were never counted up to. */
    return head->start >= NC_CLOG_START && head->start <= MAX_NUMBER && head->seq <= MAX_NUMBER
        ? NC_OK : NC_ERROR;
}


void
nc_clog_frame_write(char out[NC_CLOG_FRAME_BYTES], const nc_clog_frame_t *frame)
{
    put32(out, FRAME_MAGIC);
    put32(out + 4, frame->txn.snapshot ? FLAG_SNAPSHOT : 0);
    put64(out + 8, frame->txn.generation);
    put64(out + 16, frame->txn.time_us);
    put64(out + 24, frame->len);
    put32(out + 32, frame->txn.n_records);
    put32(out + 36, frame->crc);
    put32(out + 40, 0);
    put32(out + 44, nc_crc32c(0, out, 44));
}


const char *
nc_clog_frame_read(const char in[NC_CLOG_FRAME_BYTES], nc_clog_frame_t *frame)
{
    uint32_t  flags = get32(in + 4);

    if (get32(in) != FRAME_MAGIC) {
        return "no transaction begins here";
    }

    if (get32(in + 44) != nc_crc32c(0, in, 44)) {
        return "wrong checksum of a transaction's head";
    }

    if ((flags & ~FLAG_SNAPSHOT) || get32(in + 40) != 0 || get64(in + 8) == 0
        || get64(in + 8) > MAX_NUMBER)
    {
        return "malformed transaction head";
    }

    *frame = (nc_clog_frame_t) {
        .txn = { .generation = get64(in + 8), .time_us = get64(in + 16),
                 .n_records = get32(in + 32), .snapshot = flags & FLAG_SNAPSHOT },
        .len = get64(in + 24),
        .crc = get32(in + 36),
    };

    return NULL;
}


uint32_t
nc_clog_payload_crc(nc_str_t payload)
{
    return nc_crc32c(0, payload.data, payload.len);
}


const char *
nc_clog_payload_check(const nc_clog_frame_t *frame, nc_str_t payload)
{
    nc_clog_record_t  record;

    if (nc_clog_payload_crc(payload) != frame->crc) {
        return "wrong checksum of a transaction";
    }

    for (uint32_t i = 0; i < frame->txn.n_records; i++) {
        if (!nc_clog_record_read(&payload, &record)) {
            return "malformed record";
        }
    }

    return payload.len ? "more bytes than records" : NULL;
}


size_t
nc_clog_record_size(const nc_clog_record_t *record)
{
    return NC_CLOG_RECORD_BYTES + record->type.len + record->name.len + record->version.len
        + record->origin.len + record->bytes.len;
}


void
nc_clog_record_write(nc_sb_t *out, const nc_clog_record_t *record)
{
    const nc_str_t  *strings[] = { &record->type, &record->name, &record->version,
                                   &record->origin, &record->bytes };
    char             head[NC_CLOG_RECORD_BYTES] = { 0 };

    head[0] = record->removed ? OP_REMOVE : OP_PUT;

    for (unsigned i = 0; i < NC_COUNTOF(strings); i++) {
        NC_CHECK(strings[i]->len <= UINT32_MAX);
        put32(head + 4 + 4 * i, (uint32_t) strings[i]->len);
    }

    put64(head + 24, record->time_us);
    put64(head + 32, record->generation);
    nc_sb_add(out, head, sizeof(head));

    for (unsigned i = 0; i < NC_COUNTOF(strings); i++) {
        nc_sb_str_add(out, *strings[i]);
    }
}


bool
nc_clog_record_read(nc_str_t *rest, nc_clog_record_t *record)
{
    nc_str_t   *strings[] = { &record->type, &record->name, &record->version, &record->origin,
                              &record->bytes };
    const char *head = rest->data;
    nc_str_t    left;

    if (rest->len < NC_CLOG_RECORD_BYTES) {
        return false;
    }

    if ((head[0] != OP_PUT && head[0] != OP_REMOVE) || head[1] || head[2] || head[3]) {
        return false;
    }

    *record = (nc_clog_record_t) { .time_us = get64(head + 24), .generation = get64(head + 32),
                                   .removed = head[0] == OP_REMOVE };
    left = nc_str_skip(*rest, NC_CLOG_RECORD_BYTES);

    for (unsigned i = 0; i < NC_COUNTOF(strings); i++) {
        uint32_t  len = get32(head + 4 + 4 * i);

        if (len > left.len) {
            return false;
        }

        *strings[i] = nc_str(left.data, len);
        left = nc_str_skip(left, len);
    }

    if (record->removed && record->bytes.len) {
        return false;
    }

    *rest = left;

    return true;
}
