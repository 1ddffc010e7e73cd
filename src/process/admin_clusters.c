/* admin_clusters.c: /clusters: every cluster with its limits, every host with its numbers. */
#include "process/admin_priv.h"
#include "stats/hosts.h"

#include "envoy/admin/v3/clusters.pb-c.h"
#include "api/print.h"

/* Where the walk stands: between two clusters, or inside the hosts of one. */
typedef struct {
    size_t    at;                               /* of the cluster under way */
    uint32_t  host;                             /* next one */
    bool      inside;
    bool      json;
    bool      begun;
} walk_t;

static const char *const  priority_names[NC_PRIORITIES] = { "default", "high" };

/* The numbers of a host, in Envoy's order. */
static const struct {
    const char  *name;
    size_t       offset;
    bool         gauge;
} numbers[] = {
    { "cx_active", offsetof(nc_host_counters_t, cx_active), true },
    { "cx_connect_fail", offsetof(nc_host_counters_t, cx_connect_fail), false },
    { "cx_total", offsetof(nc_host_counters_t, cx_total), false },
    { "rq_active", offsetof(nc_host_counters_t, rq_active), true },
    { "rq_error", offsetof(nc_host_counters_t, rq_error), false },
    { "rq_success", offsetof(nc_host_counters_t, rq_success), false },
    { "rq_timeout", offsetof(nc_host_counters_t, rq_timeout), false },
    { "rq_total", offsetof(nc_host_counters_t, rq_total), false },
};


static uint64_t
number(const nc_host_counters_t *c, size_t i)
{
    return *(const uint64_t *) (const void *) ((const char *) c + numbers[i].offset);
}


/* ---- text ---- */

static void
add_line(nc_sb_t *out, const nc_cluster_t *c, const char *scope, const char *name, uint64_t value)
{
    nc_sb_str_add(out, c->name);
    nc_sb_c_add(out, "::");
    nc_sb_c_add(out, scope);
    nc_sb_c_add(out, name);
    nc_sb_c_add(out, "::");
    nc_sb_u64(out, value);
    nc_sb_char(out, '\n');
}


static void
cluster_text(nc_sb_t *out, const nc_cluster_t *c)
{
    nc_sb_printf(out, NC_STR_FMT "::observability_name::" NC_STR_FMT "\n", NC_STR_ARG(c->name),
        NC_STR_ARG(c->observability_name));

    for (unsigned p = 0; p < NC_PRIORITIES; p++) {
        const nc_limits_t  *l = &c->limits[p];
        char                scope[32];

        snprintf(scope, sizeof(scope), "%s_priority::", priority_names[p]);
        add_line(out, c, scope, "max_connections", l->max_connections);
        add_line(out, c, scope, "max_pending_requests", l->max_pending);
        add_line(out, c, scope, "max_requests", l->max_requests);
        add_line(out, c, scope, "max_retries", l->max_retries);
    }

    nc_sb_printf(out, NC_STR_FMT "::added_via_api::false\n", NC_STR_ARG(c->name));
}


static void
host_text(nc_sb_t *out, const nc_cluster_t *c, const nc_host_set_t *set, const nc_host_t *h)
{
    const nc_locality_t  *l = h->locality < set->n_localities ? &set->localities[h->locality]
                                                              : NULL;
    nc_host_counters_t    sum;
    nc_sb_t               scope;
    nc_sb_t               flags;

    nc_sb_init(&scope);
    nc_sb_init(&flags);
    nc_sb_str_add(&scope, h->addr_text);
    nc_sb_c_add(&scope, "::");
    nc_host_sum(h->id, &sum);
    nc_host_flags_str(nc_host_flags(h->id), &flags);

    for (size_t i = 0; i < NC_COUNTOF(numbers); i++) {
        add_line(out, c, nc_sb_c(&scope), numbers[i].name, number(&sum, i));
    }

#define LINE(what, fmt, ...)  \
    nc_sb_printf(out, NC_STR_FMT "::" NC_STR_FMT what "::" fmt "\n", NC_STR_ARG(c->name),  \
        NC_STR_ARG(nc_sb_str(&scope)), __VA_ARGS__)

    LINE("hostname", NC_STR_FMT, NC_STR_ARG(h->hostname));
    LINE("health_flags", NC_STR_FMT, NC_STR_ARG(nc_sb_str(&flags)));
    LINE("weight", "%u", h->weight);
    LINE("region", NC_STR_FMT, NC_STR_ARG(l ? l->region : NC_STR_NULL));
    LINE("zone", NC_STR_FMT, NC_STR_ARG(l ? l->zone : NC_STR_NULL));
    LINE("sub_zone", NC_STR_FMT, NC_STR_ARG(l ? l->sub_zone : NC_STR_NULL));
    LINE("canary", "%s", "false");
    LINE("priority", "%u", h->priority);
    LINE("success_rate", "%s", "-1");
    LINE("local_origin_success_rate", "%s", "-1");
#undef LINE

    nc_sb_fini(&flags);
    nc_sb_fini(&scope);
}


