"""The command line: Envoy's options and nginx's."""
import json
import os
import re
import signal
import subprocess

import pytest
import yaml

from lib import conf, proxy
from lib.client import get
from lib.ports import Port, unused_port
from lib.wait import wait_until


@pytest.fixture
def file(tmp_path):
    """A good configuration file whose listener port is free."""
    b = conf.http_proxy(unused_port(), listener_kw={"port": unused_port()}, access_log=False)
    b["admin"]["address"] = conf.address(unused_port())
    path = tmp_path / "good.yaml"
    path.write_text(yaml.safe_dump(b))
    return path


def test_dash_t_accepts_a_good_file(binary, file, tmp_path):
    r = binary("-p", tmp_path, "-t", "-c", file)
    assert r.returncode == 0, r.stderr
    assert str(file) in r.stdout + r.stderr
    assert "ok" in (r.stdout + r.stderr).lower()


def test_mode_validate_is_the_same(binary, file, tmp_path):
    r = binary("-p", tmp_path, "--mode", "validate", "-c", file)
    assert r.returncode == 0, r.stderr


def test_dash_t_refuses_a_wrong_file_with_status_1(binary, tmp_path):
    (tmp_path / "bad.yaml").write_text("static_resources:\n  listners: []\n")
    r = binary("-p", tmp_path, "-t", "-c", tmp_path / "bad.yaml")
    assert r.returncode == 1
    assert re.search(r"bad\.yaml:2:3: static_resources\.listners: ", r.stdout + r.stderr)


def test_dash_t_names_a_file_that_is_not_there(binary, tmp_path):
    r = binary("-p", tmp_path, "-t", "-c", tmp_path / "none.yaml")
    assert r.returncode == 1
    assert "none.yaml" in r.stderr and "No such file" in r.stderr


