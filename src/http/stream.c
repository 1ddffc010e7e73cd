/* stream.c: the life of a stream: creation, local replies, the way to the codec, deadlines, end. */
#include "http/stream.h"

#include "http/access_log.h"
#include "http/grpc.h"
#include "log/log.h"
#include "os/family.h"

#include <sys/random.h>
#include <unistd.h>

bool  nc_http_draining;


uint64_t
nc_random(void)
{
    static uint64_t  state;                     /* the master never calls this: no two share it */
    uint64_t         z;

    if (NC_UNLIKELY(state == 0)) {
        NC_CHECK(getrandom(&state, sizeof(state), 0) == sizeof(state));
    }

    z = (state += 0x9e3779b97f4a7c15u);         /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;

    return z ^ (z >> 31);
}


nc_stream_t *
nc_stream_create(const nc_hcm_conf_t *hcm, uint32_t slot, const nc_stream_codec_t *codec,
    void *codec_owner, const nc_conn_info_t *conn)
{
    static uint64_t  last_id;
    nc_pool_t        pool;
    nc_stream_t     *s;

    nc_pool_init(&pool, &nc_pool_heap);
    s = nc_pool_new(&pool, nc_stream_t);
    s->filters = nc_pool_array(&pool, hcm->n_filters, sizeof(*s->filters));
    s->filter_memory = hcm->filter_memory ? nc_pool_calloc(&pool, hcm->filter_memory) : NULL;
    s->pool = pool;

    for (uint32_t i = 0; i < hcm->n_filters; i++) {
        nc_buf_init(&s->filters[i].dir[NC_DIR_REQUEST].hold);
        nc_buf_init(&s->filters[i].dir[NC_DIR_RESPONSE].hold);
    }

    s->magic = NC_STREAM_MAGIC;
    s->hcm = hcm;
    s->slot = slot;
    s->codec = codec;
    s->codec_owner = codec_owner;
    s->random = nc_random();
    s->id = ++last_id;
    nc_slot_ref(slot);
    nc_headers_init(&s->request, &s->pool);

    s->conn_info = *conn;
    s->info.conn = &s->conn_info;
    s->info.remote = conn->remote;
    s->info.start_us = nc_now_us;
    s->info.start_wall_us = nc_wall_us();

    s->idle_ms = hcm->stream_idle_timeout_ms;
    nc_stream_deadline(s, NC_DEADLINE_IDLE, s->idle_ms);

    return s;
}


static void
release(void *p)
{
    nc_stream_t  *s = p;
    nc_pool_t     pool = s->pool;

    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        nc_buf_fini(&s->filters[i].dir[NC_DIR_REQUEST].hold);
        nc_buf_fini(&s->filters[i].dir[NC_DIR_RESPONSE].hold);
    }

    for (uint32_t i = 0; i < s->n_blocks; i++) {
        nc_block_unref(s->blocks[i]);
    }

    nc_http_info_upstream_tls(&s->info, NULL);
    nc_slot_unref(s->slot);
    s->magic = 0;
    nc_pool_fini(&pool);
}


void
nc_stream_discard(nc_stream_t *s)
{
    s->ended = true;
    release(s);
}


void
nc_stream_hold_block(nc_stream_t *s, nc_block_t *block)
{
    NC_CHECK(s->n_blocks < NC_COUNTOF(s->blocks));
    s->blocks[s->n_blocks++] = nc_block_ref(block);
}


/* ---- what filters ask ---- */

nc_filter_at_t
nc_stream_self(const nc_stream_t *s)
{
    return s->self;
}


void *
nc_stream_ctx(nc_stream_t *s)
{
    return s->filter_memory + s->hcm->filters[s->self].ctx_offset;
}


nc_pool_t *
nc_stream_pool(nc_stream_t *s)
{
    return &s->pool;
}


nc_http_info_t *
nc_stream_info(nc_stream_t *s)
{
    return &s->info;
}


nc_headers_t *
nc_stream_request_headers(nc_stream_t *s)
{
    return &s->request;
}


nc_headers_t *
nc_stream_response_headers(nc_stream_t *s)
{
    return s->response;
}


