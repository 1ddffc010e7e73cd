"""RFC 9113, section 8, on a downstream connection: what is a message and what is not."""
import pytest

from lib import conf, http2 as h
from lib.http2 import Client
from lib.upstream import head


@pytest.fixture
def c(strict):
    with Client(strict.port()) as client:
        yield client


def without(name, fields=None):
    return [(n, v) for n, v in (fields or h.GET) if n != name]


def swap(name, value, fields=None):
    return [(n, value if n == name else v) for n, v in (fields or h.GET)]


MALFORMED = {
    "no :method": without(":method"),
    "no :path": without(":path"),
    "no :scheme": without(":scheme"),
    "an empty :path": swap(":path", ""),
    "two :path": h.GET + [],
    "a pseudo-header behind a field": without(":path") + [("a", "b"), (":path", "/")],
    "an unknown pseudo-header": [(":unknown", "x")] + h.GET,
    "a response's pseudo-header": [(":status", "200")] + h.GET,
    "an upper-case name": h.GET + [("X-Upper", "v")],
    "an empty name": h.GET + [("", "v")],
    "a blank in a name": h.GET + [("a b", "v")],
    "a colon in a name": h.GET + [("a:b", "v")],
    "a byte above 127 in a name": h.GET + [("a\xe9", "v")],
    "a NUL in a value": h.GET + [("a", "v\0w")],
    "a CR in a value": h.GET + [("a", "v\rw")],
    "a LF in a value": h.GET + [("a", "v\nw")],
    "a blank before a value": h.GET + [("a", " v")],
    "a blank behind a value": h.GET + [("a", "v ")],
    "connection": h.GET + [("connection", "close")],
    "keep-alive": h.GET + [("keep-alive", "1")],
    "proxy-connection": h.GET + [("proxy-connection", "close")],
    "transfer-encoding": h.GET + [("transfer-encoding", "chunked")],
    "upgrade": h.GET + [("upgrade", "websocket")],
    "te other than trailers": h.GET + [("te", "gzip")],
    "a bad method": swap(":method", "GE T"),
    "a path with a blank": swap(":path", "/a b"),
    "a path with a control byte": swap(":path", "/a\x01"),
    "an authority with a blank": swap(":authority", "a b"),
    "CONNECT with a path": swap(":method", "CONNECT"),
    "CONNECT without authority": [(":method", "CONNECT")],
    "content-length without a body": h.GET + [("content-length", "3")],
    "a content-length that is no number": h.GET + [("content-length", "x")],
    "a negative content-length": h.GET + [("content-length", "-1")],
    "two content-lengths": h.GET + [("content-length", "0"), ("content-length", "0")],
    ":protocol without CONNECT": [(":protocol", "websocket")] + h.GET,
}
MALFORMED["two :path"] = h.GET[:3] + [(":path", "/b")] + h.GET[3:]


@pytest.mark.parametrize("name", MALFORMED)
def test_the_stream_is_reset_for(c, shared_upstream, name):
    before = len(shared_upstream.requests)
    c.block(1, MALFORMED[name])
    s = c.stream(1)
    c.until(lambda: s.reset is not None or s.ended, "an answer")
    if s.reset is None:
        assert s.status == 400, s.headers       # refused all the same, before any route
    else:
        assert s.reset == h.PROTOCOL_ERROR
    assert len(shared_upstream.requests) == before
    c.still_works()


@pytest.mark.parametrize("name", ["an upper-case name", "no :method", "connection",
                                  "a NUL in a value"])
def test_by_default_the_connection_ends_for(proxied, name):
    n = proxied()
    with Client(n.port()) as c:
        c.block(1, MALFORMED[name])
        c.expect_goaway(h.PROTOCOL_ERROR)
    n.wait_stat("http2.rx_messaging_error", 1)
    n.wait_stat("http.ingress.downstream_cx_protocol_error", 1)


def test_the_managers_setting_counts_where_http2_has_none(proxied):
    n = proxied(stream_error_on_invalid_http_message=True)
    with Client(n.port()) as c:
        c.block(1, MALFORMED["an upper-case name"])
        c.until(lambda: c.stream(1).reset is not None, "a reset")
        c.still_works()
    line = n.access_log(2)[0]
    assert (line["flags"], line["details"]) == ("DPE", "http2.violation.of.messaging.rule")


BODIES = {
    "more than content-length": ([("content-length", "3")], [b"1234"], None),
    "more in a second frame": ([("content-length", "3")], [b"12", b"34"], None),
    "less than content-length": ([("content-length", "5")], [b"123"], None),
    "less, with trailers": ([("content-length", "5")], [b"123"], [("a", "b")]),
    "trailers with a pseudo-header": ([], [b"x"], [(":path", "/")]),
    "trailers with connection": ([], [b"x"], [("connection", "close")]),
    "trailers in upper case": ([], [b"x"], [("X-Up", "v")]),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_refused_with(c, name):
    fields, parts, trailers = BODIES[name]
    c.block(1, h.request("POST") + fields, end=False)
    for i, p in enumerate(parts):
        c.data(1, p, end=trailers is None and i == len(parts) - 1)
    if trailers:
        c.block(1, trailers)
    c.expect_reset(1, h.PROTOCOL_ERROR)
    c.still_works()


def test_trailers_without_end_are_refused(c):
    c.headers(1, h.request("POST"))
    c.data(1, b"x")
    c.block(1, [("a", "b")], end=False)
    c.expect_reset(1, h.PROTOCOL_ERROR)
    c.still_works()


def test_content_length_that_is_true_is_forwarded(c, shared_upstream):
    assert c.get(h.request("POST", headers=[("content-length", "5")]), body=b"12345").status == 200
    up = shared_upstream.last
    assert (up.get("content-length"), up.body) == ("5", b"12345")


def test_an_empty_body_is_no_chunked_body(c, shared_upstream):
    assert c.get(h.request("POST"), body=b"").status == 200
    assert shared_upstream.last.body == b""


def test_cookie_crumbs_become_one_field(c, shared_upstream):
    crumbs = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]
    assert c.get(h.request(headers=crumbs)).status == 200
    up = shared_upstream.last
    assert [v for n, v in up.headers if n.lower() == "cookie"] == ["a=1; b=2"]


