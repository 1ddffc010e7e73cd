/* admin_request.c: targets and parameters of admin requests; small answers. */
#include "process/admin_priv.h"
#include "api/print.h"


/* Percent-decoding; a '+' stays one, as regexes want it. NC_ERROR: malformed, or a NUL. */
static nc_rc_t
decode(nc_pool_t *pool, nc_str_t in, nc_str_t *out)
{
    char    *to = nc_pool_alloc(pool, in.len + 1);
    size_t   n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char  c = in.data[i];

        if (c == '%') {
            int  high = i + 2 < in.len ? nc_hex_value(in.data[i + 1]) : -1;
            int  low = i + 2 < in.len ? nc_hex_value(in.data[i + 2]) : -1;

            if (high < 0 || low < 0 || (high | low) == 0) {
                return NC_ERROR;
            }

            c = (char) (high << 4 | low);
            i += 2;
        }

        to[n++] = c;
    }

    to[n] = '\0';
    *out = nc_str(to, n);

    return NC_OK;
}


nc_rc_t
nc_admin_request_parse(nc_admin_request_t *q, nc_str_t target, nc_sb_t *why)
{
    ssize_t   at = nc_str_chr(target, '?');
    nc_str_t  rest = at < 0 ? NC_STR("") : nc_str_skip(target, (size_t) at + 1);
    nc_str_t  path = at < 0 ? target : nc_str(target.data, (size_t) at), piece;

    q->n_params = 0;

    if (decode(q->pool, path, &q->path) != NC_OK) {
        nc_sb_c_add(why, "malformed escape in the path");

        return NC_ERROR;
    }

    while (nc_str_split(&rest, '&', &piece)) {
        ssize_t            eq = nc_str_chr(piece, '=');
        nc_admin_param_t  *p = &q->params[q->n_params];
        nc_str_t           name = eq < 0 ? piece : nc_str(piece.data, (size_t) eq);
        nc_str_t           value = eq < 0 ? NC_STR("") : nc_str_skip(piece, (size_t) eq + 1);

        if (name.len == 0) {
            continue;
        }

        if (q->n_params == NC_ADMIN_MAX_PARAMS) {
            nc_sb_printf(why, "more than %u parameters", NC_ADMIN_MAX_PARAMS);

            return NC_ERROR;
        }

        if (decode(q->pool, name, &p->name) != NC_OK
            || decode(q->pool, value, &p->value) != NC_OK)
        {
            nc_sb_c_add(why, "malformed escape in parameter \"");
            nc_sb_json_escaped(why, name);
            nc_sb_char(why, '"');

            return NC_ERROR;
        }

        q->n_params++;
    }

    return NC_OK;
}


nc_str_t
nc_admin_param(const nc_admin_request_t *q, const char *name)
{
    for (unsigned i = 0; i < q->n_params; i++) {
        if (nc_str_eq(q->params[i].name, nc_str_c(name))) {
            return q->params[i].value;
        }
    }

    return NC_STR_NULL;
}


bool
nc_admin_flag(const nc_admin_request_t *q, const char *name)
{
    nc_str_t  value = nc_admin_param(q, name);

    return value.data && !nc_str_eq(value, NC_STR("false")) && !nc_str_eq(value, NC_STR("0"));
}


void
nc_admin_bad(nc_admin_reply_t *r, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    r->status = 400;
    r->type = NC_ADMIN_TEXT;
    nc_sb_reset(&r->body);
    nc_sb_vprintf(&r->body, fmt, args);
    nc_sb_char(&r->body, '\n');
    va_end(args);
}


bool
nc_admin_wants_json(const nc_admin_request_t *q, nc_admin_reply_t *r, bool *bad)
{
    nc_str_t  format = nc_admin_param(q, "format");

    *bad = false;

    if (nc_str_eq(format, NC_STR("json"))) {
        r->type = NC_ADMIN_JSON;

        return true;
    }

    if (format.len && !nc_str_eq(format, NC_STR("text"))) {
        *bad = true;
        nc_admin_bad(r, "format: usage: format=(text|json)");
    }

    return false;
}


void
nc_admin_json(nc_admin_reply_t *r, const ProtobufCMessage *message)
{
    r->type = NC_ADMIN_JSON;
    nc_print_json(&r->body, message, NC_PRINT_PRETTY);
    nc_sb_char(&r->body, '\n');
}
