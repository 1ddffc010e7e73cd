/*
 * tls_info.c: facts about a connection, for logs, headers and policies. Certificates and numbers
 * are taken when the info is made; texts are made when they are asked for.
 */
#include "net/tls_priv.h"

#include <openssl/pem.h>

struct nc_tls_info_s {
    uint32_t         refs;
    bool             validated;
    X509            *peer;                      /* NULL: none */
    X509            *local;
    STACK_OF(X509)  *chain;                     /* of the peer, the leaf first; may be NULL */
    const char      *version;                   /* the library's */
    const char      *cipher;
    char            *texts[NC_TLS_FACT_MAX];    /* NULL: not made yet; "": there is none */
};


nc_tls_info_t *
nc_tls_info_ref(nc_tls_info_t *i)
{
    i->refs++;

    return i;
}


void
nc_tls_info_unref(nc_tls_info_t *i)
{
    if (--i->refs > 0) {
        return;
    }

    X509_free(i->peer);
    X509_free(i->local);
    sk_X509_pop_free(i->chain, X509_free);

    for (unsigned j = 0; j < NC_TLS_FACT_MAX; j++) {
        free(i->texts[j]);
    }

    free(i);
}


static void
set(nc_tls_info_t *i, nc_tls_fact_t what, nc_str_t text)
{
    free(i->texts[what]);
    i->texts[what] = nc_str_dup_c(text);
}


/* What the connection alone can tell: at once, since it may go before the info does. */
static void
take_from_connection(nc_tls_info_t *i, nc_tls_t *t)
{
    static const char      digits[] = "0123456789abcdef";
    const char            *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    SSL_SESSION           *session = SSL_get_session(t->ssl);
    const unsigned char   *id, *name;
    unsigned               id_len = 0, name_len;
    char                   hex[SSL_MAX_SSL_SESSION_ID_LENGTH * 2];

    set(i, NC_TLS_FACT_SERVER_NAME, nc_str_c(sni));
    SSL_get0_alpn_selected(t->ssl, &name, &name_len);
    set(i, NC_TLS_FACT_ALPN, nc_str((const char *) name, name_len));

    id = session ? SSL_SESSION_get_id(session, &id_len) : NULL;
    id_len = NC_MIN(id_len, (unsigned) SSL_MAX_SSL_SESSION_ID_LENGTH);

    for (unsigned j = 0; j < id_len; j++) {
        hex[j * 2] = digits[id[j] >> 4];
        hex[j * 2 + 1] = digits[id[j] & 15];
    }

    set(i, NC_TLS_FACT_SESSION_ID, nc_str(hex, id_len * 2));
}


nc_tls_info_t *
nc_tls_info(nc_conn_t *c)
{
    nc_tls_t        *t;
    nc_tls_info_t   *i;
    STACK_OF(X509)  *chain;

    if (c->transport != &nc_tls_ops || c->transport_state == NULL) {
        return NULL;
    }

    t = c->transport_state;

    if (t->info || !t->up) {
        return t->info;
    }

    i = nc_calloc(sizeof(*i));
    i->refs = 1;
    i->validated = t->validated;
    i->peer = SSL_get1_peer_certificate(t->ssl);
    i->local = SSL_get_certificate(t->ssl);
    i->version = SSL_get_version(t->ssl);
    i->cipher = SSL_get_cipher_name(t->ssl);
    chain = SSL_get_peer_cert_chain(t->ssl);
    i->chain = chain ? X509_chain_up_ref(chain) : NULL;

    if (i->local) {
        X509_up_ref(i->local);
    }

    if (i->peer && !t->client) {                /* the library leaves the leaf out there */
        i->chain = i->chain ? i->chain : sk_X509_new_null();
        X509_up_ref(i->peer);
        sk_X509_unshift(i->chain, i->peer);
    }

    take_from_connection(i, t);
    t->info = i;

    return i;
}


/* ---- texts ---- */

static void
add_hex(nc_sb_t *sb, const unsigned char *data, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        nc_sb_printf(sb, "%02x", data[j]);
    }
}


static void
add_digest(nc_sb_t *sb, X509 *x, const EVP_MD *md)
{
    unsigned char  digest[EVP_MAX_MD_SIZE];
    unsigned       n;

    if (x && X509_digest(x, md, digest, &n)) {
        add_hex(sb, digest, n);
    }
}


