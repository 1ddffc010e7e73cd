/*
 * master.c: the master's loop and the phases of the program.
 *
 *   BOOTING ──── all children ready ────► SERVING ──── TERM, INT, QUIT ────► DRAINING
 *      │                                                                        │ workers gone
 *      └── the helper or a worker cannot start: exit 1                          ▼
 *                                                          exit 0 ◄───────── ENDING
 *
 * The loop is poll(2) and no more: children start from a process without an event loop of its own.
 *
 * Invariants:
 *  1. Nothing in the loop blocks but poll.
 *  2. Every fd that is the master's alone is closed in children by nc_master_leave, so that EOF
 *     means death and locks die with the master.
 */
#include "process/master.h"
#include "log/log.h"
#include "os/clock.h"
#include "os/family.h"
#include "os/file.h"
#include "os/notify.h"
#include "os/sock.h"
#include "os/title.h"
#include "process/cli.h"
#include "process/control.h"
#include "process/crash.h"
#include "process/master_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELPER_END_MS     1000u                 /* the helper's time to end after the workers */
#define STOP_GRACE_MS     3000u                 /* beyond the limit that workers were given */
#define AT_ONCE_MS        1000u
#define MAX_BASE_ID       1000u

static const int  handled[] = {
    SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH
};


void
nc_master_failed(nc_master_t *m, int status)
{
    m->done = true;
    m->exit_status = status;
}


/* The one who waits for a daemon to be up hears of it. */
static void
tell_waiting(nc_master_t *m)
{
    if (m->ready_fd != -1) {
        (void) !write(m->ready_fd, "R", 1);
        nc_fd_close(&m->ready_fd);
    }
}


void
nc_master_all_ready(nc_master_t *m)
{
    m->phase = NC_PHASE_SERVING;
    nc_log(INFO, PROCESS, "serving with %u worker%s", m->n_kids - 1, m->n_kids == 2 ? "" : "s");
    nc_notify("READY=1\nSTATUS=Serving with %u workers\nMAINPID=%d", m->n_kids - 1,
        (int) getpid());
    tell_waiting(m);

    if (m->options->daemon) {
        int  fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (fd != -1) {
            (void) dup2(fd, STDERR_FILENO);
            close(fd);
        }
    }

    if (m->options->mode == NC_RUN_INIT_ONLY) {
        nc_master_stop(m, 3);
    }
}


/* Level 1: when idle; 2: when idle, but bounded; 3: at once. */
void
nc_master_stop(nc_master_t *m, unsigned level)
{
    uint32_t  limit_s = NC_MIN(m->options->stop_time_s, m->options->drain_time_s);
    uint64_t  limit_ms = (uint64_t) limit_s * 1000;
    uint64_t  now = nc_clock_ms();

    if (level <= m->stop_level || m->done) {
        return;
    }

    m->stop_level = level;
    nc_family->stopping = level;

    if (m->phase == NC_PHASE_BOOTING) {
        nc_master_failed(m, 0);

        return;
    }

    limit_ms = level == 1 ? NC_DRAIN_NO_LIMIT : level == 2 ? limit_ms : 0;
    m->stop_deadline_ms = level == 1 ? 0
        : now + limit_ms + (level == 2 ? STOP_GRACE_MS : AT_ONCE_MS);

    if (m->phase == NC_PHASE_SERVING) {
        m->phase = NC_PHASE_DRAINING;
        nc_log(INFO, PROCESS, "stopping: connections get %s",
            level == 1 ? "all the time they need" : level == 2 ? "time to end" : "no time");
        nc_registry_fini(&m->registry, true);   /* workers still take what is in the queues */
    }

    if (level == 2) {
        nc_notify("STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=%" PRIu64,
            (limit_ms + 2 * STOP_GRACE_MS) * 1000);
    } else {
        nc_notify("STOPPING=1\nSTATUS=Draining");
    }

    nc_kids_drain(m, limit_ms);
}


void
nc_master_reload_send(nc_master_t *m)
{
    m->reload_sent = true;
    nc_channel_send(&nc_master_helper(m)->channel, NC_MSG_RELOAD, NULL, NC_STR_NULL, -1);
}


uint64_t
nc_master_reload(nc_master_t *m)
{
    if (m->phase != NC_PHASE_SERVING) {
        return 0;
    }

    if (m->reload_running) {
        m->reload_again = true;

        return m->reload_n + 1;
    }

    nc_notify("RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading", nc_clock_us());
    m->reload_running = true;
    m->reload_sent = false;
    m->reload_n++;

    if (nc_master_helper(m)->state == NC_CHILD_UP) {
        nc_master_reload_send(m);               /* else as soon as it is up */
    }

    return m->reload_n;
}


