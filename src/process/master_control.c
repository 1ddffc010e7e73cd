/* master_control.c: both ends of the control socket. */
#include "process/control.h"
#include "log/log.h"
#include "os/file.h"
#include "os/sock.h"
#include "process/master_priv.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>


char *
nc_control_path(const char *pid_path)
{
    nc_str_t  p = nc_str_c(pid_path);
    nc_sb_t   sb;

    if (nc_str_ends(p, NC_STR(".pid"))) {
        p.len -= 4;
    }

    nc_sb_init(&sb);
    nc_sb_printf(&sb, NC_STR_FMT ".sock", NC_STR_ARG(p));
    (void) nc_sb_c(&sb);

    return sb.data;
}


void
nc_control_open(nc_master_t *m)
{
    m->control_path = nc_control_path(m->options->pid_path);
    m->control_fd = nc_sock_serve(m->control_path);

    if (m->control_fd == -1) {
        nc_log(WARNING, PROCESS, "no control socket %s, \"nuncio -s\" will not work: %s",
            m->control_path, strerror(errno));
    }
}


void
nc_control_close(nc_master_t *m, bool remove_path)
{
    for (unsigned i = 0; i < NC_MAX_CONTROL; i++) {
        if (m->controls[i].channel.fd != -1) {
            nc_channel_fini(&m->controls[i].channel);
        }
    }

    if (m->control_fd != -1) {
        if (remove_path) {
            unlink(m->control_path);
        }

        nc_fd_close(&m->control_fd);
    }
}


void
nc_control_accept(nc_master_t *m)
{
    uid_t  uid;
    pid_t  pid;
    int    fd = accept4(m->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd == -1) {
        return;
    }

    if (nc_sock_peer(fd, &uid, &pid) != NC_OK || (uid != 0 && uid != geteuid())) {
        nc_log(WARNING, PROCESS, "user %u is not heard on the control socket", (unsigned) uid);
        close(fd);

        return;
    }

    for (unsigned i = 0; i < NC_MAX_CONTROL; i++) {
        nc_control_t  *c = &m->controls[i];

        if (c->channel.fd == -1) {
            nc_channel_init(&c->channel, fd, NC_ROLE_CONTROL);
            c->waits_for = 0;

            return;
        }
    }

    nc_log(WARNING, PROCESS, "too many commands at once on the control socket");
    close(fd);
}


static void
reply(nc_control_t *c, bool ok, nc_str_t text)
{
    nc_msg_result_t  body = { .ok = ok };

    nc_channel_send(&c->channel, NC_MSG_CONTROL_DONE, &body, text, -1);
}


static void
command(nc_master_t *m, nc_control_t *c, nc_str_t name)
{
    if (nc_str_eq(name, NC_STR("reload"))) {
        c->waits_for = nc_master_reload(m);

        if (c->waits_for == 0) {
            reply(c, false, NC_STR("not now: it is starting or stopping"));
        }

    } else if (nc_str_eq(name, NC_STR("stop"))) {
        reply(c, true, NC_STR_NULL);
        nc_master_stop(m, 2);

    } else if (nc_str_eq(name, NC_STR("quit"))) {
        reply(c, true, NC_STR_NULL);
        nc_master_stop(m, 1);

    } else if (nc_str_eq(name, NC_STR("reopen"))) {
        nc_master_reopen_logs(m);
        reply(c, true, NC_STR_NULL);

    } else {
        reply(c, false, NC_STR("the running program does not know this command"));
    }
}


void
nc_control_read(nc_master_t *m, nc_control_t *c)
{
    nc_msg_t  msg;
    nc_rc_t   rc;

    while ((rc = nc_channel_recv(&c->channel, &msg)) == NC_OK) {
        if (msg.type == NC_MSG_CONTROL) {
            command(m, c, msg.text);
        }

        if (c->channel.fd == -1) {
            return;
        }
    }

    if (rc == NC_DECLINED) {
        nc_channel_fini(&c->channel);
    }
}


void
nc_control_reloaded(nc_master_t *m, bool ok, nc_str_t text)
{
    for (unsigned i = 0; i < NC_MAX_CONTROL; i++) {
        nc_control_t  *c = &m->controls[i];

        if (c->channel.fd != -1 && c->waits_for && c->waits_for <= m->reload_n) {
            c->waits_for = 0;
            reply(c, ok, text);
        }
    }
}


/* Waits for the answer for as long as the master lives. Exit status. */
static int
await_result(nc_channel_t *c, const char *name)
{
    for ( ;; ) {
        struct pollfd  p = { .fd = c->fd, .events = POLLIN };
        nc_msg_t       msg;
        nc_rc_t        rc;

        if (poll(&p, 1, -1) == -1 && errno != EINTR) {
            return 1;
        }

        rc = nc_channel_recv(c, &msg);

        if (rc == NC_AGAIN) {
            continue;
        }

        if (rc != NC_OK) {
            fprintf(stderr, "nuncio: the running program closed the connection before it "
                "answered \"%s\"\n", name);

            return 1;
        }

        if (msg.type != NC_MSG_CONTROL_DONE) {
            continue;
        }

        if (msg.text.len) {
            FILE  *out = msg.body.result.ok ? stdout : stderr;

            fprintf(out, NC_STR_FMT "%s", NC_STR_ARG(msg.text),
                nc_str_ends(msg.text, NC_STR("\n")) ? "" : "\n");
        }

        return msg.body.result.ok ? 0 : 1;
    }
}


int
nc_control_client(const nc_options_t *options)
{
    char          *path = nc_control_path(options->pid_path);
    nc_channel_t   c;
    int            fd = nc_sock_dial(path), status;

    if (fd == -1) {
        int    e = errno;
        pid_t  pid = nc_pid_file_owner(options->pid_path);

        if (pid) {
            fprintf(stderr, "nuncio: cannot reach the running program (pid %d) at %s: %s\n",
                (int) pid, path, strerror(e));
        } else {
            fprintf(stderr, "nuncio: it is not running: no process holds the pid file %s\n",
                options->pid_path);
        }

        free(path);

        return 1;
    }

    free(path);
    nc_channel_init(&c, fd, NC_ROLE_MASTER);
    nc_channel_send(&c, NC_MSG_CONTROL, NULL, nc_str_c(options->signal), -1);
    status = await_result(&c, options->signal);
    nc_channel_fini(&c);

    return status;
}
