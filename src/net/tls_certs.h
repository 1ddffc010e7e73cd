/* tls_certs.h: the certificates of a conf, for the admin interface and for gauges. Helper only. */
#ifndef NC_NET_TLS_CERTS_H
#define NC_NET_TLS_CERTS_H

#include "net/tls_conf.h"

/*
 * Appends elements of "certificates" of admin.v3.Certificates, as JSON, separated by ','; *first is
 * true before the first one and false afterwards. `now`: Unix time.
 */
void nc_tls_certs_print(const nc_tls_conf_t *conf, int64_t now, nc_sb_t *out, bool *first);

/* When the first of its certificates expires, authorities too; INT64_MAX: there is none. */
int64_t nc_tls_first_expiry(const nc_tls_conf_t *conf);

/* certificate.<name>.expiration_unix_time_seconds of each certificate, while it is compiled. */
void nc_tls_expiry_gauges(nc_compile_t *cc, const nc_tls_conf_t *conf);

#endif
