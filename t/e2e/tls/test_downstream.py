"""TLS towards clients: certificates, versions, names, what clients show, sessions."""
import os
import socket
import ssl
import subprocess

import pytest

from lib import conf, tls
from lib.certs import Ca, openssl
from lib.wait import DEADLINE, wait_until

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca):
    return ca.issue("server", ["DNS:localhost"], "rsa")


@pytest.fixture(scope="module")
def ec(ca):
    return ca.issue("server-ec", ["DNS:localhost"], "ec")


def names_of(cert_der):
    text = openssl("x509", "-inform", "DER", "-noout", "-ext", "subjectAltName", input=cert_der)
    return text.decode()


def shown(port, sni="localhost", **kw):
    with tls.connect(port, tls.client(**kw), sni) as s:
        return names_of(s.getpeercert(True))


def ssl_stat(n, name):
    return n.stat(f"listener.127.0.0.1_{n.port()}.ssl.{name}")


def test_a_request_is_answered_and_counted(nuncio, ca, pair):
    n = nuncio(tls.proxy(tls.downstream(pair)))
    assert tls.get(n.port(), context=tls.client(ca))[2] == b"hello"
    assert ssl_stat(n, "handshake") == 1
    assert ssl_stat(n, "versions.TLSv1.3") == 1
    assert ssl_stat(n, "no_certificate") == 1


def test_scheme_is_https_for_upstreams_and_logs(nuncio, upstream, pair):
    log = conf.file_log(text="%DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME% %REQ(:SCHEME)%\n")
    n = nuncio(tls.proxy(tls.downstream(pair), [conf.route("/")], access_log=[log],
                         clusters=[conf.cluster("up", upstream)]))
    tls.get(n.port(), sni="some.name")
    assert upstream.last.headers.get("x-forwarded-proto") == "https" if hasattr(
        upstream.last.headers, "get") else True
    wait_until(lambda: "TLSv1.3 some.name https" in open(n.dir + "/access.log").read(), "log line")


@pytest.mark.parametrize("how", ["inline", "environment", "pkcs12", "password"])
def test_certificates_come_from_everywhere(nuncio, ca, pair, tmp_path, how, monkeypatch):
    if how == "inline":
        c = {"certificate_chain": {"inline_string": pair.text()},
             "private_key": {"inline_string": pair.key_text()}}
    elif how == "environment":
        monkeypatch.setenv("NC_CERT", pair.text())
        monkeypatch.setenv("NC_KEY", pair.key_text())
        c = {"certificate_chain": {"environment_variable": "NC_CERT"},
             "private_key": {"environment_variable": "NC_KEY"}}
    elif how == "pkcs12":
        openssl("pkcs12", "-export", "-in", pair.pem, "-inkey", pair.key, "-out",
                tmp_path / "x.p12", "-passout", "pass:secret")
        c = {"pkcs12": {"filename": str(tmp_path / "x.p12")},
             "password": {"inline_string": "secret"}}
    else:
        openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out",
                tmp_path / "x.key")
        (tmp_path / "pw").write_text("secret\n")
        c = {"certificate_chain": {"filename": pair.pem},
             "private_key": {"filename": str(tmp_path / "x.key")},
             "password": {"filename": str(tmp_path / "pw")}}
    n = nuncio(tls.proxy(tls.downstream(c)))
    assert tls.get(n.port(), context=tls.client(ca))[0] == 200


def check(tmp_path, binary, config):
    import json
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(config).replace('"port_value": 0', '"port_value": 1'))
    r = binary("-t", "-c", str(path))
    assert r.returncode != 0
    return r.stderr


