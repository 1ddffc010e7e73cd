/* proxy_status.c: the Proxy-Status header (RFC 9209) of answers that failed here. */
#include "http/manager_priv.h"

typedef struct {
    uint32_t     flags;
    const char  *error;                         /* RFC 9209 section 2.3 */
    unsigned     status;                        /* recommended; 0: none */
} fault_t;

/* The first one that holds counts. */
static const fault_t  faults[] = {
    { NC_RF_LOCAL_HEALTH | NC_RF_NO_HEALTHY_UPSTREAM, "destination_unavailable", 503 },
    { NC_RF_UPSTREAM_TIMEOUT, "http_response_timeout", 504 },
    { NC_RF_LOCAL_RESET, "connection_timeout", 504 },
    { NC_RF_UPSTREAM_REMOTE_RESET, "connection_terminated", 502 },
    { NC_RF_UPSTREAM_CONNECT_FAILURE, "connection_refused", 502 },
    { NC_RF_UPSTREAM_TERMINATION, "connection_terminated", 502 },
    { NC_RF_UPSTREAM_OVERFLOW, "connection_limit_reached", 503 },
    { NC_RF_NO_ROUTE, "destination_not_found", 500 },
    { NC_RF_RATE_LIMITED | NC_RF_RATE_LIMIT_ERROR, "connection_limit_reached", 503 },
    { NC_RF_RETRY_LIMIT_EXCEEDED, "destination_unavailable", 503 },
    { NC_RF_STREAM_IDLE_TIMEOUT, "http_response_timeout", 504 },
    { NC_RF_INVALID_HEADERS | NC_RF_DOWNSTREAM_PROTOCOL_ERROR, "http_request_error", 0 },
    { NC_RF_UPSTREAM_MAX_DURATION, "http_response_timeout", 504 },
    { NC_RF_NO_FILTER_CONFIG, "proxy_configuration_error", 500 },
    { NC_RF_UPSTREAM_PROTOCOL_ERROR, "http_protocol_error", 502 },
    { NC_RF_NO_CLUSTER, "destination_unavailable", 503 },
    { NC_RF_DNS_FAILURE, "dns_error", 502 }
};


static const fault_t *
find_fault(uint32_t flags)
{
    for (size_t i = 0; i < NC_COUNTOF(faults); i++) {
        if (flags & faults[i].flags) {
            return &faults[i];
        }
    }

    return NULL;
}


/* Inside a quoted string (RFC 8941 section 3.3.3): printable ASCII, '"' and '\' escaped. */
static void
print_quoted(nc_sb_t *sb, nc_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char  c = text.data[i];

        if (c < ' ' || c > '~') {
            nc_sb_char(sb, '?');
            continue;
        }

        if (c == '"' || c == '\\') {
            nc_sb_char(sb, '\\');
        }
        nc_sb_char(sb, c);
    }
}


static void
print_details(const nc_stream_t *s, nc_sb_t *sb)
{
    const nc_proxy_status_t  *conf = s->hcm->proxy_status;

    if (conf->remove_details || s->info.details == NULL) {
        return;
    }

    nc_sb_c_add(sb, "; details=\"");
    print_quoted(sb, nc_str_c(s->info.details));

    if (!conf->remove_termination_details && s->info.termination_details) {
        nc_sb_c_add(sb, "; ");
        print_quoted(sb, nc_str_c(s->info.termination_details));
    }

    if (!conf->remove_flags) {
        nc_sb_c_add(sb, "; ");
        nc_response_flags_print(s->info.flags, sb);
    }

    nc_sb_char(sb, '"');
}


void
nc_manager_proxy_status(nc_stream_t *s, nc_headers_t *h)
{
    const nc_proxy_status_t  *conf = s->hcm->proxy_status;
    const fault_t            *f = find_fault(s->info.flags);
    nc_str_t                  old = NC_STR_NULL;
    nc_sb_t                   sb;
    char                     *digits;

    if (f == NULL) {
        return;
    }

    nc_sb_init(&sb);

    if (nc_headers_joined(h, NC_STR("proxy-status"), &s->pool, &old)) {
        nc_sb_str_add(&sb, old);
        nc_sb_c_add(&sb, ", ");
    }

    nc_sb_str_add(&sb, conf->use_node_id ? nc_http_service_node : conf->name);
    nc_sb_c_add(&sb, "; error=");
    nc_sb_c_add(&sb, f->error);
    print_details(s, &sb);
    nc_headers_set(h, NC_STR("proxy-status"), nc_pool_str(&s->pool, nc_sb_str(&sb)));
    nc_sb_fini(&sb);

    if (conf->set_status && f->status) {
        digits = nc_pool_alloc(&s->pool, 24);
        nc_headers_set_id(h, NC_H_STATUS, nc_str(digits, nc_u64_format(digits, f->status)));
        s->info.status = (uint16_t) f->status;
    }
}
