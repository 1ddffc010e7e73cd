"""RFC 9113, sections 3 to 6, on a downstream connection: each MUST on frames and streams."""
import struct

import pytest

from lib import http2 as h
from lib.http2 import Client, frame


@pytest.fixture
def c(strict):
    with Client(strict.port()) as client:
        yield client


# Connection errors: (what is sent after a good start, the codes allowed)
OPEN = "open"           # stream 1 was opened and not ended
DONE = "done"           # stream 1 was answered
CONNECTION_ERRORS = {
    "a frame larger than 16384 bytes": (None, frame(h.DATA, 0, 1, b"x" * 16385),
                                        [h.FRAME_SIZE_ERROR]),
    "HEADERS larger than 16384 bytes": (None, frame(h.HEADERS, 4, 1, b"x" * 16385),
                                        [h.FRAME_SIZE_ERROR]),
    "DATA on stream 0": (None, frame(h.DATA, 0, 0, b"x"), [h.PROTOCOL_ERROR]),
    "DATA on an idle stream": (None, frame(h.DATA, 0, 1, b"x"), [h.PROTOCOL_ERROR]),
    "DATA padded beyond its length": (OPEN, frame(h.DATA, 8, 1, b"\x05xxx"), [h.PROTOCOL_ERROR]),
    "DATA with the padding flag and nothing": (OPEN, frame(h.DATA, 8, 1, b""),
                                               [h.FRAME_SIZE_ERROR, h.PROTOCOL_ERROR]),
    "HEADERS on stream 0": (None, frame(h.HEADERS, 5, 0, h.block(h.GET)), [h.PROTOCOL_ERROR]),
    "HEADERS on an even stream": (None, frame(h.HEADERS, 5, 2, h.block(h.GET)),
                                  [h.PROTOCOL_ERROR]),
    "HEADERS padded beyond their length": (None, frame(h.HEADERS, 13, 1, b"\xff" + h.block(h.GET)),
                                           [h.PROTOCOL_ERROR]),
    "HEADERS with priority cut short": (None, frame(h.HEADERS, 37, 1, b"\0\0"),
                                        [h.FRAME_SIZE_ERROR, h.PROTOCOL_ERROR]),
    "PRIORITY on stream 0": (None, frame(h.PRIORITY, 0, 0, b"\0\0\0\1\1"), [h.PROTOCOL_ERROR]),
    "RST_STREAM on stream 0": (None, frame(h.RST_STREAM, 0, 0, b"\0\0\0\x08"), [h.PROTOCOL_ERROR]),
    "RST_STREAM on an idle stream": (None, frame(h.RST_STREAM, 0, 1, b"\0\0\0\x08"),
                                     [h.PROTOCOL_ERROR]),
    "RST_STREAM of 3 bytes": (OPEN, frame(h.RST_STREAM, 0, 1, b"\0\0\0"), [h.FRAME_SIZE_ERROR]),
    "RST_STREAM of 5 bytes": (OPEN, frame(h.RST_STREAM, 0, 1, b"\0\0\0\0\0"),
                              [h.FRAME_SIZE_ERROR]),
    "SETTINGS on a stream": (None, frame(h.SETTINGS, 0, 1, b""), [h.PROTOCOL_ERROR]),
    "SETTINGS of 5 bytes": (None, frame(h.SETTINGS, 0, 0, b"\0\1\0\0\0"), [h.FRAME_SIZE_ERROR]),
    "an acknowledgement with a payload": (None, frame(h.SETTINGS, 1, 0, b"\0\1\0\0\0\0"),
                                          [h.FRAME_SIZE_ERROR]),
    "ENABLE_PUSH of 2": (None, h.settings((h.ENABLE_PUSH, 2)), [h.PROTOCOL_ERROR]),
    "INITIAL_WINDOW_SIZE of 2^31": (None, h.settings((h.INITIAL_WINDOW_SIZE, 1 << 31)),
                                    [h.FLOW_CONTROL_ERROR]),
    "MAX_FRAME_SIZE of 16383": (None, h.settings((h.MAX_FRAME_SIZE, 16383)), [h.PROTOCOL_ERROR]),
    "MAX_FRAME_SIZE of 2^24": (None, h.settings((h.MAX_FRAME_SIZE, 1 << 24)), [h.PROTOCOL_ERROR]),
    "ENABLE_CONNECT_PROTOCOL of 2": (None, h.settings((8, 2)), [h.PROTOCOL_ERROR]),
    "PUSH_PROMISE from a client": (OPEN, frame(h.PUSH_PROMISE, 4, 1, b"\0\0\0\2" + h.block(h.GET)),
                                   [h.PROTOCOL_ERROR]),
    "PING on a stream": (None, frame(h.PING, 0, 1, b"12345678"), [h.PROTOCOL_ERROR]),
    "PING of 7 bytes": (None, frame(h.PING, 0, 0, b"1234567"), [h.FRAME_SIZE_ERROR]),
    "PING of 9 bytes": (None, frame(h.PING, 0, 0, b"123456789"), [h.FRAME_SIZE_ERROR]),
    "GOAWAY on a stream": (None, frame(h.GOAWAY, 0, 1, b"\0" * 8), [h.PROTOCOL_ERROR]),
    "GOAWAY of 4 bytes": (None, frame(h.GOAWAY, 0, 0, b"\0" * 4), [h.FRAME_SIZE_ERROR]),
    "WINDOW_UPDATE of 3 bytes": (None, frame(h.WINDOW_UPDATE, 0, 0, b"\0\0\1"),
                                 [h.FRAME_SIZE_ERROR]),
    "WINDOW_UPDATE of 0 on the connection": (None, h.window(0, 0), [h.PROTOCOL_ERROR]),
    "WINDOW_UPDATE on an idle stream": (None, h.window(1, 1), [h.PROTOCOL_ERROR]),
    "the connection's window beyond 2^31-1": (None, h.window(0, 0x7fffffff),
                                              [h.FLOW_CONTROL_ERROR]),
    "CONTINUATION without HEADERS": (None, frame(h.CONTINUATION, 4, 1, b""), [h.PROTOCOL_ERROR]),
    "CONTINUATION after END_HEADERS": (DONE, frame(h.CONTINUATION, 4, 1, b""), [h.PROTOCOL_ERROR]),
    "CONTINUATION on stream 0": (None, frame(h.HEADERS, 1, 1, h.block(h.GET))
                                 + frame(h.CONTINUATION, 4, 0, b""), [h.PROTOCOL_ERROR]),
    "CONTINUATION of another stream": (None, frame(h.HEADERS, 1, 1, h.block(h.GET))
                                       + frame(h.CONTINUATION, 4, 3, b""), [h.PROTOCOL_ERROR]),
    "a PING between HEADERS and CONTINUATION": (None, frame(h.HEADERS, 1, 1, h.block(h.GET))
                                                + frame(h.PING, 0, 0, b"12345678"),
                                                [h.PROTOCOL_ERROR]),
    "an unknown frame between HEADERS and CONTINUATION": (
        None, frame(h.HEADERS, 1, 1, h.block(h.GET)) + frame(0xbb, 0, 1, b"x"),
        [h.PROTOCOL_ERROR]),
    "HEADERS of another stream between HEADERS and CONTINUATION": (
        None, frame(h.HEADERS, 1, 1, h.block(h.GET)) + frame(h.HEADERS, 5, 3, h.block(h.GET)),
        [h.PROTOCOL_ERROR]),
    "an index of 0": (None, frame(h.HEADERS, 5, 1, b"\x80"), [h.COMPRESSION_ERROR]),
    "an index beyond the tables": (None, frame(h.HEADERS, 5, 1, b"\xff\x20"),
                                   [h.COMPRESSION_ERROR]),
    "a literal that is cut short": (None, frame(h.HEADERS, 5, 1, b"\0\x05ab"),
                                    [h.COMPRESSION_ERROR]),
    "an integer without end": (None, frame(h.HEADERS, 5, 1, b"\xff" + b"\xff" * 20),
                               [h.COMPRESSION_ERROR]),
    "a table size above ours": (None, frame(h.HEADERS, 5, 1, b"\x3f\xe1\xff\x03"
                                            + h.block(h.GET)), [h.COMPRESSION_ERROR]),
    "a table size behind a field": (None, frame(h.HEADERS, 5, 1, h.block(h.GET) + b"\x20"),
                                    [h.COMPRESSION_ERROR]),
    "Huffman padding longer than 7 bits": (None, frame(h.HEADERS, 5, 1, h.block(h.GET)
                                           + b"\0\x01a\x82\xff\xff"), [h.COMPRESSION_ERROR]),
    "Huffman padding of zeros": (None, frame(h.HEADERS, 5, 1, h.block(h.GET) + b"\0\x01a\x81\x00"),
                                 [h.COMPRESSION_ERROR]),
    "Huffman's EOS": (None, frame(h.HEADERS, 5, 1, h.block(h.GET) + b"\0\x01a\x84\xff\xff\xff\xff"),
                      [h.COMPRESSION_ERROR]),
    "HEADERS on a stream that was reset by us both": (DONE, frame(h.HEADERS, 5, 1, h.block(h.GET)),
                                                      [h.STREAM_CLOSED, h.PROTOCOL_ERROR]),
}