/* ---- JSON: compact, as Envoy's ---- */

static void
cluster_json(nc_sb_t *out, const nc_cluster_t *c)
{
    nc_sb_c_add(out, "{\"name\":");
    nc_sb_json_str(out, c->name);
    nc_sb_c_add(out, ",\"observability_name\":");
    nc_sb_json_str(out, c->observability_name);
    nc_sb_c_add(out, ",\"circuit_breakers\":{\"thresholds\":[");

    for (unsigned p = 0; p < NC_PRIORITIES; p++) {
        const nc_limits_t  *l = &c->limits[p];

        nc_sb_printf(out, "%s{%s\"max_connections\":%u,\"max_pending_requests\":%u,"
            "\"max_requests\":%u,\"max_retries\":%u}", p ? "," : "",
            p ? "\"priority\":\"HIGH\"," : "", l->max_connections, l->max_pending,
            l->max_requests, l->max_retries);
    }

    nc_sb_c_add(out, "]},\"host_statuses\":[");
}


static void
address_json(nc_sb_t *out, const nc_host_t *h)
{
    nc_peer_t  peer;
    nc_sb_t    ip;

    if (h->addr.sa.sa_family == AF_UNIX) {
        nc_sb_c_add(out, "{\"pipe\":{\"path\":");
        nc_sb_json_str(out, h->addr_text);
    } else {
        nc_sb_init(&ip);
        nc_peer_from(&peer, &h->addr.sa, h->addr.len);
        nc_peer_print_ip(&peer, &ip);
        nc_sb_c_add(out, "{\"socket_address\":{\"address\":");
        nc_sb_json_str(out, nc_sb_str(&ip));
        nc_sb_printf(out, ",\"port_value\":%u", nc_addr_port(&h->addr));
        nc_sb_fini(&ip);
    }

    nc_sb_c_add(out, "}}");
}


static void
health_json(nc_sb_t *out, uint32_t flags)
{
    static const struct {
        uint32_t     flag;
        const char  *name;
    } names[] = {
        { NC_HOST_FAILED_ACTIVE_HC, "failed_active_health_check" },
        { NC_HOST_FAILED_OUTLIER, "failed_outlier_check" },
        { NC_HOST_PENDING_REMOVAL, "pending_dynamic_removal" },
        { NC_HOST_PENDING_ACTIVE_HC, "pending_active_hc" },
    };

    nc_sb_c_add(out, "{");

    for (size_t i = 0; i < NC_COUNTOF(names); i++) {
        if (flags & names[i].flag) {
            nc_sb_printf(out, "\"%s\":true,", names[i].name);
        }
    }

    nc_sb_printf(out, "\"eds_health_status\":\"%s\"}",
        flags & NC_HOST_FAILED_EDS ? "UNHEALTHY" : flags & NC_HOST_EDS_DRAINING ? "DRAINING"
        : flags & NC_HOST_DEGRADED_EDS ? "DEGRADED" : "HEALTHY");
}


