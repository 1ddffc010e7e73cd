"""Fixtures. What a test starts is ended and judged at the end of the test."""
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from lib import conf, proxy
from lib.upstream import Upstream

LONGEST = int(120 * float(os.environ.get("NUNCIO_SLOW", "1")))     # seconds of a part of a test


def pytest_sessionstart(session):
    if not os.access(proxy.BINARY, os.X_OK) and not os.environ.get("NUNCIO_E2E_SELFTEST"):
        pytest.exit(f"there is no {proxy.BINARY}: build it first, or set NUNCIO", 2)


def bounded(part):
    """Nothing waits for ever: not a test, not what is made for it, not its end."""
    def too_long(*_):
        pytest.fail(f"{part} took more than {LONGEST} s")
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from bounded("what is made for the test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from bounded("the test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from bounded("the end of the test")


def make_nuncio(folder):
    """A factory with everything it made in .made; close(factory) ends and judges."""
    made = []

    def factory(config=None, start=True, wait=True, **kw):
        n = proxy.Nuncio(folder / f"n{len(made)}", config, **kw)
        made.append(n)
        return n.start(wait) if start else n

    factory.made = made
    return factory


def close_nuncio(factory):
    wrong = []
    for n in reversed(factory.made):
        wrong += n.finish()
    if wrong:
        logs = "\n".join(n.log()[-4000:] for n in factory.made)
        pytest.fail("\n".join(wrong) + "\n--- log\n" + logs, pytrace=False)


@pytest.fixture
def nuncio(tmp_path):
    """nuncio(config, concurrency=1, args=[...]) starts the program and returns a proxy.Nuncio."""
    factory = make_nuncio(tmp_path)
    yield factory
    close_nuncio(factory)


@pytest.fixture(scope="module")
def shared_nuncio(tmp_path_factory):
    """The same for tables of cases that share one running program."""
    factory = make_nuncio(tmp_path_factory.mktemp("shared"))
    yield factory
    close_nuncio(factory)


def close_upstreams(made):
    errors = []
    for u in made:
        u.stop()
        errors += u.errors
    if errors:
        pytest.fail("the proxy sent what is not HTTP/1: " + "; ".join(errors), pytrace=False)


@pytest.fixture
def upstreams():
    """upstreams() makes a recording upstream each time it is called."""
    made = []

    def factory(**kw):
        made.append(Upstream(**kw))
        return made[-1]

    yield factory
    close_upstreams(made)


@pytest.fixture
def upstream(upstreams):
    return upstreams()


@pytest.fixture(scope="module")
def shared_upstream():
    u = Upstream()
    yield u
    close_upstreams([u])


@pytest.fixture
def proxied(nuncio, upstream):
    """proxied(**hcm fields) starts a proxy for everything in front of the fixture "upstream"."""
    def factory(concurrency=1, args=(), **kw):
        return nuncio(conf.http_proxy(upstream, **kw), concurrency=concurrency, args=args)
    return factory


@pytest.fixture
def public_dir():
    """A folder that workers without privileges can look into; pytest's own are private."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        yield pathlib.Path(d)


@pytest.fixture
def binary():
    """binary("-t", "-c", file) runs the program to its end."""
    return proxy.run


@pytest.fixture
def started():
    """started(argv) runs another program beside the test; ended by pid at its end."""
    made = []

    def factory(argv, **kw):
        made.append(subprocess.Popen(argv, **kw))
        return made[-1]

    yield factory
    for p in made:
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
