"""hash_policy: the cookie that is made for clients without one; values: t/unit/http."""
import re

import pytest

from lib import conf
from lib.conf import route

ATTRIBUTES = [{"name": "SameSite", "value": "Strict"}, {"name": "Secure"}]
COOKIES = [
    ({"ttl": "3s"}, "; Max-Age=3; HttpOnly"),
    ({"ttl": "0s"}, "; HttpOnly"),
    ({"ttl": "3s", "path": "/x"}, "; Max-Age=3; Path=/x; HttpOnly"),
    ({"ttl": "3s", "attributes": ATTRIBUTES}, "; Max-Age=3; SameSite=Strict; Secure; HttpOnly"),
    ({}, None),
]


@pytest.mark.parametrize("more,end", COOKIES, ids=[str(i) for i in range(len(COOKIES))])
def test_a_client_without_a_cookie_gets_one(nuncio, upstream, more, end):
    n = nuncio(conf.http_proxy(upstream, routes=[
        route("/", hash_policy=[{"cookie": {"name": "id", **more}}])]))
    cookie = n.get().get("set-cookie")
    if end is None:
        assert cookie is None
    else:
        assert re.fullmatch('id="[0-9a-f]{16}"' + re.escape(end), cookie)
    assert n.get("/", [("cookie", "id=mine")]).get("set-cookie") is None


def test_a_terminal_policy_that_found_something_ends_the_list(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", hash_policy=[
        {"header": {"header_name": "x-user"}, "terminal": True},
        {"query_parameter": {"name": "u"}, "terminal": True},
        {"connection_properties": {"source_ip": False}, "terminal": True},
        {"cookie": {"name": "id", "ttl": "3s"}}])]))
    assert n.get("/", [("x-user", "1")]).get("set-cookie") is None
    assert n.get("/?u=1").get("set-cookie") is None
    assert n.get("/").get("set-cookie")


def test_the_source_address_is_something(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, routes=[route("/", hash_policy=[
        {"connection_properties": {"source_ip": True}, "terminal": True},
        {"cookie": {"name": "id", "ttl": "3s"}}])]))
    assert n.get("/").get("set-cookie") is None
