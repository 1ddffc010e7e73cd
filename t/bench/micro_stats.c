/*
 * micro_stats.c: what counting costs, and printing of many stats. Prints numbers, judges nothing.
 *
 *      cc -O2 -D_GNU_SOURCE -Isrc t/bench/micro_stats.c objs/libnuncio.a \
 *          <LIBS of objs/Makefile> -o micro_stats
 */
#include "stats/exposition.h"
#include "stats/hosts.h"
#include "stats/names.h"

#include <time.h>

#define ROUNDS    20000000u
#define CLUSTERS  10000u

static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Runs `op` ROUNDS times and prints the nanoseconds of one. */
#define MEASURE(what, op)  \
    do {  \
        double  began = now();  \
        for (uint32_t i = 0; i < ROUNDS; i++) {  \
            op;  \
            __asm__ volatile("" ::: "memory");  \
        }  \
        printf("%-28s %6.2f ns\n", what, (now() - began) * 1e9 / ROUNDS);  \
    } while (0)

static void
print_all(const char *what, nc_stats_format_t format, bool used_only)
{
    nc_stats_query_t   q;
    nc_stats_print_t  *p;
    nc_sb_t            out;
    size_t             bytes = 0;
    double             start = now(), longest = 0, last = start;
    bool               more;

    nc_stats_query_init(&q);
    nc_sb_init(&out);
    q.format = format;
    q.used_only = used_only;
    p = nc_stats_print_create(&q);

    do {
        more = nc_stats_print_more(p, &out, 65536);
        bytes += out.len;
        nc_sb_reset(&out);
        longest = now() - last > longest ? now() - last : longest;
        last = now();
    } while (more);

    nc_stats_print_destroy(p);
    nc_sb_fini(&out);
    printf("%-28s %6.0f ms, longest step %.0f ms, %.1f MB\n", what, (now() - start) * 1e3,
        longest * 1e3, (double) bytes / 1e6);
}

static void
many_clusters(nc_stats_owner_t *owner)
{
    double    start = now();
    uint32_t  i;

    for (i = 0; i < CLUSTERS; i++) {
        char                           name[64];
        nc_cluster_stats_t             s;
        nc_cluster_membership_stats_t  m;
        nc_circuit_breaker_stats_t     b;
        int                            n = snprintf(name, sizeof(name), "cluster.c%u", i);

        nc_cluster_stats_init(&s, owner, nc_str(name, (size_t) n));
        nc_cluster_membership_stats_init(&m, owner, nc_str(name, (size_t) n));
        snprintf(name + n, sizeof(name) - (size_t) n, ".circuit_breakers.default");
        nc_circuit_breaker_stats_init(&b, owner, nc_str_c(name));
        nc_counter_inc(s.upstream_rq_total);
        nc_histogram_record(s.upstream_rq_time, i);
    }

    printf("%u clusters named            %6.0f ms, arena %.1f MB\n", CLUSTERS,
        (now() - start) * 1e3, (double) nc_stats_memory() / 1e6);
}

int
main(void)
{
    nc_stats_owner_t    *owner;
    nc_cluster_stats_t   s;
    nc_codes_t           codes;
    nc_breaker_t         b;
    uint64_t             shared = 0;
    double               start;

    nc_stats_create_private();
    owner = nc_stats_owner_create();
    nc_cluster_stats_init(&s, owner, NC_STR("cluster.a"));
    codes = nc_stats_codes(owner, NC_STR("cluster.a.upstream_rq"));
    b = nc_breaker_get(NC_STR("a|default"));

    MEASURE("atomic add, for comparison", __atomic_fetch_add(&shared, 1, __ATOMIC_RELAXED));
    MEASURE("counter", nc_counter_inc(s.upstream_rq_total));
    MEASURE("gauge", nc_gauge_inc(s.upstream_rq_active));
    MEASURE("histogram", nc_histogram_record(s.upstream_rq_time, i & 4095));
    MEASURE("response code 200", nc_stats_code_inc(codes, 200));
    MEASURE("breaker, taken and released",
        (void) nc_breaker_try(b, NC_BREAKER_REQUESTS, 1024);
        nc_breaker_release(b, NC_BREAKER_REQUESTS));

    many_clusters(owner);
    print_all("text", NC_STATS_TEXT, false);
    print_all("text, used only", NC_STATS_TEXT, true);
    print_all("JSON", NC_STATS_JSON, false);
    print_all("Prometheus", NC_STATS_PROMETHEUS, false);
    start = now();
    nc_stats_flush();
    printf("flush of intervals           %6.0f ms\n", (now() - start) * 1e3);
    start = now();
    nc_stats_owner_destroy(owner);
    printf("all released                 %6.0f ms\n", (now() - start) * 1e3);
    nc_stats_destroy();

    return 0;
}
