"""internal_redirect_policy: redirects of the upstream that the client never sees."""
import pytest

from lib import conf
from lib.conf import T, cluster, direct, route, vhost
from lib.upstream import head

P = "http.ingress.passthrough_internal_redirect_"


def predicate(name, type_name, **kw):
    return {"name": f"envoy.internal_redirect_predicates.{name}", "typed_config": {
        "@type": f"{T}extensions.internal_redirect.{name}.v3.{type_name}", **kw}}


def policy(**kw):
    return {"internal_redirect_policy": kw}


def to(upstream, location, status=302, *headers):
    more = [("location", location)] if location is not None else []
    upstream.once(status, more + list(headers), b"moved")


def proxy(nuncio, upstream, first=None, routes=(), **kw):
    return nuncio(conf.http_proxy(upstream, routes=list(routes) + [
        {**route("/first", **(first if first is not None else policy())), "name": "first"},
        {**route("/second"), "name": "second"}], **kw))


def test_the_redirect_is_followed(nuncio, upstream):
    n = proxy(nuncio, upstream)
    to(upstream, "http://other.local:81/second?x=1#part")
    r = n.get("/first?y")
    assert (r.status, r.body) == (200, b"upstream\n")
    second = upstream.requests[1]
    assert (second.target, second.host) == ("/second?x=1", "other.local:81")
    assert second.get("x-envoy-original-url") == "http://test.local/first?y"
    assert n.stat("cluster.up.upstream_internal_redirect_succeeded_total") == 1
    log = n.access_log(2)
    assert [(x["code"], x["details"], x["route"]) for x in log] == [
        ("302", "internal_redirect", "first"), ("200", "via_upstream", "second")]
    assert n.stat("http.ingress.downstream_rq_total") == 2


def test_a_body_goes_along(nuncio, upstream):
    n = proxy(nuncio, upstream, policy(redirect_response_codes=[307]))
    to(upstream, "http://a/second", 307)
    r = n.get("/first", method="POST", body=b"abc" * 9999)
    assert r.status == 200
    assert [(q.method, q.body) for q in upstream.requests] == [("POST", b"abc" * 9999)] * 2


def test_303_becomes_a_get(nuncio, upstream):
    n = proxy(nuncio, upstream, policy(redirect_response_codes=[303]))
    to(upstream, "http://a/second", 303)
    n.get("/first", method="POST", body=b"abc")
    last = upstream.last
    assert (last.method, last.body, last.get("content-length")) == ("GET", b"", None)


@pytest.mark.parametrize("codes,status,followed", [
    (None, 302, True), (None, 301, False), ([301], 301, True), ([301], 302, False),
    ([308, 200], 308, True), ([200], 200, False)])
def test_the_codes_are_configured(nuncio, upstream, codes, status, followed):
    n = proxy(nuncio, upstream, policy(**({"redirect_response_codes": codes} if codes else {})))
    to(upstream, "http://a/second", status)
    assert n.get("/first").status == (200 if followed else status)
    assert len(upstream.requests) == (2 if followed else 1)


REFUSED = [
    (None, policy(), "bad_location"), ("", policy(), "bad_location"),
    ("/second", policy(), "bad_location"), ("ftp://a/second", policy(), "bad_location"),
    ("http:///second", policy(), "bad_location"),
    ("https://a/second", policy(), "unsafe_scheme"),
    ("http://a/nowhere", policy(), "no_route"),
    ("http://a/second", policy(max_internal_redirects=0), "too_many_redirects"),
    ("http://a/second", policy(predicates=[predicate(
        "allow_listed_routes", "AllowListedRoutesConfig", allowed_route_names=["x"])]),
     "predicate"),
    ("https://a/second", policy(allow_cross_scheme_redirect=True, predicates=[predicate(
        "safe_cross_scheme", "SafeCrossSchemeConfig")]), "predicate"),
]


@pytest.mark.parametrize("location,first,why", REFUSED, ids=[f"{i}-{r[2]}" for i, r in
                                                            enumerate(REFUSED)])
def test_what_is_not_followed_goes_to_the_client(nuncio, upstream, location, first, why):
    n = proxy(nuncio, upstream, first)
    to(upstream, location)
    r = n.get("/first")
    assert (r.status, r.body, r.get("location")) == (302, b"moved", location)
    assert n.stat(P + why) == 1
    assert n.stat("cluster.up.upstream_internal_redirect_failed_total") == 1
    assert len(upstream.requests) == 1


def test_another_scheme_can_be_allowed(nuncio, upstream):
    n = proxy(nuncio, upstream, policy(allow_cross_scheme_redirect=True))
    to(upstream, "https://a/second")
    assert n.get("/first").status == 200


def test_listed_routes_are_followed(nuncio, upstream):
    n = proxy(nuncio, upstream, policy(predicates=[predicate(
        "allow_listed_routes", "AllowListedRoutesConfig", allowed_route_names=["second"])]))
    to(upstream, "http://a/second")
    assert n.get("/first").status == 200


@pytest.mark.parametrize("guard,requests", [(True, 2), (False, 4)])
def test_a_route_is_not_entered_twice_from_the_same_one(nuncio, upstream, guard, requests):
    p = [predicate("previous_routes", "PreviousRoutesConfig")] if guard else []
    n = proxy(nuncio, upstream, policy(max_internal_redirects=3, predicates=p))
    upstream.answer(302, [("location", "http://a/first")])
    assert n.get("/first").status == 302
    assert len(upstream.requests) == requests


def test_headers_of_the_response_can_be_taken_along(nuncio, upstream):
    n = proxy(nuncio, upstream, policy(response_headers_to_copy=["x-a", "x-b"]))
    to(upstream, "http://a/second", 302, ("X-A", "new"))
    n.get("/first", [("x-a", "old"), ("x-b", "old")])
    assert (upstream.last.get("x-a"), upstream.last.get("x-b")) == ("new", None)


def test_the_new_route_may_answer_itself(nuncio, upstream):
    n = proxy(nuncio, upstream, routes=[direct("/d", 418, "tea")])
    to(upstream, "http://a/d")
    assert n.get("/first").body == b"tea"


def test_a_body_that_is_not_kept_is_not_redirected(nuncio, upstream):
    n = proxy(nuncio, upstream, listener_kw={"per_connection_buffer_limit_bytes": 10000})
    to(upstream, "http://a/second")
    assert n.get("/first", method="POST", body=b"x" * 100000).status == 302
    assert n.stat("cluster.up.upstream_internal_redirect_failed_total") == 1
