"""Runs the table of malformed.py. One proxy and one upstream serve the whole table."""
import re
import socket

import pytest

from http1.malformed import CUT, REQUESTS, RESPONSES
from lib import conf, http1
from lib.client import Client, request
from lib.wait import wait_until


@pytest.fixture(scope="module")
def proxy(shared_nuncio, shared_upstream):
    n = shared_nuncio(conf.bootstrap(
        [conf.listener(conf.hcm(codec_type="HTTP1")),
         conf.listener(conf.hcm(codec_type="HTTP1", stat_prefix="ten", http_protocol_options={
             "accept_http_10": True, "default_host_for_http_10": "t"}), name="http10")],
        [conf.cluster("up", shared_upstream)]))
    shared_upstream.strict = False              # a request cut off by a refused body is expected
    return n


def send_all(c, data):
    """Sends, not minding that the peer answers and closes before the end."""
    try:
        c.sock.settimeout(5)
        c.sock.sendall(data)
    except (OSError, socket.timeout):
        pass


def last_log(proxy, before):
    return wait_until(lambda: proxy.access_log(before + 1)[before:], "a line in the access log")[0]


def log_length(proxy):
    try:
        with open(f"{proxy.dir}/access.log") as f:
            return len(f.read().split("\n")) - 1
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("row", REQUESTS, ids=[re.sub(r"\W+", "-", r.name) for r in REQUESTS])
def test_a_malformed_request_is_refused_and_its_connection_closed(proxy, shared_upstream, row):
    seen, logged = len(shared_upstream.requests), log_length(proxy)

    with Client(proxy.port(row.listener)) as c:
        send_all(c, row.raw)
        r = http1.read_response(c.reader)
        assert r.status in row.status, f"{row.name}: {r}"
        if row.closes:
            assert c.at_end(), f"{row.name}: more than one response, or the connection stays open"

    new = shared_upstream.requests[seen:]
    assert not [x for x in new if x.target == "/smuggled"], f"{row.name}: smuggled {new}"
    if not row.forwarded:
        assert not new, f"{row.name}: the upstream saw {new}"
    else:
        assert not [x for x in new if x.whole], f"{row.name}: the upstream got it whole: {new}"
    log = last_log(proxy, logged)
    assert int(log["code"]) == r.status
    if row.details:
        assert log["details"] == row.details


def test_after_the_table_the_proxy_serves_as_before(proxy, shared_upstream):
    shared_upstream.handler = None
    logged = log_length(proxy)
    assert proxy.get("/after").status == 200
    last_log(proxy, logged)
    wait_until(lambda: proxy.stat("http.ingress.downstream_cx_active") == 0, "no connection left")
    assert proxy.stat("http.ingress.downstream_rq_active") == 0


def test_refused_requests_are_counted_as_protocol_errors(proxy):
    before, logged = proxy.stat("http.ingress.downstream_cx_protocol_error"), log_length(proxy)
    with proxy.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\nA : b\r\n\r\n")
        assert c.response().status == 400
    last_log(proxy, logged)
    assert proxy.stat("http.ingress.downstream_cx_protocol_error") == before + 1


def test_a_refused_request_says_connection_close_and_dpe(proxy):
    logged = log_length(proxy)
    with proxy.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\nA\x01: b\r\n\r\n")
        r = c.response()
        assert (r.status, r.get("connection")) == (400, "close")
        assert c.at_end()
    log = last_log(proxy, logged)
    assert log["flags"] == "DPE"
    assert log["details"].startswith("http1.")


def test_a_request_before_a_malformed_one_is_still_answered(proxy, shared_upstream):
    shared_upstream.handler = None
    with proxy.connect() as c:
        c.send(request(target="/good") + b"GET / HTTP/1.1\r\nHost : t\r\n\r\n")
        assert c.response().status == 200
        assert c.response().status == 400
        assert c.at_end()


def read_outcome(c):
    """(status, CUT when the response broke off, response)"""
    try:
        r = c.response()
        return r.status, r
    except (http1.Closed, ConnectionResetError):
        return CUT, None


@pytest.mark.parametrize("row", RESPONSES, ids=[re.sub(r"\W+", "-", r.name) for r in RESPONSES])
def test_a_malformed_response_never_reaches_the_client_as_a_good_one(proxy, shared_upstream, row):
    shared_upstream.raw(row.raw, then=row.then)
    path = "/" + re.sub(r"\W+", "-", row.name)

    with proxy.connect() as c:
        c.send(request(target=path))
        outcome, r = read_outcome(c)
        assert outcome == row.outcome, f"{row.name}: {r}"
        if outcome == CUT:
            assert c.at_end()

    log = wait_until(lambda: [x for x in proxy.access_log() if x["path"] == path], "the line")[0]
    if row.outcome == 502:
        assert log["flags"] == "UPE"
        assert log["details"].startswith("upstream_reset_before_response_started{protocol_error")
        assert r.body.startswith(b"upstream connect error or disconnect/reset before headers. "
                                 b"reset reason: protocol error")
    elif row.outcome == 503:
        assert log["flags"] == "UC"
        assert log["details"].startswith(
            "upstream_reset_before_response_started{connection_termination")
        assert r.body.startswith(b"upstream connect error or disconnect/reset before headers. "
                                 b"reset reason: connection termination")
    else:
        assert log["code"] == "200"
        assert log["details"].startswith("upstream_reset_after_response_started")


def test_a_malformed_response_is_counted_at_the_cluster(proxy, shared_upstream):
    before = proxy.stat("cluster.up.upstream_cx_protocol_error")
    shared_upstream.raw(b"nonsense\r\n\r\n", then="keep")
    assert proxy.get().status == 502
    assert proxy.stat("cluster.up.upstream_cx_protocol_error") == before + 1


def test_bytes_after_a_response_are_dropped_with_their_connection(proxy, shared_upstream):
    shared_upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", then="keep")
    with proxy.connect() as c:
        assert c.get().body == b"ok"
        conn = shared_upstream.last.connection
        shared_upstream.handler = None
        assert c.get().body == b"upstream\n"
        assert shared_upstream.last.connection != conn


def test_an_unasked_response_on_an_idle_connection_is_given_to_nobody(proxy, shared_upstream):
    shared_upstream.handler = None
    assert proxy.get().status == 200
    idle = shared_upstream.conns[shared_upstream.last.connection - 1]
    idle.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    assert idle.gone.wait(10), "the connection stays open"
    assert proxy.get().body == b"upstream\n"
