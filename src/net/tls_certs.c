/* tls_certs.c: the certificates of a conf, for the admin interface and for gauges. Helper only. */
#include "net/tls_certs.h"

#include "net/tls_compile_priv.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <time.h>

#define DAY     86400


static void
add_time(nc_sb_t *out, const char *key, int64_t at)
{
    time_t     t = (time_t) at;
    struct tm  tm;
    char       text[32];

    gmtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    nc_sb_printf(out, ",\n     \"%s\": \"%s\"", key, text);
}


static void
add_name(nc_sb_t *out, const GENERAL_NAME *g, bool *first)
{
    const char         *kind = g->type == GEN_DNS ? "dns" : g->type == GEN_URI ? "uri"
                               : g->type == GEN_IPADD ? "ip_address" : NULL;
    const ASN1_STRING  *s = g->type == GEN_DNS ? g->d.dNSName
                            : g->type == GEN_URI ? g->d.uniformResourceIdentifier
                            : g->type == GEN_IPADD ? g->d.iPAddress : NULL;
    char                ip[64] = "";

    if (kind == NULL) {
        return;
    }

    nc_sb_printf(out, "%s\n      {\"%s\": ", *first ? "" : ",", kind);
    *first = false;

    if (g->type == GEN_IPADD) {
        inet_ntop(ASN1_STRING_length(s) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), ip,
                  sizeof(ip));
        nc_sb_json_str(out, nc_str_c(ip));

    } else {
        nc_sb_json_str(out, nc_str((const char *) ASN1_STRING_get0_data(s),
                                   (size_t) ASN1_STRING_length(s)));
    }

    nc_sb_char(out, '}');
}


/* CertificateDetails of admin.v3. */
static void
add_details(nc_sb_t *out, nc_str_t der, nc_str_t path, int64_t now)
{
    const unsigned char  *at = (const unsigned char *) der.data;
    X509                 *x = d2i_X509(NULL, &at, (long) der.len);
    GENERAL_NAMES        *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    BIGNUM               *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char                 *hex = BN_bn2hex(n);
    int64_t               until = nc_tls_unix_time(X509_get0_notAfter(x));
    bool                  first = true;

    for (char *p = hex; *p; p++) {
        *p = nc_lower(*p);
    }

    nc_sb_c_add(out, "\n    {\n     \"path\": ");
    nc_sb_json_str(out, path);
    nc_sb_printf(out, ",\n     \"serial_number\": \"%s\",\n     \"subject_alt_names\": [", hex);

    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        add_name(out, sk_GENERAL_NAME_value(sans, i), &first);
    }

    nc_sb_printf(out, "%s],\n     \"days_until_expiration\": \"%" PRId64 "\"",
                 first ? "" : "\n     ", until > now ? (until - now) / DAY : 0);
    add_time(out, "valid_from", nc_tls_unix_time(X509_get0_notBefore(x)));
    add_time(out, "expiration_time", until);
    nc_sb_c_add(out, "\n    }");

    OPENSSL_free(hex);
    BN_free(n);
    GENERAL_NAMES_free(sans);
    X509_free(x);
}


void
nc_tls_certs_print(const nc_tls_conf_t *conf, int64_t now, nc_sb_t *out, bool *first)
{
    for (uint32_t i = 0; i < NC_MAX(conf->n_certs, 1u); i++) {
        if (conf->n_certs == 0 && conf->trust.n_ca == 0) {
            return;
        }

        nc_sb_printf(out, "%s\n  {\n   \"ca_cert\": [", *first ? "" : ",");
        *first = false;

        for (uint32_t j = 0; j < conf->trust.n_ca; j++) {
            nc_sb_c_add(out, j ? "," : "");
            add_details(out, conf->trust.ca[j], conf->trust.ca_path, now);
        }

        nc_sb_c_add(out, "\n   ],\n   \"cert_chain\": [");

        for (uint32_t j = 0; i < conf->n_certs && j < conf->certs[i].n_chain; j++) {
            nc_sb_c_add(out, j ? "," : "");
            add_details(out, conf->certs[i].chain[j], conf->certs[i].path, now);
        }

        nc_sb_c_add(out, "\n   ]\n  }");
    }
}


static int64_t
not_after(nc_str_t der)
{
    const unsigned char  *at = (const unsigned char *) der.data;
    X509                 *x = d2i_X509(NULL, &at, (long) der.len);
    int64_t               t = nc_tls_unix_time(X509_get0_notAfter(x));

    X509_free(x);

    return t;
}


int64_t
nc_tls_first_expiry(const nc_tls_conf_t *conf)
{
    int64_t  first = INT64_MAX;

    for (uint32_t i = 0; i < conf->trust.n_ca; i++) {
        first = NC_MIN(first, not_after(conf->trust.ca[i]));
    }

    for (uint32_t i = 0; i < conf->n_certs; i++) {
        for (uint32_t j = 0; j < conf->certs[i].n_chain; j++) {
            first = NC_MIN(first, not_after(conf->certs[i].chain[j]));
        }
    }

    return first;
}


void
nc_tls_expiry_gauges(nc_compile_t *cc, const nc_tls_conf_t *conf)
{
    nc_sb_t  name;

    if (cc->check_only) {
        return;
    }

    nc_sb_init(&name);

    for (uint32_t i = 0; i < conf->n_certs; i++) {
        nc_sb_reset(&name);
        nc_sb_printf(&name, NC_STR_FMT "%sssl.certificate." NC_STR_FMT
                     ".expiration_unix_time_seconds", NC_STR_ARG(cc->scope),
                     cc->scope.len ? "." : "", NC_STR_ARG(conf->certs[i].name));
        nc_gauge_set(nc_stats_gauge(cc->stats, nc_sb_str(&name)),
                     (uint64_t) NC_MAX(not_after(conf->certs[i].chain[0]), 0));
    }

    nc_sb_fini(&name);
}
