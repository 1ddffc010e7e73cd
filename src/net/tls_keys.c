/* tls_keys.c: see tls_keys.h. Readers take a copy and look whether the sequence number moved. */
#include "net/tls_keys.h"

#include "net/tls.h"
#include "os/shm.h"

#include <openssl/rand.h>

typedef struct {
    uint32_t       seq;                         /* odd while it is written */
    nc_tls_keys_t  keys;
} page_t;

static page_t       own;
static page_t      *page = &own;
static nc_shm_t     shm;
static nc_timer_t   timer;


nc_rc_t
nc_tls_keys_create(void)
{
    if (nc_shm_create(&shm, "nuncio-ticket-keys", sizeof(page_t), sizeof(page_t), NC_SHM_WRITE)
        != NC_OK)
    {
        return NC_ERROR;
    }

    page = (page_t *) (void *) shm.base;

    return NC_OK;
}


static void
make_key(uint8_t *key)
{
    NC_CHECK(RAND_bytes(key, NC_TLS_TICKET_KEY) == 1);
}


static void
write_keys(const nc_tls_keys_t *keys)
{
    uint32_t  seq = __atomic_load_n(&page->seq, __ATOMIC_RELAXED);

    /* An odd number is what a helper left that died while it wrote. */
    seq |= 1;
    __atomic_store_n(&page->seq, seq, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(&page->keys, keys, sizeof(*keys));
    __atomic_store_n(&page->seq, seq + 1, __ATOMIC_RELEASE);
}


static void
first_keys(void)
{
    nc_tls_keys_t  keys = { .n = NC_TLS_KEYS };

    for (unsigned i = 0; i < NC_TLS_KEYS; i++) {
        make_key(keys.keys[i]);
    }

    write_keys(&keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
}


void
nc_tls_keys_rotate(void)
{
    nc_tls_keys_t  keys = page->keys;

    memcpy(keys.keys[2], page->keys.keys[0], NC_TLS_TICKET_KEY);
    memcpy(keys.keys[0], page->keys.keys[1], NC_TLS_TICKET_KEY);
    make_key(keys.keys[1]);
    write_keys(&keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
}


static void
on_timer(nc_timer_t *t)
{
    nc_tls_keys_rotate();
    nc_timer_start(t, NC_TLS_KEYS_ROTATE_MS);
}


void
nc_tls_keys_start(void)
{
    if (page->keys.n == 0 || (page->seq & 1)) {
        first_keys();
    }

    nc_timer_init(&timer, on_timer);
    nc_timer_start(&timer, NC_TLS_KEYS_ROTATE_MS);
}


void
nc_tls_keys_read(nc_tls_keys_t *out)
{
    uint32_t  before;

    if (page == &own && own.keys.n == 0) {
        first_keys();
    }

    for (unsigned tries = 0; tries < 1000; tries++) {
        before = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
        *out = page->keys;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);

        if (!(before & 1) && before == __atomic_load_n(&page->seq, __ATOMIC_RELAXED)) {
            return;
        }
    }

    out->n = 0;                                 /* a helper died while writing: no tickets now */
}
