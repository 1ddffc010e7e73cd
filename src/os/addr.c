/* addr.c: socket addresses. */
#include "os/addr.h"

#include <arpa/inet.h>


nc_rc_t
nc_addr_parse_ip(nc_addr_t *a, nc_str_t ip, uint16_t port)
{
    char  text[INET6_ADDRSTRLEN];

    *a = (nc_addr_t) { .len = 0 };

    if (ip.len >= 2 && ip.data[0] == '[' && ip.data[ip.len - 1] == ']') {
        ip = nc_str(ip.data + 1, ip.len - 2);
    }

    if (ip.len == 0 || ip.len >= sizeof(text)) {
        return NC_DECLINED;
    }

    memcpy(text, ip.data, ip.len);
    text[ip.len] = '\0';

    if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons(port);
        a->len = sizeof(a->in);
        return NC_OK;
    }

    if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons(port);
        a->len = sizeof(a->in6);
        return NC_OK;
    }

    return NC_DECLINED;
}


nc_rc_t
nc_addr_parse_unix(nc_addr_t *a, nc_str_t path)
{
    bool  abstract = path.len > 0 && path.data[0] == '@';

    *a = (nc_addr_t) { .len = 0 };

    if (path.len == 0 || path.len >= sizeof(a->un.sun_path) || memchr(path.data, 0, path.len)) {
        return NC_ERROR;
    }

    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path, path.data, path.len);

    if (abstract) {
        a->un.sun_path[0] = '\0';
    }

    a->len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + path.len + (abstract ? 0 : 1));

    return NC_OK;
}


static void
print_unix(const nc_addr_t *a, nc_sb_t *out)
{
    size_t  n = a->len - offsetof(struct sockaddr_un, sun_path);

    if (n > 0 && a->un.sun_path[0] == '\0') {
        nc_sb_char(out, '@');
        nc_sb_add(out, a->un.sun_path + 1, n - 1);
        return;
    }

    nc_sb_c_add(out, a->un.sun_path);
}


static void
print_ip(const nc_peer_t *p, nc_sb_t *out)
{
    char      text[INET6_ADDRSTRLEN];
    size_t    n = 0;
    uint32_t  ip;

    if (p->sa.sa_family != AF_INET) {
        nc_sb_c_add(out, inet_ntop(AF_INET6, &p->in6.sin6_addr, text, sizeof(text)));
        return;
    }

    ip = ntohl(p->in.sin_addr.s_addr);          /* by hand: it stands in every access log line */

    for (int shift = 24; shift >= 0; shift -= 8) {
        n += nc_u64_format(text + n, ip >> shift & 0xff);
        text[n++] = '.';
    }

    nc_sb_add(out, text, n - 1);
}


static bool
is_ip(sa_family_t family)
{
    return family == AF_INET || family == AF_INET6;
}


void
nc_peer_print_ip(const nc_peer_t *p, nc_sb_t *out)
{
    if (!is_ip(p->sa.sa_family)) {
        nc_sb_char(out, '@');
        return;
    }

    print_ip(p, out);
}


void
nc_peer_print(const nc_peer_t *p, nc_sb_t *out)
{
    bool  v6 = p->sa.sa_family == AF_INET6;

    if (!is_ip(p->sa.sa_family)) {
        nc_sb_char(out, '@');
        return;
    }

    if (v6) {
        nc_sb_char(out, '[');
    }

    print_ip(p, out);

    if (v6) {
        nc_sb_char(out, ']');
    }

    nc_sb_char(out, ':');
    nc_sb_u64(out, nc_peer_port(p));
}


void
nc_addr_print(const nc_addr_t *a, nc_sb_t *out)
{
    nc_peer_t  p;

    if (a->len && a->sa.sa_family == AF_UNIX) {
        print_unix(a, out);
        return;
    }

    nc_peer_from(&p, &a->sa, a->len);
    nc_peer_print(&p, out);
}


bool
nc_addr_eq(const nc_addr_t *a, const nc_addr_t *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}


uint16_t
nc_addr_port(const nc_addr_t *a)
{
    nc_peer_t  p;

    nc_peer_from(&p, &a->sa, a->len);

    return nc_peer_port(&p);
}


uint16_t
nc_peer_port(const nc_peer_t *p)
{
    if (p->sa.sa_family == AF_INET) {
        return ntohs(p->in.sin_port);
    }

    return p->sa.sa_family == AF_INET6 ? ntohs(p->in6.sin6_port) : 0;
}


void
nc_peer_from(nc_peer_t *p, const struct sockaddr *sa, socklen_t len)
{
    memset(p, 0, sizeof(*p));

    if (len >= sizeof(p->in) && sa->sa_family == AF_INET) {
        memcpy(&p->in, sa, sizeof(p->in));

    } else if (len >= sizeof(p->in6) && sa->sa_family == AF_INET6) {
        memcpy(&p->in6, sa, sizeof(p->in6));

    } else {
        p->sa.sa_family = AF_UNIX;
    }
}


bool
nc_peer_is_loopback(const nc_peer_t *p)
{
    if (p->sa.sa_family == AF_INET) {
        return ntohl(p->in.sin_addr.s_addr) >> 24 == 127;
    }

    return p->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&p->in6.sin6_addr);
}


bool
nc_peer_is_internal(const nc_peer_t *p)
{
    if (p->sa.sa_family == AF_INET) {
        uint32_t  ip = ntohl(p->in.sin_addr.s_addr);

        return ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 24 == 127;
    }

    if (p->sa.sa_family == AF_INET6) {
        return (p->in6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc || nc_peer_is_loopback(p);
    }

    return true;
}
