"""The admin interface: every path, its formats and its methods."""
import json
import re
import socket

import pytest

from lib import client, conf
from lib.wait import wait_until

GETS = ["/", "/help", "/ready", "/server_info", "/stats", "/stats?usedonly", "/stats?format=json",
        "/stats?format=prometheus", "/stats/prometheus", "/clusters", "/clusters?format=json",
        "/listeners", "/listeners?format=json", "/config_dump", "/memory"]
POSTS = ["/logging", "/reset_counters", "/healthcheck/fail", "/healthcheck/ok", "/reopen_logs"]


@pytest.fixture(scope="module")
def n(shared_nuncio, shared_upstream):
    n = shared_nuncio(conf.http_proxy(shared_upstream, bootstrap_kw={
        "node": {"id": "node-1", "cluster": "cluster-1"}}))
    assert n.get().status == 200
    return n


@pytest.mark.parametrize("path", GETS)
def test_reading_paths_answer_200(n, path):
    r = n.admin(path)
    assert r.status == 200 and r.body
    assert r.get("cache-control") == "no-cache, max-age=0"
    assert r.get("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("path", POSTS)
def test_changing_paths_answer_post_and_refuse_get(n, path):
    assert n.admin(path, "POST").status == 200
    assert n.admin("/healthcheck/ok", "POST").status == 200
    assert n.admin(path, "GET").status == 405


@pytest.mark.parametrize("path", ["/quitquitquit", "/drain_listeners"])
def test_ending_paths_refuse_get(n, path):
    assert n.admin(path, "GET").status == 405
    assert n.get().status == 200


def test_an_unknown_path_gets_404_and_the_list(n):
    r = n.admin("/nothing")
    assert r.status == 404
    assert b"/stats" in r.body and b"/config_dump" in r.body


def test_help_names_every_path(n):
    text = n.admin_text("/help")
    for path in GETS + POSTS + ["/quitquitquit", "/drain_listeners"]:
        assert path.split("?")[0] in text, path


def test_the_index_is_a_page_with_links(n):
    r = n.admin("/")
    assert r.get("content-type").startswith("text/html")
    assert b"stats" in r.body and b"</html>" in r.body.lower()


def test_ready_says_live(n):
    r = n.admin("/ready")
    assert (r.status, r.body) == (200, b"LIVE\n")


def test_server_info_tells_version_state_and_options(n):
    info = n.admin_json("/server_info")
    assert info["state"] == "LIVE"
    assert info["node"]["id"] == "node-1"
    assert info["version"]
    assert info["command_line_options"]["concurrency"] == 1
    assert info["command_line_options"]["config_path"] == n.path
    assert re.match(r"\d+s$", info["uptime_current_epoch"])


def test_stats_are_sorted_lines_of_name_and_value(n):
    lines = n.admin_text("/stats").splitlines()
    names = [x.split(": ", 1)[0] for x in lines if "P0(" not in x and "No recorded values" not in x]
    assert names == sorted(names)
    assert all(": " in x for x in lines)


def test_stats_can_be_filtered_by_a_regex(n):
    got = n.stats("^cluster\\.up\\.upstream_rq_2xx$")
    assert list(got) == ["cluster.up.upstream_rq_2xx"] and got["cluster.up.upstream_rq_2xx"] >= 1


def test_a_wrong_filter_is_refused(n):
    assert n.admin("/stats?filter=(").status == 400
    assert n.admin("/stats?format=dance").status == 400
    assert n.admin("/stats?type=Dance").status == 400


def test_used_only_leaves_out_what_never_happened(n):
    used, every = n.admin_text("/stats?usedonly"), n.admin_text("/stats")
    assert "cluster.up.upstream_rq_timeout" in every
    assert "cluster.up.upstream_rq_timeout" not in used
    assert "cluster.up.upstream_rq_total" in used


def test_stats_can_be_one_kind(n):
    text = n.admin_text("/stats?type=Gauges")
    assert "downstream_cx_active" in text and "downstream_cx_total" not in text
    text = n.admin_text("/stats?type=Counters")
    assert "downstream_cx_total" in text and "downstream_cx_active" not in text
    assert "upstream_rq_time" in n.admin_text("/stats?type=Histograms")


def test_stats_in_json_hold_the_same_numbers(n):
    data = n.admin_json("/stats?format=json&filter=^cluster\\.up\\.upstream_rq_")
    values = {s["name"]: s["value"] for s in data["stats"] if "name" in s}
    assert values["cluster.up.upstream_rq_2xx"] == n.stat("cluster.up.upstream_rq_2xx")


def test_histograms_are_shown_with_quantiles(n):
    n.get()
    text = wait_until(lambda: re.search(r"^cluster\.up\.upstream_rq_time: P0\((.*)$",
                                        n.admin_text("/stats"), re.M), "a histogram", 15)
    assert "P99" in text.group(0) and "P50" in text.group(0)
    data = n.admin_json("/stats?format=json&type=Histograms&filter=upstream_rq_time")
    h = [s for s in data["stats"] if "histograms" in s][0]["histograms"]
    assert 50 in h["supported_quantiles"] or 50.0 in h["supported_quantiles"]


PROM_LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)'
                       r'(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? '
                       r'(-?[0-9.e+-]+|NaN|\+Inf)$')