@pytest.mark.parametrize("what, error", [
    ("mismatch", "does not belong to the certificate"),
    ("missing", "cannot read"),
    ("rubbish", "holds no certificate in PEM"),
    ("small", "an RSA key needs at least 2048 bits"),
    ("password", "cannot be read with this password"),
    ("none", "No TLS certificates found for server context"),
    ("cipher", '"NOPE" is not known'),
    ("curve", '"P-999" is not known'),
    ("versions", "is below tls_minimum_protocol_version"),
    ("ticket", "a session ticket key has 80 bytes"),
    ("san", "without trusted CA is insecure"),
    ("hash", "is no SHA-256 in hexadecimal"),
    ("secret", 'there is no secret "x"'),
    ("must", "Required OCSP response is missing"),
])
def test_what_is_wrong_is_said_before_anything_changes(binary, tmp_path, ca, pair, ec, what, error):
    def params(**kw):
        return tls.downstream(pair, common={"tls_params": kw})

    def trust(**kw):
        return tls.downstream(pair, common={"validation_context": kw})

    if what == "mismatch":
        t = tls.downstream({"certificate_chain": {"filename": pair.pem},
                            "private_key": {"filename": ec.key}})
    elif what == "missing":
        t = tls.downstream({"certificate_chain": {"filename": "/nowhere"},
                            "private_key": {"filename": pair.key}})
    elif what == "rubbish":
        t = tls.downstream({"certificate_chain": {"inline_string": "x"},
                            "private_key": {"filename": pair.key}})
    elif what == "small":
        t = tls.downstream(ca.issue("small", key="rsa1024", folder=tmp_path))
    elif what == "password":
        openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:a", "-out", tmp_path / "k")
        t = tls.downstream({"certificate_chain": {"filename": pair.pem},
                            "private_key": {"filename": str(tmp_path / "k")},
                            "password": {"inline_string": "b"}})
    elif what == "none":
        t = tls.downstream()
    elif what == "cipher":
        t = params(cipher_suites=["NOPE"])
    elif what == "curve":
        t = params(ecdh_curves=["P-999"])
    elif what == "versions":
        t = params(tls_minimum_protocol_version="TLSv1_3", tls_maximum_protocol_version="TLSv1_2")
    elif what == "ticket":
        t = tls.downstream(pair, session_ticket_keys={"keys": [{"inline_string": "short"}]})
    elif what == "san":
        t = trust(match_typed_subject_alt_names=[{"san_type": "DNS", "matcher": {"exact": "a"}}])
    elif what == "hash":
        t = trust(verify_certificate_hash=["z" * 64])
    elif what == "secret":
        t = tls.downstream(common={"tls_certificate_sds_secret_configs": [{"name": "x"}]})
    else:
        t = tls.downstream(pair, ocsp_staple_policy="MUST_STAPLE")
    text = check(tmp_path, binary, tls.proxy(t))
    assert error in text, text
    assert "bad.json:1:" in text


def test_the_client_chooses_between_rsa_and_ecdsa(nuncio, ca, pair, ec):
    n = nuncio(tls.proxy(tls.downstream(pair, ec)))
    for cipher, name in (("ECDHE-RSA-AES128-GCM-SHA256", "RSA"),
                         ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA")):
        with tls.connect(n.port(), tls.client(ca, high=TLS12, ciphers=cipher)) as s:
            assert name in s.cipher()[0]
    with tls.connect(n.port(), tls.client(ca)) as s:
        assert "id-ecPublicKey" in openssl("x509", "-inform", "DER", "-noout", "-text",
                                           input=s.getpeercert(True)).decode()


def test_names_choose_among_certificates(nuncio, ca):
    certs = [ca.issue("a", ["DNS:a.test"]), ca.issue("wild", ["DNS:*.b.test"]),
             ca.issue("exact", ["DNS:x.b.test"]), ca.issue("a-rsa", ["DNS:a.test"], "rsa")]
    n = nuncio(tls.proxy(tls.downstream(*certs)))
    assert "a.test" in shown(n.port(), "a.test")
    assert "a.test" in shown(n.port(), "A.TEST")
    assert "x.b.test" in shown(n.port(), "x.b.test")
    assert "*.b.test" in shown(n.port(), "y.b.test")
    assert "a.test" in shown(n.port(), "y.z.b.test"), "the first one when none matches"
    assert "a.test" in shown(n.port(), None)
    rsa = tls.client(ca, high=TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    with tls.connect(n.port(), rsa, "a.test") as s:
        assert "RSA" in s.cipher()[0]


def test_all_certificates_are_tried_on_a_mismatch_only_when_asked(nuncio, ca):
    certs = [ca.issue("m1", ["DNS:m1.test"]), ca.issue("m2", ["DNS:m2.test"], "rsa"),
             ca.issue("m3", ["DNS:m3.test"])]
    rsa = tls.client(high=TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    n = nuncio(tls.proxy(tls.downstream(*certs)))
    assert tls.refused(n.port(), rsa, "else.test")
    n = nuncio(tls.proxy(tls.downstream(*certs, full_scan_certs_on_sni_mismatch=True)))
    assert tls.get(n.port(), context=rsa, sni="else.test")[0] == 200


def test_alpn_is_ours_first(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair, common={"alpn_protocols": ["x", "http/1.1"]})))
    with tls.connect(n.port(), tls.client(alpn=["http/1.1", "x"])) as s:
        assert s.selected_alpn_protocol() == "x"
    with tls.connect(n.port(), tls.client(alpn=["nothing"])) as s:
        assert s.selected_alpn_protocol() is None
        assert tls.exchange(s)[0] == 200


def test_http2_is_agreed_on(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair, common={"alpn_protocols": ["h2", "http/1.1"]})))
    r = subprocess.run(["curl", "-sk", "--http2", "-w", "%{http_version}",
                        f"https://localhost:{n.port()}/"], capture_output=True, text=True)
    assert r.stdout == "hello2", r


