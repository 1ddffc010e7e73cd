"""Time limits of routes and requests, and the x-envoy-* headers around them."""
import time

import pytest

from lib import conf
from lib.client import request
from lib.conf import ROUTER, cluster, route, vhost
from lib.ports import unused_port
from lib.upstream import head

EXPECTED = "x-envoy-expected-rq-timeout-ms"
INTERNAL = ("x-forwarded-for", "10.0.0.1")   # whose x-envoy-* headers are believed
TRUST = {"internal_address_config": {
    "cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}}
GRPC = ("content-type", "application/grpc")


def router(**kw):
    return {"name": ROUTER["name"], "typed_config": {**ROUTER["typed_config"], **kw}}


def proxy(nuncio, upstream, router_kw=None, hcm_kw=None, **action):
    c = conf.http_proxy(upstream, routes=[route("/", **action)], **TRUST, **(hcm_kw or {}))
    if router_kw:
        hcm = c["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
        hcm["typed_config"]["http_filters"] = [router(**router_kw)]
    return nuncio(c)


def stall(upstream):
    upstream.handler = lambda c, r: (r.read(), c.wait_peer_close())


POLICY = {"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "2s"}

TOLD = [
    (dict(timeout="7s"), {}, [], "7000"),
    (dict(timeout="0s"), {}, [], None),
    (dict(), {}, [], "15000"),
    (dict(timeout="7s", retry_policy=POLICY), {}, [], "2000"),
    (dict(timeout="1s", retry_policy=POLICY), {}, [], "1000"),
    (dict(timeout="7s", retry_policy=POLICY, hedge_policy={"hedge_on_per_try_timeout": True}), {},
     [], "7000"),
    (dict(timeout="7s"), {}, [("x-envoy-upstream-rq-timeout-ms", "3000")], "3000"),
    (dict(timeout="7s"), {}, [("x-envoy-upstream-rq-per-try-timeout-ms", "2500")], "2500"),
    (dict(timeout="7s"), {}, [("x-envoy-upstream-rq-per-try-timeout-ms", "9000")], "7000"),
    (dict(timeout="7s"), {}, [("x-envoy-upstream-rq-timeout-ms", "abc")], "7000"),
    (dict(timeout="7s"), dict(suppress_envoy_headers=True), [], None),
    (dict(timeout="7s"), {}, [(EXPECTED, "1234")], "7000"),
    (dict(timeout="7s"), dict(respect_expected_rq_timeout=True), [(EXPECTED, "1234")], "1234"),
    (dict(timeout="7s"), dict(respect_expected_rq_timeout=True),
     [("x-envoy-upstream-rq-timeout-ms", "3000")], "3000"),
    (dict(timeout="7s", max_grpc_timeout="5s"), {}, [GRPC, ("grpc-timeout", "3S")], "3000"),
    (dict(timeout="7s", max_grpc_timeout="5s"), {}, [GRPC, ("grpc-timeout", "9S")], "5000"),
    (dict(timeout="7s", max_grpc_timeout="5s"), {}, [GRPC], "5000"),
    (dict(timeout="7s", max_grpc_timeout="0s"), {}, [GRPC, ("grpc-timeout", "9S")], "9000"),
    (dict(timeout="7s", max_grpc_timeout="5s", grpc_timeout_offset="0.5s"), {},
     [GRPC, ("grpc-timeout", "3S")], "2500"),
    (dict(timeout="7s", max_grpc_timeout="5s"), {}, [("grpc-timeout", "3S")], "7000"),
    (dict(timeout="7s", max_stream_duration={"max_stream_duration": "9s"}), {}, [], None),
]


@pytest.mark.parametrize("action,router_kw,headers,want", TOLD,
                         ids=[str(i) for i in range(len(TOLD))])
def test_the_upstream_is_told_the_time_it_has(nuncio, upstream, action, router_kw, headers, want):
    n = proxy(nuncio, upstream, router_kw, **action)
    n.get("/", [INTERNAL] + headers)
    assert upstream.last.get(EXPECTED) == want
    assert "x-envoy-upstream-rq-timeout-ms" not in upstream.last.names()
    assert "x-envoy-upstream-rq-per-try-timeout-ms" not in upstream.last.names()
    if "max_grpc_timeout" in action and GRPC in headers:
        assert upstream.last.get("grpc-timeout") == want + "m"


ENDS = [
    (dict(timeout="0.2s"), [], 504, "UT", "upstream_response_timeout"),
    (dict(timeout="9s"), [("x-envoy-upstream-rq-timeout-ms", "200")], 504, "UT",
     "upstream_response_timeout"),
    (dict(timeout="9s"), [("x-envoy-upstream-rq-per-try-timeout-ms", "200")], 504, "UT",
     "upstream_per_try_timeout"),
    (dict(timeout="0.2s"), [("x-envoy-upstream-rq-timeout-alt-response", "1")], 204, "UT",
     "upstream_response_timeout"),
    (dict(idle_timeout="0.2s"), [], 504, "SI", "stream_idle_timeout"),
    (dict(max_stream_duration={"max_stream_duration": "0.2s"}), [], 504, "DT",
     "max_duration_timeout"),
    (dict(max_stream_duration={"grpc_timeout_header_max": "0s"}), [("grpc-timeout", "200m")], 504,
     "DT", "max_duration_timeout"),
    (dict(max_stream_duration={"grpc_timeout_header_max": "0.2s"}), [("grpc-timeout", "100S")],
     504, "DT", "max_duration_timeout"),
    (dict(max_stream_duration={"grpc_timeout_header_max": "0s",
                               "grpc_timeout_header_offset": "99.8s"}),
     [("grpc-timeout", "100S")], 504, "DT", "max_duration_timeout"),
]


@pytest.mark.parametrize("action,headers,status,flags,details", ENDS,
                         ids=[f"{i}-{e[4]}" for i, e in enumerate(ENDS)])
def test_a_late_upstream_is_not_waited_for(nuncio, upstream, action, headers, status, flags,
                                           details):
    n = proxy(nuncio, upstream, **action)
    stall(upstream)
    start = time.monotonic()
    r = n.get("/", [INTERNAL] + headers)
    assert time.monotonic() - start < 3
    assert r.status == status
    assert r.body == (b"" if status == 204 else r.body)
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == (flags, details)


def test_the_routes_stream_duration_comes_before_the_connections(nuncio, upstream):
    n = proxy(nuncio, upstream, max_stream_duration={"max_stream_duration": "0s"},
              timeout="0.5s", hcm_kw={"common_http_protocol_options":
                                      {"max_stream_duration": "0.1s"}})

    def late(c, r):
        time.sleep(0.4)
    upstream.handler = lambda c, r: (late(c, r), c.send(head(200, [("content-length", "0")])))
    assert n.get().status == 200


def test_a_route_can_wait_longer_than_the_connection_manager(nuncio, upstream):
    n = proxy(nuncio, upstream, idle_timeout="0s", hcm_kw={"stream_idle_timeout": "0.1s"})
    upstream.handler = lambda c, r: (r.read(), time.sleep(0.5),
                                     c.send(head(200, [("content-length", "0")])))
    assert n.get().status == 200


def test_a_late_response_that_has_begun_is_broken_off(nuncio, upstream):
    n = proxy(nuncio, upstream, timeout="0.3s")
    upstream.handler = lambda c, r: (c.send(head(200, [("content-length", "9")]) + b"x"),
                                     c.wait_peer_close())
    with n.connect() as c:
        c.send(request())
        assert c.to_end().endswith(b"x")
    assert n.stat("cluster.up.upstream_rq_timeout") == 1
    assert n.stat("http.ingress.rq_reset_after_downstream_response_started") == 1


def test_service_time_is_told_unless_suppressed(nuncio, upstream):
    n = proxy(nuncio, upstream)
    assert int(n.get().get("x-envoy-upstream-service-time")) < 5000
    n = proxy(nuncio, upstream, dict(suppress_envoy_headers=True))
    assert n.get().get("x-envoy-upstream-service-time") is None


@pytest.mark.parametrize("suppress", [False, True])
def test_an_open_breaker_says_overloaded(nuncio, upstream, suppress):
    c = conf.http_proxy(upstream, cluster_kw={"circuit_breakers": {
        "thresholds": [{"max_requests": 0, "max_pending_requests": 0}]}})
    hcm = c["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    hcm["typed_config"]["http_filters"] = [router(suppress_envoy_headers=suppress)]
    n = nuncio(c)
    r = n.get()
    assert (r.status, r.get("x-envoy-overloaded")) == (503, None if suppress else "true")
    assert n.access_log()[0]["flags"] == "UO"


def test_routes_of_high_priority_have_their_own_breakers(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/high", priority="HIGH"), route("/")],
                               cluster_kw={"circuit_breakers": {"thresholds": [
                                   {"max_pending_requests": 0},
                                   {"priority": "HIGH", "max_pending_requests": 5}]}}))
    assert n.get("/").status == 503
    assert n.get("/high").status == 200


STRICT = [("x-envoy-upstream-rq-timeout-ms", "abc"), ("x-envoy-max-retries", "-1"),
          ("x-envoy-upstream-rq-per-try-timeout-ms", "1.5"), ("x-envoy-retry-on", "5xx,maybe"),
          ("x-envoy-retry-grpc-on", "5xx")]


@pytest.mark.parametrize("name,value", STRICT, ids=[s[0] for s in STRICT])
def test_wrong_headers_are_refused_when_checked(nuncio, upstream, name, value):
    n = proxy(nuncio, upstream, dict(strict_check_headers=[name]))
    r = n.get("/", [INTERNAL, (name, value)])
    assert (r.status, r.body.decode()) == (400, f"invalid header '{name}' with value '{value}'")
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("IH", f"request_headers_failed_strict_check{{{name}}}")
    assert n.get("/", [INTERNAL] + [(other, v) for other, v in STRICT if other != name]).status == 200


def test_codes_of_grpc_requests_need_not_be_counted(nuncio, upstream):
    n = proxy(nuncio, upstream, dict(suppress_grpc_request_failure_code_stats=True))
    upstream.answer(503)
    n.get("/", [GRPC])
    assert n.stat("cluster.up.upstream_rq_503") == 0
    n.get("/")
    assert n.stat("cluster.up.upstream_rq_503") == 1


def test_codes_are_not_counted_without_dynamic_stats(nuncio, upstream):
    n = proxy(nuncio, upstream, dict(dynamic_stats=False))
    n.get()
    assert n.stat("cluster.up.upstream_rq_200") == 0
    assert n.stat("cluster.up.upstream_rq_completed") == 1
