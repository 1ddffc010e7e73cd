"""Limits on heads and connections, and every timeout of listener, stream, route and upstream."""
import socket
import threading
import time

from lib import conf
from lib.client import request
from lib.ports import unused_port
from lib.upstream import chunk, head
from lib.wait import wait_until


def test_the_header_limit_can_be_set(proxied, upstream):
    n = proxied(max_request_headers_kb=8)
    assert n.get("/", [("a", "b" * 7000)]).status == 200
    with n.connect() as c:
        c.send(request(headers=[("a", "b" * 9000)]))
        r = c.response()
        assert (r.status, r.get("connection")) == (431, "close")
        assert c.at_end()
    log = n.access_log(2)[1]
    assert (log["code"], log["details"]) == ("431", "http1.headers_too_large")


def test_the_header_count_can_be_set(proxied, upstream):
    n = proxied(common_http_protocol_options={"max_headers_count": 10})
    assert n.get("/", [(f"a{i}", "b") for i in range(5)]).status == 200
    assert n.get("/", [(f"a{i}", "b") for i in range(15)]).status == 431
    assert n.access_log(2)[1]["details"] == "http1.too_many_headers"


def test_headers_with_underscores_can_be_refused(proxied, upstream):
    n = proxied(common_http_protocol_options={"headers_with_underscores_action": "REJECT_REQUEST"})
    assert n.get("/", [("a_b", "c")]).status == 400
    assert n.access_log()[0]["details"] == "http1.unexpected_underscore"
    assert n.stat("http1.requests_rejected_with_underscores_in_headers") == 1


def test_headers_with_underscores_can_be_dropped(proxied, upstream):
    n = proxied(common_http_protocol_options={"headers_with_underscores_action": "DROP_HEADER"})
    assert n.get("/", [("a_b", "c"), ("d", "e")]).status == 200
    assert upstream.last.all("a_b") == [] and upstream.last.get("d") == "e"
    assert n.stat("http1.dropped_headers_with_underscores") == 1


def test_a_connection_serves_at_most_the_requests_it_may(proxied, upstream):
    n = proxied(common_http_protocol_options={"max_requests_per_connection": 3})
    with n.connect() as c:
        assert [c.get().get("connection") for _ in range(3)] == [None, None, "close"]
        assert c.at_end()
    assert n.stat("http.ingress.downstream_cx_max_requests_reached") == 1


def test_an_idle_connection_is_closed_after_its_timeout(proxied, upstream):
    n = proxied(common_http_protocol_options={"idle_timeout": "0.2s"})
    with n.connect() as c:
        assert c.get().status == 200
        start = time.monotonic()
        assert c.at_end()
        assert time.monotonic() - start > 0.1
    assert n.stat("http.ingress.downstream_cx_idle_timeout") == 1


def test_a_connection_that_never_sends_is_closed_after_the_idle_timeout(proxied, upstream):
    n = proxied(common_http_protocol_options={"idle_timeout": "0.2s"})
    with n.connect() as c:
        assert c.at_end()


def test_a_request_head_that_takes_too_long_gets_408(proxied, upstream):
    n = proxied(request_headers_timeout="0.2s")
    with n.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\nA: ")
        r = c.response()
        assert r.status == 408
        assert c.at_end()
    assert n.stat("http.ingress.downstream_rq_header_timeout") == 1


def test_a_request_that_takes_too_long_gets_408(proxied, upstream):
    n = proxied(request_timeout="0.2s")
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc")
        r = c.response()
        assert (r.status, r.body) == (408, b"request timeout")
    assert n.access_log()[0]["details"] == "request_overall_timeout"
    assert n.stat("http.ingress.downstream_rq_timeout") == 1


def test_a_request_timeout_does_not_touch_a_request_that_is_there(proxied, upstream):
    n = proxied(request_timeout="0.2s")
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go, 0.4), c.send(head(200, [("content-length", 0)])))
    assert n.get().status == 200


