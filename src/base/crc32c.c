/* crc32c.c: CRC-32C, eight bytes at a time by eight tables. */
#include "base/crc32c.h"

#define POLYNOMIAL  0x82f63b78u                 /* reflected */

static uint32_t  tables[8][256];


static void NC_COLD
fill_tables(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t  crc = i;

        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
        }

        tables[0][i] = crc;
    }

    for (unsigned t = 1; t < 8; t++) {
        for (unsigned i = 0; i < 256; i++) {
            tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
        }
    }
}


uint32_t
nc_crc32c(uint32_t crc, const void *data, size_t len)
{
    const uint8_t  *p = data;

    if (NC_UNLIKELY(tables[0][1] == 0)) {
        fill_tables();
    }

    crc = ~crc;

    for ( ; len >= 8; p += 8, len -= 8) {
        crc ^= p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff]
            ^ tables[4][crc >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]]
            ^ tables[0][p[7]];
    }

    for ( ; len; p++, len--) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
    }

    return ~crc;
}
