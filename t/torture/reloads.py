#!/usr/bin/python3
"""Reloads under load, each changing a route. See README."""
import argparse
import os
import sys
import tempfile
import time

from load import Crowd, summary

from lib import conf, proc, proxy                                   # noqa: E402
from lib.upstream import Upstream                                   # noqa: E402
from lib.wait import wait_until                                     # noqa: E402

WORKERS = 2


def config(up, i):
    """Fifty routes; "/changing" answers the number of the reload, the load goes to the upstream."""
    return conf.http_proxy(up, access_log=False, routes=[
        conf.direct(None, 200, str(i), path="/changing"),
        *(conf.route(f"/r{k}/{i}") for k in range(50)), conf.route("/")])


def measure(n):
    helper = n.helper()
    return {"fds": {p: len(proc.fds(p)) for p in n.pids()},
            "private_kb": sum(proc.anon_kb(p) for p in n.pids()),
            "helper_kb": proc.anon_kb(helper), "image_kb": proc.shmem_kb(helper)}


def torture(folder, reloads, connections=16):
    """Runs it; (rows for the summary, list of what was wrong)."""
    wrong, marks, longest = [], [], 0.0
    up = Upstream()
    up.answer(200, [], b"ok")
    n = proxy.Nuncio(folder, config(up, 0), concurrency=WORKERS).start()
    pids = n.pids()
    crowd = Crowd(n.port(), connections)
    begin = time.monotonic()
    warm = min(100, reloads // 2)
    for i in range(1, reloads + 1):
        t = time.monotonic()
        r = n.reload(config(up, i))
        longest = max(longest, time.monotonic() - t)
        if r.returncode != 0:
            wrong.append(f"reload {i}: {r.stdout}{r.stderr}")
            break
        got = n.get("/changing").body
        if got != str(i).encode():
            wrong.append(f"reload {i} came back, and the route still says {got!r}")
            break
        if i == warm:
            marks.append(measure(n))
    seconds = time.monotonic() - begin

    def image_flat():
        marks[1:] = [measure(n)]
        return marks[1]["image_kb"] <= marks[0]["image_kb"] * 1.2 + 1024
    if marks:
        try:
            wait_until(image_flat, "", 5)
        except AssertionError:
            wrong.append(f"image memory went from {marks[0]['image_kb']} to "
                         f"{marks[1]['image_kb']} KiB")
    crowd.stop()
    if crowd.total("lost") or crowd.total("wrong") or crowd.total("refused"):
        wrong.append(f"{crowd.total('lost')} lost, {crowd.total('wrong')} wrong, "
                     f"{crowd.total('refused')} refused: {crowd.notes()}")
    if crowd.total("connections") != connections or crowd.total("closed_idle"):
        wrong.append(f"{connections} connections became {crowd.total('connections')}")
    if n.pids() != pids:
        wrong.append(f"processes {pids} became {n.pids()}")
    rows = [("reloads", i), ("seconds", round(seconds, 1)),
            ("longest reload, ms", round(1000 * longest)),
            ("requests answered meanwhile", crowd.total("ok")),
            ("connections opened by the load", crowd.total("connections"))]
    if len(marks) == 2:
        a, b = marks
        grown = {p: (a["fds"][p], b["fds"].get(p)) for p in a["fds"]
                 if b["fds"].get(p, 0) > a["fds"][p] + 2}
        if grown:
            wrong.append(f"descriptors by process, before and after: {grown}")
        if b["helper_kb"] > a["helper_kb"] * 1.3 + 4096:
            wrong.append(f"the helper went from {a['helper_kb']} to {b['helper_kb']} KiB")
        rows += [(f"{name} KiB after {warm}, at the end", f"{a[key]}, {b[key]}")
                 for name, key in (("image", "image_kb"), ("helper", "helper_kb"),
                                   ("private memory", "private_kb"))]
    wrong += n.finish()
    wrong += up.errors
    up.stop()
    return rows, wrong


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--reloads", type=int, default=1000)
    opt = ap.parse_args()
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        rows, wrong = torture(d, opt.reloads)
    sys.exit(summary("reloads under load, each changing a route", rows, wrong))


if __name__ == "__main__":
    main()
