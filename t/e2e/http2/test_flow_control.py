"""RFC 9113, sections 5.2 and 6.9: windows of streams and connections, on both sides."""
import pytest

from lib import conf, http2 as h, proc
from lib.http2 import Client
from lib.upstream import head
from lib.wait import wait_until

BIG = bytes(range(256)) * 4096          # 1 MiB


@pytest.fixture
def c(strict, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(head(200, [("content-length", len(BIG))]) + BIG))
    with Client(strict.port(), pairs=((h.INITIAL_WINDOW_SIZE, 0),)) as client:
        client.auto_window = False
        yield client


def test_nothing_is_sent_into_a_window_of_zero(c):
    c.request()
    c.until(lambda: c.stream(1).headers, "the head")
    c.quiet(lambda: c.stream(1).body, "DATA without a window")


def test_the_streams_window_is_used_to_the_byte(c):
    c.request()
    c.until(lambda: c.stream(1).headers, "the head")
    for n in (1, 10, 100):
        had = len(c.stream(1).body)
        c.raw(h.window(1, n))
        c.until(lambda: len(c.stream(1).body) == had + n, f"{n} bytes")
    c.quiet(lambda: len(c.stream(1).body) != 111, "more than the window", 0.2)


def test_the_connections_window_is_used_to_the_byte(c):
    c.request()
    c.raw(h.window(1, 1 << 20))
    c.until(lambda: len(c.stream(1).body) == 65535, "the first window")
    c.quiet(lambda: len(c.stream(1).body) != 65535, "more than the window", 0.2)
    c.raw(h.window(0, 1 << 20))
    assert c.response(1).body == BIG


def test_settings_change_the_windows_of_open_streams(c):
    c.request()
    c.until(lambda: c.stream(1).headers, "the head")
    c.raw(h.settings((h.INITIAL_WINDOW_SIZE, 1000)))
    c.until(lambda: len(c.stream(1).body) == 1000, "1000 bytes")
    c.raw(h.settings((h.INITIAL_WINDOW_SIZE, 500)))         # the window is -500 now
    c.until(lambda: c.acks == 3, "acknowledgement")
    c.raw(h.window(1, 500))
    c.quiet(lambda: len(c.stream(1).body) != 1000, "DATA into a window of zero", 0.2)
    c.raw(h.window(1, 1))
    c.until(lambda: len(c.stream(1).body) == 1001, "one byte")


def test_settings_that_overflow_a_window_are_a_flow_control_error(strict):
    with Client(strict.port()) as c:
        c.headers(1, h.request("POST"))
        c.raw(h.window(1, 0x7fffffff - 65535))
        c.raw(h.settings((h.INITIAL_WINDOW_SIZE, 65536)))
        c.expect_reset(1, h.FLOW_CONTROL_ERROR)


def test_frames_are_no_larger_than_the_client_says(strict, shared_upstream):
    shared_upstream.once_do(lambda up, r: up.send(head(200, [("content-length", len(BIG))]) + BIG))
    with Client(strict.port(), pairs=((h.INITIAL_WINDOW_SIZE, 1 << 24),)) as c:
        c.raw(h.window(0, 1 << 24))
        s = c.get()
        assert s.body == BIG and max(s.frames) <= 16384


def test_a_body_beyond_the_streams_window_is_a_flow_control_error(proxied, upstream):
    n = proxied(http2_protocol_options={"initial_stream_window_size": 65535})
    upstream.handler = lambda up, r: up.wait_peer_close()
    with Client(n.port()) as c:
        c.until(lambda: c.settings, "SETTINGS")
        assert c.settings[h.INITIAL_WINDOW_SIZE] == 65535
        c.auto_ack = True
        c.headers(1, h.request("POST"))
        c.until(lambda: c.acks, "acknowledgement")
        c.raw(b"".join(h.frame(h.DATA, 0, 1, b"x" * 16384) for _ in range(200)))
        c.expect_reset(1, h.FLOW_CONTROL_ERROR)


