/*
 * h1.h: the wire format of HTTP/1.1 and HTTP/1.0 (RFC 9112), both directions: heads are parsed in
 * place, bodies are decoded and framed by moving slices.
 *
 * Invariants:
 *  1. No function here allocates but header entries (the headers' pool) and buffer blocks.
 *  2. What is accepted has one meaning: ambiguous lengths, bare LF, folded lines, blanks before a
 *     colon and unknown transfer codings are refused, never repaired.
 *  3. The framing of a message is in head->body alone. Hop-by-hop fields are taken out of the
 *     headers, so that nothing of the old framing can be forwarded; encoders write their own.
 *  4. Work is linear in the bytes received, however they are split.
 */
#ifndef NC_CODEC_H1_H
#define NC_CODEC_H1_H

#include "codec/headers.h"
#include "net/buf.h"

/*
 * What can be wrong: id, status to answer, Envoy's response-code details, text for the log. The
 * status of a malformed response is for the log only; its client gets 502.
 */
#define NC_H1_ERRORS(X)  \
    X(NONE,                0, "", "no error")  \
    X(METHOD,            400, "http1.codec_error", "invalid method")  \
    X(START_LINE,        400, "http1.codec_error", "malformed start line")  \
    X(VERSION,           400, "http1.codec_error", "malformed HTTP version")  \
    X(VERSION_UNKNOWN,   505, "http1.codec_error", "HTTP version not supported")  \
    X(LOW_VERSION,       426, "low_version", "HTTP/1.0 is not accepted here")  \
    X(STATUS,            400, "http1.codec_error", "invalid status code")  \
    X(URL_BYTE,          400, "http1.codec_error", "invalid byte in request target")  \
    X(URL,               400, "http1.invalid_url", "invalid request target")  \
    X(URL_SCHEME,        400, "http1.invalid_scheme", "invalid scheme in request target")  \
    X(ABSOLUTE_URL,      404, "absolute_path_rejected", "absolute-form is not allowed here")  \
    X(HEADER_NAME,       400, "http1.codec_error", "invalid header name")  \
    X(HEADER_VALUE,      400, "http1.invalid_characters", "invalid byte in header value")  \
    X(LINE_END,          400, "http1.codec_error", "line does not end in CRLF")  \
    X(FOLDED,            400, "http1.codec_error", "folded header line")  \
    X(UNDERSCORE,        400, "http1.unexpected_underscore", "underscore in header name")  \
    X(TOO_LARGE,         431, "http1.headers_too_large", "headers are too large")  \
    X(TOO_MANY,          431, "http1.too_many_headers", "too many headers")  \
    X(HOST_MISSING,      400, "missing_host_header", "Host is missing")  \
    X(HOST,              400, "http.invalid_authority", "invalid or repeated Host")  \
    X(LENGTH,            400, "http1.codec_error", "invalid Content-Length")  \
    X(LENGTHS,           400, "http1.codec_error", "repeated Content-Length")  \
    X(LENGTH_AND_CODING, 400, "http1.content_length_and_chunked_not_allowed",  \
        "both Content-Length and Transfer-Encoding")  \
    X(LENGTH_NOT_ALLOWED, 400, "http1.content_length_not_allowed",  \
        "Content-Length in a 1xx or 204 response")  \
    X(CODING,            501, "http1.invalid_transfer_encoding", "unsupported transfer coding")  \
    X(CODING_MALFORMED,  400, "http1.invalid_transfer_encoding", "invalid Transfer-Encoding")  \
    X(CODING_NOT_ALLOWED, 400, "http1.transfer_encoding_not_allowed",  \
        "Transfer-Encoding in HTTP/1.0 or in a 1xx or 204 response")  \
    X(CONNECT_BODY,      400, "http1.body_disallowed", "CONNECT with a body")  \
    X(CONNECTION,        400, "http1.connection_header_rejected", "invalid Connection")  \
    X(CHUNK,             400, "http1.codec_error", "malformed chunk")  \
    X(CHUNK_EXTENSION,   400, "http1.codec_error", "chunk extension malformed or too long")  \
    X(CHUNK_OVERHEAD,    400, "http1.codec_error", "too much chunk framing for the data")

typedef enum {
#define X(id, status, details, text)  NC_H1_ERR_##id,
    NC_H1_ERRORS(X)
#undef X
    NC_H1_ERR_MAX
} nc_h1_error_t;

/* Envoy's response-code details, status to answer, and text for the log of an error. */
const char *nc_h1_error_details(nc_h1_error_t error);
const char *nc_h1_error_str(nc_h1_error_t error);
unsigned nc_h1_error_status(nc_h1_error_t error);

