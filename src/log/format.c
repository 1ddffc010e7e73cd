/*
 * format.c: the placeholders of --log-format.
 *
 * Invariant: a format that nc_log_check_format accepts prints; one that it refuses prints its
 * unknown placeholders as they stand.
 */
#include "log/format_priv.h"

#include <ctype.h>

/* Placeholders that strftime knows under the same letter and with the same meaning. */
#define BY_STRFTIME  "aAbBcCdDhHImMprRSTxXyY"

/* All others. */
#define BY_HAND      "vtPnlLefFzEs#g@!_jN^$%+ouiO"

typedef struct {
    char    align;                              /* '-' left, '=' centre, 0 right */
    size_t  width;
    bool    cut;                                /* '!': no more than width bytes */
} pad_t;

/* Reads "%[-=][width][!]X" behind the '%'; returns the place of X, NULL when the text ends. */
static const char *
read_pad(const char *p, pad_t *pad)
{
    const char  *start = p;

    *pad = (pad_t) { 0, 0, false };

    if (*p == '-' || *p == '=') {
        pad->align = *p++;
    }

    while (nc_is_digit(*p)) {
        pad->width = NC_MIN(pad->width * 10 + (size_t) (*p - '0'), (size_t) 64);
        p++;
    }

    if (pad->width && *p == '!' && p[1] != '\0' && strchr(BY_STRFTIME BY_HAND, p[1])) {
        pad->cut = true;
        p++;
    }

    if (pad->width == 0) {
        *pad = (pad_t) { 0, 0, false };
        p = start;
    }

    return *p ? p : NULL;
}

nc_rc_t
nc_log_check_format(const char *format, nc_sb_t *error)
{
    const char  *p;
    pad_t        pad;

    for (p = format; *p; p++) {
        if (*p != '%') {
            continue;
        }

        p = read_pad(p + 1, &pad);

        if (p == NULL) {
            nc_sb_c_add(error, "the log format ends in the middle of a placeholder");
            return NC_ERROR;
        }

        if (strchr(BY_STRFTIME BY_HAND, *p) == NULL) {
            nc_sb_printf(error, "the log format has an unknown placeholder \"%%%c\"", *p);
            return NC_ERROR;
        }
    }

    return NC_OK;
}

void
nc_log_escape(nc_str_t s, bool all, nc_sb_t *out)
{
    size_t  i, from = 0;

    for (i = 0; i < s.len; i++) {
        unsigned char  c = (unsigned char) s.data[i];

        if (c >= 0x20 && c != 0x7f && !(all && (c == '\\' || c == '"'))) {
            continue;
        }

        nc_sb_add(out, s.data + from, i - from);
        from = i + 1;

        switch (c) {
        case '\n':
            nc_sb_c_add(out, "\\n");
            break;
        case '\r':
            nc_sb_c_add(out, "\\r");
            break;
        case '\t':
            nc_sb_c_add(out, "\\t");
            break;
        case '\\':
        case '"':
            nc_sb_char(out, '\\');
            nc_sb_char(out, (char) c);
            break;
        default:
            nc_sb_printf(out, "\\x%02x", c);
            break;
        }
    }

    nc_sb_add(out, s.data + from, s.len - from);
}

