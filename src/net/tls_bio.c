/*
 * tls_bio.c: the library's reads go to the socket; its writes are collected and leave in one system
 * call, however many records they are.
 *
 * Invariants:
 *  1. A read that gave less than was asked for has emptied the socket: none is tried before the
 *     next event (nc_conn_t.drained), so that a request costs one read.
 *  2. The collecting memory is the process's and empty outside begin and end.
 */
#include "net/tls_priv.h"

#include <errno.h>
#include <openssl/bio.h>
#include <sys/socket.h>

#define COLLECT     (5u * (NC_TLS_RECORD + 512u))

static BIO_METHOD  *method;
static char         out[COLLECT];
static size_t       out_len;


static void
keep_tail(nc_tls_t *t, const char *data, size_t n)
{
    t->tail = nc_realloc(t->tail, t->tail_len + n);
    memcpy(t->tail + t->tail_len, data, n);
    t->tail_len += (uint32_t) n;
}


bool
nc_tls_tail_flush(nc_tls_t *t)
{
    while (t->tail_at < t->tail_len) {
        ssize_t  n = send(t->c->ev.fd, t->tail + t->tail_at, t->tail_len - t->tail_at,
                          MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            return false;
        }

        t->tail_at += (uint32_t) n;
    }

    free(t->tail);
    t->tail = NULL;
    t->tail_at = t->tail_len = 0;

    return true;
}


void
nc_tls_out_begin(nc_tls_t *t)
{
    (void) t;
    NC_ASSERT(out_len == 0);
}


void
nc_tls_out_end(nc_tls_t *t)
{
    size_t   len = out_len;
    ssize_t  n = 0;

    out_len = 0;

    if (len == 0) {
        return;
    }

    if (t->tail == NULL) {
        do {
            n = send(t->c->ev.fd, out, len, MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);

        n = n < 0 ? 0 : n;                      /* an error shows at the next flush of the tail */
    }

    if ((size_t) n < len) {
        keep_tail(t, out + n, len - (size_t) n);
    }
}


static int
on_write(BIO *bio, const char *data, int n)
{
    nc_tls_t  *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);

    if (out_len + (size_t) n > sizeof(out)) {
        nc_tls_out_end(t);
    }

    if ((size_t) n > sizeof(out)) {
        keep_tail(t, data, (size_t) n);

    } else {
        memcpy(out + out_len, data, (size_t) n);
        out_len += (size_t) n;
    }

    return n;
}


static int
on_read(BIO *bio, char *data, int size)
{
    nc_tls_t   *t = BIO_get_data(bio);
    nc_conn_t  *c = t->c;
    ssize_t     n;

    BIO_clear_retry_flags(bio);

    if (c->drained) {
        BIO_set_retry_read(bio);
        return -1;
    }

    do {
        n = recv(c->ev.fd, data, (size_t) size, 0);
    } while (n < 0 && errno == EINTR);

    if (n < 0 && errno == EAGAIN) {
        c->drained = true;
        BIO_set_retry_read(bio);

    } else if (n > 0 && n < size && !c->hung_up) {
        c->drained = true;

    } else if (n == 0) {
        t->cut_off = true;
    }

    return (int) n;
}


static long
on_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const nc_tls_t  *t = BIO_get_data(bio);

    (void) number;
    (void) pointer;

    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t->cut_off;
    default:
        return 0;
    }
}


BIO *
nc_tls_bio_new(nc_tls_t *t)
{
    BIO  *bio;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nuncio connection");
        NC_CHECK(method != NULL);
        BIO_meth_set_write(method, on_write);
        BIO_meth_set_read(method, on_read);
        BIO_meth_set_ctrl(method, on_ctrl);
    }

    bio = BIO_new(method);
    NC_CHECK(bio != NULL);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);

    return bio;
}
