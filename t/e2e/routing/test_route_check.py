"""What Nuncio says of its routes: nuncio route-check, /route_check, nuncio explain-flag."""
import json

import pytest
import yaml

from lib import conf, proxy
from lib.conf import direct, direct_to, route, vhost
from lib.ports import unused_port

ROUTES = [
    direct_to({"path": "/exact"}, "x"),
    direct_to({"path_separated_prefix": "/sep"}, "x"),
    direct_to({"safe_regex": {"regex": "/re/[0-9]+"}}, "x"),
    {"match": {"connect_matcher": {}}, "route": {"cluster": "up"}},
    direct_to({"prefix": "/h", "headers": [{"name": "x-a", "string_match": {"exact": "1"}}]}, "x"),
    direct_to({"prefix": "/i", "headers": [{"name": "x-a", "range_match":
                                           {"start": 1, "end": 5}}]}, "x"),
    direct_to({"prefix": "/j", "headers": [{"name": "x-a", "present_match": True,
                                           "invert_match": True}]}, "x"),
    direct_to({"prefix": "/q", "query_parameters": [{"name": "p", "string_match":
                                                    {"prefix": "a"}}]}, "x"),
    direct_to({"prefix": "/f", "runtime_fraction": {"default_value": {"numerator": 30}}}, "x"),
    direct_to({"prefix": "/c", "cookies": [{"name": "k", "string_match": {"contains": "z"}}]}, "x"),
    direct_to({"prefix": "/g", "grpc": {}}, "x"),
    direct_to({"prefix": "/t", "tls_context": {"presented": True}}, "x"),
    direct_to({"prefix": "/m", "dynamic_metadata": [
        {"filter": "ns", "path": [{"key": "k"}], "value": {"bool_match": True}}]}, "x"),
    direct_to({"prefix": "/s", "filter_state": [{"key": "fs", "string_match": {"exact": "v"}}]},
              "x"),
    {"match": {"prefix": "/red"}, "redirect": {"https_redirect": True, "host_redirect": "b.com"}},
    {"name": "last", "match": {"prefix": "/"},
     "route": {"cluster": "up", "prefix_rewrite": "/new/", "host_rewrite_literal": "up.example",
               "timeout": "3s", "retry_policy": {"retry_on": "5xx", "num_retries": 4}}},
]


@pytest.fixture
def file(tmp_path):
    def write(routes=None, **kw):
        b = conf.http_proxy(unused_port(), routes=routes or ROUTES, access_log=False,
                            listener_kw={"port": 10000}, **kw)
        path = tmp_path / "routes.yaml"
        path.write_text(yaml.safe_dump(b, sort_keys=False))
        return path
    return write


def ask(binary, path, line, *args):
    r = binary("route-check", "-c", path, "--request", line, *args)
    assert r.returncode == 0, r.stderr
    return r.stdout


REASONS = [
    ("GET http://h/other", [], 'path "/other" is not "/exact"'),
    ("GET http://h/other", [], 'path "/other" is not below "/sep"'),
    ("GET http://h/other", [], 'path "/other" does not match "/re/[0-9]+"'),
    ("GET http://h/other", [], "it is no CONNECT"),
    ("GET http://h/other", [], 'path "/other" does not begin with "/h"'),
    ("GET http://h/h", [], 'header x-a is not there, expected "1"'),
    ("GET http://h/h", ["-H", "X-A: 2"], 'header x-a is "2", expected "1"'),
    ("GET http://h/i", ["-H", "X-A: 7"], 'header x-a is "7", expected a number from 1 to below 5'),
    ("GET http://h/j", ["-H", "X-A: 7"], 'header x-a is "7", expected anything but it to be there'),
    ("GET http://h/q?p=b", [], 'query parameter p is "b", expected a text that begins with "a"'),
    ("GET http://h/f", ["--random", "31"], "it is for 30 of 100 requests"),
    ("GET http://h/c", ["-H", "cookie: k=y"], 'cookie k is "y", expected a text with "z"'),
    ("GET http://h/g", [], "it is no gRPC request"),
    ("GET http://h/t", [], "the client showed no certificate"),
    ("GET http://h/m", [], "dynamic metadata ns:k is not there"),
    ("GET http://h/s", [], "filter state fs is not there"),
]


@pytest.mark.parametrize("line,args,reason", REASONS)
def test_the_reason_is_told_for_each_condition(binary, file, line, args, reason):
    assert reason in ask(binary, file(), line, *args)


def test_the_route_that_wins_is_told_with_its_place(binary, file):
    path = file()
    out = ask(binary, path, "GET http://a.com/other?x=1")
    line = 1 + next(i for i, text in enumerate(path.read_text().splitlines())
                    if text.strip() == "- name: last")
    assert f'takes route 15 "last" ({path}:{line})' in out
    assert 'forwards to cluster "up"' in out
    assert 'host "up.example"' in out
    assert 'path "/new/other?x=1"' in out
    assert "timeout 3000 ms" in out
    assert "retries up to 4" in out


