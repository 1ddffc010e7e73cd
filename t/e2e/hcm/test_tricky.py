"""Tricky targets, hosts and headers: route, policy and upstream see one thing."""
import pytest

from hcm import tricky
from lib import conf
from lib.client import request

TARGETS = tricky.targets()
SEEN = {"response_headers_to_add": [{"header": {"key": "x-policy", "value": "%REQ(:PATH)%"}}]}


def program_for(options):
    """Routes by the exact path that is expected, and one for all that differ."""
    paths = sorted({t[2].split("?")[0] for t in TARGETS if t[0] == options and t[2]})
    routes = [{**conf.route(match={"path": p}), "response_headers_to_add": [
        {"header": {"key": "x-route", "value": p.replace("%", "%%")}}]} for p in paths]
    return conf.listener(conf.hcm(
        routes=routes + [conf.route("/")], stat_prefix=f"o{options}", access_log=False,
        route_config=SEEN, **tricky.fields(options)), name=f"o{options}")


@pytest.fixture(scope="module")
def program(shared_nuncio, shared_upstream):
    options = sorted({t[0] for t in TARGETS})
    vhosts = [conf.vhost(n, d, [conf.route("/")], response_headers_to_add=[
        {"header": {"key": "x-vhost", "value": n}}]) for n, d in (
            ("good", ["good.example"]), ("good-80", ["good.example:80"]),
            ("wild", ["*.good.example"]), ("other", ["*"]))]
    return shared_nuncio(conf.bootstrap(
        [program_for(o) for o in options] + [conf.listener(conf.hcm(
            vhosts=vhosts, access_log=False, stat_prefix="hosts", use_remote_address=True),
            name="hosts")], [conf.cluster("up", shared_upstream)]))


@pytest.mark.parametrize("options,sent,seen,status,location", TARGETS,
                         ids=[f"{t[0]} {t[1]}" for t in TARGETS])
def test_a_target_is_one_thing_for_all(program, shared_upstream, options, sent, seen, status,
                                       location):
    before = len(shared_upstream.requests)
    with program.connect(f"o{options}") as c:
        c.send(request(target=sent))
        r = c.response()
    assert r.status == status
    assert len(shared_upstream.requests) - before == (seen is not None)
    if seen is not None:
        assert (r.get("x-route"), r.get("x-policy"), shared_upstream.last.target) == \
            (seen.split("?")[0], seen, seen)
    elif location:
        assert r.get("location") == location


def test_refused_and_redirected_paths_are_counted(program):
    assert (program.get("/a%2fb", name="onr").status, program.get("/a%2fb", name="ond").status) == \
        (400, 307)
    assert program.stat("http.onr.downstream_rq_failed_path_normalization") > 0
    assert program.stat("http.ond.downstream_rq_redirected_with_normalized_path") > 0


@pytest.mark.parametrize("host,vhost,seen", tricky.HOSTS)
def test_a_host_is_one_thing_for_all(program, shared_upstream, host, vhost, seen):
    before = len(shared_upstream.requests)
    with program.connect("hosts") as c:
        c.send(request(host=host))
        r = c.response()
    assert r.status == (200 if vhost else 400)
    assert len(shared_upstream.requests) - before == (vhost is not None)
    if vhost:
        assert (r.get("x-vhost"), shared_upstream.last.host) == (vhost, seen)


@pytest.mark.parametrize("lines,status,seen", tricky.HEADERS)
def test_a_header_is_one_thing_for_all(program, shared_upstream, lines, status, seen):
    with program.connect("hosts") as c:
        c.send(b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + (b"" if lines.endswith(b"x")
                                                           else b"\r\n"))
        r = c.response()
    if status is None:
        assert r.status in (200, 400, 501)
        if r.status == 200:
            assert not shared_upstream.last.all("x-envoy-internal")
            assert shared_upstream.last.get("x-forwarded-for").endswith("127.0.0.1")
    else:
        assert r.status == status
    if seen:
        assert shared_upstream.last.all(seen[0]) == seen[1]
