"""Peers that make HTTP/2 costly: each is stopped, named by a counter, and nobody else notices."""
import struct
import threading
import time

import pytest

from lib import conf, http2 as h, proc
from lib.http2 import Client, frame
from lib.upstream import head
from lib.wait import DEADLINE

MEMORY_KB = 16000       # what an attack may add to a worker


@pytest.fixture
def n(nuncio, upstream):
    return nuncio(conf.http_proxy(upstream, http2_protocol_options={
        "override_stream_error_on_invalid_http_message": True}))


class Bystander:
    """Another client's requests during an attack: the slowest one, in seconds."""

    def __init__(self, n, memory_kb=MEMORY_KB):
        self.memory_kb = memory_kb
        self.n, self.worst, self.stop, self.count = n, 0, threading.Event(), 0
        self.t = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop.is_set():
            begin = time.monotonic()
            assert self.n.get("/").status == 200
            self.worst = max(self.worst, time.monotonic() - begin)
            self.count += 1

    def __enter__(self):
        self.worker = self.n.workers()[0]
        self.before = proc.anon_kb(self.worker)
        self.t.start()
        return self

    def __exit__(self, kind, *a):
        self.stop.set()
        self.t.join()
        if kind is None:
            assert self.count and self.worst < 15, f"another client waited {self.worst} s"
            grown = proc.anon_kb(self.worker) - self.before
            assert grown < self.memory_kb, f"{grown} KiB"
            assert self.n.workers() == [self.worker]


def attack(n, parts, read=True):
    """Sends until the proxy ends the connection; its client object."""
    with Bystander(n), Client(n.port()) as c:
        c.auto_ack = c.auto_window = False
        if read:
            t = threading.Thread(target=lambda: c.until(lambda: c.eof, "", 30), daemon=True)
            t.start()
        i, end = 0, time.monotonic() + DEADLINE
        while not c.eof and c.raw(parts(i)):
            assert time.monotonic() < end, "the proxy takes it all"
            i += 1
        if read:
            t.join(DEADLINE)
    return c


def test_rapid_reset(n):
    c = attack(n, lambda i: b"".join(
        frame(h.HEADERS, 5, 2 * k + 1, h.block(h.GET)) + frame(h.RST_STREAM, 0, 2 * k + 1,
                                                                b"\0\0\0\x08")
        for k in range(50 * i, 50 * i + 50)))
    assert not c.goaways or c.goaways[-1][1] == h.ENHANCE_YOUR_CALM
    assert n.stat("http.ingress.downstream_rq_too_many_premature_resets") == 1
    n.wait_stat("http.ingress.downstream_rq_active", 0)


def test_resets_that_the_proxy_is_made_to_send(n):
    """Errors on streams are resets too (CVE-2025-8671)."""
    c = attack(n, lambda i: b"".join(
        frame(h.HEADERS, 4, 2 * k + 1, h.block(h.request("POST"))) + h.window(2 * k + 1, 0x7fffffff)
        for k in range(50 * i, 50 * i + 50)))
    assert not c.goaways or c.goaways[-1][1] == h.ENHANCE_YOUR_CALM
    assert n.stat("http.ingress.downstream_rq_too_many_premature_resets") == 1


def test_cancelling_now_and_then_is_no_attack(n, upstream):
    upstream.handler = lambda up, r: None if r.target == "/slow" else up.send(
        head(200, [("content-length", 0)]))
    with Client(n.port()) as c:
        for i in range(400):
            sid = c.request(h.request(path="/slow" if i % 3 == 0 else "/"))
            if i % 3 == 0:
                c.reset(sid)
            else:
                assert c.response(sid).status == 200


def test_continuations_without_end(n):
    c = attack(n, lambda i: (frame(h.HEADERS, 1, 1, h.block(h.GET)) if i == 0 else b"")
               + frame(h.CONTINUATION, 0, 1, h.literal("x", "v" * 100)) * 20)
    assert not c.goaways or c.goaways[-1][1] == h.ENHANCE_YOUR_CALM
    assert n.stat("http2.header_overflow") == 1


def test_empty_continuations(n):
    attack(n, lambda i: (frame(h.HEADERS, 1, 1, h.block(h.GET)) if i == 0 else b"")
           + frame(h.CONTINUATION, 0, 1, b"") * 100)
    assert n.stat("http2.header_overflow") == 1


def test_settings(n):
    attack(n, lambda i: h.settings((h.INITIAL_WINDOW_SIZE, 65535)) * 200)
    assert n.stat("http2.outbound_control_flood") == 1


def test_settings_unread(n):
    attack(n, lambda i: h.settings() * 200, read=False)
    assert n.stat("http2.outbound_control_flood") == 1


def test_pings(n):
    c = attack(n, lambda i: frame(h.PING, 0, 0, b"12345678") * 200)
    assert not c.goaways or c.goaways[-1][1] == h.ENHANCE_YOUR_CALM
    assert n.stat("http2.outbound_control_flood") == 1


def test_pings_unread(n):
    attack(n, lambda i: frame(h.PING, 0, 0, b"12345678") * 200, read=False)
    assert n.stat("http2.outbound_control_flood") == 1


