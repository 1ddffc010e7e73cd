/* cli_explain_flag.c: "nuncio explain-flag": what a response flag of the access log means. */
#include "process/route_check.h"

typedef struct {
    const char  *brief;
    const char  *name;
} flag_t;

/* Why a request ends so, and where to look; in the order of the flags. */
#define TEXTS(X)  \
    X(LOCAL_HEALTH,  \
        "A health check of this server itself failed, or it was told to fail (POST "  \
        "/healthcheck/fail).",  \
        "/ready and /server_info of the admin interface; who asked for the drain.")  \
    X(NO_HEALTHY_UPSTREAM,  \
        "The cluster has no endpoint that may be used: it has none at all, its names do "  \
        "not resolve, or all of them are unhealthy or ejected.",  \
        "/clusters (membership_healthy, health_flags); DNS; "  \
        "cluster.<name>.update_failure and membership_total.")  \
    X(UPSTREAM_TIMEOUT,  \
        "The upstream took longer than the route's timeout, or a try longer than its "  \
        "per_try_timeout or per_try_idle_timeout.",  \
        "RouteAction.timeout (15 s unless set) and RetryPolicy; "  \
        "cluster.<name>.upstream_rq_timeout; %RESPONSE_CODE_DETAILS% tells which limit "  \
        "it was.")  \
    X(LOCAL_RESET,  \
        "Nuncio broke off the connection to the upstream before the response.",  \
        "%RESPONSE_CODE_DETAILS%; limits of the stream: idle timeout, "  \
        "max_stream_duration.")  \
    X(UPSTREAM_REMOTE_RESET,  \
        "The upstream reset the stream (RST_STREAM) or refused it.",  \
        "The upstream's log; its limit of concurrent streams; retry_on: refused-stream, "  \
        "reset.")  \
    X(UPSTREAM_CONNECT_FAILURE,  \
        "No connection to the upstream: it was refused, unreachable, took longer than "  \
        "connect_timeout, or the TLS handshake failed.",  \
        "%UPSTREAM_TRANSPORT_FAILURE_REASON% and %UPSTREAM_HOST%; "  \
        "cluster.<name>.upstream_cx_connect_fail and upstream_cx_connect_timeout; "  \
        "firewall, port, certificates.")  \
    X(UPSTREAM_TERMINATION,  \
        "The upstream closed the connection in the middle of a response, or of the "  \
        "request.",  \
        "The upstream's log for a crash; its idle timeout, which should be longer than "  \
        "the cluster's; %BYTES_RECEIVED%; retry_on: reset.")  \
    X(UPSTREAM_OVERFLOW,  \
        "A circuit breaker is open: too many connections, pending requests, requests or "  \
        "retries to this cluster.",  \
        "cluster.<name>.circuit_breakers.* and upstream_rq_pending_overflow; "  \
        "Cluster.circuit_breakers (1024 unless set).")  \
    X(NO_ROUTE,  \
        "No virtual host has the host name, or none of its routes matches; for TCP, no "  \
        "filter chain matches.",  \
        "nuncio route-check with the same request says which condition failed.")  \
    X(DELAY_INJECTED,  \
        "The fault filter delayed the request, as it was told.",  \
        "The fault filter's configuration and the x-envoy-fault-* headers.")  \
    X(FAULT_INJECTED,  \
        "The fault filter answered instead of the upstream, as it was told.",  \
        "The fault filter's configuration and the x-envoy-fault-* headers.")  \
    X(RATE_LIMITED,  \
        "A rate limit was reached: local, or the answer of a rate limit service (429).",  \
        "The rate limit filter's configuration; x-ratelimit-* headers; its stats.")  \
    X(UNAUTHORIZED,  \
        "The external authorization service refused the request.",  \
        "That service's log; ext_authz stats (denied, error).")  \
    X(RATE_LIMIT_ERROR,  \
        "The rate limit service could not be asked, and the filter is set to refuse "  \
        "then.",  \
        "The service's cluster; failure_mode_deny of the filter.")  \
    X(DOWNSTREAM_TERMINATION,  \
        "The client closed its connection before the response was complete.",  \
        "The client's timeout; %DURATION%; a load balancer in front with a shorter "  \
        "timeout.")  \
    X(RETRY_LIMIT_EXCEEDED,  \
        "The request failed, and no more tries were allowed (num_retries), or for TCP "  \
        "max_connect_attempts.",  \
        "The other flags on the line name the last failure; RetryPolicy; "  \
        "cluster.<name>.upstream_rq_retry_limit_exceeded.")  \
    X(STREAM_IDLE_TIMEOUT,  \
        "Nothing moved in either direction for stream_idle_timeout, or the route's "  \
        "idle_timeout.",  \
        "HttpConnectionManager.stream_idle_timeout (5 min unless set), "  \
        "RouteAction.idle_timeout; long polls need more.")  \
    X(INVALID_HEADERS,  \
        "An x-envoy-* header of the request has a value that strict_check_headers does "  \
        "not allow.",  \
        "%RESPONSE_CODE_DETAILS% names the header.")  \
    X(DOWNSTREAM_PROTOCOL_ERROR,  \
        "The client broke the rules of HTTP: malformed head, ambiguous length, too "  \
        "large headers, a wrong frame.",  \
        "%RESPONSE_CODE_DETAILS%; http.<prefix>.downstream_cx_protocol_error; http1.* "  \
        "and http2.* counters.")  \
    X(UPSTREAM_MAX_DURATION,  \
        "The stream to the upstream lasted longer than the cluster's or the route's "  \
        "max_stream_duration.",  \
        "max_stream_duration of the cluster's common_http_protocol_options and of the "  \
        "route.")  \
    X(CACHE_FILTER,  \
        "The cache answered; the upstream was not asked.",  \
        "The cache filter's configuration.")  \
    X(NO_FILTER_CONFIG,  \
        "A filter whose configuration comes from a control plane has none yet.",  \
        "The control plane; the extension_config_discovery stats.")  \
    X(DURATION_TIMEOUT,  \
        "The stream or the connection lasted longer than it may: max_stream_duration, "  \
        "max_connection_duration.",  \
        "common_http_protocol_options of the connection manager; "  \
        "RouteAction.max_stream_duration.")  \
    X(UPSTREAM_PROTOCOL_ERROR,  \
        "The upstream broke the rules of HTTP in its response.",  \
        "cluster.<name>.upstream_cx_protocol_error; whether the cluster's protocol "  \
        "(HTTP/1, HTTP/2) is the one that is spoken there.")  \
    X(NO_CLUSTER,  \
        "The route names a cluster that does not exist, or the cluster_header is "  \
        "missing or names none.",  \
        "nuncio route-check; /clusters.")  \
    X(OVERLOAD_MANAGER,  \
        "An overload action ended the stream to save memory or descriptors.",  \
        "/memory; overload.* stats.")  \
    X(DNS_FAILURE,  \
        "The name of the upstream could not be resolved when it was needed.",  \
        "dns stats; resolver; /etc/resolv.conf.")  \
    X(DROP_OVERLOAD,  \
        "The endpoint assignment says to drop a share of the requests (drop_overloads).",  \
        "The control plane's ClusterLoadAssignment.policy.")  \
    X(DOWNSTREAM_REMOTE_RESET,  \
        "The client reset the stream (RST_STREAM) before the response was complete.",  \
        "The client's log: cancelled, deadline exceeded.")  \
    X(DROP_UNCONDITIONAL,  \
        "The endpoint assignment says to drop all requests.",  \
        "The control plane's ClusterLoadAssignment.policy.")

