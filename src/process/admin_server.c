/*
 * admin_server.c: the HTTP/1 server of the admin interface.
 *
 *     IDLE ──bytes──► HEAD ──parsed──► BODY ──read, dropped──► ANSWER ──out──► IDLE
 *                      │                 │                        │
 *                      └──malformed──────┴──too large─────────────┴──► answer, then close
 *
 * Invariants:
 *  1. An answer is made one piece per turn, and only while the client takes what is there.
 *  2. At most MAX_CLIENTS at a time: a new one takes the place of one that is idle, or is refused.
 */
#include "process/admin_priv.h"
#include "codec/h1.h"
#include "event/loop.h"
#include "http/access_log.h"
#include "log/log.h"
#include "net/conn.h"
#include "os/sock.h"
#include "stats/names.h"

#include <errno.h>
#include <unistd.h>

#define MAX_CLIENTS     128u
#define MAX_ACCEPTS     16u
#define MAX_BODY        (64u << 10)
#define IDLE_MS         60000u                  /* between requests */
#define REQUEST_MS      15000u                  /* first byte to last of a request */
#define STALL_MS        60000u                  /* a client that takes nothing of its answer */
#define LINGER_MS       1000u
#define HIGH_MARK       (4 * NC_ADMIN_PIECE)
#define CLIENT_MAGIC    0x6e636164u

typedef enum {
    IDLE,
    HEAD,
    BODY,
    ANSWER
} phase_t;

typedef struct {
    uint32_t          magic;
    uint8_t           phase;
    bool              close;                    /* after this answer */
    bool              is_head;
    bool              chunked;
    nc_conn_t        *conn;
    nc_list_t         link;
    nc_pool_t         pool;                     /* of the request under way */
    nc_block_t       *block;                    /* the request's bytes; NULL: none */
    nc_headers_t      request;
    nc_headers_t      response;
    nc_h1_parser_t    parser;
    nc_h1_body_t      body;
    nc_h1_head_t      head;
    nc_admin_reply_t  reply;
    nc_post_t         pump;
    uint64_t          tx_seen;                  /* conn->tx when STALL_MS began */
    nc_conn_info_t    conn_info;
    nc_http_info_t    info;
    char              status[4];
} client_t;

static const nc_admin_conf_t   *conf;
static nc_event_t               listener = { .fd = -1 };
static nc_list_t                clients = { &clients, &clients };
static unsigned                 n_clients;
static nc_stats_owner_t        *owner;
static nc_listener_stats_t      lstats;
static nc_hcm_stats_t           hstats;

static const nc_h1_options_t  h1 = {
    .accept_http_10 = true, .default_host = NC_STR_INIT("admin")
};

static void serve(client_t *cl);


/* ---- one request ---- */

static void
begin_request(client_t *cl)
{
    nc_conn_t  *c = cl->conn;

    cl->phase = HEAD;
    cl->is_head = false;
    cl->chunked = false;
    cl->head = (nc_h1_head_t) { .version = 11, .keep_alive = true };
    nc_h1_parser_init(&cl->parser);
    nc_headers_init(&cl->request, &cl->pool);
    nc_headers_init(&cl->response, &cl->pool);
    memset(&cl->reply, 0, sizeof(cl->reply));
    cl->reply.status = 200;
    cl->reply.type = NC_ADMIN_TEXT;
    nc_sb_init(&cl->reply.body);
    cl->info = (nc_http_info_t) {
        .start_wall_us = nc_wall_us(), .start_us = nc_now_us, .protocol = NC_PROTOCOL_HTTP11,
        .remote = c->remote, .conn = &cl->conn_info,
    };
    nc_counter_inc(hstats.downstream_rq_total);
    nc_counter_inc(hstats.downstream_rq_http1_total);
    nc_gauge_inc(hstats.downstream_rq_active);
    nc_timer_start(&c->timer, REQUEST_MS);
}


