/*
 * formatter_priv.h: shared by the files of the formatter: the compiled form, the table of
 * operators, time formats.
 */
#ifndef NC_HTTP_FORMATTER_PRIV_H
#define NC_HTTP_FORMATTER_PRIV_H

#include "http/formatter.h"

/* Operators served: id, how an argument is taken (none, optional, required), `:N` allowed. */
#define NC_OPERATORS(X)  \
    X(REQUEST_HEADER, REQUIRED, true)  \
    X(REQ, REQUIRED, true)  \
    X(RESPONSE_HEADER, REQUIRED, true)  \
    X(RESP, REQUIRED, true)  \
    X(RESPONSE_TRAILER, REQUIRED, true)  \
    X(TRAILER, REQUIRED, true)  \
    X(ACCESS_LOG_TYPE, NONE, false)  \
    X(BYTES_RECEIVED, NONE, false)  \
    X(BYTES_SENT, NONE, false)  \
    X(COMMON_DURATION, REQUIRED, false)  \
    X(CONNECTION_ID, NONE, false)  \
    X(CONNECTION_TERMINATION_DETAILS, NONE, false)  \
    X(DOWNSTREAM_DIRECT_REMOTE_ADDRESS, NONE, false)  \
    X(DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT, NONE, false)  \
    X(DOWNSTREAM_DIRECT_REMOTE_PORT, NONE, false)  \
    X(DOWNSTREAM_LOCAL_ADDRESS, NONE, false)  \
    X(DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT, NONE, false)  \
    X(DOWNSTREAM_LOCAL_PORT, NONE, false)  \
    X(DOWNSTREAM_PEER_CERT_V_END, OPTIONAL, false)  \
    X(DOWNSTREAM_PEER_CERT_V_START, OPTIONAL, false)  \
    X(DOWNSTREAM_REMOTE_ADDRESS, NONE, false)  \
    X(DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT, NONE, false)  \
    X(DOWNSTREAM_REMOTE_PORT, NONE, false)  \
    X(DOWNSTREAM_WIRE_BYTES_RECEIVED, NONE, false)  \
    X(DOWNSTREAM_WIRE_BYTES_SENT, NONE, false)  \
    X(DURATION, NONE, false)  \
    X(DYNAMIC_METADATA, REQUIRED, true)  \
    X(EMIT_TIME, OPTIONAL, false)  \
    X(EMIT_TIME_LOCAL, OPTIONAL, false)  \
    X(ENVIRONMENT, REQUIRED, true)  \
    X(FILTER_STATE, REQUIRED, true)  \
    X(GRPC_STATUS, OPTIONAL, false)  \
    X(GRPC_STATUS_NUMBER, NONE, false)  \
    X(HOSTNAME, NONE, false)  \
    X(LOCAL_REPLY_BODY, NONE, false)  \
    X(PATH, OPTIONAL, true)  \
    X(PROTOCOL, NONE, false)  \
    X(QUERY_PARAM, REQUIRED, true)  \
    X(REQUESTED_SERVER_NAME, NONE, false)  \
    X(REQUEST_DURATION, NONE, false)  \
    X(REQUEST_HEADERS_BYTES, NONE, false)  \
    X(REQUEST_TX_DURATION, NONE, false)  \
    X(RESPONSE_CODE, NONE, false)  \
    X(RESPONSE_CODE_DETAILS, OPTIONAL, false)  \
    X(RESPONSE_DURATION, NONE, false)  \
    X(RESPONSE_FLAGS, NONE, false)  \
    X(RESPONSE_FLAGS_LONG, NONE, false)  \
    X(RESPONSE_HEADERS_BYTES, NONE, false)  \
    X(RESPONSE_TRAILERS_BYTES, NONE, false)  \
    X(RESPONSE_TX_DURATION, NONE, false)  \
    X(ROUTE_NAME, NONE, false)  \
    X(START_TIME, OPTIONAL, false)  \
    X(START_TIME_LOCAL, OPTIONAL, false)  \
    X(STREAM_ID, NONE, false)  \
    X(UPSTREAM_CLUSTER, NONE, false)  \
    X(UPSTREAM_CLUSTER_RAW, NONE, false)  \
    X(UPSTREAM_CONNECTION_ID, NONE, false)  \
    X(UPSTREAM_HOST, NONE, false)  \
    X(UPSTREAM_HOST_NAME, NONE, false)  \
    X(UPSTREAM_HOST_NAME_WITHOUT_PORT, NONE, false)  \
    X(UPSTREAM_LOCAL_ADDRESS, NONE, false)  \
    X(UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT, NONE, false)  \
    X(UPSTREAM_LOCAL_PORT, NONE, false)  \
    X(UPSTREAM_PEER_CERT_V_END, OPTIONAL, false)  \
    X(UPSTREAM_PEER_CERT_V_START, OPTIONAL, false)  \
    X(UPSTREAM_PROTOCOL, NONE, false)  \
    X(UPSTREAM_REMOTE_ADDRESS, NONE, false)  \
    X(UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT, NONE, false)  \
    X(UPSTREAM_REMOTE_PORT, NONE, false)  \
    X(UPSTREAM_REQUEST_ATTEMPT_COUNT, NONE, false)  \
    X(UPSTREAM_TRANSPORT_FAILURE_REASON, NONE, false)  \
    X(UPSTREAM_WIRE_BYTES_RECEIVED, NONE, false)  \
    X(UPSTREAM_WIRE_BYTES_SENT, NONE, false)  \
    X(VIRTUAL_CLUSTER_NAME, NONE, false)