/* What to do with header names that contain '_' (core.v3 HeadersWithUnderscoresAction). */
typedef enum {
    NC_H1_UNDERSCORES_ALLOW,
    NC_H1_UNDERSCORES_REJECT,
    NC_H1_UNDERSCORES_DROP
} nc_h1_underscores_t;

/* Immutable settings of a side; lives in the configuration. */
typedef struct {
    uint32_t             max_bytes;             /* of a head, and of trailers; 0: 60 KiB */
    uint32_t             max_headers;           /* fields of each, at most 32767; 0: 100 */
    nc_str_t             default_host;          /* for HTTP/1.0 without Host; len 0: none */
    nc_h1_underscores_t  underscores;
    bool                 accept_http_10;
    bool                 no_absolute_url;       /* refuse absolute-form targets */
    bool                 allow_chunked_length;  /* Transfer-Encoding wins over Content-Length */
    bool                 allow_custom_methods;  /* any token, not only registered methods */
    bool                 keep_case;             /* of names, for the encoder of the other side */
    bool                 enable_trailers;       /* else trailers are checked and dropped */
} nc_h1_options_t;

typedef enum {
    NC_H1_TARGET_ORIGIN,                        /* /path?query */
    NC_H1_TARGET_ABSOLUTE,                      /* http://host/path */
    NC_H1_TARGET_AUTHORITY,                     /* host:port, CONNECT only */
    NC_H1_TARGET_ASTERISK                       /* *, OPTIONS only */
} nc_h1_target_t;

/* How the end of a body is found. */
typedef enum {
    NC_H1_BODY_NONE,
    NC_H1_BODY_LENGTH,
    NC_H1_BODY_CHUNKED,
    NC_H1_BODY_CLOSE                            /* until the peer closes; CONNECT, 101 */
} nc_h1_body_kind_t;

/* What a response answers; decides on its body. */
typedef enum {
    NC_H1_FOR_OTHER,
    NC_H1_FOR_HEAD,
    NC_H1_FOR_CONNECT
} nc_h1_for_t;

/* A parsed head. */
typedef struct {
    nc_str_t           method;                  /* requests */
    nc_str_t           scheme;                  /* of absolute-form, lower case; else data NULL */
    uint64_t           content_length;          /* when has_length */
    nc_h1_error_t      error;                   /* after NC_ERROR */
    nc_h1_target_t     target;                  /* requests */
    nc_h1_body_kind_t  body;                    /* Content-Length: 0 is NONE */
    uint16_t           status;                  /* responses */
    uint8_t            version;                 /* 10 or 11 */
    uint16_t           n_dropped;               /* fields dropped for their underscores */
    bool               is_head;                 /* HEAD request */
    bool               is_connect;              /* CONNECT request */
    bool               keep_alive;              /* the peer allows the connection to be reused */
    bool               chunked;                 /* had Transfer-Encoding: chunked */
    bool               has_length;              /* had Content-Length */
    bool               upgrade;                 /* asks for (101: grants) one; see below */
    bool               expect_continue;         /* Expect: 100-continue */
    bool               te_trailers;             /* TE: trailers */
    bool               has_fragment;            /* target has a '#' (kept in :path) */
} nc_h1_head_t;

/* Where the parsing of one head stands. Zero it, or call nc_h1_parser_init, before each message. */
typedef struct {
    char          *base;                        /* data of the last call; entries point into it */
    size_t         pos;                         /* start of the first line not parsed */
    size_t         seen;                        /* bytes known to hold no end of that line */
    nc_h1_head_t   head;                        /* as far as it is known */
    uint32_t       n_fields;
    uint16_t       marks;                       /* what was met so far; private */
    uint8_t        state;
    uint8_t        n_tokens;                    /* of Connection */
} nc_h1_parser_t;

static inline void
nc_h1_parser_init(nc_h1_parser_t *p)
{
    *p = (nc_h1_parser_t) { 0 };
}

