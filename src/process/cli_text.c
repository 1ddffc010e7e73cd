/* cli_text.c: what the command line prints: help, versions, the file that --listen stands for. */
#include "process/cli.h"
#include "base/module.h"
#include "os/addr.h"
#include "process/cli_priv.h"

#include <ares.h>
#include <jansson.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <protobuf-c/protobuf-c.h>
#include <yaml.h>
#include <zlib.h>

#define HELP_COLUMN   38u
#define HELP_WIDTH    100u


/* Words of `text` from HELP_COLUMN on, in as many lines as they need. */
static void
add_wrapped(nc_sb_t *out, size_t at, const char *text)
{
    nc_str_t  rest = nc_str_c(text), word;

    if (at + 1 >= HELP_COLUMN) {
        nc_sb_char(out, '\n');
        at = 0;
    }

    for ( ; at < HELP_COLUMN - 1; at++) {
        nc_sb_char(out, ' ');
    }

    while (nc_str_split(&rest, ' ', &word)) {
        if (at + 1 + word.len > HELP_WIDTH) {
            nc_sb_printf(out, "\n%*s", (int) HELP_COLUMN - 1, "");
            at = HELP_COLUMN - 1;
        }

        nc_sb_char(out, ' ');
        nc_sb_str_add(out, word);
        at += 1 + word.len;
    }

    nc_sb_char(out, '\n');
}


void
nc_cli_help(nc_sb_t *out)
{
    nc_sb_c_add(out,
        "Usage: nuncio [-c PATH]... [option ...]          serve\n"
        "       nuncio -t | -T [-c PATH]...               check, or print, the configuration\n"
        "       nuncio -s stop|quit|reload|reopen         talk to the running master\n"
        "       nuncio route-check [-c PATH]... --request 'GET https://host/path' | --expect TABLE\n"
        "       nuncio explain-flag FLAG...               what a response flag means\n"
        "       nuncio --listen [ADDR:]PORT --to HOST:PORT [--print-config]\n");

    for (const nc_cli_option_t *d = nc_cli_options; d->kind != NC_CLI_END; d++) {
        size_t  start;

        if (d->kind == NC_CLI_GROUP) {
            nc_sb_printf(out, "\n%s\n", d->name);
            continue;
        }

        if (d->kind == NC_CLI_REFUSED) {
            continue;
        }

        start = out->len;

        if (d->letter) {
            nc_sb_printf(out, "  -%c, --%s", d->letter, d->name);
        } else {
            nc_sb_printf(out, "      --%s", d->name);
        }

        if (d->value) {
            nc_sb_printf(out, " %s", d->value);
        }

        add_wrapped(out, out->len - start, d->help);
    }

    nc_sb_c_add(out,
        "\nSignals to the master: TERM and INT stop (twice: at once), QUIT stops when idle, HUP\n"
        "reloads, USR1 opens the log files again. Exit status: 0 all well, 1 the configuration or\n"
        "the start failed, 2 a wrong command line. More in nuncio(8).\n");
}


void
nc_cli_version(nc_sb_t *out)
{
    nc_sb_c_add(out, "nuncio version: " NC_VERSION "\n");
}


void
nc_cli_version_long(nc_sb_t *out)
{
    char  pcre[64] = "?";

    pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    nc_cli_version(out);
    nc_sb_c_add(out, "built by: " NC_COMPILER ", " NC_BUILD "\n");
    nc_sb_c_add(out, "configure arguments:");

    if (NC_CONFIGURE[0]) {
        nc_sb_c_add(out, " " NC_CONFIGURE);
    }

    nc_sb_c_add(out, "\nprefix: " NC_PREFIX "\nconfiguration: " NC_CONF_PATH
        "\npid file: " NC_PID_PATH "\nstate: " NC_STATE_PATH "\nerror log of a daemon: "
        NC_ERROR_LOG_PATH "\nuser: " NC_USER "\n");
    nc_sb_printf(out, "libraries: %s, nghttp2 %s, PCRE2 %s, c-ares %s, zlib %s, libyaml %s, "
        "jansson %s, protobuf-c %s\n", OpenSSL_version(OPENSSL_VERSION),
        nghttp2_version(0)->version_str, pcre, ares_version(NULL), zlibVersion(),
        yaml_get_version_string(), JANSSON_VERSION, protobuf_c_version());
    nc_sb_c_add(out, "modules:\n");

    for (size_t i = 0; nc_modules[i]; i++) {
        nc_sb_printf(out, "  %s (%s)\n", nc_modules[i]->name, nc_kind_str(nc_modules[i]->kind));
    }
}


