"""What a route does: weights, redirects, direct responses, rewrites, headers, retries."""
import os
import re
import threading

import pytest

from lib import conf
from lib.client import request
from lib.conf import cluster, direct, route, vhost
from lib.ports import unused_port
from lib.upstream import head


def redirect(prefix="/", **kw):
    return {"match": {"prefix": prefix}, "redirect": kw}


def weighted(**clusters):
    return {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": [
        {"name": k, "weight": v} for k, v in clusters.items()]}}}


def test_weighted_clusters_get_their_shares(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    n = nuncio(conf.http_proxy(clusters=[cluster("a", a), cluster("b", b)],
                               routes=[weighted(a=80, b=20)]))
    with n.connect() as c:
        for _ in range(2000):
            assert c.get().status == 200
    share = len(a.requests) / 2000
    assert len(a.requests) + len(b.requests) == 2000
    assert 0.74 < share < 0.86          # six standard deviations


def test_a_cluster_of_weight_zero_gets_nothing(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    n = nuncio(conf.http_proxy(clusters=[cluster("a", a), cluster("b", b)],
                               routes=[weighted(a=0, b=100)]))
    with n.connect() as c:
        for _ in range(200):
            c.get()
    assert (len(a.requests), len(b.requests)) == (0, 200)


def test_hosts_of_a_cluster_take_turns(nuncio, upstreams):
    ups = [upstreams() for _ in range(3)]
    n = nuncio(conf.http_proxy(*ups))
    with n.connect() as c:
        for _ in range(30):
            assert c.get().status == 200
    assert [len(u.requests) for u in ups] == [10, 10, 10]


def test_weights_of_hosts_give_their_shares(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    c = cluster("up", a, b)
    c["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["load_balancing_weight"] = 3
    c["load_assignment"]["endpoints"][0]["lb_endpoints"][1]["load_balancing_weight"] = 1
    n = nuncio(conf.http_proxy(clusters=[c]))
    with n.connect() as conn:
        for _ in range(200):
            conn.get()
    assert len(a.requests) + len(b.requests) == 200
    assert 145 <= len(a.requests) <= 155


def test_a_missing_cluster_gives_503_and_nc(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], route_config={"validate_clusters": False},
                               routes=[route("/", cluster="nowhere")]))
    assert n.get().status == 503
    log = n.access_log()[0]
    assert (log["flags"], log["details"]) == ("NC", "cluster_not_found")


def test_the_answer_for_a_missing_cluster_can_be_chosen(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], route_config={"validate_clusters": False}, routes=[
        route("/", cluster="nowhere", cluster_not_found_response_code="NOT_FOUND")]))
    assert n.get().status == 404


def test_a_header_can_name_the_cluster(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    n = nuncio(conf.http_proxy(clusters=[cluster("a", a), cluster("b", b)], routes=[
        {"match": {"prefix": "/"}, "route": {"cluster_header": "x-cluster"}}]))
    n.get("/", [("x-cluster", "b")])
    assert (len(a.requests), len(b.requests)) == (0, 1)


REDIRECTS = [
    ("host", dict(host_redirect="new.com"), "/a?b", 301, "http://new.com/a?b"),
    ("https", dict(https_redirect=True), "/a", 301, "https://test.local/a"),
    ("scheme", dict(scheme_redirect="wss"), "/a", 301, "wss://test.local/a"),
    ("port", dict(port_redirect=8443), "/a", 301, "http://test.local:8443/a"),
    ("host and port", dict(host_redirect="new.com", port_redirect=81), "/a", 301,
     "http://new.com:81/a"),
    ("path", dict(path_redirect="/new"), "/a?b", 301, "http://test.local/new?b"),
    ("path with a query of its own", dict(path_redirect="/new?x"), "/a?b", 301,
     "http://test.local/new?x"),
    ("prefix", dict(prefix_rewrite="/new/"), "/old/a?b", 301, "http://test.local/new/a?b"),
    ("regex", dict(regex_rewrite={"pattern": {"regex": "/old/([a-z]+)"},
                                  "substitution": "/\\1/new"}), "/old/x?b", 301,
     "http://test.local/x/new?b"),
    ("strip query", dict(host_redirect="new.com", strip_query=True), "/a?b", 301,
     "http://new.com/a"),
    ("found", dict(host_redirect="new.com", response_code="FOUND"), "/", 302, "http://new.com/"),
    ("see other", dict(host_redirect="new.com", response_code="SEE_OTHER"), "/", 303,
     "http://new.com/"),
    ("temporary", dict(host_redirect="new.com", response_code="TEMPORARY_REDIRECT"), "/", 307,
     "http://new.com/"),
    ("permanent", dict(host_redirect="new.com", response_code="PERMANENT_REDIRECT"), "/", 308,
     "http://new.com/"),
]


@pytest.mark.parametrize("name,action,target,status,location", REDIRECTS,
                         ids=[r[0] for r in REDIRECTS])
def test_a_redirect_says_where_to_go(nuncio, name, action, target, status, location):
    prefix = "/old/" if name in ("prefix",) else "/"
    n = nuncio(conf.http_proxy(clusters=[], routes=[redirect(prefix, **action)]))
    r = n.get(target)
    assert (r.status, r.get("location"), r.body) == (status, location, b"")
    assert n.stat("http.ingress.rq_redirect") == 1


def test_tls_can_be_required_of_a_virtual_host(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost(require_tls="ALL")]))
    r = n.get("/a?b")
    assert (r.status, r.get("location")) == (301, "https://test.local/a?b")


