/*
 * master_priv.h: what the files of the master share.
 *
 *   master.c           the loop: signals, phases, the end
 *   master_children.c  fork, handshake, reaping, back-off, watchdog
 *   master_messages.c  what children ask for; shared descriptors
 *   master_control.c   the control socket
 */
#ifndef NC_PROCESS_MASTER_PRIV_H
#define NC_PROCESS_MASTER_PRIV_H

#include "os/priv.h"
#include "process/channel.h"
#include "process/hooks.h"
#include "process/registry.h"

#include <poll.h>

#define NC_HELLO_MS         10000u              /* fork to HELLO */
#define NC_WORKER_READY_MS  30000u              /* START to READY */
#define NC_HELPER_READY_MS  300000u             /* a boot may wait for names and control planes */
#define NC_ABORT_MS         5000u               /* SIGABRT to SIGKILL: time for the core */
#define NC_STABLE_MS        500u                /* up so long: the next death is not a loop */
#define NC_BACKOFF_MIN_MS   100u
#define NC_BACKOFF_MAX_MS   10000u
#define NC_HELPER_PATIENCE  6u                  /* times watchdog_s: it compiles in one turn */
#define NC_MAX_CONTROL      16u

typedef enum {
    NC_CHILD_DOWN,                              /* starts again at restart_at_ms */
    NC_CHILD_FORKED,                            /* HELLO is awaited */
    NC_CHILD_STARTED,                           /* READY is awaited */
    NC_CHILD_UP,
    NC_CHILD_ABORTED                            /* SIGABRT sent, its end is awaited */
} nc_child_state_t;

typedef struct {
    nc_role_t         role;
    unsigned          index;                    /* of a worker */
    char              name[24];                 /* "helper", "worker 3" */
    nc_child_state_t  state;
    pid_t             pid;                      /* 0: DOWN */
    nc_channel_t      channel;
    uint64_t          deadline_ms;              /* of the handshake, or of the abort; 0: none */
    uint64_t          restart_at_ms;
    uint64_t          backoff_ms;               /* of the next restart */
    uint64_t          up_since_ms;
    uint64_t          beat;                     /* last one seen */
    uint64_t          beat_at_ms;               /* when it last changed */
    bool              pinged;
} nc_kid_t;

typedef enum {
    NC_PHASE_BOOTING,                           /* nobody is served yet */
    NC_PHASE_SERVING,
    NC_PHASE_DRAINING,                          /* workers end when idle */
    NC_PHASE_ENDING                             /* workers are gone, the helper ends */
} nc_phase_t;

typedef struct {
    nc_channel_t  channel;                      /* fd -1: free */
    uint64_t      waits_for;                    /* number of the reload; 0: none */
} nc_control_t;

typedef struct {
    nc_options_t      *options;
    const nc_hooks_t  *hooks;
    nc_priv_t          priv;
    nc_registry_t      registry;
    nc_phase_t         phase;
    int                exit_status;
    bool               done;

    nc_kid_t          *kids;                    /* [0] the helper, [1 + i] worker i */
    unsigned           n_kids;
    int               *wake_fds;                /* per worker, then the helper's */
    int                clog_fd;
    int                signal_fd;
    int                pid_fd;                  /* -1: no pid file */
    int                control_fd;              /* -1: no control socket */
    int                ready_fd;                /* daemon: tells the one who waits; -1 */
    char              *control_path;
    nc_control_t       controls[NC_MAX_CONTROL];

    unsigned           stop_level;              /* 0 none, 1 QUIT, 2 TERM, 3 at once */
    uint64_t           stop_deadline_ms;        /* kill what is left; 0: none */
    uint64_t           reload_n;                /* number of the reload that runs or ran last */
    bool               reload_running;
    bool               reload_sent;             /* a helper is at it */
    bool               reload_again;            /* asked for meanwhile */
    uint64_t           notify_at_ms;            /* next WATCHDOG=1 */
} nc_master_t;

/* master_children.c */
void nc_kids_create(nc_master_t *m);
void nc_kid_start(nc_master_t *m, nc_kid_t *kid);
void nc_kids_reap(nc_master_t *m);
void nc_kid_message_hello(nc_master_t *m, nc_kid_t *kid);
void nc_kid_message_ready(nc_master_t *m, nc_kid_t *kid);
void nc_kids_drain(nc_master_t *m, uint64_t limit_ms);
void nc_kids_kill(nc_master_t *m, int sig);
bool nc_kids_workers_gone(const nc_master_t *m);

/* Restarts, deadlines and the watchdog; returns when it wants to be called again (ms, absolute). */
uint64_t nc_kids_tick(nc_master_t *m, uint64_t now_ms);

static inline nc_kid_t *
nc_master_helper(nc_master_t *m)
{
    return &m->kids[0];
}

/* master_messages.c */
void nc_master_read(nc_master_t *m, nc_kid_t *kid);
void nc_master_send_shared(nc_master_t *m, nc_kid_t *kid);
void nc_master_reopen_logs(nc_master_t *m);

/* master_control.c */
void nc_control_open(nc_master_t *m);
void nc_control_close(nc_master_t *m, bool remove);
void nc_control_accept(nc_master_t *m);
void nc_control_read(nc_master_t *m, nc_control_t *c);
void nc_control_reloaded(nc_master_t *m, bool ok, nc_str_t text);

/* master.c */
void nc_master_all_ready(nc_master_t *m);
void nc_master_failed(nc_master_t *m, int status);
void nc_master_stop(nc_master_t *m, unsigned level);

/* Asks for a reload; its number, 0: not in this phase. */
uint64_t nc_master_reload(nc_master_t *m);
void nc_master_reload_send(nc_master_t *m);
void nc_master_reload_done(nc_master_t *m, bool ok, nc_str_t text);

/* In a child: closes everything that is the master's alone. */
void nc_master_leave(nc_master_t *m);

#endif
