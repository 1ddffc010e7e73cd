/*
 * fuzz_proxy_header.c: headers of the PROXY protocol. A verdict over a prefix holds for the whole, a
 * header that was taken lies in the bytes, and so do its TLVs, which end where the header does.
 */
#include "net/proxy_header.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_proxy_header_t  h, early;
    nc_rc_t            rc = nc_proxy_header_parse(&h, data, size), part;
    size_t             at = 0;
    uint8_t            type;
    nc_str_t           value;

    for (size_t n = 0; n < size && n < 300; n++) {
        part = nc_proxy_header_parse(&early, data, n);
        NC_CHECK(part == NC_AGAIN || part == rc);
        NC_CHECK(part != NC_OK || early.len <= n);
    }

    if (rc != NC_OK) {
        return 0;
    }

    NC_CHECK(h.len <= size && h.len <= NC_PROXY_HEADER_MAX);
    NC_CHECK(h.version == 1 ? h.len <= NC_PROXY_V1_MAX : h.version == 2);

    if (h.tlvs_len) {
        NC_CHECK(h.tlvs + h.tlvs_len == data + h.len);
    }

    while ((rc = nc_proxy_tlv_next(&h, &at, &type, &value)) == NC_OK) {
        NC_CHECK((const uint8_t *) value.data + value.len <= data + h.len);
    }

    NC_CHECK(rc == NC_DECLINED && at == h.tlvs_len);

    return 0;
}
