/*
 * fuzz_client_hello.c: ClientHello messages. A verdict over a prefix holds for the whole; texts lie
 * in the room; fingerprints are whole whatever the hello says.
 */
#include "net/client_hello.h"

static uint8_t            room[16384 + 4], room2[16384 + 4];
static nc_client_hello_t  h, h2;


static void
check_texts(const nc_client_hello_t *x, const uint8_t *in, size_t cap)
{
    const char  *from = (const char *) in, *until = from + cap;

    if (x->server_name.data) {
        NC_CHECK(x->server_name.len > 0 && x->server_name.data >= from
                 && x->server_name.data + x->server_name.len <= until);
    }

    NC_CHECK(x->n_alpn <= NC_HELLO_ALPN_MAX);

    for (uint32_t i = 0; i < x->n_alpn; i++) {
        NC_CHECK(x->alpn[i].len > 0 && x->alpn[i].data >= from
                 && x->alpn[i].data + x->alpn[i].len <= until);
    }
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   cap = size > 2 && data[0] & 1 ? sizeof(room) : 300;
    nc_rc_t  rc, part;
    char     ja3[33], ja4[40];

    if (size == 0) {
        return 0;
    }

    data++;
    size--;
    rc = nc_client_hello_parse(&h, data, size, room, cap);

    for (size_t n = 0; n < size && n < 64; n++) {           /* what came so far */
        size_t  len = size * n / 64;

        part = nc_client_hello_parse(&h2, data, len, room2, cap);
        NC_CHECK(part == NC_AGAIN || part == rc);
    }

    if (rc != NC_OK) {
        return 0;
    }

    check_texts(&h, room, cap);
    nc_client_hello_ja3(&h, ja3);
    nc_client_hello_ja4(&h, ja4);
    NC_CHECK(strlen(ja3) == 32);
    NC_CHECK(strlen(ja4) == 36 && ja4[10] == '_' && ja4[23] == '_');

    return 0;
}