static void
log_request(client_t *cl)
{
    nc_http_view_t  view = {
        .info = &cl->info, .request = &cl->request, .response = &cl->response
    };

    nc_pool_t       pool;

    nc_pool_init(&pool, &nc_pool_heap);
    cl->info.end_us = nc_now_us;
    cl->info.log_type = NC_LOG_DOWNSTREAM_END;

    for (uint32_t i = 0; i < conf->n_access_logs; i++) {
        const nc_access_log_ref_t  *log = &conf->access_logs[i];

        if (nc_log_filter_holds(log->filter, &view, nc_now_us, &pool)) {
            log->module->access_log->log(log->conf, &view);
        }
    }

    nc_pool_fini(&pool);

    if (conf->lines) {
        nc_access_log_lines_log(conf->lines, &view);
    }
}


/* Counts and logs the request, gives its memory back. */
static void
end_request(client_t *cl)
{
    static const size_t  classes[] = {
        offsetof(nc_hcm_stats_t, downstream_rq_1xx), offsetof(nc_hcm_stats_t, downstream_rq_2xx),
        offsetof(nc_hcm_stats_t, downstream_rq_3xx), offsetof(nc_hcm_stats_t, downstream_rq_4xx),
        offsetof(nc_hcm_stats_t, downstream_rq_5xx)
    };
    unsigned  class = cl->info.status / 100u;

    nc_post_cancel(&cl->pump);

    if (cl->reply.end) {
        cl->reply.end(cl->reply.ctx);
        cl->reply.end = NULL;
    }

    nc_gauge_dec(hstats.downstream_rq_active);

    if (class >= 1 && class <= 5) {
        nc_counter_inc(hstats.downstream_rq_completed);
        nc_counter_inc(*(const nc_counter_t *) (const void *)
            ((const char *) &hstats + classes[class - 1]));
        nc_histogram_record(hstats.downstream_rq_time, (nc_now_us - cl->info.start_us) / 1000);
    }

    log_request(cl);
    nc_sb_fini(&cl->reply.body);
    nc_pool_fini(&cl->pool);

    if (cl->block) {
        nc_block_unref(cl->block);
        cl->block = NULL;
    }

    cl->phase = IDLE;
}


static void
answer_is_out(client_t *cl)
{
    nc_conn_t  *c = cl->conn;
    bool        unread = cl->close && (c->in.len > 0 || c->readable);

    end_request(cl);

    if (cl->close) {
        nc_conn_finish(c, NC_CLOSE_LOCAL, unread, LINGER_MS);
    } else {
        nc_timer_start(&c->timer, IDLE_MS);
        nc_conn_ungate(c, NC_GATE_PIPELINE);
        nc_conn_kick(c);
    }
}


static void
write_head(client_t *cl)
{
    nc_admin_reply_t  *r = &cl->reply;
    nc_headers_t      *h = &cl->response;
    nc_h1_encode_t     how = { .body = NC_H1_BODY_LENGTH, .length = r->body.len };

    snprintf(cl->status, sizeof(cl->status), "%u", r->status % 1000);
    nc_headers_add_id(h, NC_H_STATUS, nc_str(cl->status, 3));
    nc_headers_add_id(h, NC_H_CONTENT_TYPE, nc_str_c(r->type));
    nc_headers_add_id(h, NC_H_CACHE_CONTROL, NC_STR("no-cache, max-age=0"));
    nc_headers_add(h, NC_STR("x-content-type-options"), NC_STR("nosniff"));
    nc_headers_add_id(h, NC_H_SERVER, NC_STR("envoy"));

    if (r->allow) {
        nc_headers_add(h, NC_STR("allow"), nc_str_c(r->allow));
    }

    if (r->more) {
        cl->chunked = cl->head.version == 11;
        cl->close = cl->close || !cl->chunked;
        how.body = cl->chunked ? NC_H1_BODY_CHUNKED : NC_H1_BODY_CLOSE;
    }

    if (cl->close) {
        how.connection = NC_H1_CONN_CLOSE;
    } else if (cl->head.version == 10) {
        how.connection = NC_H1_CONN_KEEP_ALIVE;
    }

    NC_CHECK(nc_h1_encode_response(&cl->conn->out, h, &how) == NC_OK);
    nc_conn_touch(cl->conn);
    cl->info.status = (uint16_t) r->status;
    cl->info.response_header_bytes = h->bytes;
    cl->info.downstream_tx_first_us = nc_now_us;
}