/* Operators that tell of TLS: id, whether of the upstream side, fact (net/tls.h). */
#define NC_TLS_OPERATORS(X)  \
    X(DOWNSTREAM_LOCAL_SUBJECT, false, LOCAL_SUBJECT)  \
    X(DOWNSTREAM_LOCAL_URI_SAN, false, LOCAL_URI_SAN)  \
    X(DOWNSTREAM_LOCAL_DNS_SAN, false, LOCAL_DNS_SAN)  \
    X(DOWNSTREAM_LOCAL_EMAIL_SAN, false, LOCAL_EMAIL_SAN)  \
    X(DOWNSTREAM_LOCAL_IP_SAN, false, LOCAL_IP_SAN)  \
    X(DOWNSTREAM_LOCAL_OTHERNAME_SAN, false, LOCAL_OTHERNAME_SAN)  \
    X(DOWNSTREAM_PEER_CERT, false, PEER_CERT)  \
    X(DOWNSTREAM_PEER_DNS_SAN, false, PEER_DNS_SAN)  \
    X(DOWNSTREAM_PEER_FINGERPRINT_1, false, PEER_FINGERPRINT_1)  \
    X(DOWNSTREAM_PEER_FINGERPRINT_256, false, PEER_FINGERPRINT_256)  \
    X(DOWNSTREAM_PEER_ISSUER, false, PEER_ISSUER)  \
    X(DOWNSTREAM_PEER_SERIAL, false, PEER_SERIAL)  \
    X(DOWNSTREAM_PEER_SUBJECT, false, PEER_SUBJECT)  \
    X(DOWNSTREAM_PEER_URI_SAN, false, PEER_URI_SAN)  \
    X(DOWNSTREAM_PEER_IP_SAN, false, PEER_IP_SAN)  \
    X(DOWNSTREAM_PEER_EMAIL_SAN, false, PEER_EMAIL_SAN)  \
    X(DOWNSTREAM_PEER_OTHERNAME_SAN, false, PEER_OTHERNAME_SAN)  \
    X(DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1, false, PEER_CHAIN_FINGERPRINTS_1)  \
    X(DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256, false, PEER_CHAIN_FINGERPRINTS_256)  \
    X(DOWNSTREAM_PEER_CHAIN_SERIALS, false, PEER_CHAIN_SERIALS)  \
    X(DOWNSTREAM_TLS_CIPHER, false, CIPHER)  \
    X(DOWNSTREAM_TLS_SESSION_ID, false, SESSION_ID)  \
    X(DOWNSTREAM_TLS_VERSION, false, VERSION)  \
    X(UPSTREAM_LOCAL_DNS_SAN, true, LOCAL_DNS_SAN)  \
    X(UPSTREAM_LOCAL_IP_SAN, true, LOCAL_IP_SAN)  \
    X(UPSTREAM_LOCAL_URI_SAN, true, LOCAL_URI_SAN)  \
    X(UPSTREAM_PEER_CERT, true, PEER_CERT)  \
    X(UPSTREAM_PEER_DNS_SAN, true, PEER_DNS_SAN)  \
    X(UPSTREAM_PEER_IP_SAN, true, PEER_IP_SAN)  \
    X(UPSTREAM_PEER_ISSUER, true, PEER_ISSUER)  \
    X(UPSTREAM_PEER_SUBJECT, true, PEER_SUBJECT)  \
    X(UPSTREAM_PEER_URI_SAN, true, PEER_URI_SAN)  \
    X(UPSTREAM_TLS_CIPHER, true, CIPHER)  \
    X(UPSTREAM_TLS_SESSION_ID, true, SESSION_ID)  \
    X(UPSTREAM_TLS_VERSION, true, VERSION)

