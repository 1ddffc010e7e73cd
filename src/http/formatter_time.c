/*
 * formatter_time.c: time formats, compiled into pieces. The common specifiers are printed without
 * strftime; the broken-down form of the last second seen is kept per process.
 */
#include "http/formatter_priv.h"

#include <time.h>

#define MAX_PIECES      64u
#define MAX_PIECE_TEXT  128u                    /* what one strftime specifier may print */

typedef enum {
    LITERAL,
    QUICK,                                      /* digits: the specifier's letter */
    STRFTIME,                                   /* text: the specifier */
    FRACTION,                                   /* digits of the second, none: as many as needed */
    SECONDS,                                    /* "07.123", by digits; none: as many as needed */
    EPOCH,
    ZONE                                        /* "+01:00" */
} kind_t;

#define AS_NEEDED       10                      /* digits of "%E*S" and "%E*f" */

typedef struct {
    kind_t    kind;
    char      letter;
    uint8_t   digits;
    nc_str_t  text;                             /* ends in NUL */
} piece_t;

struct nc_time_format_s {
    bool      local;
    bool      is_default;                       /* NC_TIME_DEFAULT in UTC */
    uint32_t  n;
    piece_t   pieces[];
};

typedef struct {
    time_t     second;
    bool       valid;
    struct tm  tm;
} broken_t;

static broken_t  last[2];                       /* UTC, local */


/* One specifier behind its '%' at text[*at]; false: not a known one. */
static bool
read_specifier(nc_pool_t *pool, nc_str_t text, size_t *at, piece_t *p)
{
    char    c = text.data[*at], letter;
    size_t  left = text.len - *at;

    *p = (piece_t) { .kind = STRFTIME };

    if (c == 's' || c == 'f') {
        p->kind = c == 's' ? EPOCH : FRACTION;
        p->digits = 9;
        *at += 1;
        return true;
    }

    if (c >= '1' && c <= '9' && left >= 2 && text.data[*at + 1] == 'f') {
        p->kind = FRACTION;
        p->digits = (uint8_t) (c - '0');
        *at += 2;
        return true;
    }

    if (c == 'E' && left >= 3 && (text.data[*at + 1] == '*' || nc_is_digit(text.data[*at + 1]))) {
        letter = text.data[*at + 2];
        p->digits = text.data[*at + 1] == '*' ? AS_NEEDED
                                              : (uint8_t) (text.data[*at + 1] - '0');
        *at += 3;

        if (letter == 'S' || letter == 'f') {
            p->kind = letter == 'S' ? SECONDS : FRACTION;
            return true;
        }
        if (letter == 'Y' && p->digits == 4) {
            p->kind = QUICK;
            p->letter = 'Y';
            return true;
        }
        p->kind = ZONE;
        return letter == 'z' && p->digits == AS_NEEDED;
    }

    if (c == 'E' && left >= 2 && strchr("zT", text.data[*at + 1]) != NULL) {
        p->kind = text.data[*at + 1] == 'z' ? ZONE : LITERAL;
        p->text = NC_STR("T");
        *at += 2;
        return true;
    }

    if (strchr("YmdHMSTF", c) != NULL) {
        p->kind = QUICK;
        p->letter = c;
        *at += 1;
        return true;
    }

    if ((c == 'E' && left >= 2 && strchr("cCxXyY", text.data[*at + 1]) != NULL)
        || (c == 'O' && left >= 2 && strchr("deHImMSuUVwWy", text.data[*at + 1]) != NULL))
    {
        p->text = nc_pool_str(pool, nc_str(text.data + *at - 1, 3));
        *at += 2;
        return true;
    }

    if (strchr("aAbBcCDeGghIjklnpPrRtuUVwWxXyzZ", c) != NULL) {
        p->text = nc_pool_str(pool, nc_str(text.data + *at - 1, 2));
        *at += 1;
        return true;
    }

    return false;
}


const nc_time_format_t *
nc_time_format_compile(nc_pool_t *pool, nc_str_t text, bool local, const char **why)
{
    size_t             at = 0, begin;
    piece_t            pieces[MAX_PIECES];
    uint32_t           n = 0;
    nc_time_format_t  *f;

    while (at < text.len) {
        if (n == MAX_PIECES) {
            *why = "the time format has too many parts";
            return NULL;
        }

        if (text.data[at] == '%' && at + 1 < text.len && text.data[at + 1] != '%') {
            at++;
            if (!read_specifier(pool, text, &at, &pieces[n])) {
                *why = "an unknown specifier in the time format";
                return NULL;
            }
            n++;
            continue;
        }

        if (text.data[at] == '%') {
            if (++at == text.len) {
                *why = "a lone % at the end of the time format";
                return NULL;
            }
            pieces[n++] = (piece_t) { .kind = LITERAL, .text = NC_STR("%") };
            at++;
            continue;
        }

        begin = at;
        while (at < text.len && text.data[at] != '%') {
            at++;
        }
        pieces[n] = (piece_t) { .kind = LITERAL };
        pieces[n++].text = nc_pool_str(pool, nc_str(text.data + begin, at - begin));
    }

    f = nc_pool_calloc(pool, sizeof(*f) + n * sizeof(piece_t));
    f->local = local;
    f->is_default = !local && nc_str_eq(text, NC_STR(NC_TIME_DEFAULT));
    f->n = n;
    memcpy(f->pieces, pieces, n * sizeof(piece_t));

    return f;
}


