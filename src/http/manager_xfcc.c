/*
 * manager_xfcc.c: x-forwarded-client-cert: what the client's certificate says goes to the upstream,
 * and what the client says there itself is believed only as forward_client_cert_details allows.
 */
#include "http/manager_priv.h"

#include "net/tls.h"

#define NAME    NC_STR("x-forwarded-client-cert")


static void
add_list(nc_sb_t *sb, const char *key, nc_str_t list)
{
    nc_str_t  one;

    while (nc_str_split(&list, ',', &one)) {
        nc_sb_printf(sb, "%s%s=" NC_STR_FMT, sb->len ? ";" : "", key, NC_STR_ARG(one));
    }
}


/* In quotes; those inside are escaped. */
static void
add_quoted(nc_sb_t *sb, const char *key, nc_str_t value)
{
    nc_sb_printf(sb, "%s%s=\"", sb->len ? ";" : "", key);

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '"') {
            nc_sb_char(sb, '\\');
        }

        nc_sb_char(sb, value.data[i]);
    }

    nc_sb_char(sb, '"');
}


static void
describe(nc_tls_info_t *tls, const nc_xfcc_details_t *d, nc_sb_t *sb)
{
    nc_str_t  uri;

    add_list(sb, "By", nc_tls_fact(tls, NC_TLS_FACT_LOCAL_URI_SAN));
    add_list(sb, "Hash", nc_tls_fact(tls, NC_TLS_FACT_PEER_FINGERPRINT_256));

    if (d->cert) {
        add_quoted(sb, "Cert", nc_tls_fact(tls, NC_TLS_FACT_PEER_CERT));
    }

    if (d->chain) {
        add_quoted(sb, "Chain", nc_tls_fact(tls, NC_TLS_FACT_PEER_CHAIN));
    }

    if (d->subject) {
        add_quoted(sb, "Subject", nc_tls_fact(tls, NC_TLS_FACT_PEER_SUBJECT));
    }

    if (d->uri) {
        uri = nc_tls_fact(tls, NC_TLS_FACT_PEER_URI_SAN);

        if (uri.len) {
            add_list(sb, "URI", uri);

        } else {
            nc_sb_printf(sb, "%sURI=", sb->len ? ";" : "");
        }
    }

    if (d->dns) {
        add_list(sb, "DNS", nc_tls_fact(tls, NC_TLS_FACT_PEER_DNS_SAN));
    }
}


/* What the certificates hold must not break the header. */
static void
make_harmless(nc_sb_t *sb)
{
    for (size_t i = 0; i < sb->len; i++) {
        if ((unsigned char) sb->data[i] < 0x20 || sb->data[i] == 0x7f) {
            sb->data[i] = ' ';
        }
    }
}


void
nc_manager_xfcc(nc_stream_t *s)
{
    nc_tls_info_t  *tls = s->conn_info.tls;
    nc_xfcc_t       mode = s->hcm->client_cert;
    nc_str_t        old;
    nc_sb_t         sb;

    if (mode == NC_XFCC_ALWAYS_FORWARD_ONLY) {
        return;
    }

    if (mode == NC_XFCC_SANITIZE || tls == NULL || !nc_tls_peer_presented(tls)) {
        nc_headers_del(&s->request, NAME);
        return;
    }

    if (mode == NC_XFCC_FORWARD_ONLY) {
        return;
    }

    nc_sb_init(&sb);
    describe(tls, &s->hcm->client_cert_details, &sb);
    make_harmless(&sb);

    if (mode == NC_XFCC_APPEND_FORWARD
        && nc_headers_joined(&s->request, NAME, &s->pool, &old) && old.len)
    {
        nc_sb_t  both;

        nc_sb_init(&both);
        nc_sb_printf(&both, NC_STR_FMT "," NC_STR_FMT, NC_STR_ARG(old),
                     NC_STR_ARG(nc_sb_str(&sb)));
        nc_headers_set(&s->request, NAME, nc_pool_str(&s->pool, nc_sb_str(&both)));
        nc_sb_fini(&both);

    } else {
        nc_headers_set(&s->request, NAME, nc_pool_str(&s->pool, nc_sb_str(&sb)));
    }

    nc_sb_fini(&sb);
}