def test_versions_are_limited(nuncio, pair):
    def params(low, high):
        return tls.downstream(pair, common={"tls_params": {
            "tls_minimum_protocol_version": low, "tls_maximum_protocol_version": high}})

    n = nuncio(tls.proxy(params("TLSv1_3", "TLSv1_3")))
    assert tls.refused(n.port(), tls.client(high=TLS12))
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.connection_error", 1)
    n = nuncio(tls.proxy(params("TLSv1_2", "TLSv1_2")))
    with tls.connect(n.port()) as s:
        assert s.version() == "TLSv1.2"
    n = nuncio(tls.proxy(params("TLSv1_0", "TLSv1_1")))
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{n.port()}", "-tls1_1",
                        "-cipher", "ALL:@SECLEVEL=0"], capture_output=True, input=b"")
    assert b"TLSv1.1" in r.stdout, r.stderr


def test_ciphers_curves_and_signatures_are_limited(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair, common={"tls_params": {
        "cipher_suites": ["[ECDHE-RSA-AES256-GCM-SHA384|ECDHE-RSA-CHACHA20-POLY1305]"],
        "ecdh_curves": ["P-384"], "signature_algorithms": ["rsa_pss_rsae_sha512"]}})))
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{n.port()}", "-tls1_2"],
                       capture_output=True, input=b"").stdout.decode()
    assert "Cipher is ECDHE-RSA-AES256-GCM-SHA384" in r
    assert "Server Temp Key: ECDH, secp384r1, 384 bits" in r
    assert "Peer signing digest: SHA512" in r and "Peer signature type: RSA-PSS" in r
    assert tls.refused(n.port(), tls.client(high=TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256"))


def test_a_client_certificate_is_asked_for_and_judged(nuncio, ca, pair, tmp_path):
    good = ca.issue("good", ["URI:spiffe://t/a", "DNS:c.test", "email:a@b.test", "IP:10.1.2.3"],
                    folder=tmp_path)
    alien = Ca(tmp_path, "alien").issue("bad", ["URI:spiffe://t/a"], folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(pair, require_client_certificate=True, common={
        "validation_context": {"trusted_ca": {"filename": ca.pem}}})))
    assert tls.get(n.port(), context=tls.client(cert=good))[0] == 200
    assert tls.refused(n.port())
    assert tls.refused(n.port(), tls.client(cert=alien))
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.fail_verify_no_cert", 1)
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.fail_verify_error", 1)
    assert ssl_stat(n, "connection_error") == 0


@pytest.mark.parametrize("san, ok", [
    ({"san_type": "URI", "matcher": {"prefix": "spiffe://t/"}}, True),
    ({"san_type": "URI", "matcher": {"exact": "spiffe://t/b"}}, False),
    ({"san_type": "URI", "matcher": {"safe_regex": {"regex": "spiffe://[a-z]/a"}}}, True),
    ({"san_type": "DNS", "matcher": {"exact": "x.c.test"}}, True),
    ({"san_type": "DNS", "matcher": {"exact": "X.C.TEST"}}, True),
    ({"san_type": "DNS", "matcher": {"exact": "x.y.c.test"}}, False),
    ({"san_type": "DNS", "matcher": {"suffix": ".c.test"}}, True),
    ({"san_type": "DNS", "matcher": {"contains": "SPIFFE", "ignore_case": True}}, False),
    ({"san_type": "EMAIL", "matcher": {"exact": "a@b.test"}}, True),
    ({"san_type": "IP_ADDRESS", "matcher": {"exact": "10.1.2.3"}}, True),
    ({"san_type": "IP_ADDRESS", "matcher": {"exact": "10.1.2.4"}}, False),
    ({"san_type": "IP_ADDRESS", "matcher": {"prefix": "fe80::"}}, True),
    ({"san_type": "OTHER_NAME", "oid": "1.2.3.4", "matcher": {"exact": "other"}}, True),
    ({"san_type": "OTHER_NAME", "oid": "1.2.3.5", "matcher": {"exact": "other"}}, False),
])
def test_names_of_client_certificates_are_matched(nuncio, ca, pair, tmp_path, san, ok):
    c = ca.issue("c", ["URI:spiffe://t/a", "DNS:*.c.test", "email:a@b.test", "IP:10.1.2.3",
                       "IP:fe80::1", "otherName:1.2.3.4;UTF8:other"], folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(pair, require_client_certificate=True, common={
        "validation_context": {"trusted_ca": {"filename": ca.pem},
                               "match_typed_subject_alt_names": [san]}})))
    assert tls.refused(n.port(), tls.client(cert=c)) == (not ok)
    if not ok:
        n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.fail_verify_san", 1)


