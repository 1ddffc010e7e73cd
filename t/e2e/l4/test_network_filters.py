"""Network filters besides tcp_proxy, field by field, and several of them in one chain."""
import os
import time

import pytest

from lib import conf
from lib.l4 import (ask, connect, direct, echo, lis_filter, net_filter, read_all, run_check, says,
                    server, tcp_proxy)
from lib.wait import wait_until

ECHO = net_filter("echo")


def chain(nuncio, *filters, clusters=(), concurrency=1, **listener):
    return nuncio(conf.bootstrap([conf.listener(*filters, **listener)], clusters),
                  concurrency=concurrency)


def test_echo_sends_back_what_it_gets(nuncio):
    n = chain(nuncio, ECHO)
    data = os.urandom(300_000)
    with connect(n.port()) as c:
        import threading
        t = threading.Thread(target=c.sendall, args=(data,))
        t.start()
        got = b""
        while len(got) < len(data):
            got += c.recv(65536)
        t.join()
    assert got == data


def test_direct_response_sends_its_text_and_closes(nuncio):
    n = chain(nuncio, direct("hello\n"))
    assert ask(n.port(), shut=False) == b"hello\n"
    assert ask(n.port(), b"something", shut=False) == b"hello\n"


def test_an_http_chain_may_have_filters_before_the_connection_manager(nuncio, upstream):
    n = nuncio(conf.bootstrap(
        [conf.listener(net_filter("connection_limit", stat_prefix="x", max_connections=5),
                       conf.hcm())], [conf.cluster("up", upstream)]))
    assert n.get("/").status == 200
    n.change(conf.bootstrap(
        [conf.listener(net_filter("connection_limit", stat_prefix="x", max_connections=6),
                       conf.hcm(stat_prefix="other"))], [conf.cluster("up", upstream)]))
    n.reload()
    assert n.get("/").status == 200


def test_connection_limit_closes_what_is_too_many(nuncio):
    n = chain(nuncio, net_filter("connection_limit", stat_prefix="l", max_connections=2), ECHO,
              concurrency=2)
    with connect(n.port()) as a, connect(n.port()) as b:
        for c in (a, b):
            c.sendall(b"x")
            assert c.recv(1) == b"x"
        assert ask(n.port(), shut=False) == b""
        assert n.stat("connection_limit.l.limited_connections") == 1
        assert n.stat("connection_limit.l.active_connections") == 2
    wait_until(lambda: n.stat("connection_limit.l.active_connections") == 0)
    assert ask(n.port(), b"y") == b"y"


def test_connection_limit_may_keep_the_unwanted_waiting(nuncio):
    n = chain(nuncio, net_filter("connection_limit", stat_prefix="l", max_connections=1,
                                 delay="0.3s"), ECHO)
    with connect(n.port()) as a:
        a.sendall(b"x")
        assert a.recv(1) == b"x"
        begin = time.monotonic()
        assert ask(n.port(), b"abc", shut=False) == b""
        assert time.monotonic() - begin > 0.25


def test_connection_limit_may_be_off(nuncio):
    n = chain(nuncio, net_filter("connection_limit", stat_prefix="l", max_connections=1,
                                 runtime_enabled={"default_value": False, "runtime_key": "k"}), ECHO)
    with connect(n.port()) as a:
        a.sendall(b"x")
        assert a.recv(1) == b"x"
        assert ask(n.port(), b"y") == b"y"


def bucket(tokens, interval="600s", fill=1):
    return {"max_tokens": tokens, "tokens_per_fill": fill, "fill_interval": interval}


@pytest.mark.parametrize("workers", [1, 3])
def test_local_ratelimit_counts_new_connections_of_all_workers(nuncio, workers):
    n = chain(nuncio, net_filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit",
                                 stat_prefix="r", token_bucket=bucket(3)), ECHO,
              concurrency=workers)
    got = [ask(n.port(), b"x") for _ in range(8)]
    assert got.count(b"x") == 3
    assert n.stat("local_rate_limit.r.rate_limited") == 5


