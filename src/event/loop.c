/* loop.c: the turn: epoll, posted work, deferred frees. Timers are in timer.c. */
#include "event/loop.h"
#include "event/timer_priv.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS  256

typedef struct {
    void  (*fn)(void *p);
    void   *p;
} deferred_t;

uint64_t  nc_now_ms;
uint64_t  nc_now_us;

static int                 epoll_fd = -1;
static bool                stopping;
static void              (*turn_hook)(void);
static void              (*flush_hook)(void);
static nc_list_t           posted;
static deferred_t         *deferred;
static size_t              n_deferred, cap_deferred;
static struct epoll_event  events[MAX_EVENTS];
static int                 n_events, at_event;


uint64_t
nc_wall_us(void)
{
    static uint64_t  read_at, wall;

    if (read_at != nc_now_us || read_at == 0) {
        struct timespec  ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        wall = (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
        read_at = nc_now_us;
    }

    return wall;
}


void
nc_loop_update_time(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    nc_now_us = (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
    nc_now_ms = nc_now_us / 1000;
}


nc_rc_t
nc_loop_init(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (epoll_fd == -1) {
        return NC_ERROR;
    }

    stopping = false;
    turn_hook = flush_hook = NULL;
    n_events = at_event = 0;
    n_deferred = 0;
    nc_list_init(&posted);
    nc_loop_update_time();
    nc_wheel_init(nc_now_ms);

    return NC_OK;
}


static void
run_deferred(void)
{
    for (size_t i = 0; i < n_deferred; i++) {   /* a deferred function may defer more */
        deferred_t  d = deferred[i];

        if (d.fn) {
            d.fn(d.p);
        } else {
            free(d.p);
        }
    }

    n_deferred = 0;
}


void
nc_loop_fini(void)
{
    run_deferred();
    free(deferred);
    deferred = NULL;
    cap_deferred = 0;

    if (epoll_fd != -1) {
        close(epoll_fd);
        epoll_fd = -1;
    }
}


void
nc_loop_on_turn(void (*hook)(void))
{
    turn_hook = hook;
}


void
nc_loop_on_flush(void (*hook)(void))
{
    flush_hook = hook;
}


void
nc_loop_stop(void)
{
    stopping = true;
}


static void
run_posted(void)
{
    nc_list_t  now;

    if (nc_list_empty(&posted)) {
        return;
    }

    now = posted;                               /* what is posted meanwhile waits a turn */
    now.next->prev = &now;
    now.prev->next = &now;
    nc_list_init(&posted);

    while (!nc_list_empty(&now)) {
        nc_post_t  *p = nc_container_of(now.next, nc_post_t, link);

        nc_list_del(&p->link);
        p->handler(p);
    }
}


static int
wait_ms(int max)
{
    int64_t  next;

    if (!nc_list_empty(&posted)) {
        return 0;
    }

    next = nc_wheel_next(nc_now_ms);

    if (next < 0 || (max >= 0 && next > max)) {
        return max;
    }

    return (int) NC_MIN(next, (int64_t) 60000);
}


void
nc_loop_turn(int max_wait_ms)
{
    n_events = epoll_wait(epoll_fd, events, MAX_EVENTS, wait_ms(max_wait_ms));

    if (n_events == -1) {
        NC_CHECK(errno == EINTR);
        n_events = 0;
    }

    nc_loop_update_time();

    if (turn_hook) {
        turn_hook();
    }

    for (at_event = 0; at_event < n_events; at_event++) {
        nc_event_t  *ev = events[at_event].data.ptr;

        if (ev) {
            ev->handler(ev, events[at_event].events);
        }
    }

    n_events = 0;
    nc_wheel_run(nc_now_ms);
    run_posted();

    if (flush_hook) {
        flush_hook();
    }

    run_deferred();
}


void
nc_loop_run(void)
{
    stopping = false;

    while (!stopping) {
        nc_loop_turn(-1);
    }
}


static nc_rc_t
add(nc_event_t *ev, int fd, void (*handler)(nc_event_t *ev, uint32_t events), uint32_t mask)
{
    struct epoll_event  e = { .events = mask, .data.ptr = ev };

    ev->fd = fd;
    ev->handler = handler;

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == -1) {
        ev->fd = -1;
        return NC_ERROR;
    }

    return NC_OK;
}


nc_rc_t
nc_event_add(nc_event_t *ev, int fd, void (*handler)(nc_event_t *ev, uint32_t events))
{
    return add(ev, fd, handler, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}


nc_rc_t
nc_event_add_level(nc_event_t *ev, int fd, void (*handler)(nc_event_t *ev, uint32_t events))
{
    return add(ev, fd, handler, EPOLLIN);
}


void
nc_event_enable(nc_event_t *ev, bool on)
{
    struct epoll_event  e = { .events = on ? EPOLLIN : 0, .data.ptr = ev };

    NC_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, ev->fd, &e) == 0);
}


void
nc_event_forget(nc_event_t *ev)
{
    for (int i = at_event + 1; i < n_events; i++) {
        if (events[i].data.ptr == ev) {
            events[i].data.ptr = NULL;          /* its events of this turn go nowhere */
        }
    }

    ev->fd = -1;
}


void
nc_event_del(nc_event_t *ev)
{
    if (ev->fd == -1) {
        return;
    }

    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, ev->fd, NULL);
    nc_event_forget(ev);
}


void
nc_post_init(nc_post_t *p, void (*handler)(nc_post_t *p))
{
    nc_list_init(&p->link);
    p->handler = handler;
}


void
nc_post(nc_post_t *p)
{
    if (nc_list_empty(&p->link)) {
        nc_list_append(&posted, &p->link);
    }
}


void
nc_post_cancel(nc_post_t *p)
{
    nc_list_del(&p->link);
}


void
nc_defer(void (*fn)(void *p), void *p)
{
    if (n_deferred == cap_deferred) {
        cap_deferred = cap_deferred ? cap_deferred * 2 : 64;
        deferred = nc_realloc(deferred, cap_deferred * sizeof(*deferred));
    }

    deferred[n_deferred++] = (deferred_t) { .fn = fn, .p = p };
}


void
nc_defer_free(void *p)
{
    nc_defer(NULL, p);
}
