"""The program under test, as a process: started from a file, watched, ended, and judged at its end.

    n = Nuncio(dir, conf.http_proxy(up)).start()
    n.port("main"), n.get("/x"), n.admin("/stats"), n.stat("http.ingress.downstream_rq_2xx")
    n.change(new_config); n.reload()
    n.finish()          stops it and returns a list of what was wrong: alerts, sanitizer reports,
                        exit status, processes left over

The binary is $NUNCIO, or objs/nuncio.
"""
import copy
import glob
import json
import os
import re
import signal
import subprocess

import yaml

from lib import client, conf, proc
from lib.ports import Port
from lib.wait import DEADLINE, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BINARY = os.environ.get("NUNCIO") or os.path.join(ROOT, "objs", "nuncio")

BAD_LINE = re.compile(r"\[(alert|emerg|critical|crit)\]|AddressSanitizer|LeakSanitizer|"
                      r"UndefinedBehaviorSanitizer|runtime error: |Assertion .* failed|"
                      r"stack smashing|double free|corrupted|Sanitizer:")


def environment(folder):
    """Sanitizers report into the test's folder, whatever the process does with its stderr."""
    env = dict(os.environ)
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        env[name] = f"{env.get(name, '')}:log_path={folder}/sanitizer".lstrip(":")
    env["ASAN_OPTIONS"] += ":quarantine_size_mb=1"      # or no bound on memory could be seen
    return env


def run(*args, folder=None, deadline=None, **kw):
    """The program for a moment: -t, -V, -s and the like. Returns CompletedProcess with text."""
    return subprocess.run([BINARY] + [str(a) for a in args], capture_output=True, text=True,
                          timeout=deadline or DEADLINE * 2, stdin=subprocess.DEVNULL,
                          env=environment(folder) if folder else None, cwd=folder, **kw)