static const struct tm *
break_down(time_t second, bool local)
{
    broken_t  *b = &last[local];

    if (!b->valid || b->second != second) {
        if ((local ? localtime_r(&second, &b->tm) : gmtime_r(&second, &b->tm)) == NULL) {
            memset(&b->tm, 0, sizeof(b->tm));
            b->tm.tm_mday = 1;
        }
        b->second = second;
        b->valid = true;
    }

    return &b->tm;
}


static void
put2(char *p, int value)
{
    p[0] = (char) ('0' + value / 10 % 10);
    p[1] = (char) ('0' + value % 10);
}


static void
print_quick(char letter, const struct tm *tm, nc_sb_t *out)
{
    char    buf[16];
    int     year = tm->tm_year + 1900;
    size_t  n = 2;

    switch (letter) {

    case 'Y':
    case 'F':
        put2(buf, year / 100);
        put2(buf + 2, year);
        n = 4;
        if (letter == 'F') {
            buf[4] = buf[7] = '-';
            put2(buf + 5, tm->tm_mon + 1);
            put2(buf + 8, tm->tm_mday);
            n = 10;
        }
        break;

    case 'm':
        put2(buf, tm->tm_mon + 1);
        break;

    case 'd':
        put2(buf, tm->tm_mday);
        break;

    case 'H':
        put2(buf, tm->tm_hour);
        break;

    case 'M':
        put2(buf, tm->tm_min);
        break;

    case 'S':
        put2(buf, tm->tm_sec);
        break;

    default:                                    /* T */
        put2(buf, tm->tm_hour);
        put2(buf + 3, tm->tm_min);
        put2(buf + 6, tm->tm_sec);
        buf[2] = buf[5] = ':';
        n = 8;
        break;
    }

    nc_sb_add(out, buf, n);
}


/* `digits` digits of the second; as many as needed: without zeros at the end. */
static void
print_fraction(uint32_t us, unsigned digits, bool with_dot, nc_sb_t *out)
{
    char      buf[10] = ".";
    unsigned  n = digits;
    uint32_t  rest = us;

    for (unsigned i = 6; i > 0; i--) {
        buf[i] = (char) ('0' + rest % 10);
        rest /= 10;
    }
    memset(buf + 7, '0', 3);

    if (digits == AS_NEEDED) {
        for (n = 6; n > 0 && buf[n] == '0'; n--) { /* void */ }
        if (n == 0 && !with_dot) {
            n = 1;                              /* "%E*f" prints a digit at least */
        }
    }

    if (n > 0) {
        nc_sb_add(out, with_dot ? buf : buf + 1, with_dot ? n + 1 : n);
    }
}


static void
print_zone(const struct tm *tm, nc_sb_t *out)
{
    char  buf[6];
    long  minutes = labs(tm->tm_gmtoff) / 60;

    buf[0] = tm->tm_gmtoff < 0 ? '-' : '+';
    put2(buf + 1, (int) (minutes / 60));
    buf[3] = ':';
    put2(buf + 4, (int) (minutes % 60));
    nc_sb_add(out, buf, sizeof(buf));
}


/* NC_TIME_DEFAULT: what changes from line to line is the milliseconds mostly. */
static void
print_default(time_t second, uint32_t us, nc_sb_t *out)
{
    static char    text[sizeof("2024-01-01T00:00:00.000Z")];
    static time_t  printed = -1;
    nc_sb_t        sb;

    if (second != printed) {
        nc_sb_fixed(&sb, text, sizeof(text));
        print_quick('F', break_down(second, false), &sb);
        nc_sb_char(&sb, 'T');
        print_quick('T', break_down(second, false), &sb);
        nc_sb_c_add(&sb, ".000Z");
        printed = second;
    }

    text[20] = (char) ('0' + us / 100000);
    text[21] = (char) ('0' + us / 10000 % 10);
    text[22] = (char) ('0' + us / 1000 % 10);
    nc_sb_add(out, text, sizeof(text) - 1);
}


void
nc_time_format_print(const nc_time_format_t *f, uint64_t wall_us, nc_sb_t *out)
{
    char              buf[MAX_PIECE_TEXT];
    time_t            second = (time_t) (wall_us / 1000000);
    uint32_t          us = (uint32_t) (wall_us % 1000000);
    const struct tm  *tm;

    if (f->is_default) {
        print_default(second, us, out);
        return;
    }

    tm = break_down(second, f->local);

    for (const piece_t *p = f->pieces, *end = p + f->n; p < end; p++) {
        switch (p->kind) {

        case LITERAL:
            nc_sb_str_add(out, p->text);
            break;

        case QUICK:
            print_quick(p->letter, tm, out);
            break;

        case STRFTIME:
            nc_sb_add(out, buf, strftime(buf, sizeof(buf), p->text.data, tm));
            break;

        case SECONDS:
            print_quick('S', tm, out);
            print_fraction(us, p->digits, true, out);
            break;

        case FRACTION:
            print_fraction(us, p->digits, false, out);
            break;

        case EPOCH:
            nc_sb_u64(out, wall_us / 1000000);
            break;

        case ZONE:
            print_zone(tm, out);
            break;
        }
    }
}
