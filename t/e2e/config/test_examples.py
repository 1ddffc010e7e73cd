"""What each file of conf/examples promises, seen from both sides. The upstreams of an example are
at 3001, 3002 and so on; here they are recording servers at ports of their own."""
import json
import os
import subprocess

import pytest
import yaml

from lib import conf, proxy
from lib.client import curl, request
from lib.wait import wait_until

UPSTREAMS = (3001, 3002, 3003)


@pytest.fixture
def example(nuncio, upstreams):
    """example(name) starts it; returns the proxy and its upstreams, by their order."""
    def factory(name):
        with open(f"{proxy.ROOT}/conf/examples/{name}.yaml") as f:
            data = yaml.safe_load(f)
        ups = {}

        def walk(x):
            if isinstance(x, dict):
                port = x.get("port_value")
                if port in UPSTREAMS:
                    if port not in ups:
                        ups[port] = upstreams()
                        ups[port].answer(200, [("x-from", str(port))], str(port).encode())
                    x["port_value"] = ups[port].port
                for v in x.values():
                    walk(v)
            elif isinstance(x, list):
                for v in x:
                    walk(v)

        walk(data)
        for lst in data["static_resources"]["listeners"]:
            lst["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        data["admin"] = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
        n = nuncio(None, start=False)
        os.symlink(f"{proxy.ROOT}/html", f"{n.dir}/html")
        text = json.dumps(data).replace("/tmp/nuncio-access.json", f"{n.dir}/access.json")
        n.change(json.loads(text))
        n.argv += ["-c", n.path]
        return n.start(), [ups[p] for p in sorted(ups)]
    return factory


def body(n, path, *args):
    r = curl(*args, n.url(path))
    assert r.rc == 0, r.err
    return r.status, r.body.decode()


def headers(n, path, *args):
    out = subprocess.run(["curl", "-q", "-sS", "-i", "--noproxy", "*", *args, n.url(path)],
                         capture_output=True, text=True, timeout=30, check=True).stdout
    lines = out.replace("\r", "").split("\n\n")[0].split("\n")
    return int(lines[0].split()[1]), dict(x.lower().split(": ", 1) for x in lines[1:] if ": " in x)


def test_reverse_proxy_gives_each_server_its_share(example):
    n, (a, b) = example("reverse-proxy")
    for _ in range(16):
        assert n.get().status == 200
    assert len(a.requests) + len(b.requests) == 16 and 11 <= len(b.requests) <= 13


def test_reverse_proxy_goes_to_the_other_server_when_one_is_away(example):
    n, (a, b) = example("reverse-proxy")
    b.stop()
    assert [n.get().status for _ in range(8)] == [200] * 8
    assert len(a.requests) == 8


def test_virtual_hosts_are_told_apart_by_the_most_exact_domain(example):
    n, _ = example("virtual-hosts")
    for host, want in (("shop.example.com", (200, "3001")),
                       ("www.shop.example.com:80", (200, "3001")),
                       ("a.example.com", (200, "3002")), ("example.org", (404, "no such site\n"))):
        assert body(n, "/", "-H", f"Host: {host}") == want


def test_path_routing_rewrites_and_chooses(example):
    n, (api, main, copy) = example("path-routing")
    assert body(n, "/api/users") == (200, "3001")
    assert (api.last.target, api.last.get("host")) == ("/users", "api.internal")
    assert body(n, "/item/42") == (200, "3001") and api.last.target == "/items?id=42"
    assert body(n, "/x", "-d", "a=b") == (200, "3002")
    assert body(n, "/x?fresh=1") == (200, "3002")
    assert body(n, "/x") == (200, "3003")


def test_redirects_lead_to_https_except_for_what_authorities_ask(example):
    n, _ = example("redirects")
    status, h = headers(n, "/a?b=c", "-H", "Host: example.com:8080")
    assert (status, h["location"]) == (308, "https://example.com/a?b=c")
    status, h = headers(n, "/old", "-H", "Host: example.com")
    assert (status, h["location"]) == (302, "http://example.com/new")
    assert body(n, "/.well-known/acme-challenge/x") == (200, "3001")


def test_static_answers_come_from_texts_and_files(example):
    n, _ = example("static-answers")
    status, h = headers(n, "/")
    assert status == 200 and h["content-type"] == "text/html; charset=utf-8"
    assert "</html>" in body(n, "/")[1].lower()
    assert body(n, "/robots.txt") == (200, "User-agent: *\nDisallow: /private/\n")
    assert body(n, "/private/x")[0] == 403
    status, text = body(n, "/elsewhere")
    assert status == 404 and "</html>" in text.lower()


def test_static_answers_read_a_changed_file_anew_at_a_reload(example):
    n, _ = example("static-answers")
    os.unlink(f"{n.dir}/html")
    os.mkdir(f"{n.dir}/html")
    for name in ("index.html", "404.html"):
        with open(f"{n.dir}/html/{name}", "w") as f:
            f.write(f"new {name}\n")
    n.must_reload()
    assert body(n, "/") == (200, "new index.html\n")
    assert body(n, "/elsewhere") == (404, "new 404.html\n")
    r = n.reload()
    assert "1 unchanged" in r.stdout + r.stderr


def test_retries_hide_a_server_that_fails(example):
    n, (a, b) = example("retries")
    a.answer(503)
    assert [body(n, "/") for _ in range(4)] == [(200, "3002")] * 4
    assert len(a.requests) >= 1


def test_retries_end_with_the_last_answer(example):
    n, (a, b) = example("retries")
    a.answer(503)
    b.answer(503)
    assert body(n, "/")[0] == 503
    assert len(a.requests) + len(b.requests) == 3


def test_canary_is_taken_by_share_and_by_header(example):
    n, (old, new) = example("canary")
    for _ in range(400):
        assert n.get().status == 200
    assert 4 <= len(new.requests) <= 60
    before = len(new.requests)
    assert body(n, "/", "-H", "x-canary: yes") == (200, "3002")
    assert len(new.requests) == before + 1


def test_headers_come_and_go(example):
    n, (up,) = example("headers")
    up.answer(200, [("x-powered-by", "cobol")], b"")
    status, h = headers(n, "/static/a", "-H", "x-debug: 1", "-H", "x-forwarded-for: 6.6.6.6")
    assert status == 200 and "x-powered-by" not in h and h["server"] == "example"
    assert h["cache-control"] == "public, max-age=86400"
    assert h["strict-transport-security"] == "max-age=31536000"
    assert up.last.get("x-client") == "127.0.0.1" and up.last.get("x-debug") is None
    assert "cache-control" not in headers(n, "/other")[1]


def test_access_log_is_one_json_object_a_line(example):
    n, (up,) = example("access-log")
    assert body(n, "/a?b", "-H", "Host: example.com")[0] == 200
    path = f"{n.dir}/access.json"
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path), "the line")
    with open(path) as f:
        line = json.loads(f.readline())
    assert (line["method"], line["path"], line["host"]) == ("GET", "/a?b", "example.com")
    assert line["status"] == 200 and line["upstream"] == f"127.0.0.1:{up.port}"
    assert isinstance(line["duration_ms"], int)


