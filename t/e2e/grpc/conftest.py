"""A gRPC server and proxies in front of it; messages are plain bytes, no stubs."""
import concurrent.futures
import threading

import grpc
import pytest

from lib import conf

PING = "/test.Echo/"
LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Service(grpc.GenericRpcHandler):
    """Unary, Collect, Split, Chat; Slow waits, Fail fails, Meta tells what it was sent."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.calls = 0

    def service(self, details):
        kind = details.method.rsplit("/", 1)[1]
        self.calls += 1
        return {"Unary": grpc.unary_unary_rpc_method_handler(lambda m, c: m),
                "Collect": grpc.stream_unary_rpc_method_handler(lambda it, c: b",".join(it)),
                "Split": grpc.unary_stream_rpc_method_handler(lambda m, c: iter(m.split(b","))),
                "Chat": grpc.stream_stream_rpc_method_handler(
                    lambda it, c: (b"re:" + m for m in it)),
                "Slow": grpc.unary_unary_rpc_method_handler(self.slow),
                "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                "Meta": grpc.unary_unary_rpc_method_handler(self.meta)}.get(kind)

    def slow(self, m, context):
        if not context.add_callback(self.cancelled.set):
            self.cancelled.set()                # it was over before we could ask
        self.cancelled.wait(10)
        return m

    def fail(self, m, context):
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode(self.code(m)), "text with \u00fc and %")

    @staticmethod
    def code(m):
        return next(c.value for c in grpc.StatusCode if c.value[0] == int(m))

    def meta(self, m, context):
        got = {k: v for k, v in context.invocation_metadata() if k.startswith("x-")}
        context.send_initial_metadata((("x-initial", "1"), ("x-bin", b"\0\1\xff")))
        context.set_trailing_metadata((("x-last", "2"),))
        return repr(sorted(got.items())).encode()


@pytest.fixture(scope="module")
def service():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=LIMITS)
    s = Service()
    server.add_generic_rpc_handlers((s,))
    s.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield s
    server.stop(0)


def h2_cluster():
    return {"typed_extension_protocol_options": conf.http_options(
        explicit_http_config={"http2_protocol_options": {}})}


@pytest.fixture(scope="module")
def through(shared_nuncio, service):
    return shared_nuncio(conf.http_proxy(service, cluster_kw=h2_cluster(),
                                         routes=[conf.route("/", timeout="0s")]))


@pytest.fixture
def channel(through):
    with grpc.insecure_channel(f"127.0.0.1:{through.port()}", LIMITS) as c:
        yield c
