/*
 * dns.h: names to addresses, by c-ares on the loop of the process. Helper only.
 *
 * Invariants:
 *  1. An answer is never given from within nc_dns_resolve.
 *  2. At most NC_DNS_PARALLEL lookups are on the way; the others wait their turn.
 */
#ifndef NC_UPSTREAM_DNS_H
#define NC_UPSTREAM_DNS_H

#include "upstream/cluster_compile.h"

#define NC_DNS_PARALLEL     200u
#define NC_DNS_MAX_ADDRS    1024u               /* of one name; the rest is left out */

typedef enum {
    NC_DNS_FOUND,
    NC_DNS_EMPTY,                               /* there is no such name, or no address of it */
    NC_DNS_FAILED                               /* nobody could tell */
} nc_dns_status_t;

typedef struct {
    nc_dns_status_t   status;
    const nc_addr_t  *addrs;                    /* with the port asked for; during the call only */
    uint32_t          n;
    uint32_t          ttl_s;                    /* the shortest; 0: none is known */
    const char       *error;                    /* unless FOUND */
} nc_dns_answer_t;

typedef struct nc_dns_query_s  nc_dns_query_t;
typedef void nc_dns_fn(void *ctx, const nc_dns_answer_t *answer);

typedef struct {
    const char  *servers;                       /* "127.0.0.1:5353,..."; NULL: as the system says */
    uint32_t     timeout_ms;                    /* of the first try; 0: 5000 */
    uint32_t     tries;                         /* 0: 4 */
} nc_dns_options_t;

/* Prepares the resolver; `options` (may be NULL) is copied. Everything has defaults. */
void nc_dns_init(const nc_dns_options_t *options);

/* Forgets all queries without an answer. */
void nc_dns_fini(void);

/* NULL when `name` can be asked for, else what is wrong with it. */
const char *nc_dns_name_error(nc_str_t name);

/* Looks `name` up; `fn` is called once, later. The query is valid until then. */
nc_dns_query_t *nc_dns_resolve(nc_str_t name, uint16_t port, nc_dns_family_t family, nc_dns_fn *fn,
    void *ctx);

/* No answer is wanted any more. */
void nc_dns_cancel(nc_dns_query_t *query);

#endif