def test_a_direct_response_has_status_body_and_type(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[direct("/", 418, "teapot")]))
    r = n.get()
    assert (r.status, r.body, r.get("content-type"), r.get("content-length")) == \
        (418, b"teapot", "text/plain", "6")
    assert n.access_log()[0]["details"] == "direct_response"
    assert n.stat("http.ingress.rq_direct_response") == 1


def send_quietly(c, data):
    try:
        c.sock.sendall(data)
    except OSError:
        pass


def test_a_direct_response_can_be_empty(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[direct("/", 204)]))
    with n.connect() as c:
        assert c.get().status == 204
        assert c.get().status == 204


def test_a_direct_response_can_come_from_a_file(nuncio, tmp_path):
    (tmp_path / "body.html").write_bytes(b"<p>" + b"x" * 3000)
    d = {"match": {"prefix": "/"}, "direct_response": {
        "status": 200, "body": {"filename": str(tmp_path / "body.html")}}}
    n = nuncio(conf.http_proxy(clusters=[], routes=[d]))
    assert n.get().body == b"<p>" + b"x" * 3000


def test_a_direct_response_to_head_has_no_body(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[direct("/", 200, "teapot")]))
    with n.connect() as c:
        assert c.request("HEAD").get("content-length") == "6"
        assert c.get().body == b"teapot"


def test_a_direct_response_reaches_a_client_that_still_sends_its_body(nuncio):
    """The response is complete before the request is, so the connection cannot go on."""
    n = nuncio(conf.http_proxy(clusters=[], routes=[direct("/", 200, "ok")]))
    for size in (1, 100, 100000, 5000000):
        with n.connect() as c:
            sender = threading.Thread(target=send_quietly, daemon=True, args=(
                c, request("POST", "/", body=b"x" * size)))
            sender.start()
            assert c.response().body == b"ok"
            sender.join(10)


REWRITES = [
    ("prefix", {"prefix": "/old"}, dict(prefix_rewrite="/new"), "/old/a?b", "/new/a?b"),
    ("prefix to the root", {"prefix": "/old/"}, dict(prefix_rewrite="/"), "/old/a", "/a"),
    ("path", {"path": "/old"}, dict(prefix_rewrite="/new"), "/old?b", "/new?b"),
    ("path separated prefix", {"path_separated_prefix": "/old"}, dict(prefix_rewrite="/new"),
     "/old/a", "/new/a"),
    ("regex", {"prefix": "/"}, dict(regex_rewrite={
        "pattern": {"regex": "^/service/([^/]+)(/.*)$"}, "substitution": "\\2/at/\\1"}),
     "/service/foo/v1/api?q", "/v1/api/at/foo?q"),
    ("regex that does not match", {"prefix": "/"}, dict(regex_rewrite={
        "pattern": {"regex": "/x"}, "substitution": "/y"}), "/z", "/z"),
    ("regex everywhere", {"prefix": "/"}, dict(regex_rewrite={
        "pattern": {"regex": "one"}, "substitution": "two"}), "/xxx/one/yyy/one/zzz",
     "/xxx/two/yyy/two/zzz"),
]


@pytest.mark.parametrize("name,match,action,target,want", REWRITES, ids=[r[0] for r in REWRITES])
def test_a_path_is_rewritten(proxied, upstream, name, match, action, target, want):
    n = proxied(routes=[route(match=match, **action)])
    assert n.get(target).status == 200
    assert upstream.last.target == want
    if target != want:
        assert upstream.last.get("x-envoy-original-path") == target


def test_the_host_is_rewritten_to_a_literal(proxied, upstream):
    n = proxied(routes=[route("/", host_rewrite_literal="inner.local")])
    n.get()
    assert upstream.last.host == "inner.local"


