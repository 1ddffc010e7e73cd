"""Listener filters, and the filter chains they help to choose."""
import os
import socket
import ssl
import struct
import time

import pytest

from lib import conf
from lib.l4 import (ask, connect, direct, echo, lis_filter, net_filter, read_all, run_check, says,
                    server, tcp_proxy)
from lib.wait import DEADLINE, wait_until

TLS_INSPECTOR = lis_filter("tls_inspector")
HTTP_INSPECTOR = lis_filter("http_inspector")
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def chains(nuncio, matches, filters=(), default=None, **listener):
    """A listener with one chain per (text, match); it says the text."""
    lst = {"name": "main", "address": conf.address(0), "listener_filters": list(filters),
           "filter_chains": [{"name": text, "filter_chain_match": match,
                              "filters": [direct(text)]} for text, match in matches], **listener}
    if default:
        lst["default_filter_chain"] = {"name": "default", "filters": [direct(default)]}
    return nuncio(conf.bootstrap([lst]))


def hello(name=None, alpn=()):
    """The ClientHello of a real client."""
    ctx = ssl.create_default_context()
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    s = ctx.wrap_bio(into, out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        s.do_handshake()
    return out.read()


def v2(source, destination, command=1, family=0x11, tlvs=b""):
    if family >> 4 == 1:
        a = struct.pack("!4s4sHH", socket.inet_aton(source[0]), socket.inet_aton(destination[0]),
                        source[1], destination[1])
    else:
        a = struct.pack("!16s16sHH", socket.inet_pton(socket.AF_INET6, source[0]),
                        socket.inet_pton(socket.AF_INET6, destination[0]), source[1],
                        destination[1])
    return V2 + bytes([0x20 | command, family]) + struct.pack("!H", len(a) + len(tlvs)) + a + tlvs


# ---- tls_inspector

def test_server_names_choose_chains(nuncio):
    n = chains(nuncio, [("a", {"server_names": ["a.example.com"]}),
                        ("wild", {"server_names": ["*.example.com"]}),
                        ("tls", {"transport_protocol": "tls"}),
                        ("plain", {"transport_protocol": "raw_buffer"})], [TLS_INSPECTOR])
    for name, said in (("a.example.com", b"a"), ("A.Example.COM", b"a"), ("b.example.com", b"wild"),
                       ("x.b.example.com", b"wild"), ("example.org", b"tls"), (None, b"tls")):
        assert ask(n.port(), hello(name), shut=False) == said, name
    assert ask(n.port(), b"plain text, no TLS", shut=False) == b"plain"
    assert n.stat("tls_inspector.tls_found") == 6
    assert n.stat("tls_inspector.sni_found") == 5
    assert n.stat("tls_inspector.sni_not_found") == 1
    assert n.stat("tls_inspector.tls_not_found") == 1


def test_application_protocols_choose_chains(nuncio):
    n = chains(nuncio, [("h2", {"application_protocols": ["h2"]}),
                        ("h1", {"application_protocols": ["http/1.1"]})], [TLS_INSPECTOR], "other")
    assert ask(n.port(), hello("x", ["h2", "http/1.1"]), shut=False) == b"h2"
    assert ask(n.port(), hello("x", ["http/1.1"]), shut=False) == b"h1"
    assert ask(n.port(), hello("x"), shut=False) == b"other"
    assert n.stat("tls_inspector.alpn_found") == 2


def test_a_hello_may_come_byte_by_byte(nuncio):
    n = chains(nuncio, [("a", {"server_names": ["a.example.com"]})], [TLS_INSPECTOR])
    with connect(n.port()) as c:
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for b in hello("a.example.com"):
            c.sendall(bytes([b]))
        assert read_all(c) == b"a"


def test_a_hello_may_be_cut_into_records(nuncio):
    n = chains(nuncio, [("a", {"server_names": ["a.example.com"]})], [TLS_INSPECTOR])
    body = hello("a.example.com")[5:]
    cut = b"".join(b"\x16\3\1" + struct.pack("!H", len(p)) + p
                   for p in (body[i:i + 7] for i in range(0, len(body), 7)))
    assert ask(n.port(), cut, shut=False) == b"a"


def test_a_hello_that_is_too_large_closes(nuncio):
    n = chains(nuncio, [("a", {})], [lis_filter("tls_inspector", max_client_hello_size=256)])
    assert ask(n.port(), hello("a.example.com", ["x" * 200]), shut=False) == b""
    assert n.stat("tls_inspector.client_hello_too_large") == 1


def test_a_malformed_hello_goes_on_as_plain_or_closes_when_asked(nuncio):
    bad = b"\x16\3\1\0\x20\1\0\0\x1c\3\3" + b"r" * 32
    n = chains(nuncio, [("plain", {})], [TLS_INSPECTOR])
    assert ask(n.port(), bad, shut=False) == b"plain"
    n = chains(nuncio, [("plain", {})], [lis_filter(
        "tls_inspector", close_connection_on_client_hello_parsing_errors=True)])
    assert ask(n.port(), bad, shut=False) == b""


def test_sni_cluster_takes_the_server_name_as_cluster(nuncio):
    with server(says("one")) as one, server(says("two")) as two:
        n = nuncio(conf.bootstrap(
            [conf.listener(net_filter("sni_cluster"), tcp_proxy("one"),
                           listener_filters=[TLS_INSPECTOR])],
            [conf.cluster("one", one), conf.cluster("two", two)]))
        assert ask(n.port(), hello("two")) == b"two"
        assert ask(n.port(), hello("one")) == b"one"
        assert ask(n.port(), hello()) == b"one"
        assert ask(n.port(), hello("three")) == b""


# ---- http_inspector

@pytest.mark.parametrize("data, said", [
    (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"h1"),
    (b"OPTIONS * HTTP/1.0\r\n\r\n", b"h10"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"h2"),
    (b"SSH-2.0-OpenSSH_9\r\n", b"other"),
    (b"\0\1\2\3", b"other"),
    (b"GET / FTP/1.1\r\n", b"other"),
])
def test_http_inspector_tells_protocols(nuncio, data, said):
    n = chains(nuncio, [("h2", {"application_protocols": ["h2c"]}),
                        ("h1", {"application_protocols": ["http/1.1"]}),
                        ("h10", {"application_protocols": ["http/1.0"]})], [HTTP_INSPECTOR], "other")
    assert ask(n.port(), data, shut=False) == said


def test_http_behind_an_inspector_is_served(nuncio, upstream):
    n = nuncio(conf.bootstrap(
        [conf.listener(conf.hcm(), listener_filters=[TLS_INSPECTOR, HTTP_INSPECTOR])],
        [conf.cluster("up", upstream)]))
    for _ in range(3):
        assert n.get("/").status == 200
    assert n.stat("http_inspector.http11_found") >= 1


# ---- proxy_protocol

def pp(**kw):
    return lis_filter("proxy_protocol", **kw)


def logged(nuncio, **kw):
    with server(echo) as port:
        n = nuncio(conf.bootstrap(
            [conf.listener(tcp_proxy("up", log=False, access_log=[conf.file_log(
                text="%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
                     "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\n")]),
                listener_filters=[pp(**kw)])], [conf.cluster("up", port)]))
        yield n


@pytest.fixture
def pp_nuncio(nuncio):
    yield from logged(nuncio)


def last_line(n):
    path = f"{n.dir}/access.log"
    wait_until(lambda: os.path.exists(path) and open(path).read())
    return open(path).read().splitlines()[-1].split()


@pytest.mark.parametrize("head, remote, local", [
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n", "1.2.3.4:1000", "5.6.7.8:2000"),
    (b"PROXY TCP6 1::2 3::4 1000 2000\r\n", "[1::2]:1000", "[3::4]:2000"),
    (v2(("1.2.3.4", 1000), ("5.6.7.8", 2000)), "1.2.3.4:1000", "5.6.7.8:2000"),
    (v2(("1::2", 1000), ("3::4", 2000), family=0x21), "[1::2]:1000", "[3::4]:2000"),
    (v2(("1.2.3.4", 1000), ("5.6.7.8", 2000), tlvs=b"\x02\0\3abc\x04\0\0"), "1.2.3.4:1000",
     "5.6.7.8:2000"),
])
def test_addresses_of_the_header_are_those_of_the_connection(pp_nuncio, head, remote, local):
    n = pp_nuncio
    assert ask(n.port(), head + b"payload") == b"payload"
    assert last_line(n) == [remote, local, "127.0.0.1"]


@pytest.mark.parametrize("head", [
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff:: and more\r\n",
    v2(("1.2.3.4", 1), ("5.6.7.8", 2), command=0),
    V2 + b"\x20\0\0\0",
    V2 + b"\x21\0\0\0",
    V2 + b"\x21\x31\0\xd8" + b"u" * 216,
    V2 + b"\x21\x51\0\4abcd",
])
def test_local_and_unknown_leave_addresses_as_they_are(pp_nuncio, head):
    n = pp_nuncio
    assert ask(n.port(), head + b"payload") == b"payload"
    assert last_line(n)[0].startswith("127.0.0.1:")


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1000\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 70000\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000 9\r\n",
    b"PROXY TCP4 1::2 3::4 1000 2000\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 01000 2000\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\n",
    b"PROXY TCP4 1.2.3.4  5.6.7.8 1000 2000\r\n",
    b"PROXY " + b"x" * 200,
    V2 + b"\x11\x11\0\x0c" + b"a" * 12,
    V2 + b"\x22\x11\0\x0c" + b"a" * 12,
    V2 + b"\x21\x11\0\x0b" + b"a" * 11,
    V2 + b"\x21\x11\0\x0e" + b"a" * 14,
    V2 + b"\x21\x11\0\x10" + b"a" * 12 + b"\1\xff\xff\0",
])
def test_what_is_no_header_closes(pp_nuncio, head):
    n = pp_nuncio
    assert ask(n.port(), head, shut=False) == b""
    assert n.stat(f"listener.127.0.0.1_{n.port()}.downstream_listener_filter_error") == 1