static const char *const  causes[NC_RF_COUNT] = {
#define X(id, cause, look)  [NC_RF_##id##_INDEX] = cause,
    TEXTS(X)
#undef X
};

static const char *const  looks[NC_RF_COUNT] = {
#define X(id, cause, look)  [NC_RF_##id##_INDEX] = look,
    TEXTS(X)
#undef X
};

static const flag_t  flags[NC_RF_COUNT] = {
#define X(id, brief, name)  { brief, name },
    NC_RESPONSE_FLAGS(X)
#undef X
};


/* Words of `text` in lines behind `head`. */
static void
print_wrapped(const char *head, const char *text)
{
    size_t    at = strlen(head);
    nc_str_t  rest = nc_str_c(text), word;

    fputs(head, stdout);

    while (nc_str_split(&rest, ' ', &word)) {
        if (at + 1 + word.len > 90) {
            printf("\n%*s", (int) strlen(head), "");
            at = strlen(head);
        }
        printf(" " NC_STR_FMT, NC_STR_ARG(word));
        at += 1 + word.len;
    }

    putchar('\n');
}


static void
explain(unsigned i)
{
    printf("%s (%s)\n", flags[i].brief, flags[i].name);
    print_wrapped("  means", causes[i]);
    print_wrapped("  look at", looks[i]);
}


int
nc_cli_explain_flag(int argc, char **argv)
{
    int  status = 0;

    if (argc < 2) {
        fputs("Usage: nuncio explain-flag FLAG...        such as UF, or UF,URX; all for all of "
            "them\n", stderr);
        return 2;
    }

    for (int i = 1; i < argc; i++) {
        nc_str_t  rest = nc_str_c(argv[i]), word;

        while (nc_str_split(&rest, ',', &word)) {
            bool  found = false;

            for (unsigned j = 0; j < NC_RF_COUNT; j++) {
                if (nc_str_eq(word, NC_STR("all")) || nc_str_caseeq(word, nc_str_c(flags[j].brief))
                    || nc_str_caseeq(word, nc_str_c(flags[j].name)))
                {
                    explain(j);
                    found = true;
                }
            }

            if (!found) {
                fprintf(stderr, "nuncio explain-flag: there is no flag \"" NC_STR_FMT "\"\n",
                    NC_STR_ARG(word));
                status = 2;
            }
        }
    }

    return status;
}
