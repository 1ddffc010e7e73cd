/* crc32c.h: CRC-32C (Castagnoli), the checksum of what lies on disk. RFC 3720 appendix B.4. */
#ifndef NC_BASE_CRC32C_H
#define NC_BASE_CRC32C_H

#include "base/base.h"

/* Checksum of `len` bytes, going on from `crc` of what came before (0 at first). */
uint32_t nc_crc32c(uint32_t crc, const void *data, size_t len);

#endif
