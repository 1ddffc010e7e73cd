"""gRPC for those who cannot speak it: HTTP/1.1 clients and browsers."""
import base64
import struct

import pytest

from lib import conf
from lib.conf import T

S = "/test.Echo/"
WEB = {"name": "envoy.filters.http.grpc_web",
       "typed_config": {"@type": T + "extensions.filters.http.grpc_web.v3.GrpcWeb"}}


def bridge(**kw):
    return {"name": "envoy.filters.http.grpc_http1_bridge", "typed_config": {
        "@type": T + "extensions.filters.http.grpc_http1_bridge.v3.Config", **kw}}


def frame(data, flags=0):
    return struct.pack(">BI", flags, len(data)) + data


@pytest.fixture(scope="module")
def proxy(shared_nuncio, service):
    kw = {"typed_extension_protocol_options": conf.http_options(
        explicit_http_config={"http2_protocol_options": {}})}
    return shared_nuncio(conf.http_proxy(service, cluster_kw=kw, filters=[
        WEB, bridge(upgrade_protobuf_to_grpc=True, ignore_query_parameters=True)]))


def post(n, method, body, kind):
    with n.connect() as c:
        return c.request("POST", S + method, [("content-type", kind)], body)


def test_http1_sees_the_status_in_headers(proxy):
    r = post(proxy, "Unary", frame(b"hello"), "application/grpc")
    assert (r.status, r.body) == (200, frame(b"hello"))
    assert r.get("grpc-status") == "0" and r.get("content-length") == "10"


def test_http1_sees_a_failure_as_503(proxy):
    r = post(proxy, "Fail", frame(b"5"), "application/grpc")
    assert (r.status, r.get("grpc-status")) == (503, "5") or r.get("grpc-status") == "5"
    assert r.get("grpc-message") == "text with %C3%BC and %25"


def test_a_bare_protobuf_message_is_framed(proxy):
    with proxy.connect() as c:
        r = c.request("POST", S + "Unary?x=y", [("content-type", "application/x-protobuf")],
                      b"hello")
    assert (r.status, r.body, r.get("content-type")) == (200, b"hello", "application/x-protobuf")


def trailers(data):
    """The frames of a body: messages, and the fields of the last one."""
    out = []
    while data:
        flags, n = struct.unpack(">BI", data[:5])
        out.append((flags, data[5:5 + n]))
        data = data[5 + n:]
    assert out[-1][0] == 0x80
    fields = dict(x.split(b":", 1) for x in out[-1][1].split(b"\r\n") if x)
    return [m for _, m in out[:-1]], fields


def test_grpc_web_gets_its_trailers_as_a_frame(proxy):
    r = post(proxy, "Split", frame(b"a,bc,def"), "application/grpc-web+proto")
    assert (r.status, r.get("content-type")) == (200, "application/grpc-web+proto")
    messages, fields = trailers(r.body)
    assert messages == [b"a", b"bc", b"def"] and fields[b"grpc-status"] == b"0"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, 100000])
def test_grpc_web_text_is_base64_both_ways(proxy, size):
    data = bytes(i & 255 for i in range(size))
    r = post(proxy, "Unary", base64.b64encode(frame(data)), "application/grpc-web-text")
    assert r.get("content-type") == "application/grpc-web-text+proto"
    messages, fields = trailers(base64.b64decode(r.body))
    assert messages == [data] and fields[b"grpc-status"] == b"0"


def test_bad_base64_is_refused(proxy):
    r = post(proxy, "Unary", b"!!!!", "application/grpc-web-text")
    assert r.status == 400 or r.get("grpc-status") == "13"