static void
add_serial(nc_sb_t *sb, X509 *x)
{
    BIGNUM  *n = x ? ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL) : NULL;
    char    *hex = n ? BN_bn2hex(n) : NULL;

    for (char *p = hex; p && *p; p++) {
        nc_sb_char(sb, nc_lower(*p));
    }

    OPENSSL_free(hex);
    BN_free(n);
}


static void
add_name(nc_sb_t *sb, const X509_NAME *name)
{
    BIO   *bio = BIO_new(BIO_s_mem());
    char  *data;
    long   n;

    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    n = BIO_get_mem_data(bio, &data);
    nc_sb_add(sb, data, (size_t) NC_MAX(n, 0));
    BIO_free(bio);
}


static void
add_sans(nc_sb_t *sb, X509 *x, int type)
{
    GENERAL_NAMES  *sans = x ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;
    char            memory[64];

    for (int j = 0; j < sk_GENERAL_NAME_num(sans); j++) {
        const GENERAL_NAME  *g = sk_GENERAL_NAME_value(sans, j);
        nc_str_t             text;

        if (g->type == type && (text = nc_tls_san_text(g, memory, sizeof(memory))).data) {
            nc_sb_c_add(sb, sb->len ? "," : "");
            nc_sb_str_add(sb, text);
        }
    }

    GENERAL_NAMES_free(sans);
}


/* PEM as x-forwarded-client-cert wants it: what is not unreserved in RFC 3986 is %XX. */
static void
add_pem(nc_sb_t *sb, X509 *x)
{
    BIO   *bio = BIO_new(BIO_s_mem());
    char  *data;
    long   n;

    PEM_write_bio_X509(bio, x);
    n = BIO_get_mem_data(bio, &data);

    for (long j = 0; j < n; j++) {
        if (nc_is_alpha(data[j]) || nc_is_digit(data[j]) || (data[j] && strchr("-._~", data[j]))) {
            nc_sb_char(sb, data[j]);

        } else {
            nc_sb_printf(sb, "%%%02X", (unsigned char) data[j]);
        }
    }

    BIO_free(bio);
}


typedef void add_fn_t(nc_sb_t *sb, X509 *x);

static void add_sha256(nc_sb_t *sb, X509 *x) { add_digest(sb, x, EVP_sha256()); }
static void add_sha1(nc_sb_t *sb, X509 *x) { add_digest(sb, x, EVP_sha1()); }


static void
add_chain(nc_sb_t *sb, const nc_tls_info_t *i, add_fn_t *add, const char *between)
{
    for (int j = 0; j < sk_X509_num(i->chain); j++) {
        nc_sb_c_add(sb, j ? between : "");
        add(sb, sk_X509_value(i->chain, j));
    }
}


static void
make_peer_text(nc_tls_info_t *i, nc_tls_fact_t what, nc_sb_t *sb)
{
    switch (what) {
    case NC_TLS_FACT_PEER_SUBJECT: add_name(sb, X509_get_subject_name(i->peer)); break;
    case NC_TLS_FACT_PEER_ISSUER: add_name(sb, X509_get_issuer_name(i->peer)); break;
    case NC_TLS_FACT_PEER_SERIAL: add_serial(sb, i->peer); break;
    case NC_TLS_FACT_PEER_FINGERPRINT_256: add_sha256(sb, i->peer); break;
    case NC_TLS_FACT_PEER_FINGERPRINT_1: add_sha1(sb, i->peer); break;
    case NC_TLS_FACT_PEER_CHAIN_FINGERPRINTS_256: add_chain(sb, i, add_sha256, ","); break;
    case NC_TLS_FACT_PEER_CHAIN_FINGERPRINTS_1: add_chain(sb, i, add_sha1, ","); break;
    case NC_TLS_FACT_PEER_CHAIN_SERIALS: add_chain(sb, i, add_serial, ","); break;
    case NC_TLS_FACT_PEER_CERT: add_pem(sb, i->peer); break;
    case NC_TLS_FACT_PEER_CHAIN: add_chain(sb, i, add_pem, ""); break;
    case NC_TLS_FACT_PEER_URI_SAN: add_sans(sb, i->peer, GEN_URI); break;
    case NC_TLS_FACT_PEER_DNS_SAN: add_sans(sb, i->peer, GEN_DNS); break;
    case NC_TLS_FACT_PEER_IP_SAN: add_sans(sb, i->peer, GEN_IPADD); break;
    case NC_TLS_FACT_PEER_EMAIL_SAN: add_sans(sb, i->peer, GEN_EMAIL); break;
    case NC_TLS_FACT_PEER_OTHERNAME_SAN: add_sans(sb, i->peer, GEN_OTHERNAME); break;
    default: break;
    }
}