def test_a_header_may_come_in_pieces(pp_nuncio):
    n = pp_nuncio
    with connect(n.port()) as c:
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for b in v2(("1.2.3.4", 1000), ("5.6.7.8", 2000)) + b"x":
            c.sendall(bytes([b]))
        assert c.recv(1) == b"x"


def test_connections_without_a_header_may_be_allowed(nuncio):
    for n in logged(nuncio, allow_requests_without_proxy_protocol=True, stat_prefix="p"):
        assert ask(n.port(), b"payload") == b"payload"
        assert n.stat("proxy_proto.p.not_found_allowed") == 1
        assert ask(n.port(), b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\nx") == b"x"
        assert n.stat("proxy_proto.p.versions.v1.found") == 1


def test_a_version_may_be_disallowed(nuncio):
    for n in logged(nuncio, disallowed_versions=["V1"]):
        assert ask(n.port(), b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\nx", shut=False) == b""
        assert n.stat("proxy_proto.versions.v1.disallowed") == 1
        assert ask(n.port(), v2(("1.2.3.4", 1), ("5.6.7.8", 2)) + b"x") == b"x"
        assert n.stat("proxy_proto.versions.v2.found") == 1


def test_chains_are_matched_by_what_the_header_says(nuncio):
    n = chains(nuncio, [
        ("port", {"destination_port": 8443}),
        ("prefix", {"prefix_ranges": [{"address_prefix": "5.6.0.0", "prefix_len": 16}]}),
        ("longer", {"prefix_ranges": [{"address_prefix": "5.6.7.0", "prefix_len": 24}]}),
        ("source", {"source_prefix_ranges": [{"address_prefix": "9.0.0.0", "prefix_len": 8}]}),
        ("sport", {"source_prefix_ranges": [{"address_prefix": "9.0.0.0", "prefix_len": 8}],
                   "source_ports": [77]}),
        ("direct", {"direct_source_prefix_ranges": [
            {"address_prefix": "127.0.0.0", "prefix_len": 8}], "source_type": "EXTERNAL"}),
        ("same", {"direct_source_prefix_ranges": [
            {"address_prefix": "127.0.0.0", "prefix_len": 8}],
            "source_type": "SAME_IP_OR_LOOPBACK"})], [pp()], "default")
    for source, destination, said in (
            (("1.1.1.1", 1), ("5.6.7.8", 8443), b"port"),
            (("1.1.1.1", 1), ("5.6.7.8", 80), b"longer"),
            (("1.1.1.1", 1), ("5.6.9.8", 80), b"prefix"),
            (("1.1.1.1", 1), ("7.7.7.7", 80), b"direct"),
            (("7.7.7.7", 1), ("7.7.7.7", 80), b"same")):
        assert ask(n.port(), v2(source, destination), shut=False) == said


# ---- the phase as a whole

def test_a_silent_connection_is_closed_after_the_timeout(nuncio):
    n = chains(nuncio, [("x", {})], [TLS_INSPECTOR], listener_filters_timeout="0.2s")
    begin = time.monotonic()
    assert ask(n.port(), shut=False) == b""
    assert 0.15 < time.monotonic() - begin < 5
    assert n.stat(f"listener.127.0.0.1_{n.port()}.downstream_pre_cx_timeout") == 1


def test_a_silent_connection_may_go_on_after_the_timeout(nuncio):
    n = chains(nuncio, [("x", {})], [TLS_INSPECTOR], listener_filters_timeout="0.2s",
               continue_on_listener_filters_timeout=True)
    assert ask(n.port(), shut=False) == b"x"


def test_no_chain_closes_and_is_counted(nuncio):
    n = chains(nuncio, [("x", {"server_names": ["x"]})], [TLS_INSPECTOR])
    assert ask(n.port(), hello("y"), shut=False) == b""
    assert n.stat(f"listener.127.0.0.1_{n.port()}.no_filter_chain_match") == 1


def test_a_peer_that_leaves_early_is_counted(nuncio):
    n = chains(nuncio, [("x", {})], [TLS_INSPECTOR])
    assert ask(n.port(), b"\x16\3\1") == b""
    wait_until(lambda: n.stat(
        f"listener.127.0.0.1_{n.port()}.downstream_listener_filter_remote_close") == 1)


def test_two_chains_for_the_same_connections_are_an_error_that_names_both(nuncio):
    lst = {"name": "main", "address": conf.address(0), "filter_chains": [
        {"name": "one", "filter_chain_match": {"server_names": ["a", "b"]},
         "filters": [direct("1")]},
        {"name": "two", "filter_chain_match": {"server_names": ["b", "c"]},
         "filters": [direct("2")]}]}
    r = run_check(nuncio(conf.bootstrap([lst]), start=False))
    text = r.stdout + r.stderr
    assert r.returncode and '"one"' in text and '"two"' in text
    assert text.count("same matching rules") == 1


@pytest.mark.parametrize("match, word", [
    ({"server_names": ["a*.example.com"]}, "wildcards"),
    ({"server_names": ["*"]}, "wildcards"),
    ({"prefix_ranges": [{"address_prefix": "x"}]}, "not an IP address"),
    ({"prefix_ranges": [{"address_prefix": "1.2.3.4", "prefix_len": 33}]}, "more than"),
    ({"destination_port": 70000}, "65535"),
    ({"address_suffix": "1.2.3.4"}, "address_suffix"),
])
def test_wrong_matches_are_told(nuncio, match, word):
    lst = {"name": "main", "address": conf.address(0), "filter_chains": [
        {"filter_chain_match": match, "filters": [direct("1")]}]}
    r = run_check(nuncio(conf.bootstrap([lst]), start=False))
    assert r.returncode and word in r.stdout + r.stderr