static void
log_lines(nc_str_t text)
{
    nc_str_t  line;

    while (nc_str_split(&text, '\n', &line)) {
        if (line.len) {
            nc_log(ERROR, PROCESS, NC_STR_FMT, NC_STR_ARG(line));
        }
    }
}


void
nc_master_reload_done(nc_master_t *m, bool ok, nc_str_t text)
{
    if (!m->reload_running) {
        return;
    }

    m->reload_running = m->reload_sent = false;

    if (ok) {
        nc_log(INFO, PROCESS, "reloaded: " NC_STR_FMT, NC_STR_ARG(nc_str_trim(text)));
    } else {
        nc_log(ERROR, PROCESS, "reload failed, nothing has changed");
        log_lines(text);
    }

    nc_notify("READY=1\nSTATUS=%s", ok ? "Serving" : "Serving; the last reload failed");
    nc_control_reloaded(m, ok, text);

    if (m->reload_again) {
        m->reload_again = false;
        (void) nc_master_reload(m);
    }
}


void
nc_master_leave(nc_master_t *m)
{
    for (unsigned i = 0; i < m->n_kids; i++) {
        nc_channel_fini(&m->kids[i].channel);
    }

    nc_registry_fini(&m->registry, false);
    nc_control_close(m, false);
    nc_fd_close(&m->signal_fd);
    nc_fd_close(&m->pid_fd);
    nc_fd_close(&m->ready_fd);
    nc_notify_fini();
}


static void
on_signal(nc_master_t *m, const struct signalfd_siginfo *info)
{
    switch (info->ssi_signo) {

    case SIGTERM:
    case SIGINT:
        nc_master_stop(m, m->stop_level >= 2 ? 3 : 2);
        break;

    case SIGQUIT:
        nc_master_stop(m, 1);
        break;

    case SIGHUP:
        if (nc_master_reload(m) == 0) {
            nc_log(WARNING, PROCESS, "no reload while it is starting or stopping");
        }

        break;

    case SIGUSR1:
        nc_master_reopen_logs(m);
        break;

    case SIGUSR2:
        nc_log(WARNING, PROCESS, "USR2 is ignored: there is no upgrade in place yet");
        break;

    case SIGCHLD:
        nc_kids_reap(m);
        break;

    default:
        break;
    }
}


static void
read_signals(nc_master_t *m)
{
    struct signalfd_siginfo  info;

    while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
        on_signal(m, &info);
    }
}


/* What time alone brings about; when it wants to run again. */
static uint64_t
tick(nc_master_t *m)
{
    uint64_t  now = nc_clock_ms(), every = nc_notify_watchdog_us() / 2000;
    uint64_t  next = nc_kids_tick(m, now);

    if (m->phase == NC_PHASE_DRAINING && nc_kids_workers_gone(m)) {
        nc_msg_drain_t  body = { 0 };

        m->phase = NC_PHASE_ENDING;
        m->stop_deadline_ms = now + HELPER_END_MS;
        nc_channel_send(&nc_master_helper(m)->channel, NC_MSG_DRAIN, &body, NC_STR_NULL, -1);
    }

    if (m->phase == NC_PHASE_ENDING && nc_master_helper(m)->pid == 0) {
        m->done = true;
    }

    if (m->stop_deadline_ms) {
        if (now >= m->stop_deadline_ms) {
            nc_kids_kill(m, SIGKILL);
            m->stop_deadline_ms = now + AT_ONCE_MS;
        }

        next = NC_MIN(next, m->stop_deadline_ms);
    }

    if (every) {
        if (now >= m->notify_at_ms) {
            nc_notify("WATCHDOG=1");
            m->notify_at_ms = now + every;
        }

        next = NC_MIN(next, m->notify_at_ms);
    }

    return next;
}


static struct pollfd
watch(int fd, bool write_too)
{
    return (struct pollfd) { .fd = fd, .events = (short) (POLLIN | (write_too ? POLLOUT : 0)) };
}


static void
serve_channels(nc_master_t *m, const struct pollfd *p)
{
    for (unsigned i = 0; i < m->n_kids; i++, p++) {
        if ((p->revents & POLLOUT) && p->fd == m->kids[i].channel.fd) {
            nc_channel_flush(&m->kids[i].channel);
        }

        if ((p->revents & ~POLLOUT) && p->fd == m->kids[i].channel.fd) {
            nc_master_read(m, &m->kids[i]);
        }
    }

    for (unsigned i = 0; i < NC_MAX_CONTROL; i++, p++) {
        if ((p->revents & ~POLLOUT) && p->fd == m->controls[i].channel.fd) {
            nc_control_read(m, &m->controls[i]);
        }
    }
}


