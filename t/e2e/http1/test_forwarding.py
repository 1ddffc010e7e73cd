"""What passes through: methods, header fields, bodies, trailers, informational responses."""
import threading

import pytest

from lib import conf, http1
from lib.client import Client, curl, request
from lib.upstream import chunk, head, last_chunk

TRAILERS = {"http_protocol_options": {"enable_trailers": True}}


def both_trailers(upstream):
    return conf.http_proxy(upstream, **TRAILERS, cluster_kw={
        "typed_extension_protocol_options": conf.http_options(http1={"enable_trailers": True})})


def test_a_request_and_its_response_pass_through(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("X-Custom", "Value"), ("Content-Type", "text/x")], b"hello")
    r = n.get("/path?query=1", [("X-One", "1")])
    assert (r.status, r.body, r.get("x-custom"), r.get("content-type")) == \
        (200, b"hello", "Value", "text/x")
    up = upstream.last
    assert (up.method, up.target, up.host, up.get("x-one")) == \
        ("GET", "/path?query=1", "test.local", "1")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_every_usual_method_is_forwarded(proxied, upstream, method):
    n = proxied()
    assert n.get("/", method=method).status == 200
    assert upstream.last.method == method


@pytest.mark.parametrize("status", [200, 201, 202, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404,
                                    409, 410, 418, 422, 429, 451, 500, 501, 502, 503, 504, 599])
def test_every_status_of_the_upstream_is_passed_on(proxied, upstream, status):
    n = proxied()
    upstream.answer(status, body=b"x")
    r = n.get()
    assert (r.status, r.body) == (status, b"x")
    assert n.access_log()[0]["details"] == "via_upstream"


def test_header_names_reach_both_sides_in_lower_case(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("X-ReSpOnSe", "A")])
    r = n.get("/", [("X-ReQuEsT", "B")])
    assert "x-response" in [name for name, _ in r.headers]
    assert "x-request" in [name for name, _ in upstream.last.headers]


def test_repeated_headers_stay_apart_and_in_order(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("set-cookie", "a=1"), ("x", "1"), ("set-cookie", "b=2"), ("x", "2")])
    r = n.get("/", [("a", "1"), ("b", "x"), ("a", "2"), ("a", "")])
    assert r.all("set-cookie") == ["a=1", "b=2"]
    assert r.all("x") == ["1", "2"]
    assert upstream.last.all("a") == ["1", "2", ""]


def test_bytes_above_127_in_values_are_forwarded_unchanged(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("x", "\xe4\xff")])
    r = n.get("/", [("y", "\xc3\xa4")])
    assert r.get("x") == "\xe4\xff"
    assert upstream.last.get("y") == "\xc3\xa4"


def test_space_around_values_is_removed(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost:\t t \r\nA:b\r\nB: \t c d \t\r\nC:\r\n\r\n")
        assert c.response().status == 200
    up = upstream.last
    assert (up.host, up.get("a"), up.get("b"), up.get("c")) == ("t", "b", "c d", "")
    assert b": \t" not in up.raw


def test_hop_by_hop_headers_end_at_the_proxy(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("keep-alive", "timeout=5"), ("proxy-connection", "x"), ("a", "b"),
                          ("connection", "keep-alive")])
    r = n.get("/", [("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"),
                    ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"),
                    ("TE", "gzip"), ("X-Stay", "1")])
    up = upstream.last
    for name in ("connection", "x-hop", "keep-alive", "proxy-connection", "te"):
        assert not up.all(name), name
    assert up.get("x-stay") == "1"
    assert r.get("a") == "b"
    assert not r.all("keep-alive") and not r.all("proxy-connection") and not r.all("connection")


def test_te_trailers_is_the_one_te_that_passes(proxied, upstream):
    n = proxied()
    n.get("/", [("Connection", "TE"), ("TE", "trailers")])
    assert upstream.last.all("te") in (["trailers"], [])
    assert not upstream.last.all("connection") or upstream.last.all("te")


def test_envoys_headers_are_added_on_both_sides(proxied, upstream):
    n = proxied(server_name="tester")
    r = n.get()
    up = upstream.last
    assert up.get("x-forwarded-proto") == "http"
    assert len(up.get("x-request-id")) == 36
    assert up.get("x-envoy-expected-rq-timeout-ms") == "15000"
    assert r.get("server") == "tester"
    assert r.get("x-envoy-upstream-service-time").isdigit()
    assert r.get("date").endswith("GMT")