nc_http_view_t
nc_stream_view(const nc_stream_t *s)
{
    return (nc_http_view_t) {
        .info = &s->info,
        .request = &s->request,
        .response = s->response,
        .request_trailers = s->request_trailers,
        .response_trailers = s->response_trailers
    };
}


const void *
nc_stream_route_conf(nc_stream_t *s)
{
    const nc_filter_conf_t  *c;

    if (!s->has_route) {
        return NULL;
    }

    c = nc_route_filter_conf(&s->match, s->hcm->filters[s->self].name);

    return c ? c->conf : NULL;
}


void
nc_stream_set_request_limit(nc_stream_t *s, uint64_t bytes)
{
    s->request_limit = bytes;
}


void
nc_stream_set_response_limit(nc_stream_t *s, uint64_t bytes)
{
    s->response_limit = bytes;
}


void
nc_stream_gate_request(nc_stream_t *s, bool on)
{
    if (!s->ended && s->request_gated != on) {
        s->request_gated = on;
        nc_counter_inc(on ? s->hcm->stats.downstream_flow_control_paused_reading_total
                          : s->hcm->stats.downstream_flow_control_resumed_reading_total);
        s->codec->gate(s, NC_GATE_UPSTREAM, on);
    }
}


/* ---- the request, from the codec ---- */

void
nc_stream_on_headers(nc_stream_t *s, bool end)
{
    const nc_hcm_conf_t  *hcm = s->hcm;
    nc_str_t              path;

    nc_log(DEBUG, HTTP, "[C%" PRIu64 "] request begins: " NC_STR_FMT " " NC_STR_FMT NC_STR_FMT,
           s->conn_info.id, NC_STR_ARG(nc_headers_value(&s->request, NC_H_METHOD)),
           NC_STR_ARG(nc_headers_value(&s->request, NC_H_AUTHORITY)),
           NC_STR_ARG(nc_headers_value(&s->request, NC_H_PATH)));
    s->request_done = end;

    if (end) {
        s->info.request_end_us = nc_now_us;
        nc_stream_deadline(s, NC_DEADLINE_REQUEST, 0);

    } else if (s->deadlines[NC_DEADLINE_REQUEST] == 0) {
        nc_stream_deadline(s, NC_DEADLINE_REQUEST, hcm->request_timeout_ms);
    }

    if (hcm->max_stream_ms) {
        nc_stream_deadline(s, NC_DEADLINE_DURATION, hcm->max_stream_ms);
    }

    if (hcm->log_interval_ms) {
        nc_stream_deadline(s, NC_DEADLINE_LOG, hcm->log_interval_ms);
    }

    s->words = nc_headers_value(&s->request, NC_H_METHOD);
    path = nc_headers_value(&s->request, NC_H_PATH);

    if (path.data > s->words.data && path.data - s->words.data < (ptrdiff_t) NC_WORDS_REQUEST) {
        s->words.len = (size_t) (path.data - s->words.data) + path.len;     /* in one line */
    }

    nc_words_stream(s->id, s->words.data, s->words.len);

    if (nc_manager_request(s)) {
        nc_chain_headers(s, NC_DIR_REQUEST, end);
    }
}


static void
request_is_whole(nc_stream_t *s)
{
    s->request_done = true;
    s->info.request_end_us = nc_now_us;
    nc_stream_deadline(s, NC_DEADLINE_REQUEST, 0);
}


void
nc_stream_on_data(nc_stream_t *s, nc_buf_t *data, bool end)
{
    s->info.bytes_received += data->len;
    nc_stream_touch(s);

    if (end) {
        request_is_whole(s);
    }

    if (s->replied || s->ended) {
        nc_buf_drain(data, data->len);
        return;
    }

    nc_chain_data(s, NC_DIR_REQUEST, data, end);
}


void
nc_stream_on_trailers(nc_stream_t *s, nc_headers_t *t)
{
    s->request_trailers = t;
    request_is_whole(s);
    nc_chain_trailers(s, NC_DIR_REQUEST);
}


