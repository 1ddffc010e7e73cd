"""Any protocol in front of any other: 1-1, 1-2, 2-1, 2-2. The same exchange looks the same."""
import threading

import pytest

from lib import conf, http2 as h
from lib.client import request
from lib.http2 import Client, Server
from lib.upstream import Upstream, head, last_chunk, chunk
from lib.wait import wait_until

BODY = bytes(range(256)) * 1000
PAIRS = ["1-1", "1-2", "2-1", "2-2"]
WS1 = [("Connection", "Upgrade"), ("Upgrade", "websocket"),
       ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]


class Reply:
    def __init__(self, status, headers, body=b"", trailers=(), info=()):
        self.status, self.headers, self.body = status, headers, body
        self.trailers, self.info = list(trailers or ()), list(info)

    def get(self, name):
        return dict((n.lower(), v) for n, v in self.headers).get(name)


class Pair:
    """A proxy between a client and an upstream of the given protocols."""

    def __init__(self, pair, nuncio):
        self.down, self.up = pair[0], pair[2]
        self.seen = []                          # (method, path, body, trailers)
        self.script = self.echo
        self.conns = []
        if self.up == "1":
            self.server = Upstream()
            self.server.handler = self._h1
        else:
            self.server = Server(self._h2, pairs=((8, 1),), on_head=self._h2_head)
        options = {"enable_trailers": True}
        kw = conf.http_options(http1=options) if self.up == "1" else conf.http_options(
            explicit_http_config={"http2_protocol_options": {"allow_connect": True}})
        self.n = nuncio(conf.http_proxy(
            self.server, cluster_kw={"typed_extension_protocol_options": kw},
            http_protocol_options=options, http2_protocol_options={"allow_connect": True},
            upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
            routes=[{"match": {"connect_matcher": {}}, "route": {
                "cluster": "up", "upgrade_configs": [{"upgrade_type": "CONNECT"}]}},
                conf.route("/")]))

    def close(self):
        self.server.stop()

    # ---- the upstream's side: script(method, path, body, trailers) -> Reply

    def echo(self, method, path, body, trailers):
        return Reply(200, [("x-method", method)], body or b"hello", trailers)

    def _h1(self, c, r):
        if r.get("upgrade"):
            c.send(head(101, [("connection", "upgrade"), ("upgrade", "websocket")], "Switching"))
            while c.reader.fill(600):
                c.send(c.reader.take(len(c.reader.buf)))
            return c.close()
        r.read()
        self.seen.append((r.method, r.target, r.body, list(r.trailers or ())))
        a = self.script(*self.seen[-1])
        if a is None:
            return c.reset()
        for i in a.info:
            c.send(head(i, [("link", "</x>")], "Hints"))
        if r.method == "HEAD" or a.status in (204, 304):
            c.send(head(a.status, a.headers))
        elif a.trailers:
            c.send(head(a.status, a.headers + [("transfer-encoding", "chunked")])
                   + chunk(a.body) + last_chunk(a.trailers))
        else:
            c.send(head(a.status, a.headers + [("content-length", len(a.body))]) + a.body)

    def _h2_head(self, conn, s):
        if s.get(":protocol"):
            assert s.get(":method") == "CONNECT"
            conn.headers(s.id, [(":status", "200")])
            s.tunnel = True
            self.server.on_body = lambda conn, s: (conn.data(s.id, s.body, s.ended),
                                                   setattr(s, "body", b""))

    def _h2(self, conn, s):
        if getattr(s, "tunnel", False):
            return
        self.seen.append((s.get(":method"), s.get(":path"), s.body, s.trailers or []))
        a = self.script(*self.seen[-1])
        if a is None:
            return conn.reset(s.id, h.INTERNAL_ERROR)
        for i in a.info:
            conn.headers(s.id, [(":status", str(i)), ("link", "</x>")])
        bare = s.get(":method") == "HEAD" or a.status in (204, 304)
        conn.headers(s.id, [(":status", str(a.status))] + [(n.lower(), v) for n, v in a.headers],
                     end=bare)
        if bare:
            return
        for i in range(0, len(a.body), 16384):
            conn.data(s.id, a.body[i:i + 16384], end=not a.trailers and i + 16384 >= len(a.body))
        if a.trailers:
            conn.headers(s.id, a.trailers, end=True)

    # ---- the client's side

    def ask(self, method="GET", path="/", body=None, trailers=None, headers=()):
        if self.down == "1":
            with self.n.connect() as c:
                c.send(request(method, path, headers, body, chunked=body is not None,
                               trailers=trailers or ()))
                r = c.response(method=method)
                return Reply(r.status, r.headers, r.body, r.trailers,
                             [i.status for i in r.informational])
        with Client(self.n.port()) as c:
            s = c.get(h.request(method, path, list(headers)), body=body, trailers=trailers)
            assert s.reset is None, f"reset {s.reset}"
            return Reply(s.status, s.headers, s.body, s.trailers,
                         [int(dict(i)[":status"]) for i in s.info])


