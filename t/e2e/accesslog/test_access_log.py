"""The access log: operators, formats, sinks, whole lines."""
import json
import re
import threading

import pytest

from lib import conf
from lib.client import request
from lib.ports import unused_port
from lib.upstream import head
from lib.wait import wait_until


def read(n, lines=1, path="access.log"):
    def text():
        try:
            return open(f"{n.dir}/{path}").read()
        except FileNotFoundError:
            return ""
    wait_until(lambda: text().count("\n") >= lines, lambda: f"{lines} lines in {text()!r}")
    return text()


def logged(nuncio, upstream, fmt, **kw):
    return nuncio(conf.http_proxy(upstream, access_log=[conf.file_log(text=fmt + "\n")], **kw))


def test_the_default_format_is_envoys(nuncio, upstream):
    log = conf.file_log()
    del log["typed_config"]["log_format"]
    n = nuncio(conf.http_proxy(upstream, access_log=[log]))
    n.get("/p?q", [("User-Agent", "me")])
    line = read(n)
    assert re.match(
        r'\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "GET /p\?q HTTP/1\.1" 200 - 0 9 \d+ \d+ '
        r'"-" "me" "[0-9a-f-]{36}" "test\.local" "127\.0\.0\.1:%d"\n$' % upstream.port, line), line


OPERATORS = [
    ("%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)%", "POST /p?q=1 test.local"),
    ("%REQ(X-ONE)% %REQ(x-none)% %REQ(x-none?x-one)%", "one - one"),
    ("%REQ(X-ONE):2%", "on"),
    ("%RESP(X-TWO)% %RESP(x-none?X-TWO):1%", "two t"),
    ("%REQUEST_HEADER(x-one)% %RESPONSE_HEADER(x-two)%", "one two"),
    ("%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%",
     "HTTP/1.1 200 - via_upstream"),
    ("%RESPONSE_FLAGS_LONG%", "-"),
    ("%BYTES_RECEIVED% %BYTES_SENT%", "4 6"),
    ("%ROUTE_NAME% %UPSTREAM_CLUSTER%", "the-route up"),
    ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
     "127.0.0.1 127.0.0.1"),
    ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "127.0.0.1"),
    ("%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %REQUESTED_SERVER_NAME%",
     "- - -"),
    ("100%% %REQ(x-one)%%RESP(x-two)%", "100% onetwo"),
    ("plain text", "plain text"),
]


@pytest.mark.parametrize("fmt,want", OPERATORS)
def test_an_operator_shows_what_it_names(nuncio, upstream, fmt, want):
    n = logged(nuncio, upstream, fmt, routes=[{**conf.route("/"), "name": "the-route"}])
    upstream.answer(200, [("X-Two", "two")], b"answer")
    n.get("/p?q=1", [("X-One", "one")], method="POST", body=b"body")
    assert read(n) == want + "\n"


def test_addresses_have_their_ports(nuncio, upstream):
    n = logged(nuncio, upstream, "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
                                 "%UPSTREAM_HOST% %UPSTREAM_LOCAL_ADDRESS%")
    with n.connect() as c:
        me = "%s:%d" % c.sock.getsockname()
        c.get()
    remote, local, host, mine = read(n).split()
    assert (remote, local, host) == (me, f"127.0.0.1:{n.port()}", f"127.0.0.1:{upstream.port}")
    assert re.match(r"127\.0\.0\.1:\d+$", mine)


def test_start_time_takes_a_format(nuncio, upstream):
    n = logged(nuncio, upstream, "%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%|%START_TIME(%s.%3f)%|"
                                 "%START_TIME%")
    n.get()
    a, b, c = read(n).strip().split("|")
    assert re.match(r"\d{4}/\d\d/\d\dT\d\d:\d\d:\d\d\+0000 \d{10}$", a)
    assert re.match(r"\d{10}\.\d{3}$", b)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", c)


def test_the_duration_is_in_milliseconds(nuncio, upstream):
    n = logged(nuncio, upstream, "%DURATION%")
    stop = threading.Event()
    upstream.handler = lambda c, r: (stop.wait(0.3), c.send(head(200, [("content-length", 0)])))
    n.get()
    assert 290 <= int(read(n)) < 3000


def test_json_keeps_numbers_and_escapes_text(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log=[conf.file_log(json={
        "code": "%RESPONSE_CODE%", "path": "%REQ(:PATH)%", "ua": "%REQ(USER-AGENT)%",
        "missing": "%REQ(X-NONE)%", "mixed": "%RESPONSE_CODE% of %PROTOCOL%",
        "sent": "%BYTES_SENT%",
        "nested": {"flags": "%RESPONSE_FLAGS%"}})]))
    n.get("/a", [("user-agent", 'quo"te\\ \xe4')])
    data = json.loads(read(n).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    assert data["code"] == 200 and data["sent"] == 9
    assert data["path"] == "/a" and data["mixed"] == "200 of HTTP/1.1"
    assert data["missing"] is None or data["missing"] == "-"
    assert data["nested"]["flags"] == "-"
    assert data["ua"].startswith('quo"te\\ ')


def test_control_bytes_cannot_break_a_line(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log=[conf.file_log(json={"h": "%REQ(x)%"})]))
    n.get("/", [("x", "tab\there")])
    text = read(n)
    assert text.count("\n") == 1 and json.loads(text)["h"] == "tab\there"