@pytest.mark.parametrize("path", ["/stats/prometheus", "/stats?format=prometheus"])
def test_prometheus_text_is_well_formed(n, path):
    r = n.admin(path)
    assert r.get("content-type").startswith("text/plain")
    types, seen = {}, set()
    for line in r.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped")
            types[name] = kind
        elif line and not line.startswith("#"):
            m = PROM_LINE.match(line)
            assert m, line
            base = re.sub(r"_(bucket|sum|count)$", "", m.group(1))
            assert m.group(1) in types or base in types, line
            key = (m.group(1), m.group(2))
            assert key not in seen, line
            seen.add(key)
    assert types["envoy_cluster_upstream_rq_total"] == "counter"
    assert types["envoy_http_downstream_cx_active"] == "gauge"
    assert types["envoy_cluster_upstream_rq_time"] == "histogram"


def test_prometheus_takes_the_tags_out_of_the_names(n):
    text = n.admin_text("/stats/prometheus")
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="up"}' in text
    assert re.search(r'envoy_cluster_upstream_rq_xx\{[^}]*envoy_response_code_class="2"[^}]*\} \d+',
                     text)
    assert re.search(r'envoy_http_downstream_rq_xx\{[^}]*envoy_http_conn_manager_prefix="ingress"',
                     text)
    assert re.search(r'envoy_server_live\{?\}? 1', text)


def test_prometheus_buckets_add_up(n):
    text = n.admin_text("/stats/prometheus?filter=upstream_rq_time")
    buckets = [int(x) for x in re.findall(r'upstream_rq_time_bucket\{[^}]*\} (\d+)', text)]
    count = int(re.search(r'upstream_rq_time_count\{[^}]*\} (\d+)', text).group(1))
    assert buckets == sorted(buckets) and buckets[-1] == count


def test_clusters_are_shown_with_their_hosts(n, shared_upstream):
    text = n.admin_text("/clusters")
    host = f"127.0.0.1:{shared_upstream.port}"
    for line in (f"up::{host}::cx_active::", f"up::{host}::rq_total::",
                 f"up::{host}::health_flags::healthy", f"up::{host}::weight::1",
                 "up::default_priority::max_connections::1024", "up::added_via_api::false"):
        assert line in text, line
    data = n.admin_json("/clusters?format=json")
    c = next(c for c in data["cluster_statuses"] if c["name"] == "up")
    h = c["host_statuses"][0]
    assert h["address"]["socket_address"]["port_value"] == shared_upstream.port
    assert h["health_status"]["eds_health_status"] == "HEALTHY"


def test_listeners_are_shown_with_their_addresses(n):
    assert n.admin_text("/listeners") == f"main::127.0.0.1:{n.port()}\n"
    data = n.admin_json("/listeners?format=json")
    assert data["listener_statuses"][0]["name"] == "main"


def test_the_configuration_dump_holds_what_was_given(n):
    dump = n.admin_json("/config_dump")
    kinds = [c["@type"].rsplit(".", 1)[1] for c in dump["configs"]]
    for kind in ("BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump",
                 "RoutesConfigDump"):
        assert kind in kinds
    clusters = next(c for c in dump["configs"] if c["@type"].endswith("ClustersConfigDump"))
    assert clusters["static_clusters"][0]["cluster"]["name"] == "up"


def test_the_configuration_dump_can_be_narrowed(n):
    dump = n.admin_json("/config_dump?resource=static_clusters")
    assert [c["cluster"]["name"] for c in dump["configs"]] == ["up"]
    dump = n.admin_json("/config_dump?resource=static_clusters&mask=cluster.name")
    assert "load_assignment" not in dump["configs"][0]["cluster"]
    assert n.admin("/config_dump?resource=nothing").status == 404


