/*
 * chain_match.h: choosing the filter chain of a connection by filter_chain_match.
 *
 * Compiled into a tree with one level per field, in the order of specificity (Envoy's):
 *
 *   destination_port ─ prefix_ranges ─ server_names ─ transport_protocol ─ application_protocols
 *   ─ direct_source_prefix_ranges ─ source_type ─ source_prefix_ranges ─ source_ports
 *
 * At each level the most specific value that fits is followed, and only that one: a chain for port
 * 80 hides all chains for any port from connections to port 80, whatever else it asks for. Levels
 * that no chain below asks about are left out, so a look-up costs what is configured, not how many
 * chains there are.
 */
#ifndef NC_NET_CHAIN_MATCH_H
#define NC_NET_CHAIN_MATCH_H

#include "base/compile.h"
#include "base/hash.h"
#include "net/ip_map.h"

struct nc_filter_chain_s;
struct Envoy__Config__Listener__V3__FilterChain;

typedef struct nc_chain_node_s  nc_chain_node_t;

typedef enum {
    NC_CHAIN_PORT,
    NC_CHAIN_PREFIX,
    NC_CHAIN_NAME,
    NC_CHAIN_TRANSPORT,
    NC_CHAIN_ALPN,
    NC_CHAIN_DIRECT,
    NC_CHAIN_TYPE,
    NC_CHAIN_SOURCE,
    NC_CHAIN_SOURCE_PORT,
    NC_CHAIN_LEAF
} nc_chain_level_t;

struct nc_chain_node_s {
    nc_chain_level_t        level;
    const nc_chain_node_t  *any;                /* what asks for nothing here, or NULL */
    union {
        nc_table_t                       table;     /* ports (2 bytes), names, protocols */
        nc_ip_map_t                      ip;
        const nc_chain_node_t           *type[2];   /* same IP or loopback, external */
        const struct nc_filter_chain_s  *chain;     /* LEAF */
    };
};

typedef struct {
    const nc_chain_node_t  *root;
    bool                    needs_local;        /* some chain asks for the destination */
} nc_chain_match_t;

/* What is known of a connection. */
typedef struct {
    nc_peer_t        local;                     /* only when needs_local */
    nc_peer_t        remote;
    nc_peer_t        direct_remote;
    nc_str_t         server_name;               /* lower case; may be empty */
    nc_str_t         transport;                 /* never empty: "raw_buffer" when not detected */
    const nc_str_t  *alpn;
    uint32_t         n_alpn;
} nc_chain_input_t;

/*
 * Builds the tree of the `n` messages; chains[i] belongs to messages[i]. Errors are added for
 * conditions that are wrong, and for two chains that the same connection would match.
 */
void nc_chain_match_compile(nc_compile_t *cc, nc_chain_match_t *match,
    struct Envoy__Config__Listener__V3__FilterChain *const *messages,
    const struct nc_filter_chain_s *chains, size_t n);

/* The chain for the connection, or NULL. */
const struct nc_filter_chain_s *nc_chain_match_find(const nc_chain_match_t *match,
    const nc_chain_input_t *in);

#endif
