/* admin.c: the table of paths, and how a request finds its handler. */
#include "process/admin_priv.h"
#include "log/log.h"

#include <unistd.h>

const nc_options_t  *nc_admin_options;

static nc_admin_handler_fn  index_page, help;

static const nc_admin_help_t  stats_params[] = {
    { "usedonly", "only stats that were ever written" },
    { "filter", "only names in which this regular expression is found" },
    { "format", "text, json, prometheus, html" },
    { "type", "All, Counters, Gauges, Histograms, TextReadouts" },
    { "histogram_buckets", "summary, cumulative, disjoint, detailed" },
    { "text_readouts", "with format=prometheus: text readouts as gauges" },
    { NULL, NULL }
};

static const nc_admin_help_t  prometheus_params[] = {
    { "usedonly", "only stats that were ever written" },
    { "filter", "only names in which this regular expression is found" },
    { "histogram_buckets", "cumulative, summary" },
    { "text_readouts", "text readouts as gauges" },
    { NULL, NULL }
};

static const nc_admin_help_t  format_params[] = {
    { "format", "text, json" },
    { NULL, NULL }
};

static const nc_admin_help_t  dump_params[] = {
    { "resource", "only this list, such as static_clusters or static_listeners" },
    { "mask", "only these fields: paths with a comma between them" },
    { "name_regex", "only resources whose whole name matches" },
    { "include_eds", "with the endpoints of all clusters" },
    { NULL, NULL }
};

static const nc_admin_help_t  logging_params[] = {
    { "level", "trace, debug, info, warning, error, critical, off: of all loggers" },
    { "paths", "logger:level, several with a comma between them" },
    { "<logger>", "level of this logger" },
    { NULL, NULL }
};

static const nc_admin_help_t  drain_params[] = {
    { "graceful", "connections end after their response; listeners close after --drain-time-s" },
    { "skip_exit", "with graceful: listeners do not close" },
    { "inboundonly", "only listeners whose traffic_direction is INBOUND" },
    { NULL, NULL }
};

/* In the order of /help. */
static const nc_admin_help_t  route_params[] = {
    { "request", "method and URL: GET https://host/path" },
    { "header", "\"name: value\"; may be repeated" },
    { "listener", "of this listener only" },
    { "source", "the client's address" },
    { "random", "what fractions and weights go by" },
    { "format", "json" },
    { NULL, NULL }
};

static const nc_admin_entry_t  entries[] = {
    { "/", false, index_page, "this page", NULL },
    { "/certs", false, nc_admin_certs, "print certs on machine", NULL },
    { "/clusters", false, nc_admin_clusters, "upstream cluster status", format_params },
    { "/config_dump", false, nc_admin_config_dump, "the configuration in use", dump_params },
    { "/drain_listeners", true, nc_admin_drain_listeners, "drain listeners", drain_params },
    { "/healthcheck/fail", true, nc_admin_healthcheck_fail,
      "cause the server to fail health checks", NULL },
    { "/healthcheck/ok", true, nc_admin_healthcheck_ok,
      "cause the server to pass health checks", NULL },
    { "/help", false, help, "what is answered here", NULL },
    { "/hot_restart_version", false, nc_admin_hot_restart_version,
      "print the hot restart compatibility version", NULL },
    { "/init_dump", false, nc_admin_init_dump, "what the start, or a change, waits for", NULL },
    { "/listeners", false, nc_admin_listeners, "listeners and their addresses", format_params },
    { "/logging", true, nc_admin_logging, "query or change log levels", logging_params },
    { "/memory", false, nc_admin_memory, "bytes in use", NULL },
    { "/quitquitquit", true, nc_admin_quit, "exit the server", NULL },
    { "/ready", false, nc_admin_ready, "the state: 200 when the server serves, else 503", NULL },
    { "/reopen_logs", true, nc_admin_reopen_logs, "open log files anew", NULL },
    { "/reset_counters", true, nc_admin_reset_counters, "make all counters zero", NULL },
    { "/route_check", false, nc_admin_route_check, "which route a request takes, and why",
      route_params },
    { "/server_info", false, nc_admin_server_info, "version, state and options", NULL },
    { "/stats", false, nc_admin_stats, "statistics", stats_params },
    { "/stats/prometheus", false, nc_admin_prometheus, "statistics in the format of Prometheus",
      prometheus_params },
};


static void
add_help(nc_sb_t *out)
{
    nc_sb_c_add(out, "admin commands are:\n");

    for (size_t i = 0; i < NC_COUNTOF(entries); i++) {
        const nc_admin_entry_t  *e = &entries[i];

        nc_sb_printf(out, "  %s%s: %s\n", e->path, e->changes ? " (POST)" : "", e->help);

        for (const nc_admin_help_t *p = e->params; p && p->name; p++) {
            nc_sb_printf(out, "      %s: %s\n", p->name, p->help);
        }
    }
}


