/*
 * tags.c: Envoy's well-known tags, taken out of scope names by their structure: a declared tag
 * (nc_stats_scope_tag) first, else by the patterns below, part by part.
 *
 * In a pattern "*" is any one part, "$" the part that is the tag's value; what follows a pattern
 * does not matter. A listener's address may hold dots: it is taken as long as it looks like one.
 */
#include "stats/print_priv.h"

typedef struct {
    const char  *pattern;
    const char  *tag;
} rule_t;

static const rule_t  rules[] = {
    { "cluster.$", "envoy.cluster_name" },
    { "http.$", "envoy.http_conn_manager_prefix" },
    { "http.*.user_agent.$", "envoy.http_user_agent" },
    { "http.*.rds.$", "envoy.rds_route_config" },
    { "http.*.scoped_rds.$", "envoy.scoped_rds_config" },
    { "http.*.fault.$", "envoy.fault_downstream_cluster" },
    { "http.*.dynamodb.operation.$", "envoy.dynamo_operation" },
    { "tcp.$", "envoy.tcp_prefix" },
    { "udp.$", "envoy.udp_prefix" },
    { "vhost.$", "envoy.virtual_host" },
    { "vhost.*.vcluster.$", "envoy.virtual_cluster" },
    { "vhost.*.route.$", "envoy.route" },
    { "http_local_rate_limiter.$", "envoy.local_http_ratelimit_prefix" },
    { "local_rate_limit.$", "envoy.local_network_ratelimit_prefix" },
    { "ratelimit.$", "envoy.ratelimit_prefix" },
    { "auth.clientssl.$", "envoy.clientssl_prefix" },
    { "xds.authority.$", "envoy.xds_resource_name" }
};

/* The values found so far, as pieces of the scope's name, in order. */
typedef struct {
    nc_str_t    name;
    nc_tags_t  *tags;
    size_t      at[NC_TAGS_MAX];                /* where each value begins */
} found_t;

static void
add(found_t *f, const char *tag, size_t from, size_t to)
{
    unsigned  i = f->tags->n;

    if (i == NC_TAGS_MAX || from >= to) {
        return;
    }

    while (i > 0 && f->at[i - 1] > from) {
        f->at[i] = f->at[i - 1];
        f->tags->name[i] = f->tags->name[i - 1];
        f->tags->value[i] = f->tags->value[i - 1];
        i--;
    }

    f->at[i] = from;
    f->tags->name[i] = nc_str_c(tag);
    f->tags->value[i] = nc_str(f->name.data + from, to - from);
    f->tags->n++;
}

static size_t
part_end(nc_str_t s, size_t at)
{
    while (at < s.len && s.data[at] != '.') {
        at++;
    }

    return at;
}

/* Applies one pattern, beginning at `from` with the part `skip` of it. */
static void
apply(found_t *f, const rule_t *rule, size_t declared_end)
{
    nc_str_t  pattern = nc_str_c(rule->pattern), part;
    size_t    at = 0, end;
    bool      first_value = true;

    while (nc_str_split(&pattern, '.', &part)) {
        if (at > f->name.len) {
            return;
        }

        end = part_end(f->name, at);

        /* The part that a declared tag covers may hold dots. */
        if ((part.data[0] == '$' || part.data[0] == '*') && first_value && declared_end > at) {
            end = declared_end;

            if (part.data[0] == '$') {
                return;
            }
        }

        if (part.data[0] == '$') {
            add(f, rule->tag, at, end);
            return;
        }

        if (part.data[0] == '*') {
            first_value = false;
        } else if (!nc_str_eq(part, nc_str(f->name.data + at, end - at))) {
            return;
        }

        at = end + 1;
    }
}

static bool
all_digits(nc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (!nc_is_digit(s.data[i])) {
            return false;
        }
    }

    return s.len > 0;
}

