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
