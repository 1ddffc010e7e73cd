/* h1_start.c: start lines of HTTP/1 messages: request targets, versions, status codes. */
#include "codec/h1_priv.h"

/* Methods accepted without allow_custom_methods; the same as Envoy's. */
static const nc_str_t  methods[] = {
    NC_STR_INIT("GET"), NC_STR_INIT("POST"), NC_STR_INIT("HEAD"), NC_STR_INIT("PUT"),
    NC_STR_INIT("DELETE"), NC_STR_INIT("OPTIONS"), NC_STR_INIT("PATCH"), NC_STR_INIT("CONNECT"),
    NC_STR_INIT("TRACE"), NC_STR_INIT("ACL"), NC_STR_INIT("BIND"), NC_STR_INIT("CHECKOUT"),
    NC_STR_INIT("COPY"), NC_STR_INIT("LINK"), NC_STR_INIT("LOCK"), NC_STR_INIT("MERGE"),
    NC_STR_INIT("MKACTIVITY"), NC_STR_INIT("MKCALENDAR"), NC_STR_INIT("MKCOL"),
    NC_STR_INIT("MOVE"), NC_STR_INIT("MSEARCH"), NC_STR_INIT("NOTIFY"), NC_STR_INIT("PROPFIND"),
    NC_STR_INIT("PROPPATCH"), NC_STR_INIT("PURGE"), NC_STR_INIT("REBIND"), NC_STR_INIT("REPORT"),
    NC_STR_INIT("SEARCH"), NC_STR_INIT("SOURCE"), NC_STR_INIT("SUBSCRIBE"), NC_STR_INIT("UNBIND"),
    NC_STR_INIT("UNLINK"), NC_STR_INIT("UNLOCK"), NC_STR_INIT("UNSUBSCRIBE")
};


bool
nc_h1_authority_valid(nc_str_t s, bool need_port)
{
    const char  *p = s.data, *end = s.data + s.len;
    unsigned     port = 0;

    if (p < end && *p == '[') {
        const char  *close = memchr(p, ']', s.len);

        if (close == NULL || close - p < 3) {
            return false;
        }

        for (p++; p < close; p++) {
            if (nc_hex_value(*p) < 0 && *p != ':' && *p != '.') {
                return false;
            }
        }

        p++;

    } else {
        while (p < end && nc_char_is(*p, NC_C_HOST)) {
            p++;
        }
    }

    if (p == s.data || (p < end && *p != ':')) {
        return false;
    }

    if (p == end) {
        return !need_port;
    }

    if (++p == end) {
        return !need_port;
    }

    for (; p < end; p++) {
        if (!nc_is_digit(*p) || port > 6553) {
            return false;
        }

        port = port * 10 + (unsigned) (*p - '0');
    }

    return port <= UINT16_MAX;
}


static bool
method_known(nc_str_t method)
{
    for (size_t i = 0; i < NC_COUNTOF(methods); i++) {
        if (methods[i].len == method.len
            && nc_same_bytes(methods[i].data, method.data, method.len))
        {
            return true;
        }
    }

    return false;
}


/*
 * scheme "://" authority [ path ] [ "?" query ]. Adds :authority and :path. An empty path becomes
 * "/": the authority is moved one byte to the left, over the second slash, to make room for it.
 */
static nc_rc_t
take_absolute(nc_h1_work_t *w, char *target, size_t len)
{
    char      *end = target + len, *p = target, *host, *path;
    nc_str_t   authority;

    while (p < end && (nc_is_alpha(*p) || nc_is_digit(*p) || *p == '+' || *p == '-' || *p == '.')) {
        *p = nc_lower(*p);
        p++;
    }

    if (end - p < 4 || memcmp(p, "://", 3) != 0 || !nc_is_alpha(*target)) {
        return nc_h1_fail(w, NC_H1_ERR_URL);
    }

    host = p + 3;

    w->head->scheme = nc_str(target, (size_t) (p - target));
    w->head->target = NC_H1_TARGET_ABSOLUTE;
    w->p->marks |= NC_H1_MARK_TARGET;

    if (w->options->no_absolute_url) {
        return nc_h1_fail(w, NC_H1_ERR_ABSOLUTE_URL);
    }

    if (!nc_str_eq(w->head->scheme, NC_STR("http"))
        && !nc_str_eq(w->head->scheme, NC_STR("https")))
    {
        return nc_h1_fail(w, NC_H1_ERR_URL_SCHEME);
    }

    for (path = host; path < end && *path != '/' && *path != '?' && *path != '#'; path++) {
        /* void */
    }

    authority = nc_str(host, (size_t) (path - host));

    if (!nc_h1_authority_valid(authority, false)) {
        return nc_h1_fail(w, NC_H1_ERR_URL);
    }

    if (path == end || *path != '/') {
        memmove(host - 1, host, authority.len);
        authority.data--;
        *--path = '/';
    }

    nc_headers_push(w->out, NC_H_PATH, nc_header_names[NC_H_PATH],
                    nc_str(path, (size_t) (end - path)));
    nc_headers_push(w->out, NC_H_AUTHORITY, nc_header_names[NC_H_AUTHORITY], authority);

    return NC_OK;
}


