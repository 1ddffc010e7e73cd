/*
 * tls_conn.c: TLS as a transport socket: handshake, reading, writing, goodbye.
 *
 *     create ─► handshake ... NC_AGAIN ... ─► NC_OK ─► read, write ─► shutdown ─► destroy
 *                   └─► NC_ERROR: failure() says why
 *
 * Invariants:
 *  1. The conf is pinned during the handshake alone (a connection may live longer than its
 *     configuration), unless renegotiation is allowed, which looks at it again.
 *  2. The end of the bytes without a goodbye is a break-off, never an end in good order.
 */
#include "net/tls_priv.h"

#include "base/slot.h"
#include "log/log.h"

#include <errno.h>

#define RECORDS_PER_WRITE   4                   /* as many as tls_bio.c collects */

static char  record[NC_TLS_RECORD];             /* small slices are put together here */


static void
unpin(nc_tls_t *t)
{
    if (t->pinned) {
        nc_slot_unref(t->conf->slot);
        t->pinned = false;
    }
}


/* ---- errors ---- */

/* Keeps what the library says, in Envoy's words, and empties its queue. */
static void
note_failure(nc_tls_t *t)
{
    unsigned long   e;
    bool            verify = false, no_cert = false, any = false;
    nc_sb_t         sb;

    if (t->cut_off) {
        ERR_clear_error();
    }

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "TLS_error:");

    while ((e = ERR_get_error()) != 0) {
        const char  *lib = ERR_lib_error_string(e), *reason = ERR_reason_error_string(e);

        any = true;
        verify = verify || (ERR_GET_LIB(e) == ERR_LIB_SSL
                            && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED);
        no_cert = no_cert || (ERR_GET_LIB(e) == ERR_LIB_SSL
                              && ERR_GET_REASON(e) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
        nc_sb_printf(&sb, "|%lu:%s:%s", e, lib ? lib : "", reason ? reason : "");
    }

    if (t->verify_error) {
        nc_sb_printf(&sb, ":verify cert failed: %s", t->verify_error);
    }

    nc_sb_c_add(&sb, ":TLS_error_end");

    if (!any) {
        nc_sb_reset(&sb);
        nc_sb_c_add(&sb, "TLS_error:connection ended during the handshake:TLS_error_end");
    }

    if (t->pinned && no_cert) {
        nc_counter_inc(t->conf->stats.fail_verify_no_cert);

    } else if (t->pinned && any && !verify) {
        nc_counter_inc(t->conf->stats.connection_error);
    }

    if (t->why == NULL) {
        t->why = nc_str_dup_c(nc_sb_str(&sb));
        nc_log(DEBUG, CONN, "connection %" PRIu64 ": %s", t->c->id, t->why);
    }

    nc_sb_fini(&sb);
    t->broken = true;
}


static const char *
failure(const void *state)
{
    return ((const nc_tls_t *) state)->why;
}


/* ---- the beginning ---- */

static bool
is_ip(const char *name)
{
    nc_addr_t  a;

    return nc_addr_parse_ip(&a, nc_str_c(name), 0) == NC_OK;
}


/* Names that are no addresses are sent (RFC 6066 section 3). */
static void
set_sni(nc_tls_t *t, const nc_transport_options_t *o)
{
    const nc_tls_conf_t  *conf = t->conf;
    nc_str_t              from = nc_str_c(conf->sni);
    char                  name[256];

    if (o->sni.data) {
        from = o->sni;

    } else if (conf->auto_host_sni && o->host.len > 0) {
        from = o->host;
    }

    if (from.len == 0 || from.len >= sizeof(name)) {
        return;
    }

    memcpy(name, from.data, from.len);
    name[from.len] = '\0';
    t->check_sni = conf->auto_sni_san || o->check_sni;

    if (!is_ip(name)) {
        SSL_set_tlsext_host_name(t->ssl, name);
    }
}


static void *
create(nc_conn_t *c, const void *data, const nc_transport_options_t *o, const char **why)
{
    const nc_tls_conf_t  *conf = data;
    nc_tls_ctx_t         *x = nc_tls_ctx_get(conf, why);
    nc_tls_t             *t;
    BIO                  *bio;

    if (x == NULL) {
        return NULL;
    }

    t = nc_calloc(sizeof(*t));
    t->c = c;
    t->ctx = x;
    t->conf = conf;
    t->client = o != NULL;
    t->pinned = true;
    nc_slot_ref(conf->slot);
    t->ssl = SSL_new(x->ssl_ctx);
    NC_CHECK(t->ssl != NULL);
    SSL_set_ex_data(t->ssl, nc_tls_ssl_index, t);
    bio = nc_tls_bio_new(t);
    SSL_set_bio(t->ssl, bio, bio);

    if (o) {
        SSL_set_connect_state(t->ssl);
        set_sni(t, o);

        if (conf->alpn.len == 0 && o->alpn.len) {
            SSL_set_alpn_protos(t->ssl, (const unsigned char *) o->alpn.data,
                                (unsigned) o->alpn.len);
        }

        nc_tls_session_offer(t);

    } else {
        SSL_set_accept_state(t->ssl);
    }

    return t;
}


