/*
 * admin_config.c: /config_dump: what is configured, section after section, resource after resource,
 * so that memory is that of one resource; /init_dump.
 */
#include "process/admin_priv.h"
#include "api/message.h"
#include "api/print.h"
#include "base/regex.h"

#include "envoy/admin/v3/config_dump.pb-c.h"
#include "envoy/admin/v3/config_dump_shared.pb-c.h"
#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint.pb-c.h"
#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"

#define TYPE_URL  "type.googleapis.com/"
#define MAX_STEPS  256u                         /* resources looked at for one piece */

typedef Envoy__Config__Listener__V3__Listener               listener_t;
typedef Envoy__Config__Endpoint__V3__ClusterLoadAssignment  assignment_t;
typedef Envoy__Config__Route__V3__RouteConfiguration        routes_t;

typedef struct dump_s  dump_t;

/* A section of the dump: a message with one list. */
typedef struct {
    const char                        *type;
    const char                        *list;    /* NULL: a single message, the bootstrap */
    const ProtobufCMessageDescriptor  *item;

    /* The next item, in d->pool. NC_AGAIN: one was left out. NC_DECLINED: there is no more. */
    nc_rc_t                          (*next)(dump_t *d, ProtobufCMessage **item);
    bool                               eds;     /* with include_eds, or when asked for by name */
} section_t;

struct dump_s {
    const section_t   *only;                    /* resource; NULL: all */
    const nc_regex_t  *name_regex;              /* NULL: all */
    nc_admin_mask_t    mask;
    bool               has_mask;
    bool               include_eds;
    bool               started;                 /* the head of the answer is out */
    bool               entered;                 /* the head of this section is out */
    bool               opened;                  /* the list of this section is open */
    bool               comma;                   /* a section, or an item, stands before */
    unsigned           section;
    size_t             at;                      /* in the section */
    size_t             sub;                     /* route tables: which of the listener */
    nc_pool_t          pool;                    /* of one item */
    nc_sb_t            text;                    /* one item, before it is indented */
};


static bool
matches(const dump_t *d, nc_str_t name)
{
    return d->name_regex == NULL || nc_regex_match(d->name_regex, name);
}


/* Shown by its name; what is not in use yet only as long as nothing else is. */
static bool
wanted(const dump_t *d, const nc_loader_resource_t *r)
{
    return matches(d, r->name) && (!r->warming || !nc_loader_is_live());
}


static Google__Protobuf__Timestamp *
timestamp(nc_pool_t *pool, uint64_t us)
{
    Google__Protobuf__Timestamp  *t = nc_pool_new(pool, Google__Protobuf__Timestamp);

    google__protobuf__timestamp__init(t);
    t->seconds = (int64_t) (us / 1000000);
    t->nanos = (int32_t) (us % 1000000 * 1000);

    return t;
}


static Google__Protobuf__Any *
any_of(nc_pool_t *pool, const ProtobufCMessageDescriptor *type, nc_str_t bytes)
{
    Google__Protobuf__Any  *any = nc_pool_new(pool, Google__Protobuf__Any);
    nc_sb_t                 url;

    google__protobuf__any__init(any);
    nc_sb_init(&url);
    nc_sb_printf(&url, TYPE_URL "%s", type->name);
    any->type_url = nc_pool_strdup(pool, nc_sb_c(&url));
    any->value = (ProtobufCBinaryData) { bytes.len, (uint8_t *) (uintptr_t) bytes.data };
    nc_sb_fini(&url);

    return any;
}


static nc_rc_t
next_bootstrap(dump_t *d, ProtobufCMessage **item)
{
    Envoy__Admin__V3__BootstrapConfigDump  *m;
    nc_loader_resource_t                    r;

    if (d->at++ > 0 || !nc_loader_bootstrap(&r)) {
        return NC_DECLINED;
    }

    m = nc_pool_new(&d->pool, Envoy__Admin__V3__BootstrapConfigDump);
    envoy__admin__v3__bootstrap_config_dump__init(m);
    m->bootstrap = (void *) nc_loader_unpack(&d->pool,
        &envoy__config__bootstrap__v3__bootstrap__descriptor, &r);
    m->last_updated = timestamp(&d->pool, r.updated_us);

    *item = &m->base;

    return NC_OK;
}


