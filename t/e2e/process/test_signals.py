"""Starting, stopping, draining, crashing, reopening: what the processes do."""
import os
import signal
import socket
import threading
import time

import pytest

from lib import conf, proc, proxy
from lib.client import request
from lib.upstream import chunk, head, last_chunk
from lib.wait import DEADLINE, wait_until


def roles(n):
    return sorted(role for _, role in n.children())


def test_a_master_runs_a_helper_and_as_many_workers_as_asked(proxied):
    n = proxied(concurrency=3)
    assert roles(n) == ["helper", "worker", "worker", "worker"]
    assert n.stat("server.concurrency") == 3
    for pid, role in n.children():
        assert role in proc.title(pid)
    assert "master" in proc.title(n.pid)


def test_the_number_of_workers_is_by_default_what_the_process_may_use(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), concurrency=None, wrap=("taskset", "-c", "0"))
    assert len(n.workers()) == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_idle_proxy_ends_at_once_by_a_signal(proxied, sig):
    n = proxied()
    n.get()
    start = time.monotonic()
    n.signal(sig)
    assert n.wait_exit() == 0
    assert time.monotonic() - start < 5
    assert not proc.session(n.pid)


@pytest.mark.parametrize("command", ["stop", "quit"])
def test_dash_s_ends_the_running_proxy(proxied, command):
    n = proxied()
    r = n.command("-s", command)
    assert r.returncode == 0, r.stderr
    assert n.wait_exit() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGQUIT])
def test_a_request_in_flight_is_finished_while_it_drains(proxied, upstream, sig):
    n = proxied(args=["--drain-time-s", "20"])
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 2)]) + b"ok"))
    with n.connect() as c:
        c.send(request())
        upstream.wait_requests(1)
        n.signal(sig)
        wait_until(lambda: not n.accepts(), "the listener closed")
        assert n.p.poll() is None
        go.set()
        r = c.response()
        assert (r.status, r.body, r.get("connection")) == (200, b"ok", "close")
        assert c.at_end()
    assert n.wait_exit() == 0


def test_a_second_term_stops_at_once(proxied, upstream):
    n = proxied(args=["--drain-time-s", "60"])
    upstream.handler = lambda c, r: c.wait_peer_close()
    with n.connect() as c:
        c.send(request())
        upstream.wait_requests(1)
        n.signal(signal.SIGTERM)
        wait_until(lambda: not n.accepts(), "the listener closed")
        assert n.p.poll() is None
        n.signal(signal.SIGTERM)
        assert n.wait_exit(5) == 0


def test_the_drain_of_term_is_bounded(proxied, upstream):
    n = proxied(args=["--drain-time-s", "1"])
    upstream.handler = lambda c, r: c.wait_peer_close()
    with n.connect() as c:
        c.send(request())
        upstream.wait_requests(1)
        start = time.monotonic()
        n.signal(signal.SIGTERM)
        assert n.wait_exit() == 0
        assert 0.5 < time.monotonic() - start < 8


def test_hup_reloads_without_touching_processes_or_connections(nuncio, upstream):
    cfg = conf.http_proxy(upstream)
    n = nuncio(cfg, concurrency=2)
    before = n.pids()
    with n.connect() as c:
        assert c.get().status == 200
        n.must_reload(conf.http_proxy(upstream, routes=[conf.direct("/", 200, "new")]))
        assert c.get().body == b"new"
    assert n.pids() == before