def test_a_stream_that_stands_still_before_the_response_gets_408(proxied, upstream):
    n = proxied(stream_idle_timeout="0.2s")
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc")
        r = c.response()
        assert (r.status, r.body) == (408, b"stream timeout")
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("SI", "stream_idle_timeout")
    assert n.stat("http.ingress.downstream_rq_idle_timeout") == 1


def test_a_stream_that_stands_still_in_the_response_is_cut(proxied, upstream):
    n = proxied(stream_idle_timeout="0.2s")
    upstream.handler = lambda c, r: (c.send(head(200, [("transfer-encoding", "chunked")]) +
                                            chunk(b"abc")), c.wait_peer_close())
    with n.connect() as c:
        c.send(request())
        got = c.to_end()
        assert got.endswith(b"3\r\nabc\r\n"), got
    assert n.access_log()[0]["flags"] == "SI"


def test_a_response_that_takes_too_long_gets_504(proxied, upstream):
    n = proxied(routes=[conf.route("/", timeout="0.2s")])
    upstream.handler = lambda c, r: c.wait_peer_close()
    r = n.get()
    assert (r.status, r.body) == (504, b"upstream request timeout")
    log = n.access_log()[0]
    assert log["flags"] == "UT"
    assert log["details"] in ("response_timeout", "upstream_response_timeout")
    assert n.stat("cluster.up.upstream_rq_timeout") == 1
    assert upstream.conns[0].gone.wait(10), "the timed out request stays open upstream"


def test_the_route_timeout_starts_when_the_request_is_whole(proxied, upstream):
    n = proxied(routes=[conf.route("/", timeout="0.3s")])
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\na")
        assert c.silent(0.5)
        c.send(b"b")
        assert c.response().status == 200


def test_a_route_timeout_of_zero_means_none(proxied, upstream):
    n = proxied(routes=[conf.route("/", timeout="0s")])
    r = n.get()
    assert r.status == 200
    assert not upstream.last.all("x-envoy-expected-rq-timeout-ms")


def test_the_route_timeout_cuts_a_response_that_has_begun(proxied, upstream):
    n = proxied(routes=[conf.route("/", timeout="0.3s")])
    upstream.handler = lambda c, r: (c.send(head(200, [("transfer-encoding", "chunked")]) +
                                            chunk(b"abc")), c.wait_peer_close())
    with n.connect() as c:
        c.send(request())
        assert c.to_end().endswith(b"3\r\nabc\r\n")
    assert n.access_log()[0]["flags"] == "UT"


def test_a_route_has_its_own_idle_timeout(proxied, upstream):
    n = proxied(routes=[conf.route("/", idle_timeout="0.2s")])
    upstream.handler = lambda c, r: c.wait_peer_close()
    r = n.get()
    assert r.status in (408, 504)
    assert n.access_log()[0]["flags"] == "SI"


def test_a_connection_has_a_longest_life(proxied, upstream):
    n = proxied(common_http_protocol_options={"max_connection_duration": "0.3s"},
                drain_timeout="0.1s")
    with n.connect() as c:
        c.get()
        c.to_end()
    n.wait_stat("http.ingress.downstream_cx_max_duration_reached", 1)


def test_an_upstream_connection_that_idles_is_closed(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, cluster_kw={
        "typed_extension_protocol_options": conf.http_options(
            common_http_protocol_options={"idle_timeout": "0.2s"})}))
    assert n.get().status == 200
    upstream.wait_all_closed()
    assert n.stat("cluster.up.upstream_cx_idle_timeout") == 1
    assert n.get().status == 200


def test_an_upstream_connection_serves_at_most_the_requests_it_may(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, cluster_kw={
        "typed_extension_protocol_options": conf.http_options(
            common_http_protocol_options={"max_requests_per_connection": 2})}))
    for _ in range(4):
        assert n.get().status == 200
    assert upstream.connections == 2
    assert n.stat("cluster.up.upstream_cx_max_requests") == 2


