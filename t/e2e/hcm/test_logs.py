"""Which requests an access log writes, and when."""
import threading

import pytest

from lib import conf
from lib.client import request
from lib.ports import unused_port
from lib.upstream import head
from lib.wait import wait_until

ROUTES = [conf.direct("/404", 404), conf.direct("/500", 500), conf.direct("/", 200)]
END = "/the-end"


def compare(op, value):
    return {"comparison": {"op": op, "value": {"default_value": value, "runtime_key": "k"}}}


def status(op, value):
    return {"status_code_filter": compare(op, value)}


def header(name, value):
    return {"header_filter": {"header": {"name": name, "string_match": {"exact": value}}}}


def log(filter_=None, text="%REQ(:PATH)%", path="{dir}/access.log"):
    out = conf.file_log(path, text + "\n")
    if filter_ is not None:
        out["filter"] = filter_
    return out


def lines(n, path="access.log"):
    try:
        with open(f"{n.dir}/{path}") as f:
            return f.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def logged(n, count=1, path="access.log"):
    wait_until(lambda: len(lines(n, path)) >= count, lambda: f"{count} lines in {lines(n, path)}")
    return lines(n, path)


def chosen(nuncio, filter_, requests, **kw):
    """The paths of those requests that the filter lets through to the log."""
    both = [log(filter_), log(path="{dir}/all.log")]
    n = nuncio(conf.http_proxy(clusters=kw.pop("clusters", []), routes=kw.pop("routes", ROUTES),
                               access_log=both, **kw))
    for target, headers in requests:
        n.get(target, headers)
    logged(n, len(requests), "all.log")
    return lines(n)


PATHS = [("/a", []), ("/404", []), ("/500", [("x", "y")])]


@pytest.mark.parametrize("filter_,want", [
    (status("EQ", 404), ["/404"]),
    (status("GE", 404), ["/404", "/500"]),
    (status("LE", 404), ["/a", "/404"]),
    (status("NE", 404), ["/a", "/500"]),
    ({"duration_filter": compare("LE", 60000)}, ["/a", "/404", "/500"]),
    ({"duration_filter": compare("GE", 60000)}, []),
    ({"not_health_check_filter": {}}, ["/a", "/404", "/500"]),
    ({"traceable_filter": {}}, []),
    (header("x", "y"), ["/500"]),
    ({"and_filter": {"filters": [status("GE", 404), header("x", "y")]}}, ["/500"]),
    ({"or_filter": {"filters": [status("EQ", 404), header("x", "y")]}}, ["/404", "/500"]),
    ({"and_filter": {"filters": [status("GE", 400), {"or_filter": {"filters": [
        status("EQ", 404), status("EQ", 405)]}}]}}, ["/404"]),
    ({"log_type_filter": {"types": ["DownstreamEnd"]}}, ["/a", "/404", "/500"]),
    ({"log_type_filter": {"types": ["DownstreamEnd"], "exclude": True}}, []),
    ({"log_type_filter": {"types": ["DownstreamStart"]}}, []),
    ({"response_flag_filter": {}}, []),
    ({"runtime_filter": {"runtime_key": "k"}}, []),
    ({"runtime_filter": {"runtime_key": "k", "percent_sampled": {"numerator": 100}}},
     ["/a", "/404", "/500"]),
    ({"runtime_filter": {"runtime_key": "k", "percent_sampled": {
        "numerator": 100, "denominator": "MILLION"}}}, []),
])
def test_a_filter_chooses(nuncio, filter_, want):
    assert chosen(nuncio, filter_, PATHS) == want


@pytest.mark.parametrize("flags,want", [(["UF"], ["/up"]), (["NR"], ["/none"]),
                                        (["UF", "NR"], ["/up", "/none"]), (["UH"], []),
                                        ([], ["/up", "/none"])])
def test_response_flags_choose(nuncio, flags, want):
    got = chosen(nuncio, {"response_flag_filter": {"flags": flags}},
                 [("/up", []), ("/none", []), ("/ok", [])],
                 clusters=[conf.cluster("up", unused_port())],
                 routes=[conf.route("/up"), conf.direct("/ok", 200)])
    assert got == want


@pytest.mark.parametrize("fields,want", [
    ({"statuses": ["NOT_FOUND"]}, ["/5"]),
    ({"statuses": ["NOT_FOUND"], "exclude": True}, ["/0", "/t"]),
    ({"statuses": ["OK", "INTERNAL"]}, ["/0", "/t"])])
