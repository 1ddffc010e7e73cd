"""Proxies for HTTP/2: in front of an HTTP/1 upstream, shared by the cases that only read."""
import pytest

from lib import conf, http2


def h2_cluster(*ports, **options):
    return {"typed_extension_protocol_options": conf.http_options(
        explicit_http_config={"http2_protocol_options": options})}


@pytest.fixture(scope="module")
def strict(shared_nuncio, shared_upstream):
    """Stream errors stay with their stream."""
    return shared_nuncio(conf.http_proxy(shared_upstream, http2_protocol_options={
        "override_stream_error_on_invalid_http_message": True, "allow_connect": True}))


@pytest.fixture
def servers():
    """servers(handler, ...) makes an http2.Server each time it is called."""
    made = []

    def factory(*a, **kw):
        made.append(http2.Server(*a, **kw))
        return made[-1]

    yield factory
    for s in made:
        s.stop()


@pytest.fixture
def to_h2(nuncio, servers):
    """to_h2(handler, cluster options, **hcm) is a proxy in front of an HTTP/2 upstream and that."""
    def factory(handler=None, options=None, pairs=(), on_head=None, cluster_kw=None, **kw):
        up = servers(handler, pairs=pairs, on_head=on_head)
        n = nuncio(conf.http_proxy(up, cluster_kw={**h2_cluster(**(options or {})),
                                                   **(cluster_kw or {})}, **kw))
        return n, up
    return factory
