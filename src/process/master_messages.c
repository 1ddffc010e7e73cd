/* master_messages.c: what children say to the master, and the descriptors it hands them. */
#include "process/master_priv.h"
#include "log/log.h"
#include "os/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>


/* Logs are for everybody; a listening socket is for the workers, or for the helper. */
static bool
is_for(const nc_shared_t *e, const nc_kid_t *kid)
{
    return e->is_log || e->options.for_helper == (kid->role == NC_ROLE_HELPER);
}


static void
send_entry(nc_master_t *m, nc_kid_t *kid, const nc_shared_t *e)
{
    nc_msg_key_t   body = { .key = e->key };
    nc_msg_type_t  type = e->is_log ? NC_MSG_LOG_FILE : NC_MSG_SOCKET;

    (void) m;

    if (kid->pid == 0 || kid->state == NC_CHILD_FORKED || !is_for(e, kid)) {
        return;                                 /* gets all of them with its START, or none */
    }

    nc_channel_send(&kid->channel, type, &body, NC_STR_NULL,
        nc_shared_fd(e, kid->role == NC_ROLE_HELPER ? 0 : kid->index));
}


void
nc_master_send_shared(nc_master_t *m, nc_kid_t *kid)
{
    nc_list_each(&m->registry.entries, it) {
        const nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);

        if (!e->options.for_helper) {           /* that one comes when the helper asks for it */
            send_entry(m, kid, e);
        }
    }
}


static void
send_to_all(nc_master_t *m, const nc_shared_t *e)
{
    for (unsigned i = 0; i < m->n_kids; i++) {
        send_entry(m, &m->kids[i], e);
    }
}


static void
drop_entry(nc_master_t *m, nc_shared_t *e)
{
    nc_msg_key_t   body = { .key = e->key };
    nc_msg_type_t  type = e->is_log ? NC_MSG_LOG_GONE : NC_MSG_SOCKET_GONE;

    for (unsigned i = 0; i < m->n_kids; i++) {
        if (m->kids[i].pid && m->kids[i].state != NC_CHILD_FORKED && is_for(e, &m->kids[i])) {
            nc_channel_send(&m->kids[i].channel, type, &body, NC_STR_NULL, -1);
        }
    }

    nc_registry_drop(e, true);
}


static void
answer(nc_kid_t *kid, uint32_t seq, const nc_shared_t *e, const char *error)
{
    nc_msg_answer_t  body = { .seq = seq, .ok = e != NULL };

    if (e) {
        body.key = e->key;
        body.addr_len = e->bound.len;
        memcpy(body.addr, &e->bound.sa, NC_MIN((size_t) e->bound.len, sizeof(e->bound.un)));
    }

    nc_channel_send(&kid->channel, NC_MSG_ANSWER, &body, nc_str_c(e ? "" : error), -1);
}


/* The address of a LISTEN; NC_ERROR: it is none. */
static nc_rc_t
read_address(const nc_msg_listen_t *l, nc_addr_t *addr)
{
    size_t  least;

    memset(addr, 0, sizeof(*addr));

    if (l->addr_len < sizeof(sa_family_t) || l->addr_len > sizeof(addr->un)) {
        return NC_ERROR;
    }

    memcpy(&addr->sa, l->addr, l->addr_len);
    addr->len = l->addr_len;

    switch (addr->sa.sa_family) {

    case AF_INET:
        least = sizeof(addr->in);
        break;

    case AF_INET6:
        least = sizeof(addr->in6);
        break;

    case AF_UNIX:
        least = sizeof(sa_family_t) + 1;
        break;

    default:
        return NC_ERROR;
    }

    return l->addr_len < least ? NC_ERROR : NC_OK;
}