def test_hashes_and_keys_are_pinned(nuncio, ca, pair, tmp_path):
    a, b = (ca.issue(x, folder=tmp_path) for x in "ab")
    colons = ":".join(a.sha256()[i:i + 2] for i in range(0, 64, 2))
    for pin in ({"verify_certificate_hash": [a.sha256()]}, {"verify_certificate_hash": [colons]},
                {"verify_certificate_spki": [a.spki()]}):
        n = nuncio(tls.proxy(tls.downstream(pair, require_client_certificate=True,
                                            common={"validation_context": pin})))
        assert tls.get(n.port(), context=tls.client(cert=a))[0] == 200
        assert tls.refused(n.port(), tls.client(cert=b))
        n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.fail_verify_cert_hash", 1)


def test_revoked_expired_and_untrusted_certificates(nuncio, ca, pair, tmp_path):
    good, gone = ca.issue("g", folder=tmp_path), ca.issue("r", folder=tmp_path)
    old = ca.issue("old", folder=tmp_path, days=-1)
    alien = Ca(tmp_path, "alien").issue("al", folder=tmp_path)

    def start(**kw):
        return nuncio(tls.proxy(tls.downstream(pair, require_client_certificate=True, common={
            "validation_context": {"trusted_ca": {"filename": ca.pem}, **kw}})))

    n = start(crl={"filename": ca.crl([gone])})
    assert tls.get(n.port(), context=tls.client(cert=good))[0] == 200
    assert tls.refused(n.port(), tls.client(cert=gone))
    n = start()
    assert tls.refused(n.port(), tls.client(cert=old))
    n = start(allow_expired_certificate=True)
    assert tls.get(n.port(), context=tls.client(cert=old))[0] == 200
    n = start(trust_chain_verification="ACCEPT_UNTRUSTED")
    assert tls.get(n.port(), context=tls.client(cert=alien))[0] == 200


def test_depth_and_leaf_only_lists(nuncio, ca, pair, tmp_path):
    middle = Ca(tmp_path, "middle", parent=ca)
    leaf = middle.issue("leaf", folder=tmp_path)
    with open(leaf.pem, "a") as f:
        f.write(middle.text())

    def start(**kw):
        return nuncio(tls.proxy(tls.downstream(pair, require_client_certificate=True, common={
            "validation_context": {"trusted_ca": {"filename": ca.pem}, **kw}})))

    assert tls.get(start().port(), context=tls.client(cert=leaf))[0] == 200
    assert tls.refused(start(max_verify_depth=0).port(), tls.client(cert=leaf))
    lists = {"filename": middle.crl()}
    assert tls.refused(start(crl=lists).port(), tls.client(cert=leaf)), "no list of the root"
    n = start(crl=lists, only_verify_leaf_cert_crl=True)
    assert tls.get(n.port(), context=tls.client(cert=leaf))[0] == 200


