"""Counters and gauges: the names Envoy has, and right to the last one."""
import threading

from lib import conf
from lib.client import request
from lib.ports import unused_port
from lib.upstream import head
from lib.wait import wait_until


def test_one_request_counts_once_everywhere(proxied, upstream):
    n = proxied()
    upstream.answer(201, [], b"12345")
    with n.connect() as c:
        c.request("POST", "/", body=b"abc")
        s = n.stats()
        for name in ("http.ingress.downstream_cx_total", "http.ingress.downstream_cx_http1_total",
                     "http.ingress.downstream_cx_active", "http.ingress.downstream_cx_http1_active",
                     "http.ingress.downstream_rq_total", "http.ingress.downstream_rq_http1_total",
                     "http.ingress.downstream_rq_2xx", "http.ingress.downstream_rq_completed",
                     "http.ingress.rq_total",
                     f"listener.127.0.0.1_{n.port()}.downstream_cx_total",
                     f"listener.127.0.0.1_{n.port()}.downstream_cx_active",
                     f"listener.127.0.0.1_{n.port()}.http.ingress.downstream_rq_2xx",
                     "cluster.up.upstream_cx_total", "cluster.up.upstream_cx_active",
                     "cluster.up.upstream_cx_http1_total", "cluster.up.upstream_rq_total",
                     "cluster.up.upstream_rq_2xx", "cluster.up.upstream_rq_201",
                     "cluster.up.upstream_rq_completed", "cluster.up.membership_total",
                     "cluster.up.membership_healthy"):
            assert s.get(name) == 1, f"{name} is {s.get(name)}"
        for name in ("http.ingress.downstream_rq_active", "cluster.up.upstream_rq_active",
                     "cluster.up.upstream_rq_pending_active", "http.ingress.downstream_rq_5xx",
                     "cluster.up.upstream_cx_connect_fail", "cluster.up.upstream_rq_timeout",
                     "cluster.up.upstream_cx_destroy", "http.ingress.downstream_cx_destroy"):
            assert s.get(name) == 0, f"{name} is {s.get(name)}"


def test_bytes_are_counted_on_all_four_sides(proxied, upstream):
    n = proxied()
    upstream.answer(200, [], b"x" * 10000)
    sent = request("POST", "/", body=b"y" * 5000)
    with n.connect() as c:
        c.send(sent)
        got = len(c.response().raw)
    s = n.stats()
    assert s["http.ingress.downstream_cx_rx_bytes_total"] == len(sent)
    assert s["http.ingress.downstream_cx_tx_bytes_total"] == got
    assert s["cluster.up.upstream_cx_tx_bytes_total"] == len(upstream.last.raw)
    assert s["cluster.up.upstream_cx_rx_bytes_total"] > 10000


def test_statuses_are_counted_by_class_and_code(proxied, upstream):
    n = proxied()
    for status in (200, 204, 301, 404, 404, 500, 503):
        upstream.once(status)
        n.get()
    s = n.stats()
    assert [s[f"http.ingress.downstream_rq_{c}xx"] for c in (2, 3, 4, 5)] == [2, 1, 2, 2]
    assert [s[f"cluster.up.upstream_rq_{c}xx"] for c in (2, 3, 4, 5)] == [2, 1, 2, 2]
    assert s["cluster.up.upstream_rq_404"] == 2


def test_connections_are_counted_when_they_end_and_by_whom(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.get()
    n.wait_stat("http.ingress.downstream_cx_destroy_remote", 1)
    with n.connect() as c:
        c.get("/", [("Connection", "close")])
        c.at_end()
    n.wait_stat("http.ingress.downstream_cx_destroy_local", 1)
    n.wait_stat("http.ingress.downstream_cx_destroy", 2)
    upstream.conns[0].close()
    n.wait_stat("cluster.up.upstream_cx_destroy_remote", 1)


def test_failures_to_connect_are_counted(nuncio):
    n = nuncio(conf.http_proxy(unused_port()))
    n.get()
    n.get()
    s = n.stats()
    assert s["cluster.up.upstream_cx_connect_fail"] == 2
    assert s["cluster.up.upstream_rq_pending_failure_eject"] == 2
    assert s["http.ingress.downstream_rq_5xx"] == 2
    assert s["cluster.up.upstream_cx_active"] == 0


def test_a_request_in_flight_is_a_gauge(proxied, upstream):
    n = proxied()
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 0)])))
    with n.connect() as c:
        c.send(request())
        upstream.wait_requests(1)
        n.wait_stat("http.ingress.downstream_rq_active", 1)
        n.wait_stat("cluster.up.upstream_rq_active", 1)
        go.set()
        c.response()
    n.wait_stat("http.ingress.downstream_rq_active", 0)
    n.wait_stat("cluster.up.upstream_rq_active", 0)


