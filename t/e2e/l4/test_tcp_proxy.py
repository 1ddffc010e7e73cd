"""tcp_proxy: bytes between a client and a host of a cluster, field by field."""
import os
import socket
import threading
import time

import pytest

from lib import conf
from lib.l4 import (ask, connect, echo, free_port, log_lines, read_all, run_check, says, server,
                    tcp_proxy)
from lib.wait import wait_until


def proxied(nuncio, port, clusters=None, cluster_kw=None, **kw):
    return nuncio(conf.bootstrap(
        [conf.listener(tcp_proxy(**kw))],
        clusters if clusters is not None else [conf.cluster("up", port, **(cluster_kw or {}))]))


def one_line(n):
    wait_until(lambda: log_lines(n), "a log line")
    return log_lines(n)[-1]


def test_bytes_go_both_ways_and_are_counted(nuncio):
    with server(echo) as port:
        n = proxied(nuncio, port)
        data = os.urandom(100_000)
        assert ask(n.port(), data) == data
        line = one_line(n)
        assert line["received"] == line["sent"] == "100000"
        assert line["flags"] == "-" and line["cluster"] == "up"
        assert line["host"] == f"127.0.0.1:{port}"
        assert n.stat("tcp.t.downstream_cx_total") == 1
        assert n.stat("tcp.t.downstream_cx_rx_bytes_total") == 100_000
        assert n.stat("tcp.t.downstream_cx_tx_bytes_total") == 100_000
        assert n.stat("cluster.up.upstream_cx_total") == 1
        wait_until(lambda: n.stat("cluster.up.upstream_cx_active") == 0)
        assert n.stat("cluster.up.upstream_cx_rx_bytes_total") == 100_000
        assert n.stat("cluster.up.upstream_cx_tx_bytes_total") == 100_000


def test_much_is_passed_without_loss_in_both_directions_at_once(nuncio):
    data = os.urandom(1 << 20) * 24

    with server(echo) as port:
        n = proxied(nuncio, port)
        with connect(n.port()) as c:
            def send():
                c.sendall(data)
                c.shutdown(socket.SHUT_WR)
            t = threading.Thread(target=send)
            t.start()
            got = read_all(c)
            t.join()
        assert len(got) == len(data) and got == data


def test_a_half_closed_client_still_gets_its_answer(nuncio):
    def answer_at_end(c):
        data = b""
        while True:
            d = c.recv(65536)
            if not d:
                break
            data += d
        c.sendall(b"got %d" % len(data))

    with server(answer_at_end) as port:
        n = proxied(nuncio, port)
        assert ask(n.port(), b"x" * 300_000) == b"got 300000"


def test_a_half_closed_server_still_gets_bytes(nuncio):
    got = []

    def talk_first(c):
        c.sendall(b"hello")
        c.shutdown(socket.SHUT_WR)
        got.append(read_all(c))

    with server(talk_first) as port:
        n = proxied(nuncio, port)
        with connect(n.port()) as c:
            assert read_all(c) == b"hello"
            c.sendall(b"late")
            c.shutdown(socket.SHUT_WR)
            wait_until(lambda: got)
        assert got == [b"late"]


def test_a_slow_reader_holds_the_sender_and_memory_stays_bounded(nuncio):
    sent = []

    def pour(c):
        c.settimeout(1)
        block = b"z" * 65536
        total = 0
        try:
            while total < 200 << 20:
                total += c.send(block)
        except OSError:
            pass
        sent.append(total)

    with server(pour) as port:
        n = proxied(nuncio, port, cluster_kw={"per_connection_buffer_limit_bytes": 65536})
        with connect(n.port()) as c:
            c.recv(1)
            wait_until(lambda: sent, "the sender stops")
            assert sent[0] < 40 << 20
            assert n.stat("cluster.up.upstream_flow_control_paused_reading_total") >= 1


def test_a_refused_connection_closes_the_client_and_is_flagged(nuncio):
    n = proxied(nuncio, free_port(), max_connect_attempts=3)
    assert ask(n.port(), shut=False) == b""
    assert one_line(n)["flags"] == "UF,URX"
    assert n.stat("cluster.up.upstream_cx_connect_fail") == 3
    assert n.stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 1


def test_the_next_host_is_tried(nuncio):
    with server(says("up")) as port:
        n = nuncio(conf.bootstrap(
            [conf.listener(tcp_proxy(max_connect_attempts=4))],
            [conf.cluster("up", hosts=[("127.0.0.1", free_port()), ("127.0.0.1", port)])]))
        for _ in range(4):
            assert ask(n.port()) == b"up"


def test_tries_wait_for_backoff_options(nuncio):
    n = proxied(nuncio, free_port(), max_connect_attempts=3,
              backoff_options={"base_interval": "0.05s", "max_interval": "0.1s"})
    assert ask(n.port(), shut=False) == b""
    assert n.stat("cluster.up.upstream_cx_connect_fail") == 3


def test_an_unknown_cluster_closes_with_NC(nuncio):
    n = proxied(nuncio, 1, clusters=[], cluster="nobody")
    assert ask(n.port(), shut=False) == b""
    assert one_line(n)["flags"] == "NC"
    assert n.stat("tcp.t.downstream_cx_no_route") == 1


def test_a_cluster_without_hosts_closes_with_UH(nuncio):
    n = proxied(nuncio, 1, clusters=[conf.cluster("up", hosts=[])])
    assert ask(n.port(), shut=False) == b""
    assert one_line(n)["flags"] == "UH"
    assert n.stat("cluster.up.upstream_cx_none_healthy") == 1


