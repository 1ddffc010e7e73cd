"""Big bodies, back-pressure, and ends in the middle, on either side."""
import threading

import pytest

from lib import conf, http1, proc
from lib.client import Client, request
from lib.upstream import chunk, head, last_chunk
from lib.wait import DEADLINE, wait_until

MB = 1 << 20
LIMITED = {"listener_kw": {"per_connection_buffer_limit_bytes": 65536},
           "cluster_kw": {"per_connection_buffer_limit_bytes": 65536}}


def pattern(n):
    """n bytes that show when anything is lost, doubled or moved."""
    unit = b"".join(b"%07x\n" % i for i in range(8192))
    return (unit * (n // len(unit) + 1))[:n]


def worker_kb(n):
    return sum(proc.anon_kb(p) for p in n.workers())


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_sixteen_megabytes_pass_unharmed_upwards(proxied, upstream, chunked):
    n = proxied()
    data = pattern(16 * MB)
    upstream.handler = lambda c, r: (r.read(), c.send(head(200, [("content-length", 0)])))
    assert n.get("/", method="POST", body=data, chunked=chunked).status == 200
    assert upstream.last.body == data


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_sixteen_megabytes_pass_unharmed_downwards(proxied, upstream, chunked):
    n = proxied()
    data = pattern(16 * MB)
    upstream.answer(200, [], data, chunked=chunked, chunk_size=100000)
    r = n.get()
    assert r.status == 200 and r.body == data
    assert n.access_log()[0]["sent"] == str(16 * MB)


def test_both_directions_stream_at_once(proxied, upstream):
    n = proxied()

    def echo(c, r):
        c.send(head(200, [("transfer-encoding", "chunked")]))
        r.read(lambda data: c.send(chunk(data)))
        c.send(last_chunk())

    upstream.handler = echo
    data = pattern(4 * MB)
    with n.connect() as c:
        sender = threading.Thread(target=lambda: c.sock.sendall(
            request("POST", "/", body=data)), daemon=True)
        sender.start()
        r = c.response()
        sender.join(DEADLINE)
    assert r.body == data


def test_a_client_that_does_not_read_stops_the_upstream_and_costs_bounded_memory(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, **LIMITED))
    total, sent = 64 * MB, [0]
    block = pattern(65536)

    def handler(c, r):
        c.send(head(200, [("content-length", total)]))
        while sent[0] < total and c.send(block):
            sent[0] += len(block)

    upstream.handler = handler
    before = worker_kb(n)
    with Client(n.port(), rcvbuf=65536) as c:
        c.send(request())
        wait_until(lambda: n.stat("cluster.up.upstream_flow_control_paused_reading_total") > 0,
                   "the upstream paused")
        last = [-1]

        def settled():
            same, last[0] = last[0] == sent[0], sent[0]
            return same
        wait_until(settled, "the upstream to stand still")
        assert sent[0] < total / 2, "the whole body was taken from the upstream"
        assert worker_kb(n) - before < 4096, "memory grew with the body"
        r = c.response()
        assert len(r.body) == total and r.body == block * (total // len(block))


def test_an_upstream_that_does_not_read_stops_the_client_and_costs_bounded_memory(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, **LIMITED))
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), r.read(),
                                     c.send(head(200, [("content-length", 0)])))
    total = 64 * MB
    data = memoryview(pattern(total))
    before = worker_kb(n)
    with n.connect() as c:
        c.send(f"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {total}\r\n\r\n".encode())
        sent = c.send_some(data)
        assert sent < total, "the whole body was taken from the client"
        assert worker_kb(n) - before < 4096, "memory grew with the body"
        assert n.stat("http.ingress.downstream_flow_control_paused_reading_total") > 0
        go.set()
        c.sock.settimeout(DEADLINE)
        c.sock.sendall(data[sent:])
        assert c.response().status == 200
    assert len(upstream.last.body) == total


def test_a_slow_client_does_not_hold_up_others(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, **LIMITED))
    upstream.answer(200, [], pattern(8 * MB))
    with Client(n.port(), rcvbuf=65536) as slow:
        slow.send(request())
        upstream.wait_requests(1)
        assert len(n.get().body) == 8 * MB
        assert len(slow.response().body) == 8 * MB


