#!/usr/bin/python3
"""Side-by-side benchmark of HTTP proxies on one small, noisy machine. The method is in README.

  bench.py --nuncio objs/nuncio --scenarios S1,S9             prints a table per scenario
  bench.py --nuncio ... --flat host                           10,000 routes against 10, co-run
  bench.py --nuncio ... --syscalls S1 | --profile S1          what the cost is made of
"""
import argparse
import ctypes
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import peers as P

FOLDER = ""                     # of helpers and work files, set by main
CPUS = sorted(os.sched_getaffinity(0))
PROXY_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
TICK = os.sysconf("SC_CLK_TCK")
PROBE_REF = 10000.0             # ns; absolute CPU is scaled to a CPU on which the probe takes this
libc = ctypes.CDLL(None)
running = []                    # everything started here, so that it can be ended by pid


# Processes and their accounts.

def start(argv, cpu, out=None, **kw):
    def pre():
        libc.prctl(1, signal.SIGKILL)           # PR_SET_PDEATHSIG: nothing outlives the harness
        os.sched_setaffinity(0, {cpu})
    log = open(out, "ab") if out else subprocess.DEVNULL
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", log)
    p = subprocess.Popen(argv, preexec_fn=pre, stderr=log, **kw)
    if out:
        log.close()
    running.append(p)
    return p


def tree(pid):
    """pid and all its descendants."""
    kids = {}
    for e in os.listdir("/proc"):
        if e.isdigit():
            try:
                with open(f"/proc/{e}/stat") as f:
                    kids.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(e))
            except OSError:
                pass
    out, todo = [], [pid]
    while todo:
        x = todo.pop()
        out.append(x)
        todo += kids.get(x, [])
    return out


def wait_for(p, seconds):
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def stop(p):
    """Ends a process started here, with its children."""
    if p not in running:
        return
    running.remove(p)
    all_of_it = tree(p.pid) if p.poll() is None else []
    for sig in (signal.SIGTERM, signal.SIGTERM):
        if p.poll() is None:
            p.send_signal(sig)
            wait_for(p, 1)
    for x in all_of_it:
        try:
            os.kill(x, signal.SIGKILL)
        except OSError:
            pass
    wait_for(p, 2)


def cpu_of(pids):
    """CPU of processes: (ns by the scheduler's clock, steal excluded; user ticks; system ticks)."""
    ns = user = system = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                s = f.read().rsplit(")", 1)[1].split()
            user, system = user + int(s[11]), system + int(s[12])
            for t in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{t}/schedstat") as f:
                    ns += int(f.read().split()[0])
        except OSError:
            pass
    return ns, user, system


def pss_kb(pids):
    """Memory, shared pages divided among their users."""
    n = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                n += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        except OSError:
            pass
    return n


def stolen():
    """Ticks that the host took from us, over both CPUs."""
    with open("/proc/stat") as f:
        return sum(int(x.split()[8]) for x in f if re.match(r"cpu\d", x))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port, limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


class Origin:
    def __init__(self, cpu):
        self.port, self.h2_port = free_port(), free_port()
        self.p = start([f"{FOLDER}/bin/origin", str(self.port), str(self.h2_port)], cpu)
        if not listening(self.port, 5):
            sys.exit("the origin does not start")

    def pin(self, cpu):
        os.sched_setaffinity(self.p.pid, {cpu})


class Running:
    """A peer that serves a scenario."""

    def __init__(self, peer, sc, origin, label=None):
        self.peer, self.sc, self.name = peer, sc, label or peer.name
        self.dir = f"{FOLDER}/work/{peer.name}-{sc.key}"
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.port = free_port()
        upstream = origin.h2_port if sc.up == "h2" else origin.port
        argv = peer.write(sc, self.port, upstream, self.dir)
        begin = time.monotonic()
        self.p = start(argv, PROXY_CPU, out=f"{self.dir}/out.log")
        self.ok = listening(self.port, 30)
        self.start_s = time.monotonic() - begin
        if not self.ok:
            with open(f"{self.dir}/out.log", errors="replace") as f:
                print(f"  {self.name} does not start for {sc.key}:\n{f.read()[-1000:]}",
                      file=sys.stderr)
            stop(self.p)
        time.sleep(0.2)

    def pids(self):
        return tree(self.p.pid)

    def trim(self):
        """Keeps logs from filling the disk."""
        for name in ("access.log", "out.log"):
            try:
                os.truncate(f"{self.dir}/{name}", 0)
            except OSError:
                pass

    def stop(self):
        stop(self.p)


# Load.

probe_process = None


