/*
 * data.c: sockets, listeners of the root, and connections that drain.
 *
 *   SOCKET ─► socket_t ──── root names its key ────► acceptor ──── gone ────► retired ─► freed
 *                                                     (update at each root)    (drains)
 */
#include "process/data.h"
#include "config/root.h"
#include "event/loop.h"
#include "http/hcm.h"
#include "log/log.h"
#include "log/shared.h"
#include "net/acceptor.h"
#include "net/tls.h"
#include "os/sock.h"
#include "process/vitals.h"
#include "upstream/pool.h"

#include <errno.h>
#include <unistd.h>

#define RETIRED_CHECK_MS    100u
#define REPORT_MS           5000u               /* between two looks at our memory */

typedef struct {
    nc_list_t       link;
    uint32_t        key;
    int             fd;
    nc_acceptor_t  *acceptor;                   /* NULL: no listener of the root has this key */
} socket_t;

/* An acceptor that takes no more; here until its last connection has ended. */
typedef struct {
    nc_list_t       link;
    nc_acceptor_t  *acceptor;
    uint64_t        since_ms;
    uint64_t        deadline_ms;
    uint32_t        n_at_first;                 /* connections there were */
    uint32_t        n_asked;                    /* connections asked to end so far */
} retired_t;

/* A listener without a socket of its own (bind_to_port false). */
typedef struct {
    nc_list_t       link;
    nc_acceptor_t  *acceptor;
} hidden_t;

static nc_list_t           hidden = { &hidden, &hidden };
static nc_list_t           sockets = { &sockets, &sockets };
static nc_list_t           retired = { &retired, &retired };
static const nc_root_t    *root;
static const nc_options_t *options;
static uint64_t            drain_deadline_ms;   /* 0: the worker stays */
static nc_timer_t          retired_timer;
static nc_timer_t          flush_timer;
static bool                flushing;
static nc_timer_t          report_timer;


static bool
has_key(const nc_listener_conf_t *l, uint32_t key)
{
    if (l->socket_key == key) {
        return true;
    }

    for (uint32_t i = 0; i < l->n_more; i++) {
        if (l->more[i].socket_key == key) {
            return true;
        }
    }

    return false;
}


static const nc_listener_conf_t *
listener_of(uint32_t key)
{
    for (uint32_t i = 0; root && i < root->n_listeners; i++) {
        if (root->listeners[i]->bind_to_port && has_key(root->listeners[i], key)) {
            return root->listeners[i];
        }
    }

    return NULL;
}


static void
close_connections(nc_acceptor_t *a)
{
    nc_list_each_safe(&a->conns, it) {
        nc_conn_close(nc_container_of(it, nc_conn_t, link), NC_CLOSE_DRAIN);
    }
}


/*
 * --drain-strategy gradual: as much of the connections has been asked to end as of the time has
 * passed, so that they do not all come back at once. Who was asked goes to the end of the list.
 */
static void
ask_share(retired_t *r)
{
    uint64_t  all = NC_MAX(r->deadline_ms - r->since_ms, 1u);
    uint64_t  want = (uint64_t) r->n_at_first * NC_MIN(nc_now_ms - r->since_ms, all) / all;

    while (r->n_asked < want && !nc_list_empty(&r->acceptor->conns)) {
        nc_list_t  *first = nc_list_first(&r->acceptor->conns);
        nc_conn_t  *c = nc_container_of(first, nc_conn_t, link);

        nc_list_del(first);
        nc_list_append(&r->acceptor->conns, first);
        r->n_asked++;

        if (c->ops->on_drain) {
            c->ops->on_drain(c);
        }
    }
}


static void
on_retired_timer(nc_timer_t *t)
{
    nc_list_each_safe(&retired, it) {
        retired_t  *r = nc_container_of(it, retired_t, link);

        if (!r->acceptor->draining) {
            ask_share(r);
        }

        if (r->acceptor->n_conns && nc_now_ms >= r->deadline_ms) {
            close_connections(r->acceptor);
        }

        if (r->acceptor->n_conns == 0) {
            nc_list_del(&r->link);
            nc_acceptor_close(r->acceptor);
            free(r);
        }
    }

    if (!nc_list_empty(&retired)) {
        nc_timer_start(t, RETIRED_CHECK_MS);
    }
}


/* Takes what is in the queue, and lets the connections end. */
static void
retire(nc_acceptor_t *a)
{
    retired_t  *r = nc_malloc(sizeof(*r));

    nc_acceptor_stop(a, true);

    if (options->drain_immediate || drain_deadline_ms) {
        nc_acceptor_drain(a);
    }

    r->acceptor = a;
    r->n_at_first = a->n_conns;
    r->n_asked = 0;
    r->since_ms = nc_now_ms;
    r->deadline_ms = drain_deadline_ms ? drain_deadline_ms
                     : nc_now_ms + (uint64_t) options->drain_time_s * 1000;
    nc_list_append(&retired, &r->link);

    if (!nc_timer_running(&retired_timer)) {
        nc_timer_start(&retired_timer, RETIRED_CHECK_MS);
    }
}


static const nc_listener_conf_t *
hidden_listener(nc_str_t name)
{
    for (uint32_t i = 0; i < root->n_listeners; i++) {
        if (!root->listeners[i]->bind_to_port && nc_str_eq(root->listeners[i]->ctx.name, name)) {
            return root->listeners[i];
        }
    }

    return NULL;
}


static bool
is_hidden_open(nc_str_t name)
{
    nc_list_each(&hidden, it) {
        if (nc_str_eq(nc_container_of(it, hidden_t, link)->acceptor->conf->ctx.name, name)) {
            return true;
        }
    }

    return false;
}


