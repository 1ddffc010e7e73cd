/*
 * master_children.c: the children's lives.
 *
 *            fork            HELLO            READY
 *   DOWN ──────────► FORKED ───────► STARTED ───────► UP
 *    ▲                  │               │              │
 *    │ reaped,          └──── late ─────┴──── hung ────┤
 *    │ back-off                                        ▼
 *    └──────────────────────────────────────────── ABORTED
 *
 * Invariant: what belonged to a dead child (pins, gauges, what it held of breakers) is cleared
 * before another one takes its place.
 */
#include "process/master_priv.h"
#include "log/log.h"
#include "os/clock.h"
#include "os/family.h"
#include "os/notify.h"
#include "os/sock.h"
#include "process/crash.h"
#include "process/helper.h"
#include "process/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>


static void
set_state(nc_kid_t *kid, nc_child_state_t to)
{
    static const unsigned  edges[] = {
        [NC_CHILD_DOWN] = NC_BIT(NC_CHILD_FORKED),
        [NC_CHILD_FORKED] = NC_BIT(NC_CHILD_STARTED) | NC_BIT(NC_CHILD_ABORTED)
                            | NC_BIT(NC_CHILD_DOWN),
        [NC_CHILD_STARTED] = NC_BIT(NC_CHILD_UP) | NC_BIT(NC_CHILD_ABORTED)
                             | NC_BIT(NC_CHILD_DOWN),
        [NC_CHILD_UP] = NC_BIT(NC_CHILD_ABORTED) | NC_BIT(NC_CHILD_DOWN),
        [NC_CHILD_ABORTED] = NC_BIT(NC_CHILD_DOWN),
    };

    NC_CHECK(edges[kid->state] & NC_BIT(to));
    kid->state = to;
    kid->deadline_ms = 0;
}


void
nc_kids_create(nc_master_t *m)
{
    m->n_kids = 1 + m->options->concurrency;
    m->kids = nc_calloc(m->n_kids * sizeof(nc_kid_t));
    m->wake_fds = nc_calloc(m->n_kids * sizeof(int));

    for (unsigned i = 0; i < m->n_kids; i++) {
        nc_kid_t  *kid = &m->kids[i];

        nc_channel_init(&kid->channel, -1, i ? NC_ROLE_WORKER : NC_ROLE_HELPER);
        kid->role = i ? NC_ROLE_WORKER : NC_ROLE_HELPER;
        kid->index = i ? i - 1 : 0;
        snprintf(kid->name, sizeof(kid->name), i ? "worker %u" : "helper", kid->index);
        m->wake_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (m->wake_fds[i] == -1) {
            nc_fatal("cannot make an eventfd: %s", strerror(errno));
        }
    }
}


/* Wake-up of this child: workers come first among the eventfds. */
static int
wake_fd(const nc_master_t *m, const nc_kid_t *kid)
{
    return m->wake_fds[kid->role == NC_ROLE_HELPER ? m->n_kids - 1 : kid->index];
}


static void
become(nc_master_t *m, nc_kid_t *kid, int fd)
{
    nc_child_t  child = {
        .options = m->options,
        .hooks = m->hooks,
        .priv = &m->priv,
        .wake_fds = m->wake_fds,
        .n_workers = m->n_kids - 1,
        .role = kid->role,
        .index = kid->index,
        .fd = fd,
    };

    nc_master_leave(m);

    if (kid->role == NC_ROLE_HELPER) {
        nc_helper_run(&child, m->phase == NC_PHASE_BOOTING, m->clog_fd);
    }

    nc_fd_close(&m->clog_fd);                   /* workers have no business with it */
    nc_worker_run(&child);
}


static void
clear_after(nc_master_t *m, nc_kid_t *kid)
{
    if (kid->role == NC_ROLE_HELPER) {
        m->hooks->helper_died();
    } else {
        m->hooks->worker_died(kid->index);
    }
}


/* When it starts again: at once, then 0.1 s, 0.2 s ... 10 s. */
static void
schedule(nc_kid_t *kid, uint64_t now)
{
    kid->restart_at_ms = now + kid->backoff_ms;
    kid->backoff_ms = NC_MIN(NC_MAX(kid->backoff_ms * 2, (uint64_t) NC_BACKOFF_MIN_MS),
        (uint64_t) NC_BACKOFF_MAX_MS);
}


