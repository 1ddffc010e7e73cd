/*
 * chain_run.c: walks a connection through its network filters. While filters watch the data, the
 * connection's operations are ours (watch_ops) and the terminal filter's stand in run->inner.
 */
#include "net/acceptor.h"

typedef struct {
    nc_conn_t                 *c;
    nc_acceptor_t             *a;
    const nc_listener_conf_t  *listener;        /* pinned */
    const nc_filter_ref_t     *terminal;
    const nc_conn_ops_t       *inner;           /* the terminal filter's; NULL: not begun */
    uint32_t                   at;              /* filter whose on_connection is next */
    uint32_t                   n;
    nc_net_filter_t            filters[];
} run_t;

static const nc_conn_ops_t  watch_ops;


static run_t *
run_of(const nc_conn_t *c)
{
    return c->facts ? c->facts->run : NULL;
}


bool
nc_chain_is_watched(const nc_conn_t *c)
{
    return c->ops == &watch_ops;
}


void
nc_chain_set_ops(nc_conn_t *c, const nc_conn_ops_t *ops)
{
    if (c->ops == &watch_ops) {
        run_of(c)->inner = ops;

    } else {
        c->ops = ops;
    }
}


static void
unpin(void *data)
{
    run_t  *run = data;

    nc_slot_unref(run->listener->slot);
}


static bool
is_watched(const run_t *run)
{
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->filters[i].ops->on_data && !run->filters[i].done) {
            return true;
        }
    }

    return false;
}


/* The terminal filter may have put other operations in place; ours go back above them. */
static void
wrap(run_t *run)
{
    nc_conn_t  *c = run->c;

    if (c->ops != &watch_ops) {
        run->inner = c->ops;
    }

    c->ops = is_watched(run) ? &watch_ops : run->inner;
}


static void
begin_terminal(run_t *run)
{
    nc_conn_t              *c = run->c;
    const nc_filter_ref_t  *f = run->terminal;

    f->module->network_filter->on_new(c, f->conf, run->a, run->listener);
    run->inner = c->ops;

    if (c->state == NC_CONN_OPEN) {
        wrap(run);
        nc_conn_ungate(c, NC_GATE_FILTER);
    }
}


static void
walk(run_t *run)
{
    while (run->at < run->n) {
        nc_net_filter_t  *f = &run->filters[run->at];

        run->at++;

        if (f->ops->on_connection) {
            switch (f->ops->on_connection(f)) {
            case NC_NEXT:
                break;

            case NC_TAKEN:
                return;

            default:
                nc_conn_gate(run->c, NC_GATE_FILTER);
                return;
            }
        }
    }

    begin_terminal(run);
}


void
nc_net_filter_resume(nc_net_filter_t *f)
{
    nc_conn_t  *c = f->c;
    run_t      *run = run_of(c);

    if (c->state != NC_CONN_OPEN) {
        return;
    }

    if (run->inner == NULL) {
        walk(run);

    } else {
        nc_conn_ungate(c, NC_GATE_FILTER);
    }
}


void
nc_chain_run(nc_acceptor_t *a, nc_conn_t *c, const nc_listener_conf_t *listener,
    const nc_filter_chain_t *chain)
{
    uint32_t          n = chain->n_filters - 1;
    nc_filter_ref_t  *last = &chain->filters[n];
    nc_conn_facts_t  *facts;
    run_t            *run;

    if (n == 0) {
        last->module->network_filter->on_new(c, last->conf, a, listener);
        return;
    }

    facts = nc_conn_facts(c);
    run = nc_pool_calloc(&facts->pool, sizeof(*run) + n * sizeof(run->filters[0]));
    facts->run = run;
    run->c = c;
    run->a = a;
    run->listener = listener;
    run->terminal = last;
    run->n = n;
    nc_slot_ref(listener->slot);
    nc_pool_cleanup(&facts->pool, unpin, run);

    for (uint32_t i = 0; i < n; i++) {
        run->filters[i] = (nc_net_filter_t) {
            .c = c,
            .ops = chain->filters[i].module->network_filter,
            .conf = chain->filters[i].conf,
            .listener = listener
        };
    }

    c->ops = &watch_ops;
    walk(run);
}


/* ---- the connection's operations while filters watch ---- */

/* False: some filter holds the bytes, or the connection is gone. */
static bool
show_data(run_t *run)
{
    nc_conn_t  *c = run->c;

    for (uint32_t i = 0; i < run->n; i++) {
        nc_net_filter_t  *f = &run->filters[i];

        if (f->ops->on_data == NULL || f->done) {
            continue;
        }

        switch (f->ops->on_data(f)) {
        case NC_NEXT:
            break;

        case NC_TAKEN:
            return false;

        default:
            nc_conn_gate(c, NC_GATE_FILTER);
            return false;
        }
    }

    return c->state == NC_CONN_OPEN;
}


static void
on_read(nc_conn_t *c)
{
    run_t  *run = run_of(c);

    if (run->inner == NULL || !show_data(run)) {
        return;
    }

    run->inner->on_read(c);

    if (c->state != NC_CONN_CLOSED) {
        wrap(run);
    }
}


/* The transport of an accepted connection is ready. */
static void
on_connected(nc_conn_t *c)
{
    run_t  *run = run_of(c);

    if (run->inner && run->inner->on_connected) {
        run->inner->on_connected(c);
    }
}


static void
on_drained(nc_conn_t *c)
{
    run_t  *run = run_of(c);

    if (run->inner && run->inner->on_drained) {
        run->inner->on_drained(c);
    }
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    run_t  *run = run_of(c);

    if (run->inner) {
        run->inner->on_close(c, why);

    } else {
        nc_acceptor_conn_closed(run->a, c, run->listener);
    }
}


static void
on_drain(nc_conn_t *c)
{
    run_t  *run = run_of(c);

    if (run->inner == NULL) {
        nc_conn_close(c, NC_CLOSE_DRAIN);

    } else if (run->inner->on_drain) {
        run->inner->on_drain(c);
    }
}


static const nc_conn_ops_t  watch_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_connected = on_connected,
    .on_close = on_close,
    .on_drain = on_drain
};
