/*
 * file.c: buffered whole lines.
 *
 * A regular file takes the whole buffer in one write. A pipe, socket or terminal takes pieces of
 * whole lines of at most PIPE_BUF bytes, which the kernel keeps together among several writers, and
 * never makes us wait.
 */
#include "log/file.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_BYTES  (1024u * 1024)

static void
ignore_event(nc_log_file_event_t event, int64_t n)
{
    (void) event;
    (void) n;
}

void (*nc_log_file_hook)(nc_log_file_event_t event, int64_t n) = ignore_event;

static void
look_at_fd(nc_log_file_t *f)
{
    struct stat  st;

    f->regular = f->fd >= 0 && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
}

void
nc_log_file_init(nc_log_file_t *f, int fd, bool own_fd)
{
    *f = (nc_log_file_t) { .fd = fd, .own_fd = own_fd };
    look_at_fd(f);
}

static void
set_len(nc_log_file_t *f, size_t len)
{
    nc_log_file_hook(NC_LOG_FILE_TOTAL, (int64_t) len - (int64_t) f->len);
    f->len = len;
}

static uint64_t
count_lines(const char *p, size_t n)
{
    uint64_t     lines = 0;
    const char  *end = p + n;

    while (p < end && (p = memchr(p, '\n', (size_t) (end - p))) != NULL) {
        lines++;
        p++;
    }

    return lines;
}

/* Takes the first `n` bytes away, which were written. */
static void
consume(nc_log_file_t *f, size_t n)
{
    f->cut = f->data[n - 1] != '\n';
    memmove(f->data, f->data + n, f->len - n);
    set_len(f, f->len - n);
}

/* Drops all lines but the rest of one whose beginning is in the file. */
static void
drop_lines(nc_log_file_t *f)
{
    size_t       keep = 0;
    const char  *end;

    if (f->cut && f->len) {
        end = memchr(f->data, '\n', f->len);
        keep = end ? (size_t) (end - f->data) + 1 : f->len;
    }

    f->dropped += count_lines(f->data + keep, f->len - keep);
    set_len(f, keep);
}

/* How much goes out with one write. */
static size_t
piece_len(const nc_log_file_t *f)
{
    size_t       n = f->len;
    const char  *end;

    if (f->regular || n <= PIPE_BUF) {
        return n;
    }

    for (n = PIPE_BUF; n > 0 && f->data[n - 1] != '\n'; n--) {
    }

    if (n == 0) {
        end = memchr(f->data, '\n', f->len);
        n = end ? (size_t) (end - f->data) + 1 : f->len;
    }

    return n;
}

/* write(2) that does not wait, whatever the flags of the fd say (it may be somebody's stdout). */
static ssize_t
write_now(const nc_log_file_t *f, size_t n)
{
    struct iovec   iov = { f->data, n };
    struct pollfd  p = { .fd = f->fd, .events = POLLOUT };
    ssize_t        rc;

    if (f->regular) {
        return write(f->fd, f->data, n);
    }

    rc = pwritev2(f->fd, &iov, 1, -1, RWF_NOWAIT);

    if (rc >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL
        && errno != ESPIPE))
    {
        return rc;
    }

    if (poll(&p, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }

    return write(f->fd, f->data, n);
}

nc_rc_t
nc_log_file_flush(nc_log_file_t *f)
{
    while (f->len) {
        size_t   n = piece_len(f);
        ssize_t  rc = f->fd >= 0 ? write_now(f, n) : -1;

        if (rc > 0) {
            consume(f, (size_t) rc);
            nc_log_file_hook(NC_LOG_FILE_COMPLETED, 1);
            continue;
        }

        if (f->fd >= 0 && rc < 0 && errno == EINTR) {
            continue;
        }

        if (f->fd >= 0 && rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return NC_AGAIN;
        }

        nc_log_file_hook(NC_LOG_FILE_FAILED, 1);
        drop_lines(f);

        return NC_DECLINED;
    }

    if (f->cap > NC_LOG_FILE_BUFFER) {
        free(f->data);
        f->data = NULL;
        f->cap = 0;
    }

    return NC_OK;
}

nc_rc_t
nc_log_file_flush_timer(nc_log_file_t *f)
{
    if (f->len) {
        nc_log_file_hook(NC_LOG_FILE_BY_TIMER, 1);
    }

    return nc_log_file_flush(f);
}

/* Room for `n` bytes more; false: there is none now. */
static bool
make_room(nc_log_file_t *f, size_t n)
{
    if (f->data == NULL) {
        f->cap = NC_MAX((size_t) NC_LOG_FILE_BUFFER, n);
        f->data = nc_malloc(f->cap);
    }

    if (n <= f->cap - f->len) {
        return true;
    }

    (void) nc_log_file_flush(f);

    if (f->data == NULL || (f->len == 0 && n > f->cap)) {
        free(f->data);
        f->cap = NC_MAX((size_t) NC_LOG_FILE_BUFFER, n);
        f->data = nc_malloc(f->cap);
    }

    return n <= f->cap - f->len;
}

static void
added(nc_log_file_t *f, size_t n)
{
    set_len(f, f->len + n);
    nc_log_file_hook(NC_LOG_FILE_BUFFERED, 1);

    if (f->len >= NC_LOG_FILE_BUFFER) {
        (void) nc_log_file_flush(f);
    }
}

nc_rc_t
nc_log_file_line(nc_log_file_t *f, nc_str_t line)
{
    bool    newline = line.len == 0 || line.data[line.len - 1] != '\n';
    size_t  n = line.len + newline;

    if (f->fd < 0 || n > LINE_MAX_BYTES || !make_room(f, n)) {
        f->dropped++;
        return NC_DECLINED;
    }

    if (line.len) {
        memcpy(f->data + f->len, line.data, line.len);
    }

    if (newline) {
        f->data[f->len + line.len] = '\n';
    }

    added(f, n);

    return NC_OK;
}

char *
nc_log_file_reserve(nc_log_file_t *f, size_t max)
{
    if (f->fd < 0 || max >= LINE_MAX_BYTES || !make_room(f, max + 1)) {
        return NULL;
    }

    return f->data + f->len;
}

void
nc_log_file_commit(nc_log_file_t *f, size_t len)
{
    if (len == 0 || f->data[f->len + len - 1] != '\n') {
        f->data[f->len + len++] = '\n';
    }

    added(f, len);
}

static void
close_fd(nc_log_file_t *f)
{
    if (f->own_fd && f->fd >= 0) {
        close(f->fd);
    }

    f->fd = -1;
}

void
nc_log_file_set_fd(nc_log_file_t *f, int fd, bool own_fd)
{
    (void) nc_log_file_flush(f);

    if (f->cut) {
        /* The rest of a line that the old file could not take has no place in the new one. */
        drop_lines(f);
        f->dropped += f->len > 0;
        set_len(f, 0);
        f->cut = false;
    }

    close_fd(f);
    f->fd = fd;
    f->own_fd = own_fd;
    look_at_fd(f);
}

void
nc_log_file_fini(nc_log_file_t *f)
{
    (void) nc_log_file_flush(f);
    f->cut = false;

    if (f->len) {
        drop_lines(f);
    }

    close_fd(f);
    free(f->data);
    f->data = NULL;
    f->len = f->cap = 0;
}
