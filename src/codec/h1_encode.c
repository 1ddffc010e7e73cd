/*
 * h1_encode.c: writes HTTP/1 heads and chunks. A head is written into one contiguous room that is
 * reserved by an upper bound of its size, so the writers below need no checks of their own.
 *
 * Invariant: values were checked where they came in (parser, configuration, filters); a CR, LF or
 * NUL here is a bug of the one who set it.
 */
#include "codec/h1_priv.h"

/* Upper bound of what is written beyond names, values, ": " and CRLF of the headers. */
#define FIXED_ROOM      256u

/* Fields that are never copied from the headers: the encoder writes its own. */
static const bool  own[NC_H_MAX] = {
    [NC_H_METHOD] = true, [NC_H_PATH] = true, [NC_H_AUTHORITY] = true, [NC_H_SCHEME] = true,
    [NC_H_STATUS] = true, [NC_H_PROTOCOL] = true, [NC_H_CONNECTION] = true,
    [NC_H_KEEP_ALIVE] = true, [NC_H_PROXY_CONNECTION] = true, [NC_H_TRANSFER_ENCODING] = true,
    [NC_H_CONTENT_LENGTH] = true, [NC_H_UPGRADE] = true, [NC_H_HTTP2_SETTINGS] = true
};


static inline char *
put(char *p, nc_str_t s)
{
    return nc_copy_short(p, s.data, s.len);
}

#define put_lit(p, lit)     ((char *) memcpy((p), (lit), sizeof(lit) - 1) + sizeof(lit) - 1)


/* Upper case for the first letter and each one behind a byte that is no letter or digit. */
static char *
put_proper(char *p, nc_str_t name)
{
    bool  first = true;

    for (size_t i = 0; i < name.len; i++) {
        char  c = name.data[i];

        *p++ = first && c >= 'a' && c <= 'z' ? (char) (c & ~0x20) : c;
        first = !nc_is_alpha(c) && !nc_is_digit(c);
    }

    return p;
}


static inline char *
put_name(char *p, nc_str_t name, bool proper)
{
    return NC_UNLIKELY(proper) ? put_proper(p, name) : put(p, name);
}


static inline char *
put_field(char *p, nc_str_t name, nc_str_t value, bool proper)
{
    NC_ASSERT(nc_header_value_valid(value));
    p = put_name(p, name, proper);
    p = put_lit(p, ": ");
    p = put(p, value);

    return put_lit(p, "\r\n");
}


/* All fields but the encoder's own, and `not` (NC_H_OTHER: none). */
static char *
put_fields(char *p, const nc_headers_t *h, nc_header_id_t not, bool proper)
{
    const nc_header_t  *end = h->items + h->n;

    for (const nc_header_t *e = h->items; e < end; e++) {
        if (e->id != NC_H_OTHER ? own[e->id] || e->id == not || e->name.data == NULL
                                : e->name.data == NULL || e->name.data[0] == ':')
        {
            continue;
        }

        p = put_field(p, e->name, e->value, proper);
    }

    return p;
}


/* Framing and Connection as told, and the empty line. */
static char *
put_end(char *p, const nc_headers_t *h, const nc_h1_encode_t *how)
{
    bool  proper = how->proper_case;
    char  digits[20];

    if (how->body == NC_H1_BODY_LENGTH) {
        p = put_field(p, nc_header_names[NC_H_CONTENT_LENGTH],
                      nc_str(digits, nc_u64_format(digits, how->length)), proper);

    } else if (how->body == NC_H1_BODY_CHUNKED) {
        p = put_field(p, nc_header_names[NC_H_TRANSFER_ENCODING], NC_STR("chunked"), proper);
    }

    switch (how->connection) {

    case NC_H1_CONN_DEFAULT:
        break;

    case NC_H1_CONN_CLOSE:
        p = put_field(p, nc_header_names[NC_H_CONNECTION], NC_STR("close"), proper);
        break;

    case NC_H1_CONN_KEEP_ALIVE:
        p = put_field(p, nc_header_names[NC_H_CONNECTION], NC_STR("keep-alive"), proper);
        break;

    case NC_H1_CONN_UPGRADE:
        p = put_field(p, nc_header_names[NC_H_CONNECTION], NC_STR("upgrade"), proper);

        if (h->first[NC_H_UPGRADE]) {
            p = put_field(p, nc_header_names[NC_H_UPGRADE], nc_headers_value(h, NC_H_UPGRADE),
                          proper);
        }

        break;
    }

    return put_lit(p, "\r\n");
}


