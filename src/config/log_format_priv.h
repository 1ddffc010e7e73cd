/*
 * log_format_priv.h: the bytes of the config log, without input and output. Numbers are
 * little-endian; offsets and lengths are in bytes.
 *
 *   file     two heads of 64 (the valid one with the higher seq counts), frames from `start` on
 *   head     magic 8, version u32, 0 u32, seq u64, start u64, zeros, crc u32 of the 60 before it
 *   frame    magic u32, flags u32, generation u64, time_us u64, payload length u64, records u32,
 *            payload crc u32, 0 u32, crc u32 of the 44 before it; then the payload: records
 *   record   op u8, 0 u24, lengths of type, name, version, origin, bytes u32 each, time_us u64,
 *            generation u64; then the five strings
 *
 * Checksums are CRC-32C. Generations of frames count up by one; only the first frame may be a
 * snapshot, and it is one unless its generation is 1.
 */
#ifndef NC_CONFIG_LOG_FORMAT_PRIV_H
#define NC_CONFIG_LOG_FORMAT_PRIV_H

#include "config/log.h"

#define NC_CLOG_VERSION       1u
#define NC_CLOG_HEAD_BYTES    64u
#define NC_CLOG_START         (2 * NC_CLOG_HEAD_BYTES)
#define NC_CLOG_FRAME_BYTES   48u
#define NC_CLOG_RECORD_BYTES  40u

typedef struct {
    uint64_t  seq;
    uint64_t  start;
} nc_clog_head_t;

typedef struct {
    nc_clog_txn_t  txn;
    uint64_t       len;                         /* of the payload */
    uint32_t       crc;                         /* of the payload */
} nc_clog_frame_t;

void nc_clog_head_write(char out[NC_CLOG_HEAD_BYTES], const nc_clog_head_t *head);

/* NC_DECLINED: whole, but of a newer version. NC_ERROR: damaged; nothing is reported. */
nc_rc_t nc_clog_head_read(const char in[NC_CLOG_HEAD_BYTES], nc_clog_head_t *head);

void nc_clog_frame_write(char out[NC_CLOG_FRAME_BYTES], const nc_clog_frame_t *frame);

/* NULL, or what is wrong with it. */
const char *nc_clog_frame_read(const char in[NC_CLOG_FRAME_BYTES], nc_clog_frame_t *frame);

uint32_t nc_clog_payload_crc(nc_str_t payload);

/* NULL, or what is wrong with the payload of `frame`: checksum and every record are looked at. */
const char *nc_clog_payload_check(const nc_clog_frame_t *frame, nc_str_t payload);

/* Bytes that the record takes. */
size_t nc_clog_record_size(const nc_clog_record_t *record);

void nc_clog_record_write(nc_sb_t *out, const nc_clog_record_t *record);

/* Takes the first record off `*rest`; false: none left, or it is malformed (`*rest` stays). */
bool nc_clog_record_read(nc_str_t *rest, nc_clog_record_t *record);

#endif
