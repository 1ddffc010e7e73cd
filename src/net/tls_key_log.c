/* tls_key_log.c: keys of connections, written for whoever looks at captured traffic (key_log). */
#include "net/tls_priv.h"

#include "log/shared.h"


static bool
in_range(const nc_tls_range_t *r, const nc_peer_t *p)
{
    const uint8_t  *a, *b;
    uint32_t        whole = r->bits / 8, rest = r->bits % 8;

    if (r->addr.sa.sa_family != p->sa.sa_family) {
        return false;
    }

    if (p->sa.sa_family == AF_INET) {
        a = (const uint8_t *) &r->addr.in.sin_addr;
        b = (const uint8_t *) &p->in.sin_addr;

    } else {
        a = (const uint8_t *) &r->addr.in6.sin6_addr;
        b = (const uint8_t *) &p->in6.sin6_addr;
    }

    return memcmp(a, b, whole) == 0
           && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}


static bool
is_wanted(const nc_tls_range_t *ranges, uint32_t n, const nc_peer_t *p)
{
    bool  found = n == 0;

    for (uint32_t i = 0; !found && i < n; i++) {
        found = in_range(&ranges[i], p);
    }

    return found;
}


static void
on_line(const SSL *ssl, const char *line)
{
    nc_tls_t             *t = nc_tls_of(ssl);
    const nc_tls_conf_t  *conf = t->conf;
    nc_peer_t             local;

    if (!t->pinned || !is_wanted(conf->log_remote, conf->n_log_remote, &t->c->remote)) {
        return;
    }

    if (conf->n_log_local) {
        nc_conn_local(t->c, &local);

        if (!is_wanted(conf->log_local, conf->n_log_local, &local)) {
            return;
        }
    }

    nc_log_file_line(nc_log_shared(conf->key_log), nc_str_c(line));
}


void
nc_tls_key_log_setup(SSL_CTX *ctx)
{
    SSL_CTX_set_keylog_callback(ctx, on_line);
}