def probe():
    """The speed of the proxies' CPU at this moment, ns; see src/probe.c."""
    global probe_process
    if not probe_process:
        probe_process = start([f"{FOLDER}/bin/probe"], PROXY_CPU, stdout=subprocess.PIPE,
                              stdin=subprocess.PIPE)
    probe_process.stdin.write(b"\n")
    probe_process.stdin.flush()
    return float(probe_process.stdout.readline())


def h2load(sc, port, seconds, cpu):
    argv = ["h2load", "-t1", "-c10", "-m32", f"-D{int(seconds * 1000)}ms"]
    if sc.up == "h2":
        if not os.path.exists(f"{FOLDER}/post128"):     # others read it while they run
            P.put(f"{FOLDER}/post128", "x" * 128)
        argv += ["-d", f"{FOLDER}/post128", "-H", "content-type: application/grpc",
                 "-H", "te: trailers"]
    path = "/bench.Echo/Call" if sc.up == "h2" else "/1k"
    return start([*argv, f"http://127.0.0.1:{port}{path}"], cpu, stdout=subprocess.PIPE)


def load(sc, port, seconds, cpu, *more):
    if sc.tool == "h2load":
        return h2load(sc, port, seconds, cpu)
    return start([f"{FOLDER}/bin/load", f"-p{port}", f"-d{seconds}", *sc.args, *more], cpu,
                 stdout=subprocess.PIPE)