def test_dash_t_neither_binds_nor_dials_nor_writes(file, tmp_path):
    trace = tmp_path / "trace"
    before = sorted(os.listdir(tmp_path))
    r = subprocess.run(["strace", "-f", "-o", str(trace), "-e",
                        "trace=bind,connect,listen,sendto,sendmsg,openat,open,creat,mkdir,mkdirat,"
                        "unlink,unlinkat,rename,renameat,renameat2,fork,vfork,clone,clone3",
                        proxy.BINARY, "-p", str(tmp_path), "-t", "-c", str(file)],
                       capture_output=True, text=True, timeout=60,
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    assert r.returncode == 0, r.stderr
    wrong = []
    for line in trace.read_text().splitlines():
        call = line.split(None, 1)[1] if line[:1].isdigit() else line
        name = call.split("(")[0]
        if name in ("bind", "connect", "listen", "sendto", "sendmsg", "creat", "mkdir", "mkdirat",
                    "unlink", "unlinkat", "rename", "renameat", "renameat2"):
            wrong.append(line)
        if name in ("open", "openat") and re.search(r"O_(WRONLY|RDWR|CREAT)", call) \
                and "/dev/" not in call and "/proc/" not in call:
            wrong.append(line)
    assert not wrong
    assert sorted(os.listdir(tmp_path)) == sorted(before + ["trace"])


def test_dash_t_works_while_the_same_file_is_being_served(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    r = n.command("-t")
    assert r.returncode == 0, r.stderr
    assert n.get().status == 200
    assert os.path.exists(f"{n.dir}/run/nuncio.pid")


def test_dash_capital_t_prints_a_configuration_that_can_be_read_again(binary, file, tmp_path):
    r = binary("-p", tmp_path, "-T", "-c", file)
    assert r.returncode == 0, r.stderr
    assert "good.yaml" in r.stdout
    out = tmp_path / "printed.yaml"
    out.write_text(r.stdout)
    got, want = yaml.safe_load(r.stdout), yaml.safe_load(file.read_text())
    name = lambda b: b["static_resources"]["clusters"][0]["name"]
    assert name(got) == name(want)
    assert binary("-p", tmp_path, "-t", "-c", out).returncode == 0


def test_help_names_the_options(binary):
    r = binary("--help")
    assert r.returncode == 0
    text = r.stdout + r.stderr
    for option in ("--config-path", "--config-yaml", "--mode", "--concurrency", "--log-level",
                   "--component-log-level", "--log-path", "--log-format", "--service-cluster",
                   "--service-node", "--service-zone", "--admin-address-path", "--base-id",
                   "--restart-epoch", "--drain-time-s", "--parent-shutdown-time-s",
                   "--file-flush-interval-msec", "--version", "--listen", "--to", "--print-config",
                   "--daemon", "-t", "-T", "-s", "-v", "-V", "-p"):
        assert option in text, option
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_the_version_is_one_line(binary, flag):
    r = binary(flag)
    assert r.returncode == 0
    assert re.match(r"nuncio\S* ?(version)?[: /]*[0-9]+\.[0-9]+", (r.stdout + r.stderr), re.I)


def test_dash_capital_v_tells_how_it_was_built_and_its_modules(binary):
    r = binary("-V")
    assert r.returncode == 0
    text = r.stdout + r.stderr
    for word in ("configure", "envoy.filters.http.router", "envoy.filters.http.buffer",
                 "envoy.filters.network.http_connection_manager", "envoy.access_loggers.file"):
        assert word in text, word


@pytest.mark.parametrize("args", [["--no-such-option"], ["-s", "dance"], ["--concurrency", "x"],
                                  ["--mode", "dance"], ["--log-level", "loud"], ["-c"],
                                  ["--drain-time-s", "-1"], ["stray"]])
def test_a_wrong_command_line_is_refused_and_named(binary, args, tmp_path):
    r = binary("-p", tmp_path, *args)
    assert r.returncode not in (0, None) and r.returncode > 0
    assert args[-1].lstrip("-") in r.stderr or args[0] in r.stderr
    assert len(r.stderr.splitlines()) <= 5


def test_without_a_file_it_says_what_it_looked_for(binary, tmp_path):
    r = binary("-p", tmp_path)
    assert r.returncode == 1
    assert "conf/nuncio.yaml" in r.stderr


def test_dash_s_without_a_running_proxy_says_so(binary, file, tmp_path):
    r = binary("-p", tmp_path, "-c", file, "-s", "reload")
    assert r.returncode == 1
    assert "nuncio.pid" in r.stderr or "not running" in r.stderr


def test_config_yaml_alone_is_enough(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")],
                               access_log=False), start=False)
    text = open(n.path).read()
    at = n.argv.index("-c")
    n.argv[at:at + 2] = ["--config-yaml", text]
    n.start()
    assert n.get().body == b"x"


def test_config_yaml_is_merged_over_the_file(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")]),
               args=["--config-yaml", "{node: {id: over, cluster: c}}"])
    assert n.admin_json("/server_info")["node"]["id"] == "over"


def test_dash_c_may_be_repeated(nuncio, tmp_path):
    (tmp_path / "node.yaml").write_text("node: {id: second}\n")
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")]),
               args=["-c", str(tmp_path / "node.yaml")])
    assert n.get().body == b"x"
    assert n.admin_json("/server_info")["node"]["id"] == "second"


def test_dash_c_may_name_a_folder(nuncio, tmp_path):
    d = tmp_path / "conf.d"
    d.mkdir()
    whole = conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")], access_log=False)
    n = nuncio(whole, start=False)
    whole = yaml.safe_load(open(n.path))
    (d / "10-admin.yaml").write_text(yaml.safe_dump({"admin": whole["admin"]}))
    (d / "20-listeners.yaml").write_text(yaml.safe_dump(
        {"static_resources": {"listeners": whole["static_resources"]["listeners"]}}))
    (d / "30-cluster.json").write_text('{"static_resources": {"clusters": [{"name": "c"}]}}')
    n.argv[n.argv.index("-c") + 1] = str(d)
    n.start()
    assert n.get().body == b"x"
    assert "c::" in n.admin_text("/clusters")


