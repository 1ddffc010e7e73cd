"""HTTP/2 frame by frame, for both ends. Nothing is corrected: what a test says goes on the wire.

    c = Client(port)                        preface and SETTINGS are sent, theirs are acknowledged
    c.headers(1, GET, end=True)             header lists are (name, value) pairs
    s = c.response(1)                       s.status, s.headers, s.body, s.trailers, s.reset, s.info
    c.raw(frame(TYPE, flags, stream, payload))
    c.expect_goaway(code), c.expect_reset(1, code), c.still_works()

    up = Server(handler)                    handler(conn, stream) when a request is whole
"""
import queue
import socket
import struct
import threading
import time

from hpack import Decoder, Encoder

from lib.wait import DEADLINE, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIO = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + \
        struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def window(stream, n):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def request(method="GET", path="/", headers=(), scheme="http", authority="test.local"):
    return [(":method", method), (":scheme", scheme), (":path", path),
            (":authority", authority)] + list(headers)


GET = request()


def literal(name, value):
    """A field without indexing, byte for byte, so that nobody's encoder corrects it."""
    def text(s):
        s = s.encode("latin-1") if isinstance(s, str) else s
        assert len(s) < 127
        return bytes((len(s),)) + s
    return b"\0" + text(name) + text(value)


def block(fields):
    return b"".join(literal(n, v) for n, v in fields)


class Stream:
    def __init__(self, sid):
        self.id = sid
        self.headers = self.trailers = None
        self.info = []                      # 1xx heads
        self.body = b""
        self.frames = []                    # lengths of DATA
        self.ended = False
        self.reset = None

    @property
    def status(self):
        return int(self.get(":status"))

    def get(self, name, where=None):
        return dict(where if where is not None else self.headers).get(name)