def test_a_plain_hup_reloads(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.change(conf.http_proxy(upstream, routes=[conf.direct("/", 200, "new")]))
    n.signal(signal.SIGHUP)
    wait_until(lambda: n.get().body == b"new", "the new route")


def test_a_reload_of_a_wrong_file_changes_nothing_and_says_where(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    good = open(n.path).read()
    n.change(good.replace("stat_prefix", "stat_prefx"))
    r = n.reload()
    assert r.returncode != 0
    assert "stat_prefx" in r.stdout + r.stderr + n.log()
    assert n.get().status == 200
    n.must_reload(good)


def test_a_reload_adds_and_removes_listeners(nuncio, upstream):
    one = conf.http_proxy(upstream)
    n = nuncio(one)
    two = conf.http_proxy(upstream)
    two["static_resources"]["listeners"].append(conf.listener(conf.hcm(
        access_log=False, stat_prefix="second", routes=[conf.direct("/", 200, "second")]),
        name="second"))
    n.must_reload(two)
    assert n.get(name="second").body == b"second"
    with n.connect() as c:
        assert c.get().status == 200
        n.must_reload(one)
        assert c.get().status == 200
    wait_until(lambda: not n.accepts("second"), "the removed listener closed")
    assert n.get().status == 200


def test_a_reload_moves_traffic_to_a_changed_cluster(nuncio, upstreams):
    a, b = upstreams(), upstreams()
    a.answer(200, [], b"a")
    b.answer(200, [], b"b")
    n = nuncio(conf.http_proxy(a))
    with n.connect() as c:
        assert c.get().body == b"a"
        n.must_reload(conf.http_proxy(b))
        assert c.get().body == b"b"
    a.wait_all_closed()


def test_a_reload_of_the_same_file_changes_nothing(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    with n.connect() as c:
        c.get()
        n.must_reload()
        n.must_reload()
        assert c.get().status == 200
    assert upstream.connections == 1


@pytest.mark.parametrize("victim", ["worker", "helper"])
def test_a_killed_child_is_replaced(proxied, upstream, victim):
    n = proxied(concurrency=2)
    n.allow_alerts = r"exit|signal|died|killed"
    old = next(p for p, role in n.children() if role == victim)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: old not in n.pids() and roles(n) == ["helper", "worker", "worker"],
               "a new child")
    wait_until(lambda: all(n.get().status == 200 for _ in range(4)), "service")
    wait_until(lambda: n.admin("/ready").status == 200, "ready")


def test_while_the_helper_is_away_traffic_goes_on(proxied, upstream):
    n = proxied()
    n.allow_alerts = r"exit|signal|died|killed"
    with n.connect() as c:
        assert c.get().status == 200
        os.kill(n.helper(), signal.SIGSTOP)
        for _ in range(20):
            assert c.get().status == 200
        os.kill(n.helper(), signal.SIGKILL)
        for _ in range(100):
            assert c.get().status == 200
    wait_until(lambda: n.admin("/ready").status == 200, "a new helper")


def test_after_the_helper_died_a_reload_works_again(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.allow_alerts = r"exit|signal|died|killed"
    old = n.helper()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: n.helper() not in (None, old), "a new helper")
    wait_until(lambda: n.admin("/ready").status == 200, "ready")
    n.must_reload(conf.http_proxy(upstream, routes=[conf.direct("/", 200, "new")]))
    assert n.get().body == b"new"


def test_counters_survive_the_death_of_a_worker_and_gauges_go_to_zero(proxied, upstream):
    n = proxied()
    n.allow_alerts = r"exit|signal|died|killed"
    with n.connect() as c:
        for _ in range(10):
            c.get()
        assert n.stat("http.ingress.downstream_cx_active") == 1
        old = n.workers()[0]
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: n.workers() not in ([], [old]), "a new worker")
    n.wait_stat("http.ingress.downstream_cx_active", 0)
    assert n.stat("http.ingress.downstream_rq_2xx") == 10
    assert n.stat("cluster.up.upstream_cx_active") == 0


def test_a_worker_that_dies_takes_only_its_own_connections(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), concurrency=2)
    n.allow_alerts = r"exit|signal|died|killed"
    conns = [n.connect() for _ in range(40)]
    for c in conns:
        assert c.get().status == 200
    os.kill(n.workers()[0], signal.SIGKILL)
    alive = 0
    for c in conns:
        try:
            alive += c.get().status == 200
        except Exception:
            pass
        c.close()
    assert 0 < alive < 40


