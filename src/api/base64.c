/* base64.c: RFC 4648, both alphabets when reading. */
#include "api/doc_priv.h"

static int
value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (nc_is_digit(c)) {
        return c - '0' + 52;
    }

    if (c == '+' || c == '-') {
        return 62;
    }

    return c == '/' || c == '_' ? 63 : -1;
}

bool
nc_base64_decode(nc_str_t s, uint8_t *out, size_t *len)
{
    uint32_t  bits = 0;
    unsigned  n_bits = 0;
    size_t    n = 0;
    size_t    padding = 0;

    while (s.len > 0 && s.data[s.len - 1] == '=' && padding < 2) {
        s.len--;
        padding++;
    }

    if (s.len % 4 == 1 || (padding > 0 && (s.len + padding) % 4 != 0)) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        int  v = value_of(s.data[i]);

        if (v < 0) {
            return false;
        }

        bits = bits << 6 | (uint32_t) v;
        n_bits += 6;

        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t) (bits >> n_bits);
            bits &= (1u << n_bits) - 1;
        }
    }

    *len = n;

    return bits == 0;
}

void
nc_base64_encode(nc_sb_t *out, const uint8_t *data, size_t len)
{
    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t    n = NC_MIN(len - i, 3);
        uint32_t  bits = (uint32_t) data[i] << 16;

        bits |= n > 1 ? (uint32_t) data[i + 1] << 8 : 0;
        bits |= n > 2 ? data[i + 2] : 0;

        nc_sb_char(out, alphabet[bits >> 18]);
        nc_sb_char(out, alphabet[bits >> 12 & 63]);
        nc_sb_char(out, n > 1 ? alphabet[bits >> 6 & 63] : '=');
        nc_sb_char(out, n > 2 ? alphabet[bits & 63] : '=');
    }
}
