/*
 * shared.h: the log files of a process by key. The master opens them and hands out the descriptors;
 * whoever logs has the key in its configuration and looks the writer up here.
 */
#ifndef NC_LOG_SHARED_H
#define NC_LOG_SHARED_H

#include "log/file.h"

/*
 * The writer under `key`; never NULL: as long as the descriptor has not arrived (or is gone) lines
 * are dropped. The pointer stays good until the process ends.
 */
nc_log_file_t *nc_log_shared(uint32_t key);

/* The descriptor for `key`, also anew: it is ours now. -1: flush, and close. */
void nc_log_shared_set(uint32_t key, int fd);

/* Flushes all files. `by_timer`: counted so. */
void nc_log_shared_flush(bool by_timer);

#endif
