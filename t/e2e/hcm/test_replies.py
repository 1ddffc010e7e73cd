"""Local replies: mappers, formats, gRPC, require_tls."""
import json

import pytest

from hcm.cases import LOCAL, bootstrap
from lib import conf
from lib.client import request

ROUTES = [conf.direct("/body", 404, "theirs"), conf.direct("/teapot", 418),
          conf.direct("/ok", 200, "fine")]


def code(op, value):
    return {"status_code_filter": {"comparison": {"op": op, "value": {
        "default_value": value, "runtime_key": "x"}}}}


def source(text):
    return {"inline_string": text}


def reply(nuncio, target="/body", headers=(), **config):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES, local_reply_config=config))
    return n.get(target, headers)


def test_without_mappers_the_body_is_plain_text(nuncio):
    r = reply(nuncio)
    assert (r.status, r.body, r.get("content-type")) == (404, b"theirs", "text/plain")


def test_the_first_mapper_that_holds_counts(nuncio):
    r = reply(nuncio, mappers=[
        {"filter": code("EQ", 500), "status_code": 501},
        {"filter": code("GE", 400), "status_code": 503},
        {"filter": code("EQ", 404), "status_code": 505}])
    assert (r.status, r.body) == (503, b"theirs")


def test_a_mapper_replaces_the_body(nuncio):
    r = reply(nuncio, mappers=[{"filter": code("EQ", 404), "body": source("ours")}])
    assert (r.status, r.body, r.get("content-length")) == (404, b"ours", "4")


def test_a_mapper_makes_a_body_where_there_was_none(nuncio):
    r = reply(nuncio, "/teapot", mappers=[{"filter": code("EQ", 418), "body": source("tea")}])
    assert (r.body, r.get("content-type")) == (b"tea", "text/plain")


def test_a_mapper_adds_headers(nuncio):
    r = reply(nuncio, mappers=[{"filter": code("EQ", 404), "headers_to_add": [
        {"header": {"key": "x-path", "value": "%REQ(:PATH)% %RESPONSE_CODE%"}}]}])
    assert r.get("x-path") == "/body 404"


def test_the_common_format_is_for_every_reply(nuncio):
    r = reply(nuncio, body_format={"text_format_source": source(
        "<%LOCAL_REPLY_BODY%:%RESPONSE_CODE%:%REQ(:path)%>"), "content_type": "text/html"})
    assert (r.body, r.get("content-type")) == (b"<theirs:404:/body>", "text/html")


def test_a_format_in_json_says_so(nuncio):
    r = reply(nuncio, body_format={"json_format": {
        "code": "%RESPONSE_CODE%", "body": "%LOCAL_REPLY_BODY%"}})
    assert json.loads(r.body) == {"code": 404, "body": "theirs"}
    assert r.get("content-type") == "application/json"


def test_the_format_of_a_mapper_wins_and_sees_what_the_mapper_changed(nuncio):
    r = reply(nuncio, body_format={"text_format_source": source("common")}, mappers=[
        {"filter": code("EQ", 404), "status_code": 410, "body": source("b"),
         "body_format_override": {"text_format_source": source(
             "%RESPONSE_CODE% %LOCAL_REPLY_BODY%")}}])
    assert (r.status, r.body) == (410, b"410 b")


def test_answers_of_the_upstream_are_left_alone(nuncio, upstream):
    upstream.answer(404, [], b"theirs")
    n = nuncio(conf.http_proxy(upstream, local_reply_config={"mappers": [
        {"filter": code("EQ", 404), "status_code": 500, "body": source("ours")}]}))
    r = n.get()
    assert (r.status, r.body) == (404, b"theirs")


def test_replies_to_malformed_requests_are_mapped_too(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES, local_reply_config={"mappers": [
        {"filter": code("EQ", 400), "status_code": 422, "body": source("no")}]}))
    with n.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
        r = c.response()
    assert (r.status, r.body) == (422, b"no")


def test_a_head_request_gets_the_length_and_no_body(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES, local_reply_config={
        "body_format": {"text_format_source": source("12345")}}))
    r = n.get("/body", method="HEAD")
    assert (r.status, r.get("content-length"), r.body) == (404, "5", b"")


def test_the_log_has_the_status_that_was_sent(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES, local_reply_config={"mappers": [
        {"filter": code("EQ", 404), "status_code": 503}]}))
    n.get("/body")
    assert n.access_log()[0]["code"] == "503"
    assert n.stat("http.ingress.downstream_rq_5xx") == 1
    assert n.stat("http.ingress.downstream_rq_4xx") == 0


GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


@pytest.mark.parametrize("status,want", [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14),
                                         (502, 14), (503, 14), (504, 14), (500, 2), (418, 2)])
def test_a_grpc_request_is_answered_in_its_way(nuncio, status, want):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", status, "a b%\u00e4")]))
    r = n.get("/", GRPC, method="POST")
    assert (r.status, r.get("content-type"), r.get("grpc-status"), r.body) == \
        (200, "application/grpc", str(want), b"")
    assert r.get("grpc-message") == "a b%25%C3%A4"


def test_a_mapped_body_becomes_the_grpc_message(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES, local_reply_config={"body_format": {
        "json_format": {"code": "%RESPONSE_CODE%"}}}))
    assert n.get("/body", GRPC, method="POST").get("grpc-message") == '{"code":404}'


@pytest.mark.parametrize("type_,grpc", [("application/grpc+proto", True),
                                        ("application/grpc;x", True),
                                        ("application/grpc-web", False)])
def test_grpc_is_told_by_the_content_type(nuncio, type_, grpc):
    n = nuncio(conf.http_proxy(clusters=[], routes=ROUTES))
    assert (n.get("/body", [("content-type", type_)]).status == 200) == grpc


# ---- require_tls

@pytest.fixture(scope="module")
def tls(shared_nuncio, shared_upstream):
    def fields(require, **kw):
        return {"vhosts": [conf.vhost(require_tls=require, routes=[conf.route("/in")])], **kw}
    inside = {"use_remote_address": True, "internal_address_config": LOCAL}
    return shared_nuncio(bootstrap(shared_upstream, {
        "none": fields("NONE"), "all": fields("ALL"), "external": fields("EXTERNAL_ONLY"),
        "inside-all": fields("ALL", **inside),
        "inside-external": fields("EXTERNAL_ONLY", **inside)}))


@pytest.mark.parametrize("name,headers,target,status", [
    ("none", {}, "/in", 200),
    ("all", {}, "/in?q=1", 301),
    ("all", {}, "/out", 301),
    ("all", {"x-forwarded-proto": "https"}, "/in", 200),
    ("external", {}, "/in", 301),
    ("inside-all", {}, "/in", 301),
    ("inside-external", {}, "/in", 200)])
def test_a_virtual_host_can_require_tls(tls, name, headers, target, status):
    r = tls.get(target, list(headers.items()), name=name)
    assert r.status == status
    if status == 301:
        assert r.get("location") == f"https://test.local{target}"
        assert not r.body


def test_a_redirect_to_tls_drops_the_port_of_http(tls):
    with tls.connect("all") as c:
        c.send(request(host="test.local:80", target="/in"))
        assert c.response().get("location") == "https://test.local/in"
