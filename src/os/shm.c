/* shm.c: shared memory that is mapped before the fork: a sparse memfd. */
#include "os/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>


size_t
nc_shm_page(void)
{
    static size_t  page;

    if (page == 0) {
        page = (size_t) sysconf(_SC_PAGESIZE);
    }

    return page;
}


static int
prot_of(unsigned access)
{
    return (access & NC_SHM_WRITE) ? PROT_READ | PROT_WRITE
        : (access & NC_SHM_READ) ? PROT_READ : PROT_NONE;
}


/* One try at one size. NC_ERROR with errno, nothing is held. */
static nc_rc_t
create_sized(nc_shm_t *shm, const char *name, size_t size, unsigned access)
{
    int            fd, saved;
    void          *base;
    struct rlimit  limit;

    /* Growing past this limit would raise SIGXFSZ, so it is not tried. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
        && size > limit.rlim_cur)
    {
        errno = EFBIG;
        return NC_ERROR;
    }

    fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0) {
        return NC_ERROR;
    }

    if (ftruncate(fd, (off_t) size) != 0) {
        goto fail;
    }

    base = mmap(NULL, size, prot_of(access), MAP_SHARED | MAP_NORESERVE, fd, 0);

    if (base == MAP_FAILED) {
        goto fail;
    }

    /* A core of every crashed worker with the whole configuration in it would delay the next. */
    (void) madvise(base, size, MADV_DONTDUMP);

    *shm = (nc_shm_t) { .base = base, .size = size, .fd = fd };

    return NC_OK;

fail:

    saved = errno;
    close(fd);
    errno = saved;

    return NC_ERROR;
}


nc_rc_t
nc_shm_create(nc_shm_t *shm, const char *name, size_t size, size_t min_size, unsigned access)
{
    size_t  page = nc_shm_page();

    *shm = (nc_shm_t) { .fd = -1 };

    size = NC_ALIGN(NC_MAX(size, 1), page);
    min_size = NC_ALIGN(NC_MAX(min_size, 1), page);

    for ( ;; ) {
        if (create_sized(shm, name, size, access) == NC_OK) {
            return NC_OK;
        }

        if (size <= min_size || (errno != ENOMEM && errno != EFBIG && errno != ENOSPC)) {
            return NC_ERROR;
        }

        size = NC_MAX(NC_ALIGN(size / 2, page), min_size);
    }
}


void
nc_shm_destroy(nc_shm_t *shm)
{
    if (shm->base == NULL) {
        return;
    }

    NC_CHECK(munmap(shm->base, shm->size) == 0);
    nc_shm_drop_fd(shm);

    *shm = (nc_shm_t) { .fd = -1 };
}


void
nc_shm_drop_fd(nc_shm_t *shm)
{
    if (shm->base && shm->fd >= 0) {
        close(shm->fd);
    }

    shm->fd = -1;
}


nc_rc_t
nc_shm_protect(nc_shm_t *shm, size_t at, size_t len, unsigned access)
{
    NC_CHECK(at <= shm->size && len <= shm->size - at);

    return mprotect(shm->base + at, len, prot_of(access)) == 0 ? NC_OK : NC_ERROR;
}


nc_rc_t
nc_shm_punch(nc_shm_t *shm, size_t at, size_t len)
{
    NC_CHECK(at <= shm->size && len <= shm->size - at);

    return madvise(shm->base + at, len, MADV_REMOVE) == 0 ? NC_OK : NC_ERROR;
}


size_t
nc_shm_resident(const nc_shm_t *shm)
{
    struct stat  st;

    if (shm->base == NULL || shm->fd < 0 || fstat(shm->fd, &st) != 0) {
        return 0;
    }

    return (size_t) st.st_blocks * 512;
}
