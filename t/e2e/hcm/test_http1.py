"""Options of HTTP/1: versions, targets, upgrades, errors, sizes, hosts."""
import pytest

from hcm.cases import bootstrap, extension
from lib import conf
from lib.client import request
from lib.upstream import head


def h1(**kw):
    return {"http_protocol_options": kw}


def common(**kw):
    return {"common_http_protocol_options": kw}


def test_http_10_is_refused_by_default(proxied):
    n = proxied()
    with n.connect() as c:
        c.send(request(version="1.0"))
        assert c.response().status == 426
    assert n.access_log()[0]["details"] == "low_version"


def test_http_10_can_be_accepted_with_a_host_of_its_own(proxied, upstream):
    n = proxied(**h1(accept_http_10=True, default_host_for_http_10="default.example"))
    with n.connect() as c:
        c.send(request(version="1.0", host=None))
        assert c.response().status == 200
    assert upstream.last.host == "default.example"


@pytest.mark.parametrize("allow,status", [(None, 200), (True, 200), (False, 404)])
def test_an_absolute_target(proxied, upstream, allow, status):
    n = proxied(**(h1(allow_absolute_url=allow) if allow is not None else {}))
    with n.connect() as c:
        c.send(request(target="http://other.example/p"))
        assert c.response().status == status
    if status == 200:
        assert (upstream.last.host, upstream.last.target) == ("other.example", "/p")


@pytest.mark.parametrize("allow,status", [(False, 400), (True, 200)])
def test_chunked_with_a_length(proxied, upstream, allow, status):
    n = proxied(**h1(allow_chunked_length=allow))
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
        assert c.response().status == status
    if status == 200:
        assert upstream.last.body == b"ab" and not upstream.last.all("content-length")


@pytest.mark.parametrize("allow,status", [(False, 400), (True, 200)])
def test_methods_of_ones_own(proxied, upstream, allow, status):
    n = proxied(**h1(allow_custom_methods=allow))
    with n.connect() as c:
        c.send(request("FROBNICATE"))
        assert c.response().status == status


@pytest.mark.parametrize("on", [True, False])
def test_trailers_go_on_when_enabled(nuncio, upstream, on):
    n = nuncio(conf.http_proxy(upstream, **h1(enable_trailers=on), cluster_kw={
        "typed_extension_protocol_options": conf.http_options(http1={"enable_trailers": True})}))
    with n.connect() as c:
        c.send(request("POST", body=b"x", chunked=True, trailers=[("x-t", "1")]))
        assert c.response().status == 200
    assert upstream.last.trailers == ([("x-t", "1")] if on else [])


def test_names_can_be_written_in_proper_case(proxied, upstream):
    upstream.answer(200, [("x-my-own", "1")], b"x")
    n = proxied(**h1(header_key_format={"proper_case_words": {}}))
    with n.connect() as c:
        c.send(request())
        c.response()
        assert b"\r\nX-My-Own: 1\r\n" in c.reader.raw and b"\r\nContent-Length:" in c.reader.raw


@pytest.mark.parametrize("matchers,upgraded", [
    ([], True), ([{"exact": "other"}], True), ([{"prefix": "Web", "ignore_case": True}], False),
    ([{"exact": "x"}, {"exact": "websocket"}], False)])
def test_upgrades_can_be_ignored(nuncio, upstream, matchers, upgraded):
    def handler(c, r):
        if r.get("upgrade"):
            c.send(head(101, [("connection", "upgrade"), ("upgrade", "websocket")]))
            c.wait_peer_close()
        else:
            c.send(head(200, [("content-length", 0)]))
    upstream.handler = handler
    n = nuncio(conf.http_proxy(upstream, upgrade_configs=[{"upgrade_type": "websocket"}],
                               **h1(ignore_http_11_upgrade=matchers)))
    with n.connect() as c:
        c.send(request(headers=[("connection", "upgrade"), ("upgrade", "websocket")]))
        assert c.response().status == (101 if upgraded else 200)
        if not upgraded:
            assert not upstream.last.all("connection")
            assert c.get().status == 200


@pytest.mark.parametrize("fields,stays", [
    ({}, False), ({"stream_error_on_invalid_http_message": True}, True),
    (h1(override_stream_error_on_invalid_http_message=True), True),
    ({"stream_error_on_invalid_http_message": True,
      **h1(override_stream_error_on_invalid_http_message=False)}, False)])
def test_a_wrong_request_that_is_whole_may_leave_the_connection(proxied, fields, stays):
    n = proxied(**fields)
    with n.connect() as c:
        c.send(request(host=None))
        r = c.response()
        assert (r.status, r.get("connection")) == (400, None if stays else "close")
        if stays:
            assert c.get().status == 200
        else:
            assert c.at_end()
    assert n.access_log()[0]["details"] == "missing_host_header"


