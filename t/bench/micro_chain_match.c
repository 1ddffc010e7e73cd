/*
 * micro_chain_match.c: what finding a filter chain costs among 10, 500 and 5,000 of them. Prints
 * nanoseconds per look-up, judges nothing.
 *
 *      cc -O2 -D_GNU_SOURCE -Isrc -Iobjs/gen t/bench/micro_chain_match.c objs/libnuncio.a \
 *          <LIBS of objs/Makefile> -o micro_chain_match
 */
#include "net/chain_match.h"
#include "net/listener.h"

#include "api/doc.h"

#include <envoy/config/listener/v3/listener.pb-c.h>
#include <time.h>

#define ROUNDS  2000000u

typedef Envoy__Config__Listener__V3__Listener  listener_t;

static const struct {
    const char  *what;
    const char  *match;                         /* of chain %u, %u */
} kinds[] = {
    { "server name", "server_names: ['n%u.example.com']" },
    { "wildcard", "server_names: ['*.n%u.example.com']" },
    { "name + ALPN", "server_names: ['n%u.example.com'], application_protocols: [h2]" },
    { "prefix /24", "prefix_ranges: [{address_prefix: 10.%u.%u.0, prefix_len: 24}]" },
    { "port + source", "destination_port: 443, source_prefix_ranges: "
      "[{address_prefix: 10.%u.%u.0, prefix_len: 24}]" }
};


static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static nc_peer_t
peer(const char *ip, uint16_t port)
{
    nc_addr_t  a;
    nc_peer_t  p;

    NC_CHECK(nc_addr_parse_ip(&a, nc_str_c(ip), port) == NC_OK);
    nc_peer_from(&p, &a.sa, a.len);

    return p;
}


static void
fill(nc_chain_input_t *in, char *name, unsigned kind, unsigned i)
{
    static const nc_str_t  alpn[] = { NC_STR_INIT("h2") };
    char                   ip[32];

    snprintf(ip, sizeof(ip), "10.%u.%u.7", i >> 8, i & 255);
    snprintf(name, 64, "%sn%u.example.com", kind == 1 ? "a." : "", i);
    *in = (nc_chain_input_t) { .transport = NC_STR("tls"), .alpn = alpn, .n_alpn = 1 };
    in->server_name = nc_str_c(name);
    in->local = peer(kind == 3 ? ip : "127.0.0.1", 443);
    in->remote = in->direct_remote = peer(kind == 4 ? ip : "127.0.0.1", 999);
}


static double
measure(unsigned kind, unsigned n)
{
    nc_pool_t           pool;
    nc_errors_t         errors;
    nc_compile_t        cc = { .pool = &pool, .errors = &errors, .check_only = true };
    nc_sb_t             yaml;
    nc_doc_t           *doc;
    const listener_t   *l;
    nc_filter_chain_t  *chains = nc_calloc(n * sizeof(*chains));
    nc_chain_match_t    match = { NULL, false };
    nc_chain_input_t    in[64];
    static char         names[64][64];
    unsigned            missed = 0;
    double              began;

    nc_pool_init(&pool, &nc_pool_heap);
    nc_errors_init(&errors);
    nc_sb_init(&yaml);
    nc_sb_c_add(&yaml, "filter_chains:\n");

    for (unsigned i = 0; i < n; i++) {
        nc_sb_c_add(&yaml, "- {filter_chain_match: {");
        nc_sb_printf(&yaml, kinds[kind].match, kind < 3 ? i : i >> 8, i & 255);
        nc_sb_c_add(&yaml, "}}\n");
    }

    doc = nc_doc_create(&envoy__config__listener__v3__listener__descriptor, 0);
    nc_doc_add_text(doc, "bench", NC_DOC_YAML, nc_sb_str(&yaml), &errors);
    l = (const void *) nc_doc_root(doc);
    nc_chain_match_compile(&cc, &match, l->filter_chains, chains, l->n_filter_chains);
    NC_CHECK(errors.n == 0);

    for (unsigned i = 0; i < 64; i++) {
        fill(&in[i], names[i], kind, (i * 2654435761u) % n);
    }

    began = now();

    for (unsigned i = 0; i < ROUNDS; i++) {
        const nc_filter_chain_t  *c = nc_chain_match_find(&match, &in[i & 63]);

        missed += c != &chains[((i & 63) * 2654435761u) % n];
    }

    began = now() - began;

    if (missed) {
        printf("%u connections went elsewhere\n", missed);
    }

    nc_doc_destroy(doc);
    nc_sb_fini(&yaml);
    nc_errors_fini(&errors);
    nc_pool_fini(&pool);
    free(chains);

    return began * 1e9 / ROUNDS;
}


int
main(void)
{
    static const unsigned  sizes[] = { 10, 500, 5000 };

    printf("%-14s %8s %8s %8s   ns per look-up\n", "chains", "10", "500", "5000");

    for (unsigned k = 0; k < NC_COUNTOF(kinds); k++) {
        printf("%-14s", kinds[k].what);

        for (size_t i = 0; i < NC_COUNTOF(sizes); i++) {
            printf(" %8.1f", measure(k, sizes[i]));
        }
        printf("\n");
    }

    return 0;
}
