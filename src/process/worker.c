/*
 * worker.c: a worker's life around the data path:
 *
 *   attach ─► HELLO ─► sockets, log files ─► START ─► READY ─► serve ─► DRAIN ─► idle ─► exit
 *
 * Invariants:
 *  1. The root changes at the start of a turn only, before any event is handled.
 *  2. EOF from the master is a DRAIN with the drain time as its limit.
 */
#include "process/worker.h"
#include "event/loop.h"
#include "log/log.h"
#include "os/family.h"
#include "os/sock.h"

#include <unistd.h>

#define IDLE_CHECK_MS   10u

static const nc_child_t  *self;
static nc_channel_t       master;
static nc_event_t         master_event;
static nc_event_t         wake_event;
static nc_timer_t         drain_timer;
static uint64_t           drain_deadline_ms;
static uint64_t           root_seq;
static bool               started, draining;


static void
take_root(void)
{
    uint64_t     seq;
    const void  *root = self->hooks->worker_root(&seq);

    if (root && seq != root_seq) {
        root_seq = seq;
        self->hooks->worker_root_changed(root);
        self->hooks->worker_root_seen(seq);
    }
}


static void
on_turn(void)
{
    __atomic_store_n(&nc_words->beat, nc_words->beat + 1, __ATOMIC_RELAXED);

    if (started) {
        take_root();
    }
}


static void
end(void)
{
    self->hooks->worker_fini();
    nc_log(DEBUG, PROCESS, "worker %u ends", self->index);
    exit(0);
}


static void
on_drain_timer(nc_timer_t *t)
{
    if (self->hooks->worker_idle() || nc_now_ms >= drain_deadline_ms) {
        nc_loop_stop();
    } else {
        nc_timer_start(t, IDLE_CHECK_MS);
    }
}


/* A later order may only bring the end nearer. */
static void
drain(uint64_t limit_ms)
{
    uint64_t  deadline = limit_ms >= UINT64_MAX - nc_now_ms ? UINT64_MAX : nc_now_ms + limit_ms;

    if (!draining || deadline < drain_deadline_ms) {
        drain_deadline_ms = deadline;
        self->hooks->worker_drain(deadline);
    }

    draining = true;

    if (limit_ms == 0 || !started) {
        nc_loop_stop();
    } else if (!nc_timer_running(&drain_timer)) {
        nc_timer_start(&drain_timer, 0);
    }
}


static void
start(void)
{
    started = true;
    take_root();
    nc_channel_send(&master, NC_MSG_READY, NULL, NC_STR_NULL, -1);
}


static void
handle(const nc_msg_t *m)
{
    switch (m->type) {

    case NC_MSG_SOCKET:
        self->hooks->worker_listener_fd(m->body.key.key, m->fd);
        break;

    case NC_MSG_SOCKET_GONE:
        self->hooks->worker_listener_fd(m->body.key.key, -1);
        break;

    case NC_MSG_LOG_FILE:
        self->hooks->worker_log_fd(m->body.key.key, m->fd);
        break;

    case NC_MSG_LOG_GONE:
        self->hooks->worker_log_fd(m->body.key.key, -1);
        break;

    case NC_MSG_ERROR_LOG:
        nc_log_use_fd(m->fd);
        break;

    case NC_MSG_START:
        start();
        break;

    case NC_MSG_DRAIN:
        drain(m->body.drain.limit_ms);
        break;

    case NC_MSG_DRAIN_LISTEN:
        self->hooks->worker_stop_accepting();
        break;

    default:
        nc_log(WARNING, PROCESS, "a worker has no use for a message %s", nc_msg_str(m->type));
        break;
    }
}


static void
on_master(nc_event_t *ev, uint32_t events)
{
    nc_msg_t  m;
    nc_rc_t   rc;

    (void) events;

    while ((rc = nc_channel_recv(&master, &m)) == NC_OK) {
        handle(&m);
    }

    if (rc == NC_DECLINED) {
        nc_log(WARNING, PROCESS, "the master is gone, worker %u drains", self->index);
        nc_event_forget(ev);
        nc_channel_fini(&master);
        drain((uint64_t) self->options->drain_time_s * 1000);
    }
}


static void
on_wake(nc_event_t *ev, uint32_t events)
{
    (void) events;
    nc_child_drain_wake(ev->fd);            /* the turn that it began has looked for a new root */
}


void
nc_worker_run(const nc_child_t *child)
{
    nc_msg_hello_t  hello = { .pid = (uint32_t) getpid(), .index = child->index };
    nc_errors_t     errors;
    char            title[32];

    self = child;
    snprintf(title, sizeof(title), "worker %u", child->index);
    nc_child_init(child, title);
    nc_errors_init(&errors);

    if (child->options->daemon) {
        nc_child_detach_output();
    }

    if (child->hooks->worker_init(child->options, child->index, &errors) != NC_OK) {
        nc_log(CRITICAL, PROCESS, "worker %u cannot start: %s", child->index,
            errors.first ? errors.first->message : "no reason given");
        exit(1);
    }

    nc_errors_fini(&errors);
    nc_loop_on_turn(on_turn);
    nc_timer_init(&drain_timer, on_drain_timer);
    nc_channel_init(&master, child->fd, NC_ROLE_MASTER);

    if (nc_event_add_level(&master_event, master.fd, on_master) != NC_OK
        || nc_event_add_level(&wake_event, child->wake_fds[child->index], on_wake) != NC_OK)
    {
        nc_fatal("worker %u cannot listen to the master", child->index);
    }

    nc_channel_send(&master, NC_MSG_HELLO, &hello, NC_STR_NULL, -1);
    nc_loop_run();
    end();
    abort();                                    /* not reached */
}
