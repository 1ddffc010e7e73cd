/*
 * h1_client.c: HTTP/1 towards the upstream: requests are framed, responses parsed.
 *
 * Invariants:
 *  1. The connection leaves the request before the owner hears of the end, so it may be used again
 *     by what the owner does next.
 *  2. Bytes behind a whole response, or on an idle connection, close it: nobody asked for them.
 */
#include "upstream/pool_priv.h"

#include "log/log.h"


static void
check_backlog(nc_up_t *u)
{
    nc_conn_t  *c = u->conn->c;

    if (c->over_high) {
        nc_counter_inc(u->cluster->stats.upstream_flow_control_backed_up_total);
        u->ops->on_backlog(u, true);
    }
}


void
nc_up_headers(nc_up_t *u, const nc_headers_t *h, bool end, bool upgrade)
{
    nc_up_conn_t    *uc = u->conn;
    nc_h1_encode_t   how = { .body = NC_H1_BODY_NONE, .proper_case = u->cluster->proper_case };
    nc_str_t         length = nc_headers_value(h, NC_H_CONTENT_LENGTH);

    if (u->h2) {
        nc_h2_client_headers(u, h, end, upgrade);
        return;
    }

    if (length.data && nc_str_to_u64(length, UINT64_MAX, &how.length) == NC_OK) {
        how.body = NC_H1_BODY_LENGTH;

    } else if (!end && !upgrade) {
        how.body = NC_H1_BODY_CHUNKED;
        u->chunked = true;
    }

    if (upgrade) {
        how.connection = NC_H1_CONN_UPGRADE;
        uc->upgrade = true;
    }

    u->request_sent = end;
    NC_CHECK(nc_h1_encode_request(&uc->c->out, h, &how) == NC_OK);
    nc_conn_touch(uc->c);
}


void
nc_up_data(nc_up_t *u, nc_buf_t *data, bool end)
{
    nc_conn_t  *c;

    if (u->state != NC_UP_OPEN) {
        nc_buf_drain(data, data->len);
        return;
    }

    if (u->h2) {
        nc_h2_client_data(u, data, end);
        return;
    }

    c = u->conn->c;
    u->request_sent = end;

    if (u->chunked) {
        nc_h1_encode_chunk(&c->out, data);

        if (end) {
            nc_h1_encode_last(&c->out, NULL);
        }

        nc_conn_touch(c);

    } else {
        nc_conn_write(c, data);
    }

    if (end && u->conn->phase == NC_UPC_TUNNEL) {
        nc_conn_shut(c);
    }

    check_backlog(u);
}


void
nc_up_trailers(nc_up_t *u, const nc_headers_t *t)
{
    if (u->state != NC_UP_OPEN) {
        return;
    }

    if (u->h2) {
        nc_h2_client_trailers(u, t);
        return;
    }

    u->request_sent = true;

    if (u->chunked) {
        nc_h1_encode_last(&u->conn->c->out, u->cluster->enable_trailers ? t : NULL);
        nc_conn_touch(u->conn->c);
    }
}


static void
protocol_error(nc_up_conn_t *uc, nc_h1_error_t error)
{
    nc_counter_inc(uc->cluster->stats.upstream_cx_protocol_error);
    nc_log(DEBUG, CLIENT, "upstream connection %" PRIu64 ": malformed response: %s", uc->c->id,
           nc_h1_error_str(error));
    nc_up_break(uc, NC_UP_PROTOCOL_ERROR, nc_h1_error_details(error));
}


/* May the connection serve again after this response? */
static bool
reusable(const nc_up_conn_t *uc)
{
    return uc->keep_alive && uc->u->request_sent && !uc->u->no_reuse && uc->c->in.len == 0;
}


static void
become_tunnel(nc_up_conn_t *uc)
{
    nc_up_t  *u = uc->u;

    uc->phase = NC_UPC_TUNNEL;
    u->no_reuse = true;
    u->ops->on_headers(u, u->response, false);
}


static void
head_is_parsed(nc_up_conn_t *uc, const nc_h1_head_t *head)
{
    nc_up_t  *u = uc->u;
    bool      end = head->body == NC_H1_BODY_NONE;

    uc->keep_alive = head->keep_alive;
    u->response_started = true;

    if (uc->upgrade && (head->upgrade
                        || (u->answers == NC_H1_FOR_CONNECT && head->status / 100 == 2)))
    {
        become_tunnel(uc);
        return;
    }

    if (end) {
        nc_up_detach(u, reusable(uc));

    } else {
        uc->phase = NC_UPC_BODY;
        nc_h1_body_init(&uc->body, head, &uc->options);
    }

    u->ops->on_headers(u, u->response, end);
}


