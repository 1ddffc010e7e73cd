/*
 * Filter chains: the order of specificity in a table, and random lists of chains against a plain
 * walk that throws out, field by field, all but the most specific candidates.
 */
#include "net/chain_match.c"
#include "net/ip_map.c"

#include <check.h>
#include <stdarg.h>

#define MAX_CHAINS  24

static nc_pool_t          pool;
static nc_errors_t        errors;
static nc_compile_t       cc;
static chain_message_t   *messages[MAX_CHAINS];
static nc_filter_chain_t  chains[MAX_CHAINS];
static size_t             n_chains;
static nc_chain_match_t   match;
static uint64_t           seed;


static void
setup(void)
{
    nc_pool_init(&pool, &nc_pool_heap);
    nc_errors_init(&errors);
    cc = (nc_compile_t) { .pool = &pool, .errors = &errors, .check_only = true };
    n_chains = 0;
    match = (nc_chain_match_t) { NULL, false };
}


static void
teardown(void)
{
    nc_errors_fini(&errors);
    nc_pool_fini(&pool);
}


static match_message_t *
add_chain(void)
{
    chain_message_t  *c = nc_pool_new(&pool, chain_message_t);
    match_message_t  *m = nc_pool_new(&pool, match_message_t);

    envoy__config__listener__v3__filter_chain__init(c);
    envoy__config__listener__v3__filter_chain_match__init(m);
    c->filter_chain_match = m;
    messages[n_chains++] = c;

    return m;
}


static void
compile(void)
{
    nc_chain_match_compile(&cc, &match, messages, chains, n_chains);
}


static cidr_message_t *
cidr(const char *prefix, uint32_t len)
{
    cidr_message_t               *m = nc_pool_new(&pool, cidr_message_t);
    Google__Protobuf__UInt32Value *v = nc_pool_new(&pool, Google__Protobuf__UInt32Value);

    envoy__config__core__v3__cidr_range__init(m);
    google__protobuf__uint32_value__init(v);
    m->address_prefix = nc_pool_strdup(&pool, prefix);
    m->prefix_len = v;
    v->value = len;

    return m;
}


static void
set_cidrs(cidr_message_t ***list, size_t *n, cidr_message_t *one)
{
    cidr_message_t  **more = nc_pool_array(&pool, *n + 1, sizeof(*more));

    if (*n) {
        memcpy(more, *list, *n * sizeof(*more));
    }

    more[(*n)++] = one;
    *list = more;
}


static void
add_text(char ***list, size_t *n, const char *text)
{
    char  **more = nc_pool_array(&pool, *n + 1, sizeof(*more));

    if (*n) {
        memcpy(more, *list, *n * sizeof(*more));
    }

    more[(*n)++] = nc_pool_strdup(&pool, text);
    *list = more;
}


static void
set_port(match_message_t *m, uint32_t port)
{
    m->destination_port = nc_pool_new(&pool, Google__Protobuf__UInt32Value);
    google__protobuf__uint32_value__init(m->destination_port);
    m->destination_port->value = port;
}


static nc_peer_t
peer(const char *ip, uint16_t port)
{
    nc_addr_t  a;
    nc_peer_t  p;

    ck_assert_int_eq(nc_addr_parse_ip(&a, nc_str_c(ip), port), NC_OK);
    nc_peer_from(&p, &a.sa, a.len);

    return p;
}


static nc_chain_input_t
input(const char *local, uint16_t port, const char *remote)
{
    nc_chain_input_t  in = { .transport = NC_STR("raw_buffer") };

    in.local = peer(local, port);
    in.remote = in.direct_remote = peer(remote, 4000);

    return in;
}


static long
found(const nc_chain_input_t *in)
{
    const nc_filter_chain_t  *c = nc_chain_match_find(&match, in);

    return c ? c - chains : -1;
}