void
nc_kid_start(nc_master_t *m, nc_kid_t *kid)
{
    uint64_t  now = nc_clock_ms();
    int       fds[2];

    if (nc_sock_pair(fds) != NC_OK) {
        nc_log(ERROR, PROCESS, "cannot start %s: socketpair: %s", kid->name, strerror(errno));
        schedule(kid, now);

        return;
    }

    if (kid->role == NC_ROLE_WORKER) {
        m->hooks->worker_starts(kid->index);
    }

    memset(nc_family_words(kid->role == NC_ROLE_HELPER ? 0 : 1 + kid->index), 0,
        sizeof(nc_words_t));
    fflush(NULL);
    kid->pid = fork();

    if (kid->pid == 0) {
        close(fds[0]);
        become(m, kid, fds[1]);
    }

    close(fds[1]);

    if (kid->pid == -1) {
        nc_log(ERROR, PROCESS, "cannot start %s: fork: %s", kid->name, strerror(errno));
        close(fds[0]);
        kid->pid = 0;
        clear_after(m, kid);
        schedule(kid, now);

        return;
    }

    nc_channel_init(&kid->channel, fds[0], kid->role);
    set_state(kid, NC_CHILD_FORKED);
    kid->deadline_ms = now + NC_HELLO_MS;
    kid->beat = 0;
    kid->beat_at_ms = now;
    kid->pinged = false;
}


void
nc_kid_message_hello(nc_master_t *m, nc_kid_t *kid)
{
    if (kid->state != NC_CHILD_FORKED) {
        return;
    }

    set_state(kid, NC_CHILD_STARTED);
    kid->deadline_ms = nc_clock_ms()
        + (kid->role == NC_ROLE_HELPER ? NC_HELPER_READY_MS : NC_WORKER_READY_MS);
    nc_master_send_shared(m, kid);
    nc_channel_send(&kid->channel, NC_MSG_START, NULL, NC_STR_NULL, -1);
}


static void
count_ready(nc_master_t *m)
{
    unsigned  n = 0;

    for (unsigned i = 1; i < m->n_kids; i++) {
        n += m->kids[i].state == NC_CHILD_UP;
    }

    nc_family->workers_ready = n;

    if (m->phase == NC_PHASE_BOOTING && n == m->n_kids - 1) {
        nc_master_all_ready(m);
    }
}


void
nc_kid_message_ready(nc_master_t *m, nc_kid_t *kid)
{
    if (kid->state != NC_CHILD_STARTED) {
        return;
    }

    set_state(kid, NC_CHILD_UP);
    kid->up_since_ms = kid->beat_at_ms = nc_clock_ms();
    nc_log(DEBUG, PROCESS, "%s (%d) is ready", kid->name, (int) kid->pid);

    if (kid->role == NC_ROLE_WORKER) {
        count_ready(m);

        return;
    }

    if (m->phase == NC_PHASE_BOOTING) {
        for (unsigned i = 1; i < m->n_kids; i++) {
            nc_kid_start(m, &m->kids[i]);
        }
    } else if (m->reload_running && !m->reload_sent) {
        nc_master_reload_send(m);
    }
}


static void
report_death(const nc_kid_t *kid, int status)
{
    nc_sb_t  words;

    nc_sb_init(&words);
    nc_crash_print(nc_family_words(kid->role == NC_ROLE_HELPER ? 0 : 1 + kid->index), &words);

    if (WIFSIGNALED(status)) {
        nc_log_alert(PROCESS, "%s (%d) died on signal %d (%s)%s", kid->name, (int) kid->pid,
            WTERMSIG(status), strsignal(WTERMSIG(status)),
            WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        nc_log_alert(PROCESS, "%s (%d) ended by itself with status %d", kid->name,
            (int) kid->pid, WEXITSTATUS(status));
    }

    for (nc_str_t rest = nc_sb_str(&words), line; nc_str_split(&rest, '\n', &line); ) {
        if (line.len) {
            nc_log(ERROR, PROCESS, "%s (%d) last words:" NC_STR_FMT, kid->name,
                (int) kid->pid, NC_STR_ARG(nc_str_skip(line, 1)));
        }
    }

    nc_sb_fini(&words);
}


/* A start that fails before anybody is served ends the program: it would only fail again. */
static void
died_booting(nc_master_t *m, nc_kid_t *kid, int status)
{
    if (WIFSIGNALED(status)) {
        report_death(kid, status);
    }

    nc_log(DEBUG, PROCESS, "%s (%d) failed to start", kid->name, (int) kid->pid);
    kid->pid = 0;
    nc_master_failed(m, 1);
}


static void
on_death(nc_master_t *m, nc_kid_t *kid, int status)
{
    uint64_t  now = nc_clock_ms();
    bool      was_up = kid->state == NC_CHILD_UP && now - kid->up_since_ms >= NC_STABLE_MS;

    nc_master_read(m, kid);                     /* its last messages */
    nc_channel_fini(&kid->channel);
    set_state(kid, NC_CHILD_DOWN);

    if (m->done) {
        kid->pid = 0;

        return;
    }

    clear_after(m, kid);

    if (m->phase == NC_PHASE_BOOTING) {
        died_booting(m, kid, status);

        return;
    }

    if (m->phase >= NC_PHASE_DRAINING) {
        if (WIFSIGNALED(status) && m->stop_level < 3) {
            report_death(kid, status);
        }

        kid->pid = 0;

        return;
    }

    report_death(kid, status);
    kid->pid = 0;

    if (kid->role == NC_ROLE_HELPER) {
        nc_family->helper_deaths++;
        nc_registry_unclaim(&m->registry);

        if (m->reload_sent) {
            nc_master_reload_done(m, false, NC_STR("the helper died while it read the "
                "configuration"));
        }

    } else {
        nc_family->worker_deaths++;
        count_ready(m);
    }

    if (was_up) {
        kid->backoff_ms = 0;
    }

    schedule(kid, now);
}


void
nc_kids_reap(nc_master_t *m)
{
    pid_t  pid;
    int    status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < m->n_kids; i++) {
            if (m->kids[i].pid == pid) {
                on_death(m, &m->kids[i], status);
                break;
            }
        }
    }
}