def test_a_json_file_is_read(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")]), start=False)
    data = yaml.safe_load(open(n.path))
    path = f"{n.dir}/c.json"
    with open(path, "w") as f:
        json.dump(data, f)
    n.argv[n.argv.index("-c") + 1] = path
    n.start()
    assert n.get().body == b"x"


def test_node_and_cluster_can_be_given(nuncio):
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")]),
               args=["--service-node", "n1", "--service-cluster", "c1", "--service-zone", "z1"])
    info = n.admin_json("/server_info")
    assert (info["node"]["id"], info["node"]["cluster"], info["node"]["locality"]["zone"]) == \
        ("n1", "c1", "z1")
    assert info["command_line_options"]["service_node"] == "n1"


def test_the_admin_address_can_be_written_to_a_file(nuncio, tmp_path):
    path = tmp_path / "admin-address"
    n = nuncio(conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")]),
               args=["--admin-address-path", str(path)])
    assert path.read_text().strip() == f"127.0.0.1:{n.port('admin')}"


def test_a_port_of_zero_is_chosen_and_shown(nuncio):
    b = conf.http_proxy(clusters=[], routes=[conf.direct("/", 200, "x")])
    n = nuncio(b, start=False, concurrency=2)
    text = open(n.path).read().replace(f"port_value: {n.port()}\n", "port_value: 0\n")
    n.change(text)
    n.start()
    statuses = n.admin_json("/listeners?format=json")["listener_statuses"]
    port = statuses[0]["local_address"]["socket_address"]["port_value"]
    assert port not in (0, n.port())
    assert [get(port).body for _ in range(6)] == [b"x"] * 6


def test_the_log_goes_where_it_is_told_in_the_format_it_is_told(nuncio, upstream, tmp_path):
    path = tmp_path / "my.log"
    n = nuncio(conf.http_proxy(upstream), args=["--log-path", str(path), "--log-format",
                                                "@@%l@%n@%v", "-l", "debug"])
    n.get()
    wait_until(lambda: path.exists() and re.search(r"^@@debug@", path.read_text(), re.M),
               "a debug line in the log")


def test_components_have_levels_of_their_own(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), args=["-l", "error", "--component-log-level",
                                                "http:debug"])
    n.get()
    n.wait_log(r"debug")
    assert "upstream: error" in n.admin("/logging", "POST").body.decode()


def test_listen_and_to_run_a_proxy_without_a_file(nuncio, upstream, tmp_path):
    port = Port()
    n = nuncio(None, start=False, concurrency=None)
    n.argv = [proxy.BINARY, "-p", n.dir, "--listen", f"127.0.0.1:{port.number}", "--to",
              f"127.0.0.1:{upstream.port}"]
    n._ports["main"] = port
    n.start()
    assert n.get("/x").status == 200
    assert upstream.last.target == "/x"


def test_print_config_shows_the_file_it_stands_for(binary, tmp_path, nuncio, upstream):
    port = Port()
    r = binary("-p", tmp_path, "--listen", str(port.number), "--to", f"127.0.0.1:{upstream.port}",
               "--print-config")
    assert r.returncode == 0, r.stderr
    data = yaml.safe_load(r.stdout)
    lst = data["static_resources"]["listeners"][0]
    assert lst["address"]["socket_address"]["port_value"] == port.number
    n = nuncio(None, start=False)
    n._ports["main"] = port
    n.change(r.stdout)
    n.argv += ["-c", n.path]
    n.start()
    assert n.get().status == 200


def test_a_second_proxy_with_the_same_pid_file_is_refused(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    r = n.command()
    assert r.returncode == 1
    assert n.get().status == 200
    assert n.p.poll() is None


def test_restart_epoch_and_base_id_are_accepted(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream), args=["--base-id", "7", "--restart-epoch", "0",
                                                "--parent-shutdown-time-s", "5",
                                                "--disable-hot-restart"])
    assert n.get().status == 200


def test_it_ends_well_when_its_terminal_goes(nuncio, upstream):
    n = nuncio(conf.http_proxy(upstream))
    n.signal(signal.SIGPIPE)
    assert n.get().status == 200
