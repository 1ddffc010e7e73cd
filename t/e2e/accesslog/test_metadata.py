"""What filters leave on a stream, seen by operators and routes: set_metadata, set_filter_state,
header_to_metadata, METADATA, DYNAMIC_METADATA, FILTER_STATE, REQ_WITHOUT_QUERY."""
import base64
import json

import pytest
import yaml

from lib import conf
from lib.conf import T, direct, direct_to, vhost
from lib.wait import wait_until

FORMATTERS = [
    {"name": "envoy.formatter.metadata",
     "typed_config": {"@type": T + "extensions.formatter.metadata.v3.Metadata"}},
    {"name": "envoy.formatter.req_without_query",
     "typed_config": {"@type": T + "extensions.formatter.req_without_query.v3.ReqWithoutQuery"}},
]


def http_filter(name, **config):
    return {"name": f"envoy.filters.http.{name}",
            "typed_config": {"@type": T + f"extensions.filters.http.{name}.v3.Config", **config}}


def log(text=None, json_format=None, **kw):
    fmt = {"json_format": json_format} if json_format else \
        {"text_format_source": {"inline_string": text + "\n"}}
    return [{"name": "envoy.access_loggers.file", "typed_config": {
        "@type": T + "extensions.access_loggers.file.v3.FileAccessLog",
        "path": "{dir}/access.log", "log_format": {**fmt, "formatters": FORMATTERS, **kw}}}]


def line(n):
    def text():
        try:
            return open(f"{n.dir}/access.log").read()
        except FileNotFoundError:
            return ""
    wait_until(lambda: "\n" in text(), lambda: f"a line in {text()!r}")
    return text()[:-1]


def logged(nuncio, filters, text=None, headers=(), target="/", routes=None, **kw):
    n = nuncio(conf.http_proxy(clusters=[], routes=routes or [direct("/")], filters=filters,
                               access_log=log(text, **kw)))
    n.get(target, headers)
    return line(n)


SET = http_filter("set_metadata", metadata=[
    {"metadata_namespace": "a", "value": {"s": "text", "n": 5, "f": 1.5, "b": True, "l": [1, "x"],
                                          "deep": {"er": "yy"}, "nil": None}},
    {"metadata_namespace": "a", "value": {"s": "not taken"}},
    {"metadata_namespace": "b", "value": {"l": [1], "m": {"k": 1}, "s": "old"}},
    {"metadata_namespace": "b", "allow_overwrite": True,
     "value": {"l": [2], "m": {"j": 2}, "s": "new"}}])

DYNAMIC = [
    ("%DYNAMIC_METADATA(a:s)% %DYNAMIC_METADATA(a:s):2%", "text te"),
    ("%DYNAMIC_METADATA(a:n)% %DYNAMIC_METADATA(a:f)% %DYNAMIC_METADATA(a:b)%", "5 1.5 true"),
    ("%DYNAMIC_METADATA(a:l)%", '[1,"x"]'),
    ("%DYNAMIC_METADATA(a:deep)% %DYNAMIC_METADATA(a:deep:er)%", '{"er":"yy"} yy'),
    ("%DYNAMIC_METADATA(a:none)% %DYNAMIC_METADATA(c:s)% %DYNAMIC_METADATA(a:nil)%", "- - -"),
    ("%DYNAMIC_METADATA(b:l)% %DYNAMIC_METADATA(b:m)% %DYNAMIC_METADATA(b:s)%",
     '[1,2] {"k":1,"j":2} new'),
    ("%METADATA(DYNAMIC:a:deep:er)% %METADATA(DYNAMIC:a:s):1%", "yy t"),
]


@pytest.mark.parametrize("text,want", DYNAMIC)
def test_dynamic_metadata_is_logged(nuncio, text, want):
    assert logged(nuncio, [SET], text) == want


def test_the_older_fields_of_set_metadata_merge(nuncio):
    f = http_filter("set_metadata", metadata_namespace="a", value={"x": 1},
                    metadata=[{"metadata_namespace": "a", "value": {"x": 2}}])
    assert logged(nuncio, [f], "%DYNAMIC_METADATA(a)%") == '{"x":1}'


def test_json_keeps_the_types_of_metadata(nuncio):
    got = json.loads(logged(nuncio, [SET], json_format={
        "s": "%DYNAMIC_METADATA(a:s)%", "n": "%DYNAMIC_METADATA(a:n)%",
        "b": "%DYNAMIC_METADATA(a:b)%", "l": "%DYNAMIC_METADATA(a:l)%",
        "none": "%DYNAMIC_METADATA(z:z)%", "part": "<%DYNAMIC_METADATA(a:deep)%>"}))
    assert got == {"s": "text", "n": 5, "b": True, "l": [1, "x"], "none": None,
                   "part": '<{"er":"yy"}>'}


