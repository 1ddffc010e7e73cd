#!/usr/bin/python3
"""kill -9 of a random worker or of the helper under load. See README."""
import argparse
import os
import random
import signal
import sys
import tempfile
import time

from load import Crowd, summary

from lib import conf, proc, proxy                                   # noqa: E402
from lib.upstream import Upstream                                   # noqa: E402
from lib.wait import wait_until                                     # noqa: E402

WORKERS = 3


def connections_of(pid, port):
    """Established downstream connections of a process, by the kernel's table of its sockets."""
    inodes = {x[8:-1] for x in proc.fds(pid).values() if x.startswith("socket:[")}
    n = 0
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            x = line.split()
            if x[3] == "01" and int(x[1].split(":")[1], 16) == port and x[9] in inodes:
                n += 1
    return n


def settled(n):
    roles = [role for _, role in n.children()]
    return roles.count("worker") == WORKERS and roles.count("helper") == 1


def answers(n):
    try:
        return n.admin("/ready").status == 200
    except (OSError, AssertionError):
        return False


def measure(n):
    return {"fds": sum(len(proc.fds(p)) for p in n.pids()),
            "private_kb": sum(proc.anon_kb(p) for p in n.pids())}


def one_kill(n, rnd):
    """Kills one child; the downstream connections it may have had, and how long it was away."""
    pid, role = rnd.choice([(p, r) for p, r in n.children() if r != "other"])
    may_lose = 0
    if role == "worker":
        os.kill(pid, signal.SIGSTOP)            # so that it takes no connection between the two
        may_lose = connections_of(pid, n.port())
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not proc.alive(pid) and settled(n), "a new child", 30)
    return role, may_lose, time.monotonic() - begin


def torture(folder, kills, every, connections=24, seed=None):
    """Runs it; (rows for the summary, list of what was wrong)."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    rnd = random.Random(seed)
    wrong, lost_allowed, away, roles = [], 0, [], []
    up = Upstream()
    up.answer(200, [], b"ok")
    n = proxy.Nuncio(folder, conf.http_proxy(up, access_log=False), concurrency=WORKERS)
    n.allow_alerts = r"exit|signal|died|killed|helper|worker"
    n.start()
    wait_until(lambda: settled(n), "all children")
    crowd = Crowd(n.port(), connections)
    time.sleep(0.5)
    before = measure(n)
    for _ in range(kills):
        begin = time.monotonic()
        role, may_lose, seconds = one_kill(n, rnd)
        roles.append(role)
        lost_allowed += may_lose
        away.append(seconds)
        time.sleep(max(0.0, every - (time.monotonic() - begin)))
    wait_until(lambda: answers(n), "the admin interface", 30)
    time.sleep(0.5)
    after = measure(n)
    crowd.stop()
    wait_until(lambda: n.stat("http.ingress.downstream_cx_active") == 0, "no connection left", 30)

    ok, lost = crowd.total("ok"), crowd.total("lost")
    counted = n.stat("http.ingress.downstream_rq_2xx")
    gauges = {k: n.stat(k) for k in ("http.ingress.downstream_rq_active",
                                     "cluster.up.upstream_rq_active",
                                     "cluster.up.upstream_rq_pending_active")}
    if lost > lost_allowed:
        wrong.append(f"{lost} requests lost, {lost_allowed} connections were on killed workers: "
                     f"{crowd.notes()}")
    if crowd.total("wrong"):
        wrong.append(f"{crowd.total('wrong')} wrong responses: {crowd.notes()}")
    if crowd.total("refused"):
        wrong.append(f"{crowd.total('refused')} refused connections: {crowd.notes()}")
    if not ok <= counted <= ok + lost:
        wrong.append(f"{counted} counted, {ok} answered, {lost} lost in flight")
    if any(gauges.values()):
        wrong.append(f"gauges are left: {gauges}")
    if after["fds"] > before["fds"] + 3 * connections:
        wrong.append(f"descriptors went from {before['fds']} to {after['fds']}")
    if after["private_kb"] > before["private_kb"] * 1.5 + 8192:
        wrong.append(f"memory went from {before['private_kb']} to {after['private_kb']} KiB")
    wrong += n.finish()
    wrong += up.errors
    up.stop()
    return [("seed", seed), ("killed workers", roles.count("worker")),
            ("killed helpers", roles.count("helper")), ("requests answered", ok),
            ("requests lost", lost), ("connections on killed workers", lost_allowed),
            ("counted by the proxy", counted),
            ("longest time to a new child, ms", round(1000 * max(away))),
            ("descriptors before, after", f"{before['fds']}, {after['fds']}"),
            ("private memory KiB before, after",
             f"{before['private_kb']}, {after['private_kb']}")], wrong


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--kills", type=int, default=30)
    ap.add_argument("--every", type=float, default=1.0, help="seconds between two")
    ap.add_argument("--seed", type=int)
    opt = ap.parse_args()
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        rows, wrong = torture(d, opt.kills, opt.every, seed=opt.seed)
    sys.exit(summary("kill -9 of random children under load", rows, wrong))


if __name__ == "__main__":
    main()
