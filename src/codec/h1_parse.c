/*
 * h1_parse.c: heads of HTTP/1 messages. One pass: a line is scanned, checked and entered at once.
 *
 * A head normally comes whole. When it does not, the parser keeps the place of the line that is
 * not whole, and after that looks at new bytes only for the end of that line; so no line is scanned
 * more than twice. Entries that point into bytes that moved meanwhile are moved along.
 *
 *      BLANK ──► START ──► FIELDS ──► (done)          empty lines, start line, field lines
 */
#include "codec/h1_priv.h"

#define MAX_BLANK       2u                      /* empty lines before a request */
#define MAX_TOKENS      9u                      /* in Connection, as Envoy has it */
#define MAX_TE          255u                    /* bytes, as Envoy has it */

enum {
    STATE_BLANK,
    STATE_START,
    STATE_FIELDS
};

/* What is to be done for a field beyond entering it. */
enum {
    DO_NOTHING,
    DO_HOST,
    DO_CONNECTION,
    DO_DROP,
    DO_CODING,
    DO_TE,
    DO_LENGTH,
    DO_EXPECT
};

static const uint8_t  field_work[NC_H_MAX] = {
    [NC_H_HOST]              = DO_HOST,
    [NC_H_CONNECTION]        = DO_CONNECTION,
    [NC_H_KEEP_ALIVE]        = DO_DROP,
    [NC_H_PROXY_CONNECTION]  = DO_DROP,
    [NC_H_HTTP2_SETTINGS]    = DO_DROP,
    [NC_H_TRANSFER_ENCODING] = DO_CODING,
    [NC_H_TE]                = DO_TE,
    [NC_H_CONTENT_LENGTH]    = DO_LENGTH,
    [NC_H_EXPECT]            = DO_EXPECT
};

/* A field line that has no name where one is due; see nc_h1_parse_field. */
static nc_rc_t
no_name(char **at, char *end, char *stop, nc_h1_error_t *error)
{
    char  *line = *at;

    if (stop != line || (*stop != '\r' && *stop != ' ' && *stop != '\t' && *stop != '\n')) {
        *error = NC_H1_ERR_HEADER_NAME;
        return NC_ERROR;
    }

    if (*stop == '\r') {
        if (stop + 1 == end) {
            return NC_AGAIN;
        }

        if (stop[1] == '\n') {
            *at = stop + 2;
            return NC_DECLINED;
        }
    }

    *error = *stop == '\r' || *stop == '\n' ? NC_H1_ERR_LINE_END : NC_H1_ERR_FOLDED;

    return NC_ERROR;
}


/* The name of the field line `line`; *stop becomes its colon, or where it is wrong or not whole. */
static inline bool
parse_name(char *line, char *end, nc_h1_field_t *field, char **stop)
{
    char    low[NC_SHORT_NAME];
    size_t  len = nc_scan_short_name(line, end, low);

    field->underscore = false;

    if (NC_LIKELY(len > 0)) {
        *stop = line + len;
        field->id = nc_header_id_fast(low, len);

        if (field->id != NC_H_OTHER) {
            field->name = nc_header_names[field->id];

        } else {
            nc_copy_short(line, low, len & (NC_SHORT_NAME - 1));
            field->name = nc_str(line, len);
        }

        return true;
    }

    *stop = nc_scan_name(line, end, &field->underscore);

    if (*stop == end || *stop == line || **stop != ':') {
        return false;
    }

    field->name = nc_str(line, (size_t) (*stop - line));
    field->id = nc_header_id_fast(line, field->name.len);

    return true;
}