def test_log_levels_are_listed_and_changed(n):
    before = n.admin("/logging", "POST").body.decode()
    assert re.search(r"^  ?\w+: \w+$", before, re.M)
    name = re.search(r"^\s*(http|conn_handler|main): (\w+)$", before, re.M)
    r = n.admin(f"/logging?{name.group(1)}=trace", "POST")
    assert re.search(rf"^\s*{name.group(1)}: trace$", r.body.decode(), re.M)
    r = n.admin(f"/logging?level={name.group(2)}", "POST")
    assert "trace" not in r.body.decode()
    assert n.admin("/logging?level=loud", "POST").status == 400
    assert n.admin("/logging?nobody=info", "POST").status in (400, 404)
    n.admin("/logging?level=info", "POST")


def test_counters_are_reset_and_gauges_are_not(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    with n.connect() as c:
        c.get()
        assert n.admin("/reset_counters", "POST").body == b"OK\n"
        assert n.stat("cluster.up.upstream_rq_total") == 0
        assert n.stat("http.ingress.downstream_cx_active") == 1
        c.get()
        assert n.stat("cluster.up.upstream_rq_total") == 1


def test_a_failed_health_check_turns_ready_to_draining(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    assert n.admin("/healthcheck/fail", "POST").body == b"OK\n"
    r = n.admin("/ready")
    assert (r.status, r.body) == (503, b"DRAINING\n")
    assert n.stat("server.state") == 1 and n.stat("server.live") == 0
    n.admin("/healthcheck/ok", "POST")
    assert n.admin("/ready").status == 200


def test_memory_is_json_in_bytes(n):
    m = n.admin_json("/memory")
    assert int(m["allocated"]) >= 0 and int(m["heap_size"]) >= 0
    assert int(m["total_physical_bytes"]) > 100000


def test_head_is_answered_without_a_body(n):
    with client.Client(n.port("admin")) as c:
        r = c.request("HEAD", "/ready", host="admin")
        assert r.status == 200 and r.body == b""


def test_one_connection_can_ask_many_times(n):
    with client.Client(n.port("admin")) as c:
        for _ in range(5):
            assert c.get("/ready", host="admin").status == 200


def test_a_client_that_says_nothing_does_not_hold_up_others(n):
    idle = [socket.create_connection(("127.0.0.1", n.port("admin"))) for _ in range(20)]
    assert n.admin("/ready").status == 200
    for s in idle:
        s.close()


def test_a_client_that_does_not_read_does_not_hold_up_others(n):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", n.port("admin")))
    s.sendall(b"GET /stats HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
    assert n.admin("/ready").status == 200
    s.close()


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\r\n\r\n",
                                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                                 b"GET /stats%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                                 b"POST /logging HTTP/1.1\r\nHost: a\r\n"
                                 b"Content-Length: -1\r\n\r\n"])
def test_nonsense_does_not_harm_the_admin_interface(n, raw):
    with client.Client(n.port("admin")) as c:
        c.send(raw)
        try:
            assert c.response().status in (400, 404, 414, 431)
        except (ConnectionResetError, AssertionError):
            pass
    assert n.admin("/ready").status == 200


def test_the_admin_interface_can_listen_on_a_unix_socket(nuncio, upstream, public_dir):
    path = str(public_dir / "admin.sock")
    b = conf.http_proxy(upstream)
    b["admin"] = {"address": {"pipe": {"path": path}}}
    nuncio(b)

    def live():
        with client.Client(0, path=path) as c:
            return c.get("/ready", host="admin").body == b"LIVE\n"
    wait_until(live, "live")


def test_without_admin_there_is_none(nuncio, upstream):
    b = conf.http_proxy(upstream)
    del b["admin"]
    n = nuncio(b)
    assert n.get().status == 200
    assert "admin" not in n._ports


def test_the_admin_interface_writes_its_own_access_log(nuncio, upstream):
    b = conf.http_proxy(upstream)
    b["admin"]["access_log"] = [conf.file_log("{dir}/admin.log", "%REQ(:PATH)%\n")]
    n = nuncio(b)
    n.admin("/stats?usedonly")
    wait_until(lambda: "/stats?usedonly\n" in open(f"{n.dir}/admin.log").read(), "the line")


def test_certs_is_valid_json_without_certificates(n):
    r = n.admin("/certs")
    assert r.status == 404 or json.loads(r.body) == {"certificates": []}
