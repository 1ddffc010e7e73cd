/*
 * data.h: the worker's data path as a whole, between the process and the floors below: which socket
 * serves which listener, which listeners are new, changed or gone, who drains.
 *
 * Invariants:
 *  1. Sockets and roots arrive in any order: a listener opens when both are there.
 *  2. Whoever leaves (listener removed, worker drains) first takes what is in the queue.
 */
#ifndef NC_PROCESS_DATA_H
#define NC_PROCESS_DATA_H

#include "base/error.h"
#include "os/options.h"

struct nc_root_s;

/* After the loop is there. */
nc_rc_t nc_data_init(const nc_options_t *options, nc_errors_t *errors);

/* At the start of a turn: the newest root. */
void nc_data_root_changed(const struct nc_root_s *root);

/* The socket of a key, which is ours now; -1: take what is in its queue, close it. */
void nc_data_listener_fd(uint32_t key, int fd);

/* The log file of a key, which is ours now, also anew; -1: close. In the helper too. */
void nc_data_log_fd(uint32_t key, int fd);

/* Closes all listeners; connections are asked to end and have the drain time for it. */
void nc_data_stop_accepting(void);

/* The same for good: connections that do not end by `deadline_ms` (nc_now_ms time) are closed. */
void nc_data_drain(uint64_t deadline_ms);

/* No connection is left. */
bool nc_data_idle(void);

/* Writes out what is buffered, before the end. */
void nc_data_fini(void);

#endif
