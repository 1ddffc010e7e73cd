"""Listeners: addresses, socket options, limits of connections, sharing out to workers."""
import os
import re
import socket
import stat

import pytest

from lib import conf
from lib.l4 import (ask, connect, direct, echo, free_port, log_lines, net_filter, read_all,
                    run_check, says, server, tcp_proxy)
from lib.wait import wait_until

ECHO = net_filter("echo")
LIMITS = "envoy.resource_limits.listener.main.connection_limit"
GLOBAL = "overload.global_downstream_max_connections"


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


def tried(port, host="127.0.0.1"):
    """b"x" when the connection was served."""
    return ask(port, b"x", host)


def test_a_listener_may_have_several_addresses(nuncio, tmp_path):
    second, path = free_port(), str(tmp_path / "s")
    more = [{"address": conf.address(second)}, {"address": {"pipe": {"path": path, "mode": 0o640}}}]
    n = nuncio(conf.bootstrap([conf.listener(ECHO, additional_addresses=more)]), concurrency=2)
    for _ in range(4):
        assert tried(n.port()) == b"x"
        assert tried(second) == b"x"
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(path)
            c.sendall(b"y")
            assert c.recv(1) == b"y"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    n.change(conf.bootstrap([conf.listener(ECHO, additional_addresses=more[1:])]))
    n.reload()
    wait_until(lambda: refused(second), "the second address is closed")
    assert tried(n.port()) == b"x"


def refused(port):
    try:
        connect(port).close()
        return False
    except ConnectionRefusedError:
        return True


def test_an_address_of_two_listeners_is_refused_for_additional_ones_too(nuncio):
    port = free_port()
    n = nuncio(conf.bootstrap([
        conf.listener(ECHO, additional_addresses=[{"address": conf.address(port, "x")}])]),
        start=False)
    r = run_check(n)
    assert r.returncode and "is not an IP address" in r.stdout + r.stderr


def test_an_abstract_socket_is_listened_on(nuncio):
    name = f"nuncio-test-{os.getpid()}"
    lst = conf.listener(ECHO, additional_addresses=[{"address": {"pipe": {"path": "@" + name}}}])
    nuncio(conf.bootstrap([lst]))
    with socket.socket(socket.AF_UNIX) as c:
        c.connect("\0" + name)
        c.sendall(b"y")
        assert c.recv(1) == b"y"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("compat", [False, True])
def test_ipv4_comes_to_an_ipv6_address_when_compat_is_set(nuncio, compat):
    port = free_port()
    a = {"socket_address": {"address": "::", "port_value": port, "ipv4_compat": compat}}
    n = nuncio(conf.bootstrap([conf.listener(ECHO, additional_addresses=[{"address": a}])]))
    assert tried(n.port()) == b"x"
    assert tried(port, "::1") == b"x"
    if compat:
        assert tried(port) == b"x"
    else:
        assert refused(port)


def test_freebind_binds_to_an_address_that_is_not_here(nuncio):
    a = {"address": conf.address(free_port(), "192.0.2.77")}
    n = nuncio(conf.bootstrap([conf.listener(ECHO, freebind=True, additional_addresses=[a])]))
    assert tried(n.port()) == b"x"


def test_socket_options_are_taken(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(
        ECHO, tcp_fast_open_queue_length=16, tcp_backlog_size=64,
        tcp_keepalive={"keepalive_time": 30, "keepalive_interval": 5, "keepalive_probes": 2})]))
    with connect(n.port()) as c:
        c.sendall(b"x")
        assert c.recv(1) == b"x"


def layered(**values):
    return {"layered_runtime": {"layers": [{"name": "static", "static_layer": values}]}}


def test_a_listener_has_a_limit_of_connections(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(ECHO)], **layered(**{LIMITS: 2})), concurrency=2)
    name = f"listener.127.0.0.1_{n.port()}."
    wait_until(lambda: n.stat(name + "downstream_cx_active") == 0)
    with connect(n.port()) as a, connect(n.port()) as b:
        for c in (a, b):
            c.sendall(b"x")
            assert c.recv(1) == b"x"
        assert tried(n.port()) == b""
        assert n.stat(name + "downstream_cx_overflow") == 1
    wait_until(lambda: n.stat(name + "downstream_cx_active") == 0)
    assert tried(n.port()) == b"x"