def test_xfcc_tells_of_the_client_certificate(nuncio, upstream, ca, tmp_path):
    c = ca.issue("xfcc", ["URI:spiffe://t/a", "DNS:c.test"], folder=tmp_path)
    server = ca.issue("by", ["URI:spiffe://t/server", "DNS:localhost"], folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(server, require_client_certificate=True, common={
        "validation_context": {"trusted_ca": {"filename": ca.pem}}}), [conf.route("/")],
        clusters=[conf.cluster("up", upstream)], forward_client_cert_details="APPEND_FORWARD",
        set_current_client_cert_details={"subject": True, "uri": True, "dns": True}))
    tls.get(n.port(), context=tls.client(cert=c), headers=["x-forwarded-client-cert: By=me"])
    value = dict((k.lower(), v) for k, v in upstream.last.headers)["x-forwarded-client-cert"]
    assert value == (f"By=me,By=spiffe://t/server;Hash={c.sha256()};Subject=\"CN=xfcc\";"
                     "URI=spiffe://t/a;DNS=c.test")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_sessions_are_taken_up_by_other_workers(nuncio, pair, version):
    n = nuncio(tls.proxy(tls.downstream(pair)), concurrency=4)
    ctx = tls.client(low=version, high=version)
    with tls.connect(n.port(), ctx) as s:
        tls.exchange(s)
        session = s.session
    reused = 0
    for _ in range(20):
        with tls.connect(n.port(), ctx, session=session) as s:
            tls.exchange(s)
            reused += s.session_reused
    assert reused == 20
    assert ssl_stat(n, "session_reused") == 20


def resumes(n, ctx=None):
    ctx = ctx or tls.client(high=TLS12)
    with tls.connect(n.port(), ctx) as s:
        tls.exchange(s)
        session = s.session
    with tls.connect(n.port(), ctx, session=session) as s:
        tls.exchange(s)
        return s.session_reused


def test_either_kind_of_resumption_can_be_switched_off(nuncio, pair):
    assert resumes(nuncio(tls.proxy(tls.downstream(
        pair, disable_stateless_session_resumption=True))))
    assert not resumes(nuncio(tls.proxy(tls.downstream(
        pair, disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True))))


def test_configured_ticket_keys_work_across_instances(nuncio, pair, tmp_path):
    (tmp_path / "k1").write_bytes(os.urandom(80))
    (tmp_path / "k2").write_bytes(os.urandom(80))

    def start(*names):
        keys = [{"filename": str(tmp_path / x)} for x in names]
        return nuncio(tls.proxy(tls.downstream(pair, session_ticket_keys={"keys": keys})))

    a, b, c = start("k1"), start("k2", "k1"), start("k2")
    ctx = tls.client(high=TLS12)
    with tls.connect(a.port(), ctx) as s:
        tls.exchange(s)
        session = s.session
    for n, want in ((b, True), (c, False)):
        with tls.connect(n.port(), ctx, session=session) as s:
            tls.exchange(s)
            assert s.session_reused == want


def test_a_session_is_not_taken_up_under_other_rules_for_clients(nuncio, ca, pair, tmp_path):
    """What CVE-2022-21654 was about: tickets made where less was asked."""
    key = tmp_path / "k"
    key.write_bytes(os.urandom(80))
    c = ca.issue("client", ["DNS:c.test"], folder=tmp_path)

    def start(san):
        return nuncio(tls.proxy(tls.downstream(
            pair, require_client_certificate=True,
            session_ticket_keys={"keys": [{"filename": str(key)}]},
            common={"validation_context": {"trusted_ca": {"filename": ca.pem},
                                           "match_typed_subject_alt_names": [
                {"san_type": "DNS", "matcher": {"exact": san}}]}})))

    a, b = start("c.test"), start("other.test")
    ctx = tls.client(cert=c, high=TLS12)
    with tls.connect(a.port(), ctx) as s:
        tls.exchange(s)
        session = s.session
    with tls.connect(a.port(), ctx, session=session) as s:
        assert s.session_reused
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        with tls.connect(b.port(), ctx, session=session) as s:
            tls.exchange(s)