def test_json_says_the_same(binary, file):
    a = json.loads(ask(binary, file(), "GET http://a.com/red/x", "--json"))["answer"]
    assert (a["action"], a["status"], a["location"]) == ("redirect", 301, "https://b.com/red/x")


def test_hosts_and_require_tls_are_told(binary, file):
    path = file(vhosts=[vhost("a", ["a.com"], [route("/")], require_tls="ALL")], routes=None)
    assert "none of the 1 virtual hosts has a domain for it" in ask(binary, path, "GET http://b.com/")
    assert "requires TLS" in ask(binary, path, "GET http://a.com/")
    assert 'forwards to cluster "up"' in ask(binary, path, "GET https://a.com/")


def test_the_path_is_made_canonical_first(binary, file):
    path = file([direct_to({"path": "/b"}, "x")], normalize_path=True, merge_slashes=True)
    assert "takes route 0" in ask(binary, path, "GET http://h/a/..//b")
    path = file([direct("/")], path_with_escaped_slashes_action="REJECT_REQUEST",
                normalize_path=True)
    assert "answers 400" in ask(binary, path, "GET http://h/a%2fb")


def test_many_routes_are_counted_not_listed(binary, file):
    out = ask(binary, file([direct_to({"path": f"/{i}"}, "x") for i in range(500)]
                           + [direct("/")]), "GET http://h/x")
    assert "not 488 more: their paths do not match" in out
    assert out.count("\n") < 30


def table(tmp_path, *rows):
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump({"rows": list(rows)}))
    return path


def test_a_table_that_holds_ends_with_0(binary, file, tmp_path):
    t = table(tmp_path,
              {"name": "one", "request": "GET http://h/z",
               "want": {"cluster": "up", "route": "last", "action": "route", "host": "up.example",
                        "path": "/new/z", "virtual_host": "all", "location": "-"}},
              {"request": "GET http://h/i", "headers": {"x-a": "3"}, "want": {"status": 200}},
              {"request": "GET http://h/f", "random": 5, "want": {"action": "direct_response"}})
    r = binary("route-check", "-c", file(), "--expect", t)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "3 of 3 rows are as expected" in r.stdout


def test_a_row_that_fails_shows_the_difference_and_ends_with_1(binary, file, tmp_path):
    t = table(tmp_path,
              {"name": "bad", "request": "GET http://h/z", "want": {"cluster": "x", "status": 7}},
              {"name": "good", "request": "GET http://h/z", "want": {"cluster": "up"}})
    r = binary("route-check", "-c", file(), "--expect", t)
    assert r.returncode == 1
    assert "FAIL  bad" in r.stdout and "ok    good" in r.stdout
    assert 'cluster: expected "x", is "up"' in r.stdout
    assert "status: expected 7, is 0" in r.stdout
    assert "1 of 2 rows are as expected" in r.stdout
    r = binary("route-check", "-c", file(), "--expect", t, "--json")
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    assert [row["ok"] for row in rows] == [False, True]


@pytest.mark.parametrize("args", [
    [], ["--request", "GET nowhere"], ["--request", "GET http://h/", "-H", "nothing"],
    ["--request", "GET http://h/", "--source", "me"], ["--request"], ["--unknown"],
    ["--request", "GET http://h/", "--random", "x"]])
def test_a_wrong_command_line_ends_with_2(binary, file, args):
    r = binary("route-check", "-c", file(), *args)
    assert r.returncode == 2
    assert "nuncio route-check:" in r.stderr


def test_a_wrong_file_ends_with_1(binary, tmp_path):
    (tmp_path / "bad.yaml").write_text("static_resources:\n  listners: []\n")
    r = binary("route-check", "-c", tmp_path / "bad.yaml", "--request", "GET http://h/")
    assert r.returncode == 1
    assert "listners" in r.stderr


def test_the_example_table_holds(binary):
    r = binary("route-check", "-c", f"{proxy.ROOT}/conf/examples/path-routing.yaml", "--expect",
               f"{proxy.ROOT}/conf/examples/path-routing.expect")
    assert r.returncode == 0, r.stdout


def test_the_admin_interface_answers_for_what_is_in_use(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[
        direct_to({"prefix": "/h", "headers": [{"name": "x-a", "present_match": True}]}, "x"),
        direct("/", status=418)]))
    r = n.admin_text("/route_check?request=GET%20http://h/h&header=x-b:%201")
    assert "header x-a is not there" in r and "answers 418" in r
    a = n.admin_json("/route_check?request=GET%20http://h/h&header=x-a:%201&format=json")
    assert a[0]["answer"]["status"] == 200


def test_every_flag_is_explained(binary):
    r = binary("explain-flag", "all")
    assert r.returncode == 0
    assert r.stdout.count("  means ") == r.stdout.count("  look at ") == 30
    r = binary("explain-flag", "UF,NoRouteFound")
    assert "UF (UpstreamConnectionFailure)" in r.stdout and "NR (NoRouteFound)" in r.stdout
    assert binary("explain-flag", "XX").returncode == 2