static const char *
basename_of(const char *path)
{
    const char  *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void
add_zone(nc_sb_t *out, const struct tm *tm)
{
    char  zone[8];

    if (strftime(zone, sizeof(zone), "%z", tm) == 5) {
        nc_sb_add(out, zone, 3);
        nc_sb_char(out, ':');
        nc_sb_add(out, zone + 3, 2);
    }
}

static void
by_strftime(char c, const struct tm *tm, nc_sb_t *out)
{
    char    format[3] = { '%', c, '\0' }, text[64];
    size_t  n;

    if (c == 'x') {
        format[1] = 'D';
    } else if (c == 'X') {
        format[1] = 'T';
    } else if (c == 'C') {
        format[1] = 'y';                        /* spdlog: the year in two digits */
    }

    n = strftime(text, sizeof(text), format, tm);
    nc_sb_add(out, text, n);
}

/* The placeholders about where and what. */
static void
about_message(char c, const nc_log_record_t *r, nc_sb_t *out)
{
    switch (c) {
    case 'v':
    case '_':
        nc_sb_str_add(out, r->message);
        break;
    case 'j':
        nc_sb_json_escaped(out, r->raw);
        break;
    case 'n':
        nc_sb_c_add(out, nc_log_component_str(r->component));
        break;
    case 'l':
        nc_sb_c_add(out, nc_log_level_str(r->level));
        break;
    case 'L':
        nc_sb_char(out, (char) toupper((unsigned char) nc_log_level_str(r->level)[0]));
        break;
    case 't':
    case 'P':
        nc_sb_i64(out, r->pid);
        break;
    case 'N':
        nc_sb_c_add(out, r->process);
        break;
    case 's':
        nc_sb_c_add(out, basename_of(r->file));
        break;
    case 'g':
        nc_sb_c_add(out, r->file);
        break;
    case '#':
        nc_sb_i64(out, r->line);
        break;
    case '@':
        nc_sb_printf(out, "%s:%d", r->file, r->line);
        break;
    case '!':
        nc_sb_c_add(out, r->func);
        break;
    case '%':
        nc_sb_char(out, '%');
        break;
    default:
        break;
    }
}

/* Time since the line before, in the unit of %o (ms), %u (us), %i (us), %O (s). */
static void
since_last(char c, const struct timespec *now, nc_sb_t *out)
{
    static struct timespec  last;
    int64_t                 ns = 0;

    if (last.tv_sec) {
        ns = (now->tv_sec - last.tv_sec) * INT64_C(1000000000) + now->tv_nsec - last.tv_nsec;
    }

    last = *now;
    ns = NC_MAX(ns, 0);
    nc_sb_i64(out, c == 'O' ? ns / 1000000000 : c == 'o' ? ns / 1000000
        : c == 'i' ? ns / 1000 : ns);
}

static void
one(char c, const nc_log_record_t *r, const struct tm *tm, nc_sb_t *out)
{
    switch (c) {
    case 'e':
        nc_sb_printf(out, "%03ld", r->now.tv_nsec / 1000000);
        break;
    case 'f':
        nc_sb_printf(out, "%06ld", r->now.tv_nsec / 1000);
        break;
    case 'F':
        nc_sb_printf(out, "%09ld", r->now.tv_nsec);
        break;
    case 'E':
        nc_sb_i64(out, r->now.tv_sec);
        break;
    case 'z':
        add_zone(out, tm);
        break;
    case 'o':
    case 'u':
    case 'i':
    case 'O':
        since_last(c, &r->now, out);
        break;
    case '^':
    case '$':
        break;                                  /* colour: none */
    case '+':
        nc_log_format("[%Y-%m-%d %T.%e] [%n] [%l] %v", r, out);
        break;
    default:
        if (strchr(BY_STRFTIME, c)) {
            by_strftime(c, tm, out);
        } else {
            about_message(c, r, out);
        }
        break;
    }
}

/* Pads what was appended from `start` on. */
static void
pad_out(nc_sb_t *out, size_t start, const pad_t *pad)
{
    size_t  n = out->len - start, left, i;

    if (n >= pad->width) {
        if (pad->cut) {
            out->len = start + pad->width;
        }
        return;
    }

    left = pad->align == '-' ? 0 : pad->align == '=' ? (pad->width - n) / 2 : pad->width - n;

    for (i = n; i < pad->width; i++) {
        nc_sb_char(out, ' ');
    }

    if (out->len == start + pad->width) {
        memmove(out->data + start + left, out->data + start, n);
        memset(out->data + start, ' ', left);
    }
}

void
nc_log_format(const char *format, const nc_log_record_t *r, nc_sb_t *out)
{
    struct tm    tm;
    const char  *p, *at;
    pad_t        pad;
    time_t       seconds = r->now.tv_sec;

    memset(&tm, 0, sizeof(tm));
    localtime_r(&seconds, &tm);

    for (p = format; *p; p++) {
        size_t  start = out->len;

        at = *p == '%' ? read_pad(p + 1, &pad) : NULL;

        if (at == NULL || strchr(BY_STRFTIME BY_HAND, *at) == NULL) {
            nc_sb_char(out, *p);
            continue;
        }

        one(*at, r, &tm, out);

        if (pad.width) {
            pad_out(out, start, &pad);
        }

        p = at;
    }
}