/* Opens, updates or retires the listeners without sockets, as the root says. */
static void
settle_hidden(void)
{
    nc_list_each_safe(&hidden, it) {
        hidden_t                  *h = nc_container_of(it, hidden_t, link);
        const nc_listener_conf_t  *conf = hidden_listener(h->acceptor->conf->ctx.name);

        if (conf) {
            nc_acceptor_update(h->acceptor, conf);

        } else {
            retire(h->acceptor);
            nc_list_del(&h->link);
            free(h);
        }
    }

    for (uint32_t i = 0; i < root->n_listeners; i++) {
        const nc_listener_conf_t  *l = root->listeners[i];

        if (!l->bind_to_port && !is_hidden_open(l->ctx.name)) {
            hidden_t  *h = nc_malloc(sizeof(*h));

            h->acceptor = nc_acceptor_open(l, -1);
            nc_list_append(&hidden, &h->link);
        }
    }
}


static void
retire_hidden(void)
{
    nc_list_each_safe(&hidden, it) {
        hidden_t  *h = nc_container_of(it, hidden_t, link);

        retire(h->acceptor);
        nc_list_del(&h->link);
        free(h);
    }
}


/* Opens, updates or retires what stands behind one socket, as the root says. */
static void
settle(socket_t *s)
{
    const nc_listener_conf_t  *conf = listener_of(s->key);

    if (conf && s->acceptor) {
        nc_acceptor_update(s->acceptor, conf);

    } else if (conf) {
        s->acceptor = nc_acceptor_open(conf, s->fd);

        if (s->acceptor) {
            nc_counter_inc(root->listener_manager.listener_create_success);
        } else {
            nc_counter_inc(root->listener_manager.listener_create_failure);
            nc_log(ERROR, LISTENER, "listener %s: cannot watch its socket: %s",
                conf->ctx.name.data, strerror(errno));
        }

    } else if (s->acceptor) {
        retire(s->acceptor);
        s->acceptor = NULL;
    }
}


static void
drop_socket(socket_t *s)
{
    if (s->acceptor) {
        retire(s->acceptor);
    }

    nc_list_del(&s->link);
    nc_fd_close(&s->fd);
    free(s);
}


static void
on_report_timer(nc_timer_t *t)
{
    nc_vitals_report_memory(&root->server, 0);
    nc_timer_start(t, REPORT_MS);
}


nc_rc_t
nc_data_init(const nc_options_t *o, nc_errors_t *errors)
{
    (void) errors;
    options = o;
    nc_conn_init();
    nc_upstream_init();
    nc_timer_init(&retired_timer, on_retired_timer);

    return NC_OK;
}


void
nc_data_root_changed(const nc_root_t *now)
{
    root = now;
    nc_clusters = &now->clusters;
    nc_http_service_cluster = now->node_cluster;
    nc_http_service_node = now->node_id;
    nc_http_draining = now->draining != 0;

    nc_vitals_count_files(&now->filesystem);

    if (!nc_timer_running(&report_timer)) {
        nc_timer_init(&report_timer, on_report_timer);
        nc_timer_start(&report_timer, 1);
    }

    nc_list_each(&sockets, it) {
        settle(nc_container_of(it, socket_t, link));
    }

    if (!drain_deadline_ms) {
        settle_hidden();
    }

    nc_upstream_root_changed();
    nc_tls_root_changed();
}


void
nc_data_listener_fd(uint32_t key, int fd)
{
    socket_t  *s;

    nc_list_each_safe(&sockets, it) {
        s = nc_container_of(it, socket_t, link);

        if (s->key == key) {
            drop_socket(s);
        }
    }

    if (fd == -1) {
        return;
    }

    if (drain_deadline_ms) {
        close(fd);

        return;
    }

    s = nc_malloc(sizeof(*s));
    s->key = key;
    s->fd = fd;
    s->acceptor = NULL;
    nc_list_append(&sockets, &s->link);
    settle(s);
}


static void
on_flush_timer(nc_timer_t *t)
{
    nc_log_shared_flush(true);
    nc_timer_start(t, NC_MAX(options->file_flush_interval_ms, 1u));
}


void
nc_data_log_fd(uint32_t key, int fd)
{
    nc_log_shared_set(key, fd);

    if (!flushing && options) {
        flushing = true;
        nc_timer_init(&flush_timer, on_flush_timer);
        nc_timer_start(&flush_timer, NC_MAX(options->file_flush_interval_ms, 1u));
    }
}


void
nc_data_stop_accepting(void)
{
    nc_list_each_safe(&sockets, it) {
        drop_socket(nc_container_of(it, socket_t, link));
    }

    retire_hidden();
}


void
nc_data_drain(uint64_t deadline_ms)
{
    drain_deadline_ms = deadline_ms;
    nc_data_stop_accepting();

    nc_list_each(&retired, it) {
        retired_t  *r = nc_container_of(it, retired_t, link);

        r->deadline_ms = NC_MIN(r->deadline_ms, deadline_ms);

        if (!r->acceptor->draining) {
            nc_acceptor_drain(r->acceptor);
        }
    }

    nc_upstream_close_idle();
}


bool
nc_data_idle(void)
{
    nc_list_each(&retired, it) {
        if (nc_container_of(it, retired_t, link)->acceptor->n_conns) {
            return false;
        }
    }

    return nc_list_empty(&sockets);
}


void
nc_data_fini(void)
{
    nc_log_shared_flush(false);
}
