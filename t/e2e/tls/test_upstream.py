"""TLS towards upstream hosts."""
import ssl

import pytest

from lib import conf, tls
from lib.certs import Ca
from lib.wait import wait_until


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca):
    return ca.issue("host", ["DNS:host.test"], "rsa")


@pytest.fixture
def server():
    made = []

    def factory(*a, **kw):
        made.append(tls.Server(*a, **kw))
        return made[-1]

    yield factory
    for s in made:
        s.close()


def proxy(up, cluster_kw=None, **kw):
    return conf.http_proxy(up, cluster_kw={"transport_socket": tls.upstream(**kw),
                                           **(cluster_kw or {})})


def trust(ca, **kw):
    return {"validation_context": {"trusted_ca": {"filename": ca.pem}, **kw}}


def test_a_host_is_verified(nuncio, server, ca, pair, tmp_path):
    up = server(pair)
    san = {"match_typed_subject_alt_names": [
        {"san_type": "DNS", "matcher": {"exact": "host.test"}}]}
    n = nuncio(proxy(up, sni="host.test", common=trust(ca, **san)))
    assert n.get("/").status == 200
    assert up.names == ["host.test"]
    assert up.protocols == [None]
    assert n.stat("cluster.up.ssl.handshake") == 1

    n = nuncio(proxy(up, common=trust(Ca(tmp_path, "alien"))))
    assert n.get("/").status == 503
    assert n.stat("cluster.up.ssl.fail_verify_error") == 1
    assert n.stat("cluster.up.upstream_cx_connect_fail") == 1
    assert n.access_log()[0]["flags"] == "UF"

    san["match_typed_subject_alt_names"][0]["matcher"]["exact"] = "other.test"
    n = nuncio(proxy(up, common=trust(ca, **san)))
    assert n.get("/").status == 503
    assert n.stat("cluster.up.ssl.fail_verify_san") == 1


def test_why_a_connection_failed_is_told(nuncio, server, pair, tmp_path):
    log = conf.file_log(text="%UPSTREAM_TRANSPORT_FAILURE_REASON%\n")
    c = proxy(server(pair), common=trust(Ca(tmp_path, "alien")))
    hcm = c["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    hcm["typed_config"]["access_log"] = [log]
    n = nuncio(c)
    assert n.get("/").status == 503
    wait_until(lambda: "verify_cert_failed" in open(n.dir + "/access.log").read(), "the reason")


def test_we_show_our_certificate(nuncio, server, ca, pair, tmp_path):
    me = ca.issue("me", ["DNS:me.test"], folder=tmp_path)
    up = server(pair, client_ca=ca)
    n = nuncio(proxy(up, common={"tls_certificates": [me.source()]}))
    assert n.get("/").status == 200
    assert up.peers[0]["subjectAltName"] == (("DNS", "me.test"),)
    n = nuncio(proxy(up))
    assert n.get("/").status == 503


def test_names_follow_the_host(nuncio, server, ca, pair):
    up = server(pair)
    hosts = conf.cluster("up", up)
    endpoint = hosts["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    endpoint["hostname"] = "host.test"
    hosts["transport_socket"] = tls.upstream(auto_host_sni=True, auto_sni_san_validation=True,
                                             common=trust(ca))
    n = nuncio(conf.http_proxy(clusters=[hosts]))
    assert n.get("/").status == 200
    assert up.names == ["host.test"]
    endpoint["hostname"] = "else.test"
    n = nuncio(conf.http_proxy(clusters=[hosts]))
    assert n.get("/").status == 503
    assert n.stat("cluster.up.ssl.fail_verify_san") == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_kept_for_the_next_connection(nuncio, server, pair, version):
    def count(**kw):
        up = server(pair, high=version)
        n = nuncio(proxy(up, cluster_kw={"typed_extension_protocol_options": conf.http_options(
            common_http_protocol_options={"max_requests_per_connection": 1})}, **kw))
        for _ in range(4):
            assert n.get("/").status == 200
        return sum(up.reused)

    assert count() == 3
    assert count(max_session_keys=0) == 0


def test_alpn_is_sent(nuncio, server, pair):
    up = server(pair, alpn=["http/1.1", "odd"])
    assert nuncio(proxy(up)).get("/").status == 200
    assert nuncio(proxy(up, common={"alpn_protocols": ["odd"]})).get("/").status == 200
    assert up.protocols == ["http/1.1", "odd"]


def test_a_body_that_breaks_off_without_a_goodbye_is_no_whole_body(nuncio, server, pair):
    up = server(pair, truncate=True)
    n = nuncio(proxy(up))
    try:
        n.get("/")
        whole = True
    except Exception:
        whole = False
    assert not whole
    assert n.access_log()[0]["flags"] == "UC"