static void
loop(nc_master_t *m)
{
    unsigned        n = 2 + m->n_kids + NC_MAX_CONTROL;
    struct pollfd  *p = nc_calloc(n * sizeof(*p));

    while (!m->done) {
        uint64_t  next = tick(m), now = nc_clock_ms();
        int       wait = next == UINT64_MAX ? -1
                         : next <= now ? 0 : (int) NC_MIN(next - now, (uint64_t) 60000);

        if (m->done) {
            break;
        }

        p[0] = watch(m->signal_fd, false);
        p[1] = watch(m->control_fd, false);

        for (unsigned i = 0; i < m->n_kids; i++) {
            nc_channel_t  *c = &m->kids[i].channel;

            p[2 + i] = watch(c->broken ? -1 : c->fd, nc_channel_wants_write(c));
        }

        for (unsigned i = 0; i < NC_MAX_CONTROL; i++) {
            p[2 + m->n_kids + i] = watch(m->controls[i].channel.fd, false);
        }

        if (poll(p, n, wait) <= 0) {
            continue;
        }

        if (p[0].revents) {
            read_signals(m);
        }

        if (p[1].revents && !m->done) {
            nc_control_accept(m);
        }

        serve_channels(m, p + 2);
    }

    free(p);
}


static nc_rc_t
open_signals(nc_master_t *m)
{
    sigset_t  set;

    sigemptyset(&set);

    for (size_t i = 0; i < NC_COUNTOF(handled); i++) {
        sigaddset(&set, handled[i]);
    }

    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    return m->signal_fd == -1 ? NC_ERROR : NC_OK;
}


/* The pid file of one base id. NC_AGAIN: another instance has it. */
static nc_rc_t
take_pid_file(nc_master_t *m, pid_t *owner)
{
    const char  *path = m->options->pid_path;

    (void) nc_dir_make_parent(path, 0755);
    m->pid_fd = nc_pid_file_open(path, getpid(), owner);

    if (m->pid_fd != -1) {
        return NC_OK;
    }

    return errno == EAGAIN ? NC_AGAIN : NC_ERROR;
}


static nc_rc_t
open_pid_file(nc_master_t *m)
{
    nc_options_t  *o = m->options;
    pid_t          owner = 0;
    nc_rc_t        rc = take_pid_file(m, &owner);

    while (rc == NC_AGAIN && o->use_dynamic_base_id && o->base_id < MAX_BASE_ID) {
        nc_cli_set_base_id(o, o->base_id + 1);
        rc = take_pid_file(m, &owner);
    }

    if (rc == NC_AGAIN) {
        fprintf(stderr, "nuncio: it is running already (pid %d has %s); a second instance needs "
            "its own --base-id, --pid-path or -p\n", (int) owner, o->pid_path);

        return NC_ERROR;
    }

    if (rc == NC_ERROR && o->pid_path_given) {
        fprintf(stderr, "nuncio: cannot write the pid file %s: %s\n", o->pid_path,
            strerror(errno));

        return NC_ERROR;
    }

    if (rc == NC_ERROR) {
        nc_log(WARNING, PROCESS, "no pid file %s, \"nuncio -s\" will not work: %s", o->pid_path,
            strerror(errno));

        return NC_OK;
    }

    nc_control_open(m);

    if (o->base_id_path) {
        char  text[16];
        int   n = snprintf(text, sizeof(text), "%u", o->base_id);

        if (nc_file_replace(o->base_id_path, 0644, nc_str(text, (size_t) n)) != NC_OK) {
            fprintf(stderr, "nuncio: cannot write %s: %s\n", o->base_id_path, strerror(errno));

            return NC_ERROR;
        }
    }

    return NC_OK;
}


/* The folder of the config log, the user's own. Without one the log is kept in memory. */
static nc_rc_t
make_state_folder(nc_master_t *m)
{
    nc_options_t  *o = m->options;

    if (o->state_path == NULL) {
        return NC_OK;
    }

    if (nc_dir_make(o->state_path, 0755) == NC_OK && access(o->state_path, R_OK | W_OK | X_OK) == 0
        && (!m->priv.drop || chown(o->state_path, m->priv.uid, m->priv.gid) == 0))
    {
        (void) chmod(o->state_path, 0700);

        return NC_OK;
    }

    if (o->state_path_given) {
        fprintf(stderr, "nuncio: cannot use the state folder %s: %s\n", o->state_path,
            strerror(errno));

        return NC_ERROR;
    }

    nc_log(INFO, PROCESS, "no state folder %s (%s): the configuration log is kept in memory",
        o->state_path, strerror(errno));
    o->state_path = NULL;

    return NC_OK;
}


