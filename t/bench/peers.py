"""Peers and scenarios of the benchmark.

A scenario says what the proxy must be configured to do and how it is loaded. A peer is a class with
write(scenario, port, upstream, dir) -> argv (writes its configuration; argv stays in the
foreground) and, where it can, reload(process). Adding a proxy is adding a class.
"""
import dataclasses
import json
import os
import resource
import shutil
import signal

FDS = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
IDLE = min(9900, FDS // 2 - 50)                     # connections in S9
T = "type.googleapis.com/envoy."


@dataclasses.dataclass
class Scenario:
    key: str
    what: str
    tool: str = "load"              # load | h2load | idle | reload
    args: tuple = ()                # of src/load.c
    log: str = ""                   # "" | line (a write per line) | buf
    routes: tuple = ()              # ("host" | "path", how many)
    big: bool = False               # bulk bodies: peers use their best buffers for that
    h2: bool = False                # the client speaks HTTP/2, by prior knowledge
    up: str = "h1"                  # what is spoken to the origin: h1 | h2


def scenario(key, what, args="", **kw):
    return Scenario(key, what, args=tuple(args.split()), **kw)


SCENARIOS = {s.key: s for s in [
    scenario("S1", "keep-alive, GET, 1 KiB, 64 connections", "-c64 -u/1k"),
    scenario("S1L", "as S1, access log, a write per line", "-c64 -u/1k", log="line"),
    scenario("S1B", "as S1, access log, buffered", "-c64 -u/1k", log="buf"),
    scenario("S1P", "POST of 4 KiB, reply of 1 KiB, 64 connections", "-c64 -u/1k -b4096"),
    scenario("S2", "64 KiB replies, 32 connections", "-c32 -u/64k", big=True),
    scenario("S3", "1 MiB replies, 8 connections", "-c8 -u/1m", big=True),
    scenario("S6", "HTTP/2, 10 connections x 32 streams, 1 KiB -> HTTP/1", tool="h2load", h2=True),
    scenario("S6G", "gRPC-like: HTTP/2 POST 128 B -> HTTP/2, 1 KiB and trailers", tool="h2load",
             h2=True, up="h2"),
    scenario("S7", "a TCP connection per request, 1 KiB", "-c32 -u/1k -x"),
    scenario("S9", "idle keep-alive connections: memory", f"-c{IDLE} -u/1k", tool="idle"),
    scenario("S10a", "10 routes by host", "-c64 -u/1k -n10 -mhost", routes=("host", 10)),
    scenario("S10b", "10,000 routes by host", "-c64 -u/1k -n10000 -mhost", routes=("host", 10000)),
    scenario("S10c", "10 routes by prefix", "-c64 -u/1k -n10 -mpath", routes=("path", 10)),
    scenario("S10d", "10,000 routes by prefix", "-c64 -u/1k -n10000 -mpath",
             routes=("path", 10000)),
    scenario("S12", "10 reloads under load: lost requests", tool="reload"),
]}


def put(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


class Peer:
    name = "?"
    binary = ""
    buffered_log = False            # can write its access log in blocks
    floor = False                   # not a proxy, a yardstick

    def there(self):
        return os.access(self.binary, os.X_OK)

    def supports(self, sc):
        return sc.log != "buf" or self.buffered_log

    def reload(self, proc):
        raise NotImplementedError


class Nginx(Peer):
    name = "nginx"
    buffered_log = True

    def __init__(self):
        self.binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""

    def write(self, sc, port, upstream, d):
        connections = FDS - 50 if sc.tool == "idle" else 4096
        to = "grpc_pass grpc://o;" if sc.up == "h2" else "proxy_pass http://o;"
        http = [
            "default_type application/octet-stream; server_tokens off; tcp_nodelay on;",
            "keepalive_timeout 300s; keepalive_requests 1000000000;",
            "client_body_buffer_size 64k; client_max_body_size 0;",
            *(f"{x}_temp_path {d}/{x};" for x in ("client_body", "proxy", "fastcgi", "uwsgi",
                                                  "scgi")),
            'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;',
            "proxy_max_temp_file_size 0; proxy_read_timeout 300s;",
            f"upstream o {{ server 127.0.0.1:{upstream}; keepalive 1024; "
            "keepalive_requests 1000000000; keepalive_timeout 300s; }"]
        if sc.big:                  # measured best of eight settings
            http.append("proxy_buffer_size 32k; proxy_buffers 4 32k; proxy_busy_buffers_size 32k;")
        if sc.log:
            http.append(
                "log_format e '[$time_iso8601] \"$request_method $request_uri $server_protocol\" "
                "$status - $request_length $body_bytes_sent $request_time $upstream_response_time "
                "\"$http_x_forwarded_for\" \"$http_user_agent\" \"-\" \"$host\" "
                "\"$upstream_addr\"';")
            http.append(f"access_log {d}/access.log e"
                        + (" buffer=64k flush=10s;" if sc.log == "buf" else ";"))
        else:
            http.append("access_log off;")
        listen = f"listen 127.0.0.1:{port}{' http2' if sc.h2 else ''}"
        kind, n = sc.routes or ("", 0)
        if kind == "host":
            http.append("server_names_hash_max_size 65536; server_names_hash_bucket_size 128;")
            http += [f"server {{ {listen}{' backlog=4096' if i == 0 else ''}; "
                     f"server_name h{i:05d}.bench.local; location / {{ {to} }} }}"
                     for i in range(n)]
        elif kind == "path":
            http.append(f"server {{ {listen} backlog=4096;\n" + "\n".join(
                f"location /r{i:05d}/ {{ {to} }}" for i in range(n)) + " }")
        else:
            http.append(f"server {{ {listen} backlog=4096; location / {{ {to} }} }}")
        user = "user root; " if os.getuid() == 0 else ""
        conf = put(f"{d}/nginx.conf",
                   f"daemon off; worker_processes 1; {user}worker_rlimit_nofile {FDS};\n"
                   f"pid {d}/nginx.pid; error_log {d}/error.log error;\n"
                   f"events {{ worker_connections {connections}; }}\n"
                   "http {\n" + "\n".join(http) + "\n}\n")
        return [self.binary, "-p", d, "-e", f"{d}/error.log", "-c", conf]

    def reload(self, proc):
        os.kill(proc.pid, signal.SIGHUP)


class HAProxy(Peer):
    name = "haproxy"

    def __init__(self):
        self.binary = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""

    def write(self, sc, port, upstream, d):
        out = ["global", "  nbthread 1", "  no strict-limits", "  hard-stop-after 20s",
               f"  maxconn {IDLE + 50 if sc.tool == 'idle' else 4000}",
               f"  stats socket {d}/admin.sock mode 600 level admin expose-fd listeners"]
        if sc.log:
            out.append("  log stdout len 2048 format raw local0")
        out += ["defaults", "  mode http", "  timeout connect 5s", "  timeout client 300s",
                "  timeout server 300s", "  timeout http-keep-alive 300s", "  http-reuse always",
                "  option splice-auto" if sc.big else "  option http-keep-alive"]
        if sc.log:
            out += ["  log global",
                    '  log-format "[%T] \\"%HM %HU %HV\\" %ST - %U %B %Ta %Tr '
                    '\\"%[capture.req.hdr(0)]\\" \\"%[capture.req.hdr(1)]\\" \\"-\\" '
                    '\\"%[capture.req.hdr(2)]\\" \\"%si:%sp\\""']
        out += ["frontend f", f"  bind 127.0.0.1:{port} backlog 4096"
                + (" proto h2" if sc.h2 else "")]
        if sc.log:
            out += [f"  capture request header {h} len 128"
                    for h in ("x-forwarded-for", "user-agent", "host")]
        server = (f"  server s 127.0.0.1:{upstream} pool-purge-delay 300s"
                  + (" proto h2" if sc.up == "h2" else ""))
        kind, n = sc.routes or ("", 0)
        if kind:
            key = "h{:05d}.bench.local b{}\n" if kind == "host" else "/r{:05d}/ b{}\n"
            table = put(f"{d}/routes.map", "".join(key.format(i, i % 10) for i in range(n)))
            out.append(f"  use_backend %[req.hdr(host),lower,map_str({table})]" if kind == "host"
                       else f"  use_backend %[path,map_beg({table})]")
            for i in range(10):
                out += [f"backend b{i}", server]
        else:
            out += ["  default_backend b", "backend b", server]
        return [self.binary, "-W", "-f", put(f"{d}/haproxy.cfg", "\n".join(out) + "\n")]

    def reload(self, proc):
        os.kill(proc.pid, signal.SIGUSR2)


class Floor(Peer):
    """Forwards bytes and parses nothing: what the socket interface itself costs."""

    name = "floor"
    floor = True

    def __init__(self, folder):
        self.binary = f"{folder}/bin/floor"

    def supports(self, sc):
        return not (sc.routes or sc.log or sc.tool in ("reload", "h2load") or "-x" in sc.args)

    def write(self, sc, port, upstream, d):
        return [self.binary, "copy", str(port), str(upstream)]


LOG_LINE = ('[%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
            '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
            '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
            '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n')


def bootstrap(sc, port, upstream, d):
    """The Envoy v3 bootstrap of a scenario."""
    def address(p):
        return {"socket_address": {"address": "127.0.0.1", "port_value": p}}

    def cluster(name):
        options = {"@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions",
                   "common_http_protocol_options": {"idle_timeout": "300s"},
                   "explicit_http_config": {"http2_protocol_options": {}} if sc.up == "h2"
                   else {"http_protocol_options": {}}}
        limits = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
        return {"name": name, "type": "STATIC", "connect_timeout": "5s",
                "circuit_breakers": {"thresholds": [limits]},
                "load_assignment": {"cluster_name": name, "endpoints": [
                    {"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}]},
                "typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}

    def route(prefix, name):
        return {"match": {"prefix": prefix}, "route": {"cluster": name, "timeout": "0s"}}

    kind, n = sc.routes or ("", 0)
    names = [f"b{i}" for i in range(10)] if kind else ["origin"]
    if kind == "host":
        hosts = [{"name": f"h{i:05d}", "domains": [f"h{i:05d}.bench.local"],
                  "routes": [route("/", f"b{i % 10}")]} for i in range(n)]
    elif kind == "path":
        hosts = [{"name": "all", "domains": ["*"],
                  "routes": [route(f"/r{i:05d}/", f"b{i % 10}") for i in range(n)]}]
    else:
        hosts = [{"name": "all", "domains": ["*"], "routes": [route("/", "origin")]}]
    hcm = {"@type": T + "extensions.filters.network.http_connection_manager.v3."
                        "HttpConnectionManager",
           "stat_prefix": "main", "generate_request_id": False,
           "server_header_transformation": "PASS_THROUGH", "stream_idle_timeout": "300s",
           "common_http_protocol_options": {"idle_timeout": "300s"},
           "route_config": {"name": "local", "virtual_hosts": hosts},
           "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
               "@type": T + "extensions.filters.http.router.v3.Router",
               "suppress_envoy_headers": True}}]}
    if sc.log:
        hcm["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": {
            "@type": T + "extensions.access_loggers.file.v3.FileAccessLog",
            "path": f"{d}/access.log",
            "log_format": {"text_format_source": {"inline_string": LOG_LINE}}}}]
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager",
                          "typed_config": hcm}]}
    return {"static_resources": {
        "listeners": [{"name": "main", "address": address(port), "tcp_backlog_size": 4096,
                       "filter_chains": [chain]}],
        "clusters": [cluster(x) for x in names]}}


class Nuncio(Peer):
    """Nuncio, or any program that takes an Envoy bootstrap and Envoy's command line."""

    name = "nuncio"
    buffered_log = True

    def __init__(self, binary):
        self.binary = binary

    def write(self, sc, port, upstream, d):
        conf = put(f"{d}/bootstrap.json", json.dumps(bootstrap(sc, port, upstream, d), indent=1))
        return [self.binary, "-p", d, "-c", conf, "--concurrency", "1", "--drain-time-s", "1"]

    def reload(self, proc):
        os.kill(proc.pid, signal.SIGHUP)


def all_peers(nuncio, folder):
    return [Nuncio(nuncio), Floor(folder), Nginx(), HAProxy()]