/* See nc_h1_parse_field. */
static inline __attribute__((always_inline)) nc_rc_t
parse_field(char **at, char *end, nc_h1_field_t *field, nc_h1_error_t *error)
{
    char  *p, *value, *last;

    if (NC_UNLIKELY(!parse_name(*at, end, field, &p))) {
        return p == end ? NC_AGAIN : no_name(at, end, p, error);
    }

    for (value = p + 1; value < end && (*value == ' ' || *value == '\t'); value++) { /* void */ }

    p = nc_scan_value(value, end);

    if (NC_UNLIKELY(end - p < 2 || p[0] != '\r' || p[1] != '\n')) {
        if (p == end || (p + 1 == end && *p == '\r')) {
            return NC_AGAIN;
        }

        *error = *p == '\r' || *p == '\n' ? NC_H1_ERR_LINE_END : NC_H1_ERR_HEADER_VALUE;

        return NC_ERROR;
    }

    for (last = p; last > value && (last[-1] == ' ' || last[-1] == '\t'); last--) { /* void */ }

    field->value = nc_str(value, (size_t) (last - value));
    *at = p + 2;

    return NC_OK;
}


nc_rc_t
nc_h1_parse_field(char **at, char *end, nc_h1_field_t *field, nc_h1_error_t *error)
{
    return parse_field(at, end, field, error);
}


/* Fields whose removal by nomination would hide where a request comes from, or its framing. */
static bool
may_nominate(nc_str_t token)
{
    static const nc_header_id_t  never[] = {
        NC_H_HOST, NC_H_CONTENT_LENGTH, NC_H_TRANSFER_ENCODING, NC_H_X_FORWARDED_FOR,
        NC_H_X_FORWARDED_HOST, NC_H_X_FORWARDED_PROTO
    };

    for (size_t i = 0; i < NC_COUNTOF(never); i++) {
        if (nc_str_caseeq(token, nc_header_names[never[i]])) {
            return false;
        }
    }

    return nc_header_name_valid(token);
}


static nc_rc_t
on_connection(nc_h1_work_t *w, const nc_h1_field_t *f)
{
    nc_str_t  rest = f->value, token;
    bool      nominates = false;

    if (NC_LIKELY(nc_str_caseeq(rest, NC_STR("keep-alive")))) {
        w->p->n_tokens++;
        w->p->marks |= NC_H1_MARK_KEEP_ALIVE;
        rest = NC_STR_NULL;
    }

    while (nc_str_split(&rest, ',', &token)) {
        token = nc_str_trim(token);

        if (token.len == 0) {
            continue;
        }

        if (++w->p->n_tokens > MAX_TOKENS) {
            return nc_h1_fail(w, NC_H1_ERR_CONNECTION);
        }

        if (nc_str_caseeq(token, NC_STR("keep-alive"))) {
            w->p->marks |= NC_H1_MARK_KEEP_ALIVE;

        } else if (nc_str_caseeq(token, NC_STR("close"))) {
            w->p->marks |= NC_H1_MARK_CLOSE;

        } else if (nc_str_caseeq(token, NC_STR("upgrade"))) {
            w->p->marks |= NC_H1_MARK_UPGRADE;

        } else if (!may_nominate(token)) {
            return nc_h1_fail(w, NC_H1_ERR_CONNECTION);

        } else {
            nominates = true;
        }
    }

    if (nominates) {
        w->p->marks |= NC_H1_MARK_NOMINATED;
        nc_headers_push(w->out, f->id, nc_header_names[f->id], f->value);
    }

    return NC_OK;
}


/* Transfer-Encoding: exactly one "chunked" in the whole message; RFC 9112 section 6.1. */
static nc_rc_t
on_coding(nc_h1_work_t *w, nc_str_t value)
{
    nc_str_t  coding, name;
    bool      other = false, chunked = false;

    if (w->p->marks & NC_H1_MARK_CODING) {
        return nc_h1_fail(w, NC_H1_ERR_CODING_MALFORMED);
    }

    w->p->marks |= NC_H1_MARK_CODING;

    if (NC_LIKELY(nc_str_caseeq(value, NC_STR("chunked")))) {
        w->head->chunked = true;
        return NC_OK;
    }

    while (nc_str_split(&value, ',', &coding)) {
        coding = nc_str_trim(coding);
        nc_str_split(&coding, ';', &name);
        name = nc_str_trim(name);

        if (chunked || !nc_header_name_valid(name)) {
            return nc_h1_fail(w, NC_H1_ERR_CODING_MALFORMED);
        }

        chunked = nc_str_caseeq(name, NC_STR("chunked"));
        other |= !chunked || coding.len > 0;
    }

    return nc_h1_fail(w, other ? NC_H1_ERR_CODING : NC_H1_ERR_CODING_MALFORMED);
}