/*
 * Operators that are taken and have no value on any stream of this version. Envoy prints "-" there
 * as well.
 */
#define NC_ABSENT_OPERATORS(X)  \
    X(DOWNSTREAM_TRANSPORT_FAILURE_REASON) X(TRACE_ID)

/* Operators of Envoy that are not served here; named so that the error can say so. */
#define NC_FOREIGN_OPERATORS(X)  \
    X(BYTES_RETRANSMITTED) X(CEL) X(CLUSTER_METADATA) X(CUSTOM_FLAGS)  \
    X(DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED)  \
    X(DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT) X(DOWNSTREAM_DIRECT_LOCAL_ADDRESS)  \
    X(DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT) X(DOWNSTREAM_DIRECT_LOCAL_PORT)  \
    X(DOWNSTREAM_HANDSHAKE_DURATION) X(DOWNSTREAM_HEADER_BYTES_RECEIVED)  \
    X(DOWNSTREAM_HEADER_BYTES_SENT) X(FILTER_CHAIN_NAME)  \
    X(METADATA) X(PACKETS_RETRANSMITTED) X(REQ_WITHOUT_QUERY) X(ROUNDTRIP_DURATION)  \
    X(STREAM_INFO_REQ) X(TLS_JA3_FINGERPRINT) X(TLS_JA4_FINGERPRINT) X(TYPED_CEL)  \
    X(UNIQUE_ID) X(UPSTREAM_CONNECTION_POOL_READY_DURATION)  \
    X(UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED)  \
    X(UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT) X(UPSTREAM_FILTER_STATE)  \
    X(UPSTREAM_HEADER_BYTES_RECEIVED) X(UPSTREAM_HEADER_BYTES_SENT) X(UPSTREAM_METADATA)  \
    X(XFCC_VALUE)

typedef enum {
#define X(name, arg, length)  NC_OP_##name,
    NC_OPERATORS(X)
    NC_TLS_OPERATORS(X)
#undef X
    NC_OP_ABSENT,                               /* any of NC_ABSENT_OPERATORS */
    NC_OP_MODULE,                               /* of a formatter module */
    NC_OP_LITERAL,                              /* text, printed as it is */
    NC_OP_COMMA                                 /* JSON: ',' unless a '{' or '[' was just opened */
} nc_op_id_t;

/* What becomes of the value. */
typedef enum {
    NC_OUT_TEXT,                                /* as it is; absent: "-" or "" */
    NC_OUT_JSON_PART,                           /* escaped, within a JSON string; absent so too */
    NC_OUT_JSON_TYPED,                          /* a JSON value of its type; absent: null */
    NC_OUT_JSON_STRING,                         /* a JSON string; absent: "-" */
    NC_OUT_JSON_FIELD                           /* comma, key, typed value; absent: nothing */
} nc_op_out_t;

typedef struct nc_time_format_s  nc_time_format_t;

typedef struct {
    nc_str_t        name;                       /* lower case */
    nc_header_id_t  id;
} nc_op_header_t;

typedef struct {
    uint8_t   id;                               /* nc_op_id_t */
    uint8_t   out;                              /* nc_op_out_t */
    bool      omit;                             /* absent prints as nothing */
    uint8_t   mode;                             /* of the argument; meaning depends on the id */
    uint32_t  max_len;                          /* of a string; 0: no limit */
    nc_str_t  text;                             /* literal; JSON key with colon; parameter name */
    union {
        struct {
            nc_op_header_t  first;
            nc_op_header_t  second;             /* name.data NULL: none */
        };
        const nc_time_format_t  *time;
        struct {                                /* DYNAMIC_METADATA */
            const nc_str_t  *parts;             /* namespace, then keys */
            uint32_t         n;
        } path;
        struct {                                /* COMMON_DURATION */
            uint8_t   from;
            uint8_t   to;
            uint32_t  per_ms;                   /* 1, 1000 or 1000000 */
        } points;
        struct {
            const nc_formatter_ops_t  *ops;
            const void                *op;
        } module;
    };
} nc_format_op_t;

