"""retry_policy and the headers that stand for it: when, how often, where, and what is counted."""
import socket
import threading
import time

import pytest

from lib import conf
from lib.client import request
from lib.conf import T, cluster, route, vhost
from lib.ports import unused_port
from lib.upstream import head, response

INTERNAL = ("x-forwarded-for", "10.0.0.1")   # whose x-envoy-* headers are believed
TRUST = {"internal_address_config": {
    "cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}}
FAST = {"base_interval": "0.001s", "max_interval": "0.002s"}


def retry(on, n=1, **kw):
    return {"retry_on": on, "num_retries": n, "retry_back_off": FAST, **kw}


def proxy(nuncio, upstream, policy=None, route_kw=None, **kw):
    action = dict(route_kw or {})
    if policy:
        action["retry_policy"] = policy
    return nuncio(conf.http_proxy(upstream, routes=[route("/", **action)], **TRUST, **kw))


def reset_it(c, r):
    r.read()
    c.reset()


def close_it(c, r):
    r.read()
    c.close()


def answers(status, *headers):
    return lambda c, r: (r.read(), c.send(response(status, list(headers), b"first")))


# What the first try meets, the condition, and whether there is a second try.
CONDITIONS = [
    ("5xx", answers(500), True), ("5xx", answers(503), True), ("5xx", answers(404), False),
    ("5xx", reset_it, True), ("5xx", close_it, True),
    ("gateway-error", answers(502), True), ("gateway-error", answers(503), True),
    ("gateway-error", answers(504), True), ("gateway-error", answers(500), False),
    ("gateway-error", reset_it, True),
    ("reset", reset_it, True), ("reset", close_it, True), ("reset", answers(503), False),
    ("reset-before-request", reset_it, False),
    ("connect-failure", reset_it, False), ("connect-failure", answers(503), False),
    ("refused-stream", reset_it, False),
    ("retriable-4xx", answers(409), True), ("retriable-4xx", answers(404), False),
    ("envoy-ratelimited", answers(429, ("x-envoy-ratelimited", "true")), True),
    ("5xx", answers(503, ("x-envoy-ratelimited", "true")), False),
    ("cancelled", answers(200, ("grpc-status", "1")), True),
    ("deadline-exceeded", answers(200, ("grpc-status", "4")), True),
    ("resource-exhausted", answers(200, ("grpc-status", "8")), True),
    ("internal", answers(200, ("grpc-status", "13")), True),
    ("unavailable", answers(200, ("grpc-status", "14")), True),
    ("unavailable", answers(200, ("grpc-status", "13")), False),
    ("unavailable", answers(200, ("grpc-status", "0")), False),
    ("http3-post-connect-failure", reset_it, False),
]


@pytest.mark.parametrize("by_header", [False, True], ids=["policy", "header"])
@pytest.mark.parametrize("on,first,again", CONDITIONS,
                         ids=[f"{i}-{c[0]}-{c[2]}" for i, c in enumerate(CONDITIONS)])
def test_a_condition_asks_for_another_try(nuncio, upstream, on, first, again, by_header):
    grpc = on in ("cancelled", "deadline-exceeded", "resource-exhausted", "internal",
                  "unavailable")
    n = proxy(nuncio, upstream, None if by_header else retry(on))
    upstream.once_do(first)
    headers = [INTERNAL, ("x-envoy-retry-grpc-on" if grpc else "x-envoy-retry-on", on)] \
        if by_header else []
    r = n.get("/", headers)
    assert len(upstream.requests) == (2 if again else 1)
    if again:
        assert (r.status, r.body) == (200, b"upstream\n")
    assert not any(x.startswith("x-envoy-ret") for x in upstream.last.names())
    s = n.stats("cluster.up.upstream_rq_retry")
    assert s["cluster.up.upstream_rq_retry"] == int(again)
    assert s["cluster.up.upstream_rq_retry_success"] == int(again)
    assert s["cluster.up.upstream_rq_retry_backoff_exponential"] == int(again)


def test_grpc_words_count_in_their_header_only(nuncio, upstream):
    n = proxy(nuncio, upstream)
    upstream.answer(200, [("grpc-status", "14")])
    n.get("/", [INTERNAL, ("x-envoy-retry-on", "unavailable")])
    upstream.answer(503)
    n.get("/", [INTERNAL, ("x-envoy-retry-grpc-on", "5xx")])
    assert len(upstream.requests) == 2


def test_a_refused_connection_is_tried_elsewhere(nuncio, upstream):
    for on in ("connect-failure", "reset-before-request", "reset", "5xx"):
        n = nuncio(conf.http_proxy(clusters=[cluster("up", unused_port(), upstream)],
                                   routes=[route("/", retry_policy=retry(on, 3))]))
        for _ in range(4):
            assert n.get().status == 200, on


def test_the_last_try_is_answered_with_what_it_met(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", 3))
    upstream.answer(503, [], b"no")
    r = n.get()
    assert (r.status, r.body, len(upstream.requests)) == (503, b"no", 4)
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("URX", "via_upstream")
    assert n.stat("cluster.up.upstream_rq_retry") == 3
    assert n.stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1
    assert n.stat("cluster.up.retry.upstream_rq_503") == 3
    assert n.stat("cluster.up.upstream_rq_503") == 1


def test_num_retries_is_one_unless_given(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[
        route("/", retry_policy={"retry_on": "5xx", "retry_back_off": FAST})]))
    upstream.answer(503)
    n.get()
    assert len(upstream.requests) == 2


def test_x_envoy_max_retries_comes_before_the_policy(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", 1))
    upstream.answer(503)
    for value, want in (("3", 4), ("0", 1), ("x", 2)):
        before = len(upstream.requests)
        n.get("/", [INTERNAL, ("x-envoy-max-retries", value)])
        assert len(upstream.requests) - before == want
        assert "x-envoy-max-retries" not in upstream.last.names()


def test_listed_codes_are_retried(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("retriable-status-codes", retriable_status_codes=[418, 429]))
    for status, want in ((418, 2), (429, 2), (503, 1)):
        before = len(upstream.requests)
        upstream.once(status)
        n.get()
        assert len(upstream.requests) - before == want


def test_codes_can_be_listed_in_a_header(nuncio, upstream):
    n = proxy(nuncio, upstream)
    upstream.once(418)
    r = n.get("/", [INTERNAL, ("x-envoy-retry-on", "retriable-status-codes"),
                    ("x-envoy-retriable-status-codes", "400, 418")])
    assert (r.status, len(upstream.requests)) == (200, 2)
    assert "x-envoy-retriable-status-codes" not in upstream.last.names()


def test_listed_response_headers_are_retried(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("retriable-headers", retriable_headers=[
        {"name": "x-again"}, {"name": "x-n", "range_match": {"start": 5, "end": 9}}]))
    for headers, want in (([("x-again", "1")], 2), ([("x-n", "6")], 2), ([("x-n", "9")], 1)):
        before = len(upstream.requests)
        upstream.once(200, headers)
        n.get()
        assert len(upstream.requests) - before == want


def test_response_headers_can_be_listed_in_a_header(nuncio, upstream):
    n = proxy(nuncio, upstream)
    upstream.once(200, [("X-Again", "1")])
    n.get("/", [INTERNAL, ("x-envoy-retry-on", "retriable-headers"),
                ("x-envoy-retriable-header-names", "X-Other, X-Again")])
    assert len(upstream.requests) == 2


def test_only_listed_requests_are_retried(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", retriable_request_headers=[
        {"name": ":method", "string_match": {"exact": "GET"}}, {"name": "x-safe"}]))
    upstream.answer(503)
    for method, headers, want in (("GET", [], 2), ("DELETE", [], 1),
                                  ("DELETE", [("x-safe", "1")], 2)):
        before = len(upstream.requests)
        n.get("/", headers, method=method)
        assert len(upstream.requests) - before == want


def test_the_policy_of_the_virtual_host_holds_for_routes_without(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost(retry_policy=retry("5xx", 2), routes=[
        route("/own", retry_policy=retry("reset")), route("/")])]))
    upstream.answer(503)
    n.get("/")
    assert len(upstream.requests) == 3
    n.get("/own")
    assert len(upstream.requests) == 4