static nc_rc_t
on_host(nc_h1_work_t *w, const nc_h1_field_t *f)
{
    nc_h1_parser_t  *p = w->p;

    if (p->marks & NC_H1_MARK_RESPONSE) {
        nc_headers_push(w->out, f->id, nc_header_names[f->id], f->value);
        return NC_OK;
    }

    if (p->marks & NC_H1_MARK_HOST) {
        return nc_h1_fail(w, NC_H1_ERR_HOST);
    }

    p->marks |= NC_H1_MARK_HOST;

    if (f->value.len == 0 && !(p->marks & NC_H1_MARK_TARGET)) {
        return nc_h1_fail(w, NC_H1_ERR_HOST_MISSING);
    }

    if (f->value.len > 0 && !nc_h1_authority_valid(f->value, false)) {
        return nc_h1_fail(w, NC_H1_ERR_HOST);
    }

    if (!(p->marks & NC_H1_MARK_TARGET)) {
        nc_headers_push(w->out, NC_H_AUTHORITY, nc_header_names[NC_H_AUTHORITY], f->value);
    }

    return NC_OK;
}


static nc_rc_t
on_length(nc_h1_work_t *w, const nc_h1_field_t *f)
{
    if (w->head->has_length) {
        return nc_h1_fail(w, NC_H1_ERR_LENGTHS);
    }

    if (nc_str_to_u64(f->value, INT64_MAX, &w->head->content_length)) {
        return nc_h1_fail(w, NC_H1_ERR_LENGTH);
    }

    w->head->has_length = true;
    nc_headers_push(w->out, f->id, nc_header_names[f->id], f->value);

    return NC_OK;
}


/* Fields that the codec itself acts on. */
static nc_rc_t
on_special(nc_h1_work_t *w, const nc_h1_field_t *f)
{
    switch (field_work[f->id]) {

    case DO_HOST:
        return on_host(w, f);

    case DO_CONNECTION:
        return on_connection(w, f);

    case DO_CODING:
        return on_coding(w, f->value);

    case DO_LENGTH:
        return on_length(w, f);

    case DO_TE:
        if (f->value.len > MAX_TE) {
            return nc_h1_fail(w, NC_H1_ERR_CONNECTION);
        }

        if (!w->head->te_trailers && nc_header_has_token(f->value, NC_STR("trailers"))) {
            w->head->te_trailers = true;
            nc_headers_push(w->out, f->id, nc_header_names[f->id], NC_STR("trailers"));
        }

        return NC_OK;

    case DO_EXPECT:
        w->head->expect_continue |= nc_str_caseeq(f->value, NC_STR("100-continue"));
        nc_headers_push(w->out, f->id, nc_header_names[f->id], f->value);

        return NC_OK;

    default:                                    /* DO_DROP */
        return NC_OK;
    }
}


/*
 * Notes the name of the line at `at` before it is lowered. NC_AGAIN: the line is not whole, and must
 * not be looked at before it is, as what is looked at is lowered.
 */
static nc_rc_t
keep_case(nc_headers_t *out, const char *at, const char *end)
{
    const char  *line_end = memchr(at, '\n', (size_t) (end - at));
    const char  *colon;

    if (line_end == NULL) {
        return NC_AGAIN;
    }

    colon = memchr(at, ':', (size_t) (line_end - at));

    if (colon != NULL) {
        nc_headers_keep_case(out, nc_str(at, (size_t) (colon - at)));
    }

    return NC_OK;
}


