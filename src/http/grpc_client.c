/* grpc_client.c: see grpc_client.h. */
#include "http/grpc_client.h"

#include "codec/grpc.h"
#include "http/grpc.h"
#include "http/stream.h"
#include "upstream/pool.h"

#define MAX_MESSAGE     (4u * 1024 * 1024)
#define BACKLOG         (64u * 1024)            /* sent before there is a connection */

struct nc_grpc_call_s {
    nc_pool_t                  pool;            /* the call lies in it */
    const nc_grpc_ops_t       *ops;
    void                      *owner;
    const nc_cluster_entry_t  *entry;           /* pinned by slot */
    uint32_t                   slot;
    uint32_t                   max_message;
    nc_up_t                    up;
    nc_timer_t                 timer;
    nc_headers_t               request;
    nc_buf_t                   pending;         /* messages that wait for a connection */
    nc_buf_t                   in;              /* received, not yet whole */
    bool                       ended;           /* by the sender */
    bool                       over;            /* on_done was, or will never be called */
    bool                       freed;
    bool                       good;            /* the response is one of gRPC */
    unsigned                   http_status;
};


void *
nc_grpc_owner(const nc_grpc_call_t *c)
{
    return c->owner;
}


/* ---- the end ---- */

static void
stop(nc_grpc_call_t *c)
{
    c->over = true;
    nc_timer_stop(&c->timer);
    nc_up_cancel(&c->up);
    nc_buf_drain(&c->pending, c->pending.len);
    nc_buf_drain(&c->in, c->in.len);
}


static void
done(nc_grpc_call_t *c, unsigned status, nc_str_t message, const nc_headers_t *trailers)
{
    if (!c->over) {
        stop(c);
        c->ops->on_done(c, status, message, trailers);
    }
}


static void
release(void *p)
{
    nc_grpc_call_t  *c = p;
    nc_pool_t        pool = c->pool;

    nc_timer_fini(&c->timer);
    nc_up_release(&c->up);
    nc_buf_fini(&c->pending);
    nc_buf_fini(&c->in);
    nc_slot_unref(c->slot);
    nc_pool_fini(&pool);
}


void
nc_grpc_cancel(nc_grpc_call_t *c)
{
    if (!c->over) {
        stop(c);
    }
}


void
nc_grpc_free(nc_grpc_call_t *c)
{
    if (c && !c->freed) {
        c->freed = true;
        nc_grpc_cancel(c);
        nc_defer(release, c);
    }
}


static void
on_timeout(nc_timer_t *t)
{
    nc_grpc_call_t  *c = nc_container_of(t, nc_grpc_call_t, timer);

    done(c, NC_GRPC_DEADLINE_EXCEEDED, NC_STR("deadline exceeded"), NULL);
}


/* ---- sending ---- */

static void
flush_pending(nc_grpc_call_t *c)
{
    if (c->up.state == NC_UP_OPEN && (c->pending.len > 0 || (c->ended && !c->up.request_sent))) {
        nc_up_data(&c->up, &c->pending, c->ended);
    }
}


static void
send_head(nc_grpc_call_t *c)
{
    nc_up_headers(&c->up, &c->request, false, false);
    flush_pending(c);
}


void
nc_grpc_send(nc_grpc_call_t *c, const void *data, size_t len, bool end)
{
    NC_CHECK(len <= UINT32_MAX);

    if (c->over || c->ended) {
        return;
    }

    nc_grpc_frame_header(&c->pending, 0, (uint32_t) len);
    nc_buf_add(&c->pending, data, len);
    c->ended = end;
    flush_pending(c);
}


void
nc_grpc_end(nc_grpc_call_t *c)
{
    if (!c->over && !c->ended) {
        c->ended = true;
        flush_pending(c);
    }
}


bool
nc_grpc_backed_up(const nc_grpc_call_t *c)
{
    return c->pending.len > BACKLOG || (c->up.state == NC_UP_OPEN && nc_up_backed_up(&c->up));
}


/* ---- what comes back ---- */