START_TEST(a_port_hides_chains_for_any_port)
{
    nc_chain_input_t  in = input("10.0.0.1", 443, "9.9.9.9");
    match_message_t  *m;

    m = add_chain();
    set_port(m, 443);
    m->transport_protocol = nc_pool_strdup(&pool, "tls");
    (void) add_chain();
    compile();
    ck_assert_uint_eq(errors.n, 0);
    ck_assert_int_eq(found(&in), -1);
    in.transport = NC_STR("tls");
    ck_assert_int_eq(found(&in), 0);
    in.local = peer("10.0.0.1", 80);
    ck_assert_int_eq(found(&in), 1);
}
END_TEST


START_TEST(the_longest_prefix_is_followed_alone)
{
    nc_chain_input_t  in = input("10.1.2.3", 1, "9.9.9.9");
    match_message_t  *m;

    m = add_chain();
    set_cidrs(&m->prefix_ranges, &m->n_prefix_ranges, cidr("10.0.0.0", 8));
    m = add_chain();
    set_cidrs(&m->prefix_ranges, &m->n_prefix_ranges, cidr("10.1.0.0", 16));
    m->source_type = SOURCE_TYPE(SAME_IP_OR_LOOPBACK);
    m = add_chain();
    set_cidrs(&m->prefix_ranges, &m->n_prefix_ranges, cidr("2001:db8::", 32));
    set_cidrs(&m->prefix_ranges, &m->n_prefix_ranges, cidr("0.0.0.0", 0));
    compile();
    ck_assert_uint_eq(errors.n, 0);
    ck_assert_int_eq(found(&in), -1);
    in.remote = in.local;
    ck_assert_int_eq(found(&in), 1);
    in.local = peer("10.2.0.0", 1);
    ck_assert_int_eq(found(&in), 0);
    in.local = peer("2001:db8:1::1", 1);
    ck_assert_int_eq(found(&in), 2);
    in.local = peer("255.255.255.255", 1);
    ck_assert_int_eq(found(&in), 2);
    in.local = peer("2001:db9::1", 1);
    ck_assert_int_eq(found(&in), -1);
}
END_TEST


START_TEST(names_match_whole_then_by_the_longest_wildcard)
{
    static const struct { const char *name; long chain; } cases[] = {
        { "a.b.example.com", 0 }, { "c.b.example.com", 1 }, { "b.example.com", 2 },
        { "x.y.b.example.com", 1 }, { "example.com", 3 }, { "xexample.com", 3 }, { "", 3 },
        { ".b.example.com", 1 }
    };
    const char       *names[] = { "a.b.example.com", "*.b.example.com", "*.Example.com" };
    nc_chain_input_t  in = input("10.1.2.3", 1, "9.9.9.9");

    for (size_t i = 0; i < NC_COUNTOF(names); i++) {
        match_message_t  *m = add_chain();

        add_text(&m->server_names, &m->n_server_names, names[i]);
    }

    (void) add_chain();
    compile();

    for (size_t i = 0; i < NC_COUNTOF(cases); i++) {
        in.server_name = nc_str_c(cases[i].name);
        ck_assert_msg(found(&in) == cases[i].chain, "%s: %ld", cases[i].name, found(&in));
    }

    ck_assert(!match.needs_local);
}
END_TEST


START_TEST(chains_that_cannot_be_told_apart_are_named_once)
{
    match_message_t  *m = add_chain();

    add_text(&m->server_names, &m->n_server_names, "a");
    add_text(&m->server_names, &m->n_server_names, "b");
    messages[0]->name = nc_pool_strdup(&pool, "first");
    m = add_chain();
    add_text(&m->server_names, &m->n_server_names, "b");
    add_text(&m->server_names, &m->n_server_names, "A");
    compile();
    ck_assert_uint_eq(errors.n, 1);
    ck_assert_ptr_nonnull(strstr(errors.first->message, "filter_chains[1]"));
    ck_assert_ptr_nonnull(strstr(errors.first->message, "filter_chains[0] \"first\""));
}
END_TEST


