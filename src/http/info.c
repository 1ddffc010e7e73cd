/* info.c: names of response flags and protocols. */
#include "http/info.h"

#include "net/tls.h"

static const char *const  short_names[NC_RF_COUNT] = {
#define X(id, abbr, name)  abbr,
    NC_RESPONSE_FLAGS(X)
#undef X
};

static const char *const  long_names[NC_RF_COUNT] = {
#define X(id, abbr, name)  name,
    NC_RESPONSE_FLAGS(X)
#undef X
};


static void
print(uint32_t flags, const char *const *names, nc_sb_t *out)
{
    bool  first = true;

    if (flags == 0) {
        nc_sb_char(out, '-');
        return;
    }

    for (unsigned i = 0; i < NC_RF_COUNT; i++) {
        if (flags & NC_BIT(i)) {
            if (!first) {
                nc_sb_char(out, ',');
            }
            nc_sb_c_add(out, names[i]);
            first = false;
        }
    }
}


void
nc_response_flags_print(uint32_t flags, nc_sb_t *out)
{
    print(flags, short_names, out);
}


void
nc_response_flags_print_long(uint32_t flags, nc_sb_t *out)
{
    print(flags, long_names, out);
}


const char *
nc_protocol_str(nc_protocol_t p)
{
    static const char *const  names[] = { "-", "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3" };

    return p < NC_COUNTOF(names) ? names[p] : "-";
}


const char *
nc_log_type_str(nc_log_type_t type)
{
    switch (type) {
    case NC_LOG_TCP_CONNECTED:        return "TcpUpstreamConnected";
    case NC_LOG_TCP_PERIODIC:         return "TcpPeriodic";
    case NC_LOG_TCP_END:              return "TcpConnectionEnd";
    case NC_LOG_DOWNSTREAM_START:     return "DownstreamStart";
    case NC_LOG_DOWNSTREAM_PERIODIC:  return "DownstreamPeriodic";
    case NC_LOG_DOWNSTREAM_END:       return "DownstreamEnd";
    case NC_LOG_DOWNSTREAM_TUNNEL:    return "DownstreamTunnelSuccessfullyEstablished";
    default:                          return "NotSet";
    }
}


void
nc_conn_info_tls(nc_conn_info_t *info, struct nc_conn_s *c)
{
    info->tls = nc_tls_info(c);

    if (info->tls) {
        info->is_tls = true;
        info->requested_server_name = nc_tls_fact(info->tls, NC_TLS_FACT_SERVER_NAME);
    }
}


void
nc_http_info_upstream_tls(nc_http_info_t *info, struct nc_conn_s *c)
{
    nc_tls_info_t  *now = c ? nc_tls_info(c) : NULL;

    if (now) {
        nc_tls_info_ref(now);
    }

    if (info->upstream_tls) {
        nc_tls_info_unref(info->upstream_tls);
    }

    info->upstream_tls = now;
}
