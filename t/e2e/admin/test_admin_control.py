"""What the admin interface changes, and that it survives what can happen to it."""
import json
import os
import signal
import socket
import threading

import pytest

from lib import client, conf, http1, proc
from lib.wait import wait_until


def inbound(name, direction):
    return conf.listener(conf.hcm([conf.direct("/", 200, name)], stat_prefix=name), name=name,
                         traffic_direction=direction)


def test_a_failed_health_check_ends_connections_after_their_response(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    with n.connect() as c:
        assert c.get().get("connection") is None
        n.admin("/healthcheck/fail", "POST")
        wait_until(lambda: n.get().get("connection") == "close", "connections to be closed")
        assert c.get().get("connection") == "close"
    n.admin("/healthcheck/ok", "POST")
    wait_until(lambda: n.get().get("connection") is None, "connections to be kept")


def test_draining_listeners_close(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    assert n.admin("/drain_listeners", "POST").body == b"OK\n"
    wait_until(lambda: not n.accepts(), "the listener to close")
    assert n.admin("/ready").body == b"LIVE\n"
    assert n.stat("listener_manager.listener_stopped") == 1


def test_only_inbound_listeners_can_be_drained(nuncio):
    n = nuncio(conf.bootstrap([inbound("in", "INBOUND"), inbound("out", "OUTBOUND")]))
    assert n.admin("/drain_listeners?inboundonly", "POST").body == b"OK\n"
    wait_until(lambda: not n.accepts("in"), "the inbound listener to close")
    assert n.get(name="out").body == b"out"


def test_graceful_draining_closes_after_the_drain_time(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), drain_s=1)
    n.admin("/drain_listeners?graceful", "POST")
    assert n.accepts()
    wait_until(lambda: not n.accepts() or n.get().get("connection") == "close", "the drain")
    wait_until(lambda: not n.accepts(), "the listener to close")


def test_graceful_draining_can_leave_listeners_open(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), drain_s=1)
    assert n.admin("/drain_listeners?skip_exit", "POST").status == 400
    n.admin("/drain_listeners?graceful&skip_exit", "POST")
    wait_until(lambda: n.get().get("connection") == "close", "connections to be closed")
    assert n.admin("/ready").status == 200


