/* file.c: files as a whole, folders, the pid file. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>


/* Closes fd with errno kept; NC_ERROR for `return`. */
static nc_rc_t
close_failed(int fd)
{
    int  e = errno;

    close(fd);
    errno = e;

    return NC_ERROR;
}


nc_rc_t
nc_file_read(const char *path, size_t max, nc_sb_t *out)
{
    size_t  total = 0;
    int     fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return NC_ERROR;
    }

    for ( ;; ) {
        char    *room = nc_sb_reserve(out, 65536);
        ssize_t  n;

        if (room == NULL) {
            errno = ENOMEM;

            return close_failed(fd);
        }

        n = read(fd, room, 65536);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            return close_failed(fd);
        }

        if (n == 0) {
            break;
        }

        total += (size_t) n;

        if (total > max) {
            errno = EFBIG;

            return close_failed(fd);
        }

        out->len += (size_t) n;
    }

    close(fd);

    return NC_OK;
}


static nc_rc_t
write_all(int fd, nc_str_t s)
{
    while (s.len) {
        ssize_t  n = write(fd, s.data, s.len);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            return NC_ERROR;
        }

        s = nc_str_skip(s, (size_t) n);
    }

    return NC_OK;
}


nc_rc_t
nc_file_replace(const char *path, mode_t mode, nc_str_t content)
{
    nc_sb_t  temp;
    nc_rc_t  rc = NC_ERROR;
    int      fd, e;

    nc_sb_init(&temp);
    nc_sb_printf(&temp, "%s.%d", path, (int) getpid());
    fd = open(nc_sb_c(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd == -1) {
        goto done;
    }

    if (write_all(fd, content) != NC_OK) {
        (void) close_failed(fd);
    } else if (close(fd) == 0 && rename(nc_sb_c(&temp), path) == 0) {
        rc = NC_OK;
        goto done;
    }

    e = errno;
    unlink(nc_sb_c(&temp));
    errno = e;

done:

    e = errno;
    nc_sb_fini(&temp);
    errno = e;

    return rc;
}


nc_rc_t
nc_dir_make(const char *path, mode_t mode)
{
    char         *copy = nc_strdup(path);
    nc_rc_t       rc = NC_OK;
    struct stat   st;

    for (char *p = copy + (copy[0] == '/'); rc == NC_OK; p++) {
        char  c = *p;

        if (c != '/' && c != '\0') {
            continue;
        }

        *p = '\0';

        if (copy[0] && mkdir(copy, mode) == -1
            && (errno != EEXIST || stat(copy, &st) == -1 || !S_ISDIR(st.st_mode)))
        {
            /* A parent that is there but read-only says EROFS or EACCES, not EEXIST. */
            rc = (stat(copy, &st) == 0 && S_ISDIR(st.st_mode)) ? NC_OK : NC_ERROR;
        }

        *p = c;

        if (c == '\0') {
            break;
        }
    }

    free(copy);

    return rc;
}


nc_rc_t
nc_dir_make_parent(const char *path, mode_t mode)
{
    const char  *end = strrchr(path, '/');
    char        *dir;
    nc_rc_t      rc;

    if (end == NULL || end == path) {
        return NC_OK;
    }

    dir = nc_str_dup_c(nc_str(path, (size_t) (end - path)));
    rc = nc_dir_make(dir, mode);
    free(dir);

    return rc;
}


char *
nc_path_join(const char *base, const char *path)
{
    nc_sb_t  sb;

    if (path[0] == '/') {
        return nc_strdup(path);
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, "%s/%s", base, path);
    (void) nc_sb_c(&sb);

    return sb.data;
}


/* The lock is an open-file-description lock: forked children that close their copy keep it. */
static nc_rc_t
lock(int fd, struct flock *l, int command)
{
    memset(l, 0, sizeof(*l));
    l->l_type = F_WRLCK;
    l->l_whence = SEEK_SET;

    return fcntl(fd, command, l) == -1 ? NC_ERROR : NC_OK;
}


static pid_t
read_pid(int fd)
{
    char      text[24];
    ssize_t   n = pread(fd, text, sizeof(text), 0);
    uint64_t  pid;

    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ')) {
        n--;
    }

    if (n <= 0 || nc_str_to_u64(nc_str(text, (size_t) n), INT32_MAX, &pid) != NC_OK) {
        return 0;
    }

    return (pid_t) pid;
}


int
nc_pid_file_open(const char *path, pid_t pid, pid_t *owner)
{
    struct flock  l;
    struct stat   mine, there;
    char          text[24];
    int           fd, n;

    *owner = 0;

    for ( ;; ) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd == -1) {
            return -1;
        }

        if (lock(fd, &l, F_OFD_SETLK) != NC_OK) {
            *owner = (errno == EAGAIN || errno == EACCES) ? read_pid(fd) : 0;
            errno = (errno == EACCES) ? EAGAIN : errno;

            return close_failed(fd), -1;
        }

        /* The owner before may have removed the file between open and lock. */
        if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino
            && mine.st_dev == there.st_dev)
        {
            break;
        }

        close(fd);
    }

    n = snprintf(text, sizeof(text), "%d\n", (int) pid);

    if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t) n, 0) != n) {
        return close_failed(fd), -1;
    }

    return fd;
}


void
nc_pid_file_close(const char *path, int *fd)
{
    if (*fd != -1) {
        unlink(path);
        close(*fd);
        *fd = -1;
    }
}


pid_t
nc_pid_file_owner(const char *path)
{
    struct flock  l;
    pid_t         pid = 0;
    int           fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    if (lock(fd, &l, F_OFD_GETLK) == NC_OK && l.l_type != F_UNLCK) {
        pid = read_pid(fd);
    }

    close(fd);

    return pid;
}
