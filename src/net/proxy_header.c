/* proxy_header.c: reads headers of the PROXY protocol. */
#include "net/proxy_header.h"

#include <arpa/inet.h>

#define V2_HEAD     16u

enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPEC = 0, FAMILY_INET = 1, FAMILY_INET6 = 2, FAMILY_UNIX = 3 };

static const uint8_t  signature[12] = {
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
};


/* ---- version 1: "PROXY TCP4 source destination port port\r\n" ---- */

static nc_rc_t
read_v1_address(nc_str_t ip, nc_str_t port, bool v6, nc_peer_t *out)
{
    nc_addr_t  a;
    uint64_t   number;

    if (nc_str_to_u64(port, 65535, &number) != NC_OK || (port.len > 1 && port.data[0] == '0')
        || ip.len == 0 || ip.data[0] == '[' || nc_addr_parse_ip(&a, ip, (uint16_t) number) != NC_OK
        || (a.sa.sa_family == AF_INET6) != v6)
    {
        return NC_ERROR;
    }

    nc_peer_from(out, &a.sa, a.len);

    return NC_OK;
}


static nc_rc_t
read_v1_line(nc_proxy_header_t *h, nc_str_t line)
{
    nc_str_t  words[7], rest = line;
    unsigned  n = 0;

    if (nc_str_eq(line, NC_STR("PROXY UNKNOWN")) || nc_str_starts(line, NC_STR("PROXY UNKNOWN "))) {
        return NC_OK;                           /* whatever follows is not looked at */
    }

    while (n < 7 && nc_str_split(&rest, ' ', &words[n])) {
        n++;
    }

    if (n != 6) {
        return NC_ERROR;
    }

    if (!nc_str_eq(words[1], NC_STR("TCP4")) && !nc_str_eq(words[1], NC_STR("TCP6"))) {
        return NC_ERROR;
    }

    h->has_addresses = true;

    return read_v1_address(words[2], words[4], words[1].data[3] == '6', &h->source) == NC_OK
           && read_v1_address(words[3], words[5], words[1].data[3] == '6', &h->destination)
              == NC_OK ? NC_OK : NC_ERROR;
}


static nc_rc_t
parse_v1(nc_proxy_header_t *h, const uint8_t *data, size_t len)
{
    const uint8_t  *lf = memchr(data, '\n', NC_MIN(len, (size_t) NC_PROXY_V1_MAX));

    if (lf == NULL) {
        return len >= NC_PROXY_V1_MAX ? NC_ERROR : NC_AGAIN;
    }

    if (lf == data || lf[-1] != '\r') {
        return NC_ERROR;
    }

    h->version = 1;
    h->len = (size_t) (lf - data) + 1;

    return read_v1_line(h, nc_str((const char *) data, h->len - 2));
}


/* ---- version 2 ---- */

static void
set_v4(nc_peer_t *p, const uint8_t *ip, const uint8_t *port)
{
    p->in.sin_family = AF_INET;
    memcpy(&p->in.sin_addr, ip, 4);
    memcpy(&p->in.sin_port, port, 2);
}


static void
set_v6(nc_peer_t *p, const uint8_t *ip, const uint8_t *port)
{
    p->in6.sin6_family = AF_INET6;
    memcpy(&p->in6.sin6_addr, ip, 16);
    memcpy(&p->in6.sin6_port, port, 2);
}


/* The addresses of a PROXY command; what follows them are TLVs. */
static nc_rc_t
read_v2_addresses(nc_proxy_header_t *h, uint8_t family, const uint8_t *p, size_t len)
{
    static const uint8_t  sizes[] = { 0, 12, 36, 216 };
    size_t                need;

    if (family >> 4 >= NC_COUNTOF(sizes) || (family & 15) > 2) {
        return NC_OK;                           /* unknown: skipped as a whole, TLVs too */
    }

    need = sizes[family >> 4];

    if (len < need) {
        return NC_ERROR;
    }

    if (family >> 4 == FAMILY_INET && (family & 15) == 1) {
        h->has_addresses = true;
        set_v4(&h->source, p, p + 8);
        set_v4(&h->destination, p + 4, p + 10);

    } else if (family >> 4 == FAMILY_INET6 && (family & 15) == 1) {
        h->has_addresses = true;
        set_v6(&h->source, p, p + 32);
        set_v6(&h->destination, p + 16, p + 34);
    }

    h->tlvs = p + need;
    h->tlvs_len = len - need;

    return NC_OK;
}


static nc_rc_t
check_tlvs(const nc_proxy_header_t *h)
{
    size_t    at = 0;
    uint8_t   type;
    nc_str_t  value;
    nc_rc_t   rc;

    while ((rc = nc_proxy_tlv_next(h, &at, &type, &value)) == NC_OK) {
        continue;
    }

    return rc == NC_DECLINED ? NC_OK : NC_ERROR;
}


static nc_rc_t
parse_v2(nc_proxy_header_t *h, const uint8_t *data, size_t len)
{
    size_t   body;
    uint8_t  command;

    if (len < V2_HEAD) {
        return NC_AGAIN;
    }

    command = data[12] & 15;

    if (data[12] >> 4 != 2 || command > COMMAND_PROXY) {
        return NC_ERROR;
    }

    body = (size_t) data[14] << 8 | data[15];

    if (len - V2_HEAD < body) {
        return NC_AGAIN;
    }

    h->version = 2;
    h->len = V2_HEAD + body;

    if (command == COMMAND_LOCAL) {
        return NC_OK;                           /* the sender's own: a health check */
    }

    return read_v2_addresses(h, data[13], data + V2_HEAD, body) == NC_OK ? check_tlvs(h)
                                                                         : NC_ERROR;
}


nc_rc_t
nc_proxy_header_parse(nc_proxy_header_t *h, const uint8_t *data, size_t len)
{
    memset(h, 0, sizeof(*h));

    if (len == 0) {
        return NC_AGAIN;
    }

    if (memcmp(data, signature, NC_MIN(len, sizeof(signature))) == 0) {
        return len < sizeof(signature) ? NC_AGAIN : parse_v2(h, data, len);
    }

    if (memcmp(data, "PROXY ", NC_MIN(len, (size_t) 6)) == 0) {
        return len < 6 ? NC_AGAIN : parse_v1(h, data, len);
    }

    return NC_DECLINED;
}


nc_rc_t
nc_proxy_tlv_next(const nc_proxy_header_t *h, size_t *at, uint8_t *type, nc_str_t *value)
{
    size_t  left = h->tlvs_len - *at, len;

    if (left == 0) {
        return NC_DECLINED;
    }

    if (left < 3) {
        return NC_ERROR;
    }

    len = (size_t) h->tlvs[*at + 1] << 8 | h->tlvs[*at + 2];

    if (len > left - 3) {
        return NC_ERROR;
    }

    *type = h->tlvs[*at];
    *value = nc_str((const char *) h->tlvs + *at + 3, len);
    *at += 3 + len;

    return NC_OK;
}
