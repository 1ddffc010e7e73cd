"""Whose request it is: remote address, x-forwarded-*, internal and external."""
import pytest

from hcm.cases import LOCAL, bootstrap, extension
from lib.client import Client, request

XFF = "extensions.http.original_ip_detection.xff.v3.XffConfig"
CUSTOM = "extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig"


def xff(**kw):
    return [extension("xff", XFF, **kw)]


def trusted(*ranges, **kw):
    cidrs = [dict(zip(("address_prefix", "prefix_len"), (r.split("/")[0], int(r.split("/")[1]))))
             for r in ranges]
    return xff(xff_trusted_cidrs={"cidrs": cidrs}, **kw)


def custom(**kw):
    return [extension("custom", CUSTOM, header_name="X-Real-IP", **kw)]


# name: fields, request headers, x-remote of the response, headers that the upstream saw
# (None: absent). "PORT" is the listener's.
CASES = {
    "plain": ({}, {}, "127.0.0.1",
              {"x-forwarded-for": None, "x-forwarded-proto": "http", "x-envoy-internal": None,
               "x-envoy-external-address": None}),
    "plain-xff": ({}, {"x-forwarded-for": "8.8.8.8, 9.9.9.9"}, "9.9.9.9",
                  {"x-forwarded-for": "8.8.8.8, 9.9.9.9"}),
    "plain-bad-xff": ({}, {"x-forwarded-for": "9.9.9.9, nonsense"}, "127.0.0.1", {}),
    "plain-bracket-xff": ({}, {"x-forwarded-for": "[::1]"}, "127.0.0.1", {}),
    "plain-v6-xff": ({}, {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1", {}),
    "plain-hops": ({"xff_num_trusted_hops": 2}, {"x-forwarded-for": "1.1.1.1,2.2.2.2,3.3.3.3"},
                   "1.1.1.1", {"x-forwarded-for": "1.1.1.1,2.2.2.2,3.3.3.3"}),
    "plain-too-many-hops": ({"xff_num_trusted_hops": 3},
                            {"x-forwarded-for": "1.1.1.1,2.2.2.2,3.3.3.3"}, "127.0.0.1", {}),
    "plain-proto-is-believed": ({}, {"x-forwarded-proto": "https"}, "127.0.0.1",
                                {"x-forwarded-proto": "https"}),
    "edge": ({"use_remote_address": True}, {"x-forwarded-for": "8.8.8.8"}, "127.0.0.1",
             {"x-forwarded-for": "8.8.8.8,127.0.0.1", "x-envoy-external-address": "127.0.0.1",
              "x-envoy-internal": None}),
    "edge-nobody-internal": ({"use_remote_address": True}, {"x-envoy-internal": "true"},
                             "127.0.0.1", {"x-envoy-internal": None,
                                           "x-envoy-external-address": "127.0.0.1"}),
    "edge-proto": ({"use_remote_address": True}, {"x-forwarded-proto": "https"}, "127.0.0.1",
                   {"x-forwarded-proto": "http"}),
    "edge-hops": ({"use_remote_address": True, "xff_num_trusted_hops": 2},
                  {"x-forwarded-for": "1.1.1.1,2.2.2.2,3.3.3.3", "x-forwarded-proto": "https"},
                  "2.2.2.2", {"x-forwarded-for": "1.1.1.1,2.2.2.2,3.3.3.3,127.0.0.1",
                              "x-envoy-external-address": "2.2.2.2",
                              "x-forwarded-proto": "https"}),
    "edge-skip-append": ({"use_remote_address": True, "skip_xff_append": True},
                         {"x-forwarded-for": "8.8.8.8"}, "127.0.0.1",
                         {"x-forwarded-for": "8.8.8.8"}),
    "edge-mapped": ({"use_remote_address": True,
                     "represent_ipv4_remote_address_as_ipv4_mapped_ipv6": True}, {}, "127.0.0.1",
                    {"x-forwarded-for": "::FFFF:127.0.0.1",
                     "x-envoy-external-address": "::FFFF:127.0.0.1"}),
    "internal": ({"use_remote_address": True, "internal_address_config": LOCAL}, {}, "127.0.0.1",
                 {"x-envoy-internal": "true", "x-envoy-external-address": None,
                  "x-forwarded-for": "127.0.0.1"}),
    "internal-not-with-xff": ({"use_remote_address": True, "internal_address_config": LOCAL},
                              {"x-forwarded-for": "127.0.0.1"}, "127.0.0.1",
                              {"x-envoy-internal": None}),
    "internal-by-xff": ({"internal_address_config": LOCAL}, {"x-forwarded-for": "10.1.2.3"},
                        "10.1.2.3", {"x-envoy-internal": "true"}),
    "internal-not-by-two": ({"internal_address_config": LOCAL},
                            {"x-forwarded-for": "10.1.2.3,10.1.2.4"}, "10.1.2.4",
                            {"x-envoy-internal": None}),
    "internal-not-in-range": ({"internal_address_config": LOCAL}, {"x-forwarded-for": "11.1.2.3"},
                              "11.1.2.3", {"x-envoy-internal": None}),
    "port": ({"append_x_forwarded_port": True}, {}, "127.0.0.1", {"x-forwarded-port": "PORT"}),
    "port-believed": ({"append_x_forwarded_port": True}, {"x-forwarded-port": "1"}, "127.0.0.1",
                      {"x-forwarded-port": "1"}),
    "port-edge": ({"append_x_forwarded_port": True, "use_remote_address": True},
                  {"x-forwarded-port": "1"}, "127.0.0.1", {"x-forwarded-port": "PORT"}),
    "port-edge-hops": ({"append_x_forwarded_port": True, "use_remote_address": True,
                        "xff_num_trusted_hops": 1}, {"x-forwarded-port": "1"}, "127.0.0.1",
                       {"x-forwarded-port": "1"}),
    "no-port": ({}, {}, "127.0.0.1", {"x-forwarded-port": None}),
    "xff-hops": ({"original_ip_detection_extensions": xff(xff_num_trusted_hops=1)},
                 {"x-forwarded-for": "1.1.1.1, 2.2.2.2"}, "1.1.1.1",
                 {"x-forwarded-for": "1.1.1.1, 2.2.2.2"}),
    "xff-append": ({"original_ip_detection_extensions": xff(skip_xff_append=False)},
                   {"x-forwarded-for": "1.1.1.1"}, "1.1.1.1",
                   {"x-forwarded-for": "1.1.1.1,127.0.0.1"}),
    "xff-internal": ({"original_ip_detection_extensions": xff(), "internal_address_config": LOCAL},
                     {"x-forwarded-for": "10.0.0.1"}, "10.0.0.1", {"x-envoy-internal": "true"}),
    "xff-cidrs": ({"original_ip_detection_extensions": trusted("127.0.0.1/32", "10.0.0.0/8")},
                  {"x-forwarded-for": "6.6.6.6, 7.7.7.7, 10.0.0.1, 10.9.9.9"}, "7.7.7.7", {}),
    "xff-cidrs-all": ({"original_ip_detection_extensions": trusted("127.0.0.1/32", "10.0.0.0/8")},
                      {"x-forwarded-for": "10.0.0.1, 10.9.9.9"}, "10.0.0.1", {}),
    "xff-cidrs-bad": ({"original_ip_detection_extensions": trusted("127.0.0.1/32", "10.0.0.0/8")},
                      {"x-forwarded-for": "6.6.6.6, x, 10.9.9.9"}, "10.9.9.9", {}),
    "xff-cidrs-peer": ({"original_ip_detection_extensions": trusted("10.0.0.0/8")},
                       {"x-forwarded-for": "6.6.6.6"}, "127.0.0.1", {}),
    "xff-cidrs-v6": ({"original_ip_detection_extensions": trusted("127.0.0.0/8", "fd00::/9")},
                     {"x-forwarded-for": "2001:db8::9, fd12::1"}, "2001:db8::9", {}),
    "custom": ({"original_ip_detection_extensions": custom()}, {"x-real-ip": "4.4.4.4"},
               "4.4.4.4", {}),
    "custom-absent": ({"original_ip_detection_extensions": custom()}, {}, "127.0.0.1", {}),
    "custom-untrusted": ({"original_ip_detection_extensions": custom(),
                          "internal_address_config": LOCAL}, {"x-real-ip": "10.0.0.4"},
                         "10.0.0.4", {"x-envoy-internal": None}),
    "custom-trusted": ({"original_ip_detection_extensions":
                        custom(allow_extension_to_set_address_as_trusted=True),
                        "internal_address_config": LOCAL}, {"x-real-ip": "10.0.0.4"},
                       "10.0.0.4", {"x-envoy-internal": "true"}),
    "custom-then-xff": ({"original_ip_detection_extensions": custom() + xff()},
                        {"x-forwarded-for": "5.5.5.5"}, "5.5.5.5", {}),
}
REJECTS = {
    "reject-401": ("Unauthorized", 401),
    "reject-other": ("OK", 403),
}


@pytest.fixture(scope="module")
def program(shared_nuncio, shared_upstream):
    cases = {name: case[0] for name, case in CASES.items()}
    for name, (code, _) in REJECTS.items():
        cases[name] = {"original_ip_detection_extensions":
                       custom(reject_with_status={"code": code})}
    return shared_nuncio(bootstrap(shared_upstream, cases))


@pytest.mark.parametrize("name", CASES)
def test_the_client_is(program, shared_upstream, name):
    _, headers, remote, seen = CASES[name]
    r = program.get("/", list(headers.items()), name=name)
    assert (r.status, r.get("x-remote")) == (200, remote)
    for header, value in seen.items():
        value = [] if value is None else [value.replace("PORT", str(program.port(name)))]
        assert shared_upstream.last.all(header) == value, header


@pytest.mark.parametrize("name", REJECTS)
def test_a_request_without_the_address_is_refused(program, shared_upstream, name):
    before = len(shared_upstream.requests)
    r = program.get("/", [("x-real-ip", "nonsense")], name=name)
    assert r.status == REJECTS[name][1]
    assert len(shared_upstream.requests) == before
    assert program.stat(f"http.{name}.downstream_rq_rejected_via_ip_detection") == 1
    assert program.get("/", [("x-real-ip", "4.4.4.4")], name=name).status == 200


INTERNAL_ONLY = ["x-envoy-retriable-status-codes", "x-envoy-retriable-header-names",
                 "x-envoy-retry-on", "x-envoy-retry-grpc-on", "x-envoy-max-retries",
                 "x-envoy-upstream-alt-stat-name",
                 "x-envoy-upstream-rq-timeout-alt-response", "x-envoy-force-trace",
                 "x-envoy-ip-tags", "x-envoy-original-url", "x-envoy-hedge-on-per-try-timeout"]
EDGE_ONLY = ["x-envoy-decorator-operation", "x-envoy-downstream-service-cluster",
             "x-envoy-downstream-service-node", "x-envoy-original-path", "x-envoy-original-host"]
SENT = [(h, "1") for h in INTERNAL_ONLY + EDGE_ONLY + ["x-envoy-mine", "x-env"]]


@pytest.mark.parametrize("name, gone", [("plain", INTERNAL_ONLY),
                                        ("edge", INTERNAL_ONLY + EDGE_ONLY)])
def test_an_external_client_cannot_send(program, shared_upstream, name, gone):
    program.get("/", SENT, name=name)
    names = shared_upstream.last.names()
    assert not [h for h in gone if h in names]
    assert not [h for h, _ in SENT if h not in gone and h not in names]


def test_an_internal_client_can_say_what_it_likes(nuncio, upstream):
    n = nuncio(bootstrap(upstream, {"main": {
        "use_remote_address": True, "internal_address_config": LOCAL}}))
    n.get("/", [("x-envoy-original-url", "1"), ("x-envoy-decorator-operation", "op"),
                ("x-envoy-ip-tags", "t")])
    for h in ("x-envoy-original-url", "x-envoy-decorator-operation", "x-envoy-ip-tags"):
        assert upstream.last.all(h), h


def test_internal_only_headers_of_the_routes_are_removed_too(nuncio, upstream):
    cases = {name: {"route_config": {"internal_only_headers": ["x-secret"]}, **fields}
             for name, fields in {
                 "outside": {}, "inside": {"use_remote_address": True,
                                           "internal_address_config": LOCAL}}.items()}
    n = nuncio(bootstrap(upstream, cases))
    n.get("/", [("x-secret", "1")], name="outside")
    assert not upstream.last.all("x-secret")
    n.get("/", [("x-secret", "1")], name="inside")
    assert upstream.last.all("x-secret") == ["1"]


@pytest.mark.parametrize("internal", [True, False])
def test_a_client_on_a_unix_socket_is_internal_when_configured(nuncio, upstream, public_dir,
                                                              internal):
    config = bootstrap(upstream, {"main": {
        "use_remote_address": True, "internal_address_config": {"unix_sockets": internal}}})
    path = str(public_dir / "s")
    config["static_resources"]["listeners"][0]["address"] = {"pipe": {"path": path, "mode": 0o666}}
    nuncio(config)
    with Client(0, path=path) as c:
        c.send(request())
        assert c.response().status == 200
    assert upstream.last.all("x-envoy-internal") == (["true"] if internal else [])
    assert not upstream.last.all("x-forwarded-for")
