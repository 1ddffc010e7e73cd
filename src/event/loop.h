/*
 * loop.h: the event loop of a process: epoll, timers, posted work and deferred free. One per process.
 *
 * A turn:  wait ─► read the clock ─► start-of-turn hook ─► fd events ─► timers ─► posted work
 *          ─► flush hook ─► deferred frees ─► wait ...
 *
 * Invariants:
 *  1. Every fd is registered once, edge-triggered, for reading and writing; a handler must take
 *     what there is or remember that there is more.
 *  2. Objects die at the end of the turn (nc_defer_free), so a late event finds valid memory.
 *  3. Time is read once per turn; handlers use nc_now_ms and nc_now_us.
 */
#ifndef NC_EVENT_LOOP_H
#define NC_EVENT_LOOP_H

#include "base/list.h"

#include <sys/epoll.h>

typedef struct nc_event_s  nc_event_t;
typedef struct nc_timer_s  nc_timer_t;
typedef struct nc_post_s   nc_post_t;

struct nc_event_s {
    int     fd;                                 /* -1: not registered */
    void  (*handler)(nc_event_t *ev, uint32_t events);      /* EPOLLIN | EPOLLOUT | ... */
};

/* Monotonic time of this turn. */
extern uint64_t  nc_now_ms;
extern uint64_t  nc_now_us;

/* Unix time of this turn in microseconds. */
uint64_t nc_wall_us(void);

/* Prepares the loop; NC_ERROR with errno when the kernel refuses. */
nc_rc_t nc_loop_init(void);

/* Releases the loop (tests, orderly exit of debug builds). */
void nc_loop_fini(void);

/* Runs turns until nc_loop_stop. */
void nc_loop_run(void);

/* One turn, waiting at most `max_wait_ms` (-1: as long as it takes). For tests and start-up. */
void nc_loop_turn(int max_wait_ms);

void nc_loop_stop(void);

/* Called at the start of every turn, before any event: configuration changes, heartbeat. */
void nc_loop_on_turn(void (*hook)(void));

/* Called when all events of the turn are handled, before frees: writes out what was queued. */
void nc_loop_on_flush(void (*hook)(void));

/* Re-reads the clock; for handlers that ran long and for start-up. */
void nc_loop_update_time(void);

/* Registers ev for `fd`, edge-triggered for reading and writing. NC_ERROR with errno. */
nc_rc_t nc_event_add(nc_event_t *ev, int fd, void (*handler)(nc_event_t *ev, uint32_t events));

/* As nc_event_add, level-triggered for reading only: listening sockets, eventfds, channels. */
nc_rc_t nc_event_add_level(nc_event_t *ev, int fd,
    void (*handler)(nc_event_t *ev, uint32_t events));

/* Stops (false) or resumes (true) a level-triggered event without forgetting the fd. */
void nc_event_enable(nc_event_t *ev, bool on);

/* Unregisters; close(fd) stays the caller's. Events of this turn for it are dropped. */
void nc_event_del(nc_event_t *ev);

/* As nc_event_del when the fd is closed at once, which unregisters it in the kernel. */
void nc_event_forget(nc_event_t *ev);


/* ---- timers: hierarchical wheel of 1 ms ticks, lazily re-armed ---- */

struct nc_timer_s {
    nc_list_t   link;                           /* in its wheel slot */
    uint64_t    due_ms;                         /* when it shall fire; 0: stopped */
    uint64_t    slot_ms;                        /* for when it is linked; 0: not linked */
    void      (*handler)(nc_timer_t *t);
};

/* A stopped timer that calls `handler` when due. */
void nc_timer_init(nc_timer_t *t, void (*handler)(nc_timer_t *t));

/*
 * Fires once `ms` from now; a running timer is moved. Moving it further away costs one store: it
 * stays linked where it is and finds out when it gets there.
 */
void nc_timer_start(nc_timer_t *t, uint64_t ms);

/* As nc_timer_start with an absolute nc_now_ms time; 0 stops. */
void nc_timer_at(nc_timer_t *t, uint64_t due_ms);

/* Stops it (it may stay linked). */
static inline void
nc_timer_stop(nc_timer_t *t)
{
    t->due_ms = 0;
}

/* Stops and unlinks it; must be called before its memory goes. */
void nc_timer_fini(nc_timer_t *t);

static inline bool
nc_timer_running(const nc_timer_t *t)
{
    return t->due_ms != 0;
}


/* ---- posted work and deferred free ---- */

struct nc_post_s {
    nc_list_t   link;
    void      (*handler)(nc_post_t *p);
};

void nc_post_init(nc_post_t *p, void (*handler)(nc_post_t *p));

/* Runs handler(p) in the posted-work phase, of the next turn if posted during that phase. */
void nc_post(nc_post_t *p);

/* Takes it back. */
void nc_post_cancel(nc_post_t *p);

/* free(p) at the end of this turn. */
void nc_defer_free(void *p);

/* fn(p) at the end of this turn. */
void nc_defer(void (*fn)(void *p), void *p);

#endif
