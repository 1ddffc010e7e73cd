"""What names a request and its proxies: ids, via, user agent, server, scheme, certificates."""
import re

import pytest

from hcm.cases import LOCAL, bootstrap, extension
from lib import conf
from lib.ports import unused_port

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SAMPLED = "7f8a1a2b-0000-9abc-8def-0123456789ab"     # the 9 says: chosen for tracing
RESET = "7f8a1a2b-0000-4abc-8def-0123456789ab"
EDGE = {"use_remote_address": True}
EARLY = "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"


def uuid(**kw):
    return {"request_id_extension": {"typed_config": {
        "@type": conf.T + "extensions.request_id.uuid.v3.UuidRequestIdConfig", **kw}}}


def early(*mutations):
    return extension("early", EARLY, mutations=list(mutations))


def add(key, value, action="APPEND_IF_EXISTS_OR_ADD"):
    return {"append": {"header": {"key": key, "value": value}, "append_action": action}}


# name: fields, request headers, what the upstream saw (a regex; None: absent)
SEEN = {
    "id-made": ({}, {}, {"x-request-id": UUID}),
    "id-kept-inside": ({}, {"x-request-id": "mine"}, {"x-request-id": "mine"}),
    "id-replaced-at-edge": (EDGE, {"x-request-id": "mine"}, {"x-request-id": UUID}),
    "id-preserved": ({**EDGE, "preserve_external_request_id": True}, {"x-request-id": "mine"},
                     {"x-request-id": "mine"}),
    "id-preserved-unpacked": ({**EDGE, "preserve_external_request_id": True},
                              {"x-request-id": SAMPLED}, {"x-request-id": RESET}),
    "id-packed": ({**EDGE, "preserve_external_request_id": True, **uuid(pack_trace_reason=True)},
                  {"x-request-id": SAMPLED}, {"x-request-id": RESET}),
    "id-not-packed": ({**EDGE, "preserve_external_request_id": True,
                       **uuid(pack_trace_reason=False)},
                      {"x-request-id": SAMPLED}, {"x-request-id": SAMPLED}),
    "id-off": ({"generate_request_id": False}, {}, {"x-request-id": None}),
    "id-off-at-edge": ({**EDGE, "generate_request_id": False}, {"x-request-id": "mine"},
                       {"x-request-id": "mine"}),
    "via": ({"via": "1.1 us"}, {}, {"via": "1.1 us"}),
    "via-appended": ({"via": "1.1 us"}, {"via": "1.0 them"}, {"via": "1.0 them, 1.1 us"}),
    "no-via": ({}, {}, {"via": None}),
    "agent": ({"add_user_agent": True}, {},
              {"user-agent": "the-cluster", "x-envoy-downstream-service-cluster": "the-cluster",
               "x-envoy-downstream-service-node": "the-node"}),
    "agent-kept": ({"add_user_agent": True}, {"user-agent": "curl"},
                   {"user-agent": "curl", "x-envoy-downstream-service-cluster": "the-cluster"}),
    "agent-off": ({}, {}, {"user-agent": None, "x-envoy-downstream-service-cluster": None}),
    "scheme-overwritten": ({"scheme_header_transformation": {"scheme_to_overwrite": "https"}}, {},
                           {"x-forwarded-proto": "https"}),
    "scheme-overwritten-http": ({"scheme_header_transformation": {"scheme_to_overwrite": "http"}},
                                {"x-forwarded-proto": "https"}, {"x-forwarded-proto": "http"}),
    "cert-sanitized": ({}, {"x-forwarded-client-cert": "By=me"},
                       {"x-forwarded-client-cert": None}),
    "cert-forward-only": ({"forward_client_cert_details": "FORWARD_ONLY"},
                          {"x-forwarded-client-cert": "By=me"}, {"x-forwarded-client-cert": None}),
    "cert-append": ({"forward_client_cert_details": "APPEND_FORWARD",
                     "set_current_client_cert_details": {"subject": True, "cert": True,
                                                         "chain": True, "dns": True, "uri": True}},
                    {"x-forwarded-client-cert": "By=me"}, {"x-forwarded-client-cert": None}),
    "cert-set": ({"forward_client_cert_details": "SANITIZE_SET"},
                 {"x-forwarded-client-cert": "By=me"}, {"x-forwarded-client-cert": None}),
    "cert-always": ({"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"},
                    {"x-forwarded-client-cert": "By=me"}, {"x-forwarded-client-cert": "By=me"}),
    "early-in-order": ({"early_header_mutation_extensions": [
        early(add("x-a", "1"), {"remove": "x-b"}, add("x-b", "%REQ(x-a)%"),
              add("x-c", "over", "OVERWRITE_IF_EXISTS")), early(add("x-d", "%REQ(x-b)%!"))]},
        {"x-b": "old"}, {"x-a": "1", "x-b": "1", "x-c": None, "x-d": "1!"}),
    "early-before-addresses": ({"early_header_mutation_extensions": [
        early(add("x-forwarded-for", "3.3.3.3", "OVERWRITE_IF_EXISTS_OR_ADD"))],
        "route_config": {"request_headers_to_add": [{"header": {
            "key": "x-seen", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}]}},
        {"x-forwarded-for": "4.4.4.4"}, {"x-seen": "3.3.3.3"}),
}
NODE = {"node": {"id": "the-node", "cluster": "the-cluster"}}


@pytest.fixture(scope="module")
def program(shared_nuncio, shared_upstream):
    return shared_nuncio(bootstrap(shared_upstream, {k: v[0] for k, v in SEEN.items()}, **NODE))


@pytest.mark.parametrize("name", SEEN)
def test_the_upstream_sees(program, shared_upstream, name):
    assert program.get("/", list(SEEN[name][1].items()), name=name).status == 200
    for header, want in SEEN[name][2].items():
        got = shared_upstream.last.all(header)
        if want is None:
            assert got == [], header
        else:
            assert len(got) == 1 and re.fullmatch(want, got[0]), (header, got)


def test_ids_differ(program, shared_upstream):
    seen = set()
    for _ in range(20):
        program.get("/", name="id-made")
        seen.add(shared_upstream.last.get("x-request-id"))
    assert len(seen) == 20


@pytest.mark.parametrize("fields,headers,want", [
    ({}, {}, False),
    ({"always_set_request_id_in_response": True}, {}, True),
    ({**EDGE, "internal_address_config": LOCAL}, {"x-envoy-force-trace": "1"}, True),
    (EDGE, {"x-envoy-force-trace": "1"}, False)])
def test_the_id_in_the_response(nuncio, upstream, fields, headers, want):
    n = nuncio(bootstrap(upstream, {"main": fields}))
    r = n.get("/", list(headers.items()))
    assert r.all("x-request-id") == ([upstream.last.get("x-request-id")] if want else [])


@pytest.mark.parametrize("fields,theirs,want", [
    ({}, "them", ["envoy"]),
    ({"server_name": "we"}, "them", ["we"]),
    ({"server_header_transformation": "APPEND_IF_ABSENT"}, "them", ["them"]),
    ({"server_header_transformation": "APPEND_IF_ABSENT"}, None, ["envoy"]),
    ({"server_header_transformation": "PASS_THROUGH"}, None, []),
    ({"server_header_transformation": "PASS_THROUGH"}, "them", ["them"])])
def test_the_server_header(nuncio, upstream, fields, theirs, want):
    upstream.answer(200, [("server", theirs)] if theirs else [], b"x")
    assert nuncio(bootstrap(upstream, {"main": fields})).get().all("server") == want


def test_via_is_added_to_responses(nuncio, upstream):
    upstream.answer(200, [("via", "1.0 them")], b"x")
    n = nuncio(bootstrap(upstream, {"main": {"via": "1.1 us"}}))
    assert n.get().get("via") == "1.0 them, 1.1 us"


def test_an_early_mutation_decides_on_the_route(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, early_header_mutation_extensions=[
        early(add("x-route", "b"))], routes=[
            conf.direct("/", 201, "b", headers=[
                {"name": "x-route", "string_match": {"exact": "b"}}]),
            conf.direct("/", 202, "a")]))
    assert n.get().status == 201


