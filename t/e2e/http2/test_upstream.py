"""Upstreams that speak HTTP/2 wrongly, or leave: what becomes of the requests, and of the proxy."""
import struct

import pytest

from lib import http2 as h
from lib.http2 import Client, frame


def reply(conn, s, *frames):
    conn.raw(b"".join(frames))


OK = [(":status", "200")]


def head_of(s, fields, end=False):
    return frame(h.HEADERS, 5 if end else 4, s.id, h.block(fields))


# What the upstream answers a GET with; none of it is a response.
WRONG = {
    "no :status": lambda s: head_of(s, [("a", "b")], True),
    "a :status that is no number": lambda s: head_of(s, [(":status", "abc")], True),
    "a request's pseudo-header": lambda s: head_of(s, OK + [(":path", "/")], True),
    "a pseudo-header behind a field": lambda s: head_of(s, [("a", "b")] + OK, True),
    "an upper-case name": lambda s: head_of(s, OK + [("X-A", "b")], True),
    "a line break in a value": lambda s: head_of(s, OK + [("a", "b\r\nc: d")], True),
    "connection": lambda s: head_of(s, OK + [("connection", "close")], True),
    "transfer-encoding": lambda s: head_of(s, OK + [("transfer-encoding", "chunked")], True),
    "DATA before HEADERS": lambda s: frame(h.DATA, 1, s.id, b"x"),
    "101": lambda s: head_of(s, [(":status", "101")]),
    "an informational response that ends": lambda s: head_of(s, [(":status", "103")], True),
    "DATA on stream 0": lambda s: frame(h.DATA, 0, 0, b"x"),
    "a frame that is too large": lambda s: frame(h.DATA, 0, s.id, b"x" * 20000),
    "PUSH_PROMISE": lambda s: frame(h.PUSH_PROMISE, 4, s.id, b"\0\0\0\2" + h.block(h.GET)),
    "HEADERS on a stream of its own": lambda s: frame(h.HEADERS, 5, 2, h.block(OK)),
    "an index beyond the tables": lambda s: frame(h.HEADERS, 5, s.id, b"\xff\x20"),
    "SETTINGS of 5 bytes": lambda s: frame(h.SETTINGS, 0, 0, b"\0\1\0\0\0"),
    "CONTINUATION from nowhere": lambda s: frame(h.CONTINUATION, 4, s.id, b""),
    "two content-lengths": lambda s: head_of(s, OK + [("content-length", "1"),
                                                      ("content-length", "2")], True),
    "less than its content-length": lambda s: head_of(s, OK + [("content-length", "5")], True),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_request_is_answered_502_when_the_upstream_sends(to_h2, name):
    n, up = to_h2(lambda conn, s: reply(conn, s, WRONG[name](s)))
    r = n.get("/")
    assert r.status == 502
    line = n.access_log()[0]
    assert line["flags"] == "UPE" and "protocol_error" in line["details"]
    up.handler = h.answer
    assert n.get("/").status == 200
    n.wait_stat("cluster.up.upstream_rq_active", 0)


def test_a_stream_error_spares_the_connection_where_the_cluster_says_so(to_h2):
    n, up = to_h2(lambda conn, s: reply(conn, s, WRONG["an upper-case name"](s)),
                  {"override_stream_error_on_invalid_http_message": True})
    assert n.get("/").status == 502
    up.handler = h.answer
    assert n.get("/").status == 200
    assert len(up.conns) == 1


def test_goaway_moves_new_requests_to_another_connection(to_h2):
    def handler(conn, s):
        h.answer(conn, s)
        conn.raw(frame(h.GOAWAY, 0, 0, struct.pack(">II", s.id, 0)))
    n, up = to_h2(handler)
    for _ in range(3):
        assert n.get("/").status == 200
    assert len(up.conns) == 3
    n.wait_stat("cluster.up.upstream_cx_close_notify", 3)
    n.wait_stat("cluster.up.upstream_cx_active", 0)


def test_streams_that_goaway_leaves_out_are_tried_again(to_h2):
    seen = []

    def handler(conn, s):
        seen.append(s.id)
        if len(seen) == 1:
            conn.raw(frame(h.GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
        else:
            h.answer(conn, s)
    from lib import conf
    n, up = to_h2(handler, routes=[conf.route("/", retry_policy={"retry_on": "refused-stream"})])
    assert n.get("/").status == 200
    assert len(up.conns) == 2 and n.stat("cluster.up.upstream_rq_retry_success") == 1


def test_a_refused_stream_is_tried_again(to_h2):
    def handler(conn, s):
        if not seen:
            seen.append(1)
            return conn.reset(s.id, h.REFUSED_STREAM)
        return h.answer(conn, s)
    seen = []
    from lib import conf
    n, up = to_h2(handler, routes=[conf.route("/", retry_policy={"retry_on": "refused-stream"})])
    assert n.get("/").status == 200
    assert n.stat("cluster.up.http2.stream_refused_errors") == 1


def test_a_reset_in_the_middle_of_a_response_resets_the_clients_stream(to_h2):
    def handler(conn, s):
        conn.headers(s.id, OK)
        conn.data(s.id, b"part")
        conn.reset(s.id, h.INTERNAL_ERROR)
    n, up = to_h2(handler)
    with Client(n.port()) as c:
        s = c.get()
        assert s.reset == h.INTERNAL_ERROR
    assert n.access_log()[0]["flags"] == "UR"


def test_the_upstreams_limit_of_streams_opens_more_connections(to_h2):
    import threading
    go = threading.Event()

    def handler(conn, s):
        threading.Thread(target=lambda: (go.wait(10), h.answer(conn, s)), daemon=True).start()
    n, up = to_h2(handler, pairs=((h.MAX_CONCURRENT_STREAMS, 2),))
    c = Client(n.port())
    first = c.request()
    up.wait_requests(1)                                 # its SETTINGS are known now
    ids = [c.request() for _ in range(5)]
    up.wait_requests(6)
    go.set()
    for i in [first] + ids:
        assert c.response(i).status == 200
    assert len(up.conns) >= 2 and sum(1 for s in up.conns[0].streams.values() if s.headers) == 2
    c.close()


@pytest.mark.parametrize("kind,counter", [
    ("ping", "outbound_control_flood"), ("settings", "outbound_control_flood"),
    ("empty", "inbound_empty_frames_flood"), ("window", "inbound_window_update_frames_flood"),
    ("continuation", "header_overflow")])
def test_an_upstream_that_floods_is_left(to_h2, kind, counter):
    def handler(conn, s):
        begin = {"empty": head_of(s, OK),
                 "continuation": frame(h.HEADERS, 0, s.id, h.block(OK))}.get(kind, b"")
        one = {"ping": frame(h.PING, 0, 0, b"12345678"), "settings": h.settings((3, 100)),
               "empty": frame(h.DATA, 0, s.id, b""), "window": h.window(0, 1),
               "continuation": frame(h.CONTINUATION, 0, s.id, h.literal("a", "b"))}[kind]
        conn.raw(begin)
        while conn.raw(one * 500):
            pass
    n, up = to_h2(handler)
    with Client(n.port()) as c:
        s = c.get()
        assert s.reset is not None or s.status in (502, 503)
    n.wait_stat(f"cluster.up.http2.{counter}", 1)
    up.handler = h.answer
    assert n.get("/").status == 200


def test_a_response_head_beyond_the_limit_is_refused(to_h2):
    n, up = to_h2(lambda conn, s: conn.headers(s.id, OK + [("a", "v" * 100)] * 200, end=True))
    assert n.get("/").status == 502
    assert n.stat("cluster.up.http2.header_overflow") == 1


def test_an_upstream_that_answers_no_ping_is_left(to_h2):
    def handler(conn, s):
        conn.auto_ack = False
    n, up = to_h2(handler, {"connection_keepalive": {"interval": "0.1s", "timeout": "0.2s"}})
    assert n.get("/").status == 503
    assert n.stat("cluster.up.http2.keepalive_timeout") == 1


def test_a_client_that_answers_no_ping_is_left(proxied):
    n = proxied(http2_protocol_options={"connection_keepalive": {
        "interval": "0.1s", "timeout": "0.2s", "interval_jitter": {"value": 50}}})
    with Client(n.port()) as c:
        c.until(lambda: c.acks, "SETTINGS")
        c.until(lambda: sum(1 for f in c.frames if f[0] == h.PING) > 2, "pings")
        c.auto_ack = False
        c.until(lambda: c.eof, "the end")
    assert n.stat("http2.keepalive_timeout") == 1


def test_custom_settings_are_sent(proxied):
    n = proxied(http2_protocol_options={"custom_settings_parameters": [
        {"identifier": 0x4d44, "value": 7}]})
    with Client(n.port()) as c:
        c.until(lambda: c.settings, "SETTINGS")
        assert c.settings[0x4d44] == 7
        assert c.get().status == 200


def test_draining_says_goaway_twice(proxied):
    n = proxied(drain_timeout="0.3s",
                common_http_protocol_options={"max_connection_duration": "0.3s"})
    with Client(n.port()) as c:
        assert c.get().status == 200
        c.until(lambda: c.goaways, "a notice")
        assert c.goaways[0] == (0x7fffffff, h.NO_ERROR)
        assert c.get().status == 200                    # still taken
        c.until(lambda: len(c.goaways) == 2, "the last one")
        assert c.goaways[1] == (3, h.NO_ERROR)
        c.until(lambda: c.eof, "the end")


def test_an_idle_connection_is_told_before_it_is_closed(proxied):
    n = proxied(common_http_protocol_options={"idle_timeout": "0.2s"})
    with Client(n.port()) as c:
        assert c.get().status == 200
        c.until(lambda: c.eof, "the end")
        assert c.goaways[-1] == (1, h.NO_ERROR)
    assert n.stat("http.ingress.downstream_cx_idle_timeout") == 1