static void
write_body(client_t *cl)
{
    nc_sb_t   *body = &cl->reply.body;
    nc_buf_t   data;

    if (!cl->is_head && body->len) {
        cl->info.bytes_sent += body->len;
        nc_buf_init(&data);
        nc_buf_add(&data, body->data, body->len);

        if (cl->chunked) {
            nc_h1_encode_chunk(&cl->conn->out, &data);
        } else {
            nc_buf_move_all(&cl->conn->out, &data);
        }

        nc_buf_fini(&data);
        nc_conn_touch(cl->conn);
    }

    nc_sb_reset(body);
}


/* A piece of a long answer. */
static void
on_pump(nc_post_t *p)
{
    client_t   *cl = nc_container_of(p, client_t, pump);
    nc_conn_t  *c = cl->conn;
    bool        goes_on;

    NC_OBJ_CHECK(cl, CLIENT_MAGIC);

    if (c->out.len > HIGH_MARK / 2) {
        c->over_high = true;                    /* on_drained calls again */
        return;
    }

    goes_on = !cl->is_head && cl->reply.more(cl->reply.ctx, &cl->reply.body, NC_ADMIN_PIECE);
    write_body(cl);

    if (goes_on) {
        nc_post(&cl->pump);
        return;
    }

    if (cl->chunked && !cl->is_head) {
        nc_h1_encode_last(&c->out, NULL);
        nc_conn_touch(c);
    }

    cl->info.downstream_tx_last_us = nc_now_us;
    answer_is_out(cl);
}


static void
answer(client_t *cl)
{
    cl->phase = ANSWER;
    cl->tx_seen = cl->conn->tx;
    nc_timer_start(&cl->conn->timer, STALL_MS);
    write_head(cl);
    write_body(cl);

    if (cl->reply.more) {
        nc_post(&cl->pump);
        return;
    }

    cl->info.downstream_tx_last_us = nc_now_us;
    answer_is_out(cl);
}


/* Answers what cannot be a request. */
static void
refuse(client_t *cl, unsigned status, const char *details, const char *text)
{
    cl->close = true;
    cl->reply.status = status;
    cl->info.details = details;
    cl->info.flags |= NC_RF_DOWNSTREAM_PROTOCOL_ERROR;
    nc_counter_inc(hstats.downstream_cx_protocol_error);
    nc_sb_printf(&cl->reply.body, "%s\n", text);
    answer(cl);
}


static void
dispatch(client_t *cl)
{
    nc_str_t  path = nc_headers_value(&cl->request, NC_H_PATH);
    nc_str_t  method = cl->head.method;

    cl->is_head = cl->head.is_head;
    cl->close = cl->close || !cl->head.keep_alive;
    cl->info.request_end_us = nc_now_us;
    cl->info.details = "via_upstream";
    nc_admin_answer(method, path, &cl->pool, &cl->reply);
    answer(cl);
}


/* False: more bytes are needed, or the request was refused. */
static bool
parse_head(client_t *cl)
{
    nc_conn_t  *c = cl->conn;
    char       *data = nc_buf_pullup(&c->in, c->in.len);
    size_t      consumed;
    nc_rc_t     rc;

    rc = nc_h1_parse_request(&cl->parser, &h1, data, c->in.len, &cl->request, &cl->head,
        &consumed);

    if (rc == NC_AGAIN) {
        return false;
    }

    if (nc_buf_first(&c->in)->block) {
        cl->block = nc_block_ref(nc_buf_first(&c->in)->block);
    }

    if (rc != NC_OK) {
        cl->head.version = 11;
        refuse(cl, nc_h1_error_status(cl->head.error), nc_h1_error_details(cl->head.error),
            nc_h1_error_str(cl->head.error));

        return false;
    }

    nc_buf_drain(&c->in, consumed);
    cl->info.protocol = cl->head.version == 10 ? NC_PROTOCOL_HTTP10 : NC_PROTOCOL_HTTP11;
    cl->info.request_header_bytes = cl->request.bytes;

    if (cl->head.upgrade) {
        cl->close = true;                       /* what follows may be of another protocol */
    }

    if (cl->head.body == NC_H1_BODY_NONE || cl->head.is_connect) {
        dispatch(cl);

        return true;
    }

    cl->phase = BODY;
    nc_h1_body_init(&cl->body, &cl->head, &h1);

    if (cl->head.expect_continue) {
        nc_buf_add_static(&c->out, NC_STR("HTTP/1.1 100 Continue\r\n\r\n"));
        nc_conn_touch(c);
    }

    return true;
}