struct nc_format_s {
    const nc_format_op_t  *ops;
    uint32_t               n;
    bool                   json;
    nc_str_t               content_type;
};

/* A formatter module that may know an operator. */
typedef struct {
    const nc_formatter_ops_t  *ops;
    const void                *conf;
} nc_formatter_ref_t;

/* While a format is compiled. */
typedef struct {
    nc_compile_t                    *cc;
    const struct ProtobufCMessage   *message;   /* where errors are placed */
    const char                      *field;
    const nc_formatter_ref_t        *formatters;
    size_t                           n_formatters;
    nc_format_op_t                  *ops;       /* heap, growing */
    size_t                           n;
    size_t                           cap;
    bool                             failed;
} nc_format_builder_t;

void nc_format_builder_init(nc_format_builder_t *b, nc_compile_t *cc,
    const struct ProtobufCMessage *message, const char *field);

/* The finished format, or NULL when something failed. Frees the builder's memory. */
nc_format_t *nc_format_builder_done(nc_format_builder_t *b);

/* A new operation, cleared. The pointer holds until the next one. */
nc_format_op_t *nc_format_builder_op(nc_format_builder_t *b, nc_op_id_t id);

/* Appends text to the literal at the end. */
void nc_format_builder_literal(nc_format_builder_t *b, nc_str_t text);

/* Parses a text format and appends its operations, their output kind set to `out`. */
void nc_format_parse(nc_format_builder_t *b, nc_str_t text, nc_op_out_t out, bool omit);

/* Compiles operator `name`. `arg.data` NULL: none; `max_len` 0: none. Adds errors. */
void nc_format_operator(nc_format_builder_t *b, nc_str_t name, nc_str_t arg, uint32_t max_len,
    nc_op_out_t out, bool omit);

/* Appends the operations of a JSON document. */
void nc_format_parse_json(nc_format_builder_t *b, const struct Google__Protobuf__Struct *json,
    bool typed, bool omit, bool sort);

/* Adds an error at the builder's place. */
void nc_format_error(nc_format_builder_t *b, const char *fmt, ...) NC_PRINTF(2, 3);

/* The value of one operator; strings lie in the view, the image or `scratch`. */
void nc_format_value(const nc_format_op_t *op, const nc_http_view_t *view, nc_sb_t *scratch,
    nc_format_value_t *value);

/* Its part for NC_TLS_OPERATORS (formatter_tls.c). */
void nc_format_tls_value(const nc_format_op_t *op, const nc_http_info_t *info, nc_sb_t *scratch,
    nc_format_value_t *value);

/* The format of START_TIME without an argument. */
#define NC_TIME_DEFAULT     "%Y-%m-%dT%H:%M:%E3SZ"

/*
 * Compiles a time format (strftime's specifiers, and %s %f %1f..%9f %ES %E3S %E*S %E3f %E*f %Ez
 * %E4Y %ET). NULL: *why (static text) says what is wrong.
 */
const nc_time_format_t *nc_time_format_compile(nc_pool_t *pool, nc_str_t text, bool local,
    const char **why);

/* Prints `wall_us`, microseconds of Unix time. */
void nc_time_format_print(const nc_time_format_t *f, uint64_t wall_us, nc_sb_t *out);

/* COMMON_DURATION's points, in the order of their numbers. */
#define NC_TIME_POINTS(X)  \
    X(DS_RX_BEG, start_us) X(DS_RX_END, request_end_us)  \
    X(US_TX_BEG, upstream_tx_first_us) X(US_TX_END, upstream_tx_last_us)  \
    X(US_RX_BEG, upstream_rx_first_us) X(US_RX_END, upstream_rx_last_us)  \
    X(DS_TX_BEG, downstream_tx_first_us) X(DS_TX_END, downstream_tx_last_us)

enum {
    NC_PATH_WITH_QUERY = 0, NC_PATH_NO_QUERY = 1,               /* bit 0 of PATH's mode */
    NC_PATH_ORIG_OR_PATH = 0, NC_PATH_ORIG = 2, NC_PATH_PATH = 4    /* the other bits */
};

enum { NC_GRPC_CAMEL, NC_GRPC_SNAKE, NC_GRPC_NUMBER };          /* GRPC_STATUS's mode */

#endif
