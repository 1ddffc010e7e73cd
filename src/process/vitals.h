/*
 * vitals.h: the state of the server as the helper sees it (LIVE, DRAINING and the like), the stats
 * server.*, and the periodic work on numbers.
 */
#ifndef NC_PROCESS_VITALS_H
#define NC_PROCESS_VITALS_H

#include "os/options.h"

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

/* Bytes: of the C library's heap, and of all memory of this process and what it shares. */
typedef struct {
    uint64_t  allocated;
    uint64_t  heap_size;
    uint64_t  free_in_heap;
    uint64_t  physical;
} nc_memory_t;

void nc_vitals_memory(nc_memory_t *m);

#endif
