/*
 * Wrong configuration files, and exactly what is said of each: all errors, in order, with file,
 * line, column and path. Most of the file is the table.
 */
#include "api/explain.c"

#include "api/doc.h"
#include "api/validate.h"

#include <check.h>

#include <envoy/config/bootstrap/v3/bootstrap.pb-c.h>

/* Prefixes that would only repeat themselves in the table. */
#define FILTER  \
    "static_resources:\n"  \
    "  listeners:\n"  \
    "  - name: a\n"  \
    "    filter_chains:\n"  \
    "    - filters:\n"  \
    "      - name: f\n"
#define ANY     "        typed_config:\n          \"@type\": type.googleapis.com/"
#define HCM     "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
#define CONFIG  "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
#define ROUTES  CONFIG ".route_config.virtual_hosts[0].routes"

typedef struct {
    const char       *name;
    nc_doc_format_t   format;
    const char       *text;
    const char       *errors;
} row_t;

static const row_t  rows[] = {
    {
        "unknown field with a near name", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - nmae: a\n"
        "    name: a\n",
        "c.yaml:3:5: static_resources.clusters[0].nmae: no such field in "
        "envoy.config.cluster.v3.Cluster; did you mean 'name'?\n"
    },
    {
        "unknown field far from any", NC_DOC_YAML,
        "static_resources:\n"
        "  frobnicators: []\n",
        "c.yaml:2:3: static_resources.frobnicators: no such field in "
        "envoy.config.bootstrap.v3.Bootstrap.StaticResources\n"
    },
    {
        "unknown field at the root", NC_DOC_YAML,
        "listeners: []\n",
        "c.yaml:1:1: listeners: no such field in envoy.config.bootstrap.v3.Bootstrap; did you "
        "mean 'static_resources.listeners'?\n"
    },
    {
        "field that only envoy has", NC_DOC_YAML,
        "node: {}\n"
        "hds_config: {}\n",
        "c.yaml:2:1: hds_config: exists in Envoy, not in this version of Nuncio\n"
    },
    {
        "camel case field that only envoy has", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    edsClusterConfig: {}\n",
        "c.yaml:4:5: static_resources.clusters[0].edsClusterConfig: exists in Envoy, not in this "
        "version of Nuncio\n"
    },
    {
        "enum value that only envoy has", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    type: EDS\n",
        "c.yaml:4:11: static_resources.clusters[0].type: 'EDS' exists in Envoy, not in this "
        "version of Nuncio\n"
    },
    {
        "enum value in lower case that only envoy has", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    lb_policy: least_request\n",
        "c.yaml:4:16: static_resources.clusters[0].lb_policy: 'LEAST_REQUEST' exists in Envoy, "
        "not in this version of Nuncio\n"
    },
    {
        "enum value with a typing error", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    type: STRICT_DSN\n",
        "c.yaml:4:11: static_resources.clusters[0].type: no such value 'STRICT_DSN'; did you "
        "mean 'STRICT_DNS'?\n"
    },
    {
        "enum value that is nonsense", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    type: sometimes\n",
        "c.yaml:4:11: static_resources.clusters[0].type: no such value 'SOMETIMES'; expected "
        "STATIC, STRICT_DNS or LOGICAL_DNS\n"
    },
    {
        "enum number without a name", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    type: 17\n",
        "c.yaml:4:11: static_resources.clusters[0].type: no value of "
        "envoy.config.cluster.v3.Cluster.DiscoveryType has the number 17\n"
    },
    {
        "enum given a list", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    type: [STATIC]\n",
        "c.yaml:4:11: static_resources.clusters[0].type: expected a single value, got a list\n"
    },
    {
        "list where a text is expected", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: [a, b]\n",
        "c.yaml:3:11: static_resources.clusters[0].name: expected a single value, got a list\n"
    },
    {
        "mapping where a text is expected", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: {a: b}\n",
        "c.yaml:3:11: static_resources.clusters[0].name: expected a single value, got a mapping\n"
    },
    {
        "number where a text is expected", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: 17\n",
        "c.yaml:3:11: static_resources.clusters[0].name: expected a text, got '17'; write it in "
        "quotes\n"
    },
    {
        "boolean where a text is expected", NC_DOC_YAML,
        "node:\n"
        "  id: true\n",
        "c.yaml:2:7: node.id: expected a text, got 'true'; write it in quotes\n"
    },
    {
        "text where a number is expected", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1, port_value: http}\n",
        "c.yaml:3:54: admin.address.socket_address.port_value: expected an integer, got 'http'\n"
    },
    {
        "fraction where an integer is expected", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1, port_value: 80.5}\n",
        "c.yaml:3:54: admin.address.socket_address.port_value: expected an integer, got '80.5'\n"
    },
    {
        "negative where unsigned is expected", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1, port_value: -1}\n",
        "c.yaml:3:54: admin.address.socket_address.port_value: expected an integer from 0 to "
        "4294967295, got '-1'\n"
    },
    {
        "number larger than its type", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1, port_value: 4294967296}\n",
        "c.yaml:3:54: admin.address.socket_address.port_value: expected an integer from 0 to "
        "4294967295, got '4294967296'\n"
    },
    {
        "port above 65535", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1, port_value: 65536}\n",
        "c.yaml:3:54: admin.address.socket_address.port_value: must be at most 65535, not 65536\n"
    },
    {
        "address without a port", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {address: 127.0.0.1}\n",
        "c.yaml:3:21: admin.address.socket_address: needs port_value\n"
    },
    {
        "address without a host", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    socket_address: {port_value: 1}\n",
        "c.yaml:3:21: admin.address.socket_address.address: must not be empty\n"
    },
    {
        "address of no kind", NC_DOC_YAML,
        "admin:\n"
        "  address: {}\n",
        "c.yaml:2:12: admin.address: needs one of socket_address, pipe\n"
    },
    {
        "address of two kinds", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    pipe: {path: /run/x}\n"
        "    socket_address: {address: 127.0.0.1, port_value: 1}\n",
        "c.yaml:4:5: admin.address.socket_address: cannot stand beside 'pipe': only one of them\n"
    },
    {
        "pipe without a path", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    pipe: {}\n",
        "c.yaml:3:11: admin.address.pipe.path: must not be empty\n"
    },
    {
        "pipe mode too large", NC_DOC_YAML,
        "admin:\n"
        "  address:\n"
        "    pipe: {path: /run/x, mode: 0o1000}\n",
        "c.yaml:3:32: admin.address.pipe.mode: must be at most 511, not 512\n"
    },
    {
        "text where a boolean is expected", NC_DOC_YAML,
        "static_resources:\n"
        "  listeners:\n"
        "  - name: a\n"
        "    bind_to_port: maybe\n",
        "c.yaml:4:19: static_resources.listeners[0].bind_to_port: expected true or false, got "
        "'maybe'\n"
    },
    {
        "word for a wrapped number", NC_DOC_YAML,
        "static_resources:\n"
        "  listeners:\n"
        "  - name: a\n"
        "    per_connection_buffer_limit_bytes: lots\n",
        "c.yaml:4:40: static_resources.listeners[0].per_connection_buffer_limit_bytes: expected "
        "an integer, got 'lots'\n"
    },
    {
        "zero where more is required", NC_DOC_YAML,
        "static_resources:\n"
        "  listeners:\n"
        "  - name: a\n"
        "    max_connections_to_accept_per_socket_event: 0\n",
        "c.yaml:4:49: static_resources.listeners[0].max_connections_to_accept_per_socket_event: "
        "must be greater than 0, not 0\n"
    },
    {
        "duration without a unit", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    connect_timeout: 5\n",
        "c.yaml:4:22: static_resources.clusters[0].connect_timeout: expected a duration in "
        "seconds such as 0.25s, got '5'\n"
    },
    {
        "duration in another unit", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    connect_timeout: 250ms\n",
        "c.yaml:4:22: static_resources.clusters[0].connect_timeout: expected a duration in "
        "seconds such as 0.25s, got '250ms'\n"
    },
    {
        "duration that must be positive", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    connect_timeout: 0s\n",
        "c.yaml:4:22: static_resources.clusters[0].connect_timeout: must be greater than 0s, not "
        "0s\n"
    },
    {
        "negative duration", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    connect_timeout: -1.5s\n",
        "c.yaml:4:22: static_resources.clusters[0].connect_timeout: must be greater than 0s, not "
        "-1.500s\n"
    },
    {
        "duration below its bound", NC_DOC_YAML,
        "stats_flush_interval: 0.0001s\n",
        "c.yaml:1:23: stats_flush_interval: must be at least 0.001s, not 0.000100s\n"
    },
    {
        "duration at its upper bound", NC_DOC_YAML,
        "stats_flush_interval: 300s\n",
        "c.yaml:1:23: stats_flush_interval: must be less than 300s, not 300s\n"
    },
    {
        "duration with too many digits", NC_DOC_YAML,
        "stats_flush_interval: 1.0123456789s\n",
        "c.yaml:1:23: stats_flush_interval: expected a duration in seconds such as 0.25s, got "
        "'1.0123456789s'\n"
    },
    {
        "duration as a list", NC_DOC_YAML,
        "stats_flush_interval: [1s]\n",
        "c.yaml:1:23: stats_flush_interval: expected a duration in seconds such as 0.25s, got a "
        "list\n"
    },
    {
        "duration with wrong nanos", NC_DOC_YAML,
        "stats_flush_interval: {seconds: 1, nanos: 1000000000}\n",
        "c.yaml:1:23: stats_flush_interval: seconds and nanos are out of range, or of different "
        "signs\n"
    },
    {
        "required duration is missing", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    dns_failure_refresh_rate: {max_interval: 5s}\n",
        "c.yaml:4:31: static_resources.clusters[0].dns_failure_refresh_rate.base_interval: is "
        "required\n"
    },
    {
        "cluster without a name", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - connect_timeout: 1s\n",
        "c.yaml:3:5: static_resources.clusters[0].name: must not be empty\n"
    },
    {
        "endpoint weight of zero", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    load_assignment:\n"
        "      cluster_name: a\n"
        "      endpoints:\n"
        "        lb_endpoints:\n"
        "          load_balancing_weight: 0\n",
        "c.yaml:8:34: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0]."
        "load_balancing_weight: must be at least 1, not 0\n"
    },
    {
        "load assignment without cluster name", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    load_assignment:\n"
        "      endpoints: []\n",
        "c.yaml:5:7: static_resources.clusters[0].load_assignment.cluster_name: must not be "
        "empty\n"
    },
    {
        "priority too large", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    load_assignment:\n"
        "      cluster_name: a\n"
        "      endpoints:\n"
        "      - priority: 129\n",
        "c.yaml:7:19: static_resources.clusters[0].load_assignment.endpoints[0].priority: must "
        "be at most 128, not 129\n"
    },
    {
        "mapping where a list of texts is expected", NC_DOC_YAML,
        "static_resources:\n"
        "  listeners:\n"
        "  - name: a\n"
        "    filter_chains: hello\n",
        "c.yaml:4:20: static_resources.listeners[0].filter_chains[0]: expected a mapping, got "
        "'hello'\n"
    },
    {
        "nothing in a list", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  -\n",
        "c.yaml:3:4: static_resources.clusters[0]: an empty item in a list\n"
    },
    {
        "scalar where a mapping is expected", NC_DOC_YAML,
        "static_resources: 5\n",
        "c.yaml:1:19: static_resources: expected a mapping, got '5'\n"
    },
    {
        "list where a mapping is expected", NC_DOC_YAML,
        "node: [a]\n",
        "c.yaml:1:7: node: expected a mapping, got a list\n"
    },
    {
        "list where a map is expected", NC_DOC_YAML,
        "node:\n"
        "  metadata: [a]\n",
        "c.yaml:2:13: node.metadata: expected a mapping, got a list\n"
    },
    {
        "root is a list", NC_DOC_YAML,
        "- a\n",
        "c.yaml:1:1: expected a mapping, got a list\n"
    },
    {
        "root is a word", NC_DOC_YAML,
        "hello\n",
        "c.yaml:1:1: expected a mapping, got 'hello'\n"
    },
    {
        "key twice", NC_DOC_YAML,
        "node:\n"
        "  id: a\n"
        "  cluster: b\n"
        "  id: c\n",
        "c.yaml:4:3: the key 'id' is there already, in line 2\n"
    },
    {
        "key twice in two spellings", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    connect_timeout: 1s\n"
        "    connectTimeout: 2s\n",
        "c.yaml:5:5: static_resources.clusters[0].connect_timeout: is there already under its "
        "other spelling\n"
    },
    {
        "indentation is wrong", NC_DOC_YAML,
        "node:\n"
        "  id: a\n"
        "   cluster: b\n",
        "c.yaml:3:11: not YAML: mapping values are not allowed in this context\n"
    },
    {
        "tab as indentation", NC_DOC_YAML,
        "node:\n"
        "\tid: a\n",
        "c.yaml:2:1: not YAML: found character that cannot start any token, while scanning for "
        "the next token\n"
    },
    {
        "quote without end", NC_DOC_YAML,
        "node:\n"
        "  id: \"a\n",
        "c.yaml:3:1: not YAML: found unexpected end of stream, while scanning a quoted scalar\n"
    },
    {
        "bracket without end", NC_DOC_YAML,
        "node: {id: a\n",
        "c.yaml:2:1: not YAML: did not find expected ',' or '}', while parsing a flow mapping\n"
    },
    {
        "second document", NC_DOC_YAML,
        "node: {id: a}\n"
        "---\n"
        "node: {id: b}\n",
        "c.yaml:2:1: a second YAML document; only one is expected\n"
    },
    {
        "alias without an anchor", NC_DOC_YAML,
        "node: *here\n",
        "c.yaml:1:7: no anchor &here before this alias\n"
    },
    {
        "alias inside its anchor", NC_DOC_YAML,
        "node: &n {metadata: {a: *n}}\n",
        "c.yaml:1:25: an alias inside what it stands for\n"
    },
    {
        "tag without a meaning", NC_DOC_YAML,
        "node: !include other.yaml\n",
        "c.yaml:1:7: the tag !include has no meaning here\n"
    },
    {
        "merge key", NC_DOC_YAML,
        "node:\n"
        "  <<: {id: a}\n"
        "  cluster: b\n",
        "c.yaml:2:3: node.<<: merge keys are not supported; use an alias for the whole value\n"
    },
    {
        "key that is a list", NC_DOC_YAML,
        "? [a, b]\n"
        ": c\n",
        "c.yaml:1:3: a key must be a text, this is a list\n"
    },
    {
        "any without a type", NC_DOC_YAML,
        FILTER "        typed_config: {stat_prefix: x}\n",
        "c.yaml:7:23: " CONFIG ": '@type' is missing\n"
    },
    {
        "any of a type that only envoy has", NC_DOC_YAML,
        FILTER ANY "envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy\n"
        "          stat_prefix: x\n",
        "c.yaml:8:20: " CONFIG ": envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy exists "
        "in Envoy, not in this version of Nuncio\n"
    },
    {
        "any of a type with a typing error", NC_DOC_YAML,
        FILTER ANY "envoy.extensions.filters.http.router.v3.Rooter\n",
        "c.yaml:8:20: " CONFIG ": no such type 'envoy.extensions.filters.http.router.v3.Rooter'; "
        "did you mean 'envoy.extensions.filters.http.router.v3.Router'?\n"
    },
    {
        "any of no type at all", NC_DOC_YAML,
        FILTER "        typed_config:\n"
        "          \"@type\": nonsense\n",
        "c.yaml:8:20: " CONFIG ": no such type 'nonsense'\n"
    },
    {
        "any that is a text", NC_DOC_YAML,
        FILTER "        typed_config: text\n",
        "c.yaml:7:23: " CONFIG ": expected a mapping with '@type', got 'text'\n"
    },
    {
        "field inside an any", NC_DOC_YAML,
        FILTER ANY HCM "\n"
        "          stat_prefix: x\n"
        "          stat_prefiks: y\n"
        "          route_config: {}\n",
        "c.yaml:10:11: " CONFIG ".stat_prefiks: no such field in "
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager; did "
        "you mean 'stat_prefix'?\n"
    },
    {
        "rule inside an any", NC_DOC_YAML,
        FILTER ANY HCM "\n"
        "          max_request_headers_kb: 9000\n",
        "c.yaml:8:11: " CONFIG ".stat_prefix: must not be empty\n"
        "c.yaml:8:11: " CONFIG ": needs route_config\n"
        "c.yaml:9:35: " CONFIG ".max_request_headers_kb: must be at most 8192, not 9000\n"
    },
    {
        "any inside an any", NC_DOC_YAML,
        FILTER ANY HCM "\n"
        "          stat_prefix: x\n"
        "          route_config: {}\n"
        "          http_filters:\n"
        "          - name: b\n"
        "            typed_config:\n"
        "              \"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n"
        "              max_request_bytes: 0\n",
        "c.yaml:15:34: " CONFIG ".http_filters[0].typed_config.max_request_bytes: must be "
        "greater than 0, not 0\n"
    },
    {
        "typed struct without a type url", NC_DOC_YAML,
        FILTER ANY "xds.type.v3.TypedStruct\n"
        "          value: {}\n",
        "c.yaml:8:11: " CONFIG ".type_url: must not be empty\n"
    },
    {
        "typed struct of an unknown type", NC_DOC_YAML,
        FILTER ANY "udpa.type.v1.TypedStruct\n"
        "          type_url: type.googleapis.com/a.b.C\n"
        "          value: {}\n",
        "c.yaml:9:21: " CONFIG ".type_url: no such type 'a.b.C'\n"
    },
    {
        "field inside a typed struct", NC_DOC_YAML,
        FILTER ANY "udpa.type.v1.TypedStruct\n"
        "          type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n"
        "          value:\n"
        "            max_request_bytes: many\n",
        "c.yaml:11:32: " CONFIG ".value.max_request_bytes: expected an integer, got 'many'\n"
    },
    {
        "wrapper in an any without value", NC_DOC_YAML,
        FILTER ANY "google.protobuf.Duration\n",
        "c.yaml:8:11: " CONFIG ": google.protobuf.Duration in an Any stands under the key "
        "'value'\n"
    },
    {
        "route table", NC_DOC_YAML,
        FILTER ANY HCM "\n"
        "          stat_prefix: x\n"
        "          route_config:\n"
        "            virtual_hosts:\n"
        "            - name: a\n"
        "              domains: []\n"
        "              routes:\n"
        "              - name: r1\n"
        "                match: {prefix: /}\n"
        "              - match: {prefix: /, headers: {name: \"\"}}\n"
        "                redirect: {}\n"
        "              - redirect: {}\n"
        "              - match: {prefix: /, path: /a}\n"
        "                redirect: {response_code: 302}\n"
        "              - match: {path_separated_prefix: /a/}\n"
        "                direct_response: {status: 100}\n"
        "              - match: {safe_regex: {}}\n"
        "                route: {cluster: \"\"}\n"
        "              - match: {prefix: /, headers: {name: \"a\\nb\", string_match: {prefix: "
        "\"\"}}}\n"
        "                route: {weighted_clusters: {}}\n"
        "              - match: {prefix: /}\n"
        "                route: {cluster_header: \"\"}\n"
        "                request_headers_to_add:\n"
        "                - append: true\n"
        "                - header: {key: \"\"}\n"
        "                - header: {key: x, value: \"a\\r\\nb\"}\n"
        "                response_headers_to_remove: [a, \"\"]\n",
        "c.yaml:20:36: " ROUTES "[3].match.path: cannot stand beside 'prefix': only one of them\n"
        "c.yaml:13:24: " CONFIG ".route_config.virtual_hosts[0].domains: must not be empty\n"
        "c.yaml:15:17: " ROUTES "[0]: needs one of route, redirect, direct_response\n"
        "c.yaml:17:52: " ROUTES "[1].match.headers[0].name: must not be empty\n"
        "c.yaml:19:17: " ROUTES "[2].match: is required\n"
        "c.yaml:21:43: " ROUTES "[3].redirect.response_code: no value of "
        "envoy.config.route.v3.RedirectAction.RedirectResponseCode has the number 302\n"
        "c.yaml:22:48: " ROUTES "[4].match.path_separated_prefix: must match the pattern "
        "^[^?#]+[^?#/]$\n"
        "c.yaml:23:43: " ROUTES "[4].direct_response.status: must be at least 200, not 100\n"
        "c.yaml:24:37: " ROUTES "[5].match.safe_regex.regex: must not be empty\n"
        "c.yaml:25:34: " ROUTES "[5].route.cluster: must not be empty\n"
        "c.yaml:26:52: " ROUTES "[6].match.headers[0].name: must not contain a line break\n"
        "c.yaml:26:83: " ROUTES "[6].match.headers[0].string_match.prefix: must not be empty\n"
        "c.yaml:27:44: " ROUTES "[6].route.weighted_clusters.clusters: must not be empty\n"
        "c.yaml:29:41: " ROUTES "[7].route.cluster_header: must not be empty\n"
        "c.yaml:31:19: " ROUTES "[7].request_headers_to_add[0].header: is required\n"
        "c.yaml:32:33: " ROUTES "[7].request_headers_to_add[1].header.key: must not be empty\n"
        "c.yaml:33:43: " ROUTES "[7].request_headers_to_add[2].header.value: must not contain a "
        "line break\n"
        "c.yaml:34:49: " ROUTES "[7].response_headers_to_remove[1]: must not be empty\n"
    },
    {
        "bytes that are not base64", NC_DOC_YAML,
        FILTER ANY "envoy.config.core.v3.DataSource\n"
        "          inline_bytes: \"*\"\n",
        "c.yaml:9:25: " CONFIG ".inline_bytes: expected bytes in base64, got \"*\"\n"
    },
    {
        "percent out of range", NC_DOC_YAML,
        FILTER ANY "envoy.type.v3.Percent\n"
        "          value: 101\n",
        "c.yaml:9:18: " CONFIG ".value: must be at most 100, not 101\n"
    },
    {
        "number that is a word", NC_DOC_YAML,
        FILTER ANY "envoy.type.v3.Percent\n"
        "          value: half\n",
        "c.yaml:9:18: " CONFIG ".value: expected a number, got 'half'\n"
    },
    {
        "map key that must not be empty", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    metadata: {filter_metadata: {\"\": {}}}\n",
        "c.yaml:4:38: static_resources.clusters[0].metadata.filter_metadata[\"\"]: must not be "
        "empty\n"
    },
    {
        "map value that is nothing", NC_DOC_YAML,
        "static_resources:\n"
        "  clusters:\n"
        "  - name: a\n"
        "    metadata: {filter_metadata: {x: }}\n",
        "c.yaml:4:37: static_resources.clusters[0].metadata.filter_metadata[\"x\"]: nothing "
        "where a value is expected\n"
    },
    {
        "constant that is not kept", NC_DOC_YAML,
        "stats_config:\n"
        "  stats_matcher: {inclusion_list: {patterns: []}}\n",
        "c.yaml:2:46: stats_config.stats_matcher.inclusion_list.patterns: must not be empty\n"
    },
    {
        "two members of a oneof", NC_DOC_YAML,
        "stats_config:\n"
        "  stats_matcher: {reject_all: true, inclusion_list: {patterns: {prefix: a}}}\n",
        "c.yaml:2:37: stats_config.stats_matcher.inclusion_list: cannot stand beside "
        "'reject_all': only one of them\n"
    },
    {
        "oneof of nothing", NC_DOC_YAML,
        "stats_config:\n"
        "  stats_matcher: {}\n",
        "c.yaml:2:18: stats_config.stats_matcher: needs one of reject_all, exclusion_list, "
        "inclusion_list\n"
    },
    {
        "several errors at once", NC_DOC_YAML,
        "node: {id: 1}\n"
        "admin: {adress: {}}\n"
        "static_resources:\n"
        "  clusters:\n"
        "  - name: \"\"\n"
        "    connect_timeout: soon\n"
        "    type: FAST\n",
        "c.yaml:1:12: node.id: expected a text, got '1'; write it in quotes\n"
        "c.yaml:2:9: admin.adress: no such field in envoy.config.bootstrap.v3.Admin; did you "
        "mean 'address'?\n"
        "c.yaml:6:22: static_resources.clusters[0].connect_timeout: expected a duration in "
        "seconds such as 0.25s, got 'soon'\n"
        "c.yaml:7:11: static_resources.clusters[0].type: no such value 'FAST'; expected STATIC, "
        "STRICT_DNS or LOGICAL_DNS\n"
        "c.yaml:5:11: static_resources.clusters[0].name: must not be empty\n"
    },
    {
        "known field one level too high", NC_DOC_YAML,
        "clusters: []\n",
        "c.yaml:1:1: clusters: no such field in envoy.config.bootstrap.v3.Bootstrap; did you "
        "mean 'static_resources.clusters'?\n"
    },
    {
        "typed struct whose type url is misspelt", NC_DOC_YAML,
        FILTER ANY "xds.type.v3.TypedStruct\n"
        "          type_uri: x\n"
        "          value: {}\n",
        "c.yaml:9:11: " CONFIG ".type_uri: no such field in xds.type.v3.TypedStruct; did you "
        "mean 'type_url'?\n"
        "c.yaml:8:11: " CONFIG ".type_url: must not be empty\n"
    },
    {
        "value twice in a struct", NC_DOC_YAML,
        "node: {metadata: {a: 1, a: 2}}\n",
        "c.yaml:1:25: the key 'a' is there already, in line 1\n"
    },
    {
        "json without a value", NC_DOC_JSON,
        "{\"node\": }",
        "c.yaml:1:10: not JSON: a value is expected here\n"
    },
    {
        "json with a stray comma", NC_DOC_JSON,
        "{\"node\": {\"id\": \"a\"},, }",
        "c.yaml:1:22: not JSON: a key in double quotes is expected here\n"
    },
    {
        "json with a key without quotes", NC_DOC_JSON,
        "{node: {}}",
        "c.yaml:1:2: not JSON: a key in double quotes is expected here\n"
    },
    {
        "json with an open string", NC_DOC_JSON,
        "{\"node\": \"a",
        "c.yaml:1:10: not JSON: a string without its closing quote\n"
    },
    {
        "json with an open mapping", NC_DOC_JSON,
        "{\"node\": {\"id\": \"a\"",
        "c.yaml:1:20: not JSON: ',' or '}' is expected here\n"
    },
    {
        "json without a colon", NC_DOC_JSON,
        "{\"node\" {}}",
        "c.yaml:1:9: not JSON: ':' is expected here\n"
    },
    {
        "json with something behind it", NC_DOC_JSON,
        "{\"node\": {}} x",
        "c.yaml:1:14: not JSON: something behind the end\n"
    },
    {
        "json with a wrong escape", NC_DOC_JSON,
        "{\"node\": {\"id\": \"\\x\"}}",
        "c.yaml:1:18: not JSON: an escape sequence that does not exist\n"
    },
    {
        "json with half a surrogate pair", NC_DOC_JSON,
        "{\"node\": {\"id\": \"\\ud83d\"}}",
        "c.yaml:1:18: not JSON: an escape sequence that does not exist\n"
    },
    {
        "json with a number like yaml", NC_DOC_JSON,
        "{\"node\": {\"id\": 0x10}}",
        "c.yaml:1:17: not JSON: neither a number nor true, false or null\n"
    },
    {
        "json with a word", NC_DOC_JSON,
        "{\"node\": nil}",
        "c.yaml:1:10: not JSON: neither a number nor true, false or null\n"
    },
    {
        "json with a key twice", NC_DOC_JSON,
        "{\"node\": {\"id\": \"a\",\n"
        " \"id\": \"b\"}}",
        "c.yaml:2:2: the key \"id\" is there already, in line 1\n"
    },
    {
        "json with a wrong field", NC_DOC_JSON,
        "{\"node\": {\"id\": \"a\",\n"
        "  \"clutser\": \"b\"}}",
        "c.yaml:2:3: node.clutser: no such field in envoy.config.core.v3.Node; did you mean "
        "'cluster'?\n"
    },
    {
        "json with a bare list item", NC_DOC_JSON,
        "[\"a\" \"b\"]",
        "c.yaml:1:6: not JSON: ',' or ']' is expected here\n"
    },
    {
        "json with a line break in a string", NC_DOC_JSON,
        "{\"node\": {\"id\": \"a\n"
        "\"}}",
        "c.yaml:1:17: not JSON: a control character in a string\n"
    },
};

START_TEST(wrong_file_gets_exactly_these_errors)
{
    const row_t  *row = &rows[_i];
    nc_doc_t     *doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor, 0);
    nc_errors_t   errors;
    nc_sb_t       said;
    nc_rc_t       read;
    nc_rc_t       checked;

    nc_errors_init(&errors);
    nc_sb_init(&said);

    read = nc_doc_add_text(doc, "c.yaml", row->format, nc_str_c(row->text), &errors);
    checked = nc_validate(doc, nc_doc_root(doc), &errors);

    for (const nc_error_t *e = errors.first; e != NULL; e = e->next) {
        nc_error_print(e, &said);
        nc_sb_char(&said, '\n');
    }

    if (strcmp(nc_sb_c(&said), row->errors) != 0) {         /* too long for a message of Check */
        printf("%s\n--- said:\n%s--- expected:\n%s", row->name, nc_sb_c(&said), row->errors);
        fflush(stdout);
        ck_abort_msg("%s", row->name);
    }

    ck_assert(read != NC_OK || checked != NC_OK);

    nc_sb_fini(&said);
    nc_errors_fini(&errors);
    nc_doc_destroy(doc);
}
END_TEST

int
main(void)
{
    Suite    *s = suite_create("errors");
    TCase    *tc = tcase_create("table");
    SRunner  *sr;
    int       failed;

    tcase_add_loop_test(tc, wrong_file_gets_exactly_these_errors, 0, (int) NC_COUNTOF(rows));
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed == 0 ? 0 : 1;
}