def test_metadata_of_route_and_virtual_host_is_logged(nuncio):
    r = {**direct("/"), "metadata": {"filter_metadata": {"ns": {"team": "red", "n": 3}}}}
    v = vhost(routes=[r], metadata={"filter_metadata": {"ns": {"zone": "eu"}}})
    n = nuncio(conf.http_proxy(clusters=[], vhosts=[v], access_log=log(
        "%METADATA(ROUTE:ns:team)% %METADATA(ROUTE:ns:n)% %METADATA(VIRTUAL_HOST:ns:zone)% "
        "%METADATA(ROUTE:ns:none)%")))
    n.get("/")
    assert line(n) == "red 3 eu -"


STATE = http_filter("set_filter_state", on_request_headers=[
    {"object_key": "who", "format_string": {"text_format": "%REQ(x-who)%"}, "read_only": True},
    {"object_key": "who", "format_string": {"text_format": "other"}},
    {"object_key": "plain", "format_string": {"text_format": "one"}},
    {"object_key": "plain", "format_string": {"text_format": "two"}},
    {"object_key": "empty", "skip_if_empty": True,
     "format_string": {"text_format": "%REQ(x-none)%", "omit_empty_values": True}}])


@pytest.mark.parametrize("text,want", [
    ("%FILTER_STATE(who:PLAIN)%", "me"), ("%FILTER_STATE(who)%", '"me"'),
    ("%FILTER_STATE(who:TYPED)%", '"me"'), ("%FILTER_STATE(who:PLAIN):1%", "m"),
    ("%FILTER_STATE(plain:PLAIN)%", "two"), ("%FILTER_STATE(empty:PLAIN)%", "-"),
    ("%FILTER_STATE(none:PLAIN)%", "-"),
])
def test_filter_state_is_logged(nuncio, text, want):
    assert logged(nuncio, [STATE], text, [("x-who", "me")]) == want


def test_a_route_can_set_filter_state_of_its_own(nuncio):
    r = {**direct("/"), "typed_per_filter_config": {"envoy.filters.http.set_filter_state": {
        "@type": T + "extensions.filters.http.set_filter_state.v3.Config",
        "on_request_headers": [{"object_key": "r", "format_string": {"text_format": "route"}}]}}}
    assert logged(nuncio, [STATE], "%FILTER_STATE(r:PLAIN)% %FILTER_STATE(plain:PLAIN)%",
                  routes=[r]) == "route two"


def test_the_route_is_found_anew_when_told(nuncio):
    routes = [direct_to({"prefix": "/", "filter_state": [
        {"key": "k", "string_match": {"exact": "gold"}}]}, "by state"), direct("/", body="plain")]
    for clear, want in ((True, b"by state"), (False, b"plain")):
        f = http_filter("set_filter_state", clear_route_cache=clear, on_request_headers=[
            {"object_key": "k", "format_string": {"text_format": "%REQ(x-tier)%"}}])
        n = nuncio(conf.http_proxy(clusters=[], routes=routes, filters=[f]))
        assert n.get("/", [("x-tier", "gold")]).body == want
        assert n.get("/", [("x-tier", "tin")]).body == b"plain"


def rule(**kw):
    return http_filter("header_to_metadata", request_rules=[kw])