void
nc_stream_on_abort(nc_stream_t *s, uint32_t flags, const char *details)
{
    if (s->ended) {
        return;
    }

    s->info.flags |= flags;

    if (s->info.details == NULL || !s->replied) {
        s->info.details = details;
    }

    nc_stream_end(s);
}


void
nc_stream_on_backlog(nc_stream_t *s, bool slow)
{
    if (!s->ended && s->on_gate) {
        s->on_gate(s, slow);
    }
}


/* ---- the response ---- */

void
nc_stream_respond_informational(nc_stream_t *s, nc_headers_t *h)
{
    if (!s->ended && !s->response_started) {
        s->codec->informational(s, h);
    }
}


void
nc_stream_respond_headers(nc_stream_t *s, nc_headers_t *h, bool end)
{
    s->response = h;
    nc_stream_touch(s);
    nc_chain_headers(s, NC_DIR_RESPONSE, end);
}


void
nc_stream_respond_data(nc_stream_t *s, nc_buf_t *data, bool end)
{
    nc_stream_touch(s);
    nc_chain_data(s, NC_DIR_RESPONSE, data, end);
}


void
nc_stream_respond_trailers(nc_stream_t *s, nc_headers_t *t)
{
    s->response_trailers = t;
    nc_stream_touch(s);
    nc_chain_trailers(s, NC_DIR_RESPONSE);
}


static void
count_status(nc_stream_t *s, unsigned status)
{
    const nc_hcm_stats_t            *st = &s->hcm->stats;
    const nc_listener_http_stats_t  *ls = &s->hcm->listener_stats;
    const nc_counter_t               classes[] = {
        st->downstream_rq_1xx, st->downstream_rq_2xx, st->downstream_rq_3xx,
        st->downstream_rq_4xx, st->downstream_rq_5xx
    };
    const nc_counter_t               listener[] = {
        ls->downstream_rq_1xx, ls->downstream_rq_2xx, ls->downstream_rq_3xx,
        ls->downstream_rq_4xx, ls->downstream_rq_5xx
    };

    nc_counter_inc(st->downstream_rq_completed);
    nc_counter_inc(ls->downstream_rq_completed);

    if (status >= 100 && status < 600) {
        nc_counter_inc(classes[status / 100 - 1]);
        nc_counter_inc(listener[status / 100 - 1]);
    }
}


/* The whole response is with the codec. */
static void
response_is_whole(nc_stream_t *s)
{
    s->response_done = true;
    s->info.downstream_tx_last_us = nc_now_us;

    if (!s->request_done && !s->upgraded) {
        nc_counter_inc(s->hcm->stats.downstream_rq_response_before_rq_complete);
        s->no_reuse = true;
    }

    nc_stream_end(s);
}


void
nc_stream_send_headers(nc_stream_t *s, bool end)
{
    nc_str_t  status = nc_headers_value(s->response, NC_H_STATUS);
    uint64_t  code = 0;

    (void) nc_str_to_u64(status, 999, &code);
    s->info.status = (uint16_t) code;
    s->info.response_header_bytes = s->response->bytes;
    s->info.downstream_tx_first_us = nc_now_us;
    s->response_started = true;

    nc_manager_response(s, s->response);
    count_status(s, s->info.status);
    s->codec->headers(s, s->response, end);

    if (s->upgraded && s->hcm->log_tunnels && !s->ended) {
        nc_stream_log(s, NC_LOG_DOWNSTREAM_TUNNEL);
    }

    if (end && !s->ended) {
        response_is_whole(s);
    }
}


void
nc_stream_send_data(nc_stream_t *s, nc_buf_t *data, bool end)
{
    s->info.bytes_sent += data->len;
    s->codec->data(s, data, end);

    if (end && !s->ended) {
        response_is_whole(s);
    }
}


void
nc_stream_send_trailers(nc_stream_t *s)
{
    s->info.response_trailer_bytes = s->response_trailers->bytes;
    s->codec->trailers(s, s->response_trailers);

    if (!s->ended) {
        response_is_whole(s);
    }
}