# ---- the body

def test_the_whole_body_is_sent_again(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx"))
    body = bytes(range(256)) * 400
    upstream.once(503)
    assert n.get("/", method="POST", body=body).status == 200
    assert [r.body for r in upstream.requests] == [body, body]


def test_a_chunked_body_with_trailers_is_sent_again(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("reset"),
              cluster_kw={"typed_extension_protocol_options": conf.http_options(
                  http1={"enable_trailers": True})},
              http_protocol_options={"enable_trailers": True})
    upstream.once_do(reset_it)
    with n.connect() as c:
        r = c.request("POST", "/", body=b"abc", chunked=True, trailers=[("x-t", "1")])
    assert (r.status, len(upstream.requests)) == (200, 2)
    assert [(q.body, q.trailer("x-t")) for q in upstream.requests] == [(b"abc", "1")] * 2


def test_a_body_above_the_limit_is_not_kept(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx"),
              listener_kw={"per_connection_buffer_limit_bytes": 20000})
    upstream.once(503)
    assert n.get("/", method="POST", body=b"x" * 200000).status == 503
    assert len(upstream.requests) == 1
    assert n.stat("cluster.up.retry_or_shadow_abandoned") == 1


LIMITS = [
    ({"per_request_buffer_limit_bytes": 1000}, {}, 2000, 1),
    ({"per_request_buffer_limit_bytes": 1000}, {}, 900, 2),
    ({"per_request_buffer_limit_bytes": 1000000}, {}, 50000, 1),        # the connection's holds
    ({"request_body_buffer_limit": 1000000}, {}, 50000, 2),             # instead of it
    ({}, {"per_request_buffer_limit_bytes": 1000}, 2000, 1),
    ({}, {"request_body_buffer_limit": 1000000}, 50000, 2),
    ({"request_body_buffer_limit": 1000}, {"request_body_buffer_limit": 1000000}, 50000, 2),
]


@pytest.mark.parametrize("of_vhost,of_route,size,tries", LIMITS)
def test_what_is_kept_of_a_body_has_a_limit(nuncio, upstream, of_vhost, of_route, size, tries):
    r = {**route("/", retry_policy=retry("5xx")), **of_route}
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost(routes=[r], **of_vhost)],
                               listener_kw={"per_connection_buffer_limit_bytes": 30000}))
    upstream.once(503)
    n.get("/", method="POST", body=b"x" * size)
    assert len(upstream.requests) == tries