/*
 * Parses the head of a request. `data` is all unread bytes from the start of the message, writable
 * and contiguous; header names are lowered in place and entries of `out` point into it, so it
 * stays until the message is done with. NC_AGAIN: call again with the same `out`, not touched
 * meanwhile, and at least the same bytes (they may have moved); `head` is not set. NC_OK: *consumed
 * is the length of the head. NC_ERROR: head->error; `out` has what was parsed so far.
 *
 * `out` (initialised, empty) gets :method, :path (not for CONNECT), the fields in order, and among
 * them :authority (from Host or the target; RFC 9112 section 3.2.2: the target wins). :scheme is
 * the caller's to add. Hop-by-hop fields are taken out and reported in `head`, but for an upgrade,
 * where `connection: upgrade` and `upgrade` stay. `te: trailers` and `content-length` stay, too.
 *
 * An upgrade is one only if the message names it in Connection and in Upgrade, is HTTP/1.1, has no
 * body and is not h2c; otherwise its fields are dropped, as RFC 9110 section 7.8 allows. The body
 * of such a request is NONE: what follows is the upgraded protocol once 101 was answered, else the
 * next request. CONNECT is of kind CLOSE: nothing behind it can be another request.
 */
nc_rc_t nc_h1_parse_request(nc_h1_parser_t *p, const nc_h1_options_t *options, char *data,
    size_t len, nc_headers_t *out, nc_h1_head_t *head, size_t *consumed);

/* As nc_h1_parse_request, for a response; `out` gets :status, then the fields. */
nc_rc_t nc_h1_parse_response(nc_h1_parser_t *p, const nc_h1_options_t *options, nc_h1_for_t answers,
    char *data, size_t len, nc_headers_t *out, nc_h1_head_t *head, size_t *consumed);


/* Where the decoding of one body stands. */
typedef struct {
    nc_h1_body_kind_t       kind;
    nc_h1_error_t           error;              /* after NC_ERROR */
    const nc_h1_options_t  *options;
    uint64_t                left;               /* of the body, or of this chunk */
    uint64_t                bytes;              /* decoded so far */
    uint64_t                overhead;           /* chunk framing so far */
    size_t                  seen;               /* bytes of `in` known to hold no line end */
    uint32_t                line;               /* bytes of this chunk extension; of all trailers */
    uint32_t                n_trailers;
    uint8_t                 state;
    uint8_t                 digits;             /* of this chunk's size */
} nc_h1_body_t;

/* Ready to decode the body that `head` announces. */
void nc_h1_body_init(nc_h1_body_t *b, const nc_h1_head_t *head, const nc_h1_options_t *options);

/*
 * Moves at most `max` decoded bytes from `in` to `out`. Trailers go to `trailers` (their bytes are
 * copied to its pool); NULL drops them, as do options without enable_trailers. NC_OK: the body is
 * complete, the rest of `in` belongs to the next message. NC_AGAIN: more to come (or `max` was
 * reached). NC_ERROR: b->error. A body of kind CLOSE never completes here; its caller knows.
 */
nc_rc_t nc_h1_body_decode(nc_h1_body_t *b, nc_buf_t *in, nc_buf_t *out, size_t max,
    nc_headers_t *trailers);

/* True when the end of the connection ends this body rightly (kind CLOSE, or all was read). */
bool nc_h1_body_may_end(const nc_h1_body_t *b);


/* What the Connection field of a message to be written says. */
typedef enum {
    NC_H1_CONN_DEFAULT,                         /* nothing */
    NC_H1_CONN_CLOSE,
    NC_H1_CONN_KEEP_ALIVE,
    NC_H1_CONN_UPGRADE                          /* and the `upgrade` field is written */
} nc_h1_conn_t;

/* How to write a head. */
typedef struct {
    nc_h1_body_kind_t  body;                    /* LENGTH and CHUNKED write their field */
    uint64_t           length;                  /* for LENGTH */
    nc_h1_conn_t       connection;
    bool               http_10;                 /* version of the start line */
    bool               proper_case;             /* Content-Type instead of content-type */
} nc_h1_encode_t;

/*
 * Append a head. content-length, transfer-encoding, connection and the other hop-by-hop fields of
 * `h` are not written; what `how` says is. `host` is written from :authority. NC_ERROR: :method,
 * :path (:authority for CONNECT) or a valid :status is missing; nothing is written.
 */
nc_rc_t nc_h1_encode_request(nc_buf_t *out, const nc_headers_t *h, const nc_h1_encode_t *how);
nc_rc_t nc_h1_encode_response(nc_buf_t *out, const nc_headers_t *h, const nc_h1_encode_t *how);

/* Moves all of `data` to `out` as one chunk; nothing when it is empty. */
void nc_h1_encode_chunk(nc_buf_t *out, nc_buf_t *data);

/* Appends the last chunk, the trailers (NULL: none), and the empty line. */
void nc_h1_encode_last(nc_buf_t *out, const nc_headers_t *trailers);

/* Reason phrase of a status; "Unknown" for unregistered ones, as Envoy writes it. */
nc_str_t nc_h1_reason(unsigned status);

#endif