def test_the_host_is_rewritten_from_a_header(proxied, upstream):
    n = proxied(routes=[route("/", host_rewrite_header="x-host")])
    n.get("/", [("x-host", "from.header")])
    assert upstream.last.host == "from.header"


def test_the_host_is_rewritten_from_the_path(proxied, upstream):
    n = proxied(routes=[route("/", host_rewrite_path_regex={
        "pattern": {"regex": "^/(.+)/.+$"}, "substitution": "\\1"})])
    n.get("/inner/x?y")
    assert upstream.last.host == "inner"


def test_the_old_host_can_be_kept_in_x_forwarded_host(proxied, upstream):
    n = proxied(routes=[route("/", host_rewrite_literal="inner.local",
                              append_x_forwarded_host=True)])
    n.get()
    assert upstream.last.get("x-forwarded-host") == "test.local"


def add(name, value, action=None):
    option = {"header": {"key": name, "value": value}}
    return {**option, "append_action": action} if action else option


def test_headers_are_added_and_removed_from_route_to_configuration(nuncio, upstream):
    r = {**route("/"), "request_headers_to_add": [add("a", "route")],
         "request_headers_to_remove": ["x-drop"], "response_headers_to_add": [add("r", "route")],
         "response_headers_to_remove": ["x-secret"]}
    v = vhost(routes=[r], request_headers_to_add=[add("a", "vhost")],
              response_headers_to_add=[add("r", "vhost")])
    n = nuncio(conf.http_proxy(upstream, vhosts=[v], route_config={
        "request_headers_to_add": [add("a", "config")],
        "response_headers_to_add": [add("r", "config")]}))
    upstream.answer(200, [("x-secret", "1"), ("x-stay", "2")])
    r = n.get("/", [("x-drop", "1"), ("x-keep", "1")])
    up = upstream.last
    assert up.all("a") == ["route", "vhost", "config"]
    assert not up.all("x-drop") and up.get("x-keep") == "1"
    assert r.all("r") == ["route", "vhost", "config"]
    assert not r.all("x-secret") and r.get("x-stay") == "2"


@pytest.mark.parametrize("action,want,fresh", [
    ("APPEND_IF_EXISTS_OR_ADD", ["old", "new"], ["new"]),
    ("ADD_IF_ABSENT", ["old"], ["new"]),
    ("OVERWRITE_IF_EXISTS_OR_ADD", ["new"], ["new"]),
    ("OVERWRITE_IF_EXISTS", ["new"], []),
])
def test_an_added_header_meets_one_that_is_there(proxied, upstream, action, want, fresh):
    n = proxied(routes=[{**route("/"), "request_headers_to_add": [add("x", "new", action)]}])
    n.get("/", [("x", "old")])
    assert upstream.last.all("x") == want
    n.get()
    assert upstream.last.all("x") == fresh


def test_values_of_added_headers_may_hold_operators(proxied, upstream):
    n = proxied(routes=[{**route("/"), "request_headers_to_add": [
        add("x-from", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"), add("x-path", "%REQ(:PATH)%"),
        add("x-percent", "100%%"), add("x-two", "%REQ(A)%-%PROTOCOL%")],
        "response_headers_to_add": [add("x-code", "%RESPONSE_CODE%")]}])
    r = n.get("/p", [("a", "b")])
    up = upstream.last
    assert (up.get("x-from"), up.get("x-path"), up.get("x-percent"), up.get("x-two")) == \
        ("127.0.0.1", "/p", "100%", "b-HTTP/1.1")
    assert r.get("x-code") == "200"


def test_headers_are_added_to_direct_responses_too(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[
        {**direct("/", 200, "x"), "response_headers_to_add": [add("a", "b")]}]))
    assert n.get().get("a") == "b"


def retrying(**kw):
    return route("/", retry_policy={"retry_on": "connect-failure", "num_retries": 2, **kw})


def test_a_connect_failure_is_retried_on_another_host(nuncio, upstream):
    n = nuncio(conf.http_proxy(unused_port(), upstream, routes=[retrying()]))
    with n.connect() as c:
        for _ in range(20):
            assert c.request("POST", "/", body=b"body").status == 200
    assert len(upstream.requests) == 20
    assert all(r.body == b"body" for r in upstream.requests)
    assert n.stat("cluster.up.upstream_rq_retry") >= 5
    assert n.stat("cluster.up.upstream_rq_retry_success") == n.stat("cluster.up.upstream_rq_retry")


def test_without_a_retry_policy_a_connect_failure_is_not_retried(nuncio, upstream):
    n = nuncio(conf.http_proxy(unused_port(), upstream))
    assert sorted(n.get().status for _ in range(4)) == [200, 200, 503, 503]


