"""TLS peers: a client over python's ssl, and a server that answers HTTP/1."""
import socket
import ssl
import threading

from lib import conf
from lib.wait import DEADLINE

T = conf.T + "extensions.transport_sockets.tls.v3."


def downstream(*certs, **kw):
    """transport_socket of a filter chain; `common` holds more of common_tls_context."""
    common = {"tls_certificates": [c if isinstance(c, dict) else c.source() for c in certs]}
    common.update(kw.pop("common", {}))
    return {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": T + "DownstreamTlsContext", "common_tls_context": common, **kw}}


def upstream(**kw):
    common = kw.pop("common", {})
    return {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": T + "UpstreamTlsContext", "common_tls_context": common, **kw}}


def listener(socket_conf, routes=None, chain=None, **kw):
    routes = routes or [conf.direct("/", body="hello")]
    c = conf.listener(conf.hcm(routes, **kw))
    c["filter_chains"][0]["transport_socket"] = socket_conf
    c["filter_chains"][0].update(chain or {})
    return c


def proxy(socket_conf, routes=None, chain=None, clusters=(), secrets=None, **kw):
    b = conf.bootstrap([listener(socket_conf, routes, chain, **kw)], clusters)
    if secrets:
        b["static_resources"]["secrets"] = secrets
    return b


def client(ca=None, cert=None, alpn=None, low=None, high=None, ciphers=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(ca.pem)
    if cert:
        c.load_cert_chain(cert.pem, cert.key)
    if alpn:
        c.set_alpn_protocols(alpn)
    if low:
        c.minimum_version = low
    if high:
        c.maximum_version = high
    if ciphers:
        c.set_ciphers(ciphers)
    return c


def connect(port, context=None, sni="localhost", session=None):
    raw = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    return (context or client()).wrap_socket(raw, server_hostname=sni, session=session)


def exchange(s, path="/", host="localhost", headers=(), body=None):
    """One request on a connection; the whole response as (status, headers, body)."""
    lines = [f"{'POST' if body is not None else 'GET'} {path} HTTP/1.1", f"host: {host}", *headers]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b""))
    return read_response(s)


def read_response(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            raise EOFError(data)
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:])}
    want = int(headers.get("content-length", 0))
    parts = [rest]
    got = len(rest)
    while got < want:
        more = s.recv(1 << 20)
        if not more:
            raise EOFError("body")
        parts.append(more)
        got += len(more)
    return int(lines[0].split()[1]), headers, b"".join(parts)


def get(port, path="/", context=None, sni="localhost", **kw):
    with connect(port, context, sni) as s:
        return exchange(s, path, **kw)


def refused(port, context=None, sni="localhost"):
    """True when no request comes through."""
    try:
        get(port, "/", context, sni)
    except (ssl.SSLError, ConnectionError, EOFError):
        return True
    return False


class Server:
    """An HTTP/1 server over TLS: answers with what it knows of the connection, or echoes bodies."""

    def __init__(self, pair, client_ca=None, alpn=None, truncate=False, high=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.pem, pair.key)
        self.names, self.reused, self.protocols, self.peers = [], [], [], []
        self.truncate = truncate
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca.pem)
        if alpn:
            self.context.set_alpn_protocols(alpn)
        if high:
            self.context.maximum_version = high
        self.context.sni_callback = lambda s, name, c: self.names.append(name)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        try:
            s = self.context.wrap_socket(c, server_side=True)
            self.reused.append(s.session_reused)
            self.protocols.append(s.selected_alpn_protocol())
            self.peers.append(s.getpeercert())
            f = s.makefile("rb")
            while True:
                line = f.readline()
                if not line:
                    return
                length = 0
                while (h := f.readline()) not in (b"\r\n", b""):
                    if h.lower().startswith(b"content-length:"):
                        length = int(h.split(b":")[1])
                body = f.read(length) if length else b"fine"
                if self.truncate:
                    s.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
                    c2 = socket.socket(fileno=s.detach())
                    c2.shutdown(socket.SHUT_RDWR)
                    c2.close()
                    return
                s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        except (OSError, ValueError):
            pass
        finally:
            c.close()

    def close(self):
        self.sock.close()