static nc_rc_t
next_cluster(dump_t *d, ProtobufCMessage **item)
{
    Envoy__Admin__V3__ClustersConfigDump__StaticCluster  *m;
    nc_loader_resource_t                                  r;

    if (!nc_loader_next_cluster(&d->at, &r)) {
        return NC_DECLINED;
    }

    if (!wanted(d, &r)) {
        return NC_AGAIN;
    }

    m = nc_pool_new(&d->pool, Envoy__Admin__V3__ClustersConfigDump__StaticCluster);
    envoy__admin__v3__clusters_config_dump__static_cluster__init(m);
    m->cluster = any_of(&d->pool, &envoy__config__cluster__v3__cluster__descriptor, r.bytes);
    m->last_updated = timestamp(&d->pool, r.updated_us);

    *item = &m->base;

    return NC_OK;
}


static nc_rc_t
next_listener(dump_t *d, ProtobufCMessage **item)
{
    Envoy__Admin__V3__ListenersConfigDump__StaticListener  *m;
    nc_loader_resource_t                                    r;

    if (!nc_loader_next_listener(&d->at, &r)) {
        return NC_DECLINED;
    }

    if (!wanted(d, &r)) {
        return NC_AGAIN;
    }

    m = nc_pool_new(&d->pool, Envoy__Admin__V3__ListenersConfigDump__StaticListener);
    envoy__admin__v3__listeners_config_dump__static_listener__init(m);
    m->listener = any_of(&d->pool, &envoy__config__listener__v3__listener__descriptor, r.bytes);
    m->last_updated = timestamp(&d->pool, r.updated_us);

    *item = &m->base;

    return NC_OK;
}


/* ---- route tables: those written in the listeners ---- */

/*
 * The `route_config` of a filter's configuration, whatever filter has one; NULL: it has none. Found
 * by its name, as src knows no module.
 */
static routes_t *
routes_of_filter(nc_pool_t *pool, const Google__Protobuf__Any *any)
{
    const ProtobufCMessageDescriptor  *type = any ? nc_message_type_of_url(any->type_url) : NULL;
    const ProtobufCFieldDescriptor    *f;
    const ProtobufCMessage            *m;
    const char                        *why;

    f = type ? protobuf_c_message_descriptor_get_field_by_name(type, "route_config") : NULL;

    if (f == NULL || f->descriptor != &envoy__config__route__v3__route_configuration__descriptor) {
        return NULL;
    }

    m = nc_message_unpack(pool, type, nc_str((const char *) any->value.data, any->value.len), &why,
        NULL);

    return m && nc_message_has(m, f)
        ? *(routes_t *const *) (const void *) ((const char *) m + f->offset) : NULL;
}


static routes_t *
routes_of_chain(nc_pool_t *pool, const Envoy__Config__Listener__V3__FilterChain *chain,
    size_t *skip)
{
    for (size_t i = 0; chain && i < chain->n_filters; i++) {
        routes_t  *routes = routes_of_filter(pool, chain->filters[i]->typed_config);

        if (routes && (*skip)-- == 0) {
            return routes;
        }
    }

    return NULL;
}


/* The n-th route table of a listener, or NULL. */
static routes_t *
routes_of(nc_pool_t *pool, const listener_t *l, size_t n)
{
    routes_t  *found;

    for (size_t i = 0; i < l->n_filter_chains; i++) {
        found = routes_of_chain(pool, l->filter_chains[i], &n);

        if (found) {
            return found;
        }
    }

    return routes_of_chain(pool, l->default_filter_chain, &n);
}