static nc_rc_t
fields(nc_h1_work_t *w)
{
    nc_headers_t   *out = w->out;
    uint32_t        n = w->p->n_fields, max = nc_h1_max_headers(w->options);
    bool            underscores = w->options->underscores == NC_H1_UNDERSCORES_ALLOW;
    char           *at = w->at, *end = w->end;
    nc_h1_field_t   f;
    nc_h1_error_t   error = NC_H1_ERR_NONE;
    nc_rc_t         rc;

    for (;;) {
        if (NC_UNLIKELY(w->options->keep_case)) {
            rc = keep_case(out, at, end);

            if (rc) {
                break;
            }
        }

        rc = parse_field(&at, end, &f, &error);

        if (rc != NC_OK) {
            break;
        }

        if (NC_UNLIKELY(++n > max)) {
            return nc_h1_fail(w, NC_H1_ERR_TOO_MANY);
        }

        if (NC_UNLIKELY(f.underscore && !underscores)) {
            if (w->options->underscores == NC_H1_UNDERSCORES_REJECT) {
                return nc_h1_fail(w, NC_H1_ERR_UNDERSCORE);
            }

            w->head->n_dropped++;

        } else if (NC_UNLIKELY(field_work[f.id] != DO_NOTHING)) {
            rc = on_special(w, &f);

            if (rc) {
                return rc;
            }

        } else {
            nc_headers_push(out, f.id, f.name, f.value);
        }
    }

    w->at = at;
    w->p->n_fields = n;

    if (rc == NC_ERROR) {
        w->head->error = error;
    }

    return rc == NC_DECLINED ? NC_OK : rc;
}


/* Takes out what Connection nominates, and Connection itself. */
static void
drop_nominated(nc_h1_work_t *w)
{
    nc_headers_t  *out = w->out;
    nc_str_t       name = nc_header_names[NC_H_CONNECTION], rest, token;
    nc_header_t   *e;
    uint32_t       at = 0;

    while ((e = nc_headers_find(out, name, &at)) != NULL) {
        rest = e->value;

        while (nc_str_split(&rest, ',', &token)) {
            token = nc_str_trim(token);

            if (nc_str_caseeq(token, nc_header_names[NC_H_TE])) {
                continue;                       /* reduced to "trailers" already */
            }

            nc_headers_each(out, it) {
                if (nc_str_caseeq(it->name, token) && it->id != NC_H_CONNECTION
                    && it->id != NC_H_UPGRADE)
                {
                    nc_headers_del_at(out, it);
                }
            }
        }
    }

    nc_headers_del_id(out, NC_H_CONNECTION);
}


/* What holds for both directions once all fields are there. */
static nc_rc_t
finish(nc_h1_work_t *w)
{
    nc_h1_head_t    *head = w->head;
    unsigned         marks = w->p->marks;
    nc_headers_t    *out = w->out;

    head->keep_alive = head->version == 11 ? !(marks & NC_H1_MARK_CLOSE)
                                           : (marks & (NC_H1_MARK_CLOSE | NC_H1_MARK_KEEP_ALIVE))
                                             == NC_H1_MARK_KEEP_ALIVE;

    if (NC_UNLIKELY(marks & NC_H1_MARK_NOMINATED)) {
        drop_nominated(w);
    }

    if (marks & NC_H1_MARK_CODING) {
        if (head->version == 10) {
            return nc_h1_fail(w, NC_H1_ERR_CODING_NOT_ALLOWED);
        }

        if (head->has_length) {
            if (!w->options->allow_chunked_length) {
                return nc_h1_fail(w, NC_H1_ERR_LENGTH_AND_CODING);
            }

            head->has_length = false;
            head->content_length = 0;
            head->keep_alive = false;           /* RFC 9112 section 6.1 */
            nc_headers_del_id(out, NC_H_CONTENT_LENGTH);
        }
    }

    head->body = head->chunked ? NC_H1_BODY_CHUNKED
               : head->content_length > 0 ? NC_H1_BODY_LENGTH
               : NC_H1_BODY_NONE;

    return NC_OK;
}


/* Decides on an upgrade and cleans up after one that is none. */
static void
finish_upgrade(nc_h1_work_t *w, bool possible)
{
    nc_headers_t  *out = w->out;

    if (NC_LIKELY(out->first[NC_H_UPGRADE] == 0)) {
        return;
    }

    if (possible && (w->p->marks & NC_H1_MARK_UPGRADE) && w->head->version == 11
        && w->head->body == NC_H1_BODY_NONE
        && !nc_header_has_token(nc_headers_value(out, NC_H_UPGRADE), NC_STR("h2c")))
    {
        w->head->upgrade = true;
        nc_headers_add_id(out, NC_H_CONNECTION, NC_STR("upgrade"));
        return;
    }

    nc_headers_del_id(out, NC_H_UPGRADE);
}