PACKED = base64.b64encode(b"\x1a\x02hi").decode()       # google.protobuf.Value, string "hi"
RULES = [
    (dict(header="X-A", on_header_present={"metadata_namespace": "n", "key": "k"}),
     [("x-a", "v")], "%DYNAMIC_METADATA(n:k)%", "v"),
    (dict(header="X-A", on_header_present={"key": "k"}), [("x-a", "v")],
     "%DYNAMIC_METADATA(envoy.filters.http.header_to_metadata:k)%", "v"),
    (dict(header="x-a", on_header_present={"metadata_namespace": "n", "key": "k", "value": "w"}),
     [("x-a", "v")], "%DYNAMIC_METADATA(n:k)%", "w"),
    (dict(header="x-a", on_header_missing={"metadata_namespace": "n", "key": "k", "value": "w"}),
     [], "%DYNAMIC_METADATA(n:k)%", "w"),
    (dict(header="x-a", on_header_missing={"metadata_namespace": "n", "key": "k", "value": "w"}),
     [("x-a", "v")], "%DYNAMIC_METADATA(n:k)%", "-"),
    (dict(header="x-a", on_header_present={"metadata_namespace": "n", "key": "k",
                                           "type": "NUMBER"}),
     [("x-a", "12.5")], "%DYNAMIC_METADATA(n:k)%", "12.5"),
    (dict(header="x-a", on_header_present={"metadata_namespace": "n", "key": "k",
                                           "type": "NUMBER"}),
     [("x-a", "12x")], "%DYNAMIC_METADATA(n:k)%", "-"),
    (dict(header="x-a", on_header_present={"metadata_namespace": "n", "key": "k",
                                           "encode": "BASE64"}),
     [("x-a", "aGVsbG8=")], "%DYNAMIC_METADATA(n:k)%", "hello"),
    (dict(header="x-a", on_header_present={"metadata_namespace": "n", "key": "k",
                                           "type": "PROTOBUF_VALUE", "encode": "BASE64"}),
     [("x-a", PACKED)], "%DYNAMIC_METADATA(n:k)%", "hi"),
    (dict(header="x-a", on_header_present={
        "metadata_namespace": "n", "key": "k", "regex_value_rewrite": {
            "pattern": {"regex": "^/([^/]+)/.*$"}, "substitution": "\\1"}}),
     [("x-a", "/cluster/x")], "%DYNAMIC_METADATA(n:k)%", "cluster"),
    (dict(cookie="c", on_header_present={"metadata_namespace": "n", "key": "k"}),
     [("cookie", "b=1; c=2")], "%DYNAMIC_METADATA(n:k)%", "2"),
    (dict(header="x-a", remove=True, on_header_present={"metadata_namespace": "n", "key": "k"}),
     [("x-a", "v")], "%DYNAMIC_METADATA(n:k)% %REQ(x-a)%", "v -"),
]


@pytest.mark.parametrize("config,headers,text,want", RULES)
def test_headers_become_metadata(nuncio, config, headers, text, want):
    assert logged(nuncio, [rule(**config)], text, headers) == want


def test_response_headers_become_metadata(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log=log("%DYNAMIC_METADATA(n:k)% %RESP(:status)%"),
                               routes=[{**conf.route("/"), "response_headers_to_add": [
                                   {"header": {"key": "x-r", "value": "r"}}]}],
                               filters=[http_filter("header_to_metadata", response_rules=[
                                   {"header": "x-r", "on_header_present":
                                    {"metadata_namespace": "n", "key": "k"}}])]))
    n.get("/")
    assert line(n) == "r 200"


@pytest.mark.parametrize("config,error", [
    (dict(on_header_present={"key": "k"}), "one of header and cookie is required"),
    (dict(header="a"), "on_header_present or on_header_missing is required"),
    (dict(header="a", on_header_missing={"key": "k"}), "needs a value"),
    (dict(cookie="a", remove=True, on_header_present={"key": "k"}), "a cookie cannot be removed"),
])
def test_wrong_rules_are_named(binary, tmp_path, config, error):
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(conf.http_proxy(
        clusters=[], routes=[direct("/")], filters=[rule(**config)], access_log=False)))
    r = binary("-t", "-c", path)
    assert r.returncode == 1 and error in r.stderr


def test_values_without_their_query(nuncio):
    assert logged(nuncio, [], "%REQ_WITHOUT_QUERY(:PATH)% %REQ_WITHOUT_QUERY(x-none?:PATH):3%",
                  target="/path?secret=1") == "/path /pa"


def test_metadata_chooses_the_header_of_a_request(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, filters=[SET], routes=[{
        **conf.route("/"), "request_headers_to_add": [
            {"header": {"key": "x-meta", "value": "%DYNAMIC_METADATA(a:s)%"}}]}]))
    n.get("/")
    assert upstream.last.get("x-meta") == "text"


def test_a_direct_response_has_a_formatted_body(nuncio):
    r = {"match": {"prefix": "/"}, "direct_response": {
        "status": 200, "body": {"inline_string": "b"},
        "body_format": {"json_format": {"body": "%LOCAL_REPLY_BODY%", "path": "%REQ(:PATH)%"}}}}
    n = nuncio(conf.http_proxy(clusters=[], routes=[r]))
    got = n.get("/p")
    assert json.loads(got.body) == {"body": "b", "path": "/p"}
    assert got.get("content-type") == "application/json"