def test_ocsp_responses_are_stapled(nuncio, ca, tmp_path):
    p = ca.issue("ocsp", ["DNS:localhost"], folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(p.source(ocsp_staple={"filename": ca.ocsp(p)}),
                                        ocsp_staple_policy="MUST_STAPLE")))
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{n.port()}", "-status"],
                       capture_output=True, input=b"").stdout
    assert b"OCSP Response Status: successful" in r
    assert ssl_stat(n, "ocsp_staple_responses") == 1
    other = ca.issue("ocsp2", folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(p)))
    tls.get(n.port())
    assert ssl_stat(n, "ocsp_staple_requests") == 0
    bad = tls.proxy(tls.downstream(p.source(ocsp_staple={"filename": ca.ocsp(other)})))
    from lib import proxy as program
    assert "does not match its TLS certificate" in check(tmp_path, program.run, bad)


def test_keys_are_logged_when_asked(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair, common={"key_log": {"path": "{dir}/keys"}})))
    tls.get(n.port())
    wait_until(lambda: "CLIENT_TRAFFIC_SECRET_0" in open(n.dir + "/keys").read(), "key line")
    n = nuncio(tls.proxy(tls.downstream(pair, common={"key_log": {
        "path": "{dir}/keys", "remote_address_range": [
            {"address_prefix": "10.0.0.0", "prefix_len": 8}]}})))
    tls.get(n.port())
    n.admin("/stats")
    assert open(n.dir + "/keys").read() == ""


def test_static_secrets_are_used_and_followed(nuncio, ca, pair, tmp_path):
    sds = tmp_path / "sds.yaml"
    a, b = (ca.issue(x, [f"DNS:{x}.test"], folder=tmp_path) for x in ("one", "two"))

    def write(p):
        text = f"""
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: s
  tls_certificate:
    certificate_chain: {{filename: {p.pem}}}
    private_key: {{filename: {p.key}}}
"""
        (tmp_path / "new.yaml").write_text(text)
        os.rename(tmp_path / "new.yaml", sds)

    write(a)
    sources = {"name": "s", "sds_config": {"path_config_source": {"path": str(sds)}}}
    n = nuncio(tls.proxy(
        tls.downstream(common={"tls_certificates": [],
                               "tls_certificate_sds_secret_configs": [sources]})))
    assert "one.test" in shown(n.port())
    with tls.connect(n.port()) as s:
        write(b)
        wait_until(lambda: "two.test" in shown(n.port()), "the new certificate")
        assert tls.exchange(s)[0] == 200, "connections go on"
    n = nuncio(tls.proxy(
        tls.downstream(common={"tls_certificates": [],
                               "tls_certificate_sds_secret_configs": [{"name": "mine"}],
                               "validation_context_sds_secret_config": {"name": "ca"}}),
        secrets=[{"name": "mine", "tls_certificate": b.source()},
                 {"name": "ca", "validation_context": {"trusted_ca": {"filename": ca.pem}}}]))
    assert tls.get(n.port(), context=tls.client(cert=a))[0] == 200


@pytest.mark.parametrize("how", ["in place", "rename", "symlink"])
def test_certificate_files_that_change_are_taken_up(nuncio, ca, tmp_path, how):
    import shutil
    a, b = (ca.issue(x, [f"DNS:{x}.test"], folder=tmp_path) for x in ("old", "new"))
    folder = tmp_path / "live"
    folder.mkdir()
    if how == "symlink":
        for name, p in (("v1", a), ("v2", b)):
            (folder / name).mkdir()
            shutil.copy(p.pem, folder / name / "tls.crt")
            shutil.copy(p.key, folder / name / "tls.key")
        os.symlink("v1", folder / "data")
        for x in ("tls.crt", "tls.key"):
            os.symlink("data/" + x, folder / x)
    else:
        shutil.copy(a.pem, folder / "tls.crt")
        shutil.copy(a.key, folder / "tls.key")
    n = nuncio(tls.proxy(tls.downstream({
        "certificate_chain": {"filename": str(folder / "tls.crt")},
        "private_key": {"filename": str(folder / "tls.key")}})), concurrency=2)
    assert "old.test" in shown(n.port())
    if how == "in place":
        shutil.copyfile(b.pem, folder / "tls.crt")
        assert "old.test" in shown(n.port()), "half of a pair changes nothing"
        shutil.copyfile(b.key, folder / "tls.key")
    elif how == "rename":
        for x, p in (("tls.key", b.key), ("tls.crt", b.pem)):
            shutil.copyfile(p, folder / "tmp")
            os.rename(folder / "tmp", folder / x)
    else:
        os.symlink("v2", folder / "data.new")
        os.rename(folder / "data.new", folder / "data")
    for _ in range(8):
        wait_until(lambda: "new.test" in shown(n.port()), "the new certificate")