static nc_rc_t
next_routes(dump_t *d, ProtobufCMessage **item)
{
    Envoy__Admin__V3__RoutesConfigDump__StaticRouteConfig  *m;
    routes_t                                               *routes;
    nc_loader_resource_t                                    r;
    size_t                                                  at = d->at;

    if (!nc_loader_next_listener(&at, &r)) {
        return NC_DECLINED;
    }

    routes = routes_of(&d->pool, (const void *) nc_loader_unpack(&d->pool,
        &envoy__config__listener__v3__listener__descriptor, &r), d->sub++);

    if (routes == NULL) {
        d->at = at;
        d->sub = 0;

        return NC_AGAIN;
    }

    if (!matches(d, nc_str_c(routes->name)) || (r.warming && nc_loader_is_live())) {
        return NC_AGAIN;
    }

    m = nc_pool_new(&d->pool, Envoy__Admin__V3__RoutesConfigDump__StaticRouteConfig);
    envoy__admin__v3__routes_config_dump__static_route_config__init(m);
    m->route_config = (void *) nc_message_any(&d->pool, &routes->base);
    m->last_updated = timestamp(&d->pool, r.updated_us);

    *item = &m->base;

    return NC_OK;
}


/* ---- endpoints ---- */

static Envoy__Config__Core__V3__Address *
address_of(nc_pool_t *pool, const nc_host_t *h)
{
    Envoy__Config__Core__V3__Address  *a = nc_pool_new(pool, Envoy__Config__Core__V3__Address);
    nc_peer_t                          peer;
    nc_sb_t                            ip;

    envoy__config__core__v3__address__init(a);

    if (h->addr.sa.sa_family == AF_UNIX) {
        a->address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_PIPE;
        a->pipe = nc_pool_new(pool, Envoy__Config__Core__V3__Pipe);
        envoy__config__core__v3__pipe__init(a->pipe);
        a->pipe->path = (char *) (uintptr_t) nc_pool_str(pool, h->addr_text).data;

        return a;
    }

    nc_sb_init(&ip);
    nc_peer_from(&peer, &h->addr.sa, h->addr.len);
    nc_peer_print_ip(&peer, &ip);
    a->address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS;
    a->socket_address = nc_pool_new(pool, Envoy__Config__Core__V3__SocketAddress);
    envoy__config__core__v3__socket_address__init(a->socket_address);
    a->socket_address->address = nc_pool_strdup(pool, nc_sb_c(&ip));
    a->socket_address->port_specifier_case =
        ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE;
    a->socket_address->port_value = nc_addr_port(&h->addr);
    nc_sb_fini(&ip);

    return a;
}


static Envoy__Config__Endpoint__V3__LbEndpoint *
endpoint_of(nc_pool_t *pool, const nc_host_t *h)
{
    Envoy__Config__Endpoint__V3__LbEndpoint  *e;
    uint32_t                                  flags = nc_host_flags(h->id);

    e = nc_pool_new(pool, Envoy__Config__Endpoint__V3__LbEndpoint);
    envoy__config__endpoint__v3__lb_endpoint__init(e);
    e->host_identifier_case = ENVOY__CONFIG__ENDPOINT__V3__LB_ENDPOINT__HOST_IDENTIFIER_ENDPOINT;
    e->endpoint = nc_pool_new(pool, Envoy__Config__Endpoint__V3__Endpoint);
    envoy__config__endpoint__v3__endpoint__init(e->endpoint);
    e->endpoint->address = address_of(pool, h);
    e->endpoint->hostname = (char *) (uintptr_t) nc_pool_str(pool, h->hostname).data;
    e->health_status = flags & NC_HOST_UNHEALTHY
        ? ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__UNHEALTHY
        : flags & NC_HOST_DEGRADED ? ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__DEGRADED
                                   : ENVOY__CONFIG__CORE__V3__HEALTH_STATUS__HEALTHY;
    e->load_balancing_weight = nc_pool_new(pool, Google__Protobuf__UInt32Value);
    google__protobuf__uint32_value__init(e->load_balancing_weight);
    e->load_balancing_weight->value = h->weight;

    return e;
}


