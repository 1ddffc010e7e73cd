/* h1_priv.h: what the parts of the HTTP/1 codec share. */
#ifndef NC_CODEC_H1_PRIV_H
#define NC_CODEC_H1_PRIV_H

#include "codec/h1.h"
#include "codec/headers_priv.h"
#include "codec/chars_priv.h"

/* What was met so far in a head. */
enum {
    NC_H1_MARK_HOST       = NC_BIT(0),
    NC_H1_MARK_KEEP_ALIVE = NC_BIT(1),          /* in Connection, as the next three */
    NC_H1_MARK_CLOSE      = NC_BIT(2),
    NC_H1_MARK_UPGRADE    = NC_BIT(3),
    NC_H1_MARK_NOMINATED  = NC_BIT(4),          /* names of other fields */
    NC_H1_MARK_CODING     = NC_BIT(5),          /* Transfer-Encoding was met */
    NC_H1_MARK_RESPONSE   = NC_BIT(6),
    NC_H1_MARK_TARGET     = NC_BIT(7)           /* the target names the host */
};

/* What the parsing functions work on during one call. */
typedef struct {
    nc_h1_parser_t         *p;
    const nc_h1_options_t  *options;
    nc_headers_t           *out;
    nc_h1_head_t           *head;
    char                   *at;                 /* next byte */
    char                   *end;
} nc_h1_work_t;

static inline nc_rc_t
nc_h1_fail(nc_h1_work_t *w, nc_h1_error_t error)
{
    w->head->error = error;

    return NC_ERROR;
}

/* Takes "\r\n" at `at`. */
static inline nc_rc_t
nc_h1_line_end(nc_h1_work_t *w, char *at)
{
    if (at == w->end) {
        return NC_AGAIN;
    }

    if (*at != '\r') {
        return nc_h1_fail(w, NC_H1_ERR_LINE_END);
    }

    if (at + 1 == w->end) {
        return NC_AGAIN;
    }

    if (at[1] != '\n') {
        return nc_h1_fail(w, NC_H1_ERR_LINE_END);
    }

    w->at = at + 2;

    return NC_OK;
}

/*
 * Parse the start line at w->at and move behind it. Whole lines only are entered: NC_AGAIN leaves
 * everything as it was.
 */
nc_rc_t nc_h1_request_line(nc_h1_work_t *w);
nc_rc_t nc_h1_status_line(nc_h1_work_t *w);

/* host [ ":" port ] of RFC 3986 section 3.2: host not empty, no userinfo, port as needed. */
bool nc_h1_authority_valid(nc_str_t s, bool need_port);

/* One field line, parsed and trimmed. */
typedef struct {
    nc_str_t        name;                       /* lower case */
    nc_str_t        value;
    nc_header_id_t  id;
    bool            underscore;                 /* in the name */
} nc_h1_field_t;

/*
 * Parses the field line at *at, before `end`, and moves *at behind it. NC_AGAIN: the line is not
 * whole. NC_DECLINED: it is the empty line that ends the section; *at is moved behind it, too.
 */
nc_rc_t nc_h1_parse_field(char **at, char *end, nc_h1_field_t *field, nc_h1_error_t *error);

static inline uint32_t
nc_h1_max_bytes(const nc_h1_options_t *options)
{
    return options->max_bytes ? options->max_bytes : 60 * 1024;
}

/* Never so many that they, and what filters add, would not fit into nc_headers_t. */
static inline uint32_t
nc_h1_max_headers(const nc_h1_options_t *options)
{
    return options->max_headers ? NC_MIN(options->max_headers, UINT16_MAX / 2u) : 100;
}

#endif
