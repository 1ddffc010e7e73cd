"""Reads wrong.txt."""
import os
import re

HERE = os.path.dirname(__file__)

AROUND = """\
static_resources:
  clusters: [{name: c}]
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
"""


def records(path=os.path.join(HERE, "wrong.txt")):
    """A list of (name, bytes of the file, expected lines)."""
    out, routes = [], False
    with open(path) as f:
        text = f.read()
    for part in re.split(r"^(?==== |@@ROUTES$|@@END$)", text, flags=re.M):
        if part.startswith("@@"):
            routes = part.startswith("@@ROUTES")
        elif part.startswith("=== "):
            name, rest = part[4:].split("\n", 1)
            body, lines = rest.split("\n>>>\n")
            body = (AROUND if routes else "") + body.strip("\n") + "\n"
            data = body.replace("@@5000", "x" * 5000).encode().replace(b"@@ff", b"\xff")
            out.append((name, data, lines.strip().split("\n")))
    return out
