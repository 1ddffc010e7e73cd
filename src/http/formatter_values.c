/* formatter_values.c: what an operator gives for a stream, when a format is printed. */
#include "http/formatter_priv.h"

#include <ctype.h>
#include <time.h>

#include "http/dynamic_metadata.h"
#include "http/filter_state.h"
#include "http/matcher.h"
#include "http/path.h"

/* google.rpc.Code in both ways of writing. */
static const struct { const char *camel, *snake; }  grpc_names[] = {
    { "OK", "OK" }, { "Canceled", "CANCELLED" }, { "Unknown", "UNKNOWN" },
    { "InvalidArgument", "INVALID_ARGUMENT" }, { "DeadlineExceeded", "DEADLINE_EXCEEDED" },
    { "NotFound", "NOT_FOUND" }, { "AlreadyExists", "ALREADY_EXISTS" },
    { "PermissionDenied", "PERMISSION_DENIED" }, { "ResourceExhausted", "RESOURCE_EXHAUSTED" },
    { "FailedPrecondition", "FAILED_PRECONDITION" }, { "Aborted", "ABORTED" },
    { "OutOfRange", "OUT_OF_RANGE" }, { "Unimplemented", "UNIMPLEMENTED" },
    { "Internal", "INTERNAL" }, { "Unavailable", "UNAVAILABLE" }, { "DataLoss", "DATA_LOSS" },
    { "Unauthenticated", "UNAUTHENTICATED" }
};


static void
set_str(nc_format_value_t *v, nc_str_t s)
{
    if (s.data != NULL && s.len > 0) {
        v->type = NC_FV_STR;
        v->str = s;
    }
}


/* A text that counts as there when it is empty, too. */
static void
set_text(nc_format_value_t *v, nc_str_t s)
{
    v->type = NC_FV_STR;
    v->str = s.data != NULL ? s : NC_STR("");
}


static void
set_int(nc_format_value_t *v, uint64_t number)
{
    v->type = NC_FV_INT;
    v->number = number;
}


static bool
find_header(const nc_headers_t *h, const nc_op_header_t *which, nc_str_t *value)
{
    uint32_t      at = 0;
    nc_header_t  *found;

    if (which->name.data == NULL) {
        return false;
    }

    found = which->id != NC_H_OTHER ? nc_headers_get(h, which->id)
                                    : nc_headers_find(h, which->name, &at);
    if (found == NULL) {
        return false;
    }

    *value = found->value;

    return true;
}


static void
set_header_value(const nc_format_op_t *op, const nc_headers_t *h, nc_format_value_t *v)
{
    nc_str_t  value;

    if (h != NULL && (find_header(h, &op->first, &value) || find_header(h, &op->second, &value))) {
        set_text(v, value);
    }
}


/* The status that is sent, or, while the response's headers are still being made, stands there. */
static void
set_status(nc_format_value_t *v, const nc_http_view_t *view)
{
    uint64_t  status = view->info->status;

    if (status == 0 && view->response != NULL) {
        (void) nc_str_to_u64(nc_headers_value(view->response, NC_H_STATUS), 999, &status);
    }

    set_int(v, status);
}


/* Whole milliseconds between two times in microseconds; absent when one has not happened. */
static void
set_duration(nc_format_value_t *v, uint64_t from, uint64_t to)
{
    if (from > 0 && to >= from) {
        set_int(v, (to - from) / 1000);
    }
}


static void
set_points_duration(const nc_format_op_t *op, const nc_http_info_t *info, nc_format_value_t *v)
{
    const uint64_t  times[] = {
#define X(name, field)  info->field,
        NC_TIME_POINTS(X)
#undef X
    };
    uint64_t  from = times[op->points.from], to = times[op->points.to];

    if (from > 0 && to >= from) {
        set_int(v, op->points.per_ms == 1000000 ? (to - from) * 1000
            : op->points.per_ms == 1000 ? to - from : (to - from) / 1000);
    }
}


/* How an address is wanted. */
typedef enum { WHOLE, WITHOUT_PORT, PORT } address_t;