def test_retries_end_after_their_number(nuncio):
    n = nuncio(conf.http_proxy(unused_port(), routes=[retrying()]))
    assert n.get().status == 503
    log = n.access_log()[0]
    assert set(log["flags"].split(",")) == {"UF", "URX"}
    assert n.stat("cluster.up.upstream_rq_retry") == 2
    assert n.stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1


def test_a_response_is_not_retried_by_connect_failure(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[retrying()]))
    upstream.answer(503)
    assert n.get().status == 503
    assert len(upstream.requests) == 1


def test_a_reset_is_not_retried_by_connect_failure(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[retrying()]))
    upstream.handler = lambda c, r: c.reset()
    assert n.get().status == 503
    assert len(upstream.requests) == 1


def test_a_virtual_host_can_hold_the_retry_policy(nuncio, upstream):
    n = nuncio(conf.http_proxy(unused_port(), upstream, vhosts=[
        vhost(retry_policy={"retry_on": "connect-failure", "num_retries": 3})]))
    assert [n.get().status for _ in range(6)] == [200] * 6


def test_the_number_of_attempts_can_be_shown(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost(
        include_request_attempt_count=True, include_attempt_count_in_response=True)]))
    r = n.get()
    assert upstream.last.get("x-envoy-attempt-count") == "1"
    assert r.get("x-envoy-attempt-count") == "1"


def test_the_router_can_leave_out_its_headers(nuncio, upstream):
    router = {"name": "envoy.filters.http.router", "typed_config": {
        **conf.ROUTER["typed_config"], "suppress_envoy_headers": True}}
    n = nuncio(conf.http_proxy(upstream, http_filters=[router]))
    r = n.get()
    assert not [x for x in upstream.last.names() if x.startswith("x-envoy-")]
    assert not [x for x in r.names() if x.startswith("x-envoy-")]


def test_a_cluster_by_name_is_resolved(nuncio, upstream):
    for kind in ("STRICT_DNS", "LOGICAL_DNS"):
        n = nuncio(conf.http_proxy(clusters=[cluster(
            "up", upstream, type=kind, host="localhost", dns_lookup_family="V4_ONLY")]))
        assert n.get().status == 200, kind
    assert upstream.last.host == "test.local"


def test_a_name_that_does_not_resolve_gives_503_and_serves_the_rest(nuncio, upstream):
    n = nuncio(conf.http_proxy(clusters=[
        cluster("up", upstream),
        cluster("gone", 80, type="STRICT_DNS", host="no-such-name.invalid")],
        routes=[route("/gone", cluster="gone"), route("/")]))
    assert n.get().status == 200
    r = n.get("/gone")
    assert (r.status, n.access_log(2)[1]["flags"]) == (503, "UH")


def test_an_upstream_over_a_unix_socket_is_reached(nuncio, upstreams, public_dir):
    path = str(public_dir / "up.sock")
    u = upstreams(path=path)
    os.chmod(path, 0o777)
    c = cluster("up", hosts=[])
    c["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": {"address": {
        "pipe": {"path": path}}}}]}]
    n = nuncio(conf.http_proxy(clusters=[c]))
    assert n.get().status == 200
    assert len(u.requests) == 1


def test_ipv6_is_listened_on_and_spoken_upstream(nuncio, upstreams):
    u = upstreams(host="::1")
    n = nuncio(conf.http_proxy(clusters=[cluster("up", u, host="::1")],
                               listener_kw={"host": "::1"}))
    with n.connect(host="::1") as c:
        assert c.get().status == 200
    assert re.match(r"\[::1\]:\d+$", n.access_log()[0]["upstream"])


def test_an_edge_proxy_replaces_the_request_id_and_says_where_the_request_came_from(
        nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, use_remote_address=True))
    n.get("/", [("x-forwarded-for", "8.8.8.8")])
    assert upstream.last.get("x-forwarded-for") == "8.8.8.8,127.0.0.1"
    assert len(upstream.last.get("x-request-id")) == 36


def test_requests_in_flight_keep_the_routes_they_started_with(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    go = threading.Event()
    a.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 1)]) + b"a"))
    b.answer(200, [], b"b")
    n = nuncio(conf.http_proxy(clusters=[cluster("a", a), cluster("b", b)],
                               routes=[route("/", cluster="a")]))
    with n.connect() as c:
        c.send(request())
        a.wait_requests(1)
        n.must_reload(conf.http_proxy(clusters=[cluster("a", a), cluster("b", b)],
                                      routes=[route("/", cluster="b")]))
        go.set()
        assert c.response().body == b"a"
        assert c.get().body == b"b"
