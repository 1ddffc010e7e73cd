"""VirtualHost.matcher, rarer conditions and path templates, by the proxy."""
import yaml

from lib import conf
from lib.conf import T, direct, direct_to, vhost
from lib.wait import wait_until


def action(body, match=None, **kw):
    return {"action": {"name": "route", "typed_config": {
        "@type": T + "config.route.v3.Route", **direct_to(match or {"prefix": "/"}, body), **kw}}}


def header(name):
    return {"name": "header", "typed_config": {
        "@type": T + "type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": name}}


def net(name):
    return {"name": "net", "typed_config": {
        "@type": T + f"extensions.matching.common_inputs.network.v3.{name}"}}


def test_a_matcher_tree_leads_to_routes(nuncio):
    tree = {"matcher_tree": {"input": header(":path"), "prefix_match_map": {"map": {
        "/a": action("a"), "/a/b": {"matcher": {"matcher_tree": {
            "input": header("x-version"), "exact_match_map": {"map": {"2": action("ab2")}}}}}}}},
        "on_no_match": action("none")}
    n = nuncio(conf.http_proxy(clusters=[], vhosts=[
        {"name": "m", "domains": ["*"], "matcher": tree}]))
    assert n.get("/a/b/c", [("x-version", "2")]).body == b"ab2"
    assert n.get("/a/b/c").body == b"a"
    assert n.get("/x").body == b"none"


def test_a_matcher_tree_goes_by_addresses_and_lists(nuncio):
    tree = {"matcher_tree": {"input": net("SourceIPInput"), "custom_match": {
        "name": "ip", "typed_config": {
            "@type": "type.googleapis.com/xds.type.matcher.v3.IPMatcher", "range_matchers": [
                {"ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}], "on_match": {
                    "matcher": {"matcher_list": {"matchers": [{
                        "predicate": {"single_predicate": {
                            "input": header("x-a"), "value_match": {"prefix": "v"}}},
                        "on_match": action("loopback")}]}}}}]}}}}
    n = nuncio(conf.http_proxy(clusters=[], vhosts=[
        {"name": "m", "domains": ["*"], "matcher": tree}]))
    assert n.get("/", [("x-a", "v1")]).body == b"loopback"
    assert n.get("/", [("x-a", "w1")]).status == 404


def test_routes_and_matcher_exclude_each_other(binary, tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump(conf.http_proxy(clusters=[], access_log=False, vhosts=[
        vhost(routes=[direct("/")], matcher={"on_no_match": action("x")})])))
    r = binary("-t", "-c", path)
    assert r.returncode == 1 and "routes and matcher exclude each other" in r.stderr


def test_cookies_and_grpc_choose_routes(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[
        direct_to({"prefix": "/", "cookies": [{"name": "c", "string_match": {"exact": "1"}}]},
                  "cookie"),
        direct_to({"prefix": "/", "grpc": {}, "headers": [{"name": "x-not", "present_match": True}]},
                  "grpc"),
        direct("/", body="rest")]))
    assert n.get("/", [("cookie", "b=2; c=1")]).body == b"cookie"
    assert n.get("/", [("cookie", "c=2")]).body == b"rest"


def test_templates_match_and_rewrite(nuncio, upstream):
    match = {"path_match_policy": {"name": "t", "typed_config": {
        "@type": T + "extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
        "path_template": "/users/{id}/{rest=**}"}}}
    n = nuncio(conf.http_proxy(upstream, routes=[
        {"match": match, "route": {"cluster": "up", "path_rewrite_policy": {"name": "r", "typed_config": {
            "@type": T + "extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
            "path_template_rewrite": "/{rest}/of/{id}"}}}}]))
    assert n.get("/users/7/a/b?q=1").status == 200
    assert upstream.last.target == "/a/b/of/7?q=1"
    assert n.get("/users/7").status == 404


def test_the_log_says_why_an_answer_is_ours(nuncio):
    n = nuncio(conf.http_proxy(1, routes=[{**conf.route("/"), "name": "the-route"}]),
               args=["--component-log-level", "http:debug"])
    assert n.get("/").status == 503
    wait_until(lambda: "we answer 503 ourselves" in n.log(), n.log)
    line = next(x for x in n.log().splitlines() if "we answer 503 ourselves" in x)
    for part in ("upstream_reset_before_response_started", "flags UF", 'route "the-route"',
                 'cluster "up"', 'virtual host "all"', ".yaml:"):
        assert part in line, line
