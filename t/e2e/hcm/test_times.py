"""Timeouts and ages of requests and connections."""
import time

import pytest

from lib import conf
from lib.client import request
from lib.upstream import head

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


def silent(upstream):
    upstream.handler = lambda c, r: c.wait_peer_close()


def test_a_head_that_does_not_come_is_answered_408(proxied):
    n = proxied(request_headers_timeout="0.2s")
    with n.connect() as c:
        c.send(HEAD)
        r = c.response()
        assert (r.status, r.body, r.get("connection")) == (408, b"request header timeout", "close")
    assert n.access_log()[0]["details"] == "request_header_timeout"
    assert n.stat("http.ingress.downstream_rq_header_timeout") == 1
    assert n.stat("http.ingress.downstream_rq_timeout") == 0


def test_the_time_for_the_head_is_not_that_for_the_body(proxied, upstream):
    n = proxied(request_headers_timeout="0.2s")
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        assert c.silent(0.5)
        c.send(b"x")
        assert c.response().status == 200


@pytest.mark.parametrize("part", [HEAD, HEAD + b"Content-Length: 5\r\n\r\nab"])
def test_a_request_that_does_not_come_whole_is_answered_408(proxied, part):
    n = proxied(request_timeout="0.2s")
    with n.connect() as c:
        c.send(part)
        r = c.response()
        assert (r.status, r.body, r.get("connection")) == (408, b"request timeout", "close")
    assert n.access_log()[0]["details"] == "request_overall_timeout"
    assert n.stat("http.ingress.downstream_rq_timeout") == 1
    assert n.stat("http.ingress.downstream_rq_header_timeout") == 0


def test_the_request_timeout_ends_with_the_request(proxied, upstream):
    upstream.handler = lambda c, r: (r.read(), time.sleep(0.4),
                                     c.send(head(200, [("content-length", 0)])))
    n = proxied(request_timeout="0.2s")
    assert n.get("/", method="POST", body=b"x").status == 200


@pytest.mark.parametrize("whole,status", [(True, 504), (False, 408)])
def test_an_idle_stream_is_answered(proxied, upstream, whole, status):
    silent(upstream)
    n = proxied(stream_idle_timeout="0.2s")
    with n.connect() as c:
        c.send(request() if whole else HEAD + b"Content-Length: 5\r\n\r\n")
        r = c.response()
        assert (r.status, r.body) == (status, b"stream timeout")
        assert (r.get("connection") == "close") == (not whole)
    line = n.access_log()[0]
    assert (line["flags"], line["details"]) == ("SI", "stream_idle_timeout")
    assert n.stat("http.ingress.downstream_rq_idle_timeout") == 1


@pytest.mark.parametrize("whole,status", [(True, 504), (False, 408)])
def test_a_stream_may_last_only_so_long(proxied, upstream, whole, status):
    silent(upstream)
    n = proxied(common_http_protocol_options={"max_stream_duration": "0.2s"})
    with n.connect() as c:
        c.send(request() if whole else HEAD + b"Content-Length: 5\r\n\r\n")
        r = c.response()
        assert (r.status, r.body) == (status, b"downstream duration timeout")
    line = n.access_log()[0]
    assert (line["flags"], line["details"]) == ("DT", "max_duration_timeout")
    assert n.stat("http.ingress.downstream_rq_max_duration_reached") == 1


def test_a_grpc_stream_that_lasts_too_long_exceeds_its_deadline(proxied, upstream):
    silent(upstream)
    n = proxied(common_http_protocol_options={"max_stream_duration": "0.2s"})
    r = n.get("/", [("content-type", "application/grpc")])
    assert (r.status, r.get("grpc-status")) == (200, "4")


def test_an_idle_connection_is_closed(proxied):
    n = proxied(common_http_protocol_options={"idle_timeout": "0.2s"})
    with n.connect() as c:
        assert c.get().status == 200
        assert c.at_end()
    n.wait_stat("http.ingress.downstream_cx_idle_timeout", 1)


def test_a_connection_makes_only_so_many_requests(proxied):
    n = proxied(common_http_protocol_options={"max_requests_per_connection": 2})
    with n.connect() as c:
        assert c.get().get("connection") is None
        assert c.get().get("connection") == "close"
        assert c.at_end()
    assert n.stat("http.ingress.downstream_cx_max_requests_reached") == 1


AGE = {"common_http_protocol_options": {"max_connection_duration": "0.1s"}}


def test_an_old_idle_connection_drains_and_closes(proxied):
    n = proxied(**AGE, drain_timeout="0.1s")
    with n.connect() as c:
        assert c.get().status == 200
        assert c.at_end()
    n.wait_stat("http.ingress.downstream_cx_max_duration_reached", 1)


def test_an_old_connection_waits_for_the_drain_timeout(proxied):
    n = proxied(**AGE, drain_timeout="60s")
    with n.connect() as c:
        n.wait_stat("http.ingress.downstream_cx_max_duration_reached", 1)
        assert c.silent(0.2)
        assert c.get().get("connection") == "close"
        assert c.at_end()


def test_an_old_connection_that_is_safe_ends_only_behind_a_response(proxied):
    n = proxied(**AGE, drain_timeout="0.1s", http1_safe_max_connection_duration=True)
    with n.connect() as c:
        n.wait_stat("http.ingress.downstream_cx_http1_soft_drain", 1)
        assert c.silent(0.4)
        assert c.get().get("connection") == "close"
        assert c.at_end()
    n.wait_stat("http.ingress.downstream_cx_http1_soft_drain", 0)


def test_a_client_that_takes_nothing_of_the_rest_is_closed(nuncio, upstream):
    upstream.answer(200, [], b"x" * 4_000_000)
    n = nuncio(conf.http_proxy(upstream, stream_flush_timeout="0.3s", listener_kw={
        "per_connection_buffer_limit_bytes": 64_000_000}, cluster_kw={
            "per_connection_buffer_limit_bytes": 64_000_000}))
    with n.connect(rcvbuf=4096) as c:
        c.send(request())
        n.wait_stat("http.ingress.downstream_rq_2xx", 1)
        n.wait_stat("http.ingress.downstream_cx_active", 0)


def test_a_client_that_takes_the_rest_slowly_is_waited_for(nuncio, upstream):
    body = b"x" * 3_000_000
    upstream.answer(200, [], body)
    n = nuncio(conf.http_proxy(upstream, stream_flush_timeout="1s", listener_kw={
        "per_connection_buffer_limit_bytes": 64_000_000}, cluster_kw={
            "per_connection_buffer_limit_bytes": 64_000_000}))
    with n.connect(rcvbuf=65536) as c:
        c.send(request())
        got = c.exactly(1000)
        for _ in range(8):
            assert c.exactly(100_000)
            time.sleep(0.2)
        rest = c.exactly(2_000_000)
        assert got.startswith(b"HTTP/1.1 200") and len(rest) == 2_000_000


def test_a_close_waits_for_the_client_only_so_long(proxied):
    n = proxied(delayed_close_timeout="0.2s")
    with n.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
        assert c.response().status == 400
        n.wait_stat("http.ingress.downstream_cx_delayed_close_timeout", 1)
