/* grpc.c: see grpc.h. */
#include "http/grpc.h"


bool
nc_grpc_is_request(const nc_headers_t *h)
{
    nc_str_t  type = nc_headers_value(h, NC_H_CONTENT_TYPE);

    return nc_str_starts(type, NC_STR("application/grpc"))
           && (type.len == 16 || type.data[16] == '+' || type.data[16] == ';');
}


unsigned
nc_grpc_of_http(unsigned status)
{
    switch (status) {
    case 400: return 13;
    case 401: return 16;
    case 403: return 7;
    case 404: return 12;
    case 429: case 502: case 503: case 504: return 14;
    default: return NC_GRPC_UNKNOWN;
    }
}


uint64_t
nc_grpc_status_of(const nc_http_view_t *view)
{
    nc_str_t  value = NC_STR_NULL;
    uint64_t  status;

    if (view->response_trailers) {
        value = nc_headers_value(view->response_trailers, NC_H_GRPC_STATUS);
    }

    if (value.data == NULL && view->response) {
        value = nc_headers_value(view->response, NC_H_GRPC_STATUS);
    }

    if (value.data == NULL) {
        return nc_grpc_of_http(view->info->status);
    }

    return nc_str_to_u64(value, UINT32_MAX, &status) == NC_OK ? status : NC_GRPC_UNKNOWN;
}


void
nc_grpc_message_print(nc_str_t text, nc_sb_t *out)
{
    static const char  digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t  c = (uint8_t) text.data[i];

        if (c >= ' ' && c <= '~' && c != '%') {
            nc_sb_char(out, (char) c);

        } else {
            nc_sb_char(out, '%');
            nc_sb_char(out, digits[c >> 4]);
            nc_sb_char(out, digits[c & 15]);
        }
    }
}
