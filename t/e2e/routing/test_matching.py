"""Which route a request takes: domains, paths, headers, query parameters."""
import pytest

from lib import conf
from lib.client import request
from lib.conf import direct, direct_to, vhost


def answers(nuncio, vhosts, **kw):
    """A proxy that answers every request itself, by the name in the body."""
    return nuncio(conf.http_proxy(clusters=[], vhosts=vhosts, **kw))


def one(nuncio, routes, **kw):
    return answers(nuncio, [vhost(routes=routes)], **kw)


def body(n, target="/", headers=(), **kw):
    r = n.get(target, headers, **kw)
    return r.body.decode() if r.status == 200 else r.status


HOSTS = [
    ("example.com", "exact"), ("EXAMPLE.com", "exact"), ("www.example.com", "www"),
    ("a.example.com", "suffix"), ("a.b.example.com", "suffix"), ("x.sub.example.com", "longer"),
    ("-example.com", "any"), ("a-example.com", "dashed"), ("example.org", "prefix"),
    ("example.co.uk", "prefix"), ("other.net", "any"), ("127.0.0.1", "any"),
    ("[::1]", "any"), ("example.com.", "prefix"), ("port.com:8080", "ported"), ("port.com", "any"),
]


@pytest.fixture(scope="module")
def hosts(shared_nuncio):
    def host(name, *domains):
        return vhost(name, domains, [direct("/", body=name)])
    return shared_nuncio(conf.http_proxy(clusters=[], vhosts=[
        host("any", "*"), host("suffix", "*.example.com"), host("prefix", "example.*"),
        host("exact", "example.com"), host("www", "www.example.com", "web.example.com"),
        host("longer", "*.sub.example.com"), host("dashed", "*-example.com"),
        host("ported", "port.com:8080")]))


@pytest.mark.parametrize("host,want", HOSTS)
def test_a_host_goes_to_its_domain_exact_before_suffix_before_prefix_before_any(hosts, host, want):
    assert body(hosts, host=host) == want


def test_without_a_domain_for_it_a_host_gets_404(nuncio):
    n = answers(nuncio, [vhost("a", ["a.com"], [direct("/", body="a")])])
    assert body(n, host="a.com") == "a"
    assert body(n, host="b.com") == 404
    log = n.access_log(2)[1]
    assert (log["flags"], log["details"]) == ("NR", "route_not_found")
    assert n.stat("http.ingress.no_route") == 1


def test_the_port_of_the_host_can_be_ignored(nuncio):
    n = answers(nuncio, [vhost("a", ["a.com"], [direct("/", body="a")])],
                route_config={"ignore_port_in_host_matching": True})
    assert body(n, host="a.com:1234") == "a"


def test_the_port_of_the_host_can_be_stripped(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, vhosts=[vhost("a", ["a.com"])], strip_any_host_port=True))
    assert n.get(host="a.com:1234").status == 200
    assert upstream.last.host == "a.com"


def test_the_first_route_that_matches_wins(nuncio):
    n = one(nuncio, [direct("/a", body="first"), direct("/ab", body="never"),
                     direct("/", body="rest")])
    assert [body(n, t) for t in ("/a", "/ab", "/abc", "/b", "/")] == \
        ["first", "first", "first", "rest", "rest"]


PATHS = [
    ("/exact", "exact"), ("/exact?query", "exact"), ("/exact/", "rest"), ("/EXACT", "rest"),
    ("/sep", "sep"), ("/sep/x", "sep"), ("/sep?x", "sep"), ("/separate", "rest"),
    ("/pre", "pre"), ("/prefix", "pre"), ("/pre?x=/exact", "pre"),
    ("/CaSe/x", "nocase"), ("/case", "nocase"), ("/Path-NoCase", "pathnocase"),
    ("/re/123", "regex"), ("/re/123?x=1", "regex"), ("/re/12a", "rest"), ("/x/re/123", "rest"),
    ("/a%2fb", "encoded"), ("/a/b", "rest"),
]


@pytest.fixture(scope="module")
def paths(shared_nuncio):
    return shared_nuncio(conf.http_proxy(clusters=[], routes=[
        direct(None, body="exact", path="/exact"),
        direct(None, body="sep", path_separated_prefix="/sep"),
        direct("/pre", body="pre"),
        direct_to({"prefix": "/case", "case_sensitive": False}, "nocase"),
        direct(None, body="pathnocase", path="/path-nocase", case_sensitive=False),
        direct(None, body="regex", safe_regex={"regex": "/re/[0-9]+"}),
        direct(None, body="encoded", path="/a%2fb"),
        direct("/", body="rest")]))


@pytest.mark.parametrize("target,want", PATHS)
def test_a_path_is_matched_as_its_matcher_says(paths, target, want):
    assert body(paths, target) == want


