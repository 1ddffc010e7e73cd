"""The harness itself: the recording upstream, the strict reader, the clients."""
import os
import threading

import pytest

from lib import client, http1, proc
from lib.client import Client, curl, request, wrk
from lib.ports import Port, unused_port
from lib.upstream import Upstream, chunk, head, last_chunk
from lib.wait import wait_until


def test_an_upstream_records_what_it_was_sent_byte_by_byte(upstream):
    sent = request("POST", "/a?b", [("X-One", "1")], b"hello")
    with Client(upstream.port) as c:
        c.send(sent)
        assert c.response().status == 200
    r = upstream.last
    assert (r.method, r.target, r.body, r.get("x-one"), r.whole) == \
        ("POST", "/a?b", b"hello", "1", True)
    assert r.raw == sent


def test_an_upstream_reads_chunked_bodies_with_trailers(upstream):
    client.get(upstream.port, "/", method="POST", body=b"abc", chunked=True,
               trailers=[("x-end", "1")])
    assert upstream.last.body == b"abc"
    assert upstream.last.chunks == [3, 0]
    assert upstream.last.trailer("x-end") == "1"


def test_pipelined_requests_are_answered_in_order_on_one_connection(upstream):
    upstream.handler = lambda c, r: c.send(head(200, [("content-length", 2)]) + r.target.encode())
    with Client(upstream.port) as c:
        c.send(request(target="/1") + request(target="/2") + request(target="/3"))
        assert [c.response().body for _ in range(3)] == [b"/1", b"/2", b"/3"]
    assert upstream.connections == 1


def test_an_answer_can_wait_for_an_event(upstream):
    go = threading.Event()

    def handler(c, r):
        c.send(head(200, [("transfer-encoding", "chunked")]) + chunk(b"one"))
        c.wait(go)
        c.send(last_chunk([("x", "y")]))

    upstream.handler = handler
    with Client(upstream.port) as c:
        c.send(request())
        r = http1.read_response_head(c.reader)
        assert c.exactly(8) == b"3\r\none\r\n"
        assert c.silent(0.05)
        go.set()
        http1.read_chunked(c.reader, r)
    assert r.body == b"" and r.trailer("x") == "y"


def test_a_reset_is_told_from_a_close(upstream):
    upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", then="reset")
    with Client(upstream.port) as c:
        c.send(request())
        with pytest.raises((ConnectionResetError, http1.Closed)):
            c.response()
    upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", then="close")
    with Client(upstream.port) as c:
        c.send(request())
        with pytest.raises(http1.Closed):
            c.response()


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
])
def test_the_strict_reader_refuses_what_is_not_http(upstream, raw):
    upstream.raw(raw)
    with Client(upstream.port) as c:
        c.send(request())
        with pytest.raises(http1.ProtocolError):
            c.response()


def test_a_malformed_request_is_kept_as_an_error():
    with Upstream() as u:
        with Client(u.port) as c:
            c.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            assert c.at_end()
        assert u.errors


def test_a_kept_port_stays_refused_and_can_be_bound():
    p = Port()
    with pytest.raises(ConnectionRefusedError):
        Client(p.number)
    with Upstream(port=p.number) as u:
        assert client.get(u.port).status == 200
    with pytest.raises(ConnectionRefusedError):
        Client(unused_port())
    p.close()


def test_curl_and_wrk_wrappers_read_their_figures(upstream):
    r = curl(f"http://127.0.0.1:{upstream.port}/x")
    assert (r.rc, r.status, r.body) == (0, 200, b"upstream\n")
    w = wrk(f"http://127.0.0.1:{upstream.port}/", connections=2, seconds=1)
    assert w["requests"] > 0 and w["bad_status"] == 0 and w["socket_errors"] == 0


def test_processes_are_told_by_session(started):
    p = started(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    wait_until(lambda: len(proc.session(p.pid)) == 2, "the child")
    kid = proc.children(p.pid)[0]
    assert "sleep" in proc.title(kid)
    p.terminate()
    p.wait()
    assert proc.session(p.pid) == [kid]
    os.kill(kid, 9)