def test_the_rows_of_all_workers_are_summed(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), concurrency=2)
    conns = [n.connect() for _ in range(40)]
    for c in conns:
        for _ in range(5):
            assert c.get().status == 200
    s = n.stats()
    assert s["http.ingress.downstream_rq_2xx"] == 200
    assert s["http.ingress.downstream_cx_active"] == 40
    for c in conns:
        c.close()
    n.wait_stat("http.ingress.downstream_cx_active", 0)


def test_server_and_manager_stats_are_there(proxied):
    n = proxied()
    s = n.stats()
    assert s["server.live"] == 1 and s["server.state"] == 0 and s["server.concurrency"] == 1
    assert s["listener_manager.total_listeners_active"] == 1
    assert s["listener_manager.listener_added"] == 1
    assert s["listener_manager.workers_started"] == 1
    assert s["cluster_manager.active_clusters"] == 1
    assert s["cluster_manager.cluster_added"] == 1
    assert "server.uptime" in s and "server.total_connections" in s


def test_a_cluster_that_is_removed_takes_its_stats_along(nuncio, upstream):
    two = conf.http_proxy(upstream)
    two["static_resources"]["clusters"].append(conf.cluster("extra", upstream))
    n = nuncio(two)
    assert "cluster.extra.upstream_rq_total" in n.stats()
    n.must_reload(conf.http_proxy(upstream))
    wait_until(lambda: "cluster.extra.upstream_rq_total" not in n.stats(), "its stats to go")
    assert n.stat("cluster_manager.cluster_removed") == 1


def test_counters_go_on_over_a_reload(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.get()
    n.must_reload(conf.http_proxy(upstream, routes=[conf.direct("/x", 200), conf.route("/")]))
    n.get()
    s = n.stats()
    assert s["http.ingress.downstream_rq_total"] == 2
    assert s["cluster.up.upstream_rq_total"] == 2


def test_connection_managers_with_different_prefixes_count_apart(nuncio, upstream):
    b = conf.bootstrap([conf.listener(conf.hcm(stat_prefix="a")),
                        conf.listener(conf.hcm(stat_prefix="b"), name="second")],
                       [conf.cluster("up", upstream)])
    n = nuncio(b)
    n.get()
    n.get(name="second")
    n.get(name="second")
    s = n.stats()
    assert (s["http.a.downstream_rq_total"], s["http.b.downstream_rq_total"]) == (1, 2)


def test_an_alternative_name_stands_in_for_the_cluster(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, cluster_kw={"alt_stat_name": "other"}))
    n.get()
    assert n.stat("cluster.other.upstream_rq_total") == 1


def test_a_stats_matcher_says_what_is_to_be_seen(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, bootstrap_kw={"stats_config": {"stats_matcher": {
        "inclusion_list": {"patterns": [{"prefix": "cluster.up.upstream_rq_2"},
                                        {"exact": "http.ingress.downstream_rq_total"}]}}}}))
    assert n.get().status == 200
    assert n.stats() == {"cluster.up.upstream_rq_200": 1, "cluster.up.upstream_rq_2xx": 1,
                         "http.ingress.downstream_rq_total": 1}
    assert "membership" not in n.admin_text("/stats/prometheus")


def test_a_stats_matcher_may_leave_out(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, bootstrap_kw={"stats_config": {"stats_matcher": {
        "exclusion_list": {"patterns": [{"safe_regex": {"regex": "cluster[.].*"}}]}}}}))
    stats = n.stats()
    assert not [x for x in stats if x.startswith("cluster.")]
    assert "http.ingress.downstream_rq_total" in stats


def test_fixed_tags_stand_at_all_stats(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, bootstrap_kw={"stats_config": {"stats_tags": [
        {"tag_name": "where", "fixed_value": "here"}]}}))
    lines = [x for x in n.admin_text("/stats/prometheus").splitlines() if x and x[0] != "#"]
    assert lines and all('where="here"' in x for x in lines)