/* grpc-message: escapes of two digits are bytes (gRPC over HTTP/2, "Responses"). */
static nc_str_t
decode_message(nc_grpc_call_t *c, nc_str_t text)
{
    char    *out = nc_pool_alloc(&c->pool, text.len + 1);
    size_t   n = 0;

    for (size_t i = 0; i < text.len; i++) {
        int  hi, lo;

        if (text.data[i] == '%' && i + 2 < text.len
            && (hi = nc_hex_value(text.data[i + 1])) >= 0
            && (lo = nc_hex_value(text.data[i + 2])) >= 0)
        {
            out[n++] = (char) (hi << 4 | lo);
            i += 2;

        } else {
            out[n++] = text.data[i];
        }
    }

    return nc_str(out, n);
}


/* grpc-status of trailers (or of a head that is all there is). */
static void
finish(nc_grpc_call_t *c, const nc_headers_t *t)
{
    nc_str_t  value = t ? nc_headers_value(t, NC_H_GRPC_STATUS) : NC_STR_NULL;
    uint64_t  status = NC_GRPC_UNKNOWN;

    if (value.data == NULL) {
        done(c, c->good ? NC_GRPC_UNKNOWN : nc_grpc_of_http(c->http_status),
             NC_STR("no grpc-status in the response"), t);
        return;
    }

    if (nc_str_to_u64(value, UINT32_MAX, &status)) {
        status = NC_GRPC_UNKNOWN;
    }

    done(c, (unsigned) status, decode_message(c, nc_headers_value(t, NC_H_GRPC_MESSAGE)), t);
}


static void
on_ready(nc_up_t *u)
{
    send_head(u->owner);
}


static void
on_fail(nc_up_t *u, nc_up_failure_t why, const char *reason)
{
    (void) why;
    done(u->owner, NC_GRPC_UNAVAILABLE, reason ? nc_str_c(reason) : NC_STR("no connection"), NULL);
}


static void
on_reset(nc_up_t *u, nc_up_reset_t why, const char *reason)
{
    done(u->owner, why == NC_UP_PROTOCOL_ERROR ? NC_GRPC_INTERNAL : NC_GRPC_UNAVAILABLE,
         reason ? nc_str_c(reason) : NC_STR("the call broke off"), NULL);
}


static void
on_informational(nc_up_t *u, nc_headers_t *h)
{
    (void) u;
    (void) h;
}


static void
on_headers(nc_up_t *u, nc_headers_t *h, bool end)
{
    nc_grpc_call_t  *c = u->owner;
    uint64_t         status = 0;

    (void) nc_str_to_u64(nc_headers_value(h, NC_H_STATUS), 999, &status);
    c->http_status = (unsigned) status;
    c->good = status == 200 && nc_grpc_is_request(h);

    if (end || !c->good) {
        finish(c, h);
        return;
    }

    if (c->ops->on_headers) {
        c->ops->on_headers(c, h);
    }
}


static void
take_messages(nc_grpc_call_t *c)
{
    nc_buf_t  message;
    uint8_t   flags;

    nc_buf_init(&message);

    while (!c->over) {
        nc_rc_t  rc = nc_grpc_next(&c->in, &message, &flags, c->max_message);

        if (rc == NC_AGAIN) {
            break;
        }

        if (rc == NC_ERROR) {
            done(c, NC_GRPC_RESOURCE_EXHAUSTED, NC_STR("a message is too large"), NULL);

        } else if (flags & NC_GRPC_COMPRESSED) {
            done(c, NC_GRPC_UNIMPLEMENTED, NC_STR("compressed messages are not taken"), NULL);

        } else {
            c->ops->on_message(c, &message);
            nc_buf_drain(&message, message.len);
        }
    }

    nc_buf_fini(&message);
}


static void
on_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    nc_grpc_call_t  *c = u->owner;

    if (c->over) {
        nc_buf_drain(data, data->len);
        return;
    }

    nc_buf_move_all(&c->in, data);
    take_messages(c);

    if (end) {
        finish(c, NULL);
    }
}


