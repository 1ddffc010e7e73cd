/*
 * vitals.h: the state of the server as the helper sees it (LIVE, DRAINING and the like), the stats
 * server.*, and the periodic work on numbers.
 */
#ifndef NC_PROCESS_VITALS_H
#define NC_PROCESS_VITALS_H

#include "os/options.h"
#include "stats/names.h"

/* Envoy's admin.v3.ServerInfo.State, with the same numbers. */
#define NC_SERVER_STATES(X)  \
    X(LIVE, "LIVE")  \
    X(DRAINING, "DRAINING")  \
    X(PRE_INITIALIZING, "PRE_INITIALIZING")  \
    X(INITIALIZING, "INITIALIZING")

typedef enum {
#define X(id, text)  NC_SERVER_##id,
    NC_SERVER_STATES(X)
#undef X
    NC_SERVER_STATE_MAX
} nc_server_state_t;

const char *nc_server_state_str(nc_server_state_t state);

/* Helper, after nc_loader_init: names the stats, starts the timers. */
void nc_vitals_init(const nc_options_t *options);

/* A few loads and compares. */
nc_server_state_t nc_vitals_state(void);

/* /healthcheck/fail and /ok: DRAINING, and connections are closed after their response. */
void nc_vitals_fail(bool fail);

/* /drain_listeners?graceful: connections are closed after their response, the state is LIVE. */
void nc_vitals_drain(void);

/* Makes the gauges of server.* those of this moment. */
void nc_vitals_update(void);

/* Seconds since the start of the master. */
uint64_t nc_vitals_uptime_s(void);

/* Helper: /drain_listeners has closed so many. */
void nc_vitals_listeners_stopped(unsigned n);

/* Bytes, of all processes together; workers tell theirs every few seconds. */
typedef struct {
    uint64_t  allocated;                        /* of the C library's heaps */
    uint64_t  heap_size;
    uint64_t  physical;                         /* memory of their own, and what they share once */
} nc_memory_t;

void nc_vitals_memory(nc_memory_t *m);


/* ---- any process ---- */

/* Sets this process's share of server.memory_*; `shared`: bytes to count besides its own. */
void nc_vitals_report_memory(const nc_server_stats_t *st, uint64_t shared);

/* Counts what happens to log files from now on. */
void nc_vitals_count_files(const nc_filesystem_stats_t *st);

#endif
