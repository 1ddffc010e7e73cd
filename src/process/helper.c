/*
 * helper.c: the life of the config helper around the loader:
 *
 *   attach ─► HELLO ─► START ─► boot ─► READY ─► reloads, admin, periodic work ─► EOF or DRAIN
 *
 * and its side of the broker: requests that wait for the master's answer. What else arrives while
 * one waits is kept, and handled in the next turn.
 */
#include "process/helper.h"
#include "event/loop.h"
#include "log/log.h"
#include "os/clock.h"
#include "os/family.h"
#include "os/sock.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define ANSWER_MS   10000u

typedef struct {
    nc_list_t      link;
    nc_msg_type_t  type;
    nc_msg_body_t  body;
    int            fd;
} kept_t;

static const nc_child_t  *self;
static nc_channel_t       master;
static nc_event_t         master_event;
static nc_event_t         wake_event;
static nc_post_t          kept_post;
static nc_list_t          kept = { &kept, &kept };
static uint32_t           last_seq;
static bool               first_boot, booted, reloading;

static nc_rc_t broker_listen(const char *name, const nc_addr_t *addr,
    const nc_listen_options_t *options, uint32_t *key, nc_addr_t *bound,
    char error[NC_BROKER_TEXT]);
static void broker_unlisten(uint32_t key);
static nc_rc_t broker_open_log(const char *path, uint32_t *key, char error[NC_BROKER_TEXT]);
static void broker_close_log(uint32_t key);
static void broker_wake_workers(void);
static void broker_quit(void);
static void broker_reopen_logs(void);
static void broker_drain(void);
static void broker_sweep(void);

static const nc_broker_t  broker = {
    .listen = broker_listen,
    .unlisten = broker_unlisten,
    .open_log = broker_open_log,
    .close_log = broker_close_log,
    .wake_workers = broker_wake_workers,
    .quit = broker_quit,
    .reopen_logs = broker_reopen_logs,
    .drain = broker_drain,
    .sweep = broker_sweep,
};

const nc_broker_t  *nc_broker;


static void
send_plain(nc_msg_type_t type)
{
    nc_channel_send(&master, type, NULL, NC_STR_NULL, -1);
}


static void
on_turn(void)
{
    __atomic_store_n(&nc_words->beat, nc_words->beat + 1, __ATOMIC_RELAXED);

    if (nc_channel_wants_write(&master)) {
        nc_channel_flush(&master);
    }
}


static void
boot(void)
{
    if (self->hooks->helper_boot(first_boot) != NC_OK) {
        nc_helper_boot_failed();
    }
}


static void
handle(nc_msg_type_t type, const nc_msg_body_t *body, int fd)
{
    switch (type) {

    case NC_MSG_START:
        boot();
        break;

    case NC_MSG_RELOAD:
        reloading = true;
        self->hooks->helper_reload();
        break;

    case NC_MSG_SOCKET:
        self->hooks->helper_listener_fd(body->key.key, fd);
        break;

    case NC_MSG_SOCKET_GONE:
        self->hooks->helper_listener_fd(body->key.key, -1);
        break;

    case NC_MSG_LOG_FILE:
        self->hooks->helper_log_fd(body->key.key, fd);
        break;

    case NC_MSG_LOG_GONE:
        self->hooks->helper_log_fd(body->key.key, -1);
        break;

    case NC_MSG_ERROR_LOG:
        nc_log_use_fd(fd);
        break;

    case NC_MSG_DRAIN:
        nc_loop_stop();
        break;

    case NC_MSG_ANSWER:                         /* its request was given up */
        break;

    default:
        nc_log(WARNING, PROCESS, "the helper has no use for a message %s", nc_msg_str(type));
        break;
    }
}


static void
keep(const nc_msg_t *m)
{
    kept_t  *k = nc_malloc(sizeof(*k));

    k->type = m->type;
    k->body = m->body;
    k->fd = m->fd;
    nc_list_append(&kept, &k->link);
    nc_post(&kept_post);
}


static void
on_kept(nc_post_t *p)
{
    nc_list_t  *first;

    (void) p;

    while ((first = nc_list_first(&kept)) != NULL) {
        kept_t  *k = nc_container_of(first, kept_t, link);

        nc_list_del(first);
        handle(k->type, &k->body, k->fd);
        free(k);
    }
}


/* Traffic goes on without us, but nobody can be told of a change any more. */
static void
master_gone(void)
{
    nc_log(WARNING, PROCESS, "the master is gone, the helper ends");
    exit(0);
}


static void
on_master(nc_event_t *ev, uint32_t events)
{
    nc_msg_t  m;
    nc_rc_t   rc;

    (void) ev;
    (void) events;

    while ((rc = nc_channel_recv(&master, &m)) == NC_OK) {
        if (nc_list_empty(&kept)) {
            handle(m.type, &m.body, m.fd);
        } else {
            keep(&m);
        }
    }

    if (rc == NC_DECLINED) {
        master_gone();
    }
}


static void
on_wake(nc_event_t *ev, uint32_t events)
{
    (void) events;
    nc_child_drain_wake(ev->fd);
}