static void
destroy(nc_conn_t *c, void *state)
{
    nc_tls_t  *t = state;

    (void) c;
    unpin(t);

    if (t->info) {
        nc_tls_info_unref(t->info);
    }

    /* A session of a connection that was not shut stays good for others. */
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    nc_tls_ctx_unref(t->ctx);
    ERR_clear_error();
    free(t->tail);
    free(t->why);
    free(t);
}


/* ---- handshake ---- */

static void
count_used(const nc_tls_t *t)
{
    static const int  versions[] = {
#define X(number, name)  number,
        NC_TLS_VERSIONS(X)
#undef X
    };
    static const int  ciphers[] = {
#define X(number, name)  number,
        NC_TLS_CIPHERS(X)
#undef X
    };
    static const int  curves[] = {
#define X(number, name)  number,
        NC_TLS_CURVES(X)
#undef X
    };
    const nc_tls_used_stats_t  *used = &t->conf->used;
    const SSL_CIPHER           *cipher = SSL_get_current_cipher(t->ssl);
    int                         id = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
    int                         group = (int) SSL_get_negotiated_group(t->ssl);

    for (unsigned i = 0; i < NC_COUNTOF(versions); i++) {
        if (versions[i] == SSL_version(t->ssl)) {
            nc_counter_inc(used->versions[i]);
        }
    }

    for (unsigned i = 0; i < NC_COUNTOF(ciphers); i++) {
        if (ciphers[i] == id || ciphers[i] == 0) {
            nc_counter_inc(used->ciphers[i]);
            break;
        }
    }

    for (unsigned i = 0; group && i < NC_COUNTOF(curves); i++) {
        if (curves[i] == group || curves[i] == 0) {
            nc_counter_inc(used->curves[i]);
            break;
        }
    }
}


static void
count_signature(const nc_tls_t *t)
{
    static const struct { int type, digest; }  algorithms[] = {
#define X(type, digest, name)  { type, digest },
        NC_TLS_SIGALGS(X)
#undef X
    };
    int  type = 0, digest = 0;

    if (SSL_get_peer_signature_type_nid(t->ssl, &type) != 1) {
        return;
    }

    (void) SSL_get_peer_signature_nid(t->ssl, &digest);

    for (unsigned i = 0; i < NC_COUNTOF(algorithms); i++) {
        if (algorithms[i].type == type
            && (algorithms[i].digest == digest || algorithms[i].digest == 0))
        {
            nc_counter_inc(t->conf->used.sigalgs[i]);
            return;
        }
    }
}


static void
handshake_done(nc_tls_t *t)
{
    const nc_tls_stats_t  *st = &t->conf->stats;

    t->up = true;
    nc_counter_inc(st->handshake);
    count_used(t);

    if (SSL_session_reused(t->ssl)) {
        nc_counter_inc(st->session_reused);
        t->validated = t->conf->trust.given && SSL_get0_peer_certificate(t->ssl) != NULL
                       && !t->conf->trust.accept_untrusted;

    } else {
        count_signature(t);
    }

    if (SSL_get0_peer_certificate(t->ssl) == NULL) {
        nc_counter_inc(st->no_certificate);
    }

    if (!t->conf->allow_renegotiation) {
        unpin(t);
    }
}


static nc_rc_t
handshake(nc_conn_t *c, void *state)
{
    nc_tls_t  *t = state;
    int        rc;

    (void) c;

    if (t->tail && !nc_tls_tail_flush(t) && errno != EAGAIN) {
        note_failure(t);
        return NC_ERROR;
    }

    ERR_clear_error();
    nc_tls_out_begin(t);
    rc = SSL_do_handshake(t->ssl);
    nc_tls_out_end(t);

    if (rc == 1) {
        handshake_done(t);
        return NC_OK;
    }

    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return NC_AGAIN;

    default:
        note_failure(t);
        return NC_ERROR;
    }
}


/* ---- bytes ---- */