/* The end of an address at `from`: IPv4 "0.0.0.0_80" or IPv6 "[__1]_80"; `from`: it is none. */
static size_t
address_end(nc_str_t s, size_t from)
{
    size_t    end = part_end(s, from);
    unsigned  dots = 0;

    if (from < s.len && s.data[from] == '[') {
        return end;
    }

    while (all_digits(nc_str(s.data + from, end - from)) && end < s.len && dots < 3) {
        from = end + 1;
        end = part_end(s, from);
        dots++;
    }

    return dots == 3 ? end : 0;
}

/* listener.<address or stat prefix>[.worker_<i>][.http.<prefix>]... */
static void
apply_listener(found_t *f, size_t declared_end)
{
    nc_str_t  rest;
    size_t    at = sizeof("listener.") - 1, end;

    if (!nc_str_starts(f->name, NC_STR("listener."))) {
        return;
    }

    if (declared_end > at) {
        end = declared_end;
    } else {
        end = address_end(f->name, at);

        if (end > at) {
            add(f, "envoy.listener_address", at, end);
        } else {
            end = part_end(f->name, at);
        }
    }

    if (end >= f->name.len) {
        return;
    }

    rest = nc_str_skip(f->name, end + 1);
    at = end + 1;

    if (nc_str_starts(rest, NC_STR("worker_"))) {
        add(f, "envoy.worker_id", at + 7, part_end(f->name, at));
    } else if (nc_str_starts(rest, NC_STR("http."))) {
        add(f, "envoy.http_conn_manager_prefix", at + 5, part_end(f->name, at + 5));
    }
}

/* The tag that this scope or one above it was declared to have; returns where its value ends. */
static size_t
declared(found_t *f)
{
    size_t  len = f->name.len;

    while (len > 0) {
        uint32_t                 id = nc_dict_find_scope(nc_str(f->name.data, len));
        const nc_arena_scope_t  *s = &nc_arena.scopes[id];
        nc_str_t                 tag = nc_arena_str(s->tag);

        if (id && tag.len && s->value_at < len && f->tags->n < NC_TAGS_MAX) {
            f->at[f->tags->n] = s->value_at;
            f->tags->name[f->tags->n] = tag;
            f->tags->value[f->tags->n] = nc_str(f->name.data + s->value_at, len - s->value_at);
            f->tags->n++;

            return len;
        }

        do {
            len--;
        } while (len > 0 && f->name.data[len] != '.');
    }

    return 0;
}

void
nc_tags_of_scope(uint32_t scope, nc_sb_t *out, nc_tags_t *tags)
{
    found_t   f = { .tags = tags };
    size_t    end, at = 0, i;
    unsigned  k;

    tags->n = 0;
    f.name = nc_arena_str(nc_arena.scopes[scope].name);
    end = declared(&f);

    for (i = 0; i < NC_COUNTOF(rules); i++) {
        apply(&f, &rules[i], end);
    }

    apply_listener(&f, end);

    for (k = 0; k < tags->n; k++) {
        size_t  from = f.at[k], to = f.at[k] + tags->value[k].len;

        if (from < at) {
            continue;
        }

        nc_sb_add(out, f.name.data + at, from - at);
        at = to < f.name.len ? to + 1 : to;
    }

    nc_sb_add(out, f.name.data ? f.name.data + at : "", f.name.len - at);

    /* "worker_" lost its number: the stat's name follows it, and brings its own '_'. */
    if (at == f.name.len && out->len && out->data[out->len - 1] == '_') {
        out->len--;
    }

    while (out->len && out->data[out->len - 1] == '.') {
        out->len--;
    }
}

char
nc_tags_code_class(nc_str_t suffix)
{
    if (suffix.len > 7 && nc_str_ends(suffix, NC_STR("xx"))
        && nc_is_digit(suffix.data[suffix.len - 3])
        && memcmp(suffix.data + suffix.len - 7, "_rq_", 4) == 0)
    {
        return suffix.data[suffix.len - 3];
    }

    return 0;
}