def test_quitquitquit_ends_the_server(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    assert n.admin("/quitquitquit", "POST").body == b"OK\n"
    assert n.wait_exit() == 0


def test_logs_are_opened_anew(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.get()
    n.access_log(1)
    os.rename(f"{n.dir}/access.log", f"{n.dir}/access.log.1")
    n.admin("/reopen_logs", "POST")
    wait_until(lambda: os.path.exists(f"{n.dir}/access.log"), "the new file")
    n.get()
    n.access_log(1)


def test_a_wrong_value_is_answered_with_the_name_of_its_parameter(n):
    for target, method in (("/clusters?format=dance", "GET"), ("/listeners?format=dance", "GET"),
                           ("/config_dump?name_regex=(", "GET"), ("/stats?filter=(", "GET"),
                           ("/logging?http=loud", "POST"), ("/logging?paths=http", "POST"),
                           ("/stats?type=Dance", "GET"), ("/config_dump?resource=dance", "GET")):
        r = n.admin(target, method)
        assert r.status in (400, 404)
        assert target.split("?")[1].split("=")[0] in r.body.decode(), (target, r.body)


def test_a_method_that_is_not_allowed_is_told_which_one_is(n):
    r = n.admin("/reset_counters")
    assert (r.status, r.get("allow")) == (405, "POST")
    assert n.admin("/stats", "DELETE").status == 405


@pytest.fixture(scope="module")
def n(shared_nuncio, shared_upstream):
    return shared_nuncio(conf.http_proxy(shared_upstream))


def test_a_start_that_waits_for_nothing_has_no_unready_targets(n):
    assert n.admin_json("/init_dump") == {}


def test_endpoints_are_dumped_when_asked_for(n, shared_upstream):
    kinds = [c["@type"].rsplit(".", 1)[1] for c in n.admin_json("/config_dump")["configs"]]
    assert "EndpointsConfigDump" not in kinds
    dump = n.admin_json("/config_dump?include_eds")
    eds = next(c for c in dump["configs"] if c["@type"].endswith("EndpointsConfigDump"))
    a = eds["static_endpoint_configs"][0]["endpoint_config"]
    assert a["cluster_name"] == "up"
    address = a["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert address["port_value"] == shared_upstream.port


def test_the_dump_can_be_limited_to_names(n):
    dump = n.admin_json("/config_dump?name_regex=u.")
    clusters = next(c for c in dump["configs"] if c["@type"].endswith("ClustersConfigDump"))
    assert len(clusters["static_clusters"]) == 1
    listeners = next(c for c in dump["configs"] if c["@type"].endswith("ListenersConfigDump"))
    assert "static_listeners" not in listeners


def test_a_mask_cuts_the_whole_dump(n):
    dump = n.admin_json("/config_dump?mask=bootstrap.admin,static_clusters.cluster.name")
    by_kind = {c["@type"].rsplit(".", 1)[1]: c for c in dump["configs"]}
    assert set(by_kind["BootstrapConfigDump"]) == {"@type", "bootstrap"}
    cluster = by_kind["ClustersConfigDump"]["static_clusters"][0]["cluster"]
    assert set(cluster) == {"@type", "name"}


def test_http_1_0_gets_an_answer_that_ends_with_the_connection(n):
    with client.Client(n.port("admin")) as c:
        c.send(b"GET /stats HTTP/1.0\r\n\r\n")
        r = c.response()
        assert r.status == 200 and b"server.live: 1" in r.body
        c.at_end()


def test_a_body_is_read_and_dropped(n):
    with client.Client(n.port("admin")) as c:
        assert c.request("POST", "/logging", body=b"level=debug", host="admin").status == 200
        assert c.get("/ready", host="admin").status == 200
    with client.Client(n.port("admin")) as c:
        c.send(b"POST /logging HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
               + b"x" * 200000)
        assert c.response().status == 413


def test_more_clients_than_there_is_room_for_do_not_shut_out_others(n):
    idle = [socket.create_connection(("127.0.0.1", n.port("admin"))) for _ in range(200)]
    assert n.admin("/ready").status == 200
    for s in idle:
        s.close()


def many_clusters(upstream, count):
    b = conf.http_proxy(upstream)
    b["static_resources"]["clusters"] += [conf.cluster(f"c{i}", upstream) for i in range(count)]
    return b


def test_a_client_that_does_not_read_costs_little_memory(nuncio, upstream):
    n = nuncio(many_clusters(upstream, 300))
    whole = len(n.admin_text("/stats?format=prometheus"))
    assert whole > 2000000
    before = proc.rss_kb(n.helper())
    slow = []
    for _ in range(20):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", n.port("admin")))
        s.sendall(b"GET /stats/prometheus HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        slow.append(s)
    for _ in range(20):
        assert n.admin("/ready").status == 200
    assert proc.rss_kb(n.helper()) - before < 20 * 1024
    for s in slow:
        s.close()
    n.wait_stat("http.admin.downstream_rq_active", 1)


def test_long_answers_are_whole(nuncio, upstream):
    n = nuncio(many_clusters(upstream, 300))
    dump = n.admin_json("/config_dump?include_eds")
    for c in dump["configs"]:
        for key in ("static_clusters", "static_endpoint_configs"):
            if key in c:
                assert len(c[key]) == 301
    assert len(n.admin_json("/clusters?format=json")["cluster_statuses"]) == 301
    assert n.admin_text("/clusters").count("::added_via_api::false") == 301
    json.loads(n.admin_text("/stats?format=json"))


def test_a_helper_that_is_killed_comes_back_at_the_same_port(nuncio, upstream):
    n = nuncio(many_clusters(upstream, 100))
    n.allow_alerts = "helper"
    old = n.helper()
    go = threading.Event()

    def scrape():
        while not go.is_set():
            try:
                n.admin("/stats")
            except (OSError, AssertionError, http1.Closed):
                pass

    threads = [threading.Thread(target=scrape) for _ in range(3)]
    for t in threads:
        t.start()
    n.get()
    os.kill(old, signal.SIGKILL)

    def back():
        try:
            return n.helper() != old and n.admin("/ready").status == 200
        except (OSError, AssertionError, http1.Closed):
            return False

    wait_until(back, "the admin interface to be back", 5)
    go.set()
    for t in threads:
        t.join()
    assert n.get().status == 200
    assert n.stat("http.ingress.downstream_rq_2xx") == 2


def test_draining_outlives_the_helper(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.allow_alerts = "helper"
    n.admin("/healthcheck/fail", "POST")
    wait_until(lambda: n.get().get("connection") == "close", "connections to be closed")
    old = n.helper()
    os.kill(old, signal.SIGKILL)

    def back():
        try:
            return n.helper() != old and n.admin_json("/server_info")["state"] == "DRAINING"
        except (OSError, AssertionError, http1.Closed):
            return False

    wait_until(back, "the admin interface to be back")
    assert n.get().get("connection") == "close"
    n.admin("/healthcheck/ok", "POST")
    wait_until(lambda: n.get().get("connection") is None, "connections to be kept")


def test_the_address_is_written_where_it_is_asked_for(nuncio, upstream, tmp_path):
    path = tmp_path / "address"
    n = nuncio(conf.http_proxy(upstream), args=["--admin-address-path", str(path)])
    assert path.read_text() == f"127.0.0.1:{n.port('admin')}"


def test_an_address_that_others_can_reach_is_warned_about(nuncio, upstream):
    b = conf.http_proxy(upstream)
    b["admin"]["address"]["socket_address"]["address"] = "0.0.0.0"
    n = nuncio(b)
    n.wait_log(r"warning\]\[admin\].*can be reached from other machines")
