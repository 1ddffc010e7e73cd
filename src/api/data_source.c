/* data_source.c: see data_source.h. */
#include "api/data_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "envoy/config/core/v3/base.pb-c.h"

#define SOURCE(kind)    ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_##kind


/* Reads at most max + 1 bytes from a regular file; -1: errno. */
static ssize_t
read_file(int fd, char *data, size_t max)
{
    size_t   n = 0;
    ssize_t  got;

    while (n <= max) {
        got = read(fd, data + n, max + 1 - n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        n += (size_t) got;
    }

    return (ssize_t) n;
}


static nc_rc_t
from_file(nc_compile_t *cc, const struct Envoy__Config__Core__V3__DataSource *msg, size_t max,
    nc_pool_t *pool, nc_str_t *out)
{
    int          fd;
    char        *data;
    size_t       room;
    ssize_t      n = -1;
    struct stat  st;

    if (cc->depends) {
        cc->depends(cc, msg->filename,
            msg->watched_directory ? msg->watched_directory->path : NULL);
    }

    fd = open(msg->filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        goto fail;
    }

    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        goto fail;
    }

    room = (size_t) st.st_size < max ? (size_t) st.st_size : max;
    data = nc_pool_alloc(pool, room + 1);
    n = read_file(fd, data, room);
    if (n < 0) {
        goto fail;
    }

    close(fd);

    if ((size_t) n > room) {
        return nc_compile_error(cc, &msg->base, "filename",
            "'%s' has more than the %zu bytes allowed here", msg->filename, max);
    }

    *out = nc_str(data, (size_t) n);

    return NC_OK;

fail:

    nc_compile_error(cc, &msg->base, "filename", "cannot read '%s': %s", msg->filename,
        strerror(errno));

    if (fd >= 0) {
        close(fd);
    }

    return NC_ERROR;
}


nc_rc_t
nc_data_source_read(nc_compile_t *cc, const struct Envoy__Config__Core__V3__DataSource *msg,
    size_t max, nc_pool_t *pool, nc_str_t *out)
{
    const char  *field, *value;

    switch (msg->specifier_case) {

    case SOURCE(FILENAME):
        return from_file(cc, msg, max, pool, out);

    case SOURCE(INLINE_BYTES):
        field = "inline_bytes";
        *out = nc_str((const char *) msg->inline_bytes.data, msg->inline_bytes.len);
        break;

    case SOURCE(INLINE_STRING):
        field = "inline_string";
        *out = nc_str_c(msg->inline_string);
        break;

    case SOURCE(ENVIRONMENT_VARIABLE):
        field = "environment_variable";
        value = getenv(msg->environment_variable);
        if (value == NULL) {
            return nc_compile_error(cc, &msg->base, field, "'%s' is not set in the environment",
                msg->environment_variable);
        }
        *out = nc_str_c(value);
        break;

    default:
        return nc_compile_error(cc, &msg->base, "",
            "one of filename, inline_bytes, inline_string, environment_variable is required");
    }

    if (out->len > max) {
        return nc_compile_error(cc, &msg->base, field,
            "has %zu bytes, more than the %zu allowed here", out->len, max);
    }

    *out = nc_pool_str(pool, *out);

    return NC_OK;
}