static void
set_address(nc_format_value_t *v, const nc_peer_t *p, address_t what, nc_sb_t *scratch)
{
    if (p == NULL || p->sa.sa_family == 0) {
        return;
    }

    if (what == PORT) {
        if (p->sa.sa_family != AF_UNIX) {
            set_int(v, nc_peer_port(p));
        }
        return;
    }

    if (what == WHOLE) {
        nc_peer_print(p, scratch);
    } else {
        nc_peer_print_ip(p, scratch);
    }

    set_str(v, nc_sb_str(scratch));
}


/* As set_address, for the upstream host, which may be a Unix socket with a name. */
static void
set_upstream(nc_format_value_t *v, const nc_http_info_t *info, address_t what, nc_sb_t *scratch)
{
    if (info->upstream_remote_path.len > 0) {
        if (what != PORT) {
            set_str(v, info->upstream_remote_path);
        }
        return;
    }

    set_address(v, &info->upstream_remote, what, scratch);
}


/* "name:port" without the port. */
static nc_str_t
without_port(nc_str_t name)
{
    size_t  i = name.len;

    while (i > 0 && nc_is_digit(name.data[i - 1])) {
        i--;
    }

    if (i > 0 && i < name.len && name.data[i - 1] == ':') {
        name.len = i - 1;
    }

    return name;
}


/* A text with '_' for blanks, so that it stays one word in a line. */
static void
set_word(nc_format_value_t *v, const char *text, nc_sb_t *scratch)
{
    if (text == NULL) {
        return;
    }

    for (; *text != '\0'; text++) {
        nc_sb_char(scratch, isspace((unsigned char) *text) ? '_' : *text);
    }

    set_str(v, nc_sb_str(scratch));
}


static void
set_path_value(const nc_format_op_t *op, const nc_headers_t *h, nc_format_value_t *v)
{
    nc_str_t  path = NC_STR_NULL;

    if (h == NULL) {
        return;
    }

    if ((op->mode & NC_PATH_PATH) == 0) {
        path = nc_headers_value(h, NC_H_X_ENVOY_ORIGINAL_PATH);
    }

    if (path.data == NULL && (op->mode & NC_PATH_ORIG) == 0) {
        path = nc_headers_value(h, NC_H_PATH);
    }

    if (op->mode & NC_PATH_NO_QUERY) {
        path = nc_path_only(path);
    }

    set_str(v, path);
}


/* The parameter's value without percent-encoding; control bytes stay encoded: lines stay lines. */
static void
set_query_param(const nc_format_op_t *op, const nc_headers_t *h, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    nc_str_t  s;

    if (h == NULL || !nc_query_param(nc_headers_value(h, NC_H_PATH), op->first.name, &s)) {
        return;
    }

    for (size_t i = 0; i < s.len; i++) {
        int  high = i + 2 < s.len ? nc_hex_value(s.data[i + 1]) : -1;
        int  low = i + 2 < s.len ? nc_hex_value(s.data[i + 2]) : -1;

        if (s.data[i] == '%' && high >= 2 && low >= 0 && (high << 4 | low) != 0x7f) {
            nc_sb_char(scratch, (char) (high << 4 | low));
            i += 2;
        } else {
            nc_sb_char(scratch, s.data[i]);
        }
    }

    set_text(v, nc_sb_str(scratch));
}


/* gRPC status of a response that does not say one (gRPC's "HTTP to gRPC Status Code Mapping"). */
static uint64_t
grpc_of_http(unsigned status)
{
    switch (status) {
    case 400: return 13;
    case 401: return 16;
    case 403: return 7;
    case 404: return 12;
    case 429: case 502: case 503: case 504: return 14;
    default: return 2;
    }
}


static bool
grpc_status(const nc_http_view_t *view, uint64_t *status)
{
    nc_str_t  type, value = NC_STR_NULL;

    if (view->request == NULL) {
        return false;
    }

    type = nc_headers_value(view->request, NC_H_CONTENT_TYPE);
    if (!nc_str_starts(type, NC_STR("application/grpc"))
        || (type.len > 16 && type.data[16] != '+' && type.data[16] != ';'))
    {
        return false;
    }

    if (view->response_trailers != NULL) {
        value = nc_headers_value(view->response_trailers, NC_H_GRPC_STATUS);
    }
    if (value.data == NULL && view->response != NULL) {
        value = nc_headers_value(view->response, NC_H_GRPC_STATUS);
    }

    if (value.data == NULL) {
        *status = grpc_of_http(view->info->status);
        return view->info->status != 0;
    }

    if (nc_str_to_u64(value, UINT32_MAX, status) != NC_OK) {
        *status = UINT64_MAX;                   /* said, but no number */
    }

    return true;
}