def h2load_result(out):
    """A timed run cuts a few replies off between "done" and "2xx"; those are not failures."""
    m = re.search(r"finished in ([\d.]+)(ms|s|us)", out)
    done = re.search(r"(\d+) done, \d+ succeeded, (\d+) failed", out)
    if not m or not done:
        return {"requests": 0, "fail": 1}
    seconds = float(m.group(1)) * {"s": 1, "ms": 1e-3, "us": 1e-6}[m.group(2)]
    n, failed = int(done.group(1)), int(done.group(2))
    bad = sum(int(x) for x in re.search(r"2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out).groups())
    return {"requests": n, "seconds": seconds, "rps": n / seconds, "fail": failed + bad}


def result(p, limit):
    """Waits for a load process and reads its figures."""
    try:
        out = p.communicate(timeout=limit)[0].decode()
    except subprocess.TimeoutExpired:
        stop(p)
        return {"requests": 0, "fail": 1}
    running.remove(p)
    if p.args[0] == "h2load":
        return h2load_result(out)
    try:
        return json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"requests": 0, "fail": 1}


def errors(r):
    return sum(r.get(k, 0) for k in ("fail", "race", "refused", "unfinished"))


def turn(x, origin, seconds):
    """One peer alone: proxy on one CPU, origin and client on the other."""
    origin.pin(LOAD_CPU)
    pids, before = x.pids(), probe()
    a, s = cpu_of(pids), stolen()
    r = result(load(x.sc, x.port, seconds, LOAD_CPU), seconds * 4 + 20)
    b, s = cpu_of(pids), stolen() - s
    after = probe()
    if r["requests"]:
        ns = b[0] - a[0]
        r["cpu_us"] = ns / 1e3 / r["requests"] * PROBE_REF / ((before + after) / 2)
        r["user"] = (b[1] - a[1]) / max(1, b[1] - a[1] + b[2] - a[2])
        r["util"] = ns / 1e9 / r["seconds"]
        r["noise"] = s / TICK / r["seconds"] + abs(before - after) / min(before, after)
    x.trim()
    return r


def quiet_turn(x, origin, seconds):
    """A turn, repeated at most twice while the host disturbed it much; the quietest counts."""
    best = None
    for _ in range(3):
        r = turn(x, origin, seconds)
        if best is None or r.get("noise", 9) < best.get("noise", 9):
            best = r
        if best.get("noise", 9) < 0.4:
            break
    return best


def corun(on, origin, seconds):
    """All peers at once on one CPU with their clients and the origin; figures by name."""
    origin.pin(PROXY_CPU)
    pids = {x.name: x.pids() for x in on}
    a = {k: cpu_of(v)[0] for k, v in pids.items()}
    loads = {x.name: load(x.sc, x.port, seconds, PROXY_CPU) for x in on}
    r = {k: result(p, seconds * 4 + 30) for k, p in loads.items()}
    out = {}
    for k, v in r.items():
        us = (cpu_of(pids[k])[0] - a[k]) / 1e3 / v["requests"] if v["requests"] else None
        out[k] = {"cpu_us": us, "errors": errors(v), "requests": v["requests"]}
    for x in on:
        x.trim()
    return out


# Scenarios.

def measure(on, origin, opt):
    """Solo turns in rotating order, then co-runs. Returns {name: {"solo": [...], "co": [...]}}."""
    res = {x.name: {"solo": [], "co": [], "start_s": x.start_s} for x in on}
    for x in on:                                    # caches, upstream connections
        turn(x, origin, 0.5)
    for r in range(opt.rounds):
        k = r % len(on)
        for x in on[k:] + on[:k]:
            q = quiet_turn(x, origin, opt.seconds)
            q["pss_kb"] = pss_kb(x.pids())
            res[x.name]["solo"].append(q)
    for _ in range(opt.co_rounds):
        for name, v in corun(on, origin, max(1.5, 0.35 * len(on))).items():
            res[name]["co"].append(v)
    return res


def run_load(sc, chosen, opt):
    origin = Origin(LOAD_CPU)
    on = [x for x in (Running(p, sc, origin) for p in chosen if p.supports(sc)) if x.ok]
    res = measure(on, origin, opt) if on else {}
    for x in on:
        x.stop()
    stop(origin.p)
    return res


def run_flat(kind, chosen, opt):
    """Each peer with 10 and with 10,000 routes, all at once."""
    origin = Origin(LOAD_CPU)
    keys = ("S10a", "S10b") if kind == "host" else ("S10c", "S10d")
    on = []
    for p in chosen:
        for key in keys:
            sc = P.SCENARIOS[key]
            if p.supports(sc):
                on.append(Running(p, sc, origin, f"{p.name} {sc.routes[1]}"))
    on = [x for x in on if x.ok]
    for x in on:
        turn(x, origin, 0.5)
    rounds = [corun(on, origin, max(1.5, 0.35 * len(on))) for _ in range(opt.co_rounds)]
    for x in on:
        x.stop()
    stop(origin.p)
    return {x.name: {"co": [r[x.name] for r in rounds], "start_s": x.start_s} for x in on}


def run_idle(sc, chosen, opt):
    res, count = {}, P.IDLE
    for p in chosen:
        origin = Origin(LOAD_CPU)
        x = Running(p, sc, origin)
        if x.ok:
            base = pss_kb(x.pids())
            ld = start([f"{FOLDER}/bin/load", f"-p{x.port}", "-i", *sc.args], LOAD_CPU,
                       stdout=subprocess.PIPE, stdin=subprocess.PIPE)
            if select.select([ld.stdout], [], [], 60)[0]:
                ld.stdout.readline()
            time.sleep(1.5)
            full, c = pss_kb(x.pids()), cpu_of(x.pids())[0]
            time.sleep(1.0)
            c = cpu_of(x.pids())[0] - c
            try:
                tail = ld.communicate(b"", timeout=20)[0].decode()
            except subprocess.TimeoutExpired:
                tail = ""
            time.sleep(0.5)
            m = re.search(r'idle_alive": (\d+)', tail)
            res[p.name] = {"base_kb": base, "full_kb": full, "after_kb": pss_kb(x.pids()),
                           "alive": int(m.group(1)) if m else 0, "idle_ms": c / 1e6,
                           "kb": (full - base) / count}
            stop(ld)
            x.stop()
        stop(origin.p)
    return res


def run_reload(sc, chosen, opt):
    """Keep-alive requests at 3,000/s and new connections at 300/s; 10 reloads, 1.1 s apart."""
    res = {}
    for p in chosen:
        if not p.supports(sc):
            continue
        origin = Origin(LOAD_CPU)
        x = Running(p, sc, origin)
        if x.ok:
            base = peak = pss_kb(x.pids())
            most = len(x.pids())
            keep = load(sc, x.port, 13, LOAD_CPU, "-c32", "-u/1k", "-r3000", "-k")
            new = load(sc, x.port, 13, LOAD_CPU, "-c16", "-u/1k", "-r300", "-k", "-x")
            time.sleep(1.0)
            for _ in range(10):
                p.reload(x.p)
                time.sleep(1.1)
                peak, most = max(peak, pss_kb(x.pids())), max(most, len(x.pids()))
            res[p.name] = {"keep": result(keep, 30), "new": result(new, 30), "base_kb": base,
                           "peak_kb": peak, "most": most}
            x.stop()
        stop(origin.p)
    return res


# What the cost is made of.

def each(keys, chosen):
    for key in keys:
        sc = P.SCENARIOS[key]
        for p in chosen:
            if p.supports(sc):
                origin = Origin(LOAD_CPU)
                x = Running(p, sc, origin)
                if x.ok:
                    turn(x, origin, 0.5)
                    yield x, origin
                    x.stop()
                stop(origin.p)


def syscalls(keys, chosen):
    """System calls per request by kind, by strace."""
    for x, origin in each(keys, chosen):
        out = f"{x.dir}/strace"
        s = start(["strace", "-f", "-c", "-o", out] +
                  [y for pid in x.pids() for y in ("-p", str(pid))], LOAD_CPU)
        time.sleep(0.7)
        r = turn(x, origin, 2)
        s.send_signal(signal.SIGINT)
        wait_for(s, 10)
        running.remove(s)
        counts = {}
        with open(out) as f:
            for line in f:
                m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if m and m.group(2) != "total" and r["requests"]:
                    counts[m.group(2)] = int(m.group(1)) / r["requests"]
        text = ", ".join(f"{k} {v:.2f}" for k, v in sorted(counts.items(), key=lambda z: -z[1])
                         if v > 0.004)
        print(f"{x.sc.key} {x.name}: {sum(counts.values()):.2f} calls per request: {text}",
              flush=True)


def profile(keys, chosen):
    """Where the CPU time goes, by perf."""
    for x, origin in each(keys, chosen):
        data = f"{x.dir}/perf.data"
        q = start(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", data, "-p",
                   ",".join(map(str, x.pids())), "--", "sleep", "3.5"], LOAD_CPU)
        time.sleep(0.4)
        turn(x, origin, 2.5)
        wait_for(q, 20)
        running.remove(q)
        for sort in ("dso", "dso,symbol"):
            text = subprocess.run(["perf", "report", "-i", data, "--stdio", "-q", "--sort", sort],
                                  capture_output=True, text=True).stdout
            lines = [y for y in text.splitlines() if y.strip()][:40]
            print(f"{x.sc.key} {x.name} by {sort}\n" + "\n".join(lines) + "\n", flush=True)


