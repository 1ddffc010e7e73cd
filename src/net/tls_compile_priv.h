/* tls_compile_priv.h: what the files that compile TLS contexts share. Helper only. */
#ifndef NC_NET_TLS_COMPILE_PRIV_H
#define NC_NET_TLS_COMPILE_PRIV_H

#include "base/vec.h"
#include "net/tls_conf.h"

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"

#include <openssl/ssl.h>

#define NC_TLS_FILE_MAX     (1u << 20)          /* bytes of a certificate or key file */
#define NC_TLS_CA_MAX       (16u << 20)         /* bytes of trusted_ca and crl */

typedef Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext              nc_common_msg_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsCertificate                nc_cert_msg_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig               nc_sds_msg_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__Secret                        nc_secret_msg_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsSessionTicketKeys          nc_keys_msg_t;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext  nc_trust_msg_t;
typedef Envoy__Config__Core__V3__DataSource                                         nc_source_msg_t;

#define NC_SECRET(kind)  \
    ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__TYPE_##kind

/* The last error of the library as text; its queue is empty afterwards. */
const char *nc_tls_why(void);

/* Its file, or "<inline>". */
nc_str_t nc_tls_path(const nc_source_msg_t *source, nc_pool_t *pool);

/* Reads a data source into `pool`. */
nc_rc_t nc_tls_read(nc_compile_t *cc, const nc_source_msg_t *source, size_t max, nc_pool_t *pool,
    nc_str_t *out);

/*
 * The secret that `sds` names, of type `kind` (NC_SECRET(...)): a static one, or of the file of its
 * sds_config, which is then in `scratch`. NULL: an error was added.
 */
const nc_secret_msg_t *nc_tls_secret(nc_compile_t *cc, const nc_sds_msg_t *sds, int kind,
    nc_pool_t *scratch);

/* One certificate; `name` is that of its secret, or NULL. NC_ERROR: errors were added. */
nc_rc_t nc_tls_cert_compile(nc_compile_t *cc, const nc_cert_msg_t *m, const char *name,
    nc_tls_cert_t *cert);

/* Seconds since 1970; 0: not a time. */
int64_t nc_tls_unix_time(const ASN1_TIME *t);

/* The names that a certificate is chosen by: DNS names, or the common name. Lower case. */
void nc_tls_cert_names(const nc_tls_cert_t *cert, nc_pool_t *pool, nc_str_t **names, uint32_t *n);

/* `base` first (may be NULL), then what `m` (may be NULL) adds to it. */
nc_rc_t nc_tls_trust_compile(nc_compile_t *cc, const nc_trust_msg_t *m, nc_tls_trust_t *trust);

#endif
