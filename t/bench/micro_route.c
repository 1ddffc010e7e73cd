/*
 * micro_route.c: what finding a route costs in tables of 10, 1,000 and 10,000 routes. Prints
 * numbers, and each as a ratio to the smallest table; judges nothing. t/bench/run builds and runs it.
 *
 * Regexes are tried in order when they begin with the same bytes: nothing but their literal
 * beginnings tells them apart, so "regex" here, where each begins with its own, is the good case,
 * and "any" (expressions that begin with a variable part) is the linear one.
 */
#include "http/route.h"

#include <envoy/config/route/v3/route.pb-c.h>
#include <time.h>

#include "api/doc.h"

#define ROUNDS  200000u

typedef struct {
    const char  *what;
    const char  *match;                         /* of route %u */
    const char  *path;                          /* of a request for route %u */
    bool         linear;                        /* fewer rounds for many routes */
} kind_t;

static const kind_t  kinds[] = {
    { "path", "path: '/service/%u/index.html'", "/service/%u/index.html", false },
    { "prefix", "prefix: '/service/%u/'", "/service/%u/static/img/logo.png", false },
    { "regex", "safe_regex: {regex: '/service/%u/[a-z]+/\\d+'}", "/service/%u/item/17",
      false },
    { "any", "safe_regex: {regex: '/[a-z]+/%u/\\d+'}", "/service/%u/17", true },
    { "header", "headers: [{name: x-tenant, exact_match: 't%u'}], prefix: '/service/%u/'",
      "/service/%u/x", false }
};

static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static const nc_route_config_t *
make_table(nc_compile_t *cc, const kind_t *kind, unsigned n)
{
    nc_sb_t                   yaml;
    nc_doc_t                 *doc;
    const nc_route_config_t  *rc;

    nc_sb_init(&yaml);
    nc_sb_c_add(&yaml, "virtual_hosts: [{name: v, domains: ['*'], routes: [\n");
    for (unsigned i = 0; i < n; i++) {
        nc_sb_c_add(&yaml, "{match: {");
        nc_sb_printf(&yaml, kind->match, i, i);
        nc_sb_c_add(&yaml, "}, route: {cluster: c}},\n");
    }
    nc_sb_c_add(&yaml, "{match: {prefix: /}, route: {cluster: c}}]}]");

    doc = nc_doc_create(&envoy__config__route__v3__route_configuration__descriptor, 0);
    nc_doc_add_text(doc, "bench", NC_DOC_YAML, nc_sb_str(&yaml), cc->errors);
    rc = nc_route_config_compile(cc, (const void *) nc_doc_root(doc));
    nc_doc_destroy(doc);
    nc_sb_fini(&yaml);

    return rc;
}

static double
measure(const nc_route_config_t *rc, const kind_t *kind, unsigned n)
{
    double      began, spent = 0;
    uint32_t    rounds = kind->linear ? ROUNDS / (n / 10) : ROUNDS;
    unsigned    missed = 0;
    nc_pool_t   pool;

    nc_pool_init(&pool, &nc_pool_heap);

    for (unsigned turn = 0; turn < 64; turn++) {
        char                path[128], tenant[32];
        unsigned            which = (unsigned) (turn * 2654435761u) % n;
        nc_headers_t        h;
        nc_route_match_t    m;
        nc_route_request_t  rq = { &h, 0, false, &pool, NULL };

        snprintf(path, sizeof(path), kind->path, which);
        snprintf(tenant, sizeof(tenant), "t%u", which);
        nc_headers_init(&h, &pool);
        nc_headers_add_id(&h, NC_H_AUTHORITY, NC_STR("www.example.org"));
        nc_headers_add_id(&h, NC_H_PATH, nc_str_c(path));
        nc_headers_add(&h, NC_STR("x-tenant"), nc_str_c(tenant));

        began = now();
        for (uint32_t i = 0; i < NC_MAX(rounds / 64, 1u); i++) {
            nc_route_find(rc, &rq, &m);
            __asm__ volatile("" ::: "memory");
        }
        spent += now() - began;
        missed += m.route == NULL || m.route->order != which;
    }

    if (missed > 0) {
        printf("%u requests went elsewhere\n", missed);
    }
    nc_pool_fini(&pool);

    return spent * 1e9 / (NC_MAX(rounds / 64, 1u) * 64);
}

int
main(void)
{
    static const unsigned  sizes[] = { 10, 1000, 10000 };

    printf("%-10s %18s %18s %18s\n", "routes", "10", "1000", "10000");

    for (size_t k = 0; k < NC_COUNTOF(kinds); k++) {
        double  least = 0;

        printf("%-10s", kinds[k].what);

        for (size_t i = 0; i < NC_COUNTOF(sizes); i++) {
            nc_pool_t                 pool;
            nc_errors_t               errors;
            nc_compile_t              cc = { .pool = &pool, .errors = &errors };
            double                    ns;
            const nc_route_config_t  *rc;

            nc_pool_init(&pool, &nc_pool_heap);
            nc_errors_init(&errors);
            rc = make_table(&cc, &kinds[k], sizes[i]);
            if (rc == NULL) {
                printf("  %s: %s\n", errors.first->path, errors.first->message);
                return 1;
            }
            ns = measure(rc, &kinds[k], sizes[i]);
            least = i == 0 ? ns : least;
            printf(" %8.0f ns %6.2f", ns, ns / least);
            fflush(stdout);
            nc_errors_fini(&errors);
            nc_pool_fini(&pool);
        }
        printf("\n");
    }

    return 0;
}