def test_requests_behind_a_wrong_one_are_served(proxied, upstream):
    n = proxied(stream_error_on_invalid_http_message=True)
    with n.connect() as c:
        c.send(request(host=None) + request(target="/2"))
        assert c.response().status == 400
        assert c.response().status == 200
    assert upstream.last.target == "/2"


@pytest.mark.parametrize("action,status,seen", [("ALLOW", 200, ["1"]), ("DROP_HEADER", 200, []),
                                                ("REJECT_REQUEST", 400, None)])
def test_underscores_in_names(proxied, upstream, action, status, seen):
    n = proxied(**common(headers_with_underscores_action=action))
    assert n.get("/", [("a_b", "1")]).status == status
    if seen is not None:
        assert upstream.last.all("a_b") == seen
    assert n.stat("http1.dropped_headers_with_underscores") == (action == "DROP_HEADER")
    assert n.stat("http1.requests_rejected_with_underscores_in_headers") == \
        (action == "REJECT_REQUEST")


@pytest.mark.parametrize("count,status", [(8, 200), (12, 431)])
def test_the_number_of_headers_is_limited(proxied, count, status):
    n = proxied(**common(max_headers_count=10))
    assert n.get("/", [(f"h{i}", "1") for i in range(count)]).status == status


@pytest.mark.parametrize("size,status", [(900, 200), (1200, 431)])
def test_the_size_of_the_head_is_limited(proxied, size, status):
    n = proxied(max_request_headers_kb=1)
    assert n.get("/", [("h", "x" * size)]).status == status


@pytest.mark.parametrize("on", [True, False])
def test_100_continue_comes_from_us_or_the_upstream(proxied, upstream, on):
    def handler(c, r):
        assert (r.get("expect") == "100-continue") == on
        r.read()
        c.send(head(200, [("content-length", 0)]))
    upstream.handler = handler
    n = proxied(proxy_100_continue=on)
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        if not on:
            while b"100 Continue\r\n\r\n" not in c.reader.buf:
                assert c.reader.fill()
        c.send(b"x")
        assert c.response().status == 200


@pytest.fixture(scope="module")
def hosts(shared_nuncio, shared_upstream):
    return shared_nuncio(bootstrap(shared_upstream, {
        "plain": {}, "any": {"strip_any_host_port": True},
        "matching": {"strip_matching_host_port": True}, "dot": {"strip_trailing_host_dot": True},
        "dot-any": {"strip_trailing_host_dot": True, "strip_any_host_port": True}}))


@pytest.mark.parametrize("name,host,seen", [
    ("plain", "a.example.:80", "a.example.:80"),
    ("any", "a.example:80", "a.example"), ("any", "a.example", "a.example"),
    ("any", "[::1]:80", "[::1]"), ("any", "[::1]", "[::1]"),
    ("matching", "a.example:80", "a.example:80"), ("matching", "a.example:PORT", "a.example"),
    ("dot", "a.example.", "a.example"), ("dot", "a.example.:80", "a.example:80"),
    ("dot", "a.example:80", "a.example:80"), ("dot", "a.example", "a.example"),
    ("dot-any", "a.example.:80", "a.example")])
def test_the_host_is_stripped(hosts, shared_upstream, name, host, seen):
    host = host.replace("PORT", str(hosts.port(name)))
    with hosts.connect(name) as c:
        c.send(request(host=host))
        assert c.response().status == 200
    assert shared_upstream.last.host == seen


PRESERVE = {"header_key_format": {"stateful_formatter": extension(
    "case", "extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig")}}


@pytest.mark.parametrize("down,up", [(True, False), (False, True), (True, True)])
def test_the_case_of_names_can_be_kept(nuncio, upstream, down, up):
    upstream.raw(b"HTTP/1.1 200 OK\r\nX-ReSP: 1\r\nCONTENT-length: 0\r\n\r\n", "keep")
    n = nuncio(conf.http_proxy(upstream, **h1(**(PRESERVE if down else {})), cluster_kw={
        "typed_extension_protocol_options": conf.http_options(http1=PRESERVE if up else {})}))
    with n.connect() as c:
        data = b"GET / HTTP/1.1\r\nHoSt: h\r\nX-MiXeD: a\r\nUSER-agent: b\r\nlower: c\r\n\r\n"
        for part in (data[:22], data[22:30], data[30:45], data[45:]):
            c.send(part)
        c.response()
        got = c.reader.raw
    assert (b"\r\nX-ReSP: 1\r\n" in got and b"\r\nCONTENT-length: 0\r\n" in got) == up
    raw = upstream.last.raw
    assert all(x in raw for x in (b"\r\nHoSt: h", b"\r\nX-MiXeD: a", b"\r\nUSER-agent: b")) == down
    assert b"\r\nlower: c" in raw and b"\r\nx-forwarded-proto: http" in raw