class End:
    """What both ends share: reading frames, HPACK, windows."""

    def begin(self, sock):
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.encoder, self.decoder = Encoder(), Decoder()
        self.streams, self.settings, self.acks, self.pongs = {}, {}, 0, []
        self.goaways, self.windows, self.frames = [], [], []
        self.auto_ack = self.auto_window = True
        self.eof = False
        self.lock = threading.RLock()

    def raw(self, data):
        try:
            self.sock.settimeout(DEADLINE)
            with self.lock:
                self.sock.sendall(data)
            return True
        except OSError:
            return False

    def headers(self, sid, fields, end=False, flags=0):
        with self.lock:                     # blocks go out in the order in which they are made
            self.raw(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0) | flags, sid,
                           self.encoder.encode(fields)))

    def block(self, sid, fields, end=True):
        """Fields byte for byte."""
        self.raw(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), sid, block(fields)))

    def data(self, sid, data=b"", end=False):
        self.raw(frame(DATA, END_STREAM if end else 0, sid, data))

    def reset(self, sid, code=CANCEL):
        self.raw(frame(RST_STREAM, 0, sid, struct.pack(">I", code)))

    def ping(self, data=b"12345678"):
        self.raw(frame(PING, 0, 0, data))

    def stream(self, sid):
        return self.streams.setdefault(sid, Stream(sid))

    def _read(self, n, deadline):
        while len(self.buf) < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout()
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                self.eof = True
                return None
            self.buf += got
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def next_frame(self, deadline=None):
        """(kind, flags, stream, payload), or None at the end of the connection."""
        deadline = deadline or time.monotonic() + DEADLINE
        head = self._read(9, deadline)
        if head is None:
            return None
        n = int.from_bytes(head[:3], "big")
        kind, flags, sid = head[3], head[4], int.from_bytes(head[5:], "big") & 0x7fffffff
        payload = self._read(n, deadline)
        if payload is None:
            return None
        self.frames.append((kind, flags, sid, n))
        self._take(kind, flags, sid, payload)
        return kind, flags, sid, payload

    def _take(self, kind, flags, sid, payload):
        if kind == SETTINGS:
            if flags & ACK:
                self.acks += 1
                return
            for i in range(0, len(payload), 6):
                k, v = struct.unpack(">HI", payload[i:i + 6])
                self.settings[k] = v
            if self.auto_ack:
                self.raw(frame(SETTINGS, ACK))
        elif kind == PING:
            if flags & ACK:
                self.pongs.append(payload)
            elif self.auto_ack:
                self.raw(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        elif kind == WINDOW_UPDATE:
            self.windows.append((sid, struct.unpack(">I", payload)[0]))
        elif kind == RST_STREAM:
            self.stream(sid).reset = struct.unpack(">I", payload)[0]
            self.on_reset(self.stream(sid))
        elif kind == HEADERS:
            s = self.stream(sid)
            assert flags & END_HEADERS, "CONTINUATION is not expected here"
            fields = [(n, v) for n, v in self.decoder.decode(payload)]
            if s.headers is None and dict(fields).get(":status", "2")[0] == "1":
                s.info.append(fields)
                return
            if s.headers is None:
                s.headers = fields
            else:
                s.trailers = fields
            s.ended = bool(flags & END_STREAM)
            self.on_headers(s)
        elif kind == DATA:
            s = self.stream(sid)
            s.body += payload
            s.frames.append(len(payload))
            s.ended = bool(flags & END_STREAM)
            if self.auto_window and payload:
                self.raw(window(0, len(payload)) + (b"" if s.ended else window(sid, len(payload))))
            self.on_data(s)

    def on_headers(self, s):
        pass

    def on_data(self, s):
        pass

    def on_reset(self, s):
        pass

    def until(self, cond, what="what was expected", deadline=None):
        end = time.monotonic() + (DEADLINE if deadline is None else deadline)
        while not cond():
            try:
                if self.next_frame(end) is None:
                    assert cond(), f"{what}: the connection ended; {self.seen()}"
                    return
            except socket.timeout:
                raise AssertionError(f"{what}: not within the deadline; {self.seen()}") from None

    def quiet(self, cond, what, seconds=0.3):
        """cond stays false for a while, whatever comes."""
        end = time.monotonic() + seconds
        try:
            while self.next_frame(end) is not None:
                assert not cond(), what
        except socket.timeout:
            pass
        assert not cond(), what

    def seen(self):
        return f"frames {self.frames[-12:]}, goaway {self.goaways}"

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()


class Client(End):
    def __init__(self, port, pairs=((ENABLE_PUSH, 0),), preface=True, rcvbuf=None):
        sock = socket.socket()
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", port))
        self.begin(sock)
        self.next_id = 1
        if preface:
            self.raw(PREFACE + settings(*pairs))

    def response(self, sid, deadline=None):
        """The stream when it has ended or was reset."""
        s = self.stream(sid)
        self.until(lambda: s.ended or s.reset is not None, f"a response on {sid}", deadline)
        return s

    def request(self, fields=None, body=None, trailers=None, sid=None):
        """A whole request; returns its stream's id."""
        sid = sid or self.next_id
        self.next_id = sid + 2
        self.headers(sid, fields or GET, end=body is None and trailers is None)
        if body is not None:
            if len(body) > 60000:               # before SETTINGS come, windows are small
                self.until(lambda: self.acks and self.settings and self.windows, "windows")
            for i in range(0, max(len(body), 1), 16384):
                last = i + 16384 >= len(body)
                self.data(sid, body[i:i + 16384], end=last and trailers is None)
        if trailers is not None:
            self.headers(sid, trailers, end=True)
        return sid

    def get(self, fields=None, **kw):
        return self.response(self.request(fields, **kw))

    def expect_goaway(self, *codes):
        """A connection error: GOAWAY with one of these codes, then the end."""
        self.until(lambda: self.eof, "the end of the connection")
        assert self.goaways, f"no GOAWAY; {self.seen()}"
        assert self.goaways[-1][1] in codes, f"GOAWAY {self.goaways}, expected {codes}"

    def expect_reset(self, sid, *codes):
        """A stream error; a connection error with the same code is as strict."""
        s = self.stream(sid)
        self.until(lambda: s.reset is not None or self.eof, f"a reset of {sid}")
        got = s.reset if s.reset is not None else self.goaways[-1][1] if self.goaways else None
        assert got in codes, f"reset {got}, expected {codes}; {self.seen()}"

    def still_works(self):
        s = self.get(sid=max(list(self.streams) + [self.next_id - 2]) + 2 | 1)
        assert s.reset is None and s.status == 200, self.seen()


class Server:
    """Accepts HTTP/2 by prior knowledge; a thread per connection. Requests are in .requests."""

    def __init__(self, handler=None, pairs=(), on_head=None):
        self.handler, self.pairs, self.on_head = handler or answer, pairs, on_head
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        self.requests, self.conns, self.errors = [], [], []
        self.resets = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            c = ServerConn(self, s)
            self.conns.append(c)
            threading.Thread(target=c.run, daemon=True).start()

    def wait_requests(self, n):
        wait_until(lambda: len(self.requests) >= n, lambda: f"{n} requests, {len(self.requests)}")
        return self.requests[n - 1]

    def stop(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        for c in self.conns:
            try:
                c.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.stop()


class ServerConn(End):
    def __init__(self, server, sock):
        self.server = server
        self.begin(sock)

    def run(self):
        try:
            start = self._read(len(PREFACE), time.monotonic() + DEADLINE)
            if start is None:
                return
            assert start == PREFACE, start
            self.raw(settings(*self.server.pairs) + window(0, 1 << 24))
            while self.next_frame(time.monotonic() + 600) is not None:
                pass
        except AssertionError as e:
            self.server.errors.append(str(e))
        except (OSError, socket.timeout):
            pass
        finally:
            self.close()

    def _whole(self, s):
        if s.ended and not getattr(s, "handled", False):
            s.handled = True
            self.server.handler(self, s)

    def on_headers(self, s):
        if s.trailers is None:
            self.server.requests.append(s)
            if self.server.on_head:
                self.server.on_head(self, s)
        self._whole(s)

    def on_data(self, s):
        hook = getattr(self.server, "on_body", None)
        if hook:
            hook(self, s)
        self._whole(s)

    def on_reset(self, s):
        self.server.resets.put((s.id, s.reset))


def answer(conn, s):
    """200 and what was sent."""
    conn.headers(s.id, [(":status", "200"), ("x-method", s.get(":method"))])
    body = s.body or b"upstream\n"
    for i in range(0, len(body), 16384):
        conn.data(s.id, body[i:i + 16384], end=i + 16384 >= len(body))