HEADERS = [
    ("exact", {"name": "x", "string_match": {"exact": "abc"}}, ["abc"], ["ABC", "abcd", None]),
    ("exact, any case", {"name": "x", "string_match": {"exact": "abc", "ignore_case": True}},
     ["abc", "ABC"], ["abcd"]),
    ("prefix", {"name": "X", "string_match": {"prefix": "ab"}}, ["ab", "abc"], ["xab", None]),
    ("suffix", {"name": "x", "string_match": {"suffix": "bc"}}, ["bc", "abc"], ["bcd"]),
    ("contains", {"name": "x", "string_match": {"contains": "b"}}, ["abc"], ["xyz"]),
    ("regex", {"name": "x", "string_match": {"safe_regex": {"regex": "[a-c]+"}}}, ["abc"],
     ["abcd", ""]),
    ("present", {"name": "x", "present_match": True}, ["", "y"], [None]),
    ("absent", {"name": "x", "present_match": False}, [None], ["y"]),
    ("name alone means present", {"name": "x"}, ["y"], [None]),
    ("range", {"name": "x", "range_match": {"start": -10, "end": 20}}, ["-10", "0", "19"],
     ["20", "-11", "a", "1.5", None]),
    ("inverted", {"name": "x", "string_match": {"exact": "abc"}, "invert_match": True}, ["xyz"],
     ["abc"]),
    ("missing taken for empty", {"name": "x", "string_match": {"exact": "abc"},
                                 "invert_match": True, "treat_missing_header_as_empty": True},
     ["xyz", None], ["abc"]),
    ("method", {"name": ":method", "string_match": {"exact": "GET"}}, [None], []),
    ("authority", {"name": ":authority", "string_match": {"exact": "test.local"}}, [None], []),
]


@pytest.mark.parametrize("name,matcher,yes,no", HEADERS, ids=[h[0] for h in HEADERS])
def test_a_header_is_matched_as_its_matcher_says(nuncio, name, matcher, yes, no):
    n = one(nuncio, [direct("/", body="yes", headers=[matcher]), direct("/", body="no")])

    def ask(value):
        return body(n, headers=[] if value is None else [("x", value)])

    assert [ask(v) for v in yes] == ["yes"] * len(yes)
    assert [ask(v) for v in no] == ["no"] * len(no)


def test_all_header_matchers_must_agree(nuncio):
    n = one(nuncio, [direct("/", body="both", headers=[
        {"name": "a", "string_match": {"exact": "1"}}, {"name": "b", "present_match": True}]),
        direct("/", body="no")])
    assert body(n, headers=[("a", "1"), ("b", "")]) == "both"
    assert body(n, headers=[("a", "1")]) == "no"


def test_a_repeated_header_is_matched_as_one_joined_value(nuncio):
    """Envoy joins the values of a repeated header by a comma before it matches."""
    n = one(nuncio, [direct("/", body="yes", headers=[
        {"name": "x", "string_match": {"exact": "1,2"}}]), direct("/", body="no")])
    assert body(n, headers=[("x", "1"), ("x", "2")]) == "yes"
    assert body(n, headers=[("x", "2"), ("x", "1")]) == "no"


QUERIES = [
    ("exact", {"name": "k", "string_match": {"exact": "v"}}, ["/?k=v", "/?a&k=v&b"],
     ["/?k=w", "/?kk=v", "/", "/k=v"]),
    ("prefix", {"name": "k", "string_match": {"prefix": "v"}}, ["/?k=vw"], ["/?k=wv"]),
    ("regex", {"name": "k", "string_match": {"safe_regex": {"regex": "[0-9]+"}}}, ["/?k=12"],
     ["/?k=1a"]),
    ("present", {"name": "k", "present_match": True}, ["/?k", "/?k=", "/?k=x"], ["/?l", "/"]),
    ("name alone means present", {"name": "k"}, ["/?k=x"], ["/"]),
]


@pytest.mark.parametrize("name,matcher,yes,no", QUERIES, ids=[q[0] for q in QUERIES])
def test_a_query_parameter_is_matched_as_its_matcher_says(nuncio, name, matcher, yes, no):
    n = one(nuncio, [direct("/", body="yes", query_parameters=[matcher]), direct("/", body="no")])
    assert [body(n, t) for t in yes] == ["yes"] * len(yes)
    assert [body(n, t) for t in no] == ["no"] * len(no)


def test_a_regex_that_explodes_is_stopped(nuncio):
    n = one(nuncio, [direct(None, body="re", safe_regex={"regex": "/(a+)+b"}),
                     direct("/", body="rest")])
    assert body(n, "/aaab") == "re"
    assert body(n, "/" + "a" * 5000) == "rest"


def test_ten_thousand_routes_are_all_found(nuncio):
    n = answers(nuncio, [vhost(f"h{i}", [f"h{i}.com"], [direct("/", body=f"h{i}")])
                         for i in range(5000)] +
                [vhost("paths", ["*"], [direct(None, body=f"p{i}", path=f"/p{i}")
                                        for i in range(2500)] +
                       [direct(f"/q{i}/", body=f"q{i}") for i in range(2500)])])
    with n.connect() as c:
        for i in (0, 1, 2499, 4999):
            assert c.get(host=f"h{i}.com").body.decode() == f"h{i}"
        for i in (0, 1234, 2499):
            assert c.get(f"/p{i}").body.decode() == f"p{i}"
            assert c.get(f"/q{i}/x").body.decode() == f"q{i}"
        assert c.get("/p2500").status == 404


def test_normalised_paths_are_matched_and_forwarded(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, normalize_path=True, merge_slashes=True,
                               routes=[conf.route("/b"), direct("/", 403)]))
    for target in ("/a/../b", "/./b", "//b", "/a/%2e%2e/b", "/%62"):
        assert n.get(target).status == 200, target
        assert upstream.last.target == "/b"
    assert n.get("/a/../../b").status in (200, 400)
    assert n.get("/b/../c").status == 403


def test_paths_are_left_alone_unless_normalisation_is_asked_for(proxied, upstream):
    n = proxied()
    with n.connect() as c:
        for target in ("/a/../b", "//b", "/%62", "/a%2Fb"):
            c.send(request(target=target))
            assert c.response().status == 200
            assert upstream.last.target == target