static nc_headers_t *
new_headers(nc_up_t *u)
{
    nc_headers_t  *h = nc_pool_new(u->pool, nc_headers_t);

    nc_headers_init(h, u->pool);

    return h;
}


static void
informational(nc_up_conn_t *uc)
{
    nc_up_t       *u = uc->u;
    nc_headers_t  *h = u->response;

    u->response = NULL;
    nc_h1_parser_init(&uc->parser);
    u->ops->on_informational(u, h);
}


/* False: nothing more to do with the bytes that are there. */
static bool
read_head(nc_up_conn_t *uc)
{
    nc_up_t       *u = uc->u;
    nc_buf_t      *in = &uc->c->in;
    nc_h1_head_t   head = { 0 };
    size_t         consumed;

    if (in->len == 0) {
        return false;
    }

    if (u->response == NULL) {
        u->response = new_headers(u);
    }

    switch (nc_h1_parse_response(&uc->parser, &uc->options, u->answers, nc_buf_pullup(in, in->len),
                                 in->len, u->response, &head, &consumed))
    {
    case NC_AGAIN:
        return false;

    case NC_OK:
        break;

    default:
        protocol_error(uc, head.error);
        return false;
    }

    if (head.status < 200 && head.status != 101) {
        nc_block_t  *block = nc_block_ref(nc_buf_first(in)->block);

        nc_buf_drain(in, consumed);
        informational(uc);
        nc_block_unref(block);
        return uc->u == u;
    }

    if (head.status == 101 && !uc->upgrade) {
        protocol_error(uc, NC_H1_ERR_STATUS);
        return false;
    }

    u->head_block = nc_block_ref(nc_buf_first(in)->block);
    nc_buf_drain(in, consumed);
    head_is_parsed(uc, &head);

    return uc->u == u;
}


static bool
read_body(nc_up_conn_t *uc)
{
    nc_up_t   *u = uc->u;
    nc_buf_t   data;
    nc_rc_t    rc;
    bool       has_trailers, end;

    if (uc->body.kind == NC_H1_BODY_CHUNKED && u->trailers == NULL) {
        u->trailers = new_headers(u);
    }

    nc_buf_init(&data);
    rc = nc_h1_body_decode(&uc->body, &uc->c->in, &data, SIZE_MAX, u->trailers);

    if (rc == NC_ERROR) {
        nc_buf_fini(&data);
        protocol_error(uc, uc->body.error);
        return false;
    }

    has_trailers = u->trailers && u->trailers->live > 0;

    if (rc == NC_AGAIN && uc->c->eof && uc->c->in.len == 0 && nc_h1_body_may_end(&uc->body)) {
        uc->keep_alive = false;
        rc = NC_OK;
    }

    end = rc == NC_OK && !has_trailers;

    if (rc == NC_OK) {
        nc_up_detach(u, reusable(uc));
    }

    if (data.len > 0 || end) {
        u->ops->on_data(u, &data, end);
    }

    nc_buf_fini(&data);

    if (rc == NC_OK && has_trailers) {
        u->ops->on_trailers(u, u->trailers);
    }

    return false;
}


static void
read_tunnel(nc_up_conn_t *uc)
{
    nc_up_t   *u = uc->u;
    bool       end = uc->c->eof;
    nc_buf_t   data;

    nc_buf_init(&data);
    nc_buf_move_all(&data, &uc->c->in);

    if (end && u->request_sent) {
        nc_up_detach(u, false);
    }

    if (data.len > 0 || end) {
        u->ops->on_data(u, &data, end);
    }

    nc_buf_fini(&data);
}


void
nc_h1_client_read(nc_up_conn_t *uc)
{
    nc_conn_t  *c = uc->c;
    bool        more = true;

    if (uc->u == NULL) {
        if (c->in.len > 0) {
            nc_counter_inc(uc->cluster->stats.upstream_cx_protocol_error);
        }
        nc_conn_close(c, c->in.len > 0 ? NC_CLOSE_PROTOCOL : NC_CLOSE_PEER);
        return;
    }

    while (more && nc_conn_is_open(c) && uc->u && c->gates == 0) {
        switch ((nc_upc_phase_t) uc->phase) {
        case NC_UPC_HEAD:    more = read_head(uc);             break;
        case NC_UPC_BODY:    more = read_body(uc);             break;
        case NC_UPC_TUNNEL:  read_tunnel(uc); more = false;    break;
        default:             more = false;                     break;
        }
    }

    if (nc_conn_is_open(c) && c->eof && c->gates == 0
        && uc->phase != NC_UPC_TUNNEL)
    {
        nc_conn_close(c, NC_CLOSE_PEER);
    }
}