def test_a_reload_keeps_connections_and_sessions(nuncio, pair):
    c = tls.proxy(tls.downstream(pair))
    n = nuncio(c)
    ctx = tls.client(high=TLS12)
    with tls.connect(n.port(), ctx) as s:
        tls.exchange(s)
        session = s.session
        c["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"][
            "stat_prefix"] = "other"
        n.must_reload(c)
        assert tls.exchange(s)[0] == 200
    with tls.connect(n.port(), ctx, session=session) as s:
        assert s.session_reused


def test_plain_and_malformed_hellos_are_refused_and_counted(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair)))
    for data in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
                 b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"a" * 70000):
        with socket.create_connection(("127.0.0.1", n.port()), timeout=DEADLINE) as s:
            try:
                s.sendall(data)
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.connection_error", 4)
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.downstream_cx_active", 0)
    assert tls.get(n.port())[0] == 200


def test_certificates_are_shown_and_their_end_is_a_gauge(nuncio, ca, tmp_path):
    p = ca.issue("short", ["DNS:s.test", "URI:a:b", "IP:10.0.0.1"], days=5, folder=tmp_path)
    n = nuncio(tls.proxy(tls.downstream(p, common={
        "validation_context": {"trusted_ca": {"filename": ca.pem}}})))
    c = n.admin_json("/certs")["certificates"]
    assert len(c) == 1
    assert c[0]["ca_cert"][0]["path"] == ca.pem
    chain = c[0]["cert_chain"][0]
    assert chain["path"] == p.pem and chain["days_until_expiration"] in ("4", "5")
    assert chain["subject_alt_names"] == [{"dns": "s.test"}, {"uri": "a:b"},
                                          {"ip_address": "10.0.0.1"}]
    assert n.stat("server.days_until_first_cert_expiring") in (4, 5)
    name = f"certificate.{p.sha256()[:16]}.expiration_unix_time_seconds"
    assert ssl_stat(n, name) > 1000000000


def test_a_slow_handshake_ends(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair), chain={"transport_socket_connect_timeout": "0.2s"}))
    with socket.create_connection(("127.0.0.1", n.port()), timeout=DEADLINE) as s:
        s.sendall(b"\x16\x03\x01")
        assert s.recv(10) == b""
    name = f"listener.127.0.0.1_{n.port()}.downstream_cx_transport_socket_connect_timeout"
    n.wait_stat(name, 1)
    with tls.connect(n.port()) as s:
        n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.handshake", 1)
        wait_until(lambda: n.stat(name) == 1, "no more")
        assert tls.exchange(s)[0] == 200


def test_clients_may_not_renegotiate(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair)))
    p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{n.port()}", "-tls1_2"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    n.wait_stat(f"listener.127.0.0.1_{n.port()}.ssl.handshake", 1)
    out = p.communicate(b"R\n", timeout=DEADLINE)[0]
    assert b"no renegotiation" in out, out[-300:]
    assert ssl_stat(n, "handshake") == 1


def test_the_end_is_said_before_it_comes(nuncio, pair):
    n = nuncio(tls.proxy(tls.downstream(pair)))
    with tls.connect(n.port()) as s:
        s.suppress_ragged_eofs = False
        assert tls.exchange(s, headers=["connection: close"])[0] == 200
        assert s.recv(10) == b""                # SSLEOFError without a goodbye


@pytest.mark.parametrize("size", [1, 16384, 16385, 1 << 20, 20 << 20])
def test_bodies_come_through_whole(nuncio, ca, pair, tmp_path, size):
    up = tls.Server(pair)
    n = nuncio(tls.proxy(tls.downstream(pair), [conf.route("/", timeout="0s")], clusters=[
        conf.cluster("up", up, transport_socket=tls.upstream())]))
    body = os.urandom(min(size, 1 << 20)) * max(size >> 20, 1)
    (tmp_path / "body").write_bytes(body)
    r = subprocess.run(["curl", "-sk", "-H", "expect:", "--data-binary", f"@{tmp_path}/body",
                        f"https://localhost:{n.port()}/"], capture_output=True,
                       timeout=DEADLINE * 3)
    assert r.stdout == body, (r.returncode, len(r.stdout))
    up.close()
