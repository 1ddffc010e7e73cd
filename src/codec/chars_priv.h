/*
 * chars_priv.h: what bytes may stand where in HTTP/1, and the scanners over them. 16 bytes a step
 * with SSE2, otherwise by table. No scanner reads or writes at or behind `end`.
 */
#ifndef NC_CODEC_CHARS_PRIV_H
#define NC_CODEC_CHARS_PRIV_H

#include "base/str.h"

#if defined(__SSE2__) && !defined(NC_NO_SIMD)
#include <emmintrin.h>
#define NC_SSE2     1
#endif

enum {
    NC_C_TOKEN  = NC_BIT(0),                    /* RFC 9110 section 5.6.2 */
    NC_C_VALUE  = NC_BIT(1),                    /* field values: VCHAR, obs-text, SP, HTAB */
    NC_C_TARGET = NC_BIT(2),                    /* request targets: VCHAR */
    NC_C_HOST   = NC_BIT(3)                     /* reg-name, RFC 3986 section 3.2.2 */
};

extern const uint8_t  nc_char_class[256];

/* Lower case of token bytes, 0 for all others. */
extern const uint8_t  nc_char_token_lower[256];

static inline bool
nc_char_is(char c, unsigned classes)
{
    return (nc_char_class[(uint8_t) c] & classes) != 0;
}

#ifdef NC_SSE2

/* 0xff in the lanes whose byte lies in [lo, hi], both ASCII. */
static inline __m128i
lanes_between(__m128i x, char lo, char hi)
{
    __m128i  moved = _mm_add_epi8(x, _mm_set1_epi8((char) (0x7f - hi)));

    return _mm_cmpgt_epi8(moved, _mm_set1_epi8((char) (0x7f - (hi - lo) - 1)));
}

#endif

/* First byte in [p, end) that no field value may have (CR and LF among them); `end` if none. */
static inline char *
nc_scan_value(char *p, char *end)
{
#ifdef NC_SSE2
    while (end - p >= 16) {
        __m128i   x = _mm_loadu_si128((const __m128i *) (const void *) p);
        __m128i   low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
        __m128i   tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
        __m128i   del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));
        unsigned  bad = (unsigned) _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));

        if (bad) {
            return p + __builtin_ctz(bad);
        }

        p += 16;
    }
#endif

    while (p < end && nc_char_is(*p, NC_C_VALUE)) {
        p++;
    }

    return p;
}

/* First byte in [p, end) that no request target may have; *hash becomes true when a '#' is met. */
static inline char *
nc_scan_target(char *p, char *end, bool *hash)
{
#ifdef NC_SSE2
    while (end - p >= 16) {
        __m128i   x = _mm_loadu_si128((const __m128i *) (const void *) p);
        __m128i   ok = _mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)),
                                        _mm_cmpgt_epi8(x, _mm_set1_epi8(0x20)));
        unsigned  bad = ~(unsigned) _mm_movemask_epi8(ok) & 0xffff;
        unsigned  hashes = (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('#')));

        if (bad) {
            *hash |= (hashes & (bad - 1) & ~bad) != 0;

            return p + __builtin_ctz(bad);
        }

        *hash |= hashes != 0;
        p += 16;
    }
#endif

    while (p < end && nc_char_is(*p, NC_C_TARGET)) {
        *hash |= *p == '#';
        p++;
    }

    return p;
}

/*
 * Lowers a field name in place; returns the first byte that is no token byte, `end` if there is
 * none. *underscore becomes true when an '_' is met.
 */
static inline char *
nc_scan_name(char *p, char *end, bool *underscore)
{
    for (; p < end; p++) {
        uint8_t  c = nc_char_token_lower[(uint8_t) *p];

        if (c == 0) {
            break;
        }

        *underscore |= c == '_';
        *p = (char) c;
    }

    return p;
}

#define NC_SHORT_NAME   32u

/*
 * The usual name: at most 31 letters, digits and '-', then ':'. Puts its lower case into `low` and
 * returns its length; 0 when it is not such a name or too close to `end`. The name itself is not
 * written: stores next to the value would delay the loads that scan it.
 */
static inline size_t
nc_scan_short_name(const char *p, const char *end, char low[NC_SHORT_NAME])
{
#ifdef NC_SSE2
    for (size_t n = 0; n < NC_SHORT_NAME && end - (p + n) >= 16; n += 16) {
        __m128i   x = _mm_loadu_si128((const __m128i *) (const void *) (p + n));
        __m128i   lower = _mm_or_si128(x, _mm_and_si128(lanes_between(x, 'A', 'Z'),
                                                        _mm_set1_epi8(0x20)));
        __m128i   ok = _mm_or_si128(_mm_or_si128(lanes_between(lower, 'a', 'z'),
                                                 lanes_between(x, '0', '9')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('-')));
        unsigned  stop = ~(unsigned) _mm_movemask_epi8(ok) & 0xffff;

        _mm_storeu_si128((__m128i *) (void *) (low + n), lower);

        if (NC_LIKELY(stop)) {
            n += (unsigned) __builtin_ctz(stop);

            return p[n] == ':' ? n : 0;
        }
    }
#else
    (void) p;
    (void) end;
    (void) low;
#endif

    return 0;
}

/* memcpy of a few bytes without a call; never touches bytes outside of the two ranges. */
static inline char *
nc_copy_short(char *to, const char *from, size_t n)
{
    if (n >= 8) {
        if (NC_UNLIKELY(n > 32)) {
            memcpy(to, from, n);

            return to + n;
        }

        if (n >= 16) {
            char  a[16], b[16];

            memcpy(a, from, 16);
            memcpy(b, from + n - 16, 16);
            memcpy(to, a, 16);
            memcpy(to + n - 16, b, 16);

        } else {
            uint64_t  a, b;

            memcpy(&a, from, 8);
            memcpy(&b, from + n - 8, 8);
            memcpy(to, &a, 8);
            memcpy(to + n - 8, &b, 8);
        }

        return to + n;
    }

    if (n >= 4) {
        uint32_t  a, b;

        memcpy(&a, from, 4);
        memcpy(&b, from + n - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);

        return to + n;
    }

    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
    }

    return to + n;
}

#endif