/* ---- against a plain walk ---- */

static uint64_t
rnd(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;

    return (seed >> 33) % below;
}


static const char *const  ips[] = {
    "10.1.2.3", "10.1.200.3", "10.2.0.1", "127.0.0.1", "192.168.0.1", "::1", "2001:db8::1"
};
static const struct { const char *prefix; uint32_t len; } prefixes[] = {
    { "0.0.0.0", 0 }, { "10.0.0.0", 8 }, { "10.1.0.0", 16 }, { "10.1.2.3", 32 }, { "::", 0 },
    { "2001:db8::", 32 }, { "10.1.128.0", 17 }
};
static const char *const  names[] = {
    "a.example.com", "*.example.com", "*.com", "b.example.com", "example.com"
};
static const char *const  protocols[] = { "h2", "http/1.1", "x" };


static void
random_cidrs(cidr_message_t ***list, size_t *n)
{
    for (uint64_t k = rnd(4) ? 0 : 1 + rnd(2); k > 0; k--) {
        size_t  i = rnd(NC_COUNTOF(prefixes));

        set_cidrs(list, n, cidr(prefixes[i].prefix, prefixes[i].len));
    }
}


static void
random_chain(void)
{
    match_message_t  *m = add_chain();

    if (rnd(3) == 0) {
        set_port(m, 80 + (uint32_t) rnd(2));
    }

    random_cidrs(&m->prefix_ranges, &m->n_prefix_ranges);
    random_cidrs(&m->direct_source_prefix_ranges, &m->n_direct_source_prefix_ranges);
    random_cidrs(&m->source_prefix_ranges, &m->n_source_prefix_ranges);

    for (uint64_t k = rnd(2) ? 0 : 1 + rnd(2); k > 0; k--) {
        add_text(&m->server_names, &m->n_server_names, names[rnd(NC_COUNTOF(names))]);
    }

    for (uint64_t k = rnd(3) ? 0 : 1 + rnd(2); k > 0; k--) {
        add_text(&m->application_protocols, &m->n_application_protocols,
                 protocols[rnd(NC_COUNTOF(protocols))]);
    }

    if (rnd(4) == 0) {
        m->transport_protocol = nc_pool_strdup(&pool, rnd(2) ? "tls" : "raw_buffer");
    }

    if (rnd(4) == 0) {
        m->source_type = rnd(2) ? SOURCE_TYPE(SAME_IP_OR_LOOPBACK) : SOURCE_TYPE(EXTERNAL);
    }

    if (rnd(4) == 0) {
        m->n_source_ports = 1;
        m->source_ports = nc_pool_array(&pool, 1, sizeof(uint32_t));
        m->source_ports[0] = 4000 + (uint32_t) rnd(2);
    }
}


static bool  alive[MAX_CHAINS];

/* How specific chain i is at this level for the connection: 0 does not ask, -1 asks for another. */
typedef int  score_t(const match_message_t *m, const nc_chain_input_t *in);

static void
keep_best(score_t *score, const nc_chain_input_t *in)
{
    int  best = 0;

    for (size_t i = 0; i < n_chains; i++) {
        if (alive[i]) {
            best = NC_MAX(best, score(messages[i]->filter_chain_match, in));
        }
    }

    for (size_t i = 0; i < n_chains; i++) {
        alive[i] = alive[i] && score(messages[i]->filter_chain_match, in) == best;
    }
}


static int
score_cidrs(cidr_message_t *const *list, size_t n, const nc_peer_t *p)
{
    int  best = n ? -1 : 0;

    for (size_t i = 0; i < n; i++) {
        nc_ip_prefix_t  c;

        ck_assert_int_eq(nc_ip_prefix_compile(&cc, list[i], &c), NC_OK);

        if (nc_ip_prefix_has(&c, p)) {
            best = NC_MAX(best, c.len + 1);
        }
    }

    return best;
}


