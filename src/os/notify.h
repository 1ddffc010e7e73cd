/*
 * notify.h: systemd's protocols, without its library: state messages to $NOTIFY_SOCKET, sockets
 * from $LISTEN_FDS, the interval of $WATCHDOG_USEC. Outside systemd everything here does nothing.
 */
#ifndef NC_OS_NOTIFY_H
#define NC_OS_NOTIFY_H

#include "base/str.h"

/* Reads the environment, once, at the start of the program, and clears it. */
void nc_notify_init(void);

/* Sends "KEY=VALUE\n..." lines. */
void nc_notify(const char *fmt, ...) NC_PRINTF(1, 2);

/* True when somebody listens. */
bool nc_notify_on(void);

/* Microseconds between WATCHDOG=1 messages that the manager wants; 0: none. */
uint64_t nc_notify_watchdog_us(void);

/* Closes in a child. */
void nc_notify_fini(void);

/* Sockets handed over at the start: their number, and the i-th (close-on-exec). -1: none, taken. */
unsigned nc_notify_n_sockets(void);
int nc_notify_socket(unsigned i);

/* Takes the i-th out of the list: it is the caller's now. */
int nc_notify_take_socket(unsigned i);

#endif
