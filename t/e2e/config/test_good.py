"""Right files: the examples of the project, and the leniency that real files lean on."""
import glob
import os
import re

import pytest
import yaml

from lib import client, conf, proxy
from lib.wait import wait_until

EXAMPLES = sorted(glob.glob(f"{proxy.ROOT}/conf/*.yaml") +
                  glob.glob(f"{proxy.ROOT}/conf/examples/*.yaml"))
NAMES = [os.path.relpath(e, proxy.ROOT) for e in EXAMPLES]


def test_there_are_examples():
    assert f"{proxy.ROOT}/conf/nuncio.yaml" in EXAMPLES
    assert len(EXAMPLES) > 3


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_passes_dash_t_as_it_is(binary, path):
    r = binary("-p", proxy.ROOT, "-t", "-c", path)
    assert r.returncode == 0, r.stdout + r.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_says_in_its_first_lines_what_it_shows(path):
    with open(path) as f:
        assert f.readline().startswith("#")


def on_free_ports(n, text):
    """Gives every port on which the file listens a port of the test, wherever it is named."""
    data, ports = yaml.safe_load(text), {}
    for lst in data.get("static_resources", {}).get("listeners", []):
        p = lst["address"]["socket_address"]["port_value"]
        ports[p] = n._port_of(lst.get("name", str(p)))
        lst["address"]["socket_address"]["address"] = "127.0.0.1"
    admin = data.get("admin", {}).get("address", {}).get("socket_address", {}).get("port_value")
    if admin:
        ports[admin] = n._port_of("admin")

    def walk(x):
        if isinstance(x, dict):
            if x.get("port_value") in ports:
                x["port_value"] = ports[x["port_value"]]
            for v in x.values():
                walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)
    walk(data)
    return yaml.safe_dump(data, sort_keys=False)


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_starts_and_answers_on_each_listener(nuncio, path):
    n = nuncio(None, start=False, prefix=None)
    for folder in ("html", "conf"):
        if os.path.isdir(f"{proxy.ROOT}/{folder}"):
            os.symlink(f"{proxy.ROOT}/{folder}", f"{n.dir}/{folder}")
    with open(path) as f:
        n.change(on_free_ports(n, f.read()))
    n.argv += ["-c", n.path]
    n.start()
    for name in list(n._ports):
        r = client.get(n.port(name), "/", host="localhost")
        assert 200 <= r.status < 600


def test_the_default_configuration_serves_a_page_through_the_proxy(nuncio):
    n = nuncio(None, start=False)
    os.symlink(f"{proxy.ROOT}/html", f"{n.dir}/html")
    with open(f"{proxy.ROOT}/conf/nuncio.yaml") as f:
        n.change(on_free_ports(n, f.read()))
    n.argv += ["-c", n.path]
    n.start()
    data = yaml.safe_load(open(n.path))
    first = data["static_resources"]["listeners"][0]
    r = n.get("/", name=first["name"])
    assert r.status == 200 and b"</html>" in r.body.lower()
    total = [v for k, v in n.stats().items() if re.match(r"cluster\..*\.upstream_rq_2xx$", k)]
    assert sum(v for v in total if isinstance(v, int)) >= 1