static void
on_trailers(nc_up_t *u, nc_headers_t *t)
{
    finish(u->owner, t);
}


static void
on_backlog(nc_up_t *u, bool slow)
{
    nc_grpc_call_t  *c = u->owner;

    if (!c->over && c->ops->on_backlog) {
        c->ops->on_backlog(c, slow);
    }
}


static const nc_up_ops_t  up_ops = {
    .on_ready = on_ready,
    .on_fail = on_fail,
    .on_informational = on_informational,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_reset = on_reset,
    .on_backlog = on_backlog
};


/* ---- the beginning ---- */

static void
make_head(nc_grpc_call_t *c, const nc_grpc_params_t *p)
{
    nc_headers_t  *h = &c->request;
    char          *text;
    size_t         n;

    nc_headers_init(h, &c->pool);
    nc_headers_add_id(h, NC_H_METHOD, NC_STR("POST"));
    nc_headers_add_id(h, NC_H_SCHEME, NC_STR("http"));
    nc_headers_add_id(h, NC_H_PATH, nc_pool_str(&c->pool, p->path));
    nc_headers_add_id(h, NC_H_AUTHORITY,
                      nc_pool_str(&c->pool, p->authority.data ? p->authority : p->cluster));
    nc_headers_add_id(h, NC_H_TE, NC_STR("trailers"));

    if (p->timeout_ms) {
        text = nc_pool_alloc(&c->pool, 24);
        n = nc_u64_format(text, NC_MIN(p->timeout_ms, (uint64_t) 99999999));
        text[n++] = 'm';
        nc_headers_add_id(h, NC_H_GRPC_TIMEOUT, nc_str(text, n));
    }

    nc_headers_add_id(h, NC_H_CONTENT_TYPE, NC_STR("application/grpc"));

    if (p->metadata) {
        nc_headers_each(p->metadata, it) {
            nc_headers_add(h, nc_pool_str(&c->pool, it->name), nc_pool_str(&c->pool, it->value));
        }
    }
}


static nc_grpc_call_t *
create(const nc_grpc_params_t *p, const nc_cluster_entry_t *entry)
{
    nc_pool_t        pool;
    nc_grpc_call_t  *c;

    nc_pool_init(&pool, &nc_pool_heap);
    c = nc_pool_new(&pool, nc_grpc_call_t);
    c->pool = pool;
    c->ops = p->ops;
    c->owner = p->owner;
    c->entry = entry;
    c->slot = entry->cluster->slot;
    nc_slot_ref(c->slot);
    c->max_message = p->max_message ? p->max_message : MAX_MESSAGE;
    nc_buf_init(&c->pending);
    nc_buf_init(&c->in);
    nc_timer_init(&c->timer, on_timeout);
    make_head(c, p);
    c->up.ops = &up_ops;
    c->up.owner = c;
    c->up.pool = &c->pool;
    c->up.answers = NC_H1_FOR_OTHER;
    c->up.downstream_h2 = true;

    return c;
}


nc_grpc_call_t *
nc_grpc_start(const nc_grpc_params_t *p, const char **why)
{
    const nc_cluster_entry_t  *entry = nc_cluster_find(p->cluster);
    const nc_host_set_t       *hosts;
    const nc_host_t           *host;
    nc_grpc_call_t            *c;

    if (entry == NULL) {
        *why = "there is no such cluster";
        return NULL;
    }

    hosts = nc_cluster_hosts(entry);
    host = nc_lb_pick(entry, hosts, nc_random(), NULL);

    if (host == NULL) {
        *why = "the cluster has no host";
        return NULL;
    }

    c = create(p, entry);

    switch (nc_up_start(&c->up, entry, hosts, host, NC_PRIORITY_DEFAULT)) {
    case NC_OK:
        send_head(c);
        break;

    case NC_AGAIN:
        break;

    default:
        *why = "the cluster takes no more requests";
        nc_grpc_free(c);
        return NULL;
    }

    if (p->timeout_ms) {
        nc_timer_start(&c->timer, p->timeout_ms);
    }

    return c;
}