def test_grpc_statuses_choose(nuncio, upstream, fields, want):
    def handler(c, r):
        if r.target == "/t":
            c.send(head(200, [("transfer-encoding", "chunked")])
                   + b"0\r\ngrpc-status: 13\r\n\r\n")
        else:
            c.send(head(200, [("content-length", 0), ("grpc-status", r.target[1:])]))
    upstream.handler = handler
    trailers = {"http_protocol_options": {"enable_trailers": True}}
    got = chosen(nuncio, {"grpc_status_filter": fields}, [(t, [("te", "trailers")])
                                                          for t in ("/0", "/5", "/t")],
                 clusters=[conf.cluster("up", upstream, typed_extension_protocol_options=conf.
                                        http_options(http1={"enable_trailers": True}))],
                 routes=[conf.route("/")], **trailers)
    assert got == want


ID = "%08x-0000-4000-8000-000000000000"


def test_a_share_goes_by_the_request_id(nuncio):
    half = {"runtime_filter": {"runtime_key": "k", "percent_sampled": {"numerator": 50}}}
    ids = [(f"/{i}", [("x-request-id", ID % i)]) for i in (0, 49, 50, 99, 100, 149, 150)]
    assert chosen(nuncio, half, ids) == ["/0", "/49", "/100", "/149"]


def test_a_share_can_be_independent_of_the_request_id(nuncio):
    some = {"runtime_filter": {"runtime_key": "k", "use_independent_randomness": True,
                               "percent_sampled": {"numerator": 50}}}
    got = chosen(nuncio, some, [(f"/{i}", [("x-request-id", ID % 0)]) for i in range(60)])
    assert 0 < len(got) < 60


# ---- when

def test_a_new_request_is_logged_at_once(nuncio, upstream):
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 0)])))
    n = nuncio(conf.http_proxy(upstream, access_log_options={
        "flush_access_log_on_new_request": True},
        access_log=[log(text="%ACCESS_LOG_TYPE% %RESPONSE_CODE%")]))
    with n.connect() as c:
        c.send(request())
        assert logged(n) == ["DownstreamStart 0"]
        go.set()
        assert c.response().status == 200
    assert logged(n, 2)[1] == "DownstreamEnd 200"


def test_a_long_request_is_logged_again_and_again(nuncio, upstream):
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 0)])))
    n = nuncio(conf.http_proxy(upstream, access_log_options={"access_log_flush_interval": "0.05s"},
                               access_log=[log(text="%ACCESS_LOG_TYPE%")]))
    with n.connect() as c:
        c.send(request())
        assert logged(n, 3)[:3] == ["DownstreamPeriodic"] * 3
        go.set()
        c.response()
    wait_until(lambda: lines(n)[-1] == "DownstreamEnd", "the last line")


@pytest.mark.parametrize("fields", [{"flush_access_log_on_new_request": True},
                                    {"access_log_flush_interval": "0.05s"}])
def test_the_old_names_of_the_fields_do_the_same(nuncio, upstream, fields):
    go = threading.Event()
    upstream.handler = lambda c, r: (c.wait(go), c.send(head(200, [("content-length", 0)])))
    n = nuncio(conf.http_proxy(upstream, access_log=[log(text="%ACCESS_LOG_TYPE%")], **fields))
    with n.connect() as c:
        c.send(request())
        assert logged(n)[0] in ("DownstreamStart", "DownstreamPeriodic")
        go.set()
        c.response()


@pytest.mark.parametrize("on", [True, False])
def test_an_established_tunnel_is_logged(nuncio, upstream, on):
    def handler(c, r):
        c.send(head(101, [("connection", "upgrade"), ("upgrade", "websocket")]))
        c.wait_peer_close()
    upstream.handler = handler
    n = nuncio(conf.http_proxy(upstream, upgrade_configs=[{"upgrade_type": "websocket"}],
                               access_log_options={
                                   "flush_log_on_tunnel_successfully_established": on},
                               access_log=[log(text="%ACCESS_LOG_TYPE% %RESPONSE_CODE%")]))
    with n.connect() as c:
        c.send(request(headers=[("connection", "upgrade"), ("upgrade", "websocket")]))
        assert c.response().status == 101
        if on:
            assert logged(n) == ["DownstreamTunnelSuccessfullyEstablished 101"]
    assert logged(n, 1 + on)[-1] == "DownstreamEnd 101"


def test_a_filter_sees_the_occasion(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log_options={
        "flush_access_log_on_new_request": True},
        access_log=[log({"log_type_filter": {"types": ["DownstreamStart"]}}, "%ACCESS_LOG_TYPE%"),
                    log(text="%ACCESS_LOG_TYPE%", path="{dir}/all.log")]))
    n.get()
    assert logged(n, 2, "all.log") == ["DownstreamStart", "DownstreamEnd"]
    assert lines(n) == ["DownstreamStart"]