def test_tokens_come_back(nuncio):
    n = chain(nuncio, net_filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit",
                                 stat_prefix="r", token_bucket=bucket(1, "0.2s")), ECHO)
    assert ask(n.port(), b"x") == b"x"
    assert ask(n.port(), b"x") == b""
    wait_until(lambda: ask(n.port(), b"x") == b"x")


def test_a_share_key_shares_tokens_between_filters(nuncio):
    limit = net_filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", stat_prefix="r",
                       token_bucket=bucket(2), share_key="both")
    n = nuncio(conf.bootstrap([conf.listener(limit, ECHO), conf.listener(limit, ECHO, name="b")]))
    got = [ask(n.port(p), b"x") for p in ("main", "b", "main", "b")]
    assert got.count(b"x") == 2


def test_a_listener_may_limit_connections_before_anything_else(nuncio):
    n = chain(nuncio, ECHO, listener_filters=[lis_filter(
        "local_ratelimit", "LocalRateLimit", stat_prefix="r", token_bucket=bucket(2))])
    got = [ask(n.port(), b"x") for _ in range(5)]
    assert got.count(b"x") == 2
    assert n.stat("listener_local_ratelimit.r.rate_limited") == 3
    name = f"listener.127.0.0.1_{n.port()}."
    assert n.stat(name + "downstream_cx_total") == 2
    assert n.stat(name + "downstream_pre_cx_active") == 0


def test_a_fill_interval_has_a_least_length(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(net_filter(
        "local_ratelimit", "local_ratelimit.v3.LocalRateLimit", stat_prefix="r",
        token_bucket=bucket(1, "0.01s")), ECHO)]), start=False)
    r = run_check(n)
    assert r.returncode and "at least 50ms" in r.stdout + r.stderr


def test_the_last_filter_must_be_terminal(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(net_filter(
        "connection_limit", stat_prefix="l"))]), start=False)
    r = run_check(n)
    assert r.returncode and "must be a terminal filter" in r.stdout + r.stderr


def test_a_terminal_filter_must_be_the_last(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(ECHO, ECHO)]), start=False)
    r = run_check(n)
    assert r.returncode and "must be the last of filters" in r.stdout + r.stderr


# ---- rbac

ANY = {"any": True}


def cidr(prefix, n):
    return {"address_prefix": prefix, "prefix_len": n}


def rbac(action="ALLOW", permissions=None, principals=None, **kw):
    return net_filter("rbac", "rbac.v3.RBAC", stat_prefix="tcp", rules={
        "action": action, "policies": {"p": {"permissions": permissions or [ANY],
                                             "principals": principals or [ANY]}}}, **kw)


@pytest.mark.parametrize("principal, holds", [
    (ANY, True),
    ({"remote_ip": cidr("127.0.0.0", 8)}, True),
    ({"direct_remote_ip": cidr("127.0.0.1", 32)}, True),
    ({"source_ip": cidr("10.0.0.0", 8)}, False),
    ({"not_id": {"remote_ip": cidr("127.0.0.0", 8)}}, False),
    ({"and_ids": {"ids": [ANY, {"remote_ip": cidr("10.0.0.0", 8)}]}}, False),
    ({"or_ids": {"ids": [{"remote_ip": cidr("10.0.0.0", 8)}, ANY]}}, True),
    ({"authenticated": {}}, False),
    ({"not_id": {"authenticated": {}}}, True),
])
def test_rbac_judges_principals(nuncio, principal, holds):
    n = chain(nuncio, rbac(principals=[principal]), ECHO)
    assert ask(n.port(), b"x") == (b"x" if holds else b"")
    assert n.stat("tcp.rbac.allowed") == holds
    assert n.stat("tcp.rbac.denied") == (not holds)
    n = chain(nuncio, rbac("DENY", principals=[principal]), ECHO)
    assert ask(n.port(), b"x") == (b"" if holds else b"x")