class Nuncio:
    def __init__(self, folder, config=None, args=(), concurrency=1, wrap=(), prefix=None,
                 drain_s=1, **tokens):
        self.dir = str(folder)
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.prefix = prefix or self.dir
        self.tokens, self._ports, self._hosts, self._seen = tokens, {}, {}, set()
        self.path = None
        if config is not None:
            self.change(config)
        self.argv = list(wrap) + [BINARY, "-p", self.prefix]
        if self.path:
            self.argv += ["-c", self.path]
        if concurrency is not None:
            self.argv += ["--concurrency", str(concurrency)]
        self.argv += ["--drain-time-s", str(drain_s), "--file-flush-interval-msec", "20"]
        self.argv += [str(a) for a in args]
        self.allow_alerts = None        # a pattern of lines that this test provokes
        self.allow_exit = (0,)
        self.p = None

    # ---- configuration

    def change(self, config):
        """Writes the configuration file: a dict, or YAML text with {port}, {port:name}, {admin}."""
        if isinstance(config, str):
            text = self._fill(config)
            ending = "json" if text.lstrip().startswith("{") else "yaml"
        else:
            config = copy.deepcopy(config)
            self._assign_ports(config)
            text = self._fill(json.dumps(config, indent=1))
            ending = "json"
            if os.environ.get("NUNCIO_E2E_JSON") != "1":
                text, ending = yaml.safe_dump(json.loads(text), sort_keys=False), "yaml"
        path = self.path or os.path.join(self.dir, f"nuncio.{ending}")
        with open(path + ".new", "w") as f:
            f.write(text)
        os.replace(path + ".new", path)
        self.path = path

    def _port_of(self, name, host="127.0.0.1"):
        if name not in self._ports:
            self._ports[name] = Port(host)
            self._hosts[name] = host
        return self._ports[name].number

    def _fill(self, text):
        text = re.sub(r"\{port(?::([\w.-]+))?\}",
                      lambda m: str(self._port_of(m.group(1) or "main")), text)
        text = text.replace("{admin}", str(self._port_of("admin")) if "{admin}" in text else "")
        for k, v in {"dir": self.dir, "root": ROOT, **self.tokens}.items():
            text = text.replace("{" + k + "}", str(getattr(v, "port", v)))
        return text

    def _assign_ports(self, config):
        for lst in config.get("static_resources", {}).get("listeners", ()):
            a = lst.get("address", {}).get("socket_address", {})
            if a.get("port_value") == 0:
                a["port_value"] = self._port_of(lst.get("name"), a["address"])
        a = config.get("admin", {}).get("address", {}).get("socket_address", {})
        if a.get("port_value") == 0:
            a["port_value"] = self._port_of("admin")

    # ---- the process

    def start(self, wait=True):
        out = open(f"{self.dir}/stdout.log", "ab")
        err = open(f"{self.dir}/stderr.log", "ab")
        self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                  start_new_session=True, cwd=self.dir,
                                  env=environment(self.dir))
        out.close()
        err.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.p.poll() is not None:
                raise AssertionError(f"exited with {self.p.returncode} at start:\n{self.log()}")
            if "admin" in self._ports:
                try:
                    return self.admin("/ready").status == 200
                except OSError:
                    return False
            return all(self.accepts(name) for name in self._ports)
        wait_until(ready, lambda: f"ready\n{self.log()}", DEADLINE * 2)

    def accepts(self, name="main"):
        try:
            client.Client(self.port(name), self._hosts.get(name, "127.0.0.1")).close()
            return True
        except OSError:
            return False

    @property
    def pid(self):
        return self.p.pid

    def children(self):
        """Children of the master: list of (pid, "worker" | "helper" | "other")."""
        out = []
        for pid in proc.children(self.pid):
            t = proc.title(pid)
            out.append((pid, "worker" if "worker" in t else "helper" if "helper" in t else "other"))
            self._seen.add(pid)
        return out

    def workers(self):
        return [p for p, role in self.children() if role == "worker"]

    def helper(self):
        return next((p for p, role in self.children() if role == "helper"), None)

    def pids(self):
        return [self.pid] + [p for p, _ in self.children()]

    def signal(self, sig):
        self.p.send_signal(sig)

    def command(self, *args):
        """The program beside the running one: command("-s", "reload")."""
        argv = ["-p", self.prefix] + (["-c", self.path] if self.path else []) + list(args)
        return run(*argv, folder=self.dir)

    def reload(self, config=None):
        """Reloads by -s reload, which waits for the result. Returns the CompletedProcess."""
        if config is not None:
            self.change(config)
        return self.command("-s", "reload")

    def must_reload(self, config=None):
        r = self.reload(config)
        assert r.returncode == 0, f"reload failed:\n{r.stdout}{r.stderr}\n{self.log()}"

    def wait_exit(self, deadline=None):
        try:
            return self.p.wait(deadline or DEADLINE * 2)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.log()}") from None

    # ---- what it says

    def log(self):
        text = ""
        for path in sorted(glob.glob(f"{self.dir}/stderr.log") + glob.glob(f"{self.dir}/logs/*.log")
                           + glob.glob(f"{self.dir}/sanitizer.*")):
            with open(path, errors="replace") as f:
                text += f.read()
        return text

    def stdout(self):
        with open(f"{self.dir}/stdout.log", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern):
        return wait_until(lambda: re.search(pattern, self.log()),
                          lambda: f"log line {pattern!r} in\n{self.log()}")

    def access_log(self, n=1, path="access.log"):
        """The lines of the access log, split by conf.LOG_NAMES; waits until there are n."""
        def lines():
            try:
                with open(f"{self.dir}/{path}") as f:
                    return [x for x in f.read().split("\n")[:-1]]
            except FileNotFoundError:
                return []
        wait_until(lambda: len(lines()) >= n,
                   lambda: f"{n} access log lines, there are {len(lines())}: {lines()}")
        return [dict(zip(conf.LOG_NAMES, x.split(" "))) for x in lines()]

    # ---- talking to it

    def port(self, name="main"):
        return self._ports[name].number

    def connect(self, name="main", **kw):
        return client.Client(self.port(name), **kw)

    def get(self, target="/", headers=(), name="main", **kw):
        return client.get(self.port(name), target, headers, **kw)

    def url(self, target="/", name="main"):
        return f"http://127.0.0.1:{self.port(name)}{target}"

    def admin(self, target, method="GET", body=None):
        headers = [("Connection", "close")]
        return client.get(self.port("admin"), target, headers, method,
                          body if body is not None or method == "GET" else b"", host="admin")

    def admin_text(self, target):
        r = self.admin(target)
        assert r.status == 200, r
        return r.body.decode()

    def admin_json(self, target):
        return json.loads(self.admin_text(target))

    def stats(self, pattern=None):
        """name -> int for counters and gauges, name -> text otherwise."""
        text = self.admin_text("/stats" + (f"?filter={pattern}" if pattern else ""))
        out = {}
        for line in text.splitlines():
            name, colon, value = line.partition(": ")
            if colon:
                out[name] = int(value) if re.match(r"-?[0-9]+\Z", value) else value
        return out

    def stat(self, name):
        return self.stats().get(name, 0)

    def wait_stat(self, name, value):
        """Waits until a stat has the value (or is at least it, when value is a tuple (n,))."""
        got = []

        def there():
            got[:] = [self.stat(name)]
            return got[0] >= value[0] if isinstance(value, tuple) else got[0] == value
        wait_until(there, lambda: f"{name} to be {value}, it is {got}")

    def fds(self):
        """Number of open descriptors by process."""
        return {pid: len(proc.fds(pid)) for pid in self.pids()}

    # ---- the end

    def finish(self):
        """Stops it and says what was wrong, as a list of texts."""
        wrong = []
        if self.p is not None:
            wrong += self._end()
        for name in self._ports:
            self._ports[name].close()
        return wrong + self._judge_log()

    def _end(self):
        wrong, asked = [], self.p.poll() is None
        if asked:
            self.children()
            self.signal(signal.SIGTERM)
            try:
                self.p.wait(0.5)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGTERM)
            try:
                self.p.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                wrong.append(f"did not end after two TERM signals: "
                             f"{[(p, proc.title(p)) for p in proc.session(self.pid)]}")
        if self.p.poll() is not None and self.p.returncode not in self.allow_exit:
            wrong.append(f"exit status {self.p.returncode}")
        wrong += self._leftovers()
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        return wrong

    def _leftovers(self):
        """Processes of its session, or that were its children, and still live after it."""
        def left():
            mine = set(proc.session(self.pid)) | {p for p in self._seen if proc.alive(p)
                                                  and BINARY in os.path.realpath(f"/proc/{p}/exe")}
            return mine - {self.pid}
        try:
            wait_until(lambda: not left(), "", 2 if self.p.poll() is not None else 0.1)
            return []
        except AssertionError:
            names = [(p, proc.title(p)) for p in left()]
            for pid, _ in names:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return [f"processes left over: {names}"]

    def _judge_log(self):
        wrong = []
        for line in self.log().splitlines():
            if BAD_LINE.search(line) and not (self.allow_alerts
                                              and re.search(self.allow_alerts, line)):
                wrong.append(f"in its log: {line}")
        return wrong[:20]