static nc_rc_t
find_user(nc_master_t *m)
{
    nc_sb_t  text;
    nc_rc_t  rc;

    nc_sb_init(&text);
    rc = nc_priv_find(&m->priv, m->options->user, m->options->group, NC_CLI_DEFAULT_USER, &text);

    if (rc != NC_OK) {
        fprintf(stderr, "nuncio: %s\n", nc_sb_c(&text));
    } else if (text.len) {
        nc_log(WARNING, PROCESS, "%s", nc_sb_c(&text));
    }

    nc_sb_fini(&text);

    return rc;
}


/* Goes to the background; the one who called waits until it is known whether the start works. */
static void
daemonize(nc_master_t *m)
{
    int    fds[2], fd;
    char   c;
    pid_t  pid;

    if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
        nc_fatal("cannot go to the background: %s", strerror(errno));
    }

    if (pid) {
        close(fds[1]);
        _exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
    }

    close(fds[0]);
    m->ready_fd = fds[1];
    (void) setsid();
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd != -1) {
        (void) dup2(fd, STDIN_FILENO);
        (void) dup2(fd, STDOUT_FILENO);
        close(fd);
    }
}


static nc_rc_t
prepare(nc_master_t *m)
{
    nc_errors_t  errors;
    nc_rc_t      rc;

    nc_errors_init(&errors);

    if (nc_family_create(m->options->concurrency) != NC_OK) {
        fprintf(stderr, "nuncio: cannot map shared memory: %s\n", strerror(errno));

        return NC_ERROR;
    }

    nc_family->started_us = nc_clock_us();
    nc_family->started_wall_us = nc_clock_wall_us();
    m->clog_fd = memfd_create("nuncio-config-log", MFD_CLOEXEC);
    rc = m->hooks->prepare(m->options, &errors);

    for (nc_error_t *e = errors.first; e; e = e->next) {
        nc_sb_t  line;

        nc_sb_init(&line);
        nc_error_print(e, &line);
        fprintf(stderr, "nuncio: %s\n", nc_sb_c(&line));
        nc_sb_fini(&line);
    }

    nc_errors_fini(&errors);

    return rc;
}


static void
end_children(nc_master_t *m)
{
    uint64_t  until = nc_clock_ms() + AT_ONCE_MS;

    nc_kids_kill(m, SIGKILL);

    while (nc_clock_ms() < until) {
        struct pollfd  p = watch(m->signal_fd, false);
        bool           left = false;

        nc_kids_reap(m);

        for (unsigned i = 0; i < m->n_kids; i++) {
            left |= m->kids[i].pid != 0;
        }

        if (!left) {
            return;
        }

        (void) poll(&p, 1, 50);
        (void) !read(m->signal_fd, &(struct signalfd_siginfo) { 0 },
            sizeof(struct signalfd_siginfo));
    }
}


static void
leave(nc_master_t *m)
{
    end_children(m);
    nc_control_close(m, true);
    nc_registry_fini(&m->registry, true);
    nc_pid_file_close(m->options->pid_path, &m->pid_fd);
    nc_fd_close(&m->signal_fd);
    nc_fd_close(&m->clog_fd);
    nc_fd_close(&m->ready_fd);

    for (unsigned i = 0; i < m->n_kids; i++) {
        nc_channel_fini(&m->kids[i].channel);
        nc_fd_close(&m->wake_fds[i]);
    }

    free(m->kids);
    free(m->wake_fds);
    free(m->control_path);
    free((char *) (uintptr_t) m->priv.name);
    nc_family_destroy();
}


int
nc_master_run(nc_options_t *options, const nc_hooks_t *hooks)
{
    nc_master_t  m = {
        .options = options,
        .hooks = hooks,
        .clog_fd = -1,
        .signal_fd = -1,
        .pid_fd = -1,
        .control_fd = -1,
        .ready_fd = -1,
        .exit_status = 0,
    };

    for (unsigned i = 0; i < NC_MAX_CONTROL; i++) {
        nc_channel_init(&m.controls[i].channel, -1, NC_ROLE_CONTROL);
    }

    nc_registry_init(&m.registry, options->concurrency, &m.priv);

    if (options->daemon) {
        daemonize(&m);
    }

    nc_title_set("master");
    nc_log_set_process("master");
    (void) nc_priv_raise_files();

    if (options->enable_core_dump) {
        nc_priv_enable_core();
    }

    if (open_signals(&m) != NC_OK || find_user(&m) != NC_OK || open_pid_file(&m) != NC_OK
        || make_state_folder(&m) != NC_OK || prepare(&m) != NC_OK)
    {
        m.exit_status = 1;

    } else {
        nc_priv_trim_master();
        nc_kids_create(&m);
        nc_kid_start(&m, nc_master_helper(&m));
        loop(&m);
    }

    leave(&m);

    return m.exit_status;
}