@pytest.mark.parametrize("name", CONNECTION_ERRORS)
def test_the_connection_ends_with_goaway_for(c, strict, name):
    state, data, codes = CONNECTION_ERRORS[name]
    if state == OPEN:
        c.headers(1, h.request("POST"))
    elif state == DONE:
        assert c.get().status == 200
    c.raw(data)
    c.expect_goaway(*codes)


def test_protocol_errors_are_counted(strict):
    before = strict.stats()
    with Client(strict.port()) as c:
        c.raw(frame(h.DATA, 0, 0, b"x"))
        c.expect_goaway(h.PROTOCOL_ERROR)
    strict.wait_stat("http.ingress.downstream_cx_protocol_error",
                     before["http.ingress.downstream_cx_protocol_error"] + 1)
    strict.wait_stat("http2.rx_messaging_error", (before["http2.rx_messaging_error"] + 1,))


@pytest.mark.parametrize("preface", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + h.settings(),
                                     h.PREFACE + frame(h.PING, 0, 0, b"12345678"),
                                     h.PREFACE + frame(h.HEADERS, 5, 1, h.block(h.GET))])
def test_a_wrong_preface_ends_the_connection(strict, preface):
    with Client(strict.port(), preface=False) as c:
        c.raw(preface)
        c.until(lambda: c.eof, "the end")
        assert not c.streams


