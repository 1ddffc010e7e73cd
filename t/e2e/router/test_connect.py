"""CONNECT that ends here, tunnels, and how their time and bytes are counted."""
import threading

import pytest

from lib import conf
from lib.client import request
from lib.conf import cluster, route
from lib.lib_tcp import TcpServer

TERMINATE = {"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]}


@pytest.fixture
def echo():
    with TcpServer() as s:
        yield s


def proxy(nuncio, server, action=None, match=None, **kw):
    return nuncio(conf.http_proxy(server, routes=[
        route(match=match or {"connect_matcher": {}}, **(action or TERMINATE))], **kw))


CONNECT = b"CONNECT far.local:443 HTTP/1.1\r\nHost: far.local:443\r\n\r\n"


def test_connect_ends_here_and_its_bytes_go_on_as_they_are(nuncio, echo):
    n = proxy(nuncio, echo)
    with n.connect() as c:
        c.send(CONNECT)
        r = c.response("CONNECT")
        assert (r.status, r.get("transfer-encoding"), r.get("content-length")) == (200, None, None)
        c.send(b"hello")
        assert c.exactly(5) == b"hello"
        c.send(b"x" * 100000)
        assert c.exactly(100000) == b"x" * 100000
        c.shut_write()
        assert c.to_end() == b""
    assert echo.received == b"hello" + b"x" * 100000
    log = n.access_log()[0]
    assert (log["method"], log["code"], log["received"], log["sent"]) == \
        ("CONNECT", "200", "100005", "100005")
    assert n.stat("http.ingress.downstream_cx_upgrades_total") == 1
    n.wait_stat("http.ingress.downstream_cx_upgrades_active", 0)
    n.wait_stat("cluster.up.upstream_cx_active", 0)


def test_the_upstream_may_end_the_tunnel(nuncio, echo):
    echo.greeting, echo.echo = b"bye", False
    n = proxy(nuncio, echo)
    with n.connect() as c:
        c.send(CONNECT)
        assert c.response("CONNECT").status == 200
        assert c.to_end() == b"bye"


def test_connect_to_a_host_that_refuses_gives_503(nuncio, echo):
    echo.refuse()
    n = proxy(nuncio, echo)
    with n.connect() as c:
        c.send(CONNECT)
        assert c.response().status == 503
    assert n.access_log()[0]["flags"] == "UF"


def test_post_can_end_here_too(nuncio, echo):
    n = proxy(nuncio, echo, {"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {
        "allow_post": True}}]}, {"prefix": "/"})
    with n.connect() as c:
        c.send(request("POST", "/", body=b"abc"))
        r = c.response()
    assert (r.status, r.body, echo.received) == (200, b"abc", b"abc")


def test_a_tunnel_without_bytes_ends_in_time(nuncio, echo):
    n = proxy(nuncio, echo, {**TERMINATE, "idle_timeout": "0.3s"})
    with n.connect() as c:
        c.send(CONNECT)
        assert c.response("CONNECT").status == 200
        for _ in range(4):
            threading.Event().wait(0.15)
            c.send(b"x")
            assert c.exactly(1) == b"x"
        assert c.to_end() == b""
    assert n.access_log()[0]["flags"] == "SI"


def test_connect_config_is_for_connect_only(nuncio, binary, tmp_path):
    import yaml
    f = tmp_path / "x.yaml"
    f.write_text(yaml.safe_dump(conf.http_proxy(1, routes=[route("/", upgrade_configs=[
        {"upgrade_type": "websocket", "connect_config": {}}])])))
    r = binary("-t", "-c", f)
    assert r.returncode != 0 and "connect_config" in r.stderr + r.stdout