def test_all_listeners_have_a_limit_that_some_ignore(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(ECHO), conf.listener(ECHO, name="b"), conf.listener(
        ECHO, name="c", ignore_global_conn_limit=True)], **layered(**{GLOBAL: 1})))
    wait_until(lambda: n.stat(f"listener.127.0.0.1_{n.port()}.downstream_cx_active") == 0)
    with connect(n.port()) as a:
        a.sendall(b"x")
        assert a.recv(1) == b"x"
        assert tried(n.port("b")) == b""
        assert tried(n.port("c")) == b"x"
        assert n.stat(f"listener.127.0.0.1_{n.port('b')}.downstream_global_cx_overflow") == 1


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_exact_balance_shares_connections_out_evenly(nuncio, workers):
    n = nuncio(conf.bootstrap([conf.listener(
        ECHO, connection_balance_config={"exact_balance": {}})]), concurrency=workers)
    name = f"listener.127.0.0.1_{n.port()}."
    wait_until(lambda: n.stat(name + "downstream_cx_active") == 0)
    held = [connect(n.port()) for _ in range(40)]
    try:
        for c in held:
            c.sendall(b"x")
            assert c.recv(1) == b"x"
        got = [n.stat(f"{name}worker_{i}.downstream_cx_active") for i in range(workers)]
        assert sum(got) == 40
        assert max(got) * workers / 40 <= 1.15, got
    finally:
        for c in held:
            c.close()


def test_connections_come_in_when_a_balanced_worker_stands_still(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(
        ECHO, connection_balance_config={"exact_balance": {}})]), concurrency=2)
    held = [connect(n.port()) for _ in range(4)]
    for c in held:
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    pid = n.workers()[0] if hasattr(n, "workers") else None
    if pid is None:
        pytest.skip("the harness does not tell workers")
    import signal
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            with connect(n.port()) as c:
                c.sendall(b"y")
                assert c.recv(1) == b"y"
                held.append(connect(n.port()))
                held[-1].sendall(b"z")
                assert held[-1].recv(1) == b"z"
    finally:
        os.kill(pid, signal.SIGCONT)
        for c in held:
            c.close()


def test_log_filters_are_obeyed_by_tcp_proxy(nuncio):
    with server(says("up")) as port:
        log = conf.file_log(text="%RESPONSE_FLAGS%\n")
        log["filter"] = {"response_flag_filter": {"flags": ["UF"]}}
        typed = conf.file_log(path="{dir}/types.log", text="%ACCESS_LOG_TYPE%\n")
        typed["filter"] = {"log_type_filter": {"types": ["TcpConnectionEnd"]}}
        n = nuncio(conf.bootstrap(
            [conf.listener(tcp_proxy(log=False, access_log=[log, typed])),
             conf.listener(tcp_proxy("down", log=False, access_log=[log]), name="b")],
            [conf.cluster("up", port), conf.cluster("down", free_port())]))
        assert ask(n.port()) == b"up"
        assert ask(n.port("b")) == b""
        wait_until(lambda: os.path.exists(f"{n.dir}/access.log")
                   and open(f"{n.dir}/access.log").read() == "UF,URX\n")
        wait_until(lambda: "TcpConnectionEnd" in open(f"{n.dir}/types.log").read())


def test_restored_destinations_go_to_their_listener(nuncio):
    from lib.l4 import lis_filter

    def hidden(name, port, text, host="0.0.0.0"):
        return {**conf.listener(direct(text), name=name, host=host), "bind_to_port": False,
                "address": conf.address(port, host)}

    first = conf.listener(direct("own"), use_original_dst=True,
                          listener_filters=[lis_filter("proxy_protocol")])
    listeners = [first, hidden("any", 81, "any"), hidden("exact", 81, "exact", "5.6.7.8")]
    n = nuncio(conf.bootstrap(listeners))

    def to(ip, port):
        return ask(n.port(), b"PROXY TCP4 1.2.3.4 %s 9 %d\r\n" % (ip.encode(), port), shut=False)

    assert to("5.6.7.8", 81) == b"exact"
    assert to("5.6.7.9", 81) == b"any"
    assert to("5.6.7.9", 82) == b"own"
    assert n.stat("listener.5.6.7.8_81.downstream_cx_total") == 1
    n.change(conf.bootstrap([first, hidden("any", 82, "moved")]))
    n.reload()
    assert to("5.6.7.8", 81) == b"own"
    assert to("5.6.7.8", 82) == b"moved"