def test_a_stalled_upload_holds_its_stream_and_no_other(proxied, upstream):
    n = proxied(http2_protocol_options={"initial_stream_window_size": 65535,
                                        "initial_connection_window_size": 1 << 20},
                listener_kw={"per_connection_buffer_limit_bytes": 32768})
    import threading
    go = threading.Event()

    def handler(up, r):
        if r.target == "/slow":
            go.wait(10)
        r.read()
        up.send(head(200, [("content-length", 0)]))
    upstream.handler = handler
    with Client(n.port()) as c:
        c.until(lambda: c.settings and c.acks, "SETTINGS")
        c.headers(1, h.request("POST", "/slow"))
        left = 65535

        def credit():
            return 65535 + sum(x for s, x in c.windows if s == 1)
        sent = 0
        for _ in range(400):
            if credit() - sent < 16384:
                try:
                    c.until(lambda: credit() - sent >= 16384, "window", 0.3)
                except AssertionError:
                    break
            c.data(1, b"x" * 16384)
            sent += 16384
        assert left and sent < 16 << 20, "an upload nobody reads is not held"
        assert c.get(h.request(path="/quick"), sid=3).status == 200
        go.set()
        c.data(1, b"", end=True)
        assert c.response(1).status == 200
        assert len(next(r for r in upstream.requests if r.target == "/slow").body) == sent


def test_a_client_that_reads_nothing_costs_little_and_is_given_up(nuncio, upstream):
    """Whole responses that wait for windows: memory is bounded, time too."""
    n = nuncio(conf.http_proxy(upstream, stream_idle_timeout="1s"))
    body = b"x" * 60000
    upstream.answer(200, [], body)
    worker = n.workers()[0]
    before = proc.anon_kb(worker)
    with Client(n.port(), pairs=((h.INITIAL_WINDOW_SIZE, 0),)) as c:
        c.auto_window = False
        ids = [c.request() for _ in range(500)]
        c.until(lambda: all(c.stream(i).headers or c.stream(i).reset is not None for i in ids),
                "heads", 20)
        grown = proc.anon_kb(worker) - before
        assert grown < 40000, f"{grown} KiB for one client"
        n.wait_stat("http.ingress.downstream_rq_active", 0)
        c.until(lambda: all(c.stream(i).reset is not None for i in ids), "resets", 20)
    assert n.stat("http2.tx_flush_timeout") + n.stat("http.ingress.downstream_rq_idle_timeout") \
        >= 500
    n.wait_stat("http2.streams_active", 0)


def test_a_slow_reader_that_reads_is_not_given_up(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, stream_idle_timeout="0.4s"))
    upstream.answer(200, [], b"x" * 3000)
    with Client(n.port(), pairs=((h.INITIAL_WINDOW_SIZE, 0),)) as c:
        c.auto_window = False
        c.request()
        c.until(lambda: c.stream(1).headers, "head")
        for i in range(15):
            c.raw(h.window(1, 200))
            c.until(lambda: len(c.stream(1).body) == 200 * (i + 1), "bytes")
            try:
                c.until(lambda: c.stream(1).reset is not None, "", 0.1)
            except AssertionError:
                pass
        assert c.response(1).ended and c.stream(1).reset is None


def test_upload_and_download_at_once(to_h2):
    def on_body(conn, s):
        if not getattr(s, "begun", False):
            s.begun = True
            conn.headers(s.id, [(":status", "200")])
        conn.data(s.id, s.body, end=s.ended)
        s.body = b""
    n, up = to_h2(lambda conn, s: None)
    up.on_body = on_body
    with Client(n.port()) as c:
        c.headers(1, h.request("POST"))
        for i in range(50):
            c.data(1, b"%03d" % i)
            c.until(lambda: len(c.stream(1).body) == 3 * (i + 1), "the echo")
        c.data(1, b"", end=True)
        assert c.response(1).body == b"".join(b"%03d" % i for i in range(50))


def test_a_response_window_of_an_upstream_is_given_back_as_the_client_reads(to_h2):
    size = 4 << 20

    def handler(conn, s):
        conn.headers(s.id, [(":status", "200")])
        conn.left = size
        conn.credit = conn.settings.get(h.INITIAL_WINDOW_SIZE, 65535)
        pump(conn, s)

    def pump(conn, s):
        seen = sum(x for i, x in conn.windows if i == s.id)
        while conn.left and conn.credit + seen - (size - conn.left) >= 16384:
            conn.left -= 16384
            conn.data(s.id, b"x" * 16384, end=conn.left == 0)
        conn.pumped = (conn, s)
    n, up = to_h2(handler, {"initial_stream_window_size": 65535})
    with Client(n.port()) as c:
        c.auto_window = False
        c.request()
        c.until(lambda: len(c.stream(1).body) == 49152, "the first window")
        conn = up.conns[0]
        wait_until(lambda: hasattr(conn, "pumped"), "the upstream's start")
        sent = size - conn.left
        assert sent < 2 << 20, "the upstream is not held back"
        c.auto_window = True
        c.raw(h.window(0, 1 << 24) + h.window(1, 1 << 24))

        def more():
            pump(*conn.pumped)
            return conn.left == 0
        wait_until(more, lambda: f"the rest, {conn.left} left")
        assert len(c.response(1).body) == size