/* Waits for the ANSWER to `seq`. NC_ERROR: `error` filled. */
static nc_rc_t
wait_answer(uint32_t seq, nc_msg_answer_t *answer, char error[NC_BROKER_TEXT])
{
    uint64_t  deadline = nc_clock_ms() + ANSWER_MS;

    for ( ;; ) {
        struct pollfd  p = { .fd = master.fd, .events = POLLIN };
        uint64_t       now;
        nc_msg_t       m;
        nc_rc_t        rc;

        nc_channel_flush(&master);

        while ((rc = nc_channel_recv(&master, &m)) == NC_OK) {
            if (m.type != NC_MSG_ANSWER) {
                keep(&m);
                continue;
            }

            if (m.body.answer.seq != seq) {
                continue;
            }

            *answer = m.body.answer;
            snprintf(error, NC_BROKER_TEXT, NC_STR_FMT, NC_STR_ARG(m.text));

            return answer->ok ? NC_OK : NC_ERROR;
        }

        if (rc == NC_DECLINED) {
            master_gone();
        }

        now = nc_clock_ms();

        if (now >= deadline) {
            snprintf(error, NC_BROKER_TEXT, "the master did not answer within %u s",
                ANSWER_MS / 1000);

            return NC_ERROR;
        }

        if (nc_channel_wants_write(&master)) {
            p.events |= POLLOUT;
        }

        (void) poll(&p, 1, (int) (deadline - now));
    }
}


static nc_rc_t
broker_listen(const char *name, const nc_addr_t *addr, const nc_listen_options_t *options,
    uint32_t *key, nc_addr_t *bound, char error[NC_BROKER_TEXT])
{
    nc_msg_answer_t  answer;
    nc_msg_listen_t  ask = {
        .seq = ++last_seq,
        .addr_len = addr->len,
        .backlog = options->backlog,
        .mode = options->mode,
        .fast_open = options->fast_open,
        .reuse_port = options->reuse_port,
        .transparent = options->transparent,
        .freebind = options->freebind,
        .ipv4_compat = options->ipv4_compat,
        .for_helper = options->for_helper,
    };

    memcpy(ask.addr, &addr->sa, NC_MIN((size_t) addr->len, sizeof(addr->un)));
    nc_channel_send(&master, NC_MSG_LISTEN, &ask, nc_str_c(name), -1);

    if (wait_answer(ask.seq, &answer, error) != NC_OK) {
        return NC_ERROR;
    }

    *key = answer.key;
    memset(bound, 0, sizeof(*bound));
    bound->len = (socklen_t) NC_MIN((size_t) answer.addr_len, sizeof(bound->un));
    memcpy(&bound->sa, answer.addr, bound->len);

    return NC_OK;
}


static void
broker_unlisten(uint32_t key)
{
    nc_msg_key_t  body = { .key = key };

    nc_channel_send(&master, NC_MSG_UNLISTEN, &body, NC_STR_NULL, -1);
}


static nc_rc_t
broker_open_log(const char *path, uint32_t *key, char error[NC_BROKER_TEXT])
{
    nc_msg_answer_t  answer;
    nc_msg_open_t    ask = { .seq = ++last_seq };

    nc_channel_send(&master, NC_MSG_OPEN_LOG, &ask, nc_str_c(path), -1);

    if (wait_answer(ask.seq, &answer, error) != NC_OK) {
        return NC_ERROR;
    }

    *key = answer.key;

    return NC_OK;
}


static void
broker_close_log(uint32_t key)
{
    nc_msg_key_t  body = { .key = key };

    nc_channel_send(&master, NC_MSG_CLOSE_LOG, &body, NC_STR_NULL, -1);
}


static void
broker_wake_workers(void)
{
    for (unsigned i = 0; i < self->n_workers; i++) {
        nc_wake(self->wake_fds[i]);
    }
}


static void broker_quit(void) { send_plain(NC_MSG_QUIT); }
static void broker_reopen_logs(void) { send_plain(NC_MSG_REOPEN); }
static void broker_drain(void) { send_plain(NC_MSG_DRAIN_LISTEN); }
static void broker_sweep(void) { send_plain(NC_MSG_SWEEP); }


void
nc_helper_booted(void)
{
    NC_CHECK(!booted);
    booted = true;
    send_plain(NC_MSG_READY);

    if (self->options->daemon) {
        nc_child_detach_output();
    }
}


void
nc_helper_boot_failed(void)
{
    if (first_boot) {
        send_plain(NC_MSG_BOOT_FAILED);
    }

    exit(1);
}


void
nc_helper_reload_done(bool ok, nc_str_t text)
{
    nc_msg_result_t  result = { .ok = ok };

    if (NC_BUG_ON(!reloading)) {
        return;
    }

    reloading = false;
    nc_channel_send(&master, NC_MSG_RELOAD_DONE, &result, text, -1);
}


void
nc_helper_run(const nc_child_t *child, bool first, int clog_fd)
{
    nc_msg_hello_t  hello = { .pid = (uint32_t) getpid() };
    nc_errors_t     errors;

    self = child;
    first_boot = first;
    nc_child_init(child, "helper");
    nc_errors_init(&errors);
    nc_post_init(&kept_post, on_kept);
    nc_channel_init(&master, child->fd, NC_ROLE_MASTER);
    nc_broker = &broker;

    if (child->hooks->helper_init(child->options, clog_fd, &errors) != NC_OK) {
        nc_log(CRITICAL, PROCESS, "the helper cannot start: %s",
            errors.first ? errors.first->message : "no reason given");
        nc_helper_boot_failed();
    }

    nc_errors_fini(&errors);
    nc_loop_on_turn(on_turn);

    if (nc_event_add_level(&master_event, master.fd, on_master) != NC_OK
        || nc_event_add_level(&wake_event, child->wake_fds[child->n_workers], on_wake) != NC_OK)
    {
        nc_fatal("the helper cannot listen to the master: %s", strerror(errno));
    }

    nc_channel_send(&master, NC_MSG_HELLO, &hello, NC_STR_NULL, -1);
    nc_loop_run();
    exit(0);
}
