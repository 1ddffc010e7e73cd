/*
 * h1_body.c: bodies of HTTP/1 messages: data moves from queue to queue, framing is dropped.
 *
 * Bytes of framing are taken off the queue as they are read, so nothing is read twice; only a
 * trailer line waits in the queue until it is whole.
 *
 *      SIZE ──► (EXTENSION) ──► SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE
 *                                  └─ size 0 ──► TRAILER ──► DONE
 */
#include "codec/h1_priv.h"

#define MAX_SIZE_DIGITS     16u
#define MAX_EXTENSION       256u                /* bytes, for each chunk */

/* Framing that is let pass beyond 8 bytes for each byte of data (a chunk of one byte has 5). */
#define OVERHEAD_SPARE      (64u * 1024)
#define OVERHEAD_RATE       8u

enum {
    STATE_SIZE,
    STATE_BLANK,                                /* blanks before an extension */
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER,
    STATE_DONE
};

/* Fields that may not come as trailers (RFC 9110 section 6.5.1); they are dropped. */
static const bool  forbidden[NC_H_MAX] = {
    [NC_H_CONNECTION] = true, [NC_H_KEEP_ALIVE] = true, [NC_H_PROXY_CONNECTION] = true,
    [NC_H_TRANSFER_ENCODING] = true, [NC_H_UPGRADE] = true, [NC_H_TE] = true,
    [NC_H_TRAILER] = true, [NC_H_HTTP2_SETTINGS] = true, [NC_H_CONTENT_LENGTH] = true,
    [NC_H_CONTENT_TYPE] = true, [NC_H_CONTENT_ENCODING] = true, [NC_H_HOST] = true,
    [NC_H_EXPECT] = true, [NC_H_AUTHORIZATION] = true, [NC_H_COOKIE] = true,
    [NC_H_SET_COOKIE] = true, [NC_H_CACHE_CONTROL] = true, [NC_H_VARY] = true,
    [NC_H_LOCATION] = true, [NC_H_RETRY_AFTER] = true, [NC_H_DATE] = true,
    [NC_H_X_FORWARDED_FOR] = true, [NC_H_X_FORWARDED_PROTO] = true,
    [NC_H_X_FORWARDED_HOST] = true, [NC_H_X_FORWARDED_PORT] = true,
    [NC_H_X_ENVOY_EXTERNAL_ADDRESS] = true, [NC_H_X_ENVOY_INTERNAL] = true
};


void
nc_h1_body_init(nc_h1_body_t *b, const nc_h1_head_t *head, const nc_h1_options_t *options)
{
    *b = (nc_h1_body_t) {
        .kind    = head->body,
        .options = options,
        .left    = head->body == NC_H1_BODY_LENGTH ? head->content_length : 0,
        .state   = head->body == NC_H1_BODY_NONE ? STATE_DONE
                 : head->body == NC_H1_BODY_CHUNKED ? STATE_SIZE : STATE_DATA
    };
}


bool
nc_h1_body_may_end(const nc_h1_body_t *b)
{
    return b->state == STATE_DONE || b->kind == NC_H1_BODY_CLOSE;
}


static nc_h1_error_t
on_size(nc_h1_body_t *b, char c)
{
    int  digit = nc_hex_value(c);

    if (digit >= 0) {
        if (++b->digits > MAX_SIZE_DIGITS || b->left > INT64_MAX >> 4) {
            return NC_H1_ERR_CHUNK;
        }

        b->left = b->left << 4 | (unsigned) digit;

        return NC_H1_ERR_NONE;
    }

    if (b->digits == 0) {
        return NC_H1_ERR_CHUNK;
    }

    switch (c) {

    case '\r':
        b->state = STATE_SIZE_LF;
        return NC_H1_ERR_NONE;

    case ';':
        b->state = STATE_EXTENSION;
        return NC_H1_ERR_NONE;

    case ' ':
    case '\t':
        b->state = STATE_BLANK;
        return NC_H1_ERR_NONE;

    default:
        return NC_H1_ERR_CHUNK;
    }
}


static nc_h1_error_t
on_extension(nc_h1_body_t *b, char c)
{
    if (c == '\r' && b->state == STATE_EXTENSION) {
        b->state = STATE_SIZE_LF;
        return NC_H1_ERR_NONE;
    }

    if (++b->line > MAX_EXTENSION || !nc_char_is(c, NC_C_VALUE)) {
        return NC_H1_ERR_CHUNK_EXTENSION;
    }

    if (b->state == STATE_BLANK && c != ' ' && c != '\t') {
        if (c != ';') {
            return NC_H1_ERR_CHUNK_EXTENSION;
        }

        b->state = STATE_EXTENSION;
    }

    return NC_H1_ERR_NONE;
}


/* One byte of framing. */
static nc_h1_error_t
on_framing(nc_h1_body_t *b, char c)
{
    switch (b->state) {

    case STATE_SIZE:
        return on_size(b, c);

    case STATE_BLANK:
    case STATE_EXTENSION:
        return on_extension(b, c);

    case STATE_SIZE_LF:
        b->state = b->left > 0 ? STATE_DATA : STATE_TRAILER;
        b->digits = 0;
        b->line = 0;

        return c == '\n' ? NC_H1_ERR_NONE : NC_H1_ERR_CHUNK;

    case STATE_DATA_CR:
        b->state = STATE_DATA_LF;

        return c == '\r' ? NC_H1_ERR_NONE : NC_H1_ERR_CHUNK;

    default:                                    /* STATE_DATA_LF */
        b->state = STATE_SIZE;

        return c == '\n' ? NC_H1_ERR_NONE : NC_H1_ERR_CHUNK;
    }
}