def test_websocket_passes_on_its_path_alone(example):
    n, (site, chat) = example("websocket")

    def echo(c, r):
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
               b"Upgrade: websocket\r\n\r\n")
        while c.reader.fill(600):
            c.send(c.reader.take(len(c.reader.buf)))
        c.close()

    chat.handler = echo
    with n.connect() as c:
        c.send(request(target="/chat/1", headers=[("Connection", "Upgrade"),
                                                  ("Upgrade", "websocket")]))
        assert c.response().status == 101
        c.send(b"\x81\x02hi")
        assert c.exactly(4) == b"\x81\x02hi"
    assert body(n, "/") == (200, "3001")


def test_dns_upstream_finds_the_server_by_its_name(example):
    n, (up,) = example("dns-upstream")
    assert body(n, "/", "-H", "Host: example.com") == (200, "3001")
    assert up.last.get("host") == "localhost"


def test_buffer_refuses_what_is_too_large_and_lets_routes_differ(example):
    n, (up,) = example("buffer")
    big = f"{n.dir}/big"
    with open(big, "wb") as f:
        f.write(b"x" * 100000)
    assert body(n, "/", "--data-binary", f"@{big}")[0] == 413
    assert len(up.requests) == 0
    assert body(n, "/upload", "--data-binary", f"@{big}")[0] == 200
    assert body(n, "/stream", "--data-binary", f"@{big}")[0] == 200
    assert up.last.read() == b"x" * 100000


def test_edge_refuses_strange_names_and_too_many_headers(example):
    n, (up,) = example("edge")
    assert body(n, "/", "-H", "x_y: 1")[0] == 400
    many = [x for i in range(70) for x in ("-H", f"x-{i}: 1")]
    assert body(n, "/", *many)[0] == 431
    assert body(n, "/a/../b//c", "--path-as-is", "-H", "x-forwarded-for: 6.6.6.6")[0] == 200
    assert up.last.target == "/b/c"


def test_http2_is_spoken_on_both_sides(nuncio):
    """The upstream is a second proxy that answers by itself: it speaks what it is spoken to in."""
    up = nuncio(conf.bootstrap([conf.listener(conf.hcm([conf.direct("/", body="two")]))]))
    with open(f"{proxy.ROOT}/conf/examples/http2.yaml") as f:
        text = f.read().replace("3001", str(up.port())).replace("10000", "{port}")
    n = nuncio(text.replace("0.0.0.0", "127.0.0.1"))
    assert body(n, "/") == (200, "two")
    r = curl("--http2-prior-knowledge", n.url("/"))
    assert (r.rc, r.body, r.info["http_version"]) == (0, b"two", "2")
    assert [x["protocol"] for x in up.access_log(2)] == ["HTTP/2", "HTTP/2"]