static int
score_port(const match_message_t *m, const nc_chain_input_t *in)
{
    return m->destination_port == NULL ? 0
           : m->destination_port->value == nc_peer_port(&in->local) ? 1 : -1;
}


static int
score_prefix(const match_message_t *m, const nc_chain_input_t *in)
{
    return score_cidrs(m->prefix_ranges, m->n_prefix_ranges, &in->local);
}


static int
score_name(const match_message_t *m, const nc_chain_input_t *in)
{
    int  best = m->n_server_names ? -1 : 0;

    for (size_t i = 0; i < m->n_server_names; i++) {
        nc_str_t  n = nc_str_c(m->server_names[i]);

        if (nc_str_eq(n, in->server_name)) {
            best = 1000;

        } else if (n.data[0] == '*' && in->server_name.len > n.len - 1
                   && nc_str_ends(in->server_name, nc_str_skip(n, 1)))
        {
            best = NC_MAX(best, (int) n.len);
        }
    }

    return best;
}


static int
score_transport(const match_message_t *m, const nc_chain_input_t *in)
{
    return m->transport_protocol[0] == '\0' ? 0
           : nc_str_eq(nc_str_c(m->transport_protocol), in->transport) ? 1 : -1;
}


/* The client's first protocol that any candidate has decides. */
static int
score_alpn(const match_message_t *m, const nc_chain_input_t *in)
{
    int  best = m->n_application_protocols ? -1 : 0;

    for (size_t i = 0; i < m->n_application_protocols; i++) {
        for (uint32_t k = 0; k < in->n_alpn; k++) {
            if (nc_str_eq(nc_str_c(m->application_protocols[i]), in->alpn[k])) {
                best = NC_MAX(best, (int) (in->n_alpn - k));
            }
        }
    }

    return best;
}


static int
score_direct(const match_message_t *m, const nc_chain_input_t *in)
{
    return score_cidrs(m->direct_source_prefix_ranges, m->n_direct_source_prefix_ranges,
                       &in->direct_remote);
}


static int
score_type(const match_message_t *m, const nc_chain_input_t *in)
{
    bool  same = nc_peer_is_loopback(&in->remote) || nc_ip_same(&in->remote, &in->local);

    return m->source_type == SOURCE_TYPE(ANY) ? 0
           : (m->source_type == SOURCE_TYPE(SAME_IP_OR_LOOPBACK)) == same ? 1 : -1;
}


static int
score_source(const match_message_t *m, const nc_chain_input_t *in)
{
    return score_cidrs(m->source_prefix_ranges, m->n_source_prefix_ranges, &in->remote);
}


static int
score_source_port(const match_message_t *m, const nc_chain_input_t *in)
{
    return m->n_source_ports == 0 ? 0 : m->source_ports[0] == nc_peer_port(&in->remote) ? 1 : -1;
}


static long
plain_walk(const nc_chain_input_t *in)
{
    static score_t *const  levels[] = {
        score_port, score_prefix, score_name, score_transport, score_alpn, score_direct, score_type,
        score_source, score_source_port
    };

    memset(alive, true, sizeof(alive));

    for (size_t i = 0; i < NC_COUNTOF(levels); i++) {
        keep_best(levels[i], in);
    }

    for (size_t i = 0; i < n_chains; i++) {
        if (alive[i]) {
            return (long) i;
        }
    }

    return -1;
}


static nc_chain_input_t
random_input(nc_str_t *alpn)
{
    static const char *const  sni[] = {
        "a.example.com", "c.example.com", "b.com", "example.com", "x.b.example.com", ""
    };
    nc_chain_input_t  in = { .alpn = alpn };

    in.local = peer(ips[rnd(NC_COUNTOF(ips))], (uint16_t) (80 + rnd(3)));
    in.remote = peer(ips[rnd(NC_COUNTOF(ips))], (uint16_t) (4000 + rnd(3)));
    in.direct_remote = peer(ips[rnd(NC_COUNTOF(ips))], 1);
    in.server_name = nc_str_c(sni[rnd(NC_COUNTOF(sni))]);
    in.transport = rnd(2) ? NC_STR("tls") : NC_STR("raw_buffer");
    in.n_alpn = (uint32_t) rnd(3);

    for (uint32_t i = 0; i < in.n_alpn; i++) {
        alpn[i] = nc_str_c(protocols[rnd(NC_COUNTOF(protocols))]);
    }

    return in;
}