# Stream errors: the connection goes on.
STREAM_ERRORS = {
    "WINDOW_UPDATE of 0": (OPEN, h.window(1, 0), [h.PROTOCOL_ERROR]),
    "a window beyond 2^31-1": (OPEN, h.window(1, 0x7fffffff), [h.FLOW_CONTROL_ERROR]),
    "DATA after END_STREAM": ("half", frame(h.DATA, 0, 1, b"x"), [h.STREAM_CLOSED]),
    "HEADERS after END_STREAM": ("half", frame(h.HEADERS, 5, 1, h.block([("a", "b")])),
                                 [h.STREAM_CLOSED]),
    "PRIORITY of 4 bytes": (OPEN, frame(h.PRIORITY, 0, 1, b"\0\0\0\0"), [h.FRAME_SIZE_ERROR]),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_the_stream_is_reset_for(strict, shared_upstream, name):
    state, data, codes = STREAM_ERRORS[name]
    with Client(strict.port()) as c:
        if state == "half":
            before = len(shared_upstream.requests)
            shared_upstream.once_do(lambda up, r: up.wait_peer_close())
            c.headers(1, h.request(), end=True)
            shared_upstream.wait_requests(before + 1)
        else:
            c.headers(1, h.request("POST"))
        c.raw(data)
        c.expect_reset(1, *codes)


def test_unknown_frames_flags_and_settings_are_ignored(c):
    c.raw(frame(0xbb, 0xff, 0, b"whatever") + frame(0xbb, 0, 7, b"") + h.settings((0xabc, 7)))
    c.raw(frame(h.PING, 0xfe, 0, b"87654321"))
    c.until(lambda: c.pongs, "the answer to a PING")
    assert c.pongs == [b"87654321"]
    assert c.get().status == 200


def test_the_reserved_bit_is_ignored(c):
    c.raw(frame(h.HEADERS, 5, 0x80000001, c.encoder.encode(h.GET)))
    assert c.response(1).status == 200


def test_settings_are_acknowledged_once_each(c):
    c.raw(h.settings((h.HEADER_TABLE_SIZE, 0)) + h.settings()
          + h.settings((h.MAX_FRAME_SIZE, 20000)))
    c.until(lambda: c.acks == 4, "acknowledgements")
    assert c.get().status == 200
    assert c.acks == 4


def test_a_ping_is_answered_with_its_payload_and_an_answer_is_not(c):
    c.ping(b"\0\1\2\3\4\5\6\7")
    c.raw(frame(h.PING, h.ACK, 0, b"notasked"))
    c.ping(b"second..")
    c.until(lambda: len(c.pongs) == 2, "two answers")
    assert c.pongs == [b"\0\1\2\3\4\5\6\7", b"second.."]


def test_priorities_are_ignored(c):
    c.raw(frame(h.PRIORITY, 0, 99, b"\0\0\0\1\1") + frame(h.PRIORITY, 0, 1, b"\x80\0\0\3\xff"))
    c.raw(frame(h.HEADERS, 5 | h.PRIO, 1, b"\0\0\0\0\x10" + c.encoder.encode(h.GET)))
    c.raw(frame(0x10, 0, 0, b"\0\0\0\1u=1"))
    assert c.response(1).status == 200


def test_padding_is_dropped(c, shared_upstream):
    c.raw(frame(h.HEADERS, h.END_HEADERS | h.PADDED, 1,
                b"\x03" + c.encoder.encode(h.request("POST")) + b"\0\0\0"))
    c.raw(frame(h.DATA, h.PADDED, 1, b"\x07hello" + b"\0" * 7))
    c.raw(frame(h.DATA, h.PADDED | h.END_STREAM, 1, b"\x00!"))
    assert c.response(1).status == 200
    assert shared_upstream.last.body == b"hello!"


def test_a_head_may_come_in_continuations(c, shared_upstream):
    data = c.encoder.encode(h.request(headers=[(f"x-{i}", "v" * 20) for i in range(20)]))
    cut = len(data) // 3
    c.raw(frame(h.HEADERS, h.END_STREAM, 1, data[:cut])
          + frame(h.CONTINUATION, 0, 1, data[cut:2 * cut])
          + frame(h.CONTINUATION, h.END_HEADERS, 1, data[2 * cut:]))
    assert c.response(1).status == 200
    assert shared_upstream.last.get("x-19") == "v" * 20


def test_every_byte_may_come_alone(strict):
    with Client(strict.port(), preface=False) as c:
        data = h.PREFACE + h.settings() + frame(h.HEADERS, 5, 1, c.encoder.encode(h.GET))
        for i in range(len(data)):
            c.raw(data[i:i + 1])
        assert c.response(1).status == 200


def test_a_stream_that_was_closed_ignores_late_frames(c):
    assert c.get().status == 200
    c.raw(h.window(1, 100) + frame(h.RST_STREAM, 0, 1, b"\0\0\0\x08")
          + frame(h.PRIORITY, 0, 1, b"\0\0\0\0\1"))
    assert c.get().status == 200


def test_stream_ids_must_grow(c):
    assert c.get(sid=5).status == 200
    c.headers(3, h.GET, end=True)
    c.expect_goaway(h.PROTOCOL_ERROR, h.STREAM_CLOSED)


def test_ids_may_be_left_out(c):
    assert c.get(sid=101).status == 200
    assert c.get(sid=0x7fffffff).status == 200


def test_the_dynamic_table_is_kept_within_what_we_said(c):
    c.encoder.header_table_size = 0
    assert c.get().status == 200
    c.encoder.header_table_size = 4096
    for _ in range(3):
        assert c.get().status == 200


def test_our_encoder_obeys_a_small_table(strict):
    with Client(strict.port(), pairs=((h.HEADER_TABLE_SIZE, 0),)) as c:
        c.decoder.max_allowed_table_size = 4096
        for _ in range(3):
            assert c.get().status == 200
        assert not c.decoder.header_table.dynamic_entries


def test_goaway_from_the_client_lets_streams_end(c, shared_upstream):
    import threading
    go = threading.Event()
    shared_upstream.once_do(lambda up, r: (go.wait(10), up.send(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")))
    c.request()
    c.raw(frame(h.GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
    go.set()
    assert c.response(1).body == b"ok"
    c.until(lambda: c.eof, "the end")


def test_more_streams_than_allowed_are_not_served(nuncio, upstream):
    from lib import conf
    n = nuncio(conf.http_proxy(upstream, http2_protocol_options={"max_concurrent_streams": 2}))
    import threading
    go = threading.Event()
    upstream.handler = lambda up, r: (go.wait(10), up.send(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    with Client(n.port()) as c:
        c.until(lambda: c.acks, "SETTINGS")
        assert c.settings[h.MAX_CONCURRENT_STREAMS] == 2
        for sid in (1, 3, 5):           # a client that knows the limit and breaks it
            c.headers(sid, h.GET, end=True)
        c.expect_reset(5, h.REFUSED_STREAM, h.PROTOCOL_ERROR)
    with Client(n.port()) as c:
        c.auto_ack = False
        for sid in (1, 3, 5):           # one that cannot know it yet
            c.headers(sid, h.GET, end=True)
        c.until(lambda: c.stream(5).reset is not None, "a refusal")
        assert c.stream(5).reset == h.REFUSED_STREAM
        go.set()
        assert c.response(1).status == c.response(3).status == 200
        assert c.get(sid=7).status == 200
