/* tls_stats.c: the groups of tls_stats.h. */
#include "net/tls_stats.h"

NC_STATS_DEFINE(nc_tls_stats, NC_TLS_STATS)

#define MEMBER1(a, name)     { name, NC_STAT_COUNTER, NC_UNIT_NONE },
#define MEMBER2(a, b, name)  { name, NC_STAT_COUNTER, NC_UNIT_NONE },

static const nc_stats_member_t  used_members[] = {
    NC_TLS_VERSIONS(MEMBER1)
    NC_TLS_CIPHERS(MEMBER1)
    NC_TLS_CURVES(MEMBER1)
    NC_TLS_SIGALGS(MEMBER2)
};

static const nc_stats_type_t  used_type = {
    "nc_tls_used_stats", used_members, NC_COUNTOF(used_members)
};

_Static_assert(sizeof(nc_tls_used_stats_t) == sizeof(uint32_t) * NC_COUNTOF(used_members),
    "a group is an array of ids");


void
nc_tls_used_stats_init(nc_tls_used_stats_t *s, nc_stats_owner_t *owner, nc_str_t prefix)
{
    nc_stats_group(owner, &used_type, prefix, (uint32_t *) (void *) s);
}