/* A group for the host: the last one when it is of the same place, or a new one. */
static Envoy__Config__Endpoint__V3__LocalityLbEndpoints *
group_of(nc_pool_t *pool, assignment_t *a, const nc_host_set_t *set, const nc_host_t *h,
    const nc_host_t *before)
{
    Envoy__Config__Endpoint__V3__LocalityLbEndpoints  *g;
    Envoy__Config__Core__V3__Locality                 *l;

    if (before && before->priority == h->priority && before->locality == h->locality) {
        return a->endpoints[a->n_endpoints - 1];
    }

    g = nc_pool_new(pool, Envoy__Config__Endpoint__V3__LocalityLbEndpoints);
    envoy__config__endpoint__v3__locality_lb_endpoints__init(g);
    g->priority = h->priority;
    g->lb_endpoints = nc_pool_array(pool, (size_t) (&set->hosts[set->n] - h),
        sizeof(*g->lb_endpoints));
    g->locality = l = nc_pool_new(pool, Envoy__Config__Core__V3__Locality);
    envoy__config__core__v3__locality__init(l);

    if (h->locality < set->n_localities) {
        const nc_locality_t  *from = &set->localities[h->locality];

        l->region = (char *) (uintptr_t) nc_pool_str(pool, from->region).data;
        l->zone = (char *) (uintptr_t) nc_pool_str(pool, from->zone).data;
        l->sub_zone = (char *) (uintptr_t) nc_pool_str(pool, from->sub_zone).data;
    }

    a->endpoints[a->n_endpoints++] = g;

    return g;
}


static nc_rc_t
next_endpoints(dump_t *d, ProtobufCMessage **item)
{
    Envoy__Admin__V3__EndpointsConfigDump__StaticEndpointConfig  *m;
    const nc_host_set_t                                          *set;
    nc_loader_resource_t                                          r;
    assignment_t                                                  a;

    if (!nc_loader_next_cluster(&d->at, &r)) {
        return NC_DECLINED;
    }

    if (r.cluster == NULL || r.cluster->hosts == NULL || !wanted(d, &r)) {
        return NC_AGAIN;
    }

    set = nc_cluster_hosts(r.cluster);
    envoy__config__endpoint__v3__cluster_load_assignment__init(&a);
    a.cluster_name = (char *) (uintptr_t) nc_pool_str(&d->pool, r.name).data;
    a.endpoints = nc_pool_array(&d->pool, set->n ? set->n : 1, sizeof(*a.endpoints));

    for (uint32_t i = 0; i < set->n; i++) {
        const nc_host_t                                   *h = &set->hosts[i];
        Envoy__Config__Endpoint__V3__LocalityLbEndpoints  *g = group_of(&d->pool, &a, set, h,
                                                                        i ? h - 1 : NULL);

        g->lb_endpoints[g->n_lb_endpoints++] = endpoint_of(&d->pool, h);
    }

    m = nc_pool_new(&d->pool, Envoy__Admin__V3__EndpointsConfigDump__StaticEndpointConfig);
    envoy__admin__v3__endpoints_config_dump__static_endpoint_config__init(m);
    m->endpoint_config = (void *) nc_message_any(&d->pool, &a.base);
    m->last_updated = timestamp(&d->pool, r.updated_us);

    *item = &m->base;

    return NC_OK;
}


/* ---- the dump ---- */

static const section_t  sections[] = {
    { "envoy.admin.v3.BootstrapConfigDump", NULL,
      &envoy__admin__v3__bootstrap_config_dump__descriptor, next_bootstrap, false },
    { "envoy.admin.v3.ClustersConfigDump", "static_clusters",
      &envoy__admin__v3__clusters_config_dump__static_cluster__descriptor, next_cluster, false },
    { "envoy.admin.v3.EndpointsConfigDump", "static_endpoint_configs",
      &envoy__admin__v3__endpoints_config_dump__static_endpoint_config__descriptor,
      next_endpoints, true },
    { "envoy.admin.v3.ListenersConfigDump", "static_listeners",
      &envoy__admin__v3__listeners_config_dump__static_listener__descriptor, next_listener,
      false },
    { "envoy.admin.v3.RoutesConfigDump", "static_route_configs",
      &envoy__admin__v3__routes_config_dump__static_route_config__descriptor, next_routes,
      false },
};


/* Appends the JSON in d->text without `skip_first`, later lines `by` blanks further in. */
static void
add_indented(dump_t *d, nc_sb_t *out, int by, nc_str_t skip_first)
{
    nc_str_t  rest = nc_str_skip(nc_sb_str(&d->text), skip_first.len), line;
    bool      first = true;

    while (nc_str_split(&rest, '\n', &line)) {
        if (!first) {
            nc_sb_printf(out, "\n%*s", by, "");
        }

        nc_sb_str_add(out, line);
        first = false;
    }
}


