/*
 * shm.h: shared memory that is mapped before the fork, so that every process of the family sees it
 * at the same address: a sparse memfd. Only pages that were touched cost memory.
 */
#ifndef NC_OS_SHM_H
#define NC_OS_SHM_H

#include "base/base.h"

typedef struct {
    char    *base;
    size_t   size;                              /* bytes of address range */
    int      fd;                                /* the memfd, close-on-exec; -1 once dropped */
} nc_shm_t;

#define NC_SHM_READ     0x1u
#define NC_SHM_WRITE    0x2u                    /* implies read */

/*
 * Creates and maps `size` bytes (rounded up to pages, all zero) under `name`, which is shown in
 * /proc/PID/maps. What limits do not allow (address space, file size) is tried again with half of
 * it, down to `min_size`. `access` is one of NC_SHM_*. The range is left out of core dumps.
 * NC_ERROR: not even min_size; errno says why, nothing is held.
 */
nc_rc_t nc_shm_create(nc_shm_t *shm, const char *name, size_t size, size_t min_size,
    unsigned access);

/* Unmaps and closes. Fine on a zeroed nc_shm_t and on one destroyed before. */
void nc_shm_destroy(nc_shm_t *shm);

/* Closes the descriptor only: for children that do not ask for what is resident. */
void nc_shm_drop_fd(nc_shm_t *shm);

/* Changes what this process may do in [at, at + len), whole pages. NC_ERROR with errno. */
nc_rc_t nc_shm_protect(nc_shm_t *shm, size_t at, size_t len, unsigned access);

/*
 * Gives the pages of [at, at + len), whole pages, back to the system; they read as zero in all
 * processes from now on. Needs write access. NC_ERROR with errno.
 */
nc_rc_t nc_shm_punch(nc_shm_t *shm, size_t at, size_t len);

/* Bytes of memory in use by the range, all processes together; 0 when the fd was dropped. */
size_t nc_shm_resident(const nc_shm_t *shm);

/* Bytes of a page. */
size_t nc_shm_page(void);

#endif
