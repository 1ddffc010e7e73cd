"""Many connection managers in one program: each case of a table is a listener of its own."""
from lib import conf

LOCAL = {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8},
                         {"address_prefix": "10.0.0.0", "prefix_len": 8}]}
REMOTE = {"response_headers_to_add": [{"header": {
    "key": "x-remote", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}]}


def extension(name, type_, **fields):
    return {"name": name, "typed_config": {"@type": conf.T + type_, **fields}}


def bootstrap(upstream, cases, **kw):
    """cases: name -> fields of HttpConnectionManager; each has the stat prefix of its name."""
    listeners = []
    for name, fields in cases.items():
        fields = dict(fields)
        fields.setdefault("route_config", REMOTE)
        fields.setdefault("access_log", False)
        listeners.append(conf.listener(conf.hcm(stat_prefix=name, **fields), name=name))
    return conf.bootstrap(listeners, [conf.cluster("up", upstream)], **kw)