static void
make_text(nc_tls_info_t *i, nc_tls_fact_t what, nc_sb_t *sb)
{
    switch (what) {
    case NC_TLS_FACT_VERSION: nc_sb_c_add(sb, i->version); break;
    case NC_TLS_FACT_CIPHER: nc_sb_c_add(sb, i->cipher); break;
    case NC_TLS_FACT_LOCAL_SUBJECT:
        if (i->local) {
            add_name(sb, X509_get_subject_name(i->local));
        }
        break;
    case NC_TLS_FACT_LOCAL_URI_SAN: add_sans(sb, i->local, GEN_URI); break;
    case NC_TLS_FACT_LOCAL_DNS_SAN: add_sans(sb, i->local, GEN_DNS); break;
    case NC_TLS_FACT_LOCAL_IP_SAN: add_sans(sb, i->local, GEN_IPADD); break;
    case NC_TLS_FACT_LOCAL_EMAIL_SAN: add_sans(sb, i->local, GEN_EMAIL); break;
    case NC_TLS_FACT_LOCAL_OTHERNAME_SAN: add_sans(sb, i->local, GEN_OTHERNAME); break;
    default:
        if (i->peer) {
            make_peer_text(i, what, sb);
        }
        break;
    }
}


nc_str_t
nc_tls_fact(nc_tls_info_t *i, nc_tls_fact_t what)
{
    nc_sb_t   sb;
    nc_str_t  text;

    if (i->texts[what] == NULL) {
        nc_sb_init(&sb);
        make_text(i, what, &sb);
        set(i, what, nc_sb_str(&sb));
        nc_sb_fini(&sb);
    }

    text = nc_str_c(i->texts[what]);

    return text.len ? text : NC_STR_NULL;
}


bool
nc_tls_peer_presented(const nc_tls_info_t *i)
{
    return i->peer != NULL;
}


bool
nc_tls_peer_validated(const nc_tls_info_t *i)
{
    return i->peer != NULL && i->validated;
}


static int64_t
unix_time(const ASN1_TIME *at)
{
    ASN1_TIME  *epoch = ASN1_TIME_set(NULL, 0);
    int         days = 0, seconds = 0;

    (void) ASN1_TIME_diff(&days, &seconds, epoch, at);
    ASN1_TIME_free(epoch);

    return (int64_t) days * 86400 + seconds;
}


bool
nc_tls_peer_validity(const nc_tls_info_t *i, int64_t *from, int64_t *until)
{
    if (i->peer == NULL) {
        return false;
    }

    *from = unix_time(X509_get0_notBefore(i->peer));
    *until = unix_time(X509_get0_notAfter(i->peer));

    return true;
}


bool
nc_tls_peer_any_san(const nc_tls_info_t *i, nc_tls_fact_t what,
    bool (*look)(nc_str_t san, void *ctx), void *ctx)
{
    int             type = what == NC_TLS_FACT_PEER_URI_SAN ? GEN_URI : GEN_DNS;
    GENERAL_NAMES  *sans = i->peer ? X509_get_ext_d2i(i->peer, NID_subject_alt_name, NULL, NULL)
                                   : NULL;
    char            memory[64];
    bool            found = false;

    for (int j = 0; !found && j < sk_GENERAL_NAME_num(sans); j++) {
        const GENERAL_NAME  *g = sk_GENERAL_NAME_value(sans, j);
        nc_str_t             text;

        if (g->type == type && (text = nc_tls_san_text(g, memory, sizeof(memory))).data) {
            found = look(text, ctx);
        }
    }

    GENERAL_NAMES_free(sans);

    return found;
}