def test_the_server_header_of_the_upstream_can_pass(proxied, upstream):
    n = proxied(server_header_transformation="PASS_THROUGH")
    upstream.answer(200, [("server", "them")])
    assert n.get().get("server") == "them"


def test_a_date_of_the_upstream_is_kept(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("date", "Thu, 01 Jan 2026 00:00:00 GMT")])
    assert n.get().get("date") == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_one_connection_carries_many_requests_to_one_upstream_connection(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        for i in range(50):
            assert c.get(f"/{i}").status == 200
    assert [r.target for r in upstream.requests] == [f"/{i}" for i in range(50)]
    assert upstream.connections == 1
    assert n.stat("http.ingress.downstream_cx_total") == 1
    assert n.stat("cluster.up.upstream_cx_total") == 1
    assert n.stat("cluster.up.upstream_rq_total") == 50


def test_connection_close_of_the_client_is_obeyed_and_not_forwarded(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        r = c.get("/", [("Connection", "close")])
        assert r.get("connection") == "close"
        assert c.at_end()
    assert not upstream.last.all("connection")
    n.get("/2")
    assert upstream.connections == 1


def test_connection_close_of_the_upstream_ends_only_the_upstream_connection(proxied, upstream):
    n = proxied()
    upstream.answer(200, [("connection", "close")], b"a")
    with n.connect() as c:
        assert not c.get().all("connection")
        assert c.get().body == b"a"
    assert upstream.connections == 2


def test_pipelined_requests_are_answered_in_order(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.send(
        head(200, [("content-length", len(r.target))]) + r.target.encode())
    with n.connect() as c:
        c.send(b"".join(request(target=f"/{i}") for i in range(100)))
        assert [c.response().body for _ in range(100)] == [b"/%d" % i for i in range(100)]


def test_pipelined_requests_with_bodies_keep_their_bodies(proxied, upstream):
    n = proxied()

    def echo(c, r):
        r.read()
        c.send(head(200, [("content-length", len(r.body))]) + r.body)

    upstream.handler = echo
    with n.connect() as c:
        c.send(request("POST", "/1", body=b"one") + request("POST", "/2", body=b"two", chunked=True)
               + request("GET", "/3") + request("POST", "/4", body=b"") +
               request("POST", "/5", body=b"GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n"))
        got = [c.response().body for _ in range(5)]
    assert got[:4] == [b"one", b"two", b"", b""] and got[4].startswith(b"GET /smuggled")
    assert [r.target for r in upstream.requests] == ["/1", "/2", "/3", "/4", "/5"]


def test_a_request_that_arrives_byte_by_byte_is_read(proxied, upstream):
    n = proxied()
    data = request("POST", "/slow", [("A", "b")], b"ab", chunked=True, trailers=[("t", "1")])
    with n.connect() as c:
        for i in range(len(data)):
            c.send(data[i:i + 1])
        assert c.response().status == 200
    assert upstream.last.body == b"ab"


def test_a_response_that_arrives_byte_by_byte_is_read(proxied, upstream):
    n = proxied()

    def handler(c, r):
        for b in head(200, [("transfer-encoding", "chunked")]) + chunk(b"abc") + last_chunk():
            c.send(bytes([b]))

    upstream.handler = handler
    assert n.get().body == b"abc"


def test_an_empty_line_before_a_request_is_skipped(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"\r\n" + request())
        assert c.response().status == 200


def test_a_body_with_a_length_is_forwarded_with_that_length(proxied, upstream):
    n = proxied()
    n.get("/", method="POST", body=b"x" * 1000)
    assert upstream.last.get("content-length") == "1000"
    assert upstream.last.body == b"x" * 1000


def test_a_chunked_body_is_forwarded_chunked(proxied, upstream):
    n = proxied()
    n.get("/", method="POST", body=b"x" * 1000, chunked=True)
    assert upstream.last.get("transfer-encoding") == "chunked"
    assert upstream.last.body == b"x" * 1000


def test_chunk_extensions_are_read_and_dropped(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n"
               b"3;a=b;c=\"d\"\r\nabc\r\n00A\r\n0123456789\r\n0;end\r\n\r\n")
        assert c.response().status == 200
    assert upstream.last.body == b"abc0123456789"
    assert b"a=b" not in upstream.last.raw


def test_a_chunked_response_is_forwarded_as_it_comes(proxied, upstream):
    n = proxied()
    go = threading.Event()

    def handler(c, r):
        c.send(head(200, [("transfer-encoding", "chunked")]) + chunk(b"first"))
        c.wait(go)
        c.send(chunk(b"second") + last_chunk())

    upstream.handler = handler
    with n.connect() as c:
        c.send(request())
        r = http1.read_response_head(c.reader)
        assert r.get("transfer-encoding") == "chunked"
        assert c.exactly(10) == b"5\r\nfirst\r\n"
        go.set()
        http1.read_chunked(c.reader, r)
        assert r.body == b"second"


def test_a_chunked_request_is_forwarded_as_it_comes(proxied, upstream):
    n = proxied()
    first = threading.Event()
    upstream.handler = lambda c, r: (r.read(lambda data: first.set()),
                                     c.send(head(200, [("content-length", 0)])))
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert first.wait(10), "the first chunk is not passed on before the last"
        c.send(b"0\r\n\r\n")
        assert c.response().status == 200


def test_trailers_of_a_request_are_dropped_unless_enabled(proxied, upstream):
    n = proxied()
    n.get("/", method="POST", body=b"a", chunked=True, trailers=[("x-end", "1")])
    assert upstream.last.body == b"a" and not upstream.last.trailers


def test_trailers_of_a_request_are_forwarded_when_enabled(nuncio, upstream):
    n = nuncio(both_trailers(upstream))
    n.get("/", method="POST", body=b"a", chunked=True, trailers=[("X-End", "1"), ("b", "2")])
    assert upstream.last.trailers == [("x-end", "1"), ("b", "2")]


def test_trailers_of_a_response_are_forwarded_when_enabled(nuncio, upstream):
    n = nuncio(both_trailers(upstream))
    upstream.answer(200, body=b"abc", chunked=True, trailers=[("X-End", "1")])
    r = n.get()
    assert (r.body, r.trailers) == (b"abc", [("x-end", "1")])


def test_trailers_of_a_response_are_dropped_unless_enabled(proxied, upstream):
    n = proxied()
    upstream.answer(200, body=b"abc", chunked=True, trailers=[("X-End", "1")])
    r = n.get()
    assert (r.body, list(r.trailers)) == (b"abc", [])


@pytest.mark.parametrize("field", ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil"])
def test_trailers_cannot_frame_or_route(nuncio, upstream, field):
    n = nuncio(both_trailers(upstream))
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
               + field.encode() + b"\r\n\r\n" + request(target="/next"))
        first = c.response().status
        assert first in (200, 400)
        if first == 200:
            assert c.response().status == 200
    for r in upstream.requests:
        assert not {t for t, _ in r.trailers} & {"content-length", "transfer-encoding", "host"}


def test_the_response_to_head_has_no_body_but_its_length(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.send(head(200, [("content-length", 1234)]))
    with n.connect() as c:
        r = c.request("HEAD")
        assert r.get("content-length") == "1234"
        assert c.request("HEAD").status == 200
    assert upstream.last.method == "HEAD"
    assert upstream.connections == 1


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_none(proxied, upstream, status):
    n = proxied()
    upstream.handler = lambda c, r: c.send(head(status, [("etag", '"x"')]))
    with n.connect() as c:
        r = c.get()
        assert (r.status, r.get("etag"), r.body) == (status, '"x"', b"")
        assert not r.all("transfer-encoding")
        upstream.handler = None
        assert c.get().status == 200


def test_a_304_keeps_the_length_it_speaks_of(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.send(head(304, [("content-length", 99)]))
    with n.connect() as c:
        assert c.get().get("content-length") == "99"
        upstream.handler = None
        assert c.get().status == 200


def test_a_response_without_a_length_ends_with_its_connection(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    with n.connect() as c:
        r = c.get()
        assert r.body == b"until the end" and r.chunks is not None
        upstream.handler = None
        assert c.get().status == 200


def test_an_http_10_response_is_passed_on_as_11(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", then="keep")
    r = n.get()
    assert (r.version, r.body) == (1, b"ok")
    n.get()
    assert upstream.connections == 2


def test_an_empty_reason_is_accepted(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", then="keep")
    assert n.get().status == 200


def test_an_absolute_target_gives_path_and_host(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"GET http://other.local/x?y HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.response().status == 200
        c.send(b"GET HTTP://Other.local HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.response().status == 200
    assert [(r.target, r.host.lower()) for r in upstream.requests] == \
        [("/x?y", "other.local"), ("/", "other.local")]


def test_options_of_the_asterisk_is_forwarded(proxied, upstream):
    n = proxied(routes=[conf.route(match={"path": "*"}), conf.route("/")])
    assert n.get("*", method="OPTIONS").status in (200, 404)


def test_continue_is_sent_when_the_client_waits_for_it(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert http1.read_response_head(c.reader).status == 100
        c.send(b"body")
        assert c.response().status == 200
    assert upstream.last.body == b"body"
    assert not upstream.last.all("expect")


def test_continue_of_the_upstream_is_passed_on_when_configured(proxied, upstream):
    n = proxied(proxy_100_continue=True)

    def handler(c, r):
        assert r.get("expect") == "100-continue"
        c.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        r.read()
        c.send(head(200, [("content-length", 0)]))

    upstream.handler = handler
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert http1.read_response_head(c.reader).status == 100
        c.send(b"body")
        assert c.response().status == 200


def test_curl_uploads_with_expect_through_the_proxy(proxied, upstream, tmp_path):
    n = proxied()
    (tmp_path / "f").write_bytes(b"z" * 300000)
    r = curl("-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary",
             f"@{tmp_path}/f", n.url("/up"))
    assert (r.rc, r.status) == (0, 200)
    assert upstream.last.body == b"z" * 300000
    assert r.info["time_total"] < 10


def test_early_hints_reach_the_client_before_the_response(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                 b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", then="keep")
    r = n.get()
    assert (r.status, r.body) == (200, b"ok")
    assert [i.status for i in r.informational] in ([103], [])


def test_a_continue_nobody_asked_for_is_not_taken_for_the_response(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 then="keep")
    r = n.get()
    assert (r.status, r.body) == (200, b"ok")


def ten(nuncio, upstream):
    return nuncio(conf.http_proxy(upstream, http_protocol_options={
        "accept_http_10": True, "default_host_for_http_10": "default.local"}))


def test_an_http_10_request_is_answered_and_closed(nuncio, upstream):
    n = ten(nuncio, upstream)
    with n.connect() as c:
        c.send(b"GET /x HTTP/1.0\r\n\r\n")
        r = c.response()
        assert (r.status, r.body) == (200, b"upstream\n")
        assert c.at_end()
    assert (upstream.last.host, upstream.last.version) == ("default.local", 1)
    assert n.access_log()[0]["protocol"] == "HTTP/1.0"


def test_an_http_10_client_can_ask_to_keep_the_connection(nuncio, upstream):
    n = ten(nuncio, upstream)
    with n.connect() as c:
        for _ in range(2):
            c.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            r = c.response()
            assert r.get("connection").lower() == "keep-alive"


def test_an_http_10_client_never_gets_chunks(nuncio, upstream):
    n = ten(nuncio, upstream)
    upstream.answer(200, body=b"some body", chunked=True)
    with n.connect() as c:
        c.send(b"GET /x HTTP/1.0\r\n\r\n")
        r = c.response()
        assert r.chunks is None and r.until_close and r.body == b"some body"


def test_an_http_10_request_is_told_to_upgrade_where_10_is_off(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        c.send(b"GET /x HTTP/1.0\r\nHost: t\r\n\r\n")
        r = c.response()
        assert (r.status, r.get("connection")) == (426, "close")
    assert not upstream.requests


def test_many_headers_up_to_the_limit_pass(proxied, upstream):
    n = proxied()
    fields = [(f"x-{i:02}", "v" * 500) for i in range(90)]
    assert n.get("/", fields).status == 200
    assert [f for f in upstream.last.headers if f[0].startswith("x-") and len(f[0]) == 4] == fields


def test_three_hundred_connections_at_once_are_served(proxied, upstream):
    n = proxied(concurrency=2)
    upstream.answer(200, [], b"ok")
    conns = [Client(n.port()) for _ in range(300)]
    for c in conns:
        c.send(request())
    assert [c.response().body for c in conns] == [b"ok"] * 300
    for c in conns:
        c.close()
    n.wait_stat("http.ingress.downstream_cx_active", 0)