def test_authority_is_the_host_whatever_host_says(c, shared_upstream):
    assert c.get(h.request(headers=[("host", "other.local")])).status == 200
    assert [v for n, v in shared_upstream.last.headers if n.lower() == "host"] == ["test.local"]


def test_host_counts_when_there_is_no_authority(c, shared_upstream):
    assert c.get(without(":authority") + [("host", "other.local")]).status == 200
    assert shared_upstream.last.get("host") == "other.local"


def test_a_request_for_nobody_is_refused(c):
    c.block(1, without(":authority"))
    s = c.response(1)
    assert s.reset == h.PROTOCOL_ERROR or s.status == 400


def test_te_trailers_is_allowed(c):
    assert c.get(h.request(headers=[("te", "trailers")])).status == 200


def test_expect_continue_is_answered(c, shared_upstream):
    c.headers(1, h.request("POST", headers=[("expect", "100-continue")]))
    c.until(lambda: c.stream(1).info, "100")
    assert dict(c.stream(1).info[0])[":status"] == "100"
    c.data(1, b"body", end=True)
    assert c.response(1).status == 200
    assert shared_upstream.last.body == b"body"


def test_informational_responses_pass(c, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + head(200, [("content-length", 2)])
        + b"ok"))
    s = c.get()
    assert (s.status, s.body) == (200, b"ok")
    assert [dict(i)[":status"] for i in s.info] == ["103"]
    assert dict(s.info[0])["link"] == "</a>"


def test_head_has_no_body(c, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(head(200, [("content-length", 100)])))
    s = c.get(h.request("HEAD"))
    assert (s.status, s.body, s.get("content-length")) == (200, b"", "100")


@pytest.mark.parametrize("status", [204, 304])
def test_responses_without_body_end_with_their_head(c, shared_upstream, status):
    shared_upstream.once_do(lambda up, r: up.send(head(status, [("etag", '"a"')])))
    s = c.get()
    assert (s.status, s.body, s.frames) == (status, b"", [])


def test_hop_by_hop_fields_of_an_http1_response_are_dropped(c, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(head(200, [
        ("connection", "keep-alive, x-hop"), ("keep-alive", "timeout=5"), ("x-hop", "1"),
        ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"), ("x-stays", "2")])
        + b"2\r\nok\r\n0\r\n\r\n"))
    s = c.get()
    assert s.body == b"ok" and s.get("x-stays") == "2"
    assert not {"connection", "keep-alive", "proxy-connection", "transfer-encoding"} & set(
        n for n, _ in s.headers)


def test_names_in_responses_are_lower_case(c, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(head(200, [("X-Mixed-Case", "v"),
                                                             ("Content-Length", 0)])))
    assert c.get().get("x-mixed-case") == "v"


def test_a_head_beyond_the_limits_is_answered_431(proxied):
    n = proxied(max_request_headers_kb=4,
                common_http_protocol_options={"max_headers_count": 30})
    with Client(n.port()) as c:
        big = c.get(h.request(headers=[("x", "v" * 5000)]))
        many = c.get(h.request(headers=[(f"x-{i}", "v") for i in range(40)]))
        assert (big.status, many.status) == (431, 431)
        c.still_works()
    assert n.stat("http2.header_overflow") == 2


def test_requests_run_side_by_side(c, shared_upstream):
    import threading
    gates = {f"/{i}": threading.Event() for i in range(5)}

    def slow(up, r):
        gates[r.target].wait(10)
        up.send(head(200, [("content-length", len(r.target))]) + r.target.encode())
    shared_upstream.handler = slow
    try:
        ids = [c.request(h.request(path=f"/{i}")) for i in range(5)]
        for i in reversed(range(5)):
            gates[f"/{i}"].set()
            assert c.response(ids[i]).body == b"/%d" % i
            assert not any(c.streams.get(x) and c.streams[x].ended for x in ids[:i])
    finally:
        shared_upstream.handler = None


def test_a_reset_reaches_the_upstream(strict, shared_upstream):
    gone = []
    shared_upstream.once_do(lambda up, r: gone.append(up.wait_peer_close()))
    before = len(shared_upstream.requests)
    reset = strict.stat("http2.rx_reset")
    with Client(strict.port()) as c:
        c.request()
        shared_upstream.wait_requests(before + 1)
        c.reset(1)
        from lib.wait import wait_until
        wait_until(lambda: gone, "the upstream to see the end")
        assert gone == [True]
        c.still_works()
    strict.wait_stat("http2.rx_reset", (reset + 1,))


def test_an_answer_before_the_body_is_whole_is_followed_by_a_reset(nuncio):
    n = nuncio(conf.http_proxy(routes=[conf.direct("/", 403, "no")], clusters=[]))
    with Client(n.port()) as c:
        c.headers(1, h.request("POST"))
        s = c.response(1)
        assert (s.status, s.body) == (403, b"no")
        c.until(lambda: s.reset is not None, "a reset")
        assert s.reset == h.NO_ERROR
        c.data(1, b"late")
        assert c.get(sid=3).status == 403