HCM = """
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{port}}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          {fields}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""
ADMIN = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: {admin}}}}\n"
ROUTES = 'route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, ' \
         'direct_response: {status: 200, body: {inline_string: ok}}}]}]}'

LENIENT = {
    "enum names in any case":
        ADMIN + "static_resources:\n"
        "  clusters: [{name: c, type: strict_dns, lb_policy: Round_Robin}]\n  listeners:"
        + HCM.format(fields="codec_type: auto\n          " + ROUTES),
    "enum values by number":
        ADMIN + "static_resources:\n  clusters: [{name: c, type: 1}]\n  listeners:"
        + HCM.format(fields="codec_type: 0\n          " + ROUTES),
    "camel case names":
        ADMIN + "staticResources:\n  clusters: [{name: c, connectTimeout: 1s}]\n  listeners:"
        + HCM.format(fields=ROUTES).replace("stat_prefix", "statPrefix"),
    "a single value where a list is expected":
        ADMIN + "static_resources:\n  listeners:" + HCM.format(
            fields='route_config: {virtual_hosts: {name: v, domains: "*", '
                   'routes: {match: {prefix: /}, direct_response: {status: 200, '
                   'body: {inline_string: ok}}}}}'),
    "empty keys":
        ADMIN + "node:\nstatic_resources:\n  clusters:\n  listeners:" + HCM.format(
            fields="access_log:\n          " + ROUTES),
    "null means unset":
        ADMIN + "node: null\nstatic_resources:\n  clusters: null\n  listeners:"
        + HCM.format(fields="max_request_headers_kb: ~\n          " + ROUTES),
    "anchors and aliases":
        "x: !ignore\n  timeout: &t 3s\n" + ADMIN
        + "static_resources:\n  clusters: [{name: c, connect_timeout: *t}]\n  listeners:"
        + HCM.format(fields=ROUTES),
    "64 bit numbers as texts":
        ADMIN + "static_resources:\n  listeners:" + HCM.format(
            fields='max_request_headers_kb: "60"\n          ' + ROUTES),
    "a typed struct":
        ADMIN + "static_resources:\n  listeners:" + HCM.format(fields=ROUTES).replace(
            '{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}',
            '{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: '
            'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, '
            'value: {suppress_envoy_headers: true}}'),
    "durations as mappings":
        ADMIN + "static_resources:\n"
        "  clusters: [{name: c, connect_timeout: {seconds: 1, nanos: 5}}]\n  listeners:"
        + HCM.format(fields=ROUTES),
    "comments, folded and literal texts":
        "# a comment\n" + ADMIN + "node:\n  id: >-\n    a\n    b\n  cluster: |\n    c\n"
        "static_resources:\n  listeners:" + HCM.format(fields=ROUTES),
    "a byte order mark and line ends of another system":
        "\ufeff" + (ADMIN + "static_resources:\n  listeners:"
                    + HCM.format(fields=ROUTES)).replace("\n", "\r\n"),
    "trailing commas in flow lists":
        ADMIN + "static_resources:\n  clusters: [{name: c,},]\n  listeners:"
        + HCM.format(fields=ROUTES),
}


@pytest.mark.parametrize("name", LENIENT, ids=[re.sub(r"\W+", "-", x) for x in LENIENT])
def test_what_real_files_lean_on_is_accepted(nuncio, name):
    n = nuncio(LENIENT[name])
    assert n.get().body == b"ok"


def test_a_runtime_layer_says_the_shares_and_weights_that_have_keys(nuncio, upstream):
    layers = [{"name": "a", "static_layer": {"split": {"zero": 0}, "split.all": 7, "half": 0}},
              {"name": "b", "static_layer": {"half": {"numerator": 10000,
                                                      "denominator": "TEN_THOUSAND"}}}]
    half = {"prefix": "/half", "runtime_fraction": {"runtime_key": "half",
                                                    "default_value": {"numerator": 50}}}
    split = {"weighted_clusters": {"runtime_key_prefix": "split", "clusters": [
        {"name": "zero", "weight": 50}, {"name": "all", "weight": 50}]}}
    n = nuncio(conf.bootstrap(
        [conf.listener(conf.hcm([conf.direct_to(half, "half"),
                                 {"match": {"prefix": "/"}, "route": split}]))],
        [conf.cluster("zero", 1), conf.cluster("all", upstream)],
        layered_runtime={"layers": layers}))
    assert {n.get("/half").body for _ in range(20)} == {b"half"}
    assert {n.get("/").status for _ in range(20)} == {200}


def test_the_stats_flush_interval_and_node_are_taken(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, bootstrap_kw={
        "stats_flush_interval": "1s",
        "node": {"id": "i", "cluster": "c", "metadata": {"a": [1, "b"]},
                 "locality": {"region": "r", "zone": "z"}}}))
    node = n.admin_json("/server_info")["node"]
    assert node["metadata"] == {"a": [1, "b"]} and node["locality"]["region"] == "r"


def test_a_listener_may_be_on_a_unix_socket(nuncio, upstream, public_dir):
    b = conf.http_proxy(upstream)
    b["static_resources"]["listeners"][0]["address"] = {"pipe": {"path": str(public_dir / "s")}}
    n = nuncio(b)
    with client.Client(0, path=str(public_dir / "s")) as c:
        assert c.get().status == 200
    wait_until(lambda: n.access_log(1), "the line")