static void
send_body(nc_stream_t *s, nc_str_t body)
{
    nc_buf_t  data;

    if (s->ended) {
        return;
    }

    nc_buf_init(&data);
    nc_buf_add_str(&data, body);
    nc_chain_data(s, NC_DIR_RESPONSE, &data, true);
    nc_buf_fini(&data);
}


/* The request is answered: whatever the filters hold of it is dropped. */
static void
stop_request(nc_stream_t *s, const char *details)
{
    s->replied = true;
    s->info.details = details;
    nc_stream_deadline(s, NC_DEADLINE_REQUEST, 0);

    for (unsigned i = NC_DEADLINE_ROUTE; i < NC_DEADLINES; i++) {
        nc_stream_deadline(s, (nc_deadline_t) i, 0);
    }

    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        nc_filter_dir_t  *d = &s->filters[i].dir[NC_DIR_REQUEST];

        nc_buf_drain(&d->hold, d->hold.len);
        d->wait = 0;
        d = &s->filters[i].dir[NC_DIR_RESPONSE];
        nc_buf_drain(&d->hold, d->hold.len);
        d->wait = 0;
    }

    s->codec->gate(s, NC_GATE_FILTER, false);
    s->codec->gate(s, NC_GATE_UPSTREAM, false);
}


/* Why this answer is ours, for whoever reads the log. */
static void
tell_reply(const nc_stream_t *s, unsigned status, const char *details)
{
    char               memory[128], upstream[NC_ADDR_STRLEN];
    nc_sb_t            flags, host;
    const nc_route_t  *r = s->has_route ? s->match.route : NULL;

    if (!nc_log_on(NC_LOGC_HTTP, NC_LOG_DEBUG)) {
        return;
    }

    nc_sb_fixed(&flags, memory, sizeof(memory) - 1);
    nc_response_flags_print(s->info.flags, &flags);
    nc_sb_fixed(&host, upstream, sizeof(upstream) - 1);

    if (s->info.upstream_remote.sa.sa_family != 0) {
        nc_peer_print(&s->info.upstream_remote, &host);
    }

    nc_log(DEBUG, HTTP, "[C%" PRIu64 "] we answer %u ourselves: %s; flags %s; route \"" NC_STR_FMT
           "\" (%s:%u) of virtual host \"" NC_STR_FMT "\"; cluster \"" NC_STR_FMT "\"; host \""
           NC_STR_FMT "\"%s%s", s->conn_info.id, status, details, nc_sb_c(&flags),
           NC_STR_ARG(r ? r->name : NC_STR("")), r && r->place.file ? r->place.file : "-",
           r ? r->place.line : 0, NC_STR_ARG(s->info.vhost_name), NC_STR_ARG(s->info.cluster_name),
           NC_STR_ARG(nc_sb_str(&host)), s->info.upstream_failure ? "; " : "",
           s->info.upstream_failure ? s->info.upstream_failure : "");
}


void
nc_stream_reply(nc_stream_t *s, unsigned status, nc_str_t body, const char *details,
    void (*edit)(nc_stream_t *s, nc_headers_t *h, void *data), void *data)
{
    nc_headers_t  *h;

    if (s->ended) {
        return;
    }

    if (s->response_started) {
        nc_stream_reset(s, details);
        return;
    }

    tell_reply(s, status, details);
    stop_request(s, details);
    h = nc_local_reply_make(s, status, &body, edit, data);
    s->response = h;
    nc_chain_headers(s, NC_DIR_RESPONSE, body.len == 0 || s->is_head);

    if (body.len > 0 && !s->is_head) {
        send_body(s, body);
    }
}


void
nc_stream_reply_malformed(nc_stream_t *s, unsigned status, nc_str_t body, const char *details)
{
    nc_buf_t  data;

    s->request_done = true;
    s->info.flags |= NC_RF_DOWNSTREAM_PROTOCOL_ERROR;
    stop_request(s, details);
    s->response = nc_local_reply_make(s, status, &body, NULL, NULL);
    nc_stream_send_headers(s, body.len == 0);

    if (body.len > 0) {
        nc_buf_init(&data);
        nc_buf_add_str(&data, body);
        nc_stream_send_data(s, &data, true);
        nc_buf_fini(&data);
    }
}