@pytest.mark.parametrize("permission, holds", [
    ({"destination_ip": cidr("127.0.0.1", 32)}, True),
    ({"destination_ip": cidr("::", 0)}, False),
    ({"destination_port": 1}, False),
    ({"destination_port_range": {"start": 1024, "end": 65536}}, True),
    ({"destination_port_range": {"start": 1, "end": 1024}}, False),
    ({"not_rule": {"destination_port": 1}}, True),
    ({"and_rules": {"rules": [ANY, {"not_rule": ANY}]}}, False),
    ({"or_rules": {"rules": [{"destination_port": 1}, ANY]}}, True),
    ({"requested_server_name": {"exact": "a"}}, False),
    ({"requested_server_name": {"exact": ""}}, True),
])
def test_rbac_judges_permissions(nuncio, permission, holds):
    n = chain(nuncio, rbac(permissions=[permission]), ECHO)
    assert ask(n.port(), b"x") == (b"x" if holds else b"")


def test_rbac_in_front_of_tcp_proxy_closes_at_the_first_byte(nuncio):
    with server(says("hello")) as port:
        n = chain(nuncio, rbac("DENY"), tcp_proxy(), clusters=[conf.cluster("up", port)])
        with connect(n.port()) as c:
            assert c.recv(5) == b"hello"
            c.sendall(b"x")
            assert read_all(c) == b""


def test_rbac_lets_bulk_through_when_it_was_asked_once_or_at_every_read(nuncio):
    data = os.urandom(3 << 20)
    for kind in ("ONE_TIME_ON_FIRST_BYTE", "CONTINUOUS"):
        with server(echo) as port:
            n = chain(nuncio, rbac(enforcement_type=kind), tcp_proxy(),
                      clusters=[conf.cluster("up", port)])
            import threading
            with connect(n.port()) as c:
                t = threading.Thread(target=lambda: (c.sendall(data), c.shutdown(1)))
                t.start()
                assert read_all(c) == data
                t.join()
            allowed = n.stat("tcp.rbac.allowed")
            assert allowed == 1 if kind.startswith("ONE") else allowed > 1


def test_rbac_may_wait_before_it_closes(nuncio):
    n = chain(nuncio, rbac("DENY", delay_deny="0.3s"), ECHO)
    begin = time.monotonic()
    assert ask(n.port(), b"x", shut=False) == b""
    assert time.monotonic() - begin > 0.25


def test_shadow_rules_are_only_counted(nuncio):
    shadow = {"action": "DENY", "policies": {"p": {"permissions": [ANY], "principals": [ANY]}}}
    n = chain(nuncio, net_filter("rbac", "rbac.v3.RBAC", stat_prefix="tcp.",
                                 shadow_rules=shadow, shadow_rules_stat_prefix="s"), ECHO)
    assert ask(n.port(), b"x") == b"x"
    assert n.stat("tcp.rbac.s.shadow_denied") == 1


def test_an_http_chain_may_have_rbac(nuncio, upstream):
    n = nuncio(conf.bootstrap([conf.listener(rbac(enforcement_type="CONTINUOUS"), conf.hcm())],
                              [conf.cluster("up", upstream)]))
    for _ in range(3):
        assert n.get("/").status == 200


def test_rules_for_requests_are_refused(nuncio):
    n = nuncio(conf.bootstrap([conf.listener(rbac(permissions=[{"url_path": {
        "path": {"exact": "/"}}}]), ECHO)]), start=False)
    r = run_check(n)
    assert r.returncode and "url_path" in r.stdout + r.stderr


# ---- set_filter_state

def test_filter_state_names_the_cluster(nuncio):
    with server(says("one")) as one, server(says("two")) as two:
        n = chain(nuncio, net_filter(
            "set_filter_state", "set_filter_state.v3.Config", on_new_connection=[{
                "object_key": "envoy.tcp_proxy.cluster", "read_only": True,
                "format_string": {"text_format_source": {"inline_string":
                                  "c-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}}]),
            tcp_proxy("one"), clusters=[conf.cluster("one", one), conf.cluster("c-127.0.0.1", two)])
        assert ask(n.port()) == b"two"