START_TEST(random_chains_are_found_as_a_plain_walk_finds_them)
{
    unsigned  compared = 0, hits = 0;

    for (unsigned round = 0; round < 4000; round++) {
        setup();
        seed = (uint64_t) round * 77 + 1;

        for (uint64_t n = 1 + rnd(MAX_CHAINS - 1); n > 0; n--) {
            random_chain();
        }

        compile();

        for (unsigned i = 0; i < 40 && errors.n == 0; i++) {
            nc_str_t          alpn[3];
            nc_chain_input_t  in = random_input(alpn);

            ck_assert_msg(found(&in) == plain_walk(&in), "round %u, input %u: %ld, not %ld", round,
                          i, found(&in), plain_walk(&in));
            compared++;
            hits += found(&in) >= 0;
        }

        teardown();
    }

    ck_assert_uint_gt(compared, 20000);
    ck_assert_uint_gt(hits, 5000);
}
END_TEST


START_TEST(an_ip_map_finds_the_longest_of_nested_prefixes)
{
    static const char *const  texts[] = { "10.0.0.0", "10.1.0.0", "10.1.2.0", "10.1.2.255", "::",
        "ffff::", "::ffff:10.9.0.0" };
    static const uint32_t     lens[] = { 8, 16, 24, 32, 0, 16, 112 };
    nc_ip_prefix_t            p[NC_COUNTOF(texts)];
    const void               *values[NC_COUNTOF(texts)];
    nc_ip_map_t               map;

    for (size_t i = 0; i < NC_COUNTOF(texts); i++) {
        ck_assert_int_eq(nc_ip_prefix_compile(&cc, cidr(texts[i], lens[i]), &p[i]), NC_OK);
        values[i] = texts[i];
    }

    nc_ip_map_init(&map, &pool, p, values, NC_COUNTOF(texts));

#define AT(ip)  ({ nc_peer_t  at = peer(ip, 0); (const char *) nc_ip_map_get(&map, &at); })
    ck_assert_ptr_null(AT("9.255.255.255"));
    ck_assert_str_eq(AT("10.0.0.0"), texts[0]);
    ck_assert_str_eq(AT("10.1.0.1"), texts[1]);
    ck_assert_str_eq(AT("10.1.2.254"), texts[2]);
    ck_assert_str_eq(AT("10.1.2.255"), texts[3]);
    ck_assert_str_eq(AT("10.1.3.0"), texts[1]);
    ck_assert_str_eq(AT("10.9.1.1"), texts[6]);
    ck_assert_str_eq(AT("10.255.255.255"), texts[0]);
    ck_assert_ptr_null(AT("11.0.0.0"));
    ck_assert_ptr_null(AT("255.255.255.255"));
    ck_assert_str_eq(AT("1::"), texts[4]);
    ck_assert_str_eq(AT("ffff:1::"), texts[5]);
    ck_assert_str_eq(AT("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), texts[5]);
#undef AT
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("net/chain_match");
    TCase    *t = tcase_create("all");
    SRunner  *r = srunner_create(s);
    int       failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_port_hides_chains_for_any_port);
    tcase_add_test(t, the_longest_prefix_is_followed_alone);
    tcase_add_test(t, names_match_whole_then_by_the_longest_wildcard);
    tcase_add_test(t, chains_that_cannot_be_told_apart_are_named_once);
    tcase_add_test(t, random_chains_are_found_as_a_plain_walk_finds_them);
    tcase_add_test(t, an_ip_map_finds_the_longest_of_nested_prefixes);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