def test_a_body_that_outgrows_the_limit_while_a_retry_waits_ends_it(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", retry_policy={
        "retry_on": "5xx", "retry_back_off": {"base_interval": "60s", "max_interval": "60s"}})],
        listener_kw={"per_connection_buffer_limit_bytes": 10000}))
    upstream.once_do(lambda c, r: (c.send(response(503)), c.wait_peer_close()))
    with n.connect() as c:
        c.send(request("POST", "/", [("content-length", "1000000")]) + b"x")
        n.wait_stat("cluster.up.upstream_rq_retry", 1)
        c.send_some(b"x" * 900000)
        assert c.response().status == 507
    assert n.access_log()[0]["details"] == "request_payload_exceeded_retry_buffer_limit"


def test_nothing_is_sent_again_when_the_response_has_begun(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx,reset", 3))
    upstream.raw(head(200, [("content-length", "100")]) + b"half", then="reset")
    with n.connect() as c:
        c.send(request("POST", "/", body=b"once"))
        assert b"half" in c.to_end()
    assert [r.body for r in upstream.requests] == [b"once"]
    log = n.access_log()[0]
    assert (log["code"], log["flags"]) == ("200", "UC")
    assert log["details"].startswith("upstream_reset_after_response_started{")


# ---- time

def test_a_try_that_is_too_late_is_made_again(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", per_try_timeout="0.2s"))
    upstream.once_do(lambda c, r: (r.read(), c.wait_peer_close()))
    assert n.get().status == 200
    assert n.stat("cluster.up.upstream_rq_per_try_timeout") == 1
    assert len(upstream.requests) == 2


def test_the_last_late_try_gives_504(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("connect-failure", per_try_timeout="0.1s"))
    upstream.handler = lambda c, r: (r.read(), c.wait_peer_close())
    r = n.get()
    assert (r.status, r.body) == (504, b"upstream request timeout")
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("UT", "upstream_per_try_timeout")


def test_a_silent_try_is_made_again(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", per_try_idle_timeout="0.2s"))
    upstream.once_do(lambda c, r: (r.read(), c.wait_peer_close()))
    assert n.get().status == 200
    assert n.stat("cluster.up.upstream_rq_per_try_idle_timeout") == 1


def test_a_response_that_falls_silent_is_broken_off(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", per_try_idle_timeout="0.2s"))
    upstream.handler = lambda c, r: (r.read(), c.send(head(200, [("content-length", "9")]) + b"x"),
                                     c.wait_peer_close())
    with n.connect() as c:
        c.send(request())
        c.to_end()
    assert n.access_log()[0]["details"] == "upstream_per_try_idle_timeout"


def test_bytes_keep_a_try_from_being_silent(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", per_try_idle_timeout="0.4s"))

    def slowly(c, r):
        c.send(head(200, [("content-length", "6")]))
        for _ in range(6):
            threading.Event().wait(0.15)
            c.send(b"x")
    upstream.handler = slowly
    assert n.get().body == b"xxxxxx"


def test_the_wait_is_what_the_policy_says(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", timeout="0.5s", retry_policy={
        "retry_on": "5xx", "num_retries": 50,
        "retry_back_off": {"base_interval": "30s", "max_interval": "60s"}})]))
    upstream.answer(503)
    assert n.get().status == 504
    assert len(upstream.requests) <= 2


@pytest.mark.parametrize("header,fmt,value", [
    ("retry-after", "SECONDS", lambda: "1"),
    ("retry-after", "SECONDS", lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                                     time.gmtime(time.time() + 2))),
    ("x-ratelimit-reset", "UNIX_TIMESTAMP", lambda: str(int(time.time()) + 2))],
    ids=["seconds", "date", "unix"])