/* Reads the body and drops it: no path wants one. */
static bool
read_body(client_t *cl)
{
    nc_buf_t  data;
    nc_rc_t   rc;

    nc_buf_init(&data);
    rc = nc_h1_body_decode(&cl->body, &cl->conn->in, &data, SIZE_MAX, NULL);
    nc_buf_fini(&data);
    cl->info.bytes_received = cl->body.bytes;

    if (rc == NC_ERROR) {
        refuse(cl, 400, nc_h1_error_details(cl->body.error), nc_h1_error_str(cl->body.error));

    } else if (cl->body.bytes > MAX_BODY) {
        refuse(cl, 413, "request_payload_too_large", "the body is too large");

    } else if (rc == NC_OK) {
        dispatch(cl);
    }

    return rc == NC_OK;
}


static void
serve(client_t *cl)
{
    nc_conn_t  *c = cl->conn;

    while (c->state == NC_CONN_OPEN && c->in.len > 0) {
        switch ((phase_t) cl->phase) {

        case IDLE:
            if (c->out.len > HIGH_MARK) {       /* answers that the client does not take */
                c->over_high = true;
                nc_conn_gate(c, NC_GATE_PIPELINE);
                return;
            }

            begin_request(cl);
            break;

        case HEAD:
            if (!parse_head(cl)) {
                return;
            }
            break;

        case BODY:
            if (!read_body(cl)) {
                return;
            }
            break;

        case ANSWER:
            nc_conn_gate(c, NC_GATE_PIPELINE);
            return;
        }

        if (cl->phase == IDLE) {                /* one request per turn */
            return;
        }
    }
}


/* ---- connections ---- */

static void
on_read(nc_conn_t *c)
{
    client_t  *cl = c->owner;

    NC_OBJ_CHECK(cl, CLIENT_MAGIC);
    serve(cl);

    if (c->eof && c->state == NC_CONN_OPEN) {
        if (cl->phase == IDLE && c->in.len == 0) {
            nc_conn_finish(c, NC_CLOSE_PEER, false, LINGER_MS);
        } else if (cl->phase != ANSWER && cl->phase != IDLE) {
            nc_conn_close(c, NC_CLOSE_PEER);
        } else {
            cl->close = true;                   /* a half-closed client still gets its answer */
        }
    }
}


static void
on_drained(nc_conn_t *c)
{
    client_t  *cl = c->owner;

    if (cl->phase == IDLE) {
        nc_conn_ungate(c, NC_GATE_PIPELINE);
        nc_conn_kick(c);

    } else if (cl->phase == ANSWER && cl->reply.more) {
        nc_post(&cl->pump);
    }
}


static void
on_timer(nc_timer_t *t)
{
    nc_conn_t  *c = nc_container_of(t, nc_conn_t, timer);
    client_t   *cl = c->owner;

    if (cl->phase == ANSWER && c->tx != cl->tx_seen) {
        cl->tx_seen = c->tx;
        nc_timer_start(t, STALL_MS);

        return;
    }

    if (cl->phase == IDLE) {
        nc_counter_inc(hstats.downstream_cx_idle_timeout);
    } else {
        nc_counter_inc(hstats.downstream_rq_timeout);
    }

    nc_conn_close(c, NC_CLOSE_IDLE);
}


static void
on_close(nc_conn_t *c, nc_close_t why)
{
    client_t  *cl = c->owner;

    (void) why;

    if (cl->phase != IDLE) {
        cl->info.flags |= NC_RF_DOWNSTREAM_TERMINATION;
        end_request(cl);
    }

    nc_counter_add(hstats.downstream_cx_rx_bytes_total, c->rx);
    nc_counter_add(hstats.downstream_cx_tx_bytes_total, c->tx);
    nc_counter_inc(hstats.downstream_cx_destroy);
    nc_counter_inc(lstats.downstream_cx_destroy);
    nc_gauge_dec(hstats.downstream_cx_active);
    nc_gauge_dec(hstats.downstream_cx_http1_active);
    nc_gauge_dec(lstats.downstream_cx_active);
    nc_histogram_record(lstats.downstream_cx_length_ms, nc_now_ms - c->opened_ms);
    nc_list_del(&cl->link);
    n_clients--;
    cl->magic = 0;
    nc_defer_free(cl);
}