void
nc_stream_reset(nc_stream_t *s, const char *details)
{
    if (s->ended) {
        return;
    }

    s->info.details = details;
    nc_counter_inc(s->hcm->stats.downstream_rq_tx_reset);
    s->codec->reset(s);
    nc_stream_end(s);
}


/* ---- deadlines ---- */

static void
arm(nc_stream_t *s)
{
    uint64_t  due = 0;

    for (unsigned i = 0; i < NC_DEADLINES; i++) {
        if (s->deadlines[i] && (due == 0 || s->deadlines[i] < due)) {
            due = s->deadlines[i];
        }
    }

    if (due && (s->armed_ms == 0 || due < s->armed_ms)) {
        s->armed_ms = due;
        s->codec->arm(s, due);
    }
}


void
nc_stream_deadline(nc_stream_t *s, nc_deadline_t which, uint64_t ms)
{
    s->deadlines[which] = ms ? nc_now_ms + ms : 0;

    if (ms && !s->ended && (s->armed_ms == 0 || s->deadlines[which] < s->armed_ms)) {
        arm(s);
    }
}


static void
idle_timeout(nc_stream_t *s)
{
    nc_counter_inc(s->hcm->stats.downstream_rq_idle_timeout);
    s->info.flags |= NC_RF_STREAM_IDLE_TIMEOUT;
    s->no_reuse = s->no_reuse || !s->request_done;

    if (s->response_started) {
        nc_stream_reset(s, "stream_idle_timeout");
        return;
    }

    nc_stream_reply(s, s->request_done ? 504 : 408, NC_STR("stream timeout"),
                    "stream_idle_timeout", NULL, NULL);
}


static void
request_timeout(nc_stream_t *s)
{
    nc_counter_inc(s->hcm->stats.downstream_rq_timeout);
    s->no_reuse = true;
    nc_stream_reply(s, 408, NC_STR("request timeout"), "request_overall_timeout", NULL, NULL);
}


static void
headers_timeout(nc_stream_t *s)
{
    nc_counter_inc(s->hcm->stats.downstream_rq_header_timeout);
    s->no_reuse = true;
    nc_stream_reply(s, 408, NC_STR("request header timeout"), "request_header_timeout", NULL,
                    NULL);
}


static void
periodic_log(nc_stream_t *s)
{
    nc_stream_log(s, NC_LOG_DOWNSTREAM_PERIODIC);
    nc_stream_deadline(s, NC_DEADLINE_LOG, s->hcm->log_interval_ms);
}


static void
duration_timeout(nc_stream_t *s)
{
    nc_counter_inc(s->hcm->stats.downstream_rq_max_duration_reached);
    s->info.flags |= NC_RF_DURATION_TIMEOUT;
    s->no_reuse = s->no_reuse || !s->request_done;

    if (s->response_started) {
        nc_stream_reset(s, "max_duration_timeout");
        return;
    }

    s->reply_grpc = NC_GRPC_DEADLINE_EXCEEDED;
    nc_stream_reply(s, s->request_done ? 504 : 408, NC_STR("downstream duration timeout"),
                    "max_duration_timeout", NULL, NULL);
}


void
nc_stream_on_timer(nc_stream_t *s)
{
    NC_OBJ_CHECK(s, NC_STREAM_MAGIC);
    s->armed_ms = 0;

    for (unsigned i = 0; i < NC_DEADLINES && !s->ended; i++) {
        if (s->deadlines[i] == 0 || s->deadlines[i] > nc_now_ms) {
            continue;
        }

        s->deadlines[i] = 0;

        switch ((nc_deadline_t) i) {
        case NC_DEADLINE_IDLE:      idle_timeout(s);      break;
        case NC_DEADLINE_HEADERS:   headers_timeout(s);   break;
        case NC_DEADLINE_REQUEST:   request_timeout(s);   break;
        case NC_DEADLINE_LOG:       periodic_log(s);      break;
        case NC_DEADLINE_DURATION:  duration_timeout(s);  break;
        default:
            if (s->on_deadline) {
                s->on_deadline(s, (nc_deadline_t) i);
            }
        }
    }

    if (!s->ended) {
        arm(s);
    }
}


