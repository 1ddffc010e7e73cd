/* base64.h: base64, with either alphabet, padded or not. */
#ifndef NC_API_BASE64_H
#define NC_API_BASE64_H

#include "base/str.h"

/* Base64, with either alphabet, padding optional. Room for 3/4 of the length. */
bool nc_base64_decode(nc_str_t s, uint8_t *out, size_t *len);
void nc_base64_encode(nc_sb_t *out, const uint8_t *data, size_t len);

#endif