def test_the_upstream_can_say_when_to_come_again(nuncio, upstream, header, fmt, value):
    n = proxy(nuncio, upstream, retry("5xx", rate_limited_retry_back_off={
        "reset_headers": [{"name": header, "format": fmt}]}))
    upstream.once(503, [(header, value())])
    start = time.monotonic()
    assert n.get().status == 200
    assert 0.9 <= time.monotonic() - start < 4
    assert n.stat("cluster.up.upstream_rq_retry_backoff_ratelimited") == 1
    assert n.stat("cluster.up.upstream_rq_retry_backoff_exponential") == 0


def test_a_wait_beyond_the_maximum_is_not_obeyed(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx", rate_limited_retry_back_off={
        "reset_headers": [{"name": "retry-after"}], "max_interval": "5s"}))
    upstream.once(503, [("retry-after", "6")])
    assert n.get().status == 200
    assert n.stat("cluster.up.upstream_rq_retry_backoff_exponential") == 1


# ---- where

def weighted_hosts(a, b):
    c = cluster("up", a, b)
    hosts = c["load_assignment"]["endpoints"][0]["lb_endpoints"]
    hosts[0]["load_balancing_weight"], hosts[1]["load_balancing_weight"] = 100, 1
    return c


@pytest.mark.parametrize("attempts,other", [(5000, True), (0, False)])
def test_previous_hosts_are_left_out(nuncio, upstreams, attempts, other):
    a, b = upstreams(), upstreams()
    a.answer(503)
    predicate = [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
        "@type": T + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}]
    policy = retry("5xx", retry_host_predicate=predicate if other else [],
                   host_selection_retry_max_attempts=attempts)
    n = nuncio(conf.http_proxy(clusters=[weighted_hosts(a, b)],
                               routes=[route("/", retry_policy=policy)]))
    got = [n.get().status for _ in range(20)]
    assert (got == [200] * 20) == other


@pytest.mark.parametrize("every,want", [(1, [1, 1]), (2, [2, 1])])
def test_previous_priorities_are_left_out(nuncio, upstreams, every, want):
    a, b = upstreams(), upstreams()
    a.answer(503)
    c = cluster("up", a)
    c["load_assignment"]["endpoints"].append({**cluster("x", b)["load_assignment"]["endpoints"][0],
                                              "priority": 1})
    policy = retry("5xx", 2, retry_priority={
        "name": "envoy.retry_priorities.previous_priorities", "typed_config": {
            "@type": T + "extensions.retry.priority.previous_priorities.v3."
                         "PreviousPrioritiesConfig", "update_frequency": every}})
    n = nuncio(conf.http_proxy(clusters=[c], routes=[route("/", retry_policy=policy)]))
    assert n.get().status == 200
    assert [len(a.requests), len(b.requests)] == want


# ---- how many at once

def breaker(**kw):
    return {"circuit_breakers": {"thresholds": [kw]}}


def stalled(n, upstream, count, before=0):
    """`count` clients whose retry waits for an answer that does not come."""
    go = threading.Event()
    seen = []

    def handler(c, r):
        r.read()
        first = r.target not in seen
        seen.append(r.target)
        if first:
            c.send(response(503))
        else:
            c.wait(go)
            c.send(response(200))
    upstream.handler = handler
    clients = [n.connect() for _ in range(count)]
    for i, c in enumerate(clients):
        c.send(request("GET", f"/{i}"))
        n.wait_stat("cluster.up.upstream_rq_retry", i + 1)
        upstream.wait_requests(before + 2 * (i + 1))
    return go, clients