/* The four forms of a request target, RFC 9112 section 3.2. */
static nc_rc_t
take_target(nc_h1_work_t *w, char *target, size_t len)
{
    nc_h1_head_t  *head = w->head;
    nc_str_t       s = nc_str(target, len);

    if (head->is_connect) {
        if (!nc_h1_authority_valid(s, true)) {
            return nc_h1_fail(w, NC_H1_ERR_URL);
        }

        head->target = NC_H1_TARGET_AUTHORITY;
        w->p->marks |= NC_H1_MARK_TARGET;
        nc_headers_push(w->out, NC_H_AUTHORITY, nc_header_names[NC_H_AUTHORITY], s);

        return NC_OK;
    }

    if (NC_LIKELY(*target == '/')) {
        head->target = NC_H1_TARGET_ORIGIN;

    } else if (len == 1 && *target == '*') {
        if (!nc_str_eq(head->method, NC_STR("OPTIONS"))) {
            return nc_h1_fail(w, NC_H1_ERR_URL);
        }

        head->target = NC_H1_TARGET_ASTERISK;

    } else {
        return take_absolute(w, target, len);
    }

    nc_headers_push(w->out, NC_H_PATH, nc_header_names[NC_H_PATH], s);

    return NC_OK;
}


/* True when the bytes at `at` (as many of `n` as are there) match a pattern; '0' is any digit. */
static bool
looks_like(const nc_h1_work_t *w, const char *at, const char *pattern, size_t n)
{
    size_t  room = (size_t) (w->end - at);

    for (size_t i = 0; i < NC_MIN(room, n); i++) {
        if (pattern[i] == '0' ? !nc_is_digit(at[i]) : at[i] != pattern[i]) {
            return false;
        }
    }

    return true;
}


/*
 * HTTP-version at `at`; NC_OK: *next is behind it and head->version set. What is well formed but
 * not HTTP/1.0 or HTTP/1.1 is a version that we do not speak.
 */
static nc_rc_t
take_version(nc_h1_work_t *w, char *at, char **next)
{
    *next = at + 8;

    if (NC_LIKELY(w->end - at >= 8)) {
        if (NC_LIKELY(memcmp(at, "HTTP/1.1", 8) == 0)) {
            w->head->version = 11;
            return NC_OK;
        }

        if (memcmp(at, "HTTP/1.0", 8) == 0) {
            w->head->version = 10;
            return NC_OK;
        }
    }

    if (!looks_like(w, at, "HTTP/0.0", 8)) {
        return nc_h1_fail(w, NC_H1_ERR_VERSION);
    }

    return w->end - at < 8 ? NC_AGAIN : nc_h1_fail(w, NC_H1_ERR_VERSION_UNKNOWN);
}


nc_rc_t
nc_h1_request_line(nc_h1_work_t *w)
{
    nc_h1_head_t  *head = w->head;
    char          *method = w->at, *p = method, *target;
    nc_rc_t        rc;

    while (p < w->end && nc_char_is(*p, NC_C_TOKEN)) {
        p++;
    }

    if (p == w->end) {
        return NC_AGAIN;
    }

    head->method = nc_str(method, (size_t) (p - method));

    if (*p != ' ' || p == method
        || !(method_known(head->method) || w->options->allow_custom_methods))
    {
        return nc_h1_fail(w, NC_H1_ERR_METHOD);
    }

    target = p + 1;
    p = nc_scan_target(target, w->end, &head->has_fragment);

    if (p == w->end) {
        return NC_AGAIN;
    }

    if (*p != ' ' || p == target) {
        return nc_h1_fail(w, *p == ' ' || *p == '\r' || *p == '\n' ? NC_H1_ERR_START_LINE
                                                            : NC_H1_ERR_URL_BYTE);
    }

    rc = take_version(w, p + 1, &method);

    if (rc == NC_OK) {
        rc = nc_h1_line_end(w, method);
    }

    if (rc) {
        return rc;
    }

    head->is_head = nc_str_eq(head->method, NC_STR("HEAD"));
    head->is_connect = nc_str_eq(head->method, NC_STR("CONNECT"));
    nc_headers_push(w->out, NC_H_METHOD, nc_header_names[NC_H_METHOD], head->method);

    return take_target(w, target, (size_t) (p - target));
}


nc_rc_t
nc_h1_status_line(nc_h1_work_t *w)
{
    nc_h1_head_t  *head = w->head;
    char          *p;
    nc_rc_t        rc = take_version(w, w->at, &p);

    if (rc) {
        return rc;
    }

    if (!looks_like(w, p, " 000 ", 5) && !looks_like(w, p, " 000\r", 5)) {
        return nc_h1_fail(w, *p == ' ' ? NC_H1_ERR_STATUS : NC_H1_ERR_START_LINE);
    }

    if (w->end - p < 5) {
        return NC_AGAIN;
    }

    if (p[1] == '0') {
        return nc_h1_fail(w, NC_H1_ERR_STATUS);
    }

    head->status = (uint16_t) ((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
    rc = nc_h1_line_end(w, nc_scan_value(p + 4, w->end));

    if (rc == NC_OK) {
        nc_headers_push(w->out, NC_H_STATUS, nc_header_names[NC_H_STATUS], nc_str(p + 1, 3));
    }

    return rc;
}
