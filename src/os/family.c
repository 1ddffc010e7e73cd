/* family.c: the shared page of one family of processes. */
#include "os/family.h"
#include "os/shm.h"

static nc_words_t    private_words;
static nc_family_t   private_family;
static nc_shm_t      shm = { .fd = -1 };
static nc_words_t   *slots;
static unsigned      n_slots;

nc_words_t   *nc_words = &private_words;
nc_family_t  *nc_family = &private_family;


nc_rc_t
nc_family_create(unsigned n_workers)
{
    size_t  head = NC_ALIGN(sizeof(nc_family_t), 64);
    size_t  size = head + (n_workers + 1) * sizeof(nc_words_t);

    if (nc_shm_create(&shm, "nuncio-family", size, size, NC_SHM_WRITE) != NC_OK) {
        return NC_ERROR;
    }

    nc_shm_drop_fd(&shm);
    nc_family = (void *) shm.base;
    slots = (void *) (shm.base + head);
    n_slots = n_workers + 1;
    nc_family->n_workers = n_workers;

    return NC_OK;
}


void
nc_family_destroy(void)
{
    nc_shm_destroy(&shm);
    nc_words = &private_words;
    nc_family = &private_family;
    slots = NULL;
    n_slots = 0;
}


nc_words_t *
nc_family_words(unsigned slot)
{
    NC_CHECK(slot < n_slots);

    return &slots[slot];
}


void
nc_family_use(unsigned slot)
{
    nc_words = nc_family_words(slot);
    memset(nc_words, 0, sizeof(*nc_words));
}