def test_pings_of_a_patient_client_are_no_attack(n):
    with Client(n.port()) as c:
        for i in range(3000):
            c.ping(struct.pack(">Q", i))
            c.until(lambda: len(c.pongs) == i + 1, "an answer")


def test_empty_data(n):
    attack(n, lambda i: (frame(h.HEADERS, 4, 1, h.block(h.request("POST"))) if i == 0 else b"")
           + frame(h.DATA, 0, 1, b"") * 100)
    assert n.stat("http2.inbound_empty_frames_flood") == 1


def test_data_of_nothing_but_padding(n):
    attack(n, lambda i: (frame(h.HEADERS, 4, 1, h.block(h.request("POST"))) if i == 0 else b"")
           + frame(h.DATA, 8, 1, b"\xff" + b"\0" * 255) * 20)
    assert n.stat("http2.inbound_empty_frames_flood") == 1


def test_window_updates(n):
    attack(n, lambda i: h.window(0, 1) * 200)
    assert n.stat("http2.inbound_window_update_frames_flood") == 1


def test_priorities(n):
    attack(n, lambda i: frame(h.PRIORITY, 0, 2 * i + 1, b"\0\0\0\0\1") * 50)
    assert n.stat("http2.inbound_priority_frames_flood") == 1


def test_a_header_bomb(n):
    """One entry of the table, referred to again and again: KBs of input are MBs of fields."""
    with Bystander(n), Client(n.port()) as c:
        big = b"\x40\x01a" + b"\x7f\x81\x1e" + b"v" * 3968          # indexed: 62
        bomb = h.block(h.GET) + big + b"\xbe" * 12000
        for sid in range(1, 41, 2):
            c.raw(frame(h.HEADERS, 5, sid, bomb if sid == 1 else h.block(h.GET) + b"\xbe" * 16000))
            s = c.response(sid)
            assert s.reset is not None or s.status == 431
    assert n.stat("http2.header_overflow") >= 20


def test_crumbs_of_a_cookie_are_charged(n, upstream):
    with Bystander(n), Client(n.port()) as c:
        c.raw(frame(h.HEADERS, 5, 1, h.block(h.GET) + b"\x40\x06cookie\x01a" + b"\xbe" * 16000))
        s = c.response(1)
        assert s.reset is not None or s.status == 431
    assert n.stat("http2.header_overflow") == 1


def test_bombs_on_streams_that_stall(n):
    """What stalled streams hold is bounded too: each head is, and so is their number."""
    with Bystander(n), Client(n.port()) as c:
        c.raw(frame(h.HEADERS, 4, 1, h.block(h.request("POST")) + b"\x40\x01a\x7f\x81\x1e"
                    + b"v" * 3968))
        for sid in range(3, 401, 2):
            c.raw(frame(h.HEADERS, 4, sid, h.block(h.request("POST")) + b"\xbe" * 2000))
        c.until(lambda: sum(1 for s in c.streams.values() if s.headers) >= 190, "answers", 20)


def test_more_streams_than_a_turn_takes_are_served_all_the_same(n, upstream):
    with Bystander(n), Client(n.port()) as c:
        for start in range(1, 4000, 1000):
            ids = list(range(start, start + 1000, 2))
            c.raw(b"".join(frame(h.HEADERS, 5, i, h.block(h.GET)) for i in ids))
            for i in ids:
                assert c.response(i, 20).status == 200


def test_many_refused_streams(n, upstream):
    """Beyond max_concurrent_streams nothing is begun."""
    go = threading.Event()
    upstream.handler = lambda up, r: up.send(head(200, [("content-length", 0)])) \
        if r.target == "/" else (go.wait(10), up.send(head(200, [("content-length", 0)])))
    with Bystander(n), Client(n.port()) as c:
        c.auto_ack = False
        c.raw(b"".join(frame(h.HEADERS, 5, i, h.block(h.request(path="/hang")))
                       for i in range(1, 6001, 2)))
        c.until(lambda: c.eof or sum(1 for s in c.streams.values() if s.reset is not None) > 1900,
                "refusals", 20)
        assert len([r for r in upstream.requests if r.target == "/hang"]) <= 1024
        go.set()


def test_an_unread_connection(n, upstream):
    """Nothing is read at all: output is bounded, whatever is asked for."""
    upstream.answer(200, [], b"x" * 100000)
    with Bystander(n, 64000), Client(n.port(), rcvbuf=4096,
                                     pairs=((h.INITIAL_WINDOW_SIZE, 0x7fffffff),)) as c:
        c.raw(h.window(0, 0x7fffffff - 65535))
        for i in range(1, 2001, 2):
            if not c.raw(frame(h.HEADERS, 5, i, h.block(h.GET))):
                break
        n.wait_stat("http.ingress.downstream_rq_total", (500,))


def test_slow_downloads_of_many_frames_are_no_flood(nuncio, upstream):
    """Frames that were taken do not count, even when the output never runs empty."""
    n = nuncio(conf.http_proxy(upstream, http2_protocol_options={"max_outbound_frames": 100}))
    body = b"x" * (4 << 20)
    upstream.answer(200, [], body)
    with Client(n.port(), rcvbuf=4096, pairs=((h.INITIAL_WINDOW_SIZE, 1 << 25),)) as c:
        c.auto_window = False
        c.raw(h.window(0, 1 << 25))
        assert len(c.get().body) == len(body)