static void
set_grpc(const nc_http_view_t *view, unsigned mode, nc_sb_t *scratch, nc_format_value_t *v)
{
    uint64_t  status;

    if (!grpc_status(view, &status)) {
        return;
    }

    if (mode == NC_GRPC_NUMBER) {
        if (status == UINT64_MAX) {
            *v = (nc_format_value_t) { .type = NC_FV_NEG, .number = 1 };
        } else {
            set_int(v, status);
        }
    } else if (status < NC_COUNTOF(grpc_names)) {
        set_str(v, nc_str_c(mode == NC_GRPC_SNAKE ? grpc_names[status].snake
                                                  : grpc_names[status].camel));
    } else if (status == UINT64_MAX) {
        set_str(v, NC_STR("InvalidCode"));
    } else {
        nc_sb_u64(scratch, status);
        set_str(v, nc_sb_str(scratch));
    }
}


void
nc_format_value_of(const struct nc_value_s *value, nc_sb_t *scratch, nc_format_value_t *out)
{
    out->type = NC_FV_NONE;

    if (value == NULL) {
        return;
    }

    switch (value->kind) {

    case NC_VALUE_NULL:
        break;

    case NC_VALUE_BOOL:
        *out = (nc_format_value_t) { .type = NC_FV_BOOL, .number = value->boolean };
        break;

    case NC_VALUE_STRING:
        set_text(out, value->string);
        break;

    default:
        nc_value_print(value, false, scratch);
        *out = (nc_format_value_t) { .type = NC_FV_JSON, .str = nc_sb_str(scratch) };
        break;
    }
}


static void
set_state_value(const nc_format_op_t *op, const nc_http_info_t *info, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    nc_str_t  value = nc_filter_state_get(info, op->first.name);

    if (value.data == NULL) {
        return;
    }

    /* Not PLAIN, the object is JSON, which for a text in a text has quotes. */
    if (op->mode || (op->out != NC_OUT_TEXT && op->out != NC_OUT_JSON_PART)) {
        set_text(v, value);
        return;
    }

    nc_sb_json_str(scratch, value);
    set_text(v, nc_sb_str(scratch));
}


static uint64_t
now_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/* Operators that look at the connection; `conn` may be NULL. */
static void
connection_value(const nc_format_op_t *op, const nc_conn_info_t *conn, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    if (conn == NULL) {
        return;
    }

    switch (op->id) {
    case NC_OP_CONNECTION_ID:
        set_int(v, conn->id);
        break;
    case NC_OP_DOWNSTREAM_DIRECT_REMOTE_ADDRESS:
        set_address(v, &conn->direct_remote, WHOLE, scratch);
        break;
    case NC_OP_DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT:
        set_address(v, &conn->direct_remote, WITHOUT_PORT, scratch);
        break;
    case NC_OP_DOWNSTREAM_DIRECT_REMOTE_PORT:
        set_address(v, &conn->direct_remote, PORT, scratch);
        break;
    case NC_OP_DOWNSTREAM_LOCAL_ADDRESS:
        set_address(v, &conn->local, WHOLE, scratch);
        break;
    case NC_OP_DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT:
        set_address(v, &conn->local, WITHOUT_PORT, scratch);
        break;
    case NC_OP_DOWNSTREAM_LOCAL_PORT:
        set_address(v, &conn->local, PORT, scratch);
        break;
    case NC_OP_REQUESTED_SERVER_NAME:
        set_str(v, conn->requested_server_name);
        break;
    default:
        break;
    }
}