/* "host:port" or "[v6]:port"; false: no port in it. */
static bool
split_port(nc_str_t s, nc_str_t *host, uint64_t *port)
{
    size_t  at = s.len;

    while (at > 0 && s.data[at - 1] != ':') {
        at--;
    }

    if (at == 0 || nc_str_to_u64(nc_str_skip(s, at), 65535, port) != NC_OK) {
        return false;
    }

    *host = nc_str(s.data, at - 1);

    if (host->len > 2 && host->data[0] == '[' && host->data[host->len - 1] == ']') {
        *host = nc_str(host->data + 1, host->len - 2);
    }

    return true;
}


static bool
is_host(nc_str_t h)
{
    for (size_t i = 0; i < h.len; i++) {
        char  c = h.data[i];

        if (!nc_is_alpha(c) && !nc_is_digit(c) && c != '.' && c != '-' && c != '_' && c != ':') {
            return false;
        }
    }

    return h.len > 0;
}


static void
print_file(nc_sb_t *out, nc_str_t at, uint64_t at_port, nc_str_t host, uint64_t port, bool dns)
{
    nc_sb_printf(out,
        "static_resources:\n"
        "  listeners:\n"
        "  - name: main\n"
        "    address:\n"
        "      socket_address: {address: \"" NC_STR_FMT "\", port_value: %" PRIu64 "}\n"
        "    filter_chains:\n"
        "    - filters:\n"
        "      - name: envoy.filters.network.http_connection_manager\n"
        "        typed_config:\n"
        "          \"@type\": type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager\n"
        "          stat_prefix: ingress\n"
        "          use_remote_address: true\n"
        "          route_config:\n"
        "            name: main\n"
        "            virtual_hosts:\n"
        "            - name: all\n"
        "              domains: [\"*\"]\n"
        "              routes:\n"
        "              - match: {prefix: \"/\"}\n"
        "                route: {cluster: upstream}\n"
        "          http_filters:\n"
        "          - name: envoy.filters.http.router\n"
        "            typed_config:\n"
        "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3"
        ".Router\n",
        NC_STR_ARG(at), at_port);
    nc_sb_printf(out,
        "  clusters:\n"
        "  - name: upstream\n"
        "    type: %s\n"
        "    connect_timeout: 5s\n"
        "    load_assignment:\n"
        "      cluster_name: upstream\n"
        "      endpoints:\n"
        "      - lb_endpoints:\n"
        "        - endpoint:\n"
        "            address:\n"
        "              socket_address: {address: \"" NC_STR_FMT "\", port_value: %" PRIu64 "}\n",
        dns ? "STRICT_DNS" : "STATIC", NC_STR_ARG(host), port);
}


nc_rc_t
nc_cli_quick_config(const char *l, const char *to, nc_sb_t *yaml, nc_sb_t *error)
{
    nc_str_t   at = NC_STR("0.0.0.0"), host;
    nc_str_t   given = nc_str_c(l);
    uint64_t   at_port, port;
    nc_addr_t  addr;

    if (nc_str_to_u64(given, 65535, &at_port) != NC_OK && !split_port(given, &at, &at_port)) {
        nc_sb_printf(error, "--listen %s: it is a port, or an address and a port", l);

        return NC_ERROR;
    }

    if (nc_addr_parse_ip(&addr, at, 0) != NC_OK) {
        nc_sb_printf(error, "--listen %s: \"" NC_STR_FMT "\" is no IP address", l, NC_STR_ARG(at));

        return NC_ERROR;
    }

    if (!split_port(nc_str_c(to), &host, &port) || port == 0 || !is_host(host)) {
        nc_sb_printf(error, "--to %s: it is a host and a port, as in 127.0.0.1:3000", to);

        return NC_ERROR;
    }

    print_file(yaml, at, at_port, host, port, nc_addr_parse_ip(&addr, host, 0) != NC_OK);

    return NC_OK;
}