static void
help(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    add_help(&r->body);
}


/* Texts of the table only, which need no escaping but of '<' and '>'. */
static void
add_html(nc_sb_t *out, const char *text)
{
    for ( ; *text; text++) {
        if (*text == '<') {
            nc_sb_c_add(out, "&lt;");
        } else if (*text == '>') {
            nc_sb_c_add(out, "&gt;");
        } else {
            nc_sb_char(out, *text);
        }
    }
}


static void
index_page(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_sb_t  *out = &r->body;

    (void) q;
    r->type = NC_ADMIN_HTML;
    nc_sb_c_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
        "<title>Nuncio admin</title>\n<style>body{font-family:sans-serif;margin:2em}"
        "td{padding:.2em 1em;vertical-align:top}form{margin:0}small{color:#666}</style></head>\n"
        "<body>\n<h1>Nuncio</h1>\n<table>\n");

    for (size_t i = 0; i < NC_COUNTOF(entries); i++) {
        const nc_admin_entry_t  *e = &entries[i];

        if (e->changes) {
            nc_sb_printf(out, "<tr><td><form method=\"post\" action=\"%s\"><button>%s</button>"
                "</form></td><td>", e->path + 1, e->path + 1);
        } else {
            nc_sb_printf(out, "<tr><td><a href=\"%s\">%s</a></td><td>",
                e->path[1] ? e->path + 1 : ".", e->path[1] ? e->path + 1 : "/");
        }

        add_html(out, e->help);

        for (const nc_admin_help_t *p = e->params; p && p->name; p++) {
            nc_sb_c_add(out, "<br><small>");
            add_html(out, p->name);
            nc_sb_c_add(out, ": ");
            add_html(out, p->help);
            nc_sb_c_add(out, "</small>");
        }

        nc_sb_c_add(out, "</td></tr>\n");
    }

    nc_sb_c_add(out, "</table>\n</body>\n</html>\n");
}


static const nc_admin_entry_t *
find(nc_str_t path)
{
    for (size_t i = 0; i < NC_COUNTOF(entries); i++) {
        if (nc_str_eq(path, nc_str_c(entries[i].path))) {
            return &entries[i];
        }
    }

    return NULL;
}


void
nc_admin_answer(nc_str_t method, nc_str_t target, nc_pool_t *pool, nc_admin_reply_t *r)
{
    nc_admin_request_t       q = { .pool = pool, .post = nc_str_eq(method, NC_STR("POST")) };
    const nc_admin_entry_t  *e;
    nc_sb_t                  why;
    bool                     reads = nc_str_eq(method, NC_STR("GET"))
                                     || nc_str_eq(method, NC_STR("HEAD"));

    nc_sb_init(&why);

    if (nc_admin_request_parse(&q, target, &why) != NC_OK) {
        nc_admin_bad(r, "%s", nc_sb_c(&why));

    } else if ((e = find(q.path)) == NULL) {
        r->status = 404;
        nc_sb_c_add(&r->body, "invalid path. ");
        add_help(&r->body);

    } else if (e->changes ? !q.post : !reads && !q.post) {
        r->status = 405;
        r->allow = e->changes ? "POST" : "GET, HEAD, POST";
        nc_sb_printf(&r->body, "method " NC_STR_FMT " is not allowed here, %s is\n",
            NC_STR_ARG(method), e->changes ? "POST" : "GET");

    } else {
        e->handler(&q, r);
    }

    nc_sb_fini(&why);
}


static bool
is_local(const nc_addr_t *a)
{
    nc_peer_t  p;

    if (a->sa.sa_family == AF_UNIX) {
        return true;
    }

    nc_peer_from(&p, &a->sa, a->len);

    return nc_peer_is_loopback(&p);
}


static void
announce(const nc_admin_conf_t *conf)
{
    nc_sb_t  address;

    nc_sb_init(&address);
    nc_addr_print(&conf->bound, &address);
    nc_log(INFO, ADMIN, "admin address: %s", nc_sb_c(&address));

    if (!is_local(&conf->bound)) {
        nc_log(WARNING, ADMIN, "the admin interface at %s can be reached from other machines: "
            "whoever reaches it can read the configuration and stop the server",
            nc_sb_c(&address));
    }

    nc_sb_fini(&address);
}


void
nc_admin_init(const nc_options_t *options)
{
    nc_admin_options = options;
}


void
nc_admin_listener_fd(uint32_t key, int fd)
{
    const nc_admin_conf_t  *conf = nc_loader_admin();

    if (fd == -1) {
        if (conf && conf->socket_key == key) {
            nc_admin_stop();
        }

    } else if (conf && conf->socket_key == key) {
        nc_admin_serve(fd, conf);
        announce(conf);

    } else {
        close(fd);                              /* of a load that failed */
    }
}