/* Operators that look at the upstream side. */
static void
upstream_value(const nc_format_op_t *op, const nc_http_info_t *info, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    switch (op->id) {
    case NC_OP_UPSTREAM_CLUSTER:
    case NC_OP_UPSTREAM_CLUSTER_RAW:
        set_str(v, info->cluster_name);
        break;
    case NC_OP_UPSTREAM_CONNECTION_ID:
        if (info->upstream_connection_id > 0) {
            set_int(v, info->upstream_connection_id);
        }
        break;
    case NC_OP_UPSTREAM_HOST:
    case NC_OP_UPSTREAM_REMOTE_ADDRESS:
        set_upstream(v, info, WHOLE, scratch);
        break;
    case NC_OP_UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT:
        set_upstream(v, info, WITHOUT_PORT, scratch);
        break;
    case NC_OP_UPSTREAM_REMOTE_PORT:
        set_upstream(v, info, PORT, scratch);
        break;
    case NC_OP_UPSTREAM_HOST_NAME:
        set_str(v, info->upstream_host_name);
        break;
    case NC_OP_UPSTREAM_HOST_NAME_WITHOUT_PORT:
        set_str(v, without_port(info->upstream_host_name));
        break;
    case NC_OP_UPSTREAM_LOCAL_ADDRESS:
        set_address(v, &info->upstream_local, WHOLE, scratch);
        break;
    case NC_OP_UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT:
        set_address(v, &info->upstream_local, WITHOUT_PORT, scratch);
        break;
    case NC_OP_UPSTREAM_LOCAL_PORT:
        set_address(v, &info->upstream_local, PORT, scratch);
        break;
    case NC_OP_UPSTREAM_PROTOCOL:
        if (info->upstream_protocol != NC_PROTOCOL_NONE) {
            set_str(v, nc_str_c(nc_protocol_str(info->upstream_protocol)));
        }
        break;
    case NC_OP_UPSTREAM_REQUEST_ATTEMPT_COUNT:
        set_int(v, info->attempts);
        break;
    case NC_OP_UPSTREAM_TRANSPORT_FAILURE_REASON:
        set_word(v, info->upstream_failure, scratch);
        break;
    case NC_OP_UPSTREAM_WIRE_BYTES_RECEIVED:
        set_int(v, info->upstream_wire_received);
        break;
    case NC_OP_UPSTREAM_WIRE_BYTES_SENT:
        set_int(v, info->upstream_wire_sent);
        break;
    default:
        break;
    }
}


/* Operators that give a time or a duration. */
static void
time_value(const nc_format_op_t *op, const nc_http_info_t *info, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    switch (op->id) {
    case NC_OP_START_TIME:
    case NC_OP_START_TIME_LOCAL:
        nc_time_format_print(op->time, info->start_wall_us, scratch);
        set_str(v, nc_sb_str(scratch));
        break;
    case NC_OP_EMIT_TIME:
    case NC_OP_EMIT_TIME_LOCAL:
        nc_time_format_print(op->time, now_us(), scratch);
        set_str(v, nc_sb_str(scratch));
        break;
    case NC_OP_DURATION:
        set_duration(v, info->start_us, info->end_us);
        break;
    case NC_OP_REQUEST_DURATION:
        set_duration(v, info->start_us, info->request_end_us);
        break;
    case NC_OP_REQUEST_TX_DURATION:
        set_duration(v, info->start_us, info->upstream_tx_last_us);
        break;
    case NC_OP_RESPONSE_DURATION:
        set_duration(v, info->start_us, info->upstream_rx_first_us);
        break;
    case NC_OP_RESPONSE_TX_DURATION:
        set_duration(v, info->upstream_rx_first_us, info->downstream_tx_last_us);
        break;
    case NC_OP_COMMON_DURATION:
        set_points_duration(op, info, v);
        break;
    default:
        break;
    }
}


