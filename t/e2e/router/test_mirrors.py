"""request_mirror_policies: another cluster gets the request too; its answer counts for nothing."""
import pytest

from lib import conf
from lib.client import request
from lib.conf import cluster, route, vhost
from lib.ports import unused_port

MIRROR = {"cluster": "mirror"}


@pytest.fixture
def pair(upstreams):
    return upstreams(), upstreams()


def proxy(nuncio, pair, *policies, vhost_kw=None, config_kw=None, cluster_kw=None, **kw):
    r = route("/", **({"request_mirror_policies": list(policies)} if policies else {}))
    return nuncio(conf.http_proxy(
        clusters=[cluster("up", pair[0]), cluster("mirror", pair[1], **(cluster_kw or {}))],
        vhosts=[vhost(routes=[r], **(vhost_kw or {}))], route_config=config_kw or {}, **kw))


@pytest.mark.parametrize("place", ["route", "vhost", "config"])
def test_the_mirror_gets_the_same_request(nuncio, pair, place):
    n = proxy(nuncio, pair, *([MIRROR] if place == "route" else []),
              vhost_kw={"request_mirror_policies": [MIRROR]} if place == "vhost" else None,
              config_kw={"request_mirror_policies": [MIRROR]} if place == "config" else None)
    body = b"x" * 70000
    pair[1].answer(500, [], b"who cares")
    r = n.get("/a?b", [("x-a", "1")], method="POST", body=body)
    assert (r.status, r.body) == (200, b"upstream\n")
    m = pair[1].wait_requests(1)
    n.wait_stat("cluster.mirror.upstream_rq_500", 1)
    assert (m.method, m.target, m.get("x-a"), m.body) == ("POST", "/a?b", "1", body)
    assert m.host == "test.local-shadow"
    assert m.get("x-request-id") == pair[0].last.get("x-request-id")
    assert n.stat("cluster.mirror.upstream_rq_total") == 1


def test_the_most_specific_policies_count(nuncio, pair, upstreams):
    n = proxy(nuncio, pair, {"cluster": "mirror", "host_rewrite_literal": "route"},
              vhost_kw={"request_mirror_policies": [MIRROR]},
              config_kw={"request_mirror_policies": [MIRROR]})
    n.get()
    assert pair[1].wait_requests(1).host == "route"
    n.wait_stat("cluster.mirror.upstream_rq_completed", 1)
    assert len(pair[1].requests) == 1


HOSTS = [({}, "test.local", "test.local-shadow"), ({}, "test.local:81", "test.local-shadow:81"),
         ({"disable_shadow_host_suffix_append": True}, "test.local", "test.local"),
         ({"host_rewrite_literal": "other"}, "test.local", "other")]


@pytest.mark.parametrize("more,host,want", HOSTS)
def test_the_host_tells_a_mirrored_request(nuncio, pair, more, host, want):
    n = proxy(nuncio, pair, {**MIRROR, **more})
    n.get("/", host=host)
    assert pair[1].wait_requests(1).host == want
    assert pair[0].last.host == host


def test_a_header_can_name_the_mirror(nuncio, pair):
    n = proxy(nuncio, pair, {"cluster_header": "x-mirror"})
    n.get("/1")
    n.get("/2", [("x-mirror", "nowhere")])
    n.get("/3", [("x-mirror", "mirror")])
    assert pair[1].wait_requests(1).target == "/3"


@pytest.mark.parametrize("percent,n_mirrored", [(0, 0), (100, 20)])
def test_a_part_of_the_requests_is_mirrored(nuncio, pair, percent, n_mirrored):
    n = proxy(nuncio, pair, {**MIRROR, "runtime_fraction": {"default_value": {
        "numerator": percent, "denominator": "HUNDRED"}}})
    with n.connect() as c:
        for _ in range(20):
            c.get()
    n.wait_stat("cluster.mirror.upstream_rq_completed", n_mirrored)


def test_headers_of_the_mirrored_request_are_changed(nuncio, pair):
    n = proxy(nuncio, pair, {**MIRROR, "request_headers_mutations": [
        {"append": {"header": {"key": "x-new", "value": "%REQ(x-a)%"}}}, {"remove": "x-a"}]})
    n.get("/", [("x-a", "1")])
    m = pair[1].wait_requests(1)
    assert (m.get("x-new"), m.get("x-a")) == ("1", None)
    assert (pair[0].last.get("x-new"), pair[0].last.get("x-a")) == (None, "1")


def test_trailers_are_mirrored(nuncio, pair):
    h1 = {"typed_extension_protocol_options": conf.http_options(http1={"enable_trailers": True})}
    n = proxy(nuncio, pair, MIRROR, cluster_kw=h1, http_protocol_options={"enable_trailers": True})
    with n.connect() as c:
        c.request("POST", "/", body=b"abc", chunked=True, trailers=[("x-t", "1")])
    m = pair[1].wait_requests(1)
    n.wait_stat("cluster.mirror.upstream_rq_completed", 1)
    assert (m.body, m.trailer("x-t")) == (b"abc", "1")


def test_a_mirror_that_refuses_harms_nobody(nuncio, upstream):
    n = nuncio(conf.http_proxy(clusters=[cluster("up", upstream),
                                         cluster("mirror", unused_port())],
                               routes=[route("/", request_mirror_policies=[MIRROR])]))
    assert n.get("/", method="POST", body=b"x" * 5000).status == 200
    n.wait_stat("cluster.mirror.upstream_rq_503", 1)


def test_a_mirror_that_stalls_is_given_up_in_time(nuncio, pair):
    r = route("/", timeout="0.3s", request_mirror_policies=[MIRROR])
    n = nuncio(conf.http_proxy(clusters=[cluster("up", pair[0]), cluster("mirror", pair[1])],
                               routes=[r]))
    pair[1].handler = lambda c, q: (q.read(), c.wait_peer_close())
    assert n.get().status == 200
    n.wait_stat("cluster.mirror.upstream_rq_timeout", 1)
    n.wait_stat("cluster.mirror.upstream_rq_active", 0)


def test_a_mirror_that_does_not_read_is_given_up(nuncio, pair):
    n = proxy(nuncio, pair, MIRROR,
              cluster_kw={"per_connection_buffer_limit_bytes": 100000})
    pair[1].handler = lambda c, q: c.wait(c.gone, 5)
    body = b"x" * 30000000
    assert n.get("/", method="POST", body=body).status == 200
    assert pair[0].last.body == body
    n.wait_stat("cluster.mirror.retry_or_shadow_abandoned", 1)


def test_an_unfinished_request_takes_its_mirror_along(nuncio, pair):
    n = proxy(nuncio, pair, MIRROR)
    c = n.connect()
    c.send(request("POST", "/", [("content-length", "100")]) + b"x")
    pair[1].wait_requests(1)
    c.reset()
    n.wait_stat("cluster.mirror.upstream_rq_active", 0)
    n.wait_stat("cluster.up.upstream_rq_active", 0)
