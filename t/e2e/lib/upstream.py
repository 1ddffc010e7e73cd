"""A recording HTTP/1 server that does on request what real servers do by accident.

    up = Upstream()
    up.answer(200, [("x-a", "b")], b"body")            the answer to every request from now on
    up.once(404)                                       the answer to the next one only
    up.raw(b"HTTP/1.1 200 OK\\r\\n...", then="close")  exactly these bytes, then close or keep
    up.handler = lambda c, r: ...                      full control: c is a Conn, r a Request

A handler is called when the head of a request is there. r.read() reads the body (the default does
so after the handler, when the connection is still open). Every request is kept in .requests with
the raw bytes; every violation of HTTP/1 the peer commits is kept in .errors and fails the test.
"""
import socket
import struct
import threading

from lib import http1
from lib.wait import DEADLINE, wait_until


def head(status, headers, reason="OK"):
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data, ext=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), ext, data)


def last_chunk(trailers=()):
    return b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) + b"\r\n"


def response(status=200, headers=(), body=b"", chunked=False, trailers=(), chunk_size=8192):
    """The bytes of a whole response."""
    headers = list(headers)
    if isinstance(body, str):
        body = body.encode()
    if not chunked:
        if not any(n.lower() == "content-length" for n, _ in headers) and status not in (204, 304) \
                and status >= 200:
            headers.append(("content-length", len(body)))
        return head(status, headers) + body
    headers.append(("transfer-encoding", "chunked"))
    data = b"".join(chunk(body[i:i + chunk_size]) for i in range(0, len(body), chunk_size))
    return head(status, headers) + data + last_chunk(trailers)


class Conn:
    """One accepted connection, in its own thread."""

    def __init__(self, server, sock, number):
        self.server, self.sock, self.number = server, sock, number
        self.reader = http1.Reader(sock)
        self.open = True
        self.gone = threading.Event()          # the peer's end was seen, or we closed

    def send(self, data):
        """False when the peer is gone."""
        try:
            self.sock.settimeout(600)
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def close(self):
        if self.open:
            self.open = False
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.sock.close()
            self.gone.set()

    def shut_write(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST instead of FIN."""
        if self.open:
            self.open = False
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
            self.gone.set()

    def wait(self, event, deadline=None):
        """Waits for a threading.Event of the test."""
        return event.wait(DEADLINE if deadline is None else deadline)

    def wait_peer_close(self):
        """True when the peer closes within the deadline; what it sent before is thrown away."""
        try:
            while self.reader.fill():
                self.reader.take(len(self.reader.buf))
            return True
        except socket.timeout:
            return False
        except OSError:
            return True


class Upstream:
    def __init__(self, host="127.0.0.1", backlog=1024, port=0, path=None):
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(path)
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((host, port))
        self.host, self.path = host, path
        self.port = 0 if path else self.sock.getsockname()[1]
        self.requests, self.errors, self.conns = [], [], []
        self.connections = 0                   # accepted so far
        self.strict = True
        self.handler = None
        self._default = response(200, [("content-type", "text/plain")], b"upstream\n")
        self._once = []
        self._lock = threading.Lock()
        self._stopping = False
        self.sock.listen(backlog)
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()

    # ---- what to answer

    def answer(self, status=200, headers=(), body=b"", **kw):
        self.handler = None
        self._default = response(status, headers, body, **kw)

    def once(self, status=200, headers=(), body=b"", **kw):
        data = response(status, headers, body, **kw)
        with self._lock:
            self._once.append(lambda c, r: (r.read(), c.send(data)))

    def once_do(self, handler):
        with self._lock:
            self._once.append(handler)

    def raw(self, data, then="close"):
        """Answers every request with these bytes, then "close", "reset", "shut" or "keep"."""
        def handler(c, r):
            r.read()
            c.send(data)
            {"close": c.close, "reset": c.reset, "shut": c.shut_write, "keep": lambda: None}[then]()
        self.handler = handler

    # ---- what was seen

    @property
    def last(self):
        return self.requests[-1]

    @property
    def open(self):
        """Connections open now, as far as this side knows."""
        return [c for c in self.conns if c.open]

    def wait_requests(self, n, deadline=None):
        wait_until(lambda: len(self.requests) >= n,
                   lambda: f"{n} requests at the upstream, {len(self.requests)} came", deadline)
        return self.requests[n - 1]

    def wait_connections(self, n, deadline=None):
        wait_until(lambda: self.connections >= n, f"{n} connections at the upstream", deadline)

    def wait_all_closed(self, deadline=None):
        wait_until(lambda: not self.open, "all upstream connections closed", deadline)

    # ---- the server

    def _accept(self):
        while not self._stopping:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            if s.family != socket.AF_UNIX:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                c = Conn(self, s, self.connections)
                self.conns.append(c)
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        try:
            while c.open:
                r = http1.read_request_head(c.reader)
                if r is None:
                    break
                self._one(c, r)
                c.reader.raw.clear()
        except http1.Closed:
            pass
        except http1.ProtocolError as e:
            if self.strict and not self._stopping:
                self.errors.append(str(e))
        except OSError:
            pass
        finally:
            c.close()

    def _one(self, c, r):
        r.connection = c.number
        done = [False]

        def read(on_data=None):
            if not done[0]:
                done[0] = True
                http1.read_request_body(c.reader, r, on_data)
            return r.body

        r.read = read
        with self._lock:
            self.requests.append(r)
            handler = self._once.pop(0) if self._once else self.handler
        if handler:
            handler(c, r)
            if c.open:
                read()
        else:
            read()
            c.send(self._default)

    def refuse(self):
        """From now on nobody listens here; open connections stay."""
        self._stopping = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def stop(self):
        self.refuse()
        for c in list(self.conns):
            c.close()
        self._accepter.join(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.stop()