def ends(n, go, clients):
    go.set()
    assert [c.response().status for c in clients] == [200] * len(clients)
    for c in clients:
        c.close()


@pytest.mark.parametrize("limits,allowed", [
    (dict(max_retries=1), 1), ({}, 3), (dict(retry_budget={"min_retry_concurrency": 2}), 2),
    (dict(max_retries=1, retry_budget={}), 3)])
def test_retries_at_once_are_bounded(nuncio, upstream, limits, allowed):
    n = proxy(nuncio, upstream, retry("5xx"), cluster_kw=breaker(**limits))
    go, clients = stalled(n, upstream, allowed)
    assert n.get("/more").status == 503
    assert n.stat("cluster.up.upstream_rq_retry_overflow") == 1
    assert n.access_log()[0]["flags"] == "UO"
    ends(n, go, clients)


def test_a_retry_budget_grows_with_the_requests(nuncio, upstream):
    n = proxy(nuncio, upstream, retry("5xx"), cluster_kw=breaker(
        retry_budget={"budget_percent": {"value": 40}, "min_retry_concurrency": 1}))
    free = threading.Event()
    upstream.handler = lambda c, r: (r.read(), c.wait(free), c.send(response(200)))
    held = [n.connect() for _ in range(5)]
    for c in held:
        c.send(request())
    upstream.wait_requests(5)
    n.wait_stat("cluster.up.upstream_rq_active", 5)
    go, clients = stalled(n, upstream, 2, 5)
    assert n.get("/more").status == 503
    assert n.stat("cluster.up.upstream_rq_retry_overflow") == 1
    free.set()
    ends(n, go, held + clients)


# ---- what is told and counted

def test_tries_are_counted_in_headers(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost(
        include_request_attempt_count=True, include_attempt_count_in_response=True,
        include_is_timeout_retry_header=True,
        routes=[route("/", retry_policy=retry("5xx", 3, per_try_timeout="0.2s"))])]))
    upstream.once(503)
    upstream.once_do(lambda c, r: (r.read(), c.wait_peer_close()))
    r = n.get()
    assert r.get("x-envoy-attempt-count") == "3"
    assert [q.get("x-envoy-attempt-count") for q in upstream.requests] == ["1", "2", "3"]
    assert [q.get("x-envoy-is-timeout-retry") for q in upstream.requests] == \
        [None, "false", "true"]


def test_local_replies_tell_the_tries_too(nuncio):
    n = nuncio(conf.http_proxy(unused_port(), vhosts=[vhost(
        include_attempt_count_in_response=True,
        routes=[route("/", retry_policy=retry("connect-failure", 2))])]))
    r = n.get()
    assert (r.status, r.get("x-envoy-attempt-count")) == (503, "3")
    assert r.body.startswith(b"upstream connect error or disconnect/reset before headers. "
                             b"retried and the latest reset reason: remote connection failure")
    assert n.access_log()[0]["flags"] == "UF,URX"


def test_routes_and_virtual_clusters_count_their_retries(nuncio, upstream):
    r = {**route("/", retry_policy=retry("5xx", 1)), "stat_prefix": "main"}
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost("v", routes=[r], virtual_clusters=[
        {"name": "users", "headers": [{"name": ":path", "string_match": {"prefix": "/u"}}]}])]))
    upstream.answer(503)
    n.get("/u/1")
    n.get("/else")
    s = n.stats("vhost")
    for place, times in (("vhost.v.vcluster.users", 1), ("vhost.v.vcluster.other", 1),
                         ("vhost.v.route.main", 2)):
        assert s[f"{place}.upstream_rq_retry"] == times
        assert s[f"{place}.upstream_rq_retry_limit_exceeded"] == times
        assert s[f"{place}.upstream_rq_total"] == 2 * times


def test_a_client_that_leaves_ends_the_retries(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", retry_policy={
        "retry_on": "5xx", "num_retries": 9,
        "retry_back_off": {"base_interval": "60s", "max_interval": "60s"}})]))
    upstream.answer(503)
    c = n.connect()
    c.send(request())
    n.wait_stat("cluster.up.upstream_rq_retry", 1)
    c.reset()
    n.wait_stat("http.ingress.downstream_rq_active", 0)
    assert n.access_log()[0]["flags"].startswith("DC")
    assert len(upstream.requests) == 1