void
nc_kids_drain(nc_master_t *m, uint64_t limit_ms)
{
    nc_msg_drain_t  body = { .limit_ms = limit_ms };

    for (unsigned i = 1; i < m->n_kids; i++) {
        nc_channel_send(&m->kids[i].channel, NC_MSG_DRAIN, &body, NC_STR_NULL, -1);
    }
}


void
nc_kids_kill(nc_master_t *m, int sig)
{
    for (unsigned i = 0; i < m->n_kids; i++) {
        if (m->kids[i].pid) {
            kill(m->kids[i].pid, sig);
        }
    }
}


bool
nc_kids_workers_gone(const nc_master_t *m)
{
    for (unsigned i = 1; i < m->n_kids; i++) {
        if (m->kids[i].pid) {
            return false;
        }
    }

    return true;
}


/* Held by a debugger: that is not hanging. */
static bool
is_traced(pid_t pid)
{
    char     path[48], text[512];
    char    *end;
    int      fd;
    ssize_t  n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return false;
    }

    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[NC_MAX(n, 0)] = '\0';
    end = strrchr(text, ')');

    return end && end[1] == ' ' && end[2] == 't';
}


static void
abort_kid(nc_kid_t *kid, uint64_t now, const char *why)
{
    nc_log(ERROR, PROCESS, "%s (%d) %s: it is aborted", kid->name, (int) kid->pid, why);
    kill(kid->pid, SIGABRT);
    kill(kid->pid, SIGCONT);                    /* a stopped one would not hear it */
    set_state(kid, NC_CHILD_ABORTED);
    kid->deadline_ms = now + NC_ABORT_MS;
}


/* Deadlines of the handshake and of the abort. */
static void
check_deadline(nc_kid_t *kid, uint64_t now)
{
    if (kid->deadline_ms == 0 || now < kid->deadline_ms) {
        return;
    }

    if (kid->state == NC_CHILD_ABORTED) {
        kill(kid->pid, SIGKILL);
        kid->deadline_ms = now + NC_ABORT_MS;
    } else {
        abort_kid(kid, now, kid->state == NC_CHILD_FORKED ? "did not say HELLO in time"
            : "did not get ready in time");
    }
}


/*
 * A child whose turn counter stands still is woken first, so that an idle one needs no timer; if
 * it stands still even then, it hangs.
 */
static uint64_t
check_beat(nc_master_t *m, nc_kid_t *kid, uint64_t now)
{
    uint64_t     limit = (uint64_t) m->options->watchdog_s * 1000
                         * (kid->role == NC_ROLE_HELPER ? NC_HELPER_PATIENCE : 1);
    nc_words_t  *w = nc_family_words(kid->role == NC_ROLE_HELPER ? 0 : 1 + kid->index);
    uint64_t     beat = __atomic_load_n(&w->beat, __ATOMIC_RELAXED);

    if (limit == 0 || kid->state != NC_CHILD_UP) {
        return UINT64_MAX;
    }

    if (beat != kid->beat) {
        kid->beat = beat;
        kid->beat_at_ms = now;
        kid->pinged = false;
    }

    if (now - kid->beat_at_ms >= limit && kid->pinged) {
        if (is_traced(kid->pid)) {
            kid->beat_at_ms = now;
        } else {
            nc_family->watchdog_kills++;
            abort_kid(kid, now, "hangs");

            return kid->deadline_ms;
        }
    }

    if (now - kid->beat_at_ms >= limit / 2 && !kid->pinged) {
        kid->pinged = true;
        nc_wake(wake_fd(m, kid));
    }

    return now + limit / 2;
}


uint64_t
nc_kids_tick(nc_master_t *m, uint64_t now)
{
    uint64_t  next = UINT64_MAX;

    for (unsigned i = 0; i < m->n_kids; i++) {
        nc_kid_t  *kid = &m->kids[i];
        uint64_t   beat;

        if (kid->pid == 0) {
            if (m->phase != NC_PHASE_SERVING) {
                continue;
            }

            if (now >= kid->restart_at_ms) {
                nc_kid_start(m, kid);
            }

            next = NC_MIN(next, kid->pid ? kid->deadline_ms : kid->restart_at_ms);
            continue;
        }

        check_deadline(kid, now);
        beat = check_beat(m, kid, now);
        next = NC_MIN(next, beat);

        if (kid->deadline_ms) {
            next = NC_MIN(next, kid->deadline_ms);
        }
    }

    return next;
}
