"""A strict HTTP/1 reader: whatever RFC 9112 does not allow is an error, not a guess.

Used by both the recording upstream (requests) and the raw client (responses), so that a proxy that
sends anything questionable in either direction fails the test that sees it.
"""
import re
import socket
import time

from lib.wait import DEADLINE

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})\Z")


class ProtocolError(AssertionError):
    """The peer sent something that is not HTTP/1."""


class Closed(Exception):
    """The peer closed where more was expected. args[0] is what had come."""


class Reader:
    """Reads from a socket with a deadline, and keeps every byte it consumed in .raw."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = b""
        self.raw = bytearray()
        self.eof = False

    def fill(self, deadline=None):
        """One more read; False at the end."""
        if self.eof:
            return False
        self.sock.settimeout(DEADLINE if deadline is None else max(deadline, 0.001))
        data = self.sock.recv(65536)
        if not data:
            self.eof = True
            return False
        self.buf += data
        return True

    def take(self, n):
        out, self.buf = self.buf[:n], self.buf[n:]
        self.raw += out
        return out

    def exactly(self, n):
        parts, have = [], 0
        while True:
            got = self.take(n - have)
            parts.append(got)
            have += len(got)
            if have == n:
                return b"".join(parts)
            if not self.fill():
                raise Closed(b"".join(parts))

    def line(self, limit=1 << 20):
        """A line without its CRLF. A bare LF or CR is an error."""
        while b"\n" not in self.buf:
            if len(self.buf) > limit:
                raise ProtocolError("line too long")
            if not self.fill():
                raise Closed(self.take(len(self.buf)))
        line = self.take(self.buf.index(b"\n") + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise ProtocolError(f"line not ended by CRLF alone: {line[-80:]!r}")
        return line[:-2]

    def to_end(self):
        parts = []
        while True:
            parts.append(self.take(len(self.buf)))
            if not self.fill():
                return b"".join(parts)


def parse_fields(reader):
    """Header or trailer fields up to the empty line, as a list of (name, value)."""
    out = []
    while True:
        line = reader.line()
        if not line:
            return out
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise ProtocolError(f"not a field line: {line[:200]!r}")
        value = value.strip(b" \t")
        if not VALUE.match(value):
            raise ProtocolError(f"bytes not allowed in a field value: {line[:200]!r}")
        out.append((name.decode("ascii"), value.decode("latin-1")))


class Message:
    """What requests and responses share."""

    headers = ()
    body = b""
    trailers = ()
    chunks = None               # sizes of the chunks, None when not chunked
    raw = b""

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        v = self.all(name)
        if not v:
            return default
        if len(v) > 1:
            raise AssertionError(f"{name} occurs {len(v)} times: {v}")
        return v[0]

    def names(self):
        return [n.lower() for n, _ in self.headers]

    def trailer(self, name, default=None):
        v = [v for n, v in self.trailers if n.lower() == name.lower()]
        return v[0] if v else default

    def _length(self):
        """("none"|"length"|"chunked", n) by the header fields."""
        te, cl = self.all("transfer-encoding"), self.all("content-length")
        if te and cl:
            raise ProtocolError("both Transfer-Encoding and Content-Length")
        if te:
            if [x.lower() for x in te] != ["chunked"]:
                raise ProtocolError(f"Transfer-Encoding {te}")
            return "chunked", 0
        if cl:
            if len(cl) != 1 or not re.match(r"[0-9]{1,19}\Z", cl[0]):
                raise ProtocolError(f"Content-Length {cl}")
            return "length", int(cl[0])
        return "none", 0


def read_chunked(reader, msg, on_data=None):
    """The chunked coding: fills body, chunks and trailers."""
    parts, msg.chunks = [], []
    while True:
        line = reader.line()
        m = CHUNK_SIZE.match(line)
        if not m:
            raise ProtocolError(f"chunk size {line[:80]!r}")
        n = int(m.group(1), 16)
        msg.chunks.append(n)
        if n == 0:
            break
        data = reader.exactly(n)
        parts.append(data)
        if on_data:
            on_data(data)
        if reader.line() != b"":
            raise ProtocolError("chunk longer than its size")
    msg.trailers = parse_fields(reader)
    msg.body = b"".join(parts)


class Response(Message):
    status = 0
    reason = ""
    version = 0                 # minor
    informational = ()          # the 1xx responses before it
    until_close = False         # the body was ended by the close

    def __repr__(self):
        return f"<{self.status} {self.reason!r} {self.headers} {self.body[:200]!r}>"


def read_response_head(reader):
    r = Response()
    line = reader.line()
    m = STATUS_LINE.match(line)
    if not m:
        raise ProtocolError(f"not a status line: {line[:200]!r}")
    r.version, r.status, r.reason = int(m.group(1)), int(m.group(2)), m.group(3).decode("latin-1")
    r.headers = parse_fields(reader)
    return r


def read_response(reader, method="GET"):
    """One response with the 1xx before it. Closed is raised when the peer closed before its end."""
    start, seen = len(reader.raw), []
    while True:
        r = read_response_head(reader)
        if r.status >= 200 or r.status == 101:
            break
        if r._length()[0] != "none":
            raise ProtocolError(f"{r.status} with a body length")
        seen.append(r)
    r.informational = seen
    kind, n = r._length()
    if r.status in (101, 204) and kind != "none":
        raise ProtocolError(f"{r.status} with {kind}")
    if method == "HEAD" or r.status in (101, 204, 304):
        pass
    elif method == "CONNECT" and 200 <= r.status < 300:
        pass
    elif kind == "chunked":
        read_chunked(reader, r)
    elif kind == "length":
        r.body = reader.exactly(n)
    else:
        r.until_close = True
        r.body = reader.to_end()
    r.raw = bytes(reader.raw[start:])
    return r


class Request(Message):
    method = ""
    target = ""
    version = 1
    connection = 0              # number of the connection it came on, from 1
    whole = False               # the body arrived to its end

    def __repr__(self):
        return f"<{self.method} {self.target} {self.headers} {self.body[:200]!r}>"

    @property
    def host(self):
        return self.get("host")


def read_request_head(reader):
    """The head of a request, or None when the peer closed before its first byte."""
    start, r = len(reader.raw), Request()
    if not reader.buf and not reader.fill(deadline=600):
        return None
    line = reader.line()
    m = REQUEST_LINE.match(line)
    if not m:
        raise ProtocolError(f"not a request line: {line[:200]!r}")
    r.method, r.target, r.version = m.group(1).decode(), m.group(2).decode(), int(m.group(3))
    r.headers = parse_fields(reader)
    if r.version == 1 and len(r.all("host")) != 1:
        raise ProtocolError(f"Host occurs {len(r.all('host'))} times")
    r._length()
    r.raw = bytes(reader.raw[start:])
    return r


def read_request_body(reader, r, on_data=None):
    start = len(reader.raw)
    kind, n = r._length()
    try:
        if kind == "chunked":
            read_chunked(reader, r, on_data)
        elif kind == "length":
            parts = []
            while n:
                parts.append(reader.exactly(min(n, 65536)))
                n -= len(parts[-1])
                if on_data:
                    on_data(parts[-1])
            r.body = b"".join(parts)
        r.whole = True
    finally:
        r.raw += bytes(reader.raw[start:])


def timed_out(exc):
    return isinstance(exc, (socket.timeout, TimeoutError))


def until(end):
    return max(0.001, end - time.monotonic())