@pytest.fixture(params=PAIRS)
def pair(request, nuncio):
    p = Pair(request.param, nuncio)
    yield p
    p.close()


def test_a_request_and_its_response(pair):
    r = pair.ask("GET", "/a?b=c")
    assert (r.status, r.body, r.get("x-method")) == (200, b"hello", "GET")
    assert pair.seen == [("GET", "/a?b=c", b"", [])]
    assert pair.n.access_log()[0]["protocol"] == {"1": "HTTP/1.1", "2": "HTTP/2"}[pair.down]


def test_bodies_both_ways(pair):
    r = pair.ask("POST", "/", BODY)
    assert (r.status, r.body) == (200, BODY)


def test_trailers_both_ways(pair):
    r = pair.ask("POST", "/", b"body", trailers=[("x-sum", "1")])
    assert [(n.lower(), v) for n, v in pair.seen[0][3]] == [("x-sum", "1")]
    assert (r.body, [(n.lower(), v) for n, v in r.trailers]) == (b"body", [("x-sum", "1")])


def test_informational_responses(pair):
    pair.script = lambda *a: Reply(200, [], b"x", info=[103])
    r = pair.ask()
    assert (r.status, r.info, r.body) == (200, [103], b"x")


@pytest.mark.parametrize("method,status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_responses_without_a_body(pair, method, status):
    pair.script = lambda *a: Reply(status, [("etag", '"x"')])
    r = pair.ask(method)
    assert (r.status, r.body, r.get("etag")) == (status, b"", '"x"')


def test_an_upstream_that_gives_up_is_a_503(pair):
    pair.script = lambda *a: None
    r = pair.ask()
    assert r.status == 503
    assert pair.n.access_log()[0]["flags"] == {"1": "UC", "2": "UR"}[pair.up]


def test_a_websocket(pair):
    data = bytes(range(256)) * 100
    if pair.down == "1":
        with pair.n.connect() as c:
            c.send(request("GET", "/ws", WS1))
            r = c.response()
            assert (r.status, r.get("upgrade")) == (101, "websocket")
            c.send(data)
            assert c.exactly(len(data)) == data
    else:
        with Client(pair.n.port()) as c:
            c.until(lambda: c.settings, "SETTINGS")
            assert c.settings[h.ENABLE_CONNECT_PROTOCOL] == 1
            c.headers(1, [(":method", "CONNECT"), (":protocol", "websocket"),
                          (":scheme", "http"), (":path", "/ws"), (":authority", "test.local"),
                          ("sec-websocket-version", "13")])
            c.until(lambda: c.stream(1).headers, "an answer")
            assert c.stream(1).status == 200
            for i in range(0, len(data), 10000):
                c.data(1, data[i:i + 10000])
            c.until(lambda: len(c.stream(1).body) == len(data), "the echo")
            assert c.stream(1).body == data
            c.data(1, b"", end=True)
    pair.n.wait_stat("http.ingress.downstream_cx_upgrades_active", 0)


def test_a_client_that_leaves_ends_the_upstreams_request(pair):
    go, begun = threading.Event(), threading.Event()

    def script(*a):
        begun.set()
        go.wait(10)
        return Reply(200, [], b"late")
    pair.script = script
    if pair.down == "1":
        c = pair.n.connect()
        c.send(request())
    else:
        c = Client(pair.n.port())
        c.request()
    assert begun.wait(10)
    c.close()
    pair.n.wait_stat("cluster.up.upstream_rq_active", 0)
    pair.n.wait_stat("http.ingress.downstream_rq_active", 0)
    go.set()


def test_many_at_once_over_http2_upstreams_share_a_connection(to_h2):
    n, up = to_h2()
    with Client(n.port()) as c:
        ids = [c.request() for _ in range(50)]
        for i in ids:
            assert c.response(i).status == 200
    assert len(up.conns) == 1
    assert n.stat("cluster.up.upstream_cx_http2_total") == 1
    wait_until(lambda: n.stat("cluster.up.http2.streams_active") == 0, "streams to be over")