/* ---- the end ---- */

static void
destroy_filters(nc_stream_t *s)
{
    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        const nc_http_filter_ref_t  *f = &s->hcm->filters[i];

        if (f->module->http_filter->on_destroy) {
            s->self = i;
            f->module->http_filter->on_destroy(s, f->conf);
        }
    }
}


void
nc_stream_log(nc_stream_t *s, nc_log_type_t type)
{
    nc_http_view_t  view = nc_stream_view(s);

    s->info.log_type = (uint8_t) type;

    for (uint32_t i = 0; i < s->hcm->n_access_logs; i++) {
        const nc_access_log_ref_t  *log = &s->hcm->access_logs[i];

        if (log->filter == NULL
            || nc_log_filter_holds(log->filter, &view, s->random, &s->pool))
        {
            log->module->access_log->log(log->conf, &view);
        }
    }
}


void
nc_stream_end(nc_stream_t *s)
{
    const nc_hcm_stats_t  *st = &s->hcm->stats;

    if (s->ended) {
        return;
    }

    s->ended = true;
    s->info.end_us = nc_now_us;
    nc_log(DEBUG, HTTP, "[C%" PRIu64 "] request ends: status %u, %s", s->conn_info.id,
           s->info.status, s->info.details ? s->info.details : "no details");

    nc_gauge_dec(st->downstream_rq_active);
    nc_histogram_record(st->downstream_rq_time, (nc_now_us - s->info.start_us) / 1000);

    if (s->upgraded) {
        nc_gauge_dec(st->downstream_cx_upgrades_active);
    }

    s->codec->done(s);
    nc_stream_log(s, NC_LOG_DOWNSTREAM_END);    /* while the filters still hold what is logged */
    destroy_filters(s);
    nc_defer(release, s);
}


/* ---- once more ---- */

static void
forget(nc_stream_t *s)
{
    for (uint32_t i = 0; i < s->hcm->n_filters; i++) {
        for (unsigned dir = 0; dir < NC_DIRS; dir++) {
            nc_filter_dir_t  *d = &s->filters[i].dir[dir];

            nc_buf_fini(&d->hold);
            *d = (nc_filter_dir_t) { .seen = 0 };
            nc_buf_init(&d->hold);
        }
    }

    if (s->hcm->filter_memory) {
        memset(s->filter_memory, 0, s->hcm->filter_memory);
    }

    for (unsigned i = NC_DEADLINE_ROUTE; i < NC_DEADLINES; i++) {
        nc_stream_deadline(s, (nc_deadline_t) i, 0);
    }

    s->response = s->response_trailers = NULL;
    s->on_deadline = NULL;
    s->on_gate = NULL;
    s->info.flags = 0;
    s->info.status = s->info.attempts = 0;
    s->info.details = s->info.upstream_failure = NULL;
    s->info.cluster_name = s->info.upstream_host_name = NC_STR_NULL;
}


void
nc_stream_restart(nc_stream_t *s, nc_buf_t *body, unsigned status, const char *details)
{
    bool  has_body = body->len > 0;
    bool  has_trailers = s->request_trailers && s->request_trailers->live > 0;

    s->info.status = (uint16_t) status;
    s->info.details = details;
    s->info.end_us = nc_now_us;
    nc_stream_log(s, NC_LOG_DOWNSTREAM_END);
    destroy_filters(s);
    forget(s);
    s->info.end_us = 0;

    nc_counter_inc(s->hcm->stats.downstream_rq_total);
    nc_manager_reroute(s);
    nc_chain_headers(s, NC_DIR_REQUEST, !has_body && !has_trailers);

    if (has_body && !s->ended && !s->replied) {
        nc_chain_data(s, NC_DIR_REQUEST, body, !has_trailers);
    }

    if (has_trailers && !s->ended && !s->replied) {
        nc_chain_trailers(s, NC_DIR_REQUEST);
    }
}
