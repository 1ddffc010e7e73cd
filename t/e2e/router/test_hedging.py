"""hedge_policy: another try beside the one that is late; the first good answer counts."""
import threading

import pytest

from lib import conf
from lib.conf import route
from lib.upstream import response

POLICY = {"retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.2s",
          "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}}
HEDGE = {"hedge_on_per_try_timeout": True}


def late(go, status, body):
    def handler(c, r):
        r.read()
        c.wait(go)
        c.send(response(status, [], body))
    return handler


@pytest.mark.parametrize("how", ["route", "vhost", "header"])
def test_the_late_try_goes_on_beside_the_next(nuncio, upstream, how):
    v = conf.vhost(routes=[route("/", retry_policy=POLICY,
                                 **({"hedge_policy": HEDGE} if how == "route" else {}))],
                   **({"hedge_policy": HEDGE} if how == "vhost" else {}))
    n = nuncio(conf.http_proxy(upstream, vhosts=[v], internal_address_config={
        "cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}))
    go = threading.Event()
    upstream.once_do(late(go, 200, b"first"))
    upstream.once_do(lambda c, r: (r.read(), go.set(), c.wait_peer_close()))
    headers = [("x-forwarded-for", "10.0.0.1"), ("x-envoy-hedge-on-per-try-timeout", "true")] \
        if how == "header" else []
    r = n.get("/", headers, method="POST", body=b"body")
    assert (r.status, r.body) == (200, b"first")
    assert [q.body for q in upstream.requests[:2]] == [b"body", b"body"]
    assert n.stat("cluster.up.upstream_rq_per_try_timeout") == 0
    assert n.stat("cluster.up.upstream_rq_retry") == 1
    assert "x-envoy-hedge-on-per-try-timeout" not in upstream.last.names()


def test_the_second_try_may_win(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", retry_policy=POLICY,
                                                       hedge_policy=HEDGE)]))
    upstream.once_do(lambda c, r: (r.read(), c.wait_peer_close()))
    upstream.once(200, [], b"second")
    assert n.get().body == b"second"
    upstream.wait_connections(2)
    n.wait_stat("cluster.up.upstream_rq_active", 0)
    assert n.stat("cluster.up.upstream_rq_tx_reset") == 1


def test_a_bad_answer_waits_for_a_better_one(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", hedge_policy=HEDGE, retry_policy={
        **POLICY, "num_retries": 1})]))
    go = threading.Event()
    upstream.once_do(late(go, 200, b"good"))

    def bad(c, r):
        r.read()
        c.send(response(503, [], b"bad"))
        go.set()
    upstream.once_do(bad)
    r = n.get()
    assert (r.status, r.body) == (200, b"good")


def test_when_all_tries_are_late_the_route_ends_them(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route(
        "/", timeout="1s", hedge_policy=HEDGE, retry_policy=POLICY)]))
    upstream.handler = lambda c, r: (r.read(), c.wait_peer_close())
    assert n.get().status == 504
    assert len(upstream.requests) == 3
    assert n.stat("cluster.up.upstream_rq_timeout") == 3
    assert n.stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1
    assert n.access_log()[0]["details"] == "upstream_response_timeout"