# Output.

def median(runs, key):
    v = [r[key] for r in runs if r.get(key) is not None]
    return statistics.median(v) if v else None


def ratios(runs, ref):
    return [a["cpu_us"] / b["cpu_us"] for a, b in zip(runs, ref)
            if a.get("cpu_us") and b.get("cpu_us")]


def ratio(runs, ref):
    """The median of the paired ratios with a 90 % bootstrap interval, as text."""
    v = ratios(runs, ref)
    if not v:
        return ""
    rnd = random.Random(1)
    m = sorted(statistics.median(rnd.choices(v, k=len(v))) for _ in range(400))
    return f"{statistics.median(v):.2f} ({m[20]:.2f}-{m[379]:.2f})"


def table(head, rows):
    rows = [[str(c) for c in r] for r in [head] + rows]
    wide = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for k, r in enumerate(rows):
        print("| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                for i, (c, w) in enumerate(zip(r, wide))) + " |")
        if k == 0:
            print("|" + "|".join(("-" if i == 0 else "-") * (w + 1) + ("-" if i == 0 else ":")
                                 for i, w in enumerate(wide)) + "|")
    print(flush=True)


def number(v, digits=1):
    return "" if v is None else f"{v:,.{digits}f}"


def print_load(res, ref):
    rows = []
    for name, d in res.items():
        solo, us = d["solo"], median(d["solo"], "cpu_us")
        rows.append([name, ratio(d["co"], res.get(ref, {}).get("co", [])),
                     ratio(d["co"], res.get("floor", {}).get("co", [])).split(" ")[0],
                     number(us), number(median(solo, "rps"), 0), number(median(solo, "util"), 2),
                     number(100 * (median(solo, "user") or 0), 0),
                     number((median(solo, "pss_kb") or 0) / 1024),
                     sum(errors(r) for r in solo) + sum(r["errors"] for r in d["co"])])
    table(["peer", f"CPU per request / {ref} (90 %)", "/ floor", "CPU us", "req/s solo", "util",
           "user %", "PSS MiB", "errors"], rows)


def print_flat(res):
    rows = []
    for name in dict.fromkeys(k.split()[0] for k in res):
        few, many = res.get(f"{name} 10"), res.get(f"{name} 10000")
        if few and many:
            rows.append([name, ratio(many["co"], few["co"]), number(few["start_s"], 2),
                         number(many["start_s"], 2),
                         sum(r["errors"] for r in few["co"] + many["co"])])
    table(["peer", "CPU per request, 10,000 / 10 routes (90 %)", "start s, 10", "start s, 10,000",
           "errors"], rows)


def print_idle(res):
    table(["peer", "KiB per connection", "PSS MiB before", "with all", "after", "alive",
           "idle CPU ms/s"],
          [[n, number(d["kb"], 2), number(d["base_kb"] / 1024), number(d["full_kb"] / 1024),
            number(d["after_kb"] / 1024), d["alive"], number(d["idle_ms"], 2)]
           for n, d in res.items()])


def print_reload(res):
    rows = []
    for n, d in res.items():
        k, w = d["keep"], d["new"]
        rows.append([n, k["requests"], k.get("race", 0), k.get("fail", 0) + k.get("unfinished", 0),
                     k.get("refused", 0), number(k.get("lat_us", {}).get("p999", 0) / 1e3),
                     number(k.get("lat_us", {}).get("max", 0) / 1e3), w["requests"],
                     w.get("fail", 0) + w.get("race", 0) + w.get("refused", 0),
                     number(d["base_kb"] / 1024), number(d["peak_kb"] / 1024), d["most"]])
    table(["peer", "keep-alive", "closed", "failed", "refused", "p99.9 ms", "max ms", "new conns",
           "failed", "PSS MiB", "peak", "processes"], rows)


def run(key, chosen, opt):
    if key.startswith("flat-"):
        kind = key[5:]
        print(f"### 10,000 routes by {kind} against 10, all peers at once\n")
        res = run_flat(kind, [p for p in chosen if not p.floor], opt)
        print_flat(res)
        return res
    sc = P.SCENARIOS[key]
    print(f"### {key}: {sc.what}\n")
    if sc.tool == "idle":
        res = run_idle(sc, chosen, opt)
        print_idle(res)
    elif sc.tool == "reload":
        res = run_reload(sc, chosen, opt)
        print_reload(res)
    else:
        res = run_load(sc, chosen, opt)
        print_load(res, opt.ref)
    return res


def summary(all_res, ref):
    """One line per scenario: CPU per request by peer, and how nuncio stands to the better one."""
    names = ["nuncio", "floor", "nginx", "haproxy"]
    rows = []
    for key, res in all_res.items():
        if not any("co" in d for d in res.values()) or key.startswith("flat-"):
            continue
        r = {n: statistics.median(v) for n in names if n in res
             for v in [ratios(res[n]["co"], res.get(ref, {}).get("co", []))] if v}
        others = [v for n, v in r.items() if n in ("nginx", "haproxy")]
        rows.append([key, P.SCENARIOS[key].what] + [number(r.get(n), 2) for n in names] +
                    [number(r["nuncio"] / min(others), 2) if others and "nuncio" in r else ""])
    if rows:
        print(f"### CPU per request, ratio to {ref}, all peers at once; lower is better\n")
        table(["", "scenario"] + names + ["nuncio / better"], rows)


def main():
    global FOLDER
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--nuncio", default="objs/nuncio", help="the program")
    ap.add_argument("--folder", default="objs/bench", help="helpers in bin/, work files")
    ap.add_argument("--peers", default="nuncio,floor,nginx,haproxy")
    ap.add_argument("--scenarios", default="", help="S1,S9,... and flat-host, flat-path")
    ap.add_argument("--flat", choices=("host", "path"))
    ap.add_argument("--ref", default="nginx")
    ap.add_argument("--rounds", type=int, default=3, help="solo turns per peer")
    ap.add_argument("--seconds", type=float, default=0.6, help="length of a solo turn")
    ap.add_argument("--co-rounds", type=int, default=7)
    ap.add_argument("--syscalls", default="")
    ap.add_argument("--profile", default="")
    ap.add_argument("--out", help="raw figures, as JSON")
    opt = ap.parse_args()
    FOLDER = os.path.abspath(opt.folder)
    os.makedirs(f"{FOLDER}/work", exist_ok=True)
    os.chmod(FOLDER, 0o755)
    resource.setrlimit(resource.RLIMIT_NOFILE, (P.FDS, P.FDS))
    os.sched_setaffinity(0, {LOAD_CPU})
    wanted = opt.peers.split(",")
    chosen = [p for p in P.all_peers(os.path.abspath(opt.nuncio), FOLDER) if p.name in wanted]
    for p in [p for p in chosen if not p.there()]:
        print(f"{p.name} is not there and left out", file=sys.stderr)
        chosen.remove(p)
    keys = [k for k in opt.scenarios.split(",") if k] + ([f"flat-{opt.flat}"] if opt.flat else [])
    all_res = {}
    try:
        for key in keys:
            begin = time.monotonic()
            all_res[key] = run(key, chosen, opt)
            print(f"({time.monotonic() - begin:.0f} s)\n", flush=True)
            if opt.out:
                P.put(opt.out, json.dumps(all_res, indent=1))
        summary(all_res, opt.ref)
        syscalls([k for k in opt.syscalls.split(",") if k], chosen)
        profile([k for k in opt.profile.split(",") if k], chosen)
    finally:
        for p in list(running):
            stop(p)


if __name__ == "__main__":
    main()
