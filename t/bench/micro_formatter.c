/*
 * micro_formatter.c: what an access log line costs. Prints numbers, judges nothing.
 *
 *      cc -O2 -D_GNU_SOURCE -Isrc t/bench/micro_formatter.c objs/libnuncio.a \
 *          <LIBS of objs/Makefile> -o micro_formatter
 */
#include "http/formatter.h"

#include <arpa/inet.h>
#include <time.h>

#define ROUNDS  2000000u

static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
measure(const char *what, const nc_format_t *f, nc_http_info_t *info, const nc_http_view_t *view)
{
    char     memory[4096];
    double   began;
    nc_sb_t  sb;

    nc_sb_fixed(&sb, memory, sizeof(memory));
    began = now();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        nc_sb_reset(&sb);
        info->start_wall_us += 100;
        nc_format_print(f, view, &sb);
        __asm__ volatile("" ::: "memory");
    }

    printf("%-28s %6.0f ns, %zu bytes\n", what, (now() - began) * 1e9 / ROUNDS, sb.len);
}

static void
add(nc_headers_t *h, const char *name, const char *value)
{
    nc_headers_add(h, nc_str_c(name), nc_str_c(value));
}

int
main(void)
{
    nc_pool_t       pool;
    nc_errors_t     errors;
    nc_headers_t    request, response;
    nc_compile_t    cc = { .pool = &pool, .errors = &errors };
    nc_conn_info_t  conn = { .id = 1 };
    nc_http_info_t  info = {
        .start_wall_us = 1700000000000000, .start_us = 1000, .end_us = 2500, .bytes_sent = 1024,
        .status = 200, .protocol = NC_PROTOCOL_HTTP11, .cluster_name = NC_STR("service"),
        .conn = &conn
    };
    nc_http_view_t  view = { .info = &info, .request = &request, .response = &response };

    nc_pool_init(&pool, &nc_pool_heap);
    nc_errors_init(&errors);
    nc_headers_init(&request, &pool);
    nc_headers_init(&response, &pool);

    add(&request, ":method", "GET");
    add(&request, ":path", "/static/img/logo.png?v=20240101");
    add(&request, ":authority", "www.example.org");
    add(&request, "user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox");
    add(&request, "x-request-id", "3c9b9a4e-7d0c-4f0e-9d5a-0a5d0d3e9d11");
    add(&request, "x-forwarded-for", "203.0.113.7");
    add(&response, ":status", "200");
    add(&response, "x-envoy-upstream-service-time", "1");
    info.upstream_remote.in = (struct sockaddr_in) { .sin_family = AF_INET,
        .sin_port = htons(8080), .sin_addr.s_addr = htonl(0x0a000001) };
    info.remote = conn.direct_remote = conn.remote = info.upstream_remote;

    measure("default line", nc_format_compile(&cc, NULL, "", nc_format_default, 0), &info, &view);
    measure("combined line", nc_format_compile(&cc, NULL, "",
        NC_STR("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% - - [%START_TIME(%d/%b/%Y:%H:%M:%S %z)%] "
        "\"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %BYTES_SENT% "
        "\"%REQ(REFERER)%\" \"%REQ(USER-AGENT)%\"\n"), 0), &info, &view);
    measure("%START_TIME%", nc_format_compile(&cc, NULL, "", NC_STR("%START_TIME%"), 0), &info,
        &view);
    measure("%UPSTREAM_HOST%", nc_format_compile(&cc, NULL, "", NC_STR("%UPSTREAM_HOST%"), 0),
        &info, &view);

    nc_errors_fini(&errors);
    nc_pool_fini(&pool);

    return 0;
}
