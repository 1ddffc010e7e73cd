"""Clients: raw sockets, curl, wrk."""
import json
import re
import socket
import struct
import subprocess
import time

from lib import http1, proc
from lib.wait import DEADLINE


def request(method="GET", target="/", headers=(), body=None, host="test.local", chunked=False,
            version="1.1", trailers=()):
    """The bytes of a request."""
    if isinstance(body, str):
        body = body.encode()
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{n}: {v}" for n, v in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        if body:
            body = b"%x\r\n%s\r\n" % (len(body), body)
        body = (body or b"") + b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) \
            + b"\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class Client:
    """A raw connection. Everything received is read strictly; see http1.py."""

    def __init__(self, port, host="127.0.0.1", rcvbuf=None, path=None):
        self.sock = socket.socket(socket.AF_UNIX if path else
                                  socket.AF_INET6 if ":" in host else socket.AF_INET)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(path or (host, port))
        if not path:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = http1.Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    def send(self, data):
        self.sock.settimeout(DEADLINE)
        self.sock.sendall(data)

    def send_some(self, data):
        """Sends until the peer takes no more for a moment; the number of bytes it took."""
        self.sock.settimeout(0.3)
        sent, view = 0, memoryview(data)
        try:
            while sent < len(data):
                sent += self.sock.send(view[sent:sent + 65536])
        except socket.timeout:
            pass
        return sent

    def response(self, method="GET"):
        return http1.read_response(self.reader, method)

    def request(self, method="GET", target="/", headers=(), body=None, **kw):
        """Sends one request and reads its response."""
        self.send(request(method, target, headers, body, **kw))
        return self.response(method)

    def get(self, target="/", headers=(), **kw):
        return self.request("GET", target, headers, **kw)

    def exactly(self, n):
        return self.reader.exactly(n)

    def to_end(self):
        """Everything until the peer closes. A reset counts as an end."""
        try:
            return self.reader.to_end()
        except ConnectionResetError:
            return self.reader.take(len(self.reader.buf))

    def at_end(self):
        """True when the peer has closed and nothing is unread; waits for the close."""
        if self.reader.buf:
            return False
        try:
            return not self.reader.fill()
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def silent(self, seconds):
        """True when nothing, not even a close, comes within the given time."""
        try:
            return self.reader.fill(deadline=seconds) and False
        except socket.timeout:
            return True

    def shut_write(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def get(port, target="/", headers=(), method="GET", body=None, **kw):
    """One request on a connection of its own."""
    with Client(port) as c:
        return c.request(method, target, headers, body, **kw)


class CurlResult:
    def __init__(self, p):
        out, _, tail = p.stdout.rpartition(b"\n@@")
        self.rc, self.err = p.returncode, p.stderr.decode(errors="replace")
        self.body = out
        self.status = int(json.loads(tail)["http_code"]) if tail else 0
        self.info = json.loads(tail) if tail else {}


def curl(*args, deadline=None):
    """Runs curl -sS with the arguments; never through a proxy of the environment."""
    argv = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", str(DEADLINE * 3),
            "-w", "\n@@%{json}"] + [str(a) for a in args]
    return CurlResult(subprocess.run(argv, capture_output=True, timeout=deadline or DEADLINE * 6))


class Wrk:
    """wrk in the background; .result() waits for its end and reads its figures."""

    def __init__(self, url, connections=16, seconds=2, threads=1, headers=()):
        argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
        for h in headers:
            argv += ["-H", h]
        self.start = time.monotonic()
        self.p = subprocess.Popen(argv + [url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  preexec_fn=proc.die_with_parent)
        self.seconds = seconds

    def running(self):
        return self.p.poll() is None

    def result(self):
        out = self.p.communicate(timeout=self.seconds + DEADLINE)[0].decode()
        m = re.search(r"(\d+) requests in", out)
        assert m, out
        e = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        n = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        return {"requests": int(m.group(1)), "out": out,
                "bad_status": int(n.group(1)) if n else 0,
                "socket_errors": sum(map(int, e.groups())) if e else 0,
                "errors": dict(zip(("connect", "read", "write", "timeout"),
                                   map(int, e.groups()))) if e else {}}


def wrk(url, **kw):
    return Wrk(url, **kw).result()