static const nc_conn_ops_t  conn_ops = {
    .on_read = on_read,
    .on_drained = on_drained,
    .on_close = on_close
};


/* Room for one more: the client that has been idle for longest goes. */
static bool
make_room(void)
{
    nc_list_each_safe(&clients, it) {
        client_t  *cl = nc_container_of(it, client_t, link);

        if (n_clients < MAX_CLIENTS) {
            break;
        }

        if (cl->phase == IDLE || cl->phase == HEAD) {
            nc_conn_close(cl->conn, NC_CLOSE_OVERFLOW);
        }
    }

    return n_clients < MAX_CLIENTS;
}


static void
begin(int fd, const nc_peer_t *remote)
{
    nc_conn_t  *c;
    client_t   *cl;

    if (!make_room()) {
        nc_counter_inc(lstats.downstream_cx_overflow);
        close(fd);

        return;
    }

    cl = nc_calloc(sizeof(*cl));
    c = nc_conn_accept(fd, remote, &conn_ops, cl);

    if (c == NULL) {
        free(cl);

        return;
    }

    cl->magic = CLIENT_MAGIC;
    cl->conn = c;
    cl->conn_info = (nc_conn_info_t) {
        .id = c->id, .remote = *remote, .direct_remote = *remote, .listener = NC_STR("admin")
    };
    nc_conn_local(c, &cl->conn_info.local);
    nc_pool_init(&cl->pool, &nc_pool_heap);
    nc_post_init(&cl->pump, on_pump);
    nc_list_append(&clients, &cl->link);
    n_clients++;
    c->high_mark = HIGH_MARK;
    c->timer.handler = on_timer;
    nc_timer_start(&c->timer, IDLE_MS);
    nc_counter_inc(hstats.downstream_cx_total);
    nc_counter_inc(hstats.downstream_cx_http1_total);
    nc_gauge_inc(hstats.downstream_cx_active);
    nc_gauge_inc(hstats.downstream_cx_http1_active);
    nc_counter_inc(lstats.downstream_cx_total);
    nc_gauge_inc(lstats.downstream_cx_active);
}


static void
on_accept(nc_event_t *ev, uint32_t events)
{
    (void) events;

    for (unsigned n = 0; n < MAX_ACCEPTS; n++) {
        struct sockaddr_storage  ss;
        socklen_t                len = sizeof(ss);
        nc_peer_t                remote;
        int                      fd;

        fd = accept4(ev->fd, (struct sockaddr *) &ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd == -1) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                nc_log_limited(WARNING, ADMIN, "accept: %s", strerror(errno));
                make_room();
            }

            return;
        }

        nc_peer_from(&remote, (struct sockaddr *) &ss, len);
        begin(fd, &remote);
    }
}


void
nc_admin_serve(int fd, const nc_admin_conf_t *now)
{
    nc_admin_stop();

    if (owner == NULL) {
        owner = nc_stats_owner_create();
        nc_stats_scope_tag(owner, NC_STR("listener.admin"), NC_STR("envoy.listener_address"),
            NC_STR("admin"));
        nc_listener_stats_init(&lstats, owner, NC_STR("listener.admin"));
        nc_hcm_stats_init(&hstats, owner, NC_STR("http.admin"));
    }

    conf = now;

    if (nc_event_add_level(&listener, fd, on_accept) != NC_OK) {
        nc_log(ERROR, ADMIN, "the admin interface cannot watch its socket: %s", strerror(errno));
        close(fd);
        listener.fd = -1;
    }
}


void
nc_admin_stop(void)
{
    int  fd = listener.fd;

    if (fd != -1) {
        nc_event_del(&listener);
        close(fd);
        listener.fd = -1;
    }
}