/* What a read that gave nothing means; -1 with errno, or 0 for the end. */
static ssize_t
read_ended(nc_tls_t *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
        if (t->cut_off) {
            break;
        }

        t->at_end = true;
        return 0;

    default:
        break;
    }

    t->broken = true;

    if (t->cut_off) {                           /* neither a goodbye nor a reset */
        ERR_clear_error();
        errno = EPIPE;
        return -1;
    }

    if (ERR_peek_error() == 0) {                /* the socket's own error, in errno */
        errno = errno ? errno : ECONNRESET;
        return -1;
    }

    note_failure(t);
    errno = EPROTO;

    return -1;
}


static ssize_t
read_plain(nc_conn_t *c, void *state, void *data, size_t n)
{
    nc_tls_t  *t = state;
    size_t     got = 0;
    int        rc = 1;

    (void) c;

    if (t->at_end) {
        return 0;
    }

    if (t->broken) {
        errno = t->cut_off ? EPIPE : EPROTO;
        return -1;
    }

    nc_tls_out_begin(t);

    while (got < n && rc > 0) {
        size_t  more = 0;

        ERR_clear_error();
        errno = 0;
        rc = SSL_read_ex(t->ssl, (char *) data + got, n - got, &more);
        got += more;
    }

    if (rc <= 0) {
        ssize_t  end = read_ended(t, rc);

        nc_tls_out_end(t);

        return got ? (ssize_t) got : end;
    }

    nc_tls_out_end(t);

    return (ssize_t) got;
}


/* Bytes for one record: the slice itself when it fills one, else small ones put together. */
static const char *
next_record(const struct iovec *iov, int n, int *at, size_t *off, size_t *len)
{
    const char  *first = (const char *) iov[*at].iov_base + *off;
    size_t       have = iov[*at].iov_len - *off;

    if (have >= NC_TLS_RECORD || *at == n - 1) {
        *len = NC_MIN(have, (size_t) NC_TLS_RECORD);
        *off += *len;

        if (*off == iov[*at].iov_len) {
            (*at)++;
            *off = 0;
        }

        return first;
    }

    *len = 0;

    while (*at < n && *len < NC_TLS_RECORD) {
        size_t  some = NC_MIN(iov[*at].iov_len - *off, NC_TLS_RECORD - *len);

        memcpy(record + *len, (const char *) iov[*at].iov_base + *off, some);
        *len += some;
        *off += some;

        if (*off == iov[*at].iov_len) {
            (*at)++;
            *off = 0;
        }
    }

    return record;
}


static ssize_t
write_plain(nc_conn_t *c, void *state, const struct iovec *iov, int n)
{
    nc_tls_t  *t = state;
    size_t     done = 0, off = 0, len;
    int        at = 0;

    (void) c;

    if (t->tail && !nc_tls_tail_flush(t)) {
        return -1;
    }

    if (t->broken) {
        errno = EPIPE;
        return -1;
    }

    ERR_clear_error();
    nc_tls_out_begin(t);

    for (int i = 0; i < RECORDS_PER_WRITE && at < n; i++) {
        const char  *data = next_record(iov, n, &at, &off, &len);
        size_t       written;

        if (!SSL_write_ex(t->ssl, data, len, &written)) {
            nc_tls_out_end(t);
            note_failure(t);
            errno = EPROTO;
            return -1;
        }

        done += written;
    }

    nc_tls_out_end(t);

    return (ssize_t) done;
}


static bool
pending(const void *state)
{
    const nc_tls_t  *t = state;

    return t->at_end || t->broken || SSL_has_pending(t->ssl);
}


static bool
unsent(const void *state)
{
    return ((const nc_tls_t *) state)->tail != NULL;
}


static bool
flush(nc_conn_t *c, void *state)
{
    (void) c;

    return nc_tls_tail_flush(state);
}


static void
say_goodbye(nc_conn_t *c, void *state)
{
    nc_tls_t  *t = state;

    (void) c;

    if (!t->up || t->broken || SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN) {
        return;
    }

    ERR_clear_error();
    nc_tls_out_begin(t);
    (void) SSL_shutdown(t->ssl);
    nc_tls_out_end(t);
    ERR_clear_error();
}


static nc_str_t
alpn(const void *state)
{
    const nc_tls_t       *t = state;
    const unsigned char  *name;
    unsigned              len;

    SSL_get0_alpn_selected(t->ssl, &name, &len);

    return nc_str((const char *) name, len);
}


const nc_transport_ops_t  nc_tls_ops = {
    .create = create,
    .destroy = destroy,
    .handshake = handshake,
    .read = read_plain,
    .write = write_plain,
    .pending = pending,
    .unsent = unsent,
    .flush = flush,
    .shutdown = say_goodbye,
    .failure = failure,
    .alpn = alpn,
    .protocol = "tls"
};