/* --admin-address-path: the helper may lack the rights. Written whole, then renamed. */
static void
write_admin_address(const nc_master_t *m, const nc_addr_t *addr)
{
    const char  *path = m->options->admin_address_path;
    nc_sb_t      text, temp;
    int          fd;

    if (path == NULL) {
        return;
    }

    nc_sb_init(&text);
    nc_sb_init(&temp);
    nc_addr_print(addr, &text);
    nc_sb_printf(&temp, "%s.new", path);
    fd = open(nc_sb_c(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd == -1 || write(fd, text.data, text.len) != (ssize_t) text.len
        || rename(nc_sb_c(&temp), path) == -1)
    {
        nc_log(ERROR, ADMIN, "cannot write the admin address to %s: %s", path, strerror(errno));
    }

    nc_fd_close(&fd);
    nc_sb_fini(&temp);
    nc_sb_fini(&text);
}


static void
on_listen(nc_master_t *m, nc_kid_t *kid, const nc_msg_t *msg)
{
    const nc_msg_listen_t  *l = &msg->body.listen;
    nc_listen_options_t     options = {
        .backlog = l->backlog,
        .mode = l->mode,
        .fast_open = l->fast_open,
        .reuse_port = l->reuse_port,
        .transparent = l->transparent,
        .freebind = l->freebind,
        .ipv4_compat = l->ipv4_compat,
        .for_helper = l->for_helper,
    };
    char          error[NC_BROKER_TEXT] = "an address of an unknown kind";
    char         *name = nc_str_dup_c(msg->text);
    nc_addr_t     addr;
    nc_shared_t  *e = NULL;
    bool          is_new;

    if (read_address(l, &addr) == NC_OK) {
        e = nc_registry_listen(&m->registry, name, &addr, &options, &is_new, error);
    }

    if (e && is_new) {
        send_to_all(m, e);

        if (e->options.for_helper) {
            write_admin_address(m, &e->bound);
        }
    } else if (e && e->options.for_helper) {
        send_entry(m, kid, e);                  /* a helper that took over */
    }

    answer(kid, l->seq, e, error);
    free(name);
}


static void
on_open_log(nc_master_t *m, nc_kid_t *kid, const nc_msg_t *msg)
{
    char          error[NC_BROKER_TEXT];
    char         *path = nc_str_dup_c(msg->text);
    bool          is_new;
    nc_shared_t  *e = nc_registry_open_log(&m->registry, path, &is_new, error);

    if (e && is_new) {
        send_to_all(m, e);
    } else if (e) {
        send_entry(m, kid, e);
    }

    answer(kid, msg->body.open.seq, e, error);
    free(path);
}


static void
on_give_back(nc_master_t *m, uint32_t key, bool is_log)
{
    nc_shared_t  *e = nc_registry_find(&m->registry, key);

    if (e == NULL || e->is_log != is_log) {
        nc_log(DEBUG, PROCESS, "the helper gives back key %u, which is gone already", key);

        return;
    }

    if (nc_registry_release(e)) {
        drop_entry(m, e);
    }
}


static void
on_sweep(nc_master_t *m)
{
    nc_list_each_safe(&m->registry.entries, it) {
        nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);

        if (e->claims == 0) {
            drop_entry(m, e);
        }
    }
}


/* New connections are refused once our copies and the workers' are closed. */
static void
on_drain_listen(nc_master_t *m)
{
    nc_list_each_safe(&m->registry.entries, it) {
        nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);

        if (!e->is_log && !e->options.for_helper) {
            nc_registry_drop(e, true);
        }
    }

    for (unsigned i = 1; i < m->n_kids; i++) {
        nc_channel_send(&m->kids[i].channel, NC_MSG_DRAIN_LISTEN, NULL, NC_STR_NULL, -1);
    }
}


static void
handle(nc_master_t *m, nc_kid_t *kid, const nc_msg_t *msg)
{
    switch (msg->type) {

    case NC_MSG_HELLO:
        nc_kid_message_hello(m, kid);
        break;

    case NC_MSG_READY:
        nc_kid_message_ready(m, kid);
        break;

    case NC_MSG_BOOT_FAILED:
        nc_master_failed(m, 1);
        break;

    case NC_MSG_LISTEN:
        on_listen(m, kid, msg);
        break;

    case NC_MSG_OPEN_LOG:
        on_open_log(m, kid, msg);
        break;

    case NC_MSG_UNLISTEN:
    case NC_MSG_CLOSE_LOG:
        on_give_back(m, msg->body.key.key, msg->type == NC_MSG_CLOSE_LOG);
        break;

    case NC_MSG_SWEEP:
        on_sweep(m);
        break;

    case NC_MSG_RELOAD_DONE:
        nc_master_reload_done(m, msg->body.result.ok, msg->text);
        break;

    case NC_MSG_QUIT:
        nc_master_stop(m, 2);
        break;

    case NC_MSG_REOPEN:
        nc_master_reopen_logs(m);
        break;

    case NC_MSG_DRAIN_LISTEN:
        on_drain_listen(m);
        break;

    default:
        nc_log(WARNING, PROCESS, "the master has no use for a message %s",
            nc_msg_str(msg->type));
        break;
    }
}


void
nc_master_read(nc_master_t *m, nc_kid_t *kid)
{
    nc_msg_t  msg;

    if (kid->channel.fd == -1) {
        return;
    }

    for ( ;; ) {
        nc_rc_t  rc = nc_channel_recv(&kid->channel, &msg);

        if (rc == NC_OK) {
            handle(m, kid, &msg);
            continue;
        }

        if (rc == NC_DECLINED) {                /* SIGCHLD tells the rest */
            nc_channel_fini(&kid->channel);
        }

        return;
    }
}


static void
reopen_error_log(nc_master_t *m)
{
    if (m->options->log_path == NULL) {
        return;
    }

    if (nc_log_reopen() != NC_OK) {
        nc_log(ERROR, PROCESS, "cannot reopen the log %s: %s", m->options->log_path,
            strerror(errno));

        return;
    }

    for (unsigned i = 0; i < m->n_kids; i++) {
        if (m->kids[i].pid) {
            nc_channel_send(&m->kids[i].channel, NC_MSG_ERROR_LOG, NULL, NC_STR_NULL,
                nc_log_fd());
        }
    }
}


void
nc_master_reopen_logs(nc_master_t *m)
{
    nc_log(INFO, PROCESS, "log files are opened again");
    reopen_error_log(m);

    nc_list_each(&m->registry.entries, it) {
        nc_shared_t  *e = nc_container_of(it, nc_shared_t, link);
        char          error[NC_BROKER_TEXT];

        if (!e->is_log) {
            continue;
        }

        if (nc_registry_reopen(&m->registry, e, error) == NC_OK) {
            send_to_all(m, e);
        } else {
            nc_log(ERROR, PROCESS, "%s", error);
        }
    }
}
