/* shared.c: keys are small numbers that are never used twice, so an array of pointers will do. */
#include "log/shared.h"

#define MAX_KEY     (1u << 20)

static nc_log_file_t  **files;
static uint32_t         n_files;


nc_log_file_t *
nc_log_shared(uint32_t key)
{
    NC_CHECK(key < MAX_KEY);

    if (key >= n_files) {
        uint32_t  n = NC_MAX(key + 1, n_files * 2);

        files = nc_realloc(files, n * sizeof(*files));
        memset(files + n_files, 0, (n - n_files) * sizeof(*files));
        n_files = n;
    }

    if (files[key] == NULL) {
        files[key] = nc_malloc(sizeof(*files[key]));
        nc_log_file_init(files[key], -1, false);
    }

    return files[key];
}


void
nc_log_shared_set(uint32_t key, int fd)
{
    nc_log_file_t  *f = nc_log_shared(key);

    if (fd == -1) {
        nc_log_file_fini(f);
        nc_log_file_init(f, -1, false);
    } else {
        nc_log_file_set_fd(f, fd, true);
    }
}


void
nc_log_shared_flush(bool by_timer)
{
    for (uint32_t i = 0; i < n_files; i++) {
        if (files[i] && files[i]->fd != -1) {
            (void) (by_timer ? nc_log_file_flush_timer(files[i]) : nc_log_file_flush(files[i]));
        }
    }
}