static void
host_json(nc_sb_t *out, const nc_host_set_t *set, const nc_host_t *h)
{
    const nc_locality_t  *l = h->locality < set->n_localities ? &set->localities[h->locality]
                                                              : NULL;
    nc_host_counters_t    sum;

    nc_host_sum(h->id, &sum);
    nc_sb_c_add(out, "{\"address\":");
    address_json(out, h);
    nc_sb_c_add(out, ",\"stats\":[");

    for (size_t i = 0; i < NC_COUNTOF(numbers); i++) {
        uint64_t  v = number(&sum, i);

        nc_sb_printf(out, "%s{%s\"name\":\"%s\"", i ? "," : "",
            numbers[i].gauge ? "\"type\":\"GAUGE\"," : "", numbers[i].name);

        if (v) {                                /* 64-bit numbers are strings in protobuf's JSON */
            nc_sb_printf(out, ",\"value\":\"%" PRIu64 "\"", v);
        }

        nc_sb_char(out, '}');
    }

    nc_sb_c_add(out, "],\"health_status\":");
    health_json(out, nc_host_flags(h->id));
    nc_sb_printf(out, ",\"weight\":%u", h->weight);

    if (h->hostname.len) {
        nc_sb_c_add(out, ",\"hostname\":");
        nc_sb_json_str(out, h->hostname);
    }

    if (h->priority) {
        nc_sb_printf(out, ",\"priority\":%u", h->priority);
    }

    nc_sb_c_add(out, ",\"locality\":{");

    if (l) {
        const char  *comma = "";

#define PART(field)  \
        if (l->field.len) {  \
            nc_sb_printf(out, "%s\"" #field "\":", comma);  \
            nc_sb_json_str(out, l->field);  \
            comma = ",";  \
        }
        PART(region)
        PART(zone)
        PART(sub_zone)
#undef PART
        (void) comma;
    }

    nc_sb_c_add(out, "}}");
}


/* ---- the walk ---- */

/* The cluster under way, or the next one. False: there is none any more. */
static bool
enter(walk_t *w, nc_sb_t *out, nc_loader_resource_t *r)
{
    size_t  at = w->at;

    do {
        if (!nc_loader_next_cluster(&at, r)) {
            return false;
        }
    } while (r->cluster == NULL);

    if (!w->inside) {
        if (w->json) {
            nc_sb_c_add(out, w->begun ? "," : "");
            cluster_json(out, r->cluster->cluster);
        } else {
            cluster_text(out, r->cluster->cluster);
        }

        w->inside = true;
        w->begun = true;
        w->host = 0;
    }

    return true;
}


/* Hosts of the cluster under way until `out` is full. True: that was the last one. */
static bool
add_hosts(walk_t *w, nc_sb_t *out, size_t max, const nc_loader_resource_t *r)
{
    const nc_host_set_t  *set = r->cluster->hosts ? nc_cluster_hosts(r->cluster) : NULL;

    while (set && w->host < set->n && out->len < max) {
        const nc_host_t  *h = &set->hosts[w->host];

        if (w->json) {
            nc_sb_c_add(out, w->host ? "," : "");
            host_json(out, set, h);
        } else {
            host_text(out, r->cluster->cluster, set, h);
        }

        w->host++;
    }

    return set == NULL || w->host >= set->n;
}


static bool
clusters_more(void *ctx, nc_sb_t *out, size_t max)
{
    walk_t                *w = ctx;
    nc_loader_resource_t   r;

    if (w->json && !w->begun && out->len == 0) {
        nc_sb_c_add(out, "{\"cluster_statuses\":[");
    }

    while (out->len < max) {
        if (!enter(w, out, &r)) {
            nc_sb_c_add(out, !w->json ? "" : w->inside ? "]}]}\n" : "]}\n");

            return false;
        }

        if (add_hosts(w, out, max, &r)) {
            nc_sb_c_add(out, w->json ? "]}" : "");
            w->inside = false;
            while (nc_loader_next_cluster(&w->at, &r) && r.cluster == NULL) {
                continue;
            }
        }
    }

    return true;
}


void
nc_admin_clusters(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    bool     bad, json = nc_admin_wants_json(q, r, &bad);
    walk_t  *w;

    if (bad) {
        return;
    }

    w = nc_pool_new(q->pool, walk_t);
    w->json = json;
    r->more = clusters_more;
    r->ctx = w;
}