def test_an_early_response_goes_out_before_the_body_is_there(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.send(head(413, [("content-length", 5)]) + b"early")
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\nabc")
        r = c.response()
        assert (r.status, r.body) == (413, b"early")
    n.wait_stat("http.ingress.downstream_rq_active", 0)
    assert n.get().status == 413


def test_after_an_early_response_the_rest_of_the_body_is_no_request(proxied, upstream):
    n = proxied()
    body = request(target="/smuggled")

    def handler(c, r):
        c.send(head(403, [("content-length", 0)]))
        if r.method == "POST":
            c.close()

    upstream.handler = handler
    with n.connect() as c:
        c.send(f"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        assert c.response().status == 403
        try:
            c.send(body)
        except OSError:
            pass
        c.to_end() if not c.silent(0.2) else None
    assert [r.target for r in upstream.requests] == ["/"]


def test_a_client_that_closes_in_the_middle_of_its_body_ends_the_upstream_request(
        proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: None
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc")
        upstream.wait_requests(1)
    upstream.wait_all_closed()
    assert not upstream.last.whole
    log = n.access_log()[0]
    assert (log["code"], log["flags"]) == ("0", "DC")
    assert log["details"] == "downstream_remote_disconnect"
    n.wait_stat("cluster.up.upstream_rq_active", 0)
    assert n.stat("http.ingress.downstream_cx_destroy_remote_active_rq") == 1


def test_a_client_that_resets_while_waiting_ends_the_upstream_request(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.wait_peer_close()
    c = n.connect()
    c.send(request())
    upstream.wait_requests(1)
    c.reset()
    assert upstream.conns[0].gone.wait(DEADLINE), "the upstream request goes on"
    assert n.access_log()[0]["flags"] == "DC"
    n.wait_stat("http.ingress.downstream_rq_active", 0)


def test_a_client_that_closes_in_the_middle_of_the_response_ends_the_upstream_request(
        nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, **LIMITED))
    ended = threading.Event()

    def handler(c, r):
        c.send(head(200, [("content-length", 1 << 30)]))
        while c.send(b"x" * 65536):
            pass
        ended.set()

    upstream.handler = handler
    with n.connect() as c:
        c.send(request())
        c.exactly(100000)
    assert ended.wait(DEADLINE), "the upstream still sends"
    log = n.access_log()[0]
    assert (log["code"], log["flags"]) == ("200", "DC")


def test_a_cut_request_body_is_never_whole_at_the_upstream(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: None
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        upstream.wait_requests(1)
    upstream.wait_all_closed()
    assert not upstream.last.whole


def test_an_upstream_that_closes_in_the_middle_of_the_body_cuts_the_response(proxied, upstream):
    n = proxied()
    upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    with n.connect() as c:
        c.send(request())
        with pytest.raises((http1.Closed, ConnectionResetError)):
            c.response()
    log = n.access_log()[0]
    assert (log["code"], log["flags"]) == ("200", "UC")
    assert log["details"].startswith("upstream_reset_after_response_started{connection_termination")
    assert n.stat("cluster.up.upstream_cx_destroy_remote_with_active_rq") == 1


def test_an_upstream_that_closes_while_the_request_body_is_sent_gives_503(proxied, upstream):
    n = proxied()
    upstream.handler = lambda c, r: c.reset()
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nabc")
        r = c.response()
        assert r.status == 503
    assert n.access_log()[0]["flags"] == "UC"


def test_an_upstream_that_answers_and_closes_without_reading_is_heard(proxied, upstream):
    n = proxied()

    def handler(c, r):
        c.send(head(403, [("content-length", 4), ("connection", "close")]) + b"deny")
        c.shut_write()
        c.wait_peer_close()

    upstream.handler = handler
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100000)
        r = c.response()
        assert (r.status, r.body) == (403, b"deny")


def test_a_client_that_half_closes_after_its_request_is_ended_or_answered(proxied, upstream):
    """Envoy takes the half close of an HTTP/1 client for a close; nothing may hang or leak."""
    n = proxied()
    with n.connect() as c:
        c.send(request())
        c.shut_write()
        got = c.to_end()
    assert got == b"" or got.startswith(b"HTTP/1.1 200 OK\r\n")
    n.wait_stat("http.ingress.downstream_cx_active", 0)
    n.wait_stat("http.ingress.downstream_rq_active", 0)


def test_the_buffer_filter_holds_the_body_until_it_is_whole(proxied, upstream):
    n = proxied(filters=[conf.buffer_filter(1000)])
    with n.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert c.silent(0.1)
        assert not upstream.requests
        c.send(b"3\r\ndef\r\n0\r\n\r\n")
        assert c.response().status == 200
    assert upstream.last.body == b"abcdef"
    assert upstream.last.get("content-length") == "6"


def test_the_buffer_filter_lets_a_request_without_a_body_through(proxied, upstream):
    n = proxied(filters=[conf.buffer_filter(4)])
    assert n.get().status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_the_buffer_filter_answers_413_above_its_limit(proxied, upstream, chunked):
    n = proxied(filters=[conf.buffer_filter(4)])
    with n.connect() as c:
        c.send(request("POST", "/", body=b"12345", chunked=chunked))
        r = c.response()
        assert (r.status, r.body) == (413, b"Payload Too Large")
    assert not upstream.requests
    assert n.access_log()[0]["details"] == "request_payload_too_large"
    assert n.stat("http.ingress.downstream_rq_too_large") == 1


def test_the_buffer_filter_can_be_off_for_a_route(proxied, upstream):
    off = {"typed_per_filter_config": {"envoy.filters.http.buffer": {
        "@type": conf.T + "extensions.filters.http.buffer.v3.BufferPerRoute", "disabled": True}}}
    n = proxied(filters=[conf.buffer_filter(4)],
                routes=[{**conf.route("/free"), **off}, conf.route("/")])
    assert n.get("/free", method="POST", body=b"12345").status == 200
    assert n.get("/", method="POST", body=b"12345").status == 413


def test_two_hundred_cut_exchanges_leak_no_descriptor(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, cluster_kw={
        "typed_extension_protocol_options": conf.http_options(
            common_http_protocol_options={"idle_timeout": "0.3s"})}))
    n.get()
    upstream.wait_all_closed()
    upstream.handler = lambda c, r: c.wait_peer_close()
    before = n.fds()
    for i in range(200):
        c = n.connect()
        c.send(request("POST", "/", body=b"x" * 10)[:-(i % 8) or None])
        if i % 2:
            c.reset()
        else:
            c.close()
    wait_until(lambda: n.fds() == before or all(a <= before[p] for p, a in n.fds().items()),
               lambda: f"descriptors back to {before}, they are {n.fds()}")
    n.wait_stat("http.ingress.downstream_cx_active", 0)
    n.wait_stat("cluster.up.upstream_rq_active", 0)