static void
add_comma(dump_t *d, nc_sb_t *out)
{
    nc_sb_c_add(out, d->comma ? ",\n" : "\n");
    d->comma = true;
}


/* An item of a list, at its place; as a config of its own when it stands for itself. */
static void
add_item(dump_t *d, nc_sb_t *out, const section_t *s, ProtobufCMessage *m)
{
    bool             alone = d->only || s->list == NULL;
    int              by = alone ? 2 : 4;
    nc_admin_mask_t  below;

    (void) nc_admin_redact(&d->pool, m);

    if (d->has_mask && alone) {
        m = nc_admin_trim(&d->pool, m, &d->mask);

    } else if (d->has_mask
               && !nc_admin_mask_below(&d->mask, &d->pool, nc_str_c(s->list), &below))
    {
        if (below.n == 0) {
            return;
        }

        m = nc_admin_trim(&d->pool, m, &below);
    }

    nc_sb_reset(&d->text);
    nc_print_json(&d->text, m, NC_PRINT_PRETTY);

    if (!alone && !d->opened) {
        nc_sb_printf(out, ",\n   \"%s\": [", s->list);
        d->opened = true;
        d->comma = false;
    }

    add_comma(d, out);
    nc_sb_printf(out, "%*s{", by, "");

    if (alone) {
        nc_sb_printf(out, "\n%*s\"@type\": \"" TYPE_URL "%s\"%s", by + 1, "",
            m->descriptor->name, d->text.len > 3 ? "," : "\n  ");
    }

    add_indented(d, out, by, NC_STR("{"));
}


static void
open_section(dump_t *d, nc_sb_t *out, const section_t *s)
{
    d->opened = false;

    if (s->list && d->only == NULL) {
        add_comma(d, out);
        nc_sb_printf(out, "  {\n   \"@type\": \"" TYPE_URL "%s\"", s->type);
    }
}


static void
close_section(dump_t *d, nc_sb_t *out, const section_t *s)
{
    if (s->list && d->only == NULL) {
        nc_sb_c_add(out, d->opened ? "\n   ]\n  }" : "\n  }");
        d->comma = true;
    }
}


static bool
is_wanted(const dump_t *d, const section_t *s)
{
    return d->only ? d->only == s : !s->eds || d->include_eds;
}


/* The head of a section, an item of it, or its end. */
static void
step(dump_t *d, nc_sb_t *out, const section_t *s)
{
    ProtobufCMessage  *item;
    nc_rc_t            rc;

    if (!d->entered) {
        open_section(d, out, s);
        d->entered = true;
    }

    rc = s->next(d, &item);

    if (rc == NC_OK) {
        add_item(d, out, s, item);

    } else if (rc == NC_DECLINED) {
        close_section(d, out, s);
        d->section++;
        d->at = d->sub = 0;
        d->entered = false;
    }

    nc_pool_fini(&d->pool);
}


static bool
dump_more(void *ctx, nc_sb_t *out, size_t max)
{
    dump_t  *d = ctx;

    if (!d->started) {
        nc_sb_c_add(out, "{\n \"configs\": [");
        d->started = true;
    }

    for (unsigned i = 0; i < MAX_STEPS && out->len < max; i++) {
        if (d->section == NC_COUNTOF(sections)) {
            nc_sb_c_add(out, d->comma ? "\n ]\n}\n" : "]\n}\n");

            return false;
        }

        if (is_wanted(d, &sections[d->section])) {
            step(d, out, &sections[d->section]);
        } else {
            d->section++;
        }
    }

    return true;
}


static void
dump_end(void *ctx)
{
    dump_t  *d = ctx;

    nc_pool_fini(&d->pool);
    nc_sb_fini(&d->text);
}


