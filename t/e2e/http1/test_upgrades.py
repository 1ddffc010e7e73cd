"""Upgrades: what follows a 101 passes raw, in both directions, until either side ends it."""
import threading

import pytest

from lib import conf, http1, proc
from lib.client import request
from lib.upstream import head
from lib.wait import DEADLINE

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
         b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
WS = {"upgrade_configs": [{"upgrade_type": "websocket"}]}


def echo(c, r):
    c.send(SWITCH)
    while c.reader.fill(600):
        c.send(c.reader.take(len(c.reader.buf)))
    c.close()


def test_a_websocket_carries_any_bytes_both_ways(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = echo
    data = bytes(range(256)) * 4000
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        r = c.response()
        assert (r.status, r.get("upgrade"), r.get("connection").lower()) == \
            (101, "websocket", "upgrade")
        assert r.get("sec-websocket-accept")
        t = threading.Thread(target=lambda: c.sock.sendall(data), daemon=True)
        t.start()
        assert c.exactly(len(data)) == data
        t.join(DEADLINE)
        c.send(b"GET / HTTP/1.1\r\n\r\n")
        assert c.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
    up = upstream.last
    assert up.get("upgrade") == "websocket" and up.get("connection").lower() == "upgrade"
    assert up.get("sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ=="
    n.wait_stat("http.ingress.downstream_cx_upgrades_active", 0)
    assert n.stat("http.ingress.downstream_cx_upgrades_total") == 1


def test_bytes_sent_right_behind_the_upgrade_arrive(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = echo
    with n.connect() as c:
        c.send(request(headers=UPGRADE) + b"eager")
        assert c.response().status == 101
        assert c.exactly(5) == b"eager"


def test_bytes_right_behind_the_101_arrive(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = lambda c, r: (c.send(SWITCH + b"first"), c.wait_peer_close())
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
        assert c.exactly(5) == b"first"


def test_the_close_of_the_client_ends_the_upgraded_connection(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = lambda c, r: (c.send(SWITCH), c.wait_peer_close())
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
    assert upstream.conns[0].gone.wait(DEADLINE)
    assert n.access_log()[0]["code"] == "101"


def test_the_close_of_the_upstream_ends_the_upgraded_connection(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = lambda c, r: (c.send(SWITCH + b"bye"), c.close())
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
        assert c.to_end() == b"bye"


def test_an_upgrade_the_upstream_declines_is_a_plain_response(proxied, upstream):
    n = proxied(**WS)
    upstream.answer(403, [], b"no")
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        r = c.response()
        assert (r.status, r.body) == (403, b"no")


def test_an_upgrade_that_is_not_configured_gets_403(proxied, upstream):
    n = proxied()
    r = n.get("/", UPGRADE)
    assert r.status == 403
    assert not upstream.requests
    assert n.access_log()[0]["details"] == "upgrade_failed"
    assert n.stat("http.ingress.downstream_rq_ws_on_non_ws_route") == 1


def test_an_upgrade_can_be_allowed_for_one_route(proxied, upstream):
    n = proxied(routes=[conf.route("/ws", upgrade_configs=[{"upgrade_type": "websocket"}]),
                        conf.route("/")])
    upstream.handler = lambda c, r: (c.send(SWITCH), c.wait_peer_close())
    with n.connect() as c:
        c.send(request(target="/ws", headers=UPGRADE))
        assert c.response().status == 101
    assert n.get("/x", UPGRADE).status == 403


def test_an_upgrade_can_be_forbidden_for_one_route(proxied, upstream):
    n = proxied(**WS, routes=[
        conf.route("/no", upgrade_configs=[{"upgrade_type": "websocket", "enabled": False}]),
        conf.route("/")])
    assert n.get("/no", UPGRADE).status == 403


def test_another_protocol_can_be_upgraded_to(proxied, upstream):
    n = proxied(upgrade_configs=[{"upgrade_type": "spdy/3.1"}])
    upstream.handler = lambda c, r: (c.send(SWITCH.replace(b"websocket", b"spdy/3.1") + b"x"),
                                     c.wait_peer_close())
    with n.connect() as c:
        c.send(request("POST", headers=[("Connection", "upgrade"), ("Upgrade", "SPDY/3.1")]))
        assert c.response().status == 101
        assert c.exactly(1) == b"x"


def test_an_upgrade_outlives_the_route_timeout_once_it_is_there(proxied, upstream):
    n = proxied(**WS, routes=[conf.route("/", timeout="0.3s")])
    upstream.handler = echo
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
        assert c.silent(0.6)
        c.send(b"still here")
        assert c.exactly(10) == b"still here"


def test_an_idle_upgrade_ends_by_the_stream_idle_timeout(proxied, upstream):
    n = proxied(**WS, stream_idle_timeout="0.3s")
    upstream.handler = lambda c, r: (c.send(SWITCH), c.wait_peer_close())
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
        assert c.to_end() == b""


def test_the_upgrade_header_without_connection_upgrade_means_nothing(proxied, upstream):
    n = proxied(**WS)
    with n.connect() as c:
        c.send(request(headers=[("Upgrade", "websocket")]))
        assert c.response().status == 200
    assert not upstream.last.all("upgrade")


def test_a_connection_after_a_declined_upgrade_is_not_upgraded(proxied, upstream):
    n = proxied(**WS)
    upstream.handler = lambda c, r: c.send(head(200, [("content-length", 2)]) + b"ok")
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().body == b"ok"
        c.send(b"raw bytes that are no HTTP\r\n\r\n")
        try:
            assert c.response().status == 400
        except (http1.Closed, ConnectionResetError):
            pass
    assert len(upstream.requests) == 1


def test_a_hundred_megabytes_flow_through_an_upgrade_without_growth(proxied, upstream):
    n = proxied(**WS)
    total = 100 << 20

    def pour(c, r):
        c.send(SWITCH)
        for _ in range(total // 65536):
            if not c.send(b"x" * 65536):
                return
        c.wait_peer_close()

    upstream.handler = pour
    before = sum(proc.anon_kb(p) for p in n.workers())
    with n.connect() as c:
        c.send(request(headers=UPGRADE))
        assert c.response().status == 101
        left = total - len(c.reader.take(len(c.reader.buf)))
        while left:
            left -= len(c.sock.recv(min(left, 1 << 20)))
    assert sum(proc.anon_kb(p) for p in n.workers()) - before < 8192


@pytest.mark.parametrize("method", ["CONNECT"])
def test_connect_that_is_not_configured_is_refused(proxied, upstream, method):
    n = proxied()
    with n.connect() as c:
        c.send(b"CONNECT test.local:80 HTTP/1.1\r\nHost: test.local:80\r\n\r\n")
        assert c.response("CONNECT").status in (403, 404)
    assert not upstream.requests