static nc_rc_t
finish_request(nc_h1_work_t *w)
{
    nc_h1_head_t  *head = w->head;
    nc_headers_t  *out = w->out;
    nc_rc_t        rc = finish(w);

    if (rc) {
        return rc;
    }

    if (NC_UNLIKELY(head->version == 10 && !w->options->accept_http_10)) {
        return nc_h1_fail(w, NC_H1_ERR_LOW_VERSION);
    }

    if (NC_UNLIKELY(!(w->p->marks & NC_H1_MARK_HOST))) {
        if (head->version == 11) {
            return nc_h1_fail(w, NC_H1_ERR_HOST_MISSING);
        }

        if (!(w->p->marks & NC_H1_MARK_TARGET)) {
            if (w->options->default_host.len == 0) {
                return nc_h1_fail(w, NC_H1_ERR_HOST_MISSING);
            }

            nc_headers_add_id(out, NC_H_AUTHORITY, w->options->default_host);
        }
    }

    if (NC_UNLIKELY(head->is_connect)) {
        if (head->chunked) {
            return nc_h1_fail(w, NC_H1_ERR_CODING);
        }

        if (head->body != NC_H1_BODY_NONE) {
            return nc_h1_fail(w, NC_H1_ERR_CONNECT_BODY);
        }

        head->body = NC_H1_BODY_CLOSE;
        nc_headers_del_id(out, NC_H_CONTENT_LENGTH);
    }

    finish_upgrade(w, true);

    return NC_OK;
}


/* The body of a response, RFC 9112 section 6.3. */
static nc_rc_t
finish_response(nc_h1_work_t *w, nc_h1_for_t answers)
{
    nc_h1_head_t  *head = w->head;
    unsigned       status = head->status;
    nc_rc_t        rc = finish(w);

    if (rc) {
        return rc;
    }

    if (NC_UNLIKELY(status < 200 || status == 204)) {
        if (head->chunked) {
            return nc_h1_fail(w, NC_H1_ERR_CODING_NOT_ALLOWED);
        }

        if (head->content_length > 0) {
            return nc_h1_fail(w, NC_H1_ERR_LENGTH_NOT_ALLOWED);
        }

        head->has_length = false;
        nc_headers_del_id(w->out, NC_H_CONTENT_LENGTH);
        finish_upgrade(w, status == 101);
        head->body = head->upgrade ? NC_H1_BODY_CLOSE : NC_H1_BODY_NONE;

        return NC_OK;
    }

    finish_upgrade(w, false);

    if (answers == NC_H1_FOR_CONNECT && status < 300) {
        if (head->chunked) {
            return nc_h1_fail(w, NC_H1_ERR_CODING_MALFORMED);
        }

        head->body = NC_H1_BODY_CLOSE;
        nc_headers_del_id(w->out, NC_H_CONTENT_LENGTH);

    } else if (answers == NC_H1_FOR_HEAD || status == 304) {
        head->body = NC_H1_BODY_NONE;

    } else if (!head->chunked && !head->has_length) {
        head->body = NC_H1_BODY_CLOSE;
    }

    if (head->body == NC_H1_BODY_CLOSE) {
        head->keep_alive = false;
    }

    return NC_OK;
}


/* The bytes moved since the last call: moves all that points into them along. */
static void
rebase(nc_h1_work_t *w, char *data)
{
    uintptr_t  from = (uintptr_t) w->p->base;
    size_t     len = w->p->seen;

#define MOVE(s)  \
    if ((uintptr_t) (s).data - from < len) { (s).data = data + ((uintptr_t) (s).data - from); }

    for (uint32_t i = 0; i < w->out->n; i++) {
        MOVE(w->out->items[i].name);
        MOVE(w->out->items[i].value);
    }

    MOVE(w->head->method);
    MOVE(w->head->scheme);

#undef MOVE
}