PROXY_STATUS = [
    ({}, 503, r'envoy; error=connection_refused; details="[^"]+; UF[^"]*"'),
    ({"remove_details": True}, 503, r"envoy; error=connection_refused"),
    ({"remove_response_flags": True}, 503, r'envoy; error=connection_refused; details="[^";]+"'),
    ({"literal_proxy_name": "edge"}, 503, r"edge; error=connection_refused; .*"),
    ({"use_node_id": True}, 503, r"the-node; error=connection_refused; .*"),
    ({"set_recommended_response_code": True}, 502, r"envoy; error=connection_refused; .*"),
]


@pytest.mark.parametrize("fields,status,want", PROXY_STATUS)
def test_proxy_status_of_a_refused_upstream(nuncio, fields, status, want):
    n = nuncio(conf.http_proxy(unused_port(), proxy_status_config=fields, bootstrap_kw=NODE))
    r = n.get()
    assert r.status == status
    assert re.fullmatch(want, r.get("proxy-status")), r.get("proxy-status")
    assert n.access_log()[0]["code"] == str(status)


def test_proxy_status_is_only_for_failures_and_when_configured(nuncio, upstream):
    n = nuncio(bootstrap(upstream, {"main": {"proxy_status_config": {}}}))
    assert not n.get().all("proxy-status")
    assert not nuncio(conf.http_proxy(unused_port())).get().all("proxy-status")


def test_proxy_status_goes_behind_that_of_the_upstream(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, proxy_status_config={}, stream_idle_timeout="0.2s"))
    upstream.handler = lambda c, r: c.wait_peer_close()
    r = n.get()
    assert r.status == 504
    assert r.get("proxy-status").startswith("envoy; error=http_response_timeout; details=\"stream_")
