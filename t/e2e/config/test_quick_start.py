"""The bootstrap of Envoy's quick start, in substance: one listener on port 10000, the connection
manager with an access log on stdout, one cluster found by DNS name. Against a real server."""
import os
import re

from lib.client import Wrk, curl
from lib.ports import Port
from lib.wait import wait_until

QUICK_START = """\
static_resources:

  listeners:
  - name: listener_0
    address:
      socket_address:
        address: 0.0.0.0
        port_value: {port:listener_0}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress_http
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            name: local_route
            virtual_hosts:
            - name: local_service
              domains: ["*"]
              routes:
              - match:
                  prefix: "/"
                route:
                  host_rewrite_literal: localhost
                  cluster: service_by_name

  clusters:
  - name: service_by_name
    type: LOGICAL_DNS
    # Comment out the following line to test on v6 networks
    dns_lookup_family: V4_ONLY
    load_assignment:
      cluster_name: service_by_name
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: localhost
                port_value: {server}
"""


def real_server(started, tmp_path):
    """nginx where there is one, python's http.server elsewhere; serves "hello"."""
    port = Port()
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("hello from a real server\n")
    if os.access("/usr/sbin/nginx", os.X_OK):
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid;\n"
            f"error_log {tmp_path}/e.log;\n"
            f"events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:{port.number}; "
            f"root {tmp_path}/www; }}\n"
            + "".join(f"{x}_temp_path {tmp_path}/{x};\n" for x in
                      ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + "}\n")
        os.chmod(tmp_path, 0o755)
        started(["/usr/sbin/nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    else:
        started(["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                 str(tmp_path / "www"), "--protocol", "HTTP/1.1", str(port.number)])
    wait_until(lambda: curl(f"http://127.0.0.1:{port.number}/").status in (200, 403), "the server")
    return port.number


def test_the_quick_start_of_envoy_runs_unchanged(nuncio, started, tmp_path):
    server = real_server(started, tmp_path)
    n = nuncio(QUICK_START, server=server, concurrency=2)
    r = curl("-v", n.url("/", "listener_0"))
    assert r.rc == 0 and r.status in (200, 403), r.err
    assert "server: envoy" in r.err.lower() or "server: nuncio" in r.err.lower()
    if r.status == 200:
        assert r.body == b"hello from a real server\n"
    assert curl("-I", n.url("/", "listener_0")).status == r.status
    w = Wrk(n.url("/", "listener_0"), connections=32, seconds=2).result()
    assert w["requests"] > 100
    assert w["socket_errors"] == 0 and (w["bad_status"] == 0 or r.status == 403), w
    lines = wait_until(lambda: [x for x in n.stdout().splitlines() if "GET / HTTP/1.1" in x],
                       "lines on stdout")
    assert re.search(r'"GET / HTTP/1\.1" \d{3} - 0 \d+ \d+ \d+ "-" "curl/', lines[0]), lines[0]


def test_a_big_file_of_a_real_server_arrives_whole(nuncio, started, tmp_path):
    server = real_server(started, tmp_path)
    data = os.urandom(1 << 20) * 20
    (tmp_path / "www" / "big").write_bytes(data)
    n = nuncio(QUICK_START, server=server)
    r = curl("-o", tmp_path / "got", n.url("/big", "listener_0"))
    if r.status == 200:
        assert (tmp_path / "got").read_bytes() == data
    r = curl("-r", "1000-1999", n.url("/big", "listener_0"))
    assert (r.status, r.body) in ((206, data[1000:2000]), (403, r.body), (200, data))