def test_when_the_master_is_killed_the_children_end(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.allow_exit = (-9,)
    kids = [p for p, _ in n.children()]
    os.kill(n.pid, signal.SIGKILL)
    wait_until(lambda: not any(proc.alive(k) for k in kids), "the children gone", DEADLINE)


def test_a_worker_that_hangs_is_replaced(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.allow_alerts = r"hang|heartbeat|abort|exit|signal|not respond"
    old = n.workers()[0]
    os.kill(old, signal.SIGSTOP)
    wait_until(lambda: n.workers() not in ([], [old]), "a replacement", 30)
    assert n.get().status == 200


@pytest.mark.parametrize("how", ["signal", "command", "admin"])
def test_logs_are_reopened(proxied, how, tmp_path):
    n = proxied()
    n.get("/1")
    n.access_log(1)
    os.rename(f"{n.dir}/access.log", f"{n.dir}/access.log.1")
    if how == "signal":
        n.signal(signal.SIGUSR1)
    elif how == "command":
        assert n.command("-s", "reopen").returncode == 0
    else:
        assert n.admin("/reopen_logs", "POST").status == 200

    sent, new = [1], f"{n.dir}/access.log"

    def there():
        sent[0] += n.get("/2").status == 200
        return os.path.exists(new) and open(new).read()
    wait_until(there, "a line in the new file")
    wait_until(lambda: sent[0] == sum(open(x).read().count("\n") for x in (new, new + ".1")),
               "every request in one of the files")


def test_the_pid_file_holds_the_masters_pid_and_goes_with_it(proxied):
    n = proxied()
    path = f"{n.dir}/run/nuncio.pid"
    assert open(path).read().strip() == str(n.pid)
    n.signal(signal.SIGTERM)
    n.wait_exit()
    assert not os.path.exists(path)


def test_as_a_daemon_it_leaves_the_terminal_and_serves(tmp_path, upstream):
    n = proxy.Nuncio(tmp_path, conf.http_proxy(upstream))
    n.argv.append("--daemon")
    os.mkdir(f"{n.dir}/logs")
    n.start(wait=False)
    assert n.p.wait(DEADLINE) == 0, n.log()
    pid = int(wait_until(lambda: os.path.exists(f"{n.dir}/run/nuncio.pid") and
                         open(f"{n.dir}/run/nuncio.pid").read(), "the pid file"))
    try:
        wait_until(n.accepts, "the daemon to listen")
        assert n.get().status == 200
        assert proc.stat(pid)[3] != proc.stat(os.getpid())[3]
        assert n.command("-s", "stop").returncode == 0
        wait_until(lambda: not proc.alive(pid), "the daemon to end")
    finally:
        if proc.alive(pid):
            os.kill(pid, signal.SIGKILL)
    assert n.finish() == []


def test_an_address_in_use_is_said_and_nothing_is_left_behind(nuncio, upstream):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    cfg = conf.http_proxy(upstream, listener_kw={"port": s.getsockname()[1]})
    n = nuncio(cfg, wait=False)
    n.allow_exit, n.allow_alerts = (1,), "."
    assert n.wait_exit() == 1
    assert "in use" in n.log().lower()
    s.close()


def test_one_connection_a_worker_shares_with_none(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), concurrency=2)
    conns = [n.connect() for _ in range(60)]
    for c in conns:
        assert c.get().status == 200
    busy = [sum("socket" in x for x in proc.fds(p).values()) for p in n.workers()]
    for c in conns:
        c.close()
    assert min(busy) > 5, f"connections by worker: {busy}"


def test_descriptors_are_where_they_were_after_twenty_reloads(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), concurrency=2)
    n.must_reload()
    before = n.fds()
    for i in range(20):
        n.must_reload(conf.http_proxy(upstream, routes=[conf.direct("/", 200, str(i))]))
        assert n.get().body.decode() == str(i)
    wait_until(lambda: all(k <= before[p] for p, k in n.fds().items()),
               lambda: f"descriptors {before}, now {n.fds()}")


def test_the_environment_of_workers_holds_no_privilege(proxied):
    n = proxied()
    for pid in n.workers():
        text = open(f"/proc/{pid}/status").read()
        assert "NoNewPrivs:\t1" in text
        if os.getuid() == 0:
            assert "CapEff:\t0000000000000000" in text
            assert not text.split("Uid:\t")[1].startswith("0\t")


def test_drain_listeners_stops_accepting_and_lets_requests_end(proxied, upstream):
    n = proxied()
    go = threading.Event()
    upstream.handler = lambda c, r: (
        c.send(head(200, [("transfer-encoding", "chunked")]) + chunk(b"a")), c.wait(go),
        c.send(last_chunk()))
    with n.connect() as c:
        c.send(request())
        upstream.wait_requests(1)
        assert n.admin("/drain_listeners", "POST").status == 200
        wait_until(lambda: not n.accepts(), "the listener closed")
        go.set()
        assert c.response().body == b"a"
    assert n.admin("/ready").status in (200, 503)


def test_a_failed_health_check_closes_connections_after_their_response(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        assert c.get().get("connection") is None
        assert n.admin("/healthcheck/fail", "POST").status == 200
        wait_until(lambda: n.get().get("connection") == "close", "connection: close")
        assert n.admin("/healthcheck/ok", "POST").status == 200
        wait_until(lambda: n.get().get("connection") is None, "keep-alive again")


def test_quitquitquit_ends_it(proxied):
    n = proxied()
    assert n.admin("/quitquitquit", "POST").status == 200
    assert n.wait_exit() == 0
