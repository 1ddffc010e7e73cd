"""Builders of Envoy v3 bootstraps as Python structures.

A listener with port 0 gets a port of its own before the file is written (see proxy.py); the text
"{dir}" becomes the test's folder.
"""
T = "type.googleapis.com/envoy."
HCM_TYPE = T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {"name": "envoy.filters.http.router",
          "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}

# The line the tests read back. Separated by spaces; none of the operators yields one.
LOG_FIELDS = ("%REQ(:METHOD)%", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "%PROTOCOL%",
              "%RESPONSE_CODE%", "%RESPONSE_FLAGS%", "%RESPONSE_CODE_DETAILS%",
              "%BYTES_RECEIVED%", "%BYTES_SENT%", "%UPSTREAM_HOST%", "%ROUTE_NAME%",
              "%UPSTREAM_CLUSTER%")
LOG_NAMES = ("method", "path", "protocol", "code", "flags", "details", "received", "sent",
             "upstream", "route", "cluster")


def address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def file_log(path="{dir}/access.log", text=None, json=None, **kw):
    fmt = {"json_format": json} if json is not None else \
        {"text_format_source": {"inline_string": text or " ".join(LOG_FIELDS) + "\n"}}
    return {"name": "envoy.access_loggers.file", "typed_config": {
        "@type": T + "extensions.access_loggers.file.v3.FileAccessLog",
        "path": path, "log_format": fmt, **kw}}


def route(prefix=None, cluster="up", match=None, **action):
    """A route to a cluster; action keys go into its "route"."""
    m = dict(match or {})
    if prefix is not None or not m:
        m["prefix"] = prefix or "/"
    return {"match": m, "route": {"cluster": cluster, **action}}


def direct(prefix, status=200, body=None, **match):
    d = {"status": status}
    if body is not None:
        d["body"] = {"inline_string": body}
    return {"match": {**({"prefix": prefix} if prefix else {}), **match}, "direct_response": d}


def direct_to(match, body):
    """A direct response of 200 for any match."""
    return {"match": match, "direct_response": {"status": 200, "body": {"inline_string": body}}}


def vhost(name="all", domains=("*",), routes=None, **kw):
    return {"name": name, "domains": list(domains), "routes": routes or [route("/")], **kw}


def hcm(routes=None, vhosts=None, filters=None, access_log=True, stat_prefix="ingress",
        route_config=None, **kw):
    """The network filter "http connection manager"."""
    rc = {"name": "local", "virtual_hosts": vhosts or [vhost(routes=routes)]}
    rc.update(route_config or {})
    c = {"@type": HCM_TYPE, "stat_prefix": stat_prefix, "codec_type": "AUTO", "route_config": rc,
         "http_filters": (filters or []) + [ROUTER]}
    if access_log is True:
        c["access_log"] = [file_log()]
    elif access_log:
        c["access_log"] = access_log
    c.update(kw)
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": c}


def listener(*filters, name="main", port=0, host="127.0.0.1", **kw):
    return {"name": name, "address": address(port, host),
            "filter_chains": [{"filters": list(filters)}], **kw}


def cluster(name="up", *ports, type="STATIC", host="127.0.0.1", connect_timeout="2s", hosts=None,
            **kw):
    """A cluster; ports are numbers or Upstream objects, hosts (address, port) pairs."""
    if hosts is None:
        hosts = [(host, getattr(p, "port", p)) for p in ports]
    eps = [{"endpoint": {"address": address(p, h)}} for h, p in hosts]
    return {"name": name, "type": type, "connect_timeout": connect_timeout,
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": eps}]}, **kw}


def http_options(**kw):
    """typed_extension_protocol_options of a cluster; keys of HttpProtocolOptions."""
    c = {"@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions"}
    if "explicit_http_config" not in kw:
        kw["explicit_http_config"] = {"http_protocol_options": kw.pop("http1", {})}
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {**c, **kw}}


def bootstrap(listeners, clusters=(), admin=True, **kw):
    b = {"static_resources": {"listeners": list(listeners), "clusters": list(clusters)}, **kw}
    if admin:
        b["admin"] = {"address": address(0)}
    return b


def http_proxy(*upstreams, routes=None, vhosts=None, clusters=None, cluster_kw=None,
               listener_kw=None, bootstrap_kw=None, **hcm_kw):
    """One listener "main", one cluster "up" over the given upstreams; other keys are HCM fields."""
    return bootstrap(
        [listener(hcm(routes, vhosts, **hcm_kw), **(listener_kw or {}))],
        clusters if clusters is not None else [cluster("up", *upstreams, **(cluster_kw or {}))],
        **(bootstrap_kw or {}))


def buffer_filter(max_bytes):
    return {"name": "envoy.filters.http.buffer", "typed_config": {
        "@type": T + "extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": max_bytes}}