def test_max_connections_of_the_cluster_closes_with_UO(nuncio):
    with server(says("up")) as port:
        n = proxied(nuncio, port, cluster_kw={"circuit_breakers": {"thresholds": [
            {"max_connections": 1}]}})
        with connect(n.port()) as one:
            assert one.recv(2) == b"up"
            assert ask(n.port(), shut=False) == b""
            assert one_line(n)["flags"] == "UO"
            assert n.stat("cluster.up.upstream_cx_overflow") == 1


def test_weights_share_connections(nuncio):
    with server(says("a")) as a, server(says("b")) as b:
        n = nuncio(conf.bootstrap(
            [conf.listener(tcp_proxy(cluster=None, weighted_clusters={"clusters": [
                {"name": "a", "weight": 3}, {"name": "b", "weight": 1}]}))],
            [conf.cluster("a", a), conf.cluster("b", b)]))
        got = [ask(n.port()) for _ in range(200)]
        assert 110 <= got.count(b"a") <= 185
        assert got.count(b"a") + got.count(b"b") == 200


def test_idle_timeout_ends_a_silent_connection(nuncio):
    with server(echo) as port:
        n = proxied(nuncio, port, idle_timeout="0.3s")
        with connect(n.port()) as c:
            begin = time.monotonic()
            for _ in range(4):
                c.sendall(b"x")
                assert c.recv(1) == b"x"
                time.sleep(0.1)
            assert c.recv(1) == b""
            assert time.monotonic() - begin > 0.6
        assert n.stat("tcp.t.idle_timeout") == 1


def test_max_downstream_connection_duration_ends_a_busy_one(nuncio):
    with server(echo) as port:
        n = proxied(nuncio, port, max_downstream_connection_duration="0.3s",
                  max_downstream_connection_duration_jitter_percentage={"value": 50})
        with connect(n.port()) as c:
            begin = time.monotonic()
            try:
                while True:
                    c.sendall(b"x")
                    if not c.recv(1):
                        break
            except OSError:
                pass
            assert 0.25 < time.monotonic() - begin < 2
        assert one_line(n)["flags"] == "DT"
        assert n.stat("tcp.t.max_downstream_connection_duration") == 1


def test_lines_are_written_when_connected_and_from_time_to_time(nuncio):
    with server(echo) as port:
        n = proxied(nuncio, port, access_log_options={
            "access_log_flush_interval": "0.1s", "flush_access_log_on_connected": True})
        with connect(n.port()) as c:
            c.sendall(b"x")
            assert c.recv(1) == b"x"
            wait_until(lambda: len(log_lines(n)) >= 3)
        first, later = log_lines(n)[0], log_lines(n)[2]
        assert first["received"] == "0" and later["received"] == "1"


def test_the_upstream_connection_may_wait_for_data(nuncio):
    seen = []

    def handle(c):
        seen.append(c.recv(5))
        c.sendall(b"done")

    with server(handle) as port:
        n = proxied(nuncio, port, upstream_connect_mode="ON_DOWNSTREAM_DATA",
                  max_early_data_bytes=1024)
        with connect(n.port()) as c:
            assert n.stat("cluster.up.upstream_cx_total") == 0
            c.sendall(b"first")
            assert c.recv(4) == b"done"
        assert seen == [b"first"]
        assert n.stat("tcp.t.early_data_received_count_total") == 1


def test_a_reset_of_the_upstream_ends_the_client(nuncio):
    def reset(c):
        c.recv(1)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()

    with server(reset) as port:
        n = proxied(nuncio, port)
        with connect(n.port()) as c:
            c.sendall(b"x")
            assert read_all(c) == b""


def test_what_a_client_sent_before_it_died_reaches_the_upstream(nuncio):
    got = []

    def slow(c):
        time.sleep(0.2)
        got.append(len(read_all(c)))

    with server(slow) as port:
        n = proxied(nuncio, port)
        with connect(n.port()) as c:
            c.sendall(b"x" * 200_000)
        wait_until(lambda: got)
        assert got == [200_000]


def test_a_reload_leaves_connections_alone(nuncio):
    with server(echo) as port:
        n = proxied(nuncio, port)
        with connect(n.port()) as c:
            c.sendall(b"1")
            assert c.recv(1) == b"1"
            n.change(conf.bootstrap([conf.listener(tcp_proxy(idle_timeout="77s"))],
                                    [conf.cluster("up", port, connect_timeout="3s")]))
            n.reload()
            c.sendall(b"2")
            assert c.recv(1) == b"2"


@pytest.mark.parametrize("wrong, says_what", [
    ({"cluster": None}, "cluster"),
    ({"max_connect_attempts": 0}, "max_connect_attempts"),
    ({"on_demand": {}}, "on_demand"),
    ({"upstream_connect_mode": "ON_DOWNSTREAM_DATA"}, "max_early_data_bytes"),
    ({"backoff_options": {"base_interval": "2s", "max_interval": "1s"}}, "max_interval"),
])
def test_wrong_configuration_is_told(nuncio, wrong, says_what):
    n = nuncio(conf.bootstrap([conf.listener(tcp_proxy(**wrong))], [conf.cluster("up", 1)]),
               start=False)
    r = run_check(n)
    assert r.returncode != 0 and says_what in r.stderr + r.stdout
