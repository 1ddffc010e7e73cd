"""Load that knows the fate of every request, and the harness of t/e2e for scripts."""
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from lib import client, http1                                       # noqa: E402


class Asker(threading.Thread):
    """One keep-alive connection that asks without a pause, and opens a new one when it breaks."""

    def __init__(self, port, target="/", accept=None):
        super().__init__(daemon=True)
        self.port, self.target, self.accept = port, target, accept
        self.stop_now = threading.Event()
        self.ok = self.lost = self.wrong = self.refused = self.closed_idle = 0
        self.connections = 0
        self.seen = {}                  # body -> number of responses with it
        self.notes = []
        self.lost_at = []               # monotonic times of lost requests

    def run(self):
        c = None
        data = client.request(target=self.target)
        while not self.stop_now.is_set():
            if c is None:
                try:
                    c = client.Client(self.port)
                    self.connections += 1
                except OSError as e:
                    self.refused += 1
                    self.notes.append(f"connect: {e}")
                    time.sleep(0.01)
                    continue
            c = self.ask(c, data)
        if c:
            c.close()

    def ask(self, c, data):
        """The connection to go on with, or None."""
        try:
            c.send(data)
            r = c.response()
        except (OSError, http1.Closed, AssertionError) as e:
            self.lost += 1
            self.lost_at.append(time.monotonic())
            self.notes.append(f"lost: {type(e).__name__} {e}")
            c.close()
            return None
        c.reader.raw.clear()
        if r.status == 200 and (self.accept is None or self.accept(r.body)):
            self.ok += 1
            self.seen[r.body] = self.seen.get(r.body, 0) + 1
        else:
            self.wrong += 1
            self.notes.append(f"wrong: {r}")
        if r.get("connection", "").lower() == "close":
            self.closed_idle += 1
            c.close()
            return None
        return c


class Crowd:
    """Many askers."""

    def __init__(self, port, n, **kw):
        self.askers = [Asker(port, **kw) for _ in range(n)]
        for a in self.askers:
            a.start()

    def total(self, what):
        return sum(getattr(a, what) for a in self.askers)

    def notes(self, n=5):
        return [x for a in self.askers for x in a.notes][:n]

    def stop(self):
        for a in self.askers:
            a.stop_now.set()
        for a in self.askers:
            a.join(20)


def summary(title, rows, wrong):
    """Prints what was seen and what was wrong; returns the exit status."""
    print(title)
    for name, value in rows:
        print(f"  {name:44} {value}")
    for w in wrong:
        print(f"  WRONG: {w}")
    print("  passed" if not wrong else "  FAILED", flush=True)
    return 1 if wrong else 0
