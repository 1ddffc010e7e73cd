/* file.h: files as a whole, folders, the pid file. Functions leave errno on NC_ERROR and -1. */
#ifndef NC_OS_FILE_H
#define NC_OS_FILE_H

#include "base/str.h"

#include <sys/types.h>

/* Appends the whole file. NC_ERROR with EFBIG when it has more than `max` bytes. */
nc_rc_t nc_file_read(const char *path, size_t max, nc_sb_t *out);

/* Writes the file anew through a temporary name beside it, so that readers see old or new. */
nc_rc_t nc_file_replace(const char *path, mode_t mode, nc_str_t content);

/* mkdir -p; what is there already is fine. */
nc_rc_t nc_dir_make(const char *path, mode_t mode);

/* mkdir -p of the folder that `path` is in. */
nc_rc_t nc_dir_make_parent(const char *path, mode_t mode);

/* `path` when it is absolute, else "base/path"; heap, the caller frees. */
char *nc_path_join(const char *base, const char *path);

/*
 * Creates and locks the pid file and writes `pid` into it; the lock lasts as long as the fd
 * returned. -1 with EAGAIN: a living process has it, *owner says which (0: unknown).
 */
int nc_pid_file_open(const char *path, pid_t pid, pid_t *owner);

/* Removes the file and closes the fd. */
void nc_pid_file_close(const char *path, int *fd);

/* The pid in the file, when a living process has it locked; otherwise 0. */
pid_t nc_pid_file_owner(const char *path);

#endif