def test_stdout_and_stderr_take_lines(nuncio, upstream):
    def stream(which):
        return {"name": f"envoy.access_loggers.{which.lower()}", "typed_config": {
            "@type": conf.T + f"extensions.access_loggers.stream.v3.{which}AccessLog",
            "log_format": {"text_format_source": {"inline_string": f"to {which}\n"}}}}
    n = nuncio(conf.http_proxy(upstream, access_log=[stream("Stdout"), stream("Stderr")]))
    n.get()
    wait_until(lambda: "to Stdout\n" in n.stdout(), "the line on stdout")
    wait_until(lambda: "to Stderr\n" in n.log(), "the line on stderr")


def test_two_logs_get_a_line_each(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log=[
        conf.file_log("{dir}/a.log", "a\n"), conf.file_log("{dir}/b.log", "b\n")]))
    n.get()
    assert (read(n, 1, "a.log"), read(n, 1, "b.log")) == ("a\n", "b\n")


def test_lines_of_many_workers_stay_whole(nuncio, upstream):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")], access_log=[
        conf.file_log(text="<%REQ(:PATH)%>\n")]), concurrency=2)
    conns = [n.connect() for _ in range(20)]
    for i in range(50):
        for k, c in enumerate(conns):
            c.send(request(target=f"/{k}-{i}-" + "y" * 300))
        for c in conns:
            c.response()
    for c in conns:
        c.close()
    lines = read(n, 1000).splitlines()
    assert len(lines) == 1000 and all(re.match(r"</\d+-\d+-y{300}>$", x) for x in lines)
    assert len(set(lines)) == 1000


def test_the_log_is_complete_after_the_end(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), args=["--file-flush-interval-msec", "60000"])
    for i in range(10):
        n.get(f"/{i}")
    n.signal(15)
    n.wait_exit()
    assert len(n.access_log(10)) == 10


FLAGS = [
    ("UF", 503, lambda: dict(upstream=unused_port())),
    ("UH", 503, lambda: dict(hosts=[])),
    ("NR", 404, lambda: dict(routes=[conf.route("/other")])),
    ("UT", 504, lambda: dict(routes=[conf.route("/", timeout="0.1s")], hang=True)),
    ("UC", 503, lambda: dict(close=True)),
]


@pytest.mark.parametrize("flag,status,make", FLAGS, ids=[f[0] for f in FLAGS])
def test_a_failure_has_its_flag_short_and_long(nuncio, upstream, flag, status, make):
    kw = make()
    if kw.get("hang"):
        upstream.handler = lambda c, r: c.wait_peer_close()
    if kw.get("close"):
        upstream.handler = lambda c, r: c.close()
    clusters = [conf.cluster("up", kw.get("upstream", upstream), **(
        {"hosts": []} if "hosts" in kw else {}))]
    n = nuncio(conf.http_proxy(clusters=clusters, routes=kw.get("routes"), access_log=[
        conf.file_log(text="%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%\n")]))
    assert n.get().status == status
    short, long = read(n).split()
    names = {"UF": "UpstreamConnectionFailure", "UH": "NoHealthyUpstream", "NR": "NoRouteFound",
             "UT": "UpstreamRequestTimeout", "UC": "UpstreamConnectionTermination"}
    assert (short, long) == (flag, names[flag])


@pytest.mark.parametrize("fmt,word", [
    ("%NO_SUCH_OPERATOR%", "NO_SUCH_OPERATOR"), ("%REQ%", "REQ"), ("%REQ(", "REQ"),
    ("%PROTOCOL(x)%", "PROTOCOL"), ("%REQ(a):x%", "REQ"), ("%", "%"),
])
def test_a_wrong_format_is_refused_by_dash_t(binary, nuncio, upstream, fmt, word):
    n = nuncio(conf.http_proxy(upstream, access_log=[conf.file_log(text=fmt + "\n")]), start=False)
    r = binary("-p", n.dir, "-t", "-c", n.path)
    assert r.returncode == 1
    assert word in r.stdout + r.stderr


def test_a_log_that_cannot_be_opened_is_named(binary, nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream, access_log=[conf.file_log("/no/such/folder/a.log")]),
               start=False)
    n.allow_alerts, n.allow_exit = ".", (0, 1)
    n.start(wait=False)
    wait_until(lambda: "/no/such/folder/a.log" in n.log(), "the path in the log")