def test_a_connect_that_takes_too_long_gives_503_and_uf(nuncio):
    """The listen queue of the upstream is full, so that a connect hangs."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port = full.getsockname()[1]
    fillers = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        fillers.append(s)
    try:
        n = nuncio(conf.http_proxy(port, cluster_kw={"connect_timeout": "0.25s"}))
        start = time.monotonic()
        r = n.get()
        assert r.status == 503
        assert 0.2 < time.monotonic() - start < 5
        assert b"reset reason: connection timeout" in r.body
        assert n.access_log()[0]["flags"] == "UF"
        assert n.stat("cluster.up.upstream_cx_connect_timeout") >= 1
    finally:
        for s in fillers + [full]:
            s.close()


def test_a_refused_connect_gives_503_uf_and_envoys_body(nuncio):
    n = nuncio(conf.http_proxy(unused_port()))
    r = n.get()
    assert r.status == 503
    assert r.body.startswith(b"upstream connect error or disconnect/reset before headers. "
                             b"reset reason: remote connection failure")
    assert r.get("content-type") == "text/plain"
    log = n.access_log()[0]
    assert log["flags"] == "UF"
    assert log["details"].startswith(
        "upstream_reset_before_response_started{remote_connection_failure")
    assert n.stat("cluster.up.upstream_cx_connect_fail") == 1


def test_no_host_at_all_gives_503_uh(nuncio):
    n = nuncio(conf.http_proxy(clusters=[conf.cluster("up")]))
    r = n.get()
    assert (r.status, r.body) == (503, b"no healthy upstream")
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("UH", "no_healthy_upstream")
    assert n.stat("cluster.up.upstream_cx_none_healthy") == 1


def test_too_many_pending_requests_give_503_uo(nuncio, upstream):
    limits = {"circuit_breakers": {"thresholds": [
        {"max_connections": 1, "max_pending_requests": 1}]}}
    n = nuncio(conf.http_proxy(upstream, cluster_kw=limits))
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 0)])))
    conns = [n.connect() for _ in range(2)]
    conns[0].send(request())
    upstream.wait_requests(1)
    conns[1].send(request())
    n.wait_stat("cluster.up.upstream_rq_pending_active", 1)
    r = n.get()
    assert r.status == 503
    assert r.body == b"upstream connect error or disconnect/reset before headers. " \
        b"reset reason: overflow"
    assert r.get("x-envoy-overloaded") == "true"
    assert n.access_log()[0]["flags"] == "UO"
    go.set()
    assert [c.response().status for c in conns] == [200, 200]
    for c in conns:
        c.close()
    assert n.stat("cluster.up.upstream_rq_pending_overflow") == 1


def test_a_pending_request_waits_for_a_connection(nuncio, upstream):
    limits = {"circuit_breakers": {"thresholds": [{"max_connections": 1}]}}
    n = nuncio(conf.http_proxy(upstream, cluster_kw=limits))
    conns = [n.connect() for _ in range(10)]
    for c in conns:
        c.send(request())
    assert [c.response().status for c in conns] == [200] * 10
    for c in conns:
        c.close()
    assert upstream.connections == 1


def test_the_pool_keeps_connections_and_reuses_the_freshest(proxied, upstream):
    n = proxied()
    for _ in range(5):
        n.get()
    assert upstream.connections == 1
    assert n.stat("cluster.up.upstream_cx_active") == 1
    assert n.stat("cluster.up.upstream_cx_http1_total") == 1


def test_a_pooled_connection_the_upstream_closed_is_not_used(proxied, upstream):
    n = proxied()
    n.get()
    upstream.conns[0].close()
    wait_until(lambda: n.stat("cluster.up.upstream_cx_active") == 0, "the close noticed")
    assert n.get().status == 200
    assert upstream.connections == 2
