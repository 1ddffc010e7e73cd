"""python's grpcio through the proxy: every kind of call, deadlines, cancelling, errors."""
import threading

import grpc
import pytest

from lib import conf, http2 as h
from lib.http2 import Client
from lib.wait import DEADLINE

S = "/test.Echo/"


def h2_cluster():
    return {"typed_extension_protocol_options": conf.http_options(
        explicit_http_config={"http2_protocol_options": {}})}


def test_unary(channel):
    assert channel.unary_unary(S + "Unary")(b"hello", timeout=DEADLINE) == b"hello"


@pytest.mark.parametrize("size", [0, 1, 16384, 65536, 8 << 20])
def test_messages_of_any_size(channel, size):
    data = b"x" * size
    assert channel.unary_unary(S + "Unary")(data, timeout=30) == data


def test_client_streaming(channel):
    parts = [b"%d" % i for i in range(500)]
    assert channel.stream_unary(S + "Collect")(iter(parts), timeout=DEADLINE) == b",".join(parts)


def test_server_streaming(channel):
    parts = [b"%d" % i for i in range(500)]
    assert list(channel.unary_stream(S + "Split")(b",".join(parts), timeout=DEADLINE)) == parts


def test_bidirectional_streaming_in_lock_step(channel):
    turn = threading.Semaphore(1)

    def ask():
        for i in range(50):
            turn.acquire()
            yield b"%d" % i
    got = []
    for m in channel.stream_stream(S + "Chat")(ask(), timeout=DEADLINE):
        got.append(m)
        turn.release()
    assert got == [b"re:%d" % i for i in range(50)]


def test_metadata_both_ways(channel):
    call = channel.unary_unary(S + "Meta")
    got, c = call.with_call(b"", timeout=DEADLINE,
                            metadata=(("x-a", "1"), ("x-a", "2"), ("x-raw-bin", b"\0\xfe")))
    assert b"('x-a', " in got and b"x-raw-bin" in got
    assert dict(c.initial_metadata())["x-bin"] == b"\0\1\xff"
    assert dict(c.trailing_metadata())["x-last"] == "2"


@pytest.mark.parametrize("code", range(1, 17))
def test_every_status_passes_with_text_and_metadata(channel, code):
    with pytest.raises(grpc.RpcError) as e:
        channel.unary_unary(S + "Fail")(b"%d" % code, timeout=DEADLINE)
    assert e.value.code().value[0] == code
    assert e.value.details() == "text with \u00fc and %"
    assert dict(e.value.trailing_metadata())["why"] == "because"


def test_an_unknown_method_is_trailers_only(channel):
    with pytest.raises(grpc.RpcError) as e:
        channel.unary_unary(S + "Nothing")(b"", timeout=DEADLINE)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_ends_the_call_on_both_sides(channel, service):
    service.cancelled.clear()
    with pytest.raises(grpc.RpcError) as e:
        channel.unary_unary(S + "Slow")(b"", timeout=0.3)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.cancelled.wait(DEADLINE)


def test_cancelling_reaches_the_server(channel, service):
    service.cancelled.clear()
    before = service.calls
    call = channel.unary_unary(S + "Slow").future(b"")
    while service.calls == before:
        pass
    call.cancel()
    assert service.cancelled.wait(DEADLINE)


def test_many_calls_at_once(channel):
    call = channel.unary_unary(S + "Unary")
    futures = [call.future(b"%d" % i, timeout=30) for i in range(300)]
    assert [f.result() for f in futures] == [b"%d" % i for i in range(300)]


def grpc_request(path="/test.Echo/Unary", headers=()):
    return h.request("POST", path, [("content-type", "application/grpc"), ("te", "trailers"),
                                    *headers])


LOCAL = [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14),
         (500, 2), (418, 2)]


@pytest.mark.parametrize("status,code", LOCAL)
def test_local_replies_are_trailers_only(nuncio, status, code):
    n = nuncio(conf.http_proxy(routes=[conf.direct("/", status, "no, 100%")], clusters=[]))
    with Client(n.port()) as c:
        s = c.get(grpc_request(), body=b"\0\0\0\0\0")
        assert s.status == 200 and s.frames == [] and s.trailers is None
        assert s.get("content-type") == "application/grpc"
        assert (s.get("grpc-status"), s.get("grpc-message")) == (str(code), "no, 100%25")


def test_an_upstream_that_is_away_is_unavailable(nuncio):
    from lib.ports import unused_port
    n = nuncio(conf.http_proxy(unused_port()))
    with grpc.insecure_channel(f"127.0.0.1:{n.port()}") as c, pytest.raises(grpc.RpcError) as e:
        c.unary_unary(S + "Unary")(b"", timeout=DEADLINE)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_grpc_timeout_of_a_request_is_obeyed(nuncio, service):
    service.cancelled.clear()
    n = nuncio(conf.http_proxy(service, cluster_kw=h2_cluster(), routes=[
        conf.route("/", max_stream_duration={"grpc_timeout_header_max": "0s"})]))
    with Client(n.port()) as c:
        s = c.get(grpc_request("/test.Echo/Slow", [("grpc-timeout", "300m")]),
                  body=b"\0\0\0\0\0")
        assert s.reset is not None or s.get("grpc-status") == "4", s.headers
    assert service.cancelled.wait(DEADLINE)