/* Goes on with a head that was not whole; NC_AGAIN: the line at hand still is not. */
static nc_rc_t
resume(nc_h1_work_t *w, char *data)
{
    nc_h1_parser_t  *p = w->p;
    size_t           len = (size_t) (w->end - data);

    if (p->base != data) {
        rebase(w, data);
        p->base = data;
    }

    w->at = data + p->pos;

    if (len <= p->seen) {
        return NC_AGAIN;
    }

    /* The first bytes of a line are looked at once, so that what is no HTTP is refused early. */
    if (p->seen > p->pos && memchr(data + p->seen, '\n', len - p->seen) == NULL) {
        p->seen = len;
        return NC_AGAIN;
    }

    return NC_OK;
}


/* Empty lines before a request, RFC 9112 section 2.2. */
static nc_rc_t
skip_blank(nc_h1_work_t *w)
{
    while (w->at < w->end && *w->at == '\r' && w->p->n_fields < MAX_BLANK) {
        nc_rc_t  rc = nc_h1_line_end(w, w->at);

        if (rc) {
            return rc;
        }

        w->p->n_fields++;
    }

    if (w->at == w->end) {
        return NC_AGAIN;
    }

    w->p->n_fields = 0;
    w->p->state = STATE_START;

    return NC_OK;
}


/* Start line and fields, as far as the bytes go. */
static nc_rc_t
parse_lines(nc_h1_work_t *w, char *data)
{
    nc_h1_parser_t  *p = w->p;
    nc_rc_t          rc = NC_OK;

    if (p->state == STATE_BLANK) {
        rc = skip_blank(w);
    }

    if (rc == NC_OK && p->state == STATE_START) {
        rc = p->marks & NC_H1_MARK_RESPONSE ? nc_h1_status_line(w) : nc_h1_request_line(w);

        if (rc == NC_OK) {
            p->state = STATE_FIELDS;
        }
    }

    if (rc == NC_OK) {
        rc = fields(w);
    }

    if (rc == NC_AGAIN) {
        p->pos = (size_t) (w->at - data);
        p->seen = (size_t) (w->end - data);
    }

    return rc;
}


static nc_rc_t
parse(nc_h1_work_t *w, char *data, size_t len, size_t *consumed)
{
    nc_h1_parser_t  *p = w->p;
    size_t           max = nc_h1_max_bytes(w->options);
    nc_rc_t          rc = NC_OK;

    w->end = data + NC_MIN(len, max);
    w->at = data;

    if (NC_UNLIKELY(p->base != NULL)) {
        rc = resume(w, data);

    } else {
        p->base = data;
    }

    if (rc == NC_OK) {
        rc = parse_lines(w, data);
    }

    if (rc == NC_AGAIN && len >= max) {
        return nc_h1_fail(w, NC_H1_ERR_TOO_LARGE);
    }

    *consumed = rc == NC_OK ? (size_t) (w->at - data) : 0;

    return rc;
}


nc_rc_t
nc_h1_parse_request(nc_h1_parser_t *p, const nc_h1_options_t *options, char *data, size_t len,
    nc_headers_t *out, nc_h1_head_t *head, size_t *consumed)
{
    nc_h1_work_t  w = { .p = p, .options = options, .out = out, .head = &p->head };
    nc_rc_t       rc = parse(&w, data, len, consumed);

    if (rc == NC_OK) {
        rc = finish_request(&w);
    }

    if (rc != NC_AGAIN) {
        *head = p->head;
    }

    return rc;
}


nc_rc_t
nc_h1_parse_response(nc_h1_parser_t *p, const nc_h1_options_t *options, nc_h1_for_t answers,
    char *data, size_t len, nc_headers_t *out, nc_h1_head_t *head, size_t *consumed)
{
    nc_h1_work_t  w = { .p = p, .options = options, .out = out, .head = &p->head };
    nc_rc_t       rc;

    if (p->base == NULL) {
        p->state = STATE_START;
        p->marks = NC_H1_MARK_RESPONSE;
    }

    rc = parse(&w, data, len, consumed);

    if (rc == NC_OK) {
        rc = finish_response(&w, answers);
    }

    if (rc != NC_AGAIN) {
        *head = p->head;
    }

    return rc;
}