/* Room for the whole head of `h`. */
static char *
head_room(nc_buf_t *out, const nc_headers_t *h, size_t *room)
{
    return nc_buf_reserve(out, (size_t) h->bytes + (size_t) h->live * 4 + FIXED_ROOM, room);
}


static void
commit(nc_buf_t *out, const char *start, const char *end, size_t room)
{
    NC_CHECK((size_t) (end - start) <= room);
    nc_buf_commit(out, (size_t) (end - start));
}


/* Gives the names of a written head the case in which they came. */
static void
restore_case(char *p, const char *end, const nc_headers_t *h)
{
    for (;;) {
        char      *colon;
        nc_str_t   kept;

        p = memchr(p, '\n', (size_t) (end - p));

        if (p == NULL || ++p == end || (colon = memchr(p, ':', (size_t) (end - p))) == NULL) {
            return;
        }

        kept = nc_headers_case(h, nc_str(p, (size_t) (colon - p)));

        if (kept.data != NULL) {
            memcpy(p, kept.data, kept.len);
        }
    }
}


nc_rc_t
nc_h1_encode_request(nc_buf_t *out, const nc_headers_t *h, const nc_h1_encode_t *how)
{
    nc_str_t  method = nc_headers_value(h, NC_H_METHOD);
    nc_str_t  host = nc_headers_value(h, NC_H_AUTHORITY);
    nc_str_t  target = nc_str_eq(method, NC_STR("CONNECT")) ? host : nc_headers_value(h, NC_H_PATH);
    size_t    room;
    char     *start, *p;

    if (method.len == 0 || target.len == 0) {
        return NC_ERROR;
    }

    /* :authority may be written twice by CONNECT. */
    start = nc_buf_reserve(out, (size_t) h->bytes + host.len + (size_t) h->live * 4 + FIXED_ROOM,
                           &room);
    p = put(start, method);
    *p++ = ' ';
    p = put(p, target);
    p = how->http_10 ? put_lit(p, " HTTP/1.0\r\n") : put_lit(p, " HTTP/1.1\r\n");

    if (host.data != NULL) {
        p = put_field(p, nc_header_names[NC_H_HOST], host, how->proper_case);
    }

    p = put_fields(p, h, NC_H_HOST, how->proper_case);
    p = put_end(p, h, how);

    if (NC_UNLIKELY(h->cases != NULL)) {
        restore_case(start, p, h);
    }

    commit(out, start, p, room);

    return NC_OK;
}


nc_rc_t
nc_h1_encode_response(nc_buf_t *out, const nc_headers_t *h, const nc_h1_encode_t *how)
{
    nc_str_t  status = nc_headers_value(h, NC_H_STATUS);
    uint64_t  code;
    size_t    room;
    char     *start, *p;

    if (status.len != 3 || nc_str_to_u64(status, 999, &code) || code < 100) {
        return NC_ERROR;
    }

    start = head_room(out, h, &room);
    p = how->http_10 ? put_lit(start, "HTTP/1.0 ") : put_lit(start, "HTTP/1.1 ");
    p = put(p, status);
    *p++ = ' ';
    p = put(p, nc_h1_reason((unsigned) code));
    p = put_lit(p, "\r\n");
    p = put_fields(p, h, NC_H_OTHER, how->proper_case);
    p = put_end(p, h, how);

    if (NC_UNLIKELY(h->cases != NULL)) {
        restore_case(start, p, h);
    }

    commit(out, start, p, room);

    return NC_OK;
}


void
nc_h1_encode_chunk(nc_buf_t *out, nc_buf_t *data)
{
    static const char  hex[] = "0123456789abcdef";
    char               line[18], *p = line + sizeof(line);

    if (data->len == 0) {
        return;
    }

    *--p = '\n';
    *--p = '\r';

    for (size_t n = data->len; n > 0; n >>= 4) {
        *--p = hex[n & 15];
    }

    nc_buf_add(out, p, (size_t) (line + sizeof(line) - p));
    nc_buf_move_all(out, data);
    nc_buf_add(out, "\r\n", 2);
}


void
nc_h1_encode_last(nc_buf_t *out, const nc_headers_t *trailers)
{
    size_t  room;
    char   *start, *p;

    if (trailers == NULL || trailers->live == 0) {
        nc_buf_add(out, "0\r\n\r\n", 5);
        return;
    }

    start = head_room(out, trailers, &room);
    p = put_lit(start, "0\r\n");
    p = put_fields(p, trailers, NC_H_HOST, false);
    p = put_lit(p, "\r\n");
    commit(out, start, p, room);
}