/* `resource`. NC_ERROR: answered with 400 or 404. */
static nc_rc_t
read_resource(dump_t *d, const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    static const char *const  empty[] = {
        "dynamic_active_clusters", "dynamic_warming_clusters", "dynamic_endpoint_configs",
        "dynamic_listeners", "dynamic_route_configs", "inline_scoped_route_configs",
        "dynamic_scoped_route_configs", "static_secrets", "dynamic_active_secrets",
        "dynamic_warming_secrets", "ecds_filters",
    };
    static const section_t    nothing = { .list = "" };
    nc_str_t                  name = nc_admin_param(q, "resource");

    if (name.len == 0) {
        return NC_OK;
    }

    for (size_t i = 0; i < NC_COUNTOF(sections); i++) {
        if (sections[i].list && nc_str_eq(name, nc_str_c(sections[i].list))) {
            d->only = &sections[i];
        }
    }

    for (size_t i = 0; i < NC_COUNTOF(empty) && d->only == NULL; i++) {
        if (nc_str_eq(name, nc_str_c(empty[i]))) {
            d->only = &nothing;
        }
    }

    if (d->only) {
        return NC_OK;
    }

    if (nc_str_eq(name, NC_STR("bootstrap"))) {
        nc_admin_bad(r, "resource: bootstrap is not a list; mask=bootstrap shows it alone");
    } else {
        nc_admin_bad(r, "resource: " NC_STR_FMT " not found in config dump", NC_STR_ARG(name));
        r->status = 404;
    }

    return NC_ERROR;
}


/* `mask`; of one resource it must name fields that are there. NC_ERROR: answered with 400. */
static nc_rc_t
read_mask(dump_t *d, const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_str_t  text = nc_admin_param(q, "mask");

    if (text.len == 0) {
        return NC_OK;
    }

    nc_admin_mask(&d->mask, q->pool, text);
    d->has_mask = true;

    for (unsigned i = 0; d->only && d->only->item && i < d->mask.n; i++) {
        nc_str_t  rest = d->mask.paths[i], first;
        char     *name;
        bool      known;

        (void) nc_str_split(&rest, '.', &first);
        name = nc_str_dup_c(first);
        known = protobuf_c_message_descriptor_get_field_by_name(d->only->item, name) != NULL;
        free(name);

        if (!known) {
            nc_admin_bad(r, "mask: %s has no field " NC_STR_FMT, d->only->item->name,
                NC_STR_ARG(first));

            return NC_ERROR;
        }
    }

    return NC_OK;
}


void
nc_admin_config_dump(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    dump_t    *d = nc_pool_new(q->pool, dump_t);
    nc_str_t   regex = nc_admin_param(q, "name_regex");
    nc_sb_t    why;

    if (read_resource(d, q, r) != NC_OK || read_mask(d, q, r) != NC_OK) {
        return;
    }

    if (regex.len) {
        nc_sb_init(&why);
        d->name_regex = nc_regex_compile(q->pool, regex, NC_REGEX_WHOLE, &why);

        if (d->name_regex == NULL) {
            nc_admin_bad(r, "name_regex: %s", nc_sb_c(&why));
        }

        nc_sb_fini(&why);
    }

    if (regex.len && d->name_regex == NULL) {
        return;
    }

    d->include_eds = nc_admin_flag(q, "include_eds");
    nc_pool_init(&d->pool, &nc_pool_heap);
    nc_sb_init(&d->text);
    r->type = NC_ADMIN_JSON;
    r->more = dump_more;
    r->end = dump_end;
    r->ctx = d;
}


void
nc_admin_init_dump(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_loader_resource_t  res;
    size_t                at = 0;
    bool                  any = false;

    (void) q;
    r->type = NC_ADMIN_JSON;

    while (nc_loader_next_cluster(&at, &res)) {
        if (res.warming) {
            nc_sb_c_add(&r->body, any ? ",\n    " : "{\n \"unready_targets_dumps\": [\n  {\n"
                "   \"name\": \"init manager Server\",\n   \"target_names\": [\n    ");
            nc_sb_c_add(&r->body, "\"Cluster ");
            nc_sb_json_escaped(&r->body, res.name);
            nc_sb_char(&r->body, '"');
            any = true;
        }
    }

    nc_sb_c_add(&r->body, any ? "\n   ]\n  }\n ]\n}\n" : "{}\n");
}
