"""Builders and peers for tests of listeners and network filters."""
import contextlib
import socket
import threading

from lib import conf
from lib.wait import DEADLINE

NET = conf.T + "extensions.filters.network."
LIS = conf.T + "extensions.filters.listener."
LOG = ["%RESPONSE_FLAGS%", "%BYTES_RECEIVED%", "%BYTES_SENT%", "%UPSTREAM_CLUSTER%",
       "%UPSTREAM_HOST%", "%DOWNSTREAM_REMOTE_ADDRESS%", "%REQUESTED_SERVER_NAME%"]
LOG_NAMES = ["flags", "received", "sent", "cluster", "host", "remote", "sni"]


def net_filter(name, type=None, **kw):
    return {"name": "envoy.filters.network." + name,
            "typed_config": {"@type": NET + (type or name + ".v3." + camel(name)), **kw}}


def camel(name):
    return "".join(w.capitalize() for w in name.split("_"))


def lis_filter(name, type=None, **kw):
    return {"name": "envoy.filters.listener." + name,
            "typed_config": {"@type": LIS + name + ".v3." + (type or camel(name)), **kw}}


def tcp_proxy(cluster="up", log=True, **kw):
    c = {"stat_prefix": "t"}
    if cluster:
        c["cluster"] = cluster
    if log:
        c["access_log"] = [conf.file_log(text=" ".join(LOG) + "\n")]
    c.update(kw)
    return net_filter("tcp_proxy", **c)


def direct(text):
    return net_filter("direct_response", "direct_response.v3.Config",
                      response={"inline_string": text})


def log_lines(n):
    try:
        with open(f"{n.dir}/access.log") as f:
            return [dict(zip(LOG_NAMES, line.split())) for line in f]
    except OSError:
        return []


@contextlib.contextmanager
def server(handle, host="127.0.0.1", backlog=128):
    """A server that runs handle(socket) in a thread per connection; yields its port."""
    s = socket.create_server((host, 0), backlog=backlog)
    socks = []

    def serve(c):
        with c:
            c.settimeout(DEADLINE)
            with contextlib.suppress(OSError):
                handle(c)

    def accept():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            socks.append(c)
            threading.Thread(target=serve, args=(c,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield s.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)
        s.close()
        for c in socks:
            c.close()


def echo(c):
    while True:
        data = c.recv(65536)
        if not data:
            return
        c.sendall(data)


def says(text):
    """A handler that sends a text and waits for the end."""
    def handle(c):
        c.sendall(text.encode())
        while c.recv(65536):
            pass
    return handle


def connect(port, host="127.0.0.1"):
    c = socket.create_connection((host, port), timeout=DEADLINE)
    return c


def read_all(c):
    out = b""
    while True:
        try:
            data = c.recv(1 << 20)
        except ConnectionResetError:
            return out
        if not data:
            return out
        out += data


def ask(port, data=b"", host="127.0.0.1", shut=True):
    """Everything that comes back for `data`."""
    with connect(port, host) as c:
        with contextlib.suppress(OSError):      # it may be closed by now
            if data:
                c.sendall(data)
            if shut:
                c.shutdown(socket.SHUT_WR)
        return read_all(c)


def free_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def run_check(n):
    """nuncio -t over the configuration of a program that was not started."""
    from lib import proxy
    return proxy.run("-t", "-p", n.dir, "-c", n.path)
