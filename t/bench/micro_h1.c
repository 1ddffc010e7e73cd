/*
 * micro_h1.c: what parsing and writing of one HTTP/1 head costs, next to a lower bound measured in
 * the same run: copying the head and finding its line ends. Prints numbers, judges nothing.
 *
 *      cc -O2 -Isrc t/bench/micro_h1.c objs/libnuncio.a <LIBS of objs/Makefile> -o micro_h1
 */
#include "codec/h1.h"

#include <time.h>

#define ROUNDS      60
#define PER_ROUND   20000

static const char  curl_head[] =
    "GET / HTTP/1.1\r\nHost: localhost:10000\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

static const char  browser_head[] =
    "GET /static/app/main.js?v=20240131 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/index.html\r\n"
    "DNT: 1\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; lang=en\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: none\r\n"
    "\r\n";

static const char  response_head[] =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: text/html\r\nContent-Length: 1024\r\n"
    "Last-Modified: Sun, 31 Dec 2023 00:00:00 GMT\r\nConnection: keep-alive\r\n"
    "ETag: \"6590c4c0-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

typedef struct {
    const char       *head;
    size_t            len;
    bool              response;
    char              data[2048];
    nc_pool_t         pool;
    nc_headers_t      headers;
    nc_h1_head_t      parsed;
    nc_h1_options_t   options;
    nc_buf_t          out;
    uint64_t          sum;                      /* keeps the compiler from dropping the work */
} work_t;


static void
copy(work_t *w)
{
    memcpy(w->data, w->head, w->len);
    __asm__ volatile ("" : : "r" (w->data) : "memory");
}


static void
copy_and_find_lines(work_t *w)
{
    const char  *p = w->data, *end = w->data + w->len;

    copy(w);

    while ((p = memchr(p, '\n', (size_t) (end - p))) != NULL) {
        p++;
        w->sum++;
    }
}


static void
copy_and_parse(work_t *w)
{
    nc_h1_parser_t  parser;
    size_t          consumed = 0;
    nc_rc_t         rc;

    copy(w);
    nc_pool_init(&w->pool, &nc_pool_heap);
    nc_headers_init(&w->headers, &w->pool);
    nc_h1_parser_init(&parser);

    rc = w->response
       ? nc_h1_parse_response(&parser, &w->options, NC_H1_FOR_OTHER, w->data, w->len, &w->headers,
                              &w->parsed, &consumed)
       : nc_h1_parse_request(&parser, &w->options, w->data, w->len, &w->headers, &w->parsed,
                             &consumed);
    NC_CHECK(rc == NC_OK && consumed == w->len);
    w->sum += w->headers.n;
    nc_pool_fini(&w->pool);
}


static void
pool_only(work_t *w)
{
    copy(w);
    nc_pool_init(&w->pool, &nc_pool_heap);
    nc_headers_init(&w->headers, &w->pool);
    w->sum += (uintptr_t) nc_pool_alloc(&w->pool, 960) & 1;
    nc_pool_fini(&w->pool);
}


static void
encode(work_t *w)
{
    nc_h1_encode_t  how = { .body = w->response ? NC_H1_BODY_LENGTH : NC_H1_BODY_NONE,
                            .length = 1024 };

    NC_CHECK((w->response ? nc_h1_encode_response : nc_h1_encode_request)
             (&w->out, &w->headers, &how) == NC_OK);
    w->sum += w->out.len;
    nc_buf_fini(&w->out);
}


static void
buffer_and_copy(work_t *w)
{
    size_t  room;
    char   *p = nc_buf_reserve(&w->out, w->len, &room);

    memcpy(p, w->head, w->len);
    nc_buf_commit(&w->out, w->len);
    w->sum += w->out.len;
    nc_buf_fini(&w->out);
}


/* Best of some rounds, in ns per call. */
static double
measure(void (*fn)(work_t *), work_t *w)
{
    double  best = 1e9;

    for (int r = 0; r < ROUNDS; r++) {
        struct timespec  a, b;
        double           ns;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);

        for (int i = 0; i < PER_ROUND; i++) {
            fn(w);
        }

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        ns = ((double) (b.tv_sec - a.tv_sec) * 1e9 + (double) (b.tv_nsec - a.tv_nsec)) / PER_ROUND;
        best = NC_MIN(best, ns);
    }

    return best;
}


static void
report(const char *name, const char *head, size_t len, bool response)
{
    static work_t  w;
    double         bound, pool, parse, written, reserved;

    memset(&w, 0, sizeof(w));
    w.head = head;
    w.len = len;
    w.response = response;
    nc_buf_init(&w.out);

    bound = measure(copy_and_find_lines, &w);
    pool = measure(pool_only, &w) - measure(copy, &w);
    parse = measure(copy_and_parse, &w);

    /* Headers to write: parsed once more, and kept. */
    copy_and_parse(&w);
    nc_pool_init(&w.pool, &nc_pool_heap);
    nc_headers_init(&w.headers, &w.pool);
    {
        nc_h1_parser_t  parser = { 0 };
        size_t          consumed;

        copy(&w);

        if (response) {
            nc_h1_parse_response(&parser, &w.options, NC_H1_FOR_OTHER, w.data, len, &w.headers,
                                 &w.parsed, &consumed);
        } else {
            nc_h1_parse_request(&parser, &w.options, w.data, len, &w.headers, &w.parsed,
                                &consumed);
        }
    }
    reserved = measure(buffer_and_copy, &w);
    written = measure(encode, &w);

    printf("%-16s %4zu bytes %2u headers: copy + line ends %6.1f ns | copy + parse %6.1f ns "
           "(%.2f of it; pool %.1f ns) | write %6.1f ns (%.2f of reserve + copy, %.1f ns)\n",
           name, len, w.headers.live, bound, parse, parse / bound, pool, written,
           written / reserved, reserved);
    nc_pool_fini(&w.pool);
}


static void
report_ids(void)
{
    struct timespec  a, b;
    uint64_t         sum = 0;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);

    for (int i = 0; i < PER_ROUND; i++) {
        for (int id = 1; id < NC_H_MAX; id++) {
            sum += nc_header_id(nc_header_names[id]);
        }
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("nc_header_id     %.1f ns a name (known names in turn)%s\n",
           ((double) (b.tv_sec - a.tv_sec) * 1e9 + (double) (b.tv_nsec - a.tv_nsec))
           / PER_ROUND / (NC_H_MAX - 1), sum ? "" : " ");
}


int
main(void)
{
    report("curl", curl_head, sizeof(curl_head) - 1, false);
    report("browser", browser_head, sizeof(browser_head) - 1, false);
    report("response", response_head, sizeof(response_head) - 1, true);
    report_ids();

    return 0;
}