/* Reads framing until data or the trailers begin, or `in` is empty. */
static nc_rc_t
read_framing(nc_h1_body_t *b, nc_buf_t *in)
{
    while (in->n > 0 && b->state != STATE_DATA && b->state != STATE_TRAILER) {
        nc_slice_t  *s = nc_buf_first(in);
        size_t       i = 0;

        while (i < s->len && b->state != STATE_DATA && b->state != STATE_TRAILER) {
            b->error = on_framing(b, s->at[i++]);

            if (b->error) {
                return NC_ERROR;
            }
        }

        b->overhead += i;
        nc_buf_drain(in, i);

        if (b->overhead / OVERHEAD_RATE > b->bytes + OVERHEAD_SPARE / OVERHEAD_RATE) {
            b->error = NC_H1_ERR_CHUNK_OVERHEAD;
            return NC_ERROR;
        }
    }

    return NC_OK;
}


/* Moves data of this chunk, or of the whole body; returns how many bytes. */
static size_t
move_data(nc_h1_body_t *b, nc_buf_t *in, nc_buf_t *out, size_t max)
{
    size_t  n = NC_MIN(in->len, max);

    if (b->kind != NC_H1_BODY_CLOSE) {
        n = (size_t) NC_MIN((uint64_t) n, b->left);
        b->left -= n;
    }

    b->bytes += n;
    nc_buf_move(out, in, n);

    return n;
}


/* Length of the line at the start of `in`, its LF included; 0 when it is not whole. */
static size_t
find_line(nc_h1_body_t *b, const nc_buf_t *in)
{
    size_t  before = 0;                         /* bytes in the slices passed */

    for (uint32_t i = 0; i < in->n; i++) {
        const nc_slice_t  *s = nc_buf_at(in, i);

        if (before + s->len > b->seen) {
            size_t       skip = b->seen > before ? b->seen - before : 0;
            const char  *lf = memchr(s->at + skip, '\n', s->len - skip);

            if (lf != NULL) {
                return before + (size_t) (lf - s->at) + 1;
            }
        }

        before += s->len;
    }

    b->seen = before;

    return 0;
}


static nc_rc_t
on_trailer(nc_h1_body_t *b, const nc_h1_field_t *f, nc_headers_t *trailers)
{
    const nc_h1_options_t  *options = b->options;

    if (++b->n_trailers > nc_h1_max_headers(options)) {
        b->error = NC_H1_ERR_TOO_MANY;
        return NC_ERROR;
    }

    if (f->underscore && options->underscores == NC_H1_UNDERSCORES_REJECT) {
        b->error = NC_H1_ERR_UNDERSCORE;
        return NC_ERROR;
    }

    if (trailers == NULL || !options->enable_trailers || forbidden[f->id]
        || (f->underscore && options->underscores == NC_H1_UNDERSCORES_DROP))
    {
        return NC_OK;
    }

    nc_headers_push(trailers, f->id,
                    f->id == NC_H_OTHER ? nc_pool_str(trailers->pool, f->name)
                                        : nc_header_names[f->id],
                    nc_pool_str(trailers->pool, f->value));

    return NC_OK;
}


/* Trailer lines up to the empty one. b->line counts the bytes of all of them. */
static nc_rc_t
read_trailers(nc_h1_body_t *b, nc_buf_t *in, nc_headers_t *trailers)
{
    uint32_t  max = nc_h1_max_bytes(b->options);

    for (;;) {
        size_t         len = find_line(b, in);
        nc_h1_field_t  f;
        nc_rc_t        rc;
        char          *at;

        if (b->line + (len ? len : in->len) > max) {
            b->error = NC_H1_ERR_TOO_LARGE;
            return NC_ERROR;
        }

        if (len == 0) {
            return NC_AGAIN;
        }

        b->line += (uint32_t) len;
        b->seen = 0;
        at = nc_buf_pullup(in, len);
        rc = nc_h1_parse_field(&at, at + len, &f, &b->error);

        if (rc == NC_OK) {
            rc = on_trailer(b, &f, trailers);
        }

        if (rc == NC_AGAIN) {
            b->error = NC_H1_ERR_LINE_END;      /* the line has its LF, but is not whole */
            rc = NC_ERROR;
        }

        if (rc == NC_ERROR) {
            return rc;
        }

        nc_buf_drain(in, len);

        if (rc == NC_DECLINED) {
            b->state = STATE_DONE;
            return NC_OK;
        }
    }
}


nc_rc_t
nc_h1_body_decode(nc_h1_body_t *b, nc_buf_t *in, nc_buf_t *out, size_t max,
    nc_headers_t *trailers)
{
    if (b->kind != NC_H1_BODY_CHUNKED) {
        if (b->state == STATE_DATA) {
            move_data(b, in, out, max);

            if (b->kind == NC_H1_BODY_LENGTH && b->left == 0) {
                b->state = STATE_DONE;
            }
        }

        return b->state == STATE_DONE ? NC_OK : NC_AGAIN;
    }

    while (b->state != STATE_DONE) {
        if (b->state == STATE_TRAILER) {
            return read_trailers(b, in, trailers);
        }

        if (b->state == STATE_DATA) {
            max -= move_data(b, in, out, max);

            if (b->left > 0) {
                return NC_AGAIN;
            }

            b->state = STATE_DATA_CR;
        }

        if (read_framing(b, in)) {
            return NC_ERROR;
        }

        if (in->n == 0) {
            return NC_AGAIN;
        }
    }

    return NC_OK;
}