/* Operators that look at the response or at sizes. */
static void
stream_value(const nc_format_op_t *op, const nc_http_view_t *view, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    const nc_http_info_t  *info = view->info;

    switch (op->id) {
    case NC_OP_ACCESS_LOG_TYPE:
        set_str(v, nc_str_c(nc_log_type_str((nc_log_type_t) info->log_type)));
        break;
    case NC_OP_CONNECTION_TERMINATION_DETAILS:
        set_str(v, nc_str_c(info->termination_details));
        break;
    case NC_OP_DOWNSTREAM_REMOTE_ADDRESS:
        set_address(v, &info->remote, WHOLE, scratch);
        break;
    case NC_OP_DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT:
        set_address(v, &info->remote, WITHOUT_PORT, scratch);
        break;
    case NC_OP_DOWNSTREAM_REMOTE_PORT:
        set_address(v, &info->remote, PORT, scratch);
        break;
    case NC_OP_DOWNSTREAM_WIRE_BYTES_RECEIVED:
        set_int(v, info->wire_received);
        break;
    case NC_OP_DOWNSTREAM_WIRE_BYTES_SENT:
        set_int(v, info->wire_sent);
        break;
    case NC_OP_GRPC_STATUS:
        set_grpc(view, op->mode, scratch, v);
        break;
    case NC_OP_GRPC_STATUS_NUMBER:
        set_grpc(view, NC_GRPC_NUMBER, scratch, v);
        break;
    case NC_OP_PATH:
        set_path_value(op, view->request, v);
        break;
    case NC_OP_QUERY_PARAM:
        set_query_param(op, view->request, scratch, v);
        break;
    case NC_OP_REQUEST_HEADERS_BYTES:
        set_int(v, info->request_header_bytes);
        break;
    case NC_OP_RESPONSE_HEADERS_BYTES:
        set_int(v, info->response_header_bytes);
        break;
    case NC_OP_RESPONSE_TRAILERS_BYTES:
        set_int(v, info->response_trailer_bytes);
        break;
    case NC_OP_RESPONSE_CODE_DETAILS:
        if (op->mode) {
            set_str(v, nc_str_c(info->details));
        } else {
            set_word(v, info->details, scratch);
        }
        break;
    case NC_OP_RESPONSE_FLAGS_LONG:
        nc_response_flags_print_long(info->flags, scratch);
        set_text(v, nc_sb_str(scratch));
        break;
    case NC_OP_STREAM_ID:
        set_str(v, info->request_id);
        break;
    case NC_OP_DYNAMIC_METADATA:
        nc_format_value_of(nc_dynamic_metadata_get(info, op->path.parts[0], op->path.parts + 1,
            op->path.n - 1), scratch, v);
        break;
    case NC_OP_FILTER_STATE:
        set_state_value(op, info, scratch, v);
        break;
    case NC_OP_VIRTUAL_CLUSTER_NAME:
        set_str(v, info->vcluster_name);
        break;
    default:
        break;
    }
}


/* What log lines are mostly made of comes first; the rest by groups. */
void
nc_format_value(const nc_format_op_t *op, const nc_http_view_t *view, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    const nc_http_info_t  *info = view->info;

    switch (op->id) {

    case NC_OP_REQ:
    case NC_OP_REQUEST_HEADER:
        set_header_value(op, view->request, v);
        return;

    case NC_OP_RESP:
    case NC_OP_RESPONSE_HEADER:
        set_header_value(op, view->response, v);
        return;

    case NC_OP_TRAILER:
    case NC_OP_RESPONSE_TRAILER:
        set_header_value(op, view->response_trailers, v);
        return;

    case NC_OP_BYTES_RECEIVED:
        set_int(v, info->bytes_received);
        return;

    case NC_OP_BYTES_SENT:
        set_int(v, info->bytes_sent);
        return;

    case NC_OP_RESPONSE_CODE:
        set_status(v, view);
        return;

    case NC_OP_RESPONSE_FLAGS:
        if (info->flags == 0) {
            set_text(v, NC_STR("-"));
        } else {
            nc_response_flags_print(info->flags, scratch);
            set_text(v, nc_sb_str(scratch));
        }
        return;

    case NC_OP_PROTOCOL:
        if (info->protocol != NC_PROTOCOL_NONE) {
            set_str(v, nc_str_c(nc_protocol_str(info->protocol)));
        }
        return;

    case NC_OP_ROUTE_NAME:
        set_str(v, info->route_name);
        return;

    case NC_OP_LOCAL_REPLY_BODY:
        set_text(v, info->local_reply_body);
        return;

    case NC_OP_HOSTNAME:
    case NC_OP_ENVIRONMENT:
        set_str(v, op->first.name);
        return;

    case NC_OP_MODULE:
        op->module.ops->value(op->module.op, view, scratch, v);
        return;

    default:
        time_value(op, info, scratch, v);
        if (v->type == NC_FV_NONE) {
            stream_value(op, view, scratch, v);
        }
        if (v->type == NC_FV_NONE) {
            upstream_value(op, info, scratch, v);
        }
        if (v->type == NC_FV_NONE) {
            connection_value(op, info->conn, scratch, v);
        }
        if (v->type == NC_FV_NONE) {
            nc_format_tls_value(op, info, scratch, v);
        }
    }
}
